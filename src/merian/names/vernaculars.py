"""Common names of taxa: one per taxon, chosen the same way every time, with the rank that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from merian.core.tree import RANKS
from merian.names.evidence import ancestors
from merian.names.matching import rows_at

if TYPE_CHECKING:
    from merian.names.backbone import Backbone

__all__ = ["languages_of", "vernacular_of"]

DEPTH = len(RANKS)


def languages_of(text: str) -> tuple[str, ...]:
    """The languages of a list with commas, best first: `en,de`."""
    return tuple(word for word in (part.strip().lower() for part in text.split(",")) if word)


def vernacular_of(backbone: Backbone, usages: pl.Series, languages: tuple[str, ...], country: str = "") -> pl.DataFrame:
    """The common name of each accepted usage (rows of `backbone.usages`; null gives nulls): columns name, language, rank, taxon.

    A species without one has that of its genus, or of its family ...; `rank` and `taxon` (a scientific name) say whose name it is. The nearest taxon
    that has a name in any of the languages wins, then the language first in the list, then the name that the backbone prefers, the one
    most sources give, the one used in `country`, and the first in the alphabet.
    """
    best = _best(backbone.vernaculars, languages, country)
    asked = usages.cast(pl.Int32).alias("usage").to_frame()
    distinct = asked.unique().drop_nulls().sort("usage")
    up = _upward(backbone.usages, distinct["usage"])
    named = up.join(best, on="taxon").sort("usage", "step").unique("usage", keep="first", maintain_order=True)
    taxon = rows_at(backbone.usages.select("rank", taxon_name="name"), named["taxon"])
    named = pl.concat([named.select("usage", "name", "language"), taxon], how="horizontal").rename(
        {"taxon_name": "taxon"}
    )
    return asked.join(named, on="usage", how="left", maintain_order="left").drop("usage")


def _best(vernaculars: pl.DataFrame, languages: tuple[str, ...], country: str) -> pl.DataFrame:
    """Columns taxon, name, language: the one common name of each taxon that has one in `languages`."""
    frame = vernaculars.filter(pl.col("language").is_in(languages), pl.col("name").str.strip_chars() != "")
    frame = frame.with_columns(fold=pl.col("name").str.to_lowercase())
    # sources that write the name alike, whatever its capitals; a source that repeats itself counts once
    ways = frame.group_by("usage", "language", "fold").agg(
        preferred=pl.col("preferred").fill_null(False).any(),
        sources=pl.col("source").n_unique(),
        near=(pl.col("country").str.to_uppercase() == country.upper()).fill_null(False).any(),
        # the commonest way to write it, then the first in the alphabet
        name=pl.col("name").sort().mode(maintain_order=True).first(),
    )
    ways = ways.with_columns(
        place=pl.col("language").replace_strict({w: i for i, w in enumerate(languages)}, return_dtype=pl.Int32)
    )
    ways = ways.sort(
        "usage", "place", "preferred", "sources", "near", "fold", descending=[False, False, True, True, True, False]
    )
    best = ways.unique("usage", keep="first", maintain_order=True)
    return best.select(pl.col("usage").cast(pl.Int32).alias("taxon"), "name", "language")


def _upward(usages: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Columns usage, step, taxon: each usage itself (step 0), then its species, its genus ... its kingdom, where they have rows."""
    lines = rows_at(usages.select(RANKS), rows)
    parts = [
        pl.DataFrame(
            {"usage": rows, "step": 0, "taxon": rows}, schema={"usage": pl.Int32, "step": pl.Int32, "taxon": pl.Int32}
        )
    ]
    for i, rank in enumerate(RANKS):
        above = lines.with_columns(
            pl.when(pl.col(rank).is_not_null()).then(pl.lit(rank)).alias("at"),
            *(pl.lit(None, pl.String).alias(r) for r in RANKS[i + 1 :]),
        )
        distinct = above.unique().drop_nulls("at")
        distinct = distinct.with_columns(ancestors(distinct, usages).alias("taxon"))
        taxon = above.join(distinct, on=[*RANKS, "at"], how="left", nulls_equal=True, maintain_order="left")["taxon"]
        parts.append(
            pl.DataFrame(
                {"usage": rows, "step": pl.repeat(DEPTH - i, len(rows), dtype=pl.Int32, eager=True), "taxon": taxon}
            ).drop_nulls()
        )
    return pl.concat(parts)
