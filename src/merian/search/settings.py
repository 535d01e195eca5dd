"""Every knob of the index, with its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.settings import knob

__all__ = ["SearchSettings"]

HERE = "bench/search.py"


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How vectors are kept, and how many of them a question is compared with."""

    quantise: Literal["rq", "pq", "sq", "none"] = knob(
        "rq",
        "First pass: rq, one bit a dimension (RaBitQ); pq, products of codebooks; sq, eight bits a dimension; none, all vectors at every question",
        source=HERE,
    )
    partitions: int = knob(0, "Parts of the index; 0: the square root of the number of vectors", ge=0)
    subvectors: int = knob(0, "With pq: codebooks; 0: one for eight dimensions", ge=0)
    exact: int = knob(
        40_000,
        "Within a clade of up to so many vectors, and where filters leave a tenth of it, all are compared",
        unit="vectors",
        ge=0,
        source=HERE,
    )
    probes: int = knob(24, "Parts that a question is compared with", ge=1, source=HERE)
    refine: int = knob(10, "Times k candidates are compared again, exactly", ge=1, source=HERE)
