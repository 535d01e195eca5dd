"""A disease among animals that are counted one by one: herd by herd, as chance has it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles
from merian.twin.hazards.contagion import Arrival, numbered
from merian.twin.hazards.disease import Pathogen
from merian.twin.hazards.join import Part, When, always, cell_m2, joined
from merian.twin.herds.counts import binomial
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["HEALTH", "Infection", "infection"]

Integers = npt.NDArray[np.int64]
HEALTH = {
    "susceptible": "Animals of the herd that may catch the disease",
    "exposed": "Animals of the herd that are infected and not yet infectious",
    "infectious": "Animals of the herd that are infectious",
    "immune": "Animals of the herd that are immune",
}
"""The variables of a disease in tier I with their meaning; together they are the herd. Those of a second one end in _2, and so on."""
EXTRA = 1000
"""From this slot on draws are made for arrivals and for who is no longer there."""


class Infection:
    """A disease spreads among the animals of each cell, kills, and goes where they go.

    In a step of d days a susceptible animal is infected with chance 1 - exp(-l d), l = sum_j c_ij I_j / N_j of its cell (or I_j over the cell's area in
    km2, where contacts grow with density); an exposed one becomes infectious with chance 1 - exp(-s d); an infectious one recovers or dies with chance 1 -
    exp(-g d), and dies with chance f of these; an immune one is so no longer with chance 1 - exp(-w d). Numbers are binomial (chain-binomial model: Bailey
    1975, The Mathematical Theory of Infectious Diseases; rates as in merian.twin.hazards.disease). The young are born susceptible; who else left the herd
    since the last step was anyone of it by chance. Births and deaths are those of the other processes. Several diseases know nothing of each other: who has
    one catches, spreads and dies of another like anybody else.
    """

    name = "infection"
    reads = ("who", "species", "cell", "mass")
    health = tuple(HEALTH)

    @property
    def writes(self) -> tuple[str, ...]:
        """How many a herd has, and how many of them are in which state."""
        return ("number", *self.health)

    def __init__(
        self, pathogen: Pathogen, arrival: Arrival, shape: tuple[int, int], area_m2: float, when: When = always
    ) -> None:
        """shape: rows and columns of the window, whose cells have so many m2. Raises BadData where the disease arrives in no host."""
        if not 0 <= arrival.species < len(pathogen.fatal) or not pathogen.hosts[arrival.species]:
            raise BadData("disease", "arrives in one of its hosts", [arrival.species])
        self.pathogen, self.arrival, self.shape, self.area_m2, self.when = pathogen, arrival, shape, area_m2, when

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Infect, kill and heal; who dies goes out with its body."""
        herds = values["who"], values["species"], values["cell"], values["number"], values["mass"]
        susceptible, exposed, infectious, immune = (values[name] for name in self.health)
        health = susceptible, exposed, infectious, immune
        _reconcile((herds[0], herds[3]), health, moment.chance, moment.step)
        if self.arrival.within(moment):
            cells = np.ones(self.shape, bool) if self.arrival.cells is None else self.arrival.cells
            here = np.flatnonzero((values["species"] == self.arrival.species) & cells.ravel()[values["cell"]])
            _arrive(here, (herds[0], health[0], health[2]), self.arrival.share, moment.chance, moment.step)
        if not (health[1].any() or health[2].any() or health[3].any()):
            return {}
        went = _pass(
            herds,
            health,
            self._rates(),
            self._force(values, moment),
            moment.chance,
            np.array([moment.step, moment.days]),
        )
        return {"biomass": Flow(went=went / 1000.0)}

    def _rates(self) -> Doubles:
        """Of each species: chance per day of becoming infectious (infinite: at once), of ending, the share that dies, the chance per day of losing immunity."""
        found = self.pathogen
        with np.errstate(divide="ignore"):
            return np.stack([1 / found.incubation_days, 1 / found.infectious_days, found.fatal, 1 / found.immune_days])

    def _force(self, values: dict[str, Array], moment: Moment) -> Doubles:
        """The rate at which a susceptible animal of each species is infected in each cell: [s, cells], day-1."""
        species, cells = len(self.pathogen.fatal), self.shape[0] * self.shape[1]
        kind = values["species"] * cells + values["cell"]
        infectious = np.bincount(kind, values[self.health[2]], species * cells).reshape(species, cells)
        if self.pathogen.density:
            met = infectious / (self.area_m2 / 1e6)
        else:
            heads = np.bincount(kind, values["number"], species * cells).reshape(species, cells)
            met = np.divide(infectious, heads, out=np.zeros_like(heads), where=heads > 0)
        return np.asarray(self.when(moment.day) * self.pathogen.contact @ met)


Health = tuple[Integers, Integers, Integers, Integers]
"""Susceptible, exposed, infectious, immune animals of each herd [a]."""


@compiled
def _reconcile(herds: tuple[Integers, Integers], health: Health, chance: draws.Key, step: int) -> None:
    """Let the four classes of each herd add up to its number: who came is susceptible, who left was anyone of it."""
    who, number = herds
    for herd in range(len(who)):
        total = health[0][herd] + health[1][herd] + health[2][herd] + health[3][herd]
        if number[herd] >= total:
            health[0][herd] += number[herd] - total
            continue
        if number[herd] <= 0 or health[0][herd] == total:
            health[0][herd] = max(number[herd], 0)
            for kind in health[1:]:
                kind[herd] = 0
            continue
        slot = EXTRA
        while total > number[herd]:
            left = draws.uniform(chance, who[herd], step, slot) * total
            for kind in health:
                left -= kind[herd]
                if left < 0.0:
                    kind[herd] -= 1
                    break
            total -= 1
            slot += 1


@compiled
def _arrive(
    here: Integers, herds: tuple[Integers, Integers, Integers], share: float, chance: draws.Key, step: int
) -> None:
    """Infect a share of the susceptible animals of the herds `here`. herds: who, susceptible, infectious."""
    who, susceptible, infectious = herds
    for herd in here:
        ill = binomial(draws.uniform(chance, who[herd], step, EXTRA - 1), susceptible[herd], share)
        susceptible[herd] -= ill
        infectious[herd] += ill


@compiled
def _pass(
    herds: tuple[Integers, Integers, Integers, Integers, Doubles],
    health: Health,
    rates: Doubles,
    force: Doubles,
    chance: draws.Key,
    when: Doubles,
) -> float:
    """One step of every herd, in place: what went, g."""
    who, species, cell, number, mass = herds
    susceptible, exposed, infectious, immune = health
    step, days, went = int(when[0]), when[1], 0.0
    for herd in range(len(who)):
        own = species[herd]
        pressure = force[own, cell[herd]]
        if pressure <= 0.0 and exposed[herd] + infectious[herd] + immune[herd] == 0:
            continue
        one, two = draws.uniforms(chance, who[herd], step, 0)
        three, four = draws.uniforms(chance, who[herd], step, 1)
        caught = binomial(one, susceptible[herd], -math.expm1(-pressure * days))
        ripe = binomial(two, exposed[herd], -math.expm1(-rates[0, own] * days)) if exposed[herd] > 0 else 0
        ended = binomial(three, infectious[herd], -math.expm1(-rates[1, own] * days))
        dead = binomial(four, ended, rates[2, own])
        waned = 0
        if immune[herd] > 0 and rates[3, own] > 0.0:
            waned = binomial(
                draws.uniform(chance, who[herd], step, 2), immune[herd], -math.expm1(-rates[3, own] * days)
            )
        susceptible[herd] += waned - caught
        if math.isinf(rates[0, own]):
            infectious[herd] += caught
        else:
            exposed[herd] += caught - ripe
            infectious[herd] += ripe
        infectious[herd] -= ended
        immune[herd] += ended - dead - waned
        number[herd] -= dead
        went += dead * mass[herd]
    return went


def infection(engine: Engine, pathogen: Pathogen, arrival: Arrival, when: When = always) -> Engine:
    """The Engine of tier I with a disease that arrives in it, beside those that do so already. `when` is a share of its contacts."""
    number = engine.world.values["number"]
    shape = engine.world.values["soil_water"].shape
    zeros = np.zeros(len(number), np.int64)
    process, end = (
        Infection(pathogen, arrival, (shape[0], shape[1]), cell_m2(engine), when),
        numbered(engine, Infection),
    )
    process.name, process.health = process.name + end, tuple(name + end for name in HEALTH)
    part = Part(
        (process,),
        tuple(Variable(name + end, "1", ("animal",), said, 0) for name, said in HEALTH.items()),
        {name: number.astype(np.int64) if name == process.health[0] else zeros.copy() for name in process.health},
        before="roaming",
        counted=process.health,
    )
    return joined(engine, part)
