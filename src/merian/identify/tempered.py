"""Probabilities of every taxon where each rank has a temperature of its own: for heads small enough to hold a row over all taxa.

Down the tree, what a clade has is divided among what lies directly below it in proportion to their shares, each raised to the exponent of its rank
(`Calibration.ranks`): p(v) = p(u) s_v^a / sum_w s_w^a over the children w of u, with s_w = m_w / m_u of the masses m that plain roll-up gives. With exponents
of 1 that is the plain roll-up. A softmax at each node of a tree: Redmon & Farhadi 2017 (YOLO9000), section 4; one temperature each: Guo et al. 2017, 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.tree import RANKS, Tree
from merian.core.vectors import Clades
from merian.identify.calibrate import exponent, softmax

__all__ = ["Tempered", "fitted", "tempered"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
LEAST = 1e-30
"""A mass below this counts as this, where a logarithm is taken."""
MOST = 5_000
"""Validation images that exponents are fitted on at most."""


@dataclass(frozen=True, eq=False)
class Tempered:
    """Probabilities of any taxa, each one's own and that of all labels below it: `mass` [n, len(tree)]."""

    tree: Tree
    mass: Doubles

    def of(self, row: int, taxa: Ints) -> Doubles:
        """The probabilities [c] of `taxa` [c] for image `row`."""
        return np.asarray(self.mass[row, taxa])

    def path(self, row: int) -> list[tuple[int, float]]:
        """From the likeliest root down to the likeliest child, again and again."""
        path: list[tuple[int, float]] = []
        children = np.flatnonzero(self.tree.parent < 0)
        while len(children) and (mass := self.mass[row, children]).max() > 0:
            best = int(children[mass.argmax()])
            path.append((best, float(mass.max())))
            children = np.flatnonzero(self.tree.parent[best + 1 : int(self.tree.end[best])] == best) + best + 1
        return path


def tempered(clades: Clades, shares: npt.NDArray[np.floating], ranks: tuple[float, ...]) -> Doubles:
    """Masses `[n, len(tree)]` of all taxa, of plain probabilities `[n, t]` of the labels and an exponent a rank; plain sums where labels are nested."""
    tree, mass = clades.tree, clades.all(shares)
    if _nested(clades):
        return mass
    out, power = np.zeros_like(mass), np.array(ranks)[tree.rank]
    whole = shares.sum(1, dtype=np.float64)[:, None]
    for nodes in _levels(clades):
        above = tree.parent[nodes]
        root = bool(above[0] < 0)  # all of a level are, or none
        before, given = (whole, whole) if root else (mass[:, above], out[:, above])
        share = np.divide(mass[:, nodes], before, out=np.zeros((len(mass), len(nodes))), where=before > 0)
        share = share ** power[nodes]
        first = np.flatnonzero(np.diff(above, prepend=-2))
        total = np.repeat(np.add.reduceat(share, first, axis=1), np.diff(first, append=len(nodes)), axis=1)
        out[:, nodes] = given * np.divide(share, total, out=np.zeros_like(share), where=total > 0)
    return out


def fitted(
    clades: Clades, cosines: npt.NDArray[np.floating], right: npt.NDArray[np.integer], scale: float
) -> tuple[float, ...]:
    """The exponents with which the right child is likeliest among its siblings, rank by rank: `cosines [n, t]`, `right [n]` columns of the true labels.

    () when a label has another below it: its share is then no child's.
    """
    tree = clades.tree
    if _nested(clades):
        return ()
    mass, path = clades.all(softmax(scale * cosines[:MOST])), tree.ancestors[clades.labels[right[:MOST]]]
    children = {int(tree.parent[group[0]]): group for level in _levels(clades) for group in _families(tree, level)}
    found = []
    for rank in range(len(RANKS)):
        own: list[float] = []
        logs, of = [np.zeros(0)], [np.zeros(0, np.int64)]
        for image, taxon in enumerate(path[:, rank].tolist()):
            siblings = children[int(tree.parent[taxon])] if taxon >= 0 else ()
            if len(siblings) > 1:
                logs.append(np.log(np.maximum(mass[image, siblings], LEAST)))
                of.append(np.full(len(siblings), len(own), np.int64))
                own.append(logs[-1][np.searchsorted(siblings, taxon)])
        found.append(exponent(np.concatenate(logs), np.array(own), np.concatenate(of)))
    return tuple(found)


def _nested(clades: Clades) -> bool:
    labels = np.sort(clades.labels)
    return bool((clades.tree.end[labels[:-1]] > labels[1:]).any())


def _levels(clades: Clades) -> list[Ints]:
    """The taxa that have labels below or are labels, by their depth; siblings stand together."""
    held = np.sort(np.concatenate([clades.taxa(rank) for rank in RANKS]))
    depth = (clades.tree.ancestors[held] >= 0).sum(1)
    levels = [held[depth == d] for d in np.unique(depth)]
    return [level[np.argsort(clades.tree.parent[level], kind="stable")] for level in levels]


def _families(tree: Tree, level: Ints) -> list[Ints]:
    """Taxa of one depth, in groups of siblings."""
    return np.split(level, np.flatnonzero(np.diff(tree.parent[level])) + 1)
