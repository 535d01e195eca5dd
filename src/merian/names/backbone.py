"""A backbone: what names there are, which are accepted and for what, with their lineages and common names; read once, then kept compiled.

Read from ColDP (the Catalogue of Life and its eXtended Release), Darwin Core checklists (GBIF's backbone, iNaturalist, ITIS), plain tables and Trees.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.archives import Archive
from merian.core.errors import BadData, Missing
from merian.core.progress import track
from merian.core.tree import RANKS, Tree, normal_lineages
from merian.names.formats import read_raw, vernacular_beside
from merian.names.raw import NO_REFUSED, Raw
from merian.names.settle import settle
from merian.names.usages import ACCEPTED

__all__ = ["Backbone"]

KIND, FORMAT = "backbone", 1
FILES = ("usages", "vernaculars", "refused")


@dataclass(frozen=True, eq=False)
class Backbone:
    """All usages of a taxonomy, one row each.

    usages: id, name (canonical), authorship, rank (lower case), status (accepted, provisionally accepted, synonym, ambiguous synonym, misapplied,
    unavailable), accepted (Int32, the row of the accepted usage, of the row itself when it is one; null when there is none), code (zoological,
    botanical, bacterial, virus, cultivars ...), the seven ranks of the accepted usage, extinct, alternative (other identifiers). Sorted by id.
    vernaculars: usage (Int32, an accepted row), name, language (ISO 639-1, else 639-3), preferred, country, source.
    refused: file, row (line of the file), id, name, reason. notes: what was mended.
    """

    usages: pl.DataFrame
    vernaculars: pl.DataFrame
    refused: pl.DataFrame
    title: str
    release: str
    digest: str
    notes: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: Path, cache: Path | None = None) -> Backbone:
        """The backbone at `path`: an archive (folder or ZIP), a table, a Tree, or a compiled one. Compiled into `cache` and read from there the next time.

        cache: `store.cache_folder("backbones")` when None. Raises Missing, and BadData when there is no taxonomy in it.
        """
        if (path / store.MANIFEST).is_file():
            return cls._load(path)
        digest = _digest(path)
        key = store.key_of(KIND, FORMAT, {}, {"source": digest})
        folder = (cache or store.cache_folder("backbones")) / key
        work = store.begin(folder, KIND, FORMAT, {}, {"source": digest}, overwrite=True)
        if work.done:
            return cls._load(folder)
        with track("Compiling the backbone", total=3, unit="steps") as advance:
            raw = _raw(path)
            advance()
            settled = settle(raw)
            if settled.usages.is_empty():
                work.abandon()
                why = settled.refused.head(10).select(pl.format("{} line {}: {}", "file", "row", "reason")).to_series()
                raise BadData(path, "holds no taxon that can be used", why.to_list())
            advance()
            about = {"title": raw.title, "release": raw.release, "notes": settled.notes}
            for name in FILES:
                with store.atomic(folder / f"{name}.parquet") as stream:
                    getattr(settled, name).write_parquet(stream, compression="lz4", statistics=False)
            store.write_json(folder / "about.json", about)
            work.finish()
            advance()
        return cls._load(folder)

    @classmethod
    def _load(cls, folder: Path) -> Backbone:
        manifest = store.read(folder, KIND, FORMAT)
        try:
            about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
            usages, vernaculars, refused = (pl.read_parquet(folder / f"{name}.parquet", glob=False) for name in FILES)
            source, notes = manifest.inputs["source"], tuple(about["notes"])
            return cls(usages, vernaculars, refused, about["title"], about["release"], source[:8], notes)
        except (pl.exceptions.PolarsError, OSError, ValueError, KeyError, TypeError) as error:
            fault = str(error).splitlines()[0]
            raise BadData(
                folder, f"the compiled backbone is damaged: {fault}. Delete this folder, and it is made anew"
            ) from error

    @property
    def version(self) -> str:
        """Title, release and digest of the source, as a text that goes with every result."""
        return " ".join(part for part in (self.title, self.release, f"({self.digest})") if part)

    def __repr__(self) -> str:
        return f"Backbone({self.version}: {len(self.usages):,} usages, {len(self.vernaculars):,} common names)"

    def tree(self, rows: Sequence[int] | npt.NDArray[np.integer] | None = None) -> Tree:
        """The Tree that spans accepted usages (rows of `usages`; all when None), with their identifiers and common names.

        What stands below the species or between the seven ranks is joined to the next above.
        """
        taxa = self.usages.with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias("row")).filter(
            pl.col("status").is_in(ACCEPTED)
        )
        chosen = taxa if rows is None else self.usages[np.asarray(rows, np.int64).tolist()]
        tree = Tree.from_lineages(chosen.select(RANKS))
        nodes = tree.lineages().with_columns(taxon=pl.Series(np.arange(len(tree), dtype=np.int32)))
        named = (
            taxa.filter(pl.col("rank").is_in(RANKS))
            .sort("status", "id")
            .unique(RANKS, keep="first", maintain_order=True)
        )
        found = nodes.join(
            named.select(*RANKS, "id", "row"), on=list(RANKS), how="left", nulls_equal=True, maintain_order="left"
        )
        tree = Tree(tree.parent, tree.rank, tree.names, found.select(pl.coalesce("id", tree.ids))["id"])
        common = found.select("taxon", usage="row").drop_nulls().join(self.vernaculars, on="usage")
        common = common.sort(
            "taxon", "language", "preferred", "name", descending=[False, False, True, False], nulls_last=True
        )
        return (
            tree
            if common.is_empty()
            else tree.with_common(common.drop_nulls("language").select("taxon", "language", "name"))
        )


def _digest(path: Path) -> str:
    if path.is_dir():
        return Archive.open(path).hash
    if not path.is_file():
        raise Missing(
            "the backbone", path, "give a ColDP or Darwin Core archive, a table of taxa or a compiled backbone"
        )
    if path.suffix.casefold() == ".zip":
        with Archive.open(path) as archive:
            return archive.hash
    beside = vernacular_beside(path)
    files = [path] if beside is None else [path, beside]
    return store.digest_bytes("".join(store.digest(file) for file in files).encode())[:24]


def _raw(path: Path) -> Raw:
    """The tables at `path`; a Tree and a table of lineages become one with a usage for each taxon."""
    if path.suffix == ".parquet":
        try:
            ours = "merian" in pl.read_parquet_metadata(path)
        except pl.exceptions.PolarsError as error:
            raise BadData(path, f"not a Parquet table: {str(error).splitlines()[0]}") from error
        if ours:
            return _of_tree(Tree.load(path), path)
    raw = read_raw(path)
    columns = set(raw.usages.columns)
    if "id" in columns and columns & {"full", "canonical", "uninomial", "generic"}:
        return raw
    if not columns & set(RANKS):
        raise BadData(path, "needs identifiers (taxonID or ID) beside its names, or ranks (kingdom ... species)")
    lineages = raw.usages.rename({"specific": "specificEpithet"}, strict=False)
    if "common" not in columns:
        common = None
    else:
        common = (
            normal_lineages(lineages).with_columns(name=lineages["common"], language=pl.lit("en")).drop_nulls("name")
        )
    return dataclasses.replace(
        _of_tree(Tree.from_lineages(lineages, common=common), path), refused=raw.refused, notes=raw.notes
    )


def _of_tree(tree: Tree, path: Path) -> Raw:
    ids = tree.ids.extend_constant(None, 1)
    above = np.where(tree.parent >= 0, tree.parent, len(tree)).astype(np.uint32)
    usages = pl.DataFrame(
        {
            "id": tree.ids,
            "parent": ids.gather(above),
            "canonical": tree.names,
            "rank": pl.Series(RANKS, dtype=pl.String).gather(tree.rank.astype(np.uint32)),
            "row": np.arange(1, len(tree) + 1),
        }
    )
    common = tree.common.select(
        taxon=tree.ids.gather(tree.common["taxon"].cast(pl.UInt32)),
        name="name",
        language="language",
        row=pl.int_range(1, pl.len() + 1),
    )
    preferred = pl.struct("taxon", "language").is_first_distinct().cast(pl.String)
    return Raw(
        usages,
        path.name,
        common.with_columns(preferred=preferred),
        pl.DataFrame(schema=NO_REFUSED),
        path.stem,
        vernacular_file=path.name,
    )
