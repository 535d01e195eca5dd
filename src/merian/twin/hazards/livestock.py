"""Livestock: stock that people feed, water and guard, and that grazes what wild animals would.

A stock of n head km-2 of mass m eats at most i m a day (dry food as a share of its mass). Where food is short it crops less: of G g m-2 of fodder

    eaten = n i m G / (G + half)        g m-2 day-1,

a response of type II in the biomass of grass, as measured for grazers (Wilmshurst, Fryxell & Colucci 1999, Ecology 80:2320; from memory, not re-read). People
keep its numbers: it does not starve, is not hunted, and what it eats leaves the budget. A head is a tropical livestock unit, 250 kg, that eats some 2.5 % of
its mass a day (Boudet & Riviere 1968; Houerou & Hoste 1977, J. Range Manage. 30:181; from memory, not re-read).

About settlements (bomas) stock is densest and thins out as exp(-d / orbit): the animals walk out in the morning and back at night, the ground of a piosphere
(Andrew 1988, Trends Ecol. Evol. 3:336; from memory). Wild animals keep away from it (merian.twin.hazards.disturbance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.core.settings import knob
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles
from merian.twin.hazards.join import Part, When, Where, always, cell_m2, eaten_before, joined, named, put
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["Livestock", "LivestockSettings", "cropped", "grazing", "stocked"]

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class LivestockSettings:
    """How much stock there is, what it eats, and how far it goes."""

    stock_km2: float = knob(10.0, "Head of stock on the mean land (in a zone: there)", unit="km-2", ge=0, le=1000)
    head_kg: float = knob(
        250.0,
        "Mass of a head",
        unit="kg",
        gt=0,
        le=2000,
        source="tropical livestock unit: Houerou & Hoste 1977, from memory",
    )
    intake_day: float = knob(
        0.025,
        "Dry food in a day as a share of its mass",
        unit="day-1",
        ge=0,
        le=0.2,
        source="Boudet & Riviere 1968, from memory",
    )
    half_g_m2: float = knob(
        30.0,
        "Fodder at which it crops half as fast (a choice near what is measured for cattle)",
        unit="g m-2",
        gt=0,
        le=1e4,
    )
    orbit_km: float = knob(
        5.0, "Over which way from a boma the stock falls to 37 % (a choice)", unit="km", gt=0, le=1000
    )
    avoid: float = knob(
        0.5, "How much thinner wild animals stand where the stock about bomas is densest (a choice)", ge=0, le=0.999
    )


def stocked(settings: LivestockSettings, km: Doubles, land: Bools) -> Doubles:
    """Head km-2 in each cell [y, x], `stock_km2` of them on the mean of the land.

    km: to the nearest boma [y, x]; infinite everywhere: none, stock is everywhere as dense. Raises BadData without land.
    """
    if not land.any():
        raise BadData("livestock", "needs land")
    near = np.exp(-km / settings.orbit_km) if np.isfinite(km).any() else np.ones(land.shape)
    near = np.where(land, near, 0.0)
    # bomas so far away, or an orbit so short, that no stock would stand anywhere: it stays at the nearest cells
    if near.sum() <= 0:
        near = np.where(land & (km <= km[land].min()), 1.0, 0.0)
    return np.asarray(settings.stock_km2 * near / near[land].mean())


def cropped(settings: LivestockSettings, fodder_g_m2: Doubles, stock_km2: Doubles) -> Doubles:
    """The rate at which fodder is eaten, day-1, where so much of it stands, by the equation of this module. Arrays of one shape."""
    wanted = stock_km2 * settings.head_kg * 1000.0 / 1e6 * settings.intake_day
    return np.asarray(wanted / (fodder_g_m2 + settings.half_g_m2))


class Livestock:
    """Stock that people keep eats fodder in each cell, in competition with wild grazers: F' = -n i m F / (F + half) over the step.

    n: head km-2 of mass m, i: what one eats at most as a share of its mass in a day, F: all fodder of the cell, of which kinds are eaten as they stand. People
    guard the stock and keep its number, so it neither starves nor is hunted, and what it eats goes out of the budget. Several herds each take at their own
    rate of what stands when the step begins. Equations and sources in merian.twin.hazards.livestock.
    """

    name = "livestock"
    reads = ()

    def __init__(
        self,
        settings: LivestockSettings,
        stock: Doubles,
        fodder: Bools,
        stands: str,
        area_m2: float,
        when: When | Where = always,
    ) -> None:
        """stock: head km-2 [y, x]. fodder: which rows of the variable that `stands` (g m-2, [k, y, x]) it eats. `when`: a share of the stock."""
        if not (np.isfinite(stock).all() and (stock >= 0).all()):
            raise BadData("livestock", "is a number of head km-2 from 0 on")
        self.herds: Sequence[tuple[LivestockSettings, Doubles, When | Where]] = ((settings, stock, when),)
        self.fodder, self.stands, self.area_m2 = fodder, stands, area_m2
        self.writes = (stands, "stock")

    def also(self, other: Livestock) -> Livestock:
        """The same with the herds of another beside its own."""
        both = copy(self)
        both.herds = (*self.herds, *other.herds)
        return both

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Graze; what is eaten goes out."""
        stands = values[self.stands]
        if len(stands) != len(self.fodder):
            raise Mismatch(f"{self.stands} and what of it is fodder", len(stands), len(self.fodder))
        grass, heads = stands[self.fodder].sum(0), [stock * when(moment.day) for _, stock, when in self.herds]
        values["stock"][:] = sum(heads)
        rate = np.asarray(sum(cropped(how, grass, head) for (how, _, _), head in zip(self.herds, heads, strict=True)))
        gone = stands * -np.expm1(-rate * moment.days) * self.fodder[:, None, None]
        values[self.stands] = stands - gone
        return {"biomass": Flow(went=float(gone.sum()) * self.area_m2 / 1000.0)}


def grazing(
    engine: Engine, settings: LivestockSettings, stock: Doubles, fodder: Bools, when: When | Where = always
) -> Engine:
    """The Engine of tier C (what is eaten is `biomass`, of cohorts `plants`) or tier I (`plants`) with livestock, beside what is there already.

    stock: head km-2 [y, x].
    """
    stands = "plants" if "plants" in engine.world.values else "biomass"
    shape = engine.world.values[stands].shape[1:]
    if stock.shape != shape:
        raise Mismatch("livestock and the landscape", stock.shape, shape)
    herd, there = Livestock(settings, stock, fodder, stands, cell_m2(engine), when), named(engine, Livestock.name)
    if isinstance(there, Livestock):
        return put(engine, there.also(herd))
    part = Part(
        (herd,),
        (Variable("stock", "km-2", ("y", "x"), "Head of livestock", 0.0, 1e6, "made"),),
        {"stock": np.zeros(shape)},
        before=eaten_before(engine),
    )
    return joined(engine, part)
