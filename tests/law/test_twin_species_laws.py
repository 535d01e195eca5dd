"""Laws of species made from data: priors rise and fall as the field says, probabilities are probabilities, a balanced food web stands still."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.twin.allometry import PRIORS, growth_year, prior, speed_km_h
from merian.twin.ecosystem import made
from merian.twin.feeding import FOODS, feeding, portions
from merian.twin.landscape import LAYERS, generated
from merian.twin.pools import Climate, Pool, grass_crop_g_m2, npp_g_m2_year
from merian.twin.solver import slopes
from merian.twin.species import Species, completed
from merian.twin.traits import DIET, cells_of
from merian.twin.worked import drawn_ecosystem, shipped

RISING = ("home_range_km2", "maturity_days", "gestation_days", "longevity_years", "group_size")


@settings(deadline=None)
@given(st.floats(1, 1e7), st.floats(1.01, 100), st.sampled_from(["", "herbivore", "omnivore", "carnivore", "bird"]))
def test_priors_are_monotone_in_mass(mass: float, more: float, group: str) -> None:
    for trait in {trait for trait, _ in PRIORS}:
        small, large = prior(trait, mass, group), prior(trait, mass * more, group)
        assert small is not None
        assert large is not None
        assert (large[0] > small[0]) == (trait in RISING)
        assert small[1] == large[1] > 0
    assert growth_year(mass * more) < growth_year(mass)


def test_the_fastest_are_neither_the_smallest_nor_the_largest() -> None:
    speeds = speed_km_h(np.geomspace(1.0, 1e7, 200))
    top = int(speeds.argmax())
    assert 10_000 < np.geomspace(1.0, 1e7, 200)[top] < 1_000_000
    assert (np.diff(speeds[: top + 1]) > 0).all()
    assert (np.diff(speeds[top:]) < 0).all()


@settings(deadline=None)
@given(st.floats(0, 3000), st.floats(0, 500), st.floats(-10, 30), st.floats(0, 10))
def test_more_rain_and_warmth_grow_no_less(rain: float, more: float, celsius: float, warmer: float) -> None:
    assert grass_crop_g_m2(rain + more) >= grass_crop_g_m2(rain)
    assert npp_g_m2_year(celsius + warmer, rain + more) >= npp_g_m2_year(celsius, rain)


@st.composite
def communities(draw: st.DrawFn) -> tuple[Species, list[tuple[str, str]]]:
    """Some animals of any mass, class, diet and habit, and pools of some foods."""
    count = draw(st.integers(1, 6))
    rows: list[tuple[str, str, float, float | None, str, str]] = []
    names = [f"Genus s{k}" for k in range(count)]
    classes = draw(
        st.lists(
            st.sampled_from(["Mammalia", "Aves", "Insecta", "Reptilia", "Actinopterygii", ""]),
            min_size=count,
            max_size=count,
        )
    )
    for name in names:
        rows.append((name, "mass_g", draw(st.floats(1e-3, 5e6)), None, "observed", "x"))
        parts = draw(st.lists(st.floats(0, 1), min_size=len(DIET), max_size=len(DIET)))
        total = sum(parts)
        shares = [p / total for p in parts] if total > 0 else [1.0, *[0.0] * 9]
        rows += [(name, trait, share, None, "observed", "x") for trait, share in zip(DIET, shares, strict=True)]
        rows.append((name, "active_day", float(draw(st.booleans())), None, "observed", "x"))
        rows.append((name, "stratum_trees", draw(st.floats(0, 1)), None, "observed", "x"))
    wanted = pl.DataFrame({"species": names, "class": classes, "common": [""] * count})
    foods = draw(st.lists(st.sampled_from(sorted(FOODS)), min_size=1, max_size=4, unique=True))
    return completed(wanted, cells_of(rows)), [(f"pool {food}", food) for food in foods]


@settings(deadline=None, max_examples=20)
@given(communities())
def test_probabilities_lie_between_nothing_and_certainty(drawn: tuple[Species, list[tuple[str, str]]]) -> None:
    species, pools = drawn
    found = feeding(species, pools)
    count = len(species.names)
    assert found.probability.shape == (count, count + len(pools))
    assert ((found.probability >= 0) & (found.probability <= 1)).all()
    assert (np.diag(found.probability) == 0).all()
    assert all(np.isfinite(term).all() for term in found.terms.values())
    total = np.sum(list(found.terms.values()), 0)
    off = ~np.eye(count, count + len(pools), dtype=bool)
    assert found.probability[off] == pytest.approx(1 / (1 + np.exp(-np.maximum(total[off], -700.0))))


@settings(deadline=None, max_examples=20)
@given(communities(), st.integers(0, 9))
def test_the_parts_of_a_diet_add_up_to_one(drawn: tuple[Species, list[tuple[str, str]]], seed: int) -> None:
    species, pools = drawn
    names = [*species.names, *(name for name, _ in pools)]
    links = feeding(species, pools).rows(species.names, names, 0.05)
    available = np.random.default_rng(seed).random(len(names)) + 0.1
    parts = portions(links, species, pools, available)
    assert parts["part"].is_between(0.0, 1.0 + 1e-9).all()
    sums = parts.group_by("eater").agg(pl.col("part").sum())["part"]
    assert sums.to_list() == pytest.approx([1.0] * len(sums))


@pytest.mark.parametrize("name", ["savanna", "isle-royale", "drawn"])
@pytest.mark.parametrize("intake", ["increase", "yodzis"])
def test_a_balanced_food_web_stands_still(name: str, intake: str) -> None:
    worked = drawn_ecosystem("grassland", 160, 0) if name == "drawn" else shipped(name)
    ecosystem = made(worked.facts, worked.landscape(0, 8))
    balance = ecosystem.balance(intake=intake)
    assert balance.rates["problem"].null_count() == len(balance.rates)
    speed = slopes(balance.web, balance.start)[: len(balance.start)] / balance.start
    assert np.abs(speed).max() < 1e-12


def test_a_small_population_grows_by_the_rate_that_is_known() -> None:
    """With the food of today, an animal that is nearly gone and that nobody eats grows by r; one that is eaten grows more slowly."""
    worked = shipped("savanna")
    balance = made(worked.facts, worked.landscape(0, 8)).balance()
    rates = balance.rates.drop_nulls("increase_year")
    free = 0
    for k, (increase, eaten) in enumerate(rates.select("increase_year", "eaten_year").iter_rows()):
        few = balance.start.copy()
        few[k] *= 1e-9
        growth = slopes(balance.web, few)[k] / few[k] * 365.25
        free += eaten == 0
        assert growth < increase if eaten else growth == pytest.approx(increase, rel=1e-6)
    assert free >= 2


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from(["plain", "island"]), st.integers(4, 24))
def test_any_generated_landscape_can_be_lived_in(seed: int, kind: str, rows: int) -> None:
    made_once, again = (generated(kind, seed, rows, 100.0, tuple(range(12))) for _ in range(2))
    assert all(np.array_equal(made_once.layers[name], again.layers[name]) for name in LAYERS)
    assert made_once.rain_mm == pytest.approx(sum(range(12)))
    edge = np.concatenate([made_once.land[[0, -1]].ravel(), made_once.land[:, [0, -1]].ravel()])
    assert edge.all() if kind == "plain" else not edge.any()


def test_a_pool_grows_its_crop_in_a_year_at_best() -> None:
    pool = Pool("grass", "grass", "deshmukh", turnover=1.5)
    crop = pool.crop(Climate(700.0, 20.0))
    assert pool.growth_day * (crop / 2) * (1 - 0.5) * 365.25 == pytest.approx(1.5 * crop)
