"""Can the variants be told by a direction? In species that the probe has not seen, and inside one species among specimens that it has not seen.

Told apart is a pair of cases, one of each variant of one species: the chance that the probe puts them in the right order (an AUROC; 0.5 by chance).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.explore.axes import mean_ranks, ridge
from merian.explore.emergence.within import Pairs

__all__ = ["FOLDS", "across", "inside"]

Doubles = npt.NDArray[np.float64]
FOLDS = 10
"""With more species than this, they are left out in so many groups."""


def across(pairs: Pairs, rng: np.random.Generator) -> tuple[Doubles, Doubles] | None:
    """The AUROC in each species [S] of a probe trained on the other species, and the mean over species when variants are dealt anew [p]; None for one species.

    A ridge regression of the variant on the vectors, both less their mean in each species, its penalty by generalised cross-validation (Golub et al. 1979). The
    dealt variants are further columns of the same regression.
    """
    count = len(pairs)
    if count < 2:
        return None
    fold = rng.permutation(count) % min(count, FOLDS)
    n = np.bincount(pairs.species).astype(np.float64)
    x, y = pairs.vectors.copy(), np.where(pairs.dealt.T, 1.0, -1.0)
    for values in (x, y):
        sums = np.stack([values[rows].sum(0) for rows in pairs.slices()])
        values -= (sums / n[:, None])[pairs.species]
    rows = [np.flatnonzero(fold[pairs.species] == f) for f in range(int(fold.max()) + 1)]
    parts = [(x[r].T @ x[r], x[r].T @ y[r], (y[r] ** 2).sum(0)) for r in rows]
    gram, cross, total = (sum(part[k] for part in parts) for k in range(3))
    found = np.empty((count, y.shape[1]))
    slices = list(pairs.slices())
    for f, (own_gram, own_cross, own_total) in enumerate(parts):
        freedom = len(x) - len(rows[f]) - int((fold != f).sum())
        weights = ridge(gram - own_gram, cross - own_cross, total - own_total, freedom)
        for s in np.flatnonzero(fold == f):
            found[s] = _auroc(x[slices[s]] @ weights, pairs.dealt[:, slices[s]].T)
    return found[:, 0], found[:, 1:].mean(0)


def inside(pairs: Pairs) -> Doubles:
    """The AUROC within each species [S] by the direction between the means of its variants, both cases of the pair asked about left out of them.

    Leaving out pairs (Airola et al. 2011, Comput. Stat. Data Anal. 55) is 0.5 on average where variants do not differ, as leaving out one at a time is not.
    """
    found = []
    for rows in pairs.slices():
        x, first = pairs.vectors[rows] - pairs.vectors[rows].mean(0), pairs.first[rows]
        gram = x @ x.T
        i, j = np.flatnonzero(first), np.flatnonzero(~first)
        a, b = gram[i].sum(0), gram[j].sum(0)
        own, cross = np.diag(gram), gram[np.ix_(i, j)]
        near = ((a[i] - own[i])[:, None] - (a[j] - cross)) / (len(i) - 1)
        far = ((b[i][:, None] - cross) - (b[j] - own[j])) / (len(j) - 1)
        score = near - far
        found.append(float((score > 0).mean() + (score == 0).mean() / 2))
    return np.array(found)


def _auroc(scores: Doubles, first: npt.NDArray[np.bool_]) -> Doubles:
    """The AUROC of each column of scores [u, m] for the cases that are `first` [u, m]: [m]."""
    ranks = mean_ranks(scores)
    n1 = first.sum(0)
    return np.asarray(((ranks * first).sum(0) - n1 * (n1 + 1) / 2) / (n1 * (len(scores) - n1)))
