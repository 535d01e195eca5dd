"""The model in the package: small, offline, without torch, and as good as its card says."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.cli.main import run
from merian.cli.real import SAMPLES, samples
from merian.core.tree import RANKS
from merian.curate.licences import normalise
from merian.encode import open_encoder
from merian.encode.hub import pocket
from merian.encode.info import CARD, said
from merian.identify import Identifier, answer_rows

PHOTOS = Path(__file__).parents[2].parent / "shared" / "data"
FEW = 300
pytestmark = pytest.mark.skipif(
    not (pocket() / CARD).is_file(), reason="this package was built without the pocket model"
)


@pytest.fixture(scope="module")
def card() -> dict[str, object]:
    loaded: dict[str, object] = json.loads((pocket() / CARD).read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def identifier() -> Identifier:
    return Identifier.open(Path("pocket"))


def test_it_is_small_enough_to_travel_in_the_package() -> None:
    size = sum(path.stat().st_size for path in pocket().rglob("*") if path.is_file())
    assert size <= 20e6
    assert not list(pocket().rglob("*.jpg"))  # no photo is in it


def test_it_names_photos_without_torch_or_a_network(tmp_path: Path) -> None:
    code = f"""
import socket, sys
def refused(*_, **__):
    raise OSError("no network")
socket.socket.connect = refused
from merian.cli.main import run
code = run(["identify", {str(next(iter(samples())))!r}, "--output", {str(tmp_path / "out.csv")!r}])
assert code == 0, code
assert not {{"torch", "open_clip", "timm", "pandas"}} & set(sys.modules), sorted(sys.modules)
"""
    environment = {"HF_HOME": str(tmp_path / "hub"), "PATH": "/usr/bin", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "with pocket; --model names another" in done.stderr
    assert "merian models pull bioclip-2" in done.stderr  # how to get the large one is said
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 5
    assert all(0 <= float(row["score"]) <= 1 for row in rows)


def test_its_card_is_of_this_very_model(card: dict[str, object], identifier: Identifier) -> None:
    inputs = card["inputs"]
    assert isinstance(inputs, dict)
    assert inputs["encoder"] == identifier.encoder.fingerprint == identifier.head.fingerprint
    assert inputs["tree"] == identifier.head.tree.version
    assert said(pocket()) == card["about"]
    assert "pocket" in str(card["about"])
    assert "recipes/pocket.toml" in str(card["command"])
    assert card["limits"]


def test_it_is_calibrated_at_each_rank_and_knows_when_to_say_none(identifier: Identifier) -> None:
    calibration = identifier.head.calibration
    assert calibration.images > 200
    assert len(calibration.ranks) == len(RANKS)
    assert 0 < calibration.none < 1
    noise = np.random.default_rng(0).integers(0, 256, (8, *(identifier.encoder.preprocess.size,) * 2, 3), np.uint8)
    mass = identifier.head.probabilities(identifier.encoder.embed_images(noise))
    assert (mass.sum(1) <= 1 + 1e-5).all()


def test_whom_it_owes_its_photos_to_is_told_and_all_of_it_is_open() -> None:
    sources = pl.read_csv(pocket() / "sources.csv")
    assert sources["images"].sum() > 4_000
    assert sources["rights_holder"].null_count() == 0
    read = normalise(sources["licence"])
    assert read["licence"].is_in(["CC0-1.0", "CC-BY-4.0", "MIT"]).all()


def test_its_vocabulary_is_open(tmp_path: Path) -> None:
    names = tmp_path / "taxa.csv"
    names.write_text(
        "kingdom,class,species\nAnimalia,Insecta,Danaus plexippus\nPlantae,Magnoliopsida,Malus domestica\n"
    )
    own = Identifier.open(Path("pocket"), taxa=names)
    assert len(own.head.labels) == 2
    vectors = open_encoder("pocket").embed_texts(["a photo of an apple.", "a photo of a moth."])
    assert vectors.shape == (2, own.encoder.dim)


def test_sample_photos_of_other_libraries_are_found_with_what_they_show() -> None:
    assert any(path.name == "flower.jpg" for path in samples())
    assert {path.name for path in samples()} <= {Path(name).name for photos in SAMPLES.values() for name in photos}


@pytest.mark.real
@pytest.mark.skipif(not (PHOTOS / "photos.csv").is_file(), reason="needs the real photos of ../shared/data")
def test_it_is_as_good_as_its_card_says(card: dict[str, object], identifier: Identifier) -> None:
    """Held-out butterflies, named anew from their files among the butterflies: within the card's interval, a little widened, as these are only some of them."""
    table = pl.read_csv(PHOTOS / "photos.csv", infer_schema_length=0)
    known = set(identifier.head.tree.names.gather(identifier.head.labels.astype(np.uint32)).to_list())
    trained = pl.read_csv(pocket() / "taxa.csv")["name"].to_list()
    rows = table.filter((pl.col("dataset") == "butterflies_moths_100") & (pl.col("label_rank") == "species"))
    butterflies = sorted(set(rows["species"]) & known & set(trained))
    test = rows.filter((pl.col("fold") == "0") & pl.col("species").is_in(butterflies)).sample(FEW, seed=1)
    only, _ = identifier.only(butterflies)
    answers = only.identify([PHOTOS / path for path in test["path"]], k=1)
    best = [found[0]["name"] for found in answer_rows(answers.predictions)]
    right = float(np.mean([a == b for a, b in zip(best, test["species"], strict=True)]))
    numbers = card["numbers"]
    assert isinstance(numbers, list)
    told = next(n for n in numbers if n["name"] == "set.butterflies_moths_100.top1")
    assert told["low"] - 0.05 <= right <= told["high"] + 0.05


def test_its_short_name_is_known_to_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "info", "pocket"]) == 0
    assert "int8" in capsys.readouterr().err
