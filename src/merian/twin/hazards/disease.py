"""Disease among several species: susceptible, exposed, infectious, immune (SEIR).

Of species i, in heads km-2, with what an animal of i catches from those of j:

    S' = b N + w R - l S - b S          l_i = sum_j c_ij I_j / N_j     (contacts as many whatever the density: frequency-dependent)
    E' = l S - (s + b) E                or  sum_j c_ij I_j             (contacts with density: density-dependent)
    I' = s E - (g + b) I
    R' = (1 - f) g I - (w + b) R

b: births, and as many deaths, per head; s, g, w: one over the days of incubation, of being infectious, of being immune; f: the share that dies of it
(Anderson & May 1991, Infectious Diseases of Humans; contact between species: Dobson 2004, Am. Nat. 164:S64). R0 is the largest eigenvalue of the
next-generation matrix (Diekmann, Heesterbeek & Metz 1990, J. Math. Biol. 28:365).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.core.settings import knob
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles

__all__ = ["FINE", "DiseaseSettings", "Pathogen", "course", "final_size", "pathogen", "r0"]

LEAST_DAYS = 0.01
"""The shortest stage of a disease: shorter ones would take steps without number."""
FINE = 0.2
"""The fastest rate times the longest step of the solver: its error is then some 1e-6."""


@dataclass(frozen=True, kw_only=True)
class DiseaseSettings:
    """A disease as a scenario knows it. The defaults are near rinderpest in cattle that never met it; from memory, not re-read: a choice."""

    r0: float = knob(4.0, "Animals that the first one infects, where none is immune", gt=0, le=50)
    incubation_days: float = knob(8.0, "From infection until infectious; 0: at once", unit="days", ge=0, le=3650)
    infectious_days: float = knob(
        8.0, "How long an animal is infectious, until it is immune or dead", unit="days", ge=LEAST_DAYS, le=3650
    )
    fatal: float = knob(0.5, "Share of the infected that dies", ge=0, le=1)
    immune_days: float = knob(float("inf"), "How long immunity lasts", unit="days", ge=LEAST_DAYS)
    density: bool = knob(False, "Whether contacts grow with density (else each animal has as many at any)")
    between: float = knob(0.1, "Contact between two species, as a share of that within one", ge=0, le=1)


@dataclass(frozen=True, eq=False)
class Pathogen:
    """A pathogen and its hosts.

    contact: [s, s], what an animal of the row's species catches from the column's: day-1, or km2 day-1 where it grows with `density`. All others [s]:
    incubation_days (0: none), infectious_days, fatal (share), immune_days (infinite: for life), renewal (births per head, day-1). Raises Mismatch when shapes
    differ, BadData for what is no number or out of bounds.
    """

    contact: Doubles
    incubation_days: Doubles
    infectious_days: Doubles
    fatal: Doubles
    immune_days: Doubles
    renewal: Doubles
    density: bool = False

    def __post_init__(self) -> None:
        species = len(self.fatal)
        if self.contact.shape != (species, species):
            raise Mismatch("contact and species", self.contact.shape, (species, species))
        for name in ("incubation_days", "infectious_days", "immune_days", "renewal"):
            if getattr(self, name).shape != (species,):
                raise Mismatch(f"{name} and species", getattr(self, name).shape, (species,))
        finite = (self.contact, self.incubation_days, self.infectious_days, self.fatal, self.renewal)
        if not all((np.isfinite(values) & (values >= 0)).all() for values in finite):
            raise BadData("pathogen", "its rates and days are numbers from 0 on")
        if (self.fatal > 1).any():
            raise BadData("pathogen", "no more than all die")
        short = [self.infectious_days < LEAST_DAYS, self.immune_days < LEAST_DAYS]
        if np.any([*short, (self.incubation_days > 0) & (self.incubation_days < LEAST_DAYS)]):
            raise BadData("pathogen", f"stages last {LEAST_DAYS:g} days or longer, but for an incubation of 0")

    @property
    def hosts(self) -> npt.NDArray[np.bool_]:
        """Which species catch it: bool [s]."""
        return np.asarray((self.contact > 0).any(1))

    @property
    def rates(self) -> Doubles:
        """As kernels have them [6, s]: becoming infectious (0: not by waiting), ending, the share that dies, waning, renewal, and 1 where it is at once."""
        wait = self.incubation_days
        return np.stack(
            [
                _rate(wait),
                1 / self.infectious_days,
                self.fatal,
                1 / self.immune_days,
                self.renewal,
                (wait == 0).astype(float),
            ]
        )

    def among(self, species: npt.NDArray[np.int64]) -> Pathogen:
        """The same for some of the species only, by their numbers."""
        return Pathogen(
            self.contact[np.ix_(species, species)],
            self.incubation_days[species],
            self.infectious_days[species],
            self.fatal[species],
            self.immune_days[species],
            self.renewal[species],
            self.density,
        )

    def weaker(self, share: float) -> Pathogen:
        """The same with so large a share of its contacts."""
        return replace(self, contact=self.contact * share)


def pathogen(settings: DiseaseSettings, hosts: npt.NDArray[np.bool_], heads_km2: Doubles, renewal: Doubles) -> Pathogen:
    """The Pathogen of these settings among the `hosts` [s]; contact is such that R0 is what is set where they stand at heads_km2 [s].

    renewal: births per head, day-1 [s]. Raises BadData without a host, or for one that is not there.
    """
    if not hosts.any() or not (heads_km2[hosts] > 0).all():
        raise BadData("disease", "needs hosts, each of more than 0 heads km-2")
    species = len(hosts)
    contact = np.where(np.eye(species, dtype=bool), 1.0, settings.between) * np.outer(hosts, hosts)
    unit = Pathogen(
        contact,
        np.full(species, settings.incubation_days),
        np.full(species, settings.infectious_days),
        np.full(species, settings.fatal),
        np.full(species, settings.immune_days),
        np.where(hosts, renewal, 0.0),
        settings.density,
    )
    contact *= settings.r0 / r0(unit, heads_km2)
    return unit


def r0(found: Pathogen, heads_km2: Doubles) -> float:
    """How many the first infected animal infects, by the mix of species in which it spreads fastest: heads_km2 [s] of each, none immune."""
    there = np.flatnonzero(found.hosts & (heads_km2 > 0))
    if not len(there):
        return 0.0
    part, heads = found.among(there), heads_km2[there]
    wait = np.where(part.incubation_days > 0, 1 / (1 + part.renewal * part.incubation_days), 1.0)
    infectious = wait / (1 / part.infectious_days + part.renewal)
    met = heads[:, None] / (1.0 if part.density else heads[None])
    return float(np.abs(np.linalg.eigvals(part.contact * met * infectious[None])).max())


def final_size(found_r0: float) -> float:
    """The share z of a closed, well-mixed population that an epidemic reaches: 1 - z = exp(-R0 z) (Kermack & McKendrick 1927); 0 for R0 of 1 or less."""
    if found_r0 <= 1:
        return 0.0
    low, high = (found_r0 - 1) / found_r0**2, 1.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if 1 - middle > math.exp(-found_r0 * middle) else (low, middle)
    return 0.5 * (low + high)


def course(found: Pathogen, start: Doubles, times: Doubles) -> Doubles:
    """The heads km-2 of susceptible, exposed, infectious and immune at `times` (days, rising): [t, 4, s, ...] from `start` [4, s, ...] at times[0].

    Each place along further axes is a population of its own. Runge and Kutta's fourth-order method, in steps of which the fastest rate takes a fifth.
    """
    state = np.ascontiguousarray(np.moveaxis(np.array(start, float).reshape(4, len(found.fatal), -1), 2, 0))
    states = np.empty((len(times), *np.shape(start)))
    for at in range(len(times)):
        if at > 0:
            _pass(
                state, np.ascontiguousarray(found.contact), found.rates, found.density, float(times[at] - times[at - 1])
            )
        states[at] = np.moveaxis(state, 0, 2).reshape(np.shape(start))
    return states


def _rate(days: Doubles) -> Doubles:
    """One over the days, 0 where there are none."""
    return np.divide(1.0, days, out=np.zeros(len(days)), where=days > 0)


@compiled
def _pass(state: Doubles, contact: Doubles, rates: Doubles, density: bool, days: float) -> None:
    """Let so many days pass in every place, in place. state: [places, 4, s]. rates: ripening, ending, share that dies, waning, renewal, at once [6, s]."""
    places, _, species = state.shape
    slopes, ahead, total = np.empty((4, species)), np.empty((4, species)), np.empty((4, species))
    for place in range(places):
        here = state[place]
        if here.sum() <= 0.0:
            continue
        fastest = 1e-12
        for own in range(species):
            reach = 0.0
            for other in range(species):
                heads = here[0, other] + here[1, other] + here[2, other] + here[3, other]
                reach += contact[own, other] * (heads if density else 1.0)
            fastest = max(fastest, reach + rates[0, own] + rates[1, own] + rates[3, own] + rates[4, own])
        steps = max(1, math.ceil(days * fastest / FINE))
        step = days / steps
        for _ in range(steps):
            total[:] = 0.0
            for stage in range(4):
                share = 0.0 if stage == 0 else (1.0 if stage == 3 else 0.5)
                for kind in range(4):
                    for own in range(species):
                        ahead[kind, own] = (
                            here[kind, own] + share * step * slopes[kind, own] if stage else here[kind, own]
                        )
                _slopes(ahead, contact, rates, density, slopes)
                weight = step / 6.0 if stage in (0, 3) else step / 3.0
                for kind in range(4):
                    for own in range(species):
                        total[kind, own] += weight * slopes[kind, own]
            here += total


@compiled
def _slopes(here: Doubles, contact: Doubles, rates: Doubles, density: bool, slopes: Doubles) -> None:
    """The equations of this module at one place, per day: put into `slopes` [4, s]."""
    for own in range(here.shape[1]):
        force = 0.0
        for other in range(here.shape[1]):
            heads = 1.0 if density else here[0, other] + here[1, other] + here[2, other] + here[3, other]
            if here[2, other] > 0.0 and heads > 0.0:
                force += contact[own, other] * here[2, other] / heads
        caught, ripe, ended = force * here[0, own], rates[0, own] * here[1, own], rates[1, own] * here[2, own]
        direct, waned, renewal = rates[5, own] * caught, rates[3, own] * here[3, own], rates[4, own]
        born = renewal * (here[0, own] + here[1, own] + here[2, own] + here[3, own])
        slopes[0, own] = born + waned - caught - renewal * here[0, own]
        slopes[1, own] = caught - direct - ripe - renewal * here[1, own]
        slopes[2, own] = direct + ripe - ended - renewal * here[2, own]
        slopes[3, own] = (1.0 - rates[2, own]) * ended - waned - renewal * here[3, own]
