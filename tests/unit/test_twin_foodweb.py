"""Food webs: what is refused and how it is said; the solver's refusals; floors; rates from body mass."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch, Unstable
from merian.twin.foodweb import FoodWeb, fed_by
from merian.twin.rates import allometric, ectotherm_g_day, endotherm_g_day
from merian.twin.solver import Limits, run, slopes
from merian.twin.theory import THEORY, period

GRASS = {"growth": [1.0, 0.0], "capacity": [2.0, math.inf], "loss": [0.0, 0.1]}
GRAZED = {"attack": 0.5, "handling": 0.2, "efficiency": 0.5}


def grass_and_hare(**changes: object) -> FoodWeb:
    return FoodWeb.of(["grass", "hare"], [(1, 0)], GRASS | changes, GRAZED)


def test_columns_by_name_and_links_ordered_by_eater() -> None:
    species = {"growth": [1.0, 0.0, 0.0], "capacity": 5.0}
    web = FoodWeb.of(["grass", "hare", "fox"], [(2, 1), (1, 0)], species, {"attack": [7.0, 3.0]})
    assert list(zip(web.eater.tolist(), web.eaten.tolist(), strict=True)) == [(1, 0), (2, 1)]
    assert web["attack"].tolist() == [3.0, 7.0]
    assert web.first.tolist() == [0, 0, 1, 2]
    assert web.producer.tolist() == [True, False, False]
    assert web.changed(harvest=0.5)["harvest"].tolist() == [0.5] * 3
    assert web["harvest"].tolist() == [0.0] * 3
    assert web.changed(attack=[1.0, 2.0])["attack"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("names", "eats", "species", "links", "said"),
    [
        (["grass", "grass"], [], {"growth": 1.0}, {}, "a species comes once"),
        (["grass", "hare"], [(1, 2)], GRASS, GRAZED, "a link leads from one species to another"),
        (["grass", "hare"], [(1, 0), (1, 0)], GRASS, GRAZED, "hare eats grass"),
        (["grass", "hare"], [(1, 0)], GRASS | {"loss": [0.0, -0.1]}, GRAZED, "loss is a number from 0 on (hare)"),
        (
            ["grass", "hare"],
            [(1, 0)],
            GRASS | {"growth": [math.nan, 0.0]},
            GRAZED,
            "growth is a number from 0 on (grass)",
        ),
        (
            ["grass", "hare"],
            [(1, 0)],
            GRASS,
            GRAZED | {"attack": math.inf},
            "attack is a number from 0 on (hare eats grass)",
        ),
        (
            ["grass", "hare"],
            [(1, 0)],
            GRASS,
            GRAZED | {"efficiency": 1.2},
            "no more than what is eaten becomes biomass",
        ),
        (["grass", "hare"], [(1, 0)], GRASS | {"capacity": [0.0, 1.0]}, GRAZED, "needs room (capacity) (grass)"),
        (["grass", "hare", "fox"], [(1, 0)], {"growth": [1.0, 0.0, 0.0]}, GRAZED, "have no food (fox)"),
        (["grass", "hare"], [(1, 0)], GRASS | {"lost": 1.0}, GRAZED, "knows the columns"),
    ],
)
def test_what_is_no_food_web_is_said(
    names: list[str], eats: list[tuple[int, int]], species: dict, links: dict, said: str
) -> None:
    with pytest.raises(BadData) as caught:
        FoodWeb.of(names, eats, species, links)
    assert said in str(caught.value)


def test_a_ring_of_eaters_that_no_producer_feeds_has_no_food() -> None:
    species = {"growth": [1.0, 0.0, 0.0], "capacity": 1.0}
    with pytest.raises(BadData, match=r"have no food \(wolf, dog\)"):
        FoodWeb.of(["grass", "wolf", "dog"], [(1, 2), (2, 1)], species, {"attack": 1.0})
    fed = FoodWeb.of(["grass", "wolf", "dog"], [(1, 2), (2, 1), (2, 0)], species, {"attack": 1.0})
    assert fed_by(fed).all()


def test_columns_of_another_length() -> None:
    with pytest.raises(Mismatch, match="column 'loss'"):
        grass_and_hare(loss=[0.0, 0.1, 0.2])


@pytest.mark.parametrize(
    ("start", "times", "error", "said"),
    [
        ([1.0], [0.0, 1.0], Mismatch, "starting biomass and food web"),
        ([1.0, -1.0], [0.0, 1.0], BadData, "(hare)"),
        ([math.nan, 1.0], [0.0, 1.0], BadData, "(grass)"),
        ([1.0, 1.0], [1.0, 0.0], BadData, "must rise"),
        ([1.0, 1.0], [], BadData, "must rise"),
    ],
)
def test_starts_and_times_that_are_none(
    start: list[float], times: list[float], error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        run(grass_and_hare(), start, times)
    assert said in str(caught.value)


def test_a_solver_that_gives_up_says_where() -> None:
    with pytest.raises(Unstable, match="'food web' made 'biomass' unphysical in cell all"):
        run(grass_and_hare(), [1.0, 1.0], [0.0, 1000.0], Limits(steps=3))
    with pytest.raises(BadSetting, match="'relative' = 0"):
        Limits(relative=0)
    with pytest.raises(BadSetting, match="'floor' = nan"):
        Limits(floor=math.nan)


def test_species_below_the_floor_end_and_are_in_the_books() -> None:
    course = run(grass_and_hare(loss=[0.0, 2.0]), [1.0, 1.0], np.arange(0.0, 50.0), Limits(floor=1e-3))
    assert course.biomass[-1, 1] == 0.0
    assert 0.0 < course.books.ended[-1] <= 1e-3
    assert np.abs(course.books.balance(course.biomass)).max() < 1e-13
    assert course.biomass[-1, 0] == pytest.approx(2.0, rel=1e-4)


def test_nothing_stays_nothing_and_the_first_time_is_the_start() -> None:
    course = run(grass_and_hare(), [0.0, 0.0], [3.0, 4.0])
    assert (course.biomass == 0).all()
    assert run(grass_and_hare(), [1.0, 2.0], [5.0]).biomass.tolist() == [[1.0, 2.0]]


def test_slopes_by_hand() -> None:
    """Grass 1 of 2 g m-2, hare 0.4: grown 1 * 1 * (1 - 0.5); eaten 0.4 * 0.5 * 1 / (1 + 0.5 * 0.2 * 1)."""
    eaten = 0.4 * 0.5 / 1.1
    found = slopes(grass_and_hare(), [1.0, 0.4])
    assert found == pytest.approx([0.5 - eaten, 0.5 * eaten - 0.04, 0.5, 0.04, 0.5 * eaten, 0.0], abs=1e-15)


def test_rivalry_and_interference_by_hand() -> None:
    species = {"growth": [1.0, 1.0, 0.0], "capacity": 2.0, "rivalry": 0.5, "interference": [0, 0, 3.0], "harvest": 0.1}
    web = FoodWeb.of(["a", "b", "c"], [(2, 0)], species, {"attack": 1.0, "exponent": 2.0})
    found = slopes(web, [1.0, 0.6, 0.5])
    eaten = 0.5 * 1.0 / (1.0 + 3.0 * 0.5)
    assert found[0] == pytest.approx(1.0 * (1 - 1.3 / 2) - 0.1 - eaten)
    assert found[1] == pytest.approx(0.6 * (1 - 1.1 / 2) - 0.06)
    assert found[6] == pytest.approx(0.1 * 2.1)


def test_metabolism_of_the_published_model() -> None:
    assert endotherm_g_day([10, 1e3, 7e4, 2.8e5, 4e6]) == pytest.approx(
        [1.011, 25.396, 496.966, 1311.50, 8437.24], rel=1e-4
    )
    assert ectotherm_g_day([1, 100, 1e4], 20.0) == pytest.approx([0.004737, 0.237701, 12.84093], rel=1e-4)


def test_a_web_of_body_masses() -> None:
    web = allometric(["alga", "daphnia", "perch"], [1e-6, 1e-3, 10.0], [(1, 0), (2, 1), (2, 0)], 15.0)
    assert web.producer.tolist() == [True, False, False]
    assert web["share"].tolist() == [1.0, 0.5, 0.5]
    assert web["efficiency"].tolist() == [0.545, 0.545, 0.906]
    with pytest.raises(BadData, match=r"perch: -1\.0"):
        allometric(["alga", "daphnia", "perch"], [1e-6, 1e-3, -1.0], [(1, 0), (2, 1)])


@pytest.mark.parametrize("family", THEORY, ids=[family.__name__ for family in THEORY])
def test_theory_holds(family) -> None:
    rows = family()
    assert rows
    assert [f"{row.name}: {row.found} for {row.target}" for row in rows if not row.holds] == []


def test_period_of_a_sine_and_of_a_line() -> None:
    times = np.linspace(0, 20, 2001)
    assert period(times, np.sin(2 * np.pi * times / 3.7)) == pytest.approx(3.7, rel=1e-3)
    assert math.isnan(period(times, times))
