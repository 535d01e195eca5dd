"""How good a forecast or a posterior is where the truth is known: CRPS, coverage, PIT; a mean over worlds comes with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin.foodweb import Doubles

__all__ = ["Score", "averaged", "covered", "crps", "pit", "share"]


@dataclass(frozen=True, slots=True)
class Score:
    """A value, its interval from `low` to `high` (95 % unless said), and the number of cases behind it."""

    value: float
    low: float
    high: float
    n: int


def crps(draws: npt.ArrayLike, truth: npt.ArrayLike) -> Doubles:
    """Continuous ranked probability score of equally weighted draws [m, ...] for the truth [...], in the unit of both; the smaller the better.

    E|X - y| - E|X - X'| / 2 (Gneiting & Raftery 2007, doi:10.1198/016214506000001437, eq. 21), the second mean over pairs of different draws, which makes it
    fair to few draws (Ferro 2014, doi:10.1002/qj.2270). Raises BadData with fewer than two draws.
    """
    drawn, true = _matched(draws, truth)
    count = len(drawn)
    if count < 2:
        raise BadData("CRPS", "needs two draws or more")
    ranked = np.sort(drawn, axis=0)
    # the sum of |x - x'| over pairs i < j of sorted draws is sum (2 i - m + 1) x_i
    places = (2.0 * np.arange(count) - count + 1.0).reshape(-1, *[1] * true.ndim)
    apart = 2.0 * (places * ranked).sum(0) / (count * (count - 1.0))
    return np.asarray(np.abs(drawn - true).mean(0) - 0.5 * apart)


def covered(draws: npt.ArrayLike, truth: npt.ArrayLike, level: float = 0.9) -> npt.NDArray[np.bool_]:
    """Whether the central interval of draws [m, ...] holds the truth [...]. Its ends are the draws' level (m + 1)-quantiles (Weibull 1939), so that of right
    draws it holds the truth as often as it says for any m that is large enough to have them."""
    if not 0 < level < 1:
        raise BadSetting("level", level, "above 0 and below 1")
    drawn, true = _matched(draws, truth)
    low, high = np.quantile(drawn, [0.5 * (1 - level), 0.5 * (1 + level)], axis=0, method="weibull")
    return np.asarray((true >= low) & (true <= high))


def pit(draws: npt.ArrayLike, truth: npt.ArrayLike, rng: np.random.Generator) -> Doubles:
    """Probability integral transform [...]: where the truth lies among draws [m, ...], 0 to 1; uniform when the draws are right. Chance breaks ties."""
    drawn, true = _matched(draws, truth)
    below, equal = (drawn < true).sum(0), (drawn == true).sum(0)
    return np.asarray((below + rng.uniform(size=true.shape) * (equal + 1)) / (len(drawn) + 1))


def share(hits: npt.ArrayLike, level: float = 0.95) -> Score:
    """The share of true among bools, with Wilson's interval (Wilson 1927, doi:10.1080/01621459.1927.10502953). Raises BadData for none."""
    from scipy.special import ndtri

    found = np.asarray(hits, bool).ravel()
    n = len(found)
    if not n:
        raise BadData("share", "of nothing")
    z, p = float(ndtri(0.5 * (1 + level))), float(found.mean())
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Score(p, max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n)), n)


def averaged(values: npt.ArrayLike, level: float = 0.95) -> Score:
    """The mean of independent values [n] with Student's interval; without one (NaN) for fewer than two."""
    from scipy.special import stdtrit

    found = np.asarray(values, float).ravel()
    n = len(found)
    if not n or not np.isfinite(found).all():
        raise BadData("mean", "needs numbers")
    mean = float(found.mean())
    if n < 2:
        return Score(mean, math.nan, math.nan, n)
    half = float(stdtrit(n - 1, 0.5 * (1 + level))) * float(found.std(ddof=1)) / math.sqrt(n)
    return Score(mean, mean - half, mean + half, n)


def _matched(draws: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Doubles, Doubles]:
    drawn, true = np.asarray(draws, float), np.asarray(truth, float)
    if drawn.ndim == 0 or drawn.shape[1:] != true.shape:
        raise Mismatch("draws and truth", drawn.shape, true.shape)
    if not (np.isfinite(drawn).all() and np.isfinite(true).all()):
        raise BadData("draws and truth", "are numbers")
    return drawn, true
