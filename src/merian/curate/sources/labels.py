"""Boxes and labels of images on which several things were seen: what is one sample, and what is none."""

from __future__ import annotations

import polars as pl

from merian.curate.sources.columns import NAMELESS
from merian.curate.sources.gather import refusals
from merian.curate.sources.seam import REFUSED

__all__ = ["KEY", "SEVERAL", "box_of", "iso_time", "settled"]

KEY = "_image"
"""Name of the column that says which image a row is of."""
SEVERAL = "several taxa on one image, and no boxes to tell them apart"


def box_of(x: str, y: str, width: str, height: str, of: tuple[str, str] | None = None) -> pl.Expr:
    """ "x,y,width,height" as shares of the image from four columns; of: the columns with the image's width and height when they are in pixels.

    A box that leaves the image is cut at its edge; one of no area, or of an image of unknown size, is null.
    """

    def number(column: str) -> pl.Expr:
        value = pl.col(column).cast(pl.Float64, strict=False)
        return pl.when(value.is_finite()).then(value)

    sides = [number(c) for c in (of or ())]
    left, top = number(x), number(y)
    right, bottom = left + number(width), top + number(height)
    if of is not None:
        left, right = left / sides[0], right / sides[0]
        top, bottom = top / sides[1], bottom / sides[1]
    left, top, right, bottom = (edge.clip(0.0, 1.0) for edge in (left, top, right, bottom))
    numbers = [n.round(6).cast(pl.String) for n in (left, top, right - left, bottom - top)]
    return pl.when((right > left) & (bottom > top)).then(pl.concat_str(numbers, separator=","))


def iso_time(column: str) -> pl.Expr:
    """A time as ISO 8601: "2022-12-31 09:52:50" and "2022:12:31 09:52:50" with dashes and a T, anything else as it is."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return (
        text.str.replace(r"^(\d{4}):(\d\d):(\d\d)\b", "$1-$2-$3")
        .str.replace(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d)", "${1}T${2}")
        .str.replace(r" UTC$", "Z")
    )


def settled(rows: pl.DataFrame, file: str, line: str | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row for each box, and one for each image without; and refused, images with several taxa and no box for each.

    rows: one for each thing seen, with KEY, verbatim_name and box; what is said of an image's only taxon (sex, life stage ...) is kept when all that
    was seen of it agrees. line: the column with the line to quote.
    """
    rows = rows.with_row_index("_order")
    named = (
        pl.col("verbatim_name").is_not_null() & ~pl.col("verbatim_name").str.to_lowercase().is_in(NAMELESS)
    ).fill_null(False)
    boxed = rows.filter(pl.col("box").is_not_null())
    loose = rows.filter(pl.col("box").is_null()).with_columns(_named=named)
    loose = loose.filter(pl.col("_named") | ~pl.col("_named").any().over(KEY))
    taxa = pl.col("verbatim_name").n_unique().over(KEY)
    in_boxes = boxed.select(KEY, "verbatim_name", _boxed=True).unique()
    loose = loose.join(in_boxes.select(KEY, "_boxed").unique(), on=KEY, how="left", maintain_order="left")
    told = loose.join(
        in_boxes.select(KEY, "verbatim_name", _told=True), on=[KEY, "verbatim_name"], how="left", maintain_order="left"
    )
    loose = told.with_columns(
        _several=pl.when(pl.col("_boxed").is_null())
        .then(pl.col("_named") & (taxa > 1))
        .otherwise(pl.col("_named") & pl.col("_told").is_null())
    )
    several = loose.filter("_several").unique(KEY, keep="first", maintain_order=True)
    single = loose.filter(pl.col("_boxed").is_null() & ~pl.col("_several"))
    given = [c for c in rows.columns if c not in (KEY, "_order")]
    agreed = [
        pl.when(pl.col(c).drop_nulls().n_unique() <= 1).then(pl.col(c).drop_nulls().first()).alias(c)
        for c in given
        if c != "id"
    ]
    firsts = [pl.col(c).first() for c in ("id", "_order") if c in single.columns]
    many = pl.len().over(KEY) > 1
    alone, single = single.filter(~many), single.filter(many)
    merged = single.group_by(KEY, maintain_order=True).agg(*agreed, *firsts)
    kept = pl.concat([boxed, alone.select(boxed.columns), merged.select(boxed.columns)]).sort("_order").drop("_order")
    if several.is_empty():
        return kept, pl.DataFrame(schema=REFUSED)
    return kept, refusals(file, several[line] if line else [None] * len(several), SEVERAL)
