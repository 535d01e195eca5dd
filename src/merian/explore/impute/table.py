"""Trait tables as they are: long or wide, several rows per species, sentinels for missing, codes for states; with their species in a Nest."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, BadSetting
from merian.core.tree import RANKS, Tree
from merian.explore.impute.nest import Nest, nest_of
from merian.explore.impute.settings import ImputeSettings
from merian.explore.impute.states import Trait, trait_of
from merian.explore.trait_tables import ROW, TraitSheet

__all__ = ["TraitTable", "read_trait_table"]


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
    sheet = TraitSheet.open(path)
    lineages = sheet.lineages(settings.name, settings.missing)
    if not (settings.columns or sheet.is_long):
        had = ", ".join(sheet.columns)
        raise BadSetting("columns", "", f"say which columns of {path.name} are traits; it has {had}")
    cells = sheet.cells(settings.columns, settings.only_if)
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
