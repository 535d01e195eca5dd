"""A butterfly with spread wings; its caterpillar and its pupa."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from merian.drawn.organism import Organism, Trait
from merian.drawn.pigment import INK, Pigment, natural_hue
from merian.drawn.plans.caterpillar import larva, pupa

if TYPE_CHECKING:
    from merian.drawn.ink import Ink, Path, Point

__all__ = ["TRAITS", "colours", "draw"]

TRAITS: tuple[Trait, ...] = (
    Trait("forewing_length", "reach of the forewing over the frame", low=0.36, high=0.48),
    Trait("forewing_point", "how drawn-out the wing tip is", low=0.0, high=1.0),
    Trait("hindwing_size", "hindwing over forewing", low=0.62, high=0.95),
    Trait("tail_length", "length of the hindwing tail over the frame", low=0.0, high=0.17),
    Trait("scalloping", "depth of the scallops of the outer margin", low=0.0, high=1.0),
    Trait(
        "ground_hue",
        "hue of the wing, on the circle of animal pigments",
        "degree",
        20.0,
        285.0,
        model="OU",
        sd_within=0.025,
    ),
    Trait("ground_lightness", "lightness of the wing, OKLCH", low=0.35, high=0.9, model="OU"),
    Trait("ground_chroma", "colourfulness of the wing, OKLCH", low=0.035, high=0.16, model="OU"),
    Trait("mark_hue", "hue of bands and patches, OKLCH", "degree", 15.0, 110.0, model="OU", sd_within=0.025),
    Trait("border_width", "width of the dark border over the wing", low=0.02, high=0.19),
    Trait("eyespot_size", "diameter of the largest eyespot over the wing", low=0.0, high=0.3),
    Trait("eyespot_count", "eyespots in the row along each wing", "count", 0.0, 4.99),
    Trait("antenna_length", "antenna over the frame", low=0.14, high=0.26),
    Trait("larva_hue", "hue of the caterpillar, OKLCH", "degree", 60.0, 165.0, model="OU", sd_within=0.025),
    Trait("larva_spines", "length of the spines of the caterpillar over its thickness", low=0.0, high=1.0),
    Trait(
        "wing_pattern",
        "what is drawn on the wings",
        states=("plain", "band", "patches", "windows", "rays"),
        model="Mk",
        sd_within=0.0,
    ),
    Trait(
        "larva_pattern",
        "what is drawn on the caterpillar",
        states=("rings", "lines", "dots"),
        model="Mk",
        sd_within=0.0,
    ),
)

FORE = (
    (0.0, 0.0),
    (0.3, -0.3),
    (0.66, -0.6),
    (0.93, -0.76),
    (1.0, -0.66),
    (0.93, -0.4),
    (0.86, -0.14),
    (0.8, 0.1),
    (0.45, 0.15),
    (0.12, 0.1),
)
"""Right forewing, over its reach: root, front edge, tip (4), outer margin (5, 6), rear corner (7), rear edge."""
HIND = (
    (0.0, 0.0),
    (0.3, -0.1),
    (0.72, -0.04),
    (0.95, 0.2),
    (0.93, 0.52),
    (0.72, 0.78),
    (0.42, 0.9),
    (0.2, 0.72),
    (0.06, 0.34),
)
"""Right hindwing, over its size: root, front edge, outer margin (3 to 6), inner edge."""


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The main colour of an organism and that of its marks, as drawn."""
    return _ground(organism)[:2]


def draw(ink: Ink, organism: Organism) -> None:
    """Draw a butterfly from above, or the caterpillar or the chrysalis of its species on a twig."""
    if organism.stage == "larva":
        larva(ink, organism)
    elif organism.stage == "pupa":
        pupa(ink, organism, _ground(organism)[0])
    else:
        with ink.at(0.0, 0.025, 0.0, 0.96):
            _adult(ink, organism)


def _ground(organism: Organism) -> tuple[Pigment, Pigment, Pigment]:
    """Wing, mark and border pigments; females are paler and browner than males."""
    t = organism.traits
    ground = Pigment(t["ground_lightness"], t["ground_chroma"], natural_hue(t["ground_hue"]))
    mark = Pigment(0.86 if t["ground_lightness"] < 0.62 else 0.55, 0.14, t["mark_hue"])
    if organism.sex == "female":
        ground = ground.mix(Pigment(0.62, 0.06, 72.0), 0.5)
        mark = mark.tone(0.06).dull(0.7)
    border = Pigment(0.2 + 0.1 * t["ground_lightness"], 0.03, natural_hue(t["ground_hue"]) * 0.25 + 40.0)
    return ground, mark, border


def _adult(ink: Ink, organism: Organism) -> None:
    t = organism.traits
    reach = t["forewing_length"]
    size = reach * t["hindwing_size"]
    point, scallop = t["forewing_point"], 0.06 * t["scalloping"]
    fore = [(x * reach, y * reach) for x, y in FORE]
    fore[3] = (fore[3][0] - 0.05 * reach * (1 - point), fore[3][1] + 0.04 * reach * (1 - point))
    fore[4] = (reach * (0.93 + 0.1 * point), fore[4][1] - 0.06 * reach * point)
    fore[5] = (fore[5][0] - 0.13 * reach * point, fore[5][1])
    hind = [(x * size, y * size) for x, y in HIND]
    tail = t["tail_length"]
    with ink.at(0.0, 0.0):
        for side in (1, -1):
            with ink.at(side * 0.012, 0.02, 0.0, side, 1.0):
                if tail > 0.02:
                    _tail(ink, (size * 0.6, size * 0.86), tail, organism)
                _wing(ink, organism, _scalloped(ink, hind, (3, 6), scallop), size * 1.0, (0.66, 0.62), hind)
            with ink.at(side * 0.012, -0.03, 0.0, side, 1.0):
                _wing(ink, organism, _scalloped(ink, fore, (4, 7), scallop * 0.7), reach * 1.1, (0.86, -0.4), fore)
        _body(ink, organism)


def _scalloped(ink: Ink, points: list[Point], margin: tuple[int, int], depth: float) -> Path:
    """The outline with `depth`-deep bays along its outer margin (between two of its points)."""
    if depth < 0.008:
        return ink.curve(points)
    first, last = margin
    out = list(points[: first + 1])
    for a, b in zip(points[first:last], points[first + 1 : last + 1], strict=True):
        length = math.hypot(b[0] - a[0], b[1] - a[1]) or 1.0
        nx, ny = (b[1] - a[1]) / length, -(b[0] - a[0]) / length
        for f, sink in ((0.25, 1.0), (0.5, -0.2), (0.75, 1.0), (1.0, 0.0)):
            d = depth * length * sink * 1.4
            out.append((a[0] + (b[0] - a[0]) * f - nx * d, a[1] + (b[1] - a[1]) * f - ny * d))
    return ink.curve([*out, *points[last + 1 :]])


def _tail(ink: Ink, root: Point, length: float, organism: Organism) -> None:
    x, y = root
    border = _ground(organism)[2]
    half = 0.026
    points = [
        (x - 0.02, y - 0.12),
        (x + 0.002, y),
        (x + length * 0.1, y + length * 0.55),
        (x + length * 0.24, y + length),
    ]
    ink.fill(ink.ribbon(points, [half * 4.0, half * 2.0, half * 0.62, half * 1.25]), border.argb())
    ink.fill(ink.oval(x + length * 0.23, y + length * 0.98, half * 0.64, half * 0.75), border.argb())


def _wing(ink: Ink, organism: Organism, outline: Path, reach: float, far: Point, frame: list[Point]) -> None:
    """Draw one right wing whose root is the origin; `far` is the direction of its farthest corner."""
    t = organism.traits
    ground, mark, border = _ground(organism)
    hind = far[1] > 0
    ink.dome(
        outline,
        (0.0, 0.0),
        reach,
        [ground.tone(-0.16).argb(), ground.tone(0.03).argb(), ground.tone(-0.05).argb()],
        [0, 0.4, 1],
    )
    axis = math.atan2(far[1], far[0])
    spread = 1.25 if hind else 0.95
    angles = [axis + spread * (k / 7 - 0.5) for k in range(8)]
    with ink.clip(outline):
        if ink.fine:
            rays = [axis + spread * 1.3 * (k / 60 - 0.5) for k in range(61)]
            ink.hatch(
                [
                    (
                        0.15 * reach * math.cos(a),
                        0.15 * reach * math.sin(a),
                        1.2 * reach * math.cos(a),
                        1.2 * reach * math.sin(a),
                    )
                    for a in rays
                ],
                ground.tone(-0.12).argb(0.22),
                0.0018,
            )
        _wing_marks(ink, organism, (reach, axis, spread), (mark, border), hind)
        width = t["border_width"] * reach * (1.15 if organism.sex == "female" else 1.0)
        edge = ink.curve(frame[2:7] if hind else frame[3:8], False)
        ink.line(edge, border.argb(0.35), width * 2.1)
        ink.line(edge, border.argb(0.9), width * 1.6)
        ink.line(outline, border.argb(0.9), 0.012 + 0.12 * width)
        if width > 0.05:
            margin = frame[4:8] if not hind else frame[3:7]
            for x, y in _between(margin, 7):
                ink.fill(
                    ink.oval(x * 0.955, y * 0.955, width * 0.12, width * 0.12), mark.tone(0.1).dull(0.5).argb(0.95)
                )
        veins = [
            (
                0.34 * reach * math.cos(0.4 * a + 0.6 * axis),
                0.34 * reach * math.sin(0.4 * a + 0.6 * axis),
                1.2 * reach * math.cos(a),
                1.2 * reach * math.sin(a),
            )
            for a in angles
        ]
        ink.hatch(veins, border.argb(0.6), 0.004)
        cell = [(0.02 * reach * math.cos(axis), 0.02 * reach * math.sin(axis)), *[(v[0], v[1]) for v in veins]]
        ink.line(ink.curve(cell, tension=0.08), border.argb(0.55), 0.004)
        _eyespots(ink, organism, (reach, axis, spread), mark, border)
        ink.dome(outline, (0.0, 0.0), reach * 0.42, [border.argb(0.6), border.argb(0.0)])
    ink.line(outline, border.tone(-0.04).argb(0.95), 0.006)


def _between(points: list[Point], count: int) -> list[Point]:
    """`count` points spaced along a row of corners."""
    at = np.linspace(0.06, len(points) - 1.06, count)
    xs = np.interp(at, range(len(points)), [p[0] for p in points])
    ys = np.interp(at, range(len(points)), [p[1] for p in points])
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def _wing_marks(
    ink: Ink, organism: Organism, wing: tuple[float, float, float], inks: tuple[Pigment, Pigment], hind: bool
) -> None:
    reach, axis, spread = wing
    mark, border = inks
    rng = np.random.default_rng((organism.individual, int(hind)))
    pattern = TRAITS[-2].states[int(organism.traits["wing_pattern"])]
    angles = [axis + spread * (k / 7 - 0.5) for k in range(8)]
    if pattern == "band":
        at = 0.56 + rng.normal(0, 0.012)
        inner = [
            ((at - 0.09) * reach * math.cos(a), (at - 0.09) * reach * math.sin(a))
            for a in (axis - spread, *angles, axis + spread)
        ]
        outer = [
            ((at + 0.1) * reach * math.cos(a), (at + 0.1) * reach * math.sin(a))
            for a in (axis - spread, *angles, axis + spread)
        ]
        band = ink.curve([*inner, *reversed(outer)])
        ink.fill(band, mark.argb())
        ink.line(band, border.argb(0.55), 0.007)
    elif pattern in ("patches", "windows"):
        pale = mark if pattern == "patches" else Pigment(0.93, 0.03, mark.hue_deg)
        for k in range(7):
            a = axis + spread * ((k + 0.5) / 7 - 0.5)
            grow = 1 + float(rng.normal(0, 0.08))
            for at, long in ((0.5, 0.1), (0.76, 0.055)) if pattern == "patches" else ((0.55, 0.15),):
                with ink.at(at * reach * math.cos(a), at * reach * math.sin(a), math.degrees(a), grow):
                    ink.fill(ink.oval(0, 0, long * reach, 0.045 * reach), pale.argb())
        if pattern == "windows":
            with ink.at(0.22 * reach * math.cos(axis), 0.22 * reach * math.sin(axis), math.degrees(axis)):
                ink.fill(ink.oval(0, 0, 0.13 * reach, 0.05 * reach), pale.argb())
    elif pattern == "rays":
        for k in range(7):
            a = axis + spread * ((k + 0.5) / 7 - 0.5)
            far = 0.8 + float(rng.normal(0, 0.05))
            points = [(f * reach * math.cos(a), f * reach * math.sin(a)) for f in (0.3, 0.55, far)]
            ink.fill(ink.ribbon(points, [0.008, 0.05 * reach, 0.07 * reach]), mark.argb())


def _eyespots(ink: Ink, organism: Organism, wing: tuple[float, float, float], mark: Pigment, border: Pigment) -> None:
    reach, axis, spread = wing
    count, size = int(organism.traits["eyespot_count"]), organism.traits["eyespot_size"] * reach / 2
    if size < 0.008:
        return
    for k in range(count):
        a = axis + spread * 0.75 * ((k + 0.5) / count - 0.5)
        r = size * (1.0 if k == count // 2 else 0.66)
        x, y = 0.74 * reach * math.cos(a), 0.74 * reach * math.sin(a)
        ink.dots([(x, y, r)], border.argb())
        ink.dots([(x, y, r * 0.8)], mark.mix(Pigment(0.82, 0.15, 85.0), 0.5).argb())
        ink.dots([(x, y, r * 0.54)], border.tone(-0.06).argb())
        ink.dots([(x - r * 0.12, y - r * 0.14, r * 0.2)], Pigment(0.93, 0.05, 240.0).argb())


def _body(ink: Ink, organism: Organism) -> None:
    ground, _, border = _ground(organism)
    fur = border.mix(ground, 0.35)
    reach = organism.traits["antenna_length"]
    for side in (-1, 1):
        points = [
            (side * 0.008, -0.13),
            (side * reach * 0.28, -0.13 - reach * 0.55),
            (side * reach * 0.6, -0.13 - reach * 0.92),
        ]
        ink.line(ink.curve(points, False), INK.argb(), 0.005)
        x, y = points[-1]
        ink.fill(
            ink.ribbon([(x - side * 0.014, y + 0.02), (x, y), (x + side * 0.008, y - 0.012)], [0.006, 0.015, 0.008]),
            INK.argb(),
        )
    rear = ink.curve(
        [(-0.012, 0.0), (0.012, 0.0), (0.026, 0.1), (0.018, 0.2), (0.0, 0.235), (-0.018, 0.2), (-0.026, 0.1)]
    )
    ink.wash(
        rear, (-0.03, 0), (0.03, 0), [fur.tone(-0.12).argb(), fur.tone(0.1).argb(), fur.tone(-0.16).argb()], [0, 0.4, 1]
    )
    ink.hatch(
        [(-0.024, 0.05 + 0.026 * k, 0.024, 0.05 + 0.026 * k) for k in range(7)], border.tone(-0.05).argb(0.7), 0.004
    )
    chest = ink.oval(0.0, -0.035, 0.034, 0.066)
    ink.dome(chest, (-0.01, -0.06), 0.08, [fur.tone(0.18).argb(), fur.argb(), border.argb()])
    if ink.fine:
        rng = np.random.default_rng(5)
        a = rng.uniform(0, 2 * math.pi, 90)
        f = rng.uniform(0.5, 1.08, 90)
        xs, ys = 0.034 * f * np.cos(a), -0.035 + 0.066 * f * np.sin(a)
        hairs = np.stack([xs, ys, xs * 1.12, ys + 0.016], 1).tolist()
        ink.hatch(hairs, fur.tone(0.2).argb(0.6), 0.0022)
    ink.dome(ink.oval(0.0, -0.118, 0.024, 0.022), (-0.008, -0.125), 0.03, [fur.tone(0.1).argb(), border.argb()])
    for side in (-1, 1):
        ink.dots([(side * 0.02, -0.122, 0.011)], 0xFF17120E)
