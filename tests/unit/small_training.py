"""A training run in memory: a small tree, images that tell their row by their colour, all three parts of a batch; and two ranks' batches as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray

from merian.core.settings import load
from merian.core.tree import RANKS, Tree
from merian.encode import Preprocess
from merian.train import TrainSettings
from merian.train.batches import CLASSES, Batch, Batches, Part, Stock
from merian.train.ranks import Ranks
from merian.train.step import Step
from merian.train.texts import fitted, general_texts, taxon_texts, trait_texts
from merian.train.towers import Towers, build, model_config
from merian.train.views import Views

LOOK = Preprocess(size=16)
TINY = {
    "image_size": 16,
    "patch": 8,
    "width": 32,
    "layers": 1,
    "head": 16,
    "text_width": 32,
    "text_layers": 1,
    "dim": 16,
    "vocabulary": 300,
    "batch": 10,
    "replay_batch": 6,
    "traits": 0.5,
    "replay_weight": 0.7,
    "level_weights": (0.1, 0.1, 0.2, 0.1, 0.3, 0.2, 0.4),
    "grad_clip": 0.0,
    "threads": 1,
}
BIO, REPLAY = 43, 15
"""Images of each catalog."""
BIRDS = ("Animalia", "Chordata", "Aves", "Passeriformes")
LINEAGES = [
    (*BIRDS, "Corvidae", "Pica", "Pica pica"),
    (*BIRDS, "Corvidae", "Pica", "Pica hudsonia"),
    (*BIRDS, "Corvidae", "Corvus", "Corvus corax"),
    (*BIRDS, "Paridae", "Parus", "Parus major"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Rosaceae", "Rubus", "Rubus idaeus"),
]
NAMES = [*(lineage[-1] for lineage in LINEAGES), "Corvidae"]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread: for towers so small, more only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Noise:
    """`n` images of noise; the first pixel tells the row."""

    n: int
    seed: int

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        every = np.random.default_rng(self.seed).integers(0, 256, (self.n, 18, 18, 3), np.uint8)
        every[:, 0, 0, :] = np.arange(self.n)[:, None]
        return every[rows]


def small_settings(**changes: object) -> TrainSettings:
    return load(TrainSettings, None, TINY | changes)


@cache
def _stocks(objective: str) -> tuple[Stock, Stock, int, int]:
    """Both catalogs, and the size and context of the vocabulary. Every fifth image of `bio` has traits."""
    settings = small_settings(objective=objective)
    tree = Tree.from_lineages(pl.DataFrame(LINEAGES, schema=RANKS, orient="row"))
    taxon = [tree.find(NAMES[k % len(NAMES)]) for k in range(BIO)]
    told = pl.DataFrame({"taxon": taxon}).with_columns(
        pl.Series("sex", [("male", "female")[k % 2] if k % 5 == 0 else None for k in range(BIO)]),
        pl.Series("life_stage", ["adult" if k % 10 == 0 else None for k in range(BIO)]),
        pl.lit(None, pl.String).alias("habitat"),
        pl.lit(None, pl.String).alias("behaviour"),
    )
    said = [f"A picture of thing {k % 11}." for k in range(REPLAY)]
    texts = [taxon_texts(tree, np.array(taxon), settings), trait_texts(tree, told), general_texts(said)]
    tokens, done = fitted([t for t in texts if t is not None], settings)
    return Stock(Noise(BIO, 1), done[0], done[1]), Stock(Noise(REPLAY, 2), done[2]), tokens.size, tokens.context


def small_batches(settings: TrainSettings, rank: int = 0, ranks: int = 1) -> tuple[Batches, dict[str, object]]:
    """The batches of a rank, and the configuration of the model that reads them."""
    bio, replay, size, context = _stocks(settings.objective)
    return Batches(bio, settings, replay, rank, ranks), model_config(settings, size, context)


def small_step(
    settings: TrainSettings, config: dict[str, object], ranks: Ranks | None = None, classes: int = 0
) -> Step:
    """The towers of the seed, and what computes their gradients."""
    towers = Towers(build(settings, config), ["traits", "replay"], settings.hyperbolic, classes, settings.seed)
    if settings.precision in ("pure_bf16", "rounded_bf16"):
        towers = towers.to(torch.bfloat16)
    return Step(towers.train(), settings, LOOK, ranks or Ranks())


def seen_rows(batch: Batch, part: Part) -> list[int]:
    """Which rows of its catalog a part shows."""
    return batch.pixels[part.images, 0, 0, 0].tolist()


def as_one(batches: Sequence[Batch]) -> Batch:
    """The batch of one process that shows what these of several ranks show; equal captions are one again."""
    parts, pixels, theta, factors, tokens = [], [], [], [], []
    images = texts = 0
    for same in zip(*(b.parts for b in batches), strict=True):
        rows = np.concatenate([part.key.numpy() for part in same])
        key, first, place = np.unique(rows, return_index=True, return_inverse=True)
        start = np.cumsum([0, *(len(part.key) for part in same)])
        caption = [
            torch.where(part.caption < 0, -1, torch.from_numpy(place)[(part.caption + at).clamp(max=len(rows) - 1)])
            if len(rows)
            else part.caption
            for part, at in zip(same, start.tolist(), strict=False)
        ]
        for batch, part in zip(batches, same, strict=True):
            pixels.append(batch.pixels[part.images])
            theta.append(batch.views.theta[part.images])
            factors.append(batch.views.factors[:, part.images])
        if same[0].name != CLASSES:  # whose rows are no captions
            tokens.append(torch.cat([b.tokens[part.texts] for b, part in zip(batches, same, strict=True)])[first])
        count = sum(len(part.images) for part in same)
        parts.append(
            Part(
                same[0].name,
                torch.arange(images, images + count),
                torch.arange(texts, texts + len(key)),
                torch.cat(caption),
                torch.cat([part.image_path for part in same]),
                torch.cat([part.text_path for part in same])[first],
                torch.from_numpy(key),
                torch.cat([part.level for part in same])[first],
            )
        )
        # traits are told of the images of `bio`, and so are class vectors
        if same[0].name in ("traits", CLASSES):
            parts[-1] = Part(same[0].name, parts[0].images, *(getattr(parts[-1], f) for f in Part.__slots__[2:]))
            for kept in (pixels, theta, factors):
                del kept[-len(batches) :]
        else:
            images += count
        texts += len(key)
    return Batch(torch.cat(pixels), Views(torch.cat(theta), torch.cat(factors, 1)), torch.cat(tokens), tuple(parts))
