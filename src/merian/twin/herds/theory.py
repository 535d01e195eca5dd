"""The tier of individuals held against the food-web equations, and its walks against theory: rows of the validation panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from merian.twin import draws
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.moving import Gates
from merian.twin.herds.roaming import Roaming
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import Landscape, generated
from merian.twin.ledger import Array
from merian.twin.solver import run
from merian.twin.theory import Row

__all__ = ["MIXED", "field", "mixed", "walked"]

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


def walked(quality: Doubles, stride: float, walkers: int, steps: int) -> tuple[Doubles, Doubles]:
    """East and south of the middle, m, of walkers that began there and took so many daily steps (mean length `stride` m) on cells of 1 m and some `quality`."""
    side = len(quality)
    roaming = Roaming(np.array([stride]), 0.0, Gates.of(np.ones(quality.shape, bool)), 1.0, threads=1)
    middle = np.full(walkers, side / 2)
    values: dict[str, Array] = {
        "who": np.arange(walkers),
        "species": np.zeros(walkers, np.int64),
        "quality": quality[None],
        "x": middle.copy(),
        "y": middle.copy(),
        "cell": (middle.astype(int) * side + middle.astype(int)),
        "heading": np.zeros(walkers),
    }
    chance = draws.key(0, "walkers")
    for step in range(steps):
        roaming.step(values, Moment(step, float(step), 1.0, chance))
    return values["x"] - side / 2, values["y"] - side / 2


def _roaming() -> list[Row]:
    """How far animals get that walk at random, and how wide is the range of those that like one place.

    A step is exponential of mean s, so that its mean square is 2 s^2: D = s^2 / 2. Where quality is -r^2 / 2 w^2 the choice among three steps pulls home at
    kappa = (2 / 3) s^2 / w^2 a step (to first order in the step), and sigma^2 = s^2.
    """
    walkers, steps = 20_000, 100
    x, y = walked(np.zeros((201, 201)), 1.0, walkers, steps)
    far, found = 4 * 0.5 * steps, float((x**2 + y**2).mean())
    side, wide, stride = 81, 8.0, 0.5
    south, east = np.mgrid[:side, :side] + 0.5 - side / 2
    x, y = walked(-(south**2 + east**2) / (2 * wide**2), stride, 4_000, 1_500)
    kappa = 2 / 3 * stride**2 / wide**2
    home = stride**2 / (2 * kappa)
    return [
        Row(
            "herds: random walk",
            f"mean square displacement 4 D t of {walkers:,} walkers, within 3 standard errors",
            "Einstein 1905",
            far,
            found,
            3 * far / math.sqrt(walkers),
        ),
        Row(
            "herds: home range",
            "variance sigma^2 / 2 kappa of those whom the quality of cells pulls home (Ornstein & Uhlenbeck)",
            "Uhlenbeck & Ornstein 1930; Dunn & Gipson 1977",
            home,
            float((x.var() + y.var()) / 2),
            0.05 * home,
        ),
    ]


MIXED: Sequence[Callable[[], list[Row]]] = (_well_mixed, _roaming)
"""Families of rows of the tier of individuals."""
