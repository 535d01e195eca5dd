"""Variation inside species in three dimensions: the plane of the differences between species, and what is upright on it, for photos of one clade."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData
from merian.explore.orthogonality import IN_PLANE, Panel, panel
from merian.web import facts
from merian.web.explorer.axis import clade_of
from merian.web.explorer.board import Board
from merian.web.facts import Json
from merian.web.remembered import Remembered
from merian.web.uploads import Refused

__all__ = ["INSIDE", "MOST", "Within"]

Ints = npt.NDArray[np.int64]
INSIDE = ("sex", "life_stage", "health", "behaviour")
"""What individuals of a species differ in."""
MOST = 6_000
"""Photos that are measured; of more, a like number of each variant of each species. From taste: some seconds of a core."""
SPECIES = 300
"""Species that are measured, those with most photos."""
SHOWN = 10
"""Species that the picture shows, those with most photos: as many as there are pigments."""
REPLICATES = 200
"""Resamplings behind an interval. From taste: its ends are told to two digits."""
VARIANTS = 6
KEPT = 32


@dataclass(eq=False)
class Within:
    """The pictures of one store; an answer is remembered for as long as the store is served."""

    board: Board
    _found: Remembered[tuple[str, int], Json] = field(default_factory=lambda: Remembered(KEPT))

    @property
    def columns(self) -> list[str]:
        """What the catalog records of individuals: columns of INSIDE with two different values at least."""
        catalog = self.board.parts.catalog
        if catalog is None:
            return []
        kept = catalog.kept()
        return [c for c in INSIDE if kept[c].replace("", None).drop_nulls().n_unique() > 1]

    def show(self, column: str, clade: str) -> Json:
        """The picture of a column (empty: the first) among the species of a clade (empty: all). Raises Refused for what is not there."""
        offered = self.columns
        if column and column not in INSIDE:
            raise Refused(404, f"column={column[:40]!r}", f"take one of {', '.join(INSIDE)}")
        name = column or (offered[0] if offered else INSIDE[0])
        number = clade_of(self.board, clade)
        told = self._found.get((name, number), lambda: self._show(name, number))
        return {"column": name, "columns": offered, **told}

    def _show(self, column: str, clade: int) -> Json:
        catalog, embeddings = self.board.parts.catalog, self.board.parts.embeddings
        if catalog is None or embeddings is None:
            return _nothing("this store has no vectors of its photos; make them with merian embed")
        rows = self._rows(column, clade)
        if not len(rows):
            return _nothing(f"no photo with a vector and a species says its {column.replace('_', ' ')}")
        at, species, variants = rows["vector"].to_numpy(), rows["species"].to_numpy(), rows[column].to_list()
        try:
            made = panel(
                embeddings.vectors[at],
                [f"{s:012d}" for s in species.tolist()],
                variants,
                stream(0, "web", "within", column),
                REPLICATES,
            )
        except BadData as error:
            return _nothing(str(error))
        return _told(made, self.board, rows["id"].to_list())

    def _rows(self, column: str, clade: int) -> pl.DataFrame:
        """The photos to show (id, species, vector, the column): of the species with most photos, a like number of each variant of each."""
        catalog = self.board.parts.catalog
        assert catalog is not None
        vectors, species = self.board.parts.vector_rows, self.board.species_of_vectors
        rows = (
            catalog.kept().filter(pl.col(column).is_not_null() & (pl.col(column) != "")).select("id", "taxon", column)
        )
        if clade >= 0:
            rows = rows.filter(pl.col("taxon").is_between(clade, int(catalog.tree.end[clade]) - 1))
        at = np.array([vectors.get(i, -1) for i in rows["id"].to_list()], np.int64)
        own = np.where(at >= 0, species[at], -1) if len(species) else np.full(len(at), -1)
        rows = rows.with_columns(vector=at, species=own).filter(pl.col("species") >= 0)
        common = rows[column].value_counts(sort=True).sort("count", column, descending=[True, False])[column]
        rows = rows.filter(pl.col(column).is_in(common.head(VARIANTS).to_list()))
        ranked = (
            rows.group_by("species")
            .agg(n=pl.len(), kinds=pl.col(column).n_unique())
            .sort(pl.col("kinds") > 1, "n", "species", descending=[True, True, False])
        )
        rows = rows.filter(pl.col("species").is_in(ranked["species"].head(SPECIES).to_list()))
        cells = max(rows.select("species", column).n_unique(), 1)
        turn = pl.int_range(pl.len()).over("species", column)
        return rows.filter(turn < max(MOST // cells, 2)).sort("species", "vector")


def _told(made: Panel, board: Board, ids: list[str]) -> Json:
    """The panel as JSON, its three axes in one unit so that right angles stay right; of the species those with most photos and several variants."""
    assert board.parts.catalog is not None
    tree = board.parts.catalog.tree
    counts = np.bincount(made.of_species, minlength=len(made.species))
    several = np.isfinite(made.means[:, :, 0]).sum(1) > 1
    shown = np.lexsort((np.arange(len(counts)), -counts, ~several))[:SHOWN]
    place = np.full(len(counts), -1)
    place[shown] = np.arange(len(shown))
    kept = np.flatnonzero(place[made.of_species] >= 0)
    reach = max(float(np.abs(made.points[kept]).max()), 1e-12)
    rho = {
        name: round(v, 4) if np.isfinite(v) else None
        for name, v in zip(("value", "low", "high"), made.rho, strict=True)
    }
    return {
        "why": None,
        "variants": list(made.variants),
        "species": [
            {
                "taxon": facts.taxon(tree, int(made.species[s])),
                "count": int(counts[s]),
                "means": _means(made.means[s] / reach),
            }
            for s in shown.tolist()
        ],
        "photos": {
            "ids": [ids[i] for i in kept.tolist()],
            "at": np.round(made.points[kept] / reach, 4).ravel().tolist(),
            "species": place[made.of_species[kept]].tolist(),
            "variant": made.of_variant[kept].tolist(),
        },
        "measured": {"species": len(made.species), "photos": len(made.points)},
        "rho": rho,
        "chance": round(made.chance, 5),
        "k": IN_PLANE,
        "dimensions": made.dimensions,
        "plane": round(made.plane, 4),
        "upright": round(made.upright, 4),
    }


def _means(means: npt.NDArray[np.float64]) -> list[Any]:
    return [None if np.isnan(m[0]) else np.round(m, 4).tolist() for m in means]


def _nothing(why: str) -> Json:
    none = dict.fromkeys(("photos", "measured", "rho", "chance", "k", "dimensions", "plane", "upright"))
    return {"why": why, "variants": [], "species": [], **none}
