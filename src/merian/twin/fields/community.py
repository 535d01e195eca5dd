"""Patterns over many species: density by mass, species by area, carnivores by their prey, and how each form of regulation lets predators follow prey."""

from __future__ import annotations

import numpy as np

from merian.core.chance import stream
from merian.twin.balance import Balance
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.empirical import hunters, rainfall
from merian.twin.fields.asked import Asked
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.pools import YEAR_DAYS
from merian.twin.rates import allometric
from merian.twin.regulation import regulated
from merian.twin.solver import Limits, run
from merian.twin.theory import Row
from merian.twin.worked import shipped

__all__ = ["area_and_species", "emergent", "regulation", "web_of_mass", "who_lives"]

DAMUTH = "Damuth 1981, Nature 290:699; acceptance [-0.95, -0.55]"
HATTON = "Hatton et al. 2015, doi:10.1126/science.aac6284"
SCHNEIDER = "links: Schneider et al. 2016, doi:10.1038/ncomms12718; rates: Binzer et al. 2016, doi:10.1111/gcb.13086"
DENSITY = (
    Asked(
        "density by mass, emergent",
        "slope of log10 density on log10 mass in webs whose rates come from mass alone",
        DAMUTH,
        -0.75,
        0.2,
    ),
    Asked(
        "density by mass, savanna", "the same of the savanna's animals; their densities were put in", DAMUTH, -0.75, 0.2
    ),
    Asked(
        "carnivores by mass",
        "slope of log10 density of the savanna's hunters on log10 mass: so that biomass does not depend on mass",
        "Carbone & Gittleman 2002, doi:10.1126/science.1067994",
        -1.0,
        0.25,
    ),
)
AREA = Asked(
    "species by area",
    "z of the savanna's animals on islands of 10 to 10,000 km2: 0.2 to 0.35",
    "Arrhenius 1921; Preston 1962",
    0.275,
    0.075,
)
FORMS = (
    ("ratio", 1.0, "ratio-dependent"),
    ("ratio", 0.58, "Arditi and Akcakaya, m of Isle Royale"),
    ("ratio", 4 / 3, "Arditi and Akcakaya, m = 4/3"),
    ("refuge", 2.0, "prey hide when rare (type III)"),
    ("herds", 2 / 3, "prey in groups, whose number goes as 2/3 of theirs (logarithms; Rouhbakhsh et al. 2025)"),
    ("territory", 1.0, "deaths of crowding, eaters sated"),
)
WEBS, PLANTS, ANIMALS = 12, 10, 25
OPTIMUM, WIDTH, LEAST = 100.0, 2.0, 0.01
"""Eaters are so much heavier than what they eat best; how narrow that is; links weaker than this are none (Schneider et al. 2016)."""
INTERFERENCE, RIVALRY = 0.8, 0.5
"""m2 g-1 among eaters of a kind, and how much plants crowd each other: the first of ATN's default, the second a matter of taste."""
YEARS, FLOOR = 200, 1e-8
FEW = 50
"""Animals below which a species is lost in the short run (Franklin 1980, the 50 of the 50/500 rule; from memory, not re-read)."""


def web_of_mass(seed: int) -> tuple[FoodWeb, Doubles]:
    """A web of plants and animals of any mass, all rates and links from mass, and the masses in g [s]."""
    rng = stream(seed, "web of mass")
    plants, animals = 10 ** rng.uniform(-3, 0, PLANTS), np.sort(10 ** rng.uniform(-1, 5, ANIMALS))
    mass = np.concatenate([plants, animals])
    eats: list[tuple[int, int]] = []
    for eater in range(PLANTS, len(mass)):
        ratio = mass[eater] / (mass * OPTIMUM)
        liking = (ratio * np.exp(1 - ratio)) ** WIDTH
        liking[eater] = 0.0
        # the largest plant-eaters eat plants, however small those are for them
        food = np.flatnonzero(liking >= LEAST)
        if not len(food):
            food = rng.choice(PLANTS, 3, replace=False)
        eats += [(eater, int(one)) for one in food]
    web = allometric([f"s{at}" for at in range(len(mass))], mass, eats)
    crowd = np.where(web.producer, 0.0, INTERFERENCE)
    return web.changed(interference=crowd, rivalry=RIVALRY), mass


def emergent() -> list[Row]:
    """How density goes with mass where it was not put in, and where it was."""
    mass, density, gone = [], [], 0
    for seed in range(WEBS):
        web, own = web_of_mass(seed)
        start = np.where(web.producer, web["capacity"] / 2, 1.0)
        end = run(web, start, [0.0, YEARS * YEAR_DAYS], Limits(1e-6, 1e-12, FLOOR)).biomass[-1]
        lives = ~web.producer & (end > FLOOR)
        gone += int((~web.producer & ~lives).sum())
        mass.append(own[lives])
        density.append(end[lives] / own[lives])
    x, y = np.log10(np.concatenate(mass)), np.log10(np.concatenate(density))
    ecosystem, _ = _savanna()
    own, there = np.log10(ecosystem.species["mass_g"]), np.log10(ecosystem.species["density_km2"])
    hunts = hunters(ecosystem)[: len(own)]
    said = f"{len(x)} animals of {WEBS} webs, {gone} died out"
    return [
        DENSITY[0].row(np.polyfit(x, y, 1)[0], said),
        DENSITY[1].row(np.polyfit(own, there, 1)[0], f"{len(own)} species"),
        DENSITY[2].row(np.polyfit(own[hunts], there[hunts], 1)[0], f"{int(hunts.sum())} species, put in"),
    ]


def _savanna() -> tuple[Ecosystem, Balance]:
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, rows=8))
    return ecosystem, ecosystem.balance()


def who_lives(ecosystem: Ecosystem, balance: Balance, area_km2: float) -> int:
    """How many animals' species an island of this area keeps: those of less than FEW animals are taken out, the rest comes to rest, and so on."""
    web, state = balance.web, balance.start.copy()
    animals, mass = len(ecosystem.species.names), ecosystem.species["mass_g"]
    while True:
        heads = state[:animals] * area_km2 * 1e6 / mass
        lost = (heads < FEW) & (state[:animals] > 0)
        if not lost.any():
            return int((state[:animals] > 0).sum())
        state[:animals][lost] = 0.0
        if not (state[:animals] > 0).any():
            return 0
        state = run(web, state, [0.0, 50 * YEAR_DAYS], Limits(1e-6, 1e-14)).biomass[-1]


def area_and_species() -> list[Row]:
    """The slope of log species on log area."""
    ecosystem, balance = _savanna()
    areas = np.geomspace(10.0, 10_000.0, 13)
    kept = np.array([who_lives(ecosystem, balance, area) for area in areas.tolist()])
    some = kept > 0
    z = float(np.polyfit(np.log(areas[some]), np.log(kept[some]), 1)[0])
    return [AREA.row(z, f"a species of fewer than {FEW} animals is lost; {kept[0]} to {kept[-1]} species")]


def regulation() -> list[Row]:
    """How predators follow prey along the gradient of rain when hunters are regulated otherwise: options, none of them the default."""
    ecosystem, balance = _savanna()
    rains, who, rows = np.geomspace(400.0, 1200.0, 7).tolist(), hunters(ecosystem), []
    for form, exponent, words in FORMS:
        prey, predators = rainfall(ecosystem, rains, balance=regulated(balance, form, exponent, who))
        slope = float(np.polyfit(np.log(prey), np.log(predators), 1)[0])
        said = f"exponent of predator on prey biomass if hunters were regulated so: {words}"
        rows.append(Asked(f"predators on prey, {form} {exponent:.3g}", said, HATTON, 0.75, 0.15).row(slope))
    return rows
