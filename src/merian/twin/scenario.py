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

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting
from merian.core.settings import load, read_toml
from merian.twin.change import ALL, EVEN, Change
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb
from merian.twin.kinds import KINDS
from merian.twin.rates import ATTACK, CAPACITY, GROWTH, HANDLING, METABOLISM

__all__ = ["ALL", "EVEN", "YEAR_DAYS", "Change", "Scenario", "came", "read_scenario"]

YEAR_DAYS = 365.25
BESIDE = ("about", "ecosystem", "tier", "expect", "sources")
"""What a shipped scenario says of itself (merian.twin.shipped)."""
RAMP_PARTS = 64
"""Parts of a ramp in which it is asked how much was protected."""


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

    def checked(self, web: FoodWeb, years: float, common: Sequence[str] = ()) -> None:
        """Raise BadSetting for a species that the web has not, a change that comes after the end, or one that concerns nothing. `common` [s]: other names."""
        for change in self.changes:
            for name in (change.species, *change.hosts):
                if name not in (ALL, *web.names):
                    called = [own or full for own, full in zip(common or web.names, web.names, strict=True)]
                    known = dict.fromkeys([*called, *web.names])
                    raise BadSetting("species", name, f"is not in the ecosystem of {', '.join(called)}", known)
            if change.year >= years:
                raise BadSetting(
                    "year", change.year, f"the run ends in year {years:g}: run it longer, or begin the change earlier"
                )
            if change.what in ("habitat", "rain", "drought") and not (web.producer & _of(web, change.species)).any():
                raise BadSetting(
                    "species", change.species, f"{change.what!r} concerns what grows: {', '.join(_producers(web))}"
                )

    @property
    def moments(self) -> list[tuple[int, Change]]:
        """What happens at one moment, each with its number among the changes, in an order of their own: who is removed goes before who is set free."""
        found = [(at, change) for at, change in enumerate(self.changes) if KINDS[change.what].moment]
        return sorted(found, key=lambda one: (one[1].what == "introduce", repr(one[1])))

    def turns(self, years: float) -> list[float]:
        """The years at which something happens at one moment."""
        return sorted({c.year for c in self.changes if KINDS[c.what].moment and c.year < years})

    def edges(self, years: float) -> list[float]:
        """The years before the last in which a change begins or ends."""
        return sorted({year for c in self.changes for year in (c.year, c.until) if year < years})

    @property
    def mapped(self) -> list[Change]:
        """The changes that can only be told in full on a map."""
        return [change for change in self.changes if change.mapped]

    @property
    def reserves(self) -> list[Change]:
        """The zones of protection."""
        return [change for change in self.changes if change.reserve]

    def turned(self, species: str, year: float) -> tuple[float, float]:
        """The share of a species that is left after what happens at one moment in this year, and g m-2 of it that come then."""
        left, free = 1.0, 0.0
        for _, change in self.moments:
            if change.year == year and change.species == species and change.what == "introduce":
                free += change.amount
            elif change.year == year and change.species == species:
                left *= 1 - change.amount
        return left, free

    def start(self, web: FoodWeb, biomass: Doubles, year: float) -> Doubles:
        """The biomass [s] after what happens at one moment in this year."""
        after = biomass.copy()
        for name in {change.species for _, change in self.moments if change.year == year}:
            at, (left, free) = web.names.index(name), self.turned(name, year)
            after[at] = after[at] * left + free
        return after

    def elsewhere(self, web: FoodWeb, biomass: Doubles, year: float) -> Doubles:
        """The biomass [s] in a year on the land about the one that a run is of, which goes on as it was at the start, `biomass`: what is removed or set free
        everywhere is so there too; all else, and what has a place, happens within alone."""
        everywhere = replace(self, changes=tuple(change for change in self.changes if not change.placed))
        for turn in everywhere.turns(np.nextafter(year, np.inf)):
            biomass = everywhere.start(web, biomass, turn)
        return biomass

    def columns(
        self, web: FoodWeb, year: float, ectotherm: npt.NDArray[np.bool_], celsius: float
    ) -> tuple[Doubles, Doubles]:
        """The columns of species and links in a year. `ectotherm` [s]: whose rates follow the temperature, which is `celsius` without change.

        What only a map can tell is left out. Protection holds whatever its place among the changes, as do zones of it over habitat that would be lost there.
        Several of a kind: rates of harvest and degrees add up, shares that are left multiply.
        """
        warmer = np.zeros(len(web.names))
        species, links = (
            dict(zip(SPECIES, web.species.copy(), strict=True)),
            dict(zip(LINK, web.links.copy(), strict=True)),
        )
        for change in sorted(self.changes, key=lambda change: change.what == "protect"):
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
                species["capacity"][one] *= max(1 - much * came(change, self.reserves, year), 1e-9)
            elif change.what in ("rain", "drought"):
                factor = max(1 + (change.rain - 1) * there, 1e-9)
                species["capacity"][one] *= factor
                species["growth"][one] *= factor
            elif change.what == "refuge":
                links["attack"][one[web.eaten]] *= 1 - much
            elif change.what == "warming":
                warmer[one & (ectotherm | web.producer)] += much
        for much in np.unique(warmer[warmer != 0]).tolist():
            warm = warmer == much
            for name, rate in (("growth", GROWTH), ("capacity", CAPACITY), ("loss", METABOLISM)):
                species[name][warm] *= rate.at(1.0, celsius + much) / rate.at(1.0, celsius)
            for name, rate in (("attack", ATTACK), ("handling", HANDLING)):
                links[name][warm[web.eater]] *= rate.at(1.0, celsius + much) / rate.at(1.0, celsius)
        return np.stack(list(species.values())), np.stack(list(links.values()))


def came(change: Change, reserves: Sequence[Change], year: float) -> float:
    """The share of a loss (of what its ramp gives for the year) that comes where `reserves` lie: each ends so much of it as it is there while the loss comes,
    and what was lost before stays lost."""
    if not reserves or not change.share(year):
        return 1.0
    long = min(year - change.year, change.ramp)
    # the loss comes evenly over its ramp; with none it comes at once
    times = change.year + long * (np.arange(RAMP_PARTS) + 0.5) / RAMP_PARTS if long else [change.year]
    return float(np.mean([np.prod([1 - zone.amount * zone.share(at) for zone in reserves]) for at in times]))


def _of(web: FoodWeb, name: str) -> npt.NDArray[np.bool_]:
    return np.array([name in (ALL, own) for own in web.names])


def _producers(web: FoodWeb) -> Sequence[str]:
    return [name for name, grows in zip(web.names, web.producer, strict=True) if grows]


def read_scenario(path: Path) -> Scenario:
    """The scenario in a TOML file; what else it may say of itself (BESIDE) is not read.

    Raises BadSetting for a key or value that is not allowed, BadData without a change.
    """
    document = read_toml(path)
    title, rows = document.pop("title", path.stem), document.pop("change", [])
    strange = [key for key in document if key not in BESIDE]
    if strange:
        known = ("title", "change", *BESIDE)
        raise BadSetting(
            strange[0], "…", f"a scenario has a title and [[change]] tables, and may have {', '.join(BESIDE)}", known
        )
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadSetting("change", rows, "is written as [[change]] tables")
    if not rows:
        raise BadData(path, "a scenario has at least one [[change]]")
    for row in rows:
        if isinstance(row.get("how"), dict):
            row["how"] = [f"{name}={json.dumps(value)}" for name, value in row["how"].items()]
    return Scenario(str(title), tuple(load(Change, None, row) for row in rows))
