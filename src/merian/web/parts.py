"""What a store holds for the web page: every part is opened if it is there, and a plain sentence stands for it if it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import MerianError, Mismatch, Missing
from merian.core.tables import Catalog
from merian.core.tree import Tree
from merian.core.vectors import Embeddings
from merian.encode import Encoder
from merian.encode.folder import FolderEncoder
from merian.search import Index

if TYPE_CHECKING:
    from merian.identify.calibrate import Calibration
    from merian.identify.paths import Masses
    from merian.identify.scan import Found
    from merian.identify.tempered import Tempered

__all__ = ["Identifies", "Layout", "Names", "Parts", "open_parts"]

TRAITS = {"trait": pl.String, "unit": pl.String, "taxon": pl.Int32, "value": pl.Float64}
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

POINTS = 1_000_000
"""Points of the map; a larger layout is thinned by chance. From taste: four megabytes of places."""


class Names(Protocol):
    """What the page needs of `merian.identify.Head`."""

    @property
    def tree(self) -> Tree: ...
    @property
    def labels(self) -> npt.NDArray[np.int32]: ...
    @property
    def vectors(self) -> npt.NDArray[np.floating]: ...
    @property
    def calibration(self) -> Calibration: ...
    def probabilities(self, vectors: Floats) -> Floats: ...
    def paths(self, vectors: Floats, k: int = 5) -> tuple[Found, Masses | Tempered]: ...


class Identifies(Protocol):
    """What the page needs of `merian.identify.Identifier`."""

    @property
    def encoder(self) -> Encoder: ...
    @property
    def head(self) -> Names: ...


@dataclass(frozen=True, eq=False)
class Layout:
    """The embeddings drawn in the plane.

    `ids` [n]; `points` [n, 2] between -1 and 1, centred; `columns` [n] whatever else is known of each; `traits` the species' traits
    (trait, unit, taxon of the catalog's Tree, value); `total` how many points there were before thinning.
    """

    ids: list[str]
    points: npt.NDArray[np.float64]
    columns: pl.DataFrame
    traits: pl.DataFrame
    total: int


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a store; `absent` says of each part that is not there why, and what makes it."""

    folder: Path
    identifier: Identifies | None
    catalog: Catalog | None
    embeddings: Embeddings | None
    layout: Layout | None
    report: Path | None
    index: Index | None = None
    """What search asks, where it is of this catalog and this model."""
    card: Path | None = None
    """The page about the model."""
    absent: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    """Image id -> its row in the catalog's frame; refused images have none."""
    vector_rows: dict[str, int] = field(default_factory=dict)
    """Image id -> its row in the embeddings."""
    in_layout: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """[m] rows of the embeddings that are points of the layout, in the layout's order, -1 where a point has no vector."""

    @property
    def trees(self) -> list[Tree]:
        """The Trees that names are looked up in: the model's first, then the catalog's."""
        trees = [self.identifier.head.tree] if self.identifier is not None else []
        if self.catalog is not None and all(t.version != self.catalog.tree.version for t in trees):
            trees.append(self.catalog.tree)
        return trees


def open_parts(folder: Path, identifier: Identifies | None = None, index: str = "") -> Parts:
    """The Parts of the store in `folder`; `identifier` stands in for its model, and then the folder need not be there.

    `index`: where its index is when it is elsewhere, a folder or an address of object storage. Raises Missing when there is nothing to serve, or no index
    there; Mismatch when that is of another model or catalog. A part of the folder that is damaged is absent, with the error as the reason.
    """
    if identifier is None and not folder.is_dir():
        raise Missing("a store", folder, "give the folder that merian tour, or merian train and curate, wrote")
    absent: dict[str, str] = {}
    if identifier is None:
        identifier = _model(folder, absent)
    catalog = _catalog(folder, absent)
    embeddings = _embeddings(folder, absent)
    layout = _layout(folder, catalog, absent)
    report = folder / "report.html"
    if not report.is_file():
        absent["report"] = "This store has no report yet; merian tour writes one."
    if identifier is None and catalog is None:
        why = "; ".join(absent[k] for k in ("identify", "catalog"))
        raise Missing("a model or a catalog", folder, f"there is nothing to show ({why})")
    if identifier is not None and embeddings is not None and embeddings.fingerprint != identifier.encoder.fingerprint:
        absent["placing"] = (
            "New photos cannot be placed among the others: the embeddings were made by another model. "
            "Make them again with merian embed."
        )
    elif embeddings is None or layout is None:
        absent["placing"] = "New photos cannot be placed among the others: this store has no embeddings or no layout."
    vector_rows = {id_: row for row, id_ in enumerate(embeddings.ids.to_list())} if embeddings is not None else {}
    searched = _elsewhere(index, identifier, catalog) if index else _index(folder, identifier, catalog, absent)
    if searched is not None:
        absent.pop("neighbours", None)
    return Parts(
        folder=folder,
        identifier=identifier,
        catalog=catalog,
        embeddings=embeddings,
        layout=layout,
        report=report if report.is_file() else None,
        index=searched,
        card=_card(identifier),
        absent=absent,
        rows=_kept_rows(catalog),
        vector_rows=vector_rows,
        in_layout=np.array([vector_rows.get(i, -1) for i in layout.ids] if layout else [], np.int64),
    )


def _card(identifier: Identifies | None) -> Path | None:
    """The page that lies beside the model, where it comes from a folder and has one."""
    encoder = None if identifier is None else identifier.encoder
    page = encoder.folder.path / "card.html" if isinstance(encoder, FolderEncoder) else None
    return page if page is not None and page.is_file() else None


def _kept_rows(catalog: Catalog | None) -> dict[str, int]:
    if catalog is None:
        return {}
    kept = catalog.frame.with_row_index("row").filter(pl.col("reason").is_null() & pl.col("shard").is_not_null())
    return dict(zip(kept["id"].to_list(), kept["row"].to_list(), strict=True))


def _model(folder: Path, absent: dict[str, str]) -> Identifies | None:
    model = folder / "model" if (folder / "model").is_dir() else folder
    if not (model / "open_clip_config.json").is_file():
        absent["identify"] = "This store has no model, so photos cannot be identified. Make one with merian train."
        return None
    from merian.identify import Identifier

    try:
        return Identifier.open(model)
    except MerianError as error:
        absent["identify"] = f"The model of this store cannot be opened: {error}."
        return None


def _catalog(folder: Path, absent: dict[str, str]) -> Catalog | None:
    if not (folder / "catalog").is_dir():
        absent["catalog"] = "This store has no catalog, so there are no photos to look at. Make one with merian curate."
        return None
    try:
        return Catalog.open(folder / "catalog")
    except MerianError as error:
        absent["catalog"] = f"The catalog of this store cannot be opened: {error}."
        return None


def _embeddings(folder: Path, absent: dict[str, str]) -> Embeddings | None:
    if not (folder / "embeddings").exists():
        absent["neighbours"] = "This store has no embeddings, so look-alikes are unknown. Make them with merian embed."
        return None
    try:
        return Embeddings.load(folder / "embeddings")
    except MerianError as error:
        absent["neighbours"] = f"The embeddings of this store cannot be opened: {error}."
        return None


def _index(
    folder: Path, identifier: Identifies | None, catalog: Catalog | None, absent: dict[str, str]
) -> Index | None:
    """What `merian index` wrote, of this very catalog and model; without it photos are compared in memory."""
    if not (folder / "index").is_dir():
        absent["index"] = "This store has no index, so search compares all photos. Make one with merian index."
        return None
    try:
        made_of = store.read(folder / "index", "index").inputs
        index = Index.open(folder / "index")
    except MerianError as error:
        absent["index"] = f"The index of this store cannot be opened: {error}."
        return None
    if (other := _other(index, identifier, catalog, made_of.get("catalog", ""))) is not None:
        absent["index"] = f"The index of this store {other}. Make it again with merian index."
        return None
    return index


def _elsewhere(place: str, identifier: Identifies | None, catalog: Catalog | None) -> Index:
    """The index at another place, of this very catalog and model."""
    index = Index.open(place)
    if (other := _other(index, identifier, catalog, index.catalog)) is not None:
        raise Mismatch("the index and the store", f"{place} {other}", "an index of this store", "give its own")
    return index


def _other(index: Index, identifier: Identifies | None, catalog: Catalog | None, made_of: str) -> str | None:
    """What is wrong with an index that was `made_of` a catalog ("" where that is not known: then the Trees are compared); None when nothing is."""
    if identifier is not None and index.fingerprint != identifier.encoder.fingerprint:
        return "was made by another model"
    if catalog is None:
        return None
    same = made_of == catalog.hash if made_of else index.tree.version == catalog.tree.version
    return None if same else "is of another catalog"


def _layout(folder: Path, catalog: Catalog | None, absent: dict[str, str]) -> Layout | None:
    """What `merian explore` wrote: layout.parquet (`id`, `x`, `y` and any columns to colour by) and traits.parquet."""
    file = folder / "exploration" / "layout.parquet"
    if not file.is_file():
        absent["layout"] = "This store has no map of its photos. Make one with merian explore."
        return None
    try:
        table = pl.read_parquet(file, glob=False)
        traits = file.with_name("traits.parquet")
        known = (
            pl.read_parquet(traits, glob=False)
            if traits.is_file() and catalog is not None
            else pl.DataFrame(schema=TRAITS)
        )
        known = known.select(pl.col(c).cast(t) for c, t in TRAITS.items())
        table = table.with_columns(pl.col("id").cast(pl.String), pl.col("x", "y").cast(pl.Float32))
    except pl.exceptions.PolarsError as error:
        absent["layout"] = f"The map of this store cannot be read: {str(error).splitlines()[0]}."
        return None
    table = table.filter(pl.col("x").is_finite() & pl.col("y").is_finite())
    total = len(table)
    if total > POINTS:
        table = table[np.sort(stream(0, "web", "layout").choice(total, POINTS, replace=False)).tolist()]
    points = table.select("x", "y").to_numpy().astype(np.float64)
    if len(points):
        points -= (points.max(0) + points.min(0)) / 2
        points /= np.abs(points).max() or 1.0
    return Layout(table["id"].to_list(), points, table.drop("id", "x", "y", "taxon", strict=False), known, total)
