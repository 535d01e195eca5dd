"""A whole run of `merian curate` at two sizes: images a second of each stage, the peak memory of a worker (must not grow) and of the driver (grows by the row).

The images are JPEGs of 256 x 192, each a mixture of two of 500 pictures, so that hardly one is a copy. A second table has no images: the driver's own work on
rows with all their columns, where memory is what limits the size of a catalog on one machine.

    .venv/bin/python bench/curate.py [--sizes 5000 20000] [--rows 200000 1000000] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from merian.core.tree import RANKS
from merian.curate import run
from merian.curate.judge import named, placed, refuse, split
from merian.curate.pack import deal
from merian.curate.runner import LocalRunner, Stage
from merian.curate.settings import CurateSettings

WIDTH, HEIGHT, BASES, SPECIES = 256, 192, 500, 400
MIB, PROMISE = 2**20, 2048
"""MiB that a worker may take."""
DRIVER = {"named": "names", "_without_copies": "near", "split": "split", "deal": "deal", "_write": "card"}
"""Functions of the run that are timed beside the stages."""
SHOWN = ("look", "names", "near", "compare", "split", "deal", "pack", "card")


def pictures() -> np.ndarray:
    """Pictures [BASES, HEIGHT, WIDTH, 3] with detail at four scales."""
    rng = np.random.default_rng(0)
    found = np.zeros((BASES, HEIGHT, WIDTH, 3), np.float32)
    for base in found:
        for grid, weight in ((3, 0.4), (9, 0.3), (40, 0.2), (120, 0.1)):
            coarse = Image.fromarray(rng.integers(0, 255, (grid, grid, 3), np.uint8))
            base += weight * np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)
    return found.astype(np.uint8)


def make(folder: Path, count: int) -> Path:
    """A table of `count` photos in `folder`, a thousand in a folder."""
    rng, bases, rows = np.random.default_rng(1), pictures().astype(np.uint16), []
    for k in range(count):
        a, b = rng.integers(0, BASES, 2)
        mixed = (2 * bases[a] + np.roll(bases[b], tuple(rng.integers(0, HEIGHT, 2)), (0, 1))) // 3
        file = folder / f"{k // 1000:03d}" / f"{k}.jpg"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(mixed.astype(np.uint8)).save(file, "JPEG", quality=88)
        rows.append((f"{k // 1000:03d}/{k}.jpg", f"Aus s{k % SPECIES}", f"e{k // 3}", f"https://example.org/{k}"))
    table = pl.DataFrame(rows, schema=["path", "species", "event_id", "id"], orient="row")
    table.write_csv(folder / "photos.csv")
    return folder / "photos.csv"


def peak() -> float:
    """MiB that this process has held at most. Not from getrusage, which counts what the parent held when it forked."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


@dataclass(frozen=True)
class Weighed:
    """A stage that notes how much its worker has held, a file a worker."""

    stage: Stage
    folder: Path
    driver: int

    def __call__(self, shard: int) -> int:
        rows = self.stage(shard)
        if os.getpid() != self.driver:  # a single shard is done by the driver itself
            (self.folder / f"{os.getpid()}").write_text(str(peak()))
        return rows


@dataclass(frozen=True)
class Weighing:
    """Processes of this machine that are weighed, and timed by stage."""

    workers: int
    folder: Path
    took: dict[str, float]

    def map(self, stage: Stage, shards: Sequence[int]) -> Iterator[tuple[int, int]]:
        start, name = time.perf_counter(), type(stage).__name__.lower()
        yield from LocalRunner(self.workers).map(Weighed(stage, self.folder, os.getpid()), shards)
        self.took[name] = time.perf_counter() - start


def whole(table: Path, workers: int) -> dict[str, float]:
    """Seconds of each stage of curating `table`, and MiB of the driver and of the largest worker."""
    took: dict[str, float] = {}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*given, **more)
            finally:
                took[name] = took.get(name, 0.0) + time.perf_counter() - start

        return call

    for function, name in DRIVER.items():
        setattr(run, function, timed(name, getattr(run, function)))
    with tempfile.TemporaryDirectory() as out, tempfile.TemporaryDirectory() as weights:
        start = time.perf_counter()
        runner = Weighing(workers, Path(weights), took)
        made = run.curate(table, Path(out) / "out", CurateSettings(shard_images=1000), runner=runner)
        took["all"] = time.perf_counter() - start
        took["kept"] = len(made.kept())
        heaviest = max(float(file.read_text()) for file in Path(weights).iterdir())
    return took | {"driver": peak(), "worker": heaviest}


def rows_only(count: int) -> dict[str, float]:
    """Seconds of what the driver does with `count` rows that were looked at, near duplicates aside, and MiB at its peak; for 0 rows of the imports."""
    if count == 0:
        return {"driver": peak()}
    rng, number = np.random.default_rng(0), pl.int_range(count, eager=True)
    species = (rng.pareto(0.7, count) * 50).astype(np.int64) % max(10, count // 200)
    empty = dict.fromkeys(
        ("sex", "life_stage", "habitat", "behaviour", "reproduction", "health"), pl.lit(None, pl.String)
    )
    frame = pl.DataFrame({"n": number, "s": species}).select(
        id=pl.format("https://www.inaturalist.org/observations/{}", "n"),
        path=pl.format("photos/{}/original.jpg", "n"),
        url=pl.format("https://static.example.org/photos/{}/original.jpg", "n"),
        verbatim_name=pl.format("Genus{} species{}", pl.col("s") // 8, "s"),
        licence=pl.lit("http://creativecommons.org/licenses/by-nc/4.0/"),
        rights_holder=pl.format("Naturalist {}", pl.col("n") // 50),
        event_id=pl.format("e{}", pl.col("n") // 2),
        event_date=pl.lit("2021-05-06"),
        country=pl.lit("US"),
        **{rank: pl.lit("Animalia") if rank == "kingdom" else pl.lit(None, pl.String) for rank in RANKS[:5]},
        genus=pl.format("Genus{}", pl.col("s") // 8),
        species=pl.format("Genus{} species{}", pl.col("s") // 8, "s"),
        latitude=pl.Series(rng.uniform(-80, 80, count)),
        longitude=pl.Series(rng.uniform(-180, 180, count)),
        width=pl.lit(640, pl.Int32),
        height=pl.lit(480, pl.Int32),
        extension=pl.lit("jpg"),
        contrast=pl.lit(40.0, pl.Float32),
        sharpness=pl.lit(0.6, pl.Float32),
        fingerprint=pl.Series([bytes(32)]).new_from_index(0, count),
        hash=pl.format("{}{}", pl.lit("0" * 52), pl.col("n").cast(pl.String).str.zfill(12)),
        reason=pl.when(pl.col("n") % 25 == 3).then(pl.lit("blurred")),
        **empty,
    )
    settings, took = CurateSettings(), {"held": frame.estimated_size() / count}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        known = named(frame, None, settings)
        took["names"] = time.perf_counter() - start
        start = time.perf_counter()
        frame = refuse(placed(known.rows, frame["reason"].is_null(), settings), settings)
        took["filters"] = time.perf_counter() - start
        start = time.perf_counter()
        frame, _ = split(frame.with_columns(cluster=pl.lit(None, pl.String)), known.tree, settings, None)
        took["split"] = time.perf_counter() - start
        start = time.perf_counter()
        deal(frame, known.tree, Path(folder), settings.shard_images, 0)
        took["deal"] = time.perf_counter() - start
    return took | {"driver": peak()}


def apart(*words: str) -> dict[str, float]:
    """What this script tells of one measurement, made in a process of its own."""
    said = subprocess.run([sys.executable, __file__, "--one", *words], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 20_000])
    parser.add_argument("--rows", type=int, nargs="*", default=[200_000, 1_000_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--one", nargs=2)
    given = parser.parse_args()
    if given.one:
        what, where = given.one
        print(json.dumps(whole(Path(where), given.workers) if what == "whole" else rows_only(int(where))))
        return
    workers = []
    for count in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            told = apart("whole", str(make(Path(folder), count)))
        workers.append(told["worker"])
        rates = ", ".join(f"{n} {count / told[n]:,.0f}" for n in SHOWN if n in told)
        print(
            f"{count:,} images, {given.workers} workers: {told['all']:.1f} s; images/s: {rates}; kept {told['kept']:,.0f}; "
            f"peak of the largest worker {told['worker']:,.0f} MiB, of the driver {told['driver']:,.0f} MiB"
        )
    print(
        f"a worker's peak grew by {workers[-1] / workers[0] - 1:+.0%}; promise {PROMISE} MiB: {'kept' if max(workers) < PROMISE else 'BROKEN'}"
    )
    idle = apart("rows", "0")["driver"]
    for count in given.rows:
        told = apart("rows", str(count))
        times = ", ".join(f"{n} {1e6 * told[n] / count:.2f}" for n in ("names", "filters", "split", "deal"))
        each = (told["driver"] - idle) * MIB / count
        print(
            f"{count:,} rows in the driver: us a row: {times}; table {told['held']:,.0f} bytes a row, peak {each:,.0f} bytes a row ({told['driver']:,.0f} MiB)"
        )
    sys.exit(max(workers) >= PROMISE)


if __name__ == "__main__":
    main()
