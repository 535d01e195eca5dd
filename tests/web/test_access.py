"""A server that strangers can reach gives nothing without its token; the link with it lets a browser in, once and for the rest."""

from __future__ import annotations

import contextlib
import socket
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient, WebSocketDenialResponse
from tiny_site import Ask, Site, asker, served

from merian.cli.main import run
from merian.core.errors import BadSetting
from merian.web import app as web_app
from merian.web.access import COOKIE, SHORTEST, Doors, checked_token, new_token
from merian.web.app import Options, create_app
from merian.web.guard import Guard
from merian.web.live import PATH
from merian.web.pages import ADDRESSES, read_static

TOKEN = "correct-horse-battery-staple"
BEARER = {"authorization": f"Bearer {TOKEN}"}
HERE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def app(site: Site) -> Any:
    return create_app(site.store, site.identifier, Doors(token=TOKEN))


@pytest.fixture(scope="module")
def closed(app: Any) -> Ask:
    return asker(app)


def everything() -> Iterator[tuple[str, str]]:
    """Every address that there is, with each of its methods."""
    for path in (*ADDRESSES, "/report", "/model", "/favicon.ico", "/nowhere"):
        yield "GET", path.replace("{id:path}", "x")
    for name in read_static():
        yield "GET", f"/static/{name}"


def test_without_the_token_nothing_is_given(closed: Ask) -> None:
    paths = closed("GET", "/api/openapi.json", headers=BEARER).json()["paths"]
    described = [(method.upper(), path.replace("{id}", "x")) for path, methods in paths.items() for method in methods]
    assert len(described) > 20
    for method, path in (*everything(), *described, ("HEAD", "/"), ("OPTIONS", "/api/about")):
        reply = closed(method, path)
        assert reply.status_code == 401, path
        assert reply.headers["www-authenticate"] == "Bearer"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        if method != "HEAD":
            assert set(reply.json()) == {"error", "what_to_do"}
            assert "Authorization: Bearer" in reply.json()["what_to_do"]
        assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": "Bearer töken".encode()},
        {"cookie": f"{COOKIE}={TOKEN}"},
        {"cookie": f"{COOKIE}="},
        {"cookie": "=;;\xff=;".encode("latin-1")},
        {"x-token": TOKEN},
    ],
)
def test_what_is_not_the_token_opens_nothing(closed: Ask, headers: dict[str, Any]) -> None:
    assert closed("GET", "/api/about", headers=headers).status_code == 401


def test_the_token_as_a_header_opens_everything(closed: Ask) -> None:
    for path in ("/", "/static/icon.svg", "/api/about", "/life"):
        assert closed("GET", path, headers=BEARER).status_code == 200
    assert closed("GET", "/api/about", headers={"authorization": f"bearer {TOKEN}"}).status_code == 200


def test_the_link_leaves_a_cookie_that_no_script_reads_and_goes_on_to_the_clean_address(closed: Ask) -> None:
    reply = closed("GET", "/", params={"token": TOKEN})
    assert (reply.status_code, reply.headers["location"], reply.headers["cache-control"]) == (303, "/", "no-store")
    said = reply.headers["set-cookie"]
    assert {part.strip().lower() for part in said.split(";")[1:]} == {"httponly", "path=/", "samesite=strict"}
    assert TOKEN not in said, "whoever sees the cookie does not know the token"
    cookie = said.partition(";")[0]
    for path in ("/", "/static/icon.svg", "/api/about"):
        assert closed("GET", path, headers={"cookie": f"a=b; {cookie}; odd"}).status_code == 200
    other = asker(Starlette(middleware=[Middleware(Guard, doors=Doors(token=new_token()))]))
    assert other("GET", "/", headers={"cookie": cookie}).status_code == 401, "a new token shuts out old cookies"


@pytest.mark.parametrize("path", ["/?token=wrong", "/?token=", f"/api/about?token={TOKEN}", f"/life?token={TOKEN}"])
def test_a_wrong_link_or_a_token_elsewhere_opens_nothing(closed: Ask, path: str) -> None:
    reply = closed("GET", path)
    assert reply.status_code == 401
    assert "set-cookie" not in reply.headers


def test_behind_tls_the_cookie_goes_over_tls_alone(app: Any) -> None:
    with TestClient(app, base_url="https://merian.example") as client:
        reply = client.get(f"/?token={TOKEN}", follow_redirects=False)
        assert "secure" in {part.strip().lower() for part in reply.headers["set-cookie"].split(";")}


def test_the_websocket_wants_it_too(app: Any) -> None:
    where = f"ws://127.0.0.1:8765{PATH}"
    with TestClient(app, base_url=HERE) as client:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"origin": HERE}):
            with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(where, headers=headers):
                pass
            assert refused.value.status_code == 401
        client.get(f"/?token={TOKEN}")
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect(where, headers={"origin": "http://evil.example"}),
        ):
            pass
        assert refused.value.status_code == 403, "a cookie is no leave for another site's page"


def test_another_site_cannot_write_with_the_cookie_of_a_visitor(closed: Ask) -> None:
    cookie = closed("GET", "/", params={"token": TOKEN}).headers["set-cookie"].partition(";")[0]
    headers = {"cookie": cookie, "origin": "http://evil.example", "content-type": "image/jpeg"}
    assert closed("POST", "/api/identify", headers=headers, content=b"x").status_code == 403


def test_a_token_that_could_be_guessed_is_refused() -> None:
    assert len({new_token() for _ in range(50)}) == 50
    assert checked_token(new_token())
    for token in (
        "",
        "a" * (SHORTEST - 1),
        "a" * 1000,
        "spaces in between it",
        "ünïcödé" * 4,
        "line\nline\nline\nline",
    ):
        with pytest.raises(BadSetting, match="token"):
            checked_token(token)


@contextlib.contextmanager
def running(store: Path, host: str, options: Options | None, site: Site) -> Iterator[str]:
    """The address that a real server says; on all addresses it is asked by that of this machine alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web_app, "_shown", lambda host: "127.0.0.1")
        with served(store, site.identifier, host=host, options=options) as address:
            yield address


def test_a_server_for_others_makes_a_token_and_says_it_once_as_a_link(site: Site) -> None:
    with running(site.store, "0.0.0.0", None, site) as link, httpx.Client(timeout=20) as visitor:
        address, _, token = link.partition("?token=")
        assert len(token) > 40
        assert visitor.get(address).status_code == 401
        page = visitor.get(link, follow_redirects=True)
        assert (page.status_code, str(page.url)) == (200, address)
        assert visitor.get(f"{address}api/about").status_code == 200
        exhibit = visitor.get(f"{link}&kiosk")
        assert (exhibit.status_code, exhibit.headers["location"]) == (303, "/twin?kiosk")


def test_the_token_can_be_chosen_and_holds_on_this_machine_too(site: Site) -> None:
    with running(site.store, "127.0.0.1", Options(token=TOKEN), site) as link:
        assert link.endswith(f"/?token={TOKEN}")
        address = link.partition("?")[0]
        assert httpx.get(f"{address}api/about", timeout=20).status_code == 401
        assert httpx.get(f"{address}api/about", headers=BEARER, timeout=20).status_code == 200


def test_on_this_machine_alone_no_token_is_wanted(site: Site) -> None:
    with running(site.store, "127.0.0.1", None, site) as address:
        assert "token" not in address
        assert httpx.get(f"{address}api/about", timeout=20).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_what_reaches_this_machine_alone_is_known(host: str) -> None:
    assert web_app._is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "merian.example", "127.0.0.1.evil.example", ""])
def test_all_else_reaches_further(host: str) -> None:
    assert not web_app._is_loopback(host)


def test_an_address_that_another_machine_can_open_is_shown() -> None:
    assert web_app._shown("192.168.1.4") == "192.168.1.4"
    assert web_app._shown("fe80::1") == "[fe80::1]"
    assert web_app._shown("0.0.0.0") not in ("0.0.0.0", "")
    assert web_app._shown("::") == socket.gethostname()


def test_the_command_says_the_link_and_takes_the_token_from_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(web_app, "serve", lambda *given: (seen.append(given), given[3]("http://a:1/?token=" + TOKEN)))
    monkeypatch.setenv("MERIAN_TOKEN", TOKEN)
    assert run(["serve", str(site.store), "--host", "0.0.0.0"]) == 0
    assert seen[0][1] == "0.0.0.0"
    assert seen[0][5].token == TOKEN
    said = capsys.readouterr().err
    assert said.count(TOKEN) == 1
    assert "Authorization: Bearer" in said


@pytest.mark.parametrize(
    ("address", "told"),
    [("http://a:1/", "http://a:1/twin?kiosk"), ("http://a:1/?token=x", "http://a:1/?token=x&kiosk")],
)
def test_the_exhibit_is_opened_by_its_own_address(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str, told: str
) -> None:
    monkeypatch.setattr(web_app, "serve", lambda *given: given[3](address))
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert run(["serve", str(site.store), "--kiosk", "--browser"]) == 0
    assert told in "".join(capsys.readouterr().err.split())
    assert opened == [told]
