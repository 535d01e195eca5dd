"""Which images show which variant of a species: words as written, contrasts of two of them, and cases (specimens) that hold both apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tree import Tree, read_table

__all__ = ["ATTRIBUTES", "DISEASED", "HEALTHY", "LEFT_OUT", "Contrast", "contrasts", "labelled", "means_of"]

Doubles = npt.NDArray[np.float64]
ATTRIBUTES = ("sex", "life_stage", "health")
UNKNOWN = (
    "",
    "unknown",
    "undetermined",
    "indeterminate",
    "not determined",
    "not recorded",
    "not specified",
    "unsexed",
    "n/a",
    "na",
    "none",
    "null",
    "mixed",
)
"""Words that say nothing, in lower case."""
HEALTHY, DISEASED = "healthy", "diseased"
SOUND = (HEALTHY, "health", "normal", "not diseased", "no disease")
"""Words for healthy; every other word of health is a disease."""
ALIASES = {
    "occurrenceid": "id",
    "lifestage": "life_stage",
    "stage": "life_stage",
    "vitality": "health",
    "lesion": "health",
}
"""Other names of columns in a table of labels; in `lesion`, the truth of drawn sources, empty means healthy."""
PER_ATTRIBUTE = 3
"""Of an attribute with many words the contrasts known of most species are looked at: so many. A matter of taste."""
LEFT_OUT = {
    "part": pl.String,
    "subject": pl.String,
    "taxon": pl.Int32,
    "species": pl.String,
    "first": pl.UInt32,
    "second": pl.UInt32,
    "reason": pl.String,
}
"""Columns of what was left out: first and second are the specimens of either variant; of a trait, taxon and both are null."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two variants (`first`, `second`) of an attribute and the cases of the species that show both.

    rows [m] are the images used, as rows of the study's table; case [m] the case of each; per case its species [u] (a taxon) and whether it is of the first
    variant [u].
    """

    attribute: str
    first: str
    second: str
    rows: npt.NDArray[np.int64]
    case: npt.NDArray[np.int64]
    species: npt.NDArray[np.int32]
    is_first: npt.NDArray[np.bool_]

    @property
    def name(self) -> str:
        """ "sex: female | male"."""
        return f"{self.attribute}: {self.first} | {self.second}"


def means_of(vectors: npt.NDArray[np.floating], rows: npt.NDArray[np.int64], case: npt.NDArray[np.int64]) -> Doubles:
    """The mean vector of the images of each case: vectors [n, d], rows [m] of them, case [m] from 0: [u, d]."""
    order = np.argsort(case, kind="stable")
    starts = np.searchsorted(case[order], np.arange(int(case.max(initial=-1)) + 1))
    sums = np.add.reduceat(vectors[rows[order]].astype(np.float64), starts, axis=0)
    return np.asarray(sums / np.bincount(case)[:, None])


def labelled(rows: pl.DataFrame, table: Path | None = None) -> pl.DataFrame:
    """The rows of a catalog with sex, life_stage and health in lower case, null where nothing is said; those of `table` (by id) where it has the column.

    Raises Missing when the table is not there, BadData when it names no image of the rows or none of the three.
    """
    if table is not None:
        given = _read(table)
        columns = [c for c in ATTRIBUTES if c in given.columns]
        if not columns:
            raise BadData(
                table, f"a table of labels needs one of the columns {', '.join(ATTRIBUTES)}", given.columns[:10]
            )
        rows = rows.drop(columns).join(given.select("id", *columns), on="id", how="left", maintain_order="left")
        if all(rows[c].null_count() == len(rows) for c in columns):
            raise BadData(table, "says nothing of the images that are looked at: its ids are not theirs")
    words = [pl.col(c).str.strip_chars().str.to_lowercase().str.replace_all(r"\s+", " ").alias(c) for c in ATTRIBUTES]
    rows = rows.with_columns(words)
    rows = rows.with_columns(pl.when(~pl.col(c).is_in(UNKNOWN)).then(pl.col(c)).alias(c) for c in ATTRIBUTES)
    if not rows["health"].is_in(SOUND).any():
        return rows
    health = pl.when(pl.col("health").is_in(SOUND)).then(pl.lit(HEALTHY)).otherwise(pl.lit(DISEASED))
    return rows.with_columns(pl.when(pl.col("health").is_not_null()).then(health).alias("health"))


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise Missing("the table of labels", path, "give a table with the columns id and sex, life_stage or health")
    table = read_table(path)
    names: dict[str, str] = {}
    for column in table.columns:
        name = ALIASES.get(column.casefold(), column.casefold())
        if name in ("id", *ATTRIBUTES) and name not in names.values():
            names[column] = name
    if "id" not in names.values():
        raise BadData(path, "a table of labels needs the column id (or occurrenceID)", table.columns[:10])
    given = table.select(pl.col(c).cast(pl.String).alias(n) for c, n in names.items())
    if any(c.casefold() == "lesion" for c in names):
        given = given.with_columns(
            health=pl.when(pl.col("health").fill_null("") == "").then(pl.lit(HEALTHY)).otherwise("health")
        )
    return given.unique("id", keep="first", maintain_order=True)


def contrasts(rows: pl.DataFrame, tree: Tree, least: int) -> tuple[list[Contrast], pl.DataFrame, list[str]]:
    """The contrasts of each attribute known of most species, the species left out of each with the reason (columns LEFT_OUT), and remarks.

    `rows`: of `labelled`, with a column `species` (a taxon). A species takes part with `least` specimens (groups) of either variant.
    """
    found: list[Contrast] = []
    left, remarks = [pl.DataFrame(schema=LEFT_OUT)], []
    for attribute in ATTRIBUTES:
        known = rows.with_row_index("row").filter(pl.col(attribute).is_not_null())
        words = known[attribute].unique().sort().to_list()
        if len(words) < 2:
            said = f"only {words[0]!r} is noted" if words else "it is noted of no image"
            remarks.append(f"{attribute}: cannot be looked at, {said}")
            continue
        pairs = [_pair(words, a, b) for a, b in combinations(words, 2)]
        counts = {pair: _counts(known, attribute, pair) for pair in pairs}
        able = {pair: int(((c["first"] >= least) & (c["second"] >= least)).sum()) for pair, c in counts.items()}
        chosen = sorted((p for p in pairs if able[p]), key=lambda p: (-able[p], p))
        if not chosen:
            best = max(
                pairs, key=lambda p: int(counts[p].select(pl.min_horizontal("first", "second").max()).item() or 0)
            )
            remarks.append(f"{attribute}: no species has {least} specimens of two variants, as {best[0]} and {best[1]}")
            left.append(_left_out(counts[best], attribute, best, tree, least))
        for pair in chosen[:PER_ATTRIBUTE]:
            found.append(_contrast(known, attribute, pair, counts[pair], least))
            left.append(_left_out(counts[pair], attribute, pair, tree, least))
        if len(chosen) > PER_ATTRIBUTE:
            told = ", ".join(f"{a} | {b}" for a, b in chosen[PER_ATTRIBUTE:][:5])
            remarks.append(f"{attribute}: contrasts known of fewer species are left out ({told})")
    return found, pl.concat(left), remarks


def _pair(words: Sequence[str], a: str, b: str) -> tuple[str, str]:
    """What is usual stands second: adult, healthy."""
    return (b, a) if a in ("adult", HEALTHY) else (a, b)


def _counts(known: pl.DataFrame, attribute: str, pair: tuple[str, str]) -> pl.DataFrame:
    """Specimens of either variant in each species that shows one of them: columns species, first, second."""
    specimen = pl.coalesce("group", "id")
    return (
        known.filter(pl.col(attribute).is_in(pair))
        .group_by("species")
        .agg(
            *(
                specimen.filter(pl.col(attribute) == w).n_unique().alias(n)
                for w, n in zip(pair, ("first", "second"), strict=True)
            )
        )
        .sort("species")
    )


def _left_out(counts: pl.DataFrame, attribute: str, pair: tuple[str, str], tree: Tree, least: int) -> pl.DataFrame:
    few = counts.filter((pl.col("first") < least) | (pl.col("second") < least))
    reasons = []
    for row in few.iter_rows(named=True):
        told = [(row[n], w) for n, w in zip(("first", "second"), pair, strict=True) if row[n] < least]
        reasons.append("; ".join(f"no {w}" if not k else f"{k} of {least} specimens: {w}" for k, w in told))
    return few.select(
        pl.lit("within").alias("part"),
        pl.lit(f"{attribute}: {pair[0]} | {pair[1]}").alias("subject"),
        pl.col("species").cast(pl.Int32).alias("taxon"),
        pl.Series("name", [tree.names[int(t)] for t in few["species"]], pl.String).alias("species"),
        pl.col("first").cast(pl.UInt32),
        pl.col("second").cast(pl.UInt32),
        pl.Series("reason", reasons, pl.String),
    )


def _contrast(known: pl.DataFrame, attribute: str, pair: tuple[str, str], counts: pl.DataFrame, least: int) -> Contrast:
    able = counts.filter((pl.col("first") >= least) & (pl.col("second") >= least))["species"]
    images = known.filter(pl.col(attribute).is_in(pair) & pl.col("species").is_in(able.implode()))
    key = pl.struct("species", pl.col(attribute) != pair[0], pl.coalesce("group", "id").alias("specimen"))
    case = images.select(key.rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    _, first = np.unique(case, return_index=True)
    return Contrast(
        attribute,
        *pair,
        images["row"].to_numpy().astype(np.int64),
        case.astype(np.int64),
        images["species"].to_numpy()[first].astype(np.int32),
        (images[attribute] == pair[0]).to_numpy()[first],
    )
