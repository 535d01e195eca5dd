"""What grows, by the season: leaves made anew from net primary production, or the pools of a food web."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow
from merian.twin.pools import YEAR_DAYS, npp_g_m2_year

__all__ = ["DRY", "Growing", "Leaves", "leaves"]

DRY = 0.213
"""Dry matter in a gram of leaf (Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841)."""


@dataclass(frozen=True, eq=False)
class Leaves:
    """Pools of plants [p]: those that `made` g m-2 day-1 feed and of which `loss` day-1 falls; where nothing is made, logistic ones of `growth` day-1 up to
    `capacity` g m-2."""

    growth: Doubles
    capacity: Doubles
    made: Doubles
    loss: Doubles

    @classmethod
    def logistic(cls, growth: npt.ArrayLike, capacity: npt.ArrayLike) -> Leaves:
        """The pools of a food web."""
        grows, room = np.asarray(growth, float), np.asarray(capacity, float)
        return cls(grows, room, np.zeros_like(grows), np.zeros_like(grows))

    @classmethod
    def steady(cls, growth: npt.ArrayLike, capacity: npt.ArrayLike) -> Leaves:
        """The pools of a food web, of which as much is made a day as a logistic one grows at most, r K / 4, however little stands: as in the Madingley model.

        What is not eaten falls, so that K stands where nobody eats.
        """
        grows, room = np.asarray(growth, float), np.asarray(capacity, float)
        return cls(np.zeros_like(grows), np.full_like(room, np.inf), grows * room / 4, grows / 4)

    def __post_init__(self) -> None:
        for what in ("growth", "made", "loss"):
            if not (np.isfinite(getattr(self, what)).all() and (getattr(self, what) >= 0).all()):
                raise BadData("plants", f"{what} is a number from 0 on")
        if not (self.capacity > 0).all() or ((self.made > 0) & ~(self.loss > 0)).any():
            raise BadData("plants", "have room (capacity), and what makes leaves loses them (loss)")


def leaves(celsius: float, rain_mm: float, share: float = 0.3, lives_years: float = 1.0) -> Leaves:
    """The pool of leaves of the Madingley model, wet g m-2: `share` of net primary production becomes leaves, which live so long.

    Production is the Miami model's; leaf share and life, which the published model takes from temperature, are constants here: a choice.
    """
    wet = float(npp_g_m2_year(celsius, rain_mm)) * share / DRY
    return Leaves(
        np.zeros(1), np.full(1, np.inf), np.array([wet / YEAR_DAYS]), np.array([1 / (lives_years * YEAR_DAYS)])
    )


class Growing:
    """Plants grow by the season.

    Logistic pools: dP/dt = r green P (1 - P / (K room)). Leaves: dP/dt = made green room - loss P. Each solved exactly over the step. What grows beyond
    its room dies back, and goes out.
    """

    name = "growing"
    reads = ("green", "room")
    writes = ("plants",)

    def __init__(self, plants: Leaves, cell_m2: float) -> None:
        self.plants, self.cell_m2 = plants, cell_m2

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Grow."""
        held, green, room = values["plants"], values["green"], values["room"]
        growth, capacity, made, loss = (
            column[:, None, None]
            for column in (self.plants.growth, self.plants.capacity, self.plants.made, self.plants.loss)
        )
        rise = np.exp(growth * green * moment.days)
        grown = held * rise
        bound = np.isfinite(self.plants.capacity)
        grown[bound] /= 1 + held[bound] * (rise[bound] - 1) / (capacity[bound] * room)
        after = np.where(loss > 0, 0.0, grown)
        leafy = self.plants.loss > 0
        new = (made * green * room * moment.days)[leafy]
        kept, rate = np.exp(-loss[leafy] * moment.days), loss[leafy] * moment.days
        after[leafy] = held[leafy] * kept + new * -np.expm1(-rate) / rate
        change = after[~leafy] - held[~leafy]
        came = float(np.maximum(change, 0).sum()) + float(new.sum())
        went = float(np.maximum(-change, 0).sum()) + float((held[leafy] + new - after[leafy]).sum())
        values["plants"] = after
        kg = self.cell_m2 / 1000.0
        return {"biomass": Flow(came * kg, max(went, 0.0) * kg)}
