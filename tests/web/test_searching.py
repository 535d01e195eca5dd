"""Search over a store with an index and over one without: the same answers, filters as a plain table understands them, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_api import matches
from tiny_site import Ask, Site, asker

from merian.core.vectors import Embeddings, normalise
from merian.curate.licences import normalise as licences
from merian.search import SearchSettings, build_index
from merian.web import searching
from merian.web.app import create_app

FOUND = {"$ref": "#/components/schemas/Found"}


@pytest.fixture(scope="module")
def indexed(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny store again, with an index."""
    pytest.importorskip("lancedb", reason="LanceDB is not installed: pip install 'merian[search]'")
    store = tmp_path_factory.mktemp("indexed")
    for part in site.store.iterdir():
        (store / part.name).symlink_to(part)
    build_index(site.catalog, site.embeddings, store / "index", SearchSettings())
    return store


@pytest.fixture(scope="module")
def ask_index(site: Site, indexed: Path) -> Ask:
    return asker(create_app(indexed, site.identifier))


def answer(ask: Ask, query: str, status: int = 200) -> Any:
    reply = ask("GET", f"/api/search?{query}")
    assert reply.status_code == status, reply.text
    if status != 200:
        assert set(reply.json()) == {"error", "what_to_do"}
        return reply.json()
    assert matches(reply.json(), FOUND) == []
    return reply.json()["rows"][0]


def some_query(site: Site) -> list[str]:
    """Filters of each kind that leave something, and some that leave nothing."""
    rows = site.catalog.kept()
    tree, first = site.catalog.tree, rows.row(0, named=True)
    family = tree.ids[int(tree.ancestors[first["taxon"]][4])]
    return [
        "",
        f"taxon={quote(family, safe='')}",
        f"taxon={quote(family, safe='')}&month=1&month=2&month=3&month=4&month=5&month=6",
        "box=-180,-90,0,90",
        "box=170,-90,-10,90",
        "from=2000&to=2030-06",
        "to=1500",
        "month=7",
        f"licence={quote(first['licence'])}",
        "licence=CC0-1.0&licence=CC-BY-4.0",
        f"source={quote(first['source'])}&from=1999-01-02",
        "source=nowhere",
    ]


def test_with_and_without_an_index_the_answers_are_the_same(site: Site, ask: Ask, ask_index: Ask) -> None:
    like = quote(site.photo()[0], safe="")
    left = set()
    for query in some_query(site):
        memory, index = (answer(one, f"like={like}&k=20&{query}") for one in (ask, ask_index))
        assert memory["among"] == index["among"], query
        assert memory["exact"]
        assert index["exact"]
        cosines = [[photo["cosine"] for photo in found["photos"]] for found in (memory, index)]
        assert cosines[0] == pytest.approx(cosines[1], abs=2e-4), query
        known = {photo["id"]: photo for photo in index["photos"]}
        for photo in memory["photos"]:
            same = known.get(photo["id"], photo)
            assert {k: same[k] for k in same if k != "cosine"} == {k: photo[k] for k in photo if k != "cosine"}
        assert site.photo()[0] not in known
        left.add(memory["among"])
    assert {0, len(site.catalog.kept())} < left


def test_filters_leave_what_the_catalog_says(site: Site, ask: Ask) -> None:
    rows, tree = site.catalog.kept(), site.catalog.tree
    queries = some_query(site)
    taxon = int(tree.ancestors[rows["taxon"][0]][4])
    below = rows.filter(pl.col("taxon").is_between(taxon, int(tree.end[taxon]), closed="left"))
    assert answer(ask, queries[1])["among"] == len(below)
    west = rows.filter(pl.col("longitude").is_between(-180, 0) & pl.col("latitude").is_not_null())
    assert answer(ask, queries[3])["among"] == len(west)
    july = answer(ask, "month=7&k=100")
    assert july["among"] == int(rows["event_date"].str.slice(5, 2).eq("07").sum())
    assert {photo["date"][5:7] for photo in july["photos"]} == {"07"}
    # without a question the photos come in the order of the tree
    assert all(photo["cosine"] is None for photo in july["photos"])


def test_words_and_a_photo_are_weighed(site: Site, ask_index: Ask) -> None:
    id_, encoder = site.photo()[0], site.identifier.encoder
    photo = site.embeddings.take(pl.Series([id_])).vectors[0]
    words = encoder.embed_texts(["a bird"])[0]
    for weight in (0.0, 0.3, 1.0):
        found = answer(ask_index, f"like={quote(id_, safe='')}&words=a%20bird&weight={weight}&k=5")["photos"]
        cosines = site.embeddings.vectors @ normalise((1 - weight) * photo + weight * words)
        others = np.array([other != id_ for other in site.embeddings.ids.to_list()])
        assert [hit["cosine"] for hit in found] == pytest.approx(np.sort(cosines[others])[::-1][:5], abs=2e-3)


def test_a_sent_photo_is_searched_with_words_behind_a_filter(site: Site, ask_index: Ask) -> None:
    id_, data = site.photo()
    form = {"files": [("photo", ("a.jpg", data, "image/jpeg")), ("photo", ("b.jpg", b"none", "image/jpeg"))]}
    reply = ask_index("POST", "/api/search?k=3&words=a%20bird&weight=0", **form)
    assert matches(reply.json(), FOUND) == []
    good, bad = reply.json()["rows"]
    assert good["photos"][0]["id"] == id_
    assert good["photos"][0]["cosine"] > 0.999
    assert good["among"] == len(site.catalog.kept())
    assert bad["reason"] == "not an image"
    assert bad["photos"] == []
    row = site.catalog.kept().filter(pl.col("id") == id_).row(0, named=True)
    other = f"source={quote(row['source'])}&to=1600"
    (none,) = ask_index("POST", f"/api/search?{other}", content=data, headers={"content-type": "image/jpeg"}).json()[
        "rows"
    ]
    assert (none["photos"], none["among"]) == ([], 0)


@pytest.mark.parametrize(
    "query",
    [
        "k=0",
        "k=101",
        "weight=2",
        "weight=nan",
        "weight=x",
        "box=1,2,3",
        "box=a,b,c,d",
        "box=nan,0,1,1",
        "box=0,50,10,40",
        "box=-181,0,1,1",
        "from=2014-13",
        "from=May",
        "from=0001",
        "to=9999",
        "from=2015&to=2014",
        "month=0",
        "month=13",
        "month=%D9%A1",
        "month=x",
        "licence=a%00b",
        "source=" + "x" * 201,
        "words=" + "x" * 1001,
        "&".join(f"taxon={k}" for k in range(33)),
    ],
)
def test_what_is_out_of_bounds_is_refused(ask: Ask, query: str) -> None:
    answer(ask, query, 400)


def test_what_is_not_there_is_said(ask: Ask) -> None:
    assert "no taxon" in answer(ask, "taxon=nothing", 404)["error"]
    assert "no photo" in answer(ask, "like=nothing", 404)["error"]


TEXT = st.text(max_size=30)
HOSTILE = st.one_of(TEXT, st.sampled_from(["' OR 1=1 --", "a\\'b", '"', "%", "';DROP TABLE images;--", "\u2028", "{}"]))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["licence", "source", "taxon", "box", "from", "to", "month", "like", "k"]), HOSTILE)
)
def test_hostile_words_filter_nothing_else_and_break_nothing(ask: Ask, ask_index: Ask, asked: dict[str, str]) -> None:
    for one in (ask, ask_index):
        reply = one("GET", "/api/search", params=asked)
        assert reply.status_code in (200, 400, 404)
        if reply.status_code == 200 and (asked.get("licence") or asked.get("source")):
            assert reply.json()["rows"][0]["among"] == 0


@pytest.mark.parametrize("value", ["' OR 1=1 --", "a\\' OR true --", '" OR true', "x') OR (true"])
def test_a_quote_is_a_letter_to_the_index_too(site: Site, ask: Ask, ask_index: Ask, value: str) -> None:
    like = quote(site.photo()[0], safe="")
    for one in (ask, ask_index):
        assert answer(one, f"like={like}&source={quote(value)}")["among"] == 0


def test_what_there_is_to_choose_from(site: Site, ask: Ask, ask_index: Ask) -> None:
    rows = site.catalog.kept()
    told, more = ask("GET", "/api/choices").json(), ask_index("GET", "/api/choices").json()
    assert (told["images"], told["indexed"], more["indexed"]) == (len(rows), None, len(rows))
    assert {one["name"]: one["count"] for one in told["licences"]} == dict(
        licences(rows["licence"])["licence"].drop_nulls().value_counts().rows()
    )
    for name, kind in (("licence", "licences"), ("source", "sources")):
        for one in told[kind]:
            found = answer(ask, f"{name}={quote(one['name'])}")
            assert found["among"] == one["count"]
            assert {photo[name] for photo in found["photos"]} == {one["name"]}


def test_an_index_of_something_else_is_not_asked(site: Site, indexed: Path, tmp_path: Path) -> None:
    for part in indexed.iterdir():
        (tmp_path / part.name).symlink_to(part)
    (tmp_path / "index").unlink()
    other = Embeddings(site.embeddings.ids, site.embeddings.vectors, "another-model", site.embeddings.tree_version)
    build_index(site.catalog, other, tmp_path / "index", SearchSettings())
    ask = asker(create_app(tmp_path, site.identifier))
    about = ask("GET", "/api/about").json()
    assert about["indexed"] is None
    assert "another model" in about["absent"]["index"]
    assert answer(ask, "words=a%20bird&k=3")["among"] == len(site.catalog.kept())
    shutil.rmtree(tmp_path / "index")
    (tmp_path / "index").mkdir()
    assert (
        "cannot be opened"
        in asker(create_app(tmp_path, site.identifier))("GET", "/api/about").json()["absent"]["index"]
    )


def test_a_model_alone_has_nothing_to_search(site: Site, tmp_path: Path) -> None:
    ask = asker(create_app(tmp_path / "none", site.identifier))
    told = answer(ask, "words=a%20bird", 404)
    assert told["what_to_do"]
    assert ask("GET", "/api/choices").json()["images"] == 0


def test_vectors_without_a_catalog_are_searched_too(site: Site, tmp_path: Path) -> None:
    (tmp_path / "embeddings").symlink_to(site.store / "embeddings")
    ask, like = asker(create_app(tmp_path, site.identifier)), site.photo()[0]
    found = answer(ask, f"like={quote(like, safe='')}&k=3")
    assert (len(found["photos"]), found["among"]) == (3, len(site.embeddings))
    assert found["photos"][0]["taxon"] is None
    assert answer(ask, f"like={quote(like, safe='')}&month=5")["among"] == 0


def test_the_mean_of_two_unit_vectors_is_one() -> None:
    a, b = np.eye(3, dtype=np.float32)[:2]
    assert searching.mixed(a, b, 0.5) == pytest.approx(np.array([0.5**0.5, 0.5**0.5, 0]))
    assert searching.mixed(a, None, 0.9) is a
    assert searching.mixed(None, b, 0.1) is b
