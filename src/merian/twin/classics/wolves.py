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
from merian.twin.classics.order import AHEAD, MANY, NEAR, Turns, place, room, shuffle
from merian.twin.compiled import compiled, fetch

__all__ = ["LARGE", "SMALL", "Counts", "WolfSheep", "wolf_sheep"]

Cells = npt.NDArray[np.int64]
Energy = npt.NDArray[np.float64]
Land = npt.NDArray[np.void]
CELL = np.dtype([("grown", np.int32), ("grazed", np.int32), ("sheep", np.int32), ("first", np.int32)])
"""A cell: from which step on its grass is grown, the last step in which sheep came, and, if that is this one, how many stay and where they begin in a list by
cell (-1: not yet there). So no step has to go through all cells, and a turn waits for one line of memory."""
Animals = npt.NDArray[np.void]
ANIMAL = np.dtype([("energy", np.float64), ("cell", np.int32), ("breeds", np.int32)])
Flock = tuple[Animals, Cells, Turns]
"""The animals, the number of each, and who acts when; beyond the count is room for newborns."""
Told = tuple[Cells, Cells, Cells]
"""Sheep, numbers given to sheep, wolves, numbers given to wolves, cells of grown grass; these counts at each step [steps + 1, 3]; cells that will be grown from
a step on, and are not [steps + 1]."""
Model = tuple[Cells, Energy]
"""Columns, rows, steps of growth; gain and births of sheep and of wolves."""


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
        if self.columns * self.rows >= 2**31:
            raise BadSetting(
                "columns, rows", (self.columns, self.rows), "below 2^31 cells: they are counted in 31 bits"
            )
        if self.regrowth > 10**9:
            raise BadSetting("regrowth", self.regrowth, "at most 1e9 steps")
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
    setup, *others = (draws.key(seed, "wolf-sheep", name) for name in ("setup", "sheep", "wolves"))
    land = np.empty(model.columns * model.rows, CELL)
    tallies = np.array([model.sheep, model.sheep, model.wolves, model.wolves, 0])
    counts, due = np.zeros((steps + 1, 3), np.int64), np.zeros(steps + 1, np.int64)
    sheep, wolves = _roomy(None, model.sheep), _roomy(None, model.wolves)
    _found(land, (sheep, wolves), (tallies, counts, due), (shape, rates), setup)
    at = 0
    while at < steps:
        sheep, wolves = _roomy(sheep, tallies[0]), _roomy(wolves, tallies[2])
        at = _course(land, (sheep, wolves), (tallies, counts, due), (shape, rates), (others[0], others[1]), at)
    return Counts(counts[:, 0], counts[:, 1], counts[:, 2], int(counts[:-1, :2].sum()))


def _roomy(flock: Flock | None, count: int) -> Flock:
    """The same animals with room for as many newborns and more. NumPy makes the arrays, for it asks for large pages of memory."""
    if flock is not None and 2 * count <= len(flock[0]):
        return flock
    room = 4 * int(count) + 8
    animals, number = np.empty(room, ANIMAL), np.empty(room, np.int64)
    if flock is not None:
        animals[:count], number[:count] = flock[0][:count], flock[1][:count]
    return animals, number, np.empty(room, np.int32)


@compiled
def _found(land: Land, flocks: tuple[Flock, Flock], told: Told, model: Model, chance: draws.Key) -> None:
    """Lay out grass, grown on half of all cells, and animals at random places with 0 to twice the gain of a meal as energy."""
    tallies, counts, due = told
    shape, rates = model
    for cell in range(len(land)):
        first, second = draws.uniforms(chance, cell, 0, 0)
        land[cell]["grown"] = 0
        land[cell]["grazed"] = -1
        if first >= 0.5:
            _grows(land, cell, 1 + place(second, shape[2]), due)
        tallies[4] += land[cell]["grown"] == 0
    for kind in range(2):
        animals, number, _ = flocks[kind]
        for animal in range(tallies[2 * kind]):
            first, second = draws.uniforms(chance, animal, 0, 1 + kind)
            animals[animal]["cell"] = place(first, len(land))
            animals[animal]["energy"] = 2 * rates[2 * kind] * second
            number[animal] = animal
    counts[0] = tallies[0], tallies[2], tallies[4]


@compiled
def _grows(land: Land, cell: int, until: int, due: Cells) -> None:
    """The grass of a cell is grown from a step on."""
    land[cell]["grown"] = until
    if until < len(due):
        due[until] += 1


@compiled
def _course(
    land: Land, flocks: tuple[Flock, Flock], told: Told, model: Model, keys: tuple[draws.Key, draws.Key], step: int
) -> int:
    """Go through the steps from `step` on, in place, as long as there is room for newborns: at which step this ends."""
    tallies, counts, due = told
    while step < len(due) - 1 and 2 * tallies[0] <= len(flocks[0][0]) and 2 * tallies[2] <= len(flocks[1][0]):
        _graze(land, flocks[0], told, model, keys[0], step)
        _hunt(land, flocks, tallies, model, keys[1], step)
        step += 1
        tallies[4] += due[step]
        counts[step] = tallies[0], tallies[2], tallies[4]
    return step


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
def _walk(flock: Flock, count: int, model: tuple[Cells, float], chance: draws.Key, step: int) -> None:
    """All animals of a kind go to a cell around theirs and learn whether they may breed: nobody's turn changes that for another."""
    animals, number, _ = flock
    shape, births = model
    _, words, uniforms = room()
    for first in range(0, count, MANY):
        many = min(MANY, count - first)
        draws.pairs(chance, number[first : first + many], step, 0, words, uniforms)
        for at in range(many):
            animals[first + at]["cell"] = _walked(animals[first + at]["cell"], shape, uniforms[0, at])
            animals[first + at]["breeds"] = uniforms[1, at] < births


@compiled
def _graze(land: Land, sheep: Flock, told: Told, model: Model, chance: draws.Key, step: int) -> None:
    """All sheep act; of each cell that they come to is counted how many stay."""
    animals, number, order = sheep
    tallies, _, due = told
    shape, rates = model
    count = end = tallies[0]
    _walk(sheep, count, (shape, rates[1]), chance, step)
    shuffle(order, count, chance, step)
    for turn in range(count):
        if turn + AHEAD < count:
            fetch(animals, order[turn + AHEAD])
            fetch(land, animals[order[turn + NEAR]]["cell"])
        animal = order[turn]
        here = animals[animal]["cell"]
        left = animals[animal]["energy"] - 1.0
        if land[here]["grazed"] != step:
            land[here]["grazed"], land[here]["sheep"], land[here]["first"] = step, 0, -1
        if land[here]["grown"] <= step:
            left += rates[0]
            if shape[2] > 0:
                tallies[4] -= 1
                _grows(land, here, step + shape[2], due)
        if left >= 1.0:
            land[here]["sheep"] += 1
            if animals[animal]["breeds"]:
                left *= 0.5
                animals[end]["cell"], animals[end]["energy"], number[end] = here, left, tallies[1]
                land[here]["sheep"] += 1
                end += 1
                tallies[1] += 1
        else:
            left = -1.0
        animals[animal]["energy"] = left
    tallies[0] = _living(sheep, end)


@compiled
def _hunt(land: Land, flocks: tuple[Flock, Flock], tallies: Cells, model: Model, chance: draws.Key, step: int) -> None:
    """All wolves act."""
    sheep, (animals, number, order) = flocks[0][0], flocks[1]
    shape, rates = model
    # where the order of the sheep stood, which is no longer needed
    here_of = flocks[0][2]
    _by_cell(land, sheep, tallies[0], here_of)
    count = end = tallies[2]
    _walk(flocks[1], count, (shape, rates[3]), chance, step)
    shuffle(order, count, chance, step)
    for turn in range(count):
        if turn + AHEAD < count:
            fetch(animals, order[turn + AHEAD])
            fetch(land, animals[order[turn + NEAR]]["cell"])
            cell = animals[order[turn + NEAR // 2]]["cell"]
            if land[cell]["grazed"] == step and land[cell]["sheep"] > 0:
                fetch(here_of, land[cell]["first"])
        animal = order[turn]
        here = animals[animal]["cell"]
        left = animals[animal]["energy"] - 1.0
        if land[here]["grazed"] == step and land[here]["sheep"] > 0:
            first, many = land[here]["first"], land[here]["sheep"]
            at = first + place(draws.uniform(chance, number[animal], step, 1), many)
            sheep[here_of[at]]["energy"] = -1.0
            here_of[at] = here_of[first + many - 1]
            land[here]["sheep"] = many - 1
            left += rates[2]
        if left >= 0.0 and animals[animal]["breeds"]:
            left *= 0.5
            animals[end]["cell"], animals[end]["energy"], number[end] = here, left, tallies[3]
            end += 1
            tallies[3] += 1
        animals[animal]["energy"] = left
    tallies[0], tallies[2] = _living(flocks[0], tallies[0]), _living(flocks[1], end)


@compiled
def _by_cell(land: Land, animals: Animals, count: int, here: Turns) -> None:
    """Animals ordered by cell into `here`; in `land` stands how many each cell has, and then where they begin."""
    before = 0
    for animal in range(count):
        if animal + AHEAD < count:
            fetch(land, animals[animal + AHEAD]["cell"])
        cell = animals[animal]["cell"]
        if land[cell]["first"] < 0:
            land[cell]["first"] = before
            before += land[cell]["sheep"]
            land[cell]["sheep"] = 0
        here[land[cell]["first"] + land[cell]["sheep"]] = animal
        land[cell]["sheep"] += 1


@compiled
def _living(flock: Flock, count: int) -> int:
    """Drop the animals whose energy is below 0, the others in their order: how many are left."""
    animals, number, _ = flock
    kept = 0
    for animal in range(count):
        if animals[animal]["energy"] >= 0.0:
            animals[kept]["cell"], animals[kept]["energy"] = animals[animal]["cell"], animals[animal]["energy"]
            number[kept] = number[animal]
            kept += 1
    return kept
