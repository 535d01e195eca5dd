"""The running world that cameras watch: a window of an ecosystem in which the animals that they photograph live one by one or in herds (tier I).

Whoever is not photographed (insects, fish) stands as a pool that grows back to what there is of it today; so do the plants. The window has the rain of the
ecosystem and a ground of its own, made by seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from merian.core.chance import stream
from merian.twin.ecosystem import Ecosystem
from merian.twin.engine import Engine
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import generated
from merian.twin.observe.cast import Cast
from merian.twin.observe.settings import WatchSettings
from merian.twin.pools import YEAR_DAYS
from merian.twin.solver import flows

__all__ = ["narrowed", "staged"]

ROWS = 16
"""Rows and columns of the window's cells."""
TURNOVER = 4.0
"""How many times its loss a species that stands as a pool can grow (as pools do: r = 4 turnover)."""


def narrowed(web: FoodWeb, start: Doubles, kept: Sequence[int]) -> FoodWeb:
    """The web in which only the species `kept` eat: all others grow logistically, with so much room that what the kept take of them leaves `start` as it is."""
    eats = np.isin(web.eater, list(kept))
    pool = ~np.isin(np.arange(len(web.names)), list(kept))
    taken = np.bincount(web.eaten[eats], flows(web, start)[eats], len(start))
    with np.errstate(invalid="ignore", divide="ignore"):
        grows = np.where(web.producer, web["growth"], TURNOVER * web["loss"])
        grows = np.where(pool, np.maximum(grows, 2.0 * taken / start), 0.0)
        room = np.where(pool, start / (1.0 - taken / (grows * start)), np.inf)
    bare = replace(web, eater=web.eater[eats], eaten=web.eaten[eats], links=web.links[:, eats])
    none = {name: np.where(pool, 0.0, web[name]) for name in ("loss", "interference", "harvest")}
    return bare.changed(growth=grows, capacity=room, rivalry=np.zeros(len(start)), **none)


def staged(ecosystem: Ecosystem, cast: Cast, settings: WatchSettings) -> Engine:
    """The Engine of the window at its start: densities off by `start_spread` from the ecosystem's, by seed. Raises as `window` does."""
    balance, species = ecosystem.balance(), ecosystem.species
    count, plants = len(species.names), len(ecosystem.pools)
    z = stream(settings.seed, "watch", "densities").standard_normal(count)
    z[np.array(cast.tips) < 0] = 0.0
    start = balance.start * np.exp(settings.start_spread * np.concatenate([z, np.zeros(plants)]))
    days = settings.step_hours / 24.0
    # a mean step of this length, so many times a day, is day_km
    stride = 1000.0 * settings.day_km * math.sqrt(days)
    still = np.zeros(plants)
    animals = Animals(
        np.concatenate([species["mass_g"], np.ones(plants)]),
        np.concatenate([1 / (species["longevity_years"] * YEAR_DAYS), still]),
        np.concatenate([np.full(count, 0.5 * stride**2), still]),
        np.concatenate([np.fmax(species["group_size"], 1.0), np.ones(plants)]),
    )
    rain = ecosystem.landscape.layers["rain"][:, ecosystem.landscape.land].mean(1)
    ground = generated("plain", settings.seed, ROWS, 1000.0 * settings.window_km / ROWS, tuple(rain.tolist()))
    how = WindowSettings(days=days, persistence=settings.persistence, seed=settings.seed)
    web = narrowed(balance.web, balance.start, cast.seen)
    return window(web, start, animals, ground, ecosystem.climate.celsius, how)
