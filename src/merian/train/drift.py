"""How far a model has moved from the one that it went on from: the same images and captions through both.

A model fine-tuned on one kind of picture forgets others without saying so. Each number comes with a 95 % percentile interval over images (texts for the cosine
of texts), of the bootstrap (Efron & Tibshirani 1993, section 13.3).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from merian.core.captions import captions
from merian.core.chance import fraction, stream
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.encode.pixels import Preprocess
from merian.encode.tokens import Tokens
from merian.train.heads import image_vectors
from merian.train.settings import TrainSettings

__all__ = ["DRIFT", "Seen", "Shown", "compared", "drift", "said", "see", "shown"]

Floats = NDArray[np.float32]
Values = NDArray[np.float64]
DRIFT = "drift.json"
NEAREST = 10
"""Neighbours of an image that are looked at. From taste."""
DRAWS = 1_000
"""Samples of the bootstrap."""
BLOCK = 256
"""Images compared, and captions embedded, at a time."""


@dataclass(frozen=True)
class Shown:
    """Images of a catalog and a caption for each."""

    name: str
    catalog: Catalog
    frame: pl.DataFrame
    """The n rows of the catalog."""
    texts: list[str]
    """The m different captions."""
    own: NDArray[np.int64]
    """`[n]`: the caption of each image."""


@dataclass(frozen=True)
class Seen:
    """What one model makes of a Shown: unit vectors `[n, d]` of images and `[m, d]` of captions, and the factor of their cosine."""

    images: Floats
    texts: Floats
    scale: float


def shown(catalog: Catalog, settings: TrainSettings, general: bool) -> Shown | None:
    """Up to `settings.drift` images of the split "val", of "train" where that has fewer than two; None when there are none.

    Their captions: the general ones of a replayed catalog, or the names of what they show.
    """
    has = pl.col("caption").is_not_null() if general else pl.col("taxon") >= 0
    for split in ("val", "train"):
        frame = catalog.kept(split).filter(has)
        if len(frame) >= 2:
            break
    else:
        return None
    order = np.argsort([fraction(settings.seed, name) for name in frame["id"]], kind="stable")
    frame = frame[np.sort(order[: settings.drift]).tolist()]
    taxa = [] if general else frame["taxon"].to_list()
    said = frame["caption"].to_list() if general else captions(catalog.tree, taxa, settings.text_types[-1])
    words, own = np.unique(np.array(said, dtype=object).astype(str), return_inverse=True)
    return Shown("replay" if general else "catalog", catalog, frame, words.tolist(), own.reshape(-1).astype(np.int64))


def see(model: Any, what: Shown, tokens: Tokens, look: Preprocess, device: torch.device, threads: int) -> Seen:
    """What an open_clip model makes of `what`."""
    images = image_vectors(model, what.catalog, what.frame, look, device, threads)
    table = torch.from_numpy(tokens.encode(what.texts))
    starts = range(0, len(table), BLOCK)
    with torch.inference_mode():
        parts = [
            model.encode_text(table[at : at + BLOCK].to(device), normalize=True).float().cpu().numpy() for at in starts
        ]
        return Seen(images, np.concatenate(parts), float(model.logit_scale.exp()))


def drift(
    before: Any,
    after: Any,
    sets: list[Shown],
    tokens: Tokens,
    look: Preprocess,
    settings: TrainSettings,
    device: torch.device,
    threads: int = 1,
) -> Report:
    """How far the open_clip model `after` has moved from `before` on each of `sets`."""
    numbers: list[Number] = []
    for what in sets:
        old, new = (see(m.eval().to(device), what, tokens, look, device, threads) for m in (before, after))
        numbers += compared(old, new, what.own, what.name, settings.seed)
    command = " ".join(["merian", *sys.argv[1:]])
    inputs = {what.name: what.catalog.hash for what in sets}
    told: dict[str, object] = {"architecture": settings.architecture, "adapt": settings.adapt, "images": settings.drift}
    remark = "Images and captions through the model as it came and as it went. The losses and the names chosen are among the captions of the set."
    return Report("How far the model has moved", command, inputs, tuple(numbers), told, (remark,))


def compared(before: Seen, after: Seen, own: NDArray[np.int64], name: str, seed: int = 0) -> list[Number]:
    """The numbers of a set: `own [n]` is the row of the caption of each image."""
    (old_best, old_loss), (new_best, new_loss) = _chosen(before, own), _chosen(after, own)
    k = min(NEAREST, len(own) - 1)
    of_images = {
        "image_cosine": (_rows(before.images, after.images), "", "cosine of an image's vectors before and after"),
        "neighbours": (
            _kept(before.images, after.images, k),
            "share",
            f"of an image's {k} nearest, how many still are",
        ),
        "agreement": (np.equal(old_best, new_best), "share", "images whose likeliest caption is still the same"),
        "accuracy_before": (np.equal(old_best, own), "share", "images whose likeliest caption is their own"),
        "accuracy_after": (np.equal(new_best, own), "share", "images whose likeliest caption is their own"),
        "loss_before": (old_loss, "nats", "cross-entropy of an image's own caption among those of the set"),
        "loss_after": (new_loss, "nats", "cross-entropy of an image's own caption among those of the set"),
        "loss_change": (new_loss - old_loss, "nats", "of the same image, after less before"),
    }
    numbers = [_number(name, key, values, unit, note, seed) for key, (values, unit, note) in of_images.items()]
    cosines = _rows(before.texts, after.texts)
    note = "cosine of a caption's vectors before and after"
    return [numbers[0], _number(name, "text_cosine", cosines, "", note, seed), *numbers[1:]]


def said(report: Report) -> str:
    """The report in one line."""
    parts = []
    for name, _ in report.groups():
        image, near = report[f"{name}_image_cosine"], report[f"{name}_neighbours"]
        old, new = report[f"{name}_loss_before"], report[f"{name}_loss_after"]
        parts.append(
            f"{name}: cosine {image.value:.3f} to the model before, {near.value:.0%} of neighbours kept, loss {old.value:.2f} -> {new.value:.2f}"
        )
    return "moved on " + "; on ".join(parts)


def _number(group: str, key: str, values: NDArray[Any], unit: str, note: str, seed: int) -> Number:
    """The mean of `values [n]` and its interval."""
    plain = values.astype(np.float64)
    rng = stream(seed, "drift", key)
    draws = [plain[rng.integers(len(plain), size=len(plain))].mean() for _ in range(DRAWS)]
    low, high = np.quantile(draws, (0.025, 0.975))
    return Number(f"{group}_{key}", float(plain.mean()), float(low), float(high), unit, len(plain), note, group)


def _rows(a: Floats, b: Floats) -> Values:
    """Cosines `[n]` of unit rows."""
    return np.asarray(np.einsum("nd,nd->n", a.astype(np.float64), b.astype(np.float64)), np.float64)


def _chosen(seen: Seen, own: NDArray[np.int64]) -> tuple[NDArray[np.int64], Values]:
    """The likeliest caption `[n]` of each image, and the cross-entropy `[n]` of its own."""
    best, loss = [], []
    for at in range(0, len(own), BLOCK):
        logits = seen.scale * (seen.images[at : at + BLOCK].astype(np.float64) @ seen.texts.T.astype(np.float64))
        top = logits.max(axis=1)
        right = logits[np.arange(len(logits)), own[at : at + BLOCK]]
        best.append(logits.argmax(axis=1))
        loss.append(top + np.log(np.exp(logits - top[:, None]).sum(axis=1)) - right)
    return np.concatenate(best), np.concatenate(loss)


def _kept(a: Floats, b: Floats, k: int) -> Values:
    """For each image, the share `[n]` of its `k` nearest others in `a [n, d]` that are so in `b [n, d]` too."""
    shares: list[float] = []
    for at in range(0, len(a), BLOCK):
        pairs = zip(_nearest(a, at, k), _nearest(b, at, k), strict=True)
        shares += [len(np.intersect1d(x, y)) / k for x, y in pairs]
    return np.array(shares)


def _nearest(vectors: Floats, start: int, k: int) -> NDArray[np.int64]:
    """The `k` nearest others of the images from `start` on, a block of them."""
    cosines = vectors[start : start + BLOCK] @ vectors.T
    rows = np.arange(len(cosines))
    cosines[rows, start + rows] = -np.inf
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k]
