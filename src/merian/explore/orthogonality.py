"""Variation within species beside the differences between them, in three dimensions: for the figure and its page.

After the figure of BioCLIP 2 (Gu et al. 2025, section 5): the plane of the first two principal components of the species' means, and one direction of the
variation within species that stands upright on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.explore.neighbours import finite

__all__ = ["Panel", "panel"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
REPLICATES = 1000
IN_PLANE = 2


@dataclass(frozen=True, eq=False)
class Panel:
    """Images of species in two variants or more, in three dimensions.

    points [n, 3]: two in the plane of the species' means, one upright; of_species and of_variant [n], indices into `species` and `variants`;
    means [s, v, 3], nan where a species lacks a variant; rho, the share of the squared length of the differences between variants that lies in the plane,
    mean over species, with the 95 % interval from resampled images; plane, the share of the variance between species that the plane holds; upright, the share
    that the third axis holds of the variation between variants that is not in the plane.
    """

    species: tuple[str, ...]
    variants: tuple[str, ...]
    points: Doubles
    of_species: Ints
    of_variant: Ints
    means: Doubles
    rho: tuple[float, float, float]
    dimensions: int
    plane: float
    upright: float

    @property
    def chance(self) -> float:
        """The rho of directions at random: k/d, with k = 2 axes of the plane."""
        return IN_PLANE / self.dimensions


def panel(
    vectors: npt.NDArray[np.floating],
    species: Sequence[str],
    variants: Sequence[str | None],
    rng: np.random.Generator,
    replicates: int = REPLICATES,
) -> Panel:
    """The Panel of vectors [n, d] with their species [n] and variants [n] (juvenile, adult; None: not known, left out).

    With M = [m_s - m] and V its first two right singular vectors, and D_sv = m_sv - mean_v m_sv: rho_s = |D_s V|^2 / |D_s|^2, over the variants of s. The
    plane is that of all species given; rho is the mean over those in at least two variants. The interval is the basic bootstrap (Davison & Hinkley 1997,
    section 5.2) over images within species and variant, for these species. Raises Mismatch for lengths that differ, BadData for fewer than three species, no
    species in two variants, d < 3 and vectors that are not numbers.
    """
    if not len(vectors) == len(species) == len(variants):
        raise Mismatch(
            "vectors and labels", f"{len(vectors)} vectors", f"{len(species)} species, {len(variants)} variants"
        )
    finite(vectors, "vectors", "vectors")
    known = np.array([v is not None for v in variants], bool)
    z = np.asarray(vectors, np.float64)[known]
    names, of_species = np.unique(np.asarray(species)[known], return_inverse=True)
    kinds, of_variant = np.unique([v for v in variants if v is not None], return_inverse=True)
    if len(names) < 3 or len(kinds) < 2 or vectors.shape[1] < 3:
        raise BadData(
            "species",
            f"{len(names)} species in {len(kinds)} variants and {vectors.shape[1]} dimensions are too few: 3, 2 and 3 at least",
        )
    sizes = (len(names), len(kinds))
    cells = of_species * len(kinds) + of_variant
    order = np.argsort(cells, kind="stable")
    ordered, own = z[order], cells[order]
    means, basis, rho = _measured(ordered, own, sizes, np.ones(len(z)))
    if np.isnan(rho):
        raise BadData("variants", "no species has images of two different variants: nothing varies within a species")
    again = np.sort([_measured(ordered, own, sizes, _drawn(own, rng))[2] for _ in range(replicates)])
    low, high = (float(np.clip(2 * rho - np.quantile(again, q), 0, 1)) for q in (0.975, 0.025))
    middle = z.mean(0)
    centres = np.stack([z[of_species == s].mean(0) for s in range(len(names))])
    between = ((centres - centres.mean(0)) ** 2).sum()
    within = _variation(means)
    held = within - within @ basis[:IN_PLANE].T @ basis[:IN_PLANE]
    total = float((held**2).sum())
    return Panel(
        tuple(names.tolist()),
        tuple(kinds.tolist()),
        (z - middle) @ basis.T,
        of_species.astype(np.int64),
        of_variant.astype(np.int64),
        (means - middle) @ basis.T,
        (rho, low, high),
        int(vectors.shape[1]),
        float((((centres - centres.mean(0)) @ basis[:IN_PLANE].T) ** 2).sum() / max(between, 1e-30)),
        float(((held @ basis[2]) ** 2).sum() / total) if total > 0 else 0.0,
    )


def _drawn(cells: Ints, rng: np.random.Generator) -> Doubles:
    """How often each image is drawn when those of each cell, which stand together, are drawn with replacement."""
    _, starts, of, sizes = np.unique(cells, return_index=True, return_inverse=True, return_counts=True)
    chosen = starts[of] + (rng.random(len(cells)) * sizes[of]).astype(np.int64)
    return np.bincount(chosen, minlength=len(cells)).astype(np.float64)


def _variation(means: Doubles) -> Doubles:
    """The variants' means [s, v, d] from the mean of their species, of species in two variants or more: [m, d]."""
    several = np.isfinite(means[:, :, 0]).sum(1) > 1
    own = means[several]
    return np.asarray((own - np.nanmean(own, 1, keepdims=True))[np.isfinite(own[:, :, 0])])


def _measured(z: Doubles, cells: Ints, sizes: tuple[int, int], weights: Doubles) -> tuple[Doubles, Doubles, float]:
    """The variants' means [s, v, d], the three axes [3, d] and rho (nan: nothing varies within a species) of images that stand by their cells."""
    s, v = sizes
    dimensions = z.shape[1]
    present, starts = np.unique(cells, return_index=True)
    counts, sums = np.bincount(cells, weights, s * v), np.zeros((s * v, dimensions))
    sums[present] = np.add.reduceat(z * weights[:, None], starts, axis=0)
    flat = np.full((s * v, dimensions), np.nan)
    flat[counts > 0] = sums[counts > 0] / counts[counts > 0, None]
    means = flat.reshape(s, v, dimensions)
    species = sums.reshape(s, v, -1).sum(1) / counts.reshape(s, v).sum(1)[:, None]
    plane = np.linalg.svd(species - species.mean(0), full_matrices=False)[2][:IN_PLANE]
    plane = plane * np.where(plane[np.arange(IN_PLANE), np.abs(plane).argmax(1)] < 0, -1, 1)[:, None]
    several = np.isfinite(means[:, :, 0]).sum(1) > 1
    if not several.any():
        return means, np.vstack([plane, np.zeros(dimensions)]), np.nan
    shares = []
    for own in means[several]:
        apart = own[np.isfinite(own[:, 0])]
        apart = apart - apart.mean(0)
        length = float((apart**2).sum())
        if length > 0:
            shares.append(float(((apart @ plane.T) ** 2).sum()) / length)
    within = _variation(means)
    upright = np.linalg.svd(within - within @ plane.T @ plane, full_matrices=False)[2][0]
    last = means[:, -1] @ upright
    first = means[:, 0] @ upright
    if np.nansum(last - first) < 0:
        upright = -upright
    return means, np.vstack([plane, upright]), float(np.mean(shares)) if shares else np.nan
