"""A mushroom with a cap and gills."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from merian.drawn.organism import Organism, Trait
from merian.drawn.pigment import Pigment
from merian.drawn.plans.lesions import infect

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Path, Point

__all__ = ["TRAITS", "colours", "draw"]

TRAITS: tuple[Trait, ...] = (
    Trait("cap_width", "cap width over the frame", low=0.36, high=0.86),
    Trait("cap_height", "cap height over cap width", low=0.22, high=0.75),
    Trait("cap_hue", "hue of the cap, OKLCH", "degree", 20.0, 110.0, model="OU", sd_within=0.025),
    Trait("cap_lightness", "lightness of the cap, OKLCH", low=0.32, high=0.9, model="OU"),
    Trait("cap_chroma", "colourfulness of the cap, OKLCH", low=0.02, high=0.17, model="OU"),
    Trait("rim_darkness", "how much darker or paler the rim is than the middle", low=-0.25, high=0.25),
    Trait("mark_size", "size of the marks on the cap", low=0.3, high=1.0),
    Trait("mark_count", "density of the marks on the cap", "count", 8.0, 34.0),
    Trait("gill_lightness", "lightness of the gills, OKLCH", low=0.35, high=0.92, model="OU"),
    Trait("gill_hue", "hue of the gills, OKLCH", "degree", 20.0, 100.0, model="OU", sd_within=0.025),
    Trait("stem_thickness", "stem width over cap width", low=0.08, high=0.3),
    Trait("stem_length", "stem length over the frame", low=0.34, high=0.66),
    Trait("stem_lightness", "lightness of the stem, OKLCH", low=0.62, high=0.95, model="OU"),
    Trait("bulb_size", "swelling of the stem's foot over the stem's width", low=0.0, high=1.2),
    Trait("ring_size", "width of the ring over the stem's width", low=0.0, high=1.3),
    Trait("striation", "grooves at the cap's rim", low=0.0, high=1.0),
    Trait(
        "cap_form", "shape of the cap", states=("convex", "cone", "bell", "flat", "funnel"), model="Mk", sd_within=0.0
    ),
    Trait(
        "cap_pattern",
        "what is drawn on the cap",
        states=("plain", "warts", "scales", "zones"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait("habit", "how many grow together", states=("single", "pair", "tuft"), model="Mk", sd_within=0.0),
)


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The main colour of an organism and that of its marks, as drawn."""
    t = organism.traits
    light = t["cap_lightness"] < 0.72
    mark = Pigment(0.93, 0.03, 90.0) if light else Pigment(0.52, 0.06, 65.0)
    return Pigment(t["cap_lightness"], t["cap_chroma"], t["cap_hue"]), mark


def draw(ink: Ink, organism: Organism) -> None:
    """Draw one mushroom or a small tuft, seen from a little below the cap's rim."""
    t = organism.traits
    habit = TRAITS[-1].states[int(t["habit"])]
    rng = np.random.default_rng((organism.individual, 31))
    tilt = float(rng.normal(0, 2.5))
    if habit == "single":
        stand = [(0.0, 0.46, tilt, 1.0)]
    elif habit == "pair":
        stand = [(0.2, 0.45, 9 + tilt, 0.55), (-0.08, 0.46, tilt - 3, 0.86)]
    else:
        stand = [(-0.24, 0.44, tilt - 16, 0.5), (0.25, 0.45, 14 + tilt, 0.56), (0.0, 0.46, tilt, 0.76)]
    ink.soft(ink.oval(0.0, 0.465, 0.3, 0.022), Pigment(0.25, 0.03, 70).argb(0.5), 0.02)
    for x, y, angle, grow in stand:
        with ink.at(x, y, angle, grow):
            _mushroom(ink, organism)
    _moss(ink, rng)


def _moss(ink: Ink, rng: np.random.Generator) -> None:
    green = Pigment(0.48, 0.075, 125.0)
    n = 42
    x, lean, tall = np.clip(rng.normal(0, 0.17, n), -0.42, 0.42), rng.normal(0, 0.025, n), rng.uniform(0.02, 0.06, n)
    blades = np.stack([x, np.full(n, 0.485), x + lean, 0.48 - tall], 1).tolist()
    ink.hatch(blades[::2], green.tone(-0.1).argb(), 0.009)
    ink.hatch(blades[1::2], green.tone(0.08).argb(), 0.007)


def _mushroom(ink: Ink, organism: Organism) -> None:
    """Draw one mushroom that stands on the origin and is at most 0.94 high."""
    t = organism.traits
    half = t["cap_width"] / 2
    form = TRAITS[-3].states[int(t["cap_form"])]
    squash = {"convex": 0.85, "cone": 1.35, "bell": 1.15, "flat": 0.42, "funnel": 0.5}[form]
    tall = min(0.42, t["cap_height"] * half * 2 * squash)
    stem = min(t["stem_length"], 0.92 - tall)
    _stem(ink, t, half, stem)
    _cap(ink, organism, form, (half, tall, -stem))


def _stem(ink: Ink, t: Mapping[str, float], half: float, stem: float) -> None:
    flesh = Pigment(t["stem_lightness"], 0.035, t["cap_hue"] * 0.3 + 55)
    wide = t["stem_thickness"] * half * 2
    swell = wide * (1.0 + 0.75 * t["bulb_size"])
    shape = ink.ribbon(
        [(0.0, 0.012), (0.0, -0.03), (0.0, -0.085), (0.0, -0.16), (0.006, -stem * 0.6), (0.0, -stem - 0.05)],
        [swell * 0.6, swell * 0.92, swell, wide * (1.1 + 0.12 * t["bulb_size"]), wide * 0.94, wide * 0.86],
    )
    ink.wash(
        shape,
        (-wide * 0.6, 0),
        (wide * 0.6, 0),
        [flesh.tone(-0.09).argb(), flesh.tone(0.06).argb(), flesh.argb(), flesh.tone(-0.2).argb()],
        [0, 0.3, 0.55, 1],
    )
    with ink.clip(shape):
        if ink.fine:
            fibres = [(wide * 0.11 * k, -stem, wide * 0.13 * k + 0.004, 0.0) for k in range(-5, 6)]
            ink.hatch(fibres, flesh.tone(-0.25).argb(0.28), 0.003)
        ink.wash(shape, (0, -stem), (0, -stem + 0.16), [flesh.tone(-0.4).argb(0.65), flesh.tone(-0.3).argb(0.0)])
    ink.line(shape, flesh.tone(-0.36).argb(0.6), 0.005)
    ring = t["ring_size"] * wide
    if ring > 0.02:
        y = -stem * 0.66
        skirt = ink.curve(
            [
                (-wide * 0.48, y),
                (wide * 0.48, y),
                (wide * 0.5 + ring * 0.42, y + ring * 0.5),
                (wide * 0.2, y + ring * 0.66),
                (-wide * 0.2, y + ring * 0.6),
                (-wide * 0.5 - ring * 0.42, y + ring * 0.5),
            ]
        )
        ink.wash(skirt, (0, y), (0, y + ring * 0.7), [flesh.tone(0.06).argb(), flesh.tone(-0.1).argb()])
        ink.hatch(
            [(wide * 0.16 * k, y + 0.005, wide * 0.24 * k, y + ring * 0.5) for k in range(-3, 4)],
            flesh.tone(-0.24).argb(0.45),
            0.004,
        )
        ink.line(skirt, flesh.tone(-0.34).argb(0.7), 0.005)


def _dome(form: str, half: float, tall: float, y: float) -> list[Point]:
    """The upper outline of the cap from the left rim to the right rim."""
    if form == "convex":
        side = [(1.0, 0.0), (0.96, 0.34), (0.74, 0.74), (0.38, 0.95)]
    elif form == "cone":
        side = [(1.0, 0.0), (0.8, 0.28), (0.5, 0.6), (0.18, 0.92)]
    elif form == "bell":
        side = [(1.0, 0.0), (0.82, 0.2), (0.66, 0.58), (0.36, 0.9)]
    elif form == "flat":
        side = [(1.0, 0.0), (0.95, 0.5), (0.7, 0.86), (0.32, 0.96)]
    else:
        side = [(1.0, 0.5), (0.93, 0.8), (0.62, 0.7), (0.3, 0.52)]
    middle = 0.44 if form == "funnel" else 1.0
    left = [(-x * half, y - h * tall) for x, h in side]
    return [*left, (0.0, y - middle * tall), *[(-x, v) for x, v in reversed(left)]]


def _cap(ink: Ink, organism: Organism, form: str, place: tuple[float, float, float]) -> None:
    t = organism.traits
    half, tall, y = place
    skin, _ = colours(organism)
    rim_skin = skin.tone(-t["rim_darkness"])
    gills = Pigment(t["gill_lightness"], 0.045, t["gill_hue"])
    top = _dome(form, half, tall, y)
    rim = top[0][1]
    droop = half * (0.4 if form != "funnel" else 0.1)
    under = ink.curve(
        [
            (-half, rim),
            (-half * 0.6, rim + droop * 0.72),
            (0.0, rim + droop),
            (half * 0.6, rim + droop * 0.72),
            (half, rim),
            (half * 0.5, rim - droop * 0.5),
            (-half * 0.5, rim - droop * 0.5),
        ]
    )
    apex = (0.0, y + 0.04 if form == "funnel" else rim - droop * 0.2)
    if form == "funnel":
        wide = t["stem_thickness"] * half
        under = ink.curve(
            [
                (-half, rim),
                (-half * 0.72, rim + tall * 0.12),
                (-wide * 1.2, y + tall * 0.3),
                (0.0, y + tall * 0.36),
                (wide * 1.2, y + tall * 0.3),
                (half * 0.72, rim + tall * 0.12),
                (half, rim),
                (0.0, rim - tall * 0.1),
            ]
        )
        apex = (0.0, y + tall * 0.5)
    _gills(ink, under, apex, (half, rim, droop, form == "funnel"), gills)
    lip = half * 0.035 * (form != "funnel")
    outline = ink.curve(
        [
            *top,
            (half * 0.55, rim + lip + half * 0.05),
            (0.0, rim + lip + half * 0.09),
            (-half * 0.55, rim + lip + half * 0.05),
        ]
    )
    ink.dome(
        outline,
        (-half * 0.28, rim - tall * 0.72),
        half * 1.35,
        [skin.tone(0.14).argb(), skin.argb(), rim_skin.argb(), rim_skin.tone(-0.16).argb()],
        [0, 0.35, 0.75, 1],
    )
    _model(ink, organism, outline, (half, tall, rim), skin)
    ink.line(outline, rim_skin.tone(-0.32).argb(0.75), 0.006)
    infect(ink, outline, organism.lesion, organism.severity, organism.individual)


def _gills(ink: Ink, under: Path, apex: Point, place: tuple[float, float, float, bool], gills: Pigment) -> None:
    """The underside of the cap, its gills running out from the stem."""
    half, rim, droop, funnel = place
    sides = [gills.tone(-0.14).argb(), gills.argb(), gills.tone(-0.2).argb()]
    ink.wash(under, (-half, 0), (half, 0), sides, [0, 0.4, 1])
    with ink.clip(under):
        fan = [
            (apex[0], apex[1], half * 1.1 * math.sin(a), rim if funnel else rim + droop * 1.2 * math.cos(a))
            for a in np.linspace(-1.57, 1.57, 52 if ink.fine else 24).tolist()
        ]
        ink.hatch(fan, gills.tone(-0.26).argb(0.6), 0.004)
        ink.soft(ink.oval(0.0, rim - droop * 0.2, half * 1.1, droop * 0.6), gills.tone(-0.5).argb(0.55), 0.02)
    ink.line(under, gills.tone(-0.35).argb(0.6), 0.005)


def _model(ink: Ink, organism: Organism, outline: Path, place: tuple[float, float, float], skin: Pigment) -> None:
    """Marks, grooves, shade and light of the cap."""
    half, tall, rim = place
    depth = organism.traits["striation"]
    with ink.clip(outline):
        _cap_marks(ink, organism, (half, tall, rim), skin)
        if depth > 0.3:
            grooves = [
                (
                    half * 0.8 * math.sin(a),
                    rim - tall * 0.16 * math.cos(a),
                    half * 1.02 * math.sin(a),
                    rim + half * 0.16 * math.cos(a),
                )
                for a in np.linspace(-1.5, 1.5, 40).tolist()
            ]
            ink.hatch(grooves, skin.tone(-0.27).argb(0.6 * depth), 0.005)
        ink.soft(
            ink.ribbon(
                [(half * 0.2, rim - tall * 0.02), (half * 0.72, rim - tall * 0.1), (half, rim - tall * 0.5)],
                [0.03, half * 0.26, 0.03],
            ),
            skin.tone(-0.4).argb(0.28),
            half * 0.1,
        )
        ink.soft(
            ink.oval(-half * 0.34, rim - tall * 0.74, half * 0.24, tall * 0.09),
            Pigment(0.99, 0.01, 90).argb(0.6),
            half * 0.06,
        )


def _cap_marks(ink: Ink, organism: Organism, place: tuple[float, float, float], skin: Pigment) -> None:
    t = organism.traits
    half, tall, rim = place
    pattern = TRAITS[-2].states[int(t["cap_pattern"])]
    rng = np.random.default_rng((organism.individual, 37))
    size, count = t["mark_size"], round(t["mark_count"])
    _, mark = colours(organism)
    if pattern == "warts":
        k = np.arange(count)
        reach, turn = np.sqrt((k + 0.6) / count), k * 2.399963 + float(rng.uniform(0, 6.28))
        xs = half * 0.96 * reach * np.cos(turn) + rng.normal(0, 0.01, count)
        ys = rim - tall * (1.04 - reach) * 0.9 + 0.3 * tall * reach * np.sin(turn) + rng.normal(0, 0.008, count)
        radii = half * 0.115 * size * (1.15 - 0.6 * reach) * rng.uniform(0.7, 1.2, count)
        for shift, colour in (
            (half * 0.018, skin.tone(-0.3).argb(0.5)),
            (0.0, mark.argb()),
            (-half * 0.012, mark.tone(0.06).argb()),
        ):
            shrink = 0.6 if shift < 0 else 1.0
            for u, v, q, g in zip(xs.tolist(), ys.tolist(), radii.tolist(), reach.tolist(), strict=True):
                ink.fill(ink.oval(u + shift, v + shift, q * shrink * (1.1 - 0.3 * g), q * shrink * 0.86), colour)
    elif pattern == "scales":
        tufts = []
        rows = 4 + count // 7
        for i in range(rows):
            f = (i + 0.5) / rows
            for j in range(5 + 3 * i):
                a = 1.5 * ((j + 0.5 * (i % 2)) / (4.5 + 3 * i) * 2 - 1)
                u = half * f * math.sin(a)
                v = rim - tall * (1.0 - f) * 0.92 - 0.34 * tall * f * (math.cos(a) - 0.75)
                v += float(rng.normal(0, 0.005))
                tufts.append((u, v, u * 1.06, v + half * 0.07 * size))
        ink.hatch(tufts, skin.tone(-0.2).argb(0.9), half * 0.055 * size)
        ink.hatch([(u, v, x, y - 0.004) for u, v, x, y in tufts], skin.tone(0.08).argb(0.5), half * 0.016 * size)
    elif pattern == "zones":
        rings = 2 + count // 8
        for i in range(rings):
            f = (i + 0.7) / rings
            band = ink.oval(0.0, rim - tall * (0.75 - 0.35 * f), half * 1.02 * f, tall * 0.62 * f)
            ink.line(band, (mark if i % 2 else skin.tone(-0.2)).argb(0.6), half * 0.1 * size)
