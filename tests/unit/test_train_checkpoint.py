"""A checkpoint is whole or not there, the older ones go, and one that does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from merian.core.errors import BadData
from merian.core.settings import load
from merian.train import TrainSettings
from merian.train.checkpoint import Average, keep, newest, restore
from merian.train.optimizer import make_optimizer
from merian.train.towers import Towers, build, model_config

SIZES = {"image_size": 32, "width": 32, "layers": 1, "head": 16, "text_width": 32, "text_layers": 1, "dim": 16}


def towers(projectors: tuple[str, ...] = (), **given: object) -> tuple[Towers, torch.optim.Optimizer, TrainSettings]:
    settings = load(TrainSettings, None, SIZES | given)
    made = Towers(build(settings, model_config(settings, 300, 16)), projectors)
    return made, make_optimizer(made, settings), settings


def stepped(made: Towers, optimizer: torch.optim.Optimizer, seed: int = 0) -> None:
    torch.manual_seed(seed)
    for weight in made.parameters():
        weight.grad = torch.randn_like(weight)
    optimizer.step()


@pytest.mark.parametrize("precision", ["fp32", "rounded_bf16"])
def test_what_was_kept_comes_back_and_goes_on_alike(tmp_path: Path, precision: str) -> None:
    made, optimizer, _ = towers(("replay",), precision=precision)
    average = Average(made, 0.9)
    stepped(made, optimizer)
    average.update(made)
    keep(tmp_path, 1, made, optimizer, average, 1)
    other, second, _ = towers(("replay",), precision=precision, seed=5)
    again = Average(other, 0.9)
    path = newest(tmp_path)
    assert path is not None
    assert restore(path, other, second, again) == 1
    for one, two in ((made, optimizer), (other, second)):
        stepped(one, two, seed=1)
    average.update(made)
    again.update(other)
    assert all(torch.equal(a, b) for a, b in zip(made.state_dict().values(), other.state_dict().values(), strict=True))
    assert all(torch.equal(average.weights[k], again.weights[k]) for k in average.weights)
    assert again.steps == 2


def test_only_the_newest_stay(tmp_path: Path) -> None:
    made, optimizer, _ = towers()
    for step in (50, 100, 150):
        keep(tmp_path, step, made, optimizer, None, 2)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step-00000100.safetensors", "step-00000150.safetensors"]
    assert newest(tmp_path / "none") is None


def test_a_damaged_one_and_one_of_other_towers_are_refused(tmp_path: Path) -> None:
    made, optimizer, _ = towers()
    keep(tmp_path, 1, made, optimizer, None, 1)
    path = newest(tmp_path)
    assert path is not None
    larger, second, _ = towers(width=48)
    with pytest.raises(BadData, match="checkpoint of other towers"):
        restore(path, larger, second, None)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadData, match="delete it"):
        restore(path, made, optimizer, None)


def test_the_average_of_constant_weights_is_the_weights() -> None:
    made, _, _ = towers()
    before = {k: v.clone() for k, v in made.state_dict().items()}
    average = Average(made, 0.99)
    for _ in range(3):
        average.update(made)
    average.into(made)
    assert all(torch.allclose(v, before[k], atol=1e-6) for k, v in made.state_dict().items())
