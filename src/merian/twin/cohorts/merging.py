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
    MASS,
    NUMBER,
    RIPE,
    STATE,
    YOUNG,
    Cohorts,
    Integers,
    Keeping,
    bodies,
    shared,
)
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow

__all__ = ["Merging"]

FAR = math.inf
NEAR, NAME, PLACE = range(3)
"""Of a cohort in a cell: the nearest of its heap (-1: none, or merged), its name, and its place among all cohorts (-1: merged)."""
APART, BODY, GROWN, BORN, HEADS = range(5)
"""How far the nearest is; logarithms of its mass, adult mass and mass of young; how many it has."""
Links = Integers
Gaps = Doubles
Masses = tuple[Doubles, Doubles, Doubles]
"""Mass, adult mass and mass of young of all cohorts."""
Joins = tuple[Integers, Doubles]
"""What was joined, one after the other: place that stays and place that goes [2, n], and how many each had [2, n]."""


class Merging(Keeping):
    """Cohorts are put in order; the emptied go, and those most alike become one where there are too many.

    Of Harfoot et al. 2014 (doi:10.1371/journal.pbio.1001841), but number as well as mass is conserved, and what cohorts carry beside (who of them is sick).
    Distances in merian.twin.cohorts.merging.
    """

    name = "merging"
    reads = ("room",)

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
        carried = np.stack([values[name] for name in self.carried]) if self.carried else np.empty((0, len(kept)))
        if (np.diff(first) > self.most).any():
            cohorts = bodies(values)
            shared(
                lambda begin, end: _merge(
                    values["who"], cohorts, (order, first), (begin, end), self.most, (kept, carried)
                ),
                values["room"].size,
                self.threads,
            )
            order = order[kept[order]]
        if len(order) < len(kept) or (np.diff(order) != 1).any():
            columns, fresh = (values["who"], values["kind"], values["cell"]), np.empty((3, len(order)), np.int64)
            state, after = bodies(values)[2], np.empty((len(STATE), len(order)))
            shared(lambda begin, end: _put(columns, fresh, order, (begin, end)), len(order), self.threads)
            shared(lambda begin, end: _put(state, after, order, (begin, end)), len(order), self.threads)
            values["who"], values["kind"], values["cell"] = fresh
            for name, column in zip((*STATE, *self.carried), (*after, *carried[:, order]), strict=True):
                values[name] = column
        return {"biomass": Flow(went=grams / 1000.0), "animals": Flow(went=heads)}


@compiled
def _put(columns: tuple[Array, ...], fresh: Array, order: Integers, span: tuple[int, int]) -> None:
    """The columns in an order [columns, n], from a first to before a last of it."""
    for row, column in enumerate(columns):
        for at in range(span[0], span[1]):
            fresh[row, at] = column[order[at]]


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
    rest: tuple[npt.NDArray[np.bool_], Doubles],
) -> None:
    """Merge in place in the cells of a span, until each has at most so many or nothing that could be merged. rest: who is kept, as those merged into others are
    not, and what else cohorts carry [c, n]."""
    order, first = by_cell
    kind, _, state = cohorts
    widest, kinds, more = 0, 0, 0
    for cell in range(span[0], span[1]):
        count = first[cell + 1] - first[cell]
        widest, more = max(widest, count), more + max(count - most, 0)
    for at in range(first[span[0]], first[span[1]]):
        kinds = max(kinds, kind[order[at]] + 1)
    links, gaps = np.empty((3, widest), np.int64), np.empty((5, widest))
    heap, begins = np.empty(widest, np.int64), np.empty(2 * kinds + 2, np.int64)
    joins, joined = (np.empty((2, more), np.int64), np.empty((2, more))), 0
    for cell in range(span[0], span[1]):
        low, count = first[cell], first[cell + 1] - first[cell]
        if count > most:
            _heaps(kind, state[RIPE], order[low : low + count], heap, begins)
            _measure(
                (who, order[low : low + count]),
                state[NUMBER],
                (state[MASS], state[ADULT], state[YOUNG]),
                heap,
                links,
                gaps,
            )
            _pair_up(begins, links, gaps)
            masses = (state[MASS], state[ADULT], state[YOUNG])
            joined = _thin(masses, begins, links, gaps, joins, (joined, joined + count - most))
    _join(state, joins, joined, rest)


@compiled
def _heaps(kind: Integers, ripe: Doubles, own: Integers, heap: Integers, begins: Integers) -> None:
    """Which of a cell's `own` cohorts come one after the other by kind and stage [n], and where each heap of one kind and stage begins [2 k + 2]."""
    begins[:] = 0
    for at in range(len(own)):
        begins[2 * kind[own[at]] + (1 if ripe[own[at]] >= 0.0 else 0) + 2] += 1
    for at in range(2, len(begins)):
        begins[at] += begins[at - 1]
    for at in range(len(own)):
        place = 2 * kind[own[at]] + (1 if ripe[own[at]] >= 0.0 else 0) + 1
        heap[begins[place]] = at
        begins[place] += 1


@compiled
def _measure(
    who: tuple[Integers, Integers], number: Doubles, masses: Masses, heap: Integers, links: Links, gaps: Gaps
) -> None:
    """Write down names, places, numbers and the logarithms of masses of a cell's cohorts, heap by heap. who: all names, and places of the cell's cohorts."""
    names, own = who
    mass, adult, young = masses
    for at in range(len(own)):
        place = own[heap[at]]
        links[NEAR, at], links[NAME, at], links[PLACE, at] = -1, names[place], place
        gaps[APART, at], gaps[HEADS, at] = FAR, number[place]
        gaps[BODY, at] = math.log(mass[place])
        # most of a kind have adults and young alike, whose logarithms are known
        last = own[heap[max(at - 1, 0)]]
        alike = at > 0 and adult[place] == adult[last] and young[place] == young[last]
        gaps[GROWN, at] = gaps[GROWN, at - 1] if alike else math.log(adult[place])
        gaps[BORN, at] = gaps[BORN, at - 1] if alike else math.log(young[place])


@compiled
def _pair_up(begins: Integers, links: Links, gaps: Gaps) -> None:
    """Write down which of its heap is nearest to each cohort, and how far; of equally near ones that of the lowest name."""
    for heap in range(len(begins) - 1):
        for one in range(begins[heap], begins[heap + 1]):
            for other in range(begins[heap], one):
                far = abs(gaps[BODY, one] - gaps[BODY, other]) + abs(gaps[GROWN, one] - gaps[GROWN, other])
                far += abs(gaps[BORN, one] - gaps[BORN, other])
                for at, to in ((one, other), (other, one)):
                    near = links[NEAR, at]
                    if (
                        near < 0
                        or far < gaps[APART, at]
                        or (far == gaps[APART, at] and links[NAME, to] < links[NAME, near])
                    ):
                        links[NEAR, at], gaps[APART, at] = to, far


@compiled
def _thin(masses: Masses, begins: Integers, links: Links, gaps: Gaps, joins: Joins, which: tuple[int, int]) -> int:
    """Make one of the nearest two of a cell, again and again, and write down what is joined: until so many are, or there are no two. which: how many have been
    joined before and may be in the end."""
    mass, adult, young = masses
    best, done = np.empty(len(begins) - 1, np.int64), which[0]
    changed = -1
    while done < which[1]:
        chosen = -1
        for heap in range(len(best)):
            if changed < 0 or heap == changed:
                # the nearest pair of a heap
                best[heap] = -1
                for at in range(begins[heap], begins[heap + 1]):
                    if links[NEAR, at] >= 0 and (best[heap] < 0 or _before(links, gaps, at, best[heap])):
                        best[heap] = at
            if best[heap] >= 0 and (chosen < 0 or _before(links, gaps, best[heap], best[chosen])):
                chosen = heap
        if chosen < 0:
            break
        one, changed = best[chosen], chosen
        other = links[NEAR, one]
        here, there = gaps[HEADS, one], gaps[HEADS, other]
        if there > here or (there == here and links[NAME, other] < links[NAME, one]):
            one, other, here, there = other, one, there, here
        stays, goes, both = links[PLACE, one], links[PLACE, other], here + there
        joins[0][0, done], joins[0][1, done], joins[1][0, done], joins[1][1, done] = stays, goes, here, there
        # what the distances are made of is joined at once, the rest at the end
        grams = (here * mass[stays] + there * mass[goes]) / both
        full = (here * adult[stays] + there * adult[goes]) / both
        small = (here * young[stays] + there * young[goes]) / both
        mass[stays], adult[stays], young[stays] = grams, full, small
        gaps[BODY, one], gaps[GROWN, one], gaps[BORN, one] = math.log(grams), math.log(full), math.log(small)
        gaps[HEADS, one], links[PLACE, other], links[NEAR, other] = both, -1, -1
        _renew(begins[chosen], begins[chosen + 1], (one, other), links, gaps)
        done += 1
    return done


@compiled
def _before(links: Links, gaps: Gaps, one: int, other: int) -> bool:
    """Whether the pair of one cohort is merged before that of another."""
    near, far = gaps[APART, one], gaps[APART, other]
    return bool(near < far or (near == far and links[NAME, one] < links[NAME, other]))


@compiled
def _renew(begin: int, end: int, pair: tuple[int, int], links: Links, gaps: Gaps) -> None:
    """Write down the nearest of each cohort of a heap anew, after one of a pair has taken up the other."""
    one, other = pair
    for at in range(begin, end):
        if links[PLACE, at] < 0:
            continue
        alone = at == one or links[NEAR, at] == one or links[NEAR, at] == other
        if alone:
            links[NEAR, at], gaps[APART, at] = -1, FAR
        for to in range(begin if alone else one, end if alone else one + 1):
            if to == at or links[PLACE, to] < 0:
                continue
            far = abs(gaps[BODY, at] - gaps[BODY, to]) + abs(gaps[GROWN, at] - gaps[GROWN, to])
            far += abs(gaps[BORN, at] - gaps[BORN, to])
            near = links[NEAR, at]
            if near < 0 or far < gaps[APART, at] or (far == gaps[APART, at] and links[NAME, to] < links[NAME, near]):
                links[NEAR, at], gaps[APART, at] = to, far


@compiled
def _join(state: tuple[Doubles, ...], joins: Joins, joined: int, rest: tuple[npt.NDArray[np.bool_], Doubles]) -> None:
    """Add up what was joined, column by column: means over animals, but numbers. Masses have been joined before."""
    (places, heads), (kept, carried) = joins, rest
    for row in range(len(carried)):
        for at in range(joined):
            here, there, one = heads[0, at], heads[1, at], places[0, at]
            carried[row, one] = (here * carried[row, one] + there * carried[row, places[1, at]]) / (here + there)
    for row, column in enumerate(state):
        if row != MASS and row != ADULT and row != YOUNG:
            for at in range(joined):
                here, there, one = heads[0, at], heads[1, at], places[0, at]
                column[one] = (here * column[one] + there * column[places[1, at]]) / (here + there)
    number = state[NUMBER]
    for at in range(joined):
        number[places[0, at]], kept[places[1, at]] = heads[0, at] + heads[1, at], False
