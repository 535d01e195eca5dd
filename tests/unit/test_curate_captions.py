"""General captions: every source keeps them, names stay names, and a catalog without any taxon is whole."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from badserver import BadServer
from photos import encoded, noise
from small_sources import files_of, picture, tarred, webdataset

from merian.core.settings import load
from merian.core.tables import Catalog
from merian.core.tree import Tree
from merian.curate.download import DownloadSettings, download
from merian.curate.judge import placed
from merian.curate.run import curate
from merian.curate.runner import LocalRunner
from merian.curate.settings import Aids, CurateSettings
from merian.curate.sources import open_source
from merian.curate.splits import Shares, achieved, assign
from merian.testing import check_source

SAID = (
    "two dogs running on a beach at dusk",
    "A red bus in front of the old town hall.",
    "my new kitchen, with a view!",
    "photo: the harbour of Genoa, 1904",
    "a photo of a cat on a sofa.",
    "Vintage poster | travel | Alps",
)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))


def with_(**asked: object) -> CurateSettings:
    return load(CurateSettings, None, {"subject": "caption", "min_sharpness": 0.0, "near_difference": 0.0} | asked)


def laion(folder: Path, said: Mapping[str, str | None], told: bool = False) -> Path:
    """A shard as img2dataset writes it: key.jpg, key.txt, and with `told` key.json that has the caption too."""
    files: list[tuple[str, bytes]] = []
    for k, (key, text) in enumerate(said.items()):
        files.append((f"{key}.jpg", picture(k)))
        if told:
            known = {"caption": text, "url": f"https://x.org/{k}.jpg", "key": key, "status": "success", "width": 64}
            files.append((f"{key}.json", json.dumps(known).encode()))
        if text is not None:
            files.append((f"{key}.txt", text.encode()))
    return tarred(folder / "shards" / "00000.tar", files).parent


def rows_of(path: Path) -> dict[str, tuple[Any, ...]]:
    """id -> (caption, verbatim_name) of the first shard of a source."""
    rows = check_source(open_source(path))
    for column in ("caption", "verbatim_name"):
        if column not in rows.columns:
            rows = rows.with_columns(pl.lit(None, pl.String).alias(column))
    return {i: (c, n) for i, c, n in rows.select("id", "caption", "verbatim_name").iter_rows()}


@pytest.mark.parametrize("told", [False, True])
def test_texts_beside_images_in_the_layout_of_laion_are_captions(tmp_path: Path, told: bool) -> None:
    said = {f"{k:09d}": text for k, text in enumerate((*SAID, "black dog"))}
    assert rows_of(laion(tmp_path, said, told)) == {key: (text, None) for key, text in said.items()}


def test_names_and_the_captions_of_bioclip_stay_names(tmp_path: Path) -> None:
    said = {
        "a": "a photo of Pica pica.",
        "b": "Puma concolor (Linnaeus, 1771)",
        "c": "Lily of the valley",
        "d": "Quercus alba A. Gray",
        "e": "a photo of Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia with common name black-billed magpie.",
        "f": "Pica pica Smith in Jones, 1900",
        "g": "black and white warbler",
        "h": "two dogs running on a beach",
    }
    found = rows_of(laion(tmp_path, said))
    assert {k: v for k, v in found.items() if k != "h"} == {
        "a": (None, "Pica pica"),
        "b": (None, said["b"]),
        "c": (None, said["c"]),
        "d": (None, said["d"]),
        "e": (None, "Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia"),
        "f": (None, said["f"]),
        "g": (None, said["g"]),
    }
    assert found["h"] == (said["h"], None)
    assert rows_of(webdataset(tmp_path / "own"))["k1"] == (None, "Pica hudsonia")


def test_a_name_in_the_text_and_a_caption_in_the_json_are_both_kept(tmp_path: Path) -> None:
    files = [("k.jpg", picture(1)), ("k.json", b'{"caption": " A magpie on a fence "}'), ("k.txt", b"Pica pica")]
    assert rows_of(tarred(tmp_path / "t" / "a.tar", files).parent) == {"k": ("A magpie on a fence", "Pica pica")}


@pytest.mark.parametrize(
    ("column", "others", "taken"),
    [
        ("caption", {"text": "other", "description": "other"}, True),
        ("Caption", {}, True),
        ("description", {}, True),
        ("text", {}, True),
        ("alt_text", {}, True),
        ("text", {"description": "other"}, False),
    ],
)
def test_a_table_of_photos(tmp_path: Path, column: str, others: Mapping[str, str], taken: bool) -> None:
    files_of(tmp_path, {"p/a.jpg": picture(1), "p/b.jpg": picture(2)})
    table = pl.DataFrame(
        {"path": ["p/a.jpg", "p/b.jpg"], column: ["  a dog on a lawn ", "   "]} | {k: [v, v] for k, v in others.items()}
    )
    table.write_csv(tmp_path / "photos.csv")
    table.write_parquet(tmp_path / "photos.parquet")
    for name in ("photos.csv", "photos.parquet"):
        rows = open_source(tmp_path / name).rows(0)
        assert ("caption" in rows.columns) == taken
        if taken:
            assert rows["caption"].to_list() == ["a dog on a lawn", None]


def test_a_column_of_numbers_called_text_is_no_caption(tmp_path: Path) -> None:
    files_of(tmp_path, {"a.jpg": picture(1)})
    pl.DataFrame({"path": ["a.jpg"], "text": [7]}).write_parquet(tmp_path / "photos.parquet")
    assert "caption" not in open_source(tmp_path / "photos.parquet").rows(0).columns


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("caption", ["a dog", None, "a cat"]),
        ("text", ["a dog", "", "a cat"]),
        ("captions", [["a dog", "one dog"], [], [None, "a cat"]]),
        ("caption", [["a dog", "one dog"], None, ["a cat"]]),
    ],
)
def test_hugging_face(tmp_path: Path, column: str, values: Sequence[Any]) -> None:
    images = pl.Series("image", [{"bytes": picture(s), "path": f"{s}.jpg"} for s in range(3)])
    place = tmp_path / "set" / "data"
    place.mkdir(parents=True)
    pl.DataFrame([images, pl.Series(column, values)]).write_parquet(place / "train-00000-of-00001.parquet")
    rows = open_source(tmp_path / "set").rows(0)
    assert rows["caption"].to_list() == ["a dog", None, "a cat"]
    folder = tmp_path / "folder"
    files_of(folder, {f"{k}.jpg": picture(k) for k in range(3)})
    lines = [json.dumps({"file_name": f"{k}.jpg", column: v}) for k, v in enumerate(values)]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    assert open_source(folder).rows(0)["caption"].to_list() == ["a dog", None, "a cat"]


@pytest.fixture(scope="module")
def general(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """40 images with captions and no name, one of whitespace, one without, one twice, one blank."""
    folder = tmp_path_factory.mktemp("general")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MERIAN_CACHE", str(folder / "cache"))
        files: list[tuple[str, bytes, str | None]]
        files = [(f"{k:05d}", picture(k), f"{SAID[k % len(SAID)]} {k}") for k in range(40)]
        files += [
            ("white", picture(90), "  \n "),
            ("none", picture(91), None),
            ("twin", picture(0), "two dogs on a beach"),
        ]
        files += [("zero", encoded(noise(92).resize((1, 1)).resize((64, 48)), "PNG"), "a blank page in a book")]
        tarred(
            folder / "laion" / "00000.tar",
            [
                (f"{key}.{ending}", data)
                for key, image, text in files
                for ending, data in (("jpg", image), *([("txt", text.encode())] if text is not None else []))
            ],
        )
        return curate(folder / "laion", folder / "out", with_(shard_images=16), runner=LocalRunner(1))


def test_a_catalog_without_any_taxon_is_whole(general: Catalog) -> None:
    kept = general.kept()
    assert (len(general), len(kept), len(general.tree)) == (44, 40, 0)
    assert general.refused().rows() == [("no caption", 2), ("blank", 1), ("duplicate bytes", 1)]
    assert set(kept["taxon"]) == {-1}
    counts = dict(kept["split"].value_counts().iter_rows())
    assert counts == {"train": 30, "test": 8, "val": 2}
    assert not general.provenance.remarks
    assert (general.path / "card.html").is_file()
    for name in ("croissant.json", "attribution.csv"):
        assert (general.path / name).stat().st_size > 0


def test_the_shards_tell_the_captions(general: Catalog) -> None:
    told: dict[str, str] = {}
    for number in range(3):
        with tarfile.open(general.shard(number)) as tar:
            for member in tar:
                if member.name.endswith(".json"):
                    stream = tar.extractfile(member)
                    assert stream is not None
                    known = json.loads(stream.read())
                    told[known["id"]] = known["caption"]
    kept = general.kept()
    assert told == dict(zip(kept["id"], kept["caption"], strict=True))
    assert told["00001"] == f"{SAID[1]} 1"
    for row, data in zip(kept.iter_rows(named=True), general.images(kept), strict=True):
        assert data == picture(int(row["id"]))


def test_such_a_catalog_is_a_source_too(general: Catalog, tmp_path: Path) -> None:
    again = curate(general.path, tmp_path / "again", with_(), runner=LocalRunner(1))
    one, other = (c.kept().sort("id") for c in (general, again))
    assert one.select("id", "caption", "split", "hash").equals(other.select("id", "caption", "split", "hash"))


def test_near_duplicates_are_found_without_names(tmp_path: Path) -> None:
    data = io.BytesIO()
    noise(1, 320, 240).save(data, "JPEG", quality=95)
    copy = io.BytesIO()
    noise(1, 320, 240).save(copy, "JPEG", quality=88)
    files = {"a.jpg": data.getvalue(), "b.jpg": copy.getvalue(), "c.jpg": encoded(noise(2, 320, 240), "JPEG")}
    files_of(tmp_path, files)
    pl.DataFrame({"path": list(files), "caption": ["one", "two", "three"]}).write_csv(tmp_path / "photos.csv")
    catalog = curate(tmp_path / "photos.csv", tmp_path / "out", with_(near_difference=4.0), runner=LocalRunner(1))
    assert catalog.refused().rows() == [("near duplicate", 1)]


def test_an_organism_with_a_caption_keeps_its_taxon_and_one_without_is_refused(tmp_path: Path) -> None:
    files_of(tmp_path, {f"{k}.jpg": picture(k) for k in range(4)})
    table = pl.DataFrame(
        {
            "path": [f"{k}.jpg" for k in range(4)],
            "species": ["Pica pica", None, "Puma concolor", None],
            "caption": ["a magpie on a fence", "a red bus", " ", None],
        }
    )
    table.write_csv(tmp_path / "photos.csv")
    catalog = curate(tmp_path / "photos.csv", tmp_path / "caption", with_(), runner=LocalRunner(1))
    rows = {p: (t, r, s) for p, t, r, s in catalog.frame.select("path", "taxon", "reason", "split").iter_rows()}
    assert [rows[f"{k}.jpg"][1] for k in range(4)] == [None, None, "no caption", "no caption"]
    assert catalog.tree.names[rows["0.jpg"][0]] == "Pica pica"
    assert rows["1.jpg"] == (-1, None, "train")
    plain = curate(tmp_path / "photos.csv", tmp_path / "organism", with_(subject="organism"), runner=LocalRunner(1))
    reasons = dict(plain.frame.select("path", "reason").iter_rows())
    assert reasons == {"0.jpg": None, "1.jpg": "no organism named", "2.jpg": None, "3.jpg": "no organism named"}
    assert plain.frame.filter(pl.col("path") == "0.jpg")["caption"].to_list() == ["a magpie on a fence"]


def test_a_list_of_links_with_captions_is_downloaded_and_curated(tmp_path: Path) -> None:
    """The tables of LAION have columns URL and TEXT."""
    with BadServer() as server:
        urls = [server.url(f"/good/{k}.jpg") for k in range(3)]
        pl.DataFrame({"URL": urls, "TEXT": ["a bus", " ", "a dog"]}).write_parquet(tmp_path / "laion.parquet")
        quick = DownloadSettings(allow_private=True, rate=1000.0, backoff=0.01, attempts=2)
        download(tmp_path / "laion.parquet", tmp_path / "fetched", quick)
    made = curate(tmp_path / "fetched", tmp_path / "out", with_(min_side=16), runner=LocalRunner(1))
    told = dict(made.frame.select("url", pl.struct("caption", "reason")).iter_rows())
    assert told == {
        urls[0]: {"caption": "a bus", "reason": None},
        urls[1]: {"caption": None, "reason": "no caption"},
        urls[2]: {"caption": "a dog", "reason": None},
    }


def test_white_space_is_no_caption_wherever_it_comes_from() -> None:
    """Sources of other packages may give it."""
    said = ["  two dogs ", " \t\n", "", None, "a bus"]
    rows = pl.DataFrame(
        {"path": ["a", "b", "c", "d", "a"], "caption": said, "taxon": [-1] * 5, "name_score": [None] * 5},
        schema_overrides={"name_score": pl.Float64, "taxon": pl.Int32},
    ).with_columns(reason=pl.lit(None, pl.String))
    done = placed(rows, pl.Series([False] * 5), with_())
    assert done["caption"].to_list() == ["two dogs", None, None, None, "a bus"]
    assert done["reason"].to_list() == [None, "no caption", "no caption", "no caption", "path listed twice"]
    bare = placed(rows.drop("caption"), pl.Series([False] * 5), with_())
    assert bare["reason"].to_list() == ["no caption"] * 4 + ["path listed twice"]


def test_a_name_that_is_not_certain_is_no_taxon_of_a_captioned_image(tmp_path: Path) -> None:
    files_of(tmp_path, {"0.jpg": picture(0), "1.jpg": picture(1)})
    table = {"path": ["0.jpg", "1.jpg"], "scientificName": ["Pica pica", "Pica picaa"], "caption": ["one", "two"]}
    pl.DataFrame(table).write_csv(tmp_path / "photos.csv")
    lives = ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica pica")
    ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
    pl.DataFrame([lives], schema=ranks, orient="row").write_csv(tmp_path / "taxa.csv")
    aids = Aids(taxa=tmp_path / "taxa.csv")
    for least, taxa in ((0.45, 2), (1.0, 1)):
        out = tmp_path / f"out-{least}"
        catalog = curate(tmp_path / "photos.csv", out, with_(min_name_score=least), aids, runner=LocalRunner(1))
        assert len(catalog.kept()) == 2
        assert int((catalog.frame["taxon"] >= 0).sum()) == taxa


def test_rows_without_a_taxon_are_dealt_by_their_groups() -> None:
    tree = Tree.from_lineages(pl.DataFrame({"genus": ["Pica"], "species": ["Pica pica"]}))
    n = 200
    rows = pl.DataFrame(
        {
            "id": [f"i{k:03d}" for k in range(n)],
            "taxon": pl.Series([1 if k % 50 == 0 else -1 for k in range(n)], dtype=pl.Int32),
            "group": [f"g{k // 2}" for k in range(n)],
        }
    )
    shares = Shares(0.1, 0.2, 0.0, 8, "")
    split = assign(rows, tree, shares, 0, nameless=True)
    dealt = rows.with_columns(split=split)
    assert split.null_count() == 0
    assert (dealt.group_by("group").agg(pl.col("split").n_unique())["split"] == 1).all()
    wanted = {"train": 0.7, "val": 0.1, "test": 0.2}
    shares_of = {name: count / n for name, count in dealt["split"].value_counts().iter_rows()}
    assert shares_of == pytest.approx(wanted, abs=0.04)
    # one more group moves at most three others
    more = pl.concat(
        [rows, rows.head(1).with_columns(id=pl.lit("new"), group=pl.lit("new"), taxon=pl.lit(-1, pl.Int32))]
    )
    moved = (assign(more, tree, shares, 0, nameless=True)[:n] != split).sum()
    assert moved <= 6
    assert (
        assign(rows, tree, shares, 0).null_count()
        == (rows.group_by("group").agg(pl.col("taxon").max())["taxon"] < 0).sum() * 2
    )
    table, remarks = achieved(dealt, shares)
    assert table["taxa"].max() == 1
    assert not remarks
