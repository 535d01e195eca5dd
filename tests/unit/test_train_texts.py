"""The texts of a run: which images they fit, what they name, how long they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from merian.core.captions import TEXT_TYPES, caption, captions
from merian.core.settings import load
from merian.core.tree import RANKS, Tree
from merian.train import TrainSettings
from merian.train.texts import TRAITS, Texts, fitted, general_texts, taxon_texts, trait_texts

BIRDS = ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae")
LIVES: tuple[tuple[str | None, ...], ...] = (
    (*BIRDS, "Corvus", "Corvus corax"),
    (*BIRDS, "Corvus", "Corvus corone"),
    (*BIRDS, "Pica", "Pica pica"),
    ("Animalia", "Chordata", "Aves", None, None, "Pseudopica", "Pseudopica mira"),  # no order, no family
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Fagales", "Fagaceae", "Quercus", "Quercus robur"),
)
COMMON = {"Corvus corax": "crow", "Corvus corone": "crow", "Pica pica": "magpie"}
BEASTS = ("Corvus corax", "Corvus corone", "Pica pica", "Pseudopica mira", "Quercus robur", "Corvidae", "Quercus")
"""What the images of these tests show: five species, a family and a genus."""


@pytest.fixture(scope="module")
def tree() -> Tree:
    frame = pl.DataFrame(LIVES, schema=RANKS, orient="row")
    called = frame.filter(pl.col("species").is_in(list(COMMON)))
    called = called.with_columns(language=pl.lit("en"), name=pl.col("species").replace_strict(COMMON))
    return Tree.from_lineages(frame).with_common(called)


def settings(**given: object) -> TrainSettings:
    return load(TrainSettings, None, {"vocabulary": 300} | given)


def shown(tree: Tree, names: Sequence[str] = BEASTS) -> np.ndarray:
    return np.array([tree.find(name) for name in names], np.int64)


def said(texts: Texts, image: int, kind: int = 0) -> str:
    """The words of a kind that an image gets."""
    return str(texts.words[texts.text[texts.of[image], kind]])


def test_every_image_has_the_captions_of_its_taxon(tree: Tree) -> None:
    taxon = np.tile(shown(tree), 3)[::-1].copy()
    texts = taxon_texts(tree, taxon, settings())
    assert texts.kinds == len(TEXT_TYPES)
    assert len(texts.text) == len(BEASTS)
    for image, one in enumerate(taxon):
        assert [said(texts, image, k) for k in range(5)] == [caption(tree, int(one), kind) for kind in TEXT_TYPES]
        assert texts.path[texts.of[image]].tolist() == tree.ancestors[one].tolist()
    assert len(set(texts.words)) == len(texts.words)
    assert list(texts.words) == sorted(texts.words)
    few = taxon_texts(tree, taxon, settings(text_types=("com", "sci")))
    assert [said(few, 0, k) for k in range(2)] == [caption(tree, int(taxon[0]), kind) for kind in ("com", "sci")]


def test_a_text_names_no_more_than_all_that_have_it(tree: Tree) -> None:
    texts = taxon_texts(tree, shown(tree), settings())
    paths = dict(zip(texts.words, texts.path_of(np.arange(len(texts.words))).tolist(), strict=True))
    raven, crow, magpie = (tree.ancestors[tree.find(name)].tolist() for name in BEASTS[:3])
    assert paths["a photo of Corvus corax."] == raven
    # two species are called crow: the text is sure of the genus alone
    assert paths["a photo of crow."] == [*raven[:6], -1] == [*crow[:6], -1]
    assert paths["a photo of magpie."] == magpie
    assert paths["a photo of Corvus corone with common name crow."] == crow


def test_a_taxon_without_species_and_one_without_middle_ranks_are_silent_there(tree: Tree) -> None:
    texts = taxon_texts(tree, shown(tree), settings())
    family, genus = tree.find("Corvidae"), tree.find("Quercus")
    paths = dict(zip(texts.words, texts.named.tolist(), strict=True))
    assert paths["a photo of Animalia Chordata Aves Passeriformes Corvidae."][4:] == [family, -1, -1]
    assert paths["a photo of Quercus."][5:] == [genus, -1]
    gap = paths["a photo of Animalia Chordata Aves Pseudopica mira."]
    assert [rank for rank, taxon in zip(RANKS, gap, strict=True) if taxon < 0] == ["order", "family"]


@pytest.mark.parametrize("names", [BEASTS, ("Corvidae", "Quercus"), ("Pica pica",)])
def test_lineages_cut_at_every_rank(tree: Tree, names: Sequence[str]) -> None:
    taxa = shown(tree, names)
    texts = taxon_texts(tree, taxa, settings(objective="levels"))
    for image, taxon in enumerate(taxa):
        for rank in range(7):
            ancestor, text = int(tree.ancestors[taxon, rank]), int(texts.above[texts.of[image], rank])
            assert (text < 0) == (ancestor < 0)
            if text >= 0:
                assert texts.words[text] == caption(tree, ancestor, "taxon")
                cut = tree.ancestors[ancestor].tolist()
                assert texts.named[text].tolist() == cut[: rank + 1] + [-1] * (6 - rank)
                assert text not in texts.text  # not a text that is drawn for an image
    keys, ranks = texts.cut(np.arange(len(texts.text)))
    assert len(keys) == len(set(keys.tolist()))
    for rank in range(7):
        here = set(tree.ancestors[taxa, rank].tolist()) - {-1}
        assert (ranks == rank).sum() == len(here)
        assert set(texts.named[keys[ranks == rank], rank].tolist()) == here
    assert (taxon_texts(tree, taxa, settings()).above < 0).all()


def test_the_cut_texts_of_some_things_are_those_of_their_ranks_alone(tree: Tree) -> None:
    texts = taxon_texts(tree, shown(tree), settings(objective="levels"))
    keys, level = texts.cut(texts.of[[0, 1]])  # two crows: one genus, two species
    assert np.bincount(level, minlength=7).tolist() == [1, 1, 1, 1, 1, 1, 2]
    assert texts.words[keys[level == 5][0]].endswith("Corvidae Corvus.")


def traits_of(rows: Sequence[tuple[str, str | None, str | None, str | None, str | None]], tree: Tree) -> pl.DataFrame:
    schema = {"name": pl.String} | dict.fromkeys(TRAITS, pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(taxon=pl.Series(shown(tree, frame["name"].to_list()), dtype=pl.Int32)).drop("name")


def test_traits_are_told_where_they_are_known(tree: Tree) -> None:
    frame = traits_of(
        [
            ("Pica pica", " Female", "adult", "woodland", "calling"),
            ("Pica pica", None, None, None, None),
            ("Pica pica", "female", "Adult", "woodland ", "calling"),
            ("Corvus corax", "male", None, "", "  "),
            ("Corvidae", None, "juvenile", None, None),
        ],
        tree,
    )
    texts = trait_texts(tree, frame)
    assert texts is not None
    assert texts.kinds == 1
    assert (texts.of < 0).tolist() == [False, True, False, False, False]
    assert texts.of[0] == texts.of[2]
    assert [said(texts, k) for k in (0, 3, 4)] == [
        "a photo of an adult female Pica pica, calling, in woodland.",
        "a photo of a male Corvus corax.",
        "a photo of a juvenile Animalia Chordata Aves Passeriformes Corvidae.",
    ]
    ranks, told = np.split(texts.path[texts.of[[0, 3, 4]]], [len(RANKS)], axis=1)
    assert ranks.tolist() == tree.ancestors[frame["taxon"].to_numpy()[[0, 3, 4]]].tolist()
    assert (told >= 0).tolist() == [[True] * 4, [True, False, False, False], [False, True, False, False]]
    assert told[0, 0] != told[1, 0]
    assert trait_texts(tree, frame[[1]]) is None


def test_numbers_of_traits_do_not_depend_on_what_was_read_before(tree: Tree) -> None:
    """Each process numbers them by itself, and two processes compare them."""
    frame = traits_of([("Pica pica", "male", None, "b", None), ("Pica pica", "female", None, "a", None)], tree)
    first = trait_texts(tree, frame)
    pl.Series(["zebra", "b", "female", "a"]).cast(pl.Categorical)
    second, turned = trait_texts(tree, frame), trait_texts(tree, frame[::-1])
    assert first is not None
    assert second is not None
    assert turned is not None
    assert np.array_equal(first.path, second.path)
    assert np.array_equal(first.path, turned.path[::-1])


def test_two_things_with_the_same_words_share_one_text() -> None:
    """Genera of one name in two kingdoms: words that fit both contradict neither."""
    lives = [("Animalia", *[None] * 4, "Morus", None), ("Plantae", *[None] * 4, "Morus", None)]
    tree = Tree.from_lineages(pl.DataFrame(lives, schema=RANKS, orient="row"))
    taxa = pl.Series("taxon", tree.at("genus"), dtype=pl.Int32)
    frame = (
        pl.DataFrame([taxa])
        .with_columns(*(pl.lit(None, pl.String).alias(c) for c in TRAITS))
        .with_columns(sex=pl.lit("male"))
    )
    texts = trait_texts(tree, frame)
    assert texts is not None
    assert list(texts.words) == ["a photo of a male Morus."]
    assert texts.of.tolist() == [0, 1]
    assert texts.named.tolist() == [[-1] * 7 + [0, -1, -1, -1]]
    sci = taxon_texts(tree, tree.at("genus").astype(np.int64), settings(text_types=("sci",)))
    assert len(sci.words) == 1
    assert (sci.named == -1).all()


def test_general_captions_of_equal_words_are_one_thing() -> None:
    words = ["two dogs", "a bus", "two dogs", "Zürich, île", "a bus "]
    texts = general_texts(words)
    assert [said(texts, k) for k in range(5)] == words
    assert len(texts.words) == 4
    assert texts.of[0] == texts.of[2]
    assert len({tuple(row) for row in texts.path.tolist()}) == 4
    assert np.array_equal(texts.named, texts.path)
    assert not texts.above.size


def test_one_long_general_caption_does_not_make_all_of_them_long() -> None:
    """No table as wide as the longest text: 20,000 captions beside one of 100,000 letters would take 8 GB."""
    texts = general_texts([f"caption {k}" for k in range(20_000)] + ["x" * 100_000])
    assert len(texts.words) == 20_001


def test_the_context_is_what_the_longest_text_needs(tree: Tree) -> None:
    texts = taxon_texts(tree, shown(tree), settings())
    tokens, (done,) = fitted([texts], settings())
    longest = int(tokens.lengths(list(texts.words)).max())
    assert tokens.context % 8 == 0
    assert longest <= tokens.context < longest + 8
    assert done.table.shape == (len(texts.words), tokens.context)
    assert (done.shortened, done.remark) == (0, "")
    some = np.array([3, 1])
    assert np.array_equal(done.tokens(some), tokens.encode([texts.words[k] for k in some]))


def test_texts_that_are_too_long_are_cut_and_counted(tree: Tree) -> None:
    texts = taxon_texts(tree, shown(tree), settings())
    general = general_texts(["a dog", "a " + "very " * 60 + "long story"])
    tokens, done = fitted([texts, general], settings(context=16))
    assert tokens.context == 16
    for one in done:
        lengths = tokens.lengths(list(one.words))
        assert one.shortened == (lengths > 16).sum() > 0
        assert one.remark == f"{one.shortened} of {len(one.words)} captions are longer than 16 tokens and were cut"
        assert (one.table[lengths >= 16, -1] == tokens.end).all()
    # a text that just fits is not counted
    exact = replace(tokens, context=int(tokens.lengths(["a dog"])[0]))
    assert fitted([general_texts(["a dog"])], settings(), exact)[1][0].shortened == 0
    assert fitted([general_texts(["a dog of"])], settings(), exact)[1][0].shortened == 1


def test_a_tokenizer_that_is_given_is_kept(tree: Tree) -> None:
    texts = taxon_texts(tree, shown(tree), settings())
    tokens, _ = fitted([texts], settings())
    again, (done,) = fitted([general_texts(["words that it never saw"])], settings(vocabulary=400), tokens)
    assert again is tokens
    assert done.table.shape == (1, tokens.context)


def test_one_vocabulary_is_learned_from_all_texts(tree: Tree) -> None:
    texts = taxon_texts(tree, shown(tree), settings())
    general = general_texts(["zylophone zylophone zylophone"] * 2 + ["zylophone"])
    alone, joined = fitted([texts], settings(vocabulary=600))[0], fitted([texts, general], settings(vocabulary=600))[0]
    assert joined.lengths(["zylophone"])[0] < alone.lengths(["zylophone"])[0]
    assert joined.lengths(captions(tree, shown(tree).tolist(), "sci")).min() > 2
