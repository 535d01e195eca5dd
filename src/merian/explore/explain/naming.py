"""Names for the units of a dictionary: what their images have in common, told only where shuffled labels would not tell as much.

A unit is held against sets of specimens: clades of the tree, and states of a column (sex, life stage, health, habitat ...). Its strength for a set is the
correlation of the ranks of its activations with membership: the rank-sum statistic (Mann & Whitney 1947) over its largest possible size, which neither a
tiny set nor a huge one wins by size. States are held against each other within species only, so that a unit of one species does not pass for its habitat.

Every strength is held against the largest of all units and all sets when the labels are dealt anew (within species, for states): with labels that mean
nothing, not one unit is named in 95 of 100 catalogs (the maximum statistic of Westfall & Young 1993, with the p of a random subset of deals, Phipson & Smyth
2010; the 5 in 100 are shared out among clades, columns and words, after Bonferroni). Each specimen counts once, by one image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadSetting
from merian.core.progress import track
from merian.core.tree import RANKS, Tree

__all__ = ["COLUMNS", "NAMES", "Sets", "Words", "area", "named", "sets_of", "strengths"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
COLUMNS = ("sex", "life_stage", "health", "habitat", "behaviour", "reproduction")
"""Columns of a catalog whose states may name a concept."""
LEVEL = 0.95
REPLICATES = 200
"""Bootstrap replicates of an AUROC."""
ALSO = 3
"""Further names that are told."""
NAMES: dict[str, Any] = {
    "concept": pl.Int32,
    "name": pl.String,
    "kind": pl.String,
    "strength": pl.Float64,
    "threshold": pl.Float64,
    "p": pl.Float64,
    "auroc": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "lift": pl.Float64,
    "also": pl.List(pl.String),
}
"""Columns of the names: null in all but the first where a unit has none. `auroc`, between `low` and `high`: how often a member is higher than another specimen
(of its species, for states), measured on the specimens that gave the name; `lift`: how much more often it is active in members than in all (of their species).
"""


@dataclass(frozen=True, eq=False)
class Sets:
    """c sets of specimens of one kind: `names` [c], the specimens `rows` [m] of which it is known, who is a member [m, c], and strata [m] within which labels
    are dealt anew.
    """

    kind: str
    names: tuple[str, ...]
    rows: npt.NDArray[np.int64]
    member: Bools
    strata: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Words:
    """A vocabulary [w] with the encoder's unit vectors of it [w, d]."""

    texts: tuple[str, ...]
    vectors: Floats


def sets_of(rows: pl.DataFrame, tree: Tree, fewest: int) -> list[Sets]:
    """The clades and states that have at least `fewest` of these specimens (rows of a catalog), and as many without.

    Of clades that hold the very same specimens the deepest stands for all.
    """
    taxon = rows["taxon"].fill_null(-1).to_numpy()
    found = []
    known = np.flatnonzero(taxon >= 0)
    paths = tree.ancestors[taxon[known]]
    names, members = [], []
    for number, rank in enumerate(RANKS):
        clades, counts = np.unique(paths[:, number][paths[:, number] >= 0], return_counts=True)
        for clade in clades[(counts >= fewest) & (counts <= len(known) - fewest)].tolist():
            member = paths[:, number] == clade
            deeper = paths[member, number + 1 :]
            if not ((deeper == deeper[0]) & (deeper >= 0)).all(0).any():
                names.append(f"{rank} {tree.names[clade]}")
                members.append(member)
    if members:
        found.append(Sets("taxon", tuple(names), known, np.stack(members, 1), np.zeros(len(known), np.int64)))
    for column in COLUMNS:
        states = (
            rows[column].str.strip_chars().str.to_lowercase()
            if column in rows.columns
            else pl.Series([], dtype=pl.String)
        )
        held = (states.is_not_null() & (states != "")).to_numpy() & (taxon >= 0) if len(states) else np.zeros(0, bool)
        at = np.flatnonzero(held)
        own = states.gather(at.tolist()).to_numpy()
        words, counts = np.unique(own.astype(str), return_counts=True)
        chosen = words[(counts >= fewest) & (counts <= len(at) - fewest)]
        if len(chosen):
            member = own.astype(str)[:, None] == chosen
            kind = column.replace("_", " ")
            found.append(Sets(kind, tuple(f"{kind} {word}" for word in chosen), at, member, taxon[at].astype(np.int64)))
    return found


def _ranks(activations: Floats) -> Floats:
    """Ranks from 0 within each column [n, u]; those that are not active share the mean of theirs."""
    order = np.argsort(activations, axis=0, kind="stable")
    ranks = np.empty(activations.shape, np.float32)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(len(ranks), dtype=np.float32)[:, None], ranks.shape), 0)
    silent = activations <= 0
    return np.where(silent, (silent.sum(0) - 1) / 2, ranks).astype(np.float32)


def _within(values: Floats, strata: npt.NDArray[np.int64]) -> Floats:
    """The columns of values [m, k], each centred within the strata [m] and brought to length 1; a column without spread becomes zeros."""
    _, of = np.unique(strata, return_inverse=True)
    order = np.argsort(of, kind="stable")
    start = np.searchsorted(of[order], np.arange(of.max(initial=-1) + 1))
    sums = np.add.reduceat(values[order].astype(np.float64), start, axis=0)
    centred = values - (sums / np.bincount(of)[:, None])[of]
    length = np.sqrt((centred**2).sum(0))
    return np.asarray(np.where(length > 1e-9, centred / np.where(length > 1e-9, length, 1), 0), np.float32)


def strengths(activations: Floats, sets: Sets) -> Doubles:
    """The correlation of the ranks of each unit's activations [n, u] with membership in each of c sets, within their strata: [u, c]."""
    ranks = _within(_ranks(activations[sets.rows]), sets.strata)
    return np.asarray(ranks.T @ _within(sets.member.astype(np.float32), sets.strata), np.float64)


def _dealt(activations: Floats, sets: Sets, shuffles: int, rng: np.random.Generator) -> Doubles:
    """The largest strength of any unit for any set in each of so many deals of the labels within the strata: [shuffles]."""
    ranks = _within(_ranks(activations[sets.rows]), sets.strata)
    member = _within(sets.member.astype(np.float32), sets.strata)
    place = np.argsort(sets.strata, kind="stable")
    largest = np.empty(shuffles)
    with track(f"Shuffling {sets.kind}", shuffles, "deals") as advance:
        for deal in range(shuffles):
            order = np.empty(len(place), np.int64)
            order[place] = np.lexsort((rng.random(len(place)), sets.strata))
            largest[deal] = (ranks.T @ member[order]).max(initial=0)
            advance()
    return largest


def area(
    values: npt.NDArray[np.floating], member: Bools, strata: npt.NDArray[np.int64], weights: Doubles
) -> tuple[float, float, float]:
    """AUROC of values [n] for membership [n] among pairs of one stratum [n], ties counted half, and its 95 % interval.

    `weights` [b, n]: how often each is drawn in each of b replicates.
    """
    every = np.concatenate([np.ones((1, len(values))), weights])
    wins, pairs = np.zeros(len(every)), np.zeros(len(every))
    for stratum in np.intersect1d(strata[member], strata[~member]):
        own = strata == stratum
        won, all_ = _pairs(values[own], member[own], every[:, own])
        wins, pairs = wins + won, pairs + all_
    found = np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    low, high = np.nanquantile(found[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(found[0]), float(low), float(high)


def _pairs(values: npt.NDArray[np.floating], member: Bools, every: Doubles) -> tuple[Doubles, Doubles]:
    """Pairs of a member and another of which the member is higher, ties counted half, and all pairs: [b] each, with weights [b, n].

    Most values are equal and the least (a unit is silent in most images), so only the others are sorted.
    """
    on = np.flatnonzero(values > values.min())
    order = on[np.argsort(values[on], kind="stable")]
    first = np.flatnonzero(np.diff(values[order], prepend=-np.inf) > 0)
    totals = np.stack([every @ member, every @ ~member])
    chosen = every[:, order]
    parts = [
        np.add.reduceat(chosen * kind[order], first, axis=1) if len(order) else chosen for kind in (member, ~member)
    ]
    silent = totals - np.stack([part.sum(1) for part in parts])
    below = silent[1][:, None] + np.cumsum(parts[1], 1) - parts[1] / 2
    return silent[0] * silent[1] / 2 + (parts[0] * below).sum(1), totals[0] * totals[1]


def _lift(values: Floats, sets: Sets, column: int) -> float:
    """How much more often values [m] of the sets' specimens are above zero in members of a set than in all of the members' strata."""
    _, of = np.unique(sets.strata, return_inverse=True)
    rate = np.bincount(of, values > 0) / np.bincount(of)
    member = sets.member[:, column]
    return float((values[member] > 0).mean() / max(float(rate[of][member].mean()), 1e-12))


def _bar(chance: Doubles, kinds: int) -> float:
    """What a strength must exceed for its p, with the largest of each deal [n], to be at most 5 % shared out among so many kinds of names.

    Raises BadSetting where there are too few deals for any p to be so small.
    """
    share = (1 - LEVEL) / kinds
    reached = int(share * (1 + len(chance)) + 1e-9) - 1
    if reached < 0:
        told = f"too few to share 5 % among {kinds} kinds of names: give at least {int(np.ceil(1 / share - 1e-9)) - 1}"
        raise BadSetting("shuffles", len(chance), f"are {told}")
    return float(np.sort(chance)[len(chance) - 1 - reached])


def _worded(
    dictionary: Floats, words: Words, spread: Floats, shuffles: int, rng: np.random.Generator
) -> tuple[Doubles, Doubles]:
    """The cosine of each unit [u, d] with each word, the vocabulary's mean taken off [u, w]; and the largest in each of so many dictionaries of chance.

    A direction of chance is a random mix of the centred photos `spread` [n, d], so that it lies where vectors lie.
    """
    centred = words.vectors - words.vectors.mean(0)
    centred = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    root = np.linalg.cholesky(
        spread.T.astype(np.float64) @ spread + 1e-9 * np.trace(spread.T @ spread) * np.eye(spread.shape[1])
    )
    largest = np.empty(shuffles)
    for deal in range(shuffles):
        mixed = rng.standard_normal(dictionary.shape) @ root.T
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        largest[deal] = (mixed @ centred.T).max()
    return np.asarray(dictionary @ centred.T, np.float64), largest


def named(
    activations: Floats,
    dictionary: Floats,
    every: Sequence[Sets],
    words: tuple[Words, Floats] | None,
    shuffles: int,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """A row for each unit, in the columns of NAMES: `activations` [n, u] of the specimens, the `dictionary` [u, d].

    Of the sets that beat the shuffled labels the strongest gives the name; where none does, the nearest of the `words` (with the centred photos [n, d]) that
    beats directions of chance.
    """
    units = activations.shape[1]
    passed: list[list[tuple[float, float, float, Sets, int]]] = [[] for _ in range(units)]
    weights = {}
    kinds = len(every) + (words is not None)
    for sets in every:
        n = len(sets.rows)
        weights[sets.kind] = rng.multinomial(n, np.full(n, 1 / n), size=REPLICATES).astype(np.float64)
        strength, chance = strengths(activations, sets), _dealt(activations, sets, shuffles, rng)
        threshold = _bar(chance, kinds)
        for unit, column in np.argwhere(strength > threshold).tolist():
            value = float(strength[unit, column])
            p = float((1 + (chance >= value).sum()) / (1 + len(chance)))
            passed[unit].append((value, threshold, p, sets, column))
    rows: list[dict[str, object]] = []
    for unit, found in enumerate(passed):
        found.sort(key=lambda one: -one[0])
        if not found:
            rows.append({"concept": unit})
            continue
        value, threshold, p, sets, column = found[0]
        values, member = activations[sets.rows, unit], sets.member[:, column]
        auroc, low, high = area(values, member, sets.strata, weights[sets.kind])
        lift = _lift(values, sets, column)
        also = [s.names[c] for _, _, _, s, c in found[1 : 1 + ALSO]]
        told = {"name": sets.names[column], "kind": sets.kind, "strength": value, "threshold": threshold, "p": p}
        rows.append({"concept": unit, **told, "auroc": auroc, "low": low, "high": high, "lift": lift, "also": also})
    if words is not None and len(words[0].texts) > 2:
        cosines, chance = _worded(dictionary, *words, shuffles, rng)
        threshold = _bar(chance, kinds)
        for row, own in zip(rows, cosines, strict=True):
            best = int(own.argmax())
            if "name" not in row and own[best] > threshold:
                p = float((1 + (chance >= own[best]).sum()) / (1 + len(chance)))
                told = {"name": words[0].texts[best], "kind": "word", "strength": float(own[best]), "p": p}
                row |= {**told, "threshold": threshold}
    return pl.DataFrame(rows, schema=NAMES)
