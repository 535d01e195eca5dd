"""A step's gradients: the same in chunks, averaged over batches, close in bf16; parts that do not touch each other; what is fixed stays."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from small_training import as_one, small_batches, small_settings, small_step
from small_training import one_thread as one_thread

from merian.core.errors import BadSetting
from merian.train.batches import Batch
from merian.train.objectives import OBJECTIVES
from merian.train.optimizer import make_optimizer
from merian.train.step import Losses, Step

pytestmark = pytest.mark.usefixtures("one_thread")


def batch_of(number: int = 0, **changes: object) -> Batch:
    return small_batches(small_settings(**changes))[0].draw(number)


def step_of(**changes: object) -> Step:
    settings = small_settings(**changes)
    return small_step(settings, small_batches(settings)[1])


def gradients(step: Step) -> torch.Tensor:
    """All gradients in one row; zeros where a weight has none."""
    return torch.cat(
        [(torch.zeros_like(w) if w.grad is None else w.grad).flatten().float() for w in step.towers.parameters()]
    )


def learnt(batch: Batch, **changes: object) -> tuple[Losses, torch.Tensor]:
    step = step_of(**changes)
    return step.gradients(batch, 0), gradients(step)


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("chunk", [4, 7, 15, 16])
def test_chunks_give_the_gradients_of_the_whole(objective: str, chunk: int) -> None:
    """16 images of two parts: 4 divides them, 7 and 15 do not, and a chunk may hold images of both."""
    batch = batch_of(objective=objective)
    assert len(batch.pixels) == 16
    told, wanted = learnt(batch, objective=objective)
    told_in_chunks, found = learnt(batch, objective=objective, chunk=chunk)
    assert wanted.norm() > 0.1
    assert apart(found, wanted) < 1e-5
    assert {k: v.item() for k, v in told_in_chunks.items()} == pytest.approx(
        {k: v.item() for k, v in told.items()}, rel=1e-5
    )


def test_chunks_hold_the_activations_of_one_chunk_only() -> None:
    """No tower sees more rows at a time than a chunk has."""
    seen: list[int] = []
    step = step_of(chunk=5)
    step.towers.clip.visual.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    step.gradients(batch_of(), 0)
    assert seen == [5, 5, 5, 1] * 2


def test_patch_dropout_hides_the_same_patches_both_times_a_chunk_is_seen() -> None:
    """Were others hidden the second time, the gradients would not be those of the loss: moving along them must lower it as much as they say."""
    batch, size = batch_of(), 1e-4
    step = step_of(patch_dropout=0.5, chunk=6)
    before = step.gradients(batch, 3)["loss"].item()
    assert before != step_of(chunk=6).gradients(batch, 3)["loss"].item()
    grad = [None if w.grad is None else w.grad.clone() for w in step.towers.parameters()]
    slope = sum((g**2).sum().item() for g in grad if g is not None) ** 0.5
    ends = []
    for sign in (1.0, -1.0):
        moved = step_of(patch_dropout=0.5, chunk=6)
        with torch.no_grad():
            for weight, g in zip(moved.towers.parameters(), grad, strict=True):
                if g is not None:
                    weight += sign * size * 10 * g / slope
        ends.append(moved.gradients(batch, 3)["loss"].item())
    assert (ends[0] - ends[1]) / (2 * size * 10) == pytest.approx(slope, rel=0.02)


def test_batches_one_after_another_leave_the_mean_of_their_gradients() -> None:
    batches = [batch_of(number) for number in range(3)]
    each = torch.stack([learnt(batch)[1] for batch in batches])
    for chunk in (0, 5):
        step = step_of(chunk=chunk)
        for batch in batches:
            step.gradients(batch, 0, 1 / 3)
        assert apart(gradients(step), each.mean(0)) < 1e-5
    assert apart(each[0], each.mean(0)) > 0.1


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_bf16_computes_nearly_the_same(objective: str) -> None:
    batch = batch_of(objective=objective)
    told, wanted = learnt(batch, objective=objective)
    rough, found = learnt(batch, objective=objective, precision="bf16")
    assert rough["loss"].item() == pytest.approx(told["loss"].item(), rel=0.01)
    assert 1e-4 < apart(found, wanted) < 0.1
    step = step_of(objective=objective, precision="bf16")
    step.gradients(batch, 0)
    assert {w.dtype for w in step.towers.parameters()} == {torch.float32}


def test_the_scale_is_learnt_unless_it_is_fixed() -> None:
    for fixed in (False, True):
        settings = small_settings(logit_scale_fixed=fixed, logit_scale=20.0, weight_decay=1.0)
        step = small_step(settings, small_batches(settings)[1])
        optimizer = make_optimizer(step.towers, settings)
        for number in range(3):
            optimizer.zero_grad()
            step.gradients(batch_of(number), number)
            step.finish()
            optimizer.step()
        assert (step.towers.logit_scale.item() == pytest.approx(math.log(20.0), abs=1e-7)) == fixed


def test_finish_shortens_the_gradients_and_tells_how_long_they_were() -> None:
    batch = batch_of()
    wanted = learnt(batch)[1]
    for most in (0.0, 0.5, 1e6):
        step = step_of(grad_clip=most)
        step.gradients(batch, 0)
        assert step.finish().item() == pytest.approx(wanted.norm().item(), rel=1e-5)
        assert gradients(step).norm().item() == pytest.approx(min(most or math.inf, wanted.norm().item()), rel=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_replayed_images_are_never_compared_with_names_of_taxa(objective: str) -> None:
    """Another replayed image, or another caption of it, changes the loss of `replay` only; and one of `bio` never that of `replay`."""
    batch = batch_of(objective=objective)
    bio, _, replay = batch.parts
    assert [p.name for p in batch.parts] == ["bio", "traits", "replay"]
    told = learnt(batch, objective=objective)[0]
    for part, same, other in ((replay, ("bio", "traits"), "replay"), (bio, ("replay",), "bio")):
        pixels, tokens = batch.pixels.clone(), batch.tokens.clone()
        pixels[part.images[1]] = 255 - pixels[part.images[1]]
        tokens[part.texts[0], 1] = (tokens[part.texts[0], 1] + 1) % 200
        for changed in (replace(batch, pixels=pixels), replace(batch, tokens=tokens)):
            found = learnt(changed, objective=objective)[0]
            for name in same:
                if (
                    name != "traits" or changed.pixels is pixels
                ):  # captions are cut to length in groups, which moves last digits
                    assert found[name].item() == pytest.approx(told[name].item(), rel=1e-6)
            assert abs(found[other].item() - told[other].item()) > 1e-5


def test_the_parts_are_added_with_their_weights_and_have_projectors_of_their_own() -> None:
    batch = next(b for b in map(batch_of, range(20)) if len(b.parts[1].key) > 1)
    told, _ = learnt(batch, traits=0.5, replay_weight=0.7)
    parts = {name: told[name].item() for name in ("bio", "traits", "replay")}
    assert min(parts.values()) > 0
    assert told["loss"].item() == pytest.approx(parts["bio"] + 0.5 * parts["traits"] + 0.7 * parts["replay"], rel=1e-6)
    step = step_of(replay_weight=0.0)
    step.gradients(batch, 0)
    projectors = step.towers.projectors
    assert projectors["replay"].grad is not None
    assert not projectors["replay"].grad.any()
    assert projectors["bio"].grad.norm() > 0
    assert projectors["traits"].grad.norm() > 0


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_batch_in_which_no_trait_is_told_teaches_none(objective: str) -> None:
    settings = small_settings(objective=objective)
    batch = next(b for b in map(small_batches(settings)[0].draw, range(60)) if not len(b.parts[1].key))
    for chunk in (0, 5):
        told, found = learnt(batch, objective=objective, chunk=chunk)
        assert told["traits"].item() == 0.0
        assert torch.isfinite(found).all()
        assert found.norm() > 0


def test_a_batch_of_one_taxon_has_a_loss_by_every_objective() -> None:
    """With n images of one caption, infonce adds the log n of telling n equal captions from each other, and multi_positive nothing for that."""
    settings = small_settings(text_types=("sci",))
    batches, config = small_batches(settings)
    batch = batches.draw(0)
    bio = batch.parts[0]
    row = int(bio.caption[0])
    keep = (bio.caption == row).nonzero().flatten()
    assert len(keep) >= 2
    alone = replace(
        bio,
        images=bio.images[keep],
        texts=bio.texts[row : row + 1],
        caption=torch.zeros(len(keep), dtype=torch.int64),
        image_path=bio.image_path[keep],
        text_path=bio.text_path[row : row + 1],
        key=bio.key[row : row + 1],
        level=bio.level[row : row + 1],
    )
    told = {}
    for objective in OBJECTIVES:
        step = small_step(replace(settings, objective=objective), config)
        told[objective] = step.gradients(replace(batch, parts=(alone,)), 0)["bio"].item()
        assert torch.isfinite(gradients(step)).all()
    assert told["infonce"] - told["multi_positive"] == pytest.approx(math.log(len(keep)) / 2, rel=1e-5)
    shrunk = told["multi_positive"] / (1 + sum(settings.level_weights))
    assert [told["levels"], told["marginal"]] == pytest.approx([shrunk, shrunk], rel=1e-5)


@pytest.mark.parametrize("weights", [(0.1,) * 6, (0.1,) * 8, (0.1,) * 6 + (-0.1,)])
def test_weights_of_ranks_are_as_many_as_the_ranks(weights: tuple[float, ...]) -> None:
    with pytest.raises(BadSetting, match="takes 7 weights of at least 0"):
        step_of(objective="marginal", level_weights=weights).gradients(batch_of(), 0)


def test_two_halves_joined_by_hand_are_a_batch() -> None:
    """The measure of the test with two processes: each image keeps its caption, and equal captions are one."""
    settings = small_settings()
    halves = [small_batches(settings, rank, 2)[0].draw(4) for rank in (0, 1)]
    whole = as_one(halves)
    for at, part in enumerate(whole.parts):
        assert len(part.key.unique()) == len(part.key) == len(part.texts)
        wanted = [(b.pixels[p.images], b.tokens[p.texts], p.caption) for b in halves for p in [b.parts[at]]]
        assert torch.equal(whole.pixels[part.images], torch.cat([pixels for pixels, _, _ in wanted]))
        said = [tokens[k].tolist() if k >= 0 else None for _, tokens, caption in wanted for k in caption.tolist()]
        tokens = whole.tokens[part.texts]
        assert [tokens[k].tolist() if k >= 0 else None for k in part.caption.tolist()] == said


def test_gradients_reach_the_hyperbolic_head_and_are_the_same_in_chunks() -> None:
    found = []
    for chunk in (0, 5):
        step = step_of(objective="marginal", hyperbolic=True, chunk=chunk)
        step.gradients(batch_of(objective="marginal"), 0)
        assert step.towers.lorentz is not None
        assert all(w.grad is not None and w.grad.abs().item() > 0 for w in step.towers.lorentz.parameters())
        found.append(gradients(step))
    assert bool(found[0].isfinite().all())
    assert apart(found[1], found[0]) < 1e-4
