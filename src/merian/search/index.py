"""The index: a LanceDB database of a table of images and their Tree, the only home of LanceDB.

A question is filtered first; what is left is compared in few bits within the nearest parts, and the best of that again exactly. Behind a filter
that leaves little, and in a small index, all is compared. The folder holds nothing but the database, so it can be copied to object storage and opened there.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData, BadSetting, Mismatch, Missing, MissingExtra
from merian.core.progress import track
from merian.core.tables import Catalog
from merian.core.tree import RANKS, Tree
from merian.core.vectors import Embeddings
from merian.search.asked import Wanted, dated, quoted
from merian.search.settings import SearchSettings

__all__ = ["Found", "Index", "build_index"]

Floats = npt.NDArray[np.float32]
KIND, FORMAT = "index", 1
IMAGES, TAXA = "images", "taxa"
SHOWN = (
    "id",
    "taxon",
    "path",
    "source",
    "licence",
    "rights_holder",
    "url",
    "event_date",
    "latitude",
    "longitude",
    "split",
)
"""What an answer tells of an image."""
RANGES = ("taxon", "first_day", "last_day", "latitude", "longitude")
SETS = ("first_month", "last_month", "month", "licence", "source", "split")
"""Columns that are asked for ranges, and for values."""
SCATTERED = 10
"""Times as long it takes to compare images that do not stand together: those of a clade do, for the table is in the order of the Tree."""
WIDER = 3.0
"""At most so many times more candidates are compared exactly where a filter leaves few images, far from the question perhaps."""
ROWS = 20_000
"""Images that are written at a time."""
FEWEST = 4096
"""With fewer images, no parts are learnt."""


@dataclass(frozen=True, eq=False)
class Found:
    """Answers, nearest first, with their `cosine`; how many images the filter left (`among`), and whether all of them were compared (`exact`)."""

    rows: pl.DataFrame
    among: int
    exact: bool


@dataclass(frozen=True, eq=False)
class Index:
    """An open index: its table, the Tree of its images' taxa, the fingerprint of the encoder that made its vectors, and what a question costs."""

    table: Any
    tree: Tree
    fingerprint: str
    settings: SearchSettings
    parts: int
    """Parts of the first pass; 0 where there is none."""
    catalog: str = ""
    """Hash of the catalog whose images these are; "" in an index of before this was written down."""

    @classmethod
    def open(cls, place: str | Path) -> Index:
        """The index in a folder that `build_index` wrote, or copied to an address of object storage (s3://, gs://, az://).

        Raises Missing where there is none, MissingExtra without LanceDB.
        """
        lancedb = _lancedb()
        if "://" not in str(place):
            store.read(Path(place), KIND, FORMAT)
        try:
            database = lancedb.connect(str(place))
            table = database.open_table(IMAGES)
            (blob,) = database.open_table(TAXA).to_arrow()["tree"].to_pylist()
        except (ValueError, RuntimeError, OSError) as error:
            raise Missing(
                "an index", str(place), f"make it with: merian index ({str(error).splitlines()[0]})"
            ) from error
        meta = json.loads(table.schema.metadata[b"merian"])
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            file.write(blob)
            file.flush()
            tree = Tree.load(Path(file.name))
        settings = SearchSettings(**meta["settings"])
        return cls(table, tree, meta["fingerprint"], settings, meta["parts"], meta.get("catalog", ""))

    def __len__(self) -> int:
        return int(self.table.count_rows())

    @property
    def dim(self) -> int:
        """The number of dimensions d."""
        return int(self.table.schema.field("vector").type.list_size)

    def search(self, vector: Floats, k: int = 24, wanted: Wanted | None = None, exact: bool = False) -> Found:
        """The k images nearest to a unit vector [d] among those `wanted`; `exact` compares all of them.

        Raises Mismatch for a vector of another length, BadData for one that is no numbers, BadSetting for k below 1.
        """
        if vector.shape != (self.dim,):
            raise Mismatch(
                "the question and the index",
                f"shape {vector.shape}",
                f"({self.dim},)",
                "ask with the model of the index",
            )
        if not np.isfinite(vector).all():
            raise BadData("the question", "its vector is no numbers")
        if k < 1:
            raise BadSetting("k", k, "is at least 1")
        condition = wanted.sql(self.tree) if wanted is not None else ""
        among = int(self.table.count_rows(condition or None))
        clade = Wanted(taxa=wanted.taxa).sql(self.tree) if wanted is not None and wanted.taxa else ""
        together = self.table.count_rows(clade) if clade and among > self.settings.exact // SCATTERED else among
        few = self.settings.exact if clade else self.settings.exact // SCATTERED
        all_of_them = exact or not self.parts or together <= max(few, k)
        query = self.table.search(vector, vector_column_name="vector").distance_type("dot").limit(k)
        query = query.select([*SHOWN, "_distance"])
        if condition:
            query = query.where(condition, prefilter=True)
        if all_of_them:
            query = query.bypass_vector_index()
        else:
            share = len(self) / among
            probes = min(max(self.parts // 2, self.settings.probes), round(self.settings.probes * share), self.parts)
            query = query.nprobes(probes).refine_factor(round(self.settings.refine * min(WIDER, share**0.5)))
        rows = pl.DataFrame(pl.from_arrow(query.to_arrow()))
        cosine = (1 - pl.col("_distance")).cast(pl.Float64).alias("cosine")
        return Found(
            rows.select(*SHOWN, cosine).sort("cosine", descending=True, maintain_order=True), among, all_of_them
        )

    def vectors(self, ids: Sequence[str], taxon: int = -1) -> dict[str, Floats]:
        """The unit vectors [d] of images, by their ids, as far as they are here; those within a `taxon` are found without looking through all."""
        condition = f"id IN ({', '.join(map(quoted, ids))})" if ids else "false"
        if taxon >= 0:
            condition = f"{Wanted(taxa=(taxon,)).sql(self.tree)} AND {condition}"
        found = self.table.search().where(condition).select(["id", "vector"]).limit(max(len(ids), 1)).to_arrow()
        vectors = found["vector"].combine_chunks().flatten().to_numpy().reshape(len(found), self.dim)
        return dict(zip(found["id"].to_pylist(), vectors, strict=True))

    def named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` of an answer with `scientific_name`, `rank` and `common_name` of their taxa; null for images without one."""
        taxa = rows["taxon"].to_list()
        known = {
            taxon: (self.tree.names[taxon], RANKS[self.tree.rank[taxon]], self.tree.common_name(taxon))
            for taxon in set(taxa)
            if taxon >= 0
        }
        names = [known.get(taxon, (None, None, None)) for taxon in taxa]
        told = ("scientific_name", "rank", "common_name")
        return rows.hstack(pl.DataFrame(names, dict.fromkeys(told, pl.String), orient="row"))


def build_index(
    catalog: Catalog, embeddings: Embeddings, folder: Path, settings: SearchSettings, overwrite: bool = False
) -> Index:
    """Write the index of a catalog's kept images that have a vector, and open it.

    The files carry names by chance: two runs give the same answers, not the same bytes. Raises Mismatch for embeddings of another
    catalog, BadData when no image has one, MissingExtra without LanceDB.
    """
    lancedb = _lancedb()
    embeddings.belong_to(catalog.tree.version)
    rows = catalog.kept().filter(pl.col("id").is_in(embeddings.ids.implode())).sort("taxon", maintain_order=True)
    if not len(rows):
        raise BadData("embeddings", f"none of {len(embeddings):,} is of an image of {catalog.path}")
    inputs = {"catalog": catalog.hash, "embeddings": embeddings.hash}
    work = store.begin(folder, KIND, FORMAT, settings, inputs, overwrite)
    if not work.done:
        database = lancedb.connect(str(folder))
        parts = _parts(len(rows), settings)
        about = {"fingerprint": embeddings.fingerprint, "settings": store.plain(settings), "parts": parts}
        about["catalog"] = catalog.hash
        table = _written(database, rows, embeddings, about)
        _sorted(table, settings, parts, embeddings.dim)
        with tempfile.TemporaryDirectory() as scratch:
            catalog.tree.save(Path(scratch) / "tree.parquet")
            database.create_table(TAXA, [{"tree": (Path(scratch) / "tree.parquet").read_bytes()}], mode="overwrite")
        work.finish()
    return Index.open(folder)


def _parts(n: int, settings: SearchSettings) -> int:
    """Of how many parts the first pass is; 0: there is none."""
    if settings.quantise == "none" or n < FEWEST:
        return 0
    return min(settings.partitions or round(n**0.5), n // 32)


def _written(database: Any, rows: pl.DataFrame, embeddings: Embeddings, about: dict[str, object]) -> Any:
    """The table of the images, written a part at a time."""
    import pyarrow as pa

    told = pl.concat([rows.select(SHOWN), dated(rows["event_date"])], how="horizontal").to_arrow()
    told = told.cast(
        pa.schema(
            [
                field.with_type(pa.string())
                if pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type)
                else field
                for field in told.schema
            ]
        )
    )
    place = pl.DataFrame({"id": embeddings.ids}).with_row_index("row").unique("id", keep="first")
    at = rows.select("id").join(place, on="id", how="left", maintain_order="left")["row"].to_numpy()
    vector = pa.field("vector", pa.list_(pa.float32(), embeddings.dim))
    schema = pa.schema([*told.schema, vector], metadata={b"merian": json.dumps(about).encode()})

    def batches() -> Iterator[Any]:
        with track("Writing the index", len(rows), "images") as advance:
            for start in range(0, len(rows), ROWS):
                part = told.slice(start, ROWS).combine_chunks()
                values = pa.array(np.ascontiguousarray(embeddings.vectors[at[start : start + ROWS]]).ravel())
                columns = [
                    *(column.combine_chunks() for column in part.columns),
                    pa.FixedSizeListArray.from_arrays(values, embeddings.dim),
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
                advance(len(part))

    return database.create_table(IMAGES, batches(), schema=schema, mode="overwrite")


def _sorted(table: Any, settings: SearchSettings, parts: int, dim: int) -> None:
    """Make what the filters and the first pass need."""
    import lancedb.index as kinds

    with track("Sorting the index", len(RANGES) + len(SETS) + (1 if parts else 0), "columns") as advance:
        for column in (*RANGES, *SETS):
            table.create_index(column, config=kinds.BTree() if column in RANGES else kinds.Bitmap())
            advance(1)
        if parts:
            how: dict[str, Any] = {"distance_type": "dot", "num_partitions": parts}
            config: Any = kinds.IvfRq if settings.quantise == "rq" else kinds.IvfSq
            if settings.quantise == "pq":
                config, how = kinds.IvfPq, how | {"num_sub_vectors": settings.subvectors or max(1, dim // 8)}
            table.create_index("vector", config=config(**how))
            advance(1)


def _lancedb() -> Any:
    """LanceDB. Raises MissingExtra when it is not installed."""
    os.environ.setdefault("LANCEDB_LOG", "error")
    try:
        import lancedb
    except ImportError as error:
        raise MissingExtra("LanceDB", "search") from error
    return lancedb
