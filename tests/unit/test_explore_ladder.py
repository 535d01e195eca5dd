"""A data ladder read back: its accuracies, what ten times the images gave, a figure; files that are none are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from merian.core.errors import BadData, Missing
from merian.core.report import Number, Report
from merian.explore.ladder import climbed, figure


def ladder(path: Path, *steps: dict[str, float], command: str = "merian train --ladder") -> Path:
    numbers = [
        Number(f"{k}%.{name}", value, group=f"{k}%") for k, step in enumerate(steps) for name, value in step.items()
    ]
    Report("The data ladder", command, {}, tuple(numbers)).save(path)
    return path


def test_ten_times_the_images_are_worth_the_slope(tmp_path: Path) -> None:
    steps = [{"images": 10.0**k, "steps": 5.0, "val_accuracy": 0.1 + 0.2 * k} for k in (1, 2, 3)]
    numbers, lines = climbed(ladder(tmp_path / "ladder.json", *steps))
    told = {number.name: number for number in numbers}
    assert told["ladder.1%.val_accuracy"].value == pytest.approx(0.5)
    assert told["ladder.val_accuracy.tenfold"].value == pytest.approx(0.2)
    assert told["ladder.val_accuracy.tenfold"].n == 3
    assert "1,000 images" in told["ladder.2%.val_accuracy"].note
    svg = figure(lines)
    assert svg == figure(lines)
    assert "<svg" in svg


def test_a_step_without_photos_to_validate_on_is_left_out(tmp_path: Path) -> None:
    known = {"images": 9.0, "steps": 1.0, "val_accuracy": 0.5, "val_accuracy_known": 0.7}
    numbers, lines = climbed(ladder(tmp_path / "ladder.json", {"images": 3.0, "steps": 1.0}, known))
    assert {n.name for n in numbers} == {"ladder.1%.val_accuracy", "ladder.1%.val_accuracy_known"}
    assert len(lines) == 2
    assert "<svg" in figure(lines)


def test_what_is_no_ladder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="ladder"):
        climbed(tmp_path / "none.json")
    with pytest.raises(BadData, match="not of a ladder"):
        climbed(ladder(tmp_path / "a.json", {"accuracy": 0.5}))
    with pytest.raises(BadData, match="no accuracy"):
        climbed(ladder(tmp_path / "b.json", {"images": 3.0, "steps": 1.0}))
    with pytest.raises(BadData, match="no accuracy"):
        climbed(ladder(tmp_path / "c.json"))
    (tmp_path / "d.json").write_text("{}")
    with pytest.raises(BadData):
        climbed(tmp_path / "d.json")
