"""How well the towers name photos that they do not train on, while they train."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch.nn import functional as F

from merian.core.captions import captions
from merian.core.chance import fraction
from merian.core.tables import Catalog
from merian.encode.pixels import Pixels, Preprocess, decode_many
from merian.encode.tokens import Tokens
from merian.train.settings import TrainSettings
from merian.train.step import Step
from merian.train.views import Views, augment

__all__ = ["Validation"]

MOST_IMAGES, MOST_TAXA, AT_ONCE = 2_000, 10_000, 256
"""Photos looked at and names to choose from at most, and how many go through a tower at a time."""


@dataclass(frozen=True)
class Validation:
    """Photos of the validation split, and the names that they are to be told from: those of the split and others of the training images."""

    pixels: Pixels
    """`uint8 [n, s, s, 3]`"""
    right: np.ndarray[tuple[int], np.dtype[np.int64]]
    """`[n]`: the row of `names` of each."""
    names: torch.Tensor
    """`int64 [t, context]`"""

    @classmethod
    def build(
        cls, source: Catalog, tokens: Tokens, settings: TrainSettings, look: Preprocess, threads: int
    ) -> Validation | None:
        """Of the catalog's split "val", the photos whose taxon is trained on; None when there is none."""
        known = source.kept("train").filter(pl.col("taxon") >= 0)["taxon"].unique()
        rows = source.kept("val").filter(pl.col("taxon").is_in(known.implode()))
        if rows.is_empty():
            return None
        rows = rows[np.argsort([fraction(settings.seed, i) for i in rows["id"]], kind="stable")[:MOST_IMAGES].tolist()]
        decoded = decode_many(list(source.images(rows)), look, threads)
        shown = np.unique(rows["taxon"].to_numpy())
        others = np.setdiff1d(known.to_numpy(), shown)[: max(0, MOST_TAXA - len(shown))]
        taxa = np.concatenate([shown, others])
        texts = captions(source.tree, taxa.tolist(), settings.text_types[-1])
        right = np.searchsorted(shown, rows["taxon"].to_numpy())
        return cls(decoded.pixels, right.astype(np.int64), torch.from_numpy(tokens.encode(texts)))

    @torch.no_grad()
    def accuracy(self, step: Step) -> float:
        """The share of the photos whose own name is the likeliest."""
        towers, device = step.towers, step.ranks.device
        towers.eval()
        try:
            read = [step.read(self.names[k : k + AT_ONCE].to(device)) for k in range(0, len(self.names), AT_ONCE)]
            names = F.normalize(torch.cat(read), dim=-1)
            hits = 0
            for start in range(0, len(self.pixels), AT_ONCE):
                pixels = torch.from_numpy(self.pixels[start : start + AT_ONCE]).to(device)
                seen = towers.project(
                    step.see(augment(pixels, Views.plain(len(pixels), device), step.preprocess))
                ).float()
                best = (seen @ names.T).argmax(1).cpu().numpy()
                hits += int((best == self.right[start : start + AT_ONCE]).sum())
        finally:
            towers.train()
        return hits / len(self.pixels)
