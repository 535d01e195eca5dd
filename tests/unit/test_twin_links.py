"""Weights of links: those that made a web are found again, and eaters that were left out are said by the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.core.errors import BadData
from merian.twin.ecosystem import made
from merian.twin.feeding import TERMS, WEIGHTS, Weights, feeding
from merian.twin.fields.links import Web, fitted_weights, left_out, links, observed_web, score
from merian.twin.worked import shipped


def web_of(weights: Weights, animals: int = 120, seed: int = 4) -> Web:
    rng = np.random.default_rng(seed)
    terms = rng.normal(0, 1.5, (animals, animals, 5))
    odds = weights.constant + terms @ np.array([getattr(weights, name) for name in TERMS])
    worked = shipped("savanna")
    species = made(worked.facts, worked.landscape(0, 8)).species
    return Web(species, terms, (rng.random(odds.shape) < 1 / (1 + np.exp(-odds))) & ~np.eye(animals, dtype=bool))


def test_weights_that_made_a_web_are_found_again() -> None:
    true = Weights(-1.0, 0.8, 0.1, 0.4, 0.0, -0.3)
    web = web_of(true)
    found = fitted_weights(web)
    for name in ("constant", *TERMS):
        assert getattr(found, name) == pytest.approx(getattr(true, name), abs=0.08)
    # whatever the search begins from
    again = fitted_weights(web, begin=Weights(2.0, -1.0, 3.0, 0.0, 1.0, 1.0))
    assert again.diet == pytest.approx(found.diet, abs=1e-6)


def test_the_score_is_that_of_pairs_and_of_logarithms() -> None:
    web = web_of(Weights(-1.0, 1.0), 12)
    chance = np.random.default_rng(1).random((12, 12)).round(1)
    found = score(web, chance)
    y, p = web.eats[web.pairs], chance[web.pairs]
    wins = [(a > b) + 0.5 * (a == b) for a in p[y] for b in p[~y]]
    assert found.area == pytest.approx(np.mean(wins))
    share = np.full((12, 12), y.mean())
    assert score(web, share).loss == pytest.approx(found.common)
    assert score(web, share).area == pytest.approx(0.5)


def test_an_eater_that_is_left_out_does_not_say_itself() -> None:
    web = web_of(Weights(-1.0, 0.8, 0.1, 0.4, 0.0, -0.3), 40)
    chance = left_out(web)
    others = np.arange(40) != 3
    weights = fitted_weights(web, others)
    odds = weights.constant + web.terms[3] @ np.array([getattr(weights, name) for name in TERMS])
    assert chance[3] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)
    assert score(web, chance).area > 0.6


def test_weights_turn_the_terms_of_animals_and_not_of_what_grows() -> None:
    worked = shipped("savanna")
    species = made(worked.facts, worked.landscape(0, 8)).species
    hand, other = (feeding(species, [("grass", "grass")], WEIGHTS[name]) for name in ("hand", "serengeti"))
    count = len(species.names)
    assert (hand.probability[:, count:] == other.probability[:, count:]).all()
    lion, gnu = species.names.index("Panthera leo"), species.names.index("Connochaetes taurinus")
    terms = np.array([hand.terms[name][lion, gnu] for name in TERMS])
    own = WEIGHTS["serengeti"]
    odds = own.constant + terms @ np.array([getattr(own, name) for name in TERMS])
    assert other.probability[lion, gnu] == pytest.approx(1 / (1 + np.exp(-odds)))
    assert (np.diag(other.probability[:, :count]) == 0).all()


def test_a_table_of_links_is_read_by_what_it_says(tmp_path: Path) -> None:
    diets = {
        f"Diet.{what}": 0
        for what in ("Inv", "Vend", "Vect", "Vfish", "Vunk", "Scav", "Fruit", "Nect", "Seed", "PlantO")
    }

    def row(name: str, mass: float, **diet: int) -> dict[str, object]:
        return {"scientificName": name, "BodyMass.Value": mass, **diets, **diet}

    mammals = [
        row("Aus bus", 1e5, **{"Diet.Vend": 100}),
        row("Cus dus", 2e5, **{"Diet.PlantO": 100}),
        row("Eus fus", 3e4, **{"Diet.PlantO": 100}),
    ]
    pl.DataFrame(mammals).write_csv(tmp_path / "elton_mammals.csv")
    pl.DataFrame([row("Gus hus", 40.0, **{"Diet.Seed": 100})]).write_csv(tmp_path / "elton_birds.csv")
    (tmp_path / "food_web.csv").write_text(
        "Predator,Prey\nAus bus,Cus dus\nAus bus,Eus_fus\nAus bus,Nobody knows\nAus bus,Gus hus\n"
    )
    files = [tmp_path / name for name in ("food_web.csv", "elton_mammals.csv", "elton_birds.csv")]
    web = observed_web(*files)
    assert web.species.names == ("Aus bus", "Cus dus", "Eus fus", "Gus hus")
    assert web.species.classes[-1] == "Aves"
    assert web.eats.sum() == 3
    assert web.eats[0].tolist() == [False, True, True, True]
    (tmp_path / "food_web.csv").write_text("a,b\nAus bus,Cus dus\n")
    with pytest.raises(BadData, match="predator, prey"):
        observed_web(*files)
    assert all(row.missing for row in links(None))
