"""A perched bird seen from its right side."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from merian.drawn.organism import Organism, Trait
from merian.drawn.pigment import Pigment, natural_hue
from merian.drawn.plans import plumage
from merian.drawn.plans.plumage import LEAN, place

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Point

__all__ = ["TRAITS", "colours", "draw"]

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
        states=plumage.WINGS,
        model="Mk",
        sd_within=0.0,
    ),
    Trait(
        "breast_pattern",
        "what is drawn on the breast",
        states=plumage.BREASTS,
        model="Mk",
        sd_within=0.0,
    ),
)


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The main colour of an organism and that of its marks, as drawn."""
    back, _, accent = _plumage(organism, dict(organism.traits))
    return back, accent


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
    hx, hy = place(0.46, -0.1 * deep)
    hy -= r * 0.62
    foot = _legs(ink, t, deep)
    _tail(ink, t, back, accent)

    def face(angle: float, reach: float = 1.0) -> Point:
        a = math.radians(angle)
        return hx + r * reach * math.cos(a), hy + r * reach * math.sin(a)

    spine = [face(-32), face(-88, 1.02), face(-150)]
    rest = [(0.34, -0.78), (0.0, -1.0), (-0.36, -0.62), (-0.56, -0.1), (-0.42, 0.55), (-0.1, 0.98), (0.24, 0.98)]
    body = ink.curve([*spine, *[place(s, deep * a) for s, a in rest], face(68, 1.1), face(24)])
    tones = [back.tone(0.04), back, back.mix(breast, 0.5), breast.tone(0.03), breast.tone(-0.16)]
    ink.wash(body, place(0.05, -deep), place(0.1, deep), [p.argb() for p in tones], [0, 0.38, 0.55, 0.68, 1])
    with ink.clip(body):
        plumage.breast(ink, organism, t, deep, (breast, accent if organism.stage == "adult" else back))
        shade = [(0.55, 0.6), (0.1, 1.15), (-0.6, 0.7), (-0.6, 1.5), (0.4, 1.6)]
        ink.soft(ink.curve([place(s, deep * a) for s, a in shade]), breast.tone(-0.4).argb(0.45), 0.05)
        cap = ink.curve(
            [face(-5, 1.2), face(-60, 1.3), face(-130, 1.3), face(170, 1.25), face(100, 0.35), face(20, 0.3)]
        )
        ink.soft(cap, back.argb(0.9), 0.035)
        plumage.feathers(ink, deep, back)
        plumage.crown(ink, int(t["crown_pattern"]), face, accent, breast, r)
        ink.soft(ink.oval(hx - r * 0.15, hy - r * 0.55, r * 0.5, r * 0.22), Pigment(0.98, 0.02, 90).argb(0.3), r * 0.2)
    _crest(ink, t, face, accent if t["crown_pattern"] else back)
    ink.line(body, back.tone(-0.26).argb(0.4), 0.008)
    plumage.wing(ink, organism, t, deep, (back, accent, breast))
    _beak(ink, organism, t, (hx, hy, r))
    ink.eye(hx + r * 0.36, hy - r * 0.16, r * 0.17, Pigment(0.5, 0.1, 50.0 + 30 * (t["accent_hue"] / 270)).argb())
    _twig(ink, foot)


def _crest(ink: Ink, t: dict[str, float], face: Callable[..., Point], colour: Pigment) -> None:
    if t["crest_length"] <= 0.06:
        return
    r = t["head_size"] / 2
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
            colour.tone(0.05 * k - 0.05).argb(),
        )


def _legs(ink: Ink, t: dict[str, float], deep: float) -> Point:
    reach = t["leg_length"] * 0.62
    horn = Pigment(0.45, 0.05 + 0.05 * t["leg_length"], 55.0)
    y = 0.0
    for dx, tone in ((-0.06, -0.1), (0.03, 0.0)):
        x0, y0 = place(-0.12, deep * 0.75)
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
    return place(-0.12, deep * 0.75)[0], y


def _twig(ink: Ink, foot: Point) -> None:
    x, y = foot
    bark = Pigment(0.42, 0.04, 58.0)
    points = [(x - 0.34, y + 0.035), (x - 0.08, y + 0.012), (x + 0.2, y + 0.022), (x + 0.42, y - 0.02)]
    ink.fill(ink.ribbon(points, [0.045, 0.052, 0.048, 0.03]), bark.argb())
    ink.fill(ink.ribbon([(u, v - 0.013) for u, v in points], [0.008, 0.016, 0.014, 0.006]), bark.tone(0.18).argb(0.8))
    ink.line(ink.curve([(u, v + 0.022) for u, v in points], False), bark.tone(-0.2).argb(0.6), 0.006)


def _tail(ink: Ink, t: dict[str, float], back: Pigment, accent: Pigment) -> None:
    reach = t["tail_length"]
    x, y = place(-0.4, -0.03)
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
