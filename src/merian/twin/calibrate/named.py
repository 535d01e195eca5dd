"""Photos of a watched world that a classifier has named: what `merian identify` said of them, and how it names those whose species is known.

A name that is given surely and one that is given with doubt are labels of their own ("kudu", "kudu?"), so that what a probability is worth is learnt from the
held-out photos like everything else; what is less than a doubt is "unknown". A name of no species that lives there is "unknown" too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tree import read_table
from merian.twin.calibrate.counts import Counts, counted, overlap, period_of, periods_of, read_times
from merian.twin.observe.camera import Zone
from merian.twin.observe.labels import EMPTY, UNKNOWN, Confusion
from merian.twin.observe.package import BEGAN, DEPLOYMENTS, MEDIA
from merian.twin.observe.watch import FORMAT, HELD_OUT, KIND

__all__ = ["DOUBTED", "Answers", "Named", "read_answers", "read_watched"]

DOUBTED = "?"
"""Behind a name that was given with doubt."""


@dataclass(frozen=True, slots=True)
class Answers:
    """How answers become labels: a name at least as probable as `sure` is said surely, one at least as probable as `least` with doubt."""

    sure: float = 0.8
    least: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.sure <= 1:
            raise BadSetting("least", self.least, f"from 0 to sure, {self.sure:g}")

    def label(self, name: str, probability: float, none: bool) -> str:
        """The label of an answer."""
        if none or not name or not probability >= self.least:
            return UNKNOWN
        return name if probability >= self.sure else name + DOUBTED


@dataclass(frozen=True, eq=False)
class Named:
    """What is known of a watched world: its `counts`, the `confusion` matrix of the held-out photos, the cameras' `zone`, the share `detected` of those who
    enter it, how far each species goes in a day, km; and the `truth`: columns begin, species, density_km2, the mean over each period."""

    counts: Counts
    confusion: Confusion
    zone: Zone
    detected: float
    day_km: Mapping[str, float]
    truth: pl.DataFrame


def read_answers(path: Path, how: Answers, folders: Sequence[str]) -> dict[str, str]:
    """The label of each photo that `merian identify` named in a CSV or Parquet file, by its path from one of these folders on. Raises BadData or Missing."""
    if path.suffix == ".jsonl":
        raise BadData(path, "is JSON Lines; name the photos with -o NAMES.csv or NAMES.parquet")
    table = read_table(path)
    lost = [name for name in ("file_name", "species", "score", "none") if name not in table.columns]
    if lost:
        raise BadData(path, "is no answer of `merian identify` at the rank of species; it lacks columns", lost)
    best = table.unique("file_name", keep="first", maintain_order=True)
    scores = best["score"].cast(pl.Float64, strict=False).fill_null(0.0).to_list()
    names, none = (best[column].cast(pl.String).fill_null("").to_list() for column in ("species", "none"))
    found: dict[str, str] = {}
    for file, name, score, no in zip(best["file_name"], names, scores, none, strict=True):
        parts = Path(str(file)).parts
        at = [k for k, part in enumerate(parts) if part in folders]
        if at:
            found["/".join(parts[at[-1] :])] = how.label(name, score, no == "yes")
    return found


def read_watched(folder: Path, answers: Path, how: Answers, period_days: float) -> Named:
    """What a watched world's cameras brought home, by what a classifier said of the photos and of the held-out ones.

    Raises Missing when it is no watched world, BadData when photos have no answer or no held-out photo has one.
    """
    store.read(folder, KIND, FORMAT)
    if not (folder / f"{HELD_OUT}.csv").is_file():
        raise Missing("held-out photos", folder, "watch it again with --held-out 100 or more")
    cast = read_table(folder / "cast.csv")
    species = cast["scientificName"].to_list()
    said = read_answers(answers, how, ("photos", HELD_OUT))
    called = dict(zip(cast["drawnAs"], species, strict=True)) | {name: name for name in (*species, EMPTY)}
    media, held = read_table(folder / MEDIA), read_table(folder / f"{HELD_OUT}.csv")
    confusion = _confusion(species, held, [_of(said, place, called) for place in held["filePath"]])
    missing = [place for place in media["filePath"] if place not in said]
    if missing:
        raise BadData(answers, f"names each photo of {folder / 'photos'}; these have no row", missing)
    labels = [_of(said, place, called) for place in media["filePath"]]
    out = read_table(folder / DEPLOYMENTS)
    starts, ends = (read_times(out[name], folder / DEPLOYMENTS) for name in ("deploymentStart", "deploymentEnd"))
    spans = periods_of(min(starts), max(ends), period_days)
    effort = pl.DataFrame(
        [
            (span[0].date(), name, overlap(a, b, span))
            for name, a, b in zip(out["deploymentID"], starts, ends, strict=True)
            for span in spans
        ],
        schema={"begin": pl.Date, "deployment": pl.String, "days": pl.Float64},
        orient="row",
    )
    times = read_times(media["timestamp"], folder / MEDIA)
    begins = [period_of(spans, when) for when in times]
    rows = pl.DataFrame({"begin": begins, "deployment": media["deploymentID"], "label": labels})
    rows = rows.group_by("begin", "deployment", "label", maintain_order=True).agg(count=pl.len().cast(pl.Int64))
    counts = counted(rows, effort, confusion.labels, folder)
    unknown = labels.count(UNKNOWN)
    if unknown > len(labels) / 2:
        why = "it was taught others, or --least is too high for it"
        counts = counts.said(
            f"the classifier names nothing that lives here in {unknown:,} of {len(labels):,} photos: {why}"
        )
    truth = pl.read_parquet(folder / "truth.parquet")
    noons = [BEGAN.replace(tzinfo=UTC) + timedelta(days=day + 0.5) for day in truth["day"]]
    truth = truth.with_columns(begin=pl.Series([period_of(spans, noon) for noon in noons], dtype=pl.Date))
    mean = truth.group_by("begin", "scientificName", maintain_order=True).agg(pl.col("density_km2").mean())
    angle, detected = float(cast["angle_deg"][0]), float(cast["detected"][0])
    zone = Zone(float(out["detectionDistance"][0]) / 1000.0, float(np.radians(angle)))
    goes = dict(zip(species, cast["day_km"].cast(pl.Float64), strict=True))
    return Named(counts, confusion, zone, detected, goes, mean.rename({"scientificName": "species"}))


def _of(said: Mapping[str, str], place: str, called: Mapping[str, str]) -> str:
    """The label of a photo in the names of the species; "" where it has none."""
    label = said.get(place, "")
    name = label.removesuffix(DOUBTED)
    if label in ("", UNKNOWN):
        return label
    return called[name] + label[len(name) :] if name in called else UNKNOWN


def _confusion(species: Sequence[str], held: pl.DataFrame, labels: Sequence[str]) -> Confusion:
    """The matrix of the held-out photos that were named; with a row of nothing where some show nothing."""
    species = [*species, *([EMPTY] if EMPTY in held["scientificName"] else [])]
    there = [(name, label) for name, label in zip(held["scientificName"], labels, strict=True) if label]
    if not there:
        raise BadData(
            HELD_OUT, "has answers: name both folders, `merian identify OUT/photos OUT/held_out -o NAMES.csv`"
        )
    every = (*species, *(name + DOUBTED for name in species), UNKNOWN)
    photos = np.zeros((len(species), len(every)), np.int64)
    for name, label in there:
        photos[species.index(name), every.index(label)] += 1
    return Confusion(tuple(species), every, photos)
