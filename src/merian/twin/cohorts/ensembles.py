"""What-if with ages and stages: paired ensembles of cohorts, with a scenario and without it.

A member is an ecosystem drawn from the evidence, as in merian.twin.ensemble. Its food web comes to rest first, then its cohorts for `stages_years`; from there
it goes on twice, once with the scenario, and both draw the same chance. Rates change at the beginning of the first step after a change, and every year.
Diseases, fire and livestock act in every step (merian.twin.cohorts.threats).
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Unstable
from merian.core.progress import track
from merian.core.workers import cores
from merian.twin.cohorts.columns import BYTES
from merian.twin.cohorts.ground import Ground, coarse
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.cohorts.species import RAIN_SPREAD, WARM, cohorts, founders, life_of, standing, wetness
from merian.twin.cohorts.threats import Begun, Threats
from merian.twin.cohorts.worlds import Life, founded, peopled, processes
from merian.twin.ecosystem import Ecosystem
from merian.twin.engine import Engine
from merian.twin.ensemble import Ensemble, EnsembleSettings, Setting, gathered, kept_years
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.memory import room_for
from merian.twin.placeless import BY_STATE, Placeless, placeless
from merian.twin.pools import YEAR_DAYS
from merian.twin.scenario import ALL, Scenario
from merian.twin.solver import Limits, run
from merian.twin.world import World

__all__ = ["Member", "cohort_engine", "cohort_ensemble", "cohort_pair", "cohort_ready"]

BASELINE = Scenario("baseline", ())


@dataclass(frozen=True, eq=False)
class Member:
    """One member: its ecosystem, its food web, the ground, how it is run, and its seed."""

    ecosystem: Ecosystem
    web: FoodWeb
    ground: Ground
    settings: CohortSettings
    rain_spread: float
    seed: int

    def begun(self, start: Doubles) -> World:
        """Its world of cohorts at `start` g m-2 [s + p], after the years in which ages come to rest."""
        count, own = len(self.ecosystem.species.names), self.settings
        people = founders(self.ecosystem, start[:count], self.ground, own.founders)
        plants = start[count:] * wetness(self.ecosystem, own)
        world = peopled(self._life(BASELINE, 0.0), people, plants, self.ground, own, self.seed)
        self.engine(world, BASELINE, 0.0).run(round(own.stages_years * YEAR_DAYS / own.days))
        return world

    def course(self, world: World, scenario: Scenario, years: float) -> Doubles:
        """Biomass g m-2 at the kept years [t, s + p], from this world on, which is left as it is."""
        count, values = self._count, {name: array.copy() for name, array in world.values.items()}
        own = World(world.ledger, values, world.seed, world.step, world.day)
        kept, wet = kept_years(years), wetness(self.ecosystem, self.settings)
        turns, changes = scenario.turns(years), {*range(math.ceil(years)), *scenario.edges(years)}
        threats = self.threats(scenario, world)
        rows, at, before, engine = np.empty((len(kept), count + len(wet))), 0, -1.0, None
        while at < len(kept):
            now = (own.day - world.day) / YEAR_DAYS
            while turns and turns[0] <= now:
                self._turn(own, scenario, turns.pop(0))
            if engine is None or any(before < year <= now for year in changes):
                engine = self.engine(own, scenario, now, threats)
                own = engine.world
            while at < len(kept) and kept[at] <= now:
                rows[at] = standing(own, count, self.ground, wet)
                at += 1
            engine.step()
            before = now
        return rows

    @property
    def _count(self) -> int:
        return len(self.ecosystem.species.names)

    @property
    def _ectotherm(self) -> npt.NDArray[np.bool_]:
        cold = [name not in WARM for name in self.ecosystem.species.classes]
        return np.array(cold + [False] * len(self.ecosystem.pools))

    def _life(self, scenario: Scenario, year: float) -> Life:
        """What lives in a year of a scenario."""
        celsius = self.ecosystem.climate.celsius
        species, links = scenario.columns(self.web, year, self._ectotherm, celsius)
        life = life_of(self.ecosystem, replace(self.web, species=species, links=links), self.settings)
        if life.web is not None:
            return life
        seen = np.ones(self._count)
        for change in scenario.changes:
            if change.what == "refuge" and not change.mapped:
                one = [change.species in (ALL, name) for name in life.kinds.names]
                seen[one] *= 1 - change.amount * change.share(year)
        return replace(life, kinds=life.kinds.changed(seen=seen))

    def threats(self, scenario: Scenario, world: World) -> Threats | None:
        """What threatens a course that begins with this world; None where nothing does."""
        if not isinstance(scenario, Placeless) or not any(c.what in BY_STATE for c in scenario.told.changes):
            return None
        wet = wetness(self.ecosystem, self.settings)
        begun = Begun(self.web, world, standing(world, self._count, self.ground, wet), wet)
        return Threats(scenario, begun, self.ground, self.settings.days)

    def engine(self, world: World, scenario: Scenario, year: float, threats: Threats | None = None) -> Engine:
        """The Engine of a world in a year of a scenario, with what threatens it."""
        warmer = sum(c.amount * c.share(year) for c in scenario.changes if c.what == "warming" and c.species == ALL)
        world.values["celsius"] = np.full(self.ground.land.shape, self.ecosystem.climate.celsius + warmer)
        made = processes(self._life(scenario, year), self.ground, self.settings, self.rain_spread, 1)
        return Engine(world, made, self.settings.days) if threats is None else threats.put(world, made)

    def _turn(self, world: World, scenario: Scenario, year: float) -> None:
        """What happens at one moment: part of a species is gone, or grown-ups are set free in every cell of land."""
        values, own, count = world.values, self.settings, self._count
        columns = [variable.name for variable in world.ledger.variables.values() if variable.axes == ("cohort",)]
        for name in sorted({change.species for _, change in scenario.moments if change.year == year}):
            at, (left, free) = self.web.names.index(name), scenario.turned(name, year)
            if at >= count:
                stand = values["plants"].copy()
                stand[at - count] *= left
                stand[at - count] += self.ground.land * free * wetness(self.ecosystem, own)[at - count]
                values["plants"] = stand
                continue
            values["number"] = values["number"] * np.where(values["kind"] == at, left, 1.0)
            if free > 0:
                fresh = founded(founders(self.ecosystem, np.eye(count)[at] * free, self.ground, 1))
                mine = fresh["kind"] == at
                # names that no cohort has by birth: those of the young have 62 bits drawn anew
                fresh["who"] = fresh["cell"] * count + at + 1_000_000_000 * (1 + world.step)
                for name in columns:
                    # of what cohorts carry beside, a disease, they have nothing
                    new = fresh[name][mine] if name in fresh else np.zeros(int(mine.sum()))
                    values[name] = np.concatenate([values[name], new])
                order = np.argsort(values["cell"], kind="stable")
                for name in columns:
                    values[name] = values[name][order]


def cohort_ensemble(
    ecosystem: Ecosystem, scenario: Scenario, settings: EnsembleSettings, own: CohortSettings
) -> Ensemble:
    """Run all members with the scenario and without. The same settings give the same bytes for any number of threads.

    Of `settings` the solver's own (relative, floor) are those of the food web coming to rest. Raises as `cohort_ready` does; Unstable when no member could be
    run.
    """
    cohort_ready(ecosystem, scenario, settings, own)

    def outcome(member: int) -> tuple[Doubles, Doubles] | str:
        try:
            return cohort_pair(ecosystem, scenario, settings, own, member)
        except (BadData, Unstable) as error:
            return str(error)

    found = []
    threads = min(settings.threads or cores(), settings.members)
    with ThreadPoolExecutor(threads) as pool, track("members", settings.members, "members") as advance:
        for member, each in enumerate(pool.map(outcome, range(settings.members))):
            found.append((member, each))
            advance()
    names = (*ecosystem.species.names, *(pool.name for pool in ecosystem.pools))
    return gathered(kept_years(settings.years), names, found)


def cohort_ready(ecosystem: Ecosystem, scenario: Scenario, settings: EnsembleSettings, own: CohortSettings) -> None:
    """Raise BadSetting for a scenario that does not fit, that needs a map, or rain with a memory, and where memory does not suffice."""
    scenario.checked(ecosystem.balance().web, settings.years)
    if scenario.mapped:
        raise BadSetting("within, path", scenario.mapped[0].words, "is not known to cohorts: --tier grid, or herds")
    if settings.rain_memory > 0:
        raise BadSetting("rain_memory", settings.rain_memory, "is 0 for cohorts: each year's rain is drawn by itself")
    ground = Ground.of(coarse(ecosystem.landscape, own.rows), ecosystem.climate.celsius, own)
    threads = min(settings.threads or cores(), settings.members)
    needed = 3.0 * BYTES * own.cohorts * len(ground.cells) * threads
    room_for(needed, "cohorts", own.cohorts, "fewer cohorts in a cell, fewer rows or threads")


def cohort_pair(
    ecosystem: Ecosystem, scenario: Scenario, settings: EnsembleSettings, own: CohortSettings, member: int
) -> tuple[Doubles, Doubles]:
    """One member's biomass without and with the scenario [t, s] each."""
    drawn = ecosystem.sampled(int(stream(settings.seed, "member", member, "traits").integers(2**62)))
    balance = drawn.balance()
    start = balance.start
    if settings.settle:
        limits = Limits(settings.relative, settings.relative * 1e-6, settings.floor)
        start = run(balance.web, start, [0.0, settings.settle * YEAR_DAYS], limits).biomass[-1]
    ground = Ground.of(coarse(drawn.landscape, own.rows), drawn.climate.celsius, own)
    seed = int(stream(settings.seed, "member", member, "cohorts").integers(2**31))
    one = Member(drawn, balance.web, ground, own, settings.rain_spread, seed)
    world = one.begun(start)
    without, with_it = (one.course(world, which, settings.years) for which in (BASELINE, scenario))
    return without, with_it


def cohort_engine(ecosystem: Ecosystem, scenario: Scenario, own: CohortSettings, seed: int = 0) -> Engine:
    """The Engine of cohorts at today's densities in which a scenario happens, as it is in year 0. Raises BadSetting as `placeless` does."""
    known = Setting.of_ecosystem(ecosystem).known
    asked = scenario if known is None else placeless(scenario, known)
    plain, web = cohorts(ecosystem, own, seed), ecosystem.balance().web
    ground = Ground.of(coarse(ecosystem.landscape, own.rows), ecosystem.climate.celsius, own)
    member = Member(ecosystem, web, ground, own, RAIN_SPREAD, seed)
    return member.engine(plain.world, asked, 0.0, member.threats(asked, plain.world))
