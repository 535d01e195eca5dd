"""What a body burns, and how it grows: metabolism of endotherms and ectotherms, and where a surplus goes.

Metabolism is that of merian.twin.rates (Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841), or a share `loss` of the body (and its pool) a day times
(mass / adult mass)^scaling, where a food web gives one. Ectotherms are active while the day's temperature, a sine of `range_c` from top to bottom, lies between
what they bear (the same source, after Deutsch et al. 2008, doi:10.1073/pnas.0709472105): with the year's mean T and its standard deviation s,

    best = T + 1.51 + 1.53 s,   most = T + 6.61 + 1.6 s,   least = best - 4 (most - best) / 12.

All animals, warm or cold, spend half of the time in which they could be active being so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin.cohorts.columns import ADULT, AGE, GUT, MASS, NUMBER, POOL, RIPE, TOP, Cohorts, bodies, shared
from merian.twin.cohorts.kinds import ROW, Kinds
from merian.twin.cohorts.series import powers
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow
from merian.twin.rates import ectotherm_g_day, endotherm_g_day

__all__ = ["RESERVE", "Metabolism", "Warmth", "active_share", "appetite", "burnt_at", "burnt_g_day", "scaled"]

SPENT = 0.5
"""Share of the time in which they could be active that animals are."""
STILL = 1e-6
"""K: days of a smaller range have no hours."""
ENDOTHERM = float(endotherm_g_day(1.0))
"""What an endotherm of 1 g burns, g day-1."""
CHUNK = 512
"""Cohorts whose powers are taken at once."""
RESERVE = 0.5
"""The most that who gives birth in pulses lays by, over adult mass: as much as opens the gate of the others (a choice)."""
WARM, LOSS, SCALING, PULSE, RIPENS = ROW["warm"], ROW["loss"], ROW["scaling"], ROW["pulse"], ROW["ripens"]


@dataclass(frozen=True, slots=True)
class Warmth:
    """The climate that ectotherms are made for: the year's mean temperature, the standard deviation of its months, and the difference of day and night."""

    celsius: float = 20.0
    spread_c: float = 2.0
    range_c: float = 12.0

    def __post_init__(self) -> None:
        if not (-60 <= self.celsius <= 60 and 0 <= self.spread_c <= 40 and 0 <= self.range_c <= 60):
            said = "from -60 to 60, 0 to 40 and 0 to 60"
            raise BadSetting("celsius, spread_c, range_c", (self.celsius, self.spread_c, self.range_c), said)

    def places(self, celsius: npt.ArrayLike) -> Doubles:
        """Of cells [c] at these temperatures: what an ectotherm of 1 g burns at work and at rest in its mixed day, g day-1, and its active share: [c, 3]."""
        now = np.asarray(celsius, float).ravel()
        active = SPENT * active_share(now, self)
        at_work, at_rest = active * ectotherm_g_day(1.0, now, 1.0), (1 - active) * ectotherm_g_day(1.0, now, 0.0)
        return np.ascontiguousarray(np.stack([at_work, at_rest, active], 1))


def active_share(celsius: npt.ArrayLike, warmth: Warmth) -> Doubles:
    """The share of a day at this mean that lies between what ectotherms of the climate bear."""
    now, half = np.asarray(celsius, float), 0.5 * warmth.range_c
    best = warmth.celsius + 1.51 + 1.53 * warmth.spread_c
    most = warmth.celsius + 6.61 + 1.6 * warmth.spread_c
    least = best - 4 * (most - best) / 12

    def below(limit: float) -> Doubles:
        if half < STILL:
            return np.asarray(now < limit, float)
        return np.asarray(0.5 + np.arcsin(np.clip((limit - now) / half, -1.0, 1.0)) / math.pi)

    return below(most) - below(least)


@compiled
def burnt_g_day(
    kinds: Doubles, kind: int, mass: float, pool: float, adult: float, place: Doubles | tuple[float, float]
) -> float:
    """What an animal burns in a day, g. place: a row of Warmth.places, of which the first two count."""
    small = kinds[LOSS, kind] > 0.0 and kinds[SCALING, kind] != 0.0 and mass != adult
    power = (mass / adult) ** kinds[SCALING, kind] if small else 1.0
    return burnt_at(kinds, kind, (mass, pool), place, power)


@compiled
def burnt_at(
    kinds: Doubles, kind: int, body: tuple[float, float], place: Doubles | tuple[float, float], power: float
) -> float:
    """The same of an animal of this mass and pool, whose mass over adult mass to the power of `scaling` is known."""
    mass, pool = body
    if kinds[LOSS, kind] > 0.0:
        return float(kinds[LOSS, kind] * (mass + pool) * power)
    size = math.log(mass)
    if kinds[WARM, kind] > 0.0:
        return ENDOTHERM * math.exp(0.70 * size)
    return float(place[0] * math.exp(0.88 * size) + place[1] * math.exp(0.69 * size))


@compiled
def scaled(kinds: Doubles, cohorts: Cohorts, span: tuple[int, int], room: Doubles) -> None:
    """Mass over adult mass to the power of `scaling`, of the cohorts of a span, into the first row of `room` [3 or more, n or more]."""
    kind, masses, adults = cohorts[0], cohorts[2][MASS], cohorts[2][ADULT]
    begin, count = span[0], span[1] - span[0]
    found, ratio, exponent = room[0][:count], room[1][:count], room[2][:count]
    for at in range(count):
        ratio[at], exponent[at] = masses[begin + at] / adults[begin + at], kinds[SCALING, kind[begin + at]]
    powers(ratio, exponent, found)


@compiled
def appetite(kinds: Doubles, kind: int, body: tuple[float, float, float], burnt: float) -> float:
    """The most that an animal can make use of, g, when it burns so much: of mass, pool and adult mass, `body`. Who breeds whenever it can has no limit."""
    if kinds[PULSE, kind] <= 0.0:
        return math.inf
    mass, pool, adult = body
    return burnt + max(adult - mass, 0.0) + max(RESERVE * adult - pool, 0.0)


class Metabolism:
    """Animals burn what they ate; what is left makes them grow, and grown up they lay it by.

    Less than is burnt is made up from the pool, then from the body. An animal is grown up from adult mass and the age of its kind on. Whoever
    would have to burn all of itself is dead. Equations and sources in merian.twin.cohorts.bodies.
    """

    name = "metabolism"
    reads = ("kind", "cell", "adult", "celsius")
    writes = ("number", "mass", "pool", "gut", "top", "age", "ripe")

    def __init__(self, kinds: Kinds, warmth: Warmth, threads: int = 1) -> None:
        self.kinds, self.warmth, self.threads = kinds, warmth, threads

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Burn and grow; what is burnt goes out, and who starved to the last."""
        cohorts, places = bodies(values), self.warmth.places(values["celsius"])
        went = np.zeros((2, len(values["kind"])))
        shared(
            lambda first, last: _live(self.kinds.table, cohorts, places, (first, last), moment.days, went),
            len(values["kind"]),
            self.threads,
        )
        return {"biomass": Flow(went=float(went[0].sum()) / 1000.0), "animals": Flow(went=float(went[1].sum()))}


@compiled
def _live(kinds: Doubles, cohorts: Cohorts, places: Doubles, span: tuple[int, int], days: float, went: Doubles) -> None:
    """Burn and grow in place. went: g and animals that each cohort loses [2, n]."""
    kind, cell, state = cohorts
    numbers, masses, pools, guts = state[NUMBER], state[MASS], state[POOL], state[GUT]
    adults, tops, ages, ripes = state[ADULT], state[TOP], state[AGE], state[RIPE]
    room, scales = np.ones((3, CHUNK)), (kinds[LOSS] > 0.0).any()
    for at in range(span[0], span[1]):
        if scales and (at - span[0]) % CHUNK == 0:
            scaled(kinds, cohorts, (at, min(at + CHUNK, span[1])), room)
        own, mass, pool, adult = kind[at], masses[at], pools[at], adults[at]
        number, gut = numbers[at], guts[at]
        place = (places[cell[at], 0], places[cell[at], 1])
        burnt = burnt_at(kinds, own, (mass, pool), place, room[0, (at - span[0]) % CHUNK]) * days
        net = gut - burnt
        guts[at] = 0.0
        ages[at] += days
        if net >= 0.0:
            grown = min(net, max(adult - mass, 0.0))
            mass += grown
            pool += net - grown
            if ripes[at] < 0.0 and mass >= adult and ages[at] >= kinds[RIPENS, own]:
                ripes[at] = ages[at]
            if kinds[PULSE, own] > 0.0 and pool > RESERVE * adult:
                burnt += pool - RESERVE * adult
                pool = RESERVE * adult
        else:
            taken = min(pool, -net)
            pool -= taken
            mass += net + taken
            if mass <= 0.0:
                went[0, at], went[1, at] = number * (masses[at] + pools[at] + gut), number
                numbers[at] = 0.0
                pools[at] = 0.0
                continue
        went[0, at] = number * burnt
        masses[at], pools[at] = mass, pool
        tops[at] = max(tops[at], mass)
