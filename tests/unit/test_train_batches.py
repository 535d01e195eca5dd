"""What the towers see: a function of seed, step and rank; complete over a pass, faithful to labels."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
import torch

from merian.core.captions import captions
from merian.core.errors import BadData, BadSetting
from merian.core.settings import load
from merian.core.tree import RANKS, Tree
from merian.train import TrainSettings
from merian.train import batches as module
from merian.train.batches import Batch, Batches, Part, Stock, _balanced, drawn_ahead
from merian.train.texts import Texts, fitted, general_texts, taxon_texts, trait_texts


def tree(n: int = 3) -> Tree:
    above = ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica")
    rows = [(*above, f"Pica alba{'x' * i}") for i in range(n)]
    return Tree.from_lineages(pl.DataFrame(rows, schema=RANKS, orient="row"))


@dataclass(frozen=True)
class Numbered:
    """Images that show their row: its hundreds in the first channel, the rest in the second."""

    asked: list[np.ndarray]

    def take(self, rows: np.ndarray) -> np.ndarray:
        self.asked.append(rows)
        out = np.zeros((len(rows), 18, 18, 3), np.uint8)
        out[..., 0], out[..., 1] = (rows // 100)[:, None, None], (rows % 100)[:, None, None]
        return out


def rows_of(batch: Batch) -> list[int]:
    """The rows of the images of a batch."""
    return (batch.pixels[:, 9, 9, 0].int() * 100 + batch.pixels[:, 9, 9, 1].int()).tolist()


def part_of(batch: Batch, name: str = "bio") -> Part:
    return next(part for part in batch.parts if part.name == name)


def words_of(batch: Batch, part: Part, texts: Texts) -> list[str]:
    """What is told of the images of a part, "" for nothing, read back from the tokens."""
    table = {tuple(row): word for row, word in zip(texts.table.tolist(), texts.words, strict=True)}
    width = texts.table.shape[1]
    told = [table[tuple(batch.tokens[k][:width].tolist())] for k in part.texts.tolist()]
    return [told[k] if k >= 0 else "" for k in part.caption.tolist()]


KNOWN = 10
"""One image in so many has a trait."""


def batches(n: int = 25, replay: int = 0, rank: int = 0, ranks: int = 1, shards: int = 0, **given: object) -> Batches:
    """Batches of `n` images of three species in turn, lying in `shards` shards in turn."""
    usual = {"batch": 8, "image_size": 16, "vocabulary": 300, "replay_batch": 6, "traits": 0.0}
    settings = load(TrainSettings, None, usual | given)
    grown = tree()
    taxon = grown.at("species").astype(np.int64)[np.arange(n) % 3]
    frame = pl.DataFrame({"taxon": pl.Series(taxon, dtype=pl.Int32)}).with_columns(
        sex=pl.when(pl.int_range(n) % KNOWN == 0).then(pl.format("sort {}", pl.int_range(n) % 4)),
        life_stage=pl.lit(None, pl.String),
        habitat=pl.lit(None, pl.String),
        behaviour=pl.lit(None, pl.String),
    )
    traits = trait_texts(grown, frame)
    assert traits is not None
    general = general_texts([f"a scene of {k} things" for k in range(max(replay, 2))])
    _, (bio, traits, general) = fitted([taxon_texts(grown, taxon, settings), traits, general], settings)
    lies = np.arange(n, dtype=np.int64) % shards if shards else None
    stock = Stock(Numbered([]), bio, traits if settings.traits else None, lies)
    return Batches(stock, settings, Stock(Numbered([]), general) if replay else None, rank, ranks)


def tensors(batch: Batch) -> Iterator[torch.Tensor]:
    yield from (batch.pixels, batch.views.theta, batch.views.factors, batch.tokens)
    for part in batch.parts:
        yield from (getattr(part, name) for name in Part.__slots__ if name != "name")


def same(one: Batch, other: Batch) -> bool:
    a, b = list(tensors(one)), list(tensors(other))
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


EVERYTHING = {"traits": 0.5, "replay": 20, "objective": "levels", "cap": 7}


@pytest.mark.parametrize("given", [{}, EVERYTHING, {"order": "shards", "shards": 9, "text_per": "batch"}])
def test_a_step_is_the_same_whenever_it_is_asked_for(given: dict[str, object]) -> None:
    first, second = batches(**given), batches(**given)  # type: ignore[arg-type]
    wanted = [first.draw(step) for step in range(9)]
    for step in (8, 0, 3, 3, 7):
        assert same(wanted[step], second.draw(step))
    assert not same(wanted[0], wanted[1])
    assert not same(batches(**given, seed=1).draw(0), wanted[0])  # type: ignore[arg-type]


def test_a_pass_shows_no_image_twice_and_the_next_one_others() -> None:
    run = batches()
    assert (run.size, run.per_epoch, run.total) == (8, 3, 60)
    seen = [[row for k in range(3) for row in rows_of(run.draw(3 * epoch + k))] for epoch in range(20)]
    for rows in seen:
        assert len(rows) == len(set(rows)) == 24
    assert {row for rows in seen for row in rows} == set(range(25))
    assert len({tuple(sorted(rows)) for rows in seen}) > 5  # which image is left over differs


def test_a_catalog_smaller_than_a_batch_is_one_batch() -> None:
    run = batches(5)
    assert (run.size, run.per_epoch) == (5, 1)
    assert rows_of(run.draw(7)) == list(range(5))


def test_at_most_so_many_of_a_species_in_a_pass_and_others_in_the_next() -> None:
    run = batches(60, cap=4, batch=6, shards=0)
    run.bio.texts.of[:30] = 0  # half of all are of one species
    run = Batches(run.bio, run.settings)
    assert (run.per_epoch, run.size) == (2, 6)
    passes = []
    for epoch in range(25):
        rows = [row for k in range(2) for row in rows_of(run.draw(2 * epoch + k))]
        assert len(rows) == len(set(rows)) == 12
        assert np.bincount(run.bio.texts.of[rows], minlength=3).tolist() == [4, 4, 4]
        passes.append(set(rows))
    assert passes[0] != passes[1]
    assert len(set.union(*passes)) > 50
    few = batches(7, cap=2, batch=4)
    assert (few.size, few.per_epoch) == (4, 1)  # 2 of each of three species, and 4 of them fill a batch
    assert batches(7, cap=100, batch=4).per_epoch == 7 // 4


@pytest.mark.parametrize("given", [{}, {"cap": 7}, {"order": "shards", "shards": 9}])
def test_the_rows_of_two_ranks_are_those_of_one(given: dict[str, object]) -> None:
    whole = batches(replay=20, **given)  # type: ignore[arg-type]
    ranks = [batches(replay=20, rank=rank, ranks=2, **given) for rank in range(2)]  # type: ignore[arg-type]
    assert {run.per_epoch for run in (whole, *ranks)} == {whole.per_epoch}
    for step in range(2 * whole.per_epoch):
        one, parts = whole.draw(step), [run.draw(step) for run in ranks]
        for name in ("bio", "replay"):
            images = [np.array(rows_of(b))[part_of(b, name).images].tolist() for b in (one, *parts)]
            assert sorted(images[1] + images[2]) == sorted(images[0])
            assert len(images[1]) == len(images[2])
        # each rank draws its own views
        assert not torch.equal(parts[0].views.theta, parts[1].views.theta)


def test_ranks_that_a_batch_cannot_feed_are_refused() -> None:
    with pytest.raises(BadSetting, match="'batch' = 8: must divide among 3 processes"):
        batches(ranks=3)
    with pytest.raises(BadSetting, match="'replay_batch' = 5: must divide among 2 processes"):
        batches(replay=20, ranks=2, replay_batch=5)
    with pytest.raises(BadSetting, match="'WORLD_SIZE' = 4: is more than the 3 images in a pass"):
        batches(3, ranks=4)
    with pytest.raises(BadSetting, match="'WORLD_SIZE' = 4: is more than the 3 images in a pass"):
        batches(25, ranks=4, cap=1)
    with pytest.raises(BadSetting, match="'WORLD_SIZE' = 8: is more than the 2 images in a pass"):
        batches(25, replay=2, ranks=8)


def kinds_of(batch: Batch, run: Batches) -> list[set[int]]:
    """For each image the kinds of text that its caption may be of."""
    texts = run.bio.texts
    told = part_of(batch)
    of = texts.of[rows_of(batch)[: len(told.images)]]
    keys = [int(told.key[k]) for k in told.caption]
    return [set(np.flatnonzero(texts.text[thing] == key).tolist()) for thing, key in zip(of, keys, strict=True)]


def test_captions_belong_to_their_images() -> None:
    run, grown = batches(), tree()
    species = grown.at("species").tolist()
    kinds: set[int] = set()
    for step in range(6):
        batch = run.draw(step)
        part = part_of(batch)
        told = words_of(batch, part, run.bio.texts)
        for row, word, path in zip(rows_of(batch), told, part.image_path.tolist(), strict=True):
            assert word in {captions(grown, [species[row % 3]], kind)[0] for kind in run.settings.text_types}
            assert path == grown.ancestors[species[row % 3]].tolist()
        for fitting in kinds_of(batch, run):
            assert fitting
            kinds |= fitting
        # each different caption is tokenised once
        assert len(np.unique(batch.tokens.numpy(), axis=0)) == len(batch.tokens) == len(set(part.key.tolist()))
        assert part.text_path.tolist() == run.bio.texts.path_of(part.key.numpy()).tolist()
        assert (part.level == -1).all()
    assert kinds == set(range(5))


def test_one_kind_for_a_whole_batch_on_all_ranks_or_all_kinds() -> None:
    def common(run: list[Batches], step: int) -> set[int]:
        return set.intersection(*(k for one in run for k in kinds_of(one.draw(step), one)))

    one = [batches(96, batch=48, text_per="batch", ranks=2, rank=rank) for rank in range(2)]
    seen = [common(one, step) for step in range(30)]
    assert all(seen)
    assert set.union(*seen) == set(range(5))
    assert len({min(kinds) for kinds in seen}) > 1
    mixed = [batches(96, batch=48, text_per="image", ranks=2, rank=rank) for rank in range(2)]
    assert not any(common(mixed, step) for step in range(30))


def test_traits_are_told_of_the_images_of_which_they_are_known() -> None:
    run = batches(100, batch=20, traits=0.5)
    assert run.bio.traits is not None
    told = 0
    for step in range(5):
        batch = run.draw(step)
        part = part_of(batch, "traits")
        rows = rows_of(batch)
        assert torch.equal(part.images, part_of(batch).images)
        known = [row % KNOWN == 0 for row in rows]
        assert (part.caption >= 0).tolist() == known
        assert (part.image_path >= 0).any(1).tolist() == known
        for row, word in zip(rows, words_of(batch, part, run.bio.traits), strict=True):
            assert word == (f"a photo of a sort {row % 4} Pica alba{'x' * (row % 3)}." if row % KNOWN == 0 else "")
        told += sum(known)
    assert told == 10
    assert [part.name for part in batches(100).draw(0).parts] == ["bio"]


def test_a_batch_of_which_no_trait_is_known_has_no_trait_captions() -> None:
    run = batches(100, batch=4, traits=0.5)
    batch = next(b for b in map(run.draw, range(25)) if all(row % KNOWN for row in rows_of(b)))
    part = part_of(batch, "traits")
    assert len(part.texts) == 0
    assert part.caption.tolist() == [-1] * 4
    assert len(batch.tokens) == len(part_of(batch).texts)


def test_replayed_images_have_their_own_captions() -> None:
    run = batches(25, replay=20, traits=0.5)
    assert run.replay is not None
    for step in range(12):
        batch = run.draw(step)
        part = part_of(batch, "replay")
        assert part.images.tolist() == list(range(8, 14))
        rows = rows_of(batch)[8:]
        assert words_of(batch, part, run.replay.texts) == [f"a scene of {row} things" for row in rows]
        used = torch.cat([p.texts for p in batch.parts])
        assert used.tolist() == list(range(len(batch.tokens)))
    seen = [row for step in range(3) for row in rows_of(run.draw(step))[8:]]
    assert len(seen) == len(set(seen)) == 18  # replay has passes of its own


def test_lineages_cut_at_each_rank_come_with_the_batch() -> None:
    run = batches(objective="levels")
    batch = run.draw(0)
    part = part_of(batch)
    assert np.bincount(part.level.numpy() + 1).tolist()[1:] == [1, 1, 1, 1, 1, 1, 3]
    assert (part.caption < (part.level < 0).sum()).all()
    for path, level in zip(part.text_path.tolist(), part.level.tolist(), strict=True):
        if level >= 0:
            assert path[level] >= 0
            assert all(taxon < 0 for taxon in path[level + 1 :])


def test_a_batch_of_one_taxon_is_whole() -> None:
    run = batches(9, batch=3, text_types=("sci",))
    run.bio.texts.of[:] = 1
    part = part_of(Batches(run.bio, run.settings).draw(0))
    assert part.caption.tolist() == [0, 0, 0]
    assert len(part.key) == 1


def test_few_shards_at_a_time_and_each_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARDS_AT_ONCE", 4)
    run = batches(400, batch=10, order="shards", shards=40)
    orders = []
    for epoch in range(2):
        seen, few = list[int](), list[set[int]]()
        for k in range(run.per_epoch):
            rows = rows_of(run.draw(epoch * run.per_epoch + k))
            assert rows == sorted(rows)
            few.append({row % 40 for row in rows})
            seen += rows
        assert sorted(seen) == list(range(400))
        assert max(map(len, few)) <= 4  # 40 images of 4 shards fill four batches
        assert sum(map(len, few)) / len(few) > 3.5  # shuffled together, not one after the other
        for start in range(0, 40, 4):
            assert len(set.union(*few[start : start + 4])) == 4
        orders.append([frozenset(set.union(*few[start : start + 4])) for start in range(0, 40, 4)])
    assert set(orders[0]) != set(orders[1])  # other shards together in another pass
    far = batches(400, batch=10, shards=40)
    assert max(len({row % 40 for row in rows_of(far.draw(k))}) for k in range(40)) > 6


def asked_of(run: Batches) -> list[np.ndarray]:
    """The rows that were asked of the images, a batch each."""
    assert isinstance(run.bio.images, Numbered)
    return run.bio.images.asked


def test_batches_drawn_ahead_are_the_same() -> None:
    run, plain = batches(**EVERYTHING), batches(**EVERYTHING)  # type: ignore[arg-type]
    for start, stop in ((0, 9), (4, 5), (3, 3)):
        asked = len(asked_of(run))
        ahead = list(drawn_ahead(run, start, stop))
        assert len(ahead) == stop - start == len(asked_of(run)) - asked
        assert all(same(a, plain.draw(step)) for a, step in zip(ahead, range(start, stop), strict=True))


def test_an_error_in_drawing_ahead_is_passed_on_in_its_turn() -> None:
    class Broken(Numbered):
        def take(self, rows: np.ndarray) -> np.ndarray:
            if len(self.asked) == 3:
                raise BadData("shard-00007.tar", "images cannot be decoded; curate again")
            return super().take(rows)

    run = batches()
    run.bio = replace(run.bio, images=Broken([]))
    before = threading.active_count()
    drawn = drawn_ahead(run, 0, 9)
    for _ in range(3):
        next(drawn)
    with pytest.raises(BadData, match=r"shard-00007\.tar"):
        next(drawn)
    assert threading.active_count() == before


def test_a_loop_that_ends_early_leaves_no_thread() -> None:
    before = threading.active_count()
    drawn = drawn_ahead(batches(), 0, 9)
    next(drawn)
    assert threading.active_count() == before + 1
    drawn.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_rare_taxa_come_as_often_as_they_should(power: float) -> None:
    of = np.repeat(np.arange(4), [64, 16, 4, 1])
    rows = [_balanced(of, power, np.random.default_rng(seed)) for seed in range(200)]
    assert {len(row) for row in rows} == {85}
    share = np.bincount(of[np.concatenate(rows)], minlength=4) / (200 * 85)
    wanted = np.array([64, 16, 4, 1.0]) ** (1 - power)
    assert share == pytest.approx(wanted / wanted.sum(), abs=0.01)
    each = np.array([np.bincount(row, minlength=85) for row in rows])
    assert (each.max(0) - each.min(0) <= 1).all()  # rounded up or down, never further off
    assert not (rows[0] == rows[1]).all()
