"""A model folder: what open_clip's own layout says of a model, with what Merian adds to it.

open_clip_config.json           architecture, preprocessing; under "merian": hash of the weights, logit scale
open_clip_model.safetensors     weights, as `open_clip.create_model_and_transforms("local-dir:<folder>")` loads them
tokenizer.json                  the vocabulary
image.xml/.bin text.xml/.bin    OpenVINO graphs (uint8 pixels or token numbers -> unit vectors)
image.onnx text.onnx            the same for ONNX Runtime
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData, Missing
from merian.core.store import digest, named_digest
from merian.encode.clip import as_clip
from merian.encode.pixels import Pixels, Preprocess
from merian.encode.seam import Vectors, check_pixels, in_batches
from merian.encode.tensors import Tensors
from merian.encode.tokens import Tokens

__all__ = [
    "CONFIG",
    "FORMAT",
    "KIND",
    "TOKENIZER",
    "WEIGHTS",
    "FolderEncoder",
    "ModelFolder",
    "Run",
    "read_config",
    "read_folder",
]

Run = Callable[[NDArray[np.generic]], Vectors]
"""A graph: one batch of pixels, or of token numbers, to vectors."""

KIND = "model"
FORMAT = 1
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What is known of a model before its weights are loaded."""

    path: Path
    dim: int
    context: int
    preprocess: Preprocess
    logit_scale: float
    weights: str
    """SHA-256 of the weights file."""
    config: dict[str, Any] = field(default_factory=dict, compare=False)
    """open_clip's `model_cfg`."""
    precision: str = ""
    """Of a conversion (merian.encode.convert): fp32, bf16 or int8."""
    conversion: str = ""
    """Of a conversion: hash of its image tower."""

    def fingerprint(self, precision: str) -> str:
        """Names weights, vocabulary, preprocessing and precision: the same for every backend that computes the same."""
        tokenizer = self.path / TOKENIZER
        words = digest(tokenizer) if tokenizer.is_file() else ""
        parts = (self.weights, words, str(self.context), self.preprocess.key(), precision)
        text = "\0".join((*parts, self.conversion) if self.conversion and precision != "fp32" else parts)
        return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}-{precision}"

    def tokens(self) -> Tokens:
        """The model's tokenizer; raises Missing when the folder has none."""
        return as_clip(Tokens.load(self.path / TOKENIZER, self.context))

    def file(self, name: str) -> Path:
        """The path of one of the folder's files; raises Missing when it is not there."""
        path = self.path / name
        if not path.is_file():
            raise Missing("the model file", path, "export the model again, or open it with another backend")
        return path


@dataclass(frozen=True, slots=True)
class FolderEncoder:
    """The Encoder of a model folder: its card and tokenizer, and a backend's two graphs."""

    folder: ModelFolder
    tokens: Tokens
    backend: str
    runner: Callable[[Literal["image", "text"]], Run]
    """Gives a graph ready to run; asked anew for each call, so that several threads may embed at once."""
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

    @property
    def exact(self) -> str:
        """The fingerprint that the same model has in fp32: its vectors differ from these by rounding alone."""
        return self.folder.fingerprint("fp32")

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Unit vectors `[n, d]` of images `[n, s, s, 3]`."""
        return in_batches(self.runner("image"), check_pixels(pixels, self.preprocess), self.batch, self.dim)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors `[n, d]` of texts."""
        return in_batches(self.runner("text"), self.tokens.encode(texts), self.batch, self.dim)


def read_folder(where: str | Path) -> ModelFolder:
    """What the model folder `where` says of its model; raises Missing or BadData.

    A folder that only open_clip wrote (a downloaded BioCLIP, say) is read too: its weights are hashed, and their logit
    scale looked up.
    """
    path = Path(where)
    config = read_config(path)
    try:
        model, own = config["model_cfg"], config.get("merian", {})
        size = model["vision_cfg"].get("image_size", 224)
        size = size if isinstance(size, int) else int(size[0])
        return ModelFolder(
            path=path,
            dim=int(model["embed_dim"]),
            context=int(model["text_cfg"].get("context_length", 77)),
            preprocess=Preprocess.from_config(config.get("preprocess_cfg", {}), size),
            logit_scale=float(own["logit_scale"]) if "logit_scale" in own else _logit_scale(path),
            config=model,
            weights=str(own["weights"]) if "weights" in own else named_digest(_weights(path)),
            precision=str(own.get("precision", "")),
            conversion=str(own.get("conversion", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadData(path / CONFIG, f"not a configuration of open_clip: {error!r}") from error


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model folder, with open_clip's `model_cfg`; raises Missing or BadData."""
    path = folder / CONFIG
    if not path.is_file():
        raise Missing("a model", folder, f"a model folder holds {CONFIG}; make one with `merian train`")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        parts = [config["model_cfg"][part] for part in ("vision_cfg", "text_cfg")]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BadData(path, f"not a configuration of open_clip: {error!r}") from error
    if not all(isinstance(part, dict) for part in parts):
        raise BadData(path, "not a configuration of open_clip: its towers are no tables")
    return dict(config)


def _weights(path: Path) -> Path:
    weights = path / WEIGHTS
    if not weights.is_file():
        raise Missing("the weights", weights, f"a model folder holds {WEIGHTS}")
    return weights


def _logit_scale(path: Path) -> float:
    return float(np.exp(Tensors(_weights(path))["logit_scale"].astype(np.float64)).reshape(()))
