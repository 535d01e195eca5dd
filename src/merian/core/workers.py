"""Processes of this machine that run one function over many items: the function travels once to each, Ctrl-C is heard by this process alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["cores", "over_processes"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_function: Callable[[Any], Any] | None = None
"""In a worker: what it was given to run."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int = 0
) -> Iterator[tuple[Item, Result]]:
    """(item, function(item)) as they finish, from `workers` processes (0: one for each core).

    With one worker or one item nothing is started and all runs here, in order. Else `function` and the items must pickle, and processes are spawned,
    so that no thread of ours is copied half-way through its work. What `function` raises is raised here and ends the run. Raises ChildProcessError
    when a worker was killed.
    """
    workers = min(workers or cores(), len(items))
    main = getattr(sys.modules["__main__"], "__file__", None)
    # a spawned process runs the main file anew; where that came through a pipe there is nothing to run
    if workers < 2 or (main is not None and not Path(main).exists()):
        for item in items:
            yield item, function(item)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_adopt, initargs=(function,)
    )
    try:
        with _born_deaf():
            waiting = {pool.submit(_run, item): item for item in items}
        for finished in as_completed(waiting):
            yield waiting.pop(finished), finished.result()
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "a worker process was ended from outside, often for want of memory; give the same command again to go on "
            "(a script of your own must start its work below `if __name__ == '__main__':`)"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _adopt(function: Callable[[Any], Any]) -> None:
    global _function  # noqa: PLW0603 - a worker process runs one function all its life
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _function = function


def _run(item: Any) -> Any:
    assert _function is not None
    return _function(item)


@contextlib.contextmanager
def _born_deaf() -> Iterator[None]:
    """Processes started inside the block never hear Ctrl-C, not even before their initializer runs; ours waits for its end."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
