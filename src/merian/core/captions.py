"""The one place where a taxon becomes text, or text a taxon: training, prompting, evaluation and serving all come here.

The five text types and their exact wording are those of BioCLIP (Stevens et al., CVPR 2024; `make_wds.py` of TreeOfLife-10M). Missing ranks
are left out, the rank names are capitalised, the epithet is lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, get_args

from merian.core.errors import BadData, UnknownTaxon
from merian.core.tree import Lineage, Tree

__all__ = [
    "TEXT_TYPES",
    "TextType",
    "caption",
    "captions",
    "compose",
    "scientific_name",
    "taxon_of",
    "taxonomic_name",
    "trait_caption",
]

TextType = Literal["sci", "com", "taxon", "sci_com", "taxon_com"]
TEXT_TYPES: tuple[TextType, ...] = get_args(TextType)

_SHAPE = re.compile(r"^a photo of (?P<name>.+?)(?: with common name (?P<common>.+))?\.$")


def scientific_name(lineage: Lineage) -> str:
    """ "Genus epithet"; the genus alone when there is no species; the whole taxonomic name above the genus."""
    if lineage.species is not None:
        genus, _, epithet = lineage.species.partition(" ")
        return f"{genus.capitalize()} {epithet.lower()}".strip()
    return lineage.genus.capitalize() if lineage.genus is not None else taxonomic_name(lineage)


def taxonomic_name(lineage: Lineage) -> str:
    """The ranks from kingdom down, missing ones left out: "Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia"."""
    above = [name.capitalize() for name in lineage[:5] if name is not None]
    below = scientific_name(lineage) if lineage.species is not None or lineage.genus is not None else ""
    return " ".join([*above, below] if below else above)


def compose(lineage: Lineage, common: str | None, kind: TextType) -> str:
    """The caption of one of the five types. Without a common name the scientific name stands in for it, as in the paper's data."""
    scientific = scientific_name(lineage)
    name = taxonomic_name(lineage) if kind.startswith("taxon") else scientific
    if kind == "com":
        return f"a photo of {common or scientific}."
    if kind in ("sci_com", "taxon_com"):
        return f"a photo of {name} with common name {common or scientific}."
    if kind in ("sci", "taxon"):
        return f"a photo of {name}."
    raise BadData("caption", f"text type {kind!r} is none of {', '.join(TEXT_TYPES)}")


def caption(tree: Tree, taxon: int, kind: TextType, language: str = "en") -> str:
    """The caption of one taxon."""
    return compose(tree.lineage(taxon), tree.common_name(taxon, language), kind)


def captions(tree: Tree, taxa: Iterable[int], kind: TextType, language: str = "en") -> list[str]:
    """The captions of many taxa, in order."""
    chosen = [int(t) for t in taxa]
    rows = tree.lineages(chosen).rows()
    return [
        compose(Lineage(*row), tree.common_name(taxon, language), kind) for taxon, row in zip(chosen, rows, strict=True)
    ]


def trait_caption(
    lineage: Lineage,
    sex: str | None = None,
    life_stage: str | None = None,
    habitat: str | None = None,
    behaviour: str | None = None,
) -> str:
    """A caption that tells what is known of one organism beside its name: "a photo of an adult female Pica pica, calling, in open woodland."

    BioCLIP's captions tell names alone; these give words to variation inside a species.
    """
    kind = " ".join(word for word in (life_stage, sex) if word)
    name = scientific_name(lineage)
    what = f"{'an' if (kind or name)[:1].lower() in 'aeiou' else 'a'} {kind} {name}" if kind else name
    tail = "".join(f", {word}" for word in (behaviour, habitat and f"in {habitat}") if word)
    return f"a photo of {what}{tail}."


def taxon_of(tree: Tree, text: str) -> int:
    """The taxon that a caption of any type names; raises UnknownTaxon when there is none or several fit.

    Inverse of `caption` wherever that is possible: common names and homonyms may fit several taxa.
    """
    shape = _SHAPE.match(text.strip())
    name = " ".join((shape["name"] if shape else text).split())
    words = name.split()
    for start in range(len(words)):
        guess = " ".join(words[start:])
        fitting = [
            t for t in tree.named(guess) if name in (taxonomic_name(tree.lineage(t)), scientific_name(tree.lineage(t)))
        ]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise UnknownTaxon(name, (), tree.version, f"fits {len(fitting)} taxa")
    called = tree.called(name)
    if len(called) == 1:
        return called[0]
    return tree.find(name)
