"""What every protocol takes and hands back: images with cached vectors, the name and seed of a measurement, its numbers, remarks and table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch, Missing, nearest
from merian.core.report import Number
from merian.core.vectors import normalise
from merian.evaluate.filters import wilson
from merian.evaluate.intervals import Estimate, Resamples
from merian.evaluate.samples import number

__all__ = ["Images", "Outcome", "Terms", "partition", "same_width", "shared_groups"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Under which `name` numbers are made (the first part of theirs, and of their chance), under which heading, with what seed and how many replicates.

    fixed: the classes are all there are (two sexes), not a sample of more, so a bootstrap holds them as they are.
    """

    name: str
    group: str = ""
    seed: int = 0
    resamples: int = 1000
    fixed: bool = False

    def chance(self, *words: str | int) -> np.random.Generator:
        """The stream of this measurement called by `words`."""
        return stream(self.seed, "benchmark", self.name, *words)

    def number(self, name: str, estimate: Estimate, unit: str = "share", note: str = "") -> Number:
        """An estimate as the Number `<task>.<name>`.

        Where all cases are right, or none, no resample differs: the interval is then Wilson's for so many cases.
        """
        if unit == "share" and estimate.n and estimate.low == estimate.high and estimate.value in (0.0, 1.0):
            low, high = wilson(round(estimate.value * estimate.n), estimate.n)
            estimate = Estimate(estimate.value, low, high, estimate.n)
            note = f"{note}; Wilson's interval, as no resample differs".removeprefix("; ")
        return number(f"{self.name}.{name}", estimate, self.group or self.name, unit, note)

    def plain(self, name: str, value: float, n: int, unit: str = "share", note: str = "") -> Number:
        """A Number without an interval: a chance level, a count."""
        return Number(f"{self.name}.{name}", float(value), unit=unit, n=n, note=note, group=self.group or self.name)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a protocol found: Numbers, what a person must know, and a row for each class, attribute or task."""

    numbers: list[Number]
    remarks: list[str]
    table: pl.DataFrame

    def __getitem__(self, name: str) -> Number:
        for found in self.numbers:
            if found.name == name:
                return found
        close = nearest(name, (n.name for n in self.numbers))
        raise Missing(f"the number {name!r}", "the outcome", f"nearest: {', '.join(close) or 'none'}")


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one set: vectors [n, d] as they were cached, the class of each [n] (species, state or task: what a bootstrap draws; -1 unknown), groups [n].

    Images of one group (specimen, observation, plant) are not independent: they are drawn together and never divided between training and validation. None
    makes each image its own group. Raises BadData for vectors that are not finite or are zero, naming the rows; Mismatch for unequal lengths.
    """

    vectors: Floats
    classes: Ints
    groups: Ints | None = None

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.classes) != len(self.vectors):
            raise Mismatch("vectors and classes", f"shape {self.vectors.shape}", f"{len(self.classes)} classes")
        if self.groups is not None and len(self.groups) != len(self.vectors):
            raise Mismatch("vectors and groups", f"{len(self.vectors)} vectors", f"{len(self.groups)} groups")
        lengths = np.linalg.norm(self.vectors, axis=1)
        wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
        if len(wrong):
            raise BadData(
                "vectors", "must be finite and not zero: embed the images of these rows again", wrong.tolist()
            )

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def units(self) -> Floats:
        """The vectors at length 1: [n, d]."""
        return normalise(self.vectors)

    @property
    def grouping(self) -> Ints:
        """The group of each image, its own number where there are none: [n]."""
        return np.arange(len(self), dtype=np.int64) if self.groups is None else self.groups

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Images:
        """The images of these rows, given by number or marked."""
        return Images(self.vectors[rows], self.classes[rows], None if self.groups is None else self.groups[rows])

    def resamples(self, terms: Terms, *words: str | int) -> Resamples:
        """The bootstrap of these images: classes with replacement (once each where they are fixed), then the groups of each."""
        rng = terms.chance("bootstrap", *words)
        return Resamples.draw(self.classes, self.grouping, rng, terms.resamples, terms.fixed)


def same_width(first: Images, second: Images) -> None:
    """Raise Mismatch unless the vectors of both have as many dimensions, BadData when one holds no image."""
    for which, images in (("training", first), ("test", second)):
        if not len(images):
            raise BadData(f"{which} images", "there is none")
    widths = [f"{images.vectors.shape[1]} dimensions" for images in (first, second)]
    if widths[0] != widths[1]:
        raise Mismatch("training and test vectors", widths[0], widths[1], "embed both with one model")


def shared_groups(train: Images, test: Images) -> list[str]:
    """A remark when images of one group stand on both sides, which makes a score too good; none without groups."""
    if train.groups is None or test.groups is None:
        return []
    leaked = int(np.isin(test.groups, train.groups).sum())
    if not leaked:
        return []
    return [f"{leaked} of {len(test)} test images share a group (specimen, observation) with training images: leaked."]


def partition(images: Images, parts: int, rng: np.random.Generator) -> Ints:
    """Deals whole groups to `parts` nearly equal parts, class after class in random order: the part of each image [n], 0 to parts - 1.

    Every part gets its share of each class as far as groups allow. A group belongs to the class of its first image. Raises BadData when there are fewer
    groups than parts.
    """
    names, first, of = np.unique(images.grouping, return_index=True, return_inverse=True)
    if len(names) < parts:
        raise BadData("groups", f"{len(names)} cannot be divided into {parts} parts: whole groups stay together")
    kinds, kind = np.unique(images.classes[first], return_inverse=True)
    order = np.lexsort((rng.random(len(names)), rng.random(len(kinds))[kind]))
    sizes = np.bincount(of, minlength=len(names))
    filled, dealt = np.zeros(parts), np.empty(len(names), np.int64)
    for group in order.tolist():
        dealt[group] = int(filled.argmin())
        filled[dealt[group]] += sizes[group]
    return np.asarray(dealt[of])
