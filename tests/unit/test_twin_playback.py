"""A run as one file: what was recorded is what would have been sent, and a file that is damaged says so."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from merian.cli.main import run
from merian.core.errors import BadData, Missing
from merian.twin.frames.codec import Herds, Kind
from merian.twin.frames.playback import Playback, beside, record
from merian.twin.frames.settings import RecordSettings
from merian.twin.frames.stage import Stage
from merian.twin.scenario import Change, Scenario
from merian.twin.senses.eyes import all_eyes
from merian.twin.worked import opened
from merian.web.foresight import Asked, Foresight

SMALL = RecordSettings(
    window_km=6.0,
    rows=8,
    herds=60,
    step_hours=6.0,
    days=20.0,
    shot_hours=12.0,
    key_shots=10,
    slow_shots=4,
    members=6,
    years=4,
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("played") / "savanna.twin"
    drier = Scenario("drier", (Change(what="rain", amount=0.2),))
    told = record(opened("savanna", 0), out, SMALL, drier)
    assert (told["shots"], told["days"]) == (40, 20.0)
    return out


def test_a_file_says_what_it_is(recorded: Path) -> None:
    played = Playback(recorded)
    assert played.hello["playback"]["scenario"] == "drier"
    assert played.hello["playback"]["changes"] == ["rain all: 0.2, from year 0"]
    assert "no place in it is real" in played.hello["notice"]
    assert [day for day, _ in played.index] == [0.0, 5.0, 10.0, 15.0]


def test_a_file_carries_what_a_page_shows_beside_it(recorded: Path) -> None:
    """The same as the server would have answered, and nothing where no members are wanted."""
    ecosystem = opened("savanna", 0)
    told = Playback(recorded).hello["playback"]
    assert told["altered"] == [
        {"what": "rain", "species": "all", "amount": 0.2, "year": 0.0, "ramp": 0.0, "until": None}
    ]
    asked = Foresight(lambda: ecosystem).told(Asked((Change(what="rain", amount=0.2),), 6, 4))
    assert told["beside"]["foresight"] == json.loads(json.dumps(asked))
    assert told["beside"]["foresight"]["warnings"] == told["warnings"] != []
    assert {row["species"] for row in told["beside"]["evidence"]["rows"]} == {
        *ecosystem.species.names,
        *(p.name for p in ecosystem.pools),
    }
    assert len(told["beside"]["eyes"]) == len(all_eyes())
    assert beside(ecosystem, replace(SMALL, members=0)) == {}


def test_shots_closer_than_steps_show_herds_on_their_ways(tmp_path: Path) -> None:
    """A shot every two minutes for three hours: days go on evenly, steps by the hour, and nobody is faster than 30 m/s."""
    close = RecordSettings(
        window_km=6.0,
        rows=8,
        herds=60,
        step_hours=1.0,
        days=0.125,
        shot_hours=1 / 30,
        key_shots=15,
        slow_shots=4,
        members=0,
    )
    told = record(opened("savanna", 0), tmp_path / "close.twin", close)
    assert (told["shots"], told["days"]) == (90, pytest.approx(0.125))
    played = Playback(tmp_path / "close.twin")
    assert [day * 24 for day, _ in played.index] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
    shots = [frame for frame in played.frames() if frame.kind in (Kind.KEY, Kind.DELTA)]
    assert [frame.day * 24 for frame in shots] == pytest.approx(np.arange(90) / 30)
    assert [frame.step for frame in shots] == np.repeat([1, 2, 3], 30).tolist()
    moved = 0
    for one, other in pairwise(shots):
        assert isinstance(one.body, Herds)
        assert isinstance(other.body, Herds)
        if other.kind is Kind.DELTA:
            far = (other.body.x.astype(float) - one.body.x) * 6000 / 65535
            assert np.abs(far).max() < 30 * 120
            moved += int((far != 0).sum())
    assert moved > 0


def test_the_frames_are_those_of_the_stage(recorded: Path) -> None:
    stage = Stage(opened("savanna", 0), SMALL)
    stage.alter(Scenario("drier", (Change(what="rain", amount=0.2),)))
    rosters: dict[int, tuple[int, np.ndarray]] = {}
    shots = 0
    for frame in Playback(recorded).frames():
        if frame.kind not in (Kind.KEY, Kind.DELTA):
            continue
        assert isinstance(frame.body, Herds)
        if frame.kind is Kind.KEY:
            assert frame.body.id is not None
            rosters[frame.world] = frame.key, frame.body.id
        if frame.world == 0 and frame.step:
            for _ in range(2):
                stage.step()
        shots += frame.world == 0
        key, ids = rosters[frame.world]
        view = stage.views()[frame.world]
        assert frame.key == key
        assert (frame.step, frame.day) == (view.step, view.day)
        assert (view.who == ids).all()
        assert (frame.body.x == view.herds.x).all()
    assert shots == 40


def test_a_player_can_jump(recorded: Path) -> None:
    played = Playback(recorded)
    for day, place in played.index:
        first = next(played.frames(place))
        assert (first.kind, first.day, first.world) == (Kind.KEY, day, 0)
    kinds = [frame.kind for frame in played.frames(played.index[-1][1])]
    assert kinds.count(Kind.FIELD) >= 3 + 2
    assert Kind.STATS in kinds


def test_a_damaged_file_is_refused(recorded: Path, tmp_path: Path) -> None:
    data = recorded.read_bytes()
    for broken, said in (
        (data[:-1], "cut short"),
        (data[: len(data) // 2], "cut short"),
        (b"MERTWIN2" + data[8:], "cut short"),
        (data[:20], "too short"),
        (data[:8] + data[8:12] + b"x" + data[13:], "no JSON"),
    ):
        file = tmp_path / "broken.twin"
        file.write_bytes(broken)
        with pytest.raises(BadData, match=said):
            Playback(file)
    place = Playback(recorded).index[0][1]
    file.write_bytes(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :])
    with pytest.raises(BadData, match="does not end"):
        list(Playback(file).frames())
    with pytest.raises(Missing):
        Playback(tmp_path / "none.twin")


def test_no_place_on_earth_is_in_the_file(recorded: Path) -> None:
    """The build test of kiosks: a recorded run holds no coordinate, date or place name of the data that it was made from."""
    text = recorded.read_bytes()
    for secret in (b"latitude", b"longitude", b"decimalL", b"EPSG", b"crs", b"eventDate", b"locality"):
        assert secret not in text
    assert all(
        set(species) == {"name", "common", "class", "plant", "mass_g", "eyes"}
        for species in Playback(recorded).hello["species"]
    )


def test_the_verb_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, changes = tmp_path / "a.twin", tmp_path / "change.toml"
    changes.write_text('title = "Warm"\n[[change]]\nwhat = "warming"\namount = 7.0\n')
    small = [
        "--window-km",
        "4",
        "--rows",
        "4",
        "--herds",
        "30",
        "--days",
        "1",
        "--step-hours",
        "6",
        "--shot-hours",
        "6",
    ]
    assert run(["twin", "record", "isle-royale", str(out), "--scenario", str(changes), *small]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "1 days in 4 shots" in said
    assert "where constants were measured" in said
    assert json.dumps(Playback(out).hello)
    assert run(["twin", "record", "isle-royale", str(tmp_path / "a.bin"), *small]) == 2
    assert run(["twin", "record", "nowhere", str(out), *small]) == 2
    assert "savanna, isle-royale" in " ".join(capsys.readouterr().err.split())
