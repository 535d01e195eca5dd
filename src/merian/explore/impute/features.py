"""Species as points of a kernel: the mean vector of each species' pictures, as few features whose inner products are the kernel.

Linear: the principal components of the means. RBF: the Nystrom features of Williams & Seeger (2001) on landmark species, exact when every species is a
landmark; what the landmarks leave open counts as a species' own variance (Snelson & Ghahramani 2006).

A mean of few specimens is not where endlessly many would put the species. Given how far specimens of a species scatter, each species is a normal distribution
about the mean shrunk towards that of all (Stein 1956; Efron & Morris 1973), narrow where specimens are many. The kernel between two species is its expectation
over both: for the linear one the product of the shrunk means and, with itself, what the distribution leaves open; for the RBF one the formula of Girard et
al. (2003, section 3). So a species of few specimens tells less of others and is told less of by its own pictures, and one without pictures is the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.explore.axes import species_means
from merian.explore.impute.nest import Nest
from merian.explore.impute.process import Design

__all__ = ["Seen", "picture_design", "seen"]

Doubles = npt.NDArray[np.float64]
PAIRS = 1000
"""Species whose distances give the width of the RBF kernel."""
JITTER = 1e-10
"""Eigenvalues of the landmarks' kernel below this share of the largest are rounding."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures of n species: `means` [n, d] of their specimens' vectors, rows of NaN where a species has no picture; `specimens` [n], how many there are;
    `scatter` [d, d], the covariance of specimens within species (zeros: means are taken as they are)."""

    means: Doubles
    specimens: npt.NDArray[np.int64]
    scatter: Doubles


def seen(vectors: npt.NDArray[np.floating], specimen: npt.NDArray[np.integer], taxa: npt.NDArray[np.integer]) -> Seen:
    """What pictures show of species 0 to n - 1: `vectors` [m, d] of images with the number of their specimen [m]; `taxa` [specimens], the species of each.

    Pictures of one specimen are like each other for what they share (a background, an individual), so a specimen counts once. The scatter is pooled over
    species; it is zero where no species has two specimens.
    """
    _, cases = species_means(vectors, specimen)
    species, own = species_means(cases, taxa)
    count = int(taxa.max(initial=-1)) + 1
    means = np.full((count, cases.shape[1]), np.nan)
    means[species] = own
    left = cases - means[taxa]
    freedom = len(cases) - len(species)
    return Seen(means, np.bincount(taxa, minlength=count), left.T @ left / max(freedom, 1))


def picture_design(
    nest: Nest, pictures: Seen, kernel: Literal["linear", "rbf"], width: int, rng: np.random.Generator
) -> Design:
    """The Design of species with these pictures; at most `width` features.

    Raises BadData for infinite vectors, for vectors partly NaN, when fewer than three species have a picture, all have the same, or species differ no more
    than the scatter of their specimens makes them.
    """
    means = pictures.means
    has = ~np.isnan(means).all(1)
    if not np.isfinite(means[has]).all():
        broken = np.flatnonzero(has & ~np.isfinite(means).all(1))
        raise BadData("embeddings", "the mean vectors of species must be finite", broken.tolist())
    if has.sum() < 3 or not np.ptp(means[has], axis=0).any():
        raise BadData(
            "embeddings", f"{int(has.sum())} species with pictures that differ tell nothing; three are needed"
        )
    points, spread = _believed(means[has], pictures.specimens[has], pictures.scatter)
    if not points.any():
        raise BadData("embeddings", "species differ no more in their pictures than specimens of one species do", [])
    found, open_ = _components(points, spread, width) if kernel == "linear" else _landmarks(points, spread, width, rng)
    features, slack = np.zeros((len(nest), found.shape[1])), np.ones(len(nest))
    features[has], slack[has] = found, open_
    return Design(nest, features, slack)


def _believed(means: Doubles, specimens: npt.NDArray[np.int64], scatter: Doubles) -> tuple[Doubles, Doubles]:
    """Where species are [n, k], in the principal axes of their means, and the variance about it [n, k]: means shrunk by what their specimens' scatter leaves.

    In each axis the observed variance is that between species and the mean error; the former is what is left of it, not below 0.
    """
    u, size, axes = np.linalg.svd(means - means.mean(0), full_matrices=False)
    scores = u * size
    noise = ((axes @ scatter) * axes).sum(1) / specimens[:, None]
    between = np.maximum((scores**2).mean(0) - noise.mean(0), 0)
    total = between + noise
    trust = np.divide(between, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(trust * scores), np.asarray(between * (1 - trust))


def _components(points: Doubles, spread: Doubles, width: int) -> tuple[Doubles, Doubles]:
    """The first axes of the points [n, w], and what they leave open of each species [n]: scaled so that square length and rest make 1 in the mean."""
    points, rest = points[:, :width], spread[:, :width].sum(1)
    scale = float(((points**2).sum(1) + rest).mean())
    return np.asarray(points / np.sqrt(scale)), np.asarray(rest / scale)


def _landmarks(points: Doubles, spread: Doubles, width: int, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    """Features [n, w] whose inner products are the expected exp(-|a - b|^2 / 2 l^2), l the median distance between species; and what they leave open [n]."""
    n = len(points)
    some = np.arange(n) if n <= PAIRS else np.sort(rng.choice(n, PAIRS, replace=False))
    rest = spread[some].sum(1)
    apart = _squares(points[some], points[some]) + rest[:, None] + rest
    apart = apart[np.triu_indices(len(some), 1)]
    scale = float(np.median(apart[apart > 0]))
    chosen = points if n <= width else points[np.sort(rng.choice(n, width, replace=False))]
    values, axes = np.linalg.eigh(np.exp(-_squares(chosen, chosen) / (2 * scale)))
    kept = values > JITTER * values[-1]
    features = _expected(points, spread, chosen, scale) @ (axes[:, kept] / np.sqrt(values[kept]))
    return np.asarray(features), np.maximum(1 - (features**2).sum(1), 0)


def _expected(points: Doubles, spread: Doubles, landmarks: Doubles, scale: float) -> Doubles:
    """The mean of exp(-|a - z|^2 / 2 scale) over normal a about the points [n, k] with variances [n, k], for landmarks z [w, k]: [n, w]."""
    narrow = 1 / (scale + spread)
    squares = (narrow * points**2).sum(1)[:, None] - 2 * (narrow * points) @ landmarks.T + narrow @ (landmarks**2).T
    return np.asarray(np.exp(-np.maximum(squares, 0) / 2 - np.log1p(spread / scale).sum(1)[:, None] / 2))


def _squares(a: Doubles, b: Doubles) -> Doubles:
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))
