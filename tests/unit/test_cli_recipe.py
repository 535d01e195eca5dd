"""A recipe run as a whole: its steps in their folder, flags for the one that trains, the same again goes on; what is no recipe is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from merian.cli.main import run
from merian.cli.recipe import steps_of
from merian.core.errors import BadSetting

SMALL = """
steps = [
    "draw world --images 160",
    "curate world catalog --unseen 0.12",
    "train catalog model --epochs=3",
]

[draw]
species = 16
size = 32
images = 4000

[train]
image_size = 32
width = 32
layers = 1
head = 16
text_width = 32
text_layers = 1
dim = 16
batch = 8
epochs = 2
onnx = false
text_types = ["sci", "taxon", "com"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "small.toml"
    path.write_text(text)
    return path


def test_the_steps_are_run_in_their_folder_and_the_flags_reach_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, work = written(tmp_path, SMALL), tmp_path / "work"
    command = ["train", str(recipe), str(work), "--epochs", "1", "--text-types", "sci", "--text-types", "taxon"]
    assert run([*command, "--no-compile", "--seed", "0"]) == 0
    told = capsys.readouterr().err
    assert "1 of 3" in told
    assert "3 of 3" in told
    trained = json.loads((work / "model" / "manifest.json").read_text())["settings"]
    assert (trained["epochs"], trained["width"], trained["text_types"]) == (1, 32, ["sci", "taxon"])
    drawn = json.loads((work / "world" / "manifest.json").read_text())["settings"]
    assert (drawn["species"], drawn["images"]) == (16, 160)
    before = (work / "model" / "manifest.json").stat().st_mtime_ns
    assert run([*command, "--seed", "0"]) == 0
    assert (work / "model" / "manifest.json").stat().st_mtime_ns == before
    assert run(["train", str(recipe), str(work)]) == 1
    assert "overwrite" in capsys.readouterr().err


def test_the_step_that_fails_ends_the_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = written(tmp_path, 'steps = ["curate nowhere catalog", "draw world"]')
    assert run(["train", str(recipe), str(tmp_path / "work")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "work" / "world").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[train]\nepochs = 1\n", "--settings"),
        ("steps = []\n", "--settings"),
        ("steps = 3\n", "--settings"),
        ('steps = ["fly away"]\n', "verb"),
        ('steps = ["curate {source} catalog"]\n', "--source"),
        ("steps = [\n", "TOML"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    assert run(["train", str(written(tmp_path, text)), str(tmp_path / "work")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_recipe_takes_no_ladder_and_no_process_but_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = written(tmp_path, SMALL)
    assert run(["train", str(recipe), str(tmp_path / "work"), "--ladder", "5%,100%"]) == 2
    assert run(["train", str(recipe), str(tmp_path / "work"), "--settings", str(recipe)]) == 2
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run(["train", str(recipe), str(tmp_path / "work")]) == 2
    assert "torchrun" in capsys.readouterr().err


def test_a_catalog_needs_an_out_and_no_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(tmp_path)]) == 2
    assert "OUT" in capsys.readouterr().err
    assert run(["train", str(tmp_path), str(tmp_path / "model"), "--source", "x"]) == 2


def test_the_source_takes_its_place_as_a_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = written(tmp_path, 'steps = ["curate {source} catalog"]\n\n[curate]\nval = 0.1\n')
    (line,) = steps_of(recipe, Path("my photos"))
    assert line == ["curate", str(tmp_path / "my photos"), "catalog", "--settings", str(recipe)]
    with pytest.raises(BadSetting):
        steps_of(recipe)
