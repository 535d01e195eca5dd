"""Some of a head's labels only: a clade, or a checklist of names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, UnknownTaxon
from merian.core.tree import RANKS, Tree, read_table

__all__ = ["names_of", "within"]

TABLES = (".csv", ".tsv", ".parquet", ".gz")
COLUMNS = ("scientificName", "scientific_name", "acceptedScientificName", *reversed(RANKS), "name")
"""Where a checklist has its names: the first of these columns that it has."""


def names_of(wanted: Sequence[str]) -> list[str]:
    """Names, and the names in files among them: a table (its column scientificName, or the finest rank), or a text file with a name a line."""
    found: list[str] = []
    for word in wanted:
        path = Path(word)
        if not path.is_file():
            found.append(word)
        elif path.suffix in TABLES:
            found += _column(path)
        else:
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            found += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return list(dict.fromkeys(found))


def within(tree: Tree, labels: npt.NDArray[np.int32], names: Iterable[str]) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Which `labels` [t] are, or lie below, the taxa with these scientific or common names; and what is to say of names that are not known or lead to no label.

    A name of several taxa stands for all of them.
    """
    allowed, remarks = np.zeros(len(labels), bool), []
    for name in names:
        taxa = tree.named(name) or tree.called(name)
        if not taxa:
            try:
                tree.find(name)
            except UnknownTaxon as error:
                remarks.append(str(error))
            continue
        own = np.zeros(len(labels), bool)
        for taxon in taxa:
            own |= (labels >= taxon) & (labels < tree.end[taxon])
        if not own.any():
            remarks.append(f"taxon {name!r} has no label below it")
        allowed |= own
    return allowed, remarks


def _column(path: Path) -> list[str]:
    table = read_table(path)
    column = next((name for name in COLUMNS if name in table.columns), None)
    if column is None:
        raise BadData(path, f"a checklist needs one of the columns {', '.join(COLUMNS)}", table.columns)
    return [str(name).strip() for name in table[column].drop_nulls().to_list() if str(name).strip()]
