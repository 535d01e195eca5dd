"""Every knob of calibrating an ecosystem by its cameras, with its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.settings import knob

__all__ = ["CalibrateSettings"]


@dataclass(frozen=True, kw_only=True)
class CalibrateSettings:
    """How labels are read, what is known of the cameras, and how states and rates are found."""

    method: Literal["ensemble", "particle"] = knob(
        "ensemble", "The filter: an ensemble, for many species; or particles, for few, with 2000 members or more"
    )
    members: int = knob(200, "Ecosystems drawn from what is believed", ge=20, le=100_000)
    noise: float = knob(0.1, "What a month adds to the logarithm of biomass that no equation says: sd", ge=0, le=2)
    inflow: float = knob(
        0.01,
        "What walks in from outside in a year, as a share of what is believed to live there: so that who is gone may come again",
        ge=0,
        le=10,
    )
    inflation: float = knob(1.02, "How much the ensemble is widened in each period", ge=1, le=2)
    parts: int = knob(
        32, "How often the ensemble takes in each observation, with so many times its variance", ge=1, le=64
    )
    period_days: float = knob(30.0, "Length of periods, where times are given and not periods", unit="days", ge=1)
    gap_minutes: float = knob(
        30.0, "Observations of media further apart are different stays", unit="min", ge=0, le=1440
    )
    sure: float = knob(0.8, "A name at least this probable is said surely; below, it is a label of its own", ge=0, le=1)
    least: float = knob(0.3, "A name less probable than this is none: unknown", ge=0, le=1)
    day_km: float = knob(4.0, "How far an animal goes in a day, where nothing better is known", unit="km", gt=0, le=200)
    speeds: tuple[str, ...] = knob((), "How far a species goes in a day, as NAME=km")
    radius_m: float = knob(10.0, "How far off cameras detect animals, where their table does not say", unit="m", gt=0)
    angle_deg: float = knob(40.0, "The angle of their sector", unit="degrees", gt=0, le=180)
    detected: float = knob(1.0, "Share of the animals that enter a sector that are counted", gt=0, le=1)
    exposure_factor: float = knob(
        2.0, "Speed, zone and detection together are known within this factor, with 95 % of belief", ge=1, le=100
    )
    labels: tuple[str, ...] = knob((), "What labels stand for, as LABEL=species")
    ignore: tuple[str, ...] = knob((), "Labels that are left out")
    rates: tuple[str, ...] = knob(
        (),
        "Rates to find by ABC, 1 to 15 of growth:NAME, loss:NAME, attack:NAME, interference:NAME; or all for those of the species photographed",
    )
    rate_sd: float = knob(0.4, "What is believed of each rate: sd of the logarithm of how far off it is", gt=0, le=3)
    rate_years: float = knob(
        10.0, "Years that a simulation runs before it is photographed", unit="years", gt=0, le=1000
    )
    kept: int = knob(400, "Parameters kept in each generation of ABC", ge=20)
    simulations: int = knob(4000, "Simulations of ABC in all", ge=100)
    seed: int = knob(0, "Names all chance", ge=0)
