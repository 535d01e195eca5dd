"""Steps that a Gibbs sampler of labels cannot make by itself: photos of a common species taken for a rare one, traded against the rare one's density.

Many labels of a rare species may be the rare species, or a common one that is at times taken for it. Sharing out labels with the matrix fixed, and drawing the
matrix with the shares fixed, crosses that ridge in small steps: one photo of nothing in fifty that is called a kudu, known from 500 held-out photos, leaves
9 to 80 independent draws in a thousand sweeps. A trade moves along the ridge at once. For species s taken for r, whose own labels are j and l:

    C_sl -> C_sl + d,    C_sj -> C_sj - d,    D_r -> D_r - d A_s / (G_r C_rl)

with A_s the photos expected of s, G_r those that r would give at density 1, and d normal, its width drawn anew each time. The map has Jacobian 1 and is undone
by -d, so it is accepted by Metropolis' rule (Metropolis et al. 1953, doi:10.1063/1.1699114; Green 1995, doi:10.1093/biomet/82.4.711), labels being Poisson
given the camera factors and what stood behind each summed out.
"""

from __future__ import annotations

import math

import numpy as np

from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles, Integers

__all__ = ["traded"]

TRADES = 60
"""Trades tried in a sweep, of pairs of species by chance. A choice: a round of them costs less than sharing out the labels."""
WIDTHS = (-1.0, 0.5)
"""Log10 of the least and the largest width of a trade, in standard deviations of the held-out share. A choice."""

LEAST = 1e-300
"""No share or mean that rounding made 0 is taken for less."""


def traded(
    labels: Integers,
    effort: Doubles,
    log_density: tuple[Doubles, float, float],
    matrix: Doubles,
    weights: Doubles,
    rng: np.random.Generator,
) -> tuple[Doubles, Doubles]:
    """Log densities [s] and the matrix [s, l] after a round of trades, from `labels` [c, l], `effort` [c, s] (exposure times camera factor), `log_density`
    (where it is, and the mean and sd of what is believed of it) and the Dirichlet `weights` [s, l] of the matrix's rows."""
    species = len(matrix)
    own = np.argmax(weights, axis=1)
    pairs = np.array([(s, r) for s in range(species) for r in range(species) if own[s] != own[r]], np.int64)
    if not len(pairs):
        return log_density[0], matrix
    picked = pairs[rng.integers(len(pairs), size=TRADES)]
    step = rng.standard_normal(TRADES) * 10.0 ** rng.uniform(*WIDTHS, TRADES)
    bar = -rng.standard_exponential(TRADES)
    where, centre, sd = log_density
    row, rows = where.copy(), matrix.copy()
    _tried(labels, effort, (row, rows), weights, (picked, own, step, bar), (centre, sd))
    return row, rows


@compiled
def _tried(
    labels: Integers,
    effort: Doubles,
    state: tuple[Doubles, Doubles],
    weights: Doubles,
    moves: tuple[Integers, Integers, Doubles, Doubles],
    believed: tuple[float, float],
) -> None:
    """Trades one behind another, on the state (log density [s], matrix [s, l]) itself; `moves`: pairs [t, 2], each species' own label, widths, bars."""
    row, matrix = state
    pairs, own, step, bar = moves
    centre, sd = believed
    cameras, kinds = labels.shape
    mean = (effort * np.exp(row)) @ matrix
    total = effort.sum(0)
    for at in range(len(pairs)):
        source, rare = pairs[at]
        gained, given = own[rare], own[source]
        heap = weights[source].sum()
        share = weights[source, gained] / heap
        d = step[at] * math.sqrt(share * (1.0 - share) / (heap + 1.0))
        now, other = matrix[source, gained] + d, matrix[source, given] - d
        was = math.exp(row[rare])
        much = total[rare] * matrix[rare, gained]
        if now <= 0.0 or other <= 0.0 or much <= 0.0:
            continue
        density = was - d * math.exp(row[source]) * total[source] / much
        if density <= 0.0:
            continue
        x = math.log(density)
        gain = (weights[source, gained] - 1.0) * math.log(now / max(matrix[source, gained], LEAST))
        gain += (weights[source, given] - 1.0) * math.log(other / max(matrix[source, given], LEAST))
        # the map keeps volumes of density, and belief is of its logarithm
        gain += 0.5 * ((row[rare] - centre) / sd) ** 2 - 0.5 * ((x - centre) / sd) ** 2 + row[rare] - x
        many = math.exp(row[source])
        new = np.empty((cameras, kinds))
        for camera in range(cameras):
            more, moved = (density - was) * effort[camera, rare], d * many * effort[camera, source]
            for label in range(kinds):
                value = mean[camera, label] + more * matrix[rare, label]
                if label == gained:
                    value += moved
                elif label == given:
                    value -= moved
                new[camera, label] = value
                gain -= value - mean[camera, label]
                if labels[camera, label] > 0:
                    gain += labels[camera, label] * math.log(max(value, LEAST) / max(mean[camera, label], LEAST))
        if gain >= bar[at]:
            row[rare], matrix[source, gained], matrix[source, given] = x, now, other
            mean[:] = new
