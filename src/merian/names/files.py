"""Files of names as people have them: a table in which one column holds the names, or a plain list with one name a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from merian.core.delimited import header_of, read_delimited, sniff
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.lines import Dialect
from merian.core.tree import RANKS

__all__ = ["NamesFile", "read_names"]

NAMES = (
    "verbatimname",
    "scientificname",
    "verbatimscientificname",
    "verbatimidentification",
    "canonicalname",
    "sciname",
    "latinname",
    "name",
    "taxonname",
    "taxon",
    "species",
    "binomial",
    "label",
)
"""Columns that hold names, the likeliest first; compared without case, blanks and underscores."""
SPELLINGS: dict[str, tuple[str, ...]] = {
    **{rank: (rank, f"{rank}name") for rank in RANKS},
    # a table that calls the rank `cls` uses `class` for its labels
    "class": ("cls", "class", "classname"),
    "authorship": ("authorship", "scientificnameauthorship", "author", "authors"),
    "taxon_id": ("taxonid", "taxonkey", "gbiftaxonid", "gbifkey", "acceptedtaxonkey", "specieskey", "scientificnameid"),
}
TABLES = (".csv", ".tsv", ".tab", ".parquet", ".pq")


@dataclass(frozen=True, eq=False)
class NamesFile:
    """`table`: the file as it is; `input`: the columns that the resolution reads; `column`: the one with the names; `lines`: the line of each row;
    `refused`: rows that could not be read (row, text, reason)."""

    table: pl.DataFrame
    input: pl.DataFrame
    column: str
    lines: pl.Series
    refused: pl.DataFrame


def read_names(path: Path, column: str | None = None) -> NamesFile:
    """The names in a CSV, TSV, Parquet file or plain list. `column` says which column holds them when their heading does not.

    Raises Missing, BadData for a file without rows, BadSetting when the column cannot be told.
    """
    if not path.is_file():
        raise Missing("the file of names", path, "give a table, or a text file with one name a line")
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            table = pl.read_parquet(path, glob=False)
        except pl.exceptions.PolarsError as error:
            raise BadData(path, f"is no Parquet file: {error}") from error
        return _named(path, table, column, pl.int_range(1, len(table) + 1, eager=True), _none_refused())
    separator, quote = sniff(path)
    header = header_of(path, Dialect(separator, quote))
    if column is None and _name_column(header) is None and (len(header) == 1 or path.suffix.lower() not in TABLES):
        read = read_delimited(path, separator="\x1f", quote=None, header=0, columns=["verbatim_name"])
        return _named(path, read.frame, "verbatim_name", read.lines, read.refused)
    read = read_delimited(path)
    return _named(path, read.frame, column, read.lines, read.refused)


def _named(path: Path, table: pl.DataFrame, column: str | None, lines: pl.Series, refused: pl.DataFrame) -> NamesFile:
    if table.is_empty():
        raise BadData(path, "has no rows")
    ranks = {as_: at for as_, spellings in SPELLINGS.items() if (at := _first(table.columns, spellings))}
    name = column or _name_column(table.columns)
    if column is not None and column not in table.columns:
        raise BadSetting(
            "column", column, f"is not a column of {path}; it has {', '.join(table.columns)}", table.columns
        )
    if name is None and not any(rank in ranks for rank in RANKS):
        raise BadSetting("column", "", f"must say which column of {path} holds the names: {', '.join(table.columns)}")
    if name is not None and ranks.get("species") == name:
        del ranks["species"]
    if name is not None and _no_text(table.schema[name]):
        raise BadData(path, f"the column {name!r} holds {table.schema[name]}, not names")
    ranks = {as_: at for as_, at in ranks.items() if not _no_text(table.schema[at])}
    chosen = {at: as_ for as_, at in ranks.items() if at != name} | ({name: "verbatim_name"} if name else {})
    given = table.select(pl.col(at).cast(pl.String).alias(as_) for at, as_ in chosen.items())
    if name is not None and "genus" in given.columns:
        # an epithet in a column of its own stands behind its genus
        epithet = pl.col("verbatim_name").str.contains(r"^\p{Ll}[\p{Ll}-]*$") & pl.col("genus").is_not_null()
        whole = pl.when(epithet & (_plain(name) == "species")).then(pl.col("genus") + " " + pl.col("verbatim_name"))
        given = given.with_columns(whole.otherwise("verbatim_name").alias("verbatim_name"))
    return NamesFile(table, given, name or "", lines, refused)


def _no_text(kind: pl.DataType) -> bool:
    return kind.is_nested() or kind in (pl.Binary, pl.Object)


def _name_column(columns: list[str]) -> str | None:
    return _first(columns, NAMES)


def _first(columns: list[str], spellings: tuple[str, ...]) -> str | None:
    """The column with the first of the spellings that any column has."""
    plain = {_plain(c): c for c in reversed(columns)}
    return next((plain[s] for s in spellings if s in plain), None)


def _plain(column: str) -> str:
    return column.strip().lower().replace(" ", "").replace("_", "").rpartition(":")[2]


def _none_refused() -> pl.DataFrame:
    return pl.DataFrame(schema={"row": pl.Int64, "text": pl.String, "reason": pl.String})
