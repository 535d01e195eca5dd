"""A window of a landscape with its animals one by one: the ledger, the world at its start, and the processes of tier I."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch
from merian.core.settings import knob
from merian.twin.engine import Engine, Process
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.grid.moving import Gates
from merian.twin.grid.weather import Air, Rain, Season, Soil, season_mean
from merian.twin.herds.company import Company
from merian.twin.herds.eating import Census, Eating, Growing, Meeting, blocks
from merian.twin.herds.edges import NAMED, Beyond, Passage, larger, straddling
from merian.twin.herds.groups import Groups
from merian.twin.herds.living import Living, bodies
from merian.twin.herds.maturing import GROWING, Maturing
from merian.twin.herds.roaming import Choosing, Roaming
from merian.twin.herds.seasons import BREEDING, Births, Breeding, begun
from merian.twin.herds.sight import SEEN, Seeing, Sight
from merian.twin.landscape import Landscape
from merian.twin.ledger import Array, Budget, Ledger, Values, Variable
from merian.twin.memory import room_for
from merian.twin.world import World

__all__ = ["Animals", "WindowSettings", "ledger", "window"]

SPECIES, PLANTS, PLACE, ONE = ("species", "y", "x"), ("plant", "y", "x"), ("y", "x"), ("animal",)
LIVES = ("plants", "number", "mass")
"""The variables that make up the biomass of a window."""
BYTES = 8 * 8 * 3
"""Memory that a herd takes: eight numbers, and as much again twice while a step sorts and parts them."""


@dataclass(frozen=True, eq=False)
class Animals:
    """What is known of the animals of a food web beside its links, arrays [s] (of plants nothing is read): adult mass g, the part of the web's loss that is
    death (day-1), how far they diffuse (m2 day-1), and how many go together. Where it is known: how they breed by season, see their prey, meet in
    groups, keep company, and how large their home ranges are (km2; NaN: not known)."""

    adult_g: Doubles
    mortality: Doubles
    diffusion: Doubles
    group: Doubles
    breeding: Breeding | None = None
    sight: Sight | None = None
    groups: Groups | None = None
    company: Company | None = None
    range_km2: Doubles | None = None


@dataclass(frozen=True, kw_only=True)
class WindowSettings:
    """How the animals of a window live."""

    days: float = knob(1 / 24, "Length of a step", unit="days", gt=0, le=7)
    latitude_deg: float = knob(-2.0, "Latitude, for the radiation of the seasons", unit="degrees", ge=-90, le=90)
    range_c: float = knob(12.0, "Mean difference between day and night", unit="K", ge=0, le=60)
    brim_mm: float = knob(150.0, "Water that the soil can hold", unit="mm", gt=0, le=5000)
    rain_spread: float = knob(0.2, "Standard deviation of the logarithm of a year's rain", ge=0, le=3)
    choice: float = knob(0.5, "How strongly animals choose better cells", ge=0, le=10)
    persistence: float = knob(0.0, "How much they keep their heading: 0 not at all, 1 straight on", ge=0, le=1)
    cohesion: float = knob(
        1.0,
        "How strongly sociable animals step toward those of their kind that they see: log odds of a mean step",
        ge=0,
        le=20,
    )
    alignment: float = knob(0.5, "And how strongly they go their way: log odds of a step along it", ge=0, le=20)
    crossing: float = knob(0.0, "Share of those at a fence that cross it", ge=0, le=1)
    meeting_km: float = knob(
        0.0,
        "Width of the ground on which animals meet between two meals, where it is wider than a cell",
        unit="km",
        ge=0,
        le=1000,
    )
    hunger: float = knob(
        0.0,
        "How much harder animals seek food that weigh less than adults: effort is (A / M) to this power",
        ge=0,
        le=10,
    )
    starves: bool = knob(True, "Whether animals that weigh little die of it")
    thin: float = knob(0.9, "Mass, as a share of an adult's, at which no female conceives by season", gt=0.6, lt=1)
    fit: float = knob(1.0, "Mass, as a share of an adult's, from which on all do", ge=1, le=1.3)
    fattest: float = knob(
        1.3, "Mass, as a share of an adult's, up to which those who breed by season keep fat at least", ge=1.3, le=5
    )
    open_edges: bool = knob(
        False,
        "Whether animals leave over the window's edges, and others come in from a land that is as the window was at its start",
    )
    seed: int = knob(0, "Names all chance", ge=0)
    threads: int = knob(0, "Threads; 0: one for each core", ge=0)


def ledger(cell_m2: float) -> Ledger:
    """The ledger of tier I on cells of so many m2."""
    return Ledger.of(
        [
            Variable("who", "1", ONE, "Number of an animal or herd, never given twice", 0),
            Variable("species", "1", ONE, "Its species", 0),
            Variable("cell", "1", ONE, "The cell where it is", 0),
            Variable("x", "m", ONE, "East of the window's corner", 0.0),
            Variable("y", "m", ONE, "South of the window's corner", 0.0),
            Variable("heading", "rad", ONE, "The way it goes, clockwise from east", -100.0, 100.0),
            Variable("number", "1", ONE, "Animals in it", 0),
            Variable("mass", "g", ONE, "Mass of each", 0.0, 1e9),
            Variable("plants", "g m-2", PLANTS, "Of what grows", 0.0, 1e7),
            Variable("soil_water", "mm", PLACE, "Water in the soil", 0.0, 5000.0),
            Variable("room", "1", PLACE, "Room of what grows, as a multiple of the mean", 0.0, 100.0),
            Variable("rain", "mm day-1", PLACE, "Rain of the step", 0.0, 5000.0, "made"),
            Variable("green", "1", PLACE, "Growth of plants, as a multiple of its mean", 0.0, 1e6, "made"),
            Variable("biomass", "g m-2", SPECIES, "Of each species in each cell", 0.0, 1e8, "made"),
            Variable(
                "quality", "1", SPECIES, "Logarithm of how good a cell is for each species", -100.0, 100.0, "made"
            ),
        ],
        [
            Budget("biomass", "kg", lambda values: _kg(values, cell_m2), "All that lives", LIVES),
            Budget(
                "water",
                "kg",
                lambda values: float(values["soil_water"].sum()) * cell_m2,
                "Water in the soil",
                ("soil_water",),
            ),
        ],
    )


def _kg(values: Values, cell_m2: float) -> float:
    return float(values["plants"].sum()) * cell_m2 / 1000 + bodies(values["number"], values["mass"]) / 1000


def window(
    web: FoodWeb, start: Doubles, animals: Animals, landscape: Landscape, celsius: float, settings: WindowSettings
) -> Engine:
    """An Engine of a food web whose animals are counted one by one, or in herds of their group size.

    start: g m-2 of each species on the mean land cell [s]. Herds begin at random cells of the land. Raises BadData for an adult mass that is none,
    BadSetting without rain or where memory does not suffice, Mismatch when shapes differ.
    """
    count, land, months = len(web.names), landscape.land, landscape.layers["rain"]
    _checked(web, start, animals, months)
    cell_m2 = landscape.frame.cell**2
    books = ledger(cell_m2)
    air = Air(settings.latitude_deg, celsius, settings.range_c, settings.brim_mm)
    mean, water = season_mean(months, air, 7.0)
    yearly = months.sum(0)
    room = np.where(land, yearly / yearly[land].mean(), 0.0)
    zeros = np.zeros(land.shape)
    values: dict[str, Array] = {
        **_begun(web, start, animals, landscape, settings.seed),
        "plants": np.where(land, start[web.producer][:, None, None] * room, 0.0),
        "soil_water": np.where(land, water, 0.0),
        "room": np.maximum(room, 1e-9),
        "rain": zeros.copy(),
        "green": zeros.copy(),
        "biomass": np.zeros((count, *land.shape)),
        "quality": np.zeros((count, *land.shape)),
    }
    if animals.breeding is not None:
        books = books.wider(BREEDING)
        values |= begun(len(values["who"]))
        if animals.breeding.growth is not None:
            books = books.wider(GROWING)
            values |= {variable.name: np.zeros(len(values["who"])) for variable in GROWING}
    if animals.sight is not None:
        room_for(32.0 * len(web.eater) * land.size, "rows", land.shape, "a coarser landscape, or none of sight")
        books = books.wider([SEEN])
        values["seen"] = np.ones((len(web.eater), *land.shape))
    processes = _processes(web, animals, landscape, settings, air, mean)
    if settings.open_edges and larger(land):
        books = books.wider([NAMED])
        values["named"] = np.array([len(values["who"]) - 1])
        processes = _opened(processes, _beyond(web, start, animals, landscape), landscape)
    return Engine(World(books, values, settings.seed), processes, settings.days)


def _begun(web: FoodWeb, start: Doubles, animals: Animals, landscape: Landscape, seed: int) -> dict[str, Array]:
    """Herds at random places of the land, of the group size, of adult mass, as many as the starting density asks for (to the nearest animal)."""
    frame, cells = landscape.frame, np.flatnonzero(landscape.land)
    area = len(cells) * frame.cell**2
    species: list[npt.NDArray[np.int64]] = []
    number: list[npt.NDArray[np.int64]] = []
    for at in np.flatnonzero(~web.producer).tolist():
        heads = round(float(start[at]) * area / float(animals.adult_g[at]))
        size = max(round(float(animals.group[at])), 1)
        herds = math.ceil(heads / size)
        remedy = "a smaller window, or larger groups"
        room_for(
            float(BYTES * (herds + sum(map(len, species)))), "window", f"{herds:,} herds of {web.names[at]}", remedy
        )
        sizes = np.full(herds, size, np.int64)
        if herds:
            sizes[-1] = heads - size * (herds - 1)
        species.append(np.full(herds, at, np.int64))
        number.append(sizes)
    which, many = np.concatenate(species), np.concatenate(number)
    rng = stream(seed, "window", "places")
    cell = rng.choice(cells, len(which))
    inside = rng.random((3, len(which)))
    return {
        "who": np.arange(len(which)),
        "species": which,
        "cell": cell,
        "x": (cell % frame.columns + inside[0]) * frame.cell,
        "y": (cell // frame.columns + inside[1]) * frame.cell,
        "heading": 2 * np.pi * inside[2],
        "number": many,
        "mass": animals.adult_g[which].astype(float),
    }


def _checked(web: FoodWeb, start: Doubles, animals: Animals, months: Doubles) -> None:
    """Raise where columns do not fit the web, an animal has no mass, or nothing can grow."""
    columns = {"start": start, "adult mass": animals.adult_g, "mortality": animals.mortality}
    for what, column in (columns | {"group": animals.group, "diffusion": animals.diffusion}).items():
        if column.shape != (len(web.names),):
            raise Mismatch(f"{what} and food web", column.shape, (len(web.names),))
    if not (animals.adult_g[~web.producer] > 0).all():
        raise BadData("adult mass", "is above 0 g for each animal")
    if (web["crowding"] > 0).any():
        wrong = [web.names[at] for at in np.flatnonzero(web["crowding"] > 0)]
        raise BadData("food web", "animals one by one die of hunger and age, not of crowding", wrong)
    if months.sum() <= 0:
        raise BadSetting("rain", 0.0, "nothing grows on a landscape without rain")


def _processes(
    web: FoodWeb, animals: Animals, landscape: Landscape, settings: WindowSettings, air: Air, mean: Doubles
) -> list[Process]:
    """What happens in a step. mean: of the soil's water over a year of the climate, as a share of its brim [y, x]."""
    land, cell_m2, eats = landscape.land, landscape.frame.cell**2, ~web.producer
    gates = Gates.of(land, landscape.layers["fences"], settings.crossing)
    adult, stride = np.where(eats, animals.adult_g, 1.0), np.where(eats, np.sqrt(2 * animals.diffusion), 0.0)
    burnt, largest = np.maximum(web["loss"] - animals.mortality, 0.0), np.maximum(animals.group, 1).astype(np.int64)
    roaming = Roaming(stride, settings.persistence, gates, landscape.frame.cell, settings.threads)
    living: list[Process] = [Living(adult, burnt, animals.mortality, largest, settings.starves)]
    seeing: list[Process] = []
    if animals.breeding is not None:
        if animals.breeding.litter.shape != adult.shape:
            raise Mismatch("breeding and food web", animals.breeding.litter.shape, adult.shape)
        grows = animals.breeding.growth
        carried = tuple(variable.name for variable in (*BREEDING, *(GROWING if grows is not None else ())))
        living = [
            *([Maturing(grows)] if grows is not None else []),
            Births(animals.breeding, adult, settings.thin, settings.fit, settings.fattest),
            Living(adult, burnt, animals.mortality, largest, settings.starves)
            .carrying(carried)
            .by_season(animals.breeding.seasonal),
        ]
    wide = round(1000.0 * settings.meeting_km / landscape.frame.cell)
    ground = blocks((land.shape[0], land.shape[1]), wide) if wide > 1 else None
    meeting = Meeting(
        animals.groups,
        animals.sight is not None,
        ground,
        land.ravel().astype(float),
        settings.hunger,
        adult,
        animals.breeding is not None and animals.breeding.growth is not None,
    )
    if animals.sight is not None:
        seeing = [Seeing(web, animals.sight, land, landscape.layers["trees"], settings.latitude_deg)]
    return [
        Rain(landscape.layers["rain"] * land, settings.rain_spread),
        Soil(air, cell_m2),
        Season(air.brim_mm, np.where(land, mean, 0.0)),
        Growing(web, cell_m2),
        Census(web, cell_m2),
        *seeing,
        Eating(web, cell_m2, settings.threads, meeting),
        *living,
        Choosing(web, land, landscape.layers["water"], settings.choice),
        roaming if animals.company is None else roaming.beside(animals.company, settings.cohesion, settings.alignment),
    ]


def _beyond(web: FoodWeb, start: Doubles, animals: Animals, landscape: Landscape) -> Beyond:
    """A land with as many of each animal as there are at the start, in herds of the same size; of it goes in and out whose home range lies over the edges."""
    number = np.where(web.producer, 0, np.maximum(np.round(animals.group), 1)).astype(np.int64)
    mass = np.where(web.producer, 0.0, animals.adult_g)
    wide = landscape.frame.cell * math.sqrt(landscape.land.size) / 1000.0
    passes = np.ones(len(start)) if animals.range_km2 is None else straddling(wide, animals.range_km2)
    return Beyond(np.zeros(len(start)), number, mass, passes).holding(start)


def _opened(processes: list[Process], beyond: Beyond, landscape: Landscape) -> list[Process]:
    """The same processes in a window over whose edges animals leave and come."""
    found: list[Process] = []
    carried = tuple(name for p in processes if isinstance(p, Living) for name in p.carried)
    for process in processes:
        if not isinstance(process, Roaming):
            found.append(process)
            continue
        passage = Passage(beyond, process.stride, landscape.land, landscape.frame.cell)
        found += [process.leaving(beyond.passes), passage.carrying(carried)]
    return found
