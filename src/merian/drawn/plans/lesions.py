"""Disease on a surface: each kind looks its own way, and covers the asked share of the surface."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from merian.drawn.pigment import Pigment

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Path

__all__ = ["infect"]

CELLS = 240
"""Places on the surface that fall ill one after the other; the finer, the truer the covered share."""


def _places(path: Path, seed: int) -> list[tuple[float, float]]:
    """About `CELLS` places spread evenly inside the path, in an order fixed by the seed, and so that those of a lower severity come first."""
    box = path.getBounds()
    rng = np.random.default_rng((seed, 17))
    side = math.sqrt(max(box.width() * box.height(), 1e-6) * 0.55 / CELLS)
    columns, rows = int(box.width() / side) + 1, int(box.height() / side) + 1
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) + rng.uniform(
        0.1, 0.9, (columns * rows, 2)
    )
    points = (grid * side + (box.left(), box.top())).tolist()
    inside = [(x, y) for x, y in points if path.contains(x, y)]
    rng.shuffle(inside)
    return inside


def infect(ink: Ink, path: Path, kind: str, severity: float, seed: int) -> None:
    """Draw lesions of `kind` over about `severity` (0 to 1) of the surface inside `path`; more severity adds to the same lesions."""
    if not kind or severity <= 0:
        return
    places = _places(path, seed)
    if not places:
        return
    box = path.getBounds()
    cell = math.sqrt(0.55 * box.width() * box.height() / CELLS)
    count = max(1, round(min(1.0, severity) * len(places)))
    rng = np.random.default_rng((seed, 19))
    with ink.clip(path):
        if kind == "rust":
            _rust(ink, places, count, cell, rng)
        elif kind == "blight":
            _blight(ink, places, count, cell, rng)
        elif kind == "scab":
            _scab(ink, places, count, cell, rng)
        elif kind == "mosaic":
            _mosaic(ink, places, count, cell, rng)
        else:
            _mildew(ink, places, count, cell, rng)


Places = Sequence[tuple[float, float]]


def _rust(ink: Ink, places: Places, count: int, cell: float, rng: np.random.Generator) -> None:
    """Many small orange pustules, each in a yellow halo."""
    grow = rng.uniform(0.75, 1.2, len(places)).tolist()
    ill = list(zip(places, grow, strict=True))[:count]
    ink.dots([(x, y, cell * 0.6 * g) for (x, y), g in ill], Pigment(0.82, 0.14, 95.0).argb(0.72))
    ink.dots([(x, y, cell * 0.36 * g) for (x, y), g in ill], Pigment(0.5, 0.15, 45.0).argb())
    ink.dots(
        [(x - cell * 0.08, y - cell * 0.1, cell * 0.17 * g) for (x, y), g in ill], Pigment(0.68, 0.17, 55.0).argb()
    )


def _near(places: Places, seeds: Places) -> list[tuple[float, float]]:
    """The places sorted by their distance to the nearest of `seeds`."""
    array, roots = np.asarray(places), np.asarray(seeds)
    distance = np.hypot(*(array[:, None] - roots[None]).transpose(2, 0, 1)).min(1)
    return [places[i] for i in np.argsort(distance, kind="stable")]


def _blight(ink: Ink, places: Places, count: int, cell: float, rng: np.random.Generator) -> None:
    """A few large dead areas that grow from their edges: yellow front, brown field, grey heart with rings."""
    roots = places[:3]
    ill = _near(places, roots)[:count]
    grow = rng.uniform(0.85, 1.15, count).tolist()
    ink.dots(
        [(x, y, cell * 0.98 * g) for (x, y), g in zip(ill, grow, strict=True)], Pigment(0.78, 0.11, 98.0).argb(0.8)
    )
    ink.dots([(x, y, cell * 0.8 * g) for (x, y), g in zip(ill, grow, strict=True)], Pigment(0.4, 0.06, 60.0).argb())
    heart = ill[: count // 2]
    ink.dots(
        [(x, y, cell * 0.62 * g) for (x, y), g in zip(heart, grow, strict=False)], Pigment(0.58, 0.045, 72.0).argb(0.8)
    )
    reach = cell * math.sqrt(count)
    for x, y in roots:
        for k in range(1, 4):
            ink.line(ink.oval(x, y, reach * 0.13 * k), Pigment(0.26, 0.04, 50.0).argb(0.4), cell * 0.12)


def _scab(ink: Ink, places: Places, count: int, cell: float, rng: np.random.Generator) -> None:
    """Olive-black, rough-edged blotches of middle size."""
    centres = places[: max(2, len(places) // 9)]
    ill = _near(places, centres)[:count]
    grow = rng.uniform(0.7, 1.1, count).tolist()
    ink.dots(
        [(x, y, cell * 0.8 * g) for (x, y), g in zip(ill, grow, strict=True)], Pigment(0.36, 0.035, 105.0).argb(0.9)
    )
    ink.dots(
        [(x + cell * 0.1, y + cell * 0.1, cell * 0.5 * g) for (x, y), g in zip(ill, grow, strict=True)],
        Pigment(0.2, 0.02, 90.0).argb(),
    )
    ink.dots([(x - cell * 0.16, y - cell * 0.18, cell * 0.12) for x, y in ill], Pigment(0.62, 0.04, 95.0).argb(0.7))


def _mosaic(ink: Ink, places: Places, count: int, cell: float, rng: np.random.Generator) -> None:
    """Angular pale-yellow patches between the veins."""
    for x, y in places[:count]:
        turn = rng.uniform(-0.35, 0.35)
        size = cell * rng.uniform(0.5, 0.8, 5)
        corners = [
            (x + float(s) * math.cos(turn + k * 2 * math.pi / 5), y + float(s) * math.sin(turn + k * 2 * math.pi / 5))
            for k, s in enumerate(size)
        ]
        ink.fill(ink.poly(corners), Pigment(0.86, 0.1, 108.0).argb(0.82))


def _mildew(ink: Ink, places: Places, count: int, cell: float, rng: np.random.Generator) -> None:
    """A white powder in round colonies."""
    ill = _near(places, places[: max(2, len(places) // 14)])[:count]
    grow = rng.uniform(0.8, 1.1, count).tolist()
    colony = ink.nothing()
    for (x, y), g in zip(ill, grow, strict=True):
        colony.addCircle(x, y, cell * 0.72 * g)
    ink.soft(colony, Pigment(0.95, 0.012, 95.0).argb(0.85), cell * 0.3)
    specks = rng.normal(0, 0.45 * cell, (count, 2)).tolist()
    ink.dots(
        [(x + u, y + v, cell * 0.12) for (x, y), (u, v) in zip(ill, specks, strict=True)],
        Pigment(0.99, 0.004, 95.0).argb(0.9),
    )
