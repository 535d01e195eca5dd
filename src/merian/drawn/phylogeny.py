"""Phylogenies of living species, simulated under the birth-death process, as parent-before-child arrays.

The tree of the living is a coalescent point process (Lambert & Stadler 2013, Theor. Popul. Biol. 90; Gernhard 2008, J. Theor. Biol. 253): put the
tips in a row, and the ages of the common ancestors of neighbours are independent draws from one law. So a tree of n tips is
`n - 1` numbers, every clade is a run of tips, and no lineage that dies out is ever simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Phylogeny", "birth_death_depths", "from_depths", "node_age_cdf"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Phylogeny:
    """A dated, ultrametric, bifurcating tree of m nodes and n tips; the tips are the last n nodes, in their row.

    `parent[i] < i` (the root has -1); `age_my[i]` is the age of node i in million years before present (tips: 0).
    `depth_my[j]` is the age of the common ancestor of tips j and j + 1, from which everything else follows.
    """

    parent: NDArray[np.int32]
    age_my: Floats
    depth_my: Floats

    @property
    def n_tips(self) -> int:
        """The number of living species."""
        return len(self.depth_my) + 1

    def branch_my(self) -> Floats:
        """Length of the branch above each node [m], million years; the root's is 0."""
        above = np.where(self.parent >= 0, self.parent, 0)
        return np.asarray(self.age_my[above] - self.age_my, dtype=np.float64)

    def divergence_my(self) -> Floats:
        """Age of the common ancestor of every two tips [n, n], million years; 0 on the diagonal."""
        n = self.n_tips
        ages = np.zeros((n, n))
        for i in range(n - 1):
            ages[i, i + 1 :] = np.maximum.accumulate(self.depth_my[i:])
        return ages + ages.T

    def newick(self, names: Sequence[str]) -> str:
        """The tree in Newick notation, tips named by `names` [n] (spaces become underscores), lengths in million years."""
        lengths = self.branch_my()
        nodes = len(self.parent)
        text = [""] * (nodes - self.n_tips) + [name.replace(" ", "_") for name in names]
        row = [self.n_tips] * (nodes - self.n_tips) + list(range(self.n_tips))
        inside: list[list[tuple[int, str]]] = [[] for _ in range(nodes)]
        for i in range(nodes - 1, 0, -1):
            above = int(self.parent[i])
            # Children stand in the row of their first tips, so the file lists the tips in order.
            whole = text[i] or f"({','.join(part for _, part in sorted(inside[i]))})"
            inside[above].append((row[i], f"{whole}:{lengths[i]:.6g}"))
            row[above] = min(row[above], row[i])
        return (text[0] or f"({','.join(part for _, part in sorted(inside[0]))})") + ";\n"


def node_age_cdf(age_my: Floats, birth: float, death: float) -> Floats:
    """Probability that two neighbouring tips share an ancestor younger than `age_my`.

    `birth` > `death` >= 0 per lineage and million years. F(t) = 1 - 1 / (1 + birth (exp(r t) - 1) / r) with r = birth - death
    (Lambert & Stadler 2013, Prop. 5).
    """
    r = birth - death
    grown = birth * np.expm1(r * age_my) / r
    return np.asarray(grown / (1.0 + grown), dtype=np.float64)


def birth_death_depths(n: int, crown_my: float, extinction: float, rng: np.random.Generator) -> Floats:
    """The n - 1 ages of neighbours' ancestors [n-1], million years, of a clade of `n` living species and crown age `crown_my`.

    `extinction` is death over birth, in [0, 1); the net rate is the one that grows two lineages to `n` in `crown_my` on average.
    Exact sampling given n and the crown age: one depth is the crown age itself, at a uniform place in the row; the
    others are independent, by inverting the law of node ages below it.
    """
    if n < 2:
        return np.zeros(0)
    r = np.log(max(n, 3) / 2.0) / crown_my
    birth = r / (1.0 - extinction)
    below = node_age_cdf(np.asarray(crown_my), birth, birth - r)
    y = rng.random(n - 1) * below
    depths = np.log1p(r * y / (birth * (1.0 - y))) / r
    depths[rng.integers(n - 1)] = crown_my
    return np.asarray(depths, dtype=np.float64)


def from_depths(depth_my: Floats) -> Phylogeny:
    """The phylogeny whose neighbouring tips have common ancestors of the ages `depth_my` [n-1], million years.

    Ages must differ. The tree is the Cartesian tree of the depths: the oldest is the root, either side is a clade.
    """
    inner = len(depth_my)
    up = np.full(inner, -1, dtype=np.int64)
    stack: list[int] = []
    for j in range(inner):
        below = -1
        while stack and depth_my[stack[-1]] < depth_my[j]:
            below = stack.pop()
        if below >= 0:
            up[below] = j
        if stack:
            up[j] = stack[-1]
        stack.append(j)
    # A tip hangs from the younger of the two ancestors it shares with its neighbours.
    edge = np.concatenate([[np.inf], depth_my, [np.inf]])
    tips = np.arange(inner + 1)
    holder = np.where(edge[:-1] < edge[1:], tips - 1, tips)
    order = np.argsort(-depth_my, kind="stable")
    place = np.empty(inner, dtype=np.int64)
    place[order] = np.arange(inner)
    parent = np.full(2 * inner + 1, -1, dtype=np.int32)
    if inner:
        above = up[order]
        parent[:inner] = np.where(above >= 0, place[above], -1)
        parent[inner:] = place[holder]
    age = np.concatenate([depth_my[order], np.zeros(inner + 1)])
    return Phylogeny(parent, age, np.asarray(depth_my, dtype=np.float64))
