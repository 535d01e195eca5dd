"""Agents who gather sugar that grows back at once (Epstein & Axtell 1996, Growing Artificial Societies, ch. 2), by the rules of public comparisons.

In each step all agents move in random order: of the free cells that one sees along the four directions, and its own, it goes to that with the most sugar, of
equals the nearest, of these the one of the lowest number (the edge is an edge). Then all eat what lies on their cell and burn what they need; who has nothing
left is gone. Then every cell is full again: in public comparisons only the empty ones (`bare`), in the book those under agents too (its rule G-infinity).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.classics.order import Order, place, shuffle
from merian.twin.compiled import compiled

__all__ = ["Gathered", "Sugarscape", "sugarscape"]

Sugar = npt.NDArray[np.int8]
Ants = npt.NDArray[np.int64]
CELL, HELD, NEED, SIGHT = range(4)
"""Of an agent: its cell, what it holds, what it burns in a step, how many cells it sees."""
MOST = 120
"""The most sugar that a cell holds."""


@dataclass(frozen=True, slots=True)
class Sugarscape:
    """The model's numbers: side of the square in cells, agents, most sugar of a cell; least and most of what agents hold at the start, burn in a step, and see
    (all drawn evenly); whether cells are full by chance, or lie on two `hills` as in the book's figures (round, not its very cells); and whether it is `bare`
    under agents."""

    side: int
    agents: int
    capacity: int = 4
    held: tuple[int, int] = (6, 25)
    need: tuple[int, int] = (2, 4)
    sight: tuple[int, int] = (1, 6)
    hills: bool = False
    bare: bool = True

    def __post_init__(self) -> None:
        if self.side < 1:
            raise BadSetting("side", self.side, "at least one cell")
        if not 0 <= self.agents <= self.side**2:
            raise BadSetting("agents", self.agents, f"from 0 to {self.side**2}: one in a cell")
        if not 0 <= self.capacity <= MOST:
            raise BadSetting("capacity", self.capacity, f"from 0 to {MOST}")
        for name, low in (("held", 1), ("need", 0), ("sight", 1)):
            least, most = getattr(self, name)
            if not low <= least <= most:
                raise BadSetting(name, (least, most), f"least and most, from {low} on")


@dataclass(frozen=True, eq=False)
class Gathered:
    """`alive` and the sugar that they `hold` together, int64 [steps + 1] each; at the end: `ants` int64 [n, 4] (cell, sugar held, need, sight) and the sugar of
    the cells, `now` and when `full`, int8 [side, side]; and how often an agent acted."""

    alive: Order
    hold: Order
    ants: Ants
    now: Sugar
    full: Sugar
    agent_steps: int


def sugarscape(model: Sugarscape, seed: int, steps: int) -> Gathered:
    """The course of a society; the same seed gives the same course."""
    keys = draws.key(seed, "sugarscape", "setup"), draws.key(seed, "sugarscape")
    full, ants = np.empty(model.side**2, np.int8), np.empty((model.agents, 4), np.int64)
    drawn = np.array([model.held, model.need, model.sight])
    _found(full, ants, drawn, (model.capacity, model.side if model.hills else 0), keys[0])
    now, counts = full.copy(), np.zeros((2, steps + 1), np.int64)
    left = _course(now, full, ants, counts, (keys[1], model.bare))
    shape = (model.side, model.side)
    return Gathered(
        counts[0], counts[1], ants[:left], now.reshape(shape), full.reshape(shape), int(counts[0, :-1].sum())
    )


@compiled
def _found(full: Sugar, ants: Ants, drawn: Ants, land: tuple[int, int], chance: draws.Key) -> None:
    """Lay out the land and draw the agents. drawn: least and most of what they hold, need and see [3, 2]. land: most sugar, and the side where it has hills."""
    most, side = land
    for cell in range(len(full)):
        if side == 0 and cell % 2 == 0:
            # two neighbours share a draw
            one, other = draws.uniforms(chance, cell // 2, 0, 0)
            full[cell] = place(one, most + 1)
            if cell + 1 < len(full):
                full[cell + 1] = place(other, most + 1)
        elif side > 0:
            y, x = (cell // side + 0.5) / side, (cell % side + 0.5) / side
            far = min((x - 0.7) ** 2 + (y - 0.3) ** 2, (x - 0.3) ** 2 + (y - 0.7) ** 2) ** 0.5
            # as many terraces as there are grades of sugar, the lowest of nothing at 0.5 of the side from the nearer top
            full[cell] = int(max(0.0, 1.0 - far / 0.5) * (most + 0.999))
    cells = np.arange(len(full))
    for ant in range(len(ants)):
        one, other = draws.uniforms(chance, ant, 0, 1)
        third, fourth = draws.uniforms(chance, ant, 0, 2)
        # a cell of those that are free: the first places of a shuffle
        at = ant + place(fourth, len(cells) - ant)
        cells[ant], cells[at] = cells[at], cells[ant]
        ants[ant, CELL] = cells[ant]
        for at, uniform in ((0, one), (1, other), (2, third)):
            ants[ant, 1 + at] = drawn[at, 0] + place(uniform, drawn[at, 1] - drawn[at, 0] + 1)


@compiled
def _course(now: Sugar, full: Sugar, ants: Ants, counts: Order, rule: tuple[draws.Key, bool]) -> int:
    """Go through all steps in place, writing down the living and what they hold [2, steps + 1]: how many are left, which stand first. rule: chance, bare."""
    side, living = round(len(full) ** 0.5), len(ants)
    order, left, taken = np.empty(living, np.int64), np.empty(living, np.int64), np.zeros(len(full), np.bool_)
    for ant in range(living):
        taken[ants[ant, CELL]] = True
    for step in range(counts.shape[1]):
        counts[0, step] = living
        for ant in range(living):
            counts[1, step] += ants[ant, HELD]
        if step == counts.shape[1] - 1:
            break
        shuffle(order, living, rule[0], step)
        moved = 0
        for turn in range(living):
            ant = order[turn]
            here = ants[ant, CELL]
            to = _best(now, taken, here, ants[ant, SIGHT], side)
            if to != here:
                taken[here], taken[to] = False, True
                ants[ant, CELL], left[moved] = to, here
                moved += 1
        living = _eat(now, full, ants, (taken, living), rule[1])
        for at in range(moved):
            if not taken[left[at]]:
                now[left[at]] = full[left[at]]
    return living


@compiled
def _best(now: Sugar, taken: npt.NDArray[np.bool_], here: int, sight: int, side: int) -> int:
    """Where an agent goes."""
    row, column = here // side, here % side
    best, most = here, now[here]
    for far in range(1, sight + 1):
        # of equally near ones the cell of the lowest number: north, west, east, south
        if row - far >= 0 and now[here - far * side] > most and not taken[here - far * side]:
            best, most = here - far * side, now[here - far * side]
        if column - far >= 0 and now[here - far] > most and not taken[here - far]:
            best, most = here - far, now[here - far]
        if column + far < side and now[here + far] > most and not taken[here + far]:
            best, most = here + far, now[here + far]
        if row + far < side and now[here + far * side] > most and not taken[here + far * side]:
            best, most = here + far * side, now[here + far * side]
    return int(best)


@compiled
def _eat(now: Sugar, full: Sugar, ants: Ants, crowd: tuple[npt.NDArray[np.bool_], int], bare: bool) -> int:
    """All eat and burn; the starved are dropped, the others in their order: how many are left. crowd: which cells are taken, how many live."""
    taken, living = crowd
    kept = 0
    for ant in range(living):
        cell = ants[ant, CELL]
        held = ants[ant, HELD] + now[cell] - ants[ant, NEED]
        now[cell] = 0 if bare and held > 0 else full[cell]
        if held <= 0:
            taken[cell] = False
            continue
        ants[kept, CELL], ants[kept, HELD] = cell, held
        ants[kept, NEED], ants[kept, SIGHT] = ants[ant, NEED], ants[ant, SIGHT]
        kept += 1
    return kept
