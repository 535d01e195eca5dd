"""Where it is good to be: how much food and water the cells have for each kind, so that cohorts that move may choose.

As in tier C (merian.twin.grid.land): quality = choice ln(0.05 + sum_j share_j B_j / mean of B_j over land + 0.5 near water), the shares those of the food web.
By size alone they are those of the food that there is, so that the sum is all that a kind may eat over its mean. The weights are a choice.

A cohort on its way to another cell stays where it is with the chance 1 - exp(q' - q) if that cell is worse (Metropolis et al. 1953, doi:10.1063/1.1699114).
Where ways lead back and forth alike, animals left alone come to stand as exp(q), as those of tier C do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merian.twin.cohorts.ground import Ground
from merian.twin.cohorts.kinds import Kinds
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.ledger import Array, Flow

__all__ = ["Judging", "diets"]

LEAST, WATER = 0.05, 0.5


def diets(kinds: Kinds, web: FoodWeb | None) -> Doubles:
    """What kinds live on: [k, p + k], pools of plants first. By a food web the shares of each in a diet; else 1 for all that is eaten."""
    if web is None:
        return np.concatenate([kinds.grazes > 0, kinds.hunts > 0], 1).astype(float)
    grows = web.producer
    place = np.where(grows, np.cumsum(grows) - 1, grows.sum() + np.cumsum(~grows) - 1)
    shares = np.zeros((len(web.names), len(web.names)))
    np.add.at(shares, (web.eater, place[web.eaten]), web["share"])
    own = shares[~grows]
    return np.asarray(own / np.maximum(own.sum(1, keepdims=True), 1e-300))


class Judging:
    """A cell is as good for an animal as there is food in it, and water near.

    Food is weighed by its shares in the diet of a kind, each relative to what there is of it on the mean cell. Equation in merian.twin.cohorts.choosing.
    """

    name = "quality"
    reads = ("kind", "cell", "number", "mass", "pool", "plants")
    writes = ("quality",)

    def __init__(self, kinds: Kinds, web: FoodWeb | None, ground: Ground, choice: float) -> None:
        self.wants, self.given, self.ground, self.choice = diets(kinds, web), web is not None, ground, choice

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Set how good each cell is."""
        land, (count, _) = self.ground.land, self.wants.shape
        at = values["kind"] * land.size + values["cell"]
        grams = np.bincount(at, values["number"] * (values["mass"] + values["pool"]), count * land.size)
        foods = np.concatenate([values["plants"], grams.reshape(count, *land.shape) / self.ground.cell_m2])
        mean = foods[:, land].mean(1)
        weights = self.wants
        if not self.given:
            weights = weights * mean
            weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-300)
        relative = foods / np.maximum(mean, 1e-300)[:, None, None]
        found = np.tensordot(weights, relative, 1)
        quality = self.choice * np.log(LEAST + found + WATER * self.ground.near_water)
        values["quality"] = np.where(land, quality, 0.0)
        return {}
