"""An encoder without weights: colours and gradients, and hashed words, through fixed random projections.

It knows nothing of organisms; it is deterministic, instant and keeps the contract, which makes it the encoder of tests
and examples.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from merian.core.chance import stream
from merian.encode.pixels import Pixels, Preprocess
from merian.encode.seam import Encoder, Vectors, check_pixels, unit_rows

__all__ = ["Toy", "open_model"]

SIZE, CELLS, TURNS = 32, 4, 6
FEATURES = CELLS * CELLS * (3 + TURNS) + 3


@dataclass(frozen=True, slots=True)
class Toy:
    """Unit vectors from 4 x 4 cells' mean colours and gradient directions, and from hashed words."""

    dim: int = 64
    preprocess: Preprocess = field(default_factory=lambda: Preprocess(size=SIZE, interpolation="bilinear"))
    logit_scale: float = 20.0

    @property
    def fingerprint(self) -> str:
        """Names this version of the projections."""
        return f"toy-1-{self.dim}"

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Unit vectors `[n, d]` of images `[n, 32, 32, 3]`."""
        pixels = check_pixels(pixels, self.preprocess)
        projection = stream(0, "toy", "images", self.dim).standard_normal((FEATURES, self.dim))
        # einsum adds in one order for any n; a BLAS product would not.
        return unit_rows(np.einsum("nf,fd->nd", _features(pixels), projection))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors `[n, d]` of texts: the sum of a random direction per word."""
        out = np.zeros((len(texts), self.dim))
        for row, text in enumerate(texts):
            words = re.findall(r"\w+", text.lower()) or [""]
            for word in words:
                seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
                out[row] += stream(seed, "toy", "word").standard_normal(self.dim)
        return unit_rows(out)


def open_model(where: str = "toy") -> Encoder:
    """The toy encoder; `where` is not looked at."""
    return Toy()


def _features(pixels: Pixels) -> NDArray[np.float64]:
    """Colour and gradient statistics `[n, FEATURES]`, about zero on average."""
    image = pixels.astype(np.float64) / 255.0 - 0.5
    n, cell = len(image), SIZE // CELLS
    blocks = image.reshape(n, CELLS, cell, CELLS, cell, 3)
    colour = blocks.mean(axis=(2, 4)).reshape(n, CELLS * CELLS * 3)
    spread = image.std(axis=(1, 2))
    grey = image.mean(axis=3)
    down, right = np.gradient(grey, axis=1), np.gradient(grey, axis=2)
    strength, turn = np.hypot(down, right), np.arctan2(down, right) % np.pi
    bins = np.minimum((turn / np.pi * TURNS).astype(np.int64), TURNS - 1)
    edges = np.stack([np.where(bins == b, strength, 0.0) for b in range(TURNS)], axis=-1)
    edges = edges.reshape(n, CELLS, cell, CELLS, cell, TURNS).mean(axis=(2, 4)).reshape(n, CELLS * CELLS * TURNS)
    return np.concatenate([colour, 4.0 * edges, spread], axis=1)
