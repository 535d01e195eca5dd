"""The training images nearest to a photo: what the model was shown that looks so to it, with whom to credit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import Mismatch, Missing
from merian.core.tables import Catalog
from merian.core.tree import RANKS
from merian.core.vectors import Embeddings

__all__ = ["COLUMNS", "Gallery", "Neighbours"]

COLUMNS = ("id", "taxon", "licence", "rights_holder", "publisher", "references", "url", "sex", "life_stage", "health")


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A row of `table` for each image, nearest first: COLUMNS, `name`, `rank`, `similarity` (cosine).

    They are the nearest `among` so many images, whose median similarity is `typical`; `itself`: whether the very photo was there and left out.
    """

    table: pl.DataFrame
    among: int
    typical: float
    itself: bool


@dataclass(frozen=True, eq=False)
class Gallery:
    """The images of a catalog that have been embedded: `rows` [n] of the catalog, `vectors` [n, d]; `split` is "train", or "" where it has no such images."""

    catalog: Catalog
    rows: pl.DataFrame
    vectors: npt.NDArray[np.float32]
    split: str

    @classmethod
    def of(cls, catalog: Catalog, embeddings: Embeddings, fingerprint: str) -> Gallery:
        """The training images of the catalog (all kept ones where none are) that have a vector.

        Raises Mismatch for embeddings of another model or of another catalog's tree, Missing when not one of the images has a vector.
        """
        if embeddings.fingerprint != fingerprint:
            told = "embed the catalog with the model that explains: merian embed CATALOG --model MODEL --out EMBEDDINGS"
            raise Mismatch("embeddings and model", embeddings.fingerprint, fingerprint, told)
        embeddings.belong_to(catalog.tree.version)
        split = "train" if len(catalog.kept("train")) else ""
        rows = catalog.kept(split or None)
        rows = rows.filter(pl.col("id").is_in(embeddings.ids.implode()))
        if rows.is_empty():
            raise Missing("vectors of the catalog's images", "the embeddings", "make them with: merian embed CATALOG")
        return cls(catalog, rows, embeddings.take(rows["id"]).vectors, split)

    def nearest(self, vector: npt.NDArray[np.floating], k: int = 6, digest: str = "") -> Neighbours:
        """The Neighbours of a unit vector [d], one of each cluster of near duplicates; none is the image with the SHA-256 `digest`."""
        similarity = self.vectors.astype(np.float64) @ np.asarray(vector, np.float64)
        own = (self.rows["hash"] == digest).fill_null(False).to_numpy() if digest else np.zeros(len(self.rows), bool)
        order = np.argsort(-similarity, kind="stable")
        order = order[~own[order]]
        ranked = self.rows.select(pl.all().gather(pl.Series(order, dtype=pl.UInt32)))
        ranked = ranked.with_columns(pl.Series("similarity", similarity[order]))
        ranked = ranked.with_columns(pl.coalesce("cluster", "id").alias("_one"))
        table = ranked.unique("_one", keep="first", maintain_order=True).head(k)
        tree, taxa = self.catalog.tree, table["taxon"].fill_null(-1).to_list()
        table = table.with_columns(
            pl.Series("name", [tree.names[t] if t >= 0 else None for t in taxa], pl.String),
            pl.Series("rank", [RANKS[tree.rank[t]] if t >= 0 else None for t in taxa], pl.String),
        )
        typical = float(np.median(similarity[order])) if len(order) else float("nan")
        return Neighbours(table.drop("_one"), len(order), typical, bool(own.any()))
