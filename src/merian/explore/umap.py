"""Vectors as points on a page by UMAP, when umap-learn is installed."""

from __future__ import annotations

import importlib
import importlib.util
import warnings

import numpy as np
import numpy.typing as npt

from merian.core.errors import MissingExtra
from merian.explore.layout import FEW, condensed, principal
from merian.explore.neighbours import nearest

__all__ = ["installed", "umap_layout"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def installed() -> None:
    """Raise MissingExtra without umap-learn, before anything is computed; importing it takes seconds."""
    if importlib.util.find_spec("umap") is None:
        raise MissingExtra("umap-learn", "umap")


def umap_layout(
    vectors: Floats, neighbours: int = 15, min_dist: float = 0.1, epochs: int | None = None, seed: int = 0
) -> Doubles:
    """A place [n, 2] for each vector [n, d] by UMAP (McInnes, Healy & Melville 2018), started from the principal components.

    Vectors go in as `layout` takes them, their neighbours are exact. Fewer than 30 are laid out by their components. `epochs` None leaves their number to
    umap-learn (200 above 10,000 vectors, else 500). Raises MissingExtra without umap-learn, BadData for vectors that are not numbers.
    """
    points = condensed(vectors)
    if len(vectors) < FEW:
        return principal(vectors)
    installed()
    umap = importlib.import_module("umap")
    start = principal(vectors)
    start *= 10 / max(float(np.abs(start).max()), 1e-12)
    neighbours = min(neighbours, len(vectors))
    rows, gaps = nearest(points, neighbours - 1)
    # umap-learn counts a point among its own neighbours
    rows = np.concatenate([np.arange(len(points))[:, None], rows], 1)
    gaps = np.concatenate([np.zeros((len(points), 1)), gaps], 1)
    model = umap.UMAP(
        n_neighbors=neighbours,
        min_dist=min_dist,
        n_epochs=epochs,
        init=start.astype(np.float32),
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(rows, gaps.astype(np.float32)),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "precomputed_knn", UserWarning)  # no further points are to be placed
        return np.asarray(model.fit_transform(points), np.float64)
