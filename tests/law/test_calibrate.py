"""Laws of the calibration: the fitted scale is the best one, rows sum to the chance of being known, better is never less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST

from merian.identify.calibrate import ENOUGH, PRIOR_UNKNOWN, REFUSED, Calibration, fit


def drawn(seed: int, n: int, t: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Cosines [n, t], and truths drawn with the probabilities that `scale` gives: the scale is known."""
    rng = np.random.default_rng(seed)
    cosines = rng.uniform(-0.3, 0.9, (n, t)).astype(np.float32)
    odds = np.exp(scale * cosines.astype(np.float64))
    shares = odds / odds.sum(1, keepdims=True)
    truth = (rng.random((n, 1)) < shares.cumsum(1)).argmax(1)
    return cosines, truth


def loss(cosines: np.ndarray, truth: np.ndarray, scale: float) -> float:
    """Mean negative log-likelihood, written out."""
    logits = scale * cosines.astype(np.float64)
    logits -= logits.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(truth)), truth]))


@FAST
@given(st.integers(0, 9999), st.integers(ENOUGH, 80), st.integers(2, 12), st.floats(1, 60))
def test_no_scale_on_a_grid_is_better(seed: int, n: int, t: int, scale: float) -> None:
    cosines, truth = drawn(seed, n, t, scale)
    found = fit(cosines, truth, 20.0)
    best = min(loss(cosines, truth, s) for s in np.geomspace(0.5, 500, 60))
    assert 0.5 <= found.scale <= 500
    assert loss(cosines, truth, found.scale) <= best + 1e-6
    assert found.images == n


def test_a_known_scale_is_found_again() -> None:
    cosines, truth = drawn(1, 4000, 10, 12.0)
    assert fit(cosines, truth, 99.0).scale == pytest.approx(12.0, rel=0.1)


@FAST
@given(st.integers(0, 9999), st.integers(0, 6), st.integers(1, 12))
def test_rows_sum_to_the_chance_of_being_known(seed: int, n: int, t: int) -> None:
    cosines = np.random.default_rng(seed).uniform(-1, 1, (n, t)).astype(np.float32)
    for calibration in (Calibration(20.0), Calibration(100.0, 8.0, -3.0), Calibration(1.0, 1e6, -1e6)):
        shares = calibration.probabilities(cosines)
        assert shares.dtype == np.float32
        assert (shares >= 0).all()
        assert np.isfinite(shares).all()
        np.testing.assert_allclose(shares.sum(1), calibration.known(cosines.max(1)), atol=1e-5)
    np.testing.assert_allclose(Calibration(20.0).probabilities(cosines).sum(1), 1, atol=1e-5)


@FAST
@given(st.integers(0, 9999), st.integers(2, 12), st.floats(1, 100), st.floats(0.1, 30), st.floats(-9, 9))
def test_a_better_cosine_is_never_less_probable(seed: int, t: int, scale: float, slope: float, bias: float) -> None:
    cosines = np.random.default_rng(seed).uniform(-1, 0.9, (1, t)).astype(np.float32)
    calibration = Calibration(scale, slope, bias)
    shares = calibration.probabilities(cosines)[0]
    assert (np.diff(shares[np.argsort(cosines[0], kind="stable")]) >= 0).all()
    raised = cosines.copy()
    best = int(cosines[0].argmax())
    raised[0, best] += 0.05
    assert calibration.probabilities(raised)[0, best] >= shares[best]
    assert (np.diff(calibration.known(np.linspace(-1, 1, 9))) >= 0).all()


@FAST
@given(st.integers(0, 9999))
def test_the_prior_share_of_unknowns_is_in_the_fit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, t = 60, 8
    cosines = rng.uniform(-0.2, 0.3, (n, t)).astype(np.float32)
    truth = rng.integers(0, t, n)
    cosines[np.arange(n), truth] = rng.uniform(0.5, 0.9, n)
    found = fit(cosines, truth, 20.0)
    assert found.slope > 0
    struck = cosines.copy()
    struck[np.arange(n), truth] = -1
    assert found.known(cosines.max(1)).min() > 0.9
    assert found.known(struck.max(1)).mean() < 0.5
    # halfway between known and struck, where the evidence says nothing, the prior speaks
    neutral = -(found.bias - np.log((1 - PRIOR_UNKNOWN) / PRIOR_UNKNOWN)) / found.slope
    assert found.known(np.array([neutral]))[0] == pytest.approx(1 - PRIOR_UNKNOWN)


def test_too_few_images_or_labels_fit_nothing() -> None:
    cosines, truth = drawn(0, ENOUGH - 1, 5, 10.0)
    assert fit(cosines, truth, 33.0) == Calibration(33.0)
    assert fit(np.ones((50, 1), np.float32), np.zeros(50, np.int64), 33.0) == Calibration(33.0)
    assert fit(np.zeros((0, 5), np.float32), np.zeros(0, np.int64), 33.0) == Calibration(33.0)


def test_labels_that_cannot_be_told_apart_fit_no_chance_of_being_known() -> None:
    found = fit(np.full((50, 4), 0.3, np.float32), np.zeros(50, np.int64), 33.0)
    assert found.slope == 0
    assert found.images == 50
    assert np.isfinite(found.scale)


@FAST
@given(st.integers(0, 9999))
def test_few_of_the_images_that_it_was_fitted_on_are_told_none(seed: int) -> None:
    cosines, truth = drawn(seed, 200, 6, 30.0)
    found = fit(cosines, truth, 20.0)
    told = (1 - found.known(cosines.max(1)) >= found.none).mean()
    assert told <= REFUSED + 0.01 or found.slope == 0
    assert found.slope == 0 or told >= REFUSED - 0.01
