"""Capping: no taxon above the cap, the others untouched, the kept as varied as can be, raising the cap only adds."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadSetting
from merian.curate.cap import over_cap

FAST = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def rows(draw: st.DrawFn) -> pl.DataFrame:
    cells = draw(
        st.lists(
            st.tuples(st.integers(-1, 3), st.integers(0, 6), st.sampled_from(["train", "test", None])), max_size=40
        )
    )
    return pl.DataFrame(
        [(f"i{k}", taxon, f"g{group}", split) for k, (taxon, group, split) in enumerate(cells)],
        schema={"id": pl.String, "taxon": pl.Int32, "group": pl.String, "split": pl.String},
        orient="row",
    )


def kept(table: pl.DataFrame, cap: int, seed: int = 0, split: str | None = "train") -> set[str]:
    return set(table.filter(~over_cap(table, cap, seed, split))["id"].to_list())


@FAST
@given(rows(), st.integers(1, 12), st.integers(0, 9), st.sampled_from(["train", None]))
def test_no_taxon_is_above_the_cap_and_no_other_is_touched(
    table: pl.DataFrame, cap: int, seed: int, split: str | None
) -> None:
    left = table.filter(pl.col("id").is_in(list(kept(table, cap, seed, split))))
    named = pl.col("taxon") >= 0
    mine = named if split is None else named & (pl.col("split") == split).fill_null(False)
    before, after = (dict(t.filter(mine).group_by("taxon").len().iter_rows()) for t in (table, left))
    assert after == {taxon: min(n, cap) for taxon, n in before.items()}
    assert left.filter(~mine).equals(table.filter(~mine))


@FAST
@given(rows(), st.integers(1, 8), st.integers(0, 9))
def test_raising_the_cap_only_adds(table: pl.DataFrame, cap: int, seed: int) -> None:
    assert kept(table, cap, seed) <= kept(table, cap + 1, seed)
    assert kept(table, 0, seed) == set(table["id"].to_list())


@FAST
@given(rows(), st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_other_taxa_do_not_matter(table: pl.DataFrame, cap: int, chance: object) -> None:
    order = list(range(len(table)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    assert kept(table[order], cap) == kept(table, cap)
    one = table.filter(pl.col("taxon") == 1)
    assert kept(one, cap) == kept(table, cap) & set(one["id"].to_list())


@FAST
@given(rows(), st.integers(1, 6))
def test_what_is_kept_is_spread_over_the_groups(table: pl.DataFrame, cap: int) -> None:
    """Round-robin: no group gives two images more than another of the same taxon that still has some left."""
    table = table.filter(pl.col("taxon") >= 0)
    over = over_cap(table, cap, 0, None)
    of = (
        table.with_columns(over=over)
        .group_by("taxon", "group")
        .agg(kept=(~pl.col("over")).sum(), left=pl.col("over").sum())
    )
    for (_,), part in of.group_by("taxon"):
        unfinished = part.filter(pl.col("left") > 0)["kept"].to_list()
        if unfinished:
            assert max(part["kept"].to_list()) - min(unfinished) <= 1


def test_a_thousand_frames_of_one_animal_do_not_push_out_the_rest() -> None:
    groups = ["herd"] * 1000 + [f"one {k}" for k in range(9)]
    table = pl.DataFrame({"id": [f"i{k}" for k in range(1009)], "taxon": 0, "group": groups, "split": "train"})
    left = table.filter(~over_cap(table, 10, 0))
    assert left["group"].n_unique() == 10
    with pytest.raises(BadSetting, match="cap"):
        over_cap(table, -1, 0)
    assert over_cap(table.clear(), 5, 0).to_list() == []
