"""`explain`: why a photo is called what it is called. The question as a direction, where the answer lies, what it resembles, what is active in it.

The score of a photo for a taxon is the cosine of its vector with the label's; for a clade the mean over its labels, weighted by their probabilities for this
photo. Against another taxon it is the difference of the two scores. Rooms that know probabilities hand them in; here they are arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadSetting, Mismatch, UnknownTaxon
from merian.core.store import digest
from merian.core.tree import RANKS, Tree
from merian.encode import Encoder, Pixels, decode, probe
from merian.explore.explain.concepts import Active, Concepts
from merian.explore.explain.faithful import Faithful, Trial, faithful
from merian.explore.explain.nearest import Gallery, Neighbours, Picture
from merian.explore.explain.saliency import Lens, Maps

__all__ = ["EXAMPLES", "Candidates", "Evidence", "Explanation", "Question", "explain"]

Floats = npt.NDArray[np.float32]
SHOWN = 448
"""Pixels of a photo on the page: more than an encoder sees, so that a person sees what it was."""
ALIKE = 200
"""Names among which the nearest to a mistyped one are looked for."""
EXAMPLES = 4
"""Pictures of each concept on the page."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """What a photo may be: `labels` [t] taxa of a tree with unit vectors [t, d]."""

    tree: Tree
    labels: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.floating]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.vectors):
            raise Mismatch("labels and vectors", f"{len(self.labels)} labels", f"{len(self.vectors)} vectors")

    def below(self, taxon: int) -> npt.NDArray[np.int64]:
        """Which labels [k] are the taxon or lie below it."""
        return np.flatnonzero((self.labels >= taxon) & (self.labels < self.tree.end[taxon]))

    def find(self, name: str) -> int:
        """The taxon of that scientific or common name that is a label or has labels below it.

        Raises UnknownTaxon with the nearest names when there is none, or more than one.
        """
        taxa = self.tree.named(name) or self.tree.called(name)
        held = [taxon for taxon in taxa if len(self.below(taxon))]
        if len(held) == 1:
            return held[0]
        if len(held) > 1:
            places = "; ".join(" > ".join(x for x in self.tree.lineage(taxon) if x) for taxon in held[:3])
            raise UnknownTaxon(name, (), self.tree.version, f"names {len(held)} taxa ({places}): say which")
        if not taxa:
            return self.tree.find(name)  # raises, with the nearest names
        known = (self.tree.names[int(label)] for label in self.labels)
        alike = [word for _, word in zip(range(ALIKE), (w for w in known if w[:1] == name[:1]), strict=False)]
        raise UnknownTaxon(
            name, alike, self.tree.version, "is in the tree, but no label of the model is, or lies below, it"
        )

    def named(self, taxon: int) -> str:
        """The taxon in words: a species by its name, others by rank and name."""
        rank = RANKS[self.tree.rank[taxon]]
        return self.tree.names[taxon] if rank == "species" else f"{rank} {self.tree.names[taxon]}"

    def direction(self, taxon: int, chances: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The vector [d] whose product with a photo's is its score for the taxon: the mean of its labels', weighted by `chances` [t]."""
        own = self.below(taxon)
        weights = np.asarray(chances[own], np.float64)
        weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(own), 1 / len(own))
        return np.asarray(weights @ self.vectors[own].astype(np.float64))


@dataclass(frozen=True, eq=False)
class Question:
    """Why `taxon`, and why not `against` (-1: there is nothing else), with their probabilities; `directions` [m, d]: for the taxon, then for it against."""

    taxon: int
    against: int
    chances: tuple[float, float]
    directions: Floats

    @classmethod
    def of(
        cls, candidates: Candidates, chances: npt.NDArray[np.floating], taxon: str = "", against: str = ""
    ) -> Question:
        """The question about taxa by name; see `between`. Raises UnknownTaxon for a name without a label too."""
        chosen = candidates.find(taxon) if taxon else -1
        return cls.between(candidates, chances, chosen, candidates.find(against) if against else -1)

    @classmethod
    def between(
        cls, candidates: Candidates, chances: npt.NDArray[np.floating], taxon: int = -1, against: int = -1
    ) -> Question:
        """The question about taxa by number, for a photo with these probabilities [t] of the labels.

        Unless given, `taxon` is the most probable label, and `against` the most probable one that is no part of it. Raises BadSetting when one of the two
        is, or holds, the other, or when no label is, or lies below, one of them.
        """
        if len(chances) != len(candidates.labels):
            raise Mismatch(
                "probabilities and labels", f"{len(chances)} probabilities", f"{len(candidates.labels)} labels"
            )
        if taxon < 0:
            taxon = int(candidates.labels[int(np.argmax(chances))])
            if against >= 0 and _overlap(candidates.tree.end, taxon, against):
                taxon = _likeliest(candidates, chances, against, taxon)
        if against < 0:
            against = _likeliest(candidates, chances, taxon, -1)
        taxa = [number for number in (taxon, against) if number >= 0]
        for number in taxa:
            if not len(candidates.below(number)):
                raise BadSetting("taxon", candidates.named(number), "has no label of the model at or below it")
        if against >= 0 and _overlap(candidates.tree.end, taxon, against):
            told = f"is, holds or lies within {candidates.named(taxon)}, which it is held against; name another taxon"
            raise BadSetting("against", candidates.named(against), told)
        ways = [candidates.direction(number, chances) for number in taxa]
        directions = [ways[0], *(ways[0] - other for other in ways[1:])]
        sums = [float(chances[candidates.below(number)].sum()) for number in taxa]
        return cls(taxon, against, (sums[0], [*sums, 0.0][1]), np.asarray(directions, np.float32))


def _likeliest(candidates: Candidates, chances: npt.NDArray[np.floating], without: int, none: int) -> int:
    """The most probable label that is no part of the taxon `without`, nor holds it; `none` where there is no other."""
    rest = _without(candidates, chances, without)
    return int(candidates.labels[int(np.argmax(rest))]) if (rest >= 0).any() else none


def _overlap(end: npt.NDArray[np.int32], one: int, other: int) -> bool:
    """Whether one taxon is, or lies below, the other."""
    return bool(one <= other < end[one] or other <= one < end[other])


def _without(candidates: Candidates, chances: npt.NDArray[np.floating], taxon: int) -> npt.NDArray[np.float64]:
    """The probabilities [t], -1 for labels that are, hold or lie within the taxon."""
    end = candidates.tree.end
    labels = candidates.labels
    inside = (labels >= taxon) & (labels < end[taxon])
    around = (labels <= taxon) & (end[labels] > taxon)
    return np.where(inside | around, -1.0, chances.astype(np.float64))


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What photos are explained with. `chances` gives the probabilities [n, t] of the labels for unit vectors [n, d].

    Without a gallery no neighbours are shown, without concepts none, without a trial the maps are not tested. `neighbours`: how many of all, and half as many
    of the other taxon.
    """

    encoder: Encoder
    candidates: Candidates
    chances: Callable[[Floats], npt.NDArray[np.floating]]
    lens: Lens
    gallery: Gallery | None = None
    concepts: Concepts | None = None
    trial: Trial | None = field(default_factory=Trial)
    neighbours: int = 6

    def __post_init__(self) -> None:
        if self.candidates.vectors.shape[1] != self.encoder.dim:
            raise Mismatch(
                "labels and encoder", f"{self.candidates.vectors.shape[1]} dimensions", f"{self.encoder.dim} dimensions"
            )
        if self.concepts is not None:
            self.concepts.agree_with(self.encoder.fingerprint)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one photo is called `names[0]`, and not `names[1]` ("" when there is nothing else); `common`: their common names, "" without one.

    photo [p, p, 3], as the encoder sees it but finer; aspect: width over height of what that shows; scores: cosine with either; `none`: the chance that it is
    no label; maps and tests: one for each of the question's directions, or one alone when the method asks no question; neighbours of all images, and of the
    other taxon; pictures of these and of the concepts' examples, by id, where `pictured`: where a catalog is at hand.
    """

    photo: Pixels
    aspect: float
    names: tuple[str, str]
    common: tuple[str, str]
    question: Question
    scores: tuple[float, float]
    none: float
    maps: Maps
    tests: tuple[Faithful, ...]
    neighbours: Neighbours | None = None
    others: Neighbours | None = None
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    pictured: bool = False
    concepts: Active | None = None
    remarks: tuple[str, ...] = ()


def explain(photo: Path, evidence: Evidence, taxon: str = "", against: str = "") -> Explanation:
    """The Explanation of one photo. Raises Unreadable for a photo that cannot be read, UnknownTaxon and BadSetting as `Question.of` does."""
    encoder, candidates = evidence.encoder, evidence.candidates
    pixels = decode(photo, encoder.preprocess)
    own = digest(photo)
    vector = encoder.embed_images(pixels[None])
    chances = np.asarray(evidence.chances(vector)[0])
    none = float(max(0.0, 1 - chances.sum(dtype=np.float64)))
    question = Question.of(candidates, chances, taxon, against)
    asked = question.directions if evidence.lens.asks else question.directions[:1]
    maps = evidence.lens(pixels, asked, [False, True][: len(asked)])
    tests: tuple[Faithful, ...] = ()
    if evidence.trial is not None:
        tests = tuple(faithful(encoder, pixels, maps.values, asked, stream(0, "explain", own), evidence.trial))
    score = float(vector[0] @ question.directions[0])
    other = score - float(vector[0] @ question.directions[1]) if question.against >= 0 else float("nan")
    active = None if evidence.concepts is None else evidence.concepts.active(vector[0], question.directions)
    taxa = [t for t in (question.taxon, question.against) if t >= 0]
    named = [*(candidates.named(t) for t in taxa), ""]
    common = [*(candidates.tree.common_name(t) or "" for t in taxa), ""]
    found = Explanation(
        photo=decode(photo, replace(encoder.preprocess, size=max(SHOWN, encoder.preprocess.size))),
        aspect=_aspect(photo) if encoder.preprocess.mode == "squash" else 1.0,
        names=(named[0], named[1]),
        common=(common[0], common[1]),
        question=question,
        scores=(score, other),
        none=none,
        maps=maps,
        tests=tests,
        concepts=active,
        remarks=_remarks(question, none, evidence.lens.asks),
    )
    return found if evidence.gallery is None else _beside(found, (vector[0], own), evidence, evidence.gallery)


def _aspect(photo: Path) -> float:
    found = probe(photo.read_bytes())
    return found.width / found.height


def _remarks(question: Question, none: float, asks: bool) -> tuple[str, ...]:
    """What is to be said of a question."""
    remarks = []
    if none >= 0.5:
        remarks.append(
            f"The model gives {none:.0%} to none of its labels: this explains its best guess, which it does not hold."
        )
    if not asks and question.against >= 0:
        remarks.append(
            "This method asks no question: its map is the same whatever the taxon, so none tells one from the other."
        )
    if question.against < 0:
        remarks.append("The model has no other label: there is nothing to tell it from.")
    if question.chances[0] == 0:
        remarks.append("The model gives this taxon no probability at all: its labels count equally.")
    return tuple(remarks)


def _beside(found: Explanation, photo: tuple[Floats, str], evidence: Evidence, gallery: Gallery) -> Explanation:
    """What was found of a photo, by its vector [d] and hash, with the nearest training images of all and of the other taxon, and pictures."""
    (vector, own), remarks, look = photo, list(found.remarks), evidence.encoder.preprocess
    near, others = gallery.nearest(vector, evidence.neighbours, own), None
    tree, other = evidence.candidates.tree, found.question.against
    if other >= 0 and gallery.tree.version == tree.version:
        below = other, int(tree.end[other])
        others = gallery.nearest(vector, max(1, evidence.neighbours // 2), own, below)
    if near.itself:
        remarks.append("This very photo is among the catalog's images; it was left out of its own neighbours.")
    if not gallery.split:
        remarks.append("The catalog has no training split: neighbours are looked for among all its images.")
    ids = [*near.table["id"], *([] if others is None else others.table["id"])]
    for examples in [] if found.concepts is None else found.concepts.table["examples"]:
        ids += [] if examples is None else examples.to_list()[:EXAMPLES]
    return replace(
        found,
        neighbours=near,
        others=others,
        pictures=gallery.pictures(ids, look),
        pictured=gallery.catalog is not None,
        remarks=tuple(remarks),
    )
