"""How sure a number is: a bootstrap that knows that images of one species, and of one specimen, are not independent.

Species are drawn with replacement, then inside each drawn species its groups (specimen, observation), two levels at once (Davison & Hinkley 1997,
section 3.8). Drawing a species m times and its G groups each time is one multinomial draw of m G from G, so no replicate is ever looped over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LEVEL", "Estimate", "Resamples", "auroc_replicates", "interval", "reflected"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEVEL = 0.95
BLOCK = 64
"""Replicates whose image weights are in memory at once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its 95 % interval, and the number of cases behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class Resamples:
    """Bootstrap multiplicities of groups that are nested in classes.

    weights [b, g] how often each group is in each replicate; groups stand sorted by class; group [n] the group of each image; start [k] the first group of each
    class; drawn [b, k] how often each class was drawn.
    """

    weights: Doubles
    group: Ints
    start: Ints
    drawn: Doubles

    @classmethod
    def draw(
        cls,
        classes: npt.ArrayLike,
        groups: npt.ArrayLike,
        rng: np.random.Generator,
        replicates: int = 1000,
        fixed: bool = False,
    ) -> Resamples:
        """Replicates for images with these classes [n] (species) and groups [n] (specimens), in any type that sorts.

        `fixed`: the classes are all there are (two sexes), not a sample of more: each is drawn once in every replicate, and its groups with replacement.
        """
        _, of_class = np.unique(np.asarray(classes), return_inverse=True)
        _, of_group = np.unique(np.asarray(groups), return_inverse=True)
        pair = of_class.astype(np.int64) * (int(of_group.max(initial=0)) + 1) + of_group
        _, first, group = np.unique(pair, return_index=True, return_inverse=True)
        owner = of_class[first]
        k, g = int(of_class.max(initial=-1)) + 1, len(first)
        drawn = np.ones((replicates, k), np.int64)
        if k and not fixed:
            drawn = rng.multinomial(k, np.full(k, 1 / k), size=replicates)
        start = np.searchsorted(owner, np.arange(k))
        sizes = np.diff(np.append(start, g))
        weights = np.empty((replicates, g))
        for size in np.unique(sizes):
            chosen = np.flatnonzero(sizes == size)
            columns = start[chosen][:, None] + np.arange(size)
            weights[:, columns] = rng.multinomial(drawn[:, chosen] * size, np.full(size, 1 / size))
        return cls(weights, group.astype(np.int64), start.astype(np.int64), drawn.astype(np.float64))

    def per_group(self, values: npt.NDArray[np.generic]) -> Doubles:
        """Sums over the images of each group: [n, m] -> [g, m]."""
        return np.stack(
            [np.bincount(self.group, column, self.weights.shape[1]) for column in np.asarray(values, np.float64).T], 1
        )

    def sums(self, values: npt.NDArray[np.generic]) -> Doubles:
        """The weighted sums over the images in each replicate: [n, m] -> [b, m]."""
        return self.weights @ self.per_group(values)

    def micro(self, values: npt.NDArray[np.generic], counts: npt.NDArray[np.generic] | None = None) -> list[Estimate]:
        """The mean of each column of `values` [n, m] over images, with interval.

        `counts` [n, m] says how many cases stand behind each value (a fraction of them may be right, as in repeated folds), or, as booleans, which to count;
        columns without any case give nan.
        """
        number = np.ones(values.shape) if counts is None else np.asarray(counts, np.float64)
        amount = np.asarray(values, np.float64) * (number > 0)
        replicates = _ratio(self.sums(amount), self.sums(number))
        point = _ratio(amount.sum(0), number.sum(0))
        return [interval(p, r, int(c)) for p, r, c in zip(point, replicates.T, (number > 0).sum(0), strict=True)]

    def macro(self, values: npt.NDArray[np.generic], counts: npt.NDArray[np.generic] | None = None) -> list[Estimate]:
        """As `micro`, but the mean over classes of each class's mean: every species counts the same."""
        number = np.ones(values.shape) if counts is None else np.asarray(counts, np.float64)
        amount, cases = self.per_group(np.asarray(values, np.float64) * (number > 0)), self.per_group(number)
        found = []
        for s, c, total in zip(amount.T, cases.T, (number > 0).sum(0), strict=True):
            held = np.add.reduceat(c, self.start) > 0 if len(self.start) else np.zeros(0, bool)
            point = (
                _ratio(np.add.reduceat(s, self.start), np.add.reduceat(c, self.start))[held].mean()
                if any(held)
                else np.nan
            )
            below = np.add.reduceat(self.weights * c, self.start, axis=1)
            means = _ratio(np.add.reduceat(self.weights * s, self.start, axis=1), below)
            present = self.drawn * (below > 0)
            replicates = _ratio((np.nan_to_num(means) * present).sum(1), present.sum(1))
            found.append(interval(float(point), replicates, int(total)))
        return found


def auroc_replicates(
    positive: npt.NDArray[np.floating],
    mine: tuple[Resamples, npt.NDArray[np.bool_]],
    negative: npt.NDArray[np.floating],
    other: tuple[Resamples, npt.NDArray[np.bool_]],
) -> Doubles:
    """The AUROC of each replicate [b]: scores of positives and negatives, each with its Resamples and which of their images they are.

    nan where a replicate holds only one kind. A block of replicates at a time bounds the memory.
    """
    order = np.argsort(negative, kind="stable")
    sides = [np.searchsorted(negative[order], positive, side) for side in ("left", "right")]
    high, low = mine[0].group[mine[1]], other[0].group[other[1]][order]
    parts = []
    for start in range(0, len(mine[0].weights), BLOCK):
        block = slice(start, start + BLOCK)
        weights = mine[0].weights[block][:, high]
        below = np.pad(np.cumsum(other[0].weights[block][:, low], 1), ((0, 0), (1, 0)))
        wins = (weights * (below[:, sides[0]] + below[:, sides[1]])).sum(1)
        parts.append(_ratio(wins, 2 * weights.sum(1) * below[:, -1]))
    return np.concatenate(parts)


def interval(point: float, replicates: Doubles, n: int) -> Estimate:
    """The percentile interval of the replicates [b] (those that could be computed) about a point estimate."""
    usable = replicates[np.isfinite(replicates)]
    if not len(usable) or not np.isfinite(point):
        return Estimate(float(point), np.nan, np.nan, n)
    low, high = np.quantile(usable, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(point), float(low), float(high), n)


def reflected(point: float, replicates: Doubles, n: int) -> Estimate:
    """The basic (reflected) interval, clipped at 0: for statistics that resampling inflates, as the calibration error."""
    plain = interval(point, replicates, n)
    return Estimate(point, max(0.0, 2 * point - plain.high), max(0.0, 2 * point - plain.low), n)


def _ratio(top: Doubles, bottom: Doubles) -> Doubles:
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) > 0))
