"""The places an organism is seen in: close-up, museum drawer, herbarium sheet, camera trap by day and by infrared flash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import skia

from merian.drawn import backdrop, lettering
from merian.drawn.ink import Ink
from merian.drawn.organism import Organism, Shot, Style
from merian.drawn.pigment import INK, PAPER, Pigment

__all__ = ["SINK", "STYLES", "WALKER", "Figure", "Scene", "blades", "burn_in", "person", "soft_shadow"]

SINK: dict[Style, float] = {
    "camera trap day": 0.13,
    "camera trap infrared": 0.13,
    "museum drawer": -0.04,
    "herbarium sheet": -0.03,
}
"""How far below the middle an organism is put, over the frame: on the ground, above the label."""
WALKER = (0.72, 0.86)
"""How tall a person before a camera trap is, and where the feet are, over the frame."""
LEAVES_GROUND = ("bird", "butterfly", "fish")
"""Plans that do not stand on the ground, and cast no shadow on it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The posed organism on a transparent frame, and its eyes (x, y, radius in pixels)."""

    image: skia.Image
    eyes: list[tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a style paints with: an `Ink` over the unit square, the shot, who is in it, the frame's side in pixels, and chance."""

    ink: Ink
    shot: Shot
    organism: Organism | None
    figure: Figure | None
    size: int
    rng: np.random.Generator

    def put(self, paint: skia.Paint | None = None) -> None:
        """Draw the organism over what is there."""
        if self.figure is not None:
            canvas = self.ink.canvas
            canvas.save()
            canvas.resetMatrix()
            canvas.drawImage(self.figure.image, 0, 0, skia.SamplingOptions(), paint)
            canvas.restore()


def soft_shadow(
    canvas: skia.Canvas, image: skia.Image, offset: tuple[float, float], softness: int, alpha: float
) -> None:
    """Draw the blurred dark shape of an image over a canvas in pixel units.

    The image is made small and large again, which blurs it at a fraction of a Gaussian's cost; `softness` is the factor.
    """
    side = image.width()
    small = max(6, round(side / softness))
    surface = skia.Surface(small, small)
    linear = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
    surface.getCanvas().drawImageRect(image, skia.Rect(small, small), linear)
    dark = skia.ColorFilters.Blend(INK.argb(alpha), skia.BlendMode.kSrcIn)
    to = skia.Rect.MakeXYWH(offset[0], offset[1], side, side)
    canvas.drawImageRect(
        surface.makeImageSnapshot(),
        to,
        skia.SamplingOptions(skia.CubicResampler.Mitchell()),
        skia.Paint(ColorFilter=dark),
    )


def _shadow(scene: Scene, dx: float, dy: float, softness: int, alpha: float) -> None:
    """The soft shadow of the scene's organism, displaced by a share of the frame."""
    if scene.figure is not None:
        canvas = scene.ink.canvas
        canvas.save()
        canvas.resetMatrix()
        soft_shadow(canvas, scene.figure.image, (dx * scene.size, dy * scene.size), softness, alpha)
        canvas.restore()


def _out_of_focus(scene: Scene, factor: float, paint: Callable[[Ink], None]) -> None:
    """Paint the unit square on a coarse frame and enlarge it: depth-of-field blur for less than the sharp picture costs."""
    side = max(10, round(scene.size / factor))
    surface = skia.Surface(side, side)
    surface.getCanvas().scale(side, side)
    paint(Ink(surface.getCanvas()))
    cubic = skia.SamplingOptions(skia.CubicResampler.Mitchell())
    scene.ink.canvas.drawImageRect(surface.makeImageSnapshot(), skia.Rect(1, 1), cubic, skia.Paint())


def _close_up(scene: Scene) -> None:
    """The organism sharp before a blurred habitat; insects from above lie on litter, leaves, sand or stone."""
    shot, rng, ink = scene.shot, scene.rng, scene.ink
    fish = scene.organism is not None and scene.organism.plan == "fish"
    grounded = scene.organism is not None and scene.organism.plan in ("hoofed", "mushroom", "beetle")
    horizon = float(rng.uniform(0.42, 0.62) if grounded else rng.uniform(0.35, 0.95))

    rooted = scene.organism is not None and scene.organism.plan in ("leaf", "flower")
    from_above = scene.organism is not None and (
        scene.organism.plan == "beetle" or (scene.organism.plan == "butterfly" and bool(rng.random() < 0.5))
    )

    factor = float(rng.uniform(1.6, 3.0) if from_above else rng.uniform(3.5, 8.0)) * (scene.size / 96.0) ** 0.5

    def behind(coarse: Ink) -> None:
        if fish:
            backdrop.underwater(coarse, shot.habitat, rng)
        elif from_above:
            backdrop.underfoot(coarse, shot.habitat, rng)
        else:
            backdrop.landscape(coarse, shot.habitat, rng, horizon)
            if rooted:
                backdrop.foliage(coarse, shot.habitat, rng)

    _out_of_focus(scene, factor, behind)
    light, x, y = rng.uniform((-0.3, 0.1, -0.1), (0.35, 0.9, 0.6), 3).tolist()
    frame = ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)])
    tint = Pigment(0.97, 0.03, 90) if light > 0 else Pigment(0.15, 0.03, 260)
    ink.dome(frame, (x, y), 0.9, [tint.argb(abs(light)), tint.argb(0.0)])
    if shot.subject == "person":
        person(scene, 0.62, horizon)
    if from_above:
        _shadow(scene, 0.02, 0.03, 8, 0.55)
    elif scene.organism is not None and scene.organism.plan in ("hoofed", "mushroom"):
        _footing(scene, (0.5 + shot.dx, 0.5 + shot.dy + 0.385 * shot.scale))
    scene.put()
    if rng.random() < 0.4 and not fish:
        blades(scene, int(rng.integers(2, 7)), float(rng.uniform(0.12, 0.42)))


def blades(scene: Scene, count: int, reach: float) -> None:
    """Grass between the lens and the organism."""
    backdrop.blades(scene.ink, scene.shot.habitat, scene.rng, count, reach)


def _museum(scene: Scene) -> None:
    ink, rng, shot = scene.ink, scene.rng, scene.shot
    tone = PAPER.tone(float(rng.normal(-0.02, 0.025))).turn(float(rng.normal(0, 15)))
    frame = ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)])
    ink.wash(frame, (0, 0), (1, 1), [tone.tone(0.03).argb(), tone.tone(-0.05).argb()])
    specks = rng.uniform((0, 0, 0.001), (1, 1, 0.004), (60, 3)).tolist()
    ink.dots(specks, tone.tone(-0.2).argb(0.25))
    if rng.random() < 0.5:
        wood = Pigment(0.42, 0.06, 58)
        ink.line(frame, wood.argb(), 0.05)
        ink.line(
            ink.poly([(0.026, 0.026), (0.974, 0.026), (0.974, 0.974), (0.026, 0.974)]), wood.tone(-0.2).argb(0.6), 0.008
        )
    _shadow(scene, 0.02, 0.03, 7, 0.55)
    scene.put()
    if (
        scene.organism is not None
        and scene.organism.plan in ("beetle", "butterfly")
        and scene.organism.stage == "adult"
    ):
        _pin(scene)
    if shot.label:
        _label(scene, (0.5 + float(rng.normal(0, 0.05)), 0.885), 0.56, 0.15)
    if rng.random() < 0.5:
        y = 0.075
        ink.hatch(
            [
                (0.08, y, 0.28, y),
                *[(0.08 + 0.02 * k, y, 0.08 + 0.02 * k, y + (0.025 if k % 5 == 0 else 0.014)) for k in range(11)],
            ],
            INK.argb(0.85),
            0.004,
        )


def _pin(scene: Scene) -> None:
    ink, shot = scene.ink, scene.shot
    x, y = 0.5 + shot.dx, 0.5 + shot.dy + SINK["museum drawer"]
    ink.hatch([(x, y, x + 0.05, y + 0.07)], Pigment(0.2, 0.01, 80).argb(0.3), 0.008)
    ink.hatch([(x, y, x - 0.02, y - 0.05)], Pigment(0.75, 0.01, 250).argb(), 0.006)
    ink.dots([(x - 0.02, y - 0.05, 0.013)], Pigment(0.3, 0.02, 60).argb())
    ink.dots([(x - 0.024, y - 0.054, 0.004)], 0xD0FFFFFF)


def _label(scene: Scene, centre: tuple[float, float], wide: float, high: float) -> None:
    """A printed label with the shot's text; the first line in italics."""
    ink, canvas = scene.ink, scene.ink.canvas
    with ink.at(*centre, float(scene.rng.normal(0, 1.2))):
        card = ink.poly([(-wide / 2, -high / 2), (wide / 2, -high / 2), (wide / 2, high / 2), (-wide / 2, high / 2)])
        with ink.at(0.006, 0.01):
            ink.fill(card, INK.argb(0.25))
        ink.fill(card, Pigment(0.965, 0.012, 92).argb())
        inner = ink.poly(
            [
                (-wide / 2 + 0.01, -high / 2 + 0.01),
                (wide / 2 - 0.01, -high / 2 + 0.01),
                (wide / 2 - 0.01, high / 2 - 0.01),
                (-wide / 2 + 0.01, high / 2 - 0.01),
            ]
        )
        ink.line(inner, INK.argb(0.7), 0.003)
        size = high * 0.235
        lines = lettering.wrapped(scene.shot.label, wide * 0.92, size)[:3]
        for k, line in enumerate(lines):
            y = high * (0.08 + 0.265 * (k - (len(lines) - 1) / 2))
            lettering.typeset(
                canvas, line, (0.0, y), size if k == 0 else size * 0.84, INK.argb(), italic=k == 0, anchor=0.5
            )


def _herbarium(scene: Scene) -> None:
    ink, rng, shot = scene.ink, scene.rng, scene.shot
    sheet = Pigment(0.925, 0.035, 86).tone(float(rng.normal(0, 0.02))).turn(float(rng.normal(0, 8)))
    frame = ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)])
    ink.wash(frame, (0, 0), (0.7, 1), [sheet.tone(0.02).argb(), sheet.tone(-0.05).argb()])
    for x, y, r in rng.uniform((0, 0, 0.01), (1, 1, 0.09), (7, 3)).tolist():
        ink.dome(ink.oval(x, y, r), (x, y), r, [sheet.tone(-0.2).argb(0.16), sheet.tone(-0.2).argb(0.0)])
    _shadow(scene, 0.006, 0.009, 3, 0.35)
    dried = skia.Paint(
        ColorFilter=skia.ColorFilters.Matrix(
            [0.78, 0.18, 0.02, 0, 0.012, 0.12, 0.78, 0.04, 0, 0.004, 0.1, 0.2, 0.6, 0, -0.01, 0, 0, 0, 1, 0]
        )
    )
    scene.put(dried)
    if scene.figure is not None:
        for y in (0.62, 0.815) if scene.organism is not None and scene.organism.plan == "flower" else (0.795,):
            with ink.at(0.5 + shot.dx, y + shot.dy, float(rng.normal(0, 9))):
                ink.fill(
                    ink.poly([(-0.05, -0.01), (0.05, -0.01), (0.05, 0.01), (-0.05, 0.01)]),
                    Pigment(0.95, 0.02, 88).argb(0.88),
                )
                ink.hatch([(-0.05, 0.01, 0.05, 0.01)], INK.argb(0.18), 0.004)
    if shot.label:
        _label(scene, (0.77, 0.895), 0.42, 0.15)
    with ink.at(0.15, 0.13, float(rng.normal(-6, 5))):
        stamp = Pigment(0.42, 0.09, 20 if rng.random() < 0.5 else 265)
        ink.line(ink.oval(0, 0, 0.095, 0.05), stamp.argb(0.55), 0.004)
        ink.line(ink.oval(0, 0, 0.083, 0.04), stamp.argb(0.45), 0.002)
        lettering.typeset(ink.canvas, "HERB. MERIAN", (0, 0.007), 0.021, stamp.argb(0.7), anchor=0.5)


def _trap(scene: Scene, night: bool) -> None:
    rng, _ink = scene.rng, scene.ink
    horizon = float(rng.uniform(0.3, 0.46))

    def behind(coarse: Ink) -> None:
        backdrop.landscape(coarse, scene.shot.habitat, rng, horizon)
        backdrop.blades(coarse, scene.shot.habitat, rng, 16, 0.2)

    _out_of_focus(scene, 1.8, behind)
    if scene.shot.subject == "person":
        person(scene, *WALKER)
    elif scene.organism is not None and scene.organism.plan not in LEAVES_GROUND:
        feet = 0.5 + SINK["camera trap day"] + scene.shot.dy + 0.245 * scene.shot.scale
        _footing(scene, (0.5 + scene.shot.dx, feet))
    scene.put()
    blades(scene, int(rng.integers(3, 10)), float(rng.uniform(0.12, 0.24)))
    if night:
        _infrared(scene)


def _footing(scene: Scene, feet: tuple[float, float]) -> None:
    """The shadow under an animal that stands."""
    reach = 0.3 if scene.shot.style == "close-up" else 0.2
    ink = scene.ink
    with ink.at(*feet, scene.shot.angle_deg):
        ink.soft(ink.oval(0.02, 0.0, reach * scene.shot.scale, 0.03), INK.argb(0.5), 0.022)


def _infrared(scene: Scene) -> None:
    """Turn what is painted into a flash picture: grey, bright near the middle, dark at the edges; eyes shine back."""
    ink, canvas = scene.ink, scene.ink.canvas
    frame = ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)])
    grey = skia.Paint(Color=0xFF808080, BlendMode=skia.BlendMode.kSaturation)
    canvas.drawPath(frame, grey)
    x, y = (float(v) for v in scene.rng.normal((0.5, 0.6), 0.04))
    flash = skia.Paint(Color=0xFF303030, BlendMode=skia.BlendMode.kColorDodge)
    canvas.drawPath(frame, flash)
    ink.dome(frame, (x, y), 0.74, [0x18000000, 0x58000000, 0xE0000000], [0, 0.5, 1])
    sky = skia.Paint(
        Shader=skia.GradientShader.MakeLinear([skia.Point(0, 0), skia.Point(0, 0.5)], [0xC0000000, 0x00000000])
    )
    canvas.drawPath(frame, sky)
    if scene.figure is not None and scene.organism is not None and scene.organism.plan in ("bird", "hoofed"):
        for u, v, r in scene.figure.eyes:
            u, v, r = u / scene.size, v / scene.size, max(r / scene.size, 0.006)
            ink.dome(ink.oval(u, v, r * 4), (u, v), r * 4, [0xE0FFFFFF, 0x00FFFFFF])
            ink.dots([(u, v, r * 1.3)], 0xFFFFFFFF)


def burn_in(ink: Ink, stamp: str) -> None:
    """Draw the strip of data that a camera trap adds to its frame after the lens has done its work."""
    canvas = ink.canvas
    ink.fill(ink.poly([(0, 0.935), (1, 0.935), (1, 1), (0, 1)]), 0xF0101010)
    lettering.typeset(canvas, stamp, (0.025, 0.982), 0.042, 0xFFF2F2F2, face="mono")
    lettering.typeset(canvas, "MERIAN", (0.975, 0.982), 0.04, 0xFFF2F2F2, face="mono", bold=True, anchor=1.0)


def person(scene: Scene, tall: float, feet: float) -> None:
    """A walking person with hat and pack, `tall` high over the frame."""
    ink, rng = scene.ink, scene.rng
    hues = rng.uniform(0, 360, 3).tolist()
    coat, trousers, pack = Pigment(0.5, 0.09, hues[0]), Pigment(0.38, 0.03, hues[1]), Pigment(0.45, 0.08, hues[2])
    skin = Pigment(float(rng.uniform(0.42, 0.82)), 0.06, 55)
    base = min(0.95, max(0.88, feet + 0.3))
    with ink.at(
        0.5 + scene.shot.dx,
        base + scene.shot.dy * 0.3,
        scene.shot.angle_deg * 0.3,
        -tall if scene.shot.flip else tall,
        tall,
    ):
        ink.soft(ink.oval(0.0, 0.0, 0.22, 0.025), INK.argb(0.5), 0.02)
        for side, tone in ((-1, -0.08), (1, 0.03)):
            foot = (0.13 * side, -0.03 - 0.03 * (side < 0))
            ink.fill(
                ink.ribbon([(0.0, -0.5), (0.075 * side + 0.02, -0.27), foot], [0.14, 0.095, 0.07]),
                trousers.tone(tone).argb(),
            )
            ink.fill(
                ink.ribbon(
                    [(foot[0] - 0.035, -0.015), (foot[0] + 0.03, -0.02), (foot[0] + 0.085, -0.012)], [0.05, 0.055, 0.03]
                ),
                Pigment(0.25, 0.03, 55).argb(),
            )
        ink.fill(
            ink.ribbon([(0.01, -0.76), (-0.09, -0.6), (-0.04, -0.47)], [0.07, 0.06, 0.045]), coat.tone(-0.12).argb()
        )
        ink.fill(ink.curve([(-0.2, -0.78), (-0.09, -0.82), (-0.06, -0.52), (-0.17, -0.5), (-0.22, -0.6)]), pack.argb())
        torso = ink.curve(
            [(-0.08, -0.82), (0.04, -0.84), (0.1, -0.74), (0.09, -0.5), (0.08, -0.42), (-0.09, -0.42), (-0.1, -0.6)]
        )
        ink.wash(torso, (-0.1, 0), (0.1, 0), [coat.tone(-0.1).argb(), coat.tone(0.08).argb()])
        ink.fill(ink.ribbon([(0.02, -0.77), (0.08, -0.6), (0.16, -0.52)], [0.08, 0.065, 0.045]), coat.tone(0.03).argb())
        ink.dots([(0.175, -0.51, 0.024)], skin.argb())
        ink.fill(ink.oval(0.03, -0.9, 0.058, 0.07), skin.argb())
        ink.fill(
            ink.curve([(-0.05, -0.91), (-0.03, -0.985), (0.04, -1.0), (0.09, -0.96), (0.16, -0.925), (0.02, -0.93)]),
            pack.tone(-0.15).argb(),
        )


STYLES: dict[Style, Callable[[Scene], None]] = {
    "close-up": _close_up,
    "museum drawer": _museum,
    "herbarium sheet": _herbarium,
    "camera trap day": lambda scene: _trap(scene, night=False),
    "camera trap infrared": lambda scene: _trap(scene, night=True),
}
