"""The twin's food-web tier and its grid: time and accuracy against SciPy's solvers, which call the same compiled equations.

    .venv/bin/python bench/twin.py [--species 30] [--rounds 7] [--days 5] [--only herds [--herds 10000 50000 200000]]

Promises: 50 years of 30 species in 50 ms, a year of 50,000 herds by the hour in 60 s on two cores.
Accuracy: largest difference to SciPy's DOP853 at a tolerance of 1e-12, relative to each species' highest biomass,
over ten years (the course of a web that cycles parts from itself later, whatever solves it).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from merian.core.workers import cores
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.engine import Engine
from merian.twin.ensemble import EnsembleSettings, Setting, ensemble
from merian.twin.foodweb import FoodWeb
from merian.twin.grid.land import GridSettings, gridded
from merian.twin.herds.company import company_of
from merian.twin.herds.known import behaving
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.rates import allometric
from merian.twin.scenario import Change, Scenario
from merian.twin.solver import Limits, run, slopes
from merian.twin.worked import shipped

YEAR = 365.25
RELATIVE = 1e-5


def web_of(species: int, seed: int) -> FoodWeb:
    """A web of a third plants; each animal eats up to four that are a ten-thousandth to a third of its mass."""
    rng = np.random.default_rng(seed)
    plants = species // 3
    masses = np.concatenate([10 ** rng.uniform(-4, -2, plants), np.sort(10 ** rng.uniform(-2, 3, species - plants))])
    eats = []
    for i in range(plants, species):
        food = [j for j in range(species) if j != i and 1e-4 < masses[j] / masses[i] < 0.3]
        eats += [(i, int(j)) for j in rng.choice(food, min(4, len(food)), replace=False)]
    return allometric([f"s{i}" for i in range(species)], masses, eats)


def median_ms(work: Callable[[], Any], rounds: int) -> float:
    """The median time of some rounds, ms, after one that is not counted."""
    work()
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - begun))
    return float(np.median(took))


def savanna() -> Ecosystem:
    """The worked savanna."""
    worked = shipped("savanna")
    return made(worked.facts, worked.landscape(0, 32))


def main(species: int, rounds: int, days: int, only: str, sizes: list[int]) -> None:
    """Print the tables."""
    if only == "herds":
        for size in sizes:
            herds(savanna(), days, size)
        return
    web, start = web_of(species, 0), np.ones(species)
    times, short = np.arange(0, 50 * YEAR + 1, YEAR / 12), np.linspace(0, 10 * YEAR, 121)
    limits = Limits(RELATIVE, 1e-9)

    def theirs(method: str, when: np.ndarray, relative: float, absolute: float) -> np.ndarray:
        found = solve_ivp(
            lambda _, y: slopes(web, y)[:species], (0, when[-1]), start, method, when, rtol=relative, atol=absolute
        )
        return np.asarray(found.y.T)

    exact = theirs("DOP853", short, 1e-12, 1e-15)
    top = exact.max(0)
    print(f"{species} species, {len(web.eater)} links, 50 years by months, relative tolerance {RELATIVE:g}")
    print("| solver | ms | times ours | error over 10 years |")
    print("|---|---|---|---|")
    ours = median_ms(lambda: run(web, start, times, limits), rounds)
    error = np.abs(run(web, start, short, limits).biomass - exact).max(0) / top
    print(f"| ours, compiled | {ours:.1f} | 1 | {error.max():.1e} |")
    for method in ("RK45", "LSODA"):
        slow = median_ms(lambda method=method: theirs(method, times, RELATIVE, 1e-9), max(rounds // 3, 1))
        error = np.abs(theirs(method, short, RELATIVE, 1e-9) - exact).max(0) / top
        print(f"| SciPy {method} | {slow:.0f} | {slow / ours:.0f} | {error.max():.1e} |")

    ecosystem = savanna()
    change = Scenario("no lions", (Change(what="remove", species="Panthera leo", year=5),))
    setting, settings = Setting.of_ecosystem(ecosystem), EnsembleSettings()
    pairs = median_ms(lambda: ensemble(setting, change, settings), 1) / 1000
    print(f"\nsavanna, 64 pairs of runs of 50 years (and 50 to settle): {pairs:.1f} s")

    balance = ecosystem.balance()
    moves = np.where(balance.web.producer, 0.0, 5e5)
    engine = gridded(balance.web, balance.start, moves, ecosystem.landscape, 21.0, GridSettings())
    year = median_ms(lambda: [engine.step() for _ in range(52)], 3) / 1000
    cells = engine.world.values["soil_water"].size
    print(
        f"savanna, a year by weeks on {cells:,} cells with {len(balance.start)} species: {year:.2f} s, {cells * 52 / year:,.0f} cell-weeks a second"
    )

    for size in sizes:
        herds(ecosystem, days, size)


def herds(ecosystem: Ecosystem, days: int, size: int) -> None:
    """The savanna's animals in about so many herds on 64 x 64 cells, by the hour: some days are measured. Promise: a year of 50,000 in 60 s on two cores."""
    balance, species = ecosystem.balance(), ecosystem.species
    count, plants = len(species.names), len(ecosystem.pools)
    heads = species["density_km2"] * ecosystem.area_km2
    larger = (heads / species["group_size"]).sum() / size
    animals = Animals(
        np.concatenate([species["mass_g"], np.ones(plants)]),
        np.concatenate([1 / (species["longevity_years"] * YEAR), np.zeros(plants)]),
        np.concatenate([np.full(count, 5e5), np.zeros(plants)]),
        np.concatenate([np.maximum(species["group_size"] * larger, 1), np.ones(plants)]),
    )
    company = company_of(np.concatenate([species["group_size"], np.ones(plants)]), np.full(count + plants, 800.0))
    ground = shipped("savanna").landscape(0, 64)
    print(f"\nsavanna, herds by the hour on {cores()} cores, median of {days} days")
    print("| animals | threads | s a year | herd-steps a second | share of each process |")
    print("|---|---|---|---|---|")
    rows = [("as they are", animals, WindowSettings(threads=t)) for t in sorted({1, cores()})]
    rows.append(("keep company", replace(animals, company=company), WindowSettings()))
    rows.append(("in an open window", animals, WindowSettings(open_edges=True)))
    rows.append(
        ("breed, see and group too", behaving(animals, species, ground, -2.0)[0], WindowSettings(open_edges=True))
    )
    for name, who, settings in rows:
        engine = window(balance.web, balance.start, who, ground, 21.0, settings)
        # the first day compiles
        for _ in range(24):
            engine.step()
        took = timed(engine)
        day = median_ms(lambda engine=engine: [engine.step() for _ in range(24)], days) / 1000
        many, whole = len(engine.world.values["who"]), took.pop("all") / 100
        shares = ", ".join(f"{part} {spent / whole:.0f} %" for part, spent in sorted(took.items(), key=lambda p: -p[1]))
        print(
            f"| {many:,}, {name} | {settings.threads or cores()} | {day * YEAR:.0f} | {24 * many / day:.2e} | {shares} |"
        )


def timed(engine: Engine) -> dict[str, float]:
    """The seconds of each process of an engine from now on, "all" among them; what is left are its checks of bounds and budgets."""
    took = {process.name: 0.0 for process in engine.processes} | {"all": 0.0}

    def clocked(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def run_it(*given: Any) -> Any:
            begun = time.perf_counter()
            found = step(*given)
            took[name] += time.perf_counter() - begun
            return found

        return run_it

    for process in engine.processes:
        process.step = clocked(process.name, process.step)
    engine.step = clocked("all", engine.step)
    return took


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--species", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--days", type=int, default=5, help="days of the herds that are measured, after one that is not"
    )
    parser.add_argument("--only", choices=["", "herds"], default="", help="herds: nothing but the tier of individuals")
    parser.add_argument("--herds", type=int, nargs="+", default=[50_000], help="about so many of them")
    given = parser.parse_args()
    main(given.species, given.rounds, given.days, given.only, given.herds)
