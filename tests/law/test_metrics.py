"""Laws of the metrics and of the bootstrap."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from merian.core.chance import stream
from merian.core.tree import RANKS, Tree
from merian.evaluate.intervals import Resamples, auroc_replicates
from merian.evaluate.metrics import auroc, bin_sums, calibration_error, paths, reliability, top_k, tree_distance

SCORES = hnp.arrays(np.float64, st.integers(1, 30), elements=st.integers(-5, 5).map(float))
ANSWERS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.floats(0, 1)), hnp.arrays(np.bool_, n), st.integers(2, 20)
    )
)


def small_tree() -> Tree:
    rows = [
        ("K", "P", "C", f"O{o}", f"F{o}{f}", f"G{o}{f}{g}", f"G{o}{f}{g} s{s}")
        for o in range(2)
        for f in range(2)
        for g in range(2)
        for s in range(2)
    ]
    return Tree.from_lineages(pl.DataFrame(rows, schema=list(RANKS), orient="row"))


TREE = small_tree()
SPECIES = st.integers(0, 15).map(lambda i: int(TREE.at("species")[i]))


@given(SCORES, SCORES)
def test_auroc_is_mann_whitney(a: np.ndarray, b: np.ndarray) -> None:
    wins = sum(1.0 if x > y else 0.5 if x == y else 0.0 for x in a for y in b)
    assert auroc(a, b) == pytest.approx(wins / (len(a) * len(b)))


@given(SCORES, SCORES)
def test_auroc_mirrors_and_only_sees_order(a: np.ndarray, b: np.ndarray) -> None:
    assert auroc(a, b) + auroc(b, a) == pytest.approx(1)
    assert auroc(np.exp(a), np.exp(b)) == pytest.approx(auroc(a, b))


@given(SPECIES, SPECIES, SPECIES)
def test_tree_distance_is_an_ultrametric(a: int, b: int, c: int) -> None:
    ab, ba, ac, bc = (
        int(tree_distance(TREE, np.array([x]), np.array([y]))[0]) for x, y in ((a, b), (b, a), (a, c), (b, c))
    )
    assert (ab == 0) == (a == b)
    assert ab == ba
    assert ac <= max(ab, bc)
    assert 0 <= ab <= len(RANKS)


def test_tree_distance_counts_the_ranks_to_climb() -> None:
    species = TREE.at("species")
    sibling, cousin, stranger = species[1], species[2], species[8]
    assert tree_distance(TREE, species[[0, 0, 0]], np.array([sibling, cousin, stranger])).tolist() == [1, 2, 4]
    assert tree_distance(TREE, species[:1], np.array([-1])).tolist() == [7]
    assert paths(TREE, np.array([-1])).tolist() == [[-1] * 7]


@given(ANSWERS)
def test_calibration_error_lies_between_the_plain_gap_and_one(answers: tuple[np.ndarray, np.ndarray, int]) -> None:
    confidence, right, bins = answers
    diagram = reliability(confidence, right, bins)
    assert diagram.counts.sum() == len(confidence)
    assert abs(confidence.mean() - right.mean()) - 1e-9 <= diagram.error <= 1
    assert diagram.error == pytest.approx(float(calibration_error(bin_sums(confidence, right, bins).sum(0))))
    order = np.argsort(confidence)[::-1]
    assert reliability(confidence[order], right[order], bins).error == pytest.approx(diagram.error)


def test_calibration_error_of_known_diagrams() -> None:
    sure = reliability(np.full(10, 0.9), np.arange(10) < 9, 10)
    assert sure.error == pytest.approx(0)
    bold = reliability(np.ones(10), np.arange(10) < 4, 10)
    assert bold.error == pytest.approx(0.6)
    assert bold.counts[-1] == 10


@given(st.integers(1, 5), st.integers(0, 2**31))
def test_top_k_never_falls_with_k(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ranked = rng.permuted(np.tile(np.arange(8, dtype=np.int32), (20, 1)), axis=1)
    truth = rng.integers(0, 8, 20).astype(np.int32)
    assert not np.any(top_k(ranked[:, :k], truth) & ~top_k(ranked[:, : k + 1], truth))
    assert top_k(ranked, truth).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=60), st.integers(0, 1000))
def test_bootstrap_draws_whole_classes_and_nested_groups(rows: list[tuple[int, int]], seed: int) -> None:
    classes, groups = np.array(rows).T
    drawn = Resamples.draw(classes, groups, np.random.default_rng(seed), 30)
    k = len(np.unique(classes))
    assert (drawn.drawn.sum(1) == k).all()
    sizes = np.diff(np.append(drawn.start, drawn.weights.shape[1]))
    per_class = np.add.reduceat(drawn.weights, drawn.start, axis=1)
    assert np.array_equal(per_class, drawn.drawn * sizes)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()), min_size=1, max_size=60))
def test_estimates_are_the_means_and_hold_for_constants(rows: list[tuple[int, int, bool]]) -> None:
    classes, groups, right = (np.array(c) for c in zip(*rows, strict=True))
    drawn = Resamples.draw(classes, groups, np.random.default_rng(0), 50)
    micro, macro = drawn.micro(right[:, None])[0], drawn.macro(right[:, None])[0]
    assert micro.value == pytest.approx(right.mean())
    assert macro.value == pytest.approx(np.mean([right[classes == c].mean() for c in np.unique(classes)]))
    assert 0 <= micro.low <= micro.high <= 1
    always = drawn.micro(np.ones((len(rows), 1)))[0]
    assert (always.low, always.value, always.high, always.n) == pytest.approx((1, 1, 1, len(rows)))
    none = drawn.macro(right[:, None], np.zeros((len(rows), 1), bool))[0]
    assert np.isnan(none.value)
    assert none.n == 0


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Species differ in how easy they are (beta), specimens of a species too; two images of a specimen agree. 95 % intervals."""
    hits, worlds, truth = 0, 150, 0.6
    for world in range(worlds):
        rng = stream(1, "coverage", world)
        classes = np.repeat(np.arange(40), 8)
        groups = np.arange(len(classes)) // 2
        ease = rng.beta(6 * truth, 6 * (1 - truth), 40)
        right = np.repeat(rng.random(160) < np.repeat(ease, 4), 2)
        found = Resamples.draw(classes, groups, rng, 200).micro(right[:, None])[0]
        hits += found.low <= truth <= found.high
    assert 0.90 <= hits / worlds <= 1.0


def test_a_bootstrap_over_images_alone_would_not_cover() -> None:
    """The control: with every image its own class the same worlds are covered far too rarely."""
    hits, worlds, truth = 0, 80, 0.6
    for world in range(worlds):
        rng = stream(1, "coverage", world)
        ease = rng.beta(0.9, 0.6, 20)
        right = rng.random(400) < np.repeat(ease, 20)
        found = Resamples.draw(np.arange(400), np.arange(400), rng, 100).micro(right[:, None])[0]
        hits += found.low <= truth <= found.high
    assert hits / worlds < 0.85


def test_auroc_replicates_are_what_repeating_the_images_gives() -> None:
    rng = np.random.default_rng(3)
    scores, positive = rng.integers(0, 6, 50).astype(float), rng.random(50) < 0.4
    drawn = Resamples.draw(rng.integers(0, 7, 50), rng.integers(0, 3, 50), rng, 40)
    fast = auroc_replicates(scores[positive], (drawn, positive), scores[~positive], (drawn, ~positive))
    for row in range(40):
        times = drawn.weights[row, drawn.group].astype(int)
        high, low = np.repeat(scores[positive], times[positive]), np.repeat(scores[~positive], times[~positive])
        if len(high) and len(low):
            assert fast[row] == pytest.approx(auroc(high, low))
        else:
            assert np.isnan(fast[row])
