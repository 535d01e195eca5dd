"""The world behind the drawn tree of life: its species, their names, their bodies and where they live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.core.settings import knob
from merian.drawn import plans
from merian.drawn.clades import Clade, clades_of, cut, draw_depths, share_species
from merian.drawn.ecology import draw_ecology, habitat_shift
from merian.drawn.evolution import evolve, to_range
from merian.drawn.naming import Namer
from merian.drawn.organism import PlanName, Style, Trait
from merian.drawn.phylogeny import Phylogeny, from_depths
from merian.drawn.vernacular import HIGHER, PATTERN, Noun, Sighted, draw_nouns, name_species

__all__ = ["LINEAGE", "RANKS", "DrawSettings", "DrawnTree", "draw_tree", "trait_type"]

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")

LINEAGE = (*RANKS[:6], "specificEpithet")
"""The columns that hold a lineage, by their Darwin Core names."""

ORDERS, FAMILIES, GENERA = 0.3, 0.55, 0.8
"""A clade of n species is cut into about n to these powers orders, families and genera. A matter of taste."""


_Run = tuple[Clade, int, int]
"""A clade with its first tip and its number of tips."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawSettings:
    """Everything that decides the drawn tree of life; the same settings give the same bytes."""

    species: int = knob(
        160, "Living species in the tree, at least one for each of the eight body plans", ge=8, le=100_000
    )
    images: int = knob(6000, "Images in all, planted faults and empty frames included", ge=1)
    size: int = knob(96, "Side of the square images", unit="px", ge=16, le=1024)
    seed: int = knob(0, "Names the world: another seed, another tree of life", ge=0)
    jpeg_quality: int = knob(88, "JPEG quality of the images", ge=1, le=100)
    per_species: int = knob(8, "Images that even the rarest species has", ge=1)
    tail: float = knob(
        1.0, "Standard deviation of the logarithm of abundance: 0 makes all species equally common", ge=0, le=4
    )
    extinction: float = knob(0.5, "Extinction rate over speciation rate", ge=0, lt=1)
    own: float = knob(
        0.35, "What each species has of its own beyond its history, in standard deviations of a trait", ge=0
    )
    coarse_labels: float = knob(0.04, "Share of images labelled to genus or family only", ge=0, le=1)
    empty: float = knob(0.02, "Share of camera-trap frames with nobody in them", ge=0, le=1)
    person: float = knob(0.005, "Share of camera-trap frames with a person in them", ge=0, le=1)
    duplicates: float = knob(0.01, "Share of planted exact duplicates", ge=0, le=1)
    near_duplicates: float = knob(0.02, "Share of planted near duplicates", ge=0, le=1)
    wrong_labels: float = knob(0.01, "Share of planted wrong labels", ge=0, le=1)
    broken: float = knob(0.003, "Share of files that are cut short, hold no byte or are no image", ge=0, le=1)
    blank: float = knob(0.002, "Share of images that show next to nothing", ge=0, le=1)
    blurred: float = knob(0.01, "Share of images that are out of focus or shaken beyond use", ge=0, le=1)
    drawings: float = knob(0.005, "Share of records whose picture is a line drawing", ge=0, le=1)
    labels: float = knob(0.005, "Share of records whose picture is a label by itself", ge=0, le=1)
    text_pages: float = knob(0.004, "Share of records whose picture is a page of text", ge=0, le=1)
    drawers: float = knob(0.004, "Share of records whose picture is a drawer of many specimens", ge=0, le=1)
    licence_mix: bool = knob(True, "Licences as portals give them, in many spellings, some missing; else all CC0")
    messy_names: float = knob(
        0.0, "Share of records with a messy name: misspelt, outdated, unsure, with authorship or HTML", ge=0, le=1
    )
    captions: bool = knob(
        False, "Records also have a general caption: what one sees, in everyday words, as the web would say it"
    )
    plans: tuple[PlanName, ...] = knob((), "Body plans that live in this world; none given: all eight")
    shared: tuple[str, ...] = knob(
        (),
        "Traits, or patterns (*_hue), in which all species of a plan are alike: the middle of the range, the first state",
    )
    styles: tuple[Style, ...] = knob(
        (), "Ways of taking photos; none given: all that suit the plan. Larvae and pupae are always taken close up"
    )
    mirrored: float = knob(0.4, "Share of photos from the other side", ge=0, le=1)
    support: int = knob(
        20, "Pictures of each kind in support/, which teach a probe to tell kinds; 0: none", ge=0, le=99
    )


@dataclass(frozen=True, slots=True)
class DrawnTree:
    """The drawn world. Row i of `species` is tip i of `phylogeny`.

    `species` has one row per species: `taxonID`, `scientificName`, `plan`, the seven columns of `LINEAGE`, `vernacular_en`, `vernacular_de`, the columns of
    `ecology.draw_ecology`, and for each trait of its plan `trait_<name>` (species mean in the trait's unit, or the state's name) and, for continuous
    ones, `latent_<name>`; null where the plan lacks the trait. `taxa` is the taxonomy, parents first: `taxonID`, `parentNameUsageID`, `scientificName`,
    `taxonRank`, `taxonomicStatus`. `vernacular` holds `taxonID`, `vernacularName`, `language`.
    """

    settings: DrawSettings
    phylogeny: Phylogeny
    species: pl.DataFrame
    taxa: pl.DataFrame
    vernacular: pl.DataFrame


def trait_type(name: str) -> type[pl.DataType]:
    """The column type of the trait `name`: text when its values are states."""
    discrete = any(t.name == name and t.states for traits in plans.TRAITS.values() for t in traits)
    return pl.String if discrete else pl.Float64


def draw_tree(settings: DrawSettings) -> DrawnTree:
    """The world of `settings`: phylogeny, taxonomy, names, traits and ecology, from named streams of `settings.seed`.

    Raises BadSetting when there are fewer species than body plans, and for a shared trait that no plan has.
    """
    clades = clades_of(settings.plans)
    if settings.species < len(clades):
        raise BadSetting("species", settings.species, f"at least one for each of the {len(clades)} body plans")
    _all_known(settings.shared, [t.name for c in clades for t in plans.TRAITS[c.plan]])
    counts = share_species(settings.species, clades)
    runs = _runs(clades, counts)
    depths = draw_depths(counts, settings.extinction, stream(settings.seed, "phylogeny"), clades)
    phylogeny = from_depths(depths)
    plan_of: list[PlanName] = [c.plan for c, _, n in runs for _ in range(n)]
    ecology = draw_ecology(plan_of, settings.tail, stream(settings.seed, "ecology"))
    lineages, family_plans = _name_lineages(runs, phylogeny, settings.seed)
    traits = _draw_traits(runs, phylogeny, ecology["habitat"].to_numpy(), settings)
    nouns = dict(
        zip(family_plans, draw_nouns(list(family_plans.values()), stream(settings.seed, "nouns")), strict=True)
    )
    common = _common_names(plan_of, lineages, traits, ecology, nouns)
    taxa = _taxonomy(lineages)
    by_name = dict(zip(taxa["scientificName"], taxa["taxonID"], strict=True))
    full = [f"{line[5]} {line[6]}" for line in lineages]
    columns: dict[str, Sequence[str]] = {"taxonID": [by_name[n] for n in full], "scientificName": full, "plan": plan_of}
    columns |= {term: [line[r] for line in lineages] for r, term in enumerate(LINEAGE)}
    columns |= {"vernacular_en": [en for en, _ in common], "vernacular_de": [de for _, de in common]}
    species = pl.concat([pl.DataFrame(columns), ecology, traits], how="horizontal")
    return DrawnTree(settings, phylogeny, species, taxa, _vernacular(species, nouns, by_name))


def _all_known(patterns: Sequence[str], names: list[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise BadSetting("shared", pattern, f"is no trait of these body plans; they have {', '.join(names)}", names)


def _name_lineages(
    runs: list[_Run], phylogeny: Phylogeny, seed: int
) -> tuple[list[tuple[str, ...]], dict[str, PlanName]]:
    """The seven ranks of every species (the last is the epithet), and the plan of every family, by name."""
    namer = Namer(stream(seed, "names"))
    lineages: list[tuple[str, ...]] = []
    families: dict[str, PlanName] = {}
    for clade, first, n in runs:
        depth = phylogeny.depth_my[first : first + n - 1]
        orders, fams, gens = (cut(depth, e) for e in (ORDERS, FAMILIES, GENERA))
        genus = [namer.genus(clade.kingdom) for _ in range(int(gens[-1]) + 1)]
        family = [namer.family(genus[gens[_first(fams, f)]], clade.kingdom) for f in range(int(fams[-1]) + 1)]
        order = [clade.order] * n
        if not clade.order:
            made = [namer.order(genus[gens[_first(orders, o)]], clade.plan) for o in range(int(orders[-1]) + 1)]
            order = [made[o] for o in orders]
        above = (clade.kingdom, clade.phylum, clade.classis)
        for i in range(n):
            own = genus[gens[i]]
            lineages.append((*above, order[i], family[fams[i]], own, namer.epithet(own)))
        families |= dict.fromkeys(family, clade.plan)
    return lineages, families


def _runs(clades: Sequence[Clade], counts: list[int]) -> list[_Run]:
    starts = np.concatenate([[0], np.cumsum(counts)])
    return [(c, int(s), n) for c, s, n in zip(clades, starts[:-1], counts, strict=True)]


def _first(groups: NDArray[np.int64], group: int) -> int:
    return int(np.argmax(groups == group))


def _draw_traits(
    runs: list[_Run], phylogeny: Phylogeny, habitats: NDArray[np.str_], settings: DrawSettings
) -> pl.DataFrame:
    """`trait_<name>` and `latent_<name>` columns [n]: each plan's traits evolved on its own clade, then moved by habitat; shared ones do neither."""
    frames: list[pl.DataFrame] = []
    for clade, first, n in runs:
        tree = from_depths(phylogeny.depth_my[first : first + n - 1])
        columns: dict[str, NDArray[np.float64] | list[str]] = {}
        for trait in plans.TRAITS[clade.plan]:
            rng = stream(settings.seed, "trait", clade.plan, trait.name)
            alike = _is_shared(trait, settings)
            value = np.zeros(n) if alike else evolve(trait, tree, clade.crown_my, settings.own, rng)
            if trait.states:
                columns[f"trait_{trait.name}"] = [trait.states[int(v)] for v in value]
                continue
            shift = habitat_shift(clade.plan, trait.name, habitats[first : first + n])
            latent = value if alike else value + shift
            columns[f"latent_{trait.name}"] = latent
            columns[f"trait_{trait.name}"] = to_range(latent, trait)
        frames.append(pl.DataFrame(columns))
    table = pl.concat(frames, how="diagonal")
    names = sorted(table.columns)
    return table.select([c for c in names if c[:6] == "trait_"] + [c for c in names if c[:6] != "trait_"])


def _is_shared(trait: Trait, settings: DrawSettings) -> bool:
    return any(fnmatchcase(trait.name, pattern) for pattern in settings.shared)


def _common_names(
    plan_of: list[PlanName],
    lineages: list[tuple[str, ...]],
    traits: pl.DataFrame,
    ecology: pl.DataFrame,
    nouns: dict[str, Noun],
) -> list[tuple[str, str]]:
    seen = []
    for plan, line, trait, eco in zip(plan_of, lineages, traits.to_dicts(), ecology.to_dicts(), strict=True):
        value = {k.removeprefix("trait_"): v for k, v in trait.items() if k.startswith("trait_") and v is not None}
        hue, light, chroma = (value[f"{GROUND[plan]}{c}"] for c in ("hue", "lightness", "chroma"))
        seen.append(
            Sighted(
                plan=plan,
                noun=nouns[line[4]],
                ground=(hue, light, chroma),
                mark=_mark_colour(plan, value, light),
                pattern=str(value[PATTERN[plan]]),
                lat_deg=eco["lat_deg"],
            )
        )
    return name_species(seen)


GROUND: dict[PlanName, str] = {
    "beetle": "ground_",
    "butterfly": "ground_",
    "bird": "back_",
    "fish": "back_",
    "hoofed": "coat_",
    "leaf": "",
    "flower": "petal_",
    "mushroom": "cap_",
}
"""How the traits of each plan's main colour begin."""

MARK_HUE: dict[PlanName, tuple[str, float]] = {
    "beetle": ("mark_hue", 0.48),
    "butterfly": ("mark_hue", 0.62),
    "bird": ("accent_hue", 0.0),
    "flower": ("throat_hue", 0.66),
}
"""The trait with the hue of the marks, and the lightness of the ground below which the marks are the lighter ones."""


def _mark_colour(plan: PlanName, value: dict[str, Any], ground_lightness: float) -> tuple[float, float, float]:
    """Hue, lightness and chroma of the marks as `plans` draws them."""
    if plan in MARK_HUE:
        trait, turn = MARK_HUE[plan]
        return value[trait], 0.84 if ground_lightness < turn else 0.52, 0.14
    if plan == "mushroom":
        return (90.0, 0.93, 0.02) if ground_lightness < 0.72 else (65.0, 0.52, 0.06)
    return 0.0, 0.3, 0.0


def _taxonomy(lineages: list[tuple[str, ...]]) -> pl.DataFrame:
    """The Darwin Core taxon table of all lineages, rank by rank, so that parents come first."""
    rows: list[tuple[str, str, str, str, str]] = []
    ids: dict[tuple[str, ...], str] = {(): ""}
    for r, rank in enumerate(RANKS):
        for line in lineages:
            path = line[: r + 1]
            if path not in ids:
                ids[path] = f"DT{len(ids):06d}"
                name = " ".join(path[-2:]) if rank == "species" else path[-1]
                rows.append((ids[path], ids[path[:-1]], name, rank, "accepted"))
    columns = ["taxonID", "parentNameUsageID", "scientificName", "taxonRank", "taxonomicStatus"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def _vernacular(species: pl.DataFrame, nouns: dict[str, Noun], ids: dict[str, str]) -> pl.DataFrame:
    higher = [(ids[name], pair) for name, pair in HIGHER.items() if name in ids]
    rows = [(taxon, word, lang) for taxon, pair in higher for word, lang in zip(pair, ("en", "de"), strict=True)]
    for family, noun in nouns.items():
        rows += [(ids[family], noun.english_plural, "en"), (ids[family], noun.german_plural, "de")]
    for lang in ("en", "de"):
        rows += list(zip(species["taxonID"], species[f"vernacular_{lang}"], [lang] * len(species), strict=True))
    return pl.DataFrame(rows, schema=["taxonID", "vernacularName", "language"], orient="row")
