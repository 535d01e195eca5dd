"""Wolves and sheep, flocking, Schelling's neighbours, gifts and sugar in Mesa 3, by the declared rules of public comparisons, for bench/agents.py and
bench/gifts_and_sugar.py.

Grass is an array of the model, which is faster in Mesa than a patch and an event for each cell. Run by the python of an environment with mesa:

    python bench/peers/mesa_models.py MODEL SIZE STEPS SEED [SEED ...]

prints one line of JSON for each seed: seconds (setup and all steps), and what the population did.
"""

from __future__ import annotations

import json
import math
import sys
import time

import mesa
import numpy as np
from mesa.discrete_space import CellAgent, OrthogonalMooreGrid
from mesa.experimental.continuous_space import ContinuousSpace, ContinuousSpaceAgent
from mesa.space import SingleGrid

SIZES = {
    ("wolves", "small"): (25, 60, 40, 20, 0.2, 0.1),
    ("wolves", "large"): (100, 1000, 500, 10, 0.4, 0.2),
    ("flocking", "small"): (100, 200, 5.0),
    ("flocking", "large"): (150, 400, 15.0),
    ("schelling", "small"): (40, 1000, 1, 3),
    ("schelling", "large"): (100, 8000, 2, 8),
    ("gifts", "1000"): (1000,),
    ("gifts", "10000"): (10_000,),
    ("gifts", "100000"): (100_000,),
    ("sugar", "1000"): (159, 1000),
    ("sugar", "5000"): (354, 5000),
    ("sugar", "50000"): (1119, 50_000),
}


class Animal(CellAgent):
    def __init__(self, model, energy, cell):
        super().__init__(model)
        self.energy, self.cell = energy, cell

    def newborn(self):
        self.energy /= 2
        type(self)(self.model, self.energy, self.cell)


class Sheep(Animal):
    def step(self):
        model = self.model
        model.acted += 1
        self.cell = self.cell.neighborhood.select_random_cell()
        self.energy -= 1
        place = self.cell.coordinate
        if model.grass[place] == 0:
            self.energy += 5
            model.grass[place] = model.regrowth
        if self.energy < 1:
            self.remove()
        elif self.random.random() < model.births[0]:
            self.newborn()


class Wolf(Animal):
    def step(self):
        model = self.model
        model.acted += 1
        self.cell = self.cell.neighborhood.select_random_cell()
        self.energy -= 1
        sheep = [other for other in self.cell.agents if type(other) is Sheep]
        if sheep:
            self.energy += 13
            self.random.choice(sheep).remove()
        if self.energy < 0:
            self.remove()
        elif self.random.random() < model.births[1]:
            self.newborn()


class WolfSheep(mesa.Model):
    def __init__(self, side, sheep, wolves, regrowth, sheep_births, wolf_births, seed):
        super().__init__(seed=seed)
        self.regrowth, self.births, self.acted = regrowth, (sheep_births, wolf_births), 0
        self.grid = OrthogonalMooreGrid((side, side), torus=False, capacity=math.inf, random=self.random)
        for kind, count, gain in ((Sheep, sheep, 5), (Wolf, wolves, 13)):
            cells = self.random.choices(self.grid.all_cells.cells, k=count)
            kind.create_agents(self, count, energy=self.rng.random(count) * 2 * gain, cell=cells)
        grown = self.rng.random((side, side)) < 0.5
        self.grass = np.where(grown, 0, self.rng.integers(1, regrowth + 1, (side, side)))
        self.counts = []

    def step(self):
        for kind in (Sheep, Wolf):
            if kind in self.agents_by_type:
                self.agents_by_type[kind].shuffle_do("step")
        np.maximum(self.grass - 1, 0, out=self.grass)
        self.counts.append([len(self.agents_by_type.get(kind, ())) for kind in (Sheep, Wolf)])

    def told(self):
        return {"acted": self.acted, "counts": self.counts}


class Bird(ContinuousSpaceAgent):
    def __init__(self, model, space, position, direction):
        super().__init__(space, model)
        self.position, self.direction = position, direction

    def step(self):
        model = self.model
        seen, gaps = self.get_neighbors_in_radius(radius=model.sight)
        others = np.array([other is not self for other in seen], bool)
        if others.any():
            seen, gaps = [bird for bird in seen if bird is not self], gaps[others]
            delta = self.space.calculate_difference_vector(self.position, agents=seen)
            turn = 0.03 * delta.sum(axis=0) - 0.015 * delta[gaps < 1.0].sum(axis=0)
            turn += 0.05 * np.asarray([bird.direction for bird in seen]).sum(axis=0)
            self.direction = self.direction + turn / len(seen)
            self.direction /= np.linalg.norm(self.direction)
        self.position += self.direction


class Flocking(mesa.Model):
    def __init__(self, side, birds, sight, seed):
        super().__init__(seed=seed)
        self.sight, self.order = sight, []
        self.space = ContinuousSpace([[0, side], [0, side]], torus=True, random=self.random, n_agents=birds)
        angle = self.rng.uniform(0, 2 * np.pi, birds)
        heading = np.stack([np.cos(angle), np.sin(angle)], 1)
        Bird.create_agents(self, birds, self.space, position=self.rng.random((birds, 2)) * side, direction=heading)

    def step(self):
        self.agents.shuffle_do("step")
        self.order.append(float(np.linalg.norm(np.mean([bird.direction for bird in self.agents], axis=0))))

    def told(self):
        return {"order": self.order}


class Neighbour(CellAgent):
    def __init__(self, model, cell, group):
        super().__init__(model)
        self.cell, self.group = cell, group

    def step(self):
        model = self.model
        around = self.cell.get_neighborhood(radius=model.radius).agents
        if sum(other.group == self.group for other in around) >= model.wanted:
            model.content[-1] += 1
        else:
            self.cell = model.grid.select_random_empty_cell()


class Schelling(mesa.Model):
    def __init__(self, side, agents, radius, wanted, seed):
        super().__init__(seed=seed)
        self.radius, self.wanted, self.content = radius, wanted, []
        self.grid = OrthogonalMooreGrid((side, side), torus=False, capacity=1, random=self.random)
        for number, cell in enumerate(self.random.sample(self.grid.all_cells.cells, agents)):
            Neighbour(self, cell, 1 + number % 2)

    def step(self):
        self.content.append(0)
        self.agents.shuffle_do("step")

    def told(self):
        return {"content": self.content}


class Giver(mesa.Agent):
    def __init__(self, model):
        super().__init__(model)
        self.wealth = 1

    def step(self):
        if self.wealth > 0:
            self.wealth -= 1
            self.random.choice(self.model.all_of_them).wealth += 1


class Gifts(mesa.Model):
    def __init__(self, agents, seed):
        super().__init__(seed=seed)
        # drawing from the set of agents itself would take Mesa a multiple of the time
        self.all_of_them = list(Giver.create_agents(self, agents))

    def step(self):
        self.agents.shuffle_do("step")

    def told(self):
        return {"wealth": np.bincount([agent.wealth for agent in self.all_of_them]).tolist()}


class Ant(mesa.Agent):
    def __init__(self, model, held, need, sight):
        super().__init__(model)
        self.held, self.need, self.sight = held, need, sight

    def move(self):
        model, (row, column) = self.model, self.pos
        now, grid, side = model.now, model.grid, model.side
        best, most = self.pos, now[self.pos]
        for far in range(1, self.sight + 1):
            # equally near ones by their number
            for place in ((row - far, column), (row, column - far), (row, column + far), (row + far, column)):
                inside = 0 <= place[0] < side and 0 <= place[1] < side
                if inside and now[place] > most and grid.is_cell_empty(place):
                    best, most = place, now[place]
        if best != self.pos:
            grid.move_agent(self, best)

    def eat(self):
        self.held += int(self.model.now[self.pos]) - self.need
        if self.held <= 0:
            self.model.grid.remove_agent(self)
            self.remove()


class Sugar(mesa.Model):
    def __init__(self, side, agents, seed):
        super().__init__(seed=seed)
        self.side, self.alive, rng = side, [agents], self.rng
        self.full = rng.integers(0, 4, (side, side)).astype(np.int8)
        self.now = self.full.copy()
        self.grid = SingleGrid(side, side, torus=False)
        drawn = [rng.integers(low, high + 1, agents).tolist() for low, high in ((6, 24), (2, 3), (1, 5))]
        cells = rng.choice(side * side, agents, replace=False).tolist()
        for cell, held, need, sight in zip(cells, *drawn, strict=True):
            self.grid.place_agent(Ant(self, held, need, sight), divmod(cell, side))

    def step(self):
        self.agents.shuffle_do("move")
        self.agents.do("eat")
        # the grid's own mask says which cells are empty
        self.now = np.where(self.grid.empty_mask, self.full, np.int8(0))
        self.alive.append(len(self.agents))

    def told(self):
        return {"alive": self.alive, "held": sum(agent.held for agent in self.agents)}


MODELS = {"wolves": WolfSheep, "flocking": Flocking, "schelling": Schelling, "gifts": Gifts, "sugar": Sugar}


def main(name, size, steps, *seeds):
    """Run one model once for each seed."""
    for seed in map(int, seeds):
        begun = time.perf_counter()
        model = MODELS[name](*SIZES[name, size], seed=seed)
        for _ in range(int(steps)):
            model.step()
        print(json.dumps({"seconds": time.perf_counter() - begun, **model.told()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
