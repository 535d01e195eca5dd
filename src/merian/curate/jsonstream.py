"""Reading one large JSON object member by member, and one of its lists element by element, without holding the file in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from merian.core.errors import BadData

__all__ = ["members"]

CHUNK = 1 << 20
"""Characters read at a time."""
BLANK = " \t\n\r"


def members(path: Path, listed: str, empty: bool = False) -> Iterator[tuple[str, Any]]:
    """(key, value) of every member of the JSON object in the file `path`; of the member `listed`, a list, each element in turn under that key.

    With `empty`, a list without elements is told as (key, None) once. Raises BadData with the line where the file is no JSON object, or breaks off.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            yield from _Reader(path, stream).members(listed, empty)
    except UnicodeDecodeError as error:
        raise BadData(path, f"is not UTF-8 text (byte {error.start} of a part)") from error


class _Reader:
    """A window on the text: `text` from `here` on is not yet read."""

    def __init__(self, path: Path, stream: TextIO) -> None:
        self.path, self.stream = path, stream
        self.text, self.here, self.line, self.ended = "", 0, 1, False
        self.decoder = json.JSONDecoder()

    def members(self, listed: str, empty: bool) -> Iterator[tuple[str, Any]]:
        self.expect("{")
        if self.peek() == "}":
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise self.broken("a name in quotes was expected")
            self.expect(":")
            if key == listed:
                yield from self.elements(key, empty)
            else:
                yield key, self.value()
            if self.expect(",}") == "}":
                return

    def elements(self, key: str, empty: bool) -> Iterator[tuple[str, Any]]:
        if self.peek() not in "[":
            raise BadData(self.path, f"{key!r} must be a list, and begins with {self.peek()!r}")
        self.expect("[")
        if self.peek() == "]":
            self.expect("]")
            if empty:
                yield key, None
            return
        while True:
            yield key, self.value()
            if self.expect(",]") == "]":
                return

    def peek(self) -> str:
        """The next character that is not blank, which stays unread; "" at the end."""
        while True:
            while self.here < len(self.text) and self.text[self.here] in BLANK:
                self.here += 1
            if self.here < len(self.text) or not self.more():
                return self.text[self.here : self.here + 1]

    def expect(self, characters: str) -> str:
        """The next character, which must be one of these."""
        found = self.peek()
        if not found or found not in characters:
            wanted = " or ".join(characters)
            raise self.broken("the file breaks off" if not found else f"{wanted} was expected, not {found!r}")
        self.here += 1
        return found

    def value(self) -> Any:
        """The next JSON value, with as much text read for it as it needs."""
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.here)
            except json.JSONDecodeError as error:
                # Text that ends in the middle of a value fails too: only with all of it here is it truly broken. An error far from the
                # end is one at once, or a huge file would be read for nothing; but a string without an end is blamed on its beginning.
                far = len(self.text) - error.pos > CHUNK and not error.msg.startswith("Unterminated")
                if far or not self.more():
                    self.here = min(error.pos, len(self.text))
                    raise self.broken("the file breaks off" if self.here >= len(self.text) else error.msg) from error
                continue
            except RecursionError as error:
                raise self.broken("nested too deep") from error
            except ValueError as error:  # a number of thousands of digits
                raise self.broken(str(error)) from error
            # A number may go on in the next part.
            if end == len(self.text) and self.more():
                continue
            self.here = end
            return value

    def more(self) -> bool:
        """Whether there was more text to read."""
        if self.ended:
            return False
        part = self.stream.read(max(CHUNK, len(self.text) - self.here))
        self.ended = not part
        self.line += self.text.count("\n", 0, self.here)
        self.text, self.here = self.text[self.here :] + part, 0
        return bool(part)

    def broken(self, what: str) -> BadData:
        line = self.line + self.text.count("\n", 0, self.here)
        return BadData(self.path, f"is not JSON at line {line}: {what}")
