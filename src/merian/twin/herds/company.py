"""Company: animals that live in groups step toward their own kind, and go where it goes.

A step from p to e is worth exp(S (b (d(p) - d(e)) / s + a cos(step, way))) times what it would be worth alone (step selection with the terms of Couzin et al. 2002, J.
Theor. Biol. 218:1): d is how far it is to the middle of those of its kind that it sees, no nearer than half a mean step s (within that all places are as good);
`way` is their mean heading; S how sociable its kind is; b and a are the weights of cohesion and alignment. Who sees nobody of its kind walks as if alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles
from merian.twin.herds.spread import parts, spread

__all__ = ["Company", "clark_evans", "company_of", "neighbours"]

Integers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
LOOKS = 16
"""Animals of one bin that are looked at, at most, evenly spread among them; of nine bins. A choice, for time."""


@dataclass(frozen=True, eq=False)
class Company:
    """How species keep company, each [s]: how `sociable` they are, from 0 (not at all) to 1, and how far off they see their own kind, `sight_m`.

    Raises Mismatch when lengths differ, BadData for values out of bounds.
    """

    sociable: Doubles
    sight_m: Doubles

    def __post_init__(self) -> None:
        if self.sight_m.shape != self.sociable.shape:
            raise Mismatch("columns of company", self.sight_m.shape, self.sociable.shape)
        if not ((self.sociable >= 0) & (self.sociable <= 1)).all():
            raise BadData("company", "is kept from 0, not at all, to 1")
        if not (np.isfinite(self.sight_m) & (self.sight_m > 0))[self.sociable > 0].all():
            raise BadData("company", "who keeps it sees its kind from more than 0 m off")


def company_of(group_size: Doubles, sight_m: Doubles) -> Company:
    """The Company of species that go in groups of such a size [s]: sociable by 1 - 1 / size, the share of a group that is not oneself; 0 where it is not
    known."""
    known = np.isfinite(group_size) & (group_size > 1)
    return Company(np.where(known, 1 - 1 / np.where(known, group_size, 1.0), 0.0), np.asarray(sight_m))


def neighbours(
    species: Integers, place: tuple[Doubles, Doubles, Doubles], company: Company, size_m: tuple[float, float], threads: int
) -> npt.NDArray[np.float32]:
    """The middle of those of its own kind that each animal sees, east and south of itself, m, and their mean heading as a vector: float32 [4, a]; NaN where it
    sees none. place: x, y, heading [a], all at one moment. size_m: of the window, east and south."""
    many = np.bincount(species, minlength=len(company.sociable))
    # no more bins than animals, and none narrower than sight, so that nine hold all that is seen
    roomy = math.sqrt(size_m[0] * size_m[1]) / np.sqrt(np.maximum(many, 1))
    wide = np.maximum(np.maximum(company.sight_m, roomy), 1e-9)
    across, down = (np.floor(size / wide).astype(np.int64) + 1 for size in size_m)
    bins = np.where((company.sociable > 0) & (many > 1), across * down, 0)
    first = np.concatenate([[0], np.cumsum(bins)])
    kind, here = np.empty(len(species), np.int32), np.empty(len(species), np.int32)
    begins = np.zeros(first[-1] + 1, np.int32)
    grid = wide, across, down, first
    _binned(species, place, grid, (kind, here, begins))
    found = np.full((4, len(species)), np.nan, np.float32)
    lists = kind, here, begins
    spread(
        lambda span: _seen(species, place, (grid, company.sight_m), lists, span, found), parts(len(species), threads)
    )
    return found


Grid = tuple[Doubles, Integers, Integers, Integers]
"""Width of bins, m, bins across and down, and the first bin of each species [s] (the last [s + 1])."""
Lists = tuple[Counts, Counts, Counts]
"""The bin of each animal (-1: none) [a], the animals by bin [a], where each bin begins [bins + 1]."""
Place = tuple[Doubles, Doubles, Doubles]


@compiled
def _binned(species: Integers, place: Place, grid: Grid, lists: Lists) -> None:
    """Sort animals into the bins of their species."""
    x, y, _ = place
    wide, across, _, first = grid
    kind, here, begins = lists
    for animal in range(len(species)):
        own = species[animal]
        kind[animal] = -1
        if first[own + 1] > first[own]:
            kind[animal] = first[own] + int(y[animal] / wide[own]) * across[own] + int(x[animal] / wide[own])
            begins[kind[animal] + 1] += 1
    for at in range(1, len(begins)):
        begins[at] += begins[at - 1]
    for animal in range(len(species)):
        if kind[animal] >= 0:
            here[begins[kind[animal]]] = animal
            begins[kind[animal]] += 1
    for at in range(len(begins) - 1, 0, -1):
        begins[at] = begins[at - 1]
    begins[0] = 0


@compiled
def _seen(
    species: Integers,
    place: Place,
    sees: tuple[Grid, Doubles],
    lists: Lists,
    span: tuple[int, int],
    found: npt.NDArray[np.float32],
) -> None:
    """Who sees whom, for the animals of a span; into `found`."""
    x, y, heading = place
    grid, sight = sees
    _, across, down, first = grid
    kind, here, begins = lists
    for animal in range(span[0], span[1]):
        if kind[animal] < 0:
            continue
        own = species[animal]
        most = sight[own] ** 2
        row, column = divmod(kind[animal] - first[own], across[own])
        seen, east, south, ahead, aside = 0, 0.0, 0.0, 0.0, 0.0
        for next_row in range(max(row - 1, 0), min(row + 2, down[own])):
            for next_column in range(max(column - 1, 0), min(column + 2, across[own])):
                at = first[own] + next_row * across[own] + next_column
                for one in range(begins[at], begins[at + 1], 1 + (begins[at + 1] - begins[at] - 1) // LOOKS):
                    other = here[one]
                    dx, dy = x[other] - x[animal], y[other] - y[animal]
                    if other != animal and dx * dx + dy * dy <= most:
                        seen += 1
                        east += dx
                        south += dy
                        ahead += math.cos(heading[other])
                        aside += math.sin(heading[other])
        if seen > 0:
            found[0, animal], found[1, animal] = east / seen, south / seen
            found[2, animal], found[3, animal] = ahead / seen, aside / seen


def clark_evans(x: Doubles, y: Doubles, area_m2: float) -> float:
    """The mean distance to the nearest neighbour over that of a Poisson pattern as dense, 1 / (2 sqrt(density)), edges left as they are (Clark & Evans 1954,
    Ecology 35:445): below 1 where points stand in clumps."""
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(1).mean() * 2 * math.sqrt(len(x) / area_m2))
