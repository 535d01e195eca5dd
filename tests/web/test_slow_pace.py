"""A twin that goes as slowly as time does: shots between two steps, each later than the one before, and the ecology as it was."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from merian.twin.frames.stage import Stage
from merian.twin.worked import opened
from merian.web.running import SLOWEST, LiveSettings, Running, Shot

SLOW = LiveSettings(window_km=6.0, rows=8, herds=60, step_hours=1.0, hours_s=0.5, frames_s=20.0)


def test_a_slow_twin_shows_herds_on_their_ways() -> None:
    shots: list[Shot] = []
    enough = threading.Event()

    def tell(what: str, said: Any) -> None:
        if what == "shot":
            shots.append(said)
            if len(shots) >= 8:
                enough.set()

    running = Running(lambda: Stage(opened("savanna", 0), SLOW), SLOW, tell)
    running.pace(0.0)
    assert running.hours_s == SLOWEST
    running.pace(0.5)
    running.begin()
    assert enough.wait(300.0)
    running.end()
    days = np.array([shot.views[0].day for shot in shots[1:8]])
    # a fortieth of an hour from shot to shot
    assert np.diff(days) * 24 == pytest.approx(0.5 / 20)
    assert {shot.views[0].step for shot in shots[1:8]} == {1}
    places = np.stack([shot.views[0].x for shot in shots[1:8]])
    assert (np.abs(np.diff(places, axis=0)) > 0).any()
