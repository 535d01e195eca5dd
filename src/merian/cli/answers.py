"""Answers of `merian identify` as CSV, JSON Lines, Parquet or a table: written as they come, so that a stopped run can go on."""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import numpy as np

from merian.cli.photos import Photos, shown
from merian.cli.say import say
from merian.core import store
from merian.core.errors import BadData, Mismatch
from merian.core.tree import RANKS, rank_number

if TYPE_CHECKING:
    from merian.identify import Identifier

__all__ = ["COLUMNS", "Format", "Run", "format_of"]

Row = dict[str, object]
Answer = tuple[str, list[Row], Row, str | None]
Format = Literal["csv", "jsonl", "parquet", "table", "pybioclip"]
COLUMNS = ["file_name", *RANKS[:6], "species_epithet", "species", "common_name", "score"]
"""The columns that users of pybioclip know; ours follow."""
OURS = ["rank", "safe_rank", "safe_name", "safe_score", "unknown", "inside", "reason"]
NUMBERS = ("score", "safe_score", "unknown", "inside")
BY_SUFFIX: dict[str, Format] = {".jsonl": "jsonl", ".parquet": "parquet"}
LONG = 60.0
"""Seconds from which a run is told beforehand how long it will take."""


def format_of(given: Format | None, output: Path | None) -> Format:
    """The format that was asked for, else the one that the output's name says, else CSV. Raises BadData for Parquet without a file."""
    chosen: Format = given or BY_SUFFIX.get(output.suffix if output else "", "csv")
    if chosen == "parquet" and output is None:
        raise BadData("standard output", "takes no Parquet: name a file with --output")
    return chosen


@dataclass(frozen=True)
class Run:
    """Photos to name, and how."""

    identifier: Identifier
    chosen: Photos
    rank: str
    k: int
    threshold: float
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
            _as_parquet(partial, output)
            partial.unlink()
        else:
            partial.replace(output)
        note.unlink(missing_ok=True)
        return bad

    def _write(self, stream: IO[str], start: int) -> int:
        from merian.identify import in_batches

        paths = self.chosen.paths
        answers = in_batches(self.identifier, paths, self.k, self.rank, self.threshold, self.batch, start)
        named = ((shown(path), best, safe, reason) for path, best, safe, reason in answers)
        every = self._and_refused(_estimated(named, len(paths) - start, 2 * self.batch))
        return WRITERS[self.format](every, stream, self, start == 0)

    def _and_refused(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        yield from answers
        for name, reason in self.chosen.refused:
            yield name, [], {}, reason

    def _key(self) -> str:
        """Names all that the answers depend on, and their order."""
        head = self.identifier.head
        allowed = self.identifier.allowed
        made = [
            self.identifier.encoder.fingerprint,
            head.tree.version,
            store.plain(head.calibration),
            self.rank,
            self.k,
        ]
        made += [
            self.threshold,
            self.format,
            self.batch,
            [shown(path) for path in self.chosen.paths],
            self.chosen.refused,
        ]
        labels = head.labels.tobytes() + (b"" if allowed is None else np.packbits(allowed).tobytes())
        return store.digest_bytes(json.dumps(made).encode() + labels)

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


def _as_parquet(partial: Path, output: Path) -> None:
    """The rows of the CSV file `partial` as Parquet, without holding them all."""
    import polars as pl

    types = {name: pl.Float64 if name in NUMBERS else pl.String for name in COLUMNS + OURS}
    rows = pl.scan_csv(partial, schema=types)
    scratch = output.with_name(f".{output.name}.part")
    with store.full_disk_told(output):
        rows.sink_parquet(scratch)
    scratch.replace(output)


def _csv(answers: Iterator[Answer], stream: IO[str], run: Run, first: bool) -> int:
    writer = csv.DictWriter(stream, COLUMNS + OURS, lineterminator="\n")
    if first:
        writer.writeheader()
    bad = 0
    for path, best, safe, reason in answers:
        shared = {"file_name": path, **_safe(safe)}
        if reason is not None:
            bad += 1
            writer.writerow({"file_name": path, "reason": reason})
        elif not best:
            writer.writerow(shared)
        for row in best:
            named: Row = {r: row[r] or "" for r in RANKS}
            epithet = str(named["species"]).partition(" ")[2]
            chance = f"{row['probability']:.6g}"
            common = row["common_name"] or ""
            writer.writerow(
                {
                    **shared,
                    **named,
                    "species_epithet": epithet,
                    "common_name": common,
                    "score": chance,
                    "rank": row["rank"],
                }
            )
        stream.flush()
    return bad


def _safe(safe: Row) -> Row:
    if not safe:
        return {}
    chance = {"safe_score": f"{safe['probability']:.6g}"} if safe["name"] else {}
    return {
        "safe_rank": safe["rank"] or "",
        "safe_name": safe["name"] or "",
        **chance,
        "unknown": f"{safe['unknown']:.6g}",
        "inside": "" if safe["inside"] is None else f"{safe['inside']:.6g}",
    }


def _jsonl(answers: Iterator[Answer], stream: IO[str], run: Run, first: bool) -> int:
    bad = 0
    for path, best, safe, reason in answers:
        bad += reason is not None
        unknown, inside = safe.pop("unknown", None), safe.pop("inside", None)
        answer = {"file_name": path, "safe": safe or None, "unknown": unknown, "predictions": best, "reason": reason}
        answer |= {} if inside is None else {"inside": inside}
        for row in best:
            row.pop("taxon")
        stream.write(json.dumps(answer | {"model": run.identifier.encoder.fingerprint}, ensure_ascii=False) + "\n")
        stream.flush()
    return bad


def _table(answers: Iterator[Answer], stream: IO[str], run: Run, first: bool) -> int:
    from rich.console import Console
    from rich.text import Text

    console, bad = Console(file=stream), 0
    for path, best, safe, reason in answers:
        if reason is not None:
            bad += 1
            console.print(Text(f"{path}\n  not read: {reason}\n", style="red"), soft_wrap=True)
            continue
        sure = f"{safe['rank']} {safe['name']} ({safe['probability']:.0%})" if safe["name"] else "nothing"
        within = "" if safe["inside"] is None else f"; within --only: {safe['inside']:.0%} of all probability"
        console.print(Text(path, style="bold"), soft_wrap=True)
        console.print(Text(f"  sure of {sure}; none of these: {safe['unknown']:.0%}{within}"), soft_wrap=True)
        width = max((len(str(row["name"])) for row in best), default=0)
        for row in best:
            share = float(str(row["probability"]))
            line = Text(f"  {share:6.1%}  ")
            line.append(f"{'█' * round(share * 10) or '▏':<10}  ", style="green")
            line.append(f"{row['name']:<{width}}  ", style="italic")
            line.append(str(row["common_name"] or ""))
            family = row["family"] if row["family"] != row["name"] else row["order"]
            line.append(f"  {family}" if family else "", style="dim")
            console.print(line, soft_wrap=True)
        console.print()
    return bad


def _pybioclip(answers: Iterator[Answer], stream: IO[str], run: Run, first: bool) -> int:
    """CSV as `bioclip predict` writes it: no column more, and no row for a photo that cannot be read."""
    upper = list(RANKS[: rank_number(run.rank) + 1])
    columns = COLUMNS if run.rank == "species" else ["file_name", *upper, "score"]
    writer = csv.DictWriter(stream, columns, lineterminator=os.linesep, extrasaction="ignore")
    if first:
        writer.writeheader()
    bad = 0
    for path, best, _, reason in answers:
        if reason is not None:
            bad += 1
            say(f"{path}: {reason}")
        for row in best:
            named: Row = {r: row[r] or "" for r in RANKS}
            epithet, common = str(named["species"]).partition(" ")[2], row["common_name"] or ""
            score = float(np.float32(str(row["probability"])))
            writer.writerow(
                {"file_name": path, **named, "species_epithet": epithet, "common_name": common, "score": score}
            )
        stream.flush()
    return bad


WRITERS: dict[str, Callable[[Iterator[Answer], IO[str], Run, bool], int]] = {
    "csv": _csv,
    "parquet": _csv,
    "jsonl": _jsonl,
    "table": _table,
    "pybioclip": _pybioclip,
}
