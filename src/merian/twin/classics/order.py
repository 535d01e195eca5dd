"""A random order anew at each step, and places in a list from uniforms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.twin import draws
from merian.twin.compiled import compiled

__all__ = ["place", "shuffle"]

Order = npt.NDArray[np.int64]


@compiled
def place(uniform: float, count: int) -> int:
    """One of `count` places, all as likely, from a uniform in [0, 1)."""
    return int(uniform * count)


@compiled
def shuffle(order: Order, count: int, chance: draws.Key, step: int) -> None:
    """Put 0 to count - 1 into `order` [>= count], every order as likely (Fisher & Yates; Durstenfeld 1964), by the draws of `step`."""
    for at in range(count):
        order[at] = at
    for at in range(count - 1, 0, -2):
        # one draw gives two uniforms
        first, second = draws.uniforms(chance, at, step, 7)
        other = place(first, at + 1)
        order[at], order[other] = order[other], order[at]
        if at > 1:
            other = place(second, at)
            order[at - 1], order[other] = order[other], order[at - 1]
