"""What is asked of every set of vectors alike: the images, their species, the traits and the variants that are known, and all chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting
from merian.core.tables import Catalog
from merian.core.tree import RANKS, Tree
from merian.explore.axes import clade_folds, unfit
from merian.explore.emergence.measures import resampled
from merian.explore.emergence.settings import EmergenceSettings
from merian.explore.emergence.species_traits import species_traits
from merian.explore.emergence.variants import LEFT_OUT, Contrast, contrasts, labelled

__all__ = ["Known", "Study", "begin_study"]

Doubles = npt.NDArray[np.float64]
SKEWED = 1.0
"""Amounts above 0 with a greater moment skewness (body masses) are asked about as logarithms. A matter of taste."""


@dataclass(frozen=True, eq=False)
class Known:
    """A trait that can be asked about: the species it is known of [s] (taxa), its values [s] in `unit` ("log10 g": their logarithms), and the folds [s] that
    leave whole clades of `rank` out."""

    trait: str
    unit: str
    taxa: npt.NDArray[np.int32]
    values: Doubles
    folds: npt.NDArray[np.int64]
    rank: str


@dataclass(frozen=True, eq=False)
class Study:
    """The images `rows` (a catalog's, with species and variants), the species looked at (taxa), those of pairwise measures (`few`), traits and contrasts;
    `axis` is the trait whose axis is written out.

    left_out (columns LEFT_OUT) says what is not looked at and why; remarks what a person must know.
    """

    tree: Tree
    rows: pl.DataFrame
    species: npt.NDArray[np.int32]
    few: npt.NDArray[np.int32]
    traits: list[Known]
    axis: Known | None
    contrasts: list[Contrast]
    left_out: pl.DataFrame
    remarks: list[str]
    settings: EmergenceSettings

    def chance(self, *names: str | int) -> np.random.Generator:
        """A stream of the study: the same for every set of vectors, so that they can be compared draw by draw."""
        return stream(self.settings.seed, "emergence", *names)

    def weights(self, species: int, *names: str | int) -> Doubles:
        """Multiplicities of so many species in each bootstrap replicate [b, s]."""
        return resampled(species, self.settings.resamples, self.chance("species", species, *names))

    def named(self, taxon: int) -> str:
        """The name of a taxon."""
        return str(self.tree.names[int(taxon)])


def begin_study(catalog: Catalog, settings: EmergenceSettings) -> Study:
    """The Study of a catalog's images. Raises BadSetting and UnknownTaxon for a clade or trait that is not there, BadData when too little is left."""
    tree, remarks = catalog.tree, []
    clade = tree.find(settings.clade) if settings.clade else -1
    rows = catalog.kept().filter(pl.col("taxon") >= 0)
    if settings.images == "held-out":
        shown = (rows["split"] == "train").fill_null(False)
        rows = rows.filter(~shown)
        remarks.append(f"{int(shown.sum()):,} images of the split train are left out: what a model was shown is memory")
    species = tree.ancestors[rows["taxon"].to_numpy(), RANKS.index("species")]
    inside = species >= 0
    if clade >= 0:
        inside &= (species >= clade) & (species < tree.end[clade])
    rows = rows.filter(pl.Series(inside)).with_columns(pl.Series("species", species[inside], pl.Int32))
    counts = rows.group_by("species").len()
    enough = counts.filter(pl.col("len") >= settings.per_species)["species"]
    if len(enough) < len(counts):
        remarks.append(
            f"{len(counts) - len(enough)} species with fewer than {settings.per_species} images are left out"
        )
    rows = labelled(rows.filter(pl.col("species").is_in(enough.implode())), settings.labels)
    chosen = np.unique(rows["species"].to_numpy()).astype(np.int32)
    if len(chosen) < 3:
        where = f"{catalog.path}, {settings.clade}" if settings.clade else catalog.path
        hint = "" if settings.images == "all" else "; with --images all those that were trained on count too"
        raise BadData(where, f"{len(chosen)} species with {settings.per_species} images are too few to look at{hint}")
    few = chosen
    if len(chosen) > settings.most:
        draw = stream(settings.seed, "emergence", "few").choice(len(chosen), settings.most, replace=False)
        few = chosen[np.sort(draw)]
        remarks.append(f"pairs and triplets are of {settings.most} species drawn from {len(chosen)}")
    traits, axis, unused, said = _traits(tree, chosen, clade, settings)
    found, without, told = contrasts(rows, tree, settings.cases)
    lists = pl.concat([unused, without])
    return Study(tree, rows, chosen, few, traits, axis, found, lists, [*remarks, *said, *told], settings)


def _traits(
    tree: Tree, species: npt.NDArray[np.int32], clade: int, settings: EmergenceSettings
) -> tuple[list[Known], Known | None, pl.DataFrame, list[str]]:
    """The traits that can be asked about, that of the axis, those that cannot be asked about with the reason, and remarks."""
    if settings.traits is None:
        if settings.trait:
            raise BadSetting("trait", settings.trait, "needs a table of traits: give --traits")
        return [], None, pl.DataFrame(schema=LEFT_OUT), ["no table of traits: nothing is said of traits"]
    table = species_traits(settings.traits, tree, clade)
    names = table["trait"].unique().sort().to_list()
    if settings.trait and settings.trait not in names:
        raise BadSetting("trait", settings.trait, f"is no trait of the table; it has {', '.join(names[:20])}", names)
    several = {n for (n,), own in table.group_by("trait") if own["unit"].n_unique() > 1}
    found: list[Known] = []
    chosen: list[Known] = []
    unused: list[tuple[str, str]] = []
    remarks = []
    for (trait, unit), rows in table.group_by("trait", "unit", maintain_order=True):
        name = f"{trait} ({unit})" if unit and trait in several else str(trait)
        own = rows.filter(pl.col("taxon").is_in(species.tolist())).sort("taxon")
        if why := unfit(own["value"].to_numpy(), settings.species):
            unused.append((name, why))
            if trait == settings.trait:
                remarks.append(f"{name}: {why}")
            continue
        found.append(_known(name, str(unit), own, tree, settings))
        if trait == settings.trait:
            chosen.append(found[-1])
    found.sort(key=lambda k: (-len(k.taxa), k.trait))
    if not found:
        remarks.append(f"of {len(names)} traits none can be asked about: left_out.parquet says why")
    axis = next(iter(chosen if settings.trait else found), None)
    why_not = pl.DataFrame(unused, schema={"subject": pl.String, "reason": pl.String}, orient="row")
    left = [pl.DataFrame(schema=LEFT_OUT), why_not.with_columns(pl.lit("traits").alias("part"))]
    return found, axis, pl.concat(left, how="diagonal"), remarks


def _known(name: str, unit: str, own: pl.DataFrame, tree: Tree, settings: EmergenceSettings) -> Known:
    """A trait of the species in `own` (taxon, value), of so many drawn ones where there are more; skewed amounts as their logarithms."""
    from scipy.stats import skew

    taxa, values = own["taxon"].to_numpy().astype(np.int32), own["value"].to_numpy()
    if len(taxa) > settings.most:
        rng = stream(settings.seed, "emergence", "trait", name)
        draw = np.sort(rng.choice(len(taxa), settings.most, replace=False))
        taxa, values = taxa[draw], values[draw]
    if values.min() > 0 and skew(values) > SKEWED:
        values, unit = np.log10(values), f"log10 {unit}".strip()
    return Known(name, unit, taxa, values, *clade_folds(tree, taxa))
