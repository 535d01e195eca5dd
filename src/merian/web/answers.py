"""What is said of a photo: the path down the tree with a probability per rank, how far it is safe, look-alikes and its place on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.tree import Tree
from merian.encode import decode_many
from merian.web.facts import Json, photo_brief, taxon
from merian.web.parts import Identifies, Parts

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
    "search_rows",
]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

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
BATCH = 8
"""Photos computed together. From measurement (bench/serve.py): more bring little on a CPU, and whoever has an answer sends the next meanwhile."""


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
    rows: list[Json] = []
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        whole = [(i, image) for i, image in enumerate(part) if isinstance(image, bytes)]
        decoded = decode_many([image for _, image in whole], parts.identifier.encoder.preprocess)
        reasons = {i: image for i, image in enumerate(part) if isinstance(image, str)}
        reasons |= {whole[row][0]: reason for row, reason in decoded.reasons.items()}
        said = _say(parts, parts.identifier, decoded.pixels, leave_out) if len(decoded.pixels) else []
        rest = iter(said)
        for i in range(len(part)):
            row: Json = {"name": names[start + i], "reason": reasons.get(i)}
            rows.append(row if i in reasons else row | next(rest))
    return rows


def _say(parts: Parts, identifier: Identifies, pixels: npt.NDArray[np.uint8], leave_out: str | None) -> list[Json]:
    vectors = identifier.encoder.embed_images(pixels)
    head = identifier.head
    chances = head.probabilities(vectors)
    mass = head.clades.all(chances)
    answers = []
    for vector, row, clades in zip(vectors, chances, mass, strict=True):
        path = _path(head.tree, clades)
        order = _best(row)
        answers.append(
            {
                **_verdict(head.tree, path, float(np.clip(1 - row.sum(dtype=np.float64), 0, 1))),
                "best": [
                    {**taxon(head.tree, int(head.labels[c])), "probability": _share(row[c])}
                    | {"lineage": _above(head.tree, int(head.labels[c]), clades)}
                    for c in order
                ],
                "place": place(parts, vector, leave_out),
            }
        )
    return answers


def _best(row: Floats) -> npt.NDArray[np.intp]:
    """The columns of the BEST largest of `row` [t], the largest first, of equals the first; without sorting all."""
    if len(row) <= BEST:
        return np.argsort(-row, kind="stable")
    least = np.partition(row, len(row) - BEST)[len(row) - BEST]
    found = np.flatnonzero(row >= least)
    return found[np.argsort(-row[found], kind="stable")[:BEST]]


def _share(value: float | np.floating) -> float:
    return round(float(min(max(value, 0.0), 1.0)), 4)


def _above(tree: Tree, number: int, mass: Doubles) -> list[Json]:
    return [{**taxon(tree, int(a)), "probability": _share(mass[a])} for a in tree.ancestors[number] if a >= 0]


def _path(tree: Tree, mass: Doubles) -> list[tuple[int, float]]:
    """From the likeliest root down to the likeliest child, again and again: one lineage on which every safe taxon lies."""
    path: list[tuple[int, float]] = []
    candidates = np.flatnonzero(tree.parent == -1)
    while len(candidates):
        best = int(candidates[np.argmax(mass[candidates])])
        if mass[best] <= 0:
            break
        path.append((best, float(mass[best])))
        candidates = np.flatnonzero(tree.parent[best + 1 : int(tree.end[best])] == best) + best + 1
    return path


def _verdict(tree: Tree, path: list[tuple[int, float]], unknown: float) -> Json:
    """The path, what of it is sure, probable and possible, and the same in one sentence."""
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
    if unknown >= PROBABLY:
        said.insert(0, "Most likely none of the organisms that this model knows")
    return {"sentence": "; ".join(said) + ".", **verdict, "path": steps, "unknown": _share(unknown)}


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


def search_rows(parts: Parts, asked: Sequence[Json], count: int) -> list[Json]:
    """For each row with a vector the `count` nearest photos of the store."""
    rows: list[Json] = []
    for row in asked:
        near = Near([], []) if row["vector"] is None else nearest(parts, np.array(row["vector"], np.float32), count)
        shown = [{**photo_brief(parts, i), "cosine": c} for i, c in zip(near.ids, near.cosines, strict=True)]
        rows.append({"name": row["name"], "reason": row["reason"], "photos": shown})
    return rows


def nearest(parts: Parts, vector: Floats, count: int, leave_out: str | None = None) -> Near:
    """The `count` photos of the store whose embeddings have the largest cosine with `vector` [d]."""
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
    cosines = parts.embeddings.vectors[parts.in_layout[usable]] @ vector
    top = np.argsort(-cosines, kind="stable")[:WEIGH]
    weight = np.exp(SHARPNESS * (cosines[top] - cosines[top[0]]).astype(np.float64))
    at = (points[usable[top]] * weight[:, None]).sum(0) / weight.sum()
    x, y = at.tolist()
    shown = [{**photo_brief(parts, i), "cosine": c} for i, c in zip(near.ids, near.cosines, strict=True)]
    return {"x": round(x, 4), "y": round(y, 4), "neighbours": shown}
