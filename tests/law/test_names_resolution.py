"""Laws of the resolution: accepted names stay what they are, order and strangers change nothing, the search for typos misses none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein

from merian.core.tree import RANKS
from merian.names.matching import Index, misspelt
from merian.names.resolve import resolve
from merian.names.settings import NamesSettings

GENERA = ["Albus", "Alba", "Corvus", "Corva", "Minor", "Oenanthe", "Picus"]
EPITHETS = ["niger", "nigra", "nigrata", "alpinus", "alpestris", "vulgaris", "vulgarensis", "smithi"]
LINEAGES = [
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Muscicapidae"),
    ("Animalia", "Arthropoda", None, "Diptera", "Muscidae"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Apiales", "Apiaceae"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", None, "Rosaceae"),
]


@dataclass(frozen=True, eq=False)
class Made:
    """What the resolution reads of a Backbone."""

    usages: pl.DataFrame
    version: str = "made up"


@st.composite
def backbones(draw: st.DrawFn) -> Made:
    """Genera in one or more lineages, their species, and synonyms that may bear the name of any other."""
    places = draw(st.lists(st.tuples(st.sampled_from(GENERA), st.integers(0, 4)), min_size=1, max_size=6, unique=True))
    species = draw(
        st.lists(
            st.tuples(st.integers(0, len(places) - 1), st.sampled_from(EPITHETS)), min_size=1, max_size=10, unique=True
        )
    )
    synonyms = draw(
        st.lists(
            st.tuples(st.sampled_from(GENERA), st.sampled_from(EPITHETS), st.integers(0, len(species) - 1)), max_size=6
        )
    )
    rows: list[dict[str, Any]] = []
    for genus, place in places:
        line = dict(zip(RANKS[:5], LINEAGES[place], strict=True)) | {"genus": genus, "species": None}
        rows.append({"name": genus, "rank": "genus", "status": "accepted", "accepted": len(rows), **line})
    for at, epithet in species:
        name = f"{places[at][0]} {epithet}"
        rows.append(
            rows[at]
            | {"name": name, "rank": "species", "status": "accepted", "accepted": len(rows)}
            | {"species": name}
        )
    for genus, epithet, target in synonyms:
        rows.append(rows[len(places) + target] | {"name": f"{genus} {epithet}", "status": "synonym"})
    schema = {"name": pl.String, "rank": pl.String, "status": pl.String, "accepted": pl.Int32} | dict.fromkeys(
        RANKS, pl.String
    )
    frame = pl.DataFrame(rows, schema=schema)
    columns = {"id": [f"x{i}" for i in range(len(rows))], "authorship": [None] * len(rows), "code": [None] * len(rows)}
    return Made(pl.concat([pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)), frame], how="horizontal"))


def run(table: pl.DataFrame, backbone: Made) -> pl.DataFrame:
    return resolve(table, backbone).frame  # type: ignore[arg-type]


def lineages(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.select(pl.col(name).alias("verbatim_name"), *RANKS)


@st.composite
def questions(draw: st.DrawFn) -> pl.DataFrame:
    """Names right and wrong, with lineages right, wrong or absent."""
    words = st.sampled_from([*GENERA, "Corvis", "Albuss", "Xyz", "unidentified"])
    tails = st.sampled_from(["", *EPITHETS, "nigr", "vulgariss", "sp.", "cf. niger", "niger minor", "× alpinus"])
    count = draw(st.integers(1, 8))
    rows = []
    for _ in range(count):
        place = draw(st.sampled_from([*LINEAGES, (None,) * 5]))
        keep = draw(st.lists(st.booleans(), min_size=5, max_size=5))
        rows.append(
            {"verbatim_name": f"{draw(words)} {draw(tails)}".strip()}
            | {r: v if k else None for r, v, k in zip(RANKS[:5], place, keep, strict=True)}
        )
    return pl.DataFrame(rows, schema=dict.fromkeys(["verbatim_name", *RANKS[:5]], pl.String))


@settings(max_examples=10, deadline=None)
@given(backbones())
def test_an_accepted_name_with_its_lineage_is_itself(made: Made) -> None:
    accepted = made.usages.filter(pl.col("status") == "accepted")
    # one lineage cannot tell two taxa of one name apart; the drawn genera differ in theirs
    found = run(lineages(accepted, "name"), made)
    assert found["accepted_id"].to_list() == accepted["id"].to_list(), found["reason"].to_list()
    assert found["taxon_id"].to_list() == accepted["id"].to_list()


@settings(max_examples=10, deadline=None)
@given(backbones(), questions())
def test_resolving_the_result_again_changes_nothing(made: Made, asked: pl.DataFrame) -> None:
    first = run(asked, made)
    again = run(lineages(first, "accepted_name"), made)
    there = first["accepted_name"].is_not_null()
    assert again.filter(there)["accepted_id"].to_list() == first.filter(there)["accepted_id"].to_list()
    assert again.filter(there)["accepted_name"].to_list() == first.filter(there)["accepted_name"].to_list()


@settings(max_examples=10, deadline=None)
@given(backbones(), questions(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(made: Made, asked: pl.DataFrame, random: Any) -> None:
    order = list(range(len(asked)))
    random.shuffle(order)
    straight, shuffled = run(asked, made), run(asked[order], made)
    assert shuffled.equals(straight[order])
    twice = run(pl.concat([asked, asked]), made)
    assert twice.equals(pl.concat([straight, straight]))


@settings(max_examples=10, deadline=None)
@given(backbones(), st.data())
def test_the_order_of_the_backbone_changes_nothing(made: Made, data: st.DataObject) -> None:
    asked = data.draw(questions())
    order = data.draw(st.permutations(range(len(made.usages))))
    new_row = {old: new for new, old in enumerate(order)}
    moved = made.usages[list(order)].with_columns(pl.col("accepted").replace_strict(new_row, return_dtype=pl.Int32))
    assert run(asked, Made(moved)).equals(run(asked, made))


@settings(max_examples=10, deadline=None)
@given(backbones(), questions())
def test_an_unrelated_usage_changes_no_decision(made: Made, asked: pl.DataFrame) -> None:
    last = len(made.usages)
    stranger = dict.fromkeys(made.usages.columns) | {"status": "accepted", "kingdom": "Fungi", "genus": "Quxquxqux"}
    rows = [
        stranger | {"id": "y0", "name": "Quxquxqux", "rank": "genus", "accepted": last},
        stranger | {"id": "y1", "name": "Quxquxqux zzzzzzzz", "rank": "species", "accepted": last + 1, "species": "Quxquxqux zzzzzzzz"},
    ]  # fmt: skip
    more = Made(pl.concat([made.usages, pl.DataFrame(rows, schema=made.usages.schema)]))
    assert run(asked, more).equals(run(asked, made))


EPITHET = st.text("abe", min_size=3, max_size=11)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["aabe", "aaeb", "bbae"]), EPITHET), min_size=1, max_size=12, unique=True),
    st.lists(st.tuples(st.text("abe", min_size=3, max_size=5), EPITHET), min_size=1, max_size=12, unique=True),
)
def test_the_search_for_typos_finds_what_comparing_all_finds(
    known: list[tuple[str, str]], asked: list[tuple[str, str]]
) -> None:
    knobs = NamesSettings()
    names = [" ".join(k) for k in known]
    columns = {c: [None] * len(names) for c in ("id", "authorship", "code", *RANKS)}
    usages = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_columns(
        name=pl.Series(names), rank=pl.lit("species"), status=pl.lit("accepted"), accepted=pl.int_range(len(names), dtype=pl.Int32)
    )  # fmt: skip
    queries = pl.DataFrame(
        {"q": range(len(asked)), "key": [" ".join(a) for a in asked]}, schema_overrides={"q": pl.UInt32}
    )
    found = misspelt(Index.of(usages), queries, knobs)
    genera = {g for g, _ in known}
    expected = set()
    for q, (genus, epithet) in enumerate(asked):
        near = []
        for row, (its, rest) in enumerate(known):
            spent = 0 if genus == its else DamerauLevenshtein.distance(genus, its)
            if (genus in genera and spent) or spent > 1 or (spent and len(genus) < knobs.short_word):
                continue
            allowed = 0 if len(epithet) < knobs.short_word else 1 if len(epithet) < knobs.long_word else knobs.typos
            apart = DamerauLevenshtein.distance(epithet, rest)
            if apart <= max(0, allowed - spent):
                near.append((spent + apart, q, row))
        expected |= {n for n in near if n[0] == min(near)[0]}
    assert {(d, q, r) for q, r, d in found.select("q", "row", "distance").rows()} == expected
