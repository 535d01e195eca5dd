"""Embeddings (unit vectors that know what made them) and Predictions (probabilities over one Tree).

Roll-up from labels to clades is a segment sum: labels are sorted by the Tree's preorder, so each taxon of a rank owns one slice of them.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData, Mismatch, Missing
from merian.core.tree import RANKS, Tree, rank_number

__all__ = ["Clades", "Embeddings", "Predictions", "normalise", "roll_up"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
FORMAT = 1
UNIT_TOLERANCE = 1e-3


def normalise(vectors: npt.NDArray[np.floating]) -> Floats:
    """`vectors` [n, d] scaled to unit rows; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """`ids` [n], `vectors` [n, d] float32 with unit rows, the Encoder's `fingerprint` and the Tree's version ("" when none was involved)."""

    ids: pl.Series
    vectors: Floats
    fingerprint: str
    tree_version: str = ""

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.ids) != len(self.vectors):
            raise Mismatch("ids and vectors", f"{len(self.ids)} ids", f"vectors of shape {self.vectors.shape}")
        if len(self.vectors):
            off = np.flatnonzero(
                ~(np.abs(np.linalg.norm(self.vectors, axis=1) - 1) <= UNIT_TOLERANCE)
            )  # NaN is off too
            if len(off):
                raise BadData("embeddings", "rows must be of unit length", self.ids.gather(off[:10].tolist()).to_list())

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """The number of dimensions d."""
        return int(self.vectors.shape[1])

    @property
    def hash(self) -> str:
        """Hash of ids, vectors and fingerprint, 24 hexadecimal digits."""
        words = self.fingerprint + "\n".join(self.ids.to_list())
        return store.digest_bytes(words.encode() + self.vectors.tobytes())[:24]

    def agree_with(self, fingerprint: str) -> None:
        """Raise Mismatch unless these were made by the encoder with that fingerprint."""
        if self.fingerprint != fingerprint:
            raise Mismatch("embeddings of two encoders", self.fingerprint, fingerprint, "embed again with one model")

    def belong_to(self, tree_version: str) -> None:
        """Raise Mismatch when these were made for a catalog with another Tree."""
        if self.tree_version and self.tree_version != tree_version:
            trees = f"tree {self.tree_version}", f"tree {tree_version}"
            raise Mismatch("embeddings and catalog", *trees, "embed this catalog")

    def take(self, ids: pl.Series) -> Embeddings:
        """The rows of the given ids, in their order; raises Missing when one is not there."""
        place = pl.DataFrame({"id": self.ids}).with_row_index("row")
        rows = pl.DataFrame({"id": ids}).join(place, on="id", how="left", maintain_order="left")["row"]
        if rows.null_count():
            raise Missing(f"{rows.null_count()} of {len(ids)} ids", "the embeddings", "embed the same catalog first")
        return Embeddings(ids, self.vectors[rows.to_numpy()], self.fingerprint, self.tree_version)

    def save(self, path: Path) -> None:
        """Write one Parquet file: `id`, `vector` (fixed-size list of float32), fingerprint and tree version in its metadata."""
        meta = {"kind": "embeddings", "format": FORMAT, "fingerprint": self.fingerprint, "tree": self.tree_version}
        vectors = pl.Series("vector", self.vectors, dtype=pl.Array(pl.Float32, self.dim))
        with store.atomic(path) as stream:
            pl.DataFrame([self.ids.alias("id"), vectors]).write_parquet(stream, metadata={"merian": json.dumps(meta)})

    @classmethod
    def load(cls, path: Path) -> Embeddings:
        """The Embeddings in a Parquet file, or in the store that `merian embed` wrote."""
        file = path / "embeddings.parquet" if path.is_dir() else path
        if not file.is_file():
            raise Missing("embeddings", file, "make them with: merian embed")
        try:
            meta = json.loads(pl.read_parquet_metadata(file)["merian"])
            frame = pl.read_parquet(file, glob=False)
            return cls(frame["id"], frame["vector"].to_numpy().astype(np.float32), meta["fingerprint"], meta["tree"])
        except (KeyError, pl.exceptions.PolarsError) as error:
            raise BadData(file, f"not embeddings saved by Merian: {error}") from error


@dataclass(frozen=True, eq=False)
class Clades:
    """Which labels belong to which clade: made once for a Tree and t labels, then roll-up is one `reduceat` per rank.

    `labels` [t] int32 are taxa of any rank, each once. Columns of probabilities stand in their order.
    """

    tree: Tree
    labels: Ints

    def __post_init__(self) -> None:
        if len(np.unique(self.labels)) != len(self.labels):
            raise BadData("labels", "a taxon must be a label only once")

    @functools.cached_property
    def _order(self) -> npt.NDArray[np.int64] | None:
        sorted_already = bool(np.all(np.diff(self.labels) > 0))
        return None if sorted_already else np.argsort(self.labels)

    @functools.cached_property
    def _segments(self) -> dict[int, tuple[Ints, npt.NDArray[np.int64]]]:
        """rank number -> (taxa with a label below them, [start, stop, start, stop ...] in the sorted labels)."""
        labels = np.sort(self.labels)
        segments = {}
        for r in range(len(RANKS)):
            taxa = np.flatnonzero(self.tree.rank == r).astype(np.int32)
            lo, hi = np.searchsorted(labels, taxa), np.searchsorted(labels, self.tree.end[taxa])
            held = hi > lo
            segments[r] = taxa[held], np.stack([lo[held], hi[held]], 1).ravel()
        return segments

    def taxa(self, rank: str) -> Ints:
        """The taxa of a rank that have labels below (or are labels): the columns of `at`."""
        return self._segments[rank_number(rank)][0]

    def at(self, rank: str, probabilities: npt.NDArray[np.floating]) -> Doubles:
        """[n, t] probabilities of the labels -> [n, k] of the clades `taxa(rank)`. Labels without that rank join no clade."""
        return self._sum(rank_number(rank), self._sorted(probabilities))

    def all(self, probabilities: npt.NDArray[np.floating]) -> Doubles:
        """[n, t] probabilities of the labels -> [n, len(tree)] of every taxon; 0 where nothing is below."""
        ordered = self._sorted(probabilities)
        mass = np.zeros((len(ordered), len(self.tree)))
        for r in range(len(RANKS)):
            mass[:, self._segments[r][0]] = self._sum(r, ordered)
        return mass

    def _sorted(self, probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        if probabilities.ndim != 2 or probabilities.shape[1] != len(self.labels):
            raise Mismatch("probabilities and labels", probabilities.shape, f"{len(self.labels)} labels")
        return probabilities if self._order is None else probabilities[:, self._order]

    def _sum(self, r: int, ordered: npt.NDArray[np.floating]) -> Doubles:
        taxa, bounds = self._segments[r]
        if not len(taxa):
            return np.zeros((len(ordered), 0))
        stops = bounds[:-1] if bounds[-1] == ordered.shape[1] else bounds
        return np.asarray(np.add.reduceat(ordered, stops, axis=1, dtype=np.float64)[:, ::2])


def roll_up(tree: Tree, labels: Ints, probabilities: npt.NDArray[np.floating]) -> Doubles:
    """Probabilities [n, t] of labels [t] -> mass [n, len(tree)] of every taxon: its own and that of all labels below it."""
    return Clades(tree, labels).all(probabilities)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What was identified, per image: the k best taxa of one rank, the deepest safe taxon, and the mass of "none of these".

    taxa [n, k] int32 (-1 where there are fewer than k), probabilities [n, k] best first; safe [n] int32 the deepest taxon whose probability reaches the
    threshold (-1: not even a kingdom), safe_probability [n]; unknown [n]; inside [n], when only some labels were allowed: the share of all probability that
    these have.
    """

    tree: Tree
    ids: pl.Series
    taxa: Ints
    probabilities: Floats
    safe: Ints
    safe_probability: Floats
    unknown: Floats
    inside: Floats | None = None

    @classmethod
    def build(
        cls,
        clades: Clades,
        ids: pl.Series,
        probabilities: npt.NDArray[np.floating],
        rank: str = "species",
        k: int = 5,
        threshold: float = 0.8,
    ) -> Predictions:
        """Predictions from probabilities [n, t] of the clades' labels; a row's sum below 1 leaves the rest to "unknown".

        `threshold` above 0.5 makes the safe taxa of successive ranks lie on one path.
        """
        if not 0.5 < threshold <= 1:
            raise BadData("threshold", f"{threshold} must be above 0.5 and at most 1")
        n = len(probabilities)
        mass, columns = clades.at(rank, probabilities), clades.taxa(rank)
        kept = min(k, len(columns))
        best = np.argsort(-mass, axis=1, kind="stable")[:, :kept]
        taxa = np.full((n, k), -1, np.int32)
        chances = np.zeros((n, k), np.float32)
        taxa[:, :kept] = columns[best]
        chances[:, :kept] = np.take_along_axis(mass, best, 1)
        safe, safe_chance = np.full(n, -1, np.int32), np.zeros(n, np.float32)
        for r in RANKS[: rank_number(rank) + 1]:
            mass, columns = clades.at(r, probabilities), clades.taxa(r)
            if not len(columns):
                continue
            top = mass.argmax(1)
            chance = mass[np.arange(n), top]
            sure = chance >= threshold
            safe[sure], safe_chance[sure] = columns[top[sure]], chance[sure]
        unknown = np.clip(1 - probabilities.sum(1, dtype=np.float64), 0, 1)
        return cls(clades.tree, ids, taxa, chances, safe, safe_chance, unknown.astype(np.float32))
