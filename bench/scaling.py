"""How the time of a step grows with the number of agents, from 10,000 to 1,000,000, and what two cores bring; the rate in agent-steps a second.

    .venv/bin/python bench/scaling.py [--most 1000000] [--rounds 5] [--only wolves]

Density stays the same while agents become more. The exponent is that of processor seconds of one core on agents, by least squares on logarithms of the medians,
with its 95 % interval: 1 is linear. Setup is taken off (a run of no steps). `together` shares one world out among threads, to the same result; of the others
two worlds are run at once, one a core, as an ensemble does (by the clock). Promise: linear to 1e6 agents, 1e7 agent-steps a second on two cores.

The floor below them is the machine's: what a line of memory costs that is read at random, waited for (its address stands in the line before) and fetched ahead,
in 0.25 MB, which a core's own cache holds, and in 256 MB, which no cache does. A million agents take from 12 (gifts) to 90 MB (flocking): each line that a turn
touches costs up to the difference of the second pair more than in a small world.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.stats import t as student

from merian.core.workers import cores
from merian.twin.classics.birds import Flocking, flocking
from merian.twin.classics.neighbours import Schelling, schelling
from merian.twin.classics.order import AHEAD
from merian.twin.classics.sugar import Sugarscape, sugarscape
from merian.twin.classics.wealth import Boltzmann, boltzmann
from merian.twin.classics.wolves import WolfSheep, wolf_sheep
from merian.twin.compiled import compiled, fetch

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
Course = Callable[[int, int, int, int], float]
"""Of agents, seed, steps and threads: how often an agent acted."""


def gifts(agents: int, seed: int, steps: int, threads: int) -> float:
    """Gifts in turns."""
    boltzmann(Boltzmann(agents, 1, "turns"), seed, steps)
    return float(agents * steps)


def together(agents: int, seed: int, steps: int, threads: int) -> float:
    """Gifts all at once."""
    boltzmann(Boltzmann(agents, 1, "together"), seed, steps, threads)
    return float(agents * steps)


def sugar(agents: int, seed: int, steps: int, threads: int) -> float:
    """Sugarscape, 25 cells an agent."""
    model = Sugarscape(math.ceil(math.sqrt(agents / 0.04)), agents, 3, (6, 24), (2, 3), (1, 5))
    return float(sugarscape(model, seed, steps).agent_steps)


def wolves(agents: int, seed: int, steps: int, threads: int) -> float:
    """Wolves and sheep on grass, of which there are about so many on the mean of twenty steps."""
    side = math.ceil(math.sqrt(agents / 0.4))
    model = WolfSheep(side, side, side * side // 10, side * side // 20, 10, 0.4, 0.2)
    return float(wolf_sheep(model, seed, steps).agent_steps)


def birds(agents: int, seed: int, steps: int, threads: int) -> float:
    """Birds as dense as in the small flock."""
    flocking(Flocking(math.sqrt(agents / 0.02), agents, 5.0), seed, steps)
    return float(agents * steps)


def neighbours(agents: int, seed: int, steps: int, threads: int) -> float:
    """Schelling's neighbours, four fifths of all cells taken."""
    schelling(Schelling(math.ceil(math.sqrt(agents / 0.8)), agents, 2, 8), seed, steps)
    return float(agents * steps)


COURSES: dict[str, tuple[Course, int]] = {
    "gifts, together": (together, 5),
    "gifts, in turns": (gifts, 5),
    "Schelling": (neighbours, 4),
    "wolves and sheep": (wolves, 20),
    "Sugarscape": (sugar, 4),
    "flocking": (birds, 4),
}


def timed(work: Callable[[], float], clock: Callable[[], float]) -> tuple[float, float]:
    """What a work gives, and its seconds."""
    begun = clock()
    found = work()
    return found, clock() - begun


def stepping(course: Course, agents: int, seed: int, steps: int, threads: int = 1) -> tuple[float, float]:
    """How often agents acted, and the seconds of the steps alone: of the processor for one thread, by the clock for more."""
    clock = time.process_time if threads == 1 else time.perf_counter
    _, setup = timed(lambda: course(agents, seed, 0, threads), clock)
    acted, took = timed(lambda: course(agents, seed, steps, threads), clock)
    return acted, max(took - setup, 1e-9)


@compiled
def waiting(ring: np.ndarray, hops: int) -> int:
    """Go from line to line: each says which is next."""
    at = 0
    for _ in range(hops):
        at = ring[8 * at]
    return at


@compiled
def ahead(ring: np.ndarray, order: np.ndarray) -> int:
    """Read lines in an order that is known, fetched some ahead."""
    found = 0
    for turn in range(len(order)):
        if turn + AHEAD < len(order):
            fetch(ring, 8 * order[turn + AHEAD])
        found += ring[8 * order[turn]]
    return found


def floor(megabytes: float, rounds: int) -> tuple[float, float]:
    """Nanoseconds of a line of memory that is read at random, waited for and fetched ahead: medians."""
    lines, rng = int(megabytes * 2**20 / 64), np.random.default_rng(0)
    order, ring = rng.permutation(lines), np.zeros(8 * lines, np.int64)
    ring[8 * order] = np.roll(order, -1)
    order = rng.integers(0, lines, 1_000_000).astype(np.int32)
    waiting(ring, lines)
    ahead(ring, order)
    took = [
        [
            1e3 * timed(work, time.process_time)[1]
            for work in (lambda: waiting(ring, 1_000_000), lambda: ahead(ring, order))
        ]
        for _ in range(rounds)
    ]
    found = np.median(took, 0)
    return float(found[0]), float(found[1])


def at_once(course: Course, agents: int, steps: int, threads: int) -> float:
    """Agent-steps a second of so many worlds at once, setup taken off: over eight times the steps, for by the clock a setup is not the same twice."""
    seconds, acted = [], 0.0
    with ThreadPoolExecutor(threads) as pool:
        for many in (0, 8 * steps):
            begun = time.perf_counter()
            acted = sum(pool.map(lambda seed, many=many: course(agents, seed, many, 1), range(threads)))
            seconds.append(time.perf_counter() - begun)
    return acted / max(seconds[1] - seconds[0], 1e-9)


def slope(agents: list[float], seconds: list[float]) -> tuple[float, float]:
    """The exponent of seconds on agents, and half of its 95 % interval."""
    x, y = np.log(agents) - np.mean(np.log(agents)), np.log(seconds)
    found = float((x * y).sum() / (x * x).sum())
    rest = y - y.mean() - found * x
    error = math.sqrt(float((rest**2).sum()) / (len(x) - 2) / float((x * x).sum()))
    return found, float(student.ppf(0.975, len(x) - 2)) * error


def main(most: int, rounds: int, only: str) -> None:
    """Print a row for each model."""
    near, far = floor(0.25, rounds), floor(256, rounds)
    print(
        f"floor, a line read at random, in 0.25 / 256 MB: {near[0]:.1f} / {far[0]:.0f} ns waited for (times {far[0] / near[0]:.0f}), "
        f"{near[1]:.1f} / {far[1]:.1f} ns fetched ahead\n"
    )
    sizes, two = [size for size in SIZES if size <= most], cores()
    print(f"{two} cores; at {sizes[-1]:,} agents: agent-steps a second, medians of {rounds}\n")
    print(
        f"| model | ns an agent-step at {', '.join(f'{size:,}' for size in sizes)} | exponent | one core | {two} cores | times | how |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, (course, steps) in COURSES.items():
        if only not in name:
            continue
        course(1000, 0, 2, 1)
        agents, seconds, costs, fastest = list[float](), list[float](), list[float](), 0.0
        for size in sizes:
            # small worlds take too little time to be measured once
            each = [stepping(course, size, seed, steps) for seed in range(max(rounds, min(40, 300_000 // size)))]
            fastest = float(np.median([acted / took for acted, took in each]))
            agents.append(float(np.median([acted for acted, _ in each])) / steps)
            seconds.append(agents[-1] / fastest)
            costs.append(1e9 / fastest)
        if name == "gifts, together":
            both = [np.divide(*stepping(course, sizes[-1], seed, steps, two)) for seed in range(rounds)]
            how = "one world, threads"
        else:
            both = [at_once(course, sizes[-1], steps, two) for _ in range(min(rounds, 3))]
            how = "a world a core"
        found, half = slope(agents, seconds)
        rate = float(np.median(both))
        each_cost = ", ".join(f"{cost:.0f}" for cost in costs)
        print(
            f"| {name} | {each_cost} | {found:.3f} ± {half:.3f} | {fastest:.2e} | {rate:.2e} | {rate / fastest:.2f} | {how} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="models whose name holds this")
    given = parser.parse_args()
    main(given.most, given.rounds, given.only)
