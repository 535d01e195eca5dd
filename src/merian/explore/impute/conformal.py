"""Intervals and sets that hold whatever the model: conformal prediction on species that were left out.

Scores come from cross-validation, apart for every rank of the nearest known relative (Mondrian, Vovk, Gammerman & Shafer 2005, section 4.5), and are
residuals over the process's own sd (Lei et al. 2018, doi:10.1080/01621459.2017.1307116). Intervals are CV+ (Barber et al. 2021,
doi:10.1214/20-AOS1965): they cover at least 1 - 2a whatever the model and about 1 - a when it is stable, if left-out and new
species are exchangeable. Sets of states hold every state whose probability reaches a threshold (Sadinle, Lei & Wasserman 2019).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["cv_plus", "fewest", "held_quantile", "quantile"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BLOCK = 4_000_000
"""Candidate ends of intervals in memory at once."""


def fewest(level: float) -> int:
    """The fewest scores from which a finite interval of coverage `level` can be had: 9 for 90 %."""
    return math.ceil(level / (1 - level) - 1e-9)


def quantile(scores: Doubles, level: float) -> float:
    """The ceil((n + 1) level)-th smallest of n scores: what a new score exceeds with probability at most 1 - level; inf when n is too small."""
    place = math.ceil((len(scores) + 1) * level - 1e-9)
    return float(np.partition(scores, place - 1)[place - 1]) if 0 < place <= len(scores) else math.inf


def held_quantile(scores: Doubles, folds: Ints, level: float) -> Doubles:
    """For each score [n] the `quantile` of those of other folds [n]: with it the coverage of the intervals can be measured."""
    bounds = np.empty(len(scores))
    for fold in np.unique(folds):
        bounds[folds == fold] = quantile(scores[folds != fold], level)
    return bounds


def cv_plus(means: Doubles, sds: Doubles, scores: Doubles, folds: Ints, level: float) -> tuple[Doubles, Doubles]:
    """The ends [u], [u] of the CV+ intervals of u new species; infinite when there are too few scores.

    means [k, u] and sds [k, u] of the new species by the model of each fold; scores [n] = |residual| / sd of the left-out species and the folds [n] they
    were left out in. The lower end is the floor((n + 1) a)-th smallest of mean - score sd over all left-out species, each with the model it was left out
    of, the upper the ceil((n + 1) (1 - a))-th smallest of mean + score sd (equation 4 of Barber et al., with scaled residuals).
    """
    u, n = means.shape[1], len(scores)
    low, high = np.full(u, -math.inf), np.full(u, math.inf)
    place = math.ceil((n + 1) * level - 1e-9)
    if not 0 < place <= n:
        return low, high
    for start in range(0, u, max(BLOCK // n, 1)):
        part = slice(start, start + max(BLOCK // n, 1))
        centre, reach = means[folds, part], scores[:, None] * sds[folds, part]
        high[part] = np.partition(centre + reach, place - 1, axis=0)[place - 1]
        low[part] = np.partition(centre - reach, n - place, axis=0)[n - place]
    return low, high
