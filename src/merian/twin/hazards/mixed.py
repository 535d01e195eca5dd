"""Threats that act by what there is, where there are no places: disease, fire and livestock in the food web alone (tier P).

What threatens acts for half a month, then the equations of the food web go on for as long, as in a single well-mixed cell of tier C: a disease by
merian.twin.hazards.disease; livestock by merian.twin.hazards.livestock, at the mean of its density; fires burn the share of the land

    1 - exp(-n p R(p)),     p: the chance that a fire passes from cell to cell, by the mean fuel and the water of the soil in that part of the year,

n: sparks that fall in the time, of which p take; R(p): the mean share of the land that a fire reaches which is lit somewhere on it, found by lighting fires on
the land of the ecosystem's own map (percolation: merian.twin.hazards.fire).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from merian.twin import draws
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.weather import YEAR_DAYS, Air, mean_rain, wetted_mm
from merian.twin.hazards.asked import CONSUMED, renewed, settings_of, threats
from merian.twin.hazards.disease import DiseaseSettings, Pathogen, course, pathogen
from merian.twin.hazards.fire import FireSettings, passes, reached
from merian.twin.hazards.livestock import LivestockSettings, cropped
from merian.twin.placeless import BY_STATE, Placeless

__all__ = ["PARTS", "Mixed", "reach", "wetness"]

PARTS = 24
"""Parts of a year in which the food web and what threatens it take turns."""
CHANCES = np.linspace(0.0, 1.0, 41)
FIRES = 24
"""Fires that are lit for each chance."""
ILL = 3
"""Exposed, infectious, immune."""


@dataclass(eq=False)
class _Epidemic:
    """A disease while it runs: the pathogen, which species are hosts, and of these the shares exposed, infectious, immune [3, h]."""

    at: int
    found: Pathogen
    hosts: npt.NDArray[np.int64]
    shares: Doubles


class Mixed:
    """What threatens one course of a food web."""

    def __init__(self, scenario: Placeless, web: FoodWeb, celsius: float, start: Doubles) -> None:
        """web: of this member. start: g m-2 where the run begins [s], at which R0 is what is asked for."""
        self.scenario, self.web, self.celsius = scenario, web, celsius
        self.known = scenario.known
        self.grass = self.known.grass & web.producer
        changes = scenario.told.changes
        # kind by kind, in an order in which that of the scenario does not matter
        self.parts = [changes.index(change) for change in threats(scenario.told) if change.what in BY_STATE]
        self.ill: list[_Epidemic] = []
        for at in self.parts:
            how, change = settings_of(changes[at]), changes[at]
            if isinstance(how, DiseaseSettings):
                there = np.array([name in (change.species, *change.hosts) for name in web.names]) & (start > 0)
                if not there[web.names.index(change.species)]:
                    continue
                heads = np.where(there, start * 1e6 / np.where(there, self.known.adult_g, 1.0), 0.0)
                found = pathogen(how, there, heads, renewed(web, start, self.known.mortality))
                hosts = np.flatnonzero(there)
                self.ill.append(_Epidemic(at, found.among(hosts), hosts, np.zeros((ILL, len(hosts)))))

    def edges(self, years: float) -> list[float]:
        """The years at which the food web stops for what threatens it: all parts of years in which something does."""
        if not self.parts:
            return []
        changes = [self.scenario.told.changes[at] for at in self.parts]
        # who caught a disease before its end is ill still
        first, last = min(c.year for c in changes), math.inf if self.ill else max(c.until for c in changes)
        begin, end = math.floor(first * PARTS), math.ceil(min(last, years) * PARTS)
        return [part / PARTS for part in range(begin, end) if 0 <= part / PARTS < years]

    def after(self, state: Doubles, begin: float, end: float) -> Doubles:
        """The biomass [s] after what threatens it from one year to another has acted on `state` [s].

        All of it acts on what stands at first, and of what one leaves another leaves its share: sparks and stock add up, survivals multiply.
        """
        after, days = state.copy(), (end - begin) * YEAR_DAYS
        for epidemic in self.ill:
            after *= self._infect(state, epidemic, begin, end)
        sparks, fires, eaten = 0.0, None, 0.0
        for at in self.parts:
            change = self.scenario.told.changes[at]
            how, share = settings_of(change), change.share(begin)
            if isinstance(how, FireSettings) and share:
                sparks, fires = sparks + how.ignitions_km2_year * share, how
            elif isinstance(how, LivestockSettings) and share:
                head = np.array(self.scenario.head_km2(at, begin) * share)
                eaten += float(cropped(how, state[self.grass].sum(), head))
        if fires is not None:
            burnt = self._burnt(fires, state, begin, days, sparks)
            takes = np.where(self.grass, CONSUMED[True], CONSUMED[False]) * self.web.producer
            after *= 1 - burnt * takes
        after[self.grass] *= math.exp(-eaten * days)
        return after

    def _infect(self, state: Doubles, ill: _Epidemic, begin: float, end: float) -> Doubles:
        """The epidemic goes on: the share of each species that is left [s]."""
        change, known = self.scenario.told.changes[ill.at], self.known
        hosts, area_km2 = ill.hosts, float(known.landscape.land.sum()) * known.landscape.frame.cell**2 / 1e6
        if begin <= change.year < end:
            own = int(np.flatnonzero(hosts == self.web.names.index(change.species))[0])
            ill.shares[1, own] += self.scenario.arriving(ill.at) * (1 - ill.shares[:, own].sum())
        left = np.ones(len(state))
        if not ill.shares.any():
            return left
        heads = state[hosts] * 1e6 / known.adult_g[hosts]
        first = np.concatenate([np.maximum(1 - ill.shares.sum(0), 0.0)[None], ill.shares]) * heads
        # at the step in which it comes it is as much there as it will be in the next one
        force = max(change.share(begin), change.share(math.nextafter(end, begin)))
        last = course(ill.found.weaker(force), first, np.array([0.0, (end - begin) * YEAR_DAYS]))[1]
        after = np.minimum(last.sum(0), heads)
        if float(last[1:3].sum()) * area_km2 < 0.5:
            last[1:3] = 0.0
        left[hosts] = np.divide(after, heads, out=np.ones_like(heads), where=heads > 0)
        ill.shares = np.divide(last[1:], after, out=np.zeros_like(last[1:]), where=after > 0).clip(0.0, 1.0)
        return left

    def _burnt(self, how: FireSettings, state: Doubles, year: float, days: float, sparks: float) -> float:
        """The share of the land that burns. sparks: km-2 year-1."""
        land, frame = self.known.landscape.land, self.known.landscape.frame
        air = Air(self.known.latitude_deg, self.celsius)
        rain = math.prod([1 + (c.rain - 1) * c.share(year) for c in self.scenario.changes])
        months = self.known.landscape.layers["rain"][:, land].mean(1)
        wet = wetness(tuple(months.tolist()), air, round(rain, 2))[int(year % 1.0 * PARTS) % PARTS]
        fuel = np.array(float(state[self.grass].sum()))
        chance = float(passes(how, fuel, np.array(wet))) if fuel > 0 else 0.0
        area_km2 = float(land.sum()) * frame.cell**2 / 1e6
        fires = sparks * area_km2 * days / YEAR_DAYS * chance
        return -math.expm1(-fires * float(np.interp(chance, CHANCES, reach(land.tobytes(), land.shape))))


@lru_cache(maxsize=8)
def wetness(months_mm: Sequence[float], air: Air, times: float) -> tuple[float, ...]:
    """How full the soil is, as a share of its brim, in each of PARTS of a year with so many `times` the rain of twelve months (a tuple), once years repeat
    themselves."""
    rain, days = times * np.array(months_mm), YEAR_DAYS / PARTS
    water, found = 0.5 * air.brim_mm, [0.0] * PARTS
    for step in range(5 * PARTS):
        day = (step % PARTS) * days
        fallen = float(mean_rain(rain[:, None, None], day + 0.5 * days)[0, 0]) * days
        water = wetted_mm(water, fallen, air, day, days)
        found[step % PARTS] = water / air.brim_mm
    return tuple(found)


@lru_cache(maxsize=8)
def reach(land: bytes, shape: tuple[int, int]) -> tuple[float, ...]:
    """The mean share of the land [y, x] (as bytes of bool) that a fire reaches which is lit somewhere on it, for each of CHANCES that it passes on."""
    there = np.frombuffer(land, bool).reshape(shape)
    cells, key, found = np.argwhere(there), draws.key(0, "reach of fires"), []
    for chance in CHANCES.tolist():
        total = 0
        for fire in range(FIRES):
            lit = np.zeros(shape, bool)
            lit[tuple(cells[(fire * 2 + 1) * len(cells) // (2 * FIRES)])] = True
            # the same draws for each chance, so that a fire that passes more easily reaches more
            total += int(reached(chance * there, lit, key, fire).sum())
        found.append(total / (FIRES * len(cells)))
    return tuple(found)
