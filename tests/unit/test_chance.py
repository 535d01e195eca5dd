"""Chance: streams by name, the same on every platform and for ever."""

from __future__ import annotations

import numpy as np
import pytest

from merian.core.chance import fraction, stream


def test_the_first_numbers_never_change() -> None:
    # golden: splits, drawings and trainings made so far rest on them
    assert stream(0, "shards").integers(0, 1000, 6).tolist() == [578, 318, 830, 942, 51, 756]
    assert stream(7, "a", 3).random(2).tolist() == [0.5932566751225772, 0.4443158145355356]
    assert stream(2**40).permutation(6).tolist() == [2, 0, 4, 5, 3, 1]
    assert fraction(0, "split g1") == 0.1659996587309012


def test_a_stream_depends_on_seed_and_path_alone() -> None:
    paths = [(0,), (1,), (2**32,), (0, "a"), (0, "b"), (0, "a", "b"), (0, "ab"), (0, "b", "a"), (0, "a", 1), (0, "a1")]
    firsts = [tuple(stream(*path).integers(0, 2**63, 4).tolist()) for path in paths]  # type: ignore[arg-type]
    assert len(set(firsts)) == len(paths)
    assert firsts == [tuple(stream(*path).integers(0, 2**63, 4).tolist()) for path in paths]  # type: ignore[arg-type]


def test_drawing_from_one_stream_moves_no_other_and_not_numpys_own() -> None:
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - that it is untouched is the point
    first, second = stream(0, "a"), stream(0, "b")
    alone = stream(0, "b").random(5).tolist()
    first.random(1000)
    assert second.random(5).tolist() == alone
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_neighbouring_streams_are_independent() -> None:
    draws = np.stack([stream(0, "x", k).standard_normal(2000) for k in range(20)])
    off = np.corrcoef(draws)[~np.eye(20, dtype=bool)]
    # 380 correlations of 2,000 draws: standard deviation 0.022, five of them 0.11
    assert np.abs(off).max() < 0.11
    assert abs(draws.mean()) < 0.025


def test_fractions_are_even_and_fixed_by_seed_and_key() -> None:
    shares = np.array([fraction(0, f"k{i}") for i in range(4000)])
    assert ((shares >= 0) & (shares < 1)).all()
    assert np.histogram(shares, 10, (0, 1))[0] == pytest.approx(400, abs=100)
    assert fraction(0, "k1") == shares[1]
    assert fraction(1, "k1") != shares[1]
    assert fraction(1, "1k") != fraction(11, "k")
