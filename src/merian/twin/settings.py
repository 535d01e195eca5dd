"""Every knob of building an ecosystem, with its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.settings import knob

__all__ = ["TwinSettings"]


@dataclass(frozen=True, kw_only=True)
class TwinSettings:
    """What an ecosystem is made of besides its species, and how its food web is balanced and tried."""

    columns: tuple[str, ...] = knob(
        (), "Columns of the trait tables that are not known by their name, as COLUMN=trait (weight=mass_g)"
    )
    pools: tuple[str, ...] = knob(
        ("grass:grass=deshmukh", "leaves:browse=miami*0.03"),
        "What grows without eating, as NAME:FOOD=CROP: a crop in g m-2, deshmukh (grass by rain) or miami (production by rain and warmth), times a share",
    )
    rain_mm: float = knob(
        0.0, "Mean yearly rain; 0: that of the landscape, or of the worked ecosystem", unit="mm", ge=0, le=15_000
    )
    celsius: float = knob(20.0, "Mean temperature (worked ecosystems have their own)", unit="degrees C", ge=-40, le=45)
    area_km2: float = knob(1000.0, "Area (worked ecosystems have their own)", unit="km2", gt=0)
    link: float = knob(0.5, "Links from this probability on are in the food web", ge=0, le=1)
    weights: Literal["hand", "serengeti"] = knob(
        "hand", "Weights of the terms of links: set by hand, or fitted to the food web of the Serengeti"
    )
    least: float = knob(0.05, "Links of less than this probability are not written down", ge=0, le=1)
    half: float = knob(0.02, "Half of the highest intake is reached at this share of the food of today", gt=0, le=1)
    intake: Literal["increase", "yodzis"] = knob(
        "increase", "Highest intake: from the known rate of increase, or the ratios of Yodzis and Innes 1992"
    )
    regulation: Literal["interference", "ratio", "refuge", "herds", "territory"] = knob(
        "interference", "What holds numbers where they are in the trial of the food web"
    )
    exponent: float = knob(
        1.0, "Exponent of interference (ratio), or of prey (refuge, 1 or more; herds, 1 or less)", gt=0, le=4
    )
    years: int = knob(50, "Years that the food web is tried for", unit="year", ge=10, le=1000)
    land: Literal["plain", "island"] = knob("plain", "The landscape that is generated when no raster is given")
    rows: int = knob(64, "Rows and columns of a generated landscape", ge=4, le=4096)
    cell_m: float = knob(1000.0, "Width of a cell, of generated landscapes and .npy rasters", unit="m", gt=0)
    habitat: Literal["forest", "grassland", "wetland", "desert", "alpine", "coast"] = knob(
        "grassland", "Habitat whose species the drawn ecosystem has"
    )
    drawn_species: int = knob(160, "Species of the drawn tree of life that it is taken from", ge=8, le=100_000)
    seed: int = knob(0, "Names all chance", ge=0)
