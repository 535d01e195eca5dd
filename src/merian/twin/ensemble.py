"""Paired ensembles: the same members, with the same rates, start and weather, with a scenario and without it, so that their difference is its effect.

Three doubts are drawn for each member, each by a stream of its own: its rates, its start, and the rain of its years.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch, Unstable
from merian.core.progress import Advance, track
from merian.core.settings import knob
from merian.core.workers import cores
from merian.twin.ecosystem import Ecosystem
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb
from merian.twin.hazards.mixed import Mixed
from merian.twin.memory import room_for
from merian.twin.placeless import Known, Placeless, placeless
from merian.twin.scenario import YEAR_DAYS, Scenario
from merian.twin.solver import Limits, run

__all__ = [
    "Effect",
    "Ensemble",
    "EnsembleSettings",
    "Setting",
    "effects",
    "ensemble",
    "gathered",
    "kept_years",
    "last_years",
    "outcomes",
    "ready",
]

BASELINE = Scenario("baseline", ())
QUARTERS = 4
"""Times a year at which biomass is kept."""
SAME = 0.05
"""A change by less than this share is called none (a choice)."""
WARM = ("Mammalia", "Aves")
"""Classes that keep their own temperature."""
CERTAIN = ("share", "exponent", "efficiency")
TAILS = (0.05, 0.5, 0.95)


@dataclass(frozen=True, eq=False)
class Setting:
    """What an ensemble is of: a food `web`, which species are `ectotherm` [s] and so follow the temperature, `celsius`, and `drawn`, which gives the web and
    the starting biomass of a member for a seed and the member's number; species keep their names and order. `known`: what threats must know."""

    web: FoodWeb
    ectotherm: npt.NDArray[np.bool_]
    celsius: float
    drawn: Callable[[int, int], tuple[FoodWeb, Doubles]]
    known: Known | None = None

    @classmethod
    def of(cls, web: FoodWeb, start: npt.ArrayLike, doubt: float = 0.3, celsius: float = 20.0) -> Setting:
        """A setting in which the logarithms of all rates and of the start are known to the same standard deviation, `doubt` (shares, exponents and efficiencies
        are certain), and all that eats is an ectotherm. Raises Mismatch for a start of another length, BadData for a doubt that is none."""
        begin = np.asarray(start, float)
        if begin.shape != (len(web.names),):
            raise Mismatch("start and food web", begin.shape, (len(web.names),))
        if not (math.isfinite(doubt) and doubt >= 0):
            raise BadData("doubt", f"is a standard deviation, a number from 0 on, not {doubt}")
        species = np.array([0.0 if name in ("rivalry", "mutual") else doubt for name in SPECIES])[:, None]
        links = np.array([0.0 if name in CERTAIN else doubt for name in LINK])[:, None]

        def drawn(seed: int, member: int) -> tuple[FoodWeb, Doubles]:
            rates, first = (stream(seed, "member", member, what) for what in ("rates", "start"))
            changed = replace(
                web,
                species=web.species * np.exp(species * rates.standard_normal(web.species.shape)),
                links=web.links * np.exp(links * rates.standard_normal(web.links.shape)),
            )
            return changed, begin * np.exp(doubt * first.standard_normal(len(begin)))

        return cls(web, ~web.producer, celsius, drawn)

    @classmethod
    def of_ecosystem(cls, ecosystem: Ecosystem) -> Setting:
        """The setting of an ecosystem: a member's traits are drawn from their spreads and its links by their probability, and its web is balanced anew."""

        def drawn(seed: int, member: int) -> tuple[FoodWeb, Doubles]:
            word = int(stream(seed, "member", member, "traits").integers(2**62))
            balance = ecosystem.sampled(word).balance()
            return balance.web, balance.start

        warm = np.array([name in WARM for name in ecosystem.species.classes] + [True] * len(ecosystem.pools))
        species, pools = ecosystem.species, ecosystem.pools
        known = Known(
            np.concatenate([species["mass_g"], np.ones(len(pools))]),
            np.concatenate([1 / (species["longevity_years"] * YEAR_DAYS), np.zeros(len(pools))]),
            np.array([False] * len(species.names) + [pool.food == "grass" for pool in pools]),
            ecosystem.landscape,
        )
        return cls(ecosystem.balance().web, ~warm, ecosystem.climate.celsius, drawn, known)


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
    rain_spread: float = knob(0.2, "Standard deviation of the logarithm of a year's rain", ge=0, le=3)
    rain_memory: float = knob(
        0.0, "Share of a year's departure that the next year keeps (an autoregression)", ge=0, lt=1
    )
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
    it was gone without it too), in how many of `members` it `fell` or `rose` by more than a twentieth, and in how many it is `gone` and was `gone_without`.

    What passes by before the last years: in the year `far_year` it was furthest off, `far` times as much in the median, in `far_runs` members that way by more
    than a twentieth; NaN and 0 where the last years say it all."""

    species: str
    low: float
    median: float
    high: float
    fell: int
    rose: int
    gone: int
    gone_without: int
    members: int
    far: float = math.nan
    far_year: float = math.nan
    far_runs: int = 0

    @property
    def words(self) -> str:
        """The effect in a sentence."""
        return self.said(self.species)

    @property
    def moved(self) -> int:
        """How much there is to say of it: members in which it moved, at the end or in between, gone ones first."""
        return max(self.fell + self.rose, self.far_runs) + 2 * abs(self.gone - self.gone_without)

    @property
    def furthest(self) -> float:
        """How far it goes in the median, at the end or before: the absolute logarithm."""
        return max((_off(times) for times in (self.median, self.far) if math.isfinite(times)), default=0.0)

    def said(self, name: str) -> str:
        """The effect in a sentence that calls the species so."""
        many = _many(name)
        if self.gone_without == self.members:
            return f"{name} {'are' if many else 'is'} gone in all runs, with the change and without it."
        same, falls, rises = ("stay as they are", "fall", "rise") if many else ("stays as it is", "falls", "rises")
        ways = [(same, self.members - self.fell - self.rose), (falls, self.fell), (rises, self.rose)]
        (how, most), *others = sorted(ways, key=lambda way: -way[1])
        every = {1: "the one run", 2: "both runs"}.get(self.members, f"all {self.members} runs")
        said = f"{name} {how} in {every if how == same and most == self.members else f'{most} of {self.members} runs'}"
        said += "".join(f", {way} in {count}" for way, count in others if count and way != same)
        if math.isfinite(self.median):
            said += f" (median {_percent(self.median)}; 9 in 10 runs: {_percent(self.low)} to {_percent(self.high)})"
        if self.gone != self.gone_without:
            gone = "they are gone" if many else "it is gone"
            said += f"; {gone} in {self.gone} of {self.members}, without the change in {self.gone_without}"
        if math.isfinite(self.far):
            way = f"{'less' if self.far < 1 else 'more'} of {'them' if many else 'it'}"
            runs = every if self.far_runs == self.members else f"{self.far_runs} of {self.members} runs"
            said += f"; in year {self.far_year:.3g} there was {way} in {runs} (median {_percent(self.far)})"
        return said + "."


def _many(name: str) -> bool:
    """Whether a name is of many, as those of what grows: "trees and herbs", "grasses"; neither a hippopotamus nor Canis lupus."""
    return " and " in name or bool(re.fullmatch(r"[a-z -]*[^aious]s", name))


def _percent(times: float) -> str:
    if times >= 10:
        return f"{times:,.0f} times as much"
    percent = round(100 * (times - 1))
    return f"{percent:+d} %" if percent else "0 %"


def ensemble(setting: Setting, scenario: Scenario, settings: EnsembleSettings) -> Ensemble:
    """Run all members with the scenario and without. The same settings give the same bytes for any number of threads.

    Raises BadSetting when the scenario does not fit the web, Unstable when no member could be run.
    """
    ready(setting, scenario, settings)
    with track("members", settings.members, "members") as advance:
        found = outcomes(setting, scenario, settings, range(settings.members), advance)
    return gathered(kept_years(settings.years), setting.web.names, list(enumerate(found)))


def ready(setting: Setting, scenario: Scenario, settings: EnsembleSettings) -> None:
    """Raise BadSetting when the scenario does not fit the web, or memory does not suffice for its courses."""
    scenario.checked(setting.web, settings.years)
    if setting.known is not None:
        placeless(scenario, setting.known)
    elif scenario.mapped:
        raise BadSetting(
            "within, path", scenario.mapped[0].words, "needs a map, and the food web has none: --tier grid, or herds"
        )
    courses = 2 * settings.members * len(kept_years(settings.years)) * len(setting.web.names)
    # the members one by one, and then stacked; the long table beside them
    room_for(
        8.0 * courses * 4,
        "members",
        settings.members,
        "fewer members, years or species; several runs of other seeds may be joined",
    )


def outcomes(
    setting: Setting, scenario: Scenario, settings: EnsembleSettings, members: Sequence[int], advance: Advance
) -> list[tuple[Doubles, Doubles] | str]:
    """The biomass of these members without and with the scenario [t, s] each, or why there is none, in their order.

    Where it has places, these are taken out of it (merian.twin.placeless).
    """
    found = []
    if setting.known is not None:
        scenario = placeless(scenario, setting.known)
    with ThreadPoolExecutor(settings.threads or cores()) as pool:
        for outcome in pool.map(lambda member: _member(setting, scenario, settings, member), members):
            found.append(outcome)
            advance()
    return found


def gathered(
    years: Doubles, names: tuple[str, ...], found: Sequence[tuple[int, tuple[Doubles, Doubles] | str]]
) -> Ensemble:
    """The Ensemble of what each member (its number first) gave. Raises Unstable when all of them failed."""
    failed = tuple((member, outcome) for member, outcome in found if isinstance(outcome, str))
    kept = [outcome for _, outcome in found if not isinstance(outcome, str)]
    if not kept:
        raise Unstable("ensemble", "biomass", f"all members; the first: {failed[0][1]}", 0)
    baseline, changed = (np.stack([pair[which] for pair in kept]) for which in (0, 1))
    return Ensemble(years, names, baseline, changed, failed)


def last_years(years: float) -> float:
    """The years at the end of a run over which an effect is taken: ten, or a quarter of a short run."""
    return min(10.0, years / 4)


def effects(found: Ensemble, last: float = 0.0) -> list[Effect]:
    """What the scenario did to each species in the mean of the `last` years (0: `last_years`)."""
    late = found.years >= found.years[-1] - (last or last_years(float(found.years[-1])))
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
        far = _furthest(found, at, float(median), late)
        rows.append(
            Effect(name, float(low), float(median), float(high), fell, rose, lost, lost_without, len(without), *far)
        )
    return rows


def _furthest(found: Ensemble, species: int, end: float, late: npt.NDArray[np.bool_]) -> tuple[float, float, int]:
    """The year before the `late` ones [t] in which a species was furthest from what it is without the change: times as much in the median of members, the
    year, and in how many members; nothing (NaN, NaN, 0) where the `end` is as far from it, or half as far."""
    nothing = (math.nan, math.nan, 0)
    if not math.isfinite(end) or late.all():
        return nothing
    width = min(1.0, last_years(float(found.years[-1])))
    bins = np.floor(found.years[~late] / width + 1e-9)
    best, off = nothing, max(2 * _off(end), _off(1 - SAME))
    for year in np.unique(bins):
        at = np.flatnonzero(bins == year)
        without, with_it = (course[:, at, species].mean(1) for course in (found.baseline, found.scenario))
        there = without > 0
        times = with_it[there] / without[there]
        if len(times) and _off(middle := float(np.median(times))) > off:
            off = _off(middle)
            runs = int((times < 1 - SAME).sum() if middle < 1 else (times > 1 + SAME).sum())
            best = (middle, float(year * width), runs)
    return best


def _off(times: float) -> float:
    """How far from 1: the logarithm, of a thousandth at the least."""
    return abs(math.log(max(times, 1e-3)))


def kept_years(years: float) -> Doubles:
    """The times at which biomass is kept: quarters of years, and the end."""
    quarters = np.arange(0, math.floor(years * QUARTERS) + 1) / QUARTERS
    return quarters if quarters[-1] == years else np.append(quarters, years)


def _member(
    setting: Setting, scenario: Scenario, settings: EnsembleSettings, member: int
) -> tuple[Doubles, Doubles] | str:
    """One member's biomass without and with the scenario [t, s] each, or why there is none."""
    rain = _rain(settings, stream(settings.seed, "member", member, "rain"))
    limits = Limits(settings.relative, settings.relative * 1e-6, settings.floor)
    try:
        web, start = setting.drawn(settings.seed, member)
        if settings.settle:
            start = run(web, start, [0.0, settings.settle * YEAR_DAYS], limits).biomass[-1]
        own = replace(setting, web=web)
        without, with_it = (_course(own, start, which, rain, settings.years, limits) for which in (BASELINE, scenario))
    except (BadData, Unstable) as error:
        return str(error)
    return without, with_it


def _rain(settings: EnsembleSettings, rng: np.random.Generator) -> Doubles:
    """Rain of each year as a factor of mean 1: log-normal, an autoregression of order 1 [years]."""
    swing = rng.standard_normal(math.ceil(settings.years))
    for year in range(1, len(swing)):
        fresh = math.sqrt(1 - settings.rain_memory**2) * swing[year]
        swing[year] = settings.rain_memory * swing[year - 1] + fresh
    return np.asarray(np.exp(settings.rain_spread * swing - 0.5 * settings.rain_spread**2))


def _course(
    setting: Setting, start: Doubles, scenario: Scenario, rain: Doubles, years: float, limits: Limits
) -> Doubles:
    """Biomass at the kept years [t, s]: rates hold within a year, or until a change begins or ends in it."""
    kept = kept_years(years)
    turns = {*scenario.turns(years)}
    mixed = Mixed(scenario, setting.web, setting.celsius, start) if isinstance(scenario, Placeless) else None
    parts = mixed.edges(years) if mixed else []
    edges = np.unique([*np.arange(0, math.ceil(years)), *scenario.edges(years), *parts, years])
    grows = setting.web.producer
    state, rows = start, np.empty((len(kept), len(start)))
    for begin, end in pairwise(edges.tolist()):
        if begin in turns:
            state = scenario.start(setting.web, state, begin)
        species, links = scenario.columns(setting.web, begin, setting.ectotherm, setting.celsius)
        for name in ("growth", "capacity"):
            species[list(SPECIES).index(name), grows] *= rain[int(begin)]
        inside = np.flatnonzero((kept > begin) & (kept < end))
        times = np.concatenate([[begin], kept[inside], [end]])
        rows[kept == begin] = state
        if mixed and parts:
            state = mixed.after(state, begin, end)
        course = run(replace(setting.web, species=species, links=links), state, times * YEAR_DAYS, limits).biomass
        rows[inside], state = course[1:-1], course[-1]
    rows[kept == edges[-1]] = state
    return rows
