"""A synthetic ColDP archive compiled into a backbone and loaded again: seconds and peak memory, in a process of its own.

python bench/backbone.py [usages] (default 1,000,000)
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from merian.names.backbone import Backbone

SYLLABLES = np.array([a + b for a in "bcdfglmnprstvz" for b in "aeiou"])
SPECIES, SYNONYMS = 0.6, 0.33
"""Shares of species and synonyms among the usages, roughly those of the Catalogue of Life; the rest are subspecies and what stands above."""


def words(numbers: np.ndarray, length: int) -> pl.Series:
    """A made-up word for each number, the same for the same."""
    parts = []
    for _ in range(length):
        parts.append(pl.Series(SYLLABLES[numbers % len(SYLLABLES)]))
        numbers = numbers // len(SYLLABLES)
    return pl.DataFrame(dict(enumerate_names(parts))).select(pl.concat_str(pl.all())).to_series()


def enumerate_names(parts: list[pl.Series]) -> list[tuple[str, pl.Series]]:
    return [(f"p{k}", part) for k, part in enumerate(parts)]


def write(path: Path, n: int) -> None:
    """A ColDP ZIP of `n` usages with CoL's prefixed header: seven ranks, species with authors, synonyms, one common name for every fifth species."""
    chance = np.random.default_rng(7)
    genera, families = max(n // 20, 2), max(n // 600, 2)
    species, synonyms = int(n * SPECIES), int(n * SYNONYMS)
    above = [1, 3, 12, 60]
    sizes = [*above, families, genera, species, synonyms]
    starts = np.cumsum([0, *sizes])
    ranks = ["kingdom", "phylum", "class", "order", "family", "genus", "species", "species"]
    frames = []
    for level, (rank, size) in enumerate(zip(ranks, sizes, strict=True)):
        own = np.arange(starts[level], starts[level] + size)
        up = 6 if level == 7 else level - 1
        parent = chance.integers(starts[up], starts[up + 1], size) if level else np.zeros(size, int)
        genus = words(chance.integers(0, genera, size) * 7919, 4).str.to_titlecase()
        epithet = words(own * 104729 % 2**31, 4)
        binomial = rank == "species"
        frames.append(
            pl.DataFrame(
                {
                    "col:ID": pl.Series(own).map_elements(
                        lambda k: np.base_repr(k + 46656, 36), return_dtype=pl.String
                    ),
                    "col:parentID": pl.Series(parent).map_elements(
                        lambda k: np.base_repr(k + 46656, 36), return_dtype=pl.String
                    )
                    if level
                    else pl.Series([None] * size, dtype=pl.String),
                    "col:status": "synonym" if level == 7 else "accepted",
                    "col:scientificName": genus + " " + epithet if binomial else epithet.str.to_titlecase(),
                    "col:authorship": words(chance.integers(0, 30000, size), 3).str.to_titlecase() + ", 1898",
                    "col:rank": rank,
                    "col:uninomial": None if binomial else epithet.str.to_titlecase(),
                    "col:genericName": genus if binomial else None,
                    "col:specificEpithet": epithet if binomial else None,
                    "col:extinct": "false",
                    "col:remarks": "a remark that nobody reads, as long as the rest of the row taken together, or nearly",
                },
                schema_overrides=dict.fromkeys(("col:uninomial", "col:genericName", "col:specificEpithet"), pl.String),
            )
        )
    usages = pl.concat(frames).sample(fraction=1.0, shuffle=True, seed=1)
    called = (
        frames[6]
        .gather_every(5)
        .select(
            pl.col("col:ID").alias("col:taxonID"),
            pl.col("col:specificEpithet").alias("col:name"),
            pl.lit("eng").alias("col:language"),
        )
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr("metadata.yaml", "title: Catalogue of Lives\nversion: 2026-11-21 XR\n")
        for name, frame in (("NameUsage.tsv", usages), ("VernacularName.tsv", called)):
            with out.open(name, "w", force_zip64=True) as member:
                frame.write_csv(member, separator="\t", quote_style="never")


def timed(path: Path, cache: Path) -> None:
    """Open the backbone in this process and say how long it took and the most memory it held."""
    start = time.perf_counter()
    backbone = Backbone.open(path, cache)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(backbone.usages):,} usages, {len(backbone.refused):,} refused, {seconds:.1f} s, {peak:.2f} GiB at most"
    )


def main() -> None:
    if len(sys.argv) == 3:
        timed(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    n = int(sys.argv[1]) if len(sys.argv) == 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "col.zip"
        write(path, n)
        print(f"{n:,} usages, ZIP of {path.stat().st_size / 2**20:.0f} MiB")
        for what in ("compile", "load again"):
            print(f"{what}: ", end="", flush=True)
            subprocess.run([sys.executable, __file__, str(path), folder + "/cache"], check=True)


if __name__ == "__main__":
    main()
