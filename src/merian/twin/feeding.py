"""Who eats whom: a probability for every pair of an animal and what it might eat, from what is known of both.

    P(i eats j) = 1 / (1 + exp(-(diet + size + strata + activity + guild)))

    diet      ln((s + e) / (1 - s + e)), s the fifth root of the share of i's diet in the class of food that j is, e = 0.05: from -3 (no such food) to +3 (all
              of it), and even odds at a thirtieth: a tenth, the least that EltonTraits notes, is probable
    size      -(ln(M_j / M_i) - ln 0.1)^2 / 0.7^2, the optimum of Madingley's terrestrial carnivores (Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841);
              for mammals of 21.5 kg and more that live on vertebrates 0 between 0.5 and 3 times their mass, and the same fall-off beyond (Carbone et al. 1999,
              Nature 402:286, abstract read: from 21.5 kg on prey are near their eater's mass; the 3 is a choice); nothing of plants
    strata    ln of the overlap of where the two forage, at least ln 0.05
    activity  ln of the overlap of when they are active, at least ln 0.05, by half: predators find prey that sleeps
    guild     -3 times the share of meat in the diet of j, for the same large mammals: they kill each other and eat it seldom (an assumption)

Each term is kept beside the probability. Observed links stand as they were observed, whatever the terms say. The weights (all 1, no constant) are set by hand;
SERENGETI has weights fitted to an observed food web (merian.twin.fields.links), for pairs of animals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tree import read_table
from merian.twin.foodweb import Doubles
from merian.twin.species import ANIMAL_DIET, STRATA, Species
from merian.twin.traits import DIET

__all__ = [
    "FOODS",
    "LINKS",
    "TERMS",
    "WEIGHTS",
    "Feeding",
    "Weights",
    "covered",
    "feeding",
    "observed",
    "portions",
    "read_links",
    "unfed",
]

FOODS: Mapping[str, str] = {
    "grass": "diet_plants",
    "browse": "diet_plants",
    "fruit": "diet_fruit",
    "seeds": "diet_seeds",
    "nectar": "diet_nectar",
    "invertebrates": "diet_invertebrates",
    "fish": "diet_fish",
    "carrion": "diet_carrion",
}
"""What a pool may be, and the class of diet that it is; of other parts of plants the trait `grass` says how much is grass."""
OFFERS: Mapping[str, tuple[str, ...]] = {
    "Mammalia": ("diet_endotherms", "diet_vertebrates"),
    "Aves": ("diet_endotherms", "diet_vertebrates"),
    "Reptilia": ("diet_ectotherms", "diet_vertebrates"),
    "Squamata": ("diet_ectotherms", "diet_vertebrates"),
    "Amphibia": ("diet_ectotherms", "diet_vertebrates"),
    "Actinopterygii": ("diet_fish", "diet_vertebrates"),
    "Chondrichthyes": ("diet_fish", "diet_vertebrates"),
}
"""Classes of food that an animal is; any other class is an invertebrate."""
LINKS: dict[str, pl.DataType | type[pl.DataType]] = {
    "eater": pl.String,
    "eaten": pl.String,
    "probability": pl.Float64,
    "evidence": pl.String,
    "source": pl.String,
    "share": pl.Float64,
    "diet": pl.Float64,
    "size": pl.Float64,
    "strata": pl.Float64,
    "activity": pl.Float64,
    "guild": pl.Float64,
}
"""Columns of links. share: the share of the eater's energy that was observed to come along this link, null where it was not."""
EVEN, LEAST = 0.05, 0.05
OPTIMUM, WIDTH = 0.1, 0.7
LARGE_G, WINDOW = 21_500.0, (0.5, 3.0)
GUILD = 3.0
SURE, TRACE = 0.99, 1e-9
TERMS = ("diet", "size", "strata", "activity", "guild")


@dataclass(frozen=True, slots=True)
class Weights:
    """What the terms of a pair of animals are multiplied by, and the `constant` that is added."""

    constant: float = 0.0
    diet: float = 1.0
    size: float = 1.0
    strata: float = 1.0
    activity: float = 1.0
    guild: float = 1.0


WEIGHTS: Mapping[str, Weights] = {
    "hand": Weights(),
    "serengeti": Weights(-0.62, 0.40, 0.028, 0.38, 0.19, 0.22),
}
"""hand: as in the head. serengeti: logistic regression of the 5,078 links among 229 mammals and birds of the Serengeti (de Visser et al. 2011, J. Anim. Ecol.
80:484, with the species of its groups as in MJousse/Chapt-NicheSpace) on the terms that EltonTraits gives. Groups of that web hold animals of many sizes, so
size weighs little."""


@dataclass(frozen=True, eq=False)
class Feeding:
    """`probability` [s, s + p] of each of s species eating each of s species and p pools, with its `terms` by name and the share of `diet` [s, s + p]."""

    probability: Doubles
    terms: Mapping[str, Doubles]
    offered: Doubles

    def rows(self, eaters: Sequence[str], eaten: Sequence[str], least: float) -> pl.DataFrame:
        """Pairs with a probability of `least` or more: columns LINKS, inferred."""
        i, j = np.nonzero(self.probability >= least)
        columns: dict[str, object] = {
            "eater": [eaters[k] for k in i.tolist()],
            "eaten": [eaten[k] for k in j.tolist()],
            "probability": self.probability[i, j],
            "evidence": ["inferred"] * len(i),
            "source": ["diet, size, strata, activity"] * len(i),
            "share": [None] * len(i),
        }
        columns |= {name: values[i, j] for name, values in self.terms.items()}
        return pl.DataFrame(columns, schema=LINKS)


def feeding(species: Species, pools: Sequence[tuple[str, str]], weights: Weights = WEIGHTS["hand"]) -> Feeding:
    """The probability of every pair; pools are (name, what food it is, a key of FOODS). An animal does not eat its own kind.

    weights: of the terms of pairs of animals; what grows is eaten as its term of diet says.
    """
    count, whole = len(species.names), len(species.names) + len(pools)
    offered = _offered(species, [food for _, food in pools])
    root = offered**0.2
    terms = {"diet": np.log((root + EVEN) / (1 - root + EVEN))}
    for name in TERMS[1:]:
        terms[name] = np.zeros((count, whole))
    mass = species["mass_g"]
    shares = {name: np.nan_to_num(species[name]) for name in DIET}
    vertebrates = shares["diet_endotherms"] + shares["diet_ectotherms"] + shares["diet_vertebrates"]
    large = (mass >= LARGE_G) & (vertebrates >= 0.5) & (np.array(species.classes) == "Mammalia")
    meat = np.sum([shares[name] for name in ANIMAL_DIET], 0)
    terms["size"][:, :count] = _size(mass, large)
    terms["guild"][:, :count] = np.where(large[:, None], -GUILD * meat[None, :], 0.0)
    terms["strata"][:, :count] = _overlap(species, STRATA)
    terms["activity"][:, :count] = 0.5 * _overlap(species, ("active_night", "active_twilight", "active_day"))
    odds = np.sum(list(terms.values()), 0)
    odds[:, :count] = weights.constant + sum(getattr(weights, name) * terms[name][:, :count] for name in TERMS)
    # beyond 700 either way exp leaves the range of doubles, and the probability is 0 or 1 long before
    probability = 1 / (1 + np.exp(-np.clip(odds, -700.0, 700.0)))
    probability[np.arange(count), np.arange(count)] = 0.0
    return Feeding(probability, terms, offered)


def _offered(species: Species, foods: Sequence[str]) -> Doubles:
    """The share of each species' diet in the classes of food that each species and pool is: [s, s + p]."""
    wrong = sorted(set(foods) - set(FOODS))
    if wrong:
        raise BadData("pools", f"a pool is one of {', '.join(FOODS)}", wrong)
    grass = np.nan_to_num(species["grass"], nan=0.5)
    columns = []
    shares = {name: np.nan_to_num(species[name]) for name in DIET}
    for animal in species.classes:
        columns.append(np.sum([shares[name] for name in OFFERS.get(animal, ("diet_invertebrates",))], 0))
    for food in foods:
        part = grass if food == "grass" else 1 - grass if food == "browse" else 1.0
        columns.append(shares[FOODS[food]] * part)
    return np.asarray(np.clip(np.array(columns).T.reshape(len(species.names), -1), 0.0, 1.0))


def _size(mass: Doubles, large: npt.NDArray[np.bool_]) -> Doubles:
    """The term of size for eater and eaten: [s, s]."""
    ratio = np.log(mass[None, :] / mass[:, None])
    small = -(((ratio - np.log(OPTIMUM)) / WIDTH) ** 2)
    beyond = np.maximum(np.maximum(np.log(WINDOW[0]) - ratio, ratio - np.log(WINDOW[1])), 0.0)
    return np.asarray(np.where(large[:, None], -((beyond / WIDTH) ** 2), small))


def _overlap(species: Species, traits: Sequence[str]) -> Doubles:
    """ln of the overlap (0 to 1) of the shares that two species have of these traits: [s, s]; at least ln LEAST."""
    shares = np.array([np.nan_to_num(species[name]) for name in traits]).T
    total = shares.sum(1, keepdims=True)
    shares = np.divide(shares, total, out=np.full_like(shares, 1 / len(traits)), where=total > 0)
    common = np.minimum(shares[:, None, :], shares[None, :, :]).sum(2)
    return np.asarray(np.log(np.maximum(common, LEAST)))


def read_links(path: Path) -> pl.DataFrame:
    """Observed links: columns LINKS, with a probability of 1, or of 0 where `eats` is 0.

    The table has columns eater and eaten, perhaps eats (1 or 0), share (of the eater's energy) and source. Raises Missing without the file, BadData when
    it has no such columns, a pair twice, or a share that is none.
    """
    if not path.is_file():
        raise Missing("the table of links", path, "give a CSV, TSV or Parquet file with columns eater and eaten")
    table = read_table(path)
    absent = [column for column in ("eater", "eaten") if column not in table.columns]
    if absent:
        raise BadData(path, "needs the columns eater and eaten", table.columns)
    text = {c: pl.col(c).cast(pl.String).str.replace_all(r"[\s_]+", " ").str.strip_chars() for c in ("eater", "eaten")}
    has = set(table.columns)
    number = {
        c: pl.col(c).cast(pl.Float64, strict=False) if c in has else pl.lit(None, pl.Float64) for c in ("eats", "share")
    }
    source = pl.col("source").cast(pl.String) if "source" in has else pl.lit(None, pl.String)
    links = table.select(
        text["eater"].alias("eater"),
        text["eaten"].alias("eaten"),
        number["eats"].alias("eats"),
        number["share"].alias("share"),
        source.fill_null(path.name).alias("source"),
    )
    links = links.drop_nulls(["eater", "eaten"])
    return observed(links.with_columns(pl.col("eats").fill_null(1.0)), path)


def observed(links: pl.DataFrame, where: object) -> pl.DataFrame:
    """Observed links of columns eater, eaten, eats, share, source as columns LINKS; raises BadData as `read_links` does."""
    twice = links.filter(pl.struct("eater", "eaten").is_duplicated()).unique(["eater", "eaten"], maintain_order=True)
    if len(twice):
        raise BadData(
            where, "a link comes once", [f"{a} eats {b}" for a, b in twice.select("eater", "eaten").iter_rows()]
        )
    wrong = links.filter(~pl.col("eats").is_in([0.0, 1.0]) | ~pl.col("share").fill_null(0.5).is_between(0.0, 1.0))
    if len(wrong):
        raise BadData(
            where,
            "eats is 0 or 1, and share lies between them",
            [f"{a} eats {b}" for a, b in wrong.select("eater", "eaten").iter_rows()],
        )
    told = links.with_columns(probability=pl.col("eats"), evidence=pl.lit("observed"))
    return told.select(*(pl.col(c) if c in told.columns else pl.lit(None, t).alias(c) for c, t in LINKS.items()))


def portions(
    links: pl.DataFrame, species: Species, pools: Sequence[tuple[str, str]], available: Doubles
) -> pl.DataFrame:
    """The links with a column `part`: the share of the eater's energy along each, adding up to 1.

    An observed share stands. Else the diet says how much comes from each class of food, and within a class an eater takes what there is: its part goes
    as the odds of the link (0.99 at most) times what is `available` [s + p]. What the diet holds and the ecosystem does not is left out.
    """
    names = [*species.names, *(name for name, _ in pools)]
    at = {name: k for k, name in enumerate(names)}
    kinds = _kinds(species, pools)
    offered = _offered(species, [food for _, food in pools])
    told = links["evidence"].to_numpy() == "observed"
    i = np.array([at[name] for name in links["eater"]], np.int64)
    j = np.array([at[name] for name in links["eaten"]], np.int64)
    wanted = np.maximum(offered[i, j], np.where(told, EVEN, TRACE))
    odds = links["probability"].to_numpy().clip(0.0, SURE)
    weight = odds / (1 - odds) * available[j]
    frame = links.with_columns(
        kind=pl.Series([kinds[k] for k in j.tolist()], dtype=pl.String),
        wanted=pl.Series(wanted),
        weight=pl.Series(weight),
    )
    loose = pl.col("wanted") * pl.col("weight") / pl.col("weight").sum().over("eater", "kind")
    fixed = pl.col("share").is_not_null()
    given = pl.col("share").fill_null(0.0).sum().over("eater").clip(0.0, 1.0)
    frame = frame.with_columns(loose=pl.when(fixed).then(0.0).otherwise(loose))
    rest = (1 - given) * pl.col("loose") / pl.col("loose").sum().over("eater")
    frame = frame.with_columns(part=pl.when(fixed).then("share").otherwise(rest))
    frame = frame.with_columns(part=pl.col("part") / pl.col("part").sum().over("eater"))
    return frame.drop("kind", "wanted", "weight", "loose")


def covered(links: pl.DataFrame, species: Species, pools: Sequence[tuple[str, str]]) -> Doubles:
    """The share of each species' diet whose classes of food are on the other end of some of these links: [s]; 1 where observed shares say what is eaten."""
    at = {name: k for k, name in enumerate([*species.names, *(name for name, _ in pools)])}
    kinds, offered = _kinds(species, pools), _offered(species, [food for _, food in pools])
    found: list[dict[str, float]] = [{} for _ in species.names]
    for eater, eaten in links.select("eater", "eaten").iter_rows():
        i, j = at[eater], at[eaten]
        found[i][kinds[j]] = max(found[i].get(kinds[j], 0.0), float(offered[i, j]))
    told = {at[name] for name in links.drop_nulls("share")["eater"]}
    return np.array([1.0 if k in told else min(sum(shares.values()), 1.0) for k, shares in enumerate(found)])


def _kinds(species: Species, pools: Sequence[tuple[str, str]]) -> list[str]:
    """The class of food that each species and pool is, by one name."""
    kinds = [OFFERS.get(name, ("diet_invertebrates",))[0] for name in species.classes]
    return kinds + [food if food in ("grass", "browse") else FOODS[food] for _, food in pools]


def unfed(links: Sequence[tuple[str, str]], animals: Sequence[str], pools: Sequence[str]) -> dict[str, str]:
    """Why each animal that no pool feeds, by whatever chain, has no food: it eats nothing here, or stands in a ring of eaters, or lives on such."""
    fed = set(pools)
    while True:
        more = {eater for eater, eaten in links if eaten in fed} - fed
        if not more:
            break
        fed |= more
    hungry = [name for name in animals if name not in fed]
    eats = {name: [eaten for eater, eaten in links if eater == name and eaten not in fed] for name in hungry}
    return {name: _why(name, eats) for name in hungry}


def _why(name: str, eats: Mapping[str, list[str]]) -> str:
    if not eats[name]:
        return "nothing that it eats is in this ecosystem"
    path = [name]
    while eats[path[-1]] and eats[path[-1]][0] not in path:
        path.append(eats[path[-1]][0])
    if not eats[path[-1]]:
        return f"lives on {path[1]}, and nothing that {path[-1]} eats is in this ecosystem"
    ring = path[path.index(eats[path[-1]][0]) :]
    said = " eats ".join([*ring, ring[0]])
    return f"{'eats' if name in ring else 'lives on'} a ring of eaters that no plant feeds: {said}"
