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
CURVE = 16
"""Bits of x, and of y, on the curve: its cells are half as wide as those of the last grid."""


def levels(points: Doubles) -> npt.NDArray[np.uint8]:
    """The level of each point [n, 2] between -1 and 1: [n], at most LEVELS."""
    along = np.argsort(codes := morton(points), kind="stable")
    found = np.empty(len(points), np.uint8)
    found[along] = _sieved(codes[along], along)
    return found


def order(points: Doubles) -> tuple[Ints, Ints]:
    """The points' rows by level, and within a level along a curve that keeps neighbours together: [n]; and where each level ends: [LEVELS + 1]."""
    along = np.argsort(codes := morton(points), kind="stable")
    level = _sieved(codes[along], along)
    by_level = np.argsort(level, kind="stable")
    return along[by_level], np.searchsorted(level[by_level], np.arange(LEVELS + 1), side="right")


def _sieved(codes: npt.NDArray[np.uint32], rows: Ints) -> npt.NDArray[np.uint8]:
    """The level of each point along the curve, from its place there [n] and its row [n], which has a rank by chance: [n].

    The first of a cell by rank is the first of that of its quarters in which it lies too, so who stands for a cell does so on all finer grids. A cell of any
    grid is a stretch of the curve, so one pass over the sorted points does for a level.
    """
    rank = np.argsort(stream(0, "web", "sieve").permutation(len(rows))).astype(np.int32)[rows]
    found = np.full(len(rows), LEVELS, np.uint8)
    for level in reversed(range(LEVELS)):
        if not len(rows):
            break
        cells = codes >> np.uint32(2 * (CURVE - (ACROSS << level).bit_length() + 1))
        starts = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]]))
        least = np.minimum.reduceat(rank, starts)
        found[np.repeat(least, np.diff(starts, append=len(rows))) == rank] = level
    return found


def morton(points: Doubles) -> npt.NDArray[np.uint32]:
    """The place of each point [n, 2] between -1 and 1 on the Z-order curve through 65,536 x 65,536 cells (Morton 1966): [n]."""
    cells = np.clip((points + 1) * 32768, 0, 65535).astype(np.uint32)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        cells = (cells | (cells << np.uint32(shift))) & np.uint32(mask)
    return np.asarray(cells[:, 0] | (cells[:, 1] << np.uint32(1)))
