"""Ways on from a page: names in the visitor's language, the twin that a species lives in, what looks like a taxon, more answers of a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
import pytest
from test_api import matches
from tiny_site import Ask, Site, asker

from merian.core.vectors import normalise
from merian.search import SearchSettings, Wanted, build_index
from merian.web import encyclopedia, facts, searching
from merian.web.app import create_app
from merian.web.beside import residents
from merian.web.searching import DEPTHS

PAGE = {"$ref": "#/components/schemas/TaxonPage"}


@pytest.fixture(scope="module")
def ask_index(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The tiny store again, with an index."""
    pytest.importorskip("lancedb", reason="LanceDB is not installed: pip install 'merian[search]'")
    store = tmp_path_factory.mktemp("reading-on")
    for part in site.store.iterdir():
        (store / part.name).symlink_to(part)
    build_index(site.catalog, site.embeddings, store / "index", SearchSettings())
    return asker(create_app(store, site.identifier))


def found(ask: Ask, query: str, status: int = 200) -> Any:
    reply = ask("GET", f"/api/search?{query}")
    assert reply.status_code == status, reply.text
    return reply.json()["rows"][0] if status == 200 else reply.json()


def species(site: Site) -> int:
    """The species with the most photos."""
    return int(site.catalog.kept()["taxon"].mode().sort()[0])


def test_a_taxon_is_called_by_its_first_name_in_each_language_of_the_pages(site: Site) -> None:
    tree, number = site.catalog.tree, species(site)
    names = [("en", "Sun moth"), ("de", "Sonnenfalter"), ("de", "Falter der Sonne"), ("fr", "Papillon du soleil")]
    rows = pl.DataFrame([(number, *name) for name in names], ["taxon", "language", "name"], orient="row")
    told = facts.taxon(tree.with_common(rows), number)
    assert told["called"] == {"en": "Sun moth", "de": "Sonnenfalter"}
    assert told["common"] == "Sun moth"
    none = facts.taxon(tree.with_common(rows.head(0)), number)
    assert (none["called"], none["common"]) == ({}, None)


def test_the_languages_are_those_of_the_pages() -> None:
    strings = Path(__file__).parents[2] / "frontend" / "src" / "strings"
    own = {file.stem for file in strings.glob("*.json")}
    assert {name for name in own if "." not in name} == set(facts.LANGUAGES)
    # what the server says in English, and names of species, in the others
    assert {name.split(".")[1] for name in own if "." in name} == set(facts.LANGUAGES) - {"en"}


def test_a_species_is_met_in_the_twin_that_runs_or_told_where(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, number = site.catalog.tree, species(site)
    own, other = tree.names[number], tree.names[int(tree.parent[number])]
    lives = {"/there/meadow": frozenset({own}), "savanna": frozenset({own, other}), "pond": frozenset({other})}
    monkeypatch.setattr(encyclopedia, "residents", lambda running: lives)
    book = encyclopedia.Encyclopedia(create_app_parts(site), "/there/meadow")
    assert book.page(tree.ids[number])["twins"] == [
        {"ecosystem": "meadow", "served": True},
        {"ecosystem": "savanna", "served": False},
    ]
    assert book.page(tree.ids[int(tree.parent[number])])["twins"] == [], "of species alone"


def create_app_parts(site: Site) -> Any:
    from merian.web.parts import open_parts

    return open_parts(site.store, site.identifier)


def test_the_worked_ecosystems_and_a_folder_say_who_lives_there(tmp_path: Path) -> None:
    worked = residents("savanna")
    assert next(iter(worked)) == "savanna"
    assert "Equus quagga" in worked["savanna"]
    assert "Alces alces" in worked["isle-royale"]
    assert "Equus quagga" not in worked["isle-royale"]
    pl.DataFrame({"species": ["Lepus europaeus"]}).write_parquet(tmp_path / "species.parquet")
    assert next(iter(residents(str(tmp_path)).items())) == (str(tmp_path), frozenset({"Lepus europaeus"}))
    assert set(residents("")) == {"savanna", "isle-royale"}


def test_what_looks_like_a_taxon_is_none_of_it_and_nearest_to_its_mean(site: Site, ask: Ask, ask_index: Ask) -> None:
    tree, number = site.catalog.tree, species(site)
    name = quote(tree.ids[number], safe="")
    kept = site.catalog.kept().filter(pl.col("id").is_in(site.embeddings.ids.implode()))
    mine = kept.filter(pl.col("taxon") == number)
    rest = kept.filter(pl.col("taxon") != number)
    mean = normalise(site.embeddings.take(mine["id"]).vectors.mean(0))
    cosines = np.sort(site.embeddings.take(rest["id"]).vectors @ mean)[::-1]
    for asker_ in (ask, ask_index):
        answer = found(asker_, f"alike={name}&k=20")
        assert answer["among"] == len(rest)
        assert not {hit["id"] for hit in answer["photos"]} & set(mine["id"].to_list())
        assert [hit["cosine"] for hit in answer["photos"]] == pytest.approx(cosines[:20].tolist(), abs=2e-3)
    assert matches(ask("GET", f"/api/taxon/{name}").json(), PAGE) == []
    assert found(ask, "alike=nothing", 404)["what_to_do"]


def test_a_taxon_without_photos_has_nothing_that_looks_like_it(
    site: Site, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "images_of", lambda parts, own: pl.DataFrame({"id": []}, {"id": pl.String}))
    name = quote(site.catalog.tree.ids[species(site)], safe="")
    assert "no photo" in found(ask, f"alike={name}", 404)["error"]


def test_a_filter_without_a_clade_is_the_rest(site: Site) -> None:
    tree, rows = site.catalog.tree, site.catalog.kept()
    for number in (0, species(site)):
        sql = Wanted(without=(number,)).sql(tree)
        left = rows.filter(pl.sql_expr(sql))["taxon"].to_numpy()
        inside = (tree.ancestors[rows["taxon"].to_numpy()] == number).any(1)
        assert len(left) == int((~inside).sum())


@pytest.mark.parametrize("query", ["", "like={image}", "like={image}&month=5&month=6&month=7"])
def test_pages_go_on_where_others_ended(site: Site, ask: Ask, ask_index: Ask, query: str) -> None:
    asked = query.format(image=quote(site.photo()[0], safe=""))
    for asker_ in (ask, ask_index):
        whole = found(asker_, f"{asked}&k=60")
        pages = [found(asker_, f"{asked}&k=12&start={start}") for start in range(0, 60, 12)]
        ids = [hit["id"] for page in pages for hit in page["photos"]]
        assert ids == [hit["id"] for hit in whole["photos"]]
        assert len(set(ids)) == len(ids)
        assert {page["among"] for page in pages} == {whole["among"]}
        assert found(asker_, f"{asked}&k=12&start={DEPTHS[-1] - 12}")["photos"] == []


def test_how_far_one_may_go_is_bounded_and_told(ask: Ask) -> None:
    assert ask("GET", "/api/about").json()["limits"]["found"] == DEPTHS[-1]
    for query in (f"k=12&start={DEPTHS[-1] - 11}", "start=-1", "start=x", "start=99999999999"):
        assert "start" in found(ask, query, 400)["what_to_do"]


def test_a_page_is_looked_for_no_deeper_than_it_must(site: Site, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    plain = searching.Searching._compared
    monkeypatch.setattr(
        searching.Searching,
        "_compared",
        lambda own, v, count, kept: (seen.append(count), plain(own, v, count, kept))[1],
    )
    image = quote(site.photo()[0], safe="")
    for start in (0, 20, 21, 500):
        found(ask, f"like={image}&k=12&start={start}")
    assert seen == [33, 33, 129, 513]
