"""The protocols of the benchmarks on small worlds whose answer is known, and on data that no number can be made of."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from merian.core.chance import stream
from merian.core.errors import BadData, MerianError, Mismatch
from merian.core.tree import RANKS, Tree
from merian.evaluate.benchmarks.attributes import attributes
from merian.evaluate.benchmarks.binary import BinaryTasks, answer_tasks, separate
from merian.evaluate.benchmarks.candidates import Candidates, class_vectors
from merian.evaluate.benchmarks.discovery import Discovery, discover, label_some
from merian.evaluate.benchmarks.named import zero_shot
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms, partition
from merian.evaluate.benchmarks.probe import divided, probe
from merian.evaluate.benchmarks.ranks import Prompts, by_rank
from merian.evaluate.benchmarks.shots import few_shot, one_shot
from merian.evaluate.benchmarks.unseen import Predicates, class_scores, unseen_attributes
from merian.evaluate.fewshot import run_folds

TERMS = Terms(name="t", seed=3, resamples=60)
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


def clouds(classes: np.ndarray, d: int = 24, noise: float = 0.6, name: str = "clouds") -> np.ndarray:
    """Vectors [n, d] about a random centre for each class; the centres are the same for all calls of one d."""
    centres = stream(0, "centres", d).standard_normal((40, d))
    return (centres[classes] + noise * stream(0, name, len(classes)).standard_normal((len(classes), d))).astype(
        np.float32
    )


def world(k: int, each: int, noise: float = 0.6, name: str = "world", grouped: int = 0) -> Images:
    classes = np.repeat(np.arange(k), each)
    groups = np.arange(len(classes)) // grouped if grouped else None
    return Images(clouds(classes, noise=noise, name=name), classes, groups)


def held(outcome: Outcome) -> None:
    """Every interval holds its value, every share lies in [0, 1], nothing is nan."""
    for number in outcome.numbers:
        assert np.isfinite(number.value), number
        if number.low is not None and number.high is not None:
            assert number.low - 1e-9 <= number.value <= number.high + 1e-9, number
        if number.unit == "share":
            assert 0 <= number.value <= 1, number


# ---- images ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_vectors_that_mean_nothing_are_named_by_row(value: float) -> None:
    vectors = np.ones((5, 3), np.float32)
    vectors[[1, 4]] = value
    with pytest.raises(BadData, match=r"embed.*\(1, 4\)"):
        Images(vectors, np.zeros(5, np.int64))


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(Mismatch, match="4 classes"):
        Images(np.ones((5, 3), np.float32), np.zeros(4, np.int64))
    with pytest.raises(Mismatch, match="2 groups"):
        Images(np.ones((5, 3), np.float32), np.zeros(5, np.int64), np.zeros(2, np.int64))


def test_parts_hold_whole_groups_and_every_class() -> None:
    images = world(4, 30, grouped=3)
    part = partition(images, 5, stream(1, "p"))
    assert len(set(zip(images.grouping.tolist(), part.tolist(), strict=True))) == len(np.unique(images.grouping))
    assert np.bincount(part).tolist() == [24] * 5
    assert all(len(np.unique(images.classes[part == p])) == 4 for p in range(5))
    assert not np.array_equal(part, partition(images, 5, stream(2, "p")))
    with pytest.raises(BadData, match="3 cannot be divided"):
        partition(world(1, 3), 5, stream(0))


def test_where_no_resample_differs_the_interval_is_that_of_so_many_cases() -> None:
    right = np.ones((7, 1))
    images = world(1, 7)
    found = TERMS.number("x", images.resamples(TERMS).micro(right)[0], note="7 of 7")
    assert found.value == found.high == 1
    assert found.low == pytest.approx(1 / (1 + 1.96**2 / 7), abs=1e-3)  # Wilson 1927: 1 / (1 + z^2 / n)
    assert found.note == "7 of 7; Wilson's interval, as no resample differs"
    none = TERMS.number("x", images.resamples(TERMS).micro(0 * right)[0])
    assert (none.value, none.low, none.high) == (0, 0, pytest.approx(1 - found.low))


# ---- zero-shot and ranks -----------------------------------------------------------------------------------------


def bird_tree() -> Tree:
    rows = [("A", "P", "C", f"O{o}", f"F{o}", f"G{o}{g}", f"G{o}{g} s{s}") for o in "xy" for g in "12" for s in "ab"]
    return Tree.from_lineages(pl.DataFrame(rows, schema=list(RANKS), orient="row"))


def bird_candidates(scale: float = 20.0) -> Candidates:
    """Eight species, near their relatives."""
    tree = bird_tree()
    species = tree.at("species").astype(np.int32)
    vectors = stream(0, "taxa").standard_normal((len(tree), 24)).astype(np.float32)
    summed = np.stack([vectors[tree.ancestors[t]].sum(0) for t in species.tolist()])
    names = tuple(str(tree.names[int(t)]) for t in species)
    return Candidates(names, class_vectors(summed, np.arange(8), names), scale, tree, species)


def test_texts_count_by_direction_not_by_length() -> None:
    texts = np.array([[10, 0], [0, 0.1], [0, 5]], np.float32)
    found = class_vectors(texts, np.array([0, 0, 1]), ("a", "b"))
    np.testing.assert_allclose(found, [[2**-0.5, 2**-0.5], [0, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("texts", "owner", "says"),
    [
        ([[1, 0], [1, 0]], [0, 0], r"no text.*\(b\)"),
        ([[1, 0], [-1, 0], [0, 1]], [0, 0, 1], r"cancel out \(a\)"),
        ([[1, 0], [np.nan, 0]], [0, 1], r"finite.*\(b\)"),
    ],
)
def test_classes_without_a_vector_are_refused(texts: list[list[float]], owner: list[int], says: str) -> None:
    with pytest.raises(BadData, match=says):
        class_vectors(np.array(texts, np.float32), np.array(owner), ("a", "b"))


def test_zero_shot_names_what_lies_nearest() -> None:
    candidates = bird_candidates()
    classes = np.repeat(np.arange(8), 12)
    noise = 0.05 * stream(0, "noise").standard_normal((96, 24)).astype(np.float32)
    found = zero_shot(Images(candidates.vectors[classes] + noise, classes), candidates, TERMS)
    held(found)
    assert found["t.top1"].value == found["t.macro"].value == found["t.nlca"].value == 1
    assert found["t.distance"].value == 0
    assert found["t.order.summed"].value == 1
    assert found["t.chance"].value == pytest.approx(1 / 8)
    assert found.table["top1"].to_list() == [1.0] * 8


def test_a_scale_that_is_too_high_is_told_and_mended() -> None:
    candidates = bird_candidates(scale=300.0)
    classes = np.repeat(np.arange(8), 30)
    noise = 0.35 * stream(0, "noise").standard_normal((240, 24)).astype(np.float32)
    found = zero_shot(Images(candidates.vectors[classes] + noise, classes), candidates, TERMS)
    held(found)
    assert found["t.calibration.error"].value > 2 * found["t.calibration.error_fitted"].value
    assert found["t.calibration.scale"].value < 100
    mistakes = found.table.filter(pl.col("top1") < 1)
    assert len(mistakes)
    assert mistakes["mistaken_for"].null_count() == 0


def test_zero_shot_says_what_it_leaves_out() -> None:
    vectors = np.eye(3, 8, dtype=np.float32)
    candidates = Candidates(("a", "b", "c"), np.concatenate([vectors[:2], vectors[1:2]]), 10.0)
    found = zero_shot(Images(vectors, np.array([0, 1, -1])), candidates, TERMS)
    assert [n.name for n in found.numbers][:2] == ["t.top1", "t.macro"]
    text = " ".join(found.remarks)
    assert "1 images have no class" in text
    assert "2 classes have the very vector of another (b, c)" in text
    assert "too few to fit a scale" in text
    with pytest.raises(BadData, match="none has a class"):
        zero_shot(Images(vectors, np.full(3, -1)), candidates, TERMS)
    with pytest.raises(BadData, match="have no name"):
        Candidates(("a", " "), vectors[:2], 1.0)
    with pytest.raises(BadData, match="below 3"):
        zero_shot(Images(vectors, np.array([0, 3, 1])), candidates, TERMS)


def test_ranks_by_sums_by_prompts_and_down_the_tree() -> None:
    candidates = bird_candidates()
    tree = candidates.tree
    assert tree is not None
    classes = np.repeat(np.arange(8), 10)
    images = Images(candidates.vectors[classes], classes)
    prompts = {}
    for rank in ("order", "genus", "species"):
        taxa = tree.at(rank).astype(np.int32)
        below = [candidates.vectors[(tree.at("species") >= t) & (tree.at("species") < tree.end[t])] for t in taxa]
        prompts[rank] = Prompts(taxa, np.stack([b.mean(0) for b in below]).astype(np.float32))
    found = by_rank(images, candidates, prompts, TERMS)
    held(found)
    assert found["t.species.summed"].value == found["t.species.prompted"].value == 1
    assert found["t.nlca.summed"].value == 1
    assert "No texts for kingdom: not asked for." in found.remarks
    # prompts of orders that are swapped: asking is always wrong, and so is everything below on the way down; sums do not mind
    prompts["order"] = Prompts(prompts["order"].taxa, prompts["order"].vectors[::-1])
    wrong = by_rank(images, candidates, prompts, TERMS)
    assert wrong["t.order.summed"].value == 1
    assert wrong["t.order.prompted"].value == wrong["t.order.top_down"].value == wrong["t.species.top_down"].value == 0
    assert wrong["t.species.prompted"].value == 1
    assert wrong["t.prompted.consistent"].value == 0


def test_prompts_of_another_rank_are_refused() -> None:
    candidates = bird_candidates()
    assert candidates.tree is not None
    taxa = candidates.tree.at("genus").astype(np.int32)
    images = Images(candidates.vectors, np.arange(8))
    with pytest.raises(BadData, match="rank order"):
        by_rank(images, candidates, {"order": Prompts(taxa, candidates.vectors[: len(taxa)])}, TERMS)
    with pytest.raises(BadData, match="no lineage"):
        by_rank(images, Candidates(LETTERS[:8], candidates.vectors, 1.0), {}, TERMS)


# ---- few shots ---------------------------------------------------------------------------------------------------


def test_few_shot_is_simpleshot_over_the_same_draws() -> None:
    images = world(6, 9, noise=1.5, grouped=3)
    found = few_shot(images, LETTERS[:6], TERMS, shots=(1, 2), draws=3)
    held(found)
    for k in (1, 2):
        old = run_folds([images.units], images.classes, images.grouping, k, 3, 3, "t")
        assert found[f"t.shot{k}"].value == pytest.approx(old.right.sum() / old.asked.sum())
        alone = run_folds([images.units], images.classes, np.arange(54), k, 3, 3, "t")
        assert found[f"t.shot{k}.groups_ignored"].value == pytest.approx(alone.right.sum() / alone.asked.sum())


def test_all_other_images_are_asked_about_when_there_are_no_groups() -> None:
    images = world(5, 7)
    found = few_shot(images, LETTERS[:5], TERMS, shots=(2,), draws=2)
    asked = run_folds([images.units], images.classes, images.grouping, 2, 2, 3, "t").asked
    assert asked.sum() == 2 * 5 * (7 - 2)
    assert found["t.shot2"].value > 0.9
    assert not any("groups_ignored" in n.name for n in found.numbers)


def test_leaking_specimens_make_few_shot_look_better() -> None:
    """Two nearly equal photos of each specimen: the published way asks about the twin of what it has shown."""
    classes = np.repeat(np.arange(10), 8)
    specimens = np.arange(80) // 2
    vectors = clouds(classes, noise=4.0)[specimens * 2] + 0.01 * clouds(classes, name="twin")
    found = few_shot(Images(vectors, classes, specimens), LETTERS[:10], TERMS, shots=(1,), draws=10)
    assert found["t.shot1.groups_ignored"].value > found["t.shot1"].value + 0.05


def test_one_image_per_class_is_no_few_shot_task() -> None:
    with pytest.raises(BadData, match="fewer than two"):
        few_shot(world(5, 1), LETTERS[:5], TERMS, shots=(1, 5))
    classes = np.array([0, 0, 0, 1, 1, 1, 2])
    found = few_shot(Images(clouds(classes), classes), LETTERS[:3], TERMS, shots=(1, 5))
    assert "1 classes have no more than 1 images and take no part in 1-shot." in found.remarks
    assert "Fewer than two classes have more than 5 images: no 5-shot figure." in found.remarks


def test_one_shot_shows_training_images_and_asks_about_all_test_images() -> None:
    train, test = world(6, 10, noise=0.8), world(7, 8, noise=0.8, name="test")
    found = one_shot(train, test, LETTERS[:7], TERMS, draws=20)
    held(found)
    assert found["t.shot1"].value > 0.8
    assert found["t.shot1"].n == 48
    assert found["t.shot1.majority"].value == pytest.approx(1 / 6)
    assert found["t.shot1.draws_sd"].n == 20
    assert any("(g): not asked about" in r for r in found.remarks)
    assert found.table["shot1"].null_count() == 1
    with pytest.raises(BadData, match="two and one"):
        one_shot(world(1, 5), test, LETTERS[:7], TERMS)


def test_images_on_both_sides_are_told() -> None:
    both = world(3, 6, grouped=2)
    found = one_shot(both, both, LETTERS[:3], TERMS, draws=2)
    assert found.remarks[0].startswith("18 of 18 test images share a group")


# ---- attributes --------------------------------------------------------------------------------------------------


def traits(images: Images, m: int = 4) -> np.ndarray:
    weights = stream(0, "weights", m).standard_normal((images.vectors.shape[1], m))
    return (images.vectors @ weights > 0).astype(np.int64)


def test_attributes_that_are_linear_are_learnt() -> None:
    train, test = world(20, 30, noise=1.5), world(20, 10, noise=1.5, name="other")
    found = attributes(train, traits(train), test, traits(test), LETTERS[:4], TERMS)
    held(found)
    assert found["t.macro_f1"].value > 0.9 > found["t.macro_f1.always_yes"].value
    assert found["t.all_correct"].value > 0.7 > 0.5 > found["t.all_correct.majority"].value
    assert found["t.mean_ap"].value > 0.95
    assert found.table["attribute"].to_list() == list("abcd")


def test_attributes_dealt_at_random_are_not_learnt() -> None:
    train, test = world(20, 20, noise=1.5), world(20, 20, noise=1.5, name="other")
    rng = stream(0, "dealt")
    known, truth = (rng.integers(0, 2, (len(i), 3)) for i in (train, test))
    found = attributes(train, known, test, truth, LETTERS[:3], TERMS)
    low, high = found["t.mean_ap"].low, found["t.mean_ap"].high
    assert low is not None
    assert high is not None
    assert low - 0.05 < found["t.mean_ap.chance"].value < high + 0.05


def test_the_published_threshold_costs_recall() -> None:
    """Attributes of which one cannot be sure: many chances lie between one half and 0.622, and the published rule says no to them."""
    train, test = world(10, 60, noise=1.0), world(10, 60, noise=1.0, name="other")
    rng = stream(0, "odds")
    known, truth = ((rng.random((len(i), 2)) < 0.58).astype(int) for i in (train, test))
    found = attributes(train, known, test, truth, LETTERS[:2], TERMS)
    assert found["t.all_correct.published_rule"].value < found["t.all_correct"].value


def test_what_cannot_be_learnt_or_scored_is_told() -> None:
    train, test = world(8, 20), world(8, 10, name="other")
    known, truth = traits(train), traits(test)
    known[:, 0], truth[:, 1], truth[:, 2] = 1, 0, 1
    found = attributes(train, known, test, truth, LETTERS[:4], TERMS)
    assert [r.partition(":")[0] for r in found.remarks] == [f"1 of 4 attributes ({c})" for c in "abc"]
    assert found.table["f1"].is_null().to_list() == [True, True, False, False]
    assert found.table["ap"].is_null().to_list() == [True, True, True, False]
    assert found["t.macro_f1"].note.startswith("mean of 2 of 4")


def test_attribute_tables_that_are_broken_are_refused() -> None:
    train, test = world(4, 10), world(4, 5, name="other")
    known, truth = traits(train), traits(test)
    with pytest.raises(BadData, match="nothing can be learnt"):
        attributes(train, np.ones_like(known), test, truth, LETTERS[:4], TERMS)
    with pytest.raises(BadData, match="all the same"):
        attributes(Images(np.ones((40, 24), np.float32), train.classes), known, test, truth, LETTERS[:4], TERMS)
    broken = known.astype(float)
    broken[7, 2] = np.nan
    with pytest.raises(BadData, match="row 7, c: nan"):
        attributes(train, broken, test, truth, LETTERS[:4], TERMS)
    with pytest.raises(Mismatch, match="3 names"):
        attributes(train, known, test, truth, LETTERS[:3], TERMS)
    with pytest.raises(Mismatch, match="24 dimensions"):
        attributes(train, known, Images(np.ones((20, 5), np.float32), test.classes), truth, LETTERS[:4], TERMS)


# ---- unseen classes ----------------------------------------------------------------------------------------------


def animals(k: int = 18, a: int = 10, each: int = 12) -> tuple[Images, Images, Predicates]:
    """Classes whose vectors are what their attributes add up to, some noise, and nothing else."""
    rng = stream(0, "animals")
    matrix = rng.integers(0, 2, (k, a))
    directions = rng.standard_normal((a, 24))
    classes = np.repeat(np.arange(k), each)
    vectors = ((2 * matrix[classes] - 1) @ directions + 0.7 * rng.standard_normal((len(classes), 24))).astype(
        np.float32
    )
    train = classes < 12
    names = tuple(f"animal {i}" for i in range(k))
    both = (Images(vectors[side], classes[side]) for side in (train, ~train))
    return *both, Predicates.of(matrix, LETTERS[:a], names)


def test_attributes_carry_over_to_classes_never_shown() -> None:
    train, test, predicates = animals()
    found = unseen_attributes(train, test, predicates, TERMS)
    held(found)
    assert found["t.macro_f1"].value > 0.8 > found["t.macro_f1.always_yes"].value
    assert found["t.classes.macro"].value > 0.7
    assert found["t.classes.chance"].value == pytest.approx(1 / 6)
    assert not any("published" in n.name for n in found.numbers)
    asked = unseen_attributes(train, test, predicates, TERMS, published=True)
    assert "first two" in asked["t.macro_f1.published_columns_0_and_1"].note


def test_classes_on_both_sides_are_not_unseen() -> None:
    train, test, predicates = animals()
    with pytest.raises(BadData, match="animal 3"):
        unseen_attributes(train, Images(test.vectors, np.where(test.classes == 12, 3, test.classes)), predicates, TERMS)
    few = train.take(train.classes < 4)
    with pytest.raises(BadData, match="4 are too few"):
        unseen_attributes(few, test, predicates, TERMS)
    with pytest.raises(BadData, match="one of the 18"):
        unseen_attributes(train, Images(test.vectors, test.classes + 20), predicates, TERMS)


def test_classes_of_equal_attributes_and_a_single_class_are_told() -> None:
    train, test, predicates = animals()
    matrix = predicates.matrix.copy()
    matrix[13] = matrix[12]
    same = unseen_attributes(train, test, Predicates.of(matrix, predicates.names, predicates.classes), TERMS)
    assert any("animal 12, animal 13" in r for r in same.remarks)
    single = unseen_attributes(train, test.take(test.classes == 15), predicates, TERMS)
    assert any("one test class only" in r for r in single.remarks)
    assert not any(".classes." in n.name for n in single.numbers)


def test_direct_attribute_prediction_weighs_rare_attributes() -> None:
    """Two classes, one with a rare attribute: half a chance of it speaks for that class."""
    rows = np.array([[True], [False]])
    scores = class_scores(np.array([[0.5]]), rows, np.array([0.1]))
    assert scores[0, 0] == pytest.approx(np.log(5))
    assert scores[0, 1] == pytest.approx(np.log(0.5 / 0.9))


# ---- binary tasks ------------------------------------------------------------------------------------------------


def questions(k: int = 6, each: int = 40) -> BinaryTasks:
    """Each task asks which of two classes an image shows; the last is dealt at random."""
    task = np.repeat(np.arange(k), each)
    answer = np.arange(k * each) % 2 == 1
    vectors = clouds(2 * task + answer, noise=1.2)
    answer = np.where(task == k - 1, stream(0, "answers").random(k * each) < 0.5, answer)
    train = np.arange(k * each) % each < each // 2
    return BinaryTasks(Images(vectors, task), answer, train, LETTERS[:k], ("x",) * (k - 1) + ("y",))


def test_tasks_are_answered_and_summed_up() -> None:
    found = answer_tasks(questions(), TERMS)
    held(found)
    assert found["t.cluster.x"].value > 0.85
    assert 0.2 < found["t.cluster.y"].value < 0.8
    assert found["t.micro"].value == pytest.approx(found["t.macro"].value)
    assert found.table["right"].mean() == pytest.approx(found["t.macro"].value)
    assert found["t.micro"].n == 120


def test_tasks_that_cannot_be_answered_are_told() -> None:
    given = questions()
    answer = np.where(given.images.classes == 0, True, given.answer)
    train = given.train | (given.images.classes == 1)
    found = answer_tasks(BinaryTasks(given.images, answer, train, given.names, given.clusters), TERMS)
    assert found.remarks[0].startswith("1 of 6 tasks (a): the training images do not show both")
    assert found.remarks[1].startswith("1 of 6 tasks (b): there is no test image")
    assert found.table["right"].null_count() == 2
    assert found["t.macro"].note == "mean of 4 tasks"
    with pytest.raises(BadData, match="none can be scored"):
        answer_tasks(BinaryTasks(given.images, np.ones(240, bool), train, given.names, given.clusters), TERMS)
    with pytest.raises(BadData, match="below 6"):
        BinaryTasks(Images(given.images.vectors, given.images.classes + 9), answer, train, given.names, given.clusters)


def test_a_specimen_on_both_sides_of_a_task_is_told() -> None:
    given = questions()
    shared = Images(given.images.vectors, given.images.classes, np.arange(240) % 20)
    found = answer_tasks(BinaryTasks(shared, given.answer, given.train, given.names, given.clusters), TERMS)
    assert any("leaked" in r for r in found.remarks)


def test_what_no_plane_divides_needs_the_gaussian_kernel() -> None:
    """Yes in two opposite quadrants, no in the other two."""
    x = stream(0, "quadrants").standard_normal((200, 2))
    x = (x + 0.3 * np.sign(x)).astype(np.float32)
    answer = x[:, 0] * x[:, 1] > 0
    found = separate(x[:120], answer[:120], x[120:])
    assert found.kernel.startswith("gaussian")
    assert ((found.decision > 0) == answer[120:]).mean() > 0.9
    assert found.left_out > 0.9


# ---- discovery ---------------------------------------------------------------------------------------------------


def test_classes_that_lie_apart_are_discovered() -> None:
    found = discover(world(8, 20, noise=0.2), np.arange(4), LETTERS[:8], TERMS)
    held(found)
    assert found["t.old"].value == 1
    assert found["t.new"].value > 0.7
    assert found["t.chance"].value < 0.5
    assert found["t.separate.all"].value >= found["t.all"].value
    assert found.table["old"].to_list() == [True] * 4 + [False] * 4
    assert found.table["class"].to_list() == list("abcdefgh")


def test_two_matchings_flatter() -> None:
    """Old and new classes that lie on top of each other: a cluster cannot be two classes, but with two matchings it may."""
    classes = np.repeat(np.arange(6), 30)
    vectors = clouds(classes % 3, noise=0.2)
    found = discover(Images(vectors, classes), np.arange(3), LETTERS[:6], TERMS)
    assert found["t.separate.all"].value > found["t.all"].value + 0.1


def test_labels_are_dealt_by_class_and_group() -> None:
    images = world(5, 20, grouped=2)
    old = images.classes < 3
    labelled = label_some(images, old, 0.8, stream(0))
    assert not labelled[~old].any()
    assert np.bincount(images.classes[labelled]).tolist() == [16] * 3
    by_group = [set(labelled[images.grouping == g].tolist()) for g in np.unique(images.grouping)]
    assert all(len(s) == 1 for s in by_group)


def test_discovery_needs_old_and_new_classes() -> None:
    images = world(4, 6)
    for old in ([], [0, 1, 2, 3]):
        with pytest.raises(BadData, match="needs old and new"):
            discover(images, np.array(old, np.int64), LETTERS[:4], TERMS)
    same = Images(np.ones((12, 3), np.float32), np.repeat(np.arange(4), 3))
    with pytest.raises(BadData, match="fewer different ones"):
        discover(same, np.array([0]), LETTERS[:4], TERMS)


def test_discovery_says_what_it_leaves_out() -> None:
    classes = np.array([0] * 9 + [1] + [2] * 9 + [-1])
    images = Images(clouds(np.maximum(classes, 0), noise=0.2), classes)
    found = discover(images, np.array([0, 1]), LETTERS[:3], TERMS, Discovery(seeds=2, passes=1))
    text = " ".join(found.remarks)
    assert "1 images have no class" in text
    assert "1 old classes have one group" in text
    assert "not come to rest after 1 passes" in text
    assert found.table["right"].is_null().to_list() == [False, True, False]


# ---- probe -------------------------------------------------------------------------------------------------------


def test_a_probe_learns_and_scores_every_class_alike() -> None:
    train, test = divided(world(6, 25, noise=1.0, grouped=5), TERMS)
    assert len(test) == 30
    assert not np.isin(test.grouping, train.grouping).any()
    found = probe(train, test, LETTERS[:6], TERMS)
    held(found)
    assert found["t.macro_f1"].value > 0.9 > found["t.macro_f1.majority"].value
    assert found["t.chance"].value == pytest.approx(1 / 6)
    assert found.table["f1"].mean() == pytest.approx(found["t.macro_f1"].value)


def test_a_class_that_was_never_shown_is_left_out_and_told() -> None:
    train, test = world(3, 20), world(4, 5, name="other")
    found = probe(train, test, LETTERS[:4], TERMS)
    assert found.remarks == [
        "5 test images are of 1 classes without a training image (d) and are left out.",
    ]
    assert found["t.accuracy"].n == 15
    with pytest.raises(BadData, match="a classifier needs two"):
        probe(train.take(train.classes == 0), test, LETTERS[:4], TERMS)
    with pytest.raises(BadData, match="none is of a class"):
        probe(train, test.take(test.classes == 3), LETTERS[:4], TERMS)


def test_all_chance_is_named_and_seeded() -> None:
    train, test = world(5, 12, noise=2.0), world(5, 8, noise=2.0, name="other")
    for run in (
        lambda terms: probe(train, test, LETTERS[:5], terms),
        lambda terms: few_shot(train, LETTERS[:5], terms, draws=2),
        lambda terms: discover(train, np.arange(2), LETTERS[:5], terms, Discovery(seeds=1)),
    ):
        first, again, other = run(TERMS), run(TERMS), run(Terms(name="t", seed=4, resamples=60))
        assert first.numbers == again.numbers
        assert first.numbers != other.numbers


def test_a_number_that_is_not_there_is_missed_with_the_nearest() -> None:
    found = few_shot(world(3, 4), LETTERS[:3], TERMS, shots=(1,), draws=1)
    with pytest.raises(MerianError, match=r"nearest: t\.shot1"):
        found["t.shot"]
