"""What is believed of parameters before data: independent normals or uniforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from merian.core.errors import BadSetting
from merian.twin.foodweb import Doubles

__all__ = ["Normal", "Prior", "Uniform"]


class Prior(Protocol):
    """A distribution of p parameters."""

    def draw(self, count: int, rng: np.random.Generator) -> Doubles:
        """Parameters [count, p]."""

    def log_density(self, parameters: Doubles) -> Doubles:
        """Log densities [n] of parameters [n, p]; minus infinity where they cannot be."""

    def free(self, parameters: Doubles) -> Doubles:
        """The same parameters on a scale without bounds."""

    def bound(self, free: Doubles) -> Doubles:
        """Back from the scale without bounds."""


@dataclass(frozen=True, eq=False)
class Normal:
    """Independent normals: `mean` [p], `sd` [p]. Rates that are above 0 are given as logarithms."""

    mean: Doubles
    sd: Doubles

    def __post_init__(self) -> None:
        if self.mean.shape != self.sd.shape or self.mean.ndim != 1 or not (self.sd > 0).all():
            raise BadSetting("sd", self.sd.tolist(), "one above 0 for each mean")

    def draw(self, count: int, rng: np.random.Generator) -> Doubles:
        """Parameters [count, p]."""
        return rng.normal(self.mean, self.sd, (count, len(self.mean)))

    def log_density(self, parameters: Doubles) -> Doubles:
        """Log densities [n]."""
        z = (parameters - self.mean) / self.sd
        return np.asarray(-0.5 * (z * z).sum(-1) - np.log(self.sd).sum() - 0.5 * len(self.sd) * np.log(2 * np.pi))

    def free(self, parameters: Doubles) -> Doubles:
        """The parameters themselves."""
        return parameters

    def bound(self, free: Doubles) -> Doubles:
        """The parameters themselves."""
        return free


@dataclass(frozen=True, eq=False)
class Uniform:
    """Independent uniforms from `low` [p] to `high` [p]."""

    low: Doubles
    high: Doubles

    def __post_init__(self) -> None:
        if self.low.shape != self.high.shape or self.low.ndim != 1 or not (self.high > self.low).all():
            raise BadSetting("high", self.high.tolist(), f"above low, {self.low.tolist()}")

    def draw(self, count: int, rng: np.random.Generator) -> Doubles:
        """Parameters [count, p]."""
        return rng.uniform(self.low, self.high, (count, len(self.low)))

    def log_density(self, parameters: Doubles) -> Doubles:
        """Log densities [n]."""
        inside = ((parameters > self.low) & (parameters < self.high)).all(-1)
        return np.asarray(np.where(inside, -np.log(self.high - self.low).sum(), -np.inf))

    def free(self, parameters: Doubles) -> Doubles:
        """The logit of where they lie between low and high."""
        return np.asarray(np.log(parameters - self.low) - np.log(self.high - parameters))

    def bound(self, free: Doubles) -> Doubles:
        """Between low and high."""
        return np.asarray(self.low + (self.high - self.low) / (1 + np.exp(-free)))
