"""Traits and vectors across species once their kinship is taken out: partial Mantel tests and phylogenetic regression.

Mantel tests (Mantel 1967, Cancer Res. 27; partial: Smouse, Long & Sokal 1986, Syst. Zool. 35) find too much when both sides follow the tree (Guillot & Rousset
2013, Methods Ecol. Evol. 4). So each stands beside a phylogenetic generalised least squares regression (Grafen 1989, Phil. Trans. R. Soc. B 326; Martins &
Hansen 1997, Am. Nat. 149) with Pagel's lambda (Pagel 1999, Nature 401) by maximum likelihood, and all are held against traits that evolve on the same tree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.tree import RANKS, Tree
from merian.explore.axes import mean_ranks

__all__ = [
    "LAMBDAS",
    "Association",
    "Kinship",
    "Regression",
    "Signal",
    "associate",
    "distances",
    "kinship",
    "mantel",
    "pair_ranks",
    "pgls",
    "quadratic",
    "signal",
    "standardised",
    "tree_distance",
]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
LAMBDAS = np.linspace(0, 1, 101)
"""Values of Pagel's lambda that are tried: it is told to the nearest 0.01."""
HALF_CHI2 = 1.9207
"""Half the 95 % point of chi-squared with one degree of freedom: how far the log-likelihood may fall within the interval."""


# ---- distances and Mantel tests ------------------------------------------------------------------------------------


def distances(points: Doubles) -> Doubles:
    """Euclidean distances between the points [s, d]: [s, s]."""
    square = (points**2).sum(1)
    gaps = np.sqrt(np.maximum(square[:, None] + square - 2 * points @ points.T, 0))
    np.fill_diagonal(gaps, 0)
    return np.asarray(gaps)


def tree_distance(tree: Tree, taxa: Ints) -> npt.NDArray[np.int64]:
    """How many ranks up the deepest taxon lies that two species share: 1 the genus ... 6 the kingdom, 7 none, 0 themselves: [s, s]."""
    paths = tree.ancestors[taxa]
    steps = np.full((len(taxa), len(taxa)), len(RANKS), np.int64)
    for r in range(len(RANKS)):
        own = paths[:, r]
        steps[(own[:, None] == own) & (own >= 0)] = len(RANKS) - 1 - r
    np.fill_diagonal(steps, 0)
    return steps


def pair_ranks(values: npt.NDArray[np.generic]) -> Doubles:
    """Ranks of the pairs in a symmetric matrix [s, s], equal ones sharing their mean: with them a Mantel test is Spearman's."""
    upper = np.triu_indices(len(values), 1)
    ranks = np.zeros(values.shape)
    ranks[upper] = mean_ranks(values[upper])
    return ranks + ranks.T


def standardised(values: npt.NDArray[np.generic]) -> Doubles | None:
    """A symmetric matrix [s, s] with mean 0 and sum of squares 1 off its diagonal, 0 on it; None when all pairs are alike."""
    values = np.asarray(values, np.float64)
    off = ~np.eye(len(values), dtype=bool)
    centred = np.where(off, values - values[off].mean() if off.any() else 0.0, 0.0)
    size = float(np.sqrt((centred**2).sum()))
    return centred / size if size > 1e-9 * max(1.0, float(np.abs(values).max(initial=0))) else None


def quadratic(weights: Doubles, values: npt.NDArray[np.generic]) -> Doubles:
    """Sums over all ordered pairs of different species of weight * weight * value, values [s, s] with 0 on the diagonal: [b]."""
    return np.asarray(((weights @ np.asarray(values, np.float64)) * weights).sum(1))


@dataclass(frozen=True, eq=False)
class Association:
    """A Mantel correlation r, its values when the species of one side are dealt anew [p], and its bootstrap replicates over species [b]."""

    r: float
    null: Doubles
    replicates: Doubles


def mantel(
    a: npt.NDArray[np.generic],
    b: npt.NDArray[np.generic],
    rng: np.random.Generator,
    permutations: int = 999,
    given: npt.NDArray[np.generic] | None = None,
    weights: Doubles | None = None,
) -> Association | None:
    """The correlation of two distance matrices [s, s], partial when a third is `given`; None when one of them tells no pairs apart.

    Species of b are dealt anew, rows and columns together (for the partial: the first method of Legendre 2000, J. Stat. Comput. Simul. 67). `weights` [b, s]
    are multiplicities of species; pairs of a species with itself do not count.
    """
    x, y = standardised(a), standardised(b)
    z = None if given is None else standardised(given)
    if x is None or y is None or (given is not None and z is None):
        return None
    orders = [rng.permutation(len(x)) for _ in range(permutations)]
    values = [associate(x, dealt, z) for dealt in (y, *(y[np.ix_(o, o)] for o in orders))]
    replicates = np.zeros(0) if weights is None else _replicates(x, y, z, weights)
    return Association(float(values[0]), np.array(values[1:]), replicates)


def associate(x: Doubles, y: Doubles, z: Doubles | None) -> float:
    """The correlation of two standardised matrices, given a third: r_xy.z = (r_xy - r_xz r_yz) / sqrt((1 - r_xz^2)(1 - r_yz^2))."""
    r = float(np.vdot(x, y))
    if z is None:
        return r
    first, second = float(np.vdot(x, z)), float(np.vdot(y, z))
    return _partial(r, first, second)


def _partial(xy: float, xz: float, yz: float) -> float:
    left = (1 - xz**2) * (1 - yz**2)
    return (xy - xz * yz) / np.sqrt(left) if left > 1e-12 else np.nan


def _replicates(x: Doubles, y: Doubles, z: Doubles | None, weights: Doubles) -> Doubles:
    """The (partial) correlation in each replicate [b], pairs weighted by how often both species were drawn."""
    sides = [x, y] if z is None else [x, y, z]
    total = quadratic(weights, 1.0 - np.eye(len(x)))
    means = [quadratic(weights, side) / np.maximum(total, 1) for side in sides]

    def covariance(i: int, j: int) -> Doubles:
        return np.asarray(quadratic(weights, sides[i] * sides[j]) / np.maximum(total, 1) - means[i] * means[j])

    def correlation(i: int, j: int) -> Doubles:
        size = np.sqrt(np.maximum(covariance(i, i) * covariance(j, j), 0))
        return np.asarray(np.divide(covariance(i, j), size, out=np.full(len(size), np.nan), where=size > 1e-12))

    r = correlation(0, 1)
    if z is None:
        return r
    first, second = correlation(0, 2), correlation(1, 2)
    left = np.sqrt(np.maximum((1 - first**2) * (1 - second**2), 0))
    return np.asarray(np.divide(r - first * second, left, out=np.full(len(r), np.nan), where=left > 1e-6))


# ---- kinship and phylogenetic regression ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Kinship:
    """The expected covariance of a trait under Brownian motion along the taxonomy: covariance [s, s] with 1 on its diagonal, its eigenvalues [s] and
    eigenvectors [s, s]. `flat` when no two species share a branch: then kinship explains nothing and lambda cannot be told."""

    covariance: Doubles
    values: Doubles
    vectors: Doubles
    flat: bool

    def evolved(self, like: Doubles, strength: float, m: int, rng: np.random.Generator) -> Doubles:
        """m traits that evolved on this tree with Pagel's lambda `strength`, apart from each other and from all else: [s, m].

        Each has exactly the values of `like` [s], dealt in the order of a Brownian motion, so that skew and ties are those of the real trait.
        """
        scale = np.sqrt(np.maximum(strength * self.values + 1 - strength, 0))
        drawn = self.vectors @ (scale[:, None] * rng.standard_normal((len(like), m)))
        return np.asarray(np.sort(like)[np.argsort(np.argsort(drawn, axis=0), axis=0)])


def kinship(tree: Tree, taxa: Ints) -> Kinship:
    """The Kinship of these species [s], each once, with Grafen's (1989) branch lengths.

    A node stands as high as the number of the given species below it, less one, over s - 1; species share what lies above their last common ancestor.
    """
    s = len(taxa)
    paths = tree.ancestors[taxa]
    shared = np.zeros((s, s))
    for r in range(len(RANKS)):
        own = paths[:, r]
        same = (own[:, None] == own) & (own >= 0)
        shared = np.where(same, 1 - (same.sum(1) - 1)[:, None] / max(s - 1, 1), shared)
    np.fill_diagonal(shared, 1)
    values, vectors = np.linalg.eigh(shared)
    off = shared[~np.eye(s, dtype=bool)]
    return Kinship(shared, np.maximum(values, 0), vectors, bool(not len(off) or np.ptp(off) < 1e-9))


@dataclass(frozen=True, slots=True)
class Signal:
    """Pagel's lambda of a trait: 0 as if species were strangers, 1 as Brownian motion on the tree; its interval by the profile of the likelihood, and p
    against lambda = 0 (likelihood ratio, halved for the edge)."""

    strength: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, eq=False)
class Regression:
    """y on x across species, column by column [m]: slope, its standard error, t with s - 2 degrees of freedom, two-sided p, the partial correlation
    t / sqrt(t^2 + s - 2), and the lambda of the residuals."""

    slope: Doubles
    error: Doubles
    t: Doubles
    p: Doubles
    r: Doubles
    strength: Doubles


def signal(kin: Kinship, values: Doubles) -> Signal | None:
    """How much a trait [s] follows the tree; None when the kinship is flat or the trait constant."""
    if kin.flat or np.ptp(values) == 0:
        return None
    from scipy.special import chdtrc

    likelihood = _profile(kin, None, values[:, None])[0][:, 0]
    best = int(likelihood.argmax())
    inside = LAMBDAS[likelihood >= likelihood[best] - HALF_CHI2]
    ratio = 2 * (likelihood[best] - likelihood[0])
    p = 0.5 * float(chdtrc(1, ratio)) if ratio > 0 else 1.0
    return Signal(float(LAMBDAS[best]), float(inside.min()), float(inside.max()), p)


def pgls(kin: Kinship, x: Doubles, y: Doubles) -> Regression:
    """Phylogenetic generalised least squares of the columns of y [s, m] on those of x [s, m], lambda of the residuals by maximum likelihood.

    With a flat kinship this is ordinary least squares. The columns of x and y must not be constant, and s at least 4.
    """
    from scipy.special import stdtr

    likelihood, slope, error = _profile(kin, x, y)
    best = likelihood.argmax(0) if not kin.flat else np.zeros(y.shape[1], np.int64)
    own = np.arange(y.shape[1])
    b, se = slope[best, own], error[best, own]
    t = np.divide(b, se, out=np.zeros_like(b), where=se > 0)
    left = len(y) - 2
    p = 2 * stdtr(left, -np.abs(t))
    strength = np.full(len(own), np.nan) if kin.flat else LAMBDAS[best]
    return Regression(b, se, t, np.asarray(p), t / np.sqrt(t**2 + left), strength)


def _profile(kin: Kinship, x: Doubles | None, y: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """For every lambda the log-likelihood with all else at its best, the slope and its standard error: [l, m] each.

    In the eigenbasis of the kinship its covariance lambda C + (1 - lambda) I is diagonal, so each lambda costs a weighted sum.
    """
    s = len(y)
    weights = 1 / np.maximum(LAMBDAS[:, None] * kin.values + 1 - LAMBDAS[:, None], 1e-9)
    one, own = kin.vectors.sum(0)[:, None], kin.vectors.T @ y
    base, to_y = weights @ one**2, weights @ (one * own)
    left = weights @ own**2 - to_y**2 / base
    slope = error = np.zeros(left.shape)
    if x is not None:
        other = kin.vectors.T @ x
        to_x = weights @ (one * other)
        spread = weights @ other**2 - to_x**2 / base
        cross = weights @ (other * own) - to_x * to_y / base
        slope = cross / spread
        left = left - cross * slope
        error = np.sqrt(np.maximum(left, 0) / max(s - 2, 1) / spread)
    left = np.maximum(left, 1e-300)
    determinant = -np.log(weights).sum(1)[:, None]
    likelihood = -0.5 * (s * np.log(2 * np.pi * left / s) + determinant + s)
    return np.asarray(likelihood), np.asarray(slope), np.asarray(error)
