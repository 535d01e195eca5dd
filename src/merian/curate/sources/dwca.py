"""Darwin Core archives with images: an occurrence (or event, or taxon) core with Simple Multimedia, Audubon Core, or associatedMedia.

Terms: Darwin Core text guide https://dwc.tdwg.org/text/, Simple Multimedia https://rs.gbif.org/extension/gbif/1.0/multimedia.xml, Audubon (now
Audiovisual) Core https://rs.gbif.org/extension/ac/audiovisual.xml. What is said of the image (licence, holder, creator, publisher) goes before what is
said of the record; several images of a record are one group.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from merian.core.archives import Archive
from merian.core.dwca import DarwinCoreArchive, DwcTable
from merian.core.errors import BadData
from merian.core.tree import RANKS
from merian.curate.sources.columns import labelled, located, taken
from merian.curate.sources.files import Reader, Zipped
from merian.curate.sources.gather import Batch, Origin, bucketed, content_digest, gathered, refusals
from merian.curate.sources.labels import KEY, settled
from merian.curate.sources.media import LINE, MEDIA_TERMS, still_media
from merian.curate.sources.seam import REFUSED, Source
from merian.curate.sources.text import TextTable, text_member

__all__ = ["CORE", "basis_of", "darwin_core_archive", "images_of", "members", "read_archive", "records_of"]

CORE = "_core"
"""Name of the column that links an image to its record."""
OF_IMAGE = " of the image"
"""Ends the name of a column of the image where its record has one of the same name."""
RECORD_TERMS = (
    "id", "coreid", "gbifID", "occurrenceID", "scientificName", "genericName", "specificEpithet",
    "vernacularName", "license", "rights", "rightsHolder", "publisher", "institutionCode", "collectionCode",
    "catalogNumber", "materialEntityID", "datasetName", "datasetKey", "basisOfRecord", "occurrenceStatus",
    "references", "bibliographicCitation", "countryCode", "country", "locationID", "eventID", "parentEventID",
    "eventDate", "year", "month", "day", "decimalLatitude", "decimalLongitude", "habitat", "sex", "lifeStage",
    "vitality", "behavior", "reproductiveCondition", "organismID", "associatedMedia", "taxonID", "kingdom",
    "phylum", "class", "order", "family", "genus", "species",
)  # fmt: skip
"""Darwin Core terms of a record that are read; all others are left in the archive."""
IMAGES = frozenset(("associatedMedia", "identifier", "accessURI"))
"""Terms that say where an image is."""
WORDS = ("occurrence", "multimedia")


def darwin_core_archive(path: Path) -> Source | None:
    """A folder or ZIP with meta.xml, or with occurrence and multimedia tables under their usual names; not one that GBIF made."""
    names = members(path)
    if "meta.xml" in names and {"verbatim.txt", "multimedia.txt"} <= names:
        return None  # a download from GBIF has terms of its own
    bare = all(any(f"{w}.{e}" in names for e in ("txt", "csv", "tsv")) for w in WORDS)
    zipped = path.is_file() and bool(names & {"occurrence.txt", "occurrence.csv"})
    if not ("meta.xml" in names or bare or zipped):
        return None
    return read_archive(path)


def read_archive(path: Path) -> Source:
    """The source in a Darwin Core archive; raises BadData when it lists no images."""
    with DarwinCoreArchive.open(path) as archive:
        media = [t for t in archive.extensions if t.row_type == "Multimedia"]
        tables = [table for m in media for table in _tables(archive.archive, m, MEDIA_TERMS)]
        loose = None if media else archive.archive.find("multimedia.txt", "multimedia.csv", "multimedia.tsv")
        if loose is not None:
            tables = [text_member(archive.archive, loose)]
        core = archive.core
        occurrences = next((t for t in archive.extensions if t.row_type == "Occurrence"), None)
        by_event = core.row_type == "Event" and occurrences is not None
        columns = {*core.columns, *(occurrences.columns if by_event and occurrences else ())}
        if not tables and "associatedMedia" not in columns:
            raise BadData(
                path, "lists no images: no Multimedia extension and no associatedMedia", [core.row_type, *columns][:10]
            )
        cores = _tables(archive.archive, core, RECORD_TERMS)
        if not cores:
            raise BadData(f"{path}: {core.name}", "the file is empty")
        records = _by_event(archive, occurrences) if by_event and occurrences else None
        own = [path / n for t in (core, *archive.extensions) for n in t.files]
        digest = archive.archive.hash if path.is_file() else content_digest([*sorted(own), path / "meta.xml"], "dwca")
        size = sum(t.size for t in [*cores, *tables])
        reader: Reader | None = Zipped(path) if path.is_file() else None
        licence = archive.metadata.licence
        label = Path(core.name).name
        top = core.name.rpartition("/")[0]  # paths of images are relative to the tables

        def left() -> Iterator[pl.DataFrame]:
            if records is not None:
                yield records[0]
                return
            for table in cores:
                for block in table.blocks():
                    bad.append(block.refused)
                    yield _keyed(block.frame, "id")

        def right() -> Iterator[pl.DataFrame]:
            for table in tables:
                for block in table.blocks():
                    bad.append(block.refused)
                    yield _keyed(block.frame, "coreid").with_columns(_file=pl.lit(table.label))

        bad: list[pl.DataFrame] = [records[1]] if records is not None else []

        def batches() -> Iterator[Batch]:
            if not tables and records is None:
                for table in cores:
                    for block in table.blocks():
                        rows, refused = images_of(_keyed(block.frame, "id"), pl.DataFrame(), label, licence)
                        yield Batch(_below(rows, top), pl.concat([block.refused, refused]), block.size)
                return
            for first, second in bucketed(left, right, CORE, size):
                rows, refused = images_of(first, second, label, licence)
                yield Batch(_below(rows, top), pl.concat([*bad, refused]), size)
                bad.clear()

        name = archive.metadata.title or path.stem
        return gathered(Origin(name, path.parent if path.is_file() else path, digest, size, reader), batches)


def _below(rows: pl.DataFrame, top: str) -> pl.DataFrame:
    return rows.with_columns(path=pl.lit(f"{top}/") + pl.col("path")) if top and "path" in rows.columns else rows


def records_of(frame: pl.DataFrame, licence: str | None = None) -> pl.DataFrame:
    """Darwin Core records as the catalog's columns with the seven ranks, CORE kept; licence: that of the whole data set, where a record has none."""
    table = taken(frame.drop("id", "coreid", strict=False))
    have = set(frame.columns)
    table = table.hstack([frame[c] for c in (CORE, LINE, "_occurrence") if c in have])

    def given(*names: str) -> pl.Expr:
        there = [pl.col(n).cast(pl.String) for n in names if n in have]
        return pl.coalesce(*there, pl.lit(None, pl.String)) if there else pl.lit(None, pl.String)

    parts = [given(p).str.strip_chars().str.zfill(n) for p, n in (("year", 4), ("month", 2), ("day", 2))]
    parted = (
        pl.when(given("day").is_not_null())
        .then(pl.concat_str(parts, separator="-"))
        .when(given("month").is_not_null())
        .then(pl.concat_str(parts[:2], separator="-"))
        .otherwise(parts[0])
    )
    number = pl.concat_str(
        [given(c) for c in ("institutionCode", "collectionCode", "catalogNumber")], separator=":", ignore_nulls=True
    )
    extra = frame.select(
        id=given("gbifID", "occurrenceID", CORE),
        event_date=pl.coalesce(given("eventDate"), parted),
        specimen=pl.coalesce(given("materialEntityID"), pl.when(given("catalogNumber").is_not_null()).then(number)),
        camera=pl.when(basis_of(given("basisOfRecord")) == "MachineObservation").then(given("locationID")),
        basis=basis_of(given("basisOfRecord")),
        licence=pl.coalesce(given("license", "rights"), pl.lit(licence, pl.String)),
        publisher=given("publisher", "institutionCode"),
        source=given("datasetName", "datasetKey"),
        country=given("countryCode", "country"),
    )
    table = table.with_columns(extra.get_columns())
    return labelled(table, frame)


def basis_of(text: pl.Expr) -> pl.Expr:
    """basisOfRecord as Darwin Core writes it: GBIF's PRESERVED_SPECIMEN is PreservedSpecimen."""
    shouted = text.str.contains(r"^[A-Z]+(_[A-Z]+)*$")
    return (
        pl.when(shouted)
        .then(text.str.to_lowercase().str.replace_all("_", " ").str.to_titlecase().str.replace_all(" ", ""))
        .otherwise(text)
    )


def members(path: Path) -> set[str]:
    """The names, in lower case, of the files at the top of a folder or ZIP, or in the only folder there."""
    if path.is_file() and path.suffix.casefold() == ".zip":
        with Archive.open(path) as archive:
            return {n.rpartition("/")[2].casefold() for n in archive.names if n.count("/") < 2}
    if path.is_dir():
        with os.scandir(path) as entries:
            found = {e.name: e.is_file() for e in entries if not e.name.startswith(".")}
        if len(found) == 1 and not all(found.values()):
            with os.scandir(path / next(iter(found))) as entries:
                found = {e.name: e.is_file() for e in entries}
        return {name.casefold() for name, file in found.items() if file}
    return set()


def _tables(archive: Archive, table: DwcTable, terms: Collection[str]) -> list[TextTable]:
    """The files of a table, to be read in blocks, with the wanted terms alone; constants of meta.xml are columns too."""
    columns = {k: name for k, name in table.indexed if name in terms}
    dialect = table.dialect
    made = []
    for name in table.files:
        if archive.size(name):
            where = f"{archive.path}: {name}"
            made.append(
                TextTable(
                    Path(name).name, where, lambda n=name: archive.open_member(n), archive.size(name),  # type: ignore[misc]
                    dialect.separator, dialect.quote, table.header, dialect.encoding, columns,
                    {c: v for c, v in table.defaults if c in terms},
                )
            )  # fmt: skip
            width = len(made[-1].names())
            beyond = sorted({name for k, name in columns.items() if k >= width} & IMAGES)
            if beyond:
                raise BadData(where, f"has {width} columns, and meta.xml places {', '.join(beyond)} beyond them")
    return made


def _keyed(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """`frame` with CORE: its link by whatever name it goes."""
    given = next(
        (c for c in (key, "coreid", "id", "gbifID", "occurrenceID", "eventID", "taxonID") if c in frame.columns), None
    )
    if given is None:
        raise BadData("Darwin Core table", f"has no {key} that links images to records", frame.columns)
    return frame.with_columns(pl.col(given).alias(CORE))


def _by_event(archive: DarwinCoreArchive, occurrences: DwcTable) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The occurrences of an event core, each with what its event says and it does not; and the refused rows."""
    frames, bad = [], []
    for table, key in ((archive.core, "id"), (occurrences, "coreid")):
        blocks = [b for t in _tables(archive.archive, table, RECORD_TERMS) for b in t.blocks()]
        frames.append(_keyed(pl.concat([b.frame for b in blocks], how="diagonal"), key))
        bad += [b.refused for b in blocks]
    events, seen = frames
    events = events.unique(CORE, keep="first", maintain_order=True).drop(LINE, "id", strict=False)
    stray = seen.filter(~pl.col(CORE).is_in(events[CORE].implode()))
    bad.append(refusals(Path(occurrences.name).name, stray[LINE], "of an event that is not listed"))
    seen = seen.filter(pl.col(CORE).is_in(events[CORE].implode()))
    both = seen.join(events, on=CORE, how="left", suffix="_of_event", maintain_order="left")
    shared = [c for c in events.columns if f"{c}_of_event" in both.columns]
    both = both.with_columns(pl.coalesce(c, f"{c}_of_event").alias(c) for c in shared).drop(
        f"{c}_of_event" for c in shared
    )
    if "occurrenceID" in both.columns:
        both = both.with_columns(_occurrence=pl.col("occurrenceID"))
    return both, pl.concat(bad)


def images_of(
    records: pl.DataFrame, media: pl.DataFrame, file: str, licence: str | None, keep_bare: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A row for each still image of the records, and the refused: images of no record, records said to be absent, things that are no still image.

    keep_bare: records of which no image is listed are rows too, without path and url.
    """
    bad: list[pl.DataFrame] = []
    if "occurrenceStatus" in records.columns:
        absent = pl.col("occurrenceStatus").str.to_lowercase().str.strip_chars() == "absent"
        bad.append(refusals(file, records.filter(absent)[LINE], "recorded as absent"))
        records = records.filter(~absent.fill_null(False))
    table = records_of(records, licence)
    if "_occurrence" not in table.columns:
        twice = ~pl.col(CORE).is_first_distinct()
        bad.append(refusals(file, table.filter(twice & pl.col(CORE).is_not_null())[LINE], "a record's id used before"))
        table = table.filter(~twice | pl.col(CORE).is_null())
    images, refused = still_media(media, CORE)
    bad.append(refused)
    stray = images.filter(~pl.col(CORE).is_in(table[CORE].drop_nulls().implode()).fill_null(False))
    bad += [
        refusals(name, part[LINE], "an image of a record that is not listed")
        for (name,), part in sorted(stray.group_by("_file"), key=lambda g: str(g[0]))
    ]
    with_media = table.join(images, on=CORE, how="inner", maintain_order="right", suffix=OF_IMAGE)
    if "_occurrence" in table.columns:
        with_media, several = _of_events(with_media)
        bad.append(several)
    rest = table.filter(~pl.col(CORE).is_in(images[CORE].drop_nulls().implode()).fill_null(False))
    if "path" in rest.columns and rest["path"].null_count() < len(rest):
        listed = located(rest.filter(pl.col("path").is_not_null()), many=True)
    else:
        listed = located(rest.clear())
    bare = rest.filter(pl.col("path").is_null()) if "path" in rest.columns else rest
    if keep_bare:
        listed = pl.concat([listed, located(bare)], how="diagonal")
    elif len(bare):
        bad.append(refusals(file, [None], f"records without an image: {len(bare):,}"))
    rows = pl.concat([_merged(with_media), listed.with_columns(group=CORE)], how="diagonal")
    return rows, pl.concat([b for b in bad if len(b)] or [pl.DataFrame(schema=REFUSED)])


def _merged(joined: pl.DataFrame) -> pl.DataFrame:
    """What the image says before what its record says."""
    both = [c for c in joined.columns if f"{c}{OF_IMAGE}" in joined.columns]
    joined = joined.with_columns(pl.coalesce(f"{c}{OF_IMAGE}", c).alias(c) for c in both)
    if "media_id" in joined.columns:
        joined = joined.with_columns(id=pl.coalesce("media_id", "id"))
    return joined.with_columns(group=CORE)


def _of_events(joined: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Images that hang on an event: of the occurrence that they name, else of the event's only taxon; several taxa are refused."""
    named = pl.col("about").is_null() | (pl.col("about") == pl.col("_occurrence"))
    told = joined.filter(named | ~((pl.col("about") == pl.col("_occurrence")).any().over("_medium")))
    given = pl.col("verbatim_name") if "verbatim_name" in told.columns else pl.coalesce(*reversed(RANKS))
    keyed = told.with_columns(given.alias("verbatim_name"), pl.col("_medium").alias(KEY), box=pl.lit(None, pl.String))
    files = keyed["_file"].unique().sort().to_list() if len(keyed) else []
    rows, bad = [], []
    for file in files:
        kept, refused = settled(keyed.filter(pl.col("_file") == file), file, LINE + OF_IMAGE)
        rows.append(kept)
        bad.append(refused)
    return (pl.concat(rows) if rows else joined), (pl.concat(bad) if bad else pl.DataFrame(schema=REFUSED))
