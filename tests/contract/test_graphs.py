"""Towers made of configuration and weights alone give open_clip's own vectors; what is not known is refused by name."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import polars as pl
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP
from PIL import Image
from safetensors.torch import save_file

from merian.cli.main import run
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tree import Tree
from merian.encode import open_encoder
from merian.encode.openvino import library
from merian.encode.tensors import Tensors
from merian.encode.torch import ImageGraph, TextGraph
from merian.identify import Head, Identifier
from merian.train.vocabulary import clip_tokens

SMALL: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2},
}
TEXTS = ["a photo of Pica pica.", "Müller's “quoted” &amp; ﬁne ①", "x", "the long and winding road " * 20, ""]


def published(name: str, layers: int | None = None) -> dict[str, Any]:
    """The configuration of that name in open_clip, which is BioCLIP's (ViT-B-16), 2's (ViT-L-14) or 2.5's (ViT-H-14); fewer blocks if asked for."""
    config: dict[str, Any] = open_clip.get_model_config(name)
    for part in ("vision_cfg", "text_cfg") if layers else ():
        config[part]["layers"] = layers
    return config


def changed(**changes: Any) -> dict[str, Any]:
    """SMALL with changes: `vision__width` is in the image tower, `text__heads` in the text tower, others above them."""
    config = deepcopy(SMALL)
    for key, value in changes.items():
        part, _, name = key.rpartition("__")
        (config[f"{part}_cfg"] if part else config)[name] = value
    return config


def made(config: dict[str, Any], seed: int = 0) -> Any:
    given = deepcopy(config)
    kind = CustomTextCLIP if given.pop("custom_text", False) else CLIP
    torch.manual_seed(seed)
    model = kind(**given).eval()
    with torch.no_grad():  # what starts as 0 or 1 must be in its place too
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    return model


def folder_of(folder: Path, config: dict[str, Any], model: Any, kind: torch.dtype = torch.float32) -> Path:
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    save_file(
        {k: v.to(kind).contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    (folder / "tokenizer.json").write_text(clip_tokens().tokenizer.to_str(), encoding="utf-8")
    return folder


def agree(folder: Path, model: Any, n: int = 3) -> tuple[float, float]:
    """Least cosine to open_clip's own forward pass, of images and of texts."""
    ours = open_encoder(folder)
    size, context = ours.preprocess.size, ours.tokens.context  # type: ignore[attr-defined]
    pixels = np.random.default_rng(1).integers(0, 256, (n, size, size, 3), np.uint8)
    tokens = open_clip.get_tokenizer("ViT-B-16")(TEXTS, context_length=context)
    with torch.inference_mode():
        image = ImageGraph(model, ours.preprocess).eval()(torch.from_numpy(pixels)).numpy()
        text = TextGraph(model).eval()(tokens).numpy()
    assert ours.fingerprint.endswith("-fp32")
    assert ours.backend == "openvino"  # type: ignore[attr-defined]
    return float((image * ours.embed_images(pixels)).sum(1).min()), float((text * ours.embed_texts(TEXTS)).sum(1).min())


@pytest.mark.parametrize(("name", "layers"), [("ViT-B-16", None), ("ViT-L-14", 2), ("ViT-H-14", 1)])
def test_the_published_layouts(name: str, layers: int | None, tmp_path: Path) -> None:
    config = published(name, layers)
    model = made(config)
    assert min(agree(folder_of(tmp_path / "model", config, model), model)) > 0.99999


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"quick_gelu": True},
        {"vision__ls_init_value": 0.3, "text__ls_init_value": 0.2},
        {"custom_text": True},
        {"vision__patch_size": 16, "vision__head_width": 32},
        {"vision__patch_dropout": 0.5},
    ],
    ids=str,
)
def test_what_configurations_may_differ_in(changes: dict[str, Any], tmp_path: Path) -> None:
    config = changed(**changes)
    model = made(config)
    assert min(agree(folder_of(tmp_path / "model", config, model), model)) > 0.99999


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision(kind: torch.dtype, tmp_path: Path) -> None:
    model = made(SMALL)
    folder = folder_of(tmp_path / "model", SMALL, model, kind)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.to(kind).float())
    assert min(agree(folder, model)) > 0.99999


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"vision__pool_type": "avg"}, "pool_type"),
        ({"vision__attentional_pool": True}, "attentional_pool"),
        ({"vision__timm_model_name": "vit_tiny"}, "timm_model_name"),
        ({"vision__layers": [3, 4, 6, 3]}, "layers"),
        ({"text__no_causal_mask": True}, "no_causal_mask"),
        ({"text__qk_norm": True}, "qk_norm"),
        ({"multimodal_cfg": {}}, "multimodal_cfg"),
    ],
)
def test_a_tower_of_another_kind_is_refused_by_name_and_auto_asks_torch(
    changes: dict[str, Any], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path / "model", changed(**changes), made(SMALL))
    with pytest.raises(BadData, match=word):
        open_encoder(folder, "openvino")
    asked: list[str] = []
    monkeypatch.setattr("merian.encode.torch.open_model", asked.append)
    open_encoder(folder)
    assert asked == [str(folder)]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"vision__layers": 3}, r"visual\.transformer\.resblocks\.2"),
        ({"vision__layers": 1}, r"resblocks\.1"),
        ({"text__width": 48}, "token_embedding"),
        ({"embed_dim": 32}, "proj"),
        ({"text__context_length": 30}, "positional_embedding"),
    ],
)
def test_weights_of_another_architecture_are_refused(changes: dict[str, Any], word: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model", changed(**changes), made(SMALL))
    with pytest.raises(BadData, match=word):
        open_encoder(folder)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model", SMALL, made(SMALL))
    weights = folder / "open_clip_model.safetensors"
    whole = weights.read_bytes()
    for part in (whole[:-1], whole[: len(whole) // 2], whole[:6], b"", b"\xff" * 64):
        weights.write_bytes(part)
        with pytest.raises(BadData, match="pull or export"):
            Tensors(weights)
    weights.unlink()
    with pytest.raises(Missing):
        Tensors(weights)


def test_tensors_are_those_of_the_file(tmp_path: Path) -> None:
    given = {
        "a": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "b": torch.tensor([1.5, -2.0, 3.0], dtype=torch.bfloat16),
        "c": torch.tensor(2.5, dtype=torch.float16),
        "d": torch.tensor([[True, False]]),
        "e": torch.zeros(0, 4),
    }
    save_file(given, tmp_path / "some.safetensors", {"made": "here"})
    read = Tensors(tmp_path / "some.safetensors")
    assert sorted(read) == sorted(given)
    for name, value in given.items():
        assert np.array_equal(read[name], value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy())
        assert read[name].shape == tuple(value.shape)
    before = (tmp_path / "some.safetensors").read_bytes()
    read["a"][0, 0] = 9.0
    assert (tmp_path / "some.safetensors").read_bytes() == before


def test_no_torch_is_imported(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model", SMALL, made(SMALL))
    code = (
        "import sys, merian.encode as e\n"
        f"print(e.open_encoder({str(folder)!r}).embed_texts(['a bird']).shape, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "(1, 24) False"


def test_how_many_at_a_time_changes_no_bit(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model", SMALL, made(SMALL))
    pixels = np.random.default_rng(2).integers(0, 256, (33, 32, 32, 3), np.uint8)
    for precision in ("fp32", "bf16"):
        encoder = open_encoder(folder, precision=precision)
        whole = encoder.embed_images(pixels)
        for size in (1, 2, 5, 32):
            parts = [encoder.embed_images(pixels[start : start + size]) for start in range(0, 33, size)]
            assert np.array_equal(np.concatenate(parts), whole)


def test_precision_follows_the_processor_and_the_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = folder_of(tmp_path / "small", SMALL, made(SMALL))
    assert open_encoder(small, precision="auto").fingerprint.endswith("-fp32")
    monkeypatch.setattr("merian.encode.openvino.WIDE", 32)
    has = "BF16" in library().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    chosen = open_encoder(small, precision="auto")
    assert chosen.fingerprint.endswith("-bf16" if has else "-fp32")
    exact, rough = open_encoder(small), open_encoder(small, precision="bf16")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    assert (exact.embed_images(pixels) * rough.embed_images(pixels)).sum(1).min() > 0.999
    assert rough.exact == exact.fingerprint  # type: ignore[attr-defined]
    with pytest.raises(BadSetting, match="toy, which computes in fp32|torch, which has"):
        open_encoder(small, "torch", precision="int8")
    tree = Tree.from_lineages(pl.DataFrame({"genus": ["Pica", "Corvus"], "species": ["Pica pica", "Corvus corax"]}))
    Head.build(exact, tree).save(small / "head")
    named = [Identifier.open(small, precision=p).head for p in ("fp32", "bf16")]
    assert np.array_equal(named[0].vectors, named[1].vectors)
    assert named[1].fingerprint == rough.fingerprint


def test_vectors_as_long_as_they_come(tmp_path: Path) -> None:
    model = made(SMALL)
    folder = folder_of(tmp_path / "model", SMALL, model)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / "a.png")
    command = ["embed", str(tmp_path / "a.png"), "--model", str(folder), "--format", "npy"]
    assert run([*command, "--raw", "--out", str(tmp_path / "raw")]) == 0
    assert run([*command, "--out", str(tmp_path / "unit")]) == 0
    raw, unit = (np.load(tmp_path / name / "vectors.npy")[0] for name in ("raw", "unit"))
    assert abs(np.linalg.norm(raw) - 1) > 0.01
    assert np.allclose(raw / np.linalg.norm(raw), unit, atol=1e-5)
    (tmp_path / "words.txt").write_text("a bird\n")
    assert (
        run(["embed", "--texts", str(tmp_path / "words.txt"), *command[2:], "--raw", "--out", str(tmp_path / "t")]) == 0
    )
    with torch.inference_mode():
        wanted = model.encode_text(open_clip.get_tokenizer("ViT-B-16")(["a bird"], context_length=20)).numpy()[0]
    assert np.allclose(np.load(tmp_path / "t" / "vectors.npy")[0], wanted, atol=1e-4)
