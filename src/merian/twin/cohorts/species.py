"""An ecosystem as cohorts: its species' traits as columns of kinds, its pools as plants, and the world at its start.

By the food web (`response` web) rates are those of the balanced web, so that the tier stands where tier P stands; ages and stages come on top:

    loss         metabolism of the web without its deaths of age, 1 / longevity, which cohorts die as background
    senescence   rises to 1 a year at the greatest age known (an assumption)
    births       of mammals in pulses, by litter size and litters a year, from the middle of the wettest month on; of others when the gate opens
    nursing      the young of mammals eat so much more that they are grown up at the known age where adults gain what they need to grow by the known rate
    diffusion    (7 sqrt(home range))^2 / (4 age of maturity): the young settle 7 home ranges' widths away (Bowman et al. 2002, from memory, not re-read)

By size (`madingley`) metabolism and feeding are those of the published model, links say only who may eat whom, plants are wet (dry / 0.213) while cohorts live
and are made at a steady rate, as leaves are in that model: logistic ones hardly grow again once grazers have eaten them down.
Mammals of 21.5 kg and more that live on vertebrates are built for prey of 0.5 to 3 times their mass instead of a tenth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.twin.cohorts.bodies import Warmth
from merian.twin.cohorts.ground import Ground, coarse
from merian.twin.cohorts.kinds import Kinds
from merian.twin.cohorts.plants import DRY, Leaves
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.cohorts.worlds import Life, peopled, processes, young_g
from merian.twin.ecosystem import Ecosystem
from merian.twin.engine import Engine
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.pools import YEAR_DAYS
from merian.twin.species import ANIMAL_DIET, Species
from merian.twin.world import World

__all__ = ["RAIN_SPREAD", "cohorts", "founders", "life_of", "standing", "wetness"]

WARM = ("Mammalia", "Aves")
PART = {"herbivore": (0.5, 0.0), "carnivore": (0.0, 0.8), "omnivore": (0.4, 0.64)}
"""What is made one's own of plants and of animals (Harfoot et al. 2014)."""
OPTIMUM, LARGE_G, WINDOW = 0.1, 21_500.0, (0.5, 3.0)
LEAFY = ("grass", "browse", "fruit", "seeds", "nectar")
"""Pools that are given dry."""
NATAL_WIDTHS = 7.0
RAIN_SPREAD = 0.2
"""Standard deviation of the logarithm of a year's rain."""


def life_of(ecosystem: Ecosystem, web: FoodWeb, settings: CohortSettings) -> Life:
    """What lives in an ecosystem, by the rates of `web` (its own of tier P, perhaps changed by a scenario)."""
    species, count = ecosystem.species, len(ecosystem.species.names)
    longevity = species["longevity_years"] * YEAR_DAYS
    ripens = np.clip(species["maturity_days"], 1.0, 0.5 * longevity)
    by_web = settings.response == "web"
    pulse = np.where(_bears(species), YEAR_DAYS / species["litters_year"], 0.0)
    loss = np.maximum(web["loss"][:count] - 1 / longevity, 0.0)
    hunts, grazes = _diets(ecosystem)
    columns = {
        "warm": [float(name in WARM) for name in species.classes],
        "loss": np.maximum(loss, 1e-12) if by_web else 0.0,
        "scaling": settings.scaling if by_web else 0.0,
        "nursing": _nursing(ecosystem, loss, ripens, settings.scaling) if by_web else 1.0,
        "background": 1 / longevity,
        "senescence": np.exp(-np.minimum((longevity - ripens) / (ripens + 1), 600.0)) / YEAR_DAYS,
        "harvest": web["harvest"][:count],
        "crowding": web["crowding"][:count],
        "gate": np.where(pulse > 0, 1.0, 1.5),
        "pulse": pulse,
        "litter": species["litter_size"],
        "season": _wettest(ecosystem),
        "ripens": ripens,
        "reach": np.where(_large(ecosystem), WINDOW[1] / WINDOW[0], 1.0),
        "diffusion": NATAL_WIDTHS**2 * species["home_range_km2"] * 1e6 / (4 * ripens),
    }
    kinds = Kinds.of(species.names, columns, grazes, hunts)
    wet = wetness(ecosystem, settings)
    pools = Leaves.logistic if by_web else Leaves.steady
    plants = pools(web["growth"][count:], web["capacity"][count:] * wet)
    warmth = Warmth(ecosystem.climate.celsius, settings.spread_c, settings.range_c)
    return Life(kinds, plants, warmth, web if by_web else None)


def wetness(ecosystem: Ecosystem, settings: CohortSettings) -> Doubles:
    """Grams in the world of a gram of each pool of the ecosystem: [p]."""
    if settings.response == "web":
        return np.ones(len(ecosystem.pools))
    return np.array([1 / DRY if pool.food in LEAFY else 1.0 for pool in ecosystem.pools])


def _bears(species: Species) -> npt.NDArray[np.bool_]:
    """Which are mammals, who give birth in pulses: bool [s]."""
    return np.array([name == "Mammalia" for name in species.classes])


def _nursing(ecosystem: Ecosystem, loss: Doubles, ripens: Doubles, scaling: float) -> Doubles:
    """Times the intake of the young: [s]. dM/dt = g M (M / adult)^scaling takes a young to adult mass in the time that is known."""
    species = ecosystem.species
    ratio = young_g(species["mass_g"]) / species["mass_g"]
    way = -np.log(ratio) if scaling == 0 else (1 - ratio**-scaling) / -scaling
    gains = loss + species["growth_year"] / YEAR_DAYS + 1 / (species["longevity_years"] * YEAR_DAYS)
    return np.where(_bears(species), np.maximum((loss + way / ripens) / gains, 1.0), 1.0)


def _large(ecosystem: Ecosystem) -> npt.NDArray[np.bool_]:
    """Which are large mammals that live on vertebrates: bool [s]."""
    species = ecosystem.species
    backbones = np.nansum([species[t] for t in ANIMAL_DIET if t not in ("diet_invertebrates", "diet_carrion")], 0)
    mammal = np.array([kind == "Mammalia" for kind in species.classes])
    return np.asarray(mammal & (species["mass_g"] >= LARGE_G) & (backbones >= 0.5))


def _diets(ecosystem: Ecosystem) -> tuple[Doubles, Doubles]:
    """What part of each species and of each pool its eaters make their own, by size: [s, s] and [s, p]."""
    names = [*ecosystem.species.names, *(pool.name for pool in ecosystem.pools)]
    leafy = np.array([False] * len(ecosystem.species.names) + [pool.food in LEAFY for pool in ecosystem.pools])
    eats = np.zeros((len(names), len(names)))
    for eater, eaten in ecosystem.web_links.select("eater", "eaten").iter_rows():
        eats[names.index(eater), names.index(eaten)] = 1.0
    plants, animals = (eats * leafy).any(1), (eats * ~leafy).any(1)
    for at in range(len(names)):
        diet = "omnivore" if plants[at] and animals[at] else "herbivore" if plants[at] else "carnivore"
        eats[at] *= np.where(leafy, *PART[diet])
    count = len(ecosystem.species.names)
    return eats[:count, :count], eats[:count, count:]


def _wettest(ecosystem: Ecosystem) -> float:
    """The middle of the wettest month, as a day of the year."""
    months = ecosystem.landscape.layers["rain"].sum((1, 2))
    return (int(months.argmax()) + 0.5) * YEAR_DAYS / 12


def founders(ecosystem: Ecosystem, start: Doubles, ground: Ground, each: int) -> dict[str, Doubles]:
    """Cohorts of `start` g m-2 of each species [s] on every cell of land, `each` of as many animals: one half-grown, the others grown up.

    Their ages are up to half of the longevity. One alone is grown up.
    """
    species, count = ecosystem.species, len(ecosystem.species.names)
    longevity = species["longevity_years"] * YEAR_DAYS
    ripens = np.clip(species["maturity_days"], 1.0, 0.5 * longevity)
    adult, young = species["mass_g"], young_g(species["mass_g"])
    kind = np.repeat(np.arange(count), each)
    nth = np.tile(np.arange(each), count)
    juvenile = (nth == 0) & (each > 1)
    age = np.where(juvenile, 0.5 * ripens[kind], ripens[kind] + nth / each * (0.5 * longevity - ripens)[kind])
    mass = np.where(juvenile, np.sqrt(adult * young)[kind], adult[kind])
    mean = np.bincount(kind, mass) / each
    large = _large(ecosystem)
    one = {
        "kind": kind.astype(float),
        "number": (start * ground.cell_m2 / each / mean)[kind],
        "mass": mass,
        "young": young[kind],
        "adult": adult[kind],
        "optimum": np.where(large, WINDOW[0], OPTIMUM)[kind],
        "age": age,
        "ripe": np.where(juvenile, -1.0, ripens[kind]),
    }
    cells = ground.cells
    many = {name: np.tile(column, len(cells)) for name, column in one.items()}
    return {**many, "cell": np.repeat(cells, len(kind)).astype(float)}


def standing(world: World, names: int, ground: Ground, wet: Doubles) -> Doubles:
    """Biomass of each species and pool on the mean cell of land, g m-2: [s + p]."""
    values, area = world.values, ground.cell_m2 * len(ground.cells)
    grams = values["number"] * (values["mass"] + values["pool"])
    animals = np.bincount(values["kind"], grams, names) / area
    return np.concatenate([animals, values["plants"][:, ground.land].mean(1) / wet])


def cohorts(ecosystem: Ecosystem, settings: CohortSettings, seed: int = 0, threads: int = 1) -> Engine:
    """An Engine of an ecosystem as cohorts at today's densities, on its landscape in `settings.rows` rows."""
    balance = ecosystem.balance()
    ground = Ground.of(coarse(ecosystem.landscape, settings.rows), ecosystem.climate.celsius, settings)
    life, count = life_of(ecosystem, balance.web, settings), len(ecosystem.species.names)
    start = founders(ecosystem, balance.start[:count], ground, settings.founders)
    plants = balance.start[count:] * wetness(ecosystem, settings)
    world = peopled(life, start, plants, ground, settings, seed)
    return Engine(world, processes(life, ground, settings, RAIN_SPREAD, threads), settings.days)
