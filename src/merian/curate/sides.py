"""What `merian leakage` compares: a catalog, a source whose images are looked at, or a bare list of ids or hashes, opened as a Side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import progress, store
from merian.core.errors import BadData, Missing
from merian.core.tables import Catalog
from merian.core.tree import read_table
from merian.core.vectors import Embeddings
from merian.curate.leakage import Side
from merian.curate.measures import measure
from merian.curate.sources import Source, open_source
from merian.curate.sources.files import parquet_schema
from merian.curate.sources.seam import NoBytes
from merian.curate.sources.text import text_file
from merian.encode.pixels import Unreadable

__all__ = ["open_side", "side_of_catalog", "side_of_images", "side_of_source", "side_of_table"]

LISTS = {
    "id": ("id", "occurrenceid", "gbifid", "uuid", "observationid", "sourceid"),
    "hash": ("hash", "sha256", "checksum"),
    "source": ("source", "datasetname", "dataset"),
    "publisher": ("publisher", "institutioncode"),
    "references": ("references", "sourceurl"),
    "url": ("url", "identifier", "accessuri", "imageurl"),
    "specimen": ("specimen", "catalognumber"),
    "individual": ("individual", "organismid"),
    "event_id": ("eventid", "sequenceid"),
    "camera": ("camera", "deploymentid", "locationid"),
    "split": ("split",),
}
"""Column of a Side -> the names it goes by in a list, lower case without underscores."""
PLACES = frozenset(("path", "associatedmedia", "filepath", "file", "filename", "image", "imagepath"))
"""A table with one of these columns is a source, whose images can be looked at."""
TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")
WORDS = 4
"""64-bit words of a fingerprint."""


def open_side(path: Path, embeddings: Path | None = None) -> Side:
    """The Side at `path`: a catalog's store, a table of ids or hashes, or whatever `open_source` reads (its images are then read for bytes and fingerprint).

    `embeddings` is what `merian embed` made of it. Raises Missing when nothing is there.
    """
    if not path.exists():
        raise Missing("the data set", path, "give a catalog, a source of images, or a table of ids or hashes")
    vectors = None if embeddings is None else Embeddings.load(embeddings)
    if path.is_dir() and (path / store.MANIFEST).is_file() and store.read(path).kind == "catalog":
        return side_of_catalog(Catalog.open(path), vectors)
    if path.is_file() and path.name.lower().endswith(TABLES):
        names = list(parquet_schema(path)) if path.suffix == ".parquet" else text_file(path).names()
        if not PLACES & {_folded(c) for c in names}:
            return side_of_table(path.stem, read_table(path), store.digest(path), vectors)
    return side_of_source(open_source(path), vectors)


def side_of_catalog(catalog: Catalog, vectors: Embeddings | None = None) -> Side:
    """The kept images of a catalog, with the fingerprints that curation measured."""
    rows = catalog.kept()
    file = catalog.path / "measures.parquet"
    prints, has = None, None
    if file.is_file():
        try:
            measured = pl.read_parquet(file, columns=["id", "fingerprint"], glob=False).unique("id", keep="first")
        except pl.exceptions.PolarsError as error:
            raise BadData(file, f"not the measures of a catalog: {str(error).splitlines()[0]}; curate again") from error
        found = rows.select("id").join(measured, on="id", how="left", maintain_order="left")["fingerprint"]
        prints, has = _words(found)
    return Side(catalog.path.name, rows, catalog.hash, prints=prints, has_print=has, vectors=vectors)


def side_of_table(name: str, table: pl.DataFrame, digest: str = "", vectors: Embeddings | None = None) -> Side:
    """A list of ids, addresses or hashes, of which nothing else need be known.

    Raises Missing when it has no such column, BadData when no row has anything in it.
    """
    given = {_folded(c): c for c in reversed(table.columns)}
    found = {to: next((given[n] for n in names if n in given), None) for to, names in LISTS.items()}
    columns = [pl.col(c).cast(pl.String).str.strip_chars().replace("", None).alias(to) for to, c in found.items() if c]
    if not any(found[c] for c in ("id", "hash", "url", "references")):
        names = ", ".join(n for c in ("id", "hash", "url", "references") for n in LISTS[c])
        raise Missing(
            "a column of ids, addresses or hashes", name, f"name one of its columns {names}; it has {table.columns}"
        )
    rows = table.select(columns)
    telling = [c for c in ("id", "hash", "url", "references") if c in rows.columns]
    mute = int(rows.select(pl.all_horizontal(pl.col(c).is_null() for c in telling).sum()).item())
    if mute == len(rows) > 0:
        raise BadData(name, f"no row has anything in {' or '.join(str(found[c]) for c in telling)}")
    remarks = (
        (f"{mute:,} of {len(rows):,} rows of {name} name no record or image and were not compared",) if mute else ()
    )
    if "id" not in rows.columns:
        rows = rows.with_columns(id=pl.coalesce(*[c for c in ("hash", "url", "references") if c in rows.columns]))
    nth = pl.int_range(pl.len()).over("id") + 1
    rows = rows.with_columns(id=pl.col("id").fill_null(pl.format("row {}", pl.int_range(pl.len()) + 1)))
    while not rows["id"].is_unique().all():
        rows = rows.with_columns(id=pl.when(nth > 1).then(pl.format("{}#{}", "id", nth)).otherwise("id"))
    bare = all(c not in rows.columns or rows[c].null_count() == len(rows) for c in ("source", "publisher"))
    return Side(name, rows, digest, bare=bare, vectors=vectors, remarks=remarks)


def side_of_source(source: Source, vectors: Embeddings | None = None) -> Side:
    """The images of a source, each read once for its hash and its fingerprint; what cannot be read is compared by the rest."""
    tables, hashes, marks = [], list[str | None](), list[bytes | None]()
    total = sum(len(source.rows(s)) for s in range(source.shards))
    with progress.track(f"Looking at {source.name}", total, "images") as advance:
        for shard in range(source.shards):
            rows = source.rows(shard)
            tables.append(rows)
            for place in rows["path"].to_list():
                seen = _look(source, place)
                hashes.append(seen[0])
                marks.append(seen[1])
                advance(1)
    frame = pl.concat(tables, how="diagonal_relaxed").with_columns(hash=pl.Series(hashes, dtype=pl.String))
    if "source" not in frame.columns:
        frame = frame.with_columns(source=pl.lit(source.name))
    prints, has = _words(pl.Series(marks, dtype=pl.Binary))
    remarks = []
    blind = len(has) - int(has.sum())
    if blind:
        remarks.append(f"{blind:,} of {len(has):,} images of {source.name} could not be seen; their rows were compared")
    if len(source.refused):
        remarks.append(f"{len(source.refused):,} rows of {source.name} could not be read and were not compared")
    return Side(source.name, frame, source.hash, prints=prints, has_print=has, vectors=vectors, remarks=tuple(remarks))


def side_of_images(name: str, ids: Sequence[str], images: Iterable[bytes]) -> Side:
    """Images by their bytes alone, in the order of `ids` [n], each looked at once for its hash and its fingerprint; one that cannot be seen has a hash only."""
    looks = []
    with progress.track(f"Looking at {name}", len(ids), "images") as advance:
        for data in images:
            looks.append(_seen(data))
            advance(1)
    prints, has = _words(pl.Series([mark for _, mark in looks], dtype=pl.Binary))
    rows = pl.DataFrame({"id": pl.Series(ids, dtype=pl.String), "hash": [digest for digest, _ in looks]})
    return Side(name, rows, prints=prints, has_print=has)


def _look(source: Source, place: str | None) -> tuple[str | None, bytes | None]:
    """(hash, fingerprint) of one image, None for what cannot be had."""
    if not place:
        return None, None
    try:
        data = source.read(place)
    except NoBytes:
        return None, None
    return _seen(data)


def _seen(data: bytes) -> tuple[str, bytes | None]:
    """(hash, fingerprint) of an image's bytes; no fingerprint for one that cannot be decoded."""
    try:
        return store.digest_bytes(data), measure(data).fingerprint
    except Unreadable:
        return store.digest_bytes(data), None


def _words(
    marks: pl.Series,
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.uint64]], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Fingerprints as [n, 4] words, and which rows have one."""
    has = (marks.bin.size() == 8 * WORDS).fill_null(False).to_numpy()
    words = np.zeros((len(marks), WORDS), np.uint64)
    present = marks.filter(pl.Series(has)).to_list()
    words[has] = np.frombuffer(b"".join(present), "<u8").reshape(-1, WORDS)
    return words, has


def _folded(name: str) -> str:
    return name.casefold().replace("_", "").replace(" ", "")
