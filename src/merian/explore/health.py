"""Healthy and diseased leaves: one direction that tells them apart, tested on images it was not made from, and one at right angles to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.explore.neighbours import finite

__all__ = ["Leaves", "Telling", "auroc", "leaves"]

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
FOLDS = 5
REPLICATES = 1000


@dataclass(frozen=True, slots=True)
class Telling:
    """How well a crop's diseased leaves are told from its healthy ones: AUROC with its 95 % interval (None: fewer than five groups of a state), and their
    numbers."""

    crop: str
    auroc: tuple[float, float, float] | None
    healthy: int
    diseased: int


@dataclass(frozen=True, eq=False)
class Leaves:
    """Images of leaves in two dimensions.

    health [n], along the direction from diseased to healthy, in its standard deviations, each image measured by a direction made without its fold;
    other [n], the first principal component of what stands at right angles to the direction; diseased [n] and crops [n]; tellings, one a crop; pooled, the
    AUROC of comparisons within crops over all of them (None: no crop has one).
    """

    health: Doubles
    other: Doubles
    diseased: Bools
    crops: tuple[str, ...]
    tellings: tuple[Telling, ...]
    pooled: tuple[float, float, float] | None


def auroc(positive: Doubles, negative: Doubles) -> float:
    """The share of pairs in which the positive [p] scores above the negative [m], ties as half (Mann & Whitney 1947)."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left") + np.searchsorted(order, positive, "right")
    return float(below.sum() / (2 * len(positive) * len(negative)))


def leaves(
    vectors: npt.NDArray[np.floating],
    diseased: Sequence[bool],
    crops: Sequence[str],
    rng: np.random.Generator,
    groups: Sequence[str] | None = None,
    replicates: int = REPLICATES,
) -> Leaves:
    """The Leaves of vectors [n, d] with their state [n] and crop [n].

    The direction is the mean, over crops with both states, of the unit difference of their means, so that no crop weighs more for its number of images or
    stands for health itself. `groups` [n] (a leaf, a plant, a burst; None: each image its own) are never divided between the five folds, and are what the
    bootstrap of the intervals draws, within crop and state. Raises Mismatch for lengths that differ, BadData for vectors that are not numbers and when no
    crop has ten groups in each state.
    """
    n = len(vectors)
    if not n == len(diseased) == len(crops) == (n if groups is None else len(groups)):
        raise Mismatch("vectors and labels", f"{n} vectors", f"{len(diseased)} states, {len(crops)} crops")
    finite(vectors, "vectors", "vectors")
    z, ill = np.asarray(vectors, np.float64), np.asarray(diseased, bool)
    names, of_crop = np.unique(np.asarray(crops), return_inverse=True)
    _, of_group = np.unique(np.arange(n) if groups is None else np.asarray(groups), return_inverse=True)
    many = [
        [len(np.unique(of_group[(of_crop == c) & (ill == state)])) for state in (False, True)]
        for c in range(len(names))
    ]
    if not any(min(pair) >= 2 * FOLDS for pair in many):
        counts = [f"{name}: {h} healthy, {d} diseased" for name, (h, d) in zip(names, many, strict=True)]
        raise BadData("leaves", f"no crop has {2 * FOLDS} groups of images in each state: no direction to test", counts)
    fold = rng.permutation(int(of_group.max()) + 1)[of_group] % FOLDS
    health = np.empty(n)
    for held in range(FOLDS):
        own = fold == held
        direction, centre, spread = _direction(z[~own], ill[~own], of_crop[~own])
        health[own] = ((z[own] - centre) @ direction) / spread
    direction, centre, _ = _direction(z, ill, of_crop)
    rest = z - centre
    rest -= np.outer(rest @ direction, direction)
    axis = np.linalg.svd(rest, full_matrices=False)[2][0]
    axis = axis * (-1 if axis[np.abs(axis).argmax()] < 0 else 1)
    tellings, pooled = _tellings(health, ill, of_crop, of_group, (rng, replicates))
    by_crop = tuple(Telling(str(name), *found) for name, found in zip(names, tellings, strict=True))
    return Leaves(health, rest @ axis, ill, tuple(str(c) for c in crops), by_crop, pooled)


def _direction(z: Doubles, ill: Bools, of_crop: npt.NDArray[np.integer]) -> tuple[Doubles, Doubles, float]:
    """The unit direction [d] from diseased to healthy, the middle between the states' means over crops [d], and the standard deviation along it within them."""
    apart, middles, left = [], [], []
    for crop in np.unique(of_crop):
        states = [z[(of_crop == crop) & (ill == state)] for state in (False, True)]
        if not all(len(s) for s in states):
            continue
        healthy, sick = (s.mean(0) for s in states)
        apart.append((healthy - sick) / max(float(np.linalg.norm(healthy - sick)), 1e-12))
        middles.append((healthy + sick) / 2)
        left += [s - s.mean(0) for s in states]
    direction = np.mean(apart, 0)
    direction = direction / max(float(np.linalg.norm(direction)), 1e-12)
    spread = float((np.concatenate(left) @ direction).std())
    return direction, np.mean(middles, 0), max(spread, 1e-12)


_Told = tuple[tuple[float, float, float] | None, int, int]


def _tellings(
    health: Doubles,
    ill: Bools,
    of_crop: npt.NDArray[np.integer],
    of_group: npt.NDArray[np.integer],
    chance: tuple[np.random.Generator, int],
) -> tuple[list[_Told], tuple[float, float, float] | None]:
    """AUROC with interval, numbers of healthy and diseased images per crop; and the mean over crops weighted by their pairs."""
    found: list[_Told] = []
    rng, times = chance
    values, weights, again = [], [], []
    for crop in range(int(of_crop.max()) + 1):
        well, sick = (np.flatnonzero((of_crop == crop) & (ill == state)) for state in (False, True))
        if min(len(np.unique(of_group[state])) for state in (well, sick)) < FOLDS:  # too few for an interval
            found.append((None, len(well), len(sick)))
            continue
        value = auroc(health[well], health[sick])
        draws = [(_drawn(well, of_group, rng), _drawn(sick, of_group, rng)) for _ in range(times)]
        replicates = np.array([auroc(health[a], health[b]) for a, b in draws])
        found.append(((value, *_ends(replicates)), len(well), len(sick)))
        values.append(value)
        weights.append(len(well) * len(sick))
        again.append(replicates)
    if not values:
        return found, None
    pooled = float(np.average(values, weights=weights))
    return found, (pooled, *_ends(np.average(again, axis=0, weights=weights)))


def _ends(replicates: Doubles) -> tuple[float, float]:
    low, high = np.quantile(replicates, [0.025, 0.975])
    return float(low), float(high)


def _drawn(
    rows: npt.NDArray[np.integer], of_group: npt.NDArray[np.integer], rng: np.random.Generator
) -> npt.NDArray[np.integer]:
    """Rows again, their groups drawn with replacement."""
    order = rows[np.argsort(of_group[rows], kind="stable")]
    _, starts, sizes = np.unique(of_group[order], return_index=True, return_counts=True)
    chosen = rng.integers(len(starts), size=len(starts))
    if len(starts) == len(order):
        return np.asarray(order[chosen])
    return np.concatenate([order[starts[g] : starts[g] + sizes[g]] for g in chosen])
