"""Trait tables as they are: long or wide, several rows per species, sentinels for missing, codes for states; with their species in a Nest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tree import RANKS, Tree, normal_lineages, read_table
from merian.explore.impute.nest import Nest, nest_of
from merian.explore.impute.settings import ImputeSettings
from merian.explore.impute.states import Trait, trait_of

__all__ = ["TraitTable", "read_trait_table"]

ROW = ".row"
"""The number of the row, under a name that no table has."""
LONG = ("scientificName", "measurementType", "measurementValue")
RANK_COLUMN = re.compile(r"(?:[a-z]+\d+_)?(" + "|".join(RANKS) + r")\d?")
"""A column that gives a rank: Order, order, MSW05_Order, Order1."""
NAMES = ("scientificname", "scientificnamestd", "binomial", "canonicalname")
CONDITION = re.compile(r"\s*(.+?)\s+if\s+(.+?)\s*=\s*(.*?)\s*")


@dataclass(frozen=True, eq=False)
class TraitTable:
    """n species in the order of their `nest`: names [n], taxa [n] of the Tree (-1 without one); their traits; what a person must know."""

    names: pl.Series
    taxa: npt.NDArray[np.int64]
    nest: Nest
    traits: tuple[Trait, ...]
    remarks: tuple[str, ...]


def read_trait_table(path: Path, settings: ImputeSettings, tree: Tree | None = None) -> TraitTable:
    """The TraitTable in a file: long (scientificName, measurementType, measurementValue and perhaps measurementUnit) or wide (`settings.columns`).

    Species are those of the table, by their name, with the ranks that it gives, a genus from the binomial where there is none; or with a Tree all
    its species. Several rows of a species make one value: the mean of numbers, the most frequent state (none where two are equally frequent).
    Raises Missing without the file, BadData and BadSetting when it has no species, no traits, or none of the named columns.
    """
    if not path.is_file():
        raise Missing("the table of traits", path, "give the path of a CSV, TSV or Parquet file")
    table = read_table(path).with_row_index(ROW)
    lineages = _lineages(table, path, settings)
    cells = _long(table, settings) if set(LONG) <= set(table.columns) else _wide(table, path, settings)
    cells = cells.join(lineages.select(ROW, "species"), on=ROW).filter(pl.col("species").is_not_null())
    remarks = []
    if unnamed := lineages["species"].null_count():
        remarks.append(f"{unnamed:,} rows without the name of a species were left out")
    if tree is None:
        firsts = [pl.col(rank).drop_nulls().first() for rank in RANKS[:-1]]
        species = lineages.drop_nulls("species").group_by("species", maintain_order=True).agg(firsts)
        species = species.with_columns(taxon=pl.lit(-1, pl.Int64))
    else:
        species, names, told = _of_tree(lineages, tree)
        cells = cells.join(names, on="species").drop("species").rename({"name": "species"})
        remarks += told
    if not len(species):
        raise BadData(path, "no row has the name of a species" + ("" if tree is None else " of the taxonomy"))
    nest, order = nest_of(species)
    species = species[order.tolist()].with_row_index("place")
    cells = cells.join(species.select("species", "place"), on="species").select("trait", "unit", "place", "value")
    # one trait in two units is two traits
    several = pl.col("unit").n_unique().over("trait") > 1
    cells = cells.with_columns(trait=pl.when(several).then(pl.format("{} ({})", "trait", "unit")).otherwise("trait"))
    _all_known(settings, cells["trait"].unique().sort().to_list())
    traits = [
        trait_of(str(name), str(unit), rows, len(species), settings)
        for (name, unit), rows in _in_order(cells).group_by(["trait", "unit"], maintain_order=True)
    ]
    if not traits:
        raise BadData(path, "no trait has a value for any species" + ("" if tree is None else " of the taxonomy"))
    return TraitTable(species["species"], species["taxon"].to_numpy(), nest, tuple(traits), tuple(remarks))


def _all_known(settings: ImputeSettings, names: list[str]) -> None:
    """Raise BadSetting for a treatment of a trait that the table does not have."""
    for key in ("categories", "ordered"):
        for text in getattr(settings, key):
            wanted = text.partition(":")[0].strip() if key == "ordered" else text
            if not any(fnmatchcase(name, wanted) or name == wanted for name in names):
                raise BadSetting(key, text, f"is no trait of the table; it has {', '.join(names)}", names)


def _in_order(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.sort("place", "value", maintain_order=True).sort("trait", "unit", maintain_order=True)


def _lineages(table: pl.DataFrame, path: Path, settings: ImputeSettings) -> pl.DataFrame:
    """The row, its seven ranks and its species' name; the genus is read from a binomial when no column gives it."""
    found = {}
    for column in table.columns:
        match = RANK_COLUMN.fullmatch(column.casefold())
        # an exact name wins over MSW05_Order, and the first over the second
        if match and (match[1] not in found or column.casefold() == match[1]):
            found[match[1]] = column
    ranks = normal_lineages(table.select(ROW, **found))
    by_fold = {column.casefold(): column for column in reversed(table.columns)}
    name = settings.name or next((by_fold[n] for n in NAMES if n in by_fold), "")
    if name and name not in table.columns:
        raise BadSetting("name", name, "is no column of the table", table.columns)
    if name:
        text = table[name].cast(pl.String).str.replace_all(r"[\s_]+", " ").str.strip_chars()
        ranks = ranks.with_columns(species=pl.when(text.is_in(["", *settings.missing])).then(None).otherwise(text))
    elif "species" not in found:
        raise BadData(path, "no column has the names of species: give one with --name", table.columns)
    binomial = pl.col("species").str.contains(" ", literal=True)
    first = pl.when(binomial).then(pl.col("species").str.split(" ").list.first())
    return ranks.with_columns(table[ROW], genus=pl.coalesce("genus", first)).select(ROW, *RANKS)


def _long(table: pl.DataFrame, settings: ImputeSettings) -> pl.DataFrame:
    """Cells of a long table: row, trait, unit, value as text."""
    unit = pl.col("measurementUnit").cast(pl.String) if "measurementUnit" in table.columns else pl.lit(None, pl.String)
    cells = table.select(
        ROW,
        pl.col("measurementType").cast(pl.String).alias("trait"),
        unit.fill_null("").alias("unit"),
        pl.col("measurementValue").cast(pl.String).alias("value"),
    ).drop_nulls(["trait", "value"])
    names = cells["trait"].unique(maintain_order=True).to_list()
    if settings.columns:
        cells = cells.filter(pl.col("trait").is_in(list(_chosen(settings.columns, names))))
    for trait, column, allowed in _conditions(settings, names):
        if column not in table.columns:
            raise BadSetting("only_if", column, "is no column of the table", table.columns)
        believed = table.filter(_among(table[column], allowed))[ROW]
        cells = cells.filter((pl.col("trait") != trait) | pl.col(ROW).is_in(believed.implode()))
    return cells


def _wide(table: pl.DataFrame, path: Path, settings: ImputeSettings) -> pl.DataFrame:
    """Cells of a wide table: row, trait, unit, value as text."""
    columns = [column for column in table.columns if column != ROW]
    if not settings.columns:
        raise BadSetting("columns", "", f"say which columns of {path.name} are traits; it has {', '.join(columns)}")
    chosen = _chosen(settings.columns, columns)
    wide = table.select(ROW, *(pl.col(c).cast(pl.String) for c in chosen))
    for trait, column, allowed in _conditions(settings, list(chosen)):
        if column not in columns:
            raise BadSetting("only_if", column, "is no column of the table", columns)
        wide = wide.with_columns(pl.when(_among(table[column], allowed)).then(pl.col(trait)).alias(trait))
    cells = wide.unpivot(index=ROW, variable_name="trait", value_name="value").drop_nulls("value")
    return cells.with_columns(pl.col("trait").replace_strict(chosen, return_dtype=pl.String).alias("unit"))


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


def _conditions(settings: ImputeSettings, names: list[str]) -> Iterable[tuple[str, str, list[str]]]:
    """Each trait with a condition, the column that it looks at and the values that are believed."""
    for text in settings.only_if:
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


def _of_tree(lineages: pl.DataFrame, tree: Tree) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """All species of the tree; the tree's name of each species of the table; and how many it does not have."""
    taxa = tree.at("species")
    paths = tree.lineages(taxa).with_columns(pl.Series("taxon", taxa, pl.Int64)).filter(pl.col("species").is_unique())
    distinct = lineages.drop_nulls("species").unique("species", keep="first", maintain_order=True)
    found = tree.match(distinct)
    names = distinct.select("species", pl.Series("taxon", found, pl.Int64))
    names = names.join(paths.select("taxon", name="species"), on="taxon", how="left", maintain_order="left")
    told = []
    if len(paths) < len(taxa):
        told.append(
            f"{len(taxa) - len(paths):,} species of the taxonomy share their name with another and were left out"
        )
    if absent := names["name"].null_count():
        some = names.filter(pl.col("name").is_null())["species"].head(3).to_list()
        told.append(
            f"{absent:,} species of the table are not in the taxonomy and were left out ({', '.join(some)} ...): "
            "merian names resolves synonyms and misspellings"
        )
    return paths, names.drop_nulls("name").select("species", "name"), told
