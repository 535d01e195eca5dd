"""The encoder on OpenVINO: the fastest on a CPU, and what `merian identify` runs on; torch is not imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData
from merian.encode.folder import ModelFolder, read_folder
from merian.encode.pixels import Pixels, Preprocess
from merian.encode.seam import Encoder, Vectors, check_pixels, in_batches
from merian.encode.tokens import Tokens

__all__ = ["OpenVino", "library", "open_model"]

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


@dataclass(frozen=True, slots=True)
class OpenVino:
    """Two compiled graphs, pixels to vectors and token numbers to vectors, with their model's card."""

    folder: ModelFolder
    tokens: Tokens
    images: Any
    texts: Any
    precision: str = "fp32"
    batch: int = 32

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.folder.dim

    @property
    def preprocess(self) -> Preprocess:
        """How photos must be decoded."""
        return self.folder.preprocess

    @property
    def logit_scale(self) -> float:
        """What multiplies a cosine before a softmax."""
        return self.folder.logit_scale

    @property
    def fingerprint(self) -> str:
        """Names weights, preprocessing and precision."""
        return self.folder.fingerprint(self.precision)

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Unit vectors `[n, d]` of images `[n, s, s, 3]`."""
        return in_batches(_runner(self.images), check_pixels(pixels, self.preprocess), self.batch, self.dim)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors `[n, d]` of texts."""
        return in_batches(_runner(self.texts), self.tokens.encode(texts), self.batch, self.dim)


def open_model(where: str, precision: str = "fp32", batch: int = 32) -> Encoder:
    """The encoder of the model folder `where`.

    `precision` "bf16" is faster on processors that have it, at a cosine of 0.9999.
    """
    if precision not in PRECISIONS:
        raise BadData("precision", f"{precision!r} is not one of {', '.join(PRECISIONS)}")
    folder = read_folder(where)
    options = {"INFERENCE_PRECISION_HINT": PRECISIONS[precision], "PERFORMANCE_HINT": "LATENCY"}
    core = library().Core()
    images = core.compile_model(str(folder.file("image.xml")), "CPU", options)
    texts = core.compile_model(str(folder.file("text.xml")), "CPU", options)
    return OpenVino(folder, folder.tokens(), images, texts, precision, batch)


def library() -> Any:
    """The openvino module, loaded without its telemetry, which would send an event over the network at every import."""
    if "openvino" not in sys.modules:
        # None makes `import openvino_telemetry` fail, and openvino then takes its own silent stand-in.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _runner(graph: Any) -> Any:
    # A request of its own, so that several threads may embed at once.
    request = graph.create_infer_request()

    def run(rows: NDArray[np.generic]) -> Vectors:
        return cast(Vectors, request.infer([np.ascontiguousarray(rows)])[0])

    return run
