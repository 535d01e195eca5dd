"""The store of a download as a source: the rows of the source that it was made from, now with bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from merian.core import store
from merian.curate.download.pack import bytes_at
from merian.curate.download.run import FORMAT, KIND
from merian.curate.sources.seam import Source

__all__ = ["DownloadedSource", "downloaded"]


@dataclass(frozen=True)
class DownloadedSource:
    """What `merian download` wrote to `root`."""

    name: str
    root: Path
    shards: int
    hash: str
    taxa: Path | None = None
    """The first source's taxonomy with its common names, copied."""

    @property
    def refused(self) -> pl.DataFrame:
        """The rows that the first source could not read."""
        return pl.read_parquet(self.root / "refused.parquet", glob=False)

    def rows(self, shard: int) -> pl.DataFrame:
        """The first source's rows with `path` in this store, or the `reason` why there is no image, and how it was fetched."""
        return pl.read_parquet(self.root / "rows" / f"shard-{shard:06d}.parquet", glob=False)

    def read(self, place: str) -> bytes:
        """The bytes of an image, as they came. Raises NoBytes."""
        return bytes_at(self.root, place)


def downloaded(path: Path) -> Source | None:
    """The download in the folder `path`, None when it is none. Raises Missing when it was not finished."""
    try:
        begun = json.loads((path / store.BEGUN).read_text(encoding="utf-8"))
        ours = begun["kind"] == KIND
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours and not (path / "download.json").is_file():
        return None
    manifest = store.read(path, KIND, FORMAT)
    facts = json.loads((path / "download.json").read_text(encoding="utf-8"))
    taxa = path / facts["taxa"] if facts["taxa"] else None
    return DownloadedSource(facts["source"], path, facts["shards"], manifest.hash, taxa)
