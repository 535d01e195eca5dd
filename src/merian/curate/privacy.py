"""People in photos: made unrecognisable, the whole body and not only the face, for clothes and gait tell who someone is too."""

from __future__ import annotations

from collections.abc import Sequence

from merian.curate.crops import jpeg, pixels_of
from merian.encode.files import upright

__all__ = ["CELLS", "MARGIN", "blur_people"]

CELLS = 6
"""Squares along the longer side of a box that are left of a person. Faces of 16 x 16 pixels can be told from pixelation alone (Harmon & Julesz 1973),
and a face is about a seventh of a body, so that less than one square is left of it."""
MARGIN = 0.08
"""Share of its sides by which a box is widened: detectors cut off hands and hats. From taste."""


def blur_people(data: bytes, boxes: Sequence[Sequence[float]]) -> bytes:
    """The image file `data` as a JPEG file in which nobody in `boxes` (left, top, width, height; 0 to 1, as shown) can be recognised.

    Each box becomes CELLS squares along its longer side, each of the mean colour, which are then smeared into one another: what was there is averaged away
    and cannot be computed back. The file is written anew without metadata: its EXIF thumbnail would show the person, and its position where they were.
    Raises Unreadable with the reasons of `merian.encode.decode`.
    """
    from PIL import Image, ImageFilter

    image = upright(data)
    for box in boxes:
        left, top, width, height = (float(v) for v in box)
        area = pixels_of((left, top, width, height), image.size, MARGIN)
        wide, high = area[2] - area[0], area[3] - area[1]
        if wide < 1 or high < 1:
            continue
        cell = max(wide, high) / CELLS
        grid = (max(1, round(wide / cell)), max(1, round(high / cell)))
        # A box filter takes the mean of all pixels of a square, so that no single one of them is left.
        coarse = image.crop(area).resize(grid, Image.Resampling.BOX)
        smooth = coarse.resize((wide, high), Image.Resampling.NEAREST).filter(ImageFilter.GaussianBlur(cell / 3))
        image.paste(smooth, area[:2])
    return jpeg(image)
