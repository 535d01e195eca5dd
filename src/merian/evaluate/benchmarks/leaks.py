"""Which of a benchmark's images a model was trained on: by their bytes, and by fingerprints that survive resizing and compression."""

from __future__ import annotations

from collections.abc import Mapping
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
from merian.evaluate.benchmarks.task import Protocol

__all__ = ["leak_numbers", "leak_remarks", "leaked", "trained_on"]

TRAINED = ("train", "val")
"""Splits of a catalog that a model has seen: trained on, or calibrated on."""
PICTURES = ("hash", "near")
"""Ways that compare pictures. Ids of a benchmark's own say nothing of a catalog's."""
LEARNING = ("few-shot", "probe", "binary", "attributes")
"""Protocols that learn from a side of their own."""


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


def leaked(data: Held, trained: Side) -> npt.NDArray[np.bool_]:
    """Which images of a data set were trained on: the same bytes, or near duplicates [n]."""
    ids = data.frame["id"].to_list()
    images = (image_bytes(path) for path in data.frame["path"].to_list())
    found = leakage(trained, side_of_images(data.task.name, ids, images), LeakageSettings())
    same = found.leaks.filter(pl.col("by").is_in(PICTURES))["b"].unique()
    return np.asarray(data.frame["id"].is_in(same.implode()).to_numpy())


def leak_numbers(data: Held, marked: npt.NDArray[np.bool_], group: str) -> list[Number]:
    """The share of a data set's images that was trained on: of either side, where the set is divided."""
    everything = {"leaked": ("images", np.ones(len(marked), bool))}
    sides = {"leaked.test": ("images of the test", data.tested), "leaked.train": ("images to learn from", data.shown)}
    numbers = []
    for end, (what, side) in (sides if data.divided else everything).items():
        count, n = int((marked & side).sum()), int(side.sum())
        note = f"{count:,} of {n:,} {what} are in the model's training: the same bytes or near duplicates"
        name = f"{data.task.name}.{end}"
        if n:
            numbers.append(Number(name, count / n, unit="share", n=n, note=note, group=group))
    return numbers


def leak_remarks(
    data: Held, asks: Mapping[Protocol, npt.NDArray[np.bool_]], marked: npt.NDArray[np.bool_], drop: bool
) -> list[str]:
    """What the images that were trained on [n] do to each protocol, which asks about the images `asks` [n]; `drop`: those that it asks about are left out."""
    told: dict[str, list[str]] = {}
    for word, asked in asks.items():
        count, n = int((marked & asked).sum()), int(asked.sum())
        if count:
            what = "are left out" if drop else "its numbers are too good (--drop-leaked leaves them out)"
            told.setdefault(f"{count:,} of {n:,} images that are asked about were trained on: {what}.", []).append(word)
        rest = marked & data.shown & ~asked
        if word in LEARNING and rest.any():
            what = (
                f"{int(rest.sum()):,} of the {int(data.shown.sum()):,} images to learn from were trained on: the model knows them, "
                "so this is not how well it takes up classes that are new to it."
            )
            told.setdefault(what, []).append(word)
    return [f"{data.task.name}, {' and '.join(words)}: {what}" for what, words in told.items()]
