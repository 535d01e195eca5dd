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
from merian.twin.classics.order import AHEAD, NEAR, Order, Turns, place, shuffle
from merian.twin.compiled import compiled, fetch

__all__ = ["Gathered", "Sugarscape", "sugarscape"]

Sugar = npt.NDArray[np.int8]
Ants = npt.NDArray[np.int32]
CELL, HELD, NEED, SIGHT = range(4)
"""Of an agent: its cell, what it holds, what it burns in a step, how many cells it sees."""
MOST = 120
"""The most sugar that a cell holds."""
GRADE = 17
"""A grade of sugar counts more than any distance, which take so many bits with their direction."""
FAR = (1 << GRADE - 2) - 1
"""The farthest that an agent sees, in cells."""


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
        if self.side > 32_767:
            raise BadSetting("side", self.side, "at most 32,767 cells: a row and a column share 31 bits")
        if not 0 <= self.agents <= self.side**2:
            raise BadSetting("agents", self.agents, f"from 0 to {self.side**2}: one in a cell")
        if not 0 <= self.capacity <= MOST:
            raise BadSetting("capacity", self.capacity, f"from 0 to {MOST}")
        for name, low in (("held", 1), ("need", 0), ("sight", 1)):
            least, most = getattr(self, name)
            if not low <= least <= most:
                raise BadSetting(name, (least, most), f"least and most, from {low} on")
        if self.sight[1] > FAR:
            raise BadSetting("sight", self.sight, f"at most {FAR:,} cells")
        if self.need[1] >= 2**30:
            raise BadSetting("need", self.need, "below 2^30")


@dataclass(frozen=True, eq=False)
class Gathered:
    """`alive` and the sugar that they `hold` together, int64 [steps + 1] each; at the end: `ants` int64 [n, 4] (cell, sugar held, need, sight) and the sugar of
    the cells, `now` and when `full`, int8 [side, side]; and how often an agent acted."""

    alive: Order
    hold: Order
    ants: Order
    now: Sugar
    full: Sugar
    agent_steps: int


def sugarscape(model: Sugarscape, seed: int, steps: int) -> Gathered:
    """The course of a society; the same seed gives the same course. Raises BadSetting where agents might come to hold more than 31 bits count."""
    if model.held[1] + steps * model.capacity >= 2**31:
        raise BadSetting("steps", steps, "so few that nobody comes to hold 2^31 or more")
    keys = draws.key(seed, "sugarscape", "setup"), draws.key(seed, "sugarscape")
    side, bare = model.side, model.bare
    full, ants = np.empty(side**2, np.int8), np.empty((model.agents, 4), np.int32)
    drawn = np.array([model.held, model.need, model.sight])
    _found(full, ants, np.empty(side**2, np.int32), drawn, (model.capacity, side if model.hills else 0), keys[0])
    land, counts = np.empty((64 * (-(-side // 8)) ** 2), np.int8), np.zeros((2, steps + 1), np.int64)
    lists = np.empty(model.agents, np.int32), np.empty(2 * model.agents, np.int32)
    _laid(land, full, ants, side)
    left = _course(land, ants.reshape(-1), lists, counts, side, (keys[1], bare, model.capacity))
    now = np.empty(side**2, np.int8)
    _told(land, now, ants[:left], side, bare and steps > 0)
    return Gathered(
        counts[0],
        counts[1],
        ants[:left].astype(np.int64),
        now.reshape(side, side),
        full.reshape(side, side),
        int(counts[0, :-1].sum()),
    )


@compiled
def _found(full: Sugar, ants: Ants, cells: Turns, drawn: Order, land: tuple[int, int], chance: draws.Key) -> None:
    """Lay out the land and draw the agents. cells: room for all. drawn: least and most of what they hold, need and see [3, 2]. land: most sugar, and the side
    where it has hills."""
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
    for cell in range(len(cells)):
        cells[cell] = cell
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
def _spot(row: int, column: int, side: int) -> int:
    """Where a cell lies: squares of 8 x 8 cells, a line of memory each, so that what an agent sees is in three or four lines and not in a dozen."""
    return _down(row, side) + _right(column)


@compiled
def _down(row: int, side: int) -> int:
    """How far a row lies behind the first one."""
    return (row >> 3) * ((side + 7) >> 3 << 6) + ((row & 7) << 3)


@compiled
def _right(column: int) -> int:
    """How far a column lies behind the first one."""
    return (column >> 3 << 6) + (column & 7)


@compiled
def _laid(land: Sugar, full: Sugar, ants: Ants, side: int) -> None:
    """Lay out cells by their spots: the sugar of free ones; of those that nobody can go to -1 less what they hold when full. Agents get the row and column of
    their cell, 16 bits each, in place of its number."""
    for row in range(side):
        for column in range(side):
            land[_spot(row, column, side)] = full[row * side + column]
    for ant in range(len(ants)):
        row, column = ants[ant, CELL] // side, ants[ant, CELL] % side
        spot = _spot(row, column, side)
        land[spot] = -1 - land[spot]
        ants[ant, CELL] = row << 16 | column


@compiled
def _told(land: Sugar, now: Sugar, ants: Ants, side: int, bare: bool) -> None:
    """The sugar of all cells, row by row, and the cells of agents by number again; `bare`: no sugar under agents."""
    for ant in range(len(ants)):
        ants[ant, CELL] = (ants[ant, CELL] >> 16) * side + (ants[ant, CELL] & 0xFFFF)
    for row in range(side):
        for column in range(side):
            sugar = land[_spot(row, column, side)]
            now[row * side + column] = sugar if sugar >= 0 else (0 if bare else -1 - sugar)


@compiled
def _course(
    land: Sugar, ants: Ants, lists: tuple[Turns, Turns], counts: Order, side: int, rule: tuple[draws.Key, bool, int]
) -> int:
    """Go through all steps in place, writing down the living and what they hold [2, steps + 1]: how many are left, which stand first.

    ants [4 * agents]; lists: room for the order of agents, and for twice as many cells; rule: chance, bare, most sugar."""
    order, freed = lists
    living, enough = len(order), (rule[2] - 1) << GRADE
    for ant in range(living):
        counts[1, 0] += ants[4 * ant + HELD]
    counts[0, 0] = living
    for step in range(counts.shape[1] - 1):
        shuffle(order, living, rule[0], step)
        # where agents eat all they stand on, a cell that one has left is bare to the end of the step, so that nobody goes there
        full = step == 0 or not rule[1]
        many = 0
        for turn in range(living):
            if turn + AHEAD < living:
                fetch(ants, 4 * order[turn + AHEAD])
                _look(land, ants, order[turn + NEAR], side)
            left = _turn(land, ants, order[turn], side, full, enough)
            if left >= 0:
                freed[many] = left
                many += 1
        living, many = _kept(ants, living, side, freed, many)
        for at in range(many):
            land[freed[at]] = -1 - land[freed[at]]
        counts[0, step + 1] = living
        for ant in range(living):
            counts[1, step + 1] += ants[4 * ant + HELD]
    return living


@compiled
def _look(land: Sugar, ants: Ants, ant: int, side: int) -> None:
    """Fetch what an agent sees, or of very much what is nearest."""
    row, column = ants[4 * ant + CELL] >> 16, ants[4 * ant + CELL] & 0xFFFF
    fetch(land, _spot(row, column, side))
    for far in range(min(ants[4 * ant + SIGHT], 16), 0, -8):
        fetch(land, _spot(max(row - far, 0), column, side))
        fetch(land, _spot(min(row + far, side - 1), column, side))
        fetch(land, _spot(row, max(column - far, 0), side))
        fetch(land, _spot(row, min(column + far, side - 1), side))


@compiled
def _turn(land: Sugar, ants: Ants, ant: int, side: int, full: bool, enough: int) -> int:
    """An agent goes where it likes best, gathers what it finds and burns what it needs: which cell is to be free at the end of the step, or -1. full: whether
    cells under agents are; enough: nothing is better than what counts more."""
    row, column = ants[4 * ant + CELL] >> 16, ants[4 * ant + CELL] & 0xFFFF
    down, right = _down(row, side), _right(column)
    here = down + right
    holds = -1 - land[here]
    best = (holds if full else 0) << GRADE
    for far in range(1, min(ants[4 * ant + SIGHT], side - 1) + 1):
        if best > enough:
            # nothing farther is better
            break
        # more sugar first, then nearness, then the lower number: north, west, east, south
        if row - far >= 0:
            best = max(best, (land[_down(row - far, side) + right] << GRADE) - 4 * far)
        if column - far >= 0:
            best = max(best, (land[down + _right(column - far)] << GRADE) - 4 * far - 1)
        if column + far < side:
            best = max(best, (land[down + _right(column + far)] << GRADE) - 4 * far - 2)
        if row + far < side:
            best = max(best, (land[_down(row + far, side) + right] << GRADE) - 4 * far - 3)
    way = -best & ((1 << GRADE) - 1)
    ants[4 * ant + HELD] += ((best + way) >> GRADE) - ants[4 * ant + NEED]
    if way == 0:
        return -1
    far, way = way >> 2, way & 3
    row, column = row + far * ((way == 3) - (way == 0)), column + far * ((way == 2) - (way == 1))
    spot = _spot(row, column, side)
    ants[4 * ant + CELL] = row << 16 | column
    land[spot] = -1 - land[spot]
    if full:
        land[here] = holds
        return -1
    return here


@compiled
def _kept(ants: Ants, living: int, side: int, freed: Turns, many: int) -> tuple[int, int]:
    """Drop the starved, the others in their order; their cells are free at the end of the step: how many are left, and how many cells are to be free."""
    kept = 0
    for ant in range(living):
        if ants[4 * ant + HELD] <= 0:
            freed[many] = _spot(ants[4 * ant + CELL] >> 16, ants[4 * ant + CELL] & 0xFFFF, side)
            many += 1
            continue
        for at in range(4):
            ants[4 * kept + at] = ants[4 * ant + at]
        kept += 1
    return kept, many
