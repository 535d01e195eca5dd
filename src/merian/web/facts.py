"""Taxa and photos as the JSON that pages and programs read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.tree import RANKS, Tree
from merian.web.parts import Layout, Parts

__all__ = [
    "Json",
    "found",
    "images_of",
    "layout",
    "lineage",
    "own_number",
    "photo",
    "photo_brief",
    "samples",
    "taxon",
    "taxon_page",
]

Json = dict[str, Any]

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
COLUMNS = ("life_stage", "sex", "health", "habitat", "source", "latitude")
"""Columns of the catalog that the map can be coloured by."""
MOST_TRAITS = 12
MOST_NAMES = 400
"""A column with more different texts than this is no trait but a label, and nobody could tell its colours apart. From taste."""


def taxon(tree: Tree, number: int) -> Json:
    """One taxon in short: id, name, rank and its common name."""
    return {
        "id": tree.ids[number],
        "name": tree.names[number],
        "rank": RANKS[tree.rank[number]],
        "common": tree.common_name(number),
    }


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


def layout(parts: Parts) -> Json:
    """The map: ids, x and y of its points, and what they can be coloured by, each as codes into a list of names or as numbers."""
    if parts.layout is None:
        return {"ids": [], "x": [], "y": [], "total": 0, "colourings": []}
    plan, at = parts.layout, np.round(parts.layout.points, 4)
    return {
        "ids": plan.ids,
        "x": at[:, 0].tolist(),
        "y": at[:, 1].tolist(),
        "total": plan.total,
        "colourings": [*_by_rank(parts, plan.ids), *_by_column(parts, plan), *_by_trait(parts, plan)],
    }


def _by_rank(parts: Parts, ids: list[str]) -> Iterable[Json]:
    if parts.catalog is None:
        return
    tree = parts.catalog.tree
    column = parts.catalog.frame["taxon"].to_list()
    taxa = np.array([column[parts.rows[i]] if i in parts.rows else -1 for i in ids], np.int64)
    for number, rank in enumerate(RANKS):
        clades = np.where(taxa >= 0, tree.ancestors[taxa, number], -1)
        found = [c for c, _ in Counter(clades[clades >= 0].tolist()).most_common()]
        place = {clade: code for code, clade in enumerate(found)}
        if found:
            yield {
                "key": rank,
                "label": rank,
                "kind": "rank",
                "names": [tree.names[c] for c in found],
                "common": [tree.common_name(c) for c in found],
                "taxa": [tree.ids[c] for c in found],
                "order": np.argsort(np.argsort(found)).tolist(),
                "codes": [place.get(c, -1) for c in clades.tolist()],
            }


def _by_column(parts: Parts, plan: Layout) -> Iterable[Json]:
    table = pl.DataFrame({"id": plan.ids})
    if parts.catalog is not None:
        frame = parts.catalog.kept().select("id", *COLUMNS).unique("id", keep="first")
        table = table.join(frame, on="id", how="left", maintain_order="left")
    own = [c for c in plan.columns.columns if c not in table.columns and c not in RANKS]
    for column in table.hstack(plan.columns.select(own).get_columns()).get_columns()[1:]:
        if column.dtype.is_float() or column.dtype.is_integer():
            yield from _measure(column.name, "", column.cast(pl.Float64).to_numpy())
            continue
        texts = column.cast(pl.String).to_list()
        names = [n for n, _ in Counter(t for t in texts if t).most_common()]
        if 1 < len(names) <= MOST_NAMES:
            place = {n: code for code, n in enumerate(names)}
            codes = [place.get(t, -1) if t else -1 for t in texts]
            label = column.name.replace("_", " ")
            yield {"key": column.name, "label": label, "kind": "text", "names": names, "codes": codes}


def _by_trait(parts: Parts, plan: Layout) -> Iterable[Json]:
    """The traits of each point's species, as far as known, the first ones of the table."""
    if parts.catalog is None or plan.traits.is_empty():
        return
    tree, column = parts.catalog.tree, parts.catalog.frame["taxon"].to_list()
    taxa = np.array([column[parts.rows[i]] if i in parts.rows else -1 for i in plan.ids], np.int64)
    species = np.where(taxa >= 0, tree.ancestors[taxa, RANKS.index("species")], -1)
    for (trait, unit), rows in list(plan.traits.group_by(["trait", "unit"], maintain_order=True))[:MOST_TRAITS]:
        value = np.full(len(tree) + 1, np.nan)
        value[rows["taxon"].to_numpy()] = rows["value"].to_numpy()
        yield from _measure(str(trait), str(unit or ""), value[species])


def _measure(key: str, unit: str, values: npt.NDArray[np.float64]) -> Iterable[Json]:
    """A colouring by a number, if there is more than one."""
    known = values[np.isfinite(values)]
    if len(known) and known.max() > known.min():
        rounded = [float(f"{v:.5g}") if np.isfinite(v) else None for v in values.tolist()]
        yield {"key": key, "label": key.replace("_", " "), "kind": "number", "unit": unit, "values": rounded}
