"""Wolves, sheep and grass on a grid (Wilensky 1997), by the rules that public comparisons of frameworks declare.

In each step all sheep act in random order, then all wolves, then the grass. Each animal walks to one of the cells around it (the edge is an edge), loses 1
energy, eats, dies when its energy is spent, else may halve it with a newborn. A sheep eats grown grass, a wolf one of the sheep of its cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.classics.order import place, shuffle
from merian.twin.compiled import compiled

__all__ = ["LARGE", "SMALL", "Counts", "WolfSheep", "wolf_sheep"]

Cells = npt.NDArray[np.int64]
Energy = npt.NDArray[np.float64]
Flock = tuple[Cells, Energy, Cells]
"""Cell, energy and number of each animal; animals beyond the count are room for newborns."""


@dataclass(frozen=True, slots=True)
class WolfSheep:
    """The model's numbers: cells across (`columns`, `rows`), animals at the start, steps that grass takes to grow, chance of a newborn in a step, and energy
    gained from one meal."""

    columns: int
    rows: int
    sheep: int
    wolves: int
    regrowth: int
    sheep_births: float
    wolf_births: float
    sheep_gain: float = 5.0
    wolf_gain: float = 13.0

    def __post_init__(self) -> None:
        if self.columns < 1 or self.rows < 1 or self.columns * self.rows < 2:
            raise BadSetting("columns, rows", (self.columns, self.rows), "a grid of at least two cells: animals walk")
        for name in ("sheep", "wolves", "regrowth"):
            if getattr(self, name) < 0:
                raise BadSetting(name, getattr(self, name), "0 or more")
        for name in ("sheep_births", "wolf_births"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadSetting(name, getattr(self, name), "a chance from 0 to 1")


SMALL = WolfSheep(25, 25, 60, 40, 20, 0.2, 0.1)
LARGE = WolfSheep(100, 100, 1000, 500, 10, 0.4, 0.2)


@dataclass(frozen=True, eq=False)
class Counts:
    """`sheep`, `wolves` and grown `grass` cells, int64 [steps + 1] each, and how often an animal acted."""

    sheep: Cells
    wolves: Cells
    grass: Cells
    agent_steps: int


def wolf_sheep(model: WolfSheep, seed: int, steps: int) -> Counts:
    """The course of a model over so many steps; the same seed gives the same course."""
    shape = np.array([model.columns, model.rows, model.regrowth])
    rates = np.array([model.sheep_gain, model.sheep_births, model.wolf_gain, model.wolf_births])
    setup, sheep, wolves = (draws.key(seed, "wolf-sheep", name) for name in ("setup", "sheep", "wolves"))
    counts, acted = _course(shape, np.array([model.sheep, model.wolves]), rates, (setup, sheep, wolves), steps)
    return Counts(counts[:, 0], counts[:, 1], counts[:, 2], acted)


@compiled
def _course(
    shape: Cells, begin: Cells, rates: Energy, keys: tuple[draws.Key, draws.Key, draws.Key], steps: int
) -> tuple[Cells, int]:
    """Counts of sheep, wolves and grown cells [steps + 1, 3], and how often an animal acted."""
    cells = shape[0] * shape[1]
    grass = np.zeros(cells, np.int64)
    for cell in range(cells):
        first, second = draws.uniforms(keys[0], cell, 0, 0)
        if first >= 0.5:
            grass[cell] = 1 + place(second, shape[2])
    sheep, wolves = _placed(begin[0], cells, rates[0], keys[0], 1), _placed(begin[1], cells, rates[2], keys[0], 2)
    counts = np.zeros((steps + 1, 3), np.int64)
    tallies = np.array([begin[0], begin[0], begin[1], begin[1]])
    counts[0] = begin[0], begin[1], (grass == 0).sum()
    acted = 0
    for step in range(steps):
        acted += tallies[0] + tallies[2]
        sheep, wolves = _roomy(sheep, tallies[0]), _roomy(wolves, tallies[2])
        _graze(sheep, tallies, grass, (shape, rates), keys[1], step)
        _hunt(wolves, sheep, tallies, (shape, rates), keys[2], step)
        for cell in range(cells):
            grass[cell] = max(grass[cell] - 1, 0)
        counts[step + 1] = tallies[0], tallies[2], (grass == 0).sum()
    return counts, acted


@compiled
def _placed(count: int, cells: int, gain: float, chance: draws.Key, slot: int) -> Flock:
    """Animals at random places with 0 to twice the gain of a meal as energy."""
    cell, energy, number = np.zeros(2 * count + 8, np.int64), np.zeros(2 * count + 8), np.zeros(2 * count + 8, np.int64)
    for animal in range(count):
        first, second = draws.uniforms(chance, animal, 0, slot)
        cell[animal], energy[animal], number[animal] = place(first, cells), 2 * gain * second, animal
    return cell, energy, number


@compiled
def _roomy(flock: Flock, count: int) -> Flock:
    """The same animals with room for as many newborns."""
    cell, energy, number = flock
    if 2 * count <= len(cell):
        return flock
    room = 4 * count
    more_cell, more_energy, more_number = np.zeros(room, np.int64), np.zeros(room), np.zeros(room, np.int64)
    more_cell[:count], more_energy[:count], more_number[:count] = cell[:count], energy[:count], number[:count]
    return more_cell, more_energy, more_number


@compiled
def _walked(cell: int, shape: Cells, uniform: float) -> int:
    """One of the cells around a cell (3 in a corner, 5 at an edge, else 8), all as likely."""
    columns, rows = shape[0], shape[1]
    x, y = cell % columns, cell // columns
    left, top = max(x - 1, 0), max(y - 1, 0)
    wide, high = min(x + 1, columns - 1) - left + 1, min(y + 1, rows - 1) - top + 1
    at = place(uniform, wide * high - 1)
    if at >= (y - top) * wide + x - left:
        at += 1
    return int((top + at // wide) * columns + left + at % wide)


@compiled
def _graze(
    sheep: Flock, tallies: Cells, grass: Cells, model: tuple[Cells, Energy], chance: draws.Key, step: int
) -> None:
    """All sheep act. `tallies`: sheep, numbers given to sheep, wolves, numbers given to wolves."""
    cell, energy, number = sheep
    shape, rates = model
    count = end = tallies[0]
    order = np.empty(count, np.int64)
    shuffle(order, count, chance, step)
    for animal in order:
        first, second = draws.uniforms(chance, number[animal], step, 0)
        here = _walked(cell[animal], shape, first)
        left = energy[animal] - 1.0
        if grass[here] == 0:
            left += rates[0]
            grass[here] = shape[2]
        cell[animal] = here
        if left >= 1.0 and second < rates[1]:
            left *= 0.5
            cell[end], energy[end], number[end] = here, left, tallies[1]
            end += 1
            tallies[1] += 1
        elif left < 1.0:
            left = -1.0
        energy[animal] = left
    tallies[0] = _living(sheep, end)


@compiled
def _hunt(
    wolves: Flock, sheep: Flock, tallies: Cells, model: tuple[Cells, Energy], chance: draws.Key, step: int
) -> None:
    """All wolves act."""
    cell, energy, number = wolves
    shape, rates = model
    first_of, here_of = _by_cell(sheep[0], tallies[0], shape[0] * shape[1])
    left_of = first_of[1:] - first_of[:-1]
    count = end = tallies[2]
    order = np.empty(count, np.int64)
    shuffle(order, count, chance, step)
    for animal in order:
        first, second = draws.uniforms(chance, number[animal], step, 0)
        here = _walked(cell[animal], shape, first)
        left = energy[animal] - 1.0
        if left_of[here] > 0:
            at = first_of[here] + place(draws.uniform(chance, number[animal], step, 1), left_of[here])
            last = first_of[here] + left_of[here] - 1
            sheep[1][here_of[at]] = -1.0
            here_of[at] = here_of[last]
            left_of[here] -= 1
            left += rates[2]
        cell[animal] = here
        if left >= 0.0 and second < rates[3]:
            left *= 0.5
            cell[end], energy[end], number[end] = here, left, tallies[3]
            end += 1
            tallies[3] += 1
        energy[animal] = left
    tallies[0], tallies[2] = _living(sheep, tallies[0]), _living(wolves, end)


@compiled
def _by_cell(cell: Cells, count: int, cells: int) -> tuple[Cells, Cells]:
    """Where the animals of each cell begin [cells + 1] in a list of animals ordered by cell [count]."""
    first = np.zeros(cells + 1, np.int64)
    for animal in range(count):
        first[cell[animal] + 1] += 1
    for at in range(cells):
        first[at + 1] += first[at]
    filled, here = first[:-1].copy(), np.empty(count, np.int64)
    for animal in range(count):
        here[filled[cell[animal]]] = animal
        filled[cell[animal]] += 1
    return first, here


@compiled
def _living(flock: Flock, count: int) -> int:
    """Drop the animals whose energy is below 0, the others in their order: how many are left."""
    cell, energy, number = flock
    kept = 0
    for animal in range(count):
        if energy[animal] >= 0.0:
            cell[kept], energy[kept], number[kept] = cell[animal], energy[animal], number[animal]
            kept += 1
    return kept
