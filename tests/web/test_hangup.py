"""Clients that hang up, dawdle or talk nonsense, against a real server: it goes on, frees their place, computes nothing for them, logs no error."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tiny_site import Site, served

from merian.core.errors import BadData
from merian.identify import Identifier
from merian.web import app as web_app
from merian.web import uploads, wire

LONG = 30.0
"""Seconds that anything may take before a test fails."""


class Slow:
    """An encoder that waits at a gate, and remembers how many images it was given at a time."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self.gate, self.begun = threading.Event(), threading.Event()
        self.gate.set()
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def embed_images(self, pixels: Any) -> Any:
        self.sizes.append(len(pixels))
        self.begun.set()
        assert self.gate.wait(LONG)
        return self._encoder.embed_images(pixels)


@dataclass
class Server:
    """A running server, its encoder, a photo, and the connections that were made."""

    address: str
    encoder: Slow
    photo: bytes
    lines: list[socket.socket] = field(default_factory=list)

    def connect(self) -> socket.socket:
        """A connection of bytes."""
        place = urlsplit(self.address)
        line = socket.create_connection((place.hostname, place.port), LONG)
        line.settimeout(LONG)
        self.lines.append(line)
        return line

    def head(self, length: int, kind: str = "image/jpeg", more: str = "") -> bytes:
        """The head of a request with a body of so many bytes."""
        host = urlsplit(self.address).netloc
        return (
            f"POST /api/identify HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n"
        ).encode()

    def request(self) -> bytes:
        """A whole request."""
        return self.head(len(self.photo)) + self.photo

    def post(self) -> httpx.Response:
        """The answer to a photo that an ordinary client sends."""
        kind = {"content-type": "image/jpeg"}
        return httpx.post(f"{self.address}api/identify", content=self.photo, headers=kind, timeout=LONG)

    def waiting(self) -> int:
        """Requests that hold a place."""
        return int(httpx.get(f"{self.address}api/ready", timeout=LONG).json()["waiting"])

    def counted(self) -> str:
        """The text of /api/metrics."""
        return httpx.get(f"{self.address}api/metrics", timeout=LONG).text


def until(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def answer(line: socket.socket) -> tuple[int, dict[str, Any], bytes]:
    """Status, body and what is left of the first answer on a line that the server then closes, or that has no more to say."""
    with contextlib.suppress(ConnectionResetError):
        data = b""
        while b"\r\n\r\n" not in data:
            part = line.recv(65_536)
            assert part, data
            data += part
        head, _, rest = data.partition(b"\r\n\r\n")
        fields = dict(f.lower().split(b": ", 1) for f in head.split(b"\r\n")[1:])
        while len(rest) < int(fields[b"content-length"]):
            rest += line.recv(65_536)
        return int(head.split()[1]), json.loads(rest[: int(fields[b"content-length"])]), rest
    raise AssertionError("the line was reset before an answer came")


def closed(line: socket.socket) -> bool:
    """Whether the server ends the line, having nothing more to say."""
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def reset(line: socket.socket) -> None:
    """Hang up as a machine does that went away."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


@contextlib.contextmanager
def running(site: Site) -> Iterator[Server]:
    """A server with a gated encoder; nothing may be logged as an error."""
    encoder = Slow(site.identifier.encoder)
    logged: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(self.format(record))

    ear = Ear(logging.ERROR)
    with served(site.store, Identifier(encoder, site.identifier.head)) as address:
        for name in ("asyncio", "uvicorn.error"):
            logging.getLogger(name).addHandler(ear)
        server = Server(address, encoder, site.photo()[1])
        until(lambda: httpx.get(f"{address}api/ready", timeout=LONG).status_code == 200)
        encoder.sizes.clear()
        encoder.begun.clear()
        try:
            yield server
        finally:
            encoder.gate.set()
            for line in server.lines:
                line.close()
            until(lambda: server.waiting() == 0)
            for name in ("asyncio", "uvicorn.error"):
                logging.getLogger(name).removeHandler(ear)
    assert logged == []


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    with running(site) as one:
        yield one


FORM = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
@pytest.mark.parametrize(("kind", "begin"), [("image/jpeg", b""), ("multipart/form-data; boundary=b", FORM)])
def test_hanging_up_in_the_upload_gives_the_place_back(
    server: Server, leave: Callable[[socket.socket], None], kind: str, begin: bytes
) -> None:
    for _ in range(2):
        lines = [server.connect() for _ in range(20)]
        for line in lines:
            line.sendall(server.head(1_000_000, kind) + begin + b"x" * 50_000)
        until(lambda: server.waiting() == 20)
        for line in lines:
            leave(line)
        until(lambda: server.waiting() == 0)
    assert server.post().json()["rows"][0]["best"]
    assert server.encoder.sizes == [1]
    assert 'merian_requests_total{route="/api/identify",status="499"} 40' in server.counted()
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is uploads.Photo]


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
def test_hanging_up_before_the_answer_leaves_no_work_behind(
    server: Server, leave: Callable[[socket.socket], None]
) -> None:
    server.encoder.gate.clear()
    first = server.connect()
    first.sendall(server.request())
    assert server.encoder.begun.wait(LONG)
    for _ in range(2):
        lines = [server.connect() for _ in range(20)]
        for line in lines:
            line.sendall(server.request())
        until(lambda: server.waiting() == 21)
        for line in lines:
            leave(line)
        until(lambda: server.waiting() == 1)
    server.encoder.gate.set()
    assert answer(first)[0] == 200
    assert server.post().status_code == 200
    assert server.encoder.sizes == [1, 1]


def test_hanging_up_while_it_is_computed_disturbs_no_other(server: Server) -> None:
    server.encoder.gate.clear()
    gone = server.connect()
    gone.sendall(server.request())
    assert server.encoder.begun.wait(LONG)
    other = server.connect()
    other.sendall(server.request())
    until(lambda: server.waiting() == 2)
    gone.close()
    until(lambda: server.waiting() == 1)
    server.encoder.gate.set()
    assert answer(other)[0] == 200
    until(lambda: server.waiting() == 0)


@pytest.mark.parametrize("path", ["embed", "search"])
def test_the_other_questions_are_given_up_too(server: Server, path: str) -> None:
    server.encoder.gate.clear()
    line = server.connect()
    line.sendall(server.request().replace(b"/identify", f"/{path}".encode()))
    assert server.encoder.begun.wait(LONG)
    line.close()
    until(lambda: server.waiting() == 0)


def test_half_a_head_harms_nobody(server: Server) -> None:
    for leave in (socket.socket.close, reset) * 10:
        line = server.connect()
        line.sendall(server.head(10)[:-20])
        leave(line)
    assert server.post().status_code == 200
    assert "499" not in server.counted()


def test_a_head_that_never_ends_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEAD", 0.3)
    silent, half, dripping = server.connect(), server.connect(), server.connect()
    half.sendall(server.head(10)[:-20])
    with contextlib.suppress(OSError):
        for byte in server.head(10):
            dripping.sendall(bytes([byte]))
            time.sleep(0.01)
    assert closed(silent)
    for line in (half, dripping):
        status, body, _ = answer(line)
        assert (status, set(body)) == (408, {"error", "what_to_do"})
        assert closed(line)
    assert server.post().status_code == 200


def test_a_connection_that_is_kept_is_closed_when_nothing_follows(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD", 0.3)
    line = server.connect()
    for _ in range(3):
        line.sendall(server.request())
        assert answer(line)[0] == 200
    assert closed(line)


@pytest.mark.parametrize("limit", ["STALLED", "SENT"])
def test_a_body_that_dawdles_loses_its_place(server: Server, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(uploads, limit, 0.3)
    line = server.connect()
    line.sendall(server.head(1_000_000) + b"x" * 1000)
    until(lambda: server.waiting() == 1)
    if limit == "SENT":
        with contextlib.suppress(OSError):
            for _ in range(100):
                line.sendall(b"x")
                time.sleep(0.01)
    status, body, _ = answer(line)
    assert (status, set(body)) == (408, {"error", "what_to_do"})
    assert closed(line)
    assert server.waiting() == 0


def test_a_slow_body_that_goes_on_is_taken(server: Server) -> None:
    line = server.connect()
    line.sendall(server.head(len(server.photo)))
    step = len(server.photo) // 5 + 1
    for start in range(0, len(server.photo), step):
        line.sendall(server.photo[start : start + step])
        time.sleep(0.03)
    assert answer(line)[0] == 200


def test_what_is_too_large_is_refused_before_it_comes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEAD", 0.3)
    line = server.connect()
    line.sendall(server.head(300_000_000) + b"x")
    status, body, _ = answer(line)
    assert (status, body["error"]) == (413, "the request is larger than 256 MB")
    assert closed(line)
    assert server.waiting() == 0


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n"]
)
def test_what_is_no_http_is_refused_in_json(server: Server, nonsense: bytes) -> None:
    line = server.connect()
    line.sendall(nonsense)
    status, body, _ = answer(line)
    assert (status, set(body)) == (400, {"error", "what_to_do"})
    assert closed(line)


def test_nonsense_after_an_answer_ends_the_line(server: Server) -> None:
    line = server.connect()
    head = (
        server.head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked").replace(b"image/jpeg", b"no/type")
    )
    line.sendall(head)
    assert answer(line)[0] == 415
    line.sendall(b"this is no chunk\r\n\r\n")
    assert closed(line)
    assert server.post().status_code == 200


def test_too_many_at_once_are_told_when_to_come_again(server: Server) -> None:
    server.encoder.gate.clear()
    lines = [server.connect() for _ in range(32)]
    for line in lines:
        line.sendall(server.request())
    until(lambda: server.waiting() == 32)
    refused = server.post()
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert set(refused.json()) == {"error", "what_to_do"}
    server.encoder.gate.set()
    assert [answer(line)[0] for line in lines] == [200] * 32
    assert sum(server.encoder.sizes) == 32
    assert server.post().status_code == 200


def test_it_is_not_ready_until_the_model_is_loaded(site: Site) -> None:
    encoder = Slow(site.identifier.encoder)
    encoder.gate.clear()
    with served(site.store, Identifier(encoder, site.identifier.head)) as address:
        assert encoder.begun.wait(LONG)
        reply = httpx.get(f"{address}api/ready", timeout=LONG)
        assert (reply.status_code, reply.json()["error"]) == (503, "the model is being loaded")
        assert httpx.get(f"{address}api/about", timeout=LONG).status_code == 200
        encoder.gate.set()
        until(lambda: httpx.get(f"{address}api/ready", timeout=LONG).status_code == 200)


def test_a_model_that_cannot_be_loaded_is_never_ready(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Slow(site.identifier.encoder)

    def fail(pixels: Any) -> Any:
        raise BadData("the model", "has no weights")

    monkeypatch.setattr(encoder, "embed_images", fail)
    with served(site.store, Identifier(encoder, site.identifier.head)) as address:
        until(lambda: "no weights" in httpx.get(f"{address}api/ready", timeout=LONG).text)
        reply = httpx.get(f"{address}api/ready", timeout=LONG)
    assert (reply.status_code, set(reply.json())) == (503, {"error", "what_to_do"})


def test_answers_are_sent_at_once() -> None:
    with web_app._listen("127.0.0.1", 0) as listener:
        # asyncio turns Nagle's wait off only for sockets that are named as TCP; with it an answer took 40 ms longer
        assert listener.proto == socket.IPPROTO_TCP
