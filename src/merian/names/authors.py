"""The authors and year of a name, read from its words and written in one form: "(Adans.) Kuntze", "d'Orbigny & Müller 1847".

The form is the one that gnparser calls normalised (initials apart, "&" before the last author, "fil." for a son, no comma before the year);
its rules on years and brackets are at https://github.com/gnames/gnparser/blob/master/quality.md.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from merian.names.tokens import Token, tokens
from merian.names.words import AUTHOR_STOPS, PARTICLES

__all__ = ["Authorship", "authorship", "authorship_of", "usual"]

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019`\u00b4", "'"))
_YEAR = re.compile(r"([12][06-9]\d[\d?])(\?*)(.*)")
_AND = frozenset(("&", "et", "and", "und", "y"))
_SONS = frozenset(("f.", "fil.", "fil", "filius", "f"))
_SUFFIXES = frozenset(("bis", "ter", "jr.", "jr", "sr.", "sr"))
_ROMAN = frozenset(("II", "III", "IV"))
_UNKNOWN = frozenset(("auct.", "auct", "anon.", "anon", "auctt.", "?"))
_NO_GAP = frozenset(("v.", "d."))
_VIRAL = frozenset(("ICTV", "RNA"))
_CODE_SIGNS = frozenset("-/+_=#@%*")


class Authorship(NamedTuple):
    """Authors and year in one form; `end`: the first token after them; `year`: four signs ("1847", "185?") or None."""

    text: str
    year: str | None
    end: int
    quality: int
    notes: tuple[str, ...]


class _Words:
    """The tokens with what was noticed on the way."""

    def __init__(self, words: list[Token]) -> None:
        self.words, self.size = words, len(words)
        self.quality, self.notes = 1, dict[str, None]()

    def text(self, at: int) -> str:
        return self.words[at].text if at < self.size else ""

    def kind(self, at: int) -> str:
        return self.words[at].kind if at < self.size else ""

    def mark(self, quality: int, note: str) -> None:
        self.quality = max(self.quality, quality)
        self.notes[note] = None


# the commonest shapes in one expression: each piece begins with another letter than the one before ends on, so nothing is tried twice;
# ÂÃÄÅ begin what UTF-8 looks like when read as Windows-1252, which only the full reading mends
_CAPITAL = "A-Z" + "".join(c for c in map(chr, range(0xC0, 0x17F)) if c.isupper() and c not in "ÂÃÄÅ")
_SMALL = "a-z" + "".join(c for c in map(chr, range(0xDF, 0x17F)) if c.islower())
_PIECE = rf"[{_CAPITAL}](?:\.(?:-(?=[{_CAPITAL}]))?|'(?=[A-Z][a-z])|[{_SMALL}]++(?:-[{_CAPITAL}]?[{_SMALL}]++)*+\.?+)"
_STOP = "|".join(sorted({word.rstrip(".") for word in AUTHOR_STOPS if not word.isupper()}))
_BEFORE = r"(?:(?:de la|de los|de|von der|von den|von|van der|van den|van|du|da|di|le|la|dos|del|el) |d')?+"
_ONE = rf"{_BEFORE}(?:(?!(?:{_STOP})\b)(?:{_PIECE}) ?+)++(?<! )"
_SEVERAL = rf"{_ONE}(?:(?:, {_ONE})*+,?+ (?:&|et|and) {_ONE})?+"
_YEAR_BEHIND = r"(?:,?+ ([12][06-9]\d\d))?+"
_USUAL = re.compile(rf"\({_SEVERAL}{_YEAR_BEHIND}\)(?: ?{_SEVERAL}{_YEAR_BEHIND})?+|{_SEVERAL}{_YEAR_BEHIND}")
_GLUED = re.compile(rf"\.(?=[{_CAPITAL}])")
_AND_WORD = re.compile(r",? (?:et|and|&) ")
_COMMA_YEAR = re.compile(r", (?=\d)")


def usual(text: str) -> Authorship | None:
    """The authorship when it has one of the commonest shapes."""
    found = _USUAL.fullmatch(text)
    if found is None:
        return None
    inside, _, alone = found.groups()
    if "." in text:
        text = _GLUED.sub(". ", text)
    if ", " in text:
        text = _COMMA_YEAR.sub(" ", text)
    if " " in text:
        text = _AND_WORD.sub(" & ", text)
    if text[0] == "(":
        text = text.replace(")", ") ").replace(")  ", ") ").rstrip()
    return Authorship(text, inside or alone, 0, 1, ())


@functools.lru_cache(maxsize=1 << 16)
def authorship_of(text: str) -> Authorship | None:
    """The authorship that a text is as a whole, None when any of it is something else."""
    quick = usual(text)
    if quick is not None:
        return quick
    words = tokens(text)
    found = authorship(words, 0)
    return found if found is not None and found.end == len(words) else None


def authorship(words: list[Token], at: int) -> Authorship | None:
    """The authorship that begins at token `at`, as long as it goes; None when none does."""
    reader = _Words(words)
    first, years, end = _original(reader, at)
    if end == at:
        return None
    text, year = first, years
    if first.startswith("("):
        combined, _, after = _group(reader, end)
        if after > end:
            text, end = f"{first} {combined}", after
    elif reader.text(end) == ")":
        reader.mark(4, "bracket missing")
        text, end = f"({first})", end + 1
        combined, _, after = _group(reader, end)
        text, end = (f"{text} {combined}", after) if after > end else (text, end)
    while reader.text(end) in ("†", "."):
        end += 1
    return Authorship(text, year, end, reader.quality, tuple(reader.notes))


def _original(r: _Words, at: int) -> tuple[str, str | None, int]:
    """The first authors: in brackets, in doubled brackets, with the year outside them, with one bracket missing, or bare."""
    if r.text(at) != "(":
        return _group(r, at)
    twice = r.text(at + 1) == "("
    text, year, end = _group(r, at + 1 + twice)
    if end == at + 1 + twice:
        return "", None, at
    if twice:
        if r.text(end) != ")" or r.text(end + 1) != ")":
            return "", None, at
        r.mark(4, "doubled brackets")
        return f"({text})", year, end + 2
    if r.text(end) != ")":
        if any(word.text == ")" for word in r.words[end:]):
            return "", None, at
        r.mark(4, "bracket missing")
        return f"({text})", year, end
    end += 1
    comma = r.text(end) == ","
    if r.kind(end + comma) == "y":
        outside, plain, after = _year(r, end + comma)
        r.mark(3 if year else 2, "year outside the brackets")
        if year is None:
            return f"({text} {outside})", plain, after
        return f"({text})", year, after
    return f"({text})", year, end


def _group(r: _Words, at: int) -> tuple[str, str | None, int]:
    """A team of authors with those who published, described or emended with them ("ex", "in", "emend.")."""
    text, year, end = _team(r, at)
    if end == at:
        return "", None, at
    while True:
        to = end + (r.text(end) == ",")
        if r.text(to) == "ms" and r.text(to + 1) == "in":
            to += 1
        word = r.text(to)
        if word.rstrip(".") not in ("ex", "in", "emend", "emended"):
            return text, year, end
        more, later, after = _team(r, to + 1)
        if after == to + 1:
            return text, year, end
        dotted = word.endswith(".")
        if word.startswith("emend"):
            r.mark(2 if dotted else 3, "emended")
            text = f"{text} emend. {more}"
        else:
            r.mark(3 if dotted else 2, f"{word.rstrip('.')} authors")
            text = f"{text} {word.rstrip('.')} {more}"
        year, end = year or later, after


def _team(r: _Words, at: int) -> tuple[str, str | None, int]:
    """Authors, and their year."""
    author, end = _author(r, at)
    if end == at:
        return "", None, at
    authors, last = [author], " & "
    while True:
        to = end + (r.text(end) == ",")
        if r.text(to) in _AND or r.text(to) == "apud":
            sign, start = r.text(to), to + 1
        elif to > end:
            sign, start = ",", to
        else:
            break
        author, after = _author(r, start)
        if after == start:
            break
        if sign == "y":
            r.mark(2, "y for &")
        last = " apud " if sign == "apud" else " & "
        authors.append(author)
        end = after
    text = authors[0] if len(authors) == 1 else ", ".join(authors[:-1]) + last + authors[-1]
    to = end + (r.text(end) == ",")
    written, year, after = _year(r, to)
    return (f"{text} {written}", year, after) if after > to else (text, None, end)


def _author(r: _Words, at: int) -> tuple[str, int]:
    """One author: particles, initials and names, "fil.", "et al."."""
    if r.text(at) in _UNKNOWN and (r.text(at - 1) == "(" or r.text(at).startswith("anon")):
        r.mark(4 if r.text(at) == "?" else 2, "author unknown")
        return "anon.", at + 1
    parts, end, named = list[str](), at, False
    while end < r.size:
        token = r.words[end]
        word = token.text
        if token.kind != "w":
            break
        if named and (ended := _suffix(r, end)):
            parts.append(ended)
            end += 1
            break
        if not _is_word(r, end, named):
            break
        named = named or any(c.isupper() for c in word)
        _join(parts, _name(r, word), token.gap)
        end += 1
    if not named:
        return "", at
    if r.text(end) in ("et", "&") and r.text(end + 1).rstrip(".") in ("al", "alii", "coll"):
        after = r.text(end + 2)
        if not (after[:1].isupper() and r.text(end + 1) == "al"):
            parts.append("et al.")
            end += 2
    elif r.text(end) == "," and r.text(end + 1) == "et" and r.text(end + 2) in ("al.", "al"):
        parts.append("et al.")
        end += 3
    return " ".join(parts), end


def _suffix(r: _Words, at: int) -> str | None:
    """What "f.", "filius", "bis" and the like stand for after a name; None when "f." is the rank of an epithet that follows."""
    word = r.text(at).lower()
    if word in _SUFFIXES:
        return r.text(at)
    if word not in _SONS or r.text(at) == "F." or (word == "f" and r.text(at + 1) not in ("", ",", ")", "&")):
        return None
    follows = r.text(at + 1)
    if word in ("f.", "f") and r.words[at].gap:
        known = (
            "ex",
            "in",
            "et",
            "and",
            "apud",
            "emend.",
            "emend",
            "y",
            "non",
            "nec",
            "sensu",
            "bis",
            "var.",
            "subsp.",
        )
        if follows[:1].islower() and follows not in known and follows not in PARTICLES:
            r.mark(2, "f. is a rank")
            return None
        if follows in known[:2]:
            r.mark(2, "f. is a son")
    return "fil."


def _is_word(r: _Words, at: int, named: bool) -> bool:
    """Whether the word at `at` belongs to an author's name."""
    word = r.text(at)
    if word[0].isupper():
        if (
            word in AUTHOR_STOPS
            or (len(word) > 2 and word.capitalize() in AUTHOR_STOPS)
            or (word in ("X", "x") and r.text(at + 1)[:1].isalpha())
        ):
            return False
        if r.text(at + 1) in _CODE_SIGNS and not r.words[at + 1].gap:
            return False
        if len(word) > 1 and word[1:2].isupper() and word.upper() in _VIRAL:
            return False
        return not (r.text(at) in ("S.", "P.") and _is_remark(r, at))
    if word == "duPont":
        return True
    if word.translate(_APOSTROPHES) not in PARTICLES:
        return _glued(word)
    if word in ("y", "in"):
        return False
    # a particle needs a name behind it
    to = at + 1
    while to < r.size and r.kind(to) == "w" and r.text(to).translate(_APOSTROPHES) in PARTICLES:
        to += 1
    follows = r.text(to)
    return (follows[:1].isupper() and r.kind(to) == "w") or _glued(follows)


def _is_remark(r: _Words, at: int) -> bool:
    """Whether "P. P." is *pro parte*: both letters, and nothing but the end behind a comma."""
    return r.text(at) == "P." and r.text(at + 1) == "P." and r.text(at - 1) == "," and at + 2 >= r.size


def _glued(word: str) -> bool:
    """Whether a word in lower case is a particle with the name glued on: d'Orbigny, l'Herminier, de-Castro."""
    if len(word) < 3 or not (word[1] in "'\u2018\u2019`\u00b4" or "-" in word):
        return False
    return any(c.isupper() for c in word) and word[0] in "dlostv"


def _name(r: _Words, word: str) -> str:
    """A part of an author's name: one kind of apostrophe, and no cry of capitals."""
    plain = word.translate(_APOSTROPHES)
    if plain != word:
        r.mark(3, "odd apostrophe")
    letters = plain.rstrip(".")
    if letters in _ROMAN:
        return plain
    if len(letters) > 2 and letters.isupper() and "." not in letters and letters.replace("-", "").isalpha():
        if letters.count("-") == 1 and len(letters) == 3:
            return plain
        r.mark(2, "author in capitals")
        return "-".join(part.capitalize() for part in plain.split("-"))
    if "\ufffd" in plain:
        r.mark(4, "broken characters")
    return plain


def _join(parts: list[str], word: str, gap: bool) -> None:
    if not gap and parts and parts[-1] in _NO_GAP and word in _NO_GAP:
        parts[-1] += word
    else:
        parts.append(word)


def _year(r: _Words, at: int) -> tuple[str, str | None, int]:
    """The year at `at` as written in the one form ("1910", "(1845)" when uncertain), its four signs, and what follows."""
    bracket = r.text(at)
    closing = {"(": ")", "[": "]"}.get(bracket, "")
    here = at + bool(closing)
    if r.kind(here) != "y":
        return "", None, at
    found = _YEAR.fullmatch(r.text(here))
    if found is None:
        return "", None, at
    year, doubts, more = found[1], found[2], found[3]
    end = here + 1
    if closing:
        if r.text(end) == "?":
            end += 1
            doubts = "?"
        if r.text(end) != closing:
            return "", None, at
        r.mark(3 if closing == "]" else 2, "year in brackets")
        return f"({year}{doubts})", year, end + 1
    if more[:1] in ("-", "/"):
        r.mark(3, "years")
        return f"({year})", year, end
    if more:
        r.mark(2, "year with a letter")
    if r.text(end) == ":" and r.text(end + 1).isdigit():
        r.mark(2, "year with a page")
        end += 2
    if r.text(end) == "." and end + 1 >= r.size:
        r.mark(2, "year with a period")
        end += 1
    if doubts or "?" in year:
        r.mark(2, "year with a question mark")
        return f"({year}{doubts})", year, end
    return year, year, end
