"""The explorer's side of the server: the sieve, the bytes, selections, trait axes and variation inside species, against plain recomputation."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny_site import Ask, Site

from merian.core.errors import BadData
from merian.core.tables import CATALOG
from merian.core.tree import RANKS
from merian.explore.axes import clade_folds, out_of_clade, ranks_agree, species_means
from merian.explore.orthogonality import panel
from merian.web.explorer.columns import place_column
from merian.web.explorer.loops import Upright
from merian.web.explorer.packed import pack, unpack
from merian.web.explorer.sieve import ACROSS, LEVELS, levels, morton, order
from merian.web.explorer.uncertainty import distances
from merian.web.openapi import describe

PLACES = arrays(np.float64, st.tuples(st.integers(0, 60), st.just(2)), elements=st.floats(-1, 1))


@given(PLACES, st.integers(0, LEVELS - 1))
@settings(deadline=None, max_examples=60)
def test_up_to_each_level_one_point_stands_for_each_cell(points: Any, level: int) -> None:
    def cells(some: Any) -> list[tuple[int, ...]]:
        across = ACROSS << level
        at = np.clip(((some + 1) / 2 * across).astype(int), 0, across - 1)
        return [tuple(one) for one in at.tolist()]

    shown = cells(points[levels(points) <= level])
    assert len(shown) == len(set(shown)), "no two points in a cell"
    assert set(shown) == set(cells(points)), "no cell that holds points is empty"


@given(PLACES)
@settings(deadline=None, max_examples=40)
def test_the_order_holds_each_point_once_level_by_level(points: Any) -> None:
    rows, ends = order(points)
    assert sorted(rows.tolist()) == list(range(len(points)))
    level = levels(points)
    assert np.all(np.diff(level[rows].astype(int)) >= 0)
    assert ends.tolist() == [int((level <= k).sum()) for k in range(LEVELS + 1)]


def test_the_curve_keeps_quarters_together() -> None:
    points = np.stack(np.meshgrid(np.linspace(-0.99, 0.99, 16), np.linspace(-0.99, 0.99, 16)), -1).reshape(-1, 2)
    quarter = (points[:, 0] > 0) + 2 * (points[:, 1] > 0)
    assert np.all(np.diff(quarter[np.argsort(morton(points))]) >= 0)


@given(
    st.dictionaries(st.text(min_size=1, max_size=5), st.integers()),
    st.sampled_from(["uint8", "uint16", "uint32", "float32"]),
    st.integers(0, 9),
)
@settings(deadline=None, max_examples=40)
def test_what_is_packed_is_unpacked(head: dict[str, int], kind: str, n: int) -> None:
    head.pop("arrays", None)
    data = pack(head, {"a": np.arange(n).astype(kind), "b": np.ones((n, 2), np.uint8)})
    told, found = unpack(data)
    told.pop("arrays")
    assert told == head
    assert len(data) % 8 == 0
    assert (found["a"].tolist(), found["b"].tolist()) == (list(range(n)), [1] * 2 * n)


def test_bytes_of_another_kind_are_refused() -> None:
    with pytest.raises(BadData):
        unpack(b"JSON")
    with pytest.raises(BadData):
        pack({}, {"a": np.zeros(2, np.float64)})


@given(PLACES, st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=3, max_size=12))
@example(np.array([[1.0, 1.0]]), [(0.0, 0.0), (0.0, 1.0), (1.0, 2.2e-311)])
@settings(deadline=None, max_examples=60)
def test_inside_a_loop_is_what_a_winding_of_odd_crossings_says(points: Any, corners: Any) -> None:
    """Against the textbook loop over corners, point by point."""

    def slow(x: float, y: float) -> bool:
        odd = False
        for k, (ax, ay) in enumerate(corners):
            bx, by = corners[(k + 1) % len(corners)]
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                odd = not odd
        return odd

    assert Upright.of(points).inside(np.array(corners)).tolist() == [slow(x, y) for x, y in points.tolist()]


def test_places_are_told_by_blocks_of_the_earth() -> None:
    found = place_column(np.array([47.4, 47.0, -3.0, 90.0, np.nan]), np.array([8.5, 8.1, -60.0, 180.0, 0.0]))
    assert found is not None
    assert found.codes is not None
    assert found.names[found.codes[0]] == "40–60° N, 0–20° E"
    assert found.names[found.codes[2]] == "0–20° S, 40–60° W"
    assert found.names[found.codes[3]] == "80–90° N, 160–180° E"
    assert found.codes.tolist()[:2] == [0, 0]
    assert found.codes[4] == -1


def test_a_photo_is_far_from_the_others_of_its_kind_not_from_itself() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    species = np.arange(40) % 7 - 1
    species[7] = 99
    found = distances(vectors, species)
    for i in range(40):
        others = vectors[(species == species[i]) & (np.arange(40) != i)].astype(np.float64).sum(0)
        if species[i] < 0 or i == 7:
            assert np.isnan(found[i])
        else:
            assert found[i] == pytest.approx(1 - others @ vectors[i] / np.linalg.norm(others), abs=1e-5)


@pytest.fixture(scope="module")
def board(ask: Ask) -> tuple[dict[str, Any], Any, list[str]]:
    """What is told of the map, its places [n, 2], and the ids of its points in order."""
    about = ask("GET", "/api/explorer").json()
    _, found = unpack(ask("GET", "/api/explorer/points").content)
    n = about["points"]
    ids = []
    for start in range(0, n, 200):
        asked = "&".join(f"at={i}" for i in range(start, min(start + 200, n)))
        ids += [row["id"] for row in ask("GET", f"/api/explorer/photos?{asked}").json()["photos"]]
    return about, found["xy"].reshape(-1, 2) / 65535 * 2 - 1, ids


def test_the_bytes_say_what_the_json_twin_says(ask: Ask, board: Any) -> None:
    about, xy, ids = board
    plain = ask("GET", "/api/layout").json()
    where = dict(zip(plain["ids"], zip(plain["x"], plain["y"], strict=True), strict=True))
    assert set(ids) == set(where)
    assert xy == pytest.approx(np.array([where[i] for i in ids]), abs=1e-4)
    assert {c["kind"] for c in about["colourings"]} >= {"rank", "trait", "uncertainty", "text"}
    for told in plain["colourings"]:
        head, found = unpack(ask("GET", f"/api/explorer/colours/{quote(told['key'], safe='')}").content)
        assert head["label"] == told["label"]
        known = dict(zip(plain["ids"], told.get("codes") or told["values"], strict=True))
        if "codes" in found:
            none = np.iinfo(found["codes"].dtype).max
            assert [-1 if c == none else int(c) for c in found["codes"]] == [known[i] for i in ids]
            assert head["names"] == told["names"]
        else:
            expected = [np.nan if known[i] is None else known[i] for i in ids]
            assert found["values"] == pytest.approx(np.array(expected), rel=1e-4, nan_ok=True)


def test_who_has_the_bytes_is_not_sent_them_again(ask: Ask) -> None:
    for what in ("points", "colours/order"):
        tag = ask("GET", f"/api/explorer/{what}").headers["etag"]
        again = ask("GET", f"/api/explorer/{what}", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")


def test_uncertainty_is_the_models_own(site: Site, ask: Ask, board: Any) -> None:
    _, _, ids = board
    taxon = dict(site.catalog.kept().select("id", "taxon").iter_rows())
    head = site.identifier.head
    vectors = site.embeddings.take(pl.Series(ids)).vectors
    each = head.probabilities(vectors)
    _, found = unpack(ask("GET", "/api/explorer/colours/probability").content)
    for i, id_ in enumerate(ids):
        below = (head.labels >= taxon[id_]) & (head.labels < head.tree.end[taxon[id_]])
        if below.any():
            assert found["values"][i] == pytest.approx(each[i, below].sum(), abs=2e-4)
        else:
            assert np.isnan(found["values"][i])
    assert np.isfinite(found["values"]).sum() > 50


def square(xy: Any) -> tuple[str, Any]:
    """A loop around a quarter of the points, and which they are."""
    low, high = np.quantile(xy, [0.25, 0.75], axis=0)
    corners = [low[0], low[1], high[0], low[1], high[0], high[1], low[0], high[1]]
    return ",".join(f"{c:.6f}" for c in corners), ((xy > low) & (xy < high)).all(1)


def test_a_loop_is_counted_listed_and_saved(site: Site, ask: Ask, board: Any) -> None:
    _, xy, ids = board
    loop, within = square(xy)
    told = ask("GET", f"/api/explorer/selection?loop={loop}&n=200").json()
    expected = {i for i, yes in zip(ids, within, strict=True) if yes}
    frame = site.catalog.kept().filter(pl.col("id").is_in(list(expected)))
    assert told["count"] == len(expected) == sum(row["count"] for row in told["taxa"])
    assert {row["id"] for row in told["photos"]} == expected
    counts = dict(frame["taxon"].value_counts().iter_rows())
    tree = site.catalog.tree
    assert {row["taxon"]["id"]: row["count"] for row in told["taxa"]} == {tree.ids[t]: c for t, c in counts.items()}
    assert {ids[row["point"]] for row in told["photos"]} == expected
    reply = ask("GET", f"/api/explorer/selection.csv?loop={loop}")
    assert "attachment" in reply.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert {row["occurrenceID"] for row in rows} == expected
    known = {c.term for c in CATALOG if c.term} | set(RANKS) | {"scientificName", "taxonRank", "taxonID"}
    assert set(rows[0]) - known == {"probability"}
    of = {row["id"]: row for row in told["photos"]}
    for row in rows:
        one = of[row["occurrenceID"]]
        assert (row["scientificName"], row["eventDate"]) == (one["taxon"]["name"], one["event_date"] or "")
        assert row["decimalLatitude"] == ("" if one["latitude"] is None else str(one["latitude"]))
        assert (float(row["probability"]) if row["probability"] else None) == one["probability"]


def test_a_selection_keeps_to_one_name_of_the_legend(ask: Ask, board: Any) -> None:
    head, found = unpack(ask("GET", "/api/explorer/colours/order").content)
    for code in range(len(head["names"])):
        told = ask("GET", f"/api/explorer/selection?by=order&only={code}").json()
        assert told["count"] == int((found["codes"] == code).sum())
        assert told["of"] == board[0]["points"]


@pytest.mark.parametrize(
    "query",
    ["loop=1,2", "loop=a,b,c,d,e,f", "loop=nan,0,1,0,1,1", "loop=0,0,1,0,1", "only=3", "by=order&only=x", "n=9999", "start=-1"]
    + ["loop=" + ",".join(["0"] * 900), "by=latitude&only=1"],
)  # fmt: skip
def test_a_selection_that_cannot_be_understood_is_refused(ask: Ask, query: str) -> None:
    reply = ask("GET", f"/api/explorer/selection?{query}")
    assert reply.status_code == 400
    assert reply.json()["what_to_do"]


@pytest.mark.parametrize(
    "path",
    ["colours/nothing", "selection?by=nothing&only=1", "axis?trait=nothing", "axis?clade=nothing", "within?column=id"],
)
def test_what_is_not_there_is_not_found(ask: Ask, path: str) -> None:
    assert ask("GET", f"/api/explorer/{path}").status_code == 404


def test_an_axis_is_read_with_clades_left_out(site: Site, ask: Ask) -> None:
    told = ask("GET", "/api/explorer/axis").json()
    assert told["trait"] == told["traits"][0]["trait"]
    assert told["why"] is None
    tree, taxa = site.catalog.tree, site.catalog.kept()["taxon"].to_numpy()
    species = tree.ancestors[taxa, 6]
    names, means = species_means(site.embeddings.take(site.catalog.kept()["id"]).vectors, species)
    values = {row["taxon"]["id"]: row["value"] for row in told["species"]}
    known = np.array([int(n) for n in names if n >= 0 and tree.ids[int(n)] in values])
    y = np.array([values[tree.ids[int(n)]] for n in known])
    folds, rank = clade_folds(tree, known)
    _, read = out_of_clade(means[np.searchsorted(names, known)], y[:, None], folds)
    assert told["left_out"] == rank
    assert told["rho"]["value"] == pytest.approx(float(ranks_agree(y[:, None], read)[0]), abs=1e-3)
    assert told["rho"]["low"] <= told["rho"]["value"] <= told["rho"]["high"]
    assert [row["taxon"]["id"] for row in told["species"]] == [tree.ids[int(known[i])] for i in np.argsort(read[:, 0])]
    assert (told["species"][0]["at"], told["species"][-1]["at"]) == (0, 1)
    assert {
        tree.ancestors[taxa[site.catalog.kept()["id"].to_list().index(r["image"])], 6] for r in told["species"]
    } == set(known)


def test_too_few_species_are_said_not_drawn(site: Site, ask: Ask) -> None:
    genus = site.catalog.tree.ids[int(site.catalog.tree.at("genus")[0])]
    told = ask("GET", f"/api/explorer/axis?clade={quote(genus, safe='')}").json()
    assert "are needed" in told["why"]
    assert (told["species"], told["rho"], told["control"]) == ([], None, None)


def test_variation_inside_species_is_the_figures(site: Site, ask: Ask) -> None:
    told = ask("GET", "/api/explorer/within?column=sex").json()
    assert told["why"] is None
    rows = site.catalog.kept().filter(pl.col("sex").is_not_null() & (pl.col("sex") != ""))
    species = site.catalog.tree.ancestors[rows["taxon"].to_numpy(), 6]
    rows, species = rows.filter(pl.Series(species >= 0)), species[species >= 0]
    vectors = site.embeddings.take(rows["id"]).vectors
    names = [f"{int(s):012d}" for s in species]
    made = panel(vectors, names, rows["sex"].to_list(), np.random.default_rng(0), 5)
    assert told["measured"] == {"species": len(made.species), "photos": len(rows)}
    assert told["rho"]["value"] == pytest.approx(made.rho[0], abs=1e-3)
    assert told["chance"] == pytest.approx(2 / vectors.shape[1], abs=1e-4)
    assert (told["plane"], told["upright"]) == pytest.approx((made.plane, made.upright), abs=1e-3)
    at = np.array(told["photos"]["at"]).reshape(-1, 3)
    place = {id_: k for k, id_ in enumerate(rows["id"])}
    own = np.array([place[i] for i in told["photos"]["ids"]])
    assert at == pytest.approx(made.points[own] / np.abs(made.points[own]).max(), abs=1e-3)
    assert told["variants"] == sorted(set(rows["sex"]))
    shown = [told["species"][k]["taxon"]["id"] for k in told["photos"]["species"]]
    assert shown == [site.catalog.tree.ids[int(species[k])] for k in own]
    assert 3 <= len(told["species"]) <= 10


def test_too_few_species_to_vary_are_said(site: Site, ask: Ask) -> None:
    one = site.catalog.tree.ids[int(site.catalog.tree.at("species")[0])]
    told = ask("GET", f"/api/explorer/within?column=sex&clade={quote(one, safe='')}").json()
    assert "too few" in told["why"] or "no photo" in told["why"]
    assert (told["photos"], told["rho"]) == (None, None)


def test_bytes_and_tables_are_described() -> None:
    paths = describe()["paths"]
    for path, kind in (
        ("points", "application/octet-stream"),
        ("colours/{id}", "application/octet-stream"),
        ("selection.csv", "text/csv"),
    ):
        assert kind in paths[f"/api/explorer/{path}"]["get"]["responses"]["200"]["content"]
