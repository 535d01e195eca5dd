"""What a classifier makes of what it is shown: recorded labels as a mix of species through a confusion matrix.

Rows of the matrix are what was there, columns what was said; "unknown" is a label of its own and is never given to the nearest species. The matrix is known
only from held-out photos that people named: each row has a Dirichlet distribution, whose counts are those photos and a weak prior (Gelman et al. 2013,
Bayesian Data Analysis, section 3.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles, Integers

__all__ = ["EMPTY", "UNKNOWN", "Confusion", "dirichlet", "recorded", "with_empty"]

UNKNOWN = "unknown"
"""The label of what the classifier would not name."""
EMPTY = "empty"
"""The label of a photo of nothing, and what is there in one: a row of the matrix as a species has one, for wind in the grass is at times taken for a kudu."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """What was said of photos of known species: `species` [s] that were there, `labels` [l] that were said (the last is "unknown"), `photos` int64 [s, l].

    `prior`: pseudo-photos of each label in each row; the default 1 / l is one in all (Perks 1947). It lets an error that no held-out photo showed happen.
    """

    species: tuple[str, ...]
    labels: tuple[str, ...]
    photos: Integers
    prior: float = field(default=-1.0)

    def __post_init__(self) -> None:
        if self.prior < 0:
            object.__setattr__(self, "prior", 1.0 / max(len(self.labels), 1))
        if self.photos.shape != (len(self.species), len(self.labels)):
            raise Mismatch(
                "photos and their species and labels", self.photos.shape, (len(self.species), len(self.labels))
            )
        for name, words in (("species", self.species), ("label", self.labels)):
            if len(set(words)) < len(words):
                raise BadData(
                    "confusion matrix",
                    f"a {name} comes once",
                    sorted({word for word in words if words.count(word) > 1}),
                )
        if not self.labels or self.labels[-1] != UNKNOWN:
            raise BadData(
                "confusion matrix", f"its last label is {UNKNOWN!r}: what is not named has a place of its own"
            )
        lost = [name for name in self.species if name not in self.labels]
        if lost:
            raise BadData("confusion matrix", "each species has a label", lost)
        if (self.photos < 0).any():
            raise BadData("confusion matrix", "counts photos, none below 0")
        bare = (self.photos.sum(1) == 0) & (self.prior == 0)
        if bare.any():
            raise BadData("confusion matrix", "each species has held-out photos or a prior above 0")

    @classmethod
    def of(cls, truth: Sequence[str], said: Sequence[str], species: Sequence[str]) -> Confusion:
        """The matrix of held-out photos: what each showed and what was said of it; `species` gives the rows and, with "unknown", the columns.

        A label that is none of them is a refusal to name one of them: it counts as "unknown". Raises BadData for a photo of another species.
        """
        if len(truth) != len(said):
            raise Mismatch("what photos show and what was said", len(truth), len(said))
        rows, labels = {name: at for at, name in enumerate(species)}, (*species, UNKNOWN)
        strange = sorted(set(truth) - set(rows))
        if strange:
            raise BadData("held-out photos", f"show one of {', '.join(species)}", strange)
        photos = np.zeros((len(species), len(labels)), np.int64)
        for was, name in zip(truth, said, strict=True):
            photos[rows[was], rows.get(name, len(species))] += 1
        return cls(tuple(species), labels, photos)

    @property
    def weights(self) -> Doubles:
        """Parameters of the rows' Dirichlet distributions: float64 [s, l]."""
        return np.asarray(self.photos + self.prior, float)

    @property
    def mean(self) -> Doubles:
        """The expected matrix, rows summing to 1: float64 [s, l]."""
        return np.asarray(self.weights / self.weights.sum(1, keepdims=True))

    def drawn(self, rng: np.random.Generator) -> Doubles:
        """A matrix from its distribution: float64 [s, l]."""
        return dirichlet(self.weights, rng)


def with_empty(exposure: Doubles, days: npt.ArrayLike) -> Doubles:
    """Exposure [..., s + 1] whose last column is that of empty frames, of the exposure [..., s] of animals and the `days` [...] that each camera was out.

    What animals km-2 are of a species is then the rate of false triggers, per camera and day: the same operator, scatter over cameras and matrix.
    """
    out = np.asarray(days, float)
    if exposure.shape[:-1] != out.shape:
        raise Mismatch("exposure and days of cameras", exposure.shape[:-1], out.shape)
    return np.concatenate([exposure, out[..., None]], axis=-1)


def dirichlet(weights: Doubles, rng: np.random.Generator) -> Doubles:
    """A row from each Dirichlet distribution: float64 [s, l]. A row whose gammas all vanish (tiny weights) puts everything on one of them, by its weight."""
    gammas = rng.standard_gamma(weights)
    dead = gammas.sum(1) == 0
    for at in np.flatnonzero(dead):
        gammas[at, rng.choice(weights.shape[1], p=weights[at] / weights[at].sum())] = 1.0
    return np.asarray(gammas / gammas.sum(1, keepdims=True))


def recorded(shown: npt.ArrayLike, matrix: npt.ArrayLike, key: draws.Key) -> Integers:
    """Recorded labels int64 [c, l] of `shown` int64 [c, s] photos at each camera, each named by itself through `matrix` [s, l] with rows that sum to 1.

    The chance of a photo is drawn by (photo, camera, species): more photos of one species leave the names of all others as they were.
    """
    photos, rows = np.asarray(shown, np.int64), np.asarray(matrix, float)
    if photos.ndim != 2 or rows.ndim != 2 or photos.shape[1] != len(rows):
        raise Mismatch("photos by species and rows of the matrix", photos.shape, rows.shape)
    if not ((rows >= 0).all() and np.allclose(rows.sum(1), 1.0, atol=1e-9)):
        raise BadData("confusion matrix", "its rows are shares that sum to 1")
    return _named(key, photos, np.cumsum(rows, axis=1))


@compiled
def _named(key: draws.Key, photos: Integers, below: Doubles) -> Integers:
    """Each photo's label is the first whose cumulated share lies above its uniform."""
    cameras, species = photos.shape
    labels = below.shape[1]
    out = np.zeros((cameras, labels), np.int64)
    for camera in range(cameras):
        for kind in range(species):
            for photo in range(photos[camera, kind]):
                chance, label = draws.uniform(key, photo, camera, kind), 0
                while label < labels - 1 and chance >= below[kind, label]:
                    label += 1
                out[camera, label] += 1
    return out
