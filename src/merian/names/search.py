"""The search for candidates, from the whole name up: the name, its species, its genus, then the given higher ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from merian.core.tree import RANKS
from merian.names.evidence import ALIASES, given_ranks, sift, weigh
from merian.names.matching import Index, endings, exact, keys, misspelt
from merian.names.settings import NamesSettings

__all__ = ["QUERY", "Candidates", "search"]

Find = Callable[[Index, pl.DataFrame], pl.DataFrame]
QUERY = {
    "q": pl.UInt32,
    "text": pl.String,
    "canonical": pl.String,
    "kind": pl.String,
    "words": pl.Int8,
    "taxon_id": pl.String,
    "author": pl.String,
} | dict.fromkeys(RANKS, pl.String)
"""Columns of a query: its number, the name as written, its canonical form (null when it is no name), what the parser takes it for, the number of words
of the canonical name (0 for a virus, a formula and what is no name), the identifier, authorship and higher ranks given with it."""

_AGAINST = (pl.col("agree") == 0) & (pl.col("contradict") > 0)


@dataclass(frozen=True, eq=False)
class Candidates:
    """`kept`: rivals left after sifting, with evidence and `target`; `seen`: all that were found, the dropped ones too; `given`: the ranks as compared."""

    kept: pl.DataFrame
    seen: pl.DataFrame
    given: pl.DataFrame


def search(queries: pl.DataFrame, index: Index, settings: NamesSettings) -> Candidates:
    """Candidates of each query (columns QUERY).

    What a narrower search found is not looked for in a wider one: a name that is there is never taken for a misspelling of another.
    """
    ranks = given_ranks(queries.select(RANKS), queries["canonical"], index)
    given = pl.concat([queries.select("q"), ranks], how="horizontal")
    nothing = _weighed(pl.DataFrame(schema=_FOUND), "name", queries, given, index)
    seen = [nothing]

    def keep(found: pl.DataFrame, target: str) -> None:
        if len(found):
            seen.append(_weighed(found, target, queries, given, index))

    for target, asked in _rounds(queries, settings):
        for find in _finds(target, settings):
            left = _without(asked, seen)
            if len(left):
                keep(find(index, left.select("q", "key")), target)
    keep(_of_id(_without(queries, seen), index), "name")
    if settings.higher:
        for rank in reversed(RANKS):
            left = _without(queries.select("q").join(given, on="q"), seen)
            found = _at_rank(rank, left, index)
            if len(found):
                seen.append(_sole(_weighed(found, "higher", queries, given, index), settings))
    everything = pl.concat(seen)
    return Candidates(sift(everything.filter(pl.col("holds")), settings), everything, given)


_FOUND = {"q": pl.UInt32, "row": pl.Int32, "match": pl.String, "distance": pl.UInt8}


def _rounds(queries: pl.DataFrame, settings: NamesSettings) -> Iterator[tuple[str, pl.DataFrame]]:
    """What is looked for, one after the other: (target, its q and key)."""
    keyed = queries.with_columns(keys(queries["canonical"]).alias("key"))
    formula = pl.col("kind") == "hybrid formula"
    yield "name", keyed.filter(pl.col("key").is_not_null() & ~formula).select("q", "key")
    yield "genus", _parents(queries.filter(formula))
    if settings.higher:
        first, second = (pl.col("key").str.split(" ").list.get(i, null_on_oob=True) for i in (0, 1))
        names = keyed.filter(~formula)
        yield "species", names.filter(pl.col("words") > 2).select("q", key=first + " " + second)
        yield "genus", names.filter(pl.col("words") > 1).select("q", key=first)


def _finds(target: str, settings: NamesSettings) -> list[Find]:
    finds: list[Find] = [exact]
    if settings.endings and target != "genus":
        finds.append(endings)
    if settings.typos:
        finds.append(lambda index, asked: misspelt(index, asked, settings))
    return finds


def _parents(formulas: pl.DataFrame) -> pl.DataFrame:
    """Columns q, key: the genera of both sides of each hybrid formula; a side without one (`A. bus`, `bus`) has that of the first."""
    sides = formulas.select("q", side=pl.col("canonical").str.split("×")).explode("side")
    genus = pl.col("side").str.strip_chars().str.extract(r"^(\p{Lu}\p{Ll}+)(?:\s|$)")
    found = sides.with_columns(genus=genus).with_columns(genus=pl.col("genus").forward_fill().over("q"))
    found = found.drop_nulls("genus").select("q", "genus").unique(maintain_order=True)
    return found.select("q", key=keys(found["genus"]))


def _weighed(
    found: pl.DataFrame, target: str, queries: pl.DataFrame, given: pl.DataFrame, index: Index
) -> pl.DataFrame:
    """Candidates with evidence, `target`, `by_id` (the identifier given is theirs) and `holds`: whether they may be taken at all.

    A binomial that is spelt right holds whatever ranks are given: two codes hardly ever share one. A single word (a genus that a bird and a plant
    share) does not hold where no given rank fits it, nor does anything that is not spelt right; a misspelt genus of a lost species needs support.
    """
    facts = queries.select("q", "words", "taxon_id")
    frame = weigh(found, given, index, queries.select("q", "author")).join(
        facts, on="q", how="left", maintain_order="left"
    )
    sure = (pl.lit(target) == "name") & (pl.col("match") == "exact") & (pl.col("words") > 1)
    faint = (pl.lit(target) == "genus") & (pl.col("match") == "typo")
    holds = (sure | ~_AGAINST) & (~faint | (pl.col("agree") > 0))
    by_id = (pl.col("id") == pl.col("taxon_id")).fill_null(False)
    return frame.with_columns(target=pl.lit(target), by_id=by_id, holds=holds | by_id).drop("taxon_id", "words")


def _without(asked: pl.DataFrame, seen: list[pl.DataFrame]) -> pl.DataFrame:
    """The queries for which nothing that holds has been found."""
    have = pl.concat([s.filter(pl.col("holds")).select("q") for s in seen])
    return asked.join(have, on="q", how="anti", maintain_order="left")


def _of_id(left: pl.DataFrame, index: Index) -> pl.DataFrame:
    """The usages whose identifier is given without a name."""
    asked = left.filter(pl.col("words") == 0, pl.col("taxon_id").is_not_null()).select("q", id="taxon_id")
    rows = index.usages.select("id").with_row_index("row").filter(pl.col("id").is_in(asked["id"].implode()))
    found = asked.join(rows, on="id")
    return found.select("q", pl.col("row").cast(pl.Int32), match=pl.lit("id"), distance=pl.lit(0, pl.UInt8))


def _at_rank(rank: str, left: pl.DataFrame, index: Index) -> pl.DataFrame:
    """The usages of one rank that bear the name given for it."""
    asked = left.select("q", name=rank).drop_nulls()
    there = index.usages.with_row_index("row").filter(pl.col("rank") == rank)
    there = there.select(pl.col("row").cast(pl.Int32), pl.col("name").replace(ALIASES.get(rank, {})))
    return asked.join(there, on="name").select("q", "row", match=pl.lit("exact"), distance=pl.lit(0, pl.UInt8))


def _sole(found: pl.DataFrame, settings: NamesSettings) -> pl.DataFrame:
    """Higher taxa; those hold that the other given ranks rather support than contradict, and that are the only one of their query."""
    # a higher taxon fits its own rank; a species' lineage says nothing of the species
    own = (pl.col("rank") == "species").cast(pl.Int8)
    rivals = sift(found.filter(pl.col("agree") + own > pl.col("contradict")), settings)
    sole = rivals.filter(pl.col("decided_by").is_not_null())
    return found.with_columns(
        holds=pl.struct("q", "row").is_in(sole.select(pl.struct("q", "row").alias("s"))["s"].implode())
    )
