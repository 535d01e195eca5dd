"""The stage that packs: each output shard's images, in their shuffled order, into a tar with what is known of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData
from merian.core.tree import RANKS, Tree
from merian.curate.look import sample
from merian.curate.shards import HASH, INDEX, write_shard
from merian.curate.sources.seam import NoBytes, Source

__all__ = ["Pack", "deal", "hashes", "packed", "tar_of"]

KNOWN = (
    "id",
    "split",
    *RANKS,
    "common_name",
    "caption",
    "sex",
    "life_stage",
    "health",
    "habitat",
    "behaviour",
    "licence",
    "rights_holder",
)
"""What a sample's JSON says, as far as it is known: enough to make any caption and to credit the photo."""
NEEDED = ("taxon", "path", "box", "people", "extension", "hash")
"""What it takes besides to find and to check the bytes."""


@dataclass(frozen=True)
class Pack:
    """Packs output shard `shard` from the rows that `deal` left for it; gives back how many. A finished shard is left as it is."""

    source: Source
    folder: Path

    def __call__(self, shard: int) -> int:
        """Pack one shard."""
        rows = pl.read_parquet(_part(self.folder, shard), glob=False)
        write_shard(tar_of(self.folder, shard), shard, self._samples(rows))
        return len(rows)

    def _samples(self, rows: pl.DataFrame) -> Iterator[tuple[str, str, bytes, dict[str, object]]]:
        for row in rows.iter_rows(named=True):
            try:
                data, _ = sample(self.source.read(row["path"]), row)
            except NoBytes as error:
                raise BadData(
                    row["path"], f"{error.reason}: it changed while it was being curated; start again"
                ) from error
            if store.digest_bytes(data) != row["hash"]:
                raise BadData(row["path"], "the file changed while it was being curated; start again")
            known = {name: row[name] for name in KNOWN if row.get(name) is not None}
            yield row["id"], row["extension"], data, known


def deal(frame: pl.DataFrame, tree: Tree, folder: Path, per_shard: int, seed: int) -> list[int]:
    """The numbers of the output shards, after writing the rows of each to `folder`.

    The kept rows are shuffled over all shards, so that no shard is all of one source or kind.
    """
    kept = frame.filter(pl.col("reason").is_null()).select(
        c for c in (*KNOWN, *NEEDED) if c in frame.columns and c not in RANKS
    )
    order = stream(seed, "shards").permutation(len(kept))
    numbers = list(range(-(-len(kept) // per_shard)))
    for number in numbers:
        rows = kept[order[number * per_shard : (number + 1) * per_shard]]
        rows = rows.hstack(tree.lineages(rows["taxon"].to_numpy()).get_columns())
        with store.atomic(_part(folder, number)) as stream_:
            rows.write_parquet(stream_)
    return numbers


def packed(folder: Path, numbers: list[int]) -> pl.DataFrame:
    """Where each image lies: the indexes of all shards (columns of INDEX)."""
    indexes = [pl.read_parquet(tar_of(folder, n).with_suffix(".parquet"), glob=False) for n in numbers]
    return pl.concat(indexes) if indexes else pl.DataFrame(schema=INDEX)


def hashes(folder: Path, numbers: list[int]) -> dict[str, str]:
    """The hashes of all shards, by their path within the catalog; the files that held them are deleted."""
    found = {}
    for number in numbers:
        tar = tar_of(folder, number)
        file = tar.with_suffix(HASH)
        found[tar.relative_to(folder).as_posix()] = file.read_text(encoding="utf-8") if file.is_file() else ""
        file.unlink(missing_ok=True)
    return found


def tar_of(folder: Path, number: int) -> Path:
    """The file of a shard."""
    return folder / "shards" / f"shard-{number:05d}.tar"


def _part(folder: Path, number: int) -> Path:
    return folder / "dealt" / f"part-{number:05d}.parquet"
