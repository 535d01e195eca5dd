"""Calibration beside answers that are known: Kalman's own filter, conjugate posteriors, a sampler's posterior by summing over a grid."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.core.chance import stream
from merian.twin import draws
from merian.twin.calibrate.abc import Plan, Posterior, adjusted, infer
from merian.twin.calibrate.abundance import Beliefs, abundance
from merian.twin.calibrate.kalman import Sight, analysis, filtered
from merian.twin.calibrate.particle import Keeping, tracked
from merian.twin.calibrate.priors import Normal
from merian.twin.calibrate.scores import covered, crps
from merian.twin.observe.labels import UNKNOWN, Confusion


def kalman(mean: np.ndarray, spread: np.ndarray, model: tuple, observed: np.ndarray) -> list[tuple]:
    """Kalman's filter (Kalman 1960) as its textbook equations: (mean, covariance, log density of the observation) after each step."""
    move, noise, look, errors = model
    out = []
    for seen in observed:
        mean, spread = move @ mean, move @ spread @ move.T + noise
        total = look @ spread @ look.T + errors
        away = seen - look @ mean
        log = -0.5 * (away @ np.linalg.solve(total, away) + math.log(np.linalg.det(2 * np.pi * total)))
        gain = spread @ look.T @ np.linalg.inv(total)
        mean, spread = mean + gain @ away, (np.eye(len(mean)) - gain @ look) @ spread
        out.append((mean, spread, log))
    return out


MOVE, NOISE = np.array([[0.9, 0.2], [0.0, 0.8]]), np.diag([0.3, 0.2])
LOOK, ERRORS = np.array([[1.0, 0.5], [0.0, 1.0], [1.0, -1.0]]), np.diag([0.5, 1.0, 0.8])


def course(steps: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    state, seen = rng.normal(size=2), []
    for _ in range(steps):
        state = MOVE @ state + rng.normal(size=2) @ np.sqrt(NOISE)
        seen.append(LOOK @ state + rng.normal(size=3) @ np.sqrt(ERRORS))
    return np.array(seen)


def test_one_analysis_is_kalmans_for_the_sample_covariance() -> None:
    rng = np.random.default_rng(1)
    ensemble, seen = rng.normal(size=(8, 2)) @ np.array([[1, 0.4], [0, 2]]), np.array([0.3, -1.0, 2.0])
    after = analysis(ensemble, ensemble @ LOOK.T, seen, np.diag(ERRORS))
    model = (np.eye(2), np.zeros((2, 2)), LOOK, ERRORS)
    mean, spread, _ = kalman(ensemble.mean(0), np.cov(ensemble.T), model, seen[None])[0]
    assert after.mean(0) == pytest.approx(mean, rel=1e-10)
    assert np.cov(after.T) == pytest.approx(spread, rel=1e-10)


def test_an_analysis_of_errors_that_depend_on_each_other_is_kalmans_too() -> None:
    rng = np.random.default_rng(4)
    ensemble, seen = rng.normal(size=(9, 2)), np.array([0.3, -1.0, 2.0])
    errors = np.array([[1.0, 0.6, 0.1], [0.6, 0.9, 0.0], [0.1, 0.0, 0.5]])
    after = analysis(ensemble, ensemble @ LOOK.T, seen, errors)
    mean, spread, _ = kalman(
        ensemble.mean(0), np.cov(ensemble.T), (np.eye(2), np.zeros((2, 2)), LOOK, errors), seen[None]
    )[0]
    assert after.mean(0) == pytest.approx(mean, rel=1e-10)
    assert np.cov(after.T) == pytest.approx(spread, rel=1e-10)
    part = analysis(ensemble, ensemble @ LOOK.T, [0.3, np.nan, 2.0], errors)
    some = [0, 2]
    model = (np.eye(2), np.zeros((2, 2)), LOOK[some], errors[np.ix_(some, some)])
    assert part.mean(0) == pytest.approx(kalman(ensemble.mean(0), np.cov(ensemble.T), model, seen[None, some])[0][0])


def forecast(states: np.ndarray, step: int, key: draws.Key) -> np.ndarray:
    rng = np.random.default_rng(key)
    return states @ MOVE.T + rng.normal(size=states.shape) @ np.sqrt(NOISE)


def test_the_ensemble_filter_is_kalmans_in_a_linear_world() -> None:
    """4,000 members, 12 steps: means within 0.1 standard deviations, variances within 10 % (fixed seeds)."""
    seen = course(12)
    start = np.random.default_rng(2).normal(size=(4000, 2))
    errors = np.diag(ERRORS)
    found = filtered(
        start, forecast, Sight(lambda x, _: x @ LOOK.T, lambda *_: errors), seen, draws.key(1, "linear"), 1.0
    )
    for states, (mean, spread, _) in zip(
        found.states, kalman(np.zeros(2), np.eye(2), (MOVE, NOISE, LOOK, ERRORS), seen), strict=True
    ):
        assert np.abs(states.mean(0) - mean).max() < 0.1 * np.sqrt(np.diag(spread)).min()
        assert states.var(0) == pytest.approx(np.diag(spread), rel=0.1)


def test_an_observation_taken_in_by_parts_is_the_same_in_a_linear_world() -> None:
    """Five times with five times the variance: the same mean and covariance to rounding."""
    seen, start, errors = course(1), np.random.default_rng(2).normal(size=(20, 2)), np.diag(ERRORS)
    once, parted = (
        filtered(
            start,
            forecast,
            Sight(lambda x, _: x @ LOOK.T, lambda *_: errors, parts=parts),
            seen,
            draws.key(1, "parts"),
            1.0,
        )
        for parts in (1, 5)
    )
    assert parted.states.mean(1) == pytest.approx(once.states.mean(1), rel=1e-9)
    for one, other in zip(once.states, parted.states, strict=True):
        assert np.cov(other.T) == pytest.approx(np.cov(one.T), rel=1e-9)


def test_localisation_brings_a_small_ensemble_nearer_to_kalmans() -> None:
    """Thirty variables that have nothing to do with each other, ten members: chance covariances mislead, and are taken away by weights of 0 (fixed seeds)."""
    rng = np.random.default_rng(5)
    state, seen = np.zeros(30), []
    for _ in range(15):
        state = 0.9 * state + rng.normal(0, 0.5, 30)
        seen.append(state + rng.normal(0, 0.5, 30))
    exact = [
        m
        for m, _, _ in kalman(
            np.zeros(30),
            np.eye(30),
            (0.9 * np.eye(30), 0.25 * np.eye(30), np.eye(30), 0.25 * np.eye(30)),
            np.array(seen),
        )
    ]

    def ahead(states: np.ndarray, step: int, key: draws.Key) -> np.ndarray:
        return 0.9 * states + np.random.default_rng(key).normal(0, 0.5, states.shape)

    off = []
    for near in (None, np.concatenate([np.eye(30), np.eye(30)])):
        sight = Sight(lambda states, _: states, lambda *_: np.full(30, 0.25), near)
        start = np.random.default_rng(6).normal(size=(10, 30))
        found = filtered(start, ahead, sight, np.array(seen), draws.key(1, "near"))
        off.append(float(np.sqrt(((found.mean - exact) ** 2).mean())))
    assert off[1] < 0.5 * off[0]
    assert off[1] < 0.3


def test_the_particle_filter_is_kalmans_in_a_linear_world() -> None:
    """8,000 worlds, 12 steps: means within 0.15 standard deviations, variances within 15 %, log evidence within 0.3 (fixed seeds)."""
    seen = course(12)
    inverse = np.linalg.inv(ERRORS)
    constant = -0.5 * math.log(np.linalg.det(2 * np.pi * ERRORS))

    def likelihood(states: np.ndarray, step: int) -> np.ndarray:
        away = seen[step] - states @ LOOK.T
        return constant - 0.5 * np.einsum("mi,ij,mj->m", away, inverse, away)

    start = np.random.default_rng(2).normal(size=(8000, 2))
    found = tracked(start, forecast, likelihood, 12, draws.key(2, "linear"))
    exact = kalman(np.zeros(2), np.eye(2), (MOVE, NOISE, LOOK, ERRORS), seen)
    for at, (mean, spread, _) in enumerate(exact):
        away = found.states[at] - found.mean[at]
        assert np.abs(found.mean[at] - mean).max() < 0.15 * np.sqrt(np.diag(spread)).min()
        assert found.weights[at] @ away**2 == pytest.approx(np.diag(spread), rel=0.15)
    assert found.evidence == pytest.approx(sum(log for _, _, log in exact), abs=0.3)
    assert (found.effective > 1).all()


def test_a_particle_filter_of_a_constant_is_the_conjugate_posterior() -> None:
    """A normal mean with prior N(0, 2), ten observations of variance 1: posterior N(sum / (10 + 1/4), 1 / (10 + 1/4))."""
    seen = np.random.default_rng(7).normal(1.0, 1.0, 10)
    start = 2.0 * np.random.default_rng(8).normal(size=(20_000, 1))

    def likelihood(states: np.ndarray, step: int) -> np.ndarray:
        return -0.5 * (seen[step] - states[:, 0]) ** 2

    found = tracked(
        start, lambda states, step, key: states, likelihood, 10, draws.key(1, "constant"), Keeping(least=0.0)
    )
    mean, variance = seen.sum() / 10.25, 1 / 10.25
    assert found.mean[-1, 0] == pytest.approx(mean, abs=0.02)
    assert found.weights[-1] @ (found.states[-1, :, 0] - mean) ** 2 == pytest.approx(variance, rel=0.1)


def test_abc_of_a_normal_mean_is_the_conjugate_posterior() -> None:
    """Prior N(0, 3), twenty observations of variance 4 as their mean, and a summary of noise: posterior mean within 0.15 sd, sd within 15 % when adjusted."""
    prior, seen = Normal(np.array([0.0]), np.array([3.0])), np.array([1.7, 50.0])

    def simulate(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
        noise, other = (draws.normal(key, who, 0, 0) for who in (0, 1))
        return np.array([parameters[0] + noise * 2 / math.sqrt(20), 50 + 1000 * other])

    found = infer(prior, simulate, seen, 1, Plan(400, 0.5, 5, 12_000))
    assert list(found.tolerances) == sorted(found.tolerances, reverse=True)
    assert found.effective > 100
    precision = 1 / 9 + 20 / 4
    mean, sd = 1.7 * 5 / precision, 1 / math.sqrt(precision)
    for posterior, tolerance in ((found, 0.35), (adjusted(found, prior, seen), 0.15)):
        drawn = posterior.drawn(2000, stream(1, "drawn"))[:, 0]
        assert drawn.mean() == pytest.approx(mean, abs=0.15 * sd)
        assert drawn.std() == pytest.approx(sd, rel=tolerance)


def test_abc_that_sets_out_elsewhere_comes_to_the_same_posterior() -> None:
    """Prior N(0, 1), observed 1.2 with variance 1: N(0.6, 0.5), also where the first generation is proposed from N(1.5, 0.9)."""
    prior = Normal(np.zeros(1), np.ones(1))

    def simulate(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
        return np.array([parameters[0] + draws.normal(key, 0, 0, 0)])

    for plan in (Plan(1000, 0.5, 1, 2000), Plan(1000, 0.5, 3, 20_000)):
        found = infer(prior, simulate, [1.2], 4, plan, Normal(np.array([1.5]), np.array([0.9])))
        moved = adjusted(found, prior, [1.2])
        mean = float(moved.weights @ moved.parameters[:, 0])
        assert mean == pytest.approx(0.6, abs=0.1)
        assert float(moved.weights @ (moved.parameters[:, 0] - mean) ** 2) == pytest.approx(0.5, abs=0.1)


def test_a_regression_of_many_summaries_on_few_simulations_is_as_wide_as_a_prediction() -> None:
    """400 times 30 simulations, nine summaries, of which one says something: the truth lies in 90 % intervals as often as they say, as in Student's prediction
    by a regression (Seber & Lee 2003, section 5.3.1). Residuals taken as they are hold it in 76 %."""
    rng, prior, hits = np.random.default_rng(6), Normal(np.zeros(1), np.full(1, 10.0)), []
    for _ in range(400):
        parameters = rng.normal(size=(31, 1))
        summaries = np.hstack([parameters + 0.5 * rng.normal(size=(31, 1)), rng.normal(size=(31, 8))])
        # all as far away: the weights are even, and the posterior is the plain regression
        found = Posterior(parameters[1:], np.full(30, 1 / 30), summaries[1:], np.ones(30), np.ones(9), (1.0,), 30)
        drawn = adjusted(found, prior, summaries[0]).drawn(30, rng)
        hits.append(covered(drawn, parameters[0]))
    assert 0.86 < np.mean(hits) < 0.94


def test_crps_of_a_normal() -> None:
    """The closed form sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)) (Gneiting & Raftery 2007, eq. 5)."""
    drawn = np.random.default_rng(9).normal(2.0, 3.0, 200_000)
    for truth in (2.0, 5.0, -4.0):
        z = (truth - 2.0) / 3.0
        cdf, density = 0.5 * (1 + math.erf(z / math.sqrt(2))), math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        assert crps(drawn, truth) == pytest.approx(
            3 * (z * (2 * cdf - 1) + 2 * density - 1 / math.sqrt(math.pi)), abs=0.03
        )


def test_abundance_of_one_species_is_its_posterior_on_a_grid() -> None:
    """One species, no confusion: density and dispersion by summing the negative binomial over a grid."""
    from scipy.special import gammaln

    photos, exposure = np.array([0, 3, 1, 7, 0, 2, 2, 12]), np.full(8, 0.5)
    beliefs = Beliefs(sweeps=6000, thin=1)
    rows = np.array([[1.0, 0.0]])
    found = abundance(np.column_stack([photos, 0 * photos]), exposure[:, None], rows, stream(1, "grid"), beliefs)
    logs, ks = np.meshgrid(np.linspace(-1, 5, 241), np.linspace(-4, 4, 161), indexing="ij")
    mean, k = np.exp(logs)[..., None] * exposure, np.exp(ks)[..., None]
    like = (gammaln(photos + k) - gammaln(k) + k * np.log(k / (k + mean)) + photos * np.log(mean / (k + mean))).sum(-1)
    post = np.exp(like - like.max() - 0.5 * (logs / 3) ** 2 - 0.5 * ks**2)
    post /= post.sum()
    for drawn, grid in ((np.log(found.density[:, 0]), logs), (np.log(found.dispersion[:, 0]), ks)):
        mean_ = (post * grid).sum()
        sd = math.sqrt((post * (grid - mean_) ** 2).sum())
        assert drawn.mean() == pytest.approx(mean_, abs=0.12 * sd)
        assert drawn.std() == pytest.approx(sd, rel=0.12)


def test_abundance_through_an_uncertain_matrix_is_a_sum_over_draws_of_what_is_believed() -> None:
    """Two species at three cameras, the rare one like the common: 200,000 draws of density, dispersion, camera factors and matrix from what is believed, each
    weighed by the Poisson probability of the labels (importance sampling: Robert & Casella 2004, Monte Carlo Statistical Methods, section 3.3)."""
    held, labels = np.array([[54, 4, 2], [1, 14, 5]]), np.array([[14, 3, 1], [9, 1, 0], [20, 2, 1]])
    confusion = Confusion(("a", "b"), ("a", "b", UNKNOWN), held)
    beliefs, many, rng = Beliefs(1.0, 1.0, math.log(3), 0.4, sweeps=4000), 200_000, stream(1, "summed")
    logs = 1.0 + rng.standard_normal((many, 2))
    k = np.exp(math.log(3) + 0.4 * rng.standard_normal((many, 2)))
    gammas = rng.standard_gamma(np.broadcast_to(confusion.weights, (many, 2, 3)))
    matrix = gammas / gammas.sum(2, keepdims=True)
    like = np.zeros(many)
    for camera in labels:
        mean = ((np.exp(logs) * rng.standard_gamma(k) / k)[:, :, None] * matrix).sum(1)
        like += (camera * np.log(mean) - mean).sum(1)
    weights = np.exp(like - like.max())
    weights /= weights.sum()
    assert 1 / (weights**2).sum() > 500
    found = abundance(labels, np.ones((3, 2)), confusion, stream(2, "summed"), beliefs)
    drawn, middle = np.log(found.density), weights @ logs
    sd = np.sqrt(weights @ (logs - middle) ** 2)
    assert (np.abs(drawn.mean(0) - middle) < 0.12 * sd).all()
    assert drawn.std(0) == pytest.approx(sd, rel=0.1)
    assert found.matrix == pytest.approx(np.einsum("n,nsl->sl", weights, matrix), abs=0.01)
