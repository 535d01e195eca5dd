"""The stage that compares: pairs of images that look alike are laid upon each other, a block of pairs at a time, to tell copies from mere likeness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core import store
from merian.curate.alignment import differences, likely_copies
from merian.curate.measures import SKETCH

__all__ = ["BLOCK", "Compare", "Sketches", "compared", "propose", "uncompared"]

BLOCK = 8_192
"""Pairs that a worker compares before it reports: some seconds."""

Sketches = Callable[[NDArray[np.int64], Path], None]
"""Writes the sketches of rows [n], rising, to a file, one after the other."""


@dataclass(frozen=True)
class Compare:
    """Compares the pairs of one block of those that `propose` left; gives back how many."""

    folder: Path

    def __call__(self, shard: int) -> int:
        """Compare one block."""
        pairs = _pairs(self.folder)[shard * BLOCK : (shard + 1) * BLOCK]
        rows, places = np.unique(pairs, return_inverse=True)
        found = differences(_read(self.folder, rows), places.reshape(pairs.shape))
        with store.atomic(_told(self.folder, shard)) as stream:
            np.save(stream, found, allow_pickle=False)
        return len(pairs)


def propose(rows: pl.DataFrame, folder: Path, sketches: Sketches, radius: int) -> int:
    """How many pairs of the kept of `rows` may be copies, after writing them and all sketches to `folder`, unless an earlier attempt did.

    The sketches, 4 KiB a row, are the largest thing that is known of an image: they lie in one file that is read as it is asked for, and are never in memory.
    """
    if not _file(folder).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        sketches(_kept(rows)["row"].to_numpy(), _sketch_file(folder))
        with store.atomic(_file(folder)) as stream:
            np.save(stream, likely_copies(_sketches(folder), radius), allow_pickle=False)
    return len(_pairs(folder))


def uncompared(folder: Path) -> list[int]:
    """The blocks still to compare."""
    return [block for block in _blocks(folder) if not _told(folder, block).is_file()]


def compared(rows: pl.DataFrame, folder: Path, difference: float) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """The kept of `rows`, the best of them first, and the pairs [m, 2] of these that are copies of one photo: differ by at most `difference` grey levels.

    Best is the image with the most pixels, then the sharpest, then the one with the first id.
    """
    found = [np.load(_told(folder, block)) for block in _blocks(folder)]
    pairs = _pairs(folder)[np.concatenate(found) <= difference] if found else np.empty((0, 2), np.int64)
    best = (
        _kept(rows)
        .with_columns(place=pl.int_range(pl.len(), dtype=pl.Int64))
        .sort(pl.col("width").cast(pl.Int64) * pl.col("height"), "sharpness", "id", descending=[True, True, False])
    )
    standing = np.empty(len(best), np.int64)
    standing[best["place"].to_numpy()] = np.arange(len(best))
    return best.select("id"), standing[pairs]


def _kept(rows: pl.DataFrame) -> pl.DataFrame:
    kept = rows.select("id", "width", "height", "sharpness", "reason").with_row_index("row")
    return kept.filter(pl.col("reason").is_null()).cast({"row": pl.Int64})


def _blocks(folder: Path) -> range:
    return range(-(-len(_pairs(folder)) // BLOCK))


def _file(folder: Path) -> Path:
    return folder / "pairs.npy"


def _pairs(folder: Path) -> NDArray[np.int64]:
    pairs: NDArray[np.int64] = np.load(_file(folder), mmap_mode="r")
    return pairs


def _sketches(folder: Path) -> NDArray[np.uint8]:
    """The sketches [n, SKETCH, SKETCH], as they are on the disk."""
    file = _sketch_file(folder)
    rows = file.stat().st_size // SKETCH**2
    return (
        np.memmap(file, np.uint8, "r", shape=(rows, SKETCH, SKETCH))
        if rows
        else np.empty((0, SKETCH, SKETCH), np.uint8)
    )


def _read(folder: Path, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Some of the sketches, read and not mapped: pages of a mapped file count as memory of a worker, more and more of them."""
    with _sketch_file(folder).open("rb") as stream:
        parts = []
        for row in rows.tolist():
            stream.seek(row * SKETCH**2)
            parts.append(stream.read(SKETCH**2))
    return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, SKETCH, SKETCH)


def _sketch_file(folder: Path) -> Path:
    return folder / "sketches"


def _told(folder: Path, block: int) -> Path:
    return folder / f"differences-{block:05d}.npy"
