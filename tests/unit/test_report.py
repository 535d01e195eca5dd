"""Reports: numbers with intervals that come back from their file as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from merian.core.errors import BadData, Missing
from merian.core.report import Number, Report

NUMBERS = (
    Number("top-1", 0.6312, 0.58, 0.679, "share", 400, "held out", "species"),
    Number("chance", 0.004, unit="share", group="species"),
    Number("speed", 12.3456, 11.0, 13.0, "images/s", group="cost"),
    Number("ratio", 2.0),
)
REPORT = Report(
    "A report", "merian evaluate x", {"catalog": "abc"}, NUMBERS, {"seed": 0, "ranks": ["genus"]}, ("A remark",)
)


def test_a_number_reads_as_a_person_says_it() -> None:
    assert [n.text for n in NUMBERS] == [
        "63.1 % (58.0 to 67.9)",
        "0.4 %",
        "12.346 images/s (11.000 to 13.000)",
        "2.000",
    ]


def test_an_interval_has_two_ends() -> None:
    with pytest.raises(BadData, match="two ends"):
        Number("x", 1.0, low=0.5)


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    REPORT.save(tmp_path / "r.json")
    assert Report.load(tmp_path / "r.json") == REPORT
    first = (tmp_path / "r.json").read_bytes()
    Report.load(tmp_path / "r.json").save(tmp_path / "r.json")
    assert (tmp_path / "r.json").read_bytes() == first


def test_numbers_are_found_by_name_and_group() -> None:
    assert REPORT["chance"].value == 0.004
    with pytest.raises(Missing, match="'top-5' not found at the report 'A report'; nearest: top-1"):
        REPORT["top-5"]
    with pytest.raises(Missing, match="it has 4 others"):
        REPORT["xyz"]
    assert [(group, len(numbers)) for group, numbers in REPORT.groups()] == [("species", 2), ("cost", 1), ("", 1)]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"report": {}}', '{"report": {"numbers": [{"nome": 1}], "remarks": []}}', '{"report": 3}'],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(BadData, match="not a report of Merian"):
        Report.load(tmp_path / "r.json")


def test_an_absent_report_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="make it with: merian evaluate"):
        Report.load(tmp_path / "r.json")
