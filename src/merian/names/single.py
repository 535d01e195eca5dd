"""One name of a text, read word by word: genus, subgenus, epithets, ranks, authors, and where its certainty ends."""

from __future__ import annotations

import re

from merian.names import words as w
from merian.names.authors import Authorship, authorship
from merian.names.epithets import is_epithet, is_short
from merian.names.parsed import Part
from merian.names.tokens import Token, epithet, genus, tokens

__all__ = ["LONE_BRACKETS", "Reader"]

LONE_BRACKETS = re.compile(r"\([A-Z][a-z]+(?:-[A-Za-z]+)?\)(?: .*)?")
"""One bare word in brackets: behind a uninomial it can be a subgenus as well as an author."""

_GRAFT_OR_HYBRID = ("×", "+", "✕", "╳", "⨯")
_NEW = re.compile(
    r"(?i:(?:n(?:ov)?\.? ?(?:sp|gen|comb|subsp|var|spec)\b|(?:sp|gen|comb|stat|subsp|ssp|var|nom)\.? ?(?:nov(?:a|um)?|n)\b))"
)
_WITHIN_GENUS = ("subgen.", "sect.", "subsect.", "ser.", "subser.")
_GROUPED = re.compile(r"(.{3,})-(group|complex|gr|agg)")
_ABBREVIATED = re.compile(r"[A-Z][a-z]?\.")


class Reader:
    """A walk over the tokens of one text, from the left, each looked at a bounded number of times."""

    def __init__(self, text: str, quality: int) -> None:
        self.source, self.words, self.at = text, tokens(text), 0
        self.quality, self.notes = quality, dict[str, None]()
        self.qualifier: str | None = None
        self.cultivar: str | None = None
        self.informal = False

    def text(self, ahead: int = 0) -> str:
        to = self.at + ahead
        return self.words[to].text if to < len(self.words) else ""

    def token(self, ahead: int = 0) -> Token | None:
        to = self.at + ahead
        return self.words[to] if to < len(self.words) else None

    def mark(self, quality: int, note: str) -> None:
        self.quality = max(self.quality, quality)
        if note:
            self.notes[note] = None

    def sign(self) -> str | None:
        """The hybrid sign at this place: ×, + or the letter x with a blank behind it; "xAgropogon" is cut in two."""
        token = self.token()
        if token is None:
            return None
        if token.text in _GRAFT_OR_HYBRID:
            return "+" if token.text == "+" else "×"
        after = self.token(1)
        if token.text in ("x", "X") and (after is None or after.gap):
            return "×"
        if token.kind == "w" and token.text[0] in "xX" and token.text[1:2].isupper() and token.text[2:3].islower():
            inner = Token("w", token.text[1:], token.start + 1, token.end, False)
            self.words[self.at : self.at + 1] = [Token("p", "x", token.start, token.start + 1, token.gap), inner]
            return "×"
        return None

    def _hybrid_mark(self) -> str:
        """Steps over a sign that stands before a word; "" when there is none."""
        sign = self.sign()
        after = self.token(1)
        if sign is None or after is None or after.kind != "w":
            return ""
        self.mark(2 if after.gap else 3, "hybrid sign" if after.gap else "hybrid sign not set apart")
        self.at += 1
        return sign

    def single(self, first_genus: str | None) -> Part | None:
        """One name from its genus or uninomial on; `first_genus` spells out an abbreviated genus of a formula."""
        part = Part()
        part.signs = (self._hybrid_mark(), "")
        if self._leading_rank(part):
            return part
        token = self.token()
        if token is None:
            return None
        after = self.token(1)
        word = genus(token)
        if word is None and token.text in w.SHORT_GENERA:
            word = token.text
        if (
            word is None
            and _ABBREVIATED.fullmatch(token.text)
            and after is not None
            and (epithet(after) or after.text in "(×x")
        ):
            word = token.text
            if first_genus and first_genus.startswith(word[:-1]):
                word = first_genus
            self.mark(4, "abbreviated genus")
        if word is None:
            word = self._odd_genus(token, after)
        if word is None or (after is not None and after.kind == "p" and not after.gap and after.text not in "(,;:.?)×"):
            return None
        self._noticed(token.text, word)
        part.genus = word
        self.at += 1
        if self.text() == "?" and not self.words[self.at].gap:
            self.qualifier = "?"
            self.mark(4, "question mark")
            self.at += 1
        self._after_genus(part)
        return part

    def _odd_genus(self, token: Token, after: Token | None) -> str | None:
        """A genus that begins in lower case, or ends in a period or a sign: "felis catus Linnaeus", "Melanius."."""
        if token.kind != "w":
            return None
        if token.text[0].isupper() and token.text.endswith(".") and (after is None or after.kind == "p"):
            return genus(token._replace(text=token.text[:-1]))
        if token.text[0].islower() and token.text not in w.RESERVED and after is not None and epithet(after):
            word = genus(token._replace(text=token.text.capitalize()))
            if word is not None:
                self.mark(4, "lower case")
            return word
        return None

    def _noticed(self, written: str, word: str) -> None:
        if not written.isascii():
            self.mark(2, "letters spelled out")
        elif "-" in written and written.capitalize() != written and written[0].isupper():
            self.mark(2, "capital after the hyphen")
        if "'" in written:
            self.mark(3, "apostrophe dropped")

    def _leading_rank(self, part: Part) -> bool:
        """ "subgen. Psammophrynopsis Koch": a rank, then its name."""
        marker = w.UNINOMIAL_RANKS.get(self.text().rstrip("."))
        after = self.token(1)
        word = genus(after) if marker and after is not None else None
        if word is None:
            return False
        self.at += 2
        part.genus, part.above, part.marker = word, "", marker
        self.mark(2, "rank before the name")
        part.authors = self._authors()
        return True

    def _after_genus(self, part: Part) -> None:
        """Subgenus, qualifier, epithet, or the authors of a uninomial."""
        self._subgenus(part)
        if self._qualified(part):
            return
        token = self.token()
        if token is None:
            return
        here = self.at
        sign = self.sign()
        if sign and (after := self.token(1)) is not None and after.kind == "w" and after.text[0].islower():
            part.signs = (part.signs[0], self._hybrid_mark())
            self.species(part)
            if part.epithet is not None:
                return
            self.at, part.signs = here, (part.signs[0], "")
        if self.species(part):
            return
        if self._lone_brackets(part):
            return
        self._uninomial(part)

    def _subgenus(self, part: Part) -> None:
        """(Bus), [Bus] or (subgen. Bus) between a genus and an epithet; steps over it."""
        ranked = self.text(1).rstrip(".") in ("subgen", "subg", "subgenus")
        inner = self.token(1 + ranked)
        if (
            self.text() == "("
            and self.text(1) == "s."
            and self.text(2) in ("str.", "s.")
            and self.text(3) == ")"
            and self._is_epithet(part, 4)
        ):
            self.notes["subgenus dropped"] = None
            self.at += 4
            return
        if self.text() + self.text(2 + ranked) not in ("()", "[]") or inner is None or inner.kind != "w":
            return
        after = self.token(3 + ranked)
        if after is None or not (
            self._is_epithet(part, 3 + ranked) or after.text in ("×", "x", "X") or after.text.rstrip(".") in w.INFORMAL
        ):
            return
        word = genus(inner) or genus(inner._replace(text=inner.text.capitalize()))
        if _ABBREVIATED.fullmatch(inner.text) or (inner.text.endswith(".") and inner.text[:1].isupper()):
            word = inner.text
            self.mark(2, "abbreviated subgenus")
        if word is None:
            return
        if inner.text[0].islower():
            self.mark(2, "subgenus or superspecies")
        if self.text() == "[":
            self.mark(3, "subgenus in square brackets")
        part.subgenus = word
        self.notes["subgenus dropped"] = None
        self.at += 3 + ranked

    def _lone_brackets(self, part: Part) -> bool:
        """ "Aus (Bus)" without an epithet: a subgenus when the word looks Latin, else the authors of the genus."""
        inner = self.token(1)
        word = genus(inner) if self.text() == "(" and inner is not None and self.text(2) == ")" else None
        if word is None or not _looks_latin(word):
            return False
        part.above, part.subgenus, part.marker, part.genus = part.genus, word, "subgen.", word
        self.mark(2, "two uninomials")
        self.at += 3
        part.authors = self._authors()
        return True

    def _uninomial(self, part: Part) -> None:
        """The authors of a uninomial, and a further uninomial behind its rank ("Agaricus tr. Hypholoma Fr.")."""
        before = self.at
        part.authors = self._authors()
        marker = w.UNINOMIAL_RANKS.get(self.text().rstrip("."))
        after = self.token(1)
        word = genus(after) if marker and after is not None else None
        if word is not None:
            self.at += 2
            if part.authors is None and marker in _WITHIN_GENUS and self._is_epithet(part):
                part.subgenus = word
                self.mark(3, "subgenus dropped")
                self.species(part)
                return
            part.above, part.genus, part.marker = part.genus, word, marker
            self.mark(2, "two uninomials")
            part.authors = self._authors()
            return
        token = self.token()
        if (
            part.authors
            and token is not None
            and token.gap
            and epithet(token)
            and token.text not in w.RESERVED
            and len(token.text) > 2
        ):
            self.at, part.authors = before, None
            self.mark(4, "")

    def _is_epithet(self, part: Part, ahead: int = 0) -> bool:
        return is_epithet(self.words, self.at + ahead, part)

    def _epithet(self, part: Part) -> str | None:
        """The epithet at this place, stepped over; None when there is none."""
        if not self._is_epithet(part):
            return None
        token = self.words[self.at]
        if is_short(self.words, self.at, part):
            self.mark(3, "particle read as an epithet")
        word = epithet(token) or (token.text if token.kind == "x" else epithet(token._replace(text=token.text[:-1])))
        if word is None:
            return None
        if token.kind == "n":
            self.mark(3, "numeral spelled out")
        elif token.text.startswith("st.-"):
            self.mark(3, "period dropped")
        if grouped := _GROUPED.fullmatch(word):
            word, self.qualifier = grouped[1], w.QUALIFIERS[grouped[2]]
            self.mark(4, f"cut off: {grouped[2]}")
        self._noticed(token.text, word)
        self.at += 1
        if self.text() in ("mihi", "mihi.") and not self._is_epithet(part):
            self.mark(3, "mihi dropped")
            self.at += 1
        return word

    def species(self, part: Part) -> bool:
        """The epithet of a species, its authors and what ranks below it."""
        part.epithet = self._epithet(part)
        if part.epithet is None:
            return False
        part.authors = self._authors() or self._behind_comma()
        if self._qualified(part) or self._one_of_several(part):
            return True
        for _ in range(3):
            if not self._below(part):
                break
            if self._qualified(part):
                break
        return True

    def _one_of_several(self, part: Part) -> bool:
        """ "Larus argentatus / cachinnans", "Larus argentatus / Larus cachinnans": nothing but the genus is certain."""
        after = self.token(1) if self.text() == "/" else None
        if after is None or part.genus is None:
            return False
        same = after.text == part.genus or (after.text.endswith(".") and part.genus.startswith(after.text[:-1]))
        if not same and epithet(after) is None:
            return False
        part.uncertain, part.epithet, part.authors = part.epithet, None, None
        self.qualifier, self.informal = "/", True
        self.mark(4, "one of several")
        return True

    def _below(self, part: Part) -> bool:
        """One rank and epithet below the species, with its authors."""
        here, token = self.at, self.token()
        if token is None:
            return False
        marker = self._rank()
        sign = self._hybrid_mark() if marker else ""
        word = self._epithet(part)
        after = self.token(1)
        if word is None or (marker is None and self.text() in (",", ";", ":") and after is not None):
            self.at = here
            return False
        if marker in w.UNCOMMON_RANKS:
            self.mark(3, "uncommon rank")
        elif marker and marker.startswith("n"):
            self.mark(2, "hybrid rank")
        part.infra.append((f"{marker} {sign}".strip() if marker else None, word))
        part.authors = self._authors()
        return True

    def _rank(self) -> str | None:
        """The marker of a rank below the species, stepped over with a Greek letter behind it; None when there is none."""
        text = self.text().strip("[]")
        if text in ("α", "β", "γ", "δ", "ε", "α.", "β.", "γ.", "δ.") or (
            text[:1] in w.BARE_RANKS and text[1:] == "." and self._gap_after()
        ):
            self.at += 1
            return text
        marker = w.RANKS.get(text.rstrip("."))
        if marker is None:
            return None
        self.at += 1
        if text in ("ab.", "ab") and self.text() == "n.":
            self.at, marker = self.at + 1, "ab. n."
        if text in ("f.", "f") and self.text() in ("sp.", "spec."):
            self.at, marker = self.at + 1, "f.sp."
        if len(self.text().rstrip(".")) == 1 and "α" <= self.text()[0] <= "ω":
            self.mark(2, "Greek letter dropped")
            self.at += 1
        return marker

    def _gap_after(self) -> bool:
        after = self.token(1)
        return after is not None and after.gap

    def _authors(self) -> Authorship | None:
        found = authorship(self.words, self.at)
        if found is None:
            return None
        self.at = found.end
        self.quality = max(self.quality, found.quality)
        for note in found.notes:
            self.notes[note] = None
        return found

    def _behind_comma(self) -> Authorship | None:
        """The authors in spite of a comma before them, when a year tells that they are some."""
        found = authorship(self.words, self.at + 1) if self.text() == "," else None
        if found is None or found.year is None:
            return None
        self.at += 1
        self.mark(3, "comma before the authors")
        return self._authors()

    def _qualified(self, part: Part) -> bool:
        """Whether nothing is certain from here on ("cf.", "aff.", "sp.", "?"); what is named behind it is kept aside."""
        marker = w.INFORMAL.get(self.text().rstrip(".")) if self.text() != "?" else "?"
        if marker is None or self.text() in ("conf", "near.") or self._is_epithet(part):
            return False
        rest = self.source[self.words[self.at].start :]
        if part.epithet and (_NEW.match(rest) or self.text().rstrip(".") in ("spec", "species")):
            return False
        self.at += 1
        while (further := w.INFORMAL.get(self.text().rstrip("."))) and self.text():
            marker = further if marker in ("sp.", "spp.") else marker
            self.at += 1
        self.qualifier, self.informal = marker, True
        self.mark(4, "uncertain")
        start = self.at
        self._hybrid_mark()
        aside = Part()
        aside.genus = part.genus
        word = self._epithet(aside) if marker not in ("sp.", "spp.") else None
        if part.epithet is None:
            part.uncertain = word
        else:
            part.uncertain_infra = word
        if word is None:
            self.at = start
        return True


def _looks_latin(word: str) -> bool:
    """Whether a capitalised word in brackets has the ending of a genus-group name rather than of an author's."""
    return bool(re.search(r"(?:us|a|um|is|es|as|ys|os|ops|on|ax|ex|ix|yx|ion|ium|odes)$", word)) or (
        word.endswith("e") and len(word) > 8
    )
