"""The stage that looks: every image of a shard is read and decoded once, and becomes a row of measures, or a reason."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core import store
from merian.curate.crops import crop
from merian.curate.measures import measure
from merian.curate.privacy import blur_people
from merian.curate.sources.seam import NoBytes, Source
from merian.encode.pixels import Unreadable

__all__ = ["MEASURES", "Look", "chosen", "looked", "part", "prepared", "sample", "sketches"]

MEASURES = {
    "width": pl.Int32,
    "height": pl.Int32,
    "extension": pl.String,
    "contrast": pl.Float32,
    "sharpness": pl.Float32,
    "fingerprint": pl.Binary,
    "sketch": pl.Binary,
    "hash": pl.String,
    "altered": pl.String,
    "reason": pl.String,
}
"""Columns that looking adds to a row."""

Looked = tuple[Any, ...]


@dataclass(frozen=True)
class Look:
    """Looks at the images of one shard of a source and writes the rows with their measures; gives back how many."""

    source: Source
    folder: Path
    only: str = ""
    """The data set to keep, when the source holds several."""
    prepared: bool = False
    """Whether the rows lie in `folder` already, with what a detector saw; else they are the source's own."""
    threads: int = 1

    def __call__(self, shard: int) -> int:
        """Look at one shard."""
        if self.prepared:
            rows = pl.read_parquet(prepared(self.folder, shard), glob=False)
        else:
            rows = chosen(self.source, shard, self.only)
        with ThreadPoolExecutor(self.threads) as pool:
            seen = list(pool.map(self._look_at, rows.iter_rows(named=True)))
        # a source may know already why it has no image: that reason stays
        rows = rows.drop("reason", strict=False)
        measures = pl.DataFrame(seen, schema=MEASURES, orient="row")
        with store.atomic(part(self.folder, shard)) as stream:
            rows.hstack(measures.get_columns()).write_parquet(stream)
        return len(rows)

    def _look_at(self, row: Mapping[str, Any]) -> Looked:
        nothing = (None,) * (len(MEASURES) - 1)
        if row.get("reason"):
            return *nothing, row["reason"]
        if not row["path"]:
            return *nothing, "not downloaded" if row.get("url") else "no path given"
        try:
            data, altered = sample(self.source.read(row["path"]), row)
        except NoBytes as error:
            return *nothing, error.reason
        except Unreadable as error:
            return *nothing, error.reason
        digest = store.digest_bytes(data)
        try:
            return *measure(data), digest, altered, None
        except Unreadable as error:
            return *nothing[:-2], digest, altered, error.reason


def sample(data: bytes, row: Mapping[str, Any]) -> tuple[bytes, str | None]:
    """The sample that a row stands for, from the bytes of its image, and what was done to them (None: nothing, they are as they came).

    People in it (`people`, a list of boxes) are made unrecognisable first, then its `box` is cut out. Raises Unreadable.
    """
    done = []
    if row.get("people"):
        data = blur_people(data, row["people"])
        done.append("people blurred")
    if row.get("box"):
        left, top, width, height = (float(x) for x in row["box"].split(","))
        data = crop(data, (left, top, width, height))
        done.append("cropped")
    return data, ", ".join(done) or None


def chosen(source: Source, shard: int, only: str) -> pl.DataFrame:
    """The rows of a shard of a source, those of the data set `only` if given."""
    rows = source.rows(shard)
    name = pl.col("source") if "source" in rows.columns else pl.lit(source.name)
    return rows.filter(name == only) if only else rows


def prepared(folder: Path, shard: int) -> Path:
    """The file of a shard's rows that wait to be looked at."""
    return folder / f"rows-{shard:05d}.parquet"


def part(folder: Path, shard: int) -> Path:
    """The file of a shard that was looked at."""
    return folder / f"part-{shard:05d}.parquet"


def looked(folder: Path, shards: int) -> pl.DataFrame:
    """The rows of all shards with their measures but for the sketches, which are too large to be held together (see `sketches`)."""
    files = (part(folder, s) for s in range(shards))
    parts = [pl.scan_parquet(file, glob=False).drop("sketch").collect() for file in files]
    return pl.concat(parts, how="vertical_relaxed")


def sketches(folder: Path, shards: int, rows: NDArray[np.int64], into: Path) -> None:
    """Write the sketches of `rows` [n] of what `looked` gives, which must rise and must all have been decoded, to the file `into`, one after the other."""
    first = 0
    with store.atomic(into) as stream:
        for shard in range(shards):
            held = pl.read_parquet(part(folder, shard), glob=False, columns=["sketch"]).to_series()
            low, high = np.searchsorted(rows, (first, first + len(held)))
            stream.write(b"".join(held.gather(rows[low:high] - first).to_list()))
            first += len(held)
