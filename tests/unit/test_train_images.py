"""Images for training: the same from the cache and from the shards, refused when they are cut short, and how they are shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from merian.core import store
from merian.core.errors import BadData
from merian.core.settings import load
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import RANKS, Tree
from merian.encode import Preprocess
from merian.train import TrainSettings, train
from merian.train.images import Cache, Stream, check_shards
from merian.train.views import Views, augment

LOOK = Preprocess(size=16)
PLAIN = replace(LOOK, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def jpeg(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (24, 24), (value, value, value)).save(stream, "JPEG")
    return stream.getvalue()


def tree(n: int = 3) -> Tree:
    above = ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica")
    rows = [(*above, f"Pica alba{'x' * i}") for i in range(n)]
    return Tree.from_lineages(pl.DataFrame(rows, schema=RANKS, orient="row"))


# ---- images ----------------------------------------------------------------------------------------------------------


def test_the_cache_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merian.train.images.BLOCK", 4)

    def dying() -> Iterator[bytes]:
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
    assert np.array_equal(Cache.open(10, tmp_path).take(np.array([9, 0, 5, 5])), taken)


def test_a_broken_image_stops_the_cache(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="image 1: not an image"):
        Cache.build([jpeg(1), b"nothing at all"], 2, tmp_path, LOOK, 1)


def shards(folder: Path, taxa: int = 3) -> Catalog:
    """24 images of `taxa` species in three shards, in turn, each of one grey."""
    work = store.begin(folder, "catalog", 1, {}, {})
    (folder / "shards").mkdir()
    rows = []
    for shard in range(3):
        data = b""
        for k in range(shard, 24, 3):
            image = jpeg(10 * k)
            rows.append((f"i{k}", k % taxa, shard, len(data), len(image)))
            data += image
        (folder / "shards" / f"shard-{shard:05d}.tar").write_bytes(data)
    grown = tree()
    frame = pl.DataFrame(rows, schema=["id", "taxon", "shard", "offset", "size"], orient="row").sort("offset", "shard")
    species = pl.Series(grown.at("species"), dtype=pl.Int32)
    frame = frame.with_columns(species.gather(frame["taxon"]).alias("taxon"), split=pl.lit("train"))
    conform(frame, CATALOG).write_parquet(folder / "catalog.parquet")
    grown.save(folder / "tree.parquet")
    work.finish()
    return Catalog.open(folder)


def test_images_from_the_cache_and_from_the_shards_are_the_same(tmp_path: Path) -> None:
    catalog = shards(tmp_path / "catalog")
    frame = catalog.kept("train")
    cache = Cache.build(catalog.images(frame), len(frame), tmp_path / "cache", LOOK, 1)
    stream = Stream(catalog, frame, LOOK, 1)
    for rows in (np.arange(24), np.array([23, 0, 7, 7, 12]), np.array([], np.int64)):
        one, other = cache.take(rows), stream.take(rows)
        assert one.dtype == other.dtype == np.uint8
        assert one.shape == (len(rows), 18, 18, 3)
        assert np.array_equal(one, other)
        grey = [10 * int(name[1:]) for name in frame["id"].gather(rows)]
        assert np.abs(other[:, 9, 9, 0].astype(int) - grey).max(initial=0) <= 2


def test_an_image_that_went_bad_in_its_shard_is_named(tmp_path: Path) -> None:
    catalog = shards(tmp_path / "catalog")
    frame = catalog.kept("train")
    offset, size = frame.filter(pl.col("id") == "i4").select("offset", "size").row(0)
    with catalog.shard(1).open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes(size))
    check_shards(catalog, frame)
    images = Stream(catalog, frame, LOOK, 1)
    with pytest.raises(BadData, match="i4: not an image"):
        images.take(np.arange(24))


@pytest.mark.parametrize("cache", ["on", "off"])
def test_a_catalog_with_a_shard_cut_short_is_refused_by_name(tmp_path: Path, cache: str) -> None:
    catalog = shards(tmp_path / "catalog")
    frame = catalog.kept("train")
    check_shards(catalog, frame)
    whole = catalog.shard(1).read_bytes()
    catalog.shard(1).write_bytes(whole[:-1])
    told = rf"shard-00001\.tar: {len(whole) - 1:,} bytes of at least {len(whole):,}"
    with pytest.raises(BadData, match=told):
        check_shards(catalog, frame)
    settings = load(TrainSettings, None, {"image_size": 16, "patch": 8, "cache": cache, "onnx": False})
    with pytest.raises(BadData, match=told):
        train(catalog.path, tmp_path / "model", settings)
    catalog.shard(2).unlink()
    with pytest.raises(BadData, match=r"shard-00002\.tar: not there"):
        check_shards(catalog, frame)
    check_shards(catalog, frame.filter(pl.col("shard") == 0))  # what is not trained on need not be there


def test_images_of_one_taxon_are_nothing_to_learn_from(tmp_path: Path) -> None:
    catalog = shards(tmp_path / "catalog", taxa=1)
    with pytest.raises(BadData, match="at least 2 taxa; all are of one"):
        train(catalog.path, tmp_path / "model", load(TrainSettings, None, {"image_size": 16, "onnx": False}))


# ---- views -----------------------------------------------------------------------------------------------------------


def ramp(n: int = 1) -> torch.Tensor:
    """Images that grow brighter from left to right, `uint8 [n, 18, 18, 3]`."""
    one = np.repeat(np.linspace(0, 255, 18)[None, :, None], 18, axis=0).repeat(3, axis=2).astype(np.uint8)
    return torch.from_numpy(np.repeat(one[None], n, axis=0))


def views(n: int, **given: float) -> Views:
    return Views.draw(n, load(TrainSettings, None, given), np.random.default_rng(0))


def test_plain_views_show_the_image_as_it_is() -> None:
    side = replace(PLAIN, size=18)
    out = augment(ramp(2), Views.plain(2, torch.device("cpu")), side)
    assert torch.allclose(out, ramp(2).permute(0, 3, 1, 2).float() / 255, atol=1e-6)
    normal = augment(
        ramp(2), Views.plain(2, torch.device("cpu")), replace(side, mean=(0.5, 0.5, 0.5), std=(2.0, 2.0, 2.0))
    )
    assert torch.allclose(normal, (out - 0.5) / 2, atol=1e-6)


def test_augmentation_off_is_the_plain_resize() -> None:
    out = augment(ramp(8), views(8, crop=1.0, flip=0.0, colour=0.0), PLAIN)
    assert out.shape == (8, 3, 16, 16)
    # The ratio still varies by itself; along the ramp values keep rising and stay within what was there.
    assert (out[:, 0].diff(dim=2) >= 0).all()
    assert 0 <= out.min() < 0.2 < 0.8 < out.max() <= 1


def test_crops_keep_their_share_and_stay_within_the_image() -> None:
    drawn = views(4000, crop=0.5, flip=0.5)
    across, down = drawn.theta[:, 0, 0], drawn.theta[:, 1, 1]
    area = across.abs() * down
    assert area.min() >= 0.5 * 0.86  # a side that would be longer than the image is cut: at most by the root of 4/3
    assert area.max() <= 1
    assert (across.abs() / down).min() >= 3 / 4 - 1e-4
    assert (across.abs() / down).max() <= 4 / 3 + 1e-4
    assert (drawn.theta[:, 0, 2].abs() + across.abs() <= 1 + 1e-5).all()
    assert (drawn.theta[:, 1, 2].abs() + down <= 1 + 1e-5).all()
    assert 0.45 < (across < 0).float().mean() < 0.55
    assert (drawn.theta[:, 0, 1] == 0).all()
    assert (drawn.theta[:, 1, 0] == 0).all()


def test_augmentation_mirrors_and_keeps_colours_in_range() -> None:
    out = augment(ramp(32), views(32, crop=1.0, flip=1.0, colour=0.9), PLAIN)
    assert (out.diff(dim=3) <= 1e-6).all()
    assert out.min() >= 0
    assert out.max() <= 1
    assert len(set(out.std(dim=(1, 2, 3)).tolist())) > 16


def test_each_image_has_its_own_view() -> None:
    """Images augmented together and in parts are the same."""
    drawn = views(6)
    whole = augment(ramp(6), drawn, LOOK)
    for k in range(0, 6, 2):
        some = Views(drawn.theta[k : k + 2], drawn.factors[:, k : k + 2])
        assert torch.equal(augment(ramp(2), some, LOOK), whole[k : k + 2])
