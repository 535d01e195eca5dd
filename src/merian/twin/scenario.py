"""What-if: a scenario is a few changes that come at a year, at once or over some years, and may end; this is what each does to a food web.

title = "Drought, then wolves"
[[change]]
what = "rain"
amount = 0.6
year = 10
until = 15
[[change]]
what = "introduce"
species = "wolf"
amount = 0.001
year = 20
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting
from merian.core.settings import knob, load, read_toml
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb
from merian.twin.kinds import KINDS
from merian.twin.rates import ATTACK, CAPACITY, GROWTH, HANDLING, METABOLISM

__all__ = ["ALL", "EVEN", "YEAR_DAYS", "Change", "Scenario", "read_scenario"]

YEAR_DAYS = 365.25
ALL = "all"
EVEN = "even"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change: `what` (KINDS), to which `species` (a name, or all), how much, from which `year`, over how many years (`ramp`), and `until` when.

    On a map it may act `within` a box, along a `path`, or in a `pattern`. Places are shares of the map's width and height from its north-west corner, so that
    a scenario fits a map of any size.
    """

    what: str = knob("", f"What changes: {', '.join(KINDS)}")
    species: str = knob(ALL, "The species that it concerns, or all")
    amount: float = knob(1.0, "How much, in the unit of the change")
    year: float = knob(0.0, "From which year of the run", ge=0)
    ramp: float = knob(0.0, "Over how many years it comes", unit="years", ge=0)
    until: float = knob(float("inf"), "In which year it ends", ge=0)
    within: tuple[float, ...] = knob((), "The box where it acts: west, north, east, south, as shares of the map")
    path: tuple[float, ...] = knob((), "Points of a fence or corridor, or of water: x, y, x, y ... as shares")
    width_km: float = knob(0.0, "Width of a corridor; 0: about a cell and a half", unit="km", ge=0)
    hosts: tuple[str, ...] = knob((), "Who else catches a disease, by name")
    how: tuple[str, ...] = knob((), "Settings of a disease, of fire or of poaching, as NAME=VALUE")
    pattern: Literal["even", "random", "clustered", "edge"] = knob(
        "even", "Which cells lose their habitat: all of them some, or some all, strewn, in clumps or from the edge"
    )

    def __post_init__(self) -> None:
        kind = KINDS.get(self.what)
        if kind is None:
            raise BadSetting("what", self.what, f"a change is one of {', '.join(KINDS)}", KINDS)
        if not kind.low <= self.amount <= kind.high:
            raise BadSetting(
                "amount", self.amount, f"of {self.what!r} lies from {kind.low:g} to {kind.high:g} {kind.unit}"
            )
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
        self._placed(kind.points)

    def _placed(self, points: int) -> None:
        """Raise BadSetting for a place that is none."""
        for name, values in (("within", self.within), ("path", self.path)):
            if not all(0 <= value <= 1 for value in values):
                raise BadSetting(name, values, "is in shares of the map, from 0 to 1")
        if self.within and (points or self.what == "fire"):
            raise BadSetting(
                "within", self.within, f"{self.what!r} has no box: it is everywhere, or lies along its path"
            )
        if self.within and not (
            len(self.within) == 4 and self.within[0] < self.within[2] and self.within[1] < self.within[3]
        ):
            raise BadSetting("within", self.within, "is west, north, east, south, with west < east and north < south")
        if len(self.path) % 2 or len(self.path) < 2 * points or (self.path and not points):
            need = f"needs {points} or more points, as x, y, x, y" if points else "has no path: give a box with within"
            raise BadSetting("path", self.path, f"{self.what!r} {need}")
        if self.width_km and self.what != "corridor":
            raise BadSetting("width_km", self.width_km, "is that of a corridor")
        if self.pattern != EVEN and self.what != "habitat":
            raise BadSetting("pattern", self.pattern, "is that of lost habitat")

    def share(self, year: float) -> float:
        """How much of the change is there in a year, 0 to 1."""
        if year < self.year or year >= self.until:
            return 0.0
        return min((year - self.year) / self.ramp, 1.0) if self.ramp else 1.0

    @property
    def rain(self) -> float:
        """Times as much rain as without it, once it is wholly there."""
        return {"rain": self.amount, "drought": 1 - self.amount}.get(self.what, 1.0)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The points of the path, (x, y) each."""
        return tuple(zip(self.path[::2], self.path[1::2], strict=True))

    @property
    def mapped(self) -> bool:
        """Whether it can only be told on a map."""
        return bool(self.within or KINDS[self.what].points or KINDS[self.what].threat)

    @property
    def words(self) -> str:
        """The change in plain words."""
        kind = KINDS[self.what]
        when = f"from year {self.year:g}" + (f" over {self.ramp:g} years" if self.ramp else "")
        end = f" until year {self.until:g}" if np.isfinite(self.until) else ""
        unit = "" if kind.unit == "1" else f" {kind.unit}"
        whom = "" if kind.whom == "land" else f" {self.species}"
        how = "" if self.pattern == EVEN else f" ({self.pattern})"
        place = ""
        if self.within:
            west, north, east, south = self.within
            place = f", between {west:g} and {east:g} of the map's width and {north:g} and {south:g} of its height"
        elif self.path:
            place = f", {'at' if len(self.points) == 1 else 'along'} " + " ".join(
                f"({x:g}, {y:g})" for x, y in self.points
            )
        others = f" (and {', '.join(self.hosts)})" if self.hosts else ""
        told = f" ({', '.join(self.how)})" if self.how else ""
        return f"{self.what}{whom}{others}: {self.amount:g}{unit}{how}{told}{place}, {when}{end}"


@dataclass(frozen=True)
class Scenario:
    """A `title` and `changes`, in any order."""

    title: str
    changes: tuple[Change, ...]

    def beyond(self) -> list[str]:
        """What lies outside the range in which the equations' constants were measured, in words."""
        found = []
        for change in self.changes:
            low, high = KINDS[change.what].measured
            if not low <= change.amount <= high:
                unit = "" if KINDS[change.what].unit == "1" else f" {KINDS[change.what].unit}"
                found.append(f"{change.words} lies outside {low:g} to {high:g}{unit}, where constants were measured")
        return found

    def named(self, common: Mapping[str, str]) -> Scenario:
        """The same scenario with species by their names in the ecosystem, where a change gives a common one (`common` name -> name; case does not matter)."""
        known = {key.casefold(): name for key, name in common.items() if key}
        changes = []
        for change in self.changes:
            one, *others = (known.get(name.casefold(), name) for name in (change.species, *change.hosts))
            changes.append(replace(change, species=one, hosts=tuple(others)))
        return replace(self, changes=tuple(changes))

    def checked(self, web: FoodWeb, years: float) -> None:
        """Raise BadSetting for a species that the web has not, a change that comes after the end, or one that concerns nothing."""
        for change in self.changes:
            for name in (change.species, *change.hosts):
                if name not in (ALL, *web.names):
                    raise BadSetting("species", name, f"is not in the ecosystem of {', '.join(web.names)}", web.names)
            if change.year >= years:
                raise BadSetting("year", change.year, f"the run ends in year {years:g}")
            if change.what in ("habitat", "rain", "drought") and not (web.producer & _of(web, change.species)).any():
                raise BadSetting(
                    "species", change.species, f"{change.what!r} concerns what grows: {', '.join(_producers(web))}"
                )

    def turns(self, years: float) -> list[float]:
        """The years at which something happens at one moment."""
        return sorted({c.year for c in self.changes if KINDS[c.what].moment and c.year < years})

    def edges(self, years: float) -> list[float]:
        """The years before the last in which a change begins or ends."""
        return sorted({year for c in self.changes for year in (c.year, c.until) if year < years})

    @property
    def mapped(self) -> list[Change]:
        """The changes that can only be told on a map."""
        return [change for change in self.changes if change.mapped]

    def start(self, web: FoodWeb, biomass: Doubles, year: float) -> Doubles:
        """The biomass [s] after what happens at one moment in this year."""
        after = biomass.copy()
        for change in self.changes:
            if KINDS[change.what].moment and change.year == year:
                at = web.names.index(change.species)
                after[at] = after[at] + change.amount if change.what == "introduce" else after[at] * (1 - change.amount)
        return after

    def columns(
        self, web: FoodWeb, year: float, ectotherm: npt.NDArray[np.bool_], celsius: float
    ) -> tuple[Doubles, Doubles]:
        """The columns of species and links in a year. `ectotherm` [s]: whose rates follow the temperature, which is `celsius` without change.

        What only a map can tell is left out.
        """
        species, links = (
            dict(zip(SPECIES, web.species.copy(), strict=True)),
            dict(zip(LINK, web.links.copy(), strict=True)),
        )
        for change in self.changes:
            there, one = change.share(year), _of(web, change.species)
            kind = KINDS[change.what]
            if there == 0 or kind.moment or kind.whom == "land" or kind.threat:
                continue
            much = change.amount * there
            if change.what == "harvest":
                species["harvest"][one] += much / YEAR_DAYS
            elif change.what == "protect":
                species["harvest"][one] *= 1 - much
            elif change.what == "habitat":
                # no room at all would be no number: what is left then holds nothing to speak of
                species["capacity"][one] *= max(1 - much, 1e-9)
            elif change.what in ("rain", "drought"):
                factor = max(1 + (change.rain - 1) * there, 1e-9)
                species["capacity"][one] *= factor
                species["growth"][one] *= factor
            elif change.what == "refuge":
                links["attack"][one[web.eaten]] *= 1 - much
            elif change.what == "warming":
                warm = one & (ectotherm | web.producer)
                for name, rate in (("growth", GROWTH), ("capacity", CAPACITY), ("loss", METABOLISM)):
                    species[name][warm] *= rate.at(1.0, celsius + much) / rate.at(1.0, celsius)
                for name, rate in (("attack", ATTACK), ("handling", HANDLING)):
                    links[name][warm[web.eater]] *= rate.at(1.0, celsius + much) / rate.at(1.0, celsius)
        return np.stack(list(species.values())), np.stack(list(links.values()))


def _of(web: FoodWeb, name: str) -> npt.NDArray[np.bool_]:
    return np.array([name in (ALL, own) for own in web.names])


def _producers(web: FoodWeb) -> Sequence[str]:
    return [name for name, grows in zip(web.names, web.producer, strict=True) if grows]


def read_scenario(path: Path) -> Scenario:
    """The scenario in a TOML file. Raises BadSetting for a key or value that is not allowed, BadData without a change."""
    document = read_toml(path)
    title, rows = document.pop("title", path.stem), document.pop("change", [])
    if document:
        raise BadSetting(next(iter(document)), "…", "a scenario has a title and [[change]] tables", ("title", "change"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadSetting("change", rows, "is written as [[change]] tables")
    if not rows:
        raise BadData(path, "a scenario has at least one [[change]]")
    for row in rows:
        if isinstance(row.get("how"), dict):
            row["how"] = [f"{name}={json.dumps(value)}" for name, value in row["how"].items()]
    return Scenario(str(title), tuple(load(Change, None, row) for row in rows))
