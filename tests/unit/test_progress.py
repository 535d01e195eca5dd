"""Progress: a bar on a terminal, nothing in a pipe, words for a listener."""

from __future__ import annotations

import io
import sys

import pytest

from merian.core import progress


def count() -> None:
    with progress.track("Counting", 3, "things", done=1) as advance:
        advance()
        advance(1, "a note")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal in place of standard error; called in the test itself, for pytest puts its own back after a fixture."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    return terminal


def test_a_pipe_sees_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    count()
    assert capsys.readouterr() == ("", "")


def test_a_listener_hears_every_advance(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[tuple[str, int, int, str]] = []
    with progress.listen(lambda *words: heard.append(words)):
        count()
    count()
    assert heard == [("Counting", 2, 3, ""), ("Counting", 3, 3, "a note")]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watched(monkeypatch)
    count()
    assert "Counting" in screen.getvalue()
    assert "3/3" in screen.getvalue()
    assert "a note" in screen.getvalue()


def test_a_counter_inside_another_is_a_line_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watched(monkeypatch)
    with progress.track("Outer", 2) as advance:
        count()
        advance(2)
    assert screen.getvalue().index("Outer") < screen.getvalue().index("Counting")
    assert "2/2" in screen.getvalue()


def test_an_error_inside_is_not_swallowed() -> None:
    heard: list[object] = []

    def fail() -> None:
        with progress.listen(lambda *words: heard.append(words)), progress.track("Counting", 3):
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    count()
    assert heard == []
