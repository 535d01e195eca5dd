# ruff: noqa: E501 - true files are wide
"""Sources with the images inside: WebDataset tars, Merian's catalogs, Hugging Face data sets on disk."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_sources import (
    FEATURES,
    arrow_stream,
    files_of,
    hf_arrow,
    hf_frame,
    hf_parquet,
    image_folder,
    picture,
    tarred,
    webdataset,
)

from merian.core.errors import BadData
from merian.core.store import begin
from merian.core.tables import CATALOG, FORMAT, conform
from merian.core.tree import Tree
from merian.curate.shards import write_shard
from merian.curate.sources import NoBytes, Source, open_source
from merian.names.backbone import Backbone
from merian.testing import check_source


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))


def by_id(source: Source) -> Mapping[str, Mapping[str, Any]]:
    """The rows of the first shard, without what is null."""
    return {r["id"]: {k: v for k, v in r.items() if v is not None} for r in source.rows(0).iter_rows(named=True)}


def has(row: Mapping[str, Any], **expected: object) -> bool:
    return {k: row.get(k) for k in expected} == expected


def test_webdataset(tmp_path: Path) -> None:
    source = open_source(webdataset(tmp_path))
    rows = by_id(source)
    assert list(rows) == ["k1", "own-1"]
    assert has(rows["k1"], species="Pica hudsonia", genus="Pica", kingdom="Animalia", common_name="black-billed magpie")
    assert has(rows["own-1"], species="Puma concolor", licence="CC0", sex="female", latitude=1.5, group="k2")
    assert source.read(rows["k1"]["path"]) == picture(8)
    assert source.refused.rows() == [("shard-000001.tar", None, "samples without an image: 1")]


def test_one_tar_and_split_folders(tmp_path: Path) -> None:
    place = webdataset(tmp_path)
    single = open_source(place / "shard-000000.tar")
    assert single.read(by_id(single)["k1"]["path"]) == picture(8)
    (tmp_path / "all" / "train").mkdir(parents=True)
    for tar in place.iterdir():
        tar.rename(tmp_path / "all" / "train" / tar.name)
    nested = open_source(tmp_path / "all")
    assert nested.read(by_id(nested)["k1"]["path"]) == picture(8)


def test_a_hostile_tar_is_read_and_never_unpacked(tmp_path: Path) -> None:
    place = tmp_path / "evil"
    place.mkdir()
    with tarfile.open(place / "a.tar", "w") as tar:
        for name, kind, target in (
            ("l.jpg", tarfile.SYMTYPE, "/etc/passwd"),
            ("h.jpg", tarfile.LNKTYPE, "../x"),
            ("d.jpg", tarfile.CHRTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
        info = tarfile.TarInfo("../../up.jpg")
        info.size = len(picture(1))
        tar.addfile(info, io.BytesIO(picture(1)))
        info = tarfile.TarInfo("huge.json")
        info.size = 3 << 20
        tar.addfile(info, io.BytesIO(b" " * (3 << 20)))
    source = open_source(place)
    rows = source.rows(0)
    assert rows["id"].to_list() == ["../../up"]
    assert source.read(rows["path"][0]) == picture(1)
    assert source.refused["reason"].to_list() == [
        "a link or device in the tar, not a file: l.jpg",
        "a link or device in the tar, not a file: h.jpg",
        "a link or device in the tar, not a file: d.jpg",
        "samples without an image: 1",
    ]
    (tmp_path / "secret").write_bytes(b"x" * 100)
    for bad in (
        "../secret#0+5",
        f"{tmp_path}/secret#0+5",
        "a.tar#0+99999999999",
        "a.tar#99999999+5",
        "a.tar",
        "b.tar#0+5",
    ):
        with pytest.raises(NoBytes):
            source.read(bad)


def test_a_tar_that_ends_early_gives_what_it_holds(tmp_path: Path) -> None:
    tar = tarred(tmp_path / "t" / "a.tar", [(f"k{n}.jpg", picture(n)) for n in range(3)])
    whole = tar.read_bytes()
    second = open_source(tmp_path / "t").rows(0)["path"][1]
    offset = int(second.partition("#")[2].partition("+")[0])
    tar.write_bytes(whole[: offset + 100])
    source = open_source(tmp_path / "t")
    rows = source.rows(0)
    assert source.read(rows["path"][0]) == picture(0)
    assert any("damaged" in r for r in source.refused["reason"]) or len(rows) == 2
    for path in rows["path"].to_list()[1:]:
        with pytest.raises(NoBytes, match="ends before the image"):
            source.read(path)


def test_damaged_words_beside_an_image_are_told(tmp_path: Path) -> None:
    tarred(tmp_path / "t" / "a.tar", [("a.jpg", picture(1)), ("a.json", b"{"), ("b.jpg", picture(2)), ("b.txt", b"\xff\xfe"), ("c.cls", b"3"), ("c.jpg", picture(3))])  # fmt: skip
    source = open_source(tmp_path / "t")
    assert source.rows(0)["verbatim_name"].to_list() == [None, None, "3"]
    assert source.refused["reason"].to_list() == ["not sound JSON: a.json", "not UTF-8: b.txt"]


def test_a_catalog_of_merian_is_a_source(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    work = begin(folder, "catalog", FORMAT, {}, {})
    tree = Tree.from_lineages(pl.DataFrame({"genus": ["Pica"], "species": ["Pica pica"]}))
    index = write_shard(folder / "shards" / "shard-00000.tar", 0, [("a", "jpg", picture(1), {"id": "a"})])
    rows = pl.DataFrame(
        {"id": ["a", "b"], "source": ["s", "s"], "path": ["x.jpg", "y.jpg"], "taxon": [1, -1], "sex": ["male", None], "box": ["0,0,1,1", None], "reason": [None, "blank"]}
    ).join(index, on="id", how="left")  # fmt: skip
    tree.save(folder / "tree.parquet")
    conform(rows, CATALOG).write_parquet(folder / "catalog.parquet")
    work.finish()
    source = open_source(folder)
    found = check_source(source)
    assert found.select("id", "species", "sex").rows() == [("a", "Pica pica", "male")]
    assert "box" not in found.columns
    assert source.read(found["path"][0]) == picture(1)
    assert source.taxa is not None
    assert Backbone.open(source.taxa).tree().version == tree.version


def test_hugging_face_parquet(tmp_path: Path) -> None:
    source = open_source(hf_parquet(tmp_path))
    rows = source.rows(0)
    assert rows["verbatim_name"].to_list() == ["Puma concolor", "Pica pica", "Puma concolor", "Pica pica"]
    assert rows["fold"].to_list() == ["test", "train", "train", "train"]
    assert [source.read(p) for p in rows["path"]] == [picture(s) for s in (13, 10, 11, 12)]


def test_hugging_face_arrow(tmp_path: Path) -> None:
    source = open_source(hf_arrow(tmp_path))
    rows = source.rows(0)
    assert rows["verbatim_name"].to_list() == ["Pica pica", "Puma concolor", "Pica pica"]
    assert rows["fold"].unique().to_list() == ["train"]
    assert [source.read(p) for p in rows["path"]] == [picture(s) for s in (14, 15, 16)]


def test_arrow_files_that_end_early_or_are_missing(tmp_path: Path) -> None:
    place = hf_arrow(tmp_path) / "train"
    file = place / "data-00000-of-00001.arrow"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    source = open_source(place)
    assert source.refused["reason"].to_list() == ["the file cannot be read from here on: ends within a record batch"]
    file.write_bytes(b"ARROW1\0\0" + whole)
    assert "not an Arrow stream" in open_source(place).refused["reason"][0]
    file.unlink()
    with pytest.raises(BadData, match=r"lacks files that state\.json lists"):
        open_source(place)


def test_class_names_from_the_card_and_labels_that_are_none(tmp_path: Path) -> None:
    card = "---\nlicense: mit\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': Pica pica\n          '1': Puma concolor\n---\n# Data\n"
    place = tmp_path / "set"
    (place / "data").mkdir(parents=True)
    (place / "README.md").write_text(card)
    frame = hf_frame((10, 11, 12)).with_columns(label=pl.Series([0, 1, -1]))
    frame.write_parquet(place / "data" / "validation-00000-of-00001.parquet")
    rows = open_source(place).rows(0)
    assert rows["verbatim_name"].to_list() == ["Pica pica", "Puma concolor", None]
    assert rows["fold"].unique().to_list() == ["validation"]


def test_an_image_that_is_a_path_or_nothing(tmp_path: Path) -> None:
    images = [{"bytes": None, "path": "there.jpg"}, {"bytes": None, "path": "../../etc/passwd"}, None]
    frame = hf_frame((1, 2, 3)).with_columns(
        pl.Series("image", images, pl.Struct({"bytes": pl.Binary, "path": pl.String}))
    )
    files_of(tmp_path, {"there.jpg": picture(5)})
    frame.write_parquet(tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    first, second, third = source.rows(0)["path"]
    assert source.read(first) == picture(5)
    for bad in (second, third, "a.parquet#99/image", "a.parquet#0/nothing", "b.parquet#0/image"):
        with pytest.raises(NoBytes):
            source.read(bad)


def test_a_class_label_called_class_is_no_rank(tmp_path: Path) -> None:
    frame = hf_frame((10, 11)).rename({"label": "class"})
    features = {"image": FEATURES["image"], "class": FEATURES["label"]}
    frame.write_parquet(tmp_path / "a.parquet", metadata={"huggingface": json.dumps({"info": {"features": features}})})
    rows = open_source(tmp_path / "a.parquet").rows(0)
    assert rows["class"].null_count() == 2
    assert rows["species"].to_list() == ["Pica pica", "Puma concolor"]


def test_an_image_folder_with_metadata(tmp_path: Path) -> None:
    place = image_folder(tmp_path)
    source = open_source(place)
    rows = source.rows(0)
    assert rows.select("path", "species", "fold", "licence").rows() == [
        ("train/1.jpg", "Pica pica", "train", "CC0"),
        ("train/sub/2.jpg", "Puma concolor", "train", "CC0"),
    ]
    assert source.read("train/sub/2.jpg") == picture(18)
    (place / "train" / "metadata.jsonl").write_text('{"file_name": "1.jpg"\n')
    with pytest.raises(BadData, match=r"metadata\.jsonl: not one JSON object a line"):
        open_source(place)


def test_the_arrow_stream_of_the_tests_is_one(tmp_path: Path) -> None:
    """Polars itself reads what the tests take for a data set's file of several batches."""
    frames = [hf_frame((1, 2)), hf_frame((3,))]
    assert pl.read_ipc_stream(io.BytesIO(arrow_stream(frames))).equals(pl.concat(frames))
