"""The training loop, in the open: draw a batch, compare images and captions, take a step, write it down.

A checkpoint holds weights and the optimizer's state; everything else follows from the seed and the step. A run that was killed and started again therefore ends
with the same bytes as one that was not (same machine, same number of threads, same number of processes).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from merian.core import store
from merian.core.errors import BadData
from merian.core.progress import track
from merian.core.tables import Catalog
from merian.encode.folder import FORMAT, KIND
from merian.encode.pixels import Preprocess
from merian.encode.tokens import Tokens
from merian.train import checkpoint
from merian.train.batches import Batches, Stock, drawn_ahead
from merian.train.export import export
from merian.train.images import Cache, Images, Stream, check_shards, grown
from merian.train.optimizer import learning_rate, make_optimizer
from merian.train.ranks import Ranks, joined
from merian.train.settings import TrainSettings
from merian.train.step import Step
from merian.train.texts import fitted, general_texts, taxon_texts, trait_texts
from merian.train.towers import Towers, build, model_config, preprocess
from merian.train.watch import EVENTS, SPEED, Watch, flops_of, peak_flops

__all__ = ["Stocks", "fit", "stocks", "train"]

CHECKPOINTS, SCRATCH = "checkpoints", "cache"
CACHE_BYTES = 20e9
"""Decoded images that cache = "auto" keeps on the disk."""

AfterStep = Callable[[int], None]


def train(
    catalog: Path,
    out: Path,
    settings: TrainSettings,
    overwrite: bool = False,
    after_step: AfterStep | None = None,
    replay: Path | None = None,
) -> Path:
    """The folder `out` with the trained model in open_clip's layout and its exports; a finished one is left as it is.

    Trains on the catalog's split "train", and on that of the catalog `replay`, whose images have general captions. `overwrite` replaces what another run left
    there. `after_step(step)` is called after each step. Started by torchrun, each process is one rank. Raises BadData when there is too little to train on or a
    shard is cut short, BadSetting when the loss stops being a number.
    """
    source = Catalog.open(catalog)
    again = None if replay is None else Catalog.open(replay)
    inputs = {"catalog": source.hash} | ({} if again is None else {"replay": again.hash})
    with joined(settings.device) as ranks, _reproducible(settings.threads) as threads:
        if ranks.first:
            work = store.begin(out, kind=KIND, version=FORMAT, settings=settings, inputs=inputs, overwrite=overwrite)
        ranks.wait()
        if (out / store.MANIFEST).is_file():
            return out
        look = preprocess(settings)
        held = stocks(source, again, settings, look, out / SCRATCH, threads, ranks)
        batches = Batches(held.bio, settings, held.replay, ranks.rank, ranks.size)
        config = model_config(settings, held.tokens.size, held.tokens.context)
        model = build(settings, config)
        towers = fit(model, batches, settings, look, out, ranks, after_step)
        if ranks.first:
            export(towers.released().cpu().float(), config, held.tokens, look, out, onnx=settings.onnx)
            work.finish(scratch=(SCRATCH, CHECKPOINTS), beside=(SPEED, EVENTS))
        ranks.wait()
    return out


@dataclass(frozen=True, slots=True)
class Stocks:
    """What a run trains on."""

    tokens: Tokens
    bio: Stock
    replay: Stock | None


def stocks(
    source: Catalog,
    replay: Catalog | None,
    settings: TrainSettings,
    look: Preprocess,
    scratch: Path,
    threads: int,
    ranks: Ranks,
    tokens: Tokens | None = None,
) -> Stocks:
    """The images and texts of the catalogs; `tokens` is the tokenizer of a model to go on from. Raises BadData when there is too little to train on."""
    frame = source.kept("train").filter(pl.col("taxon") >= 0)
    if len(frame) < 2:
        raise BadData(source.path, f"training needs at least 2 images with a taxon; the split 'train' has {len(frame)}")
    if frame["taxon"].n_unique() < 2:
        raise BadData(source.path, "training needs images of at least 2 taxa; all are of one")
    every = [taxon_texts(source.tree, frame["taxon"].to_numpy().astype(np.int64), settings)]
    traits = trait_texts(source.tree, frame) if settings.traits > 0 else None
    every += [traits] if traits is not None else []
    general = None
    if replay is not None and settings.replay_batch:
        general = replay.kept("train").filter(pl.col("caption").is_not_null())
        if len(general) < 2:
            raise BadData(
                replay.path, f"replay needs at least 2 images with a caption; the split 'train' has {len(general)}"
            )
        every.append(general_texts(general["caption"].to_list()))
    tokens, done = fitted(every, settings, tokens)
    images = _images(source, frame, settings, look, scratch / "bio", threads, ranks)
    bio = Stock(images, done[0], done[1] if traits is not None else None, frame["shard"].to_numpy().astype(np.int64))
    if replay is None or general is None:
        return Stocks(tokens, bio, None)
    images = _images(replay, general, settings, look, scratch / "replay", threads, ranks)
    return Stocks(tokens, bio, Stock(images, done[-1], None, general["shard"].to_numpy().astype(np.int64)))


def _images(
    catalog: Catalog,
    frame: pl.DataFrame,
    settings: TrainSettings,
    look: Preprocess,
    folder: Path,
    threads: int,
    ranks: Ranks,
) -> Images:
    """The images of `frame`, decoded once if they fit; the first rank decodes."""
    check_shards(catalog, frame)
    fits = len(frame) * grown(look).size ** 2 * 3 < CACHE_BYTES
    if settings.cache == "off" or (settings.cache == "auto" and not fits):
        return Stream(catalog, frame, look, threads)
    if ranks.first:
        Cache.build(catalog.images(frame), len(frame), folder, look, threads)
    ranks.wait()
    return Cache.open(len(frame), folder)


def fit(
    model: Any,
    batches: Batches,
    settings: TrainSettings,
    look: Preprocess,
    folder: Path,
    ranks: Ranks,
    after_step: AfterStep | None = None,
) -> Towers:
    """Train `model` in place through all steps, from the newest checkpoint in `folder` when there is one; the towers, averaged if that was asked for.

    `metrics.jsonl` gets one line per step: step, loss, the loss of each part, grad_norm, lr, scale.
    """
    towers = _towers(model, batches, settings, ranks)
    optimizer = make_optimizer(towers, settings)
    average = checkpoint.Average(towers, settings.ema) if settings.ema else None
    last = checkpoint.newest(folder / CHECKPOINTS)
    step = 0 if last is None else checkpoint.restore(last, towers, optimizer, average)
    taker, watch = Step(towers, settings, look, ranks), Watch(folder, settings, step, ranks.first)
    total, many = batches.total // settings.accumulate, settings.accumulate
    peak, flops = 0.0, 0.0
    towers.train()
    with track("Training", total=total, unit="steps", done=step) as advance:
        drawn = drawn_ahead(batches, step * many, total * many)
        while step < total:
            rate = learning_rate(step, total, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            told: dict[str, float] = {}
            images = 0
            for _ in range(many):
                batch = next(drawn)
                if not peak:
                    peak, flops = peak_flops(ranks.device, settings.precision), _flops(taker, batch)
                for name, value in taker.gradients(batch, step, 1 / many).items():
                    told[name] = told.get(name, 0.0) + value.item() / many
                images += len(batch.pixels) * ranks.size
            told["grad_norm"] = taker.finish().item()
            told |= {"lr": rate, "scale": towers.logit_scale.exp().item()}
            optimizer.step()
            towers.clamp_scale(settings.logit_scale_max)
            if average is not None:
                average.update(towers)
            watch.step(step, told, images, many * flops, peak)
            step += 1
            if step % settings.checkpoint == 0 or step == total:
                watch.keep(step)
                if ranks.first:
                    checkpoint.keep(folder / CHECKPOINTS, step, towers, optimizer, average, settings.keep)
                ranks.wait()
            advance(1, note=watch.note)
            if after_step is not None:
                after_step(step)
    if average is not None:
        average.into(towers)
    return towers


def _towers(model: Any, batches: Batches, settings: TrainSettings, ranks: Ranks) -> Towers:
    """The towers on their device, with the projectors that the parts of the batches need."""
    further = (["traits"] if batches.bio.traits is not None else []) + (
        ["replay"] if batches.replay is not None else []
    )
    if settings.recompute:
        model.set_grad_checkpointing()
    towers = Towers(model, further, whole_captions=settings.compile)
    if settings.precision in ("pure_bf16", "rounded_bf16"):
        towers = towers.to(torch.bfloat16)
    return towers.to(ranks.device)


def _flops(step: Step, batch: Any) -> float:
    """Floating-point operations of a step on `batch`: a forward pass, and a backward pass that takes twice as many."""
    moved = batch.to(step.ranks.device)

    passes = 3 + (step.settings.recompute or 0 < step.settings.chunk < len(batch.pixels))
    step.towers.eval()
    try:
        return passes * flops_of(lambda: step.vectors(moved))
    finally:
        step.towers.train()


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
