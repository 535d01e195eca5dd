"""Work of many requests done together: what waits while a batch is computed makes the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Batcher"]

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class Batcher(Generic[Item, Result]):
    """Runs `run(items) -> results` on `pool`, at most `most` items of any requests at a time, in the order in which they came.

    Nothing waits for others to come: alone, a request is answered at once. `told(count)` is called with the size of each batch.
    """

    run: Callable[[Sequence[Item]], Sequence[Result]]
    pool: Executor
    most: int = 32
    told: Callable[[int], object] = lambda count: None
    _waiting: deque[tuple[Item, asyncio.Future[Result]]] = field(default_factory=deque)
    _running: asyncio.Task[None] | None = None

    async def submit(self, items: Sequence[Item]) -> list[Result]:
        """The results of `items`, in their order; raises what `run` raised for their batch. A caller that gives up leaves no work behind."""
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Result]] = [loop.create_future() for _ in items]
        self._waiting.extend(zip(items, futures, strict=True))
        if self._running is None or self._running.done():
            self._running = loop.create_task(self._work())
        try:
            return list(await asyncio.gather(*futures))
        finally:
            for future in futures:
                future.cancel()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch: list[tuple[Item, asyncio.Future[Result]]] = []
            while self._waiting and len(batch) < self.most:
                item, future = self._waiting.popleft()
                if not future.done():  # whoever asked is gone
                    batch.append((item, future))
            if not batch:
                continue
            self.told(len(batch))
            try:
                results = await loop.run_in_executor(self.pool, self.run, [item for item, _ in batch])
            except Exception as error:  # noqa: BLE001 - it belongs to those who asked
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
