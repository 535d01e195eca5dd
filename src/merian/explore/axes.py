"""Traits that can be read off the vectors: ridge regression over species means, tested on clades that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Axis", "out_of_clade", "ranks_agree", "species_means", "trait_axis"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
STRENGTHS = 10.0 ** np.arange(-4, 4.5, 0.5)
"""Ridge penalties tried, relative to the mean square of the vectors."""


@dataclass(frozen=True, eq=False)
class Axis:
    """How well a trait is read: predicted [s] out of clade for each species, R2 and Spearman's rho with 95 % intervals over species,
    and what the same procedure gives when the trait is dealt to the species at random: the 95 % point of R2 and of rho."""

    predicted: Doubles
    r2: tuple[float, float, float]
    rho: tuple[float, float, float]
    shuffled_r2: float
    shuffled_rho: float
    p: float
    direction: Doubles


def species_means(vectors: npt.NDArray[np.floating], species: Ints) -> tuple[npt.NDArray[np.int64], Doubles]:
    """The species present, and the mean of their vectors: [s], [s, d]."""
    names, of = np.unique(species, return_inverse=True)
    sums = np.stack([np.bincount(of, column, len(names)) for column in vectors.astype(np.float64).T], 1)
    return names.astype(np.int64), sums / np.bincount(of)[:, None]


def _ridge(x: Doubles, y: Doubles) -> Doubles:
    """Weights [d, m] of the ridge regression of y [s, m] on x [s, d], both centred, its penalty by generalised cross-validation (Golub et al. 1979)."""
    u, size, v = np.linalg.svd(x, full_matrices=False)
    scores = u.T @ y
    penalties = STRENGTHS * float((size**2).mean() if len(size) else 1.0) + 1e-12
    shrink = size**2 / (size**2 + penalties[:, None])
    left = ((1 - shrink)[:, :, None] ** 2 * scores**2).sum(1) + ((y**2).sum(0) - (scores**2).sum(0))
    error = left / (len(x) - 1 - shrink.sum(1)).clip(min=1e-9)[:, None] ** 2
    best = error.argmin(0)
    return np.asarray(v.T @ (size[:, None] / (size[:, None] ** 2 + penalties[best]) * scores))


def out_of_clade(means: Doubles, values: Doubles, clades: Ints) -> Doubles:
    """Values [s, m] predicted from means [s, d], those of each clade [s] by a regression over all other clades: [s, m]."""
    predicted = np.empty_like(values)
    for clade in np.unique(clades):
        here = clades == clade
        x, y = means[~here], values[~here]
        weights = _ridge(x - x.mean(0), y - y.mean(0))
        predicted[here] = (means[here] - x.mean(0)) @ weights + y.mean(0)
    return predicted


def ranks_agree(a: Doubles, b: Doubles) -> Doubles:
    """Spearman's rank correlation of the columns of a and b [s, m]: [m]; ties get mean ranks."""
    return _correlation(_mean_ranks(a), _mean_ranks(b))


def _mean_ranks(values: Doubles) -> Doubles:
    """Ranks from 0 within each column [s, m]; equal values share the mean of their ranks."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, 0)
    index = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    new = np.ones(values.shape, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(new, index, 0), 0)
    ends = np.concatenate([new[1:], np.ones_like(new[:1])])
    last = np.minimum.accumulate(np.where(ends, index, len(values))[::-1], 0)[::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2, 0)
    return ranks


def _correlation(a: Doubles, b: Doubles) -> Doubles:
    a, b = a - a.mean(0), b - b.mean(0)
    size = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return np.asarray(np.divide((a * b).sum(0), size, out=np.zeros_like(size), where=size > 0))


def _explained(values: Doubles, predicted: Doubles) -> Doubles:
    total = ((values - values.mean(0)) ** 2).sum(0)
    return np.asarray(1 - ((values - predicted) ** 2).sum(0) / np.where(total > 0, total, np.inf))


def trait_axis(means: Doubles, values: Doubles, clades: Ints, rng: np.random.Generator, shuffles: int = 99) -> Axis:
    """The Axis of a trait with `values` [s] over species with mean vectors [s, d] in `clades` [s] (at least two different ones).

    All shuffled traits go through the same folds in the same regressions; p is the share of them (and the trait itself) that do as well.
    """
    columns = np.stack([values, *(rng.permutation(values) for _ in range(shuffles))], 1)
    predicted = out_of_clade(means, columns, clades)
    r2, rho = _explained(columns, predicted), ranks_agree(columns, predicted)
    drawn = rng.integers(len(values), size=(1000, len(values)))
    again = values[drawn].T, predicted[drawn, 0].T
    ends = [np.quantile(statistic(*again), [0.025, 0.975]) for statistic in (_explained, ranks_agree)]
    weights = _ridge(means - means.mean(0), values[:, None] - values.mean())[:, 0]
    return Axis(
        predicted[:, 0],
        (float(r2[0]), float(ends[0][0]), float(ends[0][1])),
        (float(rho[0]), float(ends[1][0]), float(ends[1][1])),
        float(np.quantile(r2[1:], 0.95)) if shuffles else np.nan,
        float(np.quantile(rho[1:], 0.95)) if shuffles else np.nan,
        float((r2 >= r2[0]).mean()),
        weights / max(float(np.linalg.norm(weights)), 1e-12),
    )
