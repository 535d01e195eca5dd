"""A flowering stem."""

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
    Trait("petal_count", "petals in a ring", "count", 4.0, 13.99),
    Trait("petal_width", "petal width over petal length", low=0.28, high=0.95),
    Trait("petal_point", "how pointed the petals are (negative: notched)", low=-1.0, high=1.0),
    Trait("petal_curl", "waviness of the petals", low=0.0, high=1.0),
    Trait(
        "petal_hue",
        "hue of the petals, OKLCH (beyond 360: reds again)",
        "degree",
        250.0,
        470.0,
        model="OU",
        sd_within=0.025,
    ),
    Trait("petal_lightness", "lightness of the petals, OKLCH", low=0.5, high=0.92, model="OU"),
    Trait("petal_chroma", "colourfulness of the petals, OKLCH", low=0.03, high=0.17, model="OU"),
    Trait("throat_hue", "hue of the petal bases and marks, OKLCH", "degree", 300.0, 470.0, model="OU", sd_within=0.025),
    Trait("throat_size", "reach of the colour of the petal bases", low=0.1, high=0.75),
    Trait("centre_size", "disc diameter over flower diameter", low=0.1, high=0.42),
    Trait("centre_lightness", "lightness of the disc, OKLCH", low=0.3, high=0.82, model="OU"),
    Trait("flower_count", "flowers on a stem", "count", 3.0, 9.99),
    Trait("leaf_width", "width of the stem leaves over their length", low=0.12, high=0.5),
    Trait("stem_lean", "bend of the stem", low=0.0, high=1.0),
    Trait(
        "petal_pattern",
        "what is drawn on the petals",
        states=("plain", "veins", "edge", "spots", "stripe"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait(
        "inflorescence",
        "arrangement of the flowers",
        states=("single", "double", "umbel", "raceme"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait("leaf_form", "outline of the stem leaves", states=("blade", "oval", "cut"), model="Mk", sd_within=0.0),
)


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The main colour of an organism and that of its marks, as drawn."""
    t = organism.traits
    throat = Pigment(0.55 if t["petal_lightness"] > 0.66 else 0.86, 0.14, t["throat_hue"])
    return Pigment(t["petal_lightness"], t["petal_chroma"], t["petal_hue"]), throat


def draw(ink: Ink, organism: Organism) -> None:
    """Draw a flowering stem with leaves."""
    t = organism.traits
    kind = TRAITS[-2].states[int(t["inflorescence"])]
    lean = 0.1 * t["stem_lean"]
    stem = Pigment(0.5, 0.08, 128.0)
    single = kind in ("single", "double")
    top = (lean, -0.16 if single else -0.12)
    line = [(-lean, 0.49), (-lean * 0.8, 0.25), (0.0, 0.05), top]
    ink.fill(ink.ribbon(line, [0.026, 0.022, 0.018, 0.015]), stem.argb())
    ink.fill(ink.ribbon([(x - 0.005, y) for x, y in line], [0.007, 0.006, 0.005, 0.004]), stem.tone(0.18).argb(0.8))
    for x, y, side, long in ((-lean * 0.9, 0.4, 1, 0.34), (-lean * 0.7, 0.28, -1, 0.3), (-lean * 0.2, 0.14, 1, 0.2)):
        if not single and y < 0.2 and kind == "umbel":
            long *= 0.8
        _leaf(ink, t, (x, y), side, long)
    if single:
        _corolla(ink, organism, top, 0.31, 0.88, 2 if kind == "double" else 1)
    elif kind == "umbel":
        _umbel(ink, organism, top, stem)
    else:
        _raceme(ink, organism, line, stem)


def _leaf(ink: Ink, t: Mapping[str, float], root: Point, side: int, long: float) -> None:
    green = Pigment(0.5, 0.085, 132.0)
    form = TRAITS[-1].states[int(t["leaf_form"])]
    half = t["leaf_width"] * (0.5 if form != "cut" else 0.75)
    with ink.at(root[0], root[1], -90 + side * 52, long):
        f = np.linspace(0, 1, 9 if form != "cut" else 15)
        if form == "blade":
            w = half * 0.62 * np.sin(math.pi * f**0.7) ** 0.9
        else:
            w = half * np.sin(math.pi * f**0.85)
        if form == "cut":
            w = w * np.where(np.arange(len(f)) % 2, 1.15, 0.3)
        bow = 0.16 * side * f * f
        upper = list(zip(f.tolist(), (bow - w).tolist(), strict=True))
        lower = list(zip(f.tolist(), (bow + w).tolist(), strict=True))
        blade = ink.curve([*upper, *reversed(lower)], tension=0.14)
        ink.wash(blade, (0, -half), (0, half), [green.tone(0.1).argb(), green.argb(), green.tone(-0.12).argb()])
        ink.line(ink.curve([(0, 0), (0.5, 0.04 * side), (0.98, 0.155 * side)], False), green.tone(0.2).argb(0.8), 0.016)
        if form != "blade":
            veins = [
                (x, 0.16 * side * x * x, x + 0.13, 0.16 * side * x * x + s * half * 0.7)
                for x in (0.15, 0.3, 0.45, 0.6)
                for s in (-1, 1)
            ]
            ink.hatch(veins, green.tone(0.16).argb(0.5), 0.01)
        ink.line(blade, green.tone(-0.24).argb(0.6), 0.012)


def _petal(ink: Ink, t: Mapping[str, float], long: float) -> Path:
    """One petal pointing up, its base at the origin."""
    half, point, curl = t["petal_width"] * long * 0.5, t["petal_point"], t["petal_curl"]
    tip = long * (1.0 + 0.1 * max(0.0, point))
    notch = long * 0.16 * max(0.0, -point)
    blunt = half * (0.62 - 0.42 * max(0.0, point))
    wave = 0.05 * curl * long
    right = [
        (half * 0.14, 0.0),
        (half * 0.62, -long * 0.32),
        (half + wave, -long * 0.6),
        (half * 0.86 - wave * 0.6, -long * 0.78),
        (blunt, -long * 0.95),
    ]
    left = [
        (-half * 0.14, 0.0),
        (-half * 0.62, -long * 0.32),
        (-half - wave * 0.4, -long * 0.6),
        (-half * 0.9, -long * 0.78),
        (-blunt, -long * 0.95 + wave * 0.5),
    ]
    return ink.curve([*right, (0.0, -tip + notch), *reversed(left)])


def _paint_petal(ink: Ink, organism: Organism, petal: Path, long: float, tone: float) -> None:
    t = organism.traits
    plain, throat = colours(organism)
    colour = plain.tone(tone)
    pattern = TRAITS[-3].states[int(t["petal_pattern"])]
    reach = t["throat_size"]
    ink.dome(
        petal,
        (0.0, 0.0),
        long * 1.05,
        [throat.argb(), throat.mix(colour, 0.5).argb(), colour.argb(), colour.tone(0.07).argb()],
        [0, reach * 0.5, min(0.95, reach + 0.05), 1],
    )
    half = t["petal_width"] * long * 0.5
    if pattern != "plain" or ink.fine:
        with ink.clip(petal):
            if ink.fine:
                veins = [(half * 0.1 * k, -long * 0.1, half * 0.25 * k, -long * 0.92) for k in range(-3, 4)]
                ink.hatch(veins, colour.tone(-0.16).argb(0.3), long * 0.008)
            if pattern == "veins":
                ink.hatch(
                    [(half * 0.12 * k, 0.0, half * 0.27 * k, -long * 0.74) for k in range(-3, 4)],
                    throat.tone(-0.12).argb(0.85),
                    long * 0.022,
                )
            elif pattern == "edge":
                ink.line(petal, throat.argb(), long * 0.13)
            elif pattern == "spots":
                rng = np.random.default_rng((organism.individual, 23))
                x, y = rng.uniform(-0.55, 0.55, 12) * half, -long * rng.uniform(0.25, 0.72, 12)
                ink.dots(
                    [(u, v, long * 0.034) for u, v in zip(x.tolist(), y.tolist(), strict=True)],
                    throat.tone(-0.16).argb(0.9),
                )
            elif pattern == "stripe":
                ink.fill(
                    ink.ribbon([(0, 0), (0, -long * 0.5), (0, -long)], [half * 0.3, half * 0.42, half * 0.1]),
                    throat.argb(0.95),
                )
    ink.line(petal, colour.tone(-0.22).argb(0.6), max(0.003, long * 0.014))


def _corolla(ink: Ink, organism: Organism, at: Point, long: float, tilt: float, rings: int) -> None:
    """One flower seen a little from the side."""
    t = organism.traits
    count = int(t["petal_count"])
    petal = _petal(ink, t, long)
    spin = float(np.random.default_rng((organism.individual, 29)).uniform(-8, 8))
    whole = ink.nothing()
    with ink.at(at[0], at[1], 0.0, 1.0, tilt):
        for ring in range(rings):
            grow = 1.0 - 0.3 * ring
            order = [*range(0, count, 2), *range(1, count, 2)]
            for k in order:
                angle = spin + 360.0 * (k + 0.5 * ring) / count
                with ink.at(0.0, 0.0, angle, grow):
                    _paint_petal(
                        ink,
                        organism,
                        petal,
                        long,
                        0.025 * math.cos(math.radians(angle + 45)) + 0.03 * ring - 0.04 * (k % 2 == 0),
                    )
                if organism.lesion:
                    whole.addPath(ink.moved(petal, (0.0, 0.0), angle, grow))
        infect(ink, whole, organism.lesion, organism.severity, organism.individual)
        _centre(ink, t, long)


def _centre(ink: Ink, t: Mapping[str, float], long: float) -> None:
    r = t["centre_size"] * long * 0.8
    disc = Pigment(t["centre_lightness"], 0.12, 80.0 - 40.0 * (t["centre_lightness"] < 0.5))
    if ink.fine or r > 0.03:
        ink.soft(ink.oval(0, r * 0.15, r * 1.12), Pigment(0.2, 0.03, 50).argb(0.35), r * 0.18)
    ink.dome(
        ink.oval(0, 0, r),
        (-r * 0.3, -r * 0.35),
        r * 1.5,
        [disc.tone(0.16).argb(), disc.argb(), disc.tone(-0.25).argb()],
    )
    n = 60 if ink.fine and long > 0.2 else 14
    k = np.arange(n)
    f, a = r * 0.96 * np.sqrt((k + 0.5) / n), k * 2.399963
    seeds = np.stack([f * np.cos(a), f * np.sin(a), np.full(n, r * 0.62 / math.sqrt(n))], 1).tolist()
    ink.dots(seeds[::2], disc.tone(-0.16).argb(0.8))
    ink.dots(seeds[1::2], disc.tone(0.16).argb(0.8))


def _umbel(ink: Ink, organism: Organism, top: Point, stem: Pigment) -> None:
    count = round(organism.traits["flower_count"])
    x, y = top
    y += 0.1
    size = 0.2 / math.sqrt(count / 3) + 0.015
    heads = []
    for k in range(count):
        a = math.radians(-90 + 150 * ((k + 0.5) / count - 0.5))
        reach = 0.3 - 0.08 * (k % 2) * (count > 4)
        heads.append((x + reach * 1.1 * math.cos(a), y + reach * math.sin(a)))
    for u, v in heads:
        ink.line(ink.curve([(x, y), (x * 0.4 + u * 0.6, (y + v) / 2 + 0.02), (u, v)], False), stem.argb(), 0.011)
    for u, v in sorted(heads, key=lambda p: p[1]):
        _corolla(ink, organism, (u, v), size, 0.85, 1)


def _raceme(ink: Ink, organism: Organism, line: list[Point], stem: Pigment) -> None:
    count = round(organism.traits["flower_count"])
    x, y = line[-1]
    tip = (x * 1.5, y - 0.32)
    ink.fill(ink.ribbon([line[-2], (x, y), tip], [0.018, 0.015, 0.006]), stem.argb())
    bud = Pigment(
        organism.traits["petal_lightness"] - 0.08, organism.traits["petal_chroma"], organism.traits["petal_hue"]
    )
    for k in range(3):
        side = 1 if k % 2 else -1
        v = tip[1] + 0.035 * k
        with ink.at(tip[0] + side * 0.014 * (k > 0), v, side * 24 * (k > 0)):
            ink.fill(ink.curve([(-0.016, 0.0), (0.0, -0.05), (0.016, 0.0), (0.0, 0.012)]), bud.argb())
            ink.fill(ink.curve([(-0.016, 0.004), (0.0, -0.018), (0.016, 0.004), (0.0, 0.016)]), stem.argb())
    for k in range(count):
        f = k / max(1, count - 1)
        side = 1 if k % 2 else -1
        size = 0.075 + 0.06 * f + 0.12 / count
        v = tip[1] + 0.11 + 0.3 * f
        u = tip[0] * (1 - f) + side * (0.05 + 0.075 * f)
        ink.line(ink.curve([(tip[0] * (1 - f), v + 0.03), (u, v)], False), stem.argb(), 0.009)
        _corolla(ink, organism, (u, v), size, 0.9, 1)
