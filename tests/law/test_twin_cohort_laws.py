"""Laws of cohorts: nothing is made, no more is eaten than there is, no order matters, merging keeps what is merged, warmth speeds life up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.twin import draws
from merian.twin.cohorts.bodies import Metabolism, Warmth, active_share, burnt_g_day
from merian.twin.cohorts.breeding import Breeding, born, falls
from merian.twin.cohorts.choosing import Judging
from merian.twin.cohorts.columns import COHORT
from merian.twin.cohorts.dispersing import Dispersing
from merian.twin.cohorts.dying import Dying, hazard_day
from merian.twin.cohorts.feasting import Feasting
from merian.twin.cohorts.ground import Ground
from merian.twin.cohorts.hunting import Hunting
from merian.twin.cohorts.kinds import Kinds, functional_groups
from merian.twin.cohorts.merging import Merging
from merian.twin.cohorts.worlds import founded, young_g
from merian.twin.engine import Moment, Process
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.moving import Gates
from merian.twin.grid.weather import Air
from merian.twin.rates import ectotherm_g_day

CELL_M2 = 1e6
CELLS = 3
KINDS, SPANS = functional_groups()
WEEK = Moment(5, 35.0, 7.0, draws.key(1, "law"))


def crowd(seed: int, count: int, hunger: float = 1.0) -> dict[str, np.ndarray]:
    """Cohorts of chance on three cells in a row."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(KINDS.names), count)
    low, high = np.log(SPANS[kind]).T
    adult = np.exp(rng.uniform(low, high))
    grown = rng.random(count) < 0.5
    values = founded(
        {
            "kind": kind,
            "cell": rng.integers(0, CELLS, count),
            "number": 10 ** rng.uniform(-1, 6, count),
            "mass": np.where(grown, adult * rng.uniform(0.5, 1, count), young_g(adult)),
            "young": young_g(adult),
            "adult": adult,
            "pool": np.where(grown, adult * rng.uniform(0, 1, count), 0.0),
            "gut": adult * rng.uniform(0, 0.2, count),
            "age": rng.uniform(0, 900, count),
            "ripe": np.where(grown, 200.0, -1.0),
            "optimum": np.where(KINDS.hunts.any(1)[kind], 0.1, 0.0),
        }
    )
    plants = hunger * rng.uniform(0, 300, (1, 1, CELLS))
    return {**values, "plants": plants, "celsius": np.full((1, CELLS), 20.0), "room": np.ones((1, CELLS))}


def grams(values: dict[str, np.ndarray]) -> float:
    each = values["mass"] + values["pool"] + values["gut"]
    return float((values["number"] * each).sum() + values["plants"].sum() * CELL_M2)


def links() -> FoodWeb:
    """A food web of the nine groups on grass, with all rates alike; three of them are hunted."""
    names = [*KINDS.names, "grass"]
    eats = [(k, 9) for k in range(9) if KINDS.grazes[k, 0] > 0]
    eats += [(k, j) for k in range(9) for j in (3, 5, 6) if j != k and KINDS.hunts[k, j] > 0]
    species = {"growth": [0.0] * 9 + [0.02], "capacity": [np.inf] * 9 + [400.0], "interference": [1e-3] * 9 + [0.0]}
    efficient = [0.5 if eaten == 9 else 0.8 for _, eaten in eats]
    return FoodWeb.of(
        names, eats, species, {"attack": 0.002, "handling": 4.0, "efficiency": efficient, "exponent": 1.2}
    )


def eaters(threads: int = 1) -> list[Process]:
    hunting = Hunting(KINDS, Warmth(), CELL_M2, threads)
    return [hunting, Feasting(links(), KINDS.changed(loss=0.01), Warmth(), CELL_M2, threads)]


def all_processes() -> list[Process]:
    return [*eaters(), Metabolism(KINDS, Warmth()), Dying(KINDS, CELL_M2), Breeding(KINDS), Merging(10, 0.5)]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from([0.0, 1e-3, 1.0]))
def test_budgets_of_mass_and_of_animals_close_in_every_process(seed: int, count: int, hunger: float) -> None:
    for process in all_processes():
        values = crowd(seed, count, hunger)
        if process.name == "eating":
            values["gut"][:] = 0.0
        mass, heads = grams(values), float(values["number"].sum())
        flows = process.step(values, WEEK)
        biomass, animals = flows.get("biomass"), flows.get("animals")
        gone = 1000 * (biomass.went - biomass.came) if biomass else 0.0
        left = animals.went - animals.came if animals else 0.0
        assert grams(values) + gone == pytest.approx(mass, rel=1e-12)
        assert float(values["number"].sum()) + left == pytest.approx(heads, rel=1e-12)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_no_more_is_eaten_than_there_is_and_the_idle_eat_nothing(seed: int, count: int) -> None:
    for process in eaters():
        values = crowd(seed, count)
        values["gut"][:] = 0.0
        before, stood = values["number"].copy(), values["plants"].copy()
        # a step of ten years: all that can be found is found
        process.step(values, Moment(0, 0.0, 3650.0, WEEK.chance))
        assert (values["number"] >= 0).all()
        assert (values["number"] <= before).all()
        assert (values["plants"] >= 0).all()
        assert (values["plants"] <= stood * (1 + 1e-15)).all()
        assert np.isfinite(values["gut"]).all()
        assert (values["gut"] >= 0).all()
        eaten = ((before - values["number"]) * (values["mass"] + values["pool"])).sum()
        eaten += (stood - values["plants"]).sum() * CELL_M2
        # what little is eaten is the difference of two large numbers
        assert (values["gut"] * values["number"]).sum() <= 0.8 * eaten + 1e-12 * grams(values)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 50), st.randoms(use_true_random=False))
def test_the_order_of_cohorts_in_a_cell_does_not_matter(seed: int, count: int, chance) -> None:
    order = list(range(count))
    chance.shuffle(order)
    for process in [*eaters(), Breeding(KINDS), Merging(5)]:
        one, other = crowd(seed, count), crowd(seed, count)
        shuffled = np.array(order)[np.argsort(other["cell"][order], kind="stable")]
        for name in COHORT:
            other[name] = other[name][shuffled]
        process.step(one, WEEK)
        process.step(other, WEEK)
        for name in COHORT:
            a, b = (values[name][np.argsort(values["who"])] for values in (one, other))
            assert b == pytest.approx(a, rel=1e-9, abs=1e-12)
        assert other["plants"] == pytest.approx(one["plants"], rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 120), st.integers(1, 30))
def test_merging_keeps_number_mass_and_what_is_laid_by_of_each_kind_and_stage(seed: int, count: int, most: int) -> None:
    values = crowd(seed, count)

    def sums() -> dict[tuple[int, int, bool], np.ndarray]:
        found: dict[tuple[int, int, bool], np.ndarray] = {}
        columns = ("mass", "pool", "gut", "young", "adult", "age")
        for at in range(len(values["who"])):
            key = (int(values["cell"][at]), int(values["kind"][at]), bool(values["ripe"][at] >= 0))
            number = values["number"][at]
            row = np.array([number, *(number * values[name][at] for name in columns)])
            found[key] = found.get(key, 0) + row
        return found

    before, oldest, heaviest = sums(), values["age"].max(), values["mass"].max()
    assert Merging(most).step(values, WEEK)["biomass"].went == 0
    after = sums()
    assert after.keys() == before.keys()
    for key, row in before.items():
        assert after[key] == pytest.approx(row, rel=1e-9)
    heaps = len({key[1:] for key in before})
    sizes = np.bincount(values["cell"], minlength=CELLS)
    assert (sizes <= max(most, heaps)).all()
    assert (np.diff(values["cell"]) >= 0).all()
    assert values["age"].max() <= oldest * (1 + 1e-12)
    assert values["mass"].max() <= heaviest * (1 + 1e-12)
    assert (values["top"] >= values["mass"] * (1 - 1e-12)).all()
    assert len(np.unique(values["who"])) == len(values["who"])


def test_the_nearest_are_merged_first() -> None:
    masses = np.array([1.0, 100.0, 110.0, 1e4])
    values = founded(
        {"kind": [0] * 4, "cell": [0] * 4, "number": [1.0, 2.0, 2.0, 1.0], "mass": masses, "young": 1.0, "adult": 1e5}
    )
    values["room"] = np.ones((1, 1))
    Merging(3).step(values, WEEK)
    assert sorted(values["mass"].tolist()) == [1.0, 105.0, 1e4]
    # of equals the one with the lower name stays
    assert sorted(values["who"].tolist()) == [0, 1, 3]


@settings(deadline=None, max_examples=50)
@given(st.floats(-4, 5), st.floats(-5, 35), st.floats(0.1, 10), st.floats(0, 1))
def test_warmth_speeds_ectotherms_up_and_leaves_endotherms_alone(
    size: float, celsius: float, warmer: float, active: float
) -> None:
    mass, table = 10.0**size, KINDS.table

    def burnt(kind: int, degrees: float) -> float:
        rates = [float(share * ectotherm_g_day(1.0, degrees, one)) for share, one in ((active, 1.0), (1 - active, 0.0))]
        return burnt_g_day(table, kind, mass, 0.0, mass, np.array([*rates, active]))

    assert burnt(3, celsius + warmer) > burnt(3, celsius)
    assert burnt(0, celsius + warmer) == burnt(0, celsius)
    assert burnt(0, celsius) > 0
    assert burnt_g_day(table, 0, 2 * mass, 0.0, mass, np.zeros(3)) < 2 * burnt(0, celsius)


@settings(deadline=None)
@given(st.floats(-40, 60), st.floats(0, 20), st.floats(0, 40))
def test_the_active_share_is_a_share_and_nobody_is_active_in_frost(celsius: float, spread: float, swing: float) -> None:
    warmth = Warmth(20.0, spread, swing)
    assert 0 <= float(active_share(celsius, warmth)) <= 1
    assert float(active_share(-60.0, warmth)) == 0


@settings(deadline=None)
@given(st.floats(0.01, 1), st.floats(0, 3000), st.floats(1, 3000), st.floats(0, 20))
def test_hunger_age_and_crowds_only_ever_add_to_deaths(fed: float, age: float, ripe: float, met: float) -> None:
    table = KINDS.changed(crowding=0.01, harvest=0.001).table
    alive = hazard_day(table, 0, (100.0, 100.0), (age, -1.0), 0.0)
    assert alive == pytest.approx(0.002)
    assert hazard_day(table, 0, (100 * fed, 100.0), (age, -1.0), 0.0) >= alive
    assert hazard_day(table, 0, (100.0, 100.0), (age + ripe, ripe), 0.0) > alive
    assert hazard_day(table, 0, (100.0, 100.0), (age, -1.0), met) == pytest.approx(alive + 0.01 * met)
    assert hazard_day(table, 0, (40.0, 100.0), (0.0, -1.0), 0.0) > 0.9
    assert hazard_day(KINDS.changed(starves=0.0).table, 0, (40.0, 100.0), (0.0, -1.0), 0.0) == pytest.approx(0.001)


@settings(deadline=None)
@given(st.floats(1, 1e6), st.floats(1, 1000), st.floats(0, 5), st.integers(0, 8), st.integers(0, 3))
def test_what_is_born_was_there(number: float, adult: float, laid_by: float, kind: int, due: int) -> None:
    table = KINDS.changed(pulse=np.where(np.arange(9) == 0, 365.25, 0.0), litter=2.0).table
    young, pool = adult / 20, laid_by * adult
    heads, mass, left = born(table, kind, number, (adult, pool, young, adult), due)
    assert heads * young + number * (mass + left) == pytest.approx(number * (adult + pool), rel=1e-12)
    assert heads >= 0
    assert left >= 0
    assert mass > 0
    if laid_by < 0.5:
        assert kind == 0 or heads == 0
    if kind == 0:
        assert heads <= due * number * (1 + 1e-12)


@settings(deadline=None)
@given(st.floats(1, 3000), st.floats(0.5, 31), st.floats(0, 3000))
def test_births_fall_due_once_in_their_interval(every: float, days: float, first: float) -> None:
    day, due = 0.0, 0
    while day < 20 * every:
        due += falls(day, days, every, first)
        # the clock of a world adds up like this
        day += days
    assert due == falls(0.0, day, every, first)
    assert abs(due - day / every) <= 1


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_kinds_that_nobody_links_are_left_alone(seed: int) -> None:
    alone = Kinds.of(KINDS.names, {"warm": KINDS["warm"]}, 0 * KINDS.grazes, 0 * KINDS.hunts)
    values = crowd(seed, 30)
    before = {name: values[name].copy() for name in ("number", "plants")}
    Hunting(alone, Warmth(), CELL_M2).step(values, WEEK)
    assert (values["number"] == before["number"]).all()
    assert (values["gut"] == 0).all()
    assert values["plants"] == pytest.approx(before["plants"], rel=1e-15)


def test_animals_left_alone_come_to_stand_as_the_quality_of_cells_says() -> None:
    """Metropolis' rule on ways that lead back and forth alike: shares of exp(q); without a choice all cells alike; no fence is chosen through."""
    quality = np.log(np.array([[1.0, 3.0], [2.0, 2.0]]))
    names = np.arange(8000)
    begun = {"kind": 0 * names, "cell": 0 * names, "number": 1.0, "mass": 1e4, "adult": 2e4, "young": 1e3}
    alone = Kinds.of(["one"], {}, np.zeros((1, 1)), np.zeros((1, 1)))
    for chooses, closed in ((True, False), (False, False), (True, True)):
        values = {**founded(begun), "quality": quality[None]}
        gates = Gates.of(np.ones((2, 2), bool), 4.0 * closed * np.ones((2, 2)))
        roaming = Dispersing(alone, gates, 3000.0, chooses=chooses)
        for step in range(150):
            roaming.step(values, Moment(step, 7.0 * step, 7.0, WEEK.chance))
        shares = np.bincount(values["cell"], minlength=4) / len(names)
        wanted = np.array([1, 3, 2, 2]) / 8 if chooses else np.full(4, 0.25)
        if closed:
            wanted = np.array([0.25, 0.75, 0, 0])
        assert shares == pytest.approx(wanted, abs=4 * 0.5 / np.sqrt(len(names)))


def test_cells_are_judged_by_the_food_and_water_in_them() -> None:
    """Of two kinds of grazers on two pools and a hunter, by a food web and by size alone, against the equation written out."""
    web = FoodWeb.of(
        ["grass", "leaf", "hare", "fox"],
        [(2, 0), (2, 1), (3, 2)],
        {"growth": [0.1, 0.1, 0, 0], "capacity": [9, 9, np.inf, np.inf], "loss": [0, 0, 0.1, 0.1]},
        {"attack": 0.1, "share": [0.75, 0.25, 1.0]},
    )
    kinds = Kinds.of(["hare", "fox"], {}, [[0.5, 0.5], [0, 0]], [[0, 0], [0.8, 0]])
    land, near = np.array([[True, True, False]]), np.array([[0.0, 1.0, 0.0]])
    air = Air(0.0, 20.0, 10.0, 150.0)
    ground = Ground(land, 1000.0, Gates.of(land), np.ones((12, 1, 3)), air, 0.0 * near, 0.0 * near, near)
    hares = founded({"kind": [0, 0], "cell": [0, 1], "number": [3e3, 1e3], "mass": 1e3, "adult": 1e3, "young": 10.0})
    values = {**hares, "plants": np.array([[[4.0, 2.0, 0.0]], [[1.0, 3.0, 0.0]]])}
    by_web, by_size = (Judging(kinds, one, ground, 2.0) for one in (web, None))
    by_web.step(values, WEEK)
    hare, fox = values["quality"][:, 0]
    assert hare == pytest.approx([2 * np.log(0.05 + 0.75 * 4 / 3 + 0.25 / 2), 2 * np.log(0.55 + 0.5 + 0.25 * 1.5), 0])
    assert fox == pytest.approx([2 * np.log(0.05 + 1.5), 2 * np.log(0.55 + 0.5), 0])
    by_size.step(values, WEEK)
    assert values["quality"][0, 0] == pytest.approx([2 * np.log(0.05 + 5 / 5), 2 * np.log(0.55 + 5 / 5), 0])
    assert values["quality"][1, 0] == pytest.approx(fox)
