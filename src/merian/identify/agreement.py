"""How far a faster form of a model says what the model itself says: cosines, and shares of equal answers at each rank."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from merian.core import progress
from merian.core.tree import RANKS, Rank
from merian.core.vectors import Embeddings
from merian.encode import Encoder, Pixels
from merian.identify.head import Head

__all__ = ["Agreement", "agreement"]

BATCH = 16


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `photos` images: cosines of the two vectors, and of the best taxon at each rank how often it is the same."""

    photos: int
    least_cosine: float
    median_cosine: float
    same: dict[str, int]
    """Rank -> how many photos have the same best taxon; empty without a head."""
    labels: int
    """How many taxa there were to choose from."""
    largest_change: float
    """The largest difference of a best species' probability."""


def agreement(exact: Encoder, fast: Encoder, pixels: Pixels, head: Head | None = None) -> Agreement:
    """What `fast` says of `pixels` `uint8 [n, s, s, 3]` beside `exact`, the same model, in the labels of `head`, which is in the space of `exact`."""
    vectors = []
    with progress.track("Comparing", 2 * len(pixels), "photos") as advance:
        for encoder in (exact, fast):
            found = []
            for at in range(0, len(pixels), BATCH):
                found.append(encoder.embed_images(pixels[at : at + BATCH]))
                advance(len(found[-1]))
            vectors.append(np.concatenate(found))
    cosines = np.einsum("nd,nd->n", vectors[0], vectors[1], dtype=np.float64)
    same: dict[str, int] = {}
    change = 0.0
    if head is not None:
        one = replace(head, fingerprint=exact.fingerprint)
        ids = pl.Series("id", [str(n) for n in range(len(pixels))], pl.String)
        ranks: list[Rank] = list(RANKS)
        for rank in ranks:
            best = [one.predict(Embeddings(ids, found, exact.fingerprint), rank, k=1) for found in vectors]
            same[rank] = int(np.sum(best[0].taxa[:, 0] == best[1].taxa[:, 0]))
            if rank == "species":
                change = float(np.abs(best[0].probabilities - best[1].probabilities).max(initial=0))
    labels = 0 if head is None else len(head.labels)
    return Agreement(len(pixels), float(cosines.min()), float(np.median(cosines)), same, labels, change)
