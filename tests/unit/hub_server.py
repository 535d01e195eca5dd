"""A small hub on this machine: repositories of files behind the paths and headers of huggingface.co that its client asks for, with faults on request."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGE = 10_000
"""Bytes from which a file counts as large, and is told by its SHA-256."""
INFO = re.compile(r"/api/(?:models/)?((?:datasets/)?[\w.-]+/[\w.-]+)(?:/revision/(\w+))?")
TREE = re.compile(r"/api/(?:models/)?((?:datasets/)?[\w.-]+/[\w.-]+)/tree/(\w+)")
FILE = re.compile(r"/((?:datasets/)?[\w.-]+/[\w.-]+)/resolve/(\w+)/(.+)")


@dataclass
class Hub:
    """What the hub has, what was asked of it, and what it does wrong."""

    repositories: dict[str, dict[str, bytes]]
    asked: list[str] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)
    """File -> bytes after which the connection is cut, once."""
    spoilt: dict[str, int] = field(default_factory=dict)
    """File -> how often it is sent with other bytes."""
    url: str = ""

    def commit(self, name: str) -> str:
        return hashlib.sha1(repr(sorted(self.repositories[name])).encode()).hexdigest()

    def entries(self, name: str) -> list[dict[str, Any]]:
        told = []
        for path, data in self.repositories[name].items():
            own: dict[str, Any] = {
                "type": "file",
                "path": path,
                "size": len(data),
                "oid": hashlib.sha1(data).hexdigest(),
            }
            if len(data) >= LARGE:
                own["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 100}
            told.append(own)
        return told


@contextmanager
def serving(repositories: dict[str, dict[str, bytes]]) -> Iterator[Hub]:
    """A hub with these repositories: name -> path -> bytes. The name of a data set begins with "datasets/"."""
    hub = Hub(repositories)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(f"{self.command} {path}")
            tree, info, asked = (pattern.fullmatch(path) for pattern in (TREE, INFO, FILE))
            found = tree or info or asked
            name = found[1] if found else ""
            files = hub.repositories.get(name)
            if found is None or files is None or (asked and asked[3] not in files):
                self.document(None)
            elif tree:
                self.document(hub.entries(name))
            elif info:
                self.document({"id": name, "sha": hub.commit(name), "siblings": [{"rfilename": own} for own in files]})
            elif asked:
                self.file(name, asked[3], files[asked[3]], body)

        def document(self, value: object) -> None:
            data = json.dumps(value if value is not None else {"error": "Repository not found"}).encode()
            self.send_response(200 if value is not None else 404)
            if value is None:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def file(self, name: str, path: str, data: bytes, body: bool) -> None:
            large = len(data) >= LARGE
            etag = hashlib.sha256(data).hexdigest() if large else hashlib.sha1(data).hexdigest()
            if body and hub.spoilt.get(path, 0) > 0:
                hub.spoilt[path] -= 1
                data = data[:-1] + bytes([data[-1] ^ 1])
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first = int(asked[1]) if asked else 0
            last = min(int(asked[2]), len(data) - 1) if asked and asked[2] else len(data) - 1
            part = data[first : last + 1]
            self.send_response(206 if asked else 200)
            self.send_header("ETag", f'"{etag}"')
            self.send_header("X-Repo-Commit", hub.commit(name))
            if large:
                self.send_header("X-Linked-Etag", f'"{etag}"')
                self.send_header("X-Linked-Size", str(len(data)))
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if not body:
                return
            stop = hub.cut.pop(path, None)
            self.wfile.write(part if stop is None else part[:stop])
            if stop is not None:
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
