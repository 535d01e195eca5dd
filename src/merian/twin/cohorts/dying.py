"""Deaths other than by being eaten."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from merian.twin.cohorts.columns import AGE, GUT, MASS, NUMBER, POOL, RIPE, TOP, Cohorts, bodies, shared
from merian.twin.cohorts.kinds import ROW, Kinds
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow

__all__ = ["Dying", "hazard_day"]

BACKGROUND, SENESCENCE, STARVES = ROW["background"], ROW["senescence"], ROW["starves"]
HARVEST, CROWDING = ROW["harvest"], ROW["crowding"]
LARGEST = 500.0
"""The largest exponent that is taken: beyond it nobody lives anyway."""


@compiled
def hazard_day(kinds: Doubles, kind: int, body: tuple[float, float], life: tuple[float, float], met: float) -> float:
    """Deaths a day of an animal of mass and greatest mass so far `body`, of an age and the age at which it grew up `life` (-1: not yet), which meets so many
    g m-2 of its own kind.

    background + senescence exp((t - t_ripe) / (t_ripe - t_birth + 1)) + 1 / (1 + exp(-k)), k = -(M - 0.6 top) / (0.05 top), the last while M < top
    (Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841), + harvest + crowding B.
    """
    found = kinds[BACKGROUND, kind] + kinds[HARVEST, kind] + kinds[CROWDING, kind] * met
    if life[1] >= 0.0 and kinds[SENESCENCE, kind] > 0.0:
        found += kinds[SENESCENCE, kind] * math.exp(min((life[0] - life[1]) / (life[1] + 1.0), LARGEST))
    if body[0] < body[1] and kinds[STARVES, kind] > 0.0:
        found += 1.0 / (1.0 + math.exp(min((body[0] - 0.6 * body[1]) / (0.05 * body[1]), LARGEST)))
    return float(found)


class Dying:
    """Animals die by chance, of age, of hunger, at people's hands and for want of room.

    The number left is N exp(-hazard dt), with the hazard of merian.twin.cohorts.dying; the dead take their bodies out of the budget.
    """

    name = "dying"
    reads = ("kind", "cell", "mass", "pool", "gut", "top", "age", "ripe", "room")
    writes = ("number",)

    def __init__(self, kinds: Kinds, cell_m2: float, threads: int = 1) -> None:
        self.kinds, self.cell_m2, self.threads = kinds, cell_m2, threads

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Die; the dead go out."""
        cohorts, count = bodies(values), len(self.kinds.names)
        went = np.zeros((2, len(values["kind"])))
        met = np.zeros((values["room"].size, count))
        if self.kinds["crowding"].any():
            weight = values["number"] * (values["mass"] + values["pool"]) / self.cell_m2
            at = values["cell"] * count + values["kind"]
            met = np.asarray(np.bincount(at, weight, met.size), float).reshape(met.shape)
        shared(
            lambda first, last: _die(self.kinds.table, cohorts, met, (first, last), moment.days, went),
            len(values["kind"]),
            self.threads,
        )
        return {"biomass": Flow(went=float(went[0].sum()) / 1000.0), "animals": Flow(went=float(went[1].sum()))}


@compiled
def _die(kinds: Doubles, cohorts: Cohorts, met: Doubles, span: tuple[int, int], days: float, went: Doubles) -> None:
    """Take the dead away. went: g and animals that each cohort loses [2, n]."""
    kind, cell, state = cohorts
    numbers, mass, pool, gut = state[NUMBER], state[MASS], state[POOL], state[GUT]
    top, age, ripe = state[TOP], state[AGE], state[RIPE]
    for at in range(span[0], span[1]):
        own, number = kind[at], numbers[at]
        hazard = hazard_day(kinds, own, (mass[at], top[at]), (age[at], ripe[at]), met[cell[at], own])
        left = number * math.exp(-hazard * days)
        went[0, at] = (number - left) * (mass[at] + pool[at] + gut[at])
        went[1, at] = number - left
        numbers[at] = left
