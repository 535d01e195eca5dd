"""The stage that embeds: the kept images of a shard as vectors, for the probe of kinds and for near duplicates by embedding."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData
from merian.core.vectors import Embeddings
from merian.curate.look import sample
from merian.curate.sources.seam import NoBytes, Source
from merian.encode import Encoder, decode_many, open_encoder

__all__ = ["DESCRIPTOR", "Embed", "embedded", "encoder_of", "waiting"]

DESCRIPTOR = "descriptor"
"""The encoder without weights."""
ROWS, BATCH = 1_000, 64
"""Images of one task, and images decoded at a time."""


@dataclass(frozen=True)
class Embed:
    """Embeds the images of one shard of the rows that `embedded` left; gives back how many."""

    source: Source
    folder: Path
    model: str

    def __call__(self, shard: int) -> int:
        """Embed one shard."""
        rows = pl.read_parquet(_rows(self.folder, shard), glob=False)
        encoder = encoder_of(self.model)
        parts = [encoder.embed_images(pixels) for pixels in self._decoded(rows, encoder)]
        with store.atomic(_vectors(self.folder, shard)) as stream:
            np.save(stream, np.concatenate(parts), allow_pickle=False)
        return len(rows)

    def _decoded(self, rows: pl.DataFrame, encoder: Encoder) -> Iterator[npt.NDArray[np.uint8]]:
        for batch in rows.iter_slices(BATCH):
            try:
                images = [sample(self.source.read(row["path"]), row)[0] for row in batch.iter_rows(named=True)]
            except NoBytes as error:
                raise BadData("the source", f"an image changed while it was being curated: {error.reason}") from error
            seen = decode_many(images, encoder.preprocess)
            if seen.reasons:
                raise BadData("the source", "an image changed while it was being curated", list(seen.reasons.values()))
            yield seen.pixels


@functools.cache
def encoder_of(model: str) -> Encoder:
    """The encoder of a model folder or the descriptor, opened once in each process."""
    return open_encoder(model)


def embedded(rows: pl.DataFrame, folder: Path, fingerprint: str) -> Embeddings:
    """The vectors of `rows` that the stages left in `folder`."""
    count = -(-len(rows) // ROWS)
    return Embeddings(rows["id"], np.concatenate([np.load(_vectors(folder, s)) for s in range(count)]), fingerprint)


def waiting(rows: pl.DataFrame, folder: Path) -> list[int]:
    """The shards still to embed, after writing the rows of each to `folder`."""
    columns = [c for c in ("id", "path", "box", "people") if c in rows.columns]
    found = []
    for number, part in enumerate(rows.select(columns).iter_slices(ROWS)):
        if not _vectors(folder, number).is_file():
            with store.atomic(_rows(folder, number)) as stream:
                part.write_parquet(stream)
            found.append(number)
    return found


def _rows(folder: Path, shard: int) -> Path:
    return folder / f"rows-{shard:05d}.parquet"


def _vectors(folder: Path, shard: int) -> Path:
    return folder / f"vectors-{shard:05d}.npy"
