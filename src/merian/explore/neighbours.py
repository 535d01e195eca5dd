"""The nearest other points of each point, exactly; and what they tell: of taxa, and of a map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.core.progress import track

__all__ = ["finite", "kept_neighbours", "mean_of", "nearest", "shared_rank"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BLOCK = 512
"""Points whose distances to all others are held at once: 100 MB for 50,000 others."""
SAMPLED = 16
"""Every sixteenth distance of a row tells how near the nearest are, so that few of the others need to be ordered."""
ASKED = 2000
"""Points of a large map whose neighbours are compared."""


def finite(points: npt.NDArray[np.floating], what: str, where: str) -> None:
    """Raise BadData that names the rows of points [n, d] that are not all numbers."""
    wrong = np.flatnonzero(~np.isfinite(points).all(1))
    if len(wrong):
        rule = f"{len(wrong):,} of {len(points):,} {what} are no numbers: leave them out"
        raise BadData(where, rule, wrong[:10].tolist())


def nearest(
    points: npt.NDArray[np.floating],
    k: int,
    groups: npt.NDArray[np.integer] | None = None,
    of: npt.NDArray[np.integer] | None = None,
) -> tuple[Ints, Doubles]:
    """The k nearest other points of points [n, d], nearest first, and their distances: [n, k] each; only for the rows `of` [m] if given: [m, k].

    Points of a point's own group [n] do not count: there must be k of other groups. Exact, in blocks: products by BLAS in the precision of the points, and of
    each row only what is below a bound, taken from a sixteenth of it, is put in order.
    """
    n = len(points)
    centred = points - points.mean(0)
    wide = np.concatenate([centred, (centred**2).sum(1, keepdims=True)], 1).T.copy()
    asked = np.arange(n) if of is None else np.asarray(of, np.int64)
    found, gaps = np.empty((len(asked), k), np.int64), np.empty((len(asked), k))
    starts = range(0, len(asked), BLOCK)
    with track("Seeking neighbours", len(starts), "blocks") as advance:
        for start in starts:
            rows = asked[start : start + BLOCK]
            left = np.concatenate([-2 * centred[rows], np.ones((len(rows), 1), points.dtype)], 1)
            square = left @ wide
            square[np.arange(len(rows)), rows] = np.inf
            if groups is not None:
                square[groups[rows][:, None] == groups] = np.inf
            own = (centred[rows] ** 2).sum(1)
            for at, row in enumerate(square):
                near = _lowest(row, k)
                found[start + at] = near
                gaps[start + at] = np.sqrt(np.maximum(row[near] + own[at], 0))
            advance(1)
    return found, gaps


def _lowest(values: npt.NDArray[np.floating], k: int) -> Ints:
    """Where the k lowest of the values [n] stand, lowest first; of equal ones the first."""
    sample = values[::SAMPLED]
    place = 2 * k // SAMPLED + 3
    among = np.zeros(0, np.int64)
    if place < len(sample):
        among = np.flatnonzero(values <= np.partition(sample, place)[place])
    if len(among) < k:
        among = np.arange(len(values))
    return np.asarray(among[np.argsort(values[among], kind="stable")[:k]])


def kept_neighbours(vectors: npt.NDArray[np.floating], points: Doubles, k: int = 10) -> Doubles:
    """Of each vector [n, d] the share of its k nearest that are also among its k nearest on the page [n, 2]: [n].

    All are 1 on a perfect map; where places are dealt by chance they are k / (n - 1) on average. Of more than 10,000 vectors 2,000 are asked, evenly spaced;
    their neighbours are sought among all.
    """
    n = len(vectors)
    k = min(k, n - 1)
    if k < 1:
        return np.ones(n)
    asked = np.linspace(0, n - 1, ASKED).astype(np.int64) if n > 5 * ASKED else np.arange(n)
    true, drawn = nearest(vectors, k, None, asked)[0], nearest(points, k, None, asked)[0]
    return np.asarray((true[:, :, None] == drawn[:, None, :]).any(2).mean(1))


def shared_rank(
    taxa: npt.NDArray[np.integer], groups: npt.NDArray[np.integer], near: npt.NDArray[np.integer]
) -> tuple[Doubles, Doubles]:
    """Per image the share of its neighbours `near` [n, k] that have its taxon, and the share of all images of other groups that have it: [n] each.

    Neighbours are of other groups; the second share is what neighbours chosen by chance would give. Taxa [n] and groups [n] count from 0; only pass images that
    have a taxon.
    """
    pairs = taxa.astype(np.int64) * (int(groups.max(initial=0)) + 1) + groups
    _, of_pair, in_pair = np.unique(pairs, return_inverse=True, return_counts=True)
    others = len(taxa) - np.bincount(groups)[groups]
    alike = np.bincount(taxa)[taxa] - in_pair[of_pair]
    return np.asarray((taxa[near] == taxa[:, None]).mean(1)), alike / np.maximum(others, 1)


def mean_of(values: Doubles, groups: npt.NDArray[np.integer]) -> tuple[float, float | None, float | None]:
    """The mean of shares [n] and its 95 % interval, by the cluster-robust standard error: images of one group [n] are not independent.

    Liang & Zeger (1986, Biometrika 73:13) with the correction G / (G - 1) for G groups; cut at 0 and 1. No interval (None) for fewer than five groups.
    """
    mean = float(values.mean())
    _, of = np.unique(groups, return_inverse=True)
    count = int(of.max(initial=-1)) + 1
    if count < 5:
        return mean, None, None
    sums = np.bincount(of, values - mean)
    half = 1.96 * float(np.sqrt((sums**2).sum() * count / (count - 1))) / len(values)
    return mean, max(mean - half, 0.0), min(mean + half, 1.0)
