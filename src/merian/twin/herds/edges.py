"""A window that is open: animals leave over its edges, and others come in from a land beyond that is as it was at the start.

Walkers whose steps point in any direction, with a mean length of s, cross a line of length L from one side at L rho s / pi a step, rho being how many there are
on a m2 of that side: the mean of the part of a step that goes over the line is s / pi (Hutchinson & Waser 2007, Biol. Rev. 82:335, for the same gas in
time). So many come in, a Poisson number. The step with which one comes is drawn from those that cross: its length from l exp(-l / s), the sine of its angle
to the line's normal evenly from -1 to 1, and how much of it lay before the line evenly from 0 to 1. Who steps out is gone. A window in which there are as many
as beyond it, and no cell is better than another, so has no flow in the mean; one that has lost a species gets it back by diffusion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.herds.counts import poisson
from merian.twin.herds.living import Carrying, dropped
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["NAMED", "Beyond", "Passage", "held", "open_sides"]

Integers = npt.NDArray[np.int64]
SLOTS = 8
"""Slots of chance that an arrival takes."""
NAMED = Variable("named", "1", ("window",), "The highest number that a herd was given", -1)
"""The variable of a window into which herds come."""


def held(window_km2: float, range_km2: Doubles) -> Doubles:
    """The share of an animal's time that a window holds: as much of its home range as lies in it, at most all [s]; where the range is not known, NaN."""
    return np.asarray(np.where(np.isnan(range_km2), np.nan, np.minimum(window_km2 / np.maximum(range_km2, 1e-12), 1.0)))


def open_sides(land: npt.NDArray[np.bool_]) -> Integers:
    """The pieces of a landscape's border that are land, each a row, a column, and the side on which one comes in: 0 west, 1 north, 2 east, 3 south [e, 3]."""
    rows, columns = land.shape
    found = []
    for side, (row, column) in enumerate(
        (
            (np.arange(rows), np.zeros(rows, int)),
            (np.zeros(columns, int), np.arange(columns)),
            (np.arange(rows), np.full(rows, columns - 1)),
            (np.full(columns, rows - 1), np.arange(columns)),
        )
    ):
        on = land[row, column]
        found.append(np.stack([row[on], column[on], np.full(on.sum(), side)], 1))
    return np.concatenate(found).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Beyond:
    """The land beyond the edges, each [s]: `density` of herds on a m2, the animals of one (`number`) and their mass, g; 0 of what does not come.

    Raises Mismatch when lengths differ, BadData for values below 0.
    """

    density: Doubles
    number: Integers
    mass: Doubles

    def __post_init__(self) -> None:
        for column in (self.number, self.mass):
            if column.shape != self.density.shape:
                raise Mismatch("columns of what lies beyond", column.shape, self.density.shape)
        if not all((np.isfinite(column) & (column >= 0)).all() for column in (self.density, self.number, self.mass)):
            raise BadData("what lies beyond the edges", "is told in numbers from 0 on")


class Passage(Carrying):
    """Herds come in over the edges of the window, as many as leave one of the density beyond; who left (in roaming) is taken off the list.

    Poisson with mean L rho s / pi a step for each species, from steps that cross the edge (merian.twin.herds.edges). They are grown up and of the usual number.
    `came` and `left` are the numbers of the herds of the step before.
    """

    name = "passage"
    reads = ()

    @property
    def writes(self) -> tuple[str, ...]:
        """The variables of a herd, and the highest number that was given."""
        return (*self.herd, "named")

    def __init__(self, beyond: Beyond, stride: Doubles, land: npt.NDArray[np.bool_], cell_m: float) -> None:
        """stride: as of Roaming [s], m day-1/2. Raises Mismatch when lengths differ."""
        if stride.shape != beyond.density.shape:
            raise Mismatch("strides and what lies beyond", stride.shape, beyond.density.shape)
        self.beyond, self.stride, self.land, self.cell_m = beyond, stride, land, cell_m
        self.sides = open_sides(land)
        self.came, self.left = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Let herds come; their mass comes with them, kg."""
        gone = np.flatnonzero(values["number"] <= 0)
        self.came, self.left = np.zeros(0, np.int64), values["who"][gone]
        if len(gone):
            dropped(values, self.herd, gone)
        named = max(int(values["named"][0]), int(values["who"].max(initial=-1)))
        steps = self.stride * math.sqrt(moment.days)
        mean = self.beyond.density * steps / math.pi * len(self.sides) * self.cell_m
        species, place = _arrivals(mean, steps, self.sides, (self.land, self.cell_m), moment.chance, moment.step)
        values["named"][0] = named + len(species)
        if not len(species):
            return {}
        self.came = named + 1 + np.arange(len(species))
        x, y, heading = place
        number = self.beyond.number[species]
        mass = self.beyond.mass[species]
        fresh: dict[str, Array] = {
            "who": self.came,
            "species": species,
            "cell": (y // self.cell_m).astype(np.int64) * self.land.shape[1] + (x // self.cell_m).astype(np.int64),
            "x": x,
            "y": y,
            "heading": heading,
            "number": number,
            "mass": mass,
        }
        self.joined(values, fresh)
        return {"biomass": Flow(came=float((number * mass).sum()) / 1000.0)}


@compiled
def _arrivals(
    mean: Doubles,
    steps: Doubles,
    sides: Integers,
    ground: tuple[npt.NDArray[np.bool_], float],
    chance: draws.Key,
    step: int,
) -> tuple[Integers, Doubles]:
    """Who comes in a step: species [n], and east, south and heading of each [3, n]. mean: how many of each species [s]; steps: the mean length of theirs."""
    land, cell_m = ground
    rows, columns = land.shape
    many = np.zeros(len(mean), np.int64)
    for own in range(len(mean)):
        if mean[own] > 0.0:
            many[own] = poisson(draws.uniform(chance, own, step, 0), mean[own])
    species, place, count = np.empty(many.sum(), np.int64), np.empty((3, many.sum())), 0
    for own in range(len(mean)):
        for one in range(many[own]):
            slot = 1 + SLOTS * one
            which, along = draws.uniforms(chance, own, step, slot)
            first, second = draws.uniforms(chance, own, step, slot + 1)
            across, inside = draws.uniforms(chance, own, step, slot + 2)
            row, column, side = sides[min(int(which * len(sides)), len(sides) - 1)]
            # a length from l exp(-l): the sum of two exponential ones
            far = -steps[own] * (math.log1p(-first) + math.log1p(-second)) * inside
            sine = 2.0 * across - 1.0
            deep, aside = far * math.sqrt(max(1.0 - sine * sine, 0.0)), far * sine
            if side % 2 == 0:
                x = deep if side == 0 else columns * cell_m - deep
                y = (row + along) * cell_m + aside
                heading = math.atan2(aside, deep if side == 0 else -deep)
            else:
                x = (column + along) * cell_m + aside
                y = deep if side == 1 else rows * cell_m - deep
                heading = math.atan2(deep if side == 1 else -deep, aside)
            at_row, at_column = math.floor(y / cell_m), math.floor(x / cell_m)
            # who steps over a corner, or into water, does not come
            if 0 <= at_row < rows and 0 <= at_column < columns and land[at_row, at_column]:
                species[count] = own
                place[0, count], place[1, count], place[2, count] = x, y, heading % (2.0 * math.pi)
                count += 1
    return species[:count], place[:, :count]
