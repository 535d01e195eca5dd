"""Cohorts as columns: the ledger of the tier, the order of its arrays, and how work on cells is shared out among threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cache
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Budget, Ledger, Values, Variable

__all__ = [
    "ADULT",
    "AGE",
    "BYTES",
    "COHORT",
    "GUT",
    "MASS",
    "NUMBER",
    "OPTIMUM",
    "POOL",
    "RIPE",
    "STATE",
    "TOP",
    "YOUNG",
    "Cohorts",
    "Integers",
    "Keeping",
    "bodies",
    "first_of",
    "ledger",
    "shared",
]

Integers = npt.NDArray[np.int64]
STATE = ("number", "mass", "pool", "gut", "young", "adult", "top", "optimum", "age", "ripe")
"""What is known of a cohort in numbers, in the order in which kernels have it."""
NUMBER, MASS, POOL, GUT, YOUNG, ADULT, TOP, OPTIMUM, AGE, RIPE = range(len(STATE))
COHORT = ("who", "kind", "cell", *STATE)
"""All columns of a cohort."""
Cohorts = tuple[Integers, Integers, tuple[Doubles, ...]]
"""Kind and cell of each cohort, and the arrays of STATE."""
BYTES = 8 * len(COHORT) * 3
"""Memory that a cohort takes: its columns, and as much again twice while a step puts them in order."""
NOTHING = np.empty(0)
BLOCK = 256
"""Cohorts whose grams are added up before they are added to the others'."""
ONE, PLACE, PLANTS = ("cohort",), ("y", "x"), ("plant", "y", "x")


class Keeping:
    """A process that makes, merges and ends cohorts, and keeps all that is known of one: COHORT, and what else is `carried`, each a share of a cohort."""

    carried: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[str, ...]:
        """The columns of a cohort."""
        return (*COHORT, *self.carried)

    def carrying(self, more: tuple[str, ...], counted: tuple[str, ...] = ()) -> Self:
        """The same with more columns of each cohort. Raises BadSetting where some would count its animals: shares do."""
        if counted:
            raise BadSetting("counted", counted, "cohorts carry shares of their animals and no counts")
        other = copy(self)
        other.carried = (*self.carried, *more)
        return other


def ledger(cell_m2: float, chooses: bool = False) -> Ledger:
    """The ledger of cohorts on cells of so many m2, and whether they choose between cells."""
    quality = Variable("quality", "1", ("animal", "y", "x"), "How good a cell is for a kind", kind="made")
    return Ledger.of(
        [
            Variable("who", "1", ONE, "Names the cohort's chance", 0),
            Variable("kind", "1", ONE, "Its species or functional group", 0),
            Variable("cell", "1", ONE, "The cell where it is, row by row", 0),
            Variable("number", "1", ONE, "Animals in it", 0.0, 1e30),
            Variable("mass", "g", ONE, "Body of each, on the mean", 0.0, 1e10),
            Variable("pool", "g", ONE, "What each has laid by for young", 0.0, 1e10),
            Variable("gut", "g", ONE, "What each has gained in this step and not used yet", 0.0, 1e12),
            Variable("young", "g", ONE, "What its young weigh", 0.0, 1e10),
            Variable("adult", "g", ONE, "What its adults weigh", 0.0, 1e10),
            Variable("top", "g", ONE, "The most that each has weighed", 0.0, 1e10),
            Variable("optimum", "1", ONE, "Mass of the smallest prey that it is built for, over its own", 0.0, 1e6),
            Variable("age", "day", ONE, "Since birth", 0.0, 1e7),
            Variable("ripe", "day", ONE, "Age at which it was grown up, -1 before", -1.0, 1e7),
            Variable("plants", "g m-2", PLANTS, "Of what grows", 0.0, 1e7),
            Variable("celsius", "degrees C", PLACE, "Temperature", -90.0, 90.0),
            Variable("soil_water", "mm", PLACE, "Water in the soil", 0.0, 5000.0),
            Variable("room", "1", PLACE, "Room of what grows, as a multiple of the mean", 0.0, 100.0),
            Variable("rain", "mm day-1", PLACE, "Rain of the step", 0.0, 5000.0, "made"),
            Variable("green", "1", PLACE, "Growth of plants, as a multiple of its mean", 0.0, 1e6, "made"),
            *([quality] if chooses else []),
        ],
        [
            Budget(
                "biomass",
                "kg",
                lambda values: _kg(values, cell_m2),
                "All that lives",
                ("number", "mass", "pool", "gut", "plants"),
            ),
            Budget("animals", "1", lambda values: float(values["number"].sum()), "Animals, one by one", ("number",)),
            Budget(
                "water",
                "kg",
                lambda values: float(values["soil_water"].sum()) * cell_m2,
                "Water in the soil",
                ("soil_water",),
            ),
        ],
    )


def _kg(values: Values, cell_m2: float) -> float:
    grams = _grams(values["number"], values["mass"], values["pool"], values["gut"])
    return (grams + float(values["plants"].sum()) * cell_m2) / 1000.0


@compiled
def _grams(number: Array, mass: Array, pool: Array, gut: Array) -> float:
    """What all cohorts weigh, g: block by block, so that small ones are not lost among the large."""
    found = 0.0
    for begin in range(0, len(number), BLOCK):
        part = 0.0
        for at in range(begin, min(begin + BLOCK, len(number))):
            part += number[at] * (mass[at] + pool[at] + gut[at])
        found += part
    return found


def bodies(values: dict[str, Array]) -> Cohorts:
    """The columns of cohorts as kernels have them; what a process does not declare is empty in it."""
    return values["kind"], values["cell"], tuple(values.get(name, NOTHING) for name in STATE)


def first_of(cell: Integers, cells: int) -> Integers:
    """Where the cohorts of each cell begin, in cohorts ordered by cell: int64 [cells + 1]."""
    return np.searchsorted(cell, np.arange(cells + 1))


def shared(work: Callable[[int, int], object], count: int, threads: int) -> None:
    """Do `work` from a first to before a last, for all of `count`, in so many threads."""
    if threads == 1 or count < threads:
        work(0, count)
        return
    edges = np.linspace(0, count, threads + 1).astype(int).tolist()
    own, *others = pairwise(edges)
    waits = [_pool(threads - 1, os.getpid()).submit(work, *span) for span in others]
    work(*own)
    for done in waits:
        done.result()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """So many threads of a process, kept for the next work: to start them takes longer than many a work."""
    return ThreadPoolExecutor(threads, "cohorts")
