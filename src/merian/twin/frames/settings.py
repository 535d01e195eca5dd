"""What a stage shows and what can be turned on it: light to load, so that a server can offer a twin before anybody looks at it."""

from __future__ import annotations

from dataclasses import dataclass

from merian.core.settings import knob

__all__ = ["NOTICE", "SHOWN_KINDS", "SUFFIX", "RecordSettings", "StageSettings"]

SUFFIX = ".twin"
"""How a recorded run is called."""
NOTICE = (
    "A simulation: no animal and no place in it is real. Reconstruction from optics; nobody knows what it feels like."
)
SHOWN_KINDS = ("rain", "drought", "warming", "habitat", "harvest", "protect", "refuge", "remove")
"""Kinds of changes that hold in the whole window at once, and so can be turned while it runs."""


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """The window that is shown."""

    window_km: float = knob(20.0, "Width of the square window", unit="km", gt=0.1, le=500)
    rows: int = knob(32, "Rows and columns of its ground", ge=4, le=256)
    herds: int = knob(
        4000, "Animals or herds at most, about: where there are more animals, herds are larger", ge=10, le=200_000
    )
    step_hours: float = knob(1.0, "Length of a step", unit="h", gt=0, le=24)
    persistence: float = knob(0.7, "How much animals keep their heading: 0 not at all, 1 straight on", ge=0, le=1)
    rain_spread: float = knob(0.2, "Standard deviation of the logarithm of a year's rain", ge=0, le=3)
    latitude_deg: float = knob(-2.0, "Latitude, for the seasons", unit="degrees", ge=-90, le=90)
    behaviour: bool = knob(
        True,
        "Whether herds breed by season, see their prey by their eyes and meet in groups, as far as is known of them",
    )
    meeting_km: float = knob(
        20.0, "Width of the ground on which animals meet, where it is wider than a cell", unit="km", ge=0, le=1000
    )
    hunger: float = knob(
        2.0,
        "How much harder animals seek food that weigh less than adults: effort is (A / M) to this power",
        ge=0,
        le=10,
    )
    open_edges: bool = knob(
        True,
        "Whether animals leave over the window's edges and others come in, as many as there were at the start; not where the ecosystem is an island",
    )
    seed: int = knob(0, "Names all chance", ge=0)


@dataclass(frozen=True, kw_only=True)
class RecordSettings(StageSettings):
    """What is recorded, and how it is played."""

    days: float = knob(30.0, "Days that are recorded", unit="days", gt=0, le=36525)
    shot_hours: float = knob(
        3.0,
        "Time between two shots, rounded to whole steps; less than a step: to a whole part of one, herds being on their ways",
        unit="h",
        gt=0,
        le=8766,
    )
    shot_seconds: float = knob(0.2, "How long a player shows one", unit="s", gt=0.01, le=60)
    key_shots: int = knob(50, "A shot of so many can be jumped to", ge=1, le=100_000)
    slow_shots: int = knob(5, "Numbers and plants come with one shot of so many", ge=1, le=100_000)
    members: int = knob(
        64, "Pairs of runs of the food web whose fans and sentences are written beside; 0: none", ge=0, le=256
    )
    years: int = knob(30, "And over how many years they go", unit="year", ge=2, le=200)
