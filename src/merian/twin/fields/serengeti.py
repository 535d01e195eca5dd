"""The Serengeti after rinderpest, and elk of Yellowstone with wolves: what was counted, and what the twin's food webs give when the same is done to them.

Rinderpest killed wildebeest until about 1961. In the twin it is a loss of wildebeest of as much a year as keeps them at the count of 1961; then it ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merian.twin.balance import Balance
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.fields.asked import Asked, Course, Picture, picture
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.pools import ENERGY, YEAR_DAYS
from merian.twin.rates import GRAM_PER_KJ, endotherm_g_day
from merian.twin.solver import Limits, run
from merian.twin.theory import Row
from merian.twin.worked import shipped

__all__ = ["Recovery", "recovered", "serengeti", "yellowstone"]

STEWART = "Stewart & Talbot 1962, first aerial census, 1961"
MDUMA = "Mduma, Sinclair & Hilborn 1999, J. Anim. Ecol. 68:1101"
NPS = "National Park Service counts; Vucetich et al. 2005, Oikos 111:259"
CENSUS = {
    "Equus quagga": (171_873, 171_873),
    "Syncerus caffer": (21_832, 21_832),
    "Damaliscus lunatus": (19_877, 19_877),
    "Taurotragus oryx": (6_400, 9_600),
    "Loxodonta africana": (1_157, 1_157),
    "Eudorcas thomsonii": (480_000, 800_000),
}
"""Least and most that were counted in 1961."""
WILDEBEEST_1961, PLATEAU = 239_516.0, (1.3e6, 1.4e6)
WILDEBEEST, ZEBRA, LION = "Connochaetes taurinus", "Equus quagga", "Panthera leo"
RULES = (
    Asked(
        "counts of 1961",
        "species of the worked savanna that the census has, and that lie outside it",
        STEWART,
        0.0,
        0.0,
    ),
    Asked("wildebeest after rinderpest", "years until nine tenths of the plateau: 16 (1961 to 1977)", MDUMA, 16.0, 4.0),
    Asked("wildebeest in 1977", "millions: 1.3 to 1.4", MDUMA, 1.35, 0.05),
    Asked("wildebeest stay there", "1993 over 1977: stable", MDUMA, 1.0, 0.1),
    Asked("zebra do not respond", "zebra of 1977 over those of 1961", MDUMA, 1.0, 0.1),
    Asked("lions of 1961", "while rinderpest lasts: 550 to 700", STEWART, 625.0, 75.0),
    Asked("drought of 1993", "wildebeest fall in a year of half the rain: 1 when so", MDUMA, 1.0, 0.0),
)
ELK = (
    Asked("elk of Yellowstone fall", "observed fall a year, 1993-2015 (ln)", NPS, -0.056, 0.002),
    Asked(
        "not by wolves alone",
        "elk of 2015 that what wolves burn would have left, over those counted: above 1",
        NPS,
        2.5,
        1.5,
    ),
)
ELK_COUNTS = {1993: 19_001, 2001: 11_921, 2011: 6_600, 2015: 5_500}
WOLF_COUNTS = {1995: 21, 2003: 174, 2016: 108}
ELK_G, WOLF_G = 240_000.0, 32_183.3
"""EltonTraits; of elk rounded."""
WASTE = 2.5
"""How much more of its prey than it burns a wolf of Isle Royale kills: 8.7 % of the moose in a year for 3.4."""
ELK_GROWTH_YEAR = 1.5 * (ELK_G / 1000) ** -0.36
"""Caughley & Krebs 1983, as in allometry.GROWTH_YEAR."""
EXACT = Limits(1e-7, 1e-14)


@dataclass(frozen=True, eq=False)
class Recovery:
    """`years` since the loss ended [t], heads of the animals [t, s], and the `loss` that was, year-1."""

    years: Doubles
    heads: Doubles
    loss: float


def recovered(ecosystem: Ecosystem, balance: Balance, name: str, count: float, years: int = 40) -> Recovery:
    """The animals after a loss of one species ends that had kept it at `count`: by halving, at rest after 200 years of it."""
    web, at = balance.web, balance.web.names.index(name)
    today = ecosystem.species["density_km2"] * ecosystem.area_km2
    animals, low, high = len(today), 0.0, 2.0
    state = balance.start
    for _ in range(30):
        loss = 0.5 * (low + high)
        harvest = web["harvest"].copy()
        harvest[at] += loss / YEAR_DAYS
        state = run(web.changed(harvest=harvest), balance.start, [0.0, 200 * YEAR_DAYS], EXACT).biomass[-1]
        low, high = (loss, high) if state[at] / balance.start[at] * today[at] > count else (low, loss)
    times = np.arange(0.0, years + 0.05, 0.1)
    course = run(web, state, times * YEAR_DAYS, EXACT).biomass[:, :animals]
    return Recovery(times, course / balance.start[:animals] * today, loss)


def serengeti() -> list[Row | Picture]:
    """The rows of the Serengeti, and the wildebeest since 1961."""
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, rows=8))
    balance = ecosystem.balance()
    names, today = list(ecosystem.species.names), ecosystem.species["density_km2"] * ecosystem.area_km2
    outside = sum(not low - 0.5 <= today[names.index(name)] <= high + 0.5 for name, (low, high) in CENSUS.items())
    found = recovered(ecosystem, balance, WILDEBEEST, WILDEBEEST_1961)
    herd, zebra, lions = (found.heads[:, names.index(name)] for name in (WILDEBEEST, ZEBRA, LION))
    then, later = int(np.searchsorted(found.years, 16.0)), int(np.searchsorted(found.years, 32.0))
    reached = found.years[int(np.argmax(herd >= 0.9 * herd[-1]))]
    said = f"a loss of {found.loss:.2f} a year kept them at {WILDEBEEST_1961:,.0f}"
    numbers = (
        (float(outside), ""),
        (float(reached), said),
        (float(herd[then] / 1e6), "the plateau itself is put in"),
        (float(herd[later] / herd[then]), ""),
        (float(zebra[then] / zebra[0]), ""),
        (float(lions[0]), ""),
        (float(_drought(ecosystem, balance) < 1.0), ""),
    )
    rows: list[Row | Picture] = [asked.row(value, text) for asked, (value, text) in zip(RULES, numbers, strict=True)]
    when = np.array([1961.0, 1977.0, 1993.0])
    counted = np.array([WILDEBEEST_1961, *(2 * [sum(PLATEAU) / 2])]) / 1e6
    pair = [
        Course("wildebeest", 1961 + found.years, herd / 1e6),
        Course("zebra", 1961 + found.years, zebra / 1e6, 2),
        Course("wildebeest", when, counted, field=True),
    ]
    told = "Points: the census of 1961 and the plateau of 1977-93. Lines: the twin after a loss of wildebeest ends; rust: wildebeest, green: zebra."
    return [*rows, picture("Serengeti after rinderpest", told, pair, "millions")]


def _drought(ecosystem: Ecosystem, balance: Balance) -> float:
    """Wildebeest after a year of half the rain, over before."""
    factor = np.where(balance.web.producer, 0.5, 1.0)
    dry = balance.web.changed(growth=balance.web["growth"] * factor, capacity=balance.web["capacity"] * factor)
    at = balance.web.names.index(WILDEBEEST)
    return float(run(dry, balance.start, [0.0, YEAR_DAYS], EXACT).biomass[-1, at] / balance.start[at])


def _elk_left(kills: float) -> float:
    """Elk of the last count if each of the wolves killed so many a year from the first on: logistic elk, their room the first count."""
    first, last = min(ELK_COUNTS), max(ELK_COUNTS)
    elk = float(ELK_COUNTS[first])
    for year in range(first, last):
        wolves = float(np.interp(year + 0.5, list(WOLF_COUNTS), list(WOLF_COUNTS.values()), left=0.0))
        species = {"growth": ELK_GROWTH_YEAR, "capacity": ELK_COUNTS[first], "harvest": wolves * kills / elk}
        elk = float(run(FoodWeb.of(["elk"], [], species), [elk], [0.0, 1.0], EXACT).biomass[-1, 0])
    return elk


def yellowstone() -> list[Row]:
    """Elk and wolves: the observed fall, and whether what wolves must eat makes it."""
    first, last = min(ELK_COUNTS), max(ELK_COUNTS)
    fall = math.log(ELK_COUNTS[last] / ELK_COUNTS[first]) / (last - first)
    kg = float(endotherm_g_day(WOLF_G)) / (ENERGY["vertebrates"] * GRAM_PER_KJ) * YEAR_DAYS / 1000
    kills = kg / (ELK_G / 1000)
    more = _elk_left(WASTE * kills) / ELK_COUNTS[last]
    said = f"a wolf burns {kg:.0f} kg of prey a year, {kills:.1f} elk; {more:.1f} if it killed {WASTE:g} times that, as on Isle Royale"
    return [ELK[0].row(fall), ELK[1].row(_elk_left(kills) / ELK_COUNTS[last], said)]
