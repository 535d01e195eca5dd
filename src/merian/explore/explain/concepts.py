"""Concepts of an embedding: a dictionary learnt from a catalog's vectors, its units named where a name holds, kept as a store.

The store holds autoencoder.safetensors, concepts.parquet (a row for each concept), concepts.json (whose vectors it reads) and report.json (how much the
dictionary explains, how stable it is, how many concepts have a name); if asked for, the gallery of the training images (`nearest.Gallery`).
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
    principal_left,
)
from merian.explore.explain.naming import NAMES, Words, named, sets_of
from merian.explore.explain.nearest import Gallery

__all__ = ["FORMAT", "KIND", "Active", "Concepts", "learn_concepts"]

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
GROUP = "Dictionary"


@dataclass(frozen=True, eq=False)
class Active:
    """A unit vector taken apart: its most active concepts, and what is left of its scores w·v for m directions w.

    table: columns of TABLE, `activation`, and `adds`, a list of m: what the concept adds to each score; `shared` [m]: what all images have of them (the
    centre); `left` [m]: what no concept of the table holds. The three sum to the scores.
    """

    table: pl.DataFrame
    shared: Doubles
    left: Doubles


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

    def active(self, vector: npt.NDArray[np.floating], directions: npt.NDArray[np.floating], k: int = 8) -> Active:
        """The k most active concepts of a unit vector [d], and what they add to its scores for `directions` [m, d].

        A concept adds its activation times the product of its row of the dictionary and the direction.
        """
        activation = self.model.activations(np.asarray(vector, np.float32)[None])[0]
        order = np.argsort(-activation, kind="stable")[:k]
        order = order[activation[order] > 0]
        adds = activation[order, None] * self.model.scale * (self.model.dictionary[order] @ directions.T)
        table = self.table.select(pl.all().gather(pl.Series(order, dtype=pl.UInt32))).with_columns(
            pl.Series("activation", activation[order].astype(np.float64)),
            pl.Series("adds", adds.astype(np.float64).tolist(), pl.List(pl.Float64)),
        )
        wide = directions.astype(np.float64)
        shared = wide @ (self.model.offset * self.model.scale + self.model.centre)
        return Active(table, shared, wide @ vector - shared - adds.sum(0, dtype=np.float64))


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
    sets = sets_of(rows[specimens.tolist()], catalog.tree, settings.fewest)
    names = named(
        activations[specimens],
        models[0].dictionary,
        sets,
        None if words is None else (words, vectors[specimens] - models[0].centre),
        settings.shuffles,
        stream(settings.seed, "concepts", "names"),
    )
    table = _described(names, activations, rows["id"], groups)
    numbers, remarks = _measured(models, vectors, held, groups, settings)
    if not sets and words is None:
        told = f"no taxon or state has {settings.fewest} specimens in it and as many out: nothing can name a concept"
        remarks.append(f"{told}; give more images, --words, or a smaller --fewest")
    if len(models) > 1:
        numbers += _stability(models, vectors, settings)
    else:
        remarks.append("one dictionary was learnt: how stable it is is not known; give --seeds 2 or more")
    numbers += _counted(table, activations)
    _write(out, Concepts(models[0], table, embeddings.fingerprint))
    if settings.gallery:
        Gallery.of(catalog, embeddings, embeddings.fingerprint).save(out)
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
    """What the first dictionary explains of images that it was not learnt from, beside principal components, and how many of its concepts are active."""
    model, active, remarks = models[0], settings.active, list[str]()
    if int(held.sum()) < ENOUGH:
        told = f"only {int(held.sum())} images were kept apart: what is explained is of images that were learnt from"
        remarks.append(told)
    chosen = held if not remarks else np.ones(len(held), bool)
    left, whole = explained(model, vectors[chosen])
    train = vectors[~held]
    measured = {
        "explained": (left, f"of images that were not learnt from, by at most {active} of {model.units} concepts"),
        "explained.first": (
            principal_left(train, vectors[chosen], active, active),
            f"by the first {active} principal components",
        ),
        "explained.picked": (
            principal_left(train, vectors[chosen], model.units, active),
            f"by the {active} of {min(model.units, vectors.shape[1])} principal components that are largest in an image",
        ),
    }
    _, of = np.unique(groups.to_numpy()[chosen], return_inverse=True)
    sums = np.stack([np.bincount(of, rest) for rest in (whole, *(rest for rest, _ in measured.values()))])
    rng, odds = stream(settings.seed, "concepts", "bootstrap"), np.full(sums.shape[1], 1 / sums.shape[1])
    drawn = np.stack([sums @ rng.multinomial(len(odds), odds) for _ in range(REPLICATES)])
    numbers = []
    for place, (name, (rest, note)) in enumerate(measured.items(), 1):
        low, high = np.quantile(1 - drawn[:, place] / drawn[:, 0], [0.025, 0.975]).tolist()
        value = float(1 - rest.sum() / whole.sum())
        numbers.append(Number(name, value, low, high, "share", int(chosen.sum()), note, GROUP))
    on = model.activations(vectors) > 0
    mean, silent = float(on.sum(1).mean()), float((~on).all(0).mean())
    numbers.append(Number("active", mean, None, None, "concepts", len(vectors), "in an image", GROUP))
    numbers.append(
        Number("silent", silent, None, None, "share", model.units, "of the concepts, active in no image", GROUP)
    )
    return numbers, remarks


def _stability(models: list[Autoencoder], vectors: Floats, settings: ConceptSettings) -> list[Number]:
    """How much of the first dictionary others, from other starts, have too, beside dictionaries of chance. The interval is over concepts."""
    rng = stream(settings.seed, "concepts", "stability")
    live = [m.dictionary[(m.activations(vectors) > 0).any(0)] for m in models]
    if not all(len(one) for one in live):
        return []
    found = np.mean([agreement(live[0], other) for other in live[1:]], axis=0)
    resampled = found[rng.integers(len(found), size=(REPLICATES, len(found)))].mean(1)
    low, high = np.quantile(resampled, [0.025, 0.975]).tolist()
    spread = vectors - models[0].centre
    photos = spread[rng.integers(len(spread), size=len(live[1]))]
    mixed = rng.standard_normal((len(live[1]), len(spread))).astype(np.float32) @ spread
    note = "mean largest cosine of a concept with those learnt from another start"
    numbers = [Number("stable", float(found.mean()), low, high, "", len(found), note, GROUP)]
    for name, other, words in (
        ("mixed", mixed, "random mixes of the images"),
        ("photos", photos, "images as they are"),
    ):
        value = float(agreement(live[0], other).mean())
        numbers.append(Number(f"stable.{name}", value, note=f"the same with a dictionary of {words}", group=GROUP))
    return numbers


def _counted(table: pl.DataFrame, activations: Floats) -> list[Number]:
    """How many of the concepts that are ever active have a name, by kind, and how well it fits: many a name holds, and says little."""
    alive = table.filter(pl.Series((activations > 0).any(0)))
    kinds = alive["kind"].fill_null("unnamed").value_counts(sort=True)
    quarters = [alive["auroc"].quantile(q, "linear") for q in (0.25, 0.5, 0.75)]
    low, middle, high = (float("nan") if q is None else q for q in quarters)
    fit = f"median AUROC of a name (a quarter of the names have less than {low:.2f}, a quarter more than {high:.2f})"
    fits = [Number("named.auroc", middle, n=len(alive["auroc"].drop_nulls()), note=fit, group="Names")]
    return (fits if np.isfinite(middle) else []) + [
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
