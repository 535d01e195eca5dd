"""The scale on which a trait is modelled: logarithms of skewed amounts, amounts as they are, or an indicator of each state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.explore.impute.states import Trait

__all__ = ["Scale", "scale_of"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """`log`: base-10 logarithms; low and high: what the amount cannot pass."""

    log: bool = False
    low: float = -np.inf
    high: float = np.inf

    def forward(self, trait: Trait) -> Doubles:
        """The trait [n, m] on the model's scale, 0 where it is not known: one column, or an indicator for each state."""
        known = np.isfinite(trait.values)
        if trait.states:
            codes = np.where(known, trait.values, -1)
            return np.asarray((codes[:, None] == np.arange(len(trait.states))).astype(np.float64))
        values = np.where(known, trait.values, 1.0)
        return np.asarray(np.where(known, np.log10(values) if self.log else values, 0.0)[:, None])

    def bound(self, values: Doubles) -> Doubles:
        """Values of the model's scale kept within the bounds, on that scale."""
        return values if self.log else np.asarray(np.clip(values, self.low, self.high))

    def back(self, values: Doubles) -> Doubles:
        """Amounts from values of the model's scale, kept within the bounds; of logarithms this makes a mean a median."""
        return np.asarray(np.clip(10.0**values if self.log else values, self.low, self.high))


def scale_of(trait: Trait, log: str = "auto") -> Scale:
    """The Scale of a trait.

    Logarithms when all known values are positive and their moment skewness is less (in size) as logarithms. Amounts that are known to be in 0 to 1 or 0 to 100,
    with both ends among them, are shares and stay there; amounts never below 0 stay at or above it.
    """
    known = trait.values[np.isfinite(trait.values)]
    if trait.states or not len(known):
        return Scale()
    if log == "auto" and known.min() > 0 and abs(_skewness(np.log10(known))) < abs(_skewness(known)):
        return Scale(log=True)
    if known.min() == 0 and known.max() in (1, 100):
        return Scale(low=0.0, high=float(known.max()))
    return Scale(low=0.0) if known.min() >= 0 else Scale()


def _skewness(values: Doubles) -> float:
    centred = values - values.mean()
    spread = float((centred**2).mean())
    return float((centred**3).mean() / spread**1.5) if spread > 0 else 0.0
