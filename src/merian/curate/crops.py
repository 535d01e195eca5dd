"""Cutting the part of a photo out that is the sample: the box of an animal in a camera trap's frame."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from merian.encode.files import MIN_SIDE, Unreadable, upright

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["QUALITY", "crop", "jpeg", "pixels_of"]

QUALITY = 92
"""JPEG quality of what is written anew; at 4:4:4, so that a second compression costs no colour. From taste."""

ROUNDING = 1e-3
"""Pixels by which an edge may lie beyond a pixel's before that pixel counts as touched: shares are written with six digits."""

Box = tuple[float, float, float, float]
"""Left, top, width and height, as shares of the sides of the image as shown (EXIF rotation applied)."""


def crop(data: bytes, box: Box) -> bytes:
    """The part `box` (left, top, width, height; 0 to 1) of the image file `data`, as a JPEG file without any metadata.

    Raises Unreadable with the reasons of `merian.encode.decode`, and with "too small" when the part has hardly a pixel.
    """
    image = upright(data)
    left, top, right, bottom = pixels_of(box, image.size)
    if min(right - left, bottom - top) < MIN_SIDE:
        raise Unreadable(f"the box {','.join(f'{v:g}' for v in box)}", "too small")
    return jpeg(image.crop((left, top, right, bottom)))


def pixels_of(box: Box, size: tuple[int, int], margin: float = 0.0) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in pixels of a relative `box`, every pixel that it touches, widened by `margin` of its own sides, within the image."""
    left, top, width, height = box
    wide, high = width * margin, height * margin
    return (
        max(0, math.floor((left - wide) * size[0] + ROUNDING)),
        max(0, math.floor((top - high) * size[1] + ROUNDING)),
        min(size[0], math.ceil((left + width + wide) * size[0] - ROUNDING)),
        min(size[1], math.ceil((top + height + high) * size[1] - ROUNDING)),
    )


def jpeg(image: Image.Image) -> bytes:
    """`image` as a JPEG file that holds its pixels and nothing else: no EXIF, no place, no thumbnail."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY, subsampling=0, exif=b"", icc_profile=None, comment=b"")
    return stream.getvalue()
