"""The plan of a download: which rows are fetched from which host, which share a link, which are refused before a request; on disk, a part at a time.

Nothing here grows with the number of rows but the list of rows that repeat an earlier link. The plan of the same source and settings is the same.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core import progress, store
from merian.curate.download.guard import BadLink, link
from merian.curate.download.settings import DownloadSettings, rule_for, rules
from merian.curate.licences import allowed
from merian.curate.sources.seam import Source

__all__ = ["PLANNED", "Estimate", "Plan", "checksum", "digests_of", "make_plan"]

PLANNED = {
    "row": pl.Int64, "kind": pl.String, "reason": pl.String, "url": pl.String, "host": pl.String, "place": pl.String, "digests": pl.String,
}  # fmt: skip
"""Columns of the plan of a part, sorted by host and row. `kind` is fetch, local (the source has the bytes) or refused."""
_PARTS = {"part": pl.Int64, "shard": pl.Int64, "start": pl.Int64, "rows": pl.Int64, "first": pl.Int64}
_HOSTS = {"host": pl.String, "part": pl.Int64, "rows": pl.Int64}
BUCKET = 4_000_000
"""Links compared at once when repeats are sought: some 600 MB."""
LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64}


@dataclass(frozen=True)
class Estimate:
    """What a download will ask for: `hosts` has host, images, rate (1/s), at_once, seconds, note; longest first. `refused` counts by reason."""

    rows: int
    images: int
    shared: int
    local: int
    hosts: pl.DataFrame
    refused: pl.DataFrame

    @property
    def seconds(self) -> float:
        """How long the slowest host takes at its rate, if it and the line keep up: hosts are asked side by side."""
        return float(self.hosts["seconds"].max() or 0.0) if len(self.hosts) else 0.0  # type: ignore[arg-type]


class Plan:
    """The plan in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = pl.read_parquet(folder / "parts.parquet", glob=False)
        self.hosts = pl.read_parquet(folder / "hosts.parquet", glob=False)
        self.shared = pl.read_parquet(folder / "shared.parquet", glob=False)
        self._repeats: NDArray[np.int64] = self.shared["row"].to_numpy()
        self._first: list[int] = self.parts["first"].to_list()
        self._firsts = self.parts["first"].to_numpy()
        self._rows: list[int] = self.parts["rows"].to_list()
        self._read = functools.lru_cache(maxsize=32)(self._part)

    def __len__(self) -> int:
        return len(self._first)

    def part(self, number: int) -> pl.DataFrame:
        """The plan of one part: columns of PLANNED without the rows that repeat an earlier link, sorted by host and row."""
        return self._read(number)

    def range_of(self, part: int) -> tuple[int, int]:
        """First row of a part and the row behind its last."""
        return self._first[part], self._first[part] + self._rows[part]

    def part_of(self, row: int) -> int:
        """The part that a row is in."""
        return int(np.searchsorted(self._firsts, row, side="right")) - 1

    def estimate(self, settings: DownloadSettings) -> Estimate:
        """What the plan asks for, and how long each host takes at its rate."""
        known = rules(settings)
        kinds = pl.scan_parquet(list(self._files())).group_by("kind", "reason").agg(pl.len()).collect()
        total = self.hosts.group_by("host").agg(pl.col("rows").sum())
        repeats = self.shared.group_by("host").agg(pl.len().alias("repeats"))
        counts = total.join(repeats, on="host", how="left").with_columns(
            images=pl.col("rows") - pl.col("repeats").fill_null(0)
        )
        rows = []
        for host, images in counts.select("host", "images").iter_rows():
            rule = rule_for(host, settings, known)
            note = rule.source
            if rule.host == "upload.wikimedia.org" and not settings.contact:
                note += "; give --contact, or it may block"
            rows.append((host, images, rule.rate, rule.at_once, images / rule.rate, note))
        types = {
            "host": pl.String,
            "images": pl.Int64,
            "rate": pl.Float64,
            "at_once": pl.Int64,
            "seconds": pl.Float64,
            "note": pl.String,
        }
        hosts = pl.DataFrame(rows, schema=types, orient="row").sort("seconds", "host", descending=[True, False])
        refused = kinds.filter(kind="refused").select("reason", "len").sort("len", "reason", descending=[True, False])
        local = int(kinds.filter(kind="local")["len"].sum())
        return Estimate(sum(self._rows), int(hosts["images"].sum()), len(self.shared), local, hosts, refused)

    def _files(self) -> Iterator[Path]:
        return (self.folder / f"part-{number:06d}.parquet" for number in range(len(self)))

    def _part(self, number: int) -> pl.DataFrame:
        frame = pl.read_parquet(self.folder / f"part-{number:06d}.parquet", glob=False)
        first, end = self.range_of(number)
        low, high = np.searchsorted(self._repeats, (first, end))
        if low == high:
            return frame
        return frame.filter(~pl.col("row").is_in(self._repeats[low:high].tolist()))


def make_plan(
    source: Source, folder: Path, settings: DownloadSettings, part_done: Callable[[int], None] | None = None
) -> Plan:
    """The Plan of a source, made in `folder` unless it is there. `part_done` hears the number of rows after each part."""
    if not (folder / "shared.parquet").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        parts: list[tuple[int, int, int, int, int]] = []
        hosts: list[pl.DataFrame] = []
        first = 0
        with progress.track("Planning", source.shards, "shards") as advance:
            for shard in range(source.shards):
                rows = source.rows(shard)
                for start in range(0, len(rows), settings.part_images):
                    some = rows.slice(start, settings.part_images)
                    number = len(parts)
                    planned = _planned(some, first, settings)
                    _write(planned, folder / f"part-{number:06d}.parquet")
                    of_hosts = (
                        planned.filter(kind="fetch")
                        .group_by("host", maintain_order=True)
                        .agg(rows=pl.len().cast(pl.Int64))
                    )
                    hosts.append(of_hosts.select("host", pl.lit(number, pl.Int64).alias("part"), "rows"))
                    parts.append((number, shard, start, len(some), first))
                    first += len(some)
                    if part_done is not None:
                        part_done(len(some))
                advance()
        _write(pl.DataFrame(parts, schema=_PARTS, orient="row"), folder / "parts.parquet")
        _write(pl.concat([pl.DataFrame(schema=_HOSTS), *hosts]), folder / "hosts.parquet")
        files = [folder / f"part-{number:06d}.parquet" for number in range(len(parts))]
        _write(_repeated(files, max(1, -(-first // BUCKET))), folder / "shared.parquet")
    return Plan(folder)


def checksum(name: str, data: bytes) -> str:
    """The checksum of `data` by the algorithm `name` (md5, sha1 or sha256), in hexadecimal."""
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def digests_of(text: str | None) -> tuple[tuple[str, str], ...]:
    """The checksums in a plan's `digests`: (algorithm, hexadecimal)."""
    pairs = (word.partition(":") for word in (text or "").split())
    return tuple((name, value) for name, _, value in pairs)


def _planned(rows: pl.DataFrame, first: int, settings: DownloadSettings) -> pl.DataFrame:
    count = len(rows)
    empty: list[str | None] = [None] * count

    def column(name: str) -> list[str | None]:
        return rows[name].cast(pl.String).to_list() if name in rows.columns else empty

    licences = rows["licence"] if "licence" in rows.columns else pl.Series("licence", empty, pl.String)
    fair = allowed(licences, settings.licence).fill_null(False).to_list()
    sums = {name: column(name) for name in LENGTHS}
    table = []
    given = zip(column("path"), column("url"), column("reason"), strict=True)
    for k, (path, url, reason) in enumerate(given):
        kind, host, place = "refused", "", None
        if reason is None and path:
            kind, place = "local", path
        elif reason is None:
            try:
                if not url:
                    raise BadLink("no path given")
                found = link(url, settings.allow_private)
                if not fair[k]:
                    raise BadLink("licence not allowed")
                kind, url, host = "fetch", found.url, found.host
            except BadLink as error:
                reason = error.reason
        wanted = ((name, (values[k] or "").strip().lower()) for name, values in sums.items())
        words = " ".join(f"{name}:{value}" for name, value in wanted if len(value) == LENGTHS[name])
        table.append((first + k, kind, reason, url, host, place, words or None))
    return pl.DataFrame(table, schema=PLANNED, orient="row").sort("host", "row")


def _repeated(files: list[Path], buckets: int) -> pl.DataFrame:
    """Columns row, owner, host: the rows whose link an earlier row has (the owner, the first to have it), sorted by row."""
    found = [pl.DataFrame(schema={"row": pl.Int64, "owner": pl.Int64, "host": pl.String})]
    for bucket in range(buckets if files else 0):
        rows = pl.scan_parquet(files).filter(kind="fetch").select("row", "url", "host")
        if buckets > 1:
            rows = rows.filter(pl.col("url").hash(0) % buckets == bucket)
        owned = rows.with_columns(owner=pl.col("row").min().over("url")).filter(pl.col("owner") != pl.col("row"))
        found.append(owned.select("row", "owner", "host").collect())
    return pl.concat(found).sort("row")


def _write(frame: pl.DataFrame, path: Path) -> None:
    with store.atomic(path) as stream:
        frame.write_parquet(stream)
