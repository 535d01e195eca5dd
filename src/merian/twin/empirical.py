"""What field data say of body mass and of predators and their prey, and what the tables and the twin give: rows of the validation panel.

The tables are not part of the package: PanTHERIA, TetraDENSITY and EltonTraits are given by path. Two kinds of rows: whether the published slopes come out of
the tables again, and whether a law's exponent lies within the interval that the tables give. Rows that do not hold stay in the panel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

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


PANTHER, TETRA = "Jones et al. 2009, PanTHERIA", "Santini et al. 2018, TetraDENSITY"
DAMUTH, KLEIBER = "Damuth 1981, Nature 290:699", "Kleiber 1932, Hilgardia 6:315"
AGAIN_ROWS = (
    ("density, mammals", "PopulationDensity_n.km2", "", -0.741),
    ("density, herbivores", "PopulationDensity_n.km2", "herbivore", -0.802),
    ("density, omnivores", "PopulationDensity_n.km2", "omnivore", -0.779),
    ("density, carnivores", "PopulationDensity_n.km2", "carnivore", -0.970),
    ("home range, herbivores", "HomeRange_km2", "herbivore", 1.109),
    ("home range, carnivores", "HomeRange_km2", "carnivore", 1.292),
    ("age at maturity", "SexualMaturityAge_d", "", 0.239),
    ("gestation", "GestationLen_d", "", 0.189),
    ("longevity", "MaxLongevity_m", "", 0.198),
    ("basal metabolism", "BasalMetRate_mLO2hr", "", 0.717),
)
"""Slopes that come out of PanTHERIA: name, column, trophic level, slope."""
TETRA_ROWS = (
    ("density, mammals (TetraDENSITY)", "Mammalia", -0.833),
    ("density, birds (TetraDENSITY, individuals)", "Aves", -0.509),
)
LAWS = (
    ("Damuth's -3/4: mammals", DAMUTH, -0.75, "density, mammals"),
    ("Damuth's -3/4: herbivores", DAMUTH, -0.75, "density, herbivores"),
    ("Damuth's -3/4: carnivores", DAMUTH, -0.75, "density, carnivores"),
    ("Damuth's -3/4: birds", DAMUTH, -0.75, "density, birds (TetraDENSITY, individuals)"),
    ("Kleiber's 3/4", KLEIBER, 0.75, "basal metabolism"),
)
"""Laws, their exponents, and the slope whose interval should hold them."""


def _allometry(tables: Tables | None) -> list[Row]:
    """Slopes of density, metabolism, home range and life history on body mass; rows that were not run without tables."""
    if tables is None:
        return _unread()
    laws = {}
    for name, column, group, _ in AGAIN_ROWS:
        mass = "BasalMetRateMass_g" if name == "basal metabolism" else "AdultBodyMass_g"
        laws[name] = law_of(tables.pantheria, column, group, mass)
    for name, animals, _ in TETRA_ROWS:
        laws[name] = _density_of(tables, animals)
    rows = [_again(name, PANTHER, target, laws[name]) for name, _, _, target in AGAIN_ROWS]
    rows += [_again(name, TETRA, target, laws[name]) for name, _, target in TETRA_ROWS]
    return rows + [_within(name, source, exponent, laws[of]) for name, source, exponent, of in LAWS]


def _unread() -> list[Row]:
    """The same rows without tables: not run."""
    lacking = "no tables of PanTHERIA, TetraDENSITY and EltonTraits"
    wanted = [(name, PANTHER, target) for name, _, _, target in AGAIN_ROWS]
    wanted += [(name, TETRA, target) for name, _, target in TETRA_ROWS]
    again = "slope of log10 on log10 mass"
    rows = [Row(name, again, source, target, math.nan, AGAIN, lacking) for name, source, target in wanted]
    within = "lies within the 95 % interval of the slope"
    return rows + [Row(name, within, source, slope, math.nan, math.nan, lacking) for name, source, slope, _ in LAWS]


def _again(name: str, source: str, target: float, law: PowerLaw) -> Row:
    said = f"slope of log10 on log10 mass, {law.slope:.3f} +- {law.half_width:.3f}, n = {law.n}"
    return Row(name, said, source, target, law.slope, AGAIN)


def _within(name: str, source: str, target: float, law: PowerLaw) -> Row:
    said = f"lies within the 95 % interval of the slope, +- {law.half_width:.3f}, n = {law.n}"
    return Row(name, said, source, target, law.slope, law.half_width)


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


EMPIRICAL: Sequence[Callable[[Tables | None], list[Row]]] = (_allometry,)
"""Families of rows that need tables; without them their rows are not run."""
