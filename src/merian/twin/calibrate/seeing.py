"""What a state of a food web shows to cameras: labels expected of it, how they scatter, and what they teach of the confusion matrix.

A state is a row of columns: the logarithms of biomass (g m-2) of all species of the web; for each species that is photographed the logarithm of how far off
its exposure is; unless the matrix is exact, its shares but those of the last label; and, for a particle filter, how many photos each share has been seen in.

    photos of s     N_s ~ Poisson(m_s G_s),  G_s ~ Gamma(mean 1, variance v_s)      m_s: density times exposure, over all cameras
    labels          L_l ~ sum over s of multinomial parts of N_s by row s of C

Cameras that see more of a species see more of each of its labels, so labels vary together: v_s = sum E^2 / (k (sum E)^2) over cameras of exposure E, with k the
dispersion of counts at one camera. Filters take square roots of labels, whose variance depends little on their mean (Bartlett 1936).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.labels import dirichlet

__all__ = ["Look"]

ROOT = 0.375
"""Added to a count before its root is taken: the variance is then a quarter even of small Poisson counts (Anscombe 1948, doi:10.1093/biomet/35.3-4.246)."""
SWEEPS = 6
"""Rounds of the Gibbs sampler that shares out labels among species. A choice."""


@dataclass(frozen=True, eq=False)
class Look:
    """How states are looked at.

    `which` int64 [s]: the columns of biomass that belong to the species photographed, of `size` columns in all; `heads` [s]: animals km-2 of a g m-2;
    `lasting` [s]: the variance of a factor on the exposure that is drawn once and stays, of cameras that keep good or bad places (0 where None);
    `exposure` [t, s]: animals that one km-2 would bring before all cameras in each step; `together` [t, s]: v above; `weights` [s, l]: Dirichlet weights of
    the matrix's rows, or the matrix itself where it is `exact`. Labels that an exact matrix never gives are not looked at.
    """

    which: Integers
    size: int
    heads: Doubles
    exposure: Doubles
    together: Doubles
    weights: Doubles
    exact: bool = False
    lasting: Doubles | None = None

    def __post_init__(self) -> None:
        species = len(self.which)
        if self.heads.shape != (species,) or self.exposure.shape[1:] != (species,) or len(self.weights) != species:
            raise Mismatch("species, exposure and matrix", self.which.shape, (self.exposure.shape, self.weights.shape))
        if self.together.shape != self.exposure.shape:
            raise Mismatch("exposure and its scatter", self.exposure.shape, self.together.shape)
        for name, values in (("exposure", self.exposure), ("scatter", self.together), ("weights", self.weights)):
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise BadData(f"cameras, {name}", "is a number from 0 on")

    @property
    def used(self) -> npt.NDArray[np.bool_]:
        """Which labels are looked at: bool [l]."""
        return np.asarray(self.weights.sum(0) > 0)

    @property
    def _shares(self) -> slice:
        """The columns of the matrix's shares."""
        species, labels = self.weights.shape
        return slice(self.size + species, self.size + species + (0 if self.exact else species * (labels - 1)))

    @property
    def columns(self) -> int:
        """Columns of a state, without the photos that shares have been seen in."""
        return int(self._shares.stop)

    def begun(self, biomass: Doubles, off: npt.ArrayLike, rng: np.random.Generator, counted: bool = False) -> Doubles:
        """States [m, n] of logarithms of biomass [m, size]; exposures are off by normals of standard deviation `off` (of the logarithm) and by places that
        last, matrices are drawn from the weights; `counted` adds the columns that `learnt` needs."""
        species, labels = self.weights.shape
        members = len(biomass)
        lasting = np.zeros(species) if self.lasting is None else np.log1p(self.lasting)
        parts = [biomass, np.sqrt(np.asarray(off, float) ** 2 + lasting) * rng.standard_normal((members, species))]
        if not self.exact:
            gammas = rng.standard_gamma(self.weights, (members, species, labels))
            parts.append((gammas / gammas.sum(2, keepdims=True))[..., :-1].reshape(members, -1))
            if counted:
                parts.append(np.zeros((members, species * labels)))
        return np.concatenate(parts, 1)

    def matrix(self, states: Doubles) -> Doubles:
        """The matrix of each state: [m, s, l], rows summing to 1."""
        species, labels = self.weights.shape
        if self.exact:
            return np.broadcast_to(self.weights, (len(states), species, labels))
        shares = np.maximum(states[:, self._shares].reshape(len(states), species, labels - 1), 0.0)
        rows = np.concatenate([shares, np.maximum(1.0 - shares.sum(2, keepdims=True), 0.0)], 2)
        return np.asarray(rows / rows.sum(2, keepdims=True))

    def density(self, states: Doubles) -> Doubles:
        """Animals km-2 of the species photographed: [..., s]."""
        return np.asarray(np.exp(states[..., self.which]) * self.heads)

    def photos(self, states: Doubles, step: int) -> Doubles:
        """Photos expected over all cameras: [m, s]."""
        off = states[:, self.size : self.size + len(self.which)]
        return np.asarray(self.density(states) * np.exp(off) * self.exposure[step])

    def expected(self, states: Doubles, step: int) -> tuple[Doubles, Doubles]:
        """Mean [m, l] and covariance [m, l, l] of the labels of a step."""
        parts = self.photos(states, step)[:, :, None] * self.matrix(states)
        mean = parts.sum(1)
        apart = np.einsum("s,msl,msk->mlk", self.together[step], parts, parts)
        return mean, apart + mean[:, :, None] * np.eye(mean.shape[1])

    def root(self, labels: npt.ArrayLike) -> Doubles:
        """Square roots of the labels [..., l] that are looked at: [..., k]."""
        return np.asarray(np.sqrt(np.asarray(labels, float)[..., self.used] + ROOT))

    def predicted(self, states: Doubles, step: int) -> Doubles:
        """Square roots of the labels expected: [m, k]."""
        return self.root(self.expected(states, step)[0])

    def covariance(self, states: Doubles, step: int) -> Doubles:
        """Of square roots, by the slope of the root at the mean: [m, k, k]."""
        mean, spread = self.expected(states, step)
        slope = 2.0 * self.root(mean)
        whole = spread[:, self.used][:, :, self.used] + ROOT * np.eye(slope.shape[1])
        return np.asarray(whole / (slope[:, :, None] * slope[:, None, :]))

    def log_likelihood(self, states: Doubles, step: int, labels: npt.ArrayLike) -> Doubles:
        """Log density [m], but for a constant, of the labels [l] of a step: square roots as normals."""
        spread, away = self.covariance(states, step), self.root(labels) - self.predicted(states, step)
        chi = (away * np.linalg.solve(spread, away[..., None])[..., 0]).sum(1)
        return np.asarray(-0.5 * (chi + np.linalg.slogdet(spread)[1]))

    def learnt(self, states: Doubles, step: int, labels: Integers, key: draws.Key) -> Doubles:
        """States with matrices drawn anew from what each has seen: the labels [l] of the step are shared out among species, added to those of the steps
        before, and every row is drawn from its Dirichlet distribution.

        Copies of one state part again, so that a particle filter does not run out of matrices: what is carried along is what the matrix is known from, and not
        the matrix (Storvik 2002, doi:10.1109/78.978383; Fearnhead 2002). The states come from `begun` with `counted`.
        """
        if self.exact:
            return states
        species, kinds = self.weights.shape
        rng = stream(int(key[0]) | int(key[1]) << 32, "learnt")
        photos, matrix = self.photos(states, step), self.matrix(states)
        even = self.together[step] == 0
        shape = 1.0 / np.where(even, 1.0, self.together[step])
        factor = np.ones_like(photos)
        for _ in range(SWEEPS):
            chances = ((photos * factor)[:, :, None] * matrix).transpose(0, 2, 1) + 1e-300
            parts = rng.multinomial(labels, chances / chances.sum(2, keepdims=True))
            gammas = rng.standard_gamma(shape + parts.sum(1)) / (shape + photos)
            factor = np.where(even, 1.0, gammas)
        out = states.copy()
        out[:, self.columns : self.columns + species * kinds] += parts.transpose(0, 2, 1).reshape(len(states), -1)
        seen = out[:, self.columns : self.columns + species * kinds].reshape(-1, kinds)
        rows = dirichlet(np.tile(self.weights, (len(states), 1)) + seen, rng).reshape(len(states), species, kinds)
        out[:, self._shares] = rows[..., :-1].reshape(len(states), -1)
        return out
