"""Statuses, ranks, codes and canonical names of usages in one vocabulary, whatever words the file uses."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import polars as pl

from merian.names.raw import USAGE

__all__ = ["ACCEPTED", "STATUS", "SYNONYMS", "UNAVAILABLE", "canonical_names", "in_our_words"]

ACCEPTED = ("accepted", "provisionally accepted")
SYNONYMS = ("synonym", "ambiguous synonym", "misapplied")
UNAVAILABLE = "unavailable"
STATUS = pl.Enum([*ACCEPTED, *SYNONYMS, UNAVAILABLE])
STATUSES = {
    "accepted": "accepted; valid; accepted name; correct; current",
    "provisionally accepted": """provisionally accepted; provisionally accepted name; doubtful; provisional; uncertain; unassessed; unresolved;
        taxon inquirendum; nomen inquirendum; species inquirenda; temporary name; interim; unverified""",
    "synonym": """synonym; homotypic synonym; heterotypic synonym; objective synonym; subjective synonym; junior synonym; senior synonym;
        junior objective synonym; junior subjective synonym; nomenclatural synonym; taxonomic synonym; intermediate rank synonym;
        determination synonym; orthographic variant; original name; homonym; junior homonym; basionym; superseded combination;
        superseded; not accepted; unaccepted; invalid; replaced; deprecated; inactive; rejected""",
    "ambiguous synonym": "ambiguous synonym; proparte synonym; pro parte synonym; pro parte; ambiguous",
    "misapplied": "misapplied; misapplied name; misidentification; misidentified; auct.; auct. non",
    "unavailable": "unavailable; bare name; nomen nudum; nomen dubium; nomen oblitum; nomen ambiguum; unavailable name; illegitimate; excluded",
}
"""Statuses here -> the words of ColDP 1.2, GBIF's TaxonomicStatus, ITIS, WoRMS and Species 2000."""
RANK_WORDS = {
    **dict.fromkeys(("division", "phylum or division", "phyl", "phyl."), "phylum"),
    **dict.fromkeys(("ssp", "ssp.", "subsp", "subsp."), "subspecies"),
    **dict.fromkeys(("var", "var.", "varietas"), "variety"),
    **dict.fromkeys(("f", "f.", "forma"), "form"),
    **dict.fromkeys(("sp", "sp."), "species"),
    **dict.fromkeys(("gen", "gen."), "genus"),
    **dict.fromkeys(("fam", "fam."), "family"),
    **dict.fromkeys(("ord", "ord."), "order"),
    "regnum": "kingdom",
}
CODE_WORDS = {
    **dict.fromkeys(("iczn", "zoological", "animals"), "zoological"),
    **dict.fromkeys(("icn", "icbn", "icnafp", "icn (icnafp)", "botanical", "plants"), "botanical"),
    **dict.fromkeys(("icnp", "icnb", "bacterial", "prokaryotic"), "bacterial"),
    **dict.fromkeys(("icvcn", "ictv", "virus", "viral", "viruses"), "virus"),
    **dict.fromkeys(("icncp", "cultivars", "cultivar"), "cultivars"),
    **dict.fromkeys(("phytosociological", "phytosociology", "icpn"), "phytosociological"),
    **dict.fromkeys(("phylo", "phylogenetic", "phylocode"), "phylogenetic"),
}
SIMPLE = r"^\p{Lu}[\p{Ll}-]+( [\p{Ll}-]{2,}){0,2}$"
"""A capital, small letters, at most three words: a name that is its own canonical form."""
YES = ("true", "t", "1", "yes", "y")
ATOMS = ("uninomial", "generic", "infrageneric", "specific", "infraspecific")
INFRAGENERIC = (
    "subgenus",
    "section",
    "subsection",
    "series",
    "subseries",
    "supersection",
    "superseries",
    "infrageneric name",
)


def in_our_words(given: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The usages with all columns of USAGE: rank, status (null when unknown or not given), code and extinct in our words; and notes on unknown statuses.

    `link` is the accepted usage of a synonym; where the file has no column for it, it is the parent (ColDP).
    """
    absent = [pl.lit(None, pl.String).alias(c) for c in USAGE if c not in given.columns]
    linked = "link" in given.columns
    table = given.with_columns(absent)
    known = {" ".join(w.split()): ours for ours, theirs in STATUSES.items() for w in theirs.split(";")}
    said = _translated(table["status"], lambda word: re.sub(r"[_\s]+", " ", word.lower()))
    table = table.with_columns(
        said.alias("said"),
        # HOMOTYPICSYNONYM and its like
        _translated(said, lambda word: known.get(word, "synonym" if "synonym" in word else None)),
        _translated(table["rank"], _rank),
        _translated(table["code"], lambda word: CODE_WORDS.get(word.lower())),
        _translated(table["extinct"], lambda word: str(word.lower() in YES)) == "True",
    )
    strange = table.filter(pl.col("said").is_not_null() & pl.col("status").is_null())["said"].value_counts()
    notes = tuple(
        f"{count:,} row{'s' * (count != 1)} with the unknown status {word!r}: judged by whether another name is accepted for it"
        for word, count in sorted(strange.iter_rows())
    )
    if not linked:
        table = table.with_columns(link=pl.when(pl.col("status").is_in(SYNONYMS)).then("parent"))
    return table, notes


def canonical_names(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with `name`, the canonical name (null when there is none), and `authorship` filled where the name carries it.

    From the canonical name that the file gives, else from the words it gives apart, else from the whole name: by a parser where that is not plain.
    """
    generic, specific, infra, uninomial, subgeneric = (
        pl.col(c).str.strip_chars("×✕ ") for c in ("generic", "specific", "infraspecific", "uninomial", "infrageneric")
    )
    two = generic + " " + specific
    apart = (
        pl.when(infra.is_not_null() & specific.is_not_null())
        .then(two + " " + infra)
        .when(specific.is_not_null())
        .then(two)
        .when(subgeneric.is_not_null() & pl.col("rank").is_in(INFRAGENERIC))
        .then(subgeneric)
        .otherwise(pl.coalesce(uninomial, generic))
    )
    name = table.select(pl.coalesce("canonical", apart)).to_series()
    table = table.drop("canonical", *ATOMS)
    left = np.flatnonzero(name.is_null() & table["full"].is_not_null())
    if len(left):
        found = _read(table.select("full", "authorship")[left])
        at = pl.Series(left, dtype=pl.UInt32)
        name = name.scatter(at, found["name"])
        table = table.with_columns(table["authorship"].scatter(at, found["authorship"]))
    return table.with_columns(name.alias("name"))


def _read(table: pl.DataFrame) -> pl.DataFrame:
    """Columns name, authorship of whole names: by a parser where they are not plain."""
    author = pl.col("authorship")
    bare = pl.when(author.is_not_null()).then(pl.col("full").str.strip_suffix(author)).otherwise("full")
    table = table.select("authorship", bare=bare.str.replace_all(r"\s+", " ").str.strip_chars(" ,"))
    table = table.with_columns(name=pl.when(pl.col("bare").str.contains(SIMPLE)).then("bare"))
    odd = table["name"].is_null()
    if not odd.any():
        return table
    from merian.names.parse import parse_all

    at = odd.arg_true()
    parsed = parse_all(table["bare"].gather(at)).select(
        at=at, read=pl.when(pl.col("canonical") != "").then("canonical"), by="authorship"
    )
    table = table.with_row_index("at").join(parsed, on="at", how="left", maintain_order="left")
    # the authors as they stand there, where the name stands whole before them
    rest = pl.col("bare").str.strip_prefix(pl.col("read")).str.strip_chars(" ,")
    written = pl.when(pl.col("by").is_not_null() & pl.col("bare").str.starts_with(pl.col("read") + " ")).then(rest)
    return table.select(name=pl.coalesce("name", "read", "bare"), authorship=pl.coalesce("authorship", written, "by"))


def _rank(word: str) -> str:
    plain = word.lower().replace("_", " ")
    return RANK_WORDS.get(plain, plain)


def _translated(column: pl.Series, translate: Callable[[str], str | None]) -> pl.Series:
    """A column of few different words, each translated once."""
    words = column.unique().drop_nulls().sort()
    if words.is_empty():
        return column
    new = pl.Series([translate(word) for word in words], dtype=pl.String)
    return column.replace_strict(words, new, default=None, return_dtype=pl.String)
