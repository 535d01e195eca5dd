"""Explaining: the question, the neighbours, the concepts and their names, the page; with the toy encoder, whose vectors need no weights."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from photos import encoded, noise
from PIL import Image

from merian.cli.concepts import concepts as learn_verb
from merian.cli.explain import Beside
from merian.cli.explain import explain as verb
from merian.cli.real import samples
from merian.core import store
from merian.core.errors import BadData, BadSetting, Mismatch, Missing, UnknownTaxon
from merian.core.settings import load
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import RANKS, Tree
from merian.core.vectors import Embeddings, normalise
from merian.encode import Unreadable, open_encoder
from merian.encode.hub import pocket
from merian.explore.explain.autoencoder import (
    Autoencoder,
    ConceptSettings,
    Weights,
    _revive,
    agreement,
    explained,
    learn,
    principal_left,
)
from merian.explore.explain.concepts import Concepts, learn_concepts
from merian.explore.explain.explanation import Candidates, Evidence, Question, explain
from merian.explore.explain.faithful import Trial
from merian.explore.explain.naming import NAMES, Words, named, sets_of
from merian.explore.explain.nearest import Gallery
from merian.explore.explain.page import numbers, overlay, page
from merian.explore.explain.saliency import Occlusion, open_lens
from merian.identify import Head, Identifier

TOY = open_encoder("toy")
ROWS = [
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica pica"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica hudsonia"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Corvus", "Corvus corax"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Felis", "Felis catus"),
]
COARSE = Occlusion(scales=(0.5,))
BRIEF = Trial(steps=3, chance=2)
SMALL = load(ConceptSettings, None, {"units": 16, "active": 2, "steps": 400, "batch": 64, "rate": 5e-3, "shuffles": 59})


def tree() -> Tree:
    made = Tree.from_lineages(pl.DataFrame(ROWS, schema=dict.fromkeys(RANKS, pl.String), orient="row"))
    return made.with_common(pl.DataFrame({"taxon": [made.find("Pica pica")], "language": ["en"], "name": ["magpie"]}))


def candidates() -> Candidates:
    head = Head.build(TOY, tree())
    return Candidates(head.tree, head.labels, head.vectors)


def chances(known: Candidates, **share: float) -> np.ndarray:
    """Probabilities of the labels by their epithet, 0 where not named."""
    names = [known.tree.names[int(label)].split()[1] for label in known.labels]
    return np.array([share.get(name, 0.0) for name in names])


def evidence(**changes: object) -> Evidence:
    known = candidates()
    odds = chances(known, pica=0.6, hudsonia=0.2, corax=0.1, catus=0.05)
    made = Evidence(
        encoder=TOY,
        candidates=known,
        chances=lambda vectors: np.repeat(odds[None], len(vectors), 0),
        lens=open_lens("occlusion", TOY, COARSE),
        trial=BRIEF,
    )
    return replace(made, **changes)


def catalog(folder: Path, images: int = 12) -> Catalog:
    """PNGs of noise, the species in turn; every other one is male, and held by nobody known."""
    work = store.begin(folder, "catalog", 1, {"images": images}, {})
    data = [encoded(noise(k), "PNG") for k in range(images)]
    (folder / "shards").mkdir()
    (folder / "shards" / "shard-00000.tar").write_bytes(b"".join(data))
    sizes = np.array([len(d) for d in data])
    own = tree()
    frame = pl.DataFrame(
        {
            "id": [f"i{k}" for k in range(images)],
            "taxon": [own.find(ROWS[k % 4][6]) for k in range(images)],
            "split": ["train" if k % 6 else "val" for k in range(images)],
            "hash": [store.digest_bytes(d) for d in data],
            "licence": "CC-BY-4.0",
            "rights_holder": ["A <b>holder</b>" if k % 2 else None for k in range(images)],
            "references": [f"https://example.org/{k}" for k in range(images)],
            "shard": 0,
            "offset": np.concatenate([[0], sizes.cumsum()[:-1]]),
            "size": sizes,
        }
    )
    conform(frame, CATALOG).write_parquet(folder / "catalog.parquet")
    own.save(folder / "tree.parquet")
    work.finish()
    return Catalog.open(folder)


def embedded(known: Catalog) -> Embeddings:
    from merian.identify import embed_catalog

    return embed_catalog(known, TOY, known.kept())


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "a <script>.png"
    path.write_bytes(encoded(noise(3), "PNG"))
    return path


# ---- the question


def test_the_question_is_the_best_label_against_the_next() -> None:
    known = candidates()
    odds = chances(known, pica=0.6, hudsonia=0.2, corax=0.1)
    asked = Question.of(known, odds)
    assert (known.named(asked.taxon), known.named(asked.against)) == ("Pica pica", "Pica hudsonia")
    assert asked.chances == pytest.approx((0.6, 0.2))
    own = [known.vectors[known.below(t)[0]] for t in (asked.taxon, asked.against)]
    np.testing.assert_allclose(asked.directions, [own[0], own[0] - own[1]], atol=1e-6)


def test_a_clade_is_the_mean_of_its_labels_by_their_probability() -> None:
    known = candidates()
    odds = chances(known, pica=0.6, hudsonia=0.2, corax=0.1, catus=0.1)
    asked = Question.of(known, odds, "pica")
    assert known.named(asked.taxon) == "genus Pica"
    assert known.named(asked.against) in ("Corvus corax", "Felis catus")  # no part of the genus
    below = known.below(asked.taxon)
    np.testing.assert_allclose(asked.directions[0], odds[below] @ known.vectors[below] / 0.8, atol=1e-6)
    nothing = known.direction(asked.taxon, np.zeros(4))
    np.testing.assert_allclose(nothing, known.vectors[below].mean(0), atol=1e-6)
    assert known.named(Question.of(known, odds, against="Pica pica").taxon) == "Pica hudsonia"
    assert known.named(Question.of(known, odds, "MAGPIE").taxon) == "Pica pica"


def test_a_question_that_cannot_be_asked_is_refused() -> None:
    known = candidates()
    odds = chances(known, pica=1.0)
    with pytest.raises(UnknownTaxon, match="Corvus corax"):
        known.find("Corvus corix")
    part = Candidates(known.tree, known.labels[:1], known.vectors[:1])
    with pytest.raises(UnknownTaxon, match="no label"):
        part.find("Felis catus")
    for taxon, against in (("Pica pica", "Pica pica"), ("Pica pica", "Pica"), ("Corvidae", "Pica")):
        with pytest.raises(BadSetting, match="against"):
            Question.of(known, odds, taxon, against)
    with pytest.raises(Mismatch):
        Question.of(known, odds[:2])
    alone = Question.of(part, np.ones(1))
    assert alone.against == -1
    assert len(alone.directions) == 1


# ---- one photo


def test_an_explanation_holds_together(photo: Path) -> None:
    found = explain(photo, evidence())
    assert found.names == ("Pica pica", "Pica hudsonia")
    assert found.none == pytest.approx(0.05)
    assert found.maps.values.shape == (2, 32, 32)
    assert found.maps.values.dtype == np.float32
    assert found.maps.passes == COARSE.passes(32) == 10
    assert len(found.tests) == 2
    again = explain(photo, evidence())
    assert np.array_equal(found.maps.values, again.maps.values)
    assert found.tests[0].gap == again.tests[0].gap
    turned = explain(photo, evidence(), "Pica hudsonia", "Pica pica")
    np.testing.assert_array_equal(found.maps.values[1], -turned.maps.values[1])
    # what the corners' halves sum to is what occlusion took: the map of the difference is the difference of the maps
    np.testing.assert_allclose(found.maps.values[1], found.maps.values[0] - turned.maps.values[0], atol=1e-6)


def test_a_method_that_asks_no_question_has_one_map_and_says_so(photo: Path) -> None:
    class Same:
        asks = False

        def __call__(self, pixels: np.ndarray, directions: np.ndarray, against: object) -> object:
            return replace(open_lens("occlusion", TOY, COARSE)(pixels, directions), method="attention rollout")

    found = explain(photo, evidence(lens=Same(), trial=None))
    assert len(found.maps.values) == 1
    assert found.tests == ()
    assert "asks no question" in found.remarks[0]


def test_what_has_no_tower_cannot_be_looked_into() -> None:
    for method in ("gradient", "attention"):
        with pytest.raises(BadSetting, match="take occlusion"):
            open_lens(method, TOY)
    with pytest.raises(BadSetting, match="occlusion"):
        open_lens("magic", TOY)
    with pytest.raises(Mismatch):
        open_lens("occlusion", TOY)(np.zeros((32, 32, 3), np.uint8), np.zeros((1, 3)))


def test_a_photo_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "no.jpg").write_bytes(b"no")
    with pytest.raises(Unreadable):
        explain(tmp_path / "no.jpg", evidence())


# ---- neighbours


def test_neighbours_are_the_nearest_training_images_with_their_credit(tmp_path: Path, photo: Path) -> None:
    known = catalog(tmp_path / "catalog")
    vectors = embedded(known)
    gallery = Gallery.of(known, vectors, TOY.fingerprint)
    found = explain(photo, evidence(gallery=gallery, neighbours=4))
    beside = found.neighbours
    assert beside is not None
    assert beside.itself  # the photo is number 3 of the catalog
    assert "i3" not in beside.table["id"].to_list()
    assert beside.among == 9  # ten of twelve are for training, less the photo itself
    own = vectors.vectors[3]
    order = sorted((k for k in range(12) if k % 6 and k != 3), key=lambda k: -float(vectors.vectors[k] @ own))
    assert beside.table["id"].to_list() == [f"i{k}" for k in order[:4]]
    assert beside.table["similarity"].is_sorted(descending=True)
    assert found.pictures.keys() >= set(beside.table["id"])
    assert found.others is not None
    assert set(found.others.table["name"]) == {found.names[1]}
    assert len(found.others.table) == 2  # half as many, of the other taxon
    assert 0 < found.others.among < beside.among
    html = page({"a": found}, {}, "merian explain", {})
    assert "CC-BY-4.0" in html
    assert "rights holder not told" in html or "A &lt;b&gt;holder" in html
    assert "<b>holder" not in html


def test_a_photo_that_is_all_of_the_catalog_has_no_neighbours(tmp_path: Path, photo: Path) -> None:
    known = catalog(tmp_path / "catalog")
    vectors = embedded(known)
    whole = Gallery.of(known, vectors, TOY.fingerprint)
    chosen = (whole.rows["id"] == "i3").to_numpy()
    alone = replace(whole, rows=whole.rows.filter(chosen), vectors=whole.vectors[chosen])
    found = explain(photo, evidence(gallery=alone, trial=None))
    assert found.neighbours is not None
    assert found.neighbours.among == 0
    assert "not known" in page({"a": found}, {}, "", {})
    assert numbers("a", found)["neighbours"] == {"among": 0, "typical_similarity": None, "images": []}


def test_a_gallery_is_kept_without_the_catalog_and_names_the_same_images(tmp_path: Path, photo: Path) -> None:
    known = catalog(tmp_path / "catalog")
    whole = Gallery.of(known, embedded(known), TOY.fingerprint)
    assert Gallery.kept(tmp_path) is None
    whole.save(tmp_path)
    kept = Gallery.kept(tmp_path)
    assert kept is not None
    assert (kept.split, kept.tree.version) == ("train", known.tree.version)
    np.testing.assert_allclose(kept.vectors, whole.vectors, atol=1e-3)
    one, other = (explain(photo, evidence(gallery=gallery, trial=None)) for gallery in (whole, kept))
    assert one.neighbours is not None
    assert other.neighbours is not None
    assert other.neighbours.table["id"].to_list() == one.neighbours.table["id"].to_list()
    assert other.neighbours.itself
    assert not other.pictured
    assert other.pictures == {}
    html = page({"a": other}, {}, "", {})
    assert "CC-BY-4.0" in html
    assert "cannot be read" not in html
    (tmp_path / "gallery.parquet").write_bytes(b"no table")
    with pytest.raises(BadData, match="damaged"):
        Gallery.kept(tmp_path)


def test_embeddings_of_another_model_are_refused(tmp_path: Path) -> None:
    known = catalog(tmp_path / "catalog")
    vectors = embedded(known)
    with pytest.raises(Mismatch, match="embed the catalog"):
        Gallery.of(known, vectors, "another")
    with pytest.raises(Missing):
        Gallery.of(known, vectors.take(pl.Series("id", ["i0"])), TOY.fingerprint)  # a validation image alone


# ---- the page


def test_the_page_holds_all_and_fetches_nothing(photo: Path) -> None:
    found = explain(photo, evidence())
    html = page({str(photo): found}, {"b.jpg": "empty file"}, "merian explain", {"model": "toy"})
    assert "<script" not in html
    assert set(re.findall(r"(?:src|href)=(.{6})", html)) == {'"data:'}
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html
    for word in ("Pica hudsonia", "empty file", "10 passes", "merian explain", found.tests[0].words[:20]):
        assert word in html
    assert html == page({str(photo): found}, {"b.jpg": "empty file"}, "merian explain", {"model": "toy"})
    plain = json.loads(json.dumps(numbers("a", found), allow_nan=False))
    assert plain["tests"][1]["gap"] == pytest.approx(found.tests[1].gap)
    assert plain["against"]["name"] == "Pica hudsonia"


def test_a_map_is_laid_on_the_photo_in_the_ramp() -> None:
    grey = np.full((40, 40, 3), 128, np.uint8)
    values = np.zeros((4, 4))
    values[0, 0], values[3, 3] = 1, -1
    one, both = overlay(grey, values, False).astype(int), overlay(grey, values, True).astype(int)
    assert one[0, 0].sum() > one[20, 20].sum() + 60  # bright ochre: more light, less blue than red
    assert one[0, 0, 0] > one[0, 0, 2] + 60
    assert np.array_equal(one[-1, -1], one[20, 20])  # what speaks against is not shown
    assert both[-1, -1, 2] > both[-1, -1, 0] + 20  # indigo: darker and bluer
    assert both[-1, -1].sum() < both[20, 20].sum() - 60
    assert np.array_equal(overlay(grey, np.zeros((4, 4)), True)[0, 0], overlay(grey, np.zeros((4, 4)), True)[9, 9])


# ---- concepts


def planted(images: int = 320, d: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors that are each the sum of two of eight directions: one of the species' four, and one by chance of four; vectors, directions, parts [n, 2]."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(d, d)))[0][:8]
    parts = np.stack([np.arange(images) % 4, 4 + rng.integers(0, 4, images)], 1)
    sizes = rng.uniform(0.6, 1.4, (images, 2))
    return normalise((sizes[..., None] * directions[parts]).sum(1)), directions, parts


def test_a_planted_dictionary_is_found_again() -> None:
    vectors, directions, _ = planted()
    model = learn(vectors, SMALL)
    assert np.array_equal(model.dictionary, learn(vectors, SMALL).dictionary)
    np.testing.assert_allclose(np.linalg.norm(model.dictionary, axis=1), 1, atol=1e-5)
    centred = directions - vectors.mean(0)
    chance = agreement(centred, np.random.default_rng(1).normal(size=(16, 12))).mean()
    assert agreement(centred, model.dictionary).mean() > max(0.9, chance + 0.2)
    active = model.activations(vectors)
    assert (active >= 0).all()
    assert (active > 0).sum(1).max() <= 2
    left, whole = explained(model, vectors)
    first, picked, every = (principal_left(vectors, vectors, size, 2) for size in (2, 8, 12))
    assert left.sum() < first.sum() - 0.1 * whole.sum()
    assert (picked <= first + 1e-9).all()
    assert (every <= picked + 1e-9).all()
    np.testing.assert_allclose(principal_left(vectors, vectors, 12, 12), 0, atol=1e-6)
    own = np.diag([4.0, 3, 2, 1])  # its components are the axes: of the fourth row nothing lies in the first three
    np.testing.assert_allclose(principal_left(np.concatenate([own, -own]), own, 3, 1), [0, 0, 0, 1], atol=1e-9)


def test_a_silent_unit_is_set_on_an_image_and_is_heard_there() -> None:
    vectors, rng = planted()[0], np.random.default_rng(2)
    seen = (vectors - vectors.mean(0)).astype(np.float32)
    rows = normalise(rng.normal(size=(8, 12)))
    weights = Weights(rows.T.copy(), np.zeros(8, np.float32), rows.copy(), np.zeros(12, np.float32))
    weights.bias[3] = -100
    _revive(weights, np.arange(8) == 3, seen, SMALL, rng)
    assert ((seen @ weights.reading + weights.bias).argmax(1) == 3).any()
    np.testing.assert_allclose(np.linalg.norm(weights.dictionary, axis=1), 1, atol=1e-5)
    others = np.arange(8) != 3
    assert np.array_equal(weights.dictionary[others], rows[others])
    before = weights.dictionary.copy()
    _revive(weights, np.zeros(8, bool), seen, SMALL, rng)
    assert np.array_equal(weights.dictionary, before)


@pytest.mark.parametrize(
    ("vectors", "told"),
    [
        (np.ones((200, 4)) / 2, "all the same"),
        (np.full((200, 4), np.nan), "finite"),
        (np.eye(4)[np.arange(9) % 4], "fewer than one batch"),
    ],
)
def test_vectors_that_hold_nothing_are_refused(vectors: np.ndarray, told: str) -> None:
    with pytest.raises(BadData, match=told):
        learn(vectors, SMALL)
    with pytest.raises(BadSetting, match="active"):
        learn(vectors, replace(SMALL, active=17))


def lived() -> tuple[pl.DataFrame, Tree, np.ndarray]:
    """320 specimens of four species, and four activations: of the genus Pica, of males, of nothing, and of what is common where Felis lives."""
    rng = np.random.default_rng(4)
    own = tree()
    species = np.arange(320) % 4
    male = rng.random(320) < 0.5
    rows = pl.DataFrame(
        {
            "taxon": [own.find(ROWS[k][6]) for k in species],
            "sex": np.where(male, "male", "female"),
            "habitat": np.where(species == 3, "house", "wood"),
        }
    )
    fires = rng.random((320, 4)).astype(np.float32)
    on = np.stack([species < 2, male, rng.random(320) < 0.3, species == 3], 1)
    return rows, own, np.where(on, 0.5 + fires, np.where(fires > 0.95, 0.1, 0)).astype(np.float32)


def test_a_concept_is_named_by_what_its_images_share_and_not_by_chance() -> None:
    rows, own, active = lived()
    every = sets_of(rows, own, 8)
    assert [sets.kind for sets in every] == ["taxon", "sex", "habitat"]
    found = named(active, np.eye(4, dtype=np.float32), every, None, 59, np.random.default_rng(0))
    assert found["name"].to_list()[:3] == ["genus Pica", "sex male", None]
    # the house and its cat go together: within the species nothing is left, so the taxon names it
    assert found["kind"].to_list()[3] == "taxon"
    # of the five clades that are all of it and nothing else, the deepest
    assert found["name"][3] == "species Felis catus"
    first = found.row(0, named=True)
    assert first["low"] <= first["auroc"] <= first["high"]
    assert first["auroc"] > 0.95
    assert first["lift"] > 1.5
    assert first["p"] == pytest.approx(1 / 60)
    drawn = np.random.default_rng(1).permutation(320).tolist()
    shuffled = named(
        active, np.eye(4, dtype=np.float32), sets_of(rows[drawn], own, 8), None, 59, np.random.default_rng(0)
    )
    assert shuffled["name"].null_count() == 4
    with pytest.raises(BadSetting, match="at least 59"):  # three kinds of names share 5 %, and p is no less than 1 / 59
        named(active, np.eye(4, dtype=np.float32), every, None, 58, np.random.default_rng(0))


def test_a_word_names_what_no_label_does() -> None:
    rng = np.random.default_rng(0)
    active = rng.random((60, 2)).astype(np.float32)
    photos = rng.normal(size=(60, 8)).astype(np.float32)
    texts = np.eye(8, dtype=np.float32)[:4]
    dictionary = np.stack([texts[1] - texts.mean(0), np.eye(8)[6]]).astype(np.float32)
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    words = Words(("red", "striped", "round", "small"), texts)
    found = named(active, dictionary, [], (words, photos), 99, rng)
    assert found["name"].to_list() == ["striped", None]
    assert found["kind"].to_list() == ["word", None]


def learned(folder: Path) -> tuple[Catalog, Embeddings, Path]:
    """A catalog of 320 planted images, their embeddings, and where its concepts are."""
    vectors, _, parts = planted()
    work = store.begin(folder / "catalog", "catalog", 1, {}, {})
    own = tree()
    columns = {
        "id": [f"i{k}" for k in range(320)],
        "taxon": [own.find(ROWS[k][6]) for k in parts[:, 0]],
        "sex": [("male", "female", None, None)[k - 4] for k in parts[:, 1]],
        "split": "train",
        "group": [f"g{k // 2}" for k in range(320)],
    }
    conform(pl.DataFrame(columns), CATALOG).write_parquet(folder / "catalog" / "catalog.parquet")
    own.save(folder / "catalog" / "tree.parquet")
    work.finish()
    known = Catalog.open(folder / "catalog")
    embeddings = Embeddings(known.frame["id"], vectors, "made", own.version)
    return known, embeddings, folder / "concepts"


def test_concepts_are_learnt_named_kept_and_read_again(tmp_path: Path) -> None:
    known, embeddings, place = learned(tmp_path)
    report = learn_concepts((known, embeddings), place, SMALL)
    assert report["explained"].value > report["explained.first"].value
    assert report["explained.picked"].value > report["explained.first"].value
    assert report["explained"].low is not None
    assert report["explained"].n is not None
    assert report["explained"].n < 320  # on images of specimens that were kept apart
    assert report["active"].value <= 2
    assert report["stable"].value > report["stable.mixed"].value
    assert report["named.taxon"].value > 0
    assert 0.5 < report["named.auroc"].value <= 1
    concepts = Concepts.load(place)
    kinds = set(concepts.table["kind"].drop_nulls())
    assert "taxon" in kinds
    active = concepts.model.activations(embeddings.vectors)
    assert isinstance(concepts.model, Autoencoder)
    best = concepts.table.filter(pl.col("kind") == "taxon").sort("strength", descending=True).row(0, named=True)
    assert best["examples"][0] == known.frame["id"][int(active[:, best["concept"]].argmax())]
    assert best["images"] == (active[:, best["concept"]] > 0).sum()
    directions = np.eye(12, dtype=np.float32)[:2]
    shown = concepts.active(embeddings.vectors[0], directions)
    assert 1 <= len(shown.table) <= 2
    added = np.array(shown.table["adds"].to_list()).sum(0)
    rebuilt = concepts.model.rebuilt(concepts.model.activations(embeddings.vectors[:1]))[0] @ directions.T
    np.testing.assert_allclose(added + shown.shared, rebuilt, atol=1e-5)
    np.testing.assert_allclose(added + shown.shared + shown.left, embeddings.vectors[0] @ directions.T, atol=1e-6)
    silent = replace(concepts, model=replace(concepts.model, bias=concepts.model.bias - 1e6))
    nothing = silent.active(embeddings.vectors[0], directions)
    assert nothing.table.columns == shown.table.columns
    assert len(nothing.table) == 0
    assert Gallery.kept(place) is None
    with pytest.raises(Mismatch, match="merian concepts"):
        concepts.agree_with("another")
    with pytest.raises(Mismatch, match="concepts and model"):
        evidence(concepts=concepts)
    assert learn_concepts((known, embeddings), place, SMALL) == report
    with pytest.raises(Mismatch):
        learn_concepts((known, embeddings), place, replace(SMALL, seed=1))


def test_concepts_stand_on_the_page_with_what_they_add(photo: Path) -> None:
    rng = np.random.default_rng(0)
    dictionary = np.linalg.qr(rng.normal(size=(TOY.dim, TOY.dim)))[0][:3].astype(np.float32)
    nothing = np.zeros(TOY.dim, np.float32)
    model = Autoencoder(dictionary.T.copy(), np.ones(3, np.float32), dictionary, nothing, nothing, 1.0, 3)
    rows = [
        {"concept": 0, "name": "genus Pica", "kind": "taxon", "auroc": 0.97, "low": 0.9, "high": 0.99, "lift": 3.0},
        {"concept": 1, "name": "striped", "kind": "word", "strength": 0.61},
        {"concept": 2},
    ]
    table = pl.DataFrame(rows, schema=NAMES).with_columns(
        images=pl.lit(5), share=pl.lit(0.25), examples=pl.lit(None, pl.List(pl.String))
    )
    found = explain(photo, evidence(concepts=Concepts(model, table, TOY.fingerprint), trial=None))
    assert found.concepts is not None
    assert sorted(found.concepts.table["concept"].to_list()) == [0, 1, 2]
    assert found.concepts.table["activation"].is_sorted(descending=True)
    html = page({"a": found}, {}, "", {})
    for word in ("genus Pica", "AUROC 0.97 (0.90 to 0.99), 3.0 times", "cosine 0.61 with the word", "unnamed"):
        assert word in html
    sums = np.array(found.concepts.table["adds"].to_list()).sum(0) + found.concepts.shared + found.concepts.left
    assert sums == pytest.approx([found.scores[0], found.scores[0] - found.scores[1]], abs=1e-5)
    assert f"{found.scores[0]:+.3f}" in html.partition("<tfoot>")[2]
    first = found.concepts.table.row(0, named=True)
    expected = first["activation"] * (dictionary[first["concept"]] @ found.question.directions.T)
    assert first["adds"] == pytest.approx(expected.tolist(), abs=1e-5)
    json.dumps(numbers("a", found), allow_nan=False)


def test_where_no_set_is_large_enough_nothing_is_named_and_it_is_said(tmp_path: Path) -> None:
    known, embeddings, place = learned(tmp_path)
    report = learn_concepts((known, embeddings), place, replace(SMALL, seeds=1, steps=20, fewest=161))
    assert "nothing can name a concept" in report.remarks[0]
    assert report["unnamed"].value == 1


def test_one_dictionary_tells_nothing_of_stability(tmp_path: Path) -> None:
    known, embeddings, place = learned(tmp_path)
    report = learn_concepts((known, embeddings), place, replace(SMALL, seeds=1, steps=20))
    assert "not known" in report.remarks[0]
    with pytest.raises(Missing):
        report["stable"]
    with pytest.raises(Missing):
        Concepts.load(tmp_path / "nowhere")


# ---- the verbs


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Head.build(TOY, tree()).save(tmp_path / "model" / "head")
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encoded(noise(len(name)), "PNG"))
    return Path("model")


def test_the_verb_writes_a_page_maps_and_numbers(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.jpg").write_bytes(b"bad")
    photos = [Path("a.png"), Path("bad.jpg")]
    assert verb(photos, model=model, backend="toy", test=False, taxon="magpie", against="Felis") == 3
    out = Path("explanation")  # of several photos
    told = json.loads((out / "explanation.json").read_text())
    assert [one["photo"] for one in told["photos"]] == ["a.png"]
    assert told["refused"] == [{"photo": "bad.jpg", "reason": "not an image"}]
    assert told["photos"][0]["for"]["name"] == "Pica pica"
    assert told["photos"][0]["against"]["name"] == "genus Felis"
    for name in told["photos"][0]["files"]:
        with Image.open(out / name) as image:
            assert image.size == (448, 448)
    assert store.read(out, "explanation").files.keys() >= {"explanation.html", "maps.safetensors", "001-for.png"}
    assert "bad.jpg" in (out / "explanation.html").read_text()
    before = (out / "explanation.html").stat().st_mtime_ns
    assert verb(photos, model=model, backend="toy", test=False, taxon="magpie", against="Felis") == 3
    assert (out / "explanation.html").stat().st_mtime_ns == before
    with pytest.raises(Mismatch):  # another question does not replace it unasked
        verb(photos, model=model, backend="toy", test=False)


def test_another_head_of_the_same_names_is_another_run(model: Path) -> None:
    photo = [Path("a.png")]
    assert verb(photo, model=model, backend="toy", test=False) == 0
    assert Path("explanation-a").is_dir()  # named by the one photo
    other = Head.build(TOY, tree(), prompts=("sci",))
    other.save(model / "prototypes")
    with pytest.raises(Mismatch, match="labels"):
        verb(photo, model=model, backend="toy", test=False)


def test_the_bare_verb_takes_what_the_model_has_of_its_own(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = catalog(tmp_path / "catalog", 80)
    vectors = embedded(known)
    quick = replace(SMALL, steps=20, batch=16, gallery=True)
    learn_concepts((known, vectors), model / "concepts", quick)
    assert verb([Path("a.png")], model=model, backend="toy", test=False) == 0
    told = json.loads(Path("explanation-a/explanation.json").read_text())["photos"][0]
    assert told["neighbours"]["among"] == len(known.kept("train")) - 1  # a.png is one of them
    assert told["neighbours_of_other"]["images"]
    assert "active" in told["concepts"]
    assert store.read(Path("explanation-a")).inputs["concepts"]
    strange = replace(vectors, fingerprint="another")
    learn_concepts((known, strange), model / "concepts", quick, overwrite=True)
    assert verb([Path("b.png")], model=model, backend="toy", test=False) == 0
    assert "left out" in capsys.readouterr().err
    assert json.loads(Path("explanation-b/explanation.json").read_text())["photos"][0]["concepts"] is None
    with pytest.raises(Mismatch, match="concepts and model"):  # those that are named are not left out
        verb(
            [Path("b.png")],
            model=model,
            backend="toy",
            test=False,
            beside=Beside(concepts=model / "concepts"),
            overwrite=True,
        )


def test_the_verb_refuses_what_it_cannot_answer(model: Path) -> None:
    photos = [Path("a.png")]
    with pytest.raises(UnknownTaxon, match="Pica pica"):
        verb(photos, model=model, backend="toy", taxon="Pica pika")
    with pytest.raises(BadSetting, match="embeddings"):
        verb(photos, model=model, backend="toy", beside=Beside(catalog=Path("c")))
    with pytest.raises(BadSetting, match="neighbours"):
        verb(photos, model=model, backend="toy", beside=Beside(neighbours=0))
    Path("bad.jpg").write_bytes(b"bad")
    with pytest.raises(BadData, match="none could be read"):
        verb([Path("bad.jpg")], model=model, backend="toy")
    assert not (Path("explanation-bad") / "manifest.json").exists()


def test_the_verb_of_concepts_learns_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, embeddings, place = learned(tmp_path)
    embeddings.save(tmp_path / "embeddings.parquet")
    flags = dict(store.plain(replace(SMALL, steps=20)))
    assert learn_verb(known.path, tmp_path / "embeddings.parquet", place, **flags) == 0
    assert len(Concepts.load(place).table) == 16
    with pytest.raises(BadSetting, match="belong together"):
        learn_verb(known.path, tmp_path / "embeddings.parquet", place, words=tmp_path / "words.txt", **flags)


# ---- the model in the package


@pytest.mark.skipif(not (pocket() / "concepts").is_dir(), reason="this package was built without the pocket's concepts")
def test_the_bare_command_explains_a_photo_without_torch_or_a_network(tmp_path: Path) -> None:
    code = f"""
import socket, sys
def refused(*_, **__):
    raise OSError("no network")
socket.socket.connect = refused
from merian.cli.main import run
code = run(["explain", {str(next(iter(samples())))!r}])
assert code == 0, code
assert not {{"torch", "open_clip", "timm", "pandas"}} & set(sys.modules), sorted(sys.modules)
"""
    environment = {"HF_HOME": str(tmp_path / "hub"), "PATH": "/usr/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (out,) = tmp_path.glob("explanation-*")
    told = json.loads((out / "explanation.json").read_text())["photos"][0]
    assert len(told["maps"]) == len(told["tests"]) == 2
    assert len(told["neighbours"]["images"]) == 6
    assert told["concepts"]["active"]
    assert told["neighbours"]["images"][0]["name"] in (out / "explanation.html").read_text()


@pytest.mark.skipif(not (pocket() / "concepts").is_dir(), reason="this package was built without the pocket's concepts")
def test_the_pockets_concepts_and_gallery_are_of_this_very_model() -> None:
    identifier = Identifier.open(Path("pocket"))
    concepts, gallery = Concepts.load(pocket() / "concepts"), Gallery.kept(pocket() / "concepts")
    concepts.agree_with(identifier.encoder.fingerprint)
    assert gallery is not None
    assert gallery.split == "train"
    assert gallery.tree.version == identifier.head.tree.version
    near = gallery.vectors @ identifier.head.vectors.T  # 84 % are nearest to their own taxon
    own = identifier.head.labels[near.argmax(1)] == gallery.rows["taxon"].to_numpy()
    assert own.mean() > 0.5
