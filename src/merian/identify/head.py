"""A Head: the labels of one vocabulary as vectors of one encoder, and their calibration. Made once, stored, reused."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import progress, store
from merian.core.captions import TextType, captions
from merian.core.errors import BadData, Mismatch
from merian.core.tree import Tree
from merian.core.vectors import Clades, Embeddings, Predictions, normalise
from merian.encode import Encoder
from merian.encode.tensors import Tensors
from merian.identify.calibrate import Calibration, fit, softmax
from merian.identify.paths import Masses
from merian.identify.scan import SPECIES, Found, Plan, scan, sweep
from merian.identify.tempered import Tempered, fitted, tempered

__all__ = ["LARGE", "PROMPTS", "Head", "leaves"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
FORMAT = 1
PROMPTS: tuple[TextType, ...] = ("taxon", "taxon_com", "sci", "sci_com")
"""Text types whose vectors are averaged to a label's vector."""
LARGE = 50_000
"""Labels from which a kept head is stored in sixteen bits."""
TEXTS = 1024
"""Texts embedded between two words of progress."""


def leaves(tree: Tree) -> Ints:
    """The taxa with none below: the species, and labels that are only known to a coarser rank."""
    return np.flatnonzero(tree.end == np.arange(len(tree)) + 1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Head:
    """`labels` [t] taxa of `tree`, `vectors` [t, d] unit rows made by the encoder with `fingerprint`, float32 or float16, and a Calibration."""

    tree: Tree
    labels: Ints
    vectors: npt.NDArray[np.floating]
    fingerprint: str
    calibration: Calibration

    @functools.cached_property
    def clades(self) -> Clades:
        """Which labels belong to which clade."""
        return Clades(self.tree, self.labels)

    @classmethod
    def build(
        cls, encoder: Encoder, tree: Tree, labels: Ints | None = None, prompts: Sequence[TextType] = PROMPTS
    ) -> Head:
        """The Head of `labels` (the leaves of `tree` when None): each vector is the normalised mean over the prompts. Not calibrated."""
        chosen = leaves(tree) if labels is None else labels
        if not len(chosen):
            raise BadData("taxonomy", "has no taxa to choose from")
        total = np.zeros((len(chosen), encoder.dim), np.float64)
        with progress.track("Embedding names", len(chosen) * len(prompts), "captions") as advance:
            for kind in prompts:
                texts = captions(tree, chosen.tolist(), kind)
                for start in range(0, len(texts), TEXTS):
                    part = texts[start : start + TEXTS]
                    total[start : start + TEXTS] += encoder.embed_texts(part)
                    advance(len(part))
        return cls(tree, chosen, normalise(total), encoder.fingerprint, Calibration(encoder.logit_scale))

    def among(self, taxa: Ints) -> Head:
        """This Head with only those of its labels that are among `taxa`."""
        kept = np.isin(self.labels, taxa)
        return replace(self, labels=self.labels[kept], vectors=self.vectors[kept])

    def compact(self) -> Head:
        """This Head, its vectors in sixteen bits when it is large: half the bytes, cosines within 1e-4 and mostly 1e-5 of the same."""
        large = len(self.labels) >= LARGE and self.vectors.dtype != np.float16
        return replace(self, vectors=self.vectors.astype(np.float16)) if large else self

    def similarities(self, vectors: Floats) -> Floats:
        """[n, d] unit rows -> [n, t] cosines."""
        if vectors.shape[1] != self.vectors.shape[1]:
            raise Mismatch("images and labels", f"{vectors.shape[1]} dimensions", f"{self.vectors.shape[1]} dimensions")
        return np.asarray(vectors @ self.vectors.T, np.float32)

    def probabilities(self, vectors: Floats) -> Floats:
        """[n, d] unit rows -> [n, t] probabilities; what a row's sum lacks to 1 is the chance that it is none of the labels."""
        plain = self.calibration.probabilities(self.similarities(vectors))
        return plain if not self.calibration.ranks else self._tempered(plain)[:, self.labels].astype(np.float32)

    def _tempered(self, plain: Floats) -> Doubles:
        return tempered(self.clades, plain, self.calibration.ranks)

    def _dense(self, vectors: Floats, allowed: npt.NDArray[np.bool_] | None) -> tuple[Doubles, Floats | None]:
        """Masses [n, len(tree)] by a row over all taxa; and the share of all probability that the `allowed` labels have."""
        cosines = self.similarities(vectors)
        if allowed is None:
            return self._tempered(self.calibration.probabilities(cosines)), None
        inside = softmax(self.calibration.scale * cosines)[:, allowed].sum(1)
        cosines = np.where(allowed, cosines, np.float32(-np.inf))
        return self._tempered(self.calibration.probabilities(cosines)), inside.astype(np.float32)

    def predict(
        self,
        embeddings: Embeddings,
        rank: str = "species",
        k: int = 5,
        threshold: float = 0.8,
        allowed: npt.NDArray[np.bool_] | None = None,
    ) -> Predictions:
        """The Predictions of embeddings made by the same encoder; among the labels that are `allowed` [t], when that is given."""
        embeddings.agree_with(self.fingerprint)
        if self.calibration.ranks:
            mass, inside = self._dense(embeddings.vectors, allowed)
            told = Predictions.build(self.clades, embeddings.ids, mass[:, self.labels], rank, k, threshold)
            return replace(told, inside=inside)
        order, plan, held = self._scanned
        within = allowed if allowed is None or order is None else allowed[order]
        found = scan(embeddings.vectors, held, plan, self.calibration, rank, k, threshold, within)
        answer = (found.taxa, found.probabilities, found.safe, found.safe_probability, found.unknown, found.inside)
        return Predictions(self.tree, embeddings.ids, *answer)

    def paths(self, vectors: Floats, k: int = 5, threshold: float = 0.8) -> tuple[Found, Masses | Tempered]:
        """What is Found for [n, d] unit rows, with the masses of any other taxa."""
        if self.calibration.ranks:
            mass, _ = self._dense(vectors, None)
            ids = pl.Series("id", [str(row) for row in range(len(vectors))], pl.String)
            told = Predictions.build(self.clades, ids, mass[:, self.labels], "species", k, threshold)
            inside = np.ones(len(vectors), np.float32)
            answer = (told.taxa, told.probabilities, told.safe, told.safe_probability, told.unknown, inside)
            return Found(*answer), Tempered(self.tree, mass)
        _, plan, held = self._scanned
        passed = sweep(vectors, held, plan, self.calibration.scale, k)
        return passed.found(self.calibration, SPECIES, threshold), Masses(passed, held, self.calibration)

    @functools.cached_property
    def _scanned(self) -> tuple[npt.NDArray[np.int64] | None, Plan, npt.NDArray[np.floating]]:
        """The labels in the order of the tree: what puts them so (None when they stand so), where clades lie, and their vectors."""
        if bool(np.all(np.diff(self.labels) > 0)):
            return None, Plan(self.tree, self.labels), self.vectors
        order = np.argsort(self.labels, kind="stable")
        return order, Plan(self.tree, self.labels[order]), self.vectors[order]

    def calibrated(self, embeddings: Embeddings, truth: Ints) -> Head:
        """This Head with a Calibration fitted on embeddings whose taxa `truth` [n] are known; those that are no label are left out."""
        embeddings.agree_with(self.fingerprint)
        order = np.argsort(self.labels)
        place = np.searchsorted(self.labels, truth, sorter=order).clip(max=len(order) - 1)
        column = order[place]
        usable = self.labels[column] == truth
        cosines, right = self.similarities(embeddings.vectors[usable]), column[usable]
        found = fit(cosines, right, self.calibration.scale)
        if found.images and len(self.labels) < LARGE:
            found = replace(found, ranks=fitted(self.clades, cosines, right, found.scale))
        return replace(self, calibration=found)

    def save(self, folder: Path, inputs: dict[str, str] | None = None) -> None:
        """Write the Head as a store of kind "head"; the same Head twice is written once."""
        from safetensors.numpy import save

        tensors = save({"labels": self.labels, "vectors": self.vectors})
        given = {"tree": self.tree.version, "encoder": self.fingerprint, "labels": store.digest_bytes(tensors)}
        given |= inputs or {}
        work = store.begin(folder, "head", FORMAT, asdict(self.calibration), given, overwrite=True)
        if work.done:
            return
        self.tree.save(folder / "tree.parquet")
        with store.atomic(folder / "head.safetensors") as stream:
            stream.write(tensors)
        store.write_json(folder / "head.json", {"fingerprint": self.fingerprint, "calibration": self.calibration})
        work.finish()

    @classmethod
    def load(cls, folder: Path) -> Head:
        """The Head in a store; raises Missing when there is none."""
        store.read(folder, "head", FORMAT)
        tensors = Tensors(folder / "head.safetensors")  # mapped: a million labels are read as they are used
        known = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        tree = Tree.load(folder / "tree.parquet")
        fitted_on = known["calibration"] | {"ranks": tuple(known["calibration"].get("ranks", ()))}
        return cls(tree, tensors["labels"], tensors["vectors"], known["fingerprint"], Calibration(**fitted_on))
