"""Rates of tier P from labels, by ABC: narrower than the prior, true to the truth, and misled where labels are taken for truth."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from merian.core.chance import stream
from merian.twin import draws
from merian.twin.calibrate.abc import Plan
from merian.twin.calibrate.fitting import PRIOR, fit, simulator, summaries
from merian.twin.calibrate.known import ANIMALS, TRUE_MATRIX, Survey
from merian.twin.observe.labels import UNKNOWN, Confusion

EVEN = Survey(cameras=60, dispersion=20.0, held_out=3000)
"""Cameras that hardly differ, so that one world shows what the matrix does."""


def test_rates_are_learnt_and_the_matrix_matters_to_them() -> None:
    """One world, 1,200 simulations a way: all posteriors are narrower than the prior; the browser's food is overestimated by who takes labels for truth."""
    plan = Plan(80, 0.5, 4, 1200)
    truth, right = fit(2, True, EVEN, plan)
    same, wrong = fit(2, False, EVEN, plan)
    assert (truth == same).all()
    here, there = (posterior.drawn(500, stream(2, "drawn")) for posterior in (right, wrong))
    assert (here.std(0) < 0.8 * PRIOR.sd).all()
    assert (np.abs(here.mean(0) - truth) < 3 * here.std(0) + 0.02).all()
    assert there[:, 1].mean() - truth[1] > 2 * abs(here[:, 1].mean() - truth[1])


def test_a_simulation_depends_on_its_key_and_rates_alone() -> None:
    key = draws.key(4, "same")
    first = summaries(np.zeros(3), TRUE_MATRIX, EVEN, key)
    assert (summaries(np.zeros(3), TRUE_MATRIX, EVEN, key) == first).all()
    assert first.shape == (4,)
    # pairs share their chance: more grass, more grazers, and none of the other photos' names change
    more = summaries(np.array([0.3, 0.0, 0.0]), TRUE_MATRIX, EVEN, key)
    assert more[0] > first[0]
    held = Confusion(ANIMALS, (*ANIMALS, UNKNOWN), (1000 * TRUE_MATRIX).astype(np.int64))
    assert simulator(held, EVEN, False)(np.zeros(3), key).shape == (3,)
    assert simulator(held, EVEN, True)(np.zeros(3), key).shape == (4,)


def test_the_examples_of_the_page_run() -> None:
    page = Path(__file__).parents[2] / "docs/how/observe.md"
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(page), "exec"), names)
    assert names["labels"].sum() == names["shown"].sum()
    assert (names["low"] < names["high"]).all()
    assert names["sample"].shape == (500, 1)
