"""A hoofed mammal seen from its left side; its marks are those of the individual."""

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
    Trait("leg_length", "leg over body length", low=0.42, high=0.78),
    Trait("neck_length", "neck over body length", low=0.26, high=0.72),
    Trait("body_depth", "chest depth over body length", low=0.38, high=0.56),
    Trait("head_length", "head over body length", low=0.26, high=0.38),
    Trait("ear_size", "ear over head length", low=0.25, high=0.7),
    Trait("horn_length", "horn over head length, as grown by males", low=0.3, high=1.7),
    Trait("mane_height", "height of the mane over neck thickness", low=0.0, high=0.6),
    Trait("hump", "height of the withers over body depth", low=0.0, high=0.28),
    Trait("coat_hue", "hue of the coat, OKLCH", "degree", 48.0, 95.0, model="OU", sd_within=0.025),
    Trait("coat_lightness", "lightness of the coat, OKLCH", low=0.42, high=0.86, model="OU"),
    Trait("coat_chroma", "colourfulness of the coat, OKLCH", low=0.015, high=0.11, model="OU"),
    Trait("mark_lightness", "lightness of stripes and spots, OKLCH", low=0.14, high=0.4, model="OU"),
    Trait("mark_count", "stripes or rows of spots along the body", "count", 7.0, 17.0),
    Trait("belly_lightness", "lightness of the underside over that of the coat", low=0.9, high=1.5, model="OU"),
    Trait(
        "mark_pattern",
        "what is drawn on the coat",
        states=("stripes", "forked", "spots", "net"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait(
        "horn_form",
        "shape of the horns",
        states=("spike", "sickle", "lyre", "spiral", "antler"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait("face_pattern", "what is drawn on the face", states=("plain", "blaze", "mask"), model="Mk", sd_within=0.0),
)


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The main colour of an organism and that of its marks, as drawn."""
    t = organism.traits
    coat = Pigment(t["coat_lightness"], t["coat_chroma"], t["coat_hue"])
    if organism.stage == "juvenile":
        coat = coat.mix(Pigment(0.66, 0.06, 62.0), 0.35)
    return coat, Pigment(t["mark_lightness"], 0.03, coat.hue_deg - 15)


def draw(ink: Ink, organism: Organism) -> None:
    """Draw a hoofed mammal, head to the left; juveniles are leggy and hornless, females have small horns."""
    t = dict(organism.traits)
    if organism.stage == "juvenile":
        t["leg_length"] = min(0.86, t["leg_length"] * 1.22)
        t["horn_length"] = 0.0
        t["neck_length"] *= 0.85
        t["head_length"] *= 1.15
        t["mane_height"] *= 0.4
        t["hump"] = 0.0
        t["ear_size"] = min(0.9, t["ear_size"] * 1.3)
    elif organism.sex == "female":
        t["horn_length"] *= 0.28
        t["mane_height"] *= 0.7
        t["hump"] *= 0.6
    neck, head = t["neck_length"], t["head_length"]
    left = -0.5 - 0.5 * neck - 0.72 * head - 0.02
    top = -0.5 * t["body_depth"] - 0.72 * neck - 0.3 * head - 0.62 * t["horn_length"] * head * (t["horn_length"] > 0.1)
    low = t["body_depth"] * 0.42 + t["leg_length"] + 0.02
    size = 0.95 / max(0.64 - left, low - top)
    if organism.stage == "juvenile":
        size *= 0.86
    with ink.at(0.0, 0.0, 0.0, size), ink.at(-(0.62 + left) / 2, -(top + low) / 2):
        _animal(ink, organism, t)


def _animal(ink: Ink, organism: Organism, t: dict[str, float]) -> None:
    coat, mark = colours(organism)
    belly = Pigment(min(0.96, coat.lightness * t["belly_lightness"]), coat.chroma * 0.5, coat.hue_deg)
    deep = t["body_depth"] / 2
    crown = (-0.44 - 0.5 * t["neck_length"], -deep * 0.75 - 0.62 * t["neck_length"])
    far = coat.tone(-0.16)
    for x, bend in ((-0.29, 0.02), (0.41, -0.05)):
        _leg(ink, t, (x, deep * 0.3), bend, far, None)
    ink.fill(
        ink.ribbon([(0.49, -deep * 0.5), (0.585, -deep * 0.1), (0.575, deep * 0.9)], [0.06, 0.03, 0.022]),
        coat.tone(-0.06).argb(),
    )
    ink.fill(
        ink.ribbon([(0.58, deep * 0.5), (0.59, deep * 0.95), (0.565, deep * 1.45)], [0.03, 0.062, 0.012]), mark.argb()
    )
    neck = _neck(ink, t, deep, crown)
    rise = t["hump"] * deep * 1.6
    body = _trunk(ink, deep, rise)
    stripes = _stripes(ink, organism, t, deep)
    _ear(ink, t, crown, coat.tone(-0.12), 10)
    ink.wash(neck, (crown[0], crown[1]), (-0.25, 0.1), [coat.tone(0.05).argb(), coat.argb(), coat.tone(-0.05).argb()])
    ink.wash(
        body,
        (0, -deep - rise),
        (0, deep),
        [coat.tone(0.1).argb(), coat.argb(), coat.mix(belly, 0.6).argb(), belly.tone(-0.12).argb()],
        [0, 0.4, 0.8, 1],
    )
    ink.line(body, coat.tone(-0.35).argb(0.35), 0.006)
    for x, bend in ((-0.36, -0.01), (0.37, 0.06)):
        limb = _leg(ink, t, (x, -deep * 0.05), bend, coat, mark if t["mark_pattern"] < 2 else None)
        if t["mark_pattern"] >= 2:
            with ink.clip(limb):
                ink.fill(stripes, mark.argb(0.93))
    with ink.clip(neck):
        _neck_marks(ink, organism, t, crown, (deep, mark.argb(0.9)))
        ink.soft(
            ink.ribbon([(crown[0] - 0.1, crown[1] + 0.2), (-0.55, 0.0), (-0.5, 0.25)], [0.06, 0.1, 0.1]),
            coat.tone(-0.35).argb(0.4),
            0.04,
        )
    with ink.clip(body):
        ink.fill(stripes, mark.argb(0.93))
        _flank(ink, deep, rise, coat)
    _mane(ink, t, crown, deep, mark)
    _head(ink, organism, t, crown, (coat, belly, mark))


def _trunk(ink: Ink, deep: float, rise: float) -> Path:
    """The outline of the body without neck and legs; `rise` is the height of the withers."""
    return ink.curve(
        [
            (-0.48, -deep * 0.15),
            (-0.38, -deep * 0.88 - rise * 0.6),
            (-0.22, -deep * 1.0 - rise),
            (0.1, -deep * 0.88),
            (0.36, -deep * 0.98),
            (0.5, -deep * 0.55),
            (0.5, deep * 0.25),
            (0.34, deep * 0.62),
            (0.05, deep * 0.92),
            (-0.25, deep * 1.0),
            (-0.43, deep * 0.6),
        ]
    )


def _flank(ink: Ink, deep: float, rise: float, coat: Pigment) -> None:
    """Light on the back, shade under the belly and behind the limbs, and hair."""
    ink.soft(ink.oval(0.0, deep * 1.12, 0.55, deep * 0.4), coat.tone(-0.4).argb(0.5), 0.06)
    ink.soft(ink.oval(-0.05, -deep * 0.62 - rise * 0.5, 0.34, deep * 0.14), Pigment(0.98, 0.02, 85).argb(0.35), 0.045)
    for x in (-0.3, 0.34):
        ink.soft(
            ink.curve([(x - 0.13, deep * 0.3), (x, -deep * 0.4), (x + 0.12, deep * 0.5), (x, deep * 0.7)], False),
            coat.tone(-0.3).argb(0.16),
            0.05,
        )
    if ink.fine:
        _hair(ink, deep, coat)


def _leg(ink: Ink, t: dict[str, float], hip: Point, bend: float, coat: Pigment, mark: Pigment | None) -> Path:
    """Draw a leg from the hip down, and give back its outline."""
    x, y = hip
    low = t["body_depth"] * 0.42 + t["leg_length"]
    knee, fetlock = (x - bend, y + (low - y) * 0.52), (x + bend * 0.4, y + (low - y) * 0.87)
    hind = x > 0
    thigh = (x * 0.98, y + (low - y) * 0.16)
    points = [(x, y), thigh, ((x + knee[0]) / 2 + 0.012 * hind, y + (low - y) * 0.36), knee, fetlock]
    limb = ink.ribbon(points, [0.1, 0.24 if hind else 0.19, 0.13 if hind else 0.105, 0.07, 0.05])
    sides = [coat.tone(-0.1).argb(), coat.tone(0.05).argb(), coat.tone(-0.12).argb()]
    ink.wash(limb, (x - 0.1, 0), (x + 0.1, 0), sides, [0, 0.45, 1])
    if mark is not None:
        with ink.clip(limb):
            n = round(t["mark_count"] * 0.5)
            bars = [
                (x - 0.2, y + (low - y) * (0.3 + 0.5 * k / n), x + 0.2, y + (low - y) * (0.28 + 0.5 * k / n))
                for k in range(n)
            ]
            ink.hatch(bars, mark.argb(0.85), 0.2 / n)
    hoof = ink.poly(
        [
            (fetlock[0] - 0.03, fetlock[1] - 0.005),
            (fetlock[0] + 0.026, fetlock[1] - 0.005),
            (fetlock[0] + 0.03, low),
            (fetlock[0] - 0.055, low),
        ]
    )
    ink.fill(hoof, Pigment(0.24, 0.02, 60).argb())
    return limb


def _neck(ink: Ink, t: dict[str, float], deep: float, crown: Point) -> Path:
    x, y = crown
    return ink.curve(
        [
            (x + 0.05, y - 0.06),
            ((x - 0.22) / 2 + 0.08, (y - deep) / 2 - 0.06),
            (-0.2, -deep * 0.98),
            (-0.16, deep * 0.3),
            (-0.44, deep * 0.62),
            ((x - 0.46) / 2 - 0.05, (y + deep * 0.4) / 2 + 0.04),
            (x - 0.1, y + 0.11),
        ]
    )


def _stripes(ink: Ink, organism: Organism, t: dict[str, float], deep: float) -> Path:
    """The marks on the flank as one path. They follow from the individual's seed and its species' traits, and from nothing else."""
    rng = np.random.default_rng((organism.individual, 11))
    pattern = TRAITS[-3].states[int(t["mark_pattern"])]
    count = round(t["mark_count"])
    path = ink.nothing()
    step = 1.06 / count
    if pattern in ("stripes", "forked"):
        for k in range(count):
            x = -0.48 + (k + 0.5) * step + float(rng.normal(0, 0.2 * step))
            wide = step * float(rng.uniform(0.34, 0.72))
            sway = rng.normal(0, 0.32 * step, 4).cumsum().tolist()
            end = float(rng.uniform(0.45, 1.05))
            ys = np.linspace(-1.35, end, 4) * deep
            points = [(x + s + 0.1 * max(0.0, x) * i, float(y)) for i, (s, y) in enumerate(zip(sway, ys, strict=True))]
            path.addPath(ink.ribbon(points, [wide * 0.8, wide, wide * 0.85, wide * 0.12]))
            if rng.random() < (0.75 if pattern == "forked" else 0.25):
                turn = step * float(rng.choice((-1, 1))) * 0.75
                fork = [
                    points[1],
                    (points[2][0] + turn * 0.7, points[2][1]),
                    (points[3][0] + turn * 1.2, points[3][1] * 0.9),
                ]
                path.addPath(ink.ribbon(fork, [wide * 0.5, wide * 0.6, wide * 0.1]))
    elif pattern == "spots":
        for i in range(count):
            for j in range(8):
                jx, jy, grow = rng.normal(0, 1, 3)
                x = -0.48 + (i + 0.5 * (j % 2)) * step + 0.2 * step * float(jx)
                y = deep * (-0.95 + 0.36 * j) + 0.18 * step * float(jy)
                size = step * 0.27 * float(np.clip(1 + 0.4 * grow, 0.35, 1.7))
                path.addPath(ink.oval(x, y, size * 1.12, size))
    else:
        pitch = 1.7 * step
        for i in range(int(1.15 / pitch) + 1):
            for j in range(int(3.3 * deep / pitch) + 2):
                x, y = -0.5 + (i + 0.5 * (j % 2)) * pitch, -1.2 * deep + j * pitch * 0.86
                turns = np.arange(6) * math.pi / 3 + 0.52 + rng.normal(0, 0.16, 6)
                reach = pitch * rng.uniform(0.36, 0.56, 6)
                path.addPath(
                    ink.poly(
                        [
                            (x + float(r * np.cos(a)), y + float(r * np.sin(a)))
                            for a, r in zip(turns, reach, strict=True)
                        ]
                    )
                )
    return path


def _neck_marks(ink: Ink, organism: Organism, t: dict[str, float], crown: Point, coat: tuple[float, int]) -> None:
    deep, colour = coat
    rng = np.random.default_rng((organism.individual, 13))
    pattern, count = int(t["mark_pattern"]), max(4, round(t["mark_count"] * (0.25 + 0.5 * t["neck_length"])))
    x0, y0, x1, y1 = crown[0] - 0.03, crown[1], -0.36, -deep * 0.2
    angle = math.atan2(y1 - y0, x1 - x0)
    nx, ny = -math.sin(angle), math.cos(angle)
    for k in range(count):
        f = (k + 0.5 + 0.3 * float(rng.normal())) / count
        x, y = x0 + f * (x1 - x0), y0 + f * (y1 - y0)
        wide = 0.5 * math.hypot(x1 - x0, y1 - y0) / count * float(rng.uniform(0.7, 1.2))
        if pattern < 2:
            points = [(x + nx * s + 0.02 * float(rng.normal()), y + ny * s) for s in (-0.3, 0.0, 0.26)]
            ink.fill(ink.ribbon(points, [wide, wide * 0.9, wide * 0.25]), colour)
        else:
            size = wide * (0.55 if pattern == 2 else 0.95)
            ink.dots(
                [
                    (x + nx * s + 0.4 * wide * float(rng.normal()), y + ny * s, size * float(rng.uniform(0.6, 1.2)))
                    for s in (-0.18, -0.09, 0.0, 0.09, 0.18)
                ],
                colour,
            )


def _hair(ink: Ink, deep: float, coat: Pigment) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-0.5, 0.5, 170), rng.uniform(-1.2 * deep, deep, 170)
    ink.hatch(np.stack([x, y, x + 0.03, y + 0.012], 1).tolist(), coat.tone(-0.3).argb(0.22), 0.004)
    ink.hatch(np.stack([x + 0.1, y - 0.02, x + 0.125, y - 0.01], 1).tolist(), coat.tone(0.3).argb(0.2), 0.004)


def _mane(ink: Ink, t: dict[str, float], crown: Point, deep: float, mark: Pigment) -> None:
    tall = t["mane_height"] * 0.17
    if tall < 0.015:
        return
    x, y = crown
    x1, y1 = -0.2, -deep * 0.98
    strokes = []
    for k in range(26):
        f = k / 25
        u, v = x + 0.05 + f * (x1 - x - 0.05), y - 0.06 + f * (y1 - y + 0.06) - 0.055 * math.sin(math.pi * f)
        long = tall * (0.7 + 0.3 * math.sin(7.0 * k)) * (1 - 0.5 * f)
        strokes.append((u - 0.01, v + 0.02, u + long * 0.45, v - long * 0.85))
    ink.hatch(strokes, mark.argb(), 0.018)


def _ear(ink: Ink, t: dict[str, float], crown: Point, coat: Pigment, turn: float) -> None:
    size = t["ear_size"] * t["head_length"]
    with ink.at(crown[0] + 0.03, crown[1] - 0.03, 28 + turn, size):
        shape = ink.curve([(-0.14, 0.05), (-0.2, -0.45), (0.0, -0.98), (0.2, -0.45), (0.13, 0.05)])
        ink.fill(shape, coat.argb())
        ink.fill(
            ink.curve([(-0.05, 0.0), (-0.08, -0.45), (0.0, -0.8), (0.1, -0.4), (0.06, 0.0)]), coat.tone(-0.2).argb(0.8)
        )


def _head(
    ink: Ink, organism: Organism, t: dict[str, float], crown: Point, inks: tuple[Pigment, Pigment, Pigment]
) -> None:
    coat, belly, mark = inks
    size = t["head_length"]
    horn = t["horn_length"] * size
    if horn > 0.04:
        _horn(ink, TRAITS[-2].states[int(t["horn_form"])], (crown[0] + 0.0, crown[1] - 0.05), horn, -8.0, 0.8)
    with ink.at(crown[0] + 0.035, crown[1] - 0.005, -40.0 + 0, size):
        skull = ink.curve(
            [
                (0.16, -0.1),
                (-0.08, -0.27),
                (-0.4, -0.2),
                (-0.8, -0.07),
                (-1.0, -0.05),
                (-1.06, 0.09),
                (-0.95, 0.2),
                (-0.62, 0.22),
                (-0.25, 0.36),
                (0.1, 0.26),
            ]
        )
        ink.wash(skull, (0, -0.25), (0, 0.32), [coat.tone(0.1).argb(), coat.argb(), coat.tone(-0.14).argb()])
        with ink.clip(skull):
            if t["face_pattern"] == 1:
                ink.fill(
                    ink.ribbon([(-0.1, -0.26), (-0.5, -0.17), (-1.0, -0.06)], [0.1, 0.15, 0.1]),
                    Pigment(0.95, 0.02, 85).argb(),
                )
            elif t["face_pattern"] == 2:
                ink.fill(ink.ribbon([(-0.02, -0.2), (-0.4, 0.02), (-1.0, 0.12)], [0.24, 0.22, 0.2]), mark.argb(0.9))
            ink.soft(ink.oval(-1.0, 0.07, 0.16, 0.2), mark.argb(0.92), 0.05)
            ink.soft(ink.oval(-0.2, 0.32, 0.3, 0.12), belly.tone(-0.1).argb(0.6), 0.06)
            if t["mark_pattern"] < 2:
                ink.hatch([(-0.1 - 0.14 * k, 0.36, -0.16 - 0.14 * k, 0.06) for k in range(4)], mark.argb(0.7), 0.035)
        ink.line(skull, coat.tone(-0.34).argb(0.6), 0.02)
        ink.dots([(-1.0, 0.02, 0.032)], 0xFF15100D)
        ink.line(ink.curve([(-1.02, 0.14), (-0.86, 0.15), (-0.76, 0.12)], False), 0xC015100D, 0.016)
        ink.eye(-0.3, -0.06, 0.055, Pigment(0.3, 0.06, 50).argb())
    _ear(ink, t, (crown[0] + 0.03, crown[1] + 0.01), coat.tone(-0.04), 24)
    if horn > 0.04:
        _horn(ink, TRAITS[-2].states[int(t["horn_form"])], (crown[0] - 0.02, crown[1] - 0.04), horn, 0.0, 1.0)


def _horn(ink: Ink, form: str, root: Point, long: float, turn: float, tone: float) -> None:
    bone = Pigment(0.36 * tone, 0.04, 65.0)
    shapes: dict[str, list[Point]] = {
        "spike": [(0.0, 0.0), (0.06, -0.5), (0.13, -1.0)],
        "sickle": [(0.0, 0.0), (0.05, -0.55), (0.42, -0.95), (0.82, -0.92)],
        "lyre": [(0.0, 0.0), (0.3, -0.35), (0.34, -0.75), (0.12, -1.1)],
        "spiral": [(0.0, 0.0), (0.14, -0.25), (0.02, -0.5), (0.24, -0.75), (0.14, -1.1)],
        "antler": [(0.0, 0.0), (0.25, -0.4), (0.3, -0.75), (0.1, -1.1)],
    }
    wide = min(0.085, 0.05 + 0.06 * long)
    with ink.at(root[0], root[1], turn):
        points = [(x * long, y * long) for x, y in shapes[form]]
        widths = np.linspace(wide, 0.008, len(points)).tolist()
        if form == "antler":
            bone = Pigment(0.5 * tone, 0.05, 68.0)
            widths = [wide * 0.6, wide * 0.5, wide * 0.42, wide * 0.2]
            for (ax, ay), (dx, dy) in zip(points[:3], ((-0.28, -0.22), (-0.3, -0.3), (0.26, -0.3)), strict=True):
                tine = [(ax, ay), (ax + dx * 0.5 * long, ay + dy * 0.35 * long), (ax + dx * long, ay + dy * long)]
                ink.fill(ink.ribbon(tine, [wide * 0.42, wide * 0.36, 0.006]), bone.argb())
        shape = ink.ribbon(points, widths)
        ink.wash(shape, points[0], points[-1], [bone.tone(-0.08).argb(), bone.tone(0.16).argb()])
        if ink.fine and form != "antler":
            with ink.clip(shape):
                rings = [(-0.1, -long * 0.07 * k, 0.9 * long, -long * 0.07 * k - 0.02) for k in range(1, 11)]
                ink.hatch(rings, bone.tone(-0.2).argb(0.5), 0.01)
