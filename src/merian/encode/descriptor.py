"""An encoder without weights that sees how a picture is made: histograms of colour, of texture and of steps between pixels.

It knows nothing of organisms, but tells a page of text from a photo (`merian.curate.kinds`); its first part is the baseline of `merian evaluate`.

Per cell of a 2 x 2 grid: hue (weighted by chroma), saturation, brightness, orientation of gradients (weighted by strength; Dalal & Triggs 2005) and local
binary patterns (Ojala et al. 2002, rotation-invariant uniform). Over the whole image: brightness, chroma, and steps between neighbours across and
down, in finer bins: ink on paper has few levels and many steps of nothing. Square roots make Euclidean distance that of Hellinger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.core.vectors import normalise
from merian.encode.pixels import Pixels, Preprocess
from merian.encode.seam import Encoder, Vectors, check_pixels, unit_rows
from merian.encode.toy import Toy

__all__ = ["DIM", "WIDTH", "Descriptor", "features", "open_model"]

Floats = npt.NDArray[np.float32]
GRID = 2
HUES, SATURATIONS, VALUES, TURNS, PATTERNS = 12, 4, 6, 9, 10
PARTS = (HUES, SATURATIONS, VALUES, TURNS, PATTERNS)
WIDTH = GRID * GRID * sum(PARTS)
LEVELS = np.arange(0, 256, 16)
CHROMAS = 4 * np.arange(8) ** 2
STEPS = np.array((0, 1, 2, 4, 8, 16, 32, 64))
"""Lower edges of the bins over the whole image, in grey levels (0 to 255)."""
DIM = WIDTH + len(LEVELS) + len(CHROMAS) + 2 * len(STEPS)
CHUNK = 256
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Unit vectors of images [n, 64, 64, 3] from histograms; texts are hashed words, as the toy's, and lie in no relation to images."""

    dim: int = DIM
    preprocess: Preprocess = field(default_factory=lambda: Preprocess(size=64, interpolation="bilinear"))
    logit_scale: float = 20.0

    @property
    def fingerprint(self) -> str:
        """Names this version of the histograms."""
        return f"descriptor-1-{self.dim}"

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Unit vectors `[n, d]` of images `[n, 64, 64, 3]`."""
        pixels = check_pixels(pixels, self.preprocess)
        if not len(pixels):
            return np.zeros((0, self.dim), np.float32)
        return unit_rows(np.concatenate([features(pixels), _whole(pixels)], 1))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors `[n, d]` of texts: the sum of a random direction per word."""
        return Toy(dim=self.dim).embed_texts(texts)


def open_model(where: str = "descriptor") -> Encoder:
    """The descriptor; `where` is not looked at."""
    return Descriptor()


def features(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Histogram features of images [n, s, s, 3]: [n, WIDTH] float32 of unit length. Raises BadData for any other shape or type."""
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or min(pixels.shape[1:3]) < 2 * GRID + 2:
        raise BadData("pixels", f"{pixels.dtype} {list(pixels.shape)} is not uint8 [n, s, s, 3]")
    if not len(pixels):
        return np.zeros((0, WIDTH), np.float32)
    return np.concatenate([_features(pixels[i : i + CHUNK]) for i in range(0, len(pixels), CHUNK)])


def _whole(pixels: Pixels) -> Floats:
    """Histograms over each whole image [n, s, s, 3], of unit length: [n, DIM - WIDTH]."""
    top, low = pixels.max(3), pixels.min(3)
    grey = (pixels.sum(3, dtype=np.int32) // 3).astype(np.int16)
    across, down = np.abs(np.diff(grey, axis=2)), np.abs(np.diff(grey, axis=1))
    layers = ((grey, LEVELS), (top - low, CHROMAS), (across, STEPS), (down, STEPS))
    return normalise(np.concatenate([_shares(values, edges) for values, edges in layers], 1))


def _shares(values: npt.NDArray[np.integer], edges: npt.NDArray[np.integer]) -> Floats:
    """Square roots of the shares of the values [n, ...] in the bins that begin at `edges` [b]: [n, b]."""
    n, bins = len(values), len(edges)
    of = np.searchsorted(edges, np.arange(256), side="right") - 1
    index = of[values.reshape(n, -1)] + np.arange(n)[:, None] * bins
    counts = np.bincount(index.ravel(), minlength=n * bins).reshape(n, bins)
    return np.asarray(np.sqrt(counts / values[0].size), np.float32)


def _features(pixels: npt.NDArray[np.uint8]) -> Floats:
    rgb = np.asarray(pixels, np.float32) / np.float32(255)
    value = np.asarray(rgb.max(3), np.float32)
    chroma = np.asarray(value - rgb.min(3), np.float32)
    saturation = chroma / np.maximum(value, 1e-6)
    grey = np.asarray(rgb @ np.array([0.299, 0.587, 0.114]), np.float32)
    down, right = np.gradient(grey, axis=1), np.gradient(grey, axis=2)
    turn = np.arctan2(down, right) / np.pi % 1.0
    flat = np.ones_like(value)
    layers = (
        (_hue(rgb, value, chroma), chroma, HUES),
        (saturation, flat, SATURATIONS),
        (value, flat, VALUES),
        (turn, np.hypot(down, right), TURNS),
        (_patterns(grey) / PATTERNS, flat, PATTERNS),
    )
    parts = [_cells(place, weight, bins) for place, weight, bins in layers]
    return normalise(np.concatenate(parts, 1))


def _cells(place: npt.NDArray[np.floating], weight: npt.NDArray[np.floating], bins: int) -> Floats:
    """Square roots of the weighted histograms of `place` in [0, 1] in each cell of the grid: [n, GRID^2 * bins]."""
    n, s = place.shape[:2]
    cell = np.minimum(np.arange(s) * GRID // s, GRID - 1)
    index = np.minimum((place * bins).astype(np.int64), bins - 1)
    index += ((np.arange(n)[:, None] * GRID + cell)[:, :, None] * GRID + cell) * bins
    counts = np.bincount(index.ravel(), weight.ravel(), n * GRID * GRID * bins).reshape(n, GRID * GRID, bins)
    shares = counts / np.maximum(counts.sum(2, keepdims=True), 1e-6)
    return np.asarray(np.sqrt(shares).reshape(n, -1), np.float32)


def _hue(rgb: Floats, value: Floats, chroma: Floats) -> Floats:
    """The hue in [0, 1) of the hexagonal model; 0 for greys, whose chroma gives them no weight."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    safe = np.maximum(chroma, 1e-6)
    sextant = np.where(value == r, (g - b) / safe % 6, np.where(value == g, (b - r) / safe + 2, (r - g) / safe + 4))
    return np.asarray(sextant / 6 % 1, np.float32)


def _patterns(grey: Floats) -> npt.NDArray[np.float32]:
    """Number 0 to 9 of each pixel's local binary pattern: brighter neighbours in one run (0 to 8), or not in one run (9)."""
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    s = grey.shape[1]
    ring = np.stack([padded[:, 1 + y : 1 + y + s, 1 + x : 1 + x + s] >= grey + 1e-3 for y, x in NEIGHBOURS])
    changes = (ring != np.roll(ring, 1, 0)).sum(0)
    return np.where(changes <= 2, ring.sum(0), PATTERNS - 1).astype(np.float32)
