"""What a run leaves: the model's files, and how far it has moved; or, on frozen towers, class vectors beside the model as it came."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import torch
from torch.nn import functional as F

from merian.core.errors import BadData, BadSetting
from merian.core.tables import Catalog
from merian.encode.folder import read_folder
from merian.encode.tokens import Tokens
from merian.train.drift import DRIFT, drift, shown
from merian.train.export import export
from merian.train.heads import Classes, make_head
from merian.train.images import check_shards
from merian.train.lora import merge
from merian.train.towers import BIO, Towers
from merian.train.weights import Begun, Start

__all__ = ["LINEAR", "frozen", "release"]

LINEAR = "linear"
"""The folder of a model's class vectors."""


def release(
    towers: Towers,
    made: Begun,
    start: Start,
    tokens: Tokens,
    catalogs: tuple[Catalog, Catalog | None],
    folder: Path,
    device: torch.device,
    threads: int,
) -> None:
    """Write the trained towers to `folder`, products of LoRA added to the weights, and `drift.json` when they went on from a model.

    `catalogs`: what was trained on, and what was replayed. The towers are of no use from then on.
    """
    settings, (source, replay) = start.settings, catalogs
    further = {name: value for name, value in towers.projectors.items() if name != BIO}
    model = merge(towers.released().cpu().float())
    export(model, made.config, tokens, start.preprocess, folder, settings.onnx, further)
    if towers.classes is not None:
        _keep_classes(towers.classes, source, folder)
    if start.weights is None or not settings.drift:
        return
    sets = [shown(source, settings, general=False)]
    sets += [shown(replay, settings, general=True)] if replay is not None else []
    told = [what for what in sets if what is not None]
    before = start.load(tokens, plain=True).model
    drift(before, model, told, tokens, start.preprocess, settings, device, threads).save(folder / DRIFT)


def _keep_classes(vectors: torch.Tensor, source: Catalog, folder: Path) -> None:
    """Write the class vectors `[t, d]` of the taxa of the split "train" as the head `folder / "linear"` of the exported model."""
    taxa = np.unique(source.kept("train").filter(pl.col("taxon") >= 0)["taxon"].to_numpy()).astype(np.int32)
    unit, known = F.normalize(vectors.detach().cpu().float(), dim=-1).numpy(), read_folder(folder)
    Classes(taxa, unit, known.logit_scale).save(
        folder / LINEAR, source.tree, known.fingerprint("fp32"), {"catalog": source.hash}
    )


def frozen(
    start: Start, source: Catalog, replay: Catalog | None, folder: Path, device: torch.device, threads: int
) -> None:
    """Write the model as it came to `folder`, and its class vectors for the taxa of the split "train" to `folder / "linear"` or `folder / "prototypes"`.

    Raises BadData when there is too little to train on, BadSetting with a replayed catalog.
    """
    settings, tokens = start.settings, start.tokens
    if replay is not None:
        raise BadSetting(
            "adapt", settings.adapt, "moves no tower, so there is nothing to replay for: leave --replay out"
        )
    if tokens is None or settings.adapt not in ("linear", "prototypes"):
        raise BadSetting("adapt", settings.adapt, "needs a model to go on from")
    frame = source.kept("train").filter(pl.col("taxon") >= 0)
    if frame["taxon"].n_unique() < 2:
        raise BadData(source.path, "training needs images of at least 2 taxa in the split 'train'")
    check_shards(source, frame)
    made = start.load(tokens, plain=True)
    export(made.model, made.config, tokens, start.preprocess, folder, settings.onnx, made.projectors)
    made.model.to(device)
    kind: Literal["linear", "prototypes"] = "linear" if settings.adapt == "linear" else "prototypes"
    make_head(kind, made.model, source, frame, folder, settings, device, threads)
