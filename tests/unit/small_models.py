"""Model folders with the file layout of BioCLIP, BioCLIP 2 and BioCLIP 2.5 in small, with random weights; and a catalog to train them on."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from open_clip.model import CLIP
from PIL import Image
from safetensors.torch import save_file

from merian.core import store
from merian.core.settings import load
from merian.core.tables import CATALOG, conform
from merian.core.tree import RANKS, Tree
from merian.train import TrainSettings
from merian.train.vocabulary import clip_tokens

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
VISION = {
    "bioclip": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
    "bioclip-2": {"image_size": 28, "layers": 2, "width": 48, "patch_size": 14, "head_width": 16},
    "bioclip-2.5": {"image_size": 28, "layers": 1, "width": 40, "patch_size": 14, "head_width": 20},
}
DIMS = {"bioclip": 16, "bioclip-2": 24, "bioclip-2.5": 32}
COLOURS = {"Rubus ruber": (220, 40, 40), "Viridis viridis": (40, 200, 40), "Azureus azureus": (40, 40, 220)}
TAUGHT = {
    "batch": 12,
    "epochs": 1,
    "checkpoint": 2,
    "colour": 0.0,
    "lr": 1e-3,
    "threads": 1,
    "onnx": False,
    "drift": 30,
}


def configured(kind: str) -> dict[str, Any]:
    """The `model_cfg`: the keys of the architecture's own, small numbers, CLIP's vocabulary."""
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    return {"embed_dim": DIMS[kind], "vision_cfg": VISION[kind], "text_cfg": text}


def weights(kind: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights, the second projector of BioCLIP 2's training checkpoints with them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        state = dict(CLIP(**configured(kind)).state_dict())
        if kind == "bioclip-2":
            state["visual.continual_proj"] = torch.randn_like(state["visual.proj"])
    return state


def model_folder(folder: Path, kind: str = "bioclip", second: bool = False, seed: int = 0) -> Path:
    """The folder as it comes from the hub. BioCLIP's weights are a torch file, the others' safetensors; `second` keeps the second projector."""
    folder.mkdir(parents=True)
    look = {"mean": MEAN, "std": STD}
    look |= {} if kind == "bioclip" else {"interpolation": "bicubic", "resize_mode": "shortest"}
    document = {"model_cfg": configured(kind), "preprocess_cfg": look}
    (folder / "open_clip_config.json").write_text(json.dumps(document))
    state = weights(kind, seed)
    if not second:
        state.pop("visual.continual_proj", None)
    if kind == "bioclip":
        torch.save(state, folder / "open_clip_pytorch_model.bin")
    else:
        save_file(state, folder / "open_clip_model.safetensors")
        (folder / "tokenizer.json").write_text(clip_tokens().tokenizer.to_str(), encoding="utf-8")
    return folder


def small_catalog(folder: Path, captions: bool = False) -> Path:
    """36 images to train on and 12 to validate, of three species that differ in colour; with general captions too if asked for."""
    work = store.begin(folder, "catalog", 1, {"captions": captions}, {})
    above = ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Rosaceae")
    rows = [(*above, name.split()[0], name) for name in COLOURS]
    tree = Tree.from_lineages(pl.DataFrame(rows, schema=RANKS, orient="row"))
    rng = np.random.default_rng(0)
    names = [list(COLOURS)[k % 3] for k in range(48)]
    data = []
    for name in names:
        noisy = np.array(COLOURS[name]) + rng.normal(0, 30, (40, 40, 3))
        stream = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "PNG")
        data.append(stream.getvalue())
    sizes = np.array([len(d) for d in data])
    (folder / "shards").mkdir()
    (folder / "shards" / "shard-00000.tar").write_bytes(b"".join(data))
    frame = pl.DataFrame(
        {
            "id": [f"i{k}" for k in range(48)],
            "taxon": [tree.find(name) for name in names],
            "split": ["train" if k < 36 else "val" for k in range(48)],
            "shard": 0,
            "offset": np.concatenate([[0], sizes.cumsum()[:-1]]),
            "size": sizes,
            "caption": [f"picture {k % 8} of a wall" if captions else None for k in range(48)],
        }
    )
    conform(frame, CATALOG).write_parquet(folder / "catalog.parquet")
    tree.save(folder / "tree.parquet")
    work.finish()
    return folder


def taught(folder: Path, **changes: object) -> TrainSettings:
    """Settings of a short run that goes on from `folder`."""
    return load(TrainSettings, None, TAUGHT | {"architecture": str(folder)} | changes)
