"""Plain twins of species made from data: a link's probability pair by pair, and a food chain balanced by hand."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from merian.twin.balance import balanced
from merian.twin.ecosystem import made
from merian.twin.feeding import FOODS, OFFERS, feeding
from merian.twin.pools import Climate, Pool
from merian.twin.rates import endotherm_g_day
from merian.twin.species import Species, completed
from merian.twin.traits import cells_of
from merian.twin.worked import shipped

MEAT = ("invertebrates", "endotherms", "ectotherms", "fish", "vertebrates", "carrion")


def probability(eater: dict[str, Any], eaten: dict[str, Any]) -> float:
    """The formula of feeding.py, for two animals, or an animal and a pool (which has a `food`)."""

    def diet(who: dict[str, Any], name: str) -> float:
        return who.get(f"diet_{name}", 0.0)

    if "food" in eaten:
        part = {"grass": eater["grass"], "browse": 1 - eater["grass"]}.get(eaten["food"], 1.0)
        root = (eater.get(FOODS[eaten["food"]], 0.0) * part) ** 0.2
        return 1 / (1 + (1 - root + 0.05) / (root + 0.05))
    offers = OFFERS.get(eaten["class"], ("diet_invertebrates",))
    root = min(sum(eater.get(name, 0.0) for name in offers), 1.0) ** 0.2
    score = math.log((root + 0.05) / (1 - root + 0.05))
    ratio = math.log(eaten["mass_g"] / eater["mass_g"])
    hunted = diet(eater, "endotherms") + diet(eater, "ectotherms") + diet(eater, "vertebrates")
    if eater["class"] == "Mammalia" and eater["mass_g"] >= 21_500 and hunted >= 0.5:
        beyond = max(math.log(0.5) - ratio, ratio - math.log(3), 0.0)
        score -= (beyond / 0.7) ** 2 + 3 * sum(diet(eaten, name) for name in MEAT)
    else:
        score -= ((ratio - math.log(0.1)) / 0.7) ** 2
    for names, weight in (
        (("stratum_water", "stratum_ground", "stratum_trees", "stratum_air"), 1.0),
        (("active_night", "active_twilight", "active_day"), 0.5),
    ):
        mine, other = (
            [who.get(name, 0.0) / sum(who.get(n, 0.0) for n in names) for name in names] for who in (eater, eaten)
        )
        score += weight * math.log(max(sum(min(a, b) for a, b in zip(mine, other, strict=True)), 0.05))
    return 1 / (1 + math.exp(-score))


def test_probabilities_pair_by_pair() -> None:
    worked = shipped("savanna")
    species = made(worked.facts, worked.landscape(0, 8)).species
    pools = [(pool.name, pool.food) for pool in worked.facts.pools]
    told: list[dict[str, Any]] = [{"class": name} for name in species.classes]
    for name, trait, value in species.cells.select("species", "trait", "value").iter_rows():
        told[species.names.index(name)][trait] = value
    found = feeding(species, pools).probability
    for i, eater in enumerate(told):
        for j, eaten in enumerate([*told, *({"food": food} for _, food in pools)]):
            assert found[i, j] == pytest.approx(0.0 if i == j else probability(eater, eaten), abs=1e-12)


def chain() -> Species:
    """A deer that lives on grass and a wolf that lives on deer."""
    wanted = pl.DataFrame({"species": ["deer", "wolf"], "class": ["Mammalia"] * 2, "common": [""] * 2})
    facts = {
        "deer": {
            "mass_g": 80_000.0,
            "density_km2": 4.0,
            "longevity_years": 15.0,
            "growth_year": 0.4,
            "diet_plants": 1.0,
        },
        "wolf": {
            "mass_g": 35_000.0,
            "density_km2": 0.02,
            "longevity_years": 12.0,
            "growth_year": 0.3,
            "diet_endotherms": 1.0,
        },
    }
    rows = [
        (name, trait, value, None, "observed", "x") for name, traits in facts.items() for trait, value in traits.items()
    ]
    return completed(wanted, cells_of(rows))


def test_a_chain_balanced_by_hand() -> None:
    links = pl.DataFrame({"eater": ["deer", "wolf"], "eaten": ["grass", "deer"], "part": [1.0, 1.0]})
    pool = Pool("grass", "grass", crop_g_m2=200.0, turnover=2.0)
    found = balanced(chain(), (pool,), links, Climate(700.0, 10.0), half=0.05)
    deer, wolf = 4.0 * 80_000 / 1e6, 0.02 * 35_000 / 1e6
    plant, meat = 18.5 * 0.45 * 0.036697248, 7.0 * 0.7 * 0.036697248
    burnt = [float(endotherm_g_day(mass)) / mass for mass in (80_000.0, 35_000.0)]
    aged = [1 / (years * 365.25) for years in (15.0, 12.0)]
    wolf_gains = burnt[1] + aged[1]
    eaten = wolf * wolf_gains / meat / deer
    deer_gains = burnt[0] + aged[0] + eaten
    grazed = deer * deer_gains / plant
    growth = 8 / 365.25
    grass = 100.0 * (1 + math.sqrt(1 - 4 * grazed / (growth * 200.0)))
    assert found.start == pytest.approx([deer, wolf, grass])
    most = 1.05 * (burnt[0] + aged[0] + 0.4 / 365.25)
    assert found.web["handling"][0] == pytest.approx(plant / most)
    # all of the deer's intake at today's grass, from the equation of the solver
    attack, busy = found.web["attack"][0] * grass, found.web["interference"][0] * deer
    assert plant * attack / (1 + busy + attack * found.web["handling"][0]) == pytest.approx(deer_gains)
    assert found.rates["eaten_year"][0] == pytest.approx(eaten * 365.25)
