"""Laws of licences: a canonical id is its own reading, rows do not matter to one another, and a narrower rule allows less."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST

from merian.curate.licences import LICENCES, RULES, allowed, normalise, read_licence

ELEMENTS = (("BY",), ("BY", "SA"), ("BY", "NC"), ("BY", "ND"), ("BY", "NC", "SA"), ("BY", "NC", "ND"))
VERSIONS = ("", "1.0", "2.0", "2.5", "3.0", "4.0")


@st.composite
def commons(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    """A Creative Commons licence in some spelling: (text, its elements)."""
    elements, version = draw(st.sampled_from(ELEMENTS)), draw(st.sampled_from(VERSIONS))
    between, start = draw(st.sampled_from("-_ ")), draw(st.sampled_from(("CC-", "CC ", "cc_", "Creative Commons ")))
    style = draw(st.sampled_from(("code", "url", "long")))
    if style == "url" and version:
        host = draw(st.sampled_from(("http://", "https://www.", "HTTPS://")))
        tail = draw(st.sampled_from(("", "/", "/legalcode", "/deed.es")))
        return f"{host}creativecommons.org/licenses/{'-'.join(elements).lower()}/{version}{tail}", elements
    if style == "long":
        words = {"BY": "Attribution", "NC": "NonCommercial", "ND": "NoDerivatives", "SA": "ShareAlike"}
        ending = draw(st.sampled_from(("", " International", " License")))
        return f"Creative Commons {'-'.join(words[e] for e in elements)} {version}{ending}", elements
    return start + between.join(elements) + (between + version if version else ""), elements


TEXT = st.one_of(
    st.none(),
    st.text(max_size=30),
    commons().map(lambda c: c[0]),
    st.sampled_from([licence.id for licence in LICENCES]),
)


@FAST
@given(commons(), st.sampled_from(("", " ", "\n")))
def test_any_spelling_gives_the_elements(spelt: tuple[str, tuple[str, ...]], around: str) -> None:
    text, elements = spelt
    found = read_licence(around + text + around)
    assert found is not None
    assert [e for e in found.id.split("-") if e in ("BY", "NC", "ND", "SA")] == list(elements)
    assert (found.commercial, found.derivatives, found.share_alike) == (
        "NC" not in elements,
        "ND" not in elements,
        "SA" in elements,
    )
    assert found.open == (found.commercial and found.derivatives)


@FAST
@given(st.lists(TEXT, max_size=20))
def test_a_canonical_id_is_its_own_reading(texts: list[str | None]) -> None:
    once = normalise(pl.Series(texts, dtype=pl.String))
    assert normalise(once["licence"]).equals(once)
    by_url = once.drop_nulls("url")
    assert normalise(by_url["url"])["licence"].to_list() == by_url["licence"].to_list()


@FAST
@given(st.lists(TEXT, max_size=12), st.randoms(use_true_random=False))
def test_rows_do_not_matter_to_one_another(texts: list[str | None], chance: object) -> None:
    order = list(range(len(texts)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    series = pl.Series(texts, dtype=pl.String)
    assert normalise(series.gather(order)).equals(normalise(series)[order])
    assert len(normalise(series)) == len(texts)


@FAST
@given(st.lists(TEXT, max_size=20))
def test_a_narrower_rule_allows_less(texts: list[str | None]) -> None:
    series = pl.Series(texts, dtype=pl.String)
    may = {rule: allowed(series, rule).to_list() for rule in RULES}
    assert all(may["any"])
    for k in range(len(texts)):
        assert may["open"][k] == (may["commercial"][k] and may["derivatives"][k])
        assert may["known"][k] or not (may["commercial"][k] or may["derivatives"][k])
