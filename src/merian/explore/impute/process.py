"""A Gaussian process over species: one variance per rank of the taxonomy, one for the features of pictures, and noise.

y = mean + sum of clade effects + features w + noise (Rasmussen & Williams 2006, chapters 2 and 5). The mean and w are explicit basis functions (their
section 2.7) over the tree's covariance, whose inverse is never made (`nest.krige`); of w there are few, so one small matrix is
factorised (Woodbury). Variances, relative to the noise, maximise the restricted likelihood (Patterson & Thompson 1971), in which the
mean and the scale are integrated or profiled out, by L-BFGS on its analytic gradient. Filling traits from relatives so: Bruggeman et al. 2009
(doi:10.1093/nar/gkp370), Penone et al. 2014 (doi:10.1111/2041-210X.12232), Goolsby et al. 2017 (doi:10.1111/2041-210X.12612).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.explore.impute.nest import Nest, Pass, krige

__all__ = ["Components", "Design", "Prediction", "fit", "likelihood", "predict", "shares"]

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
SMALLEST, LARGEST = np.log(1e-5), np.log(1e5)
"""Bounds of the log of a variance relative to the noise: far beyond what data can tell apart."""
STARTS = (0.3, 3.0)
"""Relative variances from which the search starts; the better end is kept. Never those of a similar fit, which may have seen what is left out."""


@dataclass(frozen=True, eq=False)
class Design:
    """What is known of n species besides the trait: their clades, `features` [n, d] of mean square length 1, and `slack` [n].

    The features' kernel is features features' + diag(slack): slack is the share of a species' own variance that its features leave open, 1 where
    it has none (then it is as uncertain as the others, not as certain as an average picture), 0 where they say all
    (the correction of Snelson & Ghahramani 2006 for low-rank kernels).
    """

    nest: Nest
    features: Doubles
    slack: Doubles

    def __post_init__(self) -> None:
        if not len(self.nest) == len(self.features) == len(self.slack):
            raise Mismatch("species and features", f"{len(self.nest)} species", f"features of {self.features.shape}")
        if not (np.isfinite(self.features).all() and np.isfinite(self.slack).all()):
            raise BadData(
                "features", "must be finite", np.flatnonzero(~np.isfinite(self.features).all(1))[:10].tolist()
            )

    @classmethod
    def of(cls, nest: Nest) -> Design:
        """The design of the taxonomy alone."""
        return cls(nest, np.zeros((len(nest), 0)), np.zeros(len(nest)))

    def take(self, rows: Flags) -> Design:
        """The design of some species."""
        return Design(self.nest.take(rows), self.features[rows], self.slack[rows])


@dataclass(frozen=True, eq=False)
class Components:
    """Variances relative to the noise: `ranks` [r] (fine to coarse), `features`; `scale` [m] the noise variance of each column of the trait."""

    ranks: Doubles
    features: float
    scale: Doubles

    @property
    def prior(self) -> float:
        """The variance of a species about the mean when nothing is known, relative to the noise."""
        return float(self.ranks.sum()) + self.features + 1


@dataclass(frozen=True, eq=False)
class Prediction:
    """mean [n, m] and sd [n, m] of a new measurement of each species; ratio [n] its sd relative to the prior's: 1 where nothing was learned."""

    mean: Doubles
    sd: Doubles
    ratio: Doubles


@dataclass(frozen=True, eq=False)
class _Solved:
    """One pass of columns [y, 1, features]: what likelihood and prediction share."""

    weights: Doubles
    tree: Pass
    basis: Doubles
    cholesky: Doubles
    beta: Doubles
    left: Doubles
    energy: Doubles
    """weights [n]; basis [n, 1 + d]; cholesky of S; beta [1 + d, m]; left [n, 1 + d] = T^-1 basis; energy [m] = y' R y."""


def _solve(design: Design, y: Doubles, known: Flags, ranks: Doubles, features: float) -> _Solved:
    n, m = y.shape
    weights = known / (1 + features * design.slack)
    basis = np.concatenate([np.ones((n, 1)), *([design.features] if features > 0 else [])], 1)
    columns = np.concatenate([y, basis], 1)
    tree = krige(design.nest, ranks, weights, columns)
    left = weights[:, None] * (columns - tree.mean)
    gram = columns.T @ left
    s = gram[m:, m:].copy()
    s[np.arange(1, len(s)), np.arange(1, len(s))] += 1 / max(features, np.exp(SMALLEST))
    s = (s + s.T) / 2
    cholesky = np.asarray(np.linalg.cholesky(s), np.float64)
    beta = _backward(cholesky, gram[m:, :m])
    energy = np.diagonal(gram)[:m] - (gram[m:, :m] * beta).sum(0)
    return _Solved(weights, tree, basis, cholesky, beta, left[:, m:], np.maximum(energy, 0))


def _backward(cholesky: Doubles, right: Doubles) -> Doubles:
    from scipy.linalg import cho_solve

    return np.asarray(cho_solve((cholesky, True), right, check_finite=False))


def _forward(cholesky: Doubles, right: Doubles) -> Doubles:
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(cholesky, right, lower=True, check_finite=False))


def likelihood(design: Design, y: Doubles, ranks: Doubles, features: float) -> tuple[float, Doubles]:
    """The restricted log likelihood of columns y [n, m] with their scales profiled out, up to a constant, and its gradient [r + 1].

    The gradient is with respect to the relative variances of the ranks and of the features. Columns share the variances; each has its own scale.
    """
    n, m = y.shape
    d = design.features.shape[1]
    solved = _solve(design, y, np.ones(n, bool), ranks, features)
    logdet = solved.tree.logdet - float(np.log(solved.weights).sum())
    logdet += 2 * float(np.log(np.diagonal(solved.cholesky)).sum()) + (d * np.log(features) if d else 0.0)
    value = -0.5 * (m * logdet + (n - 1) * float(np.log(solved.energy).sum()))
    columns = np.concatenate([y, solved.basis], 1)
    own = solved.weights[:, None] * (columns - solved.tree.mean)
    residual = own[:, :m] - solved.left @ solved.beta
    share = (n - 1) / solved.energy
    gradient = np.empty(len(ranks) + 1)
    for r, start in enumerate(design.nest.first):
        clade = np.add.reduceat(solved.left, start, axis=0)
        trace = solved.tree.traces[r] - float((_forward(solved.cholesky, clade.T) ** 2).sum())
        fits = (np.add.reduceat(residual, start, axis=0) ** 2).sum(0)
        gradient[r] = -0.5 * (m * trace - float(fits @ share))
    gradient[-1] = _feature_gradient(design, solved, residual, share) if d else 0.0
    return value, gradient


def _feature_gradient(design: Design, solved: _Solved, residual: Doubles, share: Doubles) -> float:
    """The derivative of the likelihood with respect to the variance of the features."""
    m = residual.shape[1]
    cross = design.features.T @ solved.left
    trace = float(np.trace(cross[:, 1:])) - float((_forward(solved.cholesky, cross.T) ** 2).sum())
    fits = ((design.features.T @ residual) ** 2).sum(0)
    open_ = design.slack > 0
    if open_.any():
        weights, slack = solved.weights[open_], design.slack[open_]
        diagonal = weights - weights**2 * solved.tree.variance[open_]
        diagonal = diagonal - (_forward(solved.cholesky, solved.left[open_].T) ** 2).sum(0)
        trace += float(slack @ diagonal)
        fits = fits + slack @ residual[open_] ** 2
    return float(-0.5 * (m * trace - fits @ share))


def fit(design: Design, y: Doubles) -> Components:
    """The Components of columns y [n, m] that maximise the restricted likelihood.

    Columns share the relative variances. A column that is constant has no part in it, and a scale of 0. Raises BadData when all are, or n < 3.
    """
    from scipy.optimize import minimize

    varied = np.ptp(y, axis=0) > 0 if len(y) else np.zeros(y.shape[1], bool)
    if len(y) < 3 or not varied.any():
        raise BadData(
            "trait", f"{len(y)} values, {int(varied.sum())} columns of them not constant, determine no variance"
        )
    n, d, r = len(y), design.features.shape[1], len(design.nest.ranks)
    told = (y[:, varied] - y[:, varied].mean(0)) / y[:, varied].std(0)
    used = [k for k in range(r) if _told_apart(design.nest, k)] + ([r] if d else [])

    def negative(logs: Doubles) -> tuple[float, Doubles]:
        relative = np.zeros(r + 1)
        relative[used] = np.exp(logs)
        value, gradient = likelihood(design, told, relative[:r], float(relative[r]))
        return -value / n, -gradient[used] * relative[used] / n

    best, found = np.inf, np.zeros(r + 1)
    bounds = [(SMALLEST, LARGEST)] * len(used)
    for start in STARTS if used else ():
        first = np.full(len(used), np.log(start))
        end = minimize(negative, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-9})
        if end.fun < best:
            best, found = float(end.fun), np.zeros(r + 1)
            found[used] = np.exp(end.x)
    ranks, features = found[:r], float(found[r]) if d else 0.0
    energy = _solve(design, y, np.ones(n, bool), ranks, features).energy
    return Components(ranks, features, np.where(varied, energy / (n - 1), 0.0))


def _told_apart(nest: Nest, rank: int) -> bool:
    """Whether the clades of a rank differ from the root, from those of the next finer rank, and (at the finest) from the species."""
    parts = len(nest) if rank == 0 else len(nest.first[rank - 1])
    return 1 < len(nest.first[rank]) < parts


def predict(design: Design, y: Doubles, known: Flags, components: Components) -> Prediction:
    """The Prediction for all n species from columns y [n, m] of the `known` [n] ones (y elsewhere is not looked at).

    For a known species it is what a second measurement would give.
    """
    held = np.where(known[:, None], y, 0.0)
    solved = _solve(design, held, known, components.ranks, components.features)
    m = y.shape[1]
    between = solved.basis - solved.tree.mean[:, m:]
    mean = solved.tree.mean[:, :m] + between @ solved.beta
    variance = solved.tree.variance + (_forward(solved.cholesky, between.T) ** 2).sum(0)
    variance = variance + 1 + components.features * design.slack
    ratio = np.sqrt(variance / components.prior)
    return Prediction(mean, np.sqrt(variance[:, None] * components.scale), ratio)


def shares(nest: Nest, components: Components, pictures: bool) -> dict[str, float]:
    """The share of the variance between species that each rank, the pictures and the species itself (with measurement noise) hold: sums to 1."""
    parts = {rank: float(v) / components.prior for rank, v in zip(nest.ranks, components.ranks, strict=True)}
    if pictures:
        parts["pictures"] = components.features / components.prior
    return parts | {"species": 1 / components.prior}
