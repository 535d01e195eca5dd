"""Whether a word of a name can be an epithet where it stands: some read like an author's particle, a rank, a stage of life or a remark.

*Artemisia nova* and *Arabis nova* Vill. are species, "Aus nova species" and "Aus bus forma nova" announce a new taxon; *Tethea or* and *Otacilia li*
are species, "Aus or Bus" and "Aus li Zhang" are not.
"""

from __future__ import annotations

from merian.names import words as w
from merian.names.parsed import Part
from merian.names.tokens import Token, epithet

__all__ = ["is_epithet", "is_new", "is_short"]

_GENUS_NEXT = ("sp", "species", "spec", "spp", "gen", "genus", "comb", "combinatio", "nomen", "nom", "stat", "nov", "n")
_LONG_RANKS = ("species", "subspecies", "varietas", "variety", "forma", "form", "genus", "comb", "combinatio")
_CLOSING = "(,;:.?)×†["


def is_epithet(words: list[Token], at: int, part: Part) -> bool:
    """Whether the token at `at` is an epithet of `part`, whose genus, and whose epithet if it has one, stand before it."""
    token = words[at] if at < len(words) else None
    if token is None:
        return False
    word = epithet(token)
    if word is None and part.genus is not None and part.genus.endswith("virus") and part.epithet is None:
        return token.kind == "x" and token.text.isalnum()
    if word is None and not _ends(words, at):
        return False
    if token.text in w.RESERVED or token.text.rstrip(".") in w.RESERVED:
        if part.epithet is not None:
            return token.text == "mihi" and part.genus in w.ODD_EPITHETS["mihi"]
        known = part.genus in w.ODD_EPITHETS.get(token.text, ()) or token.text in w.ODD_GENERA
        return known or is_short(words, at, part)
    after = words[at + 1] if at + 1 < len(words) else None
    if after is not None and not after.gap and (after.kind != "p" or after.text not in _CLOSING):
        return False
    if is_new(words, at):
        return False
    return not (part.epithet is not None and token.text in w.STAGES)


def is_short(words: list[Token], at: int, part: Part) -> bool:
    """Whether a particle right behind a genus is its epithet, since no author follows that it could belong to (*Otacilia li*, "Tethea or (Smith)")."""
    if words[at].text not in w.LAST_EPITHETS or part.epithet is not None or part.genus is None:
        return False
    if part.genus in w.ODD_EPITHETS.get(words[at].text, ()) or part.genus.endswith((".", "idae", "inae", "aceae")):
        return False
    return at + 1 == len(words) or (
        words[at + 1].text == "(" and at + 2 < len(words) and words[at + 2].text[0].isupper()
    )


def is_new(words: list[Token], at: int) -> bool:
    """Whether "nova" or "novum" announces a new taxon ("nova species", "forma nova") and is no epithet (*Arabis nova*, "Aus bus var. nova Schur")."""
    if words[at].text not in ("nova", "novum"):
        return False
    before = words[at - 1].text if at else ""
    after, beyond = (words[i].text if i < len(words) else "" for i in (at + 1, at + 2))
    if after.rstrip(".") in _GENUS_NEXT:
        return beyond.rstrip(".") not in ("complex", "group", "aggregate")
    if after.rstrip(".") in w.RANKS:
        return not beyond[:1].islower()
    return before in _LONG_RANKS and not after[:1].isupper() and after != "("


def _ends(words: list[Token], at: int) -> bool:
    """Whether a token is the last one, and an epithet but for the period of the sentence behind it."""
    token = words[at]
    bare = token.text[:-1]
    ends = token.text.endswith(".") and token.text.count(".") == 1 and len(token.text) > 5 and at + 1 == len(words)
    return ends and bare not in w.RESERVED and epithet(token._replace(text=bare)) is not None
