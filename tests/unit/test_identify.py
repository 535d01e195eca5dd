"""Identifying, with the toy encoder: heads, their calibration, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from photos import bad_folder, encoded, good_folder, noise

from merian.core.captions import captions
from merian.core.errors import BadData, Mismatch, Missing
from merian.core.tree import Tree
from merian.core.vectors import Embeddings, normalise
from merian.curate.run import curate
from merian.curate.settings import CurateSettings
from merian.encode import open_encoder
from merian.identify import Head, Identifier, answer_rows, embed_catalog, in_batches
from merian.identify.head import PROMPTS, leaves

TOY = open_encoder("toy")
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
ROWS = [
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica pica"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica hudsonia"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Corvus", "Corvus corax"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", None, None),
]


def tree() -> Tree:
    return Tree.from_lineages(pl.DataFrame(ROWS, schema=dict.fromkeys(RANKS, pl.String), orient="row"))


def near(head: Head, labels: list[int], noise_: float = 0.0) -> Embeddings:
    """Embeddings at the vectors of the given columns of the head, with some noise."""
    rng = np.random.default_rng(0)
    vectors = head.vectors[labels] + noise_ * rng.normal(size=(len(labels), head.vectors.shape[1]))
    ids = pl.Series("id", [str(k) for k in range(len(labels))], pl.String)
    return Embeddings(ids, normalise(vectors), head.fingerprint)


def test_labels_are_the_leaves_and_vectors_the_mean_of_the_prompts() -> None:
    head = Head.build(TOY, tree())
    assert [head.tree.names[int(t)] for t in head.labels] == ["Corvus corax", "Pica hudsonia", "Pica pica", "Felidae"]
    assert head.labels.tolist() == leaves(head.tree).tolist()
    total = sum(TOY.embed_texts(captions(head.tree, head.labels.tolist(), kind)).astype(float) for kind in PROMPTS)
    np.testing.assert_allclose(head.vectors, normalise(np.asarray(total)), atol=1e-6)
    assert head.fingerprint == TOY.fingerprint
    assert head.calibration.images == 0
    with pytest.raises(BadData, match="no taxa"):
        Head.build(TOY, tree(), np.array([], np.int32))


def test_a_saved_head_comes_back(tmp_path: Path) -> None:
    head = Head.build(TOY, tree())
    head = head.calibrated(near(head, [0, 1, 2, 3] * 10, 0.05), head.labels[[0, 1, 2, 3] * 10])
    assert head.calibration.images == 40
    head.save(tmp_path / "head")
    back = Head.load(tmp_path / "head")
    assert (back.vectors == head.vectors).all()
    assert (back.labels == head.labels).all()
    assert back.tree.version == head.tree.version
    assert (back.fingerprint, back.calibration) == (head.fingerprint, head.calibration)
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "head").iterdir()}
    head.save(tmp_path / "head")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "head").iterdir()} == times
    with pytest.raises(Missing):
        Head.load(tmp_path / "nowhere")


def test_another_head_in_the_same_folder_replaces_the_first(tmp_path: Path) -> None:
    first = Head.build(TOY, tree())
    first.save(tmp_path / "head")
    other = Head.build(TOY, tree(), first.labels[:2])
    other.save(tmp_path / "head")
    assert Head.load(tmp_path / "head").labels.tolist() == other.labels.tolist()
    Head.build(TOY, tree(), first.labels[:2], ("sci",)).save(tmp_path / "head")
    assert not np.array_equal(Head.load(tmp_path / "head").vectors, other.vectors)


def test_what_lies_at_a_label_is_called_so() -> None:
    head = Head.build(TOY, tree())
    found = head.predict(near(head, [2, 0, 1]), k=2)
    assert found.taxa[:, 0].tolist() == head.labels[[2, 0, 1]].tolist()
    assert (found.probabilities[:, 0] > found.probabilities[:, 1]).all()
    np.testing.assert_allclose(found.unknown, 0, atol=1e-6)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_more_answers_than_labels_are_padded(k: int) -> None:
    head = Head.build(TOY, tree())
    found = head.predict(near(head, [0, 1]), k=k)
    assert found.taxa.shape == (2, k)
    rows = answer_rows(found)
    # the family has no species, so it is no answer at the rank of species
    assert [len(r) for r in rows] == [min(k, 3)] * 2
    assert rows[0][0]["name"] == "Corvus corax"
    assert rows[0][0]["family"] == "Corvidae"
    assert rows[0][0]["rank"] == "species"
    assert [len(r) for r in answer_rows(found, 1)] == [1, 1]


def test_a_coarser_rank_sums_its_species() -> None:
    head = Head.build(TOY, tree())
    embeddings = near(head, [1, 3], 0.1)
    species = head.probabilities(embeddings.vectors)
    families = head.predict(embeddings, "family", 3)
    assert [[r["name"] for r in rows] for rows in answer_rows(families)] == [
        ["Corvidae", "Felidae"],
        ["Felidae", "Corvidae"],
    ]
    np.testing.assert_allclose(families.probabilities[0, :2], [species[0, :3].sum(), species[0, 3]], rtol=1e-5)
    kingdoms = head.predict(embeddings, "kingdom", 1)
    np.testing.assert_allclose(kingdoms.probabilities[:, 0], 1, atol=1e-5)
    with pytest.raises(BadData, match="tribe"):
        head.predict(embeddings, "tribe")


def test_the_safe_answer_is_as_deep_as_it_is_sure() -> None:
    head = Head.build(TOY, tree())
    between = normalise((head.vectors[1] + head.vectors[2])[None])
    embeddings = Embeddings(pl.Series("id", ["x"]), between, head.fingerprint)
    sharp = replace(head, calibration=replace(head.calibration, scale=200.0))
    found = sharp.predict(embeddings, threshold=0.8)
    assert head.tree.names[int(found.safe[0])] == "Pica"
    assert found.safe_probability[0] > 0.8
    flat = replace(head, calibration=replace(head.calibration, scale=0.1))
    assert head.tree.names[int(flat.predict(embeddings, threshold=0.9).safe[0])] == "Chordata"
    unsure = replace(head, calibration=replace(head.calibration, slope=1.0, bias=-9.0))
    assert unsure.predict(embeddings).safe[0] == -1
    assert unsure.predict(embeddings).unknown[0] > 0.9


@pytest.mark.parametrize("threshold", [0.5, 0.0, 1.1])
def test_a_threshold_out_of_bounds_is_refused(threshold: float) -> None:
    head = Head.build(TOY, tree())
    with pytest.raises(BadData, match="threshold"):
        head.predict(near(head, [0]), threshold=threshold)


def test_vectors_of_another_encoder_are_refused() -> None:
    head = Head.build(TOY, tree())
    other = replace(near(head, [0]), fingerprint="other")
    for use in (lambda: head.predict(other), lambda: head.calibrated(other, head.labels[:1])):
        with pytest.raises(Mismatch, match=f"other and {TOY.fingerprint}"):
            use()
    with pytest.raises(Mismatch, match="3 dimensions"):
        head.similarities(np.ones((1, 3), np.float32))


def test_calibration_leaves_out_what_is_no_label() -> None:
    head = Head.build(TOY, tree())
    embeddings = near(head, [0, 1, 2, 3] * 10, 0.05)
    truth = head.labels[[0, 1, 2, 3] * 10].copy()
    truth[::4] = 0  # the kingdom is no label
    assert head.calibrated(embeddings, truth).calibration.images == 30
    assert head.calibrated(embeddings, np.full(40, len(head.tree) + 5, np.int32)).calibration.images == 0


def test_a_batch_of_bad_photos_is_a_batch_of_reasons(tmp_path: Path) -> None:
    identifier = Identifier(TOY, Head.build(TOY, tree()))
    answers = identifier.identify([b"", b"text", tmp_path / "gone.jpg"])
    assert answers.reasons == ["empty file", "not an image", "not found"]
    assert answers.predictions.taxa.shape == (0, 5)
    good = encoded(noise(0), "PNG")
    answers = identifier.identify([b"", good, b"text", good], k=2)
    assert answers.reasons == ["empty file", None, "not an image", None]
    assert answers.predictions.ids.to_list() == ["1", "3"]
    assert (answers.predictions.taxa[0] == answers.predictions.taxa[1]).all()


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_every_photo_gets_its_row_in_order_whatever_the_batch(tmp_path: Path, batch: int) -> None:
    identifier = Identifier(TOY, Head.build(TOY, tree()))
    paths = sorted((bad_folder(tmp_path / "photos") / "Pica pica").iterdir()) + [tmp_path / "gone.jpg"]
    rows = list(in_batches(identifier, paths, 2, "species", 0.8, batch))
    assert [row[0] for row in rows] == paths
    one_by_one = [identifier.identify([path], 2) for path in paths]
    for (_, best, safe, reason), alone in zip(rows, one_by_one, strict=True):
        assert reason == alone.reasons[0]
        assert bool(best) == bool(safe) == (reason is None)
        if reason is None:
            names = [r["name"] for r in answer_rows(alone.predictions)[0]]
            assert [r["name"] for r in best] == names


def test_a_catalog_is_embedded_in_its_order_and_refused_when_damaged(tmp_path: Path) -> None:
    catalog = curate(good_folder(tmp_path / "photos"), tmp_path / "out", CurateSettings(shard_images=5))
    rows = catalog.kept()
    embeddings = embed_catalog(catalog, TOY, rows, batch=5)
    assert embeddings.ids.to_list() == rows["id"].to_list()
    assert embeddings.tree_version == catalog.tree.version
    for k in (0, 7, 11):
        alone = embed_catalog(catalog, TOY, rows[k])
        np.testing.assert_allclose(alone.vectors[0], embeddings.vectors[k], atol=1e-6)
    assert len(embed_catalog(catalog, TOY, rows.clear())) == 0
    shard = bytearray(catalog.shard(0).read_bytes())
    first = rows.filter(pl.col("shard") == 0).row(0, named=True)
    shard[first["offset"] : first["offset"] + 60] = bytes(60)
    catalog.shard(0).write_bytes(shard)
    with pytest.raises(Missing, match=f"{first['id']}: not an image.*curate again"):
        embed_catalog(catalog, TOY, rows)


def test_an_identifier_opens_with_its_head_or_a_taxonomy(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    with pytest.raises(Missing, match=r"merian train, or name a taxonomy with --taxa"):
        Identifier.open(model, backend="toy")
    head = Head.build(TOY, tree())
    head.save(model / "head")
    assert Identifier.open(model, backend="toy").head.labels.tolist() == head.labels.tolist()
    head.tree.save(tmp_path / "tree.parquet")
    assert Identifier.open(Path("toy"), tmp_path / "tree.parquet").head.tree.version == head.tree.version
    replace(head, fingerprint="another").save(model / "head")
    with pytest.raises(Mismatch, match="another"):
        Identifier.open(model, backend="toy")
