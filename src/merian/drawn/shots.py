"""Every image of the drawn tree, decided before any is drawn: one row each, from which that image alone can be made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.drawn import plans
from merian.drawn.faults import PAGE_STYLES, plant
from merian.drawn.mess import soil
from merian.drawn.organism import Organism, PlanName, Shot, Style
from merian.drawn.rights import license_records
from merian.drawn.sightings import SPECIMENS, Event, collectors, draw_events, key, season_date
from merian.drawn.world import LINEAGE, DrawnTree, DrawSettings, trait_type

__all__ = ["as_table", "frames", "image_counts", "organism_of", "plan_images", "shot_of", "trait_names"]

Row = dict[str, Any]

LYING: tuple[PlanName, ...] = ("beetle", "butterfly", "leaf")
"""Plans that are seen from above and so in any position; the others stand upright."""

OTHER_FLANK = 0x2F6E2B1
"""Turns the seed of an individual's marks into that of its other flank, for no animal wears the same stripes on both sides."""

SCHEMA: dict[str, type[pl.DataType]] = {
    "occurrenceID": pl.String,
    "eventID": pl.String,
    "tip": pl.Int32,
    "subject": pl.String,
    "plan": pl.String,
    "style": pl.String,
    "habitat": pl.String,
    "sex": pl.String,
    "stage": pl.String,
    "lesion": pl.String,
    "severity": pl.Float64,
    "individual": pl.String,
    "marks_seed": pl.Int64,
    "known": pl.Boolean,
    "day": pl.Date,
    "lat_deg": pl.Float64,
    "lon_deg": pl.Float64,
    "recorded_by": pl.String,
    "angle_deg": pl.Float64,
    "scale": pl.Float64,
    "dx": pl.Float64,
    "dy": pl.Float64,
    "flip": pl.Boolean,
    "exposure_ev": pl.Float64,
    "warmth": pl.Float64,
    "blur_px": pl.Float64,
    "stamp": pl.String,
    "seed": pl.Int64,
    "label_text": pl.String,
}
"""What decides one image, besides its traits, its label and its fault."""


def trait_names() -> list[str]:
    """The names of all traits of all plans, sorted."""
    return sorted({t.name for traits in plans.TRAITS.values() for t in traits})


def image_counts(world: DrawnTree) -> list[int]:
    """How many images of each species [species] there are before duplicates are planted.

    Every species has `per_species`; the rest go by abundance (largest remainders).
    Raises BadSetting when there are not enough images for that.
    """
    s = world.settings
    spare = round(s.images * s.duplicates) + round(s.images * s.near_duplicates)
    spare += sum(_vacant_counts(world).values())
    free = s.images - spare - s.per_species * s.species
    if free < 0:
        least = int(
            np.ceil(s.per_species * s.species / max(1e-9, 1 - s.duplicates - s.near_duplicates - s.empty - s.person))
        )
        allowed = f"at least {least} for {s.species} species with {s.per_species} images each (per_species)"
        raise BadSetting("images", s.images, allowed)
    ideal = world.species["abundance"].to_numpy() * free
    counts = np.floor(ideal).astype(int)
    counts[np.argsort(-(ideal - counts), kind="stable")[: free - int(counts.sum())]] += 1
    return [int(c) + s.per_species for c in counts]


def plan_images(world: DrawnTree) -> pl.DataFrame:
    """One row per image, sorted by `occurrenceID`: `SCHEMA`, the true lineage, the label given, the fault, and `trait_<name>` (the individual's);
    `faults.plant`, `mess.soil` and `rights.license_records` say which columns they add.

    Each species draws from streams of its own, so its images do not depend on those of the others. Raises BadSetting when the
    planted faults leave no image clean.
    """
    people = collectors(world.settings.seed)
    rows: list[Row] = []
    for tip, images in enumerate(image_counts(world)):
        species = world.species.row(tip, named=True)
        for event in draw_events(world, tip, images, people):
            rows += frames(species, event, world.settings)
    for subject, images in _vacant_counts(world).items():
        rows += _vacant(world, subject, images, people)
    table = plant(as_table(rows, world), world).sort("occurrenceID")
    return license_records(soil(table, world), world.settings)


def as_table(rows: list[Row], world: DrawnTree) -> pl.DataFrame:
    """The rows of `frames` as a table: `SCHEMA`, `trait_<name>`, and the true name and lineage."""
    types = {f"trait_{name}": trait_type(name) for name in trait_names()}
    table = pl.DataFrame(rows, schema={**SCHEMA, **types}, orient="row")
    truth = ["scientificName", "taxonID", *LINEAGE]
    names = world.species.select(pl.int_range(pl.len(), dtype=pl.Int32).alias("tip"), *truth)
    return table.join(names, on="tip", how="left", maintain_order="left")


def frames(species: Row, event: Event, settings: DrawSettings) -> list[Row]:
    """One row for each photo of an event: `species` is that of `DrawnTree.species`, the keys are those of SCHEMA and the traits."""
    who, seed = event.individual, settings.seed
    plan: PlanName = species["plan"]
    rng = stream(seed, "shot", event.key)
    traits = {
        f"trait_{t.name}": t.states[int(who.traits[t.name])] if t.states else who.traits[t.name]
        for t in plans.TRAITS[plan]
    }
    rows: list[Row] = []
    for frame in range(event.frames):
        label = f"{species['scientificName']}\n{event.day.isoformat()}\nleg. {event.recorded_by}"
        rows.append(
            {
                "occurrenceID": key(seed, "image", event.key, frame),
                "eventID": event.key,
                "tip": who.tip,
                "subject": "organism",
                "plan": plan,
                "style": event.style,
                "habitat": species["habitat"],
                "sex": who.sex,
                "stage": who.stage,
                "lesion": who.lesion,
                "severity": who.severity,
                "individual": who.key,
                "marks_seed": who.seed,
                "known": who.known or event.style in SPECIMENS,
                "day": event.day,
                "lat_deg": event.lat_deg,
                "lon_deg": event.lon_deg,
                "recorded_by": event.recorded_by,
                "label_text": label if event.style in SPECIMENS else "",
                **_pose(plan, event.style, settings.mirrored, rng),
                "stamp": _stamp(event.style, event.day.isoformat(), rng),
                **traits,
            }
        )
    return rows


def _trapped(world: DrawnTree) -> list[int]:
    """The species that camera traps are set up for; none where photos are taken in other ways alone."""
    styles = world.settings.styles
    if styles and not {"camera trap day", "camera trap infrared"} <= set(styles):
        return []
    return [i for i, plan in enumerate(world.species["plan"]) if plan in ("bird", "hoofed")]


def _vacant_counts(world: DrawnTree) -> dict[str, int]:
    """How many frames of camera traps show no animal, by their subject."""
    s, set_up = world.settings, bool(_trapped(world))
    return {name: round(s.images * share) * set_up for name, share in (("empty", s.empty), ("person", s.person))}


def _vacant(world: DrawnTree, subject: str, images: int, people: list[str]) -> list[Row]:
    """Camera-trap frames without an animal, at places and dates where some bird or hoofed animal lives."""
    seed = world.settings.seed
    tips = _trapped(world)
    rows: list[Row] = []
    for k in range(images):
        rng = stream(seed, subject, k)
        species = world.species.row(tips[int(rng.integers(len(tips)))], named=True)
        style: Style = "camera trap infrared" if rng.random() < 0.45 and subject == "empty" else "camera trap day"
        day = season_date(int(rng.integers(2012, 2025)), species["peak_day"], species["season_sd_days"], rng)
        rows.append(
            {
                "occurrenceID": key(seed, "image", subject, k),
                "eventID": key(seed, "event", subject, k),
                "subject": subject,
                "style": style,
                "habitat": species["habitat"],
                "known": False,
                "day": day,
                "lat_deg": species["lat_deg"],
                "lon_deg": species["lon_deg"],
                "recorded_by": people[int(rng.integers(len(people)))],
                "label_text": "",
                **_pose("hoofed", style, world.settings.mirrored, rng),
                "stamp": _stamp(style, day.isoformat(), rng),
            }
        )
    return rows


def _pose(plan: PlanName, style: Style, mirrored: float, rng: np.random.Generator) -> Row:
    """Camera and pose: specimens lie straight and sharp, people aim well, camera traps take what comes. All spreads are a matter of taste."""
    z = rng.standard_normal(7)
    flip = bool(rng.random() < mirrored)
    seed = int(rng.integers(2**31))
    if style in SPECIMENS:
        angle, scale, shift, light, blur = 3.0 * z[0], 0.92 * np.exp(0.04 * z[1]), 0.015, 0.12, 0.0
        flip = False
    elif style == "close-up":
        turn = 22.0 if plan in LYING else 5.0
        angle, scale, shift, light = turn * z[0], 0.95 * np.exp(0.12 * z[1]), 0.045, 0.35
        blur = max(0.0, 0.55 * abs(z[6]) - 0.35)
    else:
        angle, scale, shift, light = 3.0 * z[0], 0.82 * np.exp(0.2 * z[1]), 0.11, 0.35
        blur = 0.15 + 0.35 * abs(z[6])
    return {
        "angle_deg": round(float(angle), 2),
        "scale": round(float(scale), 4),
        "dx": round(float(np.clip(shift * z[2], -0.3, 0.3)), 4),
        "dy": round(float(np.clip(0.6 * shift * z[3], -0.2, 0.2)), 4),
        "flip": flip,
        "exposure_ev": round(float(light * z[4]), 3),
        "warmth": round(float(np.clip(0.25 * z[5], -1.0, 1.0)), 3),
        "blur_px": round(float(blur), 3),
        "seed": seed,
    }


def _stamp(style: Style, day: str, rng: np.random.Generator) -> str:
    if not style.startswith("camera trap"):
        return ""
    night = style == "camera trap infrared"
    hour = int(rng.choice([21, 22, 23, 0, 1, 2, 3, 4])) if night else int(rng.integers(6, 20))
    return f"{day} {hour:02d}:{int(rng.integers(60)):02d} {int(rng.integers(2, 14) if night else rng.integers(8, 31))}C"


def organism_of(row: Mapping[str, Any]) -> Organism | None:
    """What the image of `row` (of `plan_images`) shows, None for frames without an organism."""
    if row["subject"] != "organism":
        return None
    plan: PlanName = row["plan"]
    traits: dict[str, float] = {}
    for trait in plans.TRAITS[plan]:
        value = row[f"trait_{trait.name}"]
        traits[trait.name] = float(trait.states.index(value)) if trait.states else value
    return Organism(
        plan=plan,
        traits=traits,
        sex=row["sex"],
        stage=row["stage"],
        lesion=row["lesion"],
        severity=row["severity"],
        individual=row["marks_seed"] ^ (OTHER_FLANK if row["flip"] and plan == "hoofed" else 0),
    )


def shot_of(row: Mapping[str, Any]) -> Shot:
    """How the image of `row` (of `plan_images`) is taken: of the organism, or of a label, a page, a drawing or a drawer in its place."""
    page = PAGE_STYLES.get(row["fault"])
    return Shot(
        style=page or row["style"],
        subject=row["subject"],
        habitat=row["habitat"],
        label=row["label_text"] or (str(row["scientificName"]) if page else ""),
        angle_deg=row["angle_deg"],
        scale=row["scale"],
        dx=row["dx"],
        dy=row["dy"],
        flip=row["flip"],
        # pages are photographed with care: still, level and well lit
        exposure_ev=row["exposure_ev"] * (0.5 if page else 1.0),
        warmth=row["warmth"],
        blur_px=min(row["blur_px"], 0.3) if page else max(row["blur_px"], row["defocus_px"]),
        smear_px=row["smear_px"],
        smear_deg=row["smear_deg"],
        stamp=row["stamp"],
        seed=row["seed"],
    )
