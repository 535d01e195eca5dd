"""Requests a second and answering times of `merian serve` under 32 clients against one at a time, and against the encoder alone.

The server is the real one, a process of its own on loopback, over a store with a model of random weights in open_clip's layout. The clients are another
process: each sends photo after photo to /api/identify over one connection and, when refused with 429, waits as long as it is told. In the mean an answer takes
as long as the number of clients divided by the throughput, which is printed beside p95: the queue is what makes it long.

    .venv/bin/python bench/serve.py [--model ViT-B-16 | tour | ...] [--photos FOLDER] [--clients 32] [--seconds 20] [--rounds 3] [--batch 8]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import multiprocessing
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from merian.core.tree import RANKS, Tree
from merian.core.vectors import normalise
from merian.encode import Encoder, decode_many, open_encoder
from merian.identify.calibrate import Calibration
from merian.identify.head import Head, leaves

SHARED = Path(__file__).parents[2] / "shared" / "data" / "photos"
TAKEN = 400
"""Photos that are sent in turn."""
BATCHES = (1, 8, 32)
"""Images at a time of the encoder alone."""
PATIENCE = 180.0


@dataclass
class Load:
    """What some clients saw in one round."""

    seconds: float = 0.0
    """From the first request to the last answer."""
    times: list[float] = field(default_factory=list)
    """Answering time of each photo, in seconds."""
    refused: int = 0
    errors: list[str] = field(default_factory=list)


def make(folder: Path, name: str, taxa: int) -> Encoder:
    """A model folder with random weights and a head of `taxa` made species; its encoder."""
    import open_clip
    import torch
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    from merian.train.settings import TrainSettings
    from merian.train.towers import model_config
    from merian.train.vocabulary import clip_tokens

    tour = model_config(TrainSettings(), 49_408, 77)
    config: dict[str, Any] | None = tour if name == "tour" else open_clip.get_model_config(name)
    if config is None:
        sys.exit(f"--model {name}: open_clip has none of this name; see open_clip.list_models()")
    torch.manual_seed(0)
    state = CLIP(**json.loads(json.dumps(config))).state_dict()
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "open_clip_model.safetensors")
    (folder / "tokenizer.json").write_text(clip_tokens().tokenizer.to_str(), encoding="utf-8")
    encoder = open_encoder(folder)
    lineages = {rank: [f"{rank} {k // 10 ** (6 - at)}" for k in range(taxa)] for at, rank in enumerate(RANKS[:5])}
    lineages["genus"] = [f"Genus{k // 5}" for k in range(taxa)]
    lineages["species"] = [f"Genus{k // 5} kind{k}" for k in range(taxa)]
    tree = Tree.from_lineages(pl.DataFrame(lineages))
    labels = leaves(tree)
    vectors = normalise(np.random.default_rng(0).standard_normal((len(labels), encoder.dim)))
    Head(tree, labels, vectors, encoder.fingerprint, Calibration(encoder.logit_scale)).save(folder / "head")
    return encoder


def pictures(folder: Path | None, work: Path) -> list[Path]:
    """JPEG files: of the folder given, else the real ones beside the repository, else drawn ones."""
    place = folder if folder is not None else SHARED
    if not place.is_dir():
        if folder is not None:
            sys.exit(f"--photos {folder}: no such folder")
        from merian.drawn.source import write_source
        from merian.drawn.world import DrawSettings

        write_source(work, DrawSettings(species=16, images=TAKEN, size=224), workers=1)
        place = work
    found = sorted(p for p in place.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        sys.exit(f"{place}: holds no .jpg")
    rng = np.random.default_rng(0)
    return [found[int(k)] for k in rng.permutation(len(found))[:TAKEN]]


@contextlib.contextmanager
def served(store: Path, batch: int) -> Iterator[int]:
    """The port of a `merian serve` over the store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        str(Path(sys.executable).with_name("merian")),
        "serve",
        str(store),
        "--port",
        str(port),
        "--batch",
        str(batch),
    ]
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        server = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            while not _ready(port):
                if server.poll() is not None or time.perf_counter() - start > PATIENCE:
                    said.seek(0)
                    sys.exit(f"the server did not start: {said.read().decode()}")
                time.sleep(0.05)
            print(f"  ready {time.perf_counter() - start:.1f} s after its start")
            yield port
        finally:
            server.terminate()
            server.wait(30)
            said.seek(0)
            told = said.read().decode()
            if "Traceback" in told:
                print(told)


def _ready(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/ready", timeout=5) as answer,
    ):
        return bool(json.load(answer)["ready"])
    return False


def counted(port: int) -> tuple[int, int]:
    """Images and batches that the server did so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = [re.search(rf"^merian_{name}_total (\d+)$", text, re.MULTILINE) for name in ("images", "batches")]
    images, batches = (int(f[1]) if f else 0 for f in found)
    return images, batches


def load(port: int, files: list[Path], clients: int, seconds: float) -> Load:
    """What `clients` saw in so many seconds; runs in a process of its own."""
    return asyncio.run(_load(port, [file.read_bytes() for file in files], clients, seconds))


async def _load(port: int, photos: list[bytes], clients: int, seconds: float) -> Load:
    found, coming = Load(), itertools.cycle(photos)
    begun = time.perf_counter()
    until = begun + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        while (start := time.perf_counter()) < until:
            status, headers, body = await _post(reader, writer, port, next(coming))
            end = time.perf_counter()
            if status == 200 and json.loads(body)["rows"][0]["reason"] is None:
                found.times.append(end - start)
                found.seconds = max(found.seconds, end - begun)
            elif status == 429:
                found.refused += 1
                await asyncio.sleep(float(headers.get("retry-after", "1")))
            else:
                found.errors.append(f"{status}: {body[:200].decode(errors='replace')}")
        writer.close()

    for outcome in await asyncio.gather(*(one() for _ in range(clients)), return_exceptions=True):
        if isinstance(outcome, BaseException):
            found.errors.append(repr(outcome))
    return found


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, photo: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to one photo."""
    head = f"POST /api/identify HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\n\r\n"
    writer.write(head.encode() + photo)
    await writer.drain()
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines if line)}
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def alone(encoder: Encoder, files: list[Path], batch: int, seconds: float) -> float:
    """Images a second of decoding and encoding in this process, `batch` at a time."""
    photos = [file.read_bytes() for file in files]
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        part = [photos[(done + k) % len(photos)] for k in range(batch)]
        encoder.embed_images(decode_many(part, encoder.preprocess).pixels)
        done += batch
    return done / spent


def main(name: str, photos: Path | None, clients: int, seconds: float, rounds: int, taxa: int, together: int) -> None:
    """Print what the clients saw."""
    print(f"{name}, {taxa} taxa, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as place, multiprocessing.get_context("spawn").Pool(1) as pool:
        encoder = make(Path(place) / "store" / "model", name, taxa)
        files = pictures(photos, Path(place) / "drawn")
        seen: dict[int, list[tuple[Load, float]]] = {count: [] for count in (1, clients)}
        rates: dict[int, list[float]] = {batch: [] for batch in BATCHES}
        with served(Path(place) / "store", together) as port:
            first = pool.apply(load, (port, files, 1, 0.01))
            print(f"  first answer {first.times[0] * 1e3:.0f} ms" if first.times else f"  first answer: {first.errors}")
            for count in seen:
                pool.apply(load, (port, files, count, seconds / 5))  # every size of batch once
            for _ in range(rounds):
                for batch, own in rates.items():
                    own.append(alone(encoder, files, batch, seconds / 5))
                for count, rows in seen.items():
                    before = counted(port)
                    found = pool.apply(load, (port, files, count, seconds if count > 1 else seconds / 2))
                    images, batches = (b - a for a, b in zip(before, counted(port), strict=True))
                    rows.append((found, images / max(batches, 1)))
    tell(seen, rates)


def tell(seen: dict[int, list[tuple[Load, float]]], rates: dict[int, list[float]]) -> None:
    """The table: medians over the rounds."""
    print("| clients | photos/s | p50 ms | p95 ms | p99 ms | clients / throughput, ms | mean batch | 429 | errors |")
    print("|---|---|---|---|---|---|---|---|---|")
    speeds: dict[int, list[float]] = {}
    for count, rows in seen.items():
        speeds[count] = [len(found.times) / max(found.seconds, 1e-9) for found, _ in rows]
        points = np.array([np.percentile(found.times or [np.nan], (50, 95, 99)) for found, _ in rows])
        shown = " | ".join(f"{value * 1e3:.0f}" for value in np.median(points, 0))
        speed = statistics.median(speeds[count])
        together = statistics.median(mean for _, mean in rows)
        refused, errors = (sum(counts) for counts in zip(*((f.refused, len(f.errors)) for f, _ in rows), strict=True))
        print(
            f"| {count} | {speed:.2f} | {shown} | {count / speed * 1e3:.0f} | {together:.1f} | {refused} | {errors} |"
        )
        for error in sorted({error for found, _ in rows for error in found.errors})[:5]:
            print(f"  {error}")
    one, many = speeds.values()
    ratios = np.array(many) / np.array(one)
    print(f"throughput: {np.median(ratios):.2f} times one client's (rounds {ratios.min():.2f} to {ratios.max():.2f})")
    for batch, own in rates.items():
        shares = np.array(many) / np.array(own)
        print(
            f"decoding and encoding alone, {batch} at a time: {statistics.median(own):.2f} photos/s; "
            f"the server reaches {np.median(shares):.0%} ({shares.min():.0%} to {shares.max():.0%})"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="ViT-B-16")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--taxa", type=int, default=5_000)
    parser.add_argument("--batch", type=int, default=8, help="photos that the server computes together; 1: one by one")
    given = parser.parse_args()
    main(given.model, given.photos, given.clients, given.seconds, given.rounds, given.taxa, given.batch)
