"""The training images nearest to a photo: what the model was shown that looks so to it, with whom to credit.

A gallery comes from a catalog and its embeddings, or is kept in a folder: gallery.parquet (a row for each image, with its credit), gallery.safetensors (vectors
in sixteen bits) and tree.parquet. It holds no pictures: these are shown where the catalog is at hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData, Mismatch, Missing
from merian.core.tables import Catalog
from merian.core.tree import RANKS, Tree
from merian.core.vectors import Embeddings, normalise
from merian.encode import Pixels, Preprocess, Unreadable, decode
from merian.encode.tensors import Tensors

__all__ = ["Gallery", "Neighbours", "Picture", "credit"]

COLUMNS = (
    *("id", "taxon", "source", "cluster", "hash", "licence", "rights_holder", "publisher", "references", "url"),
    *("sex", "life_stage", "health"),
)
"""What is kept of an image."""
TABLE, VECTORS, TREE = "gallery.parquet", "gallery.safetensors", "tree.parquet"
THUMBNAIL = 160
"""Pixels of a picture on the page."""


class Picture(NamedTuple):
    """Pixels `[s, s, 3]` of an image, and whom to credit."""

    pixels: Pixels
    credit: str


def credit(row: Mapping[str, str | None]) -> str:
    """Whom to credit for an image (a row of a catalog), and its licence."""
    holder = row["rights_holder"] or row["publisher"] or "rights holder not told"
    return f"{holder}; {row['licence'] or 'licence not told'}"


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A row of `table` for each image, nearest first: COLUMNS, `name`, `rank`, `similarity` (cosine).

    They are the nearest `among` so many images, whose median similarity is `typical` (nan among none); `itself`: whether the very photo was there and left out.
    """

    table: pl.DataFrame
    among: int
    typical: float
    itself: bool


@dataclass(frozen=True, eq=False)
class Gallery:
    """The images of a catalog that have been embedded: `rows` [n] in COLUMNS, `vectors` [n, d], the `tree` of their taxa.

    `split` is "train", or "" where the catalog has no such images; `catalog` is None where none is at hand, so that no picture can be shown.
    """

    rows: pl.DataFrame
    vectors: npt.NDArray[np.float32]
    tree: Tree
    split: str
    catalog: Catalog | None = None

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
        rows = rows.filter(pl.col("id").is_in(embeddings.ids.implode())).select(COLUMNS)
        if rows.is_empty():
            raise Missing("vectors of the catalog's images", "the embeddings", "make them with: merian embed CATALOG")
        return cls(rows, embeddings.take(rows["id"]).vectors, catalog.tree, split, catalog)

    @classmethod
    def kept(cls, folder: Path) -> Gallery | None:
        """The Gallery in a folder, None where there is none. Raises BadData when it is damaged."""
        if not (folder / TABLE).is_file():
            return None
        try:
            rows = pl.read_parquet(folder / TABLE, glob=False).select(COLUMNS)
            split = json.loads(pl.read_parquet_metadata(folder / TABLE)["merian"])["split"]
            vectors = normalise(Tensors(folder / VECTORS)["vectors"].astype(np.float32))
        except (KeyError, ValueError, pl.exceptions.PolarsError) as error:
            raise BadData(folder, f"the gallery is damaged, make it again: {error}") from error
        if len(vectors) != len(rows):
            raise BadData(folder, f"the gallery is damaged, make it again: {len(rows)} rows, {len(vectors)} vectors")
        return cls(rows, vectors, Tree.load(folder / TREE), split)

    def save(self, folder: Path) -> None:
        """Write the Gallery into a store."""
        from safetensors.numpy import save

        with store.atomic(folder / TABLE) as stream:
            self.rows.write_parquet(stream, metadata={"merian": json.dumps({"split": self.split})})
        with store.atomic(folder / VECTORS) as stream:
            stream.write(save({"vectors": self.vectors.astype(np.float16)}))
        self.tree.save(folder / TREE)

    def nearest(
        self, vector: npt.NDArray[np.floating], k: int = 6, digest: str = "", below: tuple[int, int] | None = None
    ) -> Neighbours:
        """The Neighbours of a unit vector [d], one of each cluster of near duplicates; none is the image with the SHA-256 `digest`.

        `below`: only images of taxa from the first up to, and without, the second.
        """
        similarity = self.vectors.astype(np.float64) @ np.asarray(vector, np.float64)
        taxon = self.rows["taxon"].fill_null(-1).to_numpy()
        own = (self.rows["hash"] == digest).fill_null(False).to_numpy() if digest else np.zeros(len(self.rows), bool)
        asked = ~own if below is None else ~own & (taxon >= below[0]) & (taxon < below[1])
        order = np.argsort(-similarity, kind="stable")
        order = order[asked[order]]
        ranked = self.rows.select(pl.all().gather(pl.Series(order, dtype=pl.UInt32)))
        ranked = ranked.with_columns(pl.Series("similarity", similarity[order]))
        ranked = ranked.with_columns(pl.coalesce("cluster", "id").alias("_one"))
        table = ranked.unique("_one", keep="first", maintain_order=True).head(k)
        taxa = table["taxon"].fill_null(-1).to_list()
        table = table.with_columns(
            pl.Series("name", [self.tree.names[t] if t >= 0 else None for t in taxa], pl.String),
            pl.Series("rank", [RANKS[self.tree.rank[t]] if t >= 0 else None for t in taxa], pl.String),
        )
        typical = float(np.median(similarity[order])) if len(order) else float("nan")
        return Neighbours(table.drop("_one"), len(order), typical, bool(own.any()))

    def pictures(self, ids: Sequence[str], look: Preprocess) -> dict[str, Picture]:
        """The Pictures of the images with these ids that can be decoded; none without the catalog."""
        if self.catalog is None:
            return {}
        rows = self.catalog.kept().filter(pl.col("id").is_in(list(ids)))
        look, found = replace(look, size=THUMBNAIL, mode="shortest"), {}
        for row, data in zip(rows.iter_rows(named=True), self.catalog.images(rows), strict=True):
            try:
                found[row["id"]] = Picture(decode(data, look), credit(row))
            except Unreadable:
                continue
        return found
