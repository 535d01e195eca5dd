"""Layouts of many vectors: Merian's t-SNE and UMAP beside openTSNE, umap-learn and scikit-learn with their own defaults, in time and in what the map keeps.

The vectors are drawn: species within genera within families within orders, or `--embeddings` takes real ones. All rows use as many threads as there are cores,
but for UMAP, which keeps to one where it is given a seed. scikit-learn's t-SNE is left out, for its time; ask for it by `--rows`.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.vectors import Embeddings, normalise
from merian.core.workers import cores
from merian.explore.layout import layout, principal
from merian.explore.neighbours import kept_neighbours, nearest
from merian.explore.umap import umap_layout

Floats = npt.NDArray[np.float32]
ASKED, K = 1000, 10
"""Points whose trustworthiness is told, and neighbours."""
LEVELS = ((40, 1.0), (5, 0.8), (5, 0.6), (2, 0.5))
"""Orders, families in each, genera in each, species in each; and how far each lies from what holds it."""


def world(count: int, dim: int = 512) -> Floats:
    """Vectors [count, dim] of unit length of 2,000 species with a taxonomy, images about their species."""
    rng = stream(0, "layouts", count)
    places = np.zeros((1, dim))
    for number, far in LEVELS:
        places = np.repeat(places, number, 0)
        places += far * rng.standard_normal(places.shape)
    of = rng.integers(len(places), size=count)
    return normalise(places[of] + 0.7 * rng.standard_normal((count, dim)))


def trust(vectors: Floats, points: npt.NDArray[np.float64]) -> float:
    """Trustworthiness (Venna & Kaski 2001) of the K nearest on the map, of ASKED points among all."""
    n = len(vectors)
    asked = np.linspace(0, n - 1, min(n, ASKED)).astype(np.int64)
    near = nearest(points, K, None, asked)[0]
    square = (vectors**2).sum(1)
    strange = 0
    for row, own in zip(asked, near, strict=True):
        gaps = square - 2 * (vectors @ vectors[row])
        gaps[row] = -np.inf
        ranks = np.array([(gaps < gaps[j]).sum() for j in own])  # the point itself is before all others
        strange += int(np.maximum(ranks - K, 0).sum())
    return 1 - 2 * strange / (len(asked) * K * (2 * n - 3 * K - 1))


def opentsne(vectors: Floats) -> npt.NDArray[np.float64]:
    """openTSNE as it is."""
    import openTSNE

    return np.asarray(openTSNE.TSNE(n_jobs=cores(), random_state=0).fit(vectors))


def umap_learn(vectors: Floats) -> npt.NDArray[np.float64]:
    """umap-learn as it is, with a seed."""
    import umap

    return np.asarray(umap.UMAP(random_state=0, n_jobs=1).fit_transform(vectors), np.float64)


def sklearn(vectors: Floats) -> npt.NDArray[np.float64]:
    """scikit-learn's t-SNE as it is."""
    from sklearn.manifold import TSNE

    return np.asarray(TSNE(random_state=0, n_jobs=cores()).fit_transform(vectors), np.float64)


ROWS: dict[str, tuple[str, Callable[[Floats], npt.NDArray[np.float64]]]] = {
    "tsne": ("Merian's t-SNE", layout),
    "opentsne": ("openTSNE, its defaults", opentsne),
    "opentsne-50": ("openTSNE, its defaults on 50 components", lambda v: opentsne(principal(v, 50).astype(np.float32))),
    "umap": ("Merian's UMAP", umap_layout),
    "umap-learn": ("umap-learn, its defaults", umap_learn),
    "sklearn": ("scikit-learn's t-SNE, its defaults", sklearn),
}


def main() -> None:
    """Print a line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50_000, help="vectors to lay out")
    parser.add_argument(
        "--embeddings", type=Path, help="real vectors, the first --points of them, in place of drawn ones"
    )
    parser.add_argument("--rows", default="tsne,opentsne,opentsne-50,umap,umap-learn", help=f"of {','.join(ROWS)}")
    given = parser.parse_args()
    vectors = (
        world(given.points) if given.embeddings is None else Embeddings.load(given.embeddings).vectors[: given.points]
    )
    n, d = vectors.shape
    print(
        f"{n:,} vectors of {d} numbers, {cores()} cores; kept: of the {K} nearest, chance {K / (n - 1):.2%}", flush=True
    )
    warnings.simplefilter("ignore")
    for key in given.rows.split(","):
        name, make = ROWS[key]
        if "umap" in key:
            make(vectors[:500])  # Numba compiles
        start, used = time.perf_counter(), time.process_time()
        points = make(vectors)
        took, worked = time.perf_counter() - start, time.process_time() - used
        told = f"kept {kept_neighbours(vectors, points, K).mean():.1%}, trustworthiness {trust(vectors, points):.4f}"
        print(f"{name:<42} {took:7.1f} s ({worked:.0f} s of CPU); {told}", flush=True)


if __name__ == "__main__":
    main()
