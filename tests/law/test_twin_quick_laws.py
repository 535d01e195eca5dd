"""What the twin's kernels do quickly is what is done slowly: series, tables, ways over open land, lists by ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.twin import draws
from merian.twin.cohorts.dispersing import Dispersing, _move
from merian.twin.cohorts.kinds import Kinds
from merian.twin.cohorts.series import logarithms, powers, turned
from merian.twin.cohorts.worlds import founded
from merian.twin.engine import Moment
from merian.twin.grid.moving import Gates
from merian.twin.herds.company import company_of, neighbours
from merian.twin.herds.counts import poisson
from merian.twin.herds.eating import _kills
from merian.twin.herds.groups import groups_of, sought, worth
from merian.twin.herds.living import Carrying, bodies, dropped
from merian.twin.herds.spread import by_cell, from_cells
from merian.twin.ledger import Variable

ULP = 2.0**-52


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=50))
@settings(deadline=None, max_examples=60)
def test_logarithms_are_right_to_the_last_places(values):
    given_, found = np.array(values), np.empty(len(values))
    logarithms(given_, found)
    assert found == pytest.approx(np.log(given_), rel=4 * ULP, abs=4 * ULP)


@given(st.lists(st.tuples(st.floats(1e-6, 1e6), st.floats(-3, 3)), min_size=1, max_size=50))
@settings(deadline=None, max_examples=60)
def test_powers_are_right_to_the_last_places_and_one_is_exact(values):
    base, exponent = np.array(values).T.copy()
    found = np.empty(len(base))
    powers(base, exponent, found)
    assert found == pytest.approx(base**exponent, rel=64 * ULP)
    powers(np.ones(len(base)), exponent, found)
    assert (found == 1.0).all()


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50))
@settings(deadline=None, max_examples=60)
def test_turns_go_round_the_circle(values):
    turns, ahead, aside = np.array(values), np.empty(len(values)), np.empty(len(values))
    turned(turns, ahead, aside)
    assert ahead == pytest.approx(np.cos(2 * np.pi * turns), abs=8 * ULP)
    assert aside == pytest.approx(np.sin(2 * np.pi * turns), abs=8 * ULP)


def test_over_open_land_ways_end_where_they_end_step_by_step():
    rng, side, count = np.random.default_rng(3), 7, 2000
    kinds = Kinds.of(["roe", "vole"], {"diffusion": [4e5, 0.0]}, [[0.5], [0.5]], np.zeros((2, 2)))
    columns = founded(
        {
            "kind": rng.integers(0, 2, count),
            "cell": rng.integers(0, side * side, count),
            "number": 10.0,
            "mass": 10 ** rng.uniform(1, 5, count),
            "adult": 2e5,
            "young": 1.0,
        }
    )
    open_ = np.ones((side, side - 1)), np.ones((side - 1, side))
    process = Dispersing(kinds, Gates(*open_), 500.0)
    key, before = draws.key(5), columns["cell"].copy()
    state = tuple(columns.get(name, np.empty(0)) for name in ("number", "mass", "pool", "gut", "young", "adult"))
    state += tuple(columns[name] for name in ("top", "optimum", "age", "ripe"))
    slow = before.copy()
    land = (*open_, np.empty((0, 0)), False)
    _move(kinds.table, columns["who"], (columns["kind"], slow, state), land, (500.0, 7.0, 0, count), (key, 2))
    process.step(columns, Moment(2, 14.0, 7.0, key))
    assert (columns["cell"] == slow).all()
    assert (slow != before).sum() > count / 10


def test_what_a_group_is_worth_is_looked_up():
    groups = groups_of(np.array([1.0, 30.0]), scan=0.2)
    table = worth(groups.rows, 40)
    for own in range(2):
        for number in (1, 2, 17, 39):
            assert table[own, number] == sought(float(number), groups.rows[:, own])


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 3))
@settings(deadline=None, max_examples=100)
def test_who_kills_nothing_is_known_without_an_exponential(uniform, mean):
    assert _kills(uniform, mean, 1000) == min(poisson(uniform, mean), 1000)


def test_layers_lie_cell_by_cell_without_a_copy():
    layers = np.arange(24.0).reshape(2, 3, 4)
    cells = by_cell(layers)
    again = from_cells(cells, (3, 4))
    assert (again == layers).all()
    assert np.shares_memory(by_cell(again), cells)
    assert cells.shape == (12, 2)


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_what_lies_out_of_bounds_is_found(kind):
    variable = Variable("x", "1", ("animal",), "Something", 0.0, 100.0)
    values = np.arange(90).astype(kind)
    assert variable.outside(values) is None
    values[41] = 101
    assert variable.outside(values) == (41,)
    values[41], values[70] = 100, -1
    assert variable.outside(values) == (70,)
    if kind is np.float64:
        values[70] = math.nan
        assert variable.outside(values) == (70,)


def test_grams_of_herds_add_up():
    rng = np.random.default_rng(1)
    number, mass = rng.integers(0, 50, 1003), rng.random(1003) * 1e5
    assert bodies(number, mass) == pytest.approx(float(number @ mass), rel=1e-13)


def test_herds_come_and_go_and_nobody_is_written_over():
    keeper = Carrying()
    values = {name: np.arange(10) for name in keeper.herd}
    whole = np.arange(20)
    values["who"] = whole[:10]
    for turn in range(3):
        fresh = {name: np.arange(100 * turn, 100 * turn + 4) for name in keeper.herd}
        keeper.joined(values, fresh)
        assert values["x"][-4:].tolist() == fresh["x"].tolist()
        dropped(values, keeper.herd, np.array([0, len(values["x"]) - 1]))
    assert len(values["who"]) == 16
    assert (values["who"] == values["mass"]).all()
    # what lay behind the first of them is somebody else's
    assert whole[10:].tolist() == list(range(10, 20))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_who_sees_whom_is_what_looking_at_all_of_them_says(threads):
    rng, count, size = np.random.default_rng(7), 300, (5000.0, 4000.0)
    species = rng.integers(0, 3, count)
    x, y, heading = rng.random(count) * size[0], rng.random(count) * size[1], rng.random(count) * 2 * np.pi
    company = company_of(np.array([10.0, 5.0, 1.0]), np.array([400.0, 150.0, 300.0]))
    found = neighbours(species, (x, y, heading), company, size, threads)
    for one in range(count):
        near = (species == species[one]) & (np.hypot(x - x[one], y - y[one]) <= company.sight_m[species[one]])
        near[one] = False
        if company.sociable[species[one]] <= 0 or not near.any():
            assert np.isnan(found[:, one]).all()
            continue
        slow = [
            (x - x[one])[near].mean(),
            (y - y[one])[near].mean(),
            np.cos(heading[near]).mean(),
            np.sin(heading[near]).mean(),
        ]
        assert found[:, one] == pytest.approx(slow, rel=1e-4, abs=1e-3)
