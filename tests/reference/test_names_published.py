"""Names as published, against two independent readings: gnparser's canonical forms, and the parts that the Catalogue of Life stores.

names_published.tsv says where its rows come from. Cardinality there counts every epithet and is 0 behind "sp."; here it counts the words of the
canonical form, which of several ranks below the species keeps the last.
"""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from merian.names.parse import parse, parse_all
from merian.names.tokens import plain

LINES = (Path(__file__).parent / "names_published.tsv").read_text(encoding="utf-8").splitlines()[3:]
ROWS = list(csv.reader(LINES, delimiter="\t", quoting=csv.QUOTE_NONE))
NAMES = [row for row in ROWS if row[3] not in ("virus", "none")]
OTHERS = [row for row in ROWS if row[3] in ("virus", "none")]
CATALOGUE = Path(__file__).parents[2].parent / "shared" / "data" / "tables" / "col_xcol_name_103.csv"

DIFFERENT = [
    # where gnparser says otherwise, on purpose: certain only up to "cf.", and the last of several epithets
    ("Abturia cf. alabamensis (Morton )", "Abturia", "cf.", "alabamensis"),
    ("Calidris cf. cooperi", "Calidris", "cf.", "cooperi"),
    ("Albinaria brevicollis cf. sica Fuchs & Kaufel 1936", "Albinaria brevicollis", "cf.", "brevicollis"),
    ("Buteo borealis ? ventralis", "Buteo borealis", "?", "borealis"),
    (
        "Senecio fuchsii C.C.Gmel. subsp. fuchsii var. expansus (Boiss. & Heldr.) Hayek",
        "Senecio fuchsii expansus",
        None,
        "fuchsii",
    ),
    ("Negalasa fumalis, continuation of a sentence", "Negalasa fumalis", None, "fumalis"),
    ("Hypochrys0des Leraut 1981", "Hypochrysodes", None, None),
    ("Melanius:", "Melanius", None, None),
    ("Acidobacteria bacterium", "Acidobacteria", "bacterium", None),
]


def test_there_are_many_of_all_sections() -> None:
    assert len(NAMES) >= 400
    assert len(OTHERS) >= 40
    assert len({row[0] for row in ROWS}) >= 90


@pytest.mark.parametrize(("name", "canonical", "cardinality", "authors", "year"), [row[1:] for row in NAMES])
def test_a_name_reads_as_published(name: str, canonical: str, cardinality: str, authors: str, year: str) -> None:
    found = parse(name)
    assert found.canonical == canonical
    if found.kind in ("name", "hybrid formula"):
        assert found.cardinality == min(int(cardinality), 3)
    else:
        assert (found.kind, found.cardinality) == ("informal", len(canonical.split()))
    if authors != "*":
        assert (found.authorship or "") == authors
        assert (found.year or "").rstrip("?") == year.rstrip("?")


@pytest.mark.parametrize(("name", "kind"), [(row[1], row[3]) for row in OTHERS])
def test_what_is_no_name_is_none(name: str, kind: str) -> None:
    found = parse(name)
    assert found.cardinality == 0
    assert found.kind in (("virus",) if kind == "virus" else ("placeholder", "not a name"))
    assert found.quality == 4


@pytest.mark.parametrize(("name", "canonical", "qualifier", "epithet"), DIFFERENT)
def test_where_we_differ_on_purpose(name: str, canonical: str, qualifier: str | None, epithet: str | None) -> None:
    found = parse(name)
    assert (found.canonical, found.qualifier, found.epithet) == (canonical, qualifier, epithet)


@pytest.mark.real
@pytest.mark.skipif(not CATALOGUE.is_file(), reason=f"the Catalogue of Life's mammals are not at {CATALOGUE}")
def test_the_catalogues_own_parts() -> None:
    """25,000 names of mammals: genus, epithets and year as the Catalogue of Life stores them apart, letters spelled out."""
    table = pl.read_csv(CATALOGUE, infer_schema=False, truncate_ragged_lines=True, ignore_errors=True)
    table = table.filter(pl.col("scientific_name").is_not_null() & (pl.col("rank") != "SUBGENUS"))
    parsed = parse_all(
        table.select(pl.concat_str("scientific_name", "authorship", separator=" ", ignore_nulls=True)).to_series()
    )
    spelled = [
        table[column].map_elements(plain, return_dtype=pl.String)
        for column in ("specific_epithet", "infraspecific_epithet")
    ]
    genus = table.select(pl.coalesce("uninomial", "genus")).to_series()
    same = (
        parsed["genus"].eq_missing(genus)
        & parsed["epithet"].eq_missing(spelled[0])
        & parsed["infra"].eq_missing(spelled[1])
    )
    assert len(table) > 24_000
    assert same.sum() > 0.9998 * len(table)
    plain_year = pl.when(pl.col("basionym_authors") == "{}").then(pl.coalesce("combination_year", "basionym_year"))
    year = table.select(plain_year.otherwise(pl.col("basionym_year"))).to_series()
    known = parsed["year"].is_not_null()
    assert (parsed["year"] == year).filter(known).sum() > 0.999 * (len(parsed) - parsed["year"].null_count())
