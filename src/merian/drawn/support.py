"""A few pictures of each kind, by kind: what a person would sort by hand to teach a probe to tell drawings and labels from photos."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from merian.core.chance import stream
from merian.drawn.faults import UNMARRED
from merian.drawn.organism import PlanName, Style
from merian.drawn.shots import as_table, frames
from merian.drawn.sightings import Event, collectors, draw_individual, key, season_date
from merian.drawn.world import DrawnTree

__all__ = ["SUPPORT", "support_path", "support_table"]

Kind = tuple[tuple[Style, ...], tuple[PlanName, ...]]
_ALL: tuple[PlanName, ...] = ("beetle", "butterfly", "bird", "fish", "hoofed", "leaf", "flower", "mushroom")
SUPPORT: Mapping[str, Kind] = {
    "drawing": (("close-up",), _ALL),
    "label": (("museum drawer",), ("beetle", "butterfly", "bird", "fish", "leaf", "flower")),
    "text page": (("museum drawer",), ("beetle", "butterfly", "bird", "fish", "leaf", "flower")),
    "museum drawer": (("museum drawer",), ("beetle", "butterfly", "bird")),
    "keep-close-up": (("close-up",), _ALL),
    "keep-specimen": (("museum drawer",), ("beetle", "butterfly", "bird", "fish")),
    "keep-herbarium": (("herbarium sheet",), ("leaf", "flower")),
    "keep-camera": (("camera trap day", "camera trap infrared"), ("bird", "hoofed")),
}
"""Folder -> how and of what its pictures are taken. The folders that begin with "keep" hold what belongs into a catalog."""
EMPTY_EVERY = 5
"""One in so many frames of keep-camera shows nobody: an empty frame is a photo, and another filter's business."""


def support_path(kind: str, number: int) -> str:
    """Where a picture of the support set lies, relative to the source folder."""
    return f"support/{kind}/{number:02d}.jpg"


def support_table(world: DrawnTree) -> pl.DataFrame:
    """One row per picture as in `shots.plan_images`, with its `place` (path in the source folder): `settings.support` of each kind
    that the body plans of the world allow.

    The individuals are met nowhere else in the source, so no picture is one of the planted.
    """
    seed = world.settings.seed
    people = collectors(seed)
    plans = world.species["plan"].to_list()
    rows, kinds, places = [], [], []
    for kind, (styles, allowed) in SUPPORT.items():
        tips = [i for i, plan in enumerate(plans) if plan in allowed]
        for k in range(world.settings.support if tips else 0):
            rng = stream(seed, "support", kind, k)
            tip = tips[int(rng.integers(len(tips)))]
            species = world.species.row(tip, named=True)
            who = draw_individual(species, seed, tip, 10**9 + int(rng.integers(10**9)))
            while styles != ("close-up",) and who.stage in ("larva", "pupa"):
                who = draw_individual(species, seed, tip, 10**9 + int(rng.integers(10**9)))
            event = Event(
                key=key(seed, "support", kind, k),
                individual=who,
                style=styles[k % len(styles)],
                day=season_date(who.year, species["peak_day"], species["season_sd_days"], rng),
                lat_deg=who.lat_deg,
                lon_deg=who.lon_deg,
                frames=1,
                recorded_by=people[int(rng.integers(len(people)))],
            )
            row = frames(species, event, world.settings)[0]
            if kind == "keep-camera" and k % EMPTY_EVERY == EMPTY_EVERY - 1:
                row |= {"subject": "empty"}
            rows.append(row)
            kinds.append("" if kind.startswith("keep") else kind)
            places.append(support_path(kind, k))
    table = as_table(rows, world).with_columns(**UNMARRED)
    return table.with_columns(pl.Series("fault", kinds, dtype=pl.String), pl.Series("place", places, dtype=pl.String))
