"""Gifts and sugar in mesa-frames 0.1.0a0, the release that the registry has, for bench/gifts_and_sugar.py.

Gifts are given all at once, as that project's own example does. Ants move one after the other, as they declare it: the cells that each sees are a table, sorted
by the order of the ants and by what they prefer, which a compiled loop goes through. Run by the python of an environment with mesa-frames and numba:

    python bench/peers/frames_models.py MODEL SIZE STEPS SEED [SEED ...]

prints one line of JSON for each seed: seconds (setup and all steps), and what the population did.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numba
import numpy as np
import polars as pl
from mesa_frames import AgentSetPolars, GridPolars, ModelDF

SIZES = {
    ("gifts", "1000"): (1000,),
    ("gifts", "10000"): (10_000,),
    ("gifts", "100000"): (100_000,),
    ("sugar", "1000"): (159, 1000),
    ("sugar", "5000"): (354, 5000),
    ("sugar", "50000"): (1119, 50_000),
}
AXES = ["dim_0", "dim_1"]


class Givers(AgentSetPolars):
    def __init__(self, model, agents):
        super().__init__(model)
        self.add(pl.DataFrame({"unique_id": np.arange(agents), "wealth": np.ones(agents, np.int64)}))

    def step(self):
        gives = self.agents["wealth"] > 0
        to = self.model.random.integers(0, len(self.agents), int(gives.sum()))
        gifts = pl.DataFrame({"unique_id": to}).group_by("unique_id").len("got")
        self.agents = (
            self.agents.join(gifts, on="unique_id", how="left")
            .with_columns(wealth=pl.col("wealth") - gives.cast(pl.Int64) + pl.col("got").fill_null(0).cast(pl.Int64))
            .drop("got")
        )


class Gifts(ModelDF):
    def __init__(self, agents, seed):
        super().__init__(seed)
        self.agents += Givers(self, agents)

    def step(self):
        self.agents.do("step")

    def told(self):
        return {"wealth": np.bincount(self.agents._agentsets[0].agents["wealth"].to_numpy()).tolist()}


@numba.njit(cache=True)
def chosen(ant, cell, here, taken):
    """The first free cell of each ant [ants], in rows sorted by ant and by what it prefers; its own is always free to it."""
    found, done = here.copy(), np.zeros(len(here), np.bool_)
    for row in range(len(ant)):
        one = ant[row]
        if not done[one] and (not taken[cell[row]] or cell[row] == here[one]):
            taken[here[one]] = False
            taken[cell[row]] = True
            found[one], done[one] = cell[row], True
    return found


class Ants(AgentSetPolars):
    def __init__(self, model, agents, side):
        super().__init__(model)
        rng, self.side = model.random, side
        drawn = [rng.integers(low, high + 1, agents) for low, high in ((6, 24), (2, 3), (1, 5))]
        self.add(
            pl.DataFrame({"unique_id": np.arange(agents), **dict(zip(("held", "need", "sight"), drawn, strict=True))})
        )

    def step(self):
        self.shuffle()
        self.move()
        self.eat()

    def move(self):
        side, space = self.side, self.space
        order = self.agents.select("unique_id").with_row_index("ant")
        own = order.join(self.pos, on="unique_id", how="left")
        seen = space.get_neighborhood(radius=self["sight"], agents=self, include_center=True)
        seen = (
            seen.join(space.cells.select([*AXES, "sugar"]), on=AXES)
            .join(own.rename({"dim_0": "dim_0_center", "dim_1": "dim_1_center"}), on=["dim_0_center", "dim_1_center"])
            .with_columns(cell=pl.col("dim_0").cast(pl.Int64) * side + pl.col("dim_1"))
            .sort(["ant", "sugar", "radius", "cell"], descending=[False, True, False, False])
        )
        here = (own["dim_0"].cast(pl.Int64) * side + own["dim_1"]).to_numpy()
        taken = np.zeros(side * side, np.bool_)
        taken[here] = True
        to = chosen(seen["ant"].to_numpy(), seen["cell"].to_numpy(), here, taken)
        space.move_agents(own["unique_id"], pl.DataFrame({"dim_0": to // side, "dim_1": to % side}))

    def eat(self):
        cells = self.space.cells.filter(pl.col("agent_id").is_not_null()).select(
            unique_id=pl.col("agent_id"), found=pl.col("sugar")
        )
        self.agents = (
            self.agents.join(cells, on="unique_id", how="left")
            .with_columns(held=pl.col("held") + pl.col("found").fill_null(0) - pl.col("need"))
            .drop("found")
        )
        starved = self.agents.filter(pl.col("held") <= 0)["unique_id"]
        if len(starved):
            self.space.remove_agents(starved)
            self.agents = self.agents.filter(pl.col("held") > 0)
            self.select(None)


class Sugar(ModelDF):
    def __init__(self, side, agents, seed):
        super().__init__(seed)
        self.alive = [agents]
        self.space = GridPolars(self, [side, side], neighborhood_type="von_neumann", capacity=1)
        self.full = self.random.integers(0, 4, (side, side))
        self.set_sugar(*np.divmod(np.arange(side * side), side), self.full.ravel())
        self.ants = Ants(self, agents, side)
        self.agents += self.ants
        self.ants = self.agents._agentsets[0]
        self.space.place_to_empty(self.agents)

    def set_sugar(self, down, across, sugar):
        self.space.set_cells(pl.DataFrame({"dim_0": down, "dim_1": across, "sugar": sugar}))

    def standing(self):
        return self.ants.pos.select(AXES).to_numpy().astype(np.int64).T

    def step(self):
        before = self.standing()
        self.ants.step()
        sugar, after = self.full.copy(), self.standing()
        sugar[tuple(after)] = 0
        # only these cells have changed
        both = np.unique(np.concatenate([before, after], axis=1), axis=1)
        self.set_sugar(*both, sugar[tuple(both)])
        self.alive.append(len(self.ants))

    def told(self):
        return {"alive": self.alive, "held": int(self.ants["held"].sum())}


MODELS = {"gifts": Gifts, "sugar": Sugar}


def main(name, size, steps, *seeds):
    """Run one model once for each seed."""
    warnings.simplefilter("ignore")
    for seed in map(int, seeds):
        pl.set_random_seed(seed)
        begun = time.perf_counter()
        model = MODELS[name](*SIZES[name, size], seed=seed)
        for _ in range(int(steps)):
            model.step()
        print(json.dumps({"seconds": time.perf_counter() - begun, **model.told()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
