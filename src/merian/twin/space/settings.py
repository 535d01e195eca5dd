"""Every knob of a what-if, in whatever tier it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.settings import knob
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.ensemble import EnsembleSettings

__all__ = ["MapSettings"]


@dataclass(frozen=True, kw_only=True)
class MapSettings(EnsembleSettings):
    """How an ensemble is run in any tier: `web` (the food web, without places), `grid` (in each cell of a map), `herds` (animals in a window of it) or
    `cohorts` (animals of an age and a stage)."""

    tier: Literal["web", "grid", "herds", "cohorts"] = knob(
        "web",
        "Where: the food web without places, the cells of a map by the week, herds in a window by the hour, or cohorts of ages and stages",
    )
    rows: int = knob(
        24, "Rows and columns of the map at most: a finer one is coarsened by a whole number", ge=1, le=512
    )
    window_km: float = knob(20.0, "Width of the window of herds", unit="km", gt=0, le=1000)
    step_days: float = knob(
        0.0, "Length of a step, rounded to a whole part of a year; 0: a week on the grid and for cohorts, an hour among herds",
        unit="days", ge=0, le=31,
    )  # fmt: skip
    meeting_km: float = knob(
        20.0, "Width of the ground on which herds meet and crowd each other between two meals (a choice); 0: a cell",
        unit="km", ge=0, le=1000,
    )  # fmt: skip
    hunger: float = knob(
        3.0, "How much harder herds seek food that weigh less than adults: effort is (A / M) to this power (a choice)",
        ge=0, le=10,
    )  # fmt: skip
    behaviour: bool = knob(
        True,
        "Whether herds breed by season, see their prey by their eyes and meet in groups, as far as is known of them",
    )
    open_edges: bool = knob(
        True,
        "Whether herds leave over the window's edges and others come in from a land as full as at the start; not where the ecosystem is an island",
    )
    spin: int = knob(2, "Years on the map, with weather and without change, before the run", unit="years", ge=0, le=500)
    latitude_deg: float = knob(-2.0, "Latitude of the map, for its seasons", unit="degrees", ge=-90, le=90)
    range_c: float = knob(12.0, "Mean difference between day and night", unit="K", ge=0, le=60)
    choice: float = knob(0.5, "How strongly animals choose better cells (a choice)", ge=0, le=10)
    crossing: float = knob(0.0, "Share of those at a fence of the landscape that cross it", ge=0, le=1)
    matrix: float = knob(0.1, "Share of moves into and within lost habitat that are made (a choice)", ge=0, le=1)
    move_spread: float = knob(
        0.5, "Standard deviation of the logarithm of how far a species moves, over members (a choice)", ge=0, le=3
    )
    response: Literal["web", "madingley"] = knob(
        "web", "How cohorts find food: by the links and rates of the food web, or by size alone (Harfoot et al. 2014)"
    )
    cohorts: int = knob(120, "Most cohorts in a cell: beyond them those most alike are merged", ge=1, le=100_000)
    cohort_rows: int = knob(4, "Cells a side of the map of cohorts; 0: those of the landscape", ge=0, le=4096)
    stages_years: float = knob(
        5.0, "Years before the run in which the ages of cohorts come to rest", unit="years", ge=0, le=10_000
    )

    @property
    def of_cohorts(self) -> CohortSettings:
        """The same for cohorts."""
        return CohortSettings(
            choice=self.choice,
            response=self.response,
            days=self.step_days or 7.0,
            rows=self.cohort_rows,
            cohorts=self.cohorts,
            stages_years=self.stages_years,
            latitude_deg=self.latitude_deg,
            range_c=self.range_c,
            crossing=self.crossing,
        )
