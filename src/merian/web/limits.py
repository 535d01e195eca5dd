"""How much one client may ask for, and all of them together: so that nobody takes the server from the others.

A client is an address (of IPv6 a /64, which one household has whole). Requests from this machine itself are of whoever serves, and count only among all;
a proxy on this machine passes its visitors' addresses on (`X-Forwarded-For`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from merian.web.commands import Bucket
from merian.web.guard import refuse
from merian.web.uploads import HELD, Held, Refused, Room

__all__ = ["CONNECTIONS", "PATIENCE", "Allowed", "Limits", "Places", "client_of", "within"]

T = TypeVar("T")

CONNECTIONS = 64
"""Connections that one client may have open (`merian.web.wire` counts them). From taste: a browser opens six and one for the twin, and a household or a
class behind one address has several."""
PATIENCE = 120.0
"""Seconds that a request may take. From taste: 64 photos by the largest model on two cores."""
REMEMBERED = 10_000
"""Clients whose rate is remembered. From taste: a few megabytes."""


@dataclass(eq=False)
class Places:
    """Places for work that takes a while: `most` at once. Whoever finds none free is refused, as `what` says."""

    most: int
    what: str
    taken: int = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """One of them. Raises Refused, status 429."""
        if self.taken >= self.most:
            told = f"too many {self.what}: {self.most}, as many as may"
            raise Refused(429, told, "send it again after the seconds that Retry-After gives")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


async def within(request: Request, work: Awaitable[T]) -> T:
    """The result of `work` on a request that was read to its end; given up when it takes too long, or when whoever asked hangs up.

    Raises Refused, or ClientDisconnect.
    """
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((doing, leaving), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        if leaving.done():
            raise ClientDisconnect
        raise Refused(503, f"no answer within {PATIENCE:.0f} s", "send fewer photos, or try again later")
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@dataclass(frozen=True)
class Allowed:
    """Requests of one client in a second (`rate_s`, `burst` of them saved up) and at once, and of all at once. From taste.

    A browser holds six connections, and a page of the explorer loads some hundred thumbnails.
    """

    rate_s: float = 50.0
    burst: float = 600.0
    at_once: int = 16
    in_all: int = 256


@dataclass(eq=False, slots=True)
class _Client:
    bucket: Bucket
    now: int = 0


@dataclass(eq=False)
class Limits:
    """Refuses what is beyond, before it is read: 429 to a client that asks too much, 503 when all together do."""

    app: ASGIApp
    allowed: Allowed = field(default_factory=Allowed)
    clock: Callable[[], float] = time.monotonic
    room: Room = field(default_factory=Room)
    _clients: OrderedDict[str, _Client] = field(default_factory=OrderedDict)
    _now: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        name = client_of(scope)
        client = None if name is None else self._known(name)
        refusal = self._refusal(client, scope["type"] == "http")
        if refusal is not None:
            await refuse(scope, receive, send, refusal)
            return
        # a websocket stays; the twin has an own limit for them
        counts = int(scope["type"] == "http")
        self._now += counts
        if client is not None:
            client.now += 1
        held = scope[HELD] = Held(self.room)
        try:
            await self.app(scope, receive, send)
        finally:
            held.give_back()
            self._now -= counts
            if client is not None:
                client.now -= 1

    def _known(self, name: str) -> _Client:
        """What is remembered of a client; of those who are not here now, the longest away are forgotten."""
        client = self._clients.setdefault(name, _Client(Bucket(self.allowed.rate_s, self.allowed.burst)))
        self._clients.move_to_end(name)
        if len(self._clients) > REMEMBERED:
            oldest = next((key for key, one in self._clients.items() if not one.now), name)
            if oldest != name:
                del self._clients[oldest]
        return client

    def _refusal(self, client: _Client | None, counts: bool) -> Response | None:
        allowed = self.allowed
        if client is not None and client.now >= allowed.at_once:
            return _later(429, f"{allowed.at_once} requests of yours are under way, as many as may", "2")
        if client is not None and not client.bucket.take(self.clock()):
            return _later(429, f"more than {allowed.rate_s:g} requests a second", "2")
        if counts and self._now >= allowed.in_all:
            return _later(503, f"{allowed.in_all} requests are under way, as many as may", "2")
        return None


def client_of(scope: Scope) -> str | None:
    """Whose request it is: an address, of IPv6 its /64; None for this machine itself."""
    return _named((scope.get("client") or ("", 0))[0])


@functools.lru_cache(REMEMBERED)
def _named(said: str) -> str | None:
    try:
        address = ipaddress.ip_address(said.partition("%")[0])
    except ValueError:
        return str(said)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return None if address.is_loopback else str(ipaddress.ip_network((int(address), 64), strict=False))
        address = address.ipv4_mapped
    return None if address.is_loopback else str(address)


def _later(status: int, error: str, seconds: str) -> Response:
    what = {"error": error, "what_to_do": "send it again after the seconds that Retry-After gives"}
    return JSONResponse(what, status, headers={"retry-after": seconds})
