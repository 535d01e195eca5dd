"""A disease on a landscape: in each cell of tier C by the equations of merian.twin.hazards.disease, carried by those who walk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles
from merian.twin.grid.moving import Gates, Moving, spread
from merian.twin.hazards.disease import Pathogen, course
from merian.twin.hazards.join import Part, When, always, cell_m2, joined
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["SICK", "Arrival", "Contagion", "contagion", "numbered"]

SICK = {
    "exposed": "Share of a species that is infected and not yet infectious",
    "infectious": "Share of a species that is infectious",
    "immune": "Share of a species that is immune",
}
"""The variables of a disease in tier C with their meaning; those of a second one end in _2, and so on."""


@dataclass(frozen=True, eq=False)
class Arrival:
    """On which `day` of the run which `share` of those of a `species` (its number) that may catch a disease become infectious: everywhere, or in `cells`
    [y, x]."""

    day: float
    share: float
    species: int
    cells: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not (self.day >= 0 and 0 <= self.share <= 1):
            raise BadSetting("day, share", (self.day, self.share), "from 0 on, and from 0 to 1")

    def within(self, moment: Moment) -> bool:
        """Whether it is in this step."""
        return moment.day <= self.day < moment.day + moment.days


class Contagion:
    """A disease spreads within each cell, kills, and is carried to the next ones by those who walk.

    Within a cell: susceptible, exposed, infectious, immune (SEIR) by the equations of merian.twin.hazards.disease, contacts with the heads of the cell
    (biomass over adult mass). Births and deaths by other causes are as many and take from all alike. Then the exposed, infectious and immune move as all of
    their species do in this step (merian.twin.grid.moving). When fewer than half an animal is infected on the whole landscape the pathogen is gone.
    Several diseases know nothing of each other: who has one catches, spreads and dies of another like anybody else.
    """

    name = "contagion"
    reads = ("quality",)
    sick = tuple(SICK)

    @property
    def writes(self) -> tuple[str, ...]:
        """The biomass of hosts, and the shares that are sick."""
        return ("biomass", *self.sick)

    def __init__(
        self,
        pathogen: Pathogen,
        adult_g: Doubles,
        arrival: Arrival,
        ways: tuple[Doubles, Gates, float],
        when: When = always,
    ) -> None:
        """adult_g: [s]. ways: D / width^2 of each species, day-1 [s], the gates between cells, and the area of a cell, m2. Raises BadData for a host
        without mass."""
        self.host = np.flatnonzero(pathogen.hosts)
        if not (adult_g[self.host] > 0).all():
            raise BadData("adult mass", "is above 0 g for each host")
        if not 0 <= arrival.species < len(adult_g) or not pathogen.hosts[arrival.species]:
            raise BadData("disease", "arrives in one of its hosts", [arrival.species])
        self.pathogen, self.arrival, self.when = pathogen.among(self.host), arrival, when
        # heads km-2 that a g m-2 is
        self.heads = 1e6 / adult_g[self.host][:, None, None]
        self.rates, self.gates, self.cell_m2 = ways

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Infect, kill and carry; who dies goes out."""
        host = self.host
        if self.arrival.within(moment):
            self._arrive(values)
        shares = np.stack([values[name][host] for name in self.sick])
        if not shares.any():
            return {}
        before = float(values["biomass"][host].sum())
        self._course(values, shares, moment)
        went = max(before - float(values["biomass"][host].sum()), 0.0)
        self._carry(values, moment)
        return {"biomass": Flow(went=went * self.cell_m2 / 1000.0)}

    def _arrive(self, values: dict[str, Array]) -> None:
        own, cells = self.arrival.species, self.arrival.cells
        shape = values["biomass"].shape[1:]
        if cells is not None and cells.shape != shape:
            raise Mismatch("cells where a disease arrives, and the landscape", cells.shape, shape)
        free = 1 - sum(values[name][own] for name in self.sick)
        values[self.sick[1]][own] += np.where(True if cells is None else cells, self.arrival.share * free, 0.0)

    def _course(self, values: dict[str, Array], shares: Doubles, moment: Moment) -> None:
        """The step in every cell, in place."""
        heads = values["biomass"][self.host] * self.heads
        start = np.concatenate([np.maximum(1 - shares.sum(0), 0.0)[None], shares]) * heads
        now = self.pathogen.weaker(self.when(moment.day))
        end = course(now, start, np.array([0.0, moment.days]))[1]
        after = np.minimum(end.sum(0), heads)
        if float(end[1:3].sum()) * self.cell_m2 / 1e6 < 0.5:
            end[1:3] = 0.0
        values["biomass"][self.host] = after / self.heads
        for name, found in zip(self.sick, end[1:], strict=True):
            values[name][self.host] = np.divide(found, after, out=np.zeros_like(found), where=after > 0).clip(0.0, 1.0)

    def _carry(self, values: dict[str, Array], moment: Moment) -> None:
        """Let the shares be those of who stands in each cell after the step's movement."""
        for own in self.host[self.rates[self.host] > 0].tolist():
            how = float(self.rates[own]), values["quality"][own], self.gates, moment.days
            whole = spread(values["biomass"][own], *how)
            for name in self.sick:
                if values[name][own].any():
                    part = spread(values[name][own] * values["biomass"][own], *how)
                    values[name][own] = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0).clip(0.0, 1.0)


def contagion(engine: Engine, pathogen: Pathogen, adult_g: Doubles, arrival: Arrival, when: When = always) -> Engine:
    """The Engine of tier C with a disease that arrives in it, beside those that do so already. adult_g: [s]. `when` is a share of its contacts.

    Raises BadData for an engine without movement, which is not one of tier C.
    """
    moving = next((process for process in engine.processes if isinstance(process, Moving)), None)
    if moving is None:
        raise BadData("twin", "has no process 'moving': a disease on a landscape is joined to tier C")
    shape = engine.world.values["biomass"].shape
    process = Contagion(pathogen, adult_g, arrival, (moving.rates, moving.gates, cell_m2(engine)), when)
    end = numbered(engine, Contagion)
    process.name, process.sick = process.name + end, tuple(name + end for name in SICK)
    part = Part(
        (process,),
        tuple(Variable(name + end, "1", ("species", "y", "x"), said, 0.0, 1.0) for name, said in SICK.items()),
        {name: np.zeros(shape) for name in process.sick},
        before=moving.name,
    )
    return joined(engine, part)


def numbered(engine: Engine, kind: type) -> str:
    """What ends the names of another disease beside those processes of a `kind` that are there: nothing for the first, _2 for the second."""
    there = sum(isinstance(process, kind) for process in engine.processes)
    return f"_{there + 1}" if there else ""
