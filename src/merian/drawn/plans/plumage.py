"""The feathers of a perched bird: where they lie on the body, and what is drawn on crown, breast and wing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from merian.drawn.organism import Organism
from merian.drawn.pigment import Pigment

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Point

__all__ = ["BREASTS", "LEAN", "WINGS", "breast", "crown", "feathers", "place", "wing"]

WINGS = ("plain", "bars", "panel", "spots")
BREASTS = ("plain", "streaks", "bars", "bib")
LEAN = math.radians(40.0)
"""How steeply a perched bird sits."""
AXIS = (math.cos(LEAN), -math.sin(LEAN))
BELOW = (math.sin(LEAN), math.cos(LEAN))


def place(along: float, across: float) -> Point:
    """The point `along` the body's axis (towards the head) and `across` it (towards the belly), over body length."""
    return along * AXIS[0] + across * BELOW[0], along * AXIS[1] + across * BELOW[1]


def feathers(ink: Ink, deep: float, back: Pigment) -> None:
    """Rows of small arcs: contour feathers of back and flank."""
    if not ink.fine:
        return
    strokes = []
    for i in range(13):
        for j in range(9):
            s, a = 0.5 - i * 0.075, -0.9 + j * 0.22 + 0.11 * (i % 2)
            x, y = place(s, a * deep)
            u, v = place(s - 0.045, (a + 0.07) * deep)
            strokes.append((x, y, u, v))
    ink.hatch(strokes, back.tone(-0.24).argb(0.2), 0.006)
    ink.hatch(
        [(x + 0.008, y - 0.006, u + 0.008, v - 0.006) for x, y, u, v in strokes], back.tone(0.3).argb(0.16), 0.005
    )


def crown(ink: Ink, pattern: int, face: Callable[..., Point], accent: Pigment, breast: Pigment, r: float) -> None:
    if pattern == 1:
        ink.fill(
            ink.curve(
                [face(-28, 1.1), face(-80, 1.3), face(-150, 1.3), face(-172, 0.9), face(-120, 0.42), face(-50, 0.5)]
            ),
            accent.argb(),
        )
    elif pattern == 2:
        ink.fill(
            ink.curve(
                [
                    face(-2, 1.15),
                    face(-40, 0.62),
                    face(-120, 0.4),
                    face(172, 0.95),
                    face(150, 0.75),
                    face(70, 0.42),
                    face(22, 1.0),
                ]
            ),
            accent.tone(-0.12).argb(),
        )
    elif pattern == 3:
        ink.fill(
            ink.ribbon([face(-22, 0.95), face(-75, 0.58), face(-165, 0.98)], [r * 0.12, r * 0.26, r * 0.08]),
            breast.tone(0.12).argb(),
        )
        ink.fill(
            ink.ribbon([face(-4, 0.95), face(-30, 0.35), face(-190, 0.85)], [r * 0.1, r * 0.2, r * 0.08]),
            accent.tone(-0.16).argb(),
        )


def breast(ink: Ink, organism: Organism, t: dict[str, float], deep: float, inks: tuple[Pigment, Pigment]) -> None:
    _breast, accent = inks
    pattern = BREASTS[int(t["breast_pattern"])]
    if organism.stage == "juvenile":
        pattern = "streaks"
    rng = np.random.default_rng(organism.individual)
    mark = accent.mix(Pigment(0.34, 0.05, 55.0), 0.5)
    if pattern == "streaks":
        strokes = []
        for i in range(8):
            for j in range(4):
                jx, jy = rng.normal(0, 0.014, 2)
                a = place(0.42 - 0.11 * i + jx + 0.05 * (j % 2), deep * (0.34 + 0.19 * j) + jy)
                b = place(0.35 - 0.11 * i + jx + 0.05 * (j % 2), deep * (0.36 + 0.19 * j) + jy)
                strokes.append((*a, *b))
        ink.hatch(strokes, mark.argb(0.85), 0.018)
    elif pattern == "bars":
        for i in range(9):
            s = 0.46 - 0.1 * i + float(rng.normal(0, 0.008))
            ink.line(
                ink.curve([place(s, deep * 0.22), place(s - 0.045, deep * 0.6), place(s - 0.01, deep * 1.05)], False),
                mark.argb(0.8),
                0.02,
            )
    elif pattern == "bib":
        ink.fill(
            ink.curve(
                [
                    place(0.66, -deep * 0.1),
                    place(0.5, deep * 0.2),
                    place(0.22, deep * 0.45),
                    place(0.16, deep * 0.95),
                    place(0.36, deep * 1.3),
                    place(0.75, deep * 0.9),
                ]
            ),
            accent.argb(0.95),
        )


def _primaries(ink: Ink, deep: float, back: Pigment, panel: Pigment | None) -> None:
    """The long feathers of the folded wing; `panel` edges the lower ones."""
    dark = back.tone(-0.1)
    for k in range(6):
        root, tip = (
            place(-0.02 - 0.03 * k, deep * (0.25 - 0.12 * k)),
            place(-0.74 - 0.025 * k + 0.06 * abs(k - 2), deep * (0.12 - 0.11 * k)),
        )
        ink.fill(
            ink.ribbon([root, ((root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2 + 0.01), tip], [0.1, 0.085, 0.012]),
            dark.tone(-0.05 + 0.018 * k).argb(),
        )
        ink.line(
            ink.curve([root, tip], False),
            (panel if panel and k < 3 else back.tone(0.16)).argb(0.75),
            0.006 + 0.012 * (panel is not None and k < 3),
        )


def wing(
    ink: Ink, organism: Organism, t: dict[str, float], deep: float, inks: tuple[Pigment, Pigment, Pigment]
) -> None:
    back, accent, breast = inks
    pattern = WINGS[int(t["wing_pattern"])]
    _primaries(ink, deep, back, accent if pattern == "panel" else None)
    shape = ink.curve(
        [
            place(0.36, -deep * 0.22),
            place(0.24, deep * 0.32),
            place(-0.06, deep * 0.56),
            place(-0.42, deep * 0.32),
            place(-0.46, -deep * 0.25),
            place(-0.2, -deep * 0.66),
            place(0.2, -deep * 0.66),
        ]
    )
    ink.wash(
        shape,
        place(0.2, -deep * 0.7),
        place(-0.1, deep * 0.6),
        [back.tone(0.1).argb(), back.argb(), back.tone(-0.14).argb()],
    )
    with ink.clip(shape):
        if pattern == "panel":
            ink.fill(
                ink.curve(
                    [
                        place(-0.08, deep * 0.7),
                        place(-0.02, deep * 0.05),
                        place(-0.55, -deep * 0.3),
                        place(-0.6, deep * 0.5),
                    ]
                ),
                accent.argb(0.92),
            )
        for row, s in enumerate((0.17, 0.02, -0.14, -0.32)):
            for j in range(6):
                x, y = place(s - 0.03 * (j % 2) - 0.01 * j, deep * (0.48 - 0.22 * j))
                with ink.at(x, y, math.degrees(LEAN) * -1 + 180):
                    scale = ink.curve([(-0.05, -0.05), (0.05, -0.045), (0.085, 0.0), (0.05, 0.045), (-0.05, 0.05)])
                    if ink.fine or row > 1:
                        ink.line(scale, back.tone(-0.22).argb(0.45), 0.009)
                    if pattern == "bars" and row in (1, 3):
                        ink.fill(ink.oval(0.07, 0.0, 0.026, 0.05), breast.tone(0.08).argb())
                    elif pattern == "spots":
                        ink.dots([(0.055, 0.0, 0.019)], accent.mix(breast, 0.6).tone(0.08).argb())
    ink.line(shape, back.tone(-0.26).argb(0.55), 0.008)
