"""Downloads from GBIF: the Darwin Core Archive (occurrence.txt, verbatim.txt, multimedia.txt), and the simple tables, text or Parquet.

Columns: https://techdocs.gbif.org/en/data-use/download-formats, https://github.com/gbif/occurrence/blob/master/aws-public-data.md. A simple table says that
a record has images and not where they are: a multimedia.txt of the same records is looked for beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from merian.core.archives import Archive
from merian.core.errors import BadData
from merian.curate.sources.dwca import CORE, images_of, members, read_archive
from merian.curate.sources.files import parquet_schema
from merian.curate.sources.gather import Batch, Origin, bucketed, content_digest, gathered, refusals, tail_digest
from merian.curate.sources.media import LINE
from merian.curate.sources.seam import Source
from merian.curate.sources.text import TextTable, text_file, text_member

__all__ = ["gbif_download"]

MARKS = frozenset(("gbifid", "datasetkey"))
"""Columns (in lower case) of every simple table of GBIF."""
BATCH_ROWS = 200_000
Records = Callable[[], Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]]
"""Gives records in the spelling of Darwin Core, the rows refused, and the bytes read."""
_SPELT = (
    "gbifID", "datasetKey", "occurrenceID", "kingdom", "phylum", "class", "order", "family", "genus", "species",
    "scientificName", "countryCode", "occurrenceStatus", "decimalLatitude", "decimalLongitude", "eventDate",
    "day", "month", "year", "basisOfRecord", "institutionCode", "collectionCode", "catalogNumber", "license",
    "rightsHolder", "mediaType", "sex", "lifeStage", "publishingOrgKey",
)  # fmt: skip
TERMS = {t.lower(): t for t in _SPELT}
"""Columns that are read, as the tables of the cloud spell them -> as Darwin Core does."""
WHEREABOUTS = (
    "records with images of which a simple download does not say where they are "
    "(ask GBIF for the Darwin Core Archive, or put its multimedia.txt beside this table)"
)


def gbif_download(path: Path) -> Source | None:
    """The ZIP or folder of a download: DWCA, SIMPLE_CSV, SIMPLE_PARQUET; also a single table of these kinds."""
    if {"meta.xml", "verbatim.txt", "multimedia.txt"} <= members(path):
        return read_archive(path)
    parquet = _parquet(path)
    if parquet:
        return _from_parquet(path, parquet)
    if path.is_file() and path.suffix.casefold() == ".zip":
        with Archive.open(path) as archive:
            names = [n for n in archive.names if n.casefold().endswith((".csv", ".txt"))]
            if len(names) != 1 or len(archive.names) > 1:
                return None
            return _from_text(path, text_member(archive, names[0]))
    if path.is_file() and path.suffix.casefold() in (".csv", ".tsv", ".txt"):
        return _from_text(path, text_file(path))
    return None


def _from_text(path: Path, table: TextTable) -> Source | None:
    head = table.head()
    if (
        not head.lower().lstrip(b"\xef\xbb\xbf").startswith((b"gbifid", b'"gbifid"'))
        or not set(map(str.lower, table.names())) >= MARKS
    ):
        return None

    def records() -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
        for block in table.blocks():
            yield _spelt(block.frame), block.refused, block.size

    media = path.parent / "multimedia.txt"
    inputs = [path, media] if media.is_file() else [path]
    return _source(path, content_digest(inputs, "gbif"), table.size, records, table.label)


def _parquet(path: Path) -> list[Path]:
    """The Parquet files of a simple download, with or without a suffix; [] when it is none."""
    places = [path] if path.is_file() else [path / "occurrence.parquet", path] if path.is_dir() else []
    for place in places:
        files = sorted(place.iterdir()) if place.is_dir() else [place]
        files = [f for f in files if (f.suffix == ".parquet" or f.name.isdigit()) and f.is_file()]
        if files and _is_parquet(files[0]) and {c.lower() for c in parquet_schema(files[0])} >= MARKS:
            return files
    return []


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _from_parquet(path: Path, files: list[Path]) -> Source:
    root = path if path.is_dir() else path.parent

    def records() -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
        before = 0
        for file in files:
            try:
                scan = pl.scan_parquet(file, glob=False)
                wanted = [c for c in scan.collect_schema().names() if c.lower() in TERMS]
                total = scan.select(pl.len()).collect().item()
                for start in range(0, total, BATCH_ROWS):
                    frame = _spelt(scan.select(wanted).slice(start, BATCH_ROWS).collect())
                    numbers = pl.int_range(before + start + 1, before + start + len(frame) + 1, eager=True)
                    share = file.stat().st_size * len(frame) // max(total, 1)
                    yield frame.with_columns(numbers.alias(LINE)), refusals("", [], ""), share
            except pl.exceptions.PolarsError as error:
                raise BadData(file, f"not a readable Parquet file: {str(error).splitlines()[0]}") from error
            before += total

    size = sum(f.stat().st_size for f in files)
    media = root / "multimedia.txt"
    digest = tail_digest(files, content_digest([media], "gbif"))
    return _source(path, digest, size, records, files[0].name if len(files) == 1 else path.name)


def _source(path: Path, digest: str, size: int, records: Records, label: str) -> Source:
    root = path if path.is_dir() else path.parent
    file = root / "multimedia.txt"
    media = text_file(file, "\t", None) if file.is_file() else None
    bad: list[pl.DataFrame] = []

    def left() -> Iterator[pl.DataFrame]:
        for frame, refused, _ in records():
            bad.append(refused)
            yield frame.with_columns(pl.col("gbifID").alias(CORE))

    def right() -> Iterator[pl.DataFrame]:
        if media is not None:
            for block in media.blocks():
                bad.append(block.refused)
                yield block.frame.with_columns(pl.col("gbifID").alias(CORE), _file=pl.lit(media.label))

    def batches() -> Iterator[Batch]:
        if media is not None:
            for first, second in bucketed(left, right, CORE, size + media.size):
                rows, refused = images_of(first, second, label, None)
                yield Batch(_paged(rows), pl.concat([*bad, refused]), size)
                bad.clear()
            return
        hidden = imageless = 0
        for frame, refused, read in records():
            still = _has_still(frame)
            hidden += int(still.sum())
            imageless += len(frame) - int(still.sum())
            kept = frame.filter(still).with_columns(pl.col("gbifID").alias(CORE))
            rows, more = images_of(kept, pl.DataFrame(), "", None, keep_bare=True)
            yield Batch(_paged(rows), pl.concat([refused, more]), read)
        notes = [f"{WHEREABOUTS}: {hidden:,}"] if hidden else []
        notes += [f"records without an image: {imageless:,}"] if imageless else []
        yield Batch(pl.DataFrame(), pl.concat([refusals("", [], ""), *(refusals(label, [None], n) for n in notes)]))

    return gathered(Origin(path.stem, root, digest, size), batches)


def _spelt(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with Darwin Core's spelling and text in every column but LINE; lists joined by semicolons."""
    columns = []
    for name, kind in frame.schema.items():
        if name == LINE:
            columns.append(pl.col(name))
        elif name.lower() in TERMS:
            value = pl.col(name)
            if isinstance(kind, pl.List):
                inner = kind.inner
                if isinstance(inner, pl.Struct):  # Spark writes [{"array_element": "StillImage"}]
                    value = value.list.eval(pl.element().struct.field(inner.fields[0].name))
                value = value.list.join(";")
            columns.append(value.cast(pl.String).alias(TERMS[name.lower()]))
    return frame.select(columns)


def _has_still(frame: pl.DataFrame) -> pl.Series:
    if "mediaType" not in frame.columns:
        return pl.repeat(True, len(frame), dtype=pl.Boolean, eager=True)
    return frame.select(pl.col("mediaType").str.contains("StillImage").fill_null(False)).to_series()


def _paged(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the record's page at GBIF where there is no other."""
    if rows.is_empty():
        return rows
    page = pl.lit("https://www.gbif.org/occurrence/") + pl.col("group")
    given = pl.col("references") if "references" in rows.columns else pl.lit(None, pl.String)
    return rows.with_columns(references=pl.coalesce(given, page))
