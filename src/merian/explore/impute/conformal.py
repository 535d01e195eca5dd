"""Intervals and sets that hold whatever the model: conformal prediction on what was left out.

Scores come from cross-validation, apart for every rank of the nearest known relative (Mondrian, Vovk, Gammerman & Shafer 2005, section 4.5); those of amounts
are residuals over the process's own sd (Lei et al. 2018, doi:10.1080/01621459.2017.1307116). Intervals are CV+ (Barber et al. 2021, doi:10.1214/20-AOS1965).
Species of one clade err together, so where whole clades are left out a clade is one case, however many species it has: each of K clades
weighs 1 / (K + 1), shared by its species, and the rest stands for the new clade (hierarchical jackknife+, Lee, Barber & Willett 2023, arXiv:2306.06342). A new
species of a clade like those left out is covered with probability at least 1 - 2a whatever the model, and about 1 - a when it is stable. Sets of states hold
every state that is no stranger than the level allows (the CV+ sets of Romano, Sesia & Candes 2020, with the scores of Sadinle, Lei & Wasserman 2019).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["ROUNDING", "cv_plus", "cv_plus_sets", "fewest", "held_quantile", "quantile"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
BLOCK = 2_000_000
"""Candidate ends of intervals in memory at once."""
ROUNDING = 1e-9
"""What is nearer than this is equal."""


def fewest(level: float) -> int:
    """The fewest clades (or species, where they are left out singly) from which a finite interval of coverage `level` can be had: 9 for 90 %."""
    return math.ceil(level / (1 - level) - ROUNDING)


def _weights(groups: Ints) -> Doubles:
    """The weight [n] of each score: 1 / (K + 1) for each of the K groups, shared equally by its scores."""
    _, of, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1 / ((len(counts) + 1) * counts[of]))


def _smallest(values: Doubles, weights: Doubles, level: float) -> Doubles:
    """For each column of values [n, u] the smallest that, with all below it, weighs at least `level` of 1: [u]; inf when all weigh less."""
    order = np.argsort(values, axis=0, kind="stable")
    reached = np.cumsum(weights[order], axis=0) >= level - ROUNDING
    found = np.take_along_axis(values, order, 0)[reached.argmax(0), np.arange(values.shape[1])]
    return np.asarray(np.where(reached.any(0), found, math.inf))


def quantile(scores: Doubles, groups: Ints, level: float) -> float:
    """What the score of a new group exceeds with probability at most 1 - level, from scores [n] in `groups` [n]; inf when the groups are too few.

    With a group for each score it is the ceil((n + 1) level)-th smallest.
    """
    return float(_smallest(scores[:, None], _weights(groups), level)[0]) if len(scores) else math.inf


def held_quantile(scores: Doubles, folds: Ints, groups: Ints, level: float) -> Doubles:
    """For each score [n] the `quantile` of those of other folds [n]: with it the coverage of the intervals can be measured."""
    bounds = np.empty(len(scores))
    for fold in np.unique(folds):
        others = folds != fold
        bounds[~others] = quantile(scores[others], groups[others], level)
    return bounds


def cv_plus(
    means: Doubles, sds: Doubles, scores: Doubles, folds: Ints, groups: Ints, level: float
) -> tuple[Doubles, Doubles]:
    """The ends [u], [u] of the CV+ intervals of u new species; infinite when there are too few groups.

    means [k, u] and sds [k, u] of the new species by the model of each fold; scores [n] = |residual| / sd of the left-out species, the folds [n] and `groups`
    [n] they were left out in. The upper end is the weighted quantile, at `level`, of mean + score sd over all left-out species, each with the model it
    was left out of, the lower end that of mean - score sd from above (equation 4 of Barber et al., section 4 of Lee et al., with scaled residuals).
    """
    u, n = means.shape[1], len(scores)
    low, high = np.full(u, -math.inf), np.full(u, math.inf)
    if not n:
        return low, high
    weights = _weights(groups)
    for start in range(0, u, max(BLOCK // n, 1)):
        part = slice(start, start + max(BLOCK // n, 1))
        centre, reach = means[folds, part], scores[:, None] * sds[folds, part]
        high[part] = _smallest(centre + reach, weights, level)
        low[part] = -_smallest(reach - centre, weights, level)
    return low, high


def cv_plus_sets(strange: Doubles, scores: Doubles, folds: Ints, groups: Ints, level: float) -> Flags:
    """Which states [u, c] are in the CV+ sets of u new species: those whose score is not above left-out ones that weigh `level`; all when groups are too few.

    strange [k, u, c]: the score that the new species would have in each state by the model of each fold, 1 - its probability; scores [n] of the true states of
    left-out species, the folds [n] and `groups` [n] they were left out in.
    """
    below = np.zeros(strange.shape[1:])
    weights = _weights(groups)
    for fold in np.unique(folds):
        own = np.flatnonzero(folds == fold)
        own = own[np.argsort(scores[own], kind="stable")]
        reached = np.append(0.0, np.cumsum(weights[own]))
        below += reached[np.searchsorted(scores[own], strange[fold] - ROUNDING)]
    return np.asarray(below < level - ROUNDING)
