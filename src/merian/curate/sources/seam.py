"""The seam through which images come in: a source gives rows with the catalog's column names a shard at a time, and the bytes of each.

A built-in is one line in SOURCES; another package adds its own with an entry point of the group `merian.sources` whose value is a
function `open_source(path: Path) -> Source | None` (None: "not mine").
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import polars as pl

from merian.core.errors import BadData, Missing

__all__ = ["REFUSED", "SOURCES", "NoBytes", "Source", "open_source"]

REFUSED = {"file": pl.String, "row": pl.Int64, "reason": pl.String}
"""Columns of the rows that a source could not even read, with the line that they stand on."""


class NoBytes(Exception):
    """An image that a source cannot give, and why: the reason of a refused row."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@runtime_checkable
class Source(Protocol):
    """Rows of images in shards, each with the lineage that its label gives, and the bytes of the images.

    `rows(shard)` has the catalog's columns as far as they are known (at least id and path) and the seven ranks. `path` says where `read` finds the bytes;
    it is null when they are only on the web, at `url`. `read` raises NoBytes with a reason. `taxa` is the source's own taxonomy, a file or folder that
    `merian.names` opens as a backbone, or None; `refused` are the rows (columns of REFUSED) that could not be read at all. A source is sent to other
    processes: it pickles.
    """

    @property
    def name(self) -> str: ...
    @property
    def root(self) -> Path: ...
    @property
    def shards(self) -> int: ...
    @property
    def hash(self) -> str: ...
    @property
    def taxa(self) -> Path | None: ...
    @property
    def refused(self) -> pl.DataFrame: ...

    def rows(self, shard: int) -> pl.DataFrame: ...
    def read(self, place: str) -> bytes: ...


SOURCES: dict[str, str] = {
    "Merian download": "merian.curate.download.source:downloaded",
    "Merian catalog": "merian.curate.sources.webdataset:merian_catalog",
    "Camtrap DP": "merian.curate.sources.camtrap:camtrap_dp",
    "GBIF download": "merian.curate.sources.gbif:gbif_download",
    "Darwin Core Archive": "merian.curate.sources.dwca:darwin_core_archive",
    "iNaturalist open data": "merian.curate.sources.inaturalist:inaturalist",
    "EOL media manifest": "merian.curate.sources.eol:eol_manifest",
    "BIOSCAN-5M": "merian.curate.sources.bioscan:bioscan",
    "FathomNet": "merian.curate.sources.fathomnet:fathomnet",
    "COCO Camera Traps": "merian.curate.sources.coco:coco",
    "Wildlife Insights": "merian.curate.sources.wildlife:wildlife_insights",
    "WebDataset shards": "merian.curate.sources.webdataset:webdataset",
    "Hugging Face data set": "merian.curate.sources.huggingface:huggingface",
    "Darwin Core table": "merian.curate.sources.tables:darwin_core",
    "photo table": "merian.curate.sources.tables:photo_table",
    "folder of photos": "merian.curate.sources.tables:folder_of_photos",
}
"""Name -> `module:function(path) -> Source | None`, asked in this order; those of other packages come before the last three, which take almost anything."""
PLAIN = ("Darwin Core table", "photo table", "folder of photos")


def open_source(path: Path) -> Source:
    """The source at `path`: an archive, a data set's folder, a table of photos, or a folder of photos (one folder a class).

    Raises Missing when nothing is there and BadData when it is nothing that any source reads.
    """
    if not path.exists():
        raise Missing(
            "the source", path, "give a folder of photos, a table with a path column, or a Darwin Core folder"
        )
    strangers = [entry.value for entry in sorted(entry_points(group="merian.sources"), key=lambda e: e.name)]
    own = [place for name, place in SOURCES.items() if name not in PLAIN]
    openers = [*own, *strangers, *(SOURCES[name] for name in PLAIN)]
    for place in openers:
        module, _, function = place.partition(":")
        opener = cast(Callable[[Path], Source | None], getattr(importlib.import_module(module), function))
        found = opener(path)
        if found is not None:
            return found
    raise BadData(path, f"is none of: {', '.join(SOURCES)}")
