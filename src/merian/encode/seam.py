"""The seam between pixels or words and vectors: what an encoder is, and how one is opened by name.

A built-in backend is one line in `BACKENDS`; another package adds its own with an entry point of the group
`merian.encoders` whose value is a function `open_model(where: str) -> Encoder`. `merian.testing.check_encoder` says
whether it keeps the contract.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadSetting, Mismatch
from merian.encode.pixels import Pixels, Preprocess

__all__ = ["BACKENDS", "Encoder", "Vectors", "at_once", "check_pixels", "in_batches", "open_encoder", "unit_rows"]

Vectors = NDArray[np.float32]
"""Embeddings `[n, d]`, each row of length 1."""


@runtime_checkable
class Encoder(Protocol):
    """Images or texts -> unit vectors of one space; the same answer for any batching.

    `fingerprint` names weights, preprocessing and precision: vectors with different fingerprints must not be compared.
    `logit_scale` multiplies a cosine before a softmax (the inverse of CLIP's temperature).
    """

    @property
    def dim(self) -> int: ...
    @property
    def preprocess(self) -> Preprocess: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def logit_scale(self) -> float: ...

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Unit vectors `[n, d]` of images `[n, s, s, 3]` that `preprocess` made.

        Raises Mismatch for any other shape or type.
        """
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors `[n, d]` of texts."""
        ...


BACKENDS = {
    "openvino": "merian.encode.openvino:open_model",
    "onnx": "merian.encode.onnx:open_model",
    "torch": "merian.encode.torch:open_model",
    "toy": "merian.encode.toy:open_model",
    "descriptor": "merian.encode.descriptor:open_model",
}
"""Name -> `module:function`, imported on use."""

AT_ONCE = 32
"""Images at a time, where an encoder does not say."""
WEIGHTLESS = ("toy", "descriptor")
"""Backends that "auto" opens by their name alone."""
PRECISE = ("openvino", "torch")
"""Backends that compute in more than fp32."""
MARKS = (("image.xml", "openvino"), ("image.onnx", "onnx"))
"""What "auto" looks for in a model folder, the fastest on a CPU first."""


def open_encoder(where: str | Path, backend: str = "auto", precision: str = "own") -> Encoder:
    """The encoder at `where`: a model folder, "pocket" (the model in the package), a model of the hub by its name, or "toy" or "descriptor", which need none.

    With `backend="auto"` a folder opens with torch where there is a CUDA card, else with OpenVINO when it was exported for it, then ONNX Runtime, then OpenVINO
    from its weights, then torch.
    `precision` "own" is fp32, or what a converted model was converted to. "bf16", "int8" (of a model that was converted: merian.encode.convert) and "auto" are
    for OpenVINO, and "bf16" and "auto" for torch; with "auto" other backends compute in fp32.
    Raises BadSetting for an unknown backend or a precision that it does not have, Missing when the folder holds no model, MissingExtra when the
    backend's library is not installed.
    """
    if str(where) in WEIGHTLESS or backend in WEIGHTLESS:
        return _opener(str(where) if backend == "auto" else backend)(str(where))
    from merian.encode.hub import local, repo_of, resolve

    folder = resolve(where) if repo_of(str(where)) is not None and not Path(where).is_dir() else local(where)
    if backend == "auto" and precision != "int8" and _on_card(folder):
        backend = "torch"
    if backend == "auto":
        backend = next((name for mark, name in MARKS if (folder / mark).is_file()), "") or _by_weights(folder)
    if backend in PRECISE and precision != "own":
        return cast(Encoder, _function(BACKENDS[backend])(str(folder), precision=precision))
    if precision not in ("own", "fp32", "auto"):
        raise BadSetting("precision", precision, f"is not to be had of {backend}, which computes in fp32")
    return _opener(backend)(str(folder))


def _on_card(folder: Path) -> bool:
    """Whether torch can run the model's weights on a CUDA card here; without a card torch is not imported."""
    card = Path("/proc/driver/nvidia/gpus").is_dir() or shutil.which("nvidia-smi") is not None
    if not card or not (folder / "open_clip_model.safetensors").is_file():
        return False
    if any(importlib.util.find_spec(package) is None for package in ("torch", "open_clip")):
        return False
    from merian.encode.torch import has_card

    return has_card()


def _by_weights(folder: Path) -> str:
    """The backend of a model that was not exported: OpenVINO, or torch for towers that only torch builds."""
    from merian.encode.folder import read_config
    from merian.encode.graphs import unknown

    config = read_config(folder)["model_cfg"]
    return "torch" if any(unknown(config, kind) for kind in ("image", "text")) else "openvino"


def _opener(backend: str) -> Callable[[str], Encoder]:
    if backend in BACKENDS:
        return cast(Callable[[str], Encoder], _function(BACKENDS[backend]))
    others = {entry.name: entry for entry in entry_points(group="merian.encoders")}
    if backend not in others:
        known = ["auto", *BACKENDS, *others]
        raise BadSetting("backend", backend, f"is not an encoder backend; known are {', '.join(known)}", known)
    return cast(Callable[[str], Encoder], others[backend].load())


def _function(named: str) -> Callable[..., object]:
    module, _, function = named.partition(":")
    return cast(Callable[..., object], getattr(importlib.import_module(module), function))


def check_pixels(pixels: NDArray[np.generic], preprocess: Preprocess) -> Pixels:
    """`pixels` when they are what `preprocess` makes; raises Mismatch otherwise."""
    size = preprocess.size
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (size, size, 3):
        raise Mismatch(
            "pixels and encoder",
            f"{pixels.dtype} {list(pixels.shape)}",
            f"uint8 [n, {size}, {size}, 3]",
            "decode with merian.encode.decode and the encoder's own preprocess",
        )
    return cast(Pixels, pixels)


def at_once(encoder: Encoder) -> int:
    """How many images suit the encoder at a time: its own `batch` where it has one."""
    return int(getattr(encoder, "batch", AT_ONCE))


def in_batches(
    run: Callable[[NDArray[np.generic]], Vectors], rows: NDArray[np.generic], size: int, dim: int
) -> Vectors:
    """Unit vectors `[n, dim]` of `rows [n, ...]`, computed `size` rows at a time."""
    out = np.empty((len(rows), dim), np.float32)
    for start in range(0, len(rows), size):
        out[start : start + size] = run(rows[start : start + size])
    return unit_rows(out)


def unit_rows(vectors: NDArray[np.floating]) -> Vectors:
    """`vectors [n, d]` with each row at length 1, float32; a row of zeros stays."""
    wide = vectors.astype(np.float64)
    length = np.sqrt(np.einsum("nd,nd->n", wide, wide))[:, None]
    return (wide / np.where(length > 0, length, 1.0)).astype(np.float32)
