"""Births by season: females conceive when they are fit, in the season that lets them give birth when it is best, and carry for as long as their kind does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.grid.weather import MONTH_DAYS, YEAR_DAYS
from merian.twin.herds.maturing import Growth
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["BREEDING", "Births", "Breeding", "begun", "breeding_of", "greenest_day"]

Integers = npt.NDArray[np.int64]
TERMS = 2
"""Pregnancies of a herd that may run side by side (those of one season, and of the next where they take more than a year)."""
FEMALES = 0.5
BREEDING = (
    Variable("pregnant", "1", ("animal", "term"), "Share of the herd that is pregnant", 0.0, 1.0),
    Variable("due", "days", ("animal", "term"), "Day on which these give birth", 0.0),
)
"""The variables of breeding by season."""


@dataclass(frozen=True, eq=False)
class Breeding:
    """How species breed, each [s]: young of a `litter`, `litters_year`, `gestation_days`, the day of the year at which births are most (`peak_day`, 0: 1
    January) and the standard deviation about it (`spread_days`; infinite: at any time). `growth`: how the young grow up; None: they are born grown up.

    A litter of 0: the species does not breed by season. Raises Mismatch when lengths differ, BadData for what cannot be.
    """

    litter: Doubles
    litters_year: Doubles
    gestation_days: Doubles
    peak_day: Doubles
    spread_days: Doubles
    growth: Growth | None = None

    def __post_init__(self) -> None:
        columns = self.litter, self.litters_year, self.gestation_days, self.peak_day
        grows = () if self.growth is None else (self.growth.birth_g,)
        for column in (*columns, self.spread_days, *grows):
            if column.shape != self.litter.shape:
                raise Mismatch("columns of breeding", column.shape, self.litter.shape)
        breeds = self.seasonal
        for column in columns:
            if not (np.isfinite(column[breeds]) & (column[breeds] >= 0)).all():
                raise BadData("breeding", "is told in numbers from 0 on")
        if not (self.spread_days[breeds] >= 0).all():
            raise BadData("breeding", "the season is 0 days wide or wider")
        if not (self.gestation_days[breeds] <= TERMS * YEAR_DAYS).all():
            raise BadData("breeding", "gestation takes two years at most")

    @property
    def seasonal(self) -> npt.NDArray[np.bool_]:
        """Which species breed by it: bool [s]."""
        return self.litter > 0

    @property
    def seasons(self) -> Doubles:
        """Seasons of birth in a year [s]: as many as the litters, to the nearest, but no more than pregnancies fit in, and one at least."""
        fit = np.floor(YEAR_DAYS / np.maximum(self.gestation_days, 1.0))
        return np.asarray(np.maximum(np.minimum(np.round(self.litters_year), fit), 1.0))

    @property
    def slack_days(self) -> Doubles:
        """A female that will give birth within so many days conceives with the others [s]: four spreads, a sixth of the time between seasons at most."""
        return np.asarray(np.minimum(4 * self.spread_days, YEAR_DAYS / self.seasons / 6))

    @property
    def chance(self) -> Doubles:
        """The share of free females that conceives in a season when fit [s]: such that all females, those with young in them too, have litters_year."""
        each = self.litters_year / self.seasons
        missed = np.floor(np.maximum(self.gestation_days - self.slack_days, 0.0) * self.seasons / YEAR_DAYS)
        return np.asarray(np.minimum(each / np.maximum(1 - each * missed, 1e-9), 1.0))


def greenest_day(months_mm: npt.ArrayLike) -> float:
    """The day of the year at the middle of the rains: the direction in which twelve months of rain point on the circle of the year; 0 for even rain."""
    rain = np.asarray(months_mm, float)
    angle = 2 * np.pi * (np.arange(12) + 0.5) / 12
    east, north = float((rain * np.cos(angle)).sum()), float((rain * np.sin(angle)).sum())
    if math.hypot(east, north) <= 1e-9 * max(float(rain.sum()), 1e-300):
        return 0.0
    return (math.atan2(north, east) / (2 * math.pi) % 1.0) * 12 * MONTH_DAYS


def breeding_of(traits: Mapping[str, Doubles], peak_day: float, spread_days: float = 20.0) -> Breeding:
    """The Breeding of animals by their traits litter_size, litters_year, gestation_days [s] (NaN, or more than two years: does not breed by season).

    All give birth about `peak_day`.
    """
    names = ("litter_size", "litters_year", "gestation_days")
    known = np.all([np.isfinite(traits[name]) & (traits[name] > 0) for name in names], axis=0)
    known &= np.nan_to_num(traits["gestation_days"]) <= TERMS * YEAR_DAYS
    litter, often, carried = (np.where(known, traits[name], 0.0) for name in names)
    return Breeding(litter, often, carried, np.full(len(litter), peak_day), np.full(len(litter), spread_days))


def begun(herds: int) -> dict[str, Array]:
    """The variables of breeding of so many herds, none of which is pregnant."""
    return {"pregnant": np.zeros((herds, TERMS)), "due": np.zeros((herds, TERMS))}


class Births:
    """Females conceive in the season that lets them give birth about the peak of births, when they are fit, and bear their litter after gestation.

    A herd's date of conception in a season is peak - gestation + spread * N(0, 1), its own by chance (where there is no season: the same in each year). Of
    its free grown-up females (half of those who are not young) such a share then conceives that each has litters_year when fit, less as they are thin: (M / F
    - thin) / (fit - thin), from 0 to 1, F being what well-fed animals of the herd's ages weigh (merian.twin.herds.maturing; the mass of an adult, A, where
    the young are born grown up). They bear `litter` young each, but no more than the herd has laid on to raise until they are weaned: n (M - F) over the
    mass at weaning. What the young weigh at birth their mothers lose. Until then fat is kept, up to that of a litter, or to `fattest` times F where that is
    more; beyond it nothing is laid on. The mass pool as a gate of condition: Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841; the gate's ends are a
    choice. Where sexes are told apart (`male_bias`), the females of a herd are those that it has, and where there are fewer males of the species than one for
    `harem` females, so many of them stay barren; of the young half are males.
    """

    name = "births"
    reads = ("who", "species")
    harem = 0.0

    @property
    def writes(self) -> tuple[str, ...]:
        """The animals of a herd and their pregnancies, how grown up they are, and of which sex."""
        ages = () if self.breeding.growth is None else ("young", "ungrown")
        return ("number", "mass", "pregnant", "due", *ages, *(("male_bias",) if self.harem else ()))

    def __init__(
        self, breeding: Breeding, adult_g: Doubles, thin: float = 0.9, fit: float = 1.0, fattest: float = 1.3
    ) -> None:
        """adult_g: [s]. Raises BadData for adults without mass, or a gate that is none."""
        if not (adult_g[breeding.seasonal] > 0).all():
            raise BadData("adult mass", "is above 0 g for each animal that breeds")
        if not 0.6 < thin < fit <= fattest:
            rule = "bounds rise from 0.6, where they starve: thin, fit, fattest"
            raise BadData("condition of females", rule, [str((thin, fit, fattest))])
        self.breeding, self.adult_g = breeding, adult_g
        self._dates = _Dates.of(0)
        self.thin, self.fit, self.fattest = thin, fit, fattest
        birth, weaned = (adult_g, adult_g) if breeding.growth is None else breeding.growth.masses(adult_g)
        with np.errstate(divide="ignore", invalid="ignore"):
            laid_on = np.nan_to_num(FEMALES * breeding.litter * weaned / adult_g)
        self._rates = np.stack(
            [
                breeding.litter,
                breeding.chance,
                breeding.gestation_days,
                breeding.peak_day,
                np.minimum(breeding.spread_days, YEAR_DAYS),
                YEAR_DAYS / breeding.seasons,
                breeding.slack_days,
                adult_g,
                np.maximum(fattest, 1 + laid_on),
                birth,
                weaned,
            ]
        )

    def by_sex(self, harem: float) -> Births:
        """The same where herds know their share of males (`male_bias`, beyond one half), and a male serves so many females."""
        other = copy(self)
        other.harem = harem
        return other

    def _mothers(self, values: dict[str, Array]) -> Doubles:
        """The share of each herd that is female and finds a male: [a]."""
        if not self.harem:
            return np.full(len(values["number"]), FEMALES)
        number, species, bias = values["number"], values["species"], values["male_bias"]
        males, females = (np.bincount(species, number * share, len(self.adult_g)) for share in (0.5 + bias, 0.5 - bias))
        served = np.divide(self.harem * males, females, out=np.ones_like(males), where=females > 0)
        return np.asarray((0.5 - bias) * np.minimum(served, 1.0)[species])

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Bear and conceive; what fat animals do not keep goes out."""
        herds = values["who"], values["species"], values["number"], values["mass"]
        none = np.zeros(0 if self.breeding.growth is not None else len(herds[0]))
        ages = (values["young"], values["ungrown"]) if self.breeding.growth is not None else (none, none.copy())
        state = values["pregnant"], values["due"], self._mothers(values), *ages
        when = np.array([moment.step, moment.day, moment.days, self.thin, self.fit])
        before = values["number"].copy() if self.harem else none
        self._dates = self._dates.holding(len(herds[0]), moment.chance)
        went = _breed(herds, state, (self._rates, *self._dates.columns), when, moment.chance)
        if self.harem:
            # half of the young are males
            values["male_bias"] *= np.divide(
                before, values["number"], out=np.ones(len(before)), where=values["number"] > 0
            )
        return {"biomass": Flow(went=went / 1000.0)}


@dataclass(frozen=True, eq=False)
class _Dates:
    """The days on which herds conceive, as they were last drawn, by where the herds stand [a or more]: who, which season of which species, the day. They are
    what chance says of these alone, so nothing depends on what is remembered; `key` is that chance."""

    columns: tuple[Integers, Integers, Doubles]
    key: bytes = b""

    @classmethod
    def of(cls, herds: int, key: bytes = b"") -> _Dates:
        """Of so many herds of which nothing is known."""
        return cls((np.full(herds, -1), np.zeros(herds, np.int64), np.zeros(herds)), key)

    def holding(self, herds: int, chance: draws.Key) -> _Dates:
        """These, if they have room for so many herds and are of this chance; else others."""
        key = chance.tobytes()
        return self if len(self.columns[0]) >= herds and self.key == key else _Dates.of(herds + herds // 4, key)


@compiled
def _breed(
    herds: tuple[Integers, Integers, Integers, Doubles],
    state: tuple[Doubles, Doubles, Doubles, Doubles, Doubles],
    known: tuple[Doubles, Integers, Integers, Doubles],
    when: Doubles,
    chance: draws.Key,
) -> float:
    """One step of every herd that breeds by season, in place: what went, g. known: rates as Births stacks them [11, s], and the columns of _Dates; state:
    pregnant, due, the share of females that find a male, young, ungrown.
    """
    rates, drawn, seasons_of, dates = known
    who, species, number, mass = herds
    pregnant, due, mothers, young, ungrown = state
    step, day, days, thin, fit = int(when[0]), when[1], when[2], when[3], when[4]
    went, terms, seasons = 0.0, pregnant.shape[1], _seasons(rates, day, days)
    for herd in range(len(who)):
        own = species[herd]
        litter, adult = rates[0, own], rates[7, own]
        if litter <= 0.0 or number[herd] <= 0:
            continue
        for term in range(terms):
            if pregnant[herd, term] > 0.0 and due[herd, term] < day + days:
                heads, fat = number[herd], mass[herd] - (adult - ungrown[herd])
                wanted = heads * pregnant[herd, term] * litter + draws.uniform(chance, who[herd], step, 1 + term)
                born = int(max(min(wanted, heads * fat / rates[10, own]), 0.0))
                pregnant[herd, term] = 0.0
                if born > 0:
                    share = heads / (heads + born)
                    mass[herd] *= share
                    number[herd] += born
                    young[herd] = min(young[herd] * share + (1.0 - share), 1.0)
                    ungrown[herd] = ungrown[herd] * share + (adult - rates[9, own]) * (1.0 - share)
                    for other in range(terms):
                        pregnant[herd, other] *= share
        conceived = -1.0
        for season in range(seasons[0, own], seasons[1, own]):
            which = season * rates.shape[1] + own
            if drawn[herd] != who[herd] or seasons_of[herd] != which:
                drawn[herd], seasons_of[herd] = who[herd], which
                dates[herd] = _date(rates[:6, own], season, who[herd], chance)
            at = dates[herd]
            if day <= at < day + days:
                conceived = max(at, 0.0)
                break
        if conceived >= 0.0:
            fitness = min(max((mass[herd] / (adult - ungrown[herd]) - thin) / (fit - thin), 0.0), 1.0)
            free = mothers[herd] * (1.0 - young[herd])
            for term in range(terms):
                if due[herd, term] > conceived + rates[6, own]:
                    free -= pregnant[herd, term]
            for term in range(terms):
                if pregnant[herd, term] == 0.0:
                    pregnant[herd, term] = max(free, 0.0) * rates[1, own] * fitness
                    due[herd, term] = conceived + rates[2, own]
                    break
        over = mass[herd] - (adult - ungrown[herd]) * rates[8, own]
        if over > 0.0:
            mass[herd] -= over
            went += number[herd] * over
    return went


@compiled
def _seasons(rates: Doubles, day: float, days: float) -> Integers:
    """The seasons of each species in which a herd may conceive in this step: from the first to before the last [2, s]."""
    found = np.zeros((2, rates.shape[1]), np.int64)
    for own in range(rates.shape[1]):
        if rates[0, own] <= 0.0:
            continue
        middle, spread, gap = rates[3, own] - rates[2, own], rates[4, own], rates[5, own]
        low, high = math.floor((day - middle) / gap + 0.5), math.floor((day + days - middle) / gap + 0.5)
        while spread < gap / 8.0 and low <= high and abs(day - middle - low * gap) > 4.0 * spread + days:
            low += 1
        while spread < gap / 8.0 and low <= high and abs(day - middle - high * gap) > 4.0 * spread + days:
            high -= 1
        found[0, own], found[1, own] = low, high + 1
    return found


@compiled
def _date(rates: Doubles, season: int, who: int, chance: draws.Key) -> float:
    """The day on which a herd conceives in a season. rates: of its species."""
    middle, spread, gap = rates[3] - rates[2], rates[4], rates[5]
    if spread < gap / 8.0:
        # seasons before the first of the run have numbers below 0; a counter has none
        off = min(max(draws.normal(chance, who, season + 100_000, 100), -4.0), 4.0) * spread
    else:
        # no season: each herd has a calendar of its own
        off = (draws.uniform(chance, who, 0, 100) - 0.5) * gap
    return float(middle + season * gap + off)
