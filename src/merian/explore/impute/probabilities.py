"""Probabilities of states from the process's scores, calibrated on species that were left out.

The process predicts the indicator of every state (least-squares classification, Rasmussen & Williams 2006, section 6.5). All indicators share one kernel and
their sum is 1, so the scores sum to 1 too, and for states in an order the differences of cumulative indicators are the same scores. A score may be
below 0 or too timid: scores are cut off at a floor, raised to a power and normalised; the power maximises the likelihood of what was left out
(temperature scaling, Guo et al. 2017).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.explore.impute.conformal import ROUNDING, cv_plus_sets, held_quantile

__all__ = [
    "POWERS",
    "answers",
    "best_power",
    "calibration_error",
    "commonest",
    "held_powers",
    "held_probabilities",
    "held_sets",
    "new_sets",
    "probabilities",
]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
POWERS = 2.0 ** np.linspace(-4, 4, 33)
"""Powers that are tried; 1 leaves the scores as they are."""
BINS = 10


def probabilities(scores: Doubles, power: float | Doubles, floor: float) -> Doubles:
    """Probabilities [n, c] from scores [n, c]: max(score, floor) ** power, normalised; one power, or one each [n]."""
    raised = np.maximum(scores, floor) ** np.reshape(power, (-1, 1))
    return np.asarray(raised / raised.sum(1, keepdims=True))


def _losses(scores: Doubles, truth: Ints, floor: float) -> Doubles:
    """-log p of the true state [powers, n] under each power."""
    return np.stack([-np.log(probabilities(scores, p, floor)[np.arange(len(truth)), truth]) for p in POWERS])


def best_power(scores: Doubles, truth: Ints, floor: float) -> float:
    """The power under which the true states [n] are likeliest."""
    return float(POWERS[_losses(scores, truth, floor).sum(1).argmin()])


def held_powers(scores: Doubles, truth: Ints, folds: Ints, floor: float) -> Doubles:
    """For each fold [k] the power under which the true states of the other folds are likeliest."""
    losses = _losses(scores, truth, floor)
    return POWERS[[losses[:, folds != fold].sum(1).argmin() for fold in np.unique(folds)]]


def held_probabilities(scores: Doubles, truth: Ints, folds: Ints, floor: float) -> Doubles:
    """Probabilities [n, c], each by the power that is best for the other folds (numbered from 0): what a new species would get, to be measured."""
    return probabilities(scores, held_powers(scores, truth, folds, floor)[folds], floor)


def answers(chances: Doubles, ordered: bool) -> Ints:
    """The state [n] that is answered: the likeliest; of states in an order the median, which errs by the fewest steps."""
    if ordered:
        return np.asarray((np.cumsum(chances, 1) >= 0.5 - 1e-12).argmax(1))
    return np.asarray(chances.argmax(1))


def commonest(frequencies: Doubles, overall: Doubles) -> Ints:
    """The commonest state [n] by its frequencies [n, c] among relatives; of equally common ones that with the highest frequency `overall` [c]."""
    return np.asarray((frequencies + ROUNDING * overall).argmax(1))


def held_sets(chances: Doubles, truth: Ints, folds: Ints, groups: Ints, level: float, ordered: bool) -> Flags:
    """The sets [n, c] of left-out species by the scores of the other folds."""
    scores = 1 - chances[np.arange(len(truth)), truth]
    bounds = held_quantile(scores, folds, groups, level)
    return _whole(1 - chances <= bounds[:, None] + ROUNDING, chances, ordered)


def new_sets(
    chances: Doubles, by_fold: Doubles, scores: Doubles, places: tuple[Ints, Ints], level: float, ordered: bool
) -> Flags:
    """The sets [u, c] of new species with these probabilities [u, c], and those `by_fold` [k, u, c] by the model of each fold.

    scores [n]: 1 - the probability of the true state of each left-out species; places: the fold [n] and the group [n] it was left out in.
    """
    return _whole(cv_plus_sets(1 - by_fold, scores, *places, level), chances, ordered)


def _whole(inside: Flags, chances: Doubles, ordered: bool) -> Flags:
    """Sets [u, c] that hold the likeliest state, too, and of states in an order those between two of them."""
    inside[np.arange(len(chances)), chances.argmax(1)] = True
    if ordered:
        inside = np.maximum.accumulate(inside, 1) & np.maximum.accumulate(inside[:, ::-1], 1)[:, ::-1]
    return np.asarray(inside)


def calibration_error(chances: Doubles, right: Flags, weights: Doubles | None = None) -> float:
    """The expected calibration error of the answers: mean |share right - mean probability| over ten bins of probability [n], weighted."""
    weights = np.ones(len(chances)) if weights is None else weights
    bins = np.minimum((chances * BINS).astype(np.int64), BINS - 1)
    apart = np.bincount(bins, weights * (right - chances), BINS)
    return float(np.abs(apart).sum() / weights.sum())
