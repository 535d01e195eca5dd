"""Darwin Core taxon tables (one row per name, parents by identifier) into lineages of seven ranks, bad rows kept with a reason."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData
from merian.core.tree import RANKS

__all__ = ["lineages_of_taxa"]

DEEPEST = 100
"""More steps than this from a taxon to its root can only be a cycle (the Catalogue of Life's longest chain is about 40)."""


def lineages_of_taxa(taxa: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lineages (seven ranks, taxonID, vernacularName, language) of the accepted taxa, and the refused rows with a `reason`.

    Raises BadData when a needed column is absent.
    """
    needed = ("taxonID", "parentNameUsageID", "scientificName", "taxonRank")
    absent = [c for c in needed if c not in taxa.columns]
    if absent:
        raise BadData("taxon table", "needs the Darwin Core columns " + ", ".join(needed), absent)
    table = _clean(taxa)
    reason = np.full(len(table), "", dtype=object)
    reason[(~table["taxonID"].is_first_distinct()).to_numpy()] = "duplicate id"
    reason[table["taxonID"].is_null().to_numpy()] = "no id"
    reason[table["name"].is_null().to_numpy()] = "no name"
    reason[table["synonym"].to_numpy()] = "synonym"
    sound = np.flatnonzero(reason == "")
    synonyms = np.flatnonzero((reason == "synonym") & table["taxonID"].is_first_distinct().to_numpy())
    known = np.concatenate([synonyms, sound])
    row_of = dict(zip(table["taxonID"].gather(known).to_list(), known.tolist(), strict=True))
    # what hangs below a synonym hangs below the name that is accepted for it
    parents = table.select(pl.when("synonym").then("acceptedNameUsageID").otherwise("parentNameUsageID"))
    up = np.array([row_of.get(p, -2) if p is not None else -1 for p in parents.to_series().to_list()], np.int64)
    own = np.where(table["synonym"].to_numpy(), -1, table["number"].to_numpy())
    paths, fate = _climb(up, own, sound)
    reason[sound[fate == -2]] = "orphan: its parent, or an ancestor's parent, is not in the table"
    reason[sound[fate == -3]] = "cycle: it is its own ancestor"
    low = np.where(paths >= 0, np.arange(len(RANKS)), -1).max(1, initial=-1)
    upside_down = (own[sound] >= 0) & (low > own[sound]) & (fate == -1)
    reason[sound[upside_down]] = "its rank is above that of an ancestor"
    kept = np.flatnonzero((reason == "") & (own >= 0))
    paths = paths[np.searchsorted(sound, kept)]
    names = table["name"].extend_constant(None, 1)
    where = np.where(paths >= 0, paths, len(table)).astype(np.uint32)
    lineages = pl.DataFrame({rank: names.gather(where[:, r]) for r, rank in enumerate(RANKS)})
    lineages = lineages.with_columns(table[c].gather(kept) for c in ("taxonID", "vernacularName", "language"))
    twin = ~lineages.select(pl.struct(RANKS).is_first_distinct()).to_series().to_numpy()
    reason[kept[twin]] = "same name and lineage as an earlier row"
    bad = np.flatnonzero((reason != "") & (reason != "synonym"))
    refused = taxa[bad.tolist()].with_columns(pl.Series("reason", reason[bad].tolist(), pl.String))
    return lineages.filter(pl.Series(~twin)), refused


def _clean(taxa: pl.DataFrame) -> pl.DataFrame:
    """Columns taxonID, parentNameUsageID, name (without authorship), number (rank 0-6 or -1), synonym, vernacularName, language."""

    def text(column: str) -> pl.Expr:
        if column not in taxa.columns:
            return pl.lit(None, pl.String).alias(column)
        trimmed = pl.col(column).cast(pl.String).str.strip_chars()
        return pl.when(trimmed != "").then(trimmed).alias(column)

    columns = (
        "taxonID",
        "parentNameUsageID",
        "acceptedNameUsageID",
        "scientificName",
        "scientificNameAuthorship",
        "canonicalName",
    )
    frame = taxa.select(*(text(c) for c in (*columns, "taxonRank", "vernacularName", "language")))
    author = pl.col("scientificNameAuthorship")
    plain = (
        pl.when(author.is_not_null())
        .then(pl.col("scientificName").str.strip_suffix(author))
        .otherwise("scientificName")
    )
    rank = pl.col("taxonRank").str.to_lowercase()
    return frame.select(
        "taxonID",
        "acceptedNameUsageID",
        # a root often names itself, or nothing, as its parent
        pl.when(pl.col("parentNameUsageID") != pl.col("taxonID")).then("parentNameUsageID").alias("parentNameUsageID"),
        pl.coalesce("canonicalName", plain).str.strip_chars().alias("name"),
        pl.coalesce(*[pl.when(rank == name).then(r) for r, name in enumerate(RANKS)], -1).alias("number"),
        (pl.col("acceptedNameUsageID").is_not_null() & (pl.col("acceptedNameUsageID") != pl.col("taxonID")))
        .fill_null(False)
        .alias("synonym"),
        "vernacularName",
        "language",
    )


def _climb(
    up: npt.NDArray[np.int64], own: npt.NDArray[np.int32], start: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row of the ancestor at each rank [n, 7], and where the climb ended: -1 a root, -2 nowhere (orphan), -3 never (cycle)."""
    paths = np.full((len(start), len(RANKS)), -1, np.int64)
    at = start.copy()
    for _ in range(DEEPEST):
        climbing = np.flatnonzero(at >= 0)
        if not len(climbing):
            break
        here = at[climbing]
        ranked = own[here] >= 0
        cells = climbing[ranked], own[here[ranked]]
        free = paths[cells] < 0
        paths[cells[0][free], cells[1][free]] = here[ranked][free]
        at[climbing] = up[here]
    at[at >= 0] = -3
    return paths, at
