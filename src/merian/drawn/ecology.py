"""Where, when and how often each species lives: everything about it that is not inherited.

Habitats are drawn for each species by itself, so relatives do not share them more than strangers do: what a model knows of
ecology cannot come from the phylogeny. Yet habitat leaves its mark on the body: in every clade alike, desert species turn pale and dull, and
forest species dark and rich. That is convergence, modelled on two old rules: animals are darker where it is humid (Gloger; Delhey 2017, J. Avian
Biol. 48) and darker where it is cold (Bogert; Clusella Trullas et al. 2007, J. Therm. Biol. 32).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.drawn.organism import Habitat, PlanName

__all__ = ["CONVERGENT", "HABITATS", "draw_ecology", "habitat_shift", "offset_place"]

HABITATS: tuple[Habitat, ...] = get_args(Habitat)

LIGHTNESS_SHIFT: Mapping[Habitat, float] = {
    "forest": -1.1,
    "grassland": 0.35,
    "wetland": -0.45,
    "desert": 1.25,
    "alpine": -0.75,
    "coast": 0.7,
}
"""Shift of lightness, in latent standard deviations; sums to 0. Signs after Gloger and Bogert, sizes a matter of taste."""

CHROMA_SHIFT: Mapping[Habitat, float] = {
    "forest": 0.9,
    "grassland": 0.1,
    "wetland": 0.6,
    "desert": -1.0,
    "alpine": 0.1,
    "coast": -0.7,
}
"""Shift of colourfulness, in latent standard deviations; sums to 0. A matter of taste."""

CONVERGENT: Mapping[PlanName, tuple[str, str]] = {
    "beetle": ("ground_lightness", "ground_chroma"),
    "butterfly": ("ground_lightness", "ground_chroma"),
    "bird": ("back_lightness", "back_chroma"),
    "fish": ("back_lightness", "back_chroma"),
    "hoofed": ("coat_lightness", "coat_chroma"),
    "leaf": ("lightness", "chroma"),
    "flower": ("petal_lightness", "petal_chroma"),
    "mushroom": ("cap_lightness", "cap_chroma"),
}
"""The traits of each plan that habitat moves: its lightness and its colourfulness."""

REGIONS: tuple[tuple[float, float, float, float], ...] = (
    (36.0, 48.0, -118.0, -85.0),
    (50.0, 62.0, -120.0, -95.0),
    (18.0, 26.0, -104.0, -99.0),
    (-18.0, 0.0, -70.0, -46.0),
    (-38.0, -24.0, -68.0, -58.0),
    (45.0, 54.0, 6.0, 35.0),
    (38.0, 42.0, -7.0, -2.0),
    (8.0, 28.0, -8.0, 30.0),
    (-24.0, 4.0, 15.0, 34.0),
    (50.0, 64.0, 60.0, 120.0),
    (26.0, 40.0, 78.0, 114.0),
    (13.0, 24.0, 75.0, 84.0),
    (-30.0, -19.0, 120.0, 146.0),
)
"""Inner parts of the continents (south, north, west, east in degrees), where the ranges have their centres."""

SEASON_SD_DAYS: Mapping[PlanName, tuple[float, float]] = {
    "beetle": (18.0, 45.0),
    "butterfly": (14.0, 40.0),
    "bird": (45.0, 90.0),
    "fish": (50.0, 100.0),
    "hoofed": (60.0, 120.0),
    "leaf": (35.0, 60.0),
    "flower": (9.0, 28.0),
    "mushroom": (10.0, 30.0),
}
"""Narrowest and widest season of sightings: standard deviation in days. A matter of taste."""

PEAK_DAY: Mapping[PlanName, float] = {"mushroom": 275.0, "flower": 150.0, "butterfly": 185.0}
"""Day of the year about which the species of a plan peak in the north (others: 180)."""

KM_PER_DEGREE = 111.195
"""Length of a degree of latitude on a sphere of radius 6371.0088 km (IUGG mean radius)."""


def habitat_shift(plan: PlanName, trait: str, habitats: NDArray[np.str_]) -> NDArray[np.float64]:
    """What habitat adds [n] to the latent value of `trait` in species that live in `habitats` [n]; 0 for traits it leaves alone."""
    lightness, chroma = CONVERGENT[plan]
    shift = {lightness: LIGHTNESS_SHIFT, chroma: CHROMA_SHIFT}.get(trait)
    if shift is None:
        return np.zeros(len(habitats))
    return np.array([shift[h] for h in habitats])


def draw_ecology(plans: list[PlanName], tail: float, rng: np.random.Generator) -> pl.DataFrame:
    """One row per species of `plans` [n]: habitat, abundance, range and season.

    `abundance` is a share of all sightings, lognormal with standard deviation `tail` of its logarithm (Preston 1948, Ecology 29).
    `lat_deg`, `lon_deg`, `radius_km` describe the range: two thirds of the sightings lie within the radius of the centre. `peak_day` is the day of the
    year of most sightings and `season_sd_days` the width.
    """
    n = len(plans)
    habitat = np.array(HABITATS)[rng.integers(0, len(HABITATS), n)]
    abundance = np.exp(tail * rng.standard_normal(n))
    region = np.array(REGIONS)[rng.integers(0, len(REGIONS), n)]
    lat = region[:, 0] + rng.random(n) * (region[:, 1] - region[:, 0])
    lon = region[:, 2] + rng.random(n) * (region[:, 3] - region[:, 2])
    radius = np.clip(np.exp(np.log(220.0) + 0.6 * rng.standard_normal(n)), 40.0, 900.0)
    width = np.array([SEASON_SD_DAYS[p] for p in plans])
    sd = width[:, 0] + rng.random(n) * (width[:, 1] - width[:, 0])
    peak = np.array([PEAK_DAY.get(p, 180.0) for p in plans]) + 30.0 * rng.standard_normal(n)
    peak = (peak + np.where(lat < 0, 182.0, 0.0)) % 365.0
    return pl.DataFrame(
        {
            "habitat": habitat,
            "abundance": abundance / abundance.sum(),
            "lat_deg": lat.round(4),
            "lon_deg": lon.round(4),
            "radius_km": radius.round(1),
            "peak_day": peak.round(1),
            "season_sd_days": sd.round(1),
        }
    )


def offset_place(lat_deg: float, lon_deg: float, north_km: float, east_km: float) -> tuple[float, float]:
    """Latitude and longitude in degrees of the point `north_km` and `east_km` from another, on a local plane, within ±85 degrees."""
    lat = min(85.0, max(-85.0, lat_deg + north_km / KM_PER_DEGREE))
    lon = lon_deg + east_km / (KM_PER_DEGREE * np.cos(np.radians(lat)))
    return round(lat, 5), round(float((lon + 180.0) % 360.0 - 180.0), 5)
