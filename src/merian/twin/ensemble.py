"""Paired ensembles: the same members, with the same rates, start and weather, with a scenario and without it, so that their difference is its effect.

Three doubts are drawn for each member, each by a stream of its own: its rates, its start, and the rain of its years.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch, Unstable
from merian.core.progress import track
from merian.core.settings import knob
from merian.core.workers import cores
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb
from merian.twin.scenario import YEAR_DAYS, Scenario
from merian.twin.solver import Limits, run

__all__ = ["Effect", "Ensemble", "EnsembleSettings", "Setting", "effects", "ensemble"]

BASELINE = Scenario("baseline", ())
QUARTERS = 4
"""Times a year at which biomass is kept."""
SAME = 0.05
"""A change by less than this share is called none (a choice)."""
TAILS = (0.05, 0.5, 0.95)


@dataclass(frozen=True, eq=False)
class Setting:
    """What an ensemble is of, and how well it is known.

    `web`; `start` g m-2 [s]; `ectotherm` bool [s]; `celsius`; standard deviations of natural logarithms: `species` [6, s], `links` [5, l], `begin` [s], and
    of a year's rain, `rain`, which keeps the share `memory` of the year before (an autoregression of order 1).
    """

    web: FoodWeb
    start: Doubles
    ectotherm: npt.NDArray[np.bool_]
    celsius: float
    species: Doubles
    links: Doubles
    begin: Doubles
    rain: float = 0.0
    memory: float = 0.0

    @classmethod
    def of(
        cls, web: FoodWeb, start: npt.ArrayLike, doubt: float = 0.3, celsius: float = 20.0, rain: float = 0.0
    ) -> Setting:
        """A setting in which each rate but shares and exponents is known to the same `doubt`, and all that eats is an ectotherm."""
        species, links = np.full(web.species.shape, doubt), np.full(web.links.shape, doubt)
        species[list(SPECIES).index("rivalry")] = 0.0
        for name in ("share", "exponent", "efficiency"):
            links[list(LINK).index(name)] = 0.0
        begin = np.asarray(start, float)
        return cls(web, begin, ~web.producer, celsius, species, links, np.full(len(begin), doubt), rain)

    def __post_init__(self) -> None:
        count = len(self.web.names)
        for what, found, wanted in (
            ("start", self.start.shape, (count,)),
            ("ectotherm", self.ectotherm.shape, (count,)),
            ("doubt of species", self.species.shape, self.web.species.shape),
            ("doubt of links", self.links.shape, self.web.links.shape),
            ("doubt of the start", self.begin.shape, (count,)),
        ):
            if found != wanted:
                raise Mismatch(f"{what} and the food web", found, wanted)
        spreads = np.concatenate([self.species.ravel(), self.links.ravel(), self.begin, [self.rain]])
        if not (np.isfinite(spreads).all() and (spreads >= 0).all()):
            raise BadData("doubt", "is a standard deviation: a number from 0 on")
        if not 0 <= self.memory < 1:
            raise BadData("memory of rain", f"{self.memory} must lie from 0 to below 1")


@dataclass(frozen=True, kw_only=True)
class EnsembleSettings:
    """How an ensemble is run."""

    members: int = knob(64, "Members, each run with the scenario and without", ge=1, le=100_000)
    years: float = knob(50.0, "Years of the run", unit="years", gt=0, le=10_000)
    settle: float = knob(
        50.0,
        "Years before it, without weather or change, in which each member comes to rest",
        unit="years",
        ge=0,
        le=10_000,
    )
    floor: float = knob(1e-7, "Biomass below which a species is gone", unit="g m-2", ge=0)
    relative: float = knob(1e-5, "Relative error of the solver", gt=0, lt=0.1)
    seed: int = knob(0, "Seed of all chance", ge=0)
    threads: int = knob(0, "Threads; 0: one for each core", ge=0)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """`years` [t] from 0 on; biomass g m-2 of the `baseline` and the `scenario` [m, t, s]; `names` [s]; members that `failed`, with the reason."""

    years: Doubles
    names: tuple[str, ...]
    baseline: Doubles
    scenario: Doubles
    failed: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a scenario did to one species, over members, in the mean of the last years: times as much as without it (5 %, median and 95 % of members; NaN where
    it was gone without it too), in how many of `members` it `fell` or `rose` by more than a twentieth, and in how many it is `gone` and was `gone_without`."""

    species: str
    low: float
    median: float
    high: float
    fell: int
    rose: int
    gone: int
    gone_without: int
    members: int

    @property
    def words(self) -> str:
        """The effect in a sentence."""
        if self.gone_without == self.members:
            return f"{self.species} is gone in all runs, with the change and without it."
        down = self.fell >= self.rose
        runs = f"{self.fell if down else self.rose} of {self.members} runs"
        if max(self.fell, self.rose) == 0:
            said = f"{self.species} stays as it is in all {self.members} runs"
        else:
            said = f"{self.species} {'falls' if down else 'rises'} in {runs}"
        if math.isfinite(self.median):
            said += f" (median {_percent(self.median)}; 9 in 10 runs: {_percent(self.low)} to {_percent(self.high)})"
        if self.gone != self.gone_without:
            said += f"; it is gone in {self.gone} of {self.members}, without the change in {self.gone_without}"
        return said + "."


def _percent(times: float) -> str:
    if times >= 10:
        return f"{times:,.0f} times as much"
    percent = round(100 * (times - 1))
    return f"{percent:+d} %" if percent else "0 %"


def ensemble(setting: Setting, scenario: Scenario, settings: EnsembleSettings) -> Ensemble:
    """Run all members with the scenario and without. The same settings give the same bytes for any number of threads.

    Raises BadSetting when the scenario does not fit the web, Unstable when no member could be run.
    """
    scenario.checked(setting.web, settings.years)
    with (
        ThreadPoolExecutor(settings.threads or cores()) as pool,
        track("members", settings.members, "members") as advance,
    ):
        found = []
        for outcome in pool.map(lambda member: _member(setting, scenario, settings, member), range(settings.members)):
            found.append(outcome)
            advance()
    failed = tuple((member, outcome) for member, outcome in enumerate(found) if isinstance(outcome, str))
    kept = [outcome for outcome in found if not isinstance(outcome, str)]
    if not kept:
        raise Unstable("ensemble", "biomass", f"all members; the first: {failed[0][1]}", 0)
    baseline, changed = (np.stack([pair[which] for pair in kept]) for which in (0, 1))
    return Ensemble(_kept_years(settings.years), setting.web.names, baseline, changed, failed)


def effects(found: Ensemble, last: float = 10.0) -> list[Effect]:
    """What the scenario did to each species in the mean of the `last` years."""
    late = found.years >= found.years[-1] - last
    without, with_it = (course[:, late].mean(1) for course in (found.baseline, found.scenario))
    gone, gone_without = ((course[:, -1] <= 0) for course in (found.scenario, found.baseline))
    rows = []
    for at, name in enumerate(found.names):
        there = without[:, at] > 0
        times = with_it[there, at] / without[there, at]
        low, median, high = np.quantile(times, TAILS) if there.any() else (math.nan,) * 3
        fell, rose = int((times < 1 - SAME).sum()), int((times > 1 + SAME).sum())
        lost, lost_without = int(gone[:, at].sum()), int(gone_without[:, at].sum())
        # what was not there without the change and is there with it rose, by no number that could be given
        rose += int((with_it[~there, at] > 0).sum())
        rows.append(Effect(name, float(low), float(median), float(high), fell, rose, lost, lost_without, len(without)))
    return rows


def _kept_years(years: float) -> Doubles:
    """The times at which biomass is kept: quarters of years, and the end."""
    quarters = np.arange(0, math.floor(years * QUARTERS) + 1) / QUARTERS
    return quarters if quarters[-1] == years else np.append(quarters, years)


def _member(
    setting: Setting, scenario: Scenario, settings: EnsembleSettings, member: int
) -> tuple[Doubles, Doubles] | str:
    """One member's biomass without and with the scenario [t, s] each, or why there is none."""
    rates, begin, weather = (stream(settings.seed, "member", member, what) for what in ("rates", "start", "rain"))
    species = setting.web.species * np.exp(setting.species * rates.standard_normal(setting.species.shape))
    links = setting.web.links * np.exp(setting.links * rates.standard_normal(setting.links.shape))
    row = list(LINK).index("efficiency")
    links[row] = np.minimum(links[row], 1.0)
    web = replace(setting.web, species=species, links=links)
    start = setting.start * np.exp(setting.begin * begin.standard_normal(len(setting.start)))
    rain = _rain(setting, math.ceil(settings.years), weather)
    limits = Limits(settings.relative, settings.relative * 1e-6, settings.floor)
    try:
        if settings.settle:
            start = run(web, start, [0.0, settings.settle * YEAR_DAYS], limits).biomass[-1]
        own = replace(setting, web=web, start=start)
        without, with_it = (_course(own, which, rain, settings.years, limits) for which in (BASELINE, scenario))
    except Unstable as error:
        return str(error)
    return without, with_it


def _rain(setting: Setting, years: int, rng: np.random.Generator) -> Doubles:
    """Rain of each year as a factor of mean 1: log-normal, an autoregression of order 1 [years]."""
    swing = rng.standard_normal(years)
    for year in range(1, years):
        swing[year] = setting.memory * swing[year - 1] + math.sqrt(1 - setting.memory**2) * swing[year]
    return np.asarray(np.exp(setting.rain * swing - 0.5 * setting.rain**2))


def _course(setting: Setting, scenario: Scenario, rain: Doubles, years: float, limits: Limits) -> Doubles:
    """Biomass at the kept years [t, s]: rates hold within a year, or until something happens in it."""
    kept = _kept_years(years)
    turns = {*scenario.turns(years)}
    edges = np.unique([*np.arange(0, math.ceil(years)), *turns, years])
    grows = setting.web.producer
    state, rows = setting.start, np.empty((len(kept), len(setting.start)))
    for begin, end in pairwise(edges.tolist()):
        if begin in turns:
            state = scenario.start(setting.web, state, begin)
        species, links = scenario.columns(setting.web, begin, setting.ectotherm, setting.celsius)
        for name in ("growth", "capacity"):
            species[list(SPECIES).index(name), grows] *= rain[int(begin)]
        inside = np.flatnonzero((kept > begin) & (kept < end))
        times = np.concatenate([[begin], kept[inside], [end]])
        course = run(replace(setting.web, species=species, links=links), state, times * YEAR_DAYS, limits).biomass
        rows[kept == begin], rows[inside], state = course[0], course[1:-1], course[-1]
    rows[kept == edges[-1]] = state
    return rows
