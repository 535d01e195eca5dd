"""Simulation-based calibration: whether a sampler that claims to draw from a posterior does.

Draw parameters from the prior, data from the parameters, and posterior draws from the data; the rank of the parameters among those draws is uniform when
all three belong together (Cook, Gelman & Rubin 2006, doi:10.1198/106186006X136976; Talts et al. 2018, arXiv:1804.06788). Ranks heaped at both ends: the
posterior is too narrow; in the middle: too wide; at one end: it is off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadSetting, Mismatch
from merian.twin import draws
from merian.twin.calibrate.abc import Simulate
from merian.twin.calibrate.priors import Prior
from merian.twin.calibrate.scores import Score, share
from merian.twin.foodweb import Doubles, Integers

__all__ = ["Ranks", "Sample", "ranks"]

Sample = Callable[[Doubles, np.random.Generator], Doubles]
"""Posterior draws [m, p] for summaries [s]."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """`values` int64 [r, p]: how many of `draws` posterior draws lie below the truth, in each of r worlds, for each parameter."""

    values: Integers
    draws: int

    @classmethod
    def of(cls, drawn: Doubles, truths: Doubles) -> Ranks:
        """Ranks of truths [r, p] among draws [r, m, p] that have no ties."""
        if drawn.ndim != 3 or drawn[:, 0].shape != truths.shape:
            raise Mismatch("posterior draws and truths", drawn.shape, truths.shape)
        return cls((drawn < truths[:, None]).sum(1).astype(np.int64), drawn.shape[1])

    def histogram(self, bins: int) -> Integers:
        """Worlds by rank, int64 [bins, p], bins of equal width. Raises BadSetting when the ranks cannot be cut so."""
        if bins < 2 or (self.draws + 1) % bins:
            raise BadSetting("bins", bins, f"divides the {self.draws + 1} possible ranks, and is 2 or more")
        width = (self.draws + 1) // bins
        return np.stack([np.bincount(column // width, minlength=bins) for column in self.values.T], 1)

    def p_value(self, bins: int) -> Doubles:
        """The chance of a histogram as uneven as this [p] when ranks are uniform: chi-squared with bins - 1 degrees of freedom."""
        from scipy.special import chdtrc

        even = len(self.values) / bins
        return np.asarray(chdtrc(bins - 1, ((self.histogram(bins) - even) ** 2 / even).sum(0)))

    def coverage(self, level: float = 0.9) -> list[Score]:
        """The share of worlds whose truth lies in the central interval of `level`, for each parameter [p].

        Raises BadSetting when no ranks make up that interval exactly: 19 or 99 draws do for 90 %.
        """
        cut = 0.5 * (1 - level) * (self.draws + 1)
        if not 0 < level < 1 or abs(cut - round(cut)) > 1e-9 or round(cut) < 1:
            raise BadSetting("level", level, f"one whose ends are whole ranks of the {self.draws + 1} possible")
        inside = (self.values >= round(cut)) & (self.values <= self.draws - round(cut))
        return [share(column) for column in inside.T]


def ranks(prior: Prior, simulate: Simulate, sample: Sample, worlds: int, seed: int) -> Ranks:
    """Ranks over `worlds` known truths. World i has streams (seed, "sbc", i) of its own; ties are broken by chance.

    Raises Mismatch when the sampler returns other parameters than the prior has, or another number of draws for another world.
    """
    found, count = list[Integers](), -1
    for world in range(worlds):
        rng = stream(seed, "sbc", world)
        truth = prior.draw(1, rng)[0]
        drawn = np.asarray(sample(simulate(truth, draws.key(seed, "sbc", world)), rng), float)
        if drawn.ndim != 2 or drawn.shape[1:] != truth.shape or count not in (-1, len(drawn)):
            raise Mismatch("posterior draws and parameters", drawn.shape, (max(count, 1), len(truth)))
        count = len(drawn)
        ties = (drawn == truth).sum(0)
        found.append((drawn < truth).sum(0) + rng.integers(0, ties + 1))
    return Ranks(np.asarray(found, np.int64), count)
