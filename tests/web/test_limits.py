"""How much one client may ask for: rate, what is under way at once, and what all together hold."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from tiny_site import Site

from merian.web import limits
from merian.web.app import create_app
from merian.web.limits import Allowed, Limits, client_of
from merian.web.uploads import Held, Room


class Gate:
    """An application that answers when it is let."""

    def __init__(self) -> None:
        self.open, self.inside, self.most = asyncio.Event(), 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.open.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"yes"})
        finally:
            self.inside -= 1


async def ask(app: Any, client: str, path: str = "/") -> httpx.Response:
    transport = httpx.ASGITransport(app=app, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://merian.example") as visitor:
        return await visitor.get(path)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 0.5)), max_size=120))
def test_no_client_gets_more_than_its_rate_whatever_the_others_do(asked: list[tuple[int, float]]) -> None:
    gate, now = Gate(), [1.0]
    app = Limits(gate, Allowed(rate_s=5.0, burst=10.0), clock=lambda: now[0])
    got: dict[int, int] = dict.fromkeys(range(3), 0)

    async def all_of_them() -> None:
        gate.open.set()
        for who, wait in asked:
            now[0] += wait
            reply = await ask(app, f"10.0.0.{who}")
            got[who] += reply.status_code == 200
            if reply.status_code != 200:
                assert reply.status_code == 429
                assert reply.headers["retry-after"] == "2"
                assert set(reply.json()) == {"error", "what_to_do"}
                assert "default-src 'none'" in reply.headers["content-security-policy"]

    asyncio.run(all_of_them())
    for who, count in got.items():
        assert count <= 10 + 5 * (now[0] - 1.0) + 1e-6
        assert count >= min(10, sum(one == who for one, _ in asked)), "a burst is let through"


def test_one_client_at_once_and_all_at_once() -> None:
    async def story() -> None:
        gate = Gate()
        app = Limits(gate, Allowed(at_once=3, in_all=7))
        crowd = [asyncio.create_task(ask(app, "10.0.0.1")) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert [task.result().status_code for task in crowd if task.done()] == [429, 429]
        others = [asyncio.create_task(ask(app, f"10.0.1.{k}")) for k in range(6)]
        await asyncio.sleep(0.05)
        assert [task.result().status_code for task in others if task.done()] == [503, 503]
        assert gate.inside == 7
        gate.open.set()
        found = [reply.status_code for reply in await asyncio.gather(*crowd, *others)]
        assert sorted(found) == [200] * 7 + [429] * 2 + [503] * 2
        assert gate.most == 7
        assert [(await ask(app, "10.0.0.1")).status_code for _ in range(10)] == [200] * 10, "places are given back"

    asyncio.run(story())


def test_places_are_given_back_when_the_answer_fails() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise OSError("gone")

    async def story() -> None:
        app = Limits(fails, Allowed(at_once=1, in_all=1))
        for _ in range(5):
            with pytest.raises(OSError, match="gone"):
                await ask(app, "10.0.0.1")

    asyncio.run(story())


def test_whoever_serves_is_not_counted_as_a_client() -> None:
    async def story() -> None:
        gate = Gate()
        gate.open.set()
        app = Limits(gate, Allowed(rate_s=1.0, burst=1.0, at_once=1))
        for client in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            assert [(await ask(app, client)).status_code for _ in range(20)] == [200] * 20

    asyncio.run(story())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_a_client_is_an_address_or_a_house(one: str, other: str, same: bool) -> None:
    assert (client_of({"client": (one, 1)}) == client_of({"client": (other, 2)})) is same


def test_what_is_remembered_of_clients_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 50)

    async def story() -> None:
        gate = Gate()
        app = Limits(gate, Allowed(at_once=1))
        first = asyncio.create_task(ask(app, "10.9.9.9"))
        await asyncio.sleep(0.05)
        gate.open.set()
        for k in range(200):
            await ask(app, f"10.0.{k}.1")
        await first
        assert len(app._clients) <= 50

    asyncio.run(story())


def test_the_application_has_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(site.store, site.identifier)
    monkeypatch.setattr(limits.Bucket, "take", lambda bucket, now: False)
    for client, status in (("10.0.0.1", 429), ("127.0.0.1", 200)):
        assert asyncio.run(ask(app, client, "/api/about")).status_code == status


def test_bodies_share_the_memory_and_give_it_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(most=300_000)
    build = Limits.__init__
    monkeypatch.setattr(Limits, "__init__", lambda own, app: build(own, app, room=room))
    app = create_app(site.store, site.identifier)
    seen = list[int]()
    plain = Held.give_back
    monkeypatch.setattr(Held, "give_back", lambda held: (seen.append(held.own), plain(held)))

    async def post(body: bytes) -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://merian.example") as visitor:
            return await visitor.post("/api/identify", content=body, headers={"content-type": "image/jpeg"})

    for _ in range(3):
        assert asyncio.run(post(site.photo()[1])).status_code == 200
        refused = asyncio.run(post(b"x" * 300_001))
        assert (refused.status_code, refused.json()["what_to_do"]) == (503, "send it again later")
        assert room.used == 0
    assert max(seen) == len(site.photo()[1]), "what was sent was counted"
    room.used = room.most
    assert asyncio.run(post(site.photo()[1])).status_code == 503
