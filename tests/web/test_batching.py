"""Requests that come together are computed together, each gets its own answers, and one that fails or goes away disturbs no other; what was done is counted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from merian.web.batching import Batcher
from merian.web.metrics import Metrics


def story(most: int = 4, fail: int | None = None) -> tuple[list[int], list[object]]:
    """Twelve requests of one to three numbers to be doubled, all while the first is computed; sizes of the batches, and what each got."""
    sizes: list[int] = []
    gate = threading.Event()

    def double(items: Sequence[int]) -> list[int]:
        assert gate.wait(5)
        if fail in items:
            raise ValueError("a bad number")
        return [2 * item for item in items]

    async def all_of_them() -> list[object]:
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(double, pool, most, told=sizes.append)
            asked = [asyncio.create_task(batcher.submit([10 * n + k for k in range(n % 3 + 1)])) for n in range(12)]
            await asyncio.sleep(0.05)
            gate.set()
            return list(await asyncio.gather(*asked, return_exceptions=True))

    return sizes, asyncio.run(all_of_them())


@pytest.mark.parametrize("most", [1, 4, 64])
def test_every_request_gets_its_own_answers(most: int) -> None:
    sizes, got = story(most)
    assert got == [[2 * (10 * n + k) for k in range(n % 3 + 1)] for n in range(12)]
    assert sum(sizes) == 24
    assert max(sizes) <= most
    assert len(sizes) == (24 if most == 1 else 6 if most == 4 else len(sizes))


def test_a_batch_that_fails_fails_only_those_in_it() -> None:
    _, got = story(most=4, fail=110)
    assert isinstance(got[11], ValueError)
    assert got[:9] == [[2 * (10 * n + k) for k in range(n % 3 + 1)] for n in range(9)]


def test_whoever_goes_away_leaves_no_work_behind() -> None:
    done: list[int] = []

    def slow(items: Sequence[int]) -> list[int]:
        time.sleep(0.05)
        done.extend(items)
        return list(items)

    async def go() -> list[int]:
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(slow, pool, 1)
            first = asyncio.create_task(batcher.submit([1]))
            gone = asyncio.create_task(batcher.submit([2, 3]))
            await asyncio.sleep(0.01)
            gone.cancel()
            last = asyncio.create_task(batcher.submit([4]))
            return await first + await last

    assert asyncio.run(go()) == [1, 4]
    assert done == [1, 4]


def test_metrics_are_counted_in_prometheus_words() -> None:
    metrics = Metrics()
    metrics.answered("/api/identify", 200, 0.02)
    metrics.answered("/api/identify", 200, 2.0)
    metrics.answered("/api/identify", 429, 0.001)
    metrics.batched(5)
    lines = metrics.text(3).splitlines()
    assert 'merian_requests_total{route="/api/identify",status="200"} 2' in lines
    assert 'merian_request_seconds_bucket{route="/api/identify",le="0.03"} 2' in lines
    assert 'merian_request_seconds_bucket{route="/api/identify",le="+Inf"} 3' in lines
    assert 'merian_request_seconds_sum{route="/api/identify"} 2.021000' in lines
    assert "merian_images_total 5" in lines
    assert "merian_requests_waiting 3" in lines
