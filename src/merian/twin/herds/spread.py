"""How the work of a step lies in memory and among threads: cell by cell, and in pieces whose results do not depend on how many threads there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

import numpy as np

from merian.twin.foodweb import Doubles

__all__ = ["by_cell", "from_cells", "parts", "spread"]

Span = tuple[int, int]


def by_cell(layers: Doubles) -> Doubles:
    """Layers [k, y, x] cell by cell [cells, k], so that all that is asked of a cell lies side by side: the same memory where it
    lies so already, else a copy."""
    return np.ascontiguousarray(np.moveaxis(layers, 0, -1)).reshape(-1, len(layers))


def from_cells(cells: Doubles, shape: tuple[int, ...]) -> Doubles:
    """What `by_cell` gave, of a place [y, x], as layers [k, y, x] again: the same memory."""
    return np.moveaxis(cells.reshape(*shape, cells.shape[1]), -1, 0)


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
