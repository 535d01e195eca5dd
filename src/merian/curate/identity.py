"""When two data sets speak of the same record: identifiers brought to one spelling, each with the scope in which it means something.

A URL, a UUID or an institution:collection:number triplet names the same thing everywhere. A plain value ("123", "A-07") does so only within one source: 123 may
be an observation of iNaturalist, one of its photos, or an occurrence of GBIF, and nothing in the number says which. So https://www.inaturalist.org/observations/123
equals inaturalist.nz/observations/123 but never a bare 123, unless that stands in a list of which nothing else is known; sources give the page of a record in
`references`, and that is compared too.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

__all__ = ["EVERYWHERE", "Identifiers", "identifiers", "image_addresses"]

EVERYWHERE = "*"
"""The scope of an identifier that means the same thing in every data set."""
_NETWORK = r"^(?:https?://)?(?:www\.|api\.|[a-z]{2,12}\.)?inaturalist\.(?:org|ca|lu|nz|se|fi|mma\.gob\.cl)(?:/v1)?"
"""iNaturalist and the sites of its network, which share their numbers."""
_SPELLINGS = (
    (_NETWORK + r"/observations/(\d+)(?:\.json)?(?:[/?#].*)?$", "inaturalist:"),
    (r"^(?:https?://)?(?:www\.|api\.)?gbif\.org/(?:v1/)?occurrence/(\d+)(?:[/?#].*)?$", "gbif:"),
    (r"^gbif:(\d+)$", "gbif:"),
    (r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)(10\.\d{4,9}/.+)$", "doi:"),
    (r"^(?:urn:uuid:|\{)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}?$", "uuid:"),
    (r"^(?:urn:catalog:)?([^:/]+:[^:]*:[^:]+)$", "triplet:"),
    (r"^([0-9a-f]{40}|[0-9a-f]{64})$", "digest:"),
    (r"^https?://(?:www\.)?(.+?)/*$", "web:"),
)
"""(pattern on the lower-case text, prefix of what it captures), tried in order."""
_PHOTO = r"(?:inaturalist-open-data\.s3[a-z0-9.-]*\.amazonaws\.com|static\.inaturalist\.org|inaturalist\.org)/photos/(\d+)(?:/|$)"


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Of each row the `scope` (EVERYWHERE, what its owner is called, or null when nothing is known) and the `value` (null: none)."""

    scope: pl.Series
    value: pl.Series


def identifiers(rows: pl.DataFrame, column: str, owner: tuple[str, ...] = ("publisher", "source")) -> Identifiers:
    """The identifiers in a column of `rows`, in one spelling. "#2", which a catalog adds to the id of a record's second image, is dropped.

    The scope of a plain value is what the columns `owner` say, as far as they are there; it is null when they say nothing.
    """
    text = (
        pl.col(column).cast(pl.String).str.strip_chars().str.replace(r"#\d+$", "").str.to_lowercase().replace("", None)
    )
    names = [pl.col(c).str.to_lowercase().replace("", None) for c in owner if c in rows.columns]
    scope = (
        pl.concat_str(*names, separator="\0", ignore_nulls=True).replace("", None) if names else pl.lit(None, pl.String)
    )
    found: pl.Expr = pl.lit(None, pl.String)
    for pattern, prefix in reversed(_SPELLINGS):
        captured = pl.col("text").str.extract(pattern)
        found = pl.when(captured.is_not_null()).then(pl.lit(prefix) + captured).otherwise(found)
    done = rows.select(text=text, scope=scope).with_columns(everywhere=found)
    known = pl.col("everywhere").is_not_null()
    done = done.select(
        scope=pl.when(known).then(pl.lit(EVERYWHERE)).otherwise("scope"), value=pl.coalesce("everywhere", "text")
    )
    return Identifiers(done["scope"], done["value"])


def image_addresses(rows: pl.DataFrame) -> pl.Series:
    """[n] the address of each image in one spelling (an iNaturalist photo by its number, whatever its size or host), null when it has none."""
    if "url" not in rows.columns:
        return pl.Series("address", [None], pl.String).new_from_index(0, len(rows))
    text = pl.col("url").str.strip_chars()
    photo = text.str.to_lowercase().str.extract(_PHOTO)
    plain = text.str.extract(r"^(?i:https?)://(?:www\.)?(.+?)/*$")
    return rows.select(
        address=pl.when(photo.is_not_null()).then(pl.lit("inaturalist photo ") + photo).otherwise(plain)
    ).to_series()
