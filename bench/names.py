"""Resolve 1.4 million messy names: the promise is 60 seconds on 2 cores, reading the names included.

The backbone is made up, so the truth is known: 1.5 million usages, of which every tenth a synonym, genera that two kingdoms share, species that two
genera's synonyms share. The names: 70 % right, 10 % synonyms, 5 % with a typo, 5 % homonyms that only the given ranks decide, 10 % with authors,
hybrid signs, `cf.`, a lost subspecies, or junk. Each is unique.

The peer does what TaxonoPy does, without its network: an object per record, a dictionary lookup, then the best of the genus by rapidfuzz.

    .venv/bin/python bench/names.py [names] [usages]
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from merian.core.tree import RANKS
from merian.names.parse import parse
from merian.names.resolve import resolve
from merian.names.settings import NamesSettings

PROMISE_S = 60.0
SAMPLE = 20_000
SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "la",
    "me",
    "ni",
    "po",
    "ru",
    "sa",
    "te",
    "vi",
    "xo",
    "cha",
    "phe",
    "tri",
    "quo",
    "stu",
    "bre",
]
SYLLABLES += ["cal", "mon", "ser", "lin", "gos", "pter", "chro", "sti", "nar", "vul"]
KINGDOMS = ["Animalia", "Plantae", "Fungi", "Chromista"]
CODES = ["zoological", "botanical", "botanical", "botanical"]


@dataclass(frozen=True)
class Made:
    """What the resolution reads of a Backbone."""

    usages: pl.DataFrame
    version: str = "made up"


def words(rng: np.random.Generator, count: int, ending: str, shortest: int = 3) -> pl.Series:
    """`count` different words of `shortest` to five syllables."""
    found = pl.Series([], dtype=pl.String)
    while len(found) < count:
        n = count * 2
        table = pl.DataFrame(
            {f"s{i}": pl.Series(SYLLABLES).gather(rng.integers(0, len(SYLLABLES), n)) for i in range(5)}
        )
        long = pl.Series(rng.integers(shortest, 6, n))
        word = table.select(
            pl.concat_str(*(pl.when(long > i).then(f"s{i}").otherwise(pl.lit("")) for i in range(5))) + ending
        )
        found = pl.concat([found, word.to_series()]).unique(maintain_order=True)
    return found.head(count).sample(count, shuffle=True, seed=1)


def backbone(rng: np.random.Generator, usages: int) -> Made:
    """A backbone of about `usages` usages: kingdoms, families, genera (every twentieth name in two kingdoms), species, synonyms."""
    genera, families = usages // 20, usages // 500
    species = usages - usages // 10 - genera - families
    family = words(rng, families, "idae").str.to_titlecase()
    kingdom_of_family = rng.integers(0, 4, families)
    name = words(rng, genera, "us").str.to_titlecase()
    twins = genera // 20
    name = pl.concat([name.head(genera - twins), name.head(twins)])
    family_of = rng.integers(0, families, genera)
    first = kingdom_of_family[family_of[:twins]]
    for _ in range(20):  # a twin stands in another kingdom
        same = np.flatnonzero(kingdom_of_family[family_of[genera - twins :]] == first)
        family_of[genera - twins + same] = rng.integers(0, families, len(same))
    epithets = words(rng, usages // 10, "us", 2)
    pair = pl.DataFrame(
        {
            "g": (rng.random(2 * species) ** 1.5 * genera).astype(np.int64),
            "e": rng.integers(0, len(epithets), 2 * species),
        }
    )
    pair = pair.unique(maintain_order=True)
    shared = pair.filter(pl.col("g") < twins).head(usages // 25).with_columns(g=pl.col("g") + genera - twins)
    pair = pl.concat([pair.head(species + usages // 10 - len(shared)), shared]).unique(maintain_order=True)
    pair = pair.sample(fraction=1, shuffle=True, seed=5)
    frame = pl.DataFrame({"g": pair["g"], "name": name.gather(pair["g"]) + " " + epithets.gather(pair["e"])})
    accepted = len(frame) - usages // 10
    target = np.concatenate([np.arange(accepted), rng.integers(0, accepted, len(frame) - accepted)])
    parts = [
        _rank(pl.Series(KINGDOMS), "kingdom", np.arange(4)),
        _rank(family, "family", kingdom_of_family, family),
        _rank(name, "genus", kingdom_of_family[family_of], family.gather(family_of), name),
    ]
    base = sum(map(len, parts))
    g = frame["g"].to_numpy()[target]
    lines = _rank(
        frame["name"], "species", kingdom_of_family[family_of[g]], family.gather(family_of[g]), name.gather(g)
    )
    lines = lines.with_columns(
        species=frame["name"].gather(target),
        status=pl.Series(np.where(np.arange(len(frame)) < accepted, "accepted", "synonym")),
        accepted=pl.Series(target + base, dtype=pl.Int32),
    )
    above = pl.concat(parts).with_columns(accepted=pl.int_range(base, dtype=pl.Int32))
    whole = pl.concat([above, lines.select(above.columns)])
    return Made(whole.with_columns(id=pl.format("M{}", pl.int_range(pl.len()))))


def _rank(
    names: pl.Series, rank: str, kingdom: np.ndarray, family: pl.Series | None = None, genus: pl.Series | None = None
) -> pl.DataFrame:
    empty = pl.repeat(None, len(names), dtype=pl.String, eager=True)
    columns = dict.fromkeys(RANKS, empty) | {"kingdom": pl.Series(KINGDOMS).gather(kingdom)}
    columns |= {} if family is None else {"family": family}
    columns |= {} if genus is None else {"genus": genus}
    return pl.DataFrame(
        {
            "name": names,
            "authorship": pl.repeat("Linnaeus, 1758", len(names), eager=True),
            "rank": pl.repeat(rank, len(names), eager=True),
        }
        | {"status": pl.repeat("accepted", len(names), eager=True), "code": pl.Series(CODES).gather(kingdom)}
        | columns
    ).with_columns(accepted=pl.lit(0, pl.Int32))


def messy(rng: np.random.Generator, made: Made, count: int) -> pl.DataFrame:
    """Names (verbatim_name, kingdom, family) with `truth`, the row of the taxon they stand for (-1 none), and `sort`, what was done to them."""
    usages = made.usages.with_row_index("row").filter(pl.col("rank") == "species")
    unique = usages.filter(pl.len().over("name") == 1)
    twins = usages.filter(pl.len().over("name") > 1)
    genus_row = dict(
        made.usages.with_row_index("row")
        .filter(pl.col("rank") == "genus")
        .select(pl.concat_str("name", "kingdom", separator=" "), "row")
        .rows()
    )
    accepted, synonyms = (
        unique.filter(pl.col("status") == s).sample(fraction=1, shuffle=True, seed=2) for s in ("accepted", "synonym")
    )
    genera = made.usages.with_row_index("row").filter(pl.col("rank") == "genus", pl.len().over("name") > 1)
    plain = accepted.head(int(count * 0.7))
    rest = accepted.slice(len(plain))
    rest = rest if len(rest) > count // 5 else accepted
    parts = [_given(plain, "exact", rng.random(len(plain)) < 0.5), _given(synonyms.head(count // 10), "synonym", True)]
    typo = rest.head(count // 20)
    parts.append(_given(typo, "typo", True, _typos(rng, typo["name"])))
    both = pl.concat([genera, twins]).sample(fraction=1, shuffle=True, seed=6).head(count // 20)
    parts.append(_given(both, "homonym", True))
    other = rest.slice(len(typo), count // 10)
    kind = rng.integers(0, 5, len(other))
    first, last = other["name"].str.split(" ").list.first(), other["name"].str.split(" ").list.last()
    ways = {
        "author": other["name"] + " (Linné, 1758)",
        "hybrid": first + " × " + last,
        "cf.": first + " cf. " + last,
        "lost subspecies": other["name"] + " subsp. perditus",
        "junk": pl.Series([f"unidentified thing {i}" for i in range(len(other))]),
    }
    above = np.array([genus_row[f"{g} {k}"] for g, k in zip(first, other["kingdom"], strict=True)])
    for i, (way, text) in enumerate(ways.items()):
        mine = np.flatnonzero(kind == i)
        part = _given(other[mine], way, way != "junk", text.gather(mine))
        if way == "cf.":
            part = part.with_columns(truth=pl.Series(above[mine], dtype=pl.Int64))
        parts.append(part.with_columns(truth=pl.lit(-1, pl.Int64)) if way == "junk" else part)
    return (
        pl.concat(parts)
        .unique(["verbatim_name", "kingdom", "family"], maintain_order=True)
        .sample(fraction=1, shuffle=True, seed=3)
    )


def _given(rows: pl.DataFrame, sort: str, ranks: bool | np.ndarray, text: pl.Series | None = None) -> pl.DataFrame:
    there = pl.Series(np.broadcast_to(np.asarray(ranks), len(rows)))
    return rows.select(
        verbatim_name=rows["name"] if text is None else text,
        kingdom=pl.when(there).then("kingdom"),
        family=pl.when(there).then("family"),
        truth=pl.col("accepted").cast(pl.Int64),
        sort=pl.lit(sort),
    )


def _typos(rng: np.random.Generator, names: pl.Series) -> pl.Series:
    """The names with one letter of the epithet left out, doubled, exchanged with the next or replaced."""
    out = []
    for name, way, draw in zip(names, rng.integers(0, 4, len(names)), rng.random(len(names)), strict=True):
        start = name.index(" ") + 2
        at = start + int(draw * (len(name) - start - 2))
        middle = ("", name[at] * 2, name[at + 1] + name[at], "z")[way]
        out.append(name[:at] + middle + name[at + 1 + (way == 2) :])
    return pl.Series(out, dtype=pl.String)


class Record:
    """The peer's record: an object per name, that keeps what was tried."""

    def __init__(self, text: str, kingdom: str | None, family: str | None) -> None:
        self.text, self.kingdom, self.family = text, kingdom, family
        self.taxon = -1
        self.lineage: tuple[str | None, ...] = (None,) * len(RANKS)
        self.reason = "not found"
        self.alternatives: list[str] = []


def peer(rows: pl.DataFrame, made: Made) -> tuple[float, float, list[int]]:
    """Seconds to index the backbone, seconds for the records (resolved one at a time, then made a table), the taxa."""
    start = time.perf_counter()
    by_name: dict[str, list[int]] = defaultdict(list)
    in_genus: dict[str, list[str]] = defaultdict(list)
    usages = made.usages.select("id", "name", "accepted", *RANKS).rows()
    for row, usage in enumerate(usages):
        by_name[usage[1]].append(row)
        in_genus[usage[1].partition(" ")[0]].append(usage[1])
    indexed = time.perf_counter()
    records = []
    for text, kingdom, family in rows.select("verbatim_name", "kingdom", "family").iter_rows():
        record = Record(text, kingdom, family)
        canonical = parse(text).canonical
        genus = canonical.partition(" ")[0]
        found, how = by_name.get(canonical, []), "exact"
        if not found:
            near = process.extractOne(
                canonical, in_genus.get(genus, ()), scorer=DamerauLevenshtein.distance, score_cutoff=2
            )
            found, how = (by_name[near[0]], "fuzzy") if near else ([], "")
        if not found:
            found, how = by_name.get(canonical.rpartition(" ")[0], by_name.get(genus, [])), "above"
        fits = [f for f in found if kingdom in (None, usages[f][3]) and family in (None, usages[f][7])]
        if fits:
            taxon = usages[usages[fits[0]][2]]
            record.taxon, record.lineage = usages[fits[0]][2], taxon[3:]
            record.reason = f"{how} match of {text} with {usages[fits[0]][1]}, {taxon[1]}"
            record.alternatives = [usages[f][0] for f in found if f != fits[0]]
        records.append(record)
    columns = {r: [x.lineage[k] for x in records] for k, r in enumerate(RANKS)}
    columns |= {"reason": [x.reason for x in records], "alternatives": [x.alternatives for x in records]}
    pl.DataFrame({"taxon": [x.taxon for x in records], **columns})
    return indexed - start, time.perf_counter() - indexed, [x.taxon for x in records]


def main(count: int, usages: int) -> None:
    """Make, resolve, compare."""
    rng = np.random.default_rng(0)
    made = backbone(rng, usages)
    rows = messy(rng, made, count)
    print(f"{len(made.usages):,} usages, {len(rows):,} different names")
    start = time.perf_counter()
    resolution = resolve(rows.drop("truth", "sort"), made, NamesSettings())  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    print(
        f"resolved in {seconds:.1f} s, {len(rows) / seconds:,.0f} names/s; promise {PROMISE_S:.0f} s: {'kept' if seconds <= PROMISE_S else 'BROKEN'}"
    )
    for decision, outcome, n, score in resolution.counts.rows():
        print(f"   {decision:<28} {outcome:<11} {n:>9,} {n / len(rows):7.2%}  score {score:.2f}")
    ids = made.usages["id"]
    truth = rows.select(pl.when(pl.col("truth") >= 0).then(ids.gather(rows["truth"].clip(0)))).to_series()
    found = resolution.frame["accepted_id"]
    checked = rows.select(
        "sort", right=found.eq_missing(truth), none=found.is_null(), wrong=found.ne_missing(truth) & found.is_not_null()
    )
    print(
        checked.group_by("sort")
        .agg(names=pl.len(), right=pl.col("right").mean(), wrong=pl.col("wrong").mean())
        .sort("sort")
    )
    sample = rows.sample(min(SAMPLE, len(rows)), seed=4)
    indexing, looping, taxa = peer(sample, made)
    total = indexing + looping * len(rows) / len(sample)
    right = np.mean(np.asarray(taxa) == sample["truth"].to_numpy())
    ours = float(checked["right"].mean())  # type: ignore[arg-type]
    print(
        f"a loop of objects on {len(sample):,}: index {indexing:.1f} s, then {len(sample) / looping:,.0f} names/s, so {total:.1f} s for all; "
        f"right {right:.2%} (ours {ours:.2%}); ratio {total / seconds:.1f} x"
    )
    sys.exit(seconds > PROMISE_S)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_400_000, int(sys.argv[2]) if len(sys.argv) > 2 else 1_500_000)
