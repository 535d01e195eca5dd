"""One change of a scenario: what, to whom, how much, when and where. Places are shares of the map's width and height from its north-west corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from merian.core.errors import BadSetting
from merian.core.settings import knob
from merian.twin.kinds import KINDS, Kind

__all__ = ["ALL", "EVEN", "Change"]

ALL = "all"
EVEN = "even"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change: `what` (KINDS), to which `species` (a name, or all), how much, from which `year`, over how many years (`ramp`), and `until` when.

    On a map it may act `within` a box or in an `area`, along a `path`, or in a `pattern`. Places are shares of the map's width and height from its north-west
    corner, so that a scenario fits a map of any size.
    """

    what: str = knob("", f"What changes: {', '.join(KINDS)}")
    species: str = knob(ALL, "The species that it concerns, or all")
    amount: float = knob(1.0, "How much, in the unit of the change")
    year: float = knob(0.0, "From which year of the run", ge=0)
    ramp: float = knob(0.0, "Over how many years it comes", unit="years", ge=0)
    until: float = knob(float("inf"), "In which year it ends", ge=0)
    within: tuple[float, ...] = knob((), "The box where it acts: west, north, east, south, as shares of the map")
    area: tuple[float, ...] = knob((), "Corners of the zone where it acts, instead of a box: x, y, x, y ... as shares")
    path: tuple[float, ...] = knob((), "Points of a fence, corridor or road, of water or settlements: x, y, x, y ...")
    width_km: float = knob(0.0, "Width of a corridor; 0: about a cell and a half", unit="km", ge=0)
    hosts: tuple[str, ...] = knob((), "Who else catches a disease, by name")
    how: tuple[str, ...] = knob(
        (), "Settings of a disease, fire, poaching, livestock, disturbance or a road, as NAME=VALUE"
    )
    pattern: Literal["even", "random", "clustered", "edge"] = knob(
        "even", "Which cells lose their habitat: all of them some, or some all, strewn, in clumps or from the edge"
    )

    def __post_init__(self) -> None:
        kind = KINDS.get(self.what)
        if kind is None:
            raise BadSetting("what", self.what, f"a change is one of {', '.join(KINDS)}", KINDS)
        if not kind.low <= self.amount <= kind.high:
            unit = "" if kind.unit == "1" else f" {kind.unit}"
            raise BadSetting("amount", self.amount, f"of {self.what!r} lies from {kind.low:g} to {kind.high:g}{unit}")
        if kind.moment and (self.ramp or np.isfinite(self.until)):
            raise BadSetting("ramp, until", (self.ramp, self.until), f"{self.what!r} happens at one moment")
        if kind.whom == "one" and self.species == ALL:
            raise BadSetting("species", self.species, f"{self.what!r} needs the name of one species")
        if kind.whom == "land" and self.species != ALL:
            raise BadSetting("species", self.species, f"{self.what!r} concerns the land, and so all that moves there")
        if self.until <= self.year:
            raise BadSetting("until", self.until, f"must come after the year {self.year:g} in which it begins")
        if self.hosts and self.what != "disease":
            raise BadSetting("hosts", self.hosts, "are those of a disease")
        if self.how and not kind.threat:
            raise BadSetting("how", self.how, f"{self.what!r} has an amount and no other settings")
        self._checked_places(kind)

    def _checked_places(self, kind: Kind) -> None:
        """Raise BadSetting for a place that is none."""
        for name, values in (("within", self.within), ("area", self.area), ("path", self.path)):
            if not all(0 <= value <= 1 for value in values):
                raise BadSetting(name, values, "is in shares of the map, from 0 to 1")
        zone = "within" if self.within else "area"
        if self.placed and (kind.points or self.what == "fire" or self.path):
            whole = "it is everywhere, or lies along its path"
            raise BadSetting(zone, self.within or self.area, f"{self.what!r} has no box: {whole}")
        if self.within and self.area:
            raise BadSetting("area", self.area, "is given instead of a box (within), not beside it")
        if self.within and not (
            len(self.within) == 4 and self.within[0] < self.within[2] and self.within[1] < self.within[3]
        ):
            raise BadSetting("within", self.within, "is west, north, east, south, with west < east and north < south")
        if self.area and (len(self.area) % 2 or len(self.area) < 6):
            raise BadSetting("area", self.area, "has three or more corners, as x, y, x, y")
        lies = kind.points or kind.path
        if len(self.path) % 2 or len(self.path) < 2 * kind.points or (self.path and not lies):
            need = (
                f"needs {kind.points} or more points, as x, y, x, y" if lies else "has no path: give a box with within"
            )
            raise BadSetting("path", self.path, f"{self.what!r} {need}")
        if self.width_km and self.what != "corridor":
            raise BadSetting("width_km", self.width_km, "is that of a corridor")
        if self.pattern != EVEN and self.what != "habitat":
            raise BadSetting("pattern", self.pattern, "is that of lost habitat")

    def share(self, year: float) -> float:
        """How much of the change is there in a year, 0 to 1."""
        if year < self.year or year >= self.until:
            return 0.0
        past = year - self.year
        return past / self.ramp if past < self.ramp else 1.0

    @property
    def rain(self) -> float:
        """Times as much rain as without it, once it is wholly there."""
        return {"rain": self.amount, "drought": 1 - self.amount}.get(self.what, 1.0)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The points of the path, (x, y) each."""
        return _pairs(self.path)

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The corners of the zone where it acts, be it a box or an area, (x, y) each; none: everywhere."""
        if self.within:
            west, north, east, south = self.within
            return ((west, north), (east, north), (east, south), (west, south))
        return _pairs(self.area)

    @property
    def placed(self) -> bool:
        """Whether it acts in a zone of the map alone."""
        return bool(self.within or self.area)

    @property
    def reserve(self) -> bool:
        """Whether it is a zone of protection: a place in which nothing is taken, no stock grazes and no habitat is lost."""
        return self.what == "protect" and self.placed and self.species == ALL

    @property
    def mapped(self) -> bool:
        """Whether it can only be told in full on a map."""
        return bool(self.placed or self.path or KINDS[self.what].points or KINDS[self.what].threat)

    @property
    def much(self) -> str:
        """The amount with its unit."""
        unit = KINDS[self.what].unit
        return f"{self.amount:g}" + ("" if unit == "1" else f" {unit}")

    @property
    def when(self) -> str:
        """When it comes and ends."""
        begins = f"from year {self.year:g}" + (f" over {self.ramp:g} years" if self.ramp else "")
        return begins + (f" until year {self.until:g}" if np.isfinite(self.until) else "")

    @property
    def where(self) -> str:
        """Where it acts; nothing where it acts everywhere."""
        if self.within:
            west, north, east, south = self.within
            return f"between {west:g} and {east:g} of the map's width and {north:g} and {south:g} of its height"
        if self.area:
            return "in the area of " + " ".join(f"({x:g}, {y:g})" for x, y in self.corners)
        if self.path:
            which = "at" if len(self.points) == 1 else "along"
            return f"{which} " + " ".join(f"({x:g}, {y:g})" for x, y in self.points)
        return ""

    @property
    def words(self) -> str:
        """The change in plain words."""
        whom = "" if KINDS[self.what].whom == "land" else f" {self.species}"
        others = f" (and {', '.join(self.hosts)})" if self.hosts else ""
        how = "" if self.pattern == EVEN else f" ({self.pattern})"
        told = f" ({', '.join(self.how)})" if self.how else ""
        place = f", {self.where}" if self.where else ""
        return f"{self.what}{whom}{others}: {self.much}{how}{told}{place}, {self.when}"


def _pairs(values: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    return tuple(zip(values[::2], values[1::2], strict=True))
