"""The Serengeti's wildebeest under rinderpest and after it, driven by the disease itself: SEIR in cattle and in wild hosts, joined to the food web.

Cattle keep the disease (R0 above 1), wild hosts catch it from them and do not pass it on: serology found none in wildebeest after cattle were vaccinated. How
fast wildebeest catch it is measured: 67 % of the Serengeti's yearlings had antibodies in 1961 (Plowright & McCulloch 1967, J. Hyg. 65:343, abstract read), so
that the force of infection is -ln(1 - 0.67) = 1.1 a year. Of how many there are nothing is fitted: that is what is asked.

Each month the food web runs by tier P: what it adds is born susceptible, and the rest of all births takes the place of who died otherwise. Then the disease
runs by merian.twin.hazards.disease; who dies of it is lost to the web.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from merian.twin.balance import Balance
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.fields.asked import Asked, Course, Picture, picture
from merian.twin.fields.serengeti import MDUMA, PLATEAU, STEWART, WILDEBEEST, WILDEBEEST_1961, ZEBRA
from merian.twin.foodweb import Doubles
from merian.twin.hazards.disease import Pathogen, course
from merian.twin.pools import YEAR_DAYS
from merian.twin.solver import Limits, run
from merian.twin.theory import Row
from merian.twin.worked import shipped

__all__ = ["Followed", "Rinderpest", "critical_share", "endemic_cattle", "followed", "rinderpest"]

TAYLOR = "Taylor & Watson 1967, J. Hyg. 65:537"
HOSTS = (WILDEBEEST, "Syncerus caffer", "Taurotragus oryx")
"""Wild hosts; cattle come last."""
MONTH = YEAR_DAYS / 12
EXACT = Limits(1e-6, 1e-14)
LEAST = 1e-12
"""g m-2: of less there is no logarithm."""
SPIN, AFTER = 80, 40
"""Years with rinderpest, and after vaccination has begun."""


@dataclass(frozen=True, slots=True)
class Rinderpest:
    """What is known of the disease.

    cattle_r0: lineage 2, 1.2 to 1.9 (Mariner et al. 2005, Prev. Vet. Med. 69:245; from memory, not re-read). incubation_days: 1 to 2 weeks of the mild form
    (OIE card of rinderpest, read). infectious_days: from memory, a choice. caught_year: the force of infection, above. fatal: yearlings survive half as often
    with it as without (25 and 50 %: Sinclair 1979, from memory), and 67 % catch it: 0.5 / 0.67. births_year: 400,000 calves of 1.3 million wildebeest (Estes
    2014, The Gnu's World, read). Cattle: births and deaths assumed.
    """

    cattle_r0: float = 1.6
    incubation_days: float = 10.0
    infectious_days: float = 8.0
    caught_year: float = field(default=-math.log(1 - 0.67))
    fatal: float = 0.5 / 0.67
    births_year: float = 0.4 / 1.3
    cattle_fatal: float = 0.1
    cattle_births_year: float = 0.25

    def pathogen(self, force: float = 0.0) -> Pathogen:
        """The Pathogen among HOSTS and cattle; `force`: contacts of wild hosts with the infectious share of cattle, day-1."""
        hosts = len(HOSTS) + 1
        births = np.append(np.full(len(HOSTS), self.births_year), self.cattle_births_year) / YEAR_DAYS
        wait = 1 + births[-1] * self.incubation_days
        contact = np.zeros((hosts, hosts))
        contact[-1, -1] = self.cattle_r0 * wait * (1 / self.infectious_days + births[-1])
        contact[:-1, -1] = force
        return Pathogen(
            contact,
            np.full(hosts, self.incubation_days),
            np.full(hosts, self.infectious_days),
            np.append(np.full(len(HOSTS), self.fatal), self.cattle_fatal),
            np.full(hosts, np.inf),
            births,
        )


def endemic_cattle(how: Rinderpest, vaccinated: float = 0.0, years: int = 150) -> Doubles:
    """Susceptible, exposed, infectious and immune among cattle [4], after so many years with at least the share `vaccinated` immune by vaccine; herders keep
    their number."""
    only = how.pathogen().among(np.array([len(HOSTS)]))
    state = np.array([0.7, 0.0, 0.01, 0.29])
    for _ in range(12 * years):
        state = course(only, _vaccinated(state, vaccinated)[:, None], np.array([0.0, MONTH]))[1, :, 0]
        state = state / state.sum()
    return state


def _vaccinated(cattle: Doubles, share: float) -> Doubles:
    """Cattle [4] of whom the susceptible are given vaccine until no more than 1 - share are left."""
    out = cattle.copy()
    given = max(out[0] - (1 - share), 0.0)
    out[0], out[3] = out[0] - given, out[3] + given
    return out


def critical_share(how: Rinderpest, years: int = 60) -> float:
    """The least share of immune cattle with which the disease goes: by halving, gone where ten years make the infected fewer."""
    low, high = 0.0, 1.0
    for _ in range(9):
        middle = 0.5 * (low + high)
        first, last = (endemic_cattle(how, middle, span)[1:3].sum() for span in (years - 10, years))
        # a disease that is at rest does not fall; one that goes falls by a share that does not end
        low, high = (low, middle) if last < 0.99 * first else (middle, high)
    return 0.5 * (low + high)


@dataclass(frozen=True, eq=False)
class Followed:
    """`years` since vaccination began [t] (before it: below 0), `heads` of all animals [t, s], and the `infected` among wildebeest [t], exposed ones too."""

    years: Doubles
    heads: Doubles
    infected: Doubles


def followed(
    ecosystem: Ecosystem,
    balance: Balance,
    how: Rinderpest,
    vaccinated: float = 0.95,
    spans: tuple[int, int] = (SPIN, AFTER),
) -> Followed:
    """The ecosystem with rinderpest and then with so large a share of cattle vaccinated, for so many years each (`spans`)."""
    names = list(balance.web.names)
    own = np.array([names.index(name) for name in HOSTS])
    today = ecosystem.species["density_km2"] * ecosystem.area_km2
    animals, start = len(today), balance.start
    cattle = endemic_cattle(how)
    disease = how.pathogen(how.caught_year / YEAR_DAYS / cattle[2])
    biomass = start.copy()
    # as shares of today's heads; a tenth is susceptible at first
    sick = np.concatenate([np.outer([0.1, 0.0, 0.0, 0.9], np.ones(len(HOSTS))), cattle[:, None]], 1)
    times, heads, infected = [], [], []
    for step in range(-12 * spans[0], 12 * spans[1] + 1):
        if step % 3 == 0:
            times.append(step / 12)
            heads.append(biomass[:animals] / start[:animals] * today)
            infected.append(sick[1:3, 0].sum() * today[own[0]])
        grown = np.maximum(run(balance.web, biomass, [0.0, MONTH], EXACT).biomass[-1], 0.0)
        more = np.maximum(grown[own], LEAST) / np.maximum(biomass[own], LEAST)
        sick[:, :-1] *= np.minimum(more, 1.0)
        sick[0, :-1] += np.maximum(more - 1, 0.0) * sick[:, :-1].sum(0)
        sick[:, -1] = _vaccinated(sick[:, -1] / sick[:, -1].sum(), vaccinated if step >= 0 else 0.0)
        # of all births those that the web counts as growth are in it; the others make up for deaths by other causes
        renewed = np.append(np.maximum(how.births_year / YEAR_DAYS - np.log(more) / MONTH, 0.0), disease.renewal[-1])
        sick[:, sick.sum(0) < LEAST] = 0.0
        before = sick.sum(0)
        sick = course(replace(disease, renewal=renewed), sick, np.array([0.0, MONTH]))[1]
        grown[own] *= np.divide(sick.sum(0), before, out=np.ones(len(before)), where=before > 0)[:-1]
        biomass = grown
    return Followed(np.array(times), np.array(heads), np.array(infected))


ROWS = (
    Asked(
        "wildebeest under rinderpest",
        "millions, by the disease alone: the census of 1961 within a quarter",
        STEWART,
        WILDEBEEST_1961 / 1e6,
        0.25 * WILDEBEEST_1961 / 1e6,
    ),
    Asked("cattle vaccinated, wildebeest free of it", "years until none is infected: 3 or less", TAYLOR, 1.5, 1.5),
    Asked(
        "share of cattle to vaccinate",
        "least share with which it goes: 1 - 1 / R0",
        "Anderson & May 1991",
        math.nan,
        0.01,
    ),
    Asked("wildebeest after vaccination", "years until nine tenths of the plateau: 16", MDUMA, 16.0, 4.0),
    Asked("wildebeest 16 years after vaccination", "millions: 1.3 to 1.4", MDUMA, sum(PLATEAU) / 2e6, 0.05),
    Asked("zebra, no host, do not respond", "16 years after vaccination over before", MDUMA, 1.0, 0.1),
)


def rinderpest() -> list[Row | Picture]:
    """The rows of rinderpest as a disease, and the wildebeest under it and after it."""
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, rows=8))
    balance, how = ecosystem.balance(), Rinderpest()
    found = followed(ecosystem, balance, how)
    other = followed(ecosystem, balance, replace(how, fatal=0.5))
    herd, zebra = (found.heads[:, balance.web.names.index(name)] for name in (WILDEBEEST, ZEBRA))
    begin, then = int(np.searchsorted(found.years, 0.0)), int(np.searchsorted(found.years, 16.0))
    free = found.years[begin:][found.infected[begin:] < 1.0]
    high = found.years[begin:][herd[begin:] >= 0.9 * herd[-1]]
    milder = other.heads[begin, balance.web.names.index(WILDEBEEST)] / 1e6
    said = f"{how.fatal:.2f} of the infected die, 67 % of yearlings catch it; if half of them died {milder:.2f} million"
    aim = 1 - 1 / how.cattle_r0
    told = (
        (herd[begin] / 1e6, said),
        (float(free[0]) if len(free) else math.inf, "95 % of cattle vaccinated"),
        (critical_share(how), f"R0 = {how.cattle_r0:g} in cattle"),
        (float(high[0]), ""),
        (herd[then] / 1e6, "the plateau itself is put in"),
        (zebra[then] / zebra[begin], ""),
    )
    rows: list[Row | Picture] = [
        replace(asked.row(value, words), target=aim if math.isnan(asked.target) else asked.target)
        for asked, (value, words) in zip(ROWS, told, strict=True)
    ]
    shown = found.years >= -10
    counted = np.array([WILDEBEEST_1961, *(2 * [sum(PLATEAU) / 2])]) / 1e6
    lines = [
        Course("wildebeest", 1961 + found.years[shown], herd[shown] / 1e6),
        Course("wildebeest", np.array([1961.0, 1977.0, 1993.0]), counted, field=True),
    ]
    words = "Points: counted. Line: the twin with rinderpest in cattle, that are vaccinated from 1961 on. Nothing is fitted to the counts."
    return [*rows, picture("Wildebeest with rinderpest in cattle", words, lines, "millions")]
