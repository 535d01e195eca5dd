"""Tables of traits as they are: whose row it is, and each value of a trait as a cell.

Long, as trait databases publish: scientificName, measurementType, measurementValue, and measurementUnit if there is one. Wide, as field books have it: a column
with the species and one for each trait, a row for each species or each individual, as the beaks of Darwin's finches that the Grants measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tree import RANKS, normal_lineages, read_table

__all__ = ["MISSING", "ROW", "TraitSheet", "absent"]

ROW = ".row"
"""The number of the row, under a name that no table has."""
MISSING = ("NA", "NaN", "nan", "null", "-999", "-9999")
"""What tables write where they have no value."""
LONG = ("scientificname", "measurementtype", "measurementvalue")
UNIT = "measurementunit"
RANK_COLUMN = re.compile(r"(?:[a-z]+\d+_)?(" + "|".join(RANKS) + r")\d?")
"""A column that gives a rank: Order, order, MSW05_Order, Order1."""
NAMES = ("scientificname", "scientificnamestd", "scientific_name", "binomial", "canonicalname")
"""Columns with full names, in any case; they come before a column called species, which may hold epithets beside a genus."""
TAXON = "taxon"
"""A column that holds species where no other does."""
NO_TRAITS = ("band", "ring", "year", "subspecies", "common_name", "name")
"""Columns of a wide table that are no traits, besides ranks, nameless ones and numbers of records (taxonID, plot_id, ring number, SpecCode)."""
CONDITION = re.compile(r"\s*(.+?)\s+if\s+(.+?)\s*=\s*(.*?)\s*")


def absent(column: str, missing: Iterable[str] = MISSING) -> pl.Expr:
    """Whether a column of text says that there is no value: empty, one of the words in any case, or one of the numbers in any form."""
    words = [word.strip().lower() for word in missing]
    text = pl.col(column).str.strip_chars().str.to_lowercase()
    number = text.cast(pl.Float64, strict=False)
    codes = [code for code in (_number(word) for word in words) if np.isfinite(code)]
    return text.is_in(["", *words]) | number.is_in(codes).fill_null(False) | number.is_nan().fill_null(False)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan


@dataclass(frozen=True, eq=False)
class TraitSheet:
    """A table of traits in a file: `table` with its columns and ROW."""

    path: Path
    table: pl.DataFrame

    @classmethod
    def open(cls, path: Path) -> TraitSheet:
        """The table in a CSV, TSV or Parquet file. Raises Missing without it, BadData when it is no table."""
        if not path.is_file():
            raise Missing("the table of traits", path, "give the path of a CSV, TSV or Parquet table")
        return cls(path, read_table(path).with_row_index(ROW))

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [column for column in self.table.columns if column != ROW]

    @property
    def _by_fold(self) -> dict[str, str]:
        """Column names by their form in lower case; of two alike the first."""
        return {column.casefold(): column for column in reversed(self.columns)}

    @property
    def _ranks(self) -> dict[str, str]:
        """The column of each rank that has one: an exact name wins over MSW05_Order, and the first over the second."""
        found: dict[str, str] = {}
        for column in self.columns:
            match = RANK_COLUMN.fullmatch(column.casefold())
            if match and (match[1] not in found or column.casefold() == match[1]):
                found[match[1]] = column
        return found

    @property
    def is_long(self) -> bool:
        """Whether it has the three columns of a long table."""
        return set(LONG) <= set(self._by_fold)

    def lineages(self, name: str = "", missing: Iterable[str] = MISSING) -> pl.DataFrame:
        """ROW, six ranks and the species of each row, its name read from the column `name` or one of the usual ones, with single spaces.

        An epithet alone gets the genus of its row; the genus is read from a binomial where no column gives it. Raises BadSetting for a `name` that is no
        column, BadData without species.
        """
        found = self._ranks
        given = {rank: pl.col(column).cast(pl.String) for rank, column in found.items()}
        if "species" in given:
            given["species"] = given["species"].str.replace_all("_", " ")
        ranks = normal_lineages(self.table.select(ROW, **given))
        by_fold = self._by_fold
        usual = NAMES if "species" in found else (*NAMES, TAXON)
        name = name or next((by_fold[n] for n in usual if n in by_fold), "")
        if name and name not in self.columns:
            raise BadSetting("name", name, "is no column of the table", self.columns)
        if name:
            spaced = pl.col("text").str.replace_all(r"[\s_]+", " ").str.strip_chars()
            texts = self.table.select(pl.col(name).cast(pl.String).alias("text"))
            ranks = ranks.with_columns(texts.select(species=pl.when(~absent("text", missing)).then(spaced))["species"])
        elif "species" not in found:
            rule = "no column has the names of species: a table of traits needs a column species or scientificName, or name one"
            raise BadData(self.path, rule, self.columns[:10])
        binomial = pl.col("species").str.contains(" ", literal=True)
        first = pl.when(binomial).then(pl.col("species").str.split(" ").list.first())
        return ranks.with_columns(self.table[ROW], genus=pl.coalesce("genus", first)).select(ROW, *RANKS)

    def cells(self, columns: Iterable[str] = (), only_if: Iterable[str] = ()) -> pl.DataFrame:
        """Cells: ROW, trait, unit and value as text, null ones left out.

        columns: which traits, each a name or a pattern, with a unit after =; none means all of a long table, and of a wide one those columns that may be
        traits by their names. only_if: "TRAIT if COLUMN=a|b", values that are to be believed. Raises BadSetting for what is not there, BadData without traits.
        """
        by_fold = self._by_fold
        if self.is_long:
            unit = pl.col(by_fold[UNIT]).cast(pl.String) if UNIT in by_fold else pl.lit(None, pl.String)
            trait, value = (pl.col(by_fold[c]).cast(pl.String) for c in LONG[1:])
            found = self.table.select(ROW, trait=trait, unit=unit.fill_null(""), value=value).drop_nulls()
            names = found["trait"].unique(maintain_order=True).to_list()
            chosen = _chosen(columns, names)
            cells = found.filter(pl.col("trait").is_in(list(chosen))) if chosen else found
        else:
            chosen = _chosen(columns, self.columns) or dict.fromkeys(self._traits(), "")
            names = list(chosen)
            wide = self.table.select(ROW, *(pl.col(c).cast(pl.String, strict=False) for c in chosen))
            cells = wide.unpivot(index=ROW, variable_name="trait", value_name="value").drop_nulls("value")
            units = pl.col("trait").replace_strict(chosen, return_dtype=pl.String)
            cells = cells.select(ROW, "trait", units.alias("unit"), "value")
        for name, column, allowed in _conditions(only_if, names):
            if column not in self.columns:
                raise BadSetting("only_if", column, "is no column of the table", self.columns)
            believed = self.table.filter(_among(self.table[column], allowed))[ROW]
            cells = cells.filter((pl.col("trait") != name) | pl.col(ROW).is_in(believed.implode()))
        return cells

    def _traits(self) -> list[str]:
        """The columns of a wide table that may be traits, by their names; a nameless one is read as column_1 and so on."""
        found = []
        for column in self.columns:
            fold = column.casefold()
            nameless = not fold.strip() or (fold.startswith("column_") and fold[7:].isdigit())
            record = fold == "id" or column.endswith(("ID", "Id", "_id", " id")) or fold.endswith(("number", "code"))
            named = fold in (*NO_TRAITS, *NAMES, TAXON) or RANK_COLUMN.fullmatch(fold)
            if not (nameless or record or named):
                found.append(column)
        if not found:
            raise BadData(self.path, "has no column that is a trait, beside the species", self.columns[:10])
        return found


def _chosen(patterns: Iterable[str], names: list[str]) -> dict[str, str]:
    """The names that the patterns mean, with their units; raises BadSetting for a pattern that means none."""
    found: dict[str, str] = {}
    for pattern in patterns:
        wanted, _, unit = pattern.partition("=")
        fits = [n for n in names if n == wanted.strip()] or [n for n in names if fnmatchcase(n, wanted.strip())]
        if not fits:
            raise BadSetting("columns", pattern, f"is no trait of the table; it has {', '.join(names)}", names)
        found |= {name: found.get(name) or unit.strip() for name in fits}
    return found


def _conditions(only_if: Iterable[str], names: list[str]) -> Iterable[tuple[str, str, list[str]]]:
    """Each trait with a condition, the column that it looks at and the values that are believed."""
    for text in only_if:
        match = CONDITION.fullmatch(text)
        if match is None:
            raise BadSetting("only_if", text, "must read as 'TRAIT if COLUMN=a|b'")
        for trait in _chosen([match[1]], names):
            yield trait, match[2], [word.strip() for word in match[3].split("|")]


def _among(column: pl.Series, allowed: list[str]) -> pl.Series:
    """Which values are one of the allowed words; numbers in any form."""
    numbers = pl.Series(allowed).cast(pl.Float64, strict=False).drop_nulls()
    exact = column.cast(pl.String).str.strip_chars().is_in(allowed)
    return (exact | column.cast(pl.Float64, strict=False).is_in(numbers.implode()).fill_null(False)).fill_null(False)
