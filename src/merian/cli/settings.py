"""`merian settings`."""

from __future__ import annotations

import importlib
from typing import Literal, get_args

from merian.core import settings as core

__all__ = ["HOMES", "settings"]

Verb = Literal["draw", "curate", "train", "evaluate", "explore"]
HOMES: dict[str, str] = {
    "draw": "merian.drawn.world:DrawSettings",
    "curate": "merian.curate:CurateSettings",
    "train": "merian.train:TrainSettings",
    "evaluate": "merian.evaluate:EvaluateSettings",
    "explore": "merian.explore:ExploreSettings",
}


def settings(*verbs: Verb) -> int:
    """Print every setting of the verbs (of all when none is named) as TOML, to edit and give back with --settings.

    Parameters
    ----------
    verbs
        draw, curate, train, evaluate, explore.
    """
    for verb in verbs or get_args(Verb):
        module, _, name = HOMES[verb].partition(":")
        print(f"[{verb}]\n" + core.as_toml(getattr(importlib.import_module(module), name)()))
    return 0
