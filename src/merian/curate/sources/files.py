"""Sources whose rows are tables, in memory or as Parquet parts on disk, and whose images are files of a folder or members of a ZIP."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from merian.core.archives import Archive
from merian.core.errors import BadData, Missing
from merian.curate.sources.seam import REFUSED, NoBytes

__all__ = [
    "MOST",
    "PART_ROWS",
    "ROWS_PER_SHARD",
    "STORED_SHARD",
    "Inside",
    "Reader",
    "StoredSource",
    "TableSource",
    "Zipped",
    "parquet_schema",
    "read_file",
]

ROWS_PER_SHARD = 1_000
"""Rows that one worker looks at before it reports."""
STORED_SHARD = 10_000
"""The same of a source that is too long for memory: one row group of its parts."""
PART_ROWS = 200_000
"""Rows of one Parquet part."""
MOST = 1 << 30
"""Bytes of an image in an archive beyond which it is taken for no image."""


class Reader(Protocol):
    """Gives the bytes of the image at a place, or raises NoBytes."""

    def read(self, place: str) -> bytes: ...


@dataclass(frozen=True)
class TableSource:
    """A source whose rows fit one table: a CSV of photos, a Darwin Core occurrence file, or a folder read into one."""

    name: str
    root: Path
    table: pl.DataFrame
    hash: str
    taxa: Path | None = None
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REFUSED))
    reader: Reader | None = None

    @property
    def shards(self) -> int:
        """The number of shards."""
        return max(1, -(-len(self.table) // ROWS_PER_SHARD))

    def rows(self, shard: int) -> pl.DataFrame:
        """The rows of one shard."""
        return self.table.slice(shard * ROWS_PER_SHARD, ROWS_PER_SHARD)

    def read(self, place: str) -> bytes:
        """The bytes of the image at `place`: a file relative to the source's folder unless the source has a reader of its own."""
        return read_file(self.root, place, anywhere=True) if self.reader is None else self.reader.read(place)


@dataclass(frozen=True)
class StoredSource:
    """A source whose rows are too many for memory: Parquet parts of PART_ROWS rows, of which a shard is a slice."""

    name: str
    root: Path
    folder: Path
    hash: str
    count: int
    columns: tuple[str, ...]
    shard_rows: int
    part_rows: int
    taxa: Path | None = None
    reader: Reader | None = None

    @property
    def shards(self) -> int:
        """The number of shards."""
        return max(1, -(-self.count // self.shard_rows))

    def rows(self, shard: int) -> pl.DataFrame:
        """The rows of one shard, read from the part that holds them."""
        part, start = divmod(shard * self.shard_rows, self.part_rows)
        file = self.folder / f"part-{part:05d}.parquet"
        if not file.is_file():
            raise Missing("the rows of the source", file, "the cache was emptied meanwhile: start again")
        return (
            pl.scan_parquet(file, glob=False)
            .select(self.columns)
            .slice(start, min(self.shard_rows, self.part_rows - start))
            .collect()
        )

    def read(self, place: str) -> bytes:
        """The bytes of the image at `place`: a file relative to the source's folder unless the source has a reader of its own."""
        return read_file(self.root, place, anywhere=True) if self.reader is None else self.reader.read(place)

    @property
    def refused(self) -> pl.DataFrame:
        """The rows that could not be read, with the line that they stand on."""
        parts = sorted(self.folder.glob("refused-*.parquet"))
        return pl.concat([pl.read_parquet(p, glob=False) for p in parts]) if parts else pl.DataFrame(schema=REFUSED)


@dataclass(frozen=True)
class Inside:
    """Reads images that are files below a folder, and nothing else of the disk: for tables that strangers wrote."""

    root: Path

    def read(self, place: str) -> bytes:
        """The bytes of a file; raises NoBytes."""
        return read_file(self.root, place)


@dataclass(frozen=True)
class Zipped:
    """Reads images that are members of a ZIP, with the guards of `merian.core.archives`; opened once in each process."""

    path: Path

    def read(self, place: str) -> bytes:
        """The bytes of a member; raises NoBytes when it is absent, damaged or not allowed."""
        try:
            state = self.path.stat()
            return _opened(self.path, state.st_mtime_ns, state.st_size, os.getpid()).read(place, MOST)
        except (FileNotFoundError, Missing):
            raise NoBytes("file not found") from None
        except BadData as error:
            raise NoBytes(f"file cannot be read: {error.rule}") from error
        except OSError as error:
            raise NoBytes(f"file cannot be read: {error.strerror}") from error


@functools.lru_cache(maxsize=4)
def _opened(path: Path, _changed: int, _size: int, _process: int) -> Archive:
    """The archive, open for as long as it is the same file and this the same process."""
    return Archive.open(path)


def parquet_schema(file: Path) -> dict[str, pl.DataType]:
    """The columns of a Parquet file and their types; raises BadData when it is none."""
    try:
        return dict(pl.read_parquet_schema(file))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadData(file, f"not a readable Parquet file: {str(error).splitlines()[0]}") from error


def read_file(root: Path, place: str, anywhere: bool = False) -> bytes:
    """The bytes of the file `place` in the folder `root`; raises NoBytes for one that is not there, is not a file, or lies outside.

    anywhere: a path from the root of the disk is good too, as in a table of one's own.
    """
    if Path(os.path.normpath(place)).parts[:1] == ("..",) or (Path(place).is_absolute() and not anywhere):
        raise NoBytes("path leaves the source's folder")
    file = root / place
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise NoBytes("not a file")
        return file.read_bytes()
    except FileNotFoundError:
        raise NoBytes("file not found") from None
    except OSError as error:
        raise NoBytes(f"file cannot be read: {error.strerror}") from error
    except ValueError:
        raise NoBytes("not a path") from None
