"""Birds that flock (Reynolds 1987, doi:10.1145/37401.37406) in a square whose edges meet, by the rules that public comparisons of frameworks declare.

In each step all birds act in random order. A bird sees those within its sight, turns toward their middle, away from those too close, and the way they
fly; then it flies one step at unit speed. What one bird did, the next one sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.classics.order import AHEAD, NEAR, Turns, shuffle
from merian.twin.compiled import compiled, fetch

__all__ = ["LARGE", "SMALL", "Flock", "Flocking", "flocking"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Flocking:
    """The model's numbers: side of the square, birds, how far they see, and how strongly they come together, keep apart and fly alike."""

    side: float
    birds: int
    sight: float
    cohere: float = 0.03
    apart: float = 0.015
    match: float = 0.05
    closest: float = 1.0
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.birds < 0:
            raise BadSetting("birds", self.birds, "0 or more")
        if not 0 < 2 * self.sight <= self.side:
            raise BadSetting(
                "sight",
                self.sight,
                f"above 0 and at most half the side, {self.side / 2:g}: else a bird sees another twice",
            )
        if not 0 <= self.speed <= self.sight:
            raise BadSetting("speed", self.speed, f"from 0 to the sight, {self.sight:g}")


SMALL = Flocking(100.0, 200, 5.0)
LARGE = Flocking(150.0, 400, 15.0)


@dataclass(frozen=True, eq=False)
class Flock:
    """`place` [birds, 2] and `heading` [birds, 2] (unit vectors) at the end; `order` [steps + 1], the length of the mean heading: 1 when all fly alike."""

    place: Doubles
    heading: Doubles
    order: Doubles


def flocking(model: Flocking, seed: int, steps: int) -> Flock:
    """The course of a flock; the same seed gives the same course."""
    numbers = np.array([model.side, model.sight, model.cohere, model.apart, model.match, model.closest, model.speed])
    birds, across = model.birds, _across(model)
    # NumPy makes the arrays, for it asks for large pages of memory
    state, other = np.empty(4 * birds), np.empty(4 * birds)
    who, order, spot, box = (np.empty(size, np.int32) for size in (birds, birds, 2 * birds, birds))
    start, alike = np.empty(across**2 + 1, np.int32), np.empty(steps + 1)
    _placed(state, who, model.side, draws.key(seed, "flocking", "setup"))
    _course((state, other), (who, order, spot, box), start, numbers, draws.key(seed, "flocking"), alike)
    found = np.empty((birds, 4))
    found[who] = (other if steps % 2 else state).reshape(birds, 4)
    return Flock(found[:, :2], found[:, 2:], alike)


def _across(model: Flocking) -> int:
    """How many boxes the square has along a side. One whom a bird sees was, when the step began, at most its sight and one flight away: in its box or in one
    around it. Fewer than three across would meet themselves: then one box is looked into with its eight images. More than two a bird are of no use."""
    across = int(model.side / ((model.sight + model.speed) * (1 + 1e-9)))
    return min(across, max(3, math.isqrt(2 * model.birds))) if across >= 3 else 1


@compiled
def _placed(state: Doubles, who: Turns, side: float, chance: draws.Key) -> None:
    """Birds at random places with random headings: x, y, and the heading's x, y [4 * birds]."""
    for bird in range(len(who)):
        x, y = draws.uniforms(chance, bird, 0, 0)
        angle = 2 * math.pi * draws.uniform(chance, bird, 0, 1)
        who[bird] = bird
        state[4 * bird], state[4 * bird + 1] = x * side, y * side
        state[4 * bird + 2], state[4 * bird + 3] = math.cos(angle), math.sin(angle)


@compiled
def _course(
    states: tuple[Doubles, Doubles], lists: Lists, start: Turns, numbers: Doubles, chance: draws.Key, alike: Doubles
) -> None:
    """Go through all steps, from one state to the other and back, writing down the length of the mean heading [steps + 1]. start: boxes and one more."""
    state, other = states
    who, order, spot, box = lists
    birds, side, across = len(who), numbers[0], round((len(start) - 1) ** 0.5)
    for step in range(len(alike)):
        east = north = 0.0
        for bird in range(birds):
            east, north = east + state[4 * bird + 2], north + state[4 * bird + 3]
        alike[step] = math.hypot(east, north) / max(birds, 1)
        if step == len(alike) - 1:
            break
        _sort(state, other, lists, start, side)
        state, other = other, state
        shuffle(order, birds, chance, step)
        for turn in range(birds):
            bird = order[turn]
            order[turn], box[turn] = spot[2 * bird], spot[2 * bird + 1]
        for turn in range(birds):
            if turn + AHEAD < birds:
                fetch(state, 4 * order[turn + AHEAD])
                _look(state, start, across, box[turn + AHEAD], box[turn + NEAR])
            bird = order[turn]
            _turn(bird, state, start, across, numbers)
            # who flies over an edge stays beyond it to the end of the step: there the others look for it
            state[4 * bird] += numbers[6] * state[4 * bird + 2]
            state[4 * bird + 1] += numbers[6] * state[4 * bird + 3]
        for at in range(4 * birds):
            if at & 2 == 0:
                state[at] = _within(state[at], side)


@compiled
def _within(at: float, side: float) -> float:
    """A place, or where it comes in again beyond an edge."""
    if 0.0 <= at < side:
        return at
    at -= side * math.floor(at / side)
    # a place just below 0 may round to the side itself
    return 0.0 if at >= side else at


@compiled
def _line(at: float, side: float, across: int) -> int:
    """In which of the rows or columns of boxes a place is."""
    return min(int(at * (across / side)), across - 1)


Lists = tuple[Turns, Turns, Turns, Turns]
"""Who stands where in the state and who acts when [birds], where each bird stands and in which box [2 * birds], and room for boxes [birds]."""


@compiled
def _sort(state: Doubles, into: Doubles, lists: Lists, start: Turns, side: float) -> None:
    """Put birds in the order of their boxes, so that those who see each other lie together in memory; `start`: where each box begins [boxes + 1]. The order of
    turns is lost."""
    who, was, spot, box = lists
    across = round((len(start) - 1) ** 0.5)
    start[:] = 0
    for bird in range(len(who)):
        box[bird] = _line(state[4 * bird + 1], side, across) * across + _line(state[4 * bird], side, across)
        start[box[bird]] += 1
        was[bird] = who[bird]
    end = 0
    for at in range(len(start)):
        end += start[at]
        start[at] = end
    for bird in range(len(who) - 1, -1, -1):
        start[box[bird]] -= 1
        at = start[box[bird]]
        who[at] = was[bird]
        spot[2 * was[bird]], spot[2 * was[bird] + 1] = at, box[bird]
        for part in range(4):
            into[4 * at + part] = state[4 * bird + part]


@compiled
def _look(state: Doubles, start: Turns, across: int, later: int, soon: int) -> None:
    """Fetch where the boxes around one begin that is looked into later, and the birds around one that is soon (but for some beyond an edge or in a crowd)."""
    boxes = len(start) - 1
    for row in range(-across - 1, across, across):
        fetch(start, min(max(later + row, 0), boxes))
        box = min(max(soon + row, 0), boxes)
        last = max(4 * start[min(box + 3, boxes)] - 1, 0)
        first = min(4 * start[box], last)
        fetch(state, first)
        fetch(state, min(first + 8, last))
        fetch(state, last)


@compiled
def _turn(bird: int, state: Doubles, start: Turns, across: int, numbers: Doubles) -> None:
    """Turn one bird by what it sees; with nobody in sight it flies on."""
    side, sight, closest = numbers[0], numbers[1] ** 2, numbers[5] ** 2
    x, y, east, north = state[4 * bird], state[4 * bird + 1], state[4 * bird + 2], state[4 * bird + 3]
    column, row = _line(x, side, across), _line(y, side, across)
    seen, middle_x, middle_y, away_x, away_y, along_x, along_y = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    # three boxes side by side are one stretch of birds
    wide = 3 if 0 < column < across - 1 else 1
    for down in range(row - 1, row + 2):
        # beyond an edge lies the other edge, a side away
        turns_y = -1 if down < 0 else (1 if down >= across else 0)
        from_y = y - turns_y * side
        for right in range(column - 1, column + 2, wide):
            turns_x = -1 if right < 0 else (1 if right >= across else 0)
            from_x = x - turns_x * side
            box = (down - turns_y * across) * across + right - turns_x * across
            for other in range(start[box], start[box + wide]):
                dx, dy = state[4 * other] - from_x, state[4 * other + 1] - from_y
                gap = dx * dx + dy * dy
                # no forks: which of two ways it goes cannot be foreseen
                sees = 1.0 if (gap <= sight) & (other != bird) else 0.0
                near = sees if gap < closest else 0.0
                seen += sees
                middle_x, middle_y = middle_x + sees * dx, middle_y + sees * dy
                along_x, along_y = along_x + sees * state[4 * other + 2], along_y + sees * state[4 * other + 3]
                away_x, away_y = away_x - near * dx, away_y - near * dy
    if seen == 0.0:
        return
    to_x = east + (numbers[2] * middle_x + numbers[3] * away_x + numbers[4] * along_x) / seen
    to_y = north + (numbers[2] * middle_y + numbers[3] * away_y + numbers[4] * along_y) / seen
    length = math.sqrt(to_x * to_x + to_y * to_y)
    if length > 0.0:
        state[4 * bird + 2], state[4 * bird + 3] = to_x / length, to_y / length
