"""Which usages of a backbone a name may mean: by its key, by its Latin endings, or by a misspelling; everything in columns.

A key is the canonical name in lower case without diacritics, ligatures and hyphens, so that `Pörtulaca  novae-angliae` finds `Portulaca novaeangliae`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tree import RANKS
from merian.names.settings import NamesSettings
from merian.names.usages import ACCEPTED

__all__ = ["FOUND", "Index", "endings", "exact", "keys", "misspelt", "rows_at", "stems"]

FOUND = {"q": pl.UInt32, "row": pl.Int32, "match": pl.String, "distance": pl.UInt8}
"""Columns of what a search finds: the query, the row of the usage, how it matched ("exact", "ending", "typo"), letters that differ."""

SPELLED = {
    "æ": "ae",
    "œ": "oe",
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ø": "oe",
    "å": "ao",
    "ß": "ss",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
}
ENDINGS = (
    (r"(\w{2})(?:iae|ae)( |$)", "${1}~4${2}"),
    (r"(\w{2})ii?( |$)", "${1}~3${2}"),
    (r"(\wst)er( |$)", "${1}r~2${2}"),
    (r"(\w{2})er( |$)", "${1}r~1${2}"),
    (r"(\w{2})(?:us|a|um)( |$)", "${1}~1${2}"),
    (r"(\w{2})(?:is|e)( |$)", "${1}~2${2}"),
)
"""Endings of epithets that change with the gender of the genus (ICZN Art. 31.2, ICN Art. 23.5) or that authors spell both ways (-i, -ii:
ICN Art. 60.8, ICZN Art. 33.4): each is replaced with the number of its class, in this order. `campester` and `campestris` are one."""

_NEEDED = ("id", "name", "authorship", "rank", "status", "accepted", "code", *RANKS)
Letters = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]
PAIRS = 4_000_000
"""Pairs of words that are compared at a time: 100 MB."""


def keys(names: pl.Series) -> pl.Series:
    """The key of each name; null stays null."""
    lower = names.str.to_lowercase().str.replace_all("-", "", literal=True)
    odd = (lower.str.len_bytes() != lower.str.len_chars()).fill_null(False).arg_true()
    if not len(odd):
        return lower
    plain = lower.gather(odd).str.replace_many(list(SPELLED), list(SPELLED.values()))
    return lower.scatter(odd, plain.str.normalize("NFKD").str.replace_all(r"\p{M}", ""))


def rows_at(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """The rows of `frame` at the numbers `rows`; a null number gives a row of nulls."""
    return frame.select(pl.all().gather(rows))


def stems(rests: pl.Series) -> pl.Series:
    """Epithets (lower case) without their endings: equal for forms that differ in the ending alone."""
    for pattern, replacement in ENDINGS:
        rests = rests.str.replace_all(pattern, replacement)
    return rests


def _words(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` (with `key`) and the first word of the key, the rest (null when there is none) and the number of words."""
    parts = pl.col("key").str.splitn(" ", 2).struct
    return frame.with_columns(first=parts.field("field_0"), rest=parts.field("field_1")).with_columns(
        words=pl.col("rest").str.count_matches(" ", literal=True).fill_null(-1).cast(pl.Int8) + 2
    )


@dataclass(frozen=True, eq=False)
class Index:
    """The usages of a backbone, to be searched by key; `usages` begins with the backbone's own rows in their order."""

    usages: pl.DataFrame

    @classmethod
    def of(cls, usages: pl.DataFrame) -> Index:
        """The index of a backbone's usages, and of the higher taxa that only their lineages name (as in a list of species with families): without
        identifier."""
        accepted = usages.filter(pl.col("status").is_in(ACCEPTED))
        parts = [usages.lazy().select(_NEEDED).collect()]
        for i, rank in enumerate(RANKS[:6]):
            path = list(RANKS[: i + 1])
            there = accepted.filter(pl.col("rank") == rank).select(
                "kingdom", pl.col("name").alias(rank) if i else "name"
            )
            named = accepted.select(path).drop_nulls(rank).unique()
            implied = named.join(there, on=list(dict.fromkeys(("kingdom", rank))), how="anti", nulls_equal=True).sort(
                path
            )
            start = sum(map(len, parts))
            row = pl.int_range(start, start + len(implied), dtype=pl.Int32, eager=True)
            parts.append(
                implied.with_columns(
                    row.alias("accepted"), name=pl.col(rank), rank=pl.lit(rank), status=pl.lit("accepted")
                )
            )
        return cls(pl.concat(parts, how="diagonal").rechunk())

    @cached_property
    def names(self) -> pl.DataFrame:
        """Columns row, key: every usage that has a name and stands for an accepted one."""
        whole = self.usages.select(
            pl.int_range(pl.len(), dtype=pl.Int32).alias("row"), key=keys(self.usages["name"]), stands="accepted"
        )
        return whole.drop_nulls().select("row", "key")

    @cached_property
    def firsts(self) -> pl.Series:
        """The first words of all names, each once."""
        return self.names["key"].str.splitn(" ", 2).struct.field("field_0").unique()

    def of_genera(self, genera: pl.Series) -> pl.DataFrame:
        """Columns row, key, first, rest, words of the names of two or more words that begin with one of `genera`."""
        mine = self.names.filter(pl.col("key").str.splitn(" ", 2).struct.field("field_0").is_in(genera.implode()))
        return _words(mine).filter(pl.col("rest").is_not_null())


def exact(index: Index, asked: pl.DataFrame) -> pl.DataFrame:
    """What has the same key: `asked` has q, key; gives FOUND."""
    found = asked.join(index.names, on="key")
    return found.select("q", "row", match=pl.lit("exact"), distance=pl.lit(0, pl.UInt8))


def endings(index: Index, asked: pl.DataFrame) -> pl.DataFrame:
    """What differs only in the Latin endings of its epithets: `asked` has q, key; gives FOUND."""
    wanted = _words(asked).filter(pl.col("rest").is_not_null())
    names = index.of_genera(wanted["first"].unique())
    wanted, names = (f.with_columns(stem=stems(f["rest"])) for f in (wanted, names))
    found = wanted.join(names, on=["first", "stem"])
    return found.select("q", "row", match=pl.lit("ending"), distance=pl.lit(1, pl.UInt8))


def misspelt(index: Index, asked: pl.DataFrame, settings: NamesSettings) -> pl.DataFrame:
    """The nearest names within the allowed number of wrong letters (Damerau-Levenshtein): `asked` has q, key; gives FOUND.

    The genus must be right, or unknown and one letter off a known one. Only the least distance of each query is kept.
    """
    wanted = _words(asked)
    unknown = wanted.filter(~pl.col("first").is_in(index.firsts.implode()))
    mended = _genera(index, unknown["first"].unique(), settings) if settings.genus_typos else _NO_GENERA
    right = wanted.join(unknown.select("q"), on="q", how="anti").with_columns(block="first", spent=pl.lit(0, pl.UInt8))
    near = unknown.join(mended, on="first").with_columns(spent=pl.lit(1, pl.UInt8))
    both = pl.concat([right, near.select(right.columns)])
    alone = both.filter(pl.col("rest").is_null() & (pl.col("spent") == 1)).select("q", key="block", distance="spent")
    found = [
        alone.join(index.names, on="key").select("q", "row", "distance"),
        _epithets(index, both.filter(pl.col("rest").is_not_null()), settings),
    ]
    nearest = pl.concat(found).filter(pl.col("distance") == pl.col("distance").min().over("q"))
    return nearest.select("q", "row", match=pl.lit("typo"), distance="distance")


_NO_GENERA = pl.DataFrame(schema={"first": pl.String, "block": pl.String})


def _genera(index: Index, words: pl.Series, settings: NamesSettings) -> pl.DataFrame:
    """Columns first, block: the unknown `words` and the known first words one letter off.

    Two words are one edit apart only if they share a word that comes of deleting at most one letter (Garbe's symmetric deletion).
    """
    from rapidfuzz import process
    from rapidfuzz.distance import DamerauLevenshtein

    words = words.filter(words.str.len_chars() >= settings.short_word)
    shorter = pl.concat(list(_deletions(words.rename("first"))))
    wanted = shorter["short"].unique().implode()
    parts = [part.filter(pl.col("short").is_in(wanted)) for part in _deletions(index.firsts.rename("block"))]
    pairs = shorter.join(pl.concat(parts), on="short").select("first", "block").unique()
    if pairs.is_empty():
        return _NO_GENERA
    apart = process.cpdist(
        pairs["first"].to_list(),
        pairs["block"].to_list(),
        scorer=DamerauLevenshtein.distance,
        score_cutoff=1,
        dtype=np.uint8,
    )
    return pairs.filter(pl.Series(apart <= 1))


def _deletions(words: pl.Series) -> Iterator[pl.DataFrame]:
    """The words themselves, then without their first letter, their second ...: each as a frame with the column `short` beside them."""
    name = words.name
    yield pl.DataFrame({name: words, "short": words}, schema={name: pl.String, "short": pl.String})
    frame = words.to_frame()
    lengths = words.str.len_chars().to_numpy()
    for i in range(int(lengths.max(initial=0))):
        long = frame.filter(pl.col(name).str.len_chars() > i)
        yield long.with_columns(short=pl.col(name).str.slice(0, i) + pl.col(name).str.slice(i + 1))


def _epithets(index: Index, asked: pl.DataFrame, settings: NamesSettings) -> pl.DataFrame:
    """Columns q, row, distance: names of the genus `block` with as many words and epithets within the limit of `asked` (q, rest, words, block, spent)."""
    length = pl.col("rest").str.len_chars()
    budget = (
        pl.when(length < settings.short_word)
        .then(0)
        .when(length < settings.long_word)
        .then(1)
        .otherwise(settings.typos)
    )
    budget = pl.min_horizontal(budget, pl.lit(settings.typos)).cast(pl.Int8) - pl.col("spent").cast(pl.Int8)
    asked = asked.with_columns(limit=pl.max_horizontal(budget, pl.lit(0, pl.Int8)))
    rows = index.of_genera(asked["block"].unique())
    names = rows.select(block="first", rest="rest", words="words").unique().sort("block", "words", "rest")
    blocks = names.with_row_index("at").group_by("block", "words").agg(start=pl.col("at").min(), size=pl.len())
    asked = asked.join(blocks, on=["block", "words"]).sort("q", "block")
    if asked.is_empty():
        return pl.DataFrame(schema={"q": pl.UInt32, "row": pl.Int32, "distance": pl.UInt8})
    letters = _letters(names["rest"])
    parts = [_compare(chunk, names["rest"], letters) for chunk in _chunks(asked)]
    pairs = pl.concat(parts).join(
        rows.select("row", block="first", rest="rest"), left_on=["block", "hit"], right_on=["block", "rest"]
    )
    return pairs.select("q", "row", "distance")


def _chunks(asked: pl.DataFrame) -> list[pl.DataFrame]:
    """Slices of `asked` that make about PAIRS pairs each."""
    number = ((asked["size"].cast(pl.Int64).cum_sum() - 1) // PAIRS).alias("number")
    return asked.with_columns(number).partition_by("number", include_key=False, maintain_order=True)


def _compare(asked: pl.DataFrame, rests: pl.Series, letters: Letters) -> pl.DataFrame:
    """Columns q, block, hit, distance of the pairs within the limit; what cannot be near by its length or letters is never compared."""
    from rapidfuzz import process
    from rapidfuzz.distance import DamerauLevenshtein

    size = asked["size"].to_numpy().astype(np.int64)
    left = np.repeat(np.arange(len(asked)), size)
    right = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + np.repeat(asked["start"].to_numpy(), size)
    limit = asked["limit"].to_numpy()
    my_length, my_letters = _letters(asked["rest"])
    its_length, its_letters = letters
    near = np.abs(my_length[left] - its_length[right]) <= limit[left]
    left, right = left[near], right[near]
    near = np.bitwise_count(my_letters[left] ^ its_letters[right]) <= 2 * limit[left]
    left, right = left[near], right[near]
    mine, its = asked["rest"].gather(left), rests.gather(right)
    apart = process.cpdist(
        mine.to_list(), its.to_list(), scorer=DamerauLevenshtein.distance, score_cutoff=2, dtype=np.uint8
    )
    within = apart <= limit[left]
    spent = asked["spent"].to_numpy()[left]
    return pl.DataFrame(
        {"q": asked["q"].gather(left), "block": asked["block"].gather(left), "hit": its, "distance": apart + spent},
        schema_overrides={"distance": pl.UInt8},
    ).filter(pl.Series(within))


def _letters(words: pl.Series) -> Letters:
    """The length of each word, and which letters it holds at least once (26 bits) and at least twice (26 bits).

    One insertion or deletion changes at most one of the bits, one substitution two, a transposition none.
    """
    text = words.str.replace_all(r"[^a-z ]", "?").to_numpy().astype("S")
    table = text.view(np.uint8).reshape(len(words), text.itemsize)
    once, twice = np.zeros(len(words), np.uint64), np.zeros(len(words), np.uint64)
    for column in table.T:
        letter = (column >= 97) & (column <= 122)
        bit = np.where(letter, np.uint64(1) << (column.astype(np.uint64) - np.uint64(97)) % np.uint64(64), np.uint64(0))
        twice |= once & bit
        once |= bit
    return words.str.len_chars().to_numpy().astype(np.int64), once | twice << np.uint64(26)
