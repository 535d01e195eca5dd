"""The probe that tells pictures of no organism by examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageDraw

from merian.core.errors import BadData, Mismatch, Missing
from merian.curate import kinds
from merian.curate.kinds import KindProbe, learn, learn_from
from merian.encode import decode_many, open_encoder
from merian.testing import check_encoder

ENCODER = open_encoder("descriptor")


def page(seed: int) -> Image.Image:
    """Lines of black marks on white."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (120, 160), "white")
    pen = ImageDraw.Draw(image)
    for y in range(8, 150, 7):
        x = 8
        while x < 110:
            width = int(rng.integers(2, 12))
            pen.line((x, y, min(x + width, 112), y), fill="black", width=2)
            x += width + 3
    return image


def field(seed: int) -> Image.Image:
    """A soft, colourful scene."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(30, 220, (5, 5, 3), np.uint8))
    return small.resize((120, 160), Image.Resampling.BICUBIC)


def support(folder: Path, each: int = 8) -> Path:
    for kind, draw in (("text page", page), ("keep-photo", field)):
        (folder / kind).mkdir(parents=True)
        for k in range(each):
            draw(k).save(folder / kind / f"{k}.png")
    return folder


def vectors(*images: Image.Image, folder: Path) -> np.ndarray:
    paths = []
    for k, image in enumerate(images):
        paths.append(folder / f"query{k}.png")
        image.save(paths[-1])
    return ENCODER.embed_images(decode_many(paths, ENCODER.preprocess).pixels)


def test_the_descriptor_keeps_the_contract() -> None:
    check_encoder(ENCODER)


def test_pages_are_told_from_photos(tmp_path: Path) -> None:
    folder = support(tmp_path / "support")
    (folder / "text page" / "broken.png").write_bytes(b"no image")
    (folder / ".hidden").mkdir()
    probe, refused = learn(folder, ENCODER)
    assert probe.kinds == ("keep-photo", "text page")
    assert refused.rows() == [("text page/broken.png", "not an image")]
    assert probe.examples.rows() == [("keep-photo", 8, 1.0, 0.0), ("text page", 8, 1.0, 1.0)]
    found = probe.judge(vectors(page(99), field(99), page(98), folder=tmp_path), ENCODER.fingerprint)
    assert (found["kind_probability"] > 0.8).to_list() == [True, False, True]
    assert found["kind"].to_list() == ["text page"] * 3
    assert probe.judge(np.zeros((0, ENCODER.dim), np.float32), ENCODER.fingerprint).is_empty()
    with pytest.raises(Mismatch):
        probe.judge(np.zeros((1, 3), np.float32), "another")


def test_a_probe_is_saved_and_its_bytes_are_the_same_again(tmp_path: Path) -> None:
    folder = support(tmp_path / "support", 4)
    probe, _ = learn(folder, ENCODER)
    probe.save(tmp_path / "a.npz")
    learn(folder, ENCODER)[0].save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = KindProbe.load(tmp_path / "a.npz")
    seen = vectors(page(5), field(5), folder=tmp_path)
    assert again.judge(seen, again.fingerprint).equals(probe.judge(seen, probe.fingerprint))
    assert again.examples.equals(probe.examples)
    (tmp_path / "c.npz").write_bytes(b"something else")
    with pytest.raises(BadData, match="probe"):
        KindProbe.load(tmp_path / "c.npz")
    with pytest.raises(Missing):
        KindProbe.load(tmp_path / "none.npz")


def test_leaving_one_out_is_what_learning_without_it_gives() -> None:
    """The closed form against refits on all but one."""
    rng = np.random.default_rng(0)
    of = np.repeat([0, 1, 2], [9, 6, 12])
    x = rng.standard_normal((27, 5)) + 2 * rng.standard_normal((3, 5))[of]
    number = np.bincount(of)
    fast = kinds._left_out(x, of, number, 0.3)
    _, inverse = kinds._fit(x, of, number, 0.3)
    level = 0.3 * np.trace(np.linalg.inv(inverse))  # the shrunken matrix has the trace of the scatter
    for i in range(27):
        rest = np.delete(np.arange(27), i)
        middle = np.stack([x[rest][of[rest] == k].mean(0) for k in range(3)])
        r = x[rest] - middle[of[rest]]
        matrix = 0.7 * r.T @ r / (27 - 3) + level / 5 * np.eye(5)
        weights = np.linalg.solve(matrix, middle.T)
        slow = x[i] @ weights - 0.5 * np.einsum("kd,dk->k", middle, weights)
        assert np.allclose(fast[i], slow, rtol=1e-6, atol=1e-8)


def test_chance_labels_are_not_recognised() -> None:
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((60, 40)).astype(np.float32)
    probe = learn_from(noise, pl.Series(["keep", "label"] * 30), "x")
    assert (probe.examples["recognised"] < 0.75).all()
    assert (probe.judge(noise[:9] * 0.2, "x")["kind_probability"] - 0.5).abs().max() < 0.4


def test_examples_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        learn(tmp_path / "none", ENCODER)
    rows = np.eye(6, dtype=np.float32)
    for names, says in (
        (["keep a"] * 3 + ["keep b"] * 3, "nothing to refuse"),
        (["label"] * 3 + ["page"] * 3, "nothing to keep"),
        (["label"] * 5 + ["keep"], "fewer than 3"),
    ):
        with pytest.raises(BadData, match=says):
            learn_from(rows, pl.Series(names), "x")
