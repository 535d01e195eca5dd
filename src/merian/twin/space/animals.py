"""What-if in tier I: the scenario as a process that comes first in each step of a window of herds.

Where the window is open, the land beyond is as it was at the start, but for what is removed or set free everywhere: that is so beyond, too. All else happens
within alone: nobody poaches, hunts, protects or falls ill beyond, no rain fails there, and who comes from there has caught nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.land import Quality
from merian.twin.grid.weather import Rain
from merian.twin.herds.counts import binomial
from merian.twin.herds.eating import Eating, Growing, Integers
from merian.twin.herds.edges import NAMED, Passage
from merian.twin.herds.living import Living
from merian.twin.herds.roaming import Roaming
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.kinds import KINDS
from merian.twin.ledger import Array, Flow
from merian.twin.scenario import Change, Scenario
from merian.twin.space.altered import Altered, State
from merian.twin.space.cells import Begin, process_of
from merian.twin.space.clock import Clock
from merian.twin.space.settings import MapSettings
from merian.twin.space.threats import threatened

__all__ = ["Coming", "density", "herded", "herds"]

WHOLE = ("warming", "refuge")
"""Kinds that change rates of the whole window: animals walk from cell to cell within a day."""


class Coming:
    """The scenario comes: animals are taken and set free, and the land, the weather and the rates become what it makes of them.

    A harvest takes each animal with its hazard, by chance; what is removed is taken so too, at once. Herds that are set free have the size of their kind and
    stand at random where they were set free. The land beyond an open window loses and gets what the scenario removes and sets free everywhere.
    """

    name = "scenario"

    @property
    def reads(self) -> tuple[str, ...]:
        """The highest number that a herd was given, where herds come from beyond."""
        return () if self.passage is None else (NAMED.name,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The variables of a herd, and the room of what grows."""
        return (*self.living.writes, "room")

    def __init__(self, altered: Altered, clock: Clock, engine: Engine, told: tuple[Animals, Doubles]) -> None:
        """engine: of `window`, whose processes the scenario changes. told: of its animals, and g m-2 of each species with which it began [s]."""
        self.altered, self.clock, (self.animals, self.start) = altered, clock, told
        self.passage = next((process for process in engine.processes if isinstance(process, Passage)), None)
        self.rain, self.quality = process_of(engine, Rain), process_of(engine, Quality)
        self.roaming, self.eating = process_of(engine, Roaming), process_of(engine, Eating)
        self.growing, self.living = process_of(engine, Growing), process_of(engine, Living)
        self.months, self.room = self.rain.months_mm, engine.world.values["room"].copy()
        self._state: State | None = None

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Let happen what is due; who is taken goes, who is set free comes, in kg."""
        state = self.altered.at(self.clock.year(moment.step))
        due = [change for change in self.altered.scenario.changes if self._is_due(change, moment.step)]
        if self.passage is not None and (due or self._state is None):
            self._beyond(self.passage, moment.step)
        if state is not self._state:
            self._state = state
            self._let(state)
        values["room"][:] = np.maximum(self.room * state.room, 1e-9)
        came, went = 0.0, 0.0
        agents = values["who"], values["number"], values["mass"]
        harvest = np.stack([web["harvest"] for web in state.webs])
        if harvest.any():
            risk = -np.expm1(-harvest * moment.days)
            zone = self.altered.zones.ravel()[values["cell"]]
            went += _taken(agents, risk[zone, values["species"]], moment.chance, moment.step, 0)
        # chance is drawn by the place among moments, which the order of the changes does not alter
        for nth, (at, change) in enumerate(self.altered.scenario.moments):
            if not self._is_due(change, moment.step):
                continue
            if change.what == "introduce":
                came += self._set_free(values, change, (at, nth), moment)
            else:
                own = self.altered.setting.web.names.index(change.species)
                here = (values["species"] == own) & self.altered.box(at).ravel()[values["cell"]]
                agents = values["who"], values["number"], values["mass"]
                went += _taken(agents, change.amount * here, moment.chance, moment.step, 1 + nth)
        return {"biomass": Flow(came / 1000.0, went / 1000.0)}

    def _let(self, state: State) -> None:
        """Let the other processes go by what holds now."""
        web = state.webs[0]
        self.rain.months_mm, self.quality.near_water = self.months * state.rain, state.water
        self.roaming.gates, self.eating.web = state.gates, web
        self.growing.growth, self.growing.capacity = web["growth"][web.producer], web["capacity"][web.producer]
        self.living.burnt = np.maximum(web["loss"] - self.animals.mortality, 0.0)

    def _is_due(self, change: Change, step: int) -> bool:
        """Whether a change happens at the moment of this step."""
        return KINDS[change.what].moment and self.clock.step(change.year) == step

    def _beyond(self, passage: Passage, step: int) -> None:
        """Let the land beyond the window be as it is after this step."""
        # half a step on: what is due in this one has happened there, too, however its year is rounded
        year = self.clock.year(step) + 0.5 / self.clock.per_year
        there = self.altered.scenario.elsewhere(self.altered.setting.web, self.start, year)
        passage.beyond = passage.beyond.holding(there)

    def _set_free(self, values: dict[str, Array], change: Change, numbers: tuple[int, int], moment: Moment) -> float:
        """Set herds free: g. numbers: of the change among all, and among moments."""
        at, nth = numbers
        own, frame = self.altered.setting.web.names.index(change.species), self.altered.ground.landscape.frame
        places = np.flatnonzero(self.altered.box(at))
        adult, size = float(self.animals.adult_g[own]), max(round(float(self.animals.group[own])), 1)
        heads = round(change.amount * len(places) * frame.cell**2 / adult)
        sizes = np.full(-(-heads // size), size, np.int64)
        if heads:
            sizes[-1] = heads - size * (len(sizes) - 1)
        rng = stream(int(moment.chance[0]) | int(moment.chance[1]) << 32, "introduce", nth)
        cell, inside = rng.choice(places, len(sizes)), rng.random((3, len(sizes)))
        named = max(int(values["who"].max(initial=-1)), int(values[NAMED.name][0]) if self.passage is not None else -1)
        fresh: dict[str, Array] = {
            "who": named + 1 + np.arange(len(sizes)),
            "species": np.full(len(sizes), own, np.int64),
            "cell": cell,
            "x": (cell % frame.columns + inside[0]) * frame.cell,
            "y": (cell // frame.columns + inside[1]) * frame.cell,
            "heading": 2 * np.pi * inside[2],
            "number": sizes,
            "mass": np.full(len(sizes), adult),
        }
        # of all else that a herd carries they have nothing yet; where its animals are counted class by class, all are of the first
        for name in self.living.carried:
            fresh[name] = np.zeros((len(sizes), *values[name].shape[1:]), values[name].dtype)
        fresh |= {names[0]: sizes.copy() for names in self.living.counted}
        for name in self.living.writes:
            values[name] = np.concatenate([values[name], fresh[name]])
        return heads * adult


@compiled
def _taken(agents: tuple[Integers, Integers, Doubles], risk: Doubles, chance: draws.Key, step: int, slot: int) -> float:
    """Take each animal of each herd with its risk [a]: g."""
    who, number, mass = agents
    went = 0.0
    for herd in range(len(who)):
        if risk[herd] > 0.0 and number[herd] > 0:
            gone = binomial(draws.uniform(chance, who[herd], step, slot), number[herd], risk[herd])
            number[herd] -= gone
            went += gone * mass[herd]
    return went


def herded(scenario: Scenario, web: FoodWeb) -> None:
    """Raise BadSetting for a change that a window of herds cannot hold."""
    grows = [name for name, producer in zip(web.names, web.producer, strict=True) if producer]
    for change in scenario.changes:
        if KINDS[change.what].moment and change.species in grows:
            raise BadSetting("species", change.species, f"among herds {change.what!r} concerns animals")
        if change.within and (change.what in WHOLE or (change.what == "habitat" and change.species != "all")):
            raise BadSetting("within", change.within, f"among herds {change.what!r} holds in the whole window")


def herds(altered: Altered, begin: Begin, animals: Animals, clock: Clock, settings: MapSettings) -> Engine:
    """An Engine of tier I in which a scenario happens. Raises what `window` and `threatened` raise, and BadSetting as `herded` does."""
    herded(altered.scenario, altered.setting.web)
    how = WindowSettings(
        days=clock.days,
        latitude_deg=settings.latitude_deg,
        range_c=settings.range_c,
        rain_spread=settings.rain_spread,
        choice=settings.choice,
        crossing=settings.crossing,
        meeting_km=settings.meeting_km,
        hunger=settings.hunger,
        open_edges=settings.open_edges,
        seed=begin.seed,
        threads=1,
    )
    setting = altered.setting
    plain = window(setting.web, begin.start, animals, altered.ground.landscape, setting.celsius, how)
    engine = Engine(begin.taken_up(plain.world), plain.processes, clock.days)
    engine = threatened(engine, altered, begin.bodies, clock)
    return Engine(engine.world, [Coming(altered, clock, engine, (animals, begin.start)), *engine.processes], clock.days)


def density(values: Mapping[str, Array], producer: Array, cell_m2: float) -> Doubles:
    """Biomass of each species in each cell, g m-2 [s, y, x], as animals stand."""
    found = np.zeros((len(producer), *values["room"].shape))
    weight = values["number"] * values["mass"] / cell_m2
    size = values["room"].size
    found += np.bincount(values["species"] * size + values["cell"], weight, found.size).reshape(found.shape)
    found[producer] = values["plants"]
    return found
