"""Vectors as points on a page by UMAP, when umap-learn is installed."""

from __future__ import annotations

import importlib

import numpy as np
import numpy.typing as npt

from merian.core.errors import MissingExtra
from merian.explore.layout import FEW, condensed, principal

__all__ = ["umap_layout"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def umap_layout(
    vectors: Floats, neighbours: int = 15, min_dist: float = 0.1, epochs: int | None = None, seed: int = 0
) -> Doubles:
    """A place [n, 2] for each vector [n, d] by UMAP (McInnes, Healy & Melville 2018), started from the principal components, on one thread.

    Vectors go in as `layout` takes them: above 10,000 as 50 principal components. Fewer than 30 are laid out by their components. `epochs` None leaves their
    number to umap-learn (200 above 10,000 vectors, else 500). Raises MissingExtra without umap-learn, BadData for vectors that are not numbers.
    """
    points = condensed(vectors)
    if len(vectors) < FEW:
        return principal(vectors)
    try:
        umap = importlib.import_module("umap")
    except ModuleNotFoundError as error:
        raise MissingExtra("umap-learn", "umap") from error
    start = principal(vectors)
    start *= 10 / max(float(np.abs(start).max()), 1e-12)
    model = umap.UMAP(
        n_neighbors=min(neighbours, len(vectors) - 1),
        min_dist=min_dist,
        n_epochs=epochs,
        init=start.astype(np.float32),
        random_state=seed,
        n_jobs=1,
        low_memory=False,
    )
    return np.asarray(model.fit_transform(points.astype(np.float32)), np.float64)
