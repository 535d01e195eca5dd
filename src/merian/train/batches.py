"""What the towers see at a step: a function of the seed and the step alone.

So that a resumed run goes on as if nothing had been.

Images lie decoded in memory-mapped blocks a little larger than the tower's input (`Cache`); captions lie tokenised, one
row per taxon and text type (`Captions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from merian.core.captions import captions
from merian.core.chance import stream
from merian.core.errors import BadData
from merian.core.progress import track
from merian.core.store import atomic
from merian.core.tree import Tree
from merian.encode.pixels import Pixels, Preprocess, decode_many
from merian.encode.tokens import Tokens, train_tokenizer
from merian.train.settings import TrainSettings

__all__ = ["Batch", "Batches", "Cache", "Captions", "augment"]

BLOCK = 2048
"""Images per cached block: 32 MB at 72 px."""
MARGIN = 9 / 8
"""Side of a cached image over the side of the tower's input: what a random crop can move within. From taste."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Decoded images `uint8 [n, c, c, 3]` in memory-mapped blocks."""

    blocks: tuple[Pixels, ...]

    @classmethod
    def build(cls, images: Iterable[bytes], n: int, folder: Path, preprocess: Preprocess, threads: int) -> Cache:
        """Decode `n` images into blocks under `folder`; blocks that an earlier run finished are kept.

        Raises BadData when the catalog promises an image that cannot be decoded.
        """
        grown = replace(preprocess, size=round(preprocess.size * MARGIN))
        paths = [folder / f"pixels-{k:05d}.npy" for k in range(-(-n // BLOCK))]
        source = iter(images)
        with track("Decoding images", total=n, unit="images") as advance:
            for k, path in enumerate(paths):
                encoded = list(islice(source, min(BLOCK, n - k * BLOCK)))
                if not path.is_file():
                    decoded = decode_many(encoded, grown, threads)
                    if decoded.reasons:
                        bad = [f"image {k * BLOCK + row}: {why}" for row, why in decoded.reasons.items()]
                        raise BadData("catalog", "images cannot be decoded; curate again", bad)
                    with atomic(path) as stream:
                        np.save(stream, decoded.pixels)
                advance(len(encoded))
        return cls(tuple(np.load(path, mmap_mode="r") for path in paths))

    def take(self, rows: NDArray[np.int64]) -> Pixels:
        """The images `[k, c, c, 3]` at `rows`."""
        out = np.empty((len(rows), *self.blocks[0].shape[1:]), np.uint8)
        for block in np.unique(rows // BLOCK):
            here = rows // BLOCK == block
            out[here] = self.blocks[block][rows[here] % BLOCK]
        return out


@dataclass(frozen=True, slots=True)
class Captions:
    """The k text types of each of the t taxa that the images show, each different text tokenised once."""

    tokens: Tokens
    table: NDArray[np.int64]
    """`[u, context]`: token numbers of the u different texts."""
    text: NDArray[np.int64]
    """`[t, k]`: which text it is. Without a common name two types are one text."""

    @classmethod
    def build(cls, tree: Tree, taxa: Sequence[int], settings: TrainSettings) -> Captions:
        """Tokenised captions of `taxa`, with a vocabulary learned from them; the context is what the longest needs."""
        kinds = [captions(tree, taxa, kind) for kind in settings.text_types]
        texts, text = np.unique(np.array(kinds).T, return_inverse=True)
        tokens = train_tokenizer(texts.tolist(), settings.vocabulary, settings.context)
        longest = int(tokens.lengths(texts.tolist()).max())
        tokens = replace(tokens, context=min(settings.context, -(-longest // 8) * 8))
        return cls(tokens, tokens.encode(texts.tolist()), text.reshape(len(taxa), len(kinds)))


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's input: n images, their captions (each different one once), and their taxa."""

    images: torch.Tensor
    """`float32 [n, 3, s, s]`, scaled as the tower takes them."""
    tokens: torch.Tensor
    """`int64 [u, context]`: the u different captions."""
    caption: torch.Tensor
    """`int64 [n]`: which of them belongs to each image."""
    taxa: torch.Tensor
    """`int64 [n]`."""


@dataclass(slots=True)
class Batches:
    """The batches of a run, by step."""

    cache: Cache
    captions: Captions
    taxon: NDArray[np.int64]
    """`[n]`: each image's row among the taxa of `captions`."""
    settings: TrainSettings
    preprocess: Preprocess
    _order: tuple[int, NDArray[np.int64]] = field(default=(-1, np.empty(0, np.int64)))

    @property
    def size(self) -> int:
        """Images per step: fewer than asked when there are fewer."""
        return min(self.settings.batch, len(self.taxon))

    @property
    def per_epoch(self) -> int:
        """Steps per pass; the images left over differ from pass to pass."""
        return len(self.taxon) // self.size

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.per_epoch * self.settings.epochs

    def draw(self, step: int) -> Batch:
        """The batch of `step`, the same whenever it is asked for."""
        chosen = self._rows(step)
        rng = stream(self.settings.seed, "batch", step)
        taxa = self.taxon[chosen]
        kind = rng.integers(self.captions.text.shape[1], size=len(chosen))
        different, caption = np.unique(self.captions.text[taxa, kind], return_inverse=True)
        return Batch(
            augment(self.cache.take(chosen), self.preprocess, self.settings, rng),
            torch.from_numpy(self.captions.table[different]),
            torch.from_numpy(caption.reshape(-1)),
            torch.from_numpy(taxa),
        )

    def _rows(self, step: int) -> NDArray[np.int64]:
        epoch, within = divmod(step, self.per_epoch)
        if self._order[0] != epoch:
            order = stream(self.settings.seed, "order", epoch).permutation(len(self.taxon))
            self._order = (epoch, order.astype(np.int64))
        # Sorted for the disk's sake: the order within a batch has no meaning.
        return np.sort(self._order[1][within * self.size : (within + 1) * self.size])


def augment(pixels: Pixels, preprocess: Preprocess, settings: TrainSettings, rng: np.random.Generator) -> torch.Tensor:
    """Randomly cropped, mirrored and coloured images `[n, 3, s, s]`, scaled as the tower takes them.

    The crop keeps `crop` to 1 of the area at a ratio of 3/4 to 4/3 (Szegedy et al. 2015); colour changes brightness,
    contrast and saturation by factors of 1 - `colour` to 1 + `colour`.
    """
    n, side = len(pixels), preprocess.size
    image = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0
    area = rng.uniform(settings.crop, 1.0, n)
    ratio = np.exp(rng.uniform(-np.log(4 / 3), np.log(4 / 3), n) / 2)
    across, down = np.minimum(np.sqrt(area) * ratio, 1.0), np.minimum(np.sqrt(area) / ratio, 1.0)
    theta = np.zeros((n, 2, 3), np.float32)
    theta[:, 0, 0] = across * np.where(rng.random(n) < settings.flip, -1.0, 1.0)
    theta[:, 1, 1] = down
    theta[:, 0, 2] = rng.uniform(-1.0, 1.0, n) * (1.0 - across)
    theta[:, 1, 2] = rng.uniform(-1.0, 1.0, n) * (1.0 - down)
    grid = F.affine_grid(torch.from_numpy(theta), [n, 3, side, side], align_corners=False)
    image = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
    factors = rng.uniform(1.0 - settings.colour, 1.0 + settings.colour, (3, n)).astype(np.float32)
    bright, contrast, saturation = (torch.from_numpy(f).view(n, 1, 1, 1) for f in factors)
    image = image * bright
    image = torch.lerp(image.mean(dim=(1, 2, 3), keepdim=True), image, contrast)
    image = torch.lerp(image.mean(dim=1, keepdim=True), image, saturation).clamp(0.0, 1.0)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (preprocess.mean, preprocess.std))
    return (image - mean) / std
