"""A law of curation: what a photo is called names its taxon where no other lies below it, the name most often given first, and no taxon else."""

from __future__ import annotations

from collections import Counter

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, Row, nested, table

from merian.curate.judge import named
from merian.curate.settings import CurateSettings

WORDS = st.sampled_from([None, "moth", "clearwing moth", "butterfly"])


def deepest(row: Row) -> int:
    """The number of the last rank that is given."""
    return max(r for r, name in enumerate(row) if name is not None)


def below(row: Row, other: Row) -> bool:
    """Whether `other` is of a taxon below that of `row`."""
    last = deepest(row)
    return other[: last + 1] == row[: last + 1] and deepest(other) > last


@FAST
@given(nested(), st.data())
def test_a_row_names_its_taxon_only_where_none_lies_below(rows: list[Row], data: st.DataObject) -> None:
    words = data.draw(st.lists(WORDS, min_size=len(rows), max_size=len(rows)))
    frame = table(rows).with_columns(common_name=pl.Series(words, dtype=pl.String))
    tree = named(frame, None, CurateSettings()).tree
    said: dict[str, Counter[str]] = {}
    for row, word in zip(rows, words, strict=True):
        if word is not None and not any(below(row, other) for other in rows):
            said.setdefault(str(row[deepest(row)]), Counter())[word] += 1
    expected = {(name, word) for name, counts in said.items() for word in sorted(counts, key=lambda w: (-counts[w], w))}
    found = [(tree.names[taxon], word) for taxon, language, word in tree.common.rows() if language == "en"]
    assert set(found) == expected
    assert len(found) == len(tree.common)
    for name, counts in said.items():
        assert [word for other, word in found if other == name] == sorted(counts, key=lambda w: (-counts[w], w))
