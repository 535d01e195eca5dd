"""The bytes of a text table: what they are in, whether they are clean, and how to write anew what is not.

A table is clean when it is UTF-8 without NUL bytes or blank lines, every quote opens or closes a field, and every record has the same number of
fields. That is checked on whole blocks with numpy; mending goes line by line and is for the rest.
"""

from __future__ import annotations

import codecs
import io
import re
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, AnyStr

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData

__all__ = ["Dialect", "Look", "Mended", "codec_of", "first_record", "lines_of", "look", "mend", "text_of"]

BLOCK = 4 << 20
LONGEST = 64 << 20
"""A record longer than this (bytes) is taken for one whose quote never closes, and a file with a longer line for no table."""
SPAN = 500
"""A quoted field that runs over more lines than this is looked at as one with a stray quote, when the file needs mending."""
SHOWN = 2000
"""Letters of a refused line that are kept."""
UTF8 = frozenset(("utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii"))
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written: separator and quote (one letter each, or no quote), and the encoding it is said to have."""

    separator: str
    quote: str | None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a look through the file found: whether polars may read it as it is, its records, and the lines they begin on (None: one line each)."""

    clean: bool
    records: int = 0
    lines: npt.NDArray[np.int64] | None = None


@dataclass(slots=True)
class Mended:
    """What was written anew: the line each row begins on, the refused (line, text, reason), and how many lines were mended in which way."""

    lines: array[int] = field(default_factory=lambda: array("q"))
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def refuse(self, line: int, text: str, fields: int, width: int) -> None:
        kept = text if len(text) <= SHOWN else text[:SHOWN] + "…"
        self.refused.append((line, kept, f"{fields} field{'s' * (fields != 1)} where there should be {width}"))

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def codec_of(head: bytes, said: str | None) -> tuple[str | None, str, int]:
    """The encoding of a file from its first bytes: (codec when it is a wide one or None, codec for lines that are no UTF-8, bytes of its mark)."""
    for mark, name in MARKS:
        if head.startswith(mark):
            return (None if name == "utf-8" else name), "cp1252", len(mark)
    if head.count(0) > len(head) // 4:
        return ("utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"), "cp1252", 0
    try:
        name = codecs.lookup(said or "utf-8").name
    except LookupError:
        name = "utf-8"
    if name.startswith(("utf-16", "utf-32")):
        name = "utf-8"  # said to be wide, and no byte is zero: it is not
    fallback = "cp1252" if name in UTF8 or name == "iso8859-1" else name
    return None, fallback, 0


def text_of(line: bytes, fallback: str) -> tuple[str, bool]:
    """A line as text, and whether it is no UTF-8."""
    try:
        return line.decode("utf-8"), False
    except UnicodeDecodeError:
        return line.decode(fallback, errors="replace"), True


def lines_of(stream: IO[bytes], said: str | None) -> Iterator[tuple[str, bool]]:
    """The lines of a file as text, without their ends, and whether a line is no UTF-8 where it should be."""
    head = stream.read(1 << 16)
    wide, fallback, skip = codec_of(head, said)
    rest = io.BufferedReader(_Joined(head[skip:], stream), BLOCK)
    if wide is not None:
        for text in _lines(io.TextIOWrapper(rest, encoding=wide, errors="replace", newline=None), "\n"):
            yield text.removesuffix("\n"), False
    elif b"\n" not in head and b"\r" in head:
        for text in _lines(io.TextIOWrapper(rest, encoding="utf-8", errors="replace", newline=None), "\n"):
            yield text.removesuffix("\n"), False
    else:
        for line in _lines(rest, b"\n"):
            text, odd = text_of(line, fallback)
            yield text.removesuffix("\n").removesuffix("\r"), odd


def _lines(stream: IO[AnyStr], end: AnyStr) -> Iterator[AnyStr]:
    """The lines with their ends. Raises BadData for one too long to be of a table, before all of it is in memory."""
    while line := stream.readline(LONGEST):
        if len(line) == LONGEST and not line.endswith(end):
            raise BadData("table", f"a line is longer than {LONGEST:,} bytes: this is no table")
        yield line


def first_record(stream: IO[bytes], dialect: Dialect, nth: int = 1) -> tuple[list[str], int]:
    """The fields of the record that begins on line `nth`, and the lines up to its end; ([], 0) when there is no such line."""
    lines = lines_of(stream, dialect.encoding)
    text, count = "", 0
    for line, _ in lines:
        count += 1
        if count < nth:
            continue
        text = f"{text}\n{line}" if count > nth else line
        fields = _Splitter(dialect).strict(text)
        if fields is not None or count - nth > SPAN:
            return fields or text.split(dialect.separator), count
    return (_Splitter(dialect).loose(text), count) if count >= nth else ([], 0)


def look(stream: IO[bytes], dialect: Dialect, skip: int, width: int) -> Look:
    """Whether all records after the first `skip` lines are clean and `width` fields wide."""
    head = stream.read(1 << 16)
    wide, _, mark = codec_of(head, dialect.encoding)
    if wide is not None or (b"\n" not in head and b"\r" in head) or (mark and not skip):
        return Look(False)
    rest = io.BufferedReader(_Joined(head, stream), BLOCK)
    for _ in range(skip):
        rest.readline()
    records, line, starts, broken = 0, skip + 1, [], False
    carry = b""
    while True:
        block = rest.read(BLOCK)
        data = carry + block
        if not block and not data:
            break
        if not block and not data.endswith(b"\n"):
            data += b"\n"
        found = _block(data, dialect, width)
        if found is None or (found[0] == 0 and (not block or len(data) > LONGEST)):
            return Look(False)
        end, ends, newlines = found
        carry = data[end:]
        if end:
            records += len(ends)
            begins = line + np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
            broken |= newlines != len(ends)
            starts.append(begins)
            line += newlines
    return Look(True, records, np.concatenate(starts) if broken else None)


def _block(data: bytes, dialect: Dialect, width: int) -> tuple[int, npt.NDArray[np.int64], int] | None:
    """(bytes up to the last whole record, which of the newlines end a record, number of newlines up to there), None when it is not clean."""
    letters = np.frombuffer(data, np.uint8)
    newline = letters == 10
    structural = newline | (letters == ord(dialect.separator))
    quotes, outside = None, None
    if dialect.quote is not None and dialect.quote.encode() in data:
        quotes = letters == ord(dialect.quote)
        outside = (np.cumsum(quotes, dtype=np.uint8) & 1) == 0
        structural &= outside
        last = np.flatnonzero(newline & outside)
        end = int(last[-1]) + 1 if len(last) else 0
    else:
        end = data.rfind(b"\n") + 1
    if not end:
        return 0, np.empty(0, np.int64), 0
    if not _is_plain(data[:end]):
        return None
    if quotes is not None and not _quotes_fit(letters[:end], np.flatnonzero(quotes[:end]), dialect):
        return None
    ends = np.flatnonzero(letters[:end][structural[:end]] == 10)
    if not np.array_equal(ends, np.arange(1, len(ends) + 1) * width - 1):
        return None
    if outside is None:
        return end, np.arange(len(ends)), len(ends)
    places = np.flatnonzero(newline[:end])
    return end, np.flatnonzero(outside[places]), len(places)


def _is_plain(data: bytes) -> bool:
    """Whether whole lines are UTF-8 without NUL bytes and blank lines."""
    if b"\0" in data or b"\n\n" in data or b"\n\r\n" in data or data.startswith((b"\n", b"\r\n")):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _quotes_fit(letters: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64], dialect: Dialect) -> bool:
    """Whether every quote opens a field, closes one, or is one of a pair inside."""
    separator, quote = ord(dialect.separator), ord(dialect.quote or '"')
    before = letters[quotes[::2] - 1]
    opens = np.isin(before, (separator, quote, 10)) | (quotes[::2] == 0)
    after = letters[np.minimum(quotes[1::2] + 1, len(letters) - 1)]
    return bool(opens.all() and np.isin(after, (separator, quote, 10, 13)).all())


class _Splitter:
    """Records of one dialect into fields."""

    def __init__(self, dialect: Dialect) -> None:
        self.separator, self.quote = dialect.separator, dialect.quote
        if self.quote is not None:
            q, s = re.escape(self.quote), re.escape(self.separator)
            self.field = re.compile(rf"{q}([^{q}]*(?:{q}{q}[^{q}]*)*){q}(?={s}|\Z)|(?!{q})([^{s}]*)")
            self.open = re.compile(rf"{q}[^{q}]*(?:{q}{q}[^{q}]*)*\Z")
            self.lenient = re.compile(rf"{q}(.*?){q}(?={s}|\Z)|([^{s}]*)", re.DOTALL)

    def fields(self, text: str, pattern: re.Pattern[str]) -> tuple[list[str], int]:
        """The fields up to where the pattern fails, and that place (the length of the text when it never does)."""
        quote = self.quote or ""
        found: list[str] = []
        place = 0
        while True:
            match = pattern.match(text, place)
            if match is None:
                return found, place
            inner = match[1]
            found.append(match[2] if inner is None else inner.replace(quote * 2, quote))
            place = match.end()
            if place >= len(text):
                return found, place
            place += 1
            if place == len(text):
                found.append("")
                return found, place

    def strict(self, text: str) -> list[str] | None:
        """The fields of a well-formed record (RFC 4180), None when it is not."""
        if self.quote is None or self.quote not in text:
            return text.split(self.separator)
        found, place = self.fields(text, self.field)
        return found if place >= len(text) else None

    def unclosed(self, text: str) -> bool:
        """Whether the record is well-formed so far, and its last field goes on."""
        if self.quote is None:
            return False
        _, place = self.fields(text, self.field)
        return place < len(text) and self.open.match(text, place) is not None

    def loose(self, text: str, width: int = 0) -> list[str]:
        """The fields of a line with stray quotes: as split by the separators alone when that gives `width`, else with quotes as far as they close."""
        plain = text.split(self.separator)
        if self.quote is None:
            return plain
        if len(plain) == width or not width:
            quote = self.quote
            return [f[1:-1] if len(f) > 1 and f[0] == f[-1] == quote else f for f in plain]
        return self.fields(text, self.lenient)[0]

    def joined(self, fields: list[str]) -> str:
        """The fields as one well-formed record."""
        quote = self.quote
        if quote is None:
            return self.separator.join(fields)
        odd = re.compile(f"[{re.escape(quote + self.separator)}\n\r]")
        return self.separator.join(
            f"{quote}{f.replace(quote, quote * 2)}{quote}" if odd.search(f) else f for f in fields
        )


def mend(stream: IO[bytes], out: IO[bytes], dialect: Dialect, skip: int, width: int) -> Mended:
    """Write the rows after the first `skip` lines to `out` as clean UTF-8, and say what was refused and mended.

    A row that ends early is filled up (spreadsheets leave empty last cells away), unless it is a piece of a row that a line end broke: of those,
    `broken` names the rows in `out` that are to be left out.
    """
    result, splitter = Mended(), _Splitter(dialect)
    source = lines_of(stream, dialect.encoding)
    waiting: deque[tuple[str, bool]] = deque()
    short: list[tuple[int, int, str]] = []
    number, quote = 0, dialect.quote
    while True:
        item = waiting.popleft() if waiting else next(source, None)
        if item is None:
            break
        text, odd = item
        number += 1
        if number <= skip or not text.strip(" \r\0"):
            continue
        if odd:
            result.count("read as Windows-1252, being no UTF-8")
        if "\0" in text:
            text = text.replace("\0", "")
            result.count("freed of NUL bytes")
        if quote is None or quote not in text:
            row, count, used = text, text.count(dialect.separator) + 1, 1
        else:
            fields, used = _record(text, splitter, source, waiting, width, result)
            row, count = splitter.joined(fields), len(fields)
        if count > width or (count == 1 and width > 2):
            result.refuse(number, text, count, width)
        else:
            if count < width:
                short.append((len(result.lines), count, text))
            out.write(row.encode("utf-8", "replace") + dialect.separator.encode() * (width - count) + b"\n")
            result.lines.append(number)
        number += used - 1
    _settle(result, short, width)
    return result


def _settle(result: Mended, short: list[tuple[int, int, str]], width: int) -> None:
    """Tell the rows that end early from the pieces of rows that a line end broke: neighbours whose fields together make up one row."""
    pieces: set[int] = set()
    if len({count for _, count, _ in short}) > 1 or result.refused:
        for k, (_, count, _) in enumerate(short):
            total, last = count, k
            while total < width and last + 1 < len(short) and short[last + 1][0] == short[last][0] + 1:
                last += 1
                total += short[last][1] - 1
            if total == width and last > k:
                pieces.update(range(k, last + 1))
    for k in sorted(pieces):
        row, count, text = short[k]
        result.broken.append(row)
        result.refuse(result.lines[row], text, count, width)
    result.refused.sort()
    if len(short) > len(pieces):
        result.counts["filled up, ending before the last column"] = len(short) - len(pieces)


def _record(
    text: str,
    splitter: _Splitter,
    source: Iterator[tuple[str, bool]],
    waiting: deque[tuple[str, bool]],
    width: int,
    result: Mended,
) -> tuple[list[str], int]:
    """The fields of the record that begins with `text`, and the lines it takes; lines looked at and not taken go to `waiting`."""
    fields = splitter.strict(text)
    if fields is not None:
        if len(fields) == width:
            return fields, 1
    elif splitter.unclosed(text):
        whole, taken = [text], []
        while len(whole) <= SPAN:
            item = waiting.popleft() if waiting else next(source, None)
            if item is None:
                break
            taken.append(item)
            whole.append(item[0].replace("\0", ""))
            if splitter.quote in item[0]:  # type: ignore[operator]
                fields = splitter.strict("\n".join(whole))
                if fields is not None and len(fields) == width:
                    return fields, len(whole)
                if fields is not None or not splitter.unclosed("\n".join(whole)):
                    break
        waiting.extendleft(reversed(taken))
    fields = splitter.loose(text, width)
    if len(fields) == width:
        result.count("with stray quotes, taken as letters")
    return fields, 1


class _Joined(io.RawIOBase):
    """A head that was read already, and the stream it was read from."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = memoryview(head), stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        if len(self._head):
            data = bytes(self._head[: len(view)])
            self._head = self._head[len(data) :]
        else:
            data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)
