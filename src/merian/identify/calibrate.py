"""What makes a cosine a probability: a temperature, and the chance that the organism is on the list at all.

Both are fitted on validation images. The stand-ins for unknown organisms are the same images with their own species struck from the list: what is left
to choose from is wrong by construction, and near (its relatives are still there), which is the hard case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Calibration", "fit"]

Floats = npt.NDArray[np.float32]
PRIOR_UNKNOWN = 0.05
"""Share of photos whose organism is assumed not to be on the list. From taste: validation images cannot tell it."""
ENOUGH = 20
"""With fewer validation images nothing is fitted."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`probability = known * softmax(scale * cosine)`, `known = logistic(slope * best cosine + bias)`; slope 0 means always known."""

    scale: float
    slope: float = 0.0
    bias: float = 0.0
    images: int = 0
    """How many validation images it was fitted on; 0: not calibrated."""

    def known(self, best: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The chance that the organism is on the list, from its best cosine."""
        if self.slope == 0:
            return np.ones(len(best))
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope * best + self.bias, -60, 60))))

    def probabilities(self, cosines: Floats) -> Floats:
        """[n, t] cosines -> probabilities whose rows sum to `known`."""
        if cosines.shape[1] == 0:
            return cosines
        logits = self.scale * cosines.astype(np.float64)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        shares = odds / odds.sum(1, keepdims=True) * self.known(cosines.max(1))[:, None]
        return np.asarray(shares, np.float32)


def fit(cosines: Floats, truth: npt.NDArray[np.integer], start_scale: float) -> Calibration:
    """The Calibration of n validation images: cosines [n, t], truth [n] the column of each one's species.

    Temperature by minimal negative log-likelihood (Guo et al. 2017, ICML, section 4.2); known or not by logistic regression on the best
    cosine, with and without the true column, then moved to the prior share of unknowns.
    """
    if len(cosines) < ENOUGH or cosines.shape[1] < 2:
        return Calibration(start_scale)
    scale = _scale(cosines.astype(np.float64), truth)
    struck = cosines.copy()
    struck[np.arange(len(struck)), truth] = -np.inf
    best = np.concatenate([cosines.max(1), struck.max(1)]).astype(np.float64)
    slope, bias = _logistic(best, np.repeat([1.0, 0.0], len(cosines)))
    if slope <= 0:
        return Calibration(scale, images=len(cosines))
    return Calibration(scale, slope, bias + float(np.log((1 - PRIOR_UNKNOWN) / PRIOR_UNKNOWN)), len(cosines))


def _scale(cosines: npt.NDArray[np.float64], truth: npt.NDArray[np.integer]) -> float:
    """The scale with the least negative log-likelihood, by golden-section search over its logarithm."""
    right = cosines[np.arange(len(cosines)), truth]

    def loss(log_scale: float) -> float:
        logits = np.exp(log_scale) * (cosines - cosines.max(1, keepdims=True))
        return float(np.mean(np.log(np.exp(logits).sum(1)) - np.exp(log_scale) * (right - cosines.max(1))))

    low, high, ratio = np.log(0.5), np.log(500.0), (np.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))


def _logistic(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Slope and bias of a logistic regression on one standardised feature, by Newton's method with a weak ridge."""
    centre, spread = x.mean(), x.std() or 1.0
    design = np.stack([(x - centre) / spread, np.ones_like(x)], 1)
    weights = np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (p - y) + 1e-2 * weights
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-2 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[0] / spread), float(weights[1] - weights[0] * centre / spread)
