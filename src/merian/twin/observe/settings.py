"""Every knob of watching an ecosystem, with its bound."""

from __future__ import annotations

from dataclasses import dataclass

from merian.core.settings import knob

__all__ = ["WatchSettings"]


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """The window that is watched, its cameras, and how photos are drawn."""

    cameras: int = knob(40, "Cameras, at random places, each looking any way", ge=2, le=10_000)
    days: float = knob(30.0, "Days that they stand", unit="days", gt=0, le=3650)
    window_km: float = knob(8.0, "Width of the square window", unit="km", gt=0.1, le=200)
    step_hours: float = knob(1.0, "Length of a step: animals go straight within one", unit="h", gt=0, le=24)
    day_km: float = knob(4.0, "How far an animal goes in a day, all species alike: assumed", unit="km", gt=0, le=100)
    persistence: float = knob(0.5, "How much animals keep their heading: 0 not at all, 1 straight on", ge=0, le=1)
    start_spread: float = knob(
        0.5, "How far the true densities are off those of the ecosystem: sd of their logarithm", ge=0, le=3
    )
    radius_m: float = knob(10.0, "How far off a camera detects an animal", unit="m", gt=0, le=200)
    angle_deg: float = knob(40.0, "The angle of its sector", unit="degrees", gt=0, le=180)
    detected: float = knob(0.9, "Share of the animals that enter a sector that are photographed", gt=0, le=1)
    false_day: float = knob(0.0, "Frames a camera shoots in a day of nothing at all: grass in the wind", ge=0, le=1000)
    held_out: int = knob(100, "Labelled drawings of each species, taken like the photos, to try a classifier on", ge=0)
    taught: int = knob(0, "And others to teach one", ge=0)
    most: int = knob(20_000, "Photos beyond which the run is refused before it starts", ge=1)
    size: int = knob(96, "Side of a photo", unit="px", ge=32, le=1024)
    drawn_species: int = knob(
        160, "Species of the drawn tree of life that the animals are taken from", ge=8, le=100_000
    )
    drawn_seed: int = knob(0, "Names the drawn tree", ge=0)
    seed: int = knob(0, "Names all other chance", ge=0)
