"""The ways in which data sets are distributed: each a reader of a folder, with its options.

A new one is a line in LAYOUTS; most data sets need none, being a table (`table`) or folders (`folders`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merian.evaluate.benchmarks.folders import FolderOptions, InatOptions, folder_listing, inat_listing
from merian.evaluate.benchmarks.items import Listing
from merian.evaluate.benchmarks.lists import FishNetOptions, NoOptions, awa2_listing, fishnet_listing, nabirds_listing
from merian.evaluate.benchmarks.tables import TableOptions, table_listing

__all__ = ["LAYOUTS", "Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to distribute a data set: the type of its options, and what reads a folder with them."""

    options: type
    read: Callable[[Path, Any], Listing]


LAYOUTS = {
    "awa2": Layout(NoOptions, awa2_listing),
    "fishnet": Layout(FishNetOptions, fishnet_listing),
    "folders": Layout(FolderOptions, folder_listing),
    "inat": Layout(InatOptions, inat_listing),
    "nabirds": Layout(NoOptions, nabirds_listing),
    "table": Layout(TableOptions, table_listing),
}
