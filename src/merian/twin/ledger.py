"""The ledger: every variable of a twin with its name, unit, axes and bounds, and the budgets that must close.

A variable is either a state, which a step carries to the next, or made anew in each step by the one process that writes it (weather, say, or an intake);
the engine lets that process run before those that read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, floor, inf, isnan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch, nearest
from merian.twin.compiled import compiled

__all__ = ["Array", "Budget", "Flow", "Ledger", "Values", "Variable"]

Array = npt.NDArray[Any]
Values = Mapping[str, Array]

WIDEST = 2.0**63
"""Beyond all whole numbers of 64 bits."""


@compiled
def _within(values: Array, low: float, high: float) -> bool:
    """Whether each is a number within bounds, in one pass."""
    within = True
    for at in range(len(values)):
        within &= (values[at] >= low) & (values[at] <= high)
    return within


@dataclass(frozen=True, slots=True)
class Variable:
    """`name` in `unit` ("1": a pure number) over `axes` (in the order of the array's), never below `low` nor above `high`, and what it means.

    `kind`: "state" is carried from step to step; "made" is written anew in every step, by one process.
    """

    name: str
    unit: str
    axes: tuple[str, ...]
    meaning: str
    low: float = -inf
    high: float = inf
    kind: Literal["state", "made"] = "state"

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise BadData("variable", "its name is one word of letters, digits and _", [self.name])
        if not self.unit:
            raise BadData(f"variable {self.name!r}", "needs a unit; a pure number has the unit '1'")
        if isnan(self.low) or isnan(self.high) or self.low > self.high:
            raise BadData(f"variable {self.name!r}", f"no number lies between {self.low} and {self.high}")

    @property
    def _whole(self) -> tuple[int, int]:
        """The bounds of whole numbers of 64 bits."""
        return max(ceil(max(self.low, -WIDEST)), -(2**63)), min(floor(min(self.high, WIDEST)), 2**63 - 1)

    def outside(self, values: Array) -> tuple[int, ...] | None:
        """The first place in an array where it is no number or beyond its bounds, None when all is well."""
        if not values.size:
            return None
        if values.dtype == np.float64 and _within(values.ravel("K"), self.low, self.high):
            return None
        if values.dtype == np.int64 and _within(values.ravel("K"), *self._whole):
            return None
        low, high = values.min(), values.max()
        # a NaN anywhere makes both comparisons false
        if low >= self.low and high <= self.high:
            return None
        wrong = np.argwhere(~((values >= self.low) & (values <= self.high)))
        return tuple(int(at) for at in wrong[0])


@dataclass(frozen=True, slots=True)
class Budget:
    """A quantity that no process may make or lose without saying so: `total` of all variables, in `unit`, and what it counts.

    `of`: the variables that it is made of (none: perhaps all). What a process does to others leaves it as it was.
    """

    name: str
    unit: str
    total: Callable[[Values], float]
    meaning: str
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """What a process brought into the world (`came`) and took out of it (`went`), in the budget's unit; both 0 or more."""

    came: float = 0.0
    went: float = 0.0


@dataclass(frozen=True)
class Ledger:
    """All variables and budgets of a twin, by name."""

    variables: Mapping[str, Variable]
    budgets: Mapping[str, Budget] = field(default_factory=dict)

    @classmethod
    def of(cls, variables: Iterable[Variable], budgets: Iterable[Budget] = ()) -> Ledger:
        """A ledger of these. Raises BadData when a name comes twice."""
        entries, sums = list(variables), list(budgets)
        for names in ([entry.name for entry in entries], [entry.name for entry in sums]):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise BadData("ledger", "a name stands for one thing", twice)
        return cls({entry.name: entry for entry in entries}, {entry.name: entry for entry in sums})

    def wider(self, variables: Iterable[Variable]) -> Ledger:
        """This ledger with more variables. Raises BadData when a name comes twice."""
        return Ledger.of([*self.variables.values(), *variables], self.budgets.values())

    def __getitem__(self, name: str) -> Variable:
        if name not in self.variables:
            close = nearest(name, self.variables)
            raise BadData("ledger", f"has no variable {name!r}" + (f"; nearest: {', '.join(close)}" if close else ""))
        return self.variables[name]

    def sizes(self, values: Values) -> dict[str, int]:
        """The length of each axis. Raises Mismatch when two arrays disagree, or an array has other axes than its variable."""
        found: dict[str, tuple[str, int]] = {}
        for name, array in values.items():
            axes = self[name].axes
            if array.ndim != len(axes):
                raise Mismatch(f"the axes of {name!r} and its array", axes, array.shape)
            for axis, size in zip(axes, array.shape, strict=True):
                other, length = found.setdefault(axis, (name, size))
                if length != size:
                    raise Mismatch(f"{other!r} and {name!r} along {axis!r}", length, size)
        return {axis: size for axis, (_, size) in found.items()}
