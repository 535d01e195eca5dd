"""Every knob of evaluation, with its unit and bound."""

from __future__ import annotations

from dataclasses import dataclass

from merian.core.settings import knob

__all__ = ["EvaluateSettings"]


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """How a trained model is measured."""

    seed: int = knob(0, "Names all chance: support images, bootstrap", ge=0)
    resamples: int = knob(1000, "Bootstrap replicates behind each interval", ge=20, le=100_000)
    shots: tuple[int, ...] = knob((1, 5), "Images per species that few-shot learning is shown", source="SimpleShot")
    folds: int = knob(5, "Draws of the shown images; the mean over them is reported", ge=1, le=1000, source="BioCLIP 2")
    threshold: float = knob(0.8, "Probability that a safe answer must reach", gt=0.5, le=1)
    bins: int = knob(10, "Bins of the reliability diagram, equally wide", ge=2, le=100, source="Guo et al. 2017")
    histogram: bool = knob(True, "Also measure the colour-and-texture histogram baseline (decodes every image)")
    histogram_size: int = knob(64, "Side of the images that the histograms are taken of", unit="pixels", ge=16, le=512)
    threads: int = knob(2, "Threads that decode images for the baseline", ge=1, le=256)
