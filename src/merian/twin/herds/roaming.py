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
from merian.twin.herds.company import Company, neighbours
from merian.twin.herds.living import steps_of_day
from merian.twin.herds.spread import parts, spread
from merian.twin.ledger import Array, Flow

__all__ = ["Choosing", "Roaming"]

Integers = npt.NDArray[np.int64]
WAYS = 4096
"""Directions that are told apart: a tenth of a degree."""
WAY = np.stack([np.cos(np.arange(WAYS) * 2 * np.pi / WAYS), np.sin(np.arange(WAYS) * 2 * np.pi / WAYS)], 1).astype(
    np.float32
)
"""East and south of each direction."""
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


def _lengths() -> Singles:
    """Lengths of an exponential distribution of mean 1, all as likely: each the root mean square of its part, so that the mean square of all is 2."""
    edge = np.arange(LENGTHS + 1) / LENGTHS
    far = -np.log1p(-edge[:-1])
    rest = 1 - edge[:-1]
    # the integral of l^2 exp(-l) from l on
    beyond = np.append(rest * (far**2 + 2 * far + 2), 0.0)
    return np.sqrt(-np.diff(beyond) * LENGTHS).astype(np.float32)


STEP = _lengths()


class Choosing(Quality):
    """How good cells are, by the day: within one neither food nor water changes much; else as in tier C (merian.twin.grid.land)."""

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Set how good each cell is, in the first step of a day (in each that is longer)."""
        return super().step(values, moment) if moment.step % steps_of_day(moment.days) == 0 else {}


class Roaming:
    """Animals walk, each step chosen among three by the quality of the cell that it leads to.

    The length of a step is exponential with mean `stride` m per square root of a day times the root of the step's days, so that how far animals get in a day
    does not depend on the step; they keep their heading with `persistence` (0: none, 1: straight on). A step over the edge of an open window is worth what the
    cell is from which it leads. Where animals keep company, steps toward their kind are worth more (merian.twin.herds.company).
    """

    name = "roaming"
    reads: tuple[str, ...] = ("who", "species", "quality")
    writes: tuple[str, ...] = ("x", "y", "cell", "heading")
    leaves = False
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

    def leaving(self) -> Roaming:
        """The same in a window that is open: a step over its edge is worth what the cell is from which it leads, and who takes it is gone."""
        other = copy(self)
        other.leaves, other.reads, other.writes = True, (*self.reads, "mass"), (*self.writes, "number")
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
        return neighbours(values["species"], where, self.company, size, self.threads), self.company.sociable

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Walk; who leaves an open window goes, in kg."""
        place = values["x"], values["y"], values["heading"], values["cell"]
        # quality is told apart to a ten-millionth, which halves what must be kept at hand
        worth = np.exp(values["quality"].astype(np.float32))
        left = np.zeros(len(values["who"]) if self.leaves else 0, np.bool_)
        # all look before the first of them moves
        kin, sociable = self._kin(values, worth.shape)
        agents = values["who"], values["species"], worth, left, kin
        gates = self.gates.east, self.gates.south
        knobs = [moment.step, self.persistence, self.cell_m, self.cohesion, self.alignment]
        how = np.concatenate([knobs, self.stride * math.sqrt(moment.days), sociable])
        spans = parts(len(values["who"]), self.threads)
        spread(lambda span: _roam(agents, place, gates, span, moment.chance, how), spans)
        if not left.any():
            return {}
        went = float((values["number"][left] * values["mass"][left]).sum())
        values["number"][left] = 0
        return {"biomass": Flow(went=went / 1000.0)}


Place = tuple[Doubles, Doubles, Doubles, Integers]


@compiled
def _roam(
    agents: tuple[Integers, Integers, Singles, npt.NDArray[np.bool_], Singles],
    place: Place,
    gates: tuple[Doubles, Doubles],
    span: tuple[int, int],
    chance: draws.Key,
    how: Doubles,
) -> None:
    """Walk those of a span, in place.

    agents: who, species, exp(quality) [s, y, x], who has left (empty: none may), and where its kind is [4, a] (of merian.twin.herds.company; empty: it keeps no
    company). how: step, persistence, cell m, weights of cohesion and alignment, then for each species the mean length of a step, and how sociable it is. One
    block of chance goes to an animal and step: of its first three words the highest 12 bits are a turn and the lowest 12 a length, the fourth is the choice.
    """
    who, species, worth, left, kin = agents
    beside, land = kin.shape[1] > 0, (gates[0], gates[1], 1.0 / how[2], len(left) > 0)
    x, y, heading, cell = place
    _, rows, columns = worth.shape
    step, wander, narrow, circle = int(how[0]), (1.0 - how[1]) / 2.0, 1.0 / how[2], 2.0 * math.pi / WAYS
    block = np.empty((4, CHUNK), np.uint32)
    to_x, to_y, to_way, weight = np.empty(CHOICES), np.empty(CHOICES), np.empty(CHOICES, np.int64), np.empty(CHOICES)
    for begin in range(span[0], span[1], CHUNK):
        end = min(begin + CHUNK, span[1])
        draws.blocks(chance, who[begin:end], step, 0, block)
        for animal in range(begin, end):
            own = species[animal]
            mean = how[5 + own]
            if mean <= 0.0:
                continue
            # how far it is to the middle of its kind, below 0 where it sees none; the equation is that of merian.twin.herds.company
            near, sociable = -1.0, how[5 + len(worth) + own]
            if beside and not np.isnan(kin[0, animal]):
                near = max(math.hypot(kin[0, animal], kin[1, animal]), 0.5 * mean)
            total, ahead = 0.0, int(heading[animal] / circle + 0.5)
            east, south = x[animal], y[animal]
            for choice in range(CHOICES):
                word = block[choice, animal - begin]
                way = (ahead + int(wander * (2.0 * (word >> TURN) + 1.0 - WAYS))) & (WAYS - 1)
                far = mean * STEP[word & LENGTH]
                new_x, new_y = east + far * WAY[way, 0], south + far * WAY[way, 1]
                worthy = _worthy(worth[own], (new_x, new_y), (east, south), land, (chance, who[animal], step, choice))
                if near >= 0.0 and worthy > 0.0:
                    dx, dy = kin[0, animal] - far * WAY[way, 0], kin[1, animal] - far * WAY[way, 1]
                    gained = near - max(math.sqrt(dx * dx + dy * dy), 0.5 * mean)
                    along = WAY[way, 0] * kin[2, animal] + WAY[way, 1] * kin[3, animal]
                    worthy *= math.exp(sociable * (how[3] * gained / mean + how[4] * along))
                to_x[choice], to_y[choice], to_way[choice], weight[choice] = new_x, new_y, way, worthy
                total += worthy
            if total <= 0.0:
                # nowhere to go: it turns round
                heading[animal] = ((ahead + WAYS // 2) & (WAYS - 1)) * circle
                continue
            taken = _taken(weight, (block[3, animal - begin] + 0.5) * SHARE * total)
            next_row, next_column = math.floor(to_y[taken] * narrow), math.floor(to_x[taken] * narrow)
            if not (0 <= next_row < rows and 0 <= next_column < columns):
                left[animal] = True
                continue
            x[animal], y[animal], heading[animal] = to_x[taken], to_y[taken], to_way[taken] * circle
            cell[animal] = next_row * columns + next_column


@compiled
def _worthy(
    worth: Singles,
    to: tuple[float, float],
    start: tuple[float, float],
    land: tuple[Doubles, Doubles, float, bool],
    draw: tuple[draws.Key, int, int, int],
) -> float:
    """What a step is worth to an animal for the cell that it leads to; 0.0 where it is not thought of. land: gates east and south, cells in a m, whether it is
    open at its edges; draw: key, who, step and choice, for a fence that lets some through."""
    rows, columns = worth.shape
    east, south, narrow, leaves = land
    chance, who, step, choice = draw
    row, column = int(start[1] * narrow), int(start[0] * narrow)
    next_row, next_column = math.floor(to[1] * narrow), math.floor(to[0] * narrow)
    if not (0 <= next_row < rows and 0 <= next_column < columns):
        return float(worth[row, column]) if leaves else 0.0
    if next_row != row or next_column != column:
        lets = _lets(start[0], start[1], to[0], to[1], (east, south), narrow)
        if lets < 1.0 and (lets <= 0.0 or draws.uniform(chance, who, step, 100 + choice) >= lets):
            return 0.0
    return float(worth[next_row, next_column])


@compiled
def _taken(weight: Doubles, rest: float) -> int:
    """The first choice up to which the weights add up to more than the rest."""
    taken = 0
    for choice in range(CHOICES):
        if weight[choice] > 0.0:
            taken = choice
            rest -= weight[choice]
            if rest < 0.0:
                break
    return taken


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
