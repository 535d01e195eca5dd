"""Laws of the Backbone: what is written is read back, the order of rows plays no part, and every name leads to an accepted one or is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, Row, grown, rows

from merian.core.tree import RANKS, Tree
from merian.names import climb
from merian.names.backbone import Backbone
from merian.names.raw import NO_REFUSED, Raw
from merian.names.settle import Settled, settle

META = """<archive xmlns="http://rs.tdwg.org/dwc/text/"><core fieldsTerminatedBy="\\t" fieldsEnclosedBy="" ignoreHeaderLines="1"
rowType="http://rs.tdwg.org/dwc/terms/Taxon"><files><location>taxa.txt</location></files><id index="0"/>
<field index="0" term="http://rs.tdwg.org/dwc/terms/taxonID"/><field index="1" term="http://rs.tdwg.org/dwc/terms/parentNameUsageID"/>
<field index="2" term="http://rs.tdwg.org/dwc/terms/scientificName"/><field index="3" term="http://rs.tdwg.org/dwc/terms/taxonRank"/>
</core></archive>"""


def taxa_of(tree: Tree, order: list[int]) -> pl.DataFrame:
    """The tree as a table of taxa and parents, its rows in the given order."""
    columns = {
        "ID": tree.ids.to_list(),
        "parentID": [tree.ids[int(p)] if p >= 0 else None for p in tree.parent],
        "scientificName": tree.names.to_list(),
        "rank": [RANKS[r] for r in tree.rank],
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))[order]


@FAST
@given(rows(least=1), st.data())
def test_an_archive_written_from_a_tree_gives_the_tree_back(
    tmp_path_factory: pytest.TempPathFactory, lineages: list[Row], data: st.DataObject
) -> None:
    tree = grown(lineages)
    folder = tmp_path_factory.mktemp("backbone")
    table = taxa_of(tree, list(data.draw(st.permutations(range(len(tree))))))
    (folder / "coldp").mkdir()
    (folder / "dwca").mkdir()
    table.write_csv(folder / "coldp" / "NameUsage.csv")
    table.write_csv(folder / "dwca" / "taxa.txt", separator="\t")
    (folder / "dwca" / "meta.xml").write_text(META)
    table.rename({"ID": "id", "parentID": "parent_id", "scientificName": "name"}).write_csv(folder / "table.csv")
    tree.save(folder / "tree.parquet")
    for name in ("coldp", "dwca", "table.csv", "tree.parquet"):
        backbone = Backbone.open(folder / name, folder / "cache")
        assert backbone.refused.is_empty()
        assert backbone.tree().version == tree.version
    again = Backbone.open(folder / name, folder / "cache")
    assert again.usages.equals(backbone.usages)
    assert again.version == backbone.version


KEYS = [f"k{i}" for i in range(9)]
USAGE = st.tuples(
    st.sampled_from([*KEYS, None]),
    st.sampled_from([*KEYS, "nobody", None]),
    st.sampled_from([*KEYS, "nobody", None]),
    st.sampled_from(["accepted", "synonym", "misapplied", "bare name", "doubtful", "odd", None]),
    st.sampled_from([*RANKS, "subspecies", "tribe", None]),
    st.sampled_from(["Aus", "Bus", "Aus bus", "Aus bus cus", None]),
)


def raw_of(usages: list[tuple[str | None, ...]]) -> Raw:
    columns = dict.fromkeys(("id", "parent", "link", "status", "rank", "canonical"), pl.String)
    frame = pl.DataFrame(usages, schema=columns, orient="row").with_columns(row=pl.int_range(1, pl.len() + 1))
    return Raw(frame, "f", None, pl.DataFrame(schema=NO_REFUSED), "t")


def content(settled: Settled) -> tuple[pl.DataFrame, list[tuple[object, ...]]]:
    return settled.usages, sorted(settled.refused.select("id", "name", "reason").rows(), key=str)


@FAST
@given(st.lists(USAGE, max_size=14))
def test_every_name_leads_to_an_accepted_one_or_is_refused(usages: list[tuple[str | None, ...]]) -> None:
    settled = settle(raw_of(usages))
    frame, refused = settled.usages, settled.refused
    assert len(frame) + len(refused) == len(usages)
    assert refused["row"].n_unique() == len(refused)
    assert refused["reason"].null_count() == 0
    assert frame["id"].is_sorted()
    assert frame["id"].is_unique().all()
    assert (frame.filter(pl.col("accepted").is_null())["status"] == "unavailable").all()
    at = frame["accepted"].drop_nulls()
    assert frame["accepted"].gather(at).equals(at)
    taxa = frame.with_row_index("at").filter(pl.col("status").is_in(["accepted", "provisionally accepted"]))
    assert (taxa["accepted"] == taxa["at"]).all()
    assert frame["status"].gather(at).is_in(["accepted", "provisionally accepted"]).all()
    for rank, name, lineage in zip(taxa["rank"], taxa["name"], taxa.select(RANKS).rows(), strict=True):
        if rank in RANKS:
            level = RANKS.index(rank)
            assert lineage[level] == name
            assert lineage[level + 1 :] == (None,) * (6 - level)


@FAST
@given(st.lists(USAGE, max_size=14), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_plays_no_part(usages: list[tuple[str | None, ...]], random: object) -> None:
    shuffled = list(usages)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, again = settle(raw_of(usages)), settle(raw_of(shuffled))
    assert content(first)[0].equals(content(again)[0])
    assert content(first)[1] == content(again)[1]
    assert first.notes == again.notes


@FAST
@given(st.lists(st.integers(-2, 11), min_size=12, max_size=12))
def test_following_is_walking(targets: list[int]) -> None:
    target = np.array([i if t == -1 else t for i, t in enumerate(targets)], np.int32)
    rest, steps = climb.follow(target)
    for start in range(12):
        at, seen = start, []
        while at >= 0 and target[at] != at and at not in seen:
            seen.append(at)
            at = int(target[at])
        if at >= 0 and target[at] != at:
            assert rest[start] == climb.CYCLE
        else:
            assert rest[start] == at
            assert steps[start] == len(seen)


def test_a_path_longer_than_a_taxonomy_is_deep_is_followed() -> None:
    rest, steps = climb.follow(np.maximum(np.arange(1000, dtype=np.int32) - 1, 0))
    assert (rest == 0).all()
    assert steps.tolist() == list(range(1000))
