"""What a detector saw in camera-trap frames: MegaDetector's batch output (JSON, formats 1.4 to 1.6) joined to the rows of a source.

Format: https://lila.science/megadetector-output-format. The file is read entry by entry, so that memory follows what is kept of it, not its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from merian.core.errors import BadData, Missing
from merian.curate.filters import FilterSettings
from merian.curate.jsonstream import members

__all__ = ["BOX", "Detections", "attach", "read_megadetector"]

BOX = pl.Struct(
    {
        "category": pl.String,
        "confidence": pl.Float32,
        "x": pl.Float64,
        "y": pl.Float64,
        "width": pl.Float64,
        "height": pl.Float64,
    }
)
"""A box: "animal", "person" or "vehicle"; left, top, width and height as shares of the sides of the image as shown."""

SCHEMA: dict[str, Any] = {
    "file": pl.String,
    "animal": pl.Float32,
    "person": pl.Float32,
    "vehicle": pl.Float32,
    "boxes": pl.List(BOX),
    "failure": pl.String,
}
REFUSED: dict[str, Any] = {"row": pl.Int64, "file": pl.String, "reason": pl.String}
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
"""What the numbers mean where a file does not say."""
PEOPLE, VEHICLES = ("person", "people", "human"), ("vehicle", "car")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".mpeg", ".mpg", ".m4v", ".wmv", ".asf", ".flv")
FAR = 1e9
"""A number of a box beyond this (or NaN) is none: pixels, which are told apart below, are fewer."""
LIST_OF_BOXES = pl.List(pl.List(pl.Float64))


@dataclass(frozen=True, eq=False)
class Detections:
    """What the file says."""

    frame: pl.DataFrame
    """A row per image: `file`, the confidences of the surest `animal`, `person` and `vehicle` (0: none; null: the detector failed), `boxes`, `failure`."""
    refused: pl.DataFrame
    """Entries and boxes that were passed over: `row` (which entry, from 1), `file`, `reason`."""
    detector: str
    """The detector's name, as the file gives it."""


def read_megadetector(path: Path) -> Detections:
    """The detections in a MegaDetector batch file.

    Videos, entries without a file name, files listed twice and boxes that make no sense are passed over with a reason. A category that is neither a person nor
    a vehicle counts as an animal, so that a detector with finer categories loses nothing.

    Raises Missing when there is no such file, BadData with the place when it is
    no JSON, breaks off, or has no list of images.
    """
    if not path.is_file():
        raise Missing("the detections", path, "give the JSON file that MegaDetector wrote")
    entries: list[tuple[Any, ...]] = []
    refused: list[tuple[int, str | None, str]] = []
    names, detector, seen, row = dict(CATEGORIES), "", set[str](), 0
    for key, value in members(path, "images"):
        if key == "detection_categories" and isinstance(value, Mapping):
            names = {str(k): str(v).strip().lower() for k, v in value.items()}
        elif key == "info" and isinstance(value, Mapping):
            detector = str(value.get("detector") or "")
        elif key == "images":
            row += 1
            file, boxes, failure, faults = _entry(value)
            again = file is not None and file in seen
            refused += [(row, file, fault) for fault in (["listed twice"] if again else faults)]
            if file is not None and not again:
                seen.add(file)
                entries.append((file, boxes, failure))
    if row == 0 and not any(key == "images" for key, _ in members(path, "images", empty=True)):
        raise BadData(path, 'has no list "images": is it the batch output of MegaDetector?')
    # The meaning of the numbers may be told after the images.
    rows = [_row(file, boxes, failure, names) for file, boxes, failure in entries]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return Detections(frame, pl.DataFrame(refused, schema=REFUSED, orient="row"), detector)


def attach(rows: pl.DataFrame, found: Detections, settings: FilterSettings) -> pl.DataFrame:
    """`rows` (with `id` and `path`) with what was detected in them.

    Adds `animal` and `person` (confidences, null where the file says nothing of an image) and `people` (boxes to blur, with people = "blur"). With
    animals = "crop" a row becomes one row per animal above the threshold: `id#1`, `id#2`, ... with its `box` ("x,y,w,h", widened by the margin);
    rows that have a box of their own stay. An image is found by its path, else by the end of its path where only one file fits.
    """
    place = _matched(rows["path"], found.frame["file"])
    told = found.frame.select(*(pl.col(c).cast(SCHEMA[c]) for c in ("animal", "person", "boxes")))
    seen = told.clear(len(rows)) if place.null_count() == len(place) else told.select(pl.all().gather(place))
    rows = rows.drop(c for c in seen.columns if c in rows.columns).hstack(seen.get_columns())
    one = pl.element().struct
    sure = pl.col("boxes").list.filter(one.field("confidence") >= settings.detection_threshold)
    if settings.people == "blur":
        shown = sure.list.filter(one.field("category") == "person").list.eval(
            pl.concat_list(one.field("x"), one.field("y"), one.field("width"), one.field("height"))
        )
        rows = rows.with_columns(people=pl.when(shown.list.len() > 0).then(shown).cast(LIST_OF_BOXES))
    if settings.animals == "crop":
        rows = _cropped(rows, sure.list.filter(one.field("category") == "animal"), settings.crop_margin)
    return rows.drop("boxes")


def _cropped(rows: pl.DataFrame, animals: pl.Expr, margin: float) -> pl.DataFrame:
    """A row for each box of `animals`, widened; rows without one, or with a box of their own, as they are."""
    if "box" not in rows.columns:
        rows = rows.with_columns(box=pl.lit(None, pl.String))
    bare = pl.col("box").is_null() & (animals.list.len() > 0)
    rows = rows.with_columns(_animal=pl.when(bare).then(animals)).explode("_animal")
    field = pl.col("_animal").struct.field
    edges = []
    for start, length in (("x", "width"), ("y", "height")):
        low = (field(start) - margin * field(length)).clip(0, 1)
        high = (field(start) + (1 + margin) * field(length)).clip(0, 1)
        edges.append((low, high - low))
    (x, wide), (y, high) = edges
    text = pl.concat_str([part.round(6).cast(pl.String) for part in (x, y, wide, high)], separator=",")
    number = pl.col("_animal").is_not_null().cum_sum().over("id").cast(pl.String)
    is_crop = pl.col("_animal").is_not_null()
    return rows.with_columns(
        box=pl.when(is_crop).then(text).otherwise("box"),
        animal=pl.when(is_crop).then(field("confidence")).otherwise("animal"),
        id=pl.when(is_crop).then(pl.concat_str("id", pl.lit("#"), number)).otherwise("id"),
    ).drop("_animal")


def _matched(paths: pl.Series, files: pl.Series) -> pl.Series:
    """For each path the row of its file, or null: the same path, else the one file whose path ends as it does (or that it ends as)."""
    ours = pl.DataFrame({"place": _plain(paths)}).with_row_index("row")
    theirs = pl.DataFrame({"place": _plain(files)}).with_row_index("file").unique("place", keep="first")
    same = ours.join(theirs, on="place", how="left", maintain_order="left")
    name = pl.col("place").str.split("/").list.last().alias("name")
    open_ = same.filter(pl.col("file").is_null() & pl.col("place").is_not_null()).select("row", "place", name)
    pairs = open_.join(theirs.select("file", name, other="place"), on="name", how="inner")
    tail = pl.col("place").str.ends_with(pl.concat_str(pl.lit("/"), "other"))
    head = pl.col("other").str.ends_with(pl.concat_str(pl.lit("/"), "place"))
    # Unique both ways: a file that fits two images says nothing of either.
    alone = (pl.len().over("row") == 1) & (pl.len().over("file") == 1)
    ends = pairs.filter(tail | head).filter(alone).select("row", end="file")
    both = same.join(ends, on="row", how="left", maintain_order="left")
    return both.select(pl.coalesce("file", "end"))["file"]


def _plain(paths: pl.Series) -> pl.Series:
    return paths.cast(pl.String).str.replace_all("\\", "/", literal=True).str.replace("^(\\./)+", "")


Kept = list[tuple[str, float, float, float, float, float]]


def _entry(value: Any) -> tuple[str | None, Kept | None, str | None, list[str]]:
    """(file, boxes with their categories' numbers, failure, faults) of an entry of "images"; no file when it is to be passed over."""
    if not isinstance(value, Mapping) or not isinstance(value.get("file"), str) or not value["file"]:
        return None, None, None, ["no file name"]
    file = str(value["file"])
    if any("\ud800" <= letter <= "\udfff" for letter in file):
        return None, None, None, ["a file name that is no text"]
    if file.lower().endswith(VIDEOS) or "frames_processed" in value:
        return None, None, None, [f"a video: {file}"]
    given = value.get("detections")
    failure = value.get("failure")
    if failure or given is None:
        return file, None, str(failure or "no detections given").encode("utf-8", "replace").decode(), []
    if not isinstance(given, list):
        return file, None, "detections are not a list", ["detections are not a list"]
    boxes, faults = [], []
    for detection in given:
        box = _box(detection)
        if isinstance(box, str):
            faults.append(box)
        else:
            boxes.append(box)
    return file, boxes, None, faults


def _box(value: Any) -> tuple[str, float, float, float, float, float] | str:
    """(category's number, confidence, x, y, width, height) of a detection, or what is wrong with it."""
    if not isinstance(value, Mapping):
        return "a detection that is no object"
    numbers = [value.get("conf"), *(value["bbox"] if isinstance(value.get("bbox"), list) else [])]
    if len(numbers) != 5 or not all(isinstance(v, int | float) and abs(v) <= FAR for v in numbers):
        return "a box without confidence or without four numbers"
    confidence, x, y, width, height = (float(v) for v in numbers if v is not None)
    if max(x + width, y + height) > 1.5:
        return "a box in pixels, not in shares of the sides"
    left, top = min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)
    right, bottom = min(max(x + width, 0.0), 1.0), min(max(y + height, 0.0), 1.0)
    if right <= left or bottom <= top:
        return "an empty box"
    return str(value.get("category", "1")), confidence, left, top, right - left, bottom - top


def _row(file: str, boxes: Kept | None, failure: str | None, names: Mapping[str, str]) -> tuple[Any, ...]:
    if boxes is None:
        return file, None, None, None, None, failure
    best = {"animal": 0.0, "person": 0.0, "vehicle": 0.0}
    told = []
    for number, confidence, x, y, width, height in sorted(boxes, key=lambda b: -b[1]):
        name = names.get(number, "animal")
        kind = "person" if name in PEOPLE else "vehicle" if name in VEHICLES else "animal"
        best[kind] = max(best[kind], confidence)
        told.append({"category": kind, "confidence": confidence, "x": x, "y": y, "width": width, "height": height})
    return file, best["animal"], best["person"], best["vehicle"], told, None
