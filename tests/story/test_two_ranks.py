"""Two processes that talk compute what one computes of the joined batch: losses, gradients, weights. And no image is seen by both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

sys.path.append(str(Path(__file__).parents[1] / "unit"))
sys.path.append(str(Path(__file__).parent))
from small_training import BIO, REPLAY, as_one, seen_rows, small_batches, small_settings
from small_training import one_thread as one_thread
from two_ranks import RUNS, STEPS, computed

from merian.core.errors import BadSetting
from merian.train.batches import Batch
from merian.train.ranks import Ranks
from merian.train.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("one_thread")
SCRIPT = Path(__file__).with_name("two_ranks.py")


def halves(settings: TrainSettings, step: int) -> list[Batch]:
    return [small_batches(settings, rank, 2)[0].draw(step) for rank in (0, 1)]


def test_the_steps_show_as_many_images_on_each_rank_and_not_as_many_captions() -> None:
    told = [[[len(p.key) for p in batch.parts] for batch in halves(small_settings(), step)] for step in STEPS]
    bio, traits = ([tuple(half[k] for half in halves) for halves in told] for k in (0, 1))
    assert any(a != b for a, b in bio)
    assert {(a > 0, b > 0) for a, b in traits} == {(True, True), (False, True), (False, False)}


@pytest.mark.parametrize(
    "changes", [{}, {"cap": 4}, {"batch": 9, "replay_batch": 5}, {"batch": 64, "replay_batch": 64}]
)
def test_the_batches_of_two_ranks_are_the_batch_of_one_and_nothing_is_seen_twice(changes: dict[str, object]) -> None:
    settings = small_settings(**changes)
    if settings.batch == 9:
        with pytest.raises(BadSetting, match="must divide among 2 processes"):
            small_batches(settings, 0, 2)
        return
    one = small_batches(settings)[0]
    ranks = [small_batches(settings, rank, 2)[0] for rank in (0, 1)]
    assert ranks[0].per_epoch == ranks[1].per_epoch == one.per_epoch
    whole = {"bio": 24 if settings.cap else BIO, "replay": REPLAY}
    for epoch in (0, 1):
        seen: dict[str, list[int]] = {"bio": [], "replay": []}
        for step in range(epoch * one.per_epoch, (epoch + 1) * one.per_epoch):
            drawn = [run.draw(step) for run in ranks]
            for k, name in ((0, "bio"), (2, "replay")):
                rows = [seen_rows(batch, batch.parts[k]) for batch in drawn]
                alone = seen_rows(one.draw(step), one.draw(step).parts[k])
                assert [drawn[0].parts[k].name, len(rows[0])] == [name, len(rows[1])]
                assert len(set(rows[0] + rows[1])) == len(rows[0] + rows[1])
                if settings.batch < BIO:
                    assert sorted(rows[0] + rows[1]) == sorted(alone)
                else:  # an odd number of images: the ranks leave one over
                    assert set(rows[0] + rows[1]) < set(alone)
                    assert len(alone) - len(rows[0] + rows[1]) == 1
                seen[name] += rows[0] + rows[1]
        assert len(set(seen["bio"])) == len(seen["bio"]) > whole["bio"] - 10
        assert len(seen["bio"]) <= whole["bio"]


def test_the_kind_of_caption_of_a_batch_is_the_same_on_both_ranks() -> None:
    settings = small_settings(text_per="batch")
    runs = [small_batches(settings, rank, 2)[0] for rank in (0, 1)]
    kinds = []
    for step in range(12):
        told = set()
        for batch, run in ((run.draw(step), run) for run in runs):
            of = run.bio.texts.of[seen_rows(batch, batch.parts[0])]
            drawn = batch.parts[0].key[batch.parts[0].caption].numpy()
            fits = (run.bio.texts.text[of] == drawn[:, None]).all(0).nonzero()[0]
            told.add(tuple(fits.tolist()))
        assert len(set.intersection(*(set(t) for t in told))) >= 1
        kinds.append(min(told))
    assert len(set(kinds)) > 1


@pytest.mark.story
def test_two_processes_learn_what_one_learns_of_the_joined_batch(tmp_path: Path) -> None:
    arguments = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT), str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [load_file(tmp_path / f"rank-{rank}.safetensors") for rank in (0, 1)]
    wanted = computed(Ranks(), lambda settings, step: as_one(halves(settings, step)))
    assert ranks[0].keys() == ranks[1].keys() >= wanted.keys()
    for name, value in ranks[0].items():
        assert torch.equal(value, ranks[1][name]), name
    for run in RUNS:
        for step in STEPS:
            at = f"{run}/{step}/"
            for part in ("bio", "traits", "replay", "loss"):
                assert ranks[0][f"{at}loss/{part}"].item() == pytest.approx(wanted[f"{at}loss/{part}"].item(), rel=1e-5)
            assert ranks[0][f"{at}norm"].item() == pytest.approx(wanted[f"{at}norm"].item(), rel=1e-5)
            names = [name for name in wanted if name.startswith(f"{at}gradient/")]
            gradients = [torch.cat([found[n].flatten() for n in names]) for found in (ranks[0], wanted)]
            assert (gradients[0] - gradients[1]).norm() <= 1e-5 * gradients[1].norm()
            for name in names:
                # one weight's gradient may be small beside the others': the rounding of those is the measure
                assert torch.allclose(ranks[0][name], wanted[name], rtol=1e-4, atol=1e-5 * gradients[1].abs().max()), (
                    name
                )
            weights = {n: w for n, w in wanted.items() if n.startswith(f"{at}weight/")}
            moved = torch.cat([(w - wanted[n.replace(at, f"{run}/start/")]).flatten() for n, w in weights.items()])
            apart = torch.cat([(w - ranks[0][n]).flatten() for n, w in weights.items()])
            # AdamW divides a gradient by its size: where it is not clipped far below epsilon, rounding alone moves a key's bias, whose gradient is 0
            assert apart.norm() <= (1e-5 if RUNS[run]["grad_clip"] else 5e-3) * moved.norm()
