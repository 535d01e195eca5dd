"""General captions, as the web has them: what a picture shows in everyday words, never a name that only a biologist or this world would know.

Colours, marks, parts, ground and style come from the same truth that draws the picture; what is mentioned, and how it is put, is left to chance, so that some
images share a caption and most do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.drawn import plans
from merian.drawn.organism import Habitat, Organism, PlanName
from merian.drawn.parts import MARKS, many, noun, parts
from merian.drawn.pigment import Pigment
from merian.drawn.shots import organism_of
from merian.drawn.vernacular import GREY_CHROMA, PATTERN, colour_words

__all__ = ["caption", "captions", "colour", "lies_on"]

COLOUR_TOLD, MARKS_TOLD, PART_TOLD, PLACE_TOLD, SIZE_TOLD = 0.8, 0.55, 0.4, 0.5, 0.6
"""How often a caption mentions the colour, the marks, a part, the place, and the size where it is remarkable. From taste."""
BARE = 0.4
"""Share of captions without "a photo of"."""

EVERYDAY = {"crimson": "red", "golden": "yellow", "teal": "turquoise", "violet": "purple", "olive": "dark green"}
"""Plainer words for those that common names are made of."""
MUTED = 0.075
"""Reds to yellows of less OKLCH chroma read as brown or tan. From taste."""
SMALL, LARGE = 0.82, 1.08
"""Scales of an organism in its frame below and above which its size is remarkable."""
DIM = -0.5
"""Exposure in stops below which a photo is called dark."""

AROUND: Mapping[Habitat, str] = {
    "forest": "in a forest",
    "grassland": "in the grass",
    "wetland": "in a marsh",
    "desert": "in the desert",
    "alpine": "in the mountains",
    "coast": "by the sea",
}
UNDER: Mapping[Habitat, str] = {
    "forest": "on dead leaves",
    "grassland": "in the grass",
    "wetland": "on wet leaves",
    "desert": "on sand",
    "alpine": "on a rock",
    "coast": "on sand",
}
VIEWS = ("a photo of {}", "a picture of {}", "{}, photo", "a close up of {}", "close-up photo of {}", "nice shot of {}")
PAGES: Mapping[str, tuple[str, ...]] = {
    "drawing": ("an old drawing of {}", "a pencil drawing of {}", "{}, vintage illustration", "a line drawing of {}"),
    "label": ("an old handwritten label", "a paper label with writing on it", "a museum label with faded writing"),
    "text page": ("a page of printed text", "an old book page", "a scanned page of text"),
    "museum drawer": ("a drawer full of {} in a museum", "rows of {} in a museum drawer", "a collection of {}"),
}
"""Pictures that show no single organism, by the fault of the record that has one."""


def captions(table: pl.DataFrame, seed: int) -> pl.Series:
    """A caption `[n]` for each row of `table` (of `shots.plan_images`), fixed by `seed` and the record's `occurrenceID`."""
    said = [caption(row, stream(seed, "caption", str(row["occurrenceID"]))) for row in table.iter_rows(named=True)]
    return pl.Series("caption", said, dtype=pl.String)


def caption(row: Mapping[str, Any], rng: np.random.Generator) -> str:
    """What the image of `row` shows, in the words that `rng` chooses. A record whose file is broken is told as if it were whole."""
    fault, organism = row["fault"], organism_of(row)
    if fault == "blank":
        return _one(("a blank picture", "a plain background", "an empty picture of one colour"), rng)
    if organism is None:
        return _vacant(row, rng)
    if fault in PAGES:
        shown = many(organism) if fault == "museum drawer" else _with_article(*noun(organism))
        return _one(PAGES[fault], rng).format(shown)
    infrared = row["style"] == "camera trap infrared"
    what = _organism(organism, row["scale"], infrared, rng)
    if rng.random() < PLACE_TOLD and (where := _place(row, organism)):
        what = f"{what} {where}"
    return _viewed(what, row, infrared, rng)


def colour(pigment: Pigment) -> str:
    """The everyday word for a colour."""
    lightness, chroma, hue = pigment
    word = colour_words(hue, lightness, chroma)[0]
    if GREY_CHROMA <= chroma < MUTED and word in ("red", "crimson", "orange", "golden", "yellow"):
        return "tan" if lightness > 0.6 else "brown"
    return EVERYDAY.get(word, word)


def lies_on(row: Mapping[str, Any], plan: PlanName) -> str:
    """What is around an organism of a close-up: "water", "landscape", or below one seen from above "leaf" or "ground".

    Follows the draws of the painter of close-ups (`styles`), which a test holds it to.
    """
    if plan == "fish":
        return "water"
    rng = np.random.default_rng((row["seed"], 41))
    rng.uniform()  # the horizon
    if plan == "butterfly":
        if rng.random() >= 0.5:
            return "landscape"
    elif plan != "beetle":
        return "landscape"
    rng.uniform()  # the blur
    return "leaf" if rng.random() < 0.35 else "ground"


def _organism(organism: Organism, scale: float, grey: bool, rng: np.random.Generator) -> str:
    """The organism with some of what one sees of it: "a small red beetle with black spots and long feelers". `grey`: no colours to be seen."""
    main, marks = plans.colours(organism)
    before, kind = noun(organism)
    words = []
    if rng.random() < SIZE_TOLD and not SMALL < scale < LARGE:
        words.append("small" if scale < SMALL else "big")
    if rng.random() < COLOUR_TOLD and not grey and organism.stage not in ("larva", "pupa"):
        words.append(colour(main))
    told = []
    mark = _marks(organism, marks, grey)
    if rng.random() < MARKS_TOLD and mark:
        told.append(mark)
    seen = parts(organism)
    if rng.random() < PART_TOLD and seen:
        told.append(_one(seen, rng))
    plain = _with_article(before, " ".join([*words, kind]))
    return plain + (f" with {' and '.join(told)}" if told else "")


def _marks(organism: Organism, marks: Pigment, grey: bool) -> str:
    """The marks in words; "" where there are none to tell."""
    if organism.stage in ("larva", "pupa"):
        return ""
    trait = PATTERN[organism.plan]
    states = next(t.states for t in plans.TRAITS[organism.plan] if t.name == trait)
    state = states[int(organism.traits[trait])]
    if organism.plan == "bird" and organism.stage == "juvenile":
        state = "streaks"
    told = MARKS[organism.plan].get(state, "")
    if organism.plan in ("fish", "hoofed") or grey:
        return told.format("dark")
    return told.format(colour(marks))


def _place(row: Mapping[str, Any], organism: Organism) -> str:
    """Where the organism is seen, "" where the style says it all."""
    if organism.stage in ("larva", "pupa"):
        return "on a twig"
    if row["style"] == "close-up":
        below = lies_on(row, organism.plan)
        if below in ("leaf", "water"):
            return "on a leaf" if below == "leaf" else "under water"
        if below == "ground":
            return UNDER[row["habitat"]]
        return "on a branch" if organism.plan == "bird" else AROUND[row["habitat"]]
    return AROUND[row["habitat"]] if row["style"].startswith("camera trap") else ""


def _viewed(what: str, row: Mapping[str, Any], infrared: bool, rng: np.random.Generator) -> str:
    """`what` with how it was pictured."""
    style = row["style"]
    if style == "museum drawer":
        return _one(("{}, museum specimen", "{} in a museum", "a museum specimen of {}"), rng).format(what)
    if style == "herbarium sheet":
        return _one(("{} pressed on paper", "a dried and pressed specimen: {}", "{} on a herbarium sheet"), rng).format(
            what
        )
    if infrared:
        return _one(("{} at night", "a black and white photo of {} at night", "{}, night camera"), rng).format(what)
    if style == "camera trap day":
        return _one(("{}", "{}, trail camera", "a photo of {} from a wildlife camera"), rng).format(what)
    if row["fault"] == "blurred":
        return _one(("a blurry photo of {}", "{}, out of focus"), rng).format(what)
    if row["exposure_ev"] < DIM and rng.random() < PLACE_TOLD:
        return f"a dark photo of {what}"
    return what if rng.random() < BARE else _one(VIEWS, rng).format(what)


def _vacant(row: Mapping[str, Any], rng: np.random.Generator) -> str:
    """A frame with nobody or with a person in it."""
    where = AROUND[row["habitat"]]
    if row["subject"] == "person":
        return _one(("a person walking {}", "a hiker {}", "a person {}, trail camera"), rng).format(where)
    night = " at night" if row["style"] == "camera trap infrared" else ""
    scene = where.split(" ", 1)[1]
    return _one(("{}{}", "a view of {}{}", "a photo of {}{}, no animals"), rng).format(scene, night)


def _one(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _with_article(before: str, words: str) -> str:
    if before == "a" and words[0] in "aeiou":
        return f"an {words}"
    return f"{before} {words}".strip()
