"""The stage of the viewer: two worlds of one window, what sets them apart, and what is shown of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from merian.core.errors import BadSetting
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.frames.codec import HEAD, Event, Field, Herds, Kind, decode
from merian.twin.frames.settings import NOTICE, SHOWN_KINDS, StageSettings
from merian.twin.frames.stage import Stage
from merian.twin.frames.views import STATS, View
from merian.twin.scenario import Change, Scenario
from merian.twin.worked import shipped

SMALL = StageSettings(window_km=8.0, rows=8, herds=150, step_hours=6.0, open_edges=False)
OPEN = replace(SMALL, open_edges=True, step_hours=1.0)


@pytest.fixture(scope="module")
def savanna() -> Ecosystem:
    worked = shipped("savanna")
    return made(worked.facts, worked.landscape(0, 16))


@pytest.fixture
def stage(savanna: Ecosystem) -> Stage:
    return Stage(savanna, SMALL)


def go(stage: Stage, steps: int) -> list[View]:
    for _ in range(steps):
        stage.step()
    return stage.views()


def test_a_view_is_the_world(stage: Stage) -> None:
    (view,) = go(stage, 4)
    world = stage.worlds[0]
    assert (view.step, view.day, view.world) == (4, 1.0, 0)
    frame = decode(view.key_frame)
    assert frame.kind is Kind.KEY
    assert isinstance(frame.body, Herds)
    assert frame.body.id is not None
    order = np.argsort(world.values["who"])
    assert frame.body.id.tolist() == world.values["who"][order].tolist()
    assert frame.body.species.tolist() == world.values["species"][order].tolist()
    metres = frame.body.x * (8000.0 / 65535)
    assert np.abs(metres - world.values["x"][order]).max() < 0.1
    assert len(view.delta_frame) == len(view.key_frame) - 4 * len(order)
    stats = np.asarray(decode(view.slow_frames[0]).body).reshape(-1, len(STATS))
    heads = np.bincount(world.values["species"], world.values["number"], len(stage.web.names))
    assert stats[:, 0] == pytest.approx(heads)
    plants = decode(view.slow_frames[1])
    assert isinstance(plants.body, Field)
    assert plants.body.values.shape == (8, 8)
    assert stats[stage.web.producer, 1].sum() == pytest.approx(world.values["plants"].sum(0).mean() * 1000, rel=1e-5)


def test_a_roster_stays_while_none_comes_or_goes(stage: Stage) -> None:
    key, who = 0, np.zeros(0, np.int64)
    for _ in range(40):
        (view,) = go(stage, 1)
        assert (view.key == key) == np.array_equal(view.who, who)
        assert view.key >= key
        key, who = view.key, view.who


def test_what_happened_adds_up(stage: Stage) -> None:
    """Births less deaths of a species are the change of its heads, herds parting or not."""
    (before,) = go(stage, 1)
    seen = 0
    for _ in range(6):
        (after,) = go(stage, 20)
        event = decode(after.event_frame).body
        assert isinstance(event, Event)
        signs = np.where(event.what == 1, 1, -1) * event.count.astype(int)
        change = np.bincount(event.species, signs, len(stage.web.names))
        assert change == pytest.approx(after.stats[:, 0] - before.stats[:, 0])
        seen, before = seen + len(event.id), after
    assert seen > 0


def test_who_passes_the_edges_is_neither_born_nor_died(savanna: Ecosystem) -> None:
    """Births less deaths, who came less who left, by herds: the change of heads."""
    stage = Stage(savanna, OPEN)
    (before,) = go(stage, 1)
    passed = 0
    for _ in range(12):
        stage.step()
        came, left = stage._passed[0]
        (after,) = stage.views()
        signs = np.where(after.event.what == 1, 1, -1) * after.event.count.astype(int)
        change = np.bincount(after.event.species, signs, len(stage.web.names)).astype(float)
        new, gone = np.isin(after.who, came), np.isin(before.who, left)
        change += np.bincount(after.herds.species[new], after.number[new], len(change))
        change -= np.bincount(before.herds.species[gone], before.number[gone], len(change))
        assert change == pytest.approx(after.stats[:, 0] - before.stats[:, 0])
        passed, before = passed + len(came) + len(left), after
    assert passed > 0


def test_the_window_of_an_island_is_shut(savanna: Ecosystem) -> None:
    assert Stage(savanna, OPEN).open
    assert any("home range larger than the window" in said for said in Stage(savanna, OPEN).remarks)
    worked = shipped("isle-royale")
    assert not Stage(made(worked.facts, worked.landscape(0, 16)), OPEN).open


def test_between_two_hours_herds_are_on_their_ways(savanna: Ecosystem) -> None:
    """The end of one hour is the beginning of the next, a view between is between, and looking changes nothing."""
    stage, blind = Stage(savanna, OPEN), Stage(savanna, OPEN)
    (start,) = stage.views()
    for _ in range(3):
        stage.step(), blind.step()
        (first,) = stage.views(0.0)
        stays = np.isin(first.who, start.who)
        was = np.searchsorted(start.who, first.who[stays])
        assert (first.x[stays] == start.x[was]).all()
        assert (first.y[stays] == start.y[was]).all()
        assert first.day == pytest.approx(stage.day - 1 / 24)
        looks = [stage.views(share)[0] for share in (0.25, 0.5, 0.5 + 1 / 3600)]
        assert (looks[0].x != looks[1].x).any()
        # a second: nobody is faster than 30 m/s
        assert np.hypot(looks[1].x - looks[2].x, looks[1].y - looks[2].y).max() < 30
        assert any((look.herds.speed > 0).any() for look in looks)
        assert any((look.herds.speed == 0).any() for look in looks)
        (start,) = stage.views(1.0)
        values = stage.worlds[0].values
        order = np.argsort(values["who"][values["number"] > 0])
        assert (start.x == values["x"][values["number"] > 0][order]).all()
        assert start.day == stage.day
    assert stage.worlds[0].digest() == blind.worlds[0].digest()


def test_a_view_before_the_first_step_is_the_world(stage: Stage) -> None:
    (still,), (plain,) = stage.views(0.5), Stage(stage.ecosystem, SMALL).views()
    assert np.abs(still.x - plain.x).max() < 100
    assert (stage.views(1.0)[0].x == plain.x).all()


def test_animals_go_as_fast_as_they_went(stage: Stage) -> None:
    (before,) = go(stage, 1)
    (after,) = go(stage, 1)
    at = np.flatnonzero(np.isin(after.who, before.who))
    was = np.searchsorted(before.who, after.who[at])
    metres = np.hypot(after.x[at] - before.x[was], after.y[at] - before.y[was])
    told = after.herds.speed[at] * 0.02 * 6 * 3600
    assert told == pytest.approx(metres, abs=0.011 * 6 * 3600)
    assert ((after.herds.state & 7) == (after.herds.speed >= 2)).all()


def test_a_scenario_begins_where_the_world_is_and_shares_its_chance(stage: Stage) -> None:
    go(stage, 5)
    stage.alter(Scenario("nothing to speak of", (Change(what="rain", amount=1.0),)))
    assert stage.worlds[0].digest() == stage.worlds[1].digest()
    views = go(stage, 20)
    assert [view.world for view in views] == [0, 1]
    assert stage.worlds[0].digest() == stage.worlds[1].digest(), "as much rain is no change, draw by draw"
    stage.alter(Scenario("drought", (Change(what="rain", amount=0.1),)))
    go(stage, 60)
    plain, dry = (world.values["plants"].mean() for world in stage.worlds)
    assert dry < 0.97 * plain
    stage.alter(Scenario("none", ()))
    assert len(stage.worlds) == len(stage.views()) == 1


def test_a_harvest_takes_animals_and_only_of_its_species(stage: Stage) -> None:
    stage.alter(Scenario("poachers", (Change(what="harvest", species="blue wildebeest", amount=20.0),)))
    first, second = (view.stats[:, 0] for view in go(stage, 40))
    at = stage.web.names.index("Connochaetes taurinus")
    # a hazard of 20 a year over ten days
    assert second[at] / first[at] == pytest.approx(np.exp(-20 * 10 / 365.25), rel=0.1)
    others = np.delete(np.arange(len(first)), at)
    assert second[others].sum() == pytest.approx(first[others].sum(), rel=0.05)


def test_what_is_removed_is_gone_once(stage: Stage) -> None:
    gone = Scenario("no lions", (Change(what="remove", species="lion"),))
    stage.alter(gone)
    at = stage.web.names.index("Panthera leo")
    plain, without = (view.stats[at, 0] for view in go(stage, 1))
    assert plain > 0
    assert without == 0
    later = Scenario(
        "half of the zebras in half a year", (Change(what="remove", species="Equus quagga", amount=0.5, year=0.01),)
    )
    stage.alter(later)
    zebra = stage.web.names.index("Equus quagga")
    before = stage.views()[1].stats[zebra, 0]
    assert go(stage, 10)[1].stats[zebra, 0] == pytest.approx(before, rel=0.1)
    after = go(stage, 10)[1].stats[zebra, 0]
    assert after == pytest.approx(before / 2, rel=0.15)
    assert go(stage, 10)[1].stats[zebra, 0] == pytest.approx(after, rel=0.1)


def test_a_change_that_comes_over_years_is_followed(stage: Stage) -> None:
    stage.alter(Scenario("slowly drier", (Change(what="rain", amount=0.0, ramp=0.1),)))
    growing = {p.name: p for p in stage._engines[1].processes}["growing"]
    full = growing.growth.max()
    go(stage, 70)
    growing = {p.name: p for p in stage._engines[1].processes}["growing"]
    assert growing.growth.max() == pytest.approx(full * (1 - 17.5 / 36.525), rel=0.05)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(what="introduce", species="lion", amount=1.0), "while it runs"),
        (Change(what="rain", amount=0.5, within=(0.0, 0.0, 0.5, 0.5)), "while it runs"),
        (Change(what="harvest", species="unicorn"), "is not in the ecosystem"),
        (Change(what="rain", species="lion", amount=0.5), "what grows"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_changes_nothing(stage: Stage, change: Change, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        stage.alter(Scenario("no", (change,)))
    assert stage.scenario is None
    assert len(stage.worlds) == 1


def test_to_restart_is_to_begin_anew(stage: Stage) -> None:
    first = go(stage, 3)[0]
    stage.alter(Scenario("no lions", (Change(what="remove", species="lion"),)))
    stage.restart()
    assert stage.day == 0
    assert stage.scenario is None
    again = go(stage, 3)[0]
    assert again.delta_frame[HEAD.size :] == first.delta_frame[HEAD.size :]
    assert again.key > first.key, "who has the roster of before must not take it for this one"


def test_hello_says_what_is_shown_and_that_it_is_none_of_the_real_world(stage: Stage) -> None:
    hello = stage.hello()
    text = json.dumps(hello, allow_nan=False)
    assert hello["notice"] == NOTICE
    assert [s["what"] for s in hello["sliders"]] == list(SHOWN_KINDS)
    zebra = next(s for s in hello["species"] if s["common"] == "plains zebra")
    assert zebra["eyes"]["facts"]["acuity_cpd"]["grade"] == "P"
    assert all(s["eyes"] for s in hello["species"] if not s["plant"])
    assert len(hello["links"]) == len(stage.ecosystem.web_links)
    assert len(text) < 200_000


def test_no_place_on_earth_leaves_the_stage(savanna: Ecosystem) -> None:
    """Whatever the ecosystem's landscape knows of where it lies, neither HELLO nor a frame holds it; and its heights and water are not shown."""
    frame = replace(savanna.landscape.frame, west=34.8333, south=-2.3333, crs="EPSG:4326")
    there = replace(savanna, landscape=replace(savanna.landscape, frame=frame))
    stage = Stage(there, SMALL)
    shown = json.dumps(stage.hello())
    for secret in ("34.8333", "2.3333", "EPSG", "crs", "latitude", "longitude", "west", "decimalL"):
        assert secret not in shown
    moved = replace(frame, west=12.0, south=50.0)
    other = Stage(replace(savanna, landscape=replace(savanna.landscape, frame=moved)), SMALL)
    assert go(stage, 2)[0].key_frame == go(other, 2)[0].key_frame
    assert stage.room.still() == other.room.still()
    assert not np.array_equal(stage.ground.layers["elevation"], savanna.landscape.layers["elevation"][:8, :8])
    assert (stage.ground.frame.west, stage.ground.frame.south, stage.ground.frame.crs) == (0.0, 0.0, "")


def test_fields_that_stay_are_told_once(stage: Stage) -> None:
    found = [decode(data) for data in stage.room.still()]
    assert [frame.which for frame in found] == [1, 2, 3]
    assert all(isinstance(frame.body, Field) for frame in found)
