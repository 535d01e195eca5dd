"""Small JPEGs from a local server with all limits lifted: Merian's download (spool, checks, tars, index) beside a urllib loop and aiohttp's plain gather.

The server is a process of its own and answers at once, or after a wait such as a real line has. The gather keeps nothing and checks nothing: it is the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import statistics
import tempfile
import time
import urllib.request
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from merian.curate.download import DownloadSettings, download

AT_ONCE = 64


def photo(side: int = 160) -> bytes:
    """A JPEG of some 10 kB, the size of a thumbnail."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (side // 4, side // 4, 3), np.uint8))
    stream = io.BytesIO()
    coarse.resize((side, side), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def serve(pipe: Connection, body: bytes, wait: float) -> None:
    """Answer every request with the same image; tells its port through the pipe."""
    answer = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(wait)
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def by_merian(urls: list[str], folder: Path) -> int:
    """The images that `merian download` brings."""
    source = folder / "links.parquet"
    pl.DataFrame({"url": urls, "verbatim_name": "Pica pica"}).write_parquet(source)
    settings = DownloadSettings(allow_private=True, rate=100_000.0, at_once=AT_ONCE, all_at_once=AT_ONCE)
    return download(source, folder / "out", settings).images


def by_urllib(urls: list[str], folder: Path) -> int:
    """One after the other, a file each: what most scripts do."""
    for number, url in enumerate(urls):
        with urllib.request.urlopen(url) as answer:
            (folder / f"{number}.jpg").write_bytes(answer.read())
    return len(urls)


def by_gather(urls: list[str], folder: Path) -> int:
    """All at once, up to AT_ONCE lines; nothing is checked or kept."""
    import aiohttp

    async def one(session: aiohttp.ClientSession, url: str) -> int:
        async with session.get(url) as answer:
            return len(await answer.read())

    async def run() -> int:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
            return len(await asyncio.gather(*(one(session, url) for url in urls)))

    return asyncio.run(run())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    body = photo()
    for wait in (0.0, 0.02):
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, body, wait), daemon=True)
        server.start()
        urls = [f"http://127.0.0.1:{port}/{k}.jpg" for port in [ours.recv()] for k in range(given.images)]
        rates: dict[str, list[float]] = {"merian": [], "urllib": [], "gather": []}
        for _ in range(given.rounds):
            for name, run in (("merian", by_merian), ("urllib", by_urllib), ("gather", by_gather)):
                count = given.images // 10 if name == "urllib" and wait else given.images  # a tenth: it only waits
                with tempfile.TemporaryDirectory() as folder:
                    begun = time.perf_counter()
                    assert run(urls[:count], Path(folder)) == count
                    rates[name].append(count / (time.perf_counter() - begun))
        server.terminate()
        server.join()
        merian, loop, floor = (statistics.median(rates[name]) for name in ("merian", "urllib", "gather"))
        print(
            f"{given.images} JPEGs of {len(body) / 1000:.0f} kB, server answers after {1000 * wait:.0f} ms: merian {merian:.0f} images/s, "
            f"urllib loop {loop:.0f}, plain gather {floor:.0f}; {merian / loop:.1f} x the loop, {merian / floor:.2f} of the floor"
        )


if __name__ == "__main__":
    main()
