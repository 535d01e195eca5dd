"""Naming without examples: each image goes to the class whose text lies nearest (Radford et al. 2021), as the papers' zero-shot tables have it, and more.

The published tables give the share right alone. Here also: macro accuracy, how far off along the tree, accuracy by rank, and whether the probabilities mean
what they say, with the model's own scale and with one fitted on the other half of the images, so that no image is judged by a scale it helped to fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData
from merian.core.report import Number
from merian.evaluate.benchmarks.candidates import CELLS, Candidates, scored
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms, partition
from merian.evaluate.benchmarks.ranks import rank_numbers, summed_guesses, true_taxa
from merian.evaluate.filters import wilson
from merian.evaluate.intervals import Resamples, reflected
from merian.evaluate.metrics import bin_sums, calibration_error, reliability, tree_distance
from merian.identify.calibrate import fit, softmax

__all__ = ["TOPS", "Answers", "answers", "zero_shot"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
TOPS = (1, 3, 5)
"""So many first guesses are looked at."""
FROM = 40
"""With fewer images no scale is fitted on the half of them."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The likeliest classes of each image [n, 5], best first, and the probability of the first [n] with the model's scale and with that of the other half.

    scales [2]: fitted on each half; None when there were too few images.
    """

    best: Ints
    confidence: Doubles
    fitted: Doubles | None
    scales: tuple[float, float] | None


def answers(images: Images, candidates: Candidates, rng: np.random.Generator) -> Answers:
    """The Answers for images whose classes are numbers of the candidates; the halves keep groups together."""
    n, c = len(images), len(candidates.names)
    halves, scales = None, None
    if n >= FROM and len(np.unique(images.grouping)) >= 2:
        halves = partition(images, 2, rng)
        scales = tuple(_scale(images, candidates, halves == half, rng) for half in (0, 1))
    k = min(max(TOPS), c)
    best, confidence = np.zeros((n, k), np.int64), np.zeros(n)
    fitted = None if scales is None else np.zeros(n)
    for rows, cosines, probabilities in scored(images, candidates):
        first = np.argpartition(-cosines, k - 1, axis=1)[:, :k] if k < c else np.tile(np.arange(c), (len(cosines), 1))
        first.sort(1)  # of equal classes the first, whatever the partition does
        order = np.argsort(-np.take_along_axis(cosines, first, 1), axis=1, kind="stable")
        best[rows] = np.take_along_axis(first, order, 1)
        confidence[rows] = probabilities.max(1)
        if fitted is not None and halves is not None and scales is not None:
            other = np.array(scales)[1 - halves[rows]]
            fitted[rows] = softmax(other[:, None] * cosines).max(1)
    return Answers(best, confidence, fitted, None if scales is None else (scales[0], scales[1]))


def _scale(images: Images, candidates: Candidates, half: npt.NDArray[np.bool_], rng: np.random.Generator) -> float:
    """The scale that fits the images of one half, or as many of them as CELLS allows."""
    rows = np.flatnonzero(half)
    rows = np.sort(rng.permutation(rows)[: max(FROM, CELLS // len(candidates.names))])
    cosines = images.take(rows).units @ candidates.vectors.T
    return fit(cosines, images.classes[rows], candidates.scale).scale


def zero_shot(images: Images, candidates: Candidates, terms: Terms, bins: int = 10) -> Outcome:
    """Accuracy of naming images whose classes are numbers of the candidates (-1 unknown: left out, with a remark).

    Numbers: `top1` (micro: the published number), `top3`, `top5`, `macro`, `chance`, `majority`; `calibration.error` and `.error_fitted` (expected calibration
    error), `calibration.scale`; with lineages `distance` (ranks to climb), `nlca` and the accuracy of each rank by sums. Intervals: bootstrap over
    classes and groups. The table has a row for each class. Raises BadData when no image has a class.
    """
    kept = np.flatnonzero(images.classes >= 0)
    wrong = np.flatnonzero(images.classes >= len(candidates.names))
    if len(wrong):
        raise BadData("classes", f"must be numbers below {len(candidates.names)}", wrong.tolist())
    if not len(kept):
        raise BadData("images", "none has a class: nothing to score")
    remarks = []
    if len(kept) < len(images):
        remarks.append(f"{len(images) - len(kept)} images have no class and are left out.")
        images = images.take(kept)
    remarks += _alike(candidates)
    found = answers(images, candidates, terms.chance("halves"))
    resamples = images.resamples(terms)
    numbers = _accuracy(images, candidates, found, resamples, terms)
    numbers += _calibration(images, found, resamples, terms, bins)
    if found.fitted is None:
        remarks.append(f"{len(images)} images are too few to fit a scale on half of them ({FROM} are needed).")
    if candidates.clades is not None:
        numbers += _along_tree(images, candidates, found, resamples, terms)
        guesses = {"summed": summed_guesses(images, candidates)}
        numbers += rank_numbers(images, candidates, guesses, resamples, terms)[0]
    elif candidates.tree is not None:
        remarks.append("No class has a place in the taxonomy: no accuracy by rank and no distance along the tree.")
    return Outcome(numbers, remarks, _table(images, candidates, found))


def _alike(candidates: Candidates) -> list[str]:
    """A remark on classes that no image can tell apart, as their vectors are the same."""
    _, of, counts = np.unique(candidates.vectors, axis=0, return_inverse=True, return_counts=True)
    alike = np.flatnonzero(counts[of.reshape(-1)] > 1)
    if not len(alike):
        return []
    names = ", ".join(candidates.names[c] for c in alike[:10].tolist())
    return [f"{len(alike)} classes have the very vector of another ({names}): the first of each always wins."]


def _accuracy(
    images: Images, candidates: Candidates, found: Answers, resamples: Resamples, terms: Terms
) -> list[Number]:
    c, hit = len(candidates.names), found.best == images.classes[:, None]
    note = f"{c} classes"
    tops = [k for k in TOPS if k < c or k == 1]
    right = np.stack([hit[:, :k].any(1) for k in tops], 1)
    numbers = [terms.number(f"top{k}", e, note=note) for k, e in zip(tops, resamples.micro(right), strict=True)]
    macro = resamples.macro(right[:, :1])[0]
    numbers.append(terms.number("macro", macro, note=f"{note}, every class counts the same"))
    counts = np.unique(images.classes, return_counts=True)[1]
    numbers.append(terms.plain("chance", 1 / c, len(images)))
    numbers.append(
        terms.plain("majority", counts.max() / counts.sum(), len(images), note="share of the commonest class")
    )
    return numbers


def _calibration(images: Images, found: Answers, resamples: Resamples, terms: Terms, bins: int) -> list[Number]:
    right = found.best[:, 0] == images.classes
    numbers = []
    for name, confidence, note in (
        ("calibration.error", found.confidence, "the model's own scale"),
        ("calibration.error_fitted", found.fitted, "scale fitted on the other half of the images"),
    ):
        if confidence is None:
            continue
        error = reliability(confidence, right, bins).error
        replicates = calibration_error(resamples.sums(bin_sums(confidence, right, bins)))
        numbers.append(terms.number(name, reflected(error, replicates, len(images)), note=f"{note}, {bins} bins"))
    if found.scales is not None:
        value = float(np.sqrt(found.scales[0] * found.scales[1]))
        note = f"fitted on the halves: {found.scales[0]:.3g} and {found.scales[1]:.3g}"
        numbers.append(terms.plain("calibration.scale", value, len(images), unit="", note=note))
    return numbers


def _along_tree(
    images: Images, candidates: Candidates, found: Answers, resamples: Resamples, terms: Terms
) -> list[Number]:
    """How far the first guess is from the truth along the tree, where both have a place in it."""
    assert candidates.tree is not None
    assert candidates.taxa is not None
    truth, guess = true_taxa(images, candidates), candidates.taxa[found.best[:, 0]]
    both = (truth >= 0) & (guess >= 0)
    if not both.any():
        return []
    steps = tree_distance(candidates.tree, truth, guess).astype(np.float64)
    depth = (candidates.tree.ancestors[np.maximum(truth, 0)] >= 0).sum(1)
    columns = np.stack([steps, 1 - steps / np.maximum(depth, 1)], 1)
    far, share = resamples.micro(columns, np.repeat(both[:, None], 2, 1))
    taxa, counts = np.unique(truth[both], return_counts=True)
    constant = tree_distance(candidates.tree, truth[both], np.full(int(both.sum()), taxa[counts.argmax()]))
    note = "the commonest class answered to all"
    return [
        terms.number("distance", far, "ranks", "mean height of the lowest common ancestor"),
        terms.plain("distance.majority", float(constant.mean()), int(both.sum()), "ranks", note),
        terms.number("nlca", share, note="depth of the lowest common ancestor over that of the truth"),
        terms.plain("nlca.majority", float((1 - constant / depth[both]).mean()), int(both.sum()), note=note),
    ]


def _table(images: Images, candidates: Candidates, found: Answers) -> pl.DataFrame:
    """A row for each class with images: how many, the share named right with a Wilson interval, among the first five, and what it is mostly mistaken for."""
    rows = []
    for c in np.unique(images.classes).tolist():
        mine = found.best[images.classes == c]
        hits, n = int((mine[:, 0] == c).sum()), len(mine)
        wrong, counts = np.unique(mine[mine[:, 0] != c, 0], return_counts=True)
        mistaken = candidates.names[int(wrong[counts.argmax()])] if len(wrong) else None
        among = float((mine == c).any(1).mean()) if len(candidates.names) > max(TOPS) else None
        rows.append((candidates.names[c], n, hits / n, *wilson(hits, n), among, mistaken))
    schema = {"class": pl.String, "images": pl.Int64, "top1": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, schema={**schema, "top5": pl.Float64, "mistaken_for": pl.String}, orient="row")
