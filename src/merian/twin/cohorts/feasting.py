"""Who eats what by a food web: the functional response of tier P, for cohorts.

Of merian.twin.solver, in each cell: an animal of kind i finds w a B_j^q of each food j a gram of itself and day, over 1 + (c B_i)^m + sum w a h B_j^q, with B
the biomass of all stages of a kind, bodies and pools. All that are at a food take of it at once, as in merian.twin.cohorts.hunting; the eaten are of all
stages of a kind alike. A gram of an animal eats (mass / adult mass)^scaling times what a gram of an adult does, the young of some kinds `nursing` times that,
and nobody more than it has use for. With scaling 0, nursing 1 and small steps the biomass of kinds is that of tier P, whatever their stages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from merian.core.errors import BadData, Mismatch
from merian.twin.cohorts.bodies import Warmth, appetite, burnt_at, scaled
from merian.twin.cohorts.columns import (
    ADULT,
    GUT,
    MASS,
    NUMBER,
    POOL,
    RIPE,
    Cohorts,
    Integers,
    bodies,
    first_of,
    shared,
)
from merian.twin.cohorts.kinds import ROW, Kinds
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb
from merian.twin.ledger import Array, Flow
from merian.twin.solver import hindered

__all__ = ["Feasting"]

NURSING = ROW["nursing"]
INTERFERENCE, MUTUAL = list(SPECIES).index("interference"), list(SPECIES).index("mutual")
SHARE, ATTACK, HANDLING, EFFICIENCY, EXPONENT = range(len(LINK))


class Feasting:
    """Animals eat by the links of a food web.

    The functional response is that of the food-web equations, at the densities of the cell; all eat at once. Equations in merian.twin.cohorts.feasting.
    """

    name = "eating"
    reads = ("kind", "cell", "mass", "pool", "adult", "ripe", "celsius")
    writes = ("number", "gut", "plants")

    def __init__(self, web: FoodWeb, kinds: Kinds, warmth: Warmth, cell_m2: float, threads: int = 1) -> None:
        """The kinds are the web's animals, the pools of plants its producers, both in its order.

        Raises Mismatch where they are not, BadData for what does both.
        """
        animals = tuple(name for name, grows in zip(web.names, web.producer, strict=True) if not grows)
        if animals != kinds.names:
            raise Mismatch("the animals of the food web and the kinds", animals, kinds.names)
        both = web.producer[web.eater]
        if both.any():
            raise BadData(
                "food web", "cohorts eat or grow, not both", [web.names[at] for at in web.eater[both].tolist()]
            )
        self.kinds, self.warmth, self.cell_m2, self.threads = kinds, warmth, cell_m2, threads
        grows = web.producer.astype(np.int64)
        place = np.where(web.producer, -np.cumsum(grows), np.cumsum(1 - grows) - 1)
        # the web's animals only: columns by kind, links from kind to kind (0 on) or to pool (-1 on, downwards)
        first = np.searchsorted(place[web.eater], np.arange(len(animals) + 1))
        own = web.species[[INTERFERENCE, MUTUAL]][:, ~web.producer]
        self.web = np.ascontiguousarray(own), web.links, first, place[web.eaten]

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Eat. What is eaten and not made one's own goes out."""
        pools, rows, columns = values["plants"].shape
        cells = rows * columns
        plants = np.ascontiguousarray(values["plants"].reshape(pools, cells).T)
        first, places = first_of(values["cell"], cells), self.warmth.places(values["celsius"])
        cohorts, went, when = bodies(values), np.zeros((2, cells)), (self.cell_m2, moment.days)

        def work(begin: int, end: int) -> None:
            _feast(self.web, self.kinds.table, cohorts, (plants, places, went, first), (begin, end), when)

        shared(work, cells, self.threads)
        values["plants"] = np.ascontiguousarray(plants.T).reshape(pools, rows, columns)
        return {"biomass": Flow(went=float(went[0].sum()) / 1000.0), "animals": Flow(went=float(went[1].sum()))}


Web = tuple[Doubles, Doubles, Integers, Integers]
"""Interference and its exponent [2, k], links [5, l], where those of each kind begin [k + 1], and what is eaten: a kind, or -1 - pool."""
Fields = tuple[Doubles, Doubles, Doubles, Integers]
"""Plants g m-2 [cells, p], changed in place; Warmth.places [cells, 3]; g and animals that each cell loses [2, cells]; where its cohorts begin [cells + 1]."""


@compiled
def _feast(
    web: Web, kinds: Doubles, cohorts: Cohorts, fields: Fields, span: tuple[int, int], when: tuple[float, float]
) -> None:
    """The cohorts of some cells eat, cell by cell. when: area of a cell m2, days."""
    kind, _, state = cohorts
    numbers, masses, pooled, guts = state[NUMBER], state[MASS], state[POOL], state[GUT]
    plants, _, went, first = fields
    count, pools = kinds.shape[1], plants.shape[1]
    area, days = when
    dense, ready, rate = np.empty(count), np.empty(count), np.empty(web[1].shape[1])
    hazard, grazed, gain, lives = np.empty(count), np.empty(pools), np.empty(count), np.empty(count)
    room = np.empty((4, max(1, (first[1:] - first[:-1]).max())))
    share = room[3]
    for cell in range(span[0], span[1]):
        low, high = first[cell], first[cell + 1]
        dense[:] = 0.0
        for at in range(low, high):
            dense[kind[at]] += numbers[at] * (masses[at] + pooled[at]) / area
        _rates(web, dense, plants[cell], rate, gain)
        _shares(kinds, cohorts, fields, gain, (cell, days), room)
        ready[:] = 0.0
        for at in range(low, high):
            ready[kind[at]] += numbers[at] * share[at - low] / area
        _hazards(web, (dense, plants[cell]), ready, rate, (hazard, grazed))
        _gains(web, rate, (hazard, grazed), gain)
        for own in range(count):
            lives[own] = math.exp(-hazard[own])
        for at in range(low, high):
            number, own = numbers[at], kind[at]
            left = number * lives[own]
            guts[at] = share[at - low] * gain[own]
            went[0, cell] += (number - left) * (masses[at] + pooled[at]) - left * guts[at]
            went[1, cell] += number - left
            numbers[at] = left
        for pool in range(pools):
            went[0, cell] += area * plants[cell, pool] * -math.expm1(-grazed[pool])
            plants[cell, pool] *= math.exp(-grazed[pool])


@compiled
def _rates(web: Web, dense: Doubles, plants: Doubles, rate: Doubles, gain: Doubles) -> None:
    """What a gram of each eater takes along each link, day-1 [l], and what it gains if it gets all that, day-1 [k]."""
    own, links, first, eaten = web
    for eater in range(len(first) - 1):
        busy, gain[eater] = 1.0 + hindered(own[0, eater] * dense[eater], own[1, eater]), 0.0
        for link in range(first[eater], first[eater + 1]):
            food = dense[eaten[link]] if eaten[link] >= 0 else plants[-1 - eaten[link]]
            exponent = links[EXPONENT, link]
            met = 0.0 if food <= 0.0 else food if exponent == 1.0 else food**exponent
            rate[link] = links[SHARE, link] * links[ATTACK, link] * met
            busy += rate[link] * links[HANDLING, link]
        for link in range(first[eater], first[eater + 1]):
            rate[link] /= busy
            gain[eater] += links[EFFICIENCY, link] * rate[link]


@compiled
def _shares(
    kinds: Doubles, cohorts: Cohorts, fields: Fields, gain: Doubles, where: tuple[int, float], room: Doubles
) -> None:
    """Grams of an adult, times days, that one animal of each cohort of a cell eats like, into the last row of `room` [4, n or more]. where: the cell, days."""
    kind, _, state = cohorts
    (cell, days), first = where, fields[3]
    masses, pooled, adults, ripe = state[MASS], state[POOL], state[ADULT], state[RIPE]
    place, low, share = (fields[1][cell, 0], fields[1][cell, 1]), first[cell], room[3]
    power = room[0]
    scaled(kinds, cohorts, (low, first[cell + 1]), room)
    for at in range(low, first[cell + 1]):
        own, mass, pool, adult = kind[at], masses[at], pooled[at], adults[at]
        grams = (mass + pool) * days * power[at - low]
        if ripe[at] < 0.0:
            grams *= kinds[NURSING, own]
        burnt = burnt_at(kinds, own, (mass, pool), place, power[at - low]) * days
        need = appetite(kinds, own, (mass, pool, adult), burnt)
        share[at - low] = grams if gain[own] * grams <= need else need / gain[own]


@compiled
def _hazards(
    web: Web, foods: tuple[Doubles, Doubles], ready: Doubles, rate: Doubles, hazards: tuple[Doubles, Doubles]
) -> None:
    """The hazard of being eaten in the step, of each kind and pool. ready: g m-2 times days that each kind eats like."""
    _, _, first, eaten = web
    hazards[0][:], hazards[1][:] = 0.0, 0.0
    for eater in range(len(first) - 1):
        for link in range(first[eater], first[eater + 1]):
            food = eaten[link]
            if rate[link] > 0.0 and food >= 0:
                hazards[0][food] += ready[eater] * rate[link] / foods[0][food]
            elif rate[link] > 0.0:
                hazards[1][-1 - food] += ready[eater] * rate[link] / foods[1][-1 - food]


@compiled
def _gains(web: Web, rate: Doubles, hazards: tuple[Doubles, Doubles], gain: Doubles) -> None:
    """What a gram of each eater gains a day when all are at the food [k]."""
    _, links, first, eaten = web
    for eater in range(len(first) - 1):
        gain[eater] = 0.0
        for link in range(first[eater], first[eater + 1]):
            food = eaten[link]
            sought = hazards[0][food] if food >= 0 else hazards[1][-1 - food]
            met = -math.expm1(-sought) / sought if sought > 0.0 else 1.0
            gain[eater] += links[EFFICIENCY, link] * rate[link] * met
