"""Naming at every rank, summed and prompted."""

from __future__ import annotations

import numpy as np
import polars as pl

from merian.core.tree import RANKS, Tree
from merian.core.vectors import Clades
from merian.encode.toy import Toy
from merian.evaluate.zeroshot import prompted, ranked, score, summed
from merian.identify import Head


def tree() -> Tree:
    rows = [
        ("K", "P", "C", "O", "F", "Aa", "Aa una"),
        ("K", "P", "C", "O", "F", "Aa", "Aa dua"),
        ("K", "P", "C", "O", "F", "Bb", "Bb una"),
        ("K", "P", "C", "O", "G", None, None),
    ]
    return Tree.from_lineages(pl.DataFrame(rows, schema=list(RANKS), orient="row"))


def test_summing_can_prefer_a_genus_whose_species_all_lose() -> None:
    t = tree()
    labels = np.array([t.find("Aa una"), t.find("Aa dua"), t.find("Bb una")], np.int32)
    guess = summed(Clades(t, labels), np.array([[0.35, 0.25, 0.4]]))
    assert guess[0, 6] == t.find("Bb una")
    assert guess[0, 5] == t.find("Aa")
    assert guess[0, 4] == t.find("F")


def test_only_what_is_on_the_list_is_scored() -> None:
    t = tree()
    labels = np.array([t.find("Aa una"), t.find("Bb una")], np.int32)
    clades = Clades(t, labels)
    truth = np.array([t.find("Aa una"), t.find("Aa dua"), t.find("Aa"), t.find("G"), -1], np.int32)
    guess = np.tile(t.ancestors[t.find("Aa una")], (5, 1))
    found = score(clades, truth, guess)
    assert found.scored[:, 6].tolist() == [True, False, False, False, False]
    assert found.scored[:, 5].tolist() == [True, True, True, False, False]
    assert found.scored[:, 4].tolist() == [True, True, True, False, False]
    assert found.right[:, 5].tolist() == [True, True, True, False, False]
    assert found.candidates.tolist() == [1, 1, 1, 1, 1, 2, 2]
    assert found.chance[6] == 0.5
    assert found.majority[5] == 1


def test_a_rank_without_labels_gets_no_guess() -> None:
    t = tree()
    clades = Clades(t, np.array([t.find("G")], np.int32))
    assert summed(clades, np.ones((2, 1)))[:, 5:].tolist() == [[-1, -1], [-1, -1]]


def test_prompting_asks_for_the_ranks_own_words() -> None:
    t, encoder = tree(), Toy(dim=64)
    labels = t.at("species")
    vectors = Head.build(encoder, t, labels).vectors
    guess = prompted(Clades(t, labels), encoder, vectors)
    assert guess[:, 6].tolist() == labels.tolist()
    genera = Head.build(encoder, t, t.at("genus"))
    assert guess[:, 5].tolist() == genera.labels[genera.similarities(vectors).argmax(1)].tolist()


def test_ranked_puts_the_likeliest_first() -> None:
    assert ranked(np.array([4, 7, 9], np.int32), np.array([[0.2, 0.5, 0.3]]), 2).tolist() == [[7, 9]]
    assert ranked(np.array([4], np.int32), np.array([[1.0]]), 5).tolist() == [[4]]
