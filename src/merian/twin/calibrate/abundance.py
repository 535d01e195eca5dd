"""Densities of animals from what a classifier said of camera photos, with the uncertainty of its confusion matrix.

At camera c, with species s, labels l and `exposure` E, the animals that one per km2 would bring before it:

    photos of s at c  ~  Poisson(D_s g_cs E_cs),  g_cs ~ Gamma(k_s, mean 1)          (negative binomial over cameras)
    labels of a photo ~  row s of C,              C_s ~ Dirichlet(held-out photos + prior)
    log D_s ~ Normal,  log k_s ~ Normal

A Gibbs sampler fills in which species stood behind each label (data augmentation: Tanner & Wong 1987, doi:10.1080/01621459.1987.10478458); given that,
D and k are drawn by slice sampling with g summed out (Neal 2003, doi:10.1214/aos/1056562461), g and C from their gamma and Dirichlet conditionals; and what
is taken for a rare species is traded against its density (`trades`). Its draws are right if the model is: tested by simulation-based calibration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin.calibrate.trades import traded
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.labels import Confusion, dirichlet

__all__ = ["Abundance", "Beliefs", "abundance", "alike", "trusting"]


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Before the photos: normals of the natural logarithm of density (animals km-2) and of dispersion, and how many `sweeps` of the sampler to make, of which
    the first third is thrown away and every `thin`-th of the others kept."""

    log_density: float = 0.0
    log_density_sd: float = 3.0
    log_dispersion: float = 0.0
    log_dispersion_sd: float = 1.0
    sweeps: int = 900
    thin: int = 1

    def __post_init__(self) -> None:
        for name in ("log_density_sd", "log_dispersion_sd"):
            if not getattr(self, name) > 0:
                raise BadSetting(name, getattr(self, name), "above 0")
        if self.sweeps < 30 or self.thin < 1:
            raise BadSetting("sweeps", self.sweeps, "30 or more, with thin 1 or more")


@dataclass(frozen=True, eq=False)
class Abundance:
    """Posterior draws: `density` animals km-2 [m, s], `dispersion` [m, s] of counts over cameras, and the mean confusion `matrix` [s, l]."""

    density: Doubles
    dispersion: Doubles
    matrix: Doubles


def trusting(confusion: Confusion) -> Doubles:
    """The matrix [s, s + 1] of one who takes labels for truth and leaves the unknown out (give it with labels whose last column is 0)."""
    return np.eye(len(confusion.species), len(confusion.labels))


def alike(confusion: Confusion, recorded: npt.ArrayLike) -> Doubles:
    """The matrix [s, l] of one who shares out the unknown as the named: labels are true, and every species is refused as often as all are."""
    labels = np.asarray(recorded, float)
    refused = labels[:, -1].sum() / max(labels.sum(), 1.0)
    matrix: Doubles = np.eye(len(confusion.species), len(confusion.labels)) * (1.0 - refused)
    matrix[:, -1] = refused
    return matrix


def abundance(
    recorded: npt.ArrayLike,
    exposure: npt.ArrayLike,
    rows: Confusion | Doubles,
    rng: np.random.Generator,
    beliefs: Beliefs = Beliefs(),
) -> Abundance:
    """Densities from `recorded` labels int64 [c, l] and `exposure` [c, s] (`observe.camera.contacts` at density 1); `rows` is what is known of the matrix, or
    a matrix [s, l] that is taken as exact.

    Raises Mismatch for shapes, BadData for labels that no species can have got.
    """
    labels, given = np.asarray(recorded, np.int64), np.asarray(exposure, float)
    known = rows.weights if isinstance(rows, Confusion) else None
    matrix = rows.mean if isinstance(rows, Confusion) else np.asarray(rows, float)
    if labels.shape != (len(given), matrix.shape[1]) or given.shape[1] != len(matrix):
        raise Mismatch("labels, exposure and matrix", (labels.shape, given.shape), matrix.shape)
    if not ((given >= 0).all() and (given.sum(0) > 0).all() and (labels >= 0).all()):
        raise BadData("camera photos", "need exposure above 0 for each species, and counts from 0 on")
    lost = labels[(given @ matrix == 0) & (labels > 0)]
    if len(lost):
        raise BadData("labels", "that no species at the camera can have got", [f"{lost.sum()} photos"])
    spread = np.ones_like(given)
    # log density and log dispersion: begun where labels are true
    state = np.stack([np.log((labels[:, : len(matrix)].sum(0) + 0.5) / given.sum(0)), np.zeros(len(matrix))])
    kept: list[tuple[Doubles, Doubles]] = []
    for sweep in range(beliefs.sweeps):
        if known is not None:
            place = (state[0], beliefs.log_density, beliefs.log_density_sd)
            state[0], matrix = traded(labels, given * spread, place, matrix, known, rng)
        shown = _shown(labels, np.exp(state[0]) * spread * given, matrix, rng)
        photos = shown.sum(1)
        for at in (0, 1):
            state[at] = _sliced(state[at], _target(state, at, photos, given, beliefs), rng)
        density, dispersion = np.exp(state)
        spread = rng.standard_gamma(photos + dispersion) / (dispersion + density * given)
        if known is not None:
            matrix = dirichlet(known + shown.sum(0).T, rng)
        if sweep >= beliefs.sweeps // 3 and sweep % beliefs.thin == 0:
            kept.append((np.stack([density, dispersion]), matrix))
    drawn = np.stack([one for one, _ in kept])
    return Abundance(drawn[:, 0], drawn[:, 1], np.mean([other for _, other in kept], axis=0))


def _shown(labels: Integers, mean: Doubles, matrix: Doubles, rng: np.random.Generator) -> Integers:
    """Which species stood behind each label: int64 [c, l, s] that sums over s to the labels [c, l]."""
    chances = mean[:, None, :] * matrix.T
    total = chances.sum(-1, keepdims=True)
    even = np.full_like(chances, 1.0 / chances.shape[-1])
    return rng.multinomial(labels, np.divide(chances, total, out=even, where=total > 0))


def _target(
    state: Doubles, at: int, photos: Integers, given: Doubles, beliefs: Beliefs
) -> Callable[[Doubles], Doubles]:
    """Log posterior density [s] of row `at` of the state (0: log density, 1: log dispersion), the other fixed, camera factors summed out."""
    centre = (beliefs.log_density, beliefs.log_dispersion)[at]
    sd = (beliefs.log_density_sd, beliefs.log_dispersion_sd)[at]
    other = np.exp(state[1 - at])

    def log_density(row: Doubles) -> Doubles:
        density, dispersion = (np.exp(row), other) if at == 0 else (other, np.exp(row))
        return np.asarray(_explained(photos, given, density, dispersion) - 0.5 * ((row - centre) / sd) ** 2)

    return log_density


@compiled
def _explained(photos: Integers, given: Doubles, density: Doubles, dispersion: Doubles) -> Doubles:
    """Log probability [s] of negative binomial photos [c, s], but for what depends on neither density nor dispersion."""
    cameras, species = photos.shape
    out = np.zeros(species)
    for kind in range(species):
        k = dispersion[kind]
        constant = k * math.log(k) - math.lgamma(k)
        for camera in range(cameras):
            mean, seen = density[kind] * given[camera, kind], photos[camera, kind]
            if mean > 0.0:
                out[kind] += constant + math.lgamma(seen + k) - (seen + k) * math.log(k + mean) + seen * math.log(mean)
    return out


def _sliced(start: Doubles, log_density: Callable[[Doubles], Doubles], rng: np.random.Generator) -> Doubles:
    """One slice-sampling step of width 1 in each place [s] by itself, stepping out and shrinking (Neal 2003, figures 3 and 5)."""
    level = log_density(start) - rng.standard_exponential(len(start))
    left = start - rng.uniform(size=len(start))
    right = left + 1.0
    for end, move in ((left, -1.0), (right, 1.0)):
        out = log_density(end) > level
        while out.any():
            end[out] += move
            out &= log_density(end) > level
    now = left + rng.uniform(size=len(start)) * (right - left)
    outside = log_density(now) < level
    while outside.any():
        left = np.where(outside & (now < start), now, left)
        right = np.where(outside & (now >= start), now, right)
        now = np.where(outside, left + rng.uniform(size=len(start)) * (right - left), now)
        outside = log_density(now) < level
    return now
