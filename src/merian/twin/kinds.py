"""What a scenario can change: each kind with the unit and bounds of its amount, the range in which constants were measured, and where it acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["KINDS", "Kind", "Whom"]

Whom = Literal["any", "one", "land"]
"""Whom a kind concerns: some species or all of them, one that must be named, or the land and no species."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a change does, the unit and bounds of its amount, and the range in which the constants of the equations were measured."""

    meaning: str
    unit: str
    low: float
    high: float
    measured: tuple[float, float]
    moment: bool = False
    """Whether it happens at one moment (no ramp, no end)."""
    whom: Whom = "any"
    points: int = 0
    """How many points its path has at the least; a kind with a path needs a map."""
    path: bool = False
    """Whether it may have a path though it needs none."""
    threat: bool = False
    """Whether it is one of merian.twin.hazards, which have settings of their own."""


KINDS: Mapping[str, Kind] = {
    "remove": Kind(
        "the species is gone from this year on; amount: the share of it", "1", 0.0, 1.0, (0.0, 1.0), True, "one"
    ),
    "introduce": Kind("so much of the species is set free", "g m-2", 0.0, 1e6, (0.0, 1e6), True, "one"),
    "harvest": Kind(
        "so much of its biomass is taken in a year: poaching, hunting, snares", "year-1", 0.0, 50.0, (0.0, 2.0)
    ),
    "protect": Kind(
        "so large a share of what was taken is no longer; in a zone also of livestock and of habitat loss",
        "1",
        0.0,
        1.0,
        (0.0, 1.0),
    ),
    "habitat": Kind("so large a share of the room of what grows is lost", "1", 0.0, 1.0, (0.0, 0.9)),
    "rain": Kind("times as much rain, which growth and room of what grows follow", "1", 0.0, 3.0, (0.5, 1.5)),
    "drought": Kind("so large a share of the rain fails", "1", 0.0, 1.0, (0.0, 0.5)),
    "warming": Kind("degrees warmer: rates follow by their activation energies", "K", -20.0, 20.0, (0.0, 5.0)),
    "refuge": Kind(
        "so large a share of the species is out of its eaters' reach: fences, cover", "1", 0.0, 1.0, (0.0, 0.9)
    ),
    "fence": Kind("so large a share of moves across the line is held up", "1", 0.0, 1.0, (0.0, 1.0), False, "land", 2),
    "corridor": Kind(
        "a strip in which moves are so open, whatever was fenced or lost there",
        "1",
        0.0,
        1.0,
        (0.0, 1.0),
        False,
        "land",
        2,
    ),
    "waterpoint": Kind("so much water to drink in the cell: 0 closes it", "1", 0.0, 1.0, (0.0, 1.0), False, "land", 1),
    "disease": Kind(
        "a disease arrives in the species, whose first animal infects so many",
        "1",
        0.1,
        50.0,
        (0.1, 10.0),
        whom="one",
        threat=True,
    ),
    "fire": Kind("so many sparks fall", "km-2 year-1", 0.0, 1000.0, (0.0, 1.0), whom="land", threat=True),
    "poaching": Kind(
        "so much of those of the best size is taken beside the settlement or road",
        "year-1",
        0.0,
        50.0,
        (0.0, 2.0),
        points=1,
        threat=True,
    ),
    "livestock": Kind(
        "so many head of stock (of 250 kg) graze on the mean land, fed and guarded by people",
        "km-2",
        0.0,
        1000.0,
        (0.0, 50.0),
        whom="land",
        path=True,
        threat=True,
    ),
    "disturbance": Kind(
        "so much thinner do animals stand beside the settlements or road, which they avoid",
        "1",
        0.0,
        0.999,
        (0.0, 0.9),
        points=1,
        threat=True,
    ),
    "road": Kind(
        "so many vehicles a day, which hit animals that cross",
        "day-1",
        0.0,
        1e6,
        (0.0, 10_000.0),
        points=2,
        threat=True,
    ),
}
"""Where no figure says otherwise, the measured range is a judgement: what lies beyond it is said on every figure."""
