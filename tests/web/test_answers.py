"""What is said of a photo, by itself."""

from __future__ import annotations

import numpy as np

from merian.web import answers


def test_the_best_are_those_of_a_whole_sort() -> None:
    rng = np.random.default_rng(0)
    for count in (0, 1, 4, 5, 6, 100):
        for _ in range(20):
            row = rng.integers(0, 8, count).astype(np.float32) / 8
            assert answers._best(row).tolist() == np.argsort(-row, kind="stable")[:5].tolist()
