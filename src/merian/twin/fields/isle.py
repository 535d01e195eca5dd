"""Isle Royale: how fast wolves kill as moose and wolves become more or fewer, and the twin's wolves and moose beside those that were counted since 1959.

The kill rate K (moose a wolf and month) is fitted with a N P^-m / (1 + a h N P^-m) for N moose and P wolves: m = 0 is Holling's type II, m = 1 ratio-dependent,
m free that of Arditi & Akcakaya 1990 (doi:10.1007/BF00317564).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merian.core.errors import BadData
from merian.twin.balance import Balance
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.ensemble import EnsembleSettings, Setting, ensemble
from merian.twin.fields.asked import Asked, Course, Picture, absent, picture
from merian.twin.fields.series import Series, read_series
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.pools import YEAR_DAYS
from merian.twin.regulation import regulated
from merian.twin.scenario import Scenario
from merian.twin.solver import Limits, run
from merian.twin.theory import Row
from merian.twin.worked import shipped

__all__ = ["MOOSE", "VUCETICH", "WOLF", "KillRate", "isle_royale", "kill_rate", "next_year", "read_isle"]

VUCETICH = "Vucetich & Peterson, isleroyalewolf.org, 1959-2019"
MOOSE, WOLF = "Alces alces", "Canis lupus"
MEMBERS = 48
FIELD = (
    Asked("wolves, mean", "of 61 winters", VUCETICH, 21.1, 0.05),
    Asked("moose, mean", "of 61 winters", VUCETICH, 1020.6, 0.05),
    Asked("wolves and moose, correlation", "of the counts of one winter", VUCETICH, -0.34, 0.005),
    Asked("moose after the winter of 1996", "share of 2,398 that was left in 1997", VUCETICH, 900 / 2398, 1e-3),
    Asked("kill rate, prey alone: R2", "Holling's type II, 42 winters 1971-2012", VUCETICH, 0.366, 2e-3),
    Asked("kill rate, prey over wolves: R2", "ratio-dependent type II, the same winters", VUCETICH, 0.462, 2e-3),
    Asked("kill rate, m free: R2", "Arditi and Akcakaya, the same winters", VUCETICH, 0.482, 2e-3),
    Asked("kill rate, m", "of Arditi and Akcakaya's, the same winters", VUCETICH, 0.58, 0.01),
)
TWIN = (
    Asked(
        "wolves interfere as in the field", "the twin's exponent of interference is the fitted m", VUCETICH, 0.58, 0.49
    ),
    Asked(
        "moose eaten in a year", "share by the twin's wolves, against the mean predation rate", VUCETICH, 0.087, 0.03
    ),
    Asked("a moose a wolf, a month", "that the twin's wolves kill, against the mean kill rate", VUCETICH, 0.748, 0.25),
    Asked("twin's moose from 1959 on", "mean of the run over the mean of the counts", VUCETICH, 1.0, 0.2),
    Asked("twin's wolves from 1959 on", "mean of the run over the mean of the counts", VUCETICH, 1.0, 0.2),
    Asked("twin's moose go with the counts", "correlation of the run and the counts, 0.5 or more", VUCETICH, 1.0, 0.5),
    Asked("twin's wolves go with the counts", "correlation of the run and the counts, 0.5 or more", VUCETICH, 1.0, 0.5),
    Asked(
        "moose within the ensemble",
        "share of winters within nine tenths of the members: 0.8 or more",
        VUCETICH,
        0.9,
        0.1,
    ),
    Asked(
        "wolves within the ensemble",
        "share of winters within nine tenths of the members: 0.8 or more",
        VUCETICH,
        0.9,
        0.1,
    ),
    Asked("the next winter's moose", "error (rms of ln) over that of saying 'as now': 1 or less", VUCETICH, 0.5, 0.5),
    Asked("the next winter's wolves", "error (rms of ln) over that of saying 'as now': 1 or less", VUCETICH, 0.5, 0.5),
)


@dataclass(frozen=True, slots=True)
class KillRate:
    """The fitted attack `a`, handling `h` (months) and exponent `m`, the standard error of m (0 where it was given), and `r2`."""

    a: float
    h: float
    m: float
    m_error: float
    r2: float


def kill_rate(kills: Doubles, prey: Doubles, hunters: Doubles, m: float | None = None) -> KillRate:
    """The least-squares fit of kills per hunter [n] to prey and hunters [n]; `m` given, or free where None."""
    from scipy.optimize import curve_fit

    def model(_: Doubles, a: float, h: float, own: float = m or 0.0) -> Doubles:
        met = a * prey * hunters**-own
        return np.asarray(met / (1 + h * met))

    begin = [kills.mean() / (prey * hunters ** -(m if m is not None else 0.5)).mean(), 0.5 / kills.max()]
    found, spread = curve_fit(model, prey, kills, begin if m is not None else [*begin, 0.5])
    rest = kills - model(prey, *found)
    r2 = 1 - float((rest**2).sum() / ((kills - kills.mean()) ** 2).sum())
    own, error = (m, 0.0) if m is not None else (float(found[2]), float(spread[2, 2] ** 0.5))
    return KillRate(float(found[0]), float(found[1]), own, error, r2)


def read_isle(path: Path) -> Series:
    """The table. Raises BadData where a winter lacks moose or wolves, or one of those whose kill rates are fitted lacks these."""
    counts = read_series(path, "isle_royale")
    fitted = counts.between(1971, 2012)
    if len(fitted.times) < 42 or not all(
        np.isfinite(values).all() for values in (counts["moose"], counts["wolves"], fitted["kills"])
    ):
        raise BadData(path, "has moose and wolves of every winter, and kill rates of each from 1971 to 2012")
    return counts


def isle_royale(path: Path | None) -> list[Row | Picture]:
    """The rows of Isle Royale, and the series over the twin's run."""
    if path is None:
        return [*absent((*FIELD, *TWIN), "isle_royale")]
    counts = read_isle(path)
    fits = _fits(counts.between(1971, 2012))
    worked = shipped("isle-royale")
    ecosystem = made(worked.facts, worked.landscape(0, rows=8))
    return [*_field(counts, fits), *_twin(counts, fits, ecosystem)]


def _fits(counts: Series) -> dict[str, KillRate]:
    """The three forms of the kill rate."""
    data = counts["kills"], counts["moose"], counts["wolves"]
    return {name: kill_rate(*data, m) for name, m in (("prey", 0.0), ("ratio", 1.0), ("free", None))}


def _field(counts: Series, fits: dict[str, KillRate]) -> list[Row]:
    """What the table itself says: that it is read and fitted as published."""
    wolves, moose = counts["wolves"], counts["moose"]
    crash = moose[counts.times == 1997][0] / moose[counts.times == 1996][0]
    free = fits["free"]
    found = (
        (float(wolves.mean()), f"{wolves.min():g} to {wolves.max():g}"),
        (float(moose.mean()), f"{moose.min():g} to {moose.max():g}"),
        (float(np.corrcoef(wolves, moose)[0, 1]), ""),
        (float(crash), ""),
        (fits["prey"].r2, f"a = {fits['prey'].a:.3g}, h = {fits['prey'].h:.3f}"),
        (fits["ratio"].r2, f"a = {fits['ratio'].a:.3g}, h = {fits['ratio'].h:.3f}"),
        (free.r2, ""),
        (free.m, f"standard error {free.m_error:.2f}"),
    )
    return [asked.row(value, said) for asked, (value, said) in zip(FIELD, found, strict=True)]


def _twin(counts: Series, fits: dict[str, KillRate], ecosystem: Ecosystem) -> list[Row | Picture]:
    """The twin's wolves and moose, begun with the counts of 1959, beside those of the field; nothing is fitted."""
    balance = ecosystem.balance()
    moose, wolves = _run(balance, ecosystem, counts)
    web = balance.web
    prey, hunter = (web.names.index(name) for name in (MOOSE, WOLF))
    eaten = float(balance.rates["eaten_year"][prey])
    heads = [ecosystem.area_km2 * ecosystem.species["density_km2"][at] for at in (prey, hunter)]
    kills = eaten * heads[0] / heads[1] / 12
    bands = _bands(ecosystem, counts)
    inside = [
        float(((counts[name] >= low) & (counts[name] <= high)).mean())
        for name, (low, high) in zip(("moose", "wolves"), bands, strict=True)
    ]
    errors = next_year(balance, ecosystem, counts)
    ratio = regulated(balance, "ratio", fits["free"].m)
    other = next_year(ratio, ecosystem, counts)
    found = (
        (float(web["mutual"][hunter]), "within 1.96 standard errors of the fit"),
        (eaten, ""),
        (kills, ""),
        (float(moose.mean() / counts["moose"].mean()), "the mean of the counts is put in"),
        (float(wolves.mean() / counts["wolves"].mean()), "the mean of the counts is put in"),
        (_together(moose, counts["moose"]), ""),
        (_together(wolves, counts["wolves"]), ""),
        (
            inside[0],
            f"{MEMBERS} members: traits drawn from their spreads (of densities that of the winters), rain by chance",
        ),
        (inside[1], ""),
        (errors[0], f"with the fitted m {other[0]:.2f}"),
        (errors[1], f"with the fitted m {other[1]:.2f}"),
    )
    rows: list[Row | Picture] = [asked.row(value, said) for asked, (value, said) in zip(TWIN, found, strict=True)]
    told = (
        "Points: counted. Line: the twin from the counts of 1959 on, nothing fitted, no disease, no inbreeding. "
        f"Band: nine tenths of {MEMBERS} members."
    )
    for name, kind, own, (low, high) in (("moose", 1, moose, bands[0]), ("wolves", 2, wolves, bands[1])):
        shown = [
            Course("members", counts.times, low, kind, upper=high),
            Course(name, counts.times, own, kind),
            Course(name, counts.times, counts[name], kind, field=True),
        ]
        rows.append(picture(f"Isle Royale: {name}", told, shown, name))
    return rows


def _bands(ecosystem: Ecosystem, counts: Series) -> list[tuple[Doubles, Doubles]]:
    """The edges of nine tenths of an ensemble of the twin, begun with the counts of the first winter: of moose and of wolves, [t] each."""
    whole = Setting.of_ecosystem(ecosystem)

    def drawn(seed: int, member: int) -> tuple[FoodWeb, Doubles]:
        web, start = whole.drawn(seed, member)
        return web, _biomass((web.names, start), ecosystem, counts, 0)

    years = float(counts.times[-1] - counts.times[0])
    settings = EnsembleSettings(members=MEMBERS, years=years, settle=0.0, threads=1)
    found = ensemble(replace(whole, drawn=drawn), Scenario("as it was", ()), settings)
    at = np.searchsorted(found.years, counts.times - counts.times[0] - 1e-6)
    heads = np.array([_heads(whole.web.names, ecosystem, course[at]) for course in found.baseline])
    low, high = np.quantile(heads, [0.05, 0.95], axis=0)
    return list(zip(low, high, strict=True))


def _together(a: Doubles, b: Doubles) -> float:
    """The correlation of two courses, 0 where one does not move."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-9 * a.mean() else 0.0


def _biomass(today: tuple[Sequence[str], Doubles], ecosystem: Ecosystem, counts: Series, at: int) -> Doubles:
    """Today's biomass (names and g m-2), with the moose and wolves of one winter: g m-2 [s + p]."""
    names, start, mass = today[0], today[1].copy(), ecosystem.species["mass_g"]
    for name, column in ((MOOSE, "moose"), (WOLF, "wolves")):
        own = names.index(name)
        start[own] = counts[column][at] * mass[own] / ecosystem.area_km2 / 1e6
    return start


def _heads(names: Sequence[str], ecosystem: Ecosystem, biomass: Doubles) -> tuple[Doubles, Doubles]:
    """Moose and wolves of courses [t, s + p]: [t] each."""
    mass, area = ecosystem.species["mass_g"], ecosystem.area_km2
    own = [names.index(name) for name in (MOOSE, WOLF)]
    return biomass[:, own[0]] * area * 1e6 / mass[own[0]], biomass[:, own[1]] * area * 1e6 / mass[own[1]]


def _run(balance: Balance, ecosystem: Ecosystem, counts: Series) -> tuple[Doubles, Doubles]:
    """Moose and wolves of the twin at the winters of the counts, from the first on."""
    times = (counts.times - counts.times[0]) * YEAR_DAYS
    found = run(
        balance.web, _biomass((balance.web.names, balance.start), ecosystem, counts, 0), times, Limits(1e-8, 1e-14)
    )
    return _heads(balance.web.names, ecosystem, found.biomass)


def next_year(balance: Balance, ecosystem: Ecosystem, counts: Series) -> tuple[float, float]:
    """How far the twin, begun with each winter's counts, is from the next winter's moose and wolves (rms of ln), over how far those of this winter are."""
    told = np.log(np.array([counts["moose"], counts["wolves"]]))
    steps = range(len(counts.times) - 1)
    ends = []
    for at in steps:
        start = _biomass((balance.web.names, balance.start), ecosystem, counts, at)
        end = run(balance.web, start, [0.0, YEAR_DAYS], Limits(1e-8, 1e-14)).biomass[1:]
        ends.append([each[0] for each in _heads(balance.web.names, ecosystem, end)])
    twin = ((np.log(np.array(ends).T) - told[:, 1:]) ** 2).mean(1)
    as_now = ((told[:, :-1] - told[:, 1:]) ** 2).mean(1)
    moose, wolves = np.sqrt(twin / as_now).tolist()
    return moose, wolves
