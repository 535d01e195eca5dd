"""Rounding by chance, AdamW as torch has it, what bf16 loses of weight decay, the schedule, and the average of the weights."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_training import one_thread as one_thread
from torch import nn

from merian.core.settings import load
from merian.train import TrainSettings
from merian.train.checkpoint import Average
from merian.train.optimizer import EPSILON, RoundedAdamW, learning_rate, make_optimizer, rounded
from merian.train.towers import chance

pytestmark = pytest.mark.usefixtures("one_thread")
BF16 = torch.bfloat16


def settings(**changes: object) -> TrainSettings:
    return load(TrainSettings, None, changes)


def neighbours(value: float) -> tuple[float, float]:
    """The largest bf16 number not above `value` and the smallest not below, found by stepping from the nearest."""
    near = torch.tensor(value, dtype=torch.float32).to(BF16)
    steps = (torch.nextafter(near, torch.tensor(sign * math.inf, dtype=BF16)) for sign in (-1, 1))
    below, above = (float(step) for step in steps)
    return (below if float(near) > value else float(near)), (above if float(near) < value else float(near))


@given(st.floats(-(2.0**100), 2.0**100, width=32), st.integers(0, 99))
def test_rounding_hits_one_of_the_two_neighbours(value: float, seed: int) -> None:
    with chance(seed, "here"):
        found = {float(v) for v in rounded(torch.full((64,), value), BF16)}
    assert found <= set(neighbours(value))


@given(st.integers(-(2**7), 2**7), st.integers(-30, 30))
def test_what_bf16_can_hold_stays(mantissa: int, exponent: int) -> None:
    value = math.ldexp(mantissa, exponent)
    assert set(rounded(torch.full((64,), value), BF16).tolist()) == {value}
    assert rounded(torch.tensor([value / 3]), torch.float32).item() == pytest.approx(value / 3)


@pytest.mark.parametrize("value", [0.1, -0.1, 1 + 1e-3, 1 - 1e-3, 255.9, -3e-7, 1.9999, 1e-39])
def test_rounding_is_right_on_average(value: float) -> None:
    """The mean of n draws lies within 5 standard errors of the value."""
    n = 200_000
    value = float(np.float32(value))
    below, above = neighbours(value)
    with chance(0, "here"):
        drawn = rounded(torch.full((n,), value), BF16).double()
    assert set(drawn.unique().tolist()) == {below, above}
    up = (value - below) / (above - below)
    assert abs((drawn == above).double().mean().item() - up) <= 5 * math.sqrt(up * (1 - up) / n) + 1e-9


def test_what_is_no_number_or_endless_stays_so() -> None:
    odd = torch.tensor([math.inf, -math.inf, math.nan, 0.0])
    found = rounded(odd, BF16)
    assert found[:2].tolist() == [math.inf, -math.inf]
    assert math.isnan(found[2])
    assert found[3] == 0.0
    every = torch.tensor([-1, 0x7FFFFFFF, 0x7F800001, -8388607], dtype=torch.int32).view(torch.float32)
    for seed in range(20):
        with chance(seed, "here"):
            assert rounded(every, BF16).isnan().all()


def weights(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    with chance(3, "weights"):
        return nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)


def stepped(optimizer: torch.optim.Optimizer, model: nn.Sequential, steps: int) -> None:
    rng = torch.Generator().manual_seed(5)
    for number in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (1 + number % 3)
        optimizer.zero_grad()
        model(torch.randn(4, 7, generator=rng)).pow(2).sum().backward()
        optimizer.step()


def test_in_fp32_it_is_the_adamw_of_torch() -> None:
    """20 steps with a rate that changes, decay on matrices only."""
    own, theirs, start = weights(), weights(), weights()
    groups = [
        [
            {"params": [p for p in model.parameters() if (p.ndim >= 2) == decays], "weight_decay": 0.2 * decays}
            for decays in (True, False)
        ]
        for model in (own, theirs)
    ]
    stepped(RoundedAdamW(groups[0], 0.01, (0.9, 0.98), 0), own, 20)
    stepped(torch.optim.AdamW(groups[1], lr=0.01, betas=(0.9, 0.98), eps=EPSILON), theirs, 20)
    for a, b, before in zip(own.parameters(), theirs.parameters(), start.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6, rtol=1e-6)
        assert (a - before).abs().max() > 0.05


def test_matrices_decay_and_biases_do_not() -> None:
    for precision in ("fp32", "rounded_bf16"):
        model = weights(BF16 if precision == "rounded_bf16" else torch.float32)
        optimizer = make_optimizer(model, settings(precision=precision, weight_decay=0.3))
        assert isinstance(optimizer, RoundedAdamW) == (precision == "rounded_bf16")
        decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
        assert [decays[id(p)] for p in model.parameters()] == [0.3, 0.0, 0.3, 0.0]


def decayed(precision: str, steps: int, lr: float = 1e-4, decay: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix before and after steps with no gradient: decay alone, of lr * decay = 2e-5 a step as in BioCLIP 2."""
    kept = BF16 if precision in ("pure_bf16", "rounded_bf16") else torch.float32
    model = nn.Linear(200, 500, bias=False)
    with torch.no_grad(), chance(1, "here"):
        model.weight.copy_(0.02 * torch.randn(500, 200))
    model = model.to(kept)
    before = model.weight.detach().clone()
    optimizer = make_optimizer(model, settings(precision=precision, lr=lr, weight_decay=decay))
    for _ in range(steps):
        model.weight.grad = torch.zeros_like(model.weight)
        optimizer.step()
    assert model.weight.dtype == kept
    return before.double(), model.weight.detach().double()


def test_weights_in_bf16_lose_all_weight_decay_and_rounding_by_chance_keeps_it() -> None:
    """Of w * (1 - 2e-5), rounded to the nearest bf16, not one of 100,000 weights changes; by chance the sum shrinks as it should."""
    steps, shrunk = 50, 1 - (1 - 2e-5) ** 50
    before, after = decayed("pure_bf16", steps)
    assert (before != after).double().mean() == 0.0
    before, after = decayed("rounded_bf16", steps)
    assert 0.01 < (before != after).double().mean() < 0.5
    lost = 1 - (before * after).sum() / before.pow(2).sum()
    # a draw moves a weight by at most 2^-7 of itself; weighed by its square, a normal weight counts with a variance of 3
    error = math.sqrt(3 * shrunk * 2**-7 / before.numel())
    assert lost.item() == pytest.approx(shrunk, abs=5 * error)
    assert 5 * error < 0.1 * shrunk
    before, after = decayed("fp32", steps)
    assert (1 - (after / before).mean()).item() == pytest.approx(shrunk, rel=1e-2)


def test_a_step_smaller_than_bf16_resolves_is_taken_on_average() -> None:
    """Weights at 1 with a steady gradient and a rate of 1e-4, far below the 2^-9 that rounds away: fp32 and rounding by chance move, pure bf16 does not."""
    ends = {}
    for precision in ("fp32", "pure_bf16", "rounded_bf16"):
        model = nn.Linear(100, 100, bias=False).to(torch.float32 if precision == "fp32" else BF16)
        nn.init.ones_(model.weight)
        optimizer = make_optimizer(model, settings(precision=precision, lr=1e-4, weight_decay=0.0))
        for _ in range(30):
            model.weight.grad = torch.ones_like(model.weight)
            optimizer.step()
        ends[precision] = model.weight.detach().double().mean().item()
    assert ends["pure_bf16"] == 1.0
    assert ends["fp32"] == pytest.approx(1 - 30e-4, abs=1e-5)
    assert ends["rounded_bf16"] == pytest.approx(ends["fp32"], abs=3e-4)


def test_chance_follows_from_the_seed_and_the_step() -> None:
    ends = []
    for seed in (0, 0, 1):
        model = weights(BF16)
        before = torch.get_rng_state()
        optimizer = RoundedAdamW([{"params": list(model.parameters()), "weight_decay": 0.1}], 1e-3, (0.9, 0.98), seed)
        for number in range(4):
            torch.manual_seed(number)
            model(torch.ones(2, 7, dtype=BF16)).sum().backward()
            state = torch.get_rng_state()
            optimizer.step()
            assert torch.equal(torch.get_rng_state(), state)
        torch.set_rng_state(before)
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_a_weight_without_a_gradient_is_left_alone() -> None:
    model, start = weights(), weights()
    optimizer = RoundedAdamW([{"params": list(model.parameters()), "weight_decay": 0.5}], 0.1, (0.9, 0.98), 0)
    model[2].weight.grad = torch.ones_like(model[2].weight)
    optimizer.step()
    assert [torch.equal(a, b) for a, b in zip(model.parameters(), start.parameters(), strict=True)] == [
        True,
        True,
        False,
        True,
    ]


@given(st.integers(1, 400), st.floats(0, 0.99), st.floats(1e-6, 1.0))
def test_the_rate_rises_to_its_top_and_falls_towards_nothing(total: int, warmup: float, lr: float) -> None:
    given = settings(warmup=warmup, lr=lr)
    rates = [learning_rate(step, total, given) for step in range(total)]
    rise = math.ceil(warmup * total)
    assert all(0 < rate <= lr * (1 + 1e-12) for rate in rates)
    assert all(a < b for a, b in pairwise(rates[:rise]))
    assert all(a > b for a, b in pairwise(rates[rise:]))
    if rise:
        assert rates[rise - 1] == pytest.approx(lr)
    else:
        assert rates[0] == pytest.approx(lr)


def test_the_rate_at_known_steps() -> None:
    given = settings(warmup=0.1, lr=2.0**-4)
    rates = [learning_rate(step, 110, given) for step in range(110)]
    assert [rates[0], rates[10], rates[11]] == pytest.approx([2.0**-4 / 11, 2.0**-4, 2.0**-4])
    assert rates[11 + 33] == pytest.approx(2.0**-4 * 0.5 * (1 + math.cos(math.pi / 3)))
    assert rates[-1] == pytest.approx(2.0**-4 * 0.5 * (1 - math.cos(math.pi / 99)))


def test_the_average_of_the_weights_is_its_closed_form() -> None:
    """After k steps: the sum of (1 - d) d^(k - i) w_i over its weights, 1 - d^k."""
    model, decay, kept = weights(), 0.9, []
    average = Average(model, decay)
    for number in range(12):
        with torch.no_grad(), chance(number, "here"):
            for weight in model.parameters():
                weight.normal_()
        average.update(model)
        kept.append([w.detach().double().clone() for w in model.parameters()])
        if number in (0, 11):
            shown = weights()
            average.into(shown)
            share = [(1 - decay) * decay ** (number - i) for i in range(number + 1)]
            assert sum(share) == pytest.approx(1 - decay ** (number + 1))
            for k, found in enumerate(shown.parameters()):
                wanted = sum(s * step[k] for s, step in zip(share, kept, strict=True)) / sum(share)
                assert torch.allclose(found.double(), wanted, atol=1e-6)
