"""Laws of reading names: nothing raises, a canonical form reads as itself, both ways agree, and time is linear."""

from __future__ import annotations

import time

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merian.names import parse as module
from merian.names.authors import authorship, authorship_of, usual
from merian.names.grammar import read
from merian.names.parse import SCHEMA, parse, parse_all
from merian.names.tokens import tokens

WORDS = (
    "concolor alba lupus van du la sp sect var ser ab bis spec male female complex group virus prion vector imago non cf f x nov ten"
    " pseudo-platanus bursa-pastoris l-album mülleri cœrulea o'donelli 10-punctata indet incertae sedis bacterium"
    " nova novum species forma or li los hybrid comb"
)
GENERA = "Puma Quercus Io Serina Zodarion Lampona Rubus Candidatus Unknown Not Saxo-Fridericia Œdicnemus P. Tobamovirus X Satellite None"
LATIN = st.one_of(
    st.from_regex(r"[a-z]{2,10}", fullmatch=True),
    st.sampled_from(WORDS.split()),
)
GENUS = st.one_of(
    st.from_regex(r"[A-Z][a-z]{2,9}", fullmatch=True),
    st.sampled_from(GENERA.split()),
)
AUTHOR = st.sampled_from(
    [
        *(
            "Linnaeus",
            "L.",
            "Mill.",
            "A.B.Smith",
            "de Winton",
            "van der Hoeven",
            "O'Brien",
            "d'Orbigny",
            "É.Geoffroy",
            "DC.",
            "KURNAKOV",
            "Hook. f.",
        ),
        *(
            "Đulić",
            "J.-J. Brun",
            "McDonald",
            "von Heyden",
            "auct.",
            "Nom.",
            "Rech.f.",
            "Smith-Jones",
            "S. L.",
            "X",
            "Man in 't Veld",
            "RNA",
            "Costa",
        ),
    ]
)
YEAR = st.sampled_from(["", " 1758", ", 1758", ", 1758a", " [1851]", ", 198?", " (1935)", ", 1987-92", ", 1875: 12"])
TEAM = st.builds(
    lambda authors, last, year: authors[0] + "".join(f", {a}" for a in authors[1:]) + last + year,
    st.lists(AUTHOR, min_size=1, max_size=3),
    st.sampled_from(
        [
            "",
            " & Jones",
            " et Jones",
            " and Jones",
            " ex Jones",
            " in Jones",
            " et al.",
            " & al.",
            " y Rubio",
            ", & Wake",
        ]
    ),
    YEAR,
)
AUTHORS = st.one_of(
    st.just(""),
    TEAM,
    TEAM.map(lambda t: f"({t})"),
    st.builds(lambda a, b: f"({a}) {b}", TEAM, TEAM),
    TEAM.map(lambda t: f"({t}"),
)
PIECE = st.one_of(
    GENUS,
    LATIN,
    AUTHORS,
    st.sampled_from(
        [
            "×",
            "x",
            "cf.",
            "sp.",
            "/",
            "[Bus]",
            "(sic)",
            "sect.",
            "Group",
            "L.1758",
            '"Aus"',
            "*Aus*",
            "subsp.",
            "var.",
            "f.",
            "(Bus)",
            "?",
            "s.l.",
            "'Red'",
            "&",
            "(",
            ")",
            "1758",
            ",",
        ]
    ),
)
NAMES = st.one_of(
    st.builds(lambda *p: " ".join(x for x in p if x), GENUS, LATIN, AUTHORS),
    st.builds(lambda *p: " ".join(x for x in p if x), GENUS, AUTHORS),
    st.builds(lambda *p: " ".join(x for x in p if x), GENUS, GENUS.map(lambda g: f"({g})"), LATIN, AUTHORS),
    st.builds(
        lambda *p: " ".join(x for x in p if x),
        GENUS,
        LATIN,
        st.sampled_from(["", "subsp.", "var.", "f.", "ssp"]),
        LATIN,
        AUTHORS,
    ),
    st.lists(PIECE, min_size=1, max_size=9).map(" ".join),
)


@settings(max_examples=600, deadline=None)
@given(NAMES)
@example("Aaleniella (Danocythere)")
@example("Puma (Puma) van Linnaeus & Jones")
@example("Nocaracris van Ünal, 2016")
@example("Turkozelotes attavirus Chatzaki, 2019")
def test_both_ways_agree(name: str) -> None:
    quick = module._usual(name)
    if quick is not None:
        assert quick == read(name)


@settings(max_examples=300, deadline=None)
@given(TEAM)
def test_both_ways_to_read_authors_agree(team: str) -> None:
    quick = usual(team)
    words = tokens(team)
    if quick is not None:
        full = authorship(words, 0)
        assert full is not None
        assert full.end == len(words)
        assert quick[:2] + quick[3:] == full[:2] + full[3:]


@settings(max_examples=600, deadline=None)
@given(NAMES)
@example("Rubus complex Smith")
@example("X Y")
def test_a_canonical_form_reads_as_itself(name: str) -> None:
    once = parse(name)
    again = parse(once.canonical)
    assert again.canonical == once.canonical
    if once.kind == "name":
        assert again.kind in ("name", "virus")
        assert again.cardinality in (once.cardinality, 0)


@settings(max_examples=600, deadline=None)
@given(
    st.one_of(
        st.text(max_size=80), st.lists(PIECE).map("".join), st.text("Aabx ×().,&'\"?<>_-019ü\ufffd†", max_size=60)
    )
)
@example("\ud800")
@example("&#0;")
@example("Aus &#x110000; bus")
def test_nothing_raises(text: str) -> None:
    found = parse(text)
    assert found._fields == tuple(SCHEMA)
    assert 0 <= found.cardinality <= 3
    assert 1 <= found.quality <= 4
    assert found.kind in ("name", "virus", "hybrid formula", "placeholder", "informal", "not a name")
    assert (found.canonical == "") == (found.kind in ("placeholder", "not a name"))
    assert parse(found.canonical).canonical == found.canonical


@settings(max_examples=200, deadline=None)
@given(GENUS, LATIN, AUTHORS)
def test_case_and_blanks_do_not_change_a_plain_name(genus: str, epithet: str, authors: str) -> None:
    name = f"{genus} {epithet}"
    found = parse(name)
    if found.cardinality == 2 and found.canonical == name and found.qualifier is None:
        assert parse(f"  {genus}   {epithet} ").canonical == name
        assert parse(f"<i>{name}</i>").canonical == name
        assert parse(f"{genus}_{epithet}").canonical == name


@pytest.mark.parametrize(
    "text",
    [
        "A" * 100_000,
        "Aus " * 25_000,
        "aus " * 25_000,
        "Aus bus " + "(" * 100_000,
        "Aus bus " + "Smith, " * 15_000,
        "Aus bus " + "A." * 50_000,
        "Aus bus (" + "A. B., " * 15_000,
        "<" * 100_000,
        "<a " * 33_000,
        "&amp;" * 20_000,
        "Aus bus " + "de la " * 16_000,
        "Aus × " * 16_000,
        "Aus bus " + "var. cus " * 11_000,
        "-'" * 50_000,
        "a\u0301\u0327" * 33_000,
        "Aus-bus" * 14_000,
        " " * 100_000 + "x",
        '"' * 100_000,
        "1758" * 25_000,
        "Aus bus " + "Smith et al. in " * 6_000,
        "unidentified " * 8_000,
        "\ufffd" * 100_000,
    ],
    ids=range(22),
)
def test_long_texts_are_read_in_a_moment(text: str) -> None:
    start = time.perf_counter()
    parse(text)
    parse("Aus bus " + text)
    authorship_of(text[:100_000])
    assert time.perf_counter() - start < 30.0  # of a hopeless pattern it would be hours


def test_workers_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        f"Puma {word}{n} (Linnaeus, {1758 + n % 200})" for n in range(60) for word in ("concolor", "lupu's ", "× x")
    ]
    texts = pl.Series("verbatim", [*names, None, "Puma cf. concolor", *names])
    alone = parse_all(texts, workers=1)
    monkeypatch.setattr(module, "ALONE", 10)
    monkeypatch.setattr(module, "CHUNK", 50)
    for workers in (2, 3):
        assert parse_all(texts, workers=workers).equals(alone)
    assert alone.schema == pl.Schema(SCHEMA)
    assert alone.rows() == [(*parse(text or "")[:-1], list(parse(text or "").notes)) for text in texts]
