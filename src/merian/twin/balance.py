"""An ecosystem as a food web of tier P: rates from traits, balanced at the densities that are known, and whether all species persist.

Biomass in g m-2 (of plants dry, of animals fresh), days. For an animal of mass M:

    loss      x = R(M) / M, its metabolism (Madingley: rates.endotherm_g_day, ectotherm_g_day), and m = 1 / longevity
    intake    at most y x of its own worth: y = (1 + b)(1 + (m + r) / x), so that where food is as it is today a small population grows by r, its known
              highest rate of increase; or y = 89.2 / 54.9 for endotherms, 8.9 / 2.3 for other vertebrates, 9.7 / 0.5 for invertebrates (Yodzis & Innes 1992,
              doi:10.1086/285380; from memory, not re-read)
    food      half of the highest intake is reached at b times the food of today, 0.02: grazers reach it at 10 to 30 g m-2 of grass (Wilmshurst et al. 2000,
              doi:10.1098/rspb.2000.1007, abstract read; the figures from memory), where Brose et al. 2006 take half of a plant's capacity. Of all foods, in the
              shares of the diet: w_ij a_ij = share_ij / (h_ij b B_j), h_ij = e_ij / (y x)
    worth     e = kJ that the eater gains from a gram, over the 27.25 kJ that a gram of animal costs (GRAM_PER_KJ)

Balance (as in Ecopath, Polovina 1984): at today's biomass B each animal must gain what it loses to metabolism, age and its eaters, x + m + p, which follows
down the chain from the top. What it could gain beyond that is taken by interference among its own kind,

    c = ((y x / (x + m + p) - 1) / b - 1) / B,

which is 0 or more as long as (1 + b)(x + m + p) <= y x. An animal for which that does not hold is eaten faster than it can grow, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, BadSetting
from merian.twin.feeding import OFFERS
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.pools import ENERGY, YEAR_DAYS, Climate, Pool
from merian.twin.rates import GRAM_PER_KJ, ectotherm_g_day, endotherm_g_day
from merian.twin.solver import Limits, run
from merian.twin.species import Species

__all__ = ["Balance", "balanced", "persistence"]

Integers = npt.NDArray[np.int64]
YODZIS = {"endotherm": 89.2 / 54.9, "vertebrate": 8.9 / 2.3, "invertebrate": 9.7 / 0.5}
ROUNDS = 200
SEEN = 0.01
"""A species whose biomass stays above this share of today's persists."""
UNSURE_SD = 0.5
"""sd (log10) of an observed density that comes without one: counts of one species differ about so between places (TetraDENSITY)."""


@dataclass(frozen=True, eq=False)
class Balance:
    """A food web with the biomass at which it balances: `start` g m-2 [s + p], pools after animals.

    `rates`: columns species, biomass_g_m2, metabolism_year, age_year, increase_year (null of pools), eaten_year (all year-1, of its biomass), problem (null
    when it balances).
    """

    web: FoodWeb
    start: Doubles
    rates: pl.DataFrame


def balanced(
    species: Species,
    pools: tuple[Pool, ...],
    links: pl.DataFrame,
    climate: Climate,
    half: float = 0.02,
    intake: str = "increase",
) -> Balance:
    """The Balance of an ecosystem: `links` are columns LINKS with a `part`, the share of the eater's energy (they add up to 1 for each eater).

    half: b above. intake: "increase" or "yodzis". Raises BadSetting for another, BadData when a crop is 0 or eaters of each other cannot be balanced.
    """
    if intake not in ("increase", "yodzis"):
        raise BadSetting("intake", intake, "is increase or yodzis")
    names = [*species.names, *(pool.name for pool in pools)]
    at = {name: k for k, name in enumerate(names)}
    count = len(species.names)
    eater = np.array([at[name] for name in links["eater"]], np.int64)
    eaten = np.array([at[name] for name in links["eaten"]], np.int64)
    part, worth = links["part"].to_numpy().astype(float), _worth(species, pools)[eaten]
    mass = species["mass_g"]
    biomass = species["density_km2"] * mass / 1e6
    spent, age = _metabolism(species, climate.celsius), 1 / (species["longevity_years"] * YEAR_DAYS)
    increase = species["growth_year"] / YEAR_DAYS
    lost, taken = _losses(biomass, spent + age, (eater, eaten, part / worth), len(names))
    most = _ceiling(species, intake, half, (spent, age, increase)) * spent
    crops, growth = np.array([pool.crop(climate) for pool in pools]), np.array([pool.growth_day for pool in pools])
    if len(pools) and not (crops > 0).all():
        raise BadData(
            "pools",
            f"nothing grows at {climate.rain_mm:g} mm of rain",
            [pools[k].name for k in np.flatnonzero(crops <= 0)],
        )
    standing, short = _standing(crops, growth, taken[count:])
    start = np.concatenate([biomass, standing])
    interference = ((most / lost - 1) / half - 1) / biomass
    handling = worth / most[eater]
    web = FoodWeb.of(
        names,
        list(zip(eater.tolist(), eaten.tolist(), strict=True)),
        {
            "growth": np.concatenate([np.zeros(count), growth]),
            "capacity": np.concatenate([np.full(count, np.inf), crops]),
            "loss": np.concatenate([spent + age, np.zeros(len(pools))]),
            "interference": np.concatenate([np.maximum(interference, 0.0), np.zeros(len(pools))]),
        },
        {"share": part, "attack": 1 / (handling * half * start[eaten]), "handling": handling, "efficiency": worth},
    )
    rates = {"metabolism_year": spent, "age_year": age, "increase_year": increase}
    table = _table(names, start, {name: rate * YEAR_DAYS for name, rate in rates.items()}, taken / start * YEAR_DAYS)
    problems = [
        None if c >= 0 else f"{100 * p:.0f} % of it is eaten in a year, more than it can make"
        for c, p in zip(interference, (lost - spent - age) * YEAR_DAYS, strict=True)
    ]
    problems += ["more of it is eaten than grows" if wrong else None for wrong in short]
    return Balance(web, start, table.with_columns(problem=pl.Series(problems, dtype=pl.String)))


def _table(names: list[str], start: Doubles, rates: Mapping[str, Doubles], eaten: Doubles) -> pl.DataFrame:
    """The rates of animals, null for pools, with what is eaten of each."""
    columns = {name: [*rate.tolist(), *[None] * (len(names) - len(rate))] for name, rate in rates.items()}
    return pl.DataFrame({"species": names, "biomass_g_m2": start, **columns, "eaten_year": eaten})


def _worth(species: Species, pools: tuple[Pool, ...]) -> Doubles:
    """Grams of an eater that a gram makes of each species and pool: [s + p]."""
    kinds = ["vertebrates" if name in OFFERS else "invertebrates" for name in species.classes]
    return np.array([ENERGY[kind] * GRAM_PER_KJ for kind in kinds] + [pool.worth for pool in pools])


def _metabolism(species: Species, celsius: float) -> Doubles:
    """What each species burns, as a share of itself a day: [s]."""
    mass = species["mass_g"]
    warm = np.array([name in ("Mammalia", "Aves") for name in species.classes])
    return np.asarray(np.where(warm, endotherm_g_day(mass), ectotherm_g_day(mass, celsius)) / mass)


def _losses(
    biomass: Doubles, own: Doubles, links: tuple[Integers, Integers, Doubles], size: int
) -> tuple[Doubles, Doubles]:
    """What each animal must gain, day-1 [s], and what is taken of each species and pool, g m-2 day-1 [size]."""
    eater, eaten, need = links
    count, lost = len(biomass), own.copy()
    for _ in range(ROUNDS):
        taken = np.bincount(eaten, (biomass * lost)[eater] * need, size).astype(float)
        after = own + taken[:count] / biomass
        if np.allclose(after, lost, rtol=1e-12, atol=0):
            return after, taken
        lost = after
    if np.isfinite(lost).all() and np.allclose(after, lost, rtol=1e-6, atol=0):
        return after, taken
    raise BadData(
        "food web",
        "animals that eat each other take more of each other than both can make: lower their densities or shares",
    )


def _ceiling(species: Species, intake: str, half: float, rates: tuple[Doubles, Doubles, Doubles]) -> Doubles:
    """The highest intake over metabolism, y: [s]."""
    spent, age, increase = rates
    if intake == "increase":
        return np.asarray((1 + half) * (1 + (age + increase) / spent))
    kinds = [
        "endotherm" if c in ("Mammalia", "Aves") else "vertebrate" if c in OFFERS else "invertebrate"
        for c in species.classes
    ]
    return np.array([YODZIS[kind] for kind in kinds])


def _standing(crops: Doubles, growth: Doubles, taken: Doubles) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """The biomass of pools at which growth makes up for what is taken, [p], and where none does (half of the crop then)."""
    rest = 1 - 4 * taken / (growth * crops)
    return crops / 2 * (1 + np.sqrt(np.maximum(rest, 0.0))), rest < 0


def persistence(balance: Balance, spreads: Mapping[str, float], years: int = 50, begin: float = 0.5) -> pl.DataFrame:
    """What becomes of every species and pool in so many years when all animals begin at `begin` times today's biomass.

    Columns species, today_g_m2, lowest (share of today's), ratio (mean of the last fifth of the years over today), persists (never below a hundredth of today),
    plausible (the ratio lies within the 95 % interval of the density that is known, from `spreads` in log10 units). Raises Unstable as `solver.run` does.
    """
    start = balance.start.copy()
    animal = ~balance.web.producer
    start[animal] *= begin
    times = np.linspace(0.0, years * YEAR_DAYS, 12 * years + 1)
    course = run(balance.web, start, times, Limits(1e-6, 1e-14)).biomass
    ratio = course[-(len(times) // 5) :].mean(0) / balance.start
    lowest = course.min(0) / balance.start
    lives = lowest >= SEEN
    wide = np.array([spreads.get(name) or UNSURE_SD for name in balance.web.names])
    with np.errstate(divide="ignore"):
        near = np.abs(np.log10(np.maximum(ratio, 0.0))) <= 1.96 * wide
    return pl.DataFrame(
        {
            "species": list(balance.web.names),
            "today_g_m2": balance.start,
            "lowest": lowest,
            "ratio": ratio,
            "persists": lives,
            "plausible": lives & near,
        }
    )
