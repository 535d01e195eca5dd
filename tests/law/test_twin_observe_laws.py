"""Laws of observation and calibration: pairs share their chance, labels lose no photo, weights are kept by resampling, scores order as they must."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.twin import draws
from merian.twin.calibrate.kalman import analysis, inflated, taper
from merian.twin.calibrate.particle import systematic
from merian.twin.calibrate.priors import Uniform
from merian.twin.calibrate.scores import averaged, covered, crps, pit, share
from merian.twin.calibrate.trades import traded
from merian.twin.observe.camera import Zone, counts, poisson
from merian.twin.observe.labels import recorded

SEEDS = st.integers(0, 2**40)
MEANS = st.lists(st.floats(0, 3000), min_size=1, max_size=20)
DISPERSION = st.one_of(st.just(math.inf), st.floats(0.05, 50))


@settings(deadline=None)
@given(MEANS, st.floats(1, 3), DISPERSION, SEEDS)
def test_a_larger_mean_never_gives_a_smaller_count_with_the_same_key(
    means: list[float], more: float, dispersion: float, seed: int
) -> None:
    key = draws.key(seed, "pairs")
    few = counts(means, dispersion, key)
    many = counts(np.array(means) * more, dispersion, key)
    assert (few >= 0).all()
    assert (many >= few).all()
    assert (counts(means, dispersion, key) == few).all()


@settings(deadline=None)
@given(MEANS, SEEDS)
def test_poisson_counts_are_the_smallest_whose_probability_reaches_the_uniform(means: list[float], seed: int) -> None:
    from scipy.special import pdtr

    key, rates = draws.key(seed, "quantile"), np.array(means)
    found, chance = poisson(rates, key, 3), draws.row(key, len(means), 3, 1)
    assert (pdtr(found, rates) >= chance).all()
    assert (np.where(found > 0, pdtr(found - 1.0, rates), -1.0) < chance).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.integers(1, 5), st.data(), SEEDS)
def test_every_photo_gets_one_label_and_more_photos_change_no_label_of_others(
    cameras: int, species: int, data: st.DataObject, seed: int
) -> None:
    numbers = st.lists(st.integers(0, 40), min_size=cameras * species, max_size=cameras * species)
    shown = np.array(data.draw(numbers)).reshape(cameras, species)
    matrix = np.random.default_rng(seed % 1000).dirichlet(np.full(species + 1, 0.5), species)
    key = draws.key(seed, "labels")
    labels = recorded(shown, matrix, key)
    assert (labels.sum(1) == shown.sum(1)).all()
    one = shown.copy()
    one[0, 0] += 1
    more = recorded(one, matrix, key) - labels
    assert (more >= 0).all()
    assert more.sum() == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 60), st.floats(0, 0.999))
def test_systematic_resampling_takes_each_as_often_as_its_weight_says(
    weights: list[float], count: int, start: float
) -> None:
    array = np.array(weights)
    if array.sum() < 1e-6:
        array[0] = 1.0
    taken = np.bincount(systematic(array, count, start), minlength=len(array))
    assert (np.abs(taken - count * array / array.sum()) < 1 + 1e-6).all()
    assert not taken[array == 0].any()


@settings(deadline=None)
@given(st.integers(2, 12), SEEDS, st.floats(0.01, 50), st.floats(-20, 20))
def test_crps_is_the_mean_over_pairs_and_grows_with_distance(size: int, seed: int, spread: float, truth: float) -> None:
    drawn = np.random.default_rng(seed % 10_000).normal(0, spread, size)
    pairs = np.abs(drawn[:, None] - drawn).sum() / (size * (size - 1))
    assert crps(drawn, truth) == pytest.approx(np.abs(drawn - truth).mean() - 0.5 * pairs, abs=1e-9 * spread)
    far = drawn.max() + 1
    assert crps(drawn, far + 1) == pytest.approx(crps(drawn, far) + 1, abs=1e-9 * spread + 1e-9)


@given(st.integers(0, 30), st.integers(0, 30), SEEDS)
def test_shares_and_means_lie_in_their_intervals(yes: int, no: int, seed: int) -> None:
    if yes + no:
        found = share([True] * yes + [False] * no)
        assert 0 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1
        assert found.n == yes + no
    mean = averaged(np.random.default_rng(seed % 1000).normal(size=5))
    assert mean.low < mean.value < mean.high


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 8), st.integers(1, 3), st.integers(1, 3), SEEDS)
def test_an_analysis_narrows_and_leaves_far_variables_alone(members: int, n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed % 10_000)
    ensemble, errors = rng.normal(size=(members, n)), rng.uniform(0.1, 2, k)
    predicted = ensemble @ rng.normal(size=(n, k))
    seen = rng.normal(size=k)
    after = analysis(ensemble, predicted, seen, errors)
    assert (after.var(0) <= ensemble.var(0) * (1 + 1e-9)).all()
    assert analysis(ensemble, predicted, np.full(k, np.nan), errors) == pytest.approx(ensemble)
    near = np.ones((n + k, k))
    near[0] = 0
    assert analysis(ensemble, predicted, seen, errors, near)[:, 0] == pytest.approx(ensemble[:, 0])
    assert inflated(ensemble, 1.3).mean(0) == pytest.approx(ensemble.mean(0))
    assert inflated(ensemble, 1.3).var(0) == pytest.approx(1.69 * ensemble.var(0))


def test_the_taper_falls_from_one_to_nothing() -> None:
    at = np.linspace(0, 3, 301)
    weights = taper(at, 2.0)
    assert weights[0] == 1
    assert (np.diff(weights) <= 1e-12).all()
    assert (weights[at >= 2] == 0).all()
    assert taper(1.0, 2.0) == pytest.approx(5 / 24)  # both branches meet there


@given(st.floats(-3, 3), st.floats(0.01, 5), st.floats(0.01, 0.99))
def test_a_uniform_prior_and_its_scale_without_bounds_undo_each_other(low: float, width: float, at: float) -> None:
    prior = Uniform(np.array([low]), np.array([low + width]))
    inside = np.array([[low + at * width]])
    assert prior.bound(prior.free(inside)) == pytest.approx(inside, abs=1e-9)


@given(st.floats(1e-4, 1), st.floats(0.01, math.pi))
def test_a_wider_zone_shows_more(radius: float, angle: float) -> None:
    assert Zone(radius, angle).width_km <= Zone(1.01 * radius, angle).width_km
    assert Zone(radius, 0.99 * angle).width_km < Zone(radius, angle).width_km


def test_pit_and_coverage_of_right_draws() -> None:
    """400 worlds, truth and 99 draws from one normal: PIT uniform, 90 % intervals hold the truth in 85 to 95 % (fixed seed)."""
    rng = np.random.default_rng(5)
    drawn, truth = rng.normal(size=(99, 400)), rng.normal(size=400)
    places = np.bincount((pit(drawn, truth, rng) * 10).astype(int), minlength=10)
    assert ((places - 40) ** 2 / 40).sum() < 28  # chi-squared, 9 degrees of freedom: 1 in 1000
    assert 0.85 < covered(drawn, truth).mean() < 0.95


def test_branches_of_a_key_are_keys_of_their_own() -> None:
    stem = draws.key(1, "stem")
    assert (draws.branch(stem, "a") == draws.branch(stem, "a")).all()
    assert (draws.branch(stem, "a") != draws.branch(stem, "b")).any()
    assert (draws.branch(stem, "a") != draws.branch(draws.key(2, "stem"), "a")).any()
    assert draws.row(stem, 5, 3, 2).tolist() == [draws.uniform(stem, who, 3, 2) for who in range(5)]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 9999), st.sampled_from([0.0, 0.3]))
def test_trades_keep_rows_that_sum_to_one_and_never_give_what_no_photo_could(
    species: int, cameras: int, seed: int, prior: float
) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.poisson(3.0, (species, species + 1)) * rng.integers(0, 2, (species, species + 1)) + prior
    weights[np.arange(species), np.arange(species)] += 20.0
    matrix = weights / weights.sum(1, keepdims=True)
    labels = rng.poisson(5.0, (cameras, species + 1))
    effort = rng.gamma(2.0, 1.0, (cameras, species)) * rng.integers(0, 2, (cameras, species))
    begun = rng.normal(size=species)
    row, rows = traded(labels, effort, (begun, 0.0, 1.0), matrix, weights, rng)
    assert np.isfinite(row).all()
    assert rows.sum(1) == pytest.approx(np.ones(species))
    assert (rows >= 0).all()
    assert (rows[weights == 0] == 0).all()
    # an animal that no camera can have seen is traded against nothing
    assert (row[effort.sum(0) == 0] == begun[effort.sum(0) == 0]).all()
