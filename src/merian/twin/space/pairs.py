"""One member of an ensemble on a map: the same rates, start, weather and chance with a scenario and without it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting
from merian.twin.ecosystem import Ecosystem
from merian.twin.engine import Engine
from merian.twin.ensemble import Setting, last_years
from merian.twin.foodweb import Doubles
from merian.twin.herds.edges import larger
from merian.twin.herds.known import behaving
from merian.twin.herds.window import Animals
from merian.twin.landscape import Landscape
from merian.twin.scenario import YEAR_DAYS, Scenario
from merian.twin.solver import Limits, run
from merian.twin.space.altered import Altered, Ground
from merian.twin.space.animals import density, herds
from merian.twin.space.cells import Begin, cells
from merian.twin.space.clock import Clock
from merian.twin.space.settings import MapSettings
from merian.twin.space.threats import Bodies
from merian.twin.space.where import Mask, coarser, cropped
from merian.twin.world import World

__all__ = ["Course", "Field", "diffusion", "engine_under", "pair"]

BASELINE = Scenario("baseline", ())
STEP_KM, STEP_MASS = 0.0278, 0.48
"""km that an animal of 1 g gets in a month, and the power of its mass (g) with which that rises (Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841)."""
MONTH_DAYS = YEAR_DAYS / 12


def diffusion(mass_g: Doubles) -> Doubles:
    """How far animals spread, m2 day-1: D = v^2 / 4 per month, v the way of a month by body mass (STEP_KM)."""
    way = 1000.0 * STEP_KM * mass_g**STEP_MASS
    return np.asarray(way**2 / (4 * MONTH_DAYS))


@dataclass(frozen=True, eq=False)
class Field:
    """What an ensemble on a map is of: a `setting` (the food web and what a member draws), a `landscape`, how far species move (`moves`, m2 day-1 [s]; 0 of
    what grows), what is known of its `animals` (tier I and threats need it), which of what grows is `grass` [s] (fire needs it), and whether it is a piece of
    a `larger` land, over whose edges herds can come and go."""

    setting: Setting
    landscape: Landscape
    moves: Doubles
    animals: Animals | None = None
    grass: Mask | None = None
    larger: bool = False

    @classmethod
    def of_ecosystem(cls, ecosystem: Ecosystem, settings: MapSettings) -> Field:
        """An ecosystem on its landscape, coarsened to `rows`, or on a window of it. Raises BadSetting where that cannot be."""
        species, pools = ecosystem.species, np.ones(len(ecosystem.pools))
        moves = np.concatenate([diffusion(species["mass_g"]), 0 * pools])
        died = 1 / (species["longevity_years"] * YEAR_DAYS)
        animals = Animals(
            np.concatenate([species["mass_g"], pools]),
            np.concatenate([died, 0 * pools]),
            moves,
            np.concatenate([np.maximum(species["group_size"], 1), pools]),
        )
        grass = np.array([False] * len(species.names) + [pool.food == "grass" for pool in ecosystem.pools])
        if settings.tier == "herds":
            ground = cropped(ecosystem.landscape, 1000.0 * settings.window_km)
            if settings.behaviour:
                animals, _ = behaving(animals, species, ground, settings.latitude_deg)
        else:
            ground = coarser(ecosystem.landscape, settings.rows)
        return cls(Setting.of_ecosystem(ecosystem), ground, moves, animals, grass, larger(ecosystem.landscape.land))

    def bodies(self, start: Doubles) -> Bodies | None:
        """What threats must know, where a run begins at `start` g m-2 [s]; None where it is not known."""
        return None if self.animals is None or self.grass is None else Bodies(self.animals, self.grass, start)

    def ground(self, settings: MapSettings) -> Ground:
        """The landscape as it is moved over."""
        return Ground(self.landscape, settings.crossing, settings.matrix, settings.seed)


@dataclass(frozen=True, eq=False)
class Course:
    """A member's run: the mean over land of each species at the kept years, g m-2 [t, s], and its mean over the last years in each cell [s, y, x]."""

    rows: Doubles
    late: Doubles


class _Book:
    """What is kept of a run while it goes on."""

    def __init__(self, clock: Clock, field: Field) -> None:
        self.steps, self.years, self.field = clock.steps, clock.years, field
        species, shape = len(field.setting.web.names), field.landscape.land.shape
        self.rows, self.late = np.zeros((len(self.steps), species)), np.zeros((species, *shape))
        self.from_year = clock.span - last_years(clock.span)
        self.kept = int((self.years >= self.from_year).sum())

    def copy(self, clock: Clock) -> _Book:
        """Another book that begins with what is in this one."""
        other = _Book(clock, self.field)
        other.rows[:], other.late[:] = self.rows, self.late
        return other

    def see(self, world: World, _moved: object = None) -> None:
        """Keep what is to be kept of this step."""
        due = np.flatnonzero(self.steps == world.step)
        if not len(due):
            return
        found = world.values["biomass"]
        if "number" in world.values:
            found = density(world.values, self.field.setting.web.producer, self.field.landscape.frame.cell**2)
        for at in due.tolist():
            self.rows[at] = found[:, self.field.landscape.land].mean(1)
            if self.years[at] >= self.from_year:
                self.late += found / self.kept

    def closed(self) -> Course:
        return Course(self.rows, self.late)


def pair(field: Field, scenario: Scenario, settings: MapSettings, member: int) -> tuple[Course, Course]:
    """A member's courses without the scenario and with it. They are one run until the first change.

    Raises Unstable where the member cannot be run, BadSetting where the scenario does not fit the map.
    """
    if settings.rain_memory:
        raise BadSetting("rain_memory", settings.rain_memory, "on a map years of rain do not remember each other")
    clock = Clock.of(settings)
    web, start = field.setting.drawn(settings.seed, member)
    if settings.settle:
        limits = Limits(settings.relative, settings.relative * 1e-6, settings.floor)
        start = run(web, start, [0.0, settings.settle * YEAR_DAYS], limits).biomass[-1]
    swing = stream(settings.seed, "member", member, "moves").standard_normal(len(field.moves))
    word = int(stream(settings.seed, "member", member, "world").integers(2**62))
    own = replace(
        field, setting=replace(field.setting, web=web), moves=field.moves * np.exp(settings.move_spread * swing)
    )
    begin = Begin(start, word, own.bodies(start))
    plain = engine_under(own, BASELINE, begin, clock, settings)
    first = clock.begin + math.floor(min(scenario.edges(settings.years), default=settings.years) * clock.per_year)
    book = _Book(clock, own)
    book.see(plain.world)
    plain.run(min(first, clock.step(settings.years)), book.see)
    other = book.copy(clock)
    changed = engine_under(own, scenario, replace(begin, after=plain.world), clock, settings)
    for engine, kept in ((plain, book), (changed, other)):
        engine.run(clock.step(settings.years), kept.see)
    return book.closed(), other.closed()


def engine_under(field: Field, scenario: Scenario, begin: Begin, clock: Clock, settings: MapSettings) -> Engine:
    """The engine of one course: of a field in which a scenario happens, from where `begin` says. Raises what `cells` and `herds` raise."""
    altered = Altered(scenario, field.setting, field.ground(settings))
    if settings.tier == "grid":
        return cells(altered, begin, field.moves, clock, settings)
    if field.animals is None:
        raise BadData("field", "has no animals: it was made for another tier")
    animals = replace(field.animals, diffusion=field.moves)
    return herds(altered, begin, animals, clock, replace(settings, open_edges=settings.open_edges and field.larger))
