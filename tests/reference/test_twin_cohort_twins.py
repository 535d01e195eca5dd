"""Slow twins of cohorts: feeding by size and by web, metabolism, deaths and merging once more in plain Python, from the equations; and what theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.twin import draws
from merian.twin.cohorts.bodies import Metabolism, Warmth, active_share
from merian.twin.cohorts.dispersing import speed_m_day
from merian.twin.cohorts.dying import Dying
from merian.twin.cohorts.feasting import Feasting
from merian.twin.cohorts.hunting import Hunting
from merian.twin.cohorts.kinds import Kinds, functional_groups
from merian.twin.cohorts.merging import Merging
from merian.twin.cohorts.theory import COHORTS
from merian.twin.cohorts.worlds import founded, young_g
from merian.twin.engine import Moment
from merian.twin.foodweb import FoodWeb

CELL_M2 = 4e6
KINDS, SPANS = functional_groups()
WEEK = Moment(3, 21.0, 7.0, draws.key(2, "twin"))
MILD = Warmth(18.0, 3.0, 10.0)


@pytest.mark.parametrize("family", COHORTS, ids=[family.__name__ for family in COHORTS])
def test_theory_of_cohorts_holds(family) -> None:
    assert [f"{row.name}: {row.found} for {row.target}" for row in family() if not row.holds] == []


def herd(seed: int, count: int) -> dict[str, np.ndarray]:
    """Cohorts of chance in one cell."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(KINDS.names), count)
    low, high = np.log(SPANS[kind]).T
    adult = np.exp(rng.uniform(low, high))
    grown = rng.random(count) < 0.5
    values = founded(
        {
            "kind": kind,
            "cell": np.zeros(count),
            "number": 10 ** rng.uniform(0, 6, count),
            "mass": np.where(grown, adult * rng.uniform(0.5, 1, count), young_g(adult)),
            "young": young_g(adult),
            "adult": adult,
            "pool": np.where(grown, adult * rng.uniform(0, 0.4, count), 0.0),
            "age": rng.uniform(200, 900, count),
            "ripe": np.where(grown, 200.0, -1.0),
            "optimum": np.where(KINDS.hunts.any(1)[kind], rng.uniform(0.05, 0.2, count), 0.0),
        }
    )
    values["top"] = values["mass"] * rng.uniform(1, 1.5, count)
    return {**values, "plants": np.array([[[120.0]]]), "celsius": np.full((1, 1), 22.0), "room": np.ones((1, 1))}


def plain_hunt(values: dict[str, np.ndarray], kinds: Kinds) -> tuple[np.ndarray, np.ndarray, float]:
    """Numbers left, gains, and plants left, g m-2: the equations of the published model with all eaters at once, pair by pair."""
    count, hectares = len(values["kind"]), CELL_M2 / 1e4
    mass, pool, number = values["mass"], values["pool"], values["number"]
    grass_ha = float(values["plants"][0, 0, 0]) * CELL_M2 / hectares
    kills, grams, effort = np.zeros((count, count)), np.zeros(count), np.zeros(count)
    for i in range(count):
        own = values["kind"][i]
        reach = math.log(kinds["reach"][own])
        width = (2 * 2.1 + reach) / 12

        over = np.log(mass / mass[i]) - (math.log(values["optimum"][i]) if values["optimum"][i] > 0 else 0.0)
        places = np.floor((over + 2.1) / width)
        near = (over > -2.1) & (over < reach + 2.1)
        hunts = values["optimum"][i] > 0
        for j in range(count):
            if not hunts or i == j or kinds.hunts[own, values["kind"][j]] == 0:
                continue
            if not near[j]:
                continue
            like = (number / hectares)[near & (values["kind"] == values["kind"][j]) & (places == places[j])].sum()
            beyond = -min(over[j], 0.0) + max(over[j] - reach, 0.0)
            kills[i, j] = 1e-6 * mass[i] * math.exp(-((beyond / 0.7) ** 2)) * like * number[j] / hectares
        if kinds.grazes[own, 0] > 0:
            grams[i] = 1e-11 * mass[i] * grass_ha**2
        busy = 1 + sum(kills[i, j] * 0.5 * (1 / mass[i]) ** 0.7 * mass[j] for j in range(count))
        busy += grams[i] * 0.7 * (1 / mass[i]) ** 0.7
        active = 0.5 if kinds["warm"][own] else 0.5 * float(active_share(22.0, MILD))
        effort[i] = 7.0 * active / busy
    hazard = np.array(
        [sum(number[i] * effort[i] * kills[i, j] for i in range(count)) / number[j] for j in range(count)]
    )
    grazed = sum(number[i] * effort[i] * grams[i] for i in range(count)) / (grass_ha * hectares)
    eaten = number * (1 - np.exp(-hazard))
    gain = np.zeros(count)
    for i in range(count):
        own = values["kind"][i]
        for j in range(count):
            if kills[i, j] > 0:
                share = number[i] * effort[i] * kills[i, j] / number[j] / hazard[j]
                gain[i] += kinds.hunts[own, values["kind"][j]] * share * eaten[j] * (mass[j] + pool[j]) / number[i]
        share = number[i] * effort[i] * grams[i] / (grass_ha * hectares) / grazed
        gain[i] += kinds.grazes[own, 0] * share * (1 - math.exp(-grazed)) * grass_ha * hectares / number[i]
    return number - eaten, gain, float(values["plants"][0, 0, 0]) * math.exp(-grazed)


@pytest.mark.parametrize(("seed", "reach"), [(0, 1.0), (1, 1.0), (2, 6.0)])
def test_hunting_is_the_published_equations_pair_by_pair(seed: int, reach: float) -> None:
    kinds, values = KINDS.changed(reach=reach), herd(seed, 45)
    left, gain, grass = plain_hunt(values, kinds)
    before = values["number"].copy()
    Hunting(kinds, MILD, CELL_M2).step(values, WEEK)
    assert values["number"] == pytest.approx(left, rel=1e-9)
    assert values["gut"] == pytest.approx(gain, rel=1e-9)
    assert float(values["plants"][0, 0, 0]) == pytest.approx(grass, rel=1e-12)
    # the case is one in which something happens
    assert (values["number"] < 0.999 * before).sum() > 5
    assert (gain > 0).sum() > 20


def test_one_eater_of_one_prey_is_the_published_form() -> None:
    hunts = np.array([[0, 0.8], [0, 0]])
    kinds = Kinds.of(["hunter", "prey"], {"warm": 1.0}, np.zeros((2, 1)), hunts)
    values = founded(
        {
            "kind": [0, 1],
            "cell": [0, 0],
            "number": [50.0, 9e4],
            "mass": [1e4, 900.0],
            "young": 1.0,
            "adult": 1e4,
            "optimum": [0.1, 0],
        }
    )
    values |= {"plants": np.zeros((1, 1, 1)), "celsius": np.full((1, 1), 20.0)}
    Hunting(kinds, MILD, CELL_M2).step(values, WEEK)
    dense = 9e4 / (CELL_M2 / 1e4)
    found = 1e-6 * 1e4 * math.exp(-((math.log(0.9) / 0.7) ** 2)) * dense * dense
    handling = 0.5 * 1e-4**0.7 * 900
    eaten = 9e4 * (1 - math.exp(-50 * 0.5 * 7 * found / (1 + found * handling) / 9e4))
    assert values["number"].tolist() == pytest.approx([50.0, 9e4 - eaten], rel=1e-12)
    assert values["gut"].tolist() == pytest.approx([0.8 * eaten * 900 / 50, 0.0], rel=1e-9)


def test_feasting_is_the_food_web_cohort_by_cohort() -> None:
    species = {
        "growth": [0.02, 0, 0],
        "capacity": [300.0, np.inf, np.inf],
        "interference": [0, 0.5, 2.0],
        "mutual": [1, 1, 0.7],
    }
    links = {
        "share": [1.0, 0.6, 0.4],
        "attack": [2e-3, 0.05, 4e-3],
        "handling": [3.0, 6.0, 3.0],
        "efficiency": [0.3, 0.6, 0.2],
    }
    web = FoodWeb.of(["grass", "hare", "fox"], [(1, 0), (2, 1), (2, 0)], species, links)
    columns = {"loss": [0.01, 0.008], "scaling": -0.3, "nursing": [1.3, 1.0], "pulse": [0.0, 365.0], "litter": 4.0}
    kinds = Kinds.of(["hare", "fox"], columns, np.zeros((2, 1)), np.zeros((2, 2)))
    kind, number = np.array([0, 0, 1, 1]), np.array([3000.0, 9000.0, 90.0, 40.0])
    mass, pool, adult = (
        np.array([3000.0, 800, 6000, 2000]),
        np.array([500.0, 0, 2999.0, 0]),
        np.array([3000.0, 3000, 6000, 6000]),
    )
    values = founded(
        {"kind": kind, "cell": 0 * kind, "number": number, "mass": mass, "pool": pool, "adult": adult, "young": 100.0}
    )
    values["ripe"] = np.array([100.0, -1, 300, -1])
    values |= {"plants": np.full((1, 1, 1), 80.0), "celsius": np.full((1, 1), 20.0)}
    whole = mass + pool
    dense = [80.0, *(float((number * whole)[kind == k].sum()) / CELL_M2 for k in (0, 1))]
    sought, gains = {}, {}
    for eater, busy in ((1, 1 + 0.5 * dense[1]), (2, 1 + (2.0 * dense[2]) ** 0.7)):
        mine = [at for at in range(3) if web.eater[at] == eater]
        found = {at: web["share"][at] * web["attack"][at] * dense[web.eaten[at]] for at in mine}
        busy += sum(found[at] * web["handling"][at] for at in mine)
        sought |= {at: found[at] / busy for at in mine}
        gains[eater] = sum(web["efficiency"][at] * sought[at] for at in mine)
    speed = whole * (mass / adult) ** -0.3 * np.array([1.0, 1.3, 1.0, 1.0]) * 7
    burnt = np.array([0.01, 0.01, 0.008, 0.008]) * whole * (mass / adult) ** -0.3 * 7
    # only foxes give birth in pulses and so have a limit: the grown-up one has laid by nearly all it can
    need = burnt + adult - mass + 0.5 * adult - pool
    gain = np.array([gains[1], gains[1], gains[2], gains[2]])
    speed[2:] = np.minimum(speed, need / gain)[2:]
    eats = [0.0, *(float((number * speed)[kind == k].sum()) / CELL_M2 for k in (0, 1))]
    hazard = np.zeros(3)
    for at, rate in sought.items():
        hazard[web.eaten[at]] += eats[web.eater[at]] * rate / dense[web.eaten[at]]
    made = np.zeros(3)
    for at, rate in sought.items():
        h = hazard[web.eaten[at]]
        made[web.eater[at]] += web["efficiency"][at] * rate * (1 - math.exp(-h)) / h
    Feasting(web, kinds, MILD, CELL_M2).step(values, WEEK)
    assert values["number"] == pytest.approx(number * np.exp(-hazard[kind + 1]), rel=1e-12)
    assert values["gut"] == pytest.approx(speed * made[kind + 1], rel=1e-12)
    assert float(values["plants"][0, 0, 0]) == pytest.approx(80 * math.exp(-hazard[0]), rel=1e-12)
    assert speed[2] < (whole * 7)[2]


def test_metabolism_growth_and_deaths_cohort_by_cohort() -> None:
    kinds = KINDS.changed(pulse=np.where(np.arange(9) == 0, 300.0, 0.0), litter=1.0, ripens=300.0)
    values = herd(5, 60)
    rng = np.random.default_rng(9)
    values["gut"] = values["mass"] * 10 ** rng.uniform(-3, 0.5, 60)
    values["number"][3] = 7.0
    expected = []
    tau = 0.5 * float(active_share(22.0, MILD))
    for at in range(60):
        own = int(values["kind"][at])
        number, mass, pool, gut, adult, top, age, ripe = (
            float(values[name][at]) for name in ("number", "mass", "pool", "gut", "adult", "top", "age", "ripe")
        )
        if own < 3:
            burnt = 9.08091e11 * mass**0.70 * math.exp(-0.69 / (8.617e-5 * 310))
        else:
            mixed = tau * 1.48984e11 * mass**0.88 + (1 - tau) * 4.1918272883e10 * mass**0.69
            burnt = mixed * math.exp(-0.69 / (8.617e-5 * (22.0 + 273.0)))
        net, age = gut - 7 * burnt * 0.036697248, age + 7
        if net >= 0:
            grown = min(net, max(adult - mass, 0.0))
            mass, pool = mass + grown, pool + net - grown
            if ripe < 0 and mass >= adult and age >= 300:
                ripe = age
            if own == 0:
                pool = min(pool, 0.5 * adult)
        else:
            pool, mass = max(pool + net, 0.0), mass + min(pool + net, 0.0)
            if mass <= 0:
                number, pool, mass = 0.0, 0.0, float(values["mass"][at])
        top = max(top, mass)
        hazard = 0.001 + (0.003 * math.exp((age - ripe) / (ripe + 1)) if ripe >= 0 else 0.0)
        if mass < top:
            hazard += 1 / (1 + math.exp((mass - 0.6 * top) / (0.05 * top)))
        expected.append([number * math.exp(-7 * hazard), mass, pool, top, age, ripe])
    Metabolism(kinds, MILD).step(values, WEEK)
    Dying(kinds, CELL_M2).step(values, WEEK)
    found = np.array([values[name] for name in ("number", "mass", "pool", "top", "age", "ripe")]).T
    assert found == pytest.approx(np.array(expected), rel=1e-9)
    # the case has the starved, the growing and those that lay by
    assert (found[:, 0] == 0).any()
    assert (found[:, 2] > 0).any()
    assert (found[:, 1] < found[:, 3]).any()


def test_merging_takes_the_nearest_pair_again_and_again() -> None:
    values = herd(11, 70)
    rows = [
        {name: values[name][at] for name in values if name not in ("plants", "celsius", "room")} for at in range(70)
    ]

    def apart(one: dict[str, float], other: dict[str, float]) -> float:
        return sum(abs(math.log(one[name] / other[name])) for name in ("mass", "adult", "young"))

    while len(rows) > 25:
        pairs = [
            (apart(a, b), x, y)
            for x, a in enumerate(rows)
            for y, b in enumerate(rows)
            if x < y and a["kind"] == b["kind"] and (a["ripe"] < 0) == (b["ripe"] < 0)
        ]
        _, x, y = min(pairs)
        one, other = sorted((rows[x], rows[y]), key=lambda row: -row["number"])
        both = one["number"] + other["number"]
        merged = {
            name: (one["number"] * one[name] + other["number"] * other[name]) / both
            for name in ("mass", "pool", "gut", "young", "adult", "top", "optimum", "age", "ripe")
        }
        rows = [row for at, row in enumerate(rows) if at not in (x, y)]
        rows.append({**one, **merged, "number": both})
    Merging(25).step(values, WEEK)
    order = np.argsort(values["who"])
    rows.sort(key=lambda row: row["who"])
    assert values["who"][order].tolist() == [row["who"] for row in rows]
    for name in ("number", "mass", "pool", "adult", "young", "top", "age", "ripe", "optimum"):
        assert values[name][order] == pytest.approx([row[name] for row in rows], rel=1e-9)


def test_the_speed_of_a_kilogram() -> None:
    assert speed_m_day(1000.0) == pytest.approx(1000 * 0.0278 * 1000**0.48 / 30.4375)


def test_activity_by_hours_of_a_day() -> None:
    warmth = Warmth(15.0, 4.0, 14.0)
    best, most = 15 + 1.51 + 1.53 * 4, 15 + 6.61 + 1.6 * 4
    hours = 20.0 + 7 * np.sin(2 * np.pi * (np.arange(200_000) + 0.5) / 200_000)
    inside = (hours > best - 4 * (most - best) / 12) & (hours < most)
    assert float(active_share(20.0, warmth)) == pytest.approx(inside.mean(), abs=1e-4)
