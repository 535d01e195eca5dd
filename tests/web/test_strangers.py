"""Who has no token is told how to get in, as a page where a browser asks; and nobody holds more connections than may be."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tiny_site import Ask, Site, asker, served
from visits import Visit

from merian.web import wire
from merian.web.access import Doors
from merian.web.app import create_app
from merian.web.live import PATH

TOKEN = "correct-horse-battery-staple"
HTML = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def closed(site: Site) -> Ask:
    return asker(create_app(site.store, site.identifier, Doors(token=TOKEN)))


@pytest.mark.parametrize("path", ["/", "/life", "/taxon/x", "/report", "/nowhere", "/?token=wrong"])
def test_a_browser_without_the_token_is_told_how_to_get_in(closed: Ask, path: str) -> None:
    reply = closed("GET", path, headers=HTML)
    assert (reply.status_code, reply.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.headers["cache-control"] == "no-store"
    assert "set-cookie" not in reply.headers
    assert "Open the link that" in reply.text
    assert "Öffnen Sie den Link" in reply.text
    assert TOKEN not in reply.text
    assert re.findall(r"""(?:src|href|url|action)\s*[=(]""", reply.text) == [], "it asks for nothing"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/api/about", HTML["accept"]),
        ("GET", "/static/icon.svg", HTML["accept"]),
        ("POST", "/", HTML["accept"]),
        ("GET", "/", "*/*"),
        ("GET", "/", "application/json, text/html"),
        ("GET", "/", ""),
    ],
)
def test_programs_are_told_in_json_as_before(closed: Ask, method: str, path: str, accept: str) -> None:
    reply = closed(method, path, headers={"accept": accept})
    assert (reply.status_code, set(reply.json())) == (401, {"error", "what_to_do"})


def test_the_page_is_drawn_with_its_own_style_and_asks_for_nothing(site: Site, browser: Any) -> None:
    with served(site.store, site.identifier, options=_with_token()) as link:
        address = link.partition("?")[0]
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        page.on("console", lambda one: said.append(one.text))
        assert page.goto(f"{address}life").status == 401
        assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == "rgb(23, 21, 15)"
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        assert page.locator("[lang=de] h1").inner_text() == "Diese Sammlung öffnet ein Link."
        assert asked == [f"{address}life", f"{address}favicon.ico"][: len(asked)]
        assert [text for text in said if "401" not in text] == []
        page.close()
        visit = Visit(browser, link)
        assert visit.page.url == address
        visit.leave(address)


def _with_token() -> Any:
    from merian.web.app import Options

    return Options(token=TOKEN)


@contextlib.contextmanager
def lines(address: str, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many open connections, each of which has sent its first bytes."""
    place = urlsplit(address)
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            line = stack.enter_context(socket.create_connection((place.hostname, place.port), 20))
            line.sendall(first)
            found.append(line)
        yield found


@pytest.fixture
def strange(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that takes this machine for a client from elsewhere, of which five connections may be open."""
    monkeypatch.setattr(wire, "CONNECTIONS", 5)
    monkeypatch.setattr(wire, "client_of", lambda scope: str(scope["client"][0]))
    with served(site.store, site.identifier) as address:
        yield address


def test_a_client_has_so_many_connections_and_no_more(strange: str) -> None:
    with lines(strange, 5):
        with pytest.raises((httpx.HTTPStatusError, httpx.RemoteProtocolError, httpx.ReadError)):
            httpx.get(f"{strange}api/about", timeout=20).raise_for_status()
        with lines(strange, 1) as (more,):
            more.settimeout(20)
            told = b"".join(iter(lambda: more.recv(4_000), b""))
            assert told.startswith(b"HTTP/1.1 429 ")
            assert b"5 connections of yours are open" in told
            assert b"close some" in told, "and it is hung up"
    for _ in range(50):
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{strange}api/about", timeout=20).status_code == 200:
                return
        threading.Event().wait(0.1)
    pytest.fail("places are given back when connections are closed")


def test_a_websocket_counts_among_them(strange: str) -> None:
    host = urlsplit(strange).netloc
    hello = (
        f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    with lines(strange, 1, hello) as (live,):
        live.settimeout(20)
        assert live.recv(12) == b"HTTP/1.1 101"
        with lines(strange, 4), lines(strange, 1) as (more,):
            more.settimeout(20)
            assert more.recv(12) == b"HTTP/1.1 429"


def test_whoever_serves_is_not_limited(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECTIONS", 5)
    with served(site.store, site.identifier) as address, lines(address, 12):
        assert httpx.get(f"{address}api/about", timeout=20).status_code == 200
