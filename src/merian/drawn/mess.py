"""Names as collections write them: with authorship, in capitals, misspelt, outdated, unsure, or with HTML left in; the truth keeps what each stands for."""

from __future__ import annotations

import numpy as np
import polars as pl

from merian.core.chance import fraction, stream
from merian.drawn.naming import Namer
from merian.drawn.world import DrawnTree

__all__ = ["MESSES", "NO_HIGHER", "soil", "synonyms", "taxon_table"]

MESSES = ("authorship", "all caps", "typo", "synonym", "cf.", "html", "gender ending")
"""The ways a name is messed up, in turn."""
HAS_SYNONYM = 0.4
"""Share of species with an outdated name. A matter of taste: the Catalogue of Life has about as many synonyms as accepted names."""
SWAPPED = {"us": "a", "a": "um", "um": "us"}
"""Endings of adjectives that people confuse."""
AUTHORS = 60
NO_HIGHER = 0.34
"""Share of messy records that give no higher rank either; the others give the kingdom, the class and the family."""


def soil(table: pl.DataFrame, world: DrawnTree) -> pl.DataFrame:
    """`table` (of `faults.plant`) with the columns `label_name`, `mess` and `written_name`.

    `label_name` is the taxon that the label stands for (the genus for "Aus cf. bus", since no more is certain), "" without a label. `mess` is the kind
    of mess (one of MESSES) and `written_name` the name as the record has it; both are "" for names that are written well. Only sound records of
    species are messed up.
    """
    s = world.settings
    tips, ranks = table["given_tip"].to_list(), table["given_rank"].to_list()
    species = world.species
    columns = {"species": "scientificName", "genus": "genus", "family": "family"}
    names = {rank: species[column].to_list() for rank, column in columns.items()}
    label = [names[r][t] if t is not None and r else "" for t, r in zip(tips, ranks, strict=True)]
    mess, written = [""] * len(table), [""] * len(table)
    wanted = round(s.images * s.messy_names)
    if wanted:
        rng = stream(s.seed, "mess")
        sound = (table["fault"] == "") & (table["given_rank"] == "species") & (table["subject"] == "organism")
        rows = rng.permutation(np.flatnonzero(sound.to_numpy()))[:wanted]
        old = dict(synonyms(world).select("tip", "scientificName").iter_rows())
        taken = {*names["species"], *old.values()}
        authors = _authors(world)
        for k, i in enumerate(rows.tolist()):
            tip = tips[i]
            kind, text = _written(MESSES[k % len(MESSES)], label[i], old.get(tip), authors[tip], taken, rng)
            mess[i], written[i] = kind, text
            if kind == "cf.":
                label[i] = species["genus"][tip]
    made = {"label_name": label, "mess": mess, "written_name": written}
    return table.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in made.items())


def _written(
    kind: str, name: str, old: str | None, author: str, taken: set[str], rng: np.random.Generator
) -> tuple[str, str]:
    """The kind of mess and the messy name; where a kind cannot be had (no synonym, no such ending), the name with its author."""
    genus, epithet = name.split(" ")
    if kind == "all caps":
        return kind, name.upper() + (f" {author.upper()}" if rng.random() < 0.3 else "")
    if kind == "cf.":
        return kind, f"{genus} {('cf.', 'aff.', 'cf')[int(rng.integers(3))]} {epithet}"
    if kind == "html":
        return kind, f"<i>{name}</i> {author}" if rng.random() < 0.5 else f"<em>{genus}</em> <em>{epithet}</em>"
    if kind == "typo":
        return kind, _misspelt(genus, epithet, taken, rng)
    if kind == "synonym" and old is not None:
        return kind, old
    ending = next((e for e in ("us", "um", "a") if epithet.endswith(e)), "")
    other = f"{genus} {epithet.removesuffix(ending)}{SWAPPED.get(ending, '')}"
    if kind == "gender ending" and ending and other not in taken:
        return kind, other
    return "authorship", f"{name} {author}"


def _misspelt(genus: str, epithet: str, taken: set[str], rng: np.random.Generator) -> str:
    """The name with one letter wrong, left out, doubled, or swapped with the next; never another name of the world, never the first letter."""
    while True:
        of_genus = bool(rng.random() < 0.3)
        word = genus if of_genus else epithet
        at, kind = int(rng.integers(1, max(2, len(word) - 1))), int(rng.integers(4))
        letter = "abcdefghilmnoprstuvx"[int(rng.integers(20))]
        middle = (letter, "", 2 * word[at : at + 1], word[at + 1 : at + 2] + word[at : at + 1])[kind]
        wrong = word[:at] + middle + word[at + (2 if kind == 3 else 1) :]
        name = f"{wrong} {epithet}" if of_genus else f"{genus} {wrong}"
        if name not in taken and wrong != word and len(wrong) > 2:
            return name


def synonyms(world: DrawnTree) -> pl.DataFrame:
    """The outdated names of the world: columns `tip`, `taxonID`, `scientificName`, in the order of the species.

    A species has at most one: the same epithet in another genus of its family, or a name after a person in its own genus. None is
    another species' name.
    """
    seed, species = world.settings.seed, world.species
    rng = stream(seed, "synonyms")
    namer = Namer(rng)
    kin: dict[str, list[str]] = {}
    for family, genus in species.select("family", "genus").unique(maintain_order=True).iter_rows():
        kin.setdefault(family, []).append(genus)
    taken = set(species["scientificName"])
    rows: list[tuple[int, str, str]] = []
    for tip, name in enumerate(species["scientificName"]):
        if fraction(seed, f"synonym of {name}") >= HAS_SYNONYM:
            continue
        genus, epithet = name.split(" ")
        others = [g for g in kin[species["family"][tip]] if g != genus and f"{g} {epithet}" not in taken]
        if others and not epithet.endswith(tuple(SWAPPED)) and rng.random() < 0.6:
            old = f"{others[int(rng.integers(len(others)))]} {epithet}"
        else:
            old = f"{genus} {namer.person().split(' ')[1].lower()}i"
        if old not in taken:
            taken.add(old)
            rows.append((tip, f"DS{len(rows):06d}", old))
    return pl.DataFrame(rows, schema={"tip": pl.Int32, "taxonID": pl.String, "scientificName": pl.String}, orient="row")


def taxon_table(world: DrawnTree) -> pl.DataFrame:
    """The taxonomy that the source publishes: `world.taxa`, and where names are messy also authors and synonyms with `acceptedNameUsageID`."""
    if not world.settings.messy_names:
        return world.taxa
    author = dict(zip(world.species["taxonID"], _authors(world), strict=True))
    accepted = world.taxa.with_columns(
        pl.lit(None, pl.String).alias("acceptedNameUsageID"),
        pl.col("taxonID")
        .replace_strict(author, default=None, return_dtype=pl.String)
        .alias("scientificNameAuthorship"),
    )
    of = world.species["taxonID"].to_list()
    old = synonyms(world).select(
        "taxonID",
        pl.lit(None, pl.String).alias("parentNameUsageID"),
        "scientificName",
        pl.lit("species").alias("taxonRank"),
        pl.lit("synonym").alias("taxonomicStatus"),
        pl.Series("acceptedNameUsageID", [of[t] for t in synonyms(world)["tip"]], dtype=pl.String),
        pl.lit(None, pl.String).alias("scientificNameAuthorship"),
    )
    return pl.concat([accepted, old])


def _authors(world: DrawnTree) -> list[str]:
    """Who described each species, as its code of nomenclature writes it: animals with the year, plants and fungi without."""
    seed = world.settings.seed
    namer = Namer(stream(seed, "authors"))
    people = [namer.person().split(" ")[1] for _ in range(AUTHORS)]
    found = []
    for tip, kingdom in enumerate(world.species["kingdom"]):
        rng = stream(seed, "author", tip)
        first, second = (people[min(int(v) - 1, AUTHORS - 1)] for v in rng.geometric(0.06, 2))
        moved = bool(rng.random() < 0.3)
        if kingdom == "Animalia":
            text = f"{first}, {int(rng.integers(1758, 1990))}"
            found.append(f"({text})" if moved else text)
        else:
            found.append(f"({second}) {first}" if moved and second != first else first)
    return found
