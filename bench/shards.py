"""Reading shards: faster than training on any machine, and how far from the disk's own speed.

Packs 224-px JPEGs into two shards, then reads them in their order (memory-mapped, by the index), with and without decoding to 224 px, beside Python's tarfile
over the same files and a plain read of the whole file (the floor). The trainers to stay ahead of, per device (docs/numbers.md; published): a 2-core CPU trains
a few hundred small images/s; BioCLIP 2 saw about 259 images/s on each of 32 H100 (7.15 billion samples in 10 days, arXiv:2505.23883).

    .venv/bin/python bench/shards.py [images]
"""

from __future__ import annotations

import io
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from merian.core.tables import Catalog
from merian.core.tree import Tree
from merian.curate.shards import write_shard
from merian.encode import Preprocess, decode_many

ROUNDS, SIDE, BATCH = 5, 224, 256


def photos(count: int) -> list[bytes]:
    """`count` JPEGs of SIDE px with detail at several scales."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(min(count, 200)):
        image = np.zeros((SIDE, SIDE, 3), np.float32)
        for octave in (4, 16, 64):
            noise = Image.fromarray(rng.integers(0, 256, (octave, octave, 3), np.uint8))
            image += np.asarray(noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32) / 3
        stream = io.BytesIO()
        Image.fromarray(image.astype(np.uint8)).save(stream, "JPEG", quality=90)
        found.append(stream.getvalue())
    return [found[i % len(found)] for i in range(count)]


def packed(folder: Path, images: list[bytes]) -> Catalog:
    """A catalog whose two shards hold `images`."""
    half = len(images) // 2
    index = []
    for number, part in enumerate((images[:half], images[half:])):
        samples = ((f"{number}-{i}", "jpg", data, {"id": f"{number}-{i}"}) for i, data in enumerate(part))
        index.append(write_shard(folder / "shards" / f"shard-{number:05d}.tar", number, samples))
    return Catalog(folder, pl.concat(index), Tree.from_lineages(pl.DataFrame({"kingdom": ["Animalia"]})), "")


def median(run: Callable[[], int]) -> float:
    """Images (or bytes) per second, the median over ROUNDS."""
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        count = run()
        rates.append(count / (time.perf_counter() - start))
    return statistics.median(rates)


def main() -> None:
    images = photos(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
    look = Preprocess(size=SIDE)
    with tempfile.TemporaryDirectory() as folder:
        catalog = packed(Path(folder), images)
        tars = sorted((Path(folder) / "shards").glob("*.tar"))

        def ours() -> int:
            return sum(1 for data in catalog.images(catalog.frame) if data[:2] == b"\xff\xd8")

        def theirs() -> int:
            found = 0
            for tar in tars:
                with tarfile.open(tar) as archive:
                    for member in archive:
                        if member.name.endswith(".jpg"):
                            stream = archive.extractfile(member)
                            found += stream is not None and stream.read()[:2] == b"\xff\xd8"
            return found

        def floor() -> int:
            return sum(len(tar.read_bytes()) for tar in tars)

        def decoded() -> int:
            batch, count = [], 0
            for data in catalog.images(catalog.frame):
                batch.append(data)
                if len(batch) == BATCH:
                    count += len(decode_many(batch, look).pixels)
                    batch = []
            return count + (len(decode_many(batch, look).pixels) if batch else 0)

        size = sum(tar.stat().st_size for tar in tars) / len(images)
        rate, peer, whole, pixels = median(ours), median(theirs), median(floor) / size, median(decoded)
    print(f"{len(images):,} JPEGs of {SIDE} px, {size / 1024:.1f} KiB each in the shard (page cache warm)")
    print(
        f"read by the index: {rate:,.0f} images/s; tarfile {peer:,.0f} (ratio {rate / peer:.1f}); the bytes alone {whole:,.0f}"
    )
    print(f"read and decoded to {SIDE} px, 2 threads: {pixels:,.0f} images/s")


if __name__ == "__main__":
    main()
