"""Emergence along a ladder of training images and over temperatures, put together over seeds: what the runs of recipes/scale.toml found.

Reads WORK/ladder-study-* and WORK/temperature-study-*, as many as have finished. Each measure has a row: for every member of the series its mean over the
seeds with the smallest and the largest, and the change from the first member to the last with its 95 % interval over seeds (Student's t; none for one seed).
The species are the same for all seeds, so that interval is of training anew, not of other species: each study's own report has the other.

    .venv/bin/python bench/scale.py WORK
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import t

ROWS = {
    ("within", "probe_across"): "told in species never seen: ",
    ("within", "rho.k2"): "rho, k = 2: ",
    ("within", "retained"): "variance within species: ",
    ("hierarchy", "triplets"): "triplets: ",
    ("hierarchy", "spearman"): "tree distance against distance: ",
}
READ, LEVEL = "traits read out of clade, p <= 0.05", 0.05


def series_of(study: Path) -> pl.DataFrame:
    """Measures of one study's series: name, member, value; the traits that are read are counted."""
    rows = pl.read_parquet(study / "measures.parquet").filter(pl.col("role") == "series")
    named = [(part, measure, words) for (part, measure), words in ROWS.items()]
    words = pl.DataFrame(named, schema=["part", "measure", "words"], orient="row")
    own = rows.join(words, on=["part", "measure"], maintain_order="left")
    own = own.filter((pl.col("part") == "within") | (pl.col("subject") == "all"))
    told = own.select(pl.concat_str("words", "subject").alias("name"), pl.col("vectors").alias("member"), "value")
    read = rows.filter((pl.col("part") == "traits") & (pl.col("measure") == "rho"))
    count = read.group_by("vectors", maintain_order=True).agg((pl.col("p") <= LEVEL).sum().cast(pl.Float64))
    return pl.concat([told, count.select(pl.lit(READ).alias("name"), pl.col("vectors").alias("member"), value="p")])


def change(values: np.ndarray) -> str:
    """The mean of changes [seeds] with its interval."""
    n = len(values)
    if n < 2:
        return f"{values.mean():+.2f} (one seed)"
    half = float(t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return f"{values.mean():+.2f} ({values.mean() - half:+.2f} to {values.mean() + half:+.2f})"


def told(studies: list[Path]) -> list[str]:
    """The lines of a table in Markdown; a measure that some seed or member lacks has a gap, and no change where it lacks an end."""
    tables = [series_of(study) for study in studies]
    names = dict.fromkeys(name for table in tables for name in table["name"])
    members = list(dict.fromkeys(member for table in tables for member in table["member"]))
    lines = [f"| | {' | '.join(members)} | change, first to last |", "|---" * (len(members) + 2) + "|"]
    held = [{(name, member): value for name, member, value in table.iter_rows()} for table in tables]
    for name in names:
        values = np.array([[own.get((name, m), np.nan) for m in members] for own in held], np.float64)
        cells = []
        for column in values.T:
            known = column[np.isfinite(column)]
            ends = f" ({known.min():.2f} to {known.max():.2f})" if len(known) > 1 else ""
            cells.append(f"{known.mean():.2f}{ends}" if len(known) else "")
        moved = values[:, -1] - values[:, 0]
        moved = moved[np.isfinite(moved)]
        lines.append(f"| {name.replace(' | ', ' or ')} | {' | '.join(cells)} | {change(moved) if len(moved) else ''} |")
    return lines


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="the folder that recipes/scale.toml was run in")
    work = parser.parse_args().work
    for kind in ("ladder", "temperature"):
        studies = sorted(path.parent for path in work.glob(f"{kind}-study-*/manifest.json"))
        print(f"\n{kind}: {len(studies)} seeds\n")
        print("\n".join(told(studies)) if studies else "no study has finished")


if __name__ == "__main__":
    main()
