"""Who is to be credited: a row for each kept image, and a count for each rights holder."""

from __future__ import annotations

import polars as pl

from merian.curate.licences import normalise

__all__ = ["attribution", "holders"]

GIVEN = ("id", "source", "path", "url", "references", "rights_holder", "publisher", "altered")


def attribution(kept: pl.DataFrame) -> pl.DataFrame:
    """A row for each of the `kept` rows of a catalog, in order: what a credit line needs (CC BY 4.0 section 3(a): author, notice, licence, link, changes).

    Columns: those of GIVEN, `licence` (canonical id, or the source's words when they are not understood), `licence_url`, `licence_as_given`.
    """
    read = normalise(kept["licence"])
    return kept.select(GIVEN).with_columns(read["licence"], licence_url=read["url"], licence_as_given=kept["licence"])


def holders(table: pl.DataFrame) -> pl.DataFrame:
    """(rights_holder, licence, images) from an attribution table, most images first; the publisher stands in where no holder is named."""
    holder = pl.coalesce("rights_holder", "publisher", pl.lit("not named")).alias("rights_holder")
    licence = pl.col("licence").fill_null("not given")
    counted = table.group_by(holder, licence).agg(images=pl.len())
    return counted.sort("images", "rights_holder", "licence", descending=[True, False, False])
