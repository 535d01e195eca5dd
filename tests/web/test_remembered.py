"""Answers that are remembered: made once, the one not asked for longest given up, faults not kept."""

from __future__ import annotations

import pytest

from merian.web.remembered import Remembered


def test_an_answer_is_made_once_until_it_is_given_up() -> None:
    made: list[str] = []
    answers: Remembered[str, str] = Remembered(2)

    def ask(key: str) -> str:
        return answers.get(key, lambda: made.append(key) or key.upper())

    assert [ask(key) for key in ("a", "b", "a", "c", "a", "b")] == ["A", "B", "A", "C", "A", "B"]
    assert made == ["a", "b", "c", "b"]


def test_a_fault_is_not_remembered() -> None:
    answers: Remembered[str, int] = Remembered(2)
    with pytest.raises(ZeroDivisionError):
        answers.get("a", lambda: 1 // 0)
    assert answers.get("a", lambda: 1) == 1
