"""Slow twins of the twin's kernels: Philox by its published answers and in plain integers, the food web in plain Python and by SciPy's solver."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from merian.twin import draws
from merian.twin.foodweb import FoodWeb
from merian.twin.rates import allometric
from merian.twin.solver import Limits, run, slopes

ANSWERS = [
    ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0xA4093822, 0x299F31D0),
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
"""Known answers of Philox4x32-10 by its authors (Random123, kat_vectors): key, counter, words."""


def plain_philox(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The definition in whole numbers."""
    a, b, c, d = counter
    left, right = key
    for _ in range(10):
        one, two = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (two >> 32) ^ b ^ left, two & 0xFFFFFFFF, (one >> 32) ^ d ^ right, one & 0xFFFFFFFF
        left, right = (left + 0x9E3779B9) & 0xFFFFFFFF, (right + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


@pytest.mark.parametrize(("key", "counter", "words"), ANSWERS)
def test_philox_gives_its_known_answers(key: tuple[int, int], counter: tuple[int, ...], words: tuple[int, ...]) -> None:
    found = draws.philox(np.array(key, np.uint32), tuple(np.uint32(word) for word in counter))
    assert tuple(int(word) for word in found) == words == plain_philox(key, counter)


def test_blocks_are_the_words_of_philox() -> None:
    key, who = draws.key(3, "move"), np.array([0, 1, 17, 2**40 + 5, 2**62])
    found = np.empty((4, 7), np.uint32)
    draws.blocks(key, who, 8, 2, found)
    for at, number in enumerate(who.tolist()):
        counter = (number & 0xFFFFFFFF, number >> 32, 8, 2)
        assert tuple(found[:, at].tolist()) == plain_philox((int(key[0]), int(key[1])), counter)


def test_uniforms_are_the_words_of_philox() -> None:
    key = draws.key(3, "move")
    who = (5 << 32) + 17
    a, b, c, d = plain_philox((int(key[0]), int(key[1])), (17, 5, 8, 2))
    assert draws.uniforms(key, who, 8, 2) == (((a << 32 | b) >> 11) / 2**53, ((c << 32 | d) >> 11) / 2**53)


def web_of_chance(seed: int, exponent: float) -> FoodWeb:
    rng = np.random.default_rng(seed)
    masses = np.concatenate([10 ** rng.uniform(-5, -3, 4), np.sort(10 ** rng.uniform(-2, 2, 8))])
    eats = [(i, int(j)) for i in range(4, 12) for j in rng.choice(i, min(3, i), replace=False)]
    web = allometric([f"s{i}" for i in range(12)], masses, eats, 18.0, exponent)
    web = web.changed(interference=rng.uniform(0, 0.5, 12), rivalry=0.3, harvest=rng.uniform(0, 0.01, 12))
    return web.changed(mutual=rng.choice([0.6, 1.0, 1.4], 12), crowding=rng.uniform(0, 0.01, 12))


def plain_slopes(web: FoodWeb, biomass: np.ndarray) -> list[float]:
    """The equations of the module's head, term by term."""
    change = []
    for i in range(len(web.names)):
        own = sum(biomass[j] for j in range(len(web.names)) if web.producer[j] and j != i)
        rate = -web["loss"][i] - web["harvest"][i] - web["crowding"][i] * biomass[i]
        if web.producer[i]:
            rate += web["growth"][i] * (1 - (biomass[i] + web["rivalry"][i] * own) / web["capacity"][i])
        change.append(rate * biomass[i])

    def sought(link: int) -> float:
        return web["share"][link] * web["attack"][link] * biomass[web.eaten[link]] ** web["exponent"][link]

    for i in range(len(web.names)):
        links = [link for link in range(len(web.eater)) if web.eater[link] == i]
        met = (web["interference"][i] * biomass[i]) ** web["mutual"][i]
        busy = 1 + met + sum(sought(link) * web["handling"][link] for link in links)
        for link in links:
            flow = biomass[i] * sought(link) / busy
            change[i] += web["efficiency"][link] * flow
            change[web.eaten[link]] -= flow
    return change


@pytest.mark.parametrize("seed", range(4))
def test_slopes_equal_the_plain_equations(seed: int) -> None:
    web = web_of_chance(seed, 1.0 + 0.25 * seed)
    biomass = np.random.default_rng(seed).uniform(0.01, 3, 12)
    assert slopes(web, biomass)[:12] == pytest.approx(plain_slopes(web, biomass), rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("seed", range(3))
def test_the_solver_agrees_with_scipy(seed: int) -> None:
    web = web_of_chance(seed, 1.2)
    times = np.linspace(0, 3652.5, 121)
    start = np.full(12, 0.5)
    found = run(web, start, times, Limits(1e-9, 1e-12)).biomass
    other = solve_ivp(
        lambda _, y: slopes(web, np.maximum(y, 0))[:12], (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-14
    )
    assert np.abs(found - other.y.T).max() < 1e-6 * max(1.0, other.y.max())


def test_normals_are_their_formula() -> None:
    key = draws.key(1, "x")
    u, v = draws.uniforms(key, 4, 5, 6)
    assert draws.normal(key, 4, 5, 6) == pytest.approx(math.sqrt(-2 * math.log1p(-u)) * math.cos(2 * math.pi * v))
