"""Laws of reading sources: the size of the blocks and the number of buckets change nothing."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merian.curate.sources import gather, text
from merian.curate.sources.text import LINE, TextTable

fields = st.text(st.sampled_from('ab ,"\n\té'), max_size=6)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(data: bytes) -> TextTable:
    return TextTable("t.csv", "t.csv", lambda: io.BytesIO(data), len(data), ",", '"')


@quick
@given(rows=st.lists(st.tuples(fields, fields, fields), min_size=1, max_size=12), block=st.integers(1, 60))
def test_a_table_reads_the_same_in_blocks_of_any_size(
    rows: list[tuple[str, str, str]], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("a", "b", "c"), *rows])
    data = out.getvalue().encode()
    with monkeypatch.context() as patched:
        patched.setattr(text, "BLOCK", 1 << 20)
        whole, _ = table(data).whole()
        patched.setattr(text, "BLOCK", block)
        pieces, refused = table(data).whole()
    assert pieces.equals(whole)
    assert len(whole) == len(rows)
    assert refused.filter(pl.col("row").is_not_null()).is_empty()
    lines = data.decode().split("\n")
    assert all(lines[k - 1].startswith('"') for k in whole[LINE])


keys = st.one_of(st.none(), st.sampled_from(["k", "kk", "ä", "", "k1", "k2", "k3"]))


@quick
@given(
    left=st.lists(keys, max_size=20),
    right=st.lists(keys, max_size=20),
    size=st.integers(0, 500),
    flush=st.integers(1, 500),
)
def test_buckets_hold_every_row_once_and_keep_equal_keys_together(
    left: list[str | None],
    right: list[str | None],
    size: int,
    flush: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path))
    monkeypatch.setattr(gather, "BUCKET_BYTES", 100)
    monkeypatch.setattr(gather, "FLUSH_BYTES", flush)

    def frames(side: list[str | None]) -> list[pl.DataFrame]:
        whole = pl.DataFrame({"key": side, "n": range(len(side))}, schema={"key": pl.String, "n": pl.Int64})
        return [whole[:3], whole[3:]]

    pairs = list(gather.bucketed(lambda: iter(frames(left)), lambda: iter(frames(right)), "key", size))
    assert len(pairs) == max(1, -(-size // 100))
    for side, given_rows in ((0, left), (1, right)):
        numbers = [pair[side]["n"].to_list() for pair in pairs]
        assert Counter(n for part in numbers for n in part) == Counter(range(len(given_rows)))
        assert all(part == sorted(part) for part in numbers)
    home = [{k for side in pair for k in side["key"].to_list()} for pair in pairs]
    for a in range(len(home)):
        for b in range(a):
            assert not home[a] & home[b] - {None, ""}  # no key and an empty key meet nothing
    assert not list((tmp_path / "sources").glob("*")) or size <= 100
