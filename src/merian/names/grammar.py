"""The full reading of a name, word by word: hybrids, ranks, qualifiers, cultivars, remarks, viruses and what names nothing.

The rules are the public ones of gnparser (https://github.com/gnames/gnparser: quality.md, and the examples of testdata/test_data.md). On purpose
different: "Aus cf. bus" is certain up to "Aus" only (gnparser: "Aus bus"), of several ranks below the species the canonical form keeps the
last, "Aus bus / Aus cus" is certain up to "Aus", "Aus hybrid" names no species, and a name is read in spite of a comma behind it, of capitals,
of lower case and of a digit for a letter.
"""

from __future__ import annotations

import re

from merian.names import words as w
from merian.names.parsed import ParsedName, Part
from merian.names.single import Reader
from merian.names.tokens import clean, genus, recase

__all__ = ["read"]

_CULTIVAR = re.compile(
    """['\u2018\u2019"\u201c\u201d]+([^'\u2018\u2019"\u201c\u201d]{2,60})['\u2018\u2019"\u201c\u201d]+"""
)
_NUMBERED = re.compile(r"\b(spp?|aff|cf|nr)\.?(?=\d)")
_IN_GENUS = re.compile(r"(?:(?:n|nov|nova|novum|gen|et)\.? ?)+(?:sp|spec|species|gen|genus)\b")
_OF_GROUP = re.compile(r"(?:gr|grp|group|agg|complex)\.? [a-z]{3,}")
_OPEN = re.compile(r"spp?\.?$|[a-z-]{3,40}/(?=[a-z])")
_UNNAMED = ("bacterium", "incertae sedis", "uncertain")
_WIDE = re.compile(r"[ ,;:([-]*(?:sensu (lat)|sensu (str)|sensu (auct))")
_VIRUS_BINOMIAL = re.compile(r"[A-Z][a-z]+(?:virus|viroid|viriform|satellite)(?: [A-Za-z]{2,}[a-z0-9]*\d*[A-Z]*\d*)?")
_PUBLISHED = re.compile(r"[A-Z][a-z]+ (?:\([A-Z][a-z]+\) )?[a-z]+ \(?[A-Z\u00c0-\u00de][^\d]{0,200} [12][06-9]\d\d\)?")


def read(text: str) -> ParsedName:
    """The name in any text, read in full; never raises."""
    cleaned = clean(text)
    body, notes, quality = cleaned
    if not body:
        return _other("", "not a name", notes)
    if w.WHOLE_PLACEHOLDERS.fullmatch(body):
        return _other("", "placeholder", notes)
    if not any(c.isalpha() for c in body):
        return _other("", "not a name", notes)
    if w.is_viral(body) and not _VIRUS_BINOMIAL.fullmatch(body) and not _PUBLISHED.fullmatch(body):
        return _other(body, "virus", notes)
    if w.NOT_NAMES.search(body):
        return _other("", "placeholder", notes)
    cased = recase(body)
    reader = _Whole(_NUMBERED.sub(r"\1. ", cased.text), quality)
    for note in notes + cased.notes:
        reader.mark(cased.quality, note)
    return reader.name() or _other("", "not a name", tuple(reader.notes))


def _other(canonical: str, kind: str, notes: tuple[str, ...]) -> ParsedName:
    nothing = (None,) * 8
    return ParsedName(canonical, canonical, *nothing, False, 0, kind, 4, notes)


class _Whole(Reader):
    """A text read as a whole: what stands before the name, the names of a formula, and what is left behind."""

    def name(self) -> ParsedName | None:
        """The whole: one name, or the names of a formula, and what is left."""
        prefix = self._prefix()
        first = self.single(None)
        if first is None:
            return None
        parts, sign = [first], "×"
        while not self.informal and (found := self.sign()):
            sign = "+" if found == "+" else sign
            self.at += 1
            more = self._second(first)
            self.mark(2, "hybrid formula")
            if more is None:
                self.mark(4 if self.token() else 2, "incomplete formula")
                parts.append(Part())
                break
            parts.append(more)
        self._ending(first.epithet is not None)
        whole = self._formula(parts, sign) if len(parts) > 1 else self._one(first, prefix)
        if first.genus is not None and first.genus.endswith(".") and first.epithet is None:
            self.mark(4, "nothing certain but an abbreviated genus")
            return None
        return None if w.WHOLE_PLACEHOLDERS.fullmatch(whole.canonical) or w.NOT_NAMES.search(whole.canonical) else whole

    def _one(self, part: Part, prefix: str) -> ParsedName:
        canonical = part.canonical()
        full = f"{prefix}{part.full()}" + (f" '{self.cultivar}'" if self.cultivar else "")
        kind = "informal" if self.informal else "name"
        infra = part.infra[-1][1] if part.infra else part.uncertain_infra
        marker = part.infra[-1][0] if part.infra else part.marker
        found = part.authors
        signed = any(part.signs) or bool(marker and (marker.startswith("notho") or marker == "nvar."))
        return ParsedName(
            canonical=canonical,
            full=full,
            genus=part.genus,
            subgenus=part.subgenus,
            epithet=part.epithet or part.uncertain,
            infra=infra,
            rank_marker=marker,
            authorship=found.text if found else None,
            year=found.year if found else None,
            qualifier=self.qualifier,
            hybrid=signed,
            cardinality=1 + bool(part.epithet) + bool(part.infra),
            kind=kind,
            quality=self.quality,
            notes=tuple(self.notes),
        )

    def _formula(self, parts: list[Part], sign: str) -> ParsedName:
        canonical = f" {sign} ".join(part.canonical() for part in parts).strip()
        full = f" {sign} ".join(part.full() for part in parts).strip()
        nothing = (None,) * 6
        rest = (self.qualifier, True, 0, "hybrid formula", self.quality, tuple(self.notes))
        return ParsedName(canonical, full, parts[0].genus, *nothing, *rest)

    def _prefix(self) -> str:
        """What may stand before a name: "?", "Candidatus", "cf."; returned as it stands in `full`."""
        while self.text() in ("?", '"', "'", "[", "*", ".", ",", "=", "-"):
            if self.text() == "?":
                self.qualifier = "?"
                self.mark(4, "question mark")
            self.at += 1
        if self.text().rstrip(".") in ("cf", "aff", "nr") and (after := self.token(1)) and genus(after):
            self.qualifier = w.INFORMAL[self.text().rstrip(".")]
            self.mark(4, f"{self.qualifier} before the name")
            self.informal = True
            self.at += 1
        after = self.token(1)
        if self.text() in ("Candidatus", "Ca.", "candidatus") and after is not None and genus(after):
            self.at += 1
            self.mark(2, "Candidatus")
            return "Candidatus "
        return ""

    def _second(self, first: Part) -> Part | None:
        """A further name of a formula: whole, with its genus abbreviated, or only the epithet."""
        token = self.token()
        if token is None:
            return None
        if token.kind == "w" and token.text[0].islower() and first.genus:
            self.mark(4, "genus of a formula repeated")
            part = Part()
            part.genus = first.genus
            self.species(part)
            return part if part.epithet else None
        part_or_none = self.single(first.genus)
        return part_or_none

    def _ending(self, named: bool) -> None:
        """What is left behind the name: a cultivar, a qualifier of the whole, or a remark; all of it is noted."""
        token = self.token()
        if token is None:
            return
        rest = self.source[token.start :]
        found = _CULTIVAR.match(rest) or re.match(r"cv\.? ?['\u2018\"]?([^'\u2019\"]{2,60})['\u2019\"]?", rest)
        if found is not None:
            self.cultivar = found[1].strip()
            self.mark(2, f"cultivar: {self.cultivar}")
            rest = rest[found.end() :].strip()
            if not rest:
                return
        if rest.strip(" .,;:") == "":
            self.mark(2, "punctuation")
            return
        self.mark(4, f"cut off: {rest.strip()}")
        if self.qualifier is None:
            self.qualifier = self._judged(rest, named)

    def _judged(self, rest: str, named: bool) -> str | None:
        """The qualifier that a remark behind the name stands for."""
        if wide := _WIDE.match(rest):
            return "s.l." if wide[1] else "s.str." if wide[2] else "auct."
        if not named and _IN_GENUS.match(rest):
            self.informal = True
            return "sp."
        if not named and (rest.rstrip(".") in ("ssp", "subsp") or _OF_GROUP.match(rest)):
            self.informal = True
            if rest.startswith("s"):
                return "spp."
        if not named and (open_name := _OPEN.match(rest)):
            self.informal = True
            return "/" if rest[open_name.end() - 1] == "/" else "sp."
        words = re.sub(r"(?<=\bs\.) ", "", rest.lstrip(" ,;:([-")).split()
        first = words[0].rstrip(".,;:)]").lower() if words else ""
        if first in ("species", "sp") and len(words) > 1:
            first = words[1].rstrip(".,;)]").lower()
        found = w.QUALIFIERS.get(first)
        if first.startswith("bold:") or first in ("hybrid", "hybrids") or found in _UNNAMED:
            self.informal = True
        return found
