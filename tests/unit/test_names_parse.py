"""What a person writes for a name, and what is read from it: one line per habit."""

from __future__ import annotations

import polars as pl
import pytest

from merian.names.authors import authorship_of
from merian.names.parse import SCHEMA, parse, parse_all

# text, canonical, full, authorship, qualifier, kind
HABITS = [
    ("PUMA CONCOLOR (LINNAEUS, 1771)", "Puma concolor", "Puma concolor", "(Linnaeus 1771)", None, "name"),
    ("FELIDAE FISCHER, 1817", "Felidae", "Felidae", "Fischer 1817", None, "name"),
    ("CANIS LUPUS FAMILIARIS", "Canis lupus familiaris", "Canis lupus familiaris", None, None, "name"),
    ("puma concolor", "Puma concolor", "Puma concolor", None, None, "name"),
    ("puma concolor linnaeus, 1771", "Puma concolor", "Puma concolor", "Linnaeus 1771", None, "name"),
    ("PUMA concolor Linnaeus", "Puma concolor", "Puma concolor", "Linnaeus", None, "name"),
    ("P. concolor", "P. concolor", "P. concolor", None, None, "name"),
    (" Puma   concolor ", "Puma concolor", "Puma concolor", None, None, "name"),
    ("Puma_concolor_cougar", "Puma concolor cougar", "Puma concolor cougar", None, None, "name"),
    ('"Puma concolor"', "Puma concolor", "Puma concolor", None, None, "name"),
    ("<i>Puma concolor</i> (Linnaeus, 1771)", "Puma concolor", "Puma concolor", "(Linnaeus 1771)", None, "name"),
    ("&lt;i&gt;Puma&nbsp;concolor&lt;/i&gt;", "Puma concolor", "Puma concolor", None, None, "name"),
    ("MÃ¼lleria bus MÃ¼ller", "Muelleria bus", "Muelleria bus", "Müller", None, "name"),
    ("†Tyrannosaurus rex Osborn, 1905", "Tyrannosaurus rex", "Tyrannosaurus rex", "Osborn 1905", None, "name"),
    (
        "Coccinella 7-punctata Linnaeus",
        "Coccinella septempunctata",
        "Coccinella septempunctata",
        "Linnaeus",
        None,
        "name",
    ),
    ("Aus (Bus) cus", "Aus cus", "Aus cus", None, None, "name"),
    ("Carabus (s. str.) auratus Linnaeus", "Carabus auratus", "Carabus auratus", "Linnaeus", None, "name"),
    (
        "Aus bus subsp. cus var. dus f. eus Smith",
        "Aus bus eus",
        "Aus bus subsp. cus var. dus f. eus",
        "Smith",
        None,
        "name",
    ),
    ("Bellis perennis L. f. rubra Smith", "Bellis perennis rubra", "Bellis perennis f. rubra", "Smith", None, "name"),
    ("Bellis perennis L. f.", "Bellis perennis", "Bellis perennis", "L. fil.", None, "name"),
    ("Turdus merula, Linnaeus 1758", "Turdus merula", "Turdus merula", "Linnaeus 1758", None, "name"),
    ("Quercus x alba L.", "Quercus alba", "Quercus × alba", "L.", None, "name"),
    ("×Cupressocyparis leylandii", "Cupressocyparis leylandii", "× Cupressocyparis leylandii", None, None, "name"),
    ("Salix alba nothovar. pendula", "Salix alba pendula", "Salix alba nothovar. pendula", None, None, "name"),
    (
        "Larus argentatus x L. cachinnans",
        "Larus argentatus × Larus cachinnans",
        "Larus argentatus × Larus cachinnans",
        None,
        None,
        "hybrid formula",
    ),
    ("Crataegus + Mespilus", "Crataegus + Mespilus", "Crataegus + Mespilus", None, None, "hybrid formula"),
    (
        "Malus domestica Borkh. 'Golden Delicious'",
        "Malus domestica",
        "Malus domestica 'Golden Delicious'",
        "Borkh.",
        None,
        "name",
    ),
    (
        "Malus domestica cv. Golden Delicious",
        "Malus domestica",
        "Malus domestica 'Golden Delicious'",
        None,
        None,
        "name",
    ),
    (
        "Candidatus Liberibacter asiaticus",
        "Liberibacter asiaticus",
        "Candidatus Liberibacter asiaticus",
        None,
        None,
        "name",
    ),
    ("Puma cf. concolor", "Puma", "Puma", None, "cf.", "informal"),
    ("cf. Puma concolor", "Puma concolor", "Puma concolor", None, "cf.", "informal"),
    ("Puma aff. concolor", "Puma", "Puma", None, "aff.", "informal"),
    ("Puma sp. nr. concolor", "Puma", "Puma", None, "nr.", "informal"),
    ("Puma sp. ABC-1", "Puma", "Puma", None, "sp.", "informal"),
    ("Phoma sp1", "Phoma", "Phoma", None, "sp.", "informal"),
    ("Puma spp.", "Puma", "Puma", None, "spp.", "informal"),
    ("Puma concolor?", "Puma concolor", "Puma concolor", None, "?", "informal"),
    ("Felidae gen. sp.", "Felidae", "Felidae", None, "sp.", "informal"),
    ("Felidae indet.", "Felidae", "Felidae", None, "uncertain", "informal"),
    ("Fungi incertae sedis", "Fungi", "Fungi", None, "incertae sedis", "informal"),
    ("Coleoptera BOLD:AAV0432", "Coleoptera", "Coleoptera", None, None, "informal"),
    ("Rubus fruticosus L. agg.", "Rubus fruticosus", "Rubus fruticosus", "L.", "agg.", "name"),
    ("Rubus fruticosus s.l.", "Rubus fruticosus", "Rubus fruticosus", None, "s.l.", "name"),
    ("Anopheles gambiae sensu lato", "Anopheles gambiae", "Anopheles gambiae", None, "s.l.", "name"),
    ("Anopheles gambiae s.s.", "Anopheles gambiae", "Anopheles gambiae", None, "s.str.", "name"),
    ("Anopheles gambiae species complex", "Anopheles gambiae", "Anopheles gambiae", None, "complex", "name"),
    ("Formica rufa-group", "Formica rufa", "Formica rufa", None, "group", "name"),
    ("Aus bus sensu Miller", "Aus bus", "Aus bus", None, "sensu", "name"),
    ("Aus bus auct. non Smith", "Aus bus", "Aus bus", None, "auct.", "name"),
    ("Aus bus Smith nom. nud.", "Aus bus", "Aus bus", "Smith", None, "name"),
    ("Puma concolor sp. nov.", "Puma concolor", "Puma concolor", None, None, "name"),
    ("Puma concolor (Mountain lion)", "Puma concolor", "Puma concolor", None, None, "name"),
    ("Escherichia coli K-12", "Escherichia coli", "Escherichia coli", None, None, "name"),
    ("Phyllodoce mucosa 0ersted, 1843", "Phyllodoce mucosa", "Phyllodoce mucosa", "Oersted 1843", None, "name"),
    ("Tobacco mosaic virus", "Tobacco mosaic virus", "Tobacco mosaic virus", None, None, "virus"),
    ("Tobamovirus tabaci", "Tobamovirus tabaci", "Tobamovirus tabaci", None, None, "name"),
]


@pytest.mark.parametrize(("text", "canonical", "full", "authors", "qualifier", "kind"), HABITS)
def test_a_habit(text: str, canonical: str, full: str, authors: str | None, qualifier: str | None, kind: str) -> None:
    found = parse(text)
    assert (found.canonical, found.full, found.authorship, found.qualifier, found.kind) == (
        canonical,
        full,
        authors,
        qualifier,
        kind,
    )


@pytest.mark.parametrize(
    "text",
    [
        *(
            "BOLD:AAA1234",
            "OTU_12",
            "ASV0012",
            "SH1234567.08FU",
            "undet.",
            "Unidentified",
            "environmental sample",
            "NA",
            "n/a",
            "unknown",
        ),
        *("Unknown beetle", "not identified", "incertae sedis", "uncultured bacterium", "???", "sp.", "Gen. sp. nov."),
    ],
)
def test_a_placeholder_has_no_canonical_form(text: str) -> None:
    assert parse(text)[:2] == ("", "")
    assert (parse(text).kind, parse(text).cardinality, parse(text).quality) == ("placeholder", 0, 4)


@pytest.mark.parametrize(
    "text", ["", " ", "123", "x", "Ω", "Пума конколор", "老虎", "a b", "Abbott's moray eel", "ScarabaeinGCsp."]
)
def test_what_is_not_a_name(text: str) -> None:
    assert (parse(text).canonical, parse(text).kind) == ("", "not a name")


def test_the_parts_of_a_name() -> None:
    found = parse("Acmaeops (Pseudodinoptera) bivittata ab. fusciceps Aurivillius, 1912")
    assert (found.genus, found.subgenus, found.epithet, found.infra) == (
        "Acmaeops",
        "Pseudodinoptera",
        "bivittata",
        "fusciceps",
    )
    assert (found.rank_marker, found.year, found.cardinality, found.hybrid) == ("ab.", "1912", 3, False)
    assert parse("Quercus × alba").hybrid
    assert parse("Puma cf. concolor").epithet == "concolor"
    assert parse("Agaricus sect. Hypholoma Fr.")[:2] == ("Hypholoma", "Agaricus sect. Hypholoma")


@pytest.mark.parametrize(
    ("text", "quality", "note"),
    [
        ("Puma concolor", 1, None),
        ("Puma  concolor", 2, "extra blanks"),
        ("<b>Puma concolor</b>", 3, "html"),
        ("puma concolor", 4, "lower case"),
        ("Aus bus Smith, non Jones", 4, "cut off: , non Jones"),
        ("Rosa 'Peace'", 2, "cultivar: Peace"),
        ("Aus bus Smith [1851]", 3, "year in brackets"),
        ("Aus bus (Smith", 4, "bracket missing"),
    ],
)
def test_quality_says_what_was_mended(text: str, quality: int, note: str | None) -> None:
    assert parse(text).quality == quality
    assert note is None or note in parse(text).notes


@pytest.mark.parametrize(
    ("text", "form", "year"),
    [
        ("M.T. Lucas et Sousa da Câmara 1934", "M. T. Lucas & Sousa da Câmara 1934", "1934"),
        ("(Burnett 1873)Braun & Crous, 2003", "(Burnett 1873) Braun & Crous 2003", "1873"),
        ("(Burnett) Braun, 2003", "(Burnett) Braun 2003", None),
        ("d’Orbigny 1847", "d'Orbigny 1847", "1847"),
        ("Hook.f. ex Drake", "Hook. fil. ex Drake", None),
        ("L.'t Mannetje", "L. 't Mannetje", None),
        ("Bruce, 198?", "Bruce (198?)", "198?"),
        ("Boiss. & al.", "Boiss. et al.", None),
    ],
)
def test_authors_have_one_form(text: str, form: str, year: str | None) -> None:
    found = authorship_of(text)
    assert found is not None
    assert (found.text, found.year) == (form, year)


def test_what_is_no_authorship() -> None:
    assert authorship_of("concolor") is None
    assert authorship_of("von") is None
    assert authorship_of("Smith, non Jones") is None


def test_a_column_keeps_its_order_and_length() -> None:
    table = parse_all(pl.Series("any", ["Puma concolor", None, "Puma concolor", "Felis catus L."]))
    assert table.schema == pl.Schema(SCHEMA)
    assert table["canonical"].to_list() == ["Puma concolor", "", "Puma concolor", "Felis catus"]
    assert parse_all(pl.Series("none", [], dtype=pl.String)).schema == pl.Schema(SCHEMA)
    assert parse_all(pl.Series("nulls", [None, None]))["kind"].to_list() == ["not a name"] * 2
