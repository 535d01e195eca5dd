"""Laws of gifts, sugar and birds: nothing is made, wealth comes to rest as theory says, a cell holds one agent and no more than it can, land carries so many,
and how birds are kept does not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.twin.classics import birds
from merian.twin.classics.sugar import CELL, HELD, Sugarscape, sugarscape
from merian.twin.classics.wealth import Boltzmann, boltzmann, gini

RULES = ("turns", "together", "chance")


def spread_of(shares: np.ndarray) -> float:
    """The Gini coefficient of a distribution over 0, 1, 2 ...: sum of F (1 - F) over the mean."""
    below = np.cumsum(shares)
    return float((below * (1 - below)).sum() / (shares * np.arange(len(shares))).sum())


def queue(load: float, size: int) -> np.ndarray:
    """How many wait in an M/D/1 queue at the end of a service [size]: the next has (n - 1 or 0) and as many as a Poisson number of the load."""
    arrivals = np.array([math.exp(-load + n * math.log(load) - math.lgamma(n + 1)) for n in range(size)])
    shares = np.zeros(size)
    shares[0] = 1 - load
    for n in range(size - 1):
        # balance of n: it comes from 0 with n arrivals, or from k + 1 with n - k
        rest = shares[n] - shares[0] * arrivals[n] - sum(shares[k] * arrivals[n + 1 - k] for k in range(1, n + 1))
        shares[n + 1] = rest / arrivals[0]
    return shares


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 200), st.integers(0, 5), st.sampled_from(RULES), st.integers(0, 99), st.integers(1, 4))
def test_wealth_is_conserved_and_nobody_owes(agents: int, each: int, rule: str, seed: int, threads: int) -> None:
    found = boltzmann(Boltzmann(agents, each, rule), seed, 20, threads)
    assert found.wealth.sum() == agents * each
    assert found.wealth.min() >= 0
    assert (found.idle >= 0).all()
    assert (found.idle <= agents).all()
    assert 0 <= gini(found.wealth) < 1


def test_the_coefficient_of_known_shares() -> None:
    assert gini([3, 3, 3]) == pytest.approx(0.0)
    assert gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert gini([0, 0]) == 0.0
    assert gini([1, 3]) == pytest.approx(0.25)
    assert gini(np.random.default_rng(0).exponential(size=200_000)) == pytest.approx(0.5, abs=0.003)
    geometric = 0.5 ** np.arange(1, 60)
    assert spread_of(geometric) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("each", "steps"), [(1, 100), (10, 1500)])
def test_single_gifts_come_to_rest_as_boltzmann_and_gibbs_say(each: int, steps: int) -> None:
    """All ways to share the sum are as likely: P(w) = m^w / (1 + m)^(w + 1), Gini (1 + m) / (1 + 2 m), which goes to the 1/2 of the exponential.

    Bounds are five standard errors of 5,000 independent agents (the coefficient's spread is some 0.6 / sqrt(n)).
    """
    found = boltzmann(Boltzmann(5000, each, "chance"), 1, steps)
    assert gini(found.wealth) == pytest.approx((1 + each) / (1 + 2 * each), abs=5 * 0.6 / math.sqrt(5000))
    if each == 10:
        assert abs(gini(found.wealth) - 0.5) < 0.06
    for held in (0, 1, 2 * each):
        share = (each / (1 + each)) ** held / (1 + each)
        assert (found.wealth == held).mean() == pytest.approx(share, abs=5 * math.sqrt(share / 5000))
    poor = (found.wealth <= each).mean()
    assert poor == pytest.approx(1 - (each / (1 + each)) ** (each + 1), abs=5 * 0.5 / math.sqrt(5000))


def test_gifts_all_at_once_are_queues() -> None:
    """M/D/1 of mean 1: load 2 - sqrt(2), so sqrt(2) - 1 of all have nothing, not the half that single gifts leave."""
    load = 2 - math.sqrt(2)
    shares = queue(load, 40)
    assert shares.sum() == pytest.approx(1, abs=1e-6)
    assert (shares * np.arange(40)).sum() == pytest.approx(1, abs=1e-4)
    found = boltzmann(Boltzmann(20_000, 1, "together"), 2, 150)
    assert (found.idle[50:] / 20_000).mean() == pytest.approx(math.sqrt(2) - 1, abs=0.003)
    assert gini(found.wealth) == pytest.approx(spread_of(shares), abs=5 * 0.6 / math.sqrt(20_000))
    for held in range(4):
        assert (found.wealth == held).mean() == pytest.approx(shares[held], abs=5 * math.sqrt(shares[held] / 20_000))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 20), st.floats(0, 1), st.integers(0, 6), st.booleans(), st.booleans(), st.integers(0, 99))
def test_a_cell_holds_one_agent_and_no_more_sugar_than_it_can(
    side: int, crowd: float, capacity: int, hills: bool, bare: bool, seed: int
) -> None:
    model = Sugarscape(side, int(crowd * side**2), capacity, hills=hills, bare=bare)
    found = sugarscape(model, seed, 8)
    cells = found.ants[:, CELL]
    assert len(np.unique(cells)) == len(cells) == found.alive[-1]
    assert (found.now >= 0).all()
    assert (found.now <= found.full).all()
    assert found.full.max() <= capacity
    assert (found.ants[:, HELD] > 0).all()
    assert (np.diff(found.alive) <= 0).all()
    assert found.ants[:, HELD].sum() == found.hold[-1]
    stands = np.zeros(side**2, bool)
    stands[cells] = True
    assert (found.now.ravel() == np.where(stands & bare, 0, found.full.ravel())).all()
    # nobody gains more in a step than a cell holds
    assert (np.diff(found.hold) <= capacity * found.alive[:-1]).all()


def test_who_needs_nothing_lives_and_who_needs_more_than_there_is_does_not() -> None:
    assert sugarscape(Sugarscape(20, 100, need=(0, 0)), 1, 30).alive.tolist() == [100] * 31
    starved = sugarscape(Sugarscape(20, 100, need=(5, 5)), 1, 30)
    # a cell holds 4, at the start they hold 25 at most: each step costs one or more
    assert starved.alive[-1] == 0
    assert starved.alive[3] > 0


def carried(seed: int, **changes: object) -> float:
    """The living after 200 steps on two hills of 50 x 50 cells."""
    numbers = {"agents": 700, "held": (5, 25), "need": (1, 4), "sight": (1, 6), "hills": True, **changes}
    return float(sugarscape(Sugarscape(50, **numbers), seed, 200).alive[-1])


def test_land_carries_so_many_more_who_see_far_and_fewer_who_need_much() -> None:
    """Epstein & Axtell 1996, figure II-5: the carrying capacity rises with sight and falls with what agents burn."""
    for bare in (True, False):
        by_sight = [np.mean([carried(seed, sight=(v, v), bare=bare) for seed in range(3)]) for v in (1, 4, 8)]
        assert by_sight[2] > 1.1 * by_sight[1] > 1.2 * by_sight[0] > 0
        by_need = [np.mean([carried(seed, need=(m, m), bare=bare) for seed in range(3)]) for m in (2, 3, 4)]
        assert by_need[0] > 1.5 * by_need[1] > 2 * by_need[2] > 0
    # it is the land that carries them: twice as many at the start leave about as many
    few, many = (np.mean([carried(seed, need=(3, 3), agents=n) for seed in range(3)]) for n in (700, 1400))
    assert many == pytest.approx(few, rel=0.2)


def test_where_all_cells_are_full_again_agents_come_to_stand_still() -> None:
    """The book's first animation: under its rule G-infinity who has found the best cell in sight stays there."""
    model = Sugarscape(50, 400, held=(5, 25), need=(1, 4), hills=True, bare=False)
    early, late = sugarscape(model, 1, 60), sugarscape(model, 1, 90)
    assert early.ants[:, CELL].tolist() == late.ants[:, CELL].tolist()
    assert 0 < late.alive[-1] < 400


@pytest.mark.parametrize("speed", [0.0, 1.0, 3.0])
def test_boxes_of_any_size_give_the_same_flock(monkeypatch: pytest.MonkeyPatch, speed: float) -> None:
    """But for the last bits of sums, which are taken in another order: so few steps do not make them grow."""
    model = birds.Flocking(24.5, 150, 3.0, speed=speed)
    found = birds.flocking(model, 2, 6)
    assert birds._across(model) == min(17, int(24.5 / (3 + speed)))
    for across in (1, 3, 4):
        monkeypatch.setattr(birds, "_across", lambda model, across=across: across)
        again = birds.flocking(model, 2, 6)
        assert np.abs(again.place - found.place).max() < 1e-9
        assert np.abs(again.heading - found.heading).max() < 1e-9
    assert ((found.place >= 0) & (found.place < 24.5)).all()
