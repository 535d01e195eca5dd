"""Merian: biology from pixels to populations.

Importing it loads nothing; each public name is loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Catalog": "merian.core.tables",
    "Embeddings": "merian.core.vectors",
    "Encoder": "merian.encode",
    "Field": "merian.core.fields",
    "Grid": "merian.core.fields",
    "Head": "merian.identify",
    "Identifier": "merian.identify",
    "MerianError": "merian.core.errors",
    "Predictions": "merian.core.vectors",
    "Records": "merian.core.tables",
    "Report": "merian.core.report",
    "Tree": "merian.core.tree",
    "answer_rows": "merian.identify",
    "open_encoder": "merian.encode",
}
__all__ = [
    "Catalog",
    "Embeddings",
    "Encoder",
    "Field",
    "Grid",
    "Head",
    "Identifier",
    "MerianError",
    "Predictions",
    "Records",
    "Report",
    "Tree",
    "answer_rows",
    "open_encoder",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'merian' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
