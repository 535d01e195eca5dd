"""The encoder on torch: its precisions and devices on a machine without a card, and when a card is looked for."""

from pathlib import Path

import numpy as np
import pytest
from small_models import model_folder

from merian.core.errors import BadSetting
from merian.encode import open_encoder, seam
from merian.encode.torch import open_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("torch") / "model", "bioclip-2")


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28, 3), np.uint8)


def test_bf16_holds_the_image_tower_in_bf16_and_texts_in_fp32(model: Path) -> None:
    exact, rough = open_model(str(model)), open_model(str(model), precision="bf16")
    cosines = (exact.embed_images(pixels(5)) * rough.embed_images(pixels(5))).sum(1)
    assert 0.99 < cosines.min() < 1 - 1e-7
    assert np.array_equal(exact.embed_texts(["Pica pica"]), rough.embed_texts(["Pica pica"]))
    assert rough.fingerprint.endswith("-bf16")
    assert open_encoder(model, "torch", "auto").fingerprint == exact.fingerprint  # without a card auto is fp32


def test_photos_more_than_a_batch_are_computed_a_batch_at_a_time(model: Path) -> None:
    small, whole = open_model(str(model), batch=3), open_model(str(model), batch=16)
    np.testing.assert_allclose(small.embed_images(pixels(8)), whole.embed_images(pixels(8)), atol=1e-5)


def test_what_torch_does_not_have_is_said(model: Path) -> None:
    with pytest.raises(BadSetting, match="fp32, bf16"):
        open_model(str(model), precision="int8")
    with pytest.raises(BadSetting, match="no CUDA card"):
        open_model(str(model), device="cuda")


def test_a_card_is_used_where_there_is_one(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("merian.encode.torch.open_model", lambda where, **how: asked.append((where, how)))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("merian.encode.torch.has_card", lambda: True)
    open_encoder(model, precision="auto")
    open_encoder(model)
    assert asked == [(str(model), {"precision": "auto"}), (str(model), {})]
    monkeypatch.setattr("merian.encode.torch.has_card", lambda: False)
    assert open_encoder(model).backend == "openvino"  # type: ignore[attr-defined]
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(seam.Path, "is_dir", lambda path: False if "nvidia" in str(path) else Path.exists(path))
    assert not seam._on_card(model)
