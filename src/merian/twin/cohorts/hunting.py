"""Who finds what to eat by its size: herbivory and predation of the Madingley model, in each cell by itself.

Of Harfoot et al. 2014 (doi:10.1371/journal.pbio.1001841), in the form and with the values of the published code; per eater of mass M_i (g), per ha and day:

    plants   g = 1e-11 M_i P^2 of a pool of P g ha-1, each gram of which takes 0.7 / M_i^0.7 days
    animals  a_ij = 1e-6 M_i exp(-(d / 0.7)^2) rho N_j, each of which takes 0.5 M_j / M_i^0.7 days, where
             d = ln(M_j / M_i) - ln optimum_i and rho is the density of the prey's kind in its bin of size: the more there are of a size, the better each
             is found (type III). The 12 bins, 0.35 wide, lie about the optimum; what lies beyond is not eaten.

An eater finds, while active, g or a / (1 + sum of g and a times their times). Large mammalian hunters are built for a range of prey, optimum to reach times
that, within which d is 0 (Carbone et al. 1999, Nature 402:286); the bins then cover it and 2.1 beyond on both sides.

The published model lets cohorts eat one after the other, in an order of chance. Here all eat at once: what is found adds up to a hazard H, N_j (1 -
exp(-H_j)) are eaten and shared out as they were found. With one eater it is the same equation; no order matters and no more is eaten than there is. Prey is
eaten with what it has laid by. An eater does not eat its own cohort.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from merian.twin.cohorts.bodies import Warmth, appetite, burnt_g_day
from merian.twin.cohorts.columns import (
    ADULT,
    GUT,
    MASS,
    NUMBER,
    OPTIMUM,
    POOL,
    Cohorts,
    Integers,
    bodies,
    first_of,
    shared,
)
from merian.twin.cohorts.kinds import ROW, Kinds
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow

__all__ = ["Hunting", "found_plants", "found_prey", "size_match"]

GRAZING, GRAZED_DAYS = 1e-11, 0.7
KILLING, KILLED_DAYS = 1e-6, 0.5
MASS_EXPONENT, WIDTH = 0.7, 0.7
BINS, BEYOND = 12, 2.1
"""Bins of size, and how far they reach beyond what an eater is built for, ln units: half of 12 times 0.35."""
HECTARE_M2 = 1e4
WARM, REACH, SEEN = ROW["warm"], ROW["reach"], ROW["seen"]
ACTIVE = 0.5
"""Share of the time that an endotherm is active."""


@compiled
def found_plants(mass: float, grams_ha: float) -> float:
    """Grams a day that an eater of this mass (g) finds in a pool of plants, were it to do nothing else."""
    return GRAZING * mass * grams_ha * grams_ha


@compiled
def size_match(over: float, reach: float) -> tuple[float, int]:
    """How well prey fits an eater, 0 to 1, and its bin (-1: none), for ln of its mass over the smallest optimal mass, and ln reach."""
    if over <= -BEYOND or over >= reach + BEYOND:
        return 0.0, -1
    apart = over if over < 0.0 else max(over - reach, 0.0)
    place = int((over + BEYOND) * (BINS / (reach + 2.0 * BEYOND)))
    part = apart / WIDTH
    return math.exp(-part * part), min(place, BINS - 1)


@compiled
def found_prey(mass: float, fit: float, like_ha: float, number_ha: float) -> float:
    """Animals a day that an eater of this mass (g) finds of a cohort, were it to do nothing else."""
    return KILLING * mass * fit * like_ha * number_ha


class Hunting:
    """Animals graze and hunt what their size lets them find.

    Herbivory and predation of the Madingley model, all eaters at once; an eater of both adds up the times that both take. Equations and sources in
    merian.twin.cohorts.hunting.
    """

    name = "eating"
    reads = ("kind", "cell", "mass", "pool", "adult", "optimum", "celsius")
    writes = ("number", "gut", "plants")

    def __init__(self, kinds: Kinds, warmth: Warmth, cell_m2: float, threads: int = 1) -> None:
        self.kinds, self.warmth, self.cell_m2, self.threads = kinds, warmth, cell_m2, threads

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Eat. What is eaten and not made one's own goes out."""
        pools, rows, columns = values["plants"].shape
        cells = rows * columns
        plants = np.ascontiguousarray(values["plants"].reshape(pools, cells).T) * self.cell_m2
        first, places = first_of(values["cell"], cells), self.warmth.places(values["celsius"])
        cohorts, went = bodies(values), np.zeros((2, cells))
        eats = self.kinds.table, self.kinds.grazes, self.kinds.hunts
        when = self.cell_m2, moment.days

        def work(begin: int, end: int) -> None:
            _eat(eats, cohorts, (plants, places, went), first, (begin, end), when)

        shared(work, cells, self.threads)
        values["plants"] = np.ascontiguousarray(plants.T).reshape(pools, rows, columns) / self.cell_m2
        return {"biomass": Flow(went=float(went[0].sum()) / 1000.0), "animals": Flow(went=float(went[1].sum()))}


Eats = tuple[Doubles, Doubles, Doubles]
"""The table of kinds, and what part of plants [k, p] and of animals [k, k] an eater makes its own."""
Fields = tuple[Doubles, Doubles, Doubles]
"""Plants of each cell, g [cells, p], changed in place; Warmth.places [cells, 3]; g and animals that each cell loses [2, cells]."""
Crowd = tuple[Integers, Integers, Doubles]
"""The cohorts of a cell from the smallest to the largest: which they are among all, their kinds, and SIZE, DENSE, BODY and WHOLE of each [4, n]."""
SIZE, DENSE, BODY, WHOLE = range(4)
"""Logarithm of mass, animals per ha, mass, and mass with what is laid by."""
Pairs = tuple[Integers, Doubles, Doubles, Integers]
"""What each eater finds, one after the other: whom (a place in the crowd) and how many a day; and room for densities by kind and bin, and for bins."""


@compiled
def _eat(
    eats: Eats, cohorts: Cohorts, fields: Fields, first: Integers, span: tuple[int, int], when: tuple[float, float]
) -> None:
    """The cohorts of some cells eat, cell by cell. when: area of a cell m2, days."""
    most = 0
    for cell in range(span[0], span[1]):
        most = max(most, first[cell + 1] - first[cell])
    pairs = (
        np.empty(most * most, np.int64),
        np.empty(most * most),
        np.zeros(eats[0].shape[1] * BINS),
        np.empty(most, np.int64),
    )
    begin, effort = np.empty(most + 1, np.int64), np.empty(most)
    crowd = np.empty(most, np.int64), np.empty(most, np.int64), np.empty((4, most))
    for cell in range(span[0], span[1]):
        low, count = first[cell], first[cell + 1] - first[cell]
        _line_up(cohorts, low, count, when[0] / HECTARE_M2, crowd)
        begin[0] = 0
        for eater in range(count):
            optimum = cohorts[2][OPTIMUM][crowd[0][eater]]
            begin[eater + 1] = _seek(eats, crowd, (count, eater), optimum, pairs, begin[eater])
            effort[eater] = _effort(
                eats, cohorts, fields, crowd, (cell, eater, begin[eater], begin[eater + 1]), (pairs, when)
            )
        _share_out(eats, cohorts, fields, crowd, (count, cell), (begin, effort, pairs, when[0]))


@compiled
def _line_up(cohorts: Cohorts, low: int, count: int, hectares: float, crowd: Crowd) -> None:
    """Write down the crowd of a cell, whose cohorts are `count` from `low` on."""
    kind, _, state = cohorts
    which, kinds, table = crowd
    order = np.argsort(state[MASS][low : low + count], kind="mergesort")
    for place in range(count):
        at = low + order[place]
        which[place], kinds[place] = at, kind[at]
        table[SIZE, place], table[DENSE, place] = math.log(state[MASS][at]), state[NUMBER][at] / hectares
        table[BODY, place], table[WHOLE, place] = state[MASS][at], state[MASS][at] + state[POOL][at]


@compiled
def _seek(eats: Eats, crowd: Crowd, who: tuple[int, int], optimum: float, pairs: Pairs, begin: int) -> int:
    """Write down whom one eater finds and how many a day, from a place in the list on: where it ends. who: how many there are, and which of them eats."""
    kinds, _, hunts = eats
    _, kind, table = crowd
    prey, found, like, bins = pairs
    count, eater = who
    own, end = kind[eater], begin
    if table[DENSE, eater] <= 0.0 or optimum <= 0.0:
        return end
    least, reach = table[SIZE, eater] + math.log(optimum), math.log(kinds[REACH, own])
    bins[eater] = 0
    for at in range(np.searchsorted(table[SIZE, :count], least - BEYOND), count):
        over = table[SIZE, at] - least
        if over >= reach + BEYOND:
            break
        other = kind[at]
        if hunts[own, other] > 0.0 and table[DENSE, at] > 0.0:
            fit, place = size_match(over, reach)
            if place >= 0:
                bins[at] = other * BINS + place
                like[bins[at]] += table[DENSE, at]
                prey[end], found[end] = at, fit
                end += 1
    mass, kept = table[BODY, eater], begin
    for link in range(begin, end):
        at = prey[link]
        if at != eater:
            prey[kept] = at
            found[kept] = kinds[SEEN, kind[at]] * found_prey(mass, found[link], like[bins[at]], table[DENSE, at])
            kept += 1
    # the bins of those that were found are emptied for the next, the eater's own among them
    like[bins[eater]] = 0.0
    for link in range(begin, kept):
        like[bins[prey[link]]] = 0.0
    return kept


@compiled
def _effort(
    eats: Eats,
    cohorts: Cohorts,
    fields: Fields,
    crowd: Crowd,
    which: tuple[int, int, int, int],
    rest: tuple[Pairs, tuple[float, float]],
) -> float:
    """The days that one eater seeks food in a step, once handling is taken off and it does not eat more than it has use for.

    which: cell, eater, and where its list begins and ends.
    """
    kinds, grazes, hunts = eats
    places, kind, table = crowd
    (prey, found, _, _), (area, days) = rest
    cell, eater, begin, end = which
    own, mass = kind[eater], table[BODY, eater]
    if table[DENSE, eater] <= 0.0:
        return 0.0
    power = math.exp(-MASS_EXPONENT * table[SIZE, eater])
    killed, gain = 0.0, 0.0
    for link in range(begin, end):
        killed += found[link] * table[BODY, prey[link]]
        gain += hunts[own, kind[prey[link]]] * found[link] * table[WHOLE, prey[link]]
    busy = 1.0 + killed * KILLED_DAYS * power
    for pool in range(grazes.shape[1]):
        if grazes[own, pool] > 0.0:
            grams = found_plants(mass, fields[0][cell, pool] / (area / HECTARE_M2))
            busy += grams * GRAZED_DAYS * power
            gain += grazes[own, pool] * grams
    active = ACTIVE if kinds[WARM, own] > 0.0 else fields[1][cell, 2]
    seeks = active * days / busy
    pool_g, adult = cohorts[2][POOL][places[eater]], cohorts[2][ADULT][places[eater]]
    burnt = burnt_g_day(kinds, own, mass, pool_g, adult, fields[1][cell]) * days
    need = appetite(kinds, own, (mass, pool_g, adult), burnt)
    return seeks if gain * seeks <= need else need / gain


@compiled
def _share_out(
    eats: Eats,
    cohorts: Cohorts,
    fields: Fields,
    crowd: Crowd,
    where: tuple[int, int],
    sought: tuple[Integers, Doubles, Pairs, float],
) -> None:
    """Eat what was found, shared out: gut, number and plants change in place. where: how many there are, and the cell."""
    _, grazes, hunts = eats
    plants, _, went = fields
    which, kind, table = crowd
    count, cell = where
    begin, effort, (prey, found, _, _), area = sought
    number, gut = cohorts[2][NUMBER], cohorts[2][GUT]
    pools, hectares = plants.shape[1], area / HECTARE_M2
    hazard, grazed, met = np.zeros(count), np.zeros(pools), np.empty(count)
    for at in range(count):
        seekers = number[which[at]] * effort[at]
        for link in range(begin[at], begin[at + 1]):
            hazard[prey[link]] += seekers * found[link]
        for pool in range(pools):
            if grazes[kind[at], pool] > 0.0 and plants[cell, pool] > 0.0:
                grams = found_plants(table[BODY, at], plants[cell, pool] / hectares)
                grazed[pool] += seekers * grams / plants[cell, pool]
    for at in range(count):
        if hazard[at] > 0.0:
            hazard[at] /= number[which[at]]
        met[at] = _met(hazard[at])
    for at in range(count):
        own, gain = kind[at], 0.0
        for link in range(begin[at], begin[at + 1]):
            other = prey[link]
            gain += hunts[own, kind[other]] * found[link] * met[other] * table[WHOLE, other]
        for pool in range(pools):
            if grazes[own, pool] > 0.0:
                grams = found_plants(table[BODY, at], plants[cell, pool] / hectares)
                gain += grazes[own, pool] * grams * _met(grazed[pool])
        gut[which[at]] = gain * effort[at]
    for pool in range(pools):
        went[0, cell] += plants[cell, pool] * -math.expm1(-grazed[pool])
        plants[cell, pool] *= math.exp(-grazed[pool])
    for at in range(count):
        there, left = number[which[at]], number[which[at]] * math.exp(-hazard[at])
        went[0, cell] += (there - left) * table[WHOLE, at] - left * gut[which[at]]
        went[1, cell] += there - left
        number[which[at]] = left


@compiled
def _met(hazard: float) -> float:
    """(1 - exp(-H)) / H: how much of what was sought is found when others seek it too."""
    return -math.expm1(-hazard) / hazard if hazard > 0.0 else 1.0
