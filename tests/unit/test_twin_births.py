"""Births by season: when, how many, by whom, and at whose cost."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import FoodWeb
from merian.twin.herds.seasons import Births, Breeding, begun, breeding_of, greenest_day
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import generated
from merian.twin.odd import Purpose, odd

ADULT = np.array([100_000.0])


def kind(**changes: float) -> Breeding:
    """A grazer with one young a year, carried 240 days and born about day 60."""
    facts = {
        "litter": 1.0,
        "litters_year": 1.0,
        "gestation_days": 240.0,
        "peak_day": 60.0,
        "spread_days": 10.0,
    } | changes
    return Breeding(**{name: np.array([value]) for name, value in facts.items()})


def herds(count: int = 400, each: int = 10, fat: float = 20.0) -> dict[str, np.ndarray]:
    species = np.zeros(count, np.int64)
    values = {
        "who": np.arange(count),
        "species": species,
        "number": np.full(count, each),
        "mass": np.full(count, fat * ADULT[0]),
    }
    return values | begun(count)


def course(
    breeding: Breeding, years: int, fat: float = 20.0, days: float = 1.0, each: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """The births per animal that there was at the start, by day, all being fed to the same condition; and the number in each herd at the end."""
    values, process, born = herds(fat=fat, each=each), Births(breeding, ADULT), []
    for step in range(round(years * 365.25 / days)):
        before = values["number"].sum()
        process.step(values, Moment(step, step * days, days, draws.key(2, "births")))
        born.append((values["number"].sum() - before) / (400 * each))
        # the young are taken away and the others fed: what is looked at is the rate of births
        values["pregnant"] *= (values["number"] / each)[:, None]
        values["number"][:], values["mass"][:] = each, fat * ADULT[0]
    return np.array(born), values["number"]


def test_births_come_in_a_pulse_about_their_day_and_as_wide() -> None:
    born, _ = course(kind(), 3)
    days = np.arange(len(born)) % 365.25 + 0.5
    share = born[366:] / born[366:].sum()
    mean = float(share @ days[366:])
    assert mean == pytest.approx(60.0, abs=1.5)
    assert math.sqrt(float(share @ (days[366:] - mean) ** 2)) == pytest.approx(10.0, rel=0.1)
    # nobody is pregnant at the start: in the first year births wait for a whole gestation
    assert born[:240].sum() == 0.0


@pytest.mark.parametrize(
    ("changes", "yearly"),
    [
        ({}, 0.5),
        ({"litter": 1.4}, 0.7),
        ({"litters_year": 0.5}, 0.25),
        ({"litters_year": 3.0, "gestation_days": 60.0, "litter": 4.0}, 6.0),
        ({"spread_days": math.inf}, 0.5),
        ({"gestation_days": 371.0, "litters_year": 0.9}, 0.45),
        ({"gestation_days": 650.0, "litters_year": 0.25}, 0.125),
        ({"gestation_days": 20.0, "litters_year": 6.0, "litter": 5.0}, 15.0),
    ],
)
def test_each_female_that_is_fit_has_the_litters_of_her_kind(changes: dict[str, float], yearly: float) -> None:
    """Half are females; litters a year times their size each, those with long pregnancies too. Mean of the years after the first pregnancies."""
    born, _ = course(kind(**changes), 12, days=2.0)
    assert born[len(born) // 3 :].sum() / 8 == pytest.approx(yearly, rel=0.06)


def test_thin_females_conceive_less_and_very_thin_ones_not() -> None:
    """How many of a herd are pregnant after the season, by what they weigh: fit from 1.0 of an adult on, none at 0.9."""
    shares = []
    for fat in (1.2, 1.0, 0.95, 0.9, 0.7):
        values = herds(count=4, fat=fat)
        Births(kind(spread_days=0.0), ADULT).step(values, Moment(0, 185.0, 1.0, draws.key(1)))
        shares.append(values["pregnant"].sum(1).mean())
        assert values["due"][0, 0] == pytest.approx(365.25 + 60.0)
    assert shares == pytest.approx([0.5, 0.5, 0.25, 0.0, 0.0])


def test_what_the_young_weigh_their_mothers_lose_and_no_herd_gets_thin_by_births() -> None:
    values, process = herds(fat=1.25, each=100), Births(kind(litter=1.2), ADULT)
    mass = float((values["number"] * values["mass"]).sum())
    for step in range(366 + 110):
        flow = process.step(values, Moment(step, float(step), 1.0, draws.key(4)))["biomass"]
        assert flow.went == 0.0
    assert float((values["number"] * values["mass"]).sum()) == pytest.approx(mass, rel=1e-12)
    # 50 mothers in a herd of 100 could bear 60; what it has laid on raises 25
    assert (values["number"] == 125).all()
    assert values["mass"] == pytest.approx(ADULT[0])


def test_fat_is_kept_for_a_litter_and_beyond_that_not_laid_on() -> None:
    for litter, most in ((0.4, 1.3), (3.0, 2.5)):
        values = herds(count=2, each=3, fat=4.0)
        flow = Births(kind(litter=litter), ADULT).step(values, Moment(0, 0.0, 1.0, draws.key(1)))["biomass"]
        assert values["mass"] == pytest.approx(most * ADULT[0])
        assert flow.went == pytest.approx(2 * 3 * (4.0 - most) * 100.0)


def test_the_middle_of_the_rains() -> None:
    assert greenest_day([0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0]) == pytest.approx(3.5 * 365.25 / 12)
    assert math.cos(greenest_day([50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50]) * 2 * math.pi / 365.25) == pytest.approx(1.0)
    assert greenest_day([7.0] * 12) == 0.0


def test_breeding_is_made_of_traits_and_of_nothing_where_they_are_not_known() -> None:
    traits = {
        "litter_size": [2.0, np.nan, 1.0],
        "litters_year": [1.5, 1.0, 0.3],
        "gestation_days": [100.0, 90.0, 900.0],
    }
    found = breeding_of({name: np.array(values) for name, values in traits.items()}, 30.0)
    assert found.seasonal.tolist() == [True, False, False]
    assert found.seasons[0] == 2.0
    with pytest.raises(BadData, match="two years at most"):
        kind(gestation_days=900.0)
    with pytest.raises(BadData, match="numbers from 0 on"):
        kind(litters_year=math.nan)
    with pytest.raises(Mismatch, match="columns of breeding"):
        replace(kind(), peak_day=np.zeros(2))
    with pytest.raises(BadData, match="above 0 g"):
        Births(kind(), np.zeros(1))
    with pytest.raises(BadData, match="thin, fit, fattest"):
        Births(kind(), ADULT, thin=1.2)


def field(seed: int, breeding: Breeding | None, threads: int = 1) -> Engine:
    species = {"growth": [1 / 60, 0.0], "capacity": [500.0, math.inf], "loss": [0.0, 8e-3], "interference": [0.0, 0.02]}
    web = FoodWeb.of(["grass", "hare"], [(1, 0)], species, {"attack": 8e-4, "handling": 5.0, "efficiency": 0.3})
    who = Animals(np.array([1.0, 3000.0]), np.array([0.0, 1e-3]), np.array([0.0, 1e5]), np.array([1.0, 4.0]), breeding)
    settings = WindowSettings(days=1.0, seed=seed, threads=threads)
    return window(web, np.array([250.0, 2.0]), who, generated("plain", 1, 4, 100.0, (60.0,) * 12), 22.0, settings)


def hares() -> Breeding:
    two = {
        "litter": [0.0, 3.0],
        "litters_year": [1.0, 2.0],
        "gestation_days": [1.0, 42.0],
        "peak_day": [0.0, 80.0],
        "spread_days": [10.0, 10.0],
    }
    return Breeding(**{name: np.array(values) for name, values in two.items()})


def test_a_window_whose_animals_breed_by_season_keeps_its_books_and_has_more_in_season(tmp_path) -> None:
    engine, count = field(3, hares()), []
    for _ in range(365):
        engine.step()
        values = engine.world.values
        count.append(int(values["number"].sum()))
    rise = np.diff(count)
    # births about days 80 and 263, and in between the number falls
    assert rise[60:100].sum() > 0.1 * count[60]
    assert rise[110:200].sum() < 0
    assert rise[243:283].sum() > 0
    assert "### births\n\nFemales conceive in the season" in odd(engine, Purpose("Hares"))
    half = field(3, hares(), threads=2)
    half.run(150, folder=tmp_path)
    again = field(3, hares())
    again.run(365, folder=tmp_path)
    assert again.world.digest() == engine.world.digest()
    with pytest.raises(Mismatch, match="breeding and food web"):
        field(3, kind())
