"""What two processes compute of halves of batches; started by `torchrun` in test_two_ranks.py, which imports the same for one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from small_training import small_batches, small_settings, small_step

from merian.train.batches import Batch
from merian.train.objectives import OBJECTIVES
from merian.train.optimizer import make_optimizer
from merian.train.ranks import Ranks, joined
from merian.train.settings import TrainSettings
from merian.train.spread import spread, whole

RUNS: dict[str, dict[str, object]] = {name: {"objective": name, "grad_clip": 0.01} for name in OBJECTIVES} | {
    "multi_positive in chunks": {"objective": "multi_positive", "grad_clip": 0.01, "chunk": 3},
    "marginal, weights spread": {"objective": "marginal", "grad_clip": 0.01, "shard_weights": True, "chunk": 3},
    "marginal, on a hyperboloid": {"objective": "marginal", "grad_clip": 0.01, "hyperbolic": True},
    "class vectors, and names that no image shows": {"grad_clip": 0.01, "classes": 0.5, "negatives": 3, "batch": 4},
    "infonce, one kind of caption a batch": {"objective": "infonce", "grad_clip": 0.0, "text_per": "batch"},
}
STEPS = (3, 2, 37)
"""Batches that the ranks see: traits are told on both ranks, on one, on none (`test_the_steps_show` checks it)."""

Draw = Callable[[TrainSettings, int], Batch]


def computed(ranks: Ranks, draw: Draw) -> dict[str, torch.Tensor]:
    """Losses, mean gradients and weights after each step of each run."""
    found: dict[str, torch.Tensor] = {}
    for name, changes in RUNS.items():
        settings = small_settings(**changes)
        batches, config = small_batches(settings)
        step = small_step(settings, config, ranks, len(batches.bio.texts.path) if settings.classes else 0)
        if settings.shard_weights and ranks.size > 1:
            spread(step.towers, ranks)
            assert any(isinstance(w, DTensor) for w in step.towers.parameters())
        optimizer = make_optimizer(step.towers, settings)
        found |= {f"{name}/start/weight/{k}": whole(w.detach()).clone() for k, w in step.towers.named_parameters()}
        for number in STEPS:
            optimizer.zero_grad()
            told = step.gradients(draw(settings, number), number)
            norm = step.finish()
            found |= {f"{name}/{number}/loss/{part}": value.detach().clone() for part, value in told.items()}
            found[f"{name}/{number}/norm"] = norm.clone()
            grads = {k: w.grad for k, w in step.towers.named_parameters() if w.grad is not None}
            found |= {f"{name}/{number}/gradient/{k}": whole(grad).clone() for k, grad in grads.items()}
            optimizer.step()
            weights = step.towers.named_parameters()
            found |= {f"{name}/{number}/weight/{k}": whole(w.detach()).clone() for k, w in weights}
    return found


def main(out: Path) -> None:
    torch.set_num_threads(1)
    with joined("cpu") as ranks:
        found = computed(ranks, lambda s, number: small_batches(s, ranks.rank, ranks.size)[0].draw(number))
        save_file(found, out / f"rank-{ranks.rank}.safetensors")
        ranks.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
