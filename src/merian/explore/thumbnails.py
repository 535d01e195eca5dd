"""Thumbnails of images: which of a layout's points get one, and sheets of many in one JPEG."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData

__all__ = ["LONG", "Sheets", "barred", "chosen", "far_apart", "sheets", "spread", "square"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Pixels = npt.NDArray[np.uint8]
ACROSS = 24
"""Thumbnails in a row of a sheet, and rows of a full sheet."""
LONG = 1.5
"""Times as long as wide from which an image is shown whole: a square cut from a fish or a long leaf is no picture of it. A matter of taste."""
FINEST = 4096
"""Cells across the finest grid that thumbnails are spread by: points that lie on each other never part."""


@dataclass(frozen=True, eq=False)
class Sheets:
    """Thumbnails of some rows of a table: JPEG sheets of `across` by `across` squares of `side` pixels, filled row by row; rows [m] says whose each is."""

    images: tuple[bytes, ...]
    rows: Ints
    side: int
    across: int = ACROSS

    def links(self) -> list[str]:
        """Each sheet as a data URI."""
        return ["data:image/jpeg;base64," + base64.b64encode(image).decode() for image in self.images]


def spread(xy: Doubles, across: int) -> tuple[Ints, Ints]:
    """Points of a layout [n, 2] that get a thumbnail, and their cells of a grid of `across` by `across` over it: rows [m], (column, line) [m, 2].

    In each cell that holds a point it is the point nearest to the middle, so that no two thumbnails overlap and none stands where there is nothing. Lines
    count from the bottom. Raises BadData for places that are not numbers.
    """
    if not np.isfinite(xy).all():
        raise BadData("layout", "places must be numbers", np.flatnonzero(~np.isfinite(xy).all(1))[:10].tolist())
    if not len(xy):
        return np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    low, high = xy.min(0), xy.max(0)
    size = 1.08 * max(float((high - low).max()), 1e-6) / across
    origin = (low + high) / 2 - across * size / 2
    cells = np.clip(((xy - origin) / size).astype(np.int64), 0, across - 1)
    off = (((xy - origin) / size - cells - 0.5) ** 2).sum(1)
    order = np.lexsort((np.arange(len(xy)), off, cells[:, 0], cells[:, 1]))
    number = (cells[:, 1] * across + cells[:, 0])[order]
    rows = order[np.flatnonzero(np.diff(number, prepend=-1))]
    return rows, cells[rows]


def chosen(xy: Doubles, most: int) -> Ints:
    """Rows of a layout [n, 2] that get one of at most so many thumbnails: all, or one in each cell of the finest grid with so few cells that hold a point."""
    if most < 1 or len(xy) <= most:
        return np.arange(len(xy) if most >= 1 else 0)
    few, many = 1, 2  # across: so many lines have few enough cells, so many have too many
    while len(spread(xy, many)[0]) <= most and many < FINEST:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (middle, many) if len(spread(xy, middle)[0]) <= most else (few, middle)
    return np.sort(spread(xy, few)[0])


def far_apart(xy: Doubles) -> tuple[Ints, Doubles]:
    """An order of points [m, 2] in which each is the one farthest from all before it, and how far: [m] each.

    The greedy permutation (Gonzalez 1985, Theoretical Computer Science 38:293) by the greater of both differences, so that of squares of a side drawn in this
    order none touches another while the distance is above the side. It begins nearest to the middle, with an infinite distance.
    """
    m = len(xy)
    order, gaps = np.zeros(m, np.int64), np.full(m, np.inf)
    if not m:
        return order, gaps
    left = np.full(m, np.inf)
    at = int(((xy - (xy.min(0) + xy.max(0)) / 2) ** 2).sum(1).argmin())
    for k in range(m):
        order[k], gaps[k] = at, left[at]
        left = np.minimum(left, np.abs(xy - xy[at]).max(1))
        left[at] = -1  # done
        at = int(left.argmax())
    return order, gaps


def square(image: Pixels, side: int) -> Pixels:
    """The middle square of an image [h, w, 3], scaled to `side` pixels: [side, side, 3]. Raises BadData for any other shape."""
    from PIL import Image

    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape or image.dtype != np.uint8:
        raise BadData("thumbnail", f"an image must be [h, w, 3] of bytes, not {image.shape} of {image.dtype}")
    short = min(image.shape[:2])
    top, left = ((length - short) // 2 for length in image.shape[:2])
    cut = Image.fromarray(np.ascontiguousarray(image[top : top + short, left : left + short]))
    return np.asarray(cut.resize((side, side), Image.Resampling.LANCZOS))


def barred(squashed: Pixels, width: float, height: float) -> Pixels:
    """A whole image that was squashed to a square [s, s, 3], in its own proportions again, between bars of the median colour of its border: [s, s, 3]."""
    from PIL import Image

    side = len(squashed)
    wide, high = (max(1, round(side * length / max(width, height))) for length in (width, height))
    border = np.concatenate([squashed[0], squashed[-1], squashed[:, 0], squashed[:, -1]])
    found = np.broadcast_to(np.median(border, axis=0).astype(np.uint8), squashed.shape).copy()
    left, top = (side - wide) // 2, (side - high) // 2
    image = Image.fromarray(squashed).resize((wide, high), Image.Resampling.LANCZOS)
    found[top : top + high, left : left + wide] = np.asarray(image)
    return found


def sheets(images: Iterable[tuple[int, Pixels]], side: int = 56, quality: int = 72) -> Sheets:
    """Sheets of the thumbnails of images [h, w, 3], each with the row of the table that it belongs to, in the order they come.

    Only one sheet is held in memory as pixels. Raises BadData for a row that comes twice.
    """
    rows: list[int] = []
    done: list[bytes] = []
    sheet = np.zeros((ACROSS * side, ACROSS * side, 3), np.uint8)
    full = ACROSS * ACROSS
    for row, image in images:
        place = len(rows) % full
        if place == 0 and rows:
            done.append(_jpeg(sheet, quality))
        top, left = (place // ACROSS) * side, (place % ACROSS) * side
        sheet[top : top + side, left : left + side] = square(image, side)
        rows.append(row)
    if rows:
        used = -(-((len(rows) - 1) % full + 1) // ACROSS)
        done.append(_jpeg(sheet[: used * side], quality))
    different, counts = np.unique(rows, return_counts=True)
    if len(different) < len(rows):
        raise BadData("thumbnails", "a row has more than one", different[counts > 1].tolist())
    return Sheets(tuple(done), np.array(rows, np.int64), side)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
