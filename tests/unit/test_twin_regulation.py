"""Forms of regulation: each keeps today's biomass at rest, and each has the exponent that its equation says."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from merian.core.errors import BadData, BadSetting
from merian.twin.balance import Balance
from merian.twin.build import trial
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.empirical import hunters, rainfall
from merian.twin.foodweb import FoodWeb
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import generated
from merian.twin.regulation import FORMS, regulated
from merian.twin.settings import TwinSettings
from merian.twin.solver import slopes
from merian.twin.worked import shipped


@pytest.fixture(scope="module")
def savanna() -> Ecosystem:
    worked = shipped("savanna")
    return made(worked.facts, worked.landscape(0, 8))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("all_of_them", [True, False])
def test_every_form_rests_where_the_web_rested(savanna: Ecosystem, form: str, all_of_them: bool) -> None:
    balance = savanna.balance()
    found = regulated(balance, form, 0.7 if form == "herds" else 1.4, None if all_of_them else hunters(savanna))
    assert found.start is balance.start
    moved = slopes(found.web, found.start)[: len(found.start)] / found.start
    assert np.abs(moved).max() < 1e-12
    assert (found.web.species >= 0).all()
    # and differs from it elsewhere
    other = slopes(found.web, 0.5 * found.start), slopes(balance.web, 0.5 * balance.start)
    assert (form == "interference") == (other[0] == pytest.approx(other[1], rel=1e-9))


@pytest.mark.parametrize(("exponent", "slope"), [(0.58, 1 / 0.58), (1.0, 1.0), (4 / 3, 0.75)])
def test_interference_with_exponent_m_makes_predators_go_as_prey_to_one_over_m(
    savanna: Ecosystem, exponent: float, slope: float
) -> None:
    balance = regulated(savanna.balance(), "ratio", exponent, hunters(savanna))
    prey, predators = rainfall(savanna, [500.0, 1000.0], balance=balance)
    assert np.diff(np.log(predators))[0] / np.diff(np.log(prey))[0] == pytest.approx(slope, abs=0.02)


def test_a_trial_with_another_form_says_what_persists_with_and_without(savanna: Ecosystem) -> None:
    found, numbers, _ = trial(savanna, TwinSettings(regulation="ratio", exponent=4 / 3, years=20))
    default = trial(savanna, TwinSettings(years=20))[0]
    by_name = {number.name: number.value for number in numbers}
    assert by_name["persist"] == 1.0
    assert by_name["persist.control"] < 0.5
    assert found["lowest"].to_list() != default["lowest"].to_list()


def test_what_is_no_form_is_said(savanna: Ecosystem) -> None:
    balance = savanna.balance()
    with pytest.raises(BadSetting, match="territory"):
        regulated(balance, "teritory")
    with pytest.raises(BadSetting, match="above 0"):
        regulated(balance, "ratio", 0.0)
    with pytest.raises(BadSetting, match="1 or more"):
        regulated(balance, "refuge", 0.5)
    with pytest.raises(BadSetting, match="at most 1"):
        regulated(balance, "herds", 1.1)


def test_eaters_that_eat_their_fill_may_be_too_much() -> None:
    web = FoodWeb.of(
        ["grass", "hare", "fox"],
        [(1, 0), (2, 1)],
        {
            "growth": [0.02, 0, 0],
            "capacity": [100.0, np.inf, np.inf],
            "loss": [0, 0.01, 0.01],
            "interference": [0, 1, 500],
        },
        {"attack": [0.001, 1.0], "handling": [1.0, 1.0], "efficiency": 0.5},
    )
    balance = Balance(web, np.array([90.0, 1.0, 0.5]), pl.DataFrame({"species": web.names}))
    with pytest.raises(BadData, match="hare"):
        regulated(balance, "territory", who=np.array([False, False, True]))


def test_animals_one_by_one_refuse_crowding() -> None:
    web = FoodWeb.of(
        ["grass", "hare"],
        [(1, 0)],
        {"growth": [0.1, 0], "capacity": 10.0, "loss": [0, 0.01], "crowding": [0, 0.1]},
        {"attack": 0.01},
    )
    ground = generated("plain", 1, 4, 100.0, (60.0,) * 12)
    animals = Animals(np.array([1, 3e3]), np.zeros(2), np.zeros(2), np.ones(2))
    with pytest.raises(BadData, match="crowding"):
        window(web, np.array([5.0, 1.0]), animals, ground, 20.0, WindowSettings())
