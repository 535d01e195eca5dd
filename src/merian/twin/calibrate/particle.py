"""States by a bootstrap particle filter: many worlds run on, and those that explain what was seen are carried further.

Gordon, Salmond & Smith 1993 (doi:10.1049/ip-f-2.1993.0015), with systematic resampling (Kitagawa 1996, doi:10.1080/10618600.1996.10474692) when the worlds that
count fall below a share of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadData, BadSetting, Mismatch, Unstable
from merian.twin import draws
from merian.twin.foodweb import Doubles, Integers

__all__ = ["Forecast", "Keeping", "LogLikelihood", "Move", "Tracked", "systematic", "tracked"]

Forecast = Callable[[Doubles, int, draws.Key], Doubles]
"""States [m, n] one step on from states [m, n]; the number of the step, and the key of its chance."""
LogLikelihood = Callable[[Doubles, int], Doubles]
"""How well states [m, n] explain what was seen at a step: log densities [m]."""
Move = Callable[[Doubles, int, draws.Key], Doubles]
"""States [m, n] moved at a step by a Markov kernel that leaves what is believed of them as it is."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How worlds are kept apart: resampled where fewer than the share `least` of them count, and moved by `move` behind each weighing.

    What never changes along a course (a parameter) is only ever copied by resampling, and in the end all worlds share a few values of it; a move parts the
    copies again (Gilks & Berzuini 2001, doi:10.1111/1467-9868.00280).
    """

    least: float = 0.5
    move: Move | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 1:
            raise BadSetting("least", self.least, "a share, from 0 to 1")


@dataclass(frozen=True, eq=False)
class Tracked:
    """After each observation: `states` [t, m, n] with `weights` [t, m] (each row sums to 1), the `effective` number of worlds [t] before resampling, and the
    log `evidence` of all that was seen."""

    states: Doubles
    weights: Doubles
    effective: Doubles
    evidence: float

    @property
    def mean(self) -> Doubles:
        """Mean states [t, n]."""
        return np.asarray(np.einsum("tm,tmn->tn", self.weights, self.states))

    def drawn(self, count: int, rng: np.random.Generator) -> Doubles:
        """Equally weighted states [t, count, n]."""
        rows = [
            states[systematic(weights, count, float(rng.uniform()))]
            for states, weights in zip(self.states, self.weights, strict=True)
        ]
        return np.asarray(rows)


def systematic(weights: Doubles, count: int, start: float) -> Integers:
    """Which of the weighted to take, int64 [count]: at `count` even places of the cumulated weights, begun at `start` in [0, 1) of a gap.

    Each is taken count * weight times, rounded up or down. Raises BadData for weights that are no shares.
    """
    if not ((weights >= 0).all() and np.isfinite(weights).all() and weights.sum() > 0):
        raise BadData("weights", "are numbers from 0 on, and not all 0")
    if not 0 <= start < 1:
        raise BadSetting("start", start, "from 0 on and below 1")
    heap = np.cumsum(weights)
    places = (start + np.arange(count)) / count * heap[-1]
    found = np.searchsorted(heap, places, side="right")
    return np.asarray(np.minimum(found, np.flatnonzero(weights)[-1]), np.int64)


def tracked(
    start: Doubles,
    forecast: Forecast,
    likelihood: LogLikelihood,
    steps: int,
    key: draws.Key,
    keep: Keeping = Keeping(),
) -> Tracked:
    """Worlds from `start` [m, n] through `steps` observations, each a forecast and then a weighing; resampled and moved as `keep` says.

    Step 0 is forecast from `start` too. Raises Unstable when no world explains what was seen at a step, or a state is no number.
    """
    states, logs, evidence = np.array(start, float), np.full(len(start), -np.log(len(start))), 0.0
    kept, shares, effective = list[Doubles](), list[Doubles](), list[float]()
    for step in range(steps):
        states = np.asarray(forecast(states, step, draws.branch(key, "forecast", step)), float)
        if not np.isfinite(states).all():
            raise Unstable("particle filter", "state", "all", step)
        seen = np.asarray(likelihood(states, step), float)
        if seen.shape != (len(states),):
            raise Mismatch("worlds and log likelihoods", len(states), seen.shape)
        joint = logs + seen
        top = joint.max()
        if not np.isfinite(top):
            raise Unstable("particle filter", "likelihood", "all (no world explains what was seen)", step)
        total = float(top + np.log(np.exp(joint - top).sum()))
        logs, evidence = joint - total, evidence + total
        weights = np.exp(logs)
        worth = float(1.0 / (weights**2).sum())
        kept.append(states)
        shares.append(weights / weights.sum())
        effective.append(worth)
        if worth < keep.least * len(states):
            chance = draws.uniform(draws.branch(key, "resample"), 0, step, 0)
            states, logs = (
                states[systematic(weights, len(weights), chance)],
                np.full(len(weights), -np.log(len(weights))),
            )
        if keep.move is not None:
            states = keep.move(states, step, draws.branch(key, "move", step))
    return Tracked(np.asarray(kept), np.asarray(shares), np.asarray(effective), evidence)
