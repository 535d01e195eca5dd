"""Memory is reckoned before a run starts."""

from __future__ import annotations

import resource

import numpy as np
import pytest

from merian.core.errors import BadSetting
from merian.twin import memory
from merian.twin.ensemble import EnsembleSettings, Setting, ensemble
from merian.twin.grid.land import GridSettings, gridded
from merian.twin.landscape import generated
from merian.twin.memory import free_bytes, room_for
from merian.twin.scenario import Change, Scenario
from merian.twin.theory import _enrichment


def test_free_memory_is_told_and_a_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1e6 < free_bytes() < 1e15
    monkeypatch.setattr(resource, "getrlimit", lambda which: (5e8, 5e8))
    assert free_bytes() == 5e8


def test_what_does_not_fit_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 1e6)
    room_for(1e6, "members", 3, "fewer")
    with pytest.raises(BadSetting, match=r"'members' = 3: needs some 2\.0 GB of memory, and 0\.0 GB are free: fewer"):
        room_for(2e9, "members", 3, "fewer")
    setting = Setting.of(_enrichment(2.2), [1.0, 0.5])
    with pytest.raises(BadSetting, match="fewer members, years or species"):
        ensemble(setting, Scenario("x", (Change(what="rain", amount=0.5),)), EnsembleSettings(members=10_000))
    ground = generated("plain", 1, 128, 100.0, (50.0,) * 12)
    with pytest.raises(BadSetting, match="coarser landscape"):
        gridded(_enrichment(2.2), np.ones(2), np.zeros(2), ground, 20.0, GridSettings())
