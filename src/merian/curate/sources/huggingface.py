"""Hugging Face data sets on disk: Arrow files of `save_to_disk`, Parquet shards with images inside, and image folders with a metadata table.

Layouts: https://huggingface.co/docs/datasets/about_arrow, https://huggingface.co/docs/datasets/image_dataset (metadata.csv, .jsonl or .parquet with
file_name), https://huggingface.co/docs/hub/datasets-image. An Image is a struct of bytes and path; a ClassLabel is a number whose names stand in
dataset_info.json, in the Parquet's metadata, or in README.md. The Arrow stream is read a record batch at a time:
https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format.
"""

from __future__ import annotations

import functools
import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import polars as pl

from merian.core.errors import BadData
from merian.core.tree import read_table
from merian.curate.sources.columns import ALIASES, labelled, located, taken
from merian.curate.sources.files import parquet_schema, read_file
from merian.curate.sources.gather import Batch, Origin, content_digest, gathered, refusals, tail_digest
from merian.curate.sources.seam import NoBytes, Source
from merian.curate.sources.text import LINE, text_file

__all__ = ["Columnar", "Features", "huggingface"]

WINDOW = 64
"""Rows of a Parquet file that are decoded at once when images are read."""
PLACE = re.compile(r"^(.+)#(\d+)(?::(\d+))?/(.+)$")
SPLIT = re.compile(r"^(?:.*/)?(train|test|validation|val|valid|dev)(?:[-_./]|$)")
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
BINARY = ("image", "img", "jpg", "jpeg", "png", "image_bytes", "bytes", "photo")


CAPTIONS = ("caption", "captions")
"""Columns that may hold several captions of one image: the first is taken."""


class Features(NamedTuple):
    """What a data set says of its columns: those that hold images, and the names of those that hold class numbers."""

    images: tuple[str, ...]
    names: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Columnar:
    """Reads images out of Parquet ("file#row/column") and Arrow files ("file#batch:row/column") of a folder."""

    root: Path

    def read(self, place: str) -> bytes:
        """The bytes of an image; raises NoBytes."""
        parts = PLACE.match(place)
        if parts is None:
            return read_file(self.root, place)
        if ".." in PurePosixPath(parts[1]).parts or PurePosixPath(parts[1]).is_absolute():
            raise NoBytes("path leaves the source's folder")
        file = self.root / parts[1]
        try:
            changed = file.stat().st_mtime_ns
            if parts[3] is None:
                window, row = divmod(int(parts[2]), WINDOW)
                found = _window(file, changed, parts[4], window)
            else:
                found, row = _batch_column(file, changed, parts[4], int(parts[2])), int(parts[3])
        except FileNotFoundError:
            raise NoBytes("file not found") from None
        except (OSError, BadData, pl.exceptions.PolarsError) as error:
            raise NoBytes(f"file cannot be read: {str(error).splitlines()[0]}") from error
        if row >= len(found):
            raise NoBytes("not a row of the file")
        value = found[row]
        if isinstance(value, dict):
            if value.get("bytes") is None and value.get("path"):
                return read_file(self.root, value["path"])
            value = value.get("bytes")
        if not isinstance(value, bytes):
            raise NoBytes("no image in the row")
        return value


def huggingface(path: Path) -> Source | None:
    """A folder of one of the three layouts, or a single Parquet file with images inside."""
    if path.is_file():
        files = [path] if path.suffix == ".parquet" and _image_columns(parquet_schema(path), ()) else []
        return _columnar(path, path.parent, files, []) if files else None
    if not path.is_dir():
        return None
    arrow = _arrow_files(path)
    if arrow:
        return _columnar(path, path, [], arrow)
    parquet = [
        f for d in (path / "data", path) for f in sorted(d.glob("*.parquet")) if f.is_file() and f.name not in METADATA
    ]
    parquet = parquet or [f for f in sorted(path.glob("*/*.parquet")) if f.is_file() and f.name not in METADATA]
    if parquet and _image_columns(parquet_schema(parquet[0]), _features(path, parquet[0]).images):
        return _columnar(path, path, parquet, [])
    return _image_folder(path)


def _columnar(path: Path, root: Path, parquet: Sequence[Path], arrow: Sequence[Path]) -> Source:
    files = [*parquet, *arrow]

    def batches() -> Iterator[Batch]:
        for file in files:
            features = _features(file.parent if arrow else root, None if arrow else file)
            place = file.relative_to(root).as_posix()
            try:
                for frame, at in _arrow_rows(file, features) if arrow else _parquet_rows(file, features):
                    yield Batch(_rows(frame, features, place, at), refusals("", [], ""))
            except (pl.exceptions.PolarsError, BadData) as error:
                why = error.rule if isinstance(error, BadData) else str(error).splitlines()[0]
                yield Batch(pl.DataFrame(), refusals(place, [None], f"the file cannot be read from here on: {why}"))

    size = sum(f.stat().st_size for f in files)
    told = {path / "README.md", *(f.parent / "dataset_info.json" for f in files)} if path.is_dir() else set()
    note = content_digest(sorted(told), "huggingface")
    return gathered(Origin(path.stem, root, tail_digest(files, note), size, Columnar(root)), batches)


def _parquet_rows(file: Path, features: Features) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    """The rows of a Parquet file without its images (their paths alone), and where they are."""
    scan = pl.scan_parquet(file, glob=False)
    schema = scan.collect_schema()
    images = _image_columns(schema, features.images)
    kept = [c for c in schema.names() if c not in images]
    total = scan.select(pl.len()).collect().item()
    step = 100_000
    for start in range(0, total, step):
        rows = pl.int_range(start, min(start + step, total), eager=True)
        frame = scan.select(kept).slice(start, step).collect() if kept else pl.DataFrame()
        yield frame, pl.select(pl.format("#{}/{}", rows, pl.lit(images[0]))).to_series()


def _arrow_rows(file: Path, features: Features) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    for number in range(len(_messages(file)[1])):
        frame = _batch(file, number)
        images = _image_columns(frame.schema, features.images)
        if not images:
            raise BadData(file, "has no column of images", frame.columns)
        rows = pl.int_range(0, len(frame), eager=True)
        where = pl.select(pl.format("#{}:{}/{}", pl.lit(number), rows, pl.lit(images[0]))).to_series()
        yield frame.drop(images), where


def _rows(frame: pl.DataFrame, features: Features, place: str, at: pl.Series) -> pl.DataFrame:
    """The rows of the catalog: class numbers as names, the split as fold."""
    for column, names in features.names.items():
        if column in frame.columns:
            words = pl.Series([n if isinstance(n, str) else None for n in names], dtype=pl.String)
            number = frame[column].cast(pl.Int64, strict=False)
            number = number.set((number < 0) | (number >= len(words)), None)  # -1: no label
            frame = frame.with_columns(words.gather(number).alias(column))
    labels = [c for c in features.names if c in frame.columns]
    known = {n.casefold().replace("_", "") for n in frame.columns} & set(ALIASES["verbatim_name"])
    if len(labels) == 1 and (not known or labels[0] == "class"):
        frame = frame.rename({labels[0]: "label"} if "label" not in frame.columns else {})
    flat = _flat(frame)
    table = taken(flat, {k: v for k, v in ALIASES.items() if k != "path"})
    if table.is_empty() and not table.width:
        table = pl.DataFrame({"path": at})
    split = SPLIT.match(place)
    table = table.with_columns((pl.lit(place) + at).alias("path"))
    if "fold" not in table.columns:
        table = table.with_columns(fold=pl.lit(split[1] if split else None, pl.String))
    own = pl.col("id") if "id" in table.columns else pl.lit(None, pl.String)
    table = table.with_columns(id=pl.coalesce(own, "path"))
    return labelled(table, flat if flat.width else table)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of `frame` that hold one value a row; of a list of captions the first, as `caption`."""
    lists = [c for c, t in frame.schema.items() if isinstance(t, pl.List | pl.Array) and t.inner == pl.String]
    several = next((c for c in lists if c.casefold() in CAPTIONS), None)
    if several is not None and not any(c.casefold() == "caption" for c, t in frame.schema.items() if t == pl.String):
        first = pl.col(several).cast(pl.List(pl.String)).list.drop_nulls().list.first()
        frame = frame.drop(several).with_columns(frame.select(caption=first).to_series())
    return frame.select(
        c for c, t in frame.schema.items() if not isinstance(t, pl.List | pl.Struct | pl.Array) and t != pl.Binary
    )


def _image_columns(schema: Mapping[str, Any], said: Sequence[str]) -> list[str]:
    """The columns of images: those that the features name, else structs of bytes and path, else binary ones called image."""
    found = [c for c in said if c in schema]
    found = found or [
        c for c, t in schema.items() if isinstance(t, pl.Struct) and {"bytes", "path"} <= {f.name for f in t.fields}
    ]
    return found or [c for c, t in schema.items() if t == pl.Binary and c.casefold() in BINARY]


def _features(folder: Path, parquet: Path | None) -> Features:
    """What dataset_info.json, the Parquet's metadata and README.md say of the columns."""
    said: dict[str, Any] = {}
    text = ""
    if parquet is not None:
        text = pl.read_parquet_metadata(parquet).get("huggingface", "")
    info = next((f for f in (folder / "dataset_info.json", folder.parent / "dataset_info.json") if f.is_file()), None)
    for source in (text, info.read_text(encoding="utf-8", errors="replace") if info is not None else ""):
        try:
            data = json.loads(source) if source else {}
        except (ValueError, RecursionError):
            continue
        data = data.get("info", data) if isinstance(data, dict) else {}
        if isinstance(data, dict) and isinstance(data.get("features"), dict):
            said = data["features"]
            break
    images = tuple(c for c, f in said.items() if isinstance(f, dict) and f.get("_type") == "Image")
    names = {
        c: f["names"]
        for c, f in said.items()
        if isinstance(f, dict) and f.get("_type") == "ClassLabel" and isinstance(f.get("names"), list) and f["names"]
    }
    if not said and (folder / "README.md").is_file():
        names = _from_readme((folder / "README.md").read_text(encoding="utf-8", errors="replace"))
    return Features(images, names)


def _from_readme(text: str) -> dict[str, list[str]]:
    """The class names in the YAML head of a data set's card."""
    head = text.split("\n---", 1)[0] if text.startswith("---") else ""
    found: dict[str, list[str]] = {}
    for block in re.split(r"^\s*- name:", head, flags=re.MULTILINE)[1:]:
        words = re.findall(r"^\s+'?(\d+)'?:\s*(.+?)\s*$", block.partition("class_label:")[2], re.MULTILINE)
        if words and "class_label:" in block:
            names = [""] * (max(int(n) for n, _ in words) + 1) if int(words[-1][0]) < 10 * len(words) else []
            for number, word in words:
                if int(number) < len(names):
                    names[int(number)] = word.strip("'\"")
            found[block.splitlines()[0].strip().strip("'\"")] = names
    return found


def _image_folder(path: Path) -> Source | None:
    """A folder (or its train/, test/ ...) with a metadata table whose file_name is relative to it."""
    folders = [path, *sorted(d for d in path.iterdir() if d.is_dir() and SPLIT.match(d.name))]
    tables = [
        f for d in folders for f in (next((d / n for n in METADATA if (d / n).is_file()), None),) if f is not None
    ]
    frames = [(f, _metadata(f)) for f in tables]
    frames = [(f, t) for f, t in frames if "file_name" in t.columns]
    if not frames:
        return None

    def batches() -> Iterator[Batch]:
        for file, frame in frames:
            below = file.parent.relative_to(path).as_posix()
            lacking = pl.col("file_name").is_null()
            wrong = frame.filter(lacking)
            kept = frame.filter(~lacking)
            place = pl.col("file_name") if below == "." else pl.lit(f"{below}/") + pl.col("file_name")
            flat = _flat(kept)
            table = taken(flat, {k: v for k, v in ALIASES.items() if k != "path"})
            split = SPLIT.match(below)
            table = located(table.with_columns(kept.select(place.alias("path")).to_series()))
            if "fold" not in table.columns:
                table = table.with_columns(fold=pl.lit(split[1] if split else None, pl.String))
            yield Batch(labelled(table, flat), refusals(file.name, wrong[LINE], "no file_name"))

    digest = content_digest(tables, "image folder")
    return gathered(Origin(path.name, path, digest), batches)


def _metadata(file: Path) -> pl.DataFrame:
    if file.suffix == ".csv":
        return text_file(file).whole()[0]
    try:
        frame = pl.read_ndjson(file, infer_schema_length=None) if file.suffix == ".jsonl" else read_table(file)
    except pl.exceptions.PolarsError as error:
        raise BadData(file, f"not one JSON object a line: {str(error).splitlines()[0]}") from error
    return frame.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE))


def _arrow_files(path: Path) -> list[Path]:
    """The Arrow files of `save_to_disk`: of a data set, or of each split of a dictionary of them."""
    listed = path / "dataset_dict.json"
    folders = [path]
    if listed.is_file():
        try:
            splits = json.loads(listed.read_text(encoding="utf-8"))["splits"]
            folders = [path / PurePosixPath(str(s)).name for s in splits]
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise BadData(listed, f"does not list the splits: {error}") from error
    elif not ((path / "state.json").is_file() or (path / "dataset_info.json").is_file()):
        return []
    found = []
    for folder in folders:
        state = folder / "state.json"
        try:
            names = (
                [f["filename"] for f in json.loads(state.read_text(encoding="utf-8"))["_data_files"]]
                if state.is_file()
                else None
            )
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise BadData(state, f"does not list the data files: {error}") from error
        files = (
            sorted(folder.glob("*.arrow")) if names is None else [folder / PurePosixPath(str(n)).name for n in names]
        )
        absent = [f.name for f in files if not f.is_file()]
        if absent:
            raise BadData(folder, "lacks files that state.json lists", absent)
        found += files
    return found


@functools.lru_cache(maxsize=4)
def _window(file: Path, _changed: int, column: str, number: int) -> pl.Series:
    return pl.scan_parquet(file, glob=False).select(column).slice(number * WINDOW, WINDOW).collect().to_series()


@functools.lru_cache(maxsize=2)
def _batch_column(file: Path, _changed: int, column: str, number: int) -> pl.Series:
    return _batch(file, number)[column]


def _batch(file: Path, number: int) -> pl.DataFrame:
    """One record batch of an Arrow stream."""
    schema, batches = _messages(file)
    if number >= len(batches):
        raise BadData(file, f"has {len(batches)} record batches, and number {number} was asked for")
    with file.open("rb") as stream:
        head = stream.read(schema)
        start, end = batches[number]
        stream.seek(start)
        return pl.read_ipc_stream(BytesIO(head + stream.read(end - start) + b"\xff\xff\xff\xff\0\0\0\0"))


def _messages(file: Path) -> tuple[int, list[tuple[int, int]]]:
    """Where the schema ends, and (start, end) of each record batch, found by the messages' lengths alone."""
    state = file.stat()
    return _messages_of(file, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=64)
def _messages_of(file: Path, _changed: int, size: int) -> tuple[int, list[tuple[int, int]]]:
    found: list[tuple[int, int]] = []
    schema = at = 0
    with file.open("rb") as stream:
        while at + 8 <= size:
            stream.seek(at)
            mark, length = struct.unpack("<Ii", stream.read(8))
            if mark != 0xFFFFFFFF or length < 0:
                raise BadData(file, "not an Arrow stream: save it again with save_to_disk")
            if length == 0:
                break
            kind, body = _message(stream.read(length), file)
            end = at + 8 + length + body
            if end > size or body < 0:
                raise BadData(file, "ends within a record batch")
            if kind == 1:
                schema = end
            elif kind == 3:
                found.append((at, end))
            else:
                raise BadData(file, "has dictionaries or tensors, which are not read: save it again as plain columns")
            at = end
    return schema, found


def _message(data: bytes, file: Path) -> tuple[int, int]:
    """Kind (1 schema, 3 record batch) and body length of a message: fields 1 and 3 of the flatbuffer table Message."""
    try:
        table = struct.unpack_from("<I", data, 0)[0]
        vtable = table - struct.unpack_from("<i", data, table)[0]
        slots = (struct.unpack_from("<H", data, vtable)[0] - 4) // 2  # fields at their default are left out
        kind, body = (struct.unpack_from("<H", data, vtable + 4 + 2 * k)[0] if k < slots else 0 for k in (1, 3))
        length = struct.unpack_from("<q", data, table + body)[0] if body else 0
        return (data[table + kind] if kind else 0), length
    except (struct.error, IndexError) as error:
        raise BadData(file, "not an Arrow stream: a message is damaged") from error
