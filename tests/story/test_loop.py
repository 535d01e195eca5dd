"""The loop through cameras, by commands: a world runs and is photographed, a classifier names the photos, and what it says gives the densities back.

Two grazers that look alike, one thirty times as common, and cameras that also shoot nothing at all. The classifier is the toy encoder with the mean vector of
each species' drawings: it is often wrong, and what it takes for the rare species is mostly the common one or nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from small_world import COMMON, RARE, written

from merian.cli.main import run
from merian.core.report import Report
from merian.core.tree import Tree
from merian.core.vectors import Embeddings, normalise
from merian.encode import open_encoder
from merian.encode.pixels import decode_many
from merian.identify import Head
from merian.identify.calibrate import Calibration

pytestmark = pytest.mark.story
WATCH = (
    "--cameras",
    "30",
    "--days",
    "12",
    "--window-km",
    "5",
    "--start-spread",
    "0.2",
    "--held-out",
    "150",
    "--false-day",
    "0.5",
)
SMALL = ("--drawn-species", "40", "--taught", "60", "--size", "48", "--seed", "3")


def taught(world: Path, model: Path) -> None:
    """A model folder: the mean toy vector of each species' drawings, by the names that the drawn tree has for them."""
    drawn = dict(pl.read_csv(world / "cast.csv").select("scientificName", "drawnAs").iter_rows())
    rows = pl.read_csv(world / "taught.csv").with_columns(pl.col("scientificName").replace_strict(drawn))
    names = list(drawn.values())
    tree = Tree.from_lineages(pl.DataFrame([n.split() for n in names], schema=["genus", "species"], orient="row"))
    toy = open_encoder("toy")
    vectors = toy.embed_images(decode_many([world / p for p in rows["filePath"]], toy.preprocess).pixels)
    truth = np.array([tree.find(name) for name in rows["scientificName"]], np.int32)
    labels = np.unique(truth)
    means = normalise(np.stack([vectors[truth == taxon].sum(0) for taxon in labels]))
    head = Head(tree, labels, means, toy.fingerprint, Calibration(toy.logit_scale))
    model.mkdir()
    head.calibrated(Embeddings(rows["filePath"], vectors, toy.fingerprint), truth).save(model / "head")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the loop has been gone round once."""
    root = tmp_path_factory.mktemp("loop")
    assert run(["twin", "build", str(written(root)), str(root / "ecosystem"), "--rows", "8"]) == 0
    assert run(["twin", "watch", str(root / "ecosystem"), str(root / "world"), *WATCH, *SMALL]) == 0
    taught(root / "world", root / "model")
    photos = [str(root / "world" / part) for part in ("photos", "held_out")]
    named = ["--model", str(root / "model"), "--backend", "toy", "-o", str(root / "names.csv")]
    assert run(["identify", *photos, *named]) == 0
    assert run(calibration(root)) == 0
    return root


def calibration(root: Path) -> list[str]:
    """The command that closes the loop."""
    folders = [str(root / name) for name in ("ecosystem", "world", "result")]
    return ["twin", "calibrate", *folders, "--names", str(root / "names.csv"), "--members", "100"]


def densities(root: Path) -> dict[tuple[str, str], dict[str, float]]:
    table = pl.read_parquet(root / "result" / "densities.parquet")
    return {(row["species"], row["way"]): row for row in table.iter_rows(named=True)}


def test_the_photos_are_a_camera_trap_project_of_animals_that_walked_past(there: Path) -> None:
    world = there / "world"
    media, truth = pl.read_csv(world / "media.csv"), pl.read_parquet(world / "truth_photos.parquet")
    assert sorted(media["filePath"]) == sorted(str(p.relative_to(world)) for p in (world / "photos").rglob("*.jpg"))
    assert media["filePath"].to_list() == truth["filePath"].to_list()
    assert len(pl.read_csv(world / "deployments.csv")) == 30
    assert truth["distance_m"].max() <= 10
    assert {True, False} == set(truth["dark"])


def test_the_matrix_gives_the_truth_back_and_labels_taken_for_truth_do_not(there: Path) -> None:
    found = densities(there)
    for species in (COMMON, RARE):
        true, row = found[species, "truth"]["median"], found[species, "calibrated"]
        assert row["q05"] < true < row["q95"]
        before = found[species, "believed"]
        assert row["q95"] / row["q05"] < before["q95"] / before["q05"]
    true, naive = found[RARE, "truth"]["median"], found[RARE, "labels as truth"]
    assert naive["q05"] > 1.5 * true
    assert naive["q05"] > found[RARE, "calibrated"]["median"]


def test_frames_of_nothing_are_told_from_animals_by_their_row_of_the_matrix(there: Path) -> None:
    """The classifier knows no word for nothing: it takes many of them for a grazer. How often cameras shoot in vain is found nevertheless."""
    shown = pl.read_parquet(there / "world" / "truth_photos.parquet").filter(pl.col("scientificName") == "empty")
    names = pl.read_csv(there / "names.csv")
    said = dict(names.select(pl.col("file_name").str.split("/").list.tail(3).list.join("/"), "species").iter_rows())
    wrongly = [said[place] for place in shown["filePath"] if said[place]]
    assert len(wrongly) > 0.1 * len(shown) > 5
    report = Report.load(there / "result" / "report.json")
    (line,) = [remark for remark in report.remarks if remark.startswith("false triggers")]
    low, high = (float(word) for word in line.split("(")[1].split(")")[0].split(" to "))
    assert low < len(shown) / (30 * 12) < high


def test_the_page_says_who_is_misled(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (there / "result" / "calibration.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "misled" in page
    before = (there / "result" / "manifest.json").stat().st_mtime_ns
    assert run(calibration(there)) == 0
    assert (there / "result" / "manifest.json").stat().st_mtime_ns == before
    assert "rare grazer" in capsys.readouterr().err.lower()
