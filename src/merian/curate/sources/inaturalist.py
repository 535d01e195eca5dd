"""iNaturalist Open Data: photos, observations, observers and taxa as tab-separated tables, the photos themselves in a public bucket.

Columns: https://github.com/inaturalist/inaturalist-open-data/tree/documentation/Metadata. A photo that lies below `photos/` in the folder, as in the
bucket, is read from there; all others are at their address. `source` tells the quality grade, so that --only can pick research-grade ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from merian.core.tree import RANKS
from merian.curate.sources.columns import labelled, taken
from merian.curate.sources.gather import Batch, Origin, bucketed, content_digest, gathered, refusals
from merian.curate.sources.lineage import lineages_above
from merian.curate.sources.seam import Source
from merian.curate.sources.text import LINE, TextTable, need, text_file

__all__ = ["PHOTO_SIZE", "inaturalist"]

PHOTO_SIZE = "medium"
"""Which of the bucket's sizes: original (2048 px), large (1024), medium (500), small (240). Medium is twice what an encoder sees."""
BUCKET = "https://inaturalist-open-data.s3.amazonaws.com/photos/"
PHOTOS = ("photo_id", "observation_uuid", "observer_id", "extension", "license")
OBSERVATIONS = ("observation_uuid", "latitude", "longitude", "taxon_id", "quality_grade", "observed_on")
TAXA = ("taxon_id", "ancestry", "rank", "name")
KEY = "observation_uuid"


def inaturalist(path: Path) -> Source | None:
    """A folder with photos.csv, observations.csv, taxa.csv and observers.csv, each as it is or gzipped."""
    files = {name: _table(path, name) for name in ("photos", "observations", "taxa", "observers")}
    if path.is_file() or files["photos"] is None or files["observations"] is None:
        return None
    photos, observations = (_open(files[n]) for n in ("photos", "observations"))
    if not {"photo_id", KEY} <= set(photos.names()) and None in files.values():
        return None  # two tables that happen to be called so
    need(photos.names(), PHOTOS, photos.where)
    need(observations.names(), OBSERVATIONS, observations.where)
    taxa = _taxa(files["taxa"])
    observers = _observers(files["observers"])
    local = path if (path / "photos").is_dir() else None
    digest = content_digest(
        [f for f in files.values() if f is not None], f"inaturalist {PHOTO_SIZE} {local is not None}"
    )
    bad: list[pl.DataFrame] = []

    def stream(table: TextTable, columns: tuple[str, ...], keep_line: bool) -> Iterator[pl.DataFrame]:
        for block in table.blocks():
            bad.append(block.refused)
            yield block.frame.select(*columns, *([LINE] if keep_line else []))

    def batches() -> Iterator[Batch]:
        size = photos.size + observations.size
        pairs = bucketed(
            lambda: stream(photos, PHOTOS, True), lambda: stream(observations, OBSERVATIONS, True), KEY, size
        )
        bare = 0
        for shown, seen in pairs:
            rows, refused, without = _rows(shown, seen, photos.label, observations.label, local)
            bare += without
            rows = _named(rows, taxa, observers)
            yield Batch(rows, pl.concat([*bad, refused]), shown.height * 100)
            bad.clear()
        if bare:
            yield Batch(pl.DataFrame(), refusals(observations.label, [None], f"observations without a photo: {bare:,}"))

    return gathered(Origin("iNaturalist open data", path, digest, photos.size), batches)


def _table(path: Path, name: str) -> Path | None:
    return next((f for f in (path / f"{name}.csv", path / f"{name}.csv.gz") if f.is_file()), None)


def _open(file: Path | None) -> TextTable:
    return text_file(file or Path(), "\t", None)


def _taxa(file: Path | None) -> pl.DataFrame:
    """Columns taxon_id, verbatim_name and the ranks, from the ancestry of each taxon ("48460/1/2")."""
    if file is None:
        return pl.DataFrame(schema=dict.fromkeys(("taxon_id", "verbatim_name", *RANKS), pl.String))
    table = _open(file)
    need(table.names(), TAXA, table.where)
    frame, _ = table.whole()
    parent = pl.col("ancestry").str.split("/").list.last()
    above = lineages_above(frame.select(pl.col("taxon_id").alias("id"), parent.alias("parent"), "name", "rank"))
    above = above.rename({"id": "taxon_id", "name": "verbatim_name"})
    return labelled(above.drop(*RANKS), above)


def _observers(file: Path | None) -> pl.DataFrame:
    """Columns observer_id, rights_holder: the name that a person goes by, else the login."""
    if file is None:
        return pl.DataFrame(schema={"observer_id": pl.String, "rights_holder": pl.String})
    table = _open(file)
    need(table.names(), ("observer_id", "login", "name"), table.where)
    frame, _ = table.whole()
    return frame.select("observer_id", rights_holder=pl.coalesce("name", "login")).unique("observer_id", keep="first")


def _rows(
    photos: pl.DataFrame, observations: pl.DataFrame, photo_file: str, observation_file: str, local: Path | None
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Photos with what their observation says, the refused rows, and the number of observations without a photo."""
    bad = []
    lacking = pl.any_horizontal(pl.col(c).is_null() for c in ("photo_id", KEY, "extension"))
    bad.append(refusals(photo_file, photos.filter(lacking)[LINE], "a photo without photo_id, observation or extension"))
    photos = photos.filter(~lacking)
    twice = pl.col(KEY).is_not_null() & ~pl.col(KEY).is_first_distinct()
    bad.append(refusals(observation_file, observations.filter(twice)[LINE], "an observation's id used before"))
    observations = observations.filter(pl.col(KEY).is_not_null() & ~twice)
    stray = photos.join(observations, on=KEY, how="anti", maintain_order="left")
    bad.append(refusals(photo_file, stray[LINE], "a photo of an observation that is not listed"))
    without = observations.join(photos, on=KEY, how="anti").height
    both = photos.join(observations.drop(LINE), on=KEY, how="inner", maintain_order="left")
    place = pl.concat_str("photo_id", pl.lit(f"/{PHOTO_SIZE}."), "extension")
    where = taken(both, {c: (c,) for c in ("latitude", "longitude")})
    rows = both.select(
        "taxon_id",
        "observer_id",
        id="photo_id",
        url=pl.lit(BUCKET) + place,
        path=(pl.lit("photos/") + place) if local is not None else pl.lit(None, pl.String),
        licence="license",
        event_date="observed_on",
        group=KEY,
        references=pl.lit("https://www.inaturalist.org/observations/") + pl.col(KEY),
        source=pl.lit("iNaturalist open data, ") + pl.col("quality_grade").fill_null("no grade"),
        publisher=pl.lit("iNaturalist"),
        basis=pl.lit("HumanObservation"),
    ).hstack(where)
    return rows, pl.concat(bad), without


def _named(rows: pl.DataFrame, taxa: pl.DataFrame, observers: pl.DataFrame) -> pl.DataFrame:
    rows = rows.join(taxa, on="taxon_id", how="left", maintain_order="left")
    return rows.join(observers, on="observer_id", how="left", maintain_order="left").drop("taxon_id", "observer_id")
