"""A name as words: text cleaned of markup, marks and odd characters, and cut into words, years, codes and signs in linear time."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import NamedTuple

from merian.names.words import NUMERALS, PARTICLES, RESERVED

__all__ = ["Cleaned", "Token", "clean", "epithet", "genus", "plain", "recase", "tokens"]

LONGEST = 1000
"""Characters of a text that are read; a name with all its authors stays below 400."""

_TAG = re.compile(r"<[^<>]{0,200}+>")
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,6}|#x[0-9A-Fa-f]{1,5});")
_MOJIBAKE = re.compile("[\u00c2\u00c3\u00c4\u00c5][\u0080-\u00bf\u2010-\u20ac\u0152-\u0178]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_BLANKS = re.compile(r"\s{2,}")
_ODD_BLANK = re.compile(r"[^\S \n]")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"))
_CLEAN = re.compile(
    r"(?:[A-Za-z.,&()':?×àâåãäáçèéêëìíîïòóôõöùúûüñÀÉÖÜßøØæÆœčšžřćńłŠČŽ/+-]|(?<=[\d ,(\[-])\d(?![a-z])| (?! ))*+"
)
_QUOTED = re.compile(
    r"""["'\u201c\u201d\u2018\u2019\u00ab\u00bb]([^"\u201c\u201d\u00ab\u00bb]+)["'\u201c\u201d\u2018\u2019\u00ab\u00bb]"""
)
_QUOTED_START = re.compile(
    r"""^["'\u201c\u2018\[]((?:Candidatus )?[A-Z][a-z]{2,}(?: [a-z-]{2,}){0,2})["'\u201d\u2019\]](?= \(?[A-Za-z])"""
)
_EMPHASIS = re.compile(r"(?<![\w*])(?:\*{1,2}|_{1,2})([A-Z][^*_<>]{2,80}?)(?:\*{1,2}|_{1,2})(?![\w*])")
_SIC = re.compile(r" [(\[]sic!?[)\]]")
_GLUED_YEAR = re.compile(
    r"(?<![\w.:/-])((?:[A-Z]\.)+|(?:[A-Z]\.)*+[A-Z\u00c0-\u00de][a-z\u00df-\u00ff]{2,}+\.?)((?:1[789]\d|20[012])\d)(?!\w)"
)
_ZERO_START = re.compile(r"(?<![\w.:/-])0(?=[a-z])")
_ZERO_INSIDE = re.compile(r"(?<=[a-z])0(?=[a-z])")
_ONE_INSIDE = re.compile(r"(?<=[a-z])1(?=[a-z])")

_LETTER = "(?:[^\\W\\d_]|\ufffd)"
_QUOTES = "'\u2018\u2019`\u00b4"
_TOKEN = re.compile(
    rf"(?P<y>[12][06-9]\d[\d?]\?*+(?:[-/]\d++[a-z?]*+|[a-z]\b)?+(?![\w]))"
    rf"|(?P<n>[1-9]\d?[.-]?[a-z]{{4,}}+(?:-[a-z]++)*+(?![\w]))"
    rf"|(?P<w>(?>[{_QUOTES}][ts](?=[\s-])|{_LETTER}++(?:\.?-{_LETTER}++|[{_QUOTES}]{_LETTER}++)*+\.?+)(?![\d_]))"
    rf"|(?P<x>[\w\ufffd](?:[\w\ufffd]|[.:/-](?=[\w\ufffd]))*+)"
    rf"|(?P<p>\S)"
)

_SPELLED = str.maketrans(
    {
        **{
            "æ": "ae",
            "œ": "oe",
            "ä": "ae",
            "ö": "oe",
            "ø": "oe",
            "ü": "ue",
            "å": "ao",
            "ß": "ss",
            "ſ": "s",
            "ł": "l",
            "đ": "d",
        },
        **{
            "Æ": "Ae",
            "Œ": "Oe",
            "Ä": "Ae",
            "Ö": "Oe",
            "Ø": "Oe",
            "Ü": "Ue",
            "Å": "Ao",
            "Ł": "L",
            "Đ": "D",
            "ð": "d",
            "þ": "th",
            "ı": "i",
        },
    }
)
_EPITHET = re.compile("[a-z\ufffd]{2,}+|(?:st\\.-)?(?:[a-z\ufffd]++[-'])*+[a-z\ufffd]++")
_GENUS = re.compile("[A-Z][a-z\ufffd]{2,}+|[A-Z][a-z]{1,}+(?:-[A-Za-z][a-z]+){1,2}")
_LATIN = re.compile(r"(?:us|a|um|is|es|ii?|ae|orum|arum|e|ns|or|ax|ex|ix|ys|os|on|ops|er|yx|ma|ei|al)$")
_FAMILY = re.compile(
    r"(?:idae|inae|aceae|oidea|oideae|ales|iformes|ini|ptera|morpha|poda|phyta|mycota|mycetes|opsida|acea)$"
)
_NAMED = frozenset(
    (
        "linnaeus",
        "linné",
        "linne",
        "linn",
        "gmelin",
        "cuvier",
        "fabricius",
        "latreille",
        "pallas",
        "temminck",
        "linneus",
        "illiger",
        "boisduval",
    )
)


class Cleaned(NamedTuple):
    """A text ready to be cut into tokens, what was mended, and the quality that this leaves."""

    text: str
    notes: tuple[str, ...]
    quality: int


class Token(NamedTuple):
    """One piece of a text: `kind` is w word, y year, n numeral with an epithet, x code, p sign; `gap`: a blank stands before it."""

    kind: str
    text: str
    start: int
    end: int
    gap: bool


def tokens(text: str) -> list[Token]:
    """The words, years, codes and signs of a cleaned text, in order."""
    out, last = [], -1
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        out.append(Token(found.lastgroup or "p", found[0], start, end, start > last))
        last = end
    return out


def plain(word: str) -> str:
    """A Latin word in the letters of the codes: ligatures and umlauts spelled out (ICZN 32.5.2, ICN 60.7), other marks dropped."""
    if word.isascii():
        return word
    word = word.translate(_SPELLED)
    if word.isascii():
        return word
    parts = unicodedata.normalize("NFD", word)
    word = "".join(c for c in parts if not unicodedata.combining(c))
    for quote in _QUOTES[1:]:
        word = word.replace(quote, "'")
    return word


def epithet(token: Token) -> str | None:
    """The epithet that a token spells, None when it cannot be one (reserved words are judged elsewhere)."""
    text = token.text
    if token.kind == "n":
        digits = re.match(r"\d+", text)
        tail = text[len(digits[0]) :].lstrip(".-") if digits else ""
        return NUMERALS[digits[0]] + tail if digits and digits[0] in NUMERALS else None
    if token.kind != "w" or not text[0].islower():
        return None
    word = plain(text)
    if len(word) < 2 or not _EPITHET.fullmatch(word):
        return None
    return word.replace("'", "").replace("st.-", "st-")


def genus(token: Token) -> str | None:
    """The capitalised name that a token spells ("Saxo-Fridericia" becomes "Saxo-fridericia"), None when it cannot be one."""
    text = token.text
    if token.kind != "w" or not text[0].isupper():
        return None
    word = plain(text)
    if not _GENUS.fullmatch(word):
        return None
    first, dash, rest = word.partition("-")
    return first + dash + rest.lower()


def clean(text: str) -> Cleaned:
    """The text without markup, odd blanks, quotes around the whole, daggers and broken characters; each mend is noted."""
    notes: list[str] = []
    quality = 1

    def mend(new: str, note: str, worse: int) -> str:
        nonlocal quality
        if new != text:
            notes.append(note)
            quality = max(quality, worse)
        return new

    text = text.strip()
    if len(text) < LONGEST and text[:1] != "'" and "(sic" not in text and _CLEAN.fullmatch(text):
        return Cleaned(text, (), 1)
    text = mend(text[:LONGEST], f"read to character {LONGEST}", 4)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        text = mend(_unbroken(text), "encoding", 3)
    text = mend(_TAG.sub("", html.unescape(text)) if _TAG.search(text) or _ENTITY.search(text) else text, "html", 3)
    text = mend(_ODD_BLANK.sub(" ", text).replace("\n", " "), "odd blanks", 2)
    text = mend(_CONTROL.sub("", text), "control characters", 2)
    text = mend(_BLANKS.sub(" ", text), "extra blanks", 2)
    text = mend(_EMPHASIS.sub(r"\1", text), "markup", 3)
    if "_" in text and " " not in text.strip(" _"):
        text = mend(_BLANKS.sub(" ", text.replace("_", " ")), "underscores", 2)
    text = text.replace("†", " ").replace("‡", " ") if "†" in text or "‡" in text else text
    text = mend(text.translate(_DASHES), "odd hyphen", 2)
    text = mend(_SIC.sub("", text), "sic dropped", 2)
    text = mend(_GLUED_YEAR.sub(r"\1 \2", text), "year set apart", 3)
    whole = _QUOTED.fullmatch(text.strip())
    text = mend(whole[1] if whole else text, "quotes", 2)
    text = mend(_QUOTED_START.sub(r"\1", text), "name in quotes", 3)
    text = mend(_digits(text), "digit read as a letter", 4)
    if "\ufffd" in text:
        text, quality = mend(text, "", 4), 4
        notes.append("broken characters")
    return Cleaned(_BLANKS.sub(" ", text).strip(), tuple(notes), quality)


def _unbroken(text: str) -> str:
    """UTF-8 that was read as Windows-1252, read rightly; the text itself when it is not that."""
    if not _MOJIBAKE.search(text):
        return text
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _digits(text: str) -> str:
    """The text with a 0 or 1 that stands for a letter inside a word read as one: an error of character recognition."""
    if "vir" in text.lower():
        return text
    if "0" in text:
        text = _ZERO_INSIDE.sub("o", _ZERO_START.sub("O", text))
    return _ONE_INSIDE.sub("l", text) if "1" in text else text


def recase(text: str) -> Cleaned:
    """The text with a genus, epithets and authors in their usual case, when it is all in capitals or all in lower case."""
    bare = text.replace(" x ", " ").replace(" X ", " ")
    if bare.isupper() or bare.islower():
        if sum(map(str.isalpha, bare)) < 4:
            return Cleaned(text, (), 1)
        if bare.islower():
            return Cleaned(_rewritten(text), ("lower case",), 4)
        return Cleaned(_rewritten(text.lower().replace(" x ", " × ")), ("all caps",), 4)
    if not text[:4].isupper():
        return Cleaned(text, (), 1)
    words = tokens(text)
    if words[0].kind == "w" and len(words[0].text) > 3 and words[0].text.isupper():
        end = words[0].end
        if len(words) > 1 and words[1].kind == "w" and len(words[1].text) > 3 and words[1].text.isupper():
            end = words[1].end
        return Cleaned(text[:end].capitalize() + text[end:], ("all caps",), 4)
    return Cleaned(text, (), 1)


def _rewritten(text: str) -> str:
    """A text in lower case with a capital for the genus and for what looks like authors."""
    words = tokens(text)
    out, last, seen, authors = [], 0, 0, False
    for at, token in enumerate(words):
        word = token.text
        if token.kind == "w" and word not in RESERVED and word.rstrip(".") not in RESERVED:
            if seen == 0:
                new, seen = word.capitalize(), 1
                family = bool(_FAMILY.search(word))
            elif at + 1 < len(words) and words[at - 1].text == "(" and words[at + 1].text == ")" and seen == 1:
                new = word.capitalize()
            else:
                authors = authors or family or _is_author(words, at, seen)
                new, seen = (_title(word) if authors else word), seen + 1
        else:
            new = "L." if word == "l." and seen else word
            authors = authors or (token.kind == "w" and word in PARTICLES and seen > 0)
        out.append(text[last : token.start] + new)
        last = token.end
    return "".join(out) + text[last:]


def _title(word: str) -> str:
    return re.sub(rf"(^|[-.{_QUOTES}])([^\W\d_])", lambda m: m[1] + m[2].upper(), word)


def _is_author(words: list[Token], at: int, seen: int) -> bool:
    """Whether the word at `at` begins the authorship of a name whose `seen` words were read."""
    word, follows = words[at].text, words[at + 1] if at + 1 < len(words) else None
    before = words[at - 1].text
    if before in "([" or word.endswith(".") or word in _NAMED or seen > 3:
        return True
    if before.rstrip(".") in ("var", "subsp", "ssp", "f", "forma"):
        return False
    if follows is not None and (follows.kind == "y" or follows.text in (",", "&", "et", "and", "ex")):
        return seen > 1 or follows.kind == "y" or follows.text != ","
    return seen > 1 and not _LATIN.search(word)
