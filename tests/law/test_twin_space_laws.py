"""Laws of what-if on a map: no change is no effect, pairs share their chance, and fences, corridors and lost habitat do what theory says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from merian.twin.ensemble import EnsembleSettings, Setting, ensemble
from merian.twin.foodweb import FoodWeb
from merian.twin.herds.window import Animals
from merian.twin.landscape import Frame, Landscape
from merian.twin.scenario import Change, Scenario
from merian.twin.solver import run
from merian.twin.space.pairs import Field, diffusion, pair
from merian.twin.space.settings import MapSettings

START = [300.0, 5.0, 1.0]
GRID = MapSettings(
    tier="grid", years=3, spin=0, settle=5, range_c=0, choice=0, rain_spread=0, move_spread=0, threads=1, floor=0
)
"""Without seasons, weather and behaviour: what is left is the food web and its space."""


def web(**columns: object) -> FoodWeb:
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 8e-3, 4e-3]}
    links = {"attack": [4e-4, 3e-3], "handling": [5.0, 8.0], "efficiency": [0.3, 0.5]}
    whole = FoodWeb.of(["grass", "hare", "fox"], [(1, 0), (2, 1)], species | {"interference": [0, 0.02, 0.3]}, links)
    return whole.changed(**columns)


def flat(rows: int, columns: int = 0) -> Landscape:
    shape = (rows, columns or rows)
    layers = {name: np.zeros(shape) for name in ("trees", "fences")}
    layers |= {"elevation": np.ones(shape), "water": np.ones(shape), "rain": np.full((12, *shape), 60.0)}
    return Landscape(Frame(*shape, 1000.0), layers)


def field(ground: Landscape, moves: float = 2e4, doubt: float = 0.0, own: FoodWeb | None = None) -> Field:
    setting = Setting.of(own or web(), START, doubt)
    return Field(setting, ground, np.array([0.0, moves, moves]))


def scenario(*changes: Change) -> Scenario:
    return Scenario("what if", changes)


NOTHING = (
    Change(what="rain", amount=1.0),
    Change(what="drought", amount=0.0, within=(0, 0, 0.5, 1)),
    Change(what="habitat", amount=0.0, pattern="clustered"),
    Change(what="fence", path=(0.5, 0, 0.5, 1), amount=0.0),
    Change(what="corridor", path=(0, 0.5, 1, 0.5), amount=0.3),
    Change(what="waterpoint", path=(0.5, 0.5), amount=1.0),
    Change(what="harvest", species="hare", amount=0.0, within=(0, 0, 0.5, 0.5)),
    Change(what="warming", amount=0.0),
    Change(what="remove", species="fox", amount=0.0, year=0.5),
    Change(what="introduce", species="fox", amount=0.0, year=0.5),
)


def test_no_change_is_no_difference_at_all_on_the_grid() -> None:
    weather = replace(GRID, rain_spread=0.3, range_c=12, choice=0.5, move_spread=0.5, years=1, spin=1)
    for member in (0, 3):
        without, with_it = pair(field(flat(4), doubt=0.1), scenario(*NOTHING), weather, member)
        assert without.rows.tobytes() == with_it.rows.tobytes()
        assert without.late.tobytes() == with_it.late.tobytes()
    other, _ = pair(field(flat(4), doubt=0.1), scenario(*NOTHING), weather, 1)
    assert (other.rows != without.rows).any()


def animals() -> Animals:
    return Animals(np.array([1, 3e3, 6e3]), np.array([0, 1e-3, 1e-3]), np.array([0, 1e5, 1e5]), np.array([1, 4.0, 2.0]))


HERDS = replace(GRID, tier="herds", years=0.12, step_days=0.5, rain_spread=0.3, choice=0.5)


def small(doubt: float = 0.0) -> Field:
    ground = flat(4)
    narrow = Landscape(Frame(4, 4, 100.0), ground.layers)
    return replace(field(narrow, 1e5, doubt), animals=animals())


def test_no_change_is_no_difference_at_all_among_herds() -> None:
    without, with_it = pair(small(), scenario(*(c for c in NOTHING if c.what != "warming")), HERDS, 0)
    assert without.rows.tobytes() == with_it.rows.tobytes()
    assert without.late.tobytes() == with_it.late.tobytes()
    assert without.rows[-1, 1] > 0


@pytest.mark.parametrize(
    "changes",
    [
        (Change(what="remove", species="fox", year=1),),
        (Change(what="introduce", species="fox", amount=0.5, year=1),),
        (Change(what="harvest", species="hare", amount=0.4, year=1, until=2),),
        (Change(what="habitat", amount=0.5, year=1),),
        (Change(what="warming", amount=3.0), Change(what="refuge", species="hare", amount=0.3, year=1)),
        (Change(what="harvest", species="fox", amount=0.6), Change(what="protect", species="fox", amount=0.5, year=1)),
    ],
    ids=lambda changes: changes[0].what,
)
def test_one_cell_answers_as_the_food_web_does(changes: tuple[Change, ...]) -> None:
    one = field(flat(1), doubt=0.1)
    exact = replace(GRID, relative=1e-8)
    courses = pair(one, scenario(*changes), exact, 2)
    plain = EnsembleSettings(members=3, years=3, settle=5, rain_spread=0, relative=1e-8, floor=0, threads=1)
    found = ensemble(one.setting, scenario(*changes), plain)
    # at the moment itself the map still tells of before, the food web of after
    apart = found.years != 1 if changes[0].what in ("remove", "introduce") else found.years >= 0
    for mine, theirs in zip(courses, (found.baseline[2], found.scenario[2]), strict=True):
        assert mine.rows[apart] == pytest.approx(theirs[apart], rel=1e-5, abs=1e-9)
    assert courses[0].rows != pytest.approx(courses[1].rows, rel=0.01)


def halves(course: np.ndarray, species: int) -> tuple[float, float]:
    wide = course.shape[2] // 2
    return float(course[species, :, :wide].sum()), float(course[species, :, wide:].sum())


def test_a_closed_fence_stops_all_exchange() -> None:
    gone = Change(what="remove", species="hare", within=(0, 0, 0.5, 1), year=0)
    fence = Change(what="fence", path=(0.5, 0, 0.5, 1), year=0)
    _, shut = pair(field(flat(4, 8)), scenario(gone, fence), GRID, 0)
    _, open_ = pair(field(flat(4, 8)), scenario(gone), GRID, 0)
    assert halves(shut.late, 1)[0] == 0
    assert halves(open_.late, 1)[0] > 0.1 * halves(open_.late, 1)[1]
    _, alone = pair(field(flat(4, 4)), scenario(Change(what="rain", amount=1.0)), GRID, 0)
    # the side that keeps its hares fares as if there were no other
    assert shut.late[:, :, 4:] == pytest.approx(alone.late, rel=1e-12)
    half = Change(what="fence", path=(0.5, 0, 0.5, 1), amount=0.9)
    _, ajar = pair(field(flat(4, 8)), scenario(gone, half), replace(GRID, years=0.5), 0)
    _, free = pair(field(flat(4, 8)), scenario(gone), replace(GRID, years=0.5), 0)
    assert 0 < halves(ajar.late, 1)[0] < 0.5 * halves(free.late, 1)[0]


def test_a_corridor_between_two_patches_raises_recolonisation() -> None:
    """Two patches, each at a side, behind lost land between them that nothing crosses; hares are taken from the western one."""
    island = flat(5, 9)
    lost = Change(what="habitat", amount=1.0, pattern="random", within=(0.33, 0, 0.67, 1))
    gone = Change(what="remove", species="hare", within=(0, 0, 0.4, 1), year=0.5)
    strip = Change(what="corridor", path=(0.05, 0.5, 0.95, 0.5))
    back = {}
    for name, matrix, changes in (
        ("closed", 0.0, (lost, gone)),
        ("matrix", 0.01, (lost, gone)),
        ("corridor", 0.01, (lost, gone, strip)),
    ):
        how = replace(GRID, matrix=matrix, years=0.75)
        _, found = pair(field(island, 5e4), scenario(*changes), how, 0)
        back[name] = float(found.late[1, :, :3].mean())
    assert back["closed"] == 0
    assert back["corridor"] > 2 * back["matrix"] > 0


def test_habitat_loss_beyond_the_threshold_ends_a_species_that_persists_below_it() -> None:
    """Animals that mix over all land and eat in what is left of it: extinct when the share left is below h* = x (1 + a h K) / (e a K), as in Levins's model
    of patches (1969), where it is e / c. Grass in lost cells is a thousandth and feeds nobody to speak of."""
    attack, handling, efficiency, room, loss = 2e-4, 5.0, 0.3, 500.0, 8e-3
    own = FoodWeb.of(
        ["grass", "hare", "fox"],
        [(1, 0), (2, 1)],
        {"growth": [0.5, 0, 0], "capacity": [room, math.inf, math.inf], "loss": [0, loss, 0.05]},
        {"attack": [attack, 1e-4], "handling": [handling, 8.0], "efficiency": [efficiency, 0.5]},
    )
    gain = efficiency * attack * room / (1 + attack * handling * room)
    threshold = loss / gain
    assert 0.3 < threshold < 0.7
    rare = Setting(own, np.array([False, True, True]), 20.0, lambda seed, member: (own, np.array([room, 1e-3, 0.0])))
    mixed = Field(rare, flat(10), np.array([0.0, 3e7, 0.0]))
    how = replace(GRID, years=1.5, settle=0, matrix=1.0, step_days=1.0)
    rates = {}
    for left in (threshold * 0.85, threshold * 1.15):
        lost = Change(what="habitat", amount=1 - left, pattern="random")
        _, found = pair(mixed, scenario(lost), how, 0)
        share = round(100 * left) / 100
        rates[left] = float(np.log(found.rows[-1, 1] / found.rows[-3, 1]) / (365.25 / 2))
        assert rates[left] == pytest.approx(share * gain - loss, abs=0.02 * loss)
    below, above = rates.values()
    assert below < 0 < above


def test_pairs_that_share_their_chance_vary_less_than_runs_that_do_not() -> None:
    weather = replace(GRID, rain_spread=0.4, range_c=12, years=2, spin=0)
    change = scenario(Change(what="harvest", species="hare", amount=0.3))
    found = [pair(field(flat(2), doubt=0.15), change, weather, member) for member in range(8)]
    logs = np.log([[a.rows[-1, 1], b.rows[-1, 1]] for a, b in found])
    paired = (logs[:, 1] - logs[:, 0]).var()
    unpaired = logs[:, 0].var() + logs[:, 1].var()
    assert paired < 0.2 * unpaired


def test_a_harvest_of_herds_takes_what_its_hazard_says() -> None:
    """West of a fence 4 a year are taken: about exp(-4 t) of them are left there, and all of them in the east."""
    ground = small()
    calm = replace(HERDS, years=0.12, rain_spread=0, choice=0, settle=0)
    half = Change(what="harvest", species="hare", amount=4.0, within=(0, 0, 0.5, 1))
    fence = Change(what="fence", path=(0.5, 0, 0.5, 1))
    without, with_it = pair(ground, scenario(half, fence), calm, 0)
    west, east = (np.array(halves(course.late, 1)) for course in (without, with_it))
    ratio = east / west
    assert ratio[1] == pytest.approx(1.0, abs=0.25)
    assert ratio[0] == pytest.approx(math.exp(-4.0 * 0.105), abs=0.25)
    assert ratio[0] < ratio[1]


def test_diffusion_follows_the_way_of_a_month() -> None:
    """Harfoot et al. 2014: 0.0278 M^0.48 km a month; D is a quarter of its square."""
    found = diffusion(np.array([1.0, 1e4]))
    assert found[0] == pytest.approx(27.8**2 / (4 * 365.25 / 12))
    assert found[1] / found[0] == pytest.approx(10 ** (4 * 2 * 0.48))


def test_the_start_of_a_member_is_that_of_the_food_web() -> None:
    without, _ = pair(field(flat(2), doubt=0.1), scenario(Change(what="rain", amount=1.0)), GRID, 4)
    own, start = Setting.of(web(), START, 0.1).drawn(0, 4)
    rest = run(own, start, [0.0, 5 * 365.25]).biomass[-1]
    assert without.rows[0] == pytest.approx(rest, rel=1e-3)


def threatened(ground: Landscape, moves: float = 2e4) -> Field:
    return replace(field(ground, moves), animals=animals(), grass=np.array([True, False, False]))


@pytest.mark.parametrize("tier", ["grid", "herds"])
def test_threats_of_nothing_make_no_difference(tier: str) -> None:
    nothing = (
        Change(what="fire", amount=0.0, year=0.02),
        Change(what="poaching", amount=0.0, path=(0.5, 0.5), year=0.02),
        Change(what="disease", species="hare", amount=3.0, how=("fatal=0",), year=0.02),
    )
    how = HERDS if tier == "herds" else replace(GRID, years=0.5, rain_spread=0.3, choice=0.5, range_c=12)
    whole = replace(small(), grass=np.array([True, False, False])) if tier == "herds" else threatened(flat(4))
    without, with_it = pair(whole, scenario(*nothing), how, 0)
    if tier == "herds":
        assert with_it.rows.tobytes() == without.rows.tobytes()
    else:
        # heads are counted and turned into biomass again, which rounds
        assert with_it.rows == pytest.approx(without.rows, rel=1e-9)


def test_a_disease_stays_behind_a_closed_fence() -> None:
    ill = Change(what="disease", species="hare", amount=4.0, how=("fatal=0.8",), within=(0, 0, 0.5, 1), year=0)
    fence = Change(what="fence", path=(0.5, 0, 0.5, 1), year=0)
    how, ground = replace(GRID, years=0.35), threatened(flat(3, 6), 2e5)
    without, shut = pair(ground, scenario(ill, fence), how, 0)
    _, free = pair(ground, scenario(ill), how, 0)
    west, east = halves(shut.late, 1)
    assert east == pytest.approx(halves(without.late, 1)[1], rel=1e-6)
    assert west < 0.7 * halves(without.late, 1)[0]
    assert halves(free.late, 1)[1] < 0.9 * east
    # who is no host does not fall ill: foxes lose hares and no more
    assert shut.late[2].sum() > 0.5 * without.late[2].sum()


def test_poaching_thins_out_with_the_way_from_the_road() -> None:
    hunt = Change(what="poaching", species="hare", amount=4.0, path=(0.02, 0, 0.02, 1), how=("best_kg=3", "decay_km=1"))
    without, with_it = pair(threatened(flat(3, 8), moves=0.0), scenario(hunt), replace(GRID, years=0.5), 0)
    left = (with_it.late[1] / without.late[1]).mean(0)
    assert (np.diff(left) > 0).all()
    assert left[0] < 0.6
    assert left[-1] > 0.99


def test_fire_takes_grass_where_the_soil_is_dry_and_all_of_it_at_the_same_moments() -> None:
    dry = flat(5)
    sere = Landscape(dry.frame, dict(dry.layers) | {"rain": np.full((12, 5, 5), 5.0)})
    often = Change(what="fire", amount=20.0, how=("half_g_m2=50",))
    how = replace(GRID, years=1, range_c=12)
    without, with_it = pair(threatened(sere), scenario(often), how, 0)
    again = pair(threatened(sere), scenario(often), how, 0)[1]
    assert with_it.late[0].sum() < 0.8 * without.late[0].sum()
    assert with_it.rows.tobytes() == again.rows.tobytes()


def test_threats_that_cannot_be() -> None:
    from merian.core.errors import BadSetting
    from merian.twin.hazards.asked import threats

    fire = Change(what="fire", amount=1.0)
    shot = Change(what="poaching", path=(0.5, 0.5), how=("males=1",))
    for changes, said in (
        ((fire, replace(fire, how=("wet=0.3",))), "is one for all fires"),
        ((shot, replace(shot, how=("males=1", "harem=5"))), "is one in a scenario"),
        ((Change(what="fire", how=("wett=0.3",)),), "did you mean|is not a setting"),
        ((Change(what="fire", how=("wet",)),), "NAME=VALUE"),
        ((Change(what="fire", how=("wet=much",)),), "is a number"),
        ((Change(what="disease", species="hare", amount=2.0, how=("fatal=2",)),), "must be"),
    ):
        with pytest.raises(BadSetting, match=said):
            threats(scenario(*changes))
    with pytest.raises(BadSetting, match="of whose bodies something is known"):
        pair(field(flat(2)), scenario(fire), replace(GRID, years=0.1), 0)
    for given, said in (
        ({"what": "rain", "amount": 0.9, "how": ("x=1",)}, "no other settings"),
        ({"what": "rain", "amount": 0.9, "hosts": ("hare",)}, "are those of a disease"),
        ({"what": "fire", "within": (0, 0, 0.5, 1)}, "has no box"),
        ({"what": "poaching"}, "needs 1 or more points"),
    ):
        with pytest.raises(BadSetting, match=said):
            Change(**given)


def test_herds_that_are_set_free_in_a_sick_land_are_whole_and_stand_where_they_were_set_free() -> None:
    ill = Change(what="disease", species="hare", amount=4.0, year=0)
    free = Change(what="introduce", species="hare", amount=3.0, within=(0.5, 0, 1, 1), year=0.1)
    fence = Change(what="fence", path=(0.5, 0, 0.5, 1), year=0)
    ground = replace(small(), grass=np.array([True, False, False]))
    _, without = pair(ground, scenario(ill, fence), replace(HERDS, years=0.105), 0)
    _, found = pair(ground, scenario(ill, fence, free), replace(HERDS, years=0.105), 0)
    gain = (found.rows - without.rows)[-1, 1]
    # half of the land got 3 g m-2, to the nearest hare
    assert gain == pytest.approx(1.5, abs=0.1)
    assert halves(found.late, 1)[0] == pytest.approx(halves(without.late, 1)[0], rel=0.05)


def test_what_goes_wrong_in_a_cell_is_named_by_it() -> None:
    from merian.core.errors import BadData, Unstable
    from merian.twin import draws
    from merian.twin.engine import Moment
    from merian.twin.solver import Limits
    from merian.twin.space.cells import Zoned

    moment, ones = Moment(7, 0.0, 7.0, draws.key(0)), np.ones((2, 3))
    for zones, said in ((np.zeros((2, 3), int), r"cell \(0, 0\) at step 7"), (ones.cumsum(1).astype(int) - 1, "zone")):
        tired = Zoned([web()] * (int(zones.max()) + 1), zones, 1.0, Limits(steps=1))
        with pytest.raises(Unstable, match=said):
            tired.step({"biomass": np.full((3, 2, 3), 3.0), "green": ones, "room": ones}, moment)
    ill = scenario(Change(what="disease", species="hare", amount=2.0))
    gone = Setting(web(), np.array([False, True, True]), 20.0, lambda seed, member: (web(), np.array([300.0, 0, 0])))
    with pytest.raises(BadData, match="where a host is gone"):
        pair(replace(threatened(flat(2)), setting=gone), ill, replace(GRID, years=0.1), 0)


OPEN = replace(HERDS, years=0.1, rain_spread=0, choice=0)


def test_no_change_is_no_difference_at_all_in_an_open_window() -> None:
    land = replace(small(), larger=True)
    without, with_it = pair(land, scenario(*(c for c in NOTHING if c.what != "warming")), OPEN, 0)
    assert without.rows.tobytes() == with_it.rows.tobytes()
    shut, _ = pair(land, scenario(), replace(OPEN, open_edges=False), 0)
    island, _ = pair(small(), scenario(), OPEN, 0)
    assert shut.rows.tobytes() == island.rows.tobytes() != without.rows.tobytes()


def test_open_edges_leave_the_mean_number_of_grazers_where_it_was() -> None:
    """Six members: hares of the open window within a tenth of those of the shut one (some 130 each)."""
    means = []
    for larger in (True, False):
        land = replace(small(), larger=larger)
        land = replace(land, setting=Setting.of(web(attack=[4e-4, 1e-12]), START, 0.0))
        means.append(np.mean([pair(land, scenario(), OPEN, member)[0].rows[1:, 1].mean() for member in range(6)]))
    assert means[0] == pytest.approx(means[1], rel=0.1)


def test_what_is_removed_everywhere_does_not_walk_in_again() -> None:
    """Taken out of the window and the land about it, hares stay away; out of a box alone, or of half their number, they come."""
    land, year = replace(small(), larger=True), 0.03

    def left(own: MapSettings = OPEN, **how: object) -> list[float]:
        change = Change(**{"what": "remove", "species": "hare", "amount": 1.0, "year": year, **how})
        without, with_it = pair(land, scenario(change), own, 0)
        return (with_it.rows[-1] / without.rows[-1]).tolist()

    gone = left()
    assert gone[1] == 0
    assert left(amount=0.5)[1] == pytest.approx(0.5, abs=0.2)
    # 25 days at D = 0.1 km2 a day fill 200 m
    assert left(within=(0, 0, 0.5, 1))[1] > 0.75
    # who is hunted out where nobody comes in is replaced from beyond, where nobody hunts
    assert left(replace(OPEN, open_edges=False), what="harvest", amount=50.0)[1] < 0.2
    assert left(what="harvest", amount=50.0)[1] > 0.4


def test_what_is_set_free_everywhere_is_so_beyond() -> None:
    """The window is too small to keep what is set free in it alone: a few days' way is its width. Foxes that eat nothing and burn little."""
    own = web(attack=[1e-12, 1e-12], loss=[0, 1.1e-3, 1.1e-3])
    land = replace(small(), larger=True, setting=Setting.of(own, START, 0.0))
    foxes = Change(what="introduce", species="fox", amount=6.0, year=0.03)
    everywhere, box = (
        np.mean([pair(land, scenario(one), replace(OPEN, settle=0), member)[1].rows[-1, 2] for member in range(2)])
        for one in (foxes, replace(foxes, within=(0, 0, 0.99, 0.99)))
    )
    assert everywhere > 2.5 * box


def test_the_land_beyond_in_a_year() -> None:
    own, start = web(), np.array(START)
    story = scenario(
        Change(what="introduce", species="fox", amount=0.5, year=2),
        Change(what="remove", species="fox", amount=0.9, year=1),
        Change(what="remove", species="hare", year=1, within=(0, 0, 0.5, 1)),
        Change(what="harvest", species="hare", amount=3.0),
    )
    assert story.elsewhere(own, start, 0.99).tolist() == START
    assert story.elsewhere(own, start, 1.0) == pytest.approx([300.0, 5.0, 0.1])
    assert story.elsewhere(own, start, 2.0) == pytest.approx([300.0, 5.0, 0.6])
    assert start.tolist() == START
