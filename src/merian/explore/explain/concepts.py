"""Concepts of an embedding: a dictionary learnt from a catalog's vectors, its units named where a name holds, kept as a store.

The store holds autoencoder.safetensors, concepts.parquet (a row for each concept), concepts.json (whose vectors it reads) and report.json (how much the
dictionary explains, how stable it is, how many concepts have a name).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.chance import fraction, stream
from merian.core.errors import BadData, Mismatch
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.core.vectors import Embeddings
from merian.encode.tensors import Tensors
from merian.explore.explain.autoencoder import (
    Autoencoder,
    ConceptSettings,
    agreement,
    explained,
    learn,
    principal_explained,
)
from merian.explore.explain.naming import NAMES, Words, named, sets_of

__all__ = ["FORMAT", "KIND", "Concepts", "learn_concepts"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
KIND, FORMAT = "concepts", 1
HELD = 0.1
"""Share of specimens that the dictionary is not learnt from, to measure it on."""
ENOUGH = 20
"""Images kept so from which it is measured on them."""
EXAMPLES = 6
"""Images told for each concept: those in which it is most active, one of each specimen."""
REPLICATES = 1000
TABLE: dict[str, Any] = {**NAMES, "images": pl.Int64, "share": pl.Float64, "examples": pl.List(pl.String)}
PARTS = ("reading", "bias", "dictionary", "offset", "centre")


@dataclass(frozen=True, eq=False)
class Concepts:
    """A dictionary, a row of `table` for each of its units (columns of TABLE), and the fingerprint of the encoder whose vectors it reads."""

    model: Autoencoder
    table: pl.DataFrame
    fingerprint: str

    @classmethod
    def load(cls, folder: Path) -> Concepts:
        """The Concepts in a store that `merian concepts` wrote. Raises Missing when there is none, BadData when it is damaged."""
        store.read(folder, KIND, FORMAT)
        try:
            known = json.loads((folder / "concepts.json").read_text(encoding="utf-8"))
            tensors = Tensors(folder / "autoencoder.safetensors")
            parts = {name: np.array(tensors[name], np.float32) for name in PARTS}
            model = Autoencoder(scale=float(known["scale"]), active=int(known["active"]), **parts)
            return cls(model, pl.read_parquet(folder / "concepts.parquet", glob=False), str(known["fingerprint"]))
        except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
            raise BadData(folder, f"the concepts are damaged, learn them again: {error!r}") from error

    def agree_with(self, fingerprint: str) -> None:
        """Raise Mismatch unless they were learnt from vectors of the encoder with that fingerprint."""
        if self.fingerprint != fingerprint:
            told = "learn concepts from embeddings of this model: merian concepts"
            raise Mismatch("concepts and model", self.fingerprint, fingerprint, told)

    def active(
        self, vector: npt.NDArray[np.floating], directions: npt.NDArray[np.floating], k: int = 8
    ) -> pl.DataFrame:
        """The k most active concepts of a unit vector [d], with what each adds to the score of each of `directions` [m, d].

        Columns of `table`, `activation`, and `adds` (a list of m): activation times the product of its row of the dictionary and the direction, in units of the
        score.
        """
        activation = self.model.activations(np.asarray(vector, np.float32)[None])[0]
        order = np.argsort(-activation, kind="stable")[:k]
        order = order[activation[order] > 0]
        adds = activation[order, None] * self.model.scale * (self.model.dictionary[order] @ directions.T)
        return self.table.select(pl.all().gather(pl.Series(order, dtype=pl.UInt32))).with_columns(
            pl.Series("activation", activation[order].astype(np.float64)),
            pl.Series("adds", adds.astype(np.float64).tolist(), pl.List(pl.Float64)),
        )


def learn_concepts(
    sources: tuple[Catalog, Embeddings],
    out: Path,
    settings: ConceptSettings,
    command: str = "merian concepts",
    words: Words | None = None,
    overwrite: bool = False,
) -> Report:
    """Learn Concepts from a catalog and its embeddings, write them to `out`, and give the Report of them. A finished run is not repeated.

    `words`: a vocabulary and its vectors by the same encoder, for units that no label names. Raises Missing for kept images without a vector, BadData for
    too few images.
    """
    catalog, embeddings = sources
    embeddings.belong_to(catalog.tree.version)
    rows = catalog.kept()
    vectors = embeddings.take(rows["id"]).vectors
    inputs = {
        "catalog": catalog.hash,
        "embeddings": store.digest_bytes(embeddings.fingerprint.encode() + vectors.tobytes())[:24],
    }
    if words is not None:
        inputs["words"] = store.digest_bytes("\n".join(words.texts).encode())[:24]
    work = store.begin(out, KIND, FORMAT, settings, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    groups = rows.select(pl.coalesce("group", "id")).to_series()
    held = np.array([fraction(settings.seed, group) < HELD for group in groups.to_list()], bool)
    models = [learn(vectors[~held], settings, start) for start in range(settings.seeds)]
    activations = models[0].activations(vectors)
    specimens = _specimens(groups, settings)
    names = named(
        activations[specimens],
        models[0].dictionary,
        sets_of(rows[specimens.tolist()], catalog.tree, settings.fewest),
        None if words is None else (words, vectors[specimens] - models[0].centre),
        settings.shuffles,
        stream(settings.seed, "concepts", "names"),
    )
    table = _described(names, activations, rows["id"], groups)
    numbers, remarks = _measured(models, vectors, held, groups, settings)
    numbers += _counted(table, activations)
    _write(out, Concepts(models[0], table, embeddings.fingerprint))
    report = Report("Concepts of an embedding", command, inputs, tuple(numbers), store.plain(settings), tuple(remarks))
    report.save(out / "report.json")
    work.finish()
    return report


def _specimens(groups: pl.Series, settings: ConceptSettings) -> npt.NDArray[np.int64]:
    """One image of each specimen, of at most `settings.images` specimens."""
    first = groups.to_frame("group").with_row_index("row").unique("group", keep="first", maintain_order=True)["row"]
    chosen = first.to_numpy().astype(np.int64)
    if len(chosen) <= settings.images:
        return chosen
    rng = stream(settings.seed, "concepts", "specimens")
    return np.sort(rng.choice(chosen, settings.images, replace=False))


def _described(names: pl.DataFrame, activations: Floats, ids: pl.Series, groups: pl.Series) -> pl.DataFrame:
    """The names with how many images each concept is active in, and its examples."""
    count = (activations > 0).sum(0)
    own = groups.to_numpy()
    examples = []
    for column in activations.T:
        order = np.argsort(-column, kind="stable")[: 4 * EXAMPLES]
        order = order[column[order] > 0]
        _, first = np.unique(own[order], return_index=True)
        examples.append(ids.gather(order[np.sort(first)][:EXAMPLES].tolist()).to_list())
    return names.with_columns(
        pl.Series("images", count.astype(np.int64)),
        pl.Series("share", count / len(activations)),
        pl.Series("examples", examples, pl.List(pl.String)),
    )


def _measured(
    models: list[Autoencoder],
    vectors: Floats,
    held: npt.NDArray[np.bool_],
    groups: pl.Series,
    settings: ConceptSettings,
) -> tuple[list[Number], list[str]]:
    """What the first dictionary explains of images that it was not learnt from, and how much of it others, from other starts, have too."""
    model, group, remarks = models[0], "Dictionary", list[str]()
    apart = int(held.sum()) >= ENOUGH
    if not apart:
        remarks.append(
            f"only {int(held.sum())} images were kept apart: what is explained is of images that were learnt from"
        )
    chosen = held if apart else np.ones(len(held), bool)
    left, whole = explained(model, vectors[chosen])
    _, of = np.unique(groups.to_numpy()[chosen], return_inverse=True)
    sums = np.stack([np.bincount(of, left), np.bincount(of, whole)], 1)
    rng = stream(settings.seed, "concepts", "bootstrap")
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=REPLICATES) @ sums
    low, high = np.quantile(1 - drawn[:, 0] / drawn[:, 1], [0.025, 0.975]).tolist()
    pca = principal_explained(vectors[~held], vectors[chosen], settings.active)
    activations = model.activations(vectors)
    silent = float((activations <= 0).all(0).mean())
    told = f"by at most {settings.active} of {model.units} concepts; {settings.active} principal components explain {pca:.1%}"
    numbers = [
        Number("explained", float(1 - left.sum() / whole.sum()), low, high, "share", int(chosen.sum()), told, group),
        Number("explained.principal", pca, unit="share", n=int(chosen.sum()), group=group),
        Number(
            "active",
            float((activations > 0).sum(1).mean()),
            unit="concepts",
            n=len(vectors),
            note="in an image",
            group=group,
        ),
        Number("silent", silent, unit="share", n=model.units, note="of the concepts, active in no image", group=group),
    ]
    if len(models) < 2:
        return numbers, [*remarks, "one dictionary was learnt: how stable it is is not known; give --seeds 2 or more"]
    alive = ~(activations <= 0).all(0)
    live = [m.dictionary[(m.activations(vectors) > 0).any(0)] for m in models]
    found = np.mean([agreement(live[0], other) for other in live[1:]], axis=0)
    resampled = found[rng.integers(len(found), size=(REPLICATES, len(found)))].mean(1)
    low, high = np.quantile(resampled, [0.025, 0.975]).tolist()
    spread = vectors - model.centre
    photos = spread[rng.integers(len(spread), size=len(live[1]))]
    mixed = rng.standard_normal((len(live[1]), len(spread))).astype(np.float32) @ spread
    controls = {"mixed": (mixed, "random mixes of the images"), "photos": (photos, "images as they are")}
    note = "mean largest cosine of a concept with those learnt from another start"
    numbers.append(Number("stable", float(found.mean()), low, high, "", int(alive.sum()), note, group))
    for name, (other, words) in controls.items():
        value = float(agreement(live[0], other).mean())
        numbers.append(Number(f"stable.{name}", value, note=f"the same with a dictionary of {words}", group=group))
    return numbers, remarks


def _counted(table: pl.DataFrame, activations: Floats) -> list[Number]:
    """How many of the concepts that are ever active have a name, by kind."""
    alive = table.filter(pl.Series((activations > 0).any(0)))
    kinds = alive["kind"].fill_null("unnamed").value_counts(sort=True)
    return [
        Number(f"named.{kind}" if kind != "unnamed" else kind, n / max(len(alive), 1), unit="share", n=n, group="Names")
        for kind, n in kinds.sort("count", "kind", descending=[True, False]).iter_rows()
    ]


def _write(out: Path, concepts: Concepts) -> None:
    from safetensors.numpy import save

    model = concepts.model
    tensors = {name: np.ascontiguousarray(getattr(model, name)) for name in PARTS}
    with store.atomic(out / "autoencoder.safetensors") as stream_:
        stream_.write(save(tensors))
    with store.atomic(out / "concepts.parquet") as stream_:
        concepts.table.select(list(TABLE)).write_parquet(stream_)
    known = {"fingerprint": concepts.fingerprint, "scale": model.scale, "active": model.active}
    store.write_json(out / "concepts.json", known)
