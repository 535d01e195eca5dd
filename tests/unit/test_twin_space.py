"""What-if on a map: places, patterns of loss, what a scenario makes of the land, and what cannot be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadSetting
from merian.twin.ensemble import EnsembleSettings, Setting, ensemble
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.moving import Gates
from merian.twin.landscape import Frame, Landscape, generated
from merian.twin.scenario import Change, Scenario
from merian.twin.space.altered import LEFT, Altered, Ground, fits
from merian.twin.space.clock import Clock
from merian.twin.space.settings import MapSettings
from merian.twin.space.where import coarser, cropped, crossed, loss_order, pieces, placed, pointed, strip


def web() -> FoodWeb:
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 8e-3, 4e-3]}
    links = {"attack": [4e-4, 3e-3], "handling": [5.0, 8.0], "efficiency": [0.3, 0.5]}
    return FoodWeb.of(["grass", "hare", "fox"], [(1, 0), (2, 1)], species | {"interference": [0, 0.02, 0.3]}, links)


def flat(rows: int, columns: int = 0, cell: float = 1000.0, **layers: np.ndarray) -> Landscape:
    shape = (rows, columns or rows)
    plain = {
        "elevation": np.ones(shape),
        "water": np.ones(shape),
        "rain": np.full((12, *shape), 60.0),
        "trees": np.zeros(shape),
        "fences": np.zeros(shape),
    }
    return Landscape(Frame(*shape, cell), plain | layers)


def altered(*changes: Change, ground: Landscape | None = None, **how: float) -> Altered:
    setting = Setting.of(web(), [300.0, 5.0, 1.0], 0.0)
    return Altered(Scenario("what if", changes), setting, Ground(ground or flat(8), **how))


def test_a_box_holds_the_cells_whose_centre_lies_in_it() -> None:
    frame = Frame(4, 8, 1.0)

    def boxed(frame: Frame, within: tuple[float, ...]) -> np.ndarray:
        return placed(frame, Change(what="rain", within=within).corners)

    assert boxed(frame, (0.5, 0.0, 1.0, 0.5)).nonzero()[1].tolist() == [4, 5, 6, 7] * 2
    assert boxed(frame, ()).all()
    halves = boxed(frame, (0, 0, 0.5, 1)).astype(int) + boxed(frame, (0.5, 0, 1, 1))
    assert (halves == 1).all()
    with pytest.raises(BadSetting, match="holds no cell"):
        boxed(frame, (0.5, 0.5, 0.51, 0.51))
    assert np.argwhere(pointed(frame, [(0.0, 0.0), (1.0, 1.0)])).tolist() == [[0, 0], [3, 7]]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 9),
    st.integers(2, 9),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
    st.booleans(),
)
def test_a_line_from_side_to_side_parts_the_map(rows: int, columns: int, bends: list[float], down: bool) -> None:
    steps = np.linspace(0, 1, len(bends) + 1)[1:]
    line = [(0.0, bends[0]), *((float(x), y) for x, y in zip(steps, bends, strict=True))]
    points = [(y, x) for x, y in line] if down else line
    east, south = crossed(Frame(rows, columns, 1.0), points)
    # crossings from the first cell along the first row and then down
    sides = np.zeros((rows, columns), int)
    sides[0, 1:] = np.cumsum(east[0])
    sides[1:] = sides[0] + np.cumsum(south, axis=0)
    # any other way crosses the line as often, odd or even: so no way leads round it
    assert ((np.diff(sides, axis=1) - east) % 2 == 0).all()
    x, y = ((np.arange(n) + 0.5) / n for n in (columns, rows))
    at, to = [p[down] for p in points], [p[not down] for p in points]
    beyond = x[None, :] - np.interp(y, at, to)[:, None] if down else y[:, None] - np.interp(x, at, to)[None, :]
    clear = np.abs(beyond) > 1e-6
    assert len(np.unique((sides % 2 + (beyond > 0))[clear] % 2)) <= 1


def test_a_straight_fence_lies_where_it_was_drawn_whatever_the_cells() -> None:
    for columns in (4, 5):
        east, south = crossed(Frame(3, columns, 1.0), [(0.5, 0.0), (0.5, 1.0)])
        assert east.sum(1).tolist() == [1, 1, 1]
        assert not south.any()
    east, south = crossed(Frame(4, 4, 1.0), [(0.0, 0.5), (0.5, 0.5)])
    assert south[1].tolist() == [True, True, False, False]


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 12), st.integers(3, 12), st.tuples(*[st.floats(0, 1)] * 4), st.floats(0, 4))
def test_a_corridor_hangs_together_by_edges(rows: int, columns: int, ends: tuple[float, ...], width: float) -> None:
    way = strip(Frame(rows, columns, 1.0), [ends[:2], ends[2:]], width)
    sizes = pieces(way, Gates(np.ones((rows, columns - 1)), np.ones((rows - 1, columns))))
    assert len(sizes) == 1
    assert way[pointed(Frame(rows, columns, 1.0), [ends[:2], ends[2:]])].all()


@pytest.mark.parametrize("pattern", ["random", "clustered", "edge"])
def test_loss_takes_its_share_in_one_order(pattern: str) -> None:
    land = np.ones((12, 10), bool)
    land[:3, :3] = False
    order = loss_order(land, pattern, 3, "a")
    assert np.isinf(order[~land]).all()
    for share in (0.0, 0.1, 0.5, 1.0):
        assert (order <= share).sum() == pytest.approx(share * land.sum(), abs=0.5)
    assert (order == loss_order(land, pattern, 3, "a")).all()
    assert (order != loss_order(land, pattern, 4, "a")).any()


def test_patterns_differ_in_the_pieces_that_they_leave() -> None:
    land = np.ones((24, 24), bool)
    gates = Gates(np.ones((24, 23)), np.ones((23, 24)))
    kept = {name: land & ~(loss_order(land, name, 1, "a") <= 0.5) for name in ("random", "clustered", "edge")}
    found = {name: len(pieces(cells, gates)) for name, cells in kept.items()}
    assert found["random"] > 4 * found["clustered"]
    assert found["edge"] == 1
    outermost = np.concatenate([kept["edge"][[0, -1]].ravel(), kept["edge"][:, [0, -1]].ravel()])
    assert not outermost.any()
    with pytest.raises(BadSetting, match="random, clustered or edge"):
        loss_order(land, "even", 1, "a")


def test_pieces_by_hand() -> None:
    kept = np.array([[1, 1, 0, 1], [0, 1, 0, 1], [1, 0, 0, 1]], bool)
    gates = Gates(np.ones((3, 3)), np.ones((2, 4)))
    assert pieces(kept, gates).tolist() == [3, 3, 1]
    shut = Gates(np.ones((3, 3)), np.zeros((2, 4)))
    assert pieces(kept, shut).tolist() == [2, 1, 1, 1, 1, 1]
    assert pieces(np.zeros((2, 2), bool), Gates(np.ones((2, 1)), np.ones((1, 2)))).tolist() == []


def test_a_coarser_map_keeps_its_means_its_water_and_its_fences() -> None:
    rng = np.random.default_rng(2)
    bits = np.zeros((8, 8))
    bits[:, 3] = 2
    bits[3, :] += 4
    rain = rng.uniform(10, 90, (12, 8, 8))
    water = np.zeros((8, 8))
    water[5, 6] = 1
    fine = flat(8, rain=rain, water=water, fences=bits)
    wide = coarser(fine, 2)
    assert wide.frame == Frame(2, 2, 4000.0)
    assert wide.layers["rain"].mean((1, 2)) == pytest.approx(rain.mean((1, 2)))
    assert wide.layers["water"].tolist() == [[0, 0], [0, 1]]
    gates = Gates.of(wide.land, wide.layers["fences"])
    assert gates.east.tolist() == [[0], [0]]
    assert gates.south.tolist() == [[0, 0]]
    assert coarser(fine, 8) is fine
    assert coarser(flat(10, 12), 5).frame == Frame(3, 4, 3000.0, 0.0, 1000.0)
    sea = np.ones((8, 8))
    sea[:4, :2], sea[:4, 2] = -5, -5
    assert coarser(flat(8, elevation=sea), 2).land.tolist() == [[False, True], [True, True]]


def test_a_window_has_water_and_lies_near_the_middle() -> None:
    water = np.zeros((12, 12))
    water[1, 1] = 1
    found = cropped(flat(12, water=water), 4000.0)
    assert found.frame == Frame(4, 4, 1000.0, 1000.0, 7000.0)
    assert found.layers["water"].sum() == 1
    assert cropped(generated("plain", 1, 12, 1000.0, (60.0,) * 12), 1e6).frame.rows == 12


def test_what_a_scenario_makes_of_the_land() -> None:
    dry = flat(8, water=np.where(np.arange(64).reshape(8, 8) == 0, 1.0, 0.0))
    stage = altered(
        Change(what="habitat", amount=0.5, pattern="edge", year=2),
        Change(what="fence", path=(0.5, 0, 0.5, 1), amount=0.8, year=1),
        Change(what="corridor", path=(0, 0.5, 1, 0.5), amount=0.9, year=4),
        Change(what="waterpoint", path=(0.9, 0.9), year=3),
        Change(what="drought", amount=0.4, within=(0, 0, 0.5, 1), year=3),
        Change(what="habitat", amount=0.25, within=(0.5, 0, 1, 1), year=5),
        ground=dry,
        matrix=0.1,
    )
    start, later, last = stage.at(0.0), stage.at(3.0), stage.at(5.0)
    assert start.gates.east.min() == 1
    assert stage.at(0.5) is stage.at(0.9)
    assert stage.at(1.0).gates.east[:, 3] == pytest.approx(np.full(8, 0.2))
    assert later.lost.sum() == 32
    inner = ~later.lost[:, :-1] & ~later.lost[:, 1:]
    assert later.gates.east[inner & (np.arange(7) != 3)].min() == 1
    assert later.gates.east[~inner].max() == pytest.approx(0.1)
    assert later.gates.east[~inner].min() == pytest.approx(0.02)
    assert later.water[7, 7] == 1
    assert later.water.sum() == 2
    assert later.rain[:, :4] == pytest.approx(np.full((8, 4), 0.6))
    assert (later.rain[:, 4:] == 1).all()
    assert later.room[~later.lost].max() == 1
    assert later.room[later.lost].max() == LEFT
    way = strip(dry.frame, [(0, 0.5), (1, 0.5)], 0)
    assert last.gates.east[way[:, 1:] & way[:, :-1]].min() == pytest.approx(0.9)
    assert last.room[4, 5] == pytest.approx(0.75)


def test_rates_hold_where_they_were_changed() -> None:
    stage = altered(
        Change(what="harvest", species="hare", amount=0.5, within=(0, 0, 0.5, 1)),
        Change(what="harvest", species="hare", amount=0.5, within=(0, 0, 1, 0.5)),
        Change(what="warming", amount=2.0),
    )
    assert len(np.unique(stage.zones)) == 4
    webs = stage.at(1.0).webs
    hunted = [webs[stage.zones[at]]["harvest"][1] * 365.25 for at in ((0, 0), (7, 0), (0, 7), (7, 7))]
    assert hunted == pytest.approx([1.0, 0.5, 0.5, 0.0])
    assert all(one["loss"][1] > web()["loss"][1] for one in webs)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"what": "fence"}, "needs 2 or more points"),
        ({"what": "fence", "path": (0.5, 0, 0.5)}, "needs 2 or more"),
        ({"what": "fence", "path": (0.5, 0, 0.5, 2.0)}, "from 0 to 1"),
        ({"what": "fence", "path": (0, 0, 1, 1), "species": "fox"}, "concerns the land"),
        ({"what": "fence", "path": (0, 0, 1, 1), "within": (0, 0, 1, 1)}, "has no box"),
        ({"what": "rain", "amount": 0.9, "path": (0, 0, 1, 1)}, "give a box with within"),
        ({"what": "rain", "amount": 0.9, "within": (0.5, 0, 0.5, 1)}, "west < east"),
        ({"what": "fence", "path": (0, 0, 1, 1), "width_km": 2.0}, "is that of a corridor"),
        ({"what": "rain", "amount": 0.9, "pattern": "edge"}, "is that of lost habitat"),
        ({"what": "drought", "amount": 1.2}, "lies from 0 to 1"),
        ({"what": "protect", "area": (0, 0, 1, 1)}, "three or more corners"),
        ({"what": "protect", "area": (0, 0, 1, 1, 0.5)}, "three or more corners"),
        ({"what": "protect", "area": (0, 0, 1, 1, 0, 2)}, "from 0 to 1"),
        ({"what": "protect", "area": (0, 0, 1, 1, 0, 1), "within": (0, 0, 1, 1)}, "instead of a box"),
        ({"what": "poaching", "path": (0, 0), "area": (0, 0, 1, 1, 0, 1)}, "has no box"),
        ({"what": "livestock", "path": (0, 0), "within": (0, 0, 1, 1)}, "has no box"),
        ({"what": "livestock", "species": "fox"}, "concerns the land"),
        ({"what": "road", "amount": 5.0, "path": (0.5, 0.5)}, "needs 2 or more"),
        ({"what": "disturbance", "amount": 0.5}, "needs 1 or more points"),
        ({"what": "disturbance", "amount": 1.0, "path": (0.5, 0.5)}, "lies from 0 to 0.999"),
        ({"what": "drought", "amount": 0.5, "path": (0.5, 0.5)}, "has no path"),
    ],
)
def test_places_that_cannot_be(given: dict, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        Change(**given)


def test_changes_that_the_map_cannot_hold() -> None:
    sea = np.ones((8, 8))
    sea[:, :4] = -1
    island = flat(8, elevation=sea)
    for change, said in (
        (Change(what="harvest", species="hare", within=(0, 0, 0.4, 1)), "holds no land"),
        (Change(what="waterpoint", path=(0.1, 0.1)), "no point of it lies on land"),
        (Change(what="fence", path=(0.2, 0, 0.2, 1)), "passes no edge"),
        (Change(what="corridor", path=(0.1, 0.1, 0.2, 0.1)), "passes no edge"),
        (Change(what="rain", species="grass", amount=0.9), "comes over all that grows"),
    ):
        with pytest.raises(BadSetting, match=said):
            fits(Scenario("x", (change,)), island)


def test_the_food_web_refuses_places_and_says_which_tier_has_them() -> None:
    setting = Setting.of(web(), [300.0, 5.0, 1.0], 0.0)
    fence = Scenario("x", (Change(what="fence", path=(0.5, 0, 0.5, 1)),))
    with pytest.raises(BadSetting, match="--tier grid"):
        ensemble(setting, fence, EnsembleSettings(members=1, years=2))


def test_words_say_where() -> None:
    box = Change(what="harvest", species="fox", amount=0.5, within=(0, 0.5, 0.5, 1), year=2)
    assert (
        box.words
        == "harvest fox: 0.5 year-1, between 0 and 0.5 of the map's width and 0.5 and 1 of its height, from year 2"
    )
    assert Change(what="fence", path=(0.5, 0, 0.5, 1)).words == "fence: 1, along (0.5, 0) (0.5, 1), from year 0"
    zone = Change(what="protect", area=(0, 0, 1, 0, 0, 1))
    assert zone.words == "protect all: 1, in the area of (0, 0) (1, 0) (0, 1), from year 0"
    assert zone.reserve
    assert not Change(what="protect").reserve
    lost = Change(what="habitat", amount=0.3, pattern="clustered")
    assert lost.words == "habitat all: 0.3 (clustered), from year 0"


def test_the_clock_takes_whole_steps_a_year() -> None:
    weeks = Clock.of(MapSettings(tier="grid", years=3, spin=2))
    assert (weeks.per_year, weeks.begin) == (52, 104)
    assert weeks.days * 52 == pytest.approx(365.25)
    assert weeks.years.tolist() == [k / 4 for k in range(13)]
    assert np.diff(weeks.steps).tolist() == [13] * 12
    assert weeks.year(weeks.step(1.25)) == 1.25
    hours = Clock.of(MapSettings(tier="herds", years=0.1, spin=0))
    assert hours.days * 24 == pytest.approx(1.0, abs=0.01)
    assert hours.years[-1] == 0.1
    assert len(np.unique(hours.steps)) == len(hours.steps)
    slow = Clock.of(replace(MapSettings(tier="grid"), step_days=30.0))
    assert slow.per_year == 12
