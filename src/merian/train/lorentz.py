"""The hyperbolic head: images and captions as points of a hyperboloid, where what is general lies near the origin and what it entails behind it.

A vector v is scaled by a learned factor and carried from the tangent space at the origin onto the hyperboloid of curvature -c (the exponential map):
space = sinh(r) v / r with r = sqrt(c) |v|, time = sqrt(1/c + |space|^2). A point is kept as (time, space): `float [n, 1 + d]`, and pairs are scored by their
distance, d(x, y) = acosh(c (x_t y_t - <x_s, y_s>)) / sqrt(c). Lengths of vectors count here, so they are not brought to 1.

What is released is compared by cosine, as everything that open_clip reads: the head shapes the training alone.
Source: Desai et al. 2023 (MERU, arXiv:2304.09172).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from merian.train.objectives import Score

__all__ = ["Lorentz", "angle", "aperture", "lifted", "near"]

CURVATURE = (0.1, 10.0)
"""Bounds of c."""
LONGEST = math.asinh(2.0**15)
"""Largest argument of sinh."""
NEAREST = 0.1
"""K of the entailment cone: points nearer to the origin than this have none."""
TINY = 1e-6


class Lorentz(nn.Module):
    """What the head learns, as logarithms: c, and what vectors of images and of captions are multiplied with."""

    def __init__(self, dim: int) -> None:
        """Vectors of length sqrt(`dim`) start at length 1."""
        super().__init__()
        self.curvature = nn.Parameter(torch.zeros(()))
        self.image = nn.Parameter(torch.tensor(-0.5 * math.log(dim)))
        self.text = nn.Parameter(torch.tensor(-0.5 * math.log(dim)))

    @torch.no_grad()
    def clamp(self) -> None:
        """Keep c in its bounds and the factors at 1 at most."""
        self.curvature.clamp_(*(math.log(bound) for bound in CURVATURE))
        self.image.clamp_(max=0.0)
        self.text.clamp_(max=0.0)

    def images(self, vectors: torch.Tensor) -> torch.Tensor:
        """Points of the vectors of images."""
        return lifted(vectors * self.image.float().exp(), self.curvature.float().exp())

    def texts(self, vectors: torch.Tensor) -> torch.Tensor:
        """Points of the vectors of captions."""
        return lifted(vectors * self.text.float().exp(), self.curvature.float().exp())


def lifted(vectors: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """Points `[n, 1 + d]` of the hyperboloid of curvature -`c`, of tangent vectors `[n, d]` at its origin."""
    reach = c.sqrt() * vectors.norm(dim=1, keepdim=True)
    space = torch.sinh(reach.clamp(TINY, LONGEST)) * vectors / reach.clamp(min=TINY)
    return torch.cat([torch.sqrt(1 / c + space.square().sum(1, keepdim=True)), space], dim=1)


def near(scale: torch.Tensor, c: torch.Tensor) -> Score:
    """Minus the distances of points `[a, 1 + d]` and `[b, 1 + d]`, times `scale`."""

    def score(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        inner = a[:, :1] * b[:, 0] - a[:, 1:] @ b[:, 1:].T
        return -scale * torch.acosh((c * inner).clamp(min=1 + TINY)) / c.sqrt()

    return score


def angle(general: torch.Tensor, special: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """How far `special [n, 1 + d]` lies off the line from the origin through `general`, seen from there, in radians `[n]`: pi minus the angle at `general`."""
    inner = -c * (general[:, 0] * special[:, 0] - (general[:, 1:] * special[:, 1:]).sum(1))
    above = special[:, 0] + inner * general[:, 0]
    below = general[:, 1:].norm(dim=1) * (inner.square() - 1).clamp(min=TINY).sqrt()
    return torch.acos((above / (below + TINY)).clamp(-1 + TINY, 1 - TINY))


def aperture(general: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """Half the opening of the cone of what `general [n, 1 + d]` entails, in radians `[n]`: the nearer to the origin, the wider."""
    return torch.asin((2 * NEAREST / (general[:, 1:].norm(dim=1) * c.sqrt() + TINY)).clamp(max=1 - TINY))
