"""Reading image towers on torch: the vector stays what it was, attention is attention, and Grad-CAM of a linear tower is its exact map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from merian.core.errors import BadSetting, Missing
from merian.encode import Preprocess, open_encoder
from merian.encode.gradients import Inside, inside, open_tower
from merian.encode.torch import ImageGraph
from merian.explore.explain.saliency import cam, open_lens, relevance, rollout

TEXT = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16}
TOWERS: dict[str, dict[str, Any]] = {
    "class token": VIT,
    "mean": {**VIT, "pool_type": "avg"},
    "attentional pool": {**VIT, "attentional_pool": True, "attn_pooler_queries": 3, "attn_pooler_heads": 2},
    "normed queries": {**VIT, "block_type": "custom", "qk_norm": True},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "head_width": 16},
    "timm": {"image_size": 64, "timm_model_name": "resnet10t", "timm_pool": "avg", "timm_proj": "linear"},
}


def tower(kind: str) -> ImageGraph:
    """A tower with random weights."""
    import open_clip

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.model.CLIP(embed_dim=16, vision_cfg=TOWERS[kind], text_cfg=TEXT)
    return ImageGraph(model.eval(), Preprocess(size=TOWERS[kind]["image_size"])).eval()


def folder_of(place: Path) -> Path:
    """A model folder with a small transformer."""
    from small_models import model_folder

    return model_folder(place, "bioclip-2")


def photo(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def asked(d: int = 16, m: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(m, d)).astype(np.float32)


@pytest.mark.parametrize("kind", TOWERS)
def test_a_tower_is_read_and_not_altered(kind: str) -> None:
    graph = tower(kind)
    pixels = photo(TOWERS[kind]["image_size"])
    with torch.inference_mode():
        before = graph(torch.from_numpy(pixels[None])).numpy()[0]
    seen = inside(graph, pixels, asked())
    np.testing.assert_allclose(seen.vector, before, atol=1e-5)
    with torch.inference_mode():
        np.testing.assert_array_equal(graph(torch.from_numpy(pixels[None])).numpy()[0], before)
    if kind in ("resnet", "timm"):
        assert seen.kind == "convolution"
        assert cam(seen).shape == (2, 2, 2)
        return
    assert seen.kind == "transformer"
    assert len(seen.attention) == 2
    for layer in seen.attention:
        assert layer.shape == (2, 17, 17)
        np.testing.assert_allclose(layer.sum(-1), 1, atol=1e-5)
    assert (seen.pool is not None) == (kind == "attentional pool")
    assert relevance(seen).shape == (2, 4, 4)
    assert np.abs(relevance(seen)).max() > 0
    mixed = rollout(seen)
    assert mixed.shape == (1, 4, 4)
    assert (mixed >= 0).all()
    if kind in ("class token", "mean"):
        last = np.abs(seen.attention_slopes[-1]).max((0, 1, 3)) > 0
        assert last.tolist() == [kind == "class token"] + [kind == "mean"] * 16


def test_slopes_of_the_attention_are_those_of_the_score() -> None:
    """The score of one block, pooled at its class token, is written out by hand as a function of the weights, and torch's own slope taken of that."""
    graph = tower("class token")
    graph.model.visual.transformer.resblocks = graph.model.visual.transformer.resblocks[-1:]
    visual, block = graph.model.visual, graph.model.visual.transformer.resblocks[0]
    direction = asked(m=1)
    seen = inside(graph, photo(32), direction)
    scaled = ((torch.from_numpy(photo(32)[None]).float() - graph.mean) / graph.std).permute(0, 3, 1, 2)
    tokens = visual._embeds(scaled)
    normed = block.ln_1(tokens)
    values = F.linear(normed, block.attn.in_proj_weight, block.attn.in_proj_bias).chunk(3, -1)[2]
    weights = torch.from_numpy(seen.attention[0]).requires_grad_()
    heads = weights @ values[0].unflatten(-1, (2, 16)).transpose(0, 1)
    x = tokens + block.attn.out_proj(heads.transpose(0, 1).flatten(1))[None]
    x = x + block.mlp(block.ln_2(x))
    vector = F.normalize(visual.ln_post(x)[:, 0] @ visual.proj, dim=-1)[0]
    score = vector @ torch.from_numpy(direction[0])
    np.testing.assert_allclose(vector.detach().numpy(), seen.vector, atol=1e-5)
    (slope,) = torch.autograd.grad(score, weights)
    np.testing.assert_allclose(seen.attention_slopes[0][0], slope.numpy(), atol=1e-5)


class Linear(nn.Module):
    """Pixels to feature maps by one convolution, pooled by their mean, to a unit vector by a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(3, 6, 4, stride=4)
        self.out = nn.Linear(6, 5, bias=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.out(self.maps(pixels.permute(0, 3, 1, 2) / 255).mean((2, 3))), dim=-1)


def test_grad_cam_of_a_linear_tower_is_its_exact_map() -> None:
    """Zhou et al. 2016: the score of mean-pooled maps is a sum over places. Of a cosine, the direction counts at right angles to the vector alone."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        graph = Linear()
    pixels, directions = photo(16), asked(5)
    seen = inside(graph, pixels, directions)
    assert seen.features is not None
    matrix = graph.out.weight.detach().numpy()
    pooled = matrix @ seen.features.mean((1, 2))
    unit = pooled / np.linalg.norm(pooled)
    np.testing.assert_allclose(seen.vector, unit, atol=1e-5)
    tangent = (directions - (directions @ unit)[:, None] * unit) / np.linalg.norm(pooled)
    exact = np.einsum("mc,cyx->myx", tangent @ matrix, seen.features)
    np.testing.assert_allclose(cam(seen) * 16, exact, atol=1e-4)  # sixteen places, over which the mean is taken


def test_a_tower_of_windows_is_refused() -> None:
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 8, 4, stride=4)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            x = self.patch(pixels.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
            windows = x.reshape(4, 1, 4, 8)
            return F.normalize(F.scaled_dot_product_attention(windows, windows, windows).mean((0, 1, 2))[None], dim=-1)

    with pytest.raises(BadSetting, match="take occlusion"):
        inside(Windows(), photo(16), asked(8))


def test_masks_and_groups_of_heads_are_attended_as_torch_does() -> None:
    class Causal(nn.Module):
        def __init__(self, how: dict[str, Any]) -> None:
            super().__init__()
            self.patch, self.how = nn.Conv2d(3, 16, 4, stride=4), how

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            x = self.patch(pixels.permute(0, 3, 1, 2) / 255).flatten(2).transpose(1, 2)
            heads = x.unflatten(-1, (4, 4)).transpose(1, 2)
            few = heads[:, :2] if self.how.get("enable_gqa") else heads
            return F.normalize(F.scaled_dot_product_attention(heads, few, few, **self.how).mean(2).flatten(1), dim=-1)

    hidden = torch.rand(16, 16, generator=torch.Generator().manual_seed(0)) < 0.7
    hidden.fill_diagonal_(True)
    for how in (
        {"is_causal": True},
        {"attn_mask": hidden},
        {"enable_gqa": True},
        {"scale": 2.0},
        {"attn_mask": hidden.float()},
    ):
        graph = Causal(how)
        with torch.inference_mode():
            before = graph(torch.from_numpy(photo(16)[None]).float()).numpy()[0]
        np.testing.assert_allclose(inside(graph, photo(16), asked()).vector, before, atol=1e-5)


def test_a_lens_opens_the_tower_of_a_model_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    encoder = open_encoder(folder, "openvino")
    pixels = photo(28)
    seen = inside(open_tower(folder), pixels, asked(24))
    np.testing.assert_allclose(seen.vector, encoder.embed_images(pixels[None])[0], atol=1e-4)
    assert isinstance(seen, Inside)
    found = open_lens("gradient", encoder)(pixels, asked(24))
    assert found.values.shape == (2, 28, 28)
    assert found.method == "gradient-weighted attention"
    assert found.cells == 2
    rolled = open_lens("attention", encoder)
    assert not rolled.asks
    same = rolled(pixels, asked(24)).values
    np.testing.assert_array_equal(same[0], same[1])
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(BadSetting, match="conversion"):
        open_lens("gradient", encoder)
    with pytest.raises(Missing):
        open_tower(folder)


def test_rollout_is_not_for_convolutions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    encoder = open_encoder(folder, "openvino")
    monkeypatch.setattr("merian.encode.gradients.open_tower", lambda where: tower("timm"))
    with pytest.raises(BadSetting, match="take gradient"):
        open_lens("attention", encoder)(photo(64), asked())
    assert open_lens("gradient", encoder)(photo(64), asked()).method == "Grad-CAM"
