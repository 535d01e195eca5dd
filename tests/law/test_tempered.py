"""A temperature for each rank: what it may not change, what it is without, and that it is found again where it was put in."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, Row, grown, rows

from merian.core.tree import RANKS, Tree
from merian.core.vectors import Clades, Embeddings, normalise
from merian.identify.calibrate import Calibration, softmax
from merian.identify.head import Head, leaves
from merian.identify.tempered import Tempered, fitted, tempered

ONES = (1.0,) * len(RANKS)
SPREAD = st.tuples(*[st.floats(0.3, 3.0)] * len(RANKS))


def shares_of(clades: Clades, seed: int, n: int = 3) -> np.ndarray:
    """Probabilities [n, t] whose rows sum to 0.9."""
    rng = np.random.default_rng(seed)
    return 0.9 * softmax(3 * rng.normal(size=(n, len(clades.labels))))


@FAST
@given(rows(least=1), st.integers(0, 10_000))
def test_exponents_of_one_are_the_plain_roll_up(found: list[Row], seed: int) -> None:
    tree = grown(found)
    clades = Clades(tree, leaves(tree))
    shares = shares_of(clades, seed)
    assert np.allclose(tempered(clades, shares, ONES), clades.all(shares), atol=1e-9)


@FAST
@given(rows(least=1), st.integers(0, 10_000), SPREAD)
def test_children_share_out_what_their_parent_has_and_keep_their_order(
    found: list[Row], seed: int, ranks: tuple[float, ...]
) -> None:
    tree = grown(found)
    clades = Clades(tree, leaves(tree))
    plain, mass = clades.all(shares_of(clades, seed)), tempered(clades, shares_of(clades, seed), ranks)
    roots = tree.parent < 0
    assert np.allclose(mass[:, roots].sum(1), 0.9)
    assert np.allclose(mass[:, clades.labels].sum(1), 0.9)
    for taxon in range(len(tree)):
        below = np.flatnonzero(tree.parent == taxon)
        if len(below):
            assert np.allclose(mass[:, below].sum(1), mass[:, taxon])
        # of siblings of one rank the likelier stays the likelier
        for rank in np.unique(tree.rank[below]):
            some = below[tree.rank[below] == rank]
            gap = np.subtract.outer(plain[0, some], plain[0, some])
            kept = np.subtract.outer(mass[0, some], mass[0, some])
            assert (kept[gap > 1e-6] >= -1e-12).all()


@FAST
@given(rows(least=2), st.integers(0, 10_000))
def test_nested_labels_are_summed_plainly(found: list[Row], seed: int) -> None:
    """A label with another below it has a share that no child has: nothing is sharpened then."""
    tree = grown(found)
    clades = Clades(tree, np.arange(len(tree), dtype=np.int32))
    shares = shares_of(clades, seed)
    if (tree.end > np.arange(len(tree)) + 1).any():
        assert np.array_equal(tempered(clades, shares, (3.0,) * 7), clades.all(shares))
        assert fitted(clades, np.zeros((30, len(tree)), np.float32), np.zeros(30, np.int64), 5.0) == ()


def binary_tree() -> Tree:
    """Two kinds of everything down to 64 species."""
    every = []
    for species in range(64):
        path = [f"Order{species >> 4}", f"Family{species >> 3}", f"Genus{species >> 1}"]
        every.append(("Animalia", f"P{species >> 5}", f"C{species >> 5}", *path, f"Genus{species >> 1} sp{species}"))
    return Tree.from_lineages(pl.DataFrame(every, schema=list(RANKS), orient="row"))


@pytest.mark.parametrize("exponent", [0.5, 2.0])
def test_the_exponent_of_a_rank_is_found_again(exponent: float) -> None:
    """Photos whose truth follows probabilities sharpened at one rank: that rank's exponent is found, and the others are near 1."""
    tree, rng = binary_tree(), np.random.default_rng(0)
    clades = Clades(tree, leaves(tree))
    cosines = rng.normal(0, 0.15, (4000, 64)).astype(np.float32)
    put = tuple(exponent if rank == "family" else 1.0 for rank in RANKS)
    mass = tempered(clades, softmax(14 * cosines), put)[:, clades.labels]
    right = (mass.cumsum(1) > rng.random((4000, 1)) * mass.sum(1, keepdims=True)).argmax(1)
    found = dict(zip(RANKS, fitted(clades, cosines, right, 14.0), strict=True))
    assert found["family"] == pytest.approx(exponent, rel=0.15)
    assert [found[rank] for rank in ("order", "genus", "species")] == pytest.approx([1.0] * 3, abs=0.15)
    assert found["kingdom"] == found["class"] == 1.0  # nothing to choose there


@FAST
@given(rows(least=2), st.integers(0, 10_000), st.booleans(), st.sampled_from(["species", "family", "kingdom"]))
def test_a_head_with_exponents_of_one_answers_as_one_without(
    found: list[Row], seed: int, restricted: bool, rank: str
) -> None:
    tree, rng = grown(found), np.random.default_rng(seed)
    labels = leaves(tree)
    held, vectors = normalise(rng.normal(size=(len(labels), 6))), normalise(rng.normal(size=(4, 6)))
    allowed = None if not restricted else rng.random(len(labels)) < 0.7
    if allowed is not None and not allowed.any():
        return
    embeddings = Embeddings(pl.Series("id", list("abcd"), pl.String), vectors, "f")
    plain, dense = (Head(tree, labels, held, "f", Calibration(9.0, 8.0, -2.0, 99, ranks)) for ranks in ((), ONES))
    a, b = (head.predict(embeddings, rank, 3, 0.6, allowed) for head in (plain, dense))
    assert np.allclose(a.probabilities, b.probabilities, atol=1e-5)
    assert np.allclose(a.unknown, b.unknown, atol=1e-5)
    assert np.allclose(a.safe_probability, b.safe_probability, atol=1e-5)
    assert (a.inside is None) == (b.inside is None) or allowed is None
    if allowed is not None and a.inside is not None and b.inside is not None:
        assert np.allclose(a.inside, b.inside, atol=1e-5)
    clear = a.probabilities[:, 0] - a.probabilities[:, 1] > 1e-4
    assert (a.taxa[clear, 0] == b.taxa[clear, 0]).all()
    every = np.arange(len(tree), dtype=np.int32)
    (_, walked), (told, held_masses) = plain.paths(vectors), dense.paths(vectors)
    assert isinstance(held_masses, Tempered)
    for row in range(4):
        assert np.allclose(walked.of(row, every), held_masses.of(row, every), atol=2e-5)
        assert sum(p for _, p in held_masses.path(row)[:1]) <= 1 - told.unknown[row] + 1e-5
