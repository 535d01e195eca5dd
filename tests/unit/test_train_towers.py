"""The towers are open_clip's, named by the seed, and captions cut to length are the captions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from merian.core.errors import BadSetting
from merian.core.settings import load
from merian.encode.tokens import train_tokenizer
from merian.testing import sample_texts
from merian.train import TrainSettings
from merian.train.towers import Towers, build, chance, model_config

SETTINGS = load(
    TrainSettings,
    None,
    {"image_size": 32, "width": 32, "layers": 1, "head": 16, "text_width": 64, "text_layers": 2, "dim": 16},
)
TOKENS = train_tokenizer(sample_texts(), 300, 40)


def test_captions_cut_to_length_are_what_open_clip_makes_of_them_with_the_same_gradient() -> None:
    model = build(SETTINGS, model_config(SETTINGS, TOKENS.size, TOKENS.context))
    tokens = torch.from_numpy(TOKENS.encode([*sample_texts(), "pica", "a photo of Pica."]))
    expected = model.encode_text(tokens, normalize=True)
    weights = torch.linspace(-1, 1, expected.numel()).view_as(expected)
    (expected * weights).sum().backward()
    gradient = model.token_embedding.weight.grad.clone()
    model.zero_grad()
    given = Towers(model).texts(tokens)
    (given * weights).sum().backward()
    assert torch.allclose(given, expected, atol=1e-6)
    assert torch.allclose(model.token_embedding.weight.grad, gradient, atol=1e-5)


def test_the_seed_names_the_weights_and_nothing_else_is_touched() -> None:
    config = model_config(SETTINGS, TOKENS.size, TOKENS.context)
    before = torch.get_rng_state()
    first, second = build(SETTINGS, config), build(SETTINGS, config)
    other = build(load(TrainSettings, None, {"seed": 1}), config)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.visual.proj, second.visual.proj)
    assert not torch.equal(first.visual.proj, other.visual.proj)


def test_chance_is_a_named_stream() -> None:
    drawn = []
    for names in (("step", 3), ("step", 4), ("step", 3)):
        with chance(0, *names):
            drawn.append(torch.rand(4))
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])


def test_a_tower_that_open_clip_cannot_build_is_refused_before_it_trains() -> None:
    for name, told in (("mobilenetv4_conv_small", "gives 1280 numbers where open_clip"), ("resnet81", "resnet18")):
        with pytest.raises(BadSetting, match=told):
            model_config(replace(SETTINGS, tower=name), TOKENS.size, TOKENS.context)
    assert (
        model_config(replace(SETTINGS, tower="resnet18"), TOKENS.size, TOKENS.context)["vision_cfg"]["image_size"] == 32
    )
