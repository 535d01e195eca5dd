"""Company: animals that live in groups step toward their own kind, and go where it goes.

A step from p to e is worth exp(S (b (d(p) - d(e)) / s + a cos(step, way))) times what it would be worth alone (step selection with the terms of Couzin et al.
2002, J. Theor. Biol. 218:1): d is how far it is to the middle of those of its kind that it sees, no nearer than half a mean step s (within that all places
are as good); `way` is their mean heading; S how sociable its kind is; b and a are the weights of cohesion and alignment. Who sees nobody of its kind walks
as if alone.
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
Singles = npt.NDArray[np.float32]
LOOKS = 32
"""Animals of a row of three bins that are looked at, at most, evenly spread among them; of three rows. A choice, for time."""


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
    species: Integers,
    place: Place,
    company: Company,
    size_m: tuple[float, float],
    threads: int,
) -> Singles:
    """The middle of those of its own kind that each animal sees, east and south of itself, m, and their mean heading as a vector: float32 [4, a]; NaN where it
    sees none. place: x, y, heading [a], all at one moment. size_m: of the window, east and south."""
    many = np.bincount(species, minlength=len(company.sociable))
    # no more bins than animals, and none narrower than sight, so that nine hold all that is seen
    roomy = math.sqrt(size_m[0] * size_m[1]) / np.sqrt(np.maximum(many, 1))
    wide = np.maximum(np.maximum(company.sight_m, roomy), 1e-9)
    across, down = (np.floor(size / wide).astype(np.int64) + 1 for size in size_m)
    bins = np.where((company.sociable > 0) & (many > 1), across * down, 0)
    first = np.concatenate([[0], np.cumsum(bins)])
    grid = wide, across, down, first
    kind, begins = np.empty(len(species), np.int32), np.zeros(first[-1] + 1, np.int32)
    sociable = _counted(species, place, grid, (kind, begins))
    here, bodies = np.empty(sociable, np.int32), np.empty((4, sociable), np.float32)
    _binned(place, (kind, begins), here, bodies)
    found = np.full((4, len(species)), np.nan, np.float32)
    known = grid, company.sight_m, species
    spread(lambda span: _seen(known, (kind, begins), (here, bodies), span, found), parts(sociable, threads))
    return found


Place = tuple[Doubles, Doubles, Doubles]
Grid = tuple[Doubles, Integers, Integers, Integers]
"""Width of bins, m, bins across and down, and the first bin of each species [s] (the last [s + 1])."""
Bins = tuple[Counts, Counts]
"""The bin of each animal (-1: none) [a], and where each bin begins in a list of the animals by bin [bins + 1]."""


@compiled
def _counted(species: Integers, place: Place, grid: Grid, bins: Bins) -> int:
    """Find the bin of each animal, and where each begins; how many animals have one."""
    x, y, _ = place
    wide, across, _, first = grid
    kind, begins = bins
    for animal in range(len(species)):
        own = species[animal]
        kind[animal] = -1
        if first[own + 1] > first[own]:
            kind[animal] = first[own] + int(y[animal] / wide[own]) * across[own] + int(x[animal] / wide[own])
            begins[kind[animal] + 1] += 1
    for at in range(1, len(begins)):
        begins[at] += begins[at - 1]
    return int(begins[-1])


@compiled
def _binned(place: Place, bins: Bins, here: Counts, bodies: Singles) -> None:
    """List the animals by bin: who, and where each is and goes (east, south, cosine and sine of its heading)."""
    x, y, heading = place
    kind, begins = bins
    for animal in range(len(x)):
        if kind[animal] >= 0:
            at = begins[kind[animal]]
            here[at] = animal
            bodies[0, at], bodies[1, at] = x[animal], y[animal]
            bodies[2, at], bodies[3, at] = math.cos(heading[animal]), math.sin(heading[animal])
            begins[kind[animal]] += 1
    for at in range(len(begins) - 1, 0, -1):
        begins[at] = begins[at - 1]
    begins[0] = 0


@compiled
def _seen(
    known: tuple[Grid, Doubles, Integers],
    bins: Bins,
    listed: tuple[Counts, Singles],
    span: tuple[int, int],
    found: Singles,
) -> None:
    """Who sees whom, for a span of the animals by bin; into `found`. Three bins of a row lie side by side in the list."""
    grid, sight, species = known
    _, across, down, first = grid
    kind, begins = bins
    here, bodies = listed
    x, y, ahead, aside = bodies[0], bodies[1], bodies[2], bodies[3]
    for at in range(span[0], span[1]):
        animal = here[at]
        own = species[animal]
        most, none = np.float32(sight[own] ** 2), np.float32(0.0)
        row, column = divmod(kind[animal] - first[own], across[own])
        # it is among those that it looks at itself, and is taken out again
        seen, east, south, along, off = -1, none, none, -ahead[at], -aside[at]
        looked = False
        for next_row in range(max(row - 1, 0), min(row + 2, down[own])):
            left = first[own] + next_row * across[own]
            begin, end = begins[left + max(column - 1, 0)], begins[left + min(column + 2, across[own])]
            pace = 1 + max(end - begin - 1, 0) // LOOKS
            looked |= begin <= at < end and (at - begin) % pace == 0
            for one in range(begin, end, pace):
                dx, dy = x[one] - x[at], y[one] - y[at]
                near = dx * dx + dy * dy <= most
                seen += near
                east += dx if near else none
                south += dy if near else none
                along += ahead[one] if near else none
                off += aside[one] if near else none
        if not looked:
            seen, along, off = seen + 1, along + ahead[at], off + aside[at]
        if seen > 0:
            found[0, animal], found[1, animal] = east / seen, south / seen
            found[2, animal], found[3, animal] = along / seen, off / seen


def clark_evans(x: Doubles, y: Doubles, area_m2: float) -> float:
    """The mean distance to the nearest neighbour over that of a Poisson pattern as dense, 1 / (2 sqrt(density)), edges left as they are (Clark & Evans 1954,
    Ecology 35:445): below 1 where points stand in clumps."""
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(1).mean() * 2 * math.sqrt(len(x) / area_m2))
