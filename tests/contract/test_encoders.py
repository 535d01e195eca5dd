"""Every built-in encoder keeps the contract, backends of one model agree, and the suite catches those who do not."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.core.settings import load
from merian.encode import Encoder, open_encoder
from merian.encode.folder import CONFIG, WEIGHTS
from merian.encode.openvino import open_model as open_openvino
from merian.encode.tokens import train_tokenizer
from merian.encode.toy import Toy
from merian.testing import agreement, check_encoder, sample_pixels, sample_texts
from merian.train import TrainSettings

BACKENDS = ("torch", "openvino", "onnx")
TINY = {
    "image_size": 32,
    "width": 32,
    "layers": 1,
    "head": 16,
    "text_width": 32,
    "text_layers": 1,
    "dim": 16,
    "vocabulary": 300,
}


def exported(folder: Path, onnx: bool = True, **changes: object) -> Path:
    """A tiny untrained model, written as training writes it."""
    from merian.train.export import export
    from merian.train.towers import build, model_config, preprocess

    settings = load(TrainSettings, None, TINY | changes)
    tokens = train_tokenizer(sample_texts(), settings.vocabulary, 24)
    config = model_config(settings, tokens.size, tokens.context)
    export(build(settings, config), config, tokens, preprocess(settings), folder, onnx=onnx)
    return folder


@pytest.fixture(scope="module", params=["vit", "resnet"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    changes = {} if request.param == "vit" else {"tower": "resnet", "width": 8}
    return exported(tmp_path_factory.mktemp("model"), **changes)


def test_toy_keeps_the_contract() -> None:
    check_encoder(open_encoder("toy"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_built_in_keeps_the_contract(model: Path, backend: str) -> None:
    check_encoder(open_encoder(model, backend))


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_backends_of_one_model_agree(model: Path, backend: str) -> None:
    torch, other = open_encoder(model, "torch"), open_encoder(model, backend)
    assert agreement(torch, other) >= 0.999
    assert torch.fingerprint == other.fingerprint
    assert torch.logit_scale == other.logit_scale == pytest.approx(14.3, rel=1e-5)


def test_auto_prefers_openvino(model: Path) -> None:
    assert open_encoder(model).backend == "openvino"  # type: ignore[attr-defined]
    assert type(open_encoder("toy")).__name__ == "Toy"


def test_another_precision_is_another_fingerprint(model: Path) -> None:
    exact, fast = open_openvino(str(model)), open_openvino(str(model), precision="bf16")
    assert exact.fingerprint != fast.fingerprint
    assert agreement(exact, fast) >= 0.99
    with pytest.raises(BadSetting, match="fp8"):
        open_openvino(str(model), precision="fp8")


def test_other_weights_are_another_fingerprint(model: Path, tmp_path: Path) -> None:
    other = open_encoder(exported(tmp_path, onnx=False, seed=1))
    assert other.fingerprint != open_encoder(model).fingerprint


def test_open_clip_loads_the_folder_by_itself(model: Path) -> None:
    open_clip = pytest.importorskip("open_clip")
    import torch
    from PIL import Image

    theirs, _, transform = open_clip.create_model_and_transforms(f"local-dir:{model}")
    ours = open_encoder(model)
    pixels = sample_pixels(ours, 3)
    with torch.inference_mode():
        images = torch.stack([transform(Image.fromarray(p)) for p in pixels])
        expected = theirs.eval().encode_image(images, normalize=True).numpy()
    assert np.abs(ours.embed_images(pixels) - expected).max() < 1e-4


def test_a_folder_that_only_open_clip_wrote_opens(model: Path, tmp_path: Path) -> None:
    import json

    config = json.loads((model / CONFIG).read_text())
    del config["merian"]
    (tmp_path / CONFIG).write_text(json.dumps(config))
    for name in (WEIGHTS, "tokenizer.json"):
        (tmp_path / name).write_bytes((model / name).read_bytes())
    foreign, own = open_encoder(tmp_path), open_encoder(model)
    assert foreign.fingerprint == own.fingerprint
    assert foreign.logit_scale == pytest.approx(own.logit_scale, rel=1e-6)


def test_opening_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="merian train"):
        open_encoder(tmp_path)
    with pytest.raises(BadSetting, match="openvino"):
        open_encoder(tmp_path, "openvin")
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(BadData, match="configuration"):
        open_encoder(tmp_path)


@dataclasses.dataclass(frozen=True)
class Faulty(Toy):
    fault: str = ""

    def embed_images(self, pixels):  # type: ignore[no-untyped-def]
        if self.fault == "takes anything" and (pixels.dtype != np.uint8 or pixels.shape[1:] != (32, 32, 3)):
            return np.ones((len(pixels), self.dim), np.float32)
        vectors = super().embed_images(pixels)
        if self.fault == "long rows":
            return vectors * np.float32(2)
        if self.fault == "wide numbers":
            return vectors.astype(np.float64)
        if self.fault == "batch mean" and len(vectors):
            mixed = vectors + vectors.mean(axis=0)
            return (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)
        if self.fault == "constant" and len(vectors):
            return np.repeat(super().embed_images(pixels[:1] * 0), len(vectors), axis=0)
        return vectors


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("long rows", "lengths"),
        ("wide numbers", "float64"),
        ("batch mean", "batches of 1"),
        ("constant", "different images"),
        ("takes anything", "without Mismatch"),
    ],
)
def test_the_suite_catches(fault: str, message: str) -> None:
    broken: Encoder = Faulty(fault=fault)
    with pytest.raises(AssertionError, match=message):
        check_encoder(broken)


def test_agreement_refuses_other_preprocessing(model: Path) -> None:
    small = dataclasses.replace(Toy(), preprocess=dataclasses.replace(Toy().preprocess, size=16))
    with pytest.raises(Mismatch):
        agreement(small, Toy())


def test_openvino_is_loaded_without_torch_and_without_telemetry(model: Path) -> None:
    program = (
        "import sys; from merian.encode import open_encoder; "
        f"open_encoder({str(model)!r}).embed_texts(['a']); "
        "print(sorted(m for m in ('torch', 'open_clip', 'onnxruntime', 'openvino_telemetry') if sys.modules.get(m)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_threads_may_embed_at_once(model: Path) -> None:
    encoder = open_encoder(model)
    pixels = sample_pixels(encoder, 40)
    expected = encoder.embed_images(pixels)
    with ThreadPoolExecutor(4) as pool:
        for given in pool.map(lambda _: encoder.embed_images(pixels), range(8)):
            assert np.abs(given - expected).max() < 2e-5
