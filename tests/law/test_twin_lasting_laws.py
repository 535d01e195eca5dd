"""Cameras that keep their place: what lasts is found again, and intervals that heed it hold the truth as often as they say; others are too narrow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadSetting, Mismatch
from merian.twin import draws
from merian.twin.calibrate.abundance import Beliefs, abundance
from merian.twin.calibrate.known import Survey
from merian.twin.calibrate.lasting import gathered, lasting_share, overlap, parted, placed
from merian.twin.calibrate.priors import Normal
from merian.twin.calibrate.sbc import ranks
from merian.twin.calibrate.tracking import Months, followed

PERIODS, CAMERAS = 6, 12
BELIEFS = Beliefs(0.0, 1.0, 0.0, 0.5, sweeps=90)
MATRIX = np.array([[1.0, 0.0]])
OUT = np.full((PERIODS * CAMERAS, 1), 4.0)
OWN = np.tile(np.arange(CAMERAS), PERIODS)


@given(st.floats(0.1, 20.0), st.floats(0.0, 1.0))
@settings(deadline=None)
def test_both_factors_make_up_the_scatter(dispersion: float, share: float) -> None:
    lasts, fresh = parted(dispersion, share)
    assert lasts >= 0
    assert fresh >= 0
    assert (1 + lasts) * (1 + fresh) == pytest.approx(1 + 1 / dispersion)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_what_lasts_is_found_again(share: float) -> None:
    mean = np.full((3000, 1), 6.0)
    counts = np.stack([placed(mean, 1.0, share, draws.key(2, "lasting"), step)[:, 0] for step in range(8)])
    expected = np.broadcast_to(counts.mean(1, keepdims=True), counts.shape)
    assert counts.var() == pytest.approx(6 + 36, rel=0.15)
    assert lasting_share(counts, expected, 1.0) == pytest.approx(share, abs=0.15)
    # the same places, whatever is counted there
    again = placed(2 * mean, 1.0, 1.0, draws.key(2, "lasting"), 3)[:, 0]
    assert np.corrcoef(again, counts[0])[0, 1] > 0.8 or share < 1


def test_few_animals_and_cameras_that_move_on() -> None:
    nobody, out = np.zeros((3, 5)), np.ones((3, 5))
    assert lasting_share(nobody, out, 1.0) == 1.0
    assert lasting_share(np.ones((1, 5)), np.ones((1, 5)), 1.0) == 0.0
    apart = np.zeros((3, 6, 1))
    for step in range(3):
        apart[step, 2 * step : 2 * step + 2] = 5.0
    assert overlap(apart) == pytest.approx([0.0])
    assert overlap(np.full((3, 6, 1), 5.0)) == pytest.approx([1 / 6])
    with pytest.raises(BadSetting, match="share"):
        parted(1.0, 1.2)
    with pytest.raises(Mismatch, match="rows"):
        gathered(np.ones((3, 2)), np.ones((3, 1)), [0, 1])


def test_a_camera_is_added_up_over_its_rows() -> None:
    labels, days = gathered([[1, 0], [2, 1], [5, 0]], [[1.0], [2.0], [4.0]], [7, 3, 7])
    assert labels.tolist() == [[2, 1], [6, 0]]
    assert days.tolist() == [[2.0], [5.0]]


def photographed(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
    """Counts of every camera in every period, cameras at places that last: [periods * cameras]."""
    density, dispersion = np.exp(parameters)
    mean = density * OUT[:CAMERAS]
    return np.concatenate([placed(mean, dispersion, 1.0, key, step)[:, 0] for step in range(PERIODS)]).astype(float)


def sampled(heeded: bool):
    def sample(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        labels = np.stack([counts.astype(np.int64), np.zeros(len(counts), np.int64)], 1)
        rows = gathered(labels, OUT, OWN) if heeded else (labels, OUT)
        found = abundance(*rows, MATRIX, rng, BELIEFS)
        chosen = np.linspace(0, len(found.density) - 1, 19).astype(int)
        return np.log(np.column_stack([found.density, found.dispersion]))[chosen]

    return sample


def test_intervals_that_heed_places_hold_the_truth_and_others_do_not() -> None:
    prior = Normal(np.zeros(2), np.array([1.0, 0.5]))
    right, narrow = (ranks(prior, photographed, sampled(heeded), 60, 4) for heeded in (True, False))
    assert (right.p_value(5) > 0.01).all()
    assert all(0.8 <= score.value <= 1.0 for score in right.coverage())
    assert narrow.p_value(5).min() < 1e-4
    assert narrow.coverage()[0].value < right.coverage()[0].value - 0.2


def test_a_filter_that_heeds_places_is_nearer_and_less_sure() -> None:
    plan = Months(survey=Survey(cameras=12, days=30.0, dispersion=0.3), months=10, members=30, lasting=1.0)
    way = (("ensemble filter", "matrix with its uncertainty"),)
    right, narrow = (followed(range(14), way, replace(plan, heeded=heeded)) for heeded in (True, False))
    assert np.mean([row.coverage.value for row in right]) > np.mean([row.coverage.value for row in narrow]) + 0.03
    assert np.mean([row.crps.value for row in right]) < np.mean([row.crps.value for row in narrow])
