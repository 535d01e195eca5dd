"""A random order anew at each step, places in a list from uniforms, and room to draw for many agents at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.twin import draws
from merian.twin.compiled import compiled

__all__ = ["AHEAD", "MANY", "NEAR", "place", "room", "shuffle"]

Order = npt.NDArray[np.int64]
Turns = npt.NDArray[np.int32]
"""Who acts when."""
Room = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.float64]]
"""Who draws [MANY], the words drawn [4, MANY] and the uniforms [2, MANY]."""
MANY = 256
"""For how many is drawn at once: what that takes stays in the nearest cache."""
NEAR, AHEAD = 12, 24
"""So many turns ahead what an agent will see, and the agent itself, are fetched from memory: of some 100 ns that this takes a turn has less than a tenth."""


@compiled
def place(uniform: float, count: int) -> int:
    """One of `count` places, all as likely, from a uniform in [0, 1)."""
    return int(uniform * count)


@compiled
def room() -> Room:
    """Room for `draws.pairs` of MANY agents."""
    return np.empty(MANY, np.int64), np.empty((4, MANY), np.uint32), np.empty((2, MANY))


@compiled
def shuffle(order: Turns, count: int, chance: draws.Key, step: int) -> None:
    """Put 0 to count - 1 into `order` [>= count], every order as likely (Fisher & Yates; Durstenfeld 1964), by the draws of `step`."""
    for at in range(count):
        order[at] = at
    who, words, uniforms = room()
    last = count - 1
    while last > 0:
        # one draw gives two uniforms
        many = min(MANY, (last + 1) // 2)
        for at in range(many):
            who[at] = last - 2 * at
        draws.pairs(chance, who[:many], step, 7, words, uniforms)
        for at in range(many):
            here = last - 2 * at
            other = place(uniforms[0, at], here + 1)
            order[here], order[other] = order[other], order[here]
            if here > 1:
                other = place(uniforms[1, at], here)
                order[here - 1], order[other] = order[other], order[here - 1]
        last -= 2 * many
