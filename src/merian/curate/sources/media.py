"""The Multimedia extensions of Darwin Core, Simple and Audubon, as one table of still images."""

from __future__ import annotations

import polars as pl

from merian.curate.sources.columns import located
from merian.curate.sources.gather import refusals
from merian.curate.sources.seam import REFUSED
from merian.curate.sources.text import LINE

__all__ = ["LINE", "MEDIA_TERMS", "still_media"]

DCTERMS = "http://purl.org/dc/terms/"
MEDIA_TERMS = (
    "coreid", "id", "gbifID", "occurrenceID", "eventID", "taxonID", "type", f"{DCTERMS}type", "format", f"{DCTERMS}format",
    "identifier", f"{DCTERMS}identifier", "accessURI", "variant", "variantLiteral", "references", "furtherInformationURL",
    "license", "rights", f"{DCTERMS}rights", "UsageTerms", "WebStatement", "rightsHolder", "Owner", "creator",
    f"{DCTERMS}creator", "Credit", "publisher", "providerLiteral", "associatedObservationReference", "providerManagedID",
    "sex", "lifeStage",
)  # fmt: skip
"""Terms of an image that are read, from both extensions; a second term of the same short name stands under its whole address."""
NOT_STILL = r"(?i)\.(mp3|wav|ogg|flac|m4a|aac|mp4|m4v|mov|avi|mpe?g|webm|mkv|pdf|txt|html?|obj|stl)(\?.*)?$"


def still_media(media: pl.DataFrame, key: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row for each still image with `key`, path or url and what is said of it; and the refused rows.

    media: rows of either extension with LINE, `_file` and `key`. Columns of the result: key, LINE, _file, _medium (a number), about (the occurrence it
    shows), media_id, path, url, references, licence, rights_holder, publisher, sex, life_stage, and nothing else.
    """
    if media.is_empty():
        media = pl.DataFrame(schema={key: pl.String, LINE: pl.Int64, "_file": pl.String, "identifier": pl.String})
    have = set(media.columns)

    def given(*names: str) -> pl.Expr:
        there = []
        for name in names:
            if name in have:
                text = pl.col(name).str.strip_chars()
                there.append(pl.when(text != "").then(text))
        return pl.coalesce(*there, pl.lit(None, pl.String)) if there else pl.lit(None, pl.String)

    # Audubon Core keeps the address in accessURI and calls the image by its identifier; Simple Multimedia has the address there
    access = given("accessURI")
    identifier = given("identifier", f"{DCTERMS}identifier", "providerManagedID")
    named = access.is_not_null() & identifier.is_not_null() & (identifier != access)
    table = media.select(
        pl.col(key, LINE, "_file"),
        _medium=pl.int_range(pl.len()),
        about=given("associatedObservationReference", "occurrenceID"),
        media_id=pl.when(named).then(identifier),
        path=pl.coalesce(access, identifier),
        references=given("references", "furtherInformationURL"),
        licence=given("license", "rights", f"{DCTERMS}rights", "WebStatement", "UsageTerms"),
        rights_holder=given("rightsHolder", "Owner", "creator", f"{DCTERMS}creator", "Credit"),
        publisher=given("publisher", "providerLiteral"),
        sex=given("sex"),
        life_stage=given("lifeStage"),
        _type=pl.concat_str(
            given("type", f"{DCTERMS}type"), given("format", f"{DCTERMS}format"), separator=" ", ignore_nulls=True
        ).str.to_lowercase(),
        _thumb=given("variant", "variantLiteral").str.to_lowercase().str.contains("thumbnail").fill_null(False),
    )
    table = located(table.with_columns(url=pl.lit(None, pl.String)))
    where = pl.coalesce("url", "path")
    kind = pl.col("_type")
    other = kind.str.contains(r"moving|video|sound|audio|text|dataset|interactive|3d|model/|pdf")
    silent = (kind == "") | ~kind.str.contains("image")
    small = pl.col("_thumb") & ((~pl.col("_thumb")).sum().over(key, "media_id") > 0) & pl.col("media_id").is_not_null()
    reason = (
        pl.when(where.is_null())
        .then(pl.lit("no address of the image"))
        .when(other & ~kind.str.contains(r"still ?image|(^|[ /])image/"))
        .then(pl.lit("not a still image"))
        .when(silent & where.str.contains(NOT_STILL))
        .then(pl.lit("not a still image"))
        .when(small)
        .then(pl.lit("a thumbnail of an image that is listed"))
    )
    table = table.with_columns(_reason=reason)
    wrong = table.filter(pl.col("_reason").is_not_null())
    refused = [refusals(f, part[LINE], part["_reason"]) for (f,), part in wrong.group_by("_file", maintain_order=True)]
    kept = table.filter(pl.col("_reason").is_null()).drop("_reason", "_type", "_thumb")
    return kept, pl.concat(refused) if refused else pl.DataFrame(schema=REFUSED)
