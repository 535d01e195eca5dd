"""Motion between hours: it joins the hours, has no jumps, keeps the speed of its kind, turns no faster than it may, and is the same however it is looked at."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.frames.motion import PEAK, TURN_RAD_S, Gait, Hour, gait_of, moved

KEY = draws.key(7, "motion")
GAIT = gait_of(np.array([60.0, 20.0, np.nan]))
MANY, WIDE = 30, 4000.0


def hour(step: int = 3, seconds: float = 3600.0, bursts: bool = False, far: float = 150.0, seed: int = 1) -> Hour:
    rng = np.random.default_rng(seed)
    start = np.stack([*(500 + 3000 * rng.random((2, MANY))), 2 * np.pi * rng.random(MANY)])
    way, length = 2 * np.pi * rng.random(MANY), rng.exponential(far, MANY)
    end = np.stack([start[0] + length * np.cos(way), start[1] + length * np.sin(way), way])
    end[:2] = np.clip(end[:2], 0, WIDE)
    return Hour(np.arange(MANY) * 11, np.arange(MANY) % 2, start, end, np.full(MANY, bursts), step, seconds, WIDE)


def course(one: Hour, seconds: np.ndarray) -> np.ndarray:
    """[t, 4, a]"""
    looks = [moved(one, GAIT, float(at), KEY) for at in seconds]
    return np.array([[look.x, look.y, look.heading, look.speed] for look in looks])


@pytest.mark.parametrize("bursts", [False, True])
@pytest.mark.parametrize(("seconds", "far"), [(3600.0, 150.0), (900.0, 40.0), (3600.0, 4000.0), (60.0, 1.0)])
def test_a_step_begins_and_ends_as_the_ecology_says(bursts: bool, seconds: float, far: float) -> None:
    one = hour(seconds=seconds, far=far, bursts=bursts)
    first, last = course(one, np.array([0.0, seconds]))
    assert (first[:2] == one.start[:2]).all()
    assert (last[:2] == one.end[:2]).all()
    for found, told in ((first[2], one.start[2]), (last[2], one.end[2])):
        assert np.cos(found - told) == pytest.approx(1.0, abs=1e-12)
    assert (first[3] == 0).all()
    assert (last[3] == 0).all()


@pytest.mark.parametrize("bursts", [False, True])
def test_nobody_jumps_runs_faster_than_its_kind_or_turns_faster_than_it_may(bursts: bool) -> None:
    one, tick = hour(bursts=bursts), 0.25
    found = course(one, np.arange(0.0, 1800.0, tick))
    paces = np.hypot(*np.diff(found[:, :2], axis=0).swapaxes(0, 1)) / tick
    top = GAIT.top[one.species]
    assert (paces <= top * (1 + 1e-9)).all()
    assert (found[:, 3] <= top * (1 + 1e-9)).all()
    # what it says of its speed is the speed that it has
    apart = np.abs(paces - (found[1:, 3] + found[:-1, 3]) / 2)
    assert np.quantile(apart, 0.999) < 0.02
    turn = np.diff(found[:, 2], axis=0)
    turn = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
    assert (turn <= TURN_RAD_S * tick * (1 + 1e-9)).all()
    # who goes looks where it goes
    goes = paces > 0.1
    ahead = np.arctan2(np.diff(found[:, 1], axis=0), np.diff(found[:, 0], axis=0))
    both = (found[1:, 2] == found[:-1, 2]) & goes
    assert np.cos(ahead - found[1:, 2])[both] == pytest.approx(1.0, abs=1e-6)
    assert ((found[:, :2] >= 0) & (found[:, :2] <= WIDE)).all()


def test_a_moment_is_the_same_however_one_gets_there() -> None:
    one = hour(bursts=True)
    fine, coarse = course(one, np.arange(0.0, 60.01, 0.1)), course(one, np.arange(0.0, 60.5, 1.0))
    assert (fine[::10] == coarse).all()
    # and for each herd whoever else is there
    few = replace(
        one,
        who=one.who[5:9],
        species=one.species[5:9],
        start=one.start[:, 5:9],
        end=one.end[:, 5:9],
        bursts=one.bursts[5:9],
    )
    assert (moved(few, GAIT, 1234.5, KEY).x == moved(one, GAIT, 1234.5, KEY).x[5:9]).all()
    assert (moved(replace(one, step=4), GAIT, 1234.5, KEY).x != moved(one, GAIT, 1234.5, KEY).x).any()
    assert (moved(one, GAIT, 1234.5, draws.key(8, "motion")).x != moved(one, GAIT, 1234.5, KEY).x).any()


def test_herds_graze_between_legs_and_only_those_that_flee_or_chase_run() -> None:
    calm, wild = (course(hour(bursts=bursts, far=100.0), np.arange(0.0, 3600.0, 1.0)) for bursts in (False, True))
    still = (calm[:, 3] == 0).mean(0)
    assert (still > 0.25).all()
    assert still.max() < 1.0
    # one who goes 300 m or less in an hour need not hurry
    slow = np.hypot(*(hour(far=100.0).end - hour(far=100.0).start)[:2]) < 150
    kinds = np.arange(MANY) % 2
    assert (calm[:, 3].max(0)[slow] <= GAIT.walk[kinds][slow] * (1 + 1e-9)).all()
    assert (wild[:, 3].max(0) > 0.9 * GAIT.top[kinds]).all()
    # a burst lasts some nine seconds, of which this is the faster part
    assert ((wild[:, 3] > 0.5 * GAIT.top[kinds]).sum(0) < 12).all()


def test_a_step_that_asks_for_more_than_a_walk_is_run_and_one_that_cannot_be_done_is_done_all_the_same() -> None:
    far = replace(hour(), end=hour().start.copy())
    far.end[0] = np.where(far.start[0] < 2000, far.start[0] + 1900, far.start[0] - 1900)
    found = course(far, np.arange(0.0, 3600.0, 1.0))
    kinds = np.arange(MANY) % 2
    # 1.9 km and a little in seven tenths of an hour, at a speed that is higher in the middle of a leg
    slowest = PEAK * 1900 / (0.7 * 3600)
    assert (found[:, 3].max(0)[kinds == 1] > GAIT.walk[1]).all()
    assert (found[:, 3].max(0) >= 0.5 * slowest).all()
    rushed = replace(far, seconds=60.0)
    last = course(rushed, np.array([60.0]))[0]
    assert (last[:2] == far.end[:2]).all()
    assert math.isfinite(course(rushed, np.arange(0.0, 60.0, 0.5))[:, 3].max())


def test_gaits_and_moments_that_cannot_be() -> None:
    assert GAIT.walk[0] == pytest.approx(60 / 36)
    with pytest.raises(BadSetting, match="3600 s of the step"):
        moved(hour(), GAIT, 3601.0, KEY)
    with pytest.raises(BadData, match="no faster"):
        Gait(np.array([2.0]), np.array([1.0]))
    with pytest.raises(Mismatch, match="speeds"):
        Gait(np.ones(1), np.ones(2))
