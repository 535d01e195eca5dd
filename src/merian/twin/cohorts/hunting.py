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

__all__ = ["Hunting", "falling", "found_plants", "found_prey"]

GRAZING, GRAZED_DAYS = 1e-11, 0.7
KILLING, KILLED_DAYS = 1e-6, 0.5
MASS_EXPONENT, WIDTH = 0.7, 0.7
BINS, BEYOND = 12, 2.1
"""Bins of size, and how far they reach beyond what an eater is built for, ln units: half of 12 times 0.35."""
HECTARE_M2 = 1e4
WARM, REACH, SEEN, PULSE = ROW["warm"], ROW["reach"], ROW["seen"], ROW["pulse"]
ACTIVE = 0.5
"""Share of the time that an endotherm is active."""
FEW = 200
"""Cohorts of a cell up to which they are put in order by insertion, which is quicker for so few."""
LN2_HIGH, LN2_LOW, PER_LN2 = 0.693147180369123816490, 1.90821492927058770002e-10, 1.0 / 0.6931471805599453
"""ln 2 in two parts, of which the first times a small whole number is exact."""
HALVES = 0.5 ** np.arange(32)
NOBODY = -1e300
C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13 = (1.0 / math.factorial(n) for n in range(2, 14))


@compiled
def falling(x: float) -> float:
    """exp(-x) for x from 0 to 21, to a unit in the last place: halvings times the series of what is left.

    Without a call or a branch, so that a loop over it works on many numbers at a time: three times as fast as the library's.
    """
    halved = math.floor(x * PER_LN2 + 0.5)
    r = (halved * LN2_HIGH - x) + halved * LN2_LOW
    high = (((((C13 * r + C12) * r + C11) * r + C10) * r + C9) * r + C8) * r + C7
    low = (((((high * r + C6) * r + C5) * r + C4) * r + C3) * r + C2) * r + 1.0
    return float((low * r + 1.0) * HALVES[int(halved)])


@compiled
def found_plants(mass: float, grams_ha: float) -> float:
    """Grams a day that an eater of this mass (g) finds in a pool of plants, were it to do nothing else."""
    return GRAZING * mass * grams_ha * grams_ha


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
"""The cohorts of a cell from the smallest to the largest: which they are among all, their kinds, and the rows of each below [8, n]."""
SIZE, DENSE, BODY, WHOLE, LEAST, KILLED, GAINED, EFFORT = range(8)
"""Logarithm of mass, animals per ha, mass, mass with what is laid by; logarithm of the smallest prey that it is built for (none: -1e300); what it finds of
animals, were it to do nothing else, g day-1, and what of it it makes its own; the days of a step that it seeks food."""
Pairs = tuple[Integers, Integers, Doubles]
"""Whom each eater may find: the first of a row of neighbours in the crowd [n], and where its row begins [n + 1] in what it finds of each of them a day (0 of
those that it does not eat)."""
Room = tuple[Doubles, Integers, Doubles]
"""Room for one eater: how well each of its row fits it, and its bin; and densities by kind and bin, the last of them for those that are not eaten."""


@compiled
def _eat(
    eats: Eats, cohorts: Cohorts, fields: Fields, first: Integers, span: tuple[int, int], when: tuple[float, float]
) -> None:
    """The cohorts of some cells eat, cell by cell. when: area of a cell m2, days.

    Here as in other kernels of the tier a function is called once a cell, not once an animal: counting references to many arrays costs more than the work.
    """
    most = 1
    for cell in range(span[0], span[1]):
        most = max(most, first[cell + 1] - first[cell])
    pairs = np.empty(most, np.int64), np.zeros(most + 1, np.int64), np.empty(most * most)
    room = np.empty(most), np.empty(most, np.int64), np.zeros(eats[0].shape[1] * BINS + 1)
    crowd = np.empty(most, np.int64), np.empty(most, np.int64), np.empty((8, most))
    for cell in range(span[0], span[1]):
        low, count = first[cell], first[cell + 1] - first[cell]
        _line_up(cohorts, low, count, when[0] / HECTARE_M2, crowd)
        _seek(eats, crowd, count, pairs, room)
        _effort(eats, cohorts, fields, crowd, (cell, count), when)
        _share_out(eats, cohorts, fields, crowd, (cell, count), (pairs, when[0]))


@compiled
def _line_up(cohorts: Cohorts, low: int, count: int, hectares: float, crowd: Crowd) -> None:
    """Write down the crowd of a cell, whose cohorts are `count` from `low` on."""
    kind, _, state = cohorts
    which, kinds, table = crowd
    mass, number, pool, optimum = state[MASS], state[NUMBER], state[POOL], state[OPTIMUM]
    if count > FEW:
        which[:count] = np.argsort(mass[low : low + count], kind="mergesort")
        which[:count] += low
    else:
        for place in range(count):
            at, own = place, mass[low + place]
            while at > 0 and mass[which[at - 1]] > own:
                which[at] = which[at - 1]
                at -= 1
            which[at] = low + place
    for place in range(count):
        at = which[place]
        kinds[place] = kind[at]
        table[SIZE, place], table[DENSE, place] = math.log(mass[at]), number[at] / hectares
        table[BODY, place], table[WHOLE, place] = mass[at], mass[at] + pool[at]
        table[LEAST, place] = NOBODY
        if number[at] > 0.0 and optimum[at] > 0.0:
            table[LEAST, place] = table[SIZE, place] + math.log(optimum[at])


@compiled
def _seek(eats: Eats, crowd: Crowd, count: int, pairs: Pairs, room: Room) -> None:
    """Write down whom each eater finds and how many a day, and what that comes to."""
    traits, _, hunts = eats
    _, kind, table = crowd
    lows, begin, found = pairs
    fits, bins, like = room
    none, low, high = len(like) - 1, 0, 0
    for eater in range(count):
        own, least, start = kind[eater], table[LEAST, eater], begin[eater]
        lows[eater], begin[eater + 1] = 0, start
        table[KILLED, eater] = table[GAINED, eater] = 0.0
        if least == NOBODY:
            continue
        reach = math.log(traits[REACH, own])
        # eaters come by size, so rows begin and end near those of the one before
        while low > 0 and table[SIZE, low - 1] - least > -BEYOND:
            low -= 1
        while low < count and table[SIZE, low] - least <= -BEYOND:
            low += 1
        high = max(high, low)
        while high > low and table[SIZE, high - 1] - least >= reach + BEYOND:
            high -= 1
        while high < count and table[SIZE, high] - least < reach + BEYOND:
            high += 1
        many, scale = high - low, BINS / (reach + 2.0 * BEYOND)
        lows[eater], begin[eater + 1] = low, start + many
        for at in range(many):
            over = table[SIZE, low + at] - least
            part = (min(over, 0.0) + max(over - reach, 0.0)) / WIDTH
            fits[at] = falling(part * part)
            bins[at] = min(int((over + BEYOND) * scale), BINS - 1)
        for at in range(many):
            other = kind[low + at]
            eaten = hunts[own, other] > 0.0 and table[DENSE, low + at] > 0.0
            bins[at] = bins[at] + other * BINS if eaten else none
            fits[at] = fits[at] if eaten else 0.0
            like[bins[at]] += table[DENSE, low + at]
        killed, gain, mass = 0.0, 0.0, table[BODY, eater]
        for at in range(many):
            other = kind[low + at]
            some = traits[SEEN, other] * found_prey(mass, fits[at], like[bins[at]], table[DENSE, low + at])
            some = 0.0 if low + at == eater else some
            found[start + at] = some
            killed += some * table[BODY, low + at]
            gain += hunts[own, other] * some * table[WHOLE, low + at]
        for at in range(many):
            like[bins[at]] = 0.0
        table[KILLED, eater], table[GAINED, eater] = killed, gain


@compiled
def _effort(
    eats: Eats, cohorts: Cohorts, fields: Fields, crowd: Crowd, where: tuple[int, int], when: tuple[float, float]
) -> None:
    """The days that each eater seeks food in a step, once handling is taken off and it does not eat more than it has use for. where: cell, how many."""
    kinds, grazes, _ = eats
    places, kind, table = crowd
    (cell, count), (area, days) = where, when
    pools, adults = cohorts[2][POOL], cohorts[2][ADULT]
    place = fields[1][cell, 0], fields[1][cell, 1], fields[1][cell, 2]
    plants = fields[0][cell]
    for eater in range(count):
        table[EFFORT, eater] = 0.0
        if table[DENSE, eater] <= 0.0:
            continue
        own, mass, gain = kind[eater], table[BODY, eater], table[GAINED, eater]
        power = math.exp(-MASS_EXPONENT * table[SIZE, eater])
        busy = 1.0 + table[KILLED, eater] * KILLED_DAYS * power
        for pool in range(grazes.shape[1]):
            if grazes[own, pool] > 0.0:
                grams = found_plants(mass, plants[pool] / (area / HECTARE_M2))
                busy += grams * GRAZED_DAYS * power
                gain += grazes[own, pool] * grams
        active = ACTIVE if kinds[WARM, own] > 0.0 else place[2]
        seeks = active * days / busy
        # who breeds whenever it can has use for all
        if kinds[PULSE, own] > 0.0:
            pool_g, adult = pools[places[eater]], adults[places[eater]]
            burnt = burnt_g_day(kinds, own, mass, pool_g, adult, place[:2]) * days
            need = appetite(kinds, own, (mass, pool_g, adult), burnt)
            seeks = seeks if gain * seeks <= need else need / gain
        table[EFFORT, eater] = seeks


@compiled
def _share_out(
    eats: Eats, cohorts: Cohorts, fields: Fields, crowd: Crowd, where: tuple[int, int], sought: tuple[Pairs, float]
) -> None:
    """Eat what was found, shared out: gut, number and plants change in place. where: the cell, how many there are. sought: the pairs, area of a cell."""
    (_, grazes, hunts), (which, kind, table) = eats, crowd
    (lows, begin, found), area = sought
    cell, count = where
    plants, went = fields[0][cell], fields[2]
    number, gut = cohorts[2][NUMBER], cohorts[2][GUT]
    pools, hectares = len(plants), area / HECTARE_M2
    hazard, grazed = np.zeros(count), np.zeros(pools)
    for at in range(count):
        seekers, low, start = number[which[at]] * table[EFFORT, at], lows[at], begin[at]
        for link in range(begin[at + 1] - start):
            hazard[low + link] += seekers * found[start + link]
        for pool in range(pools):
            if grazes[kind[at], pool] > 0.0 and plants[pool] > 0.0:
                grams = found_plants(table[BODY, at], plants[pool] / hectares)
                grazed[pool] += seekers * grams / plants[pool]
    met, share = np.empty(count), np.empty(pools)
    for at in range(count):
        if hazard[at] > 0.0:
            hazard[at] /= number[which[at]]
        met[at] = _met(hazard[at])
    for pool in range(pools):
        share[pool] = _met(grazed[pool])
    for at in range(count):
        own, gain, low, start = kind[at], 0.0, lows[at], begin[at]
        for link in range(begin[at + 1] - start):
            other = low + link
            gain += hunts[own, kind[other]] * found[start + link] * met[other] * table[WHOLE, other]
        for pool in range(pools):
            if grazes[own, pool] > 0.0:
                grams = found_plants(table[BODY, at], plants[pool] / hectares)
                gain += grazes[own, pool] * grams * share[pool]
        gut[which[at]] = gain * table[EFFORT, at]
    for pool in range(pools):
        went[0, cell] += plants[pool] * -math.expm1(-grazed[pool])
        plants[pool] *= math.exp(-grazed[pool])
    for at in range(count):
        there, left = number[which[at]], number[which[at]] * math.exp(-hazard[at])
        went[0, cell] += (there - left) * table[WHOLE, at] - left * gut[which[at]]
        went[1, cell] += there - left
        number[which[at]] = left


@compiled
def _met(hazard: float) -> float:
    """(1 - exp(-H)) / H: how much of what was sought is found when others seek it too."""
    return -math.expm1(-hazard) / hazard if hazard > 0.0 else 1.0
