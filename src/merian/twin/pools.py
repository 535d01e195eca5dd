"""What grows without eating, as pools: grass, browse, fruit, or insects that are no species of the twin. How much there is follows from rain.

A pool has a `crop`, the most that stands (g m-2, dry matter of plants, fresh mass of animals), and a `turnover`: how many crops grow in a year. In the food-web
equations it grows logistically, r = 4 turnover, so that the most it can grow, at half of the crop, is what really grows in a year.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadData
from merian.twin.feeding import FOODS
from merian.twin.rates import GRAM_PER_KJ

__all__ = ["ENERGY", "YEAR_DAYS", "Climate", "Pool", "grass_crop_g_m2", "npp_g_m2_year"]

YEAR_DAYS = 365.25
ENERGY: Mapping[str, float] = {
    "grass": 18.5 * 0.45,
    "browse": 18.5 * 0.45,
    "fruit": 18.5 * 0.65,
    "seeds": 18.5 * 0.65,
    "nectar": 18.5 * 0.9,
    "invertebrates": 6.0 * 0.7,
    "fish": 5.5 * 0.8,
    "carrion": 7.0 * 0.7,
    "vertebrates": 7.0 * 0.7,
}
"""Metabolisable energy, kJ g-1: gross energy (of dry matter of plants, of fresh mass of animals) times the share that an eater gains, bones and hide of
vertebrates among the lost. Robbins 1993, Wildlife Feeding and Nutrition; Peters 1983, The Ecological Implications of Body Size: from memory, not re-read."""


@dataclass(frozen=True, slots=True)
class Climate:
    """Mean yearly `rain_mm` and `celsius`."""

    rain_mm: float
    celsius: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rain_mm) and self.rain_mm >= 0 and -60 <= self.celsius <= 60):
            raise BadData(
                "climate",
                f"rain is 0 mm or more and the mean between -60 and 60 degrees C, not {self.rain_mm} mm and {self.celsius} degrees C",
            )


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of `food` (a key of FOODS) whose crop is `share` of what `law` gives: deshmukh (grass of savannas by rain), miami (net primary production by rain
    and warmth), or "" for `crop_g_m2` itself; `turnover` crops grow in a year; `source` says where the numbers are from, `evidence` how good they are."""

    name: str
    food: str
    law: str = ""
    share: float = 1.0
    crop_g_m2: float = 0.0
    turnover: float = 1.0
    evidence: str = "assumed"
    source: str = ""

    def __post_init__(self) -> None:
        if self.food not in FOODS:
            raise BadData(f"pool {self.name!r}", f"is one of {', '.join(FOODS)}", [self.food])
        if self.law not in ("", "deshmukh", "miami"):
            raise BadData(f"pool {self.name!r}", "its law is deshmukh, miami or none", [self.law])
        if not (self.share > 0 and self.turnover > 0 and (self.law or self.crop_g_m2 > 0)):
            raise BadData(f"pool {self.name!r}", "needs a crop, a share and a turnover above 0")

    def crop(self, climate: Climate) -> float:
        """The most that stands, g m-2."""
        if self.law == "deshmukh":
            return self.share * float(grass_crop_g_m2(climate.rain_mm))
        if self.law == "miami":
            return self.share * float(npp_g_m2_year(climate.celsius, climate.rain_mm)) / self.turnover
        return self.share * self.crop_g_m2

    @property
    def growth_day(self) -> float:
        """The rate of logistic growth, day-1."""
        return 4.0 * self.turnover / YEAR_DAYS

    @property
    def worth(self) -> float:
        """Grams of an animal that a gram of it makes, in the twin's currency (GRAM_PER_KJ)."""
        return ENERGY[self.food] * GRAM_PER_KJ


def grass_crop_g_m2(rain_mm: float | np.ndarray) -> np.ndarray:
    """Peak grass of an East African savanna, dry g m-2: 8.4888 P - 195.77 kg ha-1 for P mm of rain in a year (Deshmukh 1984, Afr. J. Ecol. 22:181; from memory,
    not re-read); 0 below 23 mm."""
    return np.maximum(8.4888 * np.asarray(rain_mm, float) - 195.77, 0.0) / 10.0


def npp_g_m2_year(celsius: float | np.ndarray, rain_mm: float | np.ndarray) -> np.ndarray:
    """Net primary production, dry g m-2 year-1: the Miami model (Lieth 1975) with the constants of Harfoot et al. 2014, kg of carbon; 0.476 of dry matter is
    carbon (the same source)."""
    warm = 0.961644704 / (1 + np.exp(0.237468183 - 0.100597089 * np.asarray(celsius, float)))
    wet = 0.961644704 * -np.expm1(-0.001184101 * np.asarray(rain_mm, float))
    return np.minimum(warm, wet) / 0.476 * 1000.0
