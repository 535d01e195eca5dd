"""What labels say of states: their mean and scatter, and the matrix that a particle filter learns from them, held against the sampler of `abundance`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.calibrate.abundance import Beliefs, abundance
from merian.twin.calibrate.known import REST, TRUE_MATRIX, Survey
from merian.twin.calibrate.particle import Keeping, tracked
from merian.twin.calibrate.seeing import Look
from merian.twin.calibrate.tracking import Months, look
from merian.twin.observe.labels import UNKNOWN, Confusion

PLAN = Months(survey=Survey(days=30.0, held_out=3000), months=2)
PHOTOS = REST[2:] * 1000 / np.array([45, 180, 60]) * PLAN.survey.exposure.sum(0)


def test_expected_labels_are_photos_times_the_matrix() -> None:
    states = np.concatenate([np.log(REST), np.zeros(3)])[None]
    mean, spread = look(PLAN, TRUE_MATRIX, True).expected(states, 0)
    assert mean[0] == pytest.approx(PHOTOS @ TRUE_MATRIX)
    together = TRUE_MATRIX.T @ np.diag(PHOTOS**2) @ TRUE_MATRIX
    assert spread[0] == pytest.approx(np.diag(mean[0]) + together / 40)
    own = np.concatenate([states, TRUE_MATRIX[:, :3].ravel()[None]], 1)
    assert look(PLAN, 1000 * TRUE_MATRIX).expected(own, 1)[0] == pytest.approx(mean)
    own[0, 5] = np.log(2.0)  # twice the exposure of the grazer
    assert look(PLAN, 1000 * TRUE_MATRIX).photos(own, 0)[0] == pytest.approx(PHOTOS * [2, 1, 1])


def test_the_covariance_of_roots_is_that_of_simulated_labels() -> None:
    """20,000 draws of photos over all cameras and of their labels; roots of counts below ten are not that near to normals."""
    eyes = look(PLAN, TRUE_MATRIX, True)
    states = np.concatenate([np.log(REST), np.zeros(3)])[None]
    rng = np.random.default_rng(1)
    photos = rng.poisson(PHOTOS * rng.gamma(40, 1 / 40, (20_000, 3)))
    labels = sum(rng.multinomial(photos[:, s], TRUE_MATRIX[s]) for s in range(3))
    roots = eyes.root(labels)
    assert roots.mean(0) == pytest.approx(eyes.predicted(states, 0)[0], rel=0.01)
    assert np.cov(roots.T) == pytest.approx(eyes.covariance(states, 0)[0], rel=0.12, abs=0.03)


def test_a_matrix_of_one_species_is_learnt_as_dirichlet_and_labels_give() -> None:
    """One species: every label is its own, so its row is Dirichlet(weights + labels), whatever its density."""
    weights = np.array([[8.0, 2.0]])
    eyes = Look(np.array([0]), 1, np.ones(1), np.full((3, 1), 10.0), np.full((3, 1), 0.1), weights)
    states = eyes.begun(np.zeros((20_000, 1)), 0.0, stream(1, "x"), True)
    for step, labels in enumerate(([5, 9], [3, 4], [0, 7])):
        states = eyes.learnt(states, step, np.array(labels), draws.key(1, "learn", step))
    share = eyes.matrix(states)[:, 0, 0]
    a, b = 8.0 + 8, 2.0 + 20
    assert share.mean() == pytest.approx(a / (a + b), abs=0.005)
    assert share.var() == pytest.approx(a * b / ((a + b) ** 2 * (a + b + 1)), rel=0.05)
    assert (states[:, -2:] == [8, 20]).all()


def test_the_particle_filter_learns_the_matrix_as_the_exact_sampler_does() -> None:
    """Densities that stay, a camera a step: posterior means of ln density and of the matrix are those of the Gibbs sampler of `abundance`, whose model is the
    same but for square roots as normals; without the move fewer matrices are left."""
    rng = np.random.default_rng(3)
    truth, matrix = np.array([20.0, 2.0]), np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2]])
    held = np.stack([rng.multinomial(40, row) for row in matrix])
    confusion = Confusion(("a", "b"), ("a", "b", UNKNOWN), held)
    steps, exposure, k = 10, 4.0, 4.0
    shown = rng.poisson(truth * exposure * rng.gamma(k, 1 / k, (steps, 2)))
    labels = np.array([sum(rng.multinomial(row[s], matrix[s]) for s in range(2)) for row in shown])
    beliefs = Beliefs(np.log(8.0), 1.0, np.log(k), 0.01, sweeps=3000)
    exact = abundance(labels, np.full((steps, 2), exposure), confusion, stream(1, "gibbs"), beliefs)
    given = np.full((steps, 2), exposure)
    eyes = Look(np.arange(2), 2, np.ones(2), given, np.full_like(given, 1 / k), confusion.weights)
    start = eyes.begun(np.log(8.0) + rng.normal(size=(6000, 2)), 0.0, stream(1, "start"), True)

    def likelihood(states: np.ndarray, step: int) -> np.ndarray:
        return eyes.log_likelihood(states, step, labels[step])

    def move(states: np.ndarray, step: int, key: draws.Key) -> np.ndarray:
        return eyes.learnt(states, step, labels[step], key)

    def still(states: np.ndarray, step: int, key: draws.Key) -> np.ndarray:
        return states

    found = {}
    for name, keep in (("moved", Keeping(move=move)), ("still", Keeping())):
        last = tracked(start, still, likelihood, steps, draws.key(2, "track"), keep).drawn(6000, stream(2, "d"))[-1]
        found[name] = len(np.unique(eyes.matrix(last)[:, 0, 0])), eyes.matrix(last).mean(0), last[:, :2].mean(0)
    count, mean, density = found["moved"]
    assert mean == pytest.approx(exact.matrix, abs=0.03)
    assert density == pytest.approx(np.log(exact.density).mean(0), abs=0.15)
    assert count > 2 * found["still"][0]


def test_looks_that_are_none() -> None:
    eyes = look(PLAN, TRUE_MATRIX, True)
    with pytest.raises(Mismatch, match="species, exposure and matrix"):
        replace(eyes, heads=np.ones(2))
    with pytest.raises(Mismatch, match="exposure and its scatter"):
        replace(eyes, together=np.ones((1, 3)))
    with pytest.raises(BadData, match="cameras, exposure"):
        replace(eyes, exposure=-eyes.exposure)
