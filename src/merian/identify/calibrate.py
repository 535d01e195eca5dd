"""What makes a cosine a probability: a temperature, one more at each rank of the tree, and the chance that the organism is on the list at all.

All are fitted on validation images. A softmax over the labels gives each clade its sum; how a clade's share is divided among what lies directly below it is
then sharpened or flattened by an exponent of that rank (an inverse temperature among siblings), so that families may be as well calibrated as species, and no
child ever exceeds its parent. The stand-ins for unknown organisms are the same images with their own species struck from the list: what is left
to choose from is wrong by construction, and near (its relatives are still there), which is the hard case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["Calibration", "exponent", "fit", "softmax"]

Floats = npt.NDArray[np.float32]
PRIOR_UNKNOWN = 0.05
"""Share of photos whose organism is assumed not to be on the list. From taste: validation images cannot tell it."""
ENOUGH = 20
"""With fewer validation images nothing is fitted, and no exponent of a rank where fewer have a choice."""
REFUSED = 0.05
"""Share of validation images that may be told "none of these": where the threshold lies. From taste."""
EXPONENTS = (0.2, 5.0)
"""Between these the exponent of a rank is looked for."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`probability = known * softmax(scale * cosine)`, `known = logistic(slope * best cosine + bias)`; slope 0 means always known."""

    scale: float
    slope: float = 0.0
    bias: float = 0.0
    images: int = 0
    """How many validation images it was fitted on; 0: not calibrated."""
    ranks: tuple[float, ...] = ()
    """Exponent at each of the seven ranks of the shares among siblings; () for 1 at all of them."""
    none: float = 1.0
    """From this chance on that it is none of the labels, that is the answer: so many of the validation images had it as REFUSED says."""

    def known(self, best: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The chance that the organism is on the list, from its best cosine."""
        if self.slope == 0:
            return np.ones(len(best))
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope * best + self.bias, -60, 60))))

    def probabilities(self, cosines: Floats) -> Floats:
        """[n, t] cosines -> probabilities whose rows sum to `known`."""
        if cosines.shape[1] == 0:
            return cosines
        return np.asarray(softmax(self.scale * cosines) * self.known(cosines.max(1))[:, None], np.float32)


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
    found = Calibration(scale, slope, bias + float(np.log((1 - PRIOR_UNKNOWN) / PRIOR_UNKNOWN)), len(cosines))
    return replace(found, none=float(np.quantile(1 - found.known(cosines.max(1)), 1 - REFUSED)))


def softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """`[n, t]` -> `[n, t]`: rows that sum to 1."""
    odds = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def exponent(logs: npt.NDArray[np.float64], right: npt.NDArray[np.float64], of: npt.NDArray[np.int64]) -> float:
    """The exponent of siblings' shares under which the right ones are likeliest; 1 when there are too few to say.

    `logs [m]` are the logarithms of what siblings have, of image `of [m]` each, `right [i]` that of each image's right one.
    """
    if len(right) < ENOUGH:
        return 1.0
    highest = np.full(len(right), -np.inf)
    np.maximum.at(highest, of, logs)

    def loss(log: float) -> float:
        power = np.exp(log)
        total = np.bincount(of, np.exp(power * (logs - highest[of])), len(right))
        return float(np.mean(np.log(total) - power * (right - highest)))

    return float(np.exp(_lowest(loss, *np.log(EXPONENTS))))


def _scale(cosines: npt.NDArray[np.float64], truth: npt.NDArray[np.integer]) -> float:
    """The scale with the least negative log-likelihood, by golden-section search over its logarithm."""
    right = cosines[np.arange(len(cosines)), truth]

    def loss(log_scale: float) -> float:
        logits = np.exp(log_scale) * (cosines - cosines.max(1, keepdims=True))
        return float(np.mean(np.log(np.exp(logits).sum(1)) - np.exp(log_scale) * (right - cosines.max(1))))

    return float(np.exp(_lowest(loss, np.log(0.5), np.log(500.0))))


def _lowest(loss: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is lowest between two places, by golden-section search."""
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return (low + high) / 2


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
