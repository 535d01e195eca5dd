"""What theory says of cohorts, and what the tier gives: rows of the validation panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from merian.twin import draws
from merian.twin.cohorts.bodies import Metabolism, Warmth, burnt_g_day
from merian.twin.cohorts.breeding import Breeding
from merian.twin.cohorts.columns import Integers
from merian.twin.cohorts.dying import Dying
from merian.twin.cohorts.feasting import Feasting
from merian.twin.cohorts.kinds import Kinds
from merian.twin.cohorts.merging import Merging
from merian.twin.cohorts.plants import Growing, Leaves
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.cohorts.worlds import founded, madingley
from merian.twin.engine import Moment, Process
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.landscape import generated
from merian.twin.ledger import Array
from merian.twin.rates import ectotherm_g_day
from merian.twin.solver import Limits, run
from merian.twin.theory import Row

__all__ = ["COHORTS", "density_slope"]

FIELD_M2 = 1e6
BURNT = (
    (1.0, 10.0, 1.011),
    (1.0, 1e3, 25.396),
    (1.0, 7e4, 496.966),
    (1.0, 4e6, 8437.24),
    (0.0, 1.0, 0.004737),
    (0.0, 100.0, 0.237701),
    (0.0, 1e4, 12.84093),
)
"""Endotherm (1) or ectotherm at 20 degrees C that is active half of the time (0), mass g, and what it burns, g day-1: the published code's equations,
evaluated by hand."""


def _metabolism() -> list[Row]:
    """What bodies burn."""
    half = [float(0.5 * ectotherm_g_day(1.0, 20.0, active)) for active in (1.0, 0.0)]
    place = np.array([*half, 0.5])
    rows = []
    for warm, mass, target in BURNT:
        kinds = Kinds.of(["one"], {"warm": warm}, np.zeros((1, 1)), np.zeros((1, 1)))
        found = burnt_g_day(kinds.table, 0, mass, 0.0, mass, place)
        said = f"{'endotherm' if warm else 'ectotherm'} of {mass:g} g burns, g a day"
        rows.append(Row("metabolism", said, "Harfoot et al. 2014", target, found, 1e-3 * target))
    return rows


def _alone(web: FoodWeb, start: Doubles, days: float, length: float) -> Doubles:
    """Biomass g m-2 of a web [s] whose animals are cohorts of one stage on one cell, after `length` days in steps of so many `days`."""
    animals = ~web.producer
    names = [name for name, eats in zip(web.names, animals, strict=True) if eats]
    count = len(names)
    kinds = Kinds.of(names, {"gate": 1e-9}, np.zeros((count, 1)), np.zeros((count, count)))
    kinds = kinds.changed(loss=web["loss"][animals], background=0.0, senescence=0.0, starves=0.0)
    own = np.arange(count)
    values: dict[str, Array] = {
        **founded(
            {"kind": own, "cell": 0 * own, "number": start[animals] * FIELD_M2, "mass": 1.0, "young": 1.0, "adult": 1.0}
        ),
        "plants": start[web.producer][:, None, None].copy(),
        "celsius": np.full((1, 1), 20.0),
        "room": np.ones((1, 1)),
        "green": np.ones((1, 1)),
    }
    processes: list[Process] = [
        Growing(Leaves.logistic(web["growth"][web.producer], web["capacity"][web.producer]), FIELD_M2),
        Feasting(web, kinds, Warmth(), FIELD_M2),
        Metabolism(kinds, Warmth()),
        Dying(kinds, FIELD_M2),
        Breeding(kinds),
        Merging(2 * count),
    ]
    chance = draws.key(0, "none")
    for step in range(round(length / days)):
        for process in processes:
            process.step(values, Moment(step, step * days, days, chance))
    each = values["number"] * (values["mass"] + values["pool"])
    found = np.empty(len(web.names))
    found[animals] = np.bincount(values["kind"], each, count) / FIELD_M2
    found[web.producer] = values["plants"][:, 0, 0]
    return found


def _one_cell() -> list[Row]:
    """One cell of cohorts of one stage against tier P."""
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 0.008, 0.004]}
    links = {"attack": [4e-4, 2e-3], "handling": 5.0, "efficiency": [0.3, 0.5]}
    web = FoodWeb.of(["grass", "hare", "fox"], [(1, 0), (2, 1)], {**species, "interference": [0, 0.02, 0.3]}, links)
    start, length = np.array([300.0, 5.0, 1.0]), 700.0
    exact = run(web, start, [0.0, length], Limits(1e-9, 1e-13)).biomass[-1]
    week, day, half = (_alone(web, start, days, length) for days in (7.0, 1.0, 0.5))
    slower = float(np.abs(week / exact - 1).max() / np.abs(day / exact - 1).max())
    apart = float(np.abs((2 * half - day) / exact - 1).max())
    said, source = "one cell of cohorts is tier P", "the equations are one, and steps are of first order"
    return [
        Row(said, "error by weeks over that by days", source, 7.0, slower, 1.0),
        Row(
            said,
            "two years, steps taken to nothing (Richardson): largest relative difference",
            source,
            0.0,
            apart,
            1e-4,
        ),
    ]


def density_slope(kind: Integers, adult_g: Doubles, number: Doubles) -> float:
    """The slope of log10 of animals on log10 of adult mass, where a kind's cohorts of half a decade of adult mass are one population.

    Those of an animal or less do not count.
    """
    which = 1000 * kind + np.floor(2 * np.log10(adult_g)).astype(np.int64)
    at = np.unique(which, return_inverse=True)[1]
    heads = np.bincount(at, number)
    size = np.bincount(at, number * np.log10(adult_g)) / heads
    return float(np.polyfit(size[heads > 1], np.log10(heads[heads > 1]), 1)[0])


def _density() -> list[Row]:
    """How many animals there are of a mass, once functional groups have found their numbers."""
    months = tuple(70.0 + 60.0 * math.cos(2 * math.pi * month / 12) for month in range(12))
    engine = madingley(generated("plain", 3, 4, 10_000.0, months), 20.0, CohortSettings(cohorts=100, founders=10), 1)
    values = engine.world.values
    # begun with far too many of the large
    values["number"] = 0.3 * values["number"] * values["young"] ** 0.6
    slopes = []
    for year in range(13):
        engine.run(52 * year)
        now = engine.world.values
        slopes.append(density_slope(now["kind"], now["adult"], now["number"]))
    said = f"slope of populations' numbers on adult mass, mean of years 7 to 12, begun at {slopes[0]:.2f}"
    source = "PanTHERIA: -0.74; accepted from -0.95 to -0.55"
    return [Row("density falls with mass", said, source, -0.75, float(np.mean(slopes[7:])), 0.2)]


COHORTS: Sequence[Callable[[], list[Row]]] = (_metabolism, _one_cell, _density)
"""Families of rows of the cohort tier."""
