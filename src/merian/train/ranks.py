"""The ranks of a run: one process, or as many as `torchrun` started, on one machine or several. The only home of torch.distributed.

Each rank computes the loss of its own rows against the columns of all; the mean of the ranks' losses is the loss of the joined batch, and so are its gradients
(`tests/story/test_two_ranks.py`). The gradient of what was gathered flows back to the rank that it came from (as `gather_with_grad` of open_clip).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from merian.core.errors import BadSetting, Missing

__all__ = ["Ranks", "joined"]

CPU = torch.device("cpu")
BUCKET = 1 << 25
"""Elements of gradients that are averaged at a time: 128 MiB in fp32."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Who this process is among how many, and where it computes."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and talks."""
        return self.rank == 0

    def gather(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows `[n, ...]` of all ranks, in their order: `[size * n, ...]`; every rank must give as many. Gradients flow back."""
        return rows if self.size == 1 else cast(torch.Tensor, _Gather.apply(rows, self))

    def most(self, number: int) -> int:
        """The largest of the numbers that the ranks give."""
        if self.size == 1:
            return number
        told = torch.tensor(number, device=self.device)
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return int(told)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean over ranks, without a gradient."""
        if self.size == 1:
            return value.detach()
        return self.sum(value) / self.size

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        """The sum over ranks, without a gradient."""
        if self.size == 1:
            return value.detach()
        told = value.detach().clone()
        dist.all_reduce(told)
        return told

    def mean_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Average the gradients over the ranks, in place. A parameter without one on this rank counts as zero there; spread ones are averaged already."""
        if self.size == 1:
            return
        for bucket in _buckets([p for p in parameters if p.requires_grad and not isinstance(p, DTensor)]):
            flat = torch.cat([_grad(p).reshape(-1) for p in bucket])
            dist.all_reduce(flat)
            flat /= self.size
            start = 0
            for parameter in bucket:
                count = parameter.numel()
                parameter.grad = flat[start : start + count].view_as(parameter).to(parameter.dtype)
                start += count

    def wait(self) -> None:
        """Return when all ranks are here."""
        if self.size > 1:
            dist.barrier()


@contextlib.contextmanager
def joined(device: str = "auto") -> Iterator[Ranks]:
    """The ranks that `torchrun` started (it tells by RANK, WORLD_SIZE and LOCAL_RANK), or this process alone.

    `device`: "cpu", "cuda" or "auto" (cuda where there is one). A rank takes the GPU of its local number; ranks talk by NCCL on GPUs and by gloo else.
    Raises Missing when a GPU is asked for that is not there.
    """
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    chosen = _device(device, local)
    if size == 1:
        yield Ranks(device=chosen)
        return
    if "RANK" not in os.environ:
        raise BadSetting("WORLD_SIZE", size, "is set without RANK: start several processes with torchrun")
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), chosen)
    finally:
        dist.destroy_process_group()


def _device(device: str, local: int) -> torch.device:
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cpu" or (device == "auto" and not there):
        return torch.device("cpu")
    if local >= there:
        raise Missing(
            "a GPU for this process", f"cuda:{local}", f"torch sees {there}; start fewer processes, or use device = cpu"
        )
    return torch.device("cuda", local)


class _Gather(torch.autograd.Function):
    """All ranks' rows; backwards the sum of what all ranks want of mine."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, ranks: Ranks) -> torch.Tensor:
        ctx.ranks = ranks
        parts = [torch.empty_like(rows) for _ in range(ranks.size)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        whole = grads[0].clone(memory_format=torch.contiguous_format)  # others may hold it too
        dist.all_reduce(whole)
        return whole.chunk(ctx.ranks.size)[ctx.ranks.rank], None


def _grad(parameter: torch.nn.Parameter) -> torch.Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _buckets(parameters: list[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    """Parameters of one type, some at a time."""
    bucket: list[torch.nn.Parameter] = []
    for parameter in sorted(parameters, key=lambda p: str(p.dtype)):
        if bucket and (
            bucket[0].dtype != parameter.dtype or sum(p.numel() for p in bucket) + parameter.numel() > BUCKET
        ):
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket
