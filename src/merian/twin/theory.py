"""What ecological theory says exactly, and what the food-web equations give: rows of the validation panel.

Each row is a statement with its source, the number that theory demands, the number found, and how far they may be apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.solver import Limits, run

__all__ = ["THEORY", "Row", "period"]

EXACT = Limits(1e-10, 1e-12)
FINE = Limits(1e-9, 1e-12)
LOTKA = {"growth": [1.0, 0.0], "loss": [0.0, 1.5]}
LINKS = {"attack": 0.1, "efficiency": 0.75}
"""Prey that double, eaten at 0.1 per predator, which make 0.75 of what they eat and lose 1.5 of themselves: alpha 1, beta 0.1, delta 0.075, gamma 1.5."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the panel: the `statement` and its `source`, the `target`, what was `found`, and whether it lies within `tolerance` of the target.

    missing: what there would have to be for the row to be computed; "" when it was. A row that was not run holds no more than one that misses.
    """

    name: str
    statement: str
    source: str
    target: float
    found: float
    tolerance: float
    missing: str = ""

    @property
    def holds(self) -> bool:
        """Whether theory is met."""
        return not self.missing and abs(self.found - self.target) <= self.tolerance


def period(times: Doubles, values: Doubles) -> float:
    """The mean time between upward crossings of the mean of a course, crossings placed by a straight line; NaN with fewer than two."""
    above = values - values.mean()
    rises = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    if len(rises) < 2:
        return math.nan
    at = times[rises] - above[rises] * (times[rises + 1] - times[rises]) / (above[rises + 1] - above[rises])
    return float(np.diff(at).mean())


def _lotka_volterra() -> list[Row]:
    """The invariant, the means and the periods of Lotka and Volterra's equations."""
    source = "Volterra 1926, Nature 118:558"
    web = FoodWeb.of(["prey", "predator"], [(1, 0)], LOTKA, LINKS)
    whole = run(web, [10.0, 5.0], np.linspace(0.0, 200.0, 40_001), EXACT)
    prey, hunter = whole.biomass.T
    invariant = 0.075 * prey - 1.5 * np.log(prey) + 0.1 * hunter - np.log(hunter)
    length = period(whole.times, prey)
    turns = whole.times <= math.floor(200.0 / length) * length
    small = run(web, [20.2, 10.0], np.linspace(0.0, 200.0, 40_001), EXACT)
    harvest = run(web.changed(harvest=0.1), [10.0, 5.0], np.linspace(0.0, 200.0, 40_001), EXACT)
    cycle = period(harvest.times, harvest.biomass[:, 0])
    kept = harvest.times <= math.floor(200.0 / cycle) * cycle
    means, fished = (course[when].mean(0) for course, when in ((whole.biomass, turns), (harvest.biomass, kept)))
    return [
        Row(
            "Lotka-Volterra, invariant",
            "d x - g ln x + b y - a ln y stays what it was",
            source,
            -3.813315552,
            invariant[-1],
            2e-9,
        ),
        Row(
            "Lotka-Volterra, drift",
            "over 200 units of time at a tolerance of 1e-10",
            source,
            0.0,
            float(np.abs(invariant - invariant[0]).max()),
            2e-9,
        ),
        Row("Lotka-Volterra, period", "from 10 prey and 5 predators", source, 5.47969, length, 1e-4),
        Row("Lotka-Volterra, mean prey", "over whole periods: gamma / delta", source, 20.0, means[0], 0.02),
        Row("Lotka-Volterra, mean predators", "over whole periods: alpha / beta", source, 10.0, means[1], 0.02),
        Row(
            "Lotka-Volterra, small period",
            "near equilibrium: 2 pi / sqrt(alpha gamma)",
            source,
            2 * math.pi / math.sqrt(1.5),
            period(small.times, small.biomass[:, 0]),
            1e-3,
        ),
        Row(
            "Volterra principle, prey",
            "harvesting both leaves more prey: (gamma + h) / delta",
            source,
            1.6 / 0.075,
            fished[0],
            0.05,
        ),
        Row("Volterra principle, predators", "and fewer predators: (alpha - h) / beta", source, 9.0, fished[1], 0.05),
    ]


def _enrichment(capacity: float) -> FoodWeb:
    """Rosenzweig and MacArthur's predator and prey with r = a = h = 1, e = 0.5, m = 0.2."""
    species = {"growth": [1.0, 0.0], "capacity": [capacity, math.inf], "loss": [0.0, 0.2]}
    return FoodWeb.of(["prey", "predator"], [(1, 0)], species, {"attack": 1.0, "handling": 1.0, "efficiency": 0.5})


def _rosenzweig_macarthur() -> list[Row]:
    """Persistence, the fixed point, the onset of cycles and their width."""
    source = "Rosenzweig & MacArthur 1963, Am. Nat. 97:209"
    ends = {
        k: run(_enrichment(k), [0.5 * k, 0.3], np.linspace(0.0, 6000.0, 24_001), FINE).biomass[16_000:]
        for k in (0.66, 0.68, 2.2, 2.5, 5.0)
    }
    lives = _turn(lambda k: run(_enrichment(k), [k, 1e-6], [0.0, 200.0, 400.0], FINE).biomass[1:, 1], 0.5, 0.9)
    turns = _turn(_swing, 2.0, 2.7)
    return [
        Row("predator persists", "from a capacity of m / (a (e - m h)) on", source, 2 / 3, lives, 1e-3),
        Row("paradox of enrichment", "cycles begin at K = (e + m h) / (a h (e - m h))", source, 7 / 3, turns, 0.01),
        Row("fixed point, prey", "at K = 2.2", source, 2 / 3, float(ends[2.2][:, 0].mean()), 1e-4),
        Row("fixed point, predators", "at K = 2.2", source, 1.1616, float(ends[2.2][:, 1].mean()), 1e-4),
        Row("cycle at K = 2.5, least prey", "of the limit cycle", source, 0.295, float(ends[2.5][:, 0].min()), 1e-3),
        Row("cycle at K = 2.5, most prey", "of the limit cycle", source, 1.260, float(ends[2.5][:, 0].max()), 1e-3),
        Row("cycle at K = 5, least prey", "of the limit cycle", source, 0.001, float(ends[5.0][:, 0].min()), 1e-3),
        Row("cycle at K = 5, most prey", "of the limit cycle", source, 4.611, float(ends[5.0][:, 0].max()), 2e-3),
    ]


def _swing(capacity: float) -> Doubles:
    """The width of the swings of prey, begun a little off the fixed point, early and late."""
    prey = 2 / 3
    course = run(
        _enrichment(capacity), [prey * 1.001, (1 - prey / capacity) * (1 + prey)], np.linspace(0.0, 1500.0, 6001), FINE
    )
    early, late = course.biomass[:2000, 0], course.biomass[4000:, 0]
    return np.array([np.ptp(early), np.ptp(late)])


def _turn(pair: Callable[[float], Doubles], low: float, high: float) -> float:
    """Where, between two values, the second number of a pair begins to be larger than the first: by halving."""
    for _ in range(24):
        middle = 0.5 * (low + high)
        early, late = pair(middle)
        low, high = (low, middle) if late > early else (middle, high)
    return 0.5 * (low + high)


def _chain(levels: int, capacity: float) -> Doubles:
    """The resting biomass of a food chain whose lowest level has room for `capacity`, type I feeding."""
    names = [f"level {at + 1}" for at in range(levels)]
    species = {
        "growth": [1.0] + [0.0] * (levels - 1),
        "capacity": [capacity] + [math.inf] * (levels - 1),
        "loss": [0.0] + [0.1] * (levels - 1),
        "harvest": 0.0,
    }
    web = FoodWeb.of(
        names,
        [(at + 1, at) for at in range(levels - 1)],
        species,
        {"attack": 0.5, "efficiency": 0.6} if levels > 1 else {},
    )
    course = run(web, np.full(levels, 0.5), [0.0, 20_000.0], Limits(1e-9, 1e-14))
    rest: Doubles = course.biomass[-1]
    return rest


def _chains() -> list[Row]:
    """Which levels of a food chain gain when the lowest is given more room."""
    source = "Oksanen et al. 1981, Am. Nat. 118:240; Hairston, Smith & Slobodkin 1960"
    rows = []
    for levels in (1, 2, 3, 4):
        poor, rich = _chain(levels, 5.0), _chain(levels, 10.0)
        gains = (rich - poor) / poor
        # the top level and every second below it gain; those between are held down by their eaters
        expected = np.array([(levels - 1 - at) % 2 == 0 for at in range(levels)])
        wrong = int(((gains > 0.01) != expected).sum())
        rows.append(
            Row(
                f"chain of {levels}",
                "only the top and every second level below gain from a richer base (wrong levels)",
                source,
                0.0,
                wrong,
                0.0,
            )
        )
    return rows


def _rivals() -> list[Row]:
    """Who wins when two share a resource, or an enemy."""
    species = {"growth": [1.0, 0.0, 0.0], "capacity": [10.0, math.inf, math.inf], "loss": [0.0, 0.1, 0.1]}
    links = {"attack": [0.5, 0.4], "efficiency": 0.5}
    two = FoodWeb.of(["resource", "thrifty", "lavish"], [(1, 0), (2, 0)], species, links)
    end = run(two, [5.0, 0.1, 1.0], [0.0, 20_000.0], FINE).biomass[-1]
    prey = {"growth": [1.0, 1.0, 0.0], "capacity": [1.0, 1.0, math.inf], "loss": [0.0, 0.0, 0.2]}
    hunted = {"attack": [0.3, 1.5], "efficiency": 0.5}
    shared = FoodWeb.of(["tough", "tender", "enemy"], [(2, 0), (2, 1)], prey, hunted)
    alone = FoodWeb.of(
        ["tender", "enemy"],
        [(1, 0)],
        {"growth": [1, 0], "capacity": [1, math.inf], "loss": [0, 0.2]},
        {"attack": 1.5, "efficiency": 0.5},
    )
    with_rival = run(shared, [0.5, 0.5, 0.1], [0.0, 20_000.0], FINE).biomass[-1, 1]
    without = run(alone, [0.5, 0.1], [0.0, 20_000.0], FINE).biomass[-1, 0]
    return [
        Row(
            "competitive exclusion",
            "the eater that lives on less resource (R*) is left alone: its share",
            "Tilman 1982",
            1.0,
            float(end[1] / (end[1] + end[2])),
            1e-6,
        ),
        Row("R*", "the resource is left at loss / (efficiency attack)", "Tilman 1982", 0.4, float(end[0]), 1e-6),
        Row(
            "apparent competition",
            "prey that share an enemy with a tougher one are fewer: 1 when so",
            "Holt 1977, Theor. Popul. Biol. 12:197",
            1.0,
            float(with_rival < 0.9 * without),
            0.0,
        ),
    ]


THEORY: Sequence[Callable[[], list[Row]]] = (_lotka_volterra, _rosenzweig_macarthur, _chains, _rivals)
"""Families of rows of the food-web tier; each is computed by itself."""
