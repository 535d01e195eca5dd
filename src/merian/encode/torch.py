"""The encoder on torch, through open_clip: for a GPU, for models that were not exported, and as the yardstick of the other backends."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData, BadSetting, MissingExtra
from merian.encode.folder import WEIGHTS, FolderEncoder, read_folder
from merian.encode.pixels import Preprocess
from merian.encode.seam import Encoder, Vectors

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError as error:
    raise MissingExtra("torch and open_clip", "train") from error

__all__ = ["ImageGraph", "TextGraph", "has_card", "open_model", "tagged"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
CARD = 256
"""Photos at a time on a card."""
CARDS = 4
"""Batches handed to a card before their vectors are waited for."""


class ImageGraph(nn.Module):
    """Pixels `uint8 [n, s, s, 3]` -> unit vectors `[n, d]`: scaling, tower and length 1 in one graph, the form that is exported."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, model: Any, preprocess: Preprocess, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype
        self.register_buffer("mean", torch.tensor(preprocess.mean).mul(255.0).view(1, 1, 1, 3), persistent=False)
        self.register_buffer("std", torch.tensor(preprocess.std).mul(255.0).view(1, 1, 1, 3), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The unit vectors."""
        scaled = ((pixels.float() - self.mean) / self.std).to(self.dtype)
        return functional.normalize(self.model.encode_image(scaled.permute(0, 3, 1, 2)).float(), dim=-1)


class TextGraph(nn.Module):
    """Token numbers `int64 [n, context]` -> unit vectors `[n, d]`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The unit vectors."""
        return cast(torch.Tensor, self.model.encode_text(tokens, normalize=True))


def open_model(where: str, device: str = "auto", batch: int = 0, precision: str = "own") -> Encoder:
    """The encoder of the model folder `where` on a torch device: "auto" is a CUDA card where there is one, else the processor.

    `precision` "auto" is bf16 on a card that has it; "bf16" holds the image tower's weights in bf16. On a card the image tower is compiled, photos are
    copied from pinned memory while those before them are computed, and batches are filled up so that it is compiled once.
    Raises MissingExtra without open_clip, BadData for weights that do not fit, BadSetting for a precision or a device that is not there.
    """
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtra("open_clip", "train") from error
    folder = read_folder(where)
    folder.file(WEIGHTS)
    place = torch.device("cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu"))
    if place.type == "cuda" and not torch.cuda.is_available():
        raise BadSetting("device", device, "is not there: torch finds no CUDA card")
    precision = _wanted(precision, place)
    try:
        model = open_clip.create_model(f"local-dir:{folder.path}", device=place)
    except (RuntimeError, ValueError, TypeError) as error:
        raise BadData(folder.path, f"open_clip does not load it: {error}") from error
    model.eval()
    texts = TextGraph(model)
    if precision == "bf16":
        model.visual.to(torch.bfloat16)
    images: nn.Module = ImageGraph(model, folder.preprocess, DTYPES[precision]).to(place)
    size = batch or (CARD if place.type == "cuda" else 32)
    if place.type == "cuda":
        images = torch.compile(images)  # type: ignore[assignment]
    graphs = {"image": _Runner(images, place, size), "text": _Runner(texts, place, size)}
    at_once = size if place.type == "cpu" else CARDS * size
    return FolderEncoder(folder, folder.tokens(), "torch", lambda kind: graphs[kind], precision, at_once)


def has_card() -> bool:
    """Whether there is a CUDA card that torch can use."""
    return bool(torch.cuda.is_available())


class _Runner:
    """A graph on a device: rows in NumPy to vectors in NumPy, `size` at a time; on a card copies and computing overlap."""

    def __init__(self, graph: nn.Module, place: torch.device, size: int) -> None:
        self.graph, self.place, self.size = graph, place, size
        self.copies = torch.cuda.Stream(place) if place.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __call__(self, rows: NDArray[np.generic]) -> Vectors:
        with torch.inference_mode():
            if self.copies is None:
                found = [self.graph(torch.from_numpy(np.array(part)))[: len(part)] for part in self._parts(rows)]
            else:
                found = [self.graph(self._there(part, self.copies))[: len(part)] for part in self._parts(rows)]
            return cast(Vectors, torch.cat(found).cpu().numpy())

    def _parts(self, rows: NDArray[np.generic]) -> list[NDArray[np.generic]]:
        return [rows[at : at + self.size] for at in range(0, len(rows), self.size)]

    def _there(self, part: NDArray[np.generic], copies: torch.cuda.Stream) -> torch.Tensor:
        """The rows on the card, filled up to `size` with the first: copied beside what is computed, before what comes next."""
        held = torch.empty((self.size, *part.shape[1:]), dtype=torch.from_numpy(part[:0].copy()).dtype, pin_memory=True)
        held[: len(part)] = torch.from_numpy(np.ascontiguousarray(part))
        held[len(part) :] = held[0].clone()
        with torch.cuda.stream(copies):
            there = held.to(self.place, non_blocking=True)
        computing = torch.cuda.current_stream(self.place)
        computing.wait_stream(copies)
        there.record_stream(computing)
        return there


def _wanted(precision: str, place: torch.device) -> str:
    if precision not in (*DTYPES, "own", "auto"):
        raise BadSetting("precision", precision, f"is not to be had of torch, which has {', '.join(DTYPES)}")
    if precision == "auto":
        return "bf16" if place.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return "fp32" if precision == "own" else precision


def tagged(architecture: str, tag: str) -> str | None:
    """The repository of the hub with the weights that open_clip's list of pretrained models has under these names; None when it has none there.

    Raises BadSetting for an architecture that is known and a tag that is not, with its tags.
    """
    import open_clip

    if architecture not in open_clip.list_models():
        return None
    known = open_clip.get_pretrained_cfg(architecture, tag)
    if not known:
        tags = [name for _, name in open_clip.list_pretrained() if _ == architecture]
        raise BadSetting(
            "model", f"{architecture}/{tag}", f"has no such tag; known are {', '.join(tags) or 'none'}", tags
        )
    return str(known.get("hf_hub", "")).strip("/") or None
