"""A perched bird seen from its right side."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from merian.drawn.organism import Organism, Trait
from merian.drawn.pigment import Pigment, natural_hue

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Path, Point

__all__ = ["TRAITS", "draw"]

TRAITS: tuple[Trait, ...] = (
    Trait("beak_length", "beak over head length", low=0.25, high=1.45),
    Trait("beak_depth", "depth of the beak at its base over head length", low=0.12, high=0.62),
    Trait("beak_curve", "downward curve of the beak (negative: upward)", low=-0.15, high=0.75),
    Trait("head_size", "head length over body length", low=0.34, high=0.52),
    Trait("body_roundness", "body depth over body length", low=0.44, high=0.7),
    Trait("tail_length", "tail over body length", low=0.3, high=1.15),
    Trait("leg_length", "leg over body length", low=0.2, high=0.62),
    Trait("crest_length", "crest over head length", low=0.0, high=0.8),
    Trait(
        "back_hue",
        "hue of back and wings, on the circle of animal pigments",
        "degree",
        25.0,
        285.0,
        model="OU",
        sd_within=0.025,
    ),
    Trait("back_lightness", "lightness of back and wings, OKLCH", low=0.26, high=0.68, model="OU"),
    Trait("back_chroma", "colourfulness of back and wings, OKLCH", low=0.01, high=0.13, model="OU"),
    Trait("breast_hue", "hue of the breast, OKLCH", "degree", 20.0, 125.0, model="OU", sd_within=0.025),
    Trait("breast_lightness", "lightness of the breast, OKLCH", low=0.55, high=0.93, model="OU"),
    Trait(
        "accent_hue",
        "hue of crown and wing marks, on the circle of animal pigments",
        "degree",
        15.0,
        275.0,
        model="OU",
        sd_within=0.025,
    ),
    Trait(
        "crown_pattern", "what is drawn on the head", states=("plain", "cap", "mask", "brow"), model="Mk", sd_within=0.0
    ),
    Trait(
        "wing_pattern",
        "what is drawn on the wing",
        states=("plain", "bars", "panel", "spots"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait(
        "breast_pattern",
        "what is drawn on the breast",
        states=("plain", "streaks", "bars", "bib"),
        model="Mk",
        sd_within=0.0,
    ),
)

LEAN = math.radians(40.0)
"""How steeply a perched bird sits."""
AXIS = (math.cos(LEAN), -math.sin(LEAN))
BELOW = (math.sin(LEAN), math.cos(LEAN))


def _place(along: float, across: float) -> Point:
    """The point `along` the body's axis (towards the head) and `across` it (towards the belly), over body length."""
    return along * AXIS[0] + across * BELOW[0], along * AXIS[1] + across * BELOW[1]


def draw(ink: Ink, organism: Organism) -> None:
    """Draw a bird on a twig, looking right; juveniles are round, dull, spotted and short of tail and beak."""
    t = dict(organism.traits)
    if organism.stage == "juvenile":
        t["beak_length"] = 0.7 * t["beak_length"] + 0.02
        t["tail_length"] *= 0.6
        t["body_roundness"] = min(0.74, t["body_roundness"] * 1.12)
        t["head_size"] *= 1.1
        t["crest_length"] *= 0.2
    elif organism.sex == "female":
        t["crest_length"] *= 0.5
    head = t["head_size"]
    right = 0.42 + head * (0.55 + t["beak_length"])
    left = -0.5 - 0.75 * t["tail_length"]
    top = -0.42 - head * (0.62 + 0.5 * t["crest_length"])
    bottom = max(0.3 + t["leg_length"] * 0.62 + 0.12, 0.3 + t["tail_length"] * 0.66)
    size = 0.96 / max(right - left, bottom - top)
    with ink.at(0.0, 0.0, 0.0, size), ink.at(-(right + left) / 2, -(top + bottom) / 2):
        _bird(ink, organism, t)


def _plumage(organism: Organism, t: dict[str, float]) -> tuple[Pigment, Pigment, Pigment]:
    """Back, breast and accent pigments by sex and age."""
    back = Pigment(t["back_lightness"], t["back_chroma"], natural_hue(t["back_hue"]))
    breast = Pigment(t["breast_lightness"], 0.02 + 0.12 * (0.97 - t["breast_lightness"]) / 0.4, t["breast_hue"])
    accent = Pigment(0.3 if t["back_lightness"] > 0.5 else 0.72, 0.13, natural_hue(t["accent_hue"]))
    if organism.stage == "juvenile":
        return (
            back.mix(Pigment(0.55, 0.045, 70.0), 0.7),
            breast.mix(Pigment(0.82, 0.035, 80.0), 0.7),
            accent.mix(Pigment(0.6, 0.05, 75), 0.6),
        )
    if organism.sex == "female":
        return (
            back.mix(Pigment(0.52, 0.045, 75.0), 0.5),
            breast.mix(Pigment(0.84, 0.035, 82.0), 0.45),
            accent.mix(back, 0.45),
        )
    return back, breast, accent


def _bird(ink: Ink, organism: Organism, t: dict[str, float]) -> None:
    back, breast, accent = _plumage(organism, t)
    deep, r = t["body_roundness"] / 2, t["head_size"] / 2
    hx, hy = _place(0.46, -0.1 * deep)
    hy -= r * 0.62
    foot = _legs(ink, t, deep)
    _tail(ink, t, back, accent)

    def face(angle: float, reach: float = 1.0) -> Point:
        a = math.radians(angle)
        return hx + r * reach * math.cos(a), hy + r * reach * math.sin(a)

    spine = [
        face(-32),
        face(-88, 1.02),
        face(-150),
        _place(0.34, -deep * 0.78),
        _place(0.0, -deep * 1.0),
        _place(-0.36, -deep * 0.62),
    ]
    belly = [
        _place(-0.56, -deep * 0.1),
        _place(-0.42, deep * 0.55),
        _place(-0.1, deep * 0.98),
        _place(0.24, deep * 0.98),
        face(68, 1.1),
        face(24),
    ]
    body = ink.curve([*spine, *belly])
    top, low = _place(0.05, -deep), _place(0.1, deep)
    ink.wash(
        body,
        top,
        low,
        [
            back.tone(0.04).argb(),
            back.argb(),
            back.mix(breast, 0.5).argb(),
            breast.tone(0.03).argb(),
            breast.tone(-0.16).argb(),
        ],
        [0, 0.38, 0.55, 0.68, 1],
    )
    with ink.clip(body):
        _breast(ink, organism, t, deep, (breast, accent if organism.stage == "adult" else back))
        ink.soft(
            ink.curve(
                [
                    _place(0.55, deep * 0.6),
                    _place(0.1, deep * 1.15),
                    _place(-0.6, deep * 0.7),
                    _place(-0.6, deep * 1.5),
                    _place(0.4, deep * 1.6),
                ]
            ),
            breast.tone(-0.4).argb(0.45),
            0.05,
        )
        cap = ink.curve(
            [face(-5, 1.2), face(-60, 1.3), face(-130, 1.3), face(170, 1.25), face(100, 0.35), face(20, 0.3)]
        )
        ink.soft(cap, back.argb(0.9), 0.035)
        _feathers(ink, deep, back)
        _crown(ink, int(t["crown_pattern"]), face, accent, breast, r)
        ink.soft(ink.oval(hx - r * 0.15, hy - r * 0.55, r * 0.5, r * 0.22), Pigment(0.98, 0.02, 90).argb(0.3), r * 0.2)
    if t["crest_length"] > 0.06:
        reach = t["crest_length"] * 2 * r
        for k, a in enumerate((-128, -112, -96)):
            x, y = face(a, 0.9)
            b = math.radians(205 + 12 * k)
            points = [
                face(-70 - 8 * k, 0.9),
                (x, y),
                (x + reach * (0.6 - 0.1 * k) * math.cos(b), y + reach * (0.6 - 0.1 * k) * math.sin(b) - reach * 0.08),
            ]
            ink.fill(
                ink.ribbon(points, [r * 0.12, r * 0.22, 0.004]),
                (accent if t["crown_pattern"] else back).tone(0.05 * k - 0.05).argb(),
            )
    ink.line(body, back.tone(-0.26).argb(0.4), 0.008)
    _wing(ink, organism, t, deep, (back, accent, breast))
    _beak(ink, organism, t, (hx, hy, r))
    ink.eye(hx + r * 0.36, hy - r * 0.16, r * 0.17, Pigment(0.5, 0.1, 50.0 + 30 * (t["accent_hue"] / 270)).argb())
    _twig(ink, foot)


def _legs(ink: Ink, t: dict[str, float], deep: float) -> Point:
    reach = t["leg_length"] * 0.62
    horn = Pigment(0.45, 0.05 + 0.05 * t["leg_length"], 55.0)
    y = 0.0
    for dx, tone in ((-0.06, -0.1), (0.03, 0.0)):
        x0, y0 = _place(-0.12, deep * 0.75)
        knee = (x0 + dx - 0.05 * reach, y0 + reach * 0.35)
        foot = (x0 + dx + 0.05, y0 + reach * 0.7 + 0.06)
        ink.fill(ink.ribbon([(x0 + dx, y0), knee, foot], [0.075, 0.032, 0.024]), horn.tone(tone).argb())
        for toe in (-0.06, 0.035, 0.075):
            ink.line(
                ink.curve([foot, (foot[0] + toe * 0.6, foot[1] + 0.004), (foot[0] + toe, foot[1] + 0.03)], False),
                horn.tone(tone - 0.05).argb(),
                0.019,
            )
        y = foot[1] + 0.03
    return _place(-0.12, deep * 0.75)[0], y


def _twig(ink: Ink, foot: Point) -> None:
    x, y = foot
    bark = Pigment(0.42, 0.04, 58.0)
    points = [(x - 0.34, y + 0.035), (x - 0.08, y + 0.012), (x + 0.2, y + 0.022), (x + 0.42, y - 0.02)]
    ink.fill(ink.ribbon(points, [0.045, 0.052, 0.048, 0.03]), bark.argb())
    ink.fill(ink.ribbon([(u, v - 0.013) for u, v in points], [0.008, 0.016, 0.014, 0.006]), bark.tone(0.18).argb(0.8))
    ink.line(ink.curve([(u, v + 0.022) for u, v in points], False), bark.tone(-0.2).argb(0.6), 0.006)


def _tail(ink: Ink, t: dict[str, float], back: Pigment, accent: Pigment) -> None:
    reach = t["tail_length"]
    x, y = _place(-0.4, -0.03)
    turn = math.degrees(LEAN) * -1 + 180 - 4
    with ink.at(x, y, turn):
        for k in (3, 2, 1, 0, -1):
            long = reach * (1 - 0.05 * abs(k)) + 0.1
            feather = ink.ribbon([(0.0, 0.012 * k), (long * 0.5, 0.022 * k), (long, 0.03 * k)], [0.08, 0.075, 0.052])
            ink.fill(feather, back.tone(-0.1 + 0.025 * (2 - k)).argb())
            ink.line(
                ink.curve([(0, 0.012 * k), (long * 0.5, 0.022 * k), (long * 0.98, 0.03 * k)], False),
                back.tone(-0.24).argb(0.8),
                0.006,
            )
            if t["wing_pattern"] == 1:
                ink.fill(ink.oval(long * 0.93, 0.029 * k, reach * 0.05, 0.024), accent.argb(0.9))


def _feathers(ink: Ink, deep: float, back: Pigment) -> None:
    """Rows of small arcs: contour feathers of back and flank."""
    if not ink.fine:
        return
    strokes = []
    for i in range(13):
        for j in range(9):
            s, a = 0.5 - i * 0.075, -0.9 + j * 0.22 + 0.11 * (i % 2)
            x, y = _place(s, a * deep)
            u, v = _place(s - 0.045, (a + 0.07) * deep)
            strokes.append((x, y, u, v))
    ink.hatch(strokes, back.tone(-0.24).argb(0.2), 0.006)
    ink.hatch(
        [(x + 0.008, y - 0.006, u + 0.008, v - 0.006) for x, y, u, v in strokes], back.tone(0.3).argb(0.16), 0.005
    )


def _crown(ink: Ink, pattern: int, face: Callable[..., Point], accent: Pigment, breast: Pigment, r: float) -> None:
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


def _breast(ink: Ink, organism: Organism, t: dict[str, float], deep: float, inks: tuple[Pigment, Pigment]) -> None:
    breast, accent = inks
    pattern = TRAITS[-1].states[int(t["breast_pattern"])]
    if organism.stage == "juvenile":
        pattern = "streaks"
    rng = np.random.default_rng(organism.individual)
    mark = accent.mix(Pigment(0.34, 0.05, 55.0), 0.5)
    if pattern == "streaks":
        strokes = []
        for i in range(8):
            for j in range(4):
                jx, jy = rng.normal(0, 0.014, 2)
                a = _place(0.42 - 0.11 * i + jx + 0.05 * (j % 2), deep * (0.34 + 0.19 * j) + jy)
                b = _place(0.35 - 0.11 * i + jx + 0.05 * (j % 2), deep * (0.36 + 0.19 * j) + jy)
                strokes.append((*a, *b))
        ink.hatch(strokes, mark.argb(0.85), 0.018)
    elif pattern == "bars":
        for i in range(9):
            s = 0.46 - 0.1 * i + float(rng.normal(0, 0.008))
            ink.line(
                ink.curve(
                    [_place(s, deep * 0.22), _place(s - 0.045, deep * 0.6), _place(s - 0.01, deep * 1.05)], False
                ),
                mark.argb(0.8),
                0.02,
            )
    elif pattern == "bib":
        ink.fill(
            ink.curve(
                [
                    _place(0.66, -deep * 0.1),
                    _place(0.5, deep * 0.2),
                    _place(0.22, deep * 0.45),
                    _place(0.16, deep * 0.95),
                    _place(0.36, deep * 1.3),
                    _place(0.75, deep * 0.9),
                ]
            ),
            accent.argb(0.95),
        )


def _wing(
    ink: Ink, organism: Organism, t: dict[str, float], deep: float, inks: tuple[Pigment, Pigment, Pigment]
) -> None:
    back, accent, breast = inks
    pattern = TRAITS[-2].states[int(t["wing_pattern"])]
    dark = back.tone(-0.1)
    for k in range(6):
        root, tip = (
            _place(-0.02 - 0.03 * k, deep * (0.25 - 0.12 * k)),
            _place(-0.74 - 0.025 * k + 0.06 * abs(k - 2), deep * (0.12 - 0.11 * k)),
        )
        ink.fill(
            ink.ribbon([root, ((root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2 + 0.01), tip], [0.1, 0.085, 0.012]),
            dark.tone(-0.05 + 0.018 * k).argb(),
        )
        ink.line(
            ink.curve([root, tip], False),
            (accent if pattern == "panel" and k < 3 else back.tone(0.16)).argb(0.75),
            0.006 + 0.012 * (pattern == "panel" and k < 3),
        )
    shape = ink.curve(
        [
            _place(0.36, -deep * 0.22),
            _place(0.24, deep * 0.32),
            _place(-0.06, deep * 0.56),
            _place(-0.42, deep * 0.32),
            _place(-0.46, -deep * 0.25),
            _place(-0.2, -deep * 0.66),
            _place(0.2, -deep * 0.66),
        ]
    )
    ink.wash(
        shape,
        _place(0.2, -deep * 0.7),
        _place(-0.1, deep * 0.6),
        [back.tone(0.1).argb(), back.argb(), back.tone(-0.14).argb()],
    )
    with ink.clip(shape):
        if pattern == "panel":
            ink.fill(
                ink.curve(
                    [
                        _place(-0.08, deep * 0.7),
                        _place(-0.02, deep * 0.05),
                        _place(-0.55, -deep * 0.3),
                        _place(-0.6, deep * 0.5),
                    ]
                ),
                accent.argb(0.92),
            )
        for row, s in enumerate((0.17, 0.02, -0.14, -0.32)):
            for j in range(6):
                x, y = _place(s - 0.03 * (j % 2) - 0.01 * j, deep * (0.48 - 0.22 * j))
                with ink.at(x, y, math.degrees(LEAN) * -1 + 180):
                    scale = ink.curve([(-0.05, -0.05), (0.05, -0.045), (0.085, 0.0), (0.05, 0.045), (-0.05, 0.05)])
                    if ink.fine or row > 1:
                        ink.line(scale, back.tone(-0.22).argb(0.45), 0.009)
                    if pattern == "bars" and row in (1, 3):
                        ink.fill(ink.oval(0.07, 0.0, 0.026, 0.05), breast.tone(0.08).argb())
                    elif pattern == "spots":
                        ink.dots([(0.055, 0.0, 0.019)], accent.mix(breast, 0.6).tone(0.08).argb())
    ink.line(shape, back.tone(-0.26).argb(0.55), 0.008)


def _beak(ink: Ink, organism: Organism, t: dict[str, float], head: tuple[float, float, float]) -> None:
    x, y, r = head
    long, half = t["beak_length"] * 2 * r, t["beak_depth"] * r
    drop = t["beak_curve"] * long * 0.55
    horn = Pigment(0.36 + 0.3 * (t["accent_hue"] < 110), 0.03 + 0.11 * (t["accent_hue"] < 110), 62.0)
    if organism.stage == "juvenile":
        horn = Pigment(0.74, 0.1, 85.0)
    root = x + r * 0.8
    tip = (root + long + r * 0.16, y + r * 0.16 + drop)
    mid = (root + long * 0.55, y + r * 0.12 + drop * 0.28)
    upper = ink.curve(
        [
            (root - r * 0.1, y - half * 0.72 + r * 0.1),
            (root + long * 0.4, y - half * 0.72 + r * 0.1 + drop * 0.06),
            (root + long * 0.8, y - half * 0.3 + r * 0.1 + drop * 0.5),
            tip,
            mid,
            (root - r * 0.1, y + r * 0.14),
        ],
        tension=0.13,
    )
    lower = ink.curve(
        [
            (root - r * 0.1, y + r * 0.1),
            mid,
            (root + long * 0.9, y + r * 0.17 + drop * 0.82),
            (root + long * 0.5, y + half * 0.62 + r * 0.12 + drop * 0.28),
            (root - r * 0.12, y + half * 0.7 + r * 0.1),
        ],
        tension=0.12,
    )
    ink.fill(lower, horn.tone(-0.12).argb())
    ink.wash(upper, (root, y - half), (root, y + half), [horn.tone(0.2).argb(), horn.argb(), horn.tone(-0.08).argb()])
    ink.line(upper, horn.tone(-0.26).argb(0.9), 0.007)
    ink.dots([(root + long * 0.14, y - half * 0.18 + r * 0.08, r * 0.045)], horn.tone(-0.4).argb())
