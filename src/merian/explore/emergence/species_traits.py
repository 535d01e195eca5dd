"""Tables of traits, long or wide, as numbers per species of a Tree.

Long, as trait databases publish: scientificName, measurementType, measurementValue, and measurementUnit if there is one. Wide, as field books have it: a column
with the species and one for each trait, a row for each species or each individual, as the beaks of Darwin's finches that the Grants measured.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tree import RANKS, Tree, read_table

__all__ = ["COLUMNS", "STATES", "species_traits"]

COLUMNS = {"trait": pl.String, "unit": pl.String, "taxon": pl.Int32, "value": pl.Float64}
NAMES = ("scientificname", "species", "binomial", "scientific_name", "taxon")
"""Columns that may hold the species in a wide table, in any case; beside a column genus, epithets will do."""
NO_TRAITS = (
    "band",
    "ring",
    "year",
    "kingdom",
    "phylum",
    "class",
    "order",
    "family",
    "genus",
    "subspecies",
    "common_name",
)
"""Columns of a wide table that are no traits, besides nameless ones and those that are numbers of records (taxonID, plot_id, ring number, SpecCode)."""
STATES = 12
"""A trait in words with more different ones is no trait but a note. A matter of taste."""


def species_traits(path: Path, tree: Tree, clade: int = -1) -> pl.DataFrame:
    """The traits in a table: columns trait, unit, taxon (a species of the tree, within `clade` unless -1), value (the mean of its rows).

    A trait in words (habitat, diet) becomes one of 0 and 1 for each word, "habitat = forest". A species given by its epithet alone is taken where only one
    species of the clade bears it. Raises Missing without the file, BadData when it is laid out in neither way or names no species of the tree.
    """
    if not path.is_file():
        raise Missing("the table of traits", path, "give the path of a CSV, TSV or Parquet table")
    long = _long(read_table(path), path)
    inside = np.arange(len(tree)) if clade < 0 else np.arange(clade, int(tree.end[clade]))
    species = inside[tree.rank[inside] == RANKS.index("species")]
    names = pl.DataFrame({"name": tree.names.gather(species.tolist()), "taxon": species.astype(np.int32)})
    names = names.with_columns(pl.col("name").str.to_lowercase())
    epithets = names.with_columns(pl.col("name").str.split(" ").list.last())
    known = pl.concat([t.filter(pl.col("name").is_unique()) for t in (names, epithets)]).unique("name", keep="first")
    rows = long.with_columns(pl.col("name").str.strip_chars().str.to_lowercase().str.replace_all(r"[\s_]+", " "))
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


def _long(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The table as columns name, trait, unit, text; empty cells left out."""
    by_fold = {c.casefold(): c for c in reversed(table.columns)}
    needed = ("scientificname", "measurementtype", "measurementvalue")
    if all(c in by_fold for c in needed):
        unit = (
            pl.col(by_fold["measurementunit"]).cast(pl.String).fill_null("")
            if "measurementunit" in by_fold
            else pl.lit("")
        )
        names = zip(needed, ("name", "trait", "text"), strict=True)
        rows = table.select(*(pl.col(by_fold[c]).cast(pl.String).alias(n) for c, n in names), unit.alias("unit"))
    else:
        rows = _wide(table, by_fold, path)
    rows = rows.with_columns(pl.col("text").str.strip_chars()).drop_nulls(["name", "trait", "text"])
    return rows.filter(~pl.col("text").str.to_lowercase().is_in(("", "na", "nan", "null"))).select(
        "name", "trait", "unit", "text"
    )


def _wide(table: pl.DataFrame, by_fold: dict[str, str], path: Path) -> pl.DataFrame:
    column = next((by_fold[n] for n in NAMES if n in by_fold), None)
    if column is None:
        rule = "a table of traits needs scientificName, measurementType and measurementValue, or a column species beside those of the traits"
        raise BadData(path, rule, table.columns[:10])
    name = pl.col(column).cast(pl.String)
    if "genus" in by_fold:
        genus = pl.col(by_fold["genus"]).cast(pl.String)
        name = pl.when(name.str.contains(r"[\s_]")).then(name).otherwise(genus + pl.lit(" ") + name)
    traits = [c for c in table.columns if c != column and _is_trait(c)]
    if not traits:
        raise BadData(path, "has no column that is a trait, beside the species", table.columns[:10])
    texts = table.select(name.alias("name"), *(pl.col(c).cast(pl.String, strict=False) for c in traits))
    return texts.unpivot(traits, index="name", variable_name="trait", value_name="text").with_columns(unit=pl.lit(""))


def _is_trait(column: str) -> bool:
    """Whether a column of a wide table may be a trait, by its name; a nameless one is read as column_1 and so on."""
    fold = column.casefold()
    nameless = not fold.strip() or (fold.startswith("column_") and fold[7:].isdigit())
    record = fold == "id" or column.endswith(("ID", "Id", "_id", " id")) or fold.endswith(("number", "code"))
    return not nameless and not record and fold not in (*NO_TRAITS, *NAMES, "name")
