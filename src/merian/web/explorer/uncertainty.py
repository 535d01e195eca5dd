"""How sure the model is of a photo, by the vectors: the probability it gives the photo's own label, and how far it lies from others of its kind."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.core.tree import RANKS
from merian.core.vectors import normalise
from merian.web.parts import Parts

__all__ = ["WORK", "distances", "probabilities", "rated"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CHUNK = 4096
"""Photos whose vectors are looked at together."""
WORK = 2e11
"""Multiplications that probabilities may take: about ten seconds of a core. Of more photos an even part is rated."""
MOST_RATED = 100_000
"""Photos that are rated at most: each has its own way down the tree. From taste."""
SPECIES = RANKS.index("species")


def rated(parts: Parts, n: int) -> int:
    """Of how many of n photos probabilities are computed; 0 without a model that made the store's vectors."""
    if parts.identifier is None or parts.embeddings is None:
        return 0
    if parts.embeddings.fingerprint != parts.identifier.encoder.fingerprint:
        return 0
    each = len(parts.identifier.head.labels) * parts.embeddings.dim
    return int(min(n, MOST_RATED, WORK / max(each, 1)))


def probabilities(parts: Parts, vector_rows: Ints, taxa: Ints) -> Doubles:
    """The probability that the model gives each photo's own taxon, by the rows of their vectors [n] (-1: none) and their taxa [n] of the catalog's Tree: [n].

    nan where there is no vector, no taxon, or none of the model's names is at or below it.
    """
    found = np.full(len(taxa), np.nan)
    if parts.identifier is None or parts.embeddings is None or parts.catalog is None:
        return found
    head, tree = parts.identifier.head, parts.catalog.tree
    own = np.full(len(tree) + 1, -1, np.int64)
    asked = np.unique(taxa[taxa >= 0])
    own[asked] = asked if head.tree.version == tree.version else head.tree.match(tree.lineages(asked.tolist()))
    labels = np.sort(head.labels)
    mine = own[taxa]
    ends = head.tree.end[np.maximum(mine, 0)]
    named = (mine >= 0) & (np.searchsorted(labels, ends) > np.searchsorted(labels, mine))
    rows = np.flatnonzero(named & (vector_rows >= 0))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        _, masses = head.paths(parts.embeddings.vectors[vector_rows[part]], 1)
        for k, row in enumerate(part.tolist()):
            found[row] = masses.of(k, mine[row : row + 1].astype(np.int32))[0]
    return np.asarray(np.clip(found, 0, 1))


def distances(vectors: Floats, species: Ints) -> Doubles:
    """1 - cosine of each unit vector [n, d] with the mean of the others of its species [n] (-1: none): [n]; nan for the only one of its species."""
    found = np.full(len(vectors), np.nan)
    names, of, counts = np.unique(species, return_inverse=True, return_counts=True)
    sums = np.zeros((len(names), vectors.shape[1]), np.float64)
    for start in range(0, len(vectors), CHUNK):
        np.add.at(sums, of[start : start + CHUNK], vectors[start : start + CHUNK])
    usable = np.flatnonzero((species >= 0) & (counts[of] > 1))
    for start in range(0, len(usable), CHUNK):
        part = usable[start : start + CHUNK]
        others = normalise(sums[of[part]] - vectors[part])
        found[part] = 1 - (others * vectors[part]).sum(1)
    return found
