"""Animals that walk past cameras: the random-encounter model tried out on paths instead of on paper.

Walkers in a square without edges go on at one speed while their heading diffuses (a correlated random walk: Kareiva & Shigesada 1983, doi:10.1007/BF00379695).
Cameras stand on a grid, each looking its own way; a contact is an entry into a camera's sector. Positions are looked at only now and then, so an animal that
enters and leaves between two looks is missed: a camera that never blinks is the limit of short steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.camera import Zone

__all__ = ["Walk", "entries"]


@dataclass(frozen=True, slots=True)
class Walk:
    """A field of walkers and cameras.

    `density` animals km-2 in a square of `side_km` with `across` x `across` cameras; `speed_km_day`; `turning` is the variance of the heading gained in a
    day (radians squared; 0: straight lines); paths are drawn in `steps` equal steps over `days`.
    """

    density: float = 20.0
    side_km: float = 5.0
    across: int = 50
    speed_km_day: float = 5.0
    turning: float = 200.0
    days: float = 2.0
    steps: int = 16_384

    def __post_init__(self) -> None:
        for name in ("density", "side_km", "speed_km_day", "days"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise BadSetting(name, value, "above 0")
        if not (math.isfinite(self.turning) and self.turning >= 0):
            raise BadSetting("turning", self.turning, "0 or more")
        for name in ("across", "steps"):
            if getattr(self, name) < 1:
                raise BadSetting(name, getattr(self, name), "1 or more")

    @property
    def animals(self) -> int:
        """How many walk, to the nearest whole."""
        return round(self.density * self.side_km**2)

    @property
    def camera_days(self) -> float:
        """Days times cameras."""
        return self.days * self.across**2


def entries(walk: Walk, zone: Zone, every: tuple[int, ...], key: draws.Key) -> Integers:
    """Contacts int64 [e] over all cameras when the same paths are looked at each `every` [e] steps. Raises BadSetting for zones that overlap."""
    if 2 * zone.radius_km > walk.side_km / walk.across:
        raise BadSetting(
            "across", walk.across, f"zones of {zone.radius_km} km do not overlap in a square of {walk.side_km} km"
        )
    looks = np.array(every, np.int64)
    if not len(looks) or (looks < 1).any():
        raise BadSetting("every", every, "one number of steps or more, each 1 or more")
    shape = np.array([walk.side_km, walk.speed_km_day * walk.days / walk.steps, zone.radius_km, 0.5 * zone.angle_rad])
    wobble = math.sqrt(walk.turning * walk.days / walk.steps)
    return _entries(key, np.array([walk.animals, walk.steps, walk.across], np.int64), looks, shape, wobble)


@compiled
def _entries(key: draws.Key, sizes: Integers, looks: Integers, shape: Doubles, wobble: float) -> Integers:
    """Walk each animal through all steps; at each look, an animal in a sector where it was not at the look before is a contact."""
    animals, steps, across = sizes
    side, stride = shape[0], shape[1]
    found = np.zeros(len(looks), np.int64)
    for animal in range(animals):
        first, second = draws.uniforms(key, animal, 0, 0)
        x, y = first * side, second * side
        heading = 2.0 * math.pi * draws.uniform(key, animal, 0, 1)
        now = _camera(key, x, y, across, shape)
        before = np.full(len(looks), now)
        for step in range(1, steps + 1):
            heading += wobble * draws.normal(key, animal, step, 2)
            x, y = (x + stride * math.cos(heading)) % side, (y + stride * math.sin(heading)) % side
            now = _camera(key, x, y, across, shape)
            for look in range(len(looks)):
                if step % looks[look] == 0:
                    if now >= 0 and now != before[look]:
                        found[look] += 1
                    before[look] = now
    return found


@compiled
def _camera(key: draws.Key, x: float, y: float, across: int, shape: Doubles) -> int:
    """The number of the camera that sees this place, -1 when none does."""
    gap = shape[0] / across
    column, row = min(int(x / gap), across - 1), min(int(y / gap), across - 1)
    right, up = x - (column + 0.5) * gap, y - (row + 0.5) * gap
    if right * right + up * up > shape[2] * shape[2]:
        return -1
    number = row * across + column
    turned = math.atan2(up, right) - 2.0 * math.pi * draws.uniform(key, number, 0, 3)
    turned -= 2.0 * math.pi * math.floor(turned / (2.0 * math.pi) + 0.5)
    return number if abs(turned) <= shape[3] else -1
