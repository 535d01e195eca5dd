"""What a stage shows and what can be turned on it: light to load, so that a server can offer a twin before anybody looks at it."""

from __future__ import annotations

from dataclasses import dataclass

from merian.core.settings import knob

__all__ = ["NOTICE", "SHOWN_KINDS", "StageSettings"]

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
    seed: int = knob(0, "Names all chance", ge=0)
