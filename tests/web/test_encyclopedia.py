"""A page of the encyclopedia: kin by tree and by looks, traits, variation, place and season, food webs; and pages of the tree."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_site import Ask, Site, asker

from merian.core.chance import stream
from merian.core.tree import RANKS, Tree
from merian.web.app import create_app
from merian.web.encyclopedia import apart
from merian.web.kin import Kin, _Peers, shared_ranks


def page_of(ask: Ask, tree: Tree, number: int) -> dict[str, Any]:
    reply = ask("GET", f"/api/taxon/{quote(tree.ids[number], safe='')}")
    assert reply.status_code == 200
    return dict(reply.json())


def slow_shared(tree: Tree, a: int, b: int) -> int:
    """The deepest rank above that of `a` at which both have the same ancestor, by walking up."""
    lines = []
    for taxon in (a, b):
        line, at = {}, int(tree.parent[taxon])
        while at >= 0:
            line[int(tree.rank[at])] = at
            at = int(tree.parent[at])
        lines.append(line)
    both = [rank for rank, taxon in lines[0].items() if lines[1].get(rank) == taxon]
    return max(both, default=-1)


names = st.sampled_from(["a", "b", "c", None])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("XY"), names, names, names, names, names, names), min_size=2, max_size=20))
def test_shared_ranks_are_those_of_walking_up(rows: list[tuple[str | None, ...]]) -> None:
    table = pl.DataFrame(
        [[None if cell is None else f"{rank[0]}{cell}" for rank, cell in zip(RANKS, row, strict=True)] for row in rows],
        schema=dict.fromkeys(RANKS, pl.String),
        orient="row",
    )
    tree = Tree.from_lineages(table)
    for taxon in range(len(tree)):
        peers = np.flatnonzero(tree.rank == tree.rank[taxon])
        assert shared_ranks(tree, taxon, peers).tolist() == [slow_shared(tree, taxon, int(p)) for p in peers]


def test_variance_apart_is_none_by_chance_and_all_of_it_when_groups_are_points() -> None:
    rng = stream(0, "apart")
    chance = [apart(list(np.split(rng.standard_normal((30, 8)), 3))) for _ in range(200)]
    assert np.mean(chance) < 0.02
    points = [np.tile(centre, (5, 1)) for centre in np.eye(3)]
    assert apart(points) == 1
    assert apart([np.zeros((3, 2)), np.zeros((3, 2))]) == 0


def test_kin_by_looks_are_the_largest_cosines_of_mean_vectors(site: Site, ask: Ask) -> None:
    tree = site.catalog.tree
    rows = site.catalog.kept().filter(pl.col("id").is_in(site.embeddings.ids.to_list()))
    species = tree.ancestors[rows["taxon"].to_numpy(), 6]
    vectors = site.embeddings.take(rows["id"]).vectors
    own = int(species[species >= 0][0])
    means = {int(t): vectors[species == t].astype(np.float64).mean(0) for t in np.unique(species[species >= 0])}
    unit = {t: m / np.linalg.norm(m) for t, m in means.items()}
    expected = sorted((t for t in unit if t != own), key=lambda t: -float(unit[t] @ unit[own]))
    kin = page_of(ask, tree, own)["relatives"]
    assert [k["taxon"]["id"] for k in kin["looks"]] == [tree.ids[t] for t in expected[:6]]
    assert [k["place"] for k in kin["looks"]] == [1, 2, 3, 4, 5, 6]
    assert kin["compared"] == len(expected)
    shared = [slow_shared(tree, own, t) for t in expected]
    ranks = [-1 if k["shared"] is None else RANKS.index(k["shared"]) for k in kin["tree"]]
    assert ranks == sorted(shared, reverse=True)[:6]
    best = max(shared)
    for far in kin["far"]:
        assert RANKS.index(far["shared"]) == best
        assert 2 * far["place"] > kin["compared"]
    first = shared.index(best)
    odd = [t for k, t in enumerate(expected[:3]) if shared[k] <= best - 2 or (shared[k] < best and k < first)]
    assert [near["taxon"]["id"] for near in kin["near"]] == [tree.ids[t] for t in odd]


def test_a_mimic_before_the_nearest_kin_is_a_disagreement() -> None:
    ranks = {"kingdom": "Animalia", "phylum": "Arthropoda", "class": "Insecta", "order": "Lepidoptera"}
    rows = [("Nymphalidae", "Danaus", "plexippus"), ("Nymphalidae", "Danaus", "gilippus")]
    rows += [("Nymphalidae", "Limenitis", "archippus"), ("Papilionidae", "Papilio", "indra")]
    frame = pl.DataFrame([ranks | {"family": f, "genus": g, "species": f"{g} {s}"} for f, g, s in rows])
    tree = Tree.from_lineages(frame)
    own, queen, viceroy, swallowtail = (tree.find(name) for name in frame["species"])
    for angles, told in (((0.4, 0.1, 0.9), [viceroy]), ((0.1, 0.4, 0.9), [])):
        peers = dict(zip((queen, viceroy, swallowtail), angles, strict=True)) | {own: 0.0}
        taxa = np.array(sorted(peers))
        means = np.stack([[np.cos(peers[t]), np.sin(peers[t])] for t in taxa.tolist()]).astype(np.float32)
        kin = Kin(SimpleNamespace(catalog=SimpleNamespace(tree=tree)))
        kin._at = lambda rank, found=_Peers(taxa, means, ["x"] * 4): found
        near = [one["taxon"]["id"] for one in kin.of(tree, own, own)["near"]]
        assert near == [tree.ids[t] for t in told] + [tree.ids[swallowtail]]


def test_photos_of_a_page_have_their_credit_place_and_month(site: Site, ask: Ask) -> None:
    tree = site.catalog.tree
    page = page_of(ask, tree, 0)
    inside = site.catalog.kept().filter(pl.col("taxon").is_between(0, int(tree.end[0]) - 1))
    assert [c["id"] for c in page["credits"]] == page["images"]
    holders = dict(inside.select("id", "rights_holder").iter_rows())
    assert all(c["rights_holder"] == holders[c["id"]] for c in page["credits"])
    months = inside["event_date"].drop_nulls().str.slice(5, 2).cast(pl.Int64, strict=False).drop_nulls()
    assert page["sightings"]["months"] == [int((months == m).sum()) for m in range(1, 13)]
    assert page["sightings"]["placed"] == len(inside.drop_nulls(["latitude", "longitude"]))
    assert sum(p["count"] for p in page["sightings"]["places"]) <= page["sightings"]["placed"]
    assert all(p["latitude"] % 0.5 == p["longitude"] % 0.5 == 0.25 for p in page["sightings"]["places"])


def test_variation_counts_the_photos_of_a_species(site: Site, ask: Ask) -> None:
    tree, kept = site.catalog.tree, site.catalog.kept()
    found = kept.filter(pl.col("life_stage").is_not_null() & (pl.col("life_stage") != ""))
    own = int(tree.ancestors[found["taxon"].to_numpy(), 6].max())
    mine = found.filter(pl.col("taxon") == own)
    (stages,) = (v for v in page_of(ask, tree, own)["variation"] if v["column"] == "life_stage")
    assert {g["name"]: g["count"] for g in stages["groups"]} == dict(mine.group_by("life_stage").len().iter_rows())
    assert page_of(ask, tree, 0)["variation"] == []


def test_what_lies_beside_the_catalog_is_told_and_what_is_damaged_is_said(site: Site, tmp_path: Path) -> None:
    tree, catalog = site.catalog.tree, site.catalog
    eater, eaten = (tree.names[int(t)] for t in tree.at("species")[:2])
    store = tmp_path / "store"
    store.mkdir()
    for part in ("catalog", "embeddings", "exploration"):
        (store / part).symlink_to(site.store / part)
    imputed = {
        "scientificName": [eater, eater, eater],
        "trait": ["mass", "habitat", "hue"],
        "unit": ["g", "", "degree"],
        "value": [None, None, None],
        "state": [None, None, None],
        "source": ["imputed", "imputed", "withheld"],
        "predicted": [12.5, None, None],
        "low": [8.0, None, None],
        "high": [20.0, None, None],
        "predicted_state": [None, "coast", None],
        "states": [None, ["coast", "forest"], None],
        "level": [0.9, 0.9, None],
        "nearest": ["genus", "family", None],
        "flag": [None, None, "no relative with a value in its order"],
    }
    (store / "traits").mkdir()
    pl.DataFrame(imputed).write_parquet(store / "traits" / "imputed.parquet")
    manifest(store / "traits", "imputed traits")
    web = store / "ecosystems" / "pond"
    web.mkdir(parents=True)
    (web / "ecosystem.json").write_text(json.dumps({"name": "Pond"}), encoding="utf-8")
    pl.DataFrame({"species": [eater], "common": ["the eater"]}).write_parquet(web / "species.parquet")
    links = {
        "eater": [eater, eater],
        "eaten": [eaten, "algae"],
        "probability": [0.9, 0.8],
        "evidence": ["inferred"] * 2,
    }
    pl.DataFrame(links | {"part": [0.75, 0.25]}).write_parquet(web / "links.parquet")
    manifest(web, "ecosystem")
    ask = asker(create_app(store, site.identifier))
    page = page_of(ask, tree, tree.find(eater, "species"))
    told = {row["trait"]: row for row in page["traits"]}
    assert (told["mass"]["value"], told["mass"]["low"], told["mass"]["high"]) == (12.5, 8, 20)
    assert (told["habitat"]["state"], told["habitat"]["states"]) == ("coast", ["coast", "forest"])
    assert (told["hue"]["source"], told["hue"]["flag"]) == ("withheld", "no relative with a value in its order")
    (found,) = page["webs"]
    assert (found["ecosystem"], [x["name"] for x in found["eats"]], found["eaten_by"]) == ("Pond", [eaten, "algae"], [])
    assert [x["id"] for x in found["eats"]] == [tree.ids[tree.find(eaten, "species")], None]
    (victim,) = page_of(ask, tree, tree.find(eaten, "species"))["webs"]
    assert [(x["name"], x["common"], x["share"]) for x in victim["eaten_by"]] == [(eater, "the eater", 0.75)]
    (web / "links.parquet").write_bytes(b"no parquet")
    shutil.rmtree(store / "traits")
    (store / "traits").mkdir()
    absent = asker(create_app(store, site.identifier))("GET", "/api/about").json()["absent"]
    assert {"traits", "ecosystem pond"} <= set(absent)
    assert catalog.hash


def manifest(folder: Path, kind: str) -> None:
    from merian.core import store

    work = store.begin(folder / "of", kind, 1, {}, {}, False)
    work.finish()
    shutil.move(folder / "of" / "manifest.json", folder / "manifest.json")


def test_a_branch_in_pages_is_the_tree(site: Site, ask: Ask) -> None:
    tree = site.catalog.tree
    whole = ask("GET", "/api/tree?deep=1&n=500").json()
    assert whole["total"] == len(tree)
    assert [row["id"] for row in whole["rows"]] == tree.ids.to_list()
    assert [row["depth"] for row in whole["rows"]] == [(tree.ancestors[i] >= 0).sum() - 1 for i in range(len(tree))]
    kept = site.catalog.kept()["taxon"].to_numpy()
    for i, row in enumerate(whole["rows"]):
        end = int(tree.end[i])
        children = np.flatnonzero(tree.parent == i)
        assert (row["below"], row["child_count"]) == (end - i - 1, len(children))
        assert row["species_count"] == (tree.rank[i:end] == 6).sum()
        assert row["image_count"] == ((kept >= i) & (kept < end)).sum()
    for parent in (None, int(tree.at("class")[0]), int(tree.at("species")[0])):
        address = "/api/tree" if parent is None else f"/api/tree/{tree.ids[parent]}"
        expected = [tree.ids[int(t)] for t in np.flatnonzero(tree.parent == (-1 if parent is None else parent))]
        found = []
        while True:
            rows = ask("GET", f"{address}?start={len(found)}&n=1").json()
            assert rows["total"] == len(expected)
            if not rows["rows"]:
                break
            found += [row["id"] for row in rows["rows"]]
        assert found == expected


@pytest.mark.parametrize("query", ["start=-1", "n=0", "n=501", "deep=2", "start=1e3", "start=9999999999"])
def test_a_page_of_a_branch_out_of_bounds_is_refused(ask: Ask, query: str) -> None:
    assert ask("GET", f"/api/tree?{query}").status_code == 400


def test_names_are_found_by_their_beginning(site: Site, ask: Ask) -> None:
    tree = site.catalog.tree
    species = int(tree.at("species")[0])
    name, common = tree.names[species], tree.common_name(species)
    for text in (name, name.upper(), name[:5], common, str(common).split()[-1]):
        found = ask("GET", "/api/find", params={"q": text, "n": "50"}).json()["taxa"]
        assert tree.ids[species] in [t["id"] for t in found], text
    assert ask("GET", "/api/find", params={"q": name}).json()["taxa"][0]["id"] == tree.ids[species]
    for text in ("", "  ", "zzzz", ".*", "%", "\ud7ff"):
        assert ask("GET", "/api/find", params={"q": text}).json()["taxa"] == []
    assert ask("GET", "/api/find", params={"q": "a" * 101}).status_code == 400
