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
        """The biomass [cells, s] that is met in each cell: of animals, the mean over the land of its ground."""
        if self.ground is None or self.land is None:
            return biomass
        area, met = np.bincount(self.ground, self.land), biomass.copy()
        for own in np.flatnonzero(animal).tolist():
            whole = np.bincount(self.ground, biomass[:, own])
            mean = np.divide(whole, area, out=np.zeros_like(whole), where=area > 0)
            met[:, own] = mean[self.ground]
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
        self._room: tuple[Counts, Counts, Counts, Counts, Doubles, Doubles, Counts] | None = None
        self.reads = ("who", "species", "cell", "biomass", *(("seen",) if meeting.sees else ()))
        self.reads += ("ungrown",) if meeting.grows and meeting.hunger > 0.0 else ()

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Graze and hunt."""
        web, biomass = self.web, by_cell(values["biomass"])
        cells = len(biomass)
        ground, grounds = self.meeting.of(cells)
        agents = values["who"], values["species"], values["cell"], values["number"], values["mass"]
        herds = self._by_kind(agents, ground, grounds)
        egested = np.zeros(cells)
        felt = self.meeting.felt(biomass, ~web.producer)
        fields = felt, values["plants"].reshape(-1, cells), egested, ground
        seen = by_cell(values["seen"]) if self.meeting.sees else np.empty((0, 0))
        ungrown = values["ungrown"] if "ungrown" in self.reads else np.empty(0)
        columns = web.species, web.links, web.first, web.eaten, self.pool, self.groups, self.usual, seen, ungrown
        when = np.concatenate([[moment.days, moment.step, self.cell_m2, self.meeting.hunger], self.meeting.adult_g])
        # grounds are islands within a step, so that they may be shared out among threads, as many herds to each as to the others
        begins = herds[0][:: len(web.names)]
        edges = np.searchsorted(begins, np.linspace(0, len(values["who"]), self.threads + 1)[1:-1]).tolist()
        spans = list(pairwise([0, *edges, grounds]))
        spread(lambda span: _eat(agents, fields, columns, (*herds, *span), moment.chance, when), spans)
        return {"biomass": Flow(went=float(egested.sum()) / 1000.0)}

    def _by_kind(self, agents: Agents, ground: Integers, grounds: int) -> Herds:
        """The herds of each kind, in arrays that are used again in the next step."""
        herds, kinds = len(agents[0]), grounds * len(self.web.names)
        room = self._room
        if room is None or len(room[1]) < herds or len(room[0]) != kinds + 1:
            spare = herds + herds // 4 + 16
            first, here, most, heads, kind = (
                np.empty(size, np.int32) for size in (kinds + 1, spare, kinds, kinds, spare)
            )
            room = first, here, most, heads, np.empty(kinds), np.empty(kinds if self.grouped else 0), kind
            self._room = room
        _herds(agents, ground, (self.groups, self._worth(agents[3])), room)
        return room[:6]

    def _worth(self, number: Integers) -> Doubles:
        """How many loners a herd of each species is worth by its number [s, n], up to the largest herd; kept from step to step while it reaches."""
        if self.grouped and int(number.max(initial=0)) >= self._loners.shape[1]:
            self._loners = worth(self.groups, min(int(number.max()) * 5 // 4 + 2, MOST))
        return self._loners


Herds = tuple[Counts, Counts, Counts, Counts, Doubles, Doubles]
"""Where the herds of each kind (ground and species) begin [k + 1] in a list of all of them by kind [a or more]; the most animals in one herd of each kind, how
many animals and grams of each there are, and for how many loners each head of it counts where groups are met [k] (empty: for one)."""


Part = tuple[Counts, Counts, Counts, Counts, Doubles, Doubles, int, int]
"""Herds, and the grounds from the first to before the last that are meant."""
Agents = tuple[Integers, Integers, Integers, Integers, Doubles]


@compiled
def _herds(
    agents: Agents,
    ground: Integers,
    meets: tuple[Doubles, Doubles],
    room: tuple[Counts, Counts, Counts, Counts, Doubles, Doubles, Counts],
) -> None:
    """The herds of each kind, into the arrays of Herds; the last of `room` is the kind of each herd [a or more]. meets: groups, and `worth` of them."""
    _, species, cell, number, mass = agents
    first, here, most, heads, grams, alone, kind = room
    first[:], most[:], heads[:], grams[:], alone[:] = 0, 0, 0, 0.0, 0.0
    kinds, several = len(most), meets[0].shape[1]
    for herd in range(len(species)):
        own = ground[cell[herd]] * several + species[herd]
        kind[herd] = own
        first[own + 1] += 1
        most[own] = max(most[own], number[herd])
        heads[own] += number[herd]
        grams[own] += number[herd] * mass[herd]
    for own in range(kinds):
        first[own + 1] += first[own]
    # the beginning of each kind moves to its end while it is filled, and is moved back
    for herd in range(len(species)):
        own = kind[herd]
        here[first[own]] = herd
        first[own] += 1
    for own in range(kinds, 0, -1):
        first[own] = first[own - 1]
    first[0] = 0
    if len(alone) > 0:
        _alone(number, kind, heads, meets, alone)


@compiled
def _alone(number: Integers, kind: Counts, heads: Counts, meets: tuple[Doubles, Doubles], alone: Doubles) -> None:
    """For how many loners each head of a kind counts, in place [k]: sum over its herds of w(n), over w(1) times its heads."""
    groups, known = meets
    several = groups.shape[1]
    met = np.zeros(several)
    for own in range(several):
        # 0 where animals are met one by one
        if groups[0, own] != 1.0 or groups[1, own] * groups[2, own] > 0.0:
            met[own] = sought(1.0, groups[:, own])
    for herd in range(len(number)):
        own = kind[herd]
        kin, heads_of = own % several, number[herd]
        if heads_of > 0 and met[kin] > 0.0:
            alone[own] += known[kin, heads_of] if heads_of < known.shape[1] else sought(float(heads_of), groups[:, kin])
    for own in range(len(alone)):
        alone[own] = alone[own] / (heads[own] * met[own % several]) if alone[own] > 0.0 else 1.0


Web = tuple[Doubles, Doubles, Integers, Integers, Integers, Doubles, Doubles, Doubles, Doubles]
"""Columns of species and links; where the links of each eater begin, what is eaten, which plant that is; groups [4, s], the share of the rate of loners at
usual sizes [l], what is seen [cells, l] (empty: everything alike), and what animals are ungrown [a] (empty: all are grown up)."""
Fields = tuple[Doubles, Doubles, Doubles, Integers]
"""Biomass before the step, of animals on the ground of each cell [cells, s]; plants [p, cells] and what is egested in each cell, g [cells], both changed in
place; and the ground of each cell [cells]."""


@compiled
def _eat(agents: Agents, fields: Fields, web: Web, herds: Part, chance: draws.Key, when: Doubles) -> None:
    """The animals of some grounds eat, ground by ground and species by species."""
    _, species, cell, number, mass = agents
    biomass, plants, egested, ground = fields
    columns, links, begin, eaten, pool, groups, usual, seen, ungrown = web
    first, here, most, heads, grams, alone, low, high = herds
    days, step, area, hunger, kinds = when[0], int(when[1]), when[2], when[3], len(begin) - 1
    adult = when[4:]
    found = np.empty(len(eaten))
    for at in range(first[low * kinds], first[high * kinds]):
        animal = here[at]
        own, place = species[animal], cell[animal]
        if number[animal] <= 0 or begin[own] == begin[own + 1]:
            continue
        busy = 1.0 + hindered(columns[INTERFERENCE, own] * biomass[place, own], columns[MUTUAL, own])
        together = 0.0
        for link in range(begin[own], begin[own + 1]):
            food, meets = eaten[link], ground[place] * kinds + eaten[link]
            found[link] = _found(links, link, biomass[place, food])
            if pool[food] < 0:
                if together == 0.0:
                    together = helped(float(number[animal]), groups[3, own])
                found[link] *= together / usual[link]
                if len(alone) > 0:
                    found[link] *= alone[meets]
            busy += found[link] * links[HANDLING, link]
        eats = number[animal] * mass[animal] * days / busy
        if hunger > 0.0:
            frame = adult[own] - ungrown[animal] if len(ungrown) > 0 else adult[own]
            if 0.0 < mass[animal] < frame:
                eats *= (frame / mass[animal]) ** hunger
        gained = 0.0
        for link in range(begin[own], begin[own + 1]):
            food = eaten[link]
            wanted = eats * found[link]
            if len(seen) > 0:
                # not in the time that is lost to handling: that is of whole days, with the hours of rest
                wanted *= seen[place, link]
            if wanted <= 0.0:
                continue
            if pool[food] >= 0:
                taken = min(wanted, plants[pool[food], place] * area)
                plants[pool[food], place] -= taken / area
            else:
                taken = _hunted(
                    agents,
                    (first, here, most, heads, grams, groups[:, food]),
                    ground[place] * kinds + food,
                    wanted,
                    (chance, animal, step, link),
                )
            gained += links[EFFICIENCY, link] * taken
            egested[place] += (1.0 - links[EFFICIENCY, link]) * taken
        # a herd that was itself eaten to the last in this step keeps nothing
        if number[animal] > 0:
            mass[animal] += gained / number[animal]
        else:
            egested[place] += gained


@compiled
def _hunted(agents: Agents, herds: Herds, kind: int, wanted: float, draw: tuple[draws.Key, int, int, int]) -> float:
    """Kill animals of one species in a cell, so that the mean is what is wanted: grams killed.

    Each animal is as likely: a herd is tried, and taken from with the chance of its number over that of the largest; of what it is worth in loners over
    that of the largest, where groups are met.
    """
    who, _, _, number, mass = agents
    first, here, most, heads, grams, how = herds
    chance, hunter, step, link = draw
    if heads[kind] <= 0:
        return 0.0
    highest = most[kind] if how[0] == 1.0 else float(most[kind]) ** how[0]
    uniform = draws.uniform(chance, who[hunter], step, 10_000 * link)
    kills = min(poisson(uniform, wanted * heads[kind] / grams[kind]), heads[kind])
    taken, slot = 0.0, 10_000 * link
    for _ in range(kills):
        # tries are bounded, since all but the last herds may have been emptied in this very step
        for _ in range(1000):
            slot += 1
            one, other = draws.uniforms(chance, who[hunter], step, slot)
            prey = here[first[kind] + int(one * (first[kind + 1] - first[kind]))]
            if prey != hunter and number[prey] > 0 and other * highest < sought(float(number[prey]), how):
                number[prey] -= 1
                heads[kind] -= 1
                grams[kind] -= mass[prey]
                taken += mass[prey]
                break
    return taken


@compiled
def _found(links: Doubles, link: int, biomass: float) -> float:
    """What an eater that does nothing else finds along a link, per gram of itself and day."""
    if biomass <= 0.0:
        return 0.0
    exponent = links[EXPONENT, link]
    return float(links[SHARE, link] * links[ATTACK, link] * (biomass if exponent == 1.0 else biomass**exponent))
