"""Weights spread over the processes (FSDP2): each block of both towers is held in parts and put together when it is used.

What is not in a block (embeddings, norms, projectors, the scale) stays whole on every process, and its gradients are averaged as ever; those of a block
are averaged as they are taken apart again. Source: Zhao et al. 2023, "PyTorch FSDP", in the form of `torch.distributed.fsdp.fully_shard`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from merian.core.errors import BadSetting
from merian.train.ranks import Ranks
from merian.train.towers import Towers

__all__ = ["length", "put", "spread", "whole"]


def spread(towers: Towers, ranks: Ranks) -> None:
    """Take the blocks of `towers` apart over all processes. Raises BadSetting with one process, and for towers whose blocks are not known."""
    if ranks.size == 1:
        raise BadSetting("shard_weights", True, "needs several processes: start them with torchrun")
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    blocks = [block for tower in (towers.clip.visual, towers.clip) for block in _blocks(tower)]
    if not blocks:
        raise BadSetting("shard_weights", True, f"does not know the blocks of {type(towers.clip.visual).__name__}")
    mesh = init_device_mesh(ranks.device.type, (ranks.size,))
    for block in blocks:
        fully_shard(block, mesh=mesh)
    towers.cuts = (
        False  # captions come in as many groups as their lengths ask for: all processes must use a block equally often
    )


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor` put together from all processes (each must call); one that is not spread, as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def put(held: torch.Tensor, values: torch.Tensor) -> None:
    """Write `values`, the whole of it, into `held`, of which this process may have a part."""
    with torch.no_grad():
        if isinstance(held, DTensor):
            held.copy_(distribute_tensor(values.to(held.device, held.dtype), held.device_mesh, held.placements))
        else:
            held.copy_(values)


def length(grads: Iterable[torch.Tensor], ranks: Ranks) -> torch.Tensor:
    """The Euclidean length of all gradients together; the parts of spread ones are summed over the processes."""
    plain, parts = [torch.zeros((), device=ranks.device)], [torch.zeros((), device=ranks.device)]
    for grad in grads:
        (parts if isinstance(grad, DTensor) else plain).append(_local(grad).float().square().sum())
    return (torch.stack(plain).sum() + ranks.sum(torch.stack(parts).sum())).sqrt()


def _local(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _blocks(tower: Any) -> list[nn.Module]:
    """The blocks of a tower of open_clip, or of timm inside one."""
    inner = getattr(tower, "transformer", None) or getattr(tower, "trunk", None)
    found = getattr(inner, "resblocks", None) or getattr(inner, "blocks", None)
    return list(found) if isinstance(found, nn.ModuleList | nn.Sequential) else []
