"""The three classifiers, by pybioclip's names."""

from __future__ import annotations

import functools
import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.compat.bioclip.base import BaseClassifier, Callback, Floats, Names, Photo
from merian.compat.bioclip.ranks import (
    COMMON_NAME,
    DEFAULT_BATCH_SIZE,
    SPECIES_EPITHET,
    Rank,
    create_classification_dict,
    ensure_tol_supported_model,
    get_rank_labels,
    get_tol_classification_labels,
    get_tol_repo_id,
    join_names,
)
from merian.identify import custom

__all__ = [
    "PRED_CLASSICATION_KEY",
    "PRED_FILENAME_KEY",
    "PRED_SCORE_KEY",
    "BaseClassifier",
    "CustomLabelsBinningClassifier",
    "CustomLabelsClassifier",
    "Rank",
    "TreeOfLifeClassifier",
    "create_classification_dict",
    "ensure_tol_supported_model",
    "get_rank_labels",
    "get_tol_classification_labels",
    "get_tol_repo_id",
    "join_names",
    "predict_classification",
    "predict_classifications_from_list",
    "templates",
]

PRED_FILENAME_KEY, PRED_CLASSICATION_KEY, PRED_SCORE_KEY = "file_name", "classification", "score"


@functools.cache
def templates() -> tuple[Callable[[str], str], ...]:
    """The sentences around a custom label (`merian.identify.custom.templates`) as functions of its name, as pybioclip has them."""
    return tuple(functools.partial(custom.filled, template) for template in custom.templates())


class CustomLabelsClassifier(BaseClassifier):
    """Which of some labels an image shows."""

    def __init__(self, cls_ary: Iterable[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = [name.strip() for name in cls_ary]
        self.txt_embeddings = self._get_txt_embeddings(self.classes)

    def _get_txt_embeddings(self, names: Sequence[str]) -> Floats:
        """`[d, t]`: the mean over all templates of each label's unit vectors, at length 1."""
        return custom.label_vectors(self.model, names).T.copy()

    def predict(
        self,
        images: Photo | Sequence[Photo],
        k: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        callback: Callback | None = None,
    ) -> list[dict[str, Any]]:
        """The k best labels (all when None) of each image, best first: file_name, classification, score."""
        images = _listed(images)
        most = len(self.classes) if not k or k > len(self.classes) else k
        probabilities = self.create_batched_probabilities_for_images(images, self.txt_embeddings, batch_size, callback)
        keys = [self.make_key(image, number) for number, image in enumerate(images)]
        found = [row for key in keys for row in self.group_probs(key, probabilities[key], most)]
        self.record_event(images=images, k=most, batch_size=batch_size)
        return found

    def group_probs(self, image_key: str, img_probs: Floats, k: int) -> list[dict[str, Any]]:
        """The k best labels of one image."""
        return [
            {PRED_FILENAME_KEY: image_key, PRED_CLASSICATION_KEY: self.classes[i], PRED_SCORE_KEY: float(img_probs[i])}
            for i in np.argsort(-img_probs, kind="stable")[:k]
        ]


class CustomLabelsBinningClassifier(CustomLabelsClassifier):
    """Which bin of labels an image shows."""

    def __init__(self, cls_to_bin: dict[str, Any], **kwargs: Any) -> None:
        if any(not bin_ or (isinstance(bin_, float) and math.isnan(bin_)) for bin_ in cls_to_bin.values()):
            raise ValueError("Empty, null, or nan are not allowed for bin values.")
        super().__init__(cls_ary=cls_to_bin.keys(), **kwargs)
        self.cls_to_bin = {name.strip(): bin_ for name, bin_ in cls_to_bin.items()}

    def group_probs(self, image_key: str, img_probs: Floats, k: int) -> list[dict[str, Any]]:
        """The k best bins of one image: sums over their labels."""
        sums: dict[Any, np.float32] = defaultdict(np.float32)
        for name, chance in zip(self.classes, img_probs, strict=True):
            sums[self.cls_to_bin[name]] += chance
        return [
            {PRED_FILENAME_KEY: image_key, PRED_CLASSICATION_KEY: name, PRED_SCORE_KEY: float(sums[name])}
            for name in heapq.nlargest(k, sums, key=sums.__getitem__)
        ]


class TreeOfLifeClassifier(BaseClassifier):
    """Which taxon of the Tree of Life an image shows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.txt_embeddings = self.get_txt_emb()
        self.txt_names = self.get_txt_names()
        self._subset: npt.NDArray[np.int64] | None = None
        self._groups: dict[Rank, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}

    def get_txt_embeddings(self) -> Floats:
        """The label vectors `[d, t]` that are left by `apply_filter`."""
        return self.txt_embeddings if self._subset is None else self._kept

    def get_current_txt_names(self) -> list[Names]:
        """The names that are left by `apply_filter`."""
        return self.txt_names if self._subset is None else [self.txt_names[i] for i in self._subset]

    def get_classification_dict(self, idx: int, rank: Rank) -> dict[str, str]:
        """The lineage of a current label down to a rank."""
        place = int(idx) if self._subset is None else int(self._subset[int(idx)])
        return create_classification_dict(self.txt_names[place], rank)

    def get_label_data(self) -> pl.DataFrame:
        """All labels as a table: the ranks, species_epithet and common_name."""
        rows = [[*lineage, common] for lineage, common in self.txt_names]
        frame = pl.DataFrame(
            rows, schema=[*get_rank_labels()[:6], SPECIES_EPITHET, COMMON_NAME], orient="row", strict=False
        ).cast(pl.String)
        species = pl.concat_str("genus", SPECIES_EPITHET, separator=" ").alias("species")
        return frame.with_columns(species).select(get_tol_classification_labels(Rank.SPECIES))

    def create_taxa_filter(self, rank: Rank, user_values: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which labels `[t]` have one of these names at a rank; raises ValueError with those that none has."""
        label, wanted = rank.get_label(), list(user_values)
        column = self.get_label_data()[label]
        known = set(column.to_list())
        if unknown := [value for value in wanted if value not in known]:
            told = ", ".join(map(str, unknown))
            raise ValueError(f"Unknown {label} received: {told}. Only known {label} may be used.")
        return column.is_in(wanted).to_numpy()

    def create_taxa_filter_from_csv(self, csv_path: str) -> npt.NDArray[np.bool_]:
        """The same of the first column of a CSV file, whose name is that of a rank."""
        table = pl.read_csv(csv_path, infer_schema=False)
        name, allowed = table.columns[0].lower(), get_rank_labels()
        if name not in allowed:
            columns = ",".join(allowed)
            raise ValueError(f"The first column of {csv_path} is named '{name}' but must be one of {columns}.")
        return self.create_taxa_filter(Rank[name.upper()], table.to_series(0).drop_nulls().to_list())

    def apply_filter(self, keep_labels_ary: Iterable[bool]) -> None:
        """Leave those labels only; raises ValueError unless there is a value for each label."""
        keep = np.asarray(list(keep_labels_ary), bool)
        if len(keep) != len(self.txt_names):
            count = len(self.txt_names)
            raise ValueError(
                f"Invalid keep_embeddings values. This parameter should be a list containing {count} items."
            )
        self._subset, self._groups = np.flatnonzero(keep), {}
        self._kept = np.ascontiguousarray(self.txt_embeddings[:, self._subset])

    def format_species_probs(self, image_key: str, probs: Floats, k: int = 5) -> list[dict[str, Any]]:
        """The k best labels of one image."""
        best = np.argpartition(-probs, min(k, len(probs)) - 1)[:k] if len(probs) else np.zeros(0, np.int64)
        best = best[np.lexsort((best, -probs[best]))]
        return [
            {PRED_FILENAME_KEY: image_key}
            | self.get_classification_dict(int(i), Rank.SPECIES)
            | {PRED_SCORE_KEY: float(probs[i])}
            for i in best
        ]

    def format_grouped_probs(
        self, image_key: str, probs: Floats, rank: Rank, min_prob: float = 1e-9, k: int = 5
    ) -> list[dict[str, Any]]:
        """The k best clades of one image: sums of the labels above `min_prob` that share the lineage down to a rank."""
        group, first = self._grouped(rank)
        counted = np.where(probs > min_prob, probs, 0)
        sums = np.bincount(group, counted, len(first))
        held = np.flatnonzero(np.bincount(group, probs > min_prob, len(first)))
        best = held[np.lexsort((first[held], -sums[held]))][:k]
        return [
            {PRED_FILENAME_KEY: image_key}
            | self.get_classification_dict(int(first[g]), rank)
            | {PRED_SCORE_KEY: float(np.float32(sums[g]))}
            for g in best
        ]

    def _grouped(self, rank: Rank) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For each current label the number of its clade, and the first label of each clade."""
        if rank not in self._groups:
            names = self.get_current_txt_names()
            lineages = [" ".join(create_classification_dict(name, rank).values()) for name in names]
            _, first, group = np.unique(np.array(lineages, dtype=object), return_index=True, return_inverse=True)
            self._groups[rank] = group.reshape(-1), first
        return self._groups[rank]

    def predict(
        self,
        images: Photo | Sequence[Photo],
        rank: Rank,
        min_prob: float = 1e-9,
        k: int = 5,
        batch_size: int = DEFAULT_BATCH_SIZE,
        callback: Callback | None = None,
    ) -> list[dict[str, Any]]:
        """The k best taxa of a rank of each image, best first: file_name, the ranks down to it, common_name for species, score."""
        images = _listed(images)
        by_key: dict[str, list[dict[str, Any]]] = {}

        def use(probabilities: dict[str, Floats]) -> None:
            for key, own in probabilities.items():
                if rank == Rank.SPECIES:
                    by_key[key] = self.format_species_probs(key, own, k)
                else:
                    by_key[key] = self.format_grouped_probs(key, own, rank, min_prob, k)

        self._each_batch(images, self.get_txt_embeddings(), batch_size, callback, use)
        keys = [self.make_key(image, number) for number, image in enumerate(images)]
        self.record_event(images=images, rank=rank.get_label(), min_prob=min_prob, k=k, batch_size=batch_size)
        return [dict(row) for key in keys for row in by_key[key]]


def predict_classification(
    img: Photo, rank: Rank, device: Any = "cpu", min_prob: float = 1e-9, k: int = 5
) -> list[dict[str, Any]]:
    """The k best taxa of a rank of one image."""
    return TreeOfLifeClassifier(device=device).predict([img], rank, min_prob, k)


def predict_classifications_from_list(img: Photo, cls_ary: Sequence[str], device: Any = "cpu") -> list[dict[str, Any]]:
    """Which of some labels one image shows."""
    return CustomLabelsClassifier(cls_ary=cls_ary, device=device).predict([img])


def _listed(images: Photo | Sequence[Photo]) -> list[Photo]:
    return list(images) if isinstance(images, list | tuple) else [images]
