"""Darwin Core archives (a folder or ZIP whose meta.xml says which file holds which terms) as tables with short term names.

Darwin Core text guide: https://dwc.tdwg.org/text/ ; the same in GBIF's words: https://ipt.gbif.org/manual/en/ipt/latest/dwca-guide.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType

import polars as pl

from merian.core.archives import Archive
from merian.core.delimited import REFUSED, Delimited, header_of, read_delimited, sniff
from merian.core.errors import BadData, Missing
from merian.core.lines import Dialect

__all__ = ["DarwinCoreArchive", "DwcTable", "Metadata", "parse_xml", "term"]

BARE = ("occurrence.txt", "taxon.txt", "taxon.tsv", "occurrence.csv", "taxon.csv", "verbatim.txt", "event.txt")
"""Files that are taken for the core of an archive without meta.xml."""
ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r\\n": "\n", "\\r": "\n", "&quot;": '"', "\\\\": "\\"}


@dataclass(frozen=True, slots=True)
class DwcTable:
    """A table of the archive: row_type the short name (Occurrence, Taxon, VernacularName ...), name its file, columns its short term names."""

    row_type: str
    name: str
    columns: tuple[str, ...]
    files: tuple[str, ...]
    dialect: Dialect
    header: int
    indexed: tuple[tuple[int, str], ...]
    defaults: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the archive's EML says of the data set, None where it says nothing."""

    title: str | None = None
    version: str | None = None
    published: str | None = None
    licence: str | None = None
    doi: str | None = None


@dataclass(frozen=True, eq=False)
class DarwinCoreArchive:
    """A Darwin Core archive: its core table, the extensions, what the EML says, and notes on what was not as it should be."""

    archive: Archive
    core: DwcTable
    extensions: tuple[DwcTable, ...]
    metadata: Metadata
    notes: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: Path) -> DarwinCoreArchive:
        """The archive in a folder or ZIP. Without meta.xml a well-known file name (occurrence.txt, Taxon.tsv ...) is taken, with a note.

        Raises Missing, and BadData when it is damaged, or no table can be told.
        """
        archive = Archive.open(path)
        meta = archive.find("meta.xml")
        if meta is None:
            core, notes = _bare(archive)
            return cls(archive, core, (), _metadata(archive, None), notes)
        root = parse_xml(archive.read(meta), f"{path}: {meta}")
        tables = [
            _table(archive, element, meta)
            for element in root.iter()
            if _local(element.tag) in ("core", "extension") and isinstance(element.tag, str)
        ]
        cores = [t for t, kind in tables if kind == "core"]
        if len(cores) != 1:
            raise BadData(f"{path}: {meta}", f"must describe one core table, and describes {len(cores)}")
        extensions = tuple(t for t, kind in tables if kind == "extension")
        absent = [f for t in (cores[0], *extensions) for f in t.files if f not in archive.names]
        if set(absent) & set(cores[0].files):
            raise BadData(f"{path}: {meta}", "names a core file that the archive does not hold", absent)
        notes = tuple(f"the extension's file {f} is not in the archive" for f in absent)
        extensions = tuple(t for t in extensions if not set(t.files) & set(absent))
        return cls(archive, cores[0], extensions, _metadata(archive, root.get("metadata")), notes)

    def table(self, which: DwcTable | str, columns: Collection[str] | None = None) -> Delimited:
        """The rows of a table: the core, or an extension by its row type ("Multimedia") or file name.

        Columns are short term names; `id` is the core's identifier and `coreid` an extension's link to it; constants of meta.xml are filled in.
        `columns`: only these (absent ones are left out). Lines count within each file. Raises Missing when there is no such table.
        """
        table = which if isinstance(which, DwcTable) else self._named(which)
        parts = [self._file(table, name, columns) for name in table.files]
        if len(parts) == 1:
            return parts[0]
        return Delimited(
            pl.concat([p.frame for p in parts], how="diagonal"),
            pl.concat([p.lines for p in parts]),
            pl.concat([p.refused for p in parts]),
            tuple(note for p in parts for note in p.notes),
        )

    def has(self, row_type: str) -> bool:
        """Whether there is a table of this row type."""
        return any(t.row_type == row_type for t in (self.core, *self.extensions))

    def close(self) -> None:
        """Let go of the file."""
        self.archive.close()

    def __enter__(self) -> DarwinCoreArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _named(self, which: str) -> DwcTable:
        for table in (self.core, *self.extensions):
            if which.casefold() in (table.row_type.casefold(), table.name.casefold()):
                return table
        known = ", ".join(t.row_type for t in (self.core, *self.extensions))
        raise Missing(f"the table {which!r}", self.archive.path, f"the archive holds {known}")

    def _file(self, table: DwcTable, name: str, columns: Collection[str] | None) -> Delimited:
        wanted = [(k, column) for k, column in table.indexed if columns is None or column in columns]
        defaults = [(column, value) for column, value in table.defaults if columns is None or column in columns]
        positions = {k: f"#{k}" for k, _ in wanted}
        if not self.archive.size(name):
            frame = pl.DataFrame(schema={column: pl.String for _, column in wanted})
            return Delimited(frame, pl.Series("line", [], pl.Int64), pl.DataFrame(schema=REFUSED))
        with self.archive.local(name) as file:
            try:
                dialect = table.dialect
                read = read_delimited(file, dialect.separator, dialect.quote, table.header, positions, dialect.encoding)
            except BadData as error:
                if self.archive.path.is_dir():
                    raise
                raise BadData(f"{self.archive.path}: {name}", error.rule, error.offenders) from error
        given = read.frame
        notes = read.notes
        beyond = [column for k, column in wanted if f"#{k}" not in given.columns]
        if beyond:
            notes = (*notes, f"meta.xml places {', '.join(beyond)} beyond the last column of {name}")
        frame = given.select(
            (pl.col(f"#{k}") if f"#{k}" in given.columns else pl.lit(None, pl.String)).alias(column)
            for k, column in wanted
        )
        for column, value in defaults:
            filled = pl.col(column).fill_null(value) if column in frame.columns else pl.lit(value).alias(column)
            frame = frame.with_columns(filled) if frame.width else pl.DataFrame({column: [value] * len(read.lines)})
        return Delimited(frame, read.lines, read.refused, notes)


def term(uri: str) -> str:
    """The short name of a term's address: what stands after the last slash, hash or colon."""
    return re.split(r"[/#:]", uri.strip().rstrip("/#"))[-1]


def parse_xml(data: bytes, where: str) -> ET.Element:
    """The root of a small XML file. Raises BadData when it is not well-formed, or declares a document type or entities (which can grow without end)."""
    flat = data.replace(b"\0", b"").upper()
    if b"<!DOCTYPE" in flat or b"<!ENTITY" in flat:
        raise BadData(where, "declares a document type or entities, which Merian does not read from a stranger's file")
    try:
        return ET.fromstring(data)
    except (ET.ParseError, LookupError, ValueError) as error:
        raise BadData(where, f"is not well-formed XML: {error}") from error


def _local(tag: object) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _table(archive: Archive, element: ET.Element, meta: str) -> tuple[DwcTable, str]:
    """The table that a <core> or <extension> describes, and which of the two it is."""
    kind = _local(element.tag)
    where = f"{archive.path}: {meta}"
    folder = PurePosixPath(meta).parent
    places = [e.text.strip() for e in element.iter() if _local(e.tag) == "location" and e.text and e.text.strip()]
    if not places:
        raise BadData(where, f"a {kind} table names no file")
    by_fold = {name.casefold(): name for name in archive.names}
    files = tuple(by_fold.get(str(folder / p).casefold(), str(folder / p)) for p in places)
    indexed: list[tuple[int, str]] = []
    defaults: list[tuple[str, str]] = []
    taken: set[str] = set()
    for child in element:
        tag, index = _local(child.tag), child.get("index")
        if tag not in ("id", "coreid", "field"):
            continue
        name = ("id" if kind == "core" else "coreid") if tag != "field" else term(child.get("term", ""))
        if name in taken:
            # dc:source beside dcterms:source: the second keeps its whole address
            name = child.get("term", name)
        if index is not None:
            if not index.strip().isdigit():
                raise BadData(where, f"the index of {name} is not a number", [index])
            indexed.append((int(index), name))
        if child.get("default") is not None:
            defaults.append((name, child.get("default", "")))
        elif index is None:
            continue
        taken.add(name)
    columns = dict.fromkeys([name for _, name in indexed] + [name for name, _ in defaults])
    separator = _unescape(element.get("fieldsTerminatedBy", ","))
    quote = _unescape(element.get("fieldsEnclosedBy", '"')) or None
    header = element.get("ignoreHeaderLines", "0").strip() or "0"
    if not header.isdigit():
        raise BadData(where, "ignoreHeaderLines is not a number", [header])
    dialect = Dialect(separator, quote, element.get("encoding"))
    row_type = term(element.get("rowType", ""))
    return DwcTable(
        row_type, files[0], tuple(columns), files, dialect, int(header), tuple(indexed), tuple(defaults)
    ), kind


def _unescape(text: str) -> str:
    return ESCAPES.get(text, text)


def _bare(archive: Archive) -> tuple[DwcTable, tuple[str, ...]]:
    """The core table of an archive without meta.xml, by the name of its file."""
    name = archive.find(*BARE)
    if name is None:
        raise BadData(
            archive.path, "holds no meta.xml and none of the usual files", [", ".join(BARE), *archive.names[:5]]
        )
    with archive.local(name) as file:
        dialect = Dialect(*sniff(file))
        columns = tuple(term(column) for column in header_of(file, dialect))
    stem = PurePosixPath(name).stem.casefold()
    row_type = {"verbatim": "Occurrence"}.get(stem, stem.capitalize())
    indexed = tuple(enumerate(columns))
    note = f"no meta.xml: the columns of {name} are taken by their names"
    return DwcTable(row_type, name, columns, (name,), dialect, 1, indexed, ()), (note,)


def _metadata(archive: Archive, said: str | None) -> Metadata:
    """What the EML says; an archive without one, or with a broken one, says nothing."""
    name = archive.find(*([said] if said and "://" not in said else []), "eml.xml", "metadata.xml")
    if name is None:
        return Metadata()
    try:
        root = parse_xml(archive.read(name), f"{archive.path}: {name}")
    except BadData:
        return Metadata()
    dataset = next((e for e in root.iter() if _local(e.tag) == "dataset"), root)

    def first(tag: str) -> str | None:
        found = next((e for e in dataset if _local(e.tag) == tag), None)
        return " ".join("".join(found.itertext()).split()) or None if found is not None else None

    rights = next((e for e in dataset if _local(e.tag) == "intellectualRights"), None)
    link = next((e.get("url") for e in rights.iter() if _local(e.tag) == "ulink"), None) if rights is not None else None
    package = root.get("packageId", "")
    version = re.search(r"[/.]v?(\d+(?:\.\d+)*)$", package)
    named = [package, *(e.text or "" for e in dataset if _local(e.tag) == "alternateIdentifier")]
    doi = next((m[0] for text in named if (m := re.search(r"10\.\d{4,9}/[^\s\"<>]+", text))), None)
    return Metadata(
        first("title"), version[1] if version else None, first("pubDate"), link or first("intellectualRights"), doi
    )
