"""Worlds of cohorts: the animals at their start, and the processes of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch
from merian.twin.cohorts.bodies import Metabolism, Warmth
from merian.twin.cohorts.breeding import Breeding
from merian.twin.cohorts.choosing import Judging
from merian.twin.cohorts.columns import BYTES, COHORT, ledger
from merian.twin.cohorts.dispersing import Dispersing
from merian.twin.cohorts.dying import Dying
from merian.twin.cohorts.feasting import Feasting
from merian.twin.cohorts.ground import Ground
from merian.twin.cohorts.hunting import Hunting
from merian.twin.cohorts.kinds import Kinds, functional_groups
from merian.twin.cohorts.merging import Merging
from merian.twin.cohorts.plants import Growing, Leaves, leaves
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.engine import Engine, Process
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.weather import Rain, Season, Soil
from merian.twin.landscape import Landscape
from merian.twin.ledger import Array
from merian.twin.memory import room_for
from merian.twin.world import World

__all__ = ["Life", "founded", "madingley", "peopled", "processes", "stages", "young_g"]


@dataclass(frozen=True, eq=False)
class Life:
    """What lives: `kinds` of animals, `plants`, the climate that ectotherms are made for, and the food `web` by which animals eat (None: by size)."""

    kinds: Kinds
    plants: Leaves
    warmth: Warmth
    web: FoodWeb | None = None


def young_g(adult_g: npt.ArrayLike) -> Doubles:
    """What the young of adults of so many g weigh: 1 + exp(2.24 + 0.13 ln M) times less, the median of the Madingley model's start.

    From memory of its code, not re-read.
    """
    adult = np.asarray(adult_g, float)
    return np.asarray(adult / (1 + np.exp(2.24 + 0.13 * np.log(adult))))


def founded(columns: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
    """The cohorts of these columns, by cell: kind, cell, number, mass, young, adult, and perhaps optimum (0: hunts nobody), age (0) and ripe (-1).

    Raises BadData for a number below 0, a mass that is none, or young heavier than adults.
    """
    size = len(np.asarray(columns["kind"]))
    given: dict[str, Array] = {
        name: np.broadcast_to(np.asarray(columns.get(name, default), float), (size,)).copy()
        for name, default in (
            *((name, np.nan) for name in ("number", "mass", "young", "adult")),
            *(("optimum", 0.0), ("age", 0.0), ("ripe", -1.0), ("pool", 0.0), ("gut", 0.0)),
        )
    }
    wrong = ~(given["number"] >= 0)
    for name in ("mass", "young", "adult"):
        wrong |= ~(np.isfinite(given[name]) & (given[name] > 0))
    wrong |= ~(given["young"] <= given["adult"])
    if wrong.any():
        raise BadData(
            "cohorts",
            "have a number from 0 on, masses above 0 g, and young no heavier than adults",
            np.flatnonzero(wrong).tolist()[:10],
        )
    given["top"] = given["mass"].copy()
    given |= {name: np.array(columns[name], np.int64) for name in ("kind", "cell")}
    order = np.argsort(given["cell"], kind="stable")
    return {"who": np.arange(size), **{name: given[name][order] for name in COHORT if name != "who"}}


def processes(life: Life, ground: Ground, settings: CohortSettings, rain_spread: float, threads: int) -> list[Process]:
    """What happens in a step, in order."""
    kinds, cell_m2 = life.kinds, ground.cell_m2
    eating: Process = (
        Hunting(kinds, life.warmth, cell_m2, threads)
        if life.web is None
        else Feasting(life.web, kinds, life.warmth, cell_m2, threads)
    )
    judging: list[Process] = [Judging(kinds, life.web, ground, settings.choice)] if settings.choice > 0 else []
    return [
        Rain(ground.months_mm, rain_spread),
        Soil(ground.air, cell_m2),
        Season(ground.air.brim_mm, ground.mean),
        Growing(life.plants, cell_m2),
        eating,
        Metabolism(kinds, life.warmth, threads),
        Dying(kinds, cell_m2, threads),
        Breeding(kinds),
        *judging,
        Dispersing(kinds, ground.gates, ground.width_m, threads, chooses=settings.choice > 0),
        Merging(settings.cohorts, settings.floor, threads),
    ]


def peopled(
    life: Life,
    founders: Mapping[str, npt.ArrayLike],
    plants: Doubles,
    ground: Ground,
    settings: CohortSettings,
    seed: int = 0,
) -> World:
    """The World of these founders (columns as in `founded`), with plants g m-2 on the mean land cell [p].

    Raises BadSetting where memory does not suffice, Mismatch for another number of pools, BadData as `founded` does.
    """
    if plants.shape != life.plants.growth.shape:
        raise Mismatch("plants and their pools", plants.shape, life.plants.growth.shape)
    size, shape = len(np.asarray(founders["kind"])), ground.land.shape
    most = max(size, settings.cohorts * len(ground.cells))
    room_for(
        float(BYTES * most + 16.0 * settings.cohorts**2),
        "cohorts",
        settings.cohorts,
        "fewer cohorts in a cell, or a coarser landscape",
    )
    yearly = ground.months_mm.sum(0)
    room = np.where(ground.land, yearly / yearly[ground.land].mean(), 0.0)
    values = {
        **founded(founders),
        "plants": plants[:, None, None] * room,
        "celsius": np.full(shape, ground.air.celsius),
        "soil_water": np.where(ground.land, ground.water, 0.0),
        "room": np.maximum(room, 1e-9),
        "rain": np.zeros(shape),
        "green": np.zeros(shape),
    }
    chooses = settings.choice > 0
    if chooses:
        values["quality"] = np.zeros((len(life.kinds.names), *shape))
    return World(ledger(ground.cell_m2, chooses), values, seed)


def madingley(
    landscape: Landscape, celsius: float, settings: CohortSettings, seed: int = 0, threads: int = 1
) -> Engine:
    """A world of the nine functional groups on a landscape: `founders` cohorts of each in a cell, adult masses drawn evenly over the logarithms of its range.

    Each begins young, with as many grams as every other: 1 g m-2 in all for each group. That is a start and no more.
    """
    kinds, spans = functional_groups()
    ground = Ground.of(landscape, celsius, settings)
    each, groups = settings.founders, len(kinds.names)
    kind = np.tile(np.repeat(np.arange(groups), each), len(ground.cells))
    rng = stream(seed, "cohorts", "founders")
    low, high = np.log(spans[kind]).T
    adult = np.exp(low + (high - low) * rng.random(len(kind)))
    young = young_g(adult)
    hunter = (kinds.hunts > 0).sum(1)[kind] > 0
    founders = {
        "kind": kind,
        "cell": np.repeat(ground.cells, each * groups),
        "number": ground.cell_m2 / each / young,
        "mass": young,
        "adult": adult,
        "young": young,
        "optimum": np.where(hunter, np.maximum(0.1 + 0.02 * rng.standard_normal(len(kind)), 0.01), 0.0),
    }
    rain = float(ground.months_mm.sum(0)[ground.land].mean())
    life = Life(kinds, leaves(celsius, rain), Warmth(celsius, settings.spread_c, settings.range_c))
    standing = life.plants.made / life.plants.loss
    world = peopled(life, founders, standing, ground, settings, seed)
    return Engine(world, processes(life, ground, settings, 0.0, threads), settings.days)


def stages(world: World, kinds: Kinds) -> pl.DataFrame:
    """Who there is, young and grown up: columns kind, stage, animals, kg, mass_g (of the mean animal) and age_days."""
    values = world.values
    frame = pl.DataFrame(
        {
            "kind": [kinds.names[at] for at in values["kind"].tolist()],
            "stage": np.where(values["ripe"] >= 0, "adult", "young"),
            "animals": values["number"],
            "kg": values["number"] * (values["mass"] + values["pool"]) / 1000.0,
            "mass": values["number"] * values["mass"],
            "age": values["number"] * values["age"],
        }
    )
    found = frame.group_by("kind", "stage").agg(pl.col("animals", "kg", "mass", "age").sum()).sort("kind", "stage")
    each = {"mass_g": pl.col("mass") / pl.col("animals"), "age_days": pl.col("age") / pl.col("animals")}
    return found.with_columns(**each).drop("mass", "age")
