"""A linear probe of frozen vectors, scored by macro-F1 as BioBench does (Stevens 2025, arXiv 2511.16315): how far a model knows classes that rare images show.

One multinomial logistic regression with an L2 penalty chosen on held-out training images. Images of one group never stand on both sides of a division.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData
from merian.evaluate.benchmarks.linear import choose
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms, partition, same_width, shared_groups
from merian.evaluate.benchmarks.precision import class_f1
from merian.evaluate.intervals import interval

__all__ = ["divided", "probe"]

PARTS = 5
"""Training images are divided into so many parts; one chooses the penalty. A set without a division of its own is tested on one of so many."""


def divided(images: Images, terms: Terms) -> tuple[Images, Images]:
    """Training and test images of a set that has no division of its own: one part in PARTS is the test, whole groups and each class in proportion."""
    part = partition(images, PARTS, terms.chance("division"))
    return images.take(part > 0), images.take(part == 0)


def probe(train: Images, test: Images, names: Sequence[str], terms: Terms) -> Outcome:
    """Macro-F1 and accuracy on test images of a linear classifier learnt from training images; their classes are numbers of `names`, -1 unknown.

    Numbers: `macro_f1` with that of always answering the commonest class, `accuracy`, `macro` (every class counts the same), `majority`, `chance`. Intervals:
    bootstrap over classes and groups of the test. Test images of classes without training images are left out, with a remark; BadData when
    fewer than two classes can be learnt or no test image is left. It holds images x classes numbers in memory.
    """
    same_width(train, test)
    seen = train.take(train.classes >= 0)
    known = np.unique(seen.classes)
    if len(known) < 2:
        raise BadData("classes", f"{len(known)} in the training images; a classifier needs two")
    asked = test.take(np.isin(test.classes, known))
    if not len(asked):
        raise BadData("test images", "none is of a class that the training images show")
    remarks = shared_groups(train, test) + _left_out(train, test, known, names)
    column = np.searchsorted(known, seen.classes)
    targets = np.zeros((len(seen), len(known)), np.float32)
    targets[np.arange(len(seen)), column] = 1
    found = choose(seen.vectors, targets, partition(seen, PARTS, terms.chance("parts")), (0,), joint=True)
    guess = known[found.logits(asked.vectors).argmax(1)]
    resamples = asked.resamples(terms)
    scored, each, replicates = class_f1(asked.classes, guess, resamples)
    counts = np.bincount(column)
    usual = np.full(len(asked), known[counts.argmax()])
    right = np.stack([guess == asked.classes, usual == asked.classes], 1)
    micro, macro = resamples.micro(right), resamples.macro(right[:, :1])[0]
    note = f"{len(scored)} classes, penalty {found.penalty[0]:.2g}"
    baseline = float(class_f1(asked.classes, usual, resamples)[1].mean())
    numbers = [
        terms.number("macro_f1", interval(float(each.mean()), replicates, len(asked)), note=note),
        terms.plain("macro_f1.majority", baseline, len(asked), note="the commonest training class for all"),
        terms.number("accuracy", micro[0], note=note),
        terms.number("macro", macro, note="every class counts the same"),
        terms.plain("majority", micro[1].value, len(asked), note="the commonest training class for all"),
        terms.plain("chance", 1 / len(known), len(asked)),
    ]
    return Outcome(numbers, remarks, _table(seen, asked, guess, (scored, each), names))


def _left_out(train: Images, test: Images, known: npt.NDArray[np.int64], names: Sequence[str]) -> list[str]:
    found = []
    for which, images in (("training", train), ("test", test)):
        nameless = int((images.classes < 0).sum())
        if nameless:
            found.append(f"{nameless} {which} images have no class and are left out.")
    absent = np.setdiff1d(test.classes[test.classes >= 0], known)
    if len(absent):
        count = int(np.isin(test.classes, absent).sum())
        which = ", ".join(names[c] for c in absent[:10].tolist()) + (" and others" if len(absent) > 10 else "")
        found.append(
            f"{count} test images are of {len(absent)} classes without a training image ({which}) and are left out."
        )
    return found


def _table(
    seen: Images,
    asked: Images,
    guess: npt.NDArray[np.int64],
    f1: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]],
    names: Sequence[str],
) -> pl.DataFrame:
    """A row for each class of the test: training and test images, how often it was answered, and its F1."""
    scored, each = f1
    return pl.DataFrame(
        {
            "class": [names[c] for c in scored.tolist()],
            "train": np.bincount(seen.classes, minlength=len(names))[scored],
            "test": np.bincount(asked.classes, minlength=len(names))[scored],
            "answered": np.bincount(guess, minlength=len(names))[scored],
            "f1": each,
        }
    )
