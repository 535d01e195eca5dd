"""The stage: a window of an ecosystem that runs herd by herd (tier I), beside it the same window under a scenario, and what is shown of both.

Both draw the same chance for the same animal and step, so what sets them apart is the scenario. The ground is made by seed and the first places are drawn by
chance: no place on it is a place on Earth, nor is any animal one that was observed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.ecosystem import Ecosystem
from merian.twin.engine import Engine
from merian.twin.ensemble import Setting
from merian.twin.foodweb import Doubles, Integers
from merian.twin.frames.codec import DOES, WHAT
from merian.twin.frames.motion import Hour, gait_of, moved
from merian.twin.frames.settings import NOTICE, SHOWN_KINDS, StageSettings
from merian.twin.frames.views import FIELDS, NOBODY, SPEED_UNIT, STATS, Going, Passed, Room, View, viewed
from merian.twin.herds.edges import Passage, larger, wide
from merian.twin.herds.known import behaving
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.kinds import KINDS
from merian.twin.landscape import generated
from merian.twin.scenario import YEAR_DAYS, Change, Scenario
from merian.twin.senses.eyes import eyes_of
from merian.twin.space.pairs import diffusion
from merian.twin.world import World

__all__ = ["Stage"]

RAMP = 0.01
"""A change that comes over years is followed in steps of this share."""


class Stage:
    """Two worlds of one window, `views` of them, and the scenario that sets them apart.

    Raises BadSetting for an ecosystem of more species than a frame can name, and what `window` raises.
    """

    def __init__(self, ecosystem: Ecosystem, settings: StageSettings) -> None:
        self.ecosystem, self.settings = ecosystem, settings
        balance = ecosystem.balance()
        self.web, self.start = balance.web, balance.start
        if len(self.web.names) > 255:
            raise BadSetting("ecosystem", len(self.web.names), "has 255 species and pools at most to be shown")
        self.setting = Setting.of_ecosystem(ecosystem)
        self._gait = gait_of(np.concatenate([ecosystem.species["speed_km_h"], np.zeros(len(ecosystem.pools))]))
        flesh = ~self.web.producer[self.web.eaten]
        self._prey, self._hunts = (
            np.isin(np.arange(len(self.start)), side[flesh]) for side in (self.web.eaten, self.web.eater)
        )
        self._chance = draws.key(settings.seed, "motion")
        rain = ecosystem.landscape.layers["rain"][:, ecosystem.landscape.land].mean(1)
        width_m = 1000.0 * settings.window_km
        self.ground = generated("plain", settings.seed, settings.rows, width_m / settings.rows, tuple(rain.tolist()))
        self.room = Room(width_m, settings.step_hours * 3600.0, self.web.producer, self.ground)
        self.open = settings.open_edges and larger(ecosystem.landscape.land)
        self.animals, self.remarks = self._animals()
        if self.open:
            ranges = ecosystem.species["home_range_km2"]
            self.remarks = (*self.remarks, *wide(ecosystem.species.common, ranges, settings.window_km))
        self.restart()

    def _animals(self) -> tuple[Animals, tuple[str, ...]]:
        """What is known of the animals, herds so large that there are no more of them than asked for; and what must be known beside."""
        species, settings = self.ecosystem.species, self.settings
        plants = np.ones(len(self.ecosystem.pools))
        heads = self.start[: len(species.names)] * (1e6 * settings.window_km**2) / species["mass_g"]
        group = np.fmax(species["group_size"], 1.0)
        group = np.maximum(group * max(float((heads / group).sum()) / settings.herds, 1.0), 1.0)
        plain = Animals(
            np.concatenate([species["mass_g"], plants]),
            np.concatenate([1 / (species["longevity_years"] * YEAR_DAYS), 0 * plants]),
            np.concatenate([diffusion(species["mass_g"]), 0 * plants]),
            np.concatenate([group, plants]),
        )
        if not settings.behaviour:
            return plain, self.ecosystem.remarks
        animals, told = behaving(plain, species, self.ground, settings.latitude_deg)
        return animals, (*self.ecosystem.remarks, *told)

    def restart(self) -> None:
        """Begin anew, without a scenario."""
        self.scenario: Scenario | None = None
        self._since = 0.0
        self._shares: tuple[int, ...] = ()
        self._done: set[Change] = set()
        self._engines = [self._engine(Scenario("baseline", ()), 0.0)]
        self.room.top = 1.2 * float(self._engines[0].world.values["plants"].sum(0).max())
        self._views: list[View | None] = [None, None]
        self._was: list[Places | None] = [None, None]
        self._passed: list[Passed] = [NOBODY, NOBODY]

    @property
    def day(self) -> float:
        """Days since the start."""
        return self._engines[0].world.day

    @property
    def worlds(self) -> tuple[World, ...]:
        """The world as it is, and as it is under the scenario where there is one."""
        return tuple(engine.world for engine in self._engines)

    def alter(self, scenario: Scenario) -> None:
        """Let a scenario hold from now on; its years count from here. One without changes ends what there was.

        Where none held before, the other world begins as a copy of this one. Raises BadSetting for a change that cannot be shown, or that fits no species.
        """
        scenario = scenario.named(dict(zip(self.common, self.web.names, strict=True)))
        scenario.checked(self.web, math.inf, self.common)
        for change in scenario.changes:
            if change.what not in SHOWN_KINDS or change.mapped or change.pattern != "even":
                raise BadSetting(
                    "what",
                    change.what,
                    f"while it runs can be one of {', '.join(SHOWN_KINDS)}, in the whole window",
                    SHOWN_KINDS,
                )
        if not scenario.changes:
            self.scenario, self._shares, self._engines = None, (), self._engines[:1]
            self._done, self._views[1] = set(), None
            return
        self.scenario, self._since = scenario, self.day
        if len(self._engines) == 1:
            plain = self._engines[0].world
            copied = World(
                plain.ledger, {k: v.copy() for k, v in plain.values.items()}, plain.seed, plain.step, plain.day
            )
            self._engines.append(self._engine(scenario, 0.0, copied))
        self._follow(anew=True)

    def step(self) -> None:
        """Go on by one step, in both worlds. Raises Unstable where a value leaves its bounds."""
        for at, engine in enumerate(self._engines):
            self._was[at] = _places(engine.world)
            engine.step()
            for process in engine.processes:
                if isinstance(process, Passage):
                    came, left = self._passed[at]
                    self._passed[at] = np.concatenate([came, process.came]), np.concatenate([left, process.left])
        self._follow()

    def views(self, share: float | None = None) -> list[View]:
        """What is to be seen of each world now; what happened and how fast animals are is told since the views before.

        share: of the last step, from 0 (its beginning) to 1, for a viewer that looks more often than once a step: herds are on their ways through it
        (merian.twin.frames.motion). None: after it, speeds being those of straight lines from view to view.
        """
        for at, world in enumerate(self.worlds):
            going = None if share is None else self._going(at, share)
            self._views[at] = viewed(self.room, world, at, self._views[at], self._passed[at], going)
            self._passed[at] = NOBODY
        return [view for view in self._views[: len(self._engines)] if view is not None]

    def _going(self, at: int, share: float) -> Going:
        """Where the herds of a world are after a share of its last step. One that is new is where it came to be; in the first step nothing has moved yet."""
        world, was = self._engines[at].world, self._was[at]
        now = _places(world)
        start, end = np.stack(now[1:4]), np.stack(now[1:4])
        bursts = np.zeros(len(now[0]), bool)
        if was is not None and len(was[0]):
            order = np.argsort(was[0])
            found = order[np.minimum(np.searchsorted(was[0][order], now[0]), len(order) - 1)]
            known = was[0][found] == now[0]
            start[:, known] = np.stack(was[1:4])[:, found[known]]
            lost = known & (now[4] < was[4][found])
            bursts = (self._prey[now[6]] & lost) | (self._hunts[now[6]] & known & (now[5] > was[5][found]))
        seconds = self.room.step_s
        hour = Hour(now[0], now[6], start, end, bursts, world.step, seconds, self.room.width_m)
        moment = moved(hour, self._gait, share * seconds, self._chance)
        days = self.settings.step_hours / 24.0
        return Going(moment.x, moment.y, moment.heading, moment.speed, world.day - (1.0 - share) * days)

    @property
    def common(self) -> list[str]:
        """Common names of species and pools, in the order of the web."""
        return [*self.ecosystem.species.common, *(pool.name for pool in self.ecosystem.pools)]

    def hello(self) -> dict[str, Any]:
        """What a viewer must know first: the window, species with their eyes, links, what can be turned, what numbers mean."""
        settings, species = self.settings, self.ecosystem.species
        classes = [*species.classes, *("" for _ in self.ecosystem.pools)]
        table = [
            {
                "name": name,
                "common": common,
                "class": kind,
                "plant": bool(grows),
                "mass_g": None if grows else float(mass),
                "eyes": None if grows else _eyes(name),
            }
            for name, common, kind, grows, mass in zip(
                self.web.names, self.common, classes, self.web.producer, self.animals.adult_g, strict=True
            )
        ]
        links = self.ecosystem.web_links.select("eater", "eaten", "part", "probability", "evidence")
        kinds = {name: KINDS[name] for name in SHOWN_KINDS}
        return {
            "title": self.ecosystem.name,
            "notice": NOTICE,
            "width_m": self.room.width_m,
            "step_hours": settings.step_hours,
            "rows": settings.rows,
            "speed_unit_m_s": SPEED_UNIT,
            "worlds": ["baseline", "scenario"],
            "does": list(DOES),
            "what": list(WHAT),
            "fields": [{"name": name, "unit": unit, "still": still} for name, unit, still in FIELDS],
            "stats": list(STATS),
            "species": table,
            "links": links.to_dicts(),
            "sliders": [
                {
                    "what": name,
                    "meaning": kind.meaning,
                    "unit": kind.unit,
                    "low": kind.low,
                    "high": kind.high,
                    "measured": list(kind.measured),
                    "of_one": kind.whom == "one",
                }
                for name, kind in kinds.items()
            ],
            "remarks": list(self.remarks),
        }

    def _year(self) -> float:
        return (self.day - self._since) / YEAR_DAYS

    def _follow(self, anew: bool = False) -> None:
        """Let the scenario's world live by what holds now."""
        if self.scenario is None:
            return
        year = self._year()
        shares = tuple(round(change.share(year) / RAMP) for change in self.scenario.changes)
        if anew or shares != self._shares:
            self._shares = shares
            self._engines[1] = self._engine(self.scenario, year, self._engines[1].world)
        for change in self.scenario.changes:
            if change.what == "remove" and change.year <= year and change not in self._done:
                self._done = self._done | {change}
                _removed(self._engines[1].world, change, self.web.names)

    def _engine(self, scenario: Scenario, year: float, world: World | None = None) -> Engine:
        """An engine by the rates of a scenario in a year, of a world that there is, or of one at its start."""
        settings, setting, web = self.settings, self.setting, self.web
        species, links = scenario.columns(web, year, setting.ectotherm, setting.celsius)
        changed = replace(web, species=species, links=links)
        # among animals a harvest is one more way to die, and no more metabolism
        taken = changed["harvest"]
        changed = changed.changed(loss=changed["loss"] + taken)
        animals = replace(self.animals, mortality=self.animals.mortality + taken)
        how = WindowSettings(
            days=settings.step_hours / 24.0,
            latitude_deg=settings.latitude_deg,
            persistence=settings.persistence,
            rain_spread=settings.rain_spread,
            meeting_km=settings.meeting_km,
            hunger=settings.hunger,
            open_edges=self.open,
            seed=settings.seed,
            threads=1,
        )
        # what the scenario removed is missing beyond the window, too
        beyond = scenario.elsewhere(web, self.start, year)
        engine = window(changed, beyond, animals, self.ground, setting.celsius, how)
        if world is not None:
            engine.world = world
        return engine


Places = tuple[Integers, Doubles, Doubles, Doubles, Integers, Doubles, Integers]
"""Number, x, y, heading, animals, mass and species of each herd of a world [a]."""


def _places(world: World) -> Places:
    """Of the herds that live, copied."""
    values = world.values
    lives = values["number"] > 0
    names = ("who", "x", "y", "heading", "number", "mass", "species")
    who, x, y, heading, number, mass, species = (values[name][lives] for name in names)
    return who, x, y, heading, number, mass, species


def _eyes(name: str) -> dict[str, Any] | None:
    """The eyes of a species of this scientific name, None where nobody's stand for them."""
    try:
        found = eyes_of(name)
    except BadSetting:
        return None
    return found.described() if found.name == name else None


def _removed(world: World, change: Change, names: Sequence[str]) -> None:
    """Take a share of each herd of a species away: to the nearest animal, the last of it where all go."""
    own = world.values["species"] == names.index(change.species)
    number = world.values["number"]
    world.values["number"] = np.where(own, np.round(number * (1.0 - change.amount)).astype(number.dtype), number)
