"""LoRA: frozen towers, and beside each weight matrix of attention and MLP a product of two thin ones that is trained.

`W + alpha / rank * B A`, A drawn at the start, B zero, so that the first step sees the model as it came (Hu et al. 2021, arXiv:2106.09685, section 4.1). The
matrices of query, key and value stand in one (`in_proj_weight`); each gets a product of its own. At export the products are added to the weights, so that the
files are those of any other model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import nn
from torch.nn.utils import parametrize

from merian.core.errors import BadSetting
from merian.train.settings import TrainSettings
from merian.train.towers import chance

__all__ = ["LowRank", "insert", "merge"]

PROJECTIONS = ("text_projection", "proj", "head")
"""Last parts of names that are no part of attention or MLP but lead out of a tower."""
PARTS = {"in_proj_weight": 3}
"""Weights that hold several matrices on top of each other."""


class LowRank(nn.Module):
    """What is added to a weight `[out, in]` of `parts` matrices `[out / parts, in]`."""

    def __init__(self, weight: torch.Tensor, rank: int, alpha: float, parts: int = 1) -> None:
        super().__init__()
        out, width = weight.shape[0] // parts, weight.shape[1]
        self.factor = alpha / rank
        draw = torch.randn(parts, rank, width) / math.sqrt(width)
        self.down = nn.Parameter(draw.to(weight.device, weight.dtype))
        self.up = nn.Parameter(torch.zeros(parts, out, rank, device=weight.device, dtype=weight.dtype))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """`weight` and what was learned beside it."""
        return weight + self.factor * (self.up @ self.down).reshape(weight.shape)


def insert(model: Any, settings: TrainSettings) -> int:
    """Freeze an open_clip model but for the factor of the cosine, and put a LowRank beside each matrix of attention and MLP of both towers; how many.

    Raises BadSetting when the image tower has none (a ResNet), when `rank` is no lower than what it stands beside, and with `shard_weights`.
    """
    if settings.shard_weights:
        raise BadSetting("shard_weights", True, "does not go with adapt = lora: FSDP2 cannot spread the products")
    found = list(_matrices(model))
    if not any(name.startswith("visual.") for name, _, _ in found):
        what = "finds no matrices of attention or MLP in this image tower; use full or linear"
        raise BadSetting("adapt", "lora", what)
    least = min(min(getattr(module, key).shape) for _, module, key in found)
    if settings.lora_rank >= least:
        raise BadSetting(
            "lora_rank", settings.lora_rank, f"must be below {least}, the smaller side of the smallest matrix"
        )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.logit_scale.requires_grad_(not settings.logit_scale_fixed)
    for name, module, key in found:
        with chance(settings.seed, "lora", name, key):
            beside = LowRank(getattr(module, key), settings.lora_rank, settings.lora_alpha, PARTS.get(key, 1))
        parametrize.register_parametrization(module, key, beside)
    return len(found)


def merge(model: Any) -> Any:
    """Add what was learned to the weights of `model`, in place: names and shapes are those of before `insert`."""
    for module in list(model.modules()):
        if not parametrize.is_parametrized(module):
            continue
        for key in list(cast(Any, module.parametrizations)):
            parametrize.remove_parametrizations(module, key, leave_parametrized=True)
    return model


def _matrices(model: Any) -> Iterator[tuple[str, nn.Module, str]]:
    """Name, module and key of each matrix of attention and MLP."""
    for name, module in model.named_modules():
        if name.split(".")[-1] in PROJECTIONS and ".attn." not in f".{name}":
            continue
        weight = getattr(module, "in_proj_weight", None)
        if isinstance(weight, nn.Parameter):
            yield name, module, "in_proj_weight"
        if isinstance(module, nn.Linear) and "attnpool" not in name:
            yield name, module, "weight"
