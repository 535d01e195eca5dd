"""Published label files read as a Head: the text embeddings of TreeOfLife's taxa, as the makers of BioCLIP give them out, checked first.

`txt_emb_*.npy` holds float32 `[d, t]`, a column a label; `txt_emb_*.json` beside it, in the same order,
`[[[kingdom, phylum, class, order, family, genus, epithet], common name], ...]` with "" where a rank is missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Mismatch, Missing
from merian.core.tree import RANKS, Tree
from merian.core.vectors import normalise
from merian.encode import Encoder
from merian.identify.calibrate import Calibration
from merian.identify.head import LARGE, Head

__all__ = ["Checked", "is_published", "published"]

BLOCK = 65_536
"""Labels copied at a time."""
SHOWN = 3
"""Examples told of each fault."""
NARROW = 1e-3
"""How far a vector's length may be from 1."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a label file: for each fault how many labels have it, and some of them by name."""

    labels: int
    """Labels of the file."""
    faults: dict[str, tuple[int, tuple[str, ...]]]

    def lines(self) -> list[str]:
        """The same in words, a line a fault."""
        return [
            f"{count:,} {what}: {', '.join(names)}{' ...' if count > len(names) else ''}"
            for what, (count, names) in self.faults.items()
        ]


def is_published(path: Path) -> bool:
    """Whether `path` looks like such a file: a .npy with a .json of the same name beside it, or that .json."""
    return (
        path.suffix in (".npy", ".json") and path.with_suffix(".npy").is_file() and path.with_suffix(".json").is_file()
    )


def published(path: Path, encoder: Encoder) -> tuple[Head, Checked]:
    """The Head of a published label file for the encoder that made it, and what was found.

    Left out are labels without a name, with a vector of zeros or of no numbers, and all but the first of equal lineages. Labels without higher ranks stay.
    Raises Missing for an absent file, BadData for one of another form, Mismatch for vectors of another length than the encoder's.
    """
    vectors, names, common = _read(path, encoder.dim)
    empty = pl.Series(names.select(pl.all_horizontal(pl.all().is_null())).to_series())
    length = np.concatenate(
        [np.linalg.norm(np.asarray(vectors[k : k + BLOCK], np.float64), axis=1) for k in range(0, len(vectors), BLOCK)]
        or [np.zeros(0)]
    )
    zero = pl.Series(~np.isfinite(length) | (length == 0))
    again = ~names.select(pl.struct(pl.all()).is_first_distinct()).to_series()
    faults = {
        "without any name are left out": empty,
        "whose vector is zero or no number are left out": zero & ~empty,
        "that repeat a lineage are left out": again & ~zero & ~empty,
        "whose vector had another length than 1": pl.Series(np.abs(length - 1) > NARROW) & ~zero,
        **{f"without {rank}": names[rank].is_null() & names["species"].is_not_null() for rank in RANKS[:6]},
    }
    kept = (~(empty | zero | again)).to_numpy()
    chosen = names.filter(kept)
    if chosen.is_empty():
        raise BadData(path, "no label is left of it", Checked(len(names), _told(faults, names)).lines())
    words = chosen.with_columns(common.filter(kept).alias("name"), language=pl.lit("en")).filter(pl.col("name") != "")
    tree = Tree.from_lineages(chosen, common=words)
    labels = tree.match(chosen)
    order = np.argsort(labels, kind="stable")
    rows = np.flatnonzero(kept)[order]
    held = np.empty((len(rows), encoder.dim), np.float16 if len(rows) >= LARGE else np.float32)
    for start in range(0, len(rows), BLOCK):
        held[start : start + BLOCK] = normalise(np.asarray(vectors[rows[start : start + BLOCK]], np.float32))
    head = Head(tree, labels[order], held, encoder.fingerprint, Calibration(encoder.logit_scale))
    return head, Checked(len(names), _told(faults, names))


def _read(path: Path, dim: int) -> tuple[npt.NDArray[np.floating], pl.DataFrame, pl.Series]:
    """The vectors `[t, d]`, mapped; the lineages with whole species names; the common names."""
    array, list_ = path.with_suffix(".npy"), path.with_suffix(".json")
    for file in (array, list_):
        if not file.is_file():
            raise Missing("a published label file", file, "both the .npy and the .json are needed")
    try:
        vectors = np.load(array, mmap_mode="r", allow_pickle=False)
        rows = json.loads(list_.read_text(encoding="utf-8"))
        ranks = [[str(name).strip() for name in lineage] for lineage, _ in rows]
        common = pl.Series("name", [str(word or "").strip() for _, word in rows], pl.String)
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise BadData(path, f"is no label file as published for TreeOfLife: {error}") from error
    if (
        vectors.ndim != 2
        or not np.issubdtype(vectors.dtype, np.floating)
        or any(len(row) != len(RANKS) for row in ranks)
    ):
        raise BadData(
            path, f"needs floats [d, t] and lineages of {len(RANKS)} ranks; has {vectors.dtype} {list(vectors.shape)}"
        )
    if len(ranks) not in vectors.shape:
        raise Mismatch("label vectors and names", f"{list(vectors.shape)} numbers", f"{len(ranks):,} names")
    vectors = vectors.T if vectors.shape[1] == len(ranks) and vectors.shape != (len(ranks), dim) else vectors
    if vectors.shape[1] != dim:
        raise Mismatch(
            "the label file and the model",
            f"vectors of {vectors.shape[1]}",
            f"vectors of {dim}",
            "take the labels of this model",
        )
    names = pl.DataFrame(ranks, schema=dict.fromkeys(RANKS, pl.String), orient="row")
    names = names.with_columns(pl.when(pl.col(rank) != "").then(rank).alias(rank) for rank in RANKS)
    whole = pl.concat_str("genus", "species", separator=" ", ignore_nulls=True)
    return vectors, names.with_columns(species=pl.when(pl.col("species").is_not_null()).then(whole)), common


def _told(faults: dict[str, pl.Series], names: pl.DataFrame) -> dict[str, tuple[int, tuple[str, ...]]]:
    said = names.select(pl.concat_str(pl.coalesce(*reversed(RANKS)).fill_null("(no name)"))).to_series()
    told = {}
    for what, having in faults.items():
        count = int(having.sum())
        if count:
            told[what] = count, tuple(said.filter(having).head(SHOWN).to_list())
    return told
