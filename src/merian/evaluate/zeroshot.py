"""Naming without examples, at every rank, two ways: by summing the species' probabilities, and by asking for the rank's own captions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.tree import RANKS
from merian.core.vectors import Clades
from merian.encode.seam import Encoder
from merian.evaluate.metrics import paths
from merian.identify import Head

__all__ = ["RankScores", "prompted", "ranked", "score", "summed"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RankScores:
    """Per image and rank [n, 7]: whether it can be scored (its true taxon is a candidate), and whether the guess is right.

    chance [7]: one over the number of candidates; majority [7]: the share of the most frequent true taxon, what a constant answer would reach at best.
    """

    scored: Bools
    right: Bools
    candidates: Ints
    chance: npt.NDArray[np.float64]
    majority: npt.NDArray[np.float64]


def summed(clades: Clades, probabilities: npt.NDArray[np.floating]) -> Ints:
    """The likeliest taxon of each rank by the summed probabilities [n, t] of the labels below it: int32 [n, 7], -1 where the rank has no taxon."""
    guess = np.full((len(probabilities), len(RANKS)), -1, np.int32)
    for r, rank in enumerate(RANKS):
        taxa = clades.taxa(rank)
        if len(taxa):
            guess[:, r] = taxa[clades.at(rank, probabilities).argmax(1)]
    return guess


def prompted(clades: Clades, encoder: Encoder, vectors: Floats) -> Ints:
    """The taxon of each rank whose own captions (its truncated lineage) lie nearest to each image [n, d]: int32 [n, 7], -1 where the rank has no taxon."""
    guess = np.full((len(vectors), len(RANKS)), -1, np.int32)
    for r, rank in enumerate(RANKS):
        taxa = clades.taxa(rank)
        if len(taxa):
            guess[:, r] = taxa[Head.build(encoder, clades.tree, taxa).similarities(vectors).argmax(1)]
    return guess


def ranked(labels: Ints, probabilities: npt.NDArray[np.floating], k: int) -> Ints:
    """The k likeliest labels of each image, best first: int32 [n, min(k, t)]."""
    return labels[np.argsort(-probabilities, axis=1, kind="stable")[:, :k]]


def score(clades: Clades, truth: npt.NDArray[np.integer], guess: Ints) -> RankScores:
    """The guesses [n, 7] held against the true taxa [n] (of any rank, -1 when unknown)."""
    true = paths(clades.tree, truth)
    scored = np.zeros(true.shape, bool)
    candidates, majority = np.zeros(len(RANKS), np.int32), np.full(len(RANKS), np.nan)
    for r, rank in enumerate(RANKS):
        taxa = clades.taxa(rank)
        candidates[r] = len(taxa)
        scored[:, r] = (true[:, r] >= 0) & np.isin(true[:, r], taxa)
        if scored[:, r].any():
            counts = np.unique(true[scored[:, r], r], return_counts=True)[1]
            majority[r] = counts.max() / counts.sum()
    chance = np.divide(1.0, candidates, out=np.full(len(RANKS), np.nan), where=candidates > 0)
    return RankScores(scored, scored & (guess == true), candidates, chance, majority)
