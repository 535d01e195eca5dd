"""An open window: no net flow at the density outside, rescue of what is lost, books that close, and the same bytes after a stop and for any threads."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from merian.core.errors import BadData, Mismatch
from merian.twin.foodweb import FoodWeb
from merian.twin.herds.company import Company
from merian.twin.herds.edges import Beyond, Passage, held, open_sides, straddling
from merian.twin.herds.maturing import Growth
from merian.twin.herds.seasons import Breeding
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import Landscape, generated

OPEN = WindowSettings(days=0.25, starves=False, choice=0.0, rain_spread=0.0, open_edges=True)


def plain(land: np.ndarray | None = None) -> Landscape:
    flat = generated("plain", 1, 5, 1000.0, (60.0,) * 12)
    layers = dict(flat.layers) | {"rain": np.full((12, 5, 5), 60.0)}
    if land is not None:
        layers["elevation"] = np.where(land, 100.0, -10.0)
    return Landscape(flat.frame, layers)


def still(settings: WindowSettings = OPEN, density: float = 0.06, ground: Landscape | None = None, **animals: object):
    """Animals that neither eat, burn, die nor breed: they only walk, D = 1 km2 a day, on 25 km2."""
    web = FoodWeb.of(
        ["grass", "hare"],
        [(1, 0)],
        {"growth": [0.01, 0], "capacity": [500.0, math.inf], "loss": [0, 0]},
        {"attack": [1e-12], "handling": [0.0], "efficiency": [0.3]},
    )
    one = Animals(np.array([1, 3000.0]), np.zeros(2), np.array([0, 1e6]), np.ones(2))
    return window(web, np.array([300.0, density]), replace(one, **animals), ground or plain(), 22.0, settings)


@pytest.mark.parametrize("persistence", [0.0, 0.7])
def test_a_window_as_full_as_the_land_beyond_has_no_net_flow(persistence: float) -> None:
    """500 animals of which a good part is exchanged each day: what came and went differ by less than three standard errors, and as many came as theory says."""
    came = went = 0.0
    counts = []
    for seed in range(4):
        engine = still(replace(OPEN, seed=seed, persistence=persistence))
        assert len(engine.world.values["who"]) == 500
        for _ in range(80):
            moved = engine.step()
            came += moved["passage"].get("biomass").came / 3.0 if moved["passage"] else 0.0
            went += moved["roaming"]["biomass"].went / 3.0 if moved["roaming"] else 0.0
        counts.append(len(engine.world.values["who"]))
    stride, edge, herds_m2 = math.sqrt(2e6 * 0.25), 20_000.0, 500 / 25e6
    # of the steps over an edge those over a corner end outside again
    expected = 4 * 80 * herds_m2 * stride / math.pi * edge * (1 - stride / 10_000)
    assert came == pytest.approx(expected, abs=6 * math.sqrt(expected) + 0.04 * expected)
    assert np.mean(counts) == pytest.approx(500, abs=3 * math.sqrt(500 / 4))
    assert abs(came - went) < 3 * math.sqrt(4 * 500)


@pytest.mark.parametrize(
    "known",
    [{"range_km2": np.array([np.nan, 0.5])}, {"company": Company(np.array([0.0, 0.9]), np.array([1.0, 700.0]))}],
    ids=["home ranges", "company"],
)
def test_neither_home_ranges_nor_company_draw_animals_in_or_out(known: dict[str, object]) -> None:
    """30 days in six worlds: as many in the mean as at the start; with home ranges of 0.5 km2 in 25 km2 three tenths of those who step out pass."""
    passed, counts = [], []
    for seed in range(6):
        engine = still(replace(OPEN, seed=seed), **known)
        came = 0
        for _ in range(120):
            engine.step()
            came += sum(len(process.came) for process in engine.processes if isinstance(process, Passage))
        passed.append(came)
        counts.append(len(engine.world.values["who"]))
    assert np.mean(counts) == pytest.approx(500, abs=3.5 * math.sqrt(500 / 6))
    stride = math.sqrt(2e6 * 0.25)
    whole = 120 * 500 / 25e6 * stride / math.pi * 20_000 * (1 - stride / 10_000)
    share = straddling(5.0, np.array([0.5]))[0] if "range_km2" in known else 1.0
    assert share == pytest.approx(1.0 if "company" in known else 0.294, abs=1e-3)
    # a flock at the edge leaves less than animals one by one
    assert np.mean(passed) == pytest.approx(share * whole, rel=0.08 if "range_km2" in known else 0.5)


def test_who_comes_is_like_those_who_are_there() -> None:
    """Half of the herds fat and with young: so are half of those who come."""
    growth = Growth(*(np.array([np.nan, value]) for value in (100.0, 900.0, 1e9)))
    one = np.array([0.0, 1e-9])
    breeding = Breeding(one, one, one, one, one, growth)
    engine = still(OPEN, breeding=breeding)
    values = engine.world.values
    fat = values["who"] % 2 == 0
    values["mass"][fat], values["young"][fat] = 3500.0, 0.4
    first = len(values["who"])
    for _ in range(40):
        engine.step()
    values = engine.world.values
    new = values["who"] >= first
    assert new.sum() > 200
    assert (values["mass"][new] > 3400.0).mean() == pytest.approx(0.5, abs=0.15)
    assert ((values["mass"] > 3400.0) == (values["young"] > 0.39)).all()


def test_a_species_that_was_lost_comes_back_from_beyond() -> None:
    engine = still()
    engine.world.values["number"][:] = 0
    for _ in range(120):
        engine.step()
    # 30 days at D = 1 km2 a day fill 5 km
    assert len(engine.world.values["who"]) == pytest.approx(500, abs=100)
    shut = still(replace(OPEN, open_edges=False))
    shut.world.values["number"][:] = 0
    for _ in range(4):
        shut.step()
    assert len(shut.world.values["who"]) == 0


def test_who_comes_stands_where_walkers_would() -> None:
    """A window that begins empty for one step: those who came lie behind the edge by the mean overshoot of exponential steps, and go inward."""
    engine = still(replace(OPEN, seed=9), density=60.0, diffusion=np.array([0, 1e4]))
    first = engine.world.values["named"][0]
    engine.step()
    values = engine.world.values
    new = values["who"] > first
    x, y = values["x"][new], values["y"][new]
    deep = np.minimum(np.minimum(x, 5000 - x), np.minimum(y, 5000 - y))
    stride = math.sqrt(2e4 * 0.25)
    # E[l^2 cos^2] / 2 over E[l cos]: (2 s^2 / 4) / 2 / (s / pi) = pi s / 4
    assert new.sum() > 5000
    assert deep.mean() == pytest.approx(math.pi / 4 * stride, rel=0.05)
    west = x < 500
    assert (np.cos(values["heading"][new][west & (y > 500) & (y < 4500)]) > 0).all()
    assert (values["cell"][new] == (y // 1000).astype(int) * 5 + (x // 1000).astype(int)).all()
    assert len(np.unique(values["who"])) == len(values["who"])


def test_an_open_window_ends_with_the_same_bytes_for_any_threads_and_after_a_stop(tmp_path) -> None:
    whole = still(replace(OPEN, threads=1, seed=2))
    whole.run(16)

    def killed(world, moved) -> None:
        if world.step == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        still(replace(OPEN, threads=3, seed=2)).run(16, killed, tmp_path, every=4)
    again = still(replace(OPEN, threads=2, seed=2))
    again.run(16, folder=tmp_path)
    assert again.world.digest() == whole.world.digest()


def test_nobody_comes_over_water() -> None:
    land = np.ones((5, 5), bool)
    assert len(open_sides(land)) == 20
    land[0], land[:, 0] = False, False
    sides = open_sides(land)
    assert len(sides) == 8
    assert set(sides[:, 2].tolist()) == {2, 3}
    land[-1], land[:, -1] = False, False
    assert len(open_sides(land)) == 0


def test_what_a_window_holds_and_what_lies_beyond() -> None:
    assert held(400.0, np.array([100.0, 800.0, np.nan])) == pytest.approx([1.0, 0.5, np.nan], nan_ok=True)
    with pytest.raises(BadData, match="from 0 on"):
        Beyond(np.array([-1.0]), np.ones(1, np.int64), np.ones(1), np.ones(1))
    with pytest.raises(Mismatch, match="beyond"):
        Beyond(np.ones(2), np.ones(1, np.int64), np.ones(2), np.ones(2))
