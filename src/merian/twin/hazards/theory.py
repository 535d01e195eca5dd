"""Fire held against percolation, and disease among animals and cohorts against its equations: rows of the validation panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from merian.twin import draws
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.hazards.contagion import Arrival
from merian.twin.hazards.disease import DiseaseSettings, course, final_size, pathogen
from merian.twin.hazards.fire import reached
from merian.twin.hazards.infection import HEALTH, Infection
from merian.twin.hazards.outbreak import SHARES, Outbreak
from merian.twin.ledger import Array
from merian.twin.theory import Row

__all__ = ["HAZARDS", "among_cohorts", "crossings", "epidemics"]

ROWS, FIRES = 20, 2000
WORLDS, HERDS, EACH, DAYS, STEP = 10, 200, 20, 60.0, 0.2


def crossings(chance: float, rows: int, times: int, seed: int = 8) -> float:
    """The share of fires, lit all along the left side of rows x (rows + 1) cells that each pass on with this chance, that reach the right side."""
    lit = np.zeros((rows, rows + 1), bool)
    lit[:, 0] = True
    even, key = np.full(lit.shape, chance), draws.key(seed, "fire")
    return float(np.mean([reached(even, lit, key, step)[:, -1].any() for step in range(times)]))


def epidemics(settings: DiseaseSettings, ill: float, worlds: int) -> tuple[Doubles, Doubles]:
    """The share of susceptible and of living animals after 60 days, begun with so large a share infectious: of some worlds of 4,000 animals in herds of 20
    [worlds, 2], and by the equations [2]."""
    found = pathogen(settings, np.array([True]), np.array([10.0]), np.zeros(1))
    total, ends = HERDS * EACH, []
    for seed in range(worlds):
        zeros = np.zeros(HERDS, np.int64)
        values: dict[str, Array] = {"who": np.arange(HERDS), "species": zeros, "cell": zeros, "mass": np.ones(HERDS)}
        values |= {name: zeros.copy() for name in HEALTH} | {"number": np.full(HERDS, EACH)}
        process = Infection(found, Arrival(0.0, ill, 0), (1, 1), 1e6 * total / 10.0)
        for step in range(round(DAYS / STEP)):
            process.step(values, Moment(step, step * STEP, STEP, draws.key(seed, "epidemic")))
        ends.append([values["susceptible"].sum() / total, values["number"].sum() / total])
    start = 10.0 * np.array([[1 - ill], [0.0], [ill], [0.0]])
    end = course(found, start, np.array([0.0, DAYS]))[1]
    return np.array(ends), np.array([end[0, 0], end.sum()]) / 10.0


def _fires() -> list[Row]:
    """Whether fires cross even land as bonds percolate."""
    source = "Kesten 1980, Commun. Math. Phys. 74:41"
    said = f"share of {FIRES:,} fires that cross n rows of n + 1 cells where half pass on: exactly one half"
    return [Row("fire, threshold", said, source, 0.5, crossings(0.5, ROWS, FIRES), 4 * 0.5 / math.sqrt(FIRES))]


def _ill() -> list[Row]:
    """Whether a disease among animals runs as its equations say."""
    how = DiseaseSettings(r0=3.0, incubation_days=5.0, infectious_days=8.0, fatal=0.25)
    found, plain = epidemics(how, 0.02, WORLDS)
    apart = float(np.abs(found.mean(0) - plain).max())
    said = f"{WORLDS} worlds of 4,000 animals after {DAYS:g} days: largest difference in the share untouched and alive"
    return [Row("disease animal by animal is the equations", said, "the rates are the same", 0.0, apart, 0.02)]


def among_cohorts(settings: DiseaseSettings, ill: float, weeks: int) -> tuple[float, float]:
    """The share of animals that a disease has reached among twelve cohorts of a cell after some weeks, begun with so large a share infectious; and by how much
    the shares in its four states lay beside those of the equations, at most."""
    found, count = pathogen(settings, np.array([True]), np.array([10.0]), np.zeros(1)), 12
    zeros, number = np.zeros(count, np.int64), np.linspace(1e4, 1e6, count)
    values: dict[str, Array] = {"kind": zeros, "cell": zeros, "mass": np.ones(count), "room": np.ones((1, 1))}
    values |= {name: np.zeros(count) for name in ("pool", "gut", *SHARES)} | {"number": number}
    process = Outbreak(found, Arrival(0.0, ill, 0), 1e6)
    exact, apart = np.array([[1 - ill], [0.0], [ill], [0.0]]), 0.0
    for week in range(weeks):
        process.step(values, Moment(week, 7.0 * week, 7.0, draws.key(0, "epidemic")))
        exact = course(found, exact, np.array([0.0, 7.0]))[1]
        sick = [float((values[name] * values["number"]).sum() / number.sum()) for name in SHARES]
        apart = max(apart, float(np.abs(np.array(sick) - exact[1:, 0]).max()))
    return sum(sick), apart


def _among() -> list[Row]:
    """Whether a disease among well-mixed cohorts is that of the equations."""
    how, said = DiseaseSettings(r0=2.0, incubation_days=5.0, infectious_days=8.0, fatal=0.0), "disease among cohorts"
    reached_, apart = among_cohorts(how, 1e-5, 104)
    source, theory = "Kermack & McKendrick 1927", "the rates are the same"
    return [
        Row(
            said,
            "twelve cohorts of a cell, two years by weeks: largest difference from the equations",
            theory,
            0.0,
            apart,
            1e-6,
        ),
        Row(said, "share reached where R0 is 2", source, final_size(2.0), reached_, 1e-3),
    ]


HAZARDS: Sequence[Callable[[], list[Row]]] = (_fires, _ill, _among)
"""Families of rows of hazards."""
