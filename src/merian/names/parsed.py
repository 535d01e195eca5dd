"""What a name becomes when it is read: its words apart, its authors, and what was mended."""

from __future__ import annotations

from typing import NamedTuple

from merian.names.authors import Authorship

__all__ = ["ParsedName", "Part"]


class ParsedName(NamedTuple):
    """A scientific name taken apart; texts that the name lacks are None, `canonical` is empty when the text names no organism.

    `canonical` has neither ranks, hybrid signs nor subgenus; `full` has the ranks below the species and the signs. `cardinality`: words of the
    canonical form, 0 for a formula, a virus or no name. `quality`: 1 clean, 2 and 3 mended, 4 doubtful. `notes`: what was mended or cut off.
    `year`: four signs ("1771", "198?"). `kind`: name, virus, hybrid formula, placeholder, informal, not a name.
    """

    canonical: str
    full: str
    genus: str | None
    subgenus: str | None
    epithet: str | None
    infra: str | None
    rank_marker: str | None
    authorship: str | None
    year: str | None
    qualifier: str | None
    hybrid: bool
    cardinality: int
    kind: str
    quality: int
    notes: tuple[str, ...]


class Part:
    """One name while it is read: a formula has several."""

    def __init__(self) -> None:
        self.genus: str | None = None
        self.above: str | None = None
        self.subgenus: str | None = None
        self.epithet: str | None = None
        self.infra: list[tuple[str | None, str]] = []
        self.marker: str | None = None
        self.authors: Authorship | None = None
        self.signs = ("", "")
        self.uncertain: str | None = None
        self.uncertain_infra: str | None = None

    def canonical(self) -> str:
        last = [self.infra[-1][1]] if self.infra else []
        return " ".join([self.genus or "", *([self.epithet] if self.epithet else []), *last])

    def full(self) -> str:
        out = [
            self.signs[0],
            self.above or "",
            self.marker if self.above is not None and self.marker else "",
            self.genus or "",
        ]
        out += [self.signs[1], self.epithet or ""]
        for marker, word in self.infra:
            out += [marker or "", word]
        return " ".join(piece for piece in out if piece)
