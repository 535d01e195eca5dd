"""Neighbours who move where too few are like them (Schelling 1971, doi:10.1080/0022250X.1971.9989794), by the rules that public comparisons declare.

In each step all agents act in random order. One with fewer than `wanted` of its own group within `radius` cells (in any direction, the edge is an edge)
moves to a random empty cell; else it is content.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.classics.order import AHEAD, NEAR, Order, Turns, place, shuffle
from merian.twin.compiled import compiled, fetch

__all__ = ["LARGE", "SMALL", "Schelling", "Settled", "schelling"]

Groups = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Schelling:
    """The model's numbers: side of the square in cells, agents (half of each group), how far they look, and how many of their own they want there."""

    side: int
    agents: int
    radius: int
    wanted: int

    def __post_init__(self) -> None:
        if self.side < 1 or self.radius < 1:
            raise BadSetting("side, radius", (self.side, self.radius), "at least one cell")
        if self.side > 46_340:
            raise BadSetting("side", self.side, "at most 46,340 cells: they are counted in 31 bits")
        if not 0 <= self.agents < self.side**2:
            raise BadSetting(
                "agents", self.agents, f"from 0 to {self.side**2 - 1}: an agent needs an empty cell to move to"
            )


SMALL = Schelling(40, 1000, 1, 3)
LARGE = Schelling(100, 8000, 2, 8)


@dataclass(frozen=True, eq=False)
class Settled:
    """`group` of each cell at the end, int8 [side, side] (0 empty, 1, 2); `content` [steps]: how many agents did not move in each step."""

    group: Groups
    content: Order


def schelling(model: Schelling, seed: int, steps: int) -> Settled:
    """The course of a neighbourhood; the same seed gives the same course."""
    group, where = np.zeros((model.side, model.side), np.int8), np.empty(model.agents, np.int32)
    keys = draws.key(seed, "schelling", "setup"), draws.key(seed, "schelling")
    cells, order = np.empty(model.side**2, np.int32), np.empty(model.agents, np.int32)
    content = _course(group.reshape(-1), (where, order, cells), np.array([model.radius, model.wanted]), keys, steps)
    return Settled(group, content)


@compiled
def _course(
    group: Groups, lists: tuple[Turns, Turns, Turns], numbers: Order, keys: tuple[draws.Key, draws.Key], steps: int
) -> Order:
    """Place all agents, go through all steps, in place: how many were content in each [steps]. group [cells]; lists: the cell of each agent, and room for their
    order and for that of the cells."""
    where, order, cells = lists
    side, agents = round(len(group) ** 0.5), len(where)
    shuffle(cells, side * side, keys[0], 0)
    for agent in range(agents):
        where[agent] = cells[agent]
        group[where[agent]] = 1 + agent % 2
    content = np.zeros(steps, np.int64)
    for step in range(steps):
        shuffle(order, agents, keys[1], step)
        for turn in range(agents):
            if turn + AHEAD < agents:
                fetch(where, order[turn + AHEAD])
                _look(group, where[order[turn + NEAR]], side, numbers[0])
            agent = order[turn]
            here = where[agent]
            if _alike(group, here, side, numbers[0]) >= numbers[1]:
                content[step] += 1
                continue
            new = _empty(group, keys[1], agent, step)
            group[new] = group[here]
            group[here] = 0
            where[agent] = new
    return content


@compiled
def _look(group: Groups, cell: int, side: int, radius: int) -> None:
    """Fetch what one in a cell sees."""
    row, column = cell // side, cell % side
    left = max(column - radius, 0)
    for y in range(max(row - radius, 0), min(row + radius + 1, side)):
        fetch(group, y * side + left)


@compiled
def _alike(group: Groups, cell: int, side: int, radius: int) -> int:
    """How many agents of its own group one in a cell has around it."""
    row, column, own, alike = cell // side, cell % side, group[cell], -1
    for y in range(max(row - radius, 0), min(row + radius + 1, side)):
        for x in range(max(column - radius, 0), min(column + radius + 1, side)):
            alike += group[y * side + x] == own
    return alike


@compiled
def _empty(group: Groups, chance: draws.Key, agent: int, step: int) -> int:
    """A random empty cell, all as likely: cells are tried until one is empty (there is one)."""
    slot = 0
    while True:
        for uniform in draws.uniforms(chance, agent, step, slot):
            at = place(uniform, len(group))
            if group[at] == 0:
                return at
        slot += 1
        if slot == 7:
            # the slot of the order of the step
            slot = 8
