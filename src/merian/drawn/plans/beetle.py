"""A beetle from above, head up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from merian.drawn.organism import Organism, Trait
from merian.drawn.pigment import Pigment

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Path, Point

__all__ = ["TRAITS", "colours", "draw"]

TRAITS: tuple[Trait, ...] = (
    Trait("elongation", "body length over body width", low=1.25, high=2.3),
    Trait("pronotum_width", "width of the thorax shield over that of the wing cases", low=0.62, high=1.0),
    Trait("head_size", "width of the head over that of the thorax shield", low=0.45, high=0.85),
    Trait("antenna_length", "antenna over body length", low=0.3, high=1.05),
    Trait("leg_length", "hind leg over body length", low=0.38, high=0.72),
    Trait("leg_thickness", "thickness of the femora over body width", low=0.07, high=0.17),
    Trait("mandible_size", "jaw length over head width, as grown by males", low=0.15, high=1.1),
    Trait("horn_length", "horn length over body length, as grown by males", low=0.0, high=0.3),
    Trait("ground_hue", "hue of the wing cases, OKLCH", "degree", 25.0, 290.0, model="OU", sd_within=0.025),
    Trait("ground_lightness", "lightness of the wing cases, OKLCH", low=0.22, high=0.62, model="OU"),
    Trait("ground_chroma", "colourfulness of the wing cases, OKLCH", low=0.01, high=0.15, model="OU"),
    Trait("mark_hue", "hue of the marks, OKLCH", "degree", 20.0, 120.0, model="OU", sd_within=0.025),
    Trait("mark_size", "size of the marks over its largest", low=0.35, high=1.0),
    Trait("striation", "depth of the grooves along the wing cases", low=0.0, high=1.0),
    Trait("gloss", "strength of the reflected light", low=0.1, high=1.0),
    Trait(
        "mark_pattern",
        "what is drawn on the wing cases",
        states=("plain", "spots", "bands", "stripes", "margin"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait("antenna_form", "shape of the antennae", states=("threads", "clubs", "fans"), model="Mk", sd_within=0.0),
)

HALF_WIDTH = ((0.0, 0.76), (0.06, 0.9), (0.2, 0.98), (0.45, 1.0), (0.65, 0.95), (0.82, 0.76), (0.93, 0.47), (1.0, 0.1))
"""Half the width of the closed wing cases, from shoulder (0) to tip (1), over the largest."""


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The main colour of an organism and that of its marks, as drawn."""
    t = organism.traits
    marks = Pigment(0.42 + 0.4 * (t["ground_lightness"] < 0.48), 0.15, t["mark_hue"])
    return Pigment(t["ground_lightness"], t["ground_chroma"], t["ground_hue"]), marks


def draw(ink: Ink, organism: Organism) -> None:
    """Draw a beetle, head up, about 0.95 high."""
    with ink.at(0.0, 0.075, 0.0, 0.95):
        _beetle(ink, organism)


def _beetle(ink: Ink, organism: Organism) -> None:
    t, male = organism.traits, organism.sex == "male"
    horn = t["horn_length"] if male else 0.0
    jaw = t["mandible_size"] * (1.0 if male else 0.35)
    length = 0.66 - 0.25 * horn
    wide = min(0.46, length / t["elongation"])
    top = -0.16 + 0.1 * horn
    ground, _ = colours(organism)
    dark = Pigment(max(0.17, t["ground_lightness"] * 0.55), t["ground_chroma"] * 0.6, t["ground_hue"] + 12)
    case = length * 0.7
    collar = length * 0.22
    head = (0.0, top - collar - 0.02)
    shield = wide * t["pronotum_width"]
    skull = shield * t["head_size"]
    _legs(ink, t["leg_length"] * length * 0.8, t["leg_thickness"] * wide, (wide, top, case, collar), dark)
    _antennae(ink, t["antenna_length"] * length, int(t["antenna_form"]), (skull, head[1]), dark)
    _head(ink, head, skull, jaw, dark)
    _shield(ink, (top, collar, shield), wide, dark.mix(ground, 0.45), t["gloss"])
    if horn > 0.02:
        _horn(ink, (0.0, top - collar * 0.55), horn * length * 1.5, shield * 0.2, dark)
    _wing_cases(ink, organism, (wide / 2, top, case), ground, dark)


def _legs(ink: Ink, reach: float, thick: float, body: tuple[float, float, float, float], dark: Pigment) -> None:
    wide, top, case, collar = body
    roots = (
        (wide * 0.36, top - collar * 0.4, -52),
        (wide * 0.42, top + case * 0.16, 12),
        (wide * 0.4, top + case * 0.4, 48),
    )
    edge, lit = dark.tone(-0.08).argb(), dark.tone(0.2).argb(0.7)
    for side in (-1, 1):
        for (x, y, angle), grow in zip(roots, (0.78, 0.85, 1.0), strict=True):
            a = math.radians(angle)
            femur = reach * 0.5 * grow
            knee = (side * (x + femur * math.cos(a)), y + femur * math.sin(a))
            b = a + math.radians(38 if angle > 0 else -32)
            shin = reach * 0.5 * grow
            ankle = (knee[0] + side * shin * math.cos(b), knee[1] + shin * math.sin(b))
            c = b + math.radians(14 if angle > 0 else -20)
            toe = reach * 0.3 * grow
            tip = (ankle[0] + side * toe * math.cos(c), ankle[1] + toe * math.sin(c))
            ink.fill(ink.ribbon([ankle, _mid(ankle, tip), tip], [thick * 0.36, thick * 0.3, thick * 0.22]), edge)
            ink.fill(ink.ribbon([knee, _mid(knee, ankle), ankle], [thick * 0.55, thick * 0.5, thick * 0.62]), edge)
            root = (side * x * 0.6, y)
            middle = _mid((side * x, y), knee)
            ink.fill(ink.ribbon([root, middle, knee], [thick * 0.8, thick * 1.15, thick * 0.55]), edge)
            if ink.fine:
                ink.line(
                    ink.curve([(middle[0], middle[1] - thick * 0.25), (knee[0], knee[1] - thick * 0.12)], False),
                    lit,
                    thick * 0.16,
                )
                claws = [(tip[0], tip[1], tip[0] + side * toe * 0.16 * k, tip[1] + toe * 0.2) for k in (0.2, 1.0)]
                ink.hatch(claws, edge, thick * 0.1)
                spurs = [
                    (knee[0] + (ankle[0] - knee[0]) * f, knee[1] + (ankle[1] - knee[1]) * f)
                    for f in (0.45, 0.6, 0.75, 0.9)
                ]
                ink.hatch([(u, v, u + side * thick * 0.35, v + thick * 0.25) for u, v in spurs], edge, thick * 0.09)


def _mid(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _antennae(ink: Ink, reach: float, form: int, head: Point, dark: Pigment) -> None:
    skull, y = head
    colour = dark.tone(-0.03).argb()
    for side in (-1, 1):
        points = []
        for f in np.linspace(0, 1, 11):
            bend = 0.35 + 1.0 * f
            points.append(
                (side * (skull * 0.36 + reach * 0.62 * f), y - reach * 0.62 * math.sin(bend) * f + reach * 0.22 * f * f)
            )
        thick = 0.013
        ink.line(ink.curve(points, False), colour, thick * 0.6)
        last = 8 if form else 11
        ink.dots([(x, v, thick * (0.62 if i else 0.9)) for i, (x, v) in enumerate(points[:last])], colour)
        if form == 1:
            ink.dots([(x, v, thick * (1.2 + 0.35 * i)) for i, (x, v) in enumerate(points[8:])], colour)
        elif form == 2:
            x, v = points[-2]
            for k in range(4):
                with ink.at(x, v, side * (20 + 24 * k)):
                    ink.fill(ink.oval(0, -0.03, 0.009, 0.032), dark.tone(0.06 * k - 0.02).argb())


def _head(ink: Ink, head: Point, skull: float, jaw: float, dark: Pigment) -> None:
    _x, y = head
    half = skull / 2
    deep = half * 0.95
    reach = jaw * skull * 0.8
    for side in (-1, 1):
        root = (side * half * 0.5, y - deep * 0.55)
        out = (side * (half * 0.62 + reach * 0.42), y - deep * 0.6 - reach * 0.5)
        tip = (side * half * 0.12, y - deep * 0.6 - reach)
        ink.fill(ink.ribbon([root, out, tip], [half * 0.42, half * 0.3 + reach * 0.08, 0.004]), dark.tone(-0.06).argb())
        if reach > 0.06:
            ink.fill(
                ink.poly([out, (out[0] - side * reach * 0.28, out[1] - reach * 0.06), (out[0], out[1] - reach * 0.12)]),
                dark.tone(-0.06).argb(),
            )
            if ink.fine:
                ink.line(ink.curve([root, (out[0] * 1.04, out[1]), tip], False), dark.tone(0.28).argb(0.5), half * 0.07)
    shape = ink.curve(
        [
            (-half, y + deep * 0.1),
            (-half * 0.72, y - deep * 0.55),
            (0, y - deep * 0.74),
            (half * 0.72, y - deep * 0.55),
            (half, y + deep * 0.1),
            (half * 0.7, y + deep),
            (-half * 0.7, y + deep),
        ]
    )
    ink.dome(
        shape,
        (-half * 0.25, y - deep * 0.3),
        half * 1.4,
        [dark.tone(0.16).argb(), dark.argb(), dark.tone(-0.12).argb()],
    )
    for side in (-1, 1):
        ink.fill(ink.oval(side * half * 0.93, y + deep * 0.12, half * 0.22, half * 0.28), 0xFF120F0D)
        ink.dots([(side * half * 0.93 - half * 0.06, y + deep * 0.02, half * 0.06)], 0xC0FFFFFF)


def _shield(ink: Ink, place: tuple[float, float, float], wide: float, colour: Pigment, gloss: float) -> None:
    top, deep, shield = place
    half, base = shield / 2, min(wide * 0.47, shield / 2 * 1.02)
    outline = ink.curve(
        [
            (-half * 0.66, top - deep),
            (0, top - deep * 1.03),
            (half * 0.66, top - deep),
            (half * 0.98, top - deep * 0.5),
            (base, top + 0.004),
            (0, top + 0.02),
            (-base, top + 0.004),
            (-half * 0.98, top - deep * 0.5),
        ]
    )
    ink.dome(
        outline,
        (-half * 0.3, top - deep * 0.65),
        half * 1.5,
        [colour.tone(0.2 * gloss + 0.04).argb(), colour.argb(), colour.tone(-0.16).argb()],
        [0, 0.45, 1],
    )
    ink.line(outline, colour.tone(-0.22).argb(0.9), 0.007)
    if ink.fine:
        with ink.clip(outline):
            rng = np.random.default_rng(7)
            pits = rng.uniform((-half, top - deep, 0.0012), (half, top, 0.003), (70, 3)).tolist()
            ink.dots(pits, colour.tone(-0.2).argb(0.45))
            ink.line(ink.curve([(0, top - deep * 0.95), (0, top)], False), colour.tone(-0.18).argb(0.6), 0.004)
    ink.soft(
        ink.oval(-half * 0.38, top - deep * 0.68, half * 0.24, deep * 0.1),
        Pigment(0.98, 0.01, 90).argb(0.55 * gloss),
        half * 0.06,
    )


def _horn(ink: Ink, root: Point, reach: float, thick: float, dark: Pigment) -> None:
    x, y = root
    points = [(x, y), (x, y - reach * 0.5), (x, y - reach)]
    ink.fill(ink.ribbon(points, [thick, thick * 0.62, thick * 0.3]), dark.tone(-0.05).argb())
    ink.fill(
        ink.ribbon(
            [(-thick * 0.14, y), (-thick * 0.1, y - reach * 0.5), (0, y - reach * 0.97)],
            [thick * 0.3, thick * 0.2, 0.002],
        ),
        dark.tone(0.25).argb(0.6),
    )
    fork = [(x, y - reach * 0.93)]
    for side in (-1, 1):
        tip = (side * thick * 0.75, y - reach * 1.1)
        ink.fill(
            ink.ribbon([fork[0], (side * thick * 0.4, y - reach * 1.0), tip], [thick * 0.36, thick * 0.26, 0.004]),
            dark.tone(-0.05).argb(),
        )


def _wing_cases(
    ink: Ink, organism: Organism, place: tuple[float, float, float], ground: Pigment, dark: Pigment
) -> None:
    t = organism.traits
    half, top, deep = place
    _, marks = colours(organism)
    right = [(half * w, top + deep * v) for v, w in HALF_WIDTH]
    outline = ink.curve([(0.0, top + 0.012), *right, (0.0, top + deep * 0.985), *[(-x, y) for x, y in reversed(right)]])
    ink.dome(
        outline,
        (-half * 0.35, top + deep * 0.28),
        deep * 0.85,
        [ground.tone(0.13).turn(-14).argb(), ground.argb(), ground.tone(-0.16).turn(16).argb()],
        [0, 0.42, 1],
    )
    with ink.clip(outline):
        _marks(ink, organism, place, marks, outline)
        for side in (-1, 1):
            ink.wash(outline, (side * half * 0.35, 0), (side * half, 0), [dark.argb(0), dark.tone(-0.08).argb(0.62)])
        _grooves(ink, t["striation"], place, ground)
        ink.line(ink.curve([(0, top), (0, top + deep)], False), dark.tone(-0.12).argb(), 0.009)
        ink.line(
            ink.curve([(-0.006, top + 0.05), (-0.006, top + deep * 0.9)], False), ground.tone(0.25).argb(0.5), 0.004
        )
        shine = Pigment(0.985, 0.012, 95).argb(0.62 * t["gloss"])
        for side, reach in ((-1, 1.0), (1, 0.55)):
            x = half * 0.5 * side
            ink.soft(
                ink.ribbon(
                    [(x, top + deep * 0.1), (x * 1.14, top + deep * 0.3), (x * 1.1, top + deep * (0.3 + 0.25 * reach))],
                    [half * 0.05, half * 0.16 * reach, half * 0.02],
                ),
                shine,
                half * 0.07,
            )
    ink.line(outline, dark.tone(-0.12).argb(0.9), 0.008)
    scutum = ink.curve([(-half * 0.16, top + 0.004), (half * 0.16, top + 0.004), (0, top + half * 0.34)], tension=0.06)
    ink.fill(scutum, dark.tone(0.04).argb())
    ink.line(scutum, dark.tone(-0.12).argb(0.8), 0.005)


def _grooves(ink: Ink, depth: float, place: tuple[float, float, float], ground: Pigment) -> None:
    half, top, deep = place
    if depth < 0.08:
        return
    for side in (-1, 1):
        for k in range(1, 7):
            u = k / 7
            line = ink.curve(
                [(side * half * w * (0.06 + 0.94 * u), top + deep * (0.03 + 0.95 * v)) for v, w in HALF_WIDTH[:-1]],
                False,
            )
            ink.line(line, ground.tone(-0.25).argb(0.75 * depth), half * 0.022)
            if ink.fine:
                with ink.at(half * 0.02, 0):
                    ink.line(line, ground.tone(0.22).argb(0.4 * depth), half * 0.014)


def _marks(ink: Ink, organism: Organism, place: tuple[float, float, float], marks: Pigment, outline: Path) -> None:
    t = organism.traits
    half, top, deep = place
    pattern, size = TRAITS[-2].states[int(t["mark_pattern"])], t["mark_size"]
    rng = np.random.default_rng(organism.individual)
    colour, rim = marks.argb(), marks.tone(-0.2).argb(0.5)
    if pattern == "spots":
        rows = 2 + int(3.4 * (1.1 - size))
        for i in range(rows):
            for u in (0.5,) if i % 2 == 0 else (0.28, 0.74):
                v = (i + 0.6) / (rows + 0.25)
                wobble = rng.normal(0, 0.02, 2)
                for side in (-1, 1):
                    x = (
                        side
                        * half
                        * (u + wobble[0])
                        * float(np.interp(v, [p[0] for p in HALF_WIDTH], [p[1] for p in HALF_WIDTH]))
                    )
                    spot = ink.oval(
                        x, top + deep * (v + wobble[1]), half * (0.1 + 0.14 * size), half * (0.12 + 0.15 * size)
                    )
                    ink.fill(spot, colour)
                    ink.line(spot, rim, 0.006)
    elif pattern == "bands":
        count = 1 + int(2.9 * (1.2 - size))
        for i in range(count):
            y = top + deep * (i + 0.75) / (count + 0.4)
            h = deep * (0.05 + 0.1 * size) / (0.6 + 0.3 * count)
            xs = np.linspace(-1.1, 1.1, 13)
            wave = rng.normal(0, h * 0.12, 13) + 0.5 * h * np.cos(xs * 2 * math.pi)
            upper = [(half * float(x), y - h + float(w)) for x, w in zip(xs, wave, strict=True)]
            band = ink.curve([*upper, *[(x, yy + 2 * h) for x, yy in reversed(upper)]])
            ink.fill(band, colour)
            ink.line(band, rim, 0.006)
    elif pattern == "stripes":
        for side in (-1, 1):
            for u in (0.3, 0.62) if size < 0.7 else (0.46,):
                points = [(side * half * w * u, top + deep * (0.06 + 0.9 * v)) for v, w in HALF_WIDTH]
                widths = [half * 0.22 * size * (1 - 0.6 * v) for v, _ in HALF_WIDTH]
                ink.fill(ink.ribbon(points, widths), colour)
    elif pattern == "margin":
        ink.line(outline, colour, half * (0.22 + 0.34 * size))
