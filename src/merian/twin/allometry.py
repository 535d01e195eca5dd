"""Power laws of body mass: fitted to a table, and as priors for species that no table knows.

    log10 y = intercept + slope * log10 mass_g + N(0, sd)

`sd` is the standard deviation of species about the line (log10 units), so a prior says how little mass alone tells: a density is known within a factor of
about 7 either way. The laws of mammals are fitted to PanTHERIA (Jones et al. 2009, doi:10.1890/08-1494.1), that of birds' density to TetraDENSITY (Santini et
al. 2018, doi:10.1111/geb.12756; counts of individuals, not of pairs) with the masses of EltonTraits (Wilman et al. 2014, doi:10.1890/13-1917.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.twin.foodweb import Doubles

__all__ = ["PRIORS", "PowerLaw", "fitted", "growth_year", "prior", "speed_km_h"]

Z95 = 1.959964
"""97.5 % of a standard normal lies below."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """log10 y = `intercept` + `slope` log10 mass_g; 95 % interval of the slope +- `half_width`; species' `sd` about the line (log10), `n` of them."""

    intercept: float
    slope: float
    half_width: float
    sd: float
    n: int

    def at(self, mass_g: npt.ArrayLike) -> Doubles:
        """The median for masses in g."""
        return np.asarray(10.0**self.intercept * np.asarray(mass_g, float) ** self.slope)


def fitted(mass_g: npt.ArrayLike, values: npt.ArrayLike) -> PowerLaw:
    """The ordinary least-squares line of log10 values on log10 mass over the n pairs that are both above 0; NaN elsewhere is left out.

    Raises BadData with fewer than three pairs or one mass: no line has an interval then.
    """
    mass, y = np.asarray(mass_g, float), np.asarray(values, float)
    good = (mass > 0) & (y > 0) & np.isfinite(mass) & np.isfinite(y)
    n = int(good.sum())
    x, y = np.log10(mass[good]), np.log10(y[good])
    spread = float(((x - x.mean()) ** 2).sum()) if n else 0.0
    if n < 3 or spread == 0:
        raise BadData("power law", f"needs three species of different mass or more with a value, and has {n}")
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    intercept = float(y.mean() - slope * x.mean())
    sd = float(np.sqrt(((y - intercept - slope * x) ** 2).sum() / (n - 2)))
    return PowerLaw(intercept, slope, Z95 * sd / spread**0.5, sd, n)


PRIORS: Mapping[tuple[str, str], PowerLaw] = {
    ("density_km2", ""): PowerLaw(3.889, -0.743, 0.041, 0.846, 934),
    ("density_km2", "herbivore"): PowerLaw(4.440, -0.804, 0.067, 0.743, 302),
    ("density_km2", "omnivore"): PowerLaw(3.832, -0.780, 0.068, 0.747, 334),
    ("density_km2", "carnivore"): PowerLaw(3.819, -0.968, 0.139, 0.981, 101),
    ("density_km2", "bird"): PowerLaw(1.968, -0.508, 0.059, 0.719, 1073),
    ("home_range_km2", ""): PowerLaw(-4.376, 1.059, 0.055, 0.905, 690),
    ("home_range_km2", "herbivore"): PowerLaw(-4.994, 1.102, 0.083, 0.806, 232),
    ("home_range_km2", "omnivore"): PowerLaw(-4.300, 1.113, 0.084, 0.751, 273),
    ("home_range_km2", "carnivore"): PowerLaw(-4.268, 1.292, 0.140, 0.804, 88),
    ("maturity_days", ""): PowerLaw(1.829, 0.238, 0.014, 0.350, 1020),
    ("gestation_days", ""): PowerLaw(1.300, 0.188, 0.011, 0.305, 1324),
    ("longevity_years", ""): PowerLaw(0.403, 0.199, 0.012, 0.280, 989),
    ("litter_size", ""): PowerLaw(0.458, -0.065, 0.008, 0.276, 2295),
    ("litters_year", ""): PowerLaw(0.323, -0.056, 0.013, 0.245, 847),
    ("group_size", ""): PowerLaw(-0.147, 0.186, 0.026, 0.474, 671),
}
"""Laws by trait and group ("": all mammals); one row a species (PanTHERIA's first), months of longevity as years. Mammals only, but for "bird"."""
GROWTH_YEAR = PowerLaw(float(np.log10(1.5)) + 3 * 0.36, -0.36, 0.0, 0.3 / float(np.log(10.0)), 0)
"""Highest rate of increase, year-1: 1.5 W^-0.36 with W in kg (Caughley & Krebs 1983, Oecologia 59:7; read in a textbook with its figure and table: 18 W^-0.36
in g, 1.50 at 1 kg, 0.65 at 10, 0.29 at 100). The sd of 0.3 on the natural logarithm is that of eight Serengeti grazers (Buschke's table of r_max) about it."""
SPEED = {
    "run": (25.5, 0.26, 22.0, -0.6),
    "fly": (142.8, 0.24, 2.4, -0.72),
    "swim": (11.2, 0.36, 19.5, -0.56),
}
"""a, b, h, i of v = a M^b (1 - exp(-h M^i)) km h-1, M in kg (Hirt et al. 2017, doi:10.1038/s41559-017-0241-4). From memory, not re-read."""
SPEED_SD = 0.18
"""log10 units: a factor of 1.5 either way. A matter of taste."""


def growth_year(mass_g: npt.ArrayLike) -> Doubles:
    """The highest rate of increase of a population, year-1 (GROWTH_YEAR)."""
    return GROWTH_YEAR.at(mass_g)


def speed_km_h(mass_g: npt.ArrayLike, way: str = "run") -> Doubles:
    """The highest speed, km h-1, of an animal that runs, flies or swims (SPEED): it rises with mass and falls again among the largest."""
    a, b, h, i = SPEED[way]
    mass_kg = np.asarray(mass_g, float) / 1000.0
    return np.asarray(a * mass_kg**b * -np.expm1(-h * mass_kg**i))


def prior(trait: str, mass_g: float, group: str = "", way: str = "run") -> tuple[float, float, str] | None:
    """The median, the sd in log10 units and the source of a trait of which only mass is known; None where no law is at hand.

    group: herbivore, omnivore, carnivore, bird or "" (not known); where a trait has no law of its own for a group, that of all mammals is taken.
    """
    if trait == "speed_km_h":
        return float(speed_km_h(mass_g, way)), SPEED_SD, f"Hirt et al. 2017, {way}"
    if trait == "growth_year":
        return float(growth_year(mass_g)), GROWTH_YEAR.sd, "Caughley & Krebs 1983"
    law = PRIORS.get((trait, group)) or PRIORS.get((trait, ""))
    if law is None:
        return None
    whose = group if (trait, group) in PRIORS and group else "mammals"
    table = "TetraDENSITY" if group == "bird" and trait == "density_km2" else "PanTHERIA"
    return float(law.at(mass_g)), law.sd, f"power law of mass, {whose} ({table}, n = {law.n})"
