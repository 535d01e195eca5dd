"""Probabilities of states from the process's scores, calibrated on species that were left out.

The process predicts the indicator of every state (least-squares classification, Rasmussen & Williams 2006, section 6.5). All indicators share one kernel and
their sum is 1, so the scores sum to 1 too, and for states in an order the differences of cumulative indicators are the same scores. A score may be
below 0 or too timid: scores are cut off at a floor, raised to a power and normalised; the power maximises the likelihood of what was left out
(temperature scaling, Guo et al. 2017).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.explore.impute.conformal import held_quantile, quantile

__all__ = [
    "POWERS",
    "answers",
    "best_power",
    "calibration_error",
    "held_probabilities",
    "held_sets",
    "probabilities",
    "set_bound",
    "sets",
]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
POWERS = 2.0 ** np.linspace(-4, 4, 33)
"""Powers that are tried; 1 leaves the scores as they are."""
BINS = 10


def probabilities(scores: Doubles, power: float, floor: float) -> Doubles:
    """Probabilities [n, c] from scores [n, c]: max(score, floor) ** power, normalised."""
    raised = np.maximum(scores, floor) ** power
    return np.asarray(raised / raised.sum(1, keepdims=True))


def _losses(scores: Doubles, truth: Ints, floor: float) -> Doubles:
    """-log p of the true state [powers, n] under each power."""
    return np.stack([-np.log(probabilities(scores, p, floor)[np.arange(len(truth)), truth]) for p in POWERS])


def best_power(scores: Doubles, truth: Ints, floor: float) -> float:
    """The power under which the true states [n] are likeliest; 1 without any."""
    return float(POWERS[_losses(scores, truth, floor).sum(1).argmin()]) if len(truth) else 1.0


def held_probabilities(scores: Doubles, truth: Ints, folds: Ints, floor: float) -> Doubles:
    """Probabilities [n, c], each by the power that is best for the other folds: what a new species would get, to be measured."""
    losses = _losses(scores, truth, floor)
    made = np.empty(scores.shape)
    for fold in np.unique(folds):
        own = folds == fold
        made[own] = probabilities(scores[own], POWERS[losses[:, ~own].sum(1).argmin()], floor)
    return made


def answers(chances: Doubles, ordered: bool) -> Ints:
    """The state [n] that is answered: the likeliest; of states in an order the median, which errs by the fewest steps."""
    if ordered:
        return np.asarray((np.cumsum(chances, 1) >= 0.5 - 1e-12).argmax(1))
    return np.asarray(chances.argmax(1))


def sets(chances: Doubles, bounds: float | Doubles, ordered: bool) -> Flags:
    """Which states [u, c] are in the conformal set: those with 1 - p at most the bound, never none; of states in an order also those between two of them."""
    inside = 1 - chances <= np.reshape(bounds, (-1, 1)) + 1e-12
    inside[np.arange(len(chances)), chances.argmax(1)] = True
    if ordered:
        inside = np.maximum.accumulate(inside, 1) & np.maximum.accumulate(inside[:, ::-1], 1)[:, ::-1]
    return np.asarray(inside)


def held_sets(chances: Doubles, truth: Ints, folds: Ints, level: float, ordered: bool) -> Flags:
    """The sets [n, c] of left-out species by the scores of the other folds."""
    scores = 1 - chances[np.arange(len(truth)), truth]
    return sets(chances, held_quantile(scores, folds, level), ordered)


def set_bound(chances: Doubles, truth: Ints, level: float) -> float:
    """The bound of `sets` for new species, from left-out ones; inf (every state) when they are too few."""
    return quantile(1 - chances[np.arange(len(truth)), truth], level)


def calibration_error(chances: Doubles, right: Flags, weights: Doubles | None = None) -> float:
    """The expected calibration error of the answers: mean |share right - mean probability| over ten bins of probability [n], weighted."""
    weights = np.ones(len(chances)) if weights is None else weights
    bins = np.minimum((chances * BINS).astype(np.int64), BINS - 1)
    apart = np.bincount(bins, weights * (right - chances), BINS)
    return float(np.abs(apart).sum() / weights.sum())
