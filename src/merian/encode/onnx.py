"""The encoder on ONNX Runtime: where OpenVINO does not run, and for other people's software."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import MissingExtra
from merian.encode.folder import ModelFolder, read_folder
from merian.encode.pixels import Pixels, Preprocess
from merian.encode.seam import Encoder, Vectors, check_pixels, in_batches
from merian.encode.tokens import Tokens

__all__ = ["Onnx", "open_model"]


@dataclass(frozen=True, slots=True)
class Onnx:
    """Two sessions, pixels to vectors and token numbers to vectors, with their model's card."""

    folder: ModelFolder
    tokens: Tokens
    images: Any
    texts: Any
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
        return self.folder.fingerprint("fp32")

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Unit vectors `[n, d]` of images `[n, s, s, 3]`."""
        return in_batches(_runner(self.images), check_pixels(pixels, self.preprocess), self.batch, self.dim)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors `[n, d]` of texts."""
        return in_batches(_runner(self.texts), self.tokens.encode(texts), self.batch, self.dim)


def open_model(where: str, batch: int = 32, threads: int = 0) -> Encoder:
    """The encoder of the model folder `where`; `threads` 0 leaves the number to ONNX Runtime.

    Raises MissingExtra without it.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "onnx") from error
    folder = read_folder(where)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    images = onnxruntime.InferenceSession(str(folder.file("image.onnx")), options, providers=providers)
    texts = onnxruntime.InferenceSession(str(folder.file("text.onnx")), options, providers=providers)
    return Onnx(folder, folder.tokens(), images, texts, batch)


def _runner(session: Any) -> Any:
    name = session.get_inputs()[0].name

    def run(rows: NDArray[np.generic]) -> Vectors:
        return cast(Vectors, session.run(None, {name: np.ascontiguousarray(rows)})[0])

    return run
