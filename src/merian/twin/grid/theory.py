"""What theory says of movement and invasion, and what the gridded tier gives: rows of the validation panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from merian.core.chance import stream
from merian.twin import draws
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.feeding import Feeding
from merian.twin.grid.moving import Gates, spread
from merian.twin.solver import Limits, run
from merian.twin.theory import Row

__all__ = ["SPACE"]


def _open(rows: int, columns: int) -> Gates:
    return Gates.of(np.ones((rows, columns), bool))


def _walk() -> list[Row]:
    """The mean square displacement of a random walk in the plane."""
    side, rate, days = 81, 0.5, 40.0
    field = np.zeros((side, side))
    field[side // 2, side // 2] = 1.0
    after = spread(field, rate, np.zeros_like(field), _open(side, side), days)
    y, x = np.mgrid[:side, :side] - side // 2
    far = float((after * (x**2 + y**2)).sum())
    return [
        Row(
            "random walk",
            "mean square displacement 4 D t",
            "Einstein 1905",
            4 * rate * days,
            far,
            1e-6 * 4 * rate * days,
        )
    ]


def _patch() -> list[Row]:
    """The least size of a patch from whose edges all is lost."""
    cells = 60
    land = np.zeros((1, cells + 2), bool)
    land[:, 1:-1] = True
    gates, field, quality = _open(1, cells + 2), land.astype(float), np.zeros((1, cells + 2))
    # edges lie half-way between the last cell and the first that kills
    wide, step, steps = 1.0 / (cells + 1), 1e-4, 4000
    for at in range(steps):
        # what steps beyond the edge is lost at once
        field = np.where(land, spread(field, 1 / wide**2, quality, gates, step), 0.0)
        if at == steps // 2:
            half = field.sum()
    decay = -math.log(field.sum() / half) / (step * (steps - 1 - steps // 2))
    source = "Skellam 1951; Kierstead & Slobodkin 1953"
    said = "a patch with deadly edges keeps a population from pi sqrt(D / r) on"
    return [Row("critical patch", said, source, math.pi, math.sqrt(decay), 0.005)]


def _invasion() -> list[Row]:
    """The speed of an invasion front."""
    cells, wide, days = 400, 0.4, 0.04
    web = FoodWeb.of(["invader"], [], {"growth": 1.0, "capacity": 1.0})
    feeding = Feeding(web, 1.0, Limits(1e-6, 1e-14), threads=1)
    field, gates, none = np.zeros((1, cells)), _open(1, cells), np.zeros((1, cells))
    field[0, 0] = 1.0
    ones, places, times = np.ones((1, cells)), [], []
    moment = Moment(0, 0.0, days, draws.key(0, "none"))
    for step in range(1, round(60 / days) + 1):
        values = {"biomass": field[None], "green": ones, "room": ones}
        feeding.step(values, moment)
        field = spread(values["biomass"][0], 1 / wide**2, none, gates, days)
        if step * days >= 30:
            below = int(np.argmax(field[0] < 0.5))
            high, low = field[0, below - 1], field[0, below]
            places.append(wide * (below - 1 + (high - 0.5) / (high - low)))
            times.append(step * days)
    speed = (places[-1] - places[0]) / (times[-1] - times[0])
    slowed = 2 - 1.5 * math.log(times[-1] / times[0]) / (times[-1] - times[0])
    source = "Fisher 1937; Kolmogorov, Petrovskii & Piskunov 1937; delay: Bramson 1983"
    return [
        Row("invasion front", "speed 2 sqrt(r D), less 3 / (2 t): mean from t = 30 to 60", source, slowed, speed, 0.02)
    ]


def _one_cell() -> list[Row]:
    """One cell of tier C against tier P."""
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 0.008, 0.004]}
    web = FoodWeb.of(
        ["grass", "hare", "fox"],
        [(1, 0), (2, 1)],
        species,
        {"attack": [4e-4, 2e-3], "handling": 5.0, "efficiency": [0.3, 0.5]},
    )
    start, weeks = np.array([300.0, 5.0, 1.0]), 260
    feeding = Feeding(web, 1.0, Limits(1e-9, 1e-13), threads=1)
    field: Doubles = start[:, None, None].copy()
    ones = np.ones((1, 1))
    for week in range(weeks):
        values = {"biomass": field, "green": ones, "room": ones}
        feeding.step(values, Moment(week, 7.0 * week, 7.0, draws.key(0, "none")))
        field = values["biomass"]
    whole = run(web, start, [0.0, 7.0 * weeks], Limits(1e-9, 1e-13)).biomass[-1]
    apart = float(np.abs(field[:, 0, 0] / whole - 1).max())
    return [
        Row(
            "one cell is tier P",
            "five years by weeks and at once: largest relative difference",
            "the equations are one",
            0.0,
            apart,
            1e-6,
        )
    ]


def _occupied(lost: int, days: float) -> float:
    """The share of a landscape of 64 patches that is full, some of them `lost`, where colonists fall anywhere: 0.5 a day settle, 0.1 a day die out."""
    side, every = 8, 0.05
    good = np.ones((side, side))
    good.flat[stream(0, "lost patches").permutation(side * side)[:lost]] = 0.0
    web = FoodWeb.of(["patches"], [], {"growth": 0.5, "capacity": 1.0, "loss": 0.1})
    feeding = Feeding(web, 1.0, Limits(1e-9, 1e-14), threads=1)
    left, gates, none = 1 - lost / side**2, _open(side, side), np.zeros((side, side))
    field = np.full((side, side), max(1.2 * (1 - 0.2 / left), 0.1))
    moment = Moment(0, 0.0, every, draws.key(0, "none"))
    for _ in range(round(days / every)):
        values = {"biomass": field[None], "green": good, "room": np.ones((side, side))}
        feeding.step(values, moment)
        # so much movement that colonists come from anywhere
        field = spread(values["biomass"][0], float(side**2), none, gates, 1.0)
    return float((field * good).mean())


def _levins() -> list[Row]:
    """Patches that are colonised and die out, on a landscape that loses some of them."""
    source = "Levins 1969; Nee & May 1992, J. Anim. Ecol. 61:37"
    rows = []
    for lost, days in ((0, 60.0), (16, 80.0), (40, 200.0)):
        said = f"patches occupied when a share of {lost / 64:g} is lost: 1 - D - e / c"
        rows.append(Row(f"Levins, {lost} of 64 lost", said, source, 0.8 - lost / 64, _occupied(lost, days), 5e-3))
    said = "occupied when a share of 0.875 is lost, more than 1 - e / c = 0.8"
    rows.append(Row("Levins, extinct", said, source, 0.0, _occupied(56, 200.0), 1e-3))
    return rows


SPACE: Sequence[Callable[[], list[Row]]] = (_walk, _patch, _invasion, _levins, _one_cell)
"""Families of rows of the gridded tier."""
