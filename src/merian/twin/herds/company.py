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
TURNS = 1.0 / CIRCLE
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
    there = np.concatenate([[0], np.cumsum(np.where(bins > 0, many, 0))])
    sociable = int(there[-1])
    kind, begins = np.empty(len(species), np.int32), np.zeros(first[-1] + 1, np.int32)
    here, bodies = np.empty(sociable, np.int32), np.empty((sociable, 4), np.float32)
    begins[-1] = sociable
    # whole species to each thread, and then whole bins, as many animals to each as to the others
    shares = [begin for begin, _ in parts(sociable, threads)][1:]
    each = pairwise([0, *np.searchsorted(there[1:], shares).tolist(), len(many)])
    spread(
        lambda span: _listed(species, place, grid, (kind, begins, here, bodies), (*span, there[span[0]])), list(each)
    )
    found = np.full((4, len(species)), np.nan, np.float32)
    spans = list(pairwise([0, *np.searchsorted(begins, shares).tolist(), int(first[-1])]))
    spread(lambda span: _seen((grid, company.sight_m), begins, (here, bodies), span, found), spans)
    return found


Place = tuple[Doubles, Doubles, Doubles]
Grid = tuple[Doubles, Integers, Integers, Integers]
"""Width of bins, m, bins across and down, and the first bin of each species [s] (the last [s + 1])."""
Bins = tuple[Counts, Counts, Counts, Singles]
"""The bin of each animal that has one [a]; where each bin begins in a list of the animals by bin [bins + 1]; who they are, and where each is and goes (east,
south, cosine and sine of its heading) [n], [n, 4]."""


@compiled
def _listed(species: Integers, place: Place, grid: Grid, bins: Bins, span: tuple[int, int, int]) -> None:
    """List the animals of some species by bin. span: the first species, that before which they end, and where in the list the first begins."""
    x, y, heading = place
    wide, across, _, first = grid
    kind, begins, here, bodies = bins
    for animal in range(len(species)):
        own = species[animal]
        if span[0] <= own < span[1] and first[own + 1] > first[own]:
            kind[animal] = first[own] + int(y[animal] / wide[own]) * across[own] + int(x[animal] / wide[own])
            begins[kind[animal]] += 1
    end = span[2]
    for bin in range(first[span[0]], first[span[1]]):
        end += begins[bin]
        begins[bin] = end
    # the last come first, so that each bin is left with where it begins
    for animal in range(len(species) - 1, -1, -1):
        own = species[animal]
        if span[0] <= own < span[1] and first[own + 1] > first[own]:
            begins[kind[animal]] -= 1
            at = begins[kind[animal]]
            here[at] = animal
            bodies[at, 0], bodies[at, 1] = x[animal], y[animal]
            way = int(heading[animal] * TURNS + 0.5)
            if way * CIRCLE == heading[animal] and way < WAYS:
                bodies[at, 2], bodies[at, 3] = WAY[way, 0], WAY[way, 1]
            else:
                bodies[at, 2], bodies[at, 3] = math.cos(heading[animal]), math.sin(heading[animal])


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
    here, bodies = listed
    none = np.float32(0.0)
    for own in range(len(sight)):
        # a little more than sight, for what rounding does to places
        reach, most = 1.001 * sight[own] + 1.0, np.float32(sight[own] ** 2)
        width, bins, low = wide[own], across[own], first[own]
        for bin in range(max(low, span[0]), min(first[own + 1], span[1])):
            if begins[bin] == begins[bin + 1]:
                continue
            row = (bin - low) // bins
            column = bin - low - row * bins
            before, behind = min(column, 1), min(bins - column, 2)
            for at in range(begins[bin], begins[bin + 1]):
                x, y = bodies[at, 0], bodies[at, 1]
                west, north = x - column * width, y - row * width
                left, right = before * (west < reach), max(behind * (west > width - reach), 1)
                # it is among those that it looks at itself, and is taken out again
                seen, east, south, along, off = -1, none, none, -bodies[at, 2], -bodies[at, 3]
                looked = False
                up, down_to = (
                    row - (north < reach and row > 0),
                    row + 1 + (north > width - reach and row + 1 < down[own]),
                )
                for next_row in range(up, down_to):
                    middle = low + next_row * bins + column
                    begin, end, pace = begins[middle - before], begins[middle + behind], 1
                    if end - begin > LOOKS:
                        pace = 1 + (end - begin - 1) // LOOKS
                    else:
                        begin, end = begins[middle - left], begins[middle + right]
                    looked |= begin <= at < end and (pace == 1 or (at - begin) % pace == 0)
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
        near = min(x[animal], size_m[0] - x[animal], y[animal], size_m[1] - y[animal])
        if near < sight_m[species[animal]]:
            found[:, animal] = np.nan


def clark_evans(x: Doubles, y: Doubles, area_m2: float) -> float:
    """The mean distance to the nearest neighbour over that of a Poisson pattern as dense, 1 / (2 sqrt(density)), edges left as they are (Clark & Evans 1954,
    Ecology 35:445): below 1 where points stand in clumps."""
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(1).mean() * 2 * math.sqrt(len(x) / area_m2))
