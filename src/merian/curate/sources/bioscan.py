"""BIOSCAN-5M: the metadata table of five million insect specimens and their images.

Columns and folders: https://github.com/bioscan-ml/BIOSCAN-5M (metadata and image structure), https://arxiv.org/abs/2406.12723: images lie in
`bioscan5m/images/<kind>/<split>/<chunk>/<processid>.jpg`. Licence and holder are those that the data set's page states for all its images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from merian.core.tree import RANKS
from merian.curate.sources.columns import labelled, taken
from merian.curate.sources.gather import Batch, Origin, content_digest, gathered, refusals
from merian.curate.sources.seam import Source
from merian.curate.sources.text import LINE, need, text_file

__all__ = ["bioscan"]

COLUMNS = (
    "processid",
    "sampleid",
    "taxon",
    "phylum",
    "class",
    "order",
    "family",
    "genus",
    "species",
    "dna_bin",
    "split",
    "chunk",
)
KINDS = ("original_full", "cropped", "original_256", "cropped_256")
"""Folders of images, the largest first: the first that is there is read."""
LICENCE, HOLDER = "CC BY 3.0", "CBG Photography Group"
PUBLISHER = "Centre for Biodiversity Genomics"
PLACES = ("", "metadata/csv", "metadata", "bioscan5m/metadata/csv", "bioscan5m/metadata", "csv")


def bioscan(path: Path) -> Source | None:
    """The metadata table (.csv, .csv.gz), or the folder bioscan5m or the one above it."""
    file = _metadata(path)
    if file is None:
        return None
    table = text_file(file, ",", '"')
    need(table.names(), COLUMNS, table.where)
    root, images = _images(file)
    digest = content_digest([file], f"bioscan {images}")

    def batches() -> Iterator[Batch]:
        for block in table.blocks():
            lacking = pl.col("processid").is_null()
            refused = refusals(table.label, block.frame.filter(lacking)[LINE], "a specimen without processid")
            yield Batch(_rows(block.frame.filter(~lacking), images), pl.concat([block.refused, refused]), block.size)

    return gathered(Origin("BIOSCAN-5M", root, digest, table.size), batches)


def _metadata(path: Path) -> Path | None:
    candidates = [path]
    if path.is_dir():
        folders = [path / p for p in PLACES if (path / p).is_dir()]
        candidates = [f for d in folders for f in sorted(d.iterdir()) if "bioscan" in f.name.casefold()]
    for file in candidates:
        if file.is_file() and file.name.casefold().endswith((".csv", ".csv.gz")):
            head = text_file(file).head().partition(b"\n")[0]
            if b"processid" in head and b"dna_bin" in head:
                return file
    return None


def _images(file: Path) -> tuple[Path, str]:
    """The folder that image paths are relative to, and the path of the kind of images that is there."""
    for folder in list(file.parents)[:4]:
        for kind in KINDS:
            if (folder / "images" / kind).is_dir():
                return folder, f"images/{kind}"
    return file.parent, f"images/{KINDS[0]}"


def _rows(frame: pl.DataFrame, images: str) -> pl.DataFrame:
    have = set(frame.columns)
    frame = frame.with_columns(kingdom=pl.lit("Animalia"))
    place = [c for c in ("country", "province_state") if c in have]
    where = taken(frame, {"latitude": ("coord-lat",), "longitude": ("coord-lon",)})
    rows = frame.select(
        id="processid",
        path=pl.concat_str(
            pl.lit(images), "split", "chunk", pl.col("processid") + ".jpg", separator="/", ignore_nulls=True
        ),
        verbatim_name="taxon",
        licence=pl.lit(LICENCE),
        rights_holder=pl.lit(HOLDER),
        publisher=pl.lit(PUBLISHER),
        basis=pl.lit("PreservedSpecimen"),
        references=pl.lit("https://portal.boldsystems.org/record/") + pl.col("processid"),
        specimen=pl.col("sampleid"),
        country=pl.col(place[0]) if place else pl.lit(None, pl.String),
        fold="split",
    ).hstack(where)
    return labelled(rows, frame.select(RANKS))
