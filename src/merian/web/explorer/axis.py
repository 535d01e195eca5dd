"""Species along a trait: read off their mean vectors by regressions that have not seen their clade, beside the same with the trait dealt at random."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.tree import RANKS, Tree
from merian.explore.axes import clade_folds, out_of_clade, species_means, trait_axis, unfit
from merian.web import facts
from merian.web.explorer.board import Board
from merian.web.facts import Json
from merian.web.remembered import Remembered
from merian.web.uploads import Refused

__all__ = ["LEAST", "Axes", "clade_of"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEAST = 10
"""Species of which a trait must be known, as in `merian explore`."""
MOST = 4_000
"""Species that an axis is read from at most; of more, an even part. From taste: some seconds of a core."""
SHUFFLES = 99
KEPT = 64
"""Answers that are remembered."""
BIGGEST = 200_000
"""Photos that the means of species are made of at most, an even part of more: what a request may take of the memory."""


@dataclass(eq=False)
class Axes:
    """The axes of one store; an answer is remembered for as long as the store is served."""

    board: Board
    _found: Remembered[tuple[str, int], Json] = field(default_factory=lambda: Remembered(KEPT))

    @property
    def traits(self) -> list[Json]:
        """The traits of the store's table, each with its unit and the number of species that it is known of."""
        layout = self.board.parts.layout
        if layout is None or layout.traits.is_empty():
            return []
        rows = layout.traits.group_by("trait", maintain_order=True).agg(pl.col("unit").first(), species=pl.len())
        return rows.with_columns(pl.col("unit").fill_null("")).rows(named=True)

    @functools.cached_property
    def _means(self) -> tuple[Ints, Doubles, dict[int, str]]:
        """The species [s] that have vectors, their means [s, d], and a photo of each: the one nearest to the mean."""
        embeddings = self.board.parts.embeddings
        species = self.board.species_of_vectors
        if embeddings is None or not (species >= 0).any():
            return np.zeros(0, np.int64), np.zeros((0, 0)), {}
        rows = np.flatnonzero(species >= 0)
        if len(rows) > BIGGEST:
            rows = rows[np.linspace(0, len(rows) - 1, BIGGEST).astype(np.int64)]
        vectors, own = embeddings.vectors[rows], species[rows]
        names, means = species_means(vectors, own)
        place = np.searchsorted(names, own)
        near = np.concatenate(
            [(vectors[k : k + 4096] * means[place[k : k + 4096]]).sum(1) for k in range(0, len(rows), 4096)]
        )
        best = np.lexsort((-near, place))
        first = best[np.flatnonzero(np.diff(place[best], prepend=-1))]
        images = embeddings.ids.gather(rows[first].tolist()).to_list()
        return names, means, dict(zip(names.tolist(), images, strict=True))

    def read(self, trait: str, clade: str) -> Json:
        """The axis of a trait (empty: the first) among the species of a clade (empty: all). Raises Refused for what is not there."""
        known = self.traits
        if not known:
            return {"trait": None, "unit": "", "traits": [], **_nothing("this store has no table of traits")}
        name = trait or known[0]["trait"]
        unit = next((row["unit"] for row in known if row["trait"] == name), None)
        if unit is None:
            raise Refused(404, f"no trait is called {name[:60]!r}", "take one from /api/explorer/axis")
        number = clade_of(self.board, clade)
        told = self._found.get((name, number), lambda: self._read(name, number))
        return {"trait": name, "unit": unit, "traits": known, **told}

    def _read(self, trait: str, clade: int) -> Json:
        layout, catalog = self.board.parts.layout, self.board.parts.catalog
        if layout is None or catalog is None:
            return _nothing("this store has no catalog")
        tree, (names, means, images) = catalog.tree, self._means
        rows = layout.traits.filter(pl.col("trait") == trait).unique("taxon", keep="first").sort("taxon")
        if clade >= 0:
            rows = rows.filter(pl.col("taxon").is_between(clade, int(tree.end[clade]) - 1))
        rows = rows.filter(pl.col("taxon").is_in(names.tolist()) & pl.col("value").is_finite())
        if len(rows) > MOST:
            rows = rows[np.linspace(0, len(rows) - 1, MOST).astype(np.int64).tolist()]
        taxa, values = rows["taxon"].to_numpy(), rows["value"].to_numpy()
        if why := unfit(values, LEAST):
            return _nothing(why, len(taxa))
        folds, rank = clade_folds(tree, taxa)
        own = means[np.searchsorted(names, taxa)]
        axis = trait_axis(own, values, folds, stream(0, "web", "axis", trait), SHUFFLES)
        _, read = out_of_clade(own, values[:, None], folds)
        return {
            "why": None,
            "left_out": rank,
            "known": len(taxa),
            "rho": _three(axis.rho),
            "r2": _three(axis.r2),
            "control": {"rho": _or_none(axis.shuffled_rho), "r2": _or_none(axis.shuffled_r2), "p": axis.p},
            "species": _species(tree, taxa, read[:, 0], values, images),
        }


def clade_of(board: Board, taxon: str) -> int:
    """The number of a taxon in the catalog's Tree, -1 for an empty id. Raises Refused for one that is not there."""
    if not taxon:
        return -1
    try:
        number = facts.own_number(board.parts, *facts.found(board.parts, taxon))
    except KeyError:
        number = -1
    if number < 0:
        raise Refused(404, f"no taxon of the map has the id {taxon[:80]!r}", "take an id from /api/find or /api/tree")
    return number


def _species(tree: Tree, taxa: Ints, read: Doubles, values: Doubles, images: dict[int, str]) -> list[Json]:
    """Each species with its place along the axis, from 0 to 1, and its value, by that place."""
    low, high = float(read.min()), float(read.max())
    at = (read - low) / (high - low or 1.0)
    family = RANKS.index("family")
    return [
        {
            "taxon": facts.taxon(tree, int(taxa[i])),
            "clade": tree.names[int(c)] if (c := tree.ancestors[taxa[i], family]) >= 0 else None,
            "at": round(float(at[i]), 4),
            "value": float(f"{values[i]:.5g}"),
            "image": images.get(int(taxa[i])),
        }
        for i in np.argsort(at, kind="stable").tolist()
    ]


def _nothing(why: str, known: int = 0) -> Json:
    none: Json = {"left_out": None, "rho": None, "r2": None, "control": None, "species": []}
    return {"why": why, "known": known, **none}


def _three(value: tuple[float, float, float]) -> Json | None:
    said = dict(zip(("value", "low", "high"), map(_or_none, value), strict=True))
    return None if said["value"] is None else said


def _or_none(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
