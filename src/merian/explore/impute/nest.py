"""Species in nested clades, and the covariance that shared clades give: a sum of one variance per rank, solved in time linear in species.

Every clade carries an effect of its own, so species covary by the ranks they share: the taxonomy as nested random effects, which is Brownian motion
on the taxonomy drawn as a tree. Sums run up the tree and expectations down it (Felsenstein 1973, doi:10.1093/sysbio/22.3.240; the same recursion
as in Ho & Ane 2014, doi:10.1093/sysbio/syu005), so no n x n matrix is ever made.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tree import RANKS

__all__ = ["NONE", "Nest", "Pass", "krige", "nest_of"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
NONE = "none"
"""The word for the rank of the nearest relative when there is none."""


@dataclass(frozen=True, eq=False)
class Nest:
    """n species that stand clade by clade: `ranks` from fine to coarse, `group` [n, r] the number of each species' clade at each rank.

    Clades are numbered in the order of the species, and a clade lies in one clade of every coarser rank.
    """

    ranks: tuple[str, ...]
    group: Ints

    def __len__(self) -> int:
        return len(self.group)

    @functools.cached_property
    def first(self) -> tuple[Ints, ...]:
        """Per rank [g]: where each clade's species begin."""
        starts = [np.searchsorted(column, np.arange(column[-1] + 1 if len(column) else 0)) for column in self.group.T]
        return tuple(starts)

    @functools.cached_property
    def up(self) -> tuple[Ints, ...]:
        """Per rank [g]: the clade of the next coarser rank; 0, the root, at the coarsest."""
        above = [self.group[self.first[r], r + 1] for r in range(len(self.ranks) - 1)]
        return (*above, *(np.zeros(len(start), np.int64) for start in self.first[-1:]))

    @functools.cached_property
    def child(self) -> tuple[Ints, ...]:
        """Per rank [g]: the first of the clade's parts, which are species at the finest rank and clades of the next finer one elsewhere."""
        return tuple(s if r == 0 else self.group[s, r - 1] for r, s in enumerate(self.first))

    def take(self, rows: Ints | Flags) -> Nest:
        """The nest of some species, kept in their order."""
        kept = self.group[rows]
        new = np.ones(kept.shape, np.int64)
        new[1:] = kept[1:] != kept[:-1]
        return Nest(self.ranks, np.cumsum(new, 0) - 1)

    def nearest(self, known: Flags) -> Ints:
        """[n] the finest rank at which another species of the clade is `known` [n], as a column of `group`; len(ranks) when at none."""
        depth = np.full(len(self), len(self.ranks), np.int64)
        for r in reversed(range(len(self.ranks))):
            counts = np.bincount(self.group[known, r], minlength=len(self.first[r]))
            depth[counts[self.group[:, r]] - known > 0] = r
        return depth


def nest_of(lineages: pl.DataFrame) -> tuple[Nest, Ints]:
    """The Nest of species with these rank columns and `species`, and the rows [n] of the table in its order.

    A rank that no row gives is left out. A rank that a row lacks counts as a clade of what stands below it, so that relatives further down stay together.
    """
    ranks = [rank for rank in RANKS[:-1] if rank in lineages.columns and lineages[rank].null_count() < len(lineages)]
    filled = lineages.select(*ranks, "species")
    below = "species"
    for rank in reversed(ranks):
        filled = filled.with_columns(pl.col(rank).fill_null(pl.lit("?") + pl.col(below)))
        below = rank
    ordered = filled.with_row_index("row").sort(*ranks, "species", "row")
    new = np.zeros((len(ordered), len(ranks)), bool)
    for k, rank in enumerate(ranks):
        new[:, k] = (ordered[rank] != ordered[rank].shift(1)).fill_null(True).to_numpy()
    path = np.logical_or.accumulate(new, axis=1)
    group = (np.cumsum(path, axis=0) - 1)[:, ::-1].astype(np.int64)
    return Nest(tuple(reversed(ranks)), group), ordered["row"].to_numpy().astype(np.int64)


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass over the tree gives for observations with precision `weights` [n] of the sum of clade effects f (prior mean 0).

    mean [n, c] E f of each species given the columns, variance [n] of it; logdet log det of the tree's part of the covariance,
    log det(I + ...) without the weights; traces [r] the trace of Z' T^-1 Z per rank, T the covariance of the observations.
    """

    mean: Doubles
    variance: Doubles
    logdet: float
    traces: Doubles


def krige(nest: Nest, variances: Doubles, weights: Doubles, columns: Doubles) -> Pass:
    """The Pass over a nest with `variances` [r] per rank, for `columns` [n, c] observed with precision `weights` [n] (0: not observed)."""
    a, b = weights, weights[:, None] * columns
    held: list[tuple[Doubles, Doubles]] = []
    logdet = 0.0
    for r, variance in enumerate(variances):
        a, b = np.add.reduceat(a, nest.child[r]), np.add.reduceat(b, nest.child[r], axis=0)
        held.append((a, b))
        shrink = 1 + variance * a
        logdet += float(np.log(shrink).sum())
        a, b = a / shrink, b / shrink[:, None]
    mean, spread = np.zeros((1, columns.shape[1])), np.zeros(1)
    traces = np.zeros(len(variances))
    for r in reversed(range(len(variances))):
        (a, b), variance, up = held[r], variances[r], nest.up[r]
        shrink = 1 + variance * a
        above = spread[up]
        traces[r] = (a * np.maximum(1 + a * (variance - above), 0) / shrink**2).sum()
        mean = (mean[up] + variance * b) / shrink[:, None]
        spread = variance / shrink + above / shrink**2
    if not len(variances):
        return Pass(np.zeros(columns.shape), np.zeros(len(nest)), 0.0, traces)
    leaf = nest.group[:, 0]
    return Pass(mean[leaf], spread[leaf], logdet, traces)
