"""The control of every protocol that needs no texts: what histograms of colour and texture reach, by the same draws and divisions.

A set that is taken before one background, or by one camera, can be told apart without knowing organisms (Noyan 2022, arXiv 2206.04374, on PlantVillage).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from merian.core.errors import BadSetting
from merian.core.report import Number
from merian.encode import Pixels, Preprocess, Vectors
from merian.encode.seam import check_pixels, unit_rows
from merian.evaluate import histogram
from merian.evaluate.benchmarks.outcome import Outcome
from merian.evaluate.benchmarks.settings import BenchmarkSettings

__all__ = ["CONTROLLED", "Histograms", "control_numbers"]

CONTROLLED = {
    "few-shot": ("shot{k}", "shot{k}.macro"),
    "probe": ("macro_f1", "accuracy"),
    "binary": ("micro", "macro"),
    "attributes": ("all_correct", "macro_f1", "mean_ap", "classes.macro"),
    "discovery": ("all", "separate.all"),
}
"""Protocol -> the numbers that are also made from histograms."""


@dataclass(frozen=True, slots=True)
class Histograms:
    """An encoder of images [n, size, size, 3] that knows nothing of organisms, the baseline of `merian evaluate`; it has no words."""

    size: int = 64
    dim: int = histogram.WIDTH
    logit_scale: float = 1.0

    @property
    def preprocess(self) -> Preprocess:
        """The whole image, small."""
        return Preprocess(size=self.size, interpolation="bilinear")

    @property
    def fingerprint(self) -> str:
        """Names this version of the histograms."""
        return f"histogram-1-{self.size}"

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Unit vectors [n, d]."""
        return unit_rows(histogram.features(check_pixels(pixels, self.preprocess)))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Raises BadSetting: histograms have no words."""
        raise BadSetting("texts", list(texts[:1]), "cannot be compared with histograms")


def control_numbers(word: str, found: Outcome, name: str, settings: BenchmarkSettings) -> list[Number]:
    """Of what a protocol `word` found with histograms, the numbers to stand beside the model's: `<name>.<number>.histogram`."""
    wanted = {f"{name}.{end.format(k=k)}" for end in CONTROLLED[word] for k in settings.shots}
    note = "colour and texture histograms, the same draws and divisions"
    return [replace(n, name=f"{n.name}.histogram", note=note) for n in found.numbers if n.name in wanted]
