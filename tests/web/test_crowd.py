"""Many clients at once against a real server: each is answered or told to come again, and afterwards it answers as before. bench/crowd.py does it with 500."""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import urlsplit

import httpx
from tiny_site import Site, served

CLIENTS = 100
ALLOWED = {200, 429, 503}
CHEAP, DEAR = (
    ("/", "/api/about", "/static/icon.svg"),
    ("/api/identify", "/api/search", "/api/layout", "/api/tree?deep=1"),
)
PHOTOS = {"/api/identify", "/api/search"}


def request(client: httpx.Client | httpx.AsyncClient, path: str, photo: bytes) -> httpx.Request:
    body, kind = (photo, {"content-type": "image/jpeg"}) if path in PHOTOS else (None, {})
    return client.build_request("POST" if body else "GET", path, content=body, headers=kind)


def alone(address: str, photo: bytes) -> dict[str, bytes]:
    """The answers to one client."""
    with httpx.Client(base_url=address, timeout=60) as client:
        replies = {path: client.send(request(client, path, photo)) for path in (*CHEAP, *DEAR)}
    assert {reply.status_code for reply in replies.values()} == {200}
    return {path: reply.content for path, reply in replies.items()}


async def crowd(address: str, photo: bytes) -> Counter[tuple[str, int]]:
    """What all of them see who ask for everything in turn, among others who hang up in the middle or send half a head and stay."""
    found: Counter[tuple[str, int]] = Counter()
    place, all_of_it = urlsplit(address), (*CHEAP, *DEAR)

    async def asks(client: httpx.AsyncClient, first: int) -> None:
        for k in range(len(all_of_it)):
            path = all_of_it[(first + k) % len(all_of_it)]
            reply = await client.send(request(client, path, photo))
            found[path, reply.status_code] += 1

    async def leaves(stays: bool) -> None:
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        head = f"POST /api/identify HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: image/jpeg\r\nContent-Length: 99999\r\n"
        writer.write(head.encode() + (b"" if stays else b"\r\n" + photo[:500]))
        await writer.drain()
        await asyncio.sleep(1.0 if stays else 0.01)
        writer.close()

    every = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=every) as client:
        odd = [leaves(k % 2 == 0) for k in range(CLIENTS // 5)]
        await asyncio.gather(*(asks(client, k) for k in range(CLIENTS)), *odd)
    return found


def test_a_crowd_is_answered_or_told_to_come_again_and_breaks_nothing(site: Site) -> None:
    photo = site.photo()[1]
    with served(site.store, site.identifier) as address:
        before = alone(address, photo)
        found = asyncio.run(crowd(address, photo))
        assert sum(found.values()) == CLIENTS * len(before), "each had an answer"
        assert {status for _, status in found} <= ALLOWED
        assert all(found[path, 200] == CLIENTS for path in CHEAP), "what is cheap is given to all of them"
        assert all(found[path, 200] > 0 for path in DEAR)
        assert alone(address, photo) == before
        assert httpx.get(f"{address}api/ready", timeout=60).json()["waiting"] == 0
