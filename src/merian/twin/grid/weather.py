"""Rain, water in the soil and the green season, cell by cell.

The soil is a bucket (Manabe 1969, Mon. Weather Rev. 97:739): rain fills it to its brim and the rest runs off; what evaporates is the demand of the air times
how full it is. The demand is that of Hargreaves & Samani 1985 (Appl. Eng. Agric. 1:96): 0.0023 Ra (T + 17.8) sqrt(range), with Ra the radiation above
the air (Allen et al. 1998, FAO-56, equation 21) in mm of water a day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadData, BadSetting
from merian.twin import draws
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.ledger import Array, Flow

__all__ = [
    "Air",
    "Rain",
    "Season",
    "Soil",
    "demand_mm_day",
    "mean_rain",
    "radiation_mm_day",
    "season_mean",
    "wetted_mm",
]

YEAR_DAYS = 365.25
MONTH_DAYS = YEAR_DAYS / 12
SOLAR_CONSTANT = 0.0820
"""MJ m-2 min-1 (FAO-56)."""
LATENT_HEAT = 2.45
"""MJ kg-1: evaporating 1 mm takes 2.45 MJ m-2 (FAO-56)."""


@dataclass(frozen=True, slots=True)
class Air:
    """What evaporation depends on: `latitude_deg`, mean temperature `celsius`, mean difference of day and night `range_c`; and the soil's brim, `brim_mm`."""

    latitude_deg: float = 0.0
    celsius: float = 20.0
    range_c: float = 12.0
    brim_mm: float = 150.0

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude_deg <= 90 and -60 <= self.celsius <= 60):
            raise BadSetting(
                "latitude_deg, celsius", (self.latitude_deg, self.celsius), "from -90 to 90 and from -60 to 60"
            )
        if not (0 <= self.range_c <= 60 and 0 < self.brim_mm <= 5000):
            raise BadSetting("range_c, brim_mm", (self.range_c, self.brim_mm), "from 0 to 60, and above 0 to 5000")


def radiation_mm_day(latitude_deg: float, day: float) -> float:
    """Radiation above the air on a day of the year (0: 1 January), in mm of water that it could evaporate: FAO-56, equations 21 to 25 and 20."""
    angle, turn = math.radians(latitude_deg), 2 * math.pi * (day + 1) / 365
    near, tilt = 1 + 0.033 * math.cos(turn), 0.409 * math.sin(turn - 1.39)
    sunset = math.acos(min(max(-math.tan(angle) * math.tan(tilt), -1.0), 1.0))
    height = sunset * math.sin(angle) * math.sin(tilt) + math.cos(angle) * math.cos(tilt) * math.sin(sunset)
    return max(24 * 60 / math.pi * SOLAR_CONSTANT * near * height, 0.0) / LATENT_HEAT


def demand_mm_day(air: Air, day: float) -> float:
    """What the air would evaporate on a day of the year, mm (Hargreaves & Samani 1985)."""
    return max(0.0023 * radiation_mm_day(air.latitude_deg, day) * (air.celsius + 17.8) * math.sqrt(air.range_c), 0.0)


class Rain:
    """Rain falls by the month's mean, more or less in different years.

    Between the middles of months the mean is a straight line; a year's rain is a log-normal multiple of it with mean 1 (`spread`: standard deviation of the
    logarithm), the same in all cells.
    """

    name = "rain"
    reads = ()
    writes = ("rain",)

    def __init__(self, months_mm: Doubles, spread: float = 0.2) -> None:
        """months_mm: [12, y, x]."""
        if months_mm.shape[0] != 12 or not (months_mm >= 0).all():
            raise BadData("rain", "is 0 mm or more in each of twelve months")
        if not (math.isfinite(spread) and spread >= 0):
            raise BadSetting("spread", spread, "0 or more")
        self.months_mm, self.spread = months_mm, spread

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Set the rain of this step, mm day-1."""
        year = int(moment.day // YEAR_DAYS)
        factor = math.exp(self.spread * draws.normal(moment.chance, 0, year, 0) - 0.5 * self.spread**2)
        values["rain"][:] = factor * mean_rain(self.months_mm, moment.day + 0.5 * moment.days)
        return {}


def mean_rain(months_mm: Doubles, day: float) -> Doubles:
    """The climate's rain on a day, mm day-1 [y, x]: a straight line between the middles of months."""
    place = (day % YEAR_DAYS) / MONTH_DAYS - 0.5
    month, share = math.floor(place), place - math.floor(place)
    return np.asarray((1 - share) * months_mm[month % 12] + share * months_mm[(month + 1) % 12]) / MONTH_DAYS


class Soil:
    """Rain fills the soil, the air dries it, and what the soil cannot hold runs off.

    W' = min(W + rain, brim), less demand * W / brim over the step, solved exactly. Equations and sources in merian.twin.grid.weather.
    """

    name = "soil"
    reads = ("rain",)
    writes = ("soil_water",)

    def __init__(self, air: Air, cell_m2: float) -> None:
        self.air, self.cell_m2 = air, cell_m2

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Fill and dry the soil; rain comes, runoff and evaporation go, in kg."""
        before, fallen = values["soil_water"], values["rain"] * moment.days
        after = _wetted(before, fallen, self.air, moment)
        came = float(fallen.sum())
        went = came - float((after - before).sum())
        values["soil_water"] = after
        # 1 mm on 1 m2 is 1 kg
        return {"water": Flow(came * self.cell_m2, max(went, 0.0) * self.cell_m2)}


def _wetted(water: Doubles, fallen: Doubles, air: Air, moment: Moment) -> Doubles:
    full = np.minimum(water + fallen, air.brim_mm)
    return np.asarray(full * _dried(air, moment.day, moment.days))


def _dried(air: Air, day: float, days: float) -> float:
    """What is left of the soil's water when the air has dried it for so many days."""
    return math.exp(-demand_mm_day(air, day + 0.5 * days) * days / air.brim_mm)


def wetted_mm(water: float, fallen: float, air: Air, day: float, days: float) -> float:
    """The water in the soil of one place, mm, after `fallen` mm of rain and so many days of drying from a day on: the equation of Soil."""
    return min(water + fallen, air.brim_mm) * _dried(air, day, days)


class Season:
    """What grows follows the water in the soil.

    green = (W / brim) / mean, where the mean is that of a year of the climate without chance: over such a year growth is what it is without seasons.
    """

    name = "season"
    reads = ("soil_water",)
    writes = ("green",)

    def __init__(self, brim_mm: float, mean: Doubles) -> None:
        """mean: [y, x], of W / brim over a year of the climate (`season_mean`)."""
        self.brim_mm, self.mean = brim_mm, mean

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Set how green each cell is."""
        wet = values["soil_water"] / self.brim_mm
        values["green"] = np.divide(wet, self.mean, out=np.zeros_like(wet), where=self.mean > 0)
        return {}


def season_mean(months_mm: Doubles, air: Air, days: float, years: int = 10) -> tuple[Doubles, Doubles]:
    """The mean of W / brim over a year of the climate, and the soil's water at its beginning, once years have come to repeat themselves: [y, x] each."""
    water = np.full(months_mm.shape[1:], 0.5 * air.brim_mm)
    steps, none = round(YEAR_DAYS / days), np.zeros(2, np.uint32)
    total = np.zeros_like(water)
    for step in range(years * steps):
        moment = Moment(step, step * days, days, none)
        water = _wetted(water, mean_rain(months_mm, moment.day + 0.5 * days) * days, air, moment)
        if step >= (years - 1) * steps:
            total += water / air.brim_mm
    return total / steps, water
