"""Tier C: movement, weather and feeding on a landscape; what is conserved, what holds one cell and many together, and going on after a kill."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadData, BadSetting, Mismatch, Unstable
from merian.twin import draws
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.feeding import Feeding
from merian.twin.grid.land import GridSettings, gridded
from merian.twin.grid.moving import Gates, Moving, spread
from merian.twin.grid.theory import SPACE
from merian.twin.grid.weather import Air, Rain, Soil, demand_mm_day, mean_rain, radiation_mm_day, season_mean
from merian.twin.landscape import Landscape, generated
from merian.twin.solver import Limits, run

MONTHS = (90.0, 100.0, 130.0, 110.0, 60.0, 20.0, 10.0, 15.0, 30.0, 50.0, 80.0, 95.0)
QUIET = GridSettings(rain_spread=0.0, threads=1)


def web() -> FoodWeb:
    species = {
        "growth": [1 / 60, 1 / 90, 0, 0],
        "capacity": [500.0, 60, math.inf, math.inf],
        "loss": [0, 0, 8e-3, 4e-3],
        "interference": [0, 0, 0.02, 0.3],
    }
    links = {"attack": [4e-4, 1e-3, 3e-3], "handling": [5.0, 5.0, 8.0], "efficiency": [0.3, 0.3, 0.5]}
    return FoodWeb.of(["grass", "tree", "hare", "fox"], [(2, 0), (2, 1), (3, 2)], species, links)


def start() -> np.ndarray:
    return run(web(), [300.0, 40, 5, 1], [0.0, 20_000.0]).biomass[-1]


def savanna(rows: int = 6, **changes: object) -> Engine:
    moves = np.array([0.0, 0.0, 2e4, 1e5])
    return gridded(web(), start(), moves, generated("plain", 3, rows, 1000.0, MONTHS), 22.0, replace(QUIET, **changes))


@pytest.mark.parametrize("family", SPACE, ids=[family.__name__ for family in SPACE])
def test_theory_of_space_holds(family) -> None:
    assert [f"{row.name}: {row.found} for {row.target}" for row in family() if not row.holds] == []


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 6), st.floats(0, 5), st.floats(0.01, 30), st.integers(0, 10**6))
def test_moving_conserves_and_never_takes_more_than_there_is(
    rows: int, columns: int, rate: float, days: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    gates = Gates(rng.uniform(0, 1, (rows, columns - 1)), rng.uniform(0, 1, (rows - 1, columns)))
    field, quality = rng.uniform(0, 9, (rows, columns)), rng.normal(0, 2, (rows, columns))
    after = spread(field, rate, quality, gates, days)
    assert after.sum() == pytest.approx(field.sum(), rel=1e-12)
    assert (after >= 0).all()


def test_animals_come_to_stand_as_the_quality_of_cells() -> None:
    rng = np.random.default_rng(2)
    quality = rng.normal(0, 1, (5, 4))
    gates = Gates(rng.uniform(0.2, 1, (5, 3)), rng.uniform(0.2, 1, (4, 4)))
    rest = spread(np.ones((5, 4)), 1.0, quality, gates, 2000.0)
    assert rest == pytest.approx(20 * np.exp(quality) / np.exp(quality).sum(), rel=1e-6)


def test_a_fence_holds_from_whichever_side_it_was_written_down() -> None:
    land = np.ones((1, 4), bool)
    for fences in ([0, 2, 0, 0], [0, 0, 8, 0]):
        gates = Gates.of(land, np.array([fences], float))
        assert gates.east.tolist() == [[1, 0, 1]]
        after = spread(np.array([[8.0, 0, 0, 0]]), 1.0, np.zeros((1, 4)), gates, 200.0)
        assert after == pytest.approx(np.array([[4.0, 4, 0, 0]]), abs=1e-9)
    assert Gates.of(land, np.array([[0, 2, 0, 0.0]]), 0.1).east.tolist() == [[1, 0.1, 1]]
    tall = Gates.of(np.array([[True], [True], [False]]), np.array([[4.0], [0], [0]]))
    assert tall.south.tolist() == [[0], [0]]
    with pytest.raises(BadData, match="open from 0 to 1"):
        Gates(np.array([[1.5]]), np.zeros((0, 2)))


def test_movement_that_cannot_be() -> None:
    gates = Gates.of(np.ones((2, 2), bool))
    with pytest.raises(Mismatch):
        spread(np.ones((2, 3)), 1.0, np.zeros((2, 3)), gates, 1.0)
    with pytest.raises(BadData, match="not nan"):
        spread(np.ones((2, 2)), math.nan, np.zeros((2, 2)), gates, 1.0)
    with pytest.raises(BadData, match="quality"):
        spread(np.ones((2, 2)), 1.0, np.full((2, 2), np.nan), gates, 1.0)
    with pytest.raises(BadData, match="rates of movement"):
        Moving(np.array([-1.0]), gates)


def test_radiation_of_the_published_example() -> None:
    """FAO-56, example 8: 3 September at 20 degrees south, 32.2 MJ m-2 day-1; and table 2.6, equator in January, 36.2."""
    assert radiation_mm_day(-20.0, 245) * 2.45 == pytest.approx(32.2, abs=0.1)
    assert radiation_mm_day(0.0, 14) * 2.45 == pytest.approx(36.2, abs=0.3)
    assert radiation_mm_day(80.0, 355) == 0.0
    assert demand_mm_day(Air(-20.0, 20.0, 12.0), 245) == pytest.approx(
        0.0023 * 32.2 / 2.45 * 37.8 * math.sqrt(12), rel=0.005
    )


def test_rain_keeps_the_months_and_years_differ() -> None:
    months = np.array(MONTHS)[:, None, None]
    days = np.arange(0, 365.25, 0.25)
    assert sum(mean_rain(months, day)[0, 0] * 0.25 for day in days) == pytest.approx(sum(MONTHS), rel=0.005)
    assert mean_rain(months, 365.25 / 24)[0, 0] == pytest.approx(MONTHS[0] / (365.25 / 12))
    rain, key = Rain(months, 0.3), draws.key(1, "rain")
    factors = []
    for year in range(2000):
        values = {"rain": np.zeros((1, 1))}
        rain.step(values, Moment(0, year * 365.25, 7.0, key))
        factors.append(values["rain"][0, 0] / mean_rain(months, 3.5)[0, 0])
    assert np.mean(factors) == pytest.approx(1.0, abs=0.03)
    assert np.std(np.log(factors)) == pytest.approx(0.3, abs=0.02)


def test_the_soil_keeps_its_books_and_its_brim() -> None:
    soil = Soil(Air(brim_mm=100.0), 10.0)
    values = {"rain": np.array([[0.0, 50.0]]), "soil_water": np.array([[40.0, 40.0]])}
    flow = soil.step(values, Moment(0, 0.0, 7.0, draws.key(0)))["water"]
    dried = math.exp(-demand_mm_day(soil.air, 3.5) * 7 / 100)
    assert values["soil_water"] == pytest.approx(np.array([[40 * dried, 100 * dried]]))
    assert flow.came == pytest.approx(3500.0)
    assert flow.came - flow.went == pytest.approx((values["soil_water"].sum() - 80) * 10)


def test_green_has_mean_one_over_a_year_of_the_climate() -> None:
    months = np.array(MONTHS)[:, None, None] * np.array([[1.0, 0.5]])
    mean, water = season_mean(months, Air(), 7.0)
    again, _ = season_mean(months, Air(), 7.0, years=12)
    # a year is no whole number of weeks, so that years differ a little
    assert mean == pytest.approx(again, rel=1e-3)
    assert (mean > 0).all()
    assert mean[0, 0] > mean[0, 1]
    assert ((water > 0) & (water < 150)).all()


def test_without_seasons_the_landscape_is_tier_p_everywhere() -> None:
    """Even rain, no choice, one kind of cell: every cell follows the food-web equations, from off their rest."""
    flat = generated("plain", 1, 4, 1000.0, (60.0,) * 12)
    layers = dict(flat.layers) | {"rain": np.full((12, 4, 4), 60.0)}
    even = Landscape(flat.frame, layers)
    begin = start() * np.array([1, 1, 0.4, 1.5])
    # the demand of the air has seasons at any latitude: water that never dries has none
    world = gridded(web(), begin, np.array([0, 0, 2e4, 1e5]), even, 22.0, replace(QUIET, range_c=0.0, choice=0.0))
    for _ in range(104):
        world.step()
    assert world.world.values["green"] == pytest.approx(np.ones((4, 4)))
    alone = run(web(), begin, [0.0, 728.0], Limits(1e-9, 1e-13)).biomass[-1]
    for species in range(4):
        assert world.world.values["biomass"][species] == pytest.approx(np.full((4, 4), alone[species]), rel=1e-4)


def test_a_savanna_keeps_its_books_and_its_seasons() -> None:
    engine = savanna()
    greens, masses = [], []
    for _ in range(104):
        moved = engine.step()
        greens.append(engine.world.values["green"].mean())
        masses.append(engine.world.total("biomass"))
    assert max(greens[52:]) > 1.3
    assert min(greens[52:]) < 0.8
    assert np.mean(greens[52:]) == pytest.approx(1.0, abs=0.05)
    assert set(moved) == {"rain", "soil", "season", "feeding", "quality", "moving"}
    assert moved["moving"] == {}
    assert 0.5 < masses[-1] / masses[0] < 2.0
    wet = engine.world.values["room"] > 1.05
    assert engine.world.values["biomass"][2][wet].mean() > engine.world.values["biomass"][2][~wet].mean()


def test_a_killed_savanna_ends_with_the_same_bytes_for_any_number_of_threads(tmp_path) -> None:
    whole = savanna(rain_spread=0.3, seed=5)
    whole.run(12)

    def killed(world, moved) -> None:
        if world.step == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        savanna(rain_spread=0.3, seed=5, threads=3).run(12, killed, tmp_path, every=4)
    again = savanna(rain_spread=0.3, seed=5, threads=2)
    again.run(12, folder=tmp_path)
    assert again.world.digest() == whole.world.digest()


def test_a_species_gone_from_a_cell_comes_back_from_its_neighbours() -> None:
    engine = savanna()
    engine.world.values["biomass"][3, 2, 2] = 0.0
    engine.step()
    assert engine.world.values["biomass"][3, 2, 2] > 0


def test_landscapes_and_webs_that_do_not_fit() -> None:
    dry = generated("plain", 1, 4, 1000.0)
    with pytest.raises(BadSetting, match="nothing grows on a landscape without rain"):
        gridded(web(), start(), np.zeros(4), dry, 22.0, QUIET)
    feeding = Feeding(web(), 1.0)
    moment = Moment(0, 0.0, 7.0, draws.key(0))
    ones = np.ones((1, 1))
    with pytest.raises(Mismatch, match="biomass and food web"):
        feeding.step({"biomass": np.ones((3, 1, 1)), "green": ones, "room": ones}, moment)
    tired = Feeding(web(), 1.0, Limits(steps=1), threads=1)
    with pytest.raises(Unstable, match=r"'feeding' made 'biomass' unphysical in cell \(0, 0\) at step 0"):
        tired.step({"biomass": np.full((4, 1, 1), 3.0), "green": ones, "room": ones}, moment)
    with pytest.raises(BadData, match="twelve months"):
        Rain(np.zeros((11, 2, 2)))
    with pytest.raises(BadSetting):
        Air(latitude_deg=100.0)
