"""The level of detail of each point of a map: what is seen from far is thinned evenly, so that no frame draws points on top of each other.

A level's grid has cells half as wide as the one before. A point's level is the first on whose grid it stands for its cell, chosen by chance among the cell's
points; those of the levels up to L together are then one for each cell of grid L that holds a point. The idea is that of nested subsampling of point clouds
(Schuetz 2016, "Potree: rendering large point clouds in web browsers", section 3.2).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream

__all__ = ["ACROSS", "LEVELS", "levels", "morton", "order"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ACROSS = 64
"""Cells across the grid of level 0. From taste: at 5 px each they span a map that is shown whole on a small page."""
LEVELS = 10
"""Grids, the last of them 32,768 cells across; points that share even its cells are of one more level."""


def levels(points: Doubles) -> npt.NDArray[np.uint8]:
    """The level of each point [n, 2] between -1 and 1: [n], at most LEVELS."""
    n = len(points)
    shuffled = stream(0, "web", "sieve").permutation(n)
    found = np.full(n, LEVELS, np.uint8)
    # in the order in which points are preferred: those of former levels first
    ahead = np.zeros(0, np.int64)
    rest = shuffled
    for level in range(LEVELS):
        if not len(rest):
            break
        asked = np.concatenate([ahead, rest])
        _, first = np.unique(_cells(points[asked], ACROSS << level), return_index=True)
        new = asked[np.sort(first[first >= len(ahead)])]
        found[new] = level
        ahead = np.concatenate([ahead, new])
        rest = rest[found[rest] == LEVELS]
    return found


def order(points: Doubles) -> tuple[Ints, Ints]:
    """The points' rows by level, and within a level along a curve that keeps neighbours together: [n]; and where each level ends: [LEVELS + 1]."""
    level = levels(points)
    rows = np.lexsort((morton(points), level))
    return rows, np.searchsorted(level[rows], np.arange(LEVELS + 1), side="right")


def morton(points: Doubles) -> npt.NDArray[np.uint32]:
    """The place of each point [n, 2] between -1 and 1 on the Z-order curve through 65,536 x 65,536 cells (Morton 1966): [n]."""
    cells = np.clip((points + 1) * 32768, 0, 65535).astype(np.uint32)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        cells = (cells | (cells << np.uint32(shift))) & np.uint32(mask)
    return np.asarray(cells[:, 0] | (cells[:, 1] << np.uint32(1)))


def _cells(points: Doubles, across: int) -> Ints:
    at = np.clip(((points + 1) / 2 * across).astype(np.int64), 0, across - 1)
    return np.asarray(at[:, 1] * across + at[:, 0])
