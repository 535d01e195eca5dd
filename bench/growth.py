"""How the time of a search grows with the number of vectors, fitted on sizes that fit here and carried on to sizes that do not.

For each size the index of bench/search.py is built and asked with several numbers of probes (parts that are looked at) and of candidates
(compared again in full). A question's time is taken as

    t = a + b * bytes of centres + c * bytes of codes in the probed parts + d * candidates

with a, b, c, d >= 0 (least squares over the medians of all settings). With parts = sqrt(n) the centres grow as sqrt(n), and so do the codes, at
a constant number of probes. How many probes a recall of 0.95 at 10 needs is read off each size, and carried on as a power of n. The fit is also
made without the largest size and held against what was measured there: that is the only part of the extrapolation that is tested.

    .venv/bin/python bench/growth.py [--sizes 100000,300000,1000000] [--to 10000000,200000000] [--dim 512] [--questions 100] [--work DIR]

On two idle cores about six minutes and 9 GB of memory. Files lie in the memory of the system, as in bench/search.py. On a busy machine it says nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from merian.search import Index, SearchSettings
from search import Drawn, K, built, exact, recall, table, timed

PROBES, REFINES = (3, 6, 12, 24, 48, 96), (5, 10, 20, 40)
ENOUGH = 0.95
FACTORS = 16
"""Bytes that stand beside the bits of a code: two factors of RaBitQ and the number of its row."""


@dataclass(frozen=True)
class Point:
    """One setting at one size: medians in ms, and the recall at 10."""

    n: int
    parts: int
    probes: int
    refine: int
    ms: float
    recall: float

    def costs(self, dim: int) -> list[float]:
        """What a question's time is made of: 1, bytes of centres, bytes of codes, candidates."""
        return costs(self.n, self.parts, self.probes, self.refine, dim)


def costs(n: int, parts: float, probes: float, refine: float, dim: int) -> list[float]:
    """1, bytes of centres, bytes of codes in the probed parts, candidates compared in full."""
    return [1.0, 4.0 * dim * parts, probes * n / parts * (dim / 8 + FACTORS), refine * K]


def measured(given: argparse.Namespace, n: int) -> tuple[list[Point], float]:
    """The Points of one size, and the bytes of its files for each vector."""
    given.count = n
    drawn = Drawn(given.dim)
    taxa, vectors = drawn.images(n)
    _, questions = drawn.images(given.questions)
    index = built(given, drawn.tree, table(taxa, drawn.rng), vectors)
    best = exact(vectors, questions, np.ones(n, bool))
    del vectors
    points = []
    ways = [(probes, 10) for probes in PROBES] + [(24, refine) for refine in REFINES if refine != 10]
    for probes, refine in ways:
        asked = replace(index, settings=replace(index.settings, probes=probes, refine=refine, exact=0))
        took, found = timed(lambda question, index=asked: rows_of(index, question), questions)
        points.append(Point(n, index.parts, probes, refine, float(np.median(took)), recall(found, best)))
        one = points[-1]
        print(f"| {n:,} | {one.parts:,} | {probes} | {K * refine} | {one.ms:.2f} | {one.recall:.3f} |", flush=True)
    folder = given.work / f"{n}-{given.dim}" / f"index-{given.quantise}"
    return points, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / n


def rows_of(index: Index, question: np.ndarray) -> np.ndarray:
    """The rows that were found."""
    return np.array([int(row[1:]) for row in index.search(question, K).rows["id"].to_list()])


def fitted(points: list[Point], dim: int) -> np.ndarray:
    """a, b, c, d: ms for each of `costs`, none below 0; every point counts by its share, not by its milliseconds."""
    rows, times = np.array([point.costs(dim) for point in points]), np.array([point.ms for point in points])
    scale = rows.max(0)
    found, _ = nnls(rows / scale / times[:, None], np.ones(len(times)))
    return np.asarray(found / scale)


def needed(points: list[Point]) -> dict[int, float]:
    """For each size the probes that a recall of 0.95 needs, between those tried by their logarithm; the fewest tried where they do already."""
    found = {}
    for n in sorted({point.n for point in points}):
        own = sorted((point for point in points if point.n == n and point.refine == 10), key=lambda point: point.probes)
        reached = np.maximum.accumulate([point.recall for point in own])
        logs = np.log([point.probes for point in own])
        found[n] = float(np.exp(np.interp(ENOUGH, reached, logs))) if reached[-1] >= ENOUGH else float("nan")
    return found


def told(points: list[Point], sizes: list[int], given: argparse.Namespace, on_disk: float) -> None:
    """Print the fit, how it does at the largest size that it has not seen, and the table."""
    dim, largest = given.dim, max(point.n for point in points)
    rates = fitted(points, dim)
    off = [abs(rates @ point.costs(dim) / point.ms - 1) for point in points]
    print(f"\na = {rates[0]:.2f} ms")
    for name, rate, unit in (("centres", rates[1], "GB"), ("codes", rates[2], "GB"), ("candidates", rates[3], "")):
        speed = f"{1e-6 / rate:.2f} {unit}/s" if unit and rate > 0 else f"{1e3 * rate:.2f} us each"
        print(f"{name}: {speed if rate > 0 else 'not told from a'}")
    print(f"the fit is {np.mean(off):.0%} off on average, {max(off):.0%} at most")
    small = [point for point in points if point.n < largest]
    if small:
        guess = fitted(small, dim)
        seen = [point for point in points if point.n == largest]
        ratios = [guess @ point.costs(dim) / point.ms for point in seen]
        print(f"fitted without {largest:,}, it says {min(ratios):.2f} to {max(ratios):.2f} of what was measured there")
    wanted = {n: probes for n, probes in needed(points).items() if np.isfinite(probes)}
    power = 0.0
    if len(wanted) > 1:
        power = max(0.0, float(np.polyfit(np.log(list(wanted)), np.log(list(wanted.values())), 1)[0]))
    print(f"probes for a recall of {ENOUGH}: " + ", ".join(f"{p:.1f} of {n:,}" for n, p in wanted.items()))
    print(f"carried on as n^{power:.2f}\n")
    print("| vectors | probes, carried on | ms | probes, a constant share | ms | codes, GB | files, GB |")
    print("|---|---|---|---|---|---|---|")
    last = wanted.get(largest, float(SearchSettings().probes))
    for n in sizes:
        few, many = last * (n / largest) ** power, last * (n / largest) ** 0.5
        ms = [float(rates @ costs(n, n**0.5, probes, 10, dim)) for probes in (few, many)]
        codes = n * (dim / 8 + FACTORS) / 1e9
        print(
            f"| {n:,} | {few:.0f} | {ms[0]:.1f} | {many:.0f} | {ms[1]:.1f} | {codes:.1f} | {n * on_disk / 1e9:,.0f} |"
        )


def main() -> None:
    """Measure each size, then fit and carry on."""
    given = arguments()
    points: list[Point] = []
    on_disk = 0.0
    print("| vectors | parts | probes | compared in full | p50, ms | recall at 10 |\n|---|---|---|---|---|---|")
    sizes = [int(size) for size in given.sizes.split(",")]
    for n in sizes:
        found, on_disk = measured(given, n)
        points += found
    told(points, sizes + [int(size) for size in given.to.split(",")], given, on_disk)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="100000,300000,1000000", help="sizes that are measured")
    parser.add_argument("--to", default="10000000,200000000", help="sizes that are carried on to")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--quantise", default="rq")
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "merian-bench-search")
    return parser.parse_args()


if __name__ == "__main__":
    main()
