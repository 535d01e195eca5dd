"""States by an ensemble Kalman filter, on a scale where errors are near normal (the logarithm of biomass, say).

The square-root filter of Whitaker & Hamill 2002 (doi:10.1175/1520-0493(2002)130<1913:EDAWPO>2.0.CO;2), one observation after the other: mean and covariance
of the ensemble become what Kalman's equations make of its sample covariance, with no chance of its own. Inflation widens the forecast about its mean
(Anderson & Anderson 1999); localisation lets an observation change only what is near, by the taper of Gaspari & Cohn 1999 (doi:10.1002/qj.49712555417,
eq. 4.10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch, Unstable
from merian.twin import draws
from merian.twin.calibrate.particle import Forecast
from merian.twin.foodweb import Doubles

__all__ = ["Filtered", "Sight", "analysis", "filtered", "inflated", "taper"]


@dataclass(frozen=True, eq=False)
class Sight:
    """How states are seen at a step: `predict` gives what states [m, n] would show, [m, k]; `variance` the error variance [k], or covariance [k, k], of
    observations of those states; `near` [n + k, k] weighs covariances as in `analysis` (localisation; None: all count in full).

    `parts`: each observation is taken in so many times, with so many times its variance, and predicted anew between: the same in a linear world, and nearer to
    the truth where what is shown is not linear in the state (Emerick & Reynolds 2013, doi:10.1016/j.cageo.2012.03.011)."""

    predict: Callable[[Doubles, int], Doubles]
    variance: Callable[[Doubles, int], Doubles]
    near: Doubles | None = None
    parts: int = 1


@dataclass(frozen=True, eq=False)
class Filtered:
    """`states` [t, m, n] after each observation, and what was `predicted` [t, m, k] of it before."""

    states: Doubles
    predicted: Doubles

    @property
    def mean(self) -> Doubles:
        """Mean states [t, n]."""
        return np.asarray(self.states.mean(1))


def taper(distance: npt.ArrayLike, reach: float) -> Doubles:
    """The weight of a covariance over a distance: 1 at 0, 0 from `reach` on, both in one unit."""
    if not reach > 0:
        raise BadSetting("reach", reach, "above 0")
    z = np.abs(np.asarray(distance, float)) / (0.5 * reach)
    near = 1 - 5 / 3 * z**2 + 5 / 8 * z**3 + 1 / 2 * z**4 - 1 / 4 * z**5
    with np.errstate(divide="ignore", invalid="ignore"):
        far = 4 - 5 * z + 5 / 3 * z**2 + 5 / 8 * z**3 - 1 / 2 * z**4 + 1 / 12 * z**5 - 2 / (3 * z)
    return np.where(z <= 1, near, np.where(z < 2, np.maximum(far, 0.0), 0.0))


def inflated(ensemble: Doubles, factor: float) -> Doubles:
    """The ensemble [m, n] spread about its mean by `factor` (1: as it is)."""
    if not factor >= 1:
        raise BadSetting("factor", factor, "1 or more")
    mean = ensemble.mean(0)
    return np.asarray(mean + factor * (ensemble - mean))


def analysis(
    ensemble: Doubles, predicted: Doubles, observed: npt.ArrayLike, variance: npt.ArrayLike, near: Doubles | None = None
) -> Doubles:
    """The ensemble [m, n] after an observation [k] whose errors have `variance` [k], or covariance [k, k], where the ensemble predicted [m, k].

    NaN in `observed` is what was not seen. `near` [n + k, k] weighs the covariance of each state variable, and then of each observation, with each
    observation whose errors are independent; None: 1. Raises Mismatch for shapes, BadData for a variance that is not above 0.
    """
    seen, errors = np.asarray(observed, float), np.asarray(variance, float)
    members, variables = ensemble.shape
    if predicted.shape != (members, len(seen)) or errors.shape not in (seen.shape, 2 * seen.shape):
        raise Mismatch("ensemble, predictions and observations", (ensemble.shape, predicted.shape), seen.shape)
    if errors.ndim == 2:
        if near is not None:
            raise Mismatch("weights of covariances", "localisation", "observations whose errors depend on each other")
        seen, predicted = _apart(seen, predicted, errors)
        errors = np.ones(len(seen))
    if near is not None and near.shape != (variables + len(seen), len(seen)):
        raise Mismatch("weights of covariances", near.shape, (variables + len(seen), len(seen)))
    if members < 2 or not (errors[np.isfinite(seen)] > 0).all():
        raise BadData("analysis", "needs two members or more and error variances above 0")
    both = np.concatenate([ensemble, predicted], 1)
    mean, away = both.mean(0), both - both.mean(0)
    for k in np.flatnonzero(np.isfinite(seen)):
        shown = away[:, variables + k]
        spread = float(shown @ shown) / (members - 1)
        gain = shown @ away / (members - 1) / (spread + errors[k])
        if near is not None:
            gain = gain * near[:, k]
        mean = mean + gain * (seen[k] - mean[variables + k])
        shrink = 1.0 / (1.0 + np.sqrt(errors[k] / (spread + errors[k])))
        away = away - shrink * shown[:, None] * gain
    return np.asarray((mean + away)[:, :variables])


def _apart(seen: Doubles, predicted: Doubles, covariance: Doubles) -> tuple[Doubles, Doubles]:
    """Observations [j] and predictions [m, j] turned so that their errors are independent and of variance 1; what was not seen is left out."""
    there = np.isfinite(seen)
    try:
        root = np.linalg.cholesky(covariance[np.ix_(there, there)])
    except np.linalg.LinAlgError as error:
        raise BadData("analysis", "the covariance of errors is symmetric and positive definite") from error
    turned = np.linalg.solve(root, np.column_stack([seen[there], predicted[:, there].T]))
    return np.asarray(turned[:, 0], float), np.asarray(turned[:, 1:].T, float)


def filtered(
    start: Doubles,
    forecast: Forecast,
    sight: Sight,
    observed: Doubles,
    key: draws.Key,
    inflation: float = 1.02,
) -> Filtered:
    """The ensemble from `start` [m, n] through observations [t, k], each a forecast, inflation, and an analysis; step 0 is forecast from `start` too.

    `forecast` brings the noise of the process. Raises Unstable when a state is no number.
    """
    states, kept, shown = np.array(start, float), list[Doubles](), list[Doubles]()
    for step, seen in enumerate(observed):
        states = inflated(np.asarray(forecast(states, step, draws.branch(key, "forecast", step)), float), inflation)
        first = sight.predict(states, step)
        for part in range(sight.parts):
            predicted = sight.predict(states, step) if part else first
            states = analysis(states, predicted, seen, sight.parts * sight.variance(states, step), sight.near)
        if not np.isfinite(states).all():
            raise Unstable("ensemble filter", "state", "all", step)
        kept.append(states)
        shown.append(first)
    return Filtered(np.asarray(kept), np.asarray(shown))
