"""Metabolism, starvation, death and birth of animals that are counted one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.herds.counts import binomial
from merian.twin.herds.eating import Integers
from merian.twin.ledger import Array, Flow

__all__ = ["AGENT", "Carrying", "Living", "bodies", "dropped", "steps_of_day"]

AGENT = ("who", "species", "cell", "x", "y", "heading", "number", "mass")
"""The variables of an animal or herd."""

SORTED = 24
"""Steps between two sortings of animals by cell."""


class Carrying:
    """A process that makes and ends herds, and so must know all that is known of one: the variables of `herd`, more of which can be `carried`."""

    carried: tuple[str, ...] = ()
    counted: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def room(self) -> dict[str, Array]:
        """The arrays in which herds that came last lie, longer than they need, by variable."""
        return {}

    @property
    def herd(self) -> tuple[str, ...]:
        """The variables of a herd."""
        return (*AGENT, *self.carried)

    def carrying(self, more: tuple[str, ...], counted: tuple[str, ...] = ()) -> Self:
        """The same with more variables of each herd; those that count its animals in a row, class by class, are `counted` among them."""
        other = copy(self)
        other.carried = (*self.carried, *more)
        other.counted = (*self.counted, counted) if counted else self.counted
        return other

    def joined(self, values: dict[str, Array], fresh: dict[str, Array]) -> None:
        """Add herds of whom `fresh` tells AGENT; of what it does not tell they have nothing yet, and where animals are counted class by class all are of the
        first."""
        size = len(fresh["who"])
        classes = {name for names in self.counted for name in names}
        for name in self.carried:
            if name not in fresh or name in classes:
                fresh[name] = np.zeros((size, *values[name].shape[1:]), values[name].dtype)
        for names in self.counted:
            fresh[names[0]] = fresh["number"].copy()
        for name in self.herd:
            values[name] = self._longer(name, values[name], fresh[name])

    def _longer(self, name: str, there: Array, fresh: Array) -> Array:
        """What is there with what is fresh behind it: in the room that an earlier call left, if `there` lies at its beginning, else in more room."""
        size = len(there) + len(fresh)
        room = self.room.get(name)
        if room is None or there.base is not room or there.ctypes.data != room.ctypes.data or len(room) < size:
            room = self.room[name] = np.empty((size + size // 16 + 64, *there.shape[1:]), there.dtype)
            room[: len(there)] = there
        room[len(there) : size] = fresh
        return room[:size]


class Living(Carrying):
    """Animals burn what they ate, die, and breed when there is more of them than of their bodies.

    Metabolism takes `burnt` of the body a day. Each animal dies with hazard `mortality` a day; when it weighs less than a well-fed animal of its age, F
    (merian.twin.herds.maturing; the mass of an adult, A, where none is young), starvation adds 1 / (1 + exp((M - 0.6 F) / 0.05 F)) a day (Harfoot et al. 2014,
    doi:10.1371/journal.pbio.1001841). A herd whose bodies add up to more adults than it counts
    has so many young more; one of more than twice its `largest` number parts in two. The dead take their bodies out of the budget. Species that breed by season
    do it elsewhere (merian.twin.herds.seasons). Where a step is shorter than a day animals burn in each, but who dies and is born is drawn once a day for each
    herd, in a step of its own (its number modulo the steps of a day), at the hazard of a day.
    """

    name = "living"
    reads = ()
    seasonal: npt.NDArray[np.bool_] | None = None

    @property
    def writes(self) -> tuple[str, ...]:
        """The variables of a herd: all that is known of it changes place, and goes, with it."""
        return self.herd

    def __init__(
        self, adult_g: Doubles, burnt: Doubles, mortality: Doubles, largest: Integers, starves: bool = True
    ) -> None:
        """Arrays [s] by species: adult mass g, metabolism and mortality day-1, the size at which herds part. Raises BadData for what is none."""
        for what, values in (
            ("adult mass", adult_g),
            ("metabolism", burnt),
            ("mortality", mortality),
            ("largest herd", largest),
        ):
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise BadData(what, "is a number from 0 on for each species")
        self.adult_g, self.burnt, self.mortality, self.largest, self.starves = (
            adult_g,
            burnt,
            mortality,
            largest,
            starves,
        )

    def by_season(self, seasonal: npt.NDArray[np.bool_]) -> Living:
        """The same where some species [s] do not breed here."""
        other = copy(self)
        other.seasonal = seasonal
        return other

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Burn, die and breed; what is burnt and who died go out."""
        agents = values["who"], values["species"], values["number"], values["mass"]
        later = np.zeros(len(self.adult_g)) if self.seasonal is None else self.seasonal.astype(float)
        starves = np.full(len(later), float(self.starves))
        rates = np.stack([self.adult_g, self.burnt, self.mortality, starves, later, self.largest])
        every = steps_of_day(moment.days)
        ungrown = values["ungrown"] if "ungrown" in self.carried else np.empty(0)
        went, large, empty = _live((*agents, ungrown), rates, moment.chance, (moment.step, every), moment.days)
        if large:
            self._part(values)
        if empty:
            dropped(values, self.writes, np.flatnonzero(values["number"] <= 0))
        if moment.step % SORTED == 0:
            # neighbours in space become neighbours in memory, which is where the time goes
            order = np.argsort(values["cell"], kind="stable")
            for name in self.writes:
                values[name] = values[name][order]
        return {"biomass": Flow(went=went / 1000.0)}

    def _part(self, values: dict[str, Array]) -> None:
        """Herds that have grown too large part in two; the new one stands beside the old and is numbered on."""
        large = np.flatnonzero(values["number"] > 2 * np.maximum(self.largest[values["species"]], 1))
        if not len(large):
            return
        half = values["number"][large] // 2
        values["number"][large] -= half
        fresh = {name: values[name][large] for name in self.writes}
        fresh["number"] = half
        fresh["who"] = values["who"].max() + 1 + np.arange(len(large))
        for names in self.counted:
            # the animals stand in a row, class by class, and every second one goes
            row = np.cumsum([values[name][large] for name in names], axis=0)
            leave = np.diff(row // 2, axis=0, prepend=0)
            for name, gone in zip(names, leave, strict=True):
                fresh[name] = gone
                values[name][large] -= gone
        for name in self.writes:
            values[name] = np.concatenate([values[name], fresh[name]])


def steps_of_day(days: float) -> int:
    """Steps of so many days in a day, 1 where they are longer."""
    return max(int(1.0 / days + 1e-9), 1)


def dropped(values: dict[str, Array], names: tuple[str, ...], gone: Integers) -> None:
    """Take herds out of the arrays [a]; the last of those that stay take their places, so that few are moved."""
    left = len(values["number"]) - len(gone)
    holes = gone[gone < left]
    last = np.setdiff1d(np.arange(left, left + len(gone)), gone, assume_unique=True)
    for name in names:
        values[name][holes] = values[name][last]
        values[name] = values[name][:left]


@compiled
def bodies(number: Integers, mass: Doubles) -> float:
    """What all animals of some herds weigh, g: sums side by side, so that a processor need not wait for one addition to begin the next."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    whole = len(number) - len(number) % 4
    for at in range(0, whole, 4):
        first += number[at] * mass[at]
        second += number[at + 1] * mass[at + 1]
        third += number[at + 2] * mass[at + 2]
        fourth += number[at + 3] * mass[at + 3]
    for at in range(whole, len(number)):
        first += number[at] * mass[at]
    return first + second + third + fourth


@compiled
def _live(
    agents: tuple[Integers, Integers, Integers, Doubles, Doubles],
    rates: Doubles,
    chance: draws.Key,
    when: tuple[int, int],
    days: float,
) -> tuple[float, int, int]:
    """Burn, die and breed in place: what went, g, and how many herds are now too large, and empty.

    agents: who, species, number, mass, and what they are ungrown (empty: all are grown up). rates: adult mass, metabolism, mortality, whether it starves,
    whether it breeds elsewhere, the largest herd [6, s]. when: step, and steps of a day.
    """
    who, species, number, mass, ungrown = agents
    step, every = when
    went, large, empty, spent, span = 0.0, 0, 0, -np.expm1(-rates[1] * days), every * days
    turn = np.uint32(step % every)
    for animal in range(len(who)):
        if number[animal] <= 0:
            number[animal] = 0
            empty += 1
            continue
        own = species[animal]
        burnt = mass[animal] * spent[own]
        went += number[animal] * burnt
        mass[animal] -= burnt
        if every > 1 and np.uint32(who[animal]) % np.uint32(every) != turn:
            continue
        adult = rates[0, own]
        hazard, frame = rates[2, own], adult - ungrown[animal] if len(ungrown) > 0 else adult
        if rates[3, own] > 0.0 and mass[animal] < frame:
            hazard += 1.0 / (1.0 + math.exp(min((mass[animal] - 0.6 * frame) / (0.05 * frame), 700.0)))
        uniform = draws.uniform(chance, who[animal], step, 0)
        if hazard > 0.0 and uniform >= math.exp(-hazard * span * number[animal]):
            dead = binomial(uniform, number[animal], -math.expm1(-hazard * span))
            went += dead * mass[animal]
            number[animal] -= dead
        if number[animal] > 0 and mass[animal] > adult and rates[4, own] == 0.0:
            born = int(number[animal] * (mass[animal] / adult - 1.0))
            if born > 0:
                mass[animal] *= number[animal] / (number[animal] + born)
                number[animal] += born
        empty += number[animal] <= 0
        large += number[animal] > 2 * max(rates[5, own], 1.0)
    return went, large, empty
