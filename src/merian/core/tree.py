"""The taxonomy as parallel arrays. A taxon is an `int` in a Tree; its Lineage is its path of seven ranks.

Taxa stand in preorder of their sorted lineages, so `parent[i] < i`, the subtree of `i` is the slice `i:end[i]`, the same
lineages give the same Tree whatever order they came in, and every sum over a clade is a segment sum.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.delimited import read_delimited
from merian.core.errors import BadData, Missing, UnknownTaxon

__all__ = ["RANKS", "Lineage", "Rank", "Tree", "normal_lineages", "rank_number", "read_table"]

Rank = Literal["kingdom", "phylum", "class", "order", "family", "genus", "species"]
RANKS: tuple[Rank, ...] = get_args(Rank)
FORMAT = 1
Ints = npt.NDArray[np.int32]
COMMON = {"taxon": pl.Int32, "language": pl.String, "name": pl.String}


class Lineage(NamedTuple):
    """The path of a taxon from kingdom to species; a rank that is missing or below the taxon is None."""

    kingdom: str | None
    phylum: str | None
    class_: str | None
    order: str | None
    family: str | None
    genus: str | None
    species: str | None


def rank_number(rank: str) -> int:
    """The number of a rank, 0 (kingdom) to 6 (species); raises BadData for any other word."""
    if rank not in RANKS:
        raise BadData("rank", f"{rank!r} is none of {', '.join(RANKS)}")
    return RANKS.index(rank)


@dataclass(frozen=True, eq=False)
class Tree:
    """A taxonomy of `n` taxa.

    parent [n] int32 (-1 for a root), rank [n] int8 (0 kingdom to 6 species), names [n] (species as "Genus epithet"), ids [n] the external
    identifiers, common: a table taxon, language, name in order of preference. Derived: ancestors [n, 7] int32, the taxon's ancestor
    (or itself) at each rank or -1; end [n] int32, the end of its subtree; version, a hash of all the content.
    """

    parent: Ints
    rank: npt.NDArray[np.int8]
    names: pl.Series
    ids: pl.Series
    common: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COMMON))

    def __post_init__(self) -> None:
        n = len(self.parent)
        if not len(self.rank) == len(self.names) == len(self.ids) == n:
            raise BadData("tree", "parent, rank, names and ids must be equally long")
        inner = np.flatnonzero(self.parent >= 0)
        wrong = inner[(self.parent[inner] >= inner) | (self.rank[self.parent[inner]] >= self.rank[inner])]
        if len(wrong):
            raise BadData("tree", "a taxon must follow its parent and be of a lower rank", wrong.tolist())
        wrong = inner[self.end[inner] > self.end[self.parent[inner]]]
        if len(wrong):
            raise BadData("tree", "the taxa below a taxon must stand together after it", wrong.tolist())

    def __len__(self) -> int:
        return len(self.parent)

    def __repr__(self) -> str:
        return f"Tree({len(self):,} taxa, {len(self.at('species')):,} species, version {self.version})"

    # ---- building ----------------------------------------------------------------------------------------------

    @classmethod
    def from_lineages(
        cls,
        lineages: pl.DataFrame,
        ids: dict[tuple[str | None, ...], str] | None = None,
        common: pl.DataFrame | None = None,
    ) -> Tree:
        """The Tree that spans the given lineages: a table with (some of) the seven rank columns, null or "" where missing.

        `ids` maps a lineage tuple of seven to an external id; taxa without one get a hash of their lineage. `common`: columns of the seven ranks,
        `language`, `name`.
        """
        rows = normal_lineages(lineages)
        levels = []
        for r, rank in enumerate(RANKS):
            keep = [pl.col(name) if k <= r else pl.lit(None, pl.String).alias(name) for k, name in enumerate(RANKS)]
            levels.append(rows.filter(pl.col(rank).is_not_null()).select(*keep, pl.lit(r, pl.Int8).alias("rank")))
        nodes = pl.concat(levels).unique().sort(*RANKS, nulls_last=False)
        level = nodes["rank"].to_numpy().astype(np.int8)
        index = np.arange(len(nodes), dtype=np.int32)
        parent = np.full(len(nodes), -1, np.int32)
        for r, name in enumerate(RANKS):
            last = np.maximum.accumulate(np.where(level == r, index, -1)) if len(index) else index
            has = nodes[name].is_not_null().to_numpy() & (level > r)
            parent[has] = last[has]
        names = nodes.select(pl.coalesce(*reversed(RANKS)).alias("name"))["name"]
        external = pl.Series("id", _ids(nodes, ids or {}), dtype=pl.String)
        tree = cls(parent, level, names, external)
        return tree if common is None or common.is_empty() else tree.with_common(common)

    @classmethod
    def from_taxa(cls, taxa: pl.DataFrame) -> tuple[Tree, pl.DataFrame]:
        """A Tree from a Darwin Core taxon table (taxonID, parentNameUsageID, scientificName, taxonRank ...), and the rows refused.

        Synonyms (an acceptedNameUsageID other than the taxonID) and ranks other than the seven become no taxa; what hangs below them is joined to the next
        ancestor. The refused rows keep all columns, with a `reason`: duplicate id, orphan, cycle, no name.
        """
        from merian.core.taxa import lineages_of_taxa

        lineages, refused = lineages_of_taxa(taxa)
        keys = normal_lineages(lineages).rows()
        ids = dict(zip(reversed(keys), reversed(lineages["taxonID"].to_list()), strict=True))
        common = lineages.filter(pl.col("vernacularName").is_not_null()).select(
            *RANKS, pl.col("language").fill_null("en"), pl.col("vernacularName").alias("name")
        )
        return cls.from_lineages(lineages, ids, common), refused

    @classmethod
    def read(cls, path: Path) -> tuple[Tree, pl.DataFrame]:
        """A Tree from any file Merian knows (its own Parquet, a Darwin Core taxon table, a list of lineages), and the rows refused."""
        if not path.is_file():
            raise Missing("the taxonomy", path, "give a tree.parquet, a Darwin Core taxon table or a table of lineages")
        frame = read_table(path)
        if path.suffix == ".parquet" and "merian" in pl.read_parquet_metadata(path):
            return cls.load(path), pl.DataFrame()
        if "parentNameUsageID" in frame.columns:
            return cls.from_taxa(frame)
        by_fold = {c.casefold().replace("_", ""): c for c in frame.columns}
        if not by_fold.keys() & {*RANKS, "cls"}:
            raise BadData(path, f"no column is one of {', '.join(RANKS)} or parentNameUsageID", frame.columns)
        name = by_fold.get("commonname", by_fold.get("vernacularname"))
        if name is None:
            return cls.from_lineages(frame), pl.DataFrame()
        common = normal_lineages(frame).with_columns(frame[name].cast(pl.String).alias("name"), language=pl.lit("en"))
        return cls.from_lineages(frame, common=common), pl.DataFrame()

    def with_common(self, common: pl.DataFrame) -> Tree:
        """This Tree with common names: a table with the seven ranks (or `taxon`), `language`, `name`; the first of a language is preferred."""
        if "taxon" not in common.columns:
            common = common.with_columns(pl.Series("taxon", self.match(common), pl.Int32))
        table = common.select("taxon", "language", "name").cast(pl.Schema(COMMON)).filter(pl.col("taxon") >= 0)
        table = table.with_columns(pl.col("name").str.replace_all(r"\s+", " ").str.strip_chars()).filter(
            pl.col("name") != ""
        )
        table = table.unique(maintain_order=True).sort("taxon", maintain_order=True)
        return Tree(self.parent, self.rank, self.names, self.ids, table)

    # ---- files ---------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write the Tree as one Parquet file, atomically, with its version in the metadata."""
        frame = pl.DataFrame({"parent": self.parent, "rank": self.rank, "name": self.names, "id": self.ids})
        meta = {"merian": json.dumps({"kind": "tree", "format": FORMAT, "version": self.version})}
        common = self.common.group_by("taxon", maintain_order=True).agg(pl.struct("language", "name").alias("common"))
        index = pl.Series("taxon", np.arange(len(self), dtype=np.int32))
        frame = frame.with_columns(index).join(common, on="taxon", how="left", maintain_order="left").drop("taxon")
        with store.atomic(path) as stream:
            frame.write_parquet(stream, metadata=meta)

    @classmethod
    def load(cls, path: Path) -> Tree:
        """The Tree that `save` wrote; raises Missing when absent and BadData when its content is not what its hash says."""
        if not path.is_file():
            raise Missing("the tree", path, "curate a catalog first, or give the path of a tree.parquet")
        try:
            meta = json.loads(pl.read_parquet_metadata(path)["merian"])
            if meta["kind"] != "tree":
                raise BadData(path, f"holds {meta['kind']}, not a Tree")
            frame = pl.read_parquet(path, glob=False)
        except (KeyError, pl.exceptions.PolarsError) as error:
            raise BadData(path, f"not a Tree saved by Merian: {error}") from error
        common = pl.DataFrame(schema=COMMON)
        if frame["common"].dtype != pl.Null:
            rows = frame.with_row_index("taxon").filter(pl.col("common").is_not_null())
            common = rows.select(pl.col("taxon").cast(pl.Int32), "common").explode("common").unnest("common")
        arrays = frame["parent"].to_numpy().astype(np.int32), frame["rank"].to_numpy().astype(np.int8)
        tree = cls(*arrays, frame["name"], frame["id"], common.cast(pl.Schema(COMMON)))
        if meta["version"] != tree.version:
            raise BadData(
                path, f"the content hashes to {tree.version} but the file says {meta['version']}: it is damaged"
            )
        return tree

    @functools.cached_property
    def version(self) -> str:
        """Hash of all the content, 12 hexadecimal digits."""
        sha = hashlib.sha256(self.parent.tobytes() + self.rank.tobytes())
        for column in (self.names, self.ids, self.common["name"], self.common["language"]):
            sha.update("\n".join(column.fill_null("").to_list()).encode())
        sha.update(self.common["taxon"].to_numpy().tobytes())
        return sha.hexdigest()[:12]

    # ---- shape -----------------------------------------------------------------------------------------------------

    @functools.cached_property
    def ancestors(self) -> Ints:
        """[n, 7] int32: the taxon's ancestor, or itself, at each rank; -1 where the rank is missing or below."""
        table = np.full((len(self), len(RANKS)), -1, np.int32)
        for r in range(len(RANKS)):
            here = np.flatnonzero(self.rank == r)
            inner = here[self.parent[here] >= 0]
            table[inner] = table[self.parent[inner]]
            table[here, r] = here
        return table

    @functools.cached_property
    def end(self) -> Ints:
        """[n] int32: the subtree of taxon i is the slice i:end[i]."""
        size = np.ones(len(self), np.int64)
        for r in reversed(range(len(RANKS))):
            here = np.flatnonzero((self.rank == r) & (self.parent >= 0))
            size += np.bincount(self.parent[here], size[here], len(self)).astype(np.int64)
        return (np.arange(len(self)) + size).astype(np.int32)

    def at(self, rank: str) -> Ints:
        """The taxa of one rank, in order: int32 [k]."""
        return np.flatnonzero(self.rank == rank_number(rank)).astype(np.int32)

    def lineage(self, taxon: int) -> Lineage:
        """The path of one taxon."""
        return Lineage(*(self.names[int(a)] if a >= 0 else None for a in self.ancestors[taxon]))

    def lineages(self, taxa: Sequence[int] | npt.NDArray[np.integer] | None = None) -> pl.DataFrame:
        """The paths of many taxa (all when None) as a table of seven columns, one row each; a taxon of -1 gives nulls."""
        chosen = np.arange(len(self)) if taxa is None else np.asarray(taxa, np.int64)
        paths = (
            np.where(chosen[:, None] >= 0, self.ancestors[chosen], -1) if len(self) else np.full((len(chosen), 7), -1)
        )
        named = self.names.extend_constant(None, 1)
        where = np.where(paths >= 0, paths, len(self)).astype(np.uint32)
        return pl.DataFrame({rank: named.gather(where[:, r]) for r, rank in enumerate(RANKS)})

    # ---- looking up ------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _index(self) -> dict[str, list[int]]:
        index: dict[str, list[int]] = {}
        for taxon, name in enumerate(self.names.to_list()):
            index.setdefault(name.casefold(), []).append(taxon)
        return index

    def named(self, name: str) -> list[int]:
        """All taxa with this scientific name (any case): more than one for homonyms."""
        return self._index.get(" ".join(name.split()).casefold(), [])

    @functools.cached_property
    def _called(self) -> dict[str, list[int]]:
        called: dict[str, list[int]] = {}
        for taxon, _, name in self.common.iter_rows():
            places = called.setdefault(name.casefold(), [])
            if taxon not in places:
                places.append(taxon)
        return called

    def called(self, common: str) -> list[int]:
        """All taxa with this common name in any language."""
        return self._called.get(common.casefold(), [])

    def find(self, name: str, rank: str | None = None) -> int:
        """The taxon called `name` (scientific, any case); raises UnknownTaxon when none, or more than one, is."""
        found = self.named(name)
        if rank is not None:
            found = [t for t in found if self.rank[t] == rank_number(rank)]
        if len(found) == 1:
            return found[0]
        if found:
            places = "; ".join(" > ".join(x for x in self.lineage(t) if x) for t in found[:3])
            raise UnknownTaxon(name, (), self.version, f"names {len(found)} taxa ({places}): say which")
        alike = self.names.filter(
            self.names.str.head(1).str.to_lowercase().eq(name[:1].lower())
            & (self.names.str.len_chars().cast(pl.Int32) - len(name)).abs().le(4)
        )
        raise UnknownTaxon(name, alike.to_list(), self.version)

    def match(self, frame: pl.DataFrame) -> Ints:
        """For each row of seven rank columns the taxon with that lineage, else the only one with its deepest name, else -1: int32 [n].

        A taxon found by its name alone must not be of another kingdom.
        """
        rows = normal_lineages(frame)
        mine = self.lineages().with_columns(pl.Series("taxon", np.arange(len(self), dtype=np.int32)))
        exact = rows.join(mine, on=list(RANKS), how="left", nulls_equal=True, maintain_order="left")["taxon"]
        if exact.null_count():
            unique = pl.DataFrame({"name": self.names, "rank": self.rank}).with_columns(top=mine["kingdom"])
            unique = unique.with_row_index("by_name").filter(pl.struct("name", "rank").is_unique())
            deepest = rows.select(
                "kingdom",
                pl.coalesce(*reversed(RANKS)).alias("name"),
                pl.coalesce(*[pl.when(pl.col(x).is_not_null()).then(RANKS.index(x)) for x in reversed(RANKS)])
                .cast(pl.Int8)
                .alias("rank"),
            )
            found = deepest.join(unique, on=["name", "rank"], how="left", maintain_order="left")
            # Morus the gannet is not Morus the mulberry
            other = (pl.col("kingdom") != pl.col("top")).fill_null(False)
            named = found.select(pl.when(~other).then("by_name")).to_series()
            exact = exact.fill_null(named.cast(pl.Int32))
        return exact.fill_null(-1).to_numpy().astype(np.int32)

    @functools.cached_property
    def _preferred(self) -> dict[tuple[int, str], str]:
        rows = self.common.unique(["taxon", "language"], keep="first", maintain_order=True)
        return {(taxon, language): name for taxon, language, name in rows.iter_rows()}

    def common_name(self, taxon: int, language: str = "en") -> str | None:
        """The preferred common name of a taxon in a language (ISO 639-1), None when it has none."""
        return self._preferred.get((int(taxon), language))


def read_table(path: Path) -> pl.DataFrame:
    """A table from CSV, TSV (also .txt, and gzipped) or Parquet, all columns of text files as text. Raises BadData with the lines that are no rows."""
    if path.suffix != ".parquet":
        read = read_delimited(path)
        if len(read.refused):
            raise BadData(path, "not a readable table", [f"line {line}: {why}" for line, _, why in read.refused.rows()])
        return read.frame
    try:
        return pl.read_parquet(path, glob=False)
    except pl.exceptions.PolarsError as error:
        raise BadData(path, f"not a readable table: {str(error).splitlines()[0]}") from error


def normal_lineages(frame: pl.DataFrame) -> pl.DataFrame:
    """The seven rank columns of `frame`, found in any case, trimmed, "" as null, the species as "Genus epithet"."""
    by_fold = {c.casefold(): c for c in frame.columns}
    for alias in ("class_", "cls"):
        # tables that need "class" for their label, or are made in Python, name the rank so
        by_fold["class"] = by_fold.get(alias, by_fold.get("class", ""))
    columns = []
    for rank in RANKS:
        name = by_fold.get(rank)
        if not name:
            columns.append(pl.repeat(None, pl.len(), dtype=pl.String).alias(rank))
            continue
        text = pl.col(name).cast(pl.String).str.replace_all(r"\s+", " ").str.strip_chars()
        columns.append(pl.when(text != "").then(text).alias(rank))
    table = frame.select(columns) if frame.width else pl.DataFrame(schema=dict.fromkeys(RANKS, pl.String))
    if "species" not in by_fold and "specificepithet" in by_fold:
        epithet = frame[by_fold["specificepithet"]].cast(pl.String).str.strip_chars()
        table = table.with_columns(species=pl.when(epithet != "").then(epithet))
    bare = ~pl.col("species").str.contains(" ") & pl.col("genus").is_not_null()
    return table.with_columns(
        species=pl.when(bare).then(pl.col("genus") + " " + pl.col("species").str.to_lowercase()).otherwise("species")
    )


def _ids(nodes: pl.DataFrame, given: dict[tuple[str | None, ...], str]) -> list[str]:
    def own(row: tuple[str | None, ...]) -> str:
        return hashlib.blake2b("|".join(x or "" for x in row).encode(), digest_size=6).hexdigest()

    return [given.get(row) or own(row) for row in nodes.select(*RANKS).iter_rows()]
