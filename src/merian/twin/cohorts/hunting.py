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
    place = int((over + BEYOND) / (reach + 2.0 * BEYOND) * BINS)
    return math.exp(-((apart / WIDTH) ** 2)), min(place, BINS - 1)


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


@compiled
def _eat(
    eats: Eats, cohorts: Cohorts, fields: Fields, first: Integers, span: tuple[int, int], when: tuple[float, float]
) -> None:
    """The cohorts of some cells eat, cell by cell. when: area of a cell m2, days."""
    most = 0
    for cell in range(span[0], span[1]):
        most = max(most, first[cell + 1] - first[cell])
    # what is found along each pair of eater and prey, kept until all have eaten
    prey, found = np.empty(most * most, np.int64), np.empty(most * most)
    begin, effort, size = np.empty(most + 1, np.int64), np.empty(most), np.empty(most)
    like, bins = np.zeros(eats[0].shape[1] * BINS), np.zeros(most, np.int64)
    for cell in range(span[0], span[1]):
        low, count = first[cell], first[cell + 1] - first[cell]
        for at in range(count):
            size[at] = math.log(cohorts[2][MASS][low + at])
        begin[0] = 0
        for at in range(count):
            begin[at + 1] = _seek(
                eats, cohorts, (low, count, at), size, (prey, found, like, bins), (begin[at], when[0])
            )
            effort[at] = _effort(
                eats, cohorts, fields, (low + at, cell), (prey, found, low, begin[at], begin[at + 1]), when
            )
        _share_out(eats, cohorts, fields, (low, count, cell), (begin, effort, prey, found), when[0])


@compiled
def _seek(
    eats: Eats,
    cohorts: Cohorts,
    who: tuple[int, int, int],
    size: Doubles,
    pairs: tuple[Integers, Doubles, Doubles, Integers],
    where: tuple[int, float],
) -> int:
    """Write down whom one eater finds and how many a day: where its list ends. who: first cohort of the cell, how many, and which of them eats."""
    kinds, _, hunts = eats
    low, count, eater = who
    prey, found, like, bins = pairs
    kind, _, state = cohorts
    own, end, hectares = kind[low + eater], where[0], where[1] / HECTARE_M2
    if state[NUMBER][low + eater] <= 0.0 or state[OPTIMUM][low + eater] <= 0.0:
        return end
    least, reach = size[eater] + math.log(state[OPTIMUM][low + eater]), math.log(kinds[REACH, own])
    for at in range(count):
        over = size[at] - least
        if over <= -BEYOND or over >= reach + BEYOND:
            continue
        other = kind[low + at]
        if hunts[own, other] <= 0.0:
            continue
        number = state[NUMBER][low + at]
        if number <= 0.0:
            continue
        fit, place = size_match(over, reach)
        bins[at] = other * BINS + place
        like[bins[at]] += number / hectares
        prey[end], found[end] = at, fit
        end += 1
    mass, kept = state[MASS][low + eater], where[0]
    for link in range(where[0], end):
        at = prey[link]
        if at != eater:
            number, seen = state[NUMBER][low + at] / hectares, kinds[SEEN, kind[low + at]]
            prey[kept], found[kept] = at, seen * found_prey(mass, found[link], like[bins[at]], number)
            kept += 1
    # the bins of those that were found are emptied for the next, the eater's own among them
    like[bins[eater]] = 0.0
    for link in range(where[0], kept):
        like[bins[prey[link]]] = 0.0
    return kept


@compiled
def _effort(
    eats: Eats,
    cohorts: Cohorts,
    fields: Fields,
    which: tuple[int, int],
    pairs: tuple[Integers, Doubles, int, int, int],
    when: tuple[float, float],
) -> float:
    """The days that one eater seeks food in a step, once handling is taken off and it does not eat more than it has use for."""
    kinds, grazes, hunts = eats
    kind, _, state = cohorts
    at, cell = which
    prey, found, low, begin, end = pairs
    own, mass, days = kind[at], state[MASS][at], when[1]
    if state[NUMBER][at] <= 0.0:
        return 0.0
    power = math.exp(-MASS_EXPONENT * math.log(mass))
    busy, gain = 1.0, 0.0
    for link in range(begin, end):
        other = low + prey[link]
        busy += found[link] * KILLED_DAYS * state[MASS][other] * power
        gain += hunts[own, kind[other]] * found[link] * (state[MASS][other] + state[POOL][other])
    for pool in range(grazes.shape[1]):
        if grazes[own, pool] > 0.0:
            grams = found_plants(mass, fields[0][cell, pool] / (when[0] / HECTARE_M2))
            busy += grams * GRAZED_DAYS * power
            gain += grazes[own, pool] * grams
    active = ACTIVE if kinds[WARM, own] > 0.0 else fields[1][cell, 2]
    seeks = active * days / busy
    burnt = burnt_g_day(kinds, own, mass, state[POOL][at], state[ADULT][at], fields[1][cell]) * days
    need = appetite(kinds, own, (mass, state[POOL][at], state[ADULT][at]), burnt)
    return seeks if gain * seeks <= need else need / gain


@compiled
def _share_out(
    eats: Eats,
    cohorts: Cohorts,
    fields: Fields,
    which: tuple[int, int, int],
    sought: tuple[Integers, Doubles, Integers, Doubles],
    area: float,
) -> None:
    """Eat what was found, shared out: gut, number and plants change in place."""
    _, grazes, hunts = eats
    kind, _, state = cohorts
    plants, _, went = fields
    low, count, cell = which
    begin, effort, prey, found = sought
    pools, hectares = plants.shape[1], area / HECTARE_M2
    hazard, grazed = np.zeros(count), np.zeros(pools)
    for at in range(count):
        seekers = state[NUMBER][low + at] * effort[at]
        for link in range(begin[at], begin[at + 1]):
            hazard[prey[link]] += seekers * found[link]
        for pool in range(pools):
            if grazes[kind[low + at], pool] > 0.0 and plants[cell, pool] > 0.0:
                grams = found_plants(state[MASS][low + at], plants[cell, pool] / hectares)
                grazed[pool] += seekers * grams / plants[cell, pool]
    met, whole = np.empty(count), np.empty(count)
    for at in range(count):
        if hazard[at] > 0.0:
            hazard[at] /= state[NUMBER][low + at]
        met[at], whole[at] = _met(hazard[at]), state[MASS][low + at] + state[POOL][low + at]
    for at in range(count):
        own, gain = kind[low + at], 0.0
        for link in range(begin[at], begin[at + 1]):
            other = prey[link]
            gain += hunts[own, kind[low + other]] * found[link] * met[other] * whole[other]
        for pool in range(pools):
            if grazes[own, pool] > 0.0:
                grams = found_plants(state[MASS][low + at], plants[cell, pool] / hectares)
                gain += grazes[own, pool] * grams * _met(grazed[pool])
        state[GUT][low + at] = gain * effort[at]
    for pool in range(pools):
        went[0, cell] += plants[cell, pool] * -math.expm1(-grazed[pool])
        plants[cell, pool] *= math.exp(-grazed[pool])
    for at in range(count):
        number = state[NUMBER][low + at]
        left = number * math.exp(-hazard[at])
        went[0, cell] += (number - left) * whole[at] - left * state[GUT][low + at]
        went[1, cell] += number - left
        state[NUMBER][low + at] = left


@compiled
def _met(hazard: float) -> float:
    """(1 - exp(-H)) / H: how much of what was sought is found when others seek it too."""
    return -math.expm1(-hazard) / hazard if hazard > 0.0 else 1.0
