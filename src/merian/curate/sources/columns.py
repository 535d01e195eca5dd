"""From the columns that a source has to the catalog's: names by which they go, lineages from labels, an id in every row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

import polars as pl

from merian.core.tables import CATALOG
from merian.core.tree import RANKS, normal_lineages

__all__ = ["ALIASES", "DESCRIBED", "NAMELESS", "hash_of", "identified", "labelled", "located", "taken"]

ALIASES: Mapping[str, Sequence[str]] = {
    "path": ("path", "associatedmedia", "filepath", "file", "filename", "image", "imagepath"),
    "id": ("id", "occurrenceid", "uuid"),
    "source": ("source", "datasetname", "dataset"),
    "verbatim_name": ("verbatimname", "scientificname", "label", "classname", "species", "name"),
    "common_name": ("commonname", "vernacularname", "common"),
    "caption": ("caption",),
    "licence": ("licence", "license"),
    "rights_holder": ("rightsholder", "author", "photographer", "creator"),
    "publisher": ("publisher", "institutioncode", "sourcedataset"),
    "url": ("url", "imageurl", "accessuri"),
    "references": ("references", "sourceurl"),
    "basis": ("basis", "basisofrecord"),
    "country": ("country", "countrycode"),
    "specimen": ("specimen", "catalognumber"),
    "camera": ("camera", "deploymentid", "locationid"),
    "event_id": ("eventid", "sequenceid", "seqid"),
    "event_date": ("eventdate", "date", "datetime", "observedon", "timestamp"),
    "latitude": ("latitude", "decimallatitude", "lat"),
    "longitude": ("longitude", "decimallongitude", "lon", "lng"),
    "habitat": ("habitat",),
    "sex": ("sex",),
    "life_stage": ("lifestage",),
    "health": ("health", "vitality", "disease"),
    "behaviour": ("behaviour", "behavior"),
    "reproduction": ("reproduction", "reproductivecondition"),
    "individual": ("individual", "organismid", "individualid"),
    "group": ("group", "observation", "observationid"),
    "fold": ("fold",),
}
"""Catalog column -> the names it goes by in tables, lower case without underscores; the first that is there wins."""
DESCRIBED = ("description", "text", "alt", "alttext")
"""Names under which a table may hold captions when no column is called so: taken when one of them alone is there, and it holds text."""
NAMELESS = (
    "blank",
    "empty",
    "human",
    "no cv result",
    "person",
    "setup",
    "unclassified",
    "unidentified",
    "unknown",
    "vehicle",
)
"""Words that camera-trap labels use where no organism is named: no name is read from them, and the word is kept as the common name."""
_WEB = r"(?i)^https?://"
_BINOMIAL = re.compile(r"^[A-Z][a-z-]+ [a-z-]{2,}$")
_WITH_AUTHOR = re.compile(r"^[A-Z][a-z-]+ [a-z-]{3,}(?: |$)")


def taken(raw: pl.DataFrame, aliases: Mapping[str, Sequence[str]] = ALIASES) -> pl.DataFrame:
    """The catalog's columns that `raw` has under any of their names, trimmed and of their types, "" as null."""
    plain = [c for c, kind in raw.schema.items() if not kind.is_nested() and kind not in (pl.Binary, pl.Object)]
    by_fold = {c.casefold().replace("_", "").replace(" ", ""): c for c in reversed(plain)}
    types = {c.name: c.type for c in CATALOG}
    columns = []
    for column, names in aliases.items():
        given = next((by_fold[n] for n in names if n in by_fold), None)
        if column == "caption" and given is None:
            others = [by_fold[n] for n in DESCRIBED if n in by_fold and raw.schema[by_fold[n]] == pl.String]
            given = others[0] if len(others) == 1 else None
        if given is not None:
            text = pl.col(given).cast(pl.String).str.strip_chars()
            columns.append(pl.when(text != "").then(text).cast(types[column], strict=False).alias(column))
    return raw.select(columns)


def labelled(table: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """`table` with the seven ranks of `raw`; where those are empty, the verbatim name as a binomial or as a label of rank species.

    A Darwin Core row often gives the ranks down to the genus, and the species in scientificName alone: it is taken from there.
    """
    ranks = normal_lineages(raw)
    table = table.hstack(ranks.get_columns())
    if "verbatim_name" not in table.columns:
        return table
    blank = pl.col("verbatim_name").str.to_lowercase().is_in(NAMELESS).fill_null(False)
    if table.select(blank.any()).item():
        if "common_name" not in table.columns:
            table = table.with_columns(common_name=pl.lit(None, pl.String))
        word = pl.col("verbatim_name")
        table = table.with_columns(
            common_name=pl.when(blank).then(pl.coalesce("common_name", word)).otherwise("common_name"),
            verbatim_name=pl.when(~blank).then(word),
        )
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


def located(table: pl.DataFrame, many: bool = False) -> pl.DataFrame:
    """`table` whose `path` holds paths alone: what is a web address goes to `url`, where none is given.

    `many`: a path may list several with " | " between them (Darwin Core's associatedMedia): a row each.
    """
    if "path" not in table.columns:
        table = table.with_columns(path=pl.lit(None, pl.String))
    if many and table["path"].str.contains("|", literal=True).any():
        table = table.with_columns(pl.col("path").str.split("|")).explode("path")
        path = pl.col("path").str.strip_chars()
        table = table.with_columns(path=pl.when(path != "").then(path))
    web = pl.col("path").str.contains(_WEB)
    if "url" not in table.columns:
        table = table.with_columns(url=pl.lit(None, pl.String))
    return table.with_columns(
        url=pl.when(web).then("path").otherwise("url"), path=pl.when(web.fill_null(True)).then(None).otherwise("path")
    )


def identified(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with an id in every row (given, or a hash of the path or url) and no id twice (a repeat gets #2, #3 ...)."""
    if "id" not in table.columns:
        table = table.with_columns(id=pl.lit(None, pl.String))
    if table["id"].null_count():
        where = pl.coalesce(*(pl.col(c) for c in ("path", "url") if c in table.columns), pl.lit(""))
        own = where.map_elements(lambda p: hash_of(p.encode())[:16], pl.String)
        lacking = pl.col("id").is_null()
        table = table.with_columns(id=pl.when(lacking).then(own).otherwise("id"))
    nth = pl.int_range(pl.len()).over("id") + 1
    while not table["id"].is_unique().all():  # again where a table has its own "x#2"
        table = table.with_columns(id=pl.when(nth > 1).then(pl.col("id") + "#" + nth.cast(pl.String)).otherwise("id"))
    return table


def hash_of(data: bytes) -> str:
    """The SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
