"""iNaturalist open data made up of `n` photos, read as a source from nothing and again from the cache: seconds, rows a second, peak memory.

python bench/sources.py [photos] (default 1,000,000)
"""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

TAXA = 50_000
PER_OBSERVATION = 1.6
"""Photos of an observation, about as many as iNaturalist has."""


def write(folder: Path, n: int) -> None:
    """photos, observations, observers and taxa, as iNaturalist publishes them; photos are not in the order of their observations."""
    chance = np.random.default_rng(1)
    seen = int(n / PER_OBSERVATION)
    key = pl.format(
        "{}-0000-4000-8000-{}", pl.col("k").cast(pl.String).str.zfill(8), pl.col("k").cast(pl.String).str.zfill(12)
    )
    observations = pl.DataFrame({"k": np.arange(seen)}).select(
        key.alias("observation_uuid"),
        pl.Series("observer_id", chance.integers(1, 10_000, seen)),
        pl.Series("latitude", chance.uniform(-80, 80, seen).round(6)),
        pl.Series("longitude", chance.uniform(-180, 180, seen).round(6)),
        pl.lit(10).alias("positional_accuracy"),
        pl.Series("taxon_id", chance.integers(100, 100 + TAXA, seen)),
        pl.lit("research").alias("quality_grade"),
        pl.lit("2020-05-06").alias("observed_on"),
    )
    photos = pl.DataFrame({"k": chance.integers(0, seen, n)}).select(
        pl.lit("8a9d").alias("photo_uuid"),
        pl.Series("photo_id", np.arange(n) + 1),
        key.alias("observation_uuid"),
        pl.lit(7).alias("observer_id"),
        pl.lit("jpg").alias("extension"),
        pl.lit("CC-BY-NC").alias("license"),
        pl.lit(2048).alias("width"),
        pl.lit(1536).alias("height"),
        pl.lit(0).alias("position"),
    )
    ids = np.arange(100, 100 + TAXA)
    genera = 1 + ids % 90
    taxa = pl.DataFrame({"taxon_id": ids}).select(
        "taxon_id",
        pl.format("{}/{}", pl.lit(1), pl.Series("g", genera + 1)).alias("ancestry"),
        pl.lit(10).alias("rank_level"),
        pl.lit("species").alias("rank"),
        pl.format("Genus{} species{}", pl.Series("g", genera), "taxon_id").alias("name"),
        pl.lit("t").alias("active"),
    )
    above = pl.DataFrame({"taxon_id": np.arange(1, 93)}).select(
        "taxon_id",
        pl.when(pl.col("taxon_id") > 1).then(pl.lit("1")).alias("ancestry"),
        pl.lit(20).alias("rank_level"),
        pl.when(pl.col("taxon_id") > 1).then(pl.lit("genus")).otherwise(pl.lit("kingdom")).alias("rank"),
        pl.format("Genus{}", pl.col("taxon_id") - 1).alias("name"),
        pl.lit("t").alias("active"),
    )
    observers = pl.DataFrame({"observer_id": np.arange(1, 10_000)}).with_columns(
        login=pl.lit("ana"), name=pl.lit("Ana")
    )
    tables = {
        "photos": photos,
        "observations": observations,
        "taxa": pl.concat([above, taxa], how="vertical_relaxed"),
        "observers": observers,
    }
    for name, table in tables.items():
        with gzip.open(folder / f"{name}.csv.gz", "wb", compresslevel=1) as stream:
            table.write_csv(stream, separator="\t")  # type: ignore[call-overload]


def read(folder: Path) -> None:
    """Open the source, go through all its rows, and say how long it took and the most memory it had."""
    from merian.curate.sources import open_source

    start = time.perf_counter()
    source = open_source(folder)
    opened = time.perf_counter() - start
    rows = sum(len(source.rows(k)) for k in range(source.shards))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{rows:>12,} rows: opened in {opened:6.1f} s, gone through in {seconds - opened:5.1f} s ({rows / seconds:>10,.0f} rows/s), peak {peak:,.0f} MiB"
    )


def main() -> None:
    """Write, read from nothing, read from the cache; each in a process of its own."""
    if len(sys.argv) > 2:
        read(Path(sys.argv[2]))
        return
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "inat"
        place.mkdir()
        write(place, n)
        size = sum(f.stat().st_size for f in place.iterdir()) / 1e6
        print(f"iNaturalist open data, {n:,} photos, {size:,.0f} MB gzipped")
        environment = os.environ | {"MERIAN_CACHE": str(Path(folder) / "cache")}
        for what in ("from nothing", "from the cache"):
            print(f"{what:>16}", end="", flush=True)
            subprocess.run([sys.executable, __file__, "-", str(place)], env=environment, check=True)


if __name__ == "__main__":
    main()
