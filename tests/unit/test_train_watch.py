"""What a run says of itself: a line a step, no more than the checkpoint knows; a stop with a reason when it goes wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from merian.core.errors import BadSetting
from merian.core.settings import load
from merian.train import TrainSettings
from merian.train.watch import METRICS, MIXED, RECENT, SPEED, Watch, flops_of, peak_flops


def watch(folder: Path, done: int = 0, **given: object) -> Watch:
    return Watch(folder, load(TrainSettings, None, given), done, True)


def test_lines_are_written_with_the_checkpoint_and_cut_to_it_on_the_next_run(tmp_path: Path) -> None:
    told = watch(tmp_path)
    for step in range(5):
        told.step(step, {"loss": 3.0 - step / 10, "lr": 0.1}, 8)
    assert not (tmp_path / METRICS).exists()
    told.keep(5)
    again = watch(tmp_path, done=3)
    again.step(3, {"loss": 1.0, "lr": 0.2}, 8)
    again.keep(4)
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2, 3]
    assert (lines[2]["loss"], lines[3]["loss"], lines[3]["lr"]) == (2.8, 1.0, 0.2)
    speed = [json.loads(line) for line in (tmp_path / SPEED).read_text().splitlines()]
    assert [line["step"] for line in speed] == [5, 4]
    assert all(line["images_per_second"] > 0 for line in speed)


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    quiet = Watch(tmp_path, load(TrainSettings, None, {}), 0, False)
    quiet.step(0, {"loss": 1.0}, 8)
    quiet.keep(1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops(tmp_path: Path, loss: float) -> None:
    with pytest.raises(BadSetting, match=f"'lr' = 0.5: the loss is {loss} at step 7"):
        watch(tmp_path, lr=0.5).step(7, {"loss": loss}, 8)


def test_a_loss_that_rises_for_long_stops_and_one_that_jumps_does_not(tmp_path: Path) -> None:
    steady = watch(tmp_path)
    for step in range(3 * RECENT):
        steady.step(step, {"loss": 30.0 if step == 2 * RECENT else 2.0}, 8)
    for step in range(3 * RECENT, 3 * RECENT + 9):
        steady.step(step, {"loss": 5.0}, 8)
    with pytest.raises(BadSetting, match=r"the loss rose from 2\.00 to 3\.50 by step 69"):
        steady.step(69, {"loss": 5.0}, 8)


def test_batches_that_are_mixed_more_or_less_are_no_divergence(tmp_path: Path) -> None:
    mixed = watch(tmp_path, mix=0.4)
    for step in range(6 * MIXED):
        half = step % MIXED < RECENT  # a run of batches that are mixed half and half
        mixed.step(step, {"loss": 7.0 if half and step >= MIXED else 4.4}, 8)

    def rise() -> None:
        for step in range(6 * MIXED, 7 * MIXED):
            mixed.step(step, {"loss": 7.0}, 8)

    with pytest.raises(BadSetting, match="the loss rose"):
        rise()


def test_divergence_is_seen_after_a_restart_too(tmp_path: Path) -> None:
    first = watch(tmp_path)
    for step in range(RECENT):
        first.step(step, {"loss": 1.0}, 8)
    first.keep(RECENT)
    again = watch(tmp_path, done=RECENT)
    assert again.lowest == 1.0


def test_the_note_tells_loss_speed_and_use(tmp_path: Path) -> None:
    told = watch(tmp_path)
    told.start -= 2.0
    told.weigh(1e12, 5e11)
    told.step(0, {"loss": 1.25}, 1000, batches=2)
    assert told.note.startswith("loss 1.250 · ")
    assert 450 < told.rate <= 500
    assert 0.45 < told.use <= 0.5
    assert "MFU" in told.note


def test_tensorboard_gets_every_number(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = watch(tmp_path, tensorboard=True)
    for step in range(3):
        told.step(step, {"loss": 2.0 - step, "lr": 0.1}, 8)
    told.keep(3)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [e.value for e in events.Scalars("loss")] == [2.0, 1.0, 0.0]
    assert {"loss", "lr", "images_per_second"} <= set(events.Tags()["scalars"])


def test_operations_are_counted_as_two_for_each_multiplication() -> None:
    a, b = torch.ones(7, 11), torch.ones(11, 5)
    assert flops_of(lambda: a @ b) == 2 * 7 * 11 * 5
    assert peak_flops(torch.device("cpu"), "fp32") > 1e8
