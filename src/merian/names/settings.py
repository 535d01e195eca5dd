"""Every knob of the resolution of names, with its bound and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.settings import knob

__all__ = ["NamesSettings"]


@dataclass(frozen=True, kw_only=True)
class NamesSettings:
    """How names are resolved against a backbone."""

    typos: int = knob(
        2, "Letters that may be wrong in a long epithet; 1 in a shorter one, 0 turns the search off", ge=0, le=2
    )
    long_word: int = knob(9, "Letters from which a word is long", unit="letters", ge=4, le=40)
    short_word: int = knob(4, "Letters below which a word must be spelt right", unit="letters", ge=2, le=40)
    genus_typos: int = knob(1, "Letters that may be wrong in a genus or a higher name", ge=0, le=1)
    endings: bool = knob(True, "Forgive Latin endings (-us, -a, -um; -is, -e; -er, -ra; -i, -ii)")
    accepted_wins: Literal["within a code", "always", "never"] = knob(
        "within a code",
        "Among homonyms that nothing else decides, take the accepted one; across codes (animal or plant) that is a guess",
    )
    higher: bool = knob(
        True, "When the name is not in the backbone, go up to its species, its genus, then the given higher ranks"
    )
    alternatives: int = knob(10, "Other candidates kept with each row", ge=0, le=1000)
    languages: str = knob(
        "en", "Languages of common names, best first, with commas between: ISO 639-1 codes, else 639-3"
    )
    country: str = knob("", "Country whose common names go first: ISO 3166 code")
    workers: int = knob(0, "Processes that parse names; 0: as many as there are cores", ge=0, le=1024)
