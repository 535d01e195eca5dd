"""MegaDetector's batch output: every field, every oddity, and how it meets the rows of a source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from merian.core.errors import BadData, Missing
from merian.curate import jsonstream
from merian.curate.detections import attach, read_megadetector
from merian.curate.filters import FilterSettings, refusals

CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}


def written(path: Path, images: list[Any], **more: object) -> Path:
    info = {"format_version": "1.6", "detector": "MDV6-yolov10-e"}
    path.write_text(json.dumps({"info": info, "detection_categories": CATEGORIES, "images": images} | more))
    return path


def box(category: str, conf: float, *bbox: float) -> dict[str, object]:
    return {"category": category, "conf": conf, "bbox": list(bbox or (0.1, 0.2, 0.3, 0.4))}


IMAGES = [
    {"file": "cam1/a.jpg", "detections": [box("1", 0.9), box("1", 0.3, 0.5, 0.5, 0.25, 0.25), box("2", 0.05)]},
    {"file": "cam1/b.jpg", "detections": []},
    {"file": "cam2/a.jpg", "detections": None, "failure": "Failure image access"},
    {"file": "cam2/c.jpg", "detections": [box("2", 0.8, 0.0, 0.0, 0.5, 1.0), box("3", 0.7)]},
]
ROWS = pl.DataFrame(
    {"id": list("pqrst"), "path": ["cam1/a.jpg", "cam1/b.jpg", "cam2/a.jpg", "cam2/c.jpg", "other.jpg"]}
)


def test_confidences_boxes_and_failures(tmp_path: Path) -> None:
    found = read_megadetector(written(tmp_path / "md.json", IMAGES))
    assert found.detector == "MDV6-yolov10-e"
    assert found.refused.is_empty()
    rows = found.frame.drop("boxes").rows()
    assert [r[0] for r in rows] == [i["file"] for i in IMAGES]
    assert rows[0][1:4] == pytest.approx((0.9, 0.05, 0))
    assert rows[1][1:] == (0, 0, 0, None)
    assert rows[2][1:] == (None, None, None, "Failure image access")
    assert rows[3][1:4] == pytest.approx((0, 0.8, 0.7))
    first = found.frame["boxes"][0][0]
    assert (first["category"], first["x"], first["height"]) == ("animal", 0.1, pytest.approx(0.4))


def test_what_makes_no_sense_is_passed_over_with_a_reason(tmp_path: Path) -> None:
    images = [
        {"file": "film.MP4", "detections": [box("1", 0.9) | {"frame_number": 3}], "frames_processed": [1, 2, 3]},
        {"detections": []},
        "a string",
        {"file": "a.jpg", "detections": [box("1", 0.9, 10, 20, 300, 400), box("1", 0.5), {"category": "1"}]},
        {"file": "a.jpg", "detections": []},
        {"file": "b.jpg", "detections": [box("1", 0.9, 0.5, 0.5, 0.0, 0.1), box("1", 0.4, 0.9, 0.9, 0.2, 0.2), 7]},
        {"file": "c.jpg", "detections": "none"},
    ]
    found = read_megadetector(written(tmp_path / "md.json", images))
    assert found.refused.select("row", "reason").rows() == [
        (1, "a video: film.MP4"),
        (2, "no file name"),
        (3, "no file name"),
        (4, "a box in pixels, not in shares of the sides"),
        (4, "a box without confidence or without four numbers"),
        (5, "listed twice"),
        (6, "an empty box"),
        (6, "a detection that is no object"),
        (7, "detections are not a list"),
    ]
    kept = dict(found.frame.select("file", "animal").rows())
    assert kept == {"a.jpg": 0.5, "b.jpg": pytest.approx(0.4), "c.jpg": None}
    clipped = found.frame["boxes"][1][0]
    assert clipped["x"] + clipped["width"] == pytest.approx(1)


def test_categories_told_after_the_images_and_other_animals(tmp_path: Path) -> None:
    images = [{"file": "a.jpg", "detections": [box("7", 0.6), box("8", 0.5)]}]
    path = tmp_path / "md.json"
    path.write_text(json.dumps({"images": images, "detection_categories": {"7": "Red fox", "8": "Human"}, "info": {}}))
    row = read_megadetector(path).frame.row(0, named=True)
    assert (row["animal"], row["person"]) == (pytest.approx(0.6), 0.5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "breaks off"),
        ("[]", "expected, not"),
        ('{"images": [{"file": "a.jpg", "detections": []},\n\n{"file": "b', "line 3"),
        ('{"images": [],, }', "line 1"),
        ('{"info": {}}', 'no list "images"'),
        ('{"info": {}, "images": [1 2]}', "expected"),
        ("\N{BYTE ORDER MARK}{}", 'no list "images"'),
    ],
)
def test_a_broken_file_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "md.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match=says):
        read_megadetector(path)


def test_other_bytes_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "md.json").write_bytes('{"info": "é"}'.encode("utf-16"))
    with pytest.raises(BadData, match="UTF-8"):
        read_megadetector(tmp_path / "md.json")
    with pytest.raises(Missing):
        read_megadetector(tmp_path / "none.json")
    assert read_megadetector(written(tmp_path / "empty.json", [])).frame.is_empty()


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
def test_the_parts_that_a_file_is_read_in_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    path = written(tmp_path / "md.json", IMAGES, number=12345.5, last=True)
    monkeypatch.setattr(jsonstream, "CHUNK", chunk)
    told = list(jsonstream.members(path, "images"))
    assert [value for key, value in told if key == "images"] == IMAGES
    assert ("number", 12345.5) in told
    assert told[-1] == ("last", True)


def test_rows_are_joined_by_path_then_by_its_end(tmp_path: Path) -> None:
    images = [
        {"file": "D:\\survey\\cam1\\a.jpg", "detections": [box("1", 0.9)]},
        {"file": "./cam1/b.jpg", "detections": [box("1", 0.8)]},
        {"file": "c.jpg", "detections": [box("1", 0.7)]},
        {"file": "x/twice.jpg", "detections": [box("1", 0.6)]},
        {"file": "y/twice.jpg", "detections": [box("1", 0.5)]},
    ]
    rows = pl.DataFrame(
        {"id": list("abcdef"), "path": ["cam1/a.jpg", "cam1/b.jpg", "cam9/c.jpg", "twice.jpg", None, "acam1/b.jpg"]}
    )
    found = attach(rows, read_megadetector(written(tmp_path / "md.json", images)), FilterSettings())
    assert found["animal"].to_list() == [pytest.approx(0.9), pytest.approx(0.8), pytest.approx(0.7), None, None, None]
    assert found.columns == ["id", "path", "animal", "person"]


def test_empties_people_and_the_unseen(tmp_path: Path) -> None:
    detected = read_megadetector(written(tmp_path / "md.json", IMAGES))
    settings = FilterSettings()
    rows = attach(ROWS, detected, settings)
    assert refusals(rows, settings).to_list() == [None, "no animal found", None, "person", None]
    settings = FilterSettings(people="blur", animals="keep")
    rows = attach(ROWS, detected, settings)
    assert rows["people"].to_list() == [None, None, None, [[0.0, 0.0, 0.5, 1.0]], None]
    assert refusals(rows, settings).null_count() == 5


def test_each_animal_is_a_sample_of_its_own(tmp_path: Path) -> None:
    detected = read_megadetector(written(tmp_path / "md.json", IMAGES))
    settings = FilterSettings(animals="crop", crop_margin=0.5)
    rows = attach(ROWS, detected, settings)
    assert rows["id"].to_list() == ["p#1", "p#2", "q", "r", "s", "t"]
    assert [[float(v) for v in b.split(",")] for b in rows["box"].head(2)] == [
        pytest.approx([0, 0, 0.55, 0.8]),
        pytest.approx([0.375, 0.375, 0.5, 0.5]),
    ]
    assert rows["box"].null_count() == 4
    assert refusals(rows, settings).to_list() == [None, None, "no animal found", None, "person", None]
    given = attach(ROWS.with_columns(box=pl.lit("0,0,0.5,0.5")), detected, settings)
    assert given["id"].to_list() == list("pqrst")
