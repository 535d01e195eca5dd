"""Linear classifiers on frozen vectors: logistic regressions with an L2 penalty, many at once on one factorisation of the vectors.

The vectors are turned once into their principal axes. There the matrix of second derivatives of every regression is nearly diagonal, whatever its labels
and penalty, so its diagonal is a good preconditioner; L-BFGS (Nocedal 1980, Math. Comp. 35: 773) then needs some tens of steps, each two products of
matrices shared by all regressions, with a line search that costs no product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData

__all__ = ["STRENGTHS", "Axes", "Chosen", "choose", "fit", "log_loss", "logistic", "softmax_rows"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
STRENGTHS = tuple(10.0 ** np.arange(-1.0, -6.5, -0.5))
"""Penalties tried, strongest first, on the squared weights beside the mean loss of an image; vectors then have a mean squared length of 1."""
MEMORY = 8
"""Pairs of steps and gradients that L-BFGS remembers."""
STEPS = 400
KEPT = 1e-7
"""Axes with less than this share of the largest axis's variance carry nothing but rounding."""
PATIENCE = 2
"""Weaker penalties tried in vain before the search of a column ends."""


@dataclass(frozen=True, eq=False)
class Axes:
    """The principal axes of some vectors: mean [d], turn [d, r] (scaled: coordinates have a mean squared length of 1), spread [r + 1] their mean squares.

    The last coordinate is the constant 1.
    """

    mean: Floats
    turn: Floats
    spread: Doubles

    @classmethod
    def of(cls, vectors: Floats) -> Axes:
        """The axes of vectors [n, d]; r is at most d and less than n. Raises BadData when all vectors are the same."""
        mean = vectors.mean(0, dtype=np.float64).astype(np.float32)
        moved = vectors - mean
        variance, turn = np.linalg.eigh((moved.T @ moved).astype(np.float64) / len(vectors))
        if variance[-1] <= 1e-10 * float(mean @ mean):
            raise BadData("training vectors", "are all the same, so nothing tells one image from another")
        kept = variance > float(variance[-1]) * KEPT
        total = float(variance[kept].sum())
        scaled = turn[:, kept] / np.sqrt(total)
        return cls(mean, scaled.astype(np.float32), np.append(variance[kept] / total, 1.0))

    def coordinates(self, vectors: Floats) -> Floats:
        """[n, d] -> [n, r + 1]."""
        turned = np.ones((len(vectors), self.turn.shape[1] + 1), np.float32)
        np.matmul(vectors - self.mean, self.turn, out=turned[:, :-1])
        return turned


def logistic(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """1 / (1 + exp(-logits)), elementwise."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))))


def softmax_rows(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """[n, c] -> [n, c]: rows that sum to 1."""
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def log_loss(logits: npt.NDArray[np.floating], targets: npt.NDArray[np.floating], joint: bool) -> Doubles:
    """The mean negative log-likelihood: of each column [m] of 0/1 targets [n, m]; when `joint` of the rows' classes, the same for all columns."""
    x = np.asarray(logits, np.float64)
    if joint:
        best = x.max(1, keepdims=True)
        total = np.log(np.exp(x - best).sum(1)) + best[:, 0]
        return np.full(x.shape[1], float(np.mean(total - (x * targets).sum(1))))
    return np.asarray((np.logaddexp(0, x) - x * targets).mean(0))


@dataclass(eq=False)
class _State:
    """The regressions that are not yet done: all arrays have one column for each."""

    weights: Doubles
    logits: Floats
    targets: Floats
    penalty: Doubles
    steps: list[Doubles]
    changes: list[Doubles]

    def only(self, columns: npt.NDArray[np.bool_]) -> _State:
        def cut(arrays: list[Doubles]) -> list[Doubles]:
            return [a[:, columns] for a in arrays]

        return _State(
            self.weights[:, columns],
            self.logits[:, columns],
            self.targets[:, columns],
            self.penalty[:, columns],
            cut(self.steps),
            cut(self.changes),
        )


def fit(
    coordinates: Floats,
    targets: Floats,
    penalty: Doubles,
    start: Doubles | None = None,
    joint: bool = False,
    tolerance: float = 1e-6,
) -> Doubles:
    """The weights [r + 1, m] that minimise mean log loss + penalty / 2 |weights|^2 for each column of 0/1 `targets` [n, m] on coordinates [n, r + 1].

    `penalty` [m]; the last weight, of the constant, has none. `joint`: one regression with a softmax over the columns instead of one for each (then all
    penalties are the same). `start` [r + 1, m] where to begin. It ends when no more than about `tolerance` of loss is to be gained.
    """
    n, width = coordinates.shape
    spread = np.einsum("nr,nr->r", coordinates, coordinates, dtype=np.float64) / n
    weights = np.zeros((width, targets.shape[1])) if start is None else start.copy()
    ridge = np.repeat(penalty[None, :], width, 0)
    ridge[-1] = 0.0
    state = _State(weights, coordinates @ weights.astype(np.float32), targets, ridge, [], [])
    live = np.arange(targets.shape[1])
    chance = _probabilities(state.logits, joint)
    gradient = _gradient(coordinates, chance, state)
    for _ in range(STEPS):
        curvature = np.maximum(np.mean(chance * (1 - chance), 0, dtype=np.float64), 1e-6)
        scale = 1 / (spread[:, None] * curvature + state.penalty)
        todo = _dot(gradient, scale * gradient, joint) > 2 * tolerance
        weights[:, live] = state.weights
        if not todo.any():
            break
        if not todo.all():
            live, state, gradient, scale = live[todo], state.only(todo), gradient[:, todo], scale[:, todo]
        direction = _direction(gradient, scale, state, joint)
        chance, length = _searched(coordinates, state, gradient, direction, joint)
        before = gradient
        gradient = _gradient(coordinates, chance, state)
        state.steps.append(length * direction)
        state.changes.append(gradient - before)
        del state.steps[:-MEMORY], state.changes[:-MEMORY]
    return weights


def _probabilities(logits: Floats, joint: bool) -> Floats:
    return np.asarray(softmax_rows(logits) if joint else logistic(logits), np.float32)


def _gradient(coordinates: Floats, chance: Floats, state: _State) -> Doubles:
    slope = (coordinates.T @ (chance - state.targets)).astype(np.float64) / len(coordinates)
    return np.asarray(slope + state.penalty * state.weights)


def _dot(a: Doubles, b: Doubles, joint: bool) -> Doubles:
    """The inner product of each column of a and b, or of the whole, once for each column: [m]."""
    each = np.einsum("rm,rm->m", a, b)
    return np.full(len(each), each.sum()) if joint else np.asarray(each)


def _direction(gradient: Doubles, scale: Doubles, state: _State, joint: bool) -> Doubles:
    """The quasi-Newton direction by the two loops over the remembered pairs (Nocedal 1980)."""
    found, shares = -gradient, []
    for step, change in zip(reversed(state.steps), reversed(state.changes), strict=True):
        along = np.maximum(_dot(step, change, joint), 1e-30)
        share = _dot(step, found, joint) / along
        shares.append((share, along))
        found = found - share * change
    found = scale * found
    for step, change, (share, along) in zip(state.steps, state.changes, reversed(shares), strict=True):
        found = found + (share - _dot(change, found, joint) / along) * step
    downhill = _dot(gradient, found, joint) < 0
    return np.where(downhill, found, -scale * gradient)


def _searched(
    coordinates: Floats, state: _State, gradient: Doubles, direction: Doubles, joint: bool
) -> tuple[Floats, Doubles]:
    """Moves the state along the direction until the slope there is not much above zero: the new probabilities, and how far it went [m].

    The loss is convex, so where the slope is still negative it has fallen; past the valley the secant leads back.
    """
    n = len(coordinates)
    move = coordinates @ direction.astype(np.float32)
    first = _dot(gradient, direction, joint)
    fixed, growing = (
        _dot(state.penalty * state.weights, direction, joint),
        _dot(state.penalty * direction, direction, joint),
    )
    length = np.ones(len(first))
    for _ in range(20):
        logits = state.logits + length.astype(np.float32) * move
        chance = _probabilities(logits, joint)
        slope = np.einsum("nm,nm->m", move, chance - state.targets, dtype=np.float64) / n
        slope = (np.full(len(slope), slope.sum()) if joint else slope) + fixed + length * growing
        beyond = slope > -0.2 * first
        if not beyond.any():
            break
        length = np.where(beyond, length * np.clip(first / (first - slope), 0.05, 0.9), length)
    state.logits, state.weights = logits, state.weights + length * direction
    return chance, length


@dataclass(frozen=True, eq=False)
class Chosen:
    """Regressions whose penalties were chosen on held-out images: axes, weights [r + 1, m], penalty [m], and the held-out loss of each penalty tried."""

    axes: Axes
    weights: Doubles
    penalty: Doubles
    losses: Doubles

    def logits(self, vectors: Floats) -> Doubles:
        """[n, d] -> [n, m]."""
        return np.asarray(self.axes.coordinates(vectors) @ self.weights.astype(np.float32), np.float64)


def choose(vectors: Floats, targets: Floats, part: Ints, held_out: Sequence[int], joint: bool = False) -> Chosen:
    """Regressions of 0/1 targets [n, m] on vectors [n, d], each with the penalty of STRENGTHS that does best on the parts `held_out` of `part` [n].

    Each of these parts is predicted from all other images, from the strongest penalty to ever weaker ones, until that gains a column nothing any more; the
    final regressions are on all images.
    """
    axes = Axes.of(vectors)
    coordinates = axes.coordinates(vectors)
    losses = _path(coordinates, targets, [part == held for held in held_out], joint)
    penalty = np.array(STRENGTHS)[losses.argmin(0)]
    return Chosen(axes, fit(coordinates, targets, penalty, joint=joint), penalty, losses)


def _path(coordinates: Floats, targets: Floats, outs: list[npt.NDArray[np.bool_]], joint: bool) -> Doubles:
    """The mean loss [strengths, m] on each set of images held out [n]; infinite where a column's search had ended."""
    m = targets.shape[1]
    losses = np.full((len(STRENGTHS), m), np.inf)
    live, worse = np.arange(m), np.zeros(m, np.int64)
    weights = [np.zeros((coordinates.shape[1], m)) for _ in outs]
    for k, strength in enumerate(STRENGTHS):
        loss = np.zeros(len(live))
        for f, out in enumerate(outs):
            seen = targets[~out][:, live]
            penalty = np.full(len(live), strength)
            weights[f] = fit(coordinates[~out], seen, penalty, weights[f], joint, tolerance=1e-4)
            logits = coordinates[out] @ weights[f].astype(np.float32)
            loss += log_loss(logits, targets[out][:, live], joint) / len(outs)
        worse = np.where(loss < losses[:, live].min(0), 0, worse + 1)
        losses[k, live] = loss
        going = worse < PATIENCE
        if not going.any():
            break
        live, worse, weights = live[going], worse[going], [w[:, going] for w in weights]
    return losses
