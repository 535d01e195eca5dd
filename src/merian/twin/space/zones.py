"""Where the changes of a scenario act on a map, and what zones of protection leave of what people take, graze and clear there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from merian.twin.change import ALL, Change
from merian.twin.foodweb import Doubles
from merian.twin.hazards.livestock import LivestockSettings, stocked
from merian.twin.landscape import Frame, Landscape
from merian.twin.scenario import Scenario, came
from merian.twin.space.where import Mask, placed, pointed, strip

__all__ = ["Zones", "herd_of", "settled"]


class Zones:
    """The zones of a scenario's changes on a landscape."""

    def __init__(self, scenario: Scenario, landscape: Landscape) -> None:
        """Raises BadSetting for a zone that holds no cell."""
        self.changes, self.land = scenario.changes, landscape.land
        self.masks: list[Mask] = [placed(landscape.frame, change.corners) for change in scenario.changes]
        self._reserves = [at for at, change in enumerate(scenario.changes) if change.reserve]

    def kept(self, change: Change, year: float) -> Doubles:
        """The share of a loss of habitat that comes in each cell, less what zones of protection keep of it: [y, x]."""
        return self._each(lambda here: came(change, here, year))

    def grazed(self, year: float) -> Doubles:
        """The share of livestock that zones of protection let graze in each cell: [y, x]."""
        return self._each(lambda here: float(np.prod([1 - one.amount * one.share(year) for one in here])))

    def spared(self, names: Sequence[str], year: float) -> Doubles:
        """The share of what people take of each species in each cell that protection leaves: [s, y, x]."""
        left = np.ones((len(names), *self.land.shape))
        for change, mask in zip(self.changes, self.masks, strict=True):
            much = change.amount * change.share(year) if change.what == "protect" else 0.0
            if much:
                own = np.array([change.species in (ALL, name) for name in names])
                left[np.ix_(own, *map(np.arange, mask.shape))] *= np.where(mask, 1 - much, 1.0)
        return left

    def _each(self, found: Callable[[list[Change]], float]) -> Doubles:
        """What is found in each cell by the zones of protection that it lies in: [y, x]."""
        codes = np.zeros(self.land.shape, np.int64)
        for bit, at in enumerate(self._reserves):
            codes += self.masks[at].astype(np.int64) << bit
        kinds, where = np.unique(codes, return_inverse=True)
        values = [
            found([self.changes[at] for bit, at in enumerate(self._reserves) if code >> bit & 1])
            for code in kinds.tolist()
        ]
        return np.asarray(np.array(values)[where.reshape(codes.shape)])


def settled(frame: Frame, change: Change) -> Mask:
    """The cells of settlements (one point, or bomas of livestock) or of a road (a path) of a change: bool [y, x]."""
    if len(change.points) == 1 or change.what == "livestock":
        return pointed(frame, change.points)
    return strip(frame, change.points, 0.0)


def herd_of(how: LivestockSettings, zones: Zones, at: int, km: Doubles) -> Doubles:
    """Head of livestock km-2 in each cell [y, x], of the change of this number: about its bomas, in its zone, or everywhere. km: to the nearest boma [y, x]."""
    within = zones.land & zones.masks[at]
    return stocked(how, km, within)
