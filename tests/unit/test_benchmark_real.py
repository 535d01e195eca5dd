"""The real photos as tasks on a plain table: each data set by itself, by its own folds. Only where the photos are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from merian.evaluate.benchmarks.items import image_bytes
from merian.evaluate.benchmarks.task import read, tasks

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TASKS = Path(__file__).parent / "data" / "benchmarks"
COUNTS = {
    "apple-leaves": (256, 4),
    "butterflies": (3076, 77),
    "butterflies-new": (250, 6),
    "danube-fish": (567, 7),
    "leaf-silhouettes": (672, 82),
    "pepper-potato-leaves": (36, 5),
    "seal-sex": (190, 2),
    "seal-stage": (289, 2),
    "tomato-leaves": (642, 10),
}
"""Images and classes."""

pytestmark = [pytest.mark.real, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")]


def test_every_task_is_counted() -> None:
    assert sorted(COUNTS) == sorted(file.stem for file in TASKS.glob("*.toml"))


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_a_real_data_set_is_read_whole(name: str) -> None:
    task = tasks([str(TASKS / f"{name}.toml")])[0]
    found = read(task, DATA)
    frame = found.frame
    assert task.name == name
    assert (len(found), len(found.classes)) == COUNTS[name]
    assert found.remarks == ()
    assert frame["label"].min() == 0
    assert frame["label"].n_unique() == len(found.classes)
    # by fold, and what shows one organism or tile is in one fold
    folds = [] if name == "butterflies-new" else ["0", "1", "2", "3"]
    assert sorted(frame["fold"].drop_nulls().unique().to_list()) == folds
    assert frame.group_by("group").agg(pl.col("fold").n_unique())["fold"].max() == 1
    assert image_bytes(frame["path"][-1]).startswith(b"\xff\xd8\xff")


def test_species_are_asked_for_by_their_lineage_and_states_by_plain_words() -> None:
    fish = read(tasks([str(TASKS / "danube-fish.toml")])[0], DATA)
    burbot = "Animalia Chordata Actinopterygii Gadiformes Lotidae Lota lota with common name burbot"
    assert burbot in fish.prompts
    assert fish.frame["group"].n_unique() == 118
    leaves = read(tasks([str(TASKS / "pepper-potato-leaves.toml")])[0], DATA)
    assert leaves.prompts[0] == "bell pepper leaf bacterial spot"
