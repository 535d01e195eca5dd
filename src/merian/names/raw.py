"""A backbone as its file gives it: one table of usages and one of common names, their columns under one set of names, whatever the format calls them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from merian.core.delimited import Delimited
from merian.core.tree import RANKS

__all__ = ["NO_REFUSED", "USAGE", "VERNACULAR", "Raw", "fold", "named", "recognised", "refused_of", "wanted"]

USAGE: dict[str, tuple[str, ...]] = {
    "id": ("taxonid", "id", "identifier"),
    "parent": ("parentnameusageid", "parentid", "parenttaxonid", "parent"),
    "link": ("acceptednameusageid", "acceptedid", "acceptedtaxonid", "acceptedusageid"),
    "full": ("scientificname", "name"),
    "canonical": ("canonicalname",),
    "authorship": ("scientificnameauthorship", "authorship", "author"),
    "rank": ("taxonrank", "rank"),
    "status": ("taxonomicstatus", "status"),
    "code": ("nomenclaturalcode", "code"),
    "extinct": ("extinct", "isextinct"),
    "alternative": ("alternativeid",),
    "uninomial": ("uninomial",),
    "generic": ("genericname",),
    "infrageneric": ("infragenericepithet",),
    "specific": ("specificepithet",),
    "infraspecific": ("infraspecificepithet",),
    "common": ("vernacularname", "commonname", "preferredcommonname"),
    "language": ("language",),
    # a table that needs "class" for its labels calls the rank so
    **{rank: (*(("cls",) if rank == "class" else ()), rank) for rank in RANKS},
}
"""Name here -> what the columns of ColDP, Darwin Core and iNaturalist are called, folded (lower case, no prefix, no underscores)."""
VERNACULAR: dict[str, tuple[str, ...]] = {
    "taxon": ("taxonid", "coreid", "id"),
    "name": ("name", "vernacularname"),
    "language": ("language",),
    "preferred": ("preferred", "ispreferredname"),
    "country": ("country", "countrycode"),
    "source": ("source", "sourceid", "referenceid"),
}
NO_REFUSED = {"file": pl.String, "row": pl.Int64, "id": pl.String, "name": pl.String, "reason": pl.String}
"""Columns of what was refused: the file, its line (the first is 1), identifier and name as they stand there, and why."""


@dataclass(frozen=True, slots=True)
class Raw:
    """What was read: usages (columns of USAGE as far as given, all text, and `row`, the line), vernaculars (VERNACULAR and `row`), refused rows.

    core: where an archive's core identifier is another than taxonID, its column for the links of the common names.
    """

    usages: pl.DataFrame
    file: str
    vernaculars: pl.DataFrame | None
    refused: pl.DataFrame
    title: str
    release: str = ""
    core: str = "id"
    vernacular_file: str = ""
    notes: tuple[str, ...] = field(default=())


class _Found(NamedTuple):
    given: str
    new: str


def fold(column: str) -> str:
    """A column's name without prefix (`col:ID`), case, blanks and underscores."""
    return column.rpartition(":")[2].strip().casefold().replace("_", "").replace(" ", "")


def _found(columns: Collection[str], known: dict[str, tuple[str, ...]]) -> list[_Found]:
    by_fold: dict[str, str] = {}
    for column in columns:
        by_fold.setdefault(fold(column), column)
    return [
        _Found(next(by_fold[alias] for alias in aliases if alias in by_fold), new)
        for new, aliases in known.items()
        if any(alias in by_fold for alias in aliases)
    ]


def wanted(columns: Collection[str], known: dict[str, tuple[str, ...]]) -> list[str]:
    """Which of a file's columns are of use."""
    return [found.given for found in _found(columns, known)]


def recognised(columns: Collection[str], known: dict[str, tuple[str, ...]]) -> set[str]:
    """What the columns of a file mean, in the names that are used here."""
    return {found.new for found in _found(columns, known)}


def named(read: Delimited, known: dict[str, tuple[str, ...]]) -> pl.DataFrame:
    """A file's columns of use under their names here, trimmed, with `row`, the line each row stands on."""
    columns = [
        pl.col(found.given).cast(pl.String).str.strip_chars().replace("", None).alias(found.new)
        for found in _found(read.frame.columns, known)
    ]
    return read.frame.select(columns).with_columns(read.lines.alias("row"))


def refused_of(read: Delimited, file: str) -> pl.DataFrame:
    """The rows that could not be read at all, as NO_REFUSED."""
    return read.refused.select(
        pl.lit(file).alias("file"),
        "row",
        pl.lit(None, pl.String).alias("id"),
        pl.col("text").alias("name"),
        "reason",
    )
