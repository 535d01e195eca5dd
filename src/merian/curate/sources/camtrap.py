"""Camtrap DP 1.0: a data package of deployments, media and observations from camera traps.

Fields: https://camtrap-dp.tdwg.org/data/ (tables) and https://camtrap-dp.tdwg.org/metadata/. Observations of a medium go before those of its event, which
hold for the media of that deployment between the event's start and end. Media of several taxa without boxes are refused: no label fits the image.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from merian.core.archives import Archive
from merian.core.errors import BadData
from merian.core.tree import RANKS
from merian.curate.sources.columns import labelled, located, taken
from merian.curate.sources.files import Zipped
from merian.curate.sources.gather import Batch, Origin, content_digest, gathered, refusals
from merian.curate.sources.labels import KEY, box_of, settled
from merian.curate.sources.seam import REFUSED, Source
from merian.curate.sources.text import LINE, need, text_member

__all__ = ["camtrap_dp"]

NEEDED: Mapping[str, tuple[str, ...]] = {
    "deployments": ("deploymentID", "latitude", "longitude"),
    "media": ("mediaID", "deploymentID", "timestamp", "filePath", "fileMediatype"),
    "observations": ("observationID", "deploymentID", "observationLevel", "observationType", "scientificName"),
}
OF_ANIMAL = {"sex": "sex", "life_stage": "lifeStage", "behaviour": "behavior", "individual": "individualID"}


def camtrap_dp(path: Path) -> Source | None:
    """A folder or ZIP with datapackage.json (or that file itself) whose resources are deployments, media and observations."""
    if path.name.casefold() == "datapackage.json" and path.is_file():
        path = path.parent
    if path.is_dir() and not (path / "datapackage.json").is_file():
        return None
    if path.is_file() and path.suffix.casefold() != ".zip":
        return None
    with Archive.open(path) as archive:
        described = archive.find("datapackage.json")
        if described is None:
            return None
        package = _package(archive, described)
        resources = {r.get("name"): r for r in package.get("resources") or () if isinstance(r, dict)}
        if "camtrap" not in str(package.get("profile", "")).casefold() and not set(NEEDED) <= set(resources):
            return None
        tables, labels, bad = {}, {}, []
        top = PurePosixPath(described).parent
        for name, columns in NEEDED.items():
            listed = str(resources.get(name, {}).get("path") or f"{name}.csv")
            member = (top / listed).as_posix()
            table = text_member(archive, f"{member}.gz" if f"{member}.gz" in archive.names else member, ",", '"')
            need(table.names(), columns, table.where)
            tables[name], refused = table.whole()
            labels[name] = table.label
            bad.append(refused)
        digest = (
            archive.hash
            if path.is_file()
            else content_digest([path / described, *(path / top / f for f in sorted(labels.values()))], "camtrap")
        )

    def batches() -> Iterator[Batch]:
        rows, refused = _rows(tables, labels, package, top.as_posix())
        yield Batch(rows, pl.concat([*bad, refused]))

    title = str(package.get("title") or package.get("name") or path.stem)
    root = path if path.is_dir() else path.parent
    return gathered(Origin(title, root, digest, 0, Zipped(path) if path.is_file() else None), batches)


def _package(archive: Archive, name: str) -> dict[str, Any]:
    try:
        package = json.loads(archive.read(name))
    except (ValueError, RecursionError) as error:
        raise BadData(f"{archive.path}: {name}", f"not sound JSON: {error}") from error
    if not isinstance(package, dict):
        raise BadData(f"{archive.path}: {name}", "must be an object with resources")
    return package


def _rows(
    tables: Mapping[str, pl.DataFrame], labels: Mapping[str, str], package: Mapping[str, Any], top: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    media, bad = _media(tables["media"], labels["media"])
    sightings, refused = _sightings(tables["observations"], media, labels["observations"])
    bad.append(refused)
    deployments = tables["deployments"].unique("deploymentID", keep="first", maintain_order=True)
    stray = media.filter(
        ~pl.col("deploymentID").is_in(deployments["deploymentID"].drop_nulls().implode()).fill_null(False)
    )
    if len(stray):
        bad.append(
            refusals(
                labels["media"],
                [None],
                f"media of deployments that are not listed, kept without a place: {len(stray):,}",
            )
        )
    rows = media.join(sightings, on="mediaID", how="left", maintain_order="left")
    rows = rows.join(_deployments(deployments), on="deploymentID", how="left", maintain_order="left")
    rows = rows.join(_taxa(package), on="verbatim_name", how="left", maintain_order="left")
    rows = rows.with_columns(pl.col("mediaID").alias(KEY), pl.col(LINE).alias("_media_line"))
    rows, several = settled(rows.drop("_start", LINE), labels["media"], "_media_line")
    bad.append(several)
    boxed = pl.col("box").is_not_null() & pl.col("_observation").is_not_null()
    rows = rows.with_columns(
        id=pl.when(boxed).then(pl.col("mediaID") + "/" + pl.col("_observation")).otherwise("mediaID"),
        group="mediaID",
        event_id=pl.coalesce("event_id", "_event"),
        camera="deploymentID",
        event_date="timestamp",
        path="filePath",
        licence=pl.lit(_licence(package), pl.String),
        rights_holder=pl.lit(_contributor(package, "rightsHolder"), pl.String),
        publisher=pl.lit(_contributor(package, "publisher"), pl.String),
        references=pl.lit(_text(package.get("homepage")), pl.String),
        basis=pl.lit("MachineObservation"),
    )
    rows = located(rows)
    if top != ".":
        rows = rows.with_columns(path=pl.lit(top + "/") + pl.col("path"))
    return labelled(rows.drop(*RANKS), rows), pl.concat([b for b in bad if len(b)] or [pl.DataFrame(schema=REFUSED)])


def _media(media: pl.DataFrame, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The still images with _start (their time in UTC), and the refused."""
    lacking = pl.col("mediaID").is_null() | pl.col("filePath").is_null()
    twice = ~pl.col("mediaID").is_first_distinct()
    moving = ~pl.col("fileMediatype").str.to_lowercase().str.starts_with("image/")
    reason = (
        pl.when(lacking)
        .then(pl.lit("a medium without mediaID or filePath"))
        .when(twice)
        .then(pl.lit("a medium's id used before"))
        .when(moving)
        .then(pl.lit("not a still image"))
    )
    media = media.with_columns(_reason=reason)
    wrong = media.filter(pl.col("_reason").is_not_null())
    kept = media.filter(pl.col("_reason").is_null()).drop("_reason")
    columns = ["mediaID", "deploymentID", "timestamp", "filePath", LINE]
    bad = [refusals(file, wrong[LINE], wrong["_reason"])]
    return kept.select(*columns, _instant("timestamp").alias("_start")), bad


def _sightings(table: pl.DataFrame, media: pl.DataFrame, file: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was seen on each medium: mediaID, verbatim_name, box, event_id, _observation and OF_ANIMAL; and the observations refused."""
    absent = [
        c
        for c in (
            "mediaID",
            "eventID",
            "eventStart",
            "eventEnd",
            "bboxX",
            "bboxY",
            "bboxWidth",
            "bboxHeight",
            *OF_ANIMAL.values(),
        )
        if c not in table.columns
    ]
    table = table.with_columns(pl.lit(None, pl.String).alias(c) for c in absent)
    kind = pl.col("observationType")
    seen = table.select(
        LINE, "mediaID", "deploymentID",
        box=box_of("bboxX", "bboxY", "bboxWidth", "bboxHeight"),
        event_id="eventID",
        _observation="observationID",
        _from=_instant("eventStart"),
        _to=_instant("eventEnd"),
        _level="observationLevel",
        verbatim_name=pl.coalesce("scientificName", pl.when(kind == "animal").then(pl.lit("unknown")).otherwise(kind)),
        **{ours: pl.col(theirs) for ours, theirs in OF_ANIMAL.items()},
    )  # fmt: skip
    of_media = seen.filter(pl.col("mediaID").is_not_null())
    of_events = seen.filter(pl.col("mediaID").is_null())
    stray = of_media.join(media, on="mediaID", how="anti", maintain_order="left")
    refused = [refusals(file, stray[LINE], "an observation of a medium that is not listed, or is no still image")]
    of_media = of_media.join(media, on="mediaID", how="semi", maintain_order="left")
    unseen = media.join(of_media, on="mediaID", how="anti").select("deploymentID", "_start", _medium="mediaID")
    during = of_events.join(unseen, on="deploymentID", how="inner", maintain_order="left")
    during = during.filter(pl.col("_start").is_between(pl.col("_from"), pl.col("_to")))
    during = during.with_columns(pl.col("_medium").alias("mediaID"))
    told = seen.filter(pl.col("mediaID").is_not_null())["event_id"].drop_nulls().implode()
    used = pl.col("_observation").is_in(during["_observation"].implode()) | pl.col("event_id").is_in(told).fill_null(
        False
    )
    idle = of_events.filter(~used)
    refused.append(refusals(file, idle[LINE], "an event without a still image of its own"))
    both = pl.concat([of_media, during.select(of_media.columns)])
    # an image belongs to its event also where only the event's observations name it
    events = of_events.select("deploymentID", "_from", "_to", _event="event_id").filter(pl.col("_event").is_not_null())
    near = media.select("mediaID", "deploymentID", "_start").join(
        events, on="deploymentID", how="inner", maintain_order="left"
    )
    near = near.filter(pl.col("_start").is_between(pl.col("_from"), pl.col("_to"))).unique(
        "mediaID", keep="first", maintain_order=True
    )
    both = both.join(near.select("mediaID", "_event"), on="mediaID", how="left", maintain_order="left")
    return both.drop(LINE, "deploymentID", "_from", "_to", "_level"), pl.concat(refused)


def _deployments(table: pl.DataFrame) -> pl.DataFrame:
    where = taken(table, {c: (c,) for c in ("latitude", "longitude", "habitat")})
    return table.select("deploymentID").hstack(where)


def _taxa(package: Mapping[str, Any]) -> pl.DataFrame:
    """verbatim_name, common_name (English) and the ranks of the package's taxa."""
    rows = []
    for taxon in package.get("taxonomic") or ():
        if isinstance(taxon, dict) and taxon.get("scientificName"):
            names = taxon.get("vernacularNames")
            names = names if isinstance(names, dict) else {}
            ranks = {r: _text(taxon.get(r)) for r in RANKS}
            if taxon.get("taxonRank") in RANKS:
                ranks[taxon["taxonRank"]] = ranks[taxon["taxonRank"]] or str(taxon["scientificName"])
            if not any(ranks[r] for r in RANKS[:6]):
                ranks = dict.fromkeys(ranks)  # the name alone is read as any other label
            common = _text(names.get("eng") or names.get("en"))
            rows.append((str(taxon["scientificName"]), common, *ranks.values()))
    schema = dict.fromkeys(("verbatim_name", "common_name", *RANKS), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row").unique("verbatim_name", keep="first", maintain_order=True)


def _licence(package: Mapping[str, Any]) -> str | None:
    """The licence of the media, else None: that of the data says nothing of the images."""
    for licence in package.get("licenses") or ():
        if isinstance(licence, dict) and licence.get("scope") == "media":
            return _text(licence.get("path")) or _text(licence.get("name"))
    return None


def _contributor(package: Mapping[str, Any], role: str) -> str | None:
    names = [
        _text(c.get("title"))
        for c in package.get("contributors") or ()
        if isinstance(c, dict) and c.get("role") == role
    ]
    return next((n for n in names if n), None)


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _instant(column: str) -> pl.Expr:
    """The instant in UTC that a time with an offset names; one without is taken as UTC."""
    text = pl.col(column).str.replace(r"Z$", "+00:00").str.replace(r"([+-]\d\d)(\d\d)$", "$1:$2")
    zoned = pl.when(text.str.contains(r"[+-]\d\d:\d\d$")).then(text).otherwise(text + "+00:00")
    zoned = zoned.str.replace(r"^(\S+) ", "${1}T").str.replace(r"^(.{10}T\d\d:\d\d)([+-])", "${1}:00$2")
    return zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False).dt.replace_time_zone(None)
