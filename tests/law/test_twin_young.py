"""Young weigh what they weigh: a herd's frame is the mean of its animals' ages, mothers lose what is born, books close."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.engine import Moment
from merian.twin.foodweb import FoodWeb
from merian.twin.herds.living import AGENT, Living
from merian.twin.herds.maturing import Growth, Maturing, growth_of
from merian.twin.herds.seasons import Births, Breeding, begun
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import Landscape, generated

ADULT, BIRTH, WEANED, RIPE = 200_000.0, 10_000.0, 40_000.0, 700.0
GROWTH = Growth(np.array([BIRTH]), np.array([WEANED]), np.array([RIPE]))
BREEDING = Breeding(
    *(np.array([value]) for value in (1.0, 1.0, 240.0, 60.0, 0.0)),
    growth=GROWTH,
)


def herd(number: int, fat: float) -> dict[str, np.ndarray]:
    values = {"who": np.array([0]), "species": np.zeros(1, np.int64), "number": np.array([number])}
    return values | {"mass": np.array([fat * ADULT]), "young": np.zeros(1), "ungrown": np.zeros(1)} | begun(1)


@pytest.mark.parametrize("days", [0.25, 1.0, 7.0])
def test_the_frame_of_a_herd_is_the_mean_of_its_animals_one_by_one(days: float) -> None:
    """Births at three times, each young kept in a list of its own and grown by W' = k (A - W)."""
    values, process = herd(100, 1.0), Maturing(GROWTH)
    ages: list[tuple[int, float]] = []
    steps = round(420 / days)
    for step in range(steps):
        if step in (0, steps // 3, steps // 2):
            heads, born = int(values["number"][0]), 20
            share = heads / (heads + born)
            values["number"][0] += born
            values["young"][:] = values["young"] * share + 1 - share
            values["ungrown"][:] = values["ungrown"] * share + (ADULT - BIRTH) * (1 - share)
            ages.append((born, 0.0))
        process.step(values, Moment(step, step * days, days, draws.key(1)))
        ages = [(born, age + days) for born, age in ages]
    masses = [(born, ADULT - (ADULT - BIRTH) * math.exp(-3 * age / RIPE)) for born, age in ages]
    whole = sum(born * mass for born, mass in masses) + (int(values["number"][0]) - 60) * ADULT
    assert ADULT - values["ungrown"][0] == pytest.approx(whole / int(values["number"][0]), rel=2e-3)
    assert values["young"][0] * int(values["number"][0]) == pytest.approx(
        sum(born * math.exp(-age / RIPE) for born, age in ages), rel=2e-3
    )


def test_the_newborn_weigh_what_their_mothers_lose_and_need_what_weans_them() -> None:
    values, process = herd(100, 1.2), Births(BREEDING, np.array([ADULT]))
    before = float((values["number"] * values["mass"])[0])
    for step in range(366 + 90):
        flow = process.step(values, Moment(step, float(step), 1.0, draws.key(4)))["biomass"]
        assert flow.went == 0.0
    assert float((values["number"] * values["mass"])[0]) == pytest.approx(before, rel=1e-12)
    # 50 females, each with one: what was laid on (0.2 x 100 adults) would wean 100
    assert values["number"][0] == 150
    assert values["young"][0] == pytest.approx(1 / 3)
    assert values["ungrown"][0] == pytest.approx((ADULT - BIRTH) / 3)
    thin, process = herd(100, 1.02), Births(BREEDING, np.array([ADULT]))
    for step in range(366 + 90):
        process.step(thin, Moment(step, float(step), 1.0, draws.key(4)))
    # 0.02 x 100 x 200 kg wean ten of 40 kg
    assert thin["number"][0] == 110


def test_the_young_do_not_conceive_and_starve_by_their_own_frame() -> None:
    values = herd(100, 1.0)
    values["young"][:], values["ungrown"][:] = 0.4, 0.3 * ADULT
    values["mass"][:] = 0.7 * ADULT
    Births(BREEDING, np.array([ADULT])).step(values, Moment(0, 185.0, 1.0, draws.key(1)))
    assert values["pregnant"].sum() == pytest.approx(0.5 * 0.6)
    living = Living(np.array([ADULT]), np.zeros(1), np.zeros(1), np.array([10_000])).carrying(("young", "ungrown"))
    for frame, low, high in ((0.7, 0.0, 0.002), (1.0, 0.1, 0.13)):
        flock = {name: np.zeros(1) for name in AGENT} | {
            "who": np.array([1]),
            "species": np.array([0]),
            "cell": np.array([0]),
            "number": np.array([9000]),
            "mass": np.array([0.7 * ADULT]),
            "young": np.array([0.3]),
            "ungrown": np.array([(1 - frame) * ADULT]),
        }
        living.step(flock, Moment(0, 0.0, 1.0, draws.key(1)))
        # 1 / (1 + exp((M - 0.6 F) / 0.05 F)): 3e-4 where M is F, 0.12 where it is 0.7 F
        assert low <= 1 - flock["number"].sum() / 9000 <= high


def test_books_close_through_two_years_of_births_and_growth() -> None:
    web = FoodWeb.of(
        ["grass", "antelope"],
        [(1, 0)],
        {"growth": [1 / 30, 0], "capacity": [500.0, math.inf], "loss": [0, 0.02], "interference": [0, 0.01]},
        {"attack": [3e-4], "handling": [5.0], "efficiency": [0.4]},
    )
    breeding = replace(
        BREEDING,
        **{
            name: np.concatenate([[0.0], getattr(BREEDING, name)])
            for name in ("litter", "litters_year", "gestation_days")
        },
        peak_day=np.array([0.0, 60.0]),
        spread_days=np.array([10.0, 10.0]),
        growth=Growth(*(np.array([np.nan, v]) for v in (BIRTH, WEANED, RIPE))),
    )
    animals = Animals(np.array([1, ADULT]), np.array([0, 3e-4]), np.array([0, 1e6]), np.array([1, 5.0]), breeding)
    flat = generated("plain", 1, 4, 500.0, (60.0,) * 12)
    even = Landscape(flat.frame, dict(flat.layers) | {"rain": np.full((12, 4, 4), 60.0)})
    engine = window(web, np.array([300.0, 8.0]), animals, even, 22.0, WindowSettings(days=0.5, hunger=2.0))
    share = []
    for _ in range(2 * 730):
        engine.step()
        values = engine.world.values
        share.append(float(values["number"] @ values["young"]) / max(int(values["number"].sum()), 1))
    heads, mass = values["number"], values["mass"]
    assert max(share) > 0.15
    # a herd with young in it is lighter than grown-ups as fat, and no herd is far from its frame
    frame = ADULT - values["ungrown"]
    assert (heads @ frame) / heads.sum() < 0.95 * ADULT
    assert ((mass / frame > 0.6) & (mass / frame < 1.3001)).all()


def test_mass_at_birth_by_allometry_and_growth_that_cannot_be() -> None:
    found = growth_of(
        np.array([2e5, 4e6, 1.6e5, 1.0]), np.array([1.0, 1.0, 3.0, 0.0]), np.array([600.0, 4000.0, 900.0, 10.0])
    )
    # wildebeest, elephant and lion are born with some 4, 2 and 2 % of a grown-up's mass
    assert found.birth_g[:3] / np.array([2e5, 4e6, 1.6e5]) == pytest.approx([0.041, 0.024, 0.016], rel=0.03)
    assert found.known.tolist() == [True, True, True, False]
    assert found.masses(np.array([2e5, 4e6, 1.6e5, 1.0]))[0][3] == 1.0
    with pytest.raises(BadData, match="weaned"):
        Growth(np.array([2.0]), np.array([1.0]), np.array([1.0]))
    with pytest.raises(Mismatch, match="growth"):
        Growth(np.ones(2), np.ones(1), np.ones(2))
