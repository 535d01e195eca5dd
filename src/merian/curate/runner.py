"""Runners: the same stage over the same shards, here or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

__all__ = ["LocalRunner", "Runner"]


class Runner(Protocol):
    """Runs a stage on each shard and gives the shard's number back as it finishes. A stage writes its own result, atomically."""

    def map(self, stage: Callable[[int], None], shards: Sequence[int]) -> Iterator[int]: ...


@dataclass(frozen=True, slots=True)
class LocalRunner:
    """Threads of this process: decoding and hashing release the interpreter."""

    workers: int = 0
    """0: one for each core."""

    def map(self, stage: Callable[[int], None], shards: Sequence[int]) -> Iterator[int]:
        """Run `stage` on each shard; a stage's exception stops the run and is raised here."""

        def run(shard: int) -> int:
            stage(shard)
            return shard

        pool = ThreadPoolExecutor(self.workers or os.cpu_count() or 1)
        try:
            yield from pool.map(run, shards)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
