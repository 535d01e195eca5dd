"""Learning species from one or five images, with frozen vectors: SimpleShot (Wang et al. 2019, arXiv 1911.04623), CL2N.

Shown images are centred on their mean, scaled to unit length and averaged per class; a query goes to the nearest average. That is one matrix product
of queries and classes, whatever their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.vectors import normalise

__all__ = ["Draw", "FewShot", "classify", "draw", "run_folds"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draw:
    """Rows shown (`support`) and rows asked about (`query`); `shared` of the classes had too few groups to keep the two apart."""

    support: Ints
    query: Ints
    shared: int


def draw(classes: Ints, groups: Ints, shots: int, rng: np.random.Generator) -> Draw:
    """`shots` images of each class that has more, and its other images as queries.

    Whole groups are drawn, in random order, until there are enough; the rest of a drawn group is left out, unless the class has no other image.
    """
    n = len(classes)
    # one number per (class, group), so that a class's groups come in random order
    _, pair = np.unique(np.stack([classes, groups]), axis=1, return_inverse=True)
    pair = pair.reshape(-1)
    chance = rng.random(int(pair.max(initial=-1)) + 1)
    order = np.lexsort((rng.random(n), chance[pair], classes))
    ordered = classes[order]
    place = np.arange(n) - np.searchsorted(ordered, ordered, "left")
    size = np.searchsorted(ordered, ordered, "right") - np.searchsorted(ordered, ordered, "left")
    able, shown = size > shots, place < shots
    support = order[able & shown]
    drawn = np.zeros(len(chance), bool)
    drawn[pair[support]] = True
    left = able & ~shown
    apart = left & ~drawn[pair[order]]
    lonely = np.setdiff1d(ordered[left], ordered[apart])
    query = order[apart | (left & np.isin(ordered, lonely))]
    return Draw(np.sort(support), np.sort(query), len(lonely))


def classify(support: Floats, classes: Ints, queries: Floats) -> Ints:
    """The class of each query [q, d] by the nearest of the class means of the support [s, d] (CL2N): int [q]."""
    names, of = np.unique(classes, return_inverse=True)
    unit = normalise(support)
    centre = unit.mean(0)
    shown = normalise(unit - centre)
    means = np.stack([np.bincount(of, column, len(names)) for column in shown.T], 1) / np.bincount(of)[:, None]
    asked = normalise(normalise(queries) - centre)
    # |q - c|^2 = |q|^2 - 2 q.c + |c|^2, and |q|^2 is the same for all classes
    return np.asarray(names[(2 * asked @ means.T - (means**2).sum(1)).argmax(1)])


@dataclass(frozen=True, eq=False)
class FewShot:
    """What came out of the folds: per image how often it was asked about [n] and how often answered right [n, sets of vectors]."""

    asked: Doubles
    right: Doubles
    ways: int
    shared: int


def run_folds(
    vectors: Sequence[Floats], classes: Ints, groups: Ints, shots: int, folds: int, seed: int, name: str
) -> FewShot:
    """SimpleShot over `folds` draws, with the very same draws for each set of `vectors` [n, d].

    Draws depend on seed, name, shots and the fold's number alone. `ways` is the number of classes, 0 when fewer than two have more than `shots` images.
    """
    asked, right = np.zeros(len(classes)), np.zeros((len(classes), len(vectors)))
    ways = shared = 0
    for fold in range(folds):
        split = draw(classes, groups, shots, stream(seed, "few-shot", name, shots, fold))
        ways, shared = len(np.unique(classes[split.support])), max(shared, split.shared)
        if ways < 2:
            return FewShot(asked, right, 0, 0)
        asked[split.query] += 1
        for k, space in enumerate(vectors):
            guess = classify(space[split.support], classes[split.support], space[split.query])
            right[split.query, k] += guess == classes[split.query]
    return FewShot(asked, right, ways, shared)
