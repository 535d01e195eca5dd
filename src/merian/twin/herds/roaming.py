"""Movement of animals and herds: a correlated random walk whose steps are chosen by where they lead (step selection).

In each step an animal thinks of a few steps of its usual length, turned by some angle from the way it goes, and takes one with chance in
proportion to exp(quality of the cell it ends in): integrated step selection (Avgar et al. 2016, doi:10.1111/2041-210X.12528), with the quality that tier C
uses. A step that leads out of the land, over a fenced edge that does not let it through, or off the map is not thought of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.core.workers import cores
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.grid.land import Quality
from merian.twin.grid.moving import Gates
from merian.twin.herds.company import CIRCLE, TURNS, WAY, WAYS, Company, neighbours, unseen
from merian.twin.herds.living import steps_of_day
from merian.twin.herds.spread import by_cell, from_cells, parts, spread
from merian.twin.ledger import Array, Flow

__all__ = ["Choosing", "Roaming"]

Integers = npt.NDArray[np.int64]
LENGTHS = 4096
"""Lengths of steps that are told apart."""
TURN, LENGTH = np.uint32(20), np.uint32(LENGTHS - 1)
"""Where the bits of a turn begin in a word, and which are those of a length."""
SHARE = 2.0**-32
CHOICES = 3
"""Steps that are thought of (a choice)."""
CHUNK = 512
"""Animals whose chance is drawn at once."""
Singles = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint32]


def _lengths() -> Singles:
    """Lengths of an exponential distribution of mean 1, all as likely: each the root mean square of its part, so that the mean square of all is 2."""
    edge = np.arange(LENGTHS + 1) / LENGTHS
    far = -np.log1p(-edge[:-1])
    rest = 1 - edge[:-1]
    # the integral of l^2 exp(-l) from l on
    beyond = np.append(rest * (far**2 + 2 * far + 2), 0.0)
    return np.asarray(np.sqrt(-np.diff(beyond) * LENGTHS), np.float32)


STEP = _lengths()


class Choosing(Quality):
    """How good cells are, by the day: within one neither food nor water changes much; else as in tier C (merian.twin.grid.land)."""

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Set how good each cell is, in the first step of a day (in each that is longer)."""
        if moment.step % steps_of_day(moment.days):
            return {}
        super().step(values, moment)
        # for a day it is read cell by cell
        values["quality"] = from_cells(by_cell(values["quality"]), values["quality"].shape[1:])
        return {}


class Roaming:
    """Animals walk, each step chosen among three by the quality of the cell that it leads to.

    The length of a step is exponential with mean `stride` m per square root of a day times the root of the step's days, so that how far animals get in a day
    does not depend on the step; they keep their heading with `persistence` (0: none, 1: straight on). A step over the edge of an open window is worth what the
    cell is from which it leads. Where animals keep company, steps toward their kind are worth more (merian.twin.herds.company).
    """

    name = "roaming"
    reads: tuple[str, ...] = ("who", "species", "quality")
    writes: tuple[str, ...] = ("x", "y", "cell", "heading")
    passes: Doubles | None = None
    company: Company | None = None
    cohesion, alignment = 0.0, 0.0

    def __init__(self, stride: Doubles, persistence: float, gates: Gates, cell_m: float, threads: int = 0) -> None:
        """stride: [s], m day-1/2; species with 0 stay. Raises BadData for one that is none."""
        if not (np.isfinite(stride).all() and (stride >= 0).all()):
            raise BadData("stride", "is a number of m from 0 on for each species")
        if not 0 <= persistence <= 1:
            raise BadData("persistence", f"lies from 0 to 1, not {persistence}")
        self.stride, self.persistence, self.gates, self.cell_m = stride, persistence, gates, cell_m
        self.threads = threads or cores()

    def leaving(self, passes: Doubles) -> Roaming:
        """The same in a window that is open: a step over its edge is worth what the cell is from which it leads, and who takes it is gone, of each
        species so large a share (`passes` [s]); the others stay where they are and turn round. Raises Mismatch when lengths differ."""
        if passes.shape != self.stride.shape:
            raise Mismatch("who passes the edges and strides", passes.shape, self.stride.shape)
        other = copy(self)
        other.passes, other.reads, other.writes = passes, (*self.reads, "mass"), (*self.writes, "number")
        return other

    def beside(self, company: Company, cohesion: float, alignment: float) -> Roaming:
        """The same of animals that keep company, with these weights of the middle and of the heading of those they see; with both 0 nothing changes.

        Raises Mismatch when lengths differ.
        """
        if len(company.sociable) != len(self.stride):
            raise Mismatch("company and strides", len(company.sociable), len(self.stride))
        other = copy(self)
        other.company = company if cohesion > 0 or alignment > 0 else None
        other.cohesion, other.alignment = cohesion, alignment
        return other

    def _kin(self, values: dict[str, Array], shape: tuple[int, ...]) -> tuple[Singles, Doubles]:
        """Where the kind of each animal is (empty: no matter), and how sociable each species is."""
        if self.company is None:
            return np.empty((4, 0), np.float32), np.zeros(len(self.stride))
        size = shape[2] * self.cell_m, shape[1] * self.cell_m
        where = values["x"], values["y"], values["heading"]
        kin = neighbours(values["species"], where, self.company, size, self.threads)
        if self.passes is not None:
            # who would see beyond the edge of an open window sees only those on this side, and is left to itself
            unseen(kin, values["species"], where, self.company.sight_m, size)
        return kin, self.company.sociable

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Walk; who leaves an open window goes, in kg."""
        place = values["x"], values["y"], values["heading"], values["cell"]
        # quality is told apart to a ten-millionth, which halves what must be kept at hand
        shape = values["quality"].shape
        worth = np.exp(by_cell(values["quality"]).astype(np.float32)).reshape(*shape[1:], shape[0])
        left = np.zeros(len(values["who"]) if self.passes is not None else 0, np.bool_)
        # all look before the first of them moves
        kin, sociable = self._kin(values, shape)
        agents = values["who"], values["species"], worth, left, kin
        gates = self.gates.east, self.gates.south
        knobs = [moment.step, self.persistence, self.cell_m, self.cohesion, self.alignment]
        passes = sociable if self.passes is None else self.passes
        how = np.concatenate([knobs, self.stride * math.sqrt(moment.days), sociable, passes])
        spans = parts(len(values["who"]), self.threads)
        spread(lambda span: _roam(agents, place, gates, span, moment.chance, how), spans)
        if not left.any():
            return {}
        went = float((values["number"][left] * values["mass"][left]).sum())
        values["number"][left] = 0
        return {"biomass": Flow(went=went / 1000.0)}


Place = tuple[Doubles, Doubles, Doubles, Integers]
"""x, y, heading and cell of animals [a]."""
Agents = tuple[Integers, Integers, Singles, npt.NDArray[np.bool_], Singles]
"""Who, species, exp(quality) [y, x, s], who has left (empty: none may), and where its kind is [4, a] (of merian.twin.herds.company; empty: no matter)."""
Thoughts = tuple[Doubles, Doubles, Integers, Doubles]
"""Where each choice of some animals leads, x and y, which way, and what it is worth [CHOICES, CHUNK]."""


@compiled
def _roam(
    agents: Agents,
    place: Place,
    gates: tuple[Doubles, Doubles],
    span: tuple[int, int],
    chance: draws.Key,
    how: Doubles,
) -> None:
    """Walk those of a span, in place.

    how: step, persistence, cell m, weights of cohesion and alignment, then of each species the mean length of a step, how sociable it is, and which share of it
    passes open edges. One block of chance goes to an animal and step: of its first three words the highest 12 bits are a turn and the lowest 12 a length, the
    fourth is the choice.
    """
    block, size = np.empty((4, CHUNK), np.uint32), (CHOICES, CHUNK)
    thoughts = np.empty(size), np.empty(size), np.empty(size, np.int64), np.empty(size)
    for begin in range(span[0], span[1], CHUNK):
        part = begin, min(begin + CHUNK, span[1])
        draws.blocks(chance, agents[0][part[0] : part[1]], int(how[0]), 0, block)
        _thought(agents, place, part, block, how, thoughts)
        _weighed(agents, place, gates, (part, chance), how, thoughts)
        _gone(agents, place, (part, chance), block, how, thoughts)


@compiled
def _thought(
    agents: Agents, place: Place, part: tuple[int, int], block: Words, how: Doubles, thoughts: Thoughts
) -> None:
    """Where each choice leads."""
    species = agents[1]
    x, y, heading, _ = place
    to_x, to_y, to_way, _ = thoughts
    wander = (1.0 - how[1]) / 2.0
    for animal in range(part[0], part[1]):
        at, mean = animal - part[0], how[5 + species[animal]]
        ahead = int(heading[animal] * TURNS + 0.5)
        for choice in range(CHOICES):
            word = block[choice, at]
            way = (ahead + int(wander * (2.0 * (word >> TURN) + 1.0 - WAYS))) & (WAYS - 1)
            far = mean * STEP[word & LENGTH]
            to_way[choice, at] = way
            to_x[choice, at], to_y[choice, at] = x[animal] + far * WAY[way, 0], y[animal] + far * WAY[way, 1]


@compiled
def _weighed(
    agents: Agents,
    place: Place,
    gates: tuple[Doubles, Doubles],
    draw: tuple[tuple[int, int], draws.Key],
    how: Doubles,
    thoughts: Thoughts,
) -> None:
    """What each choice is worth, 0.0 where it is not thought of: the cell that it leads to, and the company."""
    who, species, worth, left, kin = agents
    x, y, _, _ = place
    to_x, to_y, to_way, weight = thoughts
    part, chance = draw
    rows, columns, several = worth.shape
    narrow, beside, leaves = 1.0 / how[2], kin.shape[1] > 0, len(left) > 0
    for animal in range(part[0], part[1]):
        at, own = animal - part[0], species[animal]
        row, column, mean = int(y[animal] * narrow), int(x[animal] * narrow), how[5 + own]
        for choice in range(CHOICES):
            worthy = 0.0
            next_row, next_column = math.floor(to_y[choice, at] * narrow), math.floor(to_x[choice, at] * narrow)
            if next_row == row and next_column == column:
                worthy = float(worth[row, column, own])
            elif 0 <= next_row < rows and 0 <= next_column < columns:
                lets = _lets(x[animal], y[animal], to_x[choice, at], to_y[choice, at], gates, narrow)
                # a fence that lets some through lets this one through by chance
                if lets >= 1.0 or (lets > 0.0 and draws.uniform(chance, who[animal], int(how[0]), 100 + choice) < lets):
                    worthy = float(worth[next_row, next_column, own])
            elif leaves:
                worthy = float(worth[row, column, own])
            weight[choice, at] = worthy
        if beside and not np.isnan(kin[0, animal]) and mean > 0.0:
            # the equation is that of merian.twin.herds.company
            near = max(math.sqrt(kin[0, animal] * kin[0, animal] + kin[1, animal] * kin[1, animal]), 0.5 * mean)
            for choice in range(CHOICES):
                dx, dy = (
                    kin[0, animal] - (to_x[choice, at] - x[animal]),
                    kin[1, animal] - (to_y[choice, at] - y[animal]),
                )
                gained, way = near - max(math.sqrt(dx * dx + dy * dy), 0.5 * mean), to_way[choice, at]
                along = WAY[way, 0] * kin[2, animal] + WAY[way, 1] * kin[3, animal]
                weight[choice, at] *= math.exp(how[5 + several + own] * (how[3] * gained / mean + how[4] * along))


@compiled
def _gone(
    agents: Agents,
    place: Place,
    draw: tuple[tuple[int, int], draws.Key],
    block: Words,
    how: Doubles,
    thoughts: Thoughts,
) -> None:
    """Each takes one of its choices, with chance in proportion to what they are worth; who has none turns round, who steps out has left, or turns round."""
    who, species, worth, left, _ = agents
    part, chance = draw
    x, y, heading, cell = place
    to_x, to_y, to_way, weight = thoughts
    rows, columns, several = worth.shape
    narrow = 1.0 / how[2]
    for animal in range(part[0], part[1]):
        if how[5 + species[animal]] <= 0.0:
            continue
        at, total = animal - part[0], 0.0
        for choice in range(CHOICES):
            total += weight[choice, at]
        if total <= 0.0:
            ahead = int(heading[animal] * TURNS + 0.5)
            heading[animal] = ((ahead + WAYS // 2) & (WAYS - 1)) * CIRCLE
            continue
        rest, taken = (block[3, at] + 0.5) * SHARE * total, 0
        for choice in range(CHOICES):
            # the last that is worth something is taken where rounding leaves a rest
            takes = (weight[choice, at] > 0.0) & (rest >= 0.0)
            taken = choice if takes else taken
            rest -= weight[choice, at] if takes else 0.0
        row, column = math.floor(to_y[taken, at] * narrow), math.floor(to_x[taken, at] * narrow)
        if not (0 <= row < rows and 0 <= column < columns):
            if draws.uniform(chance, who[animal], int(how[0]), 100) < how[5 + 2 * several + species[animal]]:
                left[animal] = True
            else:
                ahead = int(heading[animal] * TURNS + 0.5)
                heading[animal] = ((ahead + WAYS // 2) & (WAYS - 1)) * CIRCLE
            continue
        x[animal], y[animal] = to_x[taken, at], to_y[taken, at]
        heading[animal], cell[animal] = to_way[taken, at] * CIRCLE, row * columns + column


@compiled
def _lets(x: float, y: float, to_x: float, to_y: float, gates: tuple[Doubles, Doubles], narrow: float) -> float:
    """How open the way to another cell is in a straight line: the product of the gates on it, looked at every quarter of a cell.

    narrow: cells in a m.
    """
    east, south = gates
    row, column = int(y * narrow), int(x * narrow)
    next_row, next_column = int(to_y * narrow), int(to_x * narrow)
    if next_row == row and abs(next_column - column) == 1:
        return float(east[row, min(column, next_column)])
    if next_column == column and abs(next_row - row) == 1:
        return float(south[min(row, next_row), column])
    parts = int(4.0 * math.hypot(to_x - x, to_y - y) * narrow) + 1
    open_by = 1.0
    for part in range(1, parts + 1):
        next_row, next_column = (
            int((y + (to_y - y) * part / parts) * narrow),
            int((x + (to_x - x) * part / parts) * narrow),
        )
        if next_column != column:
            open_by *= east[row, min(column, next_column)]
            column = next_column
        if next_row != row:
            open_by *= south[min(row, next_row), column]
            row = next_row
        if open_by <= 0.0:
            return 0.0
    return open_by
