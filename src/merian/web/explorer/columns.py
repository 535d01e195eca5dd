"""What the points of the map can be coloured by: ranks, what was recorded, places, traits, and how sure the model is; each as one array of numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tree import RANKS
from merian.web.facts import Json
from merian.web.parts import Parts

__all__ = ["Column", "coded", "known", "measured", "place_column", "rank_column", "trait_column"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TEXTS = ("life_stage", "sex", "health", "habitat", "source", "country")
"""Columns of the catalog that the map can be coloured by."""
MOST_TRAITS = 40
MOST_NAMES = 400
"""A column with more different texts than this is no trait but a label, and nobody could tell its colours apart. From taste."""
BLOCK_DEG = 20
"""Sides of the blocks of the Earth that places are told apart by. From taste."""


@dataclass(frozen=True, eq=False)
class Column:
    """One colouring of n points: `names` with `codes` [n] int32 (-1: not known), or `values` [n] float32 (nan: not known) with a unit.

    `kind`: rank, trait, place, uncertainty, text or number. `about`: of taxa their common names, ids and order in the tree.
    """

    key: str
    label: str
    kind: str
    codes: npt.NDArray[np.int32] | None = None
    names: tuple[str, ...] = ()
    values: npt.NDArray[np.float32] | None = None
    unit: str = ""
    about: dict[str, list[Any]] | None = None

    @property
    def brief(self) -> Json:
        """What the page is told before it asks for the column."""
        return {"key": self.key, "label": self.label, "kind": self.kind, "unit": self.unit, "names": len(self.names)}

    def plain(self) -> Json:
        """The column as JSON, under the kinds that /api/layout tells of: rank, text and number."""
        said: Json = {"key": self.key, "label": self.label}
        if self.codes is None:
            values = [] if self.values is None else self.values.tolist()
            told = [float(f"{v:.5g}") if np.isfinite(v) else None for v in values]
            return {**said, "kind": "number", "unit": self.unit, "values": told}
        kind = "rank" if self.kind == "rank" else "text"
        return {**said, "kind": kind, "names": list(self.names), "codes": self.codes.tolist(), **(self.about or {})}

    def taken(self, rows: Ints) -> Column:
        """The column of the points in some rows [m]."""
        codes = None if self.codes is None else self.codes[rows]
        return replace(self, codes=codes, values=None if self.values is None else self.values[rows])


def rank_column(parts: Parts, taxa: Ints, rank: int) -> Column | None:
    """The clades of a rank that points of these taxa [n] belong to, the commonest first."""
    if parts.catalog is None:
        return None
    tree = parts.catalog.tree
    clades = np.where(taxa >= 0, tree.ancestors[taxa, rank], -1).astype(np.int64)
    found, codes = _by_number(clades)
    if not len(found):
        return None
    about: dict[str, list[Any]] = {
        "common": [tree.common_name(c) for c in found],
        "taxa": [tree.ids[c] for c in found],
        "order": np.argsort(np.argsort(found)).tolist(),
    }
    return Column(RANKS[rank], RANKS[rank], "rank", codes, tuple(tree.names[c] for c in found), about=about)


def _by_number(values: Ints) -> tuple[list[int], npt.NDArray[np.int32]]:
    """The different values from 0 on, the commonest first, and the place of each of `values` [n] among them, -1 below 0."""
    found, of, counts = np.unique(values, return_inverse=True, return_counts=True)
    counts[found < 0] = -1
    ranked = np.argsort(-counts, kind="stable")
    kept = int((found >= 0).sum())
    place = np.empty(len(found), np.int32)
    place[ranked] = np.arange(len(found))
    place[found < 0] = -1
    return found[ranked][:kept].tolist(), place[of]


def coded(key: str, texts: pl.Series, kind: str = "text") -> Column | None:
    """A column of texts [n] by their names; None where there is but one, or too many to be told apart."""
    counts = texts.replace("", None).drop_nulls().value_counts(sort=True)
    if not 1 < len(counts) <= MOST_NAMES:
        return None
    names = counts.sort("count", texts.name, descending=[True, False])[texts.name].to_list()
    place = {name: code for code, name in enumerate(names)}
    codes = texts.replace_strict(place, default=-1, return_dtype=pl.Int32).fill_null(-1).to_numpy()
    return Column(key, key.replace("_", " "), kind, codes, tuple(names))


def measured(key: str, unit: str, values: Doubles, kind: str = "number") -> Column | None:
    """A column of numbers [n]; None where no two differ."""
    known = values[np.isfinite(values)]
    if not len(known) or known.max() <= known.min():
        return None
    kept = np.where(np.isfinite(values), values, np.nan).astype(np.float32)
    return Column(key, key.replace("_", " "), kind, values=kept, unit=unit)


def place_column(latitude: Doubles, longitude: Doubles) -> Column | None:
    """The blocks of the Earth, BLOCK_DEG degrees a side, that places [n] lie in: "40 to 60 N, 0 to 20 E"."""
    there = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)
    blocks = (np.floor(np.where(there, c, 0) / BLOCK_DEG).astype(np.int64) for c in (latitude, longitude))
    south, west = (BLOCK_DEG * block for block in blocks)
    west = np.minimum(west, 180 - BLOCK_DEG)  # 180 itself
    found, codes = _by_number(np.where(there, (south + 100) * 1000 + west + 180, -1))
    if len(found) < 2:
        return None
    names = (f"{_side(k // 1000 - 100, 'S', 'N', 90)}, {_side(k % 1000 - 180, 'W', 'E', 180)}" for k in found)
    return Column("block", "place", "place", codes, tuple(names))


def _side(low: int, below: str, above: str, end: int) -> str:
    high = low + BLOCK_DEG
    return f"{low}–{min(high, end)}° {above}" if low >= 0 else f"{-high}–{min(-low, end)}° {below}"


def trait_column(parts: Parts, taxa: Ints, key: str) -> Column | None:
    """A trait of each point's species, as far as it is known."""
    if parts.catalog is None or parts.layout is None:
        return None
    rows = parts.layout.traits.filter(pl.col("trait") == key)
    if rows.is_empty():
        return None
    tree = parts.catalog.tree
    value = np.full(len(tree) + 1, np.nan)
    value[rows["taxon"].to_numpy()] = rows["value"].to_numpy()
    species = np.where(taxa >= 0, tree.ancestors[taxa, RANKS.index("species")], -1)
    return measured(key, str(rows["unit"][0] or ""), value[species], "trait")


def known(parts: Parts, taxa: Ints) -> list[Column]:
    """The columns that lie ready in the store, of the points of its layout, which show these taxa [n] of the catalog's Tree."""
    if parts.layout is None:
        return []
    found = [rank_column(parts, taxa, rank) for rank in range(len(RANKS))]
    traits = parts.layout.traits["trait"].unique(maintain_order=True).to_list()[:MOST_TRAITS]
    found += [trait_column(parts, taxa, key) for key in traits]
    plan = parts.layout
    table = pl.DataFrame({"id": plan.ids})
    if parts.catalog is not None:
        frame = parts.catalog.kept().select("id", *TEXTS, "latitude", "longitude").unique("id", keep="first")
        table = table.join(frame, on="id", how="left", maintain_order="left")
        at = {c: table[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("latitude", "longitude")}
        found.append(place_column(at["latitude"], at["longitude"]))
        found += [measured(c, "degree", values, "place") for c, values in at.items()]
        table = table.drop("latitude", "longitude")
    own = [c for c in plan.columns.columns if c not in table.columns and c not in RANKS]
    for series in table.hstack(plan.columns.select(own).get_columns()).get_columns()[1:]:
        if series.dtype.is_numeric():
            found.append(measured(series.name, "", series.cast(pl.Float64).fill_null(np.nan).to_numpy()))
        else:
            kind = "place" if series.name == "country" else "text"
            found.append(coded(series.name, series.cast(pl.String), kind))
    first: dict[str, Column] = {}
    for column in found:
        if column is not None:
            first.setdefault(column.key, column)
    return list(first.values())
