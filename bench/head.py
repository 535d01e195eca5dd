"""A head of 867,455 taxa: the k best, all seven ranks and the chance of none, against reading the same bytes once, and against pybioclip's way.

    .venv/bin/python bench/head.py [--taxa 867455] [--dim 768] [--rounds 5]

pybioclip's way is our rendering of it in torch: cosines to all labels, softmax over all, the k best. Its sums for a coarser rank, in Python dicts, are in
bench/rollup.py. The labels lie on the disk, in float16 as Merian keeps them and in float32 as they are published, and are in the system's cache when timed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from merian.core.tree import Tree
from merian.identify.calibrate import Calibration
from merian.identify.scan import Plan, scan
from tree import million

PART = 16_384


def main(taxa: int, dim: int, rounds: int) -> None:
    """Print a row for each type and batch."""
    tree = Tree.from_lineages(million(int(taxa * 1.2)))
    plan, calibration = Plan(tree, tree.at("species")[:taxa].astype(np.int32)), Calibration(scale=100.0)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((32, dim), np.float32)
    with tempfile.TemporaryDirectory(dir=".") as place:
        for kind in (np.float16, np.float32):
            held = made(Path(place) / f"{np.dtype(kind).name}.npy", taxa, dim, kind)
            images[:16] = (
                held[:: taxa // 16][:16] * 0.6 + images[:16] / np.linalg.norm(images[:16], axis=1, keepdims=True) * 0.8
            )
            vectors = images / np.linalg.norm(images, axis=1, keepdims=True)
            whole = torch.from_numpy(np.asarray(held)) if kind is np.float32 else None
            for count in (1, 8, 32):
                compare(held, vectors[:count], plan, calibration, whole, rounds)


def compare(
    held: np.ndarray, vectors: np.ndarray, plan: Plan, calibration: Calibration, whole: torch.Tensor | None, rounds: int
) -> None:
    """Print how long each takes, and the ratios."""

    def theirs() -> None:
        assert whole is not None
        with torch.inference_mode():
            logits = calibration.scale * (torch.from_numpy(vectors) @ whole.T)
            for row in logits.softmax(1):
                row.topk(5)

    ways: dict[str, Callable[[], object]] = {
        "reading": lambda: read(held),
        "ours": lambda: scan(vectors, held, plan, calibration),
    }
    if whole is not None:
        ways["pybioclip's way"] = theirs
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    count = len(vectors)
    floor, mine = (statistics.median(seconds[name]) for name in ("reading", "ours"))
    line = f"{held.dtype} batch {count:>2}: {mine * 1e3:6.0f} ms a pass, {mine * 1e3 / count:6.1f} ms an image, {mine / floor:.1f} x the floor"
    for name in ways.keys() - {"reading", "ours"}:
        ratios = [b / a for a, b in zip(seconds["ours"], seconds[name], strict=True)]
        line += f"; {name} {statistics.median(ratios):.1f} x ours ({min(ratios):.1f} to {max(ratios):.1f})"
    print(line, flush=True)


def read(held: np.ndarray) -> None:
    """Each byte once, on as many threads as there are cores: the floor of one pass."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda at: held[at : at + PART].view(np.int64).max(), range(0, len(held), PART)))


def made(path: Path, taxa: int, dim: int, kind: type) -> np.ndarray:
    """Random unit rows on the disk, mapped."""
    rng = np.random.default_rng(1)
    array = np.lib.format.open_memmap(path, "w+", kind, (taxa, dim))
    for start in range(0, taxa, PART):
        block = rng.standard_normal((min(PART, taxa - start), dim), np.float32)
        array[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    array.flush()
    return np.load(path, mmap_mode="c")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--taxa", type=int, default=867_455)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    main(given.taxa, given.dim, given.rounds)
