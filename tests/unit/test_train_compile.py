"""torch.compile is believed only when graphs were counted."""

from __future__ import annotations

import pytest
import torch

from merian.core.errors import BadSetting
from merian.core.settings import load
from merian.train import TrainSettings
from merian.train.compile import compile_towers, graphs, prove
from merian.train.towers import Towers, build, model_config

SIZES = {"image_size": 32, "width": 32, "layers": 1, "head": 16, "text_width": 32, "text_layers": 1, "dim": 16}


@pytest.fixture
def towers() -> Towers:
    settings = load(TrainSettings, None, SIZES)
    return Towers(build(settings, model_config(settings, 300, 16)))


def tokens(rows: int) -> torch.Tensor:
    made = torch.zeros(rows, 16, dtype=torch.int64)
    made[:, 0], made[:, 3 + rows % 5] = 1, 299
    return made


def test_compiled_towers_give_the_same_and_no_new_graph_for_another_number_of_captions(towers: Towers) -> None:
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = towers.images(images), [towers.texts(tokens(rows)) for rows in (3, 7, 6, 9)]
    compile_towers(towers, "eager")
    assert graphs() == 0
    seen = towers.images(images)
    texts = [towers.texts(tokens(rows)) for rows in (3, 7)]
    count = graphs()
    texts += [towers.texts(tokens(rows)) for rows in (6, 9)]
    assert 2 <= graphs() == count
    assert torch.allclose(seen, plain[0], atol=1e-5)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(texts, plain[1], strict=True))
    prove(4)


def test_no_graph_or_too_many_stop_the_run(towers: Towers, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_towers(towers, "eager")
    with pytest.raises(BadSetting, match="made 0 graphs of 2 towers by step 3"):
        prove(3)
    monkeypatch.setattr("merian.train.compile.GRAPHS_AT_MOST", 1)
    towers.images(torch.randn(4, 3, 32, 32))
    towers.texts(tokens(4))
    with pytest.raises(BadSetting, match="shapes change"):
        prove(3)
