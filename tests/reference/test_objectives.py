"""Every objective against a slow twin in NumPy float64, its value and, by central differences, its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from merian.train.objectives import OBJECTIVES, infonce, multi_positive

Doubles = NDArray[np.float64]
Twin = Callable[[Doubles, Doubles, float, NDArray[np.int64]], float]


def log_softmax(scores: Doubles) -> Doubles:
    top = scores.max()
    return scores - top - np.log(np.exp(scores - top).sum())


def infonce_twin(image: Doubles, text: Doubles, scale: float, taxa: NDArray[np.int64]) -> float:
    """Radford et al. 2021, figure 3, one image at a time."""
    n, total = len(image), 0.0
    for i in range(n):
        total -= log_softmax(np.array([scale * image[i] @ text[j] for j in range(n)]))[i]
        total -= log_softmax(np.array([scale * image[j] @ text[i] for j in range(n)]))[i]
    return total / (2 * n)


def multi_positive_twin(image: Doubles, text: Doubles, scale: float, taxa: NDArray[np.int64]) -> float:
    """Yang et al. 2022, equations 4 and 5, one image and one positive at a time."""
    n, total = len(image), 0.0
    for i in range(n):
        positives = [j for j in range(n) if taxa[j] == taxa[i]]
        to_text = log_softmax(np.array([scale * image[i] @ text[j] for j in range(n)]))
        to_image = log_softmax(np.array([scale * image[j] @ text[i] for j in range(n)]))
        total -= sum(to_text[j] + to_image[j] for j in positives) / len(positives)
    return total / (2 * n)


TWINS: dict[str, Twin] = {"infonce": infonce_twin, "multi_positive": multi_positive_twin}


def unit(rng: np.random.Generator, n: int, d: int) -> Doubles:
    rows = rng.standard_normal((n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_every_objective_has_a_twin() -> None:
    assert OBJECTIVES.keys() == TWINS.keys()


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("seed", range(3))
def test_value_and_gradient(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, d, scale = 6, 4, 7.5
    image, text, taxa = unit(rng, n, d), unit(rng, n, d), rng.integers(0, 3, n)
    tensors = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (image, text, np.array(scale))]
    loss = OBJECTIVES[name](*tensors, torch.from_numpy(taxa))
    loss.backward()
    twin = TWINS[name]
    assert loss.item() == pytest.approx(twin(image, text, scale, taxa), rel=1e-12)
    step = 1e-6
    inputs = [image, text, np.array(scale)]
    for which, array in enumerate(inputs):
        for at in np.ndindex(array.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = [v.copy() for v in inputs]
                moved[which][at] += sign * step
                ends.append(twin(moved[0], moved[1], float(moved[2]), taxa))
            by_hand = (ends[0] - ends[1]) / (2 * step)
            assert tensors[which].grad[at].item() == pytest.approx(by_hand, rel=1e-5, abs=1e-8)


def test_without_repeats_both_are_the_same() -> None:
    rng = np.random.default_rng(4)
    image, text = torch.tensor(unit(rng, 5, 3)), torch.tensor(unit(rng, 5, 3))
    scale, taxa = torch.tensor(3.0), torch.arange(5)
    assert multi_positive(image, text, scale, taxa).item() == pytest.approx(infonce(image, text, scale, taxa).item())


def test_order_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    image, text = torch.tensor(unit(rng, 8, 3)), torch.tensor(unit(rng, 8, 3))
    taxa, turn = torch.tensor([0, 1, 1, 2, 0, 3, 3, 3]), torch.from_numpy(rng.permutation(8))
    scale = torch.tensor(9.0)
    for objective in OBJECTIVES.values():
        before, after = objective(image, text, scale, taxa), objective(image[turn], text[turn], scale, taxa[turn])
        assert before.item() == pytest.approx(after.item())


def test_only_infonce_pushes_twins_of_one_species_apart() -> None:
    """All images and captions of one species at one point: the best place by one loss, by the other each caption pulls."""
    rng = np.random.default_rng(6)
    taxa, scale = torch.zeros(4, dtype=torch.int64), torch.tensor(10.0)
    image, text = torch.tensor(unit(rng, 4, 3)), torch.ones(4, 3, dtype=torch.float64) / 3**0.5
    pull = {}
    for name, objective in OBJECTIVES.items():
        captions = text.clone().requires_grad_()
        objective(image, captions, scale, taxa).backward()
        pull[name] = (captions.grad - captions.grad.mean(dim=0)).abs().max().item()
    assert pull["multi_positive"] < 1e-12
    assert pull["infonce"] > 0.01
