"""Disease, fire, poaching, livestock, disturbance and roads of a scenario, joined to the engine of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadData, BadSetting
from merian.twin.engine import Engine
from merian.twin.foodweb import Doubles
from merian.twin.hazards.asked import ARRIVES, CONSUMED, renewed, settings_of, threats
from merian.twin.hazards.contagion import Arrival, contagion
from merian.twin.hazards.disease import DiseaseSettings, pathogen
from merian.twin.hazards.disturbance import disturbed, shunned
from merian.twin.hazards.fire import FireSettings, Fuel, burning
from merian.twin.hazards.infection import infection
from merian.twin.hazards.join import When
from merian.twin.hazards.livestock import LivestockSettings, grazing
from merian.twin.hazards.people import PoachingSettings, km_to, poaching, taken
from merian.twin.hazards.roads import RoadSettings, killed, lengths_m, roads
from merian.twin.herds.window import Animals
from merian.twin.scenario import ALL, Change
from merian.twin.space.altered import Altered
from merian.twin.space.clock import Clock
from merian.twin.space.where import Mask
from merian.twin.space.zones import herd_of, settled

__all__ = ["Bodies", "threatened"]


@dataclass(frozen=True, eq=False)
class Bodies:
    """What threats must know of species beside the food web: `animals`, which of what grows is `grass` [s], and g m-2 of each when a run begins [s]."""

    animals: Animals
    grass: Mask
    start: Doubles


def threatened(engine: Engine, altered: Altered, bodies: Bodies | None, clock: Clock) -> Engine:
    """The engine of tier C or I with the threats of a scenario. Raises BadSetting as `threats` does."""
    found = threats(altered.scenario, None if bodies is None else bodies.grass)
    if not found:
        return engine
    if bodies is None:
        raise BadSetting("what", found[0].what, "needs an ecosystem, of whose bodies something is known")
    shy: list[tuple[Doubles, When]] = []
    stocks: list[tuple[Doubles, float, When]] = []
    for change in found:
        how, when = settings_of(change), _when(change, clock)
        if isinstance(how, DiseaseSettings):
            engine = _ill(engine, altered, change, (bodies, how, clock, when))
        elif isinstance(how, FireSettings):
            engine = _burnt(engine, altered, (bodies, how, when))
        elif isinstance(how, PoachingSettings):
            engine = _hunted(engine, altered, change, (bodies, how, clock))
        elif isinstance(how, LivestockSettings):
            engine, stock = _grazed(engine, altered, change, (bodies, how, clock))
            stocks += [(stock, how.avoid, when)] if change.path else []
        elif isinstance(how, RoadSettings):
            engine = _crossed(engine, altered, change, (bodies, how, when))
        else:
            near = np.exp(-_km(altered, change) / how.decay_km)
            shy.append((_named_or_all(altered, change)[:, None, None] * shunned(how.thinner, near), when))
    shy += _wary(altered, stocks)
    return disturbed(engine, shy) if shy else engine


def _wary(altered: Altered, stocks: Sequence[tuple[Doubles, float, When]]) -> list[tuple[Doubles, When]]:
    """By how much wild animals shun stock about bomas [s, y, x], and when: by how dense it is beside where all of it is densest. stocks: head km-2 [y, x], how
    much thinner animals stand there, and when."""
    most = max(float(np.sum([stock for stock, _, _ in stocks], axis=0).max()), 1e-12) if stocks else 1.0
    wild = ~altered.setting.web.producer[:, None, None]
    return [(wild * shunned(avoid, stock / most), when) for stock, avoid, when in stocks if avoid > 0 and stock.any()]


def _burnt(engine: Engine, altered: Altered, told: tuple[Bodies, FireSettings, When]) -> Engine:
    bodies, how, when = told
    grows = altered.setting.web.producer
    takes = np.where(bodies.grass, CONSUMED[True], CONSUMED[False]) * grows
    fuel = Fuel(bodies.grass & grows, takes)
    if "plants" in engine.world.values:
        fuel = Fuel(bodies.grass[grows], takes[grows])
    return burning(engine, how, fuel, when)


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
    found = pathogen(how, hosts, heads, renewed(altered.setting.web, bodies.start, bodies.animals.mortality))
    at = altered.scenario.changes.index(change)
    own = altered.setting.web.names.index(change.species)
    # half a step in, so that rounding of days puts it in no other
    arrival = Arrival((clock.step(change.year) + 0.5) * clock.days, ARRIVES, own, altered.box(at))
    if "number" in engine.world.values:
        return infection(engine, found, arrival, when)
    return contagion(engine, found, bodies.animals.adult_g, arrival, when)


def _hunted(engine: Engine, altered: Altered, change: Change, told: tuple[Bodies, PoachingSettings, Clock]) -> Engine:
    bodies, how, clock = told
    web, km = altered.setting.web, _km(altered, change)
    mass = np.where(_named_or_all(altered, change), bodies.animals.adult_g, 0.0)
    rates = taken(how, km, np.zeros(km.shape), mass)

    def when(day: float) -> Doubles:
        year = clock.year(round(day / clock.days))
        return change.share(year) * (1 - how.guarded * (1 - altered.places.spared(web.names, year)))

    return poaching(engine, rates, when, how)


def _grazed(
    engine: Engine, altered: Altered, change: Change, told: tuple[Bodies, LivestockSettings, Clock]
) -> tuple[Engine, Doubles]:
    """The engine with livestock, and head of it km-2 [y, x]."""
    bodies, how, clock = told
    web = altered.setting.web
    stock = herd_of(how, altered.places, altered.scenario.changes.index(change), _km(altered, change))
    fodder = bodies.grass & web.producer
    if "plants" in engine.world.values:
        fodder = fodder[web.producer]

    def when(day: float) -> Doubles:
        year = clock.year(round(day / clock.days))
        return change.share(year) * altered.places.grazed(year)

    return grazing(engine, how, stock, fodder, when), stock


def _crossed(engine: Engine, altered: Altered, change: Change, told: tuple[Bodies, RoadSettings, When]) -> Engine:
    bodies, how, when = told
    frame = altered.ground.landscape.frame
    mass = np.where(_named_or_all(altered, change), bodies.animals.adult_g, 0.0)
    long = lengths_m(change.points, (frame.rows, frame.columns), frame.cell)
    return roads(engine, killed(how, long, frame.cell**2, mass), when)


def _named_or_all(altered: Altered, change: Change) -> Mask:
    """Which animals a change concerns."""
    names = altered.setting.web.names if change.species == ALL else [change.species]
    return _named(altered, names) & ~altered.setting.web.producer


def _km(altered: Altered, change: Change) -> Doubles:
    """The distance of each cell to the settlements or the road of a change; infinite where it has none."""
    return km_to(settled(altered.ground.landscape.frame, change), altered.ground.landscape.frame.cell)
