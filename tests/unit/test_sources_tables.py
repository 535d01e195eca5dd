"""Sources that are tables of addresses: iNaturalist, EOL, BIOSCAN, FathomNet; what is read, and what their faults come to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_sources import bioscan, eol, fathomnet, files_of, inaturalist, picture, rows_text

from merian.core.errors import BadData
from merian.curate.sources import Source, open_source
from merian.curate.sources.columns import located
from merian.curate.sources.lineage import lineages_above


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))


def by_id(source: Source) -> Mapping[str, Mapping[str, Any]]:
    """The rows of the first shard, without what is null."""
    return {r["id"]: {k: v for k, v in r.items() if v is not None} for r in source.rows(0).iter_rows(named=True)}


def has(row: Mapping[str, Any], **expected: object) -> bool:
    return {k: row.get(k) for k in expected} == expected


def test_inaturalist(tmp_path: Path) -> None:
    source = open_source(inaturalist(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["11", "12", "13"]
    assert has(
        rows["12"],
        url="https://inaturalist-open-data.s3.amazonaws.com/photos/12/medium.jpeg",
        verbatim_name="Puma concolor couguar",
        species="Puma concolor",
        genus="Puma",
        kingdom="Animalia",
        licence="CC-BY-NC",
        rights_holder="Ana",
        publisher="iNaturalist",
        group="ob-1",
        event_date="2020-01-02",
        latitude=38.1,
        longitude=-122.2,
        source="iNaturalist open data, research",
        references="https://www.inaturalist.org/observations/ob-1",
    )
    assert has(rows["13"], rights_holder="bob", verbatim_name=None, latitude=None, species=None)
    assert sorted(source.refused.rows(), key=str) == [
        ("observations.csv.gz", None, "observations without a photo: 1"),
        ("photos.csv.gz", 5, "a photo of an observation that is not listed"),
    ]


def test_inaturalist_reads_photos_that_lie_beside_the_tables(tmp_path: Path) -> None:
    place = inaturalist(tmp_path)
    files_of(place, {"photos/11/medium.jpg": picture(1)})
    source = open_source(place)
    assert source.read(by_id(source)["11"]["path"]) == picture(1)


def test_inaturalist_without_a_column_is_told(tmp_path: Path) -> None:
    place = inaturalist(tmp_path)
    header = ("photo_id", "observation_uuid", "observer_id")
    (place / "photos.csv.gz").unlink()
    (place / "photos.csv").write_text(rows_text(header, [("1", "ob-1", "1")]))
    with pytest.raises(BadData, match=r"photos\.csv: lacks the columns extension, license"):
        open_source(place)


def test_a_damaged_gzip_is_told(tmp_path: Path) -> None:
    place = inaturalist(tmp_path)
    whole = (place / "observations.csv.gz").read_bytes()
    (place / "observations.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(BadData, match=r"observations\.csv\.gz.*damaged"):
        open_source(place)


def test_eol(tmp_path: Path) -> None:
    source = open_source(eol(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["71_328672", "72_328672", "73_999"]
    assert has(
        rows["71_328672"],
        url="https://content.eol.org/7.jpg",
        licence="cc-by-2.0",
        rights_holder="Smith, Ann",
        species="Puma concolor",
        genus="Puma",
        kingdom="Metazoa",
        verbatim_name="Puma concolor",
        references="https://eol.org/media/71",
        group="71",
    )
    assert has(rows["72_328672"], rights_holder=None, url="https://content.eol.org/8.jpg")
    assert has(rows["73_999"], url="https://s.org/9.jpg", verbatim_name=None)
    assert source.refused["reason"].to_list() == ["images of pages that the hierarchy lacks, kept without a name: 1"]
    # one part alone, without the taxa
    (tmp_path / "eol" / "taxon.tab").unlink()
    alone = open_source(tmp_path / "eol" / "media_manifest_1.csv")
    assert len(alone.rows(0)) == 3
    assert alone.rows(0)["species"].null_count() == 3


def test_bioscan(tmp_path: Path) -> None:
    place = bioscan(tmp_path)
    for path in (place, tmp_path, place / "metadata" / "csv" / "BIOSCAN_5M_Insect_Dataset_metadata.csv"):
        source = open_source(path)
        rows = by_id(source)
        assert has(
            rows["ARONZ2984-21"],
            verbatim_name="Megaselia rufa",
            species="Megaselia rufa",
            kingdom="Animalia",
            order="Diptera",
            country="Costa Rica",
            latitude=10.7,
            longitude=-85.4,
            specimen="BIOUG1",
            fold="train",
            licence="CC BY 3.0",
        )
        assert has(rows["BIOAA-1"], family="Cecidomyiidae", genus=None, species=None)
        assert source.read(rows["ARONZ2984-21"]["path"]) == picture(2)
        assert source.read(rows["BIOAA-1"]["path"]) == picture(3)  # its chunk is empty


def test_fathomnet(tmp_path: Path) -> None:
    source = open_source(fathomnet(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["b-1"]
    assert has(
        rows["b-1"],
        path="images/i-1.png",
        url="https://f.org/i-1.png",
        box="0.01,0.04,0.1,0.1",
        verbatim_name="Bathochordaeus",
        latitude=36.7,
        event_date="2019-03-04T05:06:07Z",
        group="i-1",
    )
    assert source.refused["reason"].to_list() == ["a box that a reviewer rejected", "images without a box: 1"]


def test_fathomnet_as_a_table(tmp_path: Path) -> None:
    text = "uuid,image_uuid,concept,url,x,y,width,height,image_width,image_height,latitude,longitude\n"
    text += "b1,i1,Aurelia,https://f.org/1.jpg,0,0,50,50,100,100,1,2\nb2,i1,Aurelia,https://f.org/1.jpg,90,90,50,50,100,100,1,2\n"
    text += "b3,i1,Aurelia,https://f.org/1.jpg,1,1,0,5,100,100,1,2\nb4,i2,Aurelia,https://f.org/2.jpg,1,1,5,5,,,1,2\n"
    file = files_of(tmp_path, {"boxes.csv": text}) / "boxes.csv"
    source = open_source(file)
    assert source.rows(0).select("id", "box").rows() == [("b1", "0.0,0.0,0.5,0.5"), ("b2", "0.9,0.9,0.1,0.1")]
    assert source.refused["row"].to_list() == [4, 5]
    assert set(source.refused["reason"]) == {"a box of no area, or of an image of unknown size"}
    file.write_text(text.replace("image_width", "w"))
    with pytest.raises(BadData, match="lacks the columns image_width"):
        open_source(file)


@pytest.mark.parametrize("text", ['[{"boundingBoxes": [}', '[{"boundingBoxes": []}, 7]'])
def test_json_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BadData, match=r"a\.json: (not sound JSON.*line 1, column|must be a list)"):
        open_source(tmp_path / "a.json")


def test_ids_stay_unique_across_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merian.curate.sources.gather.IN_MEMORY_ROWS", 3)
    monkeypatch.setattr("merian.curate.sources.gather.PART_ROWS", 2)
    monkeypatch.setattr("merian.curate.sources.gather.STORED_SHARD", 2)
    monkeypatch.setattr("merian.curate.sources.text.BLOCK", 40)
    ids = ["x", "y", "x", "x#2", "z", "x", "y"]
    text = "id,path,species\n" + "".join(f"{i},p{k}.jpg,Pica pica\n" for k, i in enumerate(ids))
    file = files_of(tmp_path, {"t.csv": text}) / "t.csv"
    source = open_source(file)
    rows = pl.concat([source.rows(k) for k in range(source.shards)])
    assert source.shards == 4
    assert rows["path"].to_list() == [f"p{k}.jpg" for k in range(7)]
    assert rows["id"].is_unique().all()
    assert rows["id"].to_list()[:2] == ["x", "y"]


def test_the_parts_are_made_once_and_a_killed_conversion_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merian.curate.sources.gather.IN_MEMORY_ROWS", 3)
    monkeypatch.setattr("merian.curate.sources.gather.PART_ROWS", 4)
    monkeypatch.setattr("merian.curate.sources.gather.STORED_SHARD", 4)
    text = "path,species\n" + "".join(f"p{k}.jpg,Pica pica\n" for k in range(10))
    file = files_of(tmp_path, {"t.csv": text}) / "t.csv"
    cache = tmp_path / "cache" / "sources"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("merian.curate.sources.gather._Parts.finish", stop)
        with pytest.raises(KeyboardInterrupt):
            open_source(file)
    assert list(cache.iterdir()) == []
    first = open_source(file)
    (folder,) = [p for p in cache.iterdir() if not p.name.startswith(".")]
    times = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    again = open_source(file)
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == times
    assert again == first
    file.write_text(text + "q.jpg,Pica pica\n")
    assert open_source(file).hash != first.hash


def test_a_table_is_the_same_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f'{k},"a, ""quoted""\nfield {k}",p{k}.jpg' for k in range(40)] + ["40,too,many,fields"]
    text = "id,scientificName,path\n" + "\n".join(rows) + "\n"
    file = files_of(tmp_path, {"t.csv": text, "z/t.csv.gz": gzip.compress(text.encode())}) / "t.csv"
    whole = open_source(file)
    monkeypatch.setattr("merian.curate.sources.text.BLOCK", 100)
    blocks = open_source(file)
    assert blocks.rows(0).equals(whole.rows(0))
    assert blocks.refused.equals(whole.refused)
    assert whole.refused.rows() == [("t.csv", 82, "4 fields where there should be 3")]


def test_a_place_that_is_not_on_earth_is_dropped_and_told(tmp_path: Path) -> None:
    text = "path,species,lat,lon\na.jpg,Pica pica,91,5\nb.jpg,Pica pica,45,5\nc.jpg,Pica pica,45,\nd.jpg,Pica pica,,\n"
    source = open_source(files_of(tmp_path, {"t.csv": text}) / "t.csv")
    assert source.rows(0)["latitude"].to_list() == [None, 45.0, None, None]
    assert source.refused["reason"].to_list() == [
        "rows of which one coordinate is absent or not on Earth, kept without a place: 2"
    ]


def test_addresses_go_to_url_and_lists_are_split() -> None:
    table = pl.DataFrame({"path": ["https://x.org/a.jpg | b.jpg|", "HTTP://x.org/c", None, "d|e"], "id": list("abcd")})
    found = located(table, many=True)
    assert found.select("id", "path", "url").rows() == [
        ("a", None, "https://x.org/a.jpg"),
        ("a", "b.jpg", None),
        ("a", None, None),
        ("b", None, "HTTP://x.org/c"),
        ("c", None, None),
        ("d", "d", None),
        ("d", "e", None),
    ]


def test_lineages_of_ranks_that_are_not_of_the_seven() -> None:
    taxa = pl.DataFrame(
        {
            "id": ["1", "2", "3", "4", "5", "6", "3"],
            "parent": [None, "1", "2", "3", "6", "5", "1"],
            "name": ["Animalia", "Felidae", "Felinae", "Puma", "Aus", "Bus", "twice"],
            "rank": ["Kingdom", "family", "subfamily", "genus", "genus", "family", "order"],
        }
    )
    found = {r["id"]: r for r in lineages_above(taxa).iter_rows(named=True)}
    assert len(found) == 6
    assert [found["4"][r] for r in ("kingdom", "family", "genus", "species")] == ["Animalia", "Felidae", "Puma", None]
    assert (found["3"]["name"], found["3"]["family"], found["3"]["genus"]) == ("Felinae", "Felidae", None)
    assert found["5"]["family"] == "Bus"  # a cycle ends


def test_a_label_file_of_detections_is_not_taken_for_coco(tmp_path: Path) -> None:
    (tmp_path / "md.json").write_text(json.dumps({"info": {}, "detection_categories": {"1": "animal"}, "images": []}))
    with pytest.raises(BadData, match="is none of"):
        open_source(tmp_path / "md.json")


def test_a_block_that_is_no_part_of_the_table_does_not_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "path,species\n" + "a.jpg,Pica pica\n" * 9 + "x,y,z,zz\n" * 30 + "b.jpg,Pica pica\n" * 9
    file = files_of(tmp_path, {"t.csv": text}) / "t.csv"
    monkeypatch.setattr("merian.curate.sources.text.BLOCK", 100)
    source = open_source(file)
    assert source.rows(0)["path"].to_list() == ["a.jpg"] * 9 + ["b.jpg"] * 9
    assert source.refused["row"].is_between(11, 40).all()
    assert any("no row fits the header" in r for r in source.refused["reason"])
