"""The way down the tree: the likeliest root, of what lies below it the likeliest, and so on, with a probability at each step.

All is read from the sums of one Pass over the labels; only of the clade that the way ends in are the cosines of the species computed again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.tree import Tree
from merian.encode.cosines import Cosines
from merian.identify.calibrate import Calibration
from merian.identify.scan import SPECIES, Pass

__all__ = ["Masses"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


class Masses:
    """Probabilities of any taxa, each one's own and that of all labels below it, after a Pass over labels with rows `held` [t, d]."""

    def __init__(self, passed: Pass, held: npt.NDArray[Any], calibration: Calibration) -> None:
        self.passed, self.held, self.plan = passed, held, passed.plan
        self.share = passed.share(calibration)
        sums = np.cumsum(passed.sums, axis=1, dtype=np.float64)
        self.until = np.concatenate([np.zeros((len(sums), 1)), sums], 1)

    def of(self, row: int, taxa: Ints) -> Doubles:
        """The probabilities [c] of `taxa` [c] for image `row`. Many species at once should be near each other: what lies between is computed too."""
        tree, labels, starts = self.plan.tree, self.plan.labels, self.plan.starts
        low, high = np.searchsorted(labels, taxa), np.searchsorted(labels, tree.end[taxa])
        first, last = (np.searchsorted(starts, edge) for edge in (low, high))
        odds = self.until[row, last] - self.until[row, first]
        species = tree.rank[taxa] == SPECIES  # a unit may hold many of these
        odds[species] = 0.0
        here = np.flatnonzero(species & (high > low))
        if len(here):
            start, stop = int(low[here].min()), int(low[here].max()) + 1
            each = Cosines(self.passed.vectors[row : row + 1], float(self.passed.scale))
            found = each(self.held[start:stop], self.passed.reference[row : row + 1])[1][0]
            odds[here] = found[low[here] - start]
            if self.passed.allowed is not None:
                odds[here] *= self.passed.allowed[low[here]]
        return np.asarray(np.maximum(odds, 0.0) * self.share[row])

    def path(self, row: int) -> list[tuple[int, float]]:
        """From the likeliest root down to the likeliest child, again and again: one lineage, on which every safe taxon lies."""
        tree = self.plan.tree
        path: list[tuple[int, float]] = []
        candidates = np.flatnonzero(tree.parent == -1).astype(np.int32)
        while len(candidates):
            mass = self.of(row, candidates)
            best = int(np.argmax(mass))
            if mass[best] <= 0:
                break
            path.append((int(candidates[best]), float(mass[best])))
            candidates = _children(tree, int(candidates[best]))
        return path


def _children(tree: Tree, taxon: int) -> Ints:
    below = tree.parent[taxon + 1 : int(tree.end[taxon])]
    return (np.flatnonzero(below == taxon) + taxon + 1).astype(np.int32)
