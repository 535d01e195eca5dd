"""A web server on 127.0.0.1 that misbehaves in every way that the path asks for, and remembers who asked it for what and when.

Each of its ports is a host of its own to the downloader. `/good/7.jpg` is an honest image; the others are what their name says (see `_Talk`).
"""

from __future__ import annotations

import asyncio
import gzip
import struct
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from functools import cache
from types import TracebackType

from photos import encoded, noise

Write = asyncio.StreamWriter


@cache
def image(number: int) -> bytes:
    """The JPEG of a number, unlike that of any other."""
    return encoded(noise(number, 40, 30), "JPEG", quality=80)


def huge_png() -> bytes:
    """A PNG of 60,000 x 60,000 pixels in a hundred bytes, well formed but for its missing rows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


class BadServer:
    """The server on `hosts` ports while the block runs. `script` gives, for a path, the answers of its first requests: see `_Talk.scripted`."""

    def __init__(self, hosts: int = 1, answer_after: float = 0.0, script: dict[str, list[str]] | None = None) -> None:
        self.count, self.answer_after, self.script = hosts, answer_after, script or {}
        self.ports: list[int] = []
        self.asked: Counter[tuple[int, str]] = Counter()
        self.served: Counter[tuple[int, str]] = Counter()
        self.times: dict[int, list[float]] = defaultdict(list)
        self.most: Counter[int] = Counter()
        self.heads: list[dict[str, str]] = []
        self._busy: Counter[int] = Counter()
        self._ready = threading.Event()

    def __enter__(self) -> BadServer:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def url(self, path: str, host: int = 0) -> str:
        """The link to a path at one of the hosts."""
        return f"http://127.0.0.1:{self.ports[host]}{path}"

    def asked_for(self, path: str, host: int = 0) -> int:
        """How often a path was asked for."""
        return self.asked[self.ports[host], path]

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._talks: set[asyncio.Task[None]] = set()
        servers = [await asyncio.start_server(self._talk, "127.0.0.1", 0) for _ in range(self.count)]
        self.ports += [s.sockets[0].getsockname()[1] for s in servers]
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: Write) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        port = writer.get_extra_info("sockname")[1]
        try:
            while await self._request(reader, writer, port):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: Write, port: int) -> bool:
        """Answer one request; whether the line stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        self.asked[port, path] += 1
        self.times[port].append(time.monotonic())
        self.heads.append({k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)})
        self._busy[port] += 1
        self.most[port] = max(self.most[port], self._busy[port])
        try:
            if self.answer_after:
                await asyncio.sleep(self.answer_after)
            talk = _Talk(reader, writer, path, self.asked[port, path], self.script)
            stays = await talk.answer()
            await writer.drain()
            self.served[port, path] += talk.good_sent
            return stays
        finally:
            self._busy[port] -= 1


class _Talk:
    """The answer to request number `nth` for a path: a method for the first word of the path."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: Write, path: str, nth: int, script: dict[str, list[str]]
    ) -> None:
        self.reader = reader
        self.writer, self.path, self.nth, self.script = writer, path, nth, script
        self.words = path.partition("?")[0].strip("/").split("/")
        last = self.words[-1].partition(".")[0]
        self.good_sent = 0
        self.number = int(last) if last.isdigit() else 0

    async def answer(self) -> bool:
        kind = self.words[0].partition(".")[0].replace("-", "_")
        kind = "scripted" if kind == "script" else kind
        method: Callable[[], Awaitable[bool]] = getattr(self, kind, self.gone)
        return await method()

    def send(
        self, body: bytes, status: str = "200 OK", kind: str = "image/jpeg", length: int | None = None, **more: str
    ) -> bool:
        lines = [
            f"HTTP/1.1 {status}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body) if length is None else length}",
        ]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return True

    async def good(self) -> bool:
        self.good_sent = 1
        return self.send(image(self.number), ETag=f'"{self.number}"', Set_Cookie="crumb=1")

    async def gone(self) -> bool:
        return self.send(b"<html>gone</html>", "404 Not Found", "text/html")

    async def silence(self) -> bool:
        """Nothing more, until the other side has had enough."""
        await self.reader.read()
        return False

    async def stall(self) -> bool:
        return await self.silence()

    async def drip(self) -> bool:
        self.send(b"", length=10**6)
        data = image(0) * 1000
        for k in range(len(data)):
            self.writer.write(data[k : k + 1])
            await self.writer.drain()
            await asyncio.sleep(0.02)
        return False

    async def truncate(self) -> bool:
        self.send(image(1)[: len(image(1)) // 2], length=len(image(1)))
        return False

    async def cut(self) -> bool:
        """A file that is broken off where it lies: the server sends all it has."""
        return self.send(image(1)[: len(image(1)) // 2])

    async def longer(self) -> bool:
        self.send(image(2), length=len(image(2)) + 100)
        return False

    async def shorter(self) -> bool:
        self.send(image(3), length=len(image(3)) - 200)
        return False

    async def waits(self) -> bool:
        """Promises more than it sends, and keeps the line open."""
        self.send(image(4), length=len(image(4)) + 100)
        return await self.silence()

    async def html(self) -> bool:
        return self.send(b"<html><body>Please log in to see this photo, dear visitor.</body></html>")

    async def modest(self) -> bool:
        """An image that says it is text."""
        return self.send(image(self.number), kind="text/html")

    async def empty(self) -> bool:
        return self.send(b"")

    async def circle(self) -> bool:
        return self.send(b"", "302 Found", Location="/circle/b" if self.words[-1] == "a" else "/circle/a")

    async def chain(self) -> bool:
        return self.send(b"", "301 Moved Permanently", Location=f"/chain/{self.number + 1}")

    async def to_file(self) -> bool:
        return self.send(b"", "302 Found", Location="file:///etc/passwd")

    async def to_link_local(self) -> bool:
        """On to where cloud machines keep their secrets; to a neighbour of that address, so that a hole in the guard asks nobody."""
        return self.send(b"", "302 Found", Location="http://169.254.0.1/latest/")

    async def to(self) -> bool:
        """`/to/PORT/good/7.jpg`: on to another host."""
        return self.send(
            b"", "307 Temporary Redirect", Location=f"http://127.0.0.1:{self.words[1]}/" + "/".join(self.words[2:])
        )

    async def busy(self) -> bool:
        if self.nth == 1:
            return self.send(b"", "429 Too Many Requests", Retry_After="1")
        return await self.good()

    async def never(self) -> bool:
        return self.send(b"", "429 Too Many Requests", Retry_After="86400")

    async def ill(self) -> bool:
        if self.nth <= 3:
            return self.send(b"oops", "500 Internal Server Error", "text/plain")
        return await self.good()

    async def sick(self) -> bool:
        return self.send(b"oops", "500 Internal Server Error", "text/plain")

    async def close(self) -> bool:
        return False

    async def garbage(self) -> bool:
        self.writer.write(b"220 mail.example.org ESMTP ready\r\n")
        return False

    async def endless(self) -> bool:
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n")
        block = image(5)[:-2].ljust(65_536, b"\x11")
        while True:
            self.writer.write(b"10000\r\n" + block + b"\r\n")
            await self.writer.drain()

    async def big(self) -> bool:
        self.send(image(6), length=10**12)
        return await self.silence()

    async def gzip(self) -> bool:
        return self.send(gzip.compress(bytes(10_000_000), 9), Content_Encoding="gzip")

    async def bomb(self) -> bool:
        return self.send(huge_png(), kind="image/png")

    async def badchunk(self) -> bool:
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.writer.write(b"100\r\n" + image(7)[:256] + b"\r\nzzz\r\n" + image(7)[256:])
        return False

    async def cutchunk(self) -> bool:
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.writer.write(b"100\r\n" + image(7)[:256] + b"\r\n")
        return False

    async def scripted(self) -> bool:
        """`/script/7.jpg`: the answers that the script lists for it, then the image."""
        acts = self.script.get(self.path, [])
        act = acts[self.nth - 1] if self.nth <= len(acts) else "good"
        return await getattr(self, act)()
