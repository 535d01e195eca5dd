"""Rows of Portal's rodents: what the experiment shows, and what the twin says of it before: a food web of the seed-eaters, from which kangaroo rats are taken.

The web has the species of the control plots at their counts there, masses as weighed, and one pool of seeds, of which rodents eat SEEDS_EATEN of what grows.
All else is of the laws by which any ecosystem of the twin is made; nothing is fitted to the plots where kangaroo rats were shut out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from merian.twin.balance import Balance
from merian.twin.ecosystem import Facts, made
from merian.twin.feeding import observed
from merian.twin.fields.asked import Asked, absent
from merian.twin.fields.portal import KANGAROO, POWER, SMALL, Caught, PortalTables, caught, changed, effect, made_up_for
from merian.twin.landscape import generated
from merian.twin.pools import YEAR_DAYS, Climate, Pool
from merian.twin.regulation import regulated
from merian.twin.solver import Limits, run
from merian.twin.theory import Row
from merian.twin.traits import cells_of

__all__ = ["Removed", "portal", "removal", "seed_web"]

ERNEST = "Portal Project (CC0): Ernest et al. 2020, doi:10.1101/332783"
DELAYED = "Ernest & Brown 2001, doi:10.1126/science.292.5514.101"
BEFORE, AFTER, LATER = (1978, 1987), (1989, 1995), (1997, 2002)
"""Years: of the first plots (shut in 1977), of those with more (shut in 1988), and after a pocket mouse had come (Chaetodipus baileyi, 1995)."""
ASKED = (
    Asked("kangaroo rats are shut out", "caught where they are, over control plots: 0.2 or less", ERNEST, 0.0, 0.2),
    Asked("small seed-eaters gain", "1978-1987, 95 % interval of plots above 1: 1 when so", ERNEST, 1.0, 0.0),
    Asked("small seed-eaters gain again", "plots shut in 1988, before and after: 1 when so", ERNEST, 1.0, 0.0),
    Asked("they do not make up for it", "share of kangaroo rats' energy, 1989-1995: below a half", DELAYED, 0.25, 0.25),
    Asked("until another comes", "the same, 1997-2002: a half or more", DELAYED, 0.75, 0.25),
)
TWIN = (
    Asked(
        "the twin's small seed-eaters gain",
        "log10 of how many times more, within the field's interval",
        ERNEST,
        math.nan,
        math.nan,
    ),
    Asked(
        "the twin's do not make up for it",
        "share of kangaroo rats' energy, within the field's interval",
        ERNEST,
        math.nan,
        math.nan,
    ),
)
SEEDS_EATEN = 0.86
"""Share of the seeds that grow which rodents eat, the highest of North American deserts (Kerley & Whitford 1994, doi:10.1071/ZO9940543; abstract read)."""
PLOT_KM2, TRAPS = 0.0025, 49.0
RAIN_MM, CELSIUS, YEARS = 277.0, 17.0, 60
"""Nothing follows from the climate, for the crop of seeds is not of rain."""
LEAST = 5
"""Animals caught on control plots from which on a species is in the web."""


@dataclass(frozen=True, slots=True)
class Removed:
    """How many times more are left when some are gone, and which share of what those burned they burn more (NaN where nobody is gone)."""

    gain: float
    made_up: float


def seed_web(found: Caught, years: tuple[int, int]) -> tuple[Balance, np.ndarray, np.ndarray]:
    """The balanced web of the seed-eaters of control plots (caught in a night, over the area of a plot), their masses in g [s], and which are kangaroo rats."""
    open_plots = found.rates(list(SMALL), years).filter(pl.col("treatment") == "control")["plot"].to_list()
    nights = found.nights.filter(pl.col("plot").is_in(open_plots), pl.col("year").is_between(*years))
    traps = float(nights["traps"].sum())
    codes = {code: name for code, name in {**KANGAROO, **SMALL}.items() if not name.endswith("sp.")}
    heap = (
        found.animals.filter(pl.col("species").is_in(list(codes)))
        .join(nights, on=["year", "month", "plot"], how="semi")
        .group_by("species")
        .agg(pl.len().alias("caught"), pl.col("grams").mean())
        .filter(pl.col("caught") >= LEAST, pl.col("grams").is_not_null())
        .sort("species")
    )
    rows = []
    for code, number, grams in heap.iter_rows():
        km2 = number / (traps / TRAPS) / PLOT_KM2
        for trait, value in (("mass_g", grams), ("density_km2", km2), ("diet_seeds", 1.0)):
            rows.append((codes[code], trait, float(value), None, "observed", ERNEST))
    names = [codes[code] for code in heap["species"]]
    wanted = pl.DataFrame({"species": names, "class": ["Mammalia"] * len(names), "common": [""] * len(names)})
    none = {"eater": pl.String, "eaten": pl.String, "eats": pl.Float64, "share": pl.Float64, "source": pl.String}
    links = observed(pl.DataFrame(schema=none), "seed-eaters")
    climate, land = Climate(RAIN_MM, CELSIUS), generated("plain", 0, 8, 500.0, (RAIN_MM / 12,) * 12)

    def balanced(crop: float) -> Balance:
        pool = Pool("seeds", "seeds", crop_g_m2=crop, turnover=1.0, source=ERNEST)
        return made(Facts("seed-eaters", wanted, (cells_of(rows),), links, (pool,), climate, 20.0), land).balance()

    # what is eaten does not depend on the crop: first find it, then the crop of which it is that share
    first = balanced(1e3)
    eaten = float(first.rates["eaten_year"][-1]) * float(first.start[-1])
    return (
        balanced(eaten / SEEDS_EATEN),
        heap["grams"].to_numpy(),
        np.array([name in KANGAROO.values() for name in names]),
    )


def removal(balance: Balance, grams: np.ndarray, gone: np.ndarray) -> Removed:
    """What comes of a balanced web whose animals `gone` [s] are taken out, after YEARS."""
    count = len(grams)
    start = balance.start.copy()
    start[:count][gone] = 0.0
    end = run(balance.web, start, [0.0, YEARS * YEAR_DAYS], Limits(1e-8, 1e-16)).biomass[-1, :count]
    heads, later = balance.start[:count] / grams, end / grams
    burns = grams**POWER
    gained, lost = float(((later - heads) * burns)[~gone].sum()), float((heads * burns)[gone].sum())
    return Removed(float(later[~gone].sum() / heads[~gone].sum()), gained / lost if lost > 0 else math.nan)


def portal(tables: PortalTables | None) -> Sequence[Row]:
    """The rows of Portal; not run without its tables."""
    if tables is None:
        return absent((*ASKED, *TWIN), "Portal_rodent, with Portal_rodent_trapping and Portal_plots")
    found = caught(tables)
    small = list(SMALL)
    shut, gain = effect(found, list(KANGAROO), BEFORE), effect(found, small, BEFORE)
    again, share, late = changed(found, small, BEFORE, AFTER), made_up_for(found, AFTER), made_up_for(found, LATER)
    first = made_up_for(found, BEFORE)
    told = (
        (shut.value, shut.said),
        (float(gain.low > 1), f"{gain.said}; Munger & Brown 1981, Science 211:510, from memory: 3.5"),
        (float(again.low > 1), again.said),
        (share.value, share.said),
        (late.value, late.said),
    )
    rows = [asked.row(value, said) for asked, (value, said) in zip(ASKED, told, strict=True)]
    balance, grams, gone = seed_web(found, BEFORE)
    twin = removal(balance, grams, gone)
    other = removal(regulated(balance, "ratio"), grams, gone)
    low, high = (math.log10(end) for end in (gain.low, gain.high))
    words = f"{len(grams)} species; if all were regulated by ratio {other.gain:.2f} times and {other.made_up:.2f}"
    asked = TWIN[0], TWIN[1]
    ends = ((low, high), (first.low, first.high))
    values = (math.log10(twin.gain), twin.made_up)
    saids = (f"{twin.gain:.2f} times here, {gain.said} there; {words}", f"{first.said} there")
    for one, (under, over), value, said in zip(asked, ends, values, saids, strict=True):
        middle, half = 0.5 * (under + over), 0.5 * (over - under)
        rows.append(Row(one.name, f"{one.statement}; {said}", one.source, middle, value, half))
    return rows
