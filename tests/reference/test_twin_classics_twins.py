"""Slow twins of the classic models: the declared rules in plain Python, with the same draws, end in the same places."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.twin import draws
from merian.twin.classics.birds import Flocking, flocking
from merian.twin.classics.neighbours import Schelling, schelling
from merian.twin.classics.order import shuffle
from merian.twin.classics.sugar import Sugarscape, sugarscape
from merian.twin.classics.wealth import Boltzmann, boltzmann
from merian.twin.classics.wolves import WolfSheep, wolf_sheep


def order_of(count: int, key: draws.Key, step: int) -> list[int]:
    """Fisher and Yates with a draw for two places."""
    order = list(range(count))
    for at in range(count - 1, 0, -2):
        first, second = draws.uniforms(key, at, step, 7)
        for here, uniform in ((at, first), (at - 1, second))[:at]:
            other = int(uniform * (here + 1))
            order[here], order[other] = order[other], order[here]
    return order


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 511, 512, 513, 514, 1030])
def test_orders_drawn_many_at_a_time_equal_those_drawn_one_by_one(count: int) -> None:
    key, order = draws.key(1, "orders"), np.full(count + 3, -1, np.int32)
    shuffle(order, count, key, 5)
    assert order[:count].tolist() == order_of(count, key, 5)
    assert order[count:].tolist() == [-1] * 3


def around(cell: int, columns: int, rows: int) -> list[int]:
    """The cells around a cell, row by row."""
    x, y = cell % columns, cell // columns
    return [
        j * columns + i
        for j in range(y - 1, y + 2)
        for i in range(x - 1, x + 2)
        if 0 <= i < columns and 0 <= j < rows and (i, j) != (x, y)
    ]


def plain_wolves(model: WolfSheep, seed: int, steps: int) -> list[tuple[int, int, int]]:
    """The rules of the module's head, animal by animal."""
    setup, of_sheep, of_wolves = (draws.key(seed, "wolf-sheep", name) for name in ("setup", "sheep", "wolves"))
    cells = model.columns * model.rows
    grass = []
    for cell in range(cells):
        grown, when = draws.uniforms(setup, cell, 0, 0)
        grass.append(0 if grown < 0.5 else 1 + int(when * model.regrowth))
    kinds = {}
    for name, count, gain, slot in (
        ("sheep", model.sheep, model.sheep_gain, 1),
        ("wolf", model.wolves, model.wolf_gain, 2),
    ):
        kinds[name] = []
        for number in range(count):
            where, energy = draws.uniforms(setup, number, 0, slot)
            kinds[name].append({"number": number, "cell": int(where * cells), "energy": 2 * gain * energy})
    born = {"sheep": model.sheep, "wolf": model.wolves}
    told = [(model.sheep, model.wolves, grass.count(0))]
    for step in range(steps):
        dead = []
        for name, key, chance in (("sheep", of_sheep, model.sheep_births), ("wolf", of_wolves, model.wolf_births)):
            animals, newborn = kinds[name], []
            here = {
                cell: [s for s in kinds["sheep"] if s["cell"] == cell] for cell in {s["cell"] for s in kinds["sheep"]}
            }
            for at in order_of(len(animals), key, step):
                animal = animals[at]
                way, birth = draws.uniforms(key, animal["number"], step, 0)
                places = around(animal["cell"], model.columns, model.rows)
                animal["cell"] = places[int(way * len(places))]
                animal["energy"] -= 1
                if name == "sheep" and grass[animal["cell"]] == 0:
                    animal["energy"] += model.sheep_gain
                    grass[animal["cell"]] = model.regrowth
                prey = here.get(animal["cell"], []) if name == "wolf" else []
                if prey:
                    eaten = int(draws.uniform(key, animal["number"], step, 1) * len(prey))
                    dead.append(prey[eaten]["number"])
                    prey[eaten] = prey[-1]
                    prey.pop()
                    animal["energy"] += model.wolf_gain
                lives = animal["energy"] >= (1 if name == "sheep" else 0)
                if lives and birth < chance:
                    animal["energy"] /= 2
                    newborn.append({**animal, "number": born[name]})
                    born[name] += 1
                animal["lives"] = lives
            kinds[name] = [animal for animal in animals if animal.pop("lives")] + newborn
            for animal in newborn:
                animal.pop("lives", None)
        kinds["sheep"] = [sheep for sheep in kinds["sheep"] if sheep["number"] not in dead]
        grass = [max(left - 1, 0) for left in grass]
        told.append((len(kinds["sheep"]), len(kinds["wolf"]), grass.count(0)))
    return told


@pytest.mark.parametrize(
    ("model", "seed", "steps"),
    [
        *((WolfSheep(9, 7, 25, 8, 6, 0.3, 0.15), seed, 40) for seed in range(3)),
        # more than are drawn at once, crowds in a cell, grass that grows again at once
        (WolfSheep(30, 40, 300, 290, 6, 0.3, 0.15), 3, 12),
        (WolfSheep(2, 1, 60, 30, 2, 0.9, 0.5), 4, 8),
        (WolfSheep(6, 6, 30, 10, 0, 0.2, 0.2), 5, 12),
        # they become so many that room for newborns runs out time and again
        (WolfSheep(12, 12, 1, 0, 1, 1.0, 0.0), 6, 14),
    ],
)
def test_wolves_and_sheep_equal_the_plain_rules(model: WolfSheep, seed: int, steps: int) -> None:
    found = wolf_sheep(model, seed, steps)
    assert list(zip(found.sheep.tolist(), found.wolves.tolist(), found.grass.tolist(), strict=True)) == plain_wolves(
        model, seed, steps
    )
    assert found.agent_steps == found.sheep[:-1].sum() + found.wolves[:-1].sum()


@pytest.mark.parametrize(
    ("side", "sight", "birds"), [(30.0, 5.0, 25), (10.0, 5.0, 25), (16.0, 5.2, 25), (18.1, 5.0, 90), (40.0, 2.0, 120)]
)
def test_birds_equal_the_plain_rules(side: float, sight: float, birds: int) -> None:
    """All pairs, each seen at its nearest image; 10 and 16 across have too few boxes to look into them one by one."""
    model = Flocking(side, birds, sight)
    setup, key = draws.key(5, "flocking", "setup"), draws.key(5, "flocking")
    place = np.array([draws.uniforms(setup, bird, 0, 0) for bird in range(birds)]) * side
    angle = np.array([2 * math.pi * draws.uniform(setup, bird, 0, 1) for bird in range(birds)])
    heading = np.stack([np.cos(angle), np.sin(angle)], 1)
    for step in range(30):
        for bird in order_of(birds, key, step):
            way = place - place[bird]
            way -= side * np.round(way / side)
            gap = np.hypot(*way.T)
            seen = (gap <= sight) & (np.arange(birds) != bird)
            if seen.any():
                close = seen & (gap < model.closest)
                turn = (
                    model.cohere * way[seen].sum(0)
                    - model.apart * way[close].sum(0)
                    + model.match * heading[seen].sum(0)
                )
                new = heading[bird] + turn / seen.sum()
                heading[bird] = new / np.hypot(*new)
            place[bird] = (place[bird] + heading[bird]) % side
    found = flocking(model, 5, 30)
    assert np.abs(found.place - place).max() < 1e-6
    assert np.abs(found.heading - heading).max() < 1e-6
    assert found.order[-1] == pytest.approx(np.hypot(*heading.mean(0)), abs=1e-9)


@pytest.mark.parametrize(("radius", "wanted"), [(1, 3), (2, 8)])
def test_neighbours_equal_the_plain_rules(radius: int, wanted: int) -> None:
    side, agents = 12, 100
    setup, key = draws.key(2, "schelling", "setup"), draws.key(2, "schelling")
    where = order_of(side * side, setup, 0)[:agents]
    group = {cell: 1 + agent % 2 for agent, cell in enumerate(where)}
    content = []
    for step in range(8):
        content.append(0)
        for agent in order_of(agents, key, step):
            y, x = divmod(where[agent], side)
            near = [
                group.get(j * side + i)
                for j in range(max(y - radius, 0), min(y + radius + 1, side))
                for i in range(max(x - radius, 0), min(x + radius + 1, side))
            ]
            if near.count(group[where[agent]]) - 1 >= wanted:
                content[-1] += 1
                continue
            slots = (slot for slot in range(1000) if slot != 7)
            tried = (int(u * side * side) for slot in slots for u in draws.uniforms(key, agent, step, slot))
            new = next(cell for cell in tried if cell not in group)
            group[new] = group.pop(where[agent])
            where[agent] = new
    found = schelling(Schelling(side, agents, radius, wanted), 2, 8)
    assert found.content.tolist() == content
    assert {cell: int(found.group[divmod(cell, side)]) for cell in group} == group
    assert (found.group > 0).sum() == agents


def plain_gifts(model: Boltzmann, seed: int, steps: int) -> tuple[list[int], list[int]]:
    """The rules of the module's head, gift by gift: wealth at the end, and failed gifts of each step."""
    key, count = draws.key(seed, "boltzmann", model.rule), model.agents
    wealth, idle = [model.wealth] * count, []
    for step in range(steps):
        gifts = []
        if model.rule == "turns":
            gifts = [(agent, draws.uniform(key, agent, step, 0)) for agent in order_of(count, key, step)]
        elif model.rule == "together":
            gifts = [(agent, draws.uniforms(key, agent // 2, step, 0)[agent % 2]) for agent in range(count)]
        else:
            for gift in range(count):
                giver, to = draws.uniforms(key, gift, step, 0)
                gifts.append((int(giver * count), to))
        had = list(wealth)
        idle.append(0)
        for giver, to in gifts:
            if (had if model.rule == "together" else wealth)[giver] == 0:
                idle[-1] += 1
                continue
            wealth[giver] -= 1
            wealth[int(to * count)] += 1
    return wealth, idle


@pytest.mark.parametrize("rule", ["turns", "together", "chance"])
@pytest.mark.parametrize("agents", [1, 40, 41, 513, 1027])
def test_gifts_equal_the_plain_rules(rule: str, agents: int) -> None:
    model = Boltzmann(agents, 2, rule)
    wealth, idle = plain_gifts(model, 3, 30)
    for threads in (1, 3):
        found = boltzmann(model, 3, 30, threads)
        assert found.wealth.tolist() == wealth
        assert found.idle.tolist() == idle


def plain_sugar(model: Sugarscape, seed: int, steps: int) -> tuple[list[int], dict[int, tuple[int, int]]]:
    """The rules of the module's head, agent by agent: the living of each step, and what stands where at the end: sugar held and need."""
    setup, key, side = draws.key(seed, "sugarscape", "setup"), draws.key(seed, "sugarscape"), model.side
    full = [int(draws.uniforms(setup, cell // 2, 0, 0)[cell % 2] * (model.capacity + 1)) for cell in range(side**2)]
    ants, cells = [], list(range(side**2))
    for ant in range(model.agents):
        chance = (*draws.uniforms(setup, ant, 0, 1), *draws.uniforms(setup, ant, 0, 2))
        at = ant + int(chance[3] * (side**2 - ant))
        cells[ant], cells[at] = cells[at], cells[ant]
        cell = cells[ant]
        spans = (model.held, model.need, model.sight)
        ants.append(
            [cell, *(low + int(u * (high - low + 1)) for u, (low, high) in zip(chance[:3], spans, strict=True))]
        )
    now, alive = list(full), [len(ants)]
    for step in range(steps):
        for at in order_of(len(ants), key, step):
            here, _, _, sight = ants[at]
            y, x = divmod(here, side)
            ways = ((-1, 0), (0, -1), (0, 1), (1, 0))
            seen = [(far, y + far * dy, x + far * dx) for far in range(1, sight + 1) for dy, dx in ways]
            free = {ant[0] for ant in ants}
            cells = [(far, j * side + i) for far, j, i in seen if 0 <= j < side and 0 <= i < side]
            choice = [(0, here)] + [(far, cell) for far, cell in cells if cell not in free]
            ants[at][0] = min(choice, key=lambda one: (-now[one[1]], *one))[1]
        for ant in ants:
            ant[1] += now[ant[0]] - ant[2]
        ants = [ant for ant in ants if ant[1] > 0]
        stand = {ant[0] for ant in ants}
        now = [0 if model.bare and cell in stand else full[cell] for cell in range(side**2)]
        alive.append(len(ants))
    return alive, {ant[0]: (ant[1], ant[2]) for ant in ants}


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("side", "agents", "sight"), [(14, 60, (1, 6)), (21, 150, (7, 30)), (8, 64, (1, 3)), (1, 1, (1, 1))]
)
def test_gatherers_equal_the_plain_rules(seed: int, bare: bool, side: int, agents: int, sight: tuple[int, int]) -> None:
    model = Sugarscape(side, agents, held=(3, 8), need=(2, 5), sight=sight, bare=bare)
    alive, stand = plain_sugar(model, seed, 12)
    found = sugarscape(model, seed, 12)
    assert found.alive.tolist() == alive
    assert alive[-1] < agents
    assert {cell: (held, need) for cell, held, need, _ in found.ants.tolist()} == stand
