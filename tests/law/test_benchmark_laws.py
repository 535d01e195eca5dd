"""Laws of what the benchmarks rest on: logistic regressions, F1 and average precision, k-means with labels, matchings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_metrics import small_tree

from merian.core.chance import stream
from merian.evaluate.benchmarks.discovery import cluster, matched, spread_centres
from merian.evaluate.benchmarks.linear import Axes, fit, log_loss, logistic, softmax_rows
from merian.evaluate.benchmarks.precision import average_precision, centred, class_f1, f1, precision_replicates
from merian.evaluate.benchmarks.ranks import depth_reached
from merian.evaluate.intervals import Resamples
from merian.evaluate.metrics import paths, tree_distance

SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=15, deadline=None)


def problem(seed: int, n: int = 60, d: int = 6, m: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = stream(seed, "problem")
    x = rng.standard_normal((n, d)).astype(np.float32)
    y = (x @ rng.standard_normal((d, m)) + rng.standard_normal((n, m)) > 0).astype(np.float32)
    return x, y


@FEW
@given(SEEDS, st.sampled_from([1e-1, 1e-3]))
def test_no_small_change_of_the_weights_does_better(seed: int, penalty: float) -> None:
    x, y = problem(seed)
    z = Axes.of(x).coordinates(x)
    weights = fit(z, y, np.full(3, penalty), tolerance=1e-9)

    def loss(w: np.ndarray) -> np.ndarray:
        return log_loss(z.astype(np.float64) @ w, y, joint=False) + penalty / 2 * (w[:-1] ** 2).sum(0)

    best, rng = loss(weights), stream(seed, "moves")
    for size in (1e-1, 1e-2):
        assert (loss(weights + size * rng.standard_normal(weights.shape)) > best - 1e-7).all()


@FEW
@given(SEEDS)
def test_regressions_do_not_depend_on_their_company_or_their_start(seed: int) -> None:
    x, y = problem(seed)
    z, penalty = Axes.of(x).coordinates(x), np.array([1e-1, 1e-2, 1e-3])
    together = fit(z, y, penalty, tolerance=1e-10)
    start = stream(seed, "start").standard_normal(together.shape)
    alone = np.concatenate([fit(z, y[:, [j]], penalty[[j]], start[:, [j]], tolerance=1e-10) for j in range(3)], axis=1)
    np.testing.assert_allclose(logistic(z @ together), logistic(z @ alone), atol=2e-3)


@FEW
@given(SEEDS)
def test_a_turn_of_the_space_changes_no_answer(seed: int) -> None:
    x, y = problem(seed)
    turn = np.linalg.qr(stream(seed, "turn").standard_normal((6, 6)))[0]
    answers = []
    for space in (x, (3 * x @ turn + 5).astype(np.float32)):
        z = Axes.of(space).coordinates(space)
        answers.append(logistic(z @ fit(z, y, np.full(3, 1e-3), tolerance=1e-10)))
    np.testing.assert_allclose(*answers, atol=3e-3)


@FEW
@given(SEEDS)
def test_a_softmax_over_two_is_a_logistic_of_their_difference(seed: int) -> None:
    """Two columns share the difference w, so their squares are w^2 / 2: twice the penalty gives the same answer."""
    x, y = problem(seed, m=1)
    z = Axes.of(x).coordinates(x)
    one = logistic(z @ fit(z, y, np.array([1e-2]), tolerance=1e-10))[:, 0]
    two = softmax_rows(z @ fit(z, np.concatenate([1 - y, y], 1), np.full(2, 2e-2), joint=True, tolerance=1e-10))
    np.testing.assert_allclose(one, two[:, 1], atol=2e-3)


def test_fewer_images_than_dimensions_have_fewer_axes() -> None:
    x = stream(0, "wide").standard_normal((12, 40)).astype(np.float32)
    axes = Axes.of(x)
    z = axes.coordinates(x)
    assert z.shape == (12, 12)  # eleven axes, and the constant
    assert (z[:, :-1] ** 2).sum(1).mean() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose((z**2).mean(0), axes.spread, rtol=1e-3, atol=1e-6)


# ---- F1 and average precision ------------------------------------------------------------------------------------


def repeated(resamples: Resamples, row: int) -> np.ndarray:
    """The images that a replicate holds, each as often as it is drawn."""
    return np.repeat(np.arange(len(resamples.group)), resamples.weights[row, resamples.group].astype(int))


@FEW
@given(SEEDS)
def test_replicates_are_what_repeating_the_images_gives(seed: int) -> None:
    rng = stream(seed, "replicates")
    n = 40
    truth, scores = rng.random((n, 2)) < 0.4, rng.integers(0, 8, n).astype(float)
    said = rng.random((n, 2)) < 0.5
    resamples = Resamples.draw(rng.integers(0, 5, n), rng.integers(0, 9, n), rng, 6)
    of_f1 = f1(truth, said, resamples)[1]
    of_ap = precision_replicates(truth[:, 0], scores, resamples)
    for row in range(6):
        rows = repeated(resamples, row)
        whole = Resamples.draw(np.zeros(len(rows)), np.arange(len(rows)), rng, 1)
        np.testing.assert_allclose(of_f1[row], f1(truth[rows], said[rows], whole)[0])
        np.testing.assert_allclose(of_ap[row], average_precision(truth[rows, 0], scores[rows]))


@FEW
@given(SEEDS)
def test_average_precision_sees_order_alone(seed: int) -> None:
    rng = stream(seed, "order")
    truth, scores = rng.random(30) < 0.5, rng.integers(0, 6, 30).astype(float)
    truth[0] = True
    assert average_precision(truth, scores) == pytest.approx(average_precision(truth, np.exp(scores)))
    assert average_precision(truth, np.zeros(30)) == pytest.approx(truth.mean())
    assert average_precision(truth, truth.astype(float)) == 1


def test_macro_f1_of_replicates_centres_on_the_estimate() -> None:
    """Classes drawn twice would be twice as common among the same strangers, and their F1 too high; that is undone."""
    rng = stream(0, "macro")
    truth = np.repeat(np.arange(30), 12)
    guess = np.where(rng.random(360) < 0.5, truth, rng.integers(0, 30, 360))
    resamples = Resamples.draw(truth, np.arange(360), rng, 600)
    names, each, replicates = class_f1(truth, guess, resamples)
    assert names.tolist() == list(range(30))
    assert replicates.mean() == pytest.approx(each.mean(), abs=0.02)
    naive = []
    for row in range(200):
        rows = repeated(resamples, row)
        whole = Resamples.draw(truth[rows], np.arange(len(rows)), rng, 1)
        naive.append(class_f1(truth[rows], guess[rows], whole)[1].mean())
    assert np.mean(naive) > each.mean() + 0.03  # the control


def test_a_rare_attribute_has_an_interval_about_its_estimate() -> None:
    """One class of ten has it: where it is drawn it is drawn 1.6 times on average, so the replicates lie above the estimate; their interval does not."""
    rng = stream(0, "rare")
    classes = np.repeat(np.arange(10), 40)
    truth = classes == 0
    scores = truth + 1.5 * rng.standard_normal(400)
    resamples = Resamples.draw(classes, np.arange(400), rng, 400)
    point, replicates = average_precision(truth, scores), precision_replicates(truth, scores, resamples)
    assert np.nanmean(replicates) > point + 0.05
    assert np.isnan(replicates).any()
    found = centred(point, replicates, 400)
    assert found.low < point < found.high
    assert abs((found.low + found.high) / 2 - point) < 0.1


# ---- clusters ----------------------------------------------------------------------------------------------------


def points(seed: int, n: int = 80, d: int = 3) -> np.ndarray:
    return stream(seed, "points").standard_normal((n, d)).astype(np.float32)


@FEW
@given(SEEDS, st.integers(3, 12))
def test_labelled_points_stay_and_every_other_is_at_its_nearest_centre(seed: int, k: int) -> None:
    x = points(seed)
    known = np.where(np.arange(80) < 20, np.arange(80) % 2, -1)
    found, resting = cluster(x, known, k, 200, stream(seed, "start"))
    assert resting
    assert np.array_equal(found[:20], known[:20])
    assert found.max() < k
    centres = np.stack([x[found == c].mean(0) if (found == c).any() else np.full(3, 1e3) for c in range(k)])
    apart = ((x[20:, None] - centres) ** 2).sum(2)
    np.testing.assert_allclose(apart[np.arange(60), found[20:]], apart.min(1), atol=1e-4)


def test_more_passes_never_spread_the_clusters_out() -> None:
    for seed in range(5):
        x, spreads = points(seed, 200, 5), []
        for passes in (1, 2, 4, 8, 50):
            found, _ = cluster(x, np.full(200, -1), 9, passes, stream(seed, "start"))
            spreads.append(sum(((x[found == c] - x[found == c].mean(0)) ** 2).sum() for c in np.unique(found)))
        assert all(b <= a + 1e-3 for a, b in itertools.pairwise(spreads))


def test_centres_by_the_block_are_spread_as_one_after_another() -> None:
    """Two further centres among six points beside a given one: how often each pair is drawn, against the chances by hand."""
    x = np.array([[0, 0], [1, 0], [0, 2], [3, 3], [4, 0], [0, 5]], np.float32)
    given, draws = x[:1], 1500
    square = ((x[:, None] - x) ** 2).sum(2)
    expected = np.zeros((6, 6))
    first = square[0] / square[0].sum()
    for i in range(1, 6):
        near = np.minimum(square[0], square[i])
        expected[i] = first[i] * near / near.sum()
    found = np.zeros((6, 6))
    for draw in range(draws):
        centres = spread_centres(x, given, 2, stream(draw, "block"))
        i, j = ((x == c).all(1).argmax() for c in centres)
        found[i, j] += 1
    sigma = np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(found / draws - expected) <= 4.5 * sigma + 1e-12).all()


@FEW
@given(SEEDS)
def test_a_matching_ignores_the_names_of_clusters_and_beats_any_other(seed: int) -> None:
    rng = stream(seed, "matching")
    classes, clusters = rng.integers(0, 5, 60), rng.integers(0, 5, 60)
    right = matched(clusters, classes).sum()
    assert right == matched(rng.permutation(5)[clusters] * 7, classes).sum()
    assert right >= max((rng.permutation(5)[clusters] == classes).sum() for _ in range(40))


# ---- the tree ----------------------------------------------------------------------------------------------------


def test_depth_reached_on_a_path_is_one_less_the_distance() -> None:
    tree = small_tree()
    taxa = stream(0, "taxa").integers(0, len(tree), (2, 200)).astype(np.int32)
    truth, guess = taxa
    steps = tree_distance(tree, truth, guess)
    depth = (tree.ancestors[truth] >= 0).sum(1)
    np.testing.assert_allclose(depth_reached(tree, truth, paths(tree, guess)), 1 - steps / depth)
