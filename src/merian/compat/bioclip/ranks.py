"""Names of models and ranks, which need nothing else to be loaded."""

from __future__ import annotations

from enum import Enum
from typing import Any

__all__ = [
    "BIOCLIP_MODEL_STR",
    "BIOCLIP_V1_MODEL_STR",
    "BIOCLIP_V2_MODEL_STR",
    "BIOCLIP_V25_MODEL_STR",
    "COMMON_NAME",
    "DEFAULT_BATCH_SIZE",
    "SPECIES_EPITHET",
    "TOL_MODELS",
    "VERSION",
    "Rank",
    "create_classification_dict",
    "ensure_tol_supported_model",
    "get_rank_labels",
    "get_tol_classification_labels",
    "get_tol_repo_id",
    "join_names",
]

VERSION = "2.1.5"
"""The version of pybioclip whose interface this is."""
BIOCLIP_V1_MODEL_STR = "hf-hub:imageomics/bioclip"
BIOCLIP_V2_MODEL_STR = "hf-hub:imageomics/bioclip-2"
BIOCLIP_V25_MODEL_STR = "hf-hub:imageomics/bioclip-2.5-vith14"
BIOCLIP_MODEL_STR = BIOCLIP_V2_MODEL_STR
TOL_MODELS = {
    BIOCLIP_V1_MODEL_STR: "imageomics/TreeOfLife-10M",
    BIOCLIP_V2_MODEL_STR: "imageomics/TreeOfLife-200M",
    BIOCLIP_V25_MODEL_STR: "imageomics/TreeOfLife-200M",
}
"""Model -> the data set with its label vectors."""
DEFAULT_BATCH_SIZE = 10
SPECIES_EPITHET, COMMON_NAME = "species_epithet", "common_name"


class Rank(Enum):
    """A rank of the Tree of Life."""

    KINGDOM = 0
    PHYLUM = 1
    CLASS = 2
    ORDER = 3
    FAMILY = 4
    GENUS = 5
    SPECIES = 6

    def get_label(self) -> str:
        """Its name in lower case."""
        return self.name.lower()


def get_rank_labels() -> list[str]:
    """The names of all ranks, kingdom first."""
    return [rank.get_label() for rank in Rank]


def get_tol_repo_id(model_str: str) -> str:
    """The data set with the label vectors of a model; raises ValueError for a model that has none."""
    if model_str not in TOL_MODELS:
        known = ", ".join(TOL_MODELS)
        raise ValueError(f"TreeOfLife predictions are only supported for the following models: {known}")
    return TOL_MODELS[model_str]


def ensure_tol_supported_model(model_str: str) -> None:
    """Raise ValueError for a model without label vectors."""
    get_tol_repo_id(model_str)


def get_tol_classification_labels(rank: Rank) -> list[str]:
    """The columns of an answer at a rank."""
    labels = get_rank_labels()[: rank.value + 1]
    return labels if rank != Rank.SPECIES else [*labels[:6], SPECIES_EPITHET, "species", COMMON_NAME]


def create_classification_dict(names: list[Any], rank: Rank) -> dict[str, str]:
    """The columns of a label, `[[kingdom, ..., epithet], common name]`, at a rank."""
    lineage, common = names
    found = dict(zip(get_rank_labels(), lineage[: rank.value + 1], strict=False))
    if rank == Rank.SPECIES:
        epithet = found.pop("species")
        found |= {SPECIES_EPITHET: epithet, "species": f"{lineage[-2]} {epithet}", COMMON_NAME: common}
    return found


def join_names(classification_dict: dict[str, str]) -> str:
    """The names of a lineage in one text."""
    return " ".join(classification_dict.values())
