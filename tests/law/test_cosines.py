"""Cosines by OpenVINO: NumPy's, in whatever precision rows are stored; a number does not depend on what else is computed with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.encode.cosines import Cosines
from merian.encode.seam import unit_rows

SIZES = (16, 24, 512, 768, 1024)


def rows(count: int, dim: int, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).standard_normal((count, dim)))


@pytest.mark.parametrize("dim", SIZES)
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_they_are_what_numpy_says(dim: int, kind: type) -> None:
    held, vectors, reference = rows(70, dim).astype(kind), rows(5, dim, 1), np.full(5, 0.25, np.float32)
    cosines, odds = Cosines(vectors, 30.0)(held, reference)
    wide = held.astype(np.float64)
    exact = vectors.astype(np.float64) @ wide.T
    np.testing.assert_allclose(cosines, exact, atol=1e-6)
    np.testing.assert_allclose(odds, np.exp(30.0 * (exact - 0.25)), rtol=1e-4)


@settings(deadline=None, max_examples=25)
@given(
    dim=st.sampled_from(SIZES),
    kind=st.sampled_from([np.float32, np.float16]),
    some=st.integers(1, 40),
    few=st.integers(1, 300),
)
def test_a_number_does_not_depend_on_its_neighbours(dim: int, kind: type, some: int, few: int) -> None:
    held, vectors, reference = rows(300, dim).astype(kind), rows(40, dim, 1), np.full(40, 0.25, np.float32)
    cosines, odds = (np.array(found) for found in Cosines(vectors, 30.0)(held, reference))
    part = Cosines(vectors[:some], 30.0)(held[:few], reference[:some])
    np.testing.assert_array_equal(part[0], cosines[:some, :few])
    np.testing.assert_array_equal(part[1], odds[:some, :few])


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_rows_that_may_not_be_written_are_read(kind: type) -> None:
    held = rows(3, 16).astype(kind)
    held.flags.writeable = False
    cosines, _ = Cosines(held[:1].astype(np.float32), 1.0)(held, np.zeros(1, np.float32))
    np.testing.assert_allclose(cosines[0, 0], 1.0, rtol=1e-3)


def test_the_smallest_numbers_of_float16_count_too() -> None:
    held, vectors = (rows(5, 32) * 1e-5).astype(np.float16), rows(2, 32, 1)
    cosines, _ = Cosines(vectors, 1.0)(held, np.zeros(2, np.float32))
    np.testing.assert_allclose(cosines, vectors.astype(np.float64) @ held.T.astype(np.float64), rtol=1e-4, atol=1e-12)


def test_a_processor_that_cannot_widen_float16_gets_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from merian.encode import cosines as module

    held, vectors, reference = rows(9, 32).astype(np.float16), rows(2, 32, 1), np.zeros(2, np.float32)
    wanted = [np.array(found) for found in Cosines(vectors, 9.0)(held, reference)]
    monkeypatch.setattr(module, "_widens", lambda: False)
    for own, other in zip(wanted, Cosines(vectors, 9.0)(held, reference), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("count", [1, 5, 9])
def test_another_reference_for_some_rows(kind: type, count: int) -> None:
    held, vectors, reference = rows(70, 32).astype(kind), rows(count, 32, 1), np.zeros(count, np.float32)
    some = Cosines(vectors, 30.0)
    some(rows(300, 32).astype(kind), reference)  # leaves more room than is needed
    some(held, reference)
    changed = np.arange(count) % 2 == 0
    reference[changed] = 0.5
    wanted = [np.array(found) for found in Cosines(vectors, 30.0)(held, reference)]
    for own, other in zip(some.again(held, reference, changed), wanted, strict=True):
        np.testing.assert_array_equal(own, other)
