"""Decoded images for training, by row: from memory-mapped blocks on the disk, or from the shards each time anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core.errors import BadData
from merian.core.progress import track
from merian.core.store import atomic
from merian.core.tables import Catalog
from merian.encode.pixels import Pixels, Preprocess, decode_many

__all__ = ["Cache", "Images", "Stream", "check_shards", "grown"]

BLOCK = 2048
"""Images per cached block: 32 MB at 72 px."""
MARGIN = 9 / 8
"""Side of a kept image over the side of the tower's input: what a random crop can move within. From taste."""


class Images(Protocol):
    """Decoded images, a little larger than the tower's input."""

    def take(self, rows: NDArray[np.int64]) -> Pixels: ...


def grown(preprocess: Preprocess) -> Preprocess:
    """How an image is kept: as the tower takes it, with a margin to crop within."""
    return replace(preprocess, size=round(preprocess.size * MARGIN))


@dataclass(frozen=True, slots=True)
class Cache:
    """Decoded images `uint8 [n, c, c, 3]` in memory-mapped blocks."""

    blocks: tuple[Pixels, ...]

    @classmethod
    def build(cls, images: Iterable[bytes], n: int, folder: Path, preprocess: Preprocess, threads: int) -> Cache:
        """Decode `n` images into blocks under `folder`; blocks that an earlier run finished are kept.

        Raises BadData when the catalog promises an image that cannot be decoded.
        """
        kept = grown(preprocess)
        paths = _blocks(n, folder)
        source = iter(images)
        with track("Decoding images", total=n, unit="images") as advance:
            for k, path in enumerate(paths):
                encoded = list(islice(source, min(BLOCK, n - k * BLOCK)))
                if not path.is_file():
                    decoded = decode_many(encoded, kept, threads)
                    if decoded.reasons:
                        bad = [f"image {k * BLOCK + row}: {why}" for row, why in decoded.reasons.items()]
                        raise BadData("catalog", "images cannot be decoded; curate again", bad)
                    with atomic(path) as stream:
                        np.save(stream, decoded.pixels)
                advance(len(encoded))
        return cls.open(n, folder)

    @classmethod
    def open(cls, n: int, folder: Path) -> Cache:
        """The blocks of `n` images that `build` wrote."""
        return cls(tuple(np.load(path, mmap_mode="r") for path in _blocks(n, folder)))

    def take(self, rows: NDArray[np.int64]) -> Pixels:
        """The images `[k, c, c, 3]` at `rows`."""
        out = np.empty((len(rows), *self.blocks[0].shape[1:]), np.uint8)
        for block in np.unique(rows // BLOCK):
            here = rows // BLOCK == block
            out[here] = self.blocks[block][rows[here] % BLOCK]
        return out


@dataclass(frozen=True, slots=True)
class Stream:
    """Images read from the shards and decoded whenever they are asked for: for catalogs whose pixels fit no disk."""

    catalog: Catalog
    frame: pl.DataFrame
    """The rows of the catalog that are trained on."""
    preprocess: Preprocess
    threads: int

    def take(self, rows: NDArray[np.int64]) -> Pixels:
        """The images `[k, c, c, 3]` at `rows`. Raises BadData for one that cannot be decoded."""
        chosen = self.frame[rows]
        decoded = decode_many(list(self.catalog.images(chosen)), grown(self.preprocess), self.threads)
        if decoded.reasons:
            bad = [f"{chosen['id'][row]}: {why}" for row, why in decoded.reasons.items()]
            raise BadData(self.catalog.path, "images cannot be decoded; curate again", bad)
        return decoded.pixels


def _blocks(n: int, folder: Path) -> list[Path]:
    return [folder / f"pixels-{k:05d}.npy" for k in range(-(-n // BLOCK))]


def check_shards(catalog: Catalog, frame: pl.DataFrame) -> None:
    """Return quietly when the shards of the rows of `frame` are as long as the catalog says; raises BadData that names those cut short or absent."""
    ends = frame.group_by("shard").agg((pl.col("offset") + pl.col("size")).max().alias("end")).sort("shard")
    bad = []
    for shard, end in ends.select("shard", "end").iter_rows():
        path = catalog.shard(shard)
        size = path.stat().st_size if path.is_file() else -1
        if size < end:
            bad.append(f"{path.name}: {'not there' if size < 0 else f'{size:,} bytes of at least {end:,}'}")
    if bad:
        raise BadData(catalog.path, "shards are cut short; curate again, or copy the catalog again", bad)
