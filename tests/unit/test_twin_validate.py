"""The validation panel: rows that hold and rows that do not are shown alike, and missing tables are said."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from merian.cli.main import run
from merian.core.errors import Missing
from merian.core.report import Report
from merian.twin import validate as module
from merian.twin.theory import Row


def families(tables=None):
    good = Row("two", "one and one <make> two", "Euclid", 2.0, 2.0005, 1e-3)
    bad = Row("three", "one and two make three", "Euclid", 3.0, 3.2, 0.1)
    return (("Sums", [lambda: [good], lambda: [bad]]), ("More", [lambda: [good]]))


def test_rows_are_shown_whether_they_hold_or_not(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(module, "panel", families)
    out = tmp_path / "panel"
    assert run(["twin", "validate", str(out)]) == 0
    said = capsys.readouterr().err
    assert "2 of 3 rows hold" in said
    assert "three: 3.2, does not hold: 3 within 0.1; Euclid" in said
    assert "give their folder with --tables" in said
    frame = pl.read_parquet(out / "panel.parquet")
    assert frame["holds"].to_list() == [True, False, True]
    html = (out / "panel.html").read_text()
    assert html.count("✗ misses") == 1
    assert html.count("✓ holds") == 2
    assert "one and one &lt;make&gt; two" in html
    assert ">2.0005<" in html
    assert Report.load(out / "report.json")["held"].value == pytest.approx(2 / 3)


def test_tables_that_are_not_there_are_said_before_anything_is_computed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "panel", lambda tables: pytest.fail("computed"))
    with pytest.raises(Missing, match="a table called pantheria"):
        module.validate(tmp_path / "panel", tmp_path)
    assert not (tmp_path / "panel").exists()


def test_the_panel_has_every_family() -> None:
    titles = {title: len(each) for title, each in module.panel()}
    assert titles == {"Theory of food webs": 4, "Theory of space, and the tiers beside each other": 5, "Field data": 1}
