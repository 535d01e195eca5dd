"""One leaf, with what eats it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from merian.drawn.organism import Organism, Trait
from merian.drawn.pigment import Pigment
from merian.drawn.plans.lesions import infect

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Path, Point

__all__ = ["TRAITS", "colours", "draw"]

FloatArray = npt.NDArray[np.float64]

TRAITS: tuple[Trait, ...] = (
    Trait("elongation", "blade length over blade width", low=1.0, high=3.6),
    Trait("widest_at", "place of the greatest width from base (0) to tip (1)", low=0.25, high=0.68),
    Trait("tip_length", "how drawn-out the tip is", low=0.0, high=1.0),
    Trait("base_notch", "depth of the heart-shaped notch at the base", low=0.0, high=1.0),
    Trait("tooth_size", "depth of the teeth over blade width", low=0.15, high=1.0),
    Trait("tooth_count", "teeth on each side", "count", 6.0, 22.0),
    Trait("lobe_depth", "depth of the lobes over half the width", low=0.25, high=0.8),
    Trait("vein_count", "side veins on each side", "count", 4.0, 13.0),
    Trait("vein_angle", "angle between side veins and midrib", "degree", 28.0, 72.0),
    Trait("hue", "hue of the blade, OKLCH", "degree", 95.0, 160.0, model="OU", sd_within=0.025),
    Trait("lightness", "lightness of the blade, OKLCH", low=0.36, high=0.68, model="OU"),
    Trait("chroma", "colourfulness of the blade, OKLCH", low=0.05, high=0.13, model="OU"),
    Trait("vein_lightness", "lightness of the veins over that of the blade", low=0.7, high=1.5, model="OU"),
    Trait("variegation", "share of the blade that is pale", low=0.0, high=0.7),
    Trait("petiole_length", "leaf stalk over blade length", low=0.08, high=0.5),
    Trait(
        "blade_form",
        "division of the blade",
        states=("simple", "pinnate lobes", "palmate lobes", "leaflets"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait(
        "margin",
        "outline of the margin",
        states=("entire", "serrate", "crenate", "doubly serrate"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait("venation", "course of the veins", states=("feathered", "arched", "parallel"), model="Mk", sd_within=0.0),
)


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The colour of the blade and that of its veins, as drawn."""
    t = organism.traits
    green = Pigment(t["lightness"], t["chroma"], t["hue"])
    return green, green.tone((t["vein_lightness"] - 1.0) * 0.35 + 0.1)


def draw(ink: Ink, organism: Organism) -> None:
    """Draw a leaf, tip up, stalk down, with its lesions."""
    t = organism.traits
    form = TRAITS[-3].states[int(t["blade_form"])]
    stalk = 0.34 * t["petiole_length"]
    high = 0.92 - stalk
    wide = min(0.86, high / t["elongation"] * (1.25 if form == "palmate lobes" else 1.0))
    if form == "palmate lobes":
        wide = max(wide, high * 0.78)
    base = 0.46 - stalk
    green, rib = colours(organism)
    sway = float(np.random.default_rng(organism.individual).normal(0, 0.02))
    ink.fill(
        ink.ribbon([(0.02, 0.475), (sway, base + stalk * 0.5), (0.0, base - 0.01)], [0.026, 0.018, 0.02]),
        rib.tone(-0.12).argb(),
    )
    if form == "leaflets":
        _leaflets(ink, organism, (base, high, wide), green, rib)
    else:
        outline = _outline(ink, t, form, (base, high, wide), organism.individual)
        _blade(ink, organism, outline, (base, high, wide), green, rib)
        infect(ink, outline, organism.lesion, organism.severity, organism.individual)


def _half_width(t: Mapping[str, float], v: FloatArray) -> FloatArray:
    """Half the width of the blade at `v` (base 0, tip 1), over the largest: a beta curve with a drawn-out tip."""
    peak = t["widest_at"]
    a = 0.62
    b = a * (1 - peak) / peak
    curve: FloatArray = (v / peak) ** a * ((1 - v) / (1 - peak)) ** b
    drawn = t["tip_length"] * 0.5
    curve = curve * (1 - drawn * np.clip((v - 0.62) / 0.3, 0, 1) ** 1.5 * np.clip((1.02 - v) / 0.06, 0, 1))
    return np.maximum(curve, 0)


def _outline(ink: Ink, t: Mapping[str, float], form: str, frame: tuple[float, float, float], seed: int) -> Path:
    """The blade as one closed path."""
    base, high, wide = frame
    rng = np.random.default_rng((seed, 3))
    n = 150 if high > 0.45 else 48
    v = np.linspace(0.0, 1.0, n)
    half = _half_width(t, v) * wide / 2
    y = base - v * high
    if form == "pinnate lobes":
        lobes = max(3, round(t["vein_count"] * 0.6))
        half = half * (
            1
            - t["lobe_depth"]
            * (0.5 + 0.5 * np.cos(2 * math.pi * lobes * v**0.92))
            * np.clip(v * 8, 0, 1)
            * np.clip((1 - v) * 5, 0, 1)
        )
    elif form == "palmate lobes":
        a = np.linspace(0, math.pi, n)
        points = np.abs((a * 2.5 / math.pi + 0.5) % 1.0 * 2 - 1)
        fingers = 1 - 0.75 * points - 0.25 * np.abs(np.sin(a * 2.5)) ** 2
        reach = (
            (1 - t["lobe_depth"] * (1 - fingers))
            * (0.72 + 0.28 * np.cos(a) ** 2 * (np.cos(a) > 0))
            * (0.8 + 0.2 * np.cos(a / 2))
        )
        middle = base - high * 0.36
        half, y = reach * np.sin(a) * wide * 0.56, middle - reach * np.cos(a) * high * 0.62
        half, y = half[::-1], y[::-1]
    half, y = _margin(t, half, y, v)
    notch = (
        t["base_notch"]
        * 0.12
        * wide
        * np.clip(1 - v / 0.12, 0, 1)
        * np.sin(np.clip(half / (0.25 * wide), 0, 1) * math.pi / 2)
    )
    y = y + notch
    wobble = 1 + 0.02 * rng.normal(size=2)
    right = list(zip((half * wobble[0]).tolist(), y.tolist(), strict=True))
    left = list(zip((-half * wobble[1]).tolist(), y.tolist(), strict=True))
    return ink.poly([*right, *reversed(left)])


def _margin(t: Mapping[str, float], half: FloatArray, y: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The outline with teeth along its length."""
    margin = TRAITS[-2].states[int(t["margin"])]
    if margin == "entire":
        return half, y
    run = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(half), np.diff(y)))])
    phase = run / run[-1] * t["tooth_count"]
    saw = phase % 1.0
    depth = 0.11 * float(half.max()) * 2 * t["tooth_size"] * np.clip(v * 10, 0, 1) * np.clip((1 - v) * 8, 0, 1)
    if margin == "serrate":
        tooth = saw
    elif margin == "crenate":
        tooth = np.sqrt(np.abs(np.sin(math.pi * saw)))
    else:
        tooth = 0.65 * saw + 0.55 * ((phase * 3) % 1.0)
    return np.maximum(half + depth * (tooth - 0.3), 0.0), y - depth * 0.7 * tooth


def _blade(
    ink: Ink, organism: Organism, outline: Path, frame: tuple[float, float, float], green: Pigment, rib: Pigment
) -> None:
    t = organism.traits
    base, high, wide = frame
    tip = base - high
    ink.wash(
        outline, (-wide * 0.5, tip), (wide * 0.5, base), [green.tone(0.1).argb(), green.argb(), green.tone(-0.1).argb()]
    )
    with ink.clip(outline):
        if t["variegation"] > 0.18:
            _variegate(ink, organism, frame, green)
        ink.wash(outline, (0.0, 0.0), (wide * 0.16, 0.0), [green.tone(-0.22).argb(0.42), green.argb(0.0)])
        veins = _veins(t, frame)
        for points in veins:
            line = ink.curve(points, False)
            with ink.at(0.006, 0.012):
                ink.line(line, green.tone(-0.2).argb(0.3), 0.022)
            ink.line(line, rib.argb(0.9), 0.0065)
        if ink.fine:
            _net(ink, veins, rib)
        ink.line(outline, green.tone(0.2).argb(0.35), 0.012)
    ink.fill(
        ink.ribbon([(0.0, base + 0.01), (0.0, base - high * 0.5), (0.0, tip + 0.01)], [0.022, 0.014, 0.003]),
        rib.tone(0.04).argb(),
    )
    ink.line(
        ink.curve([(0.009, base), (0.006, base - high * 0.5), (0.001, tip + 0.02)], False),
        green.tone(-0.22).argb(0.6),
        0.004,
    )
    ink.line(outline, green.tone(-0.26).argb(0.85), 0.005)


def _veins(t: Mapping[str, float], frame: tuple[float, float, float]) -> list[list[Point]]:
    """The side veins, as rows of points from the midrib to the margin."""
    base, high, wide = frame
    kind, count = TRAITS[-1].states[int(t["venation"])], round(t["vein_count"])
    rise = wide * 0.5 / math.tan(math.radians(t["vein_angle"]))
    veins: list[list[Point]] = []
    if t["blade_form"] == 2:
        y = base - high * 0.36 + high * 0.3
        for a in (18, 62, 105):
            for side in (-1, 1):
                dx, dy = side * wide * 0.62 * math.sin(math.radians(a)), -high * 0.75 * math.cos(math.radians(a))
                veins.append([(0.0, y), (dx * 0.5, y + dy * 0.55 + 0.02), (dx, y + dy - 0.06)])
    if kind == "parallel":
        for k in range(1, count + 1):
            for side in (-1, 1):
                x = side * wide * 0.5 * k / (count + 0.6)
                veins.append(
                    [
                        (x * 0.12, base),
                        (x * 0.8, base - high * 0.22),
                        (x, base - high * 0.48),
                        (x * 0.7, base - high * 0.78),
                        (x * 0.1, base - high * 0.99),
                    ]
                )
        return veins
    for k in range(count):
        f = 0.04 + 0.86 * k / count
        y = base - f * high
        for side in (-1, 1):
            lift = rise * (1.0 + 0.7 * (kind == "arched"))
            end = side * wide * (0.52 if kind == "feathered" else 0.44)
            row = [(0.0, y), (end * 0.5, y - lift * 0.42), (end, y - lift)]
            if kind == "arched":
                row.append((end * 0.9, y - lift * 1.35))
            veins.append(row)
    return veins


def _net(ink: Ink, veins: list[list[Point]], rib: Pigment) -> None:
    """Fine cross-veins between side veins that follow each other on the same side."""
    at = np.linspace(0.12, 0.95, 7)
    rows = []
    for points in veins:
        x, y = np.asarray(points).T
        along = at * (len(points) - 1)
        rows.append(np.stack([np.interp(along, range(len(points)), x), np.interp(along, range(len(points)), y)], 1))
    strokes = np.concatenate([np.hstack([a, b]) for a, b in zip(rows, rows[2:], strict=False)]).tolist()
    ink.hatch(strokes, rib.argb(0.3), 0.0026)


def _variegate(ink: Ink, organism: Organism, frame: tuple[float, float, float], green: Pigment) -> None:
    """Pale zones along the midrib, blotched by the individual."""
    base, high, wide = frame
    rng = np.random.default_rng((organism.individual, 5))
    share = organism.traits["variegation"]
    pale = Pigment(0.88, 0.06, green.hue_deg - 10)
    n = 11
    jag = rng.uniform(0.45, 1.3, (2, n)) * wide * 0.5 * share * np.sin(np.linspace(0.1, math.pi - 0.05, n))
    ys = np.linspace(base, base - high, n)
    right = list(zip(jag[0].tolist(), ys.tolist(), strict=True))
    left = list(zip((-jag[1]).tolist(), ys.tolist(), strict=True))
    ink.fill(ink.curve([*right, *reversed(left)]), pale.argb(0.85))


def _leaflets(ink: Ink, organism: Organism, frame: tuple[float, float, float], green: Pigment, rib: Pigment) -> None:
    """A feather of leaflets along a rachis."""
    t = organism.traits
    base, high, wide = frame
    pairs = 2 + round(t["vein_count"] / 4)
    reach = max(0.2, min(0.36, wide * 0.62))
    slim = min(reach / t["elongation"] * 1.05, high / pairs * 0.8)
    blade = _outline(ink, t, "simple", (0.0, reach, slim), organism.individual)
    ink.fill(
        ink.ribbon([(0.0, base + 0.01), (0.0, base - high * 0.5), (0.0, base - high + reach)], [0.02, 0.015, 0.01]),
        rib.tone(-0.05).argb(),
    )
    whole = ink.nothing()
    places = [(0.0, base - high + reach, 0.0, 1.0)]
    for k in range(pairs):
        y = base - (k + 0.35) / pairs * (high - reach * 0.95)
        places += [(0.0, y, side * (58 - 12 * k / pairs), 1.0 - 0.15 * k / pairs) for side in (-1, 1)]
    for x, y, angle, grow in places:
        with ink.at(x, y, angle, grow):
            _blade(ink, organism, blade, (0.0, reach, slim), green, rib)
        moved = ink.moved(blade, (x, y), angle, grow)
        whole.addPath(moved)
    infect(ink, whole, organism.lesion, organism.severity, organism.individual)
