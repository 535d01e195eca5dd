"""Traits that can be read off the vectors: ridge regression over species means, tested on clades that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.tree import RANKS, Tree

__all__ = [
    "Axis",
    "clade_folds",
    "correlation",
    "explained",
    "fitted",
    "mean_ranks",
    "out_of_clade",
    "ranks_agree",
    "ridge",
    "species_means",
    "trait_axis",
    "turned",
    "unfit",
    "unit",
]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
FOLDS = 20
"""Clades are left out one by one, or in so many groups where there are more. A matter of taste."""
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


def unfit(values: Doubles, least: int) -> str:
    """Why a trait with these values of species cannot be read; empty when it can. `least`: how many it must be known of."""
    if len(values) < least:
        end = "; through two points an axis always fits" if len(values) == 2 else ""
        return f"known of {len(values)} of the species, {least} are needed{end}"
    _, counts = np.unique(values, return_counts=True)
    if len(counts) == 1:
        return f"has the same value, {values[0]:g}, in all {len(values)} species"
    if counts.max() > len(values) - 3:
        return f"differs in only {len(values) - int(counts.max())} of {len(values)} species"
    return ""


def clade_folds(tree: Tree, taxa: Ints) -> tuple[npt.NDArray[np.int64], str]:
    """Folds [s] that leave out whole families, or genera where there are fewer than three families or one holds more than half of the species, or species; and
    that rank.

    Clades stand in a fold with others when many. Species without the rank are left out together, for nobody knows who of the others is their kin.
    """
    for rank in ("family", "genus", "species"):
        clades, of = np.unique(tree.ancestors[taxa, RANKS.index(rank)], return_inverse=True)
        if len(clades) >= 3 and np.bincount(of).max() <= len(taxa) / 2:
            break
    # the largest clades are dealt first, each to the fold that holds least
    load, fold = np.zeros(min(len(clades), FOLDS)), np.empty(len(clades), np.int64)
    sizes = np.bincount(of)
    for clade in np.argsort(-sizes, kind="stable"):
        fold[clade] = load.argmin()
        load[fold[clade]] += sizes[clade]
    return fold[of], rank


def species_means(vectors: npt.NDArray[np.floating], species: Ints) -> tuple[npt.NDArray[np.int64], Doubles]:
    """The species present, and the mean of their vectors: [s], [s, d]."""
    names, of = np.unique(species, return_inverse=True)
    sums = np.stack([np.bincount(of, column, len(names)) for column in vectors.astype(np.float64).T], 1)
    return names.astype(np.int64), sums / np.bincount(of)[:, None]


def ridge(gram: Doubles, cross: Doubles, total: Doubles, freedom: float) -> Doubles:
    """Weights [d, m] of y [u, m] on x by ridge regression, from x'x [d, d], x'y [d, m] and the sums of squares of y [m], all less their means.

    The penalty is by generalised cross-validation (Golub et al. 1979, Technometrics 21); `freedom` is the number of cases less that of the means.
    """
    size, directions = np.linalg.eigh(gram)
    size = np.maximum(size, 0)
    scores = directions.T @ cross
    squares = scores**2
    penalties = STRENGTHS * max(float(size.mean()), 1e-12)
    errors = np.empty((len(penalties), cross.shape[1]))
    for k, penalty in enumerate(penalties):
        shrunk = 1 / (size + penalty)
        left = total - (2 * shrunk - size * shrunk**2) @ squares
        errors[k] = left / max(freedom - float((size * shrunk).sum()), 1e-9) ** 2
    best = penalties[errors.argmin(0)]
    return np.asarray(directions @ (scores / (size[:, None] + best)))


def fitted(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """The mean of x [s, d] and the ridge weights [d, m] of y [s, m] on x less that mean."""
    base = x.mean(0)
    own, values = x - base, y - y.mean(0)
    return base, ridge(own.T @ own, own.T @ values, (values**2).sum(0), len(x) - 1)


def turned(means: Doubles) -> Doubles:
    """The means [s, d] in their own principal axes, [s, at most s]: ridge regression is the same there, and faster."""
    u, size, _ = np.linalg.svd(means - means.mean(0), full_matrices=False)
    return np.asarray(u * size)


def out_of_clade(means: Doubles, values: Doubles, clades: Ints) -> tuple[Doubles, Doubles]:
    """Values [s, m] predicted from means [s, d], those of each clade [s] by a regression over all other clades: predicted [s, m], and what was read [s, m], the
    place along the unit direction of that regression, from the mean of the other clades.

    Correlations are of what was read. A prediction begins with the mean value of the others, low where what is left out is high: predictions of nothing
    are anticorrelated with the values, perfectly so where species are left out singly (Forman & Scholz 2010, SIGKDD Explorations 12). And it shrinks by a
    penalty that differs from clade to clade.
    """
    points, predicted, read = turned(means), np.empty_like(values), np.empty_like(values)
    for clade in np.unique(clades):
        here = clades == clade
        base, weights = fitted(points[~here], values[~here])
        predicted[here] = (points[here] - base) @ weights + values[~here].mean(0)
        read[here] = (points[here] - base) @ unit(weights)
    return predicted, read


def unit(weights: Doubles) -> Doubles:
    """The columns of weights [d, m] scaled to length 1; a column of zeros stays."""
    lengths = np.linalg.norm(weights, axis=0)
    return np.asarray(weights / np.where(lengths > 0, lengths, 1))


def mean_ranks(values: npt.NDArray[Any]) -> Doubles:
    """Ranks from 1 of the values [n] or of those in each column [n, m]; equal ones share the mean of their ranks."""
    n = len(values)
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, 0)
    place = np.arange(1, n + 1).reshape(-1, *[1] * (values.ndim - 1))
    step = np.diff(ordered, axis=0) != 0
    edge = np.ones_like(ordered[:1], bool)
    first = np.maximum.accumulate(np.where(np.concatenate([edge, step]), place, 0), 0)
    last = np.minimum.accumulate(np.where(np.concatenate([step, edge]), place, n)[::-1], 0)[::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2, 0)
    return ranks


def correlation(a: Doubles, b: Doubles) -> Doubles:
    """Pearson's correlation of the columns of a and b [s, m]: [m]; nan where one of them is constant."""
    a, b = a - a.mean(0), b - b.mean(0)
    size = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return np.asarray(np.divide((a * b).sum(0), size, out=np.full(len(size), np.nan), where=size > 0))


def ranks_agree(a: Doubles, b: Doubles) -> Doubles:
    """Spearman's rank correlation of the columns of a and b [s, m]: [m]; ties get mean ranks, a constant column nan."""
    return correlation(mean_ranks(a), mean_ranks(b))


def explained(values: Doubles, predicted: Doubles) -> Doubles:
    """R2 of the predictions of the values, column by column [s, m]: [m]; below 0 where their mean does better, nan where they are constant."""
    total = ((values - values.mean(0)) ** 2).sum(0)
    left = ((values - predicted) ** 2).sum(0)
    return np.asarray(1 - np.divide(left, total, out=np.full(len(total), np.nan), where=total > 0))


def trait_axis(means: Doubles, values: Doubles, clades: Ints, rng: np.random.Generator, shuffles: int = 99) -> Axis:
    """The Axis of a trait with `values` [s] over species with mean vectors [s, d] in `clades` [s] (at least two different ones).

    All shuffled traits go through the same folds in the same regressions; p is the share of them (and the trait itself) that do as well.
    """
    columns = np.stack([values, *(rng.permutation(values) for _ in range(shuffles))], 1)
    predicted, read = out_of_clade(means, columns, clades)
    r2, rho = explained(columns, predicted), ranks_agree(columns, read)
    drawn = rng.integers(len(values), size=(1000, len(values)))
    replicates = (
        statistic(values[drawn].T, own[drawn, 0].T) for statistic, own in ((explained, predicted), (ranks_agree, read))
    )
    ends = [np.nanquantile(found, [0.025, 0.975]) for found in replicates]
    return Axis(
        predicted[:, 0],
        (float(r2[0]), float(ends[0][0]), float(ends[0][1])),
        (float(rho[0]), float(ends[1][0]), float(ends[1][1])),
        float(np.quantile(r2[1:], 0.95)) if shuffles else np.nan,
        float(np.nanquantile(rho[1:], 0.95)) if shuffles else np.nan,
        float((r2 >= r2[0]).mean()),
    )
