"""How much better than the nearest relatives' mean: skill over what was left out, with a bootstrap over the left-out groups.

Skill is 1 - MSE / MSE of a simple answer. The simple answers are the mean of the nearest known relatives (for states: how frequent each is among them) and
the mean of all. The first is what the taxonomy says without a model, but on a trait that relatives do not share it is worse than the second, so a model
that only shrinks to the mean of all would beat it: a model has skill when it beats both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Groups", "Interval", "f1", "skills"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Interval = tuple[float, float, float]
"""A value and its 95 % interval; NaN where it cannot be computed."""
LEVEL = 0.95
FEWEST = 5
"""Fewer groups than this give no interval: what is drawn of them is too much alike. A matter of taste."""
ROUNDING = 1e-20
"""Squared errors below this share of those of the mean of all are rounding."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Left-out groups of n species, drawn with replacement: of [n] the group of each, weights [b, g] how often each group is in each replicate."""

    of: Ints
    weights: Doubles

    @classmethod
    def draw(cls, groups: Ints, rng: np.random.Generator, replicates: int) -> Groups:
        """Replicates of species in these groups [n]."""
        names, of = np.unique(groups, return_inverse=True)
        g = len(names)
        # a bincount of draws: numpy's multinomial is twenty times slower for thousands of groups
        drawn = (
            rng.integers(g, size=(replicates, g)) + g * np.arange(replicates)[:, None] if g else np.zeros((0, 0), int)
        )
        weights = np.bincount(drawn.ravel(), minlength=replicates * g).reshape(replicates, g).astype(np.float64)
        return cls(of.astype(np.int64), weights)

    def sums(self, values: Doubles) -> tuple[Doubles, Doubles]:
        """The sums of values [n, q] over all species [q], and in every replicate [b, q]."""
        per_group = np.stack([np.bincount(self.of, column, self.weights.shape[1]) for column in values.T], 1)
        return per_group.sum(0), self.weights @ per_group

    def mean(self, values: Doubles) -> Interval:
        """The mean of values [n] with its interval."""
        point, drawn = self.sums(np.stack([values, np.ones(len(values))], 1))
        return self.ends(_ratio(point[:1], point[1:])[0], _ratio(drawn[:, 0], drawn[:, 1]))

    def each(self, values: Doubles) -> Interval:
        """The mean over the groups of the mean of values [n] in each, with its interval."""
        sizes = np.bincount(self.of)
        means = np.bincount(self.of, values) / sizes
        return self.ends(float(means.mean()), self.weights @ means / self.weights.sum(1))

    def ends(self, point: float, drawn: Doubles) -> Interval:
        """A value with the percentile interval of its replicates; NaN ends with too few groups."""
        usable = drawn[np.isfinite(drawn)]
        if self.weights.shape[1] < FEWEST or not len(usable) or not np.isfinite(point):
            return float(point), np.nan, np.nan
        low, high = np.quantile(usable, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(point), float(low), float(high)


def skills(errors: Doubles, groups: Groups) -> tuple[Interval, Interval, Interval]:
    """The skill against the better of both simple answers, against the relatives' mean, and against the mean of all.

    errors [n, 3]: squared errors of the model, of the relatives' mean and of the mean of all.
    """
    point, drawn = groups.sums(errors)
    both = np.append(drawn, point[None], 0)
    # the mean of equal values may miss them by a rounding error, which is no error to be better than
    simple = np.where(both > ROUNDING * point[2], both, 0)
    against = np.stack([1 - _ratio(both[:, 0], simple[:, k]) for k in (1, 2)], 1)
    columns = (against.min(1), against[:, 0], against[:, 1])
    least, taxonomy, overall = (groups.ends(float(c[-1]), c[:-1]) for c in columns)
    return least, taxonomy, overall


def f1(truth: Ints, answer: Ints, states: int, groups: Groups) -> Interval:
    """Macro-F1 over the states that occur: the mean of 2 tp / (answered + true) of each."""
    counts = np.zeros((len(truth), 3, states))
    rows = np.arange(len(truth))
    counts[rows, 0, truth] = truth == answer
    counts[rows, 1, truth] += 1
    counts[rows, 1, answer] += 1
    counts[rows, 2, truth] = 1
    point, drawn = groups.sums(counts.reshape(len(truth), -1))
    both = np.append(drawn, point[None], 0).reshape(-1, 3, states)
    occurs = both[:, 2] > 0
    each = np.where(occurs, 2 * both[:, 0] / np.maximum(both[:, 1], 1e-12), 0)
    value = each.sum(1) / np.maximum(occurs.sum(1), 1)
    return groups.ends(float(value[-1]), value[:-1])


def _ratio(top: Doubles, bottom: Doubles) -> Doubles:
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) > 0))
