"""F1 and average precision, of attributes that an image has or has not and of classes of which it has one, each with its bootstrap replicates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merian.evaluate.intervals import BLOCK, Estimate, Resamples, interval

__all__ = ["average_precision", "centred", "class_f1", "f1", "mean_of", "precision_replicates"]

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def f1(truth: Bools, said: Bools, resamples: Resamples) -> tuple[Doubles, Doubles]:
    """F1 = 2 TP / (2 TP + FP + FN) of each attribute, truth and said [n, a]: [a], and its replicates [b, a]; nan where nothing is true.

    An attribute that no image of a replicate has is left out of that replicate: F1 would be 0 whatever was said.
    """
    columns = np.concatenate([truth & said, truth, said], 1)
    point = _f1(*np.split(columns.sum(0, dtype=np.float64), 3))
    return point, _f1(*np.split(resamples.sums(columns), 3, axis=1))


def _f1(both: Doubles, truth: Doubles, said: Doubles) -> Doubles:
    return np.asarray(np.divide(2 * both, truth + said, out=np.full(both.shape, np.nan), where=truth > 0))


def mean_of(point: Doubles, replicates: Doubles) -> tuple[float, Doubles]:
    """The mean over the attributes [a] that have a value, of the estimate and of each replicate [b, a]: a number and [b]; nan where none has."""
    usable = np.isfinite(point)
    if not usable.any():
        return float("nan"), np.full(len(replicates), np.nan)
    kept = replicates[:, usable]
    there = np.isfinite(kept)
    total, number = np.where(there, kept, 0).sum(1), there.sum(1)
    return float(point[usable].mean()), np.divide(total, number, out=np.full(len(kept), np.nan), where=number > 0)


def centred(point: float, replicates: Doubles, n: int) -> Estimate:
    """The percentile interval of replicates [b] moved to centre on the estimate, within 0 and 1: for F1 and average precision.

    Both rise with how common an attribute is. A replicate without an attribute has no value of it, and in the others it is commoner than in the data, so
    with few classes the replicates lie too high as a whole; their spread is right.
    """
    usable = np.isfinite(replicates)
    if not usable.any() or not np.isfinite(point):
        return interval(point, replicates, n)
    moved = np.clip(replicates + (point - replicates[usable].mean()), 0.0, 1.0)
    found = interval(point, moved, n)
    return Estimate(found.value, min(found.low, point), max(found.high, point), n)


def average_precision(truth: Bools, scores: npt.NDArray[np.floating]) -> float:
    """The mean precision over the recalls reached as the threshold falls, truth and scores [n]; equal scores enter together. nan where nothing is true.

    AP = sum over thresholds k of (R_k - R_(k-1)) P_k, without interpolation (Buckley & Voorhees 2000, SIGIR).
    """
    if not truth.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ends = _ends(scores[order])
    hits, seen = np.cumsum(truth[order])[ends], ends + 1.0
    return float((np.diff(hits, prepend=0) * hits / seen).sum() / truth.sum())


def precision_replicates(truth: Bools, scores: npt.NDArray[np.floating], resamples: Resamples) -> Doubles:
    """The average precision in each replicate [b]; nan where nothing is true. A block of replicates at a time bounds the memory.

    Recall rises only where something is true, so only those runs of equal scores are added up.
    """
    order = np.argsort(-scores, kind="stable")
    ends, group = _ends(scores[order]), resamples.group[order]
    true = np.flatnonzero(truth[order])
    if not len(true):
        return np.full(len(resamples.weights), np.nan)
    runs, first = np.unique(np.searchsorted(ends, true), return_index=True)
    last = np.append(first[1:], len(true)) - 1
    parts = []
    for start in range(0, len(resamples.weights), BLOCK):
        # whole numbers far below 2^24: exact in single precision
        weights = resamples.weights[start : start + BLOCK].astype(np.float32)[:, group]
        hits = np.cumsum(weights[:, true], 1, dtype=np.float64)[:, last]
        seen = np.cumsum(weights, 1)[:, ends[runs]]
        gained = np.diff(hits, axis=1, prepend=0) * hits
        total = hits[:, -1]
        shares = np.divide(gained, seen, out=np.zeros_like(gained), where=seen > 0).sum(1)
        parts.append(np.divide(shares, total, out=np.full(len(total), np.nan), where=total > 0))
    return np.concatenate(parts)


def _ends(ordered: npt.NDArray[np.floating]) -> Ints:
    """The last place of each run of equal scores."""
    return np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1).astype(np.int64)


def class_f1(truth: Ints, said: Ints, resamples: Resamples) -> tuple[Ints, Doubles, Doubles]:
    """The classes that occur in `truth` [n] (which are the bootstrap's classes), the F1 of each [k], and the macro-F1 of each replicate [b].

    A class drawn m times counts m times in the mean and is measured among as many strangers as in the data: its own images are weighed by 1/m within
    its F1, for otherwise a class drawn twice would be twice as common and its F1 too high.
    """
    names = np.unique(truth)
    k = len(names)
    true = np.searchsorted(names, truth)
    place = np.minimum(np.searchsorted(names, said), k - 1)
    guess = np.where(names[place] == said, place, k)
    right = true == guess
    both = np.bincount(true[right], minlength=k).astype(np.float64)
    total = np.bincount(true, minlength=k) + np.bincount(guess, minlength=k + 1)[:k]
    by_truth, by_guess = np.argsort(true, kind="stable"), np.argsort(guess, kind="stable")
    starts = np.searchsorted(true[by_truth], np.arange(k))
    bounds = np.searchsorted(guess[by_guess], np.arange(k + 1))
    parts = []
    for start in range(0, len(resamples.weights), BLOCK):
        drawn = resamples.drawn[start : start + BLOCK]
        weights = resamples.weights[start : start + BLOCK][:, resamples.group]
        once = np.maximum(drawn, 1)
        mine = np.add.reduceat(weights[:, by_truth], starts, axis=1) / once
        hits = np.add.reduceat((weights * right)[:, by_truth], starts, axis=1) / once
        wrong = np.pad(np.cumsum((weights * ~right)[:, by_guess], 1), ((0, 0), (1, 0)))
        false = wrong[:, bounds[1:]] - wrong[:, bounds[:-1]]
        each = np.divide(2 * hits, mine + hits + false, out=np.zeros_like(hits), where=mine > 0)
        parts.append((each * drawn).sum(1) / drawn.sum(1))
    return names, 2 * both / total, np.concatenate(parts)
