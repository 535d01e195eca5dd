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
from merian.twin.classics.order import Order, shuffle
from merian.twin.compiled import compiled

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
    state = np.empty((model.birds, 4))
    _placed(state, model.side, draws.key(seed, "flocking", "setup"))
    order = _course(state, numbers, draws.key(seed, "flocking"), steps)
    return Flock(state[:, :2], state[:, 2:], order)


@compiled
def _placed(state: Doubles, side: float, chance: draws.Key) -> None:
    """Birds at random places with random headings: x, y, and the heading's x, y [birds, 4]."""
    for bird in range(len(state)):
        x, y = draws.uniforms(chance, bird, 0, 0)
        angle = 2 * math.pi * draws.uniform(chance, bird, 0, 1)
        state[bird] = x * side, y * side, math.cos(angle), math.sin(angle)


@compiled
def _course(state: Doubles, numbers: Doubles, chance: draws.Key, steps: int) -> Doubles:
    """Go through all steps, in place: the length of the mean heading [steps + 1]."""
    birds, side = len(state), numbers[0]
    # fewer than three boxes across would meet themselves: then one box is looked into with its eight images
    across = int(side / numbers[1]) if side >= 3 * numbers[1] else 1
    boxes = (np.full(across * across, -1), np.full(birds, -1), np.full(birds, -1))
    for bird in range(birds):
        _enter(boxes, bird, _box_of(state[bird], side, across))
    order, alike = np.empty(birds, np.int64), np.empty(steps + 1)
    for step in range(steps + 1):
        alike[step] = math.hypot(state[:, 2].sum(), state[:, 3].sum()) / max(birds, 1)
        if step == steps:
            break
        shuffle(order, birds, chance, step)
        for turn in range(birds):
            bird = int(order[turn])
            _turn(bird, state, boxes, across, numbers)
            was = _box_of(state[bird], side, across)
            for axis in range(2):
                at = state[bird, axis] + numbers[6] * state[bird, axis + 2]
                at -= side * math.floor(at / side)
                # a place just below 0 may round to the side itself
                state[bird, axis] = 0.0 if at >= side else at
            now = _box_of(state[bird], side, across)
            if now != was:
                _leave(boxes, bird, was)
                _enter(boxes, bird, now)
    return alike


Boxes = tuple[Order, Order, Order]
"""The first bird of each box [boxes], the next and the one before in the box of each bird [birds]; -1: none."""


@compiled
def _box_of(bird: Doubles, side: float, across: int) -> int:
    """The box that a bird is in, among across x across."""
    return int(bird[1] / side * across) * across + int(bird[0] / side * across)


@compiled
def _enter(boxes: Boxes, bird: int, into: int) -> None:
    first, after, before = boxes
    after[bird], before[bird] = first[into], -1
    if first[into] >= 0:
        before[first[into]] = bird
    first[into] = bird


@compiled
def _leave(boxes: Boxes, bird: int, out: int) -> None:
    first, after, before = boxes
    if before[bird] >= 0:
        after[before[bird]] = after[bird]
    else:
        first[out] = after[bird]
    if after[bird] >= 0:
        before[after[bird]] = before[bird]


@compiled
def _turn(bird: int, state: Doubles, boxes: Boxes, across: int, numbers: Doubles) -> None:
    """Turn one bird by what it sees; with nobody in sight it flies on."""
    side, sight, closest = numbers[0], numbers[1] ** 2, numbers[5] ** 2
    first, after, _ = boxes
    x, y, east, north = state[bird]
    column, row = int(x / side * across), int(y / side * across)
    seen, middle_x, middle_y, away_x, away_y, along_x, along_y = 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for down in range(row - 1, row + 2):
        # beyond an edge lies the other edge, a side away
        turns_y = -1 if down < 0 else (1 if down >= across else 0)
        from_y = y - turns_y * side
        for right in range(column - 1, column + 2):
            turns_x = -1 if right < 0 else (1 if right >= across else 0)
            from_x = x - turns_x * side
            other = first[(down - turns_y * across) * across + right - turns_x * across]
            while other >= 0:
                dx, dy = state[other, 0] - from_x, state[other, 1] - from_y
                gap = dx * dx + dy * dy
                if gap <= sight and other != bird:
                    seen += 1
                    middle_x, middle_y = middle_x + dx, middle_y + dy
                    along_x, along_y = along_x + state[other, 2], along_y + state[other, 3]
                    if gap < closest:
                        away_x, away_y = away_x - dx, away_y - dy
                other = after[other]
    if seen == 0:
        return
    to_x = east + (numbers[2] * middle_x + numbers[3] * away_x + numbers[4] * along_x) / seen
    to_y = north + (numbers[2] * middle_y + numbers[3] * away_y + numbers[4] * along_y) / seen
    length = math.hypot(to_x, to_y)
    if length > 0.0:
        state[bird, 2], state[bird, 3] = to_x / length, to_y / length
