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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting
from merian.core.settings import knob, load, read_toml
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb
from merian.twin.rates import ATTACK, CAPACITY, GROWTH, HANDLING, METABOLISM

__all__ = ["KINDS", "Change", "Kind", "Scenario", "read_scenario"]

YEAR_DAYS = 365.25
ALL = "all"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a change does, the unit and bounds of its amount, and the range in which the constants of the equations were measured."""

    meaning: str
    unit: str
    low: float
    high: float
    measured: tuple[float, float]
    moment: bool = False
    """Whether it happens at one moment (no ramp, no end)."""


KINDS: Mapping[str, Kind] = {
    "remove": Kind("the species is gone from this year on; amount: the share of it", "1", 0.0, 1.0, (0.0, 1.0), True),
    "introduce": Kind("so much of the species is set free", "g m-2", 0.0, 1e6, (0.0, 1e6), True),
    "harvest": Kind(
        "so much of its biomass is taken in a year: poaching, hunting, snares", "year-1", 0.0, 50.0, (0.0, 2.0)
    ),
    "protect": Kind("so large a share of what was taken is no longer", "1", 0.0, 1.0, (0.0, 1.0)),
    "habitat": Kind("so large a share of the room of what grows is lost", "1", 0.0, 1.0, (0.0, 0.9)),
    "rain": Kind("times as much rain, which growth and room of what grows follow", "1", 0.0, 3.0, (0.5, 1.5)),
    "warming": Kind("degrees warmer: rates follow by their activation energies", "K", -20.0, 20.0, (0.0, 5.0)),
    "refuge": Kind(
        "so large a share of the species is out of its eaters' reach: fences, cover", "1", 0.0, 1.0, (0.0, 0.9)
    ),
}
"""Where no figure says otherwise, the measured range is a judgement: what lies beyond it is said on every figure."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change: `what` (KINDS), to which `species` (a name, or all), how much, from which `year`, over how many years (`ramp`), and `until` when."""

    what: str = knob("", f"What changes: {', '.join(KINDS)}")
    species: str = knob(ALL, "The species that it concerns, or all")
    amount: float = knob(1.0, "How much, in the unit of the change")
    year: float = knob(0.0, "From which year of the run", ge=0)
    ramp: float = knob(0.0, "Over how many years it comes", unit="years", ge=0)
    until: float = knob(float("inf"), "In which year it ends", ge=0)

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
        if self.what in ("remove", "introduce") and self.species == ALL:
            raise BadSetting("species", self.species, f"{self.what!r} needs the name of one species")
        if self.until <= self.year:
            raise BadSetting("until", self.until, f"must come after the year {self.year:g} in which it begins")

    def share(self, year: float) -> float:
        """How much of the change is there in a year, 0 to 1."""
        if year < self.year or year >= self.until:
            return 0.0
        return min((year - self.year) / self.ramp, 1.0) if self.ramp else 1.0

    @property
    def words(self) -> str:
        """The change in plain words."""
        kind = KINDS[self.what]
        when = f"from year {self.year:g}" + (f" over {self.ramp:g} years" if self.ramp else "")
        end = f" until year {self.until:g}" if np.isfinite(self.until) else ""
        unit = "" if kind.unit == "1" else f" {kind.unit}"
        return f"{self.what} {self.species}: {self.amount:g}{unit}, {when}{end}"


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
                found.append(
                    f"{change.words} lies outside {low:g} to {high:g} {KINDS[change.what].unit}, where constants were measured"
                )
        return found

    def named(self, common: Mapping[str, str]) -> Scenario:
        """The same scenario with species by their names in the ecosystem, where a change gives a common one (`common` name -> name; case does not matter)."""
        known = {key.casefold(): name for key, name in common.items() if key}
        return replace(
            self, changes=tuple(replace(c, species=known.get(c.species.casefold(), c.species)) for c in self.changes)
        )

    def checked(self, web: FoodWeb, years: float) -> None:
        """Raise BadSetting for a species that the web has not, a change that comes after the end, or one that concerns nothing."""
        for change in self.changes:
            if change.species not in (ALL, *web.names):
                raise BadSetting(
                    "species", change.species, f"is not in the ecosystem of {', '.join(web.names)}", web.names
                )
            if change.year >= years:
                raise BadSetting("year", change.year, f"the run ends in year {years:g}")
            if change.what in ("habitat", "rain") and not (web.producer & _of(web, change.species)).any():
                raise BadSetting(
                    "species", change.species, f"{change.what!r} concerns what grows: {', '.join(_producers(web))}"
                )

    def turns(self, years: float) -> list[float]:
        """The years at which something happens at one moment."""
        return sorted({c.year for c in self.changes if KINDS[c.what].moment and c.year < years})

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
        """The columns of species and links in a year. `ectotherm` [s]: whose rates follow the temperature, which is `celsius` without change."""
        species, links = (
            dict(zip(SPECIES, web.species.copy(), strict=True)),
            dict(zip(LINK, web.links.copy(), strict=True)),
        )
        for change in self.changes:
            there, one = change.share(year), _of(web, change.species)
            if there == 0 or KINDS[change.what].moment:
                continue
            much = change.amount * there
            if change.what == "harvest":
                species["harvest"][one] += much / YEAR_DAYS
            elif change.what == "protect":
                species["harvest"][one] *= 1 - much
            elif change.what == "habitat":
                # no room at all would be no number: what is left then holds nothing to speak of
                species["capacity"][one] *= max(1 - much, 1e-9)
            elif change.what == "rain":
                factor = max(1 + (change.amount - 1) * there, 1e-9)
                species["capacity"][one] *= factor
                species["growth"][one] *= factor
            elif change.what == "refuge":
                links["attack"][one[web.eaten]] *= 1 - much
            else:
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
    return Scenario(str(title), tuple(load(Change, None, row) for row in rows))
