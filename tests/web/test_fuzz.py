"""Whatever is sent to what the OpenAPI document describes, and beside it, no answer is a 500: schemathesis makes the requests."""

from __future__ import annotations

import io
import shutil
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tiny_site import Ask, Site, asker

from merian.core.tree import Tree
from merian.web.app import create_app
from merian.web.openapi import describe

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install 'merian[dev]'")
requests = pytest.importorskip("requests", reason="requests comes with schemathesis")

OPERATIONS = sorted((path, method) for path, methods in describe()["paths"].items() for method in methods)
FEW = settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
"""The same requests at each run, so that a failure is a change's and not a day's."""
MAY_FAIL = {503}
"""Of the answers from 500 on: what the server says of itself, no fault of it."""


def wrongable(path: str, method: str) -> bool:
    """Whether it takes anything that can break its description: a body, or a question that is no mere text."""
    told = describe()["paths"][path][method]
    return "requestBody" in told or any(one["in"] == "query" for one in told["parameters"])


@pytest.fixture(scope="module")
def writes(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The application over a copy of the store that keeps records too."""
    store = tmp_path_factory.mktemp("fuzz") / "store"
    shutil.copytree(site.store, store)
    return asker(create_app(store, site.identifier, writable=True))


def judged(reply: httpx.Response, what: str) -> None:
    """Raise when an answer is a fault of the server, or a refusal that does not say what to do."""
    assert reply.status_code < 500 or reply.status_code in MAY_FAIL, f"{reply.status_code} {reply.text[:300]}\n{what}"
    if reply.status_code >= 400:
        assert set(reply.json()) == {"error", "what_to_do"}, what


def send(ask: Ask, case: Any) -> None:
    """Send what schemathesis made, byte by byte as requests would."""
    ready = requests.Request(**case.as_transport_kwargs(base_url="http://127.0.0.1:8765")).prepare()
    body = ready.body.encode() if isinstance(ready.body, str) else ready.body
    judged(ask(ready.method, ready.url, content=body, headers=dict(ready.headers)), case.as_curl_command())


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        (path, method, mode)
        for path, method in OPERATIONS
        for mode in ("positive", "negative")
        if mode == "positive" or wrongable(path, method)
    ],
)
def test_no_request_that_fits_the_description_or_breaks_it_is_a_500(
    writes: Ask, path: str, method: str, mode: str
) -> None:
    operation = schemathesis.openapi.from_dict(describe())[path][method.upper()]
    chosen = schemathesis.GenerationMode(mode)

    @FEW
    @given(operation.as_strategy(generation_mode=chosen))
    def each(case: Any) -> None:
        send(writes, case)

    each()


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if "{id}" in one[0]])
def test_no_question_after_what_is_there_is_a_500(writes: Ask, site: Site, path: str, method: str) -> None:
    tree: Tree = site.catalog.tree
    known = tree.ids[0] if {"taxon", "tree"} & set(path.split("/")) else site.photo()[0]
    operation = schemathesis.openapi.from_dict(describe())[path][method.upper()]

    @FEW
    @given(operation.as_strategy(path_parameters={"id": known}))
    def each(case: Any) -> None:
        send(writes, case)

    each()


@settings(FEW, max_examples=60)
@given(st.text(max_size=40).map(quote), st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]))
@example("/static/../../app.py", "GET")
@example("/api/image/../../../../etc/passwd", "GET")
@example("/api/image/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "GET")
@example("/api/taxon/%00", "GET")
@example("/api/tree/%ed%a0%80", "GET")
@example("/api/taxon/%ff", "GET")
@example("/?token=%ff%fe", "GET")
@example("//evil.example/", "GET")
def test_no_address_is_a_500(writes: Ask, path: str, method: str) -> None:
    reply = writes(method, "http://127.0.0.1:8765/" + path.lstrip("/"))
    if method != "HEAD":
        judged(reply, f"{method} {path!r}")
    assert b"root:" not in reply.content
    assert b"def create_app" not in reply.content


@settings(FEW, max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["host", "origin", "cookie", "authorization", "content-type", "content-length", "range"]),
        st.binary(max_size=30).map(lambda b: bytes(c for c in b if c >= 32 and c != 127)),
    )
)
@example({"content-type": b"multipart/form-data; boundary=\xff"})
@example({"content-type": b'multipart/form-data; boundary="'})
@example({"origin": b"http://[", "host": b"["})
@example({"origin": b"http://a:b:c"})
@example({"range": b"bytes=9-1,-"})
def test_no_header_is_a_500(writes: Ask, headers: dict[str, bytes]) -> None:
    for method, path in (
        ("GET", "/api/about"),
        ("GET", "/report"),
        ("POST", "/api/identify"),
        ("POST", "/api/records"),
    ):
        reply = writes(method, path, headers=headers, content=b"--x\r\n" if method == "POST" else None)
        assert reply.status_code < 500 or reply.status_code in MAY_FAIL, (path, headers, reply.text[:300])


@settings(FEW, max_examples=60)
@given(st.binary(max_size=200), st.integers(0, 4_000), st.binary(min_size=1, max_size=8))
def test_no_photo_is_a_500(writes: Ask, site: Site, noise: bytes, at: int, wrong: bytes) -> None:
    good = site.photo()[1]
    broken = io.BytesIO(good)
    broken.seek(min(at, len(good) - 1))
    broken.write(wrong)
    for data in (noise, good[: at % len(good)], broken.getvalue()):
        for path in ("/api/identify", "/api/search"):
            judged(writes("POST", path, content=data, headers={"content-type": "image/jpeg"}), path)
