"""Laws of disease, fire and livestock among cohorts: they are those of the other tiers, no order matters, books close, nothing is no change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.cohorts.columns import COHORT
from merian.twin.cohorts.ensembles import BASELINE, Member, cohort_engine
from merian.twin.cohorts.ground import Ground, coarse
from merian.twin.cohorts.merging import Merging
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.cohorts.worlds import founded
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.engine import Moment
from merian.twin.ensemble import EnsembleSettings, Setting, outcomes
from merian.twin.foodweb import Doubles
from merian.twin.hazards.contagion import Arrival
from merian.twin.hazards.disease import DiseaseSettings, Pathogen, course, final_size, pathogen
from merian.twin.hazards.fire import Fire, FireSettings, Fuel
from merian.twin.hazards.outbreak import SHARES, Outbreak
from merian.twin.hazards.theory import HAZARDS, among_cohorts
from merian.twin.placeless import placeless
from merian.twin.scenario import Change, Scenario
from merian.twin.worked import shipped
from merian.twin.world import World

AREA_M2 = 4e6
GNU = "Connochaetes taurinus"
PLAGUE = DiseaseSettings(r0=3.0, incubation_days=5.0, infectious_days=8.0, fatal=0.5, immune_days=200.0)


def mixed(seed: int, count: int = 9, kinds: int = 2) -> dict[str, np.ndarray]:
    """Cohorts of several kinds and ages, some of them sick, in one cell."""
    rng = np.random.default_rng(seed)
    columns = {"kind": np.arange(count) % kinds, "cell": np.zeros(count, int), "number": rng.uniform(1, 900, count)}
    given_ = {**columns, "mass": rng.uniform(10, 90, count), "young": 5.0, "adult": 100.0}
    shares = rng.dirichlet(np.ones(4), count).T[1:] * rng.uniform(0, 1, count)
    return {**founded(given_), "room": np.ones((1, 1)), **dict(zip(SHARES, shares, strict=True))}


def between(settings: DiseaseSettings, heads: Doubles) -> Pathogen:
    return pathogen(settings, heads > 0, heads, np.full(len(heads), 0.002))


def classes(values: dict[str, np.ndarray], kinds: int = 2) -> Doubles:
    """Heads km-2 in the four states of each kind [4, k]."""
    sick = [values[name] for name in SHARES]
    state = [1 - sum(sick), *sick]
    km2 = AREA_M2 / 1e6
    return np.stack([np.bincount(values["kind"], values["number"] * share, kinds) / km2 for share in state])


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 6.0]))
def test_well_mixed_cohorts_are_one_population_of_the_equations(seed: int, density: bool, incubation: float) -> None:
    values = mixed(seed)
    start = classes(values)
    how = replace(PLAGUE, density=density, incubation_days=incubation, between=0.3)
    process = Outbreak(between(how, start.sum(0)), Arrival(900.0, 0.0, 0), AREA_M2)
    before, went = (values["number"] * values["mass"]).sum(), 0.0
    for week in range(6):
        moved = process.step(values, Moment(week, 7.0 * week, 7.0, draws.key(0)))
        went += moved["biomass"].went * 1000
    # births and deaths of other causes are no part of the process
    plain = replace(process.pathogen, renewal=np.zeros(2))
    exact = start
    for _ in range(6):
        exact = course(plain, exact, np.array([0.0, 7.0]))[1]
    assert classes(values) == pytest.approx(exact, rel=1e-9, abs=1e-12)
    assert before - (values["number"] * values["mass"]).sum() == pytest.approx(went, rel=1e-9)
    assert went > 0


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_neither_the_order_of_cohorts_nor_how_they_are_parted_matters(seed: int, chance) -> None:
    values, order = mixed(seed), list(range(18))
    chance.shuffle(order)
    halves = {name: np.tile(column, 2)[order] for name, column in values.items() if name != "room"}
    halves |= {"number": halves["number"] / 2, "room": np.ones((1, 1))}
    for own in (values, halves):
        process = Outbreak(between(PLAGUE, classes(own).sum(0)), Arrival(0.0, 0.1, 1), AREA_M2)
        process.step(own, Moment(0, 0.0, 7.0, draws.key(0)))
    assert classes(values) == pytest.approx(classes(halves), rel=1e-9)


@pytest.mark.parametrize("number", [0.8, 1.5, 3.0])
def test_an_epidemic_comes_from_r0_of_1_on_and_takes_its_final_size(number: float) -> None:
    values = mixed(3, kinds=1)
    values |= {name: np.zeros(9) for name in SHARES}
    values["number"] *= 1e6
    how = replace(PLAGUE, r0=number, fatal=0.0, immune_days=np.inf)
    process = Outbreak(pathogen(how, np.array([True]), np.ones(1), np.zeros(1)), Arrival(0.0, 1e-5, 0), AREA_M2)
    for month in range(70):
        process.step(values, Moment(month, 30.0 * month, 30.0, draws.key(0)))
    reached = float((values["number"] * values["immune"]).sum() / values["number"].sum())
    assert reached == pytest.approx(final_size(number), abs=1e-3)
    assert not values["infectious"].any()


def test_the_panels_rows_on_disease_among_cohorts_hold() -> None:
    rows = [row for family in HAZARDS[2:] for row in family() if row.name.startswith("disease among cohorts")]
    assert len(rows) == 2
    assert all(row.holds for row in rows)
    assert among_cohorts(replace(PLAGUE, r0=0.9, fatal=0.0), 1e-3, 52)[0] < 0.02


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 8))
def test_who_is_sick_stays_so_when_cohorts_are_merged(seed: int, most: int) -> None:
    values = mixed(seed)
    before = classes(values)
    process = Merging(most).carrying(tuple(SHARES))
    assert set(process.writes) == {*COHORT, *SHARES}
    process.step(values, Moment(0, 0.0, 7.0, draws.key(0)))
    assert len(values["exposed"]) == len(values["number"]) < 9
    assert classes(values) == pytest.approx(before, rel=1e-12)
    with pytest.raises(BadSetting, match="no counts"):
        process.carrying(("sound",), ("sound",))


def test_diseases_that_cannot_be_among_cohorts() -> None:
    with pytest.raises(BadData, match="arrives in one of its hosts"):
        Outbreak(between(PLAGUE, np.array([3.0, 0.0])), Arrival(0.0, 0.1, 1), AREA_M2)


def test_between_finer_cells_a_fire_goes_as_on_a_map_of_these() -> None:
    fuel, how = Fuel(np.array([True]), np.array([0.9])), FireSettings(ignitions_km2_year=0.3, half_g_m2=150.0, wet=1.0)
    land = np.ones((12, 12), bool)
    land[:2, :5] = False
    coarse_, fine = (
        {"plants": np.full((1, n, n), 170.0), "soil_water": np.full((n, n), 20.0), "burnt": np.zeros((n, n))}
        for n in (3, 12)
    )
    fine["plants"] *= land
    finer = Fire(how, replace(fuel, finer=4, land=land), "plants", 150.0, 16e6)
    with pytest.raises(Mismatch, match="finer cells"):
        replace(fuel, finer=5, land=land)
    reached = 0.0
    for step in range(8):
        moment = Moment(step, 7.0 * step, 7.0, draws.key(2, "fire"))
        went = finer.step(coarse_, moment)["biomass"].went
        Fire(how, fuel, "plants", 150.0, 1e6).step(fine, moment)
        # of each cell the share of its land that burnt on the map of finer ones, as long as they are alike
        share = fine["burnt"].reshape(3, 4, 3, 4).sum((1, 3)) / land.reshape(3, 4, 3, 4).sum((1, 3))
        assert coarse_["burnt"] == pytest.approx(share)
        assert went == pytest.approx(0.9 * 170 * share.sum() * 16e3)
        reached += share.sum()
        for values, all_ in ((coarse_, 170.0), (fine, 170.0 * land)):
            values["plants"] = np.broadcast_to(all_, values["plants"].shape).copy()
    assert reached > 1


OWN = CohortSettings(rows=1, stages_years=0.5, founders=2)


@pytest.fixture(scope="module")
def savanna() -> Ecosystem:
    worked = shipped("savanna")
    return made(worked.facts, worked.landscape(0, 12))


@pytest.fixture(scope="module")
def begun(savanna: Ecosystem) -> tuple[Member, World]:
    ground = Ground.of(coarse(savanna.landscape, OWN.rows), savanna.climate.celsius, OWN)
    member = Member(savanna, savanna.balance().web, ground, OWN, 0.0, 1)
    return member, member.begun(savanna.balance().start)


def asked(savanna: Ecosystem, *changes: Change) -> Scenario:
    known = Setting.of_ecosystem(savanna).known
    assert known is not None
    return placeless(Scenario("x", changes), known)


def of_web(savanna: Ecosystem, change: Change, years: float) -> Doubles:
    """Biomass with the change over that without it in the food web alone [t, s]."""
    balance, how = savanna.balance(), EnsembleSettings(members=1, years=years, settle=0, rain_spread=0, threads=1)
    setting = replace(Setting.of_ecosystem(savanna), drawn=lambda seed, member: (balance.web, balance.start))
    found = outcomes(setting, Scenario("x", (change,)), how, [0], lambda n=1, note="": None)[0]
    assert not isinstance(found, str)
    return np.asarray(found[1] / found[0])


@pytest.mark.parametrize(
    ("change", "name", "far"),
    [
        (Change(what="disease", species=GNU, amount=4.0, hosts=("Syncerus caffer",)), GNU, 0.03),
        (Change(what="livestock", amount=60.0), "grasses", 0.015),
        (Change(what="fire", amount=0.2, how=("half_g_m2=700", "wet=1")), "grasses", 0.06),
    ],
)
def test_a_threat_does_among_cohorts_about_what_it_does_in_the_food_web(
    savanna: Ecosystem, begun: tuple[Member, World], change: Change, name: str, far: float
) -> None:
    member, world = begun
    at = member.web.names.index(name)
    without, with_it = (member.course(world, told, 0.5)[:, at] for told in (BASELINE, asked(savanna, change)))
    assert with_it[0] == without[0]
    web = of_web(savanna, change, 0.5)[:, at]
    assert with_it[1:] / without[1:] == pytest.approx(web[1:], abs=far)
    assert web[-1] < 0.97


def test_nothing_is_no_change_and_pairs_share_their_chance(savanna: Ecosystem, begun: tuple[Member, World]) -> None:
    member, world = begun
    still = asked(savanna, Change(what="livestock", amount=0.0), Change(what="fire", amount=0.0))
    before = world.digest()
    courses = [member.course(world, told, 0.5) for told in (BASELINE, still)]
    assert courses[0].tobytes() == courses[1].tobytes()
    late = asked(savanna, Change(what="disease", species=GNU, amount=6.0, year=0.3))
    ill = member.course(world, late, 0.5)
    assert (ill[:2] == courses[0][:2]).all()
    assert ill[2, member.web.names.index(GNU)] < 0.9 * courses[0][2, member.web.names.index(GNU)]
    # a change that comes with a year of its own makes the engine anew: who is sick then is so still
    turn = Change(what="introduce", species=GNU, amount=0.01, year=0.4)
    more = member.course(world, asked(savanna, late.told.changes[0], turn), 0.5)
    assert more[2, member.web.names.index(GNU)] == pytest.approx(ill[2, member.web.names.index(GNU)] + 0.01, rel=0.05)
    assert world.digest() == before


def test_a_killed_run_of_sick_cohorts_goes_on_to_the_same_bytes_and_their_order_does_not_matter(
    savanna: Ecosystem, tmp_path: Path
) -> None:
    changes = (
        Change(what="disease", species=GNU, amount=4.0, hosts=("Syncerus caffer",)),
        Change(what="disease", species=GNU, amount=2.0, how=("fatal=0.1",)),
        Change(what="fire", amount=0.5, how=("half_g_m2=100", "wet=1")),
        Change(what="livestock", amount=20.0),
        Change(what="livestock", amount=5.0, within=(0.0, 0.0, 0.5, 0.5)),
    )
    own = replace(OWN, rows=2, cohorts=30)
    whole, killed, other = (
        cohort_engine(savanna, Scenario("x", told), own) for told in (changes, changes, changes[::-1])
    )
    whole.run(14)
    other.run(14)
    killed.run(6, folder=tmp_path)
    again = cohort_engine(savanna, Scenario("x", changes), own)
    again.run(14, folder=tmp_path)
    assert again.world.digest() == whole.world.digest() == other.world.digest()
    values = whole.world.values
    assert {"immune", "immune_2", "burnt", "stock"} <= set(values)
    assert (values["immune"] > 0).any()
    assert (values["immune_2"] > 0).any()
    # 20 everywhere, and 5 in a quarter of the land
    assert values["stock"].mean() == pytest.approx(21.25)
    lean = cohort_engine(savanna, Scenario("x", changes[2:4]), replace(own, response="madingley"))
    moved = [lean.step() for _ in range(3)]
    assert sum(each["livestock"]["biomass"].went for each in moved) > 0
