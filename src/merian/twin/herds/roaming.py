"""Movement of animals and herds: a correlated random walk whose steps are chosen by where they lead (step selection).

In each step an animal thinks of a few steps of its usual length, turned by some angle from the way it goes, and takes one with chance in
proportion to exp(quality of the cell it ends in): integrated step selection (Avgar et al. 2016, doi:10.1111/2041-210X.12528), with the quality that tier C
uses. A step that leads out of the land, over a fenced edge that does not let it through, or off the map is not thought of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.core.workers import cores
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.grid.moving import Gates
from merian.twin.ledger import Array, Flow

__all__ = ["Roaming"]

Integers = npt.NDArray[np.int64]
WAYS = 4096
"""Directions that are told apart: a tenth of a degree."""
COSINE, SINE = np.cos(np.arange(WAYS) * 2 * np.pi / WAYS), np.sin(np.arange(WAYS) * 2 * np.pi / WAYS)
FINE = 2.0**-32
CHOICES = 3
"""Steps that are thought of (a choice)."""


class Roaming:
    """Animals walk, each step chosen among three by the quality of the cell that it leads to.

    The length of a step is exponential with mean `stride` m per square root of a day times the root of the step's days, so that how far animals get in a day
    does not depend on the step; they keep their heading with `persistence` (0: none, 1: straight on).
    """

    name = "roaming"
    reads = ("who", "species", "quality")
    writes = ("x", "y", "cell", "heading")

    def __init__(self, stride: Doubles, persistence: float, gates: Gates, cell_m: float, threads: int = 0) -> None:
        """stride: [s], m day-1/2; species with 0 stay. Raises BadData for one that is none."""
        if not (np.isfinite(stride).all() and (stride >= 0).all()):
            raise BadData("stride", "is a number of m from 0 on for each species")
        if not 0 <= persistence <= 1:
            raise BadData("persistence", f"lies from 0 to 1, not {persistence}")
        self.stride, self.persistence, self.gates, self.cell_m = stride, persistence, gates, cell_m
        self.threads = threads or cores()

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Walk; nothing comes or goes."""
        place = values["x"], values["y"], values["heading"], values["cell"]
        agents = values["who"], values["species"], np.exp(values["quality"])
        how = np.concatenate([[moment.step, self.persistence, self.cell_m], self.stride * math.sqrt(moment.days)])
        edges = np.linspace(0, len(values["who"]), self.threads + 1).astype(int).tolist()
        with ThreadPoolExecutor(self.threads) as pool:
            for work in [
                pool.submit(_roam, agents, place, (self.gates.east, self.gates.south), span, moment.chance, how)
                for span in pairwise(edges)
            ]:
                work.result()
        return {}


Place = tuple[Doubles, Doubles, Doubles, Integers]


@compiled
def _roam(
    agents: tuple[Integers, Integers, Doubles],
    place: Place,
    gates: tuple[Doubles, Doubles],
    span: tuple[int, int],
    chance: draws.Key,
    how: Doubles,
) -> None:
    """Walk those of a span, in place.

    agents: who, species, exp(quality) [s, y, x]. how: step, persistence, cell m, then the mean length of a step of each species.
    """
    who, species, worth = agents
    x, y, heading, cell = place
    _, rows, columns = worth.shape
    step, wander, narrow = int(how[0]), 0.5 * (1.0 - how[1]) * WAYS, 1.0 / how[2]
    to_x, to_y, to_way, weight = np.empty(CHOICES), np.empty(CHOICES), np.empty(CHOICES, np.int64), np.empty(CHOICES)
    for animal in range(span[0], span[1]):
        own = species[animal]
        mean = how[3 + own]
        if mean <= 0.0:
            continue
        total, ahead = 0.0, int(heading[animal] * WAYS / (2.0 * math.pi))
        row, column = int(y[animal] * narrow), int(x[animal] * narrow)
        # a number of 32 bits for each turn and length, and one for the choice
        a, b, c, d = draws.words(chance, who[animal], step, 0)
        e, f, g, _ = draws.words(chance, who[animal], step, 1)
        for choice, turn, length in ((0, a, b), (1, c, d), (2, e, f)):
            way = (ahead + int(wander * (2.0 * FINE * turn - 1.0))) & (WAYS - 1)
            far = -mean * math.log(FINE * (length + 0.5))
            to_way[choice] = way
            to_x[choice], to_y[choice] = x[animal] + far * COSINE[way], y[animal] + far * SINE[way]
            weight[choice] = 0.0
            next_row, next_column = math.floor(to_y[choice] * narrow), math.floor(to_x[choice] * narrow)
            if 0 <= next_row < rows and 0 <= next_column < columns:
                lets = 1.0
                if next_row != row or next_column != column:
                    lets = _lets(x[animal], y[animal], to_x[choice], to_y[choice], gates, narrow)
                if lets >= 1.0 or (lets > 0.0 and draws.uniform(chance, who[animal], step, 100 + choice) < lets):
                    weight[choice] = worth[own, next_row, next_column]
            total += weight[choice]
        if total <= 0.0:
            # nowhere to go: it turns round
            heading[animal] = ((ahead + WAYS // 2) & (WAYS - 1)) * (2.0 * math.pi / WAYS)
            continue
        left, taken = FINE * g * total, 0
        for choice in range(CHOICES):
            if weight[choice] > 0.0:
                taken = choice
                left -= weight[choice]
                if left < 0.0:
                    break
        x[animal], y[animal], heading[animal] = to_x[taken], to_y[taken], to_way[taken] * (2.0 * math.pi / WAYS)
        cell[animal] = int(y[animal] * narrow) * columns + int(x[animal] * narrow)


@compiled
def _lets(x: float, y: float, to_x: float, to_y: float, gates: tuple[Doubles, Doubles], narrow: float) -> float:
    """How open the way to another cell is in a straight line: the product of the gates on it, looked at every quarter of a cell. narrow: cells in a m."""
    east, south = gates
    row, column = int(y * narrow), int(x * narrow)
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
