"""How right answers are counted: at every rank, along the tree, by confidence, and for what is not in the vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.core.tree import RANKS, Tree

__all__ = ["Bins", "auroc", "bin_sums", "calibration_error", "paths", "reliability", "top_k", "tree_distance"]

Ints = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def paths(tree: Tree, taxa: npt.NDArray[np.integer]) -> Ints:
    """The ancestor (or itself) of each taxon at each rank, [n, 7] int32, -1 where it has none; a taxon of -1 has none at all."""
    if not len(tree):
        return np.full((len(taxa), len(RANKS)), -1, np.int32)
    return np.where(taxa[:, None] >= 0, tree.ancestors[taxa], -1).astype(np.int32)


def tree_distance(tree: Tree, truth: npt.NDArray[np.integer], guess: npt.NDArray[np.integer]) -> Ints:
    """How many ranks one must climb from each true taxon to reach an ancestor of the guess: 0 (right) to 7, int32 [n].

    Ranks that the true lineage lacks are no steps. This is the height of the lowest common ancestor (Deng et al., ECCV 2010).
    """
    true, guessed = paths(tree, truth), paths(tree, guess)
    return np.asarray(((true >= 0) & (true != guessed)).sum(1), np.int32)


def top_k(ranked: Ints, truth: Ints) -> Bools:
    """Whether the truth [n] is among the guesses `ranked` [n, k]: bool [n]."""
    return np.asarray((ranked == truth[:, None]).any(1) & (truth >= 0))


def auroc(positive: npt.NDArray[np.floating], negative: npt.NDArray[np.floating]) -> float:
    """The chance that a positive case scores above a negative one, ties counted half (Mann & Whitney 1947).

    Raises BadData when one of the two is empty.
    """
    if not len(positive) or not len(negative):
        raise BadData("AUROC", f"needs both kinds of cases, and got {len(positive)} and {len(negative)}")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.sum() / (2.0 * len(positive) * len(negative)))


@dataclass(frozen=True, eq=False)
class Bins:
    """A reliability diagram: per bin (edges [b + 1]) how many answers, their mean probability, and the share that is right."""

    edges: Doubles
    counts: Doubles
    confidence: Doubles
    accuracy: Doubles

    @property
    def error(self) -> float:
        """The expected calibration error: the mean gap between probability and share right, weighted by the bins' counts."""
        return float(
            np.average(np.abs(self.confidence - self.accuracy), weights=self.counts) if self.counts.sum() else 0.0
        )


def bin_sums(confidence: npt.NDArray[np.floating], right: Bools, bins: int) -> Doubles:
    """Per answer what it adds to each bin's count, probability and right answers: [n, 3 * bins], to be summed with any weights."""
    place = np.clip(np.ceil(np.asarray(confidence, np.float64) * bins).astype(np.int64) - 1, 0, bins - 1)
    table = np.zeros((len(place), 3, bins))
    rows = np.arange(len(place))
    table[rows, 0, place] = 1
    table[rows, 1, place] = confidence
    table[rows, 2, place] = right
    return table.reshape(len(place), 3 * bins)


def calibration_error(sums: Doubles) -> Doubles:
    """The expected calibration error of each row of summed `bin_sums` [..., 3 * bins]: [...] (Guo et al. 2017, eq. 3)."""
    table = sums.reshape(*sums.shape[:-1], 3, -1)
    total = table[..., 0, :].sum(-1)
    gap = np.abs(table[..., 1, :] - table[..., 2, :]).sum(-1)
    return np.asarray(np.divide(gap, total, out=np.zeros_like(gap), where=total > 0))


def reliability(confidence: npt.NDArray[np.floating], right: Bools, bins: int = 10) -> Bins:
    """The reliability diagram of answers with a `confidence` [n] in [0, 1] that are `right` [n] or not; bins are (low, high]."""
    count, probability, correct = bin_sums(confidence, right, bins).sum(0).reshape(3, bins)
    filled = np.maximum(count, 1)
    return Bins(np.linspace(0, 1, bins + 1), count, probability / filled, correct / filled)
