"""From the usages of a file to usages that point at each other by row: every synonym at an accepted name, every taxon with its lineage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tree import RANKS, normal_lineages
from merian.names import climb
from merian.names.languages import normal_languages
from merian.names.raw import NO_REFUSED, Raw
from merian.names.usages import ACCEPTED, STATUS, SYNONYMS, UNAVAILABLE, canonical_names, in_our_words

__all__ = ["COLUMNS", "VERNACULARS", "Settled", "settle"]

COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "name": pl.String,
    "authorship": pl.String,
    "rank": pl.String,
    "status": pl.String,
    "accepted": pl.Int32,
    "code": pl.String,
    **dict.fromkeys(RANKS, pl.String),
    "extinct": pl.Boolean,
    "alternative": pl.String,
}
VERNACULARS: dict[str, pl.DataType | type[pl.DataType]] = {
    "usage": pl.Int32,
    "name": pl.String,
    "language": pl.String,
    "preferred": pl.Boolean,
    "country": pl.String,
    "source": pl.String,
}
TOPS = ("kingdom", "domain", "superdomain", "realm", "superkingdom", "empire", "superrealm")
"""Ranks that need no parent: what stands above them is of no rank here."""
BELOW_SPECIES = (
    "subspecies",
    "variety",
    "form",
    "subvariety",
    "subform",
    "infraspecies",
    "infraspecific name",
    "infrasubspecific name",
    "nothosubspecies",
)


@dataclass(frozen=True, slots=True)
class Settled:
    """usages (COLUMNS, sorted by id), vernaculars (VERNACULARS, sorted), refused (NO_REFUSED) and notes on what was mended."""

    usages: pl.DataFrame
    vernaculars: pl.DataFrame
    refused: pl.DataFrame
    notes: tuple[str, ...]


class _Reasons:
    """Why rows are refused: the first reason given stands."""

    def __init__(self, n: int) -> None:
        self.code = np.zeros(n, np.int8)
        self.words = [""]

    def give(self, rows: npt.NDArray[np.bool_], reason: str) -> None:
        self.words.append(reason)
        self.code[rows & (self.code == 0)] = len(self.words) - 1

    @property
    def sound(self) -> npt.NDArray[np.bool_]:
        sound: npt.NDArray[np.bool_] = self.code == 0
        return sound

    def series(self) -> pl.Series:
        return pl.Series("reason", self.words, pl.String).gather(self.code.astype(np.uint32))


def settle(raw: Raw) -> Settled:
    """The backbone in the rows of `raw`; what cannot be part of one is refused, and all else goes on without it. The order of the rows plays no part."""
    table, notes = in_our_words(raw.usages)
    table = canonical_names(table)
    table, refused = _distinct(table, raw.file)
    reasons = _Reasons(len(table))
    status, rest, steps = _accepted(table, reasons)
    up = _parents(table, status, rest)
    flat = _flat(table)
    if flat is not None:
        given = flat.select(pl.any_horizontal(pl.col(r).is_not_null() for r in RANKS[:6])).to_series().to_numpy()
        up[(up == climb.LOST) & given] = climb.ROOT
    fate, depth = climb.ends(up)
    taxon = status < len(ACCEPTED)
    reasons.give(taxon & (fate == climb.LOST), "orphan: its parent, or an ancestor's parent, is not in the file")
    reasons.give(taxon & (fate == climb.CYCLE), "cyclic parents: it is its own ancestor")
    own = table["rank"].replace_strict({r: k for k, r in enumerate(RANKS)}, default=-1, return_dtype=pl.Int8).to_numpy()
    paths, wrong = climb.paths(up, own, depth, np.flatnonzero(taxon & (fate == climb.ROOT)))
    reasons.give(taxon & wrong, "its rank is above that of an ancestor")
    held = rest >= 0
    lost = held & ~reasons.sound[np.where(held, rest, 0)]
    reasons.give(lost & ~taxon, "the name that is accepted for it was refused")
    table = table.with_columns(STATUS.categories.gather(status).alias("status"))
    more = table.select(
        pl.lit(raw.file).alias("file"), "row", "id", pl.coalesce("full", "name").alias("name"), reasons.series()
    )
    refused = pl.concat([raw.refused, refused, more.filter(~reasons.sound)])
    usages, number, taxa = _renumbered(table, rest, reasons.sound)
    usages = usages.with_columns(_lineages(table, paths, own, flat, taxa)).select(*COLUMNS).cast(pl.Schema(COLUMNS))
    vernaculars, lost_names = _vernaculars(raw, table, number[np.where(held, rest, -1)])
    chained = int(((steps > 1) & reasons.sound & ~taxon).sum())
    notes = (*raw.notes, *notes)
    if chained:
        notes = (*notes, f"{chained:,} synonym{'s' * (chained != 1)} of a synonym, followed to the accepted name")
    return Settled(
        usages, vernaculars, pl.concat([refused, lost_names]).sort("file", "row", "id", nulls_last=True), notes
    )


def _distinct(table: pl.DataFrame, file: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with a name and an identifier of their own, sorted by it; and the refused: of several with one identifier the accepted one stays."""
    empty = [c for c in RANKS if table[c].null_count() == len(table)]
    table = table.drop(empty)
    no_id, no_name = pl.col("id").is_null(), pl.col("name").is_null()
    reason = pl.when(no_id).then(pl.lit("no id")).when(no_name).then(pl.lit("no name"))
    bad = table.filter(no_id | no_name).with_columns(reason=reason)
    table = table.drop_nulls(["id", "name"]).sort("id") if len(bad) else table.sort("id")
    again = table["id"].is_duplicated()
    if again.any():
        taxon = pl.col("status").is_in(ACCEPTED) | pl.col("status").is_null()
        ties = table.filter(again).with_columns(first=~taxon)
        ties = ties.sort("id", "first", "name", "authorship", "rank", "link", "parent", "row", nulls_last=True)
        keep = ties["id"].is_first_distinct()
        winner = ties.filter(keep).select("id", won=~pl.col("first"), other="name", other_link="link")
        twice = (
            pl.when(pl.col("won") & ~pl.col("first") & (pl.col("name") != pl.col("other")))
            .then(pl.lit("two accepted names for one key"))
            .when(pl.col("first") & ~pl.col("won") & (pl.col("link") != pl.col("other_link")))
            .then(pl.lit("two accepted names for one key"))
            .otherwise(pl.lit("duplicate id"))
        )
        losers = ties.filter(~keep).join(winner, on="id", how="left").with_columns(reason=twice)
        bad = pl.concat([bad, losers.select(bad.columns)])
        table = pl.concat([table.filter(~again), ties.filter(keep).drop("first")]).sort("id")
    refused = bad.select(pl.lit(file).alias("file"), "row", "id", pl.coalesce("full", "name").alias("name"), "reason")
    return table, refused.cast(pl.Schema(NO_REFUSED))


def _rows_of(ids: pl.Series, keys: pl.Series) -> climb.Rows:
    """The row of each key among the unique `ids`; ROOT where there is no key, LOST where it is not there."""
    places = pl.DataFrame({"key": ids, "at": np.arange(len(ids), dtype=np.int32)})
    found = keys.alias("key").to_frame().join(places, on="key", how="left", maintain_order="left")
    rows: climb.Rows = found["at"].fill_null(climb.LOST).to_numpy().astype(np.int32)
    rows[keys.is_null().to_numpy()] = climb.ROOT
    return rows


def _accepted(table: pl.DataFrame, reasons: _Reasons) -> tuple[npt.NDArray[np.uint8], climb.Rows, climb.Rows]:
    """Each row's status (its place in STATUS), the row of the accepted usage (negative when there is none) and the steps that lead there."""
    other = (pl.col("link") != pl.col("id")).fill_null(False)
    synonym = pl.col("status").is_in(SYNONYMS)
    unknown = pl.when(pl.col("said").is_null()).then(pl.lit(ACCEPTED[0])).otherwise(pl.lit(ACCEPTED[1]))
    status = (
        pl.when(pl.col("status").is_in(ACCEPTED) | pl.col("status").is_null())
        .then(pl.when(other).then(pl.lit("synonym")).otherwise(pl.coalesce("status", unknown)))
        .when(synonym & ~other)
        .then(pl.lit(UNAVAILABLE))
        .otherwise("status")
    )
    frame = table.select(status=status.cast(STATUS).to_physical().cast(pl.UInt8), other=other)
    points = frame["other"].to_numpy()
    at = np.arange(len(table), dtype=np.int32)
    target = np.where(points, _rows_of(table["id"], table["link"]), at).astype(np.int32)
    rest, steps = climb.follow(target)
    codes = frame["status"].to_numpy().copy()
    void = len(STATUS.categories) - 1
    reasons.give(rest == climb.LOST, "orphan: the name that is accepted for it is not in the file")
    reasons.give(rest == climb.CYCLE, "cyclic synonym: it is a synonym of itself")
    nowhere = rest.copy()
    live = np.flatnonzero(rest >= 0)
    void_rows = live[codes[rest[live]] == void]
    codes[void_rows] = void
    nowhere[void_rows] = climb.ROOT
    return codes, nowhere, steps


def _parents(table: pl.DataFrame, status: npt.NDArray[np.uint8], rest: climb.Rows) -> climb.Rows:
    """The row above each accepted one; what hangs below a synonym hangs below the name that is accepted for it."""
    up = _rows_of(table["id"], table["parent"])
    inner = np.flatnonzero(up >= 0)
    above = rest[up[inner]]
    up[inner] = np.where(above >= 0, above, climb.LOST)
    # a root often names itself, or something beyond the file, as its parent
    top = table["rank"].is_in(TOPS).fill_null(False).to_numpy()
    up[(up == np.arange(len(up))) | (top & (up == climb.LOST))] = climb.ROOT
    up[status >= len(ACCEPTED)] = climb.ROOT
    return up


def _flat(table: pl.DataFrame) -> pl.DataFrame | None:
    """The lineage that the file spells out in columns, None when it has none."""
    given = [rank for rank in RANKS if rank in table.columns]
    return normal_lineages(table.select(given)) if given else None


def _lineages(
    table: pl.DataFrame,
    paths: climb.Rows,
    own: npt.NDArray[np.int8],
    flat: pl.DataFrame | None,
    taxa: npt.NDArray[np.uint32],
) -> list[pl.Series]:
    """Seven names for each of the rows `taxa`: by the parents first, then what the file spells out for the ranks above its own."""
    names = table["name"].extend_constant(None, 1)
    columns = []
    for r, rank in enumerate(RANKS):
        above = paths[taxa, r]
        named = names.gather(np.where(above >= 0, above, len(table)).astype(np.uint32)).alias(rank)
        if flat is not None:
            free = named.is_null() & pl.Series((own[taxa] > r) | (own[taxa] < 0))
            named = pl.select(pl.when(free).then(flat[rank].gather(taxa)).otherwise(named).alias(rank)).to_series()
        if rank == "species":
            lower = named.is_null() & table["rank"].gather(taxa).is_in(BELOW_SPECIES).fill_null(False)
            two = table["name"].gather(taxa).str.extract(r"^(\S+ \S+) \S")
            named = pl.select(pl.when(lower).then(two).otherwise(named).alias(rank)).to_series()
        columns.append(named)
    return columns


def _renumbered(
    table: pl.DataFrame, rest: climb.Rows, sound: npt.NDArray[np.bool_]
) -> tuple[pl.DataFrame, climb.Rows, npt.NDArray[np.uint32]]:
    """The usages that stay, pointing at each other as they stand now; the new row of each old one (and of -1), -1 when it is gone; and for each
    usage the old row whose lineage it has."""
    number = np.full(len(table) + 1, -1, np.int32)
    number[:-1][sound] = np.arange(sound.sum(), dtype=np.int32)
    kept = np.flatnonzero(sound)
    accepted = rest[kept]
    pointed = pl.Series("accepted", number[np.where(accepted >= 0, accepted, -1)], pl.Int32)
    usages = table.select("id", "name", "authorship", "rank", "status", "code", "extinct", "alternative")
    usages = usages if sound.all() else usages[kept]
    usages = usages.with_columns(pl.when(pointed >= 0).then(pointed).alias("accepted"))
    return usages, number, np.where(accepted >= 0, accepted, kept).astype(np.uint32)


def _vernaculars(raw: Raw, table: pl.DataFrame, taxon: climb.Rows) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The common names at their accepted usages (taxon: the new row of the accepted usage for each old row), and those of taxa that are not there."""
    parts = []
    key = table[raw.core if raw.core in table.columns else "id"]
    if raw.vernaculars is not None and {"taxon", "name"} <= set(raw.vernaculars.columns):
        parts.append(raw.vernaculars.with_columns(file=pl.lit(raw.vernacular_file)))
    if table["common"].null_count() < len(table):
        own = table.select(
            key.alias("taxon"), pl.col("common").alias("name"), pl.col("language").fill_null("en"), "row"
        )
        parts.append(own.filter(pl.col("name").is_not_null()).with_columns(file=pl.lit(raw.file)))
    if not parts:
        return pl.DataFrame(schema=VERNACULARS), pl.DataFrame(schema=NO_REFUSED)
    given = pl.concat(parts, how="diagonal").filter(pl.col("name").is_not_null())
    absent = [c for c in ("language", "preferred", "country", "source") if c not in given.columns]
    given = given.with_columns(pl.lit(None, pl.String).alias(c) for c in absent)
    first = (key.is_first_distinct() & key.is_not_null()).to_numpy()
    at = _rows_of(key.filter(first), given["taxon"])
    at = np.where(at >= 0, np.append(np.flatnonzero(first), -1)[at], -1)
    usage = np.where(at >= 0, taxon[np.where(at >= 0, at, 0)], -1)
    given = given.with_columns(pl.Series("usage", usage, pl.Int32), normal_languages(given["language"]))
    lost = given.filter(pl.col("usage") < 0).select(
        "file", "row", pl.col("taxon").alias("id"), "name", reason=pl.lit("a common name of a taxon that is not there")
    )
    yes = pl.col("preferred").str.to_lowercase().is_in(["true", "t", "1", "yes", "y"]).fill_null(False)
    found = given.filter(pl.col("usage") >= 0).with_columns(
        preferred=yes, country=pl.col("country").str.to_uppercase(), name=pl.col("name").str.replace_all(r"\s+", " ")
    )
    order = ["usage", "language", "preferred", "name", "country", "source"]
    found = (
        found.select(*VERNACULARS).unique().sort(order, descending=[c == "preferred" for c in order], nulls_last=True)
    )
    return found.cast(pl.Schema(VERNACULARS)), lost.cast(pl.Schema(NO_REFUSED))
