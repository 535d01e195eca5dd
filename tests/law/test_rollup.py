"""Laws of roll-up: mass is conserved, a child never exceeds its ancestor, and a slow twin says the same."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, grown, rows

from merian.core.errors import BadData, Mismatch
from merian.core.tree import RANKS, Tree
from merian.core.vectors import Clades, Embeddings, Predictions, normalise, roll_up


@st.composite
def cases(draw: st.DrawFn, missing: bool = True) -> tuple[Tree, np.ndarray, np.ndarray]:
    """A tree, labels in any order (any taxa, or species only), and probabilities whose rows sum to at most 1."""
    tree = grown(draw(rows(missing=missing, least=1)))
    pool = range(len(tree)) if missing else tree.at("species").tolist()
    labels = np.array(draw(st.lists(st.sampled_from(pool), unique=True, max_size=12)), np.int32)
    n = draw(st.integers(0, 3))
    weights = np.random.default_rng(draw(st.integers(0, 999))).random((n, len(labels)))
    total = weights.sum(1, keepdims=True)
    return tree, labels, weights / np.where(total > 0, total, 1) * draw(st.sampled_from([1.0, 0.6]))


def slow(tree: Tree, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The mass of every taxon by walking up from each label."""
    mass = np.zeros((len(probabilities), len(tree)))
    for row in range(len(probabilities)):
        for column, label in enumerate(labels):
            taxon = int(label)
            while taxon >= 0:
                mass[row, taxon] += probabilities[row, column]
                taxon = int(tree.parent[taxon])
    return mass


@FAST
@given(cases())
def test_it_is_what_walking_up_gives(case: tuple[Tree, np.ndarray, np.ndarray]) -> None:
    tree, labels, shares = case
    np.testing.assert_allclose(roll_up(tree, labels, shares), slow(tree, labels, shares), atol=1e-12)


@FAST
@given(cases())
def test_one_rank_is_the_columns_of_all(case: tuple[Tree, np.ndarray, np.ndarray]) -> None:
    tree, labels, shares = case
    clades, every = Clades(tree, labels), roll_up(tree, labels, shares)
    for rank in RANKS:
        assert (tree.rank[clades.taxa(rank)] == RANKS.index(rank)).all()
        np.testing.assert_allclose(clades.at(rank, shares), every[:, clades.taxa(rank)], atol=1e-12)


@FAST
@given(cases(missing=False))
def test_mass_is_conserved_where_all_labels_have_the_rank(case: tuple[Tree, np.ndarray, np.ndarray]) -> None:
    tree, labels, shares = case
    clades = Clades(tree, labels)
    for rank in RANKS:
        np.testing.assert_allclose(clades.at(rank, shares).sum(1), shares.sum(1), atol=1e-12)


@FAST
@given(cases())
def test_mass_is_conserved_with_what_has_no_place_at_the_rank(case: tuple[Tree, np.ndarray, np.ndarray]) -> None:
    tree, labels, shares = case
    clades = Clades(tree, labels)
    for r, rank in enumerate(RANKS):
        unplaced = shares[:, tree.ancestors[labels, r] < 0].sum(1)
        np.testing.assert_allclose(clades.at(rank, shares).sum(1) + unplaced, shares.sum(1), atol=1e-12)


@FAST
@given(cases())
def test_a_child_never_exceeds_its_ancestors(case: tuple[Tree, np.ndarray, np.ndarray]) -> None:
    tree, labels, shares = case
    mass = roll_up(tree, labels, shares)
    inner = np.flatnonzero(tree.parent >= 0)
    assert (mass[:, inner] <= mass[:, tree.parent[inner]] + 1e-12).all()


@FAST
@given(cases(), st.data())
def test_the_order_of_labels_does_not_matter(case: tuple[Tree, np.ndarray, np.ndarray], data: st.DataObject) -> None:
    tree, labels, shares = case
    order = np.array(data.draw(st.permutations(range(len(labels)))), np.int64)
    np.testing.assert_allclose(
        roll_up(tree, labels[order], shares[:, order]), roll_up(tree, labels, shares), atol=1e-12
    )


@FAST
@given(cases(), st.sampled_from(RANKS), st.integers(1, 6), st.sampled_from([0.51, 0.8, 1.0]))
def test_predictions_keep_their_promises(
    case: tuple[Tree, np.ndarray, np.ndarray], rank: str, k: int, threshold: float
) -> None:
    tree, labels, shares = case
    ids = pl.Series("id", [str(i) for i in range(len(shares))], pl.String)
    found = Predictions.build(Clades(tree, labels), ids, shares, rank, k, threshold)
    mass = slow(tree, labels, shares)
    assert found.taxa.shape == found.probabilities.shape == (len(shares), k)
    assert (np.diff(found.probabilities, axis=1) <= 0).all()
    np.testing.assert_allclose(found.unknown, 1 - shares.sum(1), atol=1e-6)
    columns = Clades(tree, labels).taxa(rank)
    for row in range(len(shares)):
        taxa = found.taxa[row]
        assert len({t for t in taxa if t >= 0}) == min(k, len(columns))
        assert (found.probabilities[row, taxa < 0] == 0).all()
        np.testing.assert_allclose(found.probabilities[row, taxa >= 0], mass[row, taxa[taxa >= 0]], atol=1e-6)
        left = np.setdiff1d(columns, taxa)
        if len(left) and k:
            assert mass[row, left].max() <= found.probabilities[row].min() + 1e-6
        deep_enough = [t for t in range(len(tree)) if mass[row, t] >= threshold and tree.rank[t] <= RANKS.index(rank)]
        safe = found.safe[row]
        if safe >= 0:
            assert mass[row, safe] >= threshold - 1e-9
            assert tree.rank[safe] == max(tree.rank[deep_enough])
            # all the safe taxa lie on the path of the deepest
            assert set(deep_enough) <= set(tree.ancestors[safe].tolist())
        else:
            assert not deep_enough or max(mass[row, deep_enough]) < threshold + 1e-9


def small() -> Tree:
    return grown([("A", None, None, None, None, "G", f"G {e}") for e in ("a", "b")])


def test_a_label_twice_and_the_wrong_width_are_refused() -> None:
    with pytest.raises(BadData, match="only once"):
        Clades(small(), np.array([2, 3, 2], np.int32))
    with pytest.raises(Mismatch, match="2 labels"):
        roll_up(small(), np.array([2, 3], np.int32), np.ones((1, 3)))
    with pytest.raises(Mismatch):
        roll_up(small(), np.array([2, 3], np.int32), np.ones(2))


@pytest.mark.parametrize("threshold", [0.5, 0.0, -1.0, 1.01, float("nan")])
def test_a_threshold_out_of_bounds_is_refused(threshold: float) -> None:
    clades = Clades(small(), np.array([2, 3], np.int32))
    with pytest.raises(BadData, match="threshold"):
        Predictions.build(clades, pl.Series(["x"]), np.full((1, 2), 0.5), threshold=threshold)


@FAST
@given(st.integers(0, 5), st.integers(1, 8), st.integers(0, 999))
def test_normalised_rows_are_unit_or_zero(n: int, d: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(n, d))
    vectors[: n // 2] = 0
    lengths = np.linalg.norm(normalise(vectors), axis=1)
    assert (lengths[: n // 2] == 0).all()
    np.testing.assert_allclose(lengths[n // 2 :], 1, atol=1e-6)


@FAST
@given(st.integers(0, 5), st.integers(1, 8), st.integers(0, 999))
def test_embeddings_come_back_from_their_file(
    tmp_path_factory: pytest.TempPathFactory, n: int, d: int, seed: int
) -> None:
    vectors = normalise(np.random.default_rng(seed).normal(size=(n, d)) + 1e-3)
    ids = pl.Series("id", [f"i{k}" for k in range(n)], pl.String)
    path = tmp_path_factory.mktemp("e") / "embeddings.parquet"
    Embeddings(ids, vectors, "print", "tree").save(path)
    for where in (path, path.parent):
        back = Embeddings.load(where)
        assert back.vectors.shape == (n, d)
        assert (back.vectors == vectors).all()
        assert back.ids.equals(ids)
        assert (back.fingerprint, back.tree_version, back.dim) == ("print", "tree", d)
    order = ids[::-1]
    assert (back.take(order).vectors == vectors[::-1]).all()


def test_embeddings_refuse_what_is_not_theirs() -> None:
    ids = pl.Series("id", ["a", "b"])
    unit = np.eye(2, dtype=np.float32)
    with pytest.raises(Mismatch, match="2 ids"):
        Embeddings(ids, unit[:1], "f")
    for value in (2.0, 0.0, np.nan):
        with pytest.raises(BadData, match="unit length"):
            Embeddings(ids, np.array([[1, 0], [value, 0]], np.float32), "f")
    embeddings = Embeddings(ids, unit, "f")
    with pytest.raises(Mismatch, match="embed again"):
        embeddings.agree_with("g")
    with pytest.raises(Exception, match="1 of 2 ids"):
        embeddings.take(pl.Series("id", ["a", "z"]))


def test_the_hash_of_embeddings_is_of_ids_vectors_and_fingerprint() -> None:
    ids, unit = pl.Series("id", ["a", "b"]), np.eye(2, dtype=np.float32)
    made = [Embeddings(ids, unit, "f"), Embeddings(ids[::-1], unit, "f"), Embeddings(ids, unit[::-1], "f")]
    made.append(Embeddings(ids, unit, "g"))
    assert len({one.hash for one in made}) == 4
    assert Embeddings(ids.alias("other"), unit.copy(), "f", "tree").hash == made[0].hash


def test_embeddings_of_another_tree_are_refused() -> None:
    embeddings = Embeddings(pl.Series("id", ["a"]), np.ones((1, 1), np.float32), "toy", "tree1")
    embeddings.belong_to("tree1")
    with pytest.raises(Mismatch, match=r"tree1.*tree2"):
        embeddings.belong_to("tree2")
