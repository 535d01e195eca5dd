"""The tasks that a model is put to, each a function from a Sample to Numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.report import Number
from merian.core.tree import RANKS
from merian.core.vectors import Predictions
from merian.evaluate import fewshot, metrics
from merian.evaluate.histogram import nearest_mean
from merian.evaluate.intervals import auroc_replicates, interval, reflected
from merian.evaluate.samples import Sample, groups_of, number, share
from merian.evaluate.settings import EvaluateSettings
from merian.evaluate.zeroshot import prompted, ranked, score, summed
from merian.identify import Head, Identifier

__all__ = ["TOP", "Named", "calibration", "few_shot", "name_by_rank", "safe_answers", "unknown"]

Floats = npt.NDArray[np.float32]
TOP = 5


@dataclass(frozen=True, eq=False)
class Named:
    """What came out of naming a Sample: Numbers; probabilities [n, t] of the head's labels; which images could be scored on
    their own label [n] and which got it right [n]."""

    numbers: list[Number]
    head: Head
    probabilities: Floats
    scored: npt.NDArray[np.bool_]
    right: npt.NDArray[np.bool_]


def name_by_rank(sample: Sample, identifier: Identifier, train: Sample | None, group: str) -> Named:
    """Accuracy at every rank without examples, by summing and by prompting, with chance, the majority and the histogram baseline.

    The candidates are the head's labels. `train` gives the baseline its class means: it needs labelled images where the model needs only names.
    """
    head, task = identifier.head, sample.name
    clades = head.clades
    probabilities = head.probabilities(sample.vectors)
    guesses = {
        "summed": summed(clades, probabilities),
        "prompted": prompted(clades, identifier.encoder, sample.vectors),
    }
    scored = np.isin(sample.taxa, head.labels)
    baseline = []
    if train is not None and train.histograms is not None and sample.histograms is not None:
        nearest = nearest_mean(train.histograms, train.taxa, sample.histograms)
        guesses["histogram"] = metrics.paths(head.tree, nearest)
        if scored.any():
            estimate = share(sample, (nearest == sample.taxa,), scored)[0]
            baseline.append(number(f"{task}.label.histogram", estimate, group))
    numbers: list[Number] = []
    for method, guess in guesses.items():
        result = score(clades, sample.taxa, guess)
        for kind, estimates in (
            ("", sample.resamples.micro(result.right, result.scored)),
            ("_macro", sample.resamples.macro(result.right, result.scored)),
        ):
            for r, rank in enumerate(RANKS):
                if estimates[r].n:
                    note = f"{result.candidates[r]} candidates" + (", every label counts the same" if kind else "")
                    numbers.append(number(f"{task}.{rank}.{method}{kind}", estimates[r], group, note=note))
                if estimates[r].n and method == "summed" and not kind:
                    numbers.append(Number(f"{task}.{rank}.chance", float(result.chance[r]), unit="share", group=group))
                    majority = float(result.majority[r])
                    numbers.append(Number(f"{task}.{rank}.majority", majority, unit="share", group=group))
    best = ranked(head.labels, probabilities, TOP)
    right = scored & (best[:, 0] == sample.taxa)
    numbers += [*_by_label(sample, head, best, scored, group), *baseline]
    return Named(numbers, head, probabilities, scored, right)


def _by_label(
    sample: Sample, head: Head, best: npt.NDArray[np.int32], scored: npt.NDArray[np.bool_], group: str
) -> list[Number]:
    """Accuracy on the label itself, whatever its rank: first guess, first five, per label, and how far off along the tree."""
    if not scored.any():
        return []
    task, note = sample.name, f"{len(head.labels)} labels"
    right = scored & (best[:, 0] == sample.taxa)
    steps = metrics.tree_distance(head.tree, sample.taxa, best[:, 0])
    top1, top5, far = share(sample, (right, metrics.top_k(best, sample.taxa), steps), scored)
    macro = sample.resamples.macro(right[:, None], scored[:, None])[0]
    counts = np.unique(sample.taxa[scored], return_counts=True)[1]
    return [
        number(f"{task}.label.top1", top1, group, note=note),
        number(f"{task}.label.top{TOP}", top5, group, note=note),
        number(f"{task}.label.macro", macro, group, note="every label counts the same"),
        number(f"{task}.label.distance", far, group, "ranks", "mean height of the lowest common ancestor"),
        Number(f"{task}.label.chance", 1 / len(head.labels), unit="share", group=group),
        Number(f"{task}.label.majority", float(counts.max() / counts.sum()), unit="share", group=group),
    ]


def calibration(
    sample: Sample, named: Named, settings: EvaluateSettings, group: str
) -> tuple[list[Number], metrics.Bins]:
    """The expected calibration error of the best label's probability, the mean probability beside the share right, and the diagram."""
    keep = named.scored
    confidence = named.probabilities.max(1, initial=0)
    bins = metrics.reliability(confidence[keep], named.right[keep], settings.bins)
    if not keep.any():
        return [], bins
    sums = metrics.bin_sums(confidence, named.right, settings.bins) * keep[:, None]
    error = metrics.calibration_error(sample.resamples.sums(sums))
    estimate = reflected(bins.error, error, int(keep.sum()))
    mean, right = share(sample, (confidence, named.right), keep)
    return [
        number(f"{sample.name}.calibration.error", estimate, group, note=f"{settings.bins} bins"),
        number(f"{sample.name}.calibration.confidence", mean, group, note="mean probability of the best label"),
        number(f"{sample.name}.calibration.right", right, group, note="share of best labels that are right"),
    ], bins


def safe_answers(
    sample: Sample, named: Named, settings: EvaluateSettings, group: str
) -> tuple[list[Number], Predictions]:
    """How many images get an answer that reaches the threshold at some rank, how many of those are right, and how deep they go."""
    head, task = named.head, sample.name
    found = Predictions.build(head.clades, sample.rows["id"], named.probabilities, "species", TOP, settings.threshold)
    answered = found.safe >= 0
    rank = np.where(answered, head.tree.rank[found.safe], 0)
    at_rank = metrics.paths(head.tree, sample.taxa)[np.arange(len(sample)), rank]
    checkable = answered & (at_rank >= 0)
    deep = answered & (rank == len(RANKS) - 1)
    (some, species), everything = share(sample, (answered, deep), np.ones(len(sample), bool)), settings.threshold
    numbers = [
        number(f"{task}.safe.answered", some, group, note=f"some taxon reaches {everything:.0%}"),
        number(f"{task}.safe.to_species", species, group, note="the answer is a species"),
    ]
    if checkable.any():
        right = share(sample, (checkable & (at_rank == found.safe),), checkable)[0]
        numbers.insert(1, number(f"{task}.safe.right", right, group, note="of those with an answer"))
        depth = share(sample, (rank + 1,), checkable)[0]
        numbers.append(number(f"{task}.safe.depth", depth, group, "ranks", "mean depth of the answer, 1 to 7"))
    return numbers, found


def unknown(known: Sample, known_named: Named, strange: Sample, strange_named: Named, group: str) -> list[Number]:
    """How well the unknown mass, and plain lack of confidence, tell species that were never trained on from those that were."""
    found = []
    for name, note, signal in (
        ("unknown.auroc", "by the unknown mass", np.sum),
        ("unknown.auroc_confidence", "by the best label's probability", np.max),
    ):
        # probabilities are single precision: beyond the sixth digit two equal masses differ by chance
        high, low = (
            np.round(1 - signal(p.astype(np.float64), axis=1), 6)
            for p in (strange_named.probabilities, known_named.probabilities)
        )
        mine, theirs = ((part.resamples, np.ones(len(part), bool)) for part in (strange, known))
        replicates = auroc_replicates(high, mine, low, theirs)
        estimate = interval(metrics.auroc(high, low), replicates, len(high) + len(low))
        found.append(number(name, estimate, group, unit="", note=f"{note}; chance 0.5"))
    return found


def few_shot(
    sample: Sample, settings: EvaluateSettings, leaf: npt.NDArray[np.bool_], group: str
) -> tuple[list[Number], list[str]]:
    """SimpleShot accuracy of the model's vectors and of the histograms, by shots, over the images [n] whose label is a `leaf`; and remarks."""
    numbers, remarks = [], []
    kept = np.flatnonzero(leaf)
    classes, groups = sample.taxa[kept].astype(np.int64), groups_of(sample.rows)[kept]
    spaces = {"model": sample.vectors[kept]}
    if sample.histograms is not None:
        spaces["histogram"] = sample.histograms[kept]
    for shots in settings.shots:
        result = fewshot.run_folds(
            list(spaces.values()), classes, groups, shots, settings.folds, settings.seed, sample.name
        )
        if not result.ways:
            remarks.append(
                f"{sample.name}: fewer than two species have more than {shots} images; no {shots}-shot figure."
            )
            continue
        if result.shared:
            remarks.append(
                f"{sample.name}, {shots}-shot: {result.shared} of {result.ways} species have too few groups to keep "
                "shown images and questions in different ones."
            )
        asked, right = np.zeros((2, len(sample), len(spaces)))
        asked[kept], right[kept] = result.asked[:, None], result.right
        note = f"{result.ways} species, {settings.folds} draws"
        for space, estimate in zip(spaces, sample.resamples.micro(right, asked), strict=True):
            numbers.append(number(f"{sample.name}.shot{shots}.{space}", estimate, group, note=note))
        chance = Number(f"{sample.name}.shot{shots}.chance", 1 / result.ways, unit="share", group=group)
        numbers.append(chance)
    return numbers, remarks
