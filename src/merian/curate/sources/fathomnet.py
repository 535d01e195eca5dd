"""FathomNet: images of the sea with boxes, each box a sample, as its API gives them (JSON) or flattened to one box a row (CSV).

Fields: AImageDTO and ABoundingBoxDTO of https://github.com/fathomnet/fathomnet-py (fathomnet/dto.py). An image that `fathomnet-generate` saved as
<uuid>.<extension> beside the file, or in `images/`, is read from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from merian.core.errors import BadData
from merian.curate.sources.coco import json_head, json_of
from merian.curate.sources.columns import labelled, taken
from merian.curate.sources.gather import Batch, Origin, content_digest, gathered, refusals
from merian.curate.sources.labels import box_of, iso_time
from merian.curate.sources.seam import Source
from merian.curate.sources.text import LINE, need, text_file

__all__ = ["fathomnet"]

COLUMNS = ("concept", "url", "x", "y", "width", "height", "image_width", "image_height")
"""Columns of the flattened table; also uuid, image_uuid, latitude, longitude, timestamp, license, rightsHolder, sex, lifeStage, rejected."""
FIELDS = (
    "_image", "_line", "id", "url", "concept", "x", "y", "width", "height", "image_width", "image_height",
    "latitude", "longitude", "timestamp", "licence", "rights_holder", "publisher", "rejected", "valid", "grouped",
)  # fmt: skip


def fathomnet(path: Path) -> Source | None:
    """A .json with a list of images and their boundingBoxes, or a .csv with one box a row."""
    if path.is_file() and path.suffix.casefold() == ".csv":
        return _from_csv(path)
    head = json_head(path)
    if b'"boundingBoxes"' not in head or not head.lstrip().startswith((b"[", b"{")):
        return None
    data = json_of(path)
    images = data.get("content", [data]) if isinstance(data, dict) else data
    if not isinstance(images, list) or not all(isinstance(i, dict) for i in images):
        raise BadData(path, "must be a list of images with boundingBoxes")

    def batches() -> Iterator[Batch]:
        frame = _flat(images)
        boxless = sum(not _dicts(i.get("boundingBoxes")) for i in images)
        batch = _rows(frame, path.name, path.parent)
        notes = [refusals(path.name, [None], f"images without a box: {boxless:,}")] if boxless else []
        yield Batch(batch.rows, pl.concat([batch.refused, *notes]))

    return gathered(Origin("FathomNet", path.parent, _digest_of(path)), batches)


def _from_csv(path: Path) -> Source | None:
    table = text_file(path)
    names = table.names()
    if not {"concept", "x", "y"} <= set(names) or not {"url", "boundingBoxes", "uuid"} & set(names):
        return None
    need(names, COLUMNS, table.where)

    def batches() -> Iterator[Batch]:
        for block in table.blocks():
            frame = block.frame
            known = {
                "uuid": "id",
                "image_uuid": "_image",
                "license": "licence",
                "rightsHolder": "rights_holder",
                LINE: "_line",
            }
            frame = frame.rename({a: b for a, b in known.items() if a in frame.columns})
            frame = frame.with_columns(pl.lit(None, pl.String).alias(c) for c in FIELDS if c not in frame.columns)
            frame = frame.with_columns(pl.coalesce("_image", "url").alias("_image"))
            batch = _rows(frame, path.name, path.parent)
            yield Batch(batch.rows, pl.concat([block.refused, batch.refused]), block.size)

    return gathered(Origin("FathomNet", path.parent, _digest_of(path), table.size), batches)


def _beside(root: Path) -> dict[str, str]:
    """The files beside the table, or in `images/`, by their name without its ending."""
    folders = [d for d in (root, root / "images") if d.is_dir()]
    files = [
        p
        for d in folders
        for p in sorted(d.iterdir())
        if p.suffix.casefold() not in (".csv", ".json", ".zip") and p.is_file()
    ]
    return {p.stem: p.relative_to(root).as_posix() for p in files}


def _digest_of(path: Path) -> str:
    """Of the table and of the names of the images beside it."""
    return content_digest([path], f"fathomnet {sorted(_beside(path.parent).items())}")


def _dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON list, none when it is no list."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _flat(images: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """One row for each box (columns FIELDS), all text."""
    rows = []
    for image in images:
        uploads = (u.get("darwinCore") for u in _dicts(image.get("imageSetUploads")))
        upload = next((u for u in uploads if isinstance(u, dict)), {})
        for box in _dicts(image.get("boundingBoxes")):
            name = " ".join(str(n) for n in (box.get("concept"), box.get("altConcept")) if n)
            values = (
                image.get("uuid") or image.get("url"), None, box.get("uuid"), image.get("url"), name or None, box.get("x"), box.get("y"), box.get("width"),
                box.get("height"), image.get("width"), image.get("height"), image.get("latitude"), image.get("longitude"), image.get("timestamp"),
                upload.get("license"), upload.get("rightsHolder"), upload.get("ownerInstitutionCode") or upload.get("institutionCode"),
                box.get("rejected") or (True if box.get("reviewState") == "REJECTED" else None), image.get("valid"), box.get("groupOf"),
            )  # fmt: skip
            rows.append([None if v is None else str(v) for v in values])
    return pl.DataFrame(rows, schema=dict.fromkeys(FIELDS, pl.String), orient="row").with_columns(
        pl.col("_line").cast(pl.Int64)
    )


def _rows(frame: pl.DataFrame, file: str, root: Path) -> Batch:
    frame = frame.with_columns(
        pl.col("_line").cast(pl.Int64), box=box_of("x", "y", "width", "height", ("image_width", "image_height"))
    )
    yes = ("true", "1")
    reason = (
        pl.when(pl.col("url").is_null())
        .then(pl.lit("no address of the image"))
        .when(pl.col("rejected").str.to_lowercase().is_in(yes))
        .then(pl.lit("a box that a reviewer rejected"))
        .when(pl.col("valid").str.to_lowercase() == "false")
        .then(pl.lit("an image that FathomNet says is not valid"))
        .when(pl.col("box").is_null())
        .then(pl.lit("a box of no area, or of an image of unknown size"))
        .when(pl.col("grouped").str.to_lowercase().is_in(yes))
        .then(pl.lit("a box around a group"))
    )
    frame = frame.with_columns(_reason=reason)
    wrong = frame.filter(pl.col("_reason").is_not_null())
    kept = frame.filter(pl.col("_reason").is_null())
    there = _beside(root)
    paths = [
        there.get(str(i)) or there.get(PurePosixPath(urlsplit(u).path).stem)
        for i, u in kept.select("_image", "url").iter_rows()
    ]
    where = taken(
        kept, {"latitude": ("latitude",), "longitude": ("longitude",), "sex": ("sex",), "life_stage": ("lifestage",)}
    )
    rows = kept.select(
        "id", "url", "licence", "rights_holder", "publisher", "box",
        pl.Series("path", paths, pl.String),
        verbatim_name="concept",
        event_date=iso_time("timestamp"),
        group="_image",
        basis=pl.lit("MachineObservation"),
    ).hstack(where)  # fmt: skip
    return Batch(labelled(rows, rows.select("id")), refusals(file, wrong["_line"], wrong["_reason"]))
