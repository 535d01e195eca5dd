"""A pass over a head a block at a time gives what a full row of probabilities gives, for any blocks, batches and restrictions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, Row, grown, rows

from merian.core.tree import RANKS, Tree
from merian.core.vectors import Clades, Predictions, normalise
from merian.identify import scan as module
from merian.identify.calibrate import Calibration
from merian.identify.scan import Found, Plan, scan


@pytest.fixture(autouse=True)
def blocks() -> Iterator[None]:
    """Blocks of five labels, so that clades lie across them."""
    before, module.BLOCK = module.BLOCK, 5
    yield
    module.BLOCK = before


def case(tree: Tree, seed: int, n: int = 4, d: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Some taxa as labels, their unit rows and those of n images."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.permutation(len(tree))[: max(1, int(len(tree) * rng.uniform(0.3, 1)))]).astype(np.int32)
    return labels, normalise(rng.normal(size=(len(labels), d))), normalise(rng.normal(size=(n, d)))


def slow(tree: Tree, labels, held, vectors, calibration, rank, k, threshold) -> Predictions:  # type: ignore[no-untyped-def]
    shares = calibration.probabilities(vectors @ held.T)
    return Predictions.build(
        Clades(tree, labels), pl.Series([str(i) for i in range(len(vectors))]), shares, rank, k, threshold
    )


@FAST
@given(
    rows(least=1),
    st.integers(0, 10_000),
    st.sampled_from(RANKS),
    st.integers(1, 7),
    st.sampled_from([1.0, 14.3, 100.0]),
)
def test_the_same_as_full_rows(found_rows: list[Row], seed: int, rank: str, k: int, scale: float) -> None:
    tree = grown(found_rows)
    labels, held, vectors = case(tree, seed)
    calibration = Calibration(scale, 8.0, -2.0, 99)
    wanted = slow(tree, labels, held, vectors, calibration, rank, k, 0.6)
    found = scan(vectors, held, Plan(tree, labels), calibration, rank, k, 0.6)
    assert np.allclose(found.probabilities, wanted.probabilities, atol=2e-5)
    sure = wanted.probabilities > 1e-4
    distinct = np.abs(np.diff(wanted.probabilities, axis=1, append=-1)) > 1e-4
    distinct &= np.abs(np.diff(wanted.probabilities, axis=1, prepend=2)) > 1e-4
    assert np.array_equal(found.taxa[sure & distinct], wanted.taxa[sure & distinct])
    assert np.allclose(found.unknown, wanted.unknown, atol=2e-5)
    clear = np.abs(wanted.safe_probability - 0.6) > 1e-3
    assert np.allclose(found.safe_probability[clear], wanted.safe_probability[clear], atol=2e-5)
    assert np.array_equal(found.safe[clear], wanted.safe[clear])
    assert np.allclose(found.inside, 1)


@FAST
@given(rows(least=1), st.integers(0, 10_000), st.sampled_from(["genus", "species"]))
def test_a_restriction_is_the_head_of_what_is_left_and_says_what_it_leaves_out(
    found_rows: list[Row], seed: int, rank: str
) -> None:
    tree = grown(found_rows)
    labels, held, vectors = case(tree, seed)
    allowed = np.random.default_rng(seed + 1).random(len(labels)) < 0.6
    calibration = Calibration(14.3)
    found = scan(vectors, held, Plan(tree, labels), calibration, rank, 3, 0.8, allowed)
    shares = calibration.probabilities(vectors @ held.T)
    assert np.allclose(found.inside, shares[:, allowed].sum(1), atol=1e-5)
    if not allowed.any():
        assert (found.taxa == -1).all()
        assert (found.unknown == 1).all()
        return
    own = scan(vectors, held[allowed], Plan(tree, labels[allowed]), calibration, rank, 3, 0.8)
    assert np.allclose(found.probabilities, own.probabilities, atol=1e-5)
    assert np.array_equal(found.safe, own.safe)


def many(seed: int, n: int = 300) -> tuple[Tree, np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rows = [
        ("K", f"P{s % 2}", f"C{s % 4}", f"O{s % 8}", f"F{s % 16}", f"G{s % 32}", f"G{s % 32} s{s}") for s in range(n)
    ]
    tree = Tree.from_lineages(pl.DataFrame(rows, schema=list(RANKS), orient="row"))
    return tree, *case(tree, seed, 9, 8)


def test_a_row_does_not_depend_on_the_others_in_its_batch() -> None:
    tree, labels, held, vectors = many(3)
    plan, calibration = Plan(tree, labels), Calibration(60.0, 4.0, 0.0, 50)
    whole = scan(vectors, held, plan, calibration, k=4)
    for size in (1, 2, 4):
        for start in range(0, len(vectors), size):
            part = scan(vectors[start : start + size].copy(), held, plan, calibration, k=4)
            for name in ("taxa", "probabilities", "safe", "safe_probability", "unknown", "inside"):
                assert np.array_equal(getattr(part, name), getattr(whole, name)[start : start + size])


@pytest.mark.parametrize("size", [1, 3, 64, 10_000])
def test_blocks_of_any_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, labels, held, vectors = many(5)
    plan, calibration = Plan(tree, labels), Calibration(100.0)
    monkeypatch.setattr(module, "BLOCK", 7)
    one = scan(vectors, held, plan, calibration, "family", 4)
    monkeypatch.setattr(module, "BLOCK", size)
    two = scan(vectors, held, plan, calibration, "family", 4)
    assert np.array_equal(one.taxa, two.taxa)
    assert np.allclose(one.probabilities, two.probabilities, atol=1e-6)


def test_of_equal_species_the_first_comes_first_and_half_precision_is_read() -> None:
    tree, labels, _, vectors = many(7)
    held = np.tile(normalise(np.ones((1, 8))), (len(labels), 1))
    found: Found = scan(vectors, held.astype(np.float16), Plan(tree, labels), Calibration(50.0), k=6)
    first = labels[tree.rank[labels] == 6][:6]
    assert (found.taxa == first).all()
    assert np.allclose(found.probabilities, 1 / len(labels), atol=1e-6)


def test_no_image_and_no_label() -> None:
    tree, labels, held, _ = many(8)
    assert scan(np.zeros((0, 8), np.float32), held, Plan(tree, labels), Calibration(10.0)).taxa.shape == (0, 5)
    nothing = scan(normalise(np.ones((2, 8))), held[:0], Plan(tree, labels[:0]), Calibration(10.0))
    assert (nothing.taxa == -1).all()
    assert (nothing.unknown == 1).all()
