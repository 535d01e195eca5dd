"""Attributes of classes that were never shown: the protocol of Animals with Attributes (Lampert et al. 2009, CVPR; AwA2: Xian et al. 2018) without its faults.

Attributes are those of the class, so training images show few different combinations (40 in AwA2). Penalties are therefore chosen on whole classes held
out: with images held out the classes themselves would be learnt by heart and the weakest penalty would win. The published F1 is said to be macro and is
that of the first two attributes alone, since the labels 0 and 1 were given to the function as numbers of columns; it is only made when asked for, by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.core.report import Number
from merian.evaluate.benchmarks.attributes import PARTS, PUBLISHED_LOGIT, Read, checked, measured, read_attributes
from merian.evaluate.benchmarks.linear import logistic
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms, same_width
from merian.evaluate.benchmarks.precision import centred, f1, mean_of

__all__ = ["Predicates", "class_scores", "unseen_attributes"]

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
PUBLISHED_COLUMNS = 2


@dataclass(frozen=True, eq=False)
class Predicates:
    """Which class has which attribute: matrix [k, a] of 0 and 1, the names of its attributes [a] and of its classes [k]."""

    matrix: Bools
    names: tuple[str, ...]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, matrix: npt.NDArray[np.generic], names: Sequence[str], classes: Sequence[str]) -> Predicates:
        """From a matrix of 0 and 1; raises Mismatch for another shape, BadData for other values."""
        return cls(checked(matrix, len(classes), names), tuple(names), tuple(classes))


def class_scores(chances: Doubles, rows: Bools, prior: Doubles) -> Doubles:
    """The log score of each class from the chances [n, a] of its attributes, rows [k, a]: direct attribute prediction (Lampert et al. 2009, eq. 2).

    score(class | image) = product over attributes of p(a = that of the class | image) / p(a), prior [a] the attributes' share of the training classes: [n, k].
    """
    sure = np.clip(chances, 1e-6, 1 - 1e-6)
    common = np.clip(prior, 1e-6, 1 - 1e-6)
    yes, no = np.log(sure / common), np.log((1 - sure) / (1 - common))
    return np.asarray(yes @ rows.T + no @ (~rows).T)


def unseen_attributes(
    train: Images, test: Images, predicates: Predicates, terms: Terms, published: bool = False
) -> Outcome:
    """How well attributes are told of images of classes that no training image shows, and how well the classes themselves from the attributes.

    The images' classes are rows of `predicates`. Numbers: `macro_f1` over all attributes, `mean_ap`, `classes.macro` and `classes.micro` (which of the
    test classes it is, by direct attribute prediction) with chance; with `published` also `macro_f1.published_columns_0_and_1`. Intervals: bootstrap over
    test classes and their images. The table has a row for each attribute. Raises BadData when a class stands on both sides, when training images are
    of fewer than PARTS classes, or when a class has no row.
    """
    same_width(train, test)
    here, there = (_classes(images, predicates) for images in (train, test))
    both = np.intersect1d(here, there)
    if len(both):
        names = [predicates.classes[c] for c in both.tolist()]
        raise BadData("classes", "stand in training and in the test, so they are not unseen", names)
    if len(here) < PARTS:
        raise BadData(
            "training classes", f"{len(here)} are too few: penalties are chosen on classes held out, {PARTS} at least"
        )
    by_class = Images(train.vectors, train.classes, train.classes)
    truth = predicates.matrix[test.classes]
    read = read_attributes(by_class, predicates.matrix[train.classes], test, range(PARTS), terms.chance("parts"))
    if not read.learnt.any():
        raise BadData("attributes", "all training classes have the same of each: nothing can be learnt")
    found = measured(read, truth, test, predicates.names, terms)
    numbers, remarks = _recognised(read, test, predicates, (here, there), terms)
    if published:
        numbers.append(_two_columns(read, truth, test, terms))
    return Outcome(found.numbers + numbers, found.remarks + remarks, found.table)


def _classes(images: Images, predicates: Predicates) -> npt.NDArray[np.int64]:
    wrong = np.flatnonzero((images.classes < 0) | (images.classes >= len(predicates.matrix)))
    if len(wrong):
        raise BadData("classes", f"must be one of the {len(predicates.matrix)} of the attribute table", wrong.tolist())
    return np.unique(images.classes)


def _recognised(
    read: Read,
    test: Images,
    predicates: Predicates,
    sides: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    terms: Terms,
) -> tuple[list[Number], list[str]]:
    """Which of the test classes each image shows, from its attributes alone; and what cannot be told."""
    trained, asked = sides
    learnt = read.learnt
    rows = predicates.matrix[asked][:, learnt]
    remarks = []
    if len(asked) < 2:
        return [], ["There is one test class only: which class it is cannot be asked."]
    _, same, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    alike = asked[counts[same.reshape(-1)] > 1]
    if len(alike):
        names = ", ".join(predicates.classes[c] for c in alike.tolist())
        remarks.append(f"These test classes have the same attributes as another and cannot be told from it: {names}.")
    scores = class_scores(read.chances[:, learnt], rows, predicates.matrix[trained][:, learnt].mean(0))
    right = (asked[scores.argmax(1)] == test.classes)[:, None]
    resamples = test.resamples(terms)
    note = f"{len(asked)} classes, by direct attribute prediction"
    return [
        terms.number("classes.macro", resamples.macro(right)[0], note=f"{note}, every class counts the same"),
        terms.number("classes.micro", resamples.micro(right)[0], note=note),
        terms.plain("classes.chance", 1 / len(asked), len(test)),
    ], remarks


def _two_columns(read: Read, truth: Bools, test: Images, terms: Terms) -> Number:
    """The F1 that the published code prints as macro: of the first two attributes, with yes above its logit."""
    said = read.chances > float(logistic(np.array(PUBLISHED_LOGIT)))
    columns = slice(0, PUBLISHED_COLUMNS)
    point, draws = f1(truth[:, columns], said[:, columns], test.resamples(terms))
    value, replicates = mean_of(point, draws)
    note = "as the published code scores it: the first two attributes alone, yes above a logit of 0.5"
    return terms.number("macro_f1.published_columns_0_and_1", centred(value, replicates, len(test)), note=note)
