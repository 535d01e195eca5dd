"""WebDataset shards: tars whose neighbouring files share a key (<key>.jpg, <key>.json, <key>.taxonTag.txt ...), and Merian's own catalogs.

A plain <key>.txt holds a name in some data sets and a caption in general words in others (img2dataset writes LAION's so); `_sorted_texts` tells them apart.

Convention: https://github.com/webdataset/webdataset#the-webdataset-format (the key ends at the first dot of the file's name). Text files of BioCLIP's
shards: https://huggingface.co/datasets/imageomics/TreeOfLife-10M. Nothing is ever unpacked: an image is a place in a tar, "shard.tar#offset+size".
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from merian.core.errors import BadData
from merian.core.tables import CATALOG, Catalog
from merian.core.tree import RANKS
from merian.curate.sources.columns import ALIASES, labelled, taken
from merian.curate.sources.files import MOST, TableSource
from merian.curate.sources.gather import Batch, Origin, gathered, refusals, tail_digest
from merian.curate.sources.seam import NoBytes, Source

__all__ = ["Tarred", "merian_catalog", "webdataset"]

IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "jp2", "avif")
SMALL = 1 << 20
"""Bytes of a text beside an image beyond which it is not read."""
TAGS = re.compile(r"^a photo of (.+?)(?: with common name (.+?))?\.?$", re.DOTALL)
SENTENCE = re.compile(
    r"(?:^|\s)(?:a|an|on|at|with|in|is|are|was|this|these|my|your|his|her|their|our|for|from|by|near|over|under|into|while|some|who)(?=[\s,.]|$)"
    r"|^(?:A|An|This|These|My|Your|In|On|At|For|Some) (?=[a-z])"
    r"|[!?;|#@\"]|: |\.\.\.| - "
    r"|\s(?!subsp|spec|indet|auct|aggr)[a-z]{4,}\.$"
)
"""What sentences have and names do not: small words, marks, a full stop behind a whole word."""
AUTHORS = re.compile(r"([A-Z][\w.]*),? (?:and|in|et|ex|by) (?=[A-Z])")
"""Authors of a name that are joined by a small word."""
JOINED = re.compile(r"(?:^|\s)(?:of|the|and|to)(?=\s)", re.IGNORECASE)
"""Small words that common names have too ("Lily of the valley", "Black and white warbler")."""
LONG, LONGEST = 6, 12
"""Words from which on a text with one of those is a sentence, and beyond which any text is. From taste."""
RANK_TAG = re.compile(rf"\b({'|'.join(RANKS)}) ")
PLACE = re.compile(r"^(.+)#(\d+)\+(\d+)$")
OWN_COLUMNS = (
    "taxon",
    "split",
    "width",
    "height",
    "hash",
    "shard",
    "offset",
    "size",
    "altered",
    "reason",
    "cluster",
    "box",
    "path",
    "name_decision",
)
"""Columns of a catalog that its next curation finds out anew; a sample that was cut out by its box is whole now."""


@dataclass(frozen=True)
class Tarred:
    """Reads images out of the tars of a folder by "shard.tar#offset+size"."""

    root: Path

    def read(self, place: str) -> bytes:
        """The bytes at a place; raises NoBytes."""
        parts = PLACE.match(place)
        if parts is None or ".." in PurePosixPath(parts[1]).parts or PurePosixPath(parts[1]).is_absolute():
            raise NoBytes("not a place in a tar")
        offset, size = int(parts[2]), int(parts[3])
        if size > MOST:
            raise NoBytes("file cannot be read: too large")
        try:
            with (self.root / parts[1]).open("rb") as stream:
                stream.seek(offset)
                data = stream.read(size)
        except FileNotFoundError:
            raise NoBytes("file not found") from None
        except (OSError, ValueError) as error:
            raise NoBytes(f"file cannot be read: {error}") from error
        if len(data) < size:
            raise NoBytes("file cannot be read: the tar ends before the image")
        return data


def merian_catalog(path: Path) -> Source | None:
    """What `merian curate` wrote: its kept images, with all that is known of them."""
    if not (path / "catalog.parquet").is_file():
        return None
    catalog = Catalog.open(path)
    kept = catalog.kept()
    place = pl.format("shards/shard-{}.tar#{}+{}", pl.col("shard").cast(pl.String).str.zfill(5), "offset", "size")
    rows = kept.select(place.alias("path"), *(c.name for c in CATALOG if c.name not in OWN_COLUMNS))
    rows = rows.select("path", *(c for c in rows.columns if c != "path" and rows[c].null_count() < len(rows)))
    rows = rows.hstack(catalog.tree.lineages(kept["taxon"].to_numpy()))
    taxa = path / "tree.parquet" if len(catalog.tree) else None
    return TableSource(path.name, path, rows, catalog.hash, taxa, reader=Tarred(path))


def webdataset(path: Path) -> Source | None:
    """A tar, or a folder of tars (at its top, or in train/, val/ ... below it)."""
    if path.is_file():
        if path.name.casefold().endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")):
            raise BadData(path, "is a packed tar, and images are read from their place in a tar: unpack it to a .tar")
        files, root = ([path] if path.suffix == ".tar" else []), path.parent
        for file in files:
            _check(file)
    elif path.is_dir():
        files, root = [f for f in sorted(path.glob("*.tar")) if f.is_file()], path
        files = files or [f for f in sorted(path.glob("*/*.tar")) if f.is_file()]
    else:
        files, root = [], path
    if not files:
        return None

    def batches() -> Iterator[Batch]:
        for file in files:
            yield _rows(file, file.relative_to(root))

    size = sum(f.stat().st_size for f in files)
    return gathered(Origin(path.stem, root, tail_digest(files, "webdataset"), size, Tarred(root)), batches)


def _check(file: Path) -> None:
    """Return quietly when a tar given by its name begins like one; raises BadData."""
    try:
        with tarfile.open(file, mode="r:") as tar:
            empty = tar.next() is None
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BadData(file, f"is no tar that can be read: {error}") from error
    if empty:
        raise BadData(file, "the tar is empty")


def _rows(file: Path, place: Path) -> Batch:
    """One row for each image of a tar."""
    samples: dict[str, dict[str, Any]] = {}
    found: list[dict[str, Any]] = []
    bad: list[str] = []
    imageless = 0

    def close() -> None:
        nonlocal imageless
        for key, sample in samples.items():
            images = sample.pop("_images")
            imageless += not images
            for number, (offset, size, kind) in enumerate(images):
                name = key if number == 0 else f"{key}.{kind}"
                found.append({**sample, "__id": name, "__path": f"{place.as_posix()}#{offset}+{size}", "__key": key})
        samples.clear()

    try:
        with tarfile.open(file, mode="r:") as tar:
            for member in tar:
                if not member.isreg():
                    if not member.isdir():
                        bad.append(f"a link or device in the tar, not a file: {member.name[:80]}")
                    continue
                if member.issparse() or member.size < 0:
                    bad.append(f"a sparse file in the tar: {member.name[:80]}")
                    continue
                folder, _, name = member.name.rpartition("/")
                stem, _, kind = name.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                if not stem or not kind:
                    continue
                if key not in samples:
                    close()
                    samples[key] = {"_images": []}
                if kind.rpartition(".")[2].casefold() in IMAGES:
                    samples[key]["_images"].append((member.offset_data, member.size, kind))
                elif member.size <= SMALL and (stream := tar.extractfile(member)) is not None:
                    bad += _learn(samples[key], kind.casefold(), stream.read(), member.name)
    except (tarfile.TarError, EOFError, ValueError) as error:
        bad.append(f"the tar is damaged from here on: {error}")
    close()
    if not found and not imageless and not bad:
        bad.append("the tar holds no samples")
    if imageless:
        bad.append(f"samples without an image: {imageless:,}")
    refused = pl.concat([refusals("", [], ""), *(refusals(place.as_posix(), [None], b) for b in bad)])
    return Batch(_table(found), refused, file.stat().st_size)


def _whole(text: str) -> str:
    """`text` without halves of surrogate pairs, which JSON can write and nothing else can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _learn(sample: dict[str, Any], kind: str, data: bytes, name: str) -> list[str]:
    """Add to `sample` what a file beside the image says; the reasons why it says nothing."""
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        return [f"not UTF-8: {name[:80]}"] if kind == "json" or kind.endswith("txt") else []
    if kind == "json":
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return [f"not sound JSON: {name[:80]}"]
        if isinstance(said, dict):
            sample.update(
                {
                    _whole(k): _whole(str(v))
                    for k, v in said.items()
                    if isinstance(v, str | int | float) and not str(k).startswith("_")
                }
            )
        return []
    if kind in ("scientific_name.txt", "common_name.txt"):
        sample.setdefault(kind.removesuffix(".txt"), text)
    elif kind in ("taxontag.txt", "taxontag_com.txt") and (shape := TAGS.match(text)):
        parts = RANK_TAG.split(f"{shape[1]} ")
        for rank, value in zip(parts[1::2], parts[2::2], strict=True):
            sample.setdefault(rank, value.strip())
        if shape[2]:
            sample.setdefault("common_name", shape[2])
    elif kind == "txt" and text:
        sample.setdefault("_text", text)
    elif kind in ("cls", "cls.txt", "sci.txt"):
        shape = TAGS.match(text)
        sample.setdefault("_label", shape[1] if shape else text)
    return []


def _sentence(text: str) -> bool:
    """Whether a text reads like a sentence and not like a name."""
    words = len(text.split())
    return (
        words > LONGEST or (words >= LONG and bool(JOINED.search(text))) or bool(SENTENCE.search(AUTHORS.sub("", text)))
    )


def _sorted_texts(found: list[dict[str, Any]]) -> None:
    """Give the plain text of each sample its place, in the samples themselves: a label, or a caption.

    What the JSON has as its caption, or reads like a sentence, is a caption; BioCLIP's captions ("a photo of Pica pica.") are labels. A few words ("black
    dog", "Pica pica") may be either: they are captions where more than half of the texts of their tar are sentences, and labels elsewhere.
    """
    texts = [(row, str(row.pop("_text"))) for row in found if "_text" in row]
    shapes = [TAGS.match(text) for _, text in texts]
    sentences = [_sentence(shape[1] if shape else text) for shape, (_, text) in zip(shapes, texts, strict=True)]
    general = 2 * sum(sentences) > len(texts)
    for (row, text), shape, sentence in zip(texts, shapes, sentences, strict=True):
        if general or sentence or row.get("caption") == text:
            row.setdefault("caption", text)
        if not sentence and (shape or not general) and (shape or row.get("caption") != text):
            row.setdefault("_label", shape[1] if shape else text)


def _table(found: list[dict[str, Any]]) -> pl.DataFrame:
    if not found:
        return pl.DataFrame()
    _sorted_texts(found)
    names = sorted({k for row in found for k in row})
    raw = pl.DataFrame({k: [row.get(k) for row in found] for k in names}, schema=dict.fromkeys(names, pl.String))
    own_names = {n.casefold().replace("_", "") for n in names if not n.startswith("_")}
    if "_label" in names and not own_names & set(ALIASES["verbatim_name"]):
        raw = raw.rename({"_label": "label"})
    # the json may speak of the file that the image was; where it is now is what counts
    said = raw.drop("_label", "__id", "__path", "__key", strict=False)
    table = raw.select(path="__path").hstack(taken(said, {k: v for k, v in ALIASES.items() if k != "path"}))
    known = raw["__key"]
    table = table.with_columns(group=pl.coalesce(*([pl.col("group")] if "group" in table.columns else []), known))
    own = pl.col("id") if "id" in table.columns else pl.lit(None, pl.String)
    return labelled(table.with_columns(id=pl.coalesce(own, raw["__id"])), raw)
