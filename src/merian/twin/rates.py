"""Rates that follow from body mass and temperature, each written once with its unit and source.

    rate = exp(log_normal) * mass^own * eater_mass^eater * exp(energy * (T0 - T) / (k T T0))

masses in g, T in kelvin, T0 = 293.15 K (20 degrees C); constants of Binzer et al. 2016 (doi:10.1111/gcb.13086). Packages of the field disagree on the
sign of handling's activation energy: here handling is shorter where it is warmer, as measured by Rall et al. 2012 (doi:10.1098/rstb.2012.0242).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.twin.foodweb import Doubles, FoodWeb

__all__ = [
    "ATTACK",
    "CAPACITY",
    "GROWTH",
    "HANDLING",
    "METABOLISM",
    "Allometry",
    "allometric",
    "ectotherm_g_day",
    "endotherm_g_day",
]

BOLTZMANN_EV_K = 8.617333262e-5
"""Boltzmann's constant, eV per kelvin (CODATA 2018)."""
ZERO_C_K = 273.15
STANDARD_K = 293.15
"""The temperature at which the constants hold."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Allometry:
    """One rate in SI seconds and g: the natural logarithm of its normalisation, exponents of its own (or the prey's) and of the eater's mass, and an activation
    energy in eV whose sign is that of the equation above (negative: faster in warmth)."""

    log_normal: float
    own: float
    eater: float
    energy_ev: float

    def at(self, mass_g: npt.ArrayLike, celsius: npt.ArrayLike, eater_g: npt.ArrayLike = 1.0) -> Doubles:
        """The rate for masses in g at a temperature; arrays are matched up as NumPy does."""
        kelvin = np.asarray(celsius, float) + ZERO_C_K
        warmth = self.energy_ev * (STANDARD_K - kelvin) / (BOLTZMANN_EV_K * kelvin * STANDARD_K)
        mass, eater = np.asarray(mass_g, float), np.asarray(eater_g, float)
        return np.asarray(np.exp(self.log_normal + warmth) * mass**self.own * eater**self.eater)


GROWTH = Allometry(-15.68, -0.25, 0.0, -0.84)
"""s-1, of a producer."""
METABOLISM = Allometry(-16.54, -0.31, 0.0, -0.69)
"""s-1, of an ectotherm."""
CAPACITY = Allometry(float(np.log(40.0)), 0.28, 0.0, 0.71)
"""g m-2, of a producer."""
ATTACK = Allometry(-13.1, 0.25, -0.8, -0.38)
"""m2 g-1 s-1 for prey and eater."""
HANDLING = Allometry(9.66, -0.45, 0.47, 0.26)
"""s for prey and eater."""
EFFICIENCY = {"plant": 0.545, "animal": 0.906}
"""Biomass made of biomass eaten, by what is eaten (Lang et al. 2017, doi:10.1111/oik.04419)."""
GRAM_PER_KJ = 0.036697248
"""Wet mass that a kilojoule is worth (Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841)."""


def allometric(
    names: Sequence[str],
    mass_g: npt.ArrayLike,
    eats: Sequence[tuple[int, int]],
    celsius: float = 20.0,
    exponent: float = 1.2,
) -> FoodWeb:
    """A food web of plants and ectotherms whose rates all follow from mass and temperature; who eats nothing is a plant.

    `eats` are pairs (eater, eaten); an eater shares its effort evenly. `exponent` of the functional response between type II (1) and III (2). Days and g m-2.
    """
    mass, pairs = np.asarray(mass_g, float), np.asarray(eats, np.int64).reshape(-1, 2)
    wrong = ~(np.isfinite(mass) & (mass > 0))
    if wrong.any():
        raise BadData(
            "body mass", "is a number of g above 0", [f"{names[i]}: {mass[i]}" for i in np.flatnonzero(wrong).tolist()]
        )
    plant = np.bincount(pairs[:, 0], minlength=len(mass)) == 0
    eater, eaten = mass[pairs[:, 0]], mass[pairs[:, 1]]
    return FoodWeb.of(
        names,
        [(int(a), int(b)) for a, b in pairs],
        {
            "growth": np.where(plant, GROWTH.at(mass, celsius) * DAY_S, 0.0),
            "capacity": np.where(plant, CAPACITY.at(mass, celsius), np.inf),
            "loss": np.where(plant, 0.0, METABOLISM.at(mass, celsius) * DAY_S),
        },
        {
            "share": 1.0 / np.bincount(pairs[:, 0], minlength=len(mass))[pairs[:, 0]],
            "attack": ATTACK.at(eaten, celsius, eater) * DAY_S,
            "handling": HANDLING.at(eaten, celsius, eater) / DAY_S,
            "efficiency": np.where(plant[pairs[:, 1]], EFFICIENCY["plant"], EFFICIENCY["animal"]),
            "exponent": exponent,
        },
    )


def endotherm_g_day(mass_g: npt.ArrayLike) -> Doubles:
    """Wet mass that an endotherm at rest and at work burns in a day, g: Harfoot et al. 2014 (doi:10.1371/journal.pbio.1001841), body at 310 K."""
    burnt = 9.08091e11 * np.asarray(mass_g, float) ** 0.70 * np.exp(-0.69 / (8.617e-5 * 310.0))
    return np.asarray(burnt * GRAM_PER_KJ)


def ectotherm_g_day(mass_g: npt.ArrayLike, celsius: npt.ArrayLike, active: npt.ArrayLike = 0.5) -> Doubles:
    """The same of an ectotherm that is `active` that share of its time. The published model takes 0 degrees C for 273.0 K, and so does this."""
    mass, share = np.asarray(mass_g, float), np.asarray(active, float)
    at_work, at_rest = 1.48984e11 * mass**0.88, 4.1918272883e10 * mass**0.69
    warmth = np.exp(-0.69 / (8.617e-5 * (np.asarray(celsius, float) + 273.0)))
    return np.asarray((share * at_work + (1 - share) * at_rest) * warmth * GRAM_PER_KJ)
