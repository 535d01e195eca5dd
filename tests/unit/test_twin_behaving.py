"""What an ecosystem knows of litters, eyes and groups, put to a window; where animals meet, and how hard the hungry seek."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.core.errors import Mismatch
from merian.twin import draws
from merian.twin.ecosystem import made
from merian.twin.engine import Moment
from merian.twin.foodweb import FoodWeb
from merian.twin.herds.eating import Eating, Meeting, blocks
from merian.twin.herds.known import behaving, birth_day
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import generated
from merian.twin.worked import shipped


def test_blocks_cover_a_window_without_a_gap() -> None:
    found = blocks((5, 7), 3).reshape(5, 7)
    assert found.max() == 2 * 3 - 1
    assert (found[:3, :3] == 0).all()
    assert (found[3:, 6:] == 5).all()
    assert (blocks((4, 4), 1) == np.arange(16)).all()
    assert (blocks((4, 4), 9) == 0).all()


def test_what_is_met_is_the_mean_over_the_land_of_a_ground() -> None:
    biomass = np.arange(32.0).reshape(2, 16)
    land = np.ones(16)
    land[0] = 0.0
    meeting = Meeting(ground=blocks((4, 4), 2), land=land)
    found = meeting.felt(biomass, np.array([False, True])).reshape(2, 4, 4)
    assert (found[0] == biomass[0].reshape(4, 4)).all()
    # the whole of a ground over its land: one of its four cells is sea
    assert found[1, 0, 0] == pytest.approx((16 + 17 + 20 + 21) / 3)
    assert found[1, 3, 3] == pytest.approx((26 + 27 + 30 + 31) / 4)
    assert Meeting().felt(biomass, np.array([False, True])) is biomass


def foxes(mass: float, meeting: Meeting, where: int = 0) -> float:
    """Hares killed in 30 steps by foxes of a mass that stand in the first cell of four, hares standing in the cell `where`."""
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 8e-3, 4e-3]}
    links = {"attack": [1e-9, 3e-2], "handling": 0.0, "efficiency": [0.3, 0.5]}
    web = FoodWeb.of(["grass", "hare", "fox"], [(1, 0), (2, 1)], species, links)
    kind, cell = np.repeat([1, 2], 500), np.repeat([where, 0], 500)
    masses = np.where(kind == 1, 3000.0, mass)
    values = {"who": np.arange(1000), "species": kind, "cell": cell, "number": np.ones(1000, np.int64), "mass": masses}
    biomass = np.zeros((3, 4))
    np.add.at(biomass, (kind, cell), masses / 2.5e6)
    values |= {"biomass": biomass.reshape(3, 2, 2), "plants": np.zeros((1, 2, 2))}
    killed = 0.0
    for step in range(30):
        now = {name: value.copy() for name, value in values.items()}
        Eating(web, 2.5e6, 1, meeting).step(now, Moment(step, float(step), 1.0, draws.key(3, "hunt")))
        killed += 500 - now["number"][:500].sum()
    return killed


def test_prey_is_met_on_the_whole_ground_and_not_beyond() -> None:
    whole = Meeting(ground=np.zeros(4, np.int64), land=np.ones(4))
    here, there = foxes(6000.0, whole), foxes(6000.0, whole, 3)
    assert foxes(6000.0, Meeting(), 3) == 0.0
    assert here == there
    # four times the density where all stand in one cell
    assert foxes(6000.0, Meeting()) == pytest.approx(4 * here, rel=0.12)


def test_the_hungry_seek_with_more_effort_and_the_fat_as_always() -> None:
    adult = np.array([0.0, 3000.0, 6000.0])
    calm, keen = Meeting(), Meeting(hunger=3.0, adult_g=adult)
    # kills are per gram of hunter: at half the mass, half of them, and with effort 2^3 four times as many
    full, half = foxes(6000.0, calm), foxes(3000.0, calm)
    assert half == pytest.approx(0.5 * full, rel=0.15)
    assert foxes(3000.0, keen) == pytest.approx(8 * half, rel=0.15)
    assert foxes(6000.0, keen) == full
    assert foxes(9000.0, keen) == foxes(9000.0, calm)


def test_the_savanna_lends_its_litters_eyes_and_groups_and_its_hunters_live_on() -> None:
    """Half a year in a window of 20 km."""
    ground = generated("plain", 1, 20, 1000.0, (80.0,) * 12)
    ecosystem = made(shipped("savanna").facts, ground)
    species, plants, balance = ecosystem.species, len(ecosystem.pools), ecosystem.balance()
    plain = Animals(
        np.concatenate([species["mass_g"], np.ones(plants)]),
        np.concatenate([1 / (species["longevity_years"] * 365.25), np.zeros(plants)]),
        np.concatenate([np.full(len(species.names), 1e5), np.zeros(plants)]),
        np.concatenate([np.fmax(species["group_size"], 1.0), np.ones(plants)]),
    )
    animals, told = behaving(plain, species, ecosystem.landscape, -2.0)
    lion = species.names.index("Panthera leo")
    assert animals.sight is not None
    assert animals.breeding is not None
    assert animals.groups is not None
    assert animals.sight.acuity_cpd[lion] == 13.0
    assert np.isnan(animals.sight.acuity_cpd[-plants:]).all()
    assert animals.breeding.seasonal[: len(species.names)].all()
    assert not animals.breeding.seasonal[-plants:].any()
    assert any(line == "eyes of Panthera leo: 13 cycles per degree, taken from a relative" for line in told)
    settings = WindowSettings(days=0.5, seed=1, threads=1, meeting_km=20.0, hunger=3.0)
    engine = window(balance.web, balance.start, animals, ground, 21.0, settings)
    weight = engine.world.values
    before = (weight["number"] * weight["mass"])[weight["species"] == lion].sum()
    engine.run(365)
    weight = engine.world.values
    assert (weight["number"] * weight["mass"])[weight["species"] == lion].sum() > 0.6 * before
    with pytest.raises(Mismatch, match="animals and species"):
        behaving(Animals(*(np.ones(2) for _ in range(4))), species, ecosystem.landscape, 0.0)


def test_young_come_with_the_rains_or_in_spring() -> None:
    rains = np.zeros(12)
    rains[3] = 50.0
    assert birth_day(rains, 5.0) == pytest.approx(3.5 * 365.25 / 12)
    assert birth_day(rains, 48.0) == 150.0
    assert birth_day(rains, -40.0) == 332.0
