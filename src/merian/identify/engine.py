"""Photos in, Predictions out: any number of files, a batch at a time; a bad file becomes a row with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import progress
from merian.core.errors import BadData, Missing
from merian.core.tables import Catalog
from merian.core.tree import RANKS
from merian.core.vectors import Embeddings, Predictions
from merian.encode import Decoded, Encoder, decode_ahead, decode_many, open_encoder
from merian.encode.folder import FolderEncoder
from merian.encode.hub import labels, local
from merian.identify.head import Head
from merian.identify.kept import kept_head
from merian.identify.only import within

__all__ = ["HEADS", "Answers", "Identifier", "answer_rows", "embed_catalog", "in_batches"]

BATCH = 32
HEADS = ("linear", "prototypes", "head")
"""Folders of a model with vectors of its taxa: trained on images (`merian train --adapt`), or read of their names."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What was said of n inputs: Predictions of the readable ones in order, and per input the reason why it could not be read, or None."""

    predictions: Predictions
    embeddings: Embeddings
    reasons: list[str | None]


@dataclass(frozen=True, eq=False)
class Identifier:
    """An encoder and a head that belong together."""

    encoder: Encoder
    head: Head
    remarks: tuple[str, ...] = ()
    """What was found of a published label file."""
    allowed: npt.NDArray[np.bool_] | None = None
    """`[t]`: which labels of the head may be answers; None for all."""

    @classmethod
    def open(
        cls,
        model: Path,
        taxa: Path | None = None,
        backend: str = "auto",
        head: Path | None = None,
        precision: str = "own",
    ) -> Identifier:
        """The Identifier in a model folder.

        `taxa` gives another vocabulary than the one it was calibrated on: a taxonomy file, whose names are embedded, or a published label file
        (`merian.identify.published`); either is kept in the cache. `head` is one of HEADS or a folder. Without both, the first of HEADS that the model has is
        taken, or the published labels of a model of the hub. A head that was made in fp32 serves images in bf16 too.
        Raises Missing when there is none, Mismatch when the head is another model's.
        """
        model = local(model)
        encoder = open_encoder(model, backend, precision)
        if taxa is not None:
            return cls(encoder, *kept_head(taxa, encoder))
        own = [model / name for name in HEADS if (model / name).is_dir()]
        places = own if head is None else [place for place in (model / head, head) if place.is_dir()]
        if not places:
            if head is None and (given := labels(str(model))) is not None:
                return cls(encoder, *kept_head(given, encoder))
            told = "make it with merian train, or name a taxonomy with --taxa"
            told = f"it has {', '.join(p.name for p in own)}" if own else told
            raise Missing("the model's head", model / (head or HEADS[-1]), told)
        chosen = Head.load(places[0])
        if isinstance(encoder, FolderEncoder) and chosen.fingerprint == encoder.exact:
            chosen = replace(chosen, fingerprint=encoder.fingerprint)
        Embeddings(
            pl.Series("id", [], pl.String), np.zeros((0, encoder.dim), np.float32), encoder.fingerprint
        ).agree_with(chosen.fingerprint)
        return cls(encoder, chosen)

    def only(self, names: Sequence[str]) -> tuple[Identifier, list[str]]:
        """This Identifier with only those labels that are, or lie below, the named taxa; and what is to say of names that are not known.

        Raises BadData when no label is left.
        """
        allowed, remarks = within(self.head.tree, self.head.labels, names)
        return self.within(allowed, "the list of taxa", remarks), remarks

    def within(self, allowed: npt.NDArray[np.bool_], what: str, remarks: Sequence[str] = ()) -> Identifier:
        """This Identifier with only those labels that are `allowed` [t] by `what`, and were so far.

        Raises BadData, with the remarks, when no label is left.
        """
        both = allowed if self.allowed is None else self.allowed & allowed
        if not both.any():
            raise BadData(what, "leaves nothing to choose from", remarks)
        return replace(self, allowed=both)

    def identify(
        self,
        images: Sequence[Path | bytes],
        k: int = 5,
        rank: str = "species",
        threshold: float = 0.8,
        threads: int = 2,
    ) -> Answers:
        """The Answers to one batch of image files or their bytes; ids are their positions as text."""
        return self.answer(decode_many(images, self.encoder.preprocess, threads), len(images), k, rank, threshold)

    def answer(self, decoded: Decoded, count: int, k: int, rank: str, threshold: float) -> Answers:
        """The Answers to one batch of `count` images that were decoded, but for those that could not be."""
        ids = pl.Series("id", [str(row) for row in decoded.rows], pl.String)
        embeddings = Embeddings(ids, self.encoder.embed_images(decoded.pixels), self.encoder.fingerprint)
        predictions = self.head.predict(embeddings, rank, k, threshold, self.allowed)
        return Answers(predictions, embeddings, [decoded.reasons.get(row) for row in range(count)])


def answer_rows(predictions: Predictions, k: int | None = None) -> list[list[dict[str, object]]]:
    """Per image its best taxa, best first: rank, name, the seven ranks, common_name, probability."""
    tree = predictions.tree
    answers = []
    for taxa, chances in zip(predictions.taxa[:, :k], predictions.probabilities[:, :k], strict=True):
        rows: list[dict[str, object]] = []
        for taxon, chance in zip(taxa.tolist(), chances.tolist(), strict=True):
            if taxon >= 0:
                named = {"taxon": taxon, "rank": RANKS[tree.rank[taxon]], "name": tree.names[taxon]}
                lineage: dict[str, object] = dict(zip(RANKS, tree.lineage(taxon), strict=True))
                rows.append({**named, **lineage, "common_name": tree.common_name(taxon), "probability": chance})
        answers.append(rows)
    return answers


def in_batches(
    identifier: Identifier,
    paths: Sequence[Path],
    k: int,
    rank: str,
    threshold: float,
    batch: int = BATCH,
    start: int = 0,
) -> Iterator[tuple[Path, list[dict[str, object]], dict[str, object], str | None]]:
    """(path, its answers best first, the safe answer with `unknown`, `none` and `inside`, reason) of each photo from number `start` on, as they are done.

    `none`: whether `unknown` reaches the head's threshold, so that the answer is "none of these".
    `inside`, when only some labels are allowed: the share of all probability that these have. While one batch is identified the next is decoded; no more is
    held than two of them. By OpenVINO the answers are the same for any `batch`.
    """
    parts = [paths[at : at + batch] for at in range(start, len(paths), batch)]
    with progress.track("Identifying", len(paths), "photos", start) as advance:
        for part, decoded in zip(parts, decode_ahead(parts, identifier.encoder.preprocess), strict=True):
            answers = identifier.answer(decoded, len(part), k, rank, threshold)
            yield from _told(identifier, part, answers)
            advance(len(part))


def _told(
    identifier: Identifier, part: Sequence[Path], answers: Answers
) -> Iterator[tuple[Path, list[dict[str, object]], dict[str, object], str | None]]:
    """What `in_batches` tells of one batch."""
    tree, found = identifier.head.tree, answers.predictions
    inside: Sequence[float | None] = [None] * len(found.safe) if found.inside is None else found.inside.tolist()
    rows = iter(zip(answer_rows(found), found.safe, found.safe_probability, found.unknown, inside, strict=True))
    for path, reason in zip(part, answers.reasons, strict=True):
        if reason is not None:
            yield path, [], {}, reason
            continue
        best, taxon, chance, unknown, share = next(rows)
        name = (RANKS[tree.rank[taxon]], tree.names[int(taxon)]) if taxon >= 0 else (None, None)
        none = bool(unknown >= identifier.head.calibration.none)
        safe = {"rank": name[0], "name": name[1], "probability": float(chance), "unknown": float(unknown), "none": none}
        yield path, best, safe | {"inside": share if identifier.allowed is not None else None}, None


def embed_catalog(catalog: Catalog, encoder: Encoder, rows: pl.DataFrame, batch: int = BATCH) -> Embeddings:
    """The Embeddings of a catalog's rows; its images were looked at when it was curated, so each must be readable."""
    vectors = np.zeros((len(rows), encoder.dim), np.float32)
    images = catalog.images(rows)
    with progress.track("Embedding images", len(rows), "images") as advance:
        for start in range(0, len(rows), batch):
            part = [image for _, image in zip(range(min(batch, len(rows) - start)), images, strict=False)]
            decoded = decode_many(part, encoder.preprocess)
            if decoded.reasons:
                bad = [f"{rows['id'][start + row]}: {reason}" for row, reason in decoded.reasons.items()]
                raise Missing("readable images", ", ".join(bad[:3]), "the catalog is damaged: curate again")
            vectors[start : start + len(part)] = encoder.embed_images(decoded.pixels)
            advance(len(part))
    return Embeddings(rows["id"], vectors, encoder.fingerprint, catalog.tree.version)
