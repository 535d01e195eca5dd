"""Movement between neighbouring cells: diffusion that favours better cells and is held up by fences, and conserves what moves.

Between two neighbours a and b of quality q the flow is

    D / width^2 * gate * (B_a exp(v (q_b - q_a) / 2) - B_b exp(v (q_a - q_b) / 2)),

a reversible Markov chain, so that animals left alone come to stand as exp(v q) where gates let them (v: how strongly they choose). With v = 0 it is Fick's law.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow

__all__ = ["Gates", "Moving", "spread"]

STABLE = 0.9
"""The largest share of a cell's biomass that may leave it in one step of the scheme (1 would still be positive)."""


@dataclass(frozen=True, eq=False)
class Gates:
    """How open the edges between cells are, 0 to 1: `east` [y, x - 1] to the cell right of each, `south` [y - 1, x] to the one below."""

    east: Doubles
    south: Doubles

    def __post_init__(self) -> None:
        for name, gate in (("east", self.east), ("south", self.south)):
            if not ((gate >= 0) & (gate <= 1)).all():
                raise BadData(f"gates to the {name}", "are open from 0 to 1")

    @classmethod
    def of(cls, land: npt.NDArray[np.bool_], fences: Doubles | None = None, crossing: float = 0.0) -> Gates:
        """Gates of a landscape: closed to what is no `land` [y, x], and as open as `crossing` where an edge is fenced.

        fences: [y, x], 1 north, 2 east, 4 south, 8 west, added up; a fence is one from whichever side it was written down.
        """
        bits = np.zeros(land.shape, np.int64) if fences is None else fences.astype(np.int64)
        gates = []
        for a, b, near, far in ((np.s_[:, :-1], np.s_[:, 1:], 2, 8), (np.s_[:-1], np.s_[1:], 4, 1)):
            gate = (land[a] & land[b]).astype(float)
            gate[((bits[a] & near) | (bits[b] & far)) > 0] *= crossing
            gates.append(gate)
        return cls(gates[0], gates[1])


def spread(biomass: Doubles, rate: float, quality: Doubles, gates: Gates, days: float) -> Doubles:
    """Biomass [y, x] after so many days at `rate` (D / width^2, day-1), drawn to cells of better `quality` (v q, [y, x]).

    The sum stays what it was to rounding.

    Raises Mismatch when shapes differ, BadData for a rate that is none or a quality that is no number where something stands.
    """
    rows, columns = biomass.shape
    if (
        quality.shape != biomass.shape
        or gates.east.shape != (rows, columns - 1)
        or gates.south.shape != (rows - 1, columns)
    ):
        raise Mismatch(
            "biomass, quality and gates", biomass.shape, (quality.shape, gates.east.shape, gates.south.shape)
        )
    if not (math.isfinite(rate) and rate >= 0):
        raise BadData("rate of movement", f"is a number from 0 on, not {rate}")
    if not np.isfinite(quality).all():
        raise BadData("quality of cells", "is a number in every cell")
    after = biomass.copy()
    if rate > 0 and days > 0:
        _spread(after, rate * days, quality, gates.east, gates.south)
    return after


@compiled
def _spread(biomass: Doubles, much: float, quality: Doubles, east: Doubles, south: Doubles) -> None:
    """Step in place by Euler's method, in as many steps as keep every cell from sending more than STABLE of what it has."""
    rows, columns = biomass.shape
    right, left = np.zeros((rows, columns)), np.zeros((rows, columns))
    down, up = np.zeros((rows, columns)), np.zeros((rows, columns))
    leaving = np.zeros((rows, columns))
    for y in range(rows):
        for x in range(columns):
            if x + 1 < columns and east[y, x] > 0:
                lean = 0.5 * (quality[y, x + 1] - quality[y, x])
                right[y, x], left[y, x + 1] = east[y, x] * math.exp(lean), east[y, x] * math.exp(-lean)
                leaving[y, x] += right[y, x]
                leaving[y, x + 1] += left[y, x + 1]
            if y + 1 < rows and south[y, x] > 0:
                lean = 0.5 * (quality[y + 1, x] - quality[y, x])
                down[y, x], up[y + 1, x] = south[y, x] * math.exp(lean), south[y, x] * math.exp(-lean)
                leaving[y, x] += down[y, x]
                leaving[y + 1, x] += up[y + 1, x]
    steps = max(1, math.ceil(much * leaving.max() / STABLE))
    part = much / steps
    change = np.empty((rows, columns))
    for _ in range(steps):
        change[:] = 0.0
        for y in range(rows):
            for x in range(columns):
                if x + 1 < columns:
                    flow = part * (biomass[y, x] * right[y, x] - biomass[y, x + 1] * left[y, x + 1])
                    change[y, x] -= flow
                    change[y, x + 1] += flow
                if y + 1 < rows:
                    flow = part * (biomass[y, x] * down[y, x] - biomass[y + 1, x] * up[y + 1, x])
                    change[y, x] -= flow
                    change[y + 1, x] += flow
        biomass += change


class Moving:
    """Animals move between neighbouring cells, toward more food and water.

    The rate is that of a random walk, D / width^2; the quality of a cell is the food in it for the species and how near water is. Flow between cells
    as in merian.twin.grid.moving.
    """

    name = "moving"
    reads = ("quality",)
    writes = ("biomass",)

    def __init__(self, rates: Doubles, gates: Gates) -> None:
        """rates: D / width^2 of each species, day-1 [s]; 0: it does not move."""
        if not (np.isfinite(rates).all() and (rates >= 0).all()):
            raise BadData("rates of movement", "are numbers from 0 on")
        self.rates, self.gates = rates, gates

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Move every species; nothing comes or goes."""
        for species in np.flatnonzero(self.rates > 0).tolist():
            values["biomass"][species] = spread(
                values["biomass"][species],
                float(self.rates[species]),
                values["quality"][species],
                self.gates,
                moment.days,
            )
        return {}
