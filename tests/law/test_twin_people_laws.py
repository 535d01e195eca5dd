"""Laws of people in a landscape: zones of protection, livestock, disturbance, roads, trophies; threats in the food web alone are those of one cell."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.engine import Moment
from merian.twin.ensemble import EnsembleSettings, Setting, ensemble
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.moving import Gates, spread
from merian.twin.grid.weather import Air
from merian.twin.hazards.asked import renewed
from merian.twin.hazards.disturbance import Disturbance, disturbed, shunned
from merian.twin.hazards.fire import Fire, FireSettings, Fuel
from merian.twin.hazards.livestock import Livestock, LivestockSettings, cropped, grazing, stocked
from merian.twin.hazards.mixed import CHANCES, Mixed, reach, wetness
from merian.twin.hazards.people import PoachingSettings, Snares, poaching
from merian.twin.hazards.roads import RoadSettings, Struck, crossing_day, hit, killed, lengths_m, roads, way_km_day
from merian.twin.herds.seasons import Births, Breeding
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import Frame, Landscape
from merian.twin.placeless import Known, left_out, placeless
from merian.twin.scenario import Change, Scenario, came
from merian.twin.space.altered import Altered, Ground
from merian.twin.space.pairs import Field, pair
from merian.twin.space.settings import MapSettings
from merian.twin.space.where import placed
from merian.twin.space.zones import Zones

NAMES = ("grass", "hare", "fox")
START = [300.0, 5.0, 1.0]
KEY = draws.key(3, "law")
PLAIN = {
    "spin": 0,
    "settle": 5,
    "range_c": 0,
    "choice": 0,
    "rain_spread": 0,
    "move_spread": 0,
    "threads": 1,
    "floor": 0,
}
GRID = MapSettings(tier="grid", years=1, **PLAIN)
ALONE = EnsembleSettings(members=1, years=1, settle=5, rain_spread=0, threads=1, floor=0)


def web() -> FoodWeb:
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 8e-3, 4e-3]}
    links = {"attack": [4e-4, 3e-3], "handling": [5.0, 8.0], "efficiency": [0.3, 0.5]}
    return FoodWeb.of(NAMES, [(1, 0), (2, 1)], species | {"interference": [0, 0.02, 0.3]}, links)


def flat(rows: int, columns: int = 0, cell: float = 1000.0, rain: float = 60.0) -> Landscape:
    shape = (rows, columns or rows)
    layers = {name: np.zeros(shape) for name in ("trees", "fences")}
    layers |= {"elevation": np.ones(shape), "water": np.ones(shape), "rain": np.full((12, *shape), rain)}
    return Landscape(Frame(*shape, cell), layers)


ADULTS, DEATHS, GRASS = np.array([1, 3e3, 6e3]), np.array([0, 1e-3, 1e-3]), np.array([True, False, False])


def setting(ground: Landscape) -> Setting:
    return replace(Setting.of(web(), START, 0.0), known=Known(ADULTS, DEATHS, GRASS, ground))


def field(ground: Landscape, moves: float = 0.0) -> Field:
    animals = Animals(ADULTS, DEATHS, np.array([0, moves, moves]), np.array([1, 4.0, 2.0]))
    return Field(setting(ground), ground, np.array([0.0, moves, moves]), animals, GRASS)


def altered(*changes: Change, ground: Landscape | None = None) -> Altered:
    ground = ground or flat(8)
    return Altered(Scenario("x", changes), setting(ground), Ground(ground))


SHARES = st.floats(0, 1)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 12), st.integers(2, 12), SHARES, SHARES, SHARES, SHARES)
def test_a_zone_of_four_corners_is_its_box_however_it_is_told(
    rows: int, columns: int, a: float, b: float, c: float, d: float
) -> None:
    west, east, north, south = min(a, b), max(a, b), min(c, d), max(c, d)
    frame = Frame(rows, columns, 1.0)
    x, y = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    box = ((y >= north) & (y < south))[:, None] & ((x >= west) & (x < east))[None]
    corners = [(west, north), (east, north), (east, south), (west, south)]
    if not box.any():
        with pytest.raises(BadSetting, match="holds no cell"):
            placed(frame, corners)
        return
    for turned in (corners, corners[::-1], corners[2:] + corners[:2]):
        assert (placed(frame, turned) == box).all()


def test_a_triangle_holds_half_of_the_map() -> None:
    inside = placed(Frame(40, 40, 1.0), [(0, 0), (1, 0), (0, 1)])
    assert inside.mean() == pytest.approx(0.5, abs=0.02)
    assert inside[0, 0]
    assert not inside[39, 39]


ZONE = Change(what="protect", within=(0, 0, 0.5, 1), year=1, ramp=2)


def test_nothing_is_taken_grazed_or_lost_in_a_zone_of_protection_and_all_of_it_outside() -> None:
    zones = Zones(Scenario("x", (ZONE,)), flat(4))
    for year, left in ((0.0, 1.0), (2.0, 0.5), (3.0, 0.0), (9.0, 0.0)):
        spared = zones.spared(NAMES, year)
        assert spared[:, :, :2] == pytest.approx(left)
        assert zones.grazed(year)[:, :2] == pytest.approx(left)
        assert (spared[:, :, 2:] == 1).all()
        assert (zones.grazed(year)[:, 2:] == 1).all()
    own = Zones(Scenario("x", (replace(ZONE, species="fox", ramp=0.0),)), flat(4))
    assert own.spared(NAMES, 5.0)[2, :, :2].max() == 0
    assert (own.spared(NAMES, 5.0)[:2] == 1).all()
    # of one species it is no reserve
    assert (own.grazed(5.0) == 1).all()


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 5), st.floats(0, 5), SHARES, st.floats(0, 12))
def test_what_a_zone_keeps_of_a_loss_lies_between_nothing_and_its_share(
    year: float, ramp: float, begin: float, long: float, amount: float, now: float
) -> None:
    loss = Change(what="habitat", amount=0.5, year=year, ramp=ramp)
    zone = replace(ZONE, year=begin, ramp=long, amount=amount)
    found = came(loss, [zone], now)
    assert 1 - amount - 1e-12 <= found <= 1
    if loss.share(now) and begin + long < year:
        assert found == pytest.approx(1 - amount)
    if now < begin or not loss.share(now):
        assert found == 1


def test_habitat_that_was_lost_before_stays_lost_and_what_comes_after_is_kept() -> None:
    for pattern in ("even", "random"):
        first = Change(what="habitat", amount=0.5, year=0, pattern=pattern)
        late = replace(first, year=6)
        found = [altered(loss, ZONE).at(8.0) for loss in (first, late)]
        bare = altered(first).at(8.0)
        if pattern == "even":
            assert found[0].room == pytest.approx(bare.room)
            assert found[1].room[:, :4] == pytest.approx(1.0)
            assert found[1].room[:, 4:] == pytest.approx(0.5)
        else:
            assert (found[0].lost == bare.lost).all()
            assert not found[1].lost[:, :4].any()
            assert (found[1].lost[:, 4:] == bare.lost[:, 4:]).all()
            # a loss that comes over years is stopped at what was lost by then, in the order of loss
            slow = altered(replace(first, amount=1.0, ramp=4.0), ZONE)
            assert 0 < slow.at(9.0).lost[:, :4].sum() < slow.at(9.0).lost[:, 4:].sum() == 32


def test_protection_holds_whatever_its_place_among_the_changes() -> None:
    hunt = Change(what="harvest", amount=0.4)
    guard = Change(what="protect", amount=0.75)
    for changes in ((hunt, guard), (guard, hunt)):
        species, _ = Scenario("x", changes).columns(web(), 1.0, np.zeros(3, bool), 20.0)
        assert species[5] == pytest.approx(0.1 / 365.25)


def test_poaching_on_a_map_ends_where_a_zone_is_and_goes_on_beside_it() -> None:
    hunt = Change(what="poaching", species="hare", amount=4.0, path=(0.5, 0, 0.5, 1), how=("best_kg=3", "decay_km=100"))
    zone = Change(what="protect", area=(0, 0, 0.5, 0, 0.5, 1, 0, 1))
    ground = field(flat(2, 4))
    without, both = pair(ground, Scenario("x", (hunt, zone)), replace(GRID, years=0.5), 0)
    _, hunted = pair(ground, Scenario("x", (hunt,)), replace(GRID, years=0.5), 0)
    assert both.late[1, :, :2] == pytest.approx(without.late[1, :, :2], rel=1e-6)
    assert both.late[1, :, 2:] == pytest.approx(hunted.late[1, :, 2:], rel=1e-6)
    assert (both.late[1, :, 2:] < 0.7 * without.late[1, :, 2:]).all()
    ratio = both.rows[-1, 1] / without.rows[-1, 1]
    assert hunted.rows[-1, 1] / without.rows[-1, 1] < ratio < 1


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 200), st.floats(0, 2000), st.floats(1, 500), st.floats(0.01, 30))
def test_stock_eats_no_more_than_it_wants_nor_than_there_is(
    stock: float, grass: float, half: float, days: float
) -> None:
    how = LivestockSettings(stock_km2=1.0, half_g_m2=half)
    process = Livestock(how, np.full((1, 1), stock), np.array([True, False]), "biomass", 1e6)
    values = {"biomass": np.full((2, 1, 1), grass), "stock": np.zeros((1, 1))}
    flow = process.step(values, Moment(0, 0.0, days, KEY))["biomass"]
    eaten = grass - values["biomass"][0, 0, 0]
    wanted = stock * 250e3 * 0.025 / 1e6 * days
    assert -1e-12 <= eaten <= min(grass, wanted) * (1 + 1e-9)
    assert flow.went == pytest.approx(eaten * 1000.0, abs=1e-9)
    assert values["biomass"][1, 0, 0] == grass
    assert values["stock"][0, 0] == stock
    # half as fast where half as much stands, and never faster per gram where there is more
    assert cropped(how, np.array(half), np.array(stock)) == pytest.approx(0.5 * wanted / days / half)


def test_stock_stands_about_its_bomas_and_adds_up() -> None:
    land = np.ones((5, 9), bool)
    land[:, 8] = False
    km = np.abs(np.arange(9.0))[None] * np.ones((5, 1))
    found = stocked(LivestockSettings(stock_km2=7.0, orbit_km=2.0), km, land)
    assert found[land].mean() == pytest.approx(7.0)
    assert not found[~land].any()
    assert found[0, 2] / found[0, 0] == pytest.approx(math.exp(-1))
    even = stocked(LivestockSettings(stock_km2=7.0), np.full((5, 9), np.inf), land)
    assert even[land] == pytest.approx(7.0)
    far = stocked(LivestockSettings(stock_km2=1.0, orbit_km=1e-3), km + 5, land)
    assert far[:, 0] == pytest.approx(8.0)
    with pytest.raises(BadData, match="needs land"):
        stocked(LivestockSettings(), km, np.zeros((5, 9), bool))
    with pytest.raises(BadData, match="number of head"):
        Livestock(LivestockSettings(), np.full((1, 1), -1.0), np.array([True]), "biomass", 1.0)


def test_livestock_leaves_less_grass_and_fewer_grazers_where_it_is_and_none_of_it_in_a_zone() -> None:
    cattle = Change(what="livestock", amount=400.0, within=(0, 0, 0.5, 1))
    ground, how = field(flat(2, 4)), replace(GRID, years=2)
    without, grazed = pair(ground, Scenario("x", (cattle,)), how, 0)
    assert (grazed.late[0, :, :2] < 0.97 * without.late[0, :, :2]).all()
    assert (grazed.late[1, :, :2] < without.late[1, :, :2]).all()
    assert grazed.late[:, :, 2:] == pytest.approx(without.late[:, :, 2:], rel=1e-9)
    zone = Change(what="protect", within=(0, 0, 0.5, 1))
    _, kept = pair(ground, Scenario("x", (cattle, zone)), how, 0)
    assert kept.late == pytest.approx(without.late, rel=1e-9)


def test_animals_stand_thinner_beside_what_disturbs_them_by_as_much_as_was_said() -> None:
    quality = -shunned(0.6, np.exp(-np.arange(12.0) / 2.0))[None]
    gates = Gates.of(np.ones((1, 12), bool))
    rest = spread(np.ones((1, 12)), 1.0, quality, gates, 2000.0)
    assert rest.sum() == pytest.approx(12.0)
    assert rest[0, 0] / rest[0, -1] == pytest.approx(0.4, rel=0.01)
    assert (np.diff(rest[0]) > 0).all()


def test_disturbance_empties_the_roadside_on_a_map_and_no_change_is_none() -> None:
    shy = Change(what="disturbance", amount=0.8, path=(0.05, 0, 0.05, 1), how=("decay_km=1",))
    ground = field(flat(2, 8), 3e5)
    without, with_it = pair(ground, Scenario("x", (shy,)), replace(GRID, years=0.5), 0)
    ratio = (with_it.late[1] / without.late[1]).mean(0)
    assert ratio[0] < 0.6 < 1 < ratio[-1]
    without, nothing = pair(ground, Scenario("x", (replace(shy, amount=0.0),)), replace(GRID, years=0.2), 0)
    assert nothing.rows == pytest.approx(without.rows, rel=1e-12)
    # among bomas wild animals make room for stock
    cattle = Change(what="livestock", amount=1e-6, path=(0.05, 0.5), how=("orbit_km=1", "avoid=0.8"))
    _, away = pair(ground, Scenario("x", (cattle,)), replace(GRID, years=0.5), 0)
    assert away.late[1, :, 0].sum() < 0.8 * without.late[1, :, 0].sum()


def test_disturbances_add_up_and_are_described() -> None:
    one = np.zeros((3, 1, 1))
    one[1] = 0.5
    process = Disturbance([(one, lambda day: 1.0), (2 * one, lambda day: 0.5 if day < 3 else 0.0)])
    values = {"shunned": np.zeros((3, 1, 1))}
    for day, much in ((0.0, 1.0), (4.0, 0.5)):
        process.step(values, Moment(0, day, 1.0, KEY))
        assert values["shunned"][1, 0, 0] == pytest.approx(much)
    with pytest.raises(BadData, match="from 0 on"):
        Disturbance([(-one, lambda day: 1.0)])


def test_walkers_cross_a_road_as_often_as_the_law_of_the_ideal_gas_says() -> None:
    """Straight walks at all headings in a square without edges, one road across it: crossings counted one by one."""
    rng = np.random.default_rng(5)
    side, way, many = 10_000.0, 4_000.0, 40_000
    heading, y = rng.uniform(0, 2 * math.pi, many), rng.uniform(0, side, many)
    counted = np.abs(np.floor((y + way * np.sin(heading)) / side)).sum() / many
    told = crossing_day(np.array([[side]]), side**2, np.array([way / 1000.0]))[0, 0, 0]
    assert told == pytest.approx(2 * way / (math.pi * side))
    assert counted == pytest.approx(told, rel=0.03)


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1e5), st.floats(0.5, 20), st.floats(0.5, 20))
def test_more_traffic_kills_more_and_who_hurries_less(vehicles: float, sweeps: float, speed: float) -> None:
    how = RoadSettings(vehicles_day=vehicles, sweeps_m=sweeps, cross_m_s=speed)
    assert 0 <= hit(how) <= 1
    assert hit(replace(how, vehicles_day=vehicles * 2)) >= hit(how)
    assert hit(replace(how, cross_m_s=speed * 2)) <= hit(how)
    # one who waits for no gap: the chance that no vehicle comes while it crosses (Poisson)
    assert 1 - hit(replace(how, heedless=1.0)) == pytest.approx(math.exp(-vehicles / 86400 * sweeps / speed))
    assert hit(how) == pytest.approx(0.1 * hit(replace(how, heedless=1.0)))


@settings(deadline=None, max_examples=30)
@given(st.tuples(*[SHARES] * 6), st.integers(1, 9), st.integers(1, 9))
def test_a_road_is_as_long_in_its_cells_as_it_is(points: tuple[float, ...], rows: int, columns: int) -> None:
    line = list(zip(points[::2], points[1::2], strict=True))
    long = sum(math.hypot((b[0] - a[0]) * columns, (b[1] - a[1]) * rows) for a, b in pairwise(line))
    assert lengths_m(line, (rows, columns), 100.0).sum() == pytest.approx(100.0 * long)


def test_roads_kill_where_they_are_and_the_books_close() -> None:
    road = Change(what="road", amount=20_000.0, path=(0.5, 0, 0.5, 1), how=("heedless=1",))
    without, with_it = pair(field(flat(2, 3)), Scenario("x", (road,)), replace(GRID, years=0.3), 0)
    ratio = (with_it.late[1] / without.late[1]).mean(0)
    assert ratio[[0, 2]] == pytest.approx(1.0)
    rates = killed(RoadSettings(vehicles_day=20_000.0), np.array([[1000.0]]), 1e6, ADULTS)
    assert ratio[1] < 1
    assert rates[1, 0, 0] == pytest.approx(2 * 1.04 * 3**0.25 / math.pi * hit(RoadSettings(vehicles_day=20_000.0)))
    assert way_km_day(np.array([1000.0, 0.0, np.nan])) == pytest.approx([1.04, 0.0, 0.0])
    with pytest.raises(Mismatch, match="deaths on roads"):
        roads(herds(), rates)


def herds(seed: int = 1, heads: int = 40, **more: object) -> object:
    """A window of deer that breed in March; nobody hunts them."""
    deer = FoodWeb.of(["grass", "deer"], [(1, 0)], {"growth": [0.1, 0], "capacity": [800.0, math.inf], "loss": [0, 2e-3]},
                      {"attack": 1e-3, "handling": 2.0, "efficiency": 0.3})  # fmt: skip
    breeding = Breeding(
        np.array([0, 1.0]), np.array([0, 1.0]), np.array([0, 100.0]), np.array([0, 150.0]), np.array([0, 5.0])
    )
    who = Animals(np.array([1.0, 1e5]), np.array([0, 1e-4]), np.zeros(2), np.array([1.0, float(heads)]), breeding)
    start = np.array([700.0, 1e5 * 8 * heads / 16e6])
    return window(deer, start, who, flat(4), 20.0, WindowSettings(days=1.0, seed=seed, starves=False, **more))


def test_who_shoots_males_leaves_more_young_than_who_shoots_both_until_males_are_too_few() -> None:
    rates = np.zeros((2, 4, 4))
    rates[1] = 0.01
    born, left, males = [], [], []
    for share, harem in ((0.5, 20.0), (1.0, 20.0), (1.0, 1.0)):
        engine = poaching(herds(), rates, settings=PoachingSettings(males=share, harem=harem))
        total = 0
        for _ in range(160):
            before = engine.world.values["number"].sum()
            moved = engine.step()
            total += max(int(engine.world.values["number"].sum() - before), 0)
            assert moved["poaching"]["biomass"].went >= 0
        born.append(total)
        left.append(int(engine.world.values["number"].sum()))
        if share == 1.0:
            values = engine.world.values
            males.append(float((values["number"] * (0.5 + values["male_bias"])).sum() / values["number"].sum()))
    assert born[1] > 1.1 * born[0]
    assert born[2] < 0.8 * born[1]
    assert max(males) < 0.35


def test_shots_take_the_sex_that_is_sought_as_often_as_their_rate_says() -> None:
    many, rate = 3000, 0.3
    values = {"who": np.arange(many), "species": np.zeros(many, np.int64), "cell": np.zeros(many, np.int64)}
    values |= {"number": np.full(many, 10), "mass": np.full(many, 1000.0), "male_bias": np.zeros(many)}
    values["pregnant"] = np.full((many, 2), 0.2)
    snares = Snares(np.full((1, 1, 1), rate)).by_sex(0.8, np.array([True]))
    flow = snares.step(values, Moment(0, 0.0, 1.0, KEY))["biomass"]
    there = values["number"] > 0
    males = float((values["number"] * (0.5 + values["male_bias"]))[there].sum())
    females = float((values["number"] * (0.5 - values["male_bias"]))[there].sum())
    assert males == pytest.approx(5 * many * math.exp(-1.6 * rate), rel=0.02)
    assert females == pytest.approx(5 * many * math.exp(-0.4 * rate), rel=0.02)
    assert flow.went == pytest.approx(10 * many - values["number"].sum())
    # the pregnant among them: as many of the females as before
    pregnant = float((values["number"] * values["pregnant"][:, 0]).sum())
    assert pregnant / females == pytest.approx(0.4, rel=0.02)
    # of species whose sexes nobody counts both are taken
    both = Snares(np.full((1, 1, 1), rate)).by_sex(1.0, np.array([False]))
    values |= {"number": np.full(many, 10), "male_bias": np.zeros(many)}
    both.step(values, Moment(0, 0.0, 1.0, KEY))
    assert values["number"].mean() == pytest.approx(10 * math.exp(-rate), rel=0.02)
    assert not values["male_bias"].any()


def test_herds_of_both_sexes_breed_as_herds_whose_sexes_nobody_knows() -> None:
    plain, known = herds(), poaching(herds(), np.zeros((2, 4, 4)), settings=PoachingSettings(males=1.0))
    for engine in (plain, known):
        engine.run(160)
    assert known.world.values["number"].tolist() == plain.world.values["number"].tolist()
    assert any(isinstance(process, Births) and process.harem for process in known.processes)


def alone(*changes: Change, ground: Landscape, years: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The food web's courses [t, s] without the changes and with them."""
    found = ensemble(setting(ground), Scenario("x", changes), replace(ALONE, years=years))
    return found.baseline[0], found.scenario[0]


@pytest.mark.parametrize(
    ("change", "species", "far"),
    [
        (Change(what="disease", species="hare", amount=4.0, how=("fatal=0.6",), year=0.25), 1, 0.04),
        (Change(what="livestock", amount=60.0, year=0.25), 0, 0.01),
        (Change(what="poaching", species="hare", amount=1.0, path=(0.5, 0.5), how=("best_kg=3",), year=0.25), 1, 0.01),
        (Change(what="road", amount=50_000.0, path=(0, 0.5, 1, 0.5), how=("heedless=1",), year=0.25), 1, 0.01),
    ],
)
def test_a_threat_in_the_food_web_alone_is_that_of_one_cell(change: Change, species: int, far: float) -> None:
    ground = flat(1, cell=5000.0)
    without, with_it = alone(change, ground=ground)
    plain, one = pair(field(ground), Scenario("x", (change,)), GRID, 0)
    assert without == pytest.approx(plain.rows, rel=1e-3)
    assert with_it[-1, species] / without[-1, species] == pytest.approx(
        one.rows[-1, species] / plain.rows[-1, species], abs=far
    )
    assert with_it[-1, species] < 0.99 * without[-1, species]
    assert (with_it[0] == without[0]).all()


def test_as_many_are_born_as_die_and_are_eaten() -> None:
    found = renewed(web(), np.array(START), DEATHS)
    fox = 3e-3 * START[1] / (1 + 0.3 * START[2] + 3e-3 * 8.0 * START[1]) * START[2] / START[1]
    assert found[1] == pytest.approx(1e-3 + fox)
    assert found[2] == pytest.approx(1e-3)


def test_poaching_among_herds_ends_where_a_zone_is_and_the_whole_window_lies_between() -> None:
    hunt = Change(
        what="poaching", species="hare", amount=30.0, path=(0.5, 0, 0.5, 1), how=("best_kg=3", "decay_km=100")
    )
    zone = Change(what="protect", within=(0, 0, 0.5, 1))
    how = replace(GRID, tier="herds", years=0.1, step_days=0.5)
    ground = field(flat(6, cell=300.0))
    without, both = pair(ground, Scenario("x", (hunt, zone)), how, 0)
    _, hunted = pair(ground, Scenario("x", (hunt,)), how, 0)
    inside = [course.late[1, :, :3].sum() for course in (without, both, hunted)]
    outside = [course.late[1, :, 3:].sum() for course in (without, both, hunted)]
    assert inside[1] > 0.93 * inside[0] > 2 * inside[2]
    assert outside[1] == pytest.approx(outside[2], rel=0.25)
    whole = [course.rows[-1, 1] for course in (without, both, hunted)]
    assert 1.3 * whole[2] < whole[1] < 0.8 * whole[0]


def test_fire_in_the_food_web_alone_takes_about_what_it_takes_on_even_land() -> None:
    often = Change(what="fire", amount=0.2, how=("half_g_m2=250",))
    ground = flat(12, rain=20.0)
    without, with_it = alone(often, ground=ground, years=3.0)
    plain, burnt = pair(field(ground), Scenario("x", (often,)), replace(GRID, years=3, range_c=12), 0)
    shares = [with_it[4:, 0].mean() / without[4:, 0].mean(), burnt.rows[4:, 0].mean() / plain.rows[4:, 0].mean()]
    # well mixed, a fire meets the mean of the fuel; on land it stops at what burnt before and thins out less of it at a time
    assert max(shares) < 0.85
    assert shares[0] == pytest.approx(shares[1], abs=0.2)


def test_where_grass_is_alike_as_many_fires_burn_as_much_land_in_the_food_web_as_on_a_map() -> None:
    ground, start = flat(16, rain=20.0), np.array(START)
    known = setting(ground).known
    wet = wetness((20.0,) * 12, Air(known.latitude_deg, 20.0), 1.0)[4]
    cells = {"soil_water": np.full((16, 16), 150.0 * wet), "burnt": np.zeros((16, 16))}
    # chances to pass of 0.36, 0.45 (beside the threshold, where reach is steep), 0.60 and 0.84
    for half, far in ((330, 0.15), (300, 0.4), (250, 0.15), (150, 0.15)):
        often = Change(what="fire", amount=0.5, how=(f"half_g_m2={half}", "wet=1"))
        after = Mixed(placeless(Scenario("x", (often,)), known), web(), 20.0, start).after(start, 4 / 24, 5 / 24)
        how = FireSettings(ignitions_km2_year=0.5, half_g_m2=half, wet=1.0)
        fire, burnt = Fire(how, Fuel(np.array([True]), np.array([0.9])), "plants", 150.0, 1e6), []
        for step in range(250):
            # grass that is full again before each step is alike everywhere
            values = cells | {"plants": np.full((1, 16, 16), START[0])}
            fire.step(values, Moment(step, 15.0 * step, 365.25 / 24, KEY))
            burnt.append(values["burnt"].mean())
        assert (1 - after[0] / start[0]) / 0.9 == pytest.approx(np.mean(burnt), rel=far)
        assert np.mean(burnt) > 0.05


def test_where_fires_leave_patches_more_grass_burns_than_by_its_mean() -> None:
    often, ground = Change(what="fire", amount=3.0, how=("half_g_m2=500",)), flat(16, rain=20.0)
    without, with_it = alone(often, ground=ground, years=2.0)
    plain, burnt = pair(field(ground), Scenario("x", (often,)), replace(GRID, years=2, range_c=12), 0)
    shares = [with_it[2:, 0].mean() / without[2:, 0].mean(), burnt.rows[2:, 0].mean() / plain.rows[2:, 0].mean()]
    # thick grass passes fire on by its fourth power
    assert shares[1] < shares[0] - 0.05
    assert shares[0] == pytest.approx(shares[1], abs=0.2)


def test_fires_reach_more_the_more_easily_they_pass_and_no_more_than_the_land() -> None:
    land = np.ones((20, 20), bool)
    land[:, 10] = False
    found = np.array(reach(land.tobytes(), land.shape))
    assert found[0] == pytest.approx(1 / land.sum())
    # all of the side on which it was lit, weighed by how often it is lit there
    assert found[-1] == pytest.approx((200**2 + 180**2) / 380**2, abs=0.03)
    assert (np.diff(found) > -0.05).all()
    assert np.interp(0.3, CHANCES, found) < 0.05 < 0.3 < np.interp(0.8, CHANCES, found)


def test_the_soil_of_the_food_web_is_dry_where_it_does_not_rain() -> None:
    months = (0.0, 0, 0, 200, 200, 0, 0, 0, 0, 0, 0, 0)
    wet, dry = (np.array(wetness(months, Air(0.0, 25.0), times)) for times in (1.0, 0.2))
    assert wet.argmax() in range(7, 12)
    assert (dry < wet).all()
    assert wetness((0.0,) * 12, Air(), 1.0)[5] < 0.01


def test_zones_act_on_their_share_of_the_land_and_overlaps_on_theirs() -> None:
    ground = flat(4)
    hunt = Change(what="harvest", species="hare", amount=0.8, within=(0, 0, 0.5, 1))
    zone = Change(what="protect", within=(0, 0, 0.5, 0.5))
    found = placeless(Scenario("x", (hunt, zone)), setting(ground).known)
    species, links = found.columns(web(), 1.0, np.zeros(3, bool), 20.0)
    # a quarter of the land is hunted and not protected
    assert species[5] == pytest.approx([0, 0.2 / 365.25, 0])
    assert np.isinf(species[1][1:]).all()
    assert links == pytest.approx(web().links)
    free = placeless(
        Scenario("x", (Change(what="introduce", species="fox", amount=2.0, within=(0, 0, 0.5, 1)),)),
        setting(ground).known,
    )
    assert free.start(web(), np.array(START), 0.0) == pytest.approx([300, 5, 2.0])
    rain = placeless(Scenario("x", (Change(what="rain", amount=0.5, within=(0, 0, 0.5, 1)),)), setting(ground).known)
    assert rain.columns(web(), 0.0, np.zeros(3, bool), 20.0)[0][1][0] == pytest.approx(375.0)
    assert rain.changes[0].rain == pytest.approx(0.75)


def test_what_a_tier_without_places_cannot_know_is_said() -> None:
    ground = flat(4)
    fence = Change(what="fence", path=(0.5, 0, 0.5, 1))
    ill = Change(what="disease", species="hare", amount=2.0)
    shot = Change(what="poaching", species="hare", path=(0.5, 0.5))
    with pytest.raises(BadSetting, match="--tier grid"):
        placeless(Scenario("x", (fence,)), setting(ground).known)
    said = " | ".join(left_out((fence, ill, shot), False))
    assert "left out" in said
    assert "fence" in said
    assert "disease comes over all the land" in said
    assert "poaching takes from all alike" in said
    fire = Change(what="fire", amount=1.0)
    said = " | ".join(left_out((ill, fire, Change(what="livestock", amount=9.0)), True))
    assert "a disease arrives in all cells" in said
    assert "from cell to cell" in said
    assert "livestock comes over all the land" in said
    plain = Scenario("x", (Change(what="rain", amount=0.9),))
    assert placeless(plain, setting(ground).known) is plain


def test_livestock_and_disturbance_among_herds() -> None:
    cattle = Change(what="livestock", amount=300.0, path=(0.1, 0.1), how=("orbit_km=0.12",), year=0)
    shy = Change(what="disturbance", amount=0.9, path=(0.0, 0.9, 1.0, 0.9), how=("decay_km=0.04",), year=0)
    how = replace(GRID, tier="herds", years=0.2, step_days=0.5, choice=0.5)
    ground = field(flat(6, cell=120.0), 4e3)
    without, with_it = pair(ground, Scenario("x", (cattle, shy)), how, 0)
    assert with_it.late[0, 0, 0] < 0.97 * without.late[0, 0, 0]
    assert with_it.late[1, 5].sum() < 0.7 * without.late[1, 5].sum()
    _, nothing = pair(
        ground, Scenario("x", (replace(cattle, amount=0.0, how=("avoid=0",)), replace(shy, amount=0.0))), how, 0
    )
    assert nothing.rows.tobytes() == without.rows.tobytes()
    with pytest.raises(Mismatch, match="livestock and the landscape"):
        grazing(herds(), LivestockSettings(), np.zeros((3, 3)), np.array([True]))
    with pytest.raises(Mismatch, match="disturbance and the quality"):
        disturbed(herds(), [(np.zeros((1, 1, 1)), lambda day: 1.0)])


def test_deaths_on_roads_among_herds_are_binomial() -> None:
    count = 4000
    values = {"who": np.arange(count), "species": np.zeros(count, np.int64), "cell": np.arange(count) % 2}
    values |= {"number": np.full(count, 5), "mass": np.full(count, 1000.0)}
    Struck(np.array([[[0.2, 0.0]]])).step(values, Moment(0, 0.0, 1.0, KEY))
    assert (values["number"][1::2] == 5).all()
    assert values["number"][::2].mean() == pytest.approx(5 * math.exp(-0.2), rel=0.02)
