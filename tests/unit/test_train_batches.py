"""What the towers see: a function of seed and step, complete over an epoch, faithful to labels."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from merian.core.captions import captions
from merian.core.errors import BadData
from merian.core.settings import load
from merian.core.tree import Tree
from merian.encode import Preprocess
from merian.train import TrainSettings
from merian.train.batches import Batches, Cache, Captions, augment

LOOK = Preprocess(size=16)
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


def jpeg(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (24, 24), (value, value, value)).save(stream, "JPEG")
    return stream.getvalue()


def tree(n: int = 3) -> Tree:
    rows = [
        ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", f"Pica alba{'x' * i}") for i in range(n)
    ]
    return Tree.from_lineages(pl.DataFrame(rows, schema=RANKS, orient="row"))


def batches(folder: Path, n: int = 25, **given: object) -> Batches:
    settings = load(TrainSettings, None, {"batch": 8, "image_size": 16, "vocabulary": 300} | given)
    grown = tree()
    cache = Cache.build((jpeg(10 * k) for k in range(n)), n, folder, LOOK, 1)
    found = Captions.build(grown, grown.at("species").tolist(), settings)
    return Batches(cache, found, np.arange(n) % 3, settings, LOOK)


def test_a_step_is_the_same_whenever_it_is_asked_for(tmp_path: Path) -> None:
    first, second = batches(tmp_path), batches(tmp_path)
    wanted = [first.draw(step) for step in range(6)]
    for step in (5, 0, 3):
        for a, b in zip(vars_of(wanted[step]), vars_of(second.draw(step)), strict=True):
            assert np.array_equal(a, b)
    other = batches(tmp_path, seed=1).draw(0)
    assert not np.array_equal(other.images, wanted[0].images)


def vars_of(batch: object) -> list[np.ndarray]:
    return [np.asarray(getattr(batch, name)) for name in ("images", "tokens", "caption", "taxa")]


def test_an_epoch_shows_no_image_twice_and_the_next_one_others(tmp_path: Path) -> None:
    run = batches(tmp_path)
    assert (run.size, run.per_epoch) == (8, 3)
    seen = [np.concatenate([run._rows(3 * epoch + k) for k in range(3)]) for epoch in range(20)]
    for rows in seen:
        assert len(set(rows.tolist())) == 24
    assert set(np.concatenate(seen).tolist()) == set(range(25))


def test_captions_belong_to_their_images(tmp_path: Path) -> None:
    run = batches(tmp_path, crop=1.0, flip=0.0, colour=0.0)
    species = tree().at("species").tolist()
    kinds: set[int] = set()
    for step in range(6):
        batch = run.draw(step)
        grey = ((batch.images[:, 0, 8, 8] * LOOK.std[0] + LOOK.mean[0]) * 255 / 10).round().int().numpy()
        assert np.array_equal(grey % 3, batch.taxa.numpy())
        for row, taxon in zip(batch.tokens[batch.caption].numpy(), batch.taxa.tolist(), strict=True):
            fitting = [
                k
                for k, kind in enumerate(run.settings.text_types)
                if np.array_equal(run.captions.tokens.encode(captions(tree(), [species[taxon]], kind))[0], row)
            ]
            assert fitting
            kinds.update(fitting)
        assert len(np.unique(batch.tokens.numpy(), axis=0)) == len(batch.tokens)
    assert kinds == set(range(5))


def test_the_context_is_what_the_longest_caption_needs(tmp_path: Path) -> None:
    found = batches(tmp_path).captions
    longest = max(found.tokens.lengths(captions(tree(), tree().at("species"), "taxon_com")).max() for _ in range(1))
    assert found.tokens.context >= longest > found.tokens.context - 8
    assert batches(tmp_path, context=8).captions.tokens.context == 8


def test_the_cache_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merian.train.batches.BLOCK", 4)

    def dying() -> object:
        for k in range(10):
            if k == 7:
                raise KeyboardInterrupt
            yield jpeg(10 * k)

    with pytest.raises(KeyboardInterrupt):
        Cache.build(dying(), 10, tmp_path, LOOK, 1)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["pixels-00000.npy"]
    before = (tmp_path / "pixels-00000.npy").stat().st_mtime_ns
    cache = Cache.build((jpeg(10 * k) for k in range(10)), 10, tmp_path, LOOK, 1)
    assert (tmp_path / "pixels-00000.npy").stat().st_mtime_ns == before
    taken = cache.take(np.array([9, 0, 5, 5]))
    assert taken.shape == (4, 18, 18, 3)
    assert np.abs(taken[:, 9, 9, 0].astype(int) - [90, 0, 50, 50]).max() <= 2


def test_a_broken_image_stops_the_cache(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="image 1: not an image"):
        Cache.build([jpeg(1), b"nothing at all"], 2, tmp_path, LOOK, 1)


def test_augmentation_off_is_the_plain_resize() -> None:
    settings = load(TrainSettings, None, {"crop": 1.0, "flip": 0.0, "colour": 0.0})
    ramp = np.repeat(np.linspace(0, 255, 18)[None, :, None], 18, axis=0).repeat(3, axis=2).astype(np.uint8)
    out = augment(ramp[None], replace(LOOK, mean=(0, 0, 0), std=(1, 1, 1)), settings, np.random.default_rng(0))
    assert out.shape == (1, 3, 16, 16)
    # The ratio still varies by itself; along the ramp values keep rising and stay within what was there.
    assert (out[0, 0].diff(dim=1) >= 0).all()
    assert 0 <= out.min() < 0.2 < 0.8 < out.max() <= 1


def test_augmentation_mirrors_and_keeps_colours_in_range() -> None:
    settings = load(TrainSettings, None, {"crop": 1.0, "flip": 1.0, "colour": 0.9})
    ramp = np.repeat(np.linspace(0, 255, 18)[None, :, None], 18, axis=0).repeat(3, axis=2).astype(np.uint8)
    look = replace(LOOK, mean=(0, 0, 0), std=(1, 1, 1))
    out = augment(np.repeat(ramp[None], 32, axis=0), look, settings, np.random.default_rng(0))
    assert (out.diff(dim=3) <= 1e-6).all()
    assert out.min() >= 0
    assert out.max() <= 1
    assert out.std(dim=(1, 2, 3)).unique().numel() > 16
