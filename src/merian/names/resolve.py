"""Messy names to the taxa of a backbone, each with its decision, a sentence that says why, and the alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from merian.core.errors import BadData
from merian.core.tree import RANKS
from merian.names.decisions import DECISIONS, decide, reasons
from merian.names.evidence import ancestors, common
from merian.names.matching import Index, rows_at
from merian.names.parse import parse_all
from merian.names.search import QUERY, Candidates, search
from merian.names.settings import NamesSettings

if TYPE_CHECKING:
    from merian.names.backbone import Backbone

__all__ = ["INPUT", "RESOLVED", "Resolution", "Trace", "explain", "resolve"]

INPUT = ("verbatim_name", *RANKS, "authorship", "taxon_id")
"""Columns that are read; all but one of the name and the ranks may be absent."""

RESOLVED: dict[str, Any] = {
    "taxon_id": pl.String,
    "name": pl.String,
    "authorship": pl.String,
    "rank": pl.String,
    "status": pl.String,
    "accepted_id": pl.String,
    "accepted_name": pl.String,
    **dict.fromkeys(RANKS, pl.String),
    "qualifier": pl.String,
    "decision": pl.String,
    "outcome": pl.String,
    "reason": pl.String,
    "alternatives": pl.List(pl.String),
    "score": pl.Float64,
}
"""Columns of a resolved row: the usage found (its identifier, name, rank, status), the accepted taxon and its lineage, and how it was decided."""


KINDS = {
    "virus": "the name of a virus that the backbone does not have",
    "placeholder": "a placeholder, no name",
    "informal": "an informal name",
    "hybrid formula": "a cross of taxa that are not in the backbone",
}
"""Kinds of text that are no name, in words."""


@dataclass(frozen=True, eq=False)
class Resolution:
    """`frame`: one row per input row in its order (columns RESOLVED); `version`: the backbone's."""

    frame: pl.DataFrame
    version: str

    @property
    def counts(self) -> pl.DataFrame:
        """Rows per decision: columns decision, outcome, rows, score (the mean); most frequent first."""
        counted = self.frame.group_by("decision", "outcome").agg(rows=pl.len(), score=pl.col("score").mean().round(4))
        return counted.sort("rows", "decision", "outcome", descending=[True, False, False])

    @property
    def unresolved(self) -> pl.DataFrame:
        """The rows that no taxon was found for, or several without a choice."""
        return self.frame.filter(pl.col("outcome").is_in(["undecided", "unresolved"]))


@dataclass(frozen=True, eq=False)
class Trace:
    """How one name was decided: the parsed name and evidence as columns and values, the candidates, the rows of the table that hold, the result."""

    evidence: dict[str, object]
    candidates: pl.DataFrame
    holding: tuple[int, ...]
    result: dict[str, object]


def resolve(table: pl.DataFrame, backbone: Backbone, settings: NamesSettings | None = None) -> Resolution:
    """The taxon of each row of `table` (columns of INPUT; others are ignored), equal rows decided once.

    A row that cannot be resolved stays, with a reason. Raises BadData when the table has neither names nor ranks.
    """
    settings = settings or NamesSettings()
    rows = _readable(table)
    columns = rows.columns
    distinct = rows.unique(maintain_order=True).with_row_index("q")
    index = Index.of(backbone.usages)
    queries = _queries(distinct, index, settings)
    resolved = _resolved(queries, search(queries, index, settings), index, settings)
    if len(distinct) == len(rows):
        return Resolution(resolved, backbone.version)
    at = rows.join(distinct, on=columns, how="left", nulls_equal=True, maintain_order="left")["q"]
    return Resolution(rows_at(resolved, at), backbone.version)


def explain(given: Mapping[str, str | None], backbone: Backbone, settings: NamesSettings | None = None) -> Trace:
    """How the name in `given` (keys of INPUT) is decided, step by step."""
    settings = settings or NamesSettings()
    rows = _readable(pl.DataFrame([dict(given)], schema=dict.fromkeys(given, pl.String)))
    index = Index.of(backbone.usages)
    queries = _queries(rows.with_row_index("q"), index, settings)
    found = search(queries, index, settings)
    evidence = _evidence(queries, found, index)
    holds = [bool(evidence.select(d.when.fill_null(False)).item()) for d in DECISIONS]
    candidates = found.seen.join(
        found.kept.select("q", "row", "target", kept=pl.lit(True)), on=["q", "row", "target"], how="left"
    )
    accepted = index.usages["name"].gather(candidates["taxon"]).alias("accepted_name")
    return Trace(
        queries.drop("q").row(0, named=True) | evidence.drop("q").row(0, named=True),
        candidates.with_columns(accepted, pl.col("kept").fill_null(False)).sort("id"),
        tuple(i for i, hold in enumerate(holds) if hold),
        _resolved(queries, found, index, settings).row(0, named=True),
    )


def _readable(table: pl.DataFrame) -> pl.DataFrame:
    """The columns of INPUT as trimmed text, null where empty; a species that is an epithet only is put behind its genus, and the name
    is the deepest rank given where it is absent."""
    there = [c for c in INPUT if c in table.columns]
    if not set(there) & {"verbatim_name", *RANKS, "taxon_id"}:
        raise BadData("table of names", f"has none of the columns {', '.join(INPUT)}", table.columns)
    text = {c: pl.col(c).cast(pl.String).str.strip_chars() for c in there}
    rows = table.select(
        (pl.when(text[c] != "").then(text[c]) if c in there else pl.lit(None, pl.String)).alias(c) for c in INPUT
    )
    epithet = pl.col("species").str.contains(r"^\p{Ll}[\p{Ll}-]*$") & pl.col("genus").is_not_null()
    rows = rows.with_columns(
        species=pl.when(epithet).then(pl.col("genus") + " " + pl.col("species")).otherwise("species")
    )
    return rows.with_columns(verbatim_name=pl.coalesce("verbatim_name", "species", "genus"))


def _parsed(texts: pl.Series, index: Index, settings: NamesSettings) -> pl.DataFrame:
    """Columns canonical, kind, qualifier, words, own (its authorship) of each text.

    A plain binomial that the backbone has, letter by letter, is read as what it is: most names are, and the parser takes 6 us for each.
    """
    species = index.usages.filter(pl.col("rank") == "species")["name"]
    sure = texts.is_in(species.implode()) & texts.str.contains(r"^[A-Z][a-z]{2,} [a-z]{3,}$")
    rest = parse_all(texts.filter(~sure), workers=settings.workers)
    plain = texts.filter(sure).alias("canonical").to_frame()
    plain = plain.with_columns(kind=pl.lit("name"), cardinality=pl.lit(2, pl.Int8))
    both = pl.concat(
        [plain, rest.select("canonical", "kind", "qualifier", "cardinality", "authorship")], how="diagonal"
    )
    place = pl.concat([sure.arg_true(), (~sure).arg_true()]).alias("place")
    author = pl.when(pl.col("authorship") != "").then("authorship")
    ordered = both.with_columns(place).sort("place")
    return ordered.select("canonical", "kind", "qualifier", words="cardinality", own=author)


def _queries(distinct: pl.DataFrame, index: Index, settings: NamesSettings) -> pl.DataFrame:
    """Queries (columns QUERY, and qualifier) of distinct input rows."""
    parsed = _parsed(distinct["verbatim_name"].fill_null(""), index, settings)
    frame = pl.concat([distinct.rename({"verbatim_name": "text"}), parsed], how="horizontal")
    # "cf. Puma concolor" may be any Puma
    before = pl.col("text").str.contains(r"^\W*(?:(?i)cf|cfr|aff|nr|prope)[. ]") & (pl.col("kind") == "informal")
    frame = frame.with_columns(
        canonical=pl.when(before).then(pl.col("canonical").str.extract(r"^(\S+)")).otherwise("canonical"),
        words=pl.when(before).then(1).otherwise("words").cast(pl.Int8),
    )
    # "P. concolor" beside the genus Puma
    initial = pl.col("canonical").str.extract(r"^(\p{Lu}\p{Ll}?)\. ")
    whole = pl.col("genus") + pl.col("canonical").str.replace(r"^\S+", "")
    canonical = pl.when((pl.col("genus").str.starts_with(initial)).fill_null(False)).then(whole).otherwise("canonical")
    frame = frame.with_columns(
        canonical=pl.when(pl.col("canonical") != "").then(canonical),
        author=pl.coalesce("authorship", "own"),
        q=pl.col("q").cast(pl.UInt32),
    )
    return frame.select(*QUERY, "qualifier")


def _evidence(queries: pl.DataFrame, found: Candidates, index: Index) -> pl.DataFrame:
    """One row per query with the evidence columns of `decisions`, the rows chosen (`row`, `taxon`; null where none) and what rivals share."""
    kept = found.kept.sort(
        "q", "accepted", "author", "weak", "main", "id", descending=[False, True, True, False, True, False]
    )
    best = kept.unique("q", keep="first", maintain_order=True)
    left = kept.group_by("q").agg(
        n=pl.col("taxon").n_unique(),
        across=pl.col("group").n_unique() > 1,
        synonyms=~pl.col("accepted").any(),
    )
    rivals = found.seen.join(best.select("q", "target", "match"), on=["q", "target", "match"])
    before = rivals.group_by("q").agg(found=pl.col("taxon").n_unique())
    dropped = found.seen.filter(~pl.col("holds"), pl.col("target") == "name", pl.col("match") == "exact")
    frame = queries.select(
        "q",
        "text",
        "canonical",
        "kind",
        "words",
        "qualifier",
        formula=pl.col("kind") == "hybrid formula",
        given_author="author",
    )
    for part in (best.drop("kingdom", "group"), left, before):
        frame = frame.join(part, on="q", how="left", maintain_order="left")
    many = kept.join(left.filter(pl.col("n") > 1), on="q", how="semi")
    shared = common(many, index.usages)
    shared = shared.with_columns(ancestors(shared, index.usages).alias("ancestor"))
    frame = frame.join(shared, on="q", how="left", maintain_order="left")
    return frame.with_columns(
        n=pl.col("n").fill_null(0),
        # a rival that no given rank fits has been dropped before: the ranks decided
        decided_by=pl.when((pl.col("decided_by") == "alone") & (pl.col("found") > 1))
        .then(pl.lit("higher ranks"))
        .otherwise("decided_by"),
        elsewhere=pl.col("q").is_in(dropped["q"].unique().implode()),
        spelling=(pl.col("name") == pl.col("canonical")).fill_null(False),
    )


def _resolved(queries: pl.DataFrame, found: Candidates, index: Index, settings: NamesSettings) -> pl.DataFrame:
    """The resolved row (columns RESOLVED) of each query, in their order."""
    evidence = _evidence(queries, found, index)
    decision = decide(evidence)
    usages, many = index.usages, pl.col("n") > 1
    frame = evidence.select(
        row=pl.when(many).then("ancestor").otherwise("row"),
        taxon=pl.when(many).then("ancestor").otherwise("taxon"),
        shared=pl.when(many).then(pl.coalesce(*reversed(RANKS))),
    )
    usage = rows_at(usages.select("id", "name", "authorship", "rank", "status"), frame["row"])
    accepted = rows_at(
        usages.select(pl.col("id").alias("accepted_id"), pl.col("name").alias("accepted_name"), *RANKS), frame["taxon"]
    )
    shared = evidence.select(pl.when(many).then(pl.col(r)).alias(f"shared {r}") for r in RANKS)
    frame = pl.concat(
        [evidence.select("q", "n", "at", "qualifier"), usage, accepted, shared, frame.select("shared")],
        how="horizontal",
    )
    frame = frame.with_columns(
        pl.coalesce("name", "shared").alias("name"),
        pl.coalesce("rank", "at").alias("rank"),
        pl.coalesce("accepted_name", "shared").alias("accepted_name"),
        *(pl.coalesce(r, f"shared {r}").alias(r) for r in RANKS),
        full=pl.concat_str("name", "authorship", separator=" ", ignore_nulls=True),
    )
    told = evidence.drop(
        *(c for c in evidence.columns if c in frame.columns and c != "q"), *RANKS, "row", "taxon", strict=False
    )
    told = pl.concat([told, frame.drop("q")], how="horizontal").with_columns(
        pl.when(pl.col("name").is_not_null())
        .then(pl.concat_str(pl.col("rank").fill_null(""), "name", separator=" "))
        .otherwise(pl.lit("nothing"))
        .alias("shared"),
        what=pl.col("kind").replace_strict(KINDS, default="not a name"),
    )
    table = pl.DataFrame(
        {
            "decision": [d.code for d in DECISIONS],
            "outcome": [d.outcome for d in DECISIONS],
            "score": [d.score for d in DECISIONS],
        }
    )
    others = _alternatives(found.seen, evidence, index, settings)
    return (
        pl.concat(
            [frame, rows_at(table, decision), reasons(told, decision).to_frame(), others.to_frame()], how="horizontal"
        )
        .rename({"id": "taxon_id"})
        .select(pl.col(name).cast(kind) for name, kind in RESOLVED.items())
    )


def _alternatives(seen: pl.DataFrame, evidence: pl.DataFrame, index: Index, settings: NamesSettings) -> pl.Series:
    """For each query the other candidates as text: identifier, name, what it stands for and where; the likeliest first."""
    chosen = evidence.select("q", pl.when(pl.col("n") == 1).then("taxon").alias("chosen"))
    others = seen.join(chosen, on="q").filter(pl.col("taxon").ne_missing(pl.col("chosen")))
    others = others.sort("q", "holds", "agree", "distance", "id", descending=[False, True, True, False, False])
    others = others.unique(["q", "id"], keep="first", maintain_order=True)
    names = pl.concat_str("name", "authorship", separator=" ", ignore_nulls=True)
    taxon = rows_at(index.usages.select("name", "kingdom", "family"), others["taxon"])
    others = others.with_columns(
        taxon["name"].alias("stands"),
        pl.concat_str(taxon["kingdom"], taxon["family"], separator=", ", ignore_nulls=True).alias("place"),
    )
    stands = pl.when("accepted").then(pl.lit("")).otherwise(pl.lit(" = ") + pl.col("stands").fill_null("?"))
    text = pl.concat_str(
        pl.col("id").fill_null("-"),
        pl.lit(" "),
        names,
        stands,
        pl.lit(" ("),
        pl.col("place").fill_null("?"),
        pl.lit(")"),
    )
    lists = (
        others.select("q", text.alias("alternatives")).group_by("q", maintain_order=True).head(settings.alternatives)
    )
    lists = lists.group_by("q", maintain_order=True).agg("alternatives")
    joined = evidence.select("q").join(lists, on="q", how="left", maintain_order="left")
    return joined["alternatives"].fill_null(pl.lit([], pl.List(pl.String)))
