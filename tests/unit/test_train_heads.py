"""Class vectors on frozen towers, and how far a model has moved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_models import COLOURS, model_folder, small_catalog, taught
from torch.nn import functional as F

from merian.cli.train import train_and_calibrate
from merian.core.errors import BadSetting, Missing
from merian.core.report import Report
from merian.core.settings import load
from merian.core.tables import Catalog
from merian.encode import open_encoder
from merian.encode.seam import unit_rows
from merian.identify import Head, Identifier, embed_catalog
from merian.train import TrainSettings, train
from merian.train.drift import NEAREST, Seen, compared, said
from merian.train.heads import linear, make_head, prototypes
from merian.train.weights import begun


def rows(n: int, d: int, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    return unit_rows(np.random.default_rng(seed).normal(size=(n, d)))


def test_prototypes_are_the_directions_of_the_means() -> None:
    vectors, taxon = rows(9, 5, 0), np.array([7, 3, 3, 7, 9, 9, 9, 3, 7])
    made = prototypes(vectors, taxon, 20.0)
    assert made.labels.tolist() == [3, 7, 9]
    for label, vector in zip(made.labels, made.vectors, strict=True):
        mean = vectors[taxon == label].mean(axis=0)
        assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_linear_head_learns_what_means_cannot_tell() -> None:
    """Two taxa that differ in a small direction across a large one of many images: means lean to the crowd, a trained head does not."""
    rng = np.random.default_rng(1)
    n = 400
    taxon = np.arange(n) % 2
    crowd = np.where(rng.random(n) < np.where(taxon == 0, 0.75, 0.25), 1.0, -1.0)
    points = np.stack([np.where(taxon == 0, 0.2, -0.2), 1.5 * crowd, np.ones(n)], axis=1)
    vectors = unit_rows(points + rng.normal(0, 0.02, points.shape))
    settings = load(TrainSettings, None, {"epochs": 30, "batch": 100, "lr": 0.1})

    def right(made) -> float:  # type: ignore[no-untyped-def]
        return float((made.labels[(vectors @ made.vectors.T).argmax(axis=1)] == taxon).mean())

    trained = linear(vectors, taxon, 20.0, settings)
    assert right(prototypes(vectors, taxon, 20.0)) < 0.8
    assert right(trained) > 0.97
    assert np.allclose(np.linalg.norm(trained.vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(trained.vectors, linear(vectors, taxon, 20.0, settings).vectors)


def test_a_run_on_frozen_towers_leaves_a_head_that_identifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merian.identify.calibrate.ENOUGH", 10)
    folder = model_folder(tmp_path / "old", "bioclip-2.5")
    source = small_catalog(tmp_path / "catalog")
    out, chosen = tmp_path / "new", taught(folder, adapt="linear", epochs=20, lr=0.01)
    train_and_calibrate(source, out, chosen)
    first = {p: p.read_bytes() for p in out.rglob("*.json")}
    train_and_calibrate(source, out, chosen)
    assert {p: p.read_bytes() for p in first} == first
    old, new = (load_file(f / "open_clip_model.safetensors") for f in (folder, out))
    assert old.keys() == new.keys()
    assert all(torch.equal(old[key], new[key]) for key in old)
    catalog, encoder = Catalog.open(source), open_encoder(out, "torch")
    start = begun(taught(out))
    assert start.tokens is not None
    clip, frame = start.load(start.tokens).model, catalog.kept("train")
    make_head("prototypes", clip, catalog, frame, out, start.settings, torch.device("cpu"), 1)
    val = catalog.kept("val")
    vectors = embed_catalog(catalog, encoder, val)
    for kind in ("linear", "prototypes"):
        head = Head.load(out / kind)
        assert head.fingerprint == encoder.fingerprint
        assert sorted(head.tree.lineage(t).species for t in head.labels.tolist()) == sorted(COLOURS)
        named = head.labels[head.probabilities(vectors.vectors).argmax(axis=1)]
        assert (named == val["taxon"].to_numpy()).mean() > 0.9
        assert head.predict(vectors).taxa.shape[0] == len(val)
    trained = Identifier.open(out, backend="torch").head
    assert trained.calibration.images == len(val)
    assert np.array_equal(trained.vectors, Head.load(out / "linear").vectors)
    for given, wanted in ((Path("head"), "head"), (Path("prototypes"), "prototypes"), (out / "linear", "linear")):
        found = Identifier.open(out, backend="torch", head=given).head
        assert np.array_equal(found.vectors, Head.load(out / wanted).vectors)
    with pytest.raises(Missing, match="linear, prototypes, head"):
        Identifier.open(out, backend="torch", head=Path("cubic"))
    with pytest.raises(BadSetting, match="nothing to replay"):
        train(source, tmp_path / "other", taught(folder, adapt="linear"), replay=source)


def test_a_model_that_did_not_move_has_not_drifted() -> None:
    own = np.arange(30) % 8
    seen = Seen(rows(30, 16, 0), rows(8, 16, 1), 10.0)
    told = {n.name: n for n in compared(seen, seen, own, "replay")}
    for name in ("image_cosine", "text_cosine", "neighbours", "agreement"):
        number = told[f"replay_{name}"]
        assert (number.value, number.low, number.high) == pytest.approx((1, 1, 1), abs=1e-6)
    assert told["replay_loss_change"].value == 0
    logits = torch.from_numpy(10.0 * seen.images @ seen.texts.T).double()
    twin = F.cross_entropy(logits, torch.from_numpy(own)).item()
    assert told["replay_loss_after"].value == pytest.approx(twin, abs=1e-6)
    assert told["replay_accuracy_after"].value == (logits.argmax(1).numpy() == own).mean()


def test_a_model_that_moved_further_has_drifted_further() -> None:
    n, own = 600, np.arange(600)
    images = rows(n, 32, 0)
    before = Seen(images, images, 30.0)
    values = []
    for amount in (0.05, 0.2, 5.0):
        after = Seen(*(unit_rows(images + amount * rows(n, 32, seed)) for seed in (1, 2)), 30.0)
        values.append({number.name.removeprefix("x_"): number for number in compared(before, after, own, "x")})
    for name in ("image_cosine", "text_cosine", "neighbours", "agreement", "accuracy_after"):
        got = [v[name].value for v in values]
        assert got == sorted(got, reverse=True), name
    assert values[0]["neighbours"].value > 0.7
    # what is left is chance: each of the others is as likely a neighbour
    assert values[2]["neighbours"].value < 3 * NEAREST / (n - 1)
    change = values[2]["loss_change"]
    assert change.low is not None
    assert 0 < change.low < change.value < (change.high or 0)
    assert change.value == pytest.approx(values[2]["loss_after"].value - values[2]["loss_before"].value)


def test_the_report_says_itself_in_a_line() -> None:
    seen = Seen(rows(30, 16, 0), rows(8, 16, 1), 10.0)
    report = Report("t", "c", {}, tuple(compared(seen, seen, np.arange(30) % 8, "replay")))
    assert said(report).startswith("moved on replay: cosine 1.000 to the model before, 100% of neighbours kept, loss ")
    assert "\n" not in said(report)
