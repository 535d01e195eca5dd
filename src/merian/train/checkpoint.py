"""Checkpoints: weights, moments and average after so many steps, one safetensors file each, whole or not there.

Everything else follows from the seed and the step, so a run that goes on from a checkpoint is the run that was never stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from merian.core import store
from merian.core.errors import BadData
from merian.train.spread import put, whole

__all__ = ["Average", "keep", "newest", "restore"]

STATISTICS = ("running_mean", "running_var")
_NAME = re.compile(r"step-(\d+)\.safetensors")


class Average:
    """An exponential average of the weights (Polyak & Juditsky 1992; `decay` a step): a = decay * a + (1 - decay) * w, unbiased at the start."""

    def __init__(self, towers: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.weights = {name: torch.zeros_like(w, dtype=torch.float32) for name, w in _averaged(towers)}

    @torch.no_grad()
    def update(self, towers: nn.Module) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        for name, weight in _averaged(towers):
            self.weights[name].lerp_(weight.float(), 1 - self.decay)

    @torch.no_grad()
    def into(self, towers: nn.Module) -> None:
        """Put the average in the place of the weights."""
        share = 1 - self.decay**self.steps
        for name, weight in _averaged(towers):
            weight.copy_(self.weights[name] / share)


def _averaged(towers: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """All weights by name, and what batch norms know of their inputs, which belongs to them."""
    yield from towers.named_parameters()
    yield from ((name, value) for name, value in towers.named_buffers() if name.endswith(STATISTICS))


def keep(
    folder: Path,
    step: int,
    towers: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Average | None,
    most: int,
    writes: bool = True,
) -> None:
    """Write the state after `step` steps to `folder`, then delete all but the newest `most` checkpoints.

    Each process must call, since weights may be spread over them; the one that `writes` does.
    """
    tensors = {f"model.{k}": v for k, v in towers.state_dict().items()}
    for name, weight in towers.named_parameters():
        for key, value in optimizer.state.get(weight, {}).items():
            tensors[f"optimizer.{name}.{key}"] = torch.as_tensor(value)
    if average is not None:
        tensors |= {f"average.{name}": weight for name, weight in average.weights.items()}
    plain = {name: whole(value.detach()).cpu().contiguous() for name, value in tensors.items()}
    if not writes:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with store.atomic(folder / f"step-{step:08d}.safetensors") as stream:
        stream.write(save(plain, {"step": str(step), "averaged": str(average.steps if average else 0)}))
    for old in _checkpoints(folder)[:-most]:
        old.unlink()


def newest(folder: Path) -> Path | None:
    """The newest checkpoint in `folder`; None when there is none."""
    found = _checkpoints(folder)
    return found[-1] if found else None


def restore(path: Path, towers: nn.Module, optimizer: torch.optim.Optimizer, average: Average | None) -> int:
    """Load a checkpoint; how many steps it has behind it. Raises BadData for one that is damaged or of other towers."""
    try:
        with safe_open(path, framework="pt") as tensors:
            told: Mapping[str, str] = tensors.metadata()
            state: dict[str, Any] = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError) as error:
        raise BadData(
            path, f"is no checkpoint ({error}); delete it, and the run goes on from the one before"
        ) from error
    held = towers.state_dict()
    given = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
    other = [
        k for k in held.keys() | given.keys() if k not in held or k not in given or held[k].shape != given[k].shape
    ]
    if other:
        raise BadData(path, "is a checkpoint of other towers", sorted(other))
    for name, value in given.items():
        put(held[name], value)
    for name, weight in towers.named_parameters():
        prefix = f"optimizer.{name}."
        kept = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        if kept:
            optimizer.state[weight] = {k: v if k == "step" else _like(weight, v) for k, v in kept.items()}
    if average is not None:
        average.steps = int(told["averaged"])
        for name, mean in average.weights.items():
            put(mean, state[f"average.{name}"])
    return int(told["step"])


def _like(weight: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`values` in their own type, where and as `weight` is."""
    made = torch.zeros_like(weight, dtype=values.dtype)
    put(made, values)
    return made


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("step-*.safetensors") if _NAME.fullmatch(p.name))
