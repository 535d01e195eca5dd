"""The validation panel: rows that hold, rows that do not and rows that were not run are shown alike, and missing tables are said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.cli.main import run
from merian.core.errors import BadSetting, Missing
from merian.core.report import Report
from merian.twin import validate as module
from merian.twin.fields.asked import Course, picture
from merian.twin.fields.groups import READS, TITLES, Group, groups, tables
from merian.twin.theory import Row

GOOD = Row("two", "one and one <make> two", "Euclid", 2.0, 2.0005, 1e-3)
BAD = Row("three", "one and two make three", "Euclid", 3.0, 3.2, 0.1)
UNREAD = Row("four", "two and two make four", "Euclid", 4.0, math.nan, 0.1, "no table sums")


def sums(folder: Path | None = None) -> dict[str, Group]:
    years = np.arange(1900.0, 1921.0)
    drawn = picture(
        "Hares & lynx",
        "As counted.",
        [Course("hares", years, years - 1890), Course("lynx", years, years * 0, 2, True)],
        "heads",
    )
    return {
        "food-webs": Group("Sums", (lambda: [GOOD, drawn], lambda: [BAD])),
        "mass": Group("More", (lambda: [GOOD, UNREAD],), reads=True),
    }


def test_rows_are_shown_whether_they_hold_or_not(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(module, "groups", sums)
    out = tmp_path / "panel"
    assert run(["twin", "validate", str(out)]) == 0
    said = capsys.readouterr().err
    assert "2 of 3 rows hold" in said
    assert "three: 3.2, does not hold: 3 within 0.1; Euclid" in said
    assert "not run, no table sums: 1 row" in said
    frame = pl.read_parquet(out / "panel.parquet")
    assert frame["state"].to_list() == ["holds", "misses", "holds", "not run"]
    assert frame["command"].unique(maintain_order=True).to_list() == [
        "merian twin validate panel --only food-webs",
        "merian twin validate panel --only mass --tables FOLDER",
    ]
    html = (out / "panel.html").read_text()
    assert (html.count("✗ misses"), html.count("✓ holds"), html.count("– not run")) == (1, 2, 1)
    assert "Not run: no table sums" in html
    assert "2 of 3 rows hold; 1 not run" in html
    assert "one and one &lt;make&gt; two" in html
    assert ">2.0005<" in html
    assert html.count("<svg") == 1
    assert "Hares &amp; lynx: hares (twin), lynx (field)" in html
    report = Report.load(out / "report.json")
    assert report["held"].value == pytest.approx(2 / 3)
    assert report["not run"].value == 1


def test_only_some_groups(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "groups", sums)
    report = module.validate(tmp_path / "panel", only=["mass"])
    assert {number.group for number in report.numbers} == {"All", "More"}
    with pytest.raises(BadSetting, match="isle-royale"):
        module.validate(tmp_path / "other", only=["isle-royal"])
    assert not (tmp_path / "other").exists()


def test_a_folder_without_tables_is_said_before_anything_is_computed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "groups", lambda folder: pytest.fail("computed"))
    with pytest.raises(Missing, match="a table of the panel"):
        module.validate(tmp_path / "panel", tmp_path)
    assert not (tmp_path / "panel").exists()


def test_tables_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("my_hare_lynx.csv", "isle_royale.txt", "trait_pantheria.png"):
        (tmp_path / name).touch()
    assert {name: path.name for name, path in tables(tmp_path).items()} == {
        "isle_royale": "isle_royale.txt",
        "hare_lynx": "my_hare_lynx.csv",
    }


def test_groups_that_read_say_what_was_not_run_without_tables() -> None:
    whole = groups()
    assert list(whole) == list(TITLES)
    for key in READS:
        rows = [row for family in whole[key].families for row in family()]
        assert rows
        assert all(isinstance(row, Row) and row.missing and not row.holds for row in rows)
    assert whole["cycles"].reads
    assert not whole["space"].reads


def test_a_row_that_was_not_run_holds_no_more_than_one_that_misses() -> None:
    assert [module.state(row) for row in (GOOD, BAD, UNREAD)] == ["holds", "misses", "not run"]
    assert not Row("five", "", "", 5.0, 5.0, 1.0, "no table").holds


def test_pictures_keep_points_on_the_plate_and_leave_out_what_is_no_number() -> None:
    times = np.array([0.0, 1.0, 2.0])
    svg = picture("x", "y", [Course("a", times, np.array([1.0, np.nan, 3.0]), field=True)], "per ml", "day").svg
    assert svg.count("<circle") == 2
    places = [float(part.split('"')[0]) for part in svg.split('cy="')[1:]]
    assert all(0 < y < 190 for y in places)
    assert ">day<" in svg


def test_the_help_names_every_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["twin", "validate", "--help"]) == 0
    said = " ".join("".join(capsys.readouterr()).replace("\u2502", " ").split())
    listed = said[said.index("A group to compute") : said.index("; all when none")]
    assert set(TITLES) <= set(listed.replace(",", " ").split())


@pytest.mark.parametrize(
    ("value", "tolerance", "said"),
    [
        (2.0005, 1e-3, "2.0005"),
        (1.7e-9, 2e-9, "1.7e\N{MINUS SIGN}09"),
        (0.0, 2e-9, "0"),
        (-3.8133155505, 2e-9, "\N{MINUS SIGN}3.8133155505"),
        (0.731, math.nan, "0.731"),
        (math.nan, 1.0, "\N{EN DASH}"),
    ],
)
def test_figures_have_as_many_digits_as_their_tolerance(value: float, tolerance: float, said: str) -> None:
    assert module._figure(value, tolerance) == said
