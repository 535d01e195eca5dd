"""What the towers see at a step: a function of the seed, the step and the rank alone, so that a resumed run goes on as if nothing had been.

A batch has parts, each with its own captions, projector and objective: `bio`, the images of the catalog with the names of their taxa; `replay`, other
images with general captions (experience replay); `traits`, those images of `bio` of which sex, life stage, habitat or behaviour is known, with captions that
tell them; `classes`, the images of `bio` with a vector for each taxon in the place of captions.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.train.images import Images
from merian.train.settings import TrainSettings
from merian.train.texts import Texts
from merian.train.views import Mix, Views

__all__ = ["CLASSES", "Batch", "Batches", "Part", "Stock", "drawn_ahead"]

CLASSES = "classes"
"""The part whose texts are no captions but the class vectors of the towers."""
AHEAD = 2
"""Batches that are made while one is computed."""
SHARDS_AT_ONCE = 16
"""With order = "shards": shards whose images are shuffled together."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Some images of a batch, their captions, and what is right."""

    name: str
    """Of the part and of its projector."""
    images: torch.Tensor
    """`int64 [m]`: which images of the batch."""
    texts: torch.Tensor
    """`int64 [u]`: which captions of the batch."""
    caption: torch.Tensor
    """`int64 [m]`: which of `texts` was drawn for each image, -1 for none."""
    image_path: torch.Tensor
    """`int64 [m, r]`"""
    text_path: torch.Tensor
    """`int64 [u, r]`"""
    key: torch.Tensor
    """`int64 [u]`: names the caption over all ranks."""
    level: torch.Tensor
    """`int64 [u]`: -1 for a caption drawn for an image, -2 for one of something that no image shows, else the rank where it is cut."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's input on one rank."""

    pixels: torch.Tensor
    """`uint8 [n, c, c, 3]`"""
    views: Views
    tokens: torch.Tensor
    """`int64 [u, context]`: the different captions of all parts."""
    parts: tuple[Part, ...]

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        if device.type == "cpu":
            return self

        def move(value: Any) -> Any:
            return value.pin_memory().to(device, non_blocking=True)

        parts = [Part(p.name, *(move(getattr(p, f)) for f in Part.__slots__ if f != "name")) for p in self.parts]
        return Batch(move(self.pixels), self.views.to(move), move(self.tokens), tuple(parts))


@dataclass(frozen=True, slots=True)
class Stock:
    """Images of one catalog with the texts that may be drawn for each."""

    images: Images
    texts: Texts
    """For each image its taxon's captions, or its own general caption."""
    traits: Texts | None = None
    """Captions that tell traits of some of the images."""
    shard: Numbers | None = None
    """`[n]`: where each image lies, for order = "shards"."""

    def __len__(self) -> int:
        return len(self.texts.of)


@dataclass(slots=True)
class Batches:
    """The batches of a run, by step."""

    bio: Stock
    settings: TrainSettings
    replay: Stock | None = None
    rank: int = 0
    ranks: int = 1
    _order: dict[str, tuple[int, Numbers]] = field(default_factory=dict)
    _in_pass: int = field(init=False)
    """Images of `bio` in a pass."""

    def __post_init__(self) -> None:
        counts, cap = np.bincount(self.bio.texts.of), self.settings.cap
        self._in_pass = int((np.minimum(counts, cap) if cap else counts).sum())
        fewest = self._in_pass if self.replay is None else min(self._in_pass, len(self.replay))
        if fewest < self.ranks:
            raise BadSetting("WORLD_SIZE", self.ranks, f"is more than the {fewest} images in a pass")
        size = self.size
        if size % self.ranks:
            raise BadSetting("batch", size, f"must divide among {self.ranks} processes")
        if self.replay is not None and self.replay_size % self.ranks:
            raise BadSetting("replay_batch", self.replay_size, f"must divide among {self.ranks} processes")

    @property
    def size(self) -> int:
        """Images of `bio` per step over all ranks: fewer than asked when there are fewer."""
        return min(self.settings.batch, self._in_pass // self.ranks * self.ranks)

    @property
    def replay_size(self) -> int:
        """Images of `replay` per step over all ranks."""
        return (
            0 if self.replay is None else min(self.settings.replay_batch, len(self.replay) // self.ranks * self.ranks)
        )

    @property
    def per_epoch(self) -> int:
        """Steps per pass; the images left over differ from pass to pass."""
        return self._in_pass // self.size

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.per_epoch * self.settings.epochs

    def draw(self, step: int) -> Batch:
        """This rank's batch of `step`, the same whenever it is asked for."""
        rng = stream(self.settings.seed, "batch", step, *([self.rank] if self.ranks > 1 else []))
        rows = self._rows("bio", step, self.size, self.per_epoch)
        pixels = [self.bio.images.take(rows)]
        kinds = self._kinds(step, len(rows), rng)
        parts = [_part("bio", self.bio.texts, rows, kinds, 0, self.settings)]
        if self.settings.negatives:
            parts[0] = _with_others(parts[0], self.bio.texts, rows, kinds, self.settings.negatives, rng)
        if self.bio.traits is not None:
            parts.append(_part("traits", self.bio.traits, rows, np.zeros(len(rows), np.int64), 0, self.settings))
        if self.replay is not None and self.replay_size:
            again = self._rows("replay", step, self.replay_size, len(self.replay) // self.replay_size)
            parts.append(
                _part("replay", self.replay.texts, again, np.zeros(len(again), np.int64), len(rows), self.settings)
            )
            pixels.append(self.replay.images.take(again))
        if self.settings.classes:
            parts.append(_classes(self.bio.texts, rows))
        shown = np.concatenate(pixels)
        views = Views.draw(len(shown), self.settings, rng)
        if self.settings.mix:
            common = stream(self.settings.seed, "mix", step)
            views = replace(views, mix=Mix.draw([len(part) for part in pixels], self.settings, common, rng))
        return _joined(torch.from_numpy(shown), views, parts)

    def _kinds(self, step: int, n: int, rng: np.random.Generator) -> Numbers:
        """Which kind of caption each of `n` images gets `[n]`."""
        count = self.bio.texts.kinds
        if self.settings.text_per == "batch":  # on all ranks the same
            return np.full(n, stream(self.settings.seed, "kind", step).integers(count))
        return rng.integers(count, size=n)

    def _rows(self, name: str, step: int, size: int, per_epoch: int) -> Numbers:
        epoch, within = divmod(step, per_epoch)
        if self._order.get(name, (-1,))[0] != epoch:
            self._order[name] = epoch, self._shuffled(name, epoch)
        rows = self._order[name][1][within * size : (within + 1) * size][self.rank :: self.ranks]
        # Sorted for the disk's sake: the order within a batch has no meaning.
        return np.sort(rows)

    def _shuffled(self, name: str, epoch: int) -> Numbers:
        """The rows of a pass in their order."""
        stock = self.bio if name == "bio" else self.replay
        assert stock is not None
        names = ("order", epoch) if name == "bio" else ("order", name, epoch)
        rng = stream(self.settings.seed, *names)
        order = rng.permutation(len(stock)).astype(np.int64)
        if name == "bio" and self.settings.balance:
            order = order[_balanced(stock.texts.of[order], self.settings.balance, rng)]
        if name == "bio" and self.settings.cap:
            # the first of each species in this pass's order; another pass has others
            of = stock.texts.of[order]
            by = np.argsort(of, kind="stable")
            start = np.searchsorted(of[by], of[by])
            place = np.empty(len(of), np.int64)
            place[by] = np.arange(len(of)) - start
            order = order[place < self.settings.cap]
        if self.settings.order == "shards" and stock.shard is not None:
            turn = rng.permutation(int(stock.shard.max()) + 1) // SHARDS_AT_ONCE
            order = order[np.argsort(turn[stock.shard[order]], kind="stable")]
        return order


def drawn_ahead(batches: Batches, start: int, stop: int) -> Iterator[Batch]:
    """The batches of steps `start` to `stop`, made while those before them are computed."""
    with ThreadPoolExecutor(1, "merian-batches") as pool:
        waiting = [pool.submit(batches.draw, step) for step in range(start, min(start + AHEAD, stop))]
        for step in range(start, stop):
            if step + AHEAD < stop:
                waiting.append(pool.submit(batches.draw, step + AHEAD))
            yield waiting.pop(0).result()


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A part before its captions are numbered within the batch."""

    name: str
    images: Numbers
    key: Numbers
    caption: Numbers
    image_path: Numbers
    text_path: Numbers
    level: Numbers
    tokens: NDArray[np.integer[Any]]


def _part(name: str, texts: Texts, rows: Numbers, kinds: Numbers, first: int, settings: TrainSettings) -> _Drawn:
    """The captions of `rows` [m], the images `first`, `first` + 1 ... of the batch, of the kinds `kinds` [m]."""
    of = texts.of[rows]
    drawn = np.where(of >= 0, texts.text[of, kinds], -1)
    key, caption = np.unique(drawn[of >= 0], return_inverse=True)
    whole = np.full(len(rows), -1, np.int64)
    whole[of >= 0] = caption.reshape(-1)
    image_path = np.where(of[:, None] >= 0, texts.path[of], -1)
    level = np.full(len(key), -1, np.int64)
    text_path = texts.path_of(key)
    if name == "bio" and settings.objective == "levels":
        cut, cut_level = texts.cut(np.unique(of))
        key, level = np.concatenate([key, cut]), np.concatenate([level, cut_level])
        text_path = np.concatenate([text_path, texts.path_of(cut)])
    images = np.arange(first, first + len(rows), dtype=np.int64)
    return _Drawn(name, images, key, whole, image_path, text_path, level, texts.tokens(key))


def _classes(texts: Texts, rows: Numbers) -> _Drawn:
    """The part of the class vectors, one a taxon: their rows follow those of all captions, so it must be the last."""
    of, key = texts.of[rows], np.arange(len(texts.path), dtype=np.int64)
    images, none = np.arange(len(rows), dtype=np.int64), np.empty((0, 1), np.int32)
    return _Drawn(CLASSES, images, key, of, texts.path[of], texts.path, np.full(len(key), -1, np.int64), none)


def _balanced(of: Numbers, power: float, rng: np.random.Generator) -> Numbers:
    """As many rows as there are things `of [n]`, drawn so that a row n of whose kind there are comes n^-power times as often, in the order of chance.

    Each row comes as often as it should, rounded up or down by chance: what should come once in a pass does.
    """
    weight = np.bincount(of)[of] ** -power
    until = np.concatenate([[0.0], np.cumsum(weight)]) * (len(of) / weight.sum())
    until[-1] = len(of)  # whatever rounding says
    times = np.diff(np.floor(until + rng.random())).astype(np.int64)
    return rng.permutation(np.repeat(np.arange(len(of)), times)).astype(np.int64)


def _with_others(
    part: _Drawn, texts: Texts, rows: Numbers, kinds: Numbers, most: int, rng: np.random.Generator
) -> _Drawn:
    """The part with captions of up to `most` things that its images do not show, of the kinds that its own have."""
    others = np.setdiff1d(np.arange(len(texts.text)), texts.of[rows])
    others = np.sort(rng.permutation(others)[:most])
    drawn = texts.text[others, rng.choice(kinds, len(others))]
    key = np.setdiff1d(drawn, part.key)
    return replace(
        part,
        key=np.concatenate([part.key, key]),
        text_path=np.concatenate([part.text_path, texts.path_of(key)]),
        level=np.concatenate([part.level, np.full(len(key), -2, np.int64)]),
        tokens=np.concatenate([part.tokens, texts.tokens(key)]),
    )


def _joined(pixels: torch.Tensor, views: Views, drawn: list[_Drawn]) -> Batch:
    """The batch of parts whose captions follow one another."""
    parts, start = [], 0
    for part in drawn:
        texts = torch.arange(start, start + len(part.key))
        start += len(part.key)
        fields = (part.caption, part.image_path, part.text_path, part.key, part.level)
        parts.append(
            Part(
                part.name,
                torch.from_numpy(part.images),
                texts,
                *(torch.from_numpy(np.ascontiguousarray(f)) for f in fields),
            )
        )
    width = max(part.tokens.shape[1] for part in drawn)
    tokens = [np.pad(part.tokens.astype(np.int64), ((0, 0), (0, width - part.tokens.shape[1]))) for part in drawn]
    return Batch(pixels, views, torch.from_numpy(np.concatenate(tokens)), tuple(parts))
