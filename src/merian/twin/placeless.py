"""A scenario where there are no places: in the food web alone, and for cohorts.

What acts in a zone acts on its share of the land, all of it well mixed; where zones overlap their shares do. What is taken about settlements and on roads is
the mean over the land of what a map would have. Fences, corridors, water and disturbance are left out, and said to be. Cohorts live in cells of their own
coarse map: diseases and fires go from one to the next (merian.twin.cohorts.threats).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin.change import ALL, Change
from merian.twin.foodweb import SPECIES, Doubles, FoodWeb
from merian.twin.hazards.asked import ARRIVES, settings_of, threats
from merian.twin.hazards.livestock import LivestockSettings, stocked
from merian.twin.hazards.people import PoachingSettings, km_to, taken
from merian.twin.hazards.roads import RoadSettings, killed, lengths_m
from merian.twin.kinds import KINDS
from merian.twin.landscape import Landscape
from merian.twin.scenario import Scenario
from merian.twin.space.zones import Zones, settled

__all__ = ["BY_STATE", "Known", "Placeless", "left_out", "placeless"]

NOWHERE = ("fence", "corridor", "waterpoint", "disturbance")
"""Kinds that are nothing where there are no places."""
BY_STATE = ("disease", "fire", "livestock")
"""Threats that act by what there is: merian.twin.hazards.mixed, and merian.twin.cohorts.threats."""
HARVEST = list(SPECIES).index("harvest")


@dataclass(frozen=True, eq=False)
class Known:
    """What threats must know beside a food web, each [s]: `adult_g` (of what grows nothing is read), deaths (`mortality`, day-1) and which of what grows is
    `grass`; and the `landscape` over whose land they are mixed, at so many degrees of latitude."""

    adult_g: Doubles
    mortality: Doubles
    grass: npt.NDArray[np.bool_]
    landscape: Landscape
    latitude_deg: float = -2.0


@dataclass(frozen=True)
class Placeless(Scenario):
    """A scenario without its places. `changes` have amounts of the mean land; `parts` are the shares of the land in which the same changes of rates hold, with
    these; `zones` and `told` are those of the scenario with its places, and `known` what its threats must know."""

    parts: tuple[tuple[float, Scenario], ...]
    zones: Zones
    told: Scenario
    known: Known
    _rates: dict[int, Doubles] = field(default_factory=dict, repr=False, compare=False)

    @property
    def mapped(self) -> list[Change]:
        """None: places are taken out of it."""
        return []

    def turned(self, species: str, year: float) -> tuple[float, float]:
        """The share of a species on the mean land that is left after what happens at one moment in this year, and g m-2 of it that come then."""
        found = [(share, part.turned(species, year)) for share, part in self.parts]
        # over the whole, so that nothing or all of a species is so to the last bit
        whole = sum(share for share, _ in found)
        left, free = (sum(share * each[which] for share, each in found) / whole for which in (0, 1))
        return left, free

    def edges(self, years: float) -> list[float]:
        """The years before the last in which a change begins or ends."""
        return self.told.edges(years)

    def columns(
        self, web: FoodWeb, year: float, ectotherm: npt.NDArray[np.bool_], celsius: float
    ) -> tuple[Doubles, Doubles]:
        """The columns of species and links in a year: of each share of the land, by its share; with what is taken by people and on roads as a harvest."""
        found = [(share, part.columns(web, year, ectotherm, celsius)) for share, part in self.parts]
        species, links = (np.sum([share * columns[at] for share, columns in found], axis=0) for at in (0, 1))
        for at, change in enumerate(self.told.changes):
            if change.what in ("poaching", "road") and change.share(year):
                species[HARVEST] += self._taken(web, at, year)
        return species, links

    def arriving(self, at: int) -> float:
        """The share of its species that becomes infectious when the disease of this number arrives, on the mean land."""
        return ARRIVES * float(self.zones.masks[at][self.known.landscape.land].mean())

    def head_km2(self, at: int, year: float) -> float:
        """Stock on the mean land, of the change of this number once it is wholly there, as far as zones of protection let it graze."""
        how, land = settings_of(self.told.changes[at]), self.known.landscape.land
        if not isinstance(how, LivestockSettings):
            raise BadSetting("what", self.told.changes[at].what, "has no stock")
        # bomas gather stock and add none: on the mean of its zone it is what is asked for
        stock = stocked(how, np.full(land.shape, np.inf), self.zones.masks[at] & land)
        return float((stock * self.zones.grazed(year))[land].mean())

    def _taken(self, web: FoodWeb, at: int, year: float) -> Doubles:
        """What people, or vehicles, take of each species in a year: day-1 [s], the mean over the land."""
        change, land = self.told.changes[at], self.known.landscape.land
        if at not in self._rates:
            self._rates[at] = self._where(web, at)
        rates, how = self._rates[at], settings_of(change)
        if isinstance(how, PoachingSettings) and any(one.what == "protect" for one in self.told.changes):
            rates = rates * (1 - how.guarded * (1 - self.zones.spared(web.names, year)[:, land]))
        return np.asarray(change.share(year) * rates.mean(1))

    def _where(self, web: FoodWeb, at: int) -> Doubles:
        """The rates of poaching or of a road on the land, without protection: day-1 [s, cells of land]."""
        change, land, frame = self.told.changes[at], self.known.landscape.land, self.known.landscape.frame
        own = np.array([change.species in (ALL, name) for name in web.names]) & ~web.producer
        mass, how = np.where(own, self.known.adult_g, 0.0), settings_of(change)
        if isinstance(how, PoachingSettings):
            km = km_to(settled(frame, change), frame.cell)
            return taken(how, km, np.zeros(km.shape), mass)[:, land]
        if isinstance(how, RoadSettings):
            long = lengths_m(change.points, (frame.rows, frame.columns), frame.cell)
            return killed(how, long, frame.cell**2, mass)[:, land]
        raise BadSetting("what", change.what, "takes nothing at a rate of its own")


def placeless(scenario: Scenario, known: Known) -> Scenario:
    """The scenario without its places, and as it is where it has none.

    Raises BadSetting where nothing of it is left, and as `threats` does.
    """
    if not scenario.mapped:
        return scenario
    threats(scenario, known.grass)
    if all(change.what in NOWHERE for change in scenario.changes):
        said = "needs a map, and the food web and cohorts have none: --tier grid, or herds"
        raise BadSetting("within, path", scenario.changes[0].words, said)
    zones, land = Zones(scenario, known.landscape), known.landscape.land
    shares = [float(mask[land].mean()) for mask in zones.masks]
    placed = [at for at, change in enumerate(scenario.changes) if change.placed]
    codes = np.zeros(land.shape, np.int64)
    for bit, at in enumerate(placed):
        if shares[at] == 0:
            raise BadSetting("within, area", scenario.changes[at].corners, "holds no land")
        codes += zones.masks[at].astype(np.int64) << bit
    kinds, counts = np.unique(codes[land], return_counts=True)
    parts = []
    for code, count in zip(kinds.tolist(), counts.tolist(), strict=True):
        inside = [c for at, c in enumerate(scenario.changes) if at not in placed or code >> placed.index(at) & 1]
        parts.append((count / int(land.sum()), Scenario(scenario.title, tuple(inside))))
    mean = [
        _of_the_mean_land(c, share) for c, share in zip(scenario.changes, shares, strict=True) if c.what not in NOWHERE
    ]
    return Placeless(scenario.title, tuple(mean), tuple(parts), zones, scenario, known)


def _of_the_mean_land(change: Change, share: float) -> Change:
    """A change without its zone, of so large a share of the land."""
    much = 1 + (change.amount - 1) * share if change.what == "rain" else change.amount * share
    whole = change.placed and not KINDS[change.what].threat
    return replace(change, within=(), area=(), amount=much) if whole else change


def left_out(changes: Sequence[Change], cells: bool) -> list[str]:
    """What a tier without places makes of changes that have one, in words. `cells`: whether it has cells of its own nevertheless, as cohorts do."""
    said = []
    for change in changes:
        if change.what in NOWHERE:
            said.append(f"left out, since a tier without places does not know it: {change.words}")
        elif cells and change.what == "disease":
            said.append(
                "this tier has no places: a disease arrives in all cells, and goes from one to the next with who leaves"
            )
        elif cells and change.what == "fire":
            said.append(
                "fires go from cell to cell of the land's own map, whose fuel is the mean of this tier's coarser cells"
            )
        elif change.what in ("poaching", "road"):
            said.append(f"this tier has no places: {change.what} takes from all alike what it would on the mean land")
        elif change.what in BY_STATE:
            said.append(f"this tier has no places: {change.what} comes over all the land, well mixed")
        elif change.placed:
            said.append(f"this tier has no places: {change.what} acts on the share of the land that its zone has")
    return list(dict.fromkeys(said))
