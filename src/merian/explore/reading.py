"""Traits of species: which are known, which can be read from the vectors of their images, and which cannot and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.core.progress import track
from merian.core.report import Number
from merian.core.tree import RANKS, Tree
from merian.explore.axes import Axis, clade_folds, species_means, trait_axis, unfit
from merian.explore.emergence.species_traits import species_traits
from merian.explore.settings import ExploreSettings

__all__ = ["READ", "Reading", "Trait", "of_images", "read", "traits_of"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
SPECIES = 10
"""A trait known of fewer species is not tried."""
READ = {"trait": pl.String, "unit": pl.String, "taxon": pl.Int32, "value": pl.Float64, "predicted": pl.Float64}
"""Columns of traits.parquet."""


@dataclass(frozen=True, eq=False)
class Trait:
    """What a table tells of one trait: its name (with the unit where there are several), unit, species [s] (taxa, sorted) and their values [s]."""

    name: str
    unit: str
    taxa: npt.NDArray[np.int32]
    values: Doubles

    @property
    def word(self) -> str:
        """The word that a trait of 0 and 1 stands for (forest, of "habitat = forest"); empty for numbers."""
        return self.name.partition(" = ")[2]

    def of(self, tree: Tree, taxa: Ints) -> Doubles:
        """The value of the species of each taxon [n], nan where it is not known: [n]."""
        value = np.full(len(tree) + 1, np.nan)
        value[self.taxa] = self.values
        return np.asarray(value[tree.ancestors[taxa, RANKS.index("species")]])


@dataclass(frozen=True, eq=False)
class Reading:
    """How well a trait is read from species (taxa [s]) with values [s]: its Axis, and the rank whose clades were left out; or `why` it cannot be asked."""

    trait: Trait
    taxa: npt.NDArray[np.int32]
    values: Doubles
    axis: Axis | None = None
    rank: str = ""
    why: str = ""


def traits_of(settings: ExploreSettings, tree: Tree) -> list[Trait]:
    """The traits in the table of the settings: the chosen one, numbers, words, each by the number of species. Raises BadSetting for one that is not there."""
    if settings.traits is None:
        if settings.trait:
            raise BadSetting("trait", settings.trait, "needs a table of traits: give --traits")
        return []
    table = species_traits(settings.traits, tree)
    units = dict(table.group_by("trait").agg(pl.col("unit").n_unique()).rows())
    found = []
    for (trait, unit), rows in table.group_by("trait", "unit", maintain_order=True):
        name = f"{trait} ({unit})" if units[trait] > 1 else str(trait)
        found.append(Trait(name, str(unit), rows["taxon"].to_numpy(), rows["value"].to_numpy()))
    names = [t.name for t in found]
    if settings.trait and settings.trait not in names:
        raise BadSetting("trait", settings.trait, f"is no trait of the table; it has {', '.join(names[:20])}", names)
    return sorted(found, key=lambda t: (t.name != settings.trait, t.word != "", -len(t.taxa), t.name))


def read(
    vectors: npt.NDArray[np.float32], taxa: Ints, tree: Tree, traits: Sequence[Trait], settings: ExploreSettings
) -> list[Reading]:
    """The Reading of each trait from the mean vectors of the species that the images [n, d] with their taxa [n] show."""
    if not traits:
        return []
    species = tree.ancestors[taxa, RANKS.index("species")]
    names, means = species_means(vectors[species >= 0], species[species >= 0])
    found = []
    with track("Reading traits", len(traits), "traits") as advance:
        for trait in traits:
            known = np.isin(trait.taxa, names)
            own, values = trait.taxa[known], trait.values[known]
            if why := unfit(values, SPECIES):
                found.append(Reading(trait, own, values, why=why))
            else:
                folds, rank = clade_folds(tree, own)
                rng = stream(settings.seed, "trait", trait.name)
                axis = trait_axis(means[np.searchsorted(names, own)], values, folds, rng, settings.shuffles)
                found.append(Reading(trait, own, values, axis, rank))
            advance(1, note=trait.name)
    return found


def of_images(readings: Sequence[Reading]) -> tuple[list[Number], list[str], pl.DataFrame]:
    """The numbers of the traits that were read, why the others were not, and what was predicted of each species (columns READ)."""
    numbers, remarks, tables = [], [], [pl.DataFrame(schema=READ)]
    for reading in readings:
        name, axis = reading.trait.name, reading.axis
        if axis is None:
            remarks.append(f"{name} cannot be read: {reading.why}")
            continue
        n, group = len(reading.taxa), f"Trait: {name}"
        r2 = f"{_beside(reading.rank, axis.shuffled_r2)}; p = {axis.p:.3f}"
        numbers.append(Number(f"trait.{name}.r2", *axis.r2, n=n, note=r2, group=group))
        rho = _beside(reading.rank, axis.shuffled_rho)
        numbers.append(Number(f"trait.{name}.rho", *axis.rho, n=n, note=rho, group=group))
        columns = {"trait": [name] * n, "unit": [reading.trait.unit] * n, "taxon": reading.taxa}
        tables.append(pl.DataFrame({**columns, "value": reading.values, "predicted": axis.predicted}, schema=READ))
    return numbers, remarks, pl.concat(tables)


def _beside(rank: str, shuffled: float) -> str:
    held = f"95 % of shuffled traits are below {shuffled:.2f}" if np.isfinite(shuffled) else "no trait was shuffled"
    return f"each {rank} read from others; {held}"
