"""The caterpillar and the chrysalis of a butterfly, each on a twig."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from merian.drawn.organism import Organism
from merian.drawn.pigment import INK, Pigment

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Point

__all__ = ["larva", "pupa"]


def _twig(ink: Ink, points: list[Point], thick: float) -> None:
    bark = Pigment(0.45, 0.045, 62.0)
    ink.fill(ink.ribbon(points, [thick, thick * 0.86, thick * 0.7]), bark.argb())
    ink.fill(
        ink.ribbon([(x, y - thick * 0.22) for x, y in points], [thick * 0.3, thick * 0.26, thick * 0.2]),
        bark.tone(0.16).argb(0.8),
    )
    ink.line(ink.curve([(x, y + thick * 0.42) for x, y in points], False), bark.tone(-0.2).argb(0.8), thick * 0.14)


def _leaflet(ink: Ink, root: Point, angle: float, length: float) -> None:
    green = Pigment(0.52, 0.085, 128.0)
    with ink.at(root[0], root[1], angle, length):
        blade = ink.curve([(0, 0), (0.35, -0.2), (0.75, -0.14), (1.0, 0.02), (0.7, 0.2), (0.3, 0.18)])
        ink.wash(blade, (0, -0.2), (0, 0.2), [green.tone(0.12).argb(), green.argb(), green.tone(-0.12).argb()])
        veins = [(f, 0.0, f + 0.2, s * 0.16) for f in (0.15, 0.35, 0.55, 0.72) for s in (-1, 1)]
        ink.hatch([(0, 0, 0.97, 0.02), *veins], green.tone(0.2).argb(0.6), 0.016)
        ink.line(blade, green.tone(-0.2).argb(0.6), 0.014)


def _segment(ink: Ink, pattern: str, place: tuple[float, float, float], mark: Pigment) -> None:
    """The marks on one segment of the caterpillar."""
    x, y, r = place
    if pattern == "rings":
        ink.line(
            ink.curve([(x - r * 0.1, y - r), (x + r * 0.05, y), (x - r * 0.1, y + r)], False),
            INK.argb(0.9),
            r * 0.32,
        )
        ink.line(
            ink.curve([(x + r * 0.2, y - r), (x + r * 0.35, y), (x + r * 0.2, y + r)], False),
            mark.argb(),
            r * 0.16,
        )
    elif pattern == "lines":
        ink.hatch([(x - r, y - r * 0.1, x + r, y - r * 0.1)], Pigment(0.93, 0.06, 95.0).argb(0.9), r * 0.2)
        ink.hatch([(x - r, y + r * 0.32, x + r, y + r * 0.32)], mark.tone(-0.2).argb(0.9), r * 0.16)
    else:
        ink.dots([(x, y - r * 0.25, r * 0.27)], INK.argb(0.85))
        ink.dots([(x, y - r * 0.25, r * 0.15), (x, y + r * 0.45, r * 0.14)], mark.argb())


def larva(ink: Ink, organism: Organism) -> None:
    """Draw a caterpillar looping along a twig."""
    t = organism.traits
    skin = Pigment(0.72 - 0.2 * t["forewing_point"], 0.11, t["larva_hue"])
    mark = Pigment(0.75, 0.15, t["mark_hue"])
    _leaflet(ink, (0.34, 0.22), -38, 0.2)
    _leaflet(ink, (-0.34, 0.22), 152, 0.2)
    _twig(ink, [(-0.48, 0.24), (0.0, 0.2), (0.48, 0.25)], 0.045)
    count = 12
    f = np.linspace(0, 1, count)
    rise = 0.16 + 0.1 * t["scalloping"]
    xs = -0.4 + 0.8 * f
    ys = 0.135 - rise * np.sin(math.pi * f) ** 2 * (0.8 + 0.3 * f)
    radii = 0.07 * (0.72 + 0.36 * np.sin(math.pi * np.clip(f * 0.9 + 0.08, 0, 1)))
    segments = list(zip(xs.tolist(), ys.tolist(), radii.tolist(), strict=True))
    legs = [
        (x, y + r * 0.6, x + 0.012, y + r * 1.45)
        for i, (x, y, r) in enumerate(segments)
        if i in (1, 2, 4, 5, 6, 9, 10, 11)
    ]
    ink.hatch(legs, skin.tone(-0.2).argb(), 0.022)
    pattern = ("rings", "lines", "dots")[int(t["larva_pattern"])]
    for x, y, r in segments:
        shape = ink.oval(x, y, r * 0.78, r)
        ink.dome(
            shape,
            (x - r * 0.2, y - r * 0.45),
            r * 1.5,
            [skin.tone(0.16).argb(), skin.argb(), skin.tone(-0.22).argb()],
            [0, 0.45, 1],
        )
        with ink.clip(shape):
            _segment(ink, pattern, (x, y, r), mark)
        ink.line(shape, skin.tone(-0.3).argb(0.5), 0.004)
        spine = t["larva_spines"] * r * 1.1
        if spine > 0.012:
            ink.hatch(
                [
                    (x + k * r * 0.4, y - r * 0.85, x + k * (r * 0.4 + spine * 0.5), y - r * 0.85 - spine)
                    for k in (-1, 0.2, 1)
                ],
                INK.argb(0.85),
                0.006,
            )
    x, y, r = segments[-1]
    head = Pigment(0.42, 0.09, t["mark_hue"] * 0.5 + 25)
    ink.dome(
        ink.oval(x + r * 0.8, y + r * 0.1, r * 0.75, r * 0.82),
        (x + r * 0.6, y - r * 0.2),
        r * 1.1,
        [head.tone(0.25).argb(), head.argb(), head.tone(-0.15).argb()],
    )
    ink.dots([(x + r * (1.0 + 0.1 * k), y + r * (0.2 + 0.16 * k), r * 0.08) for k in range(3)], INK.argb())


def pupa(ink: Ink, organism: Organism, ground: Pigment) -> None:
    """Draw a chrysalis under a twig; the colour of the wing, `ground`, shines through its case."""
    t = organism.traits
    shell = Pigment(0.66, 0.075, t["larva_hue"]).mix(ground, 0.35)
    _leaflet(ink, (-0.22, -0.36), 160, 0.22)
    _leaflet(ink, (0.2, -0.37), 24, 0.24)
    _twig(ink, [(-0.46, -0.33), (0.0, -0.38), (0.46, -0.34)], 0.05)
    wide = 0.13 + 0.05 * t["hindwing_size"]
    point = 0.05 * t["forewing_point"]
    right = [
        (0.012, -0.34),
        (wide * 0.42, -0.2),
        (wide * 0.8, -0.04),
        (wide + point, 0.1),
        (wide * 0.9, 0.26),
        (wide * 0.55 + point, 0.38),
    ]
    outline = ink.curve([*right, (0.0, 0.385), *[(-x * 0.94, y) for x, y in reversed(right)]])
    ink.dome(
        outline,
        (-wide * 0.35, 0.06),
        0.42,
        [shell.tone(0.2).argb(), shell.argb(), shell.tone(-0.26).argb()],
        [0, 0.4, 1],
    )
    with ink.clip(outline):
        rings = [
            ink.curve([(-wide, -0.24 + 0.055 * k), (0, -0.215 + 0.055 * k), (wide, -0.24 + 0.055 * k)], False)
            for k in range(5)
        ]
        for ring in rings:
            ink.line(ring, shell.tone(-0.25).argb(0.6), 0.007)
        for side in (-1, 1):
            case = ink.curve(
                [
                    (side * wide * 0.1, 0.33),
                    (side * wide, 0.22),
                    (side * wide * 0.95, 0.02),
                    (side * wide * 0.3, -0.02),
                    (side * 0.01, 0.1),
                ]
            )
            ink.wash(case, (0, 0), (side * wide, 0.1), [ground.tone(0.05).argb(0.55), ground.tone(-0.2).argb(0.5)])
            ink.line(case, shell.tone(-0.28).argb(0.7), 0.006)
            veins = [(side * wide * 0.3, 0.0, side * wide * (0.2 + 0.2 * k), 0.3) for k in range(5)]
            ink.hatch(veins, shell.tone(-0.25).argb(0.4), 0.004)
        gold = Pigment(0.85, 0.14, 88.0)
        for k in range(4):
            for side in (-1, 1):
                ink.dots([(side * wide * 0.42, -0.17 + 0.06 * k, 0.011)], gold.argb())
        ink.soft(
            ink.ribbon([(-wide * 0.5, -0.08), (-wide * 0.62, 0.1), (-wide * 0.45, 0.28)], [0.006, 0.03, 0.006]),
            Pigment(0.98, 0.02, 90).argb(0.55),
            0.012,
        )
    ink.line(outline, shell.tone(-0.3).argb(0.8), 0.006)
    ink.hatch([(-0.02 + 0.013 * k, -0.365, 0.0, -0.33) for k in range(4)], Pigment(0.9, 0.02, 80).argb(), 0.004)
