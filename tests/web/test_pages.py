"""The pages and what guards them: headers, foreign hosts and origins, paths, ports."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import re
import socket
import threading
import urllib.request
from pathlib import Path

import httpx
import pytest
from tiny_site import Ask, Site, asker

from merian.core.errors import BadSetting
from merian.encode.hub import pocket
from merian.encode.info import CARD, said
from merian.identify import Identifier
from merian.web import app as web_app
from merian.web import pages
from merian.web.access import Doors
from merian.web.app import create_app, serve

TEXT = (".js", ".css", ".html", ".svg")
INITIAL_KB = 300
"""What the scripts of the first page may take, gzipped."""


@pytest.mark.parametrize("address", ["/", "/explorer", "/life", "/taxon/a%20taxon"])
def test_the_page_and_all_its_files_are_there(ask: Ask, address: str) -> None:
    page = ask("GET", address)
    assert page.status_code == 200
    named = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(named) >= 3
    for path in named:
        assert ask("GET", path).status_code == 200


def test_each_file_that_a_script_or_style_names_is_there(ask: Ask) -> None:
    static = pages.read_static()
    named = set()
    for name, file in static.items():
        if name.endswith((".js", ".css")):
            named |= set(re.findall(r"assets/[\w.-]+\.(?:js|css|woff2)", file.data.decode()))
            named |= {f"assets/{m}" for m in re.findall(r"\./([\w-]+\.js)", file.data.decode())}
    assert len(named) > 10
    assert named <= set(static)
    script = next(name for name in sorted(named) if name.endswith(".js"))
    assert ask("GET", f"/static/{script}").headers["content-type"].startswith("text/javascript")
    assert ask("GET", f"/static/{script}").headers["cache-control"].endswith("immutable")


def test_the_first_scripts_are_small() -> None:
    static = pages.read_static()
    first = re.findall(r'(?:src|href)="/static/([^"]+\.js)"', static["index.html"].data.decode())
    behind = {f"assets/{m}" for name in first for m in re.findall(r"\./(page[\w-]+\.js)", static[name].data.decode())}
    assert len(behind) > 5
    assert sum(len(gzip.compress(static[name].data)) for name in {*first, *behind}) < INITIAL_KB * 1000


def test_a_file_is_sent_once(ask: Ask) -> None:
    tag = ask("GET", "/static/icon.svg").headers["etag"]
    assert ask("GET", "/static/icon.svg", headers={"if-none-match": tag}).status_code == 304


def test_nothing_comes_from_elsewhere() -> None:
    for name, file in pages.read_static().items():
        if not name.endswith(TEXT):
            continue
        text = re.sub(r"http://www\.w3\.org/[\w/]+", "", file.data.decode())
        # a library that tells addresses from paths has "https://" alone in it
        assert not re.search(r"https?://[\w$]|//[a-z]+\.[a-z]", text), name
        if name.endswith((".html", ".svg")):  # what a library's script would write so, the policy of the server refuses
            assert not re.search(r"\son[a-z]+=\"|style=\"|<script>|<style", text), name


def test_pages_that_were_not_built_are_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "read_static", dict)
    reply = asker(create_app(site.store, site.identifier))("GET", "/")
    assert (reply.status_code, reply.json()["error"]) == (503, "the pages were not built")


def test_an_address_that_is_none_is_a_page_for_people_and_json_for_programs(ask: Ask) -> None:
    for path in ("/nowhere", "/reports"):
        page = ask("GET", path, headers={"accept": "text/html,*/*"})
        assert (page.status_code, page.headers["content-type"].split(";")[0]) == (404, "text/html")
        assert page.content == ask("GET", "/").content
        assert ask("GET", path).json()["what_to_do"]
    assert ask("GET", "/api/nowhere", headers={"accept": "text/html"}).json()["error"] == "not found"
    assert ask("GET", "/static/nothing.js", headers={"accept": "text/html"}).json()["what_to_do"]


@pytest.mark.parametrize(
    "path", ["/", "/life", "/static/icon.svg", "/api/about", "/report", "/nowhere", "/api/taxon/none"]
)
def test_every_answer_is_guarded(ask: Ask, path: str) -> None:
    headers = ask("GET", path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/x"]
)
def test_no_path_leads_to_the_disk(ask: Ask, path: str) -> None:
    reply = ask("GET", path)
    assert reply.status_code == 404
    assert set(reply.json()) == {"error", "what_to_do"}


def test_a_wrong_method_is_said(ask: Ask) -> None:
    reply = ask("DELETE", "/api/identify")
    assert (reply.status_code, reply.json()["error"]) == (405, "method not allowed")


def test_the_report_runs_no_script(ask: Ask) -> None:
    reply = ask("GET", "/report")
    assert "A report." in reply.text
    assert "script-src" not in reply.headers["content-security-policy"]


def test_foreign_hosts_and_origins_are_refused(site: Site) -> None:
    ask = asker(create_app(site.store, site.identifier, Doors(frozenset({"127.0.0.1", "[::1]"}))))
    assert ask("GET", "/api/about").status_code == 200
    assert ask("GET", "/api/about", headers={"host": "[::1]:8765"}).status_code == 200
    for host in ("evil.example", "evil.example:8765", "127.0.0.1.evil.example", ""):
        assert ask("GET", "/api/about", headers={"host": host}).status_code == 403
    photo = {"content": site.photo()[1]}
    kind = {"content-type": "image/jpeg"}
    assert ask("POST", "/api/identify", headers={**kind, "origin": "http://127.0.0.1:8765"}, **photo).status_code == 200
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        assert ask("POST", "/api/identify", headers={**kind, "origin": origin}, **photo).status_code == 403


def test_looking_goes_on_while_the_encoder_is_busy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from merian.web import answers

    begun, free = threading.Event(), threading.Event()

    def slow(parts: object, names: list[str], images: list[bytes]) -> list[object]:
        begun.set()
        assert free.wait(20)
        return [{"name": name} for name in names]

    monkeypatch.setattr(answers, "identify", slow)
    app = create_app(site.store, site.identifier)

    async def story() -> tuple[int, list[int]]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            kind = {"content-type": "image/jpeg"}
            waiting = [asyncio.create_task(client.post("/api/identify", content=b"x", headers=kind)) for _ in range(40)]
            while not begun.is_set():
                await asyncio.sleep(0.005)
            meanwhile = await client.get(f"/api/image/{site.photo()[0]}?size=32")
            free.set()
            return meanwhile.status_code, [r.status_code for r in await asyncio.gather(*waiting)]

    status, rest = asyncio.run(story())
    assert status == 200
    assert (rest.count(200), rest.count(429)) == (32, 8)


def test_serving_takes_the_next_free_port(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    servers: list[uvicorn.Server] = []
    plain = uvicorn.Server.__init__

    def remember(self: uvicorn.Server, config: uvicorn.Config) -> None:
        plain(self, config)
        servers.append(self)

    monkeypatch.setattr(uvicorn.Server, "__init__", remember)
    monkeypatch.setattr(uvicorn.Server, "capture_signals", contextlib.nullcontext)
    addresses: list[str] = []
    told = threading.Event()

    def ready(address: str) -> None:
        addresses.append(address)
        told.set()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = {"port": port, "ready": ready, "identifier": site.identifier}
        thread = threading.Thread(target=serve, args=(site.store,), kwargs=options, daemon=True)
        thread.start()
        assert told.wait(20)
        assert addresses[0] != f"http://127.0.0.1:{port}/"
        with urllib.request.urlopen(addresses[0], timeout=20) as reply:
            assert b"Merian" in reply.read()
        servers[0].should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def test_no_port_at_all_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "TRIES", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadSetting, match="port"):
            serve(site.store, port=taken.getsockname()[1], identifier=site.identifier)


def test_a_model_without_a_card_has_no_page(ask: Ask) -> None:
    assert ask("GET", "/api/about").json()["model"]["says"] == ""
    reply = ask("GET", "/model")
    assert reply.status_code == 404
    assert "merian card" in reply.json()["what_to_do"]


@pytest.mark.skipif(not (pocket() / CARD).is_file(), reason="this package was built without the pocket model")
def test_the_page_says_what_the_model_in_the_package_is_and_shows_its_card() -> None:
    ask = asker(create_app(Path(os.devnull), Identifier.open(Path("pocket"))))
    assert ask("GET", "/api/about").json()["model"]["says"] == said(pocket())
    reply = ask("GET", "/model")
    assert "What it cannot do" in reply.text
    assert "script-src" not in reply.headers["content-security-policy"]
