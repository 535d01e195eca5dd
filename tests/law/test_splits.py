"""Laws of the splits: what belongs together stays together, and adding rows moves little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, grown

from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tree import Tree
from merian.curate.splits import GIANT, KEYS, Shares, achieved, assign, connected, grouping, key_values, rare_species

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


NAMES = [key.column for key in KEYS]


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Random rows with all keys, a source and a taxon; values are few, so that groups grow together in odd ways."""
    first = int(tree().at("species")[0])
    value = st.one_of(st.none(), st.sampled_from(["", "1", "2", "3", "urn:x:1", "https://x.org/1"]))
    cells = st.tuples(
        st.integers(-1, first + SPECIES - 1), st.sampled_from(["a", "b", None]), *[value] * (len(NAMES) - 1)
    )
    rows = draw(st.lists(cells, max_size=25))
    frame = pl.DataFrame(rows, schema=["taxon", "source", *NAMES[:-1]], orient="row") if rows else None
    if frame is None:
        frame = pl.DataFrame(schema={"taxon": pl.Int32, "source": pl.String, **dict.fromkeys(NAMES[:-1], pl.String)})
    spread = pl.Series("cluster", draw(st.lists(value, min_size=len(frame), max_size=len(frame))), pl.String)
    return frame.cast({"taxon": pl.Int32, **dict.fromkeys(NAMES[:-1], pl.String)}).with_columns(
        spread, id=pl.format("i{}", pl.int_range(pl.len()))
    )


@FAST
@given(tables(), st.sets(st.sampled_from(NAMES)), st.integers(0, 9), st.sampled_from([0.0, 0.6]), st.booleans())
def test_no_key_value_is_shared_by_two_splits(
    rows: pl.DataFrame, keys: set[str], seed: int, unseen: float, rare: bool
) -> None:
    bound = grouping(rows, sorted(keys))
    assert set(bound.keys) <= keys
    assert keys - set(bound.keys) <= {"camera"} or all(
        rows[k].null_count() == len(rows) for k in keys - set(bound.keys) - {"camera"}
    )
    shares = Shares(0.2, 0.3, unseen, 2, "", (int(tree().at("species")[0]),) if rare else ())
    split = assign(rows.with_columns(bound.group), tree(), shares, seed)
    table = rows.with_columns(split=split)
    for key in bound.keys:
        shared = table.with_columns(value=key_values(rows, key)).filter(
            pl.col("value").is_not_null() & pl.col("split").is_not_null()
        )
        assert (shared.group_by("value").agg(pl.col("split").n_unique())["split"] == 1).all(), key


@FAST
@given(tables(), st.randoms(use_true_random=False))
def test_groups_and_splits_do_not_depend_on_the_order_of_rows(rows: pl.DataFrame, chance: object) -> None:
    order = list(range(len(rows)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    found = []
    for table in (rows, rows[order]):
        table = table.with_columns(grouping(table).group)
        table = table.with_columns(split=assign(table, tree(), SHARES, 0))
        found.append(table.select("id", "group", "split").sort("id"))
    assert found[0].equals(found[1])


def test_plain_values_join_within_a_source_and_addresses_everywhere() -> None:
    rows = pl.DataFrame(
        {
            "id": list("abcdef"),
            "source": ["x", "y", "x", "y", "x", "y"],
            "event_id": ["1", "1", None, None, "https://e/1", "https://e/1"],
            "hash": [None, None, "h", "h", None, None],
        }
    )
    assert grouping(rows).group.to_list() == ["a", "b", "c", "c", "e", "e"]
    assert connected(rows.drop("source"), ("event_id",)).tolist() == [0, 0, 2, 3, 4, 4]


def test_a_long_chain_is_one_group() -> None:
    n = 30_000
    at = np.random.default_rng(0).permutation(n)
    rows = pl.DataFrame({"event_id": (at // 2).astype(str), "individual": ((at + 1) // 2).astype(str)})
    assert not connected(rows, ("event_id", "individual")).any()


def cameras(images: list[int], species: int = SPECIES) -> pl.DataFrame:
    """One row per image of cameras that have seen all species in turn."""
    first = int(tree().at("species")[0])
    made = [(f"c{c}", first + k % species) for c, n in enumerate(images) for k in range(n)]
    frame = pl.DataFrame(made, schema={"camera": pl.String, "taxon": pl.Int32}, orient="row")
    return frame.with_columns(id=pl.format("i{}", pl.int_range(pl.len())))


@FAST
@given(st.lists(st.integers(4, 60), min_size=3, max_size=30), st.integers(0, 99))
def test_cameras_are_dealt_near_the_shares(images: list[int], seed: int) -> None:
    """However uneven the cameras are, the test split is not empty, the largest camera is trained on, and the share is off by less than a camera."""
    rows = cameras(images)
    split = assign(rows.with_columns(grouping(rows).group), tree(), SHARES, seed)
    table = rows.with_columns(split=split)
    assert (table.group_by("camera").agg(pl.col("split").n_unique())["split"] == 1).all()
    assert "test" in split
    test = (split == "test").sum() / len(rows)
    dealt = max(images) / len(rows)
    assert abs(test - 0.3) <= max(dealt, 1 - 0.3 - dealt if len(images) < 4 else dealt)
    if len(images) >= 5:
        assert "val" in split
    sizes = table.filter(pl.col("split") == "train").group_by("camera").len()["len"].to_list()
    assert max(sizes) == max(images)


def test_half_of_the_images_in_one_camera_leave_the_shares_alone() -> None:
    rows = cameras([500] + [25] * 20)
    shares = Shares(0.1, 0.2, 0.0, 2, "")
    bound = rows.with_columns(grouping(rows).group)
    table = bound.with_columns(split=assign(bound, tree(), shares, 0))
    got, remarks = achieved(table, shares)
    parts = dict(got.select("split", "share").rows())
    assert parts["test"] == pytest.approx(0.2, abs=0.03)
    assert parts["val"] == pytest.approx(0.1, abs=0.03)
    assert remarks == ()


def test_one_camera_is_not_kept_together_and_a_remark_says_so() -> None:
    rows = cameras([40])
    bound = grouping(rows)
    assert "camera" not in bound.keys
    assert bound.remarks[0].startswith("1 camera cannot")
    assert (assign(rows.with_columns(bound.group), tree(), SHARES, 0) == "test").any()
    assert "camera" in grouping(cameras([4, 4, 4])).keys
    assert "camera" not in grouping(cameras([4, 4, 4]), ("hash",)).keys
    with pytest.raises(BadSetting, match="did you mean 'camera'"):
        grouping(rows, ("camrea",))


def test_a_giant_of_one_species_is_trained_on() -> None:
    first = int(tree().at("species")[0])
    groups = ["giant"] * (GIANT * 2) + [f"g{k}" for k in range(9)]
    rows = pl.DataFrame({"id": [f"i{k}" for k in range(len(groups))], "taxon": first, "group": groups})
    for seed in range(20):
        found = dealt(rows, seed=seed)
        assert found["giant"] == "train"
        assert list(found.values()).count("test") == 3


def test_an_empty_split_is_told() -> None:
    rows = cameras([40]).with_columns(group=pl.lit("one"))
    _, remarks = achieved(rows.with_columns(split=assign(rows, tree(), SHARES, 0)), SHARES)
    assert any("test split is empty" in r for r in remarks)
    assert any("one group holds 100%" in r for r in remarks)


@FAST
@given(photos(), st.integers(0, 99), st.sets(st.integers(0, SPECIES - 1)), st.sampled_from([0.0, 0.6]))
def test_a_rare_species_is_in_no_other_split(rows: pl.DataFrame, seed: int, chosen: set[int], unseen: float) -> None:
    first = int(tree().at("species")[0])
    rare = tuple(first + k for k in sorted(chosen))
    split = assign(rows, tree(), Shares(0.2, 0.3, unseen, 2, "", rare), seed)
    listed = rows["taxon"].is_in(list(rare))
    assert set(split.filter(listed).to_list()) <= {"rare", None}
    assert "rare" not in split.filter(~listed).to_list()
    pure = rows.with_columns(listed=listed).group_by("group").agg(all=pl.col("listed").all())
    whole = rows["group"].is_in(pure.filter("all")["group"].implode())
    assert (split.filter(whole) == "rare").all()


def test_lists_of_rare_species_in_every_form(tmp_path: Path) -> None:
    species = tree().at("species").tolist()
    names = [tree().names[t] for t in species[:2]]
    forms = {
        "a.csv": "scientificName,status\n" + "\n".join(f"{n},CR" for n in names),
        "b.tsv": "genus\tspecies\n" + "\n".join(f"G\t{n}" for n in names),
        "c.txt": "# rare\n" + "\n".join(names) + "\n\n",
        "d.txt": "Scientific_Name\n" + "\n".join(names),
        "e": "\n".join([*names, "Nemo absens"]),
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
    pl.DataFrame({"species": names}).write_parquet(tmp_path / "f.parquet")
    for name in (*forms, "f.parquet"):
        found = rare_species(tmp_path / name, tree())
        assert found["taxon"].to_list()[:2] == species[:2], name
    assert rare_species(tmp_path / "e", tree()).row(2) == ("Nemo absens", -1)
    (tmp_path / "g.txt").write_text("Nemo absens\n")
    with pytest.raises(BadData, match="Nemo absens"):
        rare_species(tmp_path / "g.txt", tree())
    with pytest.raises(Missing):
        rare_species(tmp_path / "none.csv", tree())
    (tmp_path / "h.csv").write_text("colour,size\nred,2\n")
    with pytest.raises(BadData, match="scientificName"):
        rare_species(tmp_path / "h.csv", tree())
