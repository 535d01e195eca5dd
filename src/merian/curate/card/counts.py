"""What a data card counts: taxa and images per rank, the long tail, splits, sources, licences, places, years, gaps, and what was set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tables import SPLITS
from merian.core.tree import RANKS, Tree
from merian.curate.licences import normalise

__all__ = ["FEW", "Tail", "gaps", "licences", "ranks", "splits", "tail", "top", "years"]

FEW = 10
"""A species with at most so many images is in the tail."""
GAPS = (
    ("a place", ("latitude", "longitude")),
    ("a date", ("event_date",)),
    ("a licence", ("licence",)),
    ("a rights holder", ("rights_holder",)),
    ("a country", ("country",)),
    ("the sex", ("sex",)),
    ("the life stage", ("life_stage",)),
    ("an event", ("event_id",)),
)
"""What is asked of every row: in words, and the columns that must be there."""


@dataclass(frozen=True, slots=True)
class Tail:
    """How evenly the images fall on the species: `images` [k] of each species, most first; Gini 0 (all equal) to 1; `few` share with at most FEW."""

    images: npt.NDArray[np.int64]
    gini: float
    few: float
    half: int
    """So many species hold half of the images."""


def ranks(kept: pl.DataFrame, tree: Tree) -> list[tuple[str, int, int, int]]:
    """(rank, taxa with an image, taxa in the taxonomy, images named to that rank or below) for the seven ranks."""
    taxa = kept["taxon"].to_numpy()
    paths = tree.ancestors[taxa[taxa >= 0]]
    found: list[tuple[str, int, int, int]] = []
    for r, rank in enumerate(RANKS):
        column = paths[:, r]
        named = column[column >= 0]
        found.append((rank, len(np.unique(named)), len(tree.at(rank)), len(named)))
    return found


def tail(kept: pl.DataFrame, tree: Tree) -> Tail:
    """The distribution of the kept images over the species that have any."""
    taxa = kept["taxon"].to_numpy()
    species = tree.ancestors[taxa[taxa >= 0], len(RANKS) - 1]
    _, images = np.unique(species[species >= 0], return_counts=True)
    images = np.sort(images)[::-1].astype(np.int64)
    k, total = len(images), int(images.sum())
    if not k:
        return Tail(images, 0.0, 0.0, 0)
    # Gini from the sorted counts: 1 - 2 * area under the Lorenz curve (trapezes)
    up = np.concatenate([[0], np.cumsum(images[::-1])]) / total
    gini = 1 - float(((up[1:] + up[:-1]) / k).sum())
    half = int(np.searchsorted(np.cumsum(images), total / 2) + 1)
    return Tail(images, gini, float((images <= FEW).mean()), half)


def splits(kept: pl.DataFrame) -> pl.DataFrame:
    """(split, images, share, groups, taxa) of the kept images, in the order of SPLITS; "none" last."""
    kept = kept.select(pl.col("split").fill_null("none"), "group", "taxon")
    order = {name: k for k, name in enumerate((*SPLITS, "none"))}
    counted = kept.group_by("split").agg(
        images=pl.len(), groups=pl.col("group").n_unique(), taxa=pl.col("taxon").filter(pl.col("taxon") >= 0).n_unique()
    )
    return (
        counted.with_columns(
            share=pl.col("images") / max(len(kept), 1),
            order=pl.col("split").replace_strict(order, default=9, return_dtype=pl.Int8),
        )
        .sort("order", "split")
        .drop("order")
    )


def top(rows: pl.DataFrame, column: str, most: int = 12) -> tuple[list[tuple[str, int]], int]:
    """The `most` commonest values of a column with their images, "not given" among them, and how many other values there are."""
    counted = rows.group_by(pl.col(column).fill_null("not given")).len().sort("len", column, descending=[True, False])
    return list(counted.head(most).iter_rows()), max(0, len(counted) - most)


def years(rows: pl.DataFrame) -> list[tuple[int, int]]:
    """(year, images) of every year from the first to the last of the dates; years outside 1500 to 2200 are no years of photos or specimens."""
    year = rows["event_date"].str.extract(r"^\s*(\d{4})(?:\D|$)").cast(pl.Int32, strict=False)
    counted = dict(year.filter(year.is_between(1500, 2200)).value_counts().iter_rows())
    if not counted:
        return []
    return [(y, counted.get(y, 0)) for y in range(min(counted), max(counted) + 1)]


def licences(rows: pl.DataFrame) -> pl.DataFrame:
    """(licence, images, known, open, commercial, derivatives) of the rows, most images first; "not given" for none."""
    read = normalise(rows["licence"])
    flags = ("known", "open", "commercial", "derivatives")
    counted = read.group_by(pl.col("licence").fill_null("not given"), *flags).len("images")
    return counted.select("licence", "images", *flags).sort("images", "licence", descending=[True, False])


def gaps(kept: pl.DataFrame, tree: Tree, asked: Sequence[tuple[str, tuple[str, ...]]] = GAPS) -> list[tuple[str, int]]:
    """(what, images without it) of the kept images, most first; images not named to species are told as "a species"."""
    taxa = kept["taxon"].to_numpy()
    named = tree.ancestors[np.maximum(taxa, 0), len(RANKS) - 1] >= 0 if len(tree) else np.zeros(len(kept), bool)
    species = int((~named | (taxa < 0)).sum())
    found = [("a species", species)]
    for words, columns in asked:
        lacking = kept.select(pl.any_horizontal(pl.col(c).is_null() for c in columns)).to_series().sum()
        found.append((words, int(lacking)))
    return sorted(found, key=lambda row: -row[1])
