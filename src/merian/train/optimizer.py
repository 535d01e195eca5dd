"""AdamW, its parameter groups and its schedule; and AdamW over weights in bf16 that rounds by chance.

A bf16 number has 8 bits of mantissa: an update below 1/256 of a weight is lost when it is rounded to the nearest, and so is weight decay. Rounded up or down by
chance, in proportion, it is kept on average (Gupta et al. 2015, "Deep Learning with Limited Numerical Precision").
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from merian.train.settings import TrainSettings
from merian.train.towers import chance

__all__ = ["RoundedAdamW", "learning_rate", "make_optimizer", "rounded"]

EPSILON = 1e-6
"""AdamW's epsilon, as in BioCLIP 2 (slurm/train.sh)."""


def make_optimizer(towers: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """The optimizer over all weights that are trained."""
    betas = (0.9, settings.beta2)
    groups = _groups(towers, settings.weight_decay)
    if settings.precision == "rounded_bf16":
        return RoundedAdamW(groups, settings.lr, betas, settings.seed)
    return torch.optim.AdamW(groups, lr=settings.lr, betas=betas, eps=EPSILON)


def learning_rate(step: int, total: int, settings: TrainSettings) -> float:
    """The rate at `step`: a straight rise to `lr`, then half a cosine down to 0 (Loshchilov & Hutter 2017)."""
    rise = settings.warmup * total
    if step < rise:
        return settings.lr * (step + 1) / math.ceil(rise)
    return settings.lr * 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1.0, total - rise)))


def _groups(towers: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and the scale do not."""
    trained = [p for p in towers.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]


class RoundedAdamW(torch.optim.Optimizer):
    """AdamW whose weights stay in their own type, rounded by chance; moments in fp32 (Loshchilov & Hutter 2019, algorithm 2)."""

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, betas: tuple[float, float], seed: int) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0})
        self.betas, self.seed = betas, seed

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step; chance follows from the seed and the number of the step."""
        first, second = self.betas
        number = 0
        for group in self.param_groups:
            for weight in group["params"]:
                number += 1
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["step"] = torch.zeros(())
                    state["exp_avg"] = torch.zeros_like(weight, dtype=torch.float32)
                    state["exp_avg_sq"] = torch.zeros_like(weight, dtype=torch.float32)
                state["step"] += 1
                count, grad = int(state["step"]), weight.grad.float()
                mean = state["exp_avg"].lerp_(grad, 1 - first)
                square = state["exp_avg_sq"].mul_(second).addcmul_(grad, grad, value=1 - second)
                spread = (square / (1 - second**count)).sqrt_().add_(EPSILON)
                new = weight.float() * (1 - group["lr"] * group["weight_decay"])
                new -= group["lr"] / (1 - first**count) * mean / spread
                with chance(self.seed, "rounding", count, number):
                    weight.copy_(rounded(new, weight.dtype))


def rounded(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """fp32 `values` as `dtype`; to bf16 each goes up or down by chance, so that the mean over many draws is the value itself. NaN stays NaN."""
    if dtype != torch.bfloat16:
        return values.to(dtype)
    noise = torch.randint(0, 1 << 16, values.shape, dtype=torch.int32, device=values.device)
    # bf16 is the upper half of fp32: add chance to the lower half, then cut it off
    bits = (values.contiguous().view(torch.int32) + noise) & -(1 << 16)
    return torch.where(values.isfinite(), bits.view(torch.float32), values).to(torch.bfloat16)
