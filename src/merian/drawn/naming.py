"""Made-up Latin names that look right, are unique, and follow the customs of their kingdoms.

A genus is a made-up stem with a Latin ending; a family is named after its type genus (stem + -idae for animals, -aceae for plants and
fungi: ICZN art. 29, ICN art. 18) and so is a made-up order; an epithet agrees with the gender of its genus (ICZN art. 31).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from merian.core.errors import BadData
from merian.drawn.organism import PlanName

__all__ = ["Namer", "agree", "split_binomial", "words"]

Gender = Literal["m", "f", "n"]


def words(text: str) -> tuple[str, ...]:
    """The words of `text`."""
    return tuple(text.split())


ONSETS = words("b c d f g l m n p r s t v z br cr dr fl gl pl pr tr th ph st sp ch")
MIDDLES = words("b c d g l m n p r s t v x z l m n r l n r mb nd nt rt rn lm lv st sk rch lth rd ndr ltr rm")
VOWELS = words("a e i o u a e i o a o e y ae")
FIRST_VOWELS = words("a e i o u a o")

GENUS_ENDINGS: dict[str, tuple[tuple[str, Gender], ...]] = {
    "Animalia": (
        ("us", "m"),
        ("a", "f"),
        ("is", "f"),
        ("ops", "m"),
        ("ella", "f"),
        ("or", "m"),
        ("um", "n"),
        ("ias", "m"),
    ),
    "Plantae": (("ia", "f"), ("a", "f"), ("um", "n"), ("anthus", "m"), ("ium", "n"), ("is", "f"), ("aria", "f")),
    "Fungi": (("us", "m"), ("a", "f"), ("ella", "f"), ("ia", "f"), ("um", "n"), ("iota", "f"), ("ina", "f")),
}
"""Endings of genus names and the gender that each gives, by kingdom."""

GENITIVE_STEM = {"ops": "op", "ella": "ell", "anthus": "anth", "or": "or", "aria": "ari", "iota": "iot", "ina": "in"}
"""What an ending leaves in the genitive stem; the others leave nothing."""

FAMILY_ENDING = {"Animalia": "idae", "Plantae": "aceae", "Fungi": "aceae"}

ORDER_ENDING: dict[PlanName, str] = {
    "bird": "iformes",
    "fish": "iformes",
    "hoofed": "odactyla",
    "leaf": "ales",
    "flower": "ales",
    "mushroom": "ales",
}
"""Endings of made-up orders; beetles and butterflies have real ones."""

ADJECTIVES = words(
    "mirus insignis elegans vulgaris decorus nobilis gracilis splendens venustus modestus fallax communis mirabilis "
    "singularis affinis dubius confusus egregius amabilis placidus vagans solitarius fugax notabilis pulcher tacitus "
    "serenus ignotus neglectus novus intermedius similis peregrinus errans tenax audax celer hilaris tristis blandus"
)
"""Epithets that say nothing that a picture shows, in the masculine."""

EPITHET_ENDINGS = ("ensis", "anus", "inus", "i", "ae", "icus", "oides", "atus", "ensis", "anus", "i")
ADJECTIVE_SHARE = 0.3
"""Share of epithets that are known adjectives; the others come from made-up places and people. A matter of taste."""


def agree(adjective: str, gender: Gender) -> str:
    """The masculine Latin `adjective` in the nominative of `gender`; genitives and adjectives of one ending stay as they are."""
    if adjective.endswith("us"):
        return adjective[:-2] + {"m": "us", "f": "a", "n": "um"}[gender]
    if adjective.endswith("is"):
        return adjective[:-2] + ("e" if gender == "n" else "is")
    if adjective == "pulcher":
        return {"m": "pulcher", "f": "pulchra", "n": "pulchrum"}[gender]
    if adjective == "celer":
        return {"m": "celer", "f": "celeris", "n": "celere"}[gender]
    return adjective


def split_binomial(name: str) -> tuple[str, str]:
    """Genus and epithet of a species name. Raises BadData when `name` is not two words, the first with a capital."""
    words = name.split(" ")
    if len(words) != 2 or not words[0].istitle() or not words[1].islower():
        raise BadData("species name", "a species name is a capitalised genus and an epithet", [name])
    return words[0], words[1]


class Namer:
    """Hands out names and never the same twice; what it gives depends on `rng` and the order of the calls alone."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._taken: set[str] = set()
        self._gender: dict[str, Gender] = {}
        self._stem: dict[str, str] = {}

    def genus(self, kingdom: str) -> str:
        """A new genus of `kingdom`, such as "Velorbus"."""
        while True:
            ending, gender = GENUS_ENDINGS[kingdom][self._rng.integers(len(GENUS_ENDINGS[kingdom]))]
            body = self._stem_word(2 if len(ending) > 3 else int(self._rng.integers(2, 4)))
            name = (body + ending).capitalize()
            # The genus lends its family the stem of its genitive: Can(is) -> Canidae, Cyclop(s) -> Cyclopidae.
            stem = body + GENITIVE_STEM.get(ending, "")
            # No two genera may share a stem, or their families would share a name.
            if len(name) <= 12 and self._take(f"stem {stem}") and self._take(name):
                self._gender[name] = gender
                self._stem[name] = stem
                return name

    def family(self, type_genus: str, kingdom: str) -> str:
        """The family named after `type_genus`, such as "Velorbidae"."""
        return self._derived(type_genus, FAMILY_ENDING[kingdom])

    def order(self, type_genus: str, plan: PlanName) -> str:
        """The made-up order named after `type_genus`, such as "Velorbiformes"."""
        return self._derived(type_genus, ORDER_ENDING[plan])

    def epithet(self, genus: str) -> str:
        """An epithet new in `genus`, in its gender, such as "mirabilis" or "tavornensis"."""
        while True:
            if self._rng.random() < ADJECTIVE_SHARE:
                word = ADJECTIVES[self._rng.integers(len(ADJECTIVES))]
            else:
                ending = EPITHET_ENDINGS[self._rng.integers(len(EPITHET_ENDINGS))]
                word = self._stem_word(2) + ending
            word = agree(word, self._gender[genus])
            if self._take(f"{genus} {word}"):
                return word

    def person(self) -> str:
        """A made-up collector, such as "T. Morvan"."""
        initial = "ABCDEFGHIJKLMNOPRSTVW"[self._rng.integers(21)]
        while True:
            surname = self._stem_word(2).capitalize()
            if self._take(f"person {surname}"):
                return f"{initial}. {surname}"

    def _derived(self, type_genus: str, ending: str) -> str:
        name = self._stem[type_genus].capitalize() + ending
        if not self._take(name):
            raise BadData("type genus", f"its stem with -{ending} is already a name", [type_genus])
        return name

    def _stem_word(self, syllables: int) -> str:
        pick = self._pick
        word = pick(ONSETS) if self._rng.random() < 0.8 else pick(FIRST_VOWELS) + pick(MIDDLES)
        for k in range(syllables):
            word += (pick(VOWELS) if word[-1] not in "aeiouy" else "") + pick(MIDDLES if k or syllables > 1 else ONSETS)
        return word

    def _pick(self, choices: tuple[str, ...]) -> str:
        return choices[int(self._rng.integers(len(choices)))]

    def _take(self, name: str) -> bool:
        if name in self._taken:
            return False
        self._taken.add(name)
        return True
