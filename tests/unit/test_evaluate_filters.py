"""Filters held against the planted truth: on a catalog written by hand, whose every share is known."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merian.core.errors import BadData
from merian.core.report import Report
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import Tree
from merian.evaluate.filters import filter_numbers, filter_table, name_table, wilson

TREE = Tree.from_lineages(
    pl.DataFrame({"family": ["Aidae"] * 2, "genus": ["Aus"] * 2, "species": ["Aus bus", "Aus cus"]})
)
TAXON = {name: i for i, name in enumerate(TREE.names)}

# id, fault, fault_of, subject, style, reason, cluster, altered, licence, mess, label_name, name found
ROWS = [
    ("a1", "blurred", "", "organism", "close-up", "blurred", None, None, "CC0-1.0", "", "Aus bus", "Aus bus"),
    ("a2", "blurred", "", "organism", "close-up", None, None, None, "CC-BY-NC-4.0", "typo", "Aus bus", "Aus cus"),
    (
        "a3",
        "blurred",
        "",
        "organism",
        "camera trap day",
        "no animal found",
        None,
        None,
        "",
        "typo",
        "Aus bus",
        "Aus bus",
    ),
    ("a4", "", "", "organism", "camera trap infrared", "blurred", None, None, "", "typo", "Aus bus", None),
    ("b1", "", "", "organism", "close-up", "duplicate bytes", None, None, "", "", "Aus bus", "Aus bus"),
    ("b2", "exact duplicate", "b1", "organism", "close-up", None, None, None, "", "", "Aus bus", "Aus bus"),
    ("b3", "", "", "organism", "close-up", None, None, None, "", "cf.", "Aus", "Aus"),
    ("b4", "exact duplicate", "b3", "organism", "close-up", None, None, None, "", "", "Aus bus", "Aus bus"),
    ("c1", "", "", "organism", "close-up", None, "c1", None, "", "", "Aus bus", "Aus bus"),
    ("c2", "near duplicate", "c1", "organism", "close-up", None, "c1", None, "", "", "Aus bus", "Aus bus"),
    ("c3", "", "", "organism", "museum drawer", "near duplicate", "c1", None, "", "", "Aus bus", "Aus bus"),
    ("d1", "", "", "empty", "camera trap day", "no animal found", None, None, "", "", "", None),
    ("d2", "blank", "", "organism", "camera trap day", "no animal found", None, None, "", "", "Aus bus", "Aus bus"),
    ("e1", "", "", "person", "camera trap day", "person", None, None, "", "", "", None),
    ("e2", "", "", "person", "camera trap day", None, None, "people blurred", "", "", "", None),
    ("e3", "", "", "person", "camera trap day", None, None, None, "", "", "", None),
    ("f1", "truncated", "", "organism", "close-up", "truncated image", None, None, "", "", "Aus bus", "Aus bus"),
    ("f2", "zero bytes", "", "organism", "close-up", "empty file", None, None, "", "", "Aus bus", "Aus bus"),
]


def world() -> tuple[Catalog, pl.DataFrame]:
    names = ("id", "fault", "fault_of", "subject", "style", "reason", "cluster", "altered", "licence", "mess")
    table = pl.DataFrame(ROWS, schema=[*names, "label_name", "found"], orient="row")
    frame = table.select("id", "reason", "cluster", "altered").with_columns(
        taxon=pl.Series([TAXON.get(n, -1) for n in table["found"]], dtype=pl.Int32)
    )
    truth = table.drop("reason", "cluster", "altered", "found").rename({"id": "occurrenceID"})
    return Catalog(Path(), conform(frame, CATALOG), TREE, ""), truth.with_columns(stage=pl.lit("adult"))


def test_found_missed_and_mistaken_are_counted_by_filter() -> None:
    table = {row["filter"]: row for row in filter_table(*world()).iter_rows(named=True)}
    blurred = table["blurred"]
    assert (blurred["planted"], blurred["found"], blurred["elsewhere"]) == (3, 1, 1)
    assert blurred["recall"] == 1 / 2, "the one refused elsewhere was never this filter's to find"
    assert (blurred["refused"], blurred["right"], blurred["precision"]) == (2, 1, 1 / 2)
    assert blurred["mistaken"] == "1 camera trap infrared"
    assert (table["duplicate bytes"]["recall"], table["duplicate bytes"]["precision"]) == (1 / 2, 1)
    near = table["near duplicate"]
    assert (near["recall"], near["precision"], near["mistaken"]) == (1, 0, "1 museum drawer")
    empty = table["no animal found"]
    assert (empty["recall"], empty["refused"], empty["right"], empty["mistaken"]) == (1, 3, 2, "1 blurred")
    person = table["person"]
    assert (person["found"], person["planted"], person["refused"], person["precision"]) == (2, 3, 1, 1)
    assert (table["unreadable"]["recall"], table["unreadable"]["precision"]) == (1, 1)
    assert table["blank"]["elsewhere"] == 1
    assert table["blank"]["recall"] is None
    assert "label" not in table, "nothing planted and nothing refused"
    assert "licence not allowed" not in table


def test_the_rule_of_licences_says_which_rows_ought_to_go() -> None:
    catalog, truth = world()
    table = filter_table(catalog, truth, licences="open")
    row = table.row(by_predicate=pl.col("filter") == "licence not allowed", named=True)
    # all but the one CC0 row ought to go: 8 were refused for another reason, none for this one
    refused = sum(r[5] is not None for r in ROWS if r[8] != "CC0-1.0")
    assert (row["planted"], row["found"], row["elsewhere"]) == (len(ROWS) - 1, 0, refused)
    assert (row["recall"], row["precision"]) == (0, None)


def test_names_count_as_resolved_only_to_the_taxon_they_stand_for() -> None:
    table = {row["mess"]: row for row in name_table(*world()).iter_rows(named=True)}
    typo = table["typo"]
    assert (typo["names"], typo["right"], typo["otherwise"], typo["unresolved"]) == (3, 1, 1, 1)
    assert table["cf."]["resolved"] == 1
    assert table["as in the taxonomy"]["resolved"] == 1
    assert table["as in the taxonomy"]["names"] == sum(r[9] == "" and r[10] != "" for r in ROWS)


def test_the_numbers_join_a_report_and_carry_intervals(tmp_path: Path) -> None:
    catalog, truth = world()
    report = Report("A", "merian", {}, tuple(filter_numbers(catalog, truth)))
    report.save(tmp_path / "r.json")
    again = Report.load(tmp_path / "r.json")
    assert again == report
    number = again["filter.blurred.recall"]
    assert (number.value, number.n) == (1 / 2, 2)
    assert (number.low, number.high) == wilson(1, 2)
    assert "another 1 refused" in number.note
    assert again["names.cf.resolved"].value == 1
    assert len({n.name for n in again.numbers}) == len(again.numbers)


def test_a_truth_of_an_older_merian_is_told() -> None:
    catalog, truth = world()
    with pytest.raises(BadData, match="draw again"):
        filter_table(catalog, truth.drop("fault_of"))
    assert not any(n.name.startswith("names.") for n in filter_numbers(catalog, truth.drop("mess", "label_name")))


@given(st.integers(0, 400), st.integers(0, 400))
def test_wilson_holds_the_share_and_solves_its_equation(hits: int, more: int) -> None:
    n = hits + more
    low, high = wilson(hits, n)
    if n == 0:
        assert (low, high) == (0, 1)
        return
    share = hits / n
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        if 0 < end < 1:  # the ends are where the score test is just at its limit
            assert (share - end) ** 2 == pytest.approx(1.959963984540054**2 * end * (1 - end) / n, rel=1e-6)


def test_wilson_is_that_of_the_literature() -> None:
    # Newcombe 1998, Stat. Med. 17: 857, table I, method 3: 81/263, 15/148, 0/20, 1/29
    for hits, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)
