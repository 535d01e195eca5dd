"""Disease, fire and poaching of a scenario, joined to the engine of a map: what merian.twin.hazards holds, as a change asks for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadData, BadSetting
from merian.core.settings import load
from merian.twin.engine import Engine
from merian.twin.foodweb import Doubles
from merian.twin.hazards.contagion import Arrival, contagion
from merian.twin.hazards.disease import DiseaseSettings, pathogen
from merian.twin.hazards.fire import FireSettings, Fuel, burning
from merian.twin.hazards.infection import infection
from merian.twin.hazards.join import When
from merian.twin.hazards.people import PoachingSettings, km_to, poaching, taken
from merian.twin.herds.window import Animals
from merian.twin.scenario import ALL, Change, Scenario
from merian.twin.space.altered import Altered
from merian.twin.space.clock import Clock
from merian.twin.space.where import Mask, pointed, strip

__all__ = ["ARRIVES", "Bodies", "settled", "threatened", "threats"]

ARRIVES = 0.01
"""Share of a species that is infectious when a disease arrives (a choice)."""
CONSUMED = {True: 0.9, False: 0.2}
"""What a fire takes of grass, and of what else grows (a choice)."""
THREATS = ("disease", "fire", "poaching")


@dataclass(frozen=True, eq=False)
class Bodies:
    """What threats must know of species beside the food web: `animals`, which of what grows is `grass` [s], and g m-2 of each when a run begins [s]."""

    animals: Animals
    grass: Mask
    start: Doubles


def threats(scenario: Scenario) -> list[Change]:
    """The changes that are threats. Raises BadSetting for two of a kind, or settings that they have not."""
    found = [change for change in scenario.changes if change.what in THREATS]
    for change in found:
        if sum(other.what == change.what for other in found) > 1:
            raise BadSetting("what", change.what, "comes once in a scenario")
        _settings(change)
    return found


def _settings(change: Change) -> DiseaseSettings | FireSettings | PoachingSettings:
    """The settings of a threat: its amount, and what `how` says."""
    given = {}
    for text in change.how:
        name, sign, value = text.partition("=")
        if not sign:
            raise BadSetting("how", text, "is written as NAME=VALUE, or as a table")
        try:
            given[name.strip()] = json.loads(value)
        except json.JSONDecodeError as error:
            raise BadSetting(name.strip(), value, "is a number, true or false") from error
    if change.what == "disease":
        return load(DiseaseSettings, None, given | {"r0": change.amount})
    if change.what == "fire":
        return load(FireSettings, None, given | {"ignitions_km2_year": change.amount})
    return load(PoachingSettings, None, given | {"rate_year": change.amount})


def threatened(engine: Engine, altered: Altered, bodies: Bodies | None, clock: Clock) -> Engine:
    """The engine of tier C or I with the threats of a scenario. Raises BadSetting as `threats` does."""
    found = threats(altered.scenario)
    if not found:
        return engine
    if bodies is None:
        raise BadSetting("what", found[0].what, "needs an ecosystem, of whose bodies something is known")
    for change in found:
        how, when = _settings(change), _when(change, clock)
        if isinstance(how, DiseaseSettings):
            engine = _ill(engine, altered, change, (bodies, how, clock, when))
        elif isinstance(how, FireSettings):
            grows = altered.setting.web.producer
            takes = np.where(bodies.grass, CONSUMED[True], CONSUMED[False]) * grows
            fuel = Fuel(bodies.grass & grows, takes)
            if "plants" in engine.world.values:
                fuel = Fuel(bodies.grass[grows], takes[grows])
            engine = burning(engine, how, fuel, when)
        else:
            engine = _hunted(engine, altered, change, (bodies, how, when))
    return engine


def _when(change: Change, clock: Clock) -> When:
    return lambda day: change.share(clock.year(round(day / clock.days)))


def _named(altered: Altered, names: Sequence[str]) -> Mask:
    """Which species are called so."""
    return np.array([name in names for name in altered.setting.web.names])


def _ill(engine: Engine, altered: Altered, change: Change, told: tuple[Bodies, DiseaseSettings, Clock, When]) -> Engine:
    bodies, how, clock, when = told
    hosts = _named(altered, [change.species, *change.hosts])
    heads = np.where(hosts, bodies.start * 1e6 / np.where(hosts, bodies.animals.adult_g, 1.0), 0.0)
    if (heads[hosts] <= 0).any():
        raise BadData("disease", f"of {change.species} cannot come where a host is gone before")
    found = pathogen(how, hosts, heads, bodies.animals.mortality)
    at = altered.scenario.changes.index(change)
    own = altered.setting.web.names.index(change.species)
    # half a step in, so that rounding of days puts it in no other
    arrival = Arrival((clock.step(change.year) + 0.5) * clock.days, ARRIVES, own, altered.box(at))
    if "number" in engine.world.values:
        return infection(engine, found, arrival, when)
    return contagion(engine, found, bodies.animals.adult_g, arrival, when)


def _hunted(engine: Engine, altered: Altered, change: Change, told: tuple[Bodies, PoachingSettings, When]) -> Engine:
    bodies, how, when = told
    landscape, web = altered.ground.landscape, altered.setting.web
    km = km_to(settled(altered, change), landscape.frame.cell)
    mass = np.where(web.producer, 0.0, bodies.animals.adult_g)
    if change.species != ALL:
        mass = np.where(_named(altered, [change.species]), mass, 0.0)
    return poaching(engine, taken(how, km, np.zeros(km.shape), mass), when)


def settled(altered: Altered, change: Change) -> Mask:
    """The cells of settlements (one point) or of a road (a path) of poaching: bool [y, x]."""
    frame = altered.ground.landscape.frame
    return pointed(frame, change.points) if len(change.points) == 1 else strip(frame, change.points, 0.0)
