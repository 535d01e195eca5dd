"""SimpleShot's CL2N, once more and slowly, straight from the paper (Wang et al. 2019, section 3): loops, no algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.core.chance import stream
from merian.evaluate.fewshot import classify, draw, run_folds


def slow(support: list[list[float]], classes: list[int], query: list[float]) -> int:
    """Centre on the mean of the support, scale to unit length, average per class, take the nearest by Euclidean distance."""

    def unit(v: list[float]) -> list[float]:
        length = math.sqrt(sum(x * x for x in v))
        return [x / length for x in v] if length else v

    shown = [unit(v) for v in support]
    centre = [sum(column) / len(shown) for column in zip(*shown, strict=True)]
    moved = [unit([x - c for x, c in zip(v, centre, strict=True)]) for v in shown]
    asked = unit([x - c for x, c in zip(unit(query), centre, strict=True)])
    best, nearest = -1, math.inf
    for name in sorted(set(classes)):
        mine = [v for v, c in zip(moved, classes, strict=True) if c == name]
        mean = [sum(column) / len(mine) for column in zip(*mine, strict=True)]
        distance = math.sqrt(sum((x - m) ** 2 for x, m in zip(asked, mean, strict=True)))
        if distance < nearest:
            best, nearest = name, distance
    return best


@pytest.mark.parametrize(("ways", "shots", "d"), [(2, 1, 3), (7, 5, 16), (20, 1, 64)])
def test_fast_agrees_with_slow(ways: int, shots: int, d: int) -> None:
    rng = stream(0, "simpleshot", ways, shots)
    centres = rng.standard_normal((ways, d))
    classes = np.repeat(np.arange(ways) * 3, shots)
    support = (centres[classes // 3] + rng.standard_normal((ways * shots, d))).astype(np.float32)
    queries = (centres[rng.integers(0, ways, 60)] + rng.standard_normal((60, d))).astype(np.float32)
    fast = classify(support, classes, queries)
    assert fast.tolist() == [slow(support.tolist(), classes.tolist(), q) for q in queries.tolist()]


def test_folds_agree_with_slow_over_the_same_draws() -> None:
    rng = stream(0, "simpleshot folds")
    classes, groups = np.repeat(np.arange(6), 9), np.arange(54) // 2
    vectors = (np.eye(6, 12)[classes] + 0.6 * rng.standard_normal((54, 12))).astype(np.float32)
    result = run_folds([vectors], classes, groups, shots=2, folds=3, seed=4, name="x")
    asked, right = np.zeros(54), np.zeros(54)
    for fold in range(3):
        split = draw(classes, groups, 2, stream(4, "few-shot", "x", 2, fold))
        for row in split.query.tolist():
            guess = slow(vectors[split.support].tolist(), classes[split.support].tolist(), vectors[row].tolist())
            asked[row] += 1
            right[row] += guess == classes[row]
    assert np.array_equal(result.asked, asked)
    assert np.array_equal(result.right[:, 0], right)
    assert result.ways == 6


def test_support_and_queries_never_share_a_group_or_an_image() -> None:
    for seed in range(20):
        rng = stream(seed, "draw")
        classes = rng.integers(0, 8, 120)
        groups = rng.integers(0, 6, 120)
        split = draw(classes, groups, 3, rng)
        assert not set(split.support) & set(split.query)
        shown, size = np.unique(classes[split.support], return_counts=True)
        assert (size == 3).all()
        assert np.isin(classes[split.query], shown).all()
        pairs = {(int(c), int(g)) for c, g in zip(classes[split.support], groups[split.support], strict=True)}
        together = {int(classes[q]) for q in split.query if (int(classes[q]), int(groups[q])) in pairs}
        assert len(together) <= split.shared


def test_a_class_of_one_group_is_asked_about_all_the_same_and_counted() -> None:
    split = draw(np.array([0, 0, 0, 1, 1, 1]), np.array([5, 5, 5, 1, 2, 3]), 1, stream(0))
    assert split.shared == 1
    assert (np.array([0, 0, 0, 1, 1, 1])[split.query] == 0).sum() == 2


def test_too_few_images_make_no_task() -> None:
    result = run_folds([np.eye(4, dtype=np.float32)], np.array([0, 0, 1, 2]), np.arange(4), 1, 2, 0, "none")
    assert result.ways == 0
    assert result.asked.sum() == 0
