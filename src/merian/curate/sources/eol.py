"""The media manifest of the Encyclopedia of Life: one row for each image on each taxon page, with its licence and owner.

Columns: https://opendata.eol.org/dataset/images-list (exported by EOL/eol_website, Medium::ManifestExporter). The taxa come from the Dynamic Hierarchy
(taxon.tab, https://opendata.eol.org/dataset/dynamic-hierarchy), whose eolID is the page; without one the images have no names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from merian.core.tree import RANKS
from merian.curate.sources.columns import labelled
from merian.curate.sources.gather import Batch, Origin, content_digest, gathered, refusals
from merian.curate.sources.lineage import lineages_above
from merian.curate.sources.seam import Source
from merian.curate.sources.text import LINE, need, text_file

__all__ = ["eol_manifest"]

COLUMNS = (
    "EOL content ID",
    "EOL page ID",
    "Medium Source URL",
    "EOL Full-Size Copy URL",
    "License Name",
    "Copyright Owner",
)
TAXON = ("taxonID", "parentNameUsageID", "scientificName", "taxonRank", "eolID")
TAXON_FILES = ("taxon.tab", "taxa.txt", "taxon.txt", "taxon.tsv")


def eol_manifest(path: Path) -> Source | None:
    """A manifest (.csv), or a folder of its parts; taxon.tab is looked for beside them."""
    files = _manifests(path)
    if not files:
        return None
    root = path if path.is_dir() else path.parent
    tables = [text_file(f, ",", '"') for f in files]
    for table in tables:
        need(table.names(), COLUMNS, table.where)
    taxa = next((root / n for n in TAXON_FILES if (root / n).is_file()), None)
    pages = _pages(taxa)
    digest = content_digest([*files, *([taxa] if taxa else [])], "eol")

    def batches() -> Iterator[Batch]:
        unknown = 0
        for table in tables:
            for block in table.blocks():
                rows, refused, missing = _rows(block.frame, pages, table.label)
                unknown += missing
                yield Batch(rows, pl.concat([block.refused, refused]), block.size)
        if taxa is not None and unknown:
            yield Batch(
                pl.DataFrame(),
                refusals(
                    taxa.name, [None], f"images of pages that the hierarchy lacks, kept without a name: {unknown:,}"
                ),
            )

    size = sum(t.size for t in tables)
    return gathered(Origin("Encyclopedia of Life", root, digest, size), batches)


def _manifests(path: Path) -> list[Path]:
    candidates = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    found = []
    for file in candidates:
        if file.suffix.casefold() == ".csv" and file.is_file():
            with file.open("rb") as stream:
                head = stream.readline(4096)
            if b"EOL content ID" in head and b"EOL page ID" in head:
                found.append(file)
    return found


def _pages(file: Path | None) -> pl.DataFrame:
    """Columns page, verbatim_name and the ranks."""
    if file is None:
        return pl.DataFrame(schema=dict.fromkeys(("page", "verbatim_name", *RANKS), pl.String))
    table = text_file(file, "\t", None)
    need(table.names(), TAXON, table.where)
    frame, _ = table.whole()
    name = pl.coalesce(*(pl.col(c) for c in ("canonicalName", "scientificName") if c in frame.columns))
    above = lineages_above(
        frame.select(
            pl.col("taxonID").alias("id"),
            pl.col("parentNameUsageID").alias("parent"),
            name.alias("name"),
            pl.col("taxonRank").alias("rank"),
        )
    )
    pages = frame.select(pl.col("taxonID").alias("id"), pl.col("eolID").alias("page")).filter(
        pl.col("page").is_not_null()
    )
    pages = pages.unique("page", keep="first", maintain_order=True).join(
        above, on="id", how="inner", maintain_order="left"
    )
    pages = pages.drop("id").rename({"name": "verbatim_name"})
    return labelled(pages.drop(*RANKS), pages)


def _rows(frame: pl.DataFrame, pages: pl.DataFrame, file: str) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    content, page = pl.col("EOL content ID"), pl.col("EOL page ID")
    url = pl.coalesce("EOL Full-Size Copy URL", "Medium Source URL")
    lacking = url.is_null() | content.is_null()
    refused = refusals(file, frame.filter(lacking)[LINE], "an image without content ID or address")
    owner = pl.col("Copyright Owner")
    rows = frame.filter(~lacking).select(
        id=pl.concat_str(content, page, separator="_", ignore_nulls=True),
        url=url,
        path=pl.lit(None, pl.String),
        licence="License Name",
        rights_holder=pl.when(owner.str.to_lowercase() != "not provided").then(owner),
        references=pl.lit("https://eol.org/media/") + content,
        group=content,
        page=page,
    )
    rows = rows.join(pages, on="page", how="left", maintain_order="left")
    known = rows["page"].is_in(pages["page"].implode())
    return rows.drop("page"), refused, len(rows) - int(known.sum())
