"""Leaving out species, whole genera, whole families: what is predicted for them, and the mean of their nearest known relatives beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.explore.impute.nest import Nest
from merian.explore.impute.process import Components, Design, fit, predict

__all__ = [
    "DEEPEST",
    "PLURAL",
    "LeftOut",
    "at_level",
    "dealt",
    "deepest_of",
    "leave_out",
    "level_of",
    "relatives",
    "schemes",
]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
DEEPEST = "order"
"""No closer relative than one of the order: then nothing is said. Clades up to the next finer rank are left out."""

ABOVE = ("class", "phylum", "kingdom")
PLURAL = {"species": "species", "genus": "genera", "family": "families"}


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Predictions for the n known species, each made without its clade of the scheme, and by the same models for the u unknown ones.

    scheme: species, or the rank of the clades left out; groups [n] those clades, folds [n]; mean and sd [n, m]; base [n, m] the mean of the nearest
    known relatives that were left in, nearest [n] their rank as a column of the nest; others_mean and others_sd [k, u, m] for the unknown species by the
    model of each fold; components, those of each fold.
    """

    scheme: str
    groups: Ints
    folds: Ints
    mean: Doubles
    sd: Doubles
    base: Doubles
    nearest: Ints
    others_mean: Doubles
    others_sd: Doubles
    components: tuple[Components, ...]


def schemes(nest: Nest) -> Iterator[tuple[str, Ints]]:
    """What is left out, with the group [n] of every species: each species, each genus ... up to the rank below the order, as far as the nest has them."""
    yield "species", np.arange(len(nest))
    for k, rank in enumerate(nest.ranks):
        if rank in (DEEPEST, *ABOVE):
            return
        yield rank, nest.group[:, k]


def deepest_of(nest: Nest) -> int:
    """How many ranks of the nest, from the finest, count as relatives: up to the order, or, where it has no order, all below the class."""
    if DEEPEST in nest.ranks:
        return nest.ranks.index(DEEPEST) + 1
    return next((k for k, rank in enumerate(nest.ranks) if rank in ABOVE), len(nest.ranks))


def level_of(scheme: str, nest: Nest) -> int:
    """The rank, as a column of the nest, of the nearest relatives that a scheme leaves in: the next one coarser than what it leaves out."""
    return 0 if scheme == "species" else nest.ranks.index(scheme) + 1


def at_level(left: LeftOut, nest: Nest) -> Flags:
    """Which left-out species [n] stand for new ones: those whose nearest relative that was left in is of the scheme's rank."""
    return np.asarray(left.nearest == level_of(left.scheme, nest))


def dealt(groups: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Folds [n] of whole groups dealt at random: `count` of them, or as many as there are groups. Folds hold equally many groups, give or take one."""
    names, of = np.unique(groups, return_inverse=True)
    place = rng.permutation(len(names))
    return np.asarray(place[of] % min(count, len(names)))


def relatives(nest: Nest, y: Doubles, known: Flags) -> tuple[Doubles, Ints]:
    """The mean [n, m] of y over the known species of the finest clade that has any, and that clade's rank [n] as a column of the nest.

    Without any the mean of all, and len(ranks). A species that is itself known counts among its relatives.
    """
    mean = np.repeat(y[known].mean(0)[None], len(nest), 0)
    depth = np.full(len(nest), len(nest.ranks), np.int64)
    held = np.where(known[:, None], y, 0.0)
    for r in reversed(range(len(nest.ranks))):
        start, group = nest.first[r], nest.group[:, r]
        counts = np.add.reduceat(known.astype(np.int64), start)
        has = counts[group] > 0
        sums = np.add.reduceat(held, start, axis=0) / np.maximum(counts, 1)[:, None]
        mean[has], depth[has] = sums[group[has]], r
    return mean, depth


def leave_out(design: Design, y: Doubles, known: Flags, scheme: tuple[str, Ints], folds: Ints) -> LeftOut:
    """The LeftOut of one scheme (`schemes`) in `folds` [n]: of y [n, m], known for the species in `known`; variances are estimated in every fold.

    design, y, known and the scheme's groups are over all species; what comes back is over the known ones, and over the others.
    """
    nest, m = design.nest, y.shape[1]
    rows, names = np.flatnonzero(known), np.unique(folds)
    if len(names) < 2:
        raise BadData(scheme[0], "all known species are in one clade of this rank")
    mean, sd, base = (np.empty((len(rows), m)) for _ in range(3))
    nearest = np.empty(len(rows), np.int64)
    others_mean, others_sd = (np.empty((len(names), int((~known).sum()), m)) for _ in range(2))
    found = []
    for k, fold in enumerate(names):
        out = folds == fold
        left = known.copy()
        left[rows[out]] = False
        components = fit(design.take(left), y[left])
        told = predict(design, y, left, components)
        simple, depth = relatives(nest, y, left)
        mean[out], sd[out] = told.mean[rows[out]], told.sd[rows[out]]
        base[out], nearest[out] = simple[rows[out]], depth[rows[out]]
        others_mean[k], others_sd[k] = told.mean[~known], told.sd[~known]
        found.append(components)
    place = np.searchsorted(names, folds)
    groups = scheme[1][rows]
    return LeftOut(scheme[0], groups, place, mean, sd, base, nearest, others_mean, others_sd, tuple(found))
