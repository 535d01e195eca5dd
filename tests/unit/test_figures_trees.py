"""A tree of embeddings beside the taxonomy: trees whose agreement is known."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch
from merian.explore.dendrogram import crossings, gathered, tangle
from merian.explore.plots import tanglegram

RANKS = ["order", "family", "genus", "species"]


def world(orders: int = 3, noise: float = 0.05) -> tuple[np.ndarray, pl.DataFrame]:
    """Two families an order, two genera a family, two species a genus, each nearer to its kin than to others."""
    rng = stream(0, "trees")
    rows, means = [], []
    for o in range(orders):
        order = 4 * rng.standard_normal(24)
        for f in range(2):
            family = order + 2 * rng.standard_normal(24)
            for g in range(2):
                genus = family + rng.standard_normal(24)
                for s in range(2):
                    rows.append((f"O{o}", f"F{o}{f}", f"G{o}{f}{g}", f"S{o}{f}{g}{s}"))
                    means.append(genus + (0.3 + noise) * rng.standard_normal(24))
    return np.array(means), pl.DataFrame(rows, schema=RANKS, orient="row")


def test_trees_that_agree_have_no_crossing_and_all_branches() -> None:
    means, lineages = world()
    found = tangle(means, lineages, stream(1), 39)
    assert crossings(found.left, found.right) == 0
    assert found.branches == found.taxa == 3 + 6 + 12
    assert found.triplets is not None
    assert found.cophenetic is not None
    assert found.triplets.value == 1
    assert found.triplets.shuffled < 0.5
    assert found.cophenetic.value > 0.8 > found.cophenetic.shuffled
    assert found.cophenetic.low <= found.cophenetic.value <= found.cophenetic.high


def test_shuffled_leaves_agree_no_more_than_chance() -> None:
    means, lineages = world()
    found = tangle(means[stream(2).permutation(len(means))], lineages, stream(1), 39)
    assert found.triplets is not None
    assert found.cophenetic is not None
    assert found.triplets.value == pytest.approx(1 / 3, abs=0.12)
    assert found.cophenetic.value < 0.3
    assert found.branches <= found.branches_shuffled + 2


def test_orders_are_orders_and_crossings_are_counted() -> None:
    means, lineages = world()
    found = tangle(means[stream(2).permutation(len(means))], lineages, stream(1), 0)
    for order in (found.left, found.right):
        assert sorted(order.tolist()) == list(range(24))
    for rank in RANKS[:-1]:
        names = [lineages[rank][i] for i in found.right.tolist()]
        assert sum(a != b for a, b in pairwise(names)) == lineages[rank].n_unique() - 1, "taxa mix"
    assert crossings(np.array([0, 1, 2]), np.array([0, 1, 2])) == 0
    assert crossings(np.array([0, 1, 2]), np.array([2, 1, 0])) == 3
    assert crossings(np.array([0, 1, 2]), np.array([1, 0, 2])) == 1


def test_turning_nodes_never_crosses_more_than_the_first_order() -> None:
    means, lineages = world(2)
    means = means[stream(5).permutation(len(means))]
    found = tangle(means, lineages, stream(1), 0)
    at_first = lineages.with_row_index("leaf").sort(RANKS)["leaf"].to_numpy()
    assert crossings(found.left, found.right) <= crossings(found.left, at_first)


def test_many_leaves_are_gathered_into_taxa_above() -> None:
    means, lineages = world(12)
    merged, leaves = gathered(means, lineages, 72)
    assert leaves.columns == RANKS[:3]
    assert len(merged) == len(leaves) == 48
    first = lineages["genus"] == leaves["genus"][0]
    assert np.allclose(merged[0], means[first.to_numpy()].mean(0))
    with pytest.raises(BadData, match="10,000 taxa"):
        gathered(np.ones((10_000, 2)), pl.DataFrame({"species": [f"s{i}" for i in range(10_000)]}))


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda m, t: (m[:-1], t), Mismatch, "means and lineages"),
        (lambda m, t: (m[:3], t[:3]), BadData, "too few"),
        (lambda m, t: (np.where(np.arange(len(m))[:, None] == 4, np.nan, m), t), BadData, "no direction"),
        (lambda m, t: (np.where(np.arange(len(m))[:, None] == 4, 0, m), t), BadData, "no direction"),
    ],
)
def test_what_makes_no_tree_is_said(spoil, error, words) -> None:
    with pytest.raises(error, match=words):
        tangle(*spoil(*world(1)), stream(1), 3)


def test_a_flat_taxonomy_has_nothing_to_agree_with() -> None:
    means, lineages = world(1)
    found = tangle(means, lineages.select("species"), stream(1), 3)
    assert found.cophenetic is None
    assert found.triplets is None
    assert found.taxa == 0
    assert "<svg" in tanglegram(found, "flat")


def test_missing_ranks_are_shared_by_nobody() -> None:
    means, lineages = world(2)
    blank = lineages.with_columns(pl.when(pl.col("family") == "F00").then(None).otherwise("family").alias("family"))
    found = tangle(means, blank, stream(1), 3)
    assert found.taxa == tangle(means, lineages, stream(1), 3).taxa - 1


def test_the_figure_is_svg_that_repeats_itself() -> None:
    found = tangle(*world(2), stream(1), 9)
    svg = tanglegram(found, "Two trees <of> life & more")
    assert ET.fromstring(svg).tag.endswith("svg")
    assert svg == tanglegram(found, "Two trees <of> life & more")
    assert len(tanglegram(found, "By family", "family")) > 1000
