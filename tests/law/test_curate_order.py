"""A law of curation: whatever the order in which shards are done, how often, by how many workers and how large they are, the store has the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.tables import Catalog
from merian.curate import compare, run, vectors
from merian.curate.runner import LocalRunner, Stage
from merian.curate.settings import Aids, CurateSettings
from merian.curate.sources import Source, open_source
from merian.drawn.source import write_source
from merian.drawn.world import DrawSettings

IMAGES = 60
ASKED = CurateSettings(shard_images=9, near_cosine=0.999, people="blur", animals="crop", cap=3)
"""All stages run, and each has several shards."""


@dataclass(frozen=True)
class Cut:
    """A source whose shards have `each` rows."""

    source: Any
    each: int

    @property
    def shards(self) -> int:
        return max(1, -(-len(self.source.table) // self.each))

    def rows(self, shard: int) -> pl.DataFrame:
        found: pl.DataFrame = self.source.table.slice(shard * self.each, self.each)
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("source", "each"):
            raise AttributeError(name)
        return getattr(self.source, name)


@dataclass(frozen=True)
class Restless:
    """A runner that does the shards in an order of its own, some of them twice, as a cluster does that lost a worker."""

    chance: Any
    done: list[int]

    def map(self, stage: Stage, shards: Sequence[int]) -> Iterator[tuple[int, int]]:
        for shard in self.chance.draw(st.permutations(list(shards))):
            if self.chance.draw(st.booleans()):
                stage(shard)
            self.done.append(shard)
            yield shard, stage(shard)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    given_ = DrawSettings(species=8, images=IMAGES, size=48, per_species=4, support=4, near_duplicates=0.1, person=0.1)
    write_source(root, given_, workers=1)
    return root


def curated(
    drawn: Path, out: Path, each: int, monkeypatch: pytest.MonkeyPatch, runner: Any, embedded: int = 13
) -> dict[str, str]:
    """Path -> hash of every file but the manifest, which holds the command, of the store that such a run makes."""

    def cut(path: Path) -> Source:
        found: Source = Cut(open_source(path), each)  # type: ignore[assignment]
        return found

    with monkeypatch.context() as patched:
        patched.setattr(run, "open_source", cut)
        patched.setattr(vectors, "ROWS", embedded)
        patched.setattr(compare, "BLOCK", embedded)
        run.curate(drawn, out, ASKED, Aids(support=drawn / "support"), runner=runner)
    files = (p for p in sorted(out.rglob("*")) if p.is_file() and p.name != "manifest.json")
    return {p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def plain(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The store of a run in order, by this process alone, with shards of seven rows."""
    out = tmp_path_factory.mktemp("plain") / "out"
    with pytest.MonkeyPatch.context() as patch:
        found = curated(drawn, out, 7, patch, LocalRunner(1))
    made = Catalog.open(out)
    assert len(found) > 10
    assert made.frame["shard"].n_unique() > 3  # type: ignore[operator]
    assert len(made) > IMAGES / 2
    assert {"near duplicate", "over the cap"} <= set(made.refused()["reason"])
    return found


@settings(max_examples=3, deadline=None)
@given(chance=st.data())
def test_any_order_of_shards_and_shards_done_twice_give_the_same_catalog(
    drawn: Path, plain: dict[str, str], chance: st.DataObject
) -> None:
    runner = Restless(chance, [])
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        assert curated(drawn, Path(folder) / "out", 7, patch, runner) == plain
    assert len(runner.done) > 10


@pytest.mark.parametrize(("each", "embedded"), [(1, 1), (25, 40), (10_000, 10_000)])
def test_any_size_of_shards_gives_the_same_catalog(
    drawn: Path, plain: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each: int, embedded: int
) -> None:
    assert curated(drawn, tmp_path / "out", each, monkeypatch, LocalRunner(1), embedded) == plain


def test_two_workers_give_the_same_catalog(
    drawn: Path, plain: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert curated(drawn, tmp_path / "out", 7, monkeypatch, LocalRunner(2)) == plain
