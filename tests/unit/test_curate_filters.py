"""The table of filters: the first reason wins, each can be switched off, and nothing is decided by columns that are not there."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from merian.core.settings import knobs
from merian.curate.filters import FILTERS, FilterSettings, counts, refusals

GOOD = {
    "person": 0.0,
    "animal": 0.9,
    "licence": "CC0-1.0",
    "width": 300,
    "height": 200,
    "contrast": 40.0,
    "sharpness": 0.6,
    "kind": None,
    "kind_probability": None,
    "copy_of": None,
    "like": None,
    "reason": None,
}
TYPES = {
    "kind": pl.String,
    "kind_probability": pl.Float32,
    "copy_of": pl.String,
    "like": pl.String,
    "reason": pl.String,
}
STRICT = FilterSettings(licences="open", near_cosine=0.98)


def table(*changes: dict[str, object]) -> pl.DataFrame:
    """A good row, and one for each of the changes."""
    rows = [GOOD | {"hash": str(k), "id": str(k)} | change for k, change in enumerate(({}, *changes))]
    return pl.DataFrame(rows, schema_overrides=TYPES, infer_schema_length=None)


CASES = [
    ({"person": 0.3}, "person"),
    ({"animal": 0.1}, "no animal found"),
    ({"licence": "CC-BY-NC-4.0"}, "licence not allowed"),
    ({"height": 31}, "too small"),
    ({"width": 20_001}, "too large"),
    ({"contrast": 2.9}, "blank"),
    ({"sharpness": 0.1}, "blurred"),
    ({"hash": "0"}, "duplicate bytes"),
    ({"kind": "label", "kind_probability": 0.85}, "label"),
    ({"copy_of": "0"}, "near duplicate"),
    ({"like": "0"}, "near duplicate by embedding"),
]


def test_each_filter_refuses_what_it_is_for() -> None:
    found = refusals(table(*(change for change, _ in CASES)), STRICT).to_list()
    assert found == [None, *(reason for _, reason in CASES)]
    assert len(CASES) == len(FILTERS)


OFF = {
    "person": {"people": "blur"},
    "no animal found": {"animals": "keep"},
    "licence not allowed": {"licences": "any"},
    "too small": {"min_side": 1},
    "too large": {"max_side": 65_535},
    "blank": {"min_contrast": 0.0},
    "blurred": {"min_sharpness": 0.0},
    "duplicate bytes": {"duplicates": False},
    "label": {"kind_certainty": 1.0},
    "near duplicate": {"near_difference": 0.0},
    "near duplicate by embedding": {"near_cosine": 0.0},
}


@pytest.mark.parametrize(("change", "reason"), CASES, ids=[reason for _, reason in CASES])
def test_each_filter_can_be_switched_off(change: dict[str, object], reason: str) -> None:
    settings = dataclasses.replace(STRICT, **OFF[reason])
    assert refusals(table(change), settings).to_list() == [None, None]


def test_the_first_reason_wins_and_an_earlier_one_stays() -> None:
    everything: dict[str, object] = {}
    for change, _ in reversed(CASES):
        everything |= change
    worst = everything | {"reason": "truncated image"}
    assert refusals(table(everything, worst), STRICT).to_list() == [None, "person", "truncated image"]
    for k in range(1, len(CASES)):
        rest: dict[str, object] = {}
        for change, _ in CASES[k:]:
            rest |= change
        assert refusals(table(rest), STRICT).to_list()[1] == CASES[k][1]


def test_the_first_copy_is_the_first_that_is_otherwise_good() -> None:
    rows = table({"hash": "x", "contrast": 0.0}, {"hash": "x"}, {"hash": "x"}, {"hash": None}, {"hash": None})
    assert refusals(rows, STRICT).to_list() == [None, "blank", None, "duplicate bytes", None, None]


def test_what_is_not_known_refuses_nothing() -> None:
    nothing = dict.fromkeys(GOOD) | {"hash": None}
    rows = table(nothing)
    assert refusals(rows, FilterSettings()).to_list() == [None, None]
    bare = pl.DataFrame({"id": ["a"], "path": ["a.jpg"]})
    assert refusals(bare, STRICT).to_list() == [None]
    assert refusals(table().clear(), STRICT).to_list() == []


def test_the_table_can_be_run_again_as_columns_come_in() -> None:
    rows = table(*(change for change, _ in CASES))
    at_once = refusals(rows, STRICT)
    late = ["kind", "kind_probability", "copy_of", "like"]
    first = rows.drop(late).with_columns(reason=refusals(rows.drop(late), STRICT))
    again = first.with_columns(rows.select(late))
    assert refusals(again, STRICT).equals(at_once)
    shown = counts(at_once)
    assert shown["images"].sum() == len(CASES)
    assert shown["reason"].to_list() == sorted(reason for _, reason in CASES)


def test_every_knob_of_the_table_is_a_setting_and_the_other_way_round() -> None:
    named = {name for line in FILTERS for name in line.knobs}
    assert named <= set(knobs(FilterSettings))
    assert set(knobs(FilterSettings)) - named == {"crop_margin"}
