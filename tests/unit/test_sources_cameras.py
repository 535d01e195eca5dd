# ruff: noqa: E501 - true files are wide
"""Sources from camera traps: Camtrap DP, COCO Camera Traps, Wildlife Insights."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_sources import camtrap, coco, files_of, picture, wildlife, zipped

from merian.core.errors import BadData
from merian.curate.sources import Source, open_source
from merian.curate.sources.labels import SEVERAL, box_of, iso_time
from merian.testing import check_source

REAL = Path(__file__).parents[3] / "shared" / "data" / "tables"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))


def by_id(source: Source) -> Mapping[str, Mapping[str, Any]]:
    """The rows of the first shard, without what is null."""
    return {r["id"]: {k: v for k, v in r.items() if v is not None} for r in source.rows(0).iter_rows(named=True)}


def has(row: Mapping[str, Any], **expected: object) -> bool:
    return {k: row.get(k) for k in expected} == expected


def test_camtrap_dp(tmp_path: Path) -> None:
    source = open_source(camtrap(tmp_path))
    assert source.name == "Heath cameras"
    rows = by_id(source)
    assert list(rows) == ["m1", "m2/o2", "m2/o3", "m3"]
    assert has(
        rows["m1"],  # seen on the event alone, two seconds after 02:00 in UTC
        verbatim_name="Sus scrofa",
        common_name="wild boar",
        family="Suidae",
        species="Sus scrofa",
        sex="female",
        life_stage="adult",
        behaviour="foraging",
        individual="boar-1",
        camera="d1",
        event_id="e1",
        event_date="2020-01-02T03:00:00+01:00",
        latitude=51.5,
        longitude=4.8,
        habitat="heath",
        licence="http://creativecommons.org/licenses/by/4.0/",
        rights_holder="INBO",
        publisher="GBIF.be",
    )
    assert source.read(rows["m1"]["path"]) == picture(5)
    assert has(
        rows["m2/o2"], verbatim_name="Vulpes vulpes", box="0.1,0.2,0.3,0.4", url="https://x.org/m2.jpg", group="m2"
    )
    assert has(rows["m2/o3"], verbatim_name="Meles meles", box="0.5,0.5,0.25,0.25", event_id="e2")
    assert has(rows["m3"], verbatim_name=None, species=None, common_name="blank")
    assert sorted(source.refused.rows()) == [
        ("media.csv", 5, SEVERAL),
        ("media.csv", 6, "not a still image"),
        ("observations.csv", 8, "an observation of a medium that is not listed, or is no still image"),
    ]


def test_camtrap_dp_in_a_folder_and_by_its_descriptor(tmp_path: Path) -> None:
    with zipfile.ZipFile(camtrap(tmp_path)) as archive:
        archive.extractall(tmp_path / "open")
    for path in (tmp_path / "open", tmp_path / "open" / "datapackage.json"):
        source = open_source(path)
        assert source.rows(0).height == 4
        assert source.read("media/m1.jpg") == picture(5)
    (tmp_path / "open" / "media.csv").write_text("mediaID,filePath\nm1,a.jpg\n")
    with pytest.raises(BadData, match=r"media\.csv: lacks the columns deploymentID, timestamp, fileMediatype"):
        open_source(tmp_path / "open")
    (tmp_path / "open" / "datapackage.json").write_text("{")
    with pytest.raises(BadData, match=r"datapackage\.json: not sound JSON"):
        open_source(tmp_path / "open")


@pytest.mark.real
@pytest.mark.skipif(not (REAL / "camtrapdp_example_media.csv").is_file(), reason="the real tables are not there")
def test_the_example_of_camtrap_dp(tmp_path: Path) -> None:
    """The published example (tdwg/camtrap-dp, example/): 423 images, of which 60 have several observations."""
    for file in REAL.glob("camtrapdp_example_*"):
        (tmp_path / file.name.removeprefix("camtrapdp_example_")).symlink_to(file)
    source = open_source(tmp_path)
    rows = check_source(source)
    observations = pl.read_csv(REAL / "camtrapdp_example_observations.csv", infer_schema=False)
    seen = observations.filter(pl.col("mediaID").is_not_null())
    taxa = (
        seen.filter(pl.col("scientificName").is_not_null()).group_by("mediaID").agg(pl.col("scientificName").n_unique())
    )
    mixed = int((taxa["scientificName"] > 1).sum())
    assert source.refused["reason"].to_list().count(SEVERAL) == mixed
    assert len(rows) + mixed == 423
    single = taxa.filter(scientificName=1)
    assert rows["verbatim_name"].drop_nulls().len() >= len(single)
    ducks = rows.filter(id="07840dcc")
    assert ducks.select("verbatim_name", "common_name", "sex", "life_stage", "camera", "event_id").rows() == [
        ("Anas platyrhynchos", "mallard", "female", "adult", "00a2c20d", "4bb69c45")
    ]
    assert ducks["url"][0].startswith("https://multimedia.agouti.eu/assets/07840dcc")
    assert rows["latitude"].null_count() == 0
    assert rows["publisher"].unique().to_list() == ["Research Institute for Nature and Forest (INBO)"]


def test_coco(tmp_path: Path) -> None:
    path = coco(tmp_path)
    source = open_source(path)
    rows = by_id(source)
    assert list(rows) == ["i0/n1", "i0/n2", "i1", "i2", "i3"]
    assert has(
        rows["i0/n1"], species="Ursus americanus", box="0.1,0.1,0.5,0.5", path="a/i0.jpg", group="i0", camera="cam7"
    )
    assert has(rows["i0/n2"], species="deer", box="0.5,0.5,0.5,0.5", event_id="s0", event_date="2022-12-31T09:52:50")
    assert has(rows["i1"], species=None, common_name="empty", rights_holder="Park", licence="CDLA")
    assert has(rows["i2"], species="deer", box=None)
    assert has(rows["i3"], species=None, common_name=None)
    assert sorted(source.refused["reason"]) == [
        "an annotation of an image that is not listed",
        "corrupt, says the source",
        SEVERAL,
    ]
    packed = zipped(tmp_path / "coco" / "lila.json.zip", {"traps.json": path.read_bytes()})
    assert open_source(packed).rows(0).equals(source.rows(0))
    assert open_source(packed).read("a/i0.jpg") == picture(7)


def test_coco_of_the_inaturalist_competitions(tmp_path: Path) -> None:
    lineage = {
        "kingdom": "Animalia",
        "phylum": "Chordata",
        "class": "Aves",
        "order": "Passeriformes",
        "family": "Corvidae",
        "genus": "Pica",
    }
    data = {
        "images": [{"id": 1, "file_name": "t/1.jpg", "license": 3, "rights_holder": "Ana", "date": "2019-06-08 11:02:03+00:00", "latitude": 41.5, "longitude": -73.2}],
        "categories": [{"id": 7, "name": "Pica hudsonia", "common_name": "Black-billed Magpie", "specific_epithet": "hudsonia", **lineage}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 7}],
        "licenses": [{"id": 3, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/4.0/"}],
    }  # fmt: skip
    source = open_source(files_of(tmp_path, {"train.json": json.dumps(data)}) / "train.json")
    row = by_id(source)["1"]
    assert has(row, species="Pica hudsonia", genus="Pica", common_name="Black-billed Magpie", latitude=41.5)
    assert has(row, licence="http://creativecommons.org/licenses/by/4.0/", event_date="2019-06-08T11:02:03+00:00")


def test_a_pixel_box_without_the_images_size_is_refused_and_its_image_is_not_relabelled(tmp_path: Path) -> None:
    data = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "deer"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
    }
    source = open_source(files_of(tmp_path, {"a.json": json.dumps(data)}) / "a.json")
    assert source.rows(0).is_empty()
    assert source.refused["reason"].to_list() == ["a box of no area, or of an image of unknown size"]


def test_wildlife_insights(tmp_path: Path) -> None:
    source = open_source(wildlife(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["im1", "im2"]
    assert has(
        rows["im1"],
        url="https://storage.googleapis.com/wi/a.jpg",
        species="Puma concolor",
        family="Felidae",
        common_name="Puma",
        sex="Female",
        life_stage="Adult",
        individual="P1",
        camera="D1",
        latitude=30.25,
        longitude=-100.5,
        event_date="2021-02-03T04:05:06",
        licence="CC-BY",
    )
    assert has(rows["im2"], common_name="Blank", species=None, verbatim_name=None)
    assert source.refused.rows() == [("images.csv", 4, SEVERAL)]


def test_boxes_are_cut_at_the_edge_of_the_image() -> None:
    boxes = pl.DataFrame(
        {"x": ["-0.1", "0.9", "nan", "0.5", "a"], "y": ["0", "0", "0", "1.5", "0"], "w": ["0.3"] * 5, "h": ["1"] * 5}
    )
    found = boxes.select(box_of("x", "y", "w", "h")).to_series().to_list()
    assert found == ["0.0,0.0,0.2,1.0", "0.9,0.0,0.1,1.0", None, None, None]


def test_times() -> None:
    times = ["2022-12-31 09:52:50", "2022:12:31 09:52:50", "2021-02-03 04:05:06 UTC", "2019", None]
    found = pl.DataFrame({"t": times}).select(iso_time("t")).to_series().to_list()
    assert found == ["2022-12-31T09:52:50", "2022-12-31T09:52:50", "2021-02-03T04:05:06Z", "2019", None]
