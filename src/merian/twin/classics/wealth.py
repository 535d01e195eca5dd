"""Agents who hand each other money at random (Dragulescu & Yakovenko 2000, doi:10.1007/s100510070114; the "Boltzmann wealth" model of public comparisons).

All begin alike. In a step each agent that has something gives one unit to an agent drawn from all, itself among them; the `rule` says who gives when:

    turns     one after the other in random order, and what one was given it may hand on in the same step (Mesa's example)
    together  all at once, by what each had at the beginning of the step (mesa-frames' example). An agent is then a queue with constant service and as many
              arrivals as others give: its wealth at rest is that of an M/D/1 queue of the load at which the mean is what it is
    chance    as many single gifts as there are agents, each by an agent drawn anew. Every way to share the sum is then as likely, so that wealth at rest is
              geometric; for a large mean it is exponential, with a Gini coefficient of 1/2
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.classics.order import AHEAD, MANY, NEAR, Order, place, room, shuffle
from merian.twin.compiled import compiled, fetch

__all__ = ["Boltzmann", "Rule", "Shares", "boltzmann", "gini"]

Units = npt.NDArray[np.int32]
Rule = Literal["turns", "together", "chance"]


@dataclass(frozen=True, slots=True)
class Boltzmann:
    """The model's numbers: agents, what each has at the start, and who gives when."""

    agents: int
    wealth: int = 1
    rule: Rule = "turns"

    def __post_init__(self) -> None:
        if not 1 <= self.agents < 2**31:
            raise BadSetting("agents", self.agents, "from 1 to 2,147,483,647")
        if not 0 <= self.wealth <= 1000:
            raise BadSetting("wealth", self.wealth, "from 0 to 1000 units each")
        if self.rule not in get_args(Rule):
            raise BadSetting("rule", self.rule, f"one of {', '.join(get_args(Rule))}")


@dataclass(frozen=True, eq=False)
class Shares:
    """`wealth` of each agent at the end, int32 [agents]; `idle` int64 [steps]: how many gifts of each step failed, for the giver had nothing."""

    wealth: Units
    idle: Order


def boltzmann(model: Boltzmann, seed: int, steps: int, threads: int = 1) -> Shares:
    """The course of a market; the same seed gives the same course, for any number of `threads` (which only the rule `together` makes use of)."""
    wealth = np.full(model.agents, model.wealth, np.int32)
    chance = draws.key(seed, "boltzmann", model.rule)
    if model.rule == "together":
        return Shares(wealth, _at_once(wealth, chance, steps, threads))
    if model.rule == "chance":
        return Shares(wealth, _by_chance(wealth, chance, steps))
    order, gifts = np.empty(model.agents, np.int32), np.empty(2 * model.agents, np.int32)
    return Shares(wealth, _in_turns(wealth, order, gifts, chance, steps))


def gini(wealth: npt.ArrayLike) -> float:
    """The Gini coefficient of what each has: mean difference between two agents over twice the mean; 0 where nobody has anything."""
    held = np.sort(np.asarray(wealth, float))
    total = float(held.sum())
    if total == 0:
        return 0.0
    return float(2 * (np.arange(1, len(held) + 1) * held).sum() / (len(held) * total) - (len(held) + 1) / len(held))


@compiled
def _in_turns(wealth: Units, order: Units, gifts: Units, chance: draws.Key, steps: int) -> Order:
    """Go through all steps in place: failed gifts [steps]. order [agents]: who gives when; gifts [2 * agents]: what each has, and to whom its gift goes."""
    agents = len(wealth)
    who, words, uniforms = room()
    idle = np.zeros(steps, np.int64)
    for agent in range(agents):
        gifts[2 * agent] = wealth[agent]
    for step in range(steps):
        shuffle(order, agents, chance, step)
        for first in range(0, agents, MANY):
            many = min(MANY, agents - first)
            for at in range(many):
                who[at] = first + at
            draws.pairs(chance, who[:many], step, 0, words, uniforms)
            for at in range(many):
                gifts[2 * (first + at) + 1] = place(uniforms[0, at], agents)
        for turn in range(agents):
            if turn + AHEAD < agents:
                fetch(gifts, 2 * order[turn + AHEAD])
                fetch(gifts, 2 * gifts[2 * order[turn + NEAR] + 1])
            agent = order[turn]
            # no fork: which of two ways a turn goes cannot be foreseen
            gives = gifts[2 * agent] > 0
            gifts[2 * agent] -= gives
            gifts[2 * gifts[2 * agent + 1]] += gives
            idle[step] += not gives
    for agent in range(agents):
        wealth[agent] = gifts[2 * agent]
    return idle


@compiled
def _by_chance(wealth: Units, chance: draws.Key, steps: int) -> Order:
    """Go through all steps in place: failed gifts [steps]."""
    agents = len(wealth)
    who, words, uniforms = room()
    ways, idle = np.empty((2, MANY), np.int64), np.zeros(steps, np.int64)
    for step in range(steps):
        for first in range(0, agents, MANY):
            many = min(MANY, agents - first)
            for at in range(many):
                who[at] = first + at
            draws.pairs(chance, who[:many], step, 0, words, uniforms)
            for at in range(many):
                for end in range(2):
                    ways[end, at] = place(uniforms[end, at], agents)
                    fetch(wealth, ways[end, at])
            for at in range(many):
                giver = ways[0, at]
                gives = wealth[giver] > 0
                wealth[giver] -= gives
                wealth[ways[1, at]] += gives
                idle[step] += not gives
    return idle


def _at_once(wealth: Units, chance: draws.Key, steps: int, threads: int) -> Order:
    """Go through all steps in place: failed gifts [steps]. Each thread counts what its agents give; the counts are added up, so their order does not matter."""
    agents = len(wealth)
    parts = min(max(threads, 1), agents)
    income, idle = np.zeros((parts, agents), np.int32), np.zeros((parts, steps), np.int64)
    # two neighbours share a draw
    halves = np.linspace(0, -(-agents // 2), parts + 1).astype(int)
    spans = list(pairwise(np.minimum(2 * halves, agents).tolist()))
    with ThreadPoolExecutor(parts) as pool:
        for step in range(steps):

            def give(part: int, step: int = step) -> None:
                idle[part, step] = _give(wealth, income[part], spans[part], chance, step)

            def take(part: int) -> None:
                _take(wealth, income, spans[part])

            _each(give, parts, pool)
            _each(take, parts, pool)
    return np.asarray(idle.sum(0))


def _each(work: Callable[[int], None], parts: int, pool: ThreadPoolExecutor) -> None:
    """Do a work for all parts."""
    if parts == 1:
        work(0)
        return
    for done in [pool.submit(work, part) for part in range(parts)]:
        done.result()


@compiled
def _give(wealth: Units, income: Units, span: tuple[int, int], chance: draws.Key, step: int) -> int:
    """Count what the agents of a span (which begins at an even one) give, by receiver: how many have nothing."""
    agents, idle = len(wealth), 0
    who, words, uniforms = room()
    for first in range(span[0], span[1], 2 * MANY):
        many = min(2 * MANY, span[1] - first)
        for at in range((many + 1) // 2):
            who[at] = first // 2 + at
        draws.pairs(chance, who[: (many + 1) // 2], step, 0, words, uniforms)
        for at in range(many):
            gives = wealth[first + at] > 0
            income[place(uniforms[at % 2, at // 2], agents)] += gives
            idle += not gives
    return idle


@compiled
def _take(wealth: Units, income: Units, span: tuple[int, int]) -> None:
    """The agents of a span lose what they gave and get what was given to them; the counts are emptied."""
    for agent in range(span[0], span[1]):
        if wealth[agent] > 0:
            wealth[agent] -= 1
        for part in range(len(income)):
            wealth[agent] += income[part, agent]
            income[part, agent] = 0
