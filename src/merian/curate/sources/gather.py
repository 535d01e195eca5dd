"""From batches of rows to a source: in memory while they are few, beyond that converted once to Parquet parts in the cache.

A table of a hundred million rows is never in memory: it is read in blocks, two tables are joined bucket by bucket, and ids are made unique with a sort of
their hashes. The parts of a conversion stand under the digest of its inputs, appear all at once, and serve every later run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import progress, store
from merian.core.tables import CATALOG
from merian.core.tree import RANKS
from merian.curate.sources.columns import identified
from merian.curate.sources.files import PART_ROWS, STORED_SHARD, Inside, Reader, StoredSource, TableSource
from merian.curate.sources.seam import REFUSED, Source

__all__ = ["Batch", "Origin", "bucketed", "content_digest", "gathered", "refusals", "tail_digest"]

IN_MEMORY_ROWS = 50_000
"""More rows than this go to the cache: what is in memory is sent to each worker."""
IN_MEMORY_BYTES = 256 << 20
"""The same for the bytes of fewer but longer ones."""
BUCKET_BYTES = 96 << 20
"""Bytes of text of two tables that are joined at once; in memory, with all that is derived from them, about ten times as many."""
FLUSH_BYTES = 256 << 20
"""Bytes that wait in memory while a table is split into buckets."""
SORTED_IDS = 50_000_000
"""Hashes of ids that are sorted at once, 8 bytes each."""
MEMO_BYTES = 64 << 20
"""A file from this size on is hashed once for as long as its size and time stay the same."""
TAIL = 1 << 16
"""Bytes at the end of a file that is too large to be hashed whole."""
FORMAT = 1
"""Of what is kept in the cache: raise it when the rows of a source change, so that old ones are made again."""

_NAMES = [c.name for c in CATALOG if c.name != "taxon"]
_TYPES = {c.name: c.type for c in CATALOG} | dict.fromkeys(RANKS, pl.String)
_ALL = [*_NAMES, *RANKS]


class Batch(NamedTuple):
    """Some rows of a source (columns of the catalog and the seven ranks), the rows refused with them, and the bytes of input that they took."""

    rows: pl.DataFrame
    refused: pl.DataFrame
    size: int = 0


@dataclass(frozen=True)
class Origin:
    """Where rows come from: the source's name and folder, the digest of all that went in, its bytes, and who reads its images.

    own: the table is the person's, and not a stranger's.
    """

    name: str
    root: Path
    digest: str
    size: int = 0
    reader: Reader | None = None
    taxa: Path | None = None
    own: bool = False

    @property
    def reads(self) -> Reader | None:
        """Who reads the images: None for a person's own table, whose paths may lead anywhere; by default files of the folder alone."""
        return self.reader or (None if self.own else Inside(self.root))


def gathered(origin: Origin, batches: Callable[[], Iterator[Batch]]) -> Source:
    """The source of all `batches`, with an id in every row and none twice; a long one is read back from the cache when it is there."""
    digest = store.digest_bytes(f"{FORMAT} {origin.name} {origin.digest}".encode())[:24]
    final = store.cache_folder("sources") / digest
    if (final / "source.json").is_file():
        return _stored(origin, final, digest)
    rows: list[pl.DataFrame] = []
    refused: list[pl.DataFrame] = []
    parts: _Parts | None = None
    try:
        with progress.track(f"Reading {origin.name}", origin.size, "bytes") as advance:
            for batch in batches():
                advance(batch.size)
                batch = _sound(batch, origin.name)
                if parts is None:
                    rows.append(batch.rows)
                    refused.append(batch.refused)
                    size = sum(int(r.estimated_size()) for r in rows)
                    if sum(map(len, rows)) <= IN_MEMORY_ROWS and size <= IN_MEMORY_BYTES:
                        continue
                    parts = _Parts(_workplace(final))
                    parts.add(pl.concat(map(_full, rows)), pl.concat(refused))
                    rows.clear()
                    refused.clear()
                else:
                    parts.add(_full(batch.rows), batch.refused)
        if parts is not None:
            parts.finish()
            _publish(parts.folder, final)
            return _stored(origin, final, digest)
    finally:
        if parts is not None:
            shutil.rmtree(parts.folder, ignore_errors=True)
    table = identified(pl.concat([_full(r) for r in rows] or [pl.DataFrame(schema=_schema())]))
    kept = [c for c in table.columns if c in ("id", "path", *RANKS) or table[c].null_count() < len(table)]
    bad = pl.concat(refused) if refused else pl.DataFrame(schema=REFUSED)
    if origin.reader is None and table["path"].null_count() < len(table):
        # the sizes too: a source whose missing or broken photos were replaced is another one
        sizes = " ".join(str(_size(origin.root / p)) for p in table["path"].drop_nulls())
        digest = store.digest_bytes(f"{digest} {sizes}".encode())[:24]
    return TableSource(origin.name, origin.root, table.select(kept), digest, origin.taxa, bad, origin.reads)


def _size(path: Path) -> int:
    """The size of a file in bytes, -1 when it cannot be looked at."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return -1


def _sound(batch: Batch, name: str) -> Batch:
    """The batch with a source in every row where any has one, and without places that are not on Earth, which are told."""
    rows, refused = batch.rows, batch.refused
    if "source" in rows.columns:
        rows = rows.with_columns(pl.col("source").fill_null(name))
    if "latitude" in rows.columns and "longitude" in rows.columns:
        there = pl.col("latitude").is_between(-90.0, 90.0) & pl.col("longitude").is_between(-180.0, 180.0)
        given = pl.col("latitude").is_not_null() | pl.col("longitude").is_not_null()
        lost = rows.select((given & ~there.fill_null(False)).sum()).item()
        if lost:
            rows = rows.with_columns(pl.when(there).then(c).alias(c) for c in ("latitude", "longitude"))
            what = f"rows of which one coordinate is absent or not on Earth, kept without a place: {lost:,}"
            refused = pl.concat([refused, refusals(name, [None], what)])
    return Batch(rows, refused, batch.size)


def refusals(file: str, rows: pl.Series | Sequence[int | None], reason: pl.Series | str) -> pl.DataFrame:
    """A table of refused rows (columns of REFUSED) of one file: their lines, and one reason for all or one each."""
    numbers = pl.Series("row", rows, pl.Int64)
    why = pl.repeat(reason, len(numbers), eager=True) if isinstance(reason, str) else reason
    return pl.DataFrame({"file": pl.repeat(file, len(numbers), eager=True), "row": numbers, "reason": why}).cast(
        pl.Schema(REFUSED)
    )


def content_digest(files: Sequence[Path], note: str = "") -> str:
    """Hash of the content of `files`, 24 hexadecimal digits; large ones are read once for as long as their size and time stay the same."""
    marks = [note] + [_digest(f) if f.is_file() else "absent" for f in files]
    return store.digest_bytes("\n".join(marks).encode())[:24]


def tail_digest(files: Sequence[Path], note: str = "") -> str:
    """Hash of many large files by name, size and last 64 KiB, 24 hexadecimal digits: for Parquet, whose end says where all its columns are, and tars."""
    sha = [note]
    for file in files:
        size = file.stat().st_size
        with file.open("rb") as stream:
            stream.seek(max(0, size - TAIL))
            sha.append(f"{file.name} {size} {store.digest_bytes(stream.read())}")
    return store.digest_bytes("\n".join(sha).encode())[:24]


def bucketed(
    left: Callable[[], Iterator[pl.DataFrame]], right: Callable[[], Iterator[pl.DataFrame]], key: str, size: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The two tables in pairs of buckets small enough for memory: rows with the same `key` meet in one pair, in their order.

    `size`: bytes of both together; one bucket, and no file, when they are small.
    """
    buckets = max(1, -(-size // BUCKET_BYTES))
    if buckets == 1:
        yield _whole(left()), _whole(right())
        return
    folder = _workplace(store.cache_folder("sources") / "buckets")
    try:
        for side, batches in (("left", left), ("right", right)):
            _split(batches(), key, buckets, folder / side)
        for number in range(buckets):
            yield tuple(_bucket(folder / side, number) for side in ("left", "right"))  # type: ignore[misc]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _whole(batches: Iterator[pl.DataFrame]) -> pl.DataFrame:
    frames = list(batches)
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def _split(batches: Iterator[pl.DataFrame], key: str, buckets: int, folder: Path) -> None:
    """Write the rows to `folder`, a folder a bucket, in files numbered in their order."""
    waiting: list[pl.DataFrame] = []
    empty: pl.DataFrame | None = None
    turn = 0

    def flush() -> None:
        nonlocal turn
        if waiting:
            frame = pl.concat(waiting, how="diagonal")
            number = pl.Series((_hashes(frame[key]) % np.uint64(buckets)).astype(np.int64))
            for place in number.unique().sort():
                target = folder / f"{place:05d}" / f"{turn:06d}.parquet"
                target.parent.mkdir(parents=True, exist_ok=True)
                with store.full_disk_told(target):
                    frame.filter(number == place).write_parquet(target, compression="lz4")
            waiting.clear()
            turn += 1

    for batch in batches:
        empty = batch.clear() if empty is None else empty
        waiting.append(batch)
        if sum(int(w.estimated_size()) for w in waiting) >= FLUSH_BYTES:
            flush()
    flush()
    folder.mkdir(parents=True, exist_ok=True)
    (empty if empty is not None else pl.DataFrame()).write_parquet(folder / "empty.parquet")


def _bucket(folder: Path, number: int) -> pl.DataFrame:
    files = sorted((folder / f"{number:05d}").glob("*.parquet"))
    frames = [pl.read_parquet(f, glob=False) for f in files] or [pl.read_parquet(folder / "empty.parquet", glob=False)]
    return pl.concat(frames, how="diagonal")


def _hashes(text: pl.Series) -> npt.NDArray[np.uint64]:
    """[n] A 64-bit hash of each text that is the same on every machine and in every version (FNV-1a of its bytes, in blocks of equal length)."""
    filled = text.cast(pl.String).fill_null("")
    lengths = filled.str.len_bytes().to_numpy()
    result = np.full(len(filled), 0xCBF29CE484222325, np.uint64)
    for length in np.unique(lengths):
        here = np.flatnonzero(lengths == length)
        data = np.frombuffer("".join(filled.gather(here).to_list()).encode(), np.uint8).reshape(len(here), int(length))
        value = result[here]
        with np.errstate(over="ignore"):
            for column in range(int(length)):
                value = (value ^ data[:, column]) * np.uint64(0x100000001B3)
            value ^= value >> np.uint64(29)
        result[here] = value
    return result


def _schema() -> pl.Schema:
    return pl.Schema({name: _TYPES[name] for name in _ALL})


def _full(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with all columns of the catalog and the ranks, in order; absent ones are null."""
    if frame.is_empty():
        return pl.DataFrame(schema=_schema())
    there = set(frame.columns)
    return frame.select((pl.col(c).cast(_TYPES[c]) if c in there else pl.lit(None, _TYPES[c])).alias(c) for c in _ALL)


class _Parts:
    """Parquet parts of equal length, written as rows come in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = self.bad = self.written = 0
        self.used: set[str] = {"id", "path", *RANKS}
        self.waiting: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame, refused: pl.DataFrame) -> None:
        """Take rows; refused ones are written at once."""
        rows = identified(rows)
        self.used |= {c for c in rows.columns if rows[c].null_count() < len(rows)}
        self.waiting.append(rows)
        if len(refused):
            self._write(f"refused-{self.bad:05d}", refused)
            self.bad += 1
        while sum(map(len, self.waiting)) >= PART_ROWS:
            whole = pl.concat(self.waiting)
            self._part(whole.head(PART_ROWS))
            self.waiting = [whole.slice(PART_ROWS)]

    def finish(self) -> None:
        """Write what is left, make the ids unique over all parts, and say so in source.json."""
        if sum(map(len, self.waiting)):
            self._part(pl.concat(self.waiting))
        self._make_unique()
        facts = {
            "count": self.count,
            "columns": [c for c in _ALL if c in self.used],
            "shard_rows": STORED_SHARD,
            "part_rows": PART_ROWS,
        }
        store.write_json(self.folder / "source.json", facts)

    def _part(self, rows: pl.DataFrame) -> None:
        self._write(f"part-{self.written:05d}", rows)
        self.written += 1
        self.count += len(rows)

    def _write(self, stem: str, frame: pl.DataFrame) -> None:
        target = self.folder / f"{stem}.parquet"
        with store.full_disk_told(target):
            frame.write_parquet(target, row_group_size=STORED_SHARD)

    def _make_unique(self) -> None:
        files = [self.folder / f"part-{n:05d}.parquet" for n in range(self.written)]
        while True:
            again = _repeated(files, self.count)
            if not len(again):
                return
            seen: dict[str, int] = {}
            for file in files:
                frame = pl.read_parquet(file, glob=False)
                rows = np.flatnonzero(np.isin(_hashes(frame["id"]), again))
                if len(rows):
                    new = []
                    for name in frame["id"].gather(rows).to_list():
                        seen[name] = seen.get(name, 0) + 1
                        new.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
                    frame = frame.with_columns(frame["id"].scatter(rows, new))
                    self._write(file.stem, frame)
            if all(n == 1 for n in seen.values()):
                return  # equal hashes of different ids


def _repeated(files: Sequence[Path], count: int) -> npt.NDArray[np.uint64]:
    """The hashes of ids that stand in `files` more than once."""
    slices = max(1, -(-count // SORTED_IDS))
    found = []
    for number in range(slices):
        kept = []
        for file in files:
            hashes = _hashes(pl.read_parquet(file, columns=["id"], glob=False)["id"])
            kept.append(hashes[hashes % np.uint64(slices) == number] if slices > 1 else hashes)
        ordered = np.sort(np.concatenate(kept)) if kept else np.empty(0, np.uint64)
        found.append(np.unique(ordered[1:][ordered[1:] == ordered[:-1]]))
    return np.concatenate(found)


def _workplace(final: Path) -> Path:
    """A new folder beside `final`; those that killed runs left are removed."""
    final.parent.mkdir(parents=True, exist_ok=True)
    for old in final.parent.glob(f".{final.name}.*"):
        pid = old.name.split(".")[2]
        if pid.isdigit() and not Path("/proc", pid).exists() and Path("/proc").is_dir():
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.{os.getpid()}."))


def _publish(folder: Path, final: Path) -> None:
    """Give the finished folder its name; another run that was quicker made the same."""
    folder.chmod(0o755)
    try:
        folder.rename(final)
    except OSError:
        if not (final / "source.json").is_file():
            raise


def _stored(origin: Origin, folder: Path, digest: str) -> StoredSource:
    facts = json.loads((folder / "source.json").read_text(encoding="utf-8"))
    return StoredSource(
        origin.name,
        origin.root,
        folder,
        digest,
        facts["count"],
        tuple(facts["columns"]),
        facts["shard_rows"],
        facts["part_rows"],
        origin.taxa,
        origin.reads,
    )


def _digest(file: Path) -> str:
    """The SHA-256 of a file, remembered in the cache for a large one."""
    state = file.stat()
    if state.st_size < MEMO_BYTES:
        return store.digest(file)
    key = store.digest_bytes(f"{file.resolve()} {state.st_size} {state.st_mtime_ns}".encode())[:24]
    memo = store.cache_folder("sources") / "digests" / f"{key}.txt"
    if memo.is_file():
        return memo.read_text(encoding="utf-8").strip()
    value = store.digest(file)
    store.write_text(memo, value + "\n")
    return value
