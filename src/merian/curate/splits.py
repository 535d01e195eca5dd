"""Splits that leak nothing: what belongs together (a specimen, an individual, an event, a camera, the same or nearly the same bytes) stays together.

Groups of one species are dealt in the order of a hash of their name: adding images of one species moves no image of another, and adding a group to a species
moves at most three other groups of it (the counts are rounded shares, so a boundary may shift). A group of at least GIANT images that holds more than half of
its species is trained on, and becoming one may move two more. Groups that span species (all that one camera saw) cannot be dealt species by species: they are
dealt together with the groups that share a species with them, in the same order, by images, so that the shares stay near what was asked; adding such a group
may move others of its kind, and no others. Frames of one camera share their background, so a model tested on cameras it was trained on knows the place and not
the animal (Beery et al. 2018, Recognition in Terra Incognita, https://arxiv.org/abs/1807.04975).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import fraction
from merian.core.errors import BadData, BadSetting, Missing, nearest
from merian.core.tree import RANKS, Tree, read_table

__all__ = [
    "KEYS",
    "Grouping",
    "Key",
    "Shares",
    "achieved",
    "assign",
    "connected",
    "grouping",
    "key_values",
    "rare_species",
]

GIANT = 64
"""From so many images on, a group that is more than half of its species is too heavy to be dealt by its hash."""
FEWEST_CAMERAS = 3
"""With fewer cameras none can be spared for testing, and the cameras are not kept apart."""
ANYWHERE = (
    r"^(?:[a-z][a-z0-9+.-]*://|urn:|doi:|10\.\d{4,}/)|[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|^[^:]+:[^:]*:[^:]+$"
)
"""An identifier that means the same thing in every source: a URL, URN, DOI, UUID, or the triplet institution:collection:number."""


@dataclass(frozen=True, slots=True)
class Key:
    """A column whose equal values keep rows together. `local`: a plain value (event 7) says so within one source only."""

    column: str
    why: str
    local: bool = True


KEYS = (
    Key("group", "the observation, or whatever the source groups by"),
    Key("individual", "one animal or plant looks like itself"),
    Key("specimen", "several photos of one museum object"),
    Key("event_id", "a burst, a sequence, a sampling event"),
    Key("camera", "one camera, one background"),
    Key("path", "several samples cut out of one photo"),
    Key("hash", "the same bytes", local=False),
    Key("cluster", "nearly the same picture", local=False),
)
"""What keeps rows together, each by its column."""
NAMED = ("scientificname", "species", "name")
ALL = tuple(key.column for key in KEYS)
_LOCAL = {key.column for key in KEYS if key.local}


class Grouping(NamedTuple):
    """The group of each row (the smallest id in it), the columns that made the groups, and what a person should know of it."""

    group: pl.Series
    keys: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of each species' groups for validation and test, and of the species for `unseen`; the taxa that are kept out as `rare`."""

    val: float
    test: float
    unseen: float
    unseen_images: int
    """A species needs this many images to be kept out of training: fewer say nothing in a few-shot test."""
    test_fold: str
    """When the source gives folds: the fold that is the test split."""
    rare: tuple[int, ...] = field(default=())
    """Taxa of the Tree that are kept out of training with all below them."""


def grouping(rows: pl.DataFrame, keys: Sequence[str] = ALL) -> Grouping:
    """The groups of `rows` (with id and the columns of `keys` as far as they are there), the same for any order of the rows.

    Fewer than FEWEST_CAMERAS cameras are not kept apart, because nothing would be left to test on: a remark says so. Raises BadSetting for an unknown key.
    """
    for name in keys:
        if name not in ALL:
            close = nearest(name, ALL, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise BadSetting("together", name, f"is none of {', '.join(ALL)}{hint}")
    used = [k for k in ALL if k in keys and k in rows.columns and rows[k].null_count() < len(rows)]
    remarks = []
    if "camera" in used:
        cameras = key_values(rows, "camera").drop_nulls().n_unique()
        if cameras < FEWEST_CAMERAS:
            used.remove("camera")
            remarks.append(
                f"{cameras} {'camera' if cameras == 1 else 'cameras'} cannot be shared out over the splits: frames of one camera stand on both sides, "
                "and the test split says little of new places"
            )
    number = connected(rows, used)
    named = pl.DataFrame({"id": rows["id"], "number": number}).select(pl.col("id").min().over("number"))
    return Grouping(named["id"].alias("group"), tuple(used), tuple(remarks))


def key_values(rows: pl.DataFrame, key: str) -> pl.Series:
    """[n] the values of a key column as they may be compared over sources: a local one carries its source before it. Empty text is null."""
    value = pl.col(key).cast(pl.String).replace("", None)
    if key not in _LOCAL or "source" not in rows.columns:
        return rows.select(value).to_series()
    own = pl.concat_str([pl.col("source").fill_null(""), pl.lit("\0"), value])
    everywhere = value.str.to_lowercase().str.contains(ANYWHERE)
    return rows.select(pl.when(everywhere).then(value).otherwise(own).alias(key)).to_series()


def connected(rows: pl.DataFrame, keys: Sequence[str]) -> npt.NDArray[np.int64]:
    """[n] the smallest row of each row's group: rows that share the value of any key, directly or through others, are one group.

    Null values join nothing. Each key gives edges from a row to the first row of its value; roots hook onto smaller roots and paths are halved until no edge
    is left between two (Shiloach & Vishkin 1982, J. Algorithms 3:57), so that a long chain takes a few rounds and not its length.
    """
    n = len(rows)
    root = np.arange(n, dtype=np.int64)
    edges = []
    for key in keys:
        if key not in rows.columns or rows[key].null_count() == n:
            continue
        table = pl.DataFrame({"value": key_values(rows, key)}).with_row_index("row").drop_nulls("value")
        first = table.select(pl.col("row").cast(pl.Int64), first=pl.col("row").min().over("value").cast(pl.Int64))
        joined = first.filter(pl.col("row") != pl.col("first"))
        edges.append((joined["row"].to_numpy(), joined["first"].to_numpy()))
    one = np.concatenate([e[0] for e in edges]) if edges else root[:0]
    other = np.concatenate([e[1] for e in edges]) if edges else root[:0]
    while len(one):
        high, low = np.maximum(one, other), np.minimum(one, other)
        np.minimum.at(root, high, low)
        while True:
            above = root[root]
            if np.array_equal(above, root):
                break
            root = above
        one, other = root[high], root[low]
        apart = one != other
        one, other = one[apart], other[apart]
    return root


def rare_species(path: Path, tree: Tree) -> pl.DataFrame:
    """The species listed in a file, in its order: `name` as listed and `taxon`, -1 where the Tree has none of that name.

    The file is a table with the seven ranks, or with a column scientificName, scientific_name, species or name, or plain text with a name on each line.
    Raises Missing when it is not there, BadData when it lists none, or none that is in the Tree.
    """
    if not path.is_file():
        raise Missing(
            "the list of rare species",
            path,
            "give a CSV, TSV or Parquet table, or a text file with a name on each line",
        )
    table = _listed(path)
    if {"genus", "species"} <= set(table.columns):
        ranks = [pl.col(r) if r in table.columns else pl.lit(None, pl.String).alias(r) for r in RANKS]
        lineages = table.select(ranks)
    else:
        # the columns of a lineage; a binomial alone is a species whose genus is its first word, one word a genus
        words = pl.col("name").str.strip_chars()
        binomial = pl.when(words.str.contains(" ", literal=True)).then(words)
        nothing = [pl.lit(None, pl.String).alias(r) for r in RANKS[:5]]
        lineages = table.select(*nothing, words.str.split(" ").list.first().alias("genus"), binomial.alias("species"))
    named = table["name"] if "name" in table.columns else lineages["species"]
    found = pl.DataFrame({"name": named, "taxon": pl.Series(tree.match(lineages), dtype=pl.Int32)})
    if not len(found):
        raise BadData(path, "lists no species")
    if (found["taxon"] < 0).all():
        raise BadData(path, f"none of these is in the taxonomy (tree {tree.version})", found["name"].to_list())
    return found


def _listed(path: Path) -> pl.DataFrame:
    """The table of a list of species: its ranks, or the column `name`."""
    if path.suffix.lower() in (".txt", ""):
        lines = [s.strip() for s in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
        names = [s for s in lines if s and not s.startswith("#")]
        if not any(mark in "".join(names[:1]) for mark in "\t,"):
            headed = bool(names) and names[0].casefold().replace("_", "") in NAMED
            return pl.DataFrame({"name": names[headed:]}, schema={"name": pl.String})
    table = read_table(path)
    given = {c.casefold().replace("_", ""): c for c in reversed(table.columns)}
    if "genus" in given and "species" in given:
        ranks = table.select(pl.col(given[r]).cast(pl.String).replace("", None).alias(r) for r in RANKS if r in given)
        return ranks.filter(pl.any_horizontal(pl.all().is_not_null()))
    for name in NAMED:
        if name in given:
            return table.select(pl.col(given[name]).cast(pl.String).alias("name")).drop_nulls()
    raise BadData(path, "has no column scientificName, species or name", table.columns)


def assign(rows: pl.DataFrame, tree: Tree, shares: Shares, seed: int, nameless: bool = False) -> pl.Series:
    """The split of each row: "train", "val", "test", "unseen" or "rare"; null without a taxon, or in a group that holds species of two kinds.

    `nameless`: rows without a taxon are dealt too, as if they were one species.

    `rows` needs id, taxon, group and, for given folds, fold. Within each species (or coarser label) the groups are ordered by their hash and the first
    go to test and validation, at least one to test when there are three or more. Groups that span species are dealt as the head of this module says.
    """
    if "fold" not in rows.columns:
        rows = rows.with_columns(fold=pl.lit(None, pl.String))
    held = _held(rows, tree, shares, seed)
    kinds = rows.select("group", "taxon", "fold", held=pl.Series(held)).filter(
        pl.lit(nameless) | (pl.col("taxon") >= 0)
    )
    groups = kinds.group_by("group", maintain_order=True).agg(
        pl.col("taxon").min(),
        pl.len().alias("images"),
        pl.col("fold").min(),
        pl.col("held").min().alias("least"),
        pl.col("held").max().alias("most"),
        spans=pl.col("taxon").min() != pl.col("taxon").max(),
    )
    keys = [fraction(seed, f"split {g}") for g in groups["group"].to_list()]
    groups = groups.with_columns(pl.Series("key", keys, pl.Float64))
    if shares.test_fold:
        groups = groups.with_columns(split=_by_fold(rows, shares))
    else:
        dealt = _deal_spanning(groups.filter("spans"), kinds, shares)
        groups = groups.join(dealt, on="group", how="left", maintain_order="left")
        groups = groups.with_columns(split=pl.coalesce("spanning", _within_species(shares)))
    held_as = pl.when(pl.col("most") == 2).then(pl.lit("rare")).otherwise(pl.lit("unseen"))
    groups = groups.with_columns(
        split=pl.when(pl.col("most") == 0)
        .then("split")
        .when(pl.col("least") == pl.col("most"))
        .then(held_as)
        .otherwise(None)  # a photo with species of both kinds fits no split: one would leak into the other
    )
    return rows.select("group").join(groups.select("group", "split"), on="group", how="left", maintain_order="left")[
        "split"
    ]


def achieved(rows: pl.DataFrame, shares: Shares) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """What became of the shares: a table (split, images, groups, taxa, share of the images dealt, asked) and what a person should know of it, in words.

    `rows` needs taxon, group and split. `asked` is null for what was not asked as a share of images.
    """
    dealt = rows.filter(pl.col("split").is_in(["train", "val", "test"]))
    table = (
        rows.filter(pl.col("split").is_not_null())
        .group_by("split")
        .agg(
            images=pl.len(),
            groups=pl.col("group").n_unique(),
            taxa=pl.col("taxon").filter(pl.col("taxon") >= 0).n_unique(),
        )
    )
    asked = {"train": 1 - shares.val - shares.test, "val": shares.val, "test": shares.test}
    order = pl.DataFrame({"split": ["train", "val", "test", "unseen", "rare"]})
    table = order.join(table, on="split", how="left", maintain_order="left").with_columns(
        pl.col("images", "groups", "taxa").fill_null(0),
        asked=pl.col("split").replace_strict(asked, default=None, return_dtype=pl.Float64),
    )
    among = pl.col("split").is_in(["train", "val", "test"])
    table = table.with_columns(share=pl.when(among).then(pl.col("images") / max(len(dealt), 1)))
    remarks = []
    for split, share, wanted in table.filter(among).select("split", "share", "asked").rows():
        if wanted and not share:
            remarks.append(
                f"the {split} split is empty: {wanted:.0%} was asked, and the images hang together in too few groups"
            )
        elif wanted and not shares.test_fold and abs(share - wanted) > max(0.1, wanted / 2):
            remarks.append(
                f"the {split} split holds {share:.0%} of the images, {wanted:.0%} was asked: groups are never cut"
            )
    nowhere = rows.filter(pl.col("split").is_null() & (pl.col("taxon") >= 0))
    if len(nowhere):
        remarks.append(
            f"{len(nowhere):,} images are in no split: their groups hold species kept out of training and others"
        )
    sizes = dealt.group_by("group").len()["len"]
    if len(dealt) and (largest := int(sizes.max())) > len(dealt) / 2 and largest > 1:  # type: ignore[arg-type]
        remarks.append(f"one group holds {largest / len(dealt):.0%} of the images")
    return table.select("split", "images", "groups", "taxa", "share", "asked"), tuple(remarks)


def _held(rows: pl.DataFrame, tree: Tree, shares: Shares, seed: int) -> npt.NDArray[np.int8]:
    """[n] 2 for rows of rare species, 1 for those of unseen ones, 0 for all others."""
    taxon = rows["taxon"].to_numpy()
    held = np.zeros(len(tree) + 1, np.int8)  # the last place is that of taxon -1
    species = np.full(len(rows), -1, np.int32)
    species[taxon >= 0] = tree.ancestors[taxon[taxon >= 0], 6]
    counted, images = np.unique(species[species >= 0], return_counts=True)
    if shares.unseen > 0:
        for one in counted[images >= shares.unseen_images].tolist():
            held[one] = fraction(seed, f"unseen {tree.names[one]}") < shares.unseen
    for one in shares.rare:
        held[one : tree.end[one]] = 2
    return np.asarray(held[taxon], np.int8)


def _by_fold(rows: pl.DataFrame, shares: Shares) -> pl.Expr:
    """Given folds rule: the test fold is the test split, validation is dealt from the others."""
    folds = rows["fold"].drop_nulls().unique().sort().to_list()
    if shares.test_fold not in folds:
        raise BadSetting(
            "test_fold", shares.test_fold, f"is no fold of this source; it has {', '.join(folds[:10]) or 'none'}", folds
        )
    rest = pl.when(pl.col("key") < shares.val).then(pl.lit("val")).otherwise(pl.lit("train"))
    return pl.when(pl.col("fold") == shares.test_fold).then(pl.lit("test")).otherwise(rest)


def _within_species(shares: Shares) -> pl.Expr:
    """The split of a group of one species, by its place in the order of the hashes among the groups of that species."""
    alone = ["taxon", "spans"]
    giant = (pl.col("images") >= GIANT) & (pl.col("images") * 2 > pl.col("images").sum().over(alone))
    place = pl.col("key").add(giant.cast(pl.Float64)).rank("ordinal").over(alone) - 1
    size = pl.len().over(alone)
    some = pl.max_horizontal(1, (size * shares.test).round())
    tests = pl.when((size >= 3) & pl.lit(shares.test > 0)).then(some).otherwise(0)
    few = pl.max_horizontal(1, (size * shares.val).round())
    vals = pl.when((size >= 5) & pl.lit(shares.val > 0)).then(few).otherwise(0)
    return (
        pl.when(place < tests)
        .then(pl.lit("test"))
        .when(place < tests + vals)
        .then(pl.lit("val"))
        .otherwise(pl.lit("train"))
    )


def _deal_spanning(groups: pl.DataFrame, rows: pl.DataFrame, shares: Shares) -> pl.DataFrame:
    """(group, spanning): the split of each group that spans species, dealt with those that it shares a species with, directly or through others."""
    pairs = rows.join(groups.select("group"), on="group", how="semi").select("group", "taxon").unique()
    number = connected(pairs, ("group", "taxon"))
    of = pairs.with_columns(community=pl.Series(number)).group_by("group").agg(pl.col("community").first())
    ordered = groups.join(of, on="group").sort("community", "key", "group")
    found: list[tuple[str, str]] = []
    for part in ordered.partition_by("community", maintain_order=True):
        found += zip(part["group"].to_list(), _deal(part["images"].to_list(), shares), strict=True)
    return pl.DataFrame(found, schema={"group": pl.String, "spanning": pl.String}, orient="row")


def _deal(sizes: Sequence[int], shares: Shares) -> list[str]:
    """The split of each group, given the numbers of images in the order of the hashes: a group is taken while that brings the split nearer to its share.

    The largest is always trained on. Of three groups or more at least one is for testing, of five or more at least one for validation.
    """
    total, many = sum(sizes), len(sizes)
    largest = max(range(many), key=lambda i: (sizes[i], -i))
    free = [i for i in range(many) if i != largest]
    split = ["train"] * many
    validate = many >= 5 and shares.val > 0
    plan = [("test", shares.test, 1 if validate else 0)] if many >= 3 and shares.test > 0 else []
    plan += [("val", shares.val, 0)] if validate else []
    for name, share, left in plan:
        images, taken = 0, list[int]()
        for i in free:
            if len(free) - len(taken) > left and images + sizes[i] / 2 < share * total:
                taken.append(i)
                images += sizes[i]
        taken = taken or [min(free, key=lambda i: sizes[i])]
        for i in taken:
            split[i] = name
        free = [i for i in free if split[i] == "train"]
    return split
