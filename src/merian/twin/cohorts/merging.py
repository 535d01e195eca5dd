"""Putting cohorts in order: by cell, without the empty, and no more of them in a cell than there is room for: those most alike are made one.

Two cohorts of a kind, both grown up or both not, are as far apart as |ln of the ratio| of their masses, young's and adult masses, added up. The nearest pair of
the cell is merged first, of equally near ones the pair of the lowest names. Number, mass and what is laid by add up; what animals are is the mean over animals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin.cohorts.columns import (
    ADULT,
    COHORT,
    MASS,
    NUMBER,
    RIPE,
    YOUNG,
    Cohorts,
    Integers,
    bodies,
    shared,
)
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow

__all__ = ["Merging"]

FAR = math.inf


class Merging:
    """Cohorts are put in order; the emptied go, and those most alike become one where there are too many.

    Of Harfoot et al. 2014 (doi:10.1371/journal.pbio.1001841), but number as well as mass is conserved. Distances in merian.twin.cohorts.merging.
    """

    name = "merging"
    reads = ("room",)
    writes = COHORT

    def __init__(self, most: int, floor: float = 0.0, threads: int = 1) -> None:
        """most: cohorts in a cell. floor: animals of a cell below which a cohort is gone. Raises BadSetting for none."""
        if most < 1:
            raise BadSetting("cohorts", most, "1 or more in a cell")
        if not 0 <= floor < math.inf:
            raise BadSetting("floor", floor, "0 or more animals")
        self.most, self.floor, self.threads = most, floor, threads

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Put in order; who is gone goes out."""
        number = values["number"]
        kept = (number > 0) & (number >= self.floor)
        gone = np.flatnonzero(~kept)
        each = values["mass"][gone] + values["pool"][gone] + values["gut"][gone]
        grams, heads = float((number[gone] * each).sum()), float(number[gone].sum())
        order, first = _by_cell(values["cell"], kept, values["room"].size)
        if (np.diff(first) > self.most).any():
            cohorts = bodies(values)
            shared(
                lambda begin, end: _merge(values["who"], cohorts, (order, first), (begin, end), self.most, kept),
                values["room"].size,
                self.threads,
            )
            order = order[kept[order]]
        if len(order) < len(kept) or (np.diff(order) != 1).any():
            for name in COHORT:
                values[name] = values[name][order]
        return {"biomass": Flow(went=grams / 1000.0), "animals": Flow(went=heads)}


@compiled
def _by_cell(cell: Integers, kept: npt.NDArray[np.bool_], cells: int) -> tuple[Integers, Integers]:
    """The kept cohorts by cell, in a cell as they were, and where each cell begins among them [cells + 1]."""
    first = np.zeros(cells + 1, np.int64)
    for at in range(len(cell)):
        if kept[at]:
            first[cell[at] + 1] += 1
    for place in range(cells):
        first[place + 1] += first[place]
    order, filled = np.empty(first[cells], np.int64), first[:-1].copy()
    for at in range(len(cell)):
        if kept[at]:
            order[filled[cell[at]]] = at
            filled[cell[at]] += 1
    return order, first


@compiled
def _merge(
    who: Integers,
    cohorts: Cohorts,
    by_cell: tuple[Integers, Integers],
    span: tuple[int, int],
    most: int,
    kept: npt.NDArray[np.bool_],
) -> None:
    """Merge in place in the cells of a span, until each has at most so many or nothing that could be merged; those merged into others are not `kept`."""
    order, first = by_cell
    widest = 0
    for cell in range(span[0], span[1]):
        widest = max(widest, first[cell + 1] - first[cell])
    sizes, apart = np.empty((3, widest)), np.empty(widest)
    near, names, place = np.empty(widest, np.int64), np.empty(widest, np.int64), np.empty(widest, np.int64)
    for cell in range(span[0], span[1]):
        low, count = first[cell], first[cell + 1] - first[cell]
        if count <= most:
            continue
        heaps = _heaps(cohorts, order[low : low + count], place)
        for at in range(count):
            names[at], near[at] = who[place[at]], -1
            _measure(cohorts, place[at], at, sizes)
        found = (near, apart, names, place)
        best = np.empty(len(heaps) - 1, np.int64)
        for heap in range(len(best)):
            for at in range(heaps[heap], heaps[heap + 1]):
                _nearest(at, heaps[heap], heaps[heap + 1], sizes, found)
            best[heap] = _closest(heaps[heap], heaps[heap + 1], found)
        left = count
        while left > most:
            heap = _choice(best, apart, names)
            if heap < 0:
                break
            _unite(cohorts, (heaps[heap], heaps[heap + 1], best[heap]), sizes, found, kept)
            best[heap] = _closest(heaps[heap], heaps[heap + 1], found)
            left -= 1


Found = tuple[Integers, Doubles, Integers, Integers]
"""Of the cohorts of a cell, heap by heap: the nearest of each (-1: none, or merged), how far it is, names, and places among all cohorts (-1: merged)."""


@compiled
def _heaps(cohorts: Cohorts, own: Integers, place: Integers) -> Integers:
    """Put the places of a cell's `own` cohorts in order of kind and stage: where each heap of one kind and stage begins [h + 1]."""
    kind, _, state = cohorts
    count = len(own)
    heap = np.empty(count, np.int64)
    for at in range(count):
        heap[at] = 2 * kind[own[at]] + (1 if state[RIPE][own[at]] >= 0.0 else 0)
    order = np.argsort(heap, kind="mergesort")
    begins = np.empty(count + 1, np.int64)
    size = 0
    for at in range(count):
        place[at] = own[order[at]]
        if at == 0 or heap[order[at]] != heap[order[at - 1]]:
            begins[size] = at
            size += 1
    begins[size] = count
    return begins[: size + 1]


@compiled
def _measure(cohorts: Cohorts, cohort: int, at: int, sizes: Doubles) -> None:
    """Write down the logarithms of a cohort's masses."""
    state = cohorts[2]
    sizes[0, at], sizes[1, at] = math.log(state[MASS][cohort]), math.log(state[ADULT][cohort])
    sizes[2, at] = math.log(state[YOUNG][cohort])


@compiled
def _distance(sizes: Doubles, one: int, other: int) -> float:
    apart = abs(sizes[0, one] - sizes[0, other]) + abs(sizes[1, one] - sizes[1, other])
    return float(apart + abs(sizes[2, one] - sizes[2, other]))


@compiled
def _nearest(one: int, begin: int, end: int, sizes: Doubles, found: Found) -> None:
    """Write down which of its heap is nearest to a cohort, and how far; of equally near ones that of the lowest name."""
    near, apart, names, place = found
    best, least = -1, FAR
    for at in range(begin, end):
        if at != one and place[at] >= 0:
            far = _distance(sizes, one, at)
            if best < 0 or far < least or (far == least and names[at] < names[best]):
                best, least = at, far
    near[one], apart[one] = best, least


@compiled
def _closest(begin: int, end: int, found: Found) -> int:
    """Which cohort of a heap is nearest to another, -1 when there is but one; of equally near ones that of the lowest name."""
    near, apart, names, place = found
    best = -1
    for at in range(begin, end):
        if place[at] < 0 or near[at] < 0:
            continue
        if best < 0 or apart[at] < apart[best] or (apart[at] == apart[best] and names[at] < names[best]):
            best = at
    return best


@compiled
def _choice(best: Integers, apart: Doubles, names: Integers) -> int:
    """The heap whose nearest pair is the nearest of the cell, -1 when no heap has a pair."""
    chosen = -1
    for heap in range(len(best)):
        at = best[heap]
        if at < 0:
            continue
        if (
            chosen < 0
            or apart[at] < apart[best[chosen]]
            or (apart[at] == apart[best[chosen]] and names[at] < names[best[chosen]])
        ):
            chosen = heap
    return chosen


@compiled
def _unite(
    cohorts: Cohorts, which: tuple[int, int, int], sizes: Doubles, found: Found, kept: npt.NDArray[np.bool_]
) -> None:
    """Make one of a cohort and the nearest of its heap; the more numerous keeps its place and name, of equals the lower name. which: begin, end, cohort."""
    begin, end, one = which
    near, apart, names, place = found
    other, number = near[one], cohorts[2][NUMBER]
    here, there = number[place[one]], number[place[other]]
    if there > here or (there == here and names[other] < names[one]):
        one, other = other, one
    _join(cohorts, place[one], place[other])
    kept[place[other]] = False
    place[other], near[other] = -1, -1
    _measure(cohorts, place[one], one, sizes)
    for at in range(begin, end):
        if place[at] < 0:
            continue
        if at == one or near[at] == one or near[at] == other:
            _nearest(at, begin, end, sizes, found)
        else:
            far = _distance(sizes, at, one)
            if far < apart[at] or (far == apart[at] and names[one] < names[near[at]]):
                near[at], apart[at] = one, far


@compiled
def _join(cohorts: Cohorts, one: int, other: int) -> None:
    """Add another cohort to one."""
    state = cohorts[2]
    here, there = state[NUMBER][one], state[NUMBER][other]
    both = here + there
    for column in state:
        column[one] = (here * column[one] + there * column[other]) / both
    state[NUMBER][one] = both
