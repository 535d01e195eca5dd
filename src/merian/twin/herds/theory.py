"""The tier of individuals held against the food-web equations: a row of the validation panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import Landscape, generated
from merian.twin.solver import run
from merian.twin.theory import Row

__all__ = ["MIXED", "field", "mixed"]

WORLDS, DAYS = 12, 100.0


def field(settings: WindowSettings) -> tuple[FoodWeb, Doubles, Callable[[], Doubles]]:
    """Grass, hares and foxes on 16 ha, begun with half the hares of their rest: the web, the start g m-2 [3], and what runs the animals of one seed through 100
    days to their biomass g m-2 [3]."""
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 8e-3, 4e-3]}
    links = {"attack": [4e-4, 3e-3], "handling": [5.0, 8.0], "efficiency": [0.3, 0.5]}
    web = FoodWeb.of(["grass", "hare", "fox"], [(1, 0), (2, 1)], species | {"interference": [0, 0.02, 0.3]}, links)
    start = run(web, [300.0, 5.0, 1.0], [0.0, 20_000.0]).biomass[-1] * np.array([1.0, 0.5, 1.0])
    animals = Animals(np.array([1, 3e3, 6e3]), np.array([0, 1e-3, 1e-3]), np.array([0, 1e6, 1e6]), np.ones(3))
    ground = generated("plain", 1, 4, 100.0, (60.0,) * 12)
    even = Landscape(ground.frame, dict(ground.layers) | {"rain": np.full((12, 4, 4), 60.0)})

    def end() -> Doubles:
        engine = window(web, start, animals, even, 22.0, settings)
        engine.run(round(DAYS / settings.days))
        values = engine.world.values
        found = np.bincount(values["species"], values["number"] * values["mass"], 3) / (even.frame.cell**2 * 16)
        found[0] = values["plants"].mean()
        return np.asarray(found)

    return web, start, end


def mixed(seed: int) -> WindowSettings:
    """Settings without behaviour and seasons: animals walk at random, none starves, plants are always as green."""
    return WindowSettings(days=0.25, starves=False, rain_spread=0.0, choice=0.0, range_c=0.0, seed=seed)


def _well_mixed() -> list[Row]:
    """Animals one by one, well mixed, against the food-web equations."""
    found = np.array([field(mixed(seed))[2]() for seed in range(WORLDS)])
    web, start, _ = field(mixed(0))
    plain = run(web, start, [0.0, DAYS]).biomass[-1]
    error = found.std(0, ddof=1) / math.sqrt(WORLDS)
    apart = float(np.abs((found.mean(0) - plain) / error).max())
    said = f"{WORLDS} worlds of some 1,900 animals after {DAYS:g} days: largest distance in standard errors"
    return [Row("animals one by one are tier P", said, "the rates are the same", 0.0, apart, 3.0)]


MIXED: Sequence[Callable[[], list[Row]]] = (_well_mixed,)
"""Families of rows of the tier of individuals."""
