"""What may be answered without examples: classes by the vectors of their texts, and where they stand in a taxonomy."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.core.tree import Tree
from merian.core.vectors import Clades, normalise
from merian.evaluate.benchmarks.outcome import Images
from merian.identify.calibrate import softmax

__all__ = ["CELLS", "Candidates", "class_vectors", "scored"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
CELLS = 4_000_000
"""Cosines held at once."""


def class_vectors(texts: Floats, owner: Ints, names: Sequence[str]) -> Floats:
    """One unit vector for each class [c, d]: the mean of the unit vectors of its texts, at length 1 (Radford et al. 2021, arXiv 2103.00020, section 3.1.4).

    texts [s, d] in any order, owner [s] the class of each. Raises BadData for vectors that are not finite or are zero, and for a class
    without a text or whose texts cancel out.
    """
    if len(texts) != len(owner):
        raise Mismatch("texts and classes", f"{len(texts)} texts", f"{len(owner)} owners")
    lengths = np.linalg.norm(texts, axis=1)
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(wrong):
        raise BadData(
            "texts",
            "their vectors must be finite and not zero: embed them again",
            [names[c] for c in owner[wrong].tolist()],
        )
    total = np.zeros((len(names), texts.shape[1]))
    np.add.at(total, owner, normalise(texts).astype(np.float64))
    without = np.flatnonzero(np.linalg.norm(total, axis=1) < 1e-6)
    if len(without):
        raise BadData("classes", "have no text, or texts that cancel out", [names[c] for c in without.tolist()])
    return normalise(total)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Classes: names [c], unit vectors [c, d], the model's logit scale; where a `tree` is known the taxon of each [c], -1 for none.

    Several classes may be of one taxon. Raises Mismatch for unequal lengths, BadData for fewer than two classes or one without a name.
    """

    names: tuple[str, ...]
    vectors: Floats
    scale: float
    tree: Tree | None = None
    taxa: npt.NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        if len(self.names) != len(self.vectors):
            raise Mismatch("names and vectors of classes", f"{len(self.names)} names", f"{len(self.vectors)} vectors")
        if len(self.names) < 2:
            raise BadData("classes", f"{len(self.names)} leave nothing to choose from: two are needed")
        empty = [c for c, name in enumerate(self.names) if not name.strip()]
        if empty:
            raise BadData("classes", "have no name, so no text can ask for them", empty)
        if (self.tree is None) != (self.taxa is None) or (self.taxa is not None and len(self.taxa) != len(self.names)):
            raise Mismatch("classes and taxa", f"{len(self.names)} classes", "a tree and a taxon for each are needed")

    @functools.cached_property
    def clades(self) -> Clades | None:
        """The taxa of the classes, each once, in the order of `placed`; None without a tree or without a taxon."""
        if self.tree is None or self.taxa is None or not (self.taxa >= 0).any():
            return None
        return Clades(self.tree, np.unique(self.taxa[self.taxa >= 0]).astype(np.int32))

    def by_taxon(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """[n, c] probabilities of the classes -> [n, t] of the taxa of `clades`: sums over classes of one taxon, classes without taxon left out."""
        assert self.clades is not None
        assert self.taxa is not None
        placed = np.flatnonzero(self.taxa >= 0)
        order = placed[np.argsort(self.taxa[placed], kind="stable")]
        starts = np.searchsorted(self.taxa[order], self.clades.labels)
        return np.asarray(np.add.reduceat(probabilities[:, order], starts, axis=1))


def scored(images: Images, candidates: Candidates) -> Iterator[tuple[slice, Floats, npt.NDArray[np.float64]]]:
    """Rows of the images, a block at a time, with their cosines [b, c] and probabilities [b, c]: softmax(scale * cosine)."""
    widths = [f"{vectors.shape[1]} dimensions" for vectors in (images.vectors, candidates.vectors)]
    if widths[0] != widths[1]:
        raise Mismatch("images and classes", widths[0], widths[1], "embed both with one model")
    size = max(1, CELLS // len(candidates.names))
    units = images.units
    for start in range(0, len(images), size):
        rows = slice(start, min(start + size, len(images)))
        cosines = units[rows] @ candidates.vectors.T
        yield rows, cosines, softmax(candidates.scale * cosines)
