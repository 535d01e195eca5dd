"""Tier I: animals one by one follow the food web in the mean, keep their books, stay on their land, and a killed run goes on to the same bytes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.moving import Gates
from merian.twin.herds.counts import binomial, poisson
from merian.twin.herds.living import AGENT, Living
from merian.twin.herds.roaming import Roaming
from merian.twin.herds.theory import field as field_of
from merian.twin.herds.theory import mixed
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import Landscape, generated
from merian.twin.solver import run

MIXED = mixed(0)
ANIMALS = Animals(np.array([1, 3000.0, 6000.0]), np.array([0, 1e-3, 1e-3]), np.array([0, 1e6, 1e6]), np.ones(3))


def web() -> FoodWeb:
    species = {
        "growth": [1 / 60, 0, 0],
        "capacity": [500.0, math.inf, math.inf],
        "loss": [0, 8e-3, 4e-3],
        "interference": [0, 0.02, 0.3],
    }
    links = {"attack": [4e-4, 3e-3], "handling": [5.0, 8.0], "efficiency": [0.3, 0.5]}
    return FoodWeb.of(["grass", "hare", "fox"], [(1, 0), (2, 1)], species, links)


def begin() -> np.ndarray:
    return run(web(), [300.0, 5, 1], [0.0, 20_000.0]).biomass[-1] * np.array([1, 0.5, 1])


def land(fences: dict[tuple[int, int], int] | None = None) -> Landscape:
    flat = generated("plain", 1, 4, 100.0, (60.0,) * 12)
    layers = dict(flat.layers) | {"rain": np.full((12, 4, 4), 60.0)}
    for at, bits in (fences or {}).items():
        layers["fences"][at] = bits
    return Landscape(flat.frame, layers)


def field(settings: WindowSettings = MIXED, **changes: object) -> Engine:
    return window(web(), begin(), ANIMALS, land(), 22.0, replace(settings, **changes))


def test_well_mixed_animals_follow_the_food_web_within_chance() -> None:
    """Twelve worlds of some 1,900 animals through 100 days, in which hares double: within 3 standard errors of tier P, by fixed seeds."""
    found = np.array([field_of(mixed(seed))[2]() for seed in range(12)])
    food, start, _ = field_of(mixed(0))
    plain = run(food, start, [0.0, 100.0]).biomass[-1]
    error = found.std(0, ddof=1) / math.sqrt(len(found))
    assert (error / plain < 0.02).all()
    assert np.abs((found.mean(0) - plain) / error).max() < 3
    assert plain[1] / start[1] > 1.3


@pytest.mark.parametrize("mean", [0.0, 0.3, 4.0, 60.0, 700.0])
def test_poisson_numbers_have_the_moments_and_rise_with_the_uniform(mean: float) -> None:
    uniforms = (np.arange(20_000) + 0.5) / 20_000
    numbers = np.array([poisson(u, mean) for u in uniforms])
    assert numbers.mean() == pytest.approx(mean, rel=1e-3, abs=1e-3)
    assert numbers.var() == pytest.approx(mean, rel=0.01, abs=1e-3)
    assert (np.diff(numbers) >= 0).all()


@pytest.mark.parametrize(("trials", "chance"), [(0, 0.5), (5, 0.0), (5, 1.0), (7, 0.2), (40, 0.9), (100_000, 0.02)])
def test_binomial_numbers_have_the_moments_and_the_bounds(trials: int, chance: float) -> None:
    uniforms = (np.arange(20_000) + 0.5) / 20_000
    numbers = np.array([binomial(u, trials, chance) for u in uniforms])
    assert numbers.mean() == pytest.approx(trials * chance, rel=1e-3, abs=1e-9)
    assert numbers.var() == pytest.approx(trials * chance * (1 - chance), rel=0.01, abs=1e-9)
    assert numbers.min() >= 0
    assert numbers.max() <= trials


def test_a_field_keeps_its_books_through_births_hunts_and_starvation() -> None:
    """The engine stops where a budget does not close; herds are born, parted and ended on the way."""
    groups = replace(ANIMALS, group=np.array([1, 6.0, 2.0]))
    engine = window(web(), begin(), groups, land(), 22.0, WindowSettings(days=1.0, seed=3))
    herds = len(engine.world.values["who"])
    for _ in range(120):
        moved = engine.step()
    values = engine.world.values
    assert moved["eating"]["biomass"].went > 0
    assert moved["living"]["biomass"].went > 0
    assert len(values["who"]) != herds
    assert len(np.unique(values["who"])) == len(values["who"])
    assert (values["number"] > 0).all()
    assert (values["number"] <= 2 * groups.group[values["species"]]).all()
    rows, columns = np.divmod(values["cell"], 4)
    assert (rows == values["y"] // 100).all()
    assert (columns == values["x"] // 100).all()


def test_a_killed_field_ends_with_the_same_bytes_for_any_number_of_threads(tmp_path) -> None:
    whole = field(WindowSettings(days=0.5, seed=4, threads=1))
    whole.run(20)

    def killed(world, moved) -> None:
        if world.step == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        field(WindowSettings(days=0.5, seed=4, threads=3)).run(20, killed, tmp_path, every=5)
    again = field(WindowSettings(days=0.5, seed=4, threads=2))
    again.run(20, folder=tmp_path)
    assert again.world.digest() == whole.world.digest()


def walkers(
    count: int, quality: np.ndarray, gates: Gates, days: float, steps: int, at: tuple[float, float]
) -> dict[str, np.ndarray]:
    """Animals of one species that only walk, from one place; cells of 100 m, D = 500 m2 a day."""
    roaming = Roaming(np.array([math.sqrt(1000.0)]), 0.0, gates, 100.0, threads=1)
    values = {
        "who": np.arange(count),
        "species": np.zeros(count, np.int64),
        "quality": quality[None],
        "x": np.full(count, at[0]),
        "y": np.full(count, at[1]),
        "heading": np.zeros(count),
        "cell": np.full(count, int(at[1] // 100) * quality.shape[1] + int(at[0] // 100)),
    }
    for step in range(steps):
        roaming.step(values, Moment(step, step * days, days, draws.key(6, "walk")))
    return values


@pytest.mark.parametrize("days", [0.1, 1.0])
def test_walkers_spread_as_their_diffusion_says_whatever_the_step(days: float) -> None:
    gates = Gates.of(np.ones((41, 41), bool))
    found = walkers(4000, np.zeros((41, 41)), gates, days, round(20 / days), (2050.0, 2050.0))
    square = (found["x"] - 2050) ** 2 + (found["y"] - 2050) ** 2
    # mean square displacement 4 D t; its standard error here is some 1.6 % of it
    assert square.mean() == pytest.approx(4 * 500 * 20, rel=0.06)
    assert found["x"].mean() == pytest.approx(2050, abs=5 * math.sqrt(2 * 500 * 20 / 4000))


def test_walkers_choose_better_cells_and_stay_behind_fences_and_on_land() -> None:
    quality = np.zeros((6, 6))
    quality[:, 3:] = 1.0
    open_land = Gates.of(np.ones((6, 6), bool))
    found = walkers(3000, quality, open_land, 1.0, 200, (150.0, 150.0))
    better = (found["x"] >= 300).mean()
    assert 0.6 < better < 0.95
    fence = np.zeros((6, 6))
    fence[:, 2] = 2
    shut = walkers(500, quality, Gates.of(np.ones((6, 6), bool), fence), 1.0, 200, (150.0, 150.0))
    assert (shut["x"] < 300).all()
    island = np.zeros((6, 6), bool)
    island[1:3, 1:3] = True
    kept = walkers(500, np.zeros((6, 6)), Gates.of(island), 1.0, 200, (150.0, 150.0))
    assert (island.ravel()[kept["cell"]]).all()


def test_the_light_starve_and_the_others_do_not() -> None:
    living = Living(np.array([100.0]), np.array([0.0]), np.array([0.0]), np.array([10_000]))
    for mass, low, high in ((100.0, 0.0, 0.0), (60.0, 0.39, 0.4), (30.0, 0.63, 0.64)):
        values = {name: np.zeros(1) for name in AGENT}
        values |= {
            "who": np.array([1]),
            "species": np.array([0]),
            "cell": np.array([0]),
            "number": np.array([9000]),
            "mass": np.array([mass]),
        }
        flow = living.step(values, Moment(0, 0.0, 1.0, draws.key(1)))["biomass"]
        dead = 9000 - values["number"].sum()
        # hazard 1 / (1 + exp((M - 60) / 5)): 1/2 at 60 g, 1 far below; share dead 1 - exp(-hazard)
        assert low - 0.02 <= dead / 9000 <= high + 0.02
        assert flow.went == pytest.approx(dead * mass / 1000)


def test_windows_that_cannot_be() -> None:
    with pytest.raises(BadData, match="adult mass"):
        window(web(), begin(), replace(ANIMALS, adult_g=np.array([1, 0.0, 1.0])), land(), 22.0, MIXED)
    with pytest.raises(BadSetting, match="herds of hare'.*needs some .* GB of memory"):
        window(web(), begin(), replace(ANIMALS, adult_g=np.array([1, 1e-6, 1.0])), land(), 22.0, MIXED)
    with pytest.raises(Mismatch, match="group and food web"):
        window(web(), begin(), replace(ANIMALS, group=np.ones(2)), land(), 22.0, MIXED)
    with pytest.raises(BadSetting, match="without rain"):
        window(web(), begin(), ANIMALS, generated("plain", 1, 4, 100.0), 22.0, MIXED)
    with pytest.raises(BadData, match="mortality"):
        Living(np.ones(1), np.zeros(1), np.array([-1.0]), np.ones(1))
    with pytest.raises(BadData, match="persistence"):
        Roaming(np.ones(1), 1.5, Gates.of(np.ones((2, 2), bool)), 100.0)
