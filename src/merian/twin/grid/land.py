"""An ecosystem on its landscape: the ledger, the world at its start, and the processes of tier C."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.core.settings import knob
from merian.twin.engine import Engine, Moment, Process
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.feeding import Feeding
from merian.twin.grid.moving import Gates, Moving
from merian.twin.grid.weather import Air, Rain, Season, Soil, season_mean
from merian.twin.landscape import Landscape
from merian.twin.ledger import Array, Budget, Flow, Ledger, Variable
from merian.twin.memory import room_for
from merian.twin.solver import Limits
from merian.twin.world import World

__all__ = ["GridSettings", "Quality", "gridded", "ledger"]

SPECIES, PLACE = ("species", "y", "x"), ("y", "x")


@dataclass(frozen=True, kw_only=True)
class GridSettings:
    """How an ecosystem lives on its landscape."""

    days: float = knob(7.0, "Length of a step", unit="days", gt=0, le=31)
    latitude_deg: float = knob(-2.0, "Latitude, for the radiation of the seasons", unit="degrees", ge=-90, le=90)
    range_c: float = knob(12.0, "Mean difference between day and night", unit="K", ge=0, le=60)
    brim_mm: float = knob(150.0, "Water that the soil can hold", unit="mm", gt=0, le=5000)
    rain_spread: float = knob(0.2, "Standard deviation of the logarithm of a year's rain", ge=0, le=3)
    choice: float = knob(
        0.5, "How strongly animals choose better cells: they come to stand as quality to this power", ge=0, le=10
    )
    crossing: float = knob(0.0, "Share of those at a fence that cross it", ge=0, le=1)
    floor: float = knob(0.0, "Biomass of a cell below which a species is gone from it", unit="g m-2", ge=0)
    seed: int = knob(0, "Names all chance", ge=0)
    threads: int = knob(0, "Threads; 0: one for each core", ge=0)


def ledger(cell_m2: float) -> Ledger:
    """The ledger of tier C, on cells of so many m2."""
    return Ledger.of(
        [
            Variable("biomass", "g m-2", SPECIES, "Of each species, plants dry, animals fresh", 0.0, 1e7),
            Variable("soil_water", "mm", PLACE, "Water in the soil", 0.0, 5000.0),
            Variable(
                "room",
                "1",
                PLACE,
                "Room of what grows, as a multiple of that at the mean rain of the landscape",
                0.0,
                100.0,
            ),
            Variable("rain", "mm day-1", PLACE, "Rain of the step", 0.0, 5000.0, "made"),
            Variable(
                "green",
                "1",
                PLACE,
                "Growth of plants, as a multiple of its mean over a year of the climate",
                0.0,
                1e6,
                "made",
            ),
            Variable(
                "quality", "1", SPECIES, "Logarithm of how good a cell is for each species", -100.0, 100.0, "made"
            ),
        ],
        [
            Budget("biomass", "kg", lambda values: _kg(values["biomass"], cell_m2 / 1000.0), "All that lives"),
            Budget("water", "kg", lambda values: _kg(values["soil_water"], cell_m2), "Water in the soil"),
        ],
    )


def _kg(values: Array, times: float) -> float:
    return float(values.sum()) * times


class Quality:
    """A cell is as good for an animal as there is food in it, and water near.

    quality = choice * ln(0.05 + sum_j share_j B_j / mean of B_j over land + 0.5 * near water): food in the shares of its diet, each relative to what
    there is of it on the mean cell; what grows does not choose. The weights are a choice. Where disturbance is known (`shunned`), it is taken off.
    """

    name = "quality"
    reads: tuple[str, ...] = ("biomass",)
    writes = ("quality",)

    def __init__(self, web: FoodWeb, land: npt.NDArray[np.bool_], near_water: Doubles, choice: float) -> None:
        """near_water: [y, x], 1 at water, 0 far from it."""
        self.web, self.land, self.near_water, self.choice = web, land, near_water, choice

    def shunning(self) -> Quality:
        """The same where animals avoid what disturbs them."""
        other = copy(self)
        other.reads = (*self.reads, "shunned")
        return other

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Set how good each cell is."""
        biomass, web = values["biomass"], self.web
        mean = biomass[:, self.land].mean(1)
        found = np.zeros_like(biomass)
        total = np.bincount(web.eater, web["share"], len(web.names))
        for link, (eater, eaten) in enumerate(zip(web.eater.tolist(), web.eaten.tolist(), strict=True)):
            if mean[eaten] > 0:
                found[eater] += web["share"][link] / total[eater] * biomass[eaten] / mean[eaten]
        quality = self.choice * np.log(0.05 + found + 0.5 * self.near_water)
        if "shunned" in self.reads:
            quality -= values["shunned"]
        values["quality"] = np.where(self.land, quality, 0.0)
        return {}


def gridded(
    web: FoodWeb, start: Doubles, moves: Doubles, landscape: Landscape, celsius: float, settings: GridSettings
) -> Engine:
    """An Engine of a food web on a landscape.

    start: g m-2 of each species on the mean land cell [s], spread over the land in proportion to rain for what grows and evenly for animals.
    moves: D of each species, m2 day-1 [s]. Raises BadSetting when a step is no whole part of a year's weeks, Mismatch when shapes differ.
    """
    land, months = landscape.land, landscape.layers["rain"]
    if months.sum() <= 0:
        raise BadSetting(
            "rain", 0.0, "nothing grows on a landscape without rain: give a rain raster, or months to a generated one"
        )
    # biomass, quality, what feeding copies, and what movement makes of one species
    needed = 8.0 * land.size * (5 * len(web.names) + 20)
    room_for(needed, "rows", land.shape, "a coarser landscape, or one of fewer cells")
    air = Air(settings.latitude_deg, celsius, settings.range_c, settings.brim_mm)
    cell_m2 = landscape.frame.cell**2
    mean, water = season_mean(months, air, settings.days)
    yearly = months.sum(0)
    room = np.where(land, yearly / yearly[land].mean(), 0.0)
    biomass = np.where(land, start[:, None, None], 0.0)
    biomass[web.producer] *= room
    zeros = np.zeros(land.shape)
    values: dict[str, Array] = {
        "biomass": biomass,
        "soil_water": np.where(land, water, 0.0),
        "room": np.maximum(room, 1e-9),
        "rain": zeros.copy(),
        "green": zeros.copy(),
        "quality": np.zeros(biomass.shape),
    }
    world = World(ledger(cell_m2), values, settings.seed)
    gates = Gates.of(land, landscape.layers["fences"], settings.crossing)
    processes: list[Process] = [
        Rain(months * land, settings.rain_spread),
        Soil(air, cell_m2),
        Season(air.brim_mm, np.where(land, mean, 0.0)),
        Feeding(web, cell_m2, Limits(1e-6, 1e-12, settings.floor), settings.threads),
        Quality(web, land, landscape.layers["water"], settings.choice),
        Moving(moves / cell_m2, gates),
    ]
    return Engine(world, processes, settings.days)
