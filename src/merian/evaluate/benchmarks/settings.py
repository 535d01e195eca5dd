"""Every knob of benchmark tasks beyond those of an evaluation, with its unit and bound."""

from __future__ import annotations

from dataclasses import dataclass

from merian.core.settings import knob
from merian.evaluate.settings import EvaluateSettings

__all__ = ["BenchmarkSettings"]


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings(EvaluateSettings):
    """How a model is put to benchmark tasks; what it has of an evaluation means the same."""

    fold: str = knob("0", "Tasks: the fold that is tested on, in a data set that comes in folds")
    labelled: float = knob(
        0.8,
        "Tasks: share of an old class's images that category discovery is given",
        gt=0,
        lt=1,
        source="Vaze et al. 2022",
    )
    discoveries: int = knob(
        3, "Tasks: category discovery is repeated with so many draws of labels and centres", ge=1, le=100
    )
    drop_leaked: bool = knob(False, "Tasks: leave out images that the model was trained on; needs --trained")
    faulty: bool = knob(False, "Tasks: also make published numbers with their faults, named as such")
