"""Curating: every bad photo is a row with its reason, nothing is lost, and a killed run ends with the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import polars as pl
import pytest
from photos import BIRD, KEPT, REASONS, bad_folder, encoded, every_photo, good_folder, noise
from PIL import Image

from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.core.settings import load
from merian.core.store import read
from merian.core.tables import Catalog
from merian.curate.run import curate
from merian.curate.runner import LocalRunner, Stage
from merian.curate.settings import Aids, CurateSettings
from merian.curate.sources import open_source


def with_(**given: object) -> CurateSettings:
    """Settings under which the made-up photos of these tests, which are smooth and alike, are neither blurred nor copies of one another."""
    return load(CurateSettings, None, {"min_sharpness": 0.0, "near_difference": 0.0} | given)


def contents(folder: Path) -> dict[str, str]:
    """Path -> hash of every file but the manifest, which holds the command."""
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "manifest.json"
    }


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("bad")
    return curate(bad_folder(root / "photos"), root / "out", with_())


def test_every_bad_photo_is_a_row_with_its_reason(bad: Catalog) -> None:
    found = {Path(path).name: reason for path, reason in bad.frame.select("path", "reason").iter_rows()}
    assert found == dict.fromkeys(KEPT, None) | REASONS


def test_odd_photos_are_kept_as_they_are(bad: Catalog) -> None:
    rows = bad.kept()
    sizes = {Path(p).name: (w, h) for p, w, h in rows.select("path", "width", "height").iter_rows()}
    assert sizes == KEPT
    photos = every_photo()
    for path, data in zip(rows["path"], bad.images(rows), strict=True):
        assert data == photos[Path(path).name]


def test_refused_rows_have_no_split_and_no_shard_and_keep_what_is_known(bad: Catalog) -> None:
    refused = bad.frame.filter(pl.col("reason").is_not_null())
    assert refused["split"].null_count() == refused["shard"].null_count() == len(REASONS)
    assert refused["verbatim_name"].to_list() == [BIRD] * len(REASONS)
    assert bad.kept()["split"].null_count() == 0
    assert dict(bad.refused().rows()) == dict.fromkeys(REASONS.values(), 1)


def test_a_hundred_megapixels_are_no_trouble_as_jpeg(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    huge = Image.new("L", (10_000, 10_000), 20)
    huge.paste(200, (0, 0, 5000, 10_000))
    (tmp_path / "photos" / "huge.jpg").write_bytes(encoded(huge, "JPEG", quality=20))
    listing = tmp_path / "photos" / "t.csv"
    listing.write_text(f"path,species\nhuge.jpg,{BIRD}\n")
    made = curate(listing, tmp_path / "out", with_())
    assert made.kept().select("width", "height").rows() == [(10_000, 10_000)]
    with pytest.raises(BadData, match="1 too large"):
        curate(listing, tmp_path / "out2", with_(max_side=9_999))


def test_paths_that_are_wrong_are_rows_with_a_reason(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    names = ["0.png", "0.png", "gone.png", "", "../secret.png", str(tmp_path / "photos" / "Pica aensis" / "1.png")]
    paths = [f"Pica aensis/{n}" if n and n[0] not in "./" else n for n in names] + ["Pica aensis"]
    (tmp_path / "secret.png").write_bytes(encoded(noise(9), "PNG"))
    pl.DataFrame({"path": paths, "Species": "Pica aensis"}).write_csv(source / "t.csv")
    made = curate(source / "t.csv", tmp_path / "out", with_())
    assert made.frame["reason"].to_list() == [
        None,
        "path listed twice",
        "file not found",
        "no path given",
        "path leaves the source's folder",
        None,
        "file cannot be read: Is a directory",
    ]
    assert made.frame["id"].n_unique() == len(paths)


def test_a_linked_photo_is_a_photo(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    real = tmp_path / "elsewhere.png"
    real.write_bytes(encoded(noise(9), "PNG"))
    (source / "Pica aensis" / "link.png").symlink_to(real)
    made = curate(source, tmp_path / "out", with_())
    assert made.frame["reason"].null_count() == 13


def test_a_file_name_that_is_no_text_is_a_row_with_a_reason(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    (source / "Pica aensis" / os.fsdecode(b"\xff.png")).write_bytes(encoded(noise(9), "PNG"))
    made = curate(source, tmp_path / "out", with_())
    bad = made.frame.filter(pl.col("reason").is_not_null())
    assert bad.select("path", "reason").rows() == [("Pica aensis/\\xff.png", "file not found")]


def test_given_ids_that_clash_stay_apart(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos", 1, 4)
    paths = [f"Pica aensis/{k}.png" for k in range(4)]
    pl.DataFrame({"path": paths, "id": ["x", "x", "x#2", "x"], "species": BIRD}).write_csv(source / "t.csv")
    made = curate(source / "t.csv", tmp_path / "out", with_())
    assert made.frame["id"].n_unique() == len(made) == 4


@pytest.mark.parametrize("files", [[], ["notes.txt"], [".hidden.jpg"]])
def test_a_folder_without_photos_is_said(tmp_path: Path, files: list[str]) -> None:
    (tmp_path / "photos").mkdir()
    for name in files:
        (tmp_path / "photos" / name).write_text("x")
    with pytest.raises(BadData, match="no images in this folder"):
        curate(tmp_path / "photos", tmp_path / "out", with_())
    assert not (tmp_path / "out").exists()


def test_sources_that_are_none_are_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="the source not found"):
        curate(tmp_path / "nowhere", tmp_path / "out", with_())
    (tmp_path / "a.csv").write_text("name,place\nx,y\n")
    with pytest.raises(BadData, match="no column says where the images are"):
        curate(tmp_path / "a.csv", tmp_path / "out", with_())
    (tmp_path / "a.doc").write_text("x")
    with pytest.raises(BadData, match="is none of"):
        curate(tmp_path / "a.doc", tmp_path / "out", with_())
    (tmp_path / "b.csv").write_text("path,species\n")
    with pytest.raises(BadData, match="has no rows"):
        curate(tmp_path / "b.csv", tmp_path / "out", with_())


def test_labels_become_taxa_however_they_are_written(tmp_path: Path) -> None:
    for k, folder in enumerate(["Pica_pica", "Corvus corax", "some label", "."]):
        (tmp_path / "photos" / folder).mkdir(parents=True, exist_ok=True)
        noise(k).save(tmp_path / "photos" / folder / f"{k}.png")
    made = curate(tmp_path / "photos", tmp_path / "out", with_())
    names = [made.tree.lineage(t).species if t >= 0 else None for t in made.frame["taxon"]]
    found = dict(zip(made.frame["path"], names, strict=True))
    assert found == {
        "3.png": None,
        "Corvus corax/1.png": "Corvus corax",
        "Pica_pica/0.png": "Pica pica",
        "some label/2.png": "some label",
    }
    assert made.frame.filter(pl.col("taxon") < 0)["reason"].to_list() == ["no organism named"]
    assert made.tree.lineage(made.tree.find("Pica pica")).genus == "Pica"


TAXA = """taxonID,parentNameUsageID,scientificName,taxonRank
1,,Animalia,kingdom
2,1,Pica,genus
3,2,Pica aensis,species
3,2,Pica bensis,species
5,99,Pica censis,species
6,7,Aus,genus
7,6,Bidae,family
8,,Plantae,kingdom
9,8,Pica,genus
"""


def test_a_bad_taxonomy_is_refused_by_the_row(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    (tmp_path / "taxon.csv").write_text(TAXA)
    made = curate(source, tmp_path / "out", with_(typos=0), Aids(taxa=tmp_path / "taxon.csv"))
    refused = pl.read_csv(tmp_path / "out" / "refused_taxa.csv", infer_schema=False)
    assert {name: reason.split(":")[0] for name, reason in refused.select("name", "reason").rows()} == {
        "Pica bensis": "two accepted names for one key",
        "Pica censis": "orphan",
        "Aus": "cyclic parents",
        "Bidae": "cyclic parents",
    }
    assert refused["row"].to_list() == ["5", "6", "7", "8"]
    assert dict(made.refused().rows()) == {"taxon not in the taxonomy": 8}
    assert len(made.tree.named("Pica")) == 2
    assert made.tree.ids[made.tree.find("Pica aensis")] == "3"
    with pytest.raises(Missing, match="--taxa"):
        curate(source, tmp_path / "out2", with_(), Aids(taxa=tmp_path / "gone.csv"))
    assert not (tmp_path / "out2").exists()


class Killed(LocalRunner):
    """A runner that is stopped before its last shard."""

    def map(self, stage: Stage, shards: Sequence[int]) -> Iterator[tuple[int, int]]:
        for shard in shards[:-1]:
            yield shard, stage(shard)
        raise KeyboardInterrupt


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merian.curate.sources.files.ROWS_PER_SHARD", 5)
    source = good_folder(tmp_path / "photos")
    settings = with_(shard_images=4)
    whole = curate(source, tmp_path / "whole", settings)
    with pytest.raises(KeyboardInterrupt):
        curate(source, tmp_path / "out", settings, runner=Killed())
    looked = sorted((tmp_path / "out" / "looked").iterdir())
    assert len(looked) == 2
    with pytest.raises(Missing, match="interrupted"):
        Catalog.open(tmp_path / "out")
    times = [p.stat().st_mtime_ns for p in looked]

    # killed once more, in the middle of the second shard of images
    with monkeypatch.context() as patched:
        written: list[tarfile.TarInfo] = []

        class Stopped(tarfile.TarFile):
            def addfile(self, info: tarfile.TarInfo, stream: IO[bytes] | None = None) -> None:
                written.append(info)
                if len(written) == 11:
                    raise KeyboardInterrupt
                super().addfile(info, stream)

        patched.setattr(tarfile, "open", Stopped.open)
        with pytest.raises(KeyboardInterrupt):
            curate(source, tmp_path / "out", settings, runner=LocalRunner(1))
    assert [p.stat().st_mtime_ns for p in looked] == times
    names = sorted(p.name for p in (tmp_path / "out" / "shards").iterdir())
    assert names == ["shard-00000.parquet", "shard-00000.sha256", "shard-00000.tar"]

    resumed = curate(source, tmp_path / "out", settings)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert resumed.hash == whole.hash
    assert not (tmp_path / "out" / "looked").exists()


def test_the_same_again_is_done_and_other_settings_are_refused(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    first = curate(source, tmp_path / "out", with_())
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}
    assert curate(source, tmp_path / "out", with_()).hash == first.hash
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == times
    with pytest.raises(Mismatch, match=r"seed: 0 -> 1.*--overwrite"):
        curate(source, tmp_path / "out", with_(seed=1))
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == times
    other = curate(source, tmp_path / "out", with_(seed=1), overwrite=True)
    assert other.hash != first.hash
    assert curate(source, tmp_path / "new", with_()).hash == first.hash


def test_photos_put_in_place_afterwards_are_seen(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    (source / "t.csv").write_text(f"path,species\nlate.png,{BIRD}\n")
    with pytest.raises(BadData, match="1 file not found"):
        curate(source / "t.csv", tmp_path / "out", with_())
    noise(9).save(source / "late.png")
    assert len(curate(source / "t.csv", tmp_path / "out", with_()).kept()) == 1


def test_shards_are_webdataset_tars_of_pairs(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    made = curate(source, tmp_path / "out", with_(shard_images=5))
    rows = {row["id"]: row for row in made.kept().iter_rows(named=True)}
    seen = []
    for number in range(3):
        with tarfile.open(made.shard(number)) as tar:
            names = tar.getnames()
            assert [n.partition(".")[2] for n in names] == ["png", "json"] * (len(names) // 2)
            assert [n.partition(".")[0] for n in names[::2]] == [n.partition(".")[0] for n in names[1::2]]
            for image, about in zip(names[::2], names[1::2], strict=True):
                known = json.load(tar.extractfile(about))
                row = rows[known["id"]]
                data = tar.extractfile(image).read()
                assert data == (source / row["path"]).read_bytes()
                assert known["species"] == row["verbatim_name"]
                assert known["split"] == row["split"]
                seen.append(known["id"])
    assert sorted(seen) == sorted(rows)
    assert len(seen) == 12
    # shuffled: no shard is of one species alone
    assert all(n > 1 for n in made.kept().group_by("shard").agg(pl.col("taxon").n_unique())["taxon"])


def test_splits_are_disjoint_by_group_through_shared_bytes(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos", 1, 8)
    paths = [f"Pica aensis/{k}.png" for k in range(8)]
    frame = pl.DataFrame({"path": paths, "species": BIRD, "individual": ["a", "a", "b", "b", "c", "d", "e", "f"]})
    frame.write_csv(source / "t.csv")
    made = curate(source / "t.csv", tmp_path / "out", with_(test=0.5)).kept()
    assert made["group"][0] == made["group"][1] == made["id"][0]
    assert (made.group_by("group").agg(pl.col("split").n_unique())["split"] == 1).all()
    assert set(made["split"]) == {"train", "val", "test"}


def test_only_one_data_set_can_be_kept(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos", 1, 4)
    frame = pl.DataFrame(
        {"path": [f"Pica aensis/{k}.png" for k in range(4)], "species": BIRD, "dataset": ["a", "b"] * 2}
    )
    frame.write_csv(source / "t.csv")
    assert len(curate(source / "t.csv", tmp_path / "out", with_(only="b"))) == 2
    with pytest.raises(BadData, match="has no rows of the data set 'c'"):
        curate(source / "t.csv", tmp_path / "out2", with_(only="c"))
    with pytest.raises(BadData, match="has no rows of the data set 'a'"):
        curate(good_folder(tmp_path / "folder"), tmp_path / "out3", with_(only="a"))
    with pytest.raises(BadSetting, match="test_fold"):
        curate(source / "t.csv", tmp_path / "out4", with_(test_fold="9"))


def test_a_darwin_core_folder_brings_its_taxa_and_names(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    rows = [
        f"occ{k},Pica aensis/{k}.png,Pica aensis {'(Linnaeus 1758)' * (k % 2)},Animalia,Pica,52.5,{k}" for k in range(3)
    ]
    header = "occurrenceID,associatedMedia,scientificName,kingdom,genus,decimalLatitude,eventID"
    (source / "occurrence.csv").write_text("\n".join([header, *rows]) + "\n")
    (source / "taxon.csv").write_text(TAXA)
    (source / "vernacular.csv").write_text("taxonID,vernacularName,language\n3,A-magpie,en\n3,A-Elster,de\n77,x,en\n")
    made = curate(source, tmp_path / "out", with_())
    assert made.frame["id"].to_list() == ["occ0", "occ1", "occ2"]
    assert made.frame["latitude"].to_list() == [52.5] * 3
    taxon = made.tree.find("Pica aensis")
    assert made.frame["taxon"].to_list() == [taxon] * 3
    assert made.tree.ids[taxon] == "3"
    assert (made.tree.common_name(taxon), made.tree.common_name(taxon, "de")) == ("A-magpie", "A-Elster")
    assert (tmp_path / "out" / "refused_taxa.csv").is_file()


def test_one_moth_does_not_name_all_moths(tmp_path: Path) -> None:
    """A photo labelled only "Lepidoptera" and called a clearwing moth; the sea horse, whose family has none below it here, keeps its name."""
    source = good_folder(tmp_path / "photos", 3, 1)
    paths = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.png"))
    rows = [
        f"{paths[0]},Lepidoptera,,,clearwing moth",
        f"{paths[1]},Lepidoptera,Pieridae,Pieris rapae,cabbage white",
        f"{paths[2]},Syngnathiformes,Syngnathidae,,sea horse",
    ]
    (source / "t.csv").write_text("\n".join(["path,order,family,species,common_name", *rows]) + "\n")
    tree = curate(source / "t.csv", tmp_path / "out", with_()).tree
    called = {tree.names[taxon]: name for taxon, _, name in tree.common.rows()}
    assert called == {"Pieris rapae": "cabbage white", "Syngnathidae": "sea horse"}


def test_a_full_disk_leaves_a_run_that_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = good_folder(tmp_path / "photos")
    whole = curate(source, tmp_path / "whole", with_())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("merian.curate.shards.tarfile.TarFile.addfile", full)
        with pytest.raises(OSError, match="No space"):
            curate(source, tmp_path / "out", with_())
    assert not list((tmp_path / "out").rglob("*.part"))
    assert not list((tmp_path / "out").rglob("*.tar"))
    with pytest.raises(Missing):
        read(tmp_path / "out")
    assert curate(source, tmp_path / "out", with_()).hash == whole.hash


def test_a_source_is_hashed_by_what_it_holds(tmp_path: Path) -> None:
    source = good_folder(tmp_path / "photos")
    first = open_source(source).hash
    assert open_source(source).hash == first
    (source / "Pica aensis" / "new.png").write_bytes(b"x")
    assert open_source(source).hash != first


def test_a_folder_called_like_a_glob_is_a_folder(tmp_path: Path) -> None:
    made = curate(good_folder(tmp_path / "photos"), tmp_path / "[b]o*t?", with_())
    assert len(Catalog.open(made.path).kept()) == len(made.kept()) > 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_no_photo(tmp_path: Path) -> None:
    good_folder(tmp_path / "photos")
    os.mkfifo(tmp_path / "pipe.jpg")
    good = next((tmp_path / "photos").rglob("*.png")).relative_to(tmp_path)
    (tmp_path / "t.csv").write_text(f"path,species\npipe.jpg,Pica pica\n{good},Pica pica\n")
    made = curate(tmp_path / "t.csv", tmp_path / "out", with_())
    assert made.frame["reason"].to_list() == ["not a file", None]


def test_splits_that_leave_nothing_to_train_on_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="nothing is left to train on"):
        curate(good_folder(tmp_path / "photos"), tmp_path / "out", with_(test=0.7, val=0.3))
    assert not (tmp_path / "out").exists()


def test_shards_are_hashed_as_they_are_written(tmp_path: Path) -> None:
    made = curate(good_folder(tmp_path / "photos"), tmp_path / "out", with_(shard_images=5), runner=LocalRunner(1))
    files = read(made.path).files
    tars = sorted((made.path / "shards").glob("*.tar"))
    assert len(tars) == 3
    for tar in tars:
        assert files[f"shards/{tar.name}"] == hashlib.sha256(tar.read_bytes()).hexdigest()
    assert not list(made.path.rglob("*.sha256"))
