"""What a scenario makes of a map in a year: which edges are open, where there is water, rain and room, and which rates hold in which cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from merian.core.errors import BadSetting
from merian.twin.ensemble import Setting
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.moving import Gates
from merian.twin.landscape import Landscape
from merian.twin.scenario import ALL, EVEN, Change, Scenario
from merian.twin.space.where import Mask, crossed, loss_order, placed, pointed, strip
from merian.twin.space.zones import Zones

__all__ = ["LEFT", "Altered", "Ground", "State", "fits"]

LEFT = 1e-3
"""What is left of the room of a lost cell, so that what grows can come back where loss ends."""
WEATHER = ("rain", "drought")
RATES = ("harvest", "protect", "warming", "refuge", "habitat")
"""Kinds that change the food web's rates where they act."""
EDGES = ("fence", "corridor")
"""Kinds that change how open edges between cells are."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A `landscape` with how it is moved over: `crossing`, the share that crosses its fences, `matrix`, the share of moves into lost habitat that are
    made, and the `seed` of what is lost first."""

    landscape: Landscape
    crossing: float = 0.0
    matrix: float = 0.1
    seed: int = 0


@dataclass(frozen=True, eq=False)
class State:
    """The map in one year: `gates`, `water` [y, x], `rain` and `room` as times what they are without change [y, x], which cells are `lost` [y, x], and the food
    web of each zone."""

    gates: Gates
    water: Doubles
    rain: Doubles
    room: Doubles
    lost: Mask
    webs: tuple[FoodWeb, ...]


class Altered:
    """A scenario on a ground: `zones` [y, x] number the cells that share their rates, `at` says what holds in a year."""

    def __init__(self, scenario: Scenario, setting: Setting, ground: Ground) -> None:
        """Raises BadSetting as `fits` does."""
        fits(scenario, ground.landscape)
        self.scenario, self.setting, self.ground = scenario, setting, ground
        land = ground.landscape.land
        self.places = Zones(scenario, ground.landscape)
        self._boxes = self.places.masks
        self._open = Gates.of(land, ground.landscape.layers["fences"], ground.crossing)
        self._orders = {}
        # named by its place among losses in an order of their own, so that of the scenario does not matter
        lost = sorted((repr(change), at) for at, change in enumerate(scenario.changes) if change.pattern != EVEN)
        for nth, (_, at) in enumerate(lost):
            pattern = scenario.changes[at].pattern
            order = loss_order(land & self._boxes[at], pattern, ground.seed, f"{nth} {pattern}")
            self._orders[at] = self._lost(at, order)
        codes = np.zeros(land.shape, np.int64)
        placed = [at for at, change in enumerate(scenario.changes) if _of_web(change) and change.placed]
        for bit, at in enumerate(placed):
            codes += self._boxes[at].astype(np.int64) << bit
        kinds, self.zones = np.unique(codes, return_inverse=True)
        self.zones = self.zones.reshape(land.shape)
        self._parts = [self._part(int(code), placed) for code in kinds]
        self._last: tuple[tuple[float, ...], State] | None = None

    def _lost(self, at: int, order: Doubles) -> Doubles:
        """The order of loss [y, x] without the cells that are protected at the moment at which their turn comes: of these a share is kept, the last ones."""
        change = self.scenario.changes[at]
        cells = np.isfinite(order) & (order <= change.amount)
        if not self.scenario.reserves or not cells.any():
            return order
        years = change.year + change.ramp * order / max(change.amount, 1e-12)
        safe = order.copy()
        for y, x in np.argwhere(cells).tolist():
            held = np.prod(
                [1 - one.amount * one.share(float(years[y, x])) for one, mask in self._zones() if mask[y, x]]
            )
            if order[y, x] > change.amount * held:
                safe[y, x] = np.inf
        return safe

    def _zones(self) -> list[tuple[Change, Mask]]:
        """The zones of protection with their cells."""
        return [pair for pair in zip(self.scenario.changes, self._boxes, strict=True) if pair[0].reserve]

    def _part(self, code: int, placed: Sequence[int]) -> Scenario:
        """The changes of rates that hold in the zone of this code."""
        changes = [
            change
            for at, change in enumerate(self.scenario.changes)
            if _of_web(change) and (at not in placed or code >> placed.index(at) & 1)
        ]
        return Scenario(self.scenario.title, tuple(changes))

    def box(self, at: int) -> Mask:
        """The cells on land where the change of this number acts: bool [y, x]."""
        return np.asarray(self._boxes[at] & self.ground.landscape.land)

    def at(self, year: float) -> State:
        """What holds in a year; the same object as long as nothing changes."""
        shares = tuple(change.share(year) for change in self.scenario.changes)
        if self._last is None or self._last[0] != shares:
            self._last = shares, self._made(year, shares)
        return self._last[1]

    def _made(self, year: float, shares: tuple[float, ...]) -> State:
        landscape, setting = self.ground.landscape, self.setting
        rain, room, lost = np.ones(landscape.land.shape), np.ones(landscape.land.shape), np.zeros_like(landscape.land)
        water = landscape.layers["water"].copy()
        for at, (change, share) in enumerate(zip(self.scenario.changes, shares, strict=True)):
            box = self._boxes[at]
            if share == 0:
                continue
            if change.what in WEATHER:
                rain[box] *= max(1 + (change.rain - 1) * share, 0.0)
            elif change.what == "waterpoint":
                here = pointed(landscape.frame, change.points) & landscape.land
                water[here] += (change.amount - water[here]) * share
            elif at in self._orders:
                lost |= self._orders[at] <= change.amount * share
            elif change.what == "habitat" and change.species == ALL:
                room[box] *= np.maximum(1 - change.amount * share * self.places.kept(change, year), LEFT)[box]
        room *= np.maximum(rain, LEFT)
        room[lost] *= LEFT
        webs = []
        for part in self._parts:
            species, links = part.columns(setting.web, year, setting.ectotherm, setting.celsius)
            webs.append(replace(setting.web, species=species, links=links))
        return State(self._gates(lost, shares), water, rain, room, lost, tuple(webs))

    def _gates(self, lost: Mask, shares: tuple[float, ...]) -> Gates:
        """How open the edges are: of the landscape, less into what is lost, less again over fences, and at least so much in corridors."""
        frame, land = self.ground.landscape.frame, self.ground.landscape.land
        east, south = self._open.east.copy(), self._open.south.copy()
        east[lost[:, :-1] | lost[:, 1:]] *= self.ground.matrix
        south[lost[:-1] | lost[1:]] *= self.ground.matrix
        for change, share in zip(self.scenario.changes, shares, strict=True):
            if change.what == "fence" and share:
                over = crossed(frame, change.points)
                east[over[0]] *= 1 - change.amount * share
                south[over[1]] *= 1 - change.amount * share
        for change, share in zip(self.scenario.changes, shares, strict=True):
            if change.what == "corridor" and share:
                way = strip(frame, change.points, 1000 * change.width_km) & land
                for gate, within in ((east, way[:, :-1] & way[:, 1:]), (south, way[:-1] & way[1:])):
                    gate[within] = np.maximum(gate[within], change.amount * share)
        return Gates(east, south)


def _of_web(change: Change) -> bool:
    """Whether a change acts by the rates of the food web (habitat of all that grows acts by their room)."""
    return change.what in RATES and not (change.what == "habitat" and change.species == ALL)


def fits(scenario: Scenario, landscape: Landscape) -> None:
    """Raise BadSetting for a change that a map cannot hold: a box without land, water in the sea, rain for one species, water that is there and not."""
    for change in scenario.changes:
        if not (placed(landscape.frame, change.corners) & landscape.land).any():
            raise BadSetting("within, area", change.within or change.area, "holds no land")
        if (change.what in WEATHER or change.pattern != EVEN) and change.species != ALL:
            raise BadSetting("species", change.species, f"{change.what!r} comes over all that grows in a cell of a map")
        if change.what == "waterpoint" and not (pointed(landscape.frame, change.points) & landscape.land).any():
            raise BadSetting("path", change.path, "no point of it lies on land")
        if change.what in EDGES and not _marks(change, landscape):
            raise BadSetting("path", change.path, f"the {change.what} passes no edge between cells of land")
    water = [change for change in scenario.changes if change.what == "waterpoint"]
    for one, other in combinations(water, 2):
        at_once = one.year < other.until and other.year < one.until
        here = pointed(landscape.frame, one.points) & pointed(landscape.frame, other.points)
        if at_once and one.amount != other.amount and here.any():
            said = "two waterpoints of one cell and time say how much water it has: let one end (until) before the other comes"
            raise BadSetting("amount", (one.amount, other.amount), said)


def _marks(change: Change, landscape: Landscape) -> bool:
    """Whether a line changes any edge."""
    land = landscape.land
    joined = land[:, :-1] & land[:, 1:], land[:-1] & land[1:]
    if change.what == "fence":
        east, south = crossed(landscape.frame, change.points)
    else:
        way = strip(landscape.frame, change.points, 1000 * change.width_km)
        east, south = way[:, :-1] & way[:, 1:], way[:-1] & way[1:]
    return bool((east & joined[0]).any() or (south & joined[1]).any())
