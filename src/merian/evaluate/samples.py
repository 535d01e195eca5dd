"""The images that a number rests on, and how numbers about them are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.progress import track
from merian.core.report import Number
from merian.core.tables import Catalog
from merian.core.vectors import Embeddings
from merian.encode import Preprocess, decode_many
from merian.evaluate import histogram
from merian.evaluate.intervals import Estimate, Resamples
from merian.evaluate.settings import EvaluateSettings
from merian.identify import Head

__all__ = ["Sample", "groups_of", "histograms", "number", "restricted", "share"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
BATCH = 512


@dataclass(frozen=True, eq=False)
class Sample:
    """Images `rows` [n] of one kind, called `name`, with their vectors [n, d], their labels (taxa) [n], and a bootstrap of them.

    histograms [n, h] of the baseline, or None when it is not measured.
    """

    name: str
    rows: pl.DataFrame
    vectors: Floats
    taxa: Ints
    resamples: Resamples
    histograms: Floats | None

    @classmethod
    def of(
        cls, name: str, rows: pl.DataFrame, embeddings: Embeddings, looks: Embeddings | None, settings: EvaluateSettings
    ) -> Sample:
        """The Sample of these rows of a catalog; the bootstrap's classes are the labels, its groups those of the catalog."""
        rng = stream(settings.seed, "bootstrap", name)
        resamples = Resamples.draw(rows["taxon"].to_numpy(), groups_of(rows), rng, settings.resamples)
        vectors = embeddings.take(rows["id"]).vectors
        seen = None if looks is None else looks.take(rows["id"]).vectors
        return cls(name, rows, vectors, rows["taxon"].to_numpy().astype(np.int32), resamples, seen)

    def __len__(self) -> int:
        return len(self.rows)


def groups_of(rows: pl.DataFrame) -> npt.NDArray[np.int64]:
    """The number of each row's group, a row without one being its own: int64 [n]."""
    return rows.select(pl.coalesce("group", "id").rank("dense")).to_series().to_numpy().astype(np.int64)


def number(name: str, estimate: Estimate, group: str, unit: str = "share", note: str = "") -> Number:
    """An estimate as a Number; without an interval when none could be estimated."""
    found = bool(np.isfinite([estimate.low, estimate.high]).all())
    low, high = (estimate.low, estimate.high) if found else (None, None)
    return Number(name, estimate.value, low, high, unit=unit, n=estimate.n, note=note, group=group)


def share(sample: Sample, columns: Iterable[npt.NDArray[np.generic]], counted: npt.NDArray[np.bool_]) -> list[Estimate]:
    """The mean of each column [n] over the counted images [n], with intervals."""
    table = np.stack([np.asarray(c, np.float64) for c in columns], 1)
    return sample.resamples.micro(table, np.broadcast_to(counted[:, None], table.shape))


def restricted(head: Head, labels: npt.NDArray[np.bool_]) -> Head:
    """The Head with only the labels [t] that are marked, its calibration as it was."""
    return head.among(head.labels[labels])


def histograms(catalog: Catalog, rows: pl.DataFrame, settings: EvaluateSettings) -> Embeddings:
    """The baseline's features of a catalog's rows, as Embeddings (unit vectors by id); an unreadable image gets the mean direction."""
    look = Preprocess(size=settings.histogram_size, interpolation="bilinear")
    found = np.full((len(rows), histogram.WIDTH), histogram.WIDTH**-0.5, np.float32)
    images = catalog.images(rows)
    with track("Histogram baseline", len(rows), "images") as advance:
        for start in range(0, len(rows), BATCH):
            part = [image for _, image in zip(range(min(BATCH, len(rows) - start)), images, strict=False)]
            decoded = decode_many(part, look, settings.threads)
            found[start + decoded.rows] = histogram.features(decoded.pixels)
            advance(len(part))
    return Embeddings(rows["id"], found, f"histogram-1-{settings.histogram_size}")
