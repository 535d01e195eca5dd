"""Grazing and hunting: each animal eats at the rate of the food web where it is, plants by the gram, animals one by one.

An eater of species i in a cell finds food j at w_ij a_ij B_j^q / (1 + (c_i B_i)^m + sum_k w_ik a_ik h_ik B_k^q) per gram of itself and day, as in
merian.twin.solver, with the densities of its cell. What it finds of plants it eats; what it finds of animals is a Poisson number of kills, each of one
animal of the cell by chance. So with one well-mixed cell and many animals this is tier P. Where animals go in groups
(merian.twin.herds.groups) a_ij is a multiple of that of the web; where hunters see more or less (merian.twin.herds.sight) what they kill is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merian.core.workers import cores
from merian.twin import draws
from merian.twin.compiled import compiled
from merian.twin.engine import Moment
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb
from merian.twin.herds.counts import poisson
from merian.twin.herds.groups import Groups, helped, sought, worth
from merian.twin.herds.spread import by_cell, from_cells, spread
from merian.twin.ledger import Array, Flow
from merian.twin.solver import hindered

__all__ = ["Census", "Eating", "Growing", "Meeting", "blocks"]

Integers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
INTERFERENCE, MUTUAL = list(SPECIES).index("interference"), list(SPECIES).index("mutual")
SHARE, ATTACK, HANDLING, EFFICIENCY, EXPONENT = (
    list(LINK).index(n) for n in ("share", "attack", "handling", "efficiency", "exponent")
)
MOST = 4096
"""Herds of up to so many heads whose worth is kept at hand."""


class Census:
    """Every animal is counted where it stands: biomass of each species in each cell, g m-2, plants among them."""

    name = "census"
    reads = ("plants", "cell", "species", "number", "mass")
    writes = ("biomass",)

    def __init__(self, web: FoodWeb, cell_m2: float) -> None:
        self.producer, self.cell_m2 = web.producer, cell_m2

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Count."""
        biomass = by_cell(values["biomass"])
        biomass[:] = 0.0
        biomass[:, self.producer] = by_cell(values["plants"])
        herds = values["species"], values["cell"], values["number"], values["mass"]
        _counted(biomass, herds, 1.0 / self.cell_m2)
        values["biomass"] = from_cells(biomass, values["biomass"].shape[1:])
        return {}


@compiled
def _counted(biomass: Doubles, herds: tuple[Integers, Integers, Integers, Doubles], share: float) -> None:
    """The biomass of animals, added in place [cells, s]. share: of a cell that a m2 is."""
    species, cell, number, mass = herds
    for herd in range(len(species)):
        biomass[cell[herd], species[herd]] += number[herd] * mass[herd] * share


class Growing:
    """Plants grow logistically in each cell, growth multiplied by how green it is, room by the cell's.

    The logistic is solved exactly over the step; what stands beyond its room dies back.
    """

    name = "growing"
    reads = ("green", "room")
    writes = ("plants",)

    def __init__(self, web: FoodWeb, cell_m2: float) -> None:
        self.growth, self.capacity = web["growth"][web.producer], web["capacity"][web.producer]
        self.cell_m2 = cell_m2

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Grow."""
        plants = values["plants"]
        room = self.capacity[:, None, None] * values["room"]
        rise = np.exp(self.growth[:, None, None] * values["green"] * moment.days)
        with np.errstate(invalid="ignore"):
            after = np.where(np.isinf(room), plants * rise, plants * rise / (1 + plants * (rise - 1) / room))
        change = after - plants
        values["plants"] = after
        kg = self.cell_m2 / 1000.0
        return {"biomass": Flow(float(np.maximum(change, 0).sum() * kg), float(np.maximum(-change, 0).sum() * kg))}


@dataclass(frozen=True, eq=False)
class Meeting:
    """How hunters meet prey: in `groups` (None: one by one), whether `seen` tells how well they see it, and on which `ground` each cell lies [cells], with the
    share of each cell that is land (`land` [cells]); None: each cell is one of its own. Animals that weigh less than adults (`adult_g` [s]), or than well-fed
    animals of their ages where some are young (`grows`), seek food with more effort, (A / M)^hunger of the usual."""

    groups: Groups | None = None
    sees: bool = False
    ground: Integers | None = None
    land: Doubles | None = None
    hunger: float = 0.0
    adult_g: Doubles = field(default_factory=lambda: np.zeros(0))
    grows: bool = False

    def of(self, cells: int) -> tuple[Integers, int]:
        """The ground of each cell, and how many there are."""
        if self.ground is None:
            return np.arange(cells), cells
        return self.ground, int(self.ground.max()) + 1

    def felt(self, biomass: Doubles, animal: npt.NDArray[np.bool_]) -> Doubles:
        """The biomass [s, cells] that is met in each cell: of animals, the mean over the land of its ground."""
        if self.ground is None or self.land is None:
            return biomass
        area, met = np.bincount(self.ground, self.land), biomass.copy()
        for own in np.flatnonzero(animal).tolist():
            whole = np.bincount(self.ground, biomass[own])
            mean = np.divide(whole, area, out=np.zeros_like(whole), where=area > 0)
            met[own] = mean[self.ground]
        return met


def blocks(shape: tuple[int, int], width: int) -> Integers:
    """The ground of each cell [cells], of blocks of `width` x `width` cells (fewer at the far edges)."""
    rows, columns = (np.arange(size) // max(width, 1) for size in shape)
    return np.asarray((rows[:, None] * (columns[-1] + 1) + columns[None]).ravel())


class Eating:
    """Animals graze and hunt where they are.

    Rates are those of the food web, at the densities of plants in the cell, and of animals on the ground where they meet: the cell, or a block of cells
    about as wide as what an animal walks over between two meals, where that is more. A kill takes one animal of the ground, all as likely; the eater gains
    the efficient part of it and the rest is egested or left. Where there are `groups`, hunters meet groups: the rate is that of the web times, summed over
    the cell's herds of n prey, w(n) / (heads w(1)), times S(m) / (m S(1)) for m hunters, over the same at usual sizes; a kill takes one of a herd with
    chance in proportion to w(n) (merian.twin.herds.groups: c, p, e, k of species). Where there is sight, what is killed is times what is
    `seen` (merian.twin.herds.sight). Animals of mass M below that of adults, A (of well-fed animals of their ages), eat (A / M)^hunger times as much as
    others would: the hungry seek harder.
    """

    name = "eating"
    writes = ("number", "mass", "plants")

    def __init__(self, web: FoodWeb, cell_m2: float, threads: int = 0, meeting: Meeting = Meeting()) -> None:
        self.web, self.cell_m2, self.threads, self.meeting = web, cell_m2, threads or cores(), meeting
        self.pool = np.where(web.producer, np.cumsum(web.producer) - 1, -1)
        how = meeting.groups or Groups.none(len(web.names))
        self.groups, self.usual = how.rows, how.met(web)
        self.grouped = meeting.groups is not None
        self._loners = np.empty((len(web.names), 0))
        self._kept: Herds | None = None
        self._split: list[int] | None = None
        self.reads = ("who", "species", "cell", "biomass", *(("seen",) if meeting.sees else ()))
        self.reads += ("ungrown",) if meeting.grows and meeting.hunger > 0.0 else ()

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Graze and hunt."""
        web, biomass = self.web, by_cell(values["biomass"])
        cells = len(biomass)
        ground, grounds = self.meeting.of(cells)
        agents = values["who"], values["species"], values["cell"], values["number"], values["mass"]
        room = self._room(len(agents[0]), grounds)
        egested = np.zeros(cells)
        felt = np.ascontiguousarray(self.meeting.felt(biomass.T, ~web.producer).T)
        fields = felt, values["plants"].reshape(-1, cells), egested, ground
        seen = by_cell(values["seen"]) if self.meeting.sees else np.empty((0, 0))
        ungrown = values["ungrown"] if "ungrown" in self.reads else np.empty(0)
        columns = web.species, web.links, web.first, web.eaten, self.pool, self.groups, self.usual, seen, ungrown
        when = np.concatenate([[moment.days, moment.step, self.cell_m2, self.meeting.hunger], self.meeting.adult_g])
        meets = self.groups, self._worth(agents[3])

        def work(span: tuple[int, int]) -> None:
            _herds(agents, ground, meets, room, span)
            _eat(agents, fields, columns, (*room, *span), moment.chance, when)

        # grounds are islands within a step, so that they may be shared out among threads, as many herds to each as to the others
        spread(work, [span for span in pairwise(self._edges(grounds)) if span[0] < span[1]])
        begins = room[0][:: len(web.names)]
        self._split = np.searchsorted(begins, np.linspace(0, len(agents[0]), self.threads + 1)[1:-1]).tolist()
        return {"biomass": Flow(went=float(egested.sum()) / 1000.0)}

    def _edges(self, grounds: int) -> list[int]:
        """The grounds from which on each thread works, and their number: by where the herds were in the step before."""
        if self._split is None:
            return [grounds * part // self.threads for part in range(self.threads + 1)]
        return [0, *(min(edge, grounds) for edge in self._split), grounds]

    def _room(self, herds: int, grounds: int) -> Herds:
        """Arrays for herds by kind, used again in each step."""
        kinds, room = grounds * len(self.web.names), self._kept
        if room is None or len(room[2]) < herds or len(room[0]) != kinds:
            first, last, here, most, heads = (
                np.empty(size, np.int32) for size in (kinds, kinds, herds + herds // 4 + 16, kinds, kinds)
            )
            self._kept = room = first, last, here, most, heads, np.empty(kinds), np.empty(kinds if self.grouped else 0)
        return room

    def _worth(self, number: Integers) -> Doubles:
        """How many loners a herd of each species is worth by its number [s, n], up to the largest herd; kept from step to step while it reaches."""
        if self.grouped and int(number.max(initial=0)) >= self._loners.shape[1]:
            self._loners = worth(self.groups, min(int(number.max()) * 5 // 4 + 2, MOST))
        return self._loners


Herds = tuple[Counts, Counts, Counts, Counts, Counts, Doubles, Doubles]
"""Where the herds of each kind (ground and species) begin and end [k] in a list of all of them by kind [a or more]; the most animals in one herd of each kind,
how many animals and grams of each there are, and for how many loners each head of it counts where groups are met [k] (empty: for one)."""
Part = tuple[Counts, Counts, Counts, Counts, Counts, Doubles, Doubles, int, int]
"""Herds, and the grounds from the first to before the last that are meant."""
Agents = tuple[Integers, Integers, Integers, Integers, Doubles]


@compiled
def _herds(
    agents: Agents, ground: Integers, meets: tuple[Doubles, Doubles], room: Herds, span: tuple[int, int]
) -> None:
    """The herds of each kind of the grounds of a span, into the arrays of Herds. meets: groups, and `worth` of them."""
    _, species, cell, number, mass = agents
    first, last, here = room[:3]
    several, end = meets[0].shape[1], 0
    low, high = span[0] * several, span[1] * several
    first[low:high] = 0
    for herd in range(len(species)):
        own = ground[cell[herd]] * several + species[herd]
        # herds of the grounds before lie before these
        end += own < low
        if low <= own < high:
            first[own] += 1
    for own in range(low, high):
        many = first[own]
        first[own], last[own] = end, end
        end += many
    for herd in range(len(species)):
        own = ground[cell[herd]] * several + species[herd]
        if low <= own < high:
            here[last[own]] = herd
            last[own] += 1
    _summed((number, mass), room, meets, span)


@compiled
def _summed(
    animals: tuple[Integers, Doubles], room: Herds, meets: tuple[Doubles, Doubles], span: tuple[int, int]
) -> None:
    """What the herds of each kind of the grounds of a span come to. Where groups are met, each head counts for as many loners as the sum over its herds of
    w(n), over w(1) times their heads."""
    number, mass = animals
    first, last, here, most, heads, grams, alone = room
    groups, known = meets
    several = groups.shape[1]
    met = np.zeros(several)
    for own in range(several):
        # 0 where animals are met one by one
        if len(alone) > 0 and (groups[0, own] != 1.0 or groups[1, own] * groups[2, own] > 0.0):
            met[own] = sought(1.0, groups[:, own])
    for place in range(span[0], span[1]):
        for own in range(several):
            kind, largest, many, weight, loners = place * several + own, 0, 0, 0.0, 0.0
            for at in range(first[kind], last[kind]):
                herd = here[at]
                size = number[herd]
                largest, many = max(largest, size), many + size
                weight += size * mass[herd]
                if size > 0 and met[own] > 0.0:
                    loners += known[own, size] if size < known.shape[1] else sought(float(size), groups[:, own])
            most[kind], heads[kind], grams[kind] = largest, many, weight
            if len(alone) > 0:
                alone[kind] = loners / (many * met[own]) if loners > 0.0 else 1.0


Web = tuple[Doubles, Doubles, Integers, Integers, Integers, Doubles, Doubles, Doubles, Doubles]
"""Columns of species and links; where the links of each eater begin, what is eaten, which plant that is; groups [4, s], the share of the rate of loners at
usual sizes [l], what is seen [cells, l] (empty: everything alike), and what animals are ungrown [a] (empty: all are grown up)."""
Fields = tuple[Doubles, Doubles, Doubles, Integers]
"""Biomass before the step, of animals on the ground of each cell [cells, s]; plants [p, cells] and what is egested in each cell, g [cells], both changed in
place; and the ground of each cell [cells]."""


@compiled
def _eat(agents: Agents, fields: Fields, web: Web, herds: Part, chance: draws.Key, when: Doubles) -> None:
    """The animals of some grounds eat, ground by ground and species by species."""
    who, species, cell, number, mass = agents
    biomass, plants, egested, ground = fields
    columns, links, begin, eaten, pool, groups, usual, seen, ungrown = web
    first, last, here, most, heads, grams, alone, low, high = herds
    days, step, area, hunger, kinds = when[0], int(when[1]), when[2], when[3], len(begin) - 1
    found, rate, adult = np.empty(len(eaten)), links[SHARE] * links[ATTACK], when[4:]
    # a power takes longer than all else
    curved, bent = (links[EXPONENT] != 1.0).any(), (columns[MUTUAL] != 1.0).any()
    for at in range(first[low * kinds], last[high * kinds - 1]):
        animal = here[at]
        own, place = species[animal], cell[animal]
        if number[animal] <= 0 or begin[own] == begin[own + 1]:
            continue
        busy, together = 1.0 + columns[INTERFERENCE, own] * biomass[place, own], 0.0
        if bent:
            busy = 1.0 + hindered(columns[INTERFERENCE, own] * biomass[place, own], columns[MUTUAL, own])
        for link in range(begin[own], begin[own + 1]):
            food, there = eaten[link], biomass[place, eaten[link]]
            if curved and there > 0.0:
                there = there ** links[EXPONENT, link]
            found[link] = rate[link] * there
            if pool[food] < 0:
                together = helped(float(number[animal]), groups[3, own]) if together == 0.0 else together
                found[link] *= together / usual[link]
                if len(alone) > 0:
                    found[link] *= alone[ground[place] * kinds + food]
            busy += found[link] * links[HANDLING, link]
        eats = number[animal] * mass[animal] * days / busy
        if hunger > 0.0:
            frame = adult[own] - ungrown[animal] if len(ungrown) > 0 else adult[own]
            eats *= _harder(mass[animal], frame, hunger)
        gained = 0.0
        for link in range(begin[own], begin[own + 1]):
            food, wanted = eaten[link], eats * found[link]
            if len(seen) > 0:
                # not in the time that is lost to handling: that is of whole days, with the hours of rest
                wanted *= seen[place, link]
            if wanted <= 0.0:
                continue
            if pool[food] >= 0:
                taken = min(wanted, plants[pool[food], place] * area)
                plants[pool[food], place] -= taken / area
            else:
                kind, taken = ground[place] * kinds + food, 0.0
                if heads[kind] > 0:
                    uniform = draws.uniform(chance, who[animal], step, 10_000 * link)
                    kills = _kills(uniform, wanted * heads[kind] / grams[kind], heads[kind])
                    if kills > 0:
                        # a call with so many arrays takes longer than all that is done here
                        prey = first, last, here, most, heads, grams, groups[:, food]
                        taken = _killed(agents, prey, kind, kills, (chance, animal, step, link))
            gained += links[EFFICIENCY, link] * taken
            egested[place] += (1.0 - links[EFFICIENCY, link]) * taken
        # a herd that was itself eaten to the last in this step keeps nothing
        if number[animal] > 0:
            mass[animal] += gained / number[animal]
        else:
            egested[place] += gained


@compiled
def _harder(mass: float, frame: float, hunger: float) -> float:
    """How much harder an animal seeks food that weighs less than a well-fed one of its age."""
    return float((frame / mass) ** hunger) if 0.0 < mass < frame else 1.0


@compiled
def _kills(uniform: float, mean: float, most: int) -> int:
    """A Poisson number, no more than `most`. It is 0 with chance exp(-mean), and so where a uniform is below 1 - mean."""
    return 0 if uniform < 1.0 - mean else min(poisson(uniform, mean), most)


@compiled
def _killed(agents: Agents, herds: Herds, kind: int, kills: int, draw: tuple[draws.Key, int, int, int]) -> float:
    """Kill so many animals of one species in a cell: grams killed.

    Each animal is as likely: a herd is tried, and taken from with the chance of its number over that of the largest; of what it is worth in loners over
    that of the largest, where groups are met.
    """
    who, _, _, number, mass = agents
    first, last, here, most, heads, grams, how = herds
    chance, hunter, step, link = draw
    highest = most[kind] if how[0] == 1.0 else float(most[kind]) ** how[0]
    taken, slot = 0.0, 10_000 * link
    for _ in range(kills):
        # tries are bounded, since all but the last herds may have been emptied in this very step
        for _ in range(1000):
            slot += 1
            one, other = draws.uniforms(chance, who[hunter], step, slot)
            prey = here[first[kind] + int(one * (last[kind] - first[kind]))]
            if prey != hunter and number[prey] > 0 and other * highest < sought(float(number[prey]), how):
                number[prey] -= 1
                heads[kind] -= 1
                grams[kind] -= mass[prey]
                taken += mass[prey]
                break
    return taken
