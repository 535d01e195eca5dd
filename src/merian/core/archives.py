"""A folder or a ZIP archive read as the same thing: named members, streamed, with the guards that a stranger's file needs.

A member that must not be unpacked (a path that leads out of the archive, a link, a password, a bomb) is no member: it stands in `refused` with
the reason, and asking for it by name raises BadData. What a member, or a gzipped file, really holds is counted while it is read.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, BinaryIO, cast

from merian.core import store
from merian.core.errors import BadData, Missing

__all__ = ["Archive", "Limits", "gunzip"]

TABLES = frozenset((".csv", ".json", ".parquet", ".tsv", ".txt", ".xml", ".yaml", ".yml"))
"""Files of a folder whose content counts for its hash; all others (pictures) count by name and size."""
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a member of a ZIP or a gzipped file is taken for a bomb: larger than `size` bytes and more than `ratio` times its packed size.

    Deflate cannot pack tighter than 1032 : 1 (zlib technical notes, https://zlib.net/zlib_tech.html); tables of names pack about 5 : 1.
    """

    size: int = 1 << 30
    ratio: float = 200.0


GZIP = Limits(size=1 << 28)
"""The same for a gzipped file: it is read from its beginning, so that what is a bomb need not come out whole to be known for one."""


@dataclass(frozen=True, eq=False)
class Archive:
    """The files below a folder or in a ZIP.

    refused: (member, reason) of what a ZIP holds but must not be unpacked. Use as a context manager, or `close` it.
    """

    path: Path
    limits: Limits = Limits()
    refused: tuple[tuple[str, str], ...] = ()
    _zip: zipfile.ZipFile | None = field(default=None, repr=False)
    _members: dict[str, zipfile.ZipInfo] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: Path, limits: Limits = Limits()) -> Archive:
        """The archive at `path`; raises Missing when there is nothing, BadData when it is neither a folder nor a sound ZIP."""
        if path.is_dir():
            return cls(path, limits)
        if not path.is_file():
            raise Missing("the archive", path, "give a folder or a ZIP file")
        try:
            packed = zipfile.ZipFile(path)
        except BROKEN as error:
            if isinstance(error, PermissionError):
                raise
            raise BadData(path, f"neither a folder nor a ZIP that can be read ({error})") from error
        members: dict[str, zipfile.ZipInfo] = {}
        refused = []
        for info in packed.infolist():
            name = info.filename.replace("\\", "/").removeprefix("./")
            if info.is_dir() or _hidden(name):
                continue
            reason = "listed twice" if name in members else _danger(name, info, limits)
            if reason:
                refused.append((name, reason))
            else:
                members[name] = info
        return cls(path, limits, tuple(refused), packed, dict(sorted(members.items())))

    @functools.cached_property
    def names(self) -> list[str]:
        """The members, sorted, as paths with forward slashes; hidden files and macOS's doubles are left out."""
        if self._zip is not None:
            return list(self._members)
        found = []
        for folder, below, files in os.walk(self.path):
            below[:] = sorted(d for d in below if not _hidden(d))
            place = Path(folder).relative_to(self.path)
            found += [(place / name).as_posix() for name in files if not _hidden(name)]
        return sorted(found)

    def find(self, *candidates: str) -> str | None:
        """The first candidate that is a member, in any case, at the top or one folder deep; None when none is."""
        levels: tuple[dict[str, str], dict[str, str]] = ({}, {})
        for name in self.names:
            depth = name.count("/")
            if depth < 2:
                levels[depth].setdefault(name.rpartition("/")[2].casefold(), name)
        known = set(self.names)
        for level in levels:
            for candidate in candidates:
                if candidate in known and candidate.count("/") == (level is levels[1]):
                    return candidate
                if candidate.casefold() in level:
                    return level[candidate.casefold()]
        return None

    def open_member(self, name: str) -> BinaryIO:
        """A member as a stream that raises BadData (archive and member named) when the archive is damaged or holds more than it says."""
        if self._zip is None:
            return self._file(name).open("rb")
        info = self._info(name)
        try:
            size = info.file_size
            guarded = _Guarded(
                self._zip.open(info),
                f"{self.path}: {name}",
                lambda out: "holds more than the archive says: refused as a bomb" if out > size else "",
            )
            return cast(BinaryIO, io.BufferedReader(guarded))
        except BROKEN as error:
            raise BadData(f"{self.path}: {name}", f"cannot be unpacked ({error})") from error

    def read(self, name: str, most: int = 64 << 20) -> bytes:
        """All bytes of a member; raises BadData when there are more than `most`."""
        with self.open_member(name) as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise BadData(f"{self.path}: {name}", f"holds more than the {most:,} bytes that are read at once")
        return data

    def extract(self, name: str, folder: Path) -> Path:
        """The member as a file: below `folder`, under its own name; a folder's file is given as it stands."""
        if self._zip is None:
            return self._file(name)
        target = folder / PurePosixPath(name)
        with self.open_member(name) as stream, store.atomic(target) as out:
            shutil.copyfileobj(stream, out, 1 << 20)
        return target

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """The member as a file for as long as the block runs; what was unpacked is deleted after it."""
        if self._zip is None:
            yield self._file(name)
            return
        with tempfile.TemporaryDirectory(prefix="merian-") as folder:
            yield self.extract(name, Path(folder))

    def size(self, name: str) -> int:
        """The bytes of a member when unpacked."""
        return self._file(name).stat().st_size if self._zip is None else self._info(name).file_size

    @functools.cached_property
    def hash(self) -> str:
        """Hash of the content, 24 hexadecimal digits: names, sizes and checksums of a ZIP; of a folder the tables in full, all else by name and size."""
        sha = hashlib.sha256()
        for name in self.names:
            if self._zip is not None:
                mark = f"{self._members[name].CRC:08x}"
            else:
                file = self.path / name
                mark = store.digest(file) if file.suffix.casefold() in TABLES else ""
            sha.update(f"{name}\t{self.size(name)}\t{mark}\n".encode())
        return sha.hexdigest()[:24]

    def close(self) -> None:
        """Let go of the file."""
        if self._zip is not None:
            self._zip.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _info(self, name: str) -> zipfile.ZipInfo:
        if name in self._members:
            return self._members[name]
        for member, reason in self.refused:
            if member == name:
                raise BadData(f"{self.path}: {name}", f"refused: {reason}")
        raise Missing(f"the member {name!r}", self.path, f"it holds {', '.join(self.names[:5]) or 'nothing'}")

    def _file(self, name: str) -> Path:
        file = self.path / name
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise BadData(f"{self.path}: {name}", "refused: the path leads out of the archive")
        if not file.is_file():
            raise Missing(f"the member {name!r}", self.path, f"it holds {', '.join(self.names[:5]) or 'nothing'}")
        return file


def gunzip(packed: IO[bytes], where: str, limits: Limits = GZIP) -> BinaryIO:
    """What the gzipped file `packed` holds, as a stream that closes it too.

    A gzipped file does not say how much it holds, so that is counted as it comes out, against what went in. The stream raises BadData that names
    `where` when the file is damaged, or when more comes out than `limits` allow.
    """
    counted = _Counted(packed)

    def too_much(out: int) -> str:
        if out <= limits.size or out <= limits.ratio * counted.read_so_far:
            return ""
        allowed = f"the limit is {limits.ratio:g} times as many, beyond {limits.size:,}"
        return f"unpacks {counted.read_so_far:,} bytes to more than {out:,}, and {allowed}: refused as a bomb"

    stream = cast(IO[bytes], gzip.GzipFile(fileobj=cast(IO[bytes], counted), mode="rb"))
    return cast(BinaryIO, io.BufferedReader(_Guarded(stream, where, too_much, packed)))


class _Counted:
    """Bytes that are read from a stream, counted."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.read_so_far = stream, 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.read_so_far += len(data)
        return data


class _Guarded(io.RawIOBase):
    """A packed stream that counts what really comes out, and says in Merian's words what is broken; `below` is closed with it."""

    def __init__(
        self, stream: IO[bytes], where: str, too_much: Callable[[int], str], below: IO[bytes] | None = None
    ) -> None:
        self._stream, self._where, self._too_much, self._below = stream, where, too_much, below
        self._out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            data = self._stream.read(len(view))
        except BROKEN as error:
            if self._below is not None:
                raise BadData(self._where, f"the gzip file is damaged: {error}") from error
            raise BadData(self._where, f"cannot be unpacked: the archive is damaged ({error})") from error
        self._out += len(data)
        fault = self._too_much(self._out)
        if fault:
            raise BadData(self._where, fault)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        if self._below is not None:
            self._below.close()
        super().close()


def _hidden(name: str) -> bool:
    return any((part.startswith(".") and part not in (".", "..")) or part == "__MACOSX" for part in name.split("/"))


def _danger(name: str, info: zipfile.ZipInfo, limits: Limits) -> str:
    """Why a member must not be unpacked, "" when it may."""
    parts = name.split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts or "\0" in name:
        return "the path leads out of the archive"
    kind = info.external_attr >> 16
    if stat.S_IFMT(kind) not in (0, stat.S_IFREG):
        return "a link, not a file"
    if info.flag_bits & 0x1:
        return "needs a password"
    if info.file_size > limits.size and info.file_size > limits.ratio * max(info.compress_size, 1):
        return f"would unpack {info.compress_size:,} bytes to {info.file_size:,}: refused as a bomb"
    return ""
