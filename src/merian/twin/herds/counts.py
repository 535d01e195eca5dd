"""Whole numbers by chance, from one uniform each, so that a scenario and its baseline share what they both draw."""

from __future__ import annotations

import math

from merian.twin.compiled import compiled

__all__ = ["binomial", "poisson"]

MOST = 500.0
"""Means above this are drawn in parts by their normal limit: exp(-mean) would be 0."""


@compiled
def poisson(uniform: float, mean: float) -> int:
    """A Poisson number of this mean, by inversion (Devroye 1986, X.3.3); above a mean of 500 the rounded normal limit (error of a quantile below 1)."""
    if mean <= 0.0:
        return 0
    if mean > MOST:
        return max(0, round(mean + math.sqrt(mean) * _probit(uniform)))
    chance = math.exp(-mean)
    total, number = chance, 0
    while uniform >= total and number < 10_000:
        number += 1
        chance *= mean / number
        total += chance
    return number


@compiled
def binomial(uniform: float, trials: int, chance: float) -> int:
    """How many of so many trials succeed, by inversion; where most do, the failures are counted; for more than 500 expected the rounded normal limit."""
    if trials <= 0 or chance <= 0.0:
        return 0
    if chance >= 1.0:
        return trials
    if chance > 0.5:
        return trials - _rarely(1.0 - uniform, trials, 1.0 - chance)
    return _rarely(uniform, trials, chance)


@compiled
def _rarely(uniform: float, trials: int, chance: float) -> int:
    """The same for a chance of at most one half."""
    if trials * chance > MOST:
        found = round(trials * chance + math.sqrt(trials * chance * (1.0 - chance)) * _probit(uniform))
        return min(max(0, found), trials)
    odds, each = chance / (1.0 - chance), math.exp(trials * math.log1p(-chance))
    total, number = each, 0
    while uniform >= total and number < trials:
        number += 1
        each *= odds * (trials - number + 1) / number
        total += each
    return number


@compiled
def _probit(uniform: float) -> float:
    """The normal quantile, absolute error below 4.5e-4 (Abramowitz & Stegun 1964, 26.2.23)."""
    tail = min(max(uniform, 1e-300), 1.0 - 1e-16)
    lower = tail < 0.5
    t = math.sqrt(-2.0 * math.log(tail if lower else 1.0 - tail))
    value = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    return -value if lower else value
