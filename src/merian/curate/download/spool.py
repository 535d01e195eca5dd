"""The spool: what has been fetched for a part that is not yet complete, in the order in which it came.

One file a part, only ever appended to: records of a JSON head and the image's bytes. A killed process can leave a record cut short at the end; opening the
spool again cuts it off. The bytes are checked against the head's SHA-256 when they are packed, so that what a power cut left as zeros is fetched again.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO

from merian.core.errors import BadData
from merian.core.store import digest_bytes, full_disk_told

__all__ = ["Outcome", "Spool"]

_HEAD = struct.Struct("<4sIQ")
MAGIC = b"mrn1"
HEAD_MOST = 1 << 20
"""A head is a few hundred bytes; more means that this is no head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one row: the image (`reason` is None), a refusal, or (`open`) an attempt that failed and is to be repeated."""

    row: int
    reason: str | None = None
    passing: bool = False
    """Whether the reason may pass: another run may succeed."""
    open: bool = False
    attempts: int = 0
    waits: int = 0
    """How many of the attempts the host put off (429, 503)."""
    sha256: str | None = None
    """Of the bytes; of an open one, of what came and was found wanting."""
    status: int | None = None
    content_type: str | None = None
    etag: str | None = None
    final_url: str | None = None
    extension: str | None = None

    @property
    def has_bytes(self) -> bool:
        """Whether it is an image."""
        return self.sha256 is not None and self.reason is None and not self.open


_FACTS = tuple(f.name for f in fields(Outcome))


@dataclass(frozen=True, slots=True)
class Spool:
    """The spool in one file."""

    path: Path

    def append(self, outcome: Outcome, data: bytes = b"") -> None:
        """Add one outcome with its bytes. Raises OSError when the disk is full."""
        facts = {name: getattr(outcome, name) for name in _FACTS}
        head = json.dumps(
            {name: value for name, value in facts.items() if value is not None and value is not False}
        ).encode()
        rest = memoryview(b"".join((_HEAD.pack(MAGIC, len(head), len(data)), head, data)))
        with full_disk_told(self.path):
            # opened and closed each time: the parts of a slow host are open by the thousand
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
            try:
                while rest:
                    rest = rest[os.write(handle, rest) :]
            finally:
                os.close(handle)

    def mend(self) -> list[Outcome]:
        """The outcomes in the order in which they were added, after cutting off a last one that is not whole; those whose bytes the disk lost are left out."""
        found, good = [], 0
        if not self.path.is_file():
            return []
        with self.path.open("rb") as stream:
            for outcome, at, size in self._walk(stream):
                good = at + size
                if not outcome.has_bytes or digest_bytes(stream.read(size)) == outcome.sha256:
                    found.append(outcome)
        if self.path.stat().st_size > good:
            with self.path.open("r+b") as stream:
                stream.truncate(good)
        return found

    def last(self) -> dict[int, tuple[Outcome, int, int]]:
        """Row -> its last outcome that is not open, and where its bytes are (place, length)."""
        found: dict[int, tuple[Outcome, int, int]] = {}
        if self.path.is_file():
            with self.path.open("rb") as stream:
                for outcome, at, size in self._walk(stream):
                    if not outcome.open:
                        found[outcome.row] = (outcome, at, size)
        return found

    def bytes_at(self, outcome: Outcome, at: int, size: int) -> bytes:
        """The bytes of an outcome. Raises BadData when they are not those that were written."""
        with self.path.open("rb") as stream:
            stream.seek(at)
            data = stream.read(size)
        if digest_bytes(data) != outcome.sha256:
            raise BadData(
                self.path, f"the bytes of row {outcome.row} are not those that were written; the disk lost them"
            )
        return data

    def _walk(self, stream: BinaryIO) -> Iterator[tuple[Outcome, int, int]]:
        end = self.path.stat().st_size
        while True:
            at = stream.tell()
            fixed = stream.read(_HEAD.size)
            if len(fixed) < _HEAD.size:
                return
            magic, length, size = _HEAD.unpack(fixed)
            start = at + _HEAD.size + length
            if magic != MAGIC or length > HEAD_MOST or start + size > end:
                return
            try:
                outcome = Outcome(**json.loads(stream.read(length)))
            except (ValueError, TypeError):
                return
            yield outcome, start, size
            stream.seek(start + size)
