"""A photograph of an organism: habitat or museum around it, pose, light, lens and sensor."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import skia

from merian.drawn import pages, styles
from merian.drawn.ink import Ink
from merian.drawn.organism import Organism, Shot
from merian.drawn.plans import paint

__all__ = ["encode_jpeg", "outline", "pose", "render"]

Pixels = npt.NDArray[np.uint8]

FILL = {
    "close-up": 0.82,
    "museum drawer": 0.72,
    "herbarium sheet": 0.8,
    "camera trap day": 0.52,
    "camera trap infrared": 0.52,
    "drawing": 0.72,
}
"""Size of an organism of scale 1 over the frame, per style (constants from taste); styles that are missing show no organism of their own."""
PAINTERS = {**styles.STYLES, **pages.PAGES}


def render(shot: Shot, organism: Organism | None, size: int) -> Pixels:
    """The picture [size, size, 3] uint8 sRGB, fixed by the arguments alone.

    Without an organism, or with a `subject` other than "organism", the scene is drawn with nobody or with a person in it.
    Drawn for 64 to 512 px, where every side is fine; about 5 to 10 ms at 96 px.
    """
    rng = np.random.default_rng((shot.seed, 41))
    pixels = np.zeros((size, size, 4), np.uint8)
    surface = skia.Surface(pixels, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    canvas = surface.getCanvas()
    canvas.scale(size, size)
    ink = Ink(canvas)
    alone = organism is None or shot.subject != "organism"
    # A drawing is made from a larger figure, so that its lines can be finer than a pixel.
    side = 2 * size if shot.style == "drawing" else size
    figure = None if alone or organism is None or shot.style not in FILL else pose(shot, organism, side)
    PAINTERS[shot.style](styles.Scene(ink, shot, None if alone else organism, figure, size, rng))
    if shot.smear_px > 0.05:
        _smear(surface, shot.smear_px * size / 96.0, shot.smear_deg)
    if shot.blur_px > 0.05:
        _blur(surface, shot.blur_px * size / 96.0)
    if shot.style.startswith("camera trap"):
        canvas.resetMatrix()
        canvas.scale(size, size)
        styles.burn_in(ink, shot.stamp)
    surface.flushAndSubmit()
    return _develop(pixels[:, :, :3], shot, rng)


def pose(shot: Shot, organism: Organism, size: int) -> styles.Figure:
    """The organism alone, posed on a transparent frame of `size` pixels, and where its eyes are."""
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.translate(size * (0.5 + shot.dx), size * (0.5 + shot.dy + styles.SINK.get(shot.style, 0.0)))
    canvas.rotate(shot.angle_deg)
    span = size * FILL[shot.style] * shot.scale
    canvas.scale(-span if shot.flip else span, span)
    ink = Ink(canvas)
    paint(ink, organism)
    return styles.Figure(surface.makeImageSnapshot(), ink.eyes)


def outline(shot: Shot, organism: Organism | None, side: int) -> tuple[float, float, float, float] | None:
    """Left, top, width and height, over the frame, of who is in a camera trap's picture; None when nobody is. Read off a frame of `side` pixels."""
    if shot.subject == "person":
        surface = skia.Surface(side, side)
        canvas = surface.getCanvas()
        canvas.scale(side, side)
        painter = styles.Scene(Ink(canvas), shot, None, None, side, np.random.default_rng(0))
        styles.person(painter, *styles.WALKER)
        image = surface.makeImageSnapshot()
    elif organism is None or shot.subject != "organism":
        return None
    else:
        image = pose(shot, organism, side).image
    solid = image.toarray(colorType=skia.kRGBA_8888_ColorType)[..., 3] > 150
    if not solid.any():
        return None
    (top, bottom), (left, right) = (np.flatnonzero(solid.any(axis))[[0, -1]].tolist() for axis in (1, 0))
    return left / side, top / side, (right - left + 1) / side, (bottom - top + 1) / side


def _blur(surface: skia.Surface, sigma: float) -> None:
    """Blur the whole frame in place by a standard deviation in pixels."""
    image = surface.makeImageSnapshot()
    canvas = surface.getCanvas()
    canvas.resetMatrix()
    canvas.drawImage(
        image,
        0,
        0,
        skia.SamplingOptions(),
        skia.Paint(ImageFilter=skia.ImageFilters.Blur(sigma, sigma, skia.TileMode.kClamp)),
    )


def _smear(surface: skia.Surface, length: float, angle_deg: float) -> None:
    """Average the whole frame in place along a line of `length` pixels: the camera moved while the shutter was open."""
    image = surface.makeImageSnapshot()
    canvas = surface.getCanvas()
    canvas.resetMatrix()
    copies = max(3, min(48, math.ceil(length)))
    x, y = length * math.cos(math.radians(angle_deg)), length * math.sin(math.radians(angle_deg))
    linear = skia.SamplingOptions(skia.FilterMode.kLinear)
    for k in range(copies):
        share = k / (copies - 1) - 0.5
        # each copy joins the mean of those before it with its fair weight
        canvas.drawImage(image, share * x, share * y, linear, skia.Paint(Alphaf=1.0 / (k + 1)))


def _develop(pixels: Pixels, shot: Shot, rng: np.random.Generator) -> Pixels:
    """The frame as the camera stores it: exposure and white balance in linear light, a soft shoulder, sensor noise."""
    value = np.arange(256) / 255.0
    balance = np.array([1 + 0.16 * shot.warmth, 1.0, 1 - 0.2 * shot.warmth]) * 2.0**shot.exposure_ev
    infrared = shot.style == "camera trap infrared"
    if infrared:
        balance[:] = balance.mean()
    linear = value[:, None] ** 2.2 * balance
    shoulder = np.where(linear > 0.7, 0.7 + 0.3 * (1 - np.exp(-(linear - 0.7) / 0.3)), linear)
    table = (np.clip(shoulder, 0, 1) ** (1 / 2.2) * 255).astype(np.float32)
    out = np.stack([table[:, c][pixels[:, :, c]] for c in range(3)], axis=2)
    sigma = 7.0 if infrared else 2.6
    channels = 1 if infrared else 3
    out += rng.standard_normal((*out.shape[:2], channels), dtype=np.float32) * np.float32(sigma)
    stored: Pixels = np.clip(out, 0, 255).astype(np.uint8)
    return stored


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """The pixels [height, width, 3] as a baseline JPEG file."""
    import simplejpeg

    return bytes(
        simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420")
    )
