"""Steps and years: a run on a map takes a whole number of steps a year, so that changes come in the step that is theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.twin.foodweb import Doubles
from merian.twin.scenario import YEAR_DAYS
from merian.twin.space.settings import MapSettings

__all__ = ["Clock"]

USUAL = {"grid": 7.0, "herds": 1 / 24}
"""Days of a step, where nothing else is asked."""
SEASONS = {"grid": 4, "herds": 52}
"""Times a year at which biomass is kept."""


@dataclass(frozen=True, slots=True)
class Clock:
    """`per_year` steps a year, `begin` steps before year 0, `kept` a year of them kept, `years` in all."""

    per_year: int
    begin: int
    kept: int
    span: float

    @classmethod
    def of(cls, settings: MapSettings) -> Clock:
        """The clock of a run: steps as near to those asked for as a whole number of them between two that are kept allows."""
        kept = SEASONS[settings.tier]
        asked = settings.step_days or USUAL[settings.tier]
        per_year = kept * max(round(YEAR_DAYS / asked / kept), 1)
        return cls(per_year, settings.spin * per_year, kept, settings.years)

    @property
    def days(self) -> float:
        """Length of a step."""
        return YEAR_DAYS / self.per_year

    def year(self, step: int) -> float:
        """The year of the run at the beginning of a step."""
        return (step - self.begin) / self.per_year

    def step(self, year: float) -> int:
        """The step that begins nearest to a year of the run."""
        return self.begin + round(year * self.per_year)

    @property
    def years(self) -> Doubles:
        """The years at which biomass is kept, [t]: from 0 on, and the end."""
        times = np.arange(int(self.span * self.kept) + 1) / self.kept
        return times if times[-1] == self.span else np.append(times, self.span)

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The steps at whose beginning biomass is kept: int64 [t], rising; two that would be the same are one."""
        return np.array([self.step(year) for year in self.years.tolist()], np.int64)
