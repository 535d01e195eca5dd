"""Training learns, ends with the same bytes however often it was killed, and refuses what it cannot do."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from merian.core import store
from merian.core.captions import captions
from merian.core.errors import BadData, BadSetting, Mismatch
from merian.core.progress import listen
from merian.core.settings import load
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import Tree
from merian.encode import decode_many, open_encoder
from merian.identify import Head
from merian.train import TrainSettings, train
from merian.train.loop import _reproducible
from merian.train.optimizer import learning_rate
from merian.train.towers import model_config

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
COLOURS = {"Rubus ruber": (220, 40, 40), "Viridis viridis": (40, 200, 40), "Azureus azureus": (40, 40, 220)}
TINY = {
    "image_size": 32,
    "width": 32,
    "layers": 1,
    "head": 16,
    "text_width": 32,
    "text_layers": 1,
    "dim": 16,
    "vocabulary": 300,
    "batch": 12,
    "epochs": 2,
    "checkpoint": 2,
    "colour": 0.0,
    "lr": 0.003,
    "threads": 1,
    "onnx": False,
}


def settings(**changes: object) -> TrainSettings:
    return load(TrainSettings, None, TINY | changes)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 images of three species that differ in colour, and one image without a taxon."""
    folder = tmp_path_factory.mktemp("world") / "catalog"
    work = store.begin(folder, "catalog", 1, {}, {})
    above = ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Rosaceae")
    rows = [(*above, name.split()[0], name) for name in COLOURS]
    tree = Tree.from_lineages(pl.DataFrame(rows, schema=RANKS, orient="row"))
    rng = np.random.default_rng(0)
    data, taxa = [], []
    for k in range(49):
        name = list(COLOURS)[k % 3]
        noisy = np.array(COLOURS[name]) + rng.normal(0, 20, (40, 40, 3))
        stream = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "JPEG")
        data.append(stream.getvalue())
        taxa.append(tree.find(name) if k < 48 else -1)
    sizes = np.array([len(d) for d in data])
    (folder / "shards").mkdir()
    (folder / "shards" / "shard-00000.tar").write_bytes(b"".join(data))
    frame = pl.DataFrame(
        {
            "id": [f"i{k}" for k in range(49)],
            "taxon": taxa,
            "split": "train",
            "shard": 0,
            "offset": np.concatenate([[0], sizes.cumsum()[:-1]]),
            "size": sizes,
        }
    )
    conform(frame, CATALOG).write_parquet(folder / "catalog.parquet")
    tree.save(folder / "tree.parquet")
    work.finish()
    return folder


Told = list[tuple[str, int, int, str]]


@pytest.fixture(scope="module")
def told() -> Told:
    """What was told of the progress of `whole`."""
    return []


@pytest.fixture(scope="module")
def whole(catalog: Path, told: Told, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with listen(lambda *said: told.append(said)):
        return train(catalog, tmp_path_factory.mktemp("run") / "model", settings())


def test_a_finished_folder_holds_the_model_and_no_scratch(whole: Path) -> None:
    manifest = store.read(whole, "model")
    expected = {"open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    expected.add("metrics.jsonl")
    graphs = {"image.xml", "image.bin", "text.xml", "text.bin"}
    assert set(manifest.files) == expected | graphs
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(8))
    assert lines[0].keys() == {"step", "loss", "bio", "grad_norm", "lr", "scale"}


@pytest.mark.parametrize("stop", [(1,), (3, 4, 7)])
def test_killed_and_started_again_gives_the_same_bytes(
    catalog: Path, whole: Path, tmp_path: Path, stop: tuple[int, ...]
) -> None:
    def killing(at: int):
        def after(step: int) -> None:
            if step == at:
                raise KeyboardInterrupt

        return after

    for at in stop:
        with pytest.raises(KeyboardInterrupt):
            train(catalog, tmp_path / "model", settings(), after_step=killing(at))
    train(catalog, tmp_path / "model", settings())
    files = store.read(whole).files
    assert store.read(tmp_path / "model").files == files
    for name in files:
        assert (tmp_path / "model" / name).read_bytes() == (whole / name).read_bytes()


def test_a_finished_run_is_not_run_again_and_another_is_refused(catalog: Path, whole: Path) -> None:
    def never(step: int) -> None:
        raise AssertionError("trained again")

    assert train(catalog, whole, settings(), after_step=never) == whole
    with pytest.raises(Mismatch, match="epochs: 2 -> 3"):
        train(catalog, whole, settings(epochs=3))


VIT = {"epochs": 10, "text_per": "image"}
RESNET = {"epochs": 10, "text_per": "image", "objective": "infonce", "tower": "resnet", "width": 8}


@pytest.mark.parametrize("changes", [VIT, RESNET], ids=["vit multi_positive", "resnet infonce"])
def test_it_learns_what_the_colours_are_called(catalog: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    folder = train(catalog, tmp_path / "model", settings(**changes))
    encoder, source = open_encoder(folder), Catalog.open(catalog)
    rows = source.kept("train").filter(pl.col("taxon") >= 0)
    labels = source.tree.at("species")
    vectors = encoder.embed_images(decode_many(list(source.images(rows)), encoder.preprocess).pixels)
    for kind in ("sci", "taxon_com"):
        named = labels[(vectors @ encoder.embed_texts(captions(source.tree, labels, kind)).T).argmax(axis=1)]
        assert (named == rows["taxon"].to_numpy()).mean() > 0.95


def test_progress_is_told(whole: Path, told: Told) -> None:
    assert [t[1:3] for t in told if t[0] == "Training"] == [(k, 8) for k in range(1, 9)]
    assert {t[0] for t in told} == {"Decoding images", "Training", "Exporting"}


def test_learning_rate_rises_and_falls() -> None:
    chosen = settings(warmup=0.1, lr=1.0)
    rates = np.array([learning_rate(step, 100, chosen) for step in range(100)])
    assert np.allclose(rates[:10], np.arange(1, 11) / 10)
    assert (np.diff(rates[10:]) <= 0).all()
    assert rates[10] == 1.0
    assert rates[99] < 0.001
    assert learning_rate(0, 1, settings(warmup=0.0, lr=1.0)) == 1.0


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("patch", {"patch": 7}),
        ("head", {"head": 15}),
        ("image_size", {"tower": "resnet", "image_size": 48}),
        ("text_width", {"text_width": 65}),
    ],
)
def test_sizes_that_do_not_divide_are_refused(key: str, changes: dict[str, object]) -> None:
    with pytest.raises(BadSetting, match=key):
        model_config(settings(**changes), 300, 24)


def test_too_little_to_train_on(catalog: Path, tmp_path: Path) -> None:
    source = Catalog.open(catalog)
    folder = tmp_path / "catalog"
    work = store.begin(folder, "catalog", 1, {"few": True}, {})
    source.frame.with_columns(split=pl.lit("test")).write_parquet(folder / "catalog.parquet")
    source.tree.save(folder / "tree.parquet")
    work.finish()
    with pytest.raises(BadData, match="at least 2 images"):
        train(folder, tmp_path / "model", settings())


def test_a_rate_that_blows_up_is_named(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="lower rate"):
        train(catalog, tmp_path / "model", settings(lr=1.0, grad_clip=0.0, weight_decay=1e30, warmup=0.0))


SHORT_OF_MEMORY = """
import resource, sys
from merian.cli.main import run
import merian.train.loop
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits its own memory by Linux's means")
def test_too_little_memory_is_told_and_what_helps(catalog: Path, tmp_path: Path) -> None:
    large = ["--width", "4096", "--head", "64", "--layers", "8", "--threads", "1", "--batch", "12"]
    command = [sys.executable, "-c", SHORT_OF_MEMORY, "train", str(catalog), str(tmp_path / "model"), *large]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in ("memory", "--chunk", "--recompute"):
        assert word in done.stderr


def test_class_vectors_become_a_head_that_names_photos(catalog: Path, tmp_path: Path) -> None:
    out = train(catalog, tmp_path / "model", settings(epochs=10, classes=1.0, text_per="image"))
    head = Head.load(out / "linear")
    encoder, known = open_encoder(out), Catalog.open(catalog)
    assert head.fingerprint == encoder.fingerprint
    rows = known.kept("train").filter(pl.col("taxon") >= 0)
    assert head.labels.tolist() == sorted(rows["taxon"].unique().to_list())
    vectors = encoder.embed_images(decode_many(list(known.images(rows)), encoder.preprocess).pixels)
    best = head.labels[head.probabilities(vectors).argmax(1)]
    assert (best == rows["taxon"].to_numpy()).mean() > 0.9
    store.read(out, "model")  # what lies beside the model is no part of it
    with pytest.raises(BadSetting, match="do not go with --hyperbolic"):
        train(catalog, tmp_path / "other", settings(classes=1.0, hyperbolic=True))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot say which cores a process may use")
def test_training_takes_the_cores_that_the_process_may_use() -> None:
    """Two threads that share one core wait for each other: training is then ten times slower."""
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        with _reproducible(0) as count:
            assert count == torch.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)
