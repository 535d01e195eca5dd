"""A world whose truth is known, cameras that count it, and a classifier that confuses two of its species: what each way of reading the labels makes of it.

Grass and shrubs, a grazer, a rarer browser that looks like it, and a hunter of both, by the food-web equations of tier P. The rates are assumed, so that
densities are those of a savanna; nothing here is fitted. For each seed the world begins elsewhere, runs a year, and is photographed; the same photos are then
read in several ways (`WAYS`), so that their differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.calibrate.abundance import Beliefs, abundance, alike, trusting
from merian.twin.calibrate.scores import Score, averaged, covered, share
from merian.twin.foodweb import Doubles, FoodWeb, Integers
from merian.twin.observe.camera import Zone, contacts, counts
from merian.twin.observe.labels import UNKNOWN, Confusion, recorded
from merian.twin.solver import run

__all__ = [
    "ANIMALS",
    "NAMES",
    "REST",
    "TRUE_MATRIX",
    "WAYS",
    "WEB",
    "Photos",
    "Reading",
    "Survey",
    "animals_km2",
    "photographed",
    "read",
    "readings",
]

NAMES = ("grass", "shrub", "grazer", "browser", "hunter")
ANIMALS = NAMES[2:]
WEB = FoodWeb.of(
    NAMES,
    [(2, 0), (3, 1), (4, 2), (4, 3)],
    {
        "growth": [0.01, 0.002, 0, 0, 0],
        "capacity": [20, 20, np.inf, np.inf, np.inf],
        "loss": [0, 0, 0.02, 0.02, 0.02],
        "interference": [0, 0, 0, 0, 33.0],
    },
    {"attack": [0.012, 0.012, 0.068, 0.068], "handling": [16.7, 16.7, 20, 20], "efficiency": [0.5, 0.5, 0.85, 0.85]},
)
"""Rates per day and g m-2 (assumed): eaters take at most 5 to 6 % of their mass a day and burn 2 %."""
REST = np.array([11.0, 11.0, 1.20, 0.240, 0.0366])
"""Where the web comes to rest, g m-2: worlds begin around it."""
MASS_KG = np.array([45.0, 180.0, 60.0])
"""Of an animal of each species (assumed)."""
TRUE_MATRIX = np.array([[0.84, 0.04, 0.00, 0.12], [0.15, 0.65, 0.00, 0.20], [0.02, 0.02, 0.76, 0.20]])
"""How the classifier names photos of grazer, browser and hunter; the last column is "unknown". The grazer is twenty times as common as the browser, so 4 % of
its photos are more than all that are rightly named browser."""
WAYS = ("true species", "labels as truth", "unknown shared out", "matrix as exact", "matrix with its uncertainty")


@dataclass(frozen=True, slots=True)
class Survey:
    """What is done at each seed: `cameras` out for `days`, zones of one shape, counts of `dispersion` over cameras, `held_out` photos of each species that
    people named; `speed_km_day` of the three animals."""

    cameras: int = 40
    days: float = 60.0
    zone: Zone = field(default_factory=lambda: Zone(0.01, 0.7))
    dispersion: float = 1.0
    held_out: int = 1000
    speed_km_day: tuple[float, float, float] = (5.0, 4.0, 10.0)

    def __post_init__(self) -> None:
        if self.cameras < 2 or self.held_out < 0 or not self.days > 0 or not self.dispersion > 0:
            raise BadSetting("cameras", self.cameras, "2 or more, for more than 0 days, with dispersion above 0")

    @property
    def exposure(self) -> Doubles:
        """Contacts that one animal of each species per km2 would give at each camera: float64 [c, s]."""
        return np.tile(contacts(self.days, 1.0, self.speed_km_day, self.zone.width_km), (self.cameras, 1))


@dataclass(frozen=True, eq=False)
class Photos:
    """One known world: the true `density` animals km-2 [s], what was `shown` int64 [c, s] and `recorded` int64 [c, l], and held-out photos as `confusion`."""

    density: Doubles
    shown: Integers
    recorded: Integers
    confusion: Confusion


@dataclass(frozen=True, slots=True)
class Reading:
    """A way of reading the labels over seeds, for one species: the mean of ln(estimate / truth); of ln(estimate / estimate from the true species), the chance
    of the cameras gone; and how often the 90 % interval holds the truth."""

    way: str
    species: str
    bias: Score
    shift: Score
    coverage: Score


def animals_km2(biomass: Doubles) -> Doubles:
    """Animals km-2 [..., 3] of biomass g m-2 [..., 5] in this world: a g m-2 is 1,000 kg km-2."""
    return np.asarray(biomass[..., 2:] * 1000.0 / MASS_KG)


def photographed(survey: Survey, seed: int, matrix: Doubles = TRUE_MATRIX) -> Photos:
    """The world of a seed after a year, and what its cameras bring home. The held-out photos were named by the classifier of `TRUE_MATRIX`, those of the
    cameras by that of `matrix`: the two are the same unless a place is harder than where the classifier was tried."""
    rng = stream(seed, "known world")
    start = REST * np.exp(rng.normal(0.0, 0.3, len(REST)))
    density = animals_km2(run(WEB, start, [0.0, 365.0]).biomass[-1])
    shown = counts(density * survey.exposure, survey.dispersion, draws.key(seed, "known world", "cameras"))
    said = recorded(shown, matrix, draws.key(seed, "known world", "labels"))
    held = np.stack([rng.multinomial(survey.held_out, row) for row in TRUE_MATRIX])
    return Photos(density, shown, said, Confusion(ANIMALS, (*ANIMALS, UNKNOWN), held))


def read(photos: Photos, way: str, survey: Survey, rng: np.random.Generator, beliefs: Beliefs = Beliefs()) -> Doubles:
    """Posterior draws of density, animals km-2 [m, s], from the photos of a world read one of the `WAYS`. Raises BadSetting for another way."""
    labels, confusion = photos.recorded, photos.confusion
    named = labels * (np.arange(labels.shape[1]) < len(ANIMALS))
    if way == "true species":
        named = np.pad(photos.shown, ((0, 0), (0, 1)))
    rows: dict[str, tuple[Integers, Confusion | Doubles]] = {
        "true species": (named, trusting(confusion)),
        "labels as truth": (named, trusting(confusion)),
        "unknown shared out": (labels, alike(confusion, labels)),
        "matrix as exact": (labels, confusion.mean),
        "matrix with its uncertainty": (labels, confusion),
    }
    if way not in rows:
        raise BadSetting("way", way, f"one of {', '.join(WAYS)}", WAYS)
    return abundance(rows[way][0], survey.exposure, rows[way][1], rng, beliefs).density


def readings(
    survey: Survey,
    seeds: range,
    ways: tuple[str, ...] = WAYS,
    beliefs: Beliefs = Beliefs(),
    matrix: Doubles = TRUE_MATRIX,
) -> list[Reading]:
    """What each way of reading makes of the worlds of some seeds, for each species, with 95 % intervals over seeds.

    The estimate is the posterior median; every way sees the same photos, and all are held against the first of WAYS, who knows the true species.
    """
    ways = tuple(dict.fromkeys((WAYS[0], *ways)))
    logs = {way: list[Doubles]() for way in ways}
    hits = {way: list[np.ndarray]() for way in ways}
    for seed in seeds:
        photos = photographed(survey, seed, matrix)
        for way in ways:
            found = read(photos, way, survey, stream(seed, "known world", "read", way), beliefs)
            logs[way].append(np.log(np.median(found, axis=0) / photos.density))
            hits[way].append(covered(found, photos.density))
    logged = {way: np.array(rows) for way, rows in logs.items()}
    return [
        Reading(
            way,
            name,
            averaged(logged[way][:, at]),
            averaged((logged[way] - logged[WAYS[0]])[:, at]),
            share(np.array(hits[way])[:, at]),
        )
        for way in ways
        for at, name in enumerate(ANIMALS)
    ]
