"""Disease, fire and livestock of a scenario among cohorts, put to the engines of one course.

A disease arrives in the share of its species that its zone has of the land, in all cells alike, and goes with who leaves. Fires go from cell to cell of the
land's own map, whose cells have the fuel and water of the coarser one that they lie in; of that its share burns. Livestock grazes everywhere at the mean of its
density.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from merian.twin.cohorts.ground import Ground
from merian.twin.engine import Engine, Process
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.hazards.asked import CONSUMED, renewed, settings_of, threats
from merian.twin.hazards.contagion import Arrival
from merian.twin.hazards.disease import DiseaseSettings, Pathogen, pathogen
from merian.twin.hazards.fire import FireSettings, Fuel, burning
from merian.twin.hazards.join import When
from merian.twin.hazards.livestock import LivestockSettings, grazing
from merian.twin.hazards.outbreak import outbreak
from merian.twin.placeless import BY_STATE, Placeless
from merian.twin.pools import YEAR_DAYS
from merian.twin.scenario import Change
from merian.twin.world import World

__all__ = ["Begun", "Threats"]

SOON = 1e-9
"""Years by which a day is later than it says, so that rounding puts no change into the step after its own."""


@dataclass(frozen=True, eq=False)
class Begun:
    """Where a course begins: the food `web` of its member, the `world` in year 0, g m-2 of each species and pool there [s + p], and grams of plants in a gram
    of each pool [p] (leaves are wet where animals eat by size)."""

    web: FoodWeb
    world: World
    start: Doubles
    wet: Doubles


class Threats:
    """What threatens one course of cohorts."""

    def __init__(self, scenario: Placeless, begun: Begun, ground: Ground, days: float) -> None:
        """days: of a step."""
        self.scenario, self.begun, self.ground, self.days = scenario, begun, ground, days
        self.ledger, self.origin = begun.world.ledger, begun.world.day
        changes = scenario.told.changes
        asked = [change for change in threats(scenario.told) if change.what in BY_STATE]
        ill = [(change, self._pathogen(change)) for change in asked if change.what == "disease"]
        self._ill = [(change, found) for change, found in ill if found is not None]
        self._land = [(change, changes.index(change)) for change in asked if change.what != "disease"]

    def put(self, world: World, processes: Sequence[Process]) -> Engine:
        """The Engine of a world with these processes and what threatens it; what is known of its sick goes on."""
        plain = {name: world.values[name] for name in self.ledger.variables}
        engine = Engine(World(self.ledger, plain, world.seed, world.step, world.day), processes, self.days)
        for change, found in self._ill:
            own = self.begun.web.names.index(change.species)
            steps = math.ceil((change.year - SOON) * YEAR_DAYS / self.days)
            # half a step in, so that rounding of days puts it in no other
            day = self.origin + (max(steps, 0) + 0.5) * self.days
            share = self.scenario.arriving(self.scenario.told.changes.index(change))
            engine = outbreak(engine, found, Arrival(day, share, own), self._when(change))
        for change, at in self._land:
            engine = self._on_land(engine, change, at)
        engine.world.values.update({name: world.values[name] for name in engine.world.values if name in world.values})
        return engine

    def _year(self, day: float) -> float:
        """The year of the run."""
        return (day - self.origin) / YEAR_DAYS + SOON

    def _when(self, change: Change) -> When:
        return lambda day: change.share(self._year(day))

    def _pathogen(self, change: Change) -> Pathogen | None:
        """The pathogen of a disease among the kinds that are there when the course begins, by their heads; None where its own species is not."""
        how, web = settings_of(change), self.begun.web
        names = [name for name, grows in zip(web.names, web.producer, strict=True) if not grows]
        values, known = self.begun.world.values, self.scenario.known
        area_km2 = self.ground.cell_m2 * len(self.ground.cells) / 1e6
        heads = np.bincount(values["kind"], values["number"], len(names)) / area_km2
        hosts = np.array([name in (change.species, *change.hosts) for name in names]) & (heads > 0)
        if not isinstance(how, DiseaseSettings) or not hosts[names.index(change.species)]:
            return None
        born = renewed(self.begun.web, self.begun.start, known.mortality)[: len(names)]
        return pathogen(how, hosts, heads, born)

    def _on_land(self, engine: Engine, change: Change, at: int) -> Engine:
        """The Engine with a fire or livestock."""
        how, grass = settings_of(change), self.scenario.known.grass[self.begun.web.producer]
        wet = float(self.begun.wet[grass][0])
        if isinstance(how, FireSettings):
            land = self.scenario.known.landscape.land
            takes = np.where(grass, CONSUMED[True], CONSUMED[False])
            fuel = Fuel(grass, takes, len(land) // len(self.ground.land), land)
            return burning(engine, replace(how, half_g_m2=how.half_g_m2 * wet), fuel, self._when(change))

        def when(day: float) -> float:
            year = self._year(day)
            return change.share(year) * self.scenario.head_km2(at, year)

        if isinstance(how, LivestockSettings):
            # of wet leaves a herd takes as many times more as they weigh
            eats = replace(how, half_g_m2=how.half_g_m2 * wet, intake_day=how.intake_day * wet)
            engine = grazing(engine, eats, self.ground.land.astype(float), grass, when)
        return engine
