"""Search among a million vectors behind a filter, on two cores: Merian's index beside faiss' exact search and BioCLIP's public image search.

The latter has an `IVF65536,PQ16`, which knows no filter: here faiss' own selector is given to it. The vectors are drawn: images about species within
genera, families and orders, as bench/layouts.py draws them, with places, dates and licences. A question is an image that is not in the index. Recall
is against the exact answer; times are of one question after the other, in one process, files in the memory of the system.

    .venv/bin/python bench/search.py [--count 1000000] [--dim 512] [--questions 200] [--quantise rq] [--work DIR] [--peers]

`IVF65536,PQ16` is trained in two levels (256 times 256 centres), for which faiss takes minutes where k-means over 65,536 takes hours; its coarse
search is HNSW. Below a million vectors it gets as many lists as 65536 for a million.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.chance import stream
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import Tree
from merian.core.vectors import Embeddings, normalise
from merian.search import Index, SearchSettings, Wanted, build_index

K = 10
LEVELS = ((40, 1.0), (5, 0.8), (5, 0.6), (5, 0.5))
"""Orders, families in each, genera in each, species in each; and how far each lies from what holds it."""
NEAR = 0.7
BLOCK = 50_000


class Drawn:
    """Species of a taxonomy as places [t, d], and images about them."""

    def __init__(self, dim: int) -> None:
        self.rng = stream(0, "search", dim)
        places = np.zeros((1, dim))
        for number, far in LEVELS:
            places = np.repeat(places, number, 0)
            places += far * self.rng.standard_normal(places.shape)
        self.places = places.astype(np.float32)
        names = np.arange(len(places))
        counts = np.cumprod([number for number, _ in LEVELS])[::-1]
        of = {
            rank: names // (len(places) // counts[3 - k])
            for k, rank in enumerate(("order", "family", "genus", "species"))
        }
        frame = pl.DataFrame(
            {rank: [f"{rank[0].upper()}{k}" for k in of[rank]] for rank in ("order", "family", "genus")}
        )
        frame = frame.with_columns(
            kingdom=pl.lit("Animalia"),
            phylum=pl.lit("P"),
            species=pl.col("genus") + pl.Series([f" s{k}" for k in names]),
        ).with_columns(pl.lit("C").alias("class"))
        self.tree = Tree.from_lineages(frame)
        self.taxa = np.array([self.tree.find(name) for name in frame["species"].to_list()], np.int32)

    def images(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Taxa [count] and unit vectors [count, d]; species k as common as 1 / sqrt(k)."""
        weight = 1 / np.sqrt(np.arange(1, len(self.places) + 1))
        of = self.rng.permutation(len(self.places))[self.rng.choice(len(self.places), count, p=weight / weight.sum())]
        vectors = np.empty((count, self.places.shape[1]), np.float32)
        for start in range(0, count, BLOCK):
            part = of[start : start + BLOCK]
            noise = self.rng.standard_normal((len(part), vectors.shape[1]), np.float32)
            vectors[start : start + BLOCK] = normalise(self.places[part] + NEAR * noise)
        return self.taxa[of], vectors


def table(taxa: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    """The rows of a catalog."""
    n = len(taxa)
    days = np.datetime64("2005-01-01") + rng.integers(0, 365 * 20, n)
    columns = {
        "id": [f"i{k}" for k in range(n)],
        "taxon": taxa,
        "path": [f"photos/{k}.jpg" for k in range(n)],
        "source": np.array(["a", "b", "c"])[rng.integers(0, 3, n)],
        "licence": np.array(["CC0", "CC BY", "CC BY-NC"])[rng.choice(3, n, p=[0.1, 0.3, 0.6])],
        "event_date": days.astype(str),
        "latitude": rng.uniform(-60, 70, n),
        "longitude": rng.uniform(-180, 180, n),
        "split": ["train"] * n,
    }
    return conform(pl.DataFrame(columns), CATALOG)


def filters(tree: Tree) -> dict[str, Wanted]:
    """What is asked for, from everything to one species."""
    return {
        "nothing": Wanted(),
        "licence": Wanted(licences=("CC0", "CC BY")),
        "ten years": Wanted(first="2010", last="2019"),
        "an order": Wanted(taxa=(tree.find("O3"),)),
        "a country": Wanted(box=(5.0, 40.0, 25.0, 55.0)),
        "an order, in ten years, open": Wanted(
            taxa=(tree.find("O3"),), first="2010", last="2019", licences=("CC0", "CC BY")
        ),
        "a genus": Wanted(taxa=(tree.find("G17"),)),
    }


def kept(rows: pl.DataFrame, wanted: Wanted, tree: Tree) -> np.ndarray:
    """Which rows [n] are wanted, by polars."""
    condition = wanted.sql(tree)
    from merian.search.asked import dated

    frame = pl.concat([rows, dated(rows["event_date"])], how="horizontal").with_row_index("row")
    found = pl.SQLContext(frame=frame).execute(f"SELECT row FROM frame WHERE {condition or 'true'}", eager=True)
    keep = np.zeros(len(rows), bool)
    keep[found["row"].to_numpy()] = True
    return keep


def timed(ask: Callable[[np.ndarray], np.ndarray], questions: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Milliseconds of each question [n, d], and the rows that were found; three go before."""
    for question in questions[:3]:
        ask(question)
    took, found = [], []
    for question in questions:
        start = time.perf_counter()
        rows = ask(question)
        took.append(1000 * (time.perf_counter() - start))
        found.append(rows)
    return np.array(took), found


def recall(found: list[np.ndarray], best: list[np.ndarray]) -> float:
    """The share of the K nearest that were found."""
    return float(
        np.mean([len(set(a.tolist()) & set(b.tolist())) / max(1, len(b)) for a, b in zip(found, best, strict=True)])
    )


def exact(vectors: np.ndarray, questions: np.ndarray, keep: np.ndarray) -> list[np.ndarray]:
    """The K nearest rows of those kept, by NumPy."""
    rows = np.flatnonzero(keep)
    best: list[np.ndarray] = [np.zeros(0, np.int64)] * len(questions)
    values: list[np.ndarray] = [np.zeros(0, np.float32)] * len(questions)
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        for q, line in enumerate(questions @ vectors[part].T):
            near = np.argpartition(-line, min(K, len(line) - 1))[:K]
            value, row = np.concatenate([values[q], line[near]]), np.concatenate([best[q], part[near]])
            order = np.argsort(-value)[:K]
            best[q], values[q] = row[order], value[order]
    return best


def coarse(vectors: np.ndarray, lists: int) -> np.ndarray:
    """About `lists` centres [c, d] in two levels of k-means."""
    import faiss

    side = round(lists**0.5)
    rng = stream(0, "centres")
    sample = vectors[rng.choice(len(vectors), min(len(vectors), 400_000), replace=False)]
    first = faiss.Kmeans(sample.shape[1], side, niter=10, seed=0)
    first.train(sample)
    of = first.index.search(sample, 1)[1][:, 0]
    centres = []
    for k in range(side):
        own = sample[of == k]
        below = faiss.Kmeans(
            sample.shape[1], max(1, min(side, len(own) // 2)), niter=8, seed=0, min_points_per_centroid=1
        )
        below.train(own)
        centres.append(below.centroids)
    return np.concatenate(centres)


def faiss_peers(vectors: np.ndarray) -> dict[str, Callable[[np.ndarray, object], np.ndarray]]:
    """faiss' exact search, and IVF65536,PQ16, as functions of a question and a selector."""
    import faiss

    n, dim = vectors.shape
    flat = faiss.IndexFlatIP(dim)
    flat.add(vectors)
    start = time.perf_counter()
    centres = coarse(vectors, round(65536 * n / 1_000_000))
    quantiser = faiss.IndexHNSWFlat(dim, 32)
    quantiser.add(centres)
    public = faiss.IndexIVFPQ(quantiser, dim, len(centres), 16, 8)
    public.quantizer_trains_alone = 2
    public.train(vectors[:: max(1, n // 100_000)])
    public.add(vectors)
    print(f"IVF{len(centres)},PQ16 built in {time.perf_counter() - start:.0f} s", flush=True)

    def by_flat(question: np.ndarray, chosen: object) -> np.ndarray:
        how = faiss.SearchParameters(sel=chosen) if chosen else None
        return flat.search(question[None], K, params=how)[1][0]

    def by_public(question: np.ndarray, chosen: object) -> np.ndarray:
        how = faiss.SearchParametersIVF(nprobe=64, **({"sel": chosen} if chosen else {}))
        return public.search(question[None], K, params=how)[1][0]

    return {"faiss, exact": by_flat, "IVF65536,PQ16, 64 probes": by_public}


def main() -> None:
    """Build what is not there, ask, print the table."""
    given = arguments()
    drawn = Drawn(given.dim)
    taxa, vectors = drawn.images(given.count)
    _, questions = drawn.images(given.questions)
    rows = table(taxa, drawn.rng)
    index = built(given, drawn.tree, rows, vectors)
    peers = faiss_peers(vectors) if given.peers else {}
    print("| wanted | images left | how | p50, ms | p95, ms | recall at 10 |\n|---|---|---|---|---|---|")
    for name, wanted in filters(drawn.tree).items():
        keep = kept(rows, wanted, drawn.tree)
        best = exact(vectors, questions, keep)
        way = "all compared" if index.search(questions[0], K, wanted).exact else "nearest parts"

        def ours(question: np.ndarray, wanted: Wanted = wanted) -> np.ndarray:
            return np.array([int(row[1:]) for row in index.search(question, K, wanted).rows["id"].to_list()])

        asked: dict[str, Callable[[np.ndarray], np.ndarray]] = {f"Merian, {way}": ours}
        if peers:
            import faiss

            bits = np.packbits(keep, bitorder="little")
            chosen = None if keep.all() else faiss.IDSelectorBitmap(bits)
            asked |= {peer: (lambda q, ask=ask, chosen=chosen: ask(q, chosen)) for peer, ask in peers.items()}
        for how, ask in asked.items():
            took, found = timed(ask, questions)
            low, high = np.quantile(took, [0.5, 0.95])
            print(
                f"| {name} | {keep.sum():,} | {how} | {low:.1f} | {high:.1f} | {recall(found, best):.3f} |", flush=True
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


def built(given: argparse.Namespace, tree: Tree, rows: pl.DataFrame, vectors: np.ndarray) -> Index:
    """The index, made unless it is there."""
    folder = given.work / f"{given.count}-{given.dim}"
    if not (folder / "catalog" / "manifest.json").is_file():
        work = store.begin(folder / "catalog", "catalog", 1, {}, {"count": str(given.count)})
        rows.write_parquet(folder / "catalog" / "catalog.parquet")
        tree.save(folder / "catalog" / "tree.parquet")
        work.finish()
    embeddings = Embeddings(rows["id"], vectors, "drawn", tree.version)
    how = SearchSettings(
        quantise=given.quantise, **{k: v for k, v in vars(given).items() if k in ("probes", "refine", "exact") and v}
    )
    start = time.perf_counter()
    index = build_index(
        Catalog.open(folder / "catalog"), embeddings, folder / f"index-{given.quantise}", how, overwrite=given.overwrite
    )
    size = sum(file.stat().st_size for file in (folder / f"index-{given.quantise}").rglob("*") if file.is_file())
    told = {
        "seconds": round(time.perf_counter() - start),
        "GB": round(size / 1e9, 2),
        "parts": index.parts,
    } | store.plain(how)
    print(json.dumps(told), flush=True)
    return index


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--quantise", default=SearchSettings().quantise)
    for knob in ("probes", "refine", "exact"):
        parser.add_argument(f"--{knob}", type=int, default=0, help="unless 0, instead of the default")
    parser.add_argument("--peers", action="store_true", help="faiss too")
    parser.add_argument("--overwrite", action="store_true", help="build anew for other settings")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "merian-bench-search")
    return parser.parse_args()


if __name__ == "__main__":
    main()
