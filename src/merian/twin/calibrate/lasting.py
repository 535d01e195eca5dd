"""Cameras that keep a good or a bad place: what of the scatter of counts lasts from period to period, and what that does to what is known.

A camera at a crossing sees more in every month. Its count in a period has the mean m a_c b_tc: a_c a gamma factor of its own that lasts, b_tc one that is
drawn anew, both of mean 1. Over cameras the counts scatter by 1 + v = (1 + A) (1 + B), A and B the variances of the factors; from one period to another only
a_c is shared, so that the covariance of counts over their means is A. Where A is taken for B, T periods count as T surveys though they are T looks from one
place: intervals are up to the root of T too narrow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting, Mismatch
from merian.twin import draws
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.camera import counts, mixed

__all__ = ["gathered", "lasting_share", "overlap", "parted", "placed"]

FEW = 20
"""Animals counted from which on the share is estimated; below it all of it is taken to last, the more careful of the two."""


def parted(dispersion: float, share: float) -> tuple[float, float]:
    """The variances (A, B) of the lasting and the fresh factor, for counts of this dispersion of whose variance `share` lasts."""
    if not (0 <= share <= 1 and dispersion > 0):
        raise BadSetting("share, dispersion", (share, dispersion), "a share from 0 to 1, and a dispersion above 0")
    lasts = share / dispersion
    return lasts, (1 + 1 / dispersion) / (1 + lasts) - 1


def placed(mean: Doubles, dispersion: float, share: float, key: draws.Key, step: int) -> Integers:
    """Counts int64 [c, s] of these means in a period `step`, at cameras whose places last by `share` of the variance: the same places at every step."""
    lasts, fresh = parted(dispersion, share)
    here = mixed(mean, np.full_like(mean, np.inf if lasts == 0 else 1 / lasts), draws.branch(key, "places"))
    return counts(here, np.inf if fresh <= 1e-12 else 1 / fresh, draws.branch(key, "fresh"), step)


def lasting_share(counted: npt.ArrayLike, expected: npt.ArrayLike, dispersion: float) -> float:
    """The share of the variance of counts over cameras that lasts, 0 to 1, from counts [t, c] and what an even place would have given [t, c] (0: not out).

    By moments: the covariance of counts between periods, over their means. Where no camera was out twice none is seen to last: 0. Fewer than FEW animals: 1.
    """
    found, mean = np.asarray(counted, float), np.asarray(expected, float)
    if found.shape != mean.shape or found.ndim != 2:
        raise Mismatch("counts and what is expected of them, by period and camera", found.shape, mean.shape)
    out = mean > 0
    cameras = out.any(0).sum()
    # over all pairs of periods: the square of sums less the sum of squares
    pairs = (mean.sum(0) ** 2 - (mean**2).sum(0)).sum()
    if cameras < 2 or not pairs > 0:
        return 0.0
    if found[out].sum() < FEW:
        return 1.0
    away = np.where(out, found - mean, 0.0)
    shared = (away.sum(0) ** 2 - (away**2).sum(0)).sum()
    # means are taken from the same counts, so that residuals of a period add up to nothing
    return float(np.clip(shared / pairs * cameras / (cameras - 1) * dispersion, 0.0, 1.0))


def overlap(exposure: Doubles) -> Doubles:
    """How far all periods look from the same places [s], of exposures [t, c, s]: the mean over pairs of periods of sum E E' / (sum E sum E'), 1 / c where the
    same c cameras stand on, 0 where each stands but once."""
    total = exposure.sum(1)
    heap, alone = exposure.sum(0), (exposure**2).sum((0, 1))
    over = total.sum(0) ** 2 - (total**2).sum(0)
    return np.asarray(np.divide((heap**2).sum(0) - alone, over, out=np.zeros_like(over), where=over > 0))


def gathered(recorded: npt.ArrayLike, exposure: npt.ArrayLike, cameras: npt.ArrayLike) -> tuple[Integers, Doubles]:
    """Labels [c, l] and exposure [c, s] of each camera over all its rows, from labels [r, l], exposure [r, s] and the number of the camera of each row [r].

    For `abundance`, whose factor over cameras then is of the camera and not of the row: right where places last, as rows apart are right where they do not.
    """
    labels, given, own = np.asarray(recorded, np.int64), np.asarray(exposure, float), np.asarray(cameras, np.int64)
    if len(labels) != len(given) or own.shape != (len(labels),):
        raise Mismatch("rows of labels, exposure and cameras", (labels.shape, given.shape), own.shape)
    numbers, rows = np.unique(own, return_inverse=True)
    out = np.zeros((len(numbers), labels.shape[1]), np.int64), np.zeros((len(numbers), given.shape[1]))
    np.add.at(out[0], rows, labels)
    np.add.at(out[1], rows, given)
    return out
