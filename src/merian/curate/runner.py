"""Runners: the same stage over the same shards, by processes of this machine or on a Ray cluster."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol, cast

from merian.core.errors import BadSetting
from merian.core.workers import over_processes

__all__ = ["RUNNERS", "LocalRunner", "Runner", "Stage", "open_local", "open_runner"]

Stage = Callable[[int], int]
"""Does one shard and gives back how many rows that were. It pickles, writes its own result atomically, and can be run again."""

RUNNERS = {
    "local": "merian.curate.runner:open_local",
    "ray": "merian.curate.cluster:open_ray",
}
"""Name -> `module:function(address, workers) -> Runner`; another package adds its own with an entry point of the group `merian.runners`."""


class Runner(Protocol):
    """Runs a stage on each shard and gives (shard, rows) as it finishes, in any order."""

    def map(self, stage: Stage, shards: Sequence[int]) -> Iterator[tuple[int, int]]: ...


@dataclass(frozen=True, slots=True)
class LocalRunner:
    """Processes of this machine."""

    workers: int = 0
    """0: one for each core; 1: none but this one."""

    def map(self, stage: Stage, shards: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Run `stage` on each shard; what it raises stops the run and is raised here."""
        yield from over_processes(stage, shards, self.workers)


def open_local(address: str, workers: int) -> Runner:
    """Processes of this machine. Raises BadSetting for an address, which it has not, and for fewer than 0 workers."""
    if address:
        raise BadSetting("address", address, "only the runner 'ray' has an address")
    if workers < 0:
        raise BadSetting("workers", workers, "must be 0 (one for each core) or more")
    return LocalRunner(workers)


def open_runner(name: str = "local", address: str = "", workers: int = 0) -> Runner:
    """The runner called `name`. Raises BadSetting for an unknown one."""
    places = RUNNERS | {entry.name: entry.value for entry in entry_points(group="merian.runners")}
    if name not in places:
        raise BadSetting("runner", name, f"may be {', '.join(places)}", places)
    module, _, function = places[name].partition(":")
    return cast("Callable[[str, int], Runner]", getattr(importlib.import_module(module), function))(address, workers)
