"""Species as points of a kernel: the mean vector of each species' pictures, as few features whose inner products are the kernel.

Linear: the principal components of the means. RBF: the Nystrom features of Williams & Seeger (2001) on landmark species, exact when every species is a
landmark; what the landmarks leave open counts as a species' own variance (Snelson & Ghahramani 2006).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.explore.impute.nest import Nest
from merian.explore.impute.process import Design

__all__ = ["picture_design"]

Doubles = npt.NDArray[np.float64]
PAIRS = 1000
"""Species whose distances give the width of the RBF kernel."""
JITTER = 1e-10
"""Eigenvalues of the landmarks' kernel below this share of the largest are rounding."""


def picture_design(
    nest: Nest, means: Doubles, kernel: Literal["linear", "rbf"], width: int, rng: np.random.Generator
) -> Design:
    """The Design of species with mean vectors `means` [n, d], rows of NaN where a species has no picture; at most `width` features.

    Raises BadData for infinite vectors, for vectors partly NaN, and when fewer than three species have a picture, or all have the same.
    """
    seen = ~np.isnan(means).all(1)
    if not np.isfinite(means[seen]).all():
        broken = np.flatnonzero(seen & ~np.isfinite(means).all(1))
        raise BadData("embeddings", "the mean vectors of species must be finite", broken.tolist())
    if seen.sum() < 3 or not np.ptp(means[seen], axis=0).any():
        raise BadData(
            "embeddings", f"{int(seen.sum())} species with pictures that differ tell nothing; three are needed"
        )
    features = np.zeros((len(nest), 0))
    slack = np.ones(len(nest))
    if kernel == "linear":
        found = _components(means[seen], width)
        slack[seen] = 0.0
    else:
        found = _landmarks(means[seen], width, rng)
        slack[seen] = np.maximum(1 - (found**2).sum(1), 0)
    features = np.zeros((len(nest), found.shape[1]))
    features[seen] = found
    return Design(nest, features, slack)


def _components(points: Doubles, width: int) -> Doubles:
    """The principal components [n, w] of points, scaled so that the mean square length is 1."""
    u, size, _ = np.linalg.svd(points - points.mean(0), full_matrices=False)
    scores = (u * size)[:, :width]
    return np.asarray(scores / np.sqrt((scores**2).sum(1).mean()))


def _landmarks(points: Doubles, width: int, rng: np.random.Generator) -> Doubles:
    """Features [n, w] whose inner products are exp(-|a - b|^2 / 2 l^2), l the median distance between species."""
    n = len(points)
    some = points if n <= PAIRS else points[np.sort(rng.choice(n, PAIRS, replace=False))]
    apart = _squares(some, some)[np.triu_indices(len(some), 1)]
    scale = float(np.median(apart[apart > 0]))
    chosen = points if n <= width else points[np.sort(rng.choice(n, width, replace=False))]
    values, axes = np.linalg.eigh(np.exp(-_squares(chosen, chosen) / (2 * scale)))
    kept = values > JITTER * values[-1]
    return np.asarray(np.exp(-_squares(points, chosen) / (2 * scale)) @ (axes[:, kept] / np.sqrt(values[kept])))


def _squares(a: Doubles, b: Doubles) -> Doubles:
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))
