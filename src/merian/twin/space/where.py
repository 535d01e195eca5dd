"""Places on a map: zones, the edges that a line crosses, strips along it, the order in which cells are lost, and into how many pieces what is left falls.

Points are (x, y) as shares of the map's width and height from its north-west corner; cells are [y, x], row 0 the northernmost.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.twin.foodweb import Doubles
from merian.twin.grid.moving import Gates
from merian.twin.landscape import Frame, Landscape

__all__ = ["Mask", "Points", "coarser", "cropped", "crossed", "loss_order", "pieces", "placed", "pointed", "strip"]

Mask = npt.NDArray[np.bool_]
Points = Sequence[tuple[float, float]]
NEAR = 0.75
"""Half the width of the narrowest strip, in cells: from the root of one half on its cells hang together by their edges."""
ASIDE = (0.618e-7, 0.382e-7)
"""How far aside a line is drawn, in shares of the map, so that it passes through no centre of a cell."""
ROUGH = 1.5
"""Power with which the amplitude of the noise of clumps falls with frequency (as of the heights of a generated landscape)."""


def _centres(rows: int, columns: int) -> tuple[Doubles, Doubles]:
    """x and y of the cells' centres, as shares: [rows, columns] each."""
    y, x = np.mgrid[:rows, :columns]
    return (x + 0.5) / columns, (y + 0.5) / rows


def placed(frame: Frame, corners: Points) -> Mask:
    """The cells whose centre lies in the zone of these corners, all of them for none: bool [y, x] (a ray to the east passes its sides an odd number of times).

    Raises BadSetting when it holds none.
    """
    x, y = _centres(frame.rows, frame.columns)
    inside = np.zeros(x.shape, bool)
    for (x1, y1), (x2, y2) in pairwise([*corners, *corners[:1]]):
        if y1 != y2:
            inside ^= ((y1 > y) != (y2 > y)) & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    if not corners:
        inside[:] = True
    if not inside.any():
        raise BadSetting("within, area", tuple(corners), f"holds no cell of the map of {frame.rows} x {frame.columns}")
    return inside


def pointed(frame: Frame, points: Points) -> Mask:
    """The cells in which points lie: bool [y, x]."""
    found = np.zeros((frame.rows, frame.columns), bool)
    for x, y in points:
        found[min(int(y * frame.rows), frame.rows - 1), min(int(x * frame.columns), frame.columns - 1)] = True
    return found


def strip(frame: Frame, points: Points, width: float) -> Mask:
    """The cells whose centre lies within half of `width` (in the units of the frame's cell; at least three quarters of a cell) of a line: bool [y, x]."""
    x, y = _centres(frame.rows, frame.columns)
    x, y = x * frame.columns, y * frame.rows
    found = np.zeros(x.shape, bool)
    for (x1, y1), (x2, y2) in pairwise(points):
        ax, ay = x1 * frame.columns, y1 * frame.rows
        dx, dy = x2 * frame.columns - ax, y2 * frame.rows - ay
        along = ((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-12)
        along = np.clip(along, 0.0, 1.0)
        far = np.hypot(x - ax - along * dx, y - ay - along * dy)
        found |= far <= max(width / 2 / frame.cell, NEAR)
    return found


def crossed(frame: Frame, points: Points) -> tuple[Mask, Mask]:
    """The edges that a line passes: those to the cell right of each [y, x - 1], and to the one below [y - 1, x].

    An edge is passed when the line between the centres of its two cells is: so a line that parts the map leaves no way round, however it lies.
    """
    x, y = _centres(frame.rows, frame.columns)
    east = np.zeros((frame.rows, frame.columns - 1), bool)
    south = np.zeros((frame.rows - 1, frame.columns), bool)
    for begin, end in pairwise([(x + ASIDE[0], y + ASIDE[1]) for x, y in points]):
        for found, a, b in (
            (east, (x[:, :-1], y[:, :-1]), (x[:, 1:], y[:, 1:])),
            (south, (x[:-1], y[:-1]), (x[1:], y[1:])),
        ):
            apart = _side(begin, end, a) != _side(begin, end, b)
            found ^= apart & (_beside(a, b, begin) != _beside(a, b, end))
    return east, south


def _side(begin: tuple[float, float], end: tuple[float, float], at: tuple[Doubles, Doubles]) -> Mask:
    """On which side of a line points lie; those on it count to one side."""
    return np.asarray((end[0] - begin[0]) * (at[1] - begin[1]) - (end[1] - begin[1]) * (at[0] - begin[0]) >= 0)


def _beside(a: tuple[Doubles, Doubles], b: tuple[Doubles, Doubles], point: tuple[float, float]) -> Mask:
    """On which side of the lines from `a` to `b` a point lies."""
    return np.asarray((b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]) >= 0)


def loss_order(land: Mask, pattern: str, seed: int, name: str) -> Doubles:
    """The share of the land at whose loss each cell is lost, in (0, 1), infinite where there is no land: float64 [y, x].

    pattern: "random" (each cell by chance), "clustered" (in clumps: where smooth noise is lowest) or "edge" (from the edge of the map and the shore inwards).
    Loss goes on in this order, so that more of it takes the same cells and others.
    """
    rng = stream(seed, "habitat", name)
    chance = rng.random(land.shape)
    if pattern == "random":
        first = chance
    elif pattern == "clustered":
        wave = np.hypot(np.fft.fftfreq(land.shape[0])[:, None], np.fft.rfftfreq(land.shape[1])[None, :])
        wave[0, 0] = np.inf
        first = np.fft.irfft2(np.fft.rfft2(chance) * wave**-ROUGH, s=land.shape)
    elif pattern == "edge":
        first = _depth(land) + chance
    else:
        raise BadSetting("pattern", pattern, "is random, clustered or edge")
    order = np.full(land.shape, np.inf)
    cells = np.flatnonzero(land)
    ranked = cells[np.argsort(first.ravel()[cells], kind="stable")]
    order.ravel()[ranked] = (np.arange(len(ranked)) + 0.5) / len(ranked)
    return order


def _depth(land: Mask) -> Doubles:
    """How many steps over edges each cell of the land lies from what is no land: [y, x]."""
    inside, depth = np.pad(land, 1), np.zeros((land.shape[0] + 2, land.shape[1] + 2))
    while inside.any():
        depth += inside
        inside[1:-1, 1:-1] &= inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return depth[1:-1, 1:-1]


def pieces(kept: Mask, gates: Gates) -> npt.NDArray[np.int64]:
    """The sizes in cells of the pieces into which cells fall that hang together by edges that are at all open, the largest first: int64 [p]."""
    label = np.where(kept, np.arange(kept.size).reshape(kept.shape), kept.size)
    east = kept[:, :-1] & kept[:, 1:] & (gates.east > 0)
    south = kept[:-1] & kept[1:] & (gates.south > 0)
    while True:
        before = label.copy()
        for joined, a, b in ((east, np.s_[:, :-1], np.s_[:, 1:]), (south, np.s_[:-1], np.s_[1:])):
            least = np.where(joined, np.minimum(label[a], label[b]), 0)
            label[a] = np.where(joined, least, label[a])
            label[b] = np.where(joined, np.minimum(label[b], least), label[b])
        if (label == before).all():
            break
    return np.sort(np.unique(label[kept], return_counts=True)[1])[::-1]


def coarser(landscape: Landscape, rows: int) -> Landscape:
    """The same land in cells a whole number of times as wide, so that it has at most so many rows and columns; what does not fill a cell at the south and east
    is cut off.

    Elevation, rain and trees are means (elevation and rain of the land in a cell, which is land when half of it is); water is there when it is anywhere;
    an edge is fenced when half of it is.
    """
    frame = landscape.frame
    factor = -(-max(frame.rows, frame.columns) // rows)
    if factor == 1:
        return landscape
    down, across = frame.rows // factor, frame.columns // factor
    if down == 0 or across == 0:
        raise BadSetting("rows", rows, f"the landscape is {frame.rows} x {frame.columns} cells: too narrow for so few")

    def blocks(values: Doubles) -> Doubles:
        cut = values[..., : down * factor, : across * factor]
        parts = cut.reshape(*cut.shape[:-2], down, factor, across, factor)
        return np.asarray(np.moveaxis(parts, -3, -2).reshape(*parts.shape[:-4], down, across, factor * factor))

    layers, land = landscape.layers, blocks(landscape.land.astype(float))
    dry = land.mean(-1) >= 0.5
    weight = np.where(land.sum(-1) > 0, land.sum(-1), 1.0)

    def mean(values: Doubles) -> Doubles:
        return np.asarray((blocks(values) * land).sum(-1) / weight)

    made = {
        "elevation": np.where(dry, mean(layers["elevation"]), -1.0),
        "water": (blocks(layers["water"]) * land).max(-1),
        "rain": mean(layers["rain"]),
        "trees": mean(layers["trees"]),
        "fences": _fenced(layers["fences"], factor, down, across),
    }
    south = frame.south + (frame.rows - down * factor) * frame.cell
    return Landscape(Frame(down, across, frame.cell * factor, frame.west, south, frame.crs), made)


def _fenced(fences: Doubles, factor: int, down: int, across: int) -> Doubles:
    """The edges of wider cells of which half or more is fenced, as bits."""
    bits = fences[: down * factor, : across * factor].astype(np.int64).reshape(down, factor, across, factor)
    sides = ((1, bits[:, 0]), (4, bits[:, -1])), ((2, bits[:, :, :, -1]), (8, bits[:, :, :, 0]))
    found = np.zeros((down, across))
    for bit, edge in sides[0]:
        found += bit * (((edge & bit) > 0).mean(-1) >= 0.5)
    for bit, edge in sides[1]:
        found += bit * (((edge & bit) > 0).mean(1) >= 0.5)
    return found


def cropped(landscape: Landscape, wide: float) -> Landscape:
    """A window of about this width (in the units of the frame's cell) with land and water in it, the one nearest to the middle of the landscape."""
    frame = landscape.frame
    down, across = (min(max(round(wide / frame.cell), 1), n) for n in (frame.rows, frame.columns))
    wet = landscape.land & (landscape.layers["water"] > 0)
    places = []
    for y in range(frame.rows - down + 1):
        for x in range(frame.columns - across + 1):
            far = (y + down / 2 - frame.rows / 2) ** 2 + (x + across / 2 - frame.columns / 2) ** 2
            places.append((far, y, x))
    for _, y, x in sorted(places):
        part = np.s_[..., y : y + down, x : x + across]
        if wet[part].any():
            south = frame.south + (frame.rows - y - down) * frame.cell
            inside = Frame(down, across, frame.cell, frame.west + x * frame.cell, south, frame.crs)
            return Landscape(inside, {name: values[part].copy() for name, values in landscape.layers.items()})
    raise BadSetting("window_km", wide / 1000, "no window of this width holds land and water")
