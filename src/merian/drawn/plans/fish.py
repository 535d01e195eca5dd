"""A fish seen from its left side, head to the left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from merian.drawn.organism import Organism, Trait
from merian.drawn.pigment import Pigment, natural_hue

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Path, Point

__all__ = ["TRAITS", "colours", "draw"]

TRAITS: tuple[Trait, ...] = (
    Trait("body_depth", "body depth over body length", low=0.24, high=0.66),
    Trait("snout_length", "length before the eye over head length", low=0.25, high=0.7),
    Trait("eye_size", "eye diameter over head length", low=0.16, high=0.36),
    Trait("tail_fork", "depth of the fork of the tail fin", low=-0.3, high=0.75),
    Trait("tail_size", "tail fin over body length", low=0.18, high=0.36),
    Trait("dorsal_height", "height of the back fin over body length", low=0.1, high=0.3),
    Trait("dorsal_length", "base of the back fin over body length", low=0.22, high=0.66),
    Trait(
        "back_hue",
        "hue of the flank, on the circle of animal pigments",
        "degree",
        30.0,
        270.0,
        model="OU",
        sd_within=0.025,
    ),
    Trait("back_lightness", "lightness of the flank, OKLCH", low=0.4, high=0.8, model="OU"),
    Trait("back_chroma", "colourfulness of the flank, OKLCH", low=0.02, high=0.15, model="OU"),
    Trait("belly_hue", "hue of the belly, OKLCH", "degree", 20.0, 130.0, model="OU", sd_within=0.025),
    Trait(
        "fin_hue",
        "hue of the fins, on the circle of animal pigments",
        "degree",
        20.0,
        270.0,
        model="OU",
        sd_within=0.025,
    ),
    Trait("mark_size", "width of the marks over its largest", low=0.3, high=1.0),
    Trait("mark_count", "marks along the flank", "count", 3.0, 9.0),
    Trait("mark_lightness", "lightness of the marks, OKLCH", low=0.18, high=0.5, model="OU"),
    Trait(
        "mark_pattern",
        "what is drawn on the flank",
        states=("plain", "bars", "stripes", "spots", "saddle"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait("dorsal_form", "outline of the back fin", states=("sail", "spiny", "double"), model="Mk", sd_within=0.0),
)

TOP = ((0.0, 0.0), (0.08, 0.42), (0.2, 0.78), (0.38, 1.0), (0.55, 0.94), (0.75, 0.58), (0.9, 0.24), (1.0, 0.2))
LOW = ((0.0, 0.04), (0.08, 0.34), (0.2, 0.7), (0.38, 0.96), (0.55, 0.88), (0.75, 0.48), (0.9, 0.22), (1.0, 0.2))
"""Half the depth of the body above and below the axis, from snout (0) to tail root (1), over the largest."""


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The main colour of an organism and that of its marks, as drawn."""
    back, _, _, mark = _pigments(organism, _grown(organism))
    return back, mark


def draw(ink: Ink, organism: Organism) -> None:
    """Draw a fish, head to the left; males have longer fins and stronger colours, juveniles large eyes and pale marks."""
    t = _grown(organism)
    long = 0.92 / (1.0 + 0.92 * t["tail_size"])
    with ink.at(-0.47, 0.02 * t["dorsal_height"] / 0.2, 0.0, long):
        _fish(ink, organism, t)


def _grown(organism: Organism) -> dict[str, float]:
    """The traits at the organism's age."""
    t = dict(organism.traits)
    if organism.stage == "juvenile":
        t["eye_size"] *= 1.35
        t["body_depth"] *= 0.82
        t["dorsal_height"] *= 0.75
        t["tail_size"] *= 0.9
        t["back_chroma"] *= 0.5
        t["back_lightness"] = 0.5 * t["back_lightness"] + 0.36
    return t


def _pigments(organism: Organism, t: dict[str, float]) -> tuple[Pigment, Pigment, Pigment, Pigment]:
    """Back, belly, fins and marks."""
    male = organism.sex == "male" and organism.stage == "adult"
    back = Pigment(t["back_lightness"], t["back_chroma"], natural_hue(t["back_hue"]))
    belly = Pigment(min(0.93, t["back_lightness"] + 0.26), 0.05, t["belly_hue"])
    fin = Pigment(0.55, 0.12 if male else 0.05, natural_hue(t["fin_hue"])).mix(back, 0.3)
    mark = Pigment(t["mark_lightness"], 0.06 if organism.stage == "adult" else 0.03, t["fin_hue"])
    return back, belly, fin, mark


def _edge(t: dict[str, float], s: float, side: int) -> Point:
    """The point on the back (side -1) or belly (1) at the place `s` along the body."""
    profile = TOP if side < 0 else LOW
    return s, side * float(np.interp(s, [p[0] for p in profile], [p[1] for p in profile])) * t["body_depth"] / 2


def _fish(ink: Ink, organism: Organism, t: dict[str, float]) -> None:
    male = organism.sex == "male" and organism.stage == "adult"
    back, belly, fin, mark = _pigments(organism, t)
    deep = t["body_depth"] / 2
    _fins(ink, t, fin, male)
    outline = ink.curve(
        [(0.0, 0.01), *[_edge(t, s, -1) for s, _ in TOP[1:]], *[_edge(t, s, 1) for s, _ in reversed(LOW[1:])]]
    )
    ink.wash(
        outline,
        (0, -deep),
        (0, deep),
        [back.tone(-0.2).argb(), back.argb(), back.mix(belly, 0.5).argb(), belly.argb(), belly.tone(-0.1).argb()],
        [0, 0.3, 0.58, 0.8, 1],
    )
    head = 0.2 + 0.12 * t["snout_length"]
    with ink.clip(outline):
        _marks(ink, organism, t, mark, head)
        _scales(ink, back, head, deep, outline)
        ink.soft(
            ink.ribbon([(head, -deep * 0.42), (0.5, -deep * 0.5), (0.85, -deep * 0.12)], [0.02, deep * 0.2, 0.01]),
            Pigment(0.98, 0.02, 200).argb(0.5),
            deep * 0.09,
        )
        face = ink.curve([(-0.02, -deep), (head, -deep), (head * 1.12, 0.0), (head * 0.98, deep), (-0.02, deep)])
        ink.wash(
            face,
            (0, -deep),
            (0, deep),
            [back.tone(-0.18).argb(0.75), back.tone(0.06).argb(0.6), belly.tone(0.02).argb(0.85)],
        )
        gill = ink.curve([(head * 0.92, -deep * 0.62), (head * 1.14, -deep * 0.05), (head * 0.9, deep * 0.7)], False)
        ink.line(gill, back.tone(-0.32).argb(0.8), 0.011)
        with ink.at(0.012, 0.0):
            ink.line(gill, belly.tone(0.1).argb(0.5), 0.007)
        ink.line(
            ink.curve([(head * 0.72, -deep * 0.25), (head * 0.84, deep * 0.1), (head * 0.66, deep * 0.5)], False),
            back.tone(-0.25).argb(0.4),
            0.006,
        )
        ink.line(
            ink.curve([(head * 1.16, -deep * 0.2), (0.6, -deep * 0.1), (1.0, 0.0)], False),
            back.tone(-0.28).argb(0.5),
            0.006,
        )
    ink.line(outline, back.tone(-0.32).argb(0.75), 0.008)
    ink.line(
        ink.curve([(0.0, 0.012), (head * 0.16, deep * 0.12), (head * 0.34, deep * 0.16)], False),
        back.tone(-0.4).argb(),
        0.01,
    )
    r = t["eye_size"] * head * 0.42
    ink.eye(head * (0.22 + 0.4 * t["snout_length"]), -deep * 0.26, r, Pigment(0.8, 0.12, 85.0).argb())
    _side_fins(ink, t, fin, head, deep)


def _fan(ink: Ink, base: list[Point], rim: list[Point], fin: Pigment) -> None:
    """Draw a fin between its base and its rim, with rays from one to the other."""
    outline = ink.curve([*base, *reversed(rim)], tension=0.12)
    x0, y0 = base[len(base) // 2]
    x1, y1 = rim[len(rim) // 2]
    ink.wash(outline, (x0, y0), (x1, y1), [fin.tone(-0.08).argb(0.96), fin.tone(0.12).argb(0.86)])
    rays = 16
    at = np.linspace(0, 1, rays)
    sides = []
    for row in (base, rim):
        f = at * (len(row) - 1)
        sides.append(
            (np.interp(f, range(len(row)), [p[0] for p in row]), np.interp(f, range(len(row)), [p[1] for p in row]))
        )
    (bx, by), (rx, ry) = sides
    ink.hatch(
        np.stack([bx, by, bx + 0.96 * (rx - bx), by + 0.96 * (ry - by)], 1).tolist(), fin.tone(-0.24).argb(0.6), 0.005
    )
    ink.line(outline, fin.tone(-0.25).argb(0.7), 0.006)


def _fins(ink: Ink, t: dict[str, float], fin: Pigment, male: bool) -> None:
    size, fork = t["tail_size"] * (1.1 if male else 1.0), t["tail_fork"]
    root = t["body_depth"] * 0.1
    spread = size * (0.95 + 0.2 * max(0.0, fork))
    rim = [
        (1.0 + size, -spread),
        (1.0 + size * (0.95 - 0.35 * fork), -spread * 0.5),
        (1.0 + size * (0.92 - 0.75 * fork), 0.0),
        (1.0 + size * (0.95 - 0.35 * fork), spread * 0.5),
        (1.0 + size, spread),
    ]
    if fork < 0.05:
        rim[0], rim[-1] = (1.0 + size * 0.8, -spread * 0.72), (1.0 + size * 0.8, spread * 0.72)
    _fan(ink, [(0.96, -root), (0.965, 0.0), (0.96, root)], rim, fin)
    tall, first = t["dorsal_height"] * (1.25 if male else 1.0), 0.3
    last = min(0.88, first + t["dorsal_length"])
    form = TRAITS[-1].states[int(t["dorsal_form"])]
    spans = (
        [(first, last)]
        if form != "double"
        else [(first, first + 0.55 * (last - first)), (first + 0.62 * (last - first), last)]
    )
    for k, (a, b) in enumerate(spans):
        steps = np.linspace(0, 1, 9)
        base = [_edge(t, a + (b - a) * float(f), -1) for f in steps]
        base = [(x, y + 0.03) for x, y in base]
        height = [
            tall * (0.35 + 0.65 * math.sin(math.pi * min(1.0, 0.2 + 0.75 * float(f)))) * (1.0 - 0.25 * k) for f in steps
        ]
        if form == "spiny":
            height = [h * (1.12 if i % 2 else 0.78) for i, h in enumerate(height)]
        if male:
            height[-2] *= 1.35
        rim = [(x + 0.06 + 0.05 * float(f), y - 0.03 - h) for (x, y), h, f in zip(base, height, steps, strict=True)]
        _fan(ink, base, rim, fin)
    steps = np.linspace(0, 1, 6)
    base = [_edge(t, 0.6 + 0.26 * float(f), 1) for f in steps]
    rim = [(x + 0.06, y + t["dorsal_height"] * (0.85 - 0.55 * float(f))) for (x, y), f in zip(base, steps, strict=True)]
    _fan(ink, [(x, y - 0.03) for x, y in base], rim, fin)


def _side_fins(ink: Ink, t: dict[str, float], fin: Pigment, head: float, deep: float) -> None:
    x, y = head * 1.12, deep * 0.22
    _fan(
        ink,
        [(x, y - 0.03), (x, y), (x, y + 0.03)],
        [(x + 0.15, y - 0.02), (x + 0.17, y + 0.06), (x + 0.1, y + 0.12)],
        fin.tone(0.06),
    )
    x, y = _edge(t, 0.38, 1)
    _fan(
        ink,
        [(x - 0.03, y - 0.02), (x, y - 0.02), (x + 0.04, y - 0.02)],
        [(x + 0.03, y + 0.12), (x + 0.08, y + 0.11), (x + 0.1, y + 0.05)],
        fin,
    )


def _scales(ink: Ink, back: Pigment, head: float, deep: float, outline: Path) -> None:
    if not ink.fine:
        return
    arcs, lights = [], []
    step = 0.034
    for i in range(int((1.0 - head) / step) + 1):
        for j in range(-int(deep / step) - 1, int(deep / step) + 2):
            x, y = head + i * step, (j + 0.5 * (i % 2)) * step
            for a in (-1.0, 0.0):
                arcs.append(
                    (
                        x + 0.02 * math.cos(a),
                        y + 0.02 * math.sin(a),
                        x + 0.02 * math.cos(a + 1),
                        y + 0.02 * math.sin(a + 1),
                    )
                )
            lights.append((x + 0.008, y - 0.008, 0.004))
    ink.hatch(arcs, back.tone(-0.28).argb(0.34), 0.0045)
    ink.dots(lights, Pigment(0.98, 0.02, 100).argb(0.22))


def _marks(ink: Ink, organism: Organism, t: dict[str, float], mark: Pigment, head: float) -> None:
    pattern = TRAITS[-2].states[int(t["mark_pattern"])]
    rng = np.random.default_rng(organism.individual)
    count, size, deep = round(t["mark_count"]), t["mark_size"], t["body_depth"] / 2
    alpha = 0.85 if organism.stage == "adult" else 0.5
    if pattern == "bars":
        for k in range(count):
            x = head * 0.9 + (1.0 - head * 0.8) * (k + 0.5) / count + float(rng.normal(0, 0.006))
            wide = 0.62 * size / count
            bow = 0.03 * float(rng.normal(0.6, 0.3))
            ink.fill(
                ink.ribbon([(x, -deep * 1.1), (x + bow, 0.0), (x - bow, deep * 0.9)], [wide, wide * 0.85, wide * 0.3]),
                mark.argb(alpha),
            )
    elif pattern == "stripes":
        rows = max(2, count // 2)
        for k in range(rows):
            y = deep * (-0.7 + 1.35 * k / rows)
            wave = rng.normal(0, deep * 0.02, 5).tolist()
            points = [(x, y * (1 - 0.72 * x * x) + w) for x, w in zip((0.03, 0.3, 0.55, 0.8, 1.02), wave, strict=True)]
            wide = deep * 0.78 * size / rows
            ink.fill(ink.ribbon(points, [wide * 0.6, wide, wide, wide * 0.8, wide * 0.5]), mark.argb(alpha))
    elif pattern == "spots":
        spots = []
        for i in range(count + 2):
            for j in range(5):
                x, y = head + (0.98 - head) * (i + 0.5 * (j % 2)) / (count + 2), deep * (-0.75 + 0.3 * j)
                jx, jy, jr = rng.normal(0, 1, 3)
                spots.append(
                    (x + 0.012 * jx, y + 0.012 * jy, (0.016 + 0.022 * size) * (1 - 0.12 * j) * (1 + 0.18 * jr))
                )
        ink.dots(spots, mark.argb(alpha))
    elif pattern == "saddle":
        for k in range(max(2, count // 2)):
            x = 0.36 + 0.56 * k / max(2, count // 2) + float(rng.normal(0, 0.008))
            ink.fill(
                ink.oval(x, -deep * (0.72 - 0.4 * x), 0.05 + 0.045 * size, deep * (0.3 + 0.25 * size)), mark.argb(alpha)
            )
        ink.dots([(0.93, 0.0, deep * 0.2)], mark.tone(-0.1).argb())
