"""Converted models: they say what the model says, need no torch, keep their own name, and are found by --precision."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from photos import encoded, noise
from small_models import model_folder

from merian.cli.main import run as merian
from merian.core.errors import BadData, BadSetting, Missing, MissingExtra
from merian.core.tree import Tree
from merian.core.vectors import Embeddings
from merian.encode import Pixels, open_encoder
from merian.encode.convert import CONVERSIONS, convert
from merian.encode.folder import WEIGHTS, FolderEncoder, read_folder
from merian.encode.openvino import converted_place
from merian.identify import Head, Identifier
from merian.identify.agreement import agreement

WORDS = ["a photo of Pica pica.", "Corvus corax"]
LEAST = {"fp32": 0.999999, "bf16": 0.999, "int8": 0.98}


def pixels(count: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28, 3), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("bioclip-2") / "model", "bioclip-2")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("precision", CONVERSIONS)
def test_a_conversion_says_what_the_model_says(model: Path, tmp_path: Path, precision: str) -> None:
    made = convert(model, tmp_path / "made", precision, pixels(8))
    exact, fast = open_encoder(model), open_encoder(tmp_path / "made")
    assert isinstance(fast, FolderEncoder)
    assert not (made.path / WEIGHTS).exists()
    assert (exact.embed_images(pixels(6, 1)) * fast.embed_images(pixels(6, 1))).sum(1).min() > LEAST[precision]
    assert (exact.embed_texts(WORDS) * fast.embed_texts(WORDS)).sum(1).min() > min(LEAST[precision], 0.9999)
    assert fast.exact == exact.fingerprint
    assert (fast.fingerprint == exact.fingerprint) == (precision == "fp32")  # the same numbers, the same name
    assert fast.fingerprint.endswith(precision)
    whole = fast.embed_images(pixels(9))
    assert np.array_equal(np.concatenate([fast.embed_images(pixels(9)[k : k + 2]) for k in range(0, 9, 2)]), whole)


def test_other_photos_make_another_eight_bit_model(model: Path, tmp_path: Path) -> None:
    made = [convert(model, tmp_path / str(seed), "int8", pixels(4, seed) // (seed + 1)) for seed in range(2)]
    assert made[0].fingerprint("int8") != made[1].fingerprint("int8")
    assert made[0].fingerprint("fp32") == made[1].fingerprint("fp32") == read_folder(model).fingerprint("fp32")


def test_no_torch_is_imported(model: Path, tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path; from merian.encode.convert import convert;"
        "convert(Path(sys.argv[1]), Path(sys.argv[2]), 'int8', np.zeros((4, 28, 28, 3), np.uint8) + 99);"
        "assert 'torch' not in sys.modules; assert all(not n.startswith('torch.') for n in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model, tmp_path / "made"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made" / "image.xml").is_file()


def test_a_kept_conversion_is_found_by_its_precision(model: Path) -> None:
    with pytest.raises(Missing, match="models convert"):
        open_encoder(model, precision="int8")
    folder = read_folder(model)
    made = convert(model, converted_place(folder, "int8"), "int8", pixels(4))
    assert open_encoder(model, precision="int8").fingerprint == made.fingerprint("int8")
    assert open_encoder(model).fingerprint == folder.fingerprint("fp32")
    with pytest.raises(BadSetting, match="was converted to int8"):
        open_encoder(made.path, precision="bf16")
    with pytest.raises(BadData, match="a conversion already"):
        convert(made.path, made.path.with_name("again"), "bf16")


def test_a_head_made_in_fp32_serves(model: Path, tmp_path: Path) -> None:
    tree = Tree.from_lineages(pl.DataFrame({"genus": ["Pica", "Corvus"], "species": ["Pica pica", "Corvus corax"]}))
    exact = open_encoder(model)
    head = Head.build(exact, tree)
    made = convert(model, tmp_path / "made", "bf16")
    head.save(made.path / "head")
    found = Identifier.open(made.path)
    assert found.head.fingerprint == found.encoder.fingerprint != exact.fingerprint
    told = agreement(exact, found.encoder, pixels(5), head)
    assert told.photos == 5
    assert told.labels == 2
    assert told.same["kingdom"] == 5
    assert told.least_cosine <= told.median_cosine <= 1 + 1e-6
    assert agreement(exact, exact, pixels(5), head).same == dict.fromkeys(told.same, 5)


def test_what_cannot_be_converted_says_why(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSetting, match="int4"):
        convert(model, tmp_path / "made", "int4")
    with pytest.raises(BadData, match="needs photos"):
        convert(model, tmp_path / "made", "int8")
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(MissingExtra, match="convert"):
        convert(model, tmp_path / "made", "int8", pixels(2))
    assert list(tmp_path.iterdir()) == []  # nothing half made stays


def test_the_command(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(12):
        (photos / f"{seed}.png").write_bytes(encoded(noise(seed), "PNG"))
    (tmp_path / "taxa.csv").write_text("genus,species\nPica,Pica pica\nCorvus,Corvus corax\n")
    line = ["models", "convert", str(model), "--photos", str(photos), "--taxa", str(tmp_path / "taxa.csv")]
    assert merian(line) == 0
    said = capsys.readouterr().err
    assert "cosine to fp32 at least" in said
    assert "the same best of 2 taxa: species" in said
    place = converted_place(read_folder(model), "int8")
    card = json.loads((place / "open_clip_config.json").read_text())["merian"]
    assert card["precision"] == "int8"
    assert card["agreement"]["calibrated_on"] + card["agreement"]["photos"] == 12
    capsys.readouterr()
    assert merian(["models", "info", str(model)]) == 0
    assert "int8 (cosine to fp32" in capsys.readouterr().err
    answers = ["identify", str(photos / "1.png"), "--model", str(model), "--taxa", str(tmp_path / "taxa.csv")]
    assert merian([*answers, "--precision", "int8"]) == 0
    assert "1.png" in capsys.readouterr().out
    embed = ["embed", str(photos), "--model", str(model), "--precision", "int8", "--out", str(tmp_path / "vectors")]
    assert merian(embed) == 0
    assert Embeddings.load(tmp_path / "vectors" / "embeddings.parquet").fingerprint.endswith("-int8")
    assert merian([*embed, "--raw", "--format", "npy", "--overwrite"]) == 2
    capsys.readouterr()
    assert merian(["models", "convert", str(model), "--photos", str(photos / "1.png")]) == 1
    assert "at least 8 are needed" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    assert merian([*line, "-o", str(tmp_path / "full")]) == 2
    assert "name a new folder" in capsys.readouterr().err
    assert merian(["models", "list", "--taxa", "x"]) == 2
