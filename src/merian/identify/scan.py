"""One pass over a head of any size: the best taxa, and every rank at once, without a row per image over all labels.

Labels stand in the Tree's preorder and are read a block at a time. Of each block remain the k best and, for each *unit*, a sum: a unit is a run of labels that
no clade above the species splits, so that each clade is a run of units and each coarser rank one segment sum over them. Sums of exponentials are kept relative
to a running reference, as in a streaming softmax (Milakov & Gimelshein 2018, arXiv:1805.02867). A row's numbers do not depend on the other rows.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.core.tree import RANKS, Tree, rank_number
from merian.encode.cosines import Cosines
from merian.encode.tensors import release
from merian.identify.calibrate import Calibration

__all__ = ["BLOCK", "SPECIES", "Found", "Pass", "Plan", "scan", "sweep"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
BLOCK = 32_768
"""Labels read at a time: 50 MB of 768 numbers in float16."""
ROOM = 20.0
"""How far a logit may rise above its row's reference before the sums are brought down: e^20 is far from float32's end."""
LARGE = 2**28
"""Bytes of labels from which the memory of a block that is mapped is given back when it was read: another pass finds it in the system's cache."""
FIRST = 64
"""Labels that are looked at beforehand, for a reference to begin with."""
LOWEST = -3.0
"""Below every cosine."""
SPECIES = RANKS.index("species")


@dataclass(frozen=True, eq=False)
class Plan:
    """Where clades lie among `labels` [t], taxa of `tree` in preorder, each once. Made once for a head."""

    tree: Tree
    labels: Ints

    def __post_init__(self) -> None:
        if len(self.labels) and not bool(np.all(np.diff(self.labels) > 0)):
            raise BadData("labels", "a taxon must be a label only once, and labels stand in the order of the tree")

    @functools.cached_property
    def _runs(self) -> tuple[Places, dict[int, tuple[Ints, Places, Places]]]:
        """Where units start among the labels; and for each rank above the species its taxa, and each one's first and last + 1 unit."""
        bounds: dict[int, tuple[Ints, Places, Places]] = {}
        for r in range(SPECIES):
            taxa = np.flatnonzero(self.tree.rank == r).astype(np.int32)
            low, high = np.searchsorted(self.labels, taxa), np.searchsorted(self.labels, self.tree.end[taxa])
            held = high > low
            bounds[r] = taxa[held], low[held], high[held]
        edges = [np.zeros(1, np.int64), *(side for _, *sides in bounds.values() for side in sides)]
        starts = np.unique(np.concatenate(edges))
        starts = starts[starts < len(self.labels)] if len(self.labels) else starts[:0]
        places = {
            r: (taxa, np.searchsorted(starts, low), np.searchsorted(starts, high))
            for r, (taxa, low, high) in bounds.items()
        }
        return starts, places

    @property
    def starts(self) -> Places:
        """The first label of each unit."""
        return self._runs[0]

    @functools.cached_property
    def is_species(self) -> npt.NDArray[np.bool_]:
        """Which labels [t] are species."""
        return np.asarray(self.tree.rank[self.labels] == SPECIES)

    def at(self, rank: int, sums: Floats) -> tuple[Ints, Doubles]:
        """The taxa [c] of a rank above the species, and the sums [n, c] of their units' `sums` [n, u]."""
        taxa, low, high = self._runs[1][rank]
        if not len(taxa):
            return taxa, np.zeros((len(sums), 0))
        edges = np.stack([low, high], 1).ravel()
        edges = edges[:-1] if edges[-1] == sums.shape[1] else edges
        return taxa, np.asarray(np.add.reduceat(sums, edges, axis=1, dtype=np.float64)[:, ::2])


@dataclass(frozen=True, eq=False)
class Found:
    """Per image: the k best taxa of a rank (-1 where there are fewer) and their probabilities, best first; the deepest safe taxon; the chance of none."""

    taxa: Ints
    """`[n, k]`"""
    probabilities: Floats
    """`[n, k]`"""
    safe: Ints
    """`[n]`, -1 for none."""
    safe_probability: Floats
    """`[n]`"""
    unknown: Floats
    """`[n]`"""
    inside: Floats
    """`[n]`: of the probability over all labels, the share of those that were allowed."""


def scan(
    vectors: Floats,
    held: npt.NDArray[Any],
    plan: Plan,
    calibration: Calibration,
    rank: str = "species",
    k: int = 5,
    threshold: float = 0.8,
    allowed: npt.NDArray[np.bool_] | None = None,
) -> Found:
    """What is Found for `vectors` [n, d] unit rows among the labels of `plan`, whose unit rows `held` [t, d] are of any floating type, mapped or in memory.

    `allowed` [t] leaves some labels only: probabilities are then among these, and `inside` tells how much of all probability they have.
    """
    if not 0.5 < threshold <= 1:
        raise BadData("threshold", f"{threshold} must be above 0.5 and at most 1")
    return sweep(vectors, held, plan, calibration.scale, k, allowed).found(calibration, rank_number(rank), threshold)


def sweep(
    vectors: Floats,
    held: npt.NDArray[Any],
    plan: Plan,
    scale: float,
    k: int = 5,
    allowed: npt.NDArray[np.bool_] | None = None,
) -> Pass:
    """The Pass of `vectors` over all labels; see `scan`."""
    pass_ = Pass(vectors, plan, scale, k, allowed)
    size = -(
        -len(plan.labels) // max(1, -(-len(plan.labels) // BLOCK))
    )  # blocks of equal size, none of a few labels only
    for start in range(0, len(plan.labels), max(1, size)):
        rows = held[start : start + size]
        pass_.block(start, rows)
        if held.nbytes > LARGE:
            release(rows)
    return pass_


class Pass:
    """What is kept while the labels go by: `sums` [n, u] of exponentials a unit, relative to `reference` [n], and the `best` [n, k] species."""

    def __init__(
        self, vectors: Floats, plan: Plan, scale: float, k: int, allowed: npt.NDArray[np.bool_] | None
    ) -> None:
        n = len(vectors)
        self.vectors, self.plan, self.scale, self.k, self.allowed = vectors, plan, np.float32(scale), k, allowed
        self.compare = Cosines(vectors, scale)
        self.reference = np.full(n, LOWEST, np.float32)
        self.sums = np.zeros((n, len(plan.starts)), np.float32)
        self.every = np.zeros(n)
        self.best = np.full((n, k), -np.inf, np.float32)
        self.place = np.full((n, k), -1, np.int64)
        self.nearest = np.full(n, -np.inf, np.float32)

    def block(self, start: int, held: npt.NDArray[Any]) -> None:
        """Labels `start` ... with their rows `held` [b, d]."""
        if start == 0:
            self._refer(self.compare(held[:FIRST], self.reference)[0].max(1, initial=-np.inf))
        cosines, odds = self.compare(held, self.reference)
        highest = cosines.max(1, initial=-np.inf)
        up = self._refer(highest)
        if up.any():
            cosines, odds = self.compare.again(held, self.reference, up)
        stop = start + len(held)
        allowed = None if self.allowed is None else self.allowed[start:stop]
        if allowed is not None:
            self.every += odds.sum(1, dtype=np.float64)
            if not allowed.any():
                return
            odds = odds * allowed
            cosines = np.where(allowed, cosines, np.float32(-np.inf))
            highest = cosines.max(1, initial=-np.inf)
        self.nearest = np.maximum(self.nearest, highest)
        first, last = np.searchsorted(self.plan.starts, (start, stop - 1), "right") - 1
        edges = np.maximum(self.plan.starts[first : last + 1] - start, 0)
        self.sums[:, first : last + 1] += np.add.reduceat(odds, edges, axis=1)
        self._keep(start, cosines, highest)

    def _refer(self, highest: Floats) -> npt.NDArray[np.bool_]:
        """Raise the reference of rows that a logit is about to leave behind; which [n] these are."""
        up = np.asarray(self.scale * (highest - self.reference) > ROOM)
        down = np.exp(self.scale * (self.reference[up] - highest[up]))
        self.sums[up] *= down[:, None]
        self.every[up] *= down
        self.reference[up] = highest[up]
        return up

    def _keep(self, start: int, cosines: Floats, highest: Floats) -> None:
        """The k best species so far; of equal ones the first."""
        species = self.plan.is_species[start : start + cosines.shape[1]]
        if not species.all():
            cosines = np.where(species, cosines, np.float32(-np.inf))
            highest = cosines.max(1, initial=-np.inf)
        for row in np.flatnonzero(highest > self.best[:, -1]):
            bound = self.best[row, -1]
            if bound == -np.inf and cosines.shape[1] > self.k:  # nothing is held: most of a block would be sorted
                new = np.flatnonzero(cosines[row] >= np.partition(cosines[row], -self.k)[-self.k])
            else:
                new = np.flatnonzero(cosines[row] > bound)
            value = np.concatenate([self.best[row], cosines[row, new]])
            order = np.argsort(-value, kind="stable")[: self.k]  # those that are held came before
            place = np.where(value > -np.inf, np.concatenate([self.place[row], new + start]), -1)
            self.best[row], self.place[row] = value[order], place[order]

    def known(self, calibration: Calibration) -> Doubles:
        """The chance [n] that it is one of the labels."""
        some = self.sums.any(1)
        return np.where(some, calibration.known(np.where(some, self.nearest, -1.0)), 0.0)

    def share(self, calibration: Calibration) -> Doubles:
        """What makes a sum of exponentials a probability [n]."""
        total = self.sums.sum(1, dtype=np.float64)
        return self.known(calibration) / np.where(total > 0, total, 1.0)

    def found(self, calibration: Calibration, rank: int, threshold: float) -> Found:
        """Probabilities of what was kept."""
        n, total = len(self.vectors), self.sums.sum(1, dtype=np.float64)
        some = total > 0
        known, share = self.known(calibration), self.share(calibration)[:, None]
        taxa, chances = np.full((n, self.k), -1, np.int32), np.zeros((n, self.k), np.float32)
        safe, sure = np.full(n, -1, np.int32), np.zeros(n, np.float32)
        for r in range(rank + 1):
            names, odds = self._best(r, self.k if r == rank else 1)
            best = odds * share
            if r == rank:
                taxa[:, : names.shape[1]], chances[:, : names.shape[1]] = names, best
            if names.shape[1]:
                reached = (best[:, 0] >= threshold) & (names[:, 0] >= 0)
                safe[reached], sure[reached] = names[reached, 0], best[reached, 0]
        inside = some.astype(float) if self.allowed is None else total / np.where(some, self.every, 1.0)
        return Found(taxa, chances, safe, sure, np.clip(1 - known, 0, 1).astype(np.float32), inside.astype(np.float32))

    def _best(self, rank: int, k: int) -> tuple[Ints, Doubles]:
        """The up to `k` likeliest taxa of a rank, best first (-1 where there are fewer), and their sums relative to the reference."""
        if rank == SPECIES:
            held = self.place >= 0
            odds = np.exp(np.where(held, self.scale * (self.best - self.reference[:, None]), -np.inf))
            names = self.plan.labels[self.place] if len(self.plan.labels) else np.zeros_like(self.place, np.int32)
            return np.where(held, names, -1).astype(np.int32)[:, :k], odds.astype(np.float64)[:, :k]
        columns, mass = self.plan.at(rank, self.sums)
        order = _highest(mass, min(k, mass.shape[1]))
        mass = np.take_along_axis(mass, order, 1)
        return np.where(mass > 0, columns[order], -1).astype(np.int32), mass


def _highest(values: npt.NDArray[np.floating], k: int) -> Places:
    """The columns `[n, k]` of the k highest values [n, c] of each row, highest first, of equal ones the first."""
    width = values.shape[1]
    if k == 1 and width:
        return np.asarray(np.argmax(values, axis=1)[:, None])
    if width <= 8 * k or not len(values):
        return np.argsort(-values, axis=1, kind="stable")[:, :k]
    least = np.partition(values, width - k, axis=1)[:, width - k]
    found = np.empty((len(values), k), np.int64)
    for row, bound in enumerate(least):
        places = np.flatnonzero(values[row] >= bound)
        found[row] = places[np.argsort(-values[row, places], kind="stable")[:k]]
    return found
