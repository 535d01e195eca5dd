"""Runners: the same stage gives the same files by any of them, what it raises is heard, and a lost worker is told."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from merian.core.errors import BadData, BadSetting
from merian.curate.runner import LocalRunner, open_runner


@dataclass(frozen=True)
class Write:
    """A stage: writes the shard's number and who did it; raises or dies where told."""

    folder: Path
    bad: int = -1
    fatal: int = -1

    def __call__(self, shard: int) -> int:
        if shard == self.bad:
            raise BadData("shard", "is bad", [str(shard)])
        if shard == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        (self.folder / str(shard)).write_text(str(os.getpid()))
        return 10 * shard


def test_one_worker_is_this_process_and_keeps_the_order(tmp_path: Path) -> None:
    assert list(LocalRunner(1).map(Write(tmp_path), [2, 0, 1])) == [(2, 20), (0, 0), (1, 10)]
    assert {p.read_text() for p in tmp_path.iterdir()} == {str(os.getpid())}
    assert list(LocalRunner(4).map(Write(tmp_path), [])) == []


def test_several_workers_do_every_shard_once_elsewhere(tmp_path: Path) -> None:
    assert sorted(LocalRunner(2).map(Write(tmp_path), range(5))) == [(s, 10 * s) for s in range(5)]
    done_by = {p.read_text() for p in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 5
    assert 1 <= len(done_by) <= 2
    assert str(os.getpid()) not in done_by


def test_what_a_stage_raises_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="is bad"):
        list(LocalRunner(2).map(Write(tmp_path, bad=1), range(4)))


def test_a_killed_worker_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ChildProcessError, match="same command again"):
        list(LocalRunner(2).map(Write(tmp_path, fatal=1), range(4)))


def test_runners_by_name() -> None:
    assert open_runner(workers=3) == LocalRunner(3)
    with pytest.raises(BadSetting, match="local, ray"):
        open_runner("rya")
    with pytest.raises(BadSetting, match="only the runner 'ray'"):
        open_runner("local", "10.0.0.1:6379")
