"""The equations of a food web through time: Dormand and Prince's Runge-Kutta pair 5(4), compiled.

For species i, in g m-2 and days:

    dB_i/dt = r_i B_i (1 - (B_i + rivalry_i * sum of other producers) / K_i) - x_i B_i - d_i B_i^2 - harvest_i B_i + sum_j e_ij B_i F_ij - sum_k B_k F_ki
    F_ij    = w_ij a_ij B_j^q_ij / (1 + (c_i B_i)^m_i + sum_k w_ik a_ik h_ik B_k^q_ik)

(the allometric trophic network: Yodzis & Innes 1992, doi:10.1086/285380; Brose et al. 2006, doi:10.1111/j.1461-0248.2006.00978.x; Beddington 1975 with
Holling's 1959 handling; with m not 1 and little time left for search Arditi & Akcakaya 1990, doi:10.1007/BF00317564; d: deaths of crowding). Four
more equations keep the books: what was grown, metabolised, egested and harvested, so that biomass is accounted for to rounding
(every Runge-Kutta method keeps linear invariants). Step control and dense output: Hairer, Norsett & Wanner 1993, Solving ODEs I, II.4 and II.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch, Unstable
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles, FoodWeb

__all__ = ["BOOKS", "Books", "Course", "Limits", "Web", "flows", "hindered", "run", "slopes", "through"]

Web = tuple[Doubles, Doubles, npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Columns of species and links, where the links of each eater begin, and what is eaten."""
GROWTH, CAPACITY, RIVALRY, LOSS, INTERFERENCE, HARVEST, MUTUAL, CROWDING = range(8)
SHARE, ATTACK, HANDLING, EFFICIENCY, EXPONENT = range(5)
BOOKS = 4
"""Equations that keep the books: grown, metabolised, egested, harvested."""


class Books(NamedTuple):
    """Biomass since the start, g m-2, each [t]: `grown` came in; `metabolised`, `egested` (eaten, not assimilated), `harvested` and `ended` (what was left of
    species that fell below the floor) went out."""

    grown: Doubles
    metabolised: Doubles
    egested: Doubles
    harvested: Doubles
    ended: Doubles

    def balance(self, biomass: Doubles) -> Doubles:
        """What the books lack at each time, as a share of all that went through them: [t]; 0 but for rounding."""
        gone = self.metabolised + self.egested + self.harvested + self.ended
        total = biomass.sum(1)
        return np.asarray((total - total[0] - self.grown + gone) / (total[0] + self.grown))


@dataclass(frozen=True, eq=False)
class Course:
    """`times` days [t], `biomass` g m-2 [t, s], the `books`, and how many `steps` the solver took."""

    times: Doubles
    biomass: Doubles
    books: Books
    steps: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How exact (`relative`, `absolute` in g m-2), below which density a species is gone (`floor` g m-2), and after how many `steps` to give up."""

    relative: float = 1e-6
    absolute: float = 1e-12
    floor: float = 0.0
    steps: int = 2_000_000

    def __post_init__(self) -> None:
        for name in ("relative", "absolute"):
            if not 0 < getattr(self, name) < 1:
                raise BadSetting(name, getattr(self, name), "above 0 and below 1")
        if not self.floor >= 0:
            raise BadSetting("floor", self.floor, "0 or more g m-2")


def run(web: FoodWeb, start: npt.ArrayLike, times: npt.ArrayLike, limits: Limits = Limits()) -> Course:
    """The course of biomass from `start` g m-2 [s] at the first of `times` (days, rising) through all of them.

    Raises BadData for a start that is no density or times that do not rise, Unstable when biomass stops being a number or the solver gives up.
    """
    begin, when = np.array(start, float), np.array(times, float)
    if begin.shape != (len(web.names),):
        raise Mismatch("starting biomass and food web", begin.shape, (len(web.names),))
    if not (np.isfinite(begin).all() and (begin >= 0).all()):
        wrong = [web.names[at] for at in np.flatnonzero(~(np.isfinite(begin) & (begin >= 0))).tolist()]
        raise BadData("starting biomass", "is a number of g m-2 from 0 on", wrong)
    if len(when) < 1 or not np.isfinite(when).all() or (np.diff(when) <= 0).any():
        raise BadData("times", "must rise, in days")
    given = np.array([limits.relative, limits.absolute, limits.floor, limits.steps], float)
    biomass, ended, steps, failed = through((web.species, web.links, web.first, web.eaten), begin, when, given)
    if failed >= 0:
        raise Unstable("food web", "biomass", web.names[failed] if failed < len(web.names) else "all", steps)
    species = len(web.names)
    grown, metabolised, egested, harvested = biomass[:, species:].T.copy()
    books = Books(grown, metabolised, egested, harvested, ended)
    return Course(when, np.ascontiguousarray(biomass[:, :species]), books, steps)


def flows(web: FoodWeb, biomass: npt.ArrayLike) -> Doubles:
    """What flows along each link at one state [s]: g m-2 day-1 eaten, float64 [l]."""
    held = np.maximum(np.asarray(biomass, float), 0.0)
    sought = web["share"] * web["attack"] * held[web.eaten] ** web["exponent"]
    busy = (
        1.0
        + (web["interference"] * held) ** web["mutual"]
        + np.bincount(web.eater, sought * web["handling"], len(held))
    )
    return np.asarray(held[web.eater] * sought / busy[web.eater])


def slopes(web: FoodWeb, biomass: npt.ArrayLike) -> Doubles:
    """Rates of change [s + 4] at one state [s]: g m-2 day-1 of each species, then of what is grown, metabolised, egested and harvested."""
    out = np.empty(len(web.names) + BOOKS)
    _slopes((web.species, web.links, web.first, web.eaten), np.array(biomass, float), out)
    return out


@compiled
def _slopes(web: Web, biomass: Doubles, out: Doubles) -> None:
    """The right-hand side. `biomass` may be longer than the species: what follows them is not read."""
    species, links, first, eaten = web
    count = species.shape[1]
    producers, grown, metabolised, egested, harvested = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        if species[GROWTH, i] > 0.0:
            producers += biomass[i]
    for i in range(count):
        mine, gain = biomass[i], 0.0
        if species[GROWTH, i] > 0.0:
            crowd = mine + species[RIVALRY, i] * (producers - mine)
            gain = species[GROWTH, i] * mine * (1.0 - crowd / species[CAPACITY, i])
        spent, taken = (species[LOSS, i] + species[CROWDING, i] * mine) * mine, species[HARVEST, i] * mine
        grown, metabolised, harvested = grown + gain, metabolised + spent, harvested + taken
        out[i] = gain - spent - taken
    for i in range(count):
        if first[i] == first[i + 1] or biomass[i] <= 0.0:
            continue
        busy = 1.0 + hindered(species[INTERFERENCE, i] * biomass[i], species[MUTUAL, i])
        for link in range(first[i], first[i + 1]):
            busy += _sought(links, link, biomass[eaten[link]]) * links[HANDLING, link]
        for link in range(first[i], first[i + 1]):
            prey = eaten[link]
            flow = biomass[i] * _sought(links, link, biomass[prey]) / busy
            made = links[EFFICIENCY, link] * flow
            out[i] += made
            out[prey] -= flow
            egested += flow - made
    out[count], out[count + 1], out[count + 2], out[count + 3] = grown, metabolised, egested, harvested


@compiled
def hindered(met: float, exponent: float) -> float:
    """The time that an eater loses to its own kind, over the time that it searches: how many it meets, to the exponent of interference."""
    return met if exponent == 1.0 or met <= 0.0 else met**exponent


@compiled
def _sought(links: Doubles, link: int, biomass: float) -> float:
    """What an eater that does nothing else finds along a link, day-1. A stage of a step may lie a little below 0."""
    if biomass <= 0.0:
        return 0.0
    exponent = links[EXPONENT, link]
    return float(links[SHARE, link] * links[ATTACK, link] * (biomass if exponent == 1.0 else biomass**exponent))


A = np.array(
    [
        [1 / 5, 0, 0, 0, 0, 0],
        [3 / 40, 9 / 40, 0, 0, 0, 0],
        [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
"""The stages of Dormand & Prince 1980 (doi:10.1016/0771-050X(80)90013-3); the last is the step itself."""
ERROR = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
"""Fifth order less fourth."""
DENSE = np.array(
    [
        *(-12715105075 / 11282082432, 0, 87487479700 / 32700410799, -10690763975 / 1880347072),
        *(701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423),
    ]
)
"""The fourth-order polynomial inside a step (Hairer et al. 1993, II.6)."""


@compiled
def through(web: Web, start: Doubles, times: Doubles, limits: Doubles) -> tuple[Doubles, Doubles, int, int]:
    """States at `times` [t, s + 4], what ended by each [t], the number of steps, and the species at which it failed (s: too many steps), else -1."""
    count = len(start)
    state = np.zeros(count + BOOKS)
    state[:count] = start
    stages = np.zeros((7, count + BOOKS))
    out, ended = np.zeros((len(times), count + BOOKS)), np.zeros(len(times))
    gone, now, at, steps = _below(state, count, limits[2]), times[0], 0, 0
    while at < len(times) and times[at] <= now:
        out[at], ended[at], at = state, gone, at + 1
    _slopes(web, state, stages[0])
    step = _first_step(state, stages[0], count, limits)
    while at < len(times):
        steps += 1
        if steps > limits[3]:
            return out, ended, steps, count
        step = min(step, times[-1] - now)
        then, wrong = _stride(web, state, stages, step, limits)
        if not wrong <= 1.0:
            # a state that is no number cannot tell how much smaller the step must be
            step *= max(0.2, 0.9 * wrong**-0.2) if np.isfinite(wrong) else 0.1
            if step < 1e-14 * max(abs(now), 1.0):
                return out, ended, steps, int(np.argmax(np.abs(stages[0, :count])))
            continue
        while at < len(times) and times[at] <= now + step * (1.0 + 1e-12):
            _inside(state, then, stages, step, (times[at] - now) / step, out[at])
            ended[at], at = gone, at + 1
        now, state = now + step, then
        lost = _below(state, count, limits[2])
        gone += lost
        if lost == 0.0:
            stages[0] = stages[6]
        else:
            _slopes(web, state, stages[0])
        step *= min(5.0, max(0.2, 0.9 * max(wrong, 1e-10) ** -0.2))
    return out, ended, steps, -1


@compiled
def _stride(web: Web, state: Doubles, stages: Doubles, step: float, limits: Doubles) -> tuple[Doubles, float]:
    """One step from `state` with stages[0] given: the next state, and its error over what is allowed (root mean square over species)."""
    then = state
    for stage in range(6):
        then = state.copy()
        for before in range(stage + 1):
            if A[stage, before] != 0.0:
                then += step * A[stage, before] * stages[before]
        _slopes(web, then, stages[stage + 1])
    count, total = len(state) - BOOKS, 0.0
    for i in range(count):
        error = 0.0
        for stage in range(7):
            error += ERROR[stage] * stages[stage, i]
        allowed = limits[1] + limits[0] * max(abs(state[i]), abs(then[i]))
        total += (step * error / allowed) ** 2
    return then, np.sqrt(total / max(count, 1))


@compiled
def _inside(state: Doubles, then: Doubles, stages: Doubles, step: float, share: float, out: Doubles) -> None:
    """The state at a share (0 to 1) of a step."""
    for i in range(len(state)):
        rise = then[i] - state[i]
        bend = step * stages[0, i] - rise
        curve = rise - step * stages[6, i] - bend
        extra = 0.0
        for stage in range(7):
            extra += DENSE[stage] * stages[stage, i]
        rest = 1.0 - share
        out[i] = state[i] + share * (rise + rest * (bend + share * (curve + rest * step * extra)))


@compiled
def _below(state: Doubles, count: int, floor: float) -> float:
    """End the species that fell below the floor: what was left of them, g m-2."""
    lost = 0.0
    for i in range(count):
        if state[i] < floor or state[i] < 0.0:
            lost += state[i]
            state[i] = 0.0
    return lost


@compiled
def _first_step(state: Doubles, slope: Doubles, count: int, limits: Doubles) -> float:
    """A step that moves no species by more than a hundredth of itself (Hairer et al. 1993, II.4)."""
    size, change = 0.0, 0.0
    for i in range(count):
        allowed = limits[1] + limits[0] * abs(state[i])
        size += (state[i] / allowed) ** 2
        change += (slope[i] / allowed) ** 2
    if size <= 0.0 or change <= 0.0:
        return 1e-3
    return float(0.01 * np.sqrt(size / change))
