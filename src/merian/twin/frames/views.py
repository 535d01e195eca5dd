"""What is shown of a world at one moment: its herds as a roster that stays while none comes or goes, what happened, how many there are, and fields."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.twin.foodweb import Doubles
from merian.twin.frames.codec import Event, Field, Frame, Herds, Kind, encode, pack_state, placed
from merian.twin.landscape import Landscape
from merian.twin.world import World

__all__ = ["FIELDS", "NOBODY", "SPEED_UNIT", "STATS", "Going", "Passed", "Room", "View", "viewed"]

Integers = npt.NDArray[np.int64]
SPEED_UNIT = 0.02
"""Metres a second of one unit of speed: the fastest that is told is 5.1 m/s, over a whole step."""
FIELDS = (("plants", "g m-2", False), ("elevation", "m", True), ("trees", "1", True), ("water", "1", True))
"""Fields by number: name, unit, and whether they stay as they are."""
STATS = ("heads", "kg_km2")
"""Columns of the numbers of each species: animals in the window, and biomass (heads of plants are 0)."""
MOVES = 2
"""Units of speed from which an animal walks."""
Passed = tuple[Integers, Integers]
"""The numbers of herds that came over the edges, and of those that left."""
NOBODY: Passed = (np.zeros(0, np.int64), np.zeros(0, np.int64))
EVENTS = 500
"""Most events of one view; the first by number of the herd."""


@dataclass(eq=False)
class Room:
    """The window: its width, the seconds of a step, which species are plants [s], its ground, and the crop of plants at which their field ends (`top`)."""

    width_m: float
    step_s: float
    producer: npt.NDArray[np.bool_]
    ground: Landscape
    top: float = 1.0
    rosters: int = 0
    """Rosters that were numbered: a number stands for one, in both worlds and after each restart."""

    def roster(self) -> int:
        """The number of another roster."""
        self.rosters += 1
        return self.rosters

    def still(self) -> list[bytes]:
        """The fields that stay as they are."""
        found = []
        for which, (name, _, still) in enumerate(FIELDS):
            if still:
                values = self.ground.layers[name]
                low, high = (float(values.min()), float(values.max())) if name == "elevation" else (0.0, 1.0)
                found.append(encode(Frame(Kind.FIELD, Field.of(values, low, high), which=which)))
        return found


@dataclass(frozen=True, eq=False)
class View:
    """One world at one moment. `key` is the number of its roster: herds of the same ids in the same order. Frames are made when they are asked for, once."""

    room: Room
    step: int
    day: float
    world: int
    key: int
    who: Integers
    number: Integers
    x: Doubles
    y: Doubles
    herds: Herds
    event: Event
    stats: npt.NDArray[np.float32]
    plants: Doubles

    @functools.cached_property
    def key_frame(self) -> bytes:
        """All of the herds, with their ids."""
        return self._frame(Kind.KEY, self.herds)

    @functools.cached_property
    def delta_frame(self) -> bytes:
        """The same for who has the KEY of this number."""
        herds = self.herds
        bare = Herds(herds.x, herds.y, herds.heading, herds.speed, herds.species, herds.state)
        return self._frame(Kind.DELTA, bare)

    @functools.cached_property
    def event_frame(self) -> bytes:
        """What happened since the view before."""
        return self._frame(Kind.EVENT, self.event)

    @functools.cached_property
    def slow_frames(self) -> tuple[bytes, bytes]:
        """How many there are, and what grows."""
        raster = Field.of(self.plants, 0.0, self.room.top)
        return self._frame(Kind.STATS, self.stats), self._frame(Kind.FIELD, raster)

    def _frame(self, kind: Kind, body: Herds | Event | Field | npt.NDArray[np.float32]) -> bytes:
        return encode(Frame(kind, body, self.step, self.day, self.world, self.key))


@dataclass(frozen=True, eq=False)
class Going:
    """Herds under way, arrays [a]: place x, y in m, heading in rad and speed in m/s; and the `day` that it is then."""

    x: Doubles
    y: Doubles
    heading: Doubles
    speed: Doubles
    day: float


def viewed(
    room: Room, world: World, number: int, before: View | None, passed: Passed = NOBODY, going: Going | None = None
) -> View:
    """What is to be seen of a world (the `number`th), after a view `before`, since which those who `passed` its edges came or left.

    going: where its living herds are, in the order of the world, at a moment of the step that ended last.
    """
    values = world.values
    alive = values["number"] > 0
    order = np.flatnonzero(alive)[np.argsort(values["who"][alive], kind="stable")]
    who, many, species = values["who"][order], values["number"][order], values["species"][order]
    if len(who) and who[-1] >= 2**32:
        raise BadData("stage", "herds are numbered to 4,294,967,295 at most; begin anew")
    if going is None:
        x, y, heading = (values[name][order] for name in ("x", "y", "heading"))
        speed, day = _speed(room, world, (who, x, y), before), world.day
    else:
        at = np.argsort(values["who"][alive], kind="stable")
        x, y, heading, day = going.x[at], going.y[at], going.heading[at], going.day
        speed = np.minimum(np.round(going.speed[at] / SPEED_UNIT), 255).astype(np.uint8)
    herds = Herds(
        placed(x, room.width_m),
        placed(y, room.width_m),
        (np.round(heading * (256 / (2 * np.pi))).astype(np.int64) % 256).astype(np.uint8),
        speed,
        species.astype(np.uint8),
        pack_state(speed >= MOVES, many),
        who.astype(np.uint32),
    )
    key = before.key if before is not None and np.array_equal(before.who, who) else room.roster()
    event = _happened(room, (who, many, species, x, y), before, passed)
    return View(
        room,
        world.step,
        day,
        number,
        key,
        who,
        many,
        x,
        y,
        herds,
        event,
        _stats(room, world, species, many, values["mass"][order]),
        values["plants"].sum(0),
    )


def _speed(
    room: Room, world: World, now: tuple[Integers, Doubles, Doubles], before: View | None
) -> npt.NDArray[np.uint8]:
    """How fast each herd went since the view before, in a straight line; 0 of those that are new."""
    who, x, y = now
    if before is None or world.step <= before.step or not len(before.who):
        return np.zeros(len(who), np.uint8)
    at = np.minimum(np.searchsorted(before.who, who), len(before.who) - 1)
    known = before.who[at] == who
    metres = np.where(known, np.hypot(x - before.x[at], y - before.y[at]), 0.0)
    seconds = (world.step - before.step) * room.step_s
    return np.minimum(np.round(metres / seconds / SPEED_UNIT), 255).astype(np.uint8)


def _stats(room: Room, world: World, species: Integers, many: Integers, mass: Doubles) -> npt.NDArray[np.float32]:
    """Heads and kg km-2 of each species: float32 [s, 2]."""
    count, area = len(room.producer), (room.width_m / 1000.0) ** 2
    heads = np.bincount(species, many, count)
    kg = np.bincount(species, many * mass, count) / 1000.0 / area
    kg[room.producer] = world.values["plants"].mean((1, 2)) * 1000.0
    return np.stack([heads, kg], 1).astype(np.float32)


def _happened(
    room: Room, now: tuple[Integers, Integers, Integers, Doubles, Doubles], before: View | None, passed: Passed
) -> Event:
    """Births and deaths since the view before, herd by herd. A herd that is new has parted from the nearest of its kind, and counts to that; who passed the
    edges of the window was neither born nor died."""
    who, many, species, x, y = now
    if before is None:
        return _event(room, *(np.zeros(0, np.int64),) * 3, np.zeros(0), np.zeros(0))
    old = np.searchsorted(who, before.who)
    stays = np.zeros(len(before.who), bool)
    inside = old < len(who)
    stays[inside] = who[old[inside]] == before.who[inside]
    change = -before.number
    change[stays] += many[old[stays]]
    kinds = before.herds.species.astype(np.int64)
    came, left = passed
    change[~stays & np.isin(before.who, left)] = 0
    for at in np.flatnonzero(~np.isin(who, before.who) & ~np.isin(who, came)).tolist():
        kin = np.flatnonzero(kinds == species[at])
        if len(kin):
            near = kin[np.argmin((before.x[kin] - x[at]) ** 2 + (before.y[kin] - y[at]) ** 2)]
            change[near] += many[at]
    found = np.flatnonzero(change)[:EVENTS]
    return _event(room, before.who[found], change[found], kinds[found], before.x[found], before.y[found])


def _event(room: Room, who: Integers, change: Integers, species: Integers, x: Doubles, y: Doubles) -> Event:
    return Event(
        who.astype(np.uint32),
        placed(x, room.width_m),
        placed(y, room.width_m),
        np.minimum(np.abs(change), 65535).astype(np.uint16),
        np.where(change > 0, 1, 2).astype(np.uint8),
        species.astype(np.uint8),
    )
