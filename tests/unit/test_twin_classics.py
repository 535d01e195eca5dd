"""The classic models: what must hold whatever chance does, and what is refused."""

from __future__ import annotations

from itertools import permutations

import numba
import numpy as np
import pytest

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.classics import birds, neighbours, sugar, wealth, wolves
from merian.twin.classics.order import shuffle
from merian.twin.compiled import fetch


def test_the_same_seed_gives_the_same_course_and_another_another() -> None:
    one, again, other = (wolves.wolf_sheep(wolves.SMALL, seed, 30) for seed in (1, 1, 2))
    assert (one.sheep == again.sheep).all()
    assert (one.sheep != other.sheep).any()
    assert (birds.flocking(birds.SMALL, 1, 5).place == birds.flocking(birds.SMALL, 1, 5).place).all()
    assert (
        neighbours.schelling(neighbours.SMALL, 1, 5).group == neighbours.schelling(neighbours.SMALL, 1, 5).group
    ).all()


def test_every_order_is_as_likely() -> None:
    """6,000 shuffles of three: chi-squared below 20.5 on 5 degrees of freedom (one key in a thousand; this key is fixed)."""
    key, order = draws.key(4, "orders"), np.empty(3, np.int32)
    counts = dict.fromkeys(permutations(range(3)), 0)
    for step in range(6000):
        shuffle(order, 3, key, step)
        counts[tuple(order.tolist())] += 1
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 20.5
    long = np.empty(1001, np.int32)
    shuffle(long, 1001, key, 0)
    assert sorted(long.tolist()) == list(range(1001))


def test_draws_of_many_at_once_equal_those_of_one() -> None:
    key, who = draws.key(1, "many"), np.array([0, 7, 2**40, 3, 3])
    words, found = np.empty((4, 5), np.uint32), np.empty((2, 5))
    draws.pairs(key, who, 9, 2, words, found)
    assert found.T.tolist() == [list(draws.uniforms(key, int(one), 9, 2)) for one in who]


def test_what_is_fetched_ahead_is_a_hint_to_the_processor_and_changes_nothing() -> None:
    @numba.njit
    def summed(values: np.ndarray) -> int:
        total = 0
        for at in range(len(values)):
            if at + 8 < len(values):
                fetch(values, at + 8)
            total += values[at]
        return total

    values = np.arange(100)[::2]
    assert summed(values) == 2450
    assert values.tolist() == list(range(0, 100, 2))
    assert "llvm.prefetch" in summed.inspect_llvm(summed.signatures[0])


def test_grass_alone_grows_to_the_last_cell() -> None:
    found = wolves.wolf_sheep(wolves.WolfSheep(10, 10, 0, 0, 6, 0.1, 0.1), 3, 8)
    assert 30 < found.grass[0] < 70
    assert found.grass[6:].tolist() == [100] * 3
    assert (np.diff(found.grass) >= 0).all()


def test_wolves_alone_starve() -> None:
    found = wolves.wolf_sheep(wolves.WolfSheep(10, 10, 0, 50, 6, 0.1, 0.0), 3, 28)
    assert (np.diff(found.wolves) <= 0).all()
    assert found.wolves[0] == 50
    # at most 26 energy at the start, 1 spent in each step
    assert found.wolves[20] > 0
    assert found.wolves[27] == 0


def test_a_bird_alone_flies_straight_and_birds_come_to_fly_alike() -> None:
    alone = birds.flocking(birds.Flocking(20.0, 1, 5.0), 1, 7)
    start = birds.flocking(birds.Flocking(20.0, 1, 5.0), 1, 0)
    assert alone.place[0] == pytest.approx((start.place[0] + 7 * start.heading[0]) % 20.0)
    assert np.allclose(alone.order, 1.0)
    flock = birds.flocking(birds.Flocking(20.0, 60, 5.0), 1, 300)
    assert flock.order[0] < 0.4
    assert flock.order[-1] > 0.9
    assert np.hypot(*flock.heading.T) == pytest.approx(np.ones(60))
    assert ((flock.place >= 0) & (flock.place < 20)).all()


def test_who_wants_nobody_stays_and_who_wants_too_many_never_does() -> None:
    easy = neighbours.schelling(neighbours.Schelling(20, 200, 1, 0), 1, 3)
    assert easy.content.tolist() == [200] * 3
    hard = neighbours.schelling(neighbours.Schelling(20, 200, 1, 9), 1, 3)
    assert hard.content.tolist() == [0] * 3
    assert np.bincount(hard.group.ravel(), minlength=3).tolist() == [200, 100, 100]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: wolves.WolfSheep(1, 1, 1, 1, 1, 0.1, 0.1), "at least two cells"),
        (lambda: wolves.WolfSheep(5, 5, -1, 1, 1, 0.1, 0.1), "'sheep' = -1"),
        (lambda: wolves.WolfSheep(5, 5, 1, 1, 1, 1.1, 0.1), "'sheep_births' = 1.1"),
        (lambda: wolves.WolfSheep(2**16, 2**15, 1, 1, 1, 0.1, 0.1), "counted in 31 bits"),
        (lambda: wolves.WolfSheep(5, 5, 1, 1, 2 * 10**9, 0.1, 0.1), "at most 1e9 steps"),
        (lambda: birds.Flocking(10.0, 5, 6.0), "'sight' = 6"),
        (lambda: birds.Flocking(10.0, 5, 2.0, speed=3.0), "'speed' = 3"),
        (lambda: neighbours.Schelling(5, 25, 1, 1), "an agent needs an empty cell"),
        (lambda: neighbours.Schelling(5, 5, 0, 1), "at least one cell"),
        (lambda: neighbours.Schelling(50_000, 5, 1, 1), "at most 46,340"),
        (lambda: wealth.Boltzmann(0), "'agents' = 0"),
        (lambda: wealth.Boltzmann(5, -1), "'wealth' = -1"),
        (lambda: wealth.Boltzmann(5, 1, "at will"), "turns, together, chance"),
        (lambda: sugar.Sugarscape(0, 0), "at least one cell"),
        (lambda: sugar.Sugarscape(3, 10), "one in a cell"),
        (lambda: sugar.Sugarscape(3, 1, capacity=200), "'capacity' = 200"),
        (lambda: sugar.Sugarscape(3, 1, need=(5, 2)), "'need' = "),
        (lambda: sugar.Sugarscape(3, 1, sight=(0, 2)), "'sight' = "),
        (lambda: sugar.Sugarscape(3, 1, sight=(1, 40_000)), "at most 32,767"),
        (lambda: sugar.Sugarscape(3, 1, need=(1, 2**30)), "below 2"),
        (lambda: sugar.Sugarscape(40_000, 1), "at most 32,767"),
        (lambda: sugar.sugarscape(sugar.Sugarscape(3, 1), 1, 2**30), "'steps' = "),
    ],
)
def test_models_that_cannot_be(make, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        make()
