"""Every built-in source keeps the contract, is the only one to open its format, and the suite catches those who break it."""

from __future__ import annotations

import contextlib
import importlib
import sys
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

import polars as pl
import pytest

from merian.core.errors import BadData, MerianError
from merian.core.tree import RANKS
from merian.curate.sources import REFUSED, SOURCES, NoBytes, Source, open_source
from merian.curate.sources.seam import PLAIN
from merian.testing import check_source

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from small_sources import FORMATS


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: write(tmp_path_factory.mktemp("formats")) for name, (_, write) in FORMATS.items()}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def opener(name: str):  # type: ignore[no-untyped-def]
    module, _, function = SOURCES[name].partition(":")
    return getattr(importlib.import_module(module), function)


@pytest.mark.parametrize("name", FORMATS)
def test_a_built_in_keeps_the_contract(places: dict[str, Path], name: str) -> None:
    source = open_source(places[name])
    rows = check_source(source)
    assert len(rows)
    assert open_source(places[name]).hash == source.hash


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_opened_by_its_own_and_by_no_other(places: dict[str, Path], name: str) -> None:
    reads, _ = FORMATS[name]
    takes = [other for other in SOURCES if other not in PLAIN and opener(other)(places[name]) is not None]
    if reads not in PLAIN:
        assert takes == [reads]
        return
    assert takes == []
    for other in PLAIN[: PLAIN.index(reads)]:
        assert opener(other)(places[name]) is None
    assert opener(reads)(places[name]) is not None


@pytest.mark.parametrize("name", FORMATS)
def test_what_does_not_fit_in_memory_has_the_same_rows(
    places: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = open_source(places[name])
    expected = check_source(small)
    monkeypatch.setattr("merian.curate.sources.gather.IN_MEMORY_ROWS", 0)
    monkeypatch.setattr("merian.curate.sources.gather.PART_ROWS", 2)
    monkeypatch.setattr("merian.curate.sources.gather.STORED_SHARD", 1)
    monkeypatch.setattr("merian.curate.sources.gather.BUCKET_BYTES", 300)
    stored = open_source(places[name])
    found = check_source(stored)
    assert stored.taxa == small.taxa
    assert found.sort("id").equals(expected.select(found.columns).sort("id"))
    again = open_source(places[name])  # from the cache
    assert check_source(again).equals(found)
    key = ["file", "row", "reason"]
    # a reason that ends in a count is given bucket by bucket
    counted = pl.col("reason").str.contains(r": [\d,]+$")
    assert stored.refused.filter(~counted).sort(key).equals(small.refused.filter(~counted).sort(key))


@dataclass(frozen=True)
class Stranger:
    """A source of another package."""

    root: Path
    name: str = "stranger"
    shards: int = 2
    hash: str = "abc"
    taxa: Path | None = None
    table: pl.DataFrame = field(default_factory=lambda: table(["a", "b"], ["x", None]))

    @property
    def refused(self) -> pl.DataFrame:
        return pl.DataFrame(schema=REFUSED)

    def rows(self, shard: int) -> pl.DataFrame:
        return self.table.slice(shard, 1)

    def read(self, place: str) -> bytes:
        if place != "x":
            raise NoBytes("file not found")
        return b"bytes"


def table(ids: list[str | None], paths: list[str | None], **more: list[object]) -> pl.DataFrame:
    ranks = {r: pl.Series([None] * len(ids), dtype=pl.String) for r in RANKS}
    return pl.DataFrame({"id": ids, "path": pl.Series(paths, dtype=pl.String), **more, **ranks})


def open_stranger(path: Path) -> Source | None:
    """What an entry point of the group merian.sources names."""
    return Stranger(path) if (path / "stranger.txt").exists() else None


def test_a_stranger_enters_by_the_same_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", f"{__name__}:open_stranger", "merian.sources")
    monkeypatch.setattr("merian.curate.sources.seam.entry_points", lambda group: [point])
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "stranger.txt").write_text("")
    (tmp_path / "mine" / "a.jpg").write_bytes(b"")
    found = open_source(tmp_path / "mine")
    assert found.name == "stranger"
    check_source(found)


WRONG: dict[str, pl.DataFrame] = {
    "an id is absent": table(["a", "a"], [None, None]),
    "there twice": table(["a", None], [None, None]),
    "'colour' is not one of the catalog's": table(["a", "b"], [None, None], colour=["x", "y"]),
    "'latitude' is String": table(["a", "b"], [None, None], latitude=["1", "2"]),
    "beyond 90": table(["a", "b"], [None, None], latitude=[1.0, 91.0]),
    "a box is not": table(["a", "b"], [None, None], box=["0.5,0.5,0.6,0.1", None]),
    "not null": table(["a", "b"], [None, None], sex=["", None]),
    "'path' is absent": table(["a", "b"], [None, None]).drop("path"),
}


@pytest.mark.parametrize("rule", WRONG)
def test_the_suite_says_what_a_source_breaks(tmp_path: Path, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_source(Stranger(tmp_path, table=WRONG[rule]))


def test_the_suite_catches_errors_in_reading(tmp_path: Path) -> None:
    class Raising(Stranger):
        def read(self, place: str) -> bytes:
            return (self.root / place).read_bytes()

    with pytest.raises(FileNotFoundError):
        check_source(Raising(tmp_path))


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 3000, b"PK\x03\x04broken", b"{", b"[1, 2", b"a\tb\n1\t2\n", b"\xff\xfe\x00"]
)
@pytest.mark.parametrize("ending", [".zip", ".json", ".csv", ".csv.gz", ".tar", ".parquet", ".txt", ".arrow"])
def test_a_broken_file_is_told_in_words(tmp_path: Path, data: bytes, ending: str) -> None:
    file = tmp_path / f"thing{ending}"
    file.write_bytes(data)
    with contextlib.suppress(MerianError):
        source = open_source(file)
        assert len(source.refused) or not source.rows(0).is_empty()


def test_a_folder_of_broken_files_is_told_in_words(tmp_path: Path) -> None:
    for name in ("meta.xml", "datapackage.json", "photos.csv.gz", "dataset_dict.json", "catalog.parquet"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / name).write_bytes(b"\0nothing<")
        with pytest.raises(MerianError, match=name):
            open_source(tmp_path / name)
        (tmp_path / name / name).unlink()
    with pytest.raises(BadData):
        open_source(tmp_path / "meta.xml")
