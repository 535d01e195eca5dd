"""Attributes of an organism from its vector, several at once: FishNet's protocol (Khan et al. 2023, ICCV) without its faults.

Published: Linear(d, 512), Dropout, Linear(512, attributes) on frozen features, by Adam, with "yes" from a logit of 0.5. Between the two layers
there is no nonlinearity, so what is learnt is one linear map of rank at most 512 with a particular noise as its penalty: with fewer than 512 attributes any
linear map can be had. Here it is fitted for what it is: one logistic regression for each attribute with an L2 penalty chosen on held-out training images, which
has one optimum, no learning rate, no number of epochs and no seed. "Yes" is a probability of at least one half; the published rule (a logit above
0.5, which is p > 0.622 and costs recall) is measured beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Mismatch
from merian.evaluate.benchmarks.linear import choose, logistic
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms, partition, same_width, shared_groups
from merian.evaluate.benchmarks.precision import average_precision, centred, f1, mean_of, precision_replicates

__all__ = ["PARTS", "PUBLISHED_LOGIT", "Read", "attributes", "checked", "measured", "read_attributes"]

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
PARTS = 5
"""The training images are divided into so many parts; penalties are chosen on held-out ones."""
PUBLISHED_LOGIT = 0.5
"""The published code says yes above this logit, not above 0."""


@dataclass(frozen=True, eq=False)
class Read:
    """Attributes as they were read off test images: chances [n, a], penalty [a] (nan where the training images are all alike), prevalence [a] in training."""

    chances: Doubles
    penalty: Doubles
    prevalence: Doubles

    @property
    def learnt(self) -> Bools:
        """Which attributes both occur and lack among the training images [a]."""
        return np.isfinite(self.penalty)


def read_attributes(
    train: Images, values: Bools, test: Images, held_out: Sequence[int], rng: np.random.Generator
) -> Read:
    """One penalised logistic regression for each of the attributes `values` [n, a] of `train`, applied to `test`.

    Penalties are chosen on the parts `held_out` of PARTS, in which whole groups stand. An attribute that all training images share gets that
    share as its chance.
    """
    prevalence = values.mean(0)
    varied = (prevalence > 0) & (prevalence < 1)
    chances = np.repeat(prevalence[None, :], len(test), 0)
    penalty = np.full(values.shape[1], np.nan)
    if varied.any():
        found = choose(train.vectors, values[:, varied].astype(np.float32), partition(train, PARTS, rng), held_out)
        chances[:, varied] = logistic(found.logits(test.vectors))
        penalty[varied] = found.penalty
    return Read(chances, penalty, prevalence)


def attributes(
    train: Images,
    train_values: npt.NDArray[np.generic],
    test: Images,
    test_values: npt.NDArray[np.generic],
    names: Sequence[str],
    terms: Terms,
) -> Outcome:
    """How well attributes [n, a] (0 or 1) of test images are told after learning them from training images.

    Numbers: `all_correct` (all attributes of an image right: the published accuracy), `macro_f1`, `mean_ap`, each beside what saying the same of every image
    reaches, and `all_correct.published_rule`; per attribute F1, average precision and share right with intervals in the table. Intervals: bootstrap over
    the test images' classes (species) and groups. Raises BadData for values other than 0 and 1, for unequal widths, or when no attribute can be learnt.
    """
    same_width(train, test)
    known, truth = checked(train_values, len(train), names), checked(test_values, len(test), names)
    read = read_attributes(train, known, test, (0,), terms.chance("parts"))
    if not read.learnt.any():
        raise BadData("attributes", "all training images have the same of each: nothing can be learnt", list(names))
    found = measured(read, truth, test, names, terms)
    resamples = test.resamples(terms)
    usual = _usual(known)
    rows = {
        "all_correct": ((read.chances >= 0.5) == truth).all(1),
        "all_correct.published_rule": ((read.chances > logistic(np.array(PUBLISHED_LOGIT))) == truth).all(1),
        "all_correct.majority": (truth == usual).all(1),
    }
    notes = ("all attributes of an image right", "yes only above a logit of 0.5", "the commonest answers for all")
    estimates = resamples.micro(np.stack(list(rows.values()), 1))
    numbers = [terms.number(n, e, note=w) for n, e, w in zip(rows, estimates, notes, strict=True)]
    return Outcome(numbers + found.numbers, shared_groups(train, test) + found.remarks, found.table)


def checked(values: npt.NDArray[np.generic], n: int, names: Sequence[str]) -> Bools:
    """Values as booleans [n, a]; raises Mismatch for another shape and BadData for anything but 0 and 1, naming rows and attribute."""
    if values.shape != (n, len(names)):
        raise Mismatch("images and attributes", f"{n} images, {len(names)} names", f"values of shape {values.shape}")
    wrong = np.argwhere((values != 0) & (values != 1))
    if len(wrong):
        cells = [f"row {i}, {names[a]}: {values[i, a]}" for i, a in wrong[:10].tolist()]
        raise BadData(
            "attributes", f"must be 0 or 1, and {len(wrong)} are not: leave out images of which one is unknown", cells
        )
    return np.asarray(values == 1)


def measured(read: Read, truth: Bools, test: Images, names: Sequence[str], terms: Terms) -> Outcome:
    """Macro-F1, mean average precision and the table of what was read, against the truth [n, a]."""
    resamples = test.resamples(terms)
    said = read.chances >= 0.5
    f1_point, f1_draws = f1(truth, said, resamples)
    pairs = list(zip(truth.T, read.chances.T, strict=True))
    ap_point = np.array([average_precision(t, c) for t, c in pairs])
    ap_draws = np.stack([precision_replicates(t, c, resamples) for t, c in pairs], 1)
    present = truth.mean(0)
    scored = read.learnt & (present > 0)
    ordered = scored & (present < 1)
    always = np.where(scored, 2 * present / (1 + present), np.nan)
    f1_point, ap_point = np.where(scored, f1_point, np.nan), np.where(ordered, ap_point, np.nan)
    numbers = []
    for name, point, draws, level, control, note in (
        ("macro_f1", f1_point, f1_draws, always, "always_yes", "saying yes to every image"),
        ("mean_ap", ap_point, ap_draws, np.where(ordered, present, np.nan), "chance", "any order of the images"),
    ):
        usable = np.isfinite(point)
        if not usable.any():
            continue
        value, replicates = mean_of(point, draws)
        told = f"mean of {int(usable.sum())} of {len(names)} attributes"
        numbers.append(terms.number(name, centred(value, replicates, len(test)), note=told))
        numbers.append(terms.plain(f"{name}.{control}", float(level[usable].mean()), len(test), note=note))
    right = resamples.micro(said == truth)
    table = pl.DataFrame(
        {
            "attribute": list(names),
            "train_share": read.prevalence,
            "test_share": present,
            "penalty": read.penalty,
            **_columns("f1", f1_point, f1_draws),
            "f1_always_yes": always,
            **_columns("ap", ap_point, ap_draws),
            "right": [e.value for e in right],
            "right_low": [e.low for e in right],
            "right_high": [e.high for e in right],
        }
    ).fill_nan(None)
    return Outcome(numbers, _remarks(read, present, names), table)


def _columns(name: str, point: Doubles, draws: Doubles) -> dict[str, list[float]]:
    estimates = [centred(float(p), d, 0) for p, d in zip(point, draws.T, strict=True)]
    return {
        name: [e.value for e in estimates],
        f"{name}_low": [e.low for e in estimates],
        f"{name}_high": [e.high for e in estimates],
    }


def _remarks(read: Read, present: Doubles, names: Sequence[str]) -> list[str]:
    found = []
    for mask, what in (
        (~read.learnt, "the same for all training images, so nothing is learnt and the constant is answered"),
        (read.learnt & (present == 0), "true of no test image, so F1 and average precision do not exist"),
        (
            read.learnt & (present == 1),
            "true of every test image, so average precision does not exist: any order is right",
        ),
    ):
        if mask.any():
            which = ", ".join(str(names[a]) for a in np.flatnonzero(mask)[:10])
            more = f" and {int(mask.sum()) - 10} more" if mask.sum() > 10 else ""
            found.append(f"{int(mask.sum())} of {len(names)} attributes ({which}{more}): {what}.")
    return found


def _usual(known: Bools) -> Bools:
    """The commonest combination of attributes among the training images [a]."""
    rows, counts = np.unique(known, axis=0, return_counts=True)
    return np.asarray(rows[counts.argmax()])
