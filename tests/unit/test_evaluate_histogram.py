"""The colour-and-texture baseline."""

from __future__ import annotations

import numpy as np
import pytest

from merian.core.errors import BadData
from merian.evaluate.histogram import WIDTH, features, nearest_mean


def plain(colour: tuple[int, int, int], n: int = 1, size: int = 32) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (n, size, size, 3)).copy()


def test_features_are_unit_vectors_whatever_the_batch() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (300, 16, 16, 3), dtype=np.uint8)
    found = features(pixels)
    assert found.shape == (300, WIDTH)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.array_equal(found[257:260], features(pixels[257:260]))
    assert features(pixels[:0]).shape == (0, WIDTH)


def test_colour_and_texture_are_both_seen() -> None:
    red, also_red, blue = features(np.concatenate([plain((200, 20, 20)), plain((202, 22, 18)), plain((20, 20, 200))]))
    assert red @ also_red > red @ blue + 0.1
    across, down = plain((128, 128, 128)), plain((128, 128, 128))
    across[:, ::4], down[:, :, ::4] = 255, 255
    flat, rows, columns = features(np.concatenate([plain((160, 160, 160)), across, down]))
    assert rows @ columns < 0.95
    assert flat @ rows < 0.95


def test_place_matters_by_quarter() -> None:
    left = plain((250, 250, 250))
    left[:, :, :16] = (200, 20, 20)
    a, b = features(np.concatenate([left, left[:, :, ::-1]]))
    assert a @ b < 0.9


def test_other_arrays_are_refused() -> None:
    for wrong in (np.zeros((1, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros((1, 8, 8, 4), np.uint8)):
        with pytest.raises(BadData):
            features(wrong)


def test_nearest_mean_names_the_nearest_class() -> None:
    rng = np.random.default_rng(1)
    centres = np.eye(5, 8)
    classes = np.repeat([10, 20, 30, 40, 50], 6)
    train = (centres[classes // 10 - 1] + 0.05 * rng.standard_normal((30, 8))).astype(np.float32)
    queries = (centres + 0.05 * rng.standard_normal((5, 8))).astype(np.float32)
    assert nearest_mean(train, classes, queries).tolist() == [10, 20, 30, 40, 50]
