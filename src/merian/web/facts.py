"""Taxa and photos as the JSON that pages and programs read."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.core.tree import RANKS, Tree
from merian.web.parts import Parts

__all__ = [
    "LANGUAGES",
    "Json",
    "called",
    "found",
    "images_of",
    "lineage",
    "own_number",
    "photo",
    "photo_brief",
    "samples",
    "taxon",
    "taxon_page",
]

Json = dict[str, Any]

LANGUAGES = ("en", "de")
"""The languages of the pages, as `frontend/src/words.ts` has them."""
SHOWN_CHILDREN = 60
SHOWN_IMAGES = 12
"""Children and photos that a taxon's page lists. From taste."""
FACTS = (
    "event_date",
    "habitat",
    "sex",
    "life_stage",
    "health",
    "individual",
    "licence",
    "rights_holder",
    "source",
    "split",
)


def taxon(tree: Tree, number: int) -> Json:
    """One taxon in short: id, name, rank, its common name in English, and those in the languages of the pages (`called`)."""
    return {
        "id": tree.ids[number],
        "name": tree.names[number],
        "rank": RANKS[tree.rank[number]],
        "common": tree.common_name(number),
        "called": called(tree, number),
    }


def called(tree: Tree, number: int) -> dict[str, str]:
    """The preferred common name of a taxon in each language of the pages that has one."""
    names = {language: tree.common_name(number, language) for language in LANGUAGES}
    return {language: name for language, name in names.items() if name}


def lineage(tree: Tree, number: int) -> list[Json]:
    """The path of a taxon, kingdom first, itself last; empty for -1."""
    return [taxon(tree, int(a)) for a in tree.ancestors[number] if a >= 0] if number >= 0 else []


def photo_brief(parts: Parts, image: str) -> Json:
    """One photo of the catalog in short: id and taxon (None when it is not in the catalog)."""
    row = parts.rows.get(image)
    if parts.catalog is None or row is None:
        return {"id": image, "taxon": None}
    number = int(parts.catalog.frame["taxon"][row])
    return {"id": image, "taxon": taxon(parts.catalog.tree, number) if number >= 0 else None}


def photo(parts: Parts, image: str) -> Json:
    """One photo of the catalog: what `photo_brief` says, its lineage, size and what else the source gave. Raises KeyError."""
    row = parts.rows[image]
    if parts.catalog is None:
        raise KeyError(image)
    known = parts.catalog.frame.row(row, named=True)
    facts = {name: known[name] for name in FACTS if known[name] not in (None, "")}
    return {
        **photo_brief(parts, image),
        "lineage": lineage(parts.catalog.tree, known["taxon"]),
        "width": known["width"],
        "height": known["height"],
        "facts": facts,
    }


def found(parts: Parts, taxon_id: str) -> tuple[Tree, int]:
    """The Tree that has a taxon of this id, and its number there. Raises KeyError."""
    for tree in parts.trees:
        hits = tree.ids.index_of(taxon_id)
        if hits is not None:
            return tree, hits
    raise KeyError(taxon_id)


def taxon_page(parts: Parts, taxon_id: str) -> Json:
    """All that the store knows of a taxon: lineage, names in languages, what is below it, its photos. Raises KeyError."""
    tree, number = found(parts, taxon_id)
    below = slice(number + 1, int(tree.end[number]))
    children = np.flatnonzero(tree.parent[below] == number) + number + 1
    species = int((tree.rank[number : int(tree.end[number])] == RANKS.index("species")).sum())
    names = tree.common.filter(pl.col("taxon") == number).select("language", "name").rows(named=True)
    images = images_of(parts, own_number(parts, tree, number))["id"].to_list()
    known = None
    if parts.identifier is not None and parts.identifier.head.tree is tree:
        labels = parts.identifier.head.labels
        known = int(((labels >= number) & (labels < tree.end[number])).sum())
    return {
        **taxon(tree, number),
        "lineage": lineage(tree, number),
        "names": names,
        "children": [taxon(tree, int(c)) for c in children[:SHOWN_CHILDREN]],
        "child_count": len(children),
        "species_count": species,
        "known_to_model": known,
        "images": images[:SHOWN_IMAGES],
        "image_count": len(images),
        "tree": tree.version,
    }


def own_number(parts: Parts, tree: Tree, number: int) -> int:
    """The number that a taxon of any Tree has in the catalog's, -1 when it has none there."""
    if parts.catalog is None:
        return -1
    mine = parts.catalog.tree
    return number if mine.version == tree.version else int(mine.match(tree.lineages([number]))[0])


def images_of(parts: Parts, own: int) -> pl.DataFrame:
    """The catalog's rows of a taxon and all below it, by its number in the catalog's Tree; none for -1."""
    if parts.catalog is None:
        return pl.DataFrame({"id": []}, schema={"id": pl.String})
    last = int(parts.catalog.tree.end[own]) - 1 if own >= 0 else -2
    return parts.catalog.kept().filter(pl.col("taxon").is_between(own, last))


def samples(parts: Parts, count: int) -> list[Json]:
    """Photos that no model was trained on, one per species, spread evenly over the tree of life; the same ones each time."""
    if parts.catalog is None:
        return []
    kept = parts.catalog.kept()
    held = kept.filter(pl.col("split").is_in(["test", "unseen"]))
    rows = held if len(held) else kept
    shuffled = rows[stream(0, "web", "samples").permutation(len(rows)).tolist()]
    one_each = shuffled.unique("taxon", keep="first", maintain_order=True).sort("taxon")
    chosen = np.unique(np.linspace(0, len(one_each) - 1, min(count, len(one_each))).round().astype(int))
    return [{**photo_brief(parts, i), "held_out": bool(len(held))} for i in one_each["id"].gather(chosen.tolist())]
