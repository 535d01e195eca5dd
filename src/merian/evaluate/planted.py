"""What only a drawn source allows: answers held against the truth, by kind of picture, and planted wrong labels found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import Missing
from merian.core.report import Number
from merian.core.tree import Tree
from merian.core.vectors import Predictions
from merian.evaluate.intervals import auroc_replicates, interval
from merian.evaluate.metrics import auroc, paths
from merian.evaluate.samples import Sample, number, share

__all__ = ["ENOUGH", "KINDS", "by_kind", "read_truth", "true_taxa", "wrong_labels"]

KINDS = ("plan", "style", "stage", "sex", "lesion")
"""Columns of the truth by which accuracy is told apart."""
ENOUGH = 15
"""A kind with fewer test images is left out: its interval would say nothing."""


def read_truth(path: Path) -> pl.DataFrame:
    """The truth table that a drawn source comes with; raises Missing when it is not there."""
    if not path.is_file():
        raise Missing("the truth table", path, "only drawn sources have one: leave --truth out for other sources")
    return pl.read_parquet(path, glob=False)


def true_taxa(tree: Tree, truth: pl.DataFrame, ids: pl.Series) -> npt.NDArray[np.int32]:
    """The true taxon of each id, -1 when it is not known or not in the tree: int32 [n]."""
    rows = pl.DataFrame({"occurrenceID": ids}).join(truth, on="occurrenceID", how="left", maintain_order="left")
    return tree.match(rows)


def by_kind(sample: Sample, best: npt.NDArray[np.int32], tree: Tree, truth: pl.DataFrame) -> list[Number]:
    """Accuracy against the true species, over all test images and by each kind of picture."""
    rows = sample.rows.select(pl.col("id").alias("occurrenceID"))
    rows = rows.join(truth, on="occurrenceID", how="left", maintain_order="left")
    true = true_taxa(tree, truth, sample.rows["id"])
    counted, right = true >= 0, best == true
    numbers = []
    if counted.any():
        overall = share(sample, (right,), counted)[0]
        numbers.append(number("truth.all", overall, "Against the truth", note="the planted truth, not the label"))
    for column in (c for c in KINDS if c in rows.columns):
        values = rows[column].fill_null("")
        for value in sorted(v for v in values.unique() if v):
            here = counted & (values == value).to_numpy()
            if here.sum() >= ENOUGH:
                estimate = share(sample, (right,), here)[0]
                numbers.append(number(f"truth.{column}.{value}", estimate, f"Against the truth, by {column}"))
    return numbers


def wrong_labels(
    sample: Sample, found: Predictions, given: npt.NDArray[np.floating], truth: pl.DataFrame
) -> list[Number]:
    """How well planted wrong labels are found: by the probability of the given label, `given` [n], and by safe answers that contradict it."""
    tree, group = found.tree, "Planted wrong labels"
    true = paths(tree, true_taxa(tree, truth, sample.rows["id"]))
    rank = tree.rank[sample.taxa]
    rows = np.arange(len(sample))
    wrong = true[rows, rank] != sample.taxa
    if not wrong.any() or wrong.all():
        return []
    own, safe = paths(tree, sample.taxa), found.safe
    other = own[rows, np.where(safe >= 0, tree.rank[safe], 0)]
    flagged = (safe >= 0) & (other >= 0) & (other != safe)
    suspicion = 1 - np.asarray(given, np.float64)
    mine = sample.resamples
    replicates = auroc_replicates(suspicion[wrong], (mine, wrong), suspicion[~wrong], (mine, ~wrong))
    numbers = [
        number(
            "planted.wrong_label.auroc",
            interval(auroc(suspicion[wrong], suspicion[~wrong]), replicates, len(sample)),
            group,
            unit="",
            note="by the probability of the given label; chance 0.5",
        ),
        number(
            "planted.wrong_label.found", share(sample, (flagged & wrong,), wrong)[0], group, note="of those planted"
        ),
    ]
    if flagged.any():
        precise = share(sample, (flagged & wrong,), flagged)[0]
        numbers.append(number("planted.wrong_label.precision", precise, group, note="of those pointed out"))
    return numbers
