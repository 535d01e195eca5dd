"""Strong augmentation: turns, erased patches, images mixed in pairs; and towers of timm, which learn from smaller images than they name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_training import LOOK, small_batches, small_settings, small_step
from small_training import one_thread as one_thread

from merian.core.errors import BadSetting
from merian.encode.pixels import Preprocess
from merian.train.checkpoint import Average
from merian.train.step import Losses, Step
from merian.train.towers import BIO, model_config
from merian.train.views import Mix, Views, augment, shown

pytestmark = pytest.mark.usefixtures("one_thread")
PLAIN = Preprocess(size=16, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
CPU = torch.device("cpu")


def noise(n: int, side: int = 16) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).integers(0, 256, (n, side, side, 3), np.uint8))


def drawn(n: int = 64, **given: float) -> Views:
    settings = small_settings(crop=1.0, flip=0.0, colour=0.0, **given)
    return Views.draw(n, settings, np.random.default_rng(0))


def mixes(often: float, steps: int, parts: list[int] | None = None) -> list[Mix | None]:
    settings = small_settings(mix=often)
    return [
        Mix.draw(parts or [10, 6], settings, np.random.default_rng(k), np.random.default_rng(1000 + k))
        for k in range(steps)
    ]


def test_runs_without_them_draw_what_they_always_drew() -> None:
    plain, strong = drawn(), drawn(turn=20.0, erase=0.5)
    assert torch.equal(plain.factors, strong.factors)
    assert torch.equal(plain.theta[:, :, 2], strong.theta[:, :, 2])
    assert plain.erased is None


def test_a_half_turn_turns_the_image_about_its_middle() -> None:
    views = Views.plain(2, CPU)
    half = replace(views, theta=-views.theta)
    assert torch.allclose(augment(noise(2), half, PLAIN), augment(noise(2), views, PLAIN).flip(2, 3), atol=1e-5)


def test_turns_stay_within_their_degrees_and_keep_the_size_of_the_crop() -> None:
    views, straight = drawn(turn=30.0), drawn()
    linear, before = views.theta[:, :, :2], straight.theta[:, :, :2]
    assert torch.allclose(torch.linalg.det(linear), torch.linalg.det(before), atol=1e-5)
    turned = linear @ torch.linalg.inv(before)
    degrees = torch.rad2deg(torch.atan2(turned[:, 1, 0], turned[:, 0, 0]))
    assert 20 < degrees.abs().max() <= 30.001
    assert degrees.min() < 0 < degrees.max()


def test_erased_patches_have_the_mean_colour_and_their_share() -> None:
    views = drawn(2000, erase=0.5)
    assert views.erased is not None
    left, top, right, bottom = views.erased.T
    area = (right - left) * (bottom - top)
    assert (area == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    some = area[area > 0]
    assert 0.02 * 0.99 <= some.min() < 0.05 < 0.25 < some.max() <= 1 / 3 + 1e-5
    assert views.erased.min() >= 0
    assert views.erased.max() <= 1 + 1e-5
    bright = torch.full((2000, 16, 16, 3), 255, dtype=torch.uint8)
    grey = (augment(bright, views, PLAIN)[:, 0] == 0).float().mean((1, 2))
    assert (grey - area).abs().max() < 0.1


def test_how_often_batches_are_mixed_and_which_images_with_which() -> None:
    assert all(mix is None for mix in mixes(0.0, 20))
    found = [mix for mix in mixes(0.7, 400) if mix is not None]
    assert len(found) == pytest.approx(280, abs=40)
    assert sum(mix.box is None for mix in found) == pytest.approx(len(found) / 2, abs=40)
    for mix in found:
        assert sorted(mix.partner.tolist()) == list(range(16))
        assert mix.partner[:10].max() < 10  # images of one stock are mixed among themselves
        assert 0 <= mix.share <= 1
    assert 0.45 < np.mean([mix.share for mix in found]) < 0.7  # rectangles that reach over the edge are cut


def test_ranks_mix_by_the_same_shares_with_partners_of_their_own() -> None:
    settings = small_settings(mix=1.0)
    a, b = (Mix.draw([10], settings, np.random.default_rng(7), np.random.default_rng(k)) for k in (1, 2))
    assert a is not None
    assert b is not None
    assert (a.share, a.box) == (b.share, b.box)
    assert not torch.equal(a.partner, b.partner)
    first, second = (small_batches(small_settings(mix=1.0), rank, 2)[0].draw(3).views.mix for rank in (0, 1))
    assert first is not None
    assert second is not None
    assert (first.share, first.box) == (second.share, second.box)


def test_a_mixed_image_is_its_own_and_its_partners_by_the_share() -> None:
    one, other = torch.ones(3, 3, 16, 16), torch.zeros(3, 3, 16, 16)
    partner = torch.arange(3)
    assert Mix(partner, 0.3).mixed(one, other).unique().item() == pytest.approx(0.3)
    mix = Mix(partner, 1 - 0.25 * 0.5, (0.5, 0.25, 0.75, 0.75))
    pasted = mix.mixed(one, other)
    assert pasted.mean().item() == pytest.approx(mix.share)
    assert (pasted[:, :, 4:12, 8:12] == 0).all()
    for found in (mix for mix in mixes(1.0, 200) if mix is not None and mix.box is not None):
        assert found.mixed(one, other).mean().item() == pytest.approx(found.share, abs=0.13)


def test_pairs_are_shown_as_they_are_mixed_whichever_rows_are_asked_for() -> None:
    views = replace(drawn(6), mix=Mix(torch.tensor([1, 2, 3, 4, 5, 0]), 0.25))
    pixels = noise(6)
    plain = augment(pixels, views.of(slice(0, 6)), PLAIN)
    whole = shown(pixels, views, slice(0, 6), PLAIN)
    assert torch.allclose(whole, 0.25 * plain + 0.75 * plain[[1, 2, 3, 4, 5, 0]], atol=1e-6)
    assert torch.allclose(shown(pixels, views, slice(2, 5), PLAIN), whole[2:5], atol=1e-6)


def losses_of(mix: Mix | None, **changes: object) -> tuple[Losses, torch.Tensor]:
    """The losses and gradients of one batch whose images are not touched, only what counts as right."""
    settings = small_settings(**changes)
    batches, config = small_batches(settings)
    batch = batches.draw(0)
    step = small_step(settings, config)
    told = step.gradients(replace(batch, views=replace(batch.views, mix=mix)), 0)
    return told, gradients_of(step)


def gradients_of(step: Step) -> torch.Tensor:
    """All gradients in one row; zeros where a weight has none."""
    return torch.cat([(torch.zeros_like(w) if w.grad is None else w.grad).flatten() for w in step.towers.parameters()])


PARTNER = torch.cat([torch.arange(10).roll(3), 10 + torch.arange(6).roll(1)])


def test_the_loss_of_a_mixed_batch_weighs_both_captions_by_their_shares() -> None:
    """With a rectangle of no size no pixel is changed, so the loss must be linear in the share alone."""
    nothing = (0.0, 0.0, 0.0, 0.0)
    own, half, other = (losses_of(Mix(PARTNER, share, nothing))[0] for share in (1.0, 0.5, 0.0))
    plain = losses_of(None)[0]
    for name in ("bio", "traits", "replay", "loss"):
        assert own[name].item() == pytest.approx(plain[name].item(), rel=1e-5)
        assert half[name].item() == pytest.approx((own[name] + other[name]).item() / 2, rel=1e-5)
    assert other["bio"].item() != pytest.approx(own["bio"].item(), rel=1e-3)
    itself = losses_of(Mix(torch.arange(16), 0.4, nothing))[0]  # mixed with itself, an image is what it was
    assert itself["loss"].item() == pytest.approx(plain["loss"].item(), rel=1e-5)


@pytest.mark.parametrize("chunk", [4, 7])
def test_mixed_batches_in_chunks_have_the_gradients_of_the_whole(chunk: int) -> None:
    mix = Mix(PARTNER, 0.35)
    whole, parts = (losses_of(mix, chunk=size) for size in (0, chunk))
    assert parts[0]["loss"].item() == pytest.approx(whole[0]["loss"].item(), rel=1e-5)
    assert ((parts[1] - whole[1]).norm() / whole[1].norm()).item() < 1e-5


# ---- towers of timm --------------------------------------------------------------------------------------------------

CONVOLUTIONS = {"tower": "resnet10t", "image_size": 64, "train_size": 32}


def test_towers_of_timm_learn_from_smaller_images_than_they_name() -> None:
    settings = small_settings(**CONVOLUTIONS)
    batches, config = small_batches(settings)
    assert config["vision_cfg"] == {
        "image_size": 64,
        "timm_model_name": "resnet10t",
        "timm_model_pretrained": False,
        "timm_pool": "",
    }
    step = replace(small_step(settings, config), preprocess=replace(LOOK, size=64))
    seen: list[tuple[int, ...]] = []
    step.towers.clip.visual.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    step.gradients(batches.draw(0), 0)
    assert seen == [(16, 3, 32, 32)]
    assert all(w.grad is not None and w.grad.isfinite().all() for w in step.towers.clip.visual.parameters())


def test_an_average_of_weights_keeps_what_batch_norms_know() -> None:
    settings = small_settings(**CONVOLUTIONS)
    batches, config = small_batches(settings)
    step = small_step(settings, config)
    average = Average(step.towers, 0.5)
    name = next(name for name, _ in step.towers.named_buffers() if name.endswith("running_mean"))
    values = []
    for number in range(3):
        step.gradients(batches.draw(number), number)
        values.append(dict(step.towers.named_buffers())[name].clone())
        average.update(step.towers)
    average.into(step.towers)
    expected = (0.125 * values[0] + 0.25 * values[1] + 0.5 * values[2]) / 0.875
    assert torch.allclose(dict(step.towers.named_buffers())[name], expected, atol=1e-6)
    assert step.towers.project(torch.ones(1, settings.dim), BIO).shape == (1, settings.dim)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tower": "resnet81"}, "is none of vit, resnet or timm's .* nearest: resnet"),
        ({"tower": "vit_tiny_patch16_224", "image_size": 64}, "must be 224 for vit_tiny_patch16_224"),
        ({"tower": "vit", "train_size": 8}, "train_size.*not with vit"),
    ],
)
def test_what_no_tower_takes_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        model_config(small_settings(**changes), 300, 32)


# ---- class vectors beside the captions -------------------------------------------------------------------------------


def classed(**changes: object) -> tuple[Losses, torch.Tensor]:
    settings = small_settings(classes=0.5, **changes)
    batches, config = small_batches(settings)
    step = small_step(settings, config, classes=len(batches.bio.texts.path))
    return step.gradients(batches.draw(0), 0), gradients_of(step)


def test_class_vectors_are_learnt_beside_the_captions_and_in_chunks_too() -> None:
    whole, parts = classed(), classed(chunk=4)
    assert {"bio", "traits", "replay", "classes", "loss"} == set(whole[0])
    expected = whole[0]["bio"] + 0.5 * whole[0]["traits"] + 0.7 * whole[0]["replay"] + 0.5 * whole[0]["classes"]
    assert whole[0]["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert ((parts[1] - whole[1]).norm() / whole[1].norm()).item() < 1e-5
    without = losses_of(None)[0]
    assert without["bio"].item() == pytest.approx(whole[0]["bio"].item(), rel=1e-5)


def test_images_are_told_from_names_that_none_of_them_shows() -> None:
    """Only a few of the taxa are in a small batch; with `negatives` all captions are there, and those alone ask for no image."""
    settings = small_settings(batch=3, replay_batch=0, traits=0.0)
    some, all_of = (
        small_batches(small_settings(batch=3, replay_batch=0, traits=0.0, negatives=n))[0].draw(0) for n in (0, 99)
    )
    told = {
        key
        for key, level in zip(all_of.parts[0].key.tolist(), all_of.parts[0].level.tolist(), strict=True)
        if level == -1
    }
    assert told == set(some.parts[0].key.tolist())
    assert (all_of.parts[0].level == -2).sum() > 0
    assert len(all_of.parts[0].key) == len(small_batches(settings)[0].bio.texts.text)
    assert len(all_of.tokens) == len(all_of.parts[0].key)
    few, many = (losses_of(None, batch=3, replay_batch=0, traits=0.0, negatives=n)[0]["bio"] for n in (0, 99))
    assert few.item() != pytest.approx(many.item(), rel=1e-4)
