"""Predators and prey that cycle: hare and lynx of Hudson Bay (1900-1920) and Paramecium and Didinium in a dish, and a food web of two fitted to each.

The web has the equations of tier P: prey grow logistically, are eaten with a saturating response, and what eats them dies at a constant rate. Eight numbers
(growth, capacity, loss, attack, handling, efficiency and both starts) are fitted to the logarithms of both series by least squares, from a few beginnings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merian.core.errors import BadData, Unstable
from merian.twin.fields.asked import Asked, Course, Picture, absent, picture
from merian.twin.fields.series import Series, pairs, peaks, read_series
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.solver import Limits, run
from merian.twin.theory import Row, period

__all__ = ["Fit", "fit", "hares_and_lynx", "paramecium_and_didinium"]

MACLULICH = "Hudson Bay Company, 1900-1920 (MacLulich 1937; Elton & Nicholson 1942)"
VEILLEUX = "Veilleux 1979, J. Anim. Ecol. 48:787, Cerophyl 0.5"
HARES = (
    Asked("hares, first peak", "year", MACLULICH, 1903, 0.0),
    Asked("hares, second peak", "year", MACLULICH, 1913, 0.0),
    Asked("lynx, first peak", "year", MACLULICH, 1904, 0.0),
    Asked("lynx, second peak", "year", MACLULICH, 1915, 0.0),
    Asked("hares and lynx, from peak to peak", "mean of both, years: 10 to 11", MACLULICH, 10.5, 0.5),
    Asked("lynx after hares", "mean lag of peaks, years: 1 to 2", MACLULICH, 1.5, 0.5),
)
HARE_TWIN = (
    Asked(
        "hares, fitted web",
        "share of the variance of ln numbers that it explains, both species: 0.7 or more",
        MACLULICH,
        1.0,
        0.3,
    ),
    Asked("hares, period of the fitted web", "years: 10 to 11", MACLULICH, 10.5, 0.5),
    Asked("lynx after hares, fitted web", "lag of peaks, years: 1 to 2", MACLULICH, 1.5, 0.5),
    Asked(
        "hares, the cycle lasts",
        "swing of ln hares in the web's tenth century over that in its first: 0.5 to 1.5",
        MACLULICH,
        1.0,
        0.5,
    ),
)
DISH = (
    Asked("Paramecium, period", "days from rise to rise: about 5", VEILLEUX, 5.0, 1.0),
    Asked("Didinium, period", "days from rise to rise: about 5", VEILLEUX, 5.0, 1.0),
)
DISH_TWIN = (
    Asked(
        "Paramecium, fitted web",
        "share of the variance of ln numbers that it explains, both species: 0.5 or more",
        VEILLEUX,
        1.0,
        0.5,
    ),
    Asked("Paramecium, period of the fitted web", "days: about 5", VEILLEUX, 5.0, 1.0),
    Asked("Paramecium, the cycle lasts", "swing of ln prey late over that at first: 0.5 to 1.5", VEILLEUX, 1.0, 0.5),
)
EXACT = Limits(1e-7, 1e-10, 0.0, 20_000)
WORST = 50.0
"""What a web that cannot be solved is off by, in ln units."""
PARTS = ((0.35, 3), (0.6, 2), (1.0, 1))
"""Shares of the series that are fitted one after the other, and how many of the best searches go on."""
CYCLES = 6
"""Cycles in which the period of a fitted web is measured."""
TRIES, ROOMS = (0.01, 0.3, 1.0), (200.0, 2000.0)
"""How busy with handling eaters are, and the capacity (hundredths of the most prey counted), where the search begins."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The fitted `web` and its `start` [2] (prey first), in units of `unit` [2], the share of variance `explained`, and the `length` of its first cycles."""

    web: FoodWeb
    start: Doubles
    unit: Doubles
    explained: float
    length: float

    def course(self, times: Doubles) -> Doubles:
        """Prey and eater at times from the first on, as counted: [t, 2]."""
        return run(self.web, self.start, times - times[0], EXACT).biomass * self.unit


def _web(numbers: Doubles) -> tuple[FoodWeb, Doubles]:
    """The web and start of eight logarithms: growth, capacity, loss, attack, handling, efficiency (of 1 + e^x), starts of prey and eater."""
    growth, capacity, loss, attack, handling, worth, prey, eater = np.exp(np.clip(numbers, -30.0, 30.0))
    species = {"growth": [growth, 0.0], "capacity": [capacity, np.inf], "loss": [0.0, loss]}
    links = {"attack": attack, "handling": handling, "efficiency": worth / (1 + worth)}
    return FoodWeb.of(["prey", "eater"], [(1, 0)], species, links), np.array([prey, eater])


def fit(prey: Series, eater: Series, cycle: float) -> Fit:
    """The web of two whose course is nearest to both series (`number`, each at times of its own), in logarithms; `cycle`: about how long a cycle is.

    Prey are taken in hundredths of the most of them, their eaters in tenths of their own most: how many eaters a prey makes is then below 1, as a web's
    efficiency has to be, for whatever is counted.
    """
    from scipy.optimize import least_squares

    unit = np.array([prey["number"].max() / 100.0, eater["number"].max() / 10.0])
    told = [np.log(series["number"] / own) for series, own in zip((prey, eater), unit, strict=True)]
    times = np.unique(np.concatenate([prey.times, eater.times]))
    places = [np.searchsorted(times, series.times) for series in (prey, eater)]

    def apart(numbers: Doubles, last: float) -> Doubles:
        seen = [at[times[at] <= last] for at in places]
        try:
            web, start = _web(numbers)
            found = run(web, start, times[: max(at[-1] for at in seen) + 1] - times[0], EXACT).biomass
        except Unstable:
            return np.full(sum(map(len, seen)), WORST)
        logs = np.log(np.maximum(found, 1e-12))
        return np.concatenate([logs[at, k] - told[k][: len(at)] for k, at in enumerate(seen)])

    # the whole of several cycles has many shallow optima: the first is fitted first, and the best of many searches go on from there
    ways = [(0.0, begin) for begin in _beginnings(told, cycle)]
    for part, kept in PARTS:
        last = times[0] + part * (times[-1] - times[0])
        tries = [least_squares(apart, way[1], diff_step=1e-5, max_nfev=80, args=(last,)) for way in ways]
        ways = sorted(((float(tried.cost), tried.x) for tried in tries), key=lambda way: way[0])[:kept]
    cost, numbers = ways[0]
    web, start = _web(numbers)
    total = sum(float(((each - each.mean()) ** 2).sum()) for each in told)
    fine = np.linspace(0.0, CYCLES * cycle, 4001)
    length = period(fine, np.log(run(web, start, fine, EXACT).biomass[:, 0]))
    return Fit(web, start, unit, 1 - 2 * cost / total, length)


def _beginnings(told: Sequence[Doubles], cycle: float) -> list[Doubles]:
    """Where the search begins: rates whose small cycles (2 pi / sqrt(growth loss)) are as long as those of the data, with less and more handling."""
    rate = 2 * np.pi / cycle
    prey, eater = (float(np.exp(each.mean())) for each in told)
    found, first = [], np.exp([each[0] for each in told])
    for busy in TRIES:
        attack = rate / eater
        # so that at the mean of prey an eater is busy for this share of the time that it searches
        handling = busy / (attack * prey)
        worth = min(rate * (1 + busy) / (attack * prey), 0.9)
        for room in ROOMS:
            found.append(np.log([rate * (1 + busy), room, rate, attack, handling, worth / (1 - worth), *first]))
    return found


def _lasting(found: Fit, cycle: float) -> float:
    """The swing of ln prey from the 90th to the 100th cycle over that of the first ten."""
    times = np.linspace(0.0, 100 * cycle, 10_001)
    logs = np.log(np.maximum(run(found.web, found.start, times, EXACT).biomass[:, 0], 1e-12))
    return float(np.ptp(logs[-1000:]) / np.ptp(logs[:1000]))


def hares_and_lynx(path: Path | None) -> list[Row | Picture]:
    """The rows of hare and lynx, and the series over the fitted web's."""
    if path is None:
        return [*absent((*HARES, *HARE_TWIN), "hare_lynx")]
    table = read_series(path, "hare_lynx")
    both = [Series(table.times, {"number": table[name]}) for name in ("hares", "lynx")]
    tops = [table.times[list(peaks(series["number"], 4))] for series in both]
    if min(map(len, tops)) < 2:
        raise BadData(path, "has two peaks or more of hares and of lynx", [len(each) for each in tops])
    gaps = np.concatenate([np.diff(each) for each in tops])
    lag = (tops[1][:2] - tops[0][:2]).mean()
    found = (*tops[0][:2], *tops[1][:2], gaps.mean(), lag)
    rows: list[Row | Picture] = [asked.row(float(value)) for asked, value in zip(HARES, found, strict=True)]
    near = fit(both[0], both[1], 10.5)
    told = (near.explained, near.length, _lag(near, table.times), _lasting(near, 10.5))
    rows += [asked.row(value) for asked, value in zip(HARE_TWIN, told, strict=True)]
    said = "Points: furs. Lines: a food web of two, fitted to them. Rust: hares, green: lynx."
    return [
        *rows,
        _over("Hares and lynx of Hudson Bay", said, (("hares", both[0]), ("lynx", both[1])), near, "thousands"),
    ]


def _lag(found: Fit, times: Doubles) -> float:
    """How long after prey its eater peaks in the fitted web, mean of the peaks in the time of the data."""
    fine = np.linspace(times[0], times[-1], 2001)
    course = found.course(fine)
    prey, eater = (fine[list(peaks(course[:, k], 200))] for k in (0, 1))
    after = [float((eater[eater >= top] - top).min()) for top in prey if (eater >= top).any()]
    return float(np.mean(after)) if after else np.nan


def paramecium_and_didinium(path: Path | None) -> list[Row | Picture]:
    """The rows of Veilleux's dish, and the series over the fitted web's."""
    if path is None:
        return [*absent((*DISH, *DISH_TWIN), "veilleux")]
    prey, eater = pairs(path)
    found = [period(series.times, np.log(series["number"])) for series in (prey, eater)]
    rows: list[Row | Picture] = [asked.row(value) for asked, value in zip(DISH, found, strict=True)]
    near = fit(prey, eater, float(np.mean(found)))
    told = (near.explained, near.length, _lasting(near, 5.0))
    rows += [asked.row(value) for asked, value in zip(DISH_TWIN, told, strict=True)]
    said = "Points: counted in the dish. Lines: a food web of two, fitted to them. Rust: Paramecium, green: Didinium."
    both = (("Paramecium", prey), ("Didinium", eater))
    return [*rows, _over("Paramecium and Didinium", said, both, near, "per ml", "day")]


def _over(
    title: str,
    said: str,
    both: tuple[tuple[str, Series], tuple[str, Series]],
    found: Fit,
    unit: str,
    time: str = "year",
) -> Picture:
    """Both series over the course of the fitted web."""
    scale = 1000.0 if unit == "thousands" else 1.0
    fine = np.linspace(both[0][1].times[0], both[0][1].times[-1], 400)
    course = found.course(fine) / scale
    lines = [Course(name, fine, course[:, k], k + 1) for k, (name, _) in enumerate(both)]
    points = [
        Course(name, series.times, series["number"] / scale, k + 1, field=True) for k, (name, series) in enumerate(both)
    ]
    return picture(title, said, [*lines, *points], unit, time)
