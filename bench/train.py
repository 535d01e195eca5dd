"""Images a second and MFU of Merian's training loop beside open_clip's own (`open_clip_train.train.train_one_epoch`), in one run.

Both train the same architecture (open_clip's CLIP class) from the same weights on the same JPEGs of the same shards with the same captions and the same loss
(InfoNCE), fp32 unless asked otherwise. open_clip's loop gets what its trainer gives it: a DataLoader whose workers decode each image each time, its training
transform, one tokenised caption a sample. Rounds alternate, and the median ratio is told.

    .venv/bin/python bench/train.py [--model small|ViT-B-16|ViT-L-14] [--batch 128] [--steps 24] [--rounds 3] [--precision fp32] [--device auto] [--compile]
"""

from __future__ import annotations

import argparse
import io
import json
import math
import statistics
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import polars as pl
import torch
from open_clip.loss import ClipLoss
from open_clip_train.train import train_one_epoch
from PIL import Image

from merian.core import store
from merian.core.captions import captions
from merian.core.settings import load
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import RANKS, Tree
from merian.curate.shards import write_shard
from merian.train.batches import Batches
from merian.train.loop import fit
from merian.train.ranks import Ranks
from merian.train.settings import TrainSettings
from merian.train.stocks import stocks
from merian.train.towers import build, model_config, preprocess
from merian.train.watch import peak_flops

SPECIES = 160


def world(folder: Path, images: int, side: int) -> Catalog:
    """A catalog of `images` JPEGs of `side` px of SPECIES species."""
    rng = np.random.default_rng(0)
    names = [
        (
            *("Animalia", "Chordata", "Aves"),
            f"Ordo{k % 11}",
            f"Familia{k % 29}idae",
            f"Genus{k % 60}",
            f"Genus{k % 60} species{k}",
        )
        for k in range(SPECIES)
    ]
    tree = Tree.from_lineages(pl.DataFrame(names, schema=RANKS, orient="row"))
    work = store.begin(folder, "catalog", 1, {}, {})
    samples = []
    for k in range(images):
        coarse = Image.fromarray(rng.integers(0, 255, (12, 12, 3), np.uint8)).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        stream = io.BytesIO()
        coarse.save(stream, "JPEG", quality=90)
        samples.append((f"i{k}", "jpg", stream.getvalue(), {"id": f"i{k}"}))
    index = write_shard(folder / "shards" / "shard-00000.tar", 0, samples)
    species = tree.at("species")
    rows = pl.DataFrame(
        {"id": [f"i{k}" for k in range(images)], "taxon": species[rng.integers(0, SPECIES, images)], "split": "train"}
    )
    conform(rows.join(index, on="id"), CATALOG).write_parquet(folder / "catalog.parquet")
    tree.save(folder / "tree.parquet")
    work.finish()
    return Catalog.open(folder)


class Samples(torch.utils.data.Dataset[Any]):
    """What open_clip's data sets do for a sample: open, transform, tokenise. Plain lists: polars may not be used in a forked worker."""

    def __init__(self, catalog: Catalog, transform: Any, tokens: Any) -> None:
        frame = catalog.kept("train")
        self.places = frame.select("offset", "size").rows()
        self.shard, self.transform, self.tokens = catalog.shard(0), transform, tokens
        self.texts = captions(catalog.tree, frame["taxon"].to_list(), "taxon_com")

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: int) -> Any:
        offset, size = self.places[row]
        with self.shard.open("rb") as stream:
            stream.seek(offset)
            image = Image.open(io.BytesIO(stream.read(size))).convert("RGB")
        return self.transform(image), torch.from_numpy(self.tokens.encode([self.texts[row]])[0])


@dataclass
class Loader:
    """The DataLoader as open_clip's trainer wants it."""

    loader: Any
    num_batches: int
    num_samples: int

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader)


@dataclass
class Info:
    dataloader: Loader

    def set_epoch(self, epoch: int) -> None:
        """Nothing to do."""


def theirs(
    catalog: Catalog, settings: TrainSettings, config: dict[str, Any], tokens: Any, device: torch.device, workers: int
) -> float:
    """Images a second of open_clip's loop over one epoch, after a warm-up of two steps."""
    model = build(settings, config).to(device)
    model.output_dict = True
    if settings.compile:
        model = torch.compile(model)
    side = settings.image_size
    transform = open_clip.image_transform(
        side, is_train=True, aug_cfg=open_clip.AugmentationCfg(scale=(settings.crop, 1.0))
    )
    samples = Samples(catalog, transform, tokens)
    batch = settings.batch
    loader = torch.utils.data.DataLoader(
        samples,
        batch,
        shuffle=True,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        drop_last=True,
        persistent_workers=workers > 0,
    )
    args = Namespace(
        device=str(device),
        precision={"fp32": "fp32", "bf16": "amp_bf16", "pure_bf16": "pure_bf16"}[settings.precision],
        grad_clip_norm=settings.grad_clip,
        batch_size=batch,
        accum_freq=1,
        world_size=1,
        rank=0,
        local_rank=0,
        log_every_n_steps=10**9,
        skip_scheduler=True,
        **dict.fromkeys(("distill", "horovod", "wandb", "distributed", "save_logs"), False),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)
    if settings.precision == "pure_bf16":
        model = model.to(torch.bfloat16)

    def epoch(steps: int) -> float:
        chosen = torch.utils.data.Subset(samples, range(steps * batch))
        data = loader if steps == len(samples) // batch else torch.utils.data.DataLoader(chosen, batch, drop_last=True)
        start = time.perf_counter()
        train_one_epoch(
            model,
            {"train": Info(Loader(data, steps, steps * batch))},
            ClipLoss(),
            0,
            optimizer,
            None,
            lambda step: None,
            None,
            args,
        )
        if device.type == "cuda":
            torch.cuda.synchronize()
        return steps * batch / (time.perf_counter() - start)

    epoch(2)
    return epoch(len(samples) // batch)


def ours(catalog: Catalog, settings: TrainSettings, folder: Path, device: torch.device) -> tuple[float, float]:
    """Images a second and MFU of Merian's loop over one epoch, after a warm-up; decoding the images once is part of the first epoch and told apart."""
    ranks = Ranks(device=device)
    look = preprocess(settings)
    held = stocks(catalog, None, settings, look, folder / "cache", torch.get_num_threads(), ranks)
    config = model_config(settings, held.tokens.size, held.tokens.context)
    model = build(settings, config)
    with tempfile.TemporaryDirectory() as place:
        fit(model, Batches(held.bio, settings), settings, look, Path(place), ranks)
        told = [json.loads(line) for line in (Path(place) / "speed.jsonl").read_text().splitlines()]
    return told[-1]["images_per_second"], told[-1]["mfu"]


SIZES: dict[str, dict[str, object]] = {
    "small": {},
    "ViT-B-16": {
        "image_size": 224,
        "patch": 16,
        "width": 768,
        "layers": 12,
        "head": 64,
        "text_width": 512,
        "text_layers": 12,
        "dim": 512,
    },
    "ViT-L-14": {
        "image_size": 224,
        "patch": 14,
        "width": 1024,
        "layers": 24,
        "head": 64,
        "text_width": 768,
        "text_layers": 12,
        "dim": 768,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=SIZES, default="small")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    device = torch.device(
        "cuda"
        if given.device == "auto" and torch.cuda.is_available()
        else "cpu"
        if given.device == "auto"
        else given.device
    )
    plain = SIZES[given.model] | {
        "batch": given.batch, "epochs": 2, "objective": "infonce", "text_types": ["taxon_com"], "crop": 0.9, "flip": 0.0, "colour": 0.0,
        "precision": given.precision, "compile": given.compile, "checkpoint": given.steps, "lr": 1e-4, "device": device.type,
    }  # fmt: skip
    settings = load(TrainSettings, None, plain)
    with tempfile.TemporaryDirectory() as place:
        catalog = world(Path(place) / "catalog", given.batch * given.steps, 256 if settings.image_size > 100 else 96)
        held = stocks(catalog, None, settings, preprocess(settings), Path(place) / "tokens", 1, Ranks())
        config = model_config(settings, held.tokens.size, held.tokens.context)
        rates = []
        for number in range(given.rounds):
            peer = theirs(catalog, settings, config, held.tokens, device, given.workers)
            own, use = ours(catalog, settings, Path(place), device)
            rates.append((own, peer, use))
            print(
                f"round {number + 1}: Merian {own:,.0f} images/s (MFU {use:.0%}), open_clip {peer:,.0f} images/s: {own / peer:.2f} times as fast"
            )
    own, peer, use = (statistics.median(column) for column in zip(*rates, strict=True))
    ratio = statistics.median(a / b for a, b, _ in rates)
    memory = (
        f"; GPU memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB at the peak of either"
        if device.type == "cuda"
        else ""
    )
    peak = peak_flops(device, given.precision)
    print(
        f"{given.model}, {given.precision}, batch {given.batch}, {math.prod((1, given.steps))} steps: Merian {own:,.0f}, open_clip {peer:,.0f} images/s, "
        f"median ratio {ratio:.2f}; MFU {use:.0%} of {peak / 1e12:.2f} TFLOP/s{memory}"
    )


if __name__ == "__main__":
    main()
