"""What a table of camera-trap events says: stays, rates at each camera, how much they scatter, and the density that random encounters would make of them.

Events of one species at one camera that follow each other within minutes are one stay: random encounters count entries, not photos. Half an hour is the gap by
convention (O'Brien, Kinnaird & Wibisono 2003, doi:10.1017/S1367943003003172). Cameras, not events, are what is repeated: intervals draw cameras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin.calibrate.scores import Score
from merian.twin.foodweb import Doubles, Integers

__all__ = ["Known", "densities", "dispersion", "over_cameras", "stays"]


@dataclass(frozen=True, slots=True)
class Known:
    """What else a density needs, each a typical value and the factor within which 95 % of belief lies (log-normal): how far an animal goes in a day, km; how
    far off it is detected, km; the camera's angle, rad."""

    speed_km_day: tuple[float, float]
    radius_km: tuple[float, float]
    angle_rad: tuple[float, float]

    def __post_init__(self) -> None:
        for name in ("speed_km_day", "radius_km", "angle_rad"):
            typical, factor = getattr(self, name)
            if not (typical > 0 and factor >= 1):
                raise BadSetting(name, (typical, factor), "a value above 0 and a factor of 1 or more")

    def widths(self, count: int, rng: np.random.Generator) -> Doubles:
        """Draws of speed times width of zone, km2 day-1: float64 [count]."""
        columns = [
            np.exp(np.log(typical) + np.log(factor) / 1.96 * rng.normal(size=count))
            for typical, factor in (self.speed_km_day, self.radius_km, self.angle_rad)
        ]
        speed, radius, angle = columns
        return np.asarray(speed * radius * (2.0 + np.minimum(angle, np.pi)) / np.pi)


def stays(camera: npt.ArrayLike, species: npt.ArrayLike, minute: npt.ArrayLike, gap_minutes: float = 30.0) -> Integers:
    """The number of the stay that each event [n] belongs to, int64 [n], from 0 on in order of camera, species and time: a stay ends where the next event of
    its species at its camera comes more than `gap_minutes` after the last. Raises BadData for a time that is no number."""
    where, what, when = np.asarray(camera), np.asarray(species), np.asarray(minute, float)
    if not (where.shape == what.shape == when.shape) or where.ndim != 1:
        raise Mismatch("cameras, species and times of events", (where.shape, what.shape), when.shape)
    if not np.isfinite(when).all():
        raise BadData("times of events", "are numbers", np.flatnonzero(~np.isfinite(when)).tolist())
    if not gap_minutes >= 0:
        raise BadSetting("gap_minutes", gap_minutes, "0 minutes or more")
    _, place = np.unique(where, return_inverse=True)
    _, kind = np.unique(what, return_inverse=True)
    order = np.lexsort((when, kind, place))
    ends = np.diff(place[order]).astype(bool) | np.diff(kind[order]).astype(bool) | (np.diff(when[order]) > gap_minutes)
    numbers = np.empty(len(when), np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(ends)]) if len(when) else 0
    return numbers


def dispersion(counted: npt.ArrayLike, effort: npt.ArrayLike) -> float:
    """The dispersion k of negative binomial counts [c] whose means are a rate times `effort` [c], by maximum likelihood; infinite when no more scattered than
    Poisson. Raises BadData without any count or effort."""
    from scipy.optimize import minimize_scalar
    from scipy.special import gammaln

    found, given = np.asarray(counted, float), np.asarray(effort, float)
    if found.shape != given.shape or not found.sum() or not (given > 0).all():
        raise BadData("counts", "need a count above 0 and effort above 0 at each camera")
    mean = given * found.sum() / given.sum()

    def unlikely(log_k: float) -> float:
        k = np.exp(log_k)
        return -float(
            (gammaln(found + k) - gammaln(k) + k * np.log(k / (k + mean)) + found * np.log(mean / (k + mean))).sum()
        )

    best = minimize_scalar(unlikely, bounds=(-8.0, 12.0), method="bounded")
    return float(np.exp(best.x)) if best.x < 11.5 else float("inf")


def over_cameras(
    statistic: Callable[[Integers], float], cameras: int, rng: np.random.Generator, replicates: int = 400
) -> Score:
    """A statistic of cameras, given as the numbers [c] of those that are in, with its 95 % interval by drawing cameras with replacement (percentiles).

    Draws in which the statistic is not finite count at the upper end. Fewer than five cameras have no interval (NaN).
    """
    value = statistic(np.arange(cameras))
    if cameras < 5:
        return Score(value, float("nan"), float("nan"), cameras)
    drawn = np.sort([statistic(rng.integers(0, cameras, cameras)) for _ in range(replicates)])
    at = (len(drawn) - 1) * np.array([0.025, 0.975])
    low, high = drawn[np.round(at).astype(int)]
    return Score(value, float(low), float(high), cameras)


def densities(
    animals: npt.ArrayLike, days: npt.ArrayLike, known: Known, rng: np.random.Generator, replicates: int = 4000
) -> tuple[Score, Score]:
    """Animals km-2 by random encounters, from animals counted [c] in `days` [c] at each camera, for the typical speed and zone: with the 95 % interval of what
    is not known of speed, zone and which cameras there were, and with that of the cameras alone."""
    counted, given = np.asarray(animals, float), np.asarray(days, float)
    if counted.shape != given.shape or not (given > 0).all():
        raise BadData("density", "needs days above 0 at each camera")
    typical = known.speed_km_day[0] * known.radius_km[0] * (2.0 + known.angle_rad[0]) / np.pi
    weights = rng.multinomial(len(counted), np.full(len(counted), 1 / len(counted)), replicates)
    rates = (weights @ counted) / (weights @ given)
    value = float(counted.sum() / given.sum() / typical)
    found = []
    for width in (known.widths(replicates, rng), typical):
        low, high = np.quantile(rates / width, [0.025, 0.975])
        found.append(Score(value, float(low), float(high), len(counted)))
    return found[0], found[1]
