"""COCO Camera Traps, the format of the LILA data sets, and other COCO files (iNaturalist competitions): one JSON of images, annotations, categories.

Source: COCO Camera Traps 1.0, https://github.com/agentmorris/MegaDetector/blob/main/megadetector/data_management/README.md; boxes are in pixels
(`bbox`) or shares (`bbox_relative`); category 0 is "empty". Licences by number as in https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from merian.core.archives import Archive
from merian.core.errors import BadData
from merian.core.tree import RANKS
from merian.curate.sources.columns import labelled
from merian.curate.sources.gather import Batch, Origin, content_digest, gathered, refusals
from merian.curate.sources.labels import KEY, box_of, iso_time, settled
from merian.curate.sources.seam import Source

__all__ = ["coco", "json_head", "json_of"]

HEAD = 1 << 16
MOST = 8 << 30
"""Bytes of JSON that are read: beyond this a data set must be split."""
_KEYS = re.compile(rb'"(images|annotations|categories|info|licenses)"\s*:')
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_OF_CATEGORY = {
    "common_name": ("common_name", "commonname", "vernacularName"),
    "scientific": ("scientific_name", "scientificName", "latin_name"),
}
_OF_SIGHTING = {
    "sex": ("sex",),
    "life_stage": ("life_stage", "lifeStage", "age"),
    "behaviour": ("behaviour", "behavior"),
    "individual": ("individual_id", "individualID", "individual"),
}


def coco(path: Path) -> Source | None:
    """A .json, or a .zip with one in it, with images, annotations and categories; file names are relative to its folder."""
    head = json_head(path)
    if not head.lstrip().startswith(b"{") or not _KEYS.search(head) or b'"detection_categories"' in head:
        return None
    data = json_of(path)
    if not isinstance(data, dict) or not all(
        isinstance(data.get(k), list) for k in ("images", "annotations", "categories")
    ):
        return None
    digest = content_digest([path], "coco")

    def batches() -> Iterator[Batch]:
        yield _rows(data, path)

    return gathered(Origin(path.name.partition(".")[0], path.parent, digest), batches)


def json_head(path: Path) -> bytes:
    """The first 64 KiB of a .json, or of the only .json in a .zip; b"" for anything else."""
    if not path.is_file():
        return b""
    if path.suffix.casefold() == ".json":
        with path.open("rb") as stream:
            return stream.read(HEAD)
    if path.suffix.casefold() == ".zip":
        with Archive.open(path) as archive:
            names = [n for n in archive.names if n.casefold().endswith(".json")]
            if len(archive.names) == len(names) == 1:
                with archive.open_member(names[0]) as member:
                    return member.read(HEAD)
    return b""


def json_of(path: Path) -> Any:
    """What a JSON file, or the only one in a ZIP, holds; raises BadData with the place when it is broken."""
    if path.suffix.casefold() == ".zip":
        with Archive.open(path) as archive:
            text = archive.read(next(n for n in archive.names if n.casefold().endswith(".json")), MOST)
    else:
        text = path.read_bytes()
    try:
        data = json.loads(text)
    except UnicodeDecodeError as error:
        raise BadData(path, f"not UTF-8 from byte {error.start} on: JSON must be") from error
    except RecursionError as error:
        raise BadData(path, "not sound JSON: nested too deep") from error
    except json.JSONDecodeError as error:
        raise BadData(path, f"not sound JSON: {error.msg}, line {error.lineno}, column {error.colno}") from error
    except ValueError as error:  # a number of thousands of digits
        raise BadData(path, f"not sound JSON: {error}") from error
    # half of a surrogate pair, written as an escape, is no letter
    return json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")) if _HALF.search(text) else data


def _rows(data: Mapping[str, Any], path: Path) -> Batch:
    file = path.name
    images = [i for i in data["images"] if isinstance(i, dict) and i.get("id") is not None and i.get("file_name")]
    bad = [
        refusals(file, [None] * n, "an image without id or file_name") for n in [len(data["images"]) - len(images)] if n
    ]
    pictures = _images(images, data)
    twice = pictures.filter(~pl.col(KEY).is_first_distinct())
    pictures = pictures.filter(pl.col(KEY).is_first_distinct())
    corrupt = pictures.filter("_corrupt")
    pictures = pictures.filter(~pl.col("_corrupt")).drop("_corrupt")
    sightings = _sightings(data)
    stray = sightings.filter(~pl.col(KEY).is_in(pictures[KEY].implode()) & ~pl.col(KEY).is_in(corrupt[KEY].implode()))
    bad += [
        refusals(file, [None] * len(frame), reason)
        for frame, reason in (
            (twice, "an image's id used before"),
            (corrupt, "corrupt, says the source"),
            (stray, "an annotation of an image that is not listed"),
        )
    ]
    rows = pictures.join(sightings, on=KEY, how="left", maintain_order="left")
    rows = rows.with_columns(
        pl.coalesce("_relative", box_of("_x", "_y", "_w", "_h", ("_width", "_height"))).alias("box")
    )
    sizeless = rows.filter(pl.col("box").is_null() & pl.col("_x").is_not_null())
    bad.append(refusals(file, [None] * len(sizeless), "a box of no area, or of an image of unknown size"))
    rows = rows.join(sizeless.select("_sighting"), on="_sighting", how="anti", maintain_order="left", nulls_equal=False)
    rows, several = settled(rows, file)
    boxed = pl.col("box").is_not_null() & pl.col("_sighting").is_not_null()
    table = rows.with_columns(
        id=pl.when(boxed).then(pl.col("id") + "/" + pl.col("_sighting")).otherwise("id"), group=pl.col(KEY)
    )
    table = labelled(table.drop(*RANKS), table)
    return Batch(table, pl.concat([*bad, several]), 0)


def _images(images: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> pl.DataFrame:
    given = data.get("info")
    info: Mapping[str, Any] = given if isinstance(given, dict) else {}
    licences = {
        str(x.get("id")): x.get("url") or x.get("name") for x in data.get("licenses") or () if isinstance(x, dict)
    }
    own = _text(info.get("license"))

    def licence(value: object) -> str | None:
        return own if value is None else _text(licences.get(str(value), value))

    frame = pl.DataFrame(
        {
            KEY: [str(i["id"]) for i in images],
            "id": [str(i["id"]) for i in images],
            "path": [str(i["file_name"]) for i in images],
            "licence": [licence(i.get("license")) for i in images],
            "rights_holder": [_text(i.get("rights_holder")) or _text(info.get("contributor")) for i in images],
            "url": [_text(i.get("coco_url") or i.get("flickr_url")) for i in images],
            "event_id": [_text(i.get("seq_id")) for i in images],
            "event_date": [_text(i.get("datetime") or i.get("date") or i.get("date_captured")) for i in images],
            "camera": [_text(i.get("location")) for i in images],
            "country": [_text(i.get("country")) for i in images],
            "latitude": [_number(i.get("latitude")) for i in images],
            "longitude": [_number(i.get("longitude")) for i in images],
            "_width": [_number(i.get("width")) for i in images],
            "_height": [_number(i.get("height")) for i in images],
            "_corrupt": [i.get("corrupt") is True or str(i.get("corrupt")).casefold() == "true" for i in images],
        },
        schema_overrides={"_corrupt": pl.Boolean}
        | dict.fromkeys(("latitude", "longitude", "_width", "_height"), pl.Float64)
        | dict.fromkeys(
            (KEY, "id", "path", "licence", "rights_holder", "url", "event_id", "event_date", "camera", "country"),
            pl.String,
        ),
    )
    return frame.with_columns(event_date=iso_time("event_date"))


def _sightings(data: Mapping[str, Any]) -> pl.DataFrame:
    """The annotations with their category's names: KEY, _sighting, verbatim_name, common_name, the ranks, boxes, and what is said of the animal."""
    categories = {str(c.get("id")): c for c in data["categories"] if isinstance(c, dict)}
    marks = [a for a in data["annotations"] if isinstance(a, dict) and a.get("image_id") is not None]
    of = [categories.get(str(a.get("category_id")), {}) for a in marks]
    scientific = [_first(c, _OF_CATEGORY["scientific"]) for c in of]
    names = [_text(c.get("name")) for c in of]
    columns: dict[str, Sequence[object]] = {
        KEY: [str(a["image_id"]) for a in marks],
        "_sighting": [str(a.get("id", n)) for n, a in enumerate(marks)],
        "verbatim_name": [
            s or n or f"category {a.get('category_id')}" for s, n, a in zip(scientific, names, marks, strict=True)
        ],
        "common_name": [
            _first(c, _OF_CATEGORY["common_name"]) or (n if s else None)
            for c, s, n in zip(of, scientific, names, strict=True)
        ],
    }
    columns |= {rank: [_text(c.get(rank)) for c in of] for rank in RANKS}
    columns |= {column: [_first(a, keys) for a in marks] for column, keys in _OF_SIGHTING.items()}
    boxes = [_four(a.get("bbox")) for a in marks]
    shares = [_four(a.get("bbox_relative")) for a in marks]
    columns |= {name: [b[k] for b in boxes] for k, name in enumerate(("_x", "_y", "_w", "_h"))}
    columns |= {name: [b[k] for b in shares] for k, name in enumerate(("_rx", "_ry", "_rw", "_rh"))}
    numbers = [c for c in columns if c in ("_x", "_y", "_w", "_h", "_rx", "_ry", "_rw", "_rh")]
    frame = pl.DataFrame(columns, schema={c: pl.Float64 if c in numbers else pl.String for c in columns})
    return frame.with_columns(box_of("_rx", "_ry", "_rw", "_rh").alias("_relative")).drop("_rx", "_ry", "_rw", "_rh")


def _text(value: object) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except (OverflowError, ValueError):
        return None


def _first(values: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    return next((t for k in keys if (t := _text(values.get(k))) is not None), None)


def _four(value: object) -> list[float | None]:
    if isinstance(value, list | tuple) and len(value) == 4:
        return [_number(v) for v in value]
    return [None] * 4
