"""The species of a twin: read from a list or from records, their traits completed by what body mass alone tells, each gap marked assumed.

A species whose mass no table has cannot be in a twin, for nothing is known of its rates: it is refused with that reason, and so is an animal whose diet is not
known. What is filled in comes from `allometry.prior`, with the spread of species about the law.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tree import read_table
from merian.twin.allometry import prior
from merian.twin.foodweb import Doubles
from merian.twin.traits import CELLS, DIET, TRAITS, cells_of, species_name

__all__ = ["ANIMAL_DIET", "REFUSED", "STRATA", "Species", "completed", "group_of", "read_species", "valued"]

ANSWERED = ("file_name", "species", "safe_rank", "safe_name")
"""Columns by which answers of `merian identify` are known."""
AUTHOR = r"^([A-Z][\w-]+ [a-z][\w-]+),? [(A-Z].*$"
"""A name of two words with who gave it: Panthera leo (Linnaeus, 1758)."""

REFUSED: dict[str, pl.DataType | type[pl.DataType]] = {"species": pl.String, "reason": pl.String}
"""Columns of the species that are not in the twin."""
ANIMAL_DIET = (
    "diet_invertebrates",
    "diet_endotherms",
    "diet_ectotherms",
    "diet_fish",
    "diet_vertebrates",
    "diet_carrion",
)
PRIOR_TRAITS = (
    *("density_km2", "home_range_km2", "group_size", "speed_km_h", "litter_size", "litters_year"),
    *("gestation_days", "maturity_days", "longevity_years", "growth_year"),
)
"""Traits that follow from mass, roughly, where nothing better is known."""
WAYS: Mapping[str, str] = {"Aves": "fly", "Insecta": "fly", "Actinopterygii": "swim", "Chondrichthyes": "swim"}
FISH = ("Actinopterygii", "Chondrichthyes", "Actinopteri", "Teleostei", "Elasmobranchii")
ASSUMED: Mapping[str, tuple[float, float]] = {
    "grass": (0.5, 0.3),
    "active_night": (1, 0.5),
    "active_twilight": (1, 0.5),
    "active_day": (1, 0.5),
}
"""Value and spread of a share of which nothing is known."""
STRATA = ("stratum_water", "stratum_ground", "stratum_trees", "stratum_air")
WHOLE = 0.05
"""Shares of a diet add up to 1 within this, else the table is wrong."""


@dataclass(frozen=True, eq=False)
class Species:
    """`names` [s] with their `classes` (Mammalia, Aves ...; "" where not known) and `common` names; `cells`: their traits, complete; `refused`: who
    is left out."""

    names: tuple[str, ...]
    classes: tuple[str, ...]
    common: tuple[str, ...]
    cells: pl.DataFrame
    refused: pl.DataFrame

    def __getitem__(self, trait: str) -> Doubles:
        """The values of a trait [s], NaN where it has none."""
        found = self._values.get(trait, {})
        return np.array([found.get(name, np.nan) for name in self.names], float)

    @cached_property
    def _values(self) -> dict[str, dict[str, float]]:
        """The values by trait and species: read once, since an ensemble asks each of its members for dozens of traits."""
        found: dict[str, dict[str, float]] = {}
        for name, trait, value in self.cells.select("species", "trait", "value").iter_rows():
            found.setdefault(trait, {})[name] = value
        return found

    def keep(self, names: Sequence[str], refused: pl.DataFrame) -> Species:
        """Only these species, in their order; the others with their reasons."""
        chosen = [k for k, name in enumerate(self.names) if name in set(names)]
        return Species(
            tuple(self.names[k] for k in chosen),
            tuple(self.classes[k] for k in chosen),
            tuple(self.common[k] for k in chosen),
            self.cells.filter(pl.col("species").is_in([self.names[k] for k in chosen])),
            pl.concat([self.refused, refused]),
        )


def valued(cells: pl.DataFrame, names: Sequence[str], trait: str) -> Doubles:
    """The values of a trait for species `names` [s], NaN where it has none: float64 [s]."""
    found = dict(cells.filter(pl.col("trait") == trait).select("species", "value").iter_rows())
    return np.array([found.get(name, np.nan) for name in names], float)


def read_species(path: Path) -> pl.DataFrame:
    """The species in a file, once each in its order: columns species, class, common.

    A list (a column scientificName or species, perhaps class and vernacularName), records (Darwin Core), of these only rows whose taxonRank is species, or that
    have no rank and a name of two words; or the answers of `merian identify`, of these only species that are a safe answer. Authors are cut off. Raises Missing
    without the file, BadData without a species.
    """
    if not path.is_file():
        raise Missing("the list of species", path, "give a CSV, TSV or Parquet file with a column scientificName")
    table = read_table(path)
    if set(ANSWERED) <= set(table.columns):
        table = table.filter((pl.col("safe_rank") == "species") & (pl.col("species") == pl.col("safe_name")))
        if not len(table):
            raise BadData(path, "no photo has a species as its safe answer, and a likely name alone makes no ecosystem")
    fold = {column.casefold(): column for column in reversed(table.columns)}
    frame = pl.DataFrame({"species": species_name(table, path).str.replace(AUTHOR, "$1")})
    for name, terms in {"class": ("class", "class_"), "common": ("vernacularname", "common_name", "common")}.items():
        column = next((fold[t] for t in terms if t in fold), None)
        text = (
            table[column].cast(pl.String).str.strip_chars()
            if column
            else pl.Series([None] * len(table), dtype=pl.String)
        )
        frame = frame.with_columns(text.alias(name))
    binomial = pl.col("species").str.contains(r"^\S+ \S+$")
    if "taxonrank" in fold:
        rank = table[fold["taxonrank"]].cast(pl.String).str.to_lowercase().str.strip_chars()
        frame = frame.filter((rank == "species") | (rank.fill_null("") == "") & binomial)
    kept = (
        frame.drop_nulls("species")
        .group_by("species", maintain_order=True)
        .agg(pl.col("class", "common").drop_nulls().first())
    )
    if not len(kept):
        raise BadData(path, "no row has the name of a species")
    return kept.with_columns(pl.col("class", "common").fill_null(""))


def group_of(diet: Mapping[str, float], animal_class: str = "") -> str:
    """Which law of mass a species follows: bird, herbivore, omnivore or carnivore (nine tenths of the diet), "" without a diet."""
    if animal_class == "Aves":
        return "bird"
    total = sum(diet.values())
    if not total > 0:
        return ""
    meat = sum(diet.get(name, 0.0) for name in ANIMAL_DIET) / total
    return "carnivore" if meat >= 0.9 else "herbivore" if meat <= 0.1 else "omnivore"


def completed(wanted: pl.DataFrame, cells: pl.DataFrame, fed: Sequence[str] = ()) -> Species:
    """The wanted species (columns species, class, common) with all their traits: those of `cells`, else what mass tells, marked assumed.

    fed: species that observed links feed, which need no diet. Raises BadData where the shares of a diet do not add up to 1.
    """
    rows: list[tuple[str, str, float, float | None, str, str]] = []
    refused, kept = [], []
    for name, animal_class, _ in wanted.iter_rows():
        own = dict(cells.filter(pl.col("species") == name).select("trait", "value").iter_rows())
        if "mass_g" not in own:
            refused.append((name, "its body mass is in none of the tables"))
            continue
        diet = {trait: own[trait] for trait in DIET if trait in own}
        total = sum(diet.values())
        if total > 0 and abs(total - 1) > WHOLE:
            raise BadData("diet", "shares of a diet add up to 1", [f"{name}: {total:g}"])
        if not total > 0 and name not in fed:
            refused.append((name, "its diet is in none of the tables, and no observed link feeds it"))
            continue
        kept.append(name)
        rows += _assumed(name, animal_class, own, group_of(diet, animal_class))
    order = pl.DataFrame({"species": kept, "at": range(len(kept))}, schema={"species": pl.String, "at": pl.Int64})
    nth = pl.DataFrame({"trait": list(TRAITS), "nth": range(len(TRAITS))})
    whole = pl.concat([cells.select(list(CELLS)), cells_of(rows)]).join(order, on="species").join(nth, on="trait")
    chosen = wanted.filter(pl.col("species").is_in(kept))
    return Species(
        tuple(kept),
        tuple(chosen["class"]),
        tuple(chosen["common"]),
        whole.sort("at", "nth").select(list(CELLS)),
        pl.DataFrame(refused, schema=REFUSED, orient="row"),
    )


def _assumed(
    name: str, animal_class: str, own: Mapping[str, float], group: str
) -> list[tuple[str, str, float, float | None, str, str]]:
    """What is filled in for one species."""
    rows: list[tuple[str, str, float, float | None, str, str]] = []
    for trait in PRIOR_TRAITS:
        law = prior(trait, own["mass_g"], group, WAYS.get(animal_class, "run"))
        if trait not in own and law is not None:
            term, (value, spread, source) = TRAITS[trait], law
            rows.append((name, trait, min(max(value, term.low), term.high), spread, "assumed", source))
    for trait, (value, spread) in ASSUMED.items():
        if trait not in own and not (trait.startswith("active") and any(t.startswith("active") for t in own)):
            rows.append((name, trait, float(value), spread, "assumed", "nothing is known"))
    if not any(own.get(trait, 0) > 0 for trait in STRATA):
        home = "stratum_water" if animal_class in FISH else "stratum_ground"
        rows.append((name, home, 1.0, None, "assumed", "nothing is known"))
    return rows
