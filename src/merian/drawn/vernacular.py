"""English and German common names of drawn species, told by what one sees: colour, pattern and kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from merian.drawn.naming import words
from merian.drawn.organism import PlanName

__all__ = ["HIGHER", "Noun", "Sighted", "colour_words", "draw_nouns", "name_species"]


@dataclass(frozen=True, slots=True)
class Noun:
    """What a family is called: "lantern beetle" and "Laternenkäfer", with its German gender and both plurals."""

    english: str
    german: str
    gender: Literal["m", "f", "n"]
    english_plural: str
    german_plural: str


@dataclass(frozen=True, slots=True)
class Sighted:
    """What a namer sees of a species."""

    plan: PlanName
    noun: Noun
    ground: tuple[float, float, float]
    """Hue in degrees, lightness and chroma (OKLCH) of the main colour."""
    mark: tuple[float, float, float]
    """The same of the marks."""
    pattern: str
    """State of the plan's pattern trait (`PATTERN`)."""
    lat_deg: float


HIGHER: Mapping[str, tuple[str, str]] = {
    "Animalia": ("animals", "Tiere"),
    "Plantae": ("plants", "Pflanzen"),
    "Fungi": ("fungi", "Pilze"),
    "Arthropoda": ("arthropods", "Gliederfüßer"),
    "Chordata": ("chordates", "Chordatiere"),
    "Tracheophyta": ("vascular plants", "Gefäßpflanzen"),
    "Basidiomycota": ("club fungi", "Ständerpilze"),
    "Insecta": ("insects", "Insekten"),
    "Aves": ("birds", "Vögel"),
    "Mammalia": ("mammals", "Säugetiere"),
    "Actinopterygii": ("ray-finned fishes", "Strahlenflosser"),
    "Magnoliopsida": ("dicots", "Zweikeimblättrige"),
    "Agaricomycetes": ("mushrooms", "Hutpilze"),
    "Coleoptera": ("beetles", "Käfer"),
    "Lepidoptera": ("butterflies and moths", "Schmetterlinge"),
}
"""English and German names of the real taxa above the made-up ones."""

EPITHETS_OF_FAMILIES = words(
    "lantern=Laternen drum=Trommel clay=Ton ember=Glut thistle=Distel velvet=Samt copper=Kupfer mist=Nebel bell=Glocken "
    "harp=Harfen lace=Spitzen marble=Marmor lancer=Lanzen veil=Schleier thimble=Fingerhut bronze=Bronze satin=Atlas "
    "honey=Honig pilgrim=Pilger quill=Feder amber=Bernstein riddle=Rätsel saddler=Sattler weaver=Weber mason=Maurer "
    "clover=Klee ash=Aschen glass=Glas ribbon=Band mirror=Spiegel chalk=Kreide anchor=Anker cloud=Wolken "
    "herald=Herold miller=Müller crown=Kronen shadow=Schatten fern=Farn dial=Zifferblatt plume=Federbusch"
)
"""First halves of family names; they tell nothing that a picture shows."""

KINDS: Mapping[PlanName, tuple[Noun, ...]] = {
    "beetle": (
        Noun("beetle", "käfer", "m", "beetles", "käfer"),
        Noun("chafer", "schröter", "m", "chafers", "schröter"),
    ),
    "butterfly": (
        Noun("butterfly", "falter", "m", "butterflies", "falter"),
        Noun("skipper", "spinner", "m", "skippers", "spinner"),
    ),
    "bird": (
        Noun("finch", "fink", "m", "finches", "finken"),
        Noun("thrush", "drossel", "f", "thrushes", "drosseln"),
        Noun("warbler", "sänger", "m", "warblers", "sänger"),
        Noun("lark", "lerche", "f", "larks", "lerchen"),
    ),
    "hoofed": (
        Noun("antelope", "antilope", "f", "antelopes", "antilopen"),
        Noun("goat", "ziege", "f", "goats", "ziegen"),
        Noun("deer", "hirsch", "m", "deer", "hirsche"),
    ),
    "fish": (
        Noun("perch", "barsch", "m", "perches", "barsche"),
        Noun("darter", "fisch", "m", "darters", "fische"),
        Noun("bream", "brasse", "f", "breams", "brassen"),
    ),
    "mushroom": (
        Noun("cap", "hut", "m", "caps", "hüte"),
        Noun("mushroom", "pilz", "m", "mushrooms", "pilze"),
    ),
    "leaf": (
        Noun("tree", "baum", "m", "trees", "bäume"),
        Noun("shrub", "strauch", "m", "shrubs", "sträucher"),
    ),
    "flower": (
        Noun("lily", "lilie", "f", "lilies", "lilien"),
        Noun("daisy", "blume", "f", "daisies", "blumen"),
        Noun("wort", "wurz", "f", "worts", "wurzen"),
    ),
}

PATTERN: Mapping[PlanName, str] = {
    "beetle": "mark_pattern",
    "butterfly": "wing_pattern",
    "bird": "breast_pattern",
    "fish": "mark_pattern",
    "hoofed": "mark_pattern",
    "mushroom": "cap_pattern",
    "leaf": "margin",
    "flower": "petal_pattern",
}
"""The discrete trait of each plan that its common names tell."""

PATTERN_WORDS: Mapping[str, tuple[str, str]] = {
    "spots": ("spotted", "gefleckt"),
    "bands": ("banded", "gebändert"),
    "band": ("banded", "gebändert"),
    "stripes": ("striped", "gestreift"),
    "stripe": ("striped", "gestreift"),
    "margin": ("edged", "gerandet"),
    "edge": ("edged", "gerandet"),
    "patches": ("patched", "gescheckt"),
    "windows": ("windowed", "gefenstert"),
    "rays": ("rayed", "gestrahlt"),
    "streaks": ("streaked", "gestrichelt"),
    "bars": ("barred", "gesperbert"),
    "bib": ("bibbed", "gelätzt"),
    "saddle": ("saddled", "gesattelt"),
    "forked": ("fork-striped", "gegabelt"),
    "net": ("netted", "genetzt"),
    "warts": ("warty", "bewarzt"),
    "scales": ("scaly", "geschuppt"),
    "zones": ("zoned", "gezont"),
    "serrate": ("saw-leaved", "gesägt"),
    "crenate": ("scallop-leaved", "gekerbt"),
    "doubly serrate": ("twice-toothed", "doppelt gesägt"),
    "veins": ("veined", "geädert"),
}
"""State of a pattern trait -> (English, German) participle; states that are missing are plain."""

HUES: tuple[tuple[float, str, str], ...] = (
    (12.0, "crimson", "karmin"),
    (40.0, "red", "rot"),
    (66.0, "orange", "orange"),
    (88.0, "golden", "gold"),
    (112.0, "yellow", "gelb"),
    (165.0, "green", "grün"),
    (215.0, "teal", "türkis"),
    (272.0, "blue", "blau"),
    (312.0, "violet", "violett"),
    (352.0, "pink", "rosa"),
)
"""Upper ends of hue in OKLCH degrees, with the colour's names; above the last it is crimson again."""

GREY_CHROMA = 0.03
"""Below this OKLCH chroma a colour reads as black, grey or white."""


def colour_words(hue_deg: float, lightness: float, chroma: float) -> tuple[str, str]:
    """English and German word for an OKLCH colour."""
    if chroma < GREY_CHROMA:
        grey = ("black", "schwarz"), ("grey", "grau"), ("white", "weiß")
        return grey[0 if lightness < 0.36 else 1 if lightness < 0.76 else 2]
    hue = hue_deg % 360.0
    if 30.0 <= hue < 112.0 and lightness < 0.5:
        return ("brown", "braun") if hue < 88.0 else ("olive", "oliv")
    return next(((e, g) for top, e, g in HUES if hue < top), ("crimson", "karmin"))


def draw_nouns(plans: Sequence[PlanName], rng: np.random.Generator) -> list[Noun]:
    """A name for each family [f], given the plan of each; no two families of one plan share a name until the words run out."""
    nouns: list[Noun] = []
    decks: dict[PlanName, list[tuple[int, int]]] = {}
    for plan in plans:
        if not decks.get(plan):
            pairs = [(k, e) for e in range(len(EPITHETS_OF_FAMILIES)) for k in range(len(KINDS[plan]))]
            decks[plan] = [pairs[i] for i in rng.permutation(len(pairs))]
        kind, first = decks[plan].pop()
        base = KINDS[plan][kind]
        english, german = EPITHETS_OF_FAMILIES[first].split("=")
        nouns.append(
            Noun(
                f"{english} {base.english}",
                german + base.german,
                base.gender,
                f"{english} {base.english_plural}",
                german + base.german_plural,
            )
        )
    return nouns


def name_species(seen: Sequence[Sighted]) -> list[tuple[str, str]]:
    """English and German name of each species [n], such as "red-banded lantern beetle" and "Rotgebänderter Laternenkäfer".

    Names that would coincide are told apart: the northernmost and the southernmost by that, those between by a word without meaning;
    when the words run out, names stay alike, as they do in life.
    """
    bare = [_plain_words(s) for s in seen]
    alike: dict[str, list[int]] = {}
    for i, (english, _) in enumerate(bare):
        alike.setdefault(f"{english} {seen[i].noun.english}", []).append(i)
    named: list[tuple[str, str]] = [("", "")] * len(seen)
    for group in alike.values():
        northward = sorted(group, key=lambda i: -seen[i].lat_deg)
        for place, i in enumerate(northward):
            named[i] = _join(bare[i], seen[i].noun, _qualifier(place, len(group)))
    return named


def _qualifier(place: int, group: int) -> tuple[str, str]:
    if group == 1:
        return "", ""
    if place in (0, group - 1):
        return ("northern", "nördlich") if place == 0 else ("southern", "südlich")
    return QUALIFIERS[(place - 1) % len(QUALIFIERS)]


QUALIFIERS: tuple[tuple[str, str], ...] = (
    ("true", "echt"),
    ("false", "falsch"),
    ("noble", "edel"),
    ("common", "gemein"),
    ("royal", "königlich"),
    ("modest", "bescheiden"),
    ("merry", "munter"),
    ("shy", "scheu"),
    ("strange", "seltsam"),
    ("painted", "bemalt"),
)


def _plain_words(seen: Sighted) -> tuple[str, str]:
    ground, mark = colour_words(*seen.ground), colour_words(*seen.mark)
    told = PATTERN_WORDS.get(seen.pattern)
    if told is None:
        return ground
    if seen.plan == "leaf" or mark == ground:
        return told
    return f"{mark[0]}-{told[0]}", f"{mark[1]}{told[1]}"


def _join(bare: tuple[str, str], noun: Noun, first: tuple[str, str]) -> tuple[str, str]:
    english = " ".join(w for w in (first[0], bare[0], noun.english) if w)
    ending = {"m": "er", "f": "e", "n": "es"}[noun.gender]
    inflected = [_inflect(w, ending) for w in (first[1], bare[1]) if w]
    inflected[0] = inflected[0][0].upper() + inflected[0][1:]
    return english, " ".join([*inflected, noun.german])


def _inflect(adjective: str, ending: str) -> str:
    uninflected = {"orange": "orangefarben", "rosa": "rosafarben", "türkis": "türkisfarben", "oliv": "olivgrün"}
    golden = {"gold": "golden", "karmin": "karminrot"}
    return {**uninflected, **golden, "edel": "edl"}.get(adjective, adjective) + ending
