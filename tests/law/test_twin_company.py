"""Company: without it all is as before; with it animals of a kind stand closer than by chance, and the rest do not care."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.engine import Moment
from merian.twin.grid.moving import Gates
from merian.twin.herds.company import Company, clark_evans, company_of, neighbours
from merian.twin.herds.roaming import Roaming

SIDE, CELL, MANY = 20, 500.0, 400
KINDS = Company(np.array([0.9, 0.0]), np.array([800.0, 800.0]))


def flock(seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, 2 * MANY)) * SIDE * CELL
    return {
        "who": np.arange(2 * MANY),
        "species": np.repeat([0, 1], MANY),
        "quality": np.zeros((2, SIDE, SIDE)),
        "x": x,
        "y": y,
        "heading": rng.random(2 * MANY) * 2 * math.pi,
        "cell": (y // CELL).astype(np.int64) * SIDE + (x // CELL).astype(np.int64),
    }


def walked(steps: int, cohesion: float, alignment: float, threads: int = 1) -> dict[str, np.ndarray]:
    plain = Roaming(np.full(2, 500.0), 0.3, Gates.of(np.ones((SIDE, SIDE), bool)), CELL, threads)
    values, roaming = flock(), plain.beside(KINDS, cohesion, alignment)
    for step in range(steps):
        roaming.step(values, Moment(step, step / 24, 1 / 24, draws.key(3, "walk")))
    return values


def packed(values: dict[str, np.ndarray], kind: int) -> float:
    own = values["species"] == kind
    return clark_evans(values["x"][own], values["y"][own], (SIDE * CELL) ** 2)


def test_without_company_and_among_the_solitary_positions_are_as_before() -> None:
    plain = Roaming(np.full(2, 500.0), 0.3, Gates.of(np.ones((SIDE, SIDE), bool)), CELL, 1)
    before = flock()
    for step in range(24):
        plain.step(before, Moment(step, step / 24, 1 / 24, draws.key(3, "walk")))
    alone, together = walked(24, 0.0, 0.0), walked(24, 2.0, 1.0)
    for name in ("x", "y", "heading", "cell"):
        assert (alone[name] == before[name]).all()
        assert (together[name][MANY:] == before[name][MANY:]).all()
    assert (together["x"][:MANY] != before["x"][:MANY]).mean() > 0.3


def test_sociable_animals_stand_closer_than_by_chance_and_the_others_do_not() -> None:
    """Clark and Evans: R of a Poisson pattern is 1, its standard error here 0.026; edges add some."""
    values = walked(96, 1.0, 0.0)
    assert packed(flock(), 0) == pytest.approx(1.0, abs=0.1)
    assert packed(values, 1) == pytest.approx(1.0, abs=0.1)
    assert packed(values, 0) < 0.8


def test_who_goes_along_goes_the_same_way() -> None:
    """The mean heading of those that each sees, as a length from 0 (none) to 1 (all alike), against that of walkers alone."""

    def order(values: dict[str, np.ndarray]) -> float:
        found = neighbours(
            values["species"], (values["x"], values["y"], values["heading"]), KINDS, (SIDE * CELL,) * 2, 1
        )
        ahead = np.stack([np.cos(values["heading"]), np.sin(values["heading"])])
        return float(np.nanmean((found[2:] * ahead).sum(0)))

    assert order(walked(48, 0.0, 3.0)) > order(walked(48, 0.0, 0.0)) + 0.15


def test_neighbours_are_those_within_sight_of_the_same_kind() -> None:
    """Held against all pairs; few enough to a bin that none is left out."""
    values = flock(5)
    keep = np.r_[:150, MANY : MANY + 50]
    species, x, y, heading = (values[name][keep] for name in ("species", "x", "y", "heading"))
    company = Company(np.array([0.5, 0.5]), np.array([1500.0, 3000.0]))
    found = neighbours(species, (x, y, heading), company, (SIDE * CELL,) * 2, 2)
    for animal in range(len(keep)):
        apart = np.hypot(x - x[animal], y - y[animal])
        sees = (apart <= company.sight_m[species[animal]]) & (species == species[animal])
        sees[animal] = False
        if not sees.any():
            assert np.isnan(found[:, animal]).all()
            continue
        middle = (x[sees] - x[animal]).mean(), (y[sees] - y[animal]).mean()
        way = np.cos(heading[sees]).mean(), np.sin(heading[sees]).mean()
        assert found[:, animal] == pytest.approx([*middle, *way], rel=1e-4, abs=1e-3)


def test_company_is_the_same_for_any_number_of_threads() -> None:
    one, three = walked(6, 1.0, 0.5, 1), walked(6, 1.0, 0.5, 3)
    assert all((one[name] == three[name]).all() for name in one)


def test_who_is_sociable_and_what_cannot_be() -> None:
    found = company_of(np.array([1.0, 10.0, np.nan, 0.5]), np.full(4, 100.0))
    assert found.sociable == pytest.approx([0.0, 0.9, 0.0, 0.0])
    with pytest.raises(BadData, match="not at all, to 1"):
        Company(np.array([1.5]), np.ones(1))
    with pytest.raises(BadData, match="more than 0 m"):
        Company(np.array([0.5]), np.zeros(1))
    with pytest.raises(Mismatch, match="company"):
        Company(np.ones(2), np.ones(1))
    with pytest.raises(Mismatch, match="company and strides"):
        Roaming(np.ones(3), 0.0, Gates.of(np.ones((2, 2), bool)), 1.0).beside(KINDS, 1.0, 0.0)
