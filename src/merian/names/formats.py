"""Which format a backbone comes in, and its tables: ColDP, Darwin Core checklists, plain tables of taxa.

Darwin Core: https://dwc.tdwg.org/terms/#taxon ; GBIF backbone: https://doi.org/10.15468/39omei .
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import polars as pl

from merian.core.archives import Archive
from merian.core.delimited import REFUSED, Delimited, header_of, read_delimited, sniff
from merian.core.dwca import DarwinCoreArchive
from merian.core.errors import BadData
from merian.core.lines import Dialect
from merian.core.tree import RANKS
from merian.names.coldp import member, read_coldp, vernaculars_of
from merian.names.raw import USAGE, VERNACULAR, Raw, named, recognised, refused_of, wanted

__all__ = ["read_raw", "vernacular_beside"]


def read_raw(path: Path) -> Raw:
    """The usages and common names in a ColDP or Darwin Core archive (folder or ZIP) or one table. Raises BadData when none of them is in it."""
    if path.is_file() and not _is_zip(path):
        return _plain(path)
    with Archive.open(path) as archive:
        if member(archive, "NameUsage") or (member(archive, "Name") and member(archive, "Taxon")):
            if archive.find("meta.xml") is None:
                return read_coldp(archive)
        elif archive.find("meta.xml") is None and not member(archive, "Taxon"):
            raise BadData(
                path,
                "holds no taxonomy: expected NameUsage.tsv, or Name.tsv and Taxon.tsv (ColDP), or meta.xml or Taxon.tsv (Darwin Core)",
                archive.names[:5],
            )
    return _darwin_core(path)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4)[:2] == b"PK" or path.suffix.casefold() == ".zip"


def _darwin_core(path: Path) -> Raw:
    with DarwinCoreArchive.open(path) as opened:
        core = opened.core
        if core.row_type != "Taxon" and not {"taxonID", "scientificName"} <= set(core.columns):
            raise BadData(path, "the core of this archive is not a list of taxa", [core.row_type])
        read = opened.table(core, wanted(core.columns, USAGE) + ["id"])
        usages = named(
            Delimited(
                read.frame.drop("id", strict=False) if "taxonID" in read.frame.columns else read.frame,
                read.lines,
                read.refused,
            ),
            USAGE,
        )
        column = "id"
        if (
            "id" in read.frame.columns
            and "taxonID" in read.frame.columns
            and not read.frame["id"].equals(read.frame["taxonID"])
        ):
            usages, column = usages.with_columns(core=read.frame["id"].str.strip_chars()), "core"
        refused = [refused_of(read, core.name)]
        tables, files, notes = [], [], [*opened.notes, *read.notes]
        for extension in opened.extensions:
            if extension.row_type == "VernacularName":
                more = opened.table(extension)
                tables.append(
                    named(Delimited(more.frame.drop("taxonID", strict=False), more.lines, more.refused), VERNACULAR)
                )
                refused.append(refused_of(more, extension.name))
                files.append(extension.name)
        vernaculars, file = (pl.concat(tables, how="diagonal") if tables else None), ", ".join(files)
        if not opened.extensions:
            vernaculars, file, lost = vernaculars_of(opened.archive, ("VernacularName", "vernacular"))
            refused.append(lost)
        said = opened.metadata
        release = " ".join(dict.fromkeys(x for x in (said.version, said.published) if x))
        return Raw(
            usages,
            core.name,
            vernaculars,
            pl.concat(refused),
            said.title or path.stem,
            release,
            column,
            file,
            tuple(notes),
        )


def _plain(path: Path) -> Raw:
    """One table: of taxa with identifiers, or of lineages."""
    if path.suffix.casefold() == ".parquet":
        try:
            frame = pl.read_parquet(path, glob=False)
        except pl.exceptions.PolarsError as error:
            raise BadData(path, f"not a Parquet table: {str(error).splitlines()[0]}") from error
        texts = frame.select(pl.col(c).cast(pl.String, strict=False) for c in wanted(frame.columns, USAGE))
        lines = pl.select(pl.int_range(1, len(frame) + 1, dtype=pl.Int64).alias("line")).to_series()
        read = Delimited(texts, lines, pl.DataFrame(schema=REFUSED))
    else:
        separator, quote = sniff(path)
        columns = header_of(path, Dialect(separator, quote))
        read = read_delimited(path, separator, quote, columns=wanted(columns, USAGE))
    known = recognised(read.frame.columns, USAGE)
    if not known & {"full", "canonical", *RANKS}:
        raise BadData(
            path, "no column of a taxonomy (scientificName, parent_id, kingdom ... species)", read.frame.columns
        )
    usages, refused = named(read, USAGE), [refused_of(read, path.name)]
    beside = vernacular_beside(path)
    vernaculars = None
    if beside is not None:
        more = read_delimited(beside, *sniff(beside))
        vernaculars = named(more, VERNACULAR)
        refused.append(refused_of(more, beside.name))
    return Raw(
        usages,
        path.name,
        vernaculars,
        pl.concat(refused),
        PurePosixPath(path.name).stem,
        vernacular_file=beside.name if beside is not None else "",
        notes=read.notes,
    )


def vernacular_beside(path: Path) -> Path | None:
    """The table of common names that lies beside a table of taxa: vernacular.csv beside taxon.csv, VernacularName.tsv beside Taxon.tsv."""
    if path.stem.casefold() != "taxon":
        return None
    found = (path.with_name(f"{word}{path.suffix}") for word in ("vernacular", "VernacularName", "vernacularname"))
    return next((file for file in found if file.is_file()), None)
