"""Growth, feeding and metabolism in every cell: the food-web equations of tier P for the days of a step, with what grows following the season."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from merian.core.errors import Mismatch, Unstable
from merian.core.workers import cores
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import SPECIES, Doubles, FoodWeb
from merian.twin.ledger import Array, Flow
from merian.twin.solver import BOOKS, Limits, Web, through

__all__ = ["Feeding"]

GROWTH, CAPACITY = list(SPECIES).index("growth"), list(SPECIES).index("capacity")


class Feeding:
    """Producers grow, animals eat, are eaten and burn what they ate, in each cell by itself.

    The equations are those of merian.twin.solver, over the days of the step; growth is multiplied by `green` and room by `room`, cell by cell. With one
    cell and both at 1 this is tier P.
    """

    name = "feeding"
    reads = ("green", "room")
    writes = ("biomass",)

    def __init__(self, web: FoodWeb, cell_m2: float, limits: Limits = Limits(), threads: int = 0) -> None:
        """cell_m2: the area of a cell. limits: how exactly a step is solved, and from which density (g m-2) on a species is gone from a cell."""
        self.web, self.cell_m2, self.limits, self.threads = web, cell_m2, limits, threads or cores()

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Solve every cell; what is grown comes in, what is burnt, egested, harvested or ended goes out, in kg."""
        species, rows, columns = values["biomass"].shape
        if species != len(self.web.names):
            raise Mismatch("biomass and food web", species, len(self.web.names))
        state = np.ascontiguousarray(values["biomass"].reshape(species, -1).T)
        season = np.stack([values["green"].ravel(), values["room"].ravel()], 1)
        books, failed = np.zeros((len(state), BOOKS + 1)), np.full(len(state), -1)
        given = np.array([self.limits.relative, self.limits.absolute, self.limits.floor, self.limits.steps], float)
        web = (self.web.species, self.web.links, self.web.first, self.web.eaten)
        parts = np.array_split(np.arange(len(state)), self.threads)
        with ThreadPoolExecutor(self.threads) as pool:
            for work in [
                pool.submit(_cells, web, (state, season, books, failed), int(part[0]), len(part), moment.days, given)
                for part in parts
                if len(part)
            ]:
                work.result()
        if (failed >= 0).any():
            cell = int(np.flatnonzero(failed >= 0)[0])
            raise Unstable(self.name, "biomass", divmod(cell, columns), moment.step)
        values["biomass"] = np.ascontiguousarray(state.T).reshape(species, rows, columns)
        kg = self.cell_m2 / 1000.0
        grown, gone = books[:, 0], books[:, 1:].sum(1)
        # more than its room dies back: that is growth below 0, and biomass that went
        return {
            "biomass": Flow(float(np.maximum(grown, 0).sum() * kg), float((gone + np.maximum(-grown, 0)).sum() * kg))
        }


Cells = tuple[Doubles, Doubles, Doubles, npt.NDArray[np.int64]]
"""Biomass [cells, s] (changed in place), green and room [cells, 2], the books [cells, 5], and the species at which a cell failed [cells], -1: none."""


@compiled
def _cells(web: Web, cells: Cells, first: int, count: int, days: float, limits: Doubles) -> None:
    """Solve `count` cells from `first` on."""
    species, links, begin, eaten = web
    state, season, books, failed = cells
    own, times = species.copy(), np.array([0.0, days])
    for cell in range(first, first + count):
        own[GROWTH], own[CAPACITY] = species[GROWTH] * season[cell, 0], species[CAPACITY] * season[cell, 1]
        found, ended, _, wrong = through((own, links, begin, eaten), state[cell], times, limits)
        state[cell] = found[1, : species.shape[1]]
        books[cell, :BOOKS], books[cell, BOOKS] = found[1, species.shape[1] :], ended[1]
        failed[cell] = wrong
