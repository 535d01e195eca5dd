"""The whole path through the command line, on a small drawn tree: what a user does, in the order they do it."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from merian.cli.main import run
from merian.core.report import Report
from merian.core.tables import Catalog
from merian.core.vectors import Embeddings

pytestmark = pytest.mark.story
TINY = """
[train]
epochs = 40
batch = 64
image_size = 32
patch = 8
width = 64
layers = 2
head = 32
text_width = 64
text_layers = 1
dim = 32
onnx = false
[evaluate]
resamples = 50
[explore]
iterations = 50
shuffles = 9
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything up to the exploration has been done by commands."""
    pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("story")
    settings = root / "tiny.toml"
    settings.write_text(TINY)
    drawing = ["--species", "16", "--images", "420", "--size", "48", "--per-species", "12"]
    assert run(["draw", str(root / "source"), *drawing]) == 0
    # the drawn tree holds broken files and empty frames on purpose: refused rows, exit code 3
    assert run(["curate", str(root / "source"), str(root / "catalog"), "--unseen", "0.2"]) == 3
    assert run(["train", str(root / "catalog"), str(root / "model"), "--settings", str(settings)]) == 0
    assert run(["embed", str(root / "catalog"), "--model", str(root / "model"), "--out", str(root / "embeddings")]) == 0
    given = ["--embeddings", str(root / "embeddings"), "--truth", str(root / "source/truth.parquet")]
    folders = [str(root / name) for name in ("catalog", "model", "evaluation")]
    assert run(["evaluate", *folders, *given, "--settings", str(settings)]) == 0
    traits = ["--traits", str(root / "source/trait.csv"), "--settings", str(settings)]
    assert run(["explore", *(str(root / name) for name in ("catalog", "embeddings", "exploration")), *traits]) == 0
    return root


def test_the_catalog_keeps_what_it_refused(there: Path) -> None:
    catalog = Catalog.open(there / "catalog")
    truth = pl.read_parquet(there / "source/truth.parquet")
    refused = catalog.frame.filter(pl.col("reason").is_not_null())
    planted = truth.filter(pl.col("fault").is_in(["exact duplicate", "zero byte", "not an image", "truncated"]))
    assert len(catalog) == len(truth)
    assert len(refused) >= len(planted) > 0


def test_vectors_stand_for_the_kept_images(there: Path) -> None:
    catalog, embeddings = Catalog.open(there / "catalog"), Embeddings.load(there / "embeddings")
    assert embeddings.ids.to_list() == catalog.kept()["id"].to_list()


def test_the_model_beats_chance(there: Path) -> None:
    report = Report.load(there / "evaluation/report.json")
    kingdom, species = report["test.kingdom.summed"], report["test.species.summed"]
    assert species.low is not None
    assert species.low > report["test.species.chance"].value
    assert kingdom.value >= species.value  # a coarse rank is never worse than a fine one


def test_photos_become_names(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = sorted((there / "source/images").rglob("*.jpg"))[:4]
    bad = there / "note.jpg"
    bad.write_text("this is no picture")
    missing = there / "nowhere.jpg"
    arguments = [str(p) for p in [*photos, bad, missing]]
    assert run(["identify", *arguments, "--model", str(there / "model"), "--k", "2"]) == 3
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    reasons = {row["file_name"]: row["reason"] for row in rows if row["reason"]}
    assert reasons == {str(bad): "not an image", str(missing): "not found"}
    named = [row for row in rows if not row["reason"]]
    assert len(named) == 8
    assert all(0 <= float(row["score"]) <= 1 for row in named)
    assert {row["kingdom"] for row in named} <= {"Animalia", "Plantae", "Fungi"}


def test_coarser_ranks_and_json_lines(there: Path) -> None:
    photo, out = sorted((there / "source/images").rglob("*.jpg"))[7], there / "names.jsonl"
    options = ["--model", str(there / "model"), "--rank", "class", "--format", "jsonl", "--output", str(out)]
    assert run(["identify", str(photo), *options]) == 0
    answer = json.loads(out.read_text())
    assert {p["rank"] for p in answer["predictions"]} == {"class"}
    total = sum(p["probability"] for p in answer["predictions"]) + answer["unknown"]
    assert total <= 1 + 1e-5


def test_nothing_is_computed_twice(there: Path) -> None:
    stamp = (there / "model/manifest.json").stat().st_mtime_ns
    settings = str(there / "tiny.toml")
    assert run(["train", str(there / "catalog"), str(there / "model"), "--settings", settings]) == 0
    assert (there / "model/manifest.json").stat().st_mtime_ns == stamp


def test_other_settings_are_refused_until_told_to_overwrite(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["curate", str(there / "source"), str(there / "catalog"), "--unseen", "0.3"]) == 1
    message = capsys.readouterr().err
    assert "unseen: 0.2 -> 0.3" in message
    assert "--overwrite" in message


def test_open_clip_loads_the_model(there: Path) -> None:
    open_clip = pytest.importorskip("open_clip")
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{there / 'model'}")
    assert model.visual.image_size in (32, (32, 32))


def test_the_web_page_names_a_photo(there: Path) -> None:
    testclient = pytest.importorskip("starlette.testclient")
    from merian.web.app import create_app

    photo = sorted((there / "source/images").rglob("*.jpg"))[3]
    with testclient.TestClient(create_app(there)) as client:
        assert client.get("/").status_code == 200
        found = client.post("/api/identify", files={"photo": ("photo.jpg", photo.read_bytes(), "image/jpeg")})
        assert found.status_code == 200
        assert client.get("/api/layout").status_code == 200


TOUR = ["--no-serve", "--species", "16", "--images", "300", "--size", "32", "--epochs", "1", "--resamples", "20"]


def test_a_tour_that_is_stopped_anywhere_ends_with_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop a tour before each of its steps in turn, each time going on, and compare with one that was never stopped."""
    pytest.importorskip("torch")
    from merian.cli import tour

    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    assert run(["tour", str(whole), *TOUR]) == 0
    for step in ("_model", "_identify", "_measure", "_report"):
        kept = getattr(tour, step)
        monkeypatch.setattr(tour, step, _interrupted)
        assert run(["tour", str(pieces), *TOUR]) == 1
        monkeypatch.setattr(tour, step, kept)
    shutil.rmtree(pieces / "embeddings")
    assert run(["tour", str(pieces), *TOUR]) == 0
    for name in ("evaluation/report.json", "exploration/report.json"):
        first, second = (Report.load(root / name) for root in (whole, pieces))
        assert first.numbers == second.numbers
    assert (whole / "identified.csv").read_text().replace(str(whole), "") == (
        pieces / "identified.csv"
    ).read_text().replace(str(pieces), "")
    assert (pieces / "report.html").stat().st_size > 10_000
    _fits_a_phone(pieces / "report.html")


def _fits_a_phone(page: Path) -> None:
    """No table or figure makes the page wider than a phone, where a browser is at hand to say so."""
    chromium = next((p for p in (Path("/usr/bin/chromium"), Path("/usr/bin/chromium-browser")) if p.is_file()), None)
    if chromium is None or importlib.util.find_spec("playwright") is None:
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        sheet = browser.new_page(viewport={"width": 360, "height": 800})
        sheet.goto(page.absolute().as_uri())
        assert sheet.evaluate("document.documentElement.scrollWidth") <= 360
        browser.close()


def _interrupted(*given: object) -> Callable[..., None]:
    raise KeyboardInterrupt
