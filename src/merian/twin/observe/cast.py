"""Which drawn species stands before the camera for each animal of an ecosystem, and how one animal at one moment is photographed.

Species of the drawn tree are drawn as themselves. Others are played: mammals by hoofed animals and birds by birds of the drawn tree, in the order of its tips,
so that neighbours in the list are relatives and look alike. Animals of other classes are too small or too wet for a camera, and are not photographed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting

if TYPE_CHECKING:
    from merian.drawn.organism import Organism, PlanName, Shot
    from merian.drawn.world import DrawnTree

__all__ = ["NOBODY", "PLANS", "Cast", "Moment", "shot"]

NOBODY = -1
"""The species of a moment at which nobody stands before the camera."""

PLANS: Mapping[str, PlanName] = {"Mammalia": "hoofed", "Aves": "bird"}
"""The body plan that plays each class that cameras photograph."""
NEAR_M = 4.0
"""How far off an animal of scale 1 stands, which fills half of the frame; one twice as far is half as large. Drawn animals have shapes and no size. A
choice."""
SMALLEST, LARGEST = 0.2, 1.15
"""Scales beyond which nothing would be seen, or nothing whole."""
ASIDE = 0.3
"""How far from the middle of the frame an animal at the edge of the sector stands, in units of the frame's side."""
DARK = (6.0, 18.0)
"""Hours of sunrise and sunset, as near the equator; in the dark cameras see by infrared."""


@dataclass(frozen=True, eq=False)
class Cast:
    """For each species [s] of an ecosystem by name, the tip of the drawn tree that is drawn for it (-1: not photographed)."""

    names: tuple[str, ...]
    tips: tuple[int, ...]
    tree: DrawnTree

    @classmethod
    def of(cls, names: Sequence[str], classes: Sequence[str], tree: DrawnTree) -> Cast:
        """The cast of these species. Raises BadSetting when the drawn tree has too few species to play all, BadData when cameras see none of them."""
        own = {name: tip for tip, name in enumerate(tree.species["scientificName"])}
        plans = tree.species["plan"].to_list()
        seen = {own[name] for name in names if name in own}
        free = {plan: [t for t, p in enumerate(plans) if p == plan and t not in seen] for plan in PLANS.values()}
        tips = []
        for name, animal_class in zip(names, classes, strict=True):
            plan = PLANS.get(animal_class)
            if plan is None:
                tips.append(-1)
            elif name in own:
                tips.append(own[name])
            elif not free[plan]:
                allowed = f"more: the drawn tree has too few of the plan {plan!r} to play {name}"
                raise BadSetting("drawn_species", tree.settings.species, allowed)
            else:
                tips.append(free[plan].pop(0))
        if max(tips, default=-1) < 0:
            raise BadData("ecosystem", f"has no animal that cameras photograph ({' or '.join(PLANS)})")
        return cls(tuple(names), tuple(tips), tree)

    @property
    def seen(self) -> list[int]:
        """The places of the species that are photographed."""
        return [at for at, tip in enumerate(self.tips) if tip >= 0]

    def table(self) -> pl.DataFrame:
        """A row for each species that is photographed: scientificName, drawnAs."""
        drawn = self.tree.species["scientificName"]
        rows = [(self.names[at], drawn[self.tips[at]]) for at in self.seen]
        return pl.DataFrame(rows, schema=["scientificName", "drawnAs"], orient="row")


@dataclass(frozen=True, slots=True)
class Moment:
    """One animal before a camera: the `species` in the cast (NOBODY: none), which `animal` of it, how far off (m) and how far aside (0 the middle, -1 and 1 the
    edges of the sector), when, and a `key` that names the chance of this photo."""

    species: int
    animal: int
    distance_m: float
    aside: float
    when: datetime
    key: str

    @property
    def dark(self) -> bool:
        """Whether the sun is down."""
        hour = self.when.hour + self.when.minute / 60
        return not DARK[0] <= hour < DARK[1]


def shot(cast: Cast, moment: Moment, seed: int) -> tuple[Organism | None, Shot]:
    """What the photo of a moment shows and how it was taken: size by distance, place by bearing, infrared at night; the animal always looks itself."""
    if moment.species == NOBODY:
        # as one of them would be photographed there, without it: nothing but its absence tells such a photo from the others
        rng = stream(seed, "watch", "nobody", moment.key)
        who = cast.seen[int(rng.integers(len(cast.seen)))]
        return None, replace(shot(cast, replace(moment, species=who), seed)[1], subject="empty")
    from merian.drawn.organism import Shot
    from merian.drawn.shots import frames, organism_of
    from merian.drawn.sightings import Event, draw_individual

    tip = cast.tips[moment.species]
    row: dict[str, Any] = cast.tree.species.row(tip, named=True)
    animal = draw_individual(row, seed, tip, moment.animal)
    style: Any = "camera trap infrared" if moment.dark else "camera trap day"
    event = Event(moment.key, animal, style, moment.when.date(), animal.lat_deg, animal.lon_deg, 1, "")
    taken = frames(row, event, replace(cast.tree.settings, seed=seed))[0]
    organism = organism_of(taken)
    assert organism is not None
    scale = min(max(NEAR_M / max(moment.distance_m, 0.1), SMALLEST), LARGEST)
    return organism, Shot(
        style=style,
        habitat=row["habitat"],
        angle_deg=taken["angle_deg"],
        scale=round(scale, 4),
        dx=round(ASIDE * math.copysign(min(abs(moment.aside), 1.0), moment.aside), 4),
        dy=taken["dy"],
        flip=taken["flip"],
        exposure_ev=taken["exposure_ev"],
        warmth=taken["warmth"],
        blur_px=taken["blur_px"],
        stamp=f"{moment.when:%Y-%m-%d %H:%M}",
        seed=taken["seed"],
    )
