"""A disease among cohorts: in each cell by the equations of merian.twin.hazards.disease, cohort by cohort, carried by those who leave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.twin.cohorts.columns import Integers, first_of
from merian.twin.compiled import compiled
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles
from merian.twin.hazards.contagion import Arrival, numbered
from merian.twin.hazards.disease import FINE, Pathogen
from merian.twin.hazards.join import Part, When, always, cell_m2, joined
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["SHARES", "Outbreak", "outbreak"]

SHARES = {
    "exposed": "Share of the cohort that is infected and not yet infectious",
    "infectious": "Share of the cohort that is infectious",
    "immune": "Share of the cohort that is immune",
}
"""The variables of a disease among cohorts with their meaning; those of a second one end in _2, and so on."""
EXPOSED, INFECTIOUS, IMMUNE = range(3)


class Outbreak:
    """A disease spreads among all cohorts of a cell, kills, and goes where they go.

    Susceptible, exposed, infectious, immune (SEIR) by the equations of merian.twin.hazards.disease, whatever the age: who is susceptible in a cohort of
    species i is infected at l_i = sum_j c_ij I_j / N_j, I_j and N_j being counted over all cohorts of j in the cell (or sum_j c_ij I_j with I_j km-2, where
    contacts grow with density). Summed over cohorts that is the equation of one well-mixed population. Births and other deaths are those of the other
    processes: the young are born susceptible, and who dies of something else was anyone of the cohort. When fewer than half an animal is infected on the
    whole landscape the pathogen is gone. Several diseases know nothing of each other: who has one catches, spreads and dies of another like anybody else.
    """

    name = "outbreak"
    reads = ("kind", "cell", "mass", "pool", "gut", "room")
    sick = tuple(SHARES)

    @property
    def writes(self) -> tuple[str, ...]:
        """How many a cohort has, and the shares that are sick."""
        return ("number", *self.sick)

    def __init__(self, pathogen: Pathogen, arrival: Arrival, area_m2: float, when: When = always) -> None:
        """pathogen: of all kinds. `when` is a share of its contacts. Raises BadData where the disease arrives in no host."""
        if not 0 <= arrival.species < len(pathogen.fatal) or not pathogen.hosts[arrival.species]:
            raise BadData("disease", "arrives in one of its hosts", [arrival.species])
        # who is born and dies of other causes is a cohort's own affair
        self.pathogen = replace(pathogen, renewal=np.zeros(len(pathogen.fatal)))
        self.arrival, self.area_m2, self.when = arrival, area_m2, when

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Infect, kill and heal; who dies goes out with its body."""
        shares = np.stack([values[name] for name in self.sick])
        if self.arrival.within(moment):
            self._arrive(values, shares)
        if not shares.any():
            return {}
        before = values["number"].copy()
        rows = values["kind"], values["number"], first_of(values["cell"], values["room"].size)
        found = self.pathogen.weaker(self.when(moment.day))
        how = found.density, self.area_m2 / 1e6, moment.days
        _pass(rows, shares, np.ascontiguousarray(found.contact), found.rates, self.pathogen.hosts, how)
        if float(((shares[EXPOSED] + shares[INFECTIOUS]) * values["number"]).sum()) < 0.5:
            shares[:IMMUNE] = 0.0
        for name, share in zip(self.sick, shares, strict=True):
            values[name] = share
        dead = before - values["number"]
        each = values["mass"] + values["pool"] + values["gut"]
        return {
            "biomass": Flow(went=float((dead * each).sum()) / 1000.0),
            "animals": Flow(went=float(dead.sum())),
        }

    def _arrive(self, values: dict[str, Array], shares: Doubles) -> None:
        """Make a share of those who may catch it infectious, in place."""
        here = values["kind"] == self.arrival.species
        if self.arrival.cells is not None:
            here &= self.arrival.cells.ravel()[values["cell"]]
        shares[INFECTIOUS] += np.where(here, self.arrival.share * (1 - shares.sum(0)), 0.0)


Rows = tuple[Integers, Doubles, Integers]
"""Kind and number of each cohort, and where those of each cell begin."""


@compiled
def _pass(
    rows: Rows,
    shares: Doubles,
    contact: Doubles,
    rates: Doubles,
    hosts: npt.NDArray[np.bool_],
    how: tuple[bool, float, float],
) -> None:
    """Let some days pass in every cell: numbers and shares [3, n] in place. how: whether contacts grow with density, the area of a cell in km2, days."""
    kind, number, first = rows
    density, area, days = how
    for cell in range(len(first) - 1):
        low, high = first[cell], first[cell + 1]
        ill = 0.0
        for at in range(low, high):
            ill += number[at] * (shares[0, at] + shares[1, at])
            if shares[2, at] > 0.0:
                ill += 0.0 if rates[3, kind[at]] <= 0.0 else number[at] * shares[2, at]
        if ill <= 0.0:
            continue
        here = np.empty((4, high - low))
        for at in range(low, high):
            heads = number[at] / area
            for state in range(3):
                here[state + 1, at - low] = heads * shares[state, at]
            here[0, at - low] = max(heads - here[1:, at - low].sum(), 0.0)
        _course(kind[low:high], here, contact, rates, density, days)
        for at in range(low, high):
            if not hosts[kind[at]]:
                continue
            after = here[:, at - low].sum()
            for state in range(3):
                share = here[state + 1, at - low] / after if after > 0.0 else 0.0
                shares[state, at] = min(max(share, 0.0), 1.0)
            number[at] = min(after * area, number[at])


@compiled
def _course(kind: Integers, here: Doubles, contact: Doubles, rates: Doubles, density: bool, days: float) -> None:
    """The equations over some days for the cohorts of a cell, heads km-2 [4, n] in place: Runge and Kutta's fourth-order method in steps as of
    merian.twin.hazards.disease."""
    size, count = here.shape[1], len(contact)
    met, force = np.empty((2, count)), np.empty(count)
    _meet(kind, here, contact, density, met, force)
    fastest = 1e-12
    for own in range(count):
        reach = 0.0
        for other in range(count):
            reach += contact[own, other] * (met[0, other] if density else 1.0)
        fastest = max(fastest, reach + rates[0, own] + rates[1, own] + rates[3, own])
    steps = max(1, math.ceil(days * fastest / FINE))
    step = days / steps
    slopes, total = np.empty((4, size)), np.empty((4, size))
    for _ in range(steps):
        total[:] = 0.0
        for stage in range(4):
            share = 0.0 if stage == 0 else (1.0 if stage == 3 else 0.5)
            ahead = here + share * step * slopes if stage > 0 else here.copy()
            _meet(kind, ahead, contact, density, met, force)
            for at in range(size):
                own = kind[at]
                caught, ripe, ended = (
                    force[own] * ahead[0, at],
                    rates[0, own] * ahead[1, at],
                    rates[1, own] * ahead[2, at],
                )
                direct, waned = rates[5, own] * caught, rates[3, own] * ahead[3, at]
                slopes[0, at] = waned - caught
                slopes[1, at] = caught - direct - ripe
                slopes[2, at] = direct + ripe - ended
                slopes[3, at] = (1.0 - rates[2, own]) * ended - waned
            total += slopes * (step / 6.0 if stage in (0, 3) else step / 3.0)
        here += total


@compiled
def _meet(kind: Integers, here: Doubles, contact: Doubles, density: bool, met: Doubles, force: Doubles) -> None:
    """Heads and infectious of each kind [2, k], and the rate at which those of each kind are infected [k]: put into `met` and `force`."""
    met[:] = 0.0
    for at in range(here.shape[1]):
        met[0, kind[at]] += here[0, at] + here[1, at] + here[2, at] + here[3, at]
        met[1, kind[at]] += here[2, at]
    for own in range(len(force)):
        force[own] = 0.0
        for other in range(len(force)):
            heads = 1.0 if density else met[0, other]
            if met[1, other] > 0.0 and heads > 0.0:
                force[own] += contact[own, other] * met[1, other] / heads


def outbreak(engine: Engine, pathogen: Pathogen, arrival: Arrival, when: When = always) -> Engine:
    """The Engine of cohorts with a disease that arrives in them, beside those that do so already. `when` is a share of its contacts."""
    process, end = Outbreak(pathogen, arrival, cell_m2(engine), when), numbered(engine, Outbreak)
    process.name, process.sick = process.name + end, tuple(name + end for name in SHARES)
    size = len(engine.world.values["who"])
    part = Part(
        (process,),
        tuple(Variable(name + end, "1", ("cohort",), said, 0.0, 1.0) for name, said in SHARES.items()),
        {name: np.zeros(size) for name in process.sick},
        before="dying",
    )
    return joined(engine, part)
