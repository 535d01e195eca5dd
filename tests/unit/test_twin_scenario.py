"""Scenarios and paired ensembles: what each change does, what is refused, and that pairs differ by the scenario alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch, Missing, Unstable
from merian.twin.ensemble import Effect, Ensemble, EnsembleSettings, Setting, effects, ensemble
from merian.twin.foodweb import FoodWeb
from merian.twin.rates import GROWTH, METABOLISM
from merian.twin.scenario import Change, Scenario, read_scenario
from merian.twin.solver import Limits, run

QUICK = EnsembleSettings(members=6, years=8, settle=5, threads=1)


def web() -> FoodWeb:
    species = {
        "growth": [0.02, 0.01, 0, 0],
        "capacity": [100.0, 60.0, math.inf, math.inf],
        "loss": [0, 0, 1e-3, 5e-4],
        "harvest": [0, 0, 1e-4, 1e-4],
    }
    links = {"attack": [1e-4, 2e-4, 2e-3], "handling": 2.0, "efficiency": [0.5, 0.5, 0.8]}
    return FoodWeb.of(["grass", "tree", "hare", "fox"], [(2, 0), (2, 1), (3, 2)], species, links)


def setting() -> Setting:
    return Setting.of(web(), [50.0, 30.0, 5.0, 1.0], doubt=0.1)


def scenario(*changes: Change) -> Scenario:
    return Scenario("what if", changes)


def columns(*changes: Change, year: float = 5.0) -> tuple[dict, dict]:
    species, links = scenario(*changes).columns(web(), year, np.array([False, False, True, True]), 15.0)
    own = web().changed()
    one = FoodWeb(own.names, species, own.eater, own.eaten, links)
    return {n: one[n] for n in ("growth", "capacity", "loss", "harvest")}, {n: one[n] for n in ("attack", "handling")}


def test_each_change_does_what_it_says() -> None:
    species, _ = columns(Change(what="harvest", species="hare", amount=0.3))
    assert species["harvest"] == pytest.approx([0, 0, 1e-4 + 0.3 / 365.25, 1e-4])
    species, _ = columns(Change(what="protect", amount=0.25))
    assert species["harvest"] == pytest.approx([0, 0, 0.75e-4, 0.75e-4])
    species, _ = columns(Change(what="habitat", species="tree", amount=0.4))
    assert species["capacity"][:2] == pytest.approx([100, 36])
    species, _ = columns(Change(what="rain", amount=0.5))
    assert species["capacity"][:2] == pytest.approx([50, 30])
    assert species["growth"] == pytest.approx([0.01, 0.005, 0, 0])
    _, links = columns(Change(what="refuge", species="hare", amount=0.2))
    assert links["attack"] == pytest.approx([1e-4, 2e-4, 0.8 * 2e-3])
    species, links = columns(Change(what="warming", amount=3.0))
    assert species["growth"][0] == pytest.approx(0.02 * GROWTH.at(1, 18.0) / GROWTH.at(1, 15.0))
    assert species["loss"][2] == pytest.approx(1e-3 * METABOLISM.at(1, 18.0) / METABOLISM.at(1, 15.0))
    assert (links["handling"] < 2.0).all()


def test_warming_leaves_the_rates_of_endotherms_alone() -> None:
    hot = scenario(Change(what="warming", amount=3.0))
    species, links = hot.columns(web(), 1.0, np.zeros(4, bool), 15.0)
    assert (species[:, 2:] == web().species[:, 2:]).all()
    assert (links == web().links).all()
    assert (species[0, :2] > web().species[0, :2]).all()


def test_ramps_and_ends() -> None:
    change = Change(what="habitat", amount=0.8, year=2, ramp=4, until=10)
    assert [change.share(year) for year in (1.9, 2, 4, 6, 9.9, 10)] == [0, 0, 0.5, 1, 1, 0]
    assert Change(what="rain", amount=0.5, year=3).share(3) == 1
    assert change.words == "habitat all: 0.8, from year 2 over 4 years until year 10"


def test_what_happens_at_one_moment() -> None:
    changes = scenario(
        Change(what="remove", species="fox", year=2.5), Change(what="introduce", species="hare", amount=3, year=4)
    )
    assert changes.turns(8) == [2.5, 4]
    assert changes.start(web(), np.ones(4), 2.5).tolist() == [1, 1, 1, 0]
    assert changes.start(web(), np.ones(4), 4).tolist() == [1, 1, 4, 1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"what": "removed"}, "did you mean 'remove'"),
        ({"what": "rain", "amount": 4.0}, "lies from 0 to 3"),
        ({"what": "rain", "amount": math.nan}, "lies from 0 to 3"),
        ({"what": "remove", "species": "fox", "ramp": 2.0}, "happens at one moment"),
        ({"what": "remove"}, "needs the name of one species"),
        ({"what": "rain", "year": 5.0, "until": 5.0}, "must come after the year 5"),
    ],
)
def test_changes_that_cannot_be(given: dict, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        Change(**given)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(what="remove", species="foxes"), "is not in the ecosystem of grass, tree, hare, fox"),
        (Change(what="rain", amount=0.5, year=9), "the run ends in year 8"),
        (Change(what="habitat", species="fox", amount=0.5), "concerns what grows: grass, tree"),
    ],
)
def test_scenarios_that_do_not_fit_the_web(change: Change, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        ensemble(setting(), scenario(change), QUICK)


def test_a_scenario_from_toml(tmp_path) -> None:
    file = tmp_path / "drought.toml"
    file.write_text('title = "Drought"\n[[change]]\nwhat = "rain"\namount = 0.4\nyear = 2\nuntil = 4\n')
    found = read_scenario(file)
    assert found == Scenario("Drought", (Change(what="rain", amount=0.4, year=2, until=4),))
    assert found.beyond() == [
        "rain all: 0.4, from year 2 until year 4 lies outside 0.5 to 1.5, where constants were measured"
    ]
    for text, error, said in (
        ("", BadData, "at least one"),
        ('titel = "x"\n', BadSetting, "did you mean 'title'"),
        ("change = 3\n", BadSetting, r"written as \[\[change\]\]"),
        ('[[change]]\nwhat = "rain"\namonut = 2\n', BadSetting, "did you mean 'amount'"),
        ("[[change\n", BadSetting, "not valid TOML"),
    ):
        file.write_text(text)
        with pytest.raises(error, match=said):
            read_scenario(file)
    with pytest.raises(Missing):
        read_scenario(tmp_path / "none.toml")


def test_no_change_is_no_effect_and_the_pair_is_the_same_until_the_change() -> None:
    none = ensemble(setting(), scenario(Change(what="rain", amount=1.0)), QUICK)
    assert (none.baseline == none.scenario).all()
    assert none.baseline.std(0).min() > 0
    found = ensemble(setting(), scenario(Change(what="remove", species="fox", year=3.5)), QUICK)
    early = found.years < 3.5
    assert (found.baseline == none.baseline).all()
    assert (found.baseline[:, early] == found.scenario[:, early]).all()
    assert (found.scenario[:, ~early, 3] == 0).all()
    # in a member whose hares were gone before there is nothing to rise
    alive = found.baseline[:, -1, 2] > 0
    assert alive.sum() >= 5
    assert (found.scenario[alive, -1, 2] > found.baseline[alive, -1, 2]).all()
    assert found.years[0] == 0
    assert found.years[-1] == 8


def test_the_same_bytes_for_any_number_of_threads_and_members() -> None:
    change = scenario(Change(what="harvest", species="hare", amount=0.2, year=1, ramp=2))
    one = ensemble(setting(), change, QUICK)
    many = ensemble(setting(), change, replace(QUICK, threads=3, members=9))
    assert many.scenario[:6].tobytes() == one.scenario.tobytes()
    other = ensemble(setting(), change, replace(QUICK, seed=1))
    assert (other.scenario != one.scenario).any()


def test_without_doubt_every_member_is_the_solver_itself() -> None:
    sure = Setting.of(web(), [50.0, 30.0, 5.0, 1.0], doubt=0.0)
    found = ensemble(
        sure,
        scenario(Change(what="remove", species="fox", year=100.0)),
        replace(QUICK, years=101, settle=0, relative=1e-8, rain_spread=0),
    )
    plain = run(web(), [50.0, 30.0, 5.0, 1.0], found.years * 365.25, Limits(1e-9, 1e-15)).biomass
    assert found.baseline[0] == pytest.approx(plain, rel=1e-3, abs=1e-6)
    assert (found.baseline[0] == found.baseline[5]).all()


def test_rain_has_mean_one_and_the_memory_that_is_given() -> None:
    from merian.twin.ensemble import _rain

    rain = _rain(EnsembleSettings(years=10_000, rain_spread=0.5, rain_memory=0.7), np.random.default_rng(1))
    assert rain.mean() == pytest.approx(1, abs=0.05)
    swing = np.log(rain)
    assert swing.std() == pytest.approx(0.5, abs=0.03)
    assert np.corrcoef(swing[:-1], swing[1:])[0, 1] == pytest.approx(0.7, abs=0.03)


def test_effects_count_members_and_say_so() -> None:
    found = ensemble(setting(), scenario(Change(what="remove", species="fox", year=1)), QUICK)
    rows = {row.species: row for row in effects(found, 3)}
    assert rows["fox"].gone == 6
    assert rows["fox"].fell == 6
    assert rows["fox"].median == 0
    assert (
        rows["fox"].words
        == "fox falls in 6 of 6 runs (median -100 %; 9 in 10 runs: -100 % to -100 %); it is gone in 6 of 6, without the change in 0."
    )
    assert rows["hare"].rose == 6
    assert rows["hare"].words.startswith("hare rises in 6 of 6 runs (median ")
    assert (
        Effect("elk", 1, 1, 1, 0, 0, 0, 0, 4).words
        == "elk stays as it is in all 4 runs (median 0 %; 9 in 10 runs: 0 % to 0 %)."
    )
    assert (
        Effect("elk", math.nan, math.nan, math.nan, 0, 0, 4, 4, 4).words
        == "elk is gone in all runs, with the change and without it."
    )
    assert Effect("elk", 0.9, 1, 1, 2, 1, 0, 0, 64).words.startswith(
        "elk stays as it is in 61 of 64 runs, falls in 2, rises in 1 ("
    )
    assert Effect("elk", 0.7, 0.9, 1.2, 40, 20, 0, 0, 64).words.startswith("elk falls in 40 of 64 runs, rises in 20 (")
    said = Effect("trees", 0.7, 0.9, 1.2, 2, 0, 2, 0, 3, 0.5, 2.0, 3).words
    assert said.startswith("trees fall in 2 of 3 runs (")
    assert said.endswith(
        "; they are gone in 2 of 3, without the change in 0; in year 2 there was less of them in all 3 runs (median -50 %)."
    )
    for name, how in (
        ("trees and herbs", "stay as they are"),
        ("Canis lupus", "stays as it is"),
        ("hippopotamus", "stays"),
    ):
        assert Effect(name, 1, 1, 1, 0, 0, 0, 0, 3).words.startswith(f"{name} {how} ")
    assert Effect("elk", 1, 1, 1, 0, 0, 0, 0, 2, 0.5, 2.0, 2).words == (
        "elk stays as it is in both runs (median 0 %; 9 in 10 runs: 0 % to 0 %); in year 2 there was less of it in both runs (median -50 %)."
    )
    assert Effect("elk", 1, 1, 1, 0, 0, 0, 0, 1).words.startswith("elk stays as it is in the one run (")
    assert "12 times as much" in Effect("elk", 1, 12.0, 15, 0, 4, 0, 0, 4).words


def test_what_comes_and_goes_is_told_by_the_year_in_which_it_was_furthest() -> None:
    years = np.arange(0, 40.25, 0.25)
    baseline = np.ones((4, len(years), 3))
    after = baseline.copy()
    dip = (years >= 12) & (years < 13)
    after[:, dip, 0] = 0.6
    after[3, dip, 0] = 0.99
    after[:, :, 1] = 0.7  # as far at the end as ever
    after[:, dip, 2] = 0.97  # no more than a twentieth
    passing, lasting, small = effects(Ensemble(years, ("hare", "elk", "fir"), baseline, after, ()))
    assert (passing.far, passing.far_year, passing.far_runs, passing.moved) == (pytest.approx(0.6), 12.0, 3, 3)
    assert passing.words.endswith("; in year 12 there was less of it in 3 of 4 runs (median -40 %).")
    for other in (lasting, small):
        assert math.isnan(other.far)
        assert other.far_runs == 0
    assert lasting.furthest == pytest.approx(-math.log(0.7))


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(Mismatch, match="start and food web"):
        Setting.of(web(), np.ones(3))
    with pytest.raises(BadData, match="standard deviation"):
        Setting.of(web(), np.ones(4), doubt=-0.1)


def test_members_that_fail_are_told_and_all_failing_raises(monkeypatch) -> None:
    from merian.twin import ensemble as module

    def failing(web, start, times, limits):
        raise Unstable("food web", "biomass", "hare", 3)

    monkeypatch.setattr(module, "run", failing)
    with pytest.raises(Unstable, match="all members; the first: process 'food web'"):
        ensemble(setting(), scenario(Change(what="rain", amount=0.9)), QUICK)
