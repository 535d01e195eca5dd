"""The words that a class is asked for in zero-shot naming.

The published tables insert labels as they are distributed ("Tomato___Late_blight", "Agaricus campestris L."), and a lineage with the common name for two of the
data sets. Both ways are kept as they were; cleaning is a rule of its own, so that what it gains can be told apart. The rules and why: docs/how/benchmarks.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from merian.core.captions import taxonomic_name
from merian.core.errors import BadSetting, MissingExtra
from merian.core.tree import Lineage
from merian.names.parse import parse

__all__ = ["RULES", "TEMPLATES", "Rule", "Subject", "checked", "clean", "filled", "listed", "prompts_of"]

Rule = Literal["asis", "clean", "taxon_com", "common"]
RULES: tuple[Rule, ...] = get_args(Rule)
TEMPLATES = ("photo", "clip-80")
"""Sets of templates by name. clip-80: the 80 sentences for ImageNet by CLIP's authors, which the published zero-shot numbers are made with; open_clip carries
them, so they are read from there. photo: "a photo of {c}." alone."""
CLIP = 80
CROP_AND_STATE = re.compile(r"^(.+?)_{3}(.+)$")
"""PlantVillage's labels: crop and state, three underscores between."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of a class: its label as distributed, the lineage that all of its images share, a common name."""

    label: str
    lineage: Lineage | None = None
    common: str | None = None


def clean(label: str) -> str:
    """A label in plain words: blanks for underscores and plus signs, authors of scientific names left out, letters that were read in a wrong encoding mended.

    "Crop___state" becomes "Crop with state", and "Crop___healthy" "healthy Crop". Authors go only where the name reads cleanly as genus, epithet and authors.
    """
    text = " ".join(_recoded(word) for word in label.split())
    parts = CROP_AND_STATE.match(text)
    if parts:
        crop, state = _words(parts[1]), _words(parts[2])
        return f"healthy {crop}" if state.casefold() == "healthy" else f"{crop} with {state}"
    text = _words(text)
    name = parse(text)
    if name.authorship and name.cardinality > 1 and name.quality < 3 and text.startswith(name.full):
        return name.full
    return text


def prompts_of(rule: Rule, subjects: Sequence[Subject]) -> tuple[tuple[str, ...], list[str]]:
    """The text of each class by a rule, and remarks on classes that it does not fit.

    asis: the label. clean: `clean` of it. taxon_com: "{seven ranks} with common name {common}", as BioCLIP 2 asks for camera traps and Rare Species,
    without the half that is not known. common: the common name. What a rule needs and a class lacks is replaced by its clean label.
    Raises BadSetting when all classes lack it.
    """
    if rule == "asis":
        texts = [s.label for s in subjects]
    elif rule == "clean":
        texts = [clean(s.label) for s in subjects]
    else:
        made = [_taxon_com(s) if rule == "taxon_com" else s.common for s in subjects]
        if subjects and not any(made):
            need = "rank columns" if rule == "taxon_com" else "common names"
            raise BadSetting("prompt", rule, f"needs {need}, and the data set gives none; use asis or clean")
        texts = [text or clean(s.label) for text, s in zip(made, subjects, strict=True)]
    remarks = []
    if rule in ("taxon_com", "common"):
        lacking = [s.label for text, s in zip(made, subjects, strict=True) if not text]
        if lacking:
            what = "lineage" if rule == "taxon_com" else "common name"
            remarks.append(f"{len(lacking)} classes without a {what} are asked for by their label: {listed(lacking)}.")
    twins = [text for text, count in Counter(texts).items() if count > 1]
    if twins:
        remarks.append(
            f"{len(twins)} prompts stand for several classes, which no text can tell apart: {listed(twins)}."
        )
    empty = [s.label for text, s in zip(texts, subjects, strict=True) if not text.strip()]
    if empty:
        raise BadSetting("prompt", rule, f"leaves no words of the label {empty[0]!r}; use asis")
    return tuple(texts), remarks


def checked(templates: Sequence[str]) -> None:
    """Raise BadSetting for a template that is no name of TEMPLATES and does not hold {c} once."""
    for text in templates:
        if text not in TEMPLATES and (text.count("{") != 1 or "{c}" not in text):
            raise BadSetting("templates", text, f"must hold {{c}} once, or be one of {', '.join(TEMPLATES)}")


def filled(templates: Sequence[str]) -> tuple[str, ...]:
    """The templates, each once, names of TEMPLATES replaced by what they stand for, {c} for the class.

    Raises MissingExtra for clip-80 where open_clip is not installed: with other words the number would be another.
    """
    from merian.identify.custom import templates as of_clip

    found: dict[str, None] = {}
    for name in templates:
        texts: Sequence[str] = (name,)
        if name == "photo":
            texts = ("a photo of {c}.",)
        elif name == "clip-80":
            texts = [text.replace("{}", "{c}") for text in of_clip()]
            if len(texts) < CLIP:
                raise MissingExtra("open_clip, which carries the 80 templates of the published protocol,", "train")
        found |= dict.fromkeys(texts)
    return tuple(found)


def listed(words: Sequence[object], most: int = 5) -> str:
    """The first few of many words, and how many more there are."""
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(str(word) for word in words[:most]) + more


def _taxon_com(subject: Subject) -> str | None:
    if subject.lineage is None or not any(subject.lineage):
        return None
    name = taxonomic_name(subject.lineage)
    return f"{name} with common name {subject.common}" if subject.common else name


def _words(text: str) -> str:
    return " ".join(text.replace("_", " ").replace("+", " ").split())


def _recoded(word: str) -> str:
    """A word whose UTF-8 bytes were taken for Windows-1252 ("ChÃªne"), read again; any other as it is."""
    if word.isascii():
        return word
    try:
        return word.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return word
