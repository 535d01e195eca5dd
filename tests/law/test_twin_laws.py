"""Laws of the twin: books that balance, chance that depends on its counter alone, warmth that speeds life up, names that do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.twin import draws
from merian.twin.foodweb import SPECIES, FoodWeb
from merian.twin.rates import ATTACK, CAPACITY, GROWTH, HANDLING, METABOLISM
from merian.twin.solver import Limits, run, slopes


@st.composite
def webs(draw: st.DrawFn) -> tuple[FoodWeb, np.ndarray]:
    """A small web of any rates, whose consumers eat what comes before them, and a start."""
    count = draw(st.integers(2, 7))
    plants = draw(st.integers(1, count - 1))
    eats = [(i, j) for i in range(plants, count) for j in range(i) if j == i - 1 or draw(st.booleans())]

    def number(low: float, high: float, size: int) -> list[float]:
        return draw(st.lists(st.floats(low, high), min_size=size, max_size=size))

    species = {
        "growth": number(0.01, 2, plants) + [0.0] * (count - plants),
        "capacity": number(0.1, 50, count),
        "rivalry": number(0, 1, count),
        "loss": number(0, 0.5, count),
        "interference": number(0, 2, count),
        "harvest": number(0, 0.2, count),
        "mutual": number(0.5, 2, count),
        "crowding": number(0, 0.2, count),
    }
    size = len(eats)
    links = {
        "attack": number(0.01, 2, size),
        "handling": number(0, 2, size),
        "efficiency": number(0, 1, size),
        "exponent": number(1, 2, size),
    }
    return FoodWeb.of([f"s{i}" for i in range(count)], eats, species, links), np.array(number(0, 5, count))


@settings(deadline=None, max_examples=40)
@given(webs())
def test_books_balance_and_nothing_is_negative(drawn: tuple[FoodWeb, np.ndarray]) -> None:
    web, start = drawn
    found = slopes(web, start)
    count = len(start)
    assert found[:count].sum() == pytest.approx(
        found[count] - found[count + 1 :].sum(), abs=1e-12 * (1 + np.abs(found).sum())
    )
    course = run(web, start, np.linspace(0, 30, 7), Limits(1e-6, 1e-9))
    assert (course.biomass > -1e-7).all()
    if start.sum() > 0:
        assert np.abs(course.books.balance(course.biomass)).max() < 1e-9


@settings(deadline=None, max_examples=25)
@given(webs(), st.randoms(use_true_random=False))
def test_the_order_of_species_does_not_matter(drawn: tuple[FoodWeb, np.ndarray], chance) -> None:
    web, start = drawn
    order = list(range(len(start)))
    chance.shuffle(order)
    place = np.argsort(order)
    eats = [(int(place[a]), int(place[b])) for a, b in zip(web.eater, web.eaten, strict=True)]
    columns = dict(zip(("share", "attack", "handling", "efficiency", "exponent"), web.links, strict=True))
    rows = {n: row[order] for n, row in zip(SPECIES, web.species, strict=True)}
    other = FoodWeb.of([web.names[i] for i in order], eats, rows, columns)
    assert slopes(other, start[order])[: len(start)] == pytest.approx(slopes(web, start)[order], rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(st.floats(1e-9, 1e6), st.floats(1e-9, 1e6), st.floats(-10, 40), st.floats(0.1, 10))
def test_warmth_speeds_life_up_and_leaves_less_room(mass: float, eater: float, celsius: float, warmer: float) -> None:
    for rate in (GROWTH, METABOLISM, ATTACK):
        assert rate.at(mass, celsius + warmer, eater) > rate.at(mass, celsius, eater)
    for rate in (HANDLING, CAPACITY):
        assert rate.at(mass, celsius + warmer, eater) < rate.at(mass, celsius, eater)


@settings(deadline=None)
@given(st.integers(0, 2**63 - 2), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 9))
def test_a_draw_is_a_function_of_its_counter(who: int, step: int, slot: int, seed: int) -> None:
    key = draws.key(seed, "law")
    one = draws.uniforms(key, who, step, slot)
    draws.uniforms(key, who + 1, step, slot)
    assert draws.uniforms(key, who, step, slot) == one
    assert all(0 <= value < 1 for value in one)
    assert draws.uniforms(draws.key(seed, "law", 1), who, step, slot) != one


def test_draws_are_spread_evenly_and_do_not_follow_each_other() -> None:
    """100,000 draws of neighbouring counters: the mean within 5 standard errors of 1/2, neighbours uncorrelated, all tenths hit evenly (fixed key)."""
    key = draws.key(11, "evenness")
    values = np.array([draws.uniform(key, who, 3, 0) for who in range(100_000)])
    error = 1 / np.sqrt(12 * len(values))
    assert abs(values.mean() - 0.5) < 5 * error
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 5 / np.sqrt(len(values))
    counts = np.bincount((values * 10).astype(int), minlength=10)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 40  # chi-squared, 9 degrees of freedom: one key in 130,000
    normals = np.array([draws.normal(key, who, 3, 1) for who in range(20_000)])
    assert abs(normals.mean()) < 5 / np.sqrt(len(normals))
    assert normals.var() == pytest.approx(1, abs=5 * np.sqrt(2 / len(normals)))
