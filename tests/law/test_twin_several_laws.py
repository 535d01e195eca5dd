"""Laws of several changes of a kind: two halves are the whole, their order does not matter, and what cannot be together is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.engine import Moment
from merian.twin.ensemble import EnsembleSettings, Setting, ensemble
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.moving import Gates
from merian.twin.hazards.contagion import SICK, Arrival, Contagion
from merian.twin.hazards.disease import DiseaseSettings, pathogen
from merian.twin.hazards.fire import Fire, FireSettings, Fuel
from merian.twin.hazards.people import Snares
from merian.twin.herds.window import Animals
from merian.twin.landscape import Frame, Landscape
from merian.twin.placeless import Known, placeless
from merian.twin.scenario import Change, Scenario
from merian.twin.space.altered import Altered, Ground, fits
from merian.twin.space.pairs import Field, pair
from merian.twin.space.settings import MapSettings

NAMES, START = ("grass", "hare", "fox"), [300.0, 5.0, 1.0]
ADULTS, DEATHS, GRASS = np.array([1, 3e3, 6e3]), np.array([0, 1e-3, 1e-3]), np.array([True, False, False])
PLAIN = {"settle": 2, "rain_spread": 0, "threads": 1, "floor": 0}
GRID = MapSettings(tier="grid", years=0.5, spin=0, move_spread=0, choice=0, **PLAIN)
HERDS = replace(GRID, tier="herds", years=0.06, step_days=0.5)
WEB = EnsembleSettings(members=1, years=0.5, **PLAIN)
LINE, CROSS = (0.5, 0.0, 0.5, 1.0), (0.0, 0.5, 1.0, 0.5)


def web() -> FoodWeb:
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 8e-3, 4e-3]}
    links = {"attack": [4e-4, 3e-3], "handling": [5.0, 8.0], "efficiency": [0.3, 0.5]}
    return FoodWeb.of(NAMES, [(1, 0), (2, 1)], species | {"interference": [0, 0.02, 0.3]}, links)


def field(cells: int = 4, cell: float = 1000.0) -> Field:
    shape = (cells, cells)
    layers = {name: np.zeros(shape) for name in ("trees", "fences")}
    layers |= {"elevation": np.ones(shape), "water": np.ones(shape), "rain": np.full((12, *shape), 20.0)}
    ground = Landscape(Frame(*shape, cell), layers)
    animals = Animals(ADULTS, DEATHS, np.array([0, 1e3, 1e3]), np.array([1, 4.0, 2.0]))
    known = replace(Setting.of(web(), START, 0.0), known=Known(ADULTS, DEATHS, GRASS, ground))
    return Field(known, ground, np.array([0.0, 1e3, 1e3]), animals, GRASS)


def courses(tier: str, *changes: Change) -> np.ndarray:
    """Biomass under the changes at the kept years [t, s]."""
    told = Scenario("several", changes)
    if tier == "web":
        return np.asarray(ensemble(field().setting, told, WEB).scenario[0])
    ground = field() if tier == "grid" else field(5, 300.0)
    return pair(ground, told, GRID if tier == "grid" else HERDS, 0)[1].rows


HALVES = {
    "poaching": (Change(what="poaching", amount=8.0, path=LINE, how=("best_kg=3", "decay_km=5")), 4.0),
    "road": (Change(what="road", species="hare", amount=20.0, path=LINE, how=("heedless=1", "cross_m_s=0.5")), 10.0),
    "livestock": (Change(what="livestock", amount=200.0, path=(0.2, 0.2)), 100.0),
    "fire": (Change(what="fire", amount=20.0, how=("half_g_m2=100", "wet=1")), 10.0),
    "harvest": (Change(what="harvest", species="hare", amount=4.0), 2.0),
    "warming": (Change(what="warming", amount=4.0), 2.0),
    "disturbance": (Change(what="disturbance", amount=0.75, path=LINE), 0.5),
    "habitat": (Change(what="habitat", amount=0.75), 0.5),
    "refuge": (Change(what="refuge", species="hare", amount=0.75), 0.5),
    "drought": (Change(what="drought", amount=0.75), 0.5),
}
"""A change, and the amount of each of two that together are it: half of a rate, or the share whose square is left."""


CASES = [(tier, what) for tier in ("web", "grid") for what in sorted(HALVES) if (tier, what) != ("web", "disturbance")]


@pytest.mark.parametrize(("tier", "what"), CASES)
def test_two_halves_are_the_whole(tier: str, what: str) -> None:
    whole, amount = HALVES[what]
    # of twice the vehicles a few come upon an animal that another one has hit
    part, far = replace(whole, amount=amount), 1e-3 if what == "road" else 1e-9
    found, one = courses(tier, part, part), courses(tier, whole)
    assert found == pytest.approx(one, rel=far)
    assert not np.allclose(one, courses(tier, part), rtol=1e-6)


@pytest.mark.parametrize("tier", ["web", "grid", "herds"])
def test_the_order_of_threats_does_not_matter_to_the_last_byte(tier: str) -> None:
    changes = (
        Change(what="disease", species="hare", amount=5.0, how=("fatal=0.6", "density=true")),
        Change(what="disease", species="fox", hosts=("hare",), amount=3.0, how=("fatal=0.2",)),
        Change(what="poaching", species="fox", amount=3.0, path=CROSS, how=("best_kg=6",)),
        Change(what="poaching", species="hare", amount=6.0, path=(0.1, 0.1), how=("best_kg=3",)),
        Change(what="livestock", amount=60.0, how=("half_g_m2=90",)),
        Change(what="fire", amount=9.0),
        Change(what="livestock", amount=30.0, path=(0.9, 0.9)),
        Change(what="disturbance", amount=0.3, path=CROSS),
        Change(what="disturbance", amount=0.6, path=LINE),
    )
    changes = changes[:-2] if tier == "web" else changes
    one, other = courses(tier, *changes), courses(tier, *reversed(changes))
    assert one.tobytes() == other.tobytes()
    assert one[-1, 1] < 0.96 * courses(tier, *changes[2:])[-1, 1]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 300), st.floats(0, 3), st.floats(0, 3), st.booleans(), st.integers(0, 99))
def test_who_takes_beside_others_takes_what_both_rates_say(
    heads: int, one: float, other: float, sexed: bool, step: int
) -> None:
    def herds() -> dict[str, np.ndarray]:
        zero = np.zeros(3, np.int64)
        values = {"who": np.arange(3), "species": zero, "cell": zero, "number": np.full(3, heads)}
        return values | {"mass": np.full(3, 5.0), "pregnant": np.zeros((3, 1)), "male_bias": np.zeros(3)}

    moment = Moment(step, 2.0 * step, 2.0, draws.key(4, "several"))
    whole, halves = herds(), herds()
    both = Snares(np.full((1, 1, 1), one)), Snares(np.full((1, 1, 1), one + other))
    if sexed:
        both = both[0].by_sex(0.8, np.array([True])), both[1].by_sex(0.8, np.array([True]))
    both[0].also(np.full((1, 1, 1), other), males=0.8).step(halves, moment)
    both[1].step(whole, moment)
    # the same draws; rates that are added up may differ in their last bit
    assert np.abs(whole["number"] - halves["number"]).max() <= 1
    assert whole["male_bias"] == pytest.approx(halves["male_bias"], abs=1.01 / max(whole["number"].min(), 1))


def test_diseases_that_know_nothing_of_each_other_leave_the_product_of_what_each_leaves() -> None:
    count = np.array([4.0, 9.0])

    def left(*ills: DiseaseSettings) -> np.ndarray:
        values = {"biomass": np.full((2, 1, 1), 2.0), "quality": np.zeros((2, 1, 1))}
        shut = Gates(np.zeros((1, 0)), np.zeros((0, 1)))
        processes = []
        for nth, ill in enumerate(ills):
            own = pathogen(ill, np.array([True, nth == 0]), count, np.zeros(2))
            process = Contagion(own, np.full(2, 1e3), Arrival(0.0, 0.01, 0), (np.zeros(2), shut, 1e8))
            process.sick = tuple(f"{name}_{nth}" for name in SICK)
            values |= {name: np.zeros((2, 1, 1)) for name in process.sick}
            processes.append(process)
        for week in range(30):
            for process in processes:
                process.step(values, Moment(week, 7.0 * week, 7.0, draws.key(0)))
        return values["biomass"][:, 0, 0] / 2.0

    mild, grave = DiseaseSettings(r0=2.0, fatal=0.2), DiseaseSettings(r0=5.0, fatal=0.7)
    assert left(mild, grave)[0] == pytest.approx(left(mild)[0] * left(grave)[0], rel=1e-4)
    assert left(mild, grave)[1] == pytest.approx(left(mild)[1], rel=1e-12)
    assert left(grave)[0] < left(mild)[0] < 0.95


def test_sparks_of_two_sources_light_the_cells_of_one_with_both() -> None:
    fuel, ground = Fuel(np.array([True]), np.array([0.9])), (12, 12)
    how = FireSettings(ignitions_km2_year=3.0, half_g_m2=150.0, wet=1.0)

    def burnt(fire: Fire) -> np.ndarray:
        values = {
            "biomass": np.full((1, *ground), 160.0),
            "soil_water": np.full(ground, 30.0),
            "burnt": np.zeros(ground),
        }
        for week in range(20):
            fire.step(values, Moment(week, 7.0 * week, 7.0, draws.key(9, "fire")))
        return values["biomass"]

    one = Fire(how, fuel, "biomass", 150.0, 1e6)
    both = burnt(one.also(replace(how, ignitions_km2_year=5.0), lambda day: 0.2))
    assert both.tobytes() == burnt(Fire(replace(how, ignitions_km2_year=4.0), fuel, "biomass", 150.0, 1e6)).tobytes()
    assert both.sum() < burnt(one).sum()
    with pytest.raises(BadSetting, match="is one for all fires"):
        one.also(replace(how, wet=0.3))


def test_at_one_moment_who_goes_goes_before_who_comes() -> None:
    gone = Change(what="remove", species="fox", amount=0.5, year=0.04)
    free = Change(what="introduce", species="fox", amount=2.0, year=0.04)
    other = replace(free, species="hare", within=(0.0, 0.0, 0.5, 0.5))
    for tier in ("web", "grid", "herds"):
        one, turned = courses(tier, gone, free, other), courses(tier, other, free, gone)
        assert one.tobytes() == turned.tobytes()
    assert Scenario("x", (free, gone)).start(web(), np.array(START), 0.04)[2] == pytest.approx(2.5)


def test_what_goes_and_comes_in_zones_is_so_in_their_share_of_the_land() -> None:
    half, part = {"within": (0.0, 0.0, 0.5, 1.0)}, {"within": (0.0, 0.0, 1.0, 0.5)}
    gone = Change(what="remove", species="fox", amount=0.5, **half)
    changes = (gone, gone, Change(what="introduce", species="fox", amount=3.0, **part))
    known = field().setting.known
    assert known is not None
    told = placeless(Scenario("x", changes), known)
    assert told.turned("fox", 0.0) == pytest.approx((1 - 0.5 * 0.75, 1.5))
    assert told.turned("hare", 0.0) == (1.0, 0.0)
    everywhere = placeless(Scenario("x", (*changes, Change(what="remove", species="hare"))), known)
    assert everywhere.start(web(), np.array(START), 0.0) == pytest.approx([300.0, 0.0, 0.625 + 1.5])
    assert everywhere.start(web(), np.array(START), 0.0)[1] == 0


def test_lost_cells_are_the_same_in_any_order_and_water_is_one_thing_at_a_time() -> None:
    setting, ground = field(8).setting, field(8).landscape
    clumps = Change(what="habitat", amount=0.3, pattern="clustered")
    edge, strewn = replace(clumps, pattern="edge", amount=0.2), replace(clumps, pattern="random")
    lost = [
        Altered(Scenario("x", changes), setting, Ground(ground)).at(1.0).lost
        for changes in ((clumps, edge, strewn), (strewn, clumps, edge), (clumps,))
    ]
    assert (lost[0] == lost[1]).all()
    # masks unite
    assert lost[0].sum() > lost[2].sum()
    fence = Change(what="fence", amount=0.5, path=LINE)
    gates = [
        Altered(Scenario("x", changes), setting, Ground(ground)).at(1.0).gates.east
        for changes in ((fence, fence), (replace(fence, amount=0.75),))
    ]
    assert (gates[0] == gates[1]).all()
    assert gates[0].min() == 0.25
    wet = Change(what="waterpoint", amount=1.0, path=(0.5, 0.5))
    dry = replace(wet, amount=0.0)
    fits(Scenario("x", (wet, wet, replace(dry, path=(0.1, 0.1)))), ground)
    fits(Scenario("x", (replace(wet, until=2.0), replace(dry, year=2.0))), ground)
    with pytest.raises(BadSetting, match="let one end"):
        fits(Scenario("x", (wet, dry)), ground)
