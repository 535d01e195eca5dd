"""What one decoding of an image tells a curator: its size, its contrast, its sharpness, and two prints to find its near duplicates by.

The image is decoded once, at reduced scale and in grey (`merian.encode.pixels.luma`); all of it is read, so a damaged file is found out.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from merian.encode.pixels import luma

__all__ = ["SIDE", "SKETCH", "Measures", "dct", "fingerprints", "measure", "sharpness"]

Floats = NDArray[np.float32]

SIDE = 224
"""Sharpness is measured on about SIDE x SIDE pixels, as many as encoders take: what is blurred only at 12 megapixels does no harm."""
SKETCH = 64
"""Side of the grey sketch that prints are taken of."""
LAG = 7
"""Width in pixels of the box that the image is blurred by for comparison."""
STEADY = 2.0
"""Grey levels added to the steps of an image, so that the noise of an empty one is not taken for detail."""
NOISE, EVERY = np.float32(2), 4
"""What is lost counts beyond so many medians of the steps, taken of every fourth row and column."""
MANY = 160
"""Columns from which on only every second is looked at."""
BAND = 0.08
"""Share of the height at the top and at the bottom in which sharpness is not looked for."""
BITS = 16
"""The fingerprint holds the signs of BITS x BITS frequencies."""


class Measures(NamedTuple):
    """What is known of an image after one look."""

    width: int
    """As shown: EXIF rotation applied."""
    height: int
    extension: str
    """"jpg", "png", ...: by content."""
    contrast: float
    """Standard deviation of the brightness (0 to 255) of the image shrunk to 32 x 32."""
    sharpness: float
    """0 (blurred) to 1 (as sharp as its pixels): see `sharpness`."""
    fingerprint: bytes
    """32 bytes: see `fingerprints`."""
    sketch: bytes
    """SKETCH * SKETCH bytes: the image in grey, squashed to a square. Needed only until near duplicates are decided."""


def measure(data: bytes) -> Measures:
    """The measures of the image file `data`. Raises `merian.encode.pixels.Unreadable` with the reason when it cannot be decoded."""
    seen = luma(data, SIDE)
    small = seen.grey.resize((SKETCH, SKETCH), Image.Resampling.BILINEAR)
    sketch = np.array(small, np.uint8)
    half = SKETCH // 2
    coarse = sketch.reshape(half, 2, half, 2).mean((1, 3), dtype=np.float32)
    sharp = sharpness(np.asarray(seen.grey, np.float32))
    print_ = fingerprints(sketch[None])[0].tobytes()
    return Measures(seen.width, seen.height, seen.extension, float(coarse.std()), sharp, print_, sketch.tobytes())


def sharpness(grey: Floats) -> float:
    """How sharp an image [h, w] of brightness 0 to 255 is: near 0 when blurred, up to 1 when its edges are one pixel wide.

    A blurred image hardly changes when it is blurred once more, a sharp one does (Crete et al. 2007, "The blur effect"). The steps between neighbouring pixels
    are compared to those of the image blurred by a box of LAG pixels. What they lose beyond the noise (NOISE times their median) is summed over the image as
    cubes, so that the strongest edges decide: a sharp animal before a soft background is sharp. The lesser of the two directions is taken, since
    motion blurs only one. A BAND at the top and at the bottom is left out: camera traps print the time there.
    """
    band = int(len(grey) * BAND)
    inner = grey[band : len(grey) - band]
    return min(_kept(inner), _kept(inner.T))


def _kept(grey: Floats) -> float:
    """The share of the steps down the rows of `grey` that blurring along them would take away."""
    if grey.shape[0] <= LAG + 1 or grey.shape[1] < 3:
        return 0.0
    # Neighbouring columns are much alike: of a large image every second one will do.
    every = 2 if grey.shape[1] >= MANY else 1
    smooth = grey[:, :-2:every] + grey[:, 2::every]
    middle = grey[:, 1:-1:every]
    smooth += middle
    smooth += middle
    smooth *= np.float32(0.25)
    # The step of the box-blurred image between two neighbours is that of the image over LAG pixels, divided by LAG.
    wide = np.abs(smooth[LAG:] - smooth[:-LAG])
    wide *= np.float32(1 / LAG)
    ahead = LAG // 2
    near = np.abs(smooth[ahead + 1 : ahead + 1 + len(wide)] - smooth[ahead : ahead + len(wide)])
    some = near[::EVERY, ::EVERY].ravel()
    wide += NOISE * np.partition(some, some.size // 2)[some.size // 2]
    lost = np.maximum(near - wide, 0, out=wide)
    return float(_cubes(lost) ** (1 / 3) / (_cubes(near) ** (1 / 3) + STEADY * lost.size ** (1 / 3)))


def _cubes(values: Floats) -> float:
    flat = np.ascontiguousarray(values).ravel()
    return float(np.dot(flat * flat, flat))


def fingerprints(sketches: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The 256-bit prints of sketches [n, SKETCH, SKETCH]: uint64 [n, 4]. Two prints of one picture differ in few bits.

    As PDQ (Facebook 2019, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm"): the lowest 16 x 16 frequencies of the cosine transform
    of a 64 x 64 grey image, without the constant row and column, each compared to their median. It differs in the shrinking (Pillow's triangle
    filter over the image of about 224 x 224, where PDQ runs two box filters over one of 512 x 512), in the EXIF rotation being applied first, and in having
    no measure of quality (`contrast` says what has too little to see); its bits are therefore not those of PDQ.
    """
    waves = dct(sketches, BITS + 1)[:, 1:, 1:].reshape(len(sketches), -1)
    above = waves > np.median(waves, axis=1, keepdims=True)
    return np.ascontiguousarray(np.packbits(above, axis=1)).view("<u8").astype(np.uint64)


def dct(images: NDArray[np.uint8], count: int) -> Floats:
    """The lowest `count` x `count` coefficients of the orthonormal cosine transform (DCT-II) of images [n, s, s]: float32 [n, count, count]."""
    waves = _waves(images.shape[-1], count)
    return np.asarray(waves @ images.astype(np.float32) @ waves.T, np.float32)


@cache
def _waves(side: int, count: int) -> Floats:
    place = (np.arange(side) + 0.5) * np.pi / side
    waves = np.cos(np.arange(count)[:, None] * place) * np.sqrt(2 / side)
    waves[0] *= np.sqrt(0.5)
    return np.asarray(waves, np.float32)
