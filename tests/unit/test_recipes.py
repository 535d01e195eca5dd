"""Every recipe can be given to its verbs, and the one that reproduces a paper has the paper's numbers."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from merian.cli.main import app
from merian.cli.recipe import steps_of
from merian.cli.settings import HOMES
from merian.cli.tour import TourSettings, training
from merian.core.settings import load
from merian.train import TrainSettings

RECIPES = Path(__file__).parents[2] / "recipes"
EVERY = sorted(RECIPES.glob("*.toml"))
METHOD = (
    "objective",
    "text_per",
    "text_types",
    "order",
    "cap",
    "traits",
    "crop",
    "flip",
    "colour",
    "precision",
    "replay_weight",
    "logit_scale",
    "logit_scale_max",
    "logit_scale_fixed",
    "weight_decay",
    "beta2",
    "grad_clip",
)
"""What a recipe does, apart from how large it is."""


def recipe(name: str) -> TrainSettings:
    return load(TrainSettings, RECIPES / name, None, "train")


@pytest.mark.parametrize("path", EVERY, ids=lambda p: p.name)
def test_every_table_of_a_recipe_loads(path: Path) -> None:
    tables = {verb for verb, value in tomllib.loads(path.read_text()).items() if isinstance(value, dict)}
    assert tables
    for verb in tables:
        module, _, name = HOMES[verb].partition(":")
        cls = getattr(importlib.import_module(module), name)
        load(cls, path, None, verb)


@pytest.mark.parametrize("path", EVERY, ids=lambda p: p.name)
def test_every_recipe_says_its_command_cost_and_tiny_variant(path: Path) -> None:
    head = re.split(r"\n\[|\nsteps", path.read_text())[0]
    assert all(line.startswith("#") or not line for line in head.splitlines())
    assert "merian train" in head.replace("\n#", "")
    assert "Cost:" in head
    assert "tiny" in head


@pytest.mark.parametrize("path", EVERY, ids=lambda p: p.name)
def test_every_step_of_a_recipe_is_a_command_line_that_is_understood(path: Path, tmp_path: Path) -> None:
    if "steps" not in tomllib.loads(path.read_text()):
        assert path.name == "bioclip2.toml"  # too large to be run as a whole
        return
    for words in steps_of(path, tmp_path):
        app.parse_args(words, exit_on_error=False, print_error=False)
    with pytest.raises(CycloptsError):
        app.parse_args([*words, "--no-such-option", "1"], exit_on_error=False, print_error=False)


def test_the_faithful_recipe_has_the_published_numbers() -> None:
    s = recipe("bioclip2.toml")
    assert (s.architecture, s.pretrained, s.image_size) == ("ViT-L-14", "laion2b_s32b_b82k", 224)
    assert (s.batch, s.replay_batch, s.replay_weight) == (32 * 2816, 32 * 320, 1.0)
    assert (s.epochs, s.lr, s.weight_decay, s.beta2, s.grad_clip, s.ema) == (30, 1e-4, 0.2, 0.98, 0.0, 0.0)
    assert round(s.warmup * 30 * (214_000_000 // s.batch)) == pytest.approx(1875, abs=2)
    assert (s.objective, s.text_per, len(s.text_types)) == ("infonce", "batch", 5)
    assert (s.crop, s.flip, s.colour) == (0.9, 0.0, 0.0)
    assert (s.precision, s.recompute, s.compile, s.seed) == ("pure_bf16", True, True, 42)
    assert (s.logit_scale_max, s.logit_scale_fixed) == (100.0, False)
    assert (s.cap, s.traits, s.order) == (0, 0.0, "shards")


def test_the_tiny_faithful_recipe_differs_in_size_alone() -> None:
    full, tiny = recipe("bioclip2.toml"), recipe("bioclip2-tiny.toml")
    assert {k: getattr(full, k) for k in METHOD} == {k: getattr(tiny, k) for k in METHOD}
    assert tiny.batch / tiny.replay_batch == pytest.approx(full.batch / full.replay_batch, rel=0.1)


def test_the_better_recipe_differs_from_the_tiny_faithful_one_in_its_parts_alone() -> None:
    better, tiny = recipe("merian.toml"), recipe("bioclip2-tiny.toml")
    parts = {"objective", "text_per", "order", "cap", "traits", "precision", "crop", "flip", "colour", "grad_clip"}
    parts |= {"logit_scale", "logit_scale_max", "logit_scale_fixed", "level_weights"}
    changed = {k for k in vars(better) if getattr(better, k) != getattr(tiny, k)}
    assert {"objective", "order", "precision", "traits"} <= changed <= parts


def test_the_tour_trains_by_the_better_recipe() -> None:
    assert training(TourSettings()) == recipe("merian.toml")
