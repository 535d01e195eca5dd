"""pybioclip's interface (version 2.1) on Merian's engine: the same classes, keys and messages, without torch.

    from merian.compat.bioclip import TreeOfLifeClassifier, Rank

What differs, on purpose: arrays are NumPy's and tables polars'; photos are turned as their EXIF says and alpha is laid on white, where pybioclip ignores both;
JPEGs are decoded at reduced scale; sums over a rank are taken at once, not in a Python loop.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from merian.compat.bioclip.ranks import BIOCLIP_MODEL_STR, BIOCLIP_V1_MODEL_STR, BIOCLIP_V2_MODEL_STR, Rank

if TYPE_CHECKING:
    from merian.compat.bioclip.predict import (
        CustomLabelsBinningClassifier,
        CustomLabelsClassifier,
        TreeOfLifeClassifier,
    )

__all__ = [
    "BIOCLIP_MODEL_STR",
    "BIOCLIP_V1_MODEL_STR",
    "BIOCLIP_V2_MODEL_STR",
    "CustomLabelsBinningClassifier",
    "CustomLabelsClassifier",
    "Rank",
    "TreeOfLifeClassifier",
]
LAZY = ("TreeOfLifeClassifier", "CustomLabelsClassifier", "CustomLabelsBinningClassifier")


def __getattr__(name: str) -> Any:
    if name in LAZY:
        return getattr(importlib.import_module("merian.compat.bioclip.predict"), name)
    raise AttributeError(name)
