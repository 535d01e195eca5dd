"""Whether what lives is accounted for in every tier: biomass gained is what came in less what went out. Rows of the validation panel."""

from __future__ import annotations

import math

import numpy as np

from merian.twin.cohorts.settings import CohortSettings
from merian.twin.cohorts.worlds import madingley
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.engine import Engine, Moved
from merian.twin.fields.asked import Asked
from merian.twin.foodweb import Doubles
from merian.twin.grid.land import GridSettings, gridded
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import generated
from merian.twin.pools import YEAR_DAYS
from merian.twin.solver import Limits, run
from merian.twin.theory import Row
from merian.twin.worked import shipped
from merian.twin.world import World

__all__ = ["books", "lack"]

MASS = "conservation of mass"
ROWS = (
    Asked("books close, tier P", "the savanna in 50 years: largest share of biomass unaccounted for", MASS, 0.0, 1e-9),
    Asked("books close, tier C", "Isle Royale on 64 cells, 26 weeks: the same, in one step", MASS, 0.0, 1e-9),
    Asked("books close, tier C with cohorts", "functional groups on 4 cells, 26 weeks: the same", MASS, 0.0, 1e-9),
    Asked("books close, tier I", "Isle Royale's animals one by one, ten days by the hour: the same", MASS, 0.0, 1e-9),
)


def lack(engine: Engine, steps: int) -> float:
    """The largest share of biomass that is unaccounted for in one of so many steps: what changed, less what all processes say came and went."""
    was, worst = engine.world.total("biomass"), 0.0

    def after(world: World, moved: Moved) -> None:
        nonlocal was, worst
        flows = [flow["biomass"] for flow in moved.values() if "biomass" in flow]
        now, came, went = world.total("biomass"), sum(f.came for f in flows), sum(f.went for f in flows)
        worst = max(worst, abs(now - was - came + went) / max(abs(was), abs(now), came, went))
        was = now

    engine.run(engine.world.step + steps, after)
    return worst


def _tier_p() -> float:
    worked = shipped("savanna")
    balance = made(worked.facts, worked.landscape(0, rows=8)).balance()
    times = np.linspace(0.0, 50 * YEAR_DAYS, 51)
    course = run(balance.web, 0.5 * balance.start, times, Limits(1e-6, 1e-12))
    return float(np.abs(course.books.balance(course.biomass)).max())


def _cohorts() -> float:
    months = tuple(70.0 + 60.0 * math.cos(2 * math.pi * month / 12) for month in range(12))
    ground = generated("plain", 3, 4, 10_000.0, months)
    return lack(madingley(ground, 20.0, CohortSettings(cohorts=50, founders=5), 1), 26)


def _island() -> tuple[float, float]:
    worked = shipped("isle-royale")
    ecosystem = made(worked.facts, worked.landscape(0, rows=8))
    balance = ecosystem.balance()
    web, animal = balance.web, ~balance.web.producer
    moves = np.where(animal, 1e5, 0.0)
    celsius, ground = ecosystem.climate.celsius, ecosystem.landscape
    grid = gridded(web, balance.start, moves, ground, celsius, GridSettings(threads=1))
    one_by_one = window(web, balance.start, _animals(ecosystem, moves), ground, celsius, WindowSettings(threads=1))
    return lack(grid, 26), lack(one_by_one, 240)


def _animals(ecosystem: Ecosystem, moves: Doubles) -> Animals:
    """Mass, deaths of age and groups of one of the animals, 1 and 0 of what grows."""
    pools = len(ecosystem.pools)
    mass = np.concatenate([ecosystem.species["mass_g"], np.ones(pools)])
    age = np.concatenate([1 / (ecosystem.species["longevity_years"] * YEAR_DAYS), np.zeros(pools)])
    return Animals(mass, age, moves, np.ones(len(mass)))


def books() -> list[Row]:
    """The rows of all tiers."""
    grid, window_ = _island()
    found = (_tier_p(), grid, _cohorts(), window_)
    return [asked.row(value) for asked, value in zip(ROWS, found, strict=True)]
