"""What-if in tier C: the scenario as a process that comes first in each step, and feeding by zones whose rates it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from merian.core.errors import Unstable
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.feeding import Feeding
from merian.twin.grid.land import GridSettings, Quality, gridded
from merian.twin.grid.moving import Moving
from merian.twin.grid.weather import Rain
from merian.twin.hazards.contagion import Contagion
from merian.twin.ledger import Array, Flow
from merian.twin.solver import Limits
from merian.twin.space.altered import Altered, State
from merian.twin.space.clock import Clock
from merian.twin.space.settings import MapSettings
from merian.twin.space.threats import Bodies, threatened
from merian.twin.space.where import Mask
from merian.twin.world import World

__all__ = ["Begin", "Happening", "Zoned", "cells", "process_of"]

Kind = TypeVar("Kind")


def process_of(engine: Engine, kind: type[Kind]) -> Kind:
    """The process of a kind in an engine that has one."""
    return next(process for process in engine.processes if isinstance(process, kind))


@dataclass(frozen=True, eq=False)
class Begin:
    """How a course begins: at `start` g m-2 on the mean land cell [s], with the chance of a `seed`, with `bodies` for threats; or `after` another world, from
    where it goes on."""

    start: Doubles
    seed: int
    bodies: Bodies | None = None
    after: World | None = None

    def taken_up(self, world: World) -> World:
        """A world of the same kind as it was made, or as the other one stands."""
        if self.after is None:
            return world
        values = {name: array.copy() for name, array in self.after.values.items()}
        return World(world.ledger, values, world.seed, self.after.step, self.after.day)


class Zoned:
    """Producers grow, animals eat, are eaten and burn what they ate, in each cell by itself, by the rates of its zone.

    Each zone is fed as merian.twin.grid.feeding does, by the food web that the scenario leaves there.
    """

    name = "feeding"
    reads = ("green", "room")
    writes = ("biomass",)

    def __init__(self, webs: Sequence[FoodWeb], zones: Array, cell_m2: float, limits: Limits) -> None:
        """zones: [y, x], the number of the web of each cell."""
        self.masks: list[Mask] = [zones == zone for zone in range(len(webs))]
        self.parts = [Feeding(web, cell_m2, limits, 1) for web in webs]

    def fed_by(self, webs: Sequence[FoodWeb]) -> None:
        """Take the rates of these food webs from now on."""
        for part, web in zip(self.parts, webs, strict=True):
            part.web = web

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Solve every cell."""
        if len(self.parts) == 1:
            return self.parts[0].step(values, moment)
        came = went = 0.0
        for mask, part in zip(self.masks, self.parts, strict=True):
            inside = {name: values[name][mask][None] for name in ("green", "room")}
            inside["biomass"] = values["biomass"][:, mask][:, None]
            try:
                flow = part.step(inside, moment)["biomass"]
            except Unstable as error:
                where = tuple(np.argwhere(mask)[0].tolist())
                raise Unstable(
                    self.name, "biomass", f"of the zone that begins at {where} ({error})", moment.step
                ) from None
            values["biomass"][:, mask] = inside["biomass"][:, 0]
            came, went = came + flow.came, went + flow.went
        return {"biomass": Flow(came, went)}


class Happening:
    """The scenario comes: species are removed and set free, and the land, the weather and the rates become what it makes of them.

    What it does to fences, water, rain and rates holds for the processes that come after it in the step; how much of a change is there is told by its share
    of the year (merian.twin.scenario).
    """

    name = "scenario"
    reads = ()
    writes = ("biomass", "room")

    def __init__(self, altered: Altered, clock: Clock, engine: Engine, feeding: Zoned) -> None:
        """engine: of `gridded`, whose rain, quality and movement the scenario changes."""
        self.altered, self.clock, self.feeding = altered, clock, feeding
        self.rain, self.quality, self.moving = (
            process_of(engine, Rain),
            process_of(engine, Quality),
            process_of(engine, Moving),
        )
        self.months, self.room = self.rain.months_mm, engine.world.values["room"].copy()
        self.kg = altered.ground.landscape.frame.cell**2 / 1000.0
        self.ill = [process for process in engine.processes if isinstance(process, Contagion)]
        self._state: State | None = None

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Let happen what is due; what is removed goes, what is set free comes, in kg."""
        state = self.altered.at(self.clock.year(moment.step))
        if state is not self._state:
            self.rain.months_mm, self.quality.near_water = self.months * state.rain, state.water
            self.moving.gates, self._state = state.gates, state
            for contagion in self.ill:
                contagion.gates = state.gates
            self.feeding.fed_by(state.webs)
        values["room"][:] = np.maximum(self.room * state.room, 1e-9)
        came = went = 0.0
        names = self.altered.setting.web.names
        for at, change in self.altered.scenario.moments:
            if self.clock.step(change.year) != moment.step:
                continue
            here = (names.index(change.species), self.altered.box(at))
            if change.what == "introduce":
                values["biomass"][here] += change.amount
                came += change.amount * float(here[1].sum()) * self.kg
            else:
                gone = values["biomass"][here] * change.amount
                values["biomass"][here] -= gone
                went += float(gone.sum()) * self.kg
        return {"biomass": Flow(came, went)}


def cells(altered: Altered, begin: Begin, moves: Doubles, clock: Clock, settings: MapSettings) -> Engine:
    """An Engine of tier C in which a scenario happens. moves: m2 day-1 [s].

    Raises what `gridded` and `threatened` raise.
    """
    setting, landscape = altered.setting, altered.ground.landscape
    how = GridSettings(
        days=clock.days,
        latitude_deg=settings.latitude_deg,
        range_c=settings.range_c,
        rain_spread=settings.rain_spread,
        choice=settings.choice,
        crossing=settings.crossing,
        floor=settings.floor,
        seed=begin.seed,
        threads=1,
    )
    plain = gridded(setting.web, begin.start, moves, landscape, setting.celsius, how)
    limits = Limits(settings.relative, settings.relative * 1e-6, settings.floor)
    feeding = Zoned([setting.web] * (int(altered.zones.max()) + 1), altered.zones, landscape.frame.cell**2, limits)
    others = [feeding if isinstance(process, Feeding) else process for process in plain.processes]
    engine = threatened(Engine(begin.taken_up(plain.world), others, clock.days), altered, begin.bodies, clock)
    return Engine(engine.world, [Happening(altered, clock, engine, feeding), *engine.processes], clock.days)
