"""Who is met, when and where: the individuals of each species and the events at which they are photographed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.drawn import plans
from merian.drawn.ecology import offset_place
from merian.drawn.naming import Namer
from merian.drawn.organism import PlanName, Sex, Stage, Style
from merian.drawn.world import DrawnTree

__all__ = [
    "SPECIMENS",
    "STYLES",
    "Event",
    "Individual",
    "collectors",
    "draw_events",
    "draw_individual",
    "key",
    "season_date",
]

STYLES: Mapping[PlanName, Mapping[Style, float]] = {
    "beetle": {"close-up": 0.55, "museum drawer": 0.45},
    "butterfly": {"close-up": 0.60, "museum drawer": 0.40},
    "bird": {"close-up": 0.42, "museum drawer": 0.12, "camera trap day": 0.36, "camera trap infrared": 0.10},
    "hoofed": {"close-up": 0.22, "camera trap day": 0.43, "camera trap infrared": 0.35},
    "fish": {"close-up": 0.85, "museum drawer": 0.15},
    "mushroom": {"close-up": 1.0},
    "leaf": {"close-up": 0.55, "herbarium sheet": 0.45},
    "flower": {"close-up": 0.70, "herbarium sheet": 0.30},
}
"""How each plan is photographed: shares of events. A matter of taste."""

STAGE_SHARE: Mapping[PlanName, Mapping[Stage, float]] = {
    "butterfly": {"adult": 0.80, "larva": 0.13, "pupa": 0.07},
    "bird": {"adult": 0.85, "juvenile": 0.15},
    "fish": {"adult": 0.85, "juvenile": 0.15},
    "hoofed": {"adult": 0.82, "juvenile": 0.18},
}
"""Shares of the life stages among individuals; plans that are missing are seen as adults only."""

SICK_SHARE: Mapping[PlanName, float] = {"leaf": 0.4, "flower": 0.12, "mushroom": 0.12}
"""Share of individuals with a visible disease."""

IMAGES_PER_INDIVIDUAL: Mapping[PlanName, int] = {"hoofed": 6, "bird": 4}
"""Plans whose individuals are met again and again, and how many images each has on average; all others are met once."""

KNOWN_SHARE: Mapping[PlanName, float] = {"hoofed": 0.6, "bird": 0.3}
"""Share of those individuals that a field worker knows by name or ring."""

EARLIER_DAYS: Mapping[Stage, float] = {"larva": 45.0, "pupa": 18.0}
"""How long before the adults' season the earlier stages are seen."""

SPECIMENS: tuple[Style, ...] = ("museum drawer", "herbarium sheet")
"""The styles that show a collected specimen."""

PHOTO_YEARS, SPECIMEN_YEARS = (2012, 2025), (1884, 1998)
RADIUS_TO_SD = 1.482
"""A circular normal distribution holds two thirds of its mass within 1.482 standard deviations."""


@dataclass(frozen=True, slots=True)
class Individual:
    """One living being: all of its truth that does not change between two photos of it."""

    key: str
    tip: int
    sex: Sex
    stage: Stage
    lesion: str
    severity: float
    seed: int
    traits: Mapping[str, float]
    """Value of every trait of its plan, or the index of its state."""
    lat_deg: float
    lon_deg: float
    year: int
    known: bool


@dataclass(frozen=True, slots=True)
class Event:
    """One meeting with one individual: `frames` photos in the same style, at the same place and date."""

    key: str
    individual: Individual
    style: Style
    day: date
    lat_deg: float
    lon_deg: float
    frames: int
    recorded_by: str


def key(seed: int, *path: str | int) -> str:
    """An identifier of 16 hexadecimal digits fixed by `seed` and `path`; its order tells nothing."""
    text = "\0".join(map(str, (seed, *path)))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def collectors(seed: int, n: int = 48) -> list[str]:
    """The `n` made-up people who send in photos and specimens."""
    namer = Namer(stream(seed, "collectors"))
    return [namer.person() for _ in range(n)]


def season_date(year: int, peak_day: float, sd_days: float, rng: np.random.Generator) -> date:
    """A date in `year` from a von Mises season about `peak_day` (0 is 1 January).

    The concentration is 1 / sd^2 in radians, so `sd_days` is the standard deviation of narrow seasons and a little less than that of wide ones.
    """
    turn = 2.0 * np.pi / 365.0
    angle = rng.vonmises(0.0, 1.0 / (sd_days * turn) ** 2)
    return date(year, 1, 1) + timedelta(days=int((peak_day + angle / turn) % 365.0))


def draw_events(world: DrawnTree, tip: int, images: int, people: list[str]) -> list[Event]:
    """The events of species `tip`, holding `images` frames in all. Raises BadSetting when its plan is photographed in none of the chosen styles."""
    seed = world.settings.seed
    row = world.species.row(tip, named=True)
    plan: PlanName = row["plan"]
    rng = stream(seed, "events", tip)
    pool = -(-images // IMAGES_PER_INDIVIDUAL[plan]) if plan in IMAGES_PER_INDIVIDUAL else 0
    residents = [draw_individual(row, seed, tip, k) for k in range(pool)]
    odds = 1.0 / (1.0 + np.arange(max(pool, 1)))
    wanted = world.settings.styles
    styles = [style for style in STYLES[plan] if not wanted or style in wanted]
    if not styles:
        raise BadSetting(
            "styles", ", ".join(wanted), f"none suits the plan {plan}, which has {', '.join(STYLES[plan])}"
        )
    share = np.array([STYLES[plan][s] for s in styles])
    events: list[Event] = []
    left = images
    while left:
        style: Style = styles[rng.choice(len(styles), p=share / share.sum())]
        if residents and style not in SPECIMENS:
            who = residents[rng.choice(pool, p=odds / odds.sum())]
        else:
            who = draw_individual(row, seed, tip, pool + len(events))
        if who.stage in ("larva", "pupa"):
            style = "close-up"
        specimen = style in SPECIMENS
        # Camera traps fire in bursts; a visitor sometimes takes a second photo; a specimen is photographed once.
        most = 3 if style.startswith("camera trap") else 2 if style == "close-up" and rng.random() < 0.15 else 1
        frames = min(left, int(rng.integers(1, most + 1)))
        year = int(rng.integers(*(SPECIMEN_YEARS if specimen else PHOTO_YEARS)))
        # The young stay young in all their photos, so those are of one year.
        year = who.year if who.stage == "juvenile" and not specimen else year
        peak = row["peak_day"] - EARLIER_DAYS.get(who.stage, 0.0)
        north, east = 2.0 * rng.standard_normal(2)
        lat, lon = offset_place(who.lat_deg, who.lon_deg, float(north), float(east))
        events.append(
            Event(
                key=key(seed, "event", tip, len(events)),
                individual=who,
                style=style,
                day=season_date(year, peak, row["season_sd_days"], rng),
                lat_deg=lat,
                lon_deg=lon,
                frames=frames,
                recorded_by=people[min(int(rng.geometric(0.08)) - 1, len(people) - 1)],
            )
        )
        left -= frames
    return events


def draw_individual(row: Mapping[str, Any], seed: int, tip: int, number: int) -> Individual:
    """Individual `number` of species `tip`, whose `row` is that of `DrawnTree.species`: the species' means and what makes it itself."""
    plan: PlanName = row["plan"]
    rng = stream(seed, "individual", tip, number)
    stages = STAGE_SHARE.get(plan, {"adult": 1.0})
    stage: Stage = list(stages)[rng.choice(len(stages), p=list(stages.values()))]
    sexes = plans.SEXES[plan]
    sex: Sex = sexes[int(rng.integers(len(sexes)))] if stage == "adult" else "undetermined"
    lesions = plans.LESIONS[plan]
    lesion = lesions[int(rng.integers(len(lesions)))] if lesions and rng.random() < SICK_SHARE.get(plan, 0.0) else ""
    severity = float(np.clip(rng.beta(1.6, 3.0), 0.05, 0.9)) if lesion else 0.0
    traits: dict[str, float] = {}
    for trait in plans.TRAITS[plan]:
        mean = row[f"trait_{trait.name}"]
        noise = float(rng.standard_normal())
        if trait.states:
            traits[trait.name] = float(trait.states.index(mean))
        else:
            value = mean + noise * trait.sd_within * (trait.high - trait.low)
            traits[trait.name] = min(max(value, trait.low), trait.high)
    north, east = row["radius_km"] / RADIUS_TO_SD * rng.standard_normal(2)
    lat, lon = offset_place(row["lat_deg"], row["lon_deg"], float(north), float(east))
    return Individual(
        key=key(seed, "individual", tip, number),
        tip=tip,
        sex=sex,
        stage=stage,
        lesion=lesion,
        severity=round(severity, 3),
        seed=int(rng.integers(2**31)),
        traits=traits,
        lat_deg=lat,
        lon_deg=lon,
        year=int(rng.integers(*PHOTO_YEARS)),
        known=bool(rng.random() < KNOWN_SHARE.get(plan, 0.0)),
    )
