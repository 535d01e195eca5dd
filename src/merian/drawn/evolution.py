"""How traits change along a phylogeny: Brownian motion, Ornstein-Uhlenbeck and Mk, each by its exact transition law.

Nodes come parent before child, so one pass down the arrays draws a whole history; any number of independent histories go
side by side in the columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merian.drawn.organism import Trait
from merian.drawn.phylogeny import Phylogeny

__all__ = ["PROBIT_SLOPE", "brownian", "evolve", "mk", "ornstein_uhlenbeck", "to_range"]

Floats = NDArray[np.float64]

PROBIT_SLOPE = 1.702
"""With this slope the logistic curve is the normal distribution function to within 0.0095 (Camilli 1994), so latent values of standard
deviation 1 spread evenly over a trait's range."""

OU_PULLS = 2.0
"""Pull of an Ornstein-Uhlenbeck trait times the age of its clade: memory of the root is exp(-2) at the tips. A matter of taste."""

MK_CHANGES = 1.6
"""Expected changes of a discrete trait from the root of a plan to a tip. A matter of taste."""


def brownian(tree: Phylogeny, rate: float, root: Floats, rng: np.random.Generator) -> Floats:
    """Values at the tips [n, k] of k Brownian motions that start at `root` [k]; the variance grows by `rate` per million years.

    Two tips covary by `rate` times the time they share since the root (Felsenstein 1985, Am. Nat. 125).
    """
    return _diffuse(tree, np.ones(len(tree.parent)), np.sqrt(rate * tree.branch_my()), root, rng)


def ornstein_uhlenbeck(tree: Phylogeny, pull: float, root: Floats, rng: np.random.Generator) -> Floats:
    """Values at the tips [n, k] of k Ornstein-Uhlenbeck processes about 0 with stationary variance 1, from `root` [k].

    `pull` is per million years; over a branch t the value shrinks by exp(-pull t) and gains variance 1 - exp(-2 pull t)
    (Hansen 1997, Evolution 51).
    """
    length = tree.branch_my()
    return _diffuse(tree, np.exp(-pull * length), np.sqrt(-np.expm1(-2.0 * pull * length)), root, rng)


def _diffuse(tree: Phylogeny, decay: Floats, spread: Floats, root: Floats, rng: np.random.Generator) -> Floats:
    values = rng.standard_normal((len(tree.parent), len(root)))
    values[0] = root
    for i in range(1, len(values)):
        values[i] = decay[i] * values[tree.parent[i]] + spread[i] * values[i]
    return values[-tree.n_tips :]


def mk(
    tree: Phylogeny, states: int, rate: float, root: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """States at the tips [n, k] of k characters with `states` equally likely states, from `root` [k]; `rate` changes per million years.

    P(same after t) = 1/s + (s-1)/s exp(-s rate t / (s-1)) for s states (Lewis 2001, Syst. Biol. 50).
    """
    if states < 2:
        return np.zeros((tree.n_tips, len(root)), dtype=np.int64)
    share = (states - 1) / states
    leave = -share * np.expm1(-rate * tree.branch_my() / share)
    value = np.empty((len(tree.parent), len(root)), dtype=np.int64)
    value[0] = root
    chance = rng.random(value.shape)
    step = rng.integers(1, states, value.shape)
    for i in range(1, len(value)):
        above = value[tree.parent[i]]
        value[i] = np.where(chance[i] < leave[i], (above + step[i]) % states, above)
    return value[-tree.n_tips :]


def evolve(trait: Trait, tree: Phylogeny, crown_my: float, own: float, rng: np.random.Generator) -> Floats:
    """One trait at the tips [n]: latent values (variance about 1 + own^2) if continuous, the indices of its states if discrete.

    `own` is the standard deviation of what each species has of its own, beyond its history (the complement of Pagel's lambda,
    Pagel 1999, Nature 401); it keeps young sister species apart.
    """
    if trait.states:
        start = rng.integers(0, len(trait.states), 1)
        return mk(tree, len(trait.states), MK_CHANGES / crown_my, start, rng)[:, 0].astype(np.float64)
    if trait.model == "OU":
        latent = ornstein_uhlenbeck(tree, OU_PULLS / crown_my, rng.standard_normal(1), rng)[:, 0]
    else:
        latent = brownian(tree, 1.0 / crown_my, np.zeros(1), rng)[:, 0]
    return latent + own * rng.standard_normal(len(latent))


def to_range(latent: Floats, trait: Trait) -> Floats:
    """Latent values of a continuous trait mapped into `[low, high]`, in the trait's own unit."""
    return trait.low + (trait.high - trait.low) / (1.0 + np.exp(-PROBIT_SLOPE * latent))
