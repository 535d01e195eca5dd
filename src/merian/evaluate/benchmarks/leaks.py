"""Which of a benchmark's images a model was trained on: by their bytes, and by fingerprints that survive resizing and compression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData
from merian.core.report import Number
from merian.core.tables import Catalog
from merian.curate.leakage import LeakageSettings, Side, leakage
from merian.curate.sides import side_of_catalog, side_of_images
from merian.evaluate.benchmarks.asks import Held
from merian.evaluate.benchmarks.items import image_bytes

__all__ = ["leaked", "trained_on"]

TRAINED = ("train", "val")
"""Splits of a catalog that a model has seen: trained on, or calibrated on."""
PICTURES = ("hash", "near")
"""Ways that compare pictures. Ids of a benchmark's own say nothing of a catalog's."""


def trained_on(path: Path) -> Side:
    """The images of a catalog that a model has seen. Raises Missing when there is no catalog, BadData when none of its images was trained on."""
    whole = side_of_catalog(Catalog.open(path))
    kept = np.flatnonzero(whole.rows["split"].is_in(TRAINED).fill_null(False).to_numpy())
    if not len(kept):
        raise BadData(path, "none of its images is in the splits train and val")
    prints = None if whole.prints is None else whole.prints[kept]
    has = None if whole.has_print is None else whole.has_print[kept]
    rows = whole.rows[kept.tolist()].select("id", "hash", "split")
    return Side(whole.name, rows, whole.digest, prints=prints, has_print=has)


def leaked(data: Held, trained: Side, group: str) -> tuple[Number, npt.NDArray[np.bool_]]:
    """The share of a data set's images that were trained on, and which these are [n]."""
    ids = data.frame["id"].to_list()
    images = (image_bytes(path) for path in data.frame["path"].to_list())
    found = leakage(trained, side_of_images(data.task.name, ids, images), LeakageSettings())
    same = found.leaks.filter(pl.col("by").is_in(PICTURES))["b"].unique()
    marked = data.frame["id"].is_in(same.implode()).to_numpy()
    count = int(marked.sum())
    note = f"{count:,} of {len(ids):,} images, the same bytes or near duplicates"
    return Number(
        f"{data.task.name}.leaked", count / len(ids), unit="share", n=len(ids), note=note, group=group
    ), marked
