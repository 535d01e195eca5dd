"""Births: a cohort of young from what a cohort has laid by."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from merian.twin import draws
from merian.twin.cohorts.columns import (
    ADULT,
    AGE,
    COHORT,
    GUT,
    MASS,
    NUMBER,
    POOL,
    RIPE,
    TOP,
    YOUNG,
    Cohorts,
    Integers,
    Keeping,
    bodies,
)
from merian.twin.cohorts.kinds import ROW, Kinds
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow

__all__ = ["Breeding", "born", "falls"]

GATE, ONCE, PULSE, LITTER = ROW["gate"], ROW["semelparous"], ROW["pulse"], ROW["litter"]
SEASON, MUTATES = ROW["season"], ROW["mutates"]
FEMALES, BODY = 0.5, 0.5
"""Share of a cohort that bears young; share of adult mass that who breeds once spends on them."""
MUTATION = 0.05
"""Standard deviation of the masses of a brood that differs, as a share of its parents' (Harfoot et al. 2014)."""
LEAST = 0.01
"""Masses of a brood that differs are at least this share of its parents'."""
NAMES = np.int64(2**62 - 1)


@compiled
def falls(day: float, days: float, every: float, first: float) -> int:
    """How many of the days `first`, `first` + `every` ... fall into the `days` from `day` on."""
    return int(math.floor((day + days - first) / every) - math.floor((day - first) / every))


@compiled
def born(
    kinds: Doubles, kind: int, number: float, body: tuple[float, float, float, float], due: int
) -> tuple[float, float, float]:
    """How many young are born to so many grown-up animals of mass, pool, mass of young and of adults `body`; what is left of their mass and pool.

    In pulses: half of them have as many litters as are `due`, when body and pool open the gate, as far as the pool goes. Else, whenever the gate opens, all of
    the pool becomes young, and in kinds that breed once half of an adult's mass too.
    """
    mass, pool, young, adult = body
    if mass + pool < kinds[GATE, kind] * adult or number <= 0.0:
        return 0.0, mass, pool
    if kinds[PULSE, kind] > 0.0:
        each = min(due * FEMALES * kinds[LITTER, kind], pool / young)
        return number * each, mass, max(pool - each * young, 0.0)
    spent = 0.0
    if kinds[ONCE, kind] > 0.0:
        spent = min(BODY * adult, 0.99 * mass)
    return number * (pool + spent) / young, mass - spent, 0.0


class Breeding(Keeping):
    """Grown-up animals make young of what they have laid by.

    They breed when body and pool reach `gate` times the adult mass (Harfoot et al. 2014), or at their season, a litter for every female. The young are a cohort
    of their own; of some broods the young and adult masses differ from the parents' by normal shares with a standard deviation of 5 %. What is born was there.
    The young have nothing of what cohorts carry beside (a disease).
    """

    name = "breeding"
    reads = ("room",)

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Breed: new cohorts are put after the others."""
        brood = np.zeros(len(values["who"]))
        _breed(self.kinds.table, bodies(values), brood, moment.day, moment.days)
        parents = np.flatnonzero(brood > 0)
        if not len(parents):
            return {}
        fresh = {name: values[name][parents] for name in COHORT}
        fresh["number"] = brood[parents]
        _christen(self.kinds.table, fresh["who"], bodies(fresh), moment.chance, moment.step)
        for name in COHORT:
            values[name] = np.concatenate([values[name], fresh[name]])
        for name in self.carried:
            values[name] = np.concatenate([values[name], np.zeros(len(parents))])
        return {"animals": Flow(came=float(fresh["number"].sum()))}


@compiled
def _breed(kinds: Doubles, cohorts: Cohorts, brood: Doubles, day: float, days: float) -> None:
    """Take the young's mass from parents in place and write down how many each cohort has [n]."""
    kind, _, state = cohorts
    for at in range(len(kind)):
        own = kind[at]
        if state[RIPE][at] < 0.0 or state[NUMBER][at] <= 0.0:
            continue
        due = falls(day, days, kinds[PULSE, own], kinds[SEASON, own]) if kinds[PULSE, own] > 0.0 else 0
        body = (state[MASS][at], state[POOL][at], state[YOUNG][at], state[ADULT][at])
        brood[at], state[MASS][at], state[POOL][at] = born(kinds, own, state[NUMBER][at], body, due)


@compiled
def _christen(kinds: Doubles, who: Integers, cohorts: Cohorts, chance: draws.Key, step: int) -> None:
    """Make copies of parents the cohorts of their young, in place. A brood of masses that differ has as many young as the same grams make."""
    kind, _, state = cohorts
    for at in range(len(who)):
        a, b, _, _ = draws.words(chance, who[at], step, 0)
        if draws.uniform(chance, who[at], step, 1) < kinds[MUTATES, kind[at]]:
            grams = state[NUMBER][at] * state[YOUNG][at]
            state[ADULT][at] *= max(1.0 + MUTATION * draws.normal(chance, who[at], step, 2), LEAST)
            mass = state[YOUNG][at] * max(1.0 + MUTATION * draws.normal(chance, who[at], step, 3), LEAST)
            state[YOUNG][at] = min(mass, state[ADULT][at])
            state[NUMBER][at] = grams / state[YOUNG][at]
        who[at] = np.int64(np.uint64(a) << np.uint64(32) | np.uint64(b)) & NAMES
        state[MASS][at] = state[TOP][at] = state[YOUNG][at]
        state[POOL][at] = state[GUT][at] = state[AGE][at] = 0.0
        state[RIPE][at] = -1.0
