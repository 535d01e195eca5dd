"""The baseline that knows nothing of organisms: histograms of colour and of texture, compared to the mean of each class.

Per cell of a 2 x 2 grid: hue (weighted by chroma), saturation, brightness, orientation of gradients (weighted by strength; Dalal & Triggs 2005) and local
binary patterns (Ojala et al. 2002, rotation-invariant uniform). Square roots make Euclidean distance that of Hellinger.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.core.vectors import normalise

__all__ = ["WIDTH", "features", "nearest_mean"]

Floats = npt.NDArray[np.float32]
GRID = 2
HUES, SATURATIONS, VALUES, TURNS, PATTERNS = 12, 4, 6, 9, 10
PARTS = (HUES, SATURATIONS, VALUES, TURNS, PATTERNS)
WIDTH = GRID * GRID * sum(PARTS)
CHUNK = 256
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def features(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Histogram features of images [n, s, s, 3]: [n, WIDTH] float32 of unit length. Raises BadData for any other shape or type."""
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or min(pixels.shape[1:3]) < 2 * GRID + 2:
        raise BadData("pixels", f"{pixels.dtype} {list(pixels.shape)} is not uint8 [n, s, s, 3]")
    if not len(pixels):
        return np.zeros((0, WIDTH), np.float32)
    return np.concatenate([_features(pixels[i : i + CHUNK]) for i in range(0, len(pixels), CHUNK)])


def nearest_mean(train: Floats, classes: npt.NDArray[np.integer], queries: Floats) -> npt.NDArray[np.int32]:
    """The class whose mean over the training images [n, d] lies nearest to each query [q, d], after centring: int32 [q]."""
    names, of = np.unique(classes, return_inverse=True)
    centre = train.mean(0)
    unit = normalise(train - centre)
    sums = np.stack([np.bincount(of, column, len(names)) for column in unit.T], 1)
    means = sums / np.bincount(of)[:, None]
    scores = 2 * normalise(queries - centre) @ means.T - (means**2).sum(1)
    return np.asarray(names[scores.argmax(1)], np.int32)


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
