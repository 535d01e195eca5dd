"""Disease: an epidemic comes if and only if R0 is above 1, takes the share that theory says, and animals one by one and cells of a landscape agree."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.land import GridSettings, gridded
from merian.twin.grid.moving import Gates, spread
from merian.twin.hazards.contagion import SICK, Arrival, Contagion, contagion
from merian.twin.hazards.disease import DiseaseSettings, Pathogen, course, final_size, pathogen, r0
from merian.twin.hazards.infection import HEALTH, Infection, infection
from merian.twin.hazards.join import Part, joined
from merian.twin.hazards.theory import epidemics
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import generated

PLAIN = DiseaseSettings(r0=3.0, incubation_days=5.0, infectious_days=8.0, fatal=0.0, between=0.0)
LONG = np.array([0.0, 3000.0])


def one(settings: DiseaseSettings = PLAIN, heads: float = 10.0, renewal: float = 0.0) -> Pathogen:
    return pathogen(settings, np.array([True]), np.array([heads]), np.array([renewal]))


def begin(heads: float = 10.0, ill: float = 1e-6, immune: float = 0.0) -> np.ndarray:
    return heads * np.array([[1 - ill - immune], [0.0], [ill], [immune]])


@pytest.mark.parametrize(("number", "share"), [(1.5, 0.5828), (2.0, 0.7968), (3.0, 0.9405)])
def test_an_epidemic_takes_the_share_that_kermack_and_mckendrick_say(number: float, share: float) -> None:
    assert final_size(number) == pytest.approx(share, abs=1e-4)
    assert 1 - final_size(number) == pytest.approx(math.exp(-number * final_size(number)), rel=1e-9)
    end = course(one(replace(PLAIN, r0=number)), begin(), LONG)[1]
    assert end[3, 0] / 10 == pytest.approx(final_size(number), abs=1e-4)
    assert end.sum() == pytest.approx(10.0, rel=1e-12)


@pytest.mark.parametrize("incubation", [0.0, 5.0])
def test_an_epidemic_comes_if_and_only_if_r0_is_above_one(incubation: float) -> None:
    for number in (0.1, 0.5, 0.95, 1.05, 2.0):
        found = one(replace(PLAIN, r0=number, incubation_days=incubation))
        assert r0(found, np.array([10.0])) == pytest.approx(number)
        ill = course(found, begin(), np.array([0.0, 20.0, 40.0]))[1:, 1:3].sum((1, 2))
        assert (ill[1] > ill[0]) == (number > 1)
    assert final_size(1.0) == final_size(0.5) == 0.0
    # four fifths immune are more than the 1 - 1 / R0 that stop an R0 of 3, and half are less
    for immune, comes in ((0.8, False), (0.5, True)):
        ill = course(one(), begin(immune=immune), np.array([0.0, 20.0, 40.0]))[1:, 1:3].sum((1, 2))
        assert (ill[1] > ill[0]) == comes


def test_where_the_young_are_susceptible_it_stays_and_leaves_one_in_r0_susceptible() -> None:
    found = one(replace(PLAIN, r0=4.0), renewal=0.01)
    end = course(found, begin(ill=0.01), np.array([0.0, 6000.0]))[1]
    assert end[0, 0] / end.sum() == pytest.approx(1 / 4, rel=1e-3)
    assert end[2, 0] > 0.01


def test_contacts_that_grow_with_density_have_a_least_density() -> None:
    found = one(replace(PLAIN, r0=2.0, density=True, fatal=0.6))
    assert r0(found, np.array([5.0])) == pytest.approx(1.0)
    assert r0(found, np.array([20.0])) == pytest.approx(4.0)
    end = course(found, begin(), LONG)[1]
    # the dead infect nobody, and those alive meet as many of the ill: the classic final size, of whom 6 in 10 are dead
    assert end.sum() / 10 == pytest.approx(1 - 0.6 * final_size(2.0), abs=1e-4)


def test_species_infect_each_other_by_their_contacts() -> None:
    contact = np.array([[0.20, 0.02, 0.0], [0.15, 0.05, 0.0], [0.0, 0.0, 0.0]])
    days = np.full(3, 8.0)
    found = Pathogen(contact, np.zeros(3), days, np.zeros(3), np.full(3, np.inf), np.zeros(3))
    heads = np.array([10.0, 3.0, 2.0])
    matrix = contact[:2, :2] * 8 * heads[:2, None] / heads[None, :2]
    assert r0(found, heads) == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max())
    assert found.hosts.tolist() == [True, True, False]
    start = np.zeros((4, 3))
    start[0], start[2, 0] = heads, 1e-6
    end = course(found, start, LONG)[1]
    share = 1 - end[0] / heads
    # ln(S_i end / S_i start) = -sum_j c_ij T_j z_j
    assert share[:2] == pytest.approx(1 - np.exp(-8 * contact[:2, :2] @ share[:2]), abs=1e-4)
    assert share[1] > 0.5
    assert share[2] == 0.0
    # the second alone would not keep it
    assert r0(found.among(np.array([1])), heads[1:2]) < 1


def test_diseases_that_cannot_be() -> None:
    with pytest.raises(BadData, match="needs hosts"):
        pathogen(PLAIN, np.array([False]), np.ones(1), np.zeros(1))
    with pytest.raises(Mismatch, match="contact and species"):
        Pathogen(np.ones((2, 2)), *(np.ones(1) for _ in range(5)))
    with pytest.raises(BadData, match="no more than all die"):
        Pathogen(np.ones((1, 1)), np.ones(1), np.ones(1), np.full(1, 1.5), np.ones(1), np.ones(1))
    with pytest.raises(BadSetting, match="from 0 to 1"):
        Arrival(0.0, 1.5, 0)
    with pytest.raises(BadData, match="arrives in one of its hosts"):
        Infection(one(), Arrival(0.0, 0.1, 3), (1, 1), 1e6)


def cells(fatal: float = 0.0, rate: float = 0.0, size: int = 6) -> tuple[Contagion, dict[str, np.ndarray]]:
    """A disease of one species of 1,000 heads km-2 on size x size cells, arriving in a corner."""
    corner = np.zeros((size, size), bool)
    corner[0, 0] = True
    gates = Gates.of(np.ones((size, size), bool))
    process = Contagion(
        one(replace(PLAIN, fatal=fatal)), np.array([1e3]), Arrival(0.0, 0.01, 0, corner), (np.array([rate]), gates, 1e6)
    )
    values = {"biomass": np.full((1, size, size), 1.0), "quality": np.zeros((1, size, size))}
    return process, values | {name: np.zeros((1, size, size)) for name in SICK}


def test_in_a_cell_it_runs_as_in_one_population_and_stays_there() -> None:
    process, values = cells(fatal=0.5)
    went = 0.0
    for week in range(12):
        went += process.step(values, Moment(week, 7.0 * week, 7.0, draws.key(0)))["biomass"].went
    plain = course(process.pathogen, begin(ill=0.01), np.array([0.0, 84.0]))[1]
    assert values["biomass"][0, 0, 0] == pytest.approx(plain.sum() / 10, rel=1e-6)
    for at, name in enumerate(SICK, 1):
        assert values[name][0, 0, 0] == pytest.approx(plain[at, 0] / plain.sum(), rel=1e-5)
    # 1 g m-2 on 1 km2 is 1,000 kg
    assert went == pytest.approx(1000 * (1 - plain.sum() / 10), rel=1e-6)
    for week in range(12, 40):
        process.step(values, Moment(week, 7.0 * week, 7.0, draws.key(0)))
    assert (values["biomass"].ravel()[1:] == 1.0).all()
    # fewer than half an animal ill: gone, and not kept alive by a millionth of one
    assert not values["exposed"].any()
    assert not values["infectious"].any()


def test_it_is_carried_as_its_hosts_move_and_none_is_made_on_the_way() -> None:
    process, values = cells(rate=0.05)
    rng = np.random.default_rng(1)
    values["biomass"][:] = rng.random((1, 6, 6)) + 0.5
    values["quality"][:] = rng.random((1, 6, 6))
    values["immune"][:] = 0.3
    values["exposed"][0, 2, 3] = 0.2
    before = float((values["exposed"] * values["biomass"]).sum())
    process._carry(values, Moment(0, 0.0, 7.0, draws.key(0)))
    after = spread(values["biomass"][0], 0.05, values["quality"][0], process.gates, 7.0)
    assert float((values["exposed"][0] * after).sum()) == pytest.approx(before, rel=1e-12)
    assert (values["exposed"] > 0).sum() > 9
    # all alike immune stay all alike
    assert values["immune"] == pytest.approx(0.3, rel=1e-12)


def savanna() -> tuple[FoodWeb, np.ndarray, np.ndarray]:
    species = {"growth": [1 / 60, 0.0], "capacity": [300.0, math.inf], "loss": [0.0, 8e-3], "interference": [0.0, 0.02]}
    web = FoodWeb.of(["grass", "hare"], [(1, 0)], species, {"attack": 4e-4, "handling": 5.0, "efficiency": 0.3})
    return web, np.array([200.0, 2.0]), np.array([0.0, 3000.0])


def test_a_landscape_with_a_disease_keeps_its_books_and_loses_hosts() -> None:
    web, start, adult = savanna()
    ground = generated("plain", 1, 6, 1000.0, (60.0,) * 12)
    plain = gridded(web, start, np.array([0.0, 2e4]), ground, 20.0, GridSettings(seed=2, rain_spread=0.0))
    found = pathogen(
        replace(PLAIN, fatal=0.7), np.array([False, True]), start * 1e6 / np.maximum(adult, 1), np.full(2, 1e-3)
    )
    ill = contagion(plain, found, adult, Arrival(30.0, 0.1, 1, np.eye(6, dtype=bool)))
    assert [p.name for p in ill.processes].index("contagion") == [p.name for p in ill.processes].index("moving") - 1
    before = plain.world.digest()
    ill.run(40)
    assert plain.world.digest() == before
    plain.run(40)
    hares = [engine.world.values["biomass"][1].sum() for engine in (plain, ill)]
    assert hares[1] < 0.6 * hares[0]
    assert (ill.world.values["immune"][1] > 0).all()
    both = contagion(ill, found, adult, Arrival(0.0, 0.1, 1))
    assert [process.name for process in both.processes if isinstance(process, Contagion)] == [
        "contagion",
        "contagion_2",
    ]
    assert {"infectious", "infectious_2"} <= set(both.world.values)
    with pytest.raises(BadData, match="has a process of this name"):
        joined(ill, Part((ill.processes[-1],)))


def animals(count: int, each: int) -> dict[str, np.ndarray]:
    herd = np.zeros(count, np.int64)
    values = {
        "who": np.arange(count),
        "species": herd,
        "cell": herd,
        "number": np.full(count, each),
        "mass": np.full(count, 5.0),
    }
    return values | {name: np.full(count, each) if name == "susceptible" else herd.copy() for name in HEALTH}


@pytest.mark.parametrize("number", [0.7, 2.0, 3.0])
def test_animals_one_by_one_agree_with_the_equations(number: float) -> None:
    """Within 4 standard errors and what steps of a fifth of a day make (1 % of 8 days of illness)."""
    found, plain = epidemics(replace(PLAIN, r0=number, fatal=0.25), 0.02, 8)
    error = found.std(0, ddof=1) / math.sqrt(len(found))
    assert error.max() < 0.02
    assert np.abs(found.mean(0) - plain).max() < 0.012 + 4 * error.max()


def test_those_who_leave_a_herd_are_anyone_of_it_and_those_who_come_are_susceptible() -> None:
    values = animals(3000, 40)
    for name in HEALTH:
        values[name][:] = 10
    values["number"][:] = 20
    Infection(one(replace(PLAIN, r0=1e-9)), Arrival(9.0, 0.0, 0), (1, 1), 1e6).step(
        values, Moment(0, 0.0, 1e-9, draws.key(3))
    )
    for name in HEALTH:
        # hypergeometric: 5, standard deviation 1.39 among herds
        assert values[name].mean() == pytest.approx(5.0, abs=5 * 1.39 / math.sqrt(3000))
        assert values[name].std() == pytest.approx(1.39, rel=0.1)
    values["number"][:] = 50
    before = values["susceptible"].copy()
    Infection(one(replace(PLAIN, r0=1e-9)), Arrival(9.0, 0.0, 0), (1, 1), 1e6).step(
        values, Moment(1, 0.0, 1e-9, draws.key(3))
    )
    assert (values["susceptible"] == before + 30).all()


def field(seed: int) -> Engine:
    web, start, adult = savanna()
    who = Animals(np.maximum(adult, 1.0), np.array([0.0, 1e-3]), np.array([0.0, 1e5]), np.array([1.0, 4.0]))
    return window(
        web, start, who, generated("plain", 1, 4, 100.0, (60.0,) * 12), 20.0, WindowSettings(days=1.0, seed=seed)
    )


def test_a_window_with_a_disease_keeps_its_books_and_each_herd_its_count() -> None:
    found = pathogen(replace(PLAIN, fatal=0.5, r0=6.0), np.array([False, True]), np.array([1.0, 600.0]), np.zeros(2))
    healthy, ill = field(5), infection(field(5), found, Arrival(3.0, 0.1, 1))
    for _ in range(60):
        healthy.step()
        moved = ill.step()
        values = ill.world.values
        assert all(len(values[name]) == len(values["number"]) for name in HEALTH)
    assert moved["infection"]["biomass"].went >= 0
    heads = [engine.world.values["number"].sum() for engine in (healthy, ill)]
    assert heads[1] < 0.8 * heads[0]
    assert values["immune"].sum() > 0
    # roaming comes after: since the disease's step nobody was born or died
    assert (sum(values[name] for name in HEALTH) == values["number"]).all()
