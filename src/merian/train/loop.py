"""The training loop, in the open: draw a batch, compare images and captions, take a step, write it down.

A checkpoint holds weights and the optimizer's state; everything else follows from the seed and the step. A run that was killed and started again therefore ends
with the same bytes as one that was not (same machine, same number of threads, same number of processes).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from merian.core import store
from merian.core.errors import BadSetting
from merian.core.progress import track
from merian.core.tables import Catalog
from merian.core.workers import cores
from merian.encode.folder import FORMAT, KIND
from merian.encode.pixels import Preprocess
from merian.train import checkpoint
from merian.train.batches import Batch, Batches, drawn_ahead
from merian.train.compile import compile_towers, prove
from merian.train.drift import DRIFT
from merian.train.optimizer import learning_rate, make_optimizer
from merian.train.ranks import Ranks, joined
from merian.train.release import LINEAR, frozen, release
from merian.train.settings import TrainSettings
from merian.train.spread import spread, whole
from merian.train.step import Step
from merian.train.stocks import stocks
from merian.train.subset import thinned
from merian.train.towers import Towers
from merian.train.validate import Validation
from merian.train.watch import EVENTS, SPEED, Watch, flops_of, peak_flops
from merian.train.weights import Begun, begun

__all__ = ["REMARKS", "fit", "train"]

CHECKPOINTS, SCRATCH, REMARKS = "checkpoints", "cache", "remarks.txt"
NO_MEMORY = ("out of memory", "allocate memory", "not enough memory")
"""What torch's errors say when memory is short, on a GPU and on a processor."""
PROVEN_BY = 3
"""Steps after which torch.compile must have compiled."""

AfterStep = Callable[[int], None]


def train(
    catalog: Path,
    out: Path,
    settings: TrainSettings,
    overwrite: bool = False,
    after_step: AfterStep | None = None,
    replay: Path | None = None,
    share: float = 1.0,
) -> Path:
    """The folder `out` with the trained model in open_clip's layout and its exports; a finished one is left as it is.

    Trains on the catalog's split "train" (on a `share` of it: `subset.thinned`), and on that of the catalog `replay`, whose images have general captions.
    `overwrite` replaces what another run left there. `after_step(step)` is called after each step. Started by torchrun, each process is one rank. Raises
    BadData when there is too little to train on or a shard is cut short, BadSetting when the loss stops being a number or memory does not suffice.
    """
    source = thinned(Catalog.open(catalog), share, settings.seed)
    again = None if replay is None else Catalog.open(replay)
    inputs = {"catalog": source.hash} | ({} if again is None else {"replay": again.hash})
    inputs |= {"share": f"{share:g}"} if share < 1 else {}
    with _memory_told(settings), joined(settings.device) as ranks, _reproducible(settings.threads) as threads:
        start = begun(settings, ranks)
        if ranks.first:
            inputs |= start.inputs
            work = store.begin(out, kind=KIND, version=FORMAT, settings=settings, inputs=inputs, overwrite=overwrite)
        ranks.wait()
        if (out / store.MANIFEST).is_file():
            return out
        if settings.adapt in ("linear", "prototypes"):
            if ranks.first:
                frozen(start, source, again, out, ranks.device, threads)
                work.finish(beside=(settings.adapt,))  # a store of its own
            ranks.wait()
            return out
        look = start.preprocess
        held = stocks(source, again, settings, look, out / SCRATCH, threads, ranks, start.tokens)
        if ranks.first and held.remarks:
            store.write_text(out / REMARKS, "\n".join(held.remarks) + "\n")
        batches = Batches(held.bio, settings, held.replay, ranks.rank, ranks.size)
        made = start.load(held.tokens)
        looks = ranks.first or settings.shard_weights  # spread towers run on all processes or on none
        validation = Validation.build(source, held.tokens, settings, look, threads) if looks else None
        towers = fit(made.model, batches, settings, look, out, ranks, after_step, validation, made)
        if settings.shard_weights:
            towers = _together(towers, start.load(held.tokens), batches, settings)
        if ranks.first:
            release(towers, made, start, held.tokens, (source, again), out, ranks.device, threads)
            work.finish(scratch=(SCRATCH, CHECKPOINTS), beside=(SPEED, EVENTS, DRIFT, LINEAR))
        ranks.wait()
    return out


def fit(
    model: Any,
    batches: Batches,
    settings: TrainSettings,
    look: Preprocess,
    folder: Path,
    ranks: Ranks,
    after_step: AfterStep | None = None,
    validation: Validation | None = None,
    made: Begun | None = None,
) -> Towers:
    """Train `model` in place through all steps, from the newest checkpoint in `folder` when there is one; the towers, averaged if that was asked for.

    `metrics.jsonl` gets one line per step: step, loss, the loss of each part, grad_norm, lr, scale, and val_accuracy after a validation.
    """
    towers = _towers(model, batches, settings, ranks, made)
    optimizer = make_optimizer(towers, settings)
    average = checkpoint.Average(towers, settings.ema) if settings.ema else None
    last = checkpoint.newest(folder / CHECKPOINTS)
    first = step = 0 if last is None else checkpoint.restore(last, towers, optimizer, average)
    taker, watch = Step(towers, settings, look, ranks), Watch(folder, settings, step, ranks.first)
    many = settings.accumulate
    total, every = batches.total // many, settings.validate or max(1, batches.per_epoch // many)
    towers.train()
    with track("Training", total=total, unit="steps", done=step) as advance:
        drawn = drawn_ahead(batches, step * many, total * many)
        while step < total:
            some = [next(drawn) for _ in range(many)]
            if step == first:
                watch.weigh(peak_flops(ranks.device, settings.precision), _flops(taker, some[0]))
            told = _one(taker, optimizer, some, step, total)
            if average is not None:
                average.update(towers)
            if validation is not None and (step + 1) % every == 0:
                told["val_accuracy"] = validation.accuracy(taker)
            watch.step(step, told, sum(len(batch.pixels) for batch in some) * ranks.size, many)
            step += 1
            if settings.compile and step - first == PROVEN_BY:
                prove(step)
            if step % settings.checkpoint == 0 or step == total:
                watch.keep(step)
                checkpoint.keep(folder / CHECKPOINTS, step, towers, optimizer, average, settings.keep, ranks.first)
                ranks.wait()
            advance(1, note=watch.note)
            if after_step is not None:
                after_step(step)
    if average is not None:
        average.into(towers)
    return towers


def _one(
    taker: Step, optimizer: torch.optim.Optimizer, some: Sequence[Batch], step: int, total: int
) -> dict[str, float]:
    """Take one step on the mean gradient of the batches `some`; what there is to tell of it."""
    settings, many = taker.settings, len(some)
    rate = learning_rate(step, total, settings)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    told: dict[str, float] = {}
    for number, batch in enumerate(some):
        for name, value in taker.gradients(batch, step * many + number, 1 / many).items():
            told[name] = told.get(name, 0.0) + value.item() / many
    told |= {"grad_norm": taker.finish().item(), "lr": rate, "scale": taker.towers.logit_scale.exp().item()}
    optimizer.step()
    taker.towers.clamp_scale(settings.logit_scale_max)
    return told


def _towers(model: Any, batches: Batches, settings: TrainSettings, ranks: Ranks, made: Begun | None = None) -> Towers:
    """The towers on their device, with the projectors that the parts of the batches need."""
    further = (["traits"] if batches.bio.traits is not None else []) + (
        ["replay"] if batches.replay is not None else []
    )
    if settings.recompute:
        model.set_grad_checkpointing()
    classes = len(batches.bio.texts.path) if settings.classes else 0
    if classes and settings.hyperbolic:
        raise BadSetting("classes", settings.classes, "are directions: they do not go with --hyperbolic")
    towers = Towers(model, further, settings.hyperbolic, classes, settings.seed)
    if made is not None:
        made.into(towers)
    if settings.precision in ("pure_bf16", "rounded_bf16"):
        towers = towers.to(torch.bfloat16)
    towers = towers.to(ranks.device)
    if settings.shard_weights:
        spread(towers, ranks)
    if settings.compile:
        compile_towers(towers)
    return towers


def _together(towers: Towers, made: Begun, batches: Batches, settings: TrainSettings) -> Towers:
    """Spread towers put together on the processor; every process must call."""
    state = {name: whole(value.detach()).cpu() for name, value in towers.state_dict().items()}
    fresh = _towers(made.model, batches, replace(settings, shard_weights=False, compile=False), Ranks(), made)
    fresh.load_state_dict(state)
    return fresh


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
def _memory_told(settings: TrainSettings) -> Iterator[None]:
    """Out of memory, on whatever device, said as what to do about it."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = str(error)
        if isinstance(error, RuntimeError) and not any(sign in words for sign in NO_MEMORY):
            raise
        first = (words or "no memory").splitlines()[0]
        what = f"a smaller --batch, --chunk {max(1, settings.batch // 8)} (the same gradients in less memory), --recompute or a smaller model"
        raise BadSetting("batch", settings.batch, f"needs more memory than there is; try {what} ({first})") from error


@contextlib.contextmanager
def _reproducible(threads: int) -> Iterator[int]:
    """torch on `threads` threads and with deterministic algorithms inside the block; the number of threads."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    count = threads or cores()
    torch.set_num_threads(count)
    torch.use_deterministic_algorithms(True)
    try:
        yield count
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
