"""torch.compile over both towers, and the proof that it compiled: graphs are counted, and breaks and silent fall-backs are errors."""

from __future__ import annotations

from typing import Any

import torch

from merian.core.errors import BadSetting
from merian.train.towers import Towers

__all__ = ["GRAPHS_AT_MOST", "compile_towers", "graphs", "prove"]

GRAPHS_AT_MOST = 8
"""Graphs of a run: each tower in training and without gradients, for whole and for last chunks. More means that it compiles again and again."""


def compile_towers(towers: Towers, backend: str = "inductor") -> None:
    """Have both towers run compiled from now on. Captions are read whole, and their number may vary."""
    from torch._dynamo import utils

    torch._dynamo.reset()
    utils.counters.clear()
    towers.run_by(
        torch.compile(towers.clip.visual, backend=backend, dynamic=False, fullgraph=True),
        torch.compile(towers.clip.encode_text, backend=backend, dynamic=True, fullgraph=True),
    )


def graphs() -> int:
    """How many different graphs were compiled since `compile_towers`."""
    from torch._dynamo import utils

    counted: Any = utils.counters
    return int(counted["stats"]["unique_graphs"])


def prove(step: int) -> None:
    """Raise BadSetting unless both towers are graphs by now, and not too many of them."""
    count = graphs()
    if count < 2:
        raise BadSetting(
            "compile",
            True,
            f"torch.compile made {count} graphs of 2 towers by step {step}: leave it off on this machine",
        )
    if count > GRAPHS_AT_MOST:
        raise BadSetting(
            "compile",
            True,
            f"torch.compile made {count} graphs by step {step}, at most {GRAPHS_AT_MOST} are needed: shapes change from step to step",
        )
