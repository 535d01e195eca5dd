"""Vectors as points on a page: t-SNE from a principal-component start, or the components themselves when there are few."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FEW", "layout", "nearest", "principal", "same_neighbours", "shared_rank"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
FEW = 30
"""With fewer points t-SNE has no neighbourhoods to speak of."""
LARGE = 10_000
"""Above this the interpolated gradient is faster than the Barnes-Hut tree."""
BLOCK = 1024


def principal(vectors: Floats, k: int = 2) -> Doubles:
    """The first k principal components of vectors [n, d], each with its largest entry positive: [n, k]."""
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(vectors), k))
    points[:, : min(k, len(directions))] = centred @ directions[:k].T
    if len(points):
        points *= np.where(points[np.abs(points).argmax(0), np.arange(k)] < 0, -1, 1)
    return points


def layout(vectors: Floats, perplexity: float = 30, iterations: int = 500, seed: int = 0) -> Doubles:
    """A place [n, 2] for each vector [n, d], neighbours near each other; the same vectors and seed give the same places.

    t-SNE (van der Maaten & Hinton 2008) by openTSNE, started from the principal components (Kobak & Berens 2019), on one thread.
    """
    n = len(vectors)
    if n < FEW:
        return principal(vectors)
    import openTSNE

    start = principal(vectors)
    start /= max(float(start[:, 0].std()), 1e-12) / 1e-4
    model = openTSNE.TSNE(
        perplexity=min(perplexity, (n - 1) / 3),
        n_iter=iterations,
        initialization=start,
        neighbors="exact" if n <= LARGE else "annoy",
        negative_gradient_method="bh" if n <= LARGE else "fft",
        n_jobs=1,
        random_state=seed,
    )
    return np.asarray(model.fit(vectors.astype(np.float64)), np.float64)


def nearest(
    points: npt.NDArray[np.floating], k: int, groups: npt.NDArray[np.integer] | None = None
) -> npt.NDArray[np.int64]:
    """The k nearest other points of each point [n, d], in no particular order, none of the point's own group: [n, k]."""
    square = (points.astype(np.float64) ** 2).sum(1)
    found = np.empty((len(points), k), np.int64)
    for start in range(0, len(points), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(points)))
        gaps = square - 2 * points[rows].astype(np.float64) @ points.T.astype(np.float64)
        gaps[np.arange(len(rows)), rows] = np.inf
        if groups is not None:
            gaps[groups[rows][:, None] == groups] = np.inf
        found[rows] = np.argpartition(gaps, k - 1, axis=1)[:, :k]
    return found


def same_neighbours(vectors: Floats, points: Doubles, k: int = 10) -> float:
    """The share of each vector's k nearest that are also among its k nearest on the page; 1 would be a perfect map."""
    k = min(k, len(vectors) - 1)
    if k < 1:
        return 1.0
    true, drawn = nearest(vectors, k), nearest(points, k)
    return float((true[:, :, None] == drawn[:, None, :]).any(2).mean())


def shared_rank(
    vectors: Floats, taxa: npt.NDArray[np.integer], groups: npt.NDArray[np.integer], k: int = 10
) -> tuple[Doubles, float]:
    """Per image the share of its k nearest neighbours from other groups that have its taxon [n], and what chance would give.

    Only pass images that have a taxon.
    """
    k = min(k, len(vectors) - int(np.bincount(groups).max(initial=0)))
    if k < 1:
        return np.zeros(0), 0.0
    counts = np.bincount(taxa)
    chance = float(((counts[taxa] - 1) / max(len(taxa) - 1, 1)).mean())
    return np.asarray((taxa[nearest(vectors, k, groups)] == taxa[:, None]).mean(1)), chance
