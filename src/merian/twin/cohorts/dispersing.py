"""Movement of cohorts between cells: whole, by chance, as far as their mass or their home range lets them.

Of the Madingley model (Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841): 0.0278 M^0.48 km a month, in a direction drawn anew each step, by those that are
not grown up, and by grown-ups that starve, below 0.8 of their adult mass. A kind that has a `diffusion` D goes a normal distance of variance 2 D dt along each
axis instead, like a random walk. A way of 2.3 cells is one of 2 or 3, by chance; fences and sea stop it. Who
chooses may stay where a way ends in a worse cell (merian.twin.cohorts.choosing).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from merian.twin import draws
from merian.twin.cohorts.columns import ADULT, MASS, RIPE, Cohorts, Integers, bodies, shared
from merian.twin.cohorts.kinds import ROW, Kinds
from merian.twin.cohorts.series import logarithms, turned
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.grid.moving import Gates
from merian.twin.ledger import Array, Flow

__all__ = ["Dispersing", "speed_m_day"]

DIFFUSION = ROW["diffusion"]
SPEED_KM_MONTH, SPEED_EXPONENT, MONTH_DAYS = 0.0278, 0.48, 30.4375
STARVED = 0.8
"""Share of adult mass below which grown-ups move."""
FARTHEST = 1000.0
"""Cells that are gone in a step at most, along each axis."""
ALIKE = np.empty((0, 0))
CHOOSING = 2**31 - 1
"""The slot of the draw by which an animal stays, which no way is long enough to come to."""
CHUNK = 512
"""Cohorts whose chance is drawn at once."""
Words = npt.NDArray[np.uint32]
FARTHEST_NORMAL = 8.6
"""No normal distance of these draws is farther, standard deviations: sqrt(2 ln 2^53)."""


@compiled
def speed_m_day(mass: float) -> float:
    """How far an animal of so many g goes in a day, m."""
    return 1000.0 * SPEED_KM_MONTH / MONTH_DAYS * math.exp(SPEED_EXPONENT * math.log(mass))


class Dispersing:
    """The young leave, and whoever starves goes elsewhere.

    Cohorts move whole, by chance. Distances and sources in merian.twin.cohorts.dispersing.
    """

    name = "dispersing"
    reads: tuple[str, ...] = ("who", "kind", "mass", "adult", "ripe")
    writes = ("cell",)

    def __init__(self, kinds: Kinds, gates: Gates, width_m: float, threads: int = 1, chooses: bool = False) -> None:
        self.kinds, self.width_m, self.threads = kinds, width_m, threads
        if chooses:
            self.reads = (*self.reads, "quality")
        self.gates = np.ascontiguousarray(gates.east), np.ascontiguousarray(gates.south)

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Move; nothing comes or goes."""
        who, cohorts, draw = values["who"], bodies(values), (moment.chance, moment.step)
        quality = values["quality"].reshape(len(self.kinds.names), -1) if "quality" in self.reads else ALIKE
        land = (*self.gates, quality, all(bool((gates >= 1.0).all()) for gates in self.gates))

        def work(first: int, last: int) -> None:
            _move(self.kinds.table, who, cohorts, land, (self.width_m, moment.days, first, last), draw)

        shared(work, len(who), self.threads)
        return {}


Land = tuple[Doubles, Doubles, Doubles, bool]
"""Gates to the east and south, the quality of cells [k, cells], or none, and whether all gates are open."""
Movers = tuple[Integers, Integers, Doubles, Words, Doubles]
"""Room for those of CHUNK cohorts that may move: which they are among all, their names; how far they go at a mean, in cells, what they draw for the edges
to the right and below, and room for four numbers more [7, CHUNK]; and words [4, CHUNK] and pairs [2, CHUNK] of chance."""


@compiled
def _move(
    kinds: Doubles,
    who: Integers,
    cohorts: Cohorts,
    land: Land,
    scale: tuple[float, float, int, int],
    draw: tuple[draws.Key, int],
) -> None:
    """Move in place.

    scale: width of a cell m, days, and the cohorts from the first to before
    the last that are meant. Chance is drawn for many at once, which takes a tenth of the time of one by one.
    """
    width, days, first, last = scale
    strides = np.sqrt(2.0 * kinds[DIFFUSION] * days) / width
    chances = np.empty((4, CHUNK), np.uint32), np.empty((2, CHUNK))
    movers = np.empty(CHUNK, np.int64), np.empty(CHUNK, np.int64), np.empty((7, CHUNK)), *chances
    for begin in range(first, last, CHUNK):
        count = _leaving((who, strides), cohorts, (begin, min(begin + CHUNK, last)), (width, days), draw, movers)
        if count > 0:
            _gone(strides, cohorts, land, draw, movers, count)


@compiled
def _leaving(
    agents: tuple[Integers, Doubles],
    cohorts: Cohorts,
    span: tuple[int, int],
    scale: tuple[float, float],
    draw: tuple[draws.Key, int],
    movers: Movers,
) -> int:
    """Write down who of a span may come over an edge; how many they are. agents: names, and the spread of ways of each kind, cells (0: by its mass)."""
    who, strides = agents
    kind, _, state = cohorts
    mass, adult, ripe = state[MASS], state[ADULT], state[RIPE]
    which, names, far, words, chances = movers
    count, may = 0, 0
    for at in range(span[0], span[1]):
        if ripe[at] < 0.0 or mass[at] < STARVED * adult[at]:
            which[count], names[count] = at, who[at]
            count += 1
    draws.pairs(draw[0], names[:count], draw[1], 1, words, chances)
    for one in range(count):
        at = which[one]
        stride = strides[kind[at]]
        farthest = stride * FARTHEST_NORMAL
        if stride <= 0.0:
            stride = farthest = speed_m_day(mass[at]) * scale[1] / scale[0]
        right, below = chances[0, one], chances[1, one]
        # who comes over no edge in whatever direction needs none
        if farthest + max(right, below) >= 1.0:
            which[may], names[may], far[0, may], far[1, may], far[2, may] = at, names[one], stride, right, below
            may += 1
    return may


@compiled
def _gone(
    strides: Doubles,
    cohorts: Cohorts,
    land: Land,
    draw: tuple[draws.Key, int],
    movers: Movers,
    count: int,
) -> None:
    """Move those who may come over an edge, in place."""
    kind, cell, _ = cohorts
    (chance, step), (east, south, quality, free) = draw, land
    which, names, fars, words, chances = movers
    gates, rows, columns = (east, south), east.shape[0], south.shape[1]
    draws.pairs(chance, names[:count], step, 0, words, chances)
    rest, ln, ahead, aside = fars[3][:count], fars[4][:count], fars[5][:count], fars[6][:count]
    for mover in range(count):
        rest[mover] = 1.0 - chances[1, mover]
    logarithms(rest, ln)
    turned(chances[0][:count], ahead, aside)
    for mover in range(count):
        at, far, one, other = which[mover], fars[0, mover], fars[1, mover], fars[2, mover]
        # Box and Muller 1958: a normal distance along both axes
        far *= math.sqrt(-2.0 * ln[mover]) if strides[kind[at]] > 0.0 else 1.0
        if far + max(one, other) < 1.0:
            continue
        x, y = far * ahead[mover], far * aside[mover]
        right, down = int(min(abs(x), FARTHEST) + one), int(min(abs(y), FARTHEST) + other)
        if right == 0 and down == 0:
            continue
        row = cell[at] // columns
        column = cell[at] - row * columns
        right, down = right if x > 0 else -right, down if y > 0 else -down
        if free:
            row, column = min(max(row + down, 0), rows - 1), min(max(column + right, 0), columns - 1)
        else:
            row, column = _way(gates, (row, column), (right, down), (chance, step, names[mover]))
        to = row * columns + column
        if quality.size > 0:
            better = quality[kind[at], to] - quality[kind[at], cell[at]]
            if better < 0.0 and draws.uniform(chance, names[mover], step, CHOOSING) >= math.exp(better):
                continue
        cell[at] = to


@compiled
def _way(
    gates: tuple[Doubles, Doubles], place: tuple[int, int], steps: tuple[int, int], draw: tuple[draws.Key, int, int]
) -> tuple[int, int]:
    """Where a way of so many columns and rows ends, which is gone in turns and ends along an axis where a gate is shut."""
    row, column = place
    across, along = steps
    slot = 2
    while across != 0 or along != 0:
        if across != 0:
            # the gate between a cell and the one right of it has the number of the left one
            gate = column if across > 0 else column - 1
            open_ = gates[0][row, gate] if 0 <= gate < gates[0].shape[1] else 0.0
            if _passes(open_, draw, slot):
                column += 1 if across > 0 else -1
                across -= 1 if across > 0 else -1
            else:
                across = 0
        if along != 0:
            gate = row if along > 0 else row - 1
            open_ = gates[1][gate, column] if 0 <= gate < gates[1].shape[0] else 0.0
            if _passes(open_, draw, slot + 1):
                row += 1 if along > 0 else -1
                along -= 1 if along > 0 else -1
            else:
                along = 0
        slot += 2
    return row, column


@compiled
def _passes(gate: float, draw: tuple[draws.Key, int, int], slot: int) -> bool:
    """Whether one gets through a gate that is so open."""
    return gate >= 1.0 or (gate > 0.0 and draws.uniform(draw[0], draw[2], draw[1], slot) < gate)
