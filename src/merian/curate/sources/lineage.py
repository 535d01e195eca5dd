"""Lineages of seven ranks for every row of a table of taxa with parents: whatever rank a taxon has, what stands above it."""

from __future__ import annotations

import numpy as np
import polars as pl

from merian.core.tree import RANKS

__all__ = ["lineages_above"]

DEEPEST = 100
"""Steps up after which a chain of parents is a cycle, and left where it is."""


def lineages_above(taxa: pl.DataFrame) -> pl.DataFrame:
    """Columns id, name, the seven ranks: one row for each row of `taxa` (columns id, parent, name, rank) whose id was not used before."""
    taxa = taxa.filter(pl.col("id").is_not_null() & pl.col("id").is_first_distinct())
    index = taxa.select("id", pl.int_range(pl.len(), dtype=pl.Int64).alias("_row"))
    up = taxa.select(pl.col("parent").alias("id")).join(index, on="id", how="left", maintain_order="left")["_row"]
    parent = up.fill_null(-1).to_numpy()
    rank = taxa["rank"].str.to_lowercase()
    level = np.full(len(taxa), -1, np.int64)
    for number, word in enumerate(RANKS):
        level[(rank == word).fill_null(False).to_numpy()] = number
    paths = np.full((len(taxa), len(RANKS)), -1, np.int64)
    at = np.arange(len(taxa))
    for _ in range(DEEPEST):
        climbing = np.flatnonzero(at >= 0)
        if not len(climbing):
            break
        here = at[climbing]
        ranked = level[here] >= 0
        cells = climbing[ranked], level[here[ranked]]
        free = paths[cells] < 0
        paths[cells[0][free], cells[1][free]] = here[ranked][free]
        following = parent[here]
        at[climbing] = np.where(following == here, -1, following)
    names = taxa["name"].extend_constant(None, 1)
    where = np.where(paths >= 0, paths, len(taxa)).astype(np.uint32)
    return taxa.select("id", "name").with_columns(names.gather(where[:, k]).alias(word) for k, word in enumerate(RANKS))
