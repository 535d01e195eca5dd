"""What 500 clients at once do to `merian serve`: each gets an answer, or is told to come again (429, 503); none breaks it, and afterwards it answers as before.

The server is the real one, a process of its own on loopback, with the model in the package unless a store is given. The clients are another process; each
asks over connections of its own for cheap things (a page, /api/about), dear ones (a photo named, embedded) and the odd: it hangs up in the middle of a photo,
sends what is no HTTP, or half a head and stays. Printed: statuses, answering times, connections that broke, what answers afterwards against before,
memory and open files of the server before and after.

    .venv/bin/python bench/crowd.py [--store STORE] [--clients 500] [--seconds 30]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import io
import itertools
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

PATIENCE = 150.0
ALLOWED = (200, 429, 503)
MIX = ("page", "about", "page", "identify", "about", "embed", "eyes", "hangup", "nonsense", "half")
"""What client after client asks for, in turn."""


@dataclass
class Seen:
    """What the clients saw."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)


def photo() -> bytes:
    """A photo of noise, 0.2 MB: as dear to decode and name as any."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=80)
    return stream.getvalue()


@contextlib.contextmanager
def served(store: Path | None) -> Iterator[tuple[int, int]]:
    """Port and process id of a `merian serve`, ready to name photos."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    program = str(Path(sys.executable).with_name("merian"))
    command = [program, "serve", *([] if store is None else [str(store)]), "--port", str(port)]
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            until = time.monotonic() + PATIENCE
            while not _ready(port):
                if server.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    sys.exit(f"the server did not start: {said.read().decode()}")
                time.sleep(0.1)
            yield port, server.pid
        finally:
            alive = server.poll() is None
            server.terminate()
            server.wait(30)
            said.seek(0)
            told = said.read().decode()
            print(
                "the server lived to the end" if alive else "THE SERVER DIED",
                "| it said:",
                told.count("Traceback"),
                "tracebacks",
            )
            if "Traceback" in told:
                print(told[-3000:])


def _ready(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/ready", timeout=5) as reply:
        return bool(json.load(reply)["ready"])
    return False


def answers(port: int, data: bytes) -> dict[str, str]:
    """Digests of the answers to one client that asks for a thing of each kind."""
    found = {}
    for path, body in (
        ("/", None),
        ("/api/about", None),
        ("/api/eyes", None),
        ("/api/identify", data),
        ("/api/embed", data),
    ):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": "image/jpeg"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            found[path] = hashlib.sha256(reply.read()).hexdigest()[:16]
    return found


def state(pid: int) -> tuple[float, int]:
    """Memory (MB) and open files of a process; Linux says them in /proc."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]) / 1e3, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def crowd(port: int, clients: int, seconds: float, data: bytes) -> Seen:
    """What so many clients saw in so many seconds; runs in a process of its own."""
    return asyncio.run(_crowd(port, clients, seconds, data))


async def _crowd(port: int, clients: int, seconds: float, data: bytes) -> Seen:
    seen, until = Seen(), time.monotonic() + seconds

    async def one(kinds: Iterator[str]) -> None:
        while time.monotonic() < until:
            kind, start = next(kinds), time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    status = await ask(port, kind, data)
            except (OSError, TimeoutError, ValueError, IndexError, asyncio.IncompleteReadError) as error:
                seen.broken[f"{kind}: {type(error).__name__}"] += 1
                await asyncio.sleep(0.2)
                continue
            if status:
                seen.statuses[kind, status] += 1
                seen.times.setdefault(kind, []).append(time.monotonic() - start)
            if status in (429, 503):
                await asyncio.sleep(2.0)

    await asyncio.gather(*(one(itertools.islice(itertools.cycle(MIX), k % len(MIX), None)) for k in range(clients)))
    return seen


async def ask(port: int, kind: str, data: bytes) -> int:
    """The status of one answer on a new connection; 0 for who does not wait for one."""
    paths = {
        "page": "/",
        "about": "/api/about",
        "eyes": "/api/eyes",
        "identify": "/api/identify",
        "embed": "/api/embed",
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        host = f"Host: 127.0.0.1:{port}\r\nConnection: close\r\n"
        upload = f"{host}Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        if kind in ("identify", "embed"):
            writer.write(f"POST {paths[kind]} HTTP/1.1\r\n".encode() + upload + data)
        elif kind == "hangup":
            writer.write(b"POST /api/identify HTTP/1.1\r\n" + upload + data[: len(data) // 2])
            await writer.drain()
            return 0
        elif kind == "nonsense":
            writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
            await reader.read()
            return 0
        elif kind == "half":
            writer.write(f"GET / HTTP/1.1\r\n{host}".encode())
            await asyncio.sleep(3)
            return 0
        else:
            writer.write(f"GET {paths[kind]} HTTP/1.1\r\n{host}\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length:"))
        await reader.readexactly(int(length.partition(":")[2]))
        return int(head.split()[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def main(store: Path | None, clients: int, seconds: float) -> int:
    """Print what came of it; 1 when anything but an answer or "come again" was seen, or it answers otherwise afterwards."""
    data = photo()
    with served(store) as (port, pid), multiprocessing.get_context("spawn").Pool(1) as pool:
        before, was = answers(port, data), state(pid)
        start = time.monotonic()
        seen = pool.apply(crowd, (port, clients, seconds, data))
        spent = time.monotonic() - start
        time.sleep(3)
        after, now = answers(port, data), state(pid)
    print(f"{clients} clients, {spent:.1f} s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| asked | answered | 429 | 503 | other | p50 ms | p95 ms |\n|---|---|---|---|---|---|---|")
    for kind, times in seen.times.items():
        counts = {status: n for (own, status), n in seen.statuses.items() if own == kind}
        other = sum(n for status, n in counts.items() if status not in ALLOWED)
        middle, high = np.percentile(times, (50, 95)) * 1e3
        shown = " | ".join(str(counts.get(status, 0)) for status in ALLOWED)
        print(f"| {kind} | {shown} | {other} | {middle:.0f} | {high:.0f} |")
    print("connections that broke:", dict(seen.broken) or "none")
    print(f"memory {was[0]:.0f} -> {now[0]:.0f} MB, open files {was[1]} -> {now[1]}")
    print("it answers as before" if before == after else f"IT ANSWERS OTHERWISE: {before} {after}")
    wrong = [status for _, status in seen.statuses if status not in ALLOWED]
    return int(bool(wrong or seen.broken or before != after))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    sys.exit(main(given.store, given.clients, given.seconds))
