"""The baseline that knows nothing of organisms: histograms of colour and of texture, compared to the mean of each class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.core.vectors import normalise
from merian.encode.descriptor import WIDTH, features

__all__ = ["WIDTH", "features", "nearest_mean"]

Floats = npt.NDArray[np.float32]


def nearest_mean(train: Floats, classes: npt.NDArray[np.integer], queries: Floats) -> npt.NDArray[np.int32]:
    """The class whose mean over the training images [n, d] lies nearest to each query [q, d], after centring: int32 [q]."""
    names, of = np.unique(classes, return_inverse=True)
    centre = train.mean(0)
    unit = normalise(train - centre)
    sums = np.stack([np.bincount(of, column, len(names)) for column in unit.T], 1)
    means = sums / np.bincount(of)[:, None]
    scores = 2 * normalise(queries - centre) @ means.T - (means**2).sum(1)
    return np.asarray(names[scores.argmax(1)], np.int32)
