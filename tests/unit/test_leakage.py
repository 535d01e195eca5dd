"""Leakage: every planted leak is found, in the way it was planted, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from catalogs import catalog
from photos import encoded
from PIL import Image

from merian.cli.main import run
from merian.core.errors import Mismatch, Missing
from merian.core.report import Report
from merian.core.vectors import Embeddings, normalise
from merian.curate.identity import EVERYWHERE, identifiers, image_addresses
from merian.curate.leakage import LeakageSettings, Side, leakage
from merian.curate.sides import open_side, side_of_table


def table(rows: list[dict[str, str | None]]) -> pl.DataFrame:
    columns = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([{c: row.get(c) for c in columns} for row in rows], schema=dict.fromkeys(columns, pl.String))


def ways(a: list[dict[str, str | None]], b: list[dict[str, str | None]], **more: bool) -> set[tuple[str, str, str]]:
    found = leakage(Side("A", table(a), **more), Side("B", table(b)))  # type: ignore[arg-type]
    return set(found.leaks.select("b", "by", "a").rows())


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("https://www.inaturalist.org/observations/123", "http://inaturalist.org/observations/123/"),
        ("https://inaturalist.nz/observations/123", "https://www.inaturalist.org/observations/123?x=1"),
        ("https://www.gbif.org/occurrence/456", "gbif:456"),
        ("https://api.gbif.org/v1/occurrence/456", "https://www.gbif.org/occurrence/456"),
        ("URN:CATALOG:UWBM:Bird:7", "uwbm:bird:7"),
        ("urn:uuid:0F8FAD5B-D9CB-469F-A165-70867728950E", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("doi:10.5281/zenodo.1", "https://doi.org/10.5281/zenodo.1"),
        ("http://example.org/a/", "https://www.example.org/a"),
        ("https://www.gbif.org/occurrence/456", "https://www.gbif.org/occurrence/456#2"),
    ],
)
def test_one_record_in_two_spellings_is_one(one: str, two: str) -> None:
    found = identifiers(pl.DataFrame({"id": [one, two], "source": ["x", "y"]}), "id")
    assert found.scope.to_list() == [EVERYWHERE] * 2
    assert found.value[0] == found.value[1]
    assert ways([{"id": one}], [{"id": two}]) == {(two, "record", one)}


def test_a_plain_number_means_something_within_one_source_only() -> None:
    plain = {"id": "123", "source": "iNaturalist"}
    assert ways([plain], [plain]) == {("123", "record", "123")}
    assert ways([plain], [{"id": "123", "source": "GBIF"}]) == set()
    # it may be an observation, a photo or an occurrence: the number does not say
    assert ways([plain], [{"id": "https://www.inaturalist.org/observations/123", "source": "iNaturalist"}]) == set()
    # the page of the record does
    page = {"id": "77", "references": "https://www.inaturalist.org/observations/123", "source": "other"}
    assert ways([plain | {"references": page["references"]}], [page]) == {("77", "record", "123")}
    assert ways([{"id": "https://www.inaturalist.org/observations/123"}], [page]) == {
        ("77", "record", "https://www.inaturalist.org/observations/123")
    }
    # of a bare list nothing else is known
    assert ways([{"id": "123"}], [plain], bare=True) == {("123", "record", "123")}


def test_photos_on_the_web_are_the_same_in_every_size() -> None:
    urls = [
        "https://inaturalist-open-data.s3.amazonaws.com/photos/9/original.jpg",
        "https://static.inaturalist.org/photos/9/medium.jpeg?1",
        "https://www.inaturalist.org/photos/9",
    ]
    assert image_addresses(pl.DataFrame({"url": urls})).unique().to_list() == ["inaturalist photo 9"]
    assert ways([{"id": "a", "url": "http://x.org/1.jpg"}], [{"id": "b", "url": "https://x.org/1.jpg"}]) == {
        ("b", "address", "a")
    }
    assert ways([{"id": "a", "url": "http://x.org/1.jpg"}], [{"id": "b", "url": "https://x.org/1.JPG"}]) == set()


def test_keys_are_compared_within_their_publisher() -> None:
    museum = {"publisher": "UWBM", "specimen": "77", "event_id": "e1", "camera": "c1", "individual": "i1"}
    other = museum | {"publisher": "MVZ"}
    a = [{"id": "a", "source": "x"} | museum]
    assert ways(a, [{"id": "b", "source": "y"} | museum]) == {
        ("b", way, "a") for way in ("specimen", "event_id", "camera", "individual")
    }
    assert ways(a, [{"id": "b", "source": "y"} | other]) == set()


def prints(*marks: int) -> npt.NDArray[np.uint64]:
    """Fingerprints that differ in as many bits as the numbers do."""
    return np.array([[m, 0, 0, 0] for m in marks], np.uint64)


def test_near_duplicates_are_told_with_their_distance_and_split() -> None:
    far = (1 << 40) - 1
    rows = pl.DataFrame({"id": ["t", "u", "v"], "split": ["train", "test", "train"]})
    a = Side("A", rows, prints=prints(0, 0, far), has_print=np.ones(3, bool))
    b = Side(
        "B",
        pl.DataFrame({"id": ["x", "y", "z", "w"]}),
        prints=prints(0b111, 0b111, 1 << 50, 0),
        has_print=np.array([1, 1, 1, 0], bool),
    )
    found = leakage(a, b, LeakageSettings(radius=3)).leaks
    told = {("x", "t", "train", 3.0), ("x", "u", "test", 3.0), ("y", "t", "train", 3.0), ("y", "u", "test", 3.0)}
    assert set(found.select("b", "a", "split_a", "distance").rows()) == told | {
        ("z", "t", "train", 1.0),
        ("z", "u", "test", 1.0),
    }
    assert set(leakage(a, b, LeakageSettings(radius=2)).leaks["b"]) == {"z"}
    assert leakage(a, b, LeakageSettings(radius=-1)).leaks.is_empty()
    told_so = leakage(a, Side("B", b.rows)).report.remarks
    assert any("no fingerprints of B" in r for r in told_so)


def test_embeddings_are_compared_exactly_and_never_across_encoders() -> None:
    rng = np.random.default_rng(0)
    one = normalise(rng.normal(size=(50, 8)))
    two = normalise(rng.normal(size=(30, 8)))
    two[7], two[11] = one[3], normalise((one[4] + 0.05 * one[5])[None])[0]
    rows = [pl.DataFrame({"id": [f"{name}{k}" for k in range(n)]}) for name, n in (("a", 50), ("b", 30))]

    def side(k: int, vectors: npt.NDArray[np.float32], print_: str = "toy") -> Side:
        return Side("AB"[k], rows[k], vectors=Embeddings(rows[k]["id"], vectors, print_))

    cosine = 0.95
    expected = {
        (f"b{j}", f"a{i}") for j in range(30) for i in [int((one @ two[j]).argmax())] if one[i] @ two[j] >= cosine
    }
    found = leakage(side(0, one), side(1, two), LeakageSettings(cosine=cosine)).leaks
    assert set(found.select("b", "a").rows()) == expected
    assert {("b7", "a3"), ("b11", "a4")} <= expected
    with pytest.raises(Mismatch, match="two encoders"):
        leakage(side(0, one), side(1, two, "other"))
    part = Side("B", rows[1], vectors=Embeddings(rows[1]["id"][:8], two[:8], "toy"))
    told = leakage(side(0, one), part)
    assert set(told.leaks["b"]) == {"b7"}
    assert any("22 of 30" in r for r in told.report.remarks)


def test_a_catalog_is_held_against_itself() -> None:
    rows = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d", "e"],
            "split": ["train", "test", "train", "val", "test"],
            "camera": ["k", "k", "k", "m", "n"],
            "hash": ["1", "2", "3", "3", "5"],
        }
    )
    found = leakage(Side("C", rows), None)
    assert set(found.leaks.select("b", "by", "split_a", "split_b", "images_a").rows()) == {
        ("b", "camera", "train", "test", 2),
        ("d", "hash", "train", "val", 1),
    }
    assert found.clean.to_list() == ["a", "c", "e"]
    assert found.report["test in train.any"].note == "1 of 2 images"
    assert found.report["test in val.any"].value == 0
    clean = rows.with_columns(camera=pl.col("id"), hash=pl.col("id"))
    assert not leakage(Side("C", clean), None).found


def test_the_numbers_count_images_once() -> None:
    a = [{"id": "a", "hash": "1", "url": "http://x/1", "split": "train"}, {"id": "c", "hash": "1", "split": "val"}]
    b = [{"id": "b", "hash": "1", "url": "http://x/1"}, {"id": "d", "hash": "4"}]
    report = leakage(Side("A", table(a)), Side("B", table(b))).report
    shares = {n.name: n.value for n in report.numbers}
    assert shares == {
        **{f"all.{w}": 0.5 for w in ("any", "image", "address", "hash")},
        **{f"train.{w}": 0.5 for w in ("any", "image", "address", "hash")},
        **{f"val.{w}": 0.5 for w in ("any", "image", "hash")},
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of photos: one file copied byte by byte, one saved again smaller, the others their own."""
    root = tmp_path_factory.mktemp("leak")
    smooth = [
        Image.fromarray(np.random.default_rng(k).integers(0, 255, (40, 40, 3), np.uint8)).resize((160, 160))
        for k in range(7)
    ]
    for name, numbers in (("a", range(4)), ("b", range(4, 7))):
        (root / name / "Pica pica").mkdir(parents=True)
        for k in numbers:
            (root / name / "Pica pica" / f"{k}.png").write_bytes(encoded(smooth[k], "PNG"))
    (root / "b" / "Pica pica" / "same.png").write_bytes(encoded(smooth[1], "PNG"))
    stream = io.BytesIO()
    smooth[2].resize((120, 120)).save(stream, "JPEG", quality=80)
    (root / "b" / "Pica pica" / "again.jpg").write_bytes(stream.getvalue())
    return root / "a", root / "b"


def test_planted_leaks_between_folders_are_found(folders: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = folders
    command = ["leakage", str(a), str(b), "--out", str(tmp_path / "out"), "--fail"]
    assert run(command) == 3
    assert run(command[:-1]) == 0
    leaks = pl.read_parquet(tmp_path / "out" / "leaks.parquet")
    sides = [open_side(folder).rows for folder in folders]
    names = [dict(zip(s["id"], s["path"], strict=True)) for s in sides]
    found = {
        (names[1][x].split("/")[-1], by, names[0][y].split("/")[-1]) for x, by, y in leaks.select("b", "by", "a").rows()
    }
    assert found == {("same.png", "hash", "1.png"), ("same.png", "near", "1.png"), ("again.jpg", "near", "2.png")}
    assert len((tmp_path / "out" / "clean.csv").read_text().splitlines()) == 1 + 3
    assert Report.load(tmp_path / "out" / "report.json")["all.any"].note == "2 of 5 images"


def test_a_list_of_hashes_or_ids_will_do(folders: tuple[Path, Path], tmp_path: Path) -> None:
    side = open_side(folders[0])
    digest = side.rows["hash"][0]
    (tmp_path / "known.csv").write_text(f"sha256\n{digest.upper()}\n{'0' * 64}\n")
    found = leakage(open_side(tmp_path / "known.csv"), side)
    assert found.leaks["b"].to_list() == [side.rows["id"][0]]
    assert side_of_table("t", pl.DataFrame({"gbifID": ["1", "1", None]})).rows["id"].to_list() == ["1", "1#2", "row 3"]
    (tmp_path / "no.csv").write_text("colour\nred\n")
    with pytest.raises(Missing, match="colour"):
        open_side(tmp_path / "no.csv")


def test_one_data_set_without_splits_is_refused_in_words(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["leakage", str(folders[0])]) == 1
    assert "second data set" in capsys.readouterr().err


def test_a_catalog_is_audited_with_what_curation_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = catalog(tmp_path / "c", n=200, species=20)
    kept = made.kept()
    one, two = (kept.filter(pl.col("split") == split)["id"][0] for split in ("train", "test"))
    mark = {one: bytes(32), two: b"\x01" + bytes(31)}
    marks = [mark.get(i, bytes([k % 256]) * 31 + bytes([k // 256])) for k, i in enumerate(kept["id"], 1)]
    pl.DataFrame({"id": kept["id"], "fingerprint": marks}).write_parquet(tmp_path / "c" / "measures.parquet")
    found = leakage(open_side(tmp_path / "c"), None, LeakageSettings(radius=1)).leaks
    assert (two, "near", one, 1.0) in found.select("b", "by", "a", "distance").rows()
    straddling = kept.group_by("group").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)["group"]
    told = found.filter(pl.col("by") == "group").join(kept, left_on="b", right_on="id")["group"].unique()
    assert set(told) == set(straddling)
    assert run(["leakage", str(tmp_path / "c"), "--radius", "1"]) == 0
    said = capsys.readouterr().err
    assert "test share something with train" in said
    assert "the same group" in said
