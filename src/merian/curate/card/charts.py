"""The drawings of a data card, as SVG that takes its colours from the page: no library, no tiles, nothing fetched."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["density_map", "lorenz", "rank_abundance", "year_bars"]

Doubles = npt.NDArray[np.float64]
WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 40
POINTS = 240
"""A curve of a million species is drawn through so many of them."""
CELLS = (8, 4, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Sides of the map's cells [deg]; the coarsest that gives at least ACROSS of them is taken."""
ACROSS = 48


def rank_abundance(images: npt.NDArray[np.int64], few: int) -> str:
    """Images of each species against its place in the order of them, both axes logarithmic; the tail of at most `few` is shaded."""
    k = len(images)
    if k < 2:
        return ""
    decades_x, decades_y = max(1, math.ceil(math.log10(k))), max(1, math.ceil(math.log10(max(int(images[0]), 2))))

    def x(rank: float) -> float:
        return LEFT + math.log10(rank) / decades_x * (WIDTH - LEFT - RIGHT)

    def y(count: float) -> float:
        return HEIGHT - BOTTOM - math.log10(count) / decades_y * (HEIGHT - TOP - BOTTOM)

    chosen = np.unique(np.geomspace(1, k, min(k, POINTS)).round().astype(int))
    points = " ".join(f"{x(r):.1f},{y(int(images[r - 1])):.1f}" for r in chosen.tolist())
    parts = []
    first = int(np.searchsorted(-images, -few))  # so many species have more
    if first < k:
        left = x(first + 1)
        parts.append(
            _box(left, y(min(few, 10**decades_y)), x(k) - left, HEIGHT - BOTTOM - y(min(few, 10**decades_y)), "tail")
        )
    for d in range(decades_x + 1):
        parts.append(_tick(x(10**d), HEIGHT - BOTTOM, _short(10**d), "x"))
    for d in range(decades_y + 1):
        parts.append(_line(LEFT, y(10**d), WIDTH - RIGHT, y(10**d), "grid"))
        parts.append(_tick(LEFT, y(10**d), _short(10**d), "y"))
    parts.append(f'<polyline class="curve" points="{points}"/>')
    parts.append(_label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "species, the most photographed first"))
    parts.append(_label(0, 0, "images", f'transform="translate(11 {(HEIGHT - BOTTOM + TOP) / 2:.0f}) rotate(-90)"'))
    words = f"Images of each of {k:,} species, most first: from {int(images[0]):,} down to {int(images[-1]):,}"
    return _svg(WIDTH, HEIGHT, parts, words)


def lorenz(images: npt.NDArray[np.int64], gini: float) -> str:
    """The share of the images that the least photographed share of the species holds; the diagonal would be all alike."""
    k = len(images)
    if k < 2:
        return ""
    up = np.concatenate([[0], np.cumsum(images[::-1])]) / images.sum()
    chosen = np.unique(np.linspace(0, k, min(k + 1, POINTS)).round().astype(int))

    def x(share: float) -> float:
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    points = " ".join(f"{x(i / k):.1f},{y(float(up[i])):.1f}" for i in chosen.tolist())
    parts = [f'<polygon class="area" points="{points} {x(1):.1f},{y(0):.1f}"/>', _line(x(0), y(0), x(1), y(1), "even")]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_tick(x(share), HEIGHT - BOTTOM, f"{share * 100:.0f}", "x"))
        parts.append(_tick(LEFT, y(share), f"{share * 100:.0f}", "y"))
        parts.append(_line(LEFT, y(share), WIDTH - RIGHT, y(share), "grid"))
    parts.append(f'<polyline class="curve" points="{points}"/>')
    parts.append(_label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "species [%], the least photographed first"))
    parts.append(_label(0, 0, "images [%]", f'transform="translate(11 {(HEIGHT - BOTTOM + TOP) / 2:.0f}) rotate(-90)"'))
    return _svg(WIDTH, HEIGHT, parts, f"Lorenz curve of the images over the species; Gini coefficient {gini:.2f}")


def year_bars(counts: Sequence[tuple[int, int]]) -> str:
    """A bar for each year, or for each five or ten when there are many."""
    if not counts:
        return ""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if (counts[-1][0] - counts[0][0]) / s < 60)
    binned: dict[int, int] = dict.fromkeys(range(counts[0][0] // step * step, counts[-1][0] + 1, step), 0)
    for year, n in counts:
        binned[year // step * step] += n
    width, height, high = 2 * WIDTH, 170, max(binned.values())
    slot = (width - LEFT - RIGHT) / max(len(binned), 8)
    floor = height - 26
    parts, last = [_line(LEFT, floor, width - RIGHT, floor, "axis")], -99.0
    for i, (year, n) in enumerate(binned.items()):
        left, tall = LEFT + i * slot, n / high * (floor - TOP)
        name = f"{year}" if step == 1 else f"{year} to {year + step - 1}"
        parts.append(_box(left + slot * 0.12, floor - tall, slot * 0.76, tall, "bar", f"{name}: {n:,} images"))
        if left - last > 60:
            parts.append(_label(left + slot / 2, height - 6, f"{year}"))
            last = left
    parts.append(_tick(LEFT, TOP + 4, _short(high), "y"))
    words = f"Images per {'year' if step == 1 else f'{step} years'}, {counts[0][0]} to {counts[-1][0]}"
    return _svg(width, height, parts, words, "wide")


def density_map(latitude: Doubles, longitude: Doubles) -> tuple[str, str]:
    """(SVG, caption) of how many images lie in each cell of a grid, stronger for more (logarithmic); the part of the world that holds them all.

    Latitudes and longitudes [n] in degrees; those out of range are left out.
    """
    good = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)
    lat, lon = latitude[good], longitude[good]
    if not len(lat):
        return "", ""
    cell, (west, east, south, north) = _frame(lat, lon)
    columns, rows = round((east - west) / cell), round((north - south) / cell)
    i = np.clip(((lon - west) / cell).astype(int), 0, columns - 1)
    j = np.clip(((north - lat) / cell).astype(int), 0, rows - 1)
    counts = np.bincount(j * columns + i, minlength=columns * rows)
    stretch = 1 / max(math.cos(math.radians((south + north) / 2)), 0.2)  # a cell as wide as it is on the ground
    width = 2 * WIDTH
    side = width / columns
    tall = side * (stretch if columns * cell < 90 else 1)
    top = math.log1p(int(counts.max()))
    step = next(
        s for s in (30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001) if (east - west) / s >= 3
    )
    parts = []
    for value in np.arange(math.ceil(west / step), math.floor(east / step) + 1) * step:
        at = (value - west) / cell * side
        parts.append(_line(at, 0, at, rows * tall, "zero" if abs(value) < 1e-9 else "grid"))
    for value in np.arange(math.ceil(south / step), math.floor(north / step) + 1) * step:
        at = (north - value) / cell * tall
        parts.append(_line(0, at, width, at, "zero" if abs(value) < 1e-9 else "grid"))
    for place in np.flatnonzero(counts).tolist():
        row, column = divmod(place, columns)
        n = int(counts[place])
        strength = 0.25 + 0.75 * math.log1p(n) / top
        where = f"{_degrees(north - (row + 0.5) * cell, 'N', 'S')}, {_degrees(west + (column + 0.5) * cell, 'E', 'W')}"
        parts.append(
            f'<rect class="cell" x="{column * side:.1f}" y="{row * tall:.1f}" width="{side:.1f}" height="{tall:.1f}" '
            f'opacity="{strength:.2f}"><title>{where}: {n:,} images</title></rect>'
        )
    words = (
        f"{_degrees(south, 'N', 'S')} to {_degrees(north, 'N', 'S')}, {_degrees(west, 'E', 'W')} to {_degrees(east, 'E', 'W')}; cells of {cell:g}°, "
        f"lines every {step:g}°, stronger for more images (at most {int(counts.max()):,} in a cell)"
    )
    return _svg(width, rows * tall, parts, "Where the images were taken: " + words, "wide map"), words


def _frame(lat: Doubles, lon: Doubles) -> tuple[float, tuple[float, float, float, float]]:
    """The side of a cell and the bounds (west, east, south, north) of the map: the whole world when the images span a third of it."""
    spans = float(lon.max() - lon.min()), float(lat.max() - lat.min())
    if spans[0] > 120 or spans[1] > 80:
        return 4.0, (-180.0, 180.0, -90.0, 90.0)
    span = max(spans[0], 2 * spans[1], 0.02) * 1.1
    cell = next((c for c in CELLS if span / c >= ACROSS), CELLS[-1])
    wide, high = math.ceil(span / cell), math.ceil(max(spans[1] * 1.1, span / 2.4) / cell)
    west = math.floor(((lon.min() + lon.max()) / 2 - wide * cell / 2) / cell) * cell
    south = math.floor(((lat.min() + lat.max()) / 2 - high * cell / 2) / cell) * cell
    return cell, (west, west + (wide + 1) * cell, south, south + (high + 1) * cell)


def _degrees(value: float, above: str, below: str) -> str:
    text = f"{abs(value):.3f}".rstrip("0").rstrip(".")
    return f"{text}°" + (above if value > 0 else below if value < 0 else "")


def _short(n: int) -> str:
    """1, 10, 100, 1k, 10k, 1M"""
    for size, mark in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.3g}{mark}"
    return str(n)


def _svg(width: float, height: float, parts: Sequence[str], words: str, kind: str = "") -> str:
    body = "".join(parts)
    return (
        f'<svg class="chart {kind}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{words}">{body}</svg>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _box(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    inside = f"<title>{title}</title>" if title else ""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}">{inside}</rect>'


def _tick(x: float, y: float, text: str, axis: str) -> str:
    if axis == "x":
        return _line(x, y, x, y + 4, "axis") + _label(x, y + 16, text)
    return f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'


def _label(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" {more}>{text}</text>'
