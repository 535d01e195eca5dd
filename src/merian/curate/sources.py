"""Where images come from: a source gives rows with the catalog's column names, a shard at a time.

A built-in is one line in SOURCES; another package adds its own with an entry point of the group `merian.sources` whose value is a
function `open_source(path: Path) -> Source | None` (None: "not mine").
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tables import CATALOG
from merian.core.tree import RANKS, Tree, normal_lineages, read_table

__all__ = ["SOURCES", "Source", "TableSource", "darwin_core", "folder_of_photos", "open_source", "photo_table"]

ROWS_PER_SHARD = 10_000
IMAGES = frozenset((".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".jp2", ".avif"))
ALIASES = {
    "path": ("path", "associatedmedia", "filepath", "file", "filename", "image", "imagepath"),
    "id": ("id", "occurrenceid", "uuid"),
    "source": ("source", "datasetname", "dataset"),
    "verbatim_name": ("verbatimname", "scientificname", "label", "classname", "species", "name"),
    "common_name": ("commonname", "vernacularname", "common"),
    "licence": ("licence", "license"),
    "rights_holder": ("rightsholder", "author", "photographer", "creator"),
    "event_id": ("eventid", "sequenceid", "seqid"),
    "event_date": ("eventdate", "date", "datetime", "observedon", "timestamp"),
    "latitude": ("latitude", "decimallatitude", "lat"),
    "longitude": ("longitude", "decimallongitude", "lon", "lng"),
    "habitat": ("habitat",),
    "sex": ("sex",),
    "life_stage": ("lifestage",),
    "health": ("health", "vitality", "disease"),
    "individual": ("individual", "organismid", "individualid"),
    "group": ("group", "specimen", "observation", "observationid"),
    "fold": ("fold",),
}
"""Catalog column -> the names it goes by in tables, lower case without underscores; the first that is there wins."""
_BINOMIAL = re.compile(r"^[A-Z][a-z-]+ [a-z-]{2,}$")
_WITH_AUTHOR = re.compile(r"^[A-Z][a-z-]+ [a-z-]{3,}(?: |$)")


@runtime_checkable
class Source(Protocol):
    """Rows of images in shards, each with the lineage that its label gives.

    `rows(shard)` has the catalog's columns as far as they are known (at least id and path) and the seven ranks; `tree` is the source's own
    taxonomy when it has one, `refused` the rows of that taxonomy that could not be used.
    """

    @property
    def name(self) -> str: ...
    @property
    def root(self) -> Path: ...
    @property
    def shards(self) -> int: ...
    @property
    def hash(self) -> str: ...

    def rows(self, shard: int) -> pl.DataFrame: ...
    def tree(self) -> tuple[Tree, pl.DataFrame] | None: ...


@dataclass(frozen=True)
class TableSource:
    """A source whose rows fit one table: a CSV of photos, a Darwin Core occurrence file, or a folder read into one."""

    name: str
    root: Path
    table: pl.DataFrame
    hash: str
    taxa: Path | None = None

    @property
    def shards(self) -> int:
        """The number of shards."""
        return max(1, -(-len(self.table) // ROWS_PER_SHARD))

    def rows(self, shard: int) -> pl.DataFrame:
        """The rows of one shard."""
        return self.table.slice(shard * ROWS_PER_SHARD, ROWS_PER_SHARD)

    def tree(self) -> tuple[Tree, pl.DataFrame] | None:
        """The taxonomy that lies beside the table (taxon.csv or taxon.txt, with vernacular.csv), and its refused rows."""
        if self.taxa is None:
            return None
        tree, refused = Tree.read(self.taxa)
        vernacular = self.taxa.with_name(self.taxa.name.replace("taxon", "vernacular"))
        if vernacular.is_file():
            names = read_table(vernacular)
            by_id = (
                pl.DataFrame({"taxonID": tree.ids}).with_row_index("taxon").with_columns(pl.col("taxon").cast(pl.Int32))
            )
            named = names.join(by_id, on="taxonID", how="inner", maintain_order="left")
            tree = tree.with_common(named.select("taxon", "language", pl.col("vernacularName").alias("name")))
        return tree, refused


SOURCES: dict[str, str] = {
    "darwin core": "merian.curate.sources:darwin_core",
    "photo table": "merian.curate.sources:photo_table",
    "folder of photos": "merian.curate.sources:folder_of_photos",
}
"""Name -> `module:function(path) -> Source | None`, asked in this order."""


def open_source(path: Path) -> Source:
    """The source at `path`: a Darwin Core folder, a table of photos, or a folder of photos (one folder a class).

    Raises Missing when nothing is there and BadData when it is nothing that any source reads.
    """
    if not path.exists():
        raise Missing(
            "the source", path, "give a folder of photos, a table with a path column, or a Darwin Core folder"
        )
    openers = [*SOURCES.values(), *(entry.value for entry in entry_points(group="merian.sources"))]
    for place in openers:
        module, _, function = place.partition(":")
        opener = cast(Callable[[Path], Source | None], getattr(importlib.import_module(module), function))
        found = opener(path)
        if found is not None:
            return found
    raise BadData(path, f"is none of: {', '.join(SOURCES)}")


def darwin_core(path: Path) -> Source | None:
    """A folder with occurrence.csv or occurrence.txt that has an associatedMedia column of local paths."""
    for name in ("occurrence.csv", "occurrence.txt"):
        file = path / name
        if file.is_file():
            taxa = next((t for t in (path / "taxon.csv", path / "taxon.txt") if t.is_file()), None)
            return _from_table(file, path, path.name, taxa)
    return None


def photo_table(path: Path) -> Source | None:
    """A CSV, TSV or Parquet with a path column, relative to the table's folder."""
    if not path.is_file() or path.suffix not in (".csv", ".tsv", ".txt", ".parquet"):
        return None
    return _from_table(path, path.parent, path.stem, None)


def folder_of_photos(path: Path) -> Source | None:
    """A folder of image files; the folder a file lies in is its class ("Pica hudsonia", "Pica_hudsonia", any label), "" at the top."""
    if not path.is_dir():
        return None
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    chosen = [p for p in files if p.suffix.lower() in IMAGES]
    if not chosen:
        found = f"but {len(files)} other files" if files else "it is empty"
        raise BadData(path, f"no images in this folder, {found}; looked for {' '.join(sorted(IMAGES))}")
    # a file name need not be text; what is not becomes \xff, and a row that is refused: no table could name the file
    paths = [_text(p.relative_to(path)) for p in chosen]
    labels = [_text(p.parent.name).replace("_", " ").strip() if p.parent != path else "" for p in chosen]
    table = pl.DataFrame(
        {"path": paths, "verbatim_name": labels}, schema={"path": pl.String, "verbatim_name": pl.String}
    )
    content = "\n".join(f"{p} {f.stat().st_size}" for p, f in zip(paths, chosen, strict=True))
    return TableSource(path.name, path, _identified(_labelled(table, table)), _hash(content.encode()))


def _from_table(file: Path, root: Path, name: str, taxa: Path | None) -> Source:
    raw = read_table(file)
    by_fold = {c.casefold().replace("_", ""): c for c in reversed(raw.columns)}
    types = {c.name: c.type for c in CATALOG}
    columns = []
    for column, names in ALIASES.items():
        given = next((by_fold[n] for n in names if n in by_fold), None)
        if given is not None:
            text = pl.col(given).cast(pl.String).str.strip_chars()
            columns.append(pl.when(text != "").then(text).cast(types[column], strict=False).alias(column))
    table = raw.select(columns)
    if "path" not in table.columns:
        raise BadData(
            file, f"no column says where the images are; it may be called {', '.join(ALIASES['path'])}", raw.columns
        )
    # the sizes too: a table whose missing or broken photos were replaced is another source
    sizes = " ".join(str(_size(root / path)) if path else "" for path in table["path"].to_list())
    inputs = [file.read_bytes(), sizes.encode()] + ([taxa.read_bytes()] if taxa is not None else [])
    return TableSource(name, root, _identified(_labelled(table, raw)), _hash(b"\0".join(inputs)), taxa)


def _labelled(table: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """`table` with the seven ranks of `raw`; where those are empty, the verbatim name as a binomial or as a label of rank species.

    A Darwin Core row often gives the ranks down to the genus, and the species in scientificName alone: it is taken from there.
    """
    ranks = normal_lineages(raw)
    table = table.hstack(ranks.get_columns())
    if "verbatim_name" not in table.columns:
        return table
    nameless = pl.all_horizontal(pl.col(r).is_null() for r in RANKS)
    name = pl.col("verbatim_name").str.replace_all(r"\s+", " ")
    binomial = name.str.contains(_BINOMIAL.pattern)
    first = name.str.extract(r"^(\S+)")
    of_genus = pl.col("species").is_null() & (first == pl.col("genus")) & name.str.contains(_WITH_AUTHOR.pattern)
    return table.with_columns(
        genus=pl.when(nameless & binomial).then(first).otherwise("genus"),
        species=pl.when(nameless & (name != ""))
        .then(name)
        .when(of_genus)
        .then(name.str.extract(r"^(\S+ \S+)"))
        .otherwise("species"),
    )


def _identified(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with an id in every row (given, or a hash of the path) and no id twice (a repeat gets #2, #3 ...)."""
    own = pl.col("path").fill_null("").map_elements(lambda p: _hash(p.encode())[:16], pl.String)
    given = pl.coalesce("id", own) if "id" in table.columns else own
    table = table.with_columns(id=given)
    nth = pl.int_range(pl.len()).over("id") + 1
    while not table["id"].is_unique().all():  # again where a table has its own "x#2"
        table = table.with_columns(id=pl.when(nth > 1).then(pl.col("id") + "#" + nth.cast(pl.String)).otherwise("id"))
    return table


def _text(path: Path | str) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")


def _size(path: Path) -> int:
    """The size of a file in bytes, -1 when it cannot be looked at."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return -1


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
