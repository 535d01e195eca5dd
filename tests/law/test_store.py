"""Laws of the store: all or nothing, resumable, and nobody else's files are touched."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST

from merian.core import store
from merian.core.errors import BadData, Mismatch, Missing


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


class FullDisk(io.FileIO):
    """A file on a disk that takes some bytes and then no more."""

    room = 100

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data) or 0


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fdopen(handle: int, mode: str = "r", **options: Any) -> Any:
        raw = io.BufferedWriter(FullDisk(handle, "wb"), 8)
        return raw if "b" in mode else io.TextIOWrapper(raw, **options)

    monkeypatch.setattr(os, "fdopen", fdopen)


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "a.txt"
    with store.atomic(target) as stream:
        stream.write(b"first")
        stream.flush()
        assert not target.exists()
    assert target.read_bytes() == b"first"
    assert target.stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == ["deep/er/a.txt"]


@pytest.mark.parametrize("failure", [ValueError("x"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def attempt() -> None:
        with store.atomic(target) as stream:
            stream.write(b"new, half")
            raise failure

    with pytest.raises(type(failure)):
        attempt()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("error", [RuntimeError("mapped memory is gone"), OSError("3 requested and 1 written")])
def test_a_full_disk_is_told_whatever_a_library_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def attempt() -> None:
        with store.full_disk_told(tmp_path / "a.bin"):
            raise error

    with pytest.raises(type(error), match=str(error)):
        attempt()
    assert names(tmp_path) == []
    monkeypatch.setattr("tempfile.TemporaryFile", lambda dir: FullDisk(dir / "probe", "wb"))
    with pytest.raises(OSError, match="No space left") as told:
        attempt()
    assert told.value.errno == errno.ENOSPC
    assert told.value.filename == str(tmp_path / "a.bin")


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")
    with pytest.raises(OSError, match="No space left"):
        store.write_json(target, {"k": "v" * 1000})
    with pytest.raises(OSError, match="No space left"), store.atomic(target) as stream:
        stream.write(b"x" * 1000)
    with pytest.raises(OSError, match="No space left"):
        store.write_text(tmp_path / "b.txt", "y" * 1000)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


@FAST
@given(st.lists(st.tuples(st.binary(max_size=20), st.booleans()), max_size=6))
def test_the_last_write_that_ended_well_is_what_stands(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[bytes, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("s")
    expected = None
    for data, ends_well in writes:
        try:
            with store.atomic(folder / "f") as stream:
                stream.write(data)
                if not ends_well:
                    raise InterruptedError
            expected = data
        except InterruptedError:
            pass
        assert names(folder) == ([] if expected is None else ["f"])
        assert expected is None or (folder / "f").read_bytes() == expected


def run(folder: Path, settings: object = None, inputs: dict[str, str] | None = None, **more: Any) -> store.Work:
    return store.begin(folder, "catalog", 1, settings or {"a": 1}, inputs or {"source": "s"}, **more)


def test_a_run_is_done_once_it_is_finished_and_not_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run(out)
    assert (first.done, first.resumed) == (False, False)
    store.write_text(out / "part-1", "one")
    with pytest.raises(Missing, match="interrupted: give the same command again"):
        store.read(out)
    again = run(out)
    assert (again.done, again.resumed) == (False, True)
    assert (out / "part-1").read_text() == "one"
    (out / ".part-2.x1.part").write_text("killed while writing")
    (out / "scratch").mkdir()
    (out / "scratch" / "s").write_text("")
    manifest = again.finish(scratch=("scratch", "never-there"))
    assert names(out) == ["manifest.json", "part-1"]
    assert manifest.files == {"part-1": store.digest(out / "part-1")}
    assert store.read(out, "catalog", 1) == manifest
    assert run(out).done


def test_the_hash_tells_content_not_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(name: str, text: str, command: str) -> store.Manifest:
        monkeypatch.setattr("sys.argv", ["merian", command])
        work = run(tmp_path / name)
        store.write_text(tmp_path / name / "f", text)
        return work.finish()

    one, two, other = made("1", "x", "curate a"), made("2", "x", "curate b"), made("3", "y", "curate a")
    assert one.command == "merian curate a"
    assert one.hash == two.hash
    assert one.hash != other.hash
    # 24 digits that must never change, or every store made so far would be another one
    assert one.hash == "84d4a494b4e9b8f615b7c158"
    assert one.key == "abb35ebf77736ffdaed2e84f"


def test_other_settings_or_inputs_are_refused_unless_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    work = run(out)
    store.write_text(out / "f", "x")
    work.finish()
    with pytest.raises(Mismatch, match=r"a: 1 -> 2.*--overwrite"):
        run(out, {"a": 2})
    with pytest.raises(Mismatch, match="input source changed"):
        run(out, inputs={"source": "t"})
    with pytest.raises(Mismatch, match="another kind of store"):
        store.begin(out, "model", 1, {"a": 1}, {"source": "s"})
    assert names(out) == ["f", "manifest.json"]
    assert not run(out, {"a": 2}, overwrite=True).done
    assert names(out) == [".begun.json"]


def test_a_finished_store_that_lost_a_file_is_made_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    work = run(out)
    store.write_text(out / "f", "x")
    work.finish()
    (out / "f").unlink()
    assert not run(out).done


def test_an_unfinished_run_of_another_kind_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "out")
    store.write_text(tmp_path / "out" / "part", "x")
    with pytest.raises(Mismatch, match="unfinished"):
        store.begin(tmp_path / "out", "model", 1, {}, {})
    assert not store.begin(tmp_path / "out", "model", 1, {}, {}, overwrite=True).resumed


def test_an_unfinished_run_is_not_thrown_away_for_another(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out)
    store.write_text(out / "checkpoint", "hours of work")
    with pytest.raises(Mismatch, match=r"unfinished.*a: 1 -> 2"):
        run(out, {"a": 2})
    assert names(out) == [".begun.json", "checkpoint"]
    again = run(out)
    assert again.resumed
    again.abandon()
    assert names(out) == []
    assert not run(out, {"a": 2}).resumed


def test_a_run_that_wrote_nothing_yet_gives_way_to_another(tmp_path: Path) -> None:
    run(tmp_path / "out")
    assert not run(tmp_path / "out", {"a": 2}).resumed


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_someone_else_is_never_touched(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(BadData, match="did not write"):
        run(tmp_path, overwrite=overwrite)
    (tmp_path / "manifest.json").write_text('{"name": "my web app"}')
    with pytest.raises(BadData, match="not a manifest of Merian"):
        run(tmp_path, overwrite=overwrite)
    with pytest.raises(BadData, match="must be a folder"):
        run(tmp_path / "thesis.txt", overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "all of it"


def test_a_store_is_read_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="is the path right"):
        store.read(tmp_path / "nowhere")
    store.begin(tmp_path / "m", "model", 7, {}, {}).finish()
    with pytest.raises(Mismatch, match="'catalog' it needs"):
        store.read(tmp_path / "m", "catalog")
    with pytest.raises(Mismatch, match="update Merian"):
        store.read(tmp_path / "m", "model", 6)
    assert store.read(tmp_path / "m", "model", 8).version == 7


@FAST
@given(
    st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.none())),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
def test_a_key_knows_settings_and_inputs_in_any_order(settings: dict[str, object], inputs: dict[str, str]) -> None:
    key = store.key_of("k", 1, settings, inputs)
    assert key == store.key_of("k", 1, dict(reversed(settings.items())), dict(reversed(inputs.items())))
    assert key != store.key_of("k", 2, settings, inputs)
    assert key != store.key_of("j", 1, settings, inputs)
    assert key != store.key_of("k", 1, settings | {"a new one": 1}, inputs)
    assert key != store.key_of("k", 1, settings, inputs | {"a new one": "1"})


def test_json_is_the_same_for_the_same_value(tmp_path: Path) -> None:
    store.write_json(tmp_path / "a", {"b": (1, Path("x")), "a": "é"})
    assert (tmp_path / "a").read_text(encoding="utf-8") == '{\n "a": "é",\n "b": [\n  1,\n  "x"\n ]\n}\n'
    assert json.loads((tmp_path / "a").read_text()) == {"a": "é", "b": [1, "x"]}
