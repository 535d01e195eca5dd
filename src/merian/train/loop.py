"""The training loop, in the open: draw a batch, compare images and captions, take a step, write it down.

A checkpoint holds weights and the optimizer's state; everything else follows from the seed and the step. A run that was
killed and started again therefore ends with the same bytes as one that was not (same machine, same number of threads).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors import safe_open
from safetensors.torch import save

from merian.core import store
from merian.core.errors import BadData, BadSetting
from merian.core.progress import track
from merian.core.tables import Catalog
from merian.encode.folder import FORMAT, KIND
from merian.train.batches import Batches, Cache, Captions
from merian.train.export import export
from merian.train.objectives import OBJECTIVES
from merian.train.settings import TrainSettings
from merian.train.towers import build, chance, encode_captions, model_config, preprocess

__all__ = ["fit", "learning_rate", "train"]

CHECKPOINT = "checkpoint.safetensors"
METRICS = "metrics.jsonl"
SCRATCH = "cache"
MAX_LOG_SCALE = math.log(100.0)
"""CLIP keeps the factor of the cosine at 100 or less (Radford et al. 2021, section 2.5)."""

AfterStep = Callable[[int], None]


def train(
    catalog: Path,
    out: Path,
    settings: TrainSettings,
    overwrite: bool = False,
    after_step: AfterStep | None = None,
) -> Path:
    """The folder `out` with the trained model in open_clip's layout and its exports; a finished one is left as it is.

    Trains on the catalog's split "train". `overwrite` replaces what another run left there. `after_step(step)` is
    called after each step. Raises BadData when there is too little to train on, BadSetting when the loss stops being a
    number.
    """
    source = Catalog.open(catalog)
    work = store.begin(
        out, kind=KIND, version=FORMAT, settings=settings, inputs={"catalog": source.hash}, overwrite=overwrite
    )
    if work.done:
        return out
    frame = source.kept("train").filter(pl.col("taxon") >= 0)
    if len(frame) < 2:
        raise BadData(catalog, f"training needs at least 2 images with a taxon; the split 'train' has {len(frame)}")
    shown = frame["taxon"].to_numpy().astype(np.int64)
    with _reproducible(settings.threads) as threads:
        taxa, taxon = np.unique(shown, return_inverse=True)
        captions = Captions.build(source.tree, taxa.tolist(), settings)
        look = preprocess(settings)
        cache = Cache.build(source.images(frame), len(frame), work.path / SCRATCH, look, threads)
        batches = Batches(cache, captions, taxon.reshape(-1), settings, look)
        config = model_config(settings, captions.tokens.size, captions.tokens.context)
        model = build(settings, config)
        fit(model, batches, settings, work.path, after_step)
        export(model, config, captions.tokens, look, work.path, onnx=settings.onnx)
    work.finish(scratch=(SCRATCH, CHECKPOINT))
    return out


def fit(
    model: Any, batches: Batches, settings: TrainSettings, folder: Path, after_step: AfterStep | None = None
) -> None:
    """Train `model` in place through all steps, from the checkpoint in `folder` when there is one.

    `metrics.jsonl` gets one line per step: step, loss, lr, scale.
    """
    objective = OBJECTIVES[settings.objective]
    optimizer = torch.optim.AdamW(
        _groups(model, settings.weight_decay), lr=settings.lr, betas=(0.9, settings.beta2), eps=1e-6
    )
    step = _restore(folder / CHECKPOINT, model, optimizer)
    lines = _lines(folder / METRICS)[:step]
    model.train()
    with track("Training", total=batches.total, unit="steps", done=step) as advance:
        while step < batches.total:
            batch = batches.draw(step)
            rate = learning_rate(step, batches.total, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with chance(settings.seed, "step", step):
                image = model.encode_image(batch.images, normalize=True)
                text = encode_captions(model, batch.tokens)[batch.caption]
            scale = model.logit_scale.exp()
            loss = objective(image, text, scale, batch.taxa)
            if not math.isfinite(loss.item()):
                raise BadSetting("lr", settings.lr, f"the loss is {loss.item()} at step {step}: a lower rate may help")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if settings.grad_clip > 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
            optimizer.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0.0, MAX_LOG_SCALE)
            record = {"step": step, "loss": loss.item(), "lr": rate, "scale": scale.item()}
            lines.append(json.dumps(record, sort_keys=True))
            step += 1
            if step % settings.checkpoint == 0 or step == batches.total:
                _keep(folder, model, optimizer, step, lines)
            advance(1, note=f"loss {record['loss']:.3f}")
            if after_step is not None:
                after_step(step)


def learning_rate(step: int, total: int, settings: TrainSettings) -> float:
    """The rate at `step`: a straight rise to `lr`, then half a cosine down to 0 (Loshchilov & Hutter 2017)."""
    rise = settings.warmup * total
    if step < rise:
        return settings.lr * (step + 1) / math.ceil(rise)
    return settings.lr * 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1.0, total - rise)))


def _groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and the scale do not."""
    flat = [p for p in model.parameters() if p.ndim < 2]
    deep = [p for p in model.parameters() if p.ndim >= 2]
    return [{"params": deep, "weight_decay": decay}, {"params": flat, "weight_decay": 0.0}]


def _keep(folder: Path, model: Any, optimizer: torch.optim.Optimizer, step: int, lines: list[str]) -> None:
    """Write metrics, then the checkpoint: a checkpoint never knows more steps than the metrics do."""
    store.write_text(folder / METRICS, "\n".join(lines) + "\n")
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{key}"] = value
    with store.atomic(folder / CHECKPOINT) as stream:
        stream.write(save(tensors, {"step": str(step)}))


def _restore(path: Path, model: Any, optimizer: torch.optim.Optimizer) -> int:
    """Load a checkpoint into model and optimizer; the number of steps it has behind it, 0 without one."""
    if not path.is_file():
        return 0
    with safe_open(path, framework="pt") as tensors:
        names = list(tensors.keys())
        state = {k.removeprefix("model."): tensors.get_tensor(k) for k in names if k.startswith("model.")}
        model.load_state_dict(state)
        for name, parameter in model.named_parameters():
            prefix = f"optimizer.{name}."
            kept = {k.removeprefix(prefix): tensors.get_tensor(k) for k in names if k.startswith(prefix)}
            optimizer.state[parameter] = kept
        return int(tensors.metadata()["step"])


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


@contextlib.contextmanager
def _reproducible(threads: int) -> Iterator[int]:
    """torch on `threads` threads and with deterministic algorithms inside the block; the number of threads."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    count = threads or os.cpu_count() or 1
    torch.set_num_threads(count)
    torch.use_deterministic_algorithms(True)
    try:
        yield count
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
