"""Names that are easily misread: epithets that look like remarks, remarks that look like epithets, open nomenclature, quotes, markup, codes."""

from __future__ import annotations

import pytest

from merian.names import parse as module
from merian.names.grammar import read
from merian.names.parse import parse

# text, canonical, full (None: as canonical), authorship, kind
NEW_OR_NOVA = [
    ("Arabis nova Vill.", "Arabis nova", None, "Vill.", "name"),
    ("Artemisia nova", "Artemisia nova", None, None, "name"),
    ("ARABIS NOVA VILL.", "Arabis nova", None, "Vill.", "name"),
    ("arabis nova", "Arabis nova", None, None, "name"),
    ("Aus novum Smith, 1900", "Aus novum", None, "Smith 1900", "name"),
    ("Aus novus Smith, 1900", "Aus novus", None, "Smith 1900", "name"),
    (
        "Arabis nova subsp. iberica Rivas Mart.",
        "Arabis nova iberica",
        "Arabis nova subsp. iberica",
        "Rivas Mart.",
        "name",
    ),
    ("Arabis hirsuta var. nova Schur", "Arabis hirsuta nova", "Arabis hirsuta var. nova", "Schur", "name"),
    ("Arabis hirsuta nova", "Arabis hirsuta nova", None, None, "name"),
    ("Arabis nova × Arabis alba", "Arabis nova × Arabis alba", None, None, "hybrid formula"),
    ("Arabis nova species complex", "Arabis nova", None, None, "name"),
    ("Aus sp. nov.", "Aus", None, None, "informal"),
    ("Aus nov. sp.", "Aus", None, None, "informal"),
    ("Aus n. sp.", "Aus", None, None, "informal"),
    ("Aus species nova", "Aus", None, None, "informal"),
    ("Aus nova species", "Aus", None, None, "informal"),
    ("Aus nova sp.", "Aus", None, None, "informal"),
    ("Aus gen. et sp. nova", "Aus", None, None, "informal"),
    ("Aus bus sp. nova", "Aus bus", None, None, "name"),
    ("Aus bus forma nova", "Aus bus", None, None, "name"),
    ("Aus bus subspecies nova", "Aus bus", None, None, "name"),
    ("Gen. nov. sp. nov.", "", None, None, "placeholder"),
]
SHORT = [
    ("Tethea or (Denis & Schiffermüller, 1775)", "Tethea or", None, "(Denis & Schiffermüller 1775)", "name"),
    ("Tethea or", "Tethea or", None, None, "name"),
    ("Aus or Bus", "Aus", None, None, "name"),
    ("Otacilia li", "Otacilia li", None, None, "name"),
    ("Otacilia li Smith", "Otacilia", None, "li Smith", "name"),
    ("Felidae de", "Felidae", None, None, "name"),
    ("Agra not Erwin", "Agra not", None, "Erwin", "name"),
    ("Aus not Bus", "Aus", None, None, "name"),
    ("Aus partim", "Aus", None, None, "name"),
    ("Aus pro parte", "Aus", None, None, "name"),
    ("Aus lineage 2", "Aus", None, None, "name"),
    ("Aus bus ined.", "Aus bus", None, None, "name"),
    ("Ophion virus Gauld & Mitchell, 1977", "Ophion virus", None, "Gauld & Mitchell 1977", "name"),
    ("Hirsutella male", "Hirsutella male", None, None, "name"),
]
REMARKS = [
    ("Rosa hybrid", "Rosa", None, None, "informal"),
    ("Anas platyrhynchos hybrid", "Anas platyrhynchos", None, None, "informal"),
    ("Aus bus unpublished", "Aus bus", None, None, "name"),
    ("Aus ssp.", "Aus", None, None, "informal"),
    ("Aus gr. bus", "Aus", None, None, "informal"),
    ("Puma Jardine, 1834 sp.", "Puma", None, "Jardine 1834", "informal"),
    ("Larus argentatus/cachinnans", "Larus", None, None, "informal"),
    ("Larus argentatus / Larus cachinnans", "Larus", None, None, "informal"),
    ("Brassica oleracea Capitata Group", "Brassica oleracea", None, "Capitata", "name"),
    ("Puma concolor SSP. COUGUAR", "Puma concolor", None, None, "name"),
    ("soil metagenome", "", None, None, "placeholder"),
    ("Aster yellows phytoplasma", "", None, None, "placeholder"),
    ("Aus sp. BOLD:AAA1234", "Aus", None, None, "informal"),
    ("Aus sp. 1 JLB-2010", "Aus", None, None, "informal"),
    ("Nostoc sp. PCC 7120", "Nostoc", None, None, "informal"),
    ("Escherichia coli str. K-12 substr. MG1655", "Escherichia coli", None, None, "name"),
    ("Aus ?bus", "Aus", None, None, "informal"),
]
WRITTEN = [
    ('"Hyla" ewingi Duméril & Bibron, 1841', "Hyla ewingi", None, "Duméril & Bibron 1841", "name"),
    ('"Hyla ewingi" Duméril', "Hyla ewingi", None, "Duméril", "name"),
    ("[Clostridium] difficile", "Clostridium difficile", None, None, "name"),
    ("'Puma concolor'", "Puma concolor", None, None, "name"),
    (
        "'Candidatus Liberibacter solanacearum'",
        "Liberibacter solanacearum",
        "Candidatus Liberibacter solanacearum",
        None,
        "name",
    ),
    ("Candidatus Phytoplasma asteris", "Phytoplasma asteris", "Candidatus Phytoplasma asteris", None, "name"),
    ("*Puma concolor* (Linnaeus, 1771)", "Puma concolor", None, "(Linnaeus 1771)", "name"),
    ("_Puma concolor_", "Puma concolor", None, None, "name"),
    ("Puma concolor (sic) Linnaeus", "Puma concolor", None, "Linnaeus", "name"),
    ("Puma concolor [sic]", "Puma concolor", None, None, "name"),
    ("Puma con\u00adcolor\u00a0Linnaeus", "Puma concolor", None, "Linnaeus", "name"),
    ("HOMO SAPIENS L.", "Homo sapiens", None, "L.", "name"),
    ("Aus [Bus] cus Smith", "Aus cus", None, "Smith", "name"),
    ("Aus (subgen. Bus) cus Smith", "Aus cus", None, "Smith", "name"),
    ("Quercus sect. Lobatae alba L.", "Quercus alba", None, "L.", "name"),
    ("Quercus sect. Lobatae Loudon", "Lobatae", "Quercus sect. Lobatae", "Loudon", "name"),
    ("Aus bus f. sp. tritici", "Aus bus tritici", "Aus bus f.sp. tritici", None, "name"),
]
AUTHORS = [
    ("Aus bus Linnaeus1758", "Aus bus", None, "Linnaeus 1758", "name"),
    ("Aus bus L.1758", "Aus bus", None, "L. 1758", "name"),
    ("Aus bus ATCC1999", "Aus bus", None, None, "name"),
    ("Aus bus Smith III", "Aus bus", None, "Smith III", "name"),
    (
        "Aus bus van der Hoeven in Smith & de Vries, 1833",
        "Aus bus",
        None,
        "van der Hoeven in Smith & de Vries 1833",
        "name",
    ),
    ("Aus bus Smith apud Jones", "Aus bus", None, "Smith apud Jones", "name"),
    ("Aus bus Smith, 1850-1851", "Aus bus", None, "Smith (1850)", "name"),
    ("Trismegistia monodii Ando, 1973 [1974]", "Trismegistia monodii", None, "Ando 1973", "name"),
]


@pytest.mark.parametrize(
    ("text", "canonical", "full", "authors", "kind"), [*NEW_OR_NOVA, *SHORT, *REMARKS, *WRITTEN, *AUTHORS]
)
def test_a_hard_name(text: str, canonical: str, full: str | None, authors: str | None, kind: str) -> None:
    found = parse(text)
    assert (found.canonical, found.full, found.authorship, found.kind) == (canonical, full or canonical, authors, kind)
    assert parse(canonical).canonical == canonical
    quick = module._usual(text)
    assert quick is None or quick == read(text)


def test_what_a_hard_name_says_of_itself() -> None:
    assert parse("Otacilia li").notes == ("particle read as an epithet",)
    assert (parse("Agra not").quality, parse("Otacilia li").quality) == (1, 3)
    assert (parse("Larus argentatus / cachinnans").qualifier, parse("Larus argentatus/cachinnans").qualifier) == (
        "/",
        "/",
    )
    assert parse("Larus argentatus / Larus cachinnans").epithet == "argentatus"
    assert parse("Aus ssp.").qualifier == "spp."
    assert parse("Quercus sect. Lobatae alba").subgenus == "Lobatae"
    assert "name in quotes" in parse("[Candida] glabrata").notes
