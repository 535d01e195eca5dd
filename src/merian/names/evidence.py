"""What speaks for and against each candidate: the given higher ranks, the authorship, the status; and how rivals are sifted.

A candidate is a usage that a query may mean; its taxon is the accepted usage that it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from merian.core.tree import RANKS
from merian.names.matching import Index, keys, rows_at
from merian.names.settings import NamesSettings
from merian.names.usages import ACCEPTED

__all__ = ["ALIASES", "SIEVES", "Sieve", "ancestors", "authors_agree", "common", "given_ranks", "sift", "weigh"]

HIGHER = RANKS[:5]
"""Ranks whose contradiction counts; a given genus may agree (with the accepted genus of a synonym), yet never contradicts."""

ALIASES: dict[str, dict[str, str]] = {
    "kingdom": {
        "Metazoa": "Animalia",
        "Animal": "Animalia",
        "Viridiplantae": "Plantae",
        "Archaeplastida": "Plantae",
        "Plant": "Plantae",
        "Eumycota": "Fungi",
        "Mycota": "Fungi",
        "Eubacteria": "Bacteria",
        "Monera": "Bacteria",
        "Archaebacteria": "Archaea",
        "Pseudomonadati": "Bacteria",
        "Stramenopila": "Chromista",
        "Protista": "Protozoa",
    },
    "phylum": {
        "Craniata": "Chordata",
        "Vertebrata": "Chordata",
        "Magnoliophyta": "Tracheophyta",
        "Angiospermae": "Tracheophyta",
        "Anthophyta": "Tracheophyta",
        "Spermatophyta": "Tracheophyta",
        "Streptophyta": "Tracheophyta",
        "Pteridophyta": "Tracheophyta",
        "Pinophyta": "Tracheophyta",
        "Coniferophyta": "Tracheophyta",
    },
    "class": {
        "Actinopteri": "Actinopterygii",
        "Teleostei": "Actinopterygii",
        "Osteichthyes": "Actinopterygii",
        "Hexapoda": "Insecta",
        "Squamata": "Reptilia",
        "Testudines": "Reptilia",
        "Crocodylia": "Reptilia",
        "Lepidosauria": "Reptilia",
        "Chondrichthyes": "Elasmobranchii",
        "Dicotyledonae": "Magnoliopsida",
        "Dicotyledoneae": "Magnoliopsida",
        "Monocotyledonae": "Liliopsida",
        "Monocotyledoneae": "Liliopsida",
        "Coniferopsida": "Pinopsida",
        "Filicopsida": "Polypodiopsida",
    },
    "order": {"Artiodactyla": "Cetartiodactyla", "Cetacea": "Cetartiodactyla", "Chelonia": "Testudines"},
    "family": {
        "Compositae": "Asteraceae",
        "Cruciferae": "Brassicaceae",
        "Gramineae": "Poaceae",
        "Guttiferae": "Clusiaceae",
        "Labiatae": "Lamiaceae",
        "Leguminosae": "Fabaceae",
        "Palmae": "Arecaceae",
        "Papilionaceae": "Fabaceae",
        "Umbelliferae": "Apiaceae",
    },
}
"""Names that are read as one when given ranks are compared with a backbone's: other classifications' names of the same group (NCBI, ITIS, GBIF, COL)
and the eight families with two valid names (ICN Art. 18.5). Never used to rename a result."""

CODES = {
    "Animalia": "zoological",
    "Protozoa": "zoological",
    "Plantae": "botanical",
    "Fungi": "botanical",
    "Chromista": "botanical",
    "Bacteria": "bacterial",
    "Archaea": "bacterial",
    "Viruses": "virus",
}
"""The code that names of a kingdom fall under, where the backbone does not say it: a name can be valid once in each."""

WEAK = ("misapplied", "unavailable")


def given_ranks(ranks: pl.DataFrame, names: pl.Series, index: Index) -> pl.DataFrame:
    """The given ranks of each query (columns `kingdom` ... `species`), as the backbone accepts them, to compare with its lineages.

    What repeats the first word of the query's own name says nothing and is null. A synonym is replaced with its accepted name.
    """
    first = names.str.split(" ").list.first()
    columns = {}
    for rank in RANKS:
        text = ranks[rank] if rank in ranks.columns else pl.repeat(None, len(names), dtype=pl.String, eager=True)
        plain = text.str.strip_chars()
        word = plain.str.slice(0, 1).str.to_uppercase() + plain.str.slice(1).str.to_lowercase()
        columns[rank] = ranks.select(
            pl.when((word != "") & word.ne_missing(names if rank == "species" else first)).then(word).alias(rank)
        ).to_series()
    frame = pl.DataFrame(columns)
    return frame.with_columns(_accepted(frame[rank], rank, index) for rank in RANKS)


def _accepted(given: pl.Series, rank: str, index: Index) -> pl.Series:
    """Given names of one rank: aliases unified, synonyms of that rank replaced with the accepted name, unknown ones null."""
    usages = index.usages
    asked = given.drop_nulls().unique()
    if asked.is_empty():
        return given
    mine = usages.filter((pl.col("rank") == rank) & pl.col("name").is_in(asked.implode()))
    good = mine.filter(pl.col("status").is_in(ACCEPTED))["name"]
    synonyms = mine.filter(~pl.col("status").is_in(ACCEPTED) & ~pl.col("name").is_in(good.implode()))
    moved = synonyms.select("name", new=usages[rank].gather(synonyms["accepted"])).drop_nulls()
    moved = moved.group_by("name").agg(pl.col("new").unique()).filter(pl.col("new").list.len() == 1)
    new = dict(zip(moved["name"], moved["new"].list.first(), strict=True))
    aliases = ALIASES.get(rank, {})
    named = given.replace(new).replace(aliases)
    # a name that the backbone does not know, or "incertae sedis", neither fits nor contradicts
    known = pl.concat([_anywhere(usages, asked), usages[rank].unique()]).replace(aliases).drop_nulls()
    return named.to_frame().select(pl.when(pl.col(rank).is_in(known.implode())).then(rank)).to_series()


def _anywhere(usages: pl.DataFrame, asked: pl.Series) -> pl.Series:
    """Those of `asked` that are names of accepted usages, whatever their rank."""
    return usages.filter(pl.col("name").is_in(asked.implode()), pl.col("status").is_in(ACCEPTED))["name"]


def weigh(found: pl.DataFrame, given: pl.DataFrame, index: Index, authored: pl.DataFrame) -> pl.DataFrame:
    """Candidates with evidence. `found` is FOUND, `given` has q and the ranks of `given_ranks`, `authored` q, author, year of the query.

    Columns added: taxon (row of the accepted usage), status, agree and contradict (how many given ranks do), author (2 same, 1 compatible, 0 not
    known, -1 other), accepted, weak, main (its rank is one of the seven), kingdom, code, id.
    """
    usages = index.usages
    row = found["row"]
    mine = rows_at(usages.select("id", "name", "authorship", "rank", "status", "accepted", "code"), row)
    taxon = mine["accepted"].rename("taxon")
    lineage = rows_at(usages.select(RANKS), taxon).select(
        pl.col(r).replace(ALIASES.get(r, {})).alias(f"its {r}") for r in RANKS[:6]
    )
    frame = pl.concat([found, mine, taxon.to_frame(), lineage], how="horizontal").join(
        given, on="q", how="left", maintain_order="left"
    )
    anywhere = {
        r: pl.any_horizontal(pl.col(r) == pl.col(f"its {s}") for s in RANKS[:6]).fill_null(False) for r in RANKS[:6]
    }
    frame = frame.with_columns(
        agree=pl.sum_horizontal(anywhere.values()).cast(pl.Int8),
        contradict=pl.sum_horizontal(
            (pl.col(r).is_not_null() & pl.col(f"its {r}").is_not_null() & ~anywhere[r]) for r in HIGHER
        ).cast(pl.Int8),
        group=pl.coalesce("code", pl.col("its kingdom").replace_strict(CODES, default=pl.col("its kingdom"))),
        kingdom=pl.col("its kingdom"),
        accepted=pl.col("status").is_in(ACCEPTED),
        weak=pl.col("status").is_in(WEAK),
        main=pl.col("rank").is_in(RANKS),
    )
    frame = frame.with_columns(author=_authors(frame.select("q", "authorship"), authored))
    wanted = (
        "q",
        "row",
        "match",
        "distance",
        "id",
        "name",
        "authorship",
        "rank",
        "status",
        "taxon",
        "agree",
        "contradict",
    )
    return frame.select(*wanted, "author", "accepted", "weak", "main", "kingdom", "group")


@dataclass(frozen=True, slots=True)
class Sieve:
    """One way to choose between rivals: those with the most of `most` stay, among the queries for which `when` holds."""

    name: str
    most: pl.Expr
    when: pl.Expr


_RANKS = pl.col("agree").cast(pl.Int16) * 16 - pl.col("contradict").cast(pl.Int16)
_CODES = pl.col("group").n_unique().over("q")
SIEVES = (
    Sieve("id", pl.col("by_id").cast(pl.Int16), pl.lit(True)),
    Sieve("higher ranks", _RANKS, _CODES > 1),
    Sieve("authorship", pl.max_horizontal(pl.col("author"), pl.lit(0)).cast(pl.Int16), pl.lit(True)),
    Sieve("higher ranks", _RANKS, pl.lit(True)),
    Sieve("use", (~pl.col("weak")).cast(pl.Int16), pl.lit(True)),
    Sieve("status", pl.col("accepted").cast(pl.Int16), pl.lit(True)),
    Sieve("rank", pl.col("main").cast(pl.Int16), _CODES == 1),
)
"""Tried in order while a query has more than one taxon left. Between codes (an animal and a plant of one name) the given higher ranks decide before
the authorship, within a code the authorship before the ranks. "status" asks the setting `accepted_wins`."""


def sift(rivals: pl.DataFrame, settings: NamesSettings) -> pl.DataFrame:
    """The candidates that stay, with `decided_by`: the sieve that left one taxon, "alone" when there was one, null when more are left."""
    alone = pl.col("taxon").n_unique().over("q") == 1
    rivals = rivals.with_columns(decided_by=pl.when(alone).then(pl.lit("alone")))
    done = [rivals.filter(pl.col("decided_by").is_not_null())]
    left = rivals.filter(pl.col("decided_by").is_null())
    for sieve in SIEVES:
        if left.is_empty():
            break
        when = sieve.when
        if sieve.name == "status" and settings.accepted_wins != "always":
            when = pl.lit(False) if settings.accepted_wins == "never" else _CODES == 1
        left = left.with_columns(value=pl.when(when).then(sieve.most).otherwise(0))
        left = left.filter(pl.col("value") == pl.col("value").max().over("q")).drop("value")
        left = left.with_columns(decided_by=pl.when(alone).then(pl.lit(sieve.name)))
        done.append(left.filter(pl.col("decided_by").is_not_null()))
        left = left.filter(pl.col("decided_by").is_null())
    return pl.concat([*done, left])


def common(rivals: pl.DataFrame, usages: pl.DataFrame) -> pl.DataFrame:
    """The deepest taxon that all rivals (q, taxon) of a query share: columns q, the seven ranks down to it, `at` (its rank, null when they share none)."""
    ranks = list(RANKS)
    lines = pl.concat([rivals.select("q"), rows_at(usages.select(ranks), rivals["taxon"])], how="horizontal")
    shared = lines.group_by("q", maintain_order=True).agg(
        *(pl.col(r).first() for r in ranks), *(pl.col(r).n_unique().alias(f"{r} n") for r in ranks)
    )
    whole = [pl.all_horizontal(pl.col(f"{r} n") == 1 for r in ranks[: i + 1]) for i in range(len(ranks))]
    shared = shared.with_columns(pl.when(keep).then(pl.col(r)).alias(r) for r, keep in zip(ranks, whole, strict=True))
    deepest = pl.coalesce(*(pl.when(pl.col(r).is_not_null()).then(pl.lit(r)) for r in reversed(ranks)))
    return shared.select("q", *ranks, at=deepest)


def ancestors(lines: pl.DataFrame, usages: pl.DataFrame) -> pl.Series:
    """The row of the accepted usage that each line (seven ranks, `at` the rank of its end) names; null when the backbone has no row for it."""
    asked = lines.select(*RANKS, "at").with_row_index("line")
    rows = [pl.DataFrame(schema={"line": pl.UInt32, "row": pl.Int32})]
    accepted = usages.with_row_index("row").filter(pl.col("status").is_in(ACCEPTED))
    for i, rank in enumerate(RANKS):
        path = list(RANKS[: i + 1])
        mine = asked.filter(pl.col("at") == rank)
        there = accepted.filter(pl.col("rank") == rank)
        if mine.is_empty() or there.is_empty():
            continue
        if rank != "species":  # a species' own name is its epithet's column in some tables, its whole name in others
            there = there.filter(pl.col("name") == pl.col(rank))
        hits = mine.join(there.sort("id").unique(path, keep="first", maintain_order=True), on=path, nulls_equal=True)
        rows.append(hits.select("line", pl.col("row").cast(pl.Int32)))
    return asked.join(pl.concat(rows), on="line", how="left", maintain_order="left")["row"]


def _authors(candidates: pl.DataFrame, authored: pl.DataFrame) -> pl.Series:
    """How well the authorship of each candidate (q, authorship) fits that of its query (q, author): 2, 1, 0 or -1, see `weigh`."""
    pairs = candidates.join(authored, on="q", how="left", maintain_order="left").select("authorship", "author")
    asked = pairs.drop_nulls().unique()
    values = [authors_agree(a, b) for a, b in asked.select("author", "authorship").iter_rows()]
    asked = asked.with_columns(value=pl.Series(values, dtype=pl.Int8))
    fits = pairs.join(asked, on=["authorship", "author"], how="left", maintain_order="left")["value"]
    return fits.fill_null(0)


_YEAR = re.compile(r"\b(1[6-9]\d\d|20\d\d)\b")
_SMALL = frozenset(
    ("et", "ex", "in", "and", "von", "van", "der", "de", "du", "da", "le", "la", "f", "fil", "filius", "jr", "sr")
    + ("auct", "non", "nec", "sensu", "emend", "al")
)


_LINNAEUS = {"l": "linnaeus", "linn": "linnaeus", "linne": "linnaeus", "linnae": "linnaeus"}


def authors_agree(given: str, known: str) -> int:
    """2 when two authorships have the same surnames and no other year, 1 when each surname may stand for the other's (L., Linnaeus) or one leaves
    out who published or proposed the name (Willd. ex Schltdl. may be cited as Schltdl., ICN 46.5, and is often cited as Willd.), else -1."""
    years = _YEAR.search(given), _YEAR.search(known)
    if years[0] and years[1] and abs(int(years[0][0]) - int(years[1][0])) > 1:
        return -1
    value = _same_surnames(given, known)
    if value == -1 and (_WITH.search(given) or _WITH.search(known)):
        kept = (r"\1\2", r"\1\3")
        pairs = ((_WITH.sub(a, given), _WITH.sub(b, known)) for a in kept for b in kept)
        return 1 if any(_same_surnames(*pair) > 0 for pair in pairs) else -1
    return value


_WITH = re.compile(r"(^|[()])([^()]+?) (?:ex|in) ([^()]+)")


def _same_surnames(given: str, known: str) -> int:
    """`authors_agree` of authorships as they stand, whose years do not exclude each other."""
    years = _YEAR.search(given), _YEAR.search(known)
    mine, its = _surnames(given), _surnames(known)
    if not mine or not its:
        return 1 if years[0] and years[1] else 0
    if mine == its:
        return 2 if not (years[0] and years[1]) or years[0][0] == years[1][0] else 1
    short, long = sorted((mine, its), key=len)
    ahead = all(a.startswith(b) or b.startswith(a) for a, b in zip(short, long, strict=False))
    behind = all(a.startswith(b) or b.startswith(a) for a, b in zip(reversed(short), reversed(long), strict=False))
    return 1 if ahead or behind else -1


def _surnames(authorship: str) -> Sequence[str]:
    """The surnames of an authorship in lower case, without initials, years and small words: `(H.Karst. & L.) Gray, 1821` is karst, l, gray."""
    folded = keys(pl.Series([authorship]))[0] if not authorship.isascii() else authorship.lower()
    parts = re.split(r"[\s,&()\[\];]+", _YEAR.sub(" ", folded))
    names = []
    for part in parts:
        words = [w for w in re.split(r"\.", part) if w.isalpha() and w not in _SMALL]
        whole = [w for w in words if len(w) > 1]
        names += [_LINNAEUS.get(w, w) for w in (whole or words)]
    # an initial before a surname is no surname; alone ("L.") it is
    return [w for i, w in enumerate(names) if len(w) > 1 or i + 1 == len(names) or len(names) == 1]
