"""A sparse autoencoder: each vector as the sum of a few of many directions, its dictionary, learnt without labels.

The k largest of u activations are kept (Gao et al. 2024, "Scaling and evaluating sparse autoencoders", equations 3 and 4), rows of the dictionary have
length 1, and units that fall silent are set on images that are badly explained (after Bricken et al. 2023, "Towards monosemanticity", appendix on
resampling). In NumPy, with gradients by hand and Adam (Kingma & Ba 2015); the same vectors and seed give the same numbers on the same machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting
from merian.core.progress import track
from merian.core.settings import knob

__all__ = [
    "Autoencoder",
    "ConceptSettings",
    "Weights",
    "agreement",
    "explained",
    "learn",
    "loss_and_slopes",
    "principal_left",
]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Reals = npt.NDArray[np.floating]
BETAS, TINY = (0.9, 0.999), 1e-8
"""Adam's, as its paper has them."""
REVIVALS = 8
"""How often silent units are looked for, in the first part of training."""
SETTLING = 0.6
"""From this share of the steps on none is revived, so that all have time to settle. From taste."""
COOLING = 0.8
"""From this share of the steps on the rate falls to nothing in a straight line. From taste."""


@dataclass(frozen=True, kw_only=True)
class ConceptSettings:
    """How concepts are learnt, and when one is given a name."""

    units: int = knob(128, "Concepts in the dictionary", ge=2, le=65_536)
    active: int = knob(4, "Concepts that may be active in one image", ge=1, le=1024)
    steps: int = knob(3000, "Steps of training", ge=1, le=1_000_000)
    batch: int = knob(256, "Images in a step", ge=2, le=65_536)
    rate: float = knob(1e-3, "Learning rate", gt=0, le=1)
    seeds: int = knob(2, "Dictionaries learnt from different starts, to tell how stable they are", ge=1, le=20)
    fewest: int = knob(8, "Fewest specimens, in and out, of a taxon or state that may name a concept", ge=2)
    shuffles: int = knob(199, "Shuffles of the labels that a name is held against", ge=19, le=9999)
    images: int = knob(10_000, "Most specimens that names are sought among; more are sampled", ge=20)
    gallery: bool = knob(
        False,
        "Keep vectors and credits of the training images too: `merian explain` then finds the nearest without the catalog",
    )
    seed: int = knob(0, "Names all chance", ge=0)


@dataclass(eq=False)
class Weights:
    """What is learnt: reading [d, u] and its bias [u], the dictionary [u, d] and its offset [d]. Altered in place by `learn` alone."""

    reading: Reals
    bias: Reals
    dictionary: Reals
    offset: Reals

    def parts(self) -> tuple[Reals, Reals, Reals, Reals]:
        """All four, in the order of `loss_and_slopes`."""
        return self.reading, self.bias, self.dictionary, self.offset


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """A learnt dictionary. Vectors are centred on `centre` [d] and divided by `scale`, their root mean square, before they are read.

    reading [d, u], bias [u], dictionary [u, d] with rows of length 1, offset [d]; at most `active` units are active at once.
    """

    reading: Floats
    bias: Floats
    dictionary: Floats
    offset: Floats
    centre: Floats
    scale: float
    active: int

    @property
    def units(self) -> int:
        """How many concepts the dictionary holds."""
        return len(self.dictionary)

    def activations(self, vectors: npt.NDArray[np.floating]) -> Floats:
        """Vectors [n, d] -> activations [n, u], at most `active` in a row above zero, none below."""
        seen = (vectors - self.centre) / np.float32(self.scale)
        return _strongest((seen - self.offset) @ self.reading + self.bias, self.active).astype(np.float32)

    def rebuilt(self, activations: npt.NDArray[np.floating]) -> Floats:
        """Activations [n, u] -> vectors [n, d], not of unit length."""
        return np.asarray((activations @ self.dictionary + self.offset) * self.scale + self.centre, np.float32)


def _strongest(values: Reals, active: int) -> Reals:
    """Values [n, u] with all but the `active` largest of a row, and all below zero, set to zero."""
    kept = np.maximum(values, 0)
    if active < values.shape[1]:
        rest = np.argpartition(-kept, active - 1, axis=1)[:, active:]
        np.put_along_axis(kept, rest, 0, axis=1)
    return kept


def loss_and_slopes(weights: Weights, seen: Reals, active: int) -> tuple[float, tuple[Reals, ...], Reals]:
    """The mean squared length of what is left unexplained of `seen` [n, d], its slopes by the four parts of the weights, and the activations [n, u]."""
    read = seen - weights.offset
    kept = _strongest(read @ weights.reading + weights.bias, active)
    left = kept @ weights.dictionary + weights.offset - seen
    outward = 2 / len(seen) * left
    inward = (outward @ weights.dictionary.T) * (kept > 0)
    slopes = (
        read.T @ inward,
        inward.sum(0),
        kept.T @ outward,
        outward.sum(0) - inward.sum(0) @ weights.reading.T,
    )
    return float((left**2).sum(1).mean()), slopes, kept


def learn(vectors: npt.NDArray[np.floating], settings: ConceptSettings, start: int = 0) -> Autoencoder:
    """The Autoencoder of unit vectors [n, d]; `start` numbers the start and the order of the images, for the same settings.

    Raises BadData for fewer vectors than a batch, vectors that are not finite, or that are all the same; BadSetting for more active units than there are.
    """
    if settings.active > settings.units:
        raise BadSetting("active", settings.active, f"must be at most the number of units, {settings.units}")
    if len(vectors) < settings.batch:
        told = f"{len(vectors)} vectors are fewer than one batch of {settings.batch}; give more images or a smaller --batch"
        raise BadData("embeddings", told)
    if not np.isfinite(vectors).all():
        raise BadData("embeddings", "hold numbers that are not finite")
    centre = vectors.mean(0, dtype=np.float64).astype(np.float32)
    seen = np.asarray(vectors, np.float32) - centre
    scale = float(np.sqrt((seen**2).sum(1, dtype=np.float64).mean()))
    if scale < 1e-6:
        raise BadData("embeddings", "are all the same: there is nothing to take apart")
    seen /= np.float32(scale)
    rng = stream(settings.seed, "concepts", start)
    directions = rng.standard_normal((settings.units, seen.shape[1]), np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    none = np.zeros(settings.units, np.float32), np.zeros(seen.shape[1], np.float32)
    weights = Weights(directions.T.copy(), none[0], directions, none[1])
    _train(weights, seen, settings, rng)
    reading, bias, dictionary, offset = (np.asarray(part, np.float32) for part in weights.parts())
    return Autoencoder(reading, bias, dictionary, offset, centre, scale, settings.active)


def _train(weights: Weights, seen: Floats, settings: ConceptSettings, rng: np.random.Generator) -> None:
    """Adam over `settings.steps` batches drawn with replacement."""
    first = [np.zeros_like(part) for part in weights.parts()]
    second = [np.zeros_like(part) for part in weights.parts()]
    fired = np.zeros(settings.units, bool)
    pause = max(1, int(settings.steps * SETTLING) // REVIVALS)
    with track("Learning concepts", settings.steps, "steps") as advance:
        for step in range(1, settings.steps + 1):
            batch = seen[rng.integers(len(seen), size=settings.batch)]
            loss, slopes, kept = loss_and_slopes(weights, batch, settings.active)
            fired |= (kept > 0).any(0)
            along = (slopes[2] * weights.dictionary).sum(1, keepdims=True)
            slopes = (slopes[0], slopes[1], slopes[2] - along * weights.dictionary, slopes[3])
            rate = settings.rate * min(1.0, (1 - step / settings.steps) / (1 - COOLING))
            for part, slope, mean, square in zip(weights.parts(), slopes, first, second, strict=True):
                mean += (1 - BETAS[0]) * (slope - mean)
                square += (1 - BETAS[1]) * (slope**2 - square)
                size = np.sqrt(square / (1 - BETAS[1] ** step)) + TINY
                part -= rate * mean / (1 - BETAS[0] ** step) / size
            weights.dictionary /= np.linalg.norm(weights.dictionary, axis=1, keepdims=True)
            if step % pause == 0 and step <= settings.steps * SETTLING:
                _revive(weights, ~fired, seen, settings, rng)
                for moments in (first, second):
                    moments[0][:, ~fired] = moments[1][~fired] = moments[2][~fired] = 0
                fired[:] = False
            advance(note=f"unexplained {loss:.1%}")


def _revive(
    weights: Weights, silent: npt.NDArray[np.bool_], seen: Floats, settings: ConceptSettings, rng: np.random.Generator
) -> None:
    """Set each silent unit on an image, one drawn in proportion to the square of what is left of it.

    On the image itself, not on what is left of it (as in Bricken et al. 2023): a unit is heard only among the k largest.
    """
    if not silent.any() or silent.all():
        return
    some = seen[rng.integers(len(seen), size=min(len(seen), 16 * settings.batch))] - weights.offset
    kept = _strongest(some @ weights.reading + weights.bias, settings.active)
    lost = ((some - kept @ weights.dictionary) ** 2).sum(1, dtype=np.float64) ** 2
    if not lost.any():
        return
    chosen = some[rng.choice(len(some), int(silent.sum()), p=lost / lost.sum())]
    chosen = chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12)
    weights.dictionary[silent] = chosen
    weights.reading[:, silent] = chosen.T * float(np.linalg.norm(weights.reading[:, ~silent], axis=0).mean())
    weights.bias[silent] = 0


def explained(model: Autoencoder, vectors: npt.NDArray[np.floating]) -> tuple[Doubles, Doubles]:
    """Per vector of [n, d] its squared distance from its rebuilt self, and from the centre: [n] each; one less their ratio of sums is what is explained."""
    left = vectors - model.rebuilt(model.activations(vectors))
    return (left.astype(np.float64) ** 2).sum(1), ((vectors - model.centre).astype(np.float64) ** 2).sum(1)


def principal_left(train: npt.NDArray[np.floating], held: npt.NDArray[np.floating], size: int, active: int) -> Doubles:
    """Per vector of `held` [m, d] its squared distance [m] from what principal components of `train` [n, d] rebuild of it: the yardstick of a dictionary.

    Of the first `size` components each vector takes the `active` in which it is largest, as it does of a dictionary; with `size` equal to `active` these are
    the first components, the same for all.
    """
    centre = train.mean(0, dtype=np.float64)
    spread = train - centre
    _, axes = np.linalg.eigh(spread.T @ spread)
    seen = held - centre
    sizes = np.sort((seen @ axes[:, -size:]) ** 2, axis=1)
    return np.asarray((seen**2).sum(1) - sizes[:, -active:].sum(1), np.float64)


def agreement(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> Doubles:
    """For each direction of one dictionary [u, d] its largest cosine with any of another [w, d]: [u]; the mean is the MMCS of Sharkey et al. (2022)."""
    rows = [x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (one, other)]
    return np.asarray((rows[0] @ rows[1].T).max(1), np.float64)
