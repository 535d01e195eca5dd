"""Which taxa are recorded near a place: the names of a table of occurrences within a great-circle distance, as some of a head's labels.

A record allows the label of its own taxon, and those below it when it is a species: one that was named to a family says nothing of which species of it lives
there. What no one recorded may still live there; `inside` says how much of all probability was left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.delimited import header_of, scan_delimited, sniff
from merian.core.dwca import DarwinCoreArchive
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.lines import Dialect
from merian.core.store import MANIFEST
from merian.core.tables import Catalog
from merian.core.tree import RANKS, Tree

__all__ = ["EARTH", "Known", "Nearby", "Place", "great_circle", "known", "nearby"]

EARTH = 6371.0088
"""Mean radius of the Earth, km (2 a + b) / 3 of WGS 84: Moritz 2000, doi:10.1007/s001900050278."""
RADIUS = 100.0
"""km around a place that is given without."""
FARTHEST = math.pi * EARTH
LATITUDE = ("decimallatitude", "decimal_latitude", "latitude", "lat")
LONGITUDE = ("decimallongitude", "decimal_longitude", "longitude", "lon", "lng")
NAMES = ("scientificname", "scientific_name", "acceptedscientificname")
PARTS = ("species", "genus", "specificepithet", "species_epithet")
STATUS = ("occurrencestatus", "occurrence_status")
READ = frozenset((*LATITUDE, *LONGITUDE, *NAMES, *PARTS, *STATUS))
"""Columns that are looked at, in small letters."""
SPECIES = RANKS.index("species")
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A disc on the Earth: degrees north and east (WGS 84), and its radius in km along the surface."""

    latitude: float
    longitude: float
    radius: float = RADIUS

    @classmethod
    def of(cls, text: str) -> Place:
        """The Place in "latitude,longitude" or "latitude,longitude,radius". Raises BadSetting for what is none."""
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) not in (2, 3):
            raise BadSetting("place", text, "needs degrees north, degrees east and perhaps km around: 47.37,8.54,50")
        place = cls(*numbers)
        for value, most, what in ((place.latitude, 90, "latitude"), (place.longitude, 180, "longitude")):
            if not abs(value) <= most:
                raise BadSetting("place", text, f"its {what}, {value:g}, must be from -{most} to {most} degrees")
        if not 0 < place.radius < math.inf:
            raise BadSetting("place", text, f"its radius, {place.radius:g} km, must be above 0")
        return place

    def __str__(self) -> str:
        return f"{self.radius:g} km of {self.latitude:g}, {self.longitude:g}"


@dataclass(frozen=True)
class Nearby:
    """What is recorded at a place: names with how many records each has, and what became of all records."""

    place: Place
    names: Mapping[str, int]
    """As the records have them, most records first."""
    records: int
    """All that were read."""
    unusable: int
    """Of these, without a name or usable coordinates (absent, no numbers, beyond the poles or 180 degrees, or exactly 0, 0)."""
    absent: int
    """Of these, that say the organism was not there."""

    @property
    def within(self) -> int:
        """Records within the place."""
        return sum(self.names.values())

    def lines(self) -> list[str]:
        """The same in words."""
        told = f"within {self.place}: {self.within:,} of {self.records:,} records, of {len(self.names):,} names"
        left = ((self.unusable, "without a name or usable coordinates"), (self.absent, "of the organism's absence"))
        out = [f"{count:,} {what}" for count, what in left if count]
        return [told, *(["left out: " + ", ".join(out)] if out else [])]


@dataclass(frozen=True, eq=False)
class Known:
    """What names mean to a head: `allowed` [t] labels, how many names led to one, and those that did not."""

    allowed: npt.NDArray[np.bool_]
    names: int
    unknown: Sequence[str]
    """Names that the head's Tree does not hold."""
    coarse: Sequence[str]
    """Names of taxa above the species that are no label themselves."""

    def lines(self) -> list[str]:
        """The same in words."""
        told = [f"of these names the model knows {self.names:,}: {int(self.allowed.sum()):,} labels to choose from"]
        for names, what in ((self.unknown, "not known to the model"), (self.coarse, "of no species, and no label")):
            if names:
                more = " ..." if len(names) > SHOWN else ""
                told.append(f"{what}: {len(names):,} ({', '.join(names[:SHOWN])}{more})")
        return told


def great_circle(latitude: pl.Expr, longitude: pl.Expr, north: pl.Expr | float, east: pl.Expr | float) -> pl.Expr:
    """The distance in km, on a sphere of radius EARTH, of points in degrees: the haversine formula (Sinnott 1984, Sky & Telescope 68:159).

    Good to a metre; the Earth's flattening, which it leaves out, makes up to 0.6 %.
    """
    there, east = (value if isinstance(value, pl.Expr) else pl.lit(float(value)) for value in (north, east))
    up = ((latitude - there).radians() / 2).sin() ** 2
    round_ = ((longitude - east).radians() / 2).sin() ** 2
    half = up + latitude.radians().cos() * there.radians().cos() * round_
    return 2 * EARTH * half.clip(0.0, 1.0).sqrt().arcsin()


def nearby(records: Path, place: Place) -> Nearby:
    """What `records` say lives at `place`.

    `records` is a Darwin Core archive (folder or ZIP), a catalog of `merian curate`, or a CSV, TSV or Parquet table with a name (species,
    genus with specificEpithet, or scientificName) and coordinates (decimalLatitude and decimalLongitude, or latitude and longitude), in any case. A Parquet
    file, and a clean text table, is scanned, never held as a whole.
    Raises Missing and BadData, the latter also when no record lies within, with the distance of the nearest.
    """
    table, refused = _table(records)
    judged = _judged(records, table, place)
    try:
        found = judged.group_by("name", "state").agg(pl.len(), pl.col("distance").min()).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise BadData(records, f"not a readable table: {str(error).splitlines()[0]}") from error
    counts = dict(found.group_by("state").agg(pl.col("len").sum()).iter_rows())
    here = found.filter(pl.col("state") == "within").sort("len", "name", descending=[True, False])
    total, lost = int(found["len"].sum()) + refused, counts.get("unusable", 0) + refused
    if here.is_empty():
        nearest = found.filter(pl.col("state") == "beyond").sort("distance", "name").select("name", "distance").rows()
        rule = f"holds no record within {place}; "
        if nearest:
            rule += f"the nearest, of {nearest[0][0]}, is {nearest[0][1]:,.0f} km away: widen the radius, or give the records of this region"
        else:
            rule += f"none of its {total:,} has a name and usable coordinates"
        raise BadData(records, rule)
    return Nearby(place, dict(here.select("name", "len").iter_rows()), total, lost, counts.get("absent", 0))


def known(tree: Tree, labels: npt.NDArray[np.int32], names: Iterable[str]) -> Known:
    """Which `labels` [t] of `tree` recorded scientific names allow: the taxon itself, and what lies below a species.

    A name that is not found as it stands is looked up without its authors, then as its species. One of several taxa stands for all of them.
    """
    from merian.names.parse import parse

    order = np.argsort(labels, kind="stable")
    stands, found = labels[order], np.zeros(len(labels), bool)
    unknown: list[str] = []
    coarse: list[str] = []
    count = 0
    for name in names:
        taxa = tree.named(name)
        if not taxa:
            read = parse(name)
            taxa = tree.named(read.canonical)
            if not taxa and read.genus and read.epithet:
                taxa = tree.named(f"{read.genus} {read.epithet}")
        some = False
        for taxon in taxa:
            end = tree.end[taxon] if tree.rank[taxon] == SPECIES else taxon + 1
            low, high = np.searchsorted(stands, (taxon, end))
            found[low:high] = True
            some |= bool(high > low)
        count += some
        if not some:
            (coarse if taxa else unknown).append(name)
    allowed = np.empty_like(found)
    allowed[order] = found
    return Known(allowed, count, unknown, coarse)


def _judged(where: Path, table: pl.LazyFrame, place: Place) -> pl.LazyFrame:
    """Of each record its name, its distance in km, and its state: within, beyond, unusable or absent."""
    schema = table.collect_schema()
    given = schema.names()
    by_fold = {name.casefold(): name for name in reversed(given)}
    latitude, longitude = (_first(by_fold, wanted) for wanted in (LATITUDE, LONGITUDE))
    name = _name(by_fold)
    if latitude is None or longitude is None or name is None:
        lacking = (
            "coordinates (decimalLatitude and decimalLongitude)" if name is not None else "a name (scientificName)"
        )
        raise BadData(where, f"the records need {lacking}", given)
    north, east = (_number(column, schema[column]) for column in (latitude, longitude))
    usable = (north.abs() <= 90) & (east.abs() <= 180) & ((north != 0) | (east != 0)) & pl.col("name").is_not_null()
    status = _first(by_fold, STATUS)
    gone = pl.lit(False) if status is None else (_text(status).str.to_lowercase() == "absent").fill_null(False)
    state = pl.when(gone).then(pl.lit("absent")).when(~usable.fill_null(False)).then(pl.lit("unusable"))
    judged = table.with_columns(name=name).with_columns(state=state, distance=great_circle(north, east, *_at(place)))
    near = pl.when(pl.col("distance") <= place.radius).then(pl.lit("within")).otherwise(pl.lit("beyond"))
    return judged.select("name", "distance", state=pl.coalesce("state", near))


def _at(place: Place) -> tuple[float, float]:
    return place.latitude, place.longitude


def _first(by_fold: Mapping[str, str], wanted: Sequence[str]) -> str | None:
    return next((by_fold[name] for name in wanted if name in by_fold), None)


def _text(column: str) -> pl.Expr:
    """A column as text without blanks around, "" as null."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _number(column: str, type_: pl.DataType) -> pl.Expr:
    """A column as a number, null where it is none; the text 47,5 is 47.5. NaN is no number."""
    plain = pl.col(column) if type_.is_numeric() else _text(column).str.replace(",", ".", literal=True)
    return plain.cast(pl.Float64, strict=False).fill_nan(None)


def _name(by_fold: Mapping[str, str]) -> pl.Expr | None:
    """The name of a record's taxon: its species in two words, else the scientific name as it stands, else the genus."""
    found: list[pl.Expr] = []
    genus = _first(by_fold, ("genus",))
    for column in (_first(by_fold, (part,)) for part in ("species", "specificepithet", "species_epithet")):
        if column is not None:
            own = _text(column)
            found.append(pl.when(own.str.contains(" ", literal=True)).then(own))
            if genus is not None:
                found.append(_text(genus) + " " + own.str.to_lowercase())
    found += [_text(by_fold[name]) for name in NAMES if name in by_fold]
    found += [] if genus is None else [_text(genus)]
    return pl.coalesce(found) if found else None


def _table(records: Path) -> tuple[pl.LazyFrame, int]:
    """The columns of all records that are looked at, and how many lines of the file are no rows."""
    if not records.exists():
        raise Missing("the records", records, "give a Darwin Core archive, a table of occurrences, or a catalog")
    if (records / MANIFEST).is_file():
        catalog = Catalog.open(records)
        rows = catalog.kept().select("taxon", "latitude", "longitude")
        names = pl.concat([catalog.tree.names, pl.Series([None], dtype=pl.String)])
        taxa = rows["taxon"].fill_null(-1).to_numpy()
        where = np.where(taxa >= 0, taxa, len(catalog.tree)).astype(np.uint32)
        return rows.select("latitude", "longitude", scientificName=names.gather(where)).lazy(), 0
    if records.is_dir() or records.suffix.lower() == ".zip":
        with DarwinCoreArchive.open(records) as archive:
            return _occurrences(records, archive)
    if records.suffix.lower() == ".parquet":
        try:
            table = pl.scan_parquet(records, glob=False)
            return table.select(name for name in table.collect_schema().names() if name.casefold() in READ), 0
        except pl.exceptions.PolarsError as error:
            raise BadData(records, f"not a readable table: {str(error).splitlines()[0]}") from error
    header = header_of(records, Dialect(*sniff(records)))
    return scan_delimited(records, [name for name in header if name.casefold() in READ])


def _occurrences(records: Path, archive: DarwinCoreArchive) -> tuple[pl.LazyFrame, int]:
    """The occurrences of an archive; what they lack (an event's coordinates, a taxon's name) is taken from its core."""
    if not archive.has("Occurrence"):
        raise BadData(records, "holds no table of occurrences", [archive.core.row_type])
    tables = (archive.core, *archive.extensions)
    own = next(table for table in tables if table.row_type == "Occurrence")
    mine = [name for name in own.columns if name.casefold() in READ]
    if own is archive.core:
        read = archive.table(own, mine)
        return read.frame.lazy(), len(read.refused)
    read = archive.table(own, [*mine, "coreid"])
    have = {name.casefold() for name in mine}
    more = [name for name in archive.core.columns if name.casefold() in READ - have]
    core = archive.table(archive.core, [*more, "id"]).frame.unique("id", keep="first")
    return read.frame.lazy().join(core.lazy(), left_on="coreid", right_on="id", how="left"), len(read.refused)
