"""Splits that leak nothing: what belongs together (a specimen, an individual, an event, the same bytes) stays together.

Groups are dealt in the order of a hash of their name: adding images of one species moves no image of another, and adding a group to a species
moves at most three other groups of it (the counts are rounded shares, so a boundary may shift).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import fraction
from merian.core.errors import BadSetting
from merian.core.tree import Tree

__all__ = ["Shares", "assign", "connected"]


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of each species' groups for validation and test, and of the species for `unseen`."""

    val: float
    test: float
    unseen: float
    unseen_images: int
    """A species needs this many images to be kept out of training: fewer say nothing in a few-shot test."""
    test_fold: str
    """When the source gives folds: the fold that is the test split."""


def connected(rows: pl.DataFrame, keys: Sequence[str]) -> npt.NDArray[np.int64]:
    """[n] the number of each row's group: rows that share the value of any key, directly or through others, are one group.

    Null values join nothing. Labels spread by taking the smallest within each key until nothing changes.
    """
    label = np.arange(len(rows), dtype=np.int64)
    present = [k for k in keys if k in rows.columns and rows[k].null_count() < len(rows)]
    while True:
        before = label
        for key in present:
            keyed = pl.DataFrame({"label": label, "key": rows[key]})
            spread = keyed.select(pl.col("label").min().over("key")).to_series().to_numpy()
            label = np.where(rows[key].is_not_null().to_numpy(), spread, label)
        if np.array_equal(before, label):
            return label


def assign(rows: pl.DataFrame, tree: Tree, shares: Shares, seed: int) -> pl.Series:
    """The split of each row: "train", "val", "test" or "unseen"; null without a taxon, or in a group of both unseen and other species.

    `rows` needs id, taxon, group and, for given folds, fold. Within each species (or coarser label) the groups are ordered by their hash and the first
    go to test and validation, at least one to test when there are three or more.
    """
    if "fold" not in rows.columns:
        rows = rows.with_columns(fold=pl.lit(None, pl.String))
    groups = (
        rows.filter(pl.col("taxon") >= 0)
        .group_by("group", maintain_order=True)
        .agg(pl.col("taxon").min(), pl.len().alias("images"), pl.col("fold").first(), taxa=pl.col("taxon").unique())
    )
    species = tree.ancestors[groups["taxon"].to_numpy(), 6] if len(groups) else np.array([], np.int32)
    images = groups.group_by("taxon").agg(pl.col("images").sum())
    enough = dict(images.iter_rows())
    unseen = {
        taxon
        for taxon in set(species[species >= 0].tolist())
        if enough.get(taxon, 0) >= shares.unseen_images
        and fraction(seed, f"unseen {tree.names[taxon]}") < shares.unseen
    }
    keys = [fraction(seed, f"split {g}") for g in groups["group"].to_list()]
    dealt = groups.with_columns(pl.Series("key", keys, pl.Float64)).with_columns(
        place=pl.col("key").rank("ordinal").over("taxon") - 1, size=pl.len().over("taxon")
    )
    size = pl.col("size")
    tests = (
        pl.when((size >= 3) & pl.lit(shares.test > 0))
        .then(pl.max_horizontal(1, (size * shares.test).round()))
        .otherwise(0)
    )
    some = (size >= 5) & pl.lit(shares.val > 0)
    vals = pl.when(some).then(pl.max_horizontal(1, (size * shares.val).round())).otherwise(0)
    split: pl.Expr = (
        pl.when(pl.col("place") < tests)
        .then(pl.lit("test"))
        .when(pl.col("place") < tests + vals)
        .then(pl.lit("val"))
        .otherwise(pl.lit("train"))
    )
    if shares.test_fold:
        folds = rows["fold"].drop_nulls().unique().sort().to_list()
        if shares.test_fold not in folds:
            raise BadSetting("test_fold", shares.test_fold, f"is no fold of this source; it has {folds[:10]}", folds)
        # given folds rule: the test fold is the test split, validation is dealt from the others
        rest = pl.when(pl.col("key") < shares.val).then(pl.lit("val")).otherwise(pl.lit("train"))
        split = pl.when(pl.col("fold") == shares.test_fold).then(pl.lit("test")).otherwise(rest)
    held = pl.col("taxa").list.eval(pl.element().is_in(list(unseen)))
    dealt = dealt.with_columns(
        split=pl.when(held.list.all())
        .then(pl.lit("unseen"))
        .when(held.list.any())
        .then(None)  # a photo with species of both kinds fits no split: one would leak into the other
        .otherwise(split)
    )
    return rows.join(dealt.select("group", "split"), on="group", how="left", maintain_order="left")["split"]
