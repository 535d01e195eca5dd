"""The map of a store as the explorer needs it: its points by level of detail, and their colourings, each made once, when it is first asked for."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from threading import RLock

import numpy as np
import numpy.typing as npt

from merian.core import store
from merian.core.errors import BadData
from merian.core.tree import RANKS
from merian.web.explorer import columns, uncertainty
from merian.web.explorer.columns import Column
from merian.web.explorer.loops import Upright
from merian.web.explorer.packed import pack
from merian.web.explorer.sieve import ACROSS, LEVELS, order
from merian.web.facts import Json
from merian.web.parts import Layout, Parts

__all__ = ["Board"]

Ints = npt.NDArray[np.int64]
SPECIES = RANKS.index("species")
SIXTEEN = 65_535
PLAIN = 20_000
"""Points of the map as JSON, for programs that read no bytes: a few megabytes."""
PROBABILITY, DISTANCE = "probability", "distance"


@dataclass(eq=False)
class Board:
    """The points of a store in the order of their level of detail: point i of the board is row `rows[i]` of the layout."""

    parts: Parts
    _made: dict[str, Column] = field(default_factory=dict)
    _packed: dict[str, bytes] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    @property
    def layout(self) -> Layout:
        """The layout. Raises KeyError when the store has none."""
        if self.parts.layout is None:
            raise KeyError("layout")
        return self.parts.layout

    @functools.cached_property
    def _order(self) -> tuple[Ints, Ints]:
        with self._lock:
            return order(self.layout.points)

    @property
    def rows(self) -> Ints:
        """The layout's row of each point: [n]."""
        return self._order[0]

    @functools.cached_property
    def at(self) -> dict[str, int]:
        """The point of each photo's id."""
        return {self.layout.ids[row]: i for i, row in enumerate(self.rows.tolist())}

    @functools.cached_property
    def layout_taxa(self) -> Ints:
        """The taxon of each row of the layout in the catalog's Tree, -1 where it is not known: [n]."""
        catalog = self.parts.catalog
        if catalog is None:
            return np.full(len(self.layout.ids), -1, np.int64)
        taxa, rows = catalog.frame["taxon"].fill_null(-1).to_numpy(), self.parts.rows
        found = np.array([rows.get(i, -1) for i in self.layout.ids], np.int64)
        return np.where(found >= 0, taxa[found], -1).astype(np.int64)

    @functools.cached_property
    def taxa(self) -> Ints:
        """The taxon of each point: [n]."""
        return self.layout_taxa[self.rows]

    @functools.cached_property
    def places(self) -> npt.NDArray[np.float64]:
        """Where each point lies: [n, 2]."""
        return self.layout.points[self.rows]

    @functools.cached_property
    def upright(self) -> Upright:
        """The points by their height."""
        return Upright.of(self.places)

    @functools.cached_property
    def by_taxon(self) -> Ints:
        """The points by the order of the tree: [n]."""
        return np.argsort(self.taxa, kind="stable")

    @functools.cached_property
    def vectors(self) -> Ints:
        """The row of each point's vector in the embeddings, -1 where there is none: [n]."""
        return self.parts.in_layout[self.rows]

    @functools.cached_property
    def species_of_vectors(self) -> Ints:
        """The species of each embedding's photo in the catalog's Tree, -1 where it is not known: [m]."""
        catalog, embeddings = self.parts.catalog, self.parts.embeddings
        if catalog is None or embeddings is None or embeddings.tree_version not in ("", catalog.tree.version):
            return np.full(0 if embeddings is None else len(embeddings), -1, np.int64)
        rows, taxa = self.parts.rows, catalog.frame["taxon"].fill_null(-1).to_numpy()
        found = np.array([rows.get(i, -1) for i in embeddings.ids.to_list()], np.int64)
        own = np.where(found >= 0, taxa[found], -1)
        return np.where(own >= 0, catalog.tree.ancestors[own, SPECIES], -1).astype(np.int64)

    @functools.cached_property
    def tag(self) -> str:
        """What all of this was made of: the same tag, the same bytes."""
        parts = self.parts
        made_of = [
            "" if parts.catalog is None else parts.catalog.hash,
            "" if parts.embeddings is None else parts.embeddings.fingerprint,
            "" if parts.identifier is None else parts.identifier.encoder.fingerprint,
            "\n".join(self.layout.ids),
        ]
        words = "\n".join(made_of).encode() + self.layout.points.tobytes() + self.layout.traits.write_json().encode()
        return store.digest_bytes(words)[:16]

    def about(self) -> Json:
        """What there is to see, and what it can be coloured by."""
        ready = [column.brief for column in self._columns.values()]
        n, rated = len(self.layout.ids), uncertainty.rated(self.parts, len(self.layout.ids))
        unsure = [(PROBABILITY, rated), (DISTANCE, int((self.vectors >= 0).sum()) if self._means else 0)]
        ready += [
            {"key": key, "label": key, "kind": "uncertainty", "unit": "", "names": 0, "known": many}
            for key, many in unsure
            if many
        ]
        return {"tag": self.tag, "points": n, "total": self.layout.total, "colourings": ready}

    @property
    def _means(self) -> bool:
        return self.parts.catalog is not None and bool((self.species_of_vectors >= 0).any())

    @functools.cached_property
    def _columns(self) -> dict[str, Column]:
        """The columns that lie ready, by row of the layout."""
        with self._lock:
            return {column.key: column for column in columns.known(self.parts, self.layout_taxa)}

    def column(self, key: str) -> Column:
        """A colouring of the points in their order. Raises KeyError for one that there is not."""
        with self._lock:
            found = self._made.get(key) or self._make(key)
            if found is None:
                raise KeyError(key)
            self._made[key] = found
        return found

    def _make(self, key: str) -> Column | None:
        if key == PROBABILITY:
            few = self._evenly(uncertainty.rated(self.parts, len(self.rows)))
            values = np.full(len(self.rows), np.nan)
            values[few] = uncertainty.probabilities(self.parts, self.vectors[few], self.taxa[few])
            return columns.measured(key, "", values, "uncertainty")
        if key == DISTANCE:
            return columns.measured(key, "", self._distances(), "uncertainty") if self._means else None
        column = self._columns.get(key)
        return None if column is None else column.taken(self.rows)

    def _evenly(self, few: int) -> Ints:
        """So many of the points, spread over the map: all of the first levels, and of the next one every so many."""
        ends = [0, *self._order[1].tolist()]
        level = int(np.searchsorted(ends, few, side="right")) - 1
        if level + 1 >= len(ends):
            return np.arange(len(self.rows))
        more = np.linspace(ends[level], ends[level + 1], few - ends[level], endpoint=False).astype(np.int64)
        return np.concatenate([np.arange(ends[level]), more])

    def _distances(self) -> npt.NDArray[np.float64]:
        assert self.parts.embeddings is not None
        every = uncertainty.distances(self.parts.embeddings.vectors, self.species_of_vectors)
        return np.where(self.vectors >= 0, every[self.vectors], np.nan)

    def points(self) -> bytes:
        """The places of the points as bytes: sixteen bits for each of x and y, from -1 to 1, and where the levels end."""
        if "" in self._packed:
            return self._packed[""]
        with self._lock:
            if "" not in self._packed:
                at = self.places
                if len(at) and not np.isfinite(at).all():
                    raise BadData("layout", "places must be numbers")
                xy = np.round((np.clip(at, -1, 1) + 1) / 2 * SIXTEEN).astype(np.uint16)
                head = {"points": len(at), "levels": self._order[1].tolist(), "across": ACROSS, "grids": LEVELS}
                self._packed[""] = pack(head, {"xy": xy})
            return self._packed[""]

    def colours(self, key: str) -> bytes:
        """A colouring as bytes: codes in as few as hold them (the largest number: not known), or values. Raises KeyError."""
        if key in self._packed:
            return self._packed[key]
        with self._lock:
            if key not in self._packed:
                column = self.column(key)
                head = {**column.brief, "names": list(column.names), **(column.about or {})}
                if column.codes is not None:
                    kind = next(t for t in (np.uint8, np.uint16, np.uint32) if len(column.names) < np.iinfo(t).max)
                    codes = np.where(column.codes < 0, np.iinfo(kind).max, column.codes).astype(kind)
                    self._packed[key] = pack(head, {"codes": codes})
                else:
                    assert column.values is not None
                    self._packed[key] = pack(head, {"values": column.values})
            return self._packed[key]

    def plain(self) -> Json:
        """The map as JSON: ids, x and y, and what lies ready to colour by, of at most PLAIN points, spread evenly over the map."""
        if self.parts.layout is None:
            return {"ids": [], "x": [], "y": [], "total": 0, "colourings": []}
        plan = self.layout
        rows = np.sort(self.rows[self._evenly(min(PLAIN, len(self.rows)))])
        at = np.round(plan.points[rows], 4)
        return {
            "ids": [plan.ids[row] for row in rows.tolist()],
            "x": at[:, 0].tolist(),
            "y": at[:, 1].tolist(),
            "total": plan.total,
            "colourings": [column.taken(rows).plain() for column in self._columns.values()],
        }
