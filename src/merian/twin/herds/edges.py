"""A window that is open: animals leave over its edges, and others come in from a land beyond that is as it was at the start.

Walkers whose steps point in any direction, with a mean length of s, cross a line of length L from one side at L rho s / pi a step, rho being how many there are
on a m2 of that side: the mean of the part of a step that goes over the line is s / pi (Hutchinson & Waser 2007, Biol. Rev. 82:335, for the same gas in
time); over a corner of a square goes a share s / 2 W of them, W being its width. Who looks for better cells and for company does not walk as a gas does, and of
those who are many it can be seen how they walk: where l of N herds leave in a step, l N' / N come, N' being how many there were if the window were as full as
the land beyond. So a Poisson number comes with mean

    (n (1 - s / 2 W) L rho s / pi + l N') / (n + N),    n = 20,

over each piece of the border as animals come to stand in cells of unlike quality q, as exp(4 q / 3) (merian.twin.herds.theory). The step with which one comes
is drawn from those that cross: its length from l exp(-l / s), the sine of its angle to the line's normal evenly from -1 to 1, and how much of it lay before the
line evenly from 0 to 1. Of a species with home ranges only those pass whose range lies over an edge, both ways; the others turn round. A window as full as the
land beyond has no flow in the mean; one that has lost a species gets it back by diffusion. Who comes is in the state of one of its kind in the window, drawn by
chance: as fat, as old, as pregnant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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

__all__ = ["NAMED", "Beyond", "Passage", "held", "larger", "open_sides", "straddling", "wide"]

Integers = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]
SLOTS = 64
"""Slots of chance that an arrival takes: four for each of sixteen tries."""
FEW = 20.0
"""Herds of a species below which it is theory rather than those who leave that says how many come. A choice."""
STANDS = 4.0 / 3.0
"""Walkers who choose among three steps come to stand as exp(4 q / 3): the drift is 2/3 s^2 q' a step, the variance s^2 (merian.twin.herds.theory)."""
NAMED = Variable("named", "1", ("window",), "The highest number that a herd was given", -1)
"""The variable of a window into which herds come."""


def held(window_km2: float, range_km2: Doubles) -> Doubles:
    """The share of an animal's time that a window holds: as much of its home range as lies in it, at most all [s]; where the range is not known, NaN."""
    return np.asarray(np.where(np.isnan(range_km2), np.nan, np.minimum(window_km2 / np.maximum(range_km2, 1e-12), 1.0)))


def straddling(window_km: float, range_km2: Doubles) -> Doubles:
    """The share of home ranges, taken for circles with their middles anywhere in a square window, that lie over an edge of it [s]; 1 where the range is not
    known."""
    across = 2 * np.sqrt(np.where(np.isnan(range_km2), np.inf, range_km2) / math.pi)
    return np.asarray(1 - np.maximum(1 - across / window_km, 0.0) ** 2)


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


def larger(land: npt.NDArray[np.bool_]) -> bool:
    """Whether a landscape is a piece of a larger land, which goes on over its border: the animals of an island have nowhere to go and nowhere to come from."""
    return len(open_sides(land)) > 0


def wide(common: Sequence[str], range_km2: Doubles, window_km: float) -> tuple[str, ...]:
    """What must be known of species [s] whose home range is larger than a square window: a remark, or none."""
    share = held(window_km**2, range_km2)
    found = [f"{name} {100 * part:.0f} %" for name, part in zip(common, share.tolist(), strict=True) if part < 1]
    said = "home range larger than the window, which holds so much of an animal's time: "
    return (said + ", ".join(found),) if found else ()


@dataclass(frozen=True, eq=False)
class Beyond:
    """The land beyond the edges, each [s]: `density` of herds on a m2, the animals of one (`number`), their mass where none is in the window, g, and the share
    of the species that `passes` the edges; 0 of what does not come.

    Raises Mismatch when lengths differ, BadData for values below 0.
    """

    density: Doubles
    number: Integers
    mass: Doubles
    passes: Doubles

    def __post_init__(self) -> None:
        for column in (self.number, self.mass, self.passes):
            if column.shape != self.density.shape:
                raise Mismatch("columns of what lies beyond", column.shape, self.density.shape)
        if not all(
            (np.isfinite(column) & (column >= 0)).all()
            for column in (self.density, self.number, self.mass, self.passes)
        ):
            raise BadData("what lies beyond the edges", "is told in numbers from 0 on")

    def holding(self, biomass: Doubles) -> Beyond:
        """The same land with so many g m-2 of each [s]; of what does not come there is none."""
        each = self.number * self.mass
        return replace(self, density=np.divide(biomass, each, out=np.zeros(len(each)), where=each > 0))


class Passage(Carrying):
    """Herds come in over the edges of the window, as many as leave one of the density beyond; who left (in roaming) is taken off the list.

    A Poisson number of each species, from steps that cross the edge (merian.twin.herds.edges: L rho s / pi). They are of the usual number. `came` and `left`
    are the numbers of the herds of the step before.
    """

    name = "passage"
    reads = ("quality",)

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
        self._was: tuple[Doubles, Singles] | None = None

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Let herds come; their mass comes with them, kg."""
        gone = np.flatnonzero(values["number"] <= 0)
        coming = self._coming(values, gone, moment)
        self.came, self.left = np.zeros(0, np.int64), values["who"][gone]
        if len(gone):
            dropped(values, self.herd, gone)
        named = max(int(values["named"][0]), int(values["who"].max(initial=-1)))
        steps, ground = self.stride * math.sqrt(moment.days), (self.land, self.cell_m)
        species, place = _arrivals(coming, steps, self.sides, ground, moment.chance, moment.step)
        values["named"][0] = named + len(species)
        if not len(species):
            return {}
        self.came = named + 1 + np.arange(len(species))
        x, y, heading, kin = place
        number, mass = self.beyond.number[species], self.beyond.mass[species]
        like, has = _like(values["species"], species, kin)
        mass = np.where(has, values["mass"][like], mass) if len(values["mass"]) else mass
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
        if has.all():
            fresh |= {name: values[name][like] for name in self.carried}
        elif has.any():
            for name in self.carried:
                fresh[name] = np.zeros((len(species), *values[name].shape[1:]), values[name].dtype)
                fresh[name][has] = values[name][like[has]]
        self.joined(values, fresh)
        return {"biomass": Flow(came=float((number * mass).sum()) / 1000.0)}

    def _coming(self, values: dict[str, Array], gone: Integers, moment: Moment) -> Doubles:
        """How many herds of each species come in the mean over each piece of the border and those before it [s, e]. gone: those that have left."""
        beside = self._worth(values["quality"])
        steps, size = self.stride * math.sqrt(moment.days), len(self.stride)
        walkers = (self.beyond.density * self.beyond.passes * steps / math.pi * self.cell_m)[:, None] * beside
        there, left = (np.bincount(kind, minlength=size) for kind in (values["species"], values["species"][gone]))
        whole, theory = self.beyond.density * self.land.sum() * self.cell_m**2, walkers.sum(1)
        inside = np.maximum(1 - steps / (2 * math.sqrt(self.land.size) * self.cell_m), 0.0)
        many = (FEW * inside * theory + left * whole) / (FEW + there)
        share = np.divide(many, theory, out=np.zeros(size), where=theory > 0)
        return np.cumsum(walkers * share[:, None], 1, dtype=np.float64)

    def _worth(self, quality: Doubles) -> Singles:
        """How many stand at each piece of the border, over the mean of the land [s, e]; as it was before where quality is what it was."""
        if self._was is None or not np.array_equal(self._was[0], quality):
            stands = np.exp(STANDS * quality.astype(np.float32))
            beside = stands[:, self.sides[:, 0], self.sides[:, 1]] / stands[:, self.land].mean(1)[:, None]
            self._was = quality.copy(order="K"), beside
        return self._was[1]


def _like(there: Integers, come: Integers, chance: Doubles) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """One of its kind among those who are there [a], for each who comes [n], by uniforms; and who has one. 0 for those who have none."""
    like, has = np.zeros(len(come), np.int64), np.zeros(len(come), np.bool_)
    for own in np.unique(come).tolist():
        own_kind, mine = np.flatnonzero(there == own), come == own
        if len(own_kind):
            like[mine] = own_kind[(chance[mine] * len(own_kind)).astype(np.int64)]
            has |= mine
    return like, has


@compiled
def _arrivals(
    mean: Doubles,
    steps: Doubles,
    sides: Integers,
    ground: tuple[npt.NDArray[np.bool_], float],
    chance: draws.Key,
    step: int,
) -> tuple[Integers, Doubles]:
    """Who comes in a step: species [n], and east, south, heading and a uniform of each [4, n]. mean: how many of each species over the pieces of the border up
    to each [s, e]; steps: the mean length of theirs."""
    land, cell_m = ground
    rows, columns = land.shape
    many = np.zeros(len(mean), np.int64)
    for own in range(len(mean)):
        if mean[own, -1] > 0.0:
            many[own] = poisson(draws.uniform(chance, own, step, 0), mean[own, -1])
    species, place, count = np.empty(many.sum(), np.int64), np.empty((4, many.sum())), 0
    for own in range(len(mean)):
        for one in range(many[own]):
            # who would step over a corner, or into water, steps another way
            for slot in range(1 + SLOTS * one, 1 + SLOTS * (one + 1), 4):
                which = draws.uniform(chance, own, step, slot) * mean[own, -1]
                piece = min(np.searchsorted(mean[own], which, side="right"), len(sides) - 1)
                x, y, heading = _entered(sides[piece], steps[own], (rows, columns, cell_m), (chance, own, step, slot))
                row, column = math.floor(y / cell_m), math.floor(x / cell_m)
                if 0 <= row < rows and 0 <= column < columns and land[row, column]:
                    species[count] = own
                    place[0, count], place[1, count], place[2, count] = x, y, heading % (2.0 * math.pi)
                    place[3, count] = draws.uniform(chance, own, step, slot + 3)
                    count += 1
                    break
    return species[:count], place[:, :count]


@compiled
def _entered(
    piece: Integers, mean: float, size: tuple[int, int, float], draw: tuple[draws.Key, int, int, int]
) -> tuple[float, float, float]:
    """Where a step over a piece of the border ends, and its heading. mean: the mean length of steps; size: rows, columns and cell, m."""
    rows, columns, cell_m = size
    chance, own, step, slot = draw
    row, column, side = piece
    along = draws.uniforms(chance, own, step, slot)[1]
    first, second = draws.uniforms(chance, own, step, slot + 1)
    across, inside = draws.uniforms(chance, own, step, slot + 2)
    # a length from l exp(-l): the sum of two exponential ones
    far, sine = -mean * (math.log1p(-first) + math.log1p(-second)) * inside, 2.0 * across - 1.0
    deep, aside = far * math.sqrt(max(1.0 - sine * sine, 0.0)), far * sine
    if side % 2 == 0:
        x, inward = (deep, deep) if side == 0 else (columns * cell_m - deep, -deep)
        return x, (row + along) * cell_m + aside, math.atan2(aside, inward)
    y, inward = (deep, deep) if side == 1 else (rows * cell_m - deep, -deep)
    return (column + along) * cell_m + aside, y, math.atan2(inward, aside)
