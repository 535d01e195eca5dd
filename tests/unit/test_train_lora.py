"""LoRA begins at the model as it came, trains only what was added, and leaves the files of a plain model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import load_file
from small_models import configured, model_folder, small_catalog, taught, weights

from merian.core import store
from merian.core.errors import BadSetting
from merian.core.settings import load
from merian.train import TrainSettings, train
from merian.train.lora import LowRank, insert, merge

RANK = 3


def settings(**changes: object) -> TrainSettings:
    return load(TrainSettings, None, {"adapt": "lora", "lora_rank": RANK, "lora_alpha": 6.0} | changes)


def model(kind: str = "bioclip-2") -> CLIP:
    made = CLIP(**configured(kind))
    made.load_state_dict({k: v for k, v in weights(kind).items() if "continual" not in k})
    return made.eval()


def given() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(5)
    return torch.randn(3, 3, 28, 28), open_clip.get_tokenizer("ViT-B-16")(["Pica pica", "Larus", ""])


def added(clip: CLIP) -> list[tuple[str, LowRank]]:
    return [(name, module) for name, module in clip.named_modules() if isinstance(module, LowRank)]


def test_it_begins_at_the_model_as_it_came() -> None:
    clip, batch = model(), given()
    before = clip(*batch)
    # two blocks of the image tower and one of the text tower, four matrices each
    assert insert(clip, settings()) == 12
    for one, two in zip(before, clip(*batch), strict=True):
        assert torch.equal(one, two)


def test_merged_weights_are_the_sums_and_say_the_same() -> None:
    """The twin: W + alpha / rank * B A in NumPy, for query, key and value each by itself."""
    clip, batch, old = model(), given(), weights("bioclip-2")
    insert(clip, settings())
    torch.manual_seed(1)
    for _, beside in added(clip):
        torch.nn.init.normal_(beside.up, std=0.1)
    expected = {}
    for name, beside in added(clip):
        module, key = name.removesuffix(".0").split(".parametrizations.")
        b, a = beside.up.detach().numpy(), beside.down.detach().numpy()
        rows = [(6.0 / RANK) * (b[part] @ a[part]) for part in range(len(b))]
        expected[f"{module}.{key}"] = old[f"{module}.{key}"].numpy() + np.concatenate(rows)
    assert [len(v) for k, v in expected.items() if "in_proj" in k] == [144, 144, 96]
    with torch.no_grad():
        before = clip(*batch)
        merged = merge(clip)
        after = merged(*batch)
    for one, two in zip(before, after, strict=True):
        assert torch.allclose(one, two, atol=1e-6)
    state = merged.state_dict()
    assert state.keys() == old.keys() - {"visual.continual_proj"}
    for key, value in state.items():
        assert np.allclose(value, expected.get(key, old[key].numpy()), atol=1e-6), key
        assert (key in expected) != torch.equal(value, old[key])


def test_gradients_reach_both_towers_and_nothing_that_came() -> None:
    clip, batch = model().train(), given()
    insert(clip, settings())
    image, text, scale = clip(*batch)
    (scale * image @ text.T).logsumexp(1).sum().backward()
    reached = {name for name, p in clip.named_parameters() if p.grad is not None}
    assert reached == {name for name, p in clip.named_parameters() if p.requires_grad}
    assert {name.split(".")[-1] for name in reached} == {"up", "down", "logit_scale"}
    assert len(reached) == 2 * 12 + 1
    assert any(name.startswith("visual.") for name in reached)
    assert any(name.startswith("transformer.") for name in reached)
    for name, p in clip.named_parameters():
        if name.endswith(".up"):
            assert p.grad is not None
            assert p.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"lora_rank": 32}, "must be below 32"), ({"shard_weights": True}, "FSDP2")],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(BadSetting, match=why):
        insert(model(), settings(**changes))


def test_a_resnet_has_nothing_to_put_it_beside() -> None:
    config = configured("bioclip")
    config["vision_cfg"] = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16}
    with pytest.raises(BadSetting, match="image tower"):
        insert(CLIP(**config), settings())


def test_a_run_adds_matrices_of_low_rank_and_survives_being_killed(tmp_path: Path) -> None:
    catalog, folder = small_catalog(tmp_path / "catalog"), model_folder(tmp_path / "old", "bioclip-2.5")
    chosen = taught(folder, adapt="lora", lora_rank=2, checkpoint=1, drift=0)
    whole = train(catalog, tmp_path / "whole", chosen)

    def stop(step: int) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(catalog, tmp_path / "cut", chosen, after_step=stop)
    cut = train(catalog, tmp_path / "cut", chosen)
    assert store.read(cut).files == store.read(whole).files
    old, new = weights("bioclip-2.5"), load_file(whole / "open_clip_model.safetensors")
    assert old.keys() == new.keys()
    moved = {key: (new[key] - old[key]).double() for key in old if not torch.equal(new[key], old[key])}
    matrices = {key for key in old if "resblocks" in key and old[key].ndim == 2}
    assert moved.keys() == matrices | {"logit_scale"}
    for key in matrices:
        for part in moved[key].chunk(3 if "in_proj" in key else 1):
            strength = torch.linalg.svdvals(part)
            assert strength[2] < 1e-3 * strength[0], key
    open_clip.create_model_and_transforms(f"local-dir:{whole}")
