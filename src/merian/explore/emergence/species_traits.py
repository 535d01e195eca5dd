"""Traits of species as numbers, from a table of traits and a Tree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from merian.core.errors import BadData
from merian.core.tree import RANKS, Tree
from merian.explore.trait_tables import ROW, TraitSheet, absent

__all__ = ["COLUMNS", "STATES", "species_traits"]

COLUMNS = {"trait": pl.String, "unit": pl.String, "taxon": pl.Int32, "value": pl.Float64}
STATES = 12
"""A trait in words with more different ones is no trait but a note. A matter of taste."""


def species_traits(path: Path, tree: Tree, clade: int = -1) -> pl.DataFrame:
    """The traits in a table: columns trait, unit, taxon (a species of the tree, within `clade` unless -1), value (the mean of its rows).

    A trait in words (habitat, diet) becomes one of 0 and 1 for each word, "habitat = forest". A species given by its epithet alone is taken where only one
    species of the clade bears it. Raises what TraitSheet does, and BadData when the table names no species of the tree.
    """
    sheet = TraitSheet.open(path)
    names = sheet.lineages().select(ROW, pl.col("species").str.to_lowercase().alias("name"))
    rows = sheet.cells().filter(~absent("value")).with_columns(pl.col("value").str.strip_chars().alias("text"))
    rows = rows.join(names, on=ROW, how="inner", maintain_order="left").drop_nulls("name")
    inside = np.arange(len(tree)) if clade < 0 else np.arange(clade, int(tree.end[clade]))
    species = inside[tree.rank[inside] == RANKS.index("species")]
    names = pl.DataFrame({"name": tree.names.gather(species.tolist()), "taxon": species.astype(np.int32)})
    names = names.with_columns(pl.col("name").str.to_lowercase())
    epithets = names.with_columns(pl.col("name").str.split(" ").list.last())
    known = pl.concat([t.filter(pl.col("name").is_unique()) for t in (names, epithets)]).unique("name", keep="first")
    matched = rows.join(known, on="name", how="inner", maintain_order="left")
    if matched.is_empty():
        where = f"{tree.names[clade]} in the tree" if clade >= 0 else "the tree"
        raise BadData(path, f"names no species of {where}", rows["name"].unique().sort().head(10).to_list())
    numbers = matched.with_columns(pl.col("text").cast(pl.Float64, strict=False).alias("value"))
    numbers = numbers.with_columns(pl.when(pl.col("value").is_finite()).then("value").alias("value"))
    kinds = numbers.group_by("trait", "unit").agg(
        (pl.col("value").is_not_null().sum() * 2 > pl.len()).alias("numeric"), pl.col("text").n_unique().alias("states")
    )
    numbers = numbers.join(kinds, on=["trait", "unit"], how="left", maintain_order="left")
    measured = numbers.filter(pl.col("numeric")).drop_nulls("value").select(*COLUMNS)
    words = _indicators(numbers.filter(~pl.col("numeric") & (pl.col("states") <= STATES)))
    means = pl.concat([measured, words]).group_by("trait", "unit", "taxon").agg(pl.col("value").mean())
    return means.select(*COLUMNS).sort("trait", "unit", "taxon")


def _indicators(rows: pl.DataFrame) -> pl.DataFrame:
    """A trait of 0 and 1 for each word of a trait; of two words one says it all."""
    parts = [pl.DataFrame(schema=COLUMNS)]
    for (trait, unit), own in rows.group_by("trait", "unit", maintain_order=True):
        words = own["text"].unique().sort().to_list()
        for word in words[1:] if len(words) == 2 else words:
            value = (own["text"] == word).cast(pl.Float64)
            parts.append(
                own.select(
                    pl.lit(f"{trait} = {word}").alias("trait"),
                    pl.lit(unit, pl.String).alias("unit"),
                    "taxon",
                    value.alias("value"),
                )
            )
    return pl.concat(parts)
