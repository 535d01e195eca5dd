"""Landscapes behind the organism: six habitats, each painted anew from a generator, and the grass in front of the lens."""

from __future__ import annotations

import numpy as np

from merian.drawn.ink import Ink
from merian.drawn.organism import Habitat
from merian.drawn.pigment import Pigment

__all__ = ["blades", "foliage", "landscape", "underfoot", "underwater"]

SKIES: dict[Habitat, tuple[Pigment, Pigment]] = {
    "forest": (Pigment(0.52, 0.07, 130), Pigment(0.66, 0.08, 120)),
    "grassland": (Pigment(0.78, 0.06, 235), Pigment(0.92, 0.03, 100)),
    "wetland": (Pigment(0.74, 0.03, 220), Pigment(0.86, 0.03, 120)),
    "desert": (Pigment(0.72, 0.08, 240), Pigment(0.9, 0.05, 75)),
    "alpine": (Pigment(0.66, 0.09, 250), Pigment(0.88, 0.03, 230)),
    "coast": (Pigment(0.74, 0.06, 235), Pigment(0.93, 0.02, 90)),
}
"""Colour of the sky (in the forest: of the canopy) at the zenith and at the horizon."""
GROUNDS: dict[Habitat, tuple[Pigment, Pigment]] = {
    "forest": (Pigment(0.42, 0.06, 118), Pigment(0.3, 0.045, 75)),
    "grassland": (Pigment(0.74, 0.1, 103), Pigment(0.55, 0.1, 115)),
    "wetland": (Pigment(0.6, 0.05, 150), Pigment(0.4, 0.05, 195)),
    "desert": (Pigment(0.8, 0.08, 72), Pigment(0.66, 0.09, 58)),
    "alpine": (Pigment(0.62, 0.07, 130), Pigment(0.5, 0.05, 110)),
    "coast": (Pigment(0.84, 0.04, 85), Pigment(0.74, 0.05, 75)),
}
"""Colour of the ground at the horizon and at the viewer's feet."""


def _varied(pigment: Pigment, rng: np.random.Generator) -> Pigment:
    """A pigment of another hour and season: no two pictures share a backdrop's colours."""
    light, chroma, turn = rng.normal(0, 1, 3)
    return Pigment(
        min(0.97, max(0.12, pigment.lightness + 0.055 * light)),
        max(0.0, pigment.chroma * (1 + 0.3 * chroma)),
        pigment.hue_deg + 14 * turn,
    )


def landscape(ink: Ink, habitat: Habitat, rng: np.random.Generator, horizon: float) -> None:
    """Paint the unit square with a habitat whose horizon is at height `horizon` (0 top, 1 bottom)."""
    zenith, haze = (_varied(p, rng) for p in SKIES[habitat])
    far, near = (_varied(p, rng) for p in GROUNDS[habitat])
    frame = ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)])
    ink.wash(frame, (0, 0), (0, horizon), [zenith.argb(), haze.argb()])
    if habitat == "forest":
        _trunks(ink, rng, horizon, zenith, far)
    elif habitat in ("alpine", "desert", "grassland"):
        _hills(ink, rng, horizon, haze, far, 0.34 if habitat == "alpine" else 0.09)
    elif habitat == "coast":
        sea = _varied(Pigment(0.6, 0.075, 225), rng)
        ink.wash(
            ink.poly([(0, horizon - 0.14), (1, horizon - 0.14), (1, horizon + 0.02), (0, horizon + 0.02)]),
            (0, horizon - 0.14),
            (0, horizon),
            [sea.tone(-0.08).argb(), sea.tone(0.12).argb()],
        )
        y = rng.uniform(horizon - 0.12, horizon, 7).tolist()
        x = rng.uniform(0, 1, 7).tolist()
        ink.hatch(
            [(u - 0.08, v, u + 0.08, v) for u, v in zip(x, y, strict=True)], Pigment(0.97, 0.01, 220).argb(0.6), 0.008
        )
    ground = ink.poly([(0, horizon), (1, horizon), (1, 1), (0, 1)])
    ink.wash(ground, (0, horizon), (0, 1), [far.argb(), near.argb()])
    _patches(ink, habitat, rng, horizon, (far, near))
    if habitat == "wetland":
        _reeds(ink, rng, horizon, far)


def _trunks(ink: Ink, rng: np.random.Generator, horizon: float, zenith: Pigment, far: Pigment) -> None:
    lights = rng.uniform((0, 0, 0.02), (1, horizon, 0.09), (14, 3)).tolist()
    ink.dots(lights[::2], zenith.tone(0.22).argb(0.35))
    ink.dots(lights[1::2], zenith.tone(-0.14).argb(0.4))
    for k, (x, wide, lean, shade) in enumerate(rng.uniform((0, 0.02, -0.05, 0), (1, 0.09, 0.05, 1), (7, 4)).tolist()):
        bark = Pigment(0.24 + 0.16 * shade + 0.02 * k, 0.035, 70)
        foot = horizon + 0.03 + 0.02 * k
        ink.wash(
            ink.poly(
                [
                    (x - wide / 2, foot),
                    (x - wide / 2.6 + lean, -0.02),
                    (x + wide / 2.6 + lean, -0.02),
                    (x + wide / 2, foot),
                ]
            ),
            (x - wide / 2, 0),
            (x + wide / 2, 0),
            [bark.tone(0.1).argb(), bark.tone(-0.1).argb()],
        )
    ink.fill(ink.oval(0.5, horizon + 0.02, 0.8, 0.06), far.argb(0.9))


def _hills(ink: Ink, rng: np.random.Generator, horizon: float, haze: Pigment, far: Pigment, tall: float) -> None:
    for k in range(3):
        n = 7
        ys = horizon - tall * (1 - 0.36 * k) * rng.uniform(0.15, 1.0, n)
        points = [(float(x), float(y)) for x, y in zip(np.linspace(-0.1, 1.1, n), ys, strict=True)]
        tone = haze.mix(far if tall < 0.2 else Pigment(0.5, 0.04, 255), 0.25 + 0.24 * k)
        shape = (
            ink.poly([(-0.1, horizon + 0.05), *points, (1.1, horizon + 0.05)])
            if tall > 0.2
            else ink.curve([(-0.1, horizon + 0.05), *points, (1.1, horizon + 0.05)], tension=0.2)
        )
        ink.fill(shape, tone.argb())
        if tall > 0.2 and k == 0:
            peak = min(points, key=lambda p: p[1])
            ink.fill(
                ink.poly(
                    [
                        peak,
                        (peak[0] + 0.07, peak[1] + 0.09),
                        (peak[0] + 0.01, peak[1] + 0.06),
                        (peak[0] - 0.06, peak[1] + 0.08),
                    ]
                ),
                Pigment(0.97, 0.01, 240).argb(0.9),
            )


def _patches(
    ink: Ink, habitat: Habitat, rng: np.random.Generator, horizon: float, grounds: tuple[Pigment, Pigment]
) -> None:
    """Tufts, stones, leaf litter, ripples: flattened blotches, larger towards the viewer."""
    far, near = grounds
    flecks = rng.uniform((0, 0, -1, 0), (1, 1, 1, 1), (22, 4)).tolist()
    for x, f, tone, kind in flecks:
        y = horizon + (1 - horizon) * f * f
        wide = 0.03 + 0.13 * f
        colour, alpha = far.mix(near, f).tone(0.12 * tone), 0.28
        if habitat == "forest" and kind > 0.6:
            colour, wide, alpha = Pigment(0.5 + 0.12 * tone, 0.09, 60), wide * 0.4, 0.6
        elif habitat in ("alpine", "coast", "desert") and kind > 0.75:
            colour, wide, alpha = Pigment(0.58 + 0.14 * tone, 0.015, 80), wide * 0.5, 0.9
            ink.fill(ink.oval(x + wide * 0.2, y + wide * 0.12, wide, wide * 0.3), near.tone(-0.25).argb(0.4))
        elif habitat in ("alpine", "grassland") and kind < 0.12:
            colour, wide, alpha = Pigment(0.78, 0.12, 40 + 60 * abs(tone)), wide * 0.1, 0.9
        ink.fill(ink.oval(x, y, wide, wide * 0.3), colour.argb(alpha))
    if habitat in ("forest", "grassland", "alpine"):
        _sward(ink, rng, horizon, grounds, 150 if habitat != "forest" else 50)


def _sward(ink: Ink, rng: np.random.Generator, horizon: float, grounds: tuple[Pigment, Pigment], count: int) -> None:
    """Grass in tufts, taller towards the viewer."""
    far, near = grounds
    depth = np.sort(rng.uniform(0, 1, count)) ** 1.6
    x = rng.uniform(-0.05, 1.05, count)
    y = horizon + (1 - horizon) * depth
    tall = (0.012 + 0.085 * depth) * rng.uniform(0.6, 1.2, count)
    lean = tall * rng.normal(0, 0.35, count)
    strokes = np.stack([x, y, x + lean, y - tall], 1).tolist()
    third = count // 3
    for k, (share, width) in enumerate(((0.2, 0.004), (0.6, 0.006), (1.0, 0.009))):
        part = strokes[k * third : (k + 1) * third]
        ink.hatch(part[::2], far.mix(near, share).tone(-0.12).argb(0.7), width)
        ink.hatch(part[1::2], far.mix(near, share).tone(0.1).argb(0.7), width)


def _reeds(ink: Ink, rng: np.random.Generator, horizon: float, far: Pigment) -> None:
    reeds = rng.uniform((0, 0.08, -0.04), (1, 0.34, 0.04), (26, 3)).tolist()
    strokes = [(x, horizon + 0.04, x + lean, horizon + 0.04 - tall) for x, tall, lean in reeds]
    ink.hatch(strokes[::2], far.tone(-0.16).argb(0.85), 0.012)
    ink.hatch(strokes[1::2], far.tone(0.1).argb(0.85), 0.01)
    ink.hatch([(a, b + 0.02, a, b - 0.02) for _, _, a, b in strokes[::5]], Pigment(0.38, 0.06, 55).argb(), 0.022)


def underwater(ink: Ink, habitat: Habitat, rng: np.random.Generator) -> None:
    """Paint the unit square with water, its light from above, and a bed in the colours of the habitat."""
    hue = {"forest": 150.0, "grassland": 165.0, "wetland": 135.0, "desert": 195.0, "alpine": 215.0, "coast": 228.0}[
        habitat
    ]
    water = _varied(Pigment(0.58, 0.07, hue), rng)
    bed = _varied(GROUNDS[habitat][1], rng)
    frame = ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)])
    ink.wash(frame, (0, 0), (0, 1), [water.tone(0.24).argb(), water.argb(), water.tone(-0.18).argb()])
    for x, lean, wide in rng.uniform((0, -0.4, 0.02), (1, 0.1, 0.1), (6, 3)).tolist():
        ray = ink.poly([(x, -0.02), (x + wide, -0.02), (x + wide * 2.5 + lean, 1), (x + lean, 1)])
        ink.wash(ray, (0, 0), (0, 0.9), [Pigment(0.97, 0.03, hue).argb(0.28), Pigment(0.97, 0.03, hue).argb(0.0)])
    level = float(rng.uniform(0.78, 0.98))
    stones = rng.uniform((0, level, 0.04, -1), (1, 1.06, 0.16, 1), (16, 4)).tolist()
    for x, y, wide, tone in stones:
        ink.fill(ink.oval(x, y, wide, wide * 0.5), bed.mix(water, 0.35).tone(0.12 * tone).argb())
    for x, tall, lean in rng.uniform((0, 0.1, -0.12), (1, 0.5, 0.12), (7, 3)).tolist():
        weed = Pigment(0.42, 0.08, 135).mix(water, 0.3)
        ink.fill(
            ink.ribbon([(x, 1.02), (x + lean * 0.2, 1 - tall * 0.5), (x + lean, 1 - tall)], [0.03, 0.026, 0.004]),
            weed.argb(0.85),
        )
    ink.dots(rng.uniform((0, 0, 0.003), (1, 1, 0.012), (12, 3)).tolist(), Pigment(0.98, 0.01, hue).argb(0.4))


def blades(ink: Ink, habitat: Habitat, rng: np.random.Generator, count: int, reach: float) -> None:
    """Grass, twigs or reeds in front of the organism, rising `reach` high from the lower edge."""
    near = _varied(GROUNDS[habitat][1], rng)
    if habitat in ("desert", "coast"):
        near = near.mix(Pigment(0.6, 0.07, 105), 0.5)
    rows = rng.uniform((-0.05, 0.3, -0.16, -0.12), (1.05, 1.0, 0.16, 0.16), (count, 4)).tolist()
    for x, tall, lean, tone in rows:
        high = reach * tall
        points = [(x, 1.03), (x + lean * 0.25, 1.0 - high * 0.5), (x + lean * reach * 3, 1.0 - high)]
        ink.fill(
            ink.ribbon(points, [0.012 + 0.05 * reach * 0.4, 0.01 + 0.02 * reach, 0.002]), near.tone(tone).argb(0.95)
        )


def foliage(ink: Ink, habitat: Habitat, rng: np.random.Generator) -> None:
    """Leaves of the plants around, out of focus, in the greens of the habitat."""
    near = _varied(GROUNDS[habitat][0], rng).mix(Pigment(0.5, 0.09, 130), 0.55)
    rows = rng.uniform(
        (-0.1, 0.0, 0.1, 0.0, -0.16), (1.1, 1.1, 0.3, 360.0, 0.16), (int(rng.integers(4, 22)), 5)
    ).tolist()
    for x, y, long, turn, tone in rows:
        with ink.at(x, y, turn, long):
            ink.fill(ink.curve([(-0.5, 0.0), (0.0, -0.24), (0.5, 0.0), (0.0, 0.24)]), near.tone(tone).argb(0.8))
    lights = rng.uniform((0, 0, 0.01), (1, 0.7, 0.06), (8, 3)).tolist()
    ink.dots(lights, Pigment(0.95, 0.05, 105).argb(0.22))


def underfoot(ink: Ink, habitat: Habitat, rng: np.random.Generator) -> None:
    """Paint the unit square with the ground seen from above: a leaf, litter, sand or lichen-grown stone."""
    frame = ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)])
    if rng.random() < 0.35:
        _leaf_surface(ink, rng)
        return
    base = _varied(GROUNDS[habitat][1 if habitat != "alpine" else 0], rng)
    if habitat == "alpine":
        base = base.dull(0.15).tone(0.05)
    ink.wash(frame, (0, 0), (1, 1), [base.tone(0.08).argb(), base.tone(-0.1).argb()])
    rows = rng.uniform((-0.1, -0.1, 0.5, 0.0, -0.16, 0.0), (1.1, 1.1, 1.0, 360.0, 0.16, 1.0), (34, 6)).tolist()
    for x, y, grow, turn, tone, kind in rows:
        if habitat in ("forest", "wetland", "grassland"):
            fresh = {"forest": 0.25, "wetland": 0.7, "grassland": 0.6}[habitat]
            leaf = Pigment(0.5, 0.08, 125) if kind < fresh else Pigment(0.48, 0.075, 62)
            slim = 0.2 if habitat == "forest" else 0.07
            with ink.at(x, y, turn, 0.3 * grow):
                ink.fill(
                    ink.curve([(-0.5, 0.05), (0.0, -slim + 0.04), (0.5, 0.04), (0.0, slim + 0.05)]),
                    base.tone(-0.2).argb(0.5),
                )
                ink.fill(ink.curve([(-0.5, 0.0), (0.0, -slim), (0.5, 0.0), (0.0, slim)]), leaf.tone(tone).argb())
                ink.hatch([(-0.48, 0.0, 0.48, 0.0)], leaf.tone(tone + 0.12).argb(0.7), 0.02)
        elif habitat == "alpine":
            lichen = Pigment(0.72, 0.09, 105) if kind < 0.5 else Pigment(0.8, 0.02, 150)
            ink.fill(ink.oval(x, y, 0.07 * grow, 0.06 * grow), lichen.tone(tone).argb(0.6 if kind < 0.7 else 0.0))
            ink.hatch([(x, y, x + 0.2 * tone, y + 0.1)], base.tone(-0.22).argb(0.5), 0.006)
        else:
            stone = base.dull(0.5).tone(tone * 1.2)
            ink.fill(ink.oval(x + 0.006, y + 0.008, 0.03 * grow, 0.022 * grow), base.tone(-0.25).argb(0.5))
            ink.fill(ink.oval(x, y, 0.03 * grow, 0.022 * grow), stone.argb())


def _leaf_surface(ink: Ink, rng: np.random.Generator) -> None:
    """One large leaf that fills the frame."""
    green = Pigment(*rng.uniform((0.42, 0.06, 105.0), (0.66, 0.12, 150.0)).tolist())
    frame = ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)])
    ink.wash(frame, (0, 0), (1, 1), [green.tone(0.1).argb(), green.tone(-0.1).argb()])
    with ink.at(0.5, 0.5, float(rng.uniform(0, 360)), 1.5):
        at = float(rng.uniform(-0.25, 0.25))
        veins = [(x, at, x + 0.3, at + side * 0.5) for x in np.linspace(-0.8, 0.6, 9).tolist() for side in (-1, 1)]
        ink.hatch(
            [(a + 0.012, b + 0.012, c + 0.012, d + 0.012) for a, b, c, d in veins], green.tone(-0.14).argb(0.7), 0.02
        )
        ink.hatch(veins, green.tone(0.14).argb(0.8), 0.011)
        ink.hatch([(-1.0, at, 1.0, at)], green.tone(0.18).argb(), 0.026)
    ink.dots(rng.uniform((0, 0, 0.004), (1, 1, 0.014), (12, 3)).tolist(), Pigment(0.97, 0.02, 120).argb(0.35))
