"""The twin told each count: in a world of its own it says the next winter better than 'as now' and its intervals hold; rules are fitted to the past alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merian.core.chance import stream
from merian.twin.calibrate.scores import covered
from merian.twin.calibrate.state import believed
from merian.twin.ecosystem import made
from merian.twin.fields.following import COUNT_SD, LEARN, RULES, following, forecasts, ruled, scored
from merian.twin.fields.isle import MOOSE, WOLF
from merian.twin.fields.series import Series
from merian.twin.solver import run
from merian.twin.worked import shipped

DATA = Path(__file__).parents[3] / "shared" / "data" / "tables"


def test_rules_know_only_the_past() -> None:
    times = np.arange(40)
    told = np.stack([5 + 2 * 0.6**times, 3 + np.sin(times)], 1)
    gompertz = ruled(told, "Gompertz")
    assert np.isnan(gompertz[:LEARN]).all()
    # a course that is Gompertz's is said exactly from then on
    assert gompertz[LEARN:, 0] == pytest.approx(told[LEARN:, 0], abs=1e-6)
    assert ruled(told, "as now")[LEARN:] == pytest.approx(told[LEARN - 1 : -1])
    changed = told.copy()
    changed[30:] += 1.0
    for rule in RULES:
        assert ruled(changed, rule)[:31] == pytest.approx(ruled(told, rule)[:31], nan_ok=True)
    grows = np.empty((30, 2))
    grows[0] = np.log([100.0, 20.0])
    for at in range(1, 30):
        grows[at] = grows[at - 1] + 0.4 - np.array([0.001, 0.02]) * np.exp(grows[at - 1])
    assert ruled(grows, "logistic")[LEARN:] == pytest.approx(grows[LEARN:], abs=1e-6)


def test_a_world_of_its_own_is_followed() -> None:
    worked = shipped("isle-royale")
    ecosystem = made(worked.facts, worked.landscape(0, rows=8))
    members, balance = believed(ecosystem, 40, 3), ecosystem.balance()
    web, state = balance.web, np.log(balance.start)
    own = [web.names.index(name) for name in (MOOSE, WOLF)]
    heads = np.log(ecosystem.area_km2 * 1e6 / ecosystem.species["mass_g"][own])
    rng, logs = stream(5, "a world of its own"), []
    state[own] += [-0.8, 0.8]
    for _ in range(45):
        state = np.log(run(web, np.exp(state), [0.0, 365.25]).biomass[-1])
        state[own] += 0.15 * rng.standard_normal(2)
        logs.append(state[own] + heads + COUNT_SD * rng.standard_normal(2))
    counts = np.exp(np.array(logs))
    told = Series(np.arange(45.0) + 1959, {"moose": counts[:, 0], "wolves": counts[:, 1]})
    found = forecasts(told, ecosystem, members)
    twin, now = scored(found.mean, found.told), scored(ruled(found.told, "as now"), found.told)
    assert (twin < 1.05 * now).all()
    assert twin.sum() < now.sum()
    inside = covered(found.drawn[LEARN:].transpose(1, 0, 2), found.told[LEARN:]).mean()
    assert 0.75 <= inside <= 1.0
    assert forecasts(told, ecosystem, members).mean == pytest.approx(found.mean, nan_ok=True)


@pytest.mark.real
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")
def test_isle_royale_followed() -> None:
    rows = {row.name: row for row in following(DATA / "isle_royale.csv") if hasattr(row, "holds")}
    assert rows["followed, the next winter's moose"].holds
    assert rows["followed, moose within the forecast"].holds
    assert rows["followed, wolves within the forecast"].holds
    # it is no better than "as now": no skill that one could see
    assert rows["followed, the next winter's wolves"].found == pytest.approx(1.0, abs=0.05)
