"""Search of the store: by photo, by words, by both, behind a filter; over its index where it has one, else over what is held in memory.

Both understand a filter alike, for both read the same condition (`Wanted.sql`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from starlette.datastructures import QueryParams

from merian.core.errors import BadSetting
from merian.core.tree import Tree
from merian.core.vectors import normalise
from merian.curate.licences import read_licence
from merian.search import Wanted
from merian.search.asked import dated, days_of
from merian.web.answers import vector_of, vectors_of
from merian.web.facts import Json, found, images_of, own_number, taxon
from merian.web.parts import Parts
from merian.web.uploads import Refused

__all__ = ["DEPTHS", "MOST_WORDS", "Question", "Searching", "mixed", "read_question"]

Floats = npt.NDArray[np.float32]

MOST_WORDS = 1_000
"""Characters of the words asked with."""
DEPTHS = (32, 128, 512, 1_000)
"""How many of the nearest are looked for at most: the least of these that holds the page that is asked for."""
MOST_VALUES, LONGEST_VALUE = 32, 200
"""Values of one filter, and characters of one. From taste."""
FIRST_YEAR, LAST_YEAR = 1500, 2199
"""Years that a date may be of: the months between two dates are listed one by one."""
MOST_ALIKE = 500
"""Photos of a taxon whose vectors are fetched from an index. From taste: their mean hardly moves with more."""
MOST_CHOICES = 200
"""Licences and sources that are told. From taste: a list that a person can look through."""
TOLD = ("id", "taxon", "source", "licence", "rights_holder", "event_date", "latitude", "longitude")
"""What is told of a photo that was found."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What an address asks for: `words`, the id of a photo of the store (`like`) or of a taxon by its photos (`alike`), what the words `weight` beside it,
    `taxa` by external id, the rest."""

    words: str
    like: str
    alike: str
    weight: float
    taxa: tuple[str, ...]
    rest: Wanted


def read_question(query: QueryParams) -> Question:
    """The question of an address. Raises Refused, status 400, when a value is out of bounds."""
    words, like, alike = query.get("words", "").strip(), query.get("like", ""), query.get("alike", "")
    if len(words) > MOST_WORDS:
        raise Refused(400, f"words of {len(words)} characters", f"ask with {MOST_WORDS} characters at most")
    try:
        rest = Wanted(
            box=_box(query.get("box", "")),
            first=_date(query, "from"),
            last=_date(query, "to"),
            months=tuple(sorted({_month(value) for value in _values(query, "month")})),
            licences=_values(query, "licence"),
            sources=_values(query, "source"),
        )
    except BadSetting as error:
        raise Refused(400, str(error), "see /api/openapi.json for what each filter takes") from error
    return Question(words=words, like=like, alike=alike, weight=_weight(query), taxa=_values(query, "taxon"), rest=rest)


def _values(query: QueryParams, name: str) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(value for value in query.getlist(name) if value))
    if len(values) > MOST_VALUES:
        raise Refused(400, f"{len(values)} values of {name}", f"give {MOST_VALUES} at most")
    for value in values:
        if len(value) > LONGEST_VALUE or not value.isprintable():
            raise Refused(400, f"{name}={value[:40]!r}", f"give printable text of {LONGEST_VALUE} characters at most")
    return values


def _month(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 12):
        raise Refused(400, f"month={text[:40]!r}", "month must be a whole number from 1 to 12")
    return int(text[:4])


def _date(query: QueryParams, name: str) -> str:
    text = query.get(name, "").strip()
    if text:
        days_of(text)
        if not FIRST_YEAR <= int(text[:4]) <= LAST_YEAR:
            raise Refused(400, f"{name}={text[:40]!r}", f"give a date of the years {FIRST_YEAR} to {LAST_YEAR}")
    return text


def _weight(query: QueryParams) -> float:
    text = query.get("weight", "0.5")
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight <= 1:
        raise Refused(400, f"weight={text[:40]!r}", "weight must be a share from 0 to 1")
    return weight


def _box(text: str) -> tuple[float, float, float, float] | None:
    if not text:
        return None
    try:
        west, south, east, north = (float(side) for side in text.split(","))
    except ValueError as error:
        raise Refused(
            400, f"box={text[:60]!r}", "box must be west,south,east,north in degrees, such as 5.9,45.8,10.5,47.8"
        ) from error
    return west, south, east, north


@dataclass(eq=False)
class Searching:
    """The search of one store. Everything here may take a while: call it outside the event loop."""

    parts: Parts

    @functools.cached_property
    def choices(self) -> Json:
        """What there is to filter by: licences and sources with their number of photos, the commonest first; how many photos have a date and a place."""
        rows = self._rows
        return {
            "images": len(rows),
            "indexed": None if self.parts.index is None else len(self.parts.index),
            "dated": int(rows["first_day"].is_not_null().sum()),
            "placed": int((rows["latitude"].is_not_null() & rows["longitude"].is_not_null()).sum()),
            "licences": _counted(rows["licence"].replace(self._named)),
            "sources": _counted(rows["source"]),
        }

    def like(self, image: str) -> Floats:
        """The unit vector [d] of a photo of the store. Raises Refused."""
        self._needs_one_model()
        vector = vector_of(self.parts, image)
        if vector is None:
            raise Refused(404, f"no photo with a vector has the id {image[:80]!r}", "take an id from /api/search")
        return np.asarray(vector, np.float32)

    def alike(self, name: str) -> Floats:
        """The unit vector [d] between the photos of a taxon, by its external id. Raises Refused."""
        self._needs_one_model()
        tree, number = self._taxon(name)
        own = own_number(self.parts, tree, number)
        ids = images_of(self.parts, own)["id"].to_list()
        vectors = vectors_of(self.parts, ids if self.parts.embeddings is not None else ids[:MOST_ALIKE], own)
        if not len(vectors):
            raise Refused(404, f"{tree.names[number]} has no photo with a vector", "ask with a photo, or with words")
        return normalise(vectors.mean(0))

    def _needs_one_model(self) -> None:
        index, vectors = self.parts.index, self.parts.embeddings
        if index is not None and vectors is not None and vectors.fingerprint != index.fingerprint:
            raise _other_model()

    def _taxon(self, name: str) -> tuple[Tree, int]:
        try:
            return found(self.parts, name)
        except KeyError as error:
            told = f"no taxon has the id {name[:80]!r}"
            raise Refused(404, told, "take an id from /api/find or /api/tree") from error

    def nearest(self, question: Question, vector: Floats | None, count: int, start: int = 0) -> Json:
        """The photos nearest to a unit vector [d] among those wanted, or without one the first of them: `photos`, `among` and `exact`. Raises Refused.

        `start` of them are passed over; what an index compares goes in DEPTHS, so that one page goes on where another ended.
        """
        index, catalog = self.parts.index, self.parts.catalog
        own = self.parts.trees[-1]  # the catalog's, where there is one of its own
        tree = index.tree if index is not None and vector is not None else own if catalog is None else catalog.tree
        wanted = self._wanted(question, tree)
        if wanted is None:
            return {"photos": [], "among": 0, "exact": True}
        last = start + count
        more = next(depth for depth in DEPTHS if depth >= last) + (question.like != "")
        if vector is None:
            kept = self._filtered(wanted, tree)
            rows, among, exact = kept.head(last).with_columns(cosine=pl.lit(None, pl.Float64)), len(kept), True
        elif index is not None:
            answer = index.search(vector, more, wanted)
            rows, among, exact = answer.rows, answer.among, answer.exact
        else:
            rows, among, exact = *self._compared(vector, more, self._filtered(wanted, tree)), True
        rows = rows.filter(pl.col("id") != question.like).slice(start, count)
        return {"photos": [_told(row, tree) for row in rows.iter_rows(named=True)], "among": among, "exact": exact}

    def _wanted(self, question: Question, tree: Tree) -> Wanted | None:
        """The question's filter over the taxa of a Tree; None when it asks for taxa that the Tree has none of."""
        taxa = []
        for name in question.taxa:
            taxa.append(self._in(tree, name))
        if taxa and max(taxa) < 0:
            return None
        rest = question.rest
        return Wanted(
            taxa=tuple(number for number in taxa if number >= 0),
            box=rest.box,
            first=rest.first,
            last=rest.last,
            months=rest.months,
            licences=tuple(value for name in rest.licences for value in self._written.get(name, (name,))),
            sources=rest.sources,
            without=tuple(number for number in (self._in(tree, question.alike),) if number >= 0)
            if question.alike
            else (),
        )

    def _in(self, tree: Tree, name: str) -> int:
        """The number that a taxon of this external id has in a Tree, -1 for none. Raises Refused for an unknown id."""
        known, number = self._taxon(name)
        same = known.version == tree.version
        return number if same else int(tree.match(known.lineages([number]))[0])

    @functools.cached_property
    def _named(self) -> dict[str, str]:
        """Each licence as the catalog writes it -> its plain name."""
        return {text: _licence(text) for text in self._rows["licence"].drop_nulls().unique().to_list()}

    @functools.cached_property
    def _written(self) -> dict[str, tuple[str, ...]]:
        """The plain name of a licence -> all ways in which the catalog writes it."""
        ways: dict[str, tuple[str, ...]] = {}
        for text, name in sorted(self._named.items()):
            ways[name] = (*ways.get(name, ()), text)
        return ways

    @functools.cached_property
    def _rows(self) -> pl.DataFrame:
        """The catalog's kept photos that can be searched, in the order of the tree, with the columns that filters read."""
        catalog, embeddings = self.parts.catalog, self.parts.embeddings
        if catalog is None:
            none = dict.fromkeys(TOLD, pl.String) | {"taxon": pl.Int32, "latitude": pl.Float64, "longitude": pl.Float64}
            ids = [] if embeddings is None else embeddings.ids.to_list()
            kept = pl.DataFrame({name: ids if name == "id" else [None] * len(ids) for name in TOLD}, none)
        else:
            kept = catalog.kept().sort("taxon", maintain_order=True).select(TOLD)
        if embeddings is not None:
            kept = kept.filter(pl.col("id").is_in(embeddings.ids.implode()))
        return pl.concat([kept, dated(kept["event_date"])], how="horizontal")

    def _filtered(self, wanted: Wanted, tree: Tree) -> pl.DataFrame:
        condition = wanted.sql(tree)
        return self._rows.filter(pl.sql_expr(condition)) if condition else self._rows

    def _compared(self, vector: Floats, count: int, kept: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """The `count` rows of `kept` with the largest cosine, and how many rows were compared."""
        if self.parts.embeddings is None:
            raise Refused(404, "this store has no embeddings to search", "make them with merian embed")
        vectors, known = self.parts.embeddings.vectors, self.parts.identifier
        if known is not None and known.encoder.fingerprint != self.parts.embeddings.fingerprint:
            raise _other_model()
        at = [self.parts.vector_rows[image] for image in kept["id"].to_list()]
        cosines = (vectors if len(at) == len(vectors) and at == [*range(len(at))] else vectors[at]) @ vector
        best = np.argsort(-cosines, kind="stable")[:count]
        return kept[best.tolist()].with_columns(cosine=pl.Series(cosines[best].astype(np.float64))), len(kept)


def mixed(photo: Floats | None, words: Floats | None, weight: float) -> Floats | None:
    """The unit vector [d] between a photo's and that of words, which count `weight`; see `merian.search.asked_vector`."""
    if photo is None or words is None:
        return words if photo is None else photo
    return normalise((1 - weight) * photo + weight * words)


def _licence(text: str) -> str:
    """The plain name of a licence, such as CC-BY-4.0; the text itself where it is not understood."""
    known = read_licence(text)
    return text if known is None else known.id


def _other_model() -> Refused:
    what = "the embeddings of this store were made by another model"
    return Refused(404, what, "make them again with merian embed")


def _told(row: Mapping[str, Any], tree: Tree) -> Json:
    number, cosine = row["taxon"], row["cosine"]
    return {
        "id": row["id"],
        "taxon": taxon(tree, number) if number is not None and number >= 0 else None,
        "cosine": None if cosine is None else round(cosine, 4),
        "date": row["event_date"],
        "rights_holder": row["rights_holder"],
        "licence": None if row["licence"] is None else _licence(row["licence"]),
        "source": row["source"],
    }


def _counted(values: pl.Series) -> list[Json]:
    """Values with their number of rows, the commonest first."""
    counted = values.drop_nulls().alias("name").value_counts().filter(pl.col("name") != "")
    shown = counted.sort(["count", "name"], descending=[True, False]).head(MOST_CHOICES)
    return shown.select("name", "count").rows(named=True)
