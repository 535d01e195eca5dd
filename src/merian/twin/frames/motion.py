"""Motion between two hours: where each herd is at any moment of a step, for a viewer that looks at tenths of a second while the ecology goes by the hour.

A step is a row of bouts. The herd goes in a few straight legs from where it was to where the ecology says it is, by places a little off the line, and stands
(grazes, rests, looks) before, between and after them; each leg begins and ends at rest, in speed a smooth hump; it turns only while it stands. It walks at a
tenth of its highest speed, faster where the step asks for more, and never faster than its highest unless the step itself cannot be done in the time. A herd
that lost animals in the step, and a hunter that grew heavier, has one leg at its highest speed: it fled, or chased. All is drawn by counter from the number of
the herd and of the step, so that any moment is computed by itself, and the same for whatever steps one looks at it in.

At its ends a step is where, and looks the way, that the ecology says; so the steps of a herd join. What lies in the way (water, fences) is not looked at; no
place of a path is outside the window. Bouts, legs and speeds are a choice, none is fitted to tracks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles

__all__ = ["LEGS", "TURN_RAD_S", "Gait", "Hour", "Moved", "gait_of", "moved"]

Integers = npt.NDArray[np.int64]
LEGS = 6
"""Legs of a step of an hour or more."""
LEG_S = 300.0
"""Seconds that a leg and its rest take at least: shorter steps have fewer."""
WALK = 0.1
"""Walking speed as a share of the highest: 1.7 m/s for a wildebeest. From taste."""
MOVING = 0.7
"""Share of a step that a herd walks at most, before it goes faster."""
HURRY = 0.95
"""And at most, in a hurry."""
ASIDE, GRAZES_M = 0.15, 8.0
"""How far its places are off the line: this share of the way, and so many m that it grazes along. From taste."""
BURST_S = 9.0
"""How long a flight or a chase lasts (wild hunts of most mammals are over in seconds). From taste."""
TURN_RAD_S = math.pi / 2
"""The fastest turn."""
PEAK = 1.5
"""The highest speed of a leg over its mean: 3 t^2 - 2 t^3 is steepest in its middle."""


@dataclass(frozen=True, eq=False)
class Gait:
    """How fast species go, m/s, each [s]: walking, and at most. Raises Mismatch when lengths differ, BadData for speeds that are none."""

    walk: Doubles
    top: Doubles

    def __post_init__(self) -> None:
        if self.walk.shape != self.top.shape:
            raise Mismatch("walking and highest speeds", self.walk.shape, self.top.shape)
        if not (np.isfinite(self.top).all() and (self.walk > 0).all() and (self.walk <= self.top).all()):
            raise BadData("gait", "a walk is faster than 0 m/s, and no faster than the highest speed")


def gait_of(speed_km_h: Doubles) -> Gait:
    """The Gait of animals by their highest speed, km/h [s] (NaN or 0, what grows: 1 km/h, which nobody goes)."""
    top = np.where(speed_km_h > 0, speed_km_h, 1.0) / 3.6
    return Gait(WALK * top, top)


@dataclass(frozen=True, eq=False)
class Hour:
    """A step of the herds of a window, arrays [a]: their numbers and species, where they were and looked (x, y, heading: `start` [3, a]) and do at its `end`,
    and who of them fled or chased (`bursts`)."""

    who: Integers
    species: Integers
    start: Doubles
    end: Doubles
    bursts: npt.NDArray[np.bool_]
    step: int
    seconds: float
    width_m: float


@dataclass(frozen=True, eq=False)
class Moved:
    """Herds at a moment, arrays [a]: place x, y in m, heading in rad from 0 to 2 pi, and speed in m/s."""

    x: Doubles
    y: Doubles
    heading: Doubles
    speed: Doubles


def moved(hour: Hour, gait: Gait, second: float, chance: draws.Key) -> Moved:
    """Where everybody is so many seconds after the step began. Raises BadSetting for a moment outside the step."""
    if not 0 <= second <= hour.seconds:
        raise BadSetting("second", second, f"from 0 to the {hour.seconds:g} s of the step")
    found = np.empty((4, len(hour.who)))
    herds = hour.who, hour.species, hour.bursts
    when = hour.step, hour.seconds, second, hour.width_m
    _moved(herds, (np.asarray(hour.start), np.asarray(hour.end)), (gait.walk, gait.top), when, chance, found)
    return Moved(*found)


@compiled
def _moved(
    herds: tuple[Integers, Integers, npt.NDArray[np.bool_]],
    ends: tuple[Doubles, Doubles],
    gait: tuple[Doubles, Doubles],
    when: tuple[int, float, float, float],
    chance: draws.Key,
    found: Doubles,
) -> None:
    """Where each herd is; into `found`: x, y, heading, speed [4, a]. when: step, its seconds, the second, the width of the window."""
    who, species, bursts = herds
    start, end = ends
    step, seconds, second, width = when
    legs = min(max(int(seconds / LEG_S), 1), LEGS)
    place, pause, leg = np.empty((2, legs + 1)), np.empty(legs + 1), np.empty((2, legs))
    for herd in range(len(who)):
        walk, top = gait[0][species[herd]], gait[1][species[herd]]
        reach = BURST_S * top / PEAK if bursts[herd] and legs > 2 else 0.0
        burst = _places(start[:, herd], end[:, herd], (place, pause), (chance, who[herd], step), (reach, width))
        turned = start[2, herd], end[2, herd]
        _timed(turned, (place, pause, leg), (walk, top, burst), seconds)
        found[:, herd] = _at(turned, (place, pause, leg), second)


Bouts = tuple[Doubles, Doubles, Doubles]
"""The places between the legs [2, legs + 1]; how long one stands at each (while drawn: in proportion to what) [legs + 1]; the way and the time of each leg
[2, legs]."""


@compiled
def _places(
    start: Doubles,
    end: Doubles,
    out: tuple[Doubles, Doubles],
    draw: tuple[draws.Key, int, int],
    how: tuple[float, float],
) -> int:
    """Draw the places between the legs and shares of the pauses; the leg that is a burst, -1: none. how: the length of a burst, m, 0: none, and the width."""
    place, pause = out
    chance, who, step = draw
    reach, width = how
    legs = place.shape[1] - 1
    dx, dy = end[0] - start[0], end[1] - start[1]
    off, fine = ASIDE * math.hypot(dx, dy) + GRAZES_M, 2.0**-31
    for at in range(legs + 1):
        a, b, c, d = draws.words(chance, who, step, at)
        along = (at + 0.3 * (fine * a - 1.0)) / legs
        place[0, at] = start[0] + along * dx + off * (fine * b - 1.0)
        place[1, at] = start[1] + along * dy + off * (fine * c - 1.0)
        pause[at] = 0.1 + 0.5 * fine * d
    burst = -1
    if reach > 0.0:
        a, b, _, _ = draws.words(chance, who, step, legs + 1)
        burst, way = 1 + int(0.5 * fine * a * (legs - 2)), math.pi * fine * b
        east, south = 0.5 * reach * math.cos(way), 0.5 * reach * math.sin(way)
        middle_x = 0.5 * (place[0, burst] + place[0, burst + 1])
        middle_y = 0.5 * (place[1, burst] + place[1, burst + 1])
        place[0, burst], place[1, burst] = middle_x - east, middle_y - south
        place[0, burst + 1], place[1, burst + 1] = middle_x + east, middle_y + south
    for at in range(1, legs):
        for axis in range(2):
            place[axis, at] = min(max(place[axis, at], 0.0), width)
    place[0, 0], place[1, 0], place[0, legs], place[1, legs] = start[0], start[1], end[0], end[1]
    return burst


@compiled
def _timed(turned: tuple[float, float], bouts: Bouts, how: tuple[float, float, int], seconds: float) -> None:
    """Set the way and time of each leg, and how long each pause is, so that they fill the step. how: walking and highest speed, the leg that is a burst."""
    place, pause, leg = bouts
    walk, top, burst = how
    legs, walked, rushed, way = len(pause) - 1, 0.0, 0.0, turned[0]
    for at in range(legs):
        dx, dy = place[0, at + 1] - place[0, at], place[1, at + 1] - place[1, at]
        far = math.hypot(dx, dy)
        way = math.atan2(dy, dx) if far > 0.0 else way
        leg[0, at], leg[1, at] = way, PEAK * far / (top if at == burst else walk)
        if at == burst:
            rushed += leg[1, at]
        else:
            walked += leg[1, at]
    room = MOVING * seconds - rushed
    if walked > room:
        # faster than a walk; than the highest speed only where the step cannot be done otherwise
        time = min(max(room, walked * walk / top), max(HURRY * seconds - rushed, 0.1 * seconds))
        for at in range(legs):
            if at != burst:
                leg[1, at] *= time / walked
    rest, turns, shares = seconds - leg[1].sum(), 0.0, pause.sum()
    for at in range(legs + 1):
        turns += _turning(turned, leg, at)[1]
    for at in range(legs + 1):
        turning = _turning(turned, leg, at)[1]
        if rest > turns:
            pause[at] = turning + (rest - turns) * pause[at] / shares
        else:
            pause[at] = rest * turning / turns


@compiled
def _turning(turned: tuple[float, float], leg: Doubles, at: int) -> tuple[float, float]:
    """By how much one turns at a place, rad from -pi to pi, and the seconds that it takes."""
    legs = leg.shape[1]
    before = turned[0] if at == 0 else leg[0, at - 1]
    after = turned[1] if at == legs else leg[0, at]
    turn = (after - before + math.pi) % (2.0 * math.pi) - math.pi
    return turn, PEAK * abs(turn) / TURN_RAD_S


@compiled
def _at(turned: tuple[float, float], bouts: Bouts, second: float) -> tuple[float, float, float, float]:
    """Place, heading and speed at a second."""
    place, pause, leg = bouts
    legs, left = len(pause) - 1, second
    for at in range(legs + 1):
        if left <= pause[at] or at == legs:
            turn, takes = _turning(turned, leg, at)
            takes = min(takes, pause[at])
            share = min(left / takes, 1.0) if takes > 0.0 else 1.0
            before = turned[0] if at == 0 else leg[0, at - 1]
            heading = (before + turn * share * share * (3.0 - 2.0 * share)) % (2.0 * math.pi)
            return place[0, at], place[1, at], heading, 0.0
        left -= pause[at]
        if left < leg[1, at]:
            share = left / leg[1, at]
            part = share * share * (3.0 - 2.0 * share)
            dx, dy = place[0, at + 1] - place[0, at], place[1, at + 1] - place[1, at]
            speed = math.hypot(dx, dy) / leg[1, at] * 6.0 * share * (1.0 - share)
            return place[0, at] + part * dx, place[1, at] + part * dy, leg[0, at] % (2.0 * math.pi), speed
        left -= leg[1, at]
    return place[0, legs], place[1, legs], turned[1], 0.0
