"""People who hunt: snares and poaching near settlements and roads, fewer where land is guarded.

An animal of species i at x dies at their hands at the rate

    mu_i(x) = rate * s(M_i) * exp(-d(x) / decay) * (1 - guarded * zone(x)),

d: how far the nearest settlement or road is; s = exp(-(ln(M / best))^2 / (2 width^2)): how well a snare or a hunter's choice fits a body of mass M, 1 for the
best. In zones of protection (`protect` in a scenario) it is less.

That wildlife thins out toward where people come from, mammals within some 40 km of it, is found all over the tropics (Benitez-Lopez et al. 2017, Science
356:180; from memory, not re-read); the exponential is a choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.core.settings import knob
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles
from merian.twin.hazards.join import Part, When, Where, always, cell_m2, joined, named, put
from merian.twin.herds.counts import binomial
from merian.twin.herds.seasons import Births
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["Poaching", "PoachingSettings", "Snares", "km_to", "one_harem", "poaching", "taken"]

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
    males: float = knob(
        0.5,
        "Share of males among those taken where both sexes are as many; 1: trophies. Told apart among herds alone",
        ge=0,
        le=1,
    )
    harem: float = knob(
        20.0,
        "Females that one male serves, where sexes are told apart (a choice)",
        gt=0,
        le=1000,
        source="births of saigas failed where males were fewer than some 1 in 40: Milner-Gulland et al. 2003, Nature 422:135, from memory",
    )
    guarded: float = knob(1.0, "Share by which guards lessen it in zones that are wholly protected", ge=0, le=1)


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
    What is taken goes out of the budget. Where several take, their rates add up.
    """

    name = "poaching"
    reads = ()
    writes = ("biomass",)

    def __init__(self, rates: Doubles, area_m2: float, when: When | Where = always) -> None:
        """rates: day-1 [s, y, x]. `when` is a share of them."""
        self.sources: Sequence[tuple[Doubles, When | Where]] = ((_rates(rates), when),)
        self.area_m2 = area_m2

    def also(self, rates: Doubles, when: When | Where = always) -> Self:
        """The same where others take beside them."""
        other = copy(self)
        other.sources = (*self.sources, (_rates(rates), when))
        return other

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Take."""
        total = sum(rates * when(moment.day) for rates, when in self.sources)
        gone = values["biomass"] * -np.expm1(-total * moment.days)
        values["biomass"] = values["biomass"] - gone
        return {"biomass": Flow(went=float(gone.sum()) * self.area_m2 / 1000.0)}


class Snares:
    """People take animals one by one: each is taken in a step of d days with chance 1 - exp(-mu(x) d), so that a herd loses a binomial number.

    The rates are those of merian.twin.hazards.people: fewer with distance from settlements and roads and in protected zones, most of the size that snares fit.
    What is taken goes out of the budget. Where one sex is sought, males die at 2 s mu and females at 2 (1 - s) mu, s being the share of `males` among those
    taken of a herd of as many of both; herds then know their share of males (`male_bias`, beyond one half), in species whose females are counted at births.
    Where several take, their rates add up, those of each sex by themselves.
    """

    name = "poaching"
    reads: tuple[str, ...] = ("who", "species", "cell", "mass")
    writes: tuple[str, ...] = ("number",)
    sexed: Bools | None = None

    def __init__(self, rates: Doubles, when: When | Where = always) -> None:
        """rates: day-1 [s, y, x]. `when` is a share of them."""
        self.sources: Sequence[tuple[Doubles, When | Where, float]] = ((_rates(rates), when, 0.5),)

    def also(self, rates: Doubles, when: When | Where = always, males: float = 0.5) -> Self:
        """The same where others take beside them, so large a share of males."""
        other = copy(self)
        other.sources = (*self.sources, (_rates(rates), when, males))
        return other

    def by_sex(self, males: float, sexed: Bools) -> Self:
        """The same where so large a share of those that the last source takes are males, of the species whose sexes are told apart [s]."""
        other = copy(self)
        *others, (rates, when, _) = self.sources
        other.sources = (*others, (rates, when, males))
        other.sexed, other.writes = sexed, ("number", "pregnant", "male_bias")
        return other

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Take."""
        now = [(rates * (when(moment.day) * moment.days), males) for rates, when, males in self.sources]
        herds = values["who"], values["species"], values["cell"], values["number"], values["mass"]
        total = np.asarray(sum(rates for rates, _ in now))
        if self.sexed is None:
            hazard = np.ascontiguousarray(total.reshape(len(total), -1))
            return {"biomass": Flow(went=_take(herds, hazard, moment.chance, moment.step) / 1000.0)}
        by_sex = [sum(2.0 * share * rates for rates, share in each) for each in (now, [(r, 1.0 - m) for r, m in now])]
        hazards = np.ascontiguousarray(np.stack([total, *by_sex]).reshape(3, len(total), -1))
        females = 0.5 - values["male_bias"]
        went = _take_by_sex(herds, (values["male_bias"], self.sexed), hazards, moment.chance, moment.step)
        # who is pregnant is female: among fewer males they are a larger share
        left = np.divide(0.5 - values["male_bias"], females, out=np.zeros_like(females), where=females > 0)
        values["pregnant"] = np.minimum(values["pregnant"] * left[:, None], 1.0)
        return {"biomass": Flow(went=went / 1000.0)}


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


@compiled
def _take_by_sex(
    herds: tuple[Integers, Integers, Integers, Integers, Doubles],
    sexes: tuple[Doubles, Bools],
    hazards: Doubles,
    chance: draws.Key,
    step: int,
) -> float:
    """Take males and females of each herd with hazards of their own, in place: what went, g. sexes: share of males beyond one half [a], and of which species
    they are told apart [s]. hazards: over the step, of all animals, of males and of females [3, s, cells]."""
    who, species, cell, number, mass = herds
    bias, sexed = sexes
    went = 0.0
    for herd in range(len(who)):
        own, heads = species[herd], number[herd]
        rate = hazards[0, own, cell[herd]]
        if rate <= 0.0 or heads <= 0:
            continue
        first, second = draws.uniforms(chance, who[herd], step, 0)
        if not sexed[own]:
            gone = binomial(first, heads, -np.expm1(-rate))
            number[herd] -= gone
            went += gone * mass[herd]
            continue
        third, _ = draws.uniforms(chance, who[herd], step, 1)
        # males are whole animals: a share that is none is rounded by chance
        males = min(int(heads * (0.5 + bias[herd]) + third), heads)
        shot = binomial(first, males, -np.expm1(-hazards[1, own, cell[herd]]))
        lost = binomial(second, heads - males, -np.expm1(-hazards[2, own, cell[herd]]))
        number[herd] = heads - shot - lost
        went += (shot + lost) * mass[herd]
        if number[herd] > 0:
            bias[herd] = (males - shot) / number[herd] - 0.5
    return went


def poaching(
    engine: Engine, rates: Doubles, when: When | Where = always, settings: PoachingSettings = PoachingSettings()
) -> Engine:
    """The Engine of tier C or tier I with people who take animals at `rates`, day-1 [s, y, x] (`taken`), beside those who do so already.

    Among herds that breed by season they may seek one sex (`males` of the settings); elsewhere both are taken alike. Raises Mismatch for rates of another
    shape, BadSetting as `one_harem` does.
    """
    values = engine.world.values
    if rates.shape != values["biomass"].shape:
        raise Mismatch("rates of poaching and the biomass of the twin", rates.shape, values["biomass"].shape)
    there = named(engine, "poaching")
    if "number" not in values:
        if isinstance(there, Poaching):
            return put(engine, there.also(rates, when))
        return joined(engine, Part((Poaching(rates, cell_m2(engine), when),), before="quality"))
    births = next((process for process in engine.processes if isinstance(process, Births)), None)
    alike = births is None or settings.males == 0.5
    if isinstance(there, Snares):
        snares = there.also(rates, when, 0.5 if alike else settings.males)
        found = put(engine, snares)
    else:
        snares = Snares(rates, when)
        found = joined(engine, Part((snares,), before="living"))
    if births is None or alike:
        return found
    if births.harem and births.harem != settings.harem:
        one_harem([settings, replace(settings, harem=births.harem)])
    if "male_bias" not in values:
        told = Variable("male_bias", "1", ("animal",), "Share of males in the herd beyond one half", -0.5, 0.5)
        found = joined(found, Part((), (told,), {"male_bias": np.zeros(len(values["number"]))}))
        births = next(process for process in found.processes if isinstance(process, Births))
        found = put(found, births.by_sex(settings.harem))
    return put(found, snares.by_sex(settings.males, births.breeding.seasonal))


def one_harem(asked: Sequence[PoachingSettings]) -> None:
    """Raise BadSetting where those who seek one sex know different harems: how many females a male serves is a trait of the animals."""
    known = {how.harem for how in asked if how.males != 0.5}
    if len(known) > 1:
        raise BadSetting(
            "harem",
            sorted(known),
            "is one in a scenario: how many females a male serves does not change with who shoots",
        )
