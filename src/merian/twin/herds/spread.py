"""One piece of compiled work, shared out among threads that stay: what each does does not depend on how many there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

import numpy as np

__all__ = ["parts", "spread"]

Span = tuple[int, int]


def parts(size: int, threads: int) -> list[Span]:
    """`size` things in as many spans of like length as there are threads."""
    return list(pairwise(np.linspace(0, size, max(threads, 1) + 1).astype(int).tolist()))


def spread(work: Callable[[Span], object], spans: Sequence[Span]) -> None:
    """Do `work` for each span, one on each thread; for a single one no thread is asked. Raises what the work raises."""
    if len(spans) == 1:
        work(spans[0])
        return
    crew = _crew(os.getpid(), len(spans))
    for done in [crew.submit(work, span) for span in spans]:
        done.result()


@lru_cache(maxsize=4)
def _crew(process: int, threads: int) -> ThreadPoolExecutor:
    """The threads of this process; another process, forked from it, has none of them."""
    return ThreadPoolExecutor(threads, f"merian-herds-{process}")
