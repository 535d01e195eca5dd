"""Records that people happen to make: animals thinned by effort (a thinned Poisson process), and what they say of relative density.

Animals of density D km-2 are a Poisson process; each is recorded, by itself, with a chance that grows with the effort e spent where it is, b = 1 - exp(-f e).
Records are then a Poisson process of density D b (Warton & Shepherd 2010, doi:10.1214/10-AOAS331; Fithian et al. 2015, doi:10.1111/2041-210X.12242). Records
alone cannot tell D from f: without knowing f they give presence and relative density, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.camera import poisson

__all__ = ["Shares", "found", "records", "shares"]


@dataclass(frozen=True, eq=False)
class Shares:
    """Share of all animals that lives in each cell [c]: posterior mean, and the interval from `low` to `high`."""

    mean: Doubles
    low: Doubles
    high: Doubles


def found(effort: npt.ArrayLike, per_effort: float) -> Doubles:
    """The chance that an animal is recorded, for `effort` of any unit and `per_effort`, recordings expected of one animal in one unit: 1 - exp(-f e)."""
    spent = np.asarray(effort, float)
    if not (np.isfinite(spent).all() and (spent >= 0).all()):
        raise BadData("effort", "is a number from 0 on")
    if not (np.isfinite(per_effort) and per_effort >= 0):
        raise BadSetting("per_effort", per_effort, "0 or more")
    return np.asarray(-np.expm1(-per_effort * spent))


def records(density: npt.ArrayLike, area_km2: npt.ArrayLike, chance: npt.ArrayLike, key: draws.Key) -> Integers:
    """Recorded animals int64 [c] in cells of these densities (km-2), areas and chances of being recorded; the same key gives more where more live."""
    mean = np.asarray(density, float) * np.asarray(area_km2, float) * np.asarray(chance, float)
    if not (np.isfinite(mean).all() and (mean >= 0).all()):
        raise BadData("records", "density, area and chance are numbers from 0 on")
    return poisson(mean, key)


def shares(recorded: npt.ArrayLike, weight: npt.ArrayLike, rng: np.random.Generator, level: float = 0.9) -> Shares:
    """How the animals are spread over cells, from records [c] and `weight` [c]: area times chance of being recorded, in any unit common to all cells.

    Each cell's density has the gamma posterior of a Poisson count under Jeffreys' prior, Gamma(records + 1/2, weight); where nobody looked (weight 0) nothing
    is known, and BadData is raised. With the area alone as weight the answer is that of one who forgets effort.
    """
    seen, given = np.asarray(recorded, float), np.asarray(weight, float)
    if seen.shape != given.shape:
        raise Mismatch("records and weights", seen.shape, given.shape)
    if not (given > 0).all():
        raise BadData("records", "say nothing of cells where nobody looked", np.flatnonzero(~(given > 0)).tolist())
    drawn = rng.standard_gamma(seen + 0.5, (4000, len(seen))) / given
    drawn /= drawn.sum(1, keepdims=True)
    low, high = np.quantile(drawn, [0.5 * (1 - level), 0.5 * (1 + level)], axis=0)
    return Shares(drawn.mean(0), low, high)
