"""Cohorts by the week: cohort-steps a second by size and by food web, on one thread and on all, where the time goes, beside NumPy and the floor of memory.

    .venv/bin/python bench/cohorts.py [--side 24] [--weeks 26] [--rounds 3]

Target: 1e7 cohort-steps a second on two cores. The NumPy twins are what one would write without a compiler: bodies as whole columns, hunting as one matrix of
pairs for each cell; their results are compared with ours in the same run. The floor is the time to copy all columns of all cohorts once.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from merian.core.workers import cores
from merian.twin import draws
from merian.twin.cohorts.bodies import Metabolism, Warmth, active_share
from merian.twin.cohorts.columns import COHORT, first_of
from merian.twin.cohorts.dying import Dying
from merian.twin.cohorts.hunting import Hunting
from merian.twin.cohorts.kinds import Kinds, functional_groups
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.cohorts.species import cohorts
from merian.twin.cohorts.worlds import madingley
from merian.twin.ecosystem import made
from merian.twin.engine import Engine, Moment, Process
from merian.twin.landscape import generated
from merian.twin.ledger import Array, Flow
from merian.twin.rates import ectotherm_g_day, endotherm_g_day
from merian.twin.worked import shipped

MONTHS = (90.0, 100.0, 130.0, 110.0, 60.0, 20.0, 10.0, 15.0, 30.0, 50.0, 80.0, 95.0)
CELL_M = 10_000.0
Values = dict[str, np.ndarray]


class Timed:
    """A process whose time is added up."""

    def __init__(self, process: Process, spent: dict[str, float]) -> None:
        self.process, self.spent = process, spent
        self.name, self.reads, self.writes = process.name, process.reads, process.writes

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """The step of the process."""
        begun = time.perf_counter()
        flows = self.process.step(values, moment)
        self.spent[self.name] += time.perf_counter() - begun
        return flows


def measure(name: str, engine: Engine, weeks: int, rounds: int) -> None:
    """Print cohort-steps a second (median of rounds of so many weeks) and where the time goes; what is no process keeps the books and looks at bounds."""
    engine.run(engine.world.step + 52)
    spent: dict[str, float] = defaultdict(float)
    engine.processes = [Timed(process, spent) for process in engine.processes]
    rates, total, whole = [], 0, 0.0
    for _ in range(rounds):
        begun, steps = time.perf_counter(), 0
        for _ in range(weeks):
            steps += len(engine.world.values["who"])
            engine.step()
        took = time.perf_counter() - begun
        rates.append(steps / took)
        total, whole = total + steps, whole + took
    cells = engine.world.values["room"].size
    spent["books and bounds"] = whole - sum(spent.values())
    shares = sorted(spent.items(), key=lambda one: -one[1])
    each = ", ".join(
        f"{part} {1e9 * took / total:.0f} ({took / whole:.0%})" for part, took in shares if took > 0.01 * whole
    )
    print(
        f"| {name} | {len(engine.world.values['who']):,} on {cells:,} cells | {np.median(rates):.2e} | {each} |",
        flush=True,
    )


def numpy_bodies(values: Values, kinds: Kinds, warmth: Warmth, days: float) -> None:
    """Metabolism, growth and deaths as whole columns, in place."""
    kind, mass, pool, adult = values["kind"], values["mass"], values["pool"], values["adult"]
    celsius = values["celsius"].ravel()[values["cell"]]
    active = 0.5 * active_share(celsius, warmth)
    burnt = np.where(kinds["warm"][kind] > 0, endotherm_g_day(mass), ectotherm_g_day(mass, celsius, active)) * days
    net = values["gut"] - burnt
    grown = np.minimum(np.maximum(net, 0), np.maximum(adult - mass, 0))
    taken = np.minimum(pool, np.maximum(-net, 0))
    body = mass + grown + np.minimum(net + taken, 0)
    values["pool"] = np.where(body > 0, pool + np.maximum(net, 0) - grown - taken, 0.0)
    values["number"] = np.where(body > 0, values["number"], 0.0)
    values["mass"] = np.where(body > 0, body, mass)
    values["gut"], values["age"] = np.zeros_like(mass), values["age"] + days
    ripe = (values["ripe"] < 0) & (net >= 0) & (values["mass"] >= adult)
    values["ripe"] = np.where(ripe, values["age"], values["ripe"])
    values["top"] = np.maximum(values["top"], values["mass"])
    with np.errstate(over="ignore"):
        old = np.exp(np.minimum((values["age"] - values["ripe"]) / (values["ripe"] + 1 + 1e-300), 500))
        lean = 1 / (1 + np.exp(np.minimum((values["mass"] / values["top"] - 0.6) / 0.05, 500)))
    hazard = kinds["background"][kind] + np.where(values["ripe"] >= 0, kinds["senescence"][kind] * old, 0)
    hazard += np.where(values["mass"] < values["top"], lean, 0)
    values["number"] = values["number"] * np.exp(-hazard * days)


def numpy_hunt(values: Values, kinds: Kinds, warmth: Warmth, days: float) -> None:
    """Herbivory and predation as a matrix of pairs for each cell, in place. Reach is 1 and nobody's appetite has a limit."""
    cells, hectares, area = values["room"].size, CELL_M**2 / 1e4, CELL_M**2
    first, plants = first_of(values["cell"], cells), values["plants"].reshape(-1)
    tau = 0.5 * active_share(values["celsius"].ravel(), warmth)
    for cell in range(cells):
        own = slice(first[cell], first[cell + 1])
        kind, mass, number = values["kind"][own], values["mass"][own], values["number"][own]
        whole, grass = mass + values["pool"][own], plants[cell] * 1e4
        with np.errstate(divide="ignore"):
            over = np.log(mass)[None, :] - np.log(mass * values["optimum"][own])[:, None]
        part = kinds.hunts[kind[:, None], kind[None, :]] * (np.abs(over) < 2.1)
        bins = np.where(part > 0, np.floor((over + 2.1) / 0.35), 0).astype(int)
        like = np.zeros((len(mass), len(kinds.names), 12))
        rows = np.broadcast_to(np.arange(len(mass))[:, None], part.shape)
        kinds_of = np.broadcast_to(kind[None, :], part.shape)
        np.add.at(like, (rows, kinds_of, bins), np.where(part > 0, number / hectares, 0))
        fit = np.exp(-((np.where(part > 0, over, 0) / 0.7) ** 2))
        found = (part > 0) * 1e-6 * mass[:, None] * fit * like[rows, kinds_of, bins] * (number / hectares)
        np.fill_diagonal(found, 0.0)
        grams = np.where(kinds.grazes[kind, 0] > 0, 1e-11 * mass * grass**2, 0.0)
        busy = 1 + (found * 0.5 * mass).sum(1) * mass**-0.7 + grams * 0.7 * mass**-0.7
        seeks = np.where(kinds["warm"][kind] > 0, 0.5, tau[cell]) * days / busy
        hazard = (number * seeks) @ found / number
        grazed = (number * seeks * grams).sum() / (plants[cell] * area)
        met = np.divide(-np.expm1(-hazard), hazard, out=np.ones_like(hazard), where=hazard > 0)
        gain = (part * found * met * whole).sum(1) + kinds.grazes[kind, 0] * grams * -np.expm1(-grazed) / grazed
        values["gut"][own] = gain * seeks
        values["number"][own] = number * np.exp(-hazard)
        plants[cell] *= np.exp(-grazed)


def beside(engine: Engine, rounds: int) -> None:
    """Print hunting and bodies of one step, ours in one thread and NumPy's, and how far apart their results are."""
    kinds, warmth, key = functional_groups()[0], Warmth(20.0), draws.key(0, "bench")
    moment, area = Moment(0, 0.0, 7.0, key), CELL_M**2

    def fresh() -> Values:
        return {name: array.copy() for name, array in engine.world.values.items()}

    hunting, living = Hunting(kinds, warmth, area), (Metabolism(kinds, warmth), Dying(kinds, area))
    fed = fresh()
    hunting.step(fed, moment)

    def ours_live(values: Values) -> None:
        for process in living:
            process.step(values, moment)

    works = {
        "hunting": (fresh, lambda v: hunting.step(v, moment), lambda v: numpy_hunt(v, kinds, warmth, 7.0)),
        "bodies and deaths": (
            lambda: {name: array.copy() for name, array in fed.items()},
            ours_live,
            lambda v: numpy_bodies(v, kinds, warmth, 7.0),
        ),
    }
    count = len(fed["who"])
    print(
        "\n| one step, one thread | ns a cohort | NumPy | times | largest relative difference |\n|---|---|---|---|---|"
    )
    for name, (made_of, ours, theirs) in works.items():
        took, ends = [], []
        for work, times in ((ours, rounds), (theirs, 1)):
            each = []
            # the first is not counted: it may compile
            work(made_of())
            for _ in range(times):
                values = made_of()
                begun = time.perf_counter()
                work(values)
                each.append(time.perf_counter() - begun)
            took.append(1e9 * float(np.median(each)) / count)
            ends.append(values)
        apart = max(
            float(np.max(np.abs(ends[0][c] - ends[1][c]) / np.maximum(np.abs(ends[1][c]), 1e-12)))
            for c in ("number", "mass", "pool", "gut", "plants")
        )
        print(f"| {name} | {took[0]:.0f} | {took[1]:.0f} | {took[1] / took[0]:.1f} | {apart:.0e} |")
    columns = [engine.world.values[name] for name in COHORT]
    each = []
    for _ in range(20):
        begun = time.perf_counter()
        for column in columns:
            column.copy()
        each.append(time.perf_counter() - begun)
    print(f"| floor: all columns copied once | {1e9 * float(np.median(each)) / count:.0f} | | | |")


def main(side: int, weeks: int, rounds: int) -> None:
    """Print the tables."""
    print("| world | cohorts | cohort-steps a second | ns a cohort-step, by process (share) |\n|---|---|---|---|")
    ground = generated("plain", 3, side, CELL_M, MONTHS)
    settings = CohortSettings(cohorts=100, founders=10)
    for threads in sorted({1, cores()}):
        engine = madingley(ground, 20.0, settings, 1, threads)
        measure(f"nine groups, by size, {threads} threads", engine, weeks, rounds)
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, 2 * side))
    for threads in sorted({1, cores()}):
        species = cohorts(ecosystem, CohortSettings(rows=0), 1, threads)
        measure(f"savanna, by its food web, {threads} threads", species, weeks, rounds)
    beside(engine, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=24)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    main(given.side, given.weeks, given.rounds)
