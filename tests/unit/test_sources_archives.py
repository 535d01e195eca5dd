"""Sources in archives of Darwin Core: what is read of a record and of its images, and what bad archives come to."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_sources import (
    DWC,
    GBIF,
    OCCURRENCE,
    RECORDS,
    SIMPLE,
    audubon,
    dwca_files,
    dwca_folder,
    dwca_zip,
    files_of,
    gbif_csv,
    gbif_dwca,
    gbif_parquet,
    meta_xml,
    picture,
    rows_text,
    zipped,
)

from merian.core.errors import BadData
from merian.curate.sources import NoBytes, Source, open_source


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))


def by_id(source: Source) -> Mapping[str, Mapping[str, Any]]:
    """The rows of the first shard, without what is null."""
    return {r["id"]: {k: v for k, v in r.items() if v is not None} for r in source.rows(0).iter_rows(named=True)}


def refused(source: Source) -> list[tuple[str, int | None, str]]:
    return sorted(source.refused.rows(), key=str)


@pytest.mark.parametrize("write", [dwca_folder, dwca_zip])
def test_an_image_has_what_is_said_of_it_before_what_is_said_of_its_record(tmp_path: Path, write: Any) -> None:
    source = open_source(write(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["occ:1", "occ:1#2", "occ:2", "occ:3", "occ:3#2"]
    # the image: its creator, licence and publisher; the record has others
    first = rows["occ:1"]
    assert first["url"] == "https://x.org/a.jpg"
    assert "path" not in first
    assert (first["licence"], first["rights_holder"], first["publisher"]) == ("CC-BY-4.0", "Cam Era", "X Museum")
    assert first["references"] == "https://x.org/a"
    # the second says nothing of itself, and lies in the archive
    second = rows["occ:1#2"]
    assert (second["licence"], second["rights_holder"], second["publisher"]) == ("CC0", "Ana", "MNCR")
    assert source.read(second["path"]) == picture(1)
    known = {
        "sex": "female", "life_stage": "adult", "habitat": "forest", "behaviour": "resting", "individual": "puma-7", "event_id": "ev1",
        "event_date": "2021-05-04", "latitude": 10.5, "longitude": -84.0, "country": "CR", "basis": "HumanObservation", "specimen": "MNCR:Mam:77",
        "group": "1", "species": "Puma concolor", "family": "Felidae", "source": "Small cats",
    }  # fmt: skip
    assert {k: second[k] for k in known} == known
    # the third record lists two addresses in associatedMedia
    assert [rows[k]["url"] for k in ("occ:3", "occ:3#2")] == ["https://x.org/p1.jpg", "https://x.org/p2.jpg"]
    assert refused(source) == [
        ("multimedia.txt", 5, "not a still image"),
        ("multimedia.txt", 6, "an image of a record that is not listed"),
        ("occurrence.txt", None, "records without an image: 1"),
    ]


def test_audubon_images_hang_on_events(tmp_path: Path) -> None:
    source = open_source(audubon(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["m1", "m2"]
    assert rows["m1"]["verbatim_name"] == "Vulpes vulpes"
    assert (rows["m1"]["sex"], rows["m1"]["habitat"], rows["m1"]["event_date"]) == ("male", "scrub", "2022-01-02")
    assert rows["m1"]["url"] == "https://x.org/m1.jpg"
    assert rows["m2"]["verbatim_name"] == "Meles meles"  # the occurrence that the image names
    assert refused(source) == [
        ("media.txt", 3, "a thumbnail of an image that is listed"),
        ("media.txt", 5, "several taxa on one image, and no boxes to tell them apart"),
    ]


def test_a_gbif_archive(tmp_path: Path) -> None:
    source = open_source(gbif_dwca(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["401"]
    known = {"url": "https://m.org/1.jpg", "licence": "CC BY", "basis": "PreservedSpecimen", "publisher": "LSU", "source": "d-1"}  # fmt: skip
    assert {k: rows["401"][k] for k in known} == known
    assert refused(source) == [("occurrence.txt", 3, "recorded as absent")]


def test_simple_gbif_tables_say_that_there_are_images_and_not_where(tmp_path: Path) -> None:
    source = open_source(gbif_csv(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["501"]
    assert "url" not in rows["501"]
    assert rows["501"]["references"] == "https://www.gbif.org/occurrence/501"
    assert rows["501"]["basis"] == "HumanObservation"
    (_, _, first), (_, _, second) = refused(source)
    assert "ask GBIF for the Darwin Core Archive" in first
    assert second == "records without an image: 1"


def test_gbif_parquet_with_its_multimedia_beside_it(tmp_path: Path) -> None:
    rows = by_id(open_source(gbif_parquet(tmp_path)))
    known = {
        "url": "https://m.org/501.jpg",
        "licence": "CC-BY",
        "rights_holder": "Ana",
        "latitude": 9.5,
        "genus": "Puma",
    }
    assert {k: rows["501"][k] for k in known} == known


def test_sparks_way_of_writing_arrays_is_read_too(tmp_path: Path) -> None:
    place = gbif_parquet(tmp_path)
    (place / "multimedia.txt").unlink()
    for file in sorted((place / "occurrence.parquet").iterdir()):
        frame = pl.read_parquet(file, glob=False)
        wrapped = frame["mediatype"].list.eval(pl.struct(array_element=pl.element()))
        frame.with_columns(wrapped.alias("mediatype")).write_parquet(file)
    assert list(by_id(open_source(place))) == ["501"]


def test_an_archive_without_images_is_told(tmp_path: Path) -> None:
    columns = ("id", "scientificName")
    files = {
        "meta.xml": meta_xml([("taxon.txt", DWC + "Taxon", columns)]),
        "taxon.txt": rows_text(columns, [("1", "Pica pica")]),
    }
    with pytest.raises(BadData, match="lists no images: no Multimedia extension and no associatedMedia"):
        open_source(zipped(tmp_path / "a.zip", files))


def test_an_archive_without_meta_xml_is_read_by_its_file_names(tmp_path: Path) -> None:
    files = dwca_files()
    del files["meta.xml"]
    for path in (zipped(tmp_path / "bare.zip", files), files_of(tmp_path / "bare", files)):
        assert len(open_source(path).rows(0)) == 5
    broken = zipped(tmp_path / "b.zip", dict(files) | {"meta.xml": "<archive><core>"})
    with pytest.raises(BadData, match=r"b\.zip.*meta\.xml.*not well-formed"):
        open_source(broken)
    laughs = zipped(tmp_path / "c.zip", dict(files) | {"meta.xml": '<!DOCTYPE a [<!ENTITY b "c">]><archive/>'})
    with pytest.raises(BadData, match="document type"):
        open_source(laughs)


def test_ragged_rows_stray_quotes_and_other_encodings(tmp_path: Path) -> None:
    rows = [list(r) for r in RECORDS[:2]]
    rows[0][OCCURRENCE.index("habitat")] = 'edge of the "old" wood, 2" deep'
    rows[1][OCCURRENCE.index("rightsHolder")] = "Nuñez"
    text = rows_text(OCCURRENCE, rows)
    files = dict(dwca_files()) | {"occurrence.txt": (text + "7\tocc:7" + "\tx" * 40 + "\n").encode("cp1252")}
    source = open_source(zipped(tmp_path / "a.zip", files))
    found = by_id(source)
    assert found["occ:1"]["habitat"] == 'edge of the "old" wood, 2" deep'
    assert found["occ:2"]["specimen"] == "LSUMZ:Mam:14451"
    told = [r[1:] for r in refused(source) if r[0] == "occurrence.txt"]
    assert (4, f"42 fields where there should be {len(OCCURRENCE)}") in told
    assert (None, "mended: 1 line read as Windows-1252, being no UTF-8") in told


def test_a_record_id_that_comes_twice_is_refused_and_not_doubled(tmp_path: Path) -> None:
    files = dict(dwca_files()) | {"occurrence.txt": rows_text(OCCURRENCE, [*RECORDS, RECORDS[0]])}
    source = open_source(files_of(tmp_path / "a", files))
    assert len(source.rows(0)) == 5
    assert ("occurrence.txt", 6, "a record's id used before") in refused(source)


def test_a_broken_or_hostile_zip(tmp_path: Path) -> None:
    path = dwca_zip(tmp_path)
    whole = path.read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadData, match=r"cut\.zip"):
        open_source(tmp_path / "cut.zip")
    media = rows_text(SIMPLE, [("1", "StillImage", "image/jpeg", "../../secret.jpg", *[""] * 5)])
    files = dict(dwca_files()) | {"multimedia.txt": media}
    evil = zipped(tmp_path / "evil.zip", files)
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr("../../secret.jpg", b"secret")
    source = open_source(evil)
    with pytest.raises(NoBytes):
        source.read(source.rows(0)["path"].drop_nulls()[0])
    bomb = zipped(tmp_path / "bomb.zip", dict(dwca_files()) | {"images/b.jpg": b"\0" * (8 << 20)})
    assert len(open_source(bomb).rows(0)) == 5  # 8 MiB are no bomb: the image is refused when it is looked at


def test_types_and_formats_of_media(tmp_path: Path) -> None:
    kinds = {
        "a.jpg": ("StillImage", ""), "b": ("", "image/png"), "c.jpg": ("Image", ""), "d.jpg": ("http://purl.org/dc/dcmitype/StillImage", "jpg"),
        "e.mp4": ("", ""), "f.jpg": ("MovingImage", ""), "g": ("", "audio/x-wav"), "h.pdf": ("", ""), "i.jpg": ("", ""), "j.jpg": ("Dataset", "text/csv"),
    }  # fmt: skip
    media = [("1", *kind, f"https://x.org/{name}", *[""] * 5) for name, kind in kinds.items()]
    tables = (("occurrence.txt", DWC + "Occurrence", OCCURRENCE), ("multimedia.txt", GBIF + "Multimedia", SIMPLE))
    files = {
        "meta.xml": meta_xml(tables),
        "occurrence.txt": rows_text(OCCURRENCE, RECORDS[:1]),
        "multimedia.txt": rows_text(SIMPLE, media),
    }
    urls = open_source(zipped(tmp_path / "a.zip", files)).rows(0)["url"].to_list()
    assert [u.rpartition("/")[2] for u in urls] == ["a.jpg", "b", "c.jpg", "d.jpg", "i.jpg"]


def test_an_archive_in_a_folder_of_its_own(tmp_path: Path) -> None:
    files = {f"small-cats-1.2/{name}": data for name, data in dwca_files().items()}
    for path in (zipped(tmp_path / "a.zip", files), files_of(tmp_path / "a", files)):
        source = open_source(path)
        assert source.read(by_id(source)["occ:1#2"]["path"]) == picture(1)


@pytest.mark.parametrize("file", ["occurrence.txt", "multimedia.txt"])
def test_empty_tables(tmp_path: Path, file: str) -> None:
    header = rows_text(OCCURRENCE if file == "occurrence.txt" else SIMPLE, [])
    source = open_source(zipped(tmp_path / "header.zip", dict(dwca_files()) | {file: header}))
    # without records no image has one; without images there is what associatedMedia lists
    assert len(source.rows(0)) == (0 if file == "occurrence.txt" else 2)
    assert "an image of a record that is not listed" in source.refused["reason"].to_list() or file != "occurrence.txt"
    nothing = zipped(tmp_path / "nothing.zip", dict(dwca_files()) | {file: ""})
    if file == "occurrence.txt":
        with pytest.raises(BadData, match=r"occurrence\.txt: the file is empty"):
            open_source(nothing)
    else:
        assert len(open_source(nothing).rows(0)) == 2


def test_a_strangers_table_reads_nothing_else_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(picture(9))
    media = [
        ("1", "StillImage", "image/jpeg", place, *[""] * 5)
        for place in (str(tmp_path / "secret.jpg"), "../secret.jpg", "images/b.jpg")
    ]
    source = open_source(files_of(tmp_path / "a", dict(dwca_files()) | {"multimedia.txt": rows_text(SIMPLE, media)}))
    *outside, inside = source.rows(0).filter(pl.col("group") == "1")["path"].to_list()
    assert source.read(inside) == picture(1)
    for place in outside:
        with pytest.raises(NoBytes, match="path leaves the source's folder"):
            source.read(place)
