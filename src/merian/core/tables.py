"""The tables of Merian, their columns declared once: name, type, meaning, unit and Darwin Core term.

A Catalog has one row per image, the refused ones too, with the reason. Records say who, where, when, with what probability, on what evidence.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from merian.core import store
from merian.core.errors import BadData, Missing
from merian.core.tree import Tree, read_table

__all__ = ["CATALOG", "RECORDS", "SPLITS", "Catalog", "Column", "Provenance", "Records", "conform", "markdown"]

FORMAT = 1
PROVENANCE = "provenance.json"
SPLITS = ("train", "val", "test", "unseen", "rare")
"""Images of species that are trained on, in three parts, and of species kept out of training: chosen by chance, or listed as rare."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: what it is called here, what it holds, and what it is called in Darwin Core."""

    name: str
    type: Any
    meaning: str
    term: str = ""
    unit: str = ""


_WHERE_WHEN = (
    Column("event_id", pl.String, "The sampling event or sequence that it belongs to", "eventID"),
    Column("event_date", pl.String, "Date or time of observation, ISO 8601", "eventDate"),
    Column("latitude", pl.Float64, "Latitude, WGS 84", "decimalLatitude", "deg"),
    Column("longitude", pl.Float64, "Longitude, WGS 84", "decimalLongitude", "deg"),
    Column("habitat", pl.String, "Habitat as given", "habitat"),
    Column("sex", pl.String, "Sex as given", "sex"),
    Column("life_stage", pl.String, "Life stage as given", "lifeStage"),
    Column("health", pl.String, "Health or disease as given", "vitality"),
    Column("behaviour", pl.String, "Behaviour as given", "behavior"),
    Column("reproduction", pl.String, "Reproductive condition as given", "reproductiveCondition"),
    Column("individual", pl.String, "The individual organism, where it is known", "organismID"),
)

CATALOG = (
    Column("id", pl.String, "Occurrence identifier if the source gives one, else a hash of the bytes", "occurrenceID"),
    Column("source", pl.String, "Name of the source (a folder, an archive, a data set)", "datasetName"),
    Column("path", pl.String, "Where the image lay, relative to the source", "associatedMedia"),
    Column("taxon", pl.Int32, "The taxon in the catalog's Tree; -1 when it has none"),
    Column("verbatim_name", pl.String, "The name as the source wrote it", "verbatimIdentification"),
    Column("common_name", pl.String, "The common name as the source wrote it", "vernacularName"),
    Column("caption", pl.String, "What a person said of the image, in general words (Audubon Core)", "caption"),
    Column("licence", pl.String, "Licence of the image", "license"),
    Column("rights_holder", pl.String, "Who holds the rights", "rightsHolder"),
    Column("publisher", pl.String, "Who published the record", "institutionCode"),
    Column("url", pl.String, "Where the image is on the web", "accessURI"),
    Column("references", pl.String, "The page of the record", "references"),
    Column("basis", pl.String, "HumanObservation, MachineObservation, PreservedSpecimen ...", "basisOfRecord"),
    Column("country", pl.String, "Country, ISO 3166 code where the source gives one", "countryCode"),
    Column("specimen", pl.String, "The specimen in its collection", "catalogNumber"),
    Column("camera", pl.String, "The camera, deployment or station that took it", "locationID"),
    *_WHERE_WHEN,
    Column("group", pl.String, "What must stay in one split: specimen, individual, event or given group"),
    Column("fold", pl.String, "A fold that the source gives, for cross-validation"),
    Column("box", pl.String, "The part of the image that is the sample: x, y, width, height as shares of it"),
    Column("width", pl.Int32, "Width of the image", unit="px"),
    Column("height", pl.Int32, "Height of the image", unit="px"),
    Column("cluster", pl.String, "The first image of its cluster of near duplicates"),
    Column("name_decision", pl.String, "How the name was resolved to the taxon"),
    Column("name_score", pl.Float64, "How certain that is, 0 to 1"),
    Column("split", pl.String, "train, val or test; unseen or rare for species kept out of training"),
    Column("hash", pl.String, "SHA-256 of the image's bytes"),
    Column("shard", pl.Int32, "Number of the shard that holds the bytes"),
    Column("offset", pl.Int64, "Where in the shard they begin", unit="byte"),
    Column("size", pl.Int64, "How many they are", unit="byte"),
    Column("altered", pl.String, "What was done to the image's bytes; null: they are as they came"),
    Column("reason", pl.String, "Why the row was refused; null when it was kept"),
)

RECORDS = (
    Column("id", pl.String, "Identifier of the record", "occurrenceID"),
    Column("path", pl.String, "The image that it rests on", "associatedMedia"),
    Column("scientific_name", pl.String, "The taxon recorded: the deepest one that is safe", "scientificName"),
    Column("rank", pl.String, "Rank of that taxon", "taxonRank"),
    *(
        Column(r if r != "class" else "class_", pl.String, f"The {r}", r)
        for r in ("kingdom", "phylum", "class", "order")
    ),
    *(Column(r, pl.String, f"The {r}", r) for r in ("family", "genus")),
    Column("common_name", pl.String, "A common name", "vernacularName"),
    Column("basis", pl.String, "HumanObservation, MachineObservation or PreservedSpecimen", "basisOfRecord"),
    *_WHERE_WHEN,
    Column("verbatim_name", pl.String, "The best label, however unsafe", "verbatimIdentification"),
    Column("identified_by", pl.String, "Person, or software with its version", "identifiedBy"),
    Column("references", pl.String, "The model that identified it", "identificationReferences"),
    Column("status", pl.String, "PredictedByMachine or ValidatedByHuman", "identificationVerificationStatus"),
    Column("remarks", pl.String, "The probability in words", "identificationRemarks"),
    Column("probability", pl.Float64, "Probability of the recorded taxon"),
    Column("reason", pl.String, "Why there is no identification; null when there is one"),
)


def conform(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """`frame` with exactly the declared columns, in order and of their types; absent ones are null. Raises BadData for an undeclared one."""
    known = {c.name for c in columns}
    strange = [c for c in frame.columns if c not in known]
    if strange:
        raise BadData("table", f"columns that are not declared; known are {', '.join(sorted(known))}", strange)
    present = set(frame.columns)
    return frame.select(
        pl.col(c.name).cast(c.type) if c.name in present else pl.repeat(None, pl.len(), dtype=c.type).alias(c.name)
        for c in columns
    )


def markdown(columns: Sequence[Column]) -> str:
    """The declared columns as a Markdown table: for the docs."""
    rows = ["| column | Darwin Core | unit | meaning |", "|---|---|---|---|"]
    rows += [f"| `{c.name}` | {c.term} | {c.unit} | {c.meaning} |" for c in columns]
    return "\n".join(rows) + "\n"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a catalog comes from: the source's name, the version of the backbone that its names were resolved against, and remarks for a person."""

    source: str = ""
    backbone: str = ""
    remarks: tuple[str, ...] = ()

    def save(self, folder: Path) -> None:
        """Write it into the catalog's folder."""
        store.write_json(folder / PROVENANCE, self)


@dataclass(frozen=True, eq=False)
class Catalog:
    """One row per image (columns in CATALOG), the Tree of their taxa, and the shards (WebDataset tars) that hold the bytes."""

    path: Path
    frame: pl.DataFrame
    tree: Tree
    hash: str

    @classmethod
    def open(cls, folder: Path) -> Catalog:
        """The Catalog that `merian curate` wrote to `folder`. Raises Missing when there is none, BadData when its table is damaged."""
        manifest = store.read(folder, "catalog", FORMAT)
        try:
            frame = conform(pl.read_parquet(folder / "catalog.parquet", glob=False), CATALOG)
        except FileNotFoundError as error:
            raise Missing(
                "the catalog's table", folder / "catalog.parquet", "curate again, into another folder"
            ) from error
        except pl.exceptions.PolarsError as error:
            raise BadData(
                folder / "catalog.parquet", f"is damaged, curate again: {str(error).splitlines()[0]}"
            ) from error
        return cls(folder, frame, Tree.load(folder / "tree.parquet"), manifest.hash)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def provenance(self) -> Provenance:
        """What the run said of the catalog as a whole."""
        file = self.path / PROVENANCE
        return Provenance(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else Provenance()

    def kept(self, split: str | None = None) -> pl.DataFrame:
        """The rows that were not refused, of one split if given, in the catalog's order."""
        rows = self.frame.filter(pl.col("reason").is_null())
        return rows if split is None else rows.filter(pl.col("split") == split)

    def refused(self) -> pl.DataFrame:
        """How many rows were refused for each reason: columns reason, len."""
        return (
            self.frame.filter(pl.col("reason").is_not_null())
            .group_by("reason")
            .len()
            .sort("len", "reason", descending=[True, False])
        )

    def shard(self, number: int) -> Path:
        """The file of a shard."""
        return self.path / "shards" / f"shard-{number:05d}.tar"

    def images(self, rows: pl.DataFrame) -> Iterator[bytes]:
        """The bytes of the rows' images as the source gave them, in the rows' order; shards are memory-mapped, never read whole."""
        mapped: dict[int, mmap.mmap] = {}
        try:
            for number, offset, size in rows.select("shard", "offset", "size").iter_rows():
                if number not in mapped:
                    file = self.shard(number)
                    if not file.is_file():
                        raise Missing(f"shard {number}", file, "curate again")
                    with file.open("rb") as stream:
                        mapped[number] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                yield mapped[number][offset : offset + size]
        finally:
            for view in mapped.values():
                view.close()


@dataclass(frozen=True, eq=False)
class Records:
    """Who, where, when, with what probability, on what evidence, verified by whom: columns in RECORDS."""

    frame: pl.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", conform(self.frame, RECORDS))

    def __len__(self) -> int:
        return len(self.frame)

    def to_darwin_core(self) -> pl.DataFrame:
        """The columns that have a Darwin Core term, under that name; probability and reason have none and are left out."""
        return self.frame.select(pl.col(c.name).alias(c.term) for c in RECORDS if c.term)

    @classmethod
    def from_darwin_core(cls, table: pl.DataFrame) -> Records:
        """Records from a table with Darwin Core column names, in any case; columns without a place here are left out.

        Raises BadData when not one column is a Darwin Core term.
        """
        given = {c.casefold(): c for c in reversed(table.columns)}
        present = [(c, pl.col(given[c.term.casefold()])) for c in RECORDS if c.term and c.term.casefold() in given]
        if not present:
            terms = ", ".join(c.term for c in RECORDS if c.term)
            raise BadData("records", f"no column is a Darwin Core term such as {terms}", table.columns)
        return cls(
            table.select(
                value.cast(c.type, strict=False).replace("", None).alias(c.name)
                if c.type == pl.String
                else value.cast(c.type, strict=False).alias(c.name)
                for c, value in present
            )
        )

    def write_csv(self, path: Path) -> None:
        """Write the records as a Darwin Core CSV, atomically."""
        with store.atomic(path) as stream:
            self.to_darwin_core().write_csv(stream)

    @classmethod
    def read_csv(cls, path: Path) -> Records:
        """Records from a Darwin Core CSV or TSV."""
        if not path.is_file():
            raise Missing("the records", path, "give a Darwin Core occurrence file")
        return cls.from_darwin_core(read_table(path))
