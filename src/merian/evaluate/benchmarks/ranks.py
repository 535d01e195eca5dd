"""Accuracy at each rank of the taxonomy without examples, three ways: by summing the species, by asking for each rank's own texts, and going down the tree.

A model that names species well may name classes badly when asked for them (BioCLIP 2: species 89 %, class 38 % on iNat21), so both ways are told side
by side. Going down the tree, each answer is among what lies below the last one, and the depth at which it leaves the true lineage is its normalised
lowest common ancestor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Mismatch
from merian.core.report import Number
from merian.core.tree import RANKS, Tree, rank_number
from merian.evaluate.benchmarks.candidates import CELLS, Candidates, scored
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms
from merian.evaluate.intervals import Resamples
from merian.evaluate.metrics import paths
from merian.evaluate.zeroshot import score, summed

__all__ = ["Prompts", "by_rank", "depth_reached", "rank_numbers", "summed_guesses", "true_taxa"]

Ints = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prompts:
    """Taxa [t] of one rank and the unit vectors [t, d] of their own texts, lineages cut off at that rank."""

    taxa: Ints
    vectors: npt.NDArray[np.float32]


def true_taxa(images: Images, candidates: Candidates) -> Ints:
    """The taxon of each image's class [n], -1 where it has none."""
    assert candidates.taxa is not None
    return np.where(images.classes >= 0, candidates.taxa[images.classes], -1).astype(np.int32)


def summed_guesses(images: Images, candidates: Candidates) -> Ints:
    """The likeliest taxon of each rank by summed probabilities of the classes: int32 [n, 7], -1 where the rank has none."""
    clades = candidates.clades
    assert clades is not None
    guess = np.full((len(images), len(RANKS)), -1, np.int32)
    for rows, _, probabilities in scored(images, candidates):
        guess[rows] = summed(clades, candidates.by_taxon(probabilities))
    return guess


def by_rank(images: Images, candidates: Candidates, prompts: Mapping[str, Prompts], terms: Terms) -> Outcome:
    """Accuracy at each rank of images whose classes are numbers of the candidates, which need a tree; `prompts`: rank -> its Prompts.

    Numbers: `<rank>.summed`, `.prompted`, `.top_down` with `_macro`, `.chance` and `.majority`; `nlca.summed`, `.prompted`, `.top_down` (how much of the
    true lineage is right from the top); `prompted.consistent`, the share of images whose prompted answers lie on one lineage. Intervals: bootstrap over
    species and groups. The table has a row for each rank and method.
    """
    if candidates.clades is None or candidates.tree is None:
        raise BadData("classes", "have no lineage, so there is no accuracy by rank")
    tree = candidates.tree
    for rank, own in prompts.items():
        _fits(own, rank, tree, images.vectors.shape[1])
    guesses = {"summed": summed_guesses(images, candidates)}
    remarks = [f"No texts for {rank}: not asked for." for rank in RANKS if rank not in prompts]
    if prompts:
        guesses["prompted"], guesses["top_down"] = _asked(tree, prompts, images.units)
    resamples = images.resamples(terms)
    numbers, table = rank_numbers(images, candidates, guesses, resamples, terms)
    if "prompted" in guesses:
        agree = _consistent(tree, guesses["prompted"])
        note = "answers of all ranks asked for lie on one lineage"
        numbers.append(terms.number("prompted.consistent", resamples.micro(agree[:, None])[0], note=note))
    return Outcome(numbers, remarks, table)


def rank_numbers(
    images: Images, candidates: Candidates, guesses: Mapping[str, Ints], resamples: Resamples, terms: Terms
) -> tuple[list[Number], pl.DataFrame]:
    """The accuracy of each method's guesses [n, 7] at each rank, micro and macro, with chance and majority; and the same as a table."""
    clades, tree = candidates.clades, candidates.tree
    assert clades is not None
    assert tree is not None
    truth = true_taxa(images, candidates)
    numbers, rows = [], []
    for method, guess in guesses.items():
        found = score(clades, truth, guess)
        # where there is one candidate only, any answer is right
        scored_here = found.scored & (guess >= 0).any(0) & (found.candidates > 1)
        both = resamples.micro(found.right, scored_here), resamples.macro(found.right, scored_here)
        for r, (rank, micro, macro) in enumerate(zip(RANKS, *both, strict=True)):
            if not micro.n:
                continue
            note = f"{found.candidates[r]} candidates"
            numbers.append(terms.number(f"{rank}.{method}", micro, note=note))
            numbers.append(terms.number(f"{rank}.{method}_macro", macro, note=f"{note}, every class counts the same"))
            if method == "summed":
                numbers.append(terms.plain(f"{rank}.chance", float(found.chance[r]), micro.n))
                numbers.append(terms.plain(f"{rank}.majority", float(found.majority[r]), micro.n))
            rows.append(
                (rank, method, micro.n, int(found.candidates[r]), micro.value, micro.low, micro.high, macro.value)
            )
        placed = truth >= 0
        depth = np.nan_to_num(depth_reached(tree, truth, guess))
        estimate = resamples.micro(depth[:, None], placed[:, None])[0]
        if estimate.n:
            note = "share of the true lineage that is right from the top"
            numbers.append(terms.number(f"nlca.{method}", estimate, note=note))
    columns = ["rank", "method", "images", "candidates", "right", "low", "high", "macro"]
    return numbers, pl.DataFrame(rows, schema=columns, orient="row")


def depth_reached(tree: Tree, truth: npt.NDArray[np.integer], guess: Ints) -> Doubles:
    """How many ranks from the top the guesses [n, 7] follow the true lineage before they first leave it, over its ranks: [n], nan without a true taxon.

    The depth of the lowest common ancestor over the depth of the truth. Ranks that the true lineage lacks are no steps.
    """
    true = paths(tree, truth)
    step = true >= 0
    wrong = step & (true != guess)
    reached = (step & (np.cumsum(wrong, 1) == 0)).sum(1)
    total = step.sum(1)
    return np.asarray(np.divide(reached, total, out=np.full(len(true), np.nan), where=total > 0))


def _fits(prompts: Prompts, rank: str, tree: Tree, width: int) -> None:
    if prompts.vectors.shape != (len(prompts.taxa), width):
        shapes = f"{len(prompts.taxa)} taxa, {width} dimensions", f"vectors of shape {prompts.vectors.shape}"
        raise Mismatch(f"prompts of rank {rank}", *shapes)
    if not len(prompts.taxa) or (tree.rank[prompts.taxa] != rank_number(rank)).any():
        raise BadData(f"prompts of rank {rank}", "must be of taxa of that rank, one at least")


def _asked(tree: Tree, prompts: Mapping[str, Prompts], units: npt.NDArray[np.float32]) -> tuple[Ints, Ints]:
    """The best taxon of each rank for itself, and the best below the one before it from the top, -1 where there is none: twice int32 [n, 7]."""
    alone, below = np.full((2, len(units), len(RANKS)), -1, np.int32)
    size = max(1, CELLS // max(len(p.taxa) for p in prompts.values()))
    for start in range(0, len(units), size):
        rows = slice(start, min(start + size, len(units)))
        above = np.full(rows.stop - rows.start, -1, np.int32)
        for r, rank in enumerate(RANKS):
            if rank not in prompts:
                continue
            taxa = prompts[rank].taxa
            cosines = units[rows] @ prompts[rank].vectors.T
            alone[rows, r] = taxa[cosines.argmax(1)]
            first, end = np.where(above < 0, 0, above), np.where(above < 0, len(tree), tree.end[above])
            inside = (taxa >= first[:, None]) & (taxa < end[:, None])
            best = taxa[np.where(inside, cosines, -np.inf).argmax(1)]
            below[rows, r] = np.where(inside.any(1), best, -1)
            above = np.where(inside.any(1), best, above).astype(np.int32)
    return alone, below


def _consistent(tree: Tree, guess: Ints) -> npt.NDArray[np.bool_]:
    """Whether every guess [n, 7] is an ancestor of the deepest one: bool [n]."""
    deepest = np.max(np.where(guess >= 0, np.arange(len(RANKS)), -1), 1)
    last = guess[np.arange(len(guess)), deepest]
    line = paths(tree, last)
    return np.asarray(((guess < 0) | (line < 0) | (guess == line)).all(1))
