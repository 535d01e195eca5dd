"""Mass at birth and at weaning of placental mammals on adult mass and litter, fitted to PanTHERIA, beside the constants of merian.twin.herds.maturing.

    .venv/bin/python bench/young.py PANTHERIA

One row a species (the first); monotremes and marsupials are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.tree import read_table
from merian.twin.herds.maturing import BIRTH, WEANED
from merian.twin.traits import species_name

OTHERS = (
    "Monotremata Diprotodontia Didelphimorphia Dasyuromorphia Peramelemorphia "
    "Paucituberculata Microbiotheria Notoryctemorphia"
)


def main(path: Path) -> None:
    """Print the fits."""
    table = read_table(path)
    order = next(name for name in table.columns if name.lower().endswith("order"))
    table = table.with_columns(species_name(table, path).alias(".species")).unique(
        ".species", keep="first", maintain_order=True
    )
    table = table.filter(~pl.col(order).is_in(OTHERS.split()))
    print("| log10 of | intercept, adult mass, litter | in the code | sd | n |\n|---|---|---|---|---|")
    for column, written in (("NeonateBodyMass_g", BIRTH), ("WeaningBodyMass_g", WEANED)):
        names = ("AdultBodyMass_g", "LitterSize", column)
        found = np.stack([table[name].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy() for name in names])
        mass, litter, young = np.log10(found[:, (found > 0).all(0)])
        given = np.stack([np.ones(len(mass)), mass, litter], 1)
        fit = np.linalg.lstsq(given, young, rcond=None)[0]
        sd = (young - given @ fit).std(ddof=3)
        print(f"| {column} | {', '.join(f'{x:.3f}' for x in fit)} | {written} | {sd:.3f} | {len(mass)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pantheria", type=Path)
    main(parser.parse_args().pantheria)
