"""Rates of tier P from labels, by ABC: narrower than the prior, true to the truth, and misled where labels are taken for truth."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from merian.core.chance import stream
from merian.core.errors import BadSetting, Mismatch
from merian.twin import draws
from merian.twin.calibrate.abc import Plan
from merian.twin.calibrate.fitting import PRIOR, RATES, Tables, fit, simulator, summaries, tabled
from merian.twin.calibrate.known import ANIMALS, TRUE_MATRIX, Survey
from merian.twin.calibrate.sbc import Ranks
from merian.twin.calibrate.tables import Table
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


def test_each_simulation_of_a_table_is_a_known_truth_to_the_others() -> None:
    """600 simulations, 300 known truths (one table, fixed seed): 90 % intervals hold as many with the matrix, and far fewer shrub growths without it."""
    rows = {(row.rate, row.modelled): row for row in tabled(Survey(), Tables(1, 600, 60, 300))}
    assert len(rows) == 2 * len(RATES)
    for name in RATES:
        right = rows[name, True]
        assert right.coverage.n == 300
        assert 0.84 < right.coverage.value < 0.96
        assert abs(right.bias.value) < 0.1
        assert 0 < right.width.value < 0.9
    wrong = rows["shrub growth", False]
    assert wrong.coverage.value < 0.6
    assert wrong.bias.low > 0.2
    assert wrong.even < 1e-9


def test_a_table_leaves_out_what_it_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    table = Table.of(PRIOR, lambda rates, key: rates + 0.1 * rng.normal(size=3), 60, 5)
    with_it, without = (table.posterior(table.summaries[7], 20, row) for row in (-1, 7))
    assert with_it.distances.min() == 0 < without.distances.min()
    assert (Table.of(PRIOR, lambda rates, key: rates, 60, 5).parameters == table.parameters).all()
    assert table.answers(3, 20, 1).shape == (3, 99, 3)
    with pytest.raises(BadSetting, match="fewer than the 60 simulations"):
        table.posterior(np.zeros(3), 60)
    with pytest.raises(Mismatch, match="parameters and summaries"):
        Table(PRIOR, np.zeros((4, 3)), np.zeros((5, 2)))
    with pytest.raises(Mismatch, match="posterior draws and truths"):
        Ranks.of(np.zeros((4, 9, 3)), np.zeros((4, 2)))


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
