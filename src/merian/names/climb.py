"""Parents by row number into accepted names and lineages: whole columns at a time, whatever loops a file holds."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from merian.core.tree import RANKS

__all__ = ["CYCLE", "LOST", "ROOT", "ends", "follow", "paths"]

ROOT, LOST, CYCLE = -1, -2, -3
"""Where a way up ends: at a root, at a parent that is not there, never."""
DOUBLINGS = 10
"""2**10 steps: the longest chain of the Catalogue of Life has about 40, so whatever is still under way then goes round in a circle."""
Rows = npt.NDArray[np.int32]


def follow(target: Rows) -> tuple[Rows, Rows]:
    """Where the way over `target` [n] (a row, itself when it stays, or LOST) comes to rest, and how many steps it took: int32 [n] each.

    A way that never rests ends in CYCLE. O(n log depth): each round doubles the steps.
    """
    at = np.arange(len(target), dtype=np.int32)
    steps = (target != at).astype(np.int32)
    jump = target.astype(np.int32, copy=True)
    for _ in range(DOUBLINGS):
        live = np.flatnonzero(jump >= 0)
        onward = jump[jump[live]]
        if np.array_equal(onward, jump[live]):
            break
        steps[live] += steps[jump[live]]
        jump[live] = onward
    live = np.flatnonzero(jump >= 0)
    # a circle of two steps comes back to where it began, and does not rest there
    jump[live[target[jump[live]] != jump[live]]] = CYCLE
    return jump, steps


def ends(up: Rows) -> tuple[npt.NDArray[np.int8], Rows]:
    """For each row with the parents `up` [n] (a row, ROOT or LOST): where its way up ends (ROOT, LOST or CYCLE) and its depth."""
    at = np.arange(len(up), dtype=np.int32)
    rest, depth = follow(np.where(up == ROOT, at, up).astype(np.int32))
    return np.where(rest >= 0, ROOT, rest).astype(np.int8), depth


def paths(
    up: Rows, own: npt.NDArray[np.int8], depth: Rows, rows: npt.NDArray[np.intp]
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """The row of the ancestor at each rank, or of the row itself: int32 [n, 7], -1 where there is none; and which rows stand below a lower rank.

    own [n]: the number of a row's rank, -1 for none of the seven. Only `rows` are looked at; their parents must be among them.
    """
    table = np.full((len(up), len(RANKS)), -1, np.int32)
    wrong = np.zeros(len(up), bool)
    order = rows[np.argsort(depth[rows], kind="stable")]
    bounds = np.flatnonzero(np.diff(depth[order], prepend=-1, append=np.iinfo(np.int32).max))
    for first, last in itertools.pairwise(bounds):
        level = order[first:last]
        above = up[level]
        inner = above >= 0
        table[level[inner]] = table[above[inner]]
        ranked = level[own[level] >= 0]
        mine = own[ranked]
        lower = (table[ranked] >= 0) & (np.arange(len(RANKS)) > mine[:, None])
        bad = lower.any(1)
        wrong[ranked[bad]] = True
        good = ranked[~bad]
        table[good, own[good]] = good
    return table, wrong
