"""Catalogue of Life Data Packages: the merged form (NameUsage) and the split one (Name, Taxon, Synonym), with VernacularName and metadata.yaml.

ColDP 1.2: https://github.com/CatalogueOfLife/coldp .
"""

from __future__ import annotations

import re

import polars as pl

from merian.core.archives import Archive
from merian.core.delimited import Delimited, header_of, read_delimited, sniff
from merian.core.errors import BadData
from merian.core.lines import Dialect
from merian.core.tree import RANKS
from merian.names.raw import NO_REFUSED, USAGE, VERNACULAR, Raw, named, refused_of, wanted

__all__ = ["member", "read_coldp", "read_member", "read_yaml", "vernaculars_of"]

Columns = dict[str, tuple[str, ...]]
ENDINGS = (".tsv", ".csv", ".txt", ".tsv.gz", ".csv.gz")
NAME: Columns = {k: v for k, v in USAGE.items() if k not in ("parent", "link", "status", "extinct", *RANKS)} | {
    # in Name the genus is a part of the name, in Taxon it is the classification
    "generic": ("genus", "genericname"),
}
TAXON: Columns = {k: USAGE[k] for k in ("extinct", *RANKS)} | {
    "id": ("id",),
    "name_id": ("nameid",),
    "parent": ("parentid",),
    "status": ("status",),
    "provisional": ("provisional",),
}
SYNONYM: Columns = {"id": ("id",), "name_id": ("nameid",), "link": ("taxonid",), "status": ("status",)}


def read_coldp(archive: Archive) -> Raw:
    """The usages and common names of a ColDP archive. Raises BadData when it has the tables but not their columns."""
    title, release = _release(archive, archive.find("metadata.yaml", "metadata.yml"))
    vernaculars, vernacular_file, refused = vernaculars_of(archive)
    merged = member(archive, "NameUsage")
    if merged:
        read = read_member(archive, merged, USAGE)
        usages, file, more, notes = named(read, USAGE), merged, [refused_of(read, merged)], read.notes
    else:
        usages, file, more, notes = _split(archive)
    refused = pl.concat([*more, refused])
    return Raw(usages, file, vernaculars, refused, title or archive.path.stem, release, "id", vernacular_file, notes)


def _split(archive: Archive) -> tuple[pl.DataFrame, str, list[pl.DataFrame], tuple[str, ...]]:
    """The usages of the split form: Taxon and Synonym, with the words of their Name; a name that neither uses is a bare name."""
    frames: list[pl.DataFrame] = []
    refused: list[pl.DataFrame] = []
    notes: list[str] = []
    for stem, known in (("Name", NAME), ("Taxon", TAXON), ("Synonym", SYNONYM)):
        file = member(archive, stem)
        if file is None or not archive.size(file):
            frames.append(pl.DataFrame(schema=dict.fromkeys(known, pl.String) | {"row": pl.Int64}))
            continue
        read = read_member(archive, file, known)
        frame = named(read, known)
        absent = [pl.lit(None, pl.String).alias(c) for c in known if c not in frame.columns]
        frames.append(frame.with_columns(absent))
        refused.append(refused_of(read, file))
        notes += read.notes
    names, taxa, synonyms = frames
    if names["id"].null_count() == len(names) or taxa["name_id"].null_count() == len(taxa):
        raise BadData(
            archive.path, "needs a Name table with ID and a Taxon table with ID and nameID", archive.names[:5]
        )
    names = names.drop("row").rename({"id": "name_id"}).unique("name_id", keep="first", maintain_order=True)
    provisional = pl.col("provisional").str.to_lowercase().is_in(["true", "t", "1", "yes", "y"])
    taxa = taxa.with_columns(
        status=pl.when(provisional)
        .then(pl.lit("provisionally accepted"))
        .otherwise(pl.col("status").fill_null("accepted"))
    ).drop("provisional")
    several = pl.len().over("name_id") > 1
    status = pl.col("status").str.to_lowercase().fill_null("synonym")
    synonyms = synonyms.with_columns(
        # a synonym of several taxa is one usage for each
        id=pl.coalesce("id", pl.when(several).then(pl.col("name_id") + "-" + pl.col("link")).otherwise("name_id")),
        status=pl.when(several & (status == "synonym")).then(pl.lit("ambiguous synonym")).otherwise(status),
    )
    used = pl.concat([taxa, synonyms], how="diagonal")
    bare = names.join(used, on="name_id", how="anti").select("name_id", id="name_id", status=pl.lit("bare name"))
    usages = pl.concat([used, bare], how="diagonal").join(names, on="name_id", how="left").drop("name_id")
    return usages, "Taxon and Synonym", refused, tuple(notes)


def read_yaml(text: str) -> dict[str, str]:
    """The plain `key: value` lines at the top level of a YAML file (quoted, or folded over indented lines); anything nested is left out."""
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        top = re.match(r"([A-Za-z][\w-]*):\s*(.*?)\s*$", line)
        if top:
            key, value = top[1], top[2]
            found[key] = "" if re.fullmatch(r"[|>][+-]?\d?", value) else re.sub(r"\s+#.*$", "", value).strip("\"'")
        elif (
            key
            and line[:1] in (" ", "\t")
            and not line.strip().startswith("-")
            and not re.match(r"\s+\w+:(\s|$)", line)
        ):
            found[key] = f"{found[key]} {line.strip()}".strip(" \"'")
        elif line.strip() and not line.startswith("#"):
            key = ""
    return {k: v for k, v in found.items() if v and not v.startswith(("[", "{", "&", "*"))}


def member(archive: Archive, stem: str) -> str | None:
    """The member called `stem` with one of the usual endings, None when there is none."""
    return archive.find(*(stem + ending for ending in ENDINGS))


def read_member(archive: Archive, name: str, known: dict[str, tuple[str, ...]]) -> Delimited:
    """The columns of use in a member with a header; ColDP does not quote in .tsv and .txt."""
    try:
        with archive.local(name) as file:
            separator, quote = sniff(file)
            columns = header_of(file, Dialect(separator, quote))
            if columns and not wanted(columns, known):
                raise BadData(
                    name, "has none of the columns of a ColDP table (ID, scientificName ...); it has", columns
                )
            return read_delimited(file, separator, quote, columns=wanted(columns, known))
    except BadData as error:
        raise BadData(f"{archive.path}: {name}", error.rule, error.offenders) from error


def _release(archive: Archive, name: str | None) -> tuple[str, str]:
    """Title and release that a metadata.yaml gives."""
    if name is None:
        return "", ""
    said = read_yaml(archive.read(name).decode("utf-8", "replace"))
    parts = dict.fromkeys(said[k] for k in ("version", "issued") if k in said)
    return said.get("title", said.get("alias", "")), " ".join(parts)


def vernaculars_of(
    archive: Archive, stems: tuple[str, ...] = ("VernacularName",)
) -> tuple[pl.DataFrame | None, str, pl.DataFrame]:
    """The common names in a member called by one of `stems`, its name, and the rows refused; (None, "", none) when there is no such member."""
    name = next((m for stem in stems if (m := member(archive, stem))), None)
    if name is None or not archive.size(name):
        return None, "", pl.DataFrame(schema=NO_REFUSED)
    read = read_member(archive, name, VERNACULAR)
    return named(read, VERNACULAR), name, refused_of(read, name)
