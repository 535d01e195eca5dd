"""Vectors as points on a page: t-SNE from a principal-component start, or the components themselves when there are few."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.progress import track
from merian.core.workers import cores
from merian.explore.neighbours import finite, nearest

__all__ = ["FEW", "LARGE", "condensed", "layout", "principal"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
FEW = 30
"""With fewer points t-SNE has no neighbourhoods to speak of."""
LARGE = 10_000
"""Above this neighbours are sought among principal components."""
EARLY = 250
"""Steps at first in which neighbours are drawn together twelvefold (van der Maaten & Hinton 2008); openTSNE's own number."""
KEPT = 50
"""Principal components that neighbours are sought in when there are many vectors; as in van der Maaten & Hinton (2008) and Kobak & Berens (2019)."""
MANY = 5_000
"""Above this the interpolated gradient is faster than the Barnes-Hut tree."""
WIDTH = 2
"""Units of the map that a cell of the interpolation's grid takes: twice openTSNE's own. For 3,000 photos it kept 58.0 % of neighbours in place of 58.5, in a
third of the time."""
TOLD = 25
"""Steps from one advance of the bar to the next."""


def principal(vectors: Floats, k: int = 2) -> Doubles:
    """The first k principal components of vectors [n, d], each with its largest entry positive: [n, k].

    Many vectors go through their covariance [d, d], few through a singular value decomposition; both are exact.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    if len(vectors) > 4 * vectors.shape[1]:
        directions = np.linalg.eigh(centred.T @ centred)[1].T[::-1]
    else:
        directions = np.linalg.svd(centred, full_matrices=False)[2]
    points = np.zeros((len(vectors), k))
    points[:, : min(k, len(directions))] = centred @ directions[:k].T
    if len(points):
        points *= np.where(points[np.abs(points).argmax(0), np.arange(k)] < 0, -1, 1)
    return points


def condensed(vectors: Floats) -> Floats:
    """Vectors [n, d] as they are, or their first 50 principal components when there are more than LARGE of them and of their dimensions more than 50.

    Raises BadData for vectors that are not numbers.
    """
    finite(vectors, "vectors", "vectors")
    if len(vectors) <= LARGE or vectors.shape[1] <= KEPT:
        return vectors
    return principal(vectors, KEPT).astype(np.float32)


def layout(
    vectors: Floats, perplexity: float = 30, iterations: int = 500, seed: int = 0, exaggeration: float = 1
) -> Doubles:
    """A place [n, 2] for each vector [n, d], neighbours near each other; the same vectors and seed give the same places.

    t-SNE (van der Maaten & Hinton 2008) by openTSNE, started from the principal components (Kobak & Berens 2019). Above 10,000 vectors on their first 50
    principal components, with the gradient by interpolation (Linderman et al. 2019); the 3 x perplexity nearest neighbours are exact. `exaggeration` above 1
    draws neighbours closer; 4 looks much like UMAP (Boehm, Berens & Kobak 2022). Raises BadData for vectors that are not numbers.
    """
    n = len(vectors)
    points = condensed(vectors)
    if n < FEW:
        return principal(vectors)
    import openTSNE
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    start = points[:, :2].astype(np.float64) if points is not vectors else principal(vectors)
    start /= max(float(start[:, 0].std()), 1e-12) / 1e-4
    perplexity = min(perplexity, (n - 1) / 3)
    known = PrecomputedNeighbors(*nearest(points, int(3 * perplexity)))
    affinities = PerplexityBasedNN(knn_index=known, perplexity=perplexity, n_jobs=cores())
    with track("Laying out", EARLY + iterations, "steps") as advance:

        def told(*_: Any) -> None:
            advance(TOLD)

        model = openTSNE.TSNE(
            perplexity=perplexity,
            n_iter=iterations,
            early_exaggeration_iter=EARLY,
            initialization=start,
            exaggeration=exaggeration,
            negative_gradient_method="fft" if n > MANY else "bh",
            ints_in_interval=WIDTH,
            n_jobs=cores(),
            random_state=seed,
            callbacks=told,
            callbacks_every_iters=TOLD,
        )
        return np.asarray(model.fit(affinities=affinities, initialization=start), np.float64)
