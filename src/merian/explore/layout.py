"""Vectors as points on a page: t-SNE from a principal-component start, or the components themselves when there are few."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData

__all__ = ["FEW", "LARGE", "condensed", "layout", "nearest", "principal", "same_neighbours", "shared_rank"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
FEW = 30
"""With fewer points t-SNE has no neighbourhoods to speak of."""
LARGE = 10_000
"""Above this the interpolated gradient is faster than the Barnes-Hut tree, and neighbours are sought among principal components by a forest of random
projections instead of one by one."""
EARLY = 250
"""Steps at first in which neighbours are drawn together twelvefold (van der Maaten & Hinton 2008); openTSNE's own number."""
KEPT = 50
"""Principal components that neighbours are sought in when there are many vectors; as in van der Maaten & Hinton (2008) and Kobak & Berens (2019)."""
TREES = 20
"""In the forest (Annoy); 20 found 99 % of the true 30 nearest among 50,000 vectors."""
BLOCK = 1024
ASKED = 2000
"""Vectors whose neighbours are compared when there are many."""


def principal(vectors: Floats, k: int = 2) -> Doubles:
    """The first k principal components of vectors [n, d], each with its largest entry positive: [n, k].

    Many vectors go through their covariance [d, d], few through a singular value decomposition; both are exact.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    if len(vectors) > LARGE and len(vectors) > vectors.shape[1]:
        directions = np.linalg.eigh(centred.T @ centred)[1].T[::-1]
    else:
        directions = np.linalg.svd(centred, full_matrices=False)[2]
    points = np.zeros((len(vectors), k))
    points[:, : min(k, len(directions))] = centred @ directions[:k].T
    if len(points):
        points *= np.where(points[np.abs(points).argmax(0), np.arange(k)] < 0, -1, 1)
    return points


def condensed(vectors: Floats) -> Floats | Doubles:
    """Vectors [n, d] as they are, or their first 50 principal components when there are more than LARGE of them and of their dimensions more than 50.

    Raises BadData for vectors that are not numbers.
    """
    wrong = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(wrong):
        raise BadData(
            "vectors", f"{len(wrong):,} of {len(vectors):,} rows hold no numbers: leave them out", wrong[:10].tolist()
        )
    if len(vectors) <= LARGE or vectors.shape[1] <= KEPT:
        return vectors
    return principal(vectors, KEPT)


def layout(
    vectors: Floats, perplexity: float = 30, iterations: int = 500, seed: int = 0, exaggeration: float = 1
) -> Doubles:
    """A place [n, 2] for each vector [n, d], neighbours near each other; the same vectors and seed give the same places.

    t-SNE (van der Maaten & Hinton 2008) by openTSNE, started from the principal components (Kobak & Berens 2019), on one thread. Above 10,000 vectors in time
    that grows with n: 50 principal components, approximate neighbours, gradient by interpolation (Linderman et al. 2019). `exaggeration` above 1 draws
    neighbours closer; 4 looks much like UMAP (Boehm, Berens & Kobak 2022). Raises BadData for vectors that are not numbers.
    """
    n = len(vectors)
    points = condensed(vectors)
    if n < FEW:
        return principal(vectors)
    import openTSNE

    many = n > LARGE
    start = points[:, :2].astype(np.float64) if points is not vectors else principal(vectors)
    start /= max(float(start[:, 0].std()), 1e-12) / 1e-4
    perplexity = min(perplexity, (n - 1) / 3)
    data = points.astype(np.float64)
    affinities = None
    if many:
        from openTSNE.affinity import PerplexityBasedNN

        near = {"method": "annoy", "knn_kwargs": {"n_trees": TREES}, "n_jobs": 1, "random_state": seed}
        affinities = PerplexityBasedNN(data, perplexity, **near)
    model = openTSNE.TSNE(
        perplexity=perplexity,
        n_iter=iterations,
        early_exaggeration_iter=EARLY,
        initialization=start,
        exaggeration=exaggeration,
        neighbors="exact",
        negative_gradient_method="fft" if many else "bh",
        n_jobs=1,
        random_state=seed,
    )
    return np.asarray(model.fit(data, affinities=affinities), np.float64)


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
    """The share of each vector's k nearest that are also among its k nearest on the page; 1 would be a perfect map.

    Of more than 10,000 vectors 2,000 are asked, evenly spaced among them; their neighbours are sought among all.
    """
    k = min(k, len(vectors) - 1)
    if k < 1:
        return 1.0
    if len(vectors) > LARGE:
        asked = np.linspace(0, len(vectors) - 1, ASKED).astype(np.int64)
        true, drawn = _nearest_of(asked, vectors, k), _nearest_of(asked, points, k)
    else:
        true, drawn = nearest(vectors, k), nearest(points, k)
    return float((true[:, :, None] == drawn[:, None, :]).any(2).mean())


def _nearest_of(rows: npt.NDArray[np.int64], points: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    """The k nearest other points of some rows of points [n, d]: [m, k]."""
    exact = points.astype(np.float64)
    square = (exact**2).sum(1)
    found = np.empty((len(rows), k), np.int64)
    for start in range(0, len(rows), BLOCK):
        own = rows[start : start + BLOCK]
        gaps = square - 2 * exact[own] @ exact.T
        gaps[np.arange(len(own)), own] = np.inf
        found[start : start + BLOCK] = np.argpartition(gaps, k - 1, axis=1)[:, :k]
    return found


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
