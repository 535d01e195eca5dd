"""Laws of the Tree: its shape, its files, and the way back from a taxon table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, Row, grown, nested, rows, table

from merian.core.errors import BadData, Missing, UnknownTaxon
from merian.core.tree import RANKS, Lineage, Tree, rank_number, read_table


def walk(tree: Tree, taxon: int) -> list[int]:
    """The taxon and its ancestors, by walking up."""
    path = []
    while taxon >= 0:
        path.append(taxon)
        taxon = int(tree.parent[taxon])
    return path


@FAST
@given(rows())
def test_parent_comes_first_and_is_higher(lineages: list[Row]) -> None:
    tree = grown(lineages)
    inner = np.flatnonzero(tree.parent >= 0)
    assert (tree.parent[inner] < inner).all()
    assert (tree.rank[tree.parent[inner]] < tree.rank[inner]).all()


@FAST
@given(rows())
def test_subtree_is_a_slice(lineages: list[Row]) -> None:
    tree = grown(lineages)
    paths = [set(walk(tree, t)) for t in range(len(tree))]
    for taxon in range(len(tree)):
        below = [t for t in range(len(tree)) if taxon in paths[t]]
        assert below == list(range(taxon, tree.end[taxon]))


@FAST
@given(rows())
def test_ancestors_are_what_walking_up_finds(lineages: list[Row]) -> None:
    tree = grown(lineages)
    assert tree.ancestors.dtype == np.int32
    for taxon in range(len(tree)):
        expected = [-1] * 7
        for above in walk(tree, taxon):
            expected[tree.rank[above]] = above
        assert tree.ancestors[taxon].tolist() == expected


@FAST
@given(rows())
def test_the_taxa_are_the_prefixes_of_the_lineages(lineages: list[Row]) -> None:
    prefixes = set()
    for row in lineages:
        for r in range(7):
            if row[r] is not None:
                prefixes.add(row[: r + 1] + (None,) * (6 - r))
    tree = grown(lineages)
    assert set(tree.lineages().rows()) == prefixes
    assert len(tree) == len(prefixes)


@FAST
@given(rows(), st.randoms(use_true_random=False))
def test_same_lineages_in_any_order_give_the_same_tree(lineages: list[Row], random: object) -> None:
    shuffled = lineages * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert grown(shuffled).version == grown(lineages).version


@FAST
@given(rows(least=1), rows(least=1))
def test_other_lineages_give_another_version(first: list[Row], second: list[Row]) -> None:
    one, two = grown(first), grown(second)
    assert (one.version == two.version) == (one.lineages().rows() == two.lineages().rows())


@FAST
@given(rows())
def test_lineages_and_match_are_inverse(lineages: list[Row]) -> None:
    tree = grown(lineages)
    assert tree.match(tree.lineages()).tolist() == list(range(len(tree)))
    found = tree.match(table(lineages))
    assert tree.lineages(found).rows() == lineages


@FAST
@given(rows(least=1), st.data())
def test_lineages_of_chosen_taxa_and_of_none(lineages: list[Row], data: st.DataObject) -> None:
    tree = grown(lineages)
    chosen = data.draw(st.lists(st.integers(-1, len(tree) - 1)))
    expected = [tuple(tree.lineage(t)) if t >= 0 else (None,) * 7 for t in chosen]
    assert tree.lineages(chosen).rows() == expected


COMMON = st.lists(
    st.tuples(
        st.integers(0, 6), st.sampled_from(["en", "de"]), st.sampled_from(["Elster", "magpie", "Pie", "  a  b "])
    ),
    max_size=12,
)


@FAST
@given(nested(), COMMON)
def test_saved_and_loaded_it_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, lineages: list[Row], called: list[tuple[int, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("tree") / "tree.parquet"
    rows_of = table([lineages[k % len(lineages)] for k, _, _ in called]).with_columns(
        pl.Series("language", [c[1] for c in called], pl.String), pl.Series("name", [c[2] for c in called], pl.String)
    )
    ids = {lineages[0]: "gbif:1"}
    tree = Tree.from_lineages(table(lineages), ids, rows_of)
    tree.save(path)
    back = Tree.load(path)
    assert back.version == tree.version
    assert back.ids.equals(tree.ids)
    assert "gbif:1" in back.ids
    assert back.names.equals(tree.names)
    assert back.common.equals(tree.common)
    assert (back.parent == tree.parent).all()
    assert (back.rank == tree.rank).all()
    for taxon in range(len(tree)):
        assert back.common_name(taxon, "de") == tree.common_name(taxon, "de")
    assert [p.name for p in path.parent.iterdir()] == ["tree.parquet"]
    assert Tree.read(path)[0].version == tree.version


@FAST
@given(rows())
def test_ids_are_stable_when_taxa_are_added(lineages: list[Row]) -> None:
    half = grown(lineages[: len(lineages) // 2])
    whole = grown(lineages)
    of_whole = dict(zip(whole.lineages().rows(), whole.ids, strict=True))
    assert [of_whole[row] for row in half.lineages().rows()] == half.ids.to_list()
    assert whole.ids.n_unique() == len(whole)


def taxa_of(tree: Tree, order: list[int]) -> pl.DataFrame:
    """The tree as a Darwin Core taxon table, its rows in the given order."""
    frame = pl.DataFrame(
        {
            "taxonID": tree.ids,
            "parentNameUsageID": [tree.ids[int(p)] if p >= 0 else None for p in tree.parent],
            "scientificName": tree.names,
            "taxonRank": [RANKS[r].upper() if r % 2 else RANKS[r] for r in tree.rank],
        },
        schema=dict.fromkeys(("taxonID", "parentNameUsageID", "scientificName", "taxonRank"), pl.String),
    )
    return frame[order] if order else frame


@FAST
@given(rows(), st.data())
def test_a_taxon_table_in_any_order_gives_the_tree_back(lineages: list[Row], data: st.DataObject) -> None:
    tree = grown(lineages)
    order = data.draw(st.permutations(range(len(tree))))
    back, refused = Tree.from_taxa(taxa_of(tree, list(order)))
    assert refused.is_empty()
    assert back.lineages().rows() == tree.lineages().rows()
    assert back.version == tree.version


DWC = ("taxonID", "parentNameUsageID", "acceptedNameUsageID", "scientificName", "taxonRank", "vernacularName")


def darwin_core(*lines: str) -> pl.DataFrame:
    """A taxon table from lines "id parent accepted name rank vernacular", - for nothing and _ for a blank."""
    cells = [[None if c == "-" else c.replace("_", " ") for c in line.split()] for line in lines]
    return pl.DataFrame(cells, schema=dict.fromkeys(DWC, pl.String), orient="row")


BIRDS = (
    "1 - - Animalia kingdom -",
    "2 1 - Corvidae family crows",
    "3 2 - Pica genus -",
    "4 3 - Pica_pica species magpie",
)


def reasons(frame: pl.DataFrame) -> dict[str, str]:
    """name -> reason of the rows that were refused."""
    return dict(Tree.from_taxa(frame)[1].select("scientificName", "reason").rows())


def test_a_cycle_is_refused_with_all_that_hangs_on_it() -> None:
    tree, refused = Tree.from_taxa(
        darwin_core(*BIRDS, "8 9 - Aus genus -", "9 8 - Bidae family -", "10 8 - Aus_albus species -")
    )
    assert dict(refused.select("scientificName", "reason").rows()) == dict.fromkeys(
        ("Aus", "Bidae", "Aus albus"), "cycle: it is its own ancestor"
    )
    assert tree.lineages().rows()[-1] == ("Animalia", None, None, None, "Corvidae", "Pica", "Pica pica")


def test_an_orphan_is_refused_with_all_that_hangs_on_it() -> None:
    why = "orphan: its parent, or an ancestor's parent, is not in the table"
    assert reasons(darwin_core(*BIRDS, "8 77 - Aus genus -", "9 8 - Aus_albus species -")) == {
        "Aus": why,
        "Aus albus": why,
    }


def test_a_duplicate_id_is_refused_and_the_first_kept() -> None:
    tree, refused = Tree.from_taxa(darwin_core(*BIRDS, "4 3 - Pica_nuttalli species -"))
    assert refused.select("scientificName", "reason").rows() == [("Pica nuttalli", "duplicate id")]
    assert tree.named("Pica pica")
    assert not tree.named("Pica nuttalli")


def test_rows_without_id_or_name_are_refused() -> None:
    assert Tree.from_taxa(darwin_core(*BIRDS, "- 3 - Pica_nuttalli species -", "5 3 - - species -"))[1][
        "reason"
    ].to_list() == ["no id", "no name"]


def test_homonyms_are_both_kept_and_must_be_told_apart() -> None:
    frame = darwin_core(
        "1 - - Animalia kingdom -", "2 - - Plantae kingdom -", "3 1 - Morus genus gannet", "4 2 - Morus genus mulberry"
    )
    tree, refused = Tree.from_taxa(frame)
    assert refused.is_empty()
    assert [tree.lineage(t).kingdom for t in tree.named("morus")] == ["Animalia", "Plantae"]
    with pytest.raises(UnknownTaxon, match="names 2 taxa"):
        tree.find("Morus")
    assert tree.common_name(tree.match(pl.DataFrame({"kingdom": ["Plantae"], "genus": ["Morus"]}))[0]) == "mulberry"


def test_a_name_of_another_kingdom_is_not_matched() -> None:
    tree = Tree.from_lineages(pl.DataFrame({"kingdom": ["Animalia"], "family": ["Sulidae"], "genus": ["Morus"]}))
    asked = pl.DataFrame(
        {"kingdom": ["Plantae", None, "Animalia"], "family": ["Moraceae", None, None], "genus": "Morus"}
    )
    assert tree.match(asked).tolist() == [-1, tree.find("Morus"), tree.find("Morus")]


def test_the_same_name_and_lineage_twice_is_refused() -> None:
    assert reasons(darwin_core(*BIRDS, "5 3 - Pica_pica species -")) == {
        "Pica pica": "same name and lineage as an earlier row"
    }


def test_what_hangs_below_a_synonym_is_joined_to_the_accepted_name() -> None:
    frame = darwin_core(*BIRDS, "7 2 3 Cleptes genus -", "8 7 - Pica_nuttalli species -")
    tree, refused = Tree.from_taxa(frame)
    assert refused.is_empty()
    assert not tree.named("Cleptes")
    assert tree.lineage(tree.find("Pica nuttalli")).genus == "Pica"


def test_synonyms_of_each_other_are_no_endless_climb() -> None:
    frame = darwin_core(*BIRDS, "7 - 8 Aus genus -", "8 - 7 Bus genus -", "9 7 - Aus_albus species -")
    assert reasons(frame) == {"Aus albus": "cycle: it is its own ancestor"}


def test_other_ranks_are_bridged() -> None:
    frame = darwin_core(
        *BIRDS, "5 3 - Subpica subgenus -", "6 5 - Pica_nuttalli species -", "7 4 - Pica_pica_alba form -"
    )
    tree, refused = Tree.from_taxa(frame)
    assert refused.is_empty()
    assert tree.lineage(tree.find("Pica nuttalli")).genus == "Pica"
    assert not tree.named("Pica pica alba")


def test_a_rank_above_its_ancestors_rank_is_refused() -> None:
    assert reasons(darwin_core(*BIRDS, "5 3 - Novales order -")) == {"Novales": "its rank is above that of an ancestor"}


def test_external_ids_survive_odd_blanks_in_names() -> None:
    tree, _ = Tree.from_taxa(darwin_core(*BIRDS).with_columns(pl.col("scientificName").str.replace(" ", "  ")))
    assert tree.ids[tree.find("Pica pica")] == "4"
    assert tree.common_name(tree.find("Pica pica")) == "magpie"


def test_a_taxon_table_without_a_needed_column_is_refused() -> None:
    with pytest.raises(BadData, match="taxonRank"):
        Tree.from_taxa(darwin_core(*BIRDS).drop("taxonRank"))


def test_an_empty_taxon_table_is_an_empty_tree() -> None:
    tree, refused = Tree.from_taxa(darwin_core(*BIRDS).clear())
    assert len(tree) == 0
    assert refused.is_empty()


def test_a_tree_out_of_order_is_refused() -> None:
    names = pl.Series(["A", "B", "C", "D"])
    with pytest.raises(BadData, match="follow its parent"):
        Tree(np.array([1, -1], np.int32), np.array([1, 0], np.int8), names[:2], names[:2])
    with pytest.raises(BadData, match="stand together"):
        Tree(np.array([-1, -1, 0], np.int32), np.array([0, 0, 1], np.int8), names[:3], names[:3])
    with pytest.raises(BadData, match="stand together"):
        Tree(np.array([-1, 0, 0, 1], np.int32), np.array([0, 1, 1, 2], np.int8), names, names)
    with pytest.raises(BadData, match="equally long"):
        Tree(np.array([-1], np.int32), np.array([0], np.int8), names, names)


def test_siblings_of_unequal_rank_keep_their_own_subtrees() -> None:
    names = pl.Series(["A", "O", "F"])
    tree = Tree(np.array([-1, 0, 0], np.int32), np.array([0, 3, 4], np.int8), names, names)
    assert tree.end.tolist() == [3, 2, 3]


def test_an_empty_tree_works(tmp_path: Path) -> None:
    tree = grown([])
    assert len(tree) == 0
    assert tree.lineages().shape == (0, 7)
    assert tree.lineages([-1]).rows() == [(None,) * 7]
    assert tree.match(pl.DataFrame({"genus": ["Pica"]})).tolist() == [-1]
    tree.save(tmp_path / "t.parquet")
    assert Tree.load(tmp_path / "t.parquet").version == tree.version


def test_lineage_tables_are_read_however_they_are_written(tmp_path: Path) -> None:
    text = "\ufeffKingdom,Genus,specificEpithet,Common_Name\r\nAnimalia, Pica ,Pica,magpie\r\nAnimalia,Corvus,,\r\n"
    (tmp_path / "a.csv").write_bytes(text.encode())
    (tmp_path / "a.tsv").write_bytes(text.replace(",", "\t").encode())
    for name in ("a.csv", "a.tsv"):
        tree, refused = Tree.read(tmp_path / name)
        assert refused.is_empty()
        assert tree.names.to_list() == ["Animalia", "Corvus", "Pica", "Pica pica"]
        assert tree.common_name(3) == "magpie"
    frame = pl.DataFrame({"cls": ["Aves"], "genus": ["Pica"], "class": ["label 7"]})
    frame.write_parquet(tmp_path / "b.parquet")
    assert Tree.read(tmp_path / "b.parquet")[0].lineage(1) == Lineage(None, None, "Aves", None, None, "Pica", None)


def test_rows_without_any_rank_column_stay_rows() -> None:
    tree = grown([("Animalia", None, None, None, None, None, None)])
    assert tree.match(pl.DataFrame({"path": ["a", "b", "c"]})).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("name", ["no.csv", "text.parquet", "empty.csv", "other.csv", "vectors.parquet", "ragged.csv"])
def test_a_file_that_is_no_taxonomy_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.parquet").write_text("not a parquet file")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "ragged.csv").write_text("genus,species\nPica,pica,x,y\n")
    pl.DataFrame({"id": ["a"]}).write_parquet(
        tmp_path / "vectors.parquet", metadata={"merian": '{"kind": "embeddings"}'}
    )
    with pytest.raises((BadData, Missing), match=name.partition(".")[0]):
        Tree.read(tmp_path / name)
    with pytest.raises((BadData, Missing)):
        Tree.load(tmp_path / name)


def test_a_damaged_tree_is_found_out(tmp_path: Path) -> None:
    tree = grown([("Animalia", None, None, None, None, "Pica", "Pica pica")])
    tree.save(tmp_path / "t.parquet")
    meta = pl.read_parquet_metadata(tmp_path / "t.parquet")["merian"]
    frame = pl.read_parquet(tmp_path / "t.parquet").with_columns(pl.col("name").replace("Pica", "Pika"))
    frame.write_parquet(tmp_path / "t.parquet", metadata={"merian": meta})
    with pytest.raises(BadData, match="damaged"):
        Tree.load(tmp_path / "t.parquet")


def test_an_unknown_name_gets_its_nearest() -> None:
    tree = grown([("Animalia", None, None, None, None, "Pica", f"Pica {e}") for e in ("pica", "hudsonia", "nuttalli")])
    with pytest.raises(UnknownTaxon, match="Pica hudsonia") as caught:
        tree.find("Pica hudsonica")
    assert caught.value.candidates[0] == "Pica hudsonia"
    assert tree.find("  PICA   Hudsonia ") == tree.find("Pica hudsonia", "species")
    with pytest.raises(UnknownTaxon):
        tree.find("Pica hudsonia", "genus")
    with pytest.raises(UnknownTaxon):
        tree.find("")


def test_ranks_have_numbers() -> None:
    assert [rank_number(r) for r in RANKS] == list(range(7))
    with pytest.raises(BadData, match="tribe"):
        rank_number("tribe")


def test_common_names_prefer_the_first_of_a_language_and_drop_empty_ones() -> None:
    tree = grown([("Animalia", None, None, None, None, "Pica", None)])
    names = [("en", None), ("en", " "), ("en", "magpie  bird"), ("en", "pie"), ("de", "Elster"), ("en", "magpie bird")]
    common = pl.DataFrame(names, schema=["language", "name"], orient="row").with_columns(taxon=pl.lit(1))
    called = tree.with_common(common)
    assert called.common_name(1) == "magpie bird"
    assert called.common_name(1, "de") == "Elster"
    assert called.common_name(0) is None
    assert called.called("PIE") == [1]
    assert len(called.common) == 3
    assert called.version != tree.version


def test_tabs_and_quotes_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('genus\tremark\nPica\tthe "thieving" magpie, they say\n')
    assert read_table(tmp_path / "a.tsv").rows() == [("Pica", 'the "thieving" magpie, they say')]
