"""How many animals cameras see: the random-encounter model, and counts that scatter more than Poisson's.

An animal that moves at random with speed v crosses the edge of a camera's zone of detection from outside v L / pi times a day at a density of one per km2,
where L is the length of the edge: every direction is as likely as any other, and a convex zone of edge L shows a moving animal a mean width L / pi. For a
sector of radius r and angle theta, L = r (2 + theta):

    E[Y] = t g D v r (2 + theta) / pi

with t days, D groups km-2 and g animals in a group (Rowcliffe, Field, Turvey & Carbone 2008, doi:10.1111/j.1365-2664.2008.01473.x; the width of a convex zone
is Cauchy's formula). It holds for any path whose directions are even, straight or winding; groups change the scatter of Y and not its mean. What makes places
differ beyond chance is a gamma factor of mean 1 at each camera, so counts are negative binomial with variance mean + mean^2 / dispersion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting
from merian.twin import draws
from merian.twin.foodweb import Doubles, Integers

__all__ = ["Zone", "contacts", "counts", "density_km2", "mixed", "poisson", "scatter"]


@dataclass(frozen=True, slots=True)
class Zone:
    """A sector in which an animal is detected: its radius in km and its angle in radians, at most pi (beyond it the sector is not convex)."""

    radius_km: float
    angle_rad: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radius_km) and self.radius_km > 0):
            raise BadSetting("radius_km", self.radius_km, "above 0 km")
        if not 0 < self.angle_rad <= math.pi:
            raise BadSetting("angle_rad", self.angle_rad, "above 0 and at most pi")

    @property
    def width_km(self) -> float:
        """The mean width that the zone shows to a moving animal, km: r (2 + theta) / pi."""
        return self.radius_km * (2.0 + self.angle_rad) / math.pi


def contacts(
    days: npt.ArrayLike,
    density: npt.ArrayLike,
    speed_km_day: npt.ArrayLike,
    width_km: npt.ArrayLike,
    group: npt.ArrayLike = 1.0,
    seen: npt.ArrayLike = 1.0,
) -> Doubles:
    """Animals expected before cameras in `days`, for `density` groups km-2 of `group` animals of which a share `seen` is detected; shapes as in NumPy.

    `width_km` is `Zone.width_km`. Raises BadData for a number below 0 or none at all, or a share above 1.
    """
    parts = {"days": days, "density": density, "speed": speed_km_day, "width": width_km, "group": group, "seen": seen}
    product = np.ones(())
    for name, values in parts.items():
        factor = np.asarray(values, float)
        if not (np.isfinite(factor).all() and (factor >= 0).all()):
            raise BadData(f"random encounters, {name}", "is a number from 0 on")
        product = product * factor
    if (np.asarray(seen, float) > 1).any():
        raise BadData("random encounters, seen", "is a share, at most 1")
    return np.asarray(product)


def density_km2(animals: npt.ArrayLike, exposure: npt.ArrayLike) -> Doubles:
    """Animals per km2 for animals counted and what one per km2 would give (`contacts` at density 1): the model solved for density."""
    counted, given = np.asarray(animals, float), np.asarray(exposure, float)
    if not (given > 0).all():
        raise BadData("random encounters", "a density needs days, speed and width above 0")
    return np.asarray(counted / given)


def counts(mean: npt.ArrayLike, dispersion: npt.ArrayLike, key: draws.Key, step: int = 0) -> Integers:
    """Negative binomial counts of these means and dispersions (infinite: Poisson), int64 of their common shape.

    Each is a quantile of uniforms drawn by counter, so with the same key a larger mean never gives a smaller count: pairs share their chance.
    """
    rates, spread = np.broadcast_arrays(np.asarray(mean, float), np.asarray(dispersion, float))
    return poisson(mixed(rates, spread, key, step), key, step)


def mixed(mean: Doubles, dispersion: Doubles, key: draws.Key, step: int = 0) -> Doubles:
    """The means times a gamma factor of mean 1 and shape `dispersion` (infinite: exactly 1), one draw each."""
    from scipy.special import gammaincinv

    if not ((mean >= 0).all() and np.isfinite(mean).all() and (dispersion > 0).all()):
        raise BadData("counts", "a mean is a number from 0 on, a dispersion above 0")
    chance = draws.row(key, mean.size, step, 0).reshape(mean.shape)
    even = np.isinf(dispersion)
    shape = np.where(even, 1.0, dispersion)
    return np.asarray(mean * np.where(even, 1.0, gammaincinv(shape, chance) / shape))


def poisson(mean: Doubles, key: draws.Key, step: int = 0) -> Integers:
    """Poisson counts int64 of these means, by quantile of uniforms drawn by counter."""
    from scipy.special import pdtr, pdtrik

    chance = draws.row(key, mean.size, step, 1).reshape(mean.shape)
    some = chance > np.exp(-mean)
    rates, share = np.where(some, mean, 1.0), np.where(some, chance, 0.5)
    found = np.maximum(np.ceil(pdtrik(share, rates)), 1.0)
    # the inverse is exact to rounding only: look at both neighbours
    found = np.where(pdtr(found - 1.0, rates) >= share, found - 1.0, found)
    found = np.where(pdtr(found, rates) < share, found + 1.0, found)
    return np.where(some, found, 0.0).astype(np.int64)


def scatter(counted: npt.ArrayLike, expected: npt.ArrayLike) -> float:
    """How much more than Poisson's the counts scatter: Pearson's chi-squared per degree of freedom, 1 for Poisson counts; NaN with fewer than two."""
    found, mean = np.asarray(counted, float).ravel(), np.asarray(expected, float).ravel()
    if len(found) < 2 or not (mean > 0).all():
        return math.nan
    return float(((found - mean) ** 2 / mean).sum() / (len(found) - 1))
