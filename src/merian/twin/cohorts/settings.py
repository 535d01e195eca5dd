"""Every knob of the cohort tier, with its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.settings import knob

__all__ = ["CohortSettings"]


@dataclass(frozen=True, kw_only=True)
class CohortSettings:
    """How animals live as cohorts of an age and a stage."""

    response: Literal["web", "madingley"] = knob(
        "web",
        "How animals find food: by the links and rates of the balanced food web, or by size alone (Harfoot et al. 2014)",
    )
    days: float = knob(7.0, "Length of a step", unit="days", gt=0, le=31)
    rows: int = knob(4, "Cells a side that the landscape is made coarser to; 0: its own", ge=0, le=4096)
    cohorts: int = knob(120, "Most cohorts in a cell: beyond them those most alike are merged", ge=1, le=100_000)
    founders: int = knob(4, "Cohorts of each species in a cell at the start, of several ages", ge=1, le=1000)
    floor: float = knob(1e-3, "Animals of a cohort in a cell below which it is gone", ge=0)
    scaling: float = knob(
        -0.30,
        "Exponent of mass over adult mass by which metabolism and intake of a gram follow, with --response web (Harfoot et al. 2014: M^0.70)",
        ge=-1,
        le=0,
    )
    stages_years: float = knob(5.0, "Years before the run in which ages come to rest", unit="years", ge=0, le=10_000)
    latitude_deg: float = knob(-2.0, "Latitude, for the radiation of the seasons", unit="degrees", ge=-90, le=90)
    range_c: float = knob(12.0, "Mean difference between day and night", unit="K", ge=0, le=60)
    spread_c: float = knob(2.0, "Standard deviation of the months' temperatures", unit="K", ge=0, le=40)
    brim_mm: float = knob(150.0, "Water that the soil can hold", unit="mm", gt=0, le=5000)
    choice: float = knob(
        0.0,
        "How strongly animals that move choose better cells (a choice); 0: they go where chance leads, as in the published model",
        ge=0,
        le=10,
    )
    crossing: float = knob(0.0, "Share of those at a fence that cross it", ge=0, le=1)
