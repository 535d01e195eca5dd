"""One measured number of one set of vectors, with its bootstrap over species, what chance gives, and the ways to hold two of them against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

__all__ = ["ENOUGH", "LEVEL", "Measure", "adjusted", "bootstrapped", "difference", "p_value", "resampled"]

Doubles = npt.NDArray[np.float64]
LEVEL = 0.95
ENOUGH = 5
"""With fewer species there is no interval: a bootstrap over three cases says nothing. A matter of taste."""


def _none() -> Doubles:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Measure:
    """`value` of the measure `name` for a `subject` (a trait, a contrast, a rank) of a `part` of the study, from `n` species.

    low, high: the 95 % interval over species, nan without one; replicates [b] behind it, the same draws for every set of vectors. chance: what vectors that
    know nothing give, nan where nobody can say. null_low, null_high: where 95 % of the values under permutation lie. p against that permutation, p_evolved
    against traits that evolved on the tree, apart from the vectors; nan where there is none.
    """

    part: str
    subject: str
    name: str
    value: float
    n: int
    low: float = np.nan
    high: float = np.nan
    chance: float = np.nan
    null_low: float = np.nan
    null_high: float = np.nan
    p: float = np.nan
    p_evolved: float = np.nan
    unit: str = ""
    note: str = ""
    replicates: Doubles = field(default_factory=_none, repr=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """What the same measure of other vectors has in common with it."""
        return self.part, self.subject, self.name

    def against(self, null: Doubles, side: str = "more") -> Measure:
        """The same with p, null_low and null_high of the values [p] under permutation; `side` is where the claim lies: more or less."""
        known = null[np.isfinite(null)]
        if not len(known) or not np.isfinite(self.value):
            return self
        low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return replace(self, null_low=float(low), null_high=float(high), p=p_value(self.value, known, side))


def resampled(species: int, replicates: int, rng: np.random.Generator) -> Doubles:
    """How often each of the species is drawn in each bootstrap replicate: [b, s]."""
    return rng.multinomial(species, np.full(species, 1 / species), size=replicates).astype(np.float64)


def bootstrapped(measure: Measure, replicates: Doubles) -> Measure:
    """The measure with the percentile interval of its replicates [b]; without one for fewer than ENOUGH species or where most replicates are not defined."""
    usable = replicates[np.isfinite(replicates)]
    if measure.n < ENOUGH or len(usable) < max(20, len(replicates) // 2) or not np.isfinite(measure.value):
        return measure
    low, high = np.quantile(usable, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return replace(measure, low=float(low), high=float(high), replicates=replicates)


def difference(first: Measure, second: Measure, factor: float = 1.0) -> tuple[float, float, float]:
    """first - factor * second with its interval; the species are drawn together, so what both share cancels. nan where one has no
    replicates or was measured in other species."""
    value = first.value - factor * second.value
    alike = first.n == second.n and len(first.replicates) == len(second.replicates)
    if not len(first.replicates) or not alike:
        return float(value), np.nan, np.nan
    gap = first.replicates - factor * second.replicates
    usable = gap[np.isfinite(gap)]
    if len(usable) < max(20, len(gap) // 2):
        return float(value), np.nan, np.nan
    low, high = np.quantile(usable, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(value), float(low), float(high)


def p_value(value: float, null: Doubles, side: str = "more") -> float:
    """The share of the values under permutation [p] and the value itself that lie as far to one side (Phipson & Smyth 2010: never 0); nan without any."""
    known = null[np.isfinite(null)]
    if not len(known) or not np.isfinite(value):
        return np.nan
    beyond = known >= value - 1e-12 if side == "more" else known <= value + 1e-12
    return float((1 + beyond.sum()) / (1 + len(known)))


def adjusted(p: Sequence[float]) -> list[float]:
    """The p values adjusted for their number, so that at most a share q of what is called found is not (Benjamini & Hochberg 1995); nan stays nan."""
    values = np.asarray(p, np.float64)
    found = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    m = len(order)
    if m:
        scaled = values[order] * m / np.arange(1, m + 1)
        found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return [float(q) for q in found]
