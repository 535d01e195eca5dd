"""Fire goes as far as there is dry fuel, with the threshold of percolation; people take most where they come from; both keep the books."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.land import GridSettings, gridded
from merian.twin.hazards.fire import Fire, FireSettings, Fuel, burning, passes, reached
from merian.twin.hazards.people import PoachingSettings, Snares, km_to, poaching, taken
from merian.twin.hazards.theory import crossings
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import Landscape, generated
from merian.twin.odd import Purpose, odd

KEY = draws.key(8, "fire")
GRASS = Fuel(np.array([True, False]), np.array([0.9, 0.1]))


def test_on_even_land_fires_cross_as_bonds_percolate() -> None:
    """At p = 1/2 a rectangle of n rows and n + 1 columns is crossed with a chance of exactly one half (self-duality: Kesten 1980)."""
    assert crossings(0.5, 20, 2000) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(2000))
    assert crossings(0.3, 20, 200) < 0.01
    assert crossings(0.7, 20, 200) > 0.99
    # the threshold sharpens with size
    assert crossings(0.45, 60, 300) < crossings(0.45, 10, 300) - 0.1


def test_half_of_fires_pass_at_half_and_none_without_fuel_or_in_the_wet() -> None:
    how = FireSettings(half_g_m2=200.0, wet=0.5)
    fuel, dry = np.array([0.0, 100.0, 200.0, 400.0, 1e6]), np.zeros(5)
    found = passes(how, fuel, dry)
    assert found[0] == 0.0
    assert found[2] == pytest.approx(0.5)
    assert found[4] == pytest.approx(1.0)
    assert (np.diff(found) > 0).all()
    assert passes(how, fuel, np.full(5, 0.25)) == pytest.approx(0.5 * found)
    assert not passes(how, fuel, np.full(5, 0.5)).any()


def test_a_fire_burns_what_it_reaches_and_stops_where_nothing_grows() -> None:
    process = Fire(FireSettings(ignitions_km2_year=1e9, wet=1.0), GRASS, "biomass", 150.0, 1e6)
    values = {"biomass": np.ones((2, 5, 7)), "soil_water": np.zeros((5, 7)), "burnt": np.zeros((5, 7))}
    values["biomass"][0] = 1e6
    values["biomass"][0, :, 3] = 0.0
    before = values["biomass"].copy()
    flow = process.step(values, Moment(0, 0.0, 7.0, KEY))["biomass"]
    burnt = values["burnt"] > 0
    assert not burnt[:, 3].any()
    assert burnt[:, [0, 1, 2, 4, 5, 6]].all()
    assert values["biomass"][0][burnt] == pytest.approx(0.1 * before[0][burnt])
    assert values["biomass"][1][burnt] == pytest.approx(0.9)
    assert (values["biomass"][:, ~burnt] == before[:, ~burnt]).all()
    assert flow.went == pytest.approx(1000.0 * float((before - values["biomass"]).sum()))
    # a strip without grass holds up a fire that comes from one side
    lit = np.zeros((5, 7), bool)
    lit[2, 0] = True
    held = reached(passes(process.settings, before[0], np.zeros((5, 7))), lit, KEY, 1)
    assert held[:, :3].all()
    assert not held[:, 3:].any()


def field() -> tuple[FoodWeb, np.ndarray]:
    species = {"growth": [1 / 60, 0.0], "capacity": [500.0, math.inf], "loss": [0.0, 8e-3]}
    web = FoodWeb.of(["grass", "hare"], [(1, 0)], species, {"attack": 4e-4, "handling": 5.0, "efficiency": 0.3})
    return web, np.array([300.0, 3.0])


def ground(cell: float = 1000.0) -> Landscape:
    plain = generated("plain", 1, 8, cell, (60.0,) * 12)
    return Landscape(plain.frame, dict(plain.layers) | {"rain": np.full((12, 8, 8), 60.0)})


def grid(seed: int = 1, days: float = 7.0) -> Engine:
    web, start = field()
    return gridded(web, start, np.zeros(2), ground(), 25.0, GridSettings(seed=seed, days=days, rain_spread=0.0))


def test_more_sparks_and_a_lower_threshold_burn_more_and_grass_comes_back() -> None:
    burnt, grass = [], []
    for sparks, half in ((0.0, 200.0), (0.5, 1e5), (0.5, 100.0)):
        engine = burning(grid(), FireSettings(ignitions_km2_year=sparks, half_g_m2=half, wet=1.0), GRASS)
        burnt.append(0.0)
        for _ in range(104):
            engine.step()
            burnt[-1] += engine.world.values["burnt"].sum()
        grass.append(engine.world.values["biomass"][0].mean())
    assert burnt[0] == burnt[1] == 0.0
    assert grass[0] == pytest.approx(grass[1], rel=1e-12)
    # cells burn again and again, since grass grows back
    assert burnt[2] > 3 * 64
    assert 0.1 * grass[0] < grass[2] < 0.95 * grass[0]
    assert "### fire\n\nFires are lit by chance" in odd(engine, Purpose("Fires"))


def animals(seed: int = 1) -> Engine:
    web, start = field()
    who = Animals(np.array([1.0, 3000.0]), np.array([0.0, 1e-3]), np.zeros(2), np.array([1.0, 3.0]))
    return window(web, start, who, ground(100.0), 25.0, WindowSettings(days=1.0, seed=seed, starves=False))


def test_what_grows_in_a_window_burns_too() -> None:
    engine = burning(
        animals(),
        FireSettings(ignitions_km2_year=1000.0, half_g_m2=50.0, wet=1.0),
        Fuel(np.array([True]), np.array([0.8])),
    )
    found = [engine.step()["fire"].get("biomass").went for _ in range(30)]
    assert max(found) > 0
    with pytest.raises(Mismatch, match="plants and its fuel"):
        burning(animals(), FireSettings(), GRASS).step()


def test_fires_that_cannot_be() -> None:
    with pytest.raises(BadData, match="from none to all"):
        Fuel(np.array([True]), np.array([1.5]))
    with pytest.raises(Mismatch, match="fuel"):
        Fuel(np.array([True]), np.array([0.5, 0.5]))


def test_people_take_less_with_distance_less_where_guarded_and_most_of_one_size() -> None:
    road = np.zeros((1, 31), bool)
    road[0, 0] = True
    km = km_to(road, 1000.0)
    assert km[0] == pytest.approx(np.arange(31.0))
    zone = np.zeros((1, 31))
    zone[0, 20:] = 1.0
    how = PoachingSettings(rate_year=0.5, decay_km=10.0, best_kg=100.0, width=1.0, guarded=0.8)
    rates = taken(how, km, zone, np.array([0.0, 1e5, 1e5 * math.e, 1e5 / math.e, np.nan])) * 365.25
    assert not rates[[0, 4]].any()
    assert rates[1, 0, 0] == pytest.approx(0.5)
    assert rates[1, 0, 10] == pytest.approx(0.5 / math.e)
    assert rates[1, 0, 20] == pytest.approx(0.2 * 0.5 * math.exp(-2))
    assert rates[2] == pytest.approx(rates[3])
    assert rates[2, 0, 0] == pytest.approx(0.5 * math.exp(-0.5))
    assert np.isinf(km_to(np.zeros((2, 2), bool), 1000.0)).all()
    assert not taken(how, np.full((2, 2), np.inf), np.zeros((2, 2)), np.array([1e5])).any()
    with pytest.raises(BadData, match="protected zones"):
        taken(how, km, zone + 1, np.array([1.0]))


def test_a_steady_harvest_leaves_what_schaefer_says_and_a_guarded_place_keeps_its_own() -> None:
    """Logistic growth under harvest mu rests at K (1 - mu / r) (Schaefer 1954), where mu < r, and at nothing beyond."""
    web = FoodWeb.of(["weed"], [], {"growth": [0.02], "capacity": [500.0]})
    engine = gridded(
        web,
        np.array([400.0]),
        np.zeros(1),
        ground(),
        25.0,
        GridSettings(seed=1, days=1.0, rain_spread=0.0, range_c=0.0),
    )
    rates = np.zeros((1, 8, 8))
    rates[0, :, 4], rates[0, :, 6] = 0.01, 0.04
    engine = poaching(engine, rates)
    engine.run(2000)
    values = engine.world.values
    room = 500.0 * values["room"] * values["green"]
    weed = values["biomass"][0]
    assert room == pytest.approx(np.full((8, 8), 500.0), rel=1e-6)
    assert weed[:, 0] == pytest.approx(np.full(8, 500.0), rel=1e-3)
    assert weed[:, 4] == pytest.approx(np.full(8, 250.0), rel=0.02)
    assert (weed[:, 6] < 1e-3).all()


def test_snares_take_a_binomial_number_and_come_and_end_in_their_time() -> None:
    count = 2000
    values = {
        "who": np.arange(count),
        "species": np.zeros(count, np.int64),
        "cell": np.arange(count) % 2,
        "number": np.full(count, 10),
        "mass": np.full(count, 2000.0),
    }
    rates = np.array([[[0.1, 0.0]]])
    process = Snares(rates, when=lambda day: 1.0 if day < 5 else 0.0)
    flow = process.step(values, Moment(0, 0.0, 2.0, KEY))["biomass"]
    assert (values["number"][1::2] == 10).all()
    left = values["number"][::2]
    share = math.exp(-0.2)
    assert left.mean() == pytest.approx(10 * share, abs=5 * math.sqrt(10 * share * (1 - share) / 1000))
    assert flow.went == pytest.approx(2.0 * (10 * count - values["number"].sum()))
    assert process.step(values, Moment(1, 6.0, 2.0, KEY))["biomass"].went == 0.0


def test_poached_animals_of_a_window_are_fewer_near_the_road_and_the_books_close() -> None:
    road = np.zeros((8, 8), bool)
    road[:, 0] = True
    how = PoachingSettings(rate_year=20.0, decay_km=0.2, best_kg=3.0)
    rates = taken(how, km_to(road, 100.0), np.zeros((8, 8)), np.array([0.0, 3000.0]))
    engine = poaching(animals(), rates)
    engine.run(60)
    values = engine.world.values
    near = values["number"][values["cell"] % 8 < 2].sum()
    far = values["number"][values["cell"] % 8 >= 6].sum()
    assert near < 0.4 * far
    with pytest.raises(Mismatch, match="rates of poaching"):
        poaching(animals(), rates[:, :4])
