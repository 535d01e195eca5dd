"""The two towers: open_clip's own CLIP class, built from the settings."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from open_clip.model import CLIP
from open_clip.transformer import text_global_pool
from torch.nn import functional as F

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.encode.pixels import Preprocess
from merian.train.settings import TrainSettings

__all__ = ["build", "chance", "encode_captions", "model_config", "preprocess"]

LENGTHS = 4
"""Groups of captions of like length that are encoded together. From taste."""


def preprocess(settings: TrainSettings) -> Preprocess:
    """How photos are decoded for the tower."""
    return Preprocess(size=settings.image_size, mode=settings.resize)


def model_config(settings: TrainSettings, vocabulary: int, context: int) -> dict[str, Any]:
    """The `model_cfg` of open_clip's configuration; raises BadSetting when sizes do not divide."""
    s = settings
    vision: dict[str, Any] = {"image_size": s.image_size, "width": s.width}
    if s.tower == "vit":
        if s.image_size % s.patch:
            raise BadSetting("patch", s.patch, f"must divide image_size = {s.image_size}")
        if s.width % s.head:
            raise BadSetting("head", s.head, f"must divide width = {s.width}")
        vision |= {"patch_size": s.patch, "layers": s.layers, "head_width": s.head, "patch_dropout": s.patch_dropout}
    else:
        if s.image_size % 32:
            raise BadSetting("image_size", s.image_size, "must be a multiple of 32 for the resnet")
        if s.width * 32 % s.head:
            raise BadSetting("head", s.head, f"must divide 32 x width = {s.width * 32}")
        vision |= {"layers": [s.layers] * 4, "head_width": s.head}
    heads = max(1, s.text_width // 32)
    if s.text_width % heads:
        raise BadSetting("text_width", s.text_width, "must be a multiple of 32")
    text = {
        "context_length": context,
        "vocab_size": vocabulary,
        "width": s.text_width,
        "heads": heads,
        "layers": s.text_layers,
    }
    return {"embed_dim": s.dim, "vision_cfg": vision, "text_cfg": text}


def build(settings: TrainSettings, config: dict[str, Any]) -> Any:
    """A new CLIP with the initial weights that the seed names."""
    with chance(settings.seed, "weights"):
        model = CLIP(**config, init_logit_scale=math.log(settings.logit_scale))
    return model


@contextlib.contextmanager
def chance(seed: int, *names: str | int) -> Iterator[None]:
    """torch's generator set to a named stream inside the block, and put back behind it: patch dropout asks no other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream(seed, "torch", *names).integers(2**62)))
        yield


def encode_captions(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Unit vectors `[u, d]` of captions `int64 [u, context]`: what `model.encode_text` gives, in about half the time.

    Captions are sorted by length and each group is cut behind its longest: in a causal tower no token sees what follows.
    """
    ends = tokens.argmax(dim=1)
    order = torch.argsort(ends, stable=True)
    parts = [_encode_cut(model, tokens[rows, : int(ends[rows].max()) + 1]) for rows in order.chunk(LENGTHS)]
    return torch.cat(parts)[torch.argsort(order)]


def _encode_cut(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    return F.normalize(text_global_pool(x, tokens, "argmax") @ model.text_projection, dim=-1)
