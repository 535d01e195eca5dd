"""A photo as several species would take it in at a distance, side by side on one sheet, each with the facts it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.settings import knob
from merian.twin.senses.eyes import GRADES, Eyes
from merian.twin.senses.optics import LIGHTS, degrees_across
from merian.twin.senses.seen import seen, to_linear, to_srgb, translation

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

__all__ = ["CAPTION", "EyesSettings", "captions", "sheet", "views"]

Pixels = npt.NDArray[np.uint8]
CAPTION = "Reconstruction from optics; nobody knows what it feels like."
COLUMNS, GAP, EDGE = 3, 24, 40
PAPER, INK, PALE = (250, 249, 246), (28, 30, 33), (96, 99, 104)
"""Colours of the sheet; the pale ink stands out 5.8 to 1 from the paper."""


@dataclass(frozen=True, kw_only=True)
class EyesSettings:
    """From where and in which light a photo is looked at."""

    distance: float = knob(30.0, "How far off the photographed thing is", unit="m", gt=0, le=1e5)
    span: float = knob(3.0, "How much the photo spans from left to right, where its subject is", unit="m", gt=0, le=1e4)
    light: Literal["day", "twilight", "night"] = knob("day", "The light")
    ultraviolet: float = knob(
        1.0,
        "Ultraviolet, which no photo holds, as a multiple of each pixel's blue: 1 where a spectrum goes on as it ends",
        ge=0,
        le=2,
    )
    side_px: int = knob(720, "Longer side of each picture", unit="pixels", ge=64, le=4096)
    seed: int = knob(0, "Names the grain of dim light", ge=0)


def views(photo: Pixels, species: Sequence[Eyes], settings: EyesSettings) -> list[Pixels]:
    """The photo [y, x, 3] as each species takes it in: sRGB [y, x, 3] each. The same angle fills the photo for all: it is not made larger or smaller."""
    light = to_linear(photo)
    scale = photo.shape[1] / degrees_across(settings.span, settings.distance)
    dark = settings.ultraviolet * light[..., 2]
    return [
        to_srgb(seen(light, eyes, scale, settings.light, dark, stream(settings.seed, "eyes", eyes.name)))
        for eyes in species
    ]


def captions(eyes: Eyes, settings: EyesSettings) -> list[str]:
    """What is said below a picture: name, acuity and receptors with their evidence, the finest stripes that are left, how colours are translated."""
    finest = 1.0 / float(eyes.acuity(settings.light)) * settings.distance * float(np.pi / 180.0)
    acuity, receptors = eyes.facts["acuity_cpd"], eyes.facts["receptors_nm"]
    by_rods = LIGHTS[settings.light].rods and eyes.rods
    here = "" if settings.light == "day" else f"; {eyes.acuity(settings.light):.2g} in this light"
    return [
        eyes.common,
        f"Stripes that repeat within {_length(finest)} are gone at {settings.distance:g} m.",
        f"Acuity in cycles per degree: {acuity.words}{here}",
        f"Receptors in nm: {receptors.words}",
        "By rods alone: no colour" if by_rods else f"{translation(eyes)[0].upper()}{translation(eyes)[1:]}",
    ]


def sheet(photo: Pixels, species: Sequence[Eyes], settings: EyesSettings) -> Image.Image:
    """One picture with the photo first and each species' view after it, captions below each, and what must be known at the foot."""
    from PIL import Image, ImageDraw

    small = _fitted(photo, settings.side_px)
    told = [["the photo", *_of_photo(small, settings)], *(captions(eyes, settings) for eyes in species)]
    pictures = [small, *views(small, species, settings)]
    high, wide = small.shape[:2]
    columns = 2 if len(pictures) == 4 else min(COLUMNS, len(pictures))
    faces = [_face(max(wide // size, least)) for size, least in ((24, 13), (36, 11))]
    line = [int(face.size * 1.35) for face in faces]
    folded = [[text for part in texts[1:] for text in _folded(part, faces[1], wide)] for texts in told]
    below = GAP // 2 + line[0] + line[1] * max(map(len, folded)) + GAP
    rows = -(-len(pictures) // columns)
    width = 2 * EDGE + columns * wide + (columns - 1) * GAP
    foot = [text for part in _foot(settings) for text in _folded(part, faces[1], width - 2 * EDGE)]
    page = Image.new("RGB", (width, 2 * EDGE + rows * (high + below) + line[1] * len(foot)), PAPER)
    pen = ImageDraw.Draw(page)
    for at, picture in enumerate(pictures):
        left = EDGE + at % columns * (wide + GAP)
        top = EDGE + at // columns * (high + below)
        page.paste(Image.fromarray(picture), (left, top))
        top += high + GAP // 2
        pen.text((left, top), told[at][0].capitalize(), INK, faces[0])
        _lines(pen, (left, top + line[0]), folded[at], faces[1], line[1])
    _lines(pen, (EDGE, page.height - EDGE - line[1] * len(foot)), foot, faces[1], line[1])
    return page


def _of_photo(photo: Pixels, settings: EyesSettings) -> list[str]:
    degrees = degrees_across(settings.span, settings.distance)
    return [
        f"Taken to span {settings.span:g} m. At {settings.distance:g} m it fills {degrees:.2g} degrees, and its pixels hold "
        f"{photo.shape[1] / degrees / 2:.3g} cycles per degree: eyes that are sharper are shown no sharper."
    ]


def _foot(settings: EyesSettings) -> list[str]:
    light = LIGHTS[settings.light]
    return [
        CAPTION,
        f"In {light.meaning}. A photo holds no ultraviolet: {_times(settings.ultraviolet)} as blue is taken for each pixel. All pictures are enlarged "
        f"alike. Evidence: {', '.join(GRADES.values())}.",
    ]


def _times(share: float) -> str:
    return "as much" if share == 1 else f"{share:g} times as much"


def _length(metres: float) -> str:
    for unit, size in (("m", 1.0), ("cm", 0.01)):
        if metres >= size:
            return f"{metres / size:.2g} {unit}"
    return f"{metres * 1000:.2g} mm"


def _fitted(photo: Pixels, side_px: int) -> Pixels:
    """The photo with its longer side no longer than that."""
    from PIL import Image

    high, wide = photo.shape[:2]
    times = side_px / max(high, wide)
    if times >= 1:
        return photo
    size = (max(round(wide * times), 1), max(round(high * times), 1))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))


def _face(size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    face = ImageFont.load_default(float(size))
    assert isinstance(face, ImageFont.FreeTypeFont)
    return face


def _folded(text: str, face: ImageFont.FreeTypeFont, wide: int) -> list[str]:
    """The text in lines that fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if face.getlength(longer) <= wide or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _lines(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], lines: Sequence[str], face: ImageFont.FreeTypeFont, line: int
) -> None:
    for at, text in enumerate(lines):
        pen.text((place[0], place[1] + at * line), text, PALE, face)
