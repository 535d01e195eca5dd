"""Who walks past which camera: straight steps of herds against sectors of detection, without blinking.

A contact is an entry into a camera's sector, as in `walkers`; here steps are taken as the straight lines they are, so that no animal slips through between
two looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadSetting, Mismatch
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.camera import Zone

__all__ = ["Contacts", "Stands", "passed"]


@dataclass(frozen=True, eq=False)
class Stands:
    """Where cameras stand and which way they look: `places` [c, 3], m east and south of the corner and rad clockwise from east; all with one `zone`."""

    places: Doubles
    zone: Zone

    @classmethod
    def at_random(cls, count: int, side_m: float, zone: Zone, rng: np.random.Generator) -> Stands:
        """So many cameras in a square, each anywhere and looking any way, so that its whole sector lies inside. Raises BadSetting where none fits."""
        radius = 1000.0 * zone.radius_km
        if not 2 * radius < side_m:
            raise BadSetting("radius_m", radius, f"less than half of the square, {side_m:g} m wide")
        if count < 1:
            raise BadSetting("cameras", count, "1 or more")
        places = rng.random((count, 3))
        places[:, :2] = radius + places[:, :2] * (side_m - 2 * radius)
        places[:, 2] *= 2 * math.pi
        return cls(places, zone)


@dataclass(frozen=True, eq=False)
class Contacts:
    """Entries [e]: which `walker` came before which `camera` (int64), `when` as a share of the step, and where it was in the middle of its way through: its
    `distance` in m and its `bearing` in rad, 0 straight ahead of the camera."""

    walker: Integers
    camera: Integers
    when: Doubles
    distance: Doubles
    bearing: Doubles


def passed(before: Doubles, after: Doubles, stands: Stands) -> Contacts:
    """The entries of walkers who go straight from `before` to `after` [w, 2], m, in order of walker and camera. One who starts inside does not enter."""
    if before.shape != after.shape or before.shape[1:] != (2,):
        raise Mismatch("places before and after a step", before.shape, after.shape)
    shape = np.array([1000.0 * stands.zone.radius_km, 0.5 * stands.zone.angle_rad])
    found = _passed(before, after, stands.places, shape)
    columns = found.T.copy()
    return Contacts(columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2], columns[3], columns[4])


@compiled
def _passed(before: Doubles, after: Doubles, places: Doubles, shape: Doubles) -> Doubles:
    """Walker, camera, when, distance and bearing of each entry: [e, 5]. A sector of at most a half circle is convex: a disc between two half planes."""
    radius, half = shape[0], shape[1]
    found, room = 0, 64
    out = np.empty((room, 5))
    for walker in range(len(before)):
        x, y = before[walker, 0], before[walker, 1]
        step_x, step_y = after[walker, 0] - x, after[walker, 1] - y
        low_x, high_x = min(x, x + step_x) - radius, max(x, x + step_x) + radius
        low_y, high_y = min(y, y + step_y) - radius, max(y, y + step_y) + radius
        for camera in range(len(places)):
            at_x, at_y, way = places[camera, 0], places[camera, 1], places[camera, 2]
            if at_x < low_x or at_x > high_x or at_y < low_y or at_y > high_y:
                continue
            begin, end = _inside(x - at_x, y - at_y, step_x, step_y, radius, half, way)
            if begin <= 0.0 or begin >= end:
                continue
            if found == room:
                room *= 2
                more = np.empty((room, 5))
                more[:found] = out
                out = more
            middle = 0.5 * (begin + end)
            right, down = x + middle * step_x - at_x, y + middle * step_y - at_y
            turned = math.atan2(down, right) - way
            turned -= 2.0 * math.pi * math.floor(turned / (2.0 * math.pi) + 0.5)
            out[found, 0], out[found, 1], out[found, 2] = walker, camera, begin
            out[found, 3], out[found, 4] = math.hypot(right, down), turned
            found += 1
    return out[:found].copy()


@compiled
def _inside(
    x: float, y: float, step_x: float, step_y: float, radius: float, half: float, way: float
) -> tuple[float, float]:
    """From which share of a step to which it lies in the sector of a camera at the origin; none where the first is not below the second."""
    begin, end = 0.0, 1.0
    square = step_x * step_x + step_y * step_y
    if square == 0.0:
        return 1.0, 0.0
    along, off = x * step_x + y * step_y, x * x + y * y - radius * radius
    root = along * along - square * off
    if root <= 0.0:
        return 1.0, 0.0
    root = math.sqrt(root)
    begin, end = max(begin, (-along - root) / square), min(end, (-along + root) / square)
    for side in (-1.0, 1.0):
        # the half plane on the inner side of an edge of the sector: n . p >= 0
        edge = way + side * half
        n_x, n_y = side * math.sin(edge), -side * math.cos(edge)
        height, climb = n_x * x + n_y * y, n_x * step_x + n_y * step_y
        if climb == 0.0:
            if height < 0.0:
                return 1.0, 0.0
        elif climb > 0.0:
            begin = max(begin, -height / climb)
        else:
            end = min(end, -height / climb)
    return begin, end
