"""Answers of `merian identify` as CSV, JSON Lines, Parquet or a table: written as they come, so that a stopped run can go on.

What is asked of a photo, and so which columns an answer has, is another matter: taxa (`cli/taxa.py`), or labels of one's own (`cli/labels.py`).
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, Protocol

from merian.cli.photos import Photos, shown
from merian.cli.say import escaped, say
from merian.core import store
from merian.core.errors import BadData, Mismatch

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Asked", "Format", "Row", "Run", "format_of"]

Row = dict[str, object]
Answer = tuple[str, list[Row], Row, str | None]
Format = Literal["csv", "jsonl", "parquet", "table", "pybioclip"]
BY_SUFFIX: dict[str, Format] = {".jsonl": "jsonl", ".parquet": "parquet"}
LONG = 60.0
"""Seconds from which a run is told beforehand how long it will take."""


def format_of(given: Format | None, output: Path | None) -> Format:
    """The format that was asked for, else the one that the output's name says, else CSV. Raises BadData for Parquet without a file."""
    chosen: Format = given or BY_SUFFIX.get(output.suffix if output else "", "csv")
    if chosen == "parquet" and output is None:
        raise BadData("standard output", "takes no Parquet: name a file with --output")
    return chosen


class Asked(Protocol):
    """What is asked of each photo, and how an answer is told.

    An answer is (best, safe): its rows, best first, and what is said of the photo as a whole.
    """

    @property
    def columns(self) -> list[str]:
        """Of the CSV file: file_name first, reason among them."""

    @property
    def numbers(self) -> Sequence[str]:
        """Those of the columns that hold numbers."""

    @property
    def theirs(self) -> list[str]:
        """The columns as pybioclip has them, file_name first."""

    @property
    def key(self) -> str:
        """Names all that the answers depend on but for the photos."""

    @property
    def at_once(self) -> int:
        """Photos at a time that suit the model and the machine."""
        ...

    def answers(self, paths: list[Path], batch: int, start: int) -> Iterator[tuple[Path, list[Row], Row, str | None]]:
        """(path, best, safe, reason) of each photo from number `start` on, as they are done."""

    def rows(self, best: list[Row], safe: Row) -> Iterator[Row]:
        """An answer as rows of the CSV file, without file_name."""

    def document(self, best: list[Row], safe: Row, named: Row, reason: Row) -> Row:
        """An answer as an object of JSON, `named` (the file) first, `reason` behind the predictions."""

    def lines(self, best: list[Row], safe: Row) -> Iterator[Text]:
        """An answer as lines to read."""

    def their_rows(self, best: list[Row]) -> Iterator[Row]:
        """An answer as pybioclip's rows, without file_name."""


@dataclass(frozen=True)
class Run:
    """Photos to name, and how."""

    asked: Asked
    chosen: Photos
    batch: int
    format: Format

    def write(self, output: Path | None, resume: bool = False) -> int:
        """Write the answers to `output` or to standard output, as they come; how many photos have none.

        What is done lies beside the target until all is. With `resume` a stopped run goes on behind its last whole batch, to the same bytes. Raises
        Mismatch when that run was another one.
        """
        if output is None:
            return self._write(sys.stdout, 0)
        output.parent.mkdir(parents=True, exist_ok=True)
        partial = output.with_name(output.name + ".partial")
        note = partial.with_name(partial.name + ".json")
        start = bad = 0
        if resume and partial.is_file():
            self._same(note)
            start, bad = self._kept(partial)
            say(f"going on behind {start:,} of {len(self.chosen.paths):,} photos")
        else:
            partial.unlink(missing_ok=True)
            store.write_json(note, {"key": self._key()})
        with partial.open("a", encoding="utf-8", newline="") as stream:
            bad += self._write(stream, start)
        if self.format == "parquet":
            _as_parquet(partial, output, self.asked)
            partial.unlink()
        else:
            partial.replace(output)
        note.unlink(missing_ok=True)
        return bad

    def _write(self, stream: IO[str], start: int) -> int:
        paths = self.chosen.paths
        answers = self.asked.answers(paths, self.batch, start)
        named = ((shown(path), best, safe, reason) for path, best, safe, reason in answers)
        every = self._and_refused(_estimated(named, len(paths) - start, 2 * self.batch))
        return WRITERS[self.format](every, stream, self.asked, start == 0)

    def _and_refused(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        yield from answers
        for name, reason in self.chosen.refused:
            yield name, [], {}, reason

    def _key(self) -> str:
        """Names all that the answers depend on, and their order."""
        photos = [shown(path) for path in self.chosen.paths]
        made = [self.asked.key, self.format, self.batch, photos, self.chosen.refused]
        return store.digest_bytes(json.dumps(made).encode())

    def _same(self, note: Path) -> None:
        try:
            before = json.loads(note.read_text(encoding="utf-8"))["key"]
        except (OSError, ValueError, KeyError, TypeError):
            before = "unknown"
        if before != self._key():
            rule = "it had other photos, another model or other options; without --resume it begins anew"
            raise Mismatch("the stopped run and this one", before[:12], self._key()[:12], rule)

    def _kept(self, partial: Path) -> tuple[int, int]:
        """Cut the file behind its last whole batch; how many photos are in it, and how many of these have no answer."""
        if self.format in ("table", "pybioclip"):  # in these a photo that cannot be read leaves no row to count
            raise BadData(partial, f"no run goes on in the format {self.format}; choose csv, jsonl or parquet")
        photos = list(_photos_of(partial, "jsonl" if self.format == "jsonl" else "csv"))
        whole = min(len(photos) - 1, len(self.chosen.paths)) // self.batch * self.batch
        if whole < 1:
            os.truncate(partial, 0)
            return 0, 0
        os.truncate(partial, photos[whole][0])
        return whole, sum(bad for _, bad in photos[:whole])


def _photos_of(partial: Path, kind: str) -> Iterator[tuple[int, bool]]:
    """Where each photo's rows begin in a file that may break off, and whether it has no answer."""
    if kind == "jsonl":
        place = 0
        with partial.open("rb") as stream:
            for line in stream:
                if line.endswith(b"\n"):
                    yield place, json.loads(line)["reason"] is not None
                place += len(line)
        yield place, False  # where the next would begin
        return
    read = 0

    def lines(stream: IO[bytes]) -> Iterator[str]:
        nonlocal read
        for line in stream:
            read += len(line)
            yield line.decode("utf-8", errors="replace")

    with partial.open("rb") as stream:
        rows = csv.reader(lines(stream))
        columns = next(rows, [])
        reason = columns.index("reason") if "reason" in columns else -1
        last, place = None, read
        for row in rows:
            if row and row[0] != last:
                last = row[0]
                yield place, reason >= 0 and len(row) > reason and row[reason] != ""
            place = read


def _estimated(answers: Iterator[Answer], total: int, after: int) -> Iterator[Answer]:
    """The answers; behind the first `after` it is said how long all will take, when that is long."""
    start = time.perf_counter()
    for count, answer in enumerate(answers, 1):
        yield answer
        if count == after and total > after:
            each = (time.perf_counter() - start) / count
            if each * total > LONG:
                say(f"{total:,} photos at {1 / each:,.1f} a second: about {each * total / 60:,.0f} minutes in all")


def _as_parquet(partial: Path, output: Path, asked: Asked) -> None:
    """The rows of the CSV file `partial` as Parquet, without holding them all."""
    import polars as pl

    types = {name: pl.Float64 if name in asked.numbers else pl.String for name in asked.columns}
    rows = pl.scan_csv(partial, schema=types)
    scratch = output.with_name(f".{output.name}.part")
    with store.full_disk_told(output):
        rows.sink_parquet(scratch)
    scratch.replace(output)


def _csv(answers: Iterator[Answer], stream: IO[str], asked: Asked, first: bool) -> int:
    writer = csv.DictWriter(stream, asked.columns, lineterminator="\n")
    if first:
        writer.writeheader()
    bad = 0
    for path, best, safe, reason in answers:
        bad += reason is not None
        for row in asked.rows(best, safe) if reason is None else iter([{"reason": reason}]):
            writer.writerow({"file_name": path, **row})
        stream.flush()
    return bad


def _jsonl(answers: Iterator[Answer], stream: IO[str], asked: Asked, first: bool) -> int:
    bad = 0
    for path, best, safe, reason in answers:
        bad += reason is not None
        document = asked.document(best, safe, {"file_name": path}, {"reason": reason})
        stream.write(json.dumps(document, ensure_ascii=False) + "\n")
        stream.flush()
    return bad


def _table(answers: Iterator[Answer], stream: IO[str], asked: Asked, first: bool) -> int:
    from rich.console import Console
    from rich.text import Text

    console, bad = Console(file=stream), 0
    for path, best, safe, reason in answers:
        if reason is not None:
            bad += 1
            console.print(Text(f"{path}\n  not read: {reason}\n", style="red"), soft_wrap=True)
            continue
        console.print(Text(path, style="bold"), soft_wrap=True)
        for line in asked.lines(best, safe):
            console.print(line, soft_wrap=True)
        console.print()
    return bad


def _pybioclip(answers: Iterator[Answer], stream: IO[str], asked: Asked, first: bool) -> int:
    """CSV as `bioclip predict` writes it: no column more, and no row for a photo that cannot be read."""
    writer = csv.DictWriter(stream, asked.theirs, lineterminator=os.linesep, extrasaction="ignore")
    if first:
        writer.writeheader()
    bad = 0
    for path, best, _, reason in answers:
        if reason is not None:
            bad += 1
            say(escaped(f"{path}: {reason}"))
        for row in asked.their_rows(best):
            writer.writerow({"file_name": path, **row})
        stream.flush()
    return bad


WRITERS: dict[str, Callable[[Iterator[Answer], IO[str], Asked, bool], int]] = {
    "csv": _csv,
    "parquet": _csv,
    "jsonl": _jsonl,
    "table": _table,
    "pybioclip": _pybioclip,
}
