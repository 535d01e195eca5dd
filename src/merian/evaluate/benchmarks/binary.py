"""Many small binary questions about organisms: NeWT's protocol (Van Horn et al. 2021, CVPR, arXiv 2103.16483), 164 of them, a classifier each.

Published: for each question a search over 100 random support vector classifiers with five folds, 82,000 fits a seed. Here each question has a least-squares
support vector machine (Suykens & Vandewalle 1999, Neural Process. Lett. 9: 293), that is kernel ridge regression of -1 and +1 with a free constant. One
eigendecomposition of a kernel gives the leave-one-out answers for all penalties in closed form (Cawley & Talbot 2004, Neural Networks 17: 1467), so kernel
and penalty are chosen exactly rather than by 500 fits, and nothing is left to chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Mismatch
from merian.core.report import Number
from merian.core.vectors import normalise
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms
from merian.evaluate.filters import wilson

__all__ = ["BinaryTasks", "Separated", "answer_tasks", "separate"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
WIDTHS = (0.25, 0.5, 1.0, 2.0)
"""Gaussian kernels exp(-width |x - y|^2 / median) that are tried beside the linear one; the median is that of the squared distances."""
PENALTIES = 10.0 ** np.arange(-3, 2.25, 0.25)
"""Ridge penalties that are tried, relative to the kernel's mean variance."""


@dataclass(frozen=True, eq=False)
class BinaryTasks:
    """Questions with yes and no: images (their class is the number of their task), answer [n], which images train [n], names and clusters of the tasks [k]."""

    images: Images
    answer: Bools
    train: Bools
    names: tuple[str, ...]
    clusters: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.images)
        if len(self.answer) != n or len(self.train) != n:
            raise Mismatch("images and answers", f"{n} images", f"{len(self.answer)} answers, {len(self.train)} splits")
        if len(self.names) != len(self.clusters):
            raise Mismatch("tasks and clusters", f"{len(self.names)} names", f"{len(self.clusters)} clusters")
        wrong = np.flatnonzero((self.images.classes < 0) | (self.images.classes >= len(self.names)))
        if len(wrong):
            raise BadData("tasks", f"must be numbers below {len(self.names)}", wrong.tolist())


@dataclass(frozen=True, eq=False)
class Separated:
    """A question's classifier on its test images: decision [q] (yes above 0), the kernel and penalty chosen, the leave-one-out share right in training."""

    decision: Doubles
    kernel: str
    penalty: float
    left_out: float


def separate(train: Floats, answer: Bools, test: Floats) -> Separated:
    """Learns yes and no from training vectors [n, d] of which `answer` [n] holds both, and decides on test vectors [q, d].

    Vectors are centred on the training mean, brought to length 1 and standardised by the training images, as published. Memory and time grow as n^2 and n^3.
    """
    seen, asked = _prepared(train, test)
    target = np.where(answer, 1.0, -1.0)
    squares = [np.einsum("nd,nd->n", x, x, dtype=np.float64) for x in (seen, asked)]
    inner = [(x @ seen.T).astype(np.float64) for x in (seen, asked)]
    apart = [np.maximum(s[:, None] + squares[0] - 2 * p, 0.0) for s, p in zip(squares, inner, strict=True)]
    median = float(np.median(apart[0][~np.eye(len(seen), dtype=bool)])) or 1.0
    best, least = None, np.inf
    for name, width in (("linear", 0.0), *((f"gaussian {w:g}", w) for w in WIDTHS)):
        kernel, cross = (np.exp(-width / median * a) for a in apart) if width else inner
        machine = _Machine.of(kernel, target)
        answers = machine.left_out(target)
        # the squared hinge: an answer that is more than sure enough costs nothing
        loss = (np.maximum(0.0, 1 - target[:, None] * answers) ** 2).mean(0)
        k = int(loss.argmin())
        if loss[k] < least:
            least, right = float(loss[k]), float((target * answers[:, k] > 0).mean())
            decision = target.mean() + (cross - kernel.mean(0)) @ machine.dual(k)
            best = Separated(decision, name, float(PENALTIES[k]), right)
    assert best is not None  # the loss is finite for the strongest penalty at least
    return best


@dataclass(frozen=True, eq=False)
class _Machine:
    """The least-squares machine of a centred kernel: axes [n, n - 1] and size [n - 1], parts [n - 1] of the target along them, penalties absolute."""

    axes: Doubles
    size: Doubles
    parts: Doubles
    penalties: Doubles

    @classmethod
    def of(cls, kernel: Doubles, target: Doubles) -> _Machine:
        mean = kernel.mean(0)
        centred = kernel - mean[None, :] - mean[:, None] + mean.mean()
        # the constant has no variance; lifted above all others it is the last axis, and left out
        size, axes = np.linalg.eigh(centred + (np.trace(centred) + 1) / len(kernel))
        size, axes = np.maximum(size[:-1], 0.0), axes[:, :-1]
        penalties = PENALTIES * max(float(size.mean()), np.finfo(np.float64).tiny)
        return cls(axes, size, axes.T @ target, penalties)

    def left_out(self, target: Doubles) -> Doubles:
        """What each image would be answered if it had been left out, by penalty: [n, penalties]."""
        kept = self.penalties / (self.size[:, None] + self.penalties)
        missed = self.axes @ (self.parts[:, None] * kept)
        return np.asarray(target[:, None] - missed / np.maximum(self.axes**2 @ kept, 1e-12))

    def dual(self, k: int) -> Doubles:
        """The weight of each training image [n] under penalty k; they sum to 0."""
        return np.asarray(self.axes @ (self.parts / (self.size + self.penalties[k])))


def _prepared(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    mean = train.mean(0)
    seen, asked = normalise(train - mean), normalise(test - mean)
    centre, spread = seen.mean(0), seen.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    return np.asarray((seen - centre) / spread), np.asarray((asked - centre) / spread)


def answer_tasks(tasks: BinaryTasks, terms: Terms) -> Outcome:
    """The share of test images answered right, each task learnt from its training images alone.

    Numbers: `micro` (over all test images: the published number), `macro` (every task counts the same), `cluster.<name>`, and what the commoner training
    answer reaches. Intervals: bootstrap over tasks and their images. A task whose training images have one answer only, or that has no test image, is left
    out with a remark; BadData when none is left.
    """
    images = tasks.images
    right, usual, scored = np.zeros((3, len(images)))
    rows: list[dict[str, object]] = []
    out: dict[str, list[str]] = {}
    for task, (name, cluster) in enumerate(zip(tasks.names, tasks.clusters, strict=True)):
        mine = images.classes == task
        seen, asked = np.flatnonzero(mine & tasks.train), np.flatnonzero(mine & ~tasks.train)
        answer = tasks.answer[seen]
        reason = _unusable(answer, len(asked))
        row: dict[str, object] = {"task": name, "cluster": cluster, "train": len(seen), "test": len(asked)}
        rows.append(row)
        if reason:
            out.setdefault(reason, []).append(name)
            continue
        found = separate(images.vectors[seen], answer, images.vectors[asked])
        scored[asked] = 1
        right[asked] = (found.decision > 0) == tasks.answer[asked]
        usual[asked] = (answer.mean() > 0.5) == tasks.answer[asked]
        low, high = wilson(int(right[asked].sum()), len(asked))
        row |= {"right": float(right[asked].mean()), "low": low, "high": high, "majority": float(usual[asked].mean())}
        row |= {"left_out": found.left_out, "kernel": found.kernel, "penalty": found.penalty}
    remarks = [f"{len(names)} of {len(tasks.names)} tasks ({_some(names)}): {reason}." for reason, names in out.items()]
    if not scored.any():
        raise BadData("tasks", "none can be scored", remarks or ["there is no image"])
    if images.groups is not None:
        remarks += _leaks(tasks)
    return Outcome(_numbers(tasks, right, usual, scored > 0, terms), remarks, pl.DataFrame(rows, schema=_COLUMNS))


_COLUMNS = {
    "task": pl.String,
    "cluster": pl.String,
    "train": pl.Int64,
    "test": pl.Int64,
    "right": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "majority": pl.Float64,
    "left_out": pl.Float64,
    "kernel": pl.String,
    "penalty": pl.Float64,
}


def _unusable(answer: Bools, asked: int) -> str:
    """Why a task cannot be scored, "" when it can."""
    if answer.all() or not answer.any():
        return "the training images do not show both answers, so nothing is learnt"
    if len(answer) < 4 or min(answer.sum(), (~answer).sum()) < 2:
        return "an answer has a single training image, so no penalty can be chosen"
    return "" if asked else "there is no test image"


def _numbers(tasks: BinaryTasks, right: Doubles, usual: Doubles, scored: Bools, terms: Terms) -> list[Number]:
    resamples = tasks.images.resamples(terms)
    both = np.stack([right, usual], 1)
    counted = np.repeat(scored[:, None], 2, 1)
    used = len(np.unique(tasks.images.classes[scored]))
    numbers = []
    for name, estimates, note in (
        ("micro", resamples.micro(both, counted), f"all test images of {used} tasks together"),
        ("macro", resamples.macro(both, counted), f"mean of {used} tasks"),
    ):
        numbers += [
            terms.number(name, estimates[0], note=note),
            terms.plain(f"{name}.majority", estimates[1].value, estimates[1].n, note="the commoner training answer"),
        ]
    cluster = np.array(tasks.clusters)[tasks.images.classes]
    names = [name for name in dict.fromkeys(tasks.clusters) if (scored & (cluster == name)).any()]
    marks = np.stack([scored & (cluster == name) for name in names], 1)
    estimates = resamples.micro(np.repeat(right[:, None], len(names), 1), marks)
    for name, estimate in zip(names, estimates, strict=True):
        count = len(np.unique(tasks.images.classes[scored & (cluster == name)]))
        numbers.append(terms.number(f"cluster.{name}", estimate, note=f"{count} tasks"))
    return numbers


def _leaks(tasks: BinaryTasks) -> list[str]:
    """A remark when images of one group train and test the same task."""
    pair = np.stack([tasks.images.classes, tasks.images.grouping], 1)
    _, number = np.unique(pair, axis=0, return_inverse=True)
    number = number.reshape(-1)
    leaked = int(np.isin(number[~tasks.train], number[tasks.train]).sum())
    if not leaked:
        return []
    return [
        f"{leaked} of {int((~tasks.train).sum())} test images share a group with a training image of their task: leaked."
    ]


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
