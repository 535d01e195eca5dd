"""Licences in every spelling that sources use, and the rules that pick by them."""

from __future__ import annotations

import polars as pl
import pytest

from merian.core.errors import BadSetting
from merian.curate.licences import allowed, normalise, read_licence

CC = "https://creativecommons.org/licenses/"
SPELLINGS = {
    "CC-BY-4.0": (
        "http://creativecommons.org/licenses/by/4.0/",
        "https://www.creativecommons.org/licenses/by/4.0/legalcode",
        "https://creativecommons.org/licenses/by/4.0/deed.pt_BR",
        "https://creativecommons.org/licences/by/4.0",
        "http://creativecommons.org:80/licenses/by/4.0/de/",
        "CC_BY_4_0",
        "CC BY 4.0",
        "cc-by-4.0",
        "cc by 4",
        "Attribution 4.0 International",
        "Creative Commons Attribution 4.0 International Public License",
        "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)",
    ),
    "CC-BY-NC-4.0": (
        "CC_BY_NC_4_0",
        "Attribution-NonCommercial 4.0 International",
        "Attribution NonCommercial (CC BY-NC) 4.0",
        "https://creativecommons.org/licenses/by-nc/4.0/legalcode.fr",
    ),
    "CC-BY-NC": ("CC-BY-NC", "by-nc", "ccbync", "(c) Natalie, some rights reserved (CC BY-NC)"),
    "CC-BY-3.0-DE": (
        "http://creativecommons.org/licenses/by/3.0/de/deed.de",
        "CC BY 3.0 DE",
        "Attribution 3.0 Germany",
    ),
    "CC-BY-NC-SA-3.0": ("cc-by-nc-sa-3.0", "CC BY-NC-SA 3.0 Unported", "Attribution-NonCommercial-ShareAlike 3.0"),
    "CC-BY-NC-ND-1.0": ("http://creativecommons.org/licenses/by-nd-nc/1.0/",),
    "CC-BY-NC-ND-4.0": ("Creative Commons Attribution Non Commercial No Derivs 4.0", "CC BY-NC-ND 4.0"),
    "CC-BY-SA-3.0": ("CC BY-SA 3.0, GFDL", "CC BY-SA 3.0,2.5,2.0,1.0", "Attribution-ShareAlike 3.0 Unported"),
    "CC-BY-SA": ("by sa", "CC BY SA", "Creative Commons Attribution-Share Alike"),
    "CC-BY-2.0": ("CC BY 2.0 in Flickr", "https://creativecommons.org/licenses/by/2.0/"),
    "CC0-1.0": (
        "CC0",
        "CC0_1_0",
        "cc-0",
        "CC Zero",
        "http://creativecommons.org/publicdomain/zero/1.0/legalcode",
        "Public Domain Dedication (CC0)",
        "CC0 1.0 Universal",
    ),
    "PDM-1.0": ("https://creativecommons.org/publicdomain/mark/1.0/deed.en", "Public Domain Mark 1.0", "PDM"),
    "public domain": ("public domain", "PD", "http://creativecommons.org/licenses/publicdomain/", "Public_Domain"),
    "no known copyright restrictions": (
        "No known copyright restrictions",
        "https://rightsstatements.org/vocab/NKC/1.0/",
    ),
    "all rights reserved": ("C", "© X, all rights reserved", "&copy; The Museum", "Copyright (c) 2001 NOAA")
    + ("http://rightsstatements.org/vocab/InC/1.0/",),
    "usage conditions apply": ("Usage Conditions Apply",),
    "OGL-UK-3.0": ("OGL v3", "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"),
}
NOTHING = ("", "  ", "UNSPECIFIED", "unknown", "N/A", "None", "see metadata")
NOT_UNDERSTOOD = (
    "photo by SA Smith",
    "by",
    "CC BY 4.0 and CC BY-NC 4.0",
    "CC BY; all rights reserved",
    "CC0 or CC BY",
    "not in the public domain",
    "CC-BY-5.0",
    "CC BY-ND-SA 4.0",
    "Attribution required",
    "non-commercial use only",
    "Creative Commons",
    "some bylaw 4.0",
    "copyright free",
    "UNSUPPORTED",
    "ask the author",
)


@pytest.mark.parametrize(("text", "name"), [(t, name) for name, texts in SPELLINGS.items() for t in texts])
def test_every_spelling_is_one_licence(text: str, name: str) -> None:
    found = read_licence(text)
    assert found is not None
    assert found.id == name


def test_nothing_is_null_and_the_unknown_stays_as_it_was_written() -> None:
    texts = [None, *NOTHING, *NOT_UNDERSTOOD]
    table = normalise(pl.Series(texts, dtype=pl.String))
    assert table["licence"].to_list() == [None] * (1 + len(NOTHING)) + list(NOT_UNDERSTOOD)
    assert not table.select("known", "open", "commercial", "derivatives").to_numpy().any()
    assert table["url"].null_count() == len(texts)


@pytest.mark.parametrize(
    ("name", "rights", "url", "spdx"),
    [
        ("CC-BY-4.0", (True, True, True, False), f"{CC}by/4.0/", "CC-BY-4.0"),
        ("CC-BY-SA-4.0", (True, True, True, True), f"{CC}by-sa/4.0/", "CC-BY-SA-4.0"),
        ("CC-BY-NC-4.0", (False, False, True, False), f"{CC}by-nc/4.0/", "CC-BY-NC-4.0"),
        ("CC-BY-ND-4.0", (False, True, False, False), f"{CC}by-nd/4.0/", "CC-BY-ND-4.0"),
        ("CC-BY-NC-ND-1.0", (False, False, False, False), f"{CC}by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
        ("CC-BY-3.0-DE", (True, True, True, False), f"{CC}by/3.0/de/", "CC-BY-3.0-DE"),
        ("CC-BY-3.0-CH", (True, True, True, False), f"{CC}by/3.0/ch/", None),
        ("CC-BY", (True, True, True, False), None, None),
        ("CC0", (True, True, True, False), "https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        (
            "no known copyright restrictions",
            (False, False, False, False),
            "http://rightsstatements.org/vocab/NKC/1.0/",
            None,
        ),
        ("all rights reserved", (False, False, False, False), "http://rightsstatements.org/vocab/InC/1.0/", None),
    ],
)
def test_what_a_licence_allows(name: str, rights: tuple[bool, ...], url: str | None, spdx: str | None) -> None:
    row = normalise(pl.Series([name])).row(0, named=True)
    assert tuple(row[k] for k in ("open", "commercial", "derivatives", "share_alike")) == rights
    assert (row["url"], row["spdx"], row["known"]) == (url, spdx, True)


GIVEN = ["CC-BY-4.0", "CC BY-NC 4.0", "CC-BY-ND-4.0", "CC0", "C", "ask me", None, "CC BY-NC-SA 2.0"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("any", "11111111"),
        ("known", "11111001"),
        ("open", "10010000"),
        ("commercial", "10110000"),
        ("derivatives", "11010001"),
        ("CC0", "00010000"),
        ("cc-by", "10000000"),
        ("CC BY-NC 4.0, CC-BY-NC-SA", "01000001"),
        ("open, CC-BY-NC", "11010000"),
        ("open, all rights reserved", "10011000"),
        ("CC0, any", "11111111"),
    ],
)
def test_rules(rule: str, expected: str) -> None:
    assert allowed(pl.Series(GIVEN), rule).to_list() == [c == "1" for c in expected]


@pytest.mark.parametrize(
    ("rule", "hint"),
    [("comercial", "commercial"), ("", "any, known"), ("CC-BI", "CC-BY"), ("open, CC-BY-NX-4.0", "CC-BY")],
)
def test_a_bad_rule_is_refused_with_the_nearest(rule: str, hint: str) -> None:
    with pytest.raises(BadSetting, match=hint):
        allowed(pl.Series(GIVEN), rule)


def test_an_empty_series_is_no_trouble() -> None:
    assert len(normalise(pl.Series([], dtype=pl.String))) == 0
    for rule in ("any", "open"):
        assert allowed(pl.Series([], dtype=pl.String), rule).to_list() == []
    assert allowed(pl.Series([None, None], dtype=pl.Null), "known").to_list() == [False, False]
