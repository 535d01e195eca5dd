"""Towers made of their weights alone against open_clip's: cosines, images a second, time to the first vector. Random weights in a published layout.

    .venv/bin/python bench/towers.py [ViT-B-16 | ViT-L-14 | ViT-H-14] [--batch 10] [--rounds 3] [--compiled] [--converted FOLDER]

--compiled adds torch as fast as it is known to go: compiled, weights frozen in fp32 and in bf16 (a compiler must be there). --converted adds a model of the
same architecture that `merian models convert` made. Memory: ViT-H-14 needs some 12 GB. Ratios are of one run, medians over the rounds, all sides in turn.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

from merian.encode.openvino import open_model
from merian.encode.torch import ImageGraph, TextGraph
from merian.train.vocabulary import clip_tokens

TEXTS = [
    "a photo of Pica pica.",
    "a photo of Animalia Chordata Aves Passeriformes Corvidae Pica pica with common name magpie.",
]


def main(name: str, batch: int, rounds: int, compiled: bool, converted: Path | None) -> None:
    """Print what the model of that name gives."""
    config: dict[str, Any] = open_clip.get_model_config(name)
    torch.manual_seed(0)
    model = CLIP(**json.loads(json.dumps(config))).eval()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
        (folder / "tokenizer.json").write_text(clip_tokens().tokenizer.to_str(), encoding="utf-8")
        compare(name, folder, model, batch, rounds, compiled, converted)


def compare(
    name: str, folder: Path, model: Any, batch: int, rounds: int, compiled: bool, converted: Path | None
) -> None:
    """Cosines and speeds of the folder's model by OpenVINO against `model` by torch."""
    rng = np.random.default_rng(0)
    tokens = open_clip.get_tokenizer("ViT-B-16")(TEXTS)
    start = time.perf_counter()
    plain = open_model(str(folder))
    look = plain.preprocess
    pixels = rng.integers(0, 256, (batch, look.size, look.size, 3), np.uint8)
    ours = {"fp32": plain.embed_images(pixels[:1])}
    print(f"{name}: open and first vector {time.perf_counter() - start:.1f} s, of which no torch")
    images, texts = ImageGraph(model, look).eval(), TextGraph(model).eval()
    with torch.inference_mode():
        theirs, words = images(torch.from_numpy(pixels)).numpy(), texts(tokens).numpy()
    encoders = {"fp32": plain, "bf16": open_model(str(folder), "bf16")}
    for precision, encoder in encoders.items():
        ours[precision] = encoder.embed_images(pixels)
        image = (ours[precision] * theirs).sum(1).min()
        text = (encoder.embed_texts(TEXTS) * words).sum(1).min()
        print(f"  {precision}: least cosine to open_clip: images {image:.7f}, texts {text:.7f}")

    def by_torch() -> None:
        with torch.inference_mode():
            images(torch.from_numpy(pixels))

    def by_autocast() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            images(torch.from_numpy(pixels))

    runs: dict[str, Callable[[], object]] = {
        "torch fp32": by_torch,
        "torch bf16 autocast": by_autocast,
        **{f"OpenVINO {p}": functools.partial(e.embed_images, pixels) for p, e in encoders.items()},
    }
    if converted is not None:
        other = open_model(str(converted))
        runs[f"OpenVINO {converted.name}"] = functools.partial(other.embed_images, pixels)
    if compiled:
        runs |= frozen(images, pixels)
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[key].append(time.perf_counter() - start)
    for key, found in seconds.items():
        ratios = np.array(seconds["torch fp32"]) / np.array(found)
        print(
            f"  {key:<20} {batch / np.median(found):6.2f} images/s, {np.median(ratios):4.2f} x torch fp32 ({ratios.min():.2f} to {ratios.max():.2f})"
        )


def frozen(images: torch.nn.Module, pixels: np.ndarray) -> dict[str, Callable[[], object]]:
    """torch compiled, with weights folded in and laid out for oneDNN: as they are, and in bf16."""
    import copy

    import torch._inductor.config as inductor

    inductor.freezing = True
    narrow: Any = copy.deepcopy(images)
    narrow.model.visual.to(torch.bfloat16)
    narrow.dtype = torch.bfloat16
    runs: dict[str, Callable[[], object]] = {}
    for key, graph in (("torch compiled fp32", images), ("torch compiled bf16", narrow)):
        made = torch.compile(graph)

        def run(made: Any = made) -> None:
            with torch.inference_mode():
                made(torch.from_numpy(pixels))

        runs[key] = run
    return runs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="?", default="ViT-B-16")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--converted", type=Path)
    given = parser.parse_args()
    main(given.name, given.batch, given.rounds, given.compiled, given.converted)
