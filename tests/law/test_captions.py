"""Laws of the captions: the exact words of BioCLIP (Stevens et al., CVPR 2024), and the way back to the taxon."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, Row, grown, nested, rows

from merian.core.captions import (
    TEXT_TYPES,
    TextType,
    caption,
    captions,
    compose,
    scientific_name,
    taxon_of,
    taxonomic_name,
)
from merian.core.errors import BadData, UnknownTaxon
from merian.core.tree import Lineage, Tree

MAGPIE = Lineage("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica hudsonia")
EXACT = {
    "sci": "a photo of Pica hudsonia.",
    "com": "a photo of black-billed magpie.",
    "taxon": "a photo of Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia.",
    "sci_com": "a photo of Pica hudsonia with common name black-billed magpie.",
    "taxon_com": "a photo of Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia with common name black-billed magpie.",
}
NAMELESS = {
    "sci": "a photo of Pica hudsonia.",
    "com": "a photo of Pica hudsonia.",
    "taxon": "a photo of Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia.",
    "sci_com": "a photo of Pica hudsonia with common name Pica hudsonia.",
    "taxon_com": "a photo of Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia with common name Pica hudsonia.",
}


def test_the_five_types_are_those_of_the_paper() -> None:
    assert TEXT_TYPES == ("sci", "com", "taxon", "sci_com", "taxon_com")


@pytest.mark.parametrize("kind", TEXT_TYPES)
def test_the_exact_words(kind: TextType) -> None:
    assert compose(MAGPIE, "black-billed magpie", kind) == EXACT[kind]
    assert compose(MAGPIE, None, kind) == NAMELESS[kind]
    assert compose(MAGPIE, "", kind) == NAMELESS[kind]


def test_ranks_are_capitalised_and_the_epithet_is_not() -> None:
    shouted = Lineage(*(name.upper() for name in MAGPIE if name))
    whispered = Lineage(*(name.lower() for name in MAGPIE if name))
    assert compose(shouted, None, "taxon") == compose(whispered, None, "taxon") == NAMELESS["taxon"]


def test_missing_ranks_are_left_out() -> None:
    assert compose(MAGPIE._replace(order=None, phylum=None), None, "taxon") == (
        "a photo of Animalia Aves Corvidae Pica hudsonia."
    )
    assert compose(MAGPIE._replace(species=None), "magpies", "taxon_com") == (
        "a photo of Animalia Chordata Aves Passeriformes Corvidae Pica with common name magpies."
    )
    family = MAGPIE._replace(species=None, genus=None)
    assert compose(family, None, "sci") == "a photo of Animalia Chordata Aves Passeriformes Corvidae."
    assert compose(MAGPIE._replace(genus=None), None, "sci") == "a photo of Pica hudsonia."
    assert scientific_name(Lineage(*[None] * 6, "hudsonia")) == "Hudsonia"


def test_another_text_type_is_refused() -> None:
    with pytest.raises(BadData, match="taxonTag"):
        compose(MAGPIE, None, "taxonTag")  # type: ignore[arg-type]


@FAST
@given(rows(least=1), st.sampled_from(TEXT_TYPES), st.sampled_from([None, "a name"]))
def test_never_a_double_blank_nor_a_none(lineages: list[Row], kind: TextType, common: str | None) -> None:
    tree = grown(lineages)
    for taxon in range(len(tree)):
        text = compose(tree.lineage(taxon), common, kind)
        assert re.fullmatch(r"a photo of \S+( \S+)*\.", text)
        assert "None" not in text


@FAST
@given(rows(least=1), st.sampled_from(TEXT_TYPES))
def test_many_captions_are_the_single_ones(lineages: list[Row], kind: TextType) -> None:
    tree = grown(lineages)
    taxa = list(reversed(range(len(tree))))
    assert captions(tree, taxa, kind) == [caption(tree, t, kind) for t in taxa]
    assert captions(tree, [], kind) == []


@FAST
@given(nested(), st.sampled_from(["sci", "taxon", "sci_com", "taxon_com"]))
def test_a_caption_leads_back_to_its_taxon(lineages: list[Row], kind: TextType) -> None:
    tree = grown(lineages)
    tree = tree.with_common(
        pl.DataFrame({"taxon": range(len(tree)), "language": "en", "name": [f"the one {t}" for t in range(len(tree))]})
    )
    for taxon in range(len(tree)):
        assert taxon_of(tree, caption(tree, taxon, kind)) == taxon


@FAST
@given(nested())
def test_a_unique_common_name_leads_back_too(lineages: list[Row]) -> None:
    tree = grown(lineages)
    called = [f"the one {t}" if t % 2 else None for t in range(len(tree))]
    tree = tree.with_common(pl.DataFrame({"taxon": range(len(tree)), "language": "en", "name": called}))
    for taxon in range(1, len(tree), 2):
        assert taxon_of(tree, caption(tree, taxon, "com")) == taxon


@FAST
@given(rows(least=1), st.sampled_from(["sci", "taxon"]))
def test_no_caption_leads_to_a_taxon_with_another_caption(lineages: list[Row], kind: TextType) -> None:
    tree = grown(lineages)
    for taxon in range(len(tree)):
        text = caption(tree, taxon, kind)
        try:
            found = taxon_of(tree, text)
        except UnknownTaxon:
            others = [t for t in range(len(tree)) if text in (caption(tree, t, "sci"), caption(tree, t, "taxon"))]
            assert len(others) > 1
        else:
            assert text in (caption(tree, found, "sci"), caption(tree, found, "taxon"))


def magpies() -> Tree:
    """The magpie, a dog with three words to its name, and a phrase for a label."""
    rows_of: list[Row] = [
        tuple(MAGPIE),
        ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae", "Canis", "Canis lupus familiaris"),
        (None, None, None, None, None, None, "Some odd label of four"),
        ("Incertae sedis", None, None, None, None, None, None),
    ]
    return grown(rows_of)


def test_names_of_one_three_and_four_words_lead_back() -> None:
    tree = magpies()
    for taxon in range(len(tree)):
        for kind in ("sci", "taxon", "sci_com", "taxon_com"):
            assert taxon_of(tree, caption(tree, taxon, kind)) == taxon


def test_bare_names_and_unknown_ones() -> None:
    tree = magpies()
    magpie = tree.find("Pica hudsonia")
    assert taxon_of(tree, "  Pica   hudsonia ") == magpie
    assert taxon_of(tree, taxonomic_name(MAGPIE)) == magpie
    with pytest.raises(UnknownTaxon, match="Pica hudsonia"):
        taxon_of(tree, "a photo of Pica hudsonica.")
    with pytest.raises(UnknownTaxon):
        taxon_of(tree, "a photo of Plantae Pica hudsonia.")
    with pytest.raises(UnknownTaxon):
        taxon_of(tree, "")
