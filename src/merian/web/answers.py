"""What is said of a photo: the path down the tree with a probability per rank, how far it is safe, look-alikes and its place on the map."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tree import Tree
from merian.encode import decode_many
from merian.web.facts import Json, photo_brief, taxon
from merian.web.parts import Identifies, Parts

if TYPE_CHECKING:
    from merian.identify.paths import Masses
    from merian.identify.tempered import Tempered

__all__ = [
    "SAFE",
    "Named",
    "Near",
    "embed_many",
    "embed_texts",
    "identify",
    "identify_many",
    "nearest",
    "place",
    "vector_of",
    "vectors_of",
]

Floats = npt.NDArray[np.float32]

SAFE = 0.8
"""From this probability on an answer counts as sure (`merian identify` has the same default)."""
PROBABLY, PERHAPS = 0.5, 0.15
"""From these on the next ranks are named as probable or possible. From taste."""
BEST = 5
NEIGHBOURS = 12
WEIGH = 6
"""Neighbours whose mean position is a photo's place on the map. From taste."""
SHARPNESS = 30.0
"""How steeply a neighbour's weight falls with its cosine: `exp(30 (cosine - best))`. From taste: a mean over two clusters lies in neither."""


Named = tuple[str, bytes | str]
"""A photo's name, and its bytes or the reason why there are none."""


@dataclass(frozen=True, slots=True)
class Near:
    """The nearest photos of the store: their ids and cosines, best first."""

    ids: list[str]
    cosines: list[float]


def identify(
    parts: Parts, names: Sequence[str], images: Sequence[bytes | str], leave_out: str | None = None
) -> list[Json]:
    """One JSON row per image, in order; an `images` entry that is text is the reason why there are no bytes.

    `leave_out`: the id of a photo of the store that must not be its own neighbour.
    """
    if parts.identifier is None:
        raise KeyError("identify")
    whole = [(i, image) for i, image in enumerate(images) if isinstance(image, bytes)]
    hashes = {i: hashlib.sha256(image).hexdigest() for i, image in whole}
    decoded = decode_many([image for _, image in whole], parts.identifier.encoder.preprocess)
    reasons = {i: image for i, image in enumerate(images) if isinstance(image, str)}
    reasons |= {whole[row][0]: reason for row, reason in decoded.reasons.items()}
    said = iter(_say(parts, parts.identifier, decoded.pixels, leave_out) if len(decoded.pixels) else [])
    return [
        {"name": name, "reason": reasons.get(i), "hash": hashes.get(i)} | ({} if i in reasons else next(said))
        for i, name in enumerate(names)
    ]


def _say(parts: Parts, identifier: Identifies, pixels: npt.NDArray[np.uint8], leave_out: str | None) -> list[Json]:
    vectors = identifier.encoder.embed_images(pixels)
    tree = identifier.head.tree
    found, masses = identifier.head.paths(vectors, BEST)
    answers = []
    for row, vector in enumerate(vectors):
        named = [(int(t), c) for t, c in zip(found.taxa[row], found.probabilities[row], strict=True) if t >= 0]
        answers.append(
            {
                **_verdict(tree, masses.path(row), float(found.unknown[row]), identifier.head.calibration.none),
                "best": [
                    {**taxon(tree, t), "probability": _share(c), "lineage": _lineage(tree, t, c, masses, row)}
                    for t, c in named
                ],
                "place": place(parts, vector, leave_out),
            }
        )
    return answers


def _share(value: float | np.floating) -> float:
    return round(float(min(max(value, 0.0), 1.0)), 4)


def _lineage(tree: Tree, number: int, chance: float, masses: Masses | Tempered, row: int) -> list[Json]:
    above = tree.ancestors[number]
    above = above[(above >= 0) & (above != number)]
    chances = [*masses.of(row, above).tolist(), chance]
    return [
        {**taxon(tree, t), "probability": _share(p)} for t, p in zip([*above.tolist(), number], chances, strict=True)
    ]


def _verdict(tree: Tree, path: list[tuple[int, float]], unknown: float, none: float) -> Json:
    """The path, what of it is sure, probable and possible, and the same in one sentence; from `none` on the chance of none of the labels is the answer."""
    steps = [{**taxon(tree, number), "probability": _share(chance)} for number, chance in path]
    sure = [step for step in steps if step["probability"] >= SAFE]
    rest = steps[len(sure) :]
    probable = [step for step in rest if step["probability"] >= PROBABLY]
    possible = [step for step in rest[len(probable) :] if step["probability"] >= PERHAPS]
    verdict: Json = {
        "sure": sure[-1] if sure else None,
        "probably": probable[-1] if probable else None,
        "perhaps": possible[-1] if possible else None,
    }
    said = [f"Sure to {sure[-1]['rank']}: {sure[-1]['name']}"] if sure else ["Nothing is sure"]
    said += [f"{word} {step['rank']} {step['name']}" for word, step in list(verdict.items())[1:] if step is not None]
    if unknown >= none:
        said.insert(0, "Most likely none of the organisms that this model knows")
    told = {"unknown": _share(unknown), "none": unknown >= none}
    return {"sentence": "; ".join(said) + ".", **verdict, "path": steps, **told}


def identify_many(parts: Parts, items: Sequence[Named]) -> list[Json]:
    """`identify` of photos of any requests."""
    return identify(parts, [name for name, _ in items], [image for _, image in items])


def embed_many(parts: Parts, items: Sequence[Named]) -> list[Json]:
    """One JSON row per photo: its name, the reason why it could not be read, or its unit vector."""
    if parts.identifier is None:
        raise KeyError("identify")
    encoder = parts.identifier.encoder
    whole = [(i, image) for i, (_, image) in enumerate(items) if isinstance(image, bytes)]
    decoded = decode_many([image for _, image in whole], encoder.preprocess)
    reasons: dict[int, str] = {i: image for i, (_, image) in enumerate(items) if isinstance(image, str)}
    reasons |= {whole[row][0]: reason for row, reason in decoded.reasons.items()}
    vectors = iter(encoder.embed_images(decoded.pixels) if len(decoded.pixels) else ())
    rows: list[Json] = []
    for i, (name, _) in enumerate(items):
        vector = None if i in reasons else next(vectors).tolist()
        rows.append({"name": name, "reason": reasons.get(i), "vector": vector})
    return rows


def embed_texts(parts: Parts, texts: Sequence[str]) -> list[list[float]]:
    """The unit vectors of texts."""
    if parts.identifier is None:
        raise KeyError("identify")
    found: list[list[float]] = parts.identifier.encoder.embed_texts(list(texts)).tolist()
    return found


def nearest(parts: Parts, vector: Floats, count: int, leave_out: str | None = None) -> Near:
    """The `count` photos of the store whose embeddings, or without any whose vectors in its index, have the largest cosine with `vector` [d]."""
    if parts.embeddings is None and parts.index is not None:
        found = parts.index.search(vector, count + 1).rows
        shown = [one in parts.rows and one != leave_out for one in found["id"].to_list()]
        found = found.filter(pl.Series(shown, dtype=pl.Boolean)).head(count)
        return Near(found["id"].to_list(), found["cosine"].round(4).to_list())
    if parts.embeddings is None or not len(parts.embeddings):
        return Near([], [])
    cosines = parts.embeddings.vectors @ vector
    own = parts.vector_rows.get(leave_out) if leave_out is not None else None
    if own is not None:
        cosines[own] = -np.inf
    count = min(count, len(cosines) - (own is not None))
    rows = np.argpartition(-cosines, count - 1)[:count] if count else np.zeros(0, np.int64)
    rows = rows[np.argsort(-cosines[rows], kind="stable")]
    return Near(parts.embeddings.ids.gather(rows.tolist()).to_list(), [round(float(c), 4) for c in cosines[rows]])


def vector_of(parts: Parts, image: str) -> Floats | None:
    """The unit vector [d] of a photo of the store; None when it has none."""
    row = parts.rows.get(image)
    taxon = None if row is None or parts.catalog is None else parts.catalog.frame["taxon"][row]
    found = vectors_of(parts, [image], -1 if taxon is None else int(taxon))
    return found[0] if len(found) else None


def vectors_of(parts: Parts, images: Sequence[str], taxon: int = -1) -> Floats:
    """The unit vectors of photos of the store [m, d], of those that have one, from its embeddings or else its index; all of them are within `taxon`."""
    if parts.embeddings is not None:
        return parts.embeddings.vectors[[parts.vector_rows[one] for one in images if one in parts.vector_rows]]
    if parts.index is None:
        return np.zeros((0, 0), np.float32)
    known = parts.catalog is not None and parts.catalog.tree.version == parts.index.tree.version
    found = parts.index.vectors(images, taxon if known else -1)
    return np.array([found[one] for one in images if one in found], np.float32).reshape(-1, parts.index.dim)


def place(parts: Parts, vector: Floats, leave_out: str | None = None) -> Json | None:
    """Where a new vector [d] belongs on the map, and its neighbours; None when the store cannot say.

    x and y are in the coordinates of `facts.layout`: the mean of the nearest points, weighted by `exp(30 cosine)`.
    """
    if "placing" in parts.absent or parts.embeddings is None or parts.layout is None:
        return None
    near = nearest(parts, vector, NEIGHBOURS, leave_out)
    points = parts.layout.points
    own = parts.vector_rows.get(leave_out, -2) if leave_out is not None else -2
    usable = np.flatnonzero((parts.in_layout >= 0) & (parts.in_layout != own))
    if not len(usable):
        return None
    cosines = (parts.embeddings.vectors @ vector)[parts.in_layout[usable]]
    top = np.argsort(-cosines, kind="stable")[:WEIGH]
    weight = np.exp(SHARPNESS * (cosines[top] - cosines[top[0]]).astype(np.float64))
    at = (points[usable[top]] * weight[:, None]).sum(0) / weight.sum()
    x, y = at.tolist()
    shown = [{**photo_brief(parts, i), "cosine": c} for i, c in zip(near.ids, near.cosines, strict=True)]
    return {"x": round(x, 4), "y": round(y, 4), "neighbours": shown}
