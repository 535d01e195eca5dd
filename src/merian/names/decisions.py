"""The one table of how a name is decided: rows tried in order, the first whose predicate holds wins. Data, to be read and to be printed.

Each predicate is a polars expression over evidence columns:

    text        the name as written                        target      what was found: name, species, genus, higher, or null
    kind        what the parser takes it for               match       how: id, exact, ending, typo
    qualifier   cf., aff., sp. ... or null                 distance    letters that differ
    words       words of the canonical name                spelling    the canonical name is the usage's, letter by letter
    formula     a hybrid formula                           n, found    taxa left after sifting, and before
    agree       given ranks that fit the lineage           decided_by  the sieve that left one taxon
    contradict  given ranks that do not                    accepted, weak   status of the usage: accepted; misapplied or unavailable
    author      2 same, 1 may be, 0 not known, -1 other    across      the rivals fall under more than one code (animal, plant ...)
    elsewhere   the name was found, but only where no given rank fits       synonyms    no rival is an accepted name
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import polars as pl

__all__ = ["DECISIONS", "Decision", "Outcome", "decide", "markdown", "reasons"]

Outcome = Literal["taken", "raised", "undecided", "unresolved"]
"""taken: the taxon that was named. raised: a higher one, safely. undecided: several would do, so what they share. unresolved: none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of the table; `reason` is a sentence with columns in braces, `score` what the decision is worth, from 0 to 1."""

    code: str
    when: pl.Expr
    outcome: Outcome
    reason: str
    score: float


def _is(column: str, *values: str) -> pl.Expr:
    return pl.col(column).is_in(values).fill_null(False)


def _all(*conditions: pl.Expr) -> pl.Expr:
    return reduce(lambda a, b: a & b, conditions)


_NAME, _SPECIES, _GENUS, _HIGHER, _NOTHING = (
    _is("target", "name"),
    _is("target", "species"),
    _is("target", "genus"),
    _is("target", "higher"),
    pl.col("target").is_null(),
)
_ONE, _MANY = pl.col("n") == 1, pl.col("n") > 1
_SHARED = pl.col("at").is_not_null()
_EXACT = _NAME & _is("match", "exact")
_AGAINST = (pl.col("agree") == 0) & (pl.col("contradict") > 0)
_ACCEPTED = pl.col("accepted")
_BY_RANKS, _BY_AUTHOR, _BY_STATUS = (_is("decided_by", by) for by in ("higher ranks", "authorship", "status"))
# cf., aff., sp. ...: the taxon is not the one named; s.l., agg., auct. only say in what sense it is meant
_OPEN = _is("kind", "informal") & pl.col("qualifier").is_not_null()
_BLANK = pl.col("text").is_null()

DECISIONS: tuple[Decision, ...] = (
    # no name, or no certain one
    Decision("no name", _all(_BLANK, _NOTHING), "unresolved", "no name and no higher rank is given", 0.0),
    Decision("ranks only", _all(_BLANK, _HIGHER), "raised", "no name is given: the deepest given rank, {rank} {name}", 0.5),
    Decision("given id", _all(_ONE, _is("match", "id")), "taken", "the identifier {id} is that of {full}", 0.95),
    Decision("hybrid formula", _all(pl.col("formula"), _ONE, ~_HIGHER), "raised",
             "a cross of two taxa: {rank} {name} is what they share", 0.6),
    Decision("hybrid formula", _all(pl.col("formula"), _MANY, _SHARED), "raised",
             "a cross of two taxa: {rank} {name} is what they share", 0.5),
    Decision("hybrid formula", _all(pl.col("formula"), _MANY), "undecided", "a cross of taxa that share no certain taxon", 0.0),
    Decision("virus", _all(_is("kind", "virus"), _NAME, _ONE), "taken", "the virus {full}", 0.95),
    Decision("doubtful", _all(_NAME, _ONE, _is("qualifier", "?"), pl.col("words") > 1), "taken", "“?” marks the determination as doubtful: {full}", 0.5),
    Decision("qualified, contradicted", _all(_NAME, _ONE, _AGAINST, _OPEN), "raised",
             "“{qualifier}” leaves the species open: {rank} {name}, though no given higher rank fits it", 0.3),
    Decision("qualified", _all(_NAME, _ONE, _OPEN), "raised",
             "“{qualifier}” leaves the taxon open: {rank} {name} is certain", 0.7),
    Decision("informal", _all(_NAME, _ONE, _is("kind", "informal", "placeholder")), "raised",
             "not a published name: {rank} {name} is the part that is one", 0.6),
    # more than one taxon is left: never guess
    Decision("hemihomonym", _all(_EXACT, _MANY, pl.col("across")), "undecided",
             "{canonical} names {n} taxa of different codes (such as an animal and a plant) and no given rank or author decides", 0.0),
    Decision("ambiguous synonym", _all(_EXACT, _MANY, pl.col("synonyms")), "undecided",
             "{canonical} is a synonym of {n} taxa and no given rank or author decides; they share {shared}", 0.2),
    Decision("homonym", _all(_EXACT, _MANY), "undecided",
             "{canonical} names {n} taxa and no given rank or author decides; they share {shared}", 0.2),
    Decision("several near", _all(_NAME, _MANY), "undecided",
             "{canonical} is not in the backbone and {n} taxa are spelt as nearly like it; they share {shared}", 0.2),
    Decision("several above", _MANY, "undecided",
             "{canonical} is not in the backbone, and its {target} names {n} taxa; they share {shared}", 0.1),
    # exactly spelt
    Decision("contradicted", _all(_EXACT, _ONE, _AGAINST), "taken",
             "{full} is spelt so, yet none of the given higher ranks fits it: they or the name are wrong", 0.4),
    Decision("other author", _all(_EXACT, _ONE, pl.col("author") == -1, _ACCEPTED), "taken",
             "accepted name {full}; the given author {given_author} is another", 0.8),
    Decision("misapplied", _all(_EXACT, _ONE, pl.col("weak")), "taken",
             "{full} is {status} in the backbone, which refers it to {accepted_name}", 0.5),
    Decision("accepted by ranks", _all(_EXACT, _ONE, _ACCEPTED, _BY_RANKS), "taken",
             "{found} taxa bear this name; the given higher ranks ({agree} fit, {contradict} do not) choose the accepted {full}", 0.95),
    Decision("accepted by author", _all(_EXACT, _ONE, _ACCEPTED, _BY_AUTHOR), "taken",
             "{found} taxa bear this name; the given author {given_author} chooses the accepted {full}", 0.95),
    Decision("accepted before synonym", _all(_EXACT, _ONE, _ACCEPTED, _BY_STATUS), "taken",
             "{found} taxa bear this name; {full} is the accepted one, of the others it is a synonym", 0.85),
    Decision("accepted by rank", _all(_EXACT, _ONE, _ACCEPTED, ~_is("decided_by", "alone")), "taken",
             "{found} taxa bear this name; the {rank} {full} is taken ({decided_by})", 0.85),
    Decision("spelling", _all(_EXACT, _ONE, _ACCEPTED, ~pl.col("spelling")), "taken",
             "accepted name {full}, in the backbone's spelling", 0.95),
    Decision("accepted, ranks differ", _all(_EXACT, _ONE, _ACCEPTED, pl.col("contradict") > 0), "taken",
             "accepted name {full}; {contradict} of the given higher ranks is placed otherwise, {agree} fit", 0.9),
    Decision("accepted", _all(_EXACT, _ONE, _ACCEPTED), "taken", "accepted name {full}", 1.0),
    Decision("synonym by ranks", _all(_EXACT, _ONE, _BY_RANKS), "taken",
             "{found} taxa bear this name; the given higher ranks ({agree} fit, {contradict} do not) choose {full}, {status} of {accepted_name}", 0.9),
    Decision("synonym by author", _all(_EXACT, _ONE, _BY_AUTHOR), "taken",
             "{found} taxa bear this name; the given author {given_author} chooses {full}, {status} of {accepted_name}", 0.9),
    Decision("synonym, other author", _all(_EXACT, _ONE, pl.col("author") == -1), "taken",
             "{full} is a {status} of {accepted_name}; the given author {given_author} is another", 0.7),
    Decision("synonym", _all(_EXACT, _ONE), "taken", "{full} is a {status} of {accepted_name}", 0.95),
    # nearly so
    Decision("ending", _all(_NAME, _ONE, _is("match", "ending")), "taken",
             "{canonical} differs from {full} in its Latin ending only", 0.9),
    Decision("typo in a genus", _all(_NAME, _ONE, pl.col("words") == 1), "taken",
             "{canonical} is not in the backbone; {full} is one letter off and no other is", 0.6),
    Decision("typo of two letters", _all(_NAME, _ONE, pl.col("distance") > 1), "taken",
             "{canonical} is not in the backbone; {full} is the only name as near (2 off): it may yet be another species", 0.6),
    Decision("typo, supported", _all(_NAME, _ONE, pl.col("agree") > 0), "taken",
             "{canonical} is not in the backbone; {full} is the only name as near ({distance} off), and the given ranks fit it", 0.85),
    Decision("typo", _all(_NAME, _ONE), "taken",
             "{canonical} is not in the backbone; {full} is the only name as near ({distance} off)", 0.75),
    # something above it
    Decision("its species", _all(_SPECIES, _ONE), "raised", "{canonical} is not in the backbone; its species {name} is", 0.7),
    Decision("its genus", _all(_GENUS, _ONE, _is("match", "exact")), "raised",
             "{canonical} is not in the backbone; its genus {name} is", 0.6),
    Decision("its genus, misspelt", _all(_GENUS, _ONE), "raised",
             "{canonical} is not in the backbone; the genus {name} is one letter off and the given ranks fit it", 0.4),
    Decision("placed elsewhere", _all(_HIGHER, pl.col("elsewhere")), "raised",
             "the backbone has {canonical} only where no given rank fits; the given {rank} {name} is taken", 0.4),
    Decision("not a name, ranks taken", _all(_HIGHER, pl.col("words") == 0), "raised",
             "“{text}” is {what}; the given {rank} {name} is taken", 0.4),
    Decision("given rank", _HIGHER, "raised",
             "neither {canonical} nor its genus is in the backbone; the given {rank} {name} is taken", 0.5),
    # nothing
    Decision("elsewhere only", pl.col("elsewhere"), "unresolved",
             "the backbone has {canonical} only where no given rank fits, and none of the given ranks", 0.0),
    Decision("not a name", pl.col("words") == 0, "unresolved", "“{text}” is {what}, and no given higher rank is in the backbone", 0.0),
    Decision("unknown", pl.lit(True), "unresolved", "neither {canonical}, nor its genus, nor any given higher rank is in the backbone", 0.0),
)  # fmt: skip

_HOLE = re.compile(r"\{(\w+)\}")


def decide(evidence: pl.DataFrame) -> pl.Series:
    """The number of the first row of DECISIONS that holds for each row of the evidence."""
    numbers = [pl.when(d.when.fill_null(False)).then(pl.lit(i, pl.Int16)) for i, d in enumerate(DECISIONS)]
    return evidence.select(pl.coalesce(numbers).alias("decision")).to_series()


def reasons(evidence: pl.DataFrame, decision: pl.Series) -> pl.Series:
    """The sentence of each row's decision, its holes filled from the evidence's columns."""
    wanted = sorted({hole for d in DECISIONS for hole in _HOLE.findall(d.reason)})
    text = evidence.select(pl.col(hole).cast(pl.String).fill_null("?") for hole in wanted)
    frame = text.with_columns(decision.alias("decision"), at_row=pl.int_range(pl.len()))
    parts = [pl.DataFrame(schema={"at_row": pl.Int64, "reason": pl.String})]
    for part in frame.partition_by("decision", maintain_order=True):
        # not pl.format: polars 2.1 panics in it when the first chunk of a column is empty
        pieces = _HOLE.split(DECISIONS[int(part["decision"][0])].reason)
        words = [pl.col(piece) if i % 2 else pl.lit(piece) for i, piece in enumerate(pieces)]
        parts.append(part.select("at_row", reason=pl.concat_str(words)))
    return pl.concat(parts).sort("at_row").get_column("reason")


def markdown() -> str:
    """The table as Markdown: for the docs."""
    rows = ["| | decision | outcome | score | because |", "|---|---|---|---|---|"]
    rows += [f"| {i} | {d.code} | {d.outcome} | {d.score:g} | {d.reason} |" for i, d in enumerate(DECISIONS, 1)]
    return "\n".join(rows) + "\n"
