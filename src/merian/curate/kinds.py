"""Pictures of no organism as such (drawings, labels, pages of text, drawers full of specimens), told by examples.

A folder of examples, one sub-folder a kind, teaches a probe on any encoder's vectors; sub-folders whose names begin with "keep" show what is wanted.
TreeOfLife-200M removes labels and folders among museum images in this way, from 8,500 examples chosen by hand (its data set card).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core import store
from merian.core.errors import BadData, Mismatch, Missing
from merian.encode.pixels import decode_many
from merian.encode.seam import Encoder, Vectors

__all__ = ["KEEP", "KindProbe", "learn", "learn_from"]

Floats = NDArray[np.float64]

KEEP = "keep"
"""How the names of folders begin that show what is wanted."""
FEWEST = 3
"""Examples that a kind needs: one to leave out, two to have a spread."""
SHRINKAGES = (0.03, 0.1, 0.2, 0.4, 0.7)
"""Shares of the identity in the covariance that are tried."""
SHARPNESSES = tuple(0.02 * 1.5**k for k in range(14))
"""Factors of the scores that are tried: discriminants of many dimensions are far too sure of themselves."""
BATCH = 64


@dataclass(frozen=True, eq=False)
class KindProbe:
    """A linear discriminant per kind, and how well it knew the examples when each was left out in turn."""

    kinds: tuple[str, ...]
    """The folders' names, sorted."""
    weights: Floats
    """[d, kinds]."""
    bias: Floats
    """[kinds]."""
    fingerprint: str
    """Of the encoder that it was taught with."""
    examples: pl.DataFrame
    """A row per kind: `kind`, `examples`, `recognised` (left out in turn, share put into its kind), `refused` (share refused, at even odds)."""

    def judge(self, vectors: Vectors, fingerprint: str) -> pl.DataFrame:
        """A row per vector [n, d]: `kind`, the likeliest kind that is not to keep, and `kind_probability`, that it is of any of those (Float32).

        Raises Mismatch when the vectors are another encoder's.
        """
        if fingerprint != self.fingerprint:
            raise Mismatch("the probe of kinds and these vectors", self.fingerprint, fingerprint, "teach it anew")
        share = _probabilities(np.asarray(vectors, np.float64) @ self.weights + self.bias)
        unwanted = ~_kept(self.kinds)
        names = np.array(self.kinds)[unwanted]
        best = names[share[:, unwanted].argmax(1)] if len(vectors) else []
        return pl.DataFrame(
            {
                "kind": pl.Series(best, dtype=pl.String),
                "kind_probability": pl.Series(share[:, unwanted].sum(1), dtype=pl.Float32),
            }
        )

    def save(self, path: Path) -> None:
        """Write the probe to the file `path` (.npz, without pickle)."""
        with store.atomic(path) as stream:
            table = {name: self.examples[name].to_numpy() for name in ("examples", "recognised", "refused")}
            held = {"kinds": np.array(self.kinds), "weights": self.weights, "bias": self.bias, **table}
            np.savez(stream, allow_pickle=False, fingerprint=np.array(self.fingerprint), **held)

    @classmethod
    def load(cls, path: Path) -> KindProbe:
        """The probe in the file `path`. Raises Missing or BadData."""
        if not path.is_file():
            raise Missing("the probe of kinds", path, "is the path right?")
        try:
            with np.load(path, allow_pickle=False) as held:
                kinds = tuple(str(k) for k in held["kinds"])
                table = {name: held[name] for name in ("examples", "recognised", "refused")}
                examples = pl.DataFrame({"kind": list(kinds), **table})
                return cls(kinds, held["weights"], held["bias"], str(held["fingerprint"]), examples)
        except (ValueError, KeyError, OSError) as error:
            raise BadData(path, f"is not a probe of kinds: {error}") from error


def learn(folder: Path, encoder: Encoder, threads: int = 2) -> tuple[KindProbe, pl.DataFrame]:
    """The probe that the examples in `folder` teach, and the examples that could not be read: `file`, `reason`.

    Raises Missing when there is no folder, BadData when it shows nothing to keep, nothing to refuse, or too few examples of a kind.
    """
    if not folder.is_dir():
        raise Missing("the examples of kinds", folder, "give a folder with a sub-folder per kind")
    files, names = [], []
    for kind in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        inside = sorted(p for p in kind.rglob("*") if p.is_file() and not p.name.startswith("."))
        files += inside
        names += [kind.name] * len(inside)
    parts, rows, reasons = [np.empty((0, encoder.dim), np.float32)], list[int](), dict[int, str]()
    for start in range(0, len(files), BATCH):
        seen = decode_many(files[start : start + BATCH], encoder.preprocess, threads)
        parts.append(encoder.embed_images(seen.pixels))
        rows += (seen.rows + start).tolist()
        reasons |= {start + k: reason for k, reason in seen.reasons.items()}
    told = {"file": [files[k].relative_to(folder).as_posix() for k in reasons], "reason": list(reasons.values())}
    refused = pl.DataFrame(told, schema={"file": pl.String, "reason": pl.String})
    kinds = pl.Series([names[r] for r in rows], dtype=pl.String)
    return learn_from(np.concatenate(parts), kinds, encoder.fingerprint, folder), refused


def learn_from(vectors: Vectors, kinds: pl.Series, fingerprint: str, where: object = "the examples") -> KindProbe:
    """The probe that unit vectors [n, d] of known `kinds` [n] teach: linear discriminants (Fisher 1936) with a shrunken covariance (Friedman 1989).

    Shrinkage and sharpness are those under which each example, left out in turn, is best foretold. Every kind is taken for equally likely.
    """
    names = sorted(kinds.unique().to_list())
    kept = _kept(tuple(names))
    if not kept.any() or kept.all():
        what = "nothing to keep" if not kept.any() else "nothing to refuse"
        raise BadData(
            where, f"shows {what}: folders whose names begin with {KEEP!r} are what to keep, all others what not", names
        )
    of = np.searchsorted(names, kinds.to_numpy())
    number = np.bincount(of, minlength=len(names))
    few = [f"{name}: {n}" for name, n in zip(names, number.tolist(), strict=True) if n < FEWEST]
    if few:
        raise BadData(where, f"has fewer than {FEWEST} readable examples of a kind", few)
    x = np.asarray(vectors, np.float64)
    tried = []
    for shrinkage in SHRINKAGES:
        scores = _left_out(x, of, number, shrinkage)
        for sharp in SHARPNESSES:
            share = _probabilities(sharp * scores)
            loss = -np.log(np.maximum(share[np.arange(len(of)), of], 1e-12))
            # Every kind weighs the same, however many examples it has.
            tried.append(((np.bincount(of, loss) / number).mean(), shrinkage, sharp, share))
    _, shrinkage, sharp, share = min(tried, key=lambda t: t[0])
    means, inverse = _fit(x, of, number, shrinkage)
    weights = inverse @ means.T
    bias = -0.5 * np.einsum("kd,dk->k", means, weights)
    right = np.bincount(of, share.argmax(1) == of) / number
    out = np.bincount(of, share[:, ~kept].sum(1) > 0.5) / number
    examples = pl.DataFrame({"kind": names, "examples": number, "recognised": right, "refused": out})
    return KindProbe(tuple(names), sharp * weights, sharp * bias, fingerprint, examples)


def _fit(x: Floats, of: NDArray[np.int64], number: NDArray[np.int64], shrinkage: float) -> tuple[Floats, Floats]:
    """The kinds' means [k, d] and the inverse of their shrunken common covariance [d, d]."""
    means = np.stack([x[of == k].mean(0) for k in range(len(number))])
    rest = x - means[of]
    spread = rest.T @ rest / max(1, len(x) - len(number))
    level = np.trace(spread) / len(spread) + 1e-12
    return means, np.linalg.inv((1 - shrinkage) * spread + shrinkage * level * np.eye(len(spread)))


def _left_out(x: Floats, of: NDArray[np.int64], number: NDArray[np.int64], shrinkage: float) -> Floats:
    """The scores [n, k] of each example by a probe that did not see it.

    Without x the mean of its kind moves and the scatter loses n / (n - 1) r r', r its distance from the mean: the inverse follows by Sherman and Morrison
    (1950), with the weights of the sums as they were.
    """
    means, inverse = _fit(x, of, number, shrinkage)
    scores = np.empty((len(x), len(number)))
    share = (1 - shrinkage) / max(1, len(x) - len(number))
    for i, kind in enumerate(of):
        r = x[i] - means[kind]
        others = number[kind] - 1
        u = inverse @ r
        loss = share * number[kind] / others
        # What a single example carries of the scatter is below 1, unless it is all of it.
        factor = loss / max(1 - loss * (r @ u), 1e-3)
        middle = means.copy()
        middle[kind] -= r / others
        weights = inverse @ middle.T
        weights += factor * np.outer(u, middle @ u)
        scores[i] = x[i] @ weights - 0.5 * np.einsum("kd,dk->k", middle, weights)
    return scores


def _probabilities(scores: Floats) -> Floats:
    share = np.exp(scores - scores.max(1, keepdims=True)) if len(scores) else scores
    return np.asarray(share / share.sum(1, keepdims=True))


def _kept(kinds: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.array([kind.lower().startswith(KEEP) for kind in kinds], bool)
