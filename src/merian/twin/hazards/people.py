"""People who hunt: snares and poaching near settlements and roads, fewer where land is guarded.

An animal of species i at x dies at their hands at the rate

    mu_i(x) = rate * s(M_i) * exp(-d(x) / decay) * (1 - guarded * zone(x)),

d: how far the nearest settlement or road is; s = exp(-(ln(M / best))^2 / (2 width^2)): how well a snare or a hunter's choice fits a body of mass M, 1 for the
best. That wildlife thins out toward where people come from, mammals within some 40 km of it, is found all over the tropics (Benitez-Lopez et al. 2017, Science
356:180; from memory, not re-read); the exponential is a choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.core.settings import knob
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles
from merian.twin.hazards.join import Part, When, always, cell_m2, joined
from merian.twin.herds.counts import binomial
from merian.twin.ledger import Array, Flow

__all__ = ["Poaching", "PoachingSettings", "Snares", "km_to", "poaching", "taken"]

Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
YEAR_DAYS = 365.25


@dataclass(frozen=True, kw_only=True)
class PoachingSettings:
    """How much is taken, where, and of which size. Defaults are a choice."""

    rate_year: float = knob(
        0.1, "Rate at which animals of the best size die beside a settlement or road", unit="year-1", ge=0, le=50
    )
    decay_km: float = knob(10.0, "Over which distance this falls to 37 %", unit="km", gt=0, le=1000)
    best_kg: float = knob(100.0, "Body mass that is taken most", unit="kg", gt=0, le=1e5)
    width: float = knob(1.5, "How far other masses may be from it: standard deviation of the logarithm", gt=0, le=100)
    guarded: float = knob(0.9, "Share by which guards lessen it in protected zones", ge=0, le=1)


def km_to(places: Bools, cell_m: float) -> Doubles:
    """The distance from the middle of each cell to that of the nearest of the `places`, km [y, x]; infinite where there is none."""
    rows, columns = places.shape
    y, x = np.mgrid[:rows, :columns]
    nearest = np.full((rows, columns), np.inf)
    for row, column in np.argwhere(places).tolist():
        np.minimum(nearest, (y - row) ** 2 + (x - column) ** 2, out=nearest)
    return np.asarray(np.sqrt(nearest) * cell_m / 1000.0)


def taken(settings: PoachingSettings, km: Doubles, zone: Doubles, mass_g: Doubles) -> Doubles:
    """The rate at which animals of each species die at people's hands in each cell, day-1 [s, y, x], by the equation of this module.

    km: to settlements and roads [y, x]. zone: how much of a cell is protected, 0 to 1 [y, x]. mass_g: [s]; 0 or NaN (what grows): not taken.
    """
    if zone.shape != km.shape:
        raise Mismatch("protected zones and the landscape", zone.shape, km.shape)
    if not ((zone >= 0) & (zone <= 1)).all():
        raise BadData("protected zones", "cover from none to all of a cell")
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.log(mass_g / 1000.0 / settings.best_kg) / settings.width
    fits = np.where(mass_g > 0, np.exp(-0.5 * np.where(mass_g > 0, off, 0.0) ** 2), 0.0)
    where = np.exp(-km / settings.decay_km) * (1 - settings.guarded * zone)
    return np.asarray(settings.rate_year / YEAR_DAYS * fits[:, None, None] * where)


class Poaching:
    """People take animals of each species in each cell, at the rate that lies there: B' = -mu(x) B over the step.

    The rates are those of merian.twin.hazards.people: fewer with distance from settlements and roads and in protected zones, most of the size that snares fit.
    What is taken goes out of the budget.
    """

    name = "poaching"
    reads = ()
    writes = ("biomass",)

    def __init__(self, rates: Doubles, area_m2: float, when: When = always) -> None:
        """rates: day-1 [s, y, x]. `when` is a share of them."""
        self.rates, self.area_m2, self.when = _rates(rates), area_m2, when

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Take."""
        gone = values["biomass"] * -np.expm1(-self.rates * self.when(moment.day) * moment.days)
        values["biomass"] = values["biomass"] - gone
        return {"biomass": Flow(went=float(gone.sum()) * self.area_m2 / 1000.0)}


class Snares:
    """People take animals one by one: each is taken in a step of d days with chance 1 - exp(-mu(x) d), so that a herd loses a binomial number.

    The rates are those of merian.twin.hazards.people: fewer with distance from settlements and roads and in protected zones, most of the size that snares fit.
    What is taken goes out of the budget.
    """

    name = "poaching"
    reads = ("who", "species", "cell", "mass")
    writes = ("number",)

    def __init__(self, rates: Doubles, when: When = always) -> None:
        """rates: day-1 [s, y, x]. `when` is a share of them."""
        self.rates, self.when = _rates(rates), when

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Take."""
        rates = (self.rates * (self.when(moment.day) * moment.days)).reshape(len(self.rates), -1)
        herds = values["who"], values["species"], values["cell"], values["number"], values["mass"]
        return {"biomass": Flow(went=_take(herds, rates, moment.chance, moment.step) / 1000.0)}


def _rates(rates: Doubles) -> Doubles:
    if not (np.isfinite(rates).all() and (rates >= 0).all()):
        raise BadData("poaching", "its rates are numbers from 0 on")
    return rates


@compiled
def _take(
    herds: tuple[Integers, Integers, Integers, Integers, Doubles], hazard: Doubles, chance: draws.Key, step: int
) -> float:
    """Take from each herd, in place: what went, g. hazard: over the step [s, cells]."""
    who, species, cell, number, mass = herds
    went = 0.0
    for herd in range(len(who)):
        rate = hazard[species[herd], cell[herd]]
        if rate <= 0.0 or number[herd] <= 0:
            continue
        gone = binomial(draws.uniform(chance, who[herd], step, 0), number[herd], -np.expm1(-rate))
        number[herd] -= gone
        went += gone * mass[herd]
    return went


def poaching(engine: Engine, rates: Doubles, when: When = always) -> Engine:
    """The Engine of tier C or tier I with people who take animals at `rates`, day-1 [s, y, x] (`taken`)."""
    values = engine.world.values
    if rates.shape != values["biomass"].shape:
        raise Mismatch("rates of poaching and the biomass of the twin", rates.shape, values["biomass"].shape)
    agents = "number" in values
    process = Snares(rates, when) if agents else Poaching(rates, cell_m2(engine), when)
    return joined(engine, Part((process,), before="living" if agents else "quality"))
