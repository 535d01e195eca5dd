"""What the server did since it started, in the text format of Prometheus."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Metrics", "Timed"]

BOUNDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Upper bounds of the buckets of answering times, in seconds."""


@dataclass
class Metrics:
    """Counts, by the name of a route."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    buckets: Counter[tuple[str, float]] = field(default_factory=Counter)
    images: int = 0
    batches: int = 0

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests[route, status] += 1
        self.seconds[route] += seconds
        for bound in BOUNDS:
            if seconds <= bound:
                self.buckets[route, bound] += 1

    def batched(self, count: int) -> None:
        """Count one batch of so many images."""
        self.batches += 1
        self.images += count

    def text(self, waiting: int) -> str:
        """All of it, for `GET /api/metrics`."""
        lines = ["# TYPE merian_requests_total counter"]
        for (route, status), count in sorted(self.requests.items()):
            lines.append(f'merian_requests_total{{route="{route}",status="{status}"}} {count}')
        lines.append("# TYPE merian_request_seconds histogram")
        for route in sorted({route for route, _ in self.requests}):
            total = sum(count for (own, _), count in self.requests.items() if own == route)
            lines += [
                f'merian_request_seconds_bucket{{route="{route}",le="{bound:g}"}} {self.buckets[route, bound]}'
                for bound in BOUNDS
            ]
            lines.append(f'merian_request_seconds_bucket{{route="{route}",le="+Inf"}} {total}')
            lines.append(f'merian_request_seconds_sum{{route="{route}"}} {self.seconds[route]:.6f}')
            lines.append(f'merian_request_seconds_count{{route="{route}"}} {total}')
        for name, kind, value in (
            ("images_total", "counter", self.images),
            ("batches_total", "counter", self.batches),
            ("requests_waiting", "gauge", waiting),
        ):
            lines += [f"# TYPE merian_{name} {kind}", f"merian_{name} {value}"]
        return "\n".join(lines) + "\n"


class Timed:
    """Counts every answer of an application under the path of its route, without ids."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Sequence[str]) -> None:
        self.app, self.metrics = app, metrics
        self.routes = {route.partition("/{")[0] for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def counting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, counting)
        finally:
            place = "/".join(scope["path"].split("/")[:3])
            self.metrics.answered(place if place in self.routes else "other", status, time.perf_counter() - start)
