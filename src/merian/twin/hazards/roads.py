"""Deaths on roads: animals that cross are hit by chance.

An animal that goes v m a day in all directions alike crosses a line of length L in an area A

    2 v L / (pi A)                      times a day (the ideal gas, as for cameras: Hutchinson & Waser 2007, Biol. Rev. 82:335),

and who crosses a lane of vehicles that are spread over the day at random, paying them no heed, is hit with chance

    1 - exp(-N a / u),                  N: vehicles per second, a: m of road that a vehicle sweeps free, u: the speed of crossing, m s-1

(Hels & Buchwald 2001, Biol. Conserv. 99:331; van Langevelde & Jaarsma 2004, Landsc. Ecol. 19:895; both from memory, not re-read). The way of a day rises with
mass: 1.04 M^0.25 km, M in kg (Garland 1983, Am. Nat. 121:571; from memory, not re-read).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merian.core.errors import Mismatch
from merian.core.settings import knob
from merian.twin.engine import Engine
from merian.twin.foodweb import Doubles
from merian.twin.hazards.join import Part, When, Where, always, cell_m2, joined, named, put
from merian.twin.hazards.people import Poaching, Snares

__all__ = ["Collisions", "RoadSettings", "Struck", "crossing_day", "hit", "killed", "lengths_m", "roads", "way_km_day"]

WAY_KM, WAY_MASS = 1.04, 0.25
"""km that an animal of 1 kg goes in a day, and the power of its mass with which that rises (Garland 1983; from memory)."""
FINE = 200
"""Parts of a stretch of road per row or column of cells, in which its length is found."""
DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class RoadSettings:
    """How many vehicles there are and how animals cross."""

    vehicles_day: float = knob(500.0, "Vehicles in a day, at all hours alike", unit="day-1", ge=0, le=1e6)
    sweeps_m: float = knob(
        4.0,
        "Width that a vehicle takes of the way of who crosses: its own and the length of the body (a choice)",
        unit="m",
        gt=0,
        le=50,
    )
    heedless: float = knob(
        0.1, "Share of crossings that pay vehicles no heed; the others wait for a gap (a choice: toads all)", ge=0, le=1
    )
    cross_m_s: float = knob(1.5, "Speed at which animals cross (a choice: a walk)", unit="m s-1", gt=0, le=40)


def way_km_day(mass_g: Doubles) -> Doubles:
    """The way that an animal goes in a day, km; 0 for what has no mass."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(mass_g > 0, WAY_KM * np.maximum(mass_g, 0.0) ** WAY_MASS / 1000.0**WAY_MASS, 0.0))


def crossing_day(length_m: Doubles, area_m2: float, way_km: Doubles) -> Doubles:
    """How often in a day an animal of each species crosses the road of each cell: [s, y, x]."""
    return np.asarray(2 * 1000.0 * way_km[:, None, None] * length_m / (math.pi * area_m2))


def hit(settings: RoadSettings) -> float:
    """The chance that one crossing ends under a vehicle."""
    return -settings.heedless * math.expm1(-settings.vehicles_day / DAY_S * settings.sweeps_m / settings.cross_m_s)


def killed(settings: RoadSettings, length_m: Doubles, area_m2: float, mass_g: Doubles) -> Doubles:
    """The rate at which animals of each species die on the road of each cell, day-1 [s, y, x].

    length_m: of road in each cell [y, x]. mass_g: [s]; 0 or NaN (what grows): does not cross.
    """
    return crossing_day(length_m, area_m2, way_km_day(mass_g)) * hit(settings)


def lengths_m(points: Sequence[tuple[float, float]], shape: tuple[int, int], cell_m: float) -> Doubles:
    """The length of a line in each cell of a map of this shape, m [y, x]; points (x, y) are shares of its width and height."""
    rows, columns = shape
    found = np.zeros(shape)
    for (x1, y1), (x2, y2) in pairwise(points):
        parts = FINE * max(rows, columns)
        middle = (np.arange(parts) + 0.5) / parts
        row = np.minimum(((y1 + middle * (y2 - y1)) * rows).astype(int), rows - 1)
        column = np.minimum(((x1 + middle * (x2 - x1)) * columns).astype(int), columns - 1)
        long = math.hypot((x2 - x1) * columns, (y2 - y1) * rows) * cell_m
        np.add.at(found, (row, column), long / parts)
    return found


class Collisions(Poaching):
    """Animals of each species die on the roads of each cell: B' = -mu B over the step, mu = 2 v L / (pi A) h (1 - exp(-N a / u)).

    L: m of road in a cell of A m2; v: the way of a day, 1.04 M^0.25 km; h: the share of crossings that are heedless; N: vehicles s-1, a: m that one sweeps,
    u: m s-1 of who crosses. Who avoids roads stands elsewhere and crosses less (disturbance). The dead go out of the budget. Sources in
    merian.twin.hazards.roads.
    """

    name = "roads"


class Struck(Snares):
    """Animals die on roads one by one: each in a step of d days with chance 1 - exp(-mu d), mu = 2 v L / (pi A) h (1 - exp(-N a / u)), in its cell.

    L: m of road in a cell of A m2; v: the way of a day, 1.04 M^0.25 km; h: the share of crossings that are heedless; N: vehicles s-1, a: m that one sweeps,
    u: m s-1 of who crosses. The dead go out of the budget. Sources in merian.twin.hazards.roads.
    """

    name = "roads"


def roads(engine: Engine, rates: npt.NDArray[np.float64], when: When | Where = always) -> Engine:
    """The Engine of tier C or tier I with deaths on roads at `rates`, day-1 [s, y, x] (`killed`), beside those on roads that are there already."""
    values = engine.world.values
    if rates.shape != values["biomass"].shape:
        raise Mismatch("deaths on roads and the biomass of the twin", rates.shape, values["biomass"].shape)
    there = named(engine, Collisions.name)
    if isinstance(there, Collisions | Struck):
        return put(engine, there.also(rates, when))
    agents = "number" in values
    process = Struck(rates, when) if agents else Collisions(rates, cell_m2(engine), when)
    return joined(engine, Part((process,), before="living" if agents else "quality"))
