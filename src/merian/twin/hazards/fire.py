"""Fire: lit by chance, it goes from cell to cell as far as there is dry fuel, and burns what stands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.core.settings import knob
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles
from merian.twin.grid.weather import Soil
from merian.twin.hazards.join import Part, When, always, cell_m2, eaten_before, joined, named, put
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["Fire", "FireSettings", "Fuel", "burning", "one_fire", "passes", "reached"]

Bools = npt.NDArray[np.bool_]
YEAR_DAYS = 365.25
SIDES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Rows and columns from a cell to the four that it touches."""


@dataclass(frozen=True, kw_only=True)
class FireSettings:
    """How often fires are lit, and what lets them pass. Defaults are from memory of the savanna literature, not re-read: a choice."""

    ignitions_km2_year: float = knob(
        0.05, "Sparks by lightning and people; one takes where a fire would pass", unit="km-2 year-1", ge=0, le=1000
    )
    half_g_m2: float = knob(
        200.0,
        "Dry fuel over which half of all fires pass into a cell: on even land they go on without end above it, and die out below",
        unit="g m-2",
        gt=0,
        le=1e5,
        source="fires seldom carry below 1 to 2 t ha-1 of grass (Trollope 1984; Hennenberg et al. 2006)",
    )
    steep: float = knob(4.0, "How sharply passing rises with fuel", gt=0, le=50)
    wet: float = knob(0.5, "Share of the soil's brim from which on grass is too green to burn", gt=0, le=1)


@dataclass(frozen=True, eq=False)
class Fuel:
    """Of each row of what stands [k]: which of it is `fuel`, and what share of it a fire consumes (of trees and animals: kills). Where cells are coarse each
    has `finer` times `finer` cells, of which those on `land` [finer y, finer x] may burn."""

    fuel: Bools
    consumed: Doubles
    finer: int = 1
    land: Bools = field(default_factory=lambda: np.ones((0, 0), bool))

    def __post_init__(self) -> None:
        if self.fuel.shape != self.consumed.shape:
            raise Mismatch("fuel and what fires consume", self.fuel.shape, self.consumed.shape)
        if not ((self.consumed >= 0) & (self.consumed <= 1)).all():
            raise BadData("fire", "consumes from none to all of what stands")
        if self.finer < 1 or (self.finer > 1 and (not self.land.size or any(n % self.finer for n in self.land.shape))):
            raise Mismatch("finer cells and their land", self.finer, self.land.shape)


def passes(settings: FireSettings, fuel_g_m2: Doubles, wetness: Doubles) -> Doubles:
    """The chance that a fire beside it goes into a cell: d F^k / (F^k + half^k), d = 1 - wetness / wet (0 where it is wetter). wetness: of the soil, 0 to 1."""
    dry = np.clip(1 - wetness / settings.wet, 0.0, 1.0)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(dry / (1 + (settings.half_g_m2 / fuel_g_m2) ** settings.steep))


class Fire:
    """Fires are lit by chance, go from cell to neighbouring cell with the chance that the next one's fuel and dryness give, and burn what stands.

    A spark falls on a cell of A km2 with chance 1 - exp(-ignitions A days), and takes with the chance p that a fire beside it would pass in: p = d F^k /
    (F^k + half^k), F: fuel, g m-2; d = 1 - soil water / (wet brim). Each of the four neighbours of a burning cell is tried once, with its own p; a fire is
    over within a step. On even land this is bond percolation on the square lattice, whose threshold is p = 1/2 (Kesten 1980, Commun. Math. Phys. 74:41), so
    `half` is the fuel from which on fires cross a dry plain. In burnt cells `consumed` of each kind goes out of the budget. Sparks of several sources add up.
    Where cells are coarse fires go between `finer` ones, so many a side in each, with the fuel and water of their cell; a cell loses the share that burnt.
    """

    name = "fire"
    reads = ("soil_water",)

    def __init__(
        self, settings: FireSettings, fuel: Fuel, stands: str, brim_mm: float, area_m2: float, when: When = always
    ) -> None:
        """stands: the variable that burns, [k, y, x] in g m-2. brim_mm: water that the soil can hold. `when` is a share of the sparks."""
        self.settings, self.fuel, self.stands = settings, fuel, stands
        self.sparks: Sequence[tuple[float, When]] = ((settings.ignitions_km2_year, when),)
        self.brim_mm, self.area_m2 = brim_mm, area_m2
        self.writes = (stands, "burnt")

    def also(self, settings: FireSettings, when: When = always) -> Fire:
        """The same with the sparks of another source. Raises BadSetting as `one_fire` does."""
        one_fire([self.settings, settings])
        other = copy(self)
        other.sparks = (*self.sparks, (settings.ignitions_km2_year, when))
        return other

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Light, spread and burn; what burnt goes out."""
        stands, how, finer = values[self.stands], self.settings, self.fuel.finer
        if len(stands) != len(self.fuel.fuel):
            raise Mismatch(f"{self.stands} and its fuel", len(stands), len(self.fuel.fuel))
        chance = passes(how, stands[self.fuel.fuel].sum(0), values["soil_water"] / self.brim_mm)
        rate = sum(each * when(moment.day) for each, when in self.sparks)
        sparks = rate * self.area_m2 / finer**2 / 1e6 * moment.days / YEAR_DAYS
        if finer > 1:
            chance = np.repeat(np.repeat(chance, finer, 0), finer, 1) * self.fuel.land
        lit = (
            draws.row(moment.chance, chance.size, moment.step, 0).reshape(chance.shape) < -math.expm1(-sparks) * chance
        )
        burnt = np.asarray(reached(chance, lit, moment.chance, moment.step), float)
        if finer > 1:
            burnt = self._share(burnt)
        values["burnt"][:] = burnt
        gone = stands * self.fuel.consumed[:, None, None] * burnt
        values[self.stands] = stands - gone
        return {"biomass": Flow(went=float(gone.sum()) * self.area_m2 / 1000.0)}

    def _share(self, burnt: Doubles) -> Doubles:
        """The share of the land of each cell that burnt [y, x], of finer cells that did."""
        finer = self.fuel.finer
        rows, columns = (size // finer for size in burnt.shape)
        inside = (rows, finer, columns, finer)
        land = self.fuel.land.reshape(inside).sum((1, 3))
        return np.asarray(burnt.reshape(inside).sum((1, 3)) / np.maximum(land, 1))


def reached(chance: Doubles, lit: Bools, key: draws.Key, step: int) -> Bools:
    """Which cells burn [y, x], when those `lit` do and a fire passes into each cell with its `chance`. Chance is drawn by cell, side and step."""
    burnt = lit.copy()
    _spread(np.ascontiguousarray(chance, float), burnt, key, step)
    return burnt


@compiled
def _spread(chance: Doubles, burnt: Bools, key: draws.Key, step: int) -> None:
    """Burn what can be reached, in place."""
    rows, columns = chance.shape
    front = np.flatnonzero(burnt.ravel())
    stack = np.empty(rows * columns, np.int64)
    stack[: len(front)] = front
    top = len(front)
    while top > 0:
        top -= 1
        cell = stack[top]
        for side in range(4):
            row, column = cell // columns + SIDES[side][0], cell % columns + SIDES[side][1]
            if not (0 <= row < rows and 0 <= column < columns) or burnt[row, column] or chance[row, column] <= 0.0:
                continue
            if draws.uniform(key, cell, step, 1 + side) < chance[row, column]:
                burnt[row, column] = True
                stack[top] = row * columns + column
                top += 1


def one_fire(asked: Sequence[FireSettings]) -> None:
    """Raise BadSetting where fires differ in more than their sparks: how a fire passes is a trait of grass and soil, which all of them meet."""
    for name in ("half_g_m2", "steep", "wet"):
        known = sorted({float(getattr(how, name)) for how in asked})
        if len(known) > 1:
            raise BadSetting(name, known, "is one for all fires of a scenario: they meet the same grass and soil")


def burning(engine: Engine, settings: FireSettings, fuel: Fuel, when: When = always) -> Engine:
    """The Engine of tier C (what burns is `biomass`, of cohorts `plants`) or tier I (`plants`) with fires, beside those that are there already.

    `fuel` has a row for each of what may burn. Raises BadData for an engine without soil, BadSetting as `one_fire` does.
    """
    there = named(engine, Fire.name)
    if isinstance(there, Fire):
        return put(engine, there.also(settings, when))
    soil = next((process for process in engine.processes if isinstance(process, Soil)), None)
    if soil is None:
        raise BadData("twin", "has no process 'soil': fires are joined to tiers C and I")
    stands = "plants" if "plants" in engine.world.values else "biomass"
    part = Part(
        (Fire(settings, fuel, stands, soil.air.brim_mm, cell_m2(engine), when),),
        (Variable("burnt", "1", ("y", "x"), "Share of a cell that burnt in this step", 0.0, 1.0, "made"),),
        {"burnt": np.zeros(engine.world.values["soil_water"].shape)},
        before=eaten_before(engine),
    )
    return joined(engine, part)
