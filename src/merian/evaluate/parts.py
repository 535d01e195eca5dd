"""Where a model is good and where not: accuracy at each rank by clade and by data set, among all labels; calibration at each rank; what "none" costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from merian.core.report import Number
from merian.core.tree import RANKS
from merian.evaluate import metrics
from merian.evaluate.samples import Sample, number, share
from merian.evaluate.settings import EvaluateSettings
from merian.evaluate.tasks import Named
from merian.evaluate.zeroshot import score, summed
from merian.identify import Head

__all__ = ["FROM", "by_part", "rank_calibration", "refusals"]

Bools = npt.NDArray[np.bool_]
FROM = 8
"""A clade or a data set with fewer test images has no figures of its own."""
CLADES = ("class", "order")
"""Ranks whose clades are told one by one."""


def by_part(sample: Sample, named: Named) -> list[Number]:
    """Accuracy by sums at each rank, among all labels, of every clade of CLADES and, where there are several, every data set."""
    result = score(named.head.clades, sample.taxa, summed(named.head.clades, named.probabilities))
    found = []
    for kind, name, mask in [*_clades(sample, named.head), *_sets(sample)]:
        scored = result.scored & mask[:, None]
        group = f"{kind.capitalize()} {name}, among all labels"
        for rank, estimate in zip(RANKS, sample.resamples.micro(result.right, scored), strict=True):
            if estimate.n >= FROM:
                found.append(number(f"all.{kind}.{name}.{rank}", estimate, group))
    return found


def rank_calibration(sample: Sample, named: Named, settings: EvaluateSettings) -> list[Number]:
    """Expected calibration error of the likeliest taxon's probability at each rank, as `tasks.calibration` has it for the labels."""
    clades = named.head.clades
    result = score(clades, sample.taxa, summed(clades, named.probabilities))
    found = []
    for r, rank in enumerate(RANKS):
        keep = result.scored[:, r]
        if result.candidates[r] < 2 or keep.sum() < FROM:
            continue
        confidence = clades.at(rank, named.probabilities).max(1, initial=0)
        error = metrics.reliability(confidence[keep], result.right[keep, r], settings.bins).error
        sure, right = share(sample, (confidence, result.right[:, r]), keep)
        note = f"said {sure.value:.1%}, right {right.value:.1%}"
        found.append(
            Number(
                f"{sample.name}.calibration.{rank}",
                error,
                None,
                None,
                "share",
                int(keep.sum()),
                note,
                "Calibration by rank",
            )
        )
    return found


def refusals(known: Sample, named: Named, strange: Sample | None, strangers: Named | None) -> list[Number]:
    """How many images of each kind are told "none of these" at the head's threshold."""
    none = named.head.calibration.none
    if none >= 1:
        return []
    group, note = "None of these", f"chance of none at least {none:.0%}"
    found = []
    for name, sample, answers in (("known", known, named), ("unseen", strange, strangers)):
        if sample is not None and answers is not None:
            told = 1 - answers.probabilities.sum(1, dtype=np.float64) >= none
            estimate = share(sample, (told,), np.ones(len(sample), bool))[0]
            found.append(number(f"none.{name}", estimate, group, note=note))
    return found


def _clades(sample: Sample, head: Head) -> Iterator[tuple[str, str, Bools]]:
    """(rank, name, which images [n]) of each clade with enough images."""
    true = metrics.paths(head.tree, sample.taxa)
    for rank in CLADES:
        own = true[:, RANKS.index(rank)]
        for taxon in np.unique(own[own >= 0]).tolist():
            if (own == taxon).sum() >= FROM:
                yield rank, str(head.tree.names[taxon]), own == taxon


def _sets(sample: Sample) -> Iterator[tuple[str, str, Bools]]:
    sources = sample.rows["source"].fill_null("").to_numpy()
    names = [name for name in sorted(set(sources.tolist())) if name]
    for name in names if len(names) > 1 else []:
        if (sources == name).sum() >= FROM:
            yield "set", name, sources == name
