"""Every objective against a slow twin in NumPy float64 written from its formula: its value and, by central differences, its gradient; and its laws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from merian.train.objectives import OBJECTIVES, Rows, cosine, gathered, infonce, multi_positive, unique
from merian.train.ranks import Ranks

Doubles = NDArray[np.float64]
Path = tuple[int, ...]

# class, family, genus, species; -1 where the taxonomy is silent
TAXA: dict[str, Path] = {
    "Pica pica": (0, 1, 2, 3),
    "Pica hudsonia": (0, 1, 2, 4),
    "Corvus corax": (0, 1, 5, 6),
    "Parus major": (0, 7, 8, 9),
    "Corvidae": (0, 1, -1, -1),
    "of no family": (0, -1, 10, 11),
    "Lynx lynx": (12, 13, 14, 15),
    "Aves": (0, -1, -1, -1),
    "unplaced": (-1, -1, -1, -1),
}
SHARED = {"Pica pica": "magpie", "Pica hudsonia": "magpie"}
NAMED: dict[str, Path] = (
    TAXA | {f"another name of {name}": path for name, path in TAXA.items()} | {"magpie": (0, 1, 2, -1)}
)
SEEN, AGAIN, COMMON, NONE = "name", "another name", "common name", "no caption"
WEIGHTS = (0.3, 0.0, 0.7, 0.25)


@dataclass(frozen=True)
class Case:
    """Images and captions as plain lists, all of float64."""

    image: Doubles
    text: Doubles
    scale: float
    caption: list[int]
    image_path: list[Path]
    text_path: list[Path]
    key: list[int]
    level: list[int]

    def rows(self, image: torch.Tensor, text: torch.Tensor) -> Rows:
        r = len(WEIGHTS)
        paths = [torch.tensor(p, dtype=torch.int64).reshape(-1, r) for p in (self.image_path, self.text_path)]
        key, level = (torch.tensor(v, dtype=torch.int64) for v in (self.key, self.level))
        return Rows(image, text, torch.tensor(self.caption, dtype=torch.int64), *paths, key, level)


def case(seen: Sequence[tuple[str, str]], seed: int = 0, fill: int = 0) -> Case:
    """A case of images of taxa with kinds of captions; captions cut at each rank come along, and `fill` rows that only fill up. In random order."""
    rng = np.random.default_rng(seed)
    said = [
        None if kind == NONE else {SEEN: n, AGAIN: f"another name of {n}", COMMON: SHARED.get(n, n)}[kind]
        for n, kind in seen
    ]
    keys, words = list(NAMED), sorted({s for s in said if s is not None})
    texts = [(keys.index(w), NAMED[w], -1) for w in words]
    paths = [TAXA[name] for name, _ in seen]
    for level in range(len(WEIGHTS)):
        names = sorted({p[level] for p in paths if p[level] >= 0})
        of = {name: next(p for p in paths if p[level] == name) for name in names}
        texts += [(100 + name, of[name][: level + 1] + (-1,) * (len(WEIGHTS) - level - 1), level) for name in names]
    texts += [(-1, (-1,) * len(WEIGHTS), -1)] * fill
    order = rng.permutation(len(texts))
    texts = [texts[k] for k in order]
    row = {key: k for k, (key, _, _) in enumerate(texts)}
    caption = [-1 if s is None else row[keys.index(s)] for s in said]
    image, text = rng.standard_normal((len(seen), 5)), rng.standard_normal((len(texts), 5))
    return Case(image, text, 2.5, caption, paths, [t[1] for t in texts], [t[0] for t in texts], [t[2] for t in texts])


def at_random(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    names = [list(TAXA)[k] for k in rng.integers(len(TAXA), size=9)]
    kinds = [(SEEN, AGAIN, COMMON, NONE)[k] for k in rng.choice(4, size=9, p=[0.4, 0.3, 0.2, 0.1])]
    return case(list(zip(names, kinds, strict=True)), seed, fill=int(rng.integers(3)))


CASES = {
    "no taxon repeats": case(
        [("Pica pica", SEEN), ("Corvus corax", SEEN), ("Parus major", SEEN), ("Lynx lynx", AGAIN)]
    ),
    "taxa repeat": case([("Pica pica", SEEN), ("Pica pica", AGAIN), ("Corvus corax", SEEN), ("Corvus corax", AGAIN)]),
    "captions repeat": case(
        [("Pica pica", SEEN)] * 3 + [("Lynx lynx", SEEN), ("Lynx lynx", SEEN), ("Corvus corax", SEEN)]
    ),
    "missing ranks": case([("of no family", SEEN), ("of no family", AGAIN), ("Pica pica", SEEN), ("Aves", SEEN)]),
    "open pairs": case(
        [("Corvidae", SEEN), ("Pica pica", SEEN), ("Pica hudsonia", AGAIN), ("Lynx lynx", SEEN), ("Aves", SEEN)]
    ),
    "shared caption": case(
        [
            ("Pica pica", COMMON),
            ("Pica hudsonia", COMMON),
            ("Pica pica", SEEN),
            ("Corvus corax", SEEN),
            ("Parus major", SEEN),
        ]
    ),
    "no caption": case([("Pica pica", NONE), ("Corvus corax", SEEN), ("Pica pica", SEEN), ("Parus major", NONE)]),
    "silent paths": case(
        [("unplaced", SEEN), ("unplaced", AGAIN), ("unplaced", SEEN), ("Pica pica", SEEN), ("Lynx lynx", SEEN)]
    ),
    "one taxon": case([("Pica pica", SEEN), ("Pica pica", SEEN), ("Pica pica", AGAIN)]),
    "rows that fill up": case([("Pica pica", SEEN), ("Lynx lynx", SEEN), ("Pica pica", AGAIN)], fill=2),
} | {f"random {seed}": at_random(seed) for seed in range(6)}


def log_softmax(scores: list[float]) -> Doubles:
    whole = np.array(scores)
    return whole - whole.max() - np.log(np.exp(whole - whole.max()).sum())


def is_open(a: Path, b: Path) -> bool:
    return all(x == y or x < 0 or y < 0 for x, y in zip(a, b, strict=True))


def told(c: Case) -> list[int]:
    return [i for i in range(len(c.image)) if c.caption[i] >= 0]


def drawn(c: Case) -> list[int]:
    """The first row of each caption that was drawn for an image."""
    return [k for k in range(len(c.key)) if c.key[k] >= 0 and c.level[k] < 0 and c.key[k] not in c.key[:k]]


def fits(c: Case, i: int, k: int) -> bool:
    return c.key[c.caption[i]] == c.key[k] or (c.image_path[i] == c.text_path[k] and max(c.image_path[i]) >= 0)


def score(c: Case, i: int, k: int) -> float:
    return c.scale * float(c.image[i] @ c.text[k])


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def infonce_twin(c: Case, weights: Sequence[float]) -> float:
    losses = []
    for at, i in enumerate(told(c)):
        to_text = log_softmax([score(c, i, c.caption[j]) for j in told(c)])[at]
        to_image = log_softmax([score(c, j, c.caption[i]) for j in told(c)])[at]
        losses.append(-(to_text + to_image) / 2)
    return mean(losses)


def multi_positive_twin(c: Case, weights: Sequence[float]) -> float:
    by_image, by_caption = [], []
    for i in told(c):
        among = [k for k in drawn(c) if fits(c, i, k) or not is_open(c.image_path[i], c.text_path[k])]
        log = log_softmax([score(c, i, k) for k in among])
        by_image.append(mean([-log[at] for at, k in enumerate(among) if fits(c, i, k)]))
    for k in drawn(c):
        among = [i for i in told(c) if fits(c, i, k) or not is_open(c.image_path[i], c.text_path[k])]
        log = log_softmax([score(c, i, k) for i in among])
        by_caption.append(mean([-log[at] for at, i in enumerate(among) if fits(c, i, k)]))
    return (mean(by_image) + mean(by_caption)) / 2


def levels_twin(c: Case, weights: Sequence[float]) -> float:
    total = multi_positive_twin(c, weights)
    for rank, weight in enumerate(weights):
        names = [k for k in range(len(c.key)) if c.level[k] == rank]
        by_image, by_name = [], []
        for i in told(c):
            own = [at for at, k in enumerate(names) if c.text_path[k][rank] == c.image_path[i][rank]]
            if own:
                by_image.append(-log_softmax([score(c, i, k) for k in names])[own[0]])
        for k in names:
            right = [i for i in told(c) if c.image_path[i][rank] == c.text_path[k][rank]]
            among = [i for i in told(c) if i in right or not is_open(c.image_path[i], c.text_path[k])]
            log = log_softmax([score(c, i, k) for i in among]) if among else np.zeros(0)
            by_name.append(mean([-log[at] for at, i in enumerate(among) if i in right]))
        total += weight * (mean(by_image) + mean(by_name)) / 2
    return total / (1 + sum(weights))


def marginal_twin(c: Case, weights: Sequence[float]) -> float:
    total = multi_positive_twin(c, weights)
    for rank, weight in enumerate(weights):
        have, losses = [k for k in drawn(c) if c.text_path[k][rank] >= 0], []
        for i in told(c):
            below = [at for at, k in enumerate(have) if c.text_path[k][rank] == c.image_path[i][rank]]
            if below:
                losses.append(-float(np.logaddexp.reduce(log_softmax([score(c, i, k) for k in have])[below])))
        total += weight * mean(losses)
    return total / (1 + sum(weights))


TWINS: dict[str, Callable[[Case, Sequence[float]], float]] = {
    "infonce": infonce_twin,
    "multi_positive": multi_positive_twin,
    "levels": levels_twin,
    "marginal": marginal_twin,
}


def computed(name: str, c: Case) -> tuple[float, Doubles, Doubles, float]:
    """An objective's value, and its gradients by images, texts and scale."""
    tensors = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (c.image, c.text, c.scale)]
    rows = c.rows(tensors[0], tensors[1])
    loss = OBJECTIVES[name](
        rows, gathered(rows, Ranks()), 0, cosine(tensors[2]), torch.tensor(WEIGHTS, dtype=torch.float64)
    )
    assert loss.dtype == torch.float64
    loss.backward()
    image, text, scale = (t.grad.numpy() for t in tensors)
    return loss.item(), image, text, float(scale)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """torch on one thread: for so few numbers, more only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_objective_has_a_twin() -> None:
    assert OBJECTIVES.keys() == TWINS.keys()


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("which", CASES)
def test_value_and_gradient(name: str, which: str) -> None:
    """The gradient along three random directions of each input: one wrong component would show in each."""
    c, twin, rng, step = CASES[which], TWINS[name], np.random.default_rng(9), 1e-5
    value, by_image, by_text, by_scale = computed(name, c)
    assert value == pytest.approx(twin(c, WEIGHTS), rel=1e-12)
    assert abs(value) > 1e-3 or which == "one taxon"
    for _ in range(3):
        image, text = rng.standard_normal(c.image.shape), rng.standard_normal(c.text.shape)
        for analytic, ends in (
            ((by_image * image).sum(), [replace(c, image=c.image + s * step * image) for s in (1, -1)]),
            ((by_text * text).sum(), [replace(c, text=c.text + s * step * text) for s in (1, -1)]),
            (by_scale, [replace(c, scale=c.scale + s * step) for s in (1, -1)]),
        ):
            by_hand = (twin(ends[0], WEIGHTS) - twin(ends[1], WEIGHTS)) / (2 * step)
            assert analytic == pytest.approx(by_hand, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_mean_over_ranks_is_the_loss_of_the_joined_batch(name: str) -> None:
    """Two ranks draw some of the same captions and not as many; gradients of equal captions add up."""
    halves = [
        [("Pica pica", COMMON), ("Corvidae", SEEN), ("Pica pica", SEEN), ("Lynx lynx", NONE)],
        [("Pica pica", SEEN), ("Pica hudsonia", COMMON), ("Pica pica", SEEN), ("Pica pica", SEEN)],
    ]
    joined = case(halves[0] + halves[1])
    own = [case(half) for half in halves]
    row = {key: k for k, key in enumerate(joined.key)}
    own = [
        replace(c, image=joined.image[4 * at : 4 * at + 4], text=joined.text[[row[key] for key in c.key]])
        for at, c in enumerate(own)
    ]
    assert len(own[0].key) != len(own[1].key)
    most = max(len(c.key) for c in own)
    scale, weights = torch.tensor(joined.scale), torch.tensor(WEIGHTS, dtype=torch.float64)
    leaves = [[torch.tensor(v, requires_grad=True) for v in (c.image, c.text)] for c in own]
    rows = [c.rows(*pair) for c, pair in zip(own, leaves, strict=True)]
    fill = [most - len(c.key) for c in own]
    pad = torch.nn.functional.pad
    whole = Rows(
        torch.cat([r.image for r in rows]),
        torch.cat([pad(r.text, (0, 0, 0, f)) for r, f in zip(rows, fill, strict=True)]),
        torch.cat([torch.where(r.caption < 0, -1, r.caption + most * at) for at, r in enumerate(rows)]),
        torch.cat([r.image_path for r in rows]),
        torch.cat([pad(r.text_path, (0, 0, 0, f), value=-1) for r, f in zip(rows, fill, strict=True)]),
        torch.cat([pad(r.text_key, (0, f), value=-1) for r, f in zip(rows, fill, strict=True)]),
        torch.cat([pad(r.level, (0, f), value=-1) for r, f in zip(rows, fill, strict=True)]),
    )
    loss = sum(OBJECTIVES[name](r, whole, at, cosine(scale), weights) for at, r in enumerate(rows)) / 2
    loss.backward()
    value, by_image, by_text, _ = computed(name, joined)
    assert loss.item() == pytest.approx(value, rel=1e-12)
    assert np.allclose(np.concatenate([pair[0].grad for pair in leaves]), by_image, atol=1e-14)
    summed = np.zeros_like(by_text)
    for c, pair in zip(own, leaves, strict=True):
        np.add.at(summed, [row[key] for key in c.key], pair[1].grad.numpy())
    assert np.allclose(summed, by_text, atol=1e-14)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_order_of_rows_does_not_matter(name: str) -> None:
    rng = np.random.default_rng(5)
    for which in CASES:
        c = CASES[which]
        images, texts = rng.permutation(len(c.image)), rng.permutation(len(c.key))
        back = np.argsort(texts)
        turned = Case(
            c.image[images],
            c.text[texts],
            c.scale,
            [-1 if c.caption[i] < 0 else int(back[c.caption[i]]) for i in images],
            [c.image_path[i] for i in images],
            [c.text_path[k] for k in texts],
            [c.key[k] for k in texts],
            [c.level[k] for k in texts],
        )
        before, after = computed(name, c), computed(name, turned)
        assert before[0] == pytest.approx(after[0], rel=1e-12)
        assert np.allclose(before[1][images], after[1], atol=1e-12)
        assert np.allclose(before[2][texts], after[2], atol=1e-12)


def test_infonce_and_multi_positive_are_one_where_nothing_repeats_and_nothing_is_open() -> None:
    equal = {
        which: computed("infonce", c)[0] == pytest.approx(computed("multi_positive", c)[0])
        for which, c in CASES.items()
    }
    assert equal["no taxon repeats"]
    assert not any(
        equal[which] for which in ("taxa repeat", "captions repeat", "open pairs", "shared caption", "one taxon")
    )
    value, *gradients = computed("infonce", CASES["no taxon repeats"])
    again, *others = computed("multi_positive", CASES["no taxon repeats"])
    assert value == pytest.approx(again, rel=1e-12)
    for a, b in zip(gradients, others, strict=True):
        assert np.allclose(a, b, atol=1e-14)


@pytest.mark.parametrize("which", ["open pairs", "shared caption", "missing ranks", "random 1", "random 3"])
def test_open_pairs_do_not_matter_and_all_others_do(which: str) -> None:
    """With images at right angles, entry [i, k] of the captions' gradient, turned, is what the score of image i and caption k matters."""
    c, rng = CASES[which], np.random.default_rng(3)
    n, count = len(c.image), len(c.key)
    c = replace(c, image=np.eye(n), text=rng.standard_normal((count, n)))
    pairs = np.ndindex(n, count)
    differ = np.array([not is_open(c.image_path[i], c.text_path[k]) for i, k in pairs]).reshape(n, count)
    fit = np.array([i in told(c) and fits(c, i, k) for i, k in np.ndindex(n, count)]).reshape(n, count)
    here = np.isin(np.arange(n), told(c))[:, None]
    free = here & np.isin(np.arange(count), drawn(c))
    counts = free & (fit | differ)
    assert (free & ~counts).any()
    # a score that is alone in its softmax has probability 1 whatever it is
    company = (counts.sum(0, keepdims=True) > 1) | (counts.sum(1, keepdims=True) > 1)
    assert np.array_equal(computed("multi_positive", c)[2].T != 0, counts & company)
    assert (counts & company).any()
    matters, paths, names = computed("levels", c)[2].T != 0, np.array(c.image_path), np.array(c.text_path)
    assert np.array_equal(matters & free, counts & company)
    for rank, weight in enumerate(WEIGHTS):
        at = here & (np.array(c.level) == rank)
        same = at & (paths[:, None, rank] == names[:, rank])
        counts = at & (same | differ)
        company = (same.any(1, keepdims=True) & (at.any(0).sum() > 1)) | (counts.sum(0, keepdims=True) > 1)
        assert np.array_equal(matters & at, counts & company & (weight > 0))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_batch_without_any_caption_teaches_nothing(name: str) -> None:
    c = replace(case([("Pica pica", NONE), ("Lynx lynx", NONE)]), text=np.zeros((0, 5)), text_path=[], key=[], level=[])
    value, by_image, _, _ = computed(name, c)
    assert value == 0.0
    assert not by_image.any()


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("scale", [1.0, 100.0, 1000.0])
def test_what_does_not_count_leaves_no_trace_in_single_precision(name: str, scale: float) -> None:
    """The same value in float32 as the twin's, at the largest factors of the cosine too."""
    for which in ("open pairs", "no caption", "random 0"):
        c = CASES[which]
        unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (c.image, c.text)]
        c = replace(c, image=unit[0], text=unit[1], scale=scale)
        rows = c.rows(*(torch.tensor(v, dtype=torch.float32) for v in unit))
        value = OBJECTIVES[name](rows, rows, 0, cosine(torch.tensor(scale)), torch.tensor(WEIGHTS)).item()
        assert value == pytest.approx(TWINS[name](c, WEIGHTS), rel=3e-5, abs=1e-5)


def test_only_infonce_pushes_twins_of_one_species_apart() -> None:
    """All captions of one species at one point: by one loss they stay together, by the other each image pulls at its own."""
    c = case([("Pica pica", SEEN), ("Pica pica", AGAIN), ("Pica pica", SEEN), ("Pica pica", AGAIN)])
    c = replace(c, text=np.ones_like(c.text) / c.text.shape[1] ** 0.5)
    pull = {}
    for objective in (infonce, multi_positive):
        gradient = computed(objective.__name__, c)[2][drawn(c)]
        pull[objective] = np.abs(gradient - gradient.mean(axis=0)).max()
    assert pull[multi_positive] < 1e-12
    assert pull[infonce] > 0.01


def test_each_key_counts_once_and_rows_that_fill_up_never() -> None:
    key = torch.tensor([7, -1, 3, 7, 3, -1, 0])
    assert unique(key).tolist() == [True, False, True, False, False, False, True]
    assert unique(key[:0]).tolist() == []
