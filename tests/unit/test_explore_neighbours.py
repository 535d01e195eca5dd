"""Neighbours are exact; what they tell of taxa has the chance level it says."""

from __future__ import annotations

import numpy as np
import pytest

from merian.core.chance import stream
from merian.core.vectors import normalise
from merian.explore import neighbours
from merian.explore.neighbours import finite, kept_neighbours, mean_of, nearest, shared_rank


def brute(points: np.ndarray, k: int, groups: np.ndarray | None = None) -> np.ndarray:
    gaps = np.sqrt(((points[:, None].astype(float) - points) ** 2).sum(-1))
    gaps[np.eye(len(points), dtype=bool)] = np.inf
    if groups is not None:
        gaps[groups[:, None] == groups] = np.inf
    return np.sort(gaps, 1)[:, :k]


@pytest.mark.parametrize(("n", "k"), [(5, 4), (700, 1), (700, 30), (1500, 90)])
def test_neighbours_are_those_of_a_search_one_by_one(n: int, k: int) -> None:
    points = stream(0, "near", n, k).standard_normal((n, 7))
    rows, gaps = nearest(points, k)
    assert rows.shape == gaps.shape == (n, k)
    assert not (rows == np.arange(n)[:, None]).any()
    assert np.allclose(gaps, brute(points, k), atol=1e-9)
    true = np.sqrt(((points[:, None] - points[rows]) ** 2).sum(-1))
    assert np.allclose(gaps, true, atol=1e-9)
    some = np.array([n - 1, 0])
    assert np.array_equal(nearest(points, k, None, some)[0], rows[some])


def test_neighbours_far_from_the_origin_are_found_in_float32() -> None:
    points = (stream(0, "far").standard_normal((600, 5)) + 1000).astype(np.float32)
    assert np.allclose(nearest(points, 10)[1], brute(points, 10), atol=1e-3)


def test_neighbours_in_sorted_rows_are_found_though_a_sample_misses_them() -> None:
    """A near one in a place that the sample passes over, and rows that are all alike."""
    points = np.full((400, 1), 100.0)
    points[1:5, 0] = [0.1, 0.2, 0.3, 0.4]
    assert nearest(points, 3)[0][1].tolist() == [2, 3, 4]
    assert (nearest(np.ones((300, 2)), 4)[1] == 0).all()


def test_neighbours_leave_out_the_own_group() -> None:
    points, groups = stream(0, "groups").standard_normal((90, 4)), np.arange(90) // 2
    rows, gaps = nearest(points, 4, groups)
    assert not (groups[rows] == groups[:, None]).any()
    assert np.allclose(gaps, brute(points, 4, groups))


def test_chance_counts_images_of_other_groups_only() -> None:
    """Two species, three images of the first in one group: by hand."""
    taxa, groups = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 2, 3])
    near = np.array([[3], [4], [5], [0], [5], [0]])
    share, chance = shared_rank(taxa, groups, near)
    assert share.tolist() == [1, 0, 0, 1, 1, 0]
    # of the first three: image 3 among images 3, 4, 5; of image 3: 0, 1, 2 among five; of the last two: each other among five
    assert np.allclose(chance, [1 / 3, 1 / 3, 1 / 3, 3 / 5, 1 / 5, 1 / 5])


def test_chance_is_what_vectors_that_know_nothing_give() -> None:
    rng = stream(0, "nothing")
    groups = np.repeat(np.arange(300), 4)
    taxa = (np.arange(300) % 3)[groups]
    near, _ = nearest(rng.standard_normal((1200, 6)), 10, groups)
    share, chance = shared_rank(taxa, groups, near)
    mean, low, high = mean_of(share, groups)
    assert low is not None
    assert high is not None
    assert chance.mean() == pytest.approx(396 / 1196)
    assert mean == pytest.approx(chance.mean(), abs=0.02)


def test_the_interval_counts_groups_and_not_images() -> None:
    rng = stream(0, "interval")
    once = rng.random(200)
    alone = mean_of(once, np.arange(200))
    copied = mean_of(np.repeat(once, 9), np.repeat(np.arange(200), 9))
    assert copied == pytest.approx(alone)
    # by hand: 1.96 standard errors of the mean
    half = 1.96 * once.std(ddof=1) / np.sqrt(200)
    assert alone == pytest.approx((once.mean(), once.mean() - half, once.mean() + half))
    assert mean_of(once[:8], np.repeat([0, 1], 4))[1:] == (None, None)


def test_kept_neighbours_of_many_are_asked_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = stream(0, "kept")
    vectors = normalise(rng.standard_normal((240, 12)))
    assert (kept_neighbours(vectors, vectors.astype(float)) == 1).all()
    whole = kept_neighbours(vectors, rng.standard_normal((240, 2)))
    assert whole.mean() == pytest.approx(10 / 239, abs=0.02)
    monkeypatch.setattr(neighbours, "ASKED", 30)
    assert kept_neighbours(vectors, vectors.astype(float)).tolist() == [1] * 30
    assert kept_neighbours(vectors[:1], np.zeros((1, 2))).tolist() == [1]


def test_points_that_are_no_numbers_are_named() -> None:
    from merian.core.errors import BadData

    with pytest.raises(BadData, match="2 of 3 vectors are no numbers"):
        finite(np.array([[1.0, np.nan], [0, 0], [np.inf, 1]]), "vectors", "vectors")
