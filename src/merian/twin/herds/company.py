"""Company: animals that live in groups step toward their own kind, and go where it goes.

A step from p to e is worth exp(S (b (d(p) - d(e)) / s + a cos(step, way))) times what it would be worth alone (step selection with the terms of Couzin et al.
2002, J. Theor. Biol. 218:1): d is how far it is to the middle of those of its kind that it sees, no nearer than half a mean step s (within that all places
are as good); `way` is their mean heading; S how sociable its kind is; b and a are the weights of cohesion and alignment. Who sees nobody of its kind walks
as if alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles
from merian.twin.herds.spread import parts, spread

__all__ = ["Company", "clark_evans", "company_of", "neighbours", "unseen"]

Integers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Singles = npt.NDArray[np.float32]
LOOKS = 32
"""Animals of a row of three bins that are looked at, at most, evenly spread among them; of three rows. A choice, for time."""
WAYS = 4096
"""Directions that are told apart: a tenth of a degree."""
CIRCLE = 2.0 * math.pi / WAYS
WAY = np.stack([np.cos(np.arange(WAYS) * 2 * np.pi / WAYS), np.sin(np.arange(WAYS) * 2 * np.pi / WAYS)], 1).astype(
    np.float32
)
"""East and south of each direction."""


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
    here, bodies = np.empty(sociable, np.int32), np.empty((sociable, 4), np.float32)
    _binned(place, (kind, begins), here, bodies)
    found = np.full((4, len(species)), np.nan, np.float32)
    # whole bins to each thread, as many animals to each as to the others
    edges = np.searchsorted(begins, [begin for begin, _ in parts(sociable, threads)][1:]).tolist()
    spans = list(pairwise([0, *edges, int(first[-1])]))
    spread(lambda span: _seen((grid, company.sight_m), begins, (here, bodies), span, found), spans)
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
            bodies[at, 0], bodies[at, 1] = x[animal], y[animal]
            way = int(heading[animal] / CIRCLE + 0.5)
            if way * CIRCLE == heading[animal] and way < WAYS:
                bodies[at, 2], bodies[at, 3] = WAY[way, 0], WAY[way, 1]
            else:
                bodies[at, 2], bodies[at, 3] = math.cos(heading[animal]), math.sin(heading[animal])
            begins[kind[animal]] += 1
    for at in range(len(begins) - 1, 0, -1):
        begins[at] = begins[at - 1]
    begins[0] = 0


@compiled
def _seen(
    known: tuple[Grid, Doubles],
    begins: Counts,
    listed: tuple[Counts, Singles],
    span: tuple[int, int],
    found: Singles,
) -> None:
    """Who sees whom, for a span of bins; into `found`. Three bins of a row lie side by side in the list.

    Of bins that hold few, those alone are looked at into which an animal sees.
    """
    grid, sight = known
    wide, across, down, first = grid
    for own in range(len(sight)):
        # a little more than sight, for what rounding does to places
        reach, most = 1.001 * sight[own] + 1.0, np.float32(sight[own] ** 2)
        for bin in range(max(first[own], span[0]), min(first[own + 1], span[1])):
            if begins[bin] == begins[bin + 1]:
                continue
            row, column = divmod(bin - first[own], across[own])
            north, west = row * wide[own], column * wide[own]
            for at in range(begins[bin], begins[bin + 1]):
                x, y = listed[1][at, 0] - west, listed[1][at, 1] - north
                rows = (
                    row - 1 if y < reach and row > 0 else row,
                    row + 2 if y > wide[own] - reach and row + 1 < down[own] else row + 1,
                )
                columns = (
                    column - 1 if x < reach and column > 0 else column,
                    column + 2 if x > wide[own] - reach and column + 1 < across[own] else column + 1,
                )
                around = max(column - 1, 0), min(column + 2, across[own])
                _met(at, (rows, columns, around), (first[own], across[own]), (begins, most), listed, found)


@compiled
def _met(
    at: int,
    window: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    bins: tuple[int, int],
    looks: tuple[Counts, np.float32],
    listed: tuple[Counts, Singles],
    found: Singles,
) -> None:
    """One of the list sees who is no farther off than the root of the last of `looks`. window: the rows, the columns, and the columns of three bins of those,
    from which to before which; bins: the first of its species, and how many there are in a row.
    """
    here, bodies = listed
    begins, most = looks
    rows, columns, around = window
    none = np.float32(0.0)
    # it is among those that it looks at itself, and is taken out again
    seen, east, south, along, off = -1, none, none, -bodies[at, 2], -bodies[at, 3]
    x, y = bodies[at, 0], bodies[at, 1]
    looked = False
    for row in range(rows[0], rows[1]):
        left, pace = bins[0] + row * bins[1], 1
        begin, end = begins[left + around[0]], begins[left + around[1]]
        if end - begin > LOOKS:
            pace = 1 + (end - begin - 1) // LOOKS
        else:
            begin, end = begins[left + columns[0]], begins[left + columns[1]]
        looked |= begin <= at < end and (at - begin) % pace == 0
        for one in range(begin, end, pace):
            dx, dy = bodies[one, 0] - x, bodies[one, 1] - y
            if dx * dx + dy * dy <= most:
                seen += 1
                east += dx
                south += dy
                along += bodies[one, 2]
                off += bodies[one, 3]
    if not looked:
        seen, along, off = seen + 1, along + bodies[at, 2], off + bodies[at, 3]
    if seen > 0:
        animal = here[at]
        found[0, animal], found[1, animal] = east / seen, south / seen
        found[2, animal], found[3, animal] = along / seen, off / seen


@compiled
def unseen(found: Singles, species: Integers, place: Place, sight_m: Doubles, size_m: tuple[float, float]) -> None:
    """Leave those to themselves, NaN in `found`, who would see beyond the edge of the window, where it is not known who stands there."""
    x, y, _ = place
    for animal in range(len(x)):
        near = min(min(x[animal], size_m[0] - x[animal]), min(y[animal], size_m[1] - y[animal]))
        if near < sight_m[species[animal]]:
            found[:, animal] = np.nan


def clark_evans(x: Doubles, y: Doubles, area_m2: float) -> float:
    """The mean distance to the nearest neighbour over that of a Poisson pattern as dense, 1 / (2 sqrt(density)), edges left as they are (Clark & Evans 1954,
    Ecology 35:445): below 1 where points stand in clumps."""
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(1).mean() * 2 * math.sqrt(len(x) / area_m2))
