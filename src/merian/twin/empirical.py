"""What field data say of body mass and of predators and their prey, and what the tables and the twin give: rows of the validation panel.

The tables are not part of the package: PanTHERIA, TetraDENSITY and EltonTraits are given by path. Two kinds of rows: whether the published slopes come out of
the tables again, and whether a law's exponent lies within the interval that the tables give. Rows that do not hold stay in the panel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import Missing
from merian.core.tree import read_table
from merian.twin.allometry import PowerLaw, fitted
from merian.twin.balance import Balance
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.foodweb import Doubles
from merian.twin.pools import YEAR_DAYS, Climate
from merian.twin.solver import Limits, run
from merian.twin.theory import Row
from merian.twin.traits import read_traits, species_name
from merian.twin.worked import shipped

__all__ = ["EMPIRICAL", "Tables", "hunters", "law_of", "predators_and_prey", "rainfall"]

AGAIN = 0.01
"""How far a slope may lie from the published one: rounding, and synonyms counted once or twice."""
LEVELS = {"herbivore": "1", "omnivore": "2", "carnivore": "3"}
"""PanTHERIA's trophic levels."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Paths of the tables."""

    pantheria: Path
    tetra_density: Path
    elton_mammals: Path
    elton_birds: Path

    @classmethod
    def of(cls, folder: Path) -> Tables:
        """The tables in a folder, found by their names (trait_pantheria.parquet, elton_birds.csv ...). Raises Missing for one that is not there."""
        found = []
        for name in ("pantheria", "tetra_density", "elton_mammals", "elton_birds"):
            files = sorted(
                path for path in folder.glob(f"*{name}*") if path.suffix in (".parquet", ".csv", ".tsv", ".txt")
            )
            if not files:
                raise Missing(
                    f"a table called {name}",
                    folder,
                    "give a folder with PanTHERIA, TetraDENSITY and EltonTraits as Parquet, CSV or TSV",
                )
            found.append(files[0])
        return cls(*found)


def law_of(pantheria: Path, column: str, group: str = "", mass: str = "AdultBodyMass_g") -> PowerLaw:
    """The power law of a column of PanTHERIA on body mass, of one row a species, of all or of one trophic level."""
    table = read_table(pantheria)
    table = table.with_columns(species_name(table, pantheria).alias(".species")).unique(
        ".species", keep="first", maintain_order=True
    )
    if group:
        table = table.filter(pl.col("TrophicLevel").cast(pl.String).str.starts_with(LEVELS[group]))
    x, y = (table[name].cast(pl.Float64, strict=False).to_numpy() for name in (mass, column))
    return fitted(x, y)


def _density_of(tables: Tables, animal_class: str) -> PowerLaw:
    """The law of the median density of each species in TetraDENSITY; counts of individuals per km2 only."""
    counts = read_table(tables.tetra_density).filter(
        pl.col("Class") == animal_class, pl.col("Density_unit") == "ind/km2"
    )
    density = counts.select(
        species_name(counts).alias("species"), pl.col("Density").cast(pl.Float64, strict=False).alias("density")
    )
    masses = read_traits(tables.elton_birds if animal_class == "Aves" else tables.elton_mammals).filter(
        pl.col("trait") == "mass_g"
    )
    both = (
        density.drop_nulls()
        .group_by("species", maintain_order=True)
        .agg(pl.col("density").median())
        .join(masses, on="species")
    )
    return fitted(both["value"].to_numpy(), both["density"].to_numpy())


def _allometry(tables: Tables) -> list[Row]:
    """Slopes of density, metabolism, home range and life history on body mass."""
    panther = "Jones et al. 2009, PanTHERIA"
    wanted = [
        ("density, mammals", "PopulationDensity_n.km2", "", -0.741),
        ("density, herbivores", "PopulationDensity_n.km2", "herbivore", -0.802),
        ("density, omnivores", "PopulationDensity_n.km2", "omnivore", -0.779),
        ("density, carnivores", "PopulationDensity_n.km2", "carnivore", -0.970),
        ("home range, herbivores", "HomeRange_km2", "herbivore", 1.109),
        ("home range, carnivores", "HomeRange_km2", "carnivore", 1.292),
        ("age at maturity", "SexualMaturityAge_d", "", 0.239),
        ("gestation", "GestationLen_d", "", 0.189),
        ("longevity", "MaxLongevity_m", "", 0.198),
    ]
    laws = {name: law_of(tables.pantheria, column, group) for name, column, group, _ in wanted}
    rows = [_again(name, panther, target, laws[name]) for name, _, _, target in wanted]
    rate = law_of(tables.pantheria, "BasalMetRate_mLO2hr", mass="BasalMetRateMass_g")
    tetra = "Santini et al. 2018, TetraDENSITY"
    mammals, birds = _density_of(tables, "Mammalia"), _density_of(tables, "Aves")
    rows += [
        _again("basal metabolism", panther, 0.717, rate),
        _again("density, mammals (TetraDENSITY)", tetra, -0.833, mammals),
        _again("density, birds (TetraDENSITY, individuals)", tetra, -0.509, birds),
    ]
    damuth, kleiber = "Damuth 1981, Nature 290:699", "Kleiber 1932, Hilgardia 6:315"
    for name in ("density, mammals", "density, herbivores", "density, carnivores"):
        rows.append(_within(f"Damuth's -3/4: {name.partition(', ')[2]}", damuth, -0.75, laws[name]))
    rows.append(_within("Damuth's -3/4: birds", damuth, -0.75, birds))
    rows.append(_within("Kleiber's 3/4", kleiber, 0.75, rate))
    return rows


def _again(name: str, source: str, target: float, law: PowerLaw) -> Row:
    return Row(
        name,
        f"slope of log10 on log10 mass, {law.slope:.3f} +- {law.half_width:.3f}, n = {law.n}",
        source,
        target,
        law.slope,
        AGAIN,
    )


def _within(name: str, source: str, target: float, law: PowerLaw) -> Row:
    return Row(
        name,
        f"lies within the 95 % interval of the slope, +- {law.half_width:.3f}, n = {law.n}",
        source,
        target,
        law.slope,
        law.half_width,
    )


def hunters(ecosystem: Ecosystem) -> npt.NDArray[np.bool_]:
    """Who lives on vertebrates: [s + p], False of pools."""
    pools = np.zeros(len(ecosystem.pools), bool)
    return np.concatenate([ecosystem.species["diet_endotherms"] >= 0.5, pools])


def rainfall(
    ecosystem: Ecosystem, rains: Sequence[float], years: int = 200, balance: Balance | None = None
) -> tuple[Doubles, Doubles]:
    """Biomass of prey and of predators (those that live on vertebrates), g m-2 [r] each, where the food web comes to rest when it rains so many mm a year.

    The web is balanced at the ecosystem's own rain (or given as `balance`) and then given other crops: what follows was not put in.
    """
    balance = balance or ecosystem.balance()
    animals = len(ecosystem.species.names)
    hunts = hunters(ecosystem)[:animals]
    prey, predators = [], []
    for rain in rains:
        climate = Climate(rain, ecosystem.climate.celsius)
        crops = np.array(
            [
                pool.crop(climate) * (rain / ecosystem.climate.rain_mm if not pool.law else 1.0)
                for pool in ecosystem.pools
            ]
        )
        web = balance.web.changed(capacity=np.concatenate([np.full(animals, np.inf), crops]))
        start = np.concatenate([balance.start[:animals], np.minimum(balance.start[animals:], crops)])
        end = run(web, start, [0.0, years * YEAR_DAYS], Limits(1e-6, 1e-14)).biomass[-1, :animals]
        prey.append(end[~hunts].sum())
        predators.append(end[hunts].sum())
    return np.array(prey), np.array(predators)


def predators_and_prey() -> list[Row]:
    """The savanna along a gradient of rain: how predators follow their prey, and how much of both there is."""
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, rows=16))
    rains = np.geomspace(400.0, 1200.0, 7)
    prey, predators = rainfall(ecosystem, rains.tolist())
    slope = float(np.polyfit(np.log(prey), np.log(predators), 1)[0])
    share = predators / prey
    kg = float(90.0 / 10_000.0)
    source = "Hatton et al. 2015, doi:10.1126/science.aac6284"
    return [
        Row(
            "predators on prey",
            "exponent of predator on prey biomass, 400 to 1,200 mm of rain",
            source,
            0.75,
            slope,
            0.15,
        ),
        Row(
            "predators per prey",
            "lowest share on that gradient is 0.3 % or more (log10)",
            source,
            -2.0,
            float(np.log10(share.min())),
            0.5,
        ),
        Row(
            "predators per prey, most",
            "highest share is 3 % or less (log10)",
            source,
            -2.0,
            float(np.log10(share.max())),
            0.5,
        ),
        Row(
            "90 kg of carnivore per 10,000 kg of prey",
            "share at the ecosystem's own rain, within a factor of 3 (log10)",
            "Carbone & Gittleman 2002, doi:10.1126/science.1067994",
            float(np.log10(kg)),
            float(np.log10(np.interp(ecosystem.climate.rain_mm, rains, share))),
            float(np.log10(3.0)),
        ),
    ]


EMPIRICAL: Sequence[Callable[[Tables], list[Row]]] = (_allometry,)
"""Families of rows that need tables."""
