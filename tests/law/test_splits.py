"""Laws of the splits: what belongs together stays together, and adding rows moves little."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, grown

from merian.core.errors import BadSetting
from merian.core.tree import Tree
from merian.curate.splits import Shares, assign, connected

SHARES = Shares(val=0.2, test=0.3, unseen=0.0, unseen_images=2, test_fold="")
KEY = st.one_of(st.none(), st.sampled_from("abcdef"))


def union_find(rows: pl.DataFrame, keys: tuple[str, ...]) -> list[int]:
    """The smallest row of each row's group, by the textbook algorithm."""
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for key in keys:
        first: dict[str, int] = {}
        for i, value in enumerate(rows[key].to_list()):
            if value is None:
                continue
            a, b = root(i), root(first.setdefault(value, i))
            parent[max(a, b)] = min(a, b)
    return [root(i) for i in range(len(rows))]


@FAST
@given(st.lists(st.tuples(KEY, KEY, KEY), max_size=14))
def test_groups_are_those_of_union_find(cells: list[tuple[str | None, ...]]) -> None:
    keys = ("group", "individual", "hash")
    rows = pl.DataFrame(cells, schema=dict.fromkeys(keys, pl.String), orient="row")
    assert connected(rows, keys).tolist() == union_find(rows, keys)
    assert connected(rows, (*keys, "absent")).tolist() == union_find(rows, keys)


SPECIES = 4


def tree() -> Tree:
    return grown([("A", None, None, None, None, "G", f"G s{k}") for k in range(SPECIES)])


@st.composite
def photos(draw: st.DrawFn, most: int = 40) -> pl.DataFrame:
    """Rows with id, taxon, group and fold; groups may hold two species."""
    first = int(tree().at("species")[0])
    cells = draw(
        st.lists(st.tuples(st.integers(first, first + SPECIES - 1), st.integers(0, 12)), min_size=1, max_size=most)
    )
    schema = {"id": pl.String, "taxon": pl.Int32, "group": pl.String, "fold": pl.String}
    rows = [(f"i{k}", taxon, f"g{group}", "ab"[group % 2]) for k, (taxon, group) in enumerate(cells)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def dealt(rows: pl.DataFrame, shares: Shares = SHARES, seed: int = 0) -> dict[str, str | None]:
    """group -> split; fails when a group lies in two."""
    found = rows.with_columns(split=assign(rows, tree(), shares, seed)).group_by("group").agg(pl.col("split").unique())
    assert (found["split"].list.len() == 1).all()
    return {group: splits[0] for group, splits in found.rows()}


@FAST
@given(photos(), st.integers(0, 99), st.sampled_from([0.0, 0.5, 0.9]))
def test_a_group_never_straddles_splits(rows: pl.DataFrame, seed: int, unseen: float) -> None:
    splits = dealt(rows, Shares(0.2, 0.3, unseen, 2, ""), seed)
    assert set(splits.values()) <= {"train", "val", "test", "unseen", *([None] if unseen else [])}


@FAST
@given(photos(), st.integers(0, 99))
def test_an_unseen_species_has_no_image_elsewhere(rows: pl.DataFrame, seed: int) -> None:
    split = assign(rows, tree(), Shares(0.2, 0.3, 0.7, 2, ""), seed)
    for taxon in rows["taxon"].unique():
        of_it = set(split.filter(rows["taxon"] == taxon).to_list())
        assert of_it <= {"unseen", None} or "unseen" not in of_it
    # only a group of several species may be left out
    out = rows.filter(split.is_null())["group"].unique().to_list()
    assert (
        rows.filter(pl.col("group").is_in(out)).group_by("group").agg(pl.col("taxon").n_unique())["taxon"] > 1
    ).all()


@FAST
@given(photos(), photos(most=10), st.integers(0, 9))
def test_adding_other_species_moves_nothing(rows: pl.DataFrame, more: pl.DataFrame, seed: int) -> None:
    first = int(tree().at("species")[0])
    mine = rows.filter(pl.col("taxon") < first + 2)
    others = more.filter(pl.col("taxon") >= first + 2).with_columns(
        id="id" + pl.col("id"), group="new" + pl.col("group")
    )
    before, after = dealt(mine, seed=seed), dealt(pl.concat([mine, others]), seed=seed)
    assert {group: after[group] for group in before} == before


@FAST
@given(photos(), st.integers(0, 3), st.integers(0, 9))
def test_adding_a_group_moves_at_most_three_of_its_species(rows: pl.DataFrame, species: int, seed: int) -> None:
    taxon = int(tree().at("species")[species])
    new = pl.DataFrame({"id": "new", "taxon": taxon, "group": "gnew", "fold": "a"}, schema=rows.schema)
    before, after = dealt(rows, seed=seed), dealt(pl.concat([rows, new]), seed=seed)
    moved = [group for group in before if after[group] != before[group]]
    assert len(moved) <= 3
    of_it = rows.group_by("group").agg(pl.col("taxon").min()).filter(pl.col("taxon") == taxon)["group"].to_list()
    assert set(moved) <= set(of_it)


@FAST
@given(st.permutations(range(20)), st.integers(0, 9))
def test_the_order_of_rows_does_not_matter(order: list[int], seed: int) -> None:
    first = int(tree().at("species")[0])
    rows = pl.DataFrame(
        {
            "id": [f"i{k}" for k in range(20)],
            "taxon": [first + k % 3 for k in range(20)],
            "group": [f"g{k}" for k in range(20)],
        }
    )
    assert dealt(rows[order], seed=seed) == dealt(rows, seed=seed)


@pytest.mark.parametrize(
    ("groups", "test", "val"), [(1, 0, 0), (2, 0, 0), (3, 1, 0), (4, 1, 0), (5, 2, 1), (100, 30, 20)]
)
def test_the_shares_are_kept(groups: int, test: int, val: int) -> None:
    first = int(tree().at("species")[0])
    rows = pl.DataFrame(
        {"id": [f"i{k}" for k in range(groups)], "taxon": first, "group": [f"g{k}" for k in range(groups)]}
    )
    splits = list(dealt(rows).values())
    assert (splits.count("test"), splits.count("val")) == (test, val)
    assert "val" not in dealt(rows, Shares(0.0, 0.3, 0.0, 2, "")).values()
    assert "test" not in dealt(rows, Shares(0.2, 0.0, 0.0, 2, "")).values()


@FAST
@given(photos(), st.integers(0, 9))
def test_given_folds_rule(rows: pl.DataFrame, seed: int) -> None:
    shares = Shares(0.2, 0.3, 0.0, 2, "a")
    if "a" not in rows["fold"]:
        with pytest.raises(BadSetting, match="test_fold"):
            dealt(rows, shares, seed)
        return
    split = assign(rows, tree(), shares, seed)
    assert ((split == "test") == (rows["fold"] == "a")).all()


def test_rows_without_a_taxon_have_no_split_and_no_rows_no_trouble() -> None:
    rows = pl.DataFrame({"id": ["a"], "taxon": pl.Series([-1], dtype=pl.Int32), "group": ["g"], "fold": ["x"]})
    assert assign(rows, tree(), SHARES, 0).to_list() == [None]
    assert assign(rows.clear(), tree(), SHARES, 0).to_list() == []
    assert np.array_equal(connected(rows.clear(), ("group",)), [])


def test_about_the_right_share_of_species_is_unseen() -> None:
    many = grown([("A", None, None, None, None, "G", f"G s{k}") for k in range(400)])
    taxa = np.repeat(many.at("species"), 2)
    ids = [f"i{k}" for k in range(len(taxa))]
    rows = pl.DataFrame({"id": ids, "taxon": taxa, "group": ids})
    share = (assign(rows, many, Shares(0.0, 0.2, 0.25, 2, ""), 0) == "unseen").mean()
    assert 0.18 < float(share) < 0.32  # type: ignore[arg-type]
    assert not (assign(rows, many, Shares(0.0, 0.2, 0.25, 3, ""), 0) == "unseen").any()
