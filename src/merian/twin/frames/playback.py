"""A run as one file, to be played without Python: what a viewer must know first as JSON, then its frames as they would have been sent.

    8 bytes  MERTWIN1
    u32      length of the JSON that follows: HELLO, with `playback`: shots, days, seconds that a shot lasts, and what a page shows beside (`beside`)
    frames   u32 length, then the bytes of a frame (frames.codec); of each shot KEY or DELTA of each world first, then what else there is of it
    index    f64 day, u64 place of its first frame, for each shot that begins with a KEY
    u32      lines of the index, then u64 its place, then 8 bytes MERTWIN1

Little-endian. A player that jumps looks a shot up in the index and goes on from there. Written whole or not at all.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from merian.core import store
from merian.core.errors import BadData, Missing
from merian.twin.ecosystem import Ecosystem
from merian.twin.ensemble import Setting
from merian.twin.frames.codec import HEAD, MOST, Frame, decode
from merian.twin.frames.outlook import foreseen, made_of
from merian.twin.frames.settings import RecordSettings
from merian.twin.frames.stage import Stage
from merian.twin.frames.views import View
from merian.twin.scenario import Change, Scenario
from merian.twin.senses.eyes import all_eyes
from merian.twin.senses.seen import optics_of

__all__ = ["Playback", "beside", "record"]

MAGIC = b"MERTWIN1"
LENGTH, LINE, END = struct.Struct("<I"), struct.Struct("<dQ"), struct.Struct("<IQ8s")
LARGEST = HEAD.size + 16 + 12 * MOST


def beside(ecosystem: Ecosystem, settings: RecordSettings, scenario: Scenario | None = None) -> dict[str, Any]:
    """What a page shows beside a run, as a server would answer it: `foresight` (an ensemble of the food web), `evidence` of all that it is made of, `eyes`.

    Nothing where the settings want no members. Raises what `foreseen` raises.
    """
    if not settings.members:
        return {}
    plan = scenario or Scenario("baseline", ())
    told = foreseen(ecosystem, Setting.of_ecosystem(ecosystem), plan, settings.members, settings.years)
    return {"foresight": told, "evidence": made_of(ecosystem), "eyes": [optics_of(eyes) for eyes in all_eyes()]}


def record(
    ecosystem: Ecosystem,
    out: Path,
    settings: RecordSettings,
    scenario: Scenario | None = None,
    advance: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Run a stage, with a scenario beside it if there is one, and write it to a file; what the file says of itself (`playback`).

    advance: called after each shot. Raises what the stage raises.
    """
    stage = Stage(ecosystem, settings)
    if scenario is not None:
        stage.alter(scenario)
    steps = max(round(settings.shot_hours / settings.step_hours), 1)
    # shots of one step: more than one where they are closer than steps, herds being on their ways
    parts = max(round(settings.step_hours / settings.shot_hours), 1)
    apart_hours = steps * settings.step_hours / parts
    shots = max(round(settings.days * 24.0 / apart_hours), 1)
    told: dict[str, Any] = {
        "shots": shots,
        "days": shots * apart_hours / 24.0,
        "shot_seconds": settings.shot_seconds,
        "scenario": None if scenario is None else scenario.title,
        "changes": [] if scenario is None else [change.words for change in scenario.changes],
        "altered": [] if stage.scenario is None else [_altered(change) for change in stage.scenario.changes],
        "warnings": [] if scenario is None else scenario.beyond(),
        "seed": settings.seed,
        "beside": beside(ecosystem, settings, scenario),
    }
    with store.atomic(out) as file:
        start = json.dumps(
            stage.hello() | {"playback": told}, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()
        file.write(MAGIC + LENGTH.pack(len(start)) + start)
        index = list[tuple[float, int]]()
        keys: dict[int, int] = {}
        for shot in range(shots):
            anew = shot % settings.key_shots == 0
            if parts > 1 and shot % parts == 0:
                stage.step()
            views = stage.views(shot % parts / parts if parts > 1 else None)
            if anew:
                index.append((views[0].day, file.tell()))
            _shoot(file, (stage, views), keys, anew, anew or shot % settings.slow_shots == 0)
            advance()
            for _ in range(steps if parts == 1 and shot < shots - 1 else 0):
                stage.step()
        place = file.tell()
        for line in index:
            file.write(LINE.pack(*line))
        file.write(END.pack(len(index), place, MAGIC))
    return told


def _altered(change: Change) -> dict[str, Any]:
    """What a change is, for pages that say it in a language of theirs."""
    until = change.until if math.isfinite(change.until) else None
    told = {"what": change.what, "species": change.species, "amount": change.amount, "year": change.year}
    return told | {"ramp": change.ramp, "until": until}


def _shoot(file: IO[bytes], seen: tuple[Stage, list[View]], keys: dict[int, int], anew: bool, slow: bool) -> None:
    """Write one shot: a KEY of each world where `anew` or its roster has changed (`keys`), else a DELTA, and what happened."""
    stage, views = seen
    frames = []
    for view in views:
        frames.append(view.delta_frame if not anew and keys.get(view.world) == view.key else view.key_frame)
        keys[view.world] = view.key
    for view in views:
        frames += [view.event_frame] if len(view.event.id) else []
        frames += view.slow_frames if slow else []
    for frame in (*frames, *(stage.room.still() if anew else ())):
        file.write(LENGTH.pack(len(frame)) + frame)


class Playback:
    """A recorded run, opened to be read.

    Raises Missing without the file, BadData for one that is none or was cut short.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise Missing("a recorded run", path, "make one with merian twin record")
        self.path = path
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size < len(MAGIC) + LENGTH.size + END.size:
                raise BadData(path, "is no recorded run: too short")
            file.seek(0)
            first, length = file.read(len(MAGIC)), LENGTH.unpack(file.read(LENGTH.size))[0]
            file.seek(size - END.size)
            lines, self._end, last = END.unpack(file.read(END.size))
            self._begin = len(MAGIC) + LENGTH.size + length
            if first != MAGIC or last != MAGIC or not self._begin <= self._end == size - END.size - lines * LINE.size:
                raise BadData(path, "is no recorded run, or was cut short")
            file.seek(len(MAGIC) + LENGTH.size)
            try:
                self.hello: dict[str, Any] = json.loads(file.read(length))
            except ValueError as error:
                raise BadData(path, "what it says of itself is no JSON") from error
            file.seek(self._end)
            self.index: list[tuple[float, int]] = list(LINE.iter_unpack(file.read(lines * LINE.size)))

    def frames(self, place: int = 0) -> Iterator[Frame]:
        """The frames from a place of the index on, or all of them. Raises BadData where the file is damaged."""
        with self.path.open("rb") as file:
            file.seek(place or self._begin)
            while (at := file.tell()) < self._end:
                length = LENGTH.unpack(file.read(LENGTH.size))[0]
                if length > LARGEST or at + LENGTH.size + length > self._end:
                    raise BadData(self.path, f"a frame at byte {at:,} does not end in the file")
                yield decode(file.read(length))
