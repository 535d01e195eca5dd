"""How well the vectors follow the taxonomy: over all pairs of species, rank by rank, and by triplets, which need no dendrogram.

A pair's tree distance is the number of ranks up to the deepest taxon that both share. Correlations over all pairs are led by the oldest splits; so each rank is
also asked by itself, among relatives of the next rank, and triplets (which two of three species are closer?) are told apart by the rank where they part.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from merian.core.tree import RANKS, Tree
from merian.explore.axes import mean_ranks
from merian.explore.emergence.relations import quadratic

__all__ = ["Closer", "Level", "Triplets", "closer", "levels", "meeting", "triplets"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Masks = npt.NDArray[np.bool_]
BLOCK = 64
"""Replicates whose triplet weights are in memory at once."""


def meeting(steps: int) -> str:
    """What the deepest taxon is called that two species at this tree distance share: "genus" for 1, "none" for 7."""
    return "none" if steps >= len(RANKS) else RANKS[len(RANKS) - 1 - steps]


@dataclass(frozen=True, eq=False)
class Level:
    """Pairs of species whose deepest shared taxon is of one rank ("none": they share none): how many, and their mean cosine with replicates [b]."""

    rank: str
    pairs: int
    similarity: float
    replicates: Doubles


def levels(steps: Ints, similarity: Doubles, weights: Doubles) -> list[Level]:
    """The mean similarity [s, s] of the pairs at each tree distance [s, s], nearest relatives first; `weights` [b, s] are multiplicities of species."""
    found = []
    for step in range(1, len(RANKS) + 1):
        here = steps == step
        if not here.any():
            continue
        total = quadratic(weights, here)
        sums = quadratic(weights, np.where(here, similarity, 0))
        replicates = np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0)
        found.append(Level(meeting(step), int(here.sum()) // 2, float(similarity[here].mean()), np.asarray(replicates)))
    return found


@dataclass(frozen=True, eq=False)
class Closer:
    """Among pairs of species that share a taxon of the rank above: the chance that a pair within a taxon of `rank` is closer than a pair across two
    (an AUROC, 0.5 by chance), with replicates [b] and its values when species are dealt anew within the taxa above [p]. `within`, `across`: pairs."""

    rank: str
    value: float
    within: int
    across: int
    replicates: Doubles
    null: Doubles


def closer(
    tree: Tree, taxa: Ints, gaps: Doubles, weights: Doubles, rng: np.random.Generator, permutations: int = 199
) -> list[Closer]:
    """Rank by rank, kingdom first, whether the vectors' distances [s, s] set its taxa apart; ranks without both kinds of pairs are left out.

    `weights` [b, s] are multiplicities of species. Species that lack the rank are not asked about.
    """
    paths = tree.ancestors[taxa]
    found = []
    above = np.full(len(taxa), -1)
    for r, rank in enumerate(RANKS[:-1]):
        if r:
            # where a rank is missing the next one above it stands in
            above = np.where(paths[:, r - 1] >= 0, paths[:, r - 1], above)
        known = np.flatnonzero(paths[:, r] >= 0)
        own, over = paths[known, r], above[known]
        upper = np.triu(over[:, None] == over, 1)
        inside, outside = upper & (own[:, None] == own), upper & (own[:, None] != own)
        if not inside.any() or not outside.any():
            continue
        near, placed = _placements(gaps[np.ix_(known, known)], inside, outside)
        drawn = weights[:, known]
        parts = []
        for kind in (inside, outside):
            both = kind | kind.T
            total = quadratic(drawn, both)
            mean = quadratic(drawn, np.where(both, placed, 0))
            parts.append(np.divide(mean, total, out=np.full(len(total), np.nan), where=total > 0))
        value = float(placed[inside].mean())
        null = [_dealt(near, over, inside, outside, rng) for _ in range(permutations)]
        pairs = int(inside.sum()), int(outside.sum())
        found.append(Closer(rank, value, *pairs, np.asarray(parts[0] + parts[1] - value), np.array(null)))
    return found


def _placements(gaps: Doubles, inside: Masks, outside: Masks) -> tuple[Doubles, Doubles]:
    """The rank of each pair, the closest highest, and its placement: for a pair inside the share of pairs outside that are farther, and the other way
    round; both symmetric [s, s]. The mean placement of either kind is the AUROC, whose first-order expansion they are (DeLong et al. 1988, Biometrics 44)."""
    near, placed = np.zeros(gaps.shape), np.zeros(gaps.shape)
    either = inside | outside
    near[either] = mean_ranks(-gaps[either])
    placed[inside] = (near[inside] - mean_ranks(-gaps[inside])) / outside.sum()
    placed[outside] = 1 - (near[outside] - mean_ranks(-gaps[outside])) / inside.sum()
    return near + near.T, placed + placed.T


def _dealt(near: Doubles, above: Ints, inside: Masks, outside: Masks, rng: np.random.Generator) -> float:
    """The AUROC when species change places within the taxa above."""
    order = np.argsort(above, kind="stable")
    moved = np.empty(len(above), np.int64)
    moved[order] = np.lexsort((rng.random(len(above)), above))
    ranks = near[np.ix_(moved, moved)][inside]
    w, a = len(ranks), int(outside.sum())
    return float((ranks.sum() - w * (w + 1) / 2) / (w * a))


@dataclass(frozen=True, eq=False)
class Triplets:
    """Triplets of species whose kinship the taxonomy resolves: rows [t, 3] of a pair of nearer relatives and the third, and where the third parts from
    them: the tree distance to it [t]. `every`: these are all there are, not a sample."""

    rows: npt.NDArray[np.int64]
    apart: npt.NDArray[np.int64]
    every: bool

    def agree(self, gaps: Doubles) -> Doubles:
        """1 where the pair is closer in the distances [s, s] than either is to the third, else 0; a tie is shared: [t]. By chance a third."""
        a, b, c = self.rows.T
        pair, first, second = gaps[a, b], gaps[a, c], gaps[b, c]
        least = np.minimum(pair, np.minimum(first, second))
        alike = (pair == least).astype(np.float64) + (first == least) + (second == least)
        return np.asarray(np.where(pair == least, 1 / alike, 0.0))

    def replicates(self, agreed: Doubles, weights: Doubles) -> Doubles:
        """The share of triplets that agree [t] in each replicate [b]; a triplet counts as often as its three species were drawn together."""
        a, b, c = self.rows.T
        parts = []
        for start in range(0, len(weights), BLOCK):
            w = weights[start : start + BLOCK]
            together = w[:, a] * w[:, b] * w[:, c]
            total = together.sum(1)
            parts.append(np.divide(together @ agreed, total, out=np.full(len(w), np.nan), where=total > 0))
        return np.concatenate(parts)

    def at(self, apart: int) -> Triplets:
        """Those whose third species parts at one tree distance."""
        here = self.apart == apart
        return Triplets(self.rows[here], self.apart[here], self.every)


def triplets(steps: Ints, most: int, rng: np.random.Generator) -> Triplets:
    """All resolved triplets of the species with these tree distances [s, s], or those among `most` drawn ones where there are more."""
    s = len(steps)
    every = comb(s, 3) <= most
    if every:
        rows = np.array(list(combinations(range(s), 3)), np.int64).reshape(-1, 3)
    else:
        rows = rng.integers(s, size=(most, 3))
        rows = rows[(rows[:, 0] != rows[:, 1]) & (rows[:, 0] != rows[:, 2]) & (rows[:, 1] != rows[:, 2])]
    a, b, c = rows.T
    sides = np.stack([steps[a, b], steps[a, c], steps[b, c]], 1)
    order = np.sort(sides, 1)
    resolved = order[:, 0] < order[:, 1]
    nearest = sides.argmin(1)
    # the pair of the nearest two first: ab | c, ac | b, bc | a
    turned = np.array([[0, 1, 2], [0, 2, 1], [1, 2, 0]])[nearest]
    rows = np.take_along_axis(rows, turned, 1)[resolved]
    return Triplets(rows, order[resolved, 1].astype(np.int64), every)
